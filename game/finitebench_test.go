package game

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/internal/philox"
)

func BenchmarkFiniteDecompose(b *testing.B) {
	twenty := make([]int, 20)
	for m := range twenty {
		twenty[m] = 2
	}
	for _, shape := range [][]int{{5, 5, 5, 5}, {16, 16}, {10, 10, 10, 10, 10}, twenty} {
		f := randomFinite(b, rand.New(philox.NewSource(1, 0)), shape...)
		b.Run(fmt.Sprintf("again/players=%d/profiles=%d", len(shape), f.Profiles()), func(b *testing.B) {
			d, err := NewFiniteDecomposer(shape, nil)
			if err != nil {
				b.Fatal(err)
			}
			var parts FiniteParts
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decompose(&parts, f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(f.Profiles())*float64(b.N)/b.Elapsed().Seconds(), "profiles/s")
		})
		b.Run(fmt.Sprintf("players=%d/profiles=%d", len(shape), f.Profiles()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Decompose(nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(f.Profiles())*float64(b.N)/b.Elapsed().Seconds(), "profiles/s")
		})
	}
}

func BenchmarkFiniteBatch(b *testing.B) {
	for _, shape := range [][]int{{2, 2}, {3, 3}, {5, 5}, {3, 3, 3}, {2, 2, 2, 2}} {
		b.Run(fmt.Sprint(shape), func(b *testing.B) {
			const lanes = 128
			batch, err := NewFiniteBatch(shape, lanes, nil)
			if err != nil {
				b.Fatal(err)
			}
			metrics, member := make([]FiniteMetrics, lanes), 0
			b.ReportAllocs()
			for b.Loop() {
				batch.Random(1, member)
				batch.Measure(metrics)
				member++
			}
			b.ReportMetric(lanes*float64(b.N)/b.Elapsed().Seconds(), "games/s")
		})
	}
}

func BenchmarkReplicatorField(b *testing.B) {
	for _, shape := range [][]int{{3, 3}, {50, 50}, {5, 5, 5}, {10, 10, 10, 10, 10}} {
		b.Run(fmt.Sprint(shape), func(b *testing.B) {
			src := rand.New(philox.NewSource(1, 0))
			r, err := NewReplicator(randomFinite(b, src, shape...), randomProfile(src, shape))
			if err != nil {
				b.Fatal(err)
			}
			y, d := r.Start(), make([]float64, r.Dim())
			b.ReportAllocs()
			for b.Loop() {
				r.Eval(d, y, 0)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evals/s")
		})
	}
}

// Rock-paper-scissors to T = 200 with a drift of KL below 1e-9.
func BenchmarkReplicatorRun(b *testing.B) {
	third := 1. / 3
	for b.Loop() {
		r, err := NewReplicator(RockPaperScissors(), []float64{.5, .3, .2, .2, .5, .3})
		if err != nil {
			b.Fatal(err)
		}
		kl, err := r.DivergenceFrom([]float64{third, third, third, third, third, third})
		if err != nil {
			b.Fatal(err)
		}
		drift, err := probe.NewDrift(kl)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := flow.Solve(context.Background(), flow.Field[float64](r), r.Start(), flow.Options[float64]{
			Method: flow.DOP853, T1: 200, RelTol: 1e-11, AbsTol: 1e-11, Recorder: drift,
		}); err != nil {
			b.Fatal(err)
		}
		if s := drift.Stats()[0]; s.Max > 1e-9 {
			b.Fatalf("drift %v", s.Max)
		}
	}
	b.ReportMetric(200*float64(b.N)/b.Elapsed().Seconds(), "time/s")
}
