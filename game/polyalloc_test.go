//go:build !race

package game

import (
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestPolynomialAllocations(t *testing.T) {
	g := randomGame(t, []int{1, 2, 1}, 4, 8, 3)
	linear, _ := randomLinear(t, 8, 1)
	for _, g := range []*Polynomial{g, linear} {
		x, f, l := randomPoint(g.n, 1), make([]float64, g.n), make([]float64, len(g.blocks))
		const lanes = 100
		b := Batched[float64](g)
		xs, fs := randomPoint(g.n*lanes, 2), make([]float64, g.n*lanes)
		b.EvalBatch(fs, xs, lanes)
		j := mat.NewDense(g.n, g.n, nil)
		g.Jacobian(j, x)
		g.Losses(l, x)
		g.Field(f, x)
		if a := testing.AllocsPerRun(100, func() {
			g.Field(f, x)
			g.Losses(l, x)
			g.Jacobian(j, x)
			g.JVP(f, x, x)
			b.EvalBatch(fs, xs, lanes)
		}); a != 0 {
			t.Errorf("%v allocations in an evaluation", a)
		}
	}
}
