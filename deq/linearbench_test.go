package deq_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// steps benchmarks steps of gradient descent as the loop makes them.
func benchSteps[T flow.Float](b *testing.B, f flow.Field[T], theta []T, eta float64) {
	r, err := flow.New(descent.GD(f), theta, flow.Options[T]{Controller: flow.Fixed{H: eta}, MaxSteps: b.N + 10})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if !r.Next(context.Background()) {
			b.Fatal(r.Status(), r.Err())
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

func BenchmarkScalarStep(b *testing.B) {
	for _, d := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("d=%d", d), func(b *testing.B) {
			m := randomScalarSamples(b, 100, d, 1)
			theta := make([]float64, d+1)
			benchSteps(b, flow.Field[float64](flow.GradientFlow[float64](m)), theta, 1e-4)
		})
	}
}

func BenchmarkLinearStep(b *testing.B) {
	for _, n := range []int{3, 30} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			m, theta := randomLinear(b, n, n, 1)
			benchSteps(b, flow.Field[float64](flow.GradientFlow[float64](m)), theta, 1e-5)
		})
	}
}

// peerProblem is the problem of peer_single_index_numpy.py: N = 8000, d = 20, tanh.
func peerProblem[T flow.Float](t testing.TB, samples int) (*deq.SingleIndex[T], []T, *deq.Teacher[T]) {
	t.Helper()
	const d = 20
	scaled := func(seed uint64, norm float64) []float64 {
		v := splitmix(seed, d)
		kernel.Scal(norm/kernel.Nrm2(v), v)
		return v
	}
	x := kernel.MatrixOf(samples, d, toT[T](splitmix(1, samples*d)))
	xi, delta := scaled(2, 1), scaled(3, 0.2)
	teacher := &deq.Teacher[T]{W: toT[T](xi), Act: deq.Tanh()}
	target := make([]T, samples)
	if err := teacher.Targets(target, x); err != nil {
		t.Fatal(err)
	}
	m, err := deq.NewSingleIndex(deq.Tanh(), x, target, deq.SingleIndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kernel.Axpy(1, xi, delta)
	return m, append(toT[T](delta), 0.15), teacher
}

func BenchmarkSingleIndexStep(b *testing.B) {
	b.Run("float64", func(b *testing.B) { benchSingleIndex[float64](b) })
	b.Run("float32", func(b *testing.B) { benchSingleIndex[float32](b) })
}

func benchSingleIndex[T flow.Float](b *testing.B) {
	m, theta, _ := peerProblem[T](b, 8000)
	benchSteps(b, flow.Field[T](flow.GradientFlow[T](m)), theta, 0.2)
}
