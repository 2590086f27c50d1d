package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// denseLimit is the largest dimension of dense factorizations; above it systems
// are solved by iterations.
const denseLimit = 500

// shifted solves (I - s J) y = b, J = ∂f/∂x at the last point of linearisation:
//
//   - by the model's Shift and SolveShift if it has them;
//   - by factors of a band if it says that J is one (Caps.Band);
//   - in dimensions up to denseLimit by LU, or for gradient flows, whose J is
//     symmetric, by Cholesky factors, which exist as long as no curvature is below
//     -1/s; always in float64;
//   - else, or if asked to, without a matrix: by conjugate gradients for gradient
//     flows and GMRES otherwise.
type shifted[T Float] struct {
	differ[T]
	by     solver
	krylov bool // asked for

	x, fx []T // point of linearisation and f there
	t, s  float64
	jac   []T
	mat   *dense
	band  *bandMatrix
	shape Band
	rhs   []float64
	space *krylovSpace[T]
	scr   []T
}

type solver int

const (
	byModel solver = iota
	byLU
	byCholesky
	byBand
	byBandCholesky
	byCG
	byGMRES
)

func newShifted[T Float](f Field[T], krylov bool) shifted[T] {
	return shifted[T]{differ: differ[T]{f: f, caps: CapsOf[T](f)}, krylov: krylov}
}

// init gets the memory for dimension n.
func (l *shifted[T]) init(n int, tol *Tol) error {
	l.tol = tol
	if l.x != nil && len(l.x) == n {
		return nil
	}
	if b := l.caps.Band; b != nil {
		if b.Lower < 0 || b.Upper < 0 {
			return fmt.Errorf("flow: Band of the field is %+v, want widths >= 0: %w", *b, ErrArgument)
		}
		l.shape = Band{min(b.Lower, max(0, n-1)), min(b.Upper, max(0, n-1))}
		if l.caps.Descends { // symmetric
			l.shape.Upper = max(l.shape.Lower, l.shape.Upper)
			l.shape.Lower = l.shape.Upper
		}
	}
	v := arena[T](5, n)
	l.x, l.fx, l.xd, l.fd, l.scr = v[0], v[1], v[2], v[3], v[4]
	switch {
	case l.caps.Shift != nil && l.caps.SolveShift != nil && !l.krylov:
		l.by = byModel
	case l.caps.Band != nil && !l.krylov:
		l.by = byBand
		if l.caps.Descends {
			l.by = byBandCholesky
		}
		l.jac = make([]T, n*l.shape.width())
		l.band = newBandMatrix(n, l.shape, l.caps.Descends)
		l.rhs = make([]float64, n)
	case l.krylov || n > denseLimit:
		l.by = byGMRES
		if l.caps.Descends {
			l.by = byCG
		}
		l.space = newKrylovSpace[T](n, l.by)
	default:
		l.by = byLU
		if l.caps.Descends {
			l.by = byCholesky
		}
		l.jac = make([]T, n*n)
		l.mat = newDense(n, l.by == byCholesky)
		l.rhs = make([]float64, n)
	}
	return nil
}

// linearise makes J the Jacobian at (t, x); fx is f(t, x).
func (l *shifted[T]) linearise(tr *Trial, x, fx []T, t float64) {
	copy(l.x, x)
	copy(l.fx, fx)
	l.t = t
	switch l.by {
	case byLU, byCholesky:
		l.jacobian(tr, l.jac, l.x, l.fx, l.scr, t)
	case byBand, byBandCholesky:
		l.bandJacobian(tr, l.jac, l.x, l.fx, l.scr, t, l.shape)
	default:
		tr.Jacobians++
	}
}

// factor prepares I - s J.
func (l *shifted[T]) factor(tr *Trial, s float64) error {
	l.s = s
	switch l.by {
	case byModel:
		tr.Factorizations++
		if err := l.caps.Shift(l.x, l.t, s); err != nil {
			return fmt.Errorf("flow: Shift of the model: %w: %w", err, ErrSingular)
		}
	case byLU, byCholesky:
		tr.Factorizations++
		l.assemble()
		if !l.mat.factor() {
			return ErrSingular
		}
	case byBand, byBandCholesky:
		tr.Factorizations++
		l.assembleBand()
		if !l.band.factor() {
			return ErrSingular
		}
	}
	return nil
}

// assembleBand stores I - s J of a band.
func (l *shifted[T]) assembleBand() {
	n, w, low, m := len(l.x), l.shape.width(), l.shape.Lower, l.band
	for i := range n {
		row, jac := m.a[i*m.width:(i+1)*m.width], l.jac[i*w:(i+1)*w]
		if l.by == byBandCholesky {
			for d := range row {
				row[d] = 0
				if j := i + d; j < n {
					row[d] = -l.s * 0.5 * (float64(jac[low+d]) + float64(l.jac[j*w+low-d]))
				}
			}
			row[0]++
			continue
		}
		clear(row)
		for d, v := range jac {
			if j := i + d - low; j >= 0 && j < n {
				row[d] = -l.s * float64(v)
			}
		}
		row[low]++
	}
}

// assemble stores I - s J, for a symmetric matrix the mean of both triangles.
func (l *shifted[T]) assemble() {
	n := len(l.x)
	for i := range n {
		row, jac := l.mat.row(i), l.jac[i*n:(i+1)*n]
		if l.by == byCholesky {
			for j := i; j < n; j++ {
				row[j] = -l.s * 0.5 * (float64(jac[j]) + float64(l.jac[j*n+i]))
			}
		} else {
			for j, v := range jac {
				row[j] = -l.s * float64(v)
			}
		}
		row[i]++
	}
}

// solve stores the solution of (I - s J) y = b in dst, which may be b. Iterations
// stop at a residual of accuracy in the weighted norm.
func (l *shifted[T]) solve(tr *Trial, dst, b []T, accuracy float64) error {
	tr.Solves++
	switch l.by {
	case byModel:
		if err := l.caps.SolveShift(dst, b); err != nil {
			return fmt.Errorf("flow: SolveShift of the model: %w: %w", err, ErrSingular)
		}
		return nil
	case byCG:
		return l.cg(tr, dst, b, accuracy)
	case byGMRES:
		return l.gmres(tr, dst, b, accuracy)
	}
	for i, v := range b {
		l.rhs[i] = float64(v)
	}
	if l.band != nil {
		l.band.solve(l.rhs)
	} else {
		l.mat.solve(l.rhs)
	}
	for i, v := range l.rhs {
		dst[i] = T(v)
	}
	return nil
}

// apply stores (I - s J) v in dst.
func (l *shifted[T]) apply(tr *Trial, dst, v []T) {
	l.product(tr, dst, l.x, l.fx, v, l.t)
	kernel.Axpby(1, v, T(-l.s), dst)
}

// precise is the part of the right-hand side that the residual of a Krylov solution
// cannot be expected to fall below: rounding, of differences where the products are
// differences.
func (l *shifted[T]) precise() float64 {
	switch eps := epsOf[T](); {
	case l.caps.JacVec != nil:
		return 4 * eps
	case l.caps.Descends:
		return math.Pow(eps, 2./3)
	default:
		return 4 * math.Sqrt(eps)
	}
}

// scale stores the scales of the weighted norm at the point of linearisation.
func (l *shifted[T]) scale(sc []T) {
	for i, v := range l.x {
		abs := l.tol.Abs
		if l.tol.AbsVec != nil {
			abs = l.tol.AbsVec[i]
		}
		sc[i] = T(abs + l.tol.Rel*math.Abs(float64(v)))
	}
}
