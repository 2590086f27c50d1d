package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// base is what every method keeps: the field, f at the current point and f at
// the proposal.
//
// After an accepted step f1 becomes the next f0; with mini-batches it is void,
// since it belongs to another energy.
type base[T flow.Float] struct {
	name    string
	f       flow.Field[T]
	ef      flow.EnergyField[T] // f if it has an energy, else nil
	caps    flow.Caps[T]
	plain   bool // the step is h f0: its slope is dE/dt, its error that of Euler
	lazy    bool // the step does not use f0
	want    flow.Want
	extra   bool // somebody looks at more than the proposal
	look    bool // f is evaluated at the proposal
	special bool // describe has something to say
	tol     flow.Tol

	f0, f1  []T
	along   float64 // slope of E along the step, set by Try if wanted
	tmp     []T     // for the error estimate
	num     [numbers]float64
	precond func(dst []T) // square root of the inverse preconditioner, nil for none
	top     *topEigen[T]  // nil unless the curvature is wanted
	mem     [][]T
}

// The numbers of a method that a checkpoint saves.
const (
	have0  = iota // f0 holds f at the current point
	have1         // f1 holds f at the proposal
	e0            // energy at the current point
	slope0        // dE/dt there
	e1            // energy at the proposal
	slope1        // dE/dt there
	count         // accepted steps since the method's memory was empty
	owed          // evaluations made between steps, not yet counted
	warm          // curvatures computed since the last random start
	numbers
)

// eulerOrder is the controller order of Euler's method with its error estimate.
const eulerOrder = 2

func newBase[T flow.Float](f flow.Field[T], name string) base[T] {
	b := base[T]{name: name, f: f, caps: flow.CapsOf[T](f)}
	b.ef, _ = f.(flow.EnergyField[T])
	return b
}

// Name implements flow.Namer.
func (b *base[T]) Name() string { return b.name }

// Caps returns the capabilities of the field.
func (b *base[T]) Caps() flow.Caps[T] { return b.caps }

// begin is the part of Init that all methods share.
func (b *base[T]) begin(s *flow.Start[T], tr *flow.Trial) error {
	if err := b.check(s); err != nil {
		return err
	}
	if n := len(s.X); len(b.f0) != n || b.f0 == nil {
		b.f0, b.f1 = make([]T, n), make([]T, n)
	}
	b.want, b.tol = s.Want, s.Tol
	w := &b.want
	b.extra = w.Energy || w.Slope || w.Secant || w.Error
	b.look = b.extra || !b.lazy && b.caps.Draw == nil
	b.special = b.lazy || w.Slope || w.Secant || w.Error || w.Curvature
	b.num[have0], b.num[have1] = 0, 0
	if !s.Keep {
		b.num[owed] = 0
	}
	nan := math.NaN()
	*tr = flow.Trial{Err: nan, NoErr: true, Finite: true, Order: 1, E1: nan, Slope1: nan, SS: nan, SY: nan, YY: nan}
	b.start(tr, s.X, s.T)
	if !kernel.AllFinite(b.f0) || math.IsInf(b.num[e0], 0) || b.ef != nil && math.IsNaN(b.num[e0]) {
		return fmt.Errorf("descent: energy or gradient at the start point is not finite: %w", flow.ErrNonFinite)
	}
	tr.E0, tr.Slope0 = b.num[e0], b.num[slope0]
	if !s.Want.Curvature {
		b.top = nil
	} else {
		b.prepareCurvature(s, tr)
	}
	if s.Want.Error && b.plain {
		return b.track(s, tr)
	}
	return nil
}

// check says what is wrong with the start.
func (b *base[T]) check(s *flow.Start[T]) error {
	if b.f == nil {
		return fmt.Errorf("descent: field of %s is nil: %w", b.name, flow.ErrArgument)
	}
	if n := b.f.Dim(); n != len(s.X) {
		return fmt.Errorf("descent: start point has length %d, want the dimension of the field, %d: %w", len(s.X), n, flow.ErrArgument)
	}
	if s.Dir < 0 {
		return fmt.Errorf("descent: %s cannot go backward in time, T1 must not be before T0: %w", b.name, flow.ErrArgument)
	}
	if s.Want.Slope && !b.plain && !b.caps.Descends {
		return fmt.Errorf("descent: the controller wants the slope of E along the step, which %s knows on a flow.GradientFlow only: %w", b.name, flow.ErrArgument)
	}
	if s.Want.Secant && b.ef != nil && !b.caps.Descends {
		return fmt.Errorf("descent: the controller wants differences of ∇E, which %s knows on a flow.GradientFlow only: %w", b.name, flow.ErrArgument)
	}
	if s.Want.Curvature && !b.hasCurvature() {
		return fmt.Errorf("descent: the controller wants the curvature of E, which %s knows on a flow.GradientFlow or with a Hessian-vector product only: %w", b.name, flow.ErrArgument)
	}
	return nil
}

