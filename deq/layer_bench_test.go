package deq

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// BenchmarkLayer solves the benchmark problems of the literature's solvers: 64
// samples, relative residual 1e-10 (float32 1e-5).
func BenchmarkLayer(b *testing.B) {
	b.Run("float64", func(b *testing.B) { benchLayers[float64](b) })
	b.Run("float32", func(b *testing.B) { benchLayers[float32](b) })
}

func benchLayers[T flow.Float](b *testing.B) {
	for _, kind := range []string{"easy", "hard"} {
		for _, n := range []int{16, 64, 256, 1024} {
			for _, s := range []Solver{Auto{}, Picard{}, Broyden{}, NewtonKrylov{}} {
				for _, back := range []bool{false, true} {
					name := fmt.Sprintf("%s/n=%d/%s/forward", kind, n, s.Name())
					if back {
						name += "+backward"
					}
					b.Run(name, func(b *testing.B) { benchLayer[T](b, n, kind, s, back) })
				}
			}
		}
	}
}

func benchLayer[T flow.Float](b *testing.B, n int, kind string, s Solver, back bool) {
	ctx := context.Background()
	l, x, g := peerLayer[T](n, 64, kind)
	eq, dg := &Equilibrium[T]{}, &DenseGrad[T]{}
	o := &BackwardOptions[T]{SolveOptions: SolveOptions[T]{Solver: s}}
	evals := 0
	step := func() {
		st, err := l.Solve(ctx, eq, x, &o.SolveOptions)
		if err != nil || st.Status != flow.Converged {
			b.Fatal(st.Status, err)
		}
		evals += st.SampleEvals + st.JacVecs*x.Rows
		if back {
			st, err := l.Backward(ctx, dg, eq, g, Backward{}, o)
			if err != nil {
				b.Fatal(err)
			}
			evals += st.SampleEvals + st.JacVecs*x.Rows
		}
	}
	step()
	evals = 0
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(b.N)/seconds, "solves/s")
	b.ReportMetric(2*float64(n)*float64(n)*float64(evals)/seconds/1e9, "GFLOP/s")
}
