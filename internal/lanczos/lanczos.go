package lanczos

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// Errors that Solve wraps.
var (
	ErrArgument  = errors.New("invalid argument")
	ErrNonFinite = errors.New("not finite")
)

// Options says which eigenpairs are wanted and how well. The zero value is the
// largest eigenvalue to a relative residual of 1e-6.
type Options[T kernel.Float] struct {
	// Top and Bottom are the numbers of largest and of smallest eigenvalues
	// (algebraically) to compute, both from the same Krylov spaces. If both are
	// zero, Top is 1. Numbers above n mean n.
	Top, Bottom int
	// Tol is the tolerance: a pair is converged when |Hv - θv| <= Tol |θ|, or,
	// for θ near zero, when the residual is at the rounding level of the
	// largest |θ|. If it is zero, it is 1e-6. Below 16 rounding units of T it
	// is raised to that.
	Tol float64
	// MaxProducts limits the number of products H v. If it is zero, it is
	// 200 + 10 (Top + Bottom). The memory is at most one vector a product.
	MaxProducts int
	// Start is the start vector, as an eigenvector of a nearby operator, unless
	// it is nil or zero; otherwise it is random. A start vector that is an
	// eigenvector to within Tol hides all others from Top = 1.
	Start []T
	// Stream gives the random vectors, draws 0, 1, ... at level
	// philox.Starts.
	Stream philox.Stream
	// Distinct stops after the first Krylov space unless that is invariant too
	// early: eigenvalues of higher multiplicity may then be reported once. For
	// at most one pair at either end this is so anyway.
	Distinct bool
}

// Pair is a Ritz pair of H. Its Vector has norm 1.
type Pair[T kernel.Float] struct {
	Value    float64 // θ
	Residual float64 // |H v - θ v| as |β_m s_m|: an eigenvalue lies within it of θ
	Vector   []T     // v, a view of the workspace
}

// Result is what Solve found. It is valid until the next Solve of the workspace.
type Result[T kernel.Float] struct {
	Top    []Pair[T] // largest first
	Bottom []Pair[T] // smallest first
	// Converged says that all wanted pairs are there, that their residuals are
	// within the tolerance, and that further copies of multiple eigenvalues
	// were looked for (unless Distinct).
	Converged bool
	Products  int // number of products H v
}

// Workspace is the memory of Solve. The zero value is ready; used again for the
// same sizes it does not allocate. It is for one goroutine at a time.
type Workspace[T kernel.Float] struct {
	n       int
	basis   kernel.Matrix[T] // rows: the locked vectors, then the sequence's
	w, coef []T
	diag    []float64 // α_j of the sequence
	off     []float64 // β_j
	d, e, z []float64 // copies for the tridiagonal problem, eigenvectors
	order   []int     // Ritz values in descending order
	theta   []float64 // sorted Ritz values
	resid   []float64 // and their residuals

	locked   []pair // descending
	merged   []pair
	coupling []float64        // q_j·H y_i of the sequence and the locked vectors
	spare    kernel.Matrix[T] // Ritz vectors on their way to the locked rows

	opt    Options[T]
	op     func(dst, v []T)
	margin float64 // factor by which residuals must be better than Tol
	scale  float64 // largest |H q| so far: what rounding refers to
	draws  uint64
	out    Result[T]
}

// pair is a locked or new pair; row says where its vector is: row >= 0 a locked
// row of the basis, row < 0 the Ritz vector of order -1-row.
type pair struct {
	value, resid float64
	row          int
}

// Solve computes the eigenpairs that o asks for of the symmetric operator op on
// R^n, which stores H v in dst (both of length n, never overlapping). Running out
// of products is no error: it shows in Converged and the residuals. The error
// wraps ErrArgument, or ErrNonFinite when a product holds a NaN or an infinity.
func (ws *Workspace[T]) Solve(n int, op func(dst, v []T), o Options[T]) (*Result[T], error) {
	if err := o.check(n, op == nil); err != nil {
		return nil, err
	}
	ws.reset(n, op, o)
	defer func() { ws.op, ws.opt.Start = nil, nil }()
	for first := true; len(ws.locked) < n; first = false {
		end, err := ws.sequence(first)
		if err != nil {
			return nil, err
		}
		added := ws.lock(end)
		if end == exhausted {
			return ws.result(false), nil
		}
		if end == whole || end == settled && first && ws.once() || !added {
			break
		}
	}
	return ws.result(true), nil
}

// once says whether a single converged sequence is enough.
func (ws *Workspace[T]) once() bool {
	return ws.opt.Distinct || ws.opt.Top <= 1 && ws.opt.Bottom <= 1
}

