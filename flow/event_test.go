package flow

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestEventLotkaVolterra(t *testing.T) {
	var misc struct {
		Events struct {
			Lotka []struct {
				T, Y1  float64
				Rising bool
			} `json:"lotka_x_equals_2"`
		}
	}
	readJSON(t, "misc.json", &misc)
	ref := misc.Events.Lotka
	p := problems()["lotka_volterra"]
	for _, m := range []Method{BogackiShampine, DormandPrince} {
		for _, dir := range []Direction{Any, Rising, Falling} {
			const rtol = 1e-8
			sol, err := Solve(context.Background(), p.field(), p.y0, Options[float64]{Method: m, T1: 7, RelTol: rtol, AbsTol: rtol / 1000,
				Events: []Event[float64]{{Name: "x = 2", G: func(x []float64, _ float64) float64 { return x[0] - 2 }, Direction: dir}}})
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			for _, w := range ref {
				if dir == Rising && !w.Rising || dir == Falling && w.Rising {
					continue
				}
				if i >= len(sol.Events) {
					t.Fatalf("%v: %d events, want more", m, i)
				}
				h := sol.Events[i]
				if !(math.Abs(h.T-w.T) <= 10*rtol*w.T) || h.Rising != w.Rising || !(math.Abs(h.X[1]-w.Y1) <= 1e-6) {
					t.Errorf("%v event %d: t = %.12g rising %t y1 = %.9g, want %+v", m, i, h.T, h.Rising, h.X[1], w)
				}
				i++
			}
			if i != len(sol.Events) {
				t.Errorf("%v: %d events, want %d", m, len(sol.Events), i)
			}
		}
	}
}

// ball is y” = -g with bounces v -> -0.9 v at y = 0.
func ball(bounces int) (Field[float64], Options[float64]) {
	f := FieldFunc(2, func(d, y []float64, _ float64) { d[0], d[1] = y[1], -9.81 })
	n := 0
	return f, Options[float64]{T1: 1000, Events: []Event[float64]{{
		Name: "floor", G: func(x []float64, _ float64) float64 { return x[0] }, Direction: Falling,
		Handler: func(x []float64, _ float64) (bool, error) {
			if n++; n == bounces {
				return false, errors.New("enough")
			}
			x[0], x[1] = 0, -0.9*x[1]
			return true, nil
		},
	}}}
}

func TestBouncingBall(t *testing.T) {
	var misc struct {
		Events struct {
			Ball struct{ Times []float64 } `json:"bouncing_ball"`
		}
	}
	readJSON(t, "misc.json", &misc)
	want := misc.Events.Ball.Times
	for _, m := range []Method{BogackiShampine, DormandPrince} {
		f, o := ball(len(want))
		o.Method = m
		sol, err := Solve(context.Background(), f, []float64{10, 0}, o)
		if err == nil || sol.Status != Failed || !strings.Contains(err.Error(), "enough") || !strings.Contains(err.Error(), "floor") {
			t.Fatalf("%v: status %v, error %v, want the handler's", m, sol.Status, err)
		}
		for i, w := range want {
			if !(math.Abs(sol.Events[i].T-w) <= 1e-9) {
				t.Errorf("%v: bounce %d at %.12g, want %.12g", m, i, sol.Events[i].T, w)
			}
		}
	}
}

// TestZeno lets the bounces accumulate: at t = (1+e)/(1-e) sqrt(2h/g) the run can
// go no further and says so.
func TestZeno(t *testing.T) {
	f, o := ball(-1)
	sol, err := Solve(context.Background(), f, []float64{10, 0}, o)
	if sol.Status != StepUnderflow || !errors.Is(err, ErrStepUnderflow) {
		t.Fatalf("status %v, error %v, want StepUnderflow", sol.Status, err)
	}
	if want := 1.9 / 0.1 * math.Sqrt(20/9.81); !(math.Abs(sol.T-want) <= 1e-6*want) {
		t.Errorf("bounces accumulate at %.9g, want %.9g", sol.T, want)
	}
}

