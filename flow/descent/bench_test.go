package descent

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// bowl is E = |x|²/2, cheap enough that the loop is what is measured.
func bowl[T flow.Float](n int) flow.Energy[T] {
	return flow.EnergyFunc(n, func(g, x []T) float64 {
		var e T
		if g == nil {
			for _, v := range x {
				e += v * v
			}
			return float64(e) / 2
		}
		for i, v := range x {
			g[i] = v
			e += v * v
		}
		return float64(e) / 2
	})
}

// BenchmarkStep is a step of each method with a constant learning rate.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{2, 100, 10000} {
		f := flow.GradientFlow(bowl[float64](n))
		for _, m := range []struct {
			name string
			it   flow.Integrator[float64]
			ctl  flow.Controller
		}{
			{"GD", GD(f), flow.Fixed{H: 1e-9}},
			{"HeavyBall", HeavyBall(f, 0.9), flow.Fixed{H: 1e-9}},
			{"Nesterov", Nesterov(f, Constant(0.9)), flow.Fixed{H: 1e-9}},
			{"GD+Armijo", GD(f), Armijo{Start: 1e-9, Fresh: true}},
			{"GD+BB", GD(f), BarzilaiBorwein{Start: 1e-9, Max: 1e-9}},
			{"Adam", Adam(f, AdamOptions{}), flow.Fixed{H: 1e-9}},
			{"SignGD", SignGD(f), flow.Fixed{H: 1e-12}},
			{"Extragradient", Extragradient(f), flow.Fixed{H: 1e-9}},
			{"Optimistic", Optimistic(f), flow.Fixed{H: 1e-9}},
		} {
			b.Run(fmt.Sprintf("%s/n=%d", m.name, n), func(b *testing.B) {
				x := make([]float64, n)
				for i := range x {
					x[i] = 1
				}
				r, err := flow.New(m.it, x, flow.Options[float64]{Controller: m.ctl, MaxSteps: 1 << 30})
				if err != nil {
					b.Fatal(err)
				}
				ctx := context.Background()
				b.ReportAllocs()
				for b.Loop() {
					r.Next(ctx)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
			})
		}
	}
}
