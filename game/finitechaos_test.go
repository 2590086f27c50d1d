package game

import (
	"context"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/probe"
)

// Rock-paper-scissors with ties: chaotic or not by the start (Sato, Akiyama, Farmer). A
// chaotic orbit sticks to islands for long: at T = 3000 its exponent is anything from
// .016 to .047, by the rounding; at T = 30000 it is .05 to .06. That of k = 4 stays
// at .006 to .007 over T = 3000; the others fall to 0 as log(T)/T.
func TestReplicatorChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds under the race detector")
	}
	for _, c := range []struct{ eps, k, time, lo, hi float64 }{
		{.5, 1, 30000, .03, .075}, {.5, 4, 3000, -.01, .01}, {.5, 25, 3000, -.01, .01}, {0, 1, 3000, -.01, .005},
	} {
		r, err := NewReplicator(GeneralisedRPS(c.eps, -c.eps), []float64{.5, .01 * c.k, .5 - .01*c.k, .5, .25, .25})
		if err != nil {
			t.Fatal(err)
		}
		l, err := probe.LyapunovExponents(context.Background(), flow.Field[float64](r), r.Start(), probe.LyapunovOptions{Exponents: 1, Time: c.time, Transient: -1, Seed: 1, Method: flow.DOP853})
		if err != nil {
			t.Fatal(err)
		}
		if v := l.Values[0]; v < c.lo || v > c.hi {
			t.Errorf("eps = %v, k = %v: largest Lyapunov exponent %v ± %v, want %v to %v", c.eps, c.k, v, l.StdErr[0], c.lo, c.hi)
		}
	}
}
