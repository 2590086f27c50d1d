package game

import (
	"fmt"
	"math/rand/v2"
	"testing"

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
