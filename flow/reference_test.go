package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// methodNames are the methods by their names in testdata.
var methodNames = map[string]Method{
	"euler": Euler, "midpoint": Midpoint, "heun21": Heun, "ralston": Ralston, "rk4": RK4, "bs32": BogackiShampine,
	"dp54": DormandPrince, "tsit5": Tsit5, "vern65": Verner6, "vern76": Verner7, "dop853": DOP853,
}

// TestOneStep compares result, error vector and dense output of one step with
// reference values of 1e-13.
func TestOneStep(t *testing.T) {
	var misc struct {
		OneStep struct {
			T, H, Theta float64
			X           []float64
			Methods     map[string]struct{ Y, Err, Err3, Dense []float64 }
		} `json:"one_step"`
	}
	readJSON(t, "misc.json", &misc)
	o := misc.OneStep
	near := func(name string, got, want []float64, tol float64) {
		t.Helper()
		for i := range want {
			if !(math.Abs(got[i]-want[i]) <= tol) {
				t.Errorf("%s[%d] = %.17g, want %.17g to %g", name, i, got[i], want[i], tol)
			}
		}
	}
	for name, m := range methodNames {
		ref, tol := o.Methods[name], 1e-13
		if name == "vern65" {
			tol = 1e-12 // coefficients up to 3819 amplify rounding: plain float64 arithmetic is off by 4e-13
		}
		it := ODE(FieldFunc(2, nonautonomous), m).(*rungeKutta[float64])
		var tr Trial
		if err := it.Init(Start[float64]{T: o.T, X: o.X, Dir: 1, MaxStep: 1, Want: Want{Dense: true}}, &tr); err != nil {
			t.Fatal(err)
		}
		y := make([]float64, 2)
		it.Try(&tr, y, o.X, o.T, o.H)
		near(name+" y", y, ref.Y, tol)
		estimate := func(w []float64) []float64 {
			e := make([]float64, 2)
			for i, k := range it.k[:len(w)] {
				e[0] += o.H * w[i] * k[0]
				e[1] += o.H * w[i] * k[1]
			}
			return e
		}
		if ref.Err3 != nil {
			near(name+" err3", estimate(it.e3), ref.Err3, tol)
		}
		if ref.Err != nil {
			e := estimate(it.e)
			near(name+" err", e, ref.Err, tol)
		}
		if ref.Dense != nil {
			it.Accept()
			d := make([]float64, 2)
			it.At(d, o.Theta)
			near(name+" dense", d, ref.Dense, tol)
		}
	}
	// In float32 the same step is good to a few rounding units.
	it := ODE(FieldFunc(2, func(d, y []float32, t float64) {
		d[0], d[1] = -y[0]*y[0]*y[1]+float32(math.Cos(t)), y[0]-y[1]*y[1]+float32(t)/3
	}), DormandPrince)
	var tr Trial
	x, y := []float32{1, 0.5}, make([]float32, 2)
	if err := it.Init(Start[float32]{T: o.T, X: x, Dir: 1, MaxStep: 1}, &tr); err != nil {
		t.Fatal(err)
	}
	it.Try(&tr, y, x, o.T, o.H)
	near("float32 dp54 y", []float64{float64(y[0]), float64(y[1])}, o.Methods["dp54"].Y, 4e-7)
}

// TestControllers runs the controllers on error sequences with rejections, zero
// and NaN.
func TestControllers(t *testing.T) {
	byName := map[string]ErrorControl{"I": I, "PI": PI, "PI42": PI42, "PI34": PI34, "H211PI": H211PI, "H312PID": H312PID, "H211b": H211b}
	var misc struct {
		Controllers []struct {
			Name string
			K    int
			H    float64
			Errs []*float64
			Out  [][2]any
		}
	}
	readJSON(t, "misc.json", &misc)
	if len(misc.Controllers) != 3*len(byName) {
		t.Fatalf("%d sequences, want %d", len(misc.Controllers), 3*len(byName))
	}
	for _, c := range misc.Controllers {
		e, ok := byName[c.Name]
		if !ok {
			t.Fatalf("no controller %q", c.Name)
		}
		ctl := Control{H: c.H, Hp: c.H, E1: 1, E2: 1}
		h := c.H
		for i, err := range c.Errs {
			tr := Trial{H: h, Order: c.K, Finite: true, Err: math.NaN()}
			if err != nil {
				tr.Err = *err
			}
			v := e.Judge(&ctl, &tr)
			h = v.H
			if want := c.Out[i][1].(float64); v.Accept != c.Out[i][0].(bool) || !(math.Abs(h-want) <= 1e-13*want) {
				t.Errorf("%s k = %d step %d: %t %.17g, want %v", c.Name, c.K, i, v.Accept, h, c.Out[i])
			}
		}
	}
}

