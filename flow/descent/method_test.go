package descent

import (
	"context"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

func quadratic[T flow.Float](lambda float64) flow.Energy[T] {
	return flow.EnergyFunc(1, func(grad, x []T) float64 {
		if grad != nil {
			grad[0] = T(lambda) * x[0]
		}
		return lambda / 2 * float64(x[0]) * float64(x[0])
	})
}

func TestSmoke(t *testing.T) {
	r, err := flow.New(GD(flow.GradientFlow(quadratic[float64](1))), []float64{1}, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, MaxSteps: 5})
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range r.Steps(context.Background()) {
		t.Log(s.K, s.T, s.X, s.Energy, s.Status, err)
	}
}
