package flow

import (
	"context"
	"math"
	"testing"
)

// fixedError is the error at T = 1 of the nonautonomous problem with steps of
// size h.
func fixedError(t *testing.T, m Method, h float64, ref solution) float64 {
	t.Helper()
	p := problems()["nonautonomous"]
	sol, err := Solve(context.Background(), p.field(), p.y0, Options[float64]{Method: m, Controller: Fixed{h}, T1: p.T})
	if err != nil {
		t.Fatal(err)
	}
	return ref.relErr(sol.X)
}

// TestOrder measures the order of convergence of every method.
func TestOrder(t *testing.T) {
	ref := solutions(t)["nonautonomous"]
	for name, m := range methodNames {
		n := map[int]float64{1: 64, 2: 64, 6: 3, 7: 3, 8: 2}[m.Order()]
		if n == 0 {
			n = 16
		}
		e1, e2 := fixedError(t, m, 1/n, ref), fixedError(t, m, 1/(2*n), ref)
		slope := math.Log2(e1 / e2)
		t.Logf("%s: order %.2f", name, slope)
		if want := float64(m.Order()); !(slope >= want-0.3 && slope <= want+2) {
			t.Errorf("%s: errors %.3g, %.3g, order %.2f, want %v", name, e1, e2, slope, want)
		}
	}
}

// TestDenseOrder measures the order of the interpolants: the error of one step
// at θ, started on the solution, falls as h^(d+1) for an interpolant of order d.
func TestDenseOrder(t *testing.T) {
	want := map[string]float64{"euler": 1, "midpoint": 2, "heun21": 2, "ralston": 2, "rk4": 3, "bs32": 3, "dp54": 4, "tsit5": 4, "vern65": 6, "vern76": 6, "dop853": 7}
	for name, m := range methodNames {
		e := func(h float64) float64 {
			worst := 0.0
			for _, theta := range []float64{0.2, 0.5, 0.8} {
				x := oneStepAt(t, m, h, theta)
				y := exactly(t, theta*h)
				worst = max(worst, math.Hypot(x[0]-y[0], x[1]-y[1]))
			}
			return worst
		}
		h := 0.2
		slope := math.Log2(e(h) / e(h/2))
		t.Logf("%s: local dense order %.2f", name, slope)
		if w := want[name] + 1; !(slope >= w-0.3 && slope <= w+2) {
			t.Errorf("%s: local error of dense output falls as h^%.2f, want %v", name, slope, w)
		}
	}
}

func oneStepAt(t *testing.T, m Method, h, theta float64) []float64 {
	t.Helper()
	p := problems()["nonautonomous"]
	r, err := newField(p.field(), p.y0, Options[float64]{Method: m, Controller: Fixed{h}, MaxSteps: 1, Dense: true})
	if err != nil {
		t.Fatal(err)
	}
	r.Next(context.Background())
	x := make([]float64, 2)
	if err := r.Step().At(x, theta*h); err != nil {
		t.Fatal(err)
	}
	return x
}

func exactly(t *testing.T, at float64) []float64 {
	t.Helper()
	p := problems()["nonautonomous"]
	sol, err := Solve(context.Background(), p.field(), p.y0, Options[float64]{T1: at, RelTol: 1e-13, AbsTol: 1e-14})
	if err != nil {
		t.Fatal(err)
	}
	return sol.X
}

// TestSolutions compares adaptive runs at tight tolerance with final values of
// 113-bit arithmetic, in float64 and, at a tolerance it can reach, in float32.
func TestSolutions(t *testing.T) {
	sols := solutions(t)
	for name, p := range problems() {
		sol, err := Solve(context.Background(), p.field(), p.y0, Options[float64]{T1: p.T, RelTol: 1e-12, AbsTol: 1e-14})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tol := 1e-10
		if name == "lorenz" || name == "kepler_e06" || name == "pleiades" {
			tol = 1e-8 // these amplify local errors
		}
		if e := sols[name].relErr(sol.X); !(e <= tol) {
			t.Errorf("%s: error %.3g at rtol 1e-12, want <= %g", name, e, tol)
		}
	}
	f := FieldFunc(2, func(d, y []float32, _ float64) { d[0], d[1] = 1.5*y[0]-y[0]*y[1], -3*y[1]+y[0]*y[1] })
	sol, err := Solve(context.Background(), f, []float32{1, 1}, Options[float32]{T1: 10, RelTol: 1e-5, AbsTol: 1e-8})
	if err != nil {
		t.Fatal(err)
	}
	if e := sols["lotka_volterra"].relErr(widen(sol.X)); !(e <= 3e-4) {
		t.Errorf("float32 lotka_volterra: error %.3g, want <= 3e-4 (float64 has 1e-4 at this tolerance)", e)
	}
}

// TestBackward goes there and back again.
func TestBackward(t *testing.T) {
	p := problems()["brusselator"]
	o := Options[float64]{T1: 3, RelTol: 1e-10, AbsTol: 1e-12}
	there, err := Solve(context.Background(), p.field(), p.y0, o)
	if err != nil {
		t.Fatal(err)
	}
	o.T0, o.T1, o.ToZero = 3, 0, true
	o.SaveAt = []float64{2, 1}
	back, err := Solve(context.Background(), p.field(), there.X, o)
	if err != nil {
		t.Fatal(err)
	}
	if back.T != 0 || !(math.Abs(back.X[0]-1.5) < 1e-6) || !(math.Abs(back.X[1]-3) < 1e-6) {
		t.Errorf("back at t = %v: %v, want 0: [1.5 3]", back.T, back.X)
	}
	if len(back.Times) != 2 || back.Times[1] != 1 {
		t.Errorf("saved at %v, want [2 1]", back.Times)
	}
}