func (o *Options[T]) check(n int, noOp bool) error {
	switch {
	case n < 0:
		return fmt.Errorf("lanczos: n = %d, want a dimension >= 0: %w", n, ErrArgument)
	case noOp:
		return fmt.Errorf("lanczos: op is nil, want a function: %w", ErrArgument)
	case o.Top < 0 || o.Bottom < 0:
		return fmt.Errorf("lanczos: Top = %d, Bottom = %d, want numbers >= 0: %w", o.Top, o.Bottom, ErrArgument)
	case !(o.Tol >= 0) || math.IsInf(o.Tol, 1):
		return fmt.Errorf("lanczos: Tol = %v, want a finite number > 0, or 0 for the default: %w", o.Tol, ErrArgument)
	case o.MaxProducts < 0:
		return fmt.Errorf("lanczos: MaxProducts = %d, want a number > 0, or 0 for the default: %w", o.MaxProducts, ErrArgument)
	case o.Start != nil && len(o.Start) != n:
		return fmt.Errorf("lanczos: len(Start) = %d, want n = %d: %w", len(o.Start), n, ErrArgument)
	case !kernel.AllFinite(o.Start):
		return fmt.Errorf("lanczos: Start holds a NaN or an infinity: %w", ErrNonFinite)
	}
	return nil
}

// reset fills in defaults and sizes the memory.
func (ws *Workspace[T]) reset(n int, op func(dst, v []T), o Options[T]) {
	if o.Top == 0 && o.Bottom == 0 {
		o.Top = 1
	}
	if o.MaxProducts == 0 {
		o.MaxProducts = 200 + 10*(o.Top+o.Bottom)
	}
	if o.Tol == 0 {
		o.Tol = 1e-6
	}
	o.Top, o.Bottom = min(o.Top, n), min(o.Bottom, n)
	o.Tol = max(o.Tol, 16*unit[T]())
	if ws.n != n {
		*ws = Workspace[T]{n: n, out: Result[T]{}}
	}
	ws.opt, ws.op, ws.margin = o, op, 1
	if !ws.once() {
		ws.margin = 4 // the coupling of the sequences comes on top
	}
	ws.w = grow(ws.w, n)
	ws.locked, ws.scale, ws.draws = ws.locked[:0], 0, 0
	ws.out.Products = 0
	ws.room(o.Top + o.Bottom + 2)
}

// room makes place for that many rows of the basis and its coefficients.
func (ws *Workspace[T]) room(rows int) {
	if rows <= ws.basis.Rows {
		return
	}
	rows = max(rows, 2*ws.basis.Rows)
	b := kernel.NewMatrix[T](rows, ws.n)
	copy(b.Data, ws.basis.Data)
	ws.basis = b
	ws.coef = make([]T, rows)
	for _, v := range []*[]float64{&ws.diag, &ws.off, &ws.d, &ws.e, &ws.theta, &ws.resid} {
		long := make([]float64, rows)
		copy(long, *v)
		*v = long
	}
	ws.order = make([]int, rows)
}

// rows is the view of the first k rows of the basis.
func (ws *Workspace[T]) rows(k int) kernel.Matrix[T] {
	b := ws.basis
	b.Rows = k
	return b
}

// unit is the rounding unit of T.
func unit[T kernel.Float]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 0x1p-23
	}
	return 0x1p-52
}

// grow returns a slice of length n, s itself if that is long enough.
func grow[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

// lengthen returns s with length at least n and its content.
func lengthen(s []float64, n int) []float64 {
	if len(s) >= n {
		return s
	}
	return append(s, make([]float64, n-len(s))...)
}

// result makes the lists of pairs from the locked ones.
func (ws *Workspace[T]) result(complete bool) *Result[T] {
	o, r, all := &ws.opt, &ws.out, ws.locked
	r.Top, r.Bottom = r.Top[:0], r.Bottom[:0]
	for i := 0; i < min(o.Top, len(all)); i++ {
		r.Top = append(r.Top, ws.pair(all[i]))
	}
	for i := len(all) - 1; i >= max(0, len(all)-o.Bottom); i-- {
		r.Bottom = append(r.Bottom, ws.pair(all[i]))
	}
	r.Converged = complete && len(r.Top) == o.Top && len(r.Bottom) == o.Bottom
	for _, p := range all {
		r.Converged = r.Converged && ws.converged(p.value, p.resid)
	}
	return r
}

func (ws *Workspace[T]) pair(p pair) Pair[T] {
	return Pair[T]{Value: p.value, Residual: p.resid, Vector: ws.basis.Row(p.row)}
}

// converged is the test of Options.Tol. The second bound is what products of
// this scale are accurate to.
func (ws *Workspace[T]) converged(theta, resid float64) bool {
	return resid <= ws.opt.Tol*math.Abs(theta) || resid <= 16*unit[T]()*ws.scale
}
