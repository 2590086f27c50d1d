package flow

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/gradflow/gradflow/flow/kernel"
)

const (
	unit          = 0x1p-52 // rounding unit of float64, in which time is kept
	maxNonFinite  = 20      // non-finite proposals in a row that end a run
	stretch       = 1.01    // an error-controlled step may grow by this to hit a target
	stretchFixed  = 1 + 1e-9
	gridTolerance = 1e-6 // a constant step this close to a target is not changed
)

// Run is a run as a value: the loop that advances a state by an Integrator under
// a Controller. Next makes one accepted step; Steps and Solve make them all;
// Checkpoint saves. A Run is for one goroutine at a time.
type Run[T Float] struct {
	it     Integrator[T]
	ctl    Controller
	ec     *ErrorControl // ctl with its defaults, if it is one, else nil
	plain  bool          // nothing but the controller and Try and Accept takes part in a step
	growth float64       // a step may grow by this to hit a target
	bad    int           // proposals in a row that were not finite
	opt    Options[T]
	want   Want
	tol    Tol
	dense  Interpolator[T]
	limit  Limiter
	draw   Drawer
	deriv  Deriver[T]
	fail   func() error
	broken Failer

	x, next []T
	t, t1   float64
	dir     float64
	bounded bool
	c       Control
	tr      Trial

	// The clock of equal steps is base + n·h, by multiplication.
	base, baseH float64
	baseN       int

	tPrev, hStep float64        // start and signed size of the last step, before any cut
	tstop, save  int            // next of TStops, SaveAt
	drawn        int            // steps whose mini-batch has been drawn
	quiet        int            // steps in a row without motion (StopStationary)
	recent       recentEnergies // for StopProgress
	clock        time.Time      // start of the first step (StopAfter)
	restart      bool           // x was replaced: start afresh before the next step
	begun        bool
	events       eventLog[T]
	out          output[T]
	step         Step[T]
	status       Status
	err          error
}

// Status says how the run ended, Running if it has not.
func (r *Run[T]) Status() Status { return r.status }

// Err returns the error that ended the run, nil if there was none.
func (r *Run[T]) Err() error { return r.err }

// Step returns a view of where the run stands.
func (r *Run[T]) Step() *Step[T] { return &r.step }

// RelTol returns the relative tolerance in force.
func (r *Run[T]) RelTol() float64 { return r.tol.Rel }

// Steps returns an iterator that shows the point where the run stands and then
// every accepted step. The last Step it yields has a Status other than Running,
// and the error if the run ended with one; a run that ends without a further
// step, cancelled or diverged say, yields its last good state once more.
// Breaking off leaves the run as it is: it can be continued.
func (r *Run[T]) Steps(ctx context.Context) iter.Seq2[*Step[T], error] {
	return func(yield func(*Step[T], error) bool) {
		r.begin()
		if !yield(&r.step, r.err) {
			return
		}
		for r.status == Running {
			r.Next(ctx)
			if !yield(&r.step, r.err) {
				return
			}
		}
	}
}

// Next makes one accepted step. It reports whether it did: false means that the
// run has ended, and Status says how. A step that ends the run counts.
func (r *Run[T]) Next(ctx context.Context) bool {
	if !r.begun {
		r.begin()
	}
	if r.status != Running {
		return false
	}
	if r.plain {
		if r.plainStep(ctx) {
			return true
		}
		if r.status != Running {
			return false
		}
	}
	if r.restart {
		if err := r.restartAt(); err != nil {
			return r.end(NonFinite, err)
		}
	}
	if r.draw != nil {
		r.drawBatch()
	}
	h, last, ok := r.attempts(ctx)
	if !ok {
		return false
	}
	r.accept(h, last)
	r.settle()
	return true
}

// drawBatch draws the mini-batch of the coming step, once.
func (r *Run[T]) drawBatch() {
	if r.draw != nil && r.drawn <= r.step.K {
		r.draw.Draw(uint64(r.step.K))
		r.drawn = r.step.K + 1
	}
}

