package descent

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/lanczos"
	"github.com/gradflow/gradflow/internal/philox"
)

const (
	curvatureTol   = 1e-4 // residual of the eigenpair; the value is better by its square over the gap
	curvatureCold  = 64   // every so many-th search starts anew
	curvatureLimit = 100  // products of one search
	blurring       = 0.02 // random part of a start vector
)

// topEigen finds the largest eigenvalue of the Hessian of E at x, or of
// D ∇²E D with a diagonal D, starting from the eigenvector found last.
type topEigen[T flow.Float] struct {
	b      *base[T]
	hv     func(dst, x, v []T) // Hessian-vector product, nil: by differences of f
	d      func(dst []T)       // stores D, nil for the identity
	ws     lanczos.Workspace[T]
	op     func(dst, v []T)
	x      []T // where; the loop's
	vector []T // eigenvector

	diff           *difference[T] // hv, if by differences of f = -∇E
	u, diag, noise []T            // scratch
}

// hasCurvature says whether the field has Hessian-vector products or is a
// gradient, whose differences are some.
func (b *base[T]) hasCurvature() bool { return b.caps.HessVec != nil || b.caps.Descends }

// prepareCurvature makes Trial.Curvature ready at the start point.
func (b *base[T]) prepareCurvature(s *flow.Start[T], tr *flow.Trial) {
	if n := len(s.X); b.top == nil || len(b.top.vector) != n {
		b.top = &topEigen[T]{b: b, hv: b.caps.HessVec, d: b.precond, vector: make([]T, n)}
		e := b.top
		if e.hv == nil {
			e.diff = &difference[T]{f: func(dst, x []T) { b.f.Eval(dst, x, 0) }, sign: -1, x: make([]T, n), f1: make([]T, n)}
			e.hv = e.diff.product
		}
		e.op = e.plain
		if e.d != nil {
			e.op, e.diag, e.u = e.scaled, make([]T, n), make([]T, n)
		}
	}
	if !s.Keep {
		b.num[warm] = 0
		clear(b.top.vector)
	}
	b.top.x = s.X
	tr.Curvature = b.top.value
}

// value is Trial.Curvature; NaN if a product is not finite.
func (e *topEigen[T]) value() float64 {
	num := &e.b.num
	o := lanczos.Options[T]{Tol: curvatureTol, MaxProducts: curvatureLimit}
	if e.diff != nil {
		// To more digits than the products have it would not converge.
		o.Tol = max(o.Tol, e.diff.accuracy())
	}
	if num[warm] > 0 {
		e.blur()
		o.Start = e.vector
	}
	if e.d != nil {
		e.d(e.diag)
	}
	r, err := e.ws.Solve(len(e.x), e.op, o)
	if e.diff != nil {
		num[owed] += float64(e.diff.evals)
		e.diff.evals = 0
	}
	if err != nil || len(r.Top) == 0 {
		num[warm] = 0
		return math.NaN()
	}
	copy(e.vector, r.Top[0].Vector)
	if num[warm]++; num[warm] >= curvatureCold {
		num[warm] = 0
	}
	return r.Top[0].Value
}

// blur adds a random vector to the eigenvector found last: without it the search
// would not see another eigenvalue that has become the largest meanwhile.
func (e *topEigen[T]) blur() {
	if e.noise == nil {
		e.noise = make([]T, len(e.vector))
	}
	philox.FillNormals(e.noise, philox.Stream{ID: 1}, philox.Starts, uint64(e.b.num[warm]))
	if norm := kernel.Nrm2(e.noise); norm > 0 {
		kernel.Axpy(T(blurring/norm), e.noise, e.vector)
	}
}

func (e *topEigen[T]) plain(dst, v []T) { e.hv(dst, e.x, v) }

func (e *topEigen[T]) scaled(dst, v []T) {
	kernel.MulTo(e.u, e.diag, v)
	e.hv(dst, e.x, e.u)
	kernel.MulTo(dst, e.diag, dst)
}
