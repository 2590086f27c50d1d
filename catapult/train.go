package catapult

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
)

// Point is a step of a run. What was not computed at the step is NaN.
type Point struct {
	Step int
	// Time is the physical time ηk/(1-β).
	Time float64
	// Loss is L(θ) on the full data, without weight decay.
	Loss float64
	// NTK and Hessian are the largest eigenvalues of the tangent kernel and of
	// the Hessian.
	NTK, Hessian Curvature
	// Kappa is ηλ, λ being NTK for MSE and Hessian for other losses.
	Kappa float64
}

// TrainResult is the outcome of Train.
type TrainResult[T flow.Float] struct {
	// Phase is the regime. Divergent is a loss above its cap or one that is not
	// finite; Dead a ReLU network with a silent layer. A run has converged when
	// LossTol was met, or when its last loss is at most 0.9 of L(f = 0) and the
	// last 20 do not rise: the mean of the later ten is at most that of the ten
	// before plus 0.01 L(f = 0), with mini-batches plus a tenth. Then it is Lazy
	// if ηλ0 was below the stability threshold, else Catapult. All else is
	// Undecided.
	Phase Phase
	// Eta is the learning rate and C = ηλ0.
	Eta, C  float64
	Lambda0 Curvature
	// Steps is the number of the last step with finite parameters and loss.
	// Theta are its parameters, Loss its loss, and Curvature its λ (see
	// Point.Kappa), the last one that was computed if the run diverged.
	Steps     int
	Theta     []T
	Loss      float64
	Curvature Curvature
	// Loss0 is the loss at the start.
	Loss0 float64
	// Mechanism is what was seen of the catapult.
	Mechanism Mechanism
	// Trace holds every step, unless TrainOptions.NoTrace.
	Trace []Point
	// Hint is advice to the user in words, as a rule empty.
	Hint string

	state func() (*TrainState, error)
}

// State returns what Train needs to go on from the end of this run, with the
// same steps bit for bit that a longer run would have made.
func (r *TrainResult[T]) State() (*TrainState, error) { return r.state() }

// TrainState is a saved run; encoding/json keeps it exactly.
type TrainState struct {
	Flow     *flow.Checkpoint
	Eta      float64
	Momentum float64
	Nesterov bool
	Lambda0  Curvature
	Watch    watch
}

// Train minimises the energy of the model by gradient descent, the heavy ball or
// Nesterov's method at a constant learning rate, starting at theta0, follows loss
// and curvature, and says in which phase of arXiv 2003.02218 the run was.
//
// Divergence is a result. When ctx is cancelled or an observer fails, the result
// holds what there is and the error says why; otherwise, with a nil result,
// errors wrap ErrArgument, ErrShape, ErrNonFinite, ErrZeroCurvature or
// flow.ErrCheckpoint, and nothing has been changed.
func Train[T flow.Float](ctx context.Context, m Model[T], theta0 []T, o TrainOptions[T]) (*TrainResult[T], error) {
	t, err := newTrainer(m, theta0, o)
	if err != nil {
		return nil, err
	}
	err = t.loop(ctx)
	r, end := t.result()
	if err == nil {
		err = end
	}
	return r, err
}

// trainer is a run of Train.
type trainer[T flow.Float] struct {
	m       Model[T]
	is      traits
	o       TrainOptions[T]
	eta     float64
	lambda0 Curvature
	run     *flow.Run[T]
	ntk     *Sharpness[T]
	hess    *Sharpness[T]

	watch    watch
	p        Point
	shown    int // last step seen, -1 before the start
	trace    []Point
	good     []T // parameters of the last finite loss, where flow does not see it
	goodStep int
	diverged bool
	met      bool // LossTol
}

func newTrainer[T flow.Float](m Model[T], theta0 []T, o TrainOptions[T]) (*trainer[T], error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t := &trainer[T]{m: m, is: m.traits(), o: o, shown: -1, watch: newWatch(o.threshold())}
	if t.is.stochastic || t.o.Nesterov {
		t.good = make([]T, m.Dim())
	}
	var err error
	if t.ntk, err = NewSharpness(m, KernelCurvature, o.Sharpness); err != nil {
		return nil, err
	}
	if t.hess, err = NewSharpness(m, HessianCurvature, o.Sharpness); err != nil {
		return nil, err
	}
	if o.Resume != nil {
		err = t.resume(o.Resume)
	} else {
		err = t.start(theta0)
	}
	if err != nil {
		return nil, err
	}
	if t.o.LossCap == 0 {
		t.o.LossCap = 1e12 * max(1, t.watch.Loss0)
	}
	if !o.NoTrace {
		t.trace = make([]Point, 0, min(t.o.budget(t.eta)+1, 1<<12))
	}
	return t, nil
}

