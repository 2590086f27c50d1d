//go:build !race

package game

import (
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestMethodAllocations: no step of any method allocates.
func TestMethodAllocations(t *testing.T) {
	ipd := must(NewIPD(IPDOptions{}))
	x10 := []float64{0.1, -0.2, 0.3, -0.4, 0.5, -0.5, 0.4, -0.3, 0.2, -0.1}
	games := map[string]struct {
		g  Game
		x0 []float64
	}{
		"bilinear": {bilinear2(1), []float64{1, 0.5}}, "polynomial": {quartic3(t), []float64{0.3, -0.7, 0.5}},
		"ipd": {ipd, x10}, "lq": {lqMatrix(), []float64{0.3, 0.05, 0.2, -0.1}}, "abc": {abcGame(), []float64{0.3, 0.7, -0.2}},
	}
	for name, c := range games {
		for _, m := range allMethods() {
			r := must(flow.New(must(m.Integrator(c.g)), c.x0, flow.Options[float64]{Controller: flow.Fixed{H: 1e-4}}))
			r.Next(bg)
			if a := testing.AllocsPerRun(20, func() { r.Next(bg) }); a != 0 {
				t.Errorf("%s on %s: %v allocations a step (%v)", m.Name(), name, a, r.Err())
			}
			if r.Step().K < 21 {
				t.Errorf("%s on %s: the run ended at step %d: %v, %v", m.Name(), name, r.Step().K, r.Status(), r.Err())
			}
		}
	}
	s := must(VolumePreserving(3, abcGame().VectorPotential()))
	ret := &Returns{Eps: 0.3, Period: []float64{6.28, 6.28, 6.28}}
	r := must(flow.New[float64](s, []float64{0.3, 0.7, -0.2}, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, Recorder: flow.Multi[float64](ret, &TimeAverage{})}))
	r.Next(bg)
	if a := testing.AllocsPerRun(100, func() { r.Next(bg) }); a != 0 {
		t.Errorf("splitting with recorders: %v allocations a step", a)
	}
}
