package catapult

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// ErrStop, returned by an observer, ends a run without being an error of it.
var ErrStop = errors.New("stop")

// TrainOptions says how Train is to train. Learning rate (Eta or C) and budget
// (Steps or Time) must be set; every other zero value is its documented default.
type TrainOptions[T flow.Float] struct {
	// Eta is the learning rate η.
	Eta float64
	// C is the learning rate in units of 1/λ0, η = C/λ0; instead of Eta.
	C float64
	// Lambda0 is the curvature λ0 at the start. If it is zero, Lambda0 computes it.
	Lambda0 float64
	// Momentum is β of the heavy ball m ← βm + ∇E, θ ← θ - ηm, 0 <= β < 1.
	Momentum float64
	// Nesterov evaluates the gradient ahead, at θ - ηβm (descent.Nesterov).
	Nesterov bool

	// Steps is the number of steps of the whole run, including those before
	// Resume.
	Steps int
	// Time is the physical time ηk/(1-β) to train for, so that runs of different
	// learning rates can be compared. With Steps, the shorter one counts.
	Time float64
	// LossTol ends the run as soon as the loss is at most this. Zero: never.
	LossTol float64
	// LossCap is the loss above which the run counts as divergent. If it is
	// zero, it is 1e12 max(1, L_0): the loss of a catapult may grow like the
	// width and must not be taken for divergence.
	LossCap float64

	// TrackLoss is the number of steps between losses. If it is zero, it is 1.
	// The loss is that of the full data, without weight decay; it costs nothing
	// with the full batch, a forward pass with mini-batches or Nesterov.
	TrackLoss int
	// TrackNTK and TrackHessian are the numbers of steps between values of the
	// largest eigenvalue of the tangent kernel and of the Hessian. Zero: never.
	TrackNTK, TrackHessian int
	// Sharpness says how these are computed.
	Sharpness SharpnessOptions

	// Observe is shown every step, the start included, unless it is nil. Both
	// arguments are views. An error ends the run; ErrStop ends it quietly.
	Observe func(p *Point, theta []T) error
	// NoTrace leaves TrainResult.Trace empty.
	NoTrace bool
	// Save is given the state of the run every SaveEvery steps, unless it is nil
	// or SaveEvery is zero. An error ends the run.
	Save      func(*TrainState) error
	SaveEvery int
	// Resume goes on from a saved state instead of theta0. Learning rate and
	// momentum are those of the state, and may be left zero.
	Resume *TrainState
}

// check says what is wrong with the options and fills in defaults.
func (o *TrainOptions[T]) check() error {
	if r := o.Resume; r != nil {
		if err := o.inherit(r); err != nil {
			return err
		}
	}
	switch {
	case o.Eta != 0 && o.C != 0 || o.Eta == 0 && o.C == 0:
		return fmt.Errorf("catapult: Eta = %v, C = %v, want one of them to be set: %w", o.Eta, o.C, ErrArgument)
	case o.C != 0 && (!(o.C > 0) || math.IsInf(o.C, 0)):
		return fmt.Errorf("catapult: C = %v, want a finite learning rate > 0 in units of 1/λ0: %w", o.C, ErrArgument)
	case !(o.Momentum >= 0 && o.Momentum < 1):
		return fmt.Errorf("catapult: Momentum = %v, want a number in [0, 1): %w", o.Momentum, ErrArgument)
	case o.Steps < 0 || o.Steps == 0 && o.Time == 0:
		return fmt.Errorf("catapult: Steps = %d, Time = %v, want one of them > 0: %w", o.Steps, o.Time, ErrArgument)
	}
	if o.C == 0 {
		if err := checkEta(o.Eta); err != nil {
			return err
		}
	}
	for _, v := range []struct {
		name string
		v    float64
	}{{"Lambda0", o.Lambda0}, {"Time", o.Time}, {"LossTol", o.LossTol}, {"LossCap", o.LossCap}} {
		if !(v.v >= 0) || math.IsInf(v.v, 0) {
			return fmt.Errorf("catapult: %s = %v, want a finite number > 0, or 0 for the default: %w", v.name, v.v, ErrArgument)
		}
	}
	for _, v := range []struct {
		name string
		v    int
	}{{"TrackLoss", o.TrackLoss}, {"TrackNTK", o.TrackNTK}, {"TrackHessian", o.TrackHessian}, {"SaveEvery", o.SaveEvery}} {
		if v.v < 0 {
			return fmt.Errorf("catapult: %s = %d, want a number of steps > 0, or 0 for the default: %w", v.name, v.v, ErrArgument)
		}
	}
	if o.TrackLoss == 0 {
		o.TrackLoss = 1
	}
	return o.Sharpness.check()
}

// inherit takes over what a saved run fixes.
func (o *TrainOptions[T]) inherit(r *TrainState) error {
	misfit := func(name string, got, want any) error {
		return fmt.Errorf("catapult: %s = %v, that of the saved run is %v: %w", name, got, want, ErrArgument)
	}
	switch {
	case o.Eta != 0 && o.Eta != r.Eta:
		return misfit("Eta", o.Eta, r.Eta)
	case o.C != 0 && o.C/r.Lambda0.Value != r.Eta:
		return misfit("C", o.C, r.Eta*r.Lambda0.Value)
	case o.Momentum != 0 && o.Momentum != r.Momentum:
		return misfit("Momentum", o.Momentum, r.Momentum)
	case o.Nesterov && !r.Nesterov:
		return misfit("Nesterov", o.Nesterov, r.Nesterov)
	}
	o.Eta, o.C, o.Momentum, o.Nesterov = r.Eta, 0, r.Momentum, r.Nesterov
	return nil
}

// integrator is the descent method of the options.
func (o *TrainOptions[T]) integrator(m Model[T]) flow.Integrator[T] {
	f := flow.GradientFlow[T](m)
	switch {
	case o.Nesterov:
		return descent.Nesterov(f, descent.Constant(o.Momentum))
	case o.Momentum > 0:
		return descent.HeavyBall(f, o.Momentum)
	}
	return descent.GD(f)
}

// threshold is the ηλ at which linear dynamics become unstable.
func (o *TrainOptions[T]) threshold() float64 {
	if o.Nesterov {
		return NesterovThreshold(o.Momentum)
	}
	return HeavyBallThreshold(o.Momentum)
}

// budget is the number of steps of the whole run.
func (o *TrainOptions[T]) budget(eta float64) int {
	n := math.Inf(1)
	if o.Time > 0 {
		n = max(1, math.Ceil(o.Time*(1-o.Momentum)/eta*(1-1e-12)))
	}
	if o.Steps > 0 {
		n = min(n, float64(o.Steps))
	}
	return int(min(n, math.MaxInt32))
}
