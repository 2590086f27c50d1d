package deq

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Dense is the dense deep equilibrium layer: the output of a sample x is the fixed
// point
//
//	z = σ(W z + U x + b),  W n x n, U n x d, b in R^n
//
// (arXiv 1909.01377). Its methods only read it, so that any number of goroutines
// may share one, each with an Equilibrium of its own.
type Dense[T flow.Float] struct {
	W, U kernel.Matrix[T]
	B    []T
	Act  Activation
}

// Equilibrium is a batch of fixed points of a layer and the memory of its passes
// forward and backward. The zero value is ready; used again for the same sizes it
// does not allocate. It is for one goroutine at a time.
type Equilibrium[T flow.Float] struct {
	// Z holds the fixed points, one sample a row; Solve sets it.
	Z kernel.Matrix[T]
	// X is the batch of the last Solve, a view: the backward passes read it.
	X kernel.Matrix[T]
	// Certificate, if not nil, is what Solve certifies errors with and what Auto
	// looks at: that of Dense.Certify for the layer's current W. Otherwise Solve
	// has the bounds of |W|₂ that cost n² operations.
	Certificate *LayerCertificate
	// H and D are the preactivations Wz + Ux + b and the slopes σ' there. Linearize
	// sets them; the backward passes call it.
	H, D kernel.Matrix[T]

	forward    layerMap[T]
	adjoint    linearMap[T]
	monotone   *Monotone[T] // the layer of the last Solve if it is one
	split      monotoneMap[T]
	splitBack  monotoneAdjoint[T]
	space      SolveSpace[T] // of Solve
	back       SolveSpace[T] // of the linear solves
	stats      SolveStats    // of Solve
	bound      float64       // bound of the contraction factor, Lip |W|₂
	linearized bool
	unrolled   unrolling[T]

	s, rhs, tmp, curve, none kernel.Matrix[T]
	rowNorm                  []float64
	ones                     []T
}

// Inputs returns the length d of a sample.
func (l *Dense[T]) Inputs() int { return l.U.Cols }

// Units returns the number n of units.
func (l *Dense[T]) Units() int { return l.W.Rows }

// shape panics unless the parameters fit together.
func (l *Dense[T]) shape() {
	n := l.W.Rows
	if l.W.Cols != n {
		panic(fmt.Sprintf("deq: W is %d x %d, want a square matrix", l.W.Rows, l.W.Cols))
	}
	if l.U.Rows != n {
		panic(fmt.Sprintf("deq: U is %d x %d, want %d rows as W (%d x %d)", l.U.Rows, l.U.Cols, n, n, n))
	}
	if len(l.B) != n {
		panic(fmt.Sprintf("deq: len(B) = %d, want the rows of W (%d x %d)", len(l.B), n, n))
	}
}

// check returns an error for parameters that are not finite.
func (l *Dense[T]) check() error {
	if err := l.Act.check(); err != nil {
		return err
	}
	if err := checkMatrix(l.W, "W"); err != nil {
		return err
	}
	if err := checkMatrix(l.U, "U"); err != nil {
		return err
	}
	return checkFinite(l.B, "B", 0)
}

func checkMatrix[T flow.Float](m kernel.Matrix[T], name string) error {
	for i := range m.Rows {
		if err := checkFinite(m.Row(i), name, i*m.Cols); err != nil {
			return err
		}
	}
	return nil
}

// matrix makes m a matrix of that shape, with old memory if that is enough.
func matrix[T flow.Float](m *kernel.Matrix[T], rows, cols int) {
	*m = kernel.Matrix[T]{Rows: rows, Cols: cols, Stride: cols, Data: room(m.Data, rows*cols)}
}

// Solve finds the fixed points of the samples in the rows of x (N x d) and stores
// them in eq.Z. It starts from zero, or with Options.Warm from the points of the
// last Solve of as many samples. Not to converge is no error but a status. Shapes
// that do not fit panic; errors wrap ErrNotFinite, ErrArgument or ErrPrecision, or
// are that of ctx.
func (l *Dense[T]) Solve(ctx context.Context, eq *Equilibrium[T], x kernel.Matrix[T], o *SolveOptions[T]) (*SolveStats, error) {
	if err := l.prepare(eq, x); err != nil {
		return nil, err
	}
	eq.forward.set(l, x)
	eq.monotone = nil
	return eq.run(ctx, &eq.forward, o)
}

