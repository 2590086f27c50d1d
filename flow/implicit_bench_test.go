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

// BenchmarkGeometric makes steps of the geometric methods.
func BenchmarkGeometric(b *testing.B) {
	for _, c := range implicitCases() {
		switch c.name {
		case "verlet", "yoshida4", "kahanli8", "ImplicitMidpoint", "Gonzalez", "AVF", "ItohAbe", "Proximal":
		default:
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			c.o.T1, c.o.MaxSteps = 0, 1<<30
			r, err := New(c.it(), c.x0, c.o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if !r.Next(context.Background()) {
					b.Fatal(r.Err())
				}
			}
			b.ReportMetric(float64(r.Step().Stats.Evals)/float64(r.Step().K), "evals/step")
		})
	}
}
