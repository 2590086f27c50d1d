package flow

import (
	"context"
	"testing"
)

// BenchmarkStiff solves the stiff problems; ns/eval is the time by evaluation.
func BenchmarkStiff(b *testing.B) {
	for _, name := range []string{"vanderpol_stiff", "hires", "robertson_40", "linear_flow"} {
		p := stiffProblems()[name]
		for _, m := range []Method{Rodas5P, KenCarp4, TRBDF2} {
			b.Run(name+"/"+m.String(), func(b *testing.B) {
				b.ReportAllocs()
				steps := 0
				for b.Loop() {
					sol, err := Solve(context.Background(), p.exact(), p.y0, Options[float64]{Method: m, T1: p.T, RelTol: 1e-6, AbsTol: 1e-9})
					if err != nil {
						b.Fatal(err)
					}
					steps = sol.Stats.Accepted + sol.Stats.Rejected
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*steps), "ns/step")
			})
		}
	}
}