// track prepares for error control: gradient descent is Euler's method on its
// flow, and has an error estimate then.
func (b *base[T]) track(s *flow.Start[T], tr *flow.Trial) error {
	tr.NoErr, tr.Order = false, eulerOrder
	if len(b.tmp) != len(s.X) {
		b.tmp = make([]T, len(s.X))
	}
	if !(s.MaxStep > 0) {
		return nil
	}
	tr.H = flow.FirstStep(b.f, s, eulerOrder, b.f0, b.f1, b.tmp)
	tr.Evals++
	if math.IsNaN(tr.H) {
		return fmt.Errorf("descent: no finite value of f near the start point: %w", flow.ErrNonFinite)
	}
	return nil
}

// start makes f0 hold f at the current point.
func (b *base[T]) start(tr *flow.Trial, x []T, t float64) {
	if b.num[have0] == 0 {
		b.num[e0], b.num[slope0] = b.eval(tr, b.f0, x, t)
		b.num[have0] = 1
	}
}

// eval stores f(t, x) in dst and returns energy and slope, NaN if there are none.
func (b *base[T]) eval(tr *flow.Trial, dst, x []T, t float64) (e, slope float64) {
	tr.Evals++
	if b.ef != nil {
		return b.ef.EvalEnergy(dst, x, t)
	}
	b.f.Eval(dst, x, t)
	return math.NaN(), math.NaN()
}

// open begins a Try: f0 is made known if somebody uses it.
func (b *base[T]) open(tr *flow.Trial, x []T, t float64) {
	tr.Evals = 0
	if b.num[have0] == 0 && (b.extra || !b.lazy) {
		b.start(tr, x, t)
	}
}

// slope sets the slope of E along the step u of size h: with f = -∇E it is -f·u/h.
// (That next - x would do is not true of tiny steps.)
func (b *base[T]) slope(u []T, h float64) {
	if b.want.Slope {
		b.along = -float64(kernel.Dot(b.f0, u)) / h
	}
}

// finish ends a Try: it evaluates f at the proposal if that serves the next step
// or somebody, and fills the Trial.
func (b *base[T]) finish(tr *flow.Trial, next, x []T, t, h float64) {
	e, slope := math.NaN(), math.NaN()
	tr.Finite = true
	b.num[have1] = 0
	if b.look {
		tr.Evals++
		if b.ef != nil {
			e, slope = b.ef.EvalEnergy(b.f1, next, t+h)
			tr.Finite = e-e == 0
		} else {
			b.f.Eval(b.f1, next, t+h)
		}
		b.num[have1] = 1
	}
	b.num[e1], b.num[slope1] = e, slope
	tr.E1, tr.Slope1 = e, slope
	tr.E0, tr.Slope0 = b.num[e0], b.num[slope0]
	if b.special {
		b.describe(tr, next, x, h)
	}
}

// describe fills what the controller wants to know besides.
func (b *base[T]) describe(tr *flow.Trial, next, x []T, h float64) {
	if b.num[have0] == 0 {
		tr.E0, tr.Slope0 = math.NaN(), math.NaN()
	}
	if b.top != nil {
		b.top.x = next
		tr.Evals += int(b.num[owed])
		b.num[owed] = 0
	}
	if b.want.Slope && !b.plain {
		tr.Slope0 = b.along
	}
	if b.want.Secant {
		// y = ∇E(next) - ∇E(x) = f0 - f1.
		ss, sd, dd := kernel.Secant(x, next, b.f0, b.f1)
		tr.SS, tr.SY, tr.YY = ss, -sd, dd
	}
	if b.want.Error && b.plain {
		tr.Err = b.eulerError(next, x, h)
	}
}

// eulerError is ‖(h/2)(f1 - f0)‖_sc, the distance between the steps of Euler and
// of Heun.
func (b *base[T]) eulerError(next, x []T, h float64) float64 {
	kernel.SubTo(b.tmp, b.f1, b.f0)
	return h / 2 * flow.WeightedNorm(&b.tol, b.tmp, x, next)
}

// accepted is the part of Accept that all methods share.
func (b *base[T]) accepted() {
	b.num[count]++
	b.num[have0] = 0
	if b.num[have1] == 1 {
		b.f0, b.f1 = b.f1, b.f0
		b.num[e0], b.num[slope0], b.num[have0] = b.num[e1], b.num[slope1], 1
	}
}

// Touch implements flow.Integrator.
func (b *base[T]) Touch() { b.num[have0] = 0 }

// Draw implements flow.Drawer: another batch is another energy.
func (b *base[T]) Draw(step uint64) {
	if b.caps.Draw != nil {
		b.caps.Draw(step)
		b.num[have0] = 0
	}
}

// Deriv implements flow.Deriver.
func (b *base[T]) Deriv() []T {
	if b.num[have0] == 1 {
		return b.f0
	}
	return nil
}

// memory is what a checkpoint saves: f0, the vectors of the method, and where
// the search for the curvature starts.
func (b *base[T]) memory(vec ...[]T) ([][]T, []float64) {
	b.mem = append(append(b.mem[:0], b.f0), vec...)
	if b.top != nil {
		b.mem = append(b.mem, b.top.vector)
	}
	return b.mem, b.num[:]
}
