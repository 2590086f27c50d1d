package deq

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// rcondMin is the reciprocal condition number of M = I - A below which there is no
// equilibrium to working precision.
const rcondMin = 1e-14

// Linear is the risk of the linear deep equilibrium model z = Az + Bx, z in R^n, as
// an energy over θ = (A, B), both by rows, of length n(n+d): with M = I - A and
// the predictor W = M⁻¹B,
//
//	R = R_LS + tr((W-W_LS) S (W-W_LS)ᵀ),   G = ∂R/∂W = 2(W-W_LS)S,
//	∂R/∂B = M⁻ᵀG,   ∂R/∂A = M⁻ᵀGWᵀ.
//
// A step costs O(n³ + nd(n+d)), however many samples there are. The arithmetic
// inside is float64 whatever T is. Where M is singular to working precision the
// energy is NaN and Caps.Err says why. Linear keeps scratch memory: it is for one
// goroutine at a time, its LinearData may be shared. For n = 1 see Scalar.
type Linear[T flow.Float] struct {
	data  *LinearData
	n, d  int
	batch *linearBatch // nil: all samples

	a, lu, k       kernel.Matrix[float64] // n x n
	b, w, e, g, v  kernel.Matrix[float64] // n x d: B, W, W-W_LS, G, M⁻ᵀG or its stand-in
	x              kernel.Matrix[float64] // n x d, scratch
	da, dw, dg, dv kernel.Matrix[float64] // of HessVec; da is n x n
	pivot, iwork   []int
	work           []float64
	delta, rcond   float64 // R - R_LS, reciprocal condition of M
	err            error
}

var _ flow.Energy[float64] = (*Linear[float64])(nil)

// NewLinear returns the model for the data. It panics if data is nil.
func NewLinear[T flow.Float](data *LinearData) *Linear[T] {
	n, d := data.Dims()
	l := &Linear[T]{data: data, n: n, d: d}
	for _, m := range []*kernel.Matrix[float64]{&l.a, &l.lu, &l.k, &l.da} {
		*m = kernel.NewMatrix[float64](n, n)
	}
	for _, m := range []*kernel.Matrix[float64]{&l.b, &l.w, &l.e, &l.g, &l.v, &l.x, &l.dw, &l.dg, &l.dv} {
		*m = kernel.NewMatrix[float64](n, d)
	}
	l.pivot, l.iwork, l.work = make([]int, n), make([]int, n), make([]float64, 4*n)
	return l
}

// Dim returns n(n+d).
func (l *Linear[T]) Dim() int { return l.n * (l.n + l.d) }

// Weights returns A (n x n) and B (n x d) as views of theta. It panics if theta does
// not have length n(n+d).
func (l *Linear[T]) Weights(theta []T) (a, b kernel.Matrix[T]) {
	if len(theta) != l.Dim() {
		panic(fmt.Sprintf("deq: parameters of length %d, want n(n+d) = %d", len(theta), l.Dim()))
	}
	nn := l.n * l.n
	return kernel.MatrixOf(l.n, l.n, theta[:nn]), kernel.MatrixOf(l.n, l.d, theta[nn:])
}

// widen stores src in dst.
func widen[T flow.Float](dst []float64, src []T) {
	for i, v := range src {
		dst[i] = float64(v)
	}
}

// narrow stores scale·src in dst.
func narrow[T flow.Float](dst []T, scale float64, src []float64) {
	for i, v := range src {
		dst[i] = T(scale * v)
	}
}

// solve computes W, G and the risk, of the current batch if there are batches. It
// reports false, and sets l.err unless θ is not finite, where there is no equilibrium.
func (l *Linear[T]) solve(theta []T) bool { return l.solveOn(theta, l.batch) }

// solveOn is solve for a batch, nil for all samples: l.delta is then R - R_LS, and the
// risk itself for a batch.
func (l *Linear[T]) solveOn(theta []T, batch *linearBatch) bool {
	a, b := l.Weights(theta)
	l.err, l.delta, l.rcond = nil, math.NaN(), math.NaN()
	if !kernel.AllFinite(theta) {
		return false
	}
	widen(l.a.Data, a.Data)
	widen(l.b.Data, b.Data)
	for i, v := range l.a.Data {
		l.lu.Data[i] = -v
	}
	for i := range l.n {
		l.lu.Data[i*(l.n+1)]++
	}
	if l.rcond = l.factor(); l.rcond < rcondMin {
		l.err = fmt.Errorf("deq: I - A has the reciprocal condition number %.3g, want at least %g: %w", l.rcond, rcondMin, ErrSingular)
		return false
	}
	copy(l.w.Data, l.b.Data)
	l.backsolve(blas.NoTrans, l.w)
	if batch != nil {
		l.delta = batch.grad(l.g, l.w)
		return true
	}
	kernel.SubTo(l.e.Data, l.w.Data, l.data.wls.Data)
	kernel.Gemm(l.g, 2, l.e, l.data.s, 0)
	l.delta = kernel.Dot(l.e.Data, l.g.Data) / 2
	return true
}