// plainStep makes the attempt of a step in a run that has no use for the rest of the
// loop, and with it the step if there is nothing special about it: the same as
// attempts, accept and settle, in a third of the time. If it returns false, the
// others go on from where it left off.
func (r *Run[T]) plainStep(ctx context.Context) bool {
	h := r.c.H
	if h > r.opt.MaxStep || r.want.Error && h < r.minStep(r.t) || r.bounded && r.growth*h >= r.dir*(r.t1-r.t) || ctx.Err() != nil {
		return false
	}
	r.tr.sq = 0
	r.it.Try(&r.tr, r.next, r.x, r.t, r.dir*h)
	s := &r.step
	s.Stats.add(&r.tr)
	r.tr.H = h
	inside := r.inspect()
	var v Verdict
	if r.ec != nil {
		v = r.ec.judge(&r.c, &r.tr)
	} else {
		v = r.ctl.Judge(&r.c, &r.tr)
	}
	if !v.Accept {
		r.reject(v)
		return false
	}
	r.c.H = v.H
	r.c.N++
	if !inside {
		r.status = Diverged // set before the step is shown
	}
	r.accept(r.dir*h, false)
	if !inside || s.K >= r.opt.MaxSteps {
		r.settle()
		return true
	}
	r.show(AtStep, r.t, r.x)
	return true
}

// attempts proposes steps until the controller accepts one, and returns its
// signed size and whether it ends at the next forced time.
func (r *Run[T]) attempts(ctx context.Context) (h float64, last, ok bool) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, false, r.end(Cancelled, fmt.Errorf("flow: cancelled at t = %v: %w", r.t, err))
		}
		h, last = r.size()
		if !last && r.want.Error && h < r.minStep(r.t) {
			return 0, false, r.underflow(h)
		}
		r.tr.sq = 0
		r.it.Try(&r.tr, r.next, r.x, r.t, r.dir*h)
		r.step.Stats.add(&r.tr)
		r.tr.H = h
		inside := r.inspect()
		if r.fail != nil || r.broken != nil {
			if st, err := r.failure(h); err != nil {
				return 0, false, r.end(st, err)
			}
		}
		v := r.ctl.Judge(&r.c, &r.tr)
		if v.Accept {
			if !inside {
				r.status = Diverged // set before the step is shown
			}
			r.propose(v.H, h)
			return r.dir * h, last, true
		}
		if !r.reject(v) {
			return 0, false, false
		}
	}
}

// reject notes that the attempt was rejected and reports whether there is to be
// another.
func (r *Run[T]) reject(v Verdict) (again bool) {
	r.step.Stats.Rejected++
	r.c.Rejected = true
	if !(v.H > 0) {
		return r.giveUp()
	}
	r.c.H = v.H
	if !r.want.Error || r.tr.Retry > 0 || r.tr.Finite && finite(r.tr.Err) {
		r.bad = 0 // who has no error estimate has a smallest step of his own
	} else if r.bad++; r.bad >= maxNonFinite {
		return r.end(NonFinite, r.nonFinite())
	}
	return true
}

// underflow ends the run because the step size h is below its minimum.
func (r *Run[T]) underflow(h float64) bool {
	if r.bad > 0 {
		return r.end(NonFinite, r.nonFinite())
	}
	return r.end(StepUnderflow, fmt.Errorf("flow: step size %.3g is below its minimum %.3g at t = %v, the last scaled error was %.3g (a stiff problem needs another method): %w",
		h, r.minStep(r.t), r.t, r.tr.Err, ErrStepUnderflow))
}

// inspect notes in the Trial whether the proposal is finite and reports whether it
// is within Options.Bound.
func (r *Run[T]) inspect() bool {
	if len(r.next) <= smallDim && allWithin(r.next, min(r.opt.Bound, math.MaxFloat64)) {
		return true
	}
	top := float64(kernel.MaxAbs(r.next))
	r.tr.Finite = r.tr.Finite && finite(top)
	return !(top > r.opt.Bound)
}

