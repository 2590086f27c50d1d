package game

import (
	"context"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestAngleSection: a rotation x' = 1 from 0.25 passes the angle 1 modulo 3 at 0.75 + 3k,
// and nothing between.
func TestAngleSection(t *testing.T) {
	e, err := AngleSection(0, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	f := flow.FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = 1 })
	sol, err := flow.Solve(context.Background(), f, []float64{0.25}, flow.Options[float64]{T1: 11, MaxStep: 0.4, Events: []flow.Event[float64]{e}})
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{0.75, 3.75, 6.75, 9.75}
	if len(sol.Events) != len(want) {
		t.Fatalf("%d crossings, want %d: %+v", len(sol.Events), len(want), sol.Events)
	}
	for i, c := range sol.Events {
		if !(math.Abs(c.T-want[i]) <= 1e-12) {
			t.Errorf("crossing %d at t = %v, want %v", i, c.T, want[i])
		}
	}
}