// prepare checks a layer and its batch.
func (l *Dense[T]) prepare(eq *Equilibrium[T], x kernel.Matrix[T]) error {
	l.shape()
	if x.Cols != l.U.Cols {
		panic(fmt.Sprintf("deq: x is %d x %d, want as many columns as U (%d x %d)", x.Rows, x.Cols, l.U.Rows, l.U.Cols))
	}
	if err := l.check(); err != nil {
		return err
	}
	if err := checkMatrix(x, "x"); err != nil {
		return err
	}
	eq.X, eq.linearized = x, false
	eq.bound = l.bound(eq)
	return nil
}

// bound is a proved bound of the contraction factor Lip |W|₂: from the certificate,
// or |W|_F, or where that proves nothing and W is not large √(|W|_1 |W|_∞).
func (l *Dense[T]) bound(eq *Equilibrium[T]) float64 {
	if c := eq.Certificate; c != nil {
		return c.Contraction
	}
	n, square := l.W.Rows, 0.0
	for i := range n {
		square += kernel.SumSq(l.W.Row(i))
	}
	if q := l.Act.Lip * math.Sqrt(square); q < 1 || n > 2*inPlace {
		return q
	}
	eq.rowNorm = room(eq.rowNorm, n)
	clear(eq.rowNorm)
	var rows, cols float64
	for i := range n {
		sum := 0.0
		for j, v := range l.W.Row(i) {
			a := math.Abs(float64(v))
			sum += a
			eq.rowNorm[j] += a
		}
		rows = max(rows, sum)
	}
	for _, v := range eq.rowNorm {
		cols = max(cols, v)
	}
	return l.Act.Lip * math.Sqrt(min(square, rows*cols))
}

// run solves for the map, forward, of a prepared layer.
func (eq *Equilibrium[T]) run(ctx context.Context, f Map[T], o *SolveOptions[T]) (*SolveStats, error) {
	n, batch := f.Dim(), eq.X.Rows
	if o == nil || !o.Warm || eq.Z.Rows != batch || eq.Z.Cols != n || !kernel.AllFinite(eq.Z.Data) {
		matrix(&eq.Z, batch, n)
		clear(eq.Z.Data)
	}
	eq.stats = SolveStats{Status: flow.Failed} // until there is something to differentiate
	eq.space.hint = eq.bound
	st, err := eq.space.solve(ctx, eq.Z, f, o)
	if st == nil {
		return nil, err
	}
	image := o != nil && o.ReturnImage
	st.CertifiedError = math.Inf(1)
	if eq.bound < 1 {
		st.CertifiedError = contractionError(eq.bound, st.Residual, image)
	}
	if c := eq.Certificate; c != nil {
		st.CertifiedError = min(st.CertifiedError, c.ErrorBound(st.Residual, image))
	}
	if batch == 0 {
		st.CertifiedError = 0
	}
	eq.stats = *st
	return st, err
}

// contractionError bounds |z - z*|, or |f(z) - z*|, by the residual r of z and the
// contraction factor q.
func contractionError(q, r float64, image bool) float64 {
	if image {
		return q * r / (1 - q)
	}
	return r / (1 - q)
}

// Linearize sets eq.H and eq.D, the preactivations and slopes at eq.Z.
func (l *Dense[T]) Linearize(eq *Equilibrium[T]) {
	n, batch := l.W.Rows, eq.X.Rows
	if eq.Z.Rows != batch || eq.Z.Cols != n {
		panic(fmt.Sprintf("deq: eq.Z is %d x %d, want %d x %d: Solve comes first", eq.Z.Rows, eq.Z.Cols, batch, n))
	}
	if eq.linearized {
		return
	}
	matrix(&eq.H, batch, n)
	matrix(&eq.D, batch, n)
	matrix(&eq.tmp, batch, n)
	copy(eq.H.Data, eq.forward.c.Data[:batch*n])
	eq.forward.w.mul(eq.H, eq.Z, 1)
	activate(&l.Act, eq.tmp.Data, eq.D.Data, eq.H.Data)
	eq.linearized = true
}
