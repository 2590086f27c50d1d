package catapult

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/lanczos"
	"gonum.org/v1/gonum/mat"
)

// linearData is a data set X (m x d), y of the two-layer linear network, as a
// function of the effective weights q in R^d: f = Xq, L = |Xq-y|²/2m.
type linearData[T flow.Float] struct {
	x    kernel.Matrix[T]
	y    []T
	m, d int
	res  []T // Xq - y of the last grad
	gram gramFactor[T]
	root kernel.Matrix[float64] // R of gram
	top  lanczos.Workspace[float64]
	vec  [2][]float64
}

func newLinearData[T flow.Float](x kernel.Matrix[T], y []T) (linearData[T], error) {
	var l linearData[T]
	if x.Rows == 0 || x.Cols == 0 {
		return l, fmt.Errorf("catapult: x is %d x %d, want at least one sample and one column: %w", x.Rows, x.Cols, ErrEmpty)
	}
	if err := checkMatrix("x", x, x.Rows, x.Cols); err != nil {
		return l, err
	}
	if len(y) != x.Rows {
		return l, fmt.Errorf("catapult: len(y) = %d, want %d, one a row of x: %w", len(y), x.Rows, ErrShape)
	}
	if !kernel.AllFinite(y) {
		return l, fmt.Errorf("catapult: y holds a NaN or an infinity: %w", ErrNonFinite)
	}
	l = linearData[T]{x: x, y: y, m: x.Rows, d: x.Cols, res: make([]T, x.Rows)}
	l.gram, l.root = newGramFactor(x, y)
	l.vec = [2][]float64{make([]float64, l.d), make([]float64, l.d)}
	return l, nil
}

// share returns the same data with scratch memory of its own.
func (l *linearData[T]) share() linearData[T] {
	s := *l
	s.res, s.gram.res = make([]T, len(l.res)), make([]T, len(l.gram.res))
	s.top = lanczos.Workspace[float64]{}
	s.vec = [2][]float64{make([]float64, l.d), make([]float64, l.d)}
	return s
}

// gramFactor is the data reduced to k = min(m, d) rows by a QR factorisation,
//
//	RᵀR = XᵀX/m,   Rᵀb = Xᵀy/m,   L(q) = ½|Rq-b|² + floor,
//
// with which loss and gradient cost O(d²) however many samples there are. The
// nonzero eigenvalues of X A Xᵀ/m are those of R A Rᵀ.
type gramFactor[T flow.Float] struct {
	r      kernel.Matrix[T] // k x d
	b, res []T
	floor  float64
}

func newGramFactor[T flow.Float](x kernel.Matrix[T], y []T) (gramFactor[T], kernel.Matrix[float64]) {
	m, d := x.Rows, x.Cols
	a := mat.NewDense(m, d+1, nil)
	for i := range m {
		for j, v := range x.Row(i) {
			a.Set(i, j, float64(v)/math.Sqrt(float64(m)))
		}
		a.Set(i, d, float64(y[i])/math.Sqrt(float64(m)))
	}
	floor := 0.0
	if m > d {
		// Of (X y) = QR the last column holds b, and under it the norm of the part
		// of y that no q can fit.
		var qr mat.QR
		qr.Factorize(a)
		var r mat.Dense
		qr.RTo(&r)
		a, floor = &r, r.At(d, d)*r.At(d, d)/2
	}
	k := min(m, d)
	root := kernel.NewMatrix[float64](k, d)
	g := gramFactor[T]{r: kernel.NewMatrix[T](k, d), b: make([]T, k), res: make([]T, k), floor: floor}
	for i := range k {
		for j := range d {
			root.Set(i, j, a.At(i, j))
			g.r.Set(i, j, T(a.At(i, j)))
		}
		g.b[i] = T(a.At(i, d))
	}
	return g, root
}

