package flow

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// ring is x_i' = x_{i-1} - x_{i+1} on a ring, or the oscillator for n = 2: a field
// that costs next to nothing, so that the loop is what is measured.
func ring[T Float](n int) Field[T] {
	if n == 2 {
		return FieldFunc(2, func(d, x []T, _ float64) { d[0], d[1] = x[1], -x[0] })
	}
	return FieldFunc(n, func(d, x []T, _ float64) {
		d[0] = x[n-1] - x[1]
		left, right, inner := x[:n-2], x[2:n], d[1:n-1]
		for i, v := range left {
			inner[i] = v - right[i]
		}
		d[n-1] = x[n-2] - x[0]
	})
}

// vectorRing is ring with its differences by a kernel. A C++ compiler makes vector
// instructions of the plain loop, Go's does not: with this one the loops of both are
// measured on fields of the same cost.
func vectorRing[T Float](n int) Field[T] {
	return FieldFunc(n, func(d, x []T, _ float64) {
		d[0] = x[n-1] - x[1]
		kernel.SubTo(d[1:n-1], x[:n-2], x[2:n])
		d[n-1] = x[n-2] - x[0]
	})
}

// BenchmarkLoop is a step of DormandPrince under PI control, in the sizes of
// bench/odeint.
func BenchmarkLoop(b *testing.B) {
	for _, n := range []int{2, 4, 8, 64, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("n=%d/float64", n), func(b *testing.B) { benchLoop(b, n, ring[float64](n)) })
		b.Run(fmt.Sprintf("n=%d/float32", n), func(b *testing.B) { benchLoop(b, n, ring[float32](n)) })
		if n > smallDim {
			b.Run(fmt.Sprintf("n=%d/float64/vector", n), func(b *testing.B) { benchLoop(b, n, vectorRing[float64](n)) })
		}
	}
}

func benchLoop[T Float](b *testing.B, n int, f Field[T]) {
	x := make([]T, n)
	for i := range x {
		x[i] = T(i%7) / 7
	}
	r, err := New(ODE(f, DormandPrince), x, Options[T]{MaxSteps: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		r.Next(ctx)
	}
	s := r.Step().Stats
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(s.Evals), "ns/eval")
	b.ReportMetric(float64(s.Rejected)/float64(s.Accepted), "rejected/step")
}

// BenchmarkLotkaVolterra is a whole run, as in the tables of work against
// precision.
func BenchmarkLotkaVolterra(b *testing.B) {
	p := problems()["lotka_volterra"]
	f := p.field()
	for _, m := range []Method{DormandPrince, Tsit5, Auto} {
		b.Run(m.String(), func(b *testing.B) {
			b.ReportAllocs()
			evals := 0
			for b.Loop() {
				sol, err := Solve(context.Background(), f, p.y0, Options[float64]{Method: m, T1: p.T})
				if err != nil {
					b.Fatal(err)
				}
				evals = sol.Stats.Evals
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*evals), "ns/eval")
		})
	}
}

// BenchmarkRing is the field of BenchmarkLoop alone.
func BenchmarkRing(b *testing.B) {
	for _, n := range []int{2, 100, 10000} {
		for name, f := range map[string]Field[float64]{"plain": ring[float64](n), "vector": vectorRing[float64](n)} {
			b.Run(fmt.Sprintf("n=%d/%s", n, name), func(b *testing.B) {
				x, d := make([]float64, n), make([]float64, n)
				for b.Loop() {
					f.Eval(d, x, 0)
				}
			})
		}
	}
}
