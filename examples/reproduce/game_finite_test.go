package main

import (
	"context"
	"runtime"
	"testing"
)

// The claims on finite games must hold in quick size, and give the same numbers on any
// number of processors.
func TestFiniteGames(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	measured := map[string]outcome{}
	for _, procs := range []int{2, 1} {
		old := runtime.GOMAXPROCS(procs)
		claims, _ := newFinite(job{size: quick, seed: 1})
		for _, c := range claims {
			o, err := c.measure(context.Background(), quiet)
			if err != nil || !o.pass {
				t.Errorf("%s: want %s, got %s, error %v", c.id, o.want, o.got, err)
			}
			if before, ok := measured[c.id]; ok && before != o {
				t.Errorf("%s: %+v on two processors, %+v on one", c.id, before, o)
			}
			measured[c.id] = o
		}
		runtime.GOMAXPROCS(old)
	}
	if len(measured) != 4 {
		t.Errorf("%d claims measured, want 4", len(measured))
	}
}