// allWithin says that no |x_i| is above the bound, or NaN.
func allWithin[T Float](x []T, bound float64) bool {
	for _, v := range x {
		if !(math.Abs(float64(v)) <= bound) {
			return false
		}
	}
	return true
}

// failure asks the field and the integrator whether the attempt with step size h
// failed.
func (r *Run[T]) failure(h float64) (Status, error) {
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return FieldError, fmt.Errorf("flow: field failed at t = %v: %w", r.t, err)
		}
	}
	if r.broken != nil {
		if err := r.broken.Failure(); err != nil {
			return Failed, fmt.Errorf("flow: step %d at t = %v with step size %.3g: %w", r.step.K+1, r.t, h, err)
		}
	}
	return Running, nil
}

// giveUp ends the run because the controller has no step to propose. It reports
// whether the run goes on after all, because the integrator had momentum to drop;
// its next step is then the last that was accepted.
func (r *Run[T]) giveUp() (again bool) {
	q, ok := r.ctl.(Quitter)
	if !ok {
		return r.end(Diverged, nil)
	}
	if k, ok := r.it.(Restarter); ok && k.Restart() {
		r.c.H = r.c.Hp
		return true
	}
	st, err := q.GaveUp(&r.c, &r.tr)
	if err != nil {
		err = fmt.Errorf("flow: step %d at t = %v: %w", r.step.K+1, r.t, err)
	}
	return r.end(st, err)
}

// size returns the size of the next attempt and whether it ends at the next
// forced time.
func (r *Run[T]) size() (h float64, last bool) {
	if h = r.c.H; h > r.opt.MaxStep {
		h = r.opt.MaxStep
	}
	if r.opt.Jump != nil {
		h = min(h, r.opt.Jump.Limit(r.x, r.t, h))
	}
	if r.limit != nil { // last: a grid has to be kept exactly
		h = min(h, r.limit.Limit(r.t, h))
	}
	target, ok := r.target()
	if !ok {
		return h, false
	}
	rest := r.dir * (target - r.t)
	if r.growth*h < rest {
		return h, false
	}
	if !r.want.Error && math.Abs(rest-h) <= gridTolerance*h {
		return h, true
	}
	return rest, true
}

// target is the next time that must be the end of a step.
func (r *Run[T]) target() (float64, bool) {
	if r.tstop < len(r.opt.TStops) {
		return r.opt.TStops[r.tstop], true
	}
	return r.t1, r.bounded
}

// passStops drops the forced times that the run has reached.
func (r *Run[T]) passStops() {
	for r.tstop < len(r.opt.TStops) && r.dir*(r.t-r.opt.TStops[r.tstop]) >= 0 {
		r.tstop++
	}
}

// propose remembers the controller's next step. After a step that a forced time
// cut short, the step before the cut comes back.
func (r *Run[T]) propose(next, tried float64) {
	if next >= tried && tried < r.c.H {
		next = max(next, min(r.c.H, r.opt.MaxStep))
	}
	r.c.H = next
	r.c.N++
}

// accept commits the proposal.
func (r *Run[T]) accept(h float64, last bool) {
	r.it.Accept()
	r.bad = 0
	r.x, r.next = r.next, r.x
	r.tPrev, r.hStep = r.t, h
	if h == r.baseH {
		r.baseN++
	} else {
		r.base, r.baseH, r.baseN = r.t, h, 1
	}
	r.t = r.base + float64(r.baseN)*h
	if last {
		r.t, _ = r.target()
		r.baseH = 0
	}
	s := &r.step
	s.K++
	s.Stats.Accepted++
	s.Err = r.tr.Err
	s.Energy, s.Slope = r.tr.E1, r.tr.Slope1
	if r.opt.Ledger {
		r.out.ledger.add(&r.tr)
	}
}

