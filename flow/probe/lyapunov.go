package probe

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// LyapunovOptions says which Lyapunov exponents are wanted and over what time.
type LyapunovOptions struct {
	// Exponents is the number of exponents, the largest ones. If it is zero, all.
	Exponents int
	// Time is the time that is averaged over, > 0.
	Time float64
	// Transient is the time before that, in which the trajectory comes to the
	// attractor and the tangent vectors to their directions. If it is zero, it is
	// Time/10; negative means none.
	Transient float64
	// RelTol and AbsTol are the tolerances of state and tangent vectors together.
	// If they are zero, they are 1e-8 and 1e-10, in float32 1e-5 and 1e-7.
	RelTol, AbsTol float64
	// Method is the method, one with an error estimate. If it is nil, it is Tsit5.
	Method flow.Method
	// MaxSteps limits the number of steps. If it is zero, it is 1e7.
	MaxSteps int
	// Every is the number of steps from one orthonormalisation to the next. If it
	// is zero, it is 1, which keeps the tangent vectors apart whatever the
	// exponents are: a step does not stretch much more than its error estimate sees.
	Every int
	// Seed chooses the first tangent vectors.
	Seed uint64
}

// Lyapunov holds Lyapunov exponents as estimated.
type Lyapunov struct {
	// Values are the exponents, per unit of time, largest first up to their errors.
	Values []float64
	// StdErr are their standard errors, from the scatter of the averages over 20
	// parts of the time. They hold what the finite time leaves open, not the error
	// of the integration.
	StdErr []float64
	Steps  int // steps of the run
}

// parts is the number of parts of the averaging time.
const parts = 20

// LyapunovExponents estimates the Lyapunov exponents of dx/dt = f(t, x) on the
// trajectory from x0 at t = 0, by the method of Benettin, Galgani, Giorgilli and
// Strelcyn (Meccanica 15 (1980) 9): tangent vectors are advanced along with the
// state, dV/dt = J(t, x) V, made orthonormal again and again by the Gram-Schmidt
// process V = QR, and λ_i is the average growth of log R_ii. J V comes from the
// field's JacVec or Jacobian (flow.Caps), else from central differences of f.
//
// Errors wrap flow.ErrArgument or flow.ErrNonFinite or tell how the run ended.
func LyapunovExponents[T flow.Float](ctx context.Context, f flow.Field[T], x0 []T, o LyapunovOptions) (*Lyapunov, error) {
	if f == nil {
		return nil, fmt.Errorf("probe: f is nil, want a field: %w", flow.ErrArgument)
	}
	if f.Dim() != len(x0) {
		return nil, fmt.Errorf("probe: len(x0) is %d, want the dimension of the field, %d: %w", len(x0), f.Dim(), flow.ErrArgument)
	}
	if err := o.check(len(x0)); err != nil {
		return nil, err
	}
	o.defaults(len(x0), unit[T]() > 1e-10)
	b := newBenettin(f, &o)
	y, err := b.start(x0, o.Seed)
	if err != nil {
		return nil, err
	}
	s, err := flow.Solve[T](ctx, b, y, flow.Options[T]{
		Method: o.Method, T1: b.ends[parts], TStops: b.ends[b.part:parts],
		RelTol: o.RelTol, AbsTol: o.AbsTol, MaxSteps: o.MaxSteps, Jump: b,
	})
	if err != nil {
		return nil, fmt.Errorf("probe: run of the tangent vectors: %w", err)
	}
	if s.Status != flow.Done {
		return nil, fmt.Errorf("probe: the run of the tangent vectors ended as %v at t = %v, before %v: %w", s.Status, s.T, b.ends[parts], flow.ErrNonFinite)
	}
	return b.result(s.Stats.Accepted), nil
}

func (o *LyapunovOptions) check(n int) error {
	switch {
	case n == 0:
		return badOption("len(x0)", n, "a dimension > 0")
	case o.Exponents < 0 || o.Exponents > n:
		return badOption("Exponents", o.Exponents, fmt.Sprintf("a number from 1 to the dimension, %d, or 0 for all", n))
	case !(o.Time > 0) || math.IsInf(o.Time, 1):
		return badOption("Time", o.Time, "a finite number > 0")
	case bad(o.Transient):
		return badOption("Transient", o.Transient, "a finite number")
	case o.MaxSteps < 0:
		return badOption("MaxSteps", o.MaxSteps, "a number > 0, or 0 for the default")
	case o.Every < 0:
		return badOption("Every", o.Every, "a number > 0, or 0 for the default")
	}
	return nil
}

func (o *LyapunovOptions) defaults(n int, single bool) {
	if o.Exponents == 0 {
		o.Exponents = n
	}
	if o.Transient == 0 {
		o.Transient = o.Time / 10
	}
	o.Transient = max(0, o.Transient)
	rel, abs := 1e-8, 1e-10
	if single {
		rel, abs = 1e-5, 1e-7
	}
	if o.RelTol == 0 {
		o.RelTol = rel
	}
	if o.AbsTol == 0 {
		o.AbsTol = abs
	}
	if o.Method == nil {
		o.Method = flow.Tsit5
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = 10_000_000
	}
	if o.Every == 0 {
		o.Every = 1
	}
}