func TestTerminalEvent(t *testing.T) {
	f := FieldFunc(1, func(d, x []float64, _ float64) { d[0] = -x[0] })
	half := Event[float64]{G: func(x []float64, _ float64) float64 { return x[0] - 0.5 }, Terminal: true}
	sol, err := Solve(context.Background(), f, []float64{1}, Options[float64]{Events: []Event[float64]{half}, RelTol: 1e-10, AbsTol: 1e-12})
	if err != nil || sol.Status != EventStop {
		t.Fatalf("status %v, error %v, want EventStop", sol.Status, err)
	}
	if !(math.Abs(sol.T-math.Ln2) <= 1e-9) || !(math.Abs(sol.X[0]-0.5) <= 1e-9) {
		t.Errorf("stopped at t = %v, x = %v, want ln 2, 0.5", sol.T, sol.X)
	}
}

// TestEventArming starts on the event surface: it counts only after g has left 0.
func TestEventArming(t *testing.T) {
	f := FieldFunc(2, func(d, x []float64, _ float64) { d[0], d[1] = x[1], -x[0] })
	sol, err := Solve(context.Background(), f, []float64{0, 1}, Options[float64]{T1: 7, RelTol: 1e-9, AbsTol: 1e-12,
		Events: []Event[float64]{{G: func(x []float64, _ float64) float64 { return x[0] }}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(sol.Events) != 2 || !(math.Abs(sol.Events[0].T-math.Pi) < 1e-7) || sol.Events[0].Rising || !sol.Events[1].Rising {
		t.Errorf("events %+v, want falling at π and rising at 2π", sol.Events)
	}
}

// TestEventSamples sees a double crossing inside one step only with samples.
func TestEventSamples(t *testing.T) {
	f := FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = 1 })
	run := func(samples int) int {
		sol, err := Solve(context.Background(), f, []float64{0}, Options[float64]{Controller: Fixed{1}, T1: 1,
			Events: []Event[float64]{{Samples: samples, G: func(x []float64, _ float64) float64 { return (x[0] - 0.3) * (x[0] - 0.6) }}}})
		if err != nil {
			t.Fatal(err)
		}
		return len(sol.Events)
	}
	if n := run(0); n != 0 {
		t.Errorf("%d events without samples, want 0", n)
	}
	if n := run(9); n != 2 {
		t.Errorf("%d events with 9 samples, want 2", n)
	}
}

// TestEventsInOneStep handles two events of one step in the order of their times.
func TestEventsInOneStep(t *testing.T) {
	f := FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = 1 })
	at := func(c float64) Event[float64] {
		return Event[float64]{G: func(x []float64, _ float64) float64 { return x[0] - c }}
	}
	jump := at(0.5)
	jump.Handler = func(x []float64, _ float64) (bool, error) { x[0] = 10; return true, nil }
	sol, err := Solve(context.Background(), f, []float64{0}, Options[float64]{Controller: Fixed{1}, T1: 2, Events: []Event[float64]{at(0.75), at(0.25), jump}})
	if err != nil {
		t.Fatal(err)
	}
	// x jumps from 0.5 to 10 before it can pass 0.75: the jump is no crossing.
	if len(sol.Events) != 2 || sol.Events[0].Index != 1 || sol.Events[1].Index != 2 || !(math.Abs(sol.X[0]-11.5) < 1e-12) {
		t.Errorf("x = %v, events %+v, want 11.5 after events 1 and 2", sol.X, sol.Events)
	}
}

func TestEventNaN(t *testing.T) {
	f := FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = -1 })
	sol, err := Solve(context.Background(), f, []float64{1}, Options[float64]{Controller: Fixed{0.1}, T1: 2,
		Events: []Event[float64]{{Name: "root", G: func(x []float64, _ float64) float64 { return math.Sqrt(x[0]) }}}})
	if !errors.Is(err, ErrEvent) || !strings.Contains(err.Error(), "root") || sol.Status != Failed {
		t.Errorf("status %v, error %v, want ErrEvent naming root", sol.Status, err)
	}
	if sol.Stats.Accepted == 0 {
		t.Error("nothing was kept")
	}
}