// factor replaces M in l.lu by its factors and returns its reciprocal condition
// number.
func (l *Linear[T]) factor() float64 {
	m := general(l.lu)
	norm := lapack64.Lange(lapack.MaxColumnSum, m, l.work)
	if !lapack64.Getrf(m, l.pivot) {
		return 0
	}
	return lapack64.Gecon(lapack.MaxColumnSum, m, norm, l.work, l.iwork)
}

// backsolve replaces x by M⁻¹x or M⁻ᵀx.
func (l *Linear[T]) backsolve(t blas.Transpose, x kernel.Matrix[float64]) {
	lapack64.Getrs(t, general(l.lu), general(x), l.pivot)
}

// adjoint stores M⁻ᵀG in v, or what the rule puts in its place.
func (l *Linear[T]) adjoint(v kernel.Matrix[float64], rule Backward) {
	if rule.Rule == Exact {
		copy(v.Data, l.g.Data)
		l.backsolve(blas.Trans, v)
		return
	}
	terms, lambda := rule.terms()
	kernel.Axpby(lambda, l.g.Data, 0, v.Data)
	for range terms - 1 {
		copy(l.x.Data, v.Data)
		kernel.GemmTN(v, lambda, l.a, l.x, 1-lambda)
		kernel.Axpy(lambda, l.g.Data, v.Data)
	}
}

// put stores scale·(VWᵀ, V) in dst.
func (l *Linear[T]) put(dst []T, scale float64, v kernel.Matrix[float64]) {
	da, db := l.Weights(dst)
	kernel.GemmNT(l.k, 1, v, l.w, 0)
	narrow(da.Data, scale, l.k.Data)
	narrow(db.Data, scale, v.Data)
}

// EnergyGrad returns R(θ), with mini-batches that of the current one, and stores its
// gradient in grad unless that is nil.
func (l *Linear[T]) EnergyGrad(grad, theta []T) float64 {
	if !l.solve(theta) {
		fill(grad)
		return math.NaN()
	}
	if grad != nil {
		l.adjoint(l.v, Backward{})
		l.put(grad, 1, l.v)
	}
	return l.risk()
}

// risk is that of the last solve.
func (l *Linear[T]) risk() float64 {
	if l.batch != nil {
		return l.delta
	}
	return l.data.RiskLS + l.delta
}

// fill stores NaN in x.
func fill[T flow.Float](x []T) {
	for i := range x {
		x[i] = T(math.NaN())
	}
}

// Field returns the flow θ' = -(P G Wᵀ, P G), where P is what the backward rule puts
// in the place of M⁻ᵀ, with the risk as its energy; the exact rule gives the
// gradient flow. It conserves K like that. It shares the scratch memory of l. The
// error wraps ErrArgument.
func (l *Linear[T]) Field(rule Backward) (flow.EnergyField[T], error) {
	if err := rule.check(); err != nil {
		return nil, err
	}
	if rule.Rule == Exact {
		return flow.GradientFlow[T](l), nil
	}
	caps := l.Caps()
	caps.HessVec = nil
	return &ruleField[T]{l.Dim(), func(dst, theta []T) (float64, float64) { return l.ruleStep(dst, theta, rule) }, caps}, nil
}

// ruleStep evaluates the field of a rule: the risk and its slope, the product of
// the field with the exact gradient.
func (l *Linear[T]) ruleStep(dst, theta []T, rule Backward) (risk, slope float64) {
	if !l.solve(theta) {
		fill(dst)
		return math.NaN(), math.NaN()
	}
	risk = l.risk()
	if dst == nil {
		return risk, math.NaN()
	}
	l.adjoint(l.v, rule)
	l.put(dst, -1, l.v)
	l.adjoint(l.x, Backward{})
	// l.k is V Wᵀ; ⟨V, Vx⟩ + ⟨V Wᵀ, Vx Wᵀ⟩ with Vx the exact adjoint.
	slope = -kernel.Dot(l.v.Data, l.x.Data)
	kernel.GemmNT(l.da, 1, l.x, l.w, 0)
	return risk, slope - kernel.Dot(l.k.Data, l.da.Data)
}

