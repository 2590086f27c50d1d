package flow

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkStabilised is a whole run of a stiff gradient flow, to be read beside the
// solvers of other libraries: time, evaluations of f and error.
func BenchmarkStabilised(b *testing.B) {
	sols := solutions(b)
	for _, name := range []string{"linear_flow", "heat_mol", "allen_cahn", "rosenbrock_flow"} {
		p := gradientProblems()[name]
		for _, m := range []Method{ROCK4, RKC2, RKL2, DormandPrince} {
			for _, rtol := range []float64{1e-4, 1e-6, 1e-8} {
				if name == "linear_flow" && m == DormandPrince {
					continue // 2.3 million evaluations
				}
				b.Run(fmt.Sprintf("%s/%v/%.0e", name, m, rtol), func(b *testing.B) {
					var sol *Solution[float64]
					b.ReportAllocs()
					for b.Loop() {
						var err error
						sol, err = Solve(context.Background(), Field[float64](p.flow()), p.x0, Options[float64]{Method: m, T1: p.T, RelTol: rtol, AbsTol: rtol / 1000})
						if err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(sol.Stats.Evals), "evals")
					b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*sol.Stats.Evals), "ns/eval")
					b.ReportMetric(sols[name].relErr(sol.X), "error")
				})
			}
		}
	}
}