// benettin is the field of state and tangent vectors, (x, v_1, ..., v_k), and the
// flow.Jump that keeps the vectors orthonormal.
type benettin[T flow.Float] struct {
	f      flow.Field[T]
	caps   flow.Caps[T]
	n, k   int
	every  int
	jac    kernel.Matrix[T]
	xd, fd []T

	ends [parts + 1]float64   // borders of the parts
	sums [parts + 1][]float64 // Σ log R_ii, that of the transient first
	part int
}

func newBenettin[T flow.Float](f flow.Field[T], o *LyapunovOptions) *benettin[T] {
	n := f.Dim()
	b := &benettin[T]{f: f, caps: flow.CapsOf[T](f), n: n, k: o.Exponents, every: o.Every, xd: make([]T, n), fd: make([]T, n)}
	if b.caps.JacVec == nil && b.caps.Jacobian != nil {
		b.jac = kernel.NewMatrix[T](n, n)
	}
	for i := range b.ends {
		b.ends[i] = o.Transient + o.Time*float64(i)/parts
		b.sums[i] = make([]float64, b.k)
	}
	if o.Transient == 0 {
		b.part = 1
	}
	return b
}

// start returns x0 with random orthonormal tangent vectors.
func (b *benettin[T]) start(x0 []T, seed uint64) ([]T, error) {
	y := make([]T, b.n*(1+b.k))
	copy(y, x0)
	for i := range b.k {
		philox.FillNormals(b.vector(y, i), philox.Stream{Seed: seed, ID: uint32(i)}, philox.Starts, 0)
	}
	return y, b.orthonormalise(y, nil)
}

// vector is tangent vector i in a state y.
func (b *benettin[T]) vector(y []T, i int) []T { return y[(i+1)*b.n : (i+2)*b.n] }

// Dim implements flow.Field.
func (b *benettin[T]) Dim() int { return b.n * (1 + b.k) }

// Eval implements flow.Field.
func (b *benettin[T]) Eval(dst, y []T, t float64) {
	x := y[:b.n]
	b.f.Eval(dst[:b.n], x, t)
	if b.jac.Rows > 0 {
		b.caps.Jacobian(b.jac.Data, x, t)
	}
	for i := range b.k {
		b.product(b.vector(dst, i), x, b.vector(y, i), t)
	}
}

// Caps returns what the state's field says about failures and mini-batches.
func (b *benettin[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{Autonomous: b.caps.Autonomous, Err: b.caps.Err, Draw: b.caps.Draw}
}

// product stores J(t, x) v in dst.
func (b *benettin[T]) product(dst, x, v []T, t float64) {
	switch {
	case b.caps.JacVec != nil:
		b.caps.JacVec(dst, x, v, t)
	case b.jac.Rows > 0:
		kernel.Gemv(dst, 1, b.jac, v, 0)
	default:
		norm := kernel.Nrm2(v)
		if norm == 0 {
			clear(dst)
			return
		}
		delta := T(Delta[T]() * (1 + kernel.Nrm2(x)) / norm)
		kernel.AxpyTo(b.xd, delta, v, x)
		b.f.Eval(dst, b.xd, t)
		kernel.AxpyTo(b.xd, -delta, v, x)
		b.f.Eval(b.fd, b.xd, t)
		kernel.SubTo(dst, dst, b.fd)
		kernel.Scal(1/(2*delta), dst)
	}
}

// Limit implements flow.Jump.
func (b *benettin[T]) Limit(_ []T, _, h float64) float64 { return h }

// Apply implements flow.Jump.
func (b *benettin[T]) Apply(y []T, t, _ float64, step uint64) (bool, error) {
	end := t >= b.ends[b.part]
	if !end && step%uint64(b.every) != 0 {
		return false, nil
	}
	if err := b.orthonormalise(y, b.sums[b.part]); err != nil {
		return false, err
	}
	if end && b.part < parts {
		b.part++
	}
	return true, nil
}

// orthonormalise replaces the tangent vectors by Q and adds log R_ii to sum.
func (b *benettin[T]) orthonormalise(y []T, sum []float64) error {
	for i := range b.k {
		v := b.vector(y, i)
		before := kernel.Nrm2(v)
		for range 2 {
			for j := range i {
				q := b.vector(y, j)
				kernel.Axpy(-kernel.Dot(q, v), q, v)
			}
		}
		norm := kernel.Nrm2(v)
		if !(norm > 64*unit[T]()*before) {
			return fmt.Errorf("tangent vector %d is not independent of those before it, want a smaller Every, more precision or fewer Exponents: %w", i, flow.ErrNonFinite)
		}
		kernel.Scal(T(1/norm), v)
		if sum != nil {
			sum[i] += math.Log(norm)
		}
	}
	return nil
}

// result makes the averages.
func (b *benettin[T]) result(steps int) *Lyapunov {
	out := &Lyapunov{Values: make([]float64, b.k), StdErr: make([]float64, b.k), Steps: steps}
	var v [parts]float64
	for i := range b.k {
		for p := range v {
			v[p] = b.sums[p+1][i] / (b.ends[p+1] - b.ends[p])
		}
		out.Values[i], out.StdErr[i] = meanStdErr(v[:])
	}
	return out
}
