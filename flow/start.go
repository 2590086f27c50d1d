package flow

import (
	"context"
	"fmt"
	"iter"
	"math"
	"unsafe"
)

// New prepares a run of an integrator from x0, which is copied. It evaluates the
// system at the start point and reports an error that wraps ErrArgument or
// ErrNonFinite if the start point or the options are not usable.
func New[T Float](it Integrator[T], x0 []T, o Options[T]) (*Run[T], error) {
	r, err := newRun(it, x0, o)
	if err != nil {
		return nil, err
	}
	if err := r.initIntegrator(); err != nil {
		return nil, err
	}
	r.firstStep()
	if err := r.startEvents(); err != nil {
		return nil, err
	}
	r.step.Energy, r.step.Slope, r.step.Err = r.tr.E0, r.tr.Slope0, math.NaN()
	r.out.ledger.E0 = r.tr.E0
	r.out.ledger.E1 = r.tr.E0
	r.show(AtStart, r.t, r.x)
	return r, nil
}

// initIntegrator draws the first mini-batch, makes the integrator ready at the
// current point and settles the controller.
func (r *Run[T]) initIntegrator() error {
	r.drawBatch()
	if err := r.it.Init(r.start(), &r.tr); err != nil {
		return r.because(err)
	}
	r.step.Stats = Stats{}
	r.step.Stats.add(&r.tr)
	if r.ctl == nil {
		if err := r.chooseController(); err != nil {
			return err
		}
		// The chosen controller may want more than was computed.
		if err := r.it.Init(r.start(), &r.tr); err != nil {
			return r.because(err)
		}
		r.step.Stats = Stats{}
		r.step.Stats.add(&r.tr)
	}
	if r.want.Error && r.tr.NoErr {
		return fmt.Errorf("flow: Controller %v wants an error estimate, which %s does not have: set a Fixed step: %w", r.ctl, nameOf(r.it), ErrArgument)
	}
	if (r.opt.Ledger || r.want.Energy) && math.IsNaN(r.tr.E0) {
		return fmt.Errorf("flow: the controller, Energy or Ledger asks for an energy, which the system of %s does not have: %w", nameOf(r.it), ErrArgument)
	}
	return nil
}