// TestCounts compares the work and the error of whole runs with those of the
// reference algorithm: the same loop gives the same counts.
func TestCounts(t *testing.T) {
	var counts struct{ Explicit []row }
	readJSON(t, "counts.json", &counts)
	all, sols := problems(), solutions(t)
	seen := 0
	for _, c := range counts.Explicit {
		m, ok := methodNames[c.method]
		if !ok {
			continue
		}
		seen++
		p := all[c.problem]
		run := func(x0 []float64) *Solution[float64] {
			sol, err := Solve(context.Background(), p.field(), x0, Options[float64]{Method: m, T1: p.T, RelTol: c.rtol, AbsTol: c.rtol / 1000})
			if err != nil {
				t.Errorf("%v: %v", c, err)
			}
			return sol
		}
		sol := run(p.y0)
		least, most := sol.Stats, sol.Stats
		// A run at its stability limit depends on rounding: a start point that
		// is off by some units in the last place changes its error by factors up to
		// 20 and its rejections by half. The reference is such a run as well: its
		// counts are to lie in the range of those of neighbouring start points, up to one
		// attempt of a step.
		factor, floor := 1.5, 1e-13
		accepted, rejections, evals := max(2, 0.01*c.accepted), 4.0, max(5*16, 0.01*c.fevals)
		if c.problem == "allen_cahn" || c.problem == "rosenbrock_flow" {
			factor, floor = 20, c.rtol
			accepted, rejections, evals = 1, 1, 16
			for i := range 32 {
				x0 := make([]float64, len(p.y0))
				kernel.AxpyTo(x0, float64(i+1)*0x1p-52, p.y0, p.y0)
				s := run(x0).Stats
				least = Stats{Accepted: min(least.Accepted, s.Accepted), Rejected: min(least.Rejected, s.Rejected), Evals: min(least.Evals, s.Evals)}
				most = Stats{Accepted: max(most.Accepted, s.Accepted), Rejected: max(most.Rejected, s.Rejected), Evals: max(most.Evals, s.Evals)}
			}
		}
		off := func(least, most int, want, tol float64) bool {
			return !(want >= float64(least)-tol && want <= float64(most)+tol)
		}
		if off(least.Accepted, most.Accepted, c.accepted, accepted) || off(least.Rejected, most.Rejected, c.rejected, rejections) ||
			off(least.Evals, most.Evals, c.fevals, evals) {
			t.Errorf("%s %s %g: %+v to %+v, want %v accepted, %v rejected, %v evaluations", c.method, c.problem, c.rtol, least, most, c.accepted, c.rejected, c.fevals)
		}
		if e := sols[c.problem].relErr(sol.X); !(e <= factor*c.err+floor && e >= c.err/factor-floor) {
			t.Errorf("%s %s %g: error %.3g, want %.3g within a factor %v", c.method, c.problem, c.rtol, e, c.err, factor)
		}
	}
	if seen != len(counts.Explicit) {
		t.Errorf("%d cases, want %d", seen, len(counts.Explicit))
	}
}

// row is a line of counts.json.
type row struct {
	method, problem                           string
	rtol, accepted, rejected, fevals, h0, err float64
}

func (r *row) UnmarshalJSON(b []byte) error {
	var v []any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v) != 8 {
		return fmt.Errorf("row of %d columns", len(v))
	}
	r.method, r.problem = v[0].(string), v[1].(string)
	for i, p := range []*float64{&r.rtol, &r.accepted, &r.rejected, &r.fevals, &r.h0, &r.err} {
		*p = v[i+2].(float64)
	}
	return nil
}

// TestFirstStep compares the automatic first step with the reference.
func TestFirstStep(t *testing.T) {
	var counts struct{ Explicit []row }
	readJSON(t, "counts.json", &counts)
	all := problems()
	for _, c := range counts.Explicit {
		m, ok := methodNames[c.method]
		if !ok {
			continue
		}
		p := all[c.problem]
		r, err := newField(p.field(), p.y0, Options[float64]{Method: m, T1: p.T, RelTol: c.rtol, AbsTol: c.rtol / 1000})
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(r.c.H-c.h0) <= 1e-5*c.h0) {
			t.Errorf("%s %s %g: first step %.6g, want %.6g", c.method, c.problem, c.rtol, r.c.H, c.h0)
		}
	}
}