// settle does what follows an accepted step: events, save times, jumps, the
// recorder, stop rules, the end.
func (r *Run[T]) settle() {
	st, err := r.status, error(nil)
	if len(r.opt.Events) > 0 {
		var cut Status
		if cut, err = r.findEvents(); cut != Running {
			st = cut
		}
	}
	if r.opt.Dense || r.save < len(r.opt.SaveAt) {
		if e := r.keep(); e != nil && err == nil {
			st, err = RecorderError, e
		}
	}
	if r.tstop < len(r.opt.TStops) {
		r.passStops()
	}
	if r.opt.Jump != nil && err == nil {
		if e := r.jump(); e != nil {
			st, err = Failed, e
		}
	}
	r.show(AtStep, r.t, r.x)
	if r.opt.Recorder != nil && err == nil {
		if e := r.opt.Recorder.Record(&r.step); e != nil {
			st, err = RecorderError, fmt.Errorf("flow: recorder at t = %v: %w", r.t, e)
		}
	}
	for i := 0; i < len(r.opt.Stop) && st == Running; i++ {
		st = r.opt.Stop[i](&r.step)
	}
	switch {
	case st != Running:
	case r.bounded && r.t == r.t1:
		st = Done
	case r.step.K >= r.opt.MaxSteps:
		st = StepLimit
		if r.out.defaultLimit {
			err = fmt.Errorf("flow: %d steps made, t = %v: %w", r.step.K, r.t, ErrStepLimit)
		}
	}
	if st != Running {
		r.end(st, err)
	}
}

// jump lets Options.Jump change the state.
func (r *Run[T]) jump() error {
	changed, err := r.opt.Jump.Apply(r.x, r.t, math.Abs(r.t-r.tPrev), uint64(r.step.K))
	if err != nil {
		return fmt.Errorf("flow: jump at t = %v: %w", r.t, err)
	}
	if !changed {
		return nil
	}
	r.it.Touch()
	r.edited()
	return r.startEvents()
}

// edited notes that x is no longer what the integrator proposed.
func (r *Run[T]) edited() {
	r.step.Energy, r.step.Slope = math.NaN(), math.NaN()
	r.baseH = 0
}

// restartAt starts afresh from an x that an event handler replaced.
func (r *Run[T]) restartAt() error {
	r.drawBatch()
	r.restart = false
	r.it.Touch()
	s := r.start()
	s.Keep = true
	if err := r.it.Init(s, &r.tr); err != nil {
		return err
	}
	r.step.Stats.add(&r.tr)
	r.firstStep()
	return nil
}

// minStep is the smallest step size at time t.
func (r *Run[T]) minStep(t float64) float64 {
	if r.opt.MinStep > 0 {
		return r.opt.MinStep
	}
	m := math.Abs(t)
	if r.bounded {
		m = max(m, math.Abs(r.t1))
	}
	return 16 * unit * m
}

func (r *Run[T]) nonFinite() error {
	where := "the error estimate or the energy"
	if i := firstNonFinite(r.next); i >= 0 {
		where = fmt.Sprintf("component %d", i)
	}
	return fmt.Errorf("flow: %s of the proposed step is not finite at t = %v, down to step size %.3g: %w", where, r.t, r.tr.H, ErrNonFinite)
}

// at evaluates the dense output of the last step at time t.
func (r *Run[T]) at(dst []T, t float64) {
	if t == r.t && !r.restart {
		copy(dst, r.x)
		return
	}
	r.dense.At(dst, (t-r.tPrev)/r.hStep)
}

// show makes the Step a view of the state x at time t.
func (r *Run[T]) show(kind Kind, t float64, x []T) {
	s := &r.step
	s.Kind, s.T, s.X = kind, t, x
	s.H = math.Abs(r.t - r.tPrev)
	if r.deriv != nil && !r.restart && kind != AtSave && kind != AtEvent {
		s.F = r.deriv.Deriv()
	} else if s.F != nil {
		s.F = nil
	}
}

// end ends the run. It returns false, for Next to return.
func (r *Run[T]) end(st Status, err error) bool {
	r.status, r.err = st, err
	r.step.Status = st
	return false
}
