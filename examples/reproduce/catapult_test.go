package main

import (
	"context"
	"runtime"
	"testing"
)

// measure measures a claim in quick size on the given number of processors.
func measure(t *testing.T, id string, procs int) outcome {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	for _, c := range newCatapult(job{size: quick, seed: 1}).claims {
		if c.id == id {
			o, err := c.measure(context.Background(), quiet)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if !o.pass {
				t.Errorf("%s fails: want %s, got %s", id, o.want, o.got)
			}
			return o
		}
	}
	t.Fatalf("no claim %s", id)
	return outcome{}
}

// The claims that take no training of networks on data must hold, and give the
// same numbers on any number of processors.
func TestCatapultIdentities(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	measure(t, "log-width-time", 2)
	if one, many := measure(t, "warmup-map", 1), measure(t, "warmup-map", 4); one != many {
		t.Errorf("warmup-map: %+v on one processor, %+v on four", one, many)
	}
}

func TestCatapultStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range newCatapult(job{size: full}).claims {
		if _, err := c.measure(ctx, quiet); err == nil {
			t.Errorf("%s ran to its end under a cancelled context", c.id)
		}
	}
}

// The bisection finds the thresholds of the map, and where finite width moves them.
func TestThresholds(t *testing.T) {
	lower, upper, err := thresholds(1e6)
	if err != nil || lower < 1.999 || lower > 2.001 || upper < 3.999 || upper > 4.001 {
		t.Errorf("thresholds %v and %v, error %v, want 2 and 4", lower, upper, err)
	}
	// At small widths the loss may fall a little above 2: where κ0 - s0 = 2.
	lower, _, err = thresholds(100)
	if want := 2.0103; err != nil || lower < want-1e-3 || lower > want+1e-3 {
		t.Errorf("at width 100 the loss starts to rise at %v, error %v, want %v", lower, err, want)
	}
}
