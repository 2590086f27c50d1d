package game

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// benchmarkSteps runs steps of an integrator and reports their rate.
func benchmarkSteps(b *testing.B, it flow.Integrator[float64], x0 []float64, h float64) {
	b.Helper()
	r := must(flow.New(it, x0, flow.Options[float64]{Controller: flow.Fixed{H: h}, MaxSteps: b.N + 10, Bound: math.Inf(1)}))
	r.Next(bg)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r.Next(bg)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
	if r.Err() != nil {
		b.Fatal(r.Err())
	}
}

// BenchmarkIPD is opponent shaping on the iterated prisoner's dilemma.
func BenchmarkIPD(b *testing.B) {
	x0 := []float64{0.1, -0.2, 0.3, -0.4, 0.5, -0.5, 0.4, -0.3, 0.2, -0.1}
	for _, m := range []Method{GD{}, LookAhead{}, LOLA{}, LOLA{Variant: Exact}, SOS{}, CGD{}, SGA{Align: true}, Consensus{}} {
		b.Run(m.Name(), func(b *testing.B) {
			benchmarkSteps(b, must(m.Integrator(must(NewIPD(IPDOptions{})))), x0, 0.1)
		})
	}
}

// BenchmarkBilinear compares methods on the 2-dimensional rotation.
func BenchmarkBilinear(b *testing.B) {
	for _, m := range []Method{GD{}, AltGD{}, Extragradient{}, Optimistic{}, Popov{}, Proximal{}, CGD{}} {
		b.Run(m.Name(), func(b *testing.B) {
			benchmarkSteps(b, must(m.Integrator(bilinear2(1))), []float64{1, 0.5}, 1e-3)
		})
	}
}

// BenchmarkSplitting is volume-preserving splitting of the ABC flow.
func BenchmarkSplitting(b *testing.B) {
	benchmarkSteps(b, must(VolumePreserving(3, abcGame().VectorPotential())), []float64{0.3, 0.7, -0.2}, 0.1)
}

// BenchmarkLQ is policy gradient in a matrix game.
func BenchmarkLQ(b *testing.B) {
	benchmarkSteps(b, must(GD{}.Integrator(lqMatrix())), []float64{0.3, 0.05, 0.2, -0.1}, 1e-3)
}

// BenchmarkSweep advances thousands of states of the Dirac-GAN.
func BenchmarkSweep(b *testing.B) {
	b.Run("float64", benchmarkSweep[float64])
	b.Run("float32", benchmarkSweep[float32])
}

func benchmarkSweep[T flow.Float](b *testing.B) {
	const states, steps = 8192, 100
	g := NewDiracGAN(Logistic)
	x := make([]T, 2*states)
	for i := range x {
		x[i] = T(math.Sin(float64(i)))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := Sweep(bg, func() BatchField[T] { return Batched[T](g) }, descent.Extragradient[T], x, states, steps, 0.01, SweepOptions{Workers: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*states*steps/b.Elapsed().Seconds()/1e6, "Msteps/s")
}
