package sde

import (
	"context"
	"fmt"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

func benchSteps[T flow.Float](b *testing.B, it flow.Integrator[T], n int, h float64) {
	r, err := flow.New(it, make([]T, n), flow.Options[T]{Controller: flow.Fixed{H: h}, MaxSteps: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if !r.Next(ctx) {
			b.Fatal(r.Status(), r.Err())
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(n), "ns/component")
}

// BenchmarkStep is a step of each method, the drift being as cheap as can be.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{2, 1000} {
		l, err := Langevin(quadratic[float64](n, 1), 1)
		if err != nil {
			b.Fatal(err)
		}
		k, err := Underdamped(quadratic[float64](n/2, 1), 1, 1)
		if err != nil {
			b.Fatal(err)
		}
		linear := flow.FieldFunc(n, func(dst, x []float64, _ float64) {
			for i, v := range x {
				dst[i] = -v
			}
		})
		times := func(dst, x []float64, _ float64) {
			for i, v := range x {
				dst[i] = v / 2
			}
		}
		ito := Func(linear, Noise{}, times)
		strat := Func(linear, Noise{Calculus: Stratonovich}, times)
		p := Increments{Seed: 1}
		for _, m := range []struct {
			name string
			it   flow.Integrator[float64]
		}{
			{"EulerMaruyama", EulerMaruyama(ito, p)}, {"Milstein", Milstein(ito, p)}, {"Heun", Heun(strat, p)},
			{"SRI1W1", SRI1W1(ito, p)}, {"WeakPlaten", WeakPlaten(ito, p)},
			{"EulerMaruyama-Langevin", EulerMaruyama(l, p)}, {"SRA1-Langevin", SRA1(l, p)},
			{"BAOAB", BAOAB(k, p)}, {"UBU", UBU(k, p)},
		} {
			b.Run(fmt.Sprintf("%s/n=%d", m.name, n), func(b *testing.B) { benchSteps(b, m.it, n, 1e-3) })
		}
	}
}

// BenchmarkStep32 is BAOAB in float32.
func BenchmarkStep32(b *testing.B) {
	k, err := Underdamped(quadratic[float32](500, 1), 1, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("BAOAB/n=1000", func(b *testing.B) { benchSteps(b, BAOAB(k, Increments{Seed: 1}), 1000, 1e-3) })
}

// BenchmarkPath is an increment with its area, of 100 channels.
func BenchmarkPath(b *testing.B) {
	const m = 100
	w, a := make([]float64, m), make([]float64, m)
	run := func(name string, p Path, h float64, steps int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k := i % steps
				if err := p.Increment(w, a, uint64(k), float64(k)*h, h); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*m/b.Elapsed().Seconds()/1e6, "Mdraws/s")
		})
	}
	run("Increments", Increments{Seed: 1}, 1e-3, 1<<30)
	tree, err := NewTree(1, 0, 0, 1)
	if err != nil {
		b.Fatal(err)
	}
	run("Tree", tree, 1./1024, 1024)
	run("Tree-deep", tree, 0x1p-24, 1<<24)
}

// BenchmarkEnsemble is 1000 paths of 100 steps of BAOAB on all cores, set-up
// included.
func BenchmarkEnsemble(b *testing.B) {
	const members, steps = 1000, 100
	b.ReportAllocs()
	for b.Loop() {
		err := flow.Ensemble(context.Background(), members, 0, func(ctx context.Context, member int) error {
			k, err := Underdamped(well[float64](1), 1, 1)
			if err != nil {
				return err
			}
			_, err = solve(BAOAB(k, Increments{Stream: uint32(member)}), []float64{0, 0}, 0.1, 0.1*steps)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*members*steps/b.Elapsed().Seconds(), "steps/s")
}