// grad stores ζ = Xᵀ(Xq-y)/m in zeta and returns the loss.
func (g *gramFactor[T]) grad(zeta, q []T) float64 {
	return kernel.NormalGrad(zeta, g.r, q, g.b, g.res) + g.floor
}

// grad stores ζ = Xᵀ(Xq-y)/m in zeta and returns the loss.
func (l *linearData[T]) grad(zeta, q []T) float64 {
	e := kernel.NormalGrad(zeta, l.x, q, l.y, l.res)
	kernel.Scal(1/T(l.m), zeta)
	return e / float64(l.m)
}

// ntk stores X(aI+M)Xᵀ/m in dst.
func (l *linearData[T]) ntk(dst *mat.SymDense, a T, m kernel.Matrix[T]) {
	if dst.IsEmpty() {
		dst.ReuseAsSym(l.m)
	}
	if dst.SymmetricDim() != l.m {
		panic(fmt.Sprintf("catapult: dst is %d x %d, want %d x %d", dst.SymmetricDim(), dst.SymmetricDim(), l.m, l.m))
	}
	am, xa := kernel.NewMatrix[T](l.d, l.d), kernel.NewMatrix[T](l.m, l.d)
	theta := kernel.NewMatrix[T](l.m, l.m)
	for i := range l.d {
		copy(am.Row(i), m.Row(i))
		am.Row(i)[i] += a
	}
	kernel.Gemm(xa, 1/T(l.m), l.x, am, 0)
	kernel.GemmNT(theta, 1, xa, l.x, 0)
	for i := range l.m {
		for j := i; j < l.m; j++ {
			dst.SetSym(i, j, float64(theta.At(i, j)))
		}
	}
}

// denseTop is the size up to which a dense eigenvalue solver is faster than
// Lanczos' method.
const denseTop = 64

// ntkTop returns the largest eigenvalue of X(aI+M)Xᵀ/m, NaN and not converged if
// a or M is not finite.
func (l *linearData[T]) ntkTop(a T, m kernel.Matrix[T]) Curvature {
	if l.root.Rows > denseTop {
		return l.ntkLanczos(a, m)
	}
	return l.ntkDense(a, m)
}

// applyAM stores (aI+M) u in w.
func applyAM[T flow.Float](w []float64, a T, m kernel.Matrix[T], u []float64) {
	for i := range w {
		s := float64(a) * u[i]
		for j, mij := range m.Row(i) {
			s += float64(mij) * u[j]
		}
		w[i] = s
	}
}

func (l *linearData[T]) ntkDense(a T, m kernel.Matrix[T]) Curvature {
	k, w := l.root.Rows, l.vec[1]
	s := mat.NewSymDense(k, nil)
	for i := range k {
		applyAM(w, a, m, l.root.Row(i))
		for j := i; j < k; j++ {
			s.SetSym(i, j, kernel.Dot(w, l.root.Row(j)))
		}
	}
	var eig mat.EigenSym
	if !kernel.AllFinite(s.RawSymmetric().Data) || !eig.Factorize(s, false) {
		return Curvature{Value: math.NaN(), Residual: math.NaN()}
	}
	lambda := eig.Values(nil)[k-1]
	return Curvature{Value: lambda, Residual: 0x1p-52 * float64(k) * math.Abs(lambda), Converged: true}
}

func (l *linearData[T]) ntkLanczos(a T, m kernel.Matrix[T]) Curvature {
	u, w := l.vec[0], l.vec[1]
	r, err := l.top.Solve(l.root.Rows, func(dst, v []float64) {
		kernel.GemvT(u, 1, l.root, v, 0)
		applyAM(w, a, m, u)
		kernel.Gemv(dst, 1, l.root, w, 0)
	}, lanczos.Options[float64]{Tol: 1e-10})
	if err != nil {
		return Curvature{Value: math.NaN(), Residual: math.NaN()}
	}
	return Curvature{Value: r.Top[0].Value, Residual: r.Top[0].Residual, Products: r.Products, Converged: r.Converged}
}
