//go:build !race

package game

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// Nothing is allocated in a step.
func TestFiniteAllocations(t *testing.T) {
	src := rand.New(philox.NewSource(50, 0))
	none := func(name string, f func()) {
		t.Helper()
		f()
		if n := testing.AllocsPerRun(50, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
	for _, shape := range [][]int{{3, 3}, {2, 3, 4}, {20, 30}} {
		f, x := randomFinite(t, src, shape...), randomProfile(src, shape)
		r, err := NewReplicator(f, x)
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEuclideanFTRL(f, x)
		if err != nil {
			t.Fatal(err)
		}
		l, err := NewLogit[float64](f, .5)
		if err != nil {
			t.Fatal(err)
		}
		d := make([]float64, len(x))
		for name, g := range map[string]flow.Field[float64]{"replicator": r, "Euclidean": e, "logit": l, "BNN": NewBNN[float64](f), "Smith": NewSmith[float64](f), "best response": NewBestResponse[float64](f)} {
			none(name, func() { g.Eval(d, x, 0) })
		}
		jac := r.Caps().JacVec
		none("derivative", func() { jac(d, x, x, 0) })
		inv, err := r.LogProbabilities(nil)
		if err != nil {
			t.Fatal(err)
		}
		none("invariant", func() { inv.Value(x) })
		for name, it := range map[string]flow.Integrator[float64]{"MWU": MWU(r), "optimistic": OptimisticMWU(r), "alternating": AlternatingMWU(r), "DOP853": flow.ODE[float64](r, flow.DOP853)} {
			run, err := flow.New(it, r.Start(), flow.Options[float64]{Controller: flow.Fixed{H: .01}, MaxSteps: 10000})
			if err != nil {
				t.Fatal(err)
			}
			none(name, func() {
				if !run.Next(context.Background()) {
					t.Fatal(run.Err())
				}
			})
		}
		for name, g := range map[string]Game{"multilinear": f.Multilinear(), "softmax": f.Softmax()} {
			none(name, func() { g.Field(d, x) })
			none(name+" losses", func() { g.Losses(d[:len(shape)], x) })
		}
		dec, err := NewFiniteDecomposer(shape, nil)
		if err != nil {
			t.Fatal(err)
		}
		phi := make([]float64, f.Profiles())
		none("potential", func() { dec.Potential(phi, f) })
		b, err := NewFiniteBatch(shape, 8, nil)
		if err != nil {
			t.Fatal(err)
		}
		metrics := make([]FiniteMetrics, 8)
		none("batch", func() {
			b.Random(1, 2)
			b.Measure(metrics)
		})
	}
}