// HessVec stores ∇²R(θ) p in dst. With p = (δA, δB) and V = M⁻ᵀG,
//
//	δW = M⁻¹(δB + δA W),  δV = M⁻ᵀ(2 δW S + δAᵀV),  ∇²R p = (δV Wᵀ + V δWᵀ, δV).
func (l *Linear[T]) HessVec(dst, theta, p []T) {
	if !l.solve(theta) {
		fill(dst)
		return
	}
	l.adjoint(l.v, Backward{})
	pa, pb := l.Weights(p)
	widen(l.da.Data, pa.Data)
	widen(l.dw.Data, pb.Data)
	kernel.Gemm(l.dw, 1, l.da, l.w, 1)
	l.backsolve(blas.NoTrans, l.dw)
	if l.batch != nil {
		l.batch.curvature(l.dv, l.dw)
	} else {
		kernel.Gemm(l.dv, 2, l.dw, l.data.s, 0)
	}
	kernel.GemmTN(l.dv, 1, l.da, l.v, 1)
	l.backsolve(blas.Trans, l.dv)
	ha, hb := l.Weights(dst)
	kernel.GemmNT(l.k, 1, l.dv, l.w, 0)
	kernel.GemmNT(l.k, 1, l.v, l.dw, 1)
	narrow(ha.Data, 1, l.k.Data)
	narrow(hb.Data, 1, l.dv.Data)
}

// Conserved stores K = MMᵀ + BBᵀ (n x n), which the flow of every backward rule
// conserves, in dst and returns it. It panics if the shapes do not fit.
func (l *Linear[T]) Conserved(dst kernel.Matrix[float64], theta []T) kernel.Matrix[float64] {
	if dst.Rows != l.n || dst.Cols != l.n {
		panic(fmt.Sprintf("deq: K into a %d x %d matrix, want %d x %d", dst.Rows, dst.Cols, l.n, l.n))
	}
	a, b := l.Weights(theta)
	for i := range l.n {
		for j := range i + 1 {
			v := gram(a, b, i, j)
			dst.Set(i, j, v)
			dst.Set(j, i, v)
		}
	}
	return dst
}

// gram returns element (i, j) of K.
func gram[T flow.Float](a, b kernel.Matrix[T], i, j int) float64 {
	sum := 0.0
	ri, rj := a.Row(i), a.Row(j)
	for k := range ri {
		mi, mj := -float64(ri[k]), -float64(rj[k])
		if k == i {
			mi++
		}
		if k == j {
			mj++
		}
		sum += mi * mj
	}
	ri, rj = b.Row(i), b.Row(j)
	for k := range ri {
		sum += float64(ri[k]) * float64(rj[k])
	}
	return sum
}

// Predict stores the equilibria z = Wx of the samples x (N x d) in the rows of dst
// (N x n). Errors wrap ErrShape, ErrNotFinite or ErrSingular. N = 0 is no error.
func (l *Linear[T]) Predict(dst kernel.Matrix[T], theta []T, x kernel.Matrix[T]) error {
	if dst.Rows != x.Rows || dst.Cols != l.n || x.Cols != l.d {
		return fmt.Errorf("deq: dst is %d x %d for x %d x %d, want N x %d and N x %d: %w", dst.Rows, dst.Cols, x.Rows, x.Cols, l.n, l.d, ErrShape)
	}
	if err := l.at(theta); err != nil {
		return err
	}
	w := make([]T, l.n*l.d)
	narrow(w, 1, l.w.Data)
	kernel.GemmNT(dst, 1, x, kernel.MatrixOf(l.n, l.d, w), 0)
	return nil
}

// at is solve for all samples, with an error.
func (l *Linear[T]) at(theta []T) error {
	l.Weights(theta)
	if err := finite("theta", theta); err != nil {
		return err
	}
	l.solveOn(theta, nil)
	return l.err
}

// Caps are the Hessian-vector product, the failure of the last evaluation and the
// invariants: tr K and the elements of K on and above its diagonal.
func (l *Linear[T]) Caps() flow.Caps[T] {
	inv := []flow.Invariant[T]{{Name: "tr K", Value: func(theta []T) float64 {
		a, b := l.Weights(theta)
		sum := 0.0
		for i := range l.n {
			sum += gram(a, b, i, i)
		}
		return sum
	}}}
	for i := range l.n {
		for j := i; j < l.n; j++ {
			inv = append(inv, flow.Invariant[T]{Name: fmt.Sprintf("K[%d,%d]", i, j), Value: func(theta []T) float64 {
				a, b := l.Weights(theta)
				return gram(a, b, i, j)
			}})
		}
	}
	c := flow.Caps[T]{
		Autonomous: l.batch == nil,
		HessVec:    l.HessVec,
		Err:        func() error { return l.err },
		Invariants: inv,
	}
	if l.batch != nil {
		c.Draw = l.Draw
	}
	return c
}
