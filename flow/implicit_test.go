package flow

import (
	"context"
	"math"
	"testing"
)

// implicitNames are the implicit methods by their names in testdata.
var implicitNames = map[string]Method{
	"rodas4": Rodas4, "rodas5p": Rodas5P, "ros23": ROS23,
	"trbdf2": TRBDF2, "kencarp4_implicit": KenCarp4, "sdirk4": SDIRK4,
}

// exactNonautonomous is the problem with exact Jacobian and time derivative.
func exactNonautonomous() Field[float64] {
	return capable[float64]{FieldFunc(2, nonautonomous), Caps[float64]{
		Jacobian: func(j, y []float64, _ float64) {
			j[0], j[1], j[2], j[3] = -2*y[0]*y[1], -y[0]*y[0], 1, -2*y[1]
		},
		TimeDeriv: func(d, _ []float64, t float64) { d[0], d[1] = -math.Sin(t), 1./3 },
	}}
}

// TestImplicitOneStep compares result, error vector and dense output of one step
// with reference values of 1e-13.
func TestImplicitOneStep(t *testing.T) {
	var misc struct {
		OneStep struct {
			T, H, Theta float64
			X           []float64
			Methods     map[string]struct{ Y, Err, Dense []float64 }
		} `json:"one_step"`
	}
	readJSON(t, "misc.json", &misc)
	o := misc.OneStep
	for name, m := range implicitNames {
		ref := o.Methods[name]
		it := ODE(exactNonautonomous(), m)
		var tr Trial
		s := Start[float64]{T: o.T, X: o.X, Dir: 1, MaxStep: 1, Tol: Tol{Rel: 1e-14, Abs: 1e-14}}
		if err := it.Init(s, &tr); err != nil {
			t.Fatal(err)
		}
		y, d := make([]float64, 2), make([]float64, 2)
		it.Try(&tr, y, o.X, o.T, o.H)
		it.Accept()
		near := func(what string, got, want []float64) {
			t.Helper()
			for i := range want {
				if !(math.Abs(got[i]-want[i]) <= 1e-13) {
					t.Errorf("%s %s[%d] = %.17g, want %.17g", name, what, i, got[i], want[i])
				}
			}
		}
		near("y", y, ref.Y)
		near("err", errorVector(it, o.H), ref.Err)
		if ref.Dense != nil {
			it.(Interpolator[float64]).At(d, o.Theta)
			near("dense", d, ref.Dense)
		}
	}
}

// errorVector is h Σ e_i k_i of the last step.
func errorVector(it Integrator[float64], h float64) []float64 {
	e := make([]float64, 2)
	add := func(h float64, w []float64, k [][]float64) {
		for i, v := range w {
			e[0] += h * v * k[i][0]
			e[1] += h * v * k[i][1]
		}
	}
	switch r := it.(type) {
	case *rosenbrockODE[float64]:
		add(1, r.e, r.u)
	case *sdirk[float64]:
		add(h, r.e, r.k)
	case *ros23[float64]:
		add(h/6, ros23Error[float64](), r.k)
	}
	return e
}

// TestImplicitCounts compares work and error of whole runs with those of the
// reference algorithm.
func TestImplicitCounts(t *testing.T) {
	var counts struct{ Stiff [][]any }
	readJSON(t, "counts.json", &counts)
	all, sols := stiffProblems(), solutions(t)
	seen := 0
	for _, c := range counts.Stiff {
		m, ok := implicitNames[c[0].(string)]
		if !ok {
			continue
		}
		seen++
		name, rtol := c[1].(string), c[2].(float64)
		accepted, rejected, evals, want := c[3].(float64), c[4].(float64), c[5].(float64), c[6].(float64)
		p := all[name]
		sol, err := Solve(context.Background(), p.exact(), p.y0, Options[float64]{Method: m, T1: p.T, RelTol: rtol, AbsTol: rtol / 1000})
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		s := sol.Stats
		e := sols[name].relErr(sol.X)
		t.Logf("%v: %+v error %.3g", c, s, e)
		off := func(got int, want float64) bool { return !(math.Abs(float64(got)-want) <= max(2, 0.01*want)) }
		if off(s.Accepted, accepted) || off(s.Rejected, rejected) || off(s.Evals, evals) {
			t.Errorf("%v: %+v", c, s)
		}
		if s.Jacobians != s.Accepted || s.Factorizations != s.Accepted+s.Rejected {
			t.Errorf("%v: %d Jacobians, %d factorizations, want one for each of %d points, %d attempts", c, s.Jacobians, s.Factorizations, s.Accepted, s.Accepted+s.Rejected)
		}
		if !(e <= 20*want+1e-13) {
			t.Errorf("%v: error %.3g, want %.3g", c, e, want)
		}
	}
	if seen != 24 {
		t.Errorf("%d cases, want 24", seen)
	}
}
