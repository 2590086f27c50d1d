package deq

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// ErrStop, returned by an observer, ends a training run without being an error.
var ErrStop = errors.New("stop")

// TrainPoint is what is known of the parameters θ before a step from them.
type TrainPoint struct {
	Step int
	// Loss is that of the batch, with the Jacobian penalty.
	Loss float64
	// Residual is the largest relative residual of the fixed points.
	Residual float64
	// Forward and Backward count the evaluations of the two solves on the batch.
	Forward, Backward int
	// GradNorm is |grad|. Norm2 is |W|₂, Radius an estimate of the largest spectral
	// radius of the Jacobians DW by 50 steps of the power method, Cosine that
	// between the gradient of the rule in (W, U, b) and the exact one: NaN unless
	// TrainOptions asks for them.
	GradNorm, Norm2, Radius, Cosine float64
}

// TrainOptions says how Train is to train. Eta and Steps must be set; every other
// zero value is its documented default.
type TrainOptions[T flow.Float] struct {
	// Eta is the learning rate.
	Eta float64
	// Steps is the number of steps of the whole run, those before Resume included.
	Steps int
	// Momentum is β of the heavy ball v ← βv + g, θ ← θ - ηv.
	Momentum float64
	// Adam, if not nil, replaces the heavy ball.
	Adam *descent.AdamOptions
	// LossCap is the loss that counts as divergence. If it is zero, it is 1e6 times
	// the first.
	LossCap float64
	// TrackNorm, TrackRadius and TrackCosine are the numbers of steps between
	// values of Norm2, Radius and Cosine. Zero: never.
	TrackNorm, TrackRadius, TrackCosine int
	// Observe is shown every step with θ and the gradient, views, unless it is nil.
	// An error ends the run; ErrStop ends it quietly.
	Observe func(p *TrainPoint, theta, grad []T) error
	// Resume goes on from a saved run, with the same steps bit for bit.
	Resume *TrainState
}

// TrainResult is the outcome of Train.
type TrainResult[T flow.Float] struct {
	// Theta are the parameters after Steps steps: the last good ones if the run
	// diverged.
	Theta []T
	Steps int
	// Last is the last point seen.
	Last TrainPoint

	run *flow.Run[T]
	net *Network[T]
}

// TrainState is a saved run; encoding/json keeps it exactly.
type TrainState struct {
	Flow  *flow.Checkpoint
	Z     []float64 // fixed points from which the next solve starts
	Start []float64 // singular vector from which the next |W|₂ starts
	Cap   float64
}

// State returns what Train needs to go on.
func (r *TrainResult[T]) State() (*TrainState, error) {
	if r.run == nil {
		return nil, fmt.Errorf("deq: the run ended at its start, there is nothing to go on from: %w", ErrArgument)
	}
	c, err := r.run.Checkpoint()
	if err != nil {
		return nil, fmt.Errorf("deq: %w", err)
	}
	return &TrainState{Flow: c, Z: float64s(r.net.z.Data), Start: float64s(r.net.spectrum.start), Cap: r.net.cap}, nil
}

func float64s[T flow.Float](x []T) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func setFloats[T flow.Float](dst []T, x []float64) {
	for i, v := range x {
		dst[i] = T(v)
	}
}

// Train minimises the loss of the network from theta0 by descent methods of
// flow/descent, with the projection of the network after each step.
//
// A run that loses its layer (no fixed point, no adjoint) or its loss (above the
// cap or not finite) is an error that wraps ErrDiverged and the reason, with the
// last good parameters. A cancelled context or failing observer returns what there
// is with that error. Otherwise errors wrap ErrArgument, ErrShape or ErrNotFinite,
// with a nil result.
func Train[T flow.Float](ctx context.Context, w *Network[T], theta0 []T, o TrainOptions[T]) (*TrainResult[T], error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t := &trainer[T]{w: w, o: o}
	w.hook, w.err, w.cap, w.pending = t.see, nil, o.LossCap, false
	defer func() { w.hook = nil }()
	if err := t.start(theta0); err != nil {
		return t.atStart(theta0, err)
	}
	return t.loop(ctx)
}

func (o *TrainOptions[T]) check() error {
	switch {
	case !(o.Eta > 0) || math.IsInf(o.Eta, 0):
		return fmt.Errorf("deq: Eta = %v, want a finite number > 0: %w", o.Eta, ErrArgument)
	case o.Steps < 1:
		return fmt.Errorf("deq: Steps = %d, want a number > 0: %w", o.Steps, ErrArgument)
	case !(o.Momentum >= 0 && o.Momentum < 1):
		return fmt.Errorf("deq: Momentum = %v, want a number in [0, 1): %w", o.Momentum, ErrArgument)
	case o.Adam != nil && o.Momentum != 0:
		return fmt.Errorf("deq: Momentum = %v with Adam, want one of them: %w", o.Momentum, ErrArgument)
	case o.TrackNorm < 0 || o.TrackRadius < 0 || o.TrackCosine < 0:
		return fmt.Errorf("deq: TrackNorm = %d, TrackRadius = %d, TrackCosine = %d, want numbers >= 0: %w", o.TrackNorm, o.TrackRadius, o.TrackCosine, ErrArgument)
	}
	return checkNonnegative("LossCap", o.LossCap)
}

// trainer is a run of Train.
type trainer[T flow.Float] struct {
	w     *Network[T]
	o     TrainOptions[T]
	run   *flow.Run[T]
	p     TrainPoint
	ended error
	exact DenseGrad[T]
	norm  spectrum[T]
}

