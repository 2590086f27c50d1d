package game

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestVectorGameAlongRuns: the directional derivative of every invariant along the vector
// part vanishes at random points, and along a run.
func TestVectorGameAlongRuns(t *testing.T) {
	g := quartic2(t)
	wide := Weight{Mean: []float64{0.3, -0.2}, Var: []float64{0.5, 2}}
	for _, c := range []struct {
		s Decomposition
		w Weight
	}{{ScalarFirst, Gaussian(nil, 1)}, {ScalarFirst, wide}, {ScalarFirst, Jet([]float64{0.1, 0.2})}, {VectorFirst, wide}, {VectorFirst, Jet(nil)}, {ThreeWay, Gaussian(nil, 4)}} {
		p := must(g.Decompose(c.s, c.w))
		inv := p.VectorGame().Invariants()
		if len(inv) != 1 {
			t.Errorf("%v %+v: %d invariants", c.s, c.w, len(inv))
			continue
		}
		s, err := flow.Solve(bg, must(Flow(p.Vector)), []float64{0.4, 0.3}, flow.Options[float64]{Method: flow.DOP853, T1: 0.5, RelTol: 1e-12, AbsTol: 1e-13})
		if err != nil {
			t.Fatal(err)
		}
		v0 := inv[0].Value([]float64{0.4, 0.3})
		if v := inv[0].Value(s.X); math.Abs(v-v0) > 1e-11*(1+math.Abs(v0)) || v0 == 0 {
			t.Errorf("%v %+v: %s was %v and is %v", c.s, c.w, inv[0].Name, v0, v)
		}
		if farthest(s.X, []float64{0.4, 0.3}) < 1e-2 {
			t.Errorf("%v %+v: did not move", c.s, c.w)
		}
	}
	if p := must(quartic3(t).Decompose(ScalarFirst, Gaussian(nil, 1))); p.VectorGame().Invariants() != nil {
		t.Error("three players have an invariant")
	}
}
