package infogeo

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// FitOptions says how Fit is to go. The zero value is globalised natural gradient
// descent to a gradient of 1e-10.
type FitOptions struct {
	// Start is the natural parameter to start from; nil means zero where that is in
	// the domain, else the parameter is chosen by the family.
	Start []float64
	// Tol ends the fit where max|η_i - η_q,i| <= Tol; 0 means 1e-10.
	Tol float64
	// MaxSteps is the greatest number of steps; 0 means 200, and then reaching it is
	// an error.
	MaxSteps int
	// Step is a step size α kept constant, without safeguards: the fit ends with
	// ErrDiverged where the loss is not finite or rises, in one step, by ten times what
	// was gained since the start, and at least 10. 0 means the globalised rule.
	Step float64
	// TrustRegion, if > 0, is a bound δ on the change of KL in a step to second
	// order: α = min(1, √(2δ)/decrement), without line search.
	TrustRegion float64
	// Damping is added to the diagonal of the Fisher matrix.
	Damping float64
	// Observe is shown the start and every step; what it is shown is valid during the
	// call. It may be nil.
	Observe func(FitStep)
}

// FitStep is where a fit stands after K steps.
type FitStep struct {
	K          int
	Theta, Eta []float64
	Loss       float64 // ψ(θ) - θ·η_q, the cross-entropy relative to the base measure
	Gradient   float64 // max|η_i - η_q,i|
	Decrement  float64 // √(gᵀG⁻¹g) of the step that led here, NaN at the start; half its square is about the loss that the step removed
	Alpha      float64 // size of that step
}

// FitResult is the end of a fit.
type FitResult struct {
	FitStep
	Status flow.Status // Converged, StepLimit, Diverged, Cancelled or Failed
}

// NoFiniteMLEError is a fit whose maximum-likelihood estimate is at infinity. It wraps
// ErrNoFiniteMLE and ErrBoundary.
type NoFiniteMLEError struct {
	// Direction u is one in which the likelihood never decreases: u·T(x) is as large
	// as it can be in all the data. It is nil if the family does not tell.
	Direction []float64
	Reason    string
}

// Error implements error.
func (e *NoFiniteMLEError) Error() string {
	return fmt.Sprintf("infogeo: %s: %v", e.Reason, ErrNoFiniteMLE)
}

// Unwrap returns ErrNoFiniteMLE and ErrBoundary.
func (e *NoFiniteMLEError) Unwrap() []error { return []error{ErrNoFiniteMLE, ErrBoundary} }

// Fit returns the member of the family with the expectation parameters target, which is
// the maximum-likelihood estimate if target is the mean of the statistic over data, and
// the m-projection argmin KL(q‖p) if it is the mean under q.
//
// It goes by natural gradient descent in θ, which is Newton's method on ψ(θ) - θ·target
// and Fisher scoring: full steps once the squared decrement gᵀG⁻¹g is at most 1/16,
// before that steps halved until Armijo's condition holds (with c1 = 1e-4), since the
// log-partition function is not self-concordant and the usual damping 1/(1+decrement)
// is not safe. Where the Fisher matrix is singular to working precision, or asks for a
// step longer than 10⁶(1+|θ|), half a natural gradient step in η is taken instead, which
// stays in the mean domain; families whose inverse is itself iterative damp instead.
//
// Errors wrap ErrInvalid, ErrOutsideMeanDomain, ErrNoFiniteMLE (a *NoFiniteMLEError with
// a direction), ErrDiverged (a *DivergedError), ErrSingularFisher, ErrNoConvergence or
// the error of the context. The result is the last good point, nil only if the arguments
// were refused.
func Fit(ctx context.Context, f Family, target []float64, o FitOptions) (*FitResult, error) {
	if err := o.check(f, target); err != nil {
		return nil, err
	}
	n := newNewton(f)
	if err := n.begin(target, o.Start); err != nil {
		return nil, err
	}
	n.damping, n.fixed, n.trust = o.Damping, o.Step, o.TrustRegion
	tol, limit := o.Tol, o.MaxSteps
	if tol == 0 {
		tol = 1e-10
	}
	if limit == 0 {
		limit = 200
	}
	status, err := flow.StepLimit, error(nil)
	for {
		if o.Observe != nil {
			o.Observe(n.at)
		}
		if n.at.Gradient <= tol {
			status = flow.Converged
			break
		}
		if n.at.K == limit {
			if o.MaxSteps == 0 {
				err = fmt.Errorf("infogeo: gradient %v after %d steps, want at most %v: %w", n.at.Gradient, limit, tol, ErrNoConvergence)
			}
			break
		}
		if err = ctx.Err(); err != nil {
			status = flow.Cancelled
			break
		}
		if err = n.step(); err != nil {
			status = flow.Failed
			if errors.Is(err, ErrDiverged) {
				status = flow.Diverged
			}
			break
		}
	}
	return &FitResult{FitStep: n.at, Status: status}, err
}

// check returns the first thing that is wrong with the arguments of Fit.
func (o *FitOptions) check(f Family, target []float64) error {
	d := f.Dim()
	if len(target) != d {
		return fmt.Errorf("infogeo: target of length %d, want the dimension %d of the family: %w", len(target), d, ErrShape)
	}
	if o.Start != nil && len(o.Start) != d {
		return fmt.Errorf("infogeo: start of length %d, want the dimension %d of the family: %w", len(o.Start), d, ErrShape)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"Tol", o.Tol}, {"Step", o.Step}, {"TrustRegion", o.TrustRegion}, {"Damping", o.Damping}, {"MaxSteps", float64(o.MaxSteps)}} {
		if !(v.value >= 0) || math.IsInf(v.value, 1) {
			return fmt.Errorf("infogeo: FitOptions.%s = %v, want a finite number >= 0: %w", v.name, v.value, ErrInvalid)
		}
	}
	if o.Step > 0 && o.TrustRegion > 0 {
		return fmt.Errorf("infogeo: FitOptions.Step = %v and FitOptions.TrustRegion = %v, want one of them: %w", o.Step, o.TrustRegion, ErrInvalid)
	}
	if o.Start != nil {
		return f.CheckNatural(o.Start)
	}
	return nil
}
