package sde

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// still is a drift of zero.
func still[T flow.Float](n int) flow.Integrator[T] {
	return EulerMaruyama(Func(flow.FieldFunc(n, func(dst, _ []T, _ float64) { clear(dst) }), Noise{Additive: true},
		func(dst, _ []T, _ float64) { clear(dst) }), nil)
}

func mustJumps[T flow.Float](t testing.TB, units int, rates func(r []float64, x []T, t float64), fire func(x []T, unit int, t float64) error, seed uint64) *Jumps[T] {
	t.Helper()
	j, err := NewJumps(units, rates, fire, Increments{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestJumpsDecay: units that die at a constant rate survive with probability
// exp(-rT), exactly, whatever the steps.
func TestJumpsDecay(t *testing.T) { jumpsDecay[float64](t) }

func TestJumpsDecay32(t *testing.T) { jumpsDecay[float32](t) }

func jumpsDecay[T flow.Float](t *testing.T) {
	const rate, end = 0.7, 2.0
	j := mustJumps(t, samples, func(r []float64, x []T, _ float64) {
		for i, v := range x {
			r[i] = rate * float64(v)
		}
	}, func(x []T, unit int, _ float64) error { x[unit] = 0; return nil }, 40)
	x0 := make([]T, samples)
	for i := range x0 {
		x0[i] = 1
	}
	r, err := flow.New(still[T](samples), x0, flow.Options[T]{Controller: flow.Fixed{H: 0.5}, T1: end, Jump: j})
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range r.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if s.H > 0.1/rate*(1+1e-12) {
			t.Errorf("step %v, want at most 0.1/%v", s.H, rate)
		}
	}
	alive := 0.0
	for _, v := range r.Step().X {
		alive += float64(v) / samples
	}
	p := math.Exp(-rate * end)
	within(t, "survivors", alive, p, math.Sqrt(p*(1-p)), samples)
}

// TestJumpsOnTree: the cap of the rates and the grid of the path are both kept,
// and a resumed run repeats its jumps.
func TestJumpsOnTree(t *testing.T) {
	var sizes []float64
	options := func() flow.Options[float64] {
		j := mustJumps(t, 2, func(r, x []float64, t float64) { r[0], r[1] = 1+t, 3 },
			func(x []float64, unit int, _ float64) error { x[unit] = -x[unit]; return nil }, 41)
		return flow.Options[float64]{Controller: flow.Fixed{H: 1}, T1: 1, Jump: j,
			Stop: []flow.Stop[float64]{func(s *flow.Step[float64]) flow.Status { sizes = append(sizes, s.H); return flow.Running }}}
	}
	for _, k := range []int{0, 1, 11} {
		sameResumed(t, "jumps", k, func() flow.Integrator[float64] {
			return Milstein(sineSystem[float64](2, Diagonal, Ito), mustTree(t, 42, 0, 0, 1))
		}, []float64{0.5, -1}, options)
	}
	for _, h := range sizes {
		if h != 1./32 {
			t.Fatalf("step %v, want 1/32, the dyadic one below 0.1/3", h)
		}
	}
}

func TestJumpsErrors(t *testing.T) {
	ok := func(r, _ []float64, _ float64) { clear(r) }
	fire := func([]float64, int, float64) error { return nil }
	if _, err := NewJumps(-1, ok, fire, Increments{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("-1 units: error %v", err)
	}
	if _, err := NewJumps[float64](1, nil, nil, Increments{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("nil functions: error %v", err)
	}
	boom := errors.New("boom")
	for _, c := range []struct {
		rate float64
		is   error
		want string
	}{
		{-1, flow.ErrArgument, "unit 1 is -1"}, {math.NaN(), flow.ErrArgument, "unit 1 is NaN"}, {math.Inf(1), flow.ErrArgument, "unit 1 is +Inf"},
		{1, boom, "unit 1: boom"},
	} {
		j := mustJumps(t, 2, func(r, _ []float64, _ float64) { r[0], r[1] = 0, c.rate }, func([]float64, int, float64) error { return boom }, 43)
		r, err := flow.New(still[float64](1), []float64{0}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, T1: 1000, Jump: j})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(t.Context())
		if sol.Status != flow.Failed || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("rate %v: %v, %v, want Failed with %q", c.rate, sol.Status, err, c.want)
		}
	}
}

func TestJumpsAllocateNothing(t *testing.T) {
	j := mustJumps(t, 100, func(r, _ []float64, _ float64) { copy(r, constant100[:]) }, func(x []float64, unit int, _ float64) error { x[0]++; return nil }, 44)
	r, err := flow.New(still[float64](1), []float64{0}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, Jump: j})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(300, func() { r.Next(t.Context()) }); n != 0 {
		t.Errorf("%v allocations a step, want 0", n)
	}
	if r.Step().X[0] == 0 {
		t.Error("no unit fired")
	}
}

var constant100 = func() (r [100]float64) {
	for i := range r {
		r[i] = 1
	}
	return r
}()