// start prepares a run from theta0.
func (t *trainer[T]) start(theta0 []T) error {
	if err := checkParameters("theta0", theta0, t.m.Dim()); err != nil {
		return err
	}
	if t.watch.Loss0 = t.m.Loss(theta0); math.IsNaN(t.watch.Loss0) || math.IsInf(t.watch.Loss0, 0) {
		return fmt.Errorf("catapult: loss at theta0 is %v: %w", t.watch.Loss0, ErrNonFinite)
	}
	t.lambda0 = Curvature{Value: t.o.Lambda0, Converged: true}
	if t.o.Lambda0 == 0 {
		var err error
		if t.lambda0, err = Lambda0(t.m, theta0); err != nil {
			return err
		}
	}
	if t.eta = t.o.Eta; t.o.C != 0 {
		t.eta = t.o.C / t.lambda0.Value
	}
	copy(t.good, theta0)
	t.watch.seeKappa(0, t.eta*t.lambda0.Value)
	return t.begin(func(it flow.Integrator[T], o flow.Options[T]) (*flow.Run[T], error) { return flow.New(it, theta0, o) })
}

// resume prepares the rest of a saved run.
func (t *trainer[T]) resume(s *TrainState) error {
	t.eta, t.lambda0, t.watch = s.Eta, s.Lambda0, s.Watch
	recent := s.Watch.Recent[max(0, len(s.Watch.Recent)-convergenceWindow):]
	t.watch.Recent = append(make([]float64, 0, convergenceWindow), recent...)
	err := t.begin(func(it flow.Integrator[T], o flow.Options[T]) (*flow.Run[T], error) {
		return flow.Resume(it, s.Flow, o)
	})
	if err != nil {
		return err
	}
	t.shown = t.run.Step().K
	t.goodStep = t.shown
	copy(t.good, t.run.Step().X)
	return nil
}

// begin makes the run.
func (t *trainer[T]) begin(make func(flow.Integrator[T], flow.Options[T]) (*flow.Run[T], error)) error {
	var err error
	t.run, err = make(t.o.integrator(t.m), flow.Options[T]{
		Controller: flow.Fixed{H: t.eta},
		MaxSteps:   t.o.budget(t.eta),
		Bound:      math.Inf(1), // the loss decides
	})
	if err != nil {
		return fmt.Errorf("catapult: %w", err)
	}
	return nil
}

// loop makes the steps.
func (t *trainer[T]) loop(ctx context.Context) error {
	for s, err := range t.run.Steps(ctx) {
		if s.K > t.shown {
			t.shown = s.K
			if stop, err := t.step(s); stop || err != nil {
				return err
			}
		}
		if err != nil {
			return fmt.Errorf("catapult: training stopped at step %d: %w", s.K, err)
		}
	}
	t.diverged = t.diverged || t.run.Status() == flow.Diverged
	return nil
}

// step looks at a step and says whether it is the last.
func (t *trainer[T]) step(s *flow.Step[T]) (stop bool, err error) {
	nan := math.NaN()
	unknown := Curvature{Value: nan, Residual: nan}
	t.p = Point{Step: s.K, Time: s.T / (1 - t.o.Momentum), Loss: nan, NTK: unknown, Hessian: unknown, Kappa: nan}
	if s.K%t.o.TrackLoss == 0 {
		t.p.Loss = t.loss(s)
		if math.IsNaN(t.p.Loss) || math.IsInf(t.p.Loss, 0) {
			t.diverged = true
			return true, nil
		}
		if t.good != nil {
			copy(t.good, s.X)
			t.goodStep = s.K
		}
	}
	if err := t.curvatures(s); err != nil {
		return true, err
	}
	t.watch.see(&t.p)
	if !t.o.NoTrace {
		t.trace = append(t.trace, t.p)
	}
	t.diverged = t.p.Loss > t.o.LossCap
	t.met = t.p.Loss <= t.o.LossTol && t.o.LossTol > 0
	stop, err = t.show(s)
	return stop || t.diverged || t.met, err
}

// loss is the loss at a step, from the energy that is known there if that is it.
func (t *trainer[T]) loss(s *flow.Step[T]) float64 {
	if !t.is.stochastic && !t.is.decay && !math.IsNaN(s.Energy) {
		return s.Energy
	}
	return t.m.Loss(s.X)
}

