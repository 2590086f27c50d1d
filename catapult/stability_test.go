package catapult

import (
	"context"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// grows runs a descent method on λx²/2 at ηλ = κ and says whether |x| grows.
func grows(t *testing.T, kappa float64, method func(f flow.Field[float64]) flow.Integrator[float64]) bool {
	t.Helper()
	const lambda = 3.7
	e := flow.EnergyFunc(1, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0] = lambda * x[0]
		}
		return lambda * x[0] * x[0] / 2
	})
	r, err := flow.New(method(flow.GradientFlow(e)), []float64{1}, flow.Options[float64]{
		Controller: flow.Fixed{H: kappa / lambda}, MaxSteps: 20000, Bound: 1e3,
	})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return sol.Status == flow.Diverged || math.Abs(sol.X[0]) > 1
}

func TestStabilityThresholds(t *testing.T) {
	const margin = 2e-3
	for _, beta := range []float64{0, 0.3, 0.9, 0.99} {
		for name, m := range map[string]struct {
			threshold float64
			method    func(f flow.Field[float64]) flow.Integrator[float64]
		}{
			"heavy ball": {HeavyBallThreshold(beta), func(f flow.Field[float64]) flow.Integrator[float64] { return descent.HeavyBall(f, beta) }},
			"Nesterov": {NesterovThreshold(beta), func(f flow.Field[float64]) flow.Integrator[float64] {
				return descent.Nesterov(f, descent.Constant(beta))
			}},
		} {
			if grows(t, m.threshold*(1-margin), m.method) || !grows(t, m.threshold*(1+margin), m.method) {
				t.Errorf("%s with β = %v: %v is not the threshold", name, beta, m.threshold)
			}
		}
	}
	gd := func(f flow.Field[float64]) flow.Integrator[float64] { return descent.GD(f) }
	if grows(t, 2*(1-margin), gd) || !grows(t, 2*(1+margin), gd) || HeavyBallThreshold(0) != 2 || NesterovThreshold(0) != 2 {
		t.Error("2 is not the threshold of gradient descent")
	}
}
