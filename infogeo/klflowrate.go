package infogeo

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// asymptotics are the linear terms of a flow near its target, found by following
// it.
type asymptotics struct {
	rate float64 // of the loss
	amp  float64 // lim e^(rate t) L
	at   float64 // loss at the last point
}

// measureRate returns the exponential rate of the loss along the flow from p0, in
// the limit of small losses. See follow.
func measureRate(q, p0 []float64, ref int, o KLFlowOptions) (float64, error) {
	a, err := follow(q, p0, ref, o)
	return a.rate, err
}

// follow integrates the deviation τ = θ - θ_q, which can become as small as it
// likes without losing digits, with a relative tolerance alone, and fits the slope of
// log L by least squares where L < 1e-30: nonlinear terms are then relatively 1e-15,
// and what is left of the faster modes falls like e^-2(μ_2-μ_1)t.
func follow(q, p0 []float64, ref int, o KLFlowOptions) (asymptotics, error) {
	const (
		from   = 1e-120 // begin of the fit
		to     = 1e-200 // and end
		points = 4000   // at most
	)
	o.Coords = DeviationCoords
	f, err := NewKLFlow(q, ref, o)
	if err != nil {
		return asymptotics{}, err
	}
	x := make([]float64, f.Dim())
	if err := f.FromP(x, p0); err != nil {
		return asymptotics{}, err
	}
	r, err := flow.New(flow.ODE(flow.Field[float64](f), flow.DOP853), x, flow.Options[float64]{
		RelTol: 1e-11, AbsTol: 1e-250, MaxSteps: 200 * points,
		Stop: []flow.Stop[float64]{flow.StopEnergy[float64](to)},
	})
	if err != nil {
		return asymptotics{}, err
	}
	var t, l []float64
	for s, err := range r.Steps(context.Background()) {
		if err != nil {
			return asymptotics{}, err
		}
		if e, _ := f.EvalEnergy(nil, s.X, 0); e < from && e > 0 {
			t, l = append(t, s.T), append(l, math.Log(e))
		}
	}
	if len(t) < 3 {
		return asymptotics{}, fmt.Errorf("infogeo: the flow did not reach a loss of %v (%v at t = %v): %w", to, r.Status(), r.Step().T, ErrNoConvergence)
	}
	slope, mean := leastSquares(t, l)
	return asymptotics{rate: -slope, amp: math.Exp(mean), at: math.Exp(l[len(l)-1])}, nil
}

// leastSquares fits y = a + b x and returns b and a.
func leastSquares(x, y []float64) (slope, intercept float64) {
	n := float64(len(x))
	mx, my := kernel.Sum(x)/n, kernel.Sum(y)/n
	var xx, xy float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	slope = xy / xx
	return slope, my - slope*mx
}