// curvatures computes what is due at a step.
func (t *trainer[T]) curvatures(s *flow.Step[T]) error {
	var err error
	if k := t.o.TrackNTK; k > 0 && s.K%k == 0 {
		if t.p.NTK, err = t.ntk.Top(s.X); err != nil && !errors.Is(err, ErrNonFinite) {
			return err
		}
	}
	if k := t.o.TrackHessian; k > 0 && s.K%k == 0 {
		if t.p.Hessian, err = t.hess.Top(s.X); err != nil && !errors.Is(err, ErrNonFinite) {
			return err
		}
	}
	t.p.Kappa = t.eta * t.main(&t.p).Value
	return nil
}

// main is the curvature of a point that κ is made of.
func (t *trainer[T]) main(p *Point) Curvature {
	if t.is.loss == MSE {
		return p.NTK
	}
	return p.Hessian
}

// show calls observer and saver.
func (t *trainer[T]) show(s *flow.Step[T]) (stop bool, err error) {
	if t.o.Observe != nil {
		err := t.o.Observe(&t.p, s.X)
		if stop = errors.Is(err, ErrStop); err != nil && !stop {
			return true, fmt.Errorf("catapult: observer at step %d: %w", s.K, err)
		}
	}
	if t.o.Save != nil && t.o.SaveEvery > 0 && s.K%t.o.SaveEvery == 0 {
		state, err := t.state()
		if err == nil {
			err = t.o.Save(state)
		}
		if err != nil {
			return true, fmt.Errorf("catapult: saving step %d: %w", s.K, err)
		}
	}
	return stop, nil
}

// state is what the run needs to go on.
func (t *trainer[T]) state() (*TrainState, error) {
	c, err := t.run.Checkpoint()
	if err != nil {
		return nil, fmt.Errorf("catapult: %w", err)
	}
	s := &TrainState{Flow: c, Eta: t.eta, Momentum: t.o.Momentum, Nesterov: t.o.Nesterov, Lambda0: t.lambda0, Watch: t.watch}
	s.Watch.Recent = slices.Clone(t.watch.Recent)
	return s, nil
}

// result is the outcome at the point where the run stands.
func (t *trainer[T]) result() (*TrainResult[T], error) {
	s := t.run.Step()
	r := &TrainResult[T]{
		Eta: t.eta, C: t.eta * t.lambda0.Value, Lambda0: t.lambda0, Steps: s.K, Theta: slices.Clone(s.X),
		Loss: t.m.Loss(s.X), Loss0: t.watch.Loss0, Trace: t.trace, state: t.state,
	}
	if math.IsNaN(r.Loss) || math.IsInf(r.Loss, 0) {
		t.diverged = true
		r.Steps, r.Loss = t.goodStep, t.m.Loss(t.good)
		copy(r.Theta, t.good)
	}
	w := t.watch
	err := t.lastCurvature(r, &w)
	r.Mechanism = w.Seen
	r.Phase = t.phase(r, &w)
	if t.diverged && single[T]() && !(r.Loss > t.o.LossCap) {
		r.Hint = fmt.Sprintf("float32 overflowed after step %d at loss %.3g, below the cap %.3g: the peak of a catapult may need float64", r.Steps, r.Loss, t.o.LossCap)
	}
	return r, err
}

// lastCurvature completes a run whose last step has no curvature.
func (t *trainer[T]) lastCurvature(r *TrainResult[T], w *watch) error {
	r.Curvature = t.main(&t.p)
	if t.diverged || t.p.Step == r.Steps && !math.IsNaN(r.Curvature.Value) {
		return nil
	}
	tracker := t.ntk
	if t.is.loss != MSE {
		tracker = t.hess
	}
	c, err := tracker.Top(r.Theta)
	if err != nil {
		return err
	}
	r.Curvature = c
	w.seeKappa(r.Steps, t.eta*c.Value)
	return nil
}

func (t *trainer[T]) phase(r *TrainResult[T], w *watch) Phase {
	noise := 0.0
	if t.is.stochastic {
		noise = 0.1 // of mini-batches
	}
	c := &w.Seen
	switch {
	case t.diverged:
		return Divergent
	case t.m.dead(r.Theta):
		return Dead
	case !t.met && !w.converged(t.is.zeroLoss, noise):
		return Undecided
	case c.Kappa0 <= c.Threshold:
		return Lazy
	}
	return Catapult
}

// single says whether T is a float32.
func single[T flow.Float]() bool { return unsafe.Sizeof(T(0)) == 4 }
