package infogeo

import (
	"context"
	"fmt"

	"github.com/gradflow/gradflow/flow"
)

// RunOptions says when Descent.Run ends and who watches.
type RunOptions struct {
	// Tol ends the run as Converged where the loss is at most Tol; 0 means 1e-10.
	Tol float64
	// MaxSteps is the greatest number of steps; 0 means 1e6, and then reaching it is an
	// error.
	MaxSteps int
	// Observe is shown the start and every state, with its loss. p is valid during the
	// call. It may be nil.
	Observe func(k int, p []float64, loss float64)
}

// RunResult is where a run ended.
type RunResult struct {
	P      []float64 // the last valid distribution
	Loss   float64   // its loss
	Steps  int       // number of steps that led to it
	Status flow.Status
	// Unstable says that the step size is above the limit of stability.
	Unstable bool
}

// Run descends from the distribution p0 until the loss is small. It returns the last
// valid iterate, however it ended; the result is nil only if the arguments were refused.
// Errors wrap ErrInvalid, ErrBoundary, ErrLeftDomain (a *LeftDomainError), ErrDiverged
// (a *DivergedError: the loss rose tenfold in a step, or is not finite),
// ErrNoConvergence or the error of the context.
func (d *Descent[T]) Run(ctx context.Context, p0 []T, o RunOptions) (*RunResult, error) {
	if len(p0) != d.f.pt.n+1 {
		return nil, fmt.Errorf("infogeo: p0 has %d states, want %d: %w", len(p0), d.f.pt.n+1, ErrShape)
	}
	if !(o.Tol >= 0) || o.MaxSteps < 0 {
		return nil, fmt.Errorf("infogeo: Tol = %v, MaxSteps = %d, want numbers >= 0: %w", o.Tol, o.MaxSteps, ErrInvalid)
	}
	x, next := make([]T, d.Dim()), make([]T, d.Dim())
	if err := d.FromP(x, p0); err != nil {
		return nil, err
	}
	tol, limit := o.Tol, o.MaxSteps
	if tol == 0 {
		tol = 1e-10
	}
	if limit == 0 {
		limit = 1e6
	}
	p := make([]T, len(p0))
	show := func(k int, loss float64) {
		if o.Observe != nil {
			d.P(p, x)
			o.Observe(k, float64s(p), loss)
		}
	}
	r := &RunResult{Loss: d.Loss(x), Status: flow.StepLimit, Unstable: d.Unstable()}
	var err error
	show(0, r.Loss)
	for {
		if r.Loss <= tol {
			r.Status = flow.Converged
			break
		}
		if r.Steps == limit {
			if o.MaxSteps == 0 {
				err = fmt.Errorf("infogeo: loss %v after %d steps, want at most %v: %w", r.Loss, limit, tol, ErrNoConvergence)
			}
			break
		}
		if err = ctx.Err(); err != nil {
			r.Status = flow.Cancelled
			break
		}
		if _, err = d.Step(next, x, r.Steps); err != nil {
			r.Status = flow.Diverged
			break
		}
		loss := d.Loss(next)
		if d.rises(r.Loss, loss) {
			err = &DivergedError{Step: r.Steps, Loss: r.Loss, Next: loss, LastState: float64s(x)}
			r.Status = flow.Diverged
			break
		}
		x, next = next, x
		r.Loss = loss
		r.Steps++
		show(r.Steps, loss)
	}
	d.P(p, x)
	r.P = float64s(p)
	return r, err
}