// because adds to an error of Init what the model says of itself.
func (r *Run[T]) because(err error) error {
	if r.fail == nil {
		return err
	}
	if cause := r.fail(); cause != nil {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// newRun builds a Run without evaluating anything.
func newRun[T Float](it Integrator[T], x0 []T, o Options[T]) (*Run[T], error) {
	if it == nil {
		return nil, fmt.Errorf("flow: integrator is nil: %w", ErrArgument)
	}
	if err := o.check(len(x0)); err != nil {
		return nil, err
	}
	if i := firstNonFinite(x0); i >= 0 {
		return nil, fmt.Errorf("flow: x0[%d] is %v, want a finite number: %w", i, x0[i], ErrNonFinite)
	}
	r := &Run[T]{it: it, opt: o, t: o.T0, t1: o.T1, bounded: o.bounded(), dir: o.dir()}
	r.opt.Events = append([]Event[T](nil), o.Events...)
	r.defaults()
	r.dense, _ = it.(Interpolator[T])
	r.limit, _ = it.(Limiter)
	caps := CapsOf[T](it)
	if caps.Draw != nil {
		r.draw, _ = it.(Drawer)
	}
	r.deriv, _ = it.(Deriver[T])
	r.broken, _ = it.(Failer)
	r.fail = caps.Err
	if err := r.useController(o.Controller); err != nil {
		return nil, err
	}
	if (len(o.SaveAt) > 0 || o.Dense) && r.dense == nil {
		return nil, fmt.Errorf("flow: SaveAt and Dense need dense output, which %s does not have: %w", nameOf(it), ErrArgument)
	}
	v := arena[T](3, len(x0))
	r.x, r.next, r.events.x = v[0], v[1], v[2]
	copy(r.x, x0)
	r.events.g = make([]float64, len(o.Events))
	r.events.last = math.Inf(-1)
	r.step.run, r.step.trial = r, &r.tr
	return r, nil
}

// defaults replaces zero options by what they stand for.
func (r *Run[T]) defaults() {
	o := &r.opt
	if o.RelTol == 0 {
		o.RelTol = defaultRelTol
	}
	if o.AbsTol == 0 {
		o.AbsTol = defaultAbsTol
	}
	eps := 0x1p-52
	if unsafe.Sizeof(T(0)) == 4 {
		eps = 0x1p-23
	}
	r.tol = Tol{Rel: max(o.RelTol, 10*eps), Abs: o.AbsTol, AbsVec: o.AbsTolVec}
	if o.MaxStep == 0 {
		o.MaxStep = math.Inf(1)
	}
	if r.out.defaultLimit = o.MaxSteps == 0; r.out.defaultLimit {
		o.MaxSteps = defaultMaxSteps
	}
	if o.Bound == 0 {
		o.Bound = defaultBound
	}
}

// useController sets the controller and what has to be computed for it.
func (r *Run[T]) useController(c Controller) error {
	if k, ok := c.(Checker); ok {
		if err := k.Check(); err != nil {
			return err
		}
	}
	r.ctl = c
	r.ec = nil
	if e, ok := c.(ErrorControl); ok {
		e.Safety, e.MinFac, e.MaxFac = e.limits()
		r.ec = &e
	}
	o := &r.opt
	r.plain = c != nil && r.draw == nil && r.limit == nil && r.fail == nil && r.broken == nil && !o.Ledger && !o.Dense &&
		o.Jump == nil && o.Recorder == nil && len(o.Events) == 0 && len(o.SaveAt) == 0 && len(o.TStops) == 0 && len(o.Stop) == 0
	r.want = Want{
		Energy:    r.opt.Energy,
		Dissipate: r.opt.Ledger,
		Dense:     len(r.opt.Events) > 0 || r.opt.Jump != nil || len(r.opt.SaveAt) > 0 || r.opt.Dense,
	}
	if c != nil {
		r.want = r.want.or(c.Want())
	}
	r.growth = stretchFixed
	if r.want.Error {
		r.growth = stretch
	}
	return nil
}

// suggester is an integrator that knows which controller suits it, nil for none.
type suggester interface{ suggested() Controller }

// chooseController sets the default controller of an integrator.
func (r *Run[T]) chooseController() error {
	switch s, ok := r.it.(suggester); {
	case ok && s.suggested() != nil:
		return r.useController(s.suggested())
	case !r.tr.NoErr:
		return r.useController(PI)
	case r.tr.H > 0:
		return r.useController(Fixed{H: r.tr.H})
	}
	return fmt.Errorf("flow: Controller is nil and %s has no error estimate: set Fixed{H: step} or another that needs none: %w", nameOf(r.it), ErrArgument)
}

// start is what the integrator is told at the current point.
func (r *Run[T]) start() Start[T] {
	s := Start[T]{T: r.t, X: r.x, Dir: r.dir, MaxStep: r.opt.MaxStep, Tol: r.tol, Want: r.want}
	if r.bounded {
		s.MaxStep = min(s.MaxStep, r.dir*(r.t1-r.t))
	}
	return s
}

// firstStep asks the controller for its first step.
func (r *Run[T]) firstStep() {
	r.c = Control{E1: 1, E2: 1}
	h := r.ctl.First(&r.c, &r.tr)
	if r.opt.InitStep > 0 && r.step.K == 0 {
		h = r.opt.InitStep
	}
	r.c.H, r.c.Hp = h, h
}

// begin shows the start point, once.
func (r *Run[T]) begin() {
	if r.begun {
		return
	}
	r.begun = true
	if r.opt.Recorder != nil {
		if err := r.opt.Recorder.Init(len(r.x)); err != nil {
			r.end(RecorderError, fmt.Errorf("flow: recorder: %w", err))
			return
		}
		if r.step.K == 0 {
			if err := r.opt.Recorder.Record(&r.step); err != nil {
				r.end(RecorderError, fmt.Errorf("flow: recorder at t = %v: %w", r.t, err))
				return
			}
		}
	}
	if r.step.K == 0 {
		if err := r.keepStart(); err != nil {
			r.end(RecorderError, err)
			return
		}
	}
	if r.bounded && r.t == r.t1 {
		r.end(Done, nil)
	}
}

// Steps runs a field from x0 and yields the start and every accepted step; see
// Run.Steps. An error before the first step is yielded with a nil Step.
func Steps[T Float](ctx context.Context, f Field[T], x0 []T, o Options[T]) iter.Seq2[*Step[T], error] {
	return func(yield func(*Step[T], error) bool) {
		r, err := newField(f, x0, o)
		if err != nil {
			yield(nil, err)
			return
		}
		r.Steps(ctx)(yield)
	}
}

// Solve runs a field from x0 to the end of its options; see Run.Solve.
func Solve[T Float](ctx context.Context, f Field[T], x0 []T, o Options[T]) (*Solution[T], error) {
	r, err := newField(f, x0, o)
	if err != nil {
		return nil, err
	}
	return r.Solve(ctx)
}

func newField[T Float](f Field[T], x0 []T, o Options[T]) (*Run[T], error) {
	if f == nil {
		return nil, fmt.Errorf("flow: field is nil: %w", ErrArgument)
	}
	if f.Dim() != len(x0) {
		return nil, fmt.Errorf("flow: len(x0) is %d, want the dimension of the field, %d: %w", len(x0), f.Dim(), ErrArgument)
	}
	m := o.Method
	if m == nil {
		m = Auto
	}
	if o.Controller == nil {
		o.Controller = m.controller()
	}
	return New(ODE(f, m), x0, o)
}

func nameOf(it any) string {
	if n, ok := it.(Namer); ok {
		return n.Name()
	}
	return fmt.Sprintf("%T", it)
}
