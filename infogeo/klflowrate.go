package infogeo

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// measureRate returns the exponential rate of the loss along the flow from p0, in the
// limit of small losses. It integrates the deviation τ = θ - θ_q, which can become as
// small as it likes without losing digits, with a tolerance relative to |τ|, and fits the
// slope of log L by least squares where L < 1e-120: nonlinear terms are then relatively
// 1e-60, and what is left of the faster modes falls like e^-2(μ_2-μ_1)t.
func measureRate(q, p0 []float64, ref int, o KLFlowOptions) (float64, error) {
	const (
		from    = 1e-120 // begin of the fit
		to      = 1e-200 // and end
		tol     = 1e-12
		segment = 1e-3 // by which |τ| falls until the tolerance follows it
	)
	o.Coords = DeviationCoords
	f, err := NewKLFlow(q, ref, o)
	if err != nil {
		return 0, err
	}
	x := make([]float64, f.Dim())
	if err := f.FromP(x, p0); err != nil {
		return 0, err
	}
	var t, l []float64
	now := 0.0
	for done := false; !done; {
		size := kernel.MaxAbs(x)
		r, err := flow.New(flow.ODE(flow.Field[float64](f), flow.DOP853), x, flow.Options[float64]{
			T0: now, RelTol: tol, AbsTol: max(tol*segment*size, 1e-300), MaxSteps: 200000,
			Stop: []flow.Stop[float64]{func(s *flow.Step[float64]) flow.Status {
				if done = s.Energy <= to; done || kernel.MaxAbs(s.X) <= segment*size {
					return flow.Converged
				}
				return flow.Running
			}},
		})
		if err != nil {
			return 0, err
		}
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				return 0, err
			}
			if s.K > 0 && s.Energy < from && s.Energy > 0 {
				t, l = append(t, s.T), append(l, math.Log(s.Energy))
			}
		}
		if r.Status() != flow.Converged {
			return 0, fmt.Errorf("infogeo: the flow did not reach a loss of %v (%v at t = %v): %w", to, r.Status(), r.Step().T, ErrNoConvergence)
		}
		now = r.Step().T
		copy(x, r.Step().X)
	}
	if len(t) < 3 {
		return 0, fmt.Errorf("infogeo: only %d steps between losses of %v and %v: %w", len(t), from, to, ErrNoConvergence)
	}
	return -slopeOf(t, l), nil
}

// slopeOf fits y = a + b x by least squares and returns b.
func slopeOf(x, y []float64) float64 {
	n := float64(len(x))
	mx, my := kernel.Sum(x)/n, kernel.Sum(y)/n
	var xx, xy float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	return xy / xx
}