func (t *trainer[T]) start(theta0 []T) error {
	w := t.w
	f := flow.GradientFlow[T](w)
	var it flow.Integrator[T]
	switch {
	case t.o.Adam != nil:
		it = descent.Adam(f, *t.o.Adam)
	case t.o.Momentum > 0:
		it = descent.HeavyBall(f, t.o.Momentum)
	default:
		it = descent.GD(f)
	}
	o := flow.Options[T]{Controller: flow.Fixed{H: t.o.Eta}, MaxSteps: t.o.Steps, Bound: math.Inf(1)}
	if w.cfg.projects() {
		o.Jump = projection[T]{w}
	}
	var err error
	if s := t.o.Resume; s != nil {
		if len(s.Z) != len(w.z.Data) {
			return fmt.Errorf("deq: saved run has %d numbers of fixed points, want %d: %w", len(s.Z), len(w.z.Data), ErrShape)
		}
		t.run, err = flow.Resume(it, s.Flow, o)
		setFloats(w.z.Data, s.Z)
		w.spectrum.start = make([]T, len(s.Start))
		setFloats(w.spectrum.start, s.Start)
		w.cap = s.Cap
	} else {
		if len(theta0) != w.dim {
			return fmt.Errorf("deq: len(theta0) = %d, want the number of parameters, %d: %w", len(theta0), w.dim, ErrShape)
		}
		if err := checkFinite(theta0, "theta0", 0); err != nil {
			return err
		}
		clear(w.z.Data)
		w.spectrum.start = w.spectrum.start[:0]
		t.run, err = flow.New(it, theta0, o)
	}
	if err != nil {
		return fmt.Errorf("deq: %w", err)
	}
	return nil
}

// atStart is the outcome of a run whose first evaluation failed, or of one with bad
// arguments.
func (t *trainer[T]) atStart(theta0 []T, err error) (*TrainResult[T], error) {
	if t.w.err == nil {
		return nil, err
	}
	r := &TrainResult[T]{Theta: slices.Clone(theta0), Last: t.p, net: t.w}
	switch {
	case errors.Is(t.ended, ErrStop):
		return r, nil
	case t.ended != nil:
		return r, t.ended
	}
	return r, fmt.Errorf("deq: training at the start: %w: %w", t.w.err, ErrDiverged)
}

// loop makes the steps.
func (t *trainer[T]) loop(ctx context.Context) (*TrainResult[T], error) {
	for t.run.Next(ctx) {
	}
	s := t.run.Step()
	r := &TrainResult[T]{Theta: slices.Clone(s.X), Steps: s.K, Last: t.p, run: t.run, net: t.w}
	switch {
	case errors.Is(t.ended, ErrStop):
		return r, nil
	case t.ended != nil:
		return r, t.ended
	case t.w.err != nil:
		return r, fmt.Errorf("deq: training after step %d: %w: %w", s.K, t.w.err, ErrDiverged)
	case t.run.Status() == flow.Diverged:
		return r, fmt.Errorf("deq: training after step %d: parameters are not finite: %w", s.K, ErrDiverged)
	case t.run.Err() != nil:
		return r, fmt.Errorf("deq: training after step %d: %w", s.K, t.run.Err())
	}
	return r, nil
}

// see is shown the evaluation of a step by the network. An error makes the
// evaluation NaN, at which the run gives up.
func (t *trainer[T]) see(loss float64, theta, grad []T) error {
	w := t.w
	if w.cap == 0 {
		w.cap = 1e6 * max(loss, 1e-3)
	}
	nan := math.NaN()
	t.p = TrainPoint{Step: int(w.step), Loss: loss, Residual: w.fwd.Relative, Forward: w.fwd.Evals, Backward: w.bwd.Evals, GradNorm: kernel.Nrm2(grad), Norm2: nan, Radius: nan, Cosine: nan}
	if loss > w.cap {
		return fmt.Errorf("deq: loss %.3g is above its cap %.3g: %w", loss, w.cap, ErrNotFinite)
	}
	if due(t.o.TrackNorm, t.p.Step) {
		var err error
		if t.p.Norm2, err = t.norm.norm(w.layer.W); err != nil {
			return err
		}
	}
	if due(t.o.TrackCosine, t.p.Step) {
		if err := t.cosine(); err != nil {
			return err
		}
	}
	if due(t.o.TrackRadius, t.p.Step) {
		t.p.Radius = w.radius(50)
	}
	if t.o.Observe == nil {
		return nil
	}
	err := t.o.Observe(&t.p, theta, grad)
	if err != nil && !errors.Is(err, ErrStop) {
		err = fmt.Errorf("deq: observer at step %d: %w", t.p.Step, err)
	}
	t.ended = err
	return err
}

func due(every, step int) bool { return every > 0 && step%every == 0 }

// cosine compares the gradient in (W, U, b) with the exact one.
func (t *trainer[T]) cosine() error {
	w := t.w
	if _, err := w.layer.Backward(context.Background(), &t.exact, &w.eq, w.dz, Backward{}, &w.back); err != nil {
		return err
	}
	g := w.grad
	t.p.Cosine = inner(g, &t.exact) / math.Sqrt(inner(g, g)*inner(&t.exact, &t.exact))
	return nil
}

// projection is the Jump that keeps |W|₂ <= κ.
type projection[T flow.Float] struct{ w *Network[T] }

func (projection[T]) Limit(_ []T, _, h float64) float64 { return h }

func (p projection[T]) Apply(x []T, _, _ float64, _ uint64) (bool, error) { return p.w.project(x) }
