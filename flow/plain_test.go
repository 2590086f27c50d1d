package flow

import (
	"context"
	"math"
	"testing"
)

// TestPlainSteps compares runs that take the short way through the loop with those
// that do not, because they have a stop rule that never stops: bit for bit, with
// rejections, proposals that are not finite, and every way of ending.
func TestPlainSteps(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 9, 40} {
		for name, m := range methodNames {
			if m.(*tableau).embedded > 0 {
				plainSteps[float64](t, name, m, n)
				plainSteps[float32](t, name, m, n)
			}
		}
	}
}

// plainCases are options whose runs end in different ways.
func plainCases[T Float]() []Options[T] {
	return []Options[T]{
		{T1: 3, RelTol: 1e-5},
		{T0: 1, T1: -2, RelTol: 1e-4, MaxSteps: 3000}, // in float32 it would stay at the end of the domain
		{MaxSteps: 17},
		{T1: 9, Bound: 1.25},
		{T1: 5, MaxStep: 0.01, MaxSteps: 100},
		{T1: 5, InitStep: 4},
		{T1: 5, MinStep: 0.3, RelTol: 1e-6},
		{T1: 3, RelTol: 1e-5, Controller: H312PID},
		{T1: 3, Controller: Fixed{0.02}},
		{T1: 9, Controller: Fixed{0.7}, Bound: 1.25},
	}
}

func plainSteps[T Float](t *testing.T, name string, m Method, n int) {
	// Beyond |x_0| = 1.5 the field is not defined.
	f := FieldFunc(n, func(d, x []T, s float64) {
		for i, v := range x {
			d[i] = x[(i+1)%n] - v*v*v + T(math.Sin(7*s))
		}
		if x[0] > 1.5 {
			d[0] = T(math.NaN())
		}
	})
	x0 := make([]T, n)
	for i := range x0 {
		x0[i] = 1 + T(i%5)/16
	}
	for i, o := range plainCases[T]() {
		o.Method = m
		plain, full := plainRun(t, f, x0, o)
		for steps := 0; plain.Status() == Running; steps++ {
			a, b := plain.Next(context.Background()), full.Next(context.Background())
			if a != b || !sameStep(plain, full) {
				t.Fatalf("%s n = %d case %d step %d: %+v, want %+v", name, n, i, steps, plain.step, full.step)
			}
		}
		if full.Status() != plain.Status() || (plain.Err() == nil) != (full.Err() == nil) {
			t.Errorf("%s n = %d case %d: %v %v, want %v %v", name, n, i, plain.Status(), plain.Err(), full.Status(), full.Err())
		}
	}
}

// plainRun returns a run that takes the short way and one that does not.
func plainRun[T Float](t *testing.T, f Field[T], x0 []T, o Options[T]) (plain, full *Run[T]) {
	t.Helper()
	if o.Controller == nil {
		o.Controller = PI
	}
	if epsOf[T]() > 1e-10 { // steps at the rounding of float32 are many
		o.RelTol = max(o.RelTol, 1e-4)
	}
	plain, err := New(ODE(f, o.Method), x0, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Stop = []Stop[T]{func(*Step[T]) Status { return Running }}
	full, err = New(ODE(f, o.Method), x0, o)
	if err != nil {
		t.Fatal(err)
	}
	if !plain.plain || full.plain {
		t.Fatalf("plain is %t and %t, want true and false", plain.plain, full.plain)
	}
	return plain, full
}

// sameStep compares what the runs show and what they remember.
func sameStep[T Float](a, b *Run[T]) bool {
	s, z := &a.step, &b.step
	same := s.K == z.K && s.Kind == z.Kind && s.T == z.T && s.H == z.H && bits(s.Err) == bits(z.Err) && s.Status == z.Status && s.Stats == z.Stats &&
		len(s.F) == len(z.F) && a.c == b.c && a.bad == b.bad && a.t == b.t && a.base == b.base && a.baseN == b.baseN
	for i := range s.X {
		same = same && bits(float64(s.X[i])) == bits(float64(z.X[i]))
	}
	for i := range s.F {
		same = same && bits(float64(s.F[i])) == bits(float64(z.F[i]))
	}
	return same
}

func bits(x float64) uint64 { return math.Float64bits(x) }
