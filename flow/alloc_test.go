package flow

import (
	"context"
	"testing"
)

// TestStepAllocatesNothing counts allocations over accepted and rejected steps,
// of fields, energies, float32, with a controller, a recorder and an event.
func TestStepAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	lv := problems()["lotka_volterra"]
	check := func(name string, next func() bool, rejected func() int) {
		t.Helper()
		steps := 0
		n := testing.AllocsPerRun(300, func() {
			if !next() {
				t.Fatalf("%s: the run ended after %d steps", name, steps)
			}
			steps++
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a step, want 0", name, n)
		}
		if rejected != nil && rejected() == 0 {
			t.Errorf("%s: no step was rejected", name)
		}
	}
	for name, m := range methodNames {
		o := Options[float64]{Method: m, MaxSteps: 1 << 30}
		if m.(*tableau).embedded == 0 {
			o.Controller = Fixed{1e-3}
		}
		r, err := newField(lv.field(), lv.y0, o)
		if err != nil {
			t.Fatal(err)
		}
		check(name, func() bool { return r.Next(ctx) }, nil)
	}
	for _, c := range append(implicitCases(), autoCases()...) {
		c.o.MaxSteps, c.o.T1 = 1<<30, 0
		r, err := New(c.it(), c.x0, c.o)
		if err != nil {
			t.Fatal(err)
		}
		check(c.name, func() bool { return r.Next(ctx) }, nil)
	}
	o := Options[float64]{RelTol: 1e-5, MaxSteps: 1 << 30,
		Recorder: RecorderFunc(func(*Step[float64]) error { return nil }),
		Stop:     []Stop[float64]{StopStationary[float64](1)},
		Events:   []Event[float64]{{G: func(x []float64, _ float64) float64 { return x[0] + 100 }}}}
	r, err := newField(problems()["brusselator"].field(), []float64{1.5, 3}, o)
	if err != nil {
		t.Fatal(err)
	}
	check("accept and reject", func() bool { return r.Next(ctx) }, func() int { return r.Step().Stats.Rejected })
	e, err := newField(HeavyBall(EnergyFunc(2, rosenbrock[float64]), 0), []float64{-1, 1, 0, 0}, Options[float64]{MaxSteps: 1 << 30, Ledger: true})
	if err != nil {
		t.Fatal(err)
	}
	check("energy field", func() bool { return e.Next(ctx) }, nil)
	s, err := newField(FieldFunc(2, func(d, x []float32, _ float64) { d[0], d[1] = x[1], -x[0] }), []float32{1, 0}, Options[float32]{MaxSteps: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	check("float32", func() bool { return s.Next(ctx) }, nil)
	m, err := New(MapFunc(1, func(d, x []float64, _ int) error { d[0] = -x[0]; return nil }), []float64{1}, Options[float64]{MaxSteps: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	check("map", func() bool { return m.Next(ctx) }, nil)
}
