package catapult

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// ReducedOptions says how long a ReducedLinear is run. Zero values are the
// documented defaults.
type ReducedOptions[T flow.Float] struct {
	// Steps is the largest number of steps. If it is zero, it is 1000.
	Steps int
	// GradTol ends the run as converged when |∇E| is at most this fraction of its
	// value at the start. If it is zero, it is 1e-6.
	GradTol float64
	// LossCap is the loss above which the run counts as divergent. If it is zero,
	// it is 1e12 n max(1, L_0), since the loss of a catapult grows like the width
	// n.
	LossCap float64
	// Observe is shown the start and every step, with a view of the state, unless
	// it is nil.
	Observe func(step int, loss float64, state []T)
}

func (o *ReducedOptions[T]) check() error {
	if o.Steps < 0 {
		return fmt.Errorf("catapult: Steps = %d, want a number > 0, or 0 for the default: %w", o.Steps, ErrArgument)
	}
	if o.Steps == 0 {
		o.Steps = 1000
	}
	for _, v := range []struct {
		name string
		v    float64
	}{{"GradTol", o.GradTol}, {"LossCap", o.LossCap}} {
		if !(v.v >= 0) || math.IsInf(v.v, 0) {
			return fmt.Errorf("catapult: %s = %v, want a finite number > 0, or 0 for the default: %w", v.name, v.v, ErrArgument)
		}
	}
	if o.GradTol == 0 {
		o.GradTol = 1e-6
	}
	return nil
}

// ReducedResult is what became of a run of a ReducedLinear.
type ReducedResult[T flow.Float] struct {
	// Phase is Divergent if the loss passed its cap or a number overflowed;
	// Stationary if the gradient is zero at the start; Undecided if the steps
	// ended before the gradient was small; else Lazy, Critical or Catapult
	// according to Kappa0 = ηλ0 below, at or above 2.
	Phase Phase
	// Steps is the number of steps made, with finite states.
	Steps int
	// Loss0, Loss and PeakLoss are the losses at the start, at the last finite
	// state and at their largest, first reached at PeakStep.
	Loss0, Loss, PeakLoss float64
	PeakStep              int
	// Lambda0 and Lambda are the curvatures at the start and at the last finite
	// state, Kappa0 and Kappa the same times η.
	Lambda0, Lambda, Kappa0, Kappa float64
	// State is the last finite state.
	State []T
	// Overflow says that the run is Divergent because a number of type T
	// overflowed, not because of LossCap: with float32 a peak beyond 1e38 does
	// that too, and float64 may tell another story.
	Overflow bool
}

// Run runs gradient descent from a state until it converges, diverges or its
// steps end. Divergence is a result. If ctx is cancelled, the result so far, with
// phase Undecided, is returned with an error that wraps that of ctx. Other errors
// wrap ErrArgument, ErrShape, ErrNonFinite, or ErrZeroCurvature if λ0 = 0.
func (r *ReducedLinear[T]) Run(ctx context.Context, start []T, o ReducedOptions[T]) (*ReducedResult[T], error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(start) != r.Dim() {
		return nil, fmt.Errorf("catapult: len(start) = %d, want 1+d+d² = %d: %w", len(start), r.Dim(), ErrShape)
	}
	if !kernel.AllFinite(start) {
		return nil, fmt.Errorf("catapult: start holds a NaN or an infinity: %w", ErrNonFinite)
	}
	res := &ReducedResult[T]{Lambda0: r.NTKTop(start).Value}
	if res.Lambda0 == 0 {
		return nil, fmt.Errorf("catapult: data or parameters are zero: %w", ErrZeroCurvature)
	}
	err := r.run(ctx, start, o, res)
	res.Lambda = r.NTKTop(res.State).Value
	res.Kappa0, res.Kappa = r.cfg.Eta*res.Lambda0, r.cfg.Eta*res.Lambda
	if res.Phase == Lazy && res.Kappa0 >= LazyThreshold {
		res.Phase = Catapult
		if res.Kappa0 == LazyThreshold {
			res.Phase = Critical
		}
	}
	return res, err
}

// run fills in all but the curvatures; a converged run is Lazy for now.
func (r *ReducedLinear[T]) run(ctx context.Context, start []T, o ReducedOptions[T], res *ReducedResult[T]) error {
	run, err := flow.New(r.Integrator(), start, flow.Options[T]{MaxSteps: o.Steps, Bound: math.Inf(1)})
	if err != nil {
		return fmt.Errorf("catapult: %w", err)
	}
	loss, grad0 := r.lossGrad(start)
	if o.LossCap == 0 {
		o.LossCap = 1e12 * r.cfg.N * max(1, loss)
	}
	res.Loss0, res.PeakLoss = loss, loss
	res.keep(0, loss, start, o.Observe)
	if grad0 == 0 {
		res.Phase = Stationary
		return nil
	}
	for run.Next(ctx) {
		s := run.Step()
		loss, grad2 := r.lossGrad(s.X)
		if !(loss <= o.LossCap) {
			res.Phase, res.Overflow = Divergent, !(loss <= math.MaxFloat64)
			return nil
		}
		if loss > res.PeakLoss {
			res.PeakLoss, res.PeakStep = loss, s.K
		}
		res.keep(s.K, loss, s.X, o.Observe)
		if grad2 <= o.GradTol*o.GradTol*grad0 {
			res.Phase = Lazy
			return nil
		}
	}
	if run.Status() == flow.Diverged { // overflow
		res.Phase, res.Overflow = Divergent, true
	}
	if err := run.Err(); err != nil {
		return fmt.Errorf("catapult: %w", err)
	}
	return nil
}

func (res *ReducedResult[T]) keep(step int, loss float64, state []T, observe func(int, float64, []T)) {
	res.Steps, res.Loss = step, loss
	res.State = append(res.State[:0], state...)
	if observe != nil {
		observe(step, loss, state)
	}
}
