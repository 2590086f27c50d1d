package main

import (
	"context"
	"runtime"
	"testing"
)

// The claims that take no training of networks on data, twice on different
// numbers of processors: they must hold and give the same numbers.
func TestCatapultIdentities(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	measure := func(procs int) map[string]outcome {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		all := map[string]outcome{}
		for _, c := range newCatapult(job{size: quick, seed: 1}).claims {
			if c.id != "warmup-map" && c.id != "log-width-time" {
				continue
			}
			o, err := c.measure(context.Background(), quiet)
			if err != nil {
				t.Fatalf("%s: %v", c.id, err)
			}
			if !o.pass {
				t.Errorf("%s fails: want %s, got %s", c.id, o.want, o.got)
			}
			all[c.id] = o
		}
		return all
	}
	one, many := measure(1), measure(4)
	if len(one) != 2 {
		t.Fatalf("%d claims measured, want 2", len(one))
	}
	for id, o := range one {
		if many[id] != o {
			t.Errorf("%s: %+v on one processor, %+v on four", id, o, many[id])
		}
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
