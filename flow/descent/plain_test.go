package descent

import (
	"context"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestStopRuleChangesNothing compares runs that nobody watches, which the loop makes by a
// short way, with those that have a stop rule that never stops: bit for bit, for every
// method under every controller that it takes, with and without mini-batches.
func TestStopRuleChangesNothing(t *testing.T) {
	ctx := context.Background()
	for kind, field := range fields() {
		for name := range methods(field()) {
			for cname, ctl := range controllers() {
				start := func(stop ...flow.Stop[float64]) (*flow.Run[float64], error) {
					x0 := make([]float64, 10)
					for i := range x0 {
						x0[i] = math.Sin(float64(i + 1))
					}
					return flow.New(methods(field())[name], x0, flow.Options[float64]{Controller: ctl, MaxSteps: 40, RelTol: 1e-3, AbsTol: 1e-3, Stop: stop})
				}
				plain, err := start()
				full, err2 := start(func(*flow.Step[float64]) flow.Status { return flow.Running })
				if (err == nil) != (err2 == nil) {
					t.Fatalf("%s %s %s: %v, with a stop rule %v", kind, name, cname, err, err2)
				}
				if err != nil {
					continue // not a controller for this method
				}
				for plain.Status() == flow.Running {
					if plain.Next(ctx) != full.Next(ctx) {
						t.Fatalf("%s %s %s: one run ended, the other not", kind, name, cname)
					}
					a, b := plain.Step(), full.Step()
					same := a.K == b.K && a.T == b.T && a.H == b.H && a.Status == b.Status && a.Stats == b.Stats &&
						math.Float64bits(a.Energy) == math.Float64bits(b.Energy) && math.Float64bits(a.Slope) == math.Float64bits(b.Slope)
					for i, v := range a.X {
						same = same && math.Float64bits(v) == math.Float64bits(b.X[i])
					}
					if !same {
						t.Fatalf("%s %s %s, step %d: %+v, with a stop rule %+v", kind, name, cname, a.K, a, b)
					}
				}
				if full.Status() != plain.Status() {
					t.Errorf("%s %s %s: ended %v, with a stop rule %v", kind, name, cname, plain.Status(), full.Status())
				}
			}
		}
	}
}
