//go:build !race

package infogeo

import (
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// TestSimplexAllocations: nothing is allocated per step or product.
func TestSimplexAllocations(t *testing.T) {
	const k = 1500
	q, p := zipf(k), uniform(k)
	n := k - 1
	x, y, z := make([]float64, n), make([]float64, n), make([]float64, k)
	want := func(what string, f func()) {
		t.Helper()
		if a := testing.AllocsPerRun(20, f); a != 0 {
			t.Errorf("%s: %v allocations", what, a)
		}
	}
	want("FisherMul", func() { FisherMul(x, q[:n], p[:n]) })
	want("FisherSolve", func() { FisherSolve(x, q[:n], q[n], p[:n]) })
	want("FisherSolveDamped", func() { FisherSolveDamped(x, q[:n], q[n], p[:n], .1) })
	want("Softmax", func() { Softmax(z, y, n) })
	want("LogPartition", func() { LogPartition(y) })
	want("KL", func() { KL(p, q) })
	rows := kernel.MatrixOf(10, 150, make([]float64, k))
	qs, ps := kernel.MatrixOf(10, 150, q), kernel.MatrixOf(10, 150, make([]float64, k))
	loss := make([]float64, 10)
	want("LogitStepRows", func() { LogitStepRows(loss, rows, qs, ps, .1) })
	for _, m := range allMethods {
		for _, l := range []Loss{Forward, Reverse} {
			d := newDescent(t, q, 0, DescentOptions{Method: m, Loss: l, Alpha: 1e-9})
			a, b := make([]float64, d.Dim()), make([]float64, d.Dim())
			if err := d.FromP(a, p); err != nil {
				t.Fatal(err)
			}
			want(m.String(), func() {
				if _, err := d.Step(b, a, 0); err != nil {
					t.Fatal(err)
				}
			})
			f := d.Flow()
			c := f.Caps()
			want(m.String()+": energy", func() { f.EvalEnergy(b, a, 0) })
			if c.Shift != nil {
				want(m.String()+": shifted solution", func() {
					if c.Shift(a, 0, .1) != nil || c.SolveShift(b, b) != nil {
						t.Fatal("no solution")
					}
				})
			}
		}
	}
	b, err := NewBatches(q, 100, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	want("Batches.Draw", func() { b.Draw(z, 3) })
	rest := q[:n]
	want("spectrum", func() { extremes(rest, q[n]) })
}
