package descent

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// controllers are all that this package has, and those of flow that fit.
func controllers() map[string]flow.Controller {
	return map[string]flow.Controller{
		"fixed": flow.Fixed{H: 0.004}, "Armijo": Armijo{}, "StrongWolfe": StrongWolfe{Start: 0.01},
		"BB1": BarzilaiBorwein{Start: 0.01}, "BB2": BarzilaiBorwein{Start: 0.01, Short: true}, "BB1 safe": BarzilaiBorwein{Start: 0.01, Memory: 10},
		"Polyak": Polyak{Star: -2}, "edge": EdgeOfStability{Theta: 0.5, Refresh: 3}, "PI": flow.PI,
		"schedule": Schedule{H: 0.004, Factors: []Factor{WarmUp{10}, Cosine{Length: 20}}},
	}
}

// TestReferenceLearningRates compares the first steps of the rules that need the
// past or the minimum with the references.
func TestReferenceLearningRates(t *testing.T) {
	var misc struct {
		GD struct {
			N     int
			Kappa float64
			FStar float64 `json:"f_star"`
			Rules map[string]struct {
				First [][2]float64 `json:"first_steps"`
				Gap   float64      `json:"gap_after_50"`
			}
		}
	}
	data, err := os.ReadFile("../testdata/misc.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &misc); err != nil {
		t.Fatal(err)
	}
	ref := misc.GD
	for name, c := range map[string]flow.Controller{
		"polyak": Polyak{Star: ref.FStar}, "bb1": BarzilaiBorwein{Start: 0.01}, "bb2": BarzilaiBorwein{Start: 0.01, Short: true},
	} {
		rule := ref.Rules[name]
		r, err := flow.New(GD(flow.GradientFlow(rotated(ref.N, ref.Kappa))), make([]float64, ref.N), flow.Options[float64]{Controller: c, MaxSteps: 50})
		if err != nil {
			t.Fatal(err)
		}
		for s := range r.Steps(context.Background()) {
			gap := s.Energy - ref.FStar
			if s.K >= 1 && s.K <= len(rule.First) {
				if w := rule.First[s.K-1]; !(math.Abs(s.H-w[0]) <= 1e-9*w[0]) || !(math.Abs(gap-w[1]) <= 1e-9*w[1]) {
					t.Errorf("%s step %d: h = %v, gap %.12g, want %v", name, s.K, s.H, gap, w)
				}
			}
			// Polyak's rule amplifies rounding: to change x0 by 1e-15 moves this by
			// 0.3 %. (That of Barzilai and Borwein does so by more than it is.)
			if s.K == 50 && name == "polyak" && !(math.Abs(gap-rule.Gap) <= 0.01*rule.Gap) {
				t.Errorf("%s: gap after 50 steps %.9g, want %.9g", name, gap, rule.Gap)
			}
		}
		if k := r.Step().K; k != 50 {
			t.Errorf("%s: %v after %d steps, want 50", name, r.Status(), k)
		}
	}
}

// banana is E = (1-x)² + 100 (y-x²)².
func banana(g, x []float64) float64 {
	a, b := 1-x[0], x[1]-x[0]*x[0]
	if g != nil {
		g[0], g[1] = -2*a-400*x[0]*b, 200*b
	}
	return a*a + 100*b*b
}

// TestBarzilaiBorwein: with the line search the method goes down the curved valley
// in far fewer steps than Armijo, and never above the highest of the last energies.
func TestBarzilaiBorwein(t *testing.T) {
	for _, c := range []BarzilaiBorwein{{Memory: 10}, {Memory: 10, Short: true}, {Memory: 1}} {
		r, err := flow.New(GD(flow.GradientFlow(flow.EnergyFunc(2, banana))), []float64{-1.2, 1}, flow.Options[float64]{Controller: c, MaxSteps: 20000,
			Stop: []flow.Stop[float64]{flow.StopEnergy[float64](1e-10)}})
		if err != nil {
			t.Fatal(err)
		}
		var last []float64
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			top := math.Inf(-1)
			for _, e := range last[max(0, len(last)-c.Memory):] {
				top = max(top, e)
			}
			if s.K > 0 && !(s.Energy < top) {
				t.Fatalf("%+v step %d: E = %v, the last were below %v", c, s.K, s.Energy, top)
			}
			last = append(last, s.Energy)
		}
		t.Logf("%+v: %+v", c, r.Step().Stats)
		if r.Status() != flow.Converged || c.Memory == 10 && r.Step().K > 1000 {
			t.Errorf("%+v: %v after %d steps, want Converged", c, r.Status(), r.Step().K)
		}
	}
}

// TestBarzilaiBorweinOnOneMode: on λx²/2 the second step is exact.
func TestBarzilaiBorweinOnOneMode(t *testing.T) {
	for _, short := range []bool{false, true} {
		x, st := trace(t, GD(flow.GradientFlow(quadratic[float64](3))), flow.Options[float64]{Controller: BarzilaiBorwein{Start: 0.1, Short: short}, MaxSteps: 2})
		if !(math.Abs(x[1]-0.7) <= 1e-15) || !(math.Abs(x[2]) <= 1e-15) || st != flow.StepLimit {
			t.Errorf("short %t: %v, want 1, 0.7, 0", short, x)
		}
	}
	// Where the energy is concave the learning rate stays.
	hill := flow.EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = -x[0]
		}
		return -x[0] * x[0] / 2
	})
	x, _ := trace(t, GD(flow.GradientFlow(hill)), flow.Options[float64]{Controller: BarzilaiBorwein{Start: 0.5}, MaxSteps: 5})
	for k, v := range x {
		if v != math.Pow(1.5, float64(k)) {
			t.Errorf("on a hill x_%d = %v, want 1.5^%d", k, v, k)
		}
	}
}

// TestPolyak: on λx²/2 Polyak's step is half of Newton's; it ends at E*, says when
// E* was not the least value, and when it meets another critical point.
func TestPolyak(t *testing.T) {
	x, _ := trace(t, GD(flow.GradientFlow(quadratic[float64](3))), flow.Options[float64]{Controller: Polyak{}, MaxSteps: 20})
	for k, v := range x {
		if !(math.Abs(v-math.Exp2(-float64(k))) <= 1e-15) {
			t.Errorf("x_%d = %v, want 2^-%d", k, v, k)
		}
	}
	well := func(level float64) flow.Field[float64] {
		return flow.GradientFlow(flow.EnergyFunc(1, func(g, x []float64) float64 {
			a := x[0]*x[0] - 1
			if g != nil {
				g[0] = 4 * x[0] * a
			}
			return a*a + level
		}))
	}
	for _, c := range []struct {
		name  string
		f     flow.Field[float64]
		star  float64
		x0    float64
		want  flow.Status
		error bool
	}{
		{"minimum", well(1), 1, 2, flow.Converged, false},
		{"top of the hill", well(1), 1, 0, flow.Stationary, false},
		{"wrong minimum", well(1), 1.5, 1.1, flow.Failed, true},
	} {
		r, err := flow.New(GD(c.f), []float64{c.x0}, flow.Options[float64]{Controller: Polyak{Star: c.star}, MaxSteps: 1000})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if sol.Status != c.want || (err != nil) != c.error || c.error && !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: %v, %v at %v after %d steps, want %v", c.name, sol.Status, err, sol.X, sol.Stats.Accepted, c.want)
		}
	}
}

// TestEdgeRates: on a quadratic the learning rate is θ times the edge from the
// first step on, from exact products and from differences; each method converges
// at θ = 0.99 and diverges at 1.01.
func TestEdgeRates(t *testing.T) {
	const beta, n = 0.6, 10
	o := AdamOptions{Beta1: 0.9, Beta2: 0.999999, Eps: 1}
	for _, exact := range []bool{true, false} {
		f := fields()["quadratic"]()
		if !exact {
			f = flow.GradientFlow(rotated(n, 100))
		}
		for _, c := range []struct {
			name string
			it   func() flow.Integrator[float64]
			edge float64
		}{
			{"GD", func() flow.Integrator[float64] { return GD(f) }, 2},
			{"HeavyBall", func() flow.Integrator[float64] { return HeavyBall(f, beta) }, 2 * (1 + beta)},
			{"Nesterov", func() flow.Integrator[float64] { return Nesterov(f, Constant(beta)) }, 2 * (1 + beta) / (1 + 2*beta)},
			{"LookAheadNesterov", func() flow.Integrator[float64] { return LookAheadNesterov(f, Constant(beta)) }, 2 * (1 + beta) / (1 + 2*beta)},
		} {
			for _, theta := range []float64{0.99, 1.01} {
				r, err := flow.New(c.it(), make([]float64, n), flow.Options[float64]{Controller: EdgeOfStability{Theta: theta, Edge: c.edge, Refresh: 10}, MaxSteps: 20000, Bound: 1e8})
				if err != nil {
					t.Fatal(err)
				}
				sol, err := r.Solve(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if want := theta * c.edge / 100; !(math.Abs(r.Step().H-want) <= 1e-6*want) {
					t.Errorf("%s exact %t θ = %g: h = %v, want %v", c.name, exact, theta, r.Step().H, want)
				}
				if want := map[bool]flow.Status{true: flow.StepLimit, false: flow.Diverged}[theta < 1]; sol.Status != want {
					t.Errorf("%s exact %t θ = %g: %v after %d steps, want %v", c.name, exact, theta, sol.Status, sol.Stats.Accepted, want)
				}
			}
		}
		// Adam's edge, with a preconditioner that ε keeps nearly constant.
		for _, theta := range []float64{0.9, 1.1} {
			x0 := make([]float64, n)
			for i := range x0 {
				x0[i] = 1e-3 * float64(i)
			}
			e := flow.GradientFlow(centred(f, x0))
			r, err := flow.New(Adam[float64](e, o), x0, flow.Options[float64]{Controller: EdgeOfStability{Theta: theta, Edge: 38}, MaxSteps: 3000})
			if err != nil {
				t.Fatal(err)
			}
			e0 := math.NaN()
			for s, err := range r.Steps(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				if s.K == 0 {
					e0 = s.Energy
				}
			}
			if end := r.Step().Energy; (end < 1e-3*e0) != (theta < 1) {
				t.Errorf("Adam exact %t θ = %g: energy from %.3g to %.3g", exact, theta, e0, end)
			}
		}
	}
}

// centred is xᵀAx/2 of the quadratic behind f.
func centred(f flow.Field[float64], x0 []float64) flow.Energy[float64] {
	n := len(x0)
	f0, zero := make([]float64, n), make([]float64, n)
	f.Eval(f0, zero, 0)
	a := func(d, v []float64) { // A v = f(0) - f(v)
		f.Eval(d, v, 0)
		for i := range d {
			d[i] = f0[i] - d[i]
		}
	}
	g := make([]float64, n)
	e := flow.EnergyFunc(n, func(grad, x []float64) float64 {
		a(g, x)
		s := 0.0
		for i := range g {
			s += g[i] * x[i] / 2
		}
		copy(grad, g)
		return s
	})
	if flow.CapsOf[float64](f).HessVec == nil {
		return e
	}
	return withHessian{e, func(d, _, v []float64) { a(d, v) }}
}

// TestCurvatureFollows: on a nonquadratic energy the learning rate is that of the
// point where the step begins, and products by differences are counted.
func TestCurvatureFollows(t *testing.T) {
	quartic := flow.EnergyFunc(2, func(g, x []float64) float64 {
		if g != nil {
			g[0], g[1] = x[0]*x[0]*x[0], x[1]
		}
		return x[0]*x[0]*x[0]*x[0]/4 + x[1]*x[1]/2
	})
	r, err := flow.New(GD(flow.GradientFlow(quartic)), []float64{3, 1}, flow.Options[float64]{Controller: EdgeOfStability{Theta: 0.25}, MaxSteps: 20})
	if err != nil {
		t.Fatal(err)
	}
	x, last := 3.0, 0.0
	for s := range r.Steps(context.Background()) {
		lambda := max(3*s.X[0]*s.X[0], 1)
		if c := s.Curvature(); !(math.Abs(c-lambda) <= 1e-6*lambda) {
			t.Errorf("step %d: curvature %v, want %v", s.K, c, lambda)
		}
		if s.K > 0 && !(math.Abs(s.H-0.5/last) <= 1e-6*s.H) {
			t.Errorf("step %d from x = %v: h = %v, want %v", s.K, x, s.H, 0.5/last)
		}
		x, last = s.X[0], lambda
	}
	if s := r.Step().Stats; s.Evals < 21+20*2 {
		t.Errorf("%+v: the products by differences are not counted", s)
	}
}

// TestSchedules compares the factors with their formulas and their product with
// the steps of a run.
func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		f    Factor
		k    float64
		want float64
	}{
		{WarmUp{4}, 0, 0.25}, {WarmUp{4}, 3, 1}, {WarmUp{4}, 100, 1},
		{Power{}, 0, 1}, {Power{}, 3, 0.25}, {Power{Exponent: 0.5, Scale: 10}, 30, 0.5},
		{Cosine{Length: 10}, 0, 1}, {Cosine{Length: 10}, 5, 0.5}, {Cosine{Length: 10, Floor: 0.1}, 10, 0.1}, {Cosine{Length: 10, Floor: 0.1}, 99, 0.1},
		{Exponential{HalfLife: 5}, 10, 0.25},
	} {
		if got := c.f.factor(c.k); !(math.Abs(got-c.want) <= 1e-15) {
			t.Errorf("%T%+v at %g: %v, want %v", c.f, c.f, c.k, got, c.want)
		}
	}
	s := Schedule{H: 0.1, Factors: []Factor{WarmUp{3}, Power{}}}
	r, err := flow.New(GD(flow.GradientFlow(quadratic[float64](1))), []float64{1}, flow.Options[float64]{Controller: s, MaxSteps: 6})
	if err != nil {
		t.Fatal(err)
	}
	for st := range r.Steps(context.Background()) {
		if k := float64(st.K - 1); st.K > 0 {
			if want := 0.1 * min(1, (k+1)/3) / (1 + k); !(math.Abs(st.H-want) <= 1e-16) {
				t.Errorf("step %d: h = %v, want %v", st.K, st.H, want)
			}
		}
	}
}

// TestTracking: under an error controller gradient descent follows its flow, here
// x = 1/sqrt(1+2t) of x⁴/4, with an error that falls as the root of the tolerance
// (error per step, order 1); and without one it is still an error not to say what
// the learning rate is.
func TestTracking(t *testing.T) {
	f := flow.GradientFlow(flow.EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = x[0] * x[0] * x[0]
		}
		return x[0] * x[0] * x[0] * x[0] / 4
	}))
	x0, last := []float64{1}, math.NaN()
	for _, rtol := range []float64{1e-3, 1e-5, 1e-7} {
		r, err := flow.New(GD(f), x0, flow.Options[float64]{T1: 4, Controller: flow.PI, RelTol: rtol, AbsTol: rtol})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil || sol.Status != flow.Done {
			t.Fatal(sol.Status, err)
		}
		d := math.Abs(sol.X[0] - 1./3)
		t.Logf("rtol %g: error %.3g, %+v", rtol, d, sol.Stats)
		if last > 0 && !(d < last/8 && d > last/12) {
			t.Errorf("rtol %g: error %.3g after %.3g, want a tenth", rtol, d, last)
		}
		last = d
	}
	if _, err := flow.New(GD(f), x0, flow.Options[float64]{T1: 1}); !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), "Controller is nil") {
		t.Errorf("GD without a controller: %v, want ErrArgument", err)
	}
}

// TestTrackingError: the estimate is that of Euler against Heun, on λx²/2 in
// closed form.
func TestTrackingError(t *testing.T) {
	const lambda, rel, abs = 2.0, 1e-3, 1e-4
	for _, vec := range [][]float64{nil, {abs}} {
		r, err := flow.New(GD(flow.GradientFlow(quadratic[float64](lambda))), []float64{1}, flow.Options[float64]{Controller: flow.I, RelTol: rel, AbsTol: abs, AbsTolVec: vec, MaxSteps: 10})
		if err != nil {
			t.Fatal(err)
		}
		x := 1.0
		for s := range r.Steps(context.Background()) {
			if s.K == 0 {
				continue
			}
			next := x * (1 - s.H*lambda)
			want := s.H / 2 * lambda * math.Abs(next-x) / (abs + rel*max(math.Abs(x), math.Abs(next)))
			if !(math.Abs(s.Err-want) <= 1e-12*want) {
				t.Errorf("step %d: error %v, want %v", s.K, s.Err, want)
			}
			x = s.X[0]
		}
	}
}

// TestStrongWolfe: every accepted step meets both conditions, on energies that
// need bracketing, zooming and retreat from where E is infinite.
func TestStrongWolfe(t *testing.T) {
	energies := map[string]struct {
		e  flow.Energy[float64]
		x0 []float64
	}{
		"banana": {flow.EnergyFunc(2, banana), []float64{-1.2, 1}},
		"bowl":   {rotated(10, 100), make([]float64, 10)},
		"barrier": {flow.EnergyFunc(1, func(g, x []float64) float64 {
			if g != nil {
				g[0] = 1 - 1/x[0]
			}
			return x[0] - math.Log(x[0]) // NaN for x < 0
		}), []float64{100}},
		"quartic": {flow.EnergyFunc(1, func(g, x []float64) float64 {
			if g != nil {
				g[0] = x[0] * x[0] * x[0]
			}
			return x[0] * x[0] * x[0] * x[0] / 4
		}), []float64{1}},
	}
	for name, c := range energies {
		for _, w := range []StrongWolfe{{}, {C2: 0.1}, {Start: 1e-6}, {Start: 1e6}} {
			d := w.defaults()
			r, err := flow.New(GD(flow.GradientFlow(c.e)), c.x0, flow.Options[float64]{Controller: w, MaxSteps: 40})
			if err != nil {
				t.Fatal(err)
			}
			n := len(c.x0)
			x, g, g1 := append([]float64(nil), c.x0...), make([]float64, n), make([]float64, n)
			e := c.e.EnergyGrad(g, x)
			for s, err := range r.Steps(context.Background()) {
				if err != nil {
					t.Fatalf("%s %+v: %v", name, w, err)
				}
				if s.K == 0 || s.Status == flow.Stationary {
					continue
				}
				e1 := c.e.EnergyGrad(g1, s.X)
				var s0, s1 float64
				for i := range g {
					s0 -= g[i] * g[i]
					s1 -= g[i] * g1[i]
				}
				if !(e1 <= e+d.C1*s.H*s0+1e-14*math.Abs(e)) || !(math.Abs(s1) <= d.C2*math.Abs(s0)*(1+1e-9)) {
					t.Errorf("%s %+v step %d: h = %v from E = %v, slope %v to E = %v, slope %v", name, w, s.K, s.H, e, s0, e1, s1)
				}
				e = e1
				copy(g, g1)
			}
			if r.Status() != flow.StepLimit && r.Status() != flow.Stationary {
				t.Errorf("%s %+v: %v", name, w, r.Status())
			}
		}
	}
	// Momentum bends the line.
	r, err := flow.New(HeavyBall(flow.GradientFlow(flow.EnergyFunc(2, banana)), 0.9), []float64{-1.2, 1}, flow.Options[float64]{Controller: StrongWolfe{}, MaxSteps: 100})
	if err != nil {
		t.Fatal(err)
	}
	if sol, err := r.Solve(context.Background()); !errors.Is(err, ErrLineSearch) || sol.Status != flow.Failed || !strings.Contains(err.Error(), "along a line") {
		t.Errorf("heavy ball: %v, %v, want Failed with ErrLineSearch", sol.Status, err)
	}
	// A direction that does not lower E at all.
	wrong := flow.EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = -1
		}
		return x[0]
	})
	r, err = flow.New(GD(flow.GradientFlow(wrong)), []float64{1}, flow.Options[float64]{Controller: StrongWolfe{}, MaxSteps: 5})
	if err != nil {
		t.Fatal(err)
	}
	if sol, err := r.Solve(context.Background()); !errors.Is(err, ErrLineSearch) || sol.Status != flow.Failed || sol.X[0] != 1 {
		t.Errorf("wrong gradient: %v, %v at %v, want Failed at 1", sol.Status, err, sol.X)
	}
}

func TestControllersBadInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		c    flow.Checker
	}{
		{"Start and Max of BarzilaiBorwein are 1e-10, -1", BarzilaiBorwein{Start: -1}},
		{"Start and Max of BarzilaiBorwein are 1, 0.001", BarzilaiBorwein{Min: 1}},
		{"Max of BarzilaiBorwein are 1e-10, 0.001 and NaN", BarzilaiBorwein{Max: nan}},
		{"Memory of BarzilaiBorwein is 11", BarzilaiBorwein{Memory: 11}},
		{"C of BarzilaiBorwein is 1", BarzilaiBorwein{C: 1}},
		{"Star of Polyak is NaN", Polyak{Star: nan}},
		{"Scale and Max of Polyak are 2", Polyak{Scale: 2}},
		{"Max of Polyak are 0 and -1", Polyak{Max: -1}},
		{"Theta of EdgeOfStability is NaN", EdgeOfStability{Theta: nan}},
		{"Edge of EdgeOfStability is -1", EdgeOfStability{Edge: -1}},
		{"Max of EdgeOfStability is +Inf", EdgeOfStability{Max: inf}},
		{"Refresh of EdgeOfStability is -1", EdgeOfStability{Refresh: -1}},
		{"H of Schedule is 0", Schedule{}},
		{"factor 0 of Schedule is nil", Schedule{H: 1, Factors: []Factor{nil}}},
		{"Steps of WarmUp is 0", Schedule{H: 1, Factors: []Factor{WarmUp{}}}},
		{"Length of Cosine is 0", Schedule{H: 1, Factors: []Factor{Cosine{}}}},
		{"Floor of Cosine is 2", Schedule{H: 1, Factors: []Factor{Cosine{Length: 1, Floor: 2}}}},
		{"Scale of Power: got -1", Schedule{H: 1, Factors: []Factor{Power{Exponent: -1}}}},
		{"HalfLife of Exponential: got 0", Schedule{H: 1, Factors: []Factor{Exponential{}}}},
		{"C1 and C2 of StrongWolfe are 0.95", StrongWolfe{C1: 0.95}},
		{"C2 of StrongWolfe are 0.0001 and NaN", StrongWolfe{C2: nan}},
		{"Start and Max of StrongWolfe are +Inf", StrongWolfe{Start: inf}},
	} {
		if err := c.c.Check(); !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%T: want an error that names %q, got %v", c.c, c.name, err)
		}
	}
	for name, c := range controllers() {
		if k, ok := c.(flow.Checker); ok && k.Check() != nil {
			t.Errorf("%s: %v", name, k.Check())
		}
	}
}

// TestControllersAllocateNothing counts allocations of a step under each.
func TestControllersAllocateNothing(t *testing.T) {
	ctx := context.Background()
	for name, ctl := range controllers() {
		e := flow.EnergyFunc(2, func(g, x []float64) float64 {
			if g != nil {
				g[0], g[1] = x[0], 2*x[1]
			}
			return x[0]*x[0]/2 + x[1]*x[1]
		})
		r, err := flow.New(GD(flow.GradientFlow(e)), []float64{1, 1}, flow.Options[float64]{Controller: ctl, MaxSteps: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		r.Next(ctx) // Lanczos takes its memory
		if n := testing.AllocsPerRun(50, func() { r.Next(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations a step, want 0", name, n)
		}
	}
}

// TestPreconditionedCurvature: under the adaptive methods the curvature is that of
// P^(-1/2) ∇²E P^(-1/2), here max λ_i/P_i, with the P of the last step; at the start
// with that of the first.
func TestPreconditionedCurvature(t *testing.T) {
	lambda := []float64{1, 30, 400}
	f := flow.GradientFlow(flow.EnergyFunc(3, func(g, x []float64) float64 {
		e := 0.0
		for i, l := range lambda {
			e += l * x[i] * x[i] / 2
			if g != nil {
				g[i] = l * x[i]
			}
		}
		return e
	}))
	const eps = 0.1
	for name, c := range map[string]struct {
		it flow.Integrator[float64]
		p  func(s *float64, g, t float64) float64
	}{
		"Adam": {Adam(f, AdamOptions{Beta1: 0.8, Beta2: 0.9, Eps: eps}), func(s *float64, g, t float64) float64 {
			*s = 0.9**s + 0.1*g*g
			return (1 - math.Pow(0.8, t)) * (math.Sqrt(*s/(1-math.Pow(0.9, t))) + eps)
		}},
		"RMSProp": {RMSProp(f, RMSPropOptions{Rho: 0.7, Eps: eps}), func(s *float64, g, _ float64) float64 {
			*s = 0.7**s + 0.3*g*g
			return math.Sqrt(*s) + eps
		}},
		"AdaGrad": {AdaGrad(f, AdaGradOptions{Eps: eps}), func(s *float64, g, _ float64) float64 {
			*s += g * g
			return math.Sqrt(*s) + eps
		}},
	} {
		x := []float64{1, 0.1, 0.01}
		s := make([]float64, 3)
		r, err := flow.New(c.it, x, flow.Options[float64]{Controller: EdgeOfStability{Theta: 0.05}, MaxSteps: 12})
		if err != nil {
			t.Fatal(err)
		}
		want := 0.0
		for st := range r.Steps(context.Background()) {
			if st.K == 0 {
				for i, l := range lambda {
					s0 := 0.0
					want = max(want, l/c.p(&s0, l*x[i], 1))
				}
			} else {
				if !(math.Abs(st.H-0.1/want) <= 1e-5*st.H) {
					t.Errorf("%s step %d: h = %v, want %v", name, st.K, st.H, 0.1/want)
				}
				want = 0
				for i, l := range lambda {
					want = max(want, l/c.p(&s[i], l*x[i], float64(st.K)))
				}
			}
			if got := st.Curvature(); !(math.Abs(got-want) <= 1e-5*want) {
				t.Errorf("%s step %d: curvature %v, want %v", name, st.K, got, want)
			}
			copy(x, st.X)
		}
	}
}

// TestCurvatureInFloat32: products by differences have few digits in float32, and
// the search knows.
func TestCurvatureInFloat32(t *testing.T) {
	const n = 60
	f := flow.GradientFlow(flow.EnergyFunc(n, func(g, x []float32) float64 {
		e := 0.0
		for i, v := range x {
			l := float32(i + 1)
			e += float64(l*v*v) / 2
			if g != nil {
				g[i] = l * v
			}
		}
		return e
	}))
	x0 := make([]float32, n)
	for i := range x0 {
		x0[i] = 1
	}
	r, err := flow.New(GD(f), x0, flow.Options[float32]{Controller: EdgeOfStability{Theta: 0.9}, MaxSteps: 20})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if h := r.Step().H; !(math.Abs(h-0.03) <= 0.02*0.03) || !(sol.Energy < 100) || sol.Stats.Evals > 20*50 {
		t.Errorf("h = %v, E = %v, %+v, want h = 0.03 with few products", h, sol.Energy, sol.Stats)
	}
	t.Logf("%+v", sol.Stats)
}

// spy is a constant learning rate that looks at everything.
type spy struct {
	h    float64
	want flow.Want
	seen *[]flow.Trial
}

func (s spy) Want() flow.Want                          { return s.want }
func (s spy) First(*flow.Control, *flow.Trial) float64 { return s.h }
func (s spy) Judge(_ *flow.Control, tr *flow.Trial) flow.Verdict {
	*s.seen = append(*s.seen, *tr)
	return flow.Verdict{Accept: true, H: s.h}
}

// TestTrials: energies, slope along the step and secant products of every method
// are those of the states it shows.
func TestTrials(t *testing.T) {
	const h = 0.004
	e := rotated(10, 100)
	for name, it := range methods(fields()["quadratic"]()) {
		var seen []flow.Trial
		want := flow.Want{Energy: true, Slope: name != "Alternating", Secant: true}
		r, err := flow.New(it, make([]float64, 10), flow.Options[float64]{Controller: spy{h, want, &seen}, MaxSteps: 8})
		if err != nil {
			t.Fatal(err)
		}
		var x [][]float64
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			x = append(x, append([]float64(nil), s.X...))
		}
		g0, g1 := make([]float64, 10), make([]float64, 10)
		for k, tr := range seen {
			e0, e1 := e.EnergyGrad(g0, x[k]), e.EnergyGrad(g1, x[k+1])
			var slope, ss, sy, yy, size float64
			for i := range g0 {
				s, y := x[k+1][i]-x[k][i], g1[i]-g0[i]
				slope += g0[i] * s / h
				size += math.Abs(g0[i] * s / h)
				ss, sy, yy = ss+s*s, sy+s*y, yy+y*y
			}
			if !(math.Abs(tr.E0-e0) <= 1e-13) || !(math.Abs(tr.E1-e1) <= 1e-13) {
				t.Errorf("%s step %d: energies %v, %v, want %v, %v", name, k, tr.E0, tr.E1, e0, e1)
			}
			if want.Slope && !(math.Abs(tr.Slope0-slope) <= 1e-9*(size+1)) {
				t.Errorf("%s step %d: slope %v, want %v", name, k, tr.Slope0, slope)
			}
			if !(math.Abs(tr.SS-ss) <= 1e-9*ss) || !(math.Abs(tr.SY-sy) <= 1e-9*math.Abs(sy)) || !(math.Abs(tr.YY-yy) <= 1e-9*yy) {
				t.Errorf("%s step %d: secant products %v %v %v, want %v %v %v", name, k, tr.SS, tr.SY, tr.YY, ss, sy, yy)
			}
		}
	}
}

// TestRefresh: the curvature is computed at every third step only.
func TestRefresh(t *testing.T) {
	quartic := flow.EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = x[0] * x[0] * x[0]
		}
		return x[0] * x[0] * x[0] * x[0] / 4
	})
	r, err := flow.New(GD(flow.GradientFlow(quartic)), []float64{3}, flow.Options[float64]{Controller: EdgeOfStability{Theta: 0.25, Refresh: 3}, MaxSteps: 9})
	if err != nil {
		t.Fatal(err)
	}
	want, x := 0.0, 3.0
	for s := range r.Steps(context.Background()) {
		if s.K > 0 {
			if (s.K-1)%3 == 0 {
				want = 0.5 / (3 * x * x)
			}
			if !(math.Abs(s.H-want) <= 1e-6*want) {
				t.Errorf("step %d: h = %v, want %v", s.K, s.H, want)
			}
		}
		x = s.X[0]
	}
}

// TestNonmonotoneRule: the part C of the linear decrease is asked for.
func TestNonmonotoneRule(t *testing.T) {
	b := BarzilaiBorwein{Memory: 2, C: 0.4}
	c := &flow.Control{}
	b.First(c, &flow.Trial{E0: 10})
	tr := flow.Trial{H: 1, Finite: true, E0: 10, Slope0: -5, SS: 1, SY: 2, YY: 4}
	for _, s := range []struct {
		e1     float64
		accept bool
		h      float64
	}{{8.01, false, 0.5}, {7.99, true, 0.5}} {
		tr.E1 = s.e1
		if v := b.Judge(c, &tr); v.Accept != s.accept || v.H != s.h {
			t.Errorf("E = %v: %+v, want accepted: %t", s.e1, v, s.accept)
		}
	}
}

// TestCubicMin: the interpolation is exact on a cubic.
func TestCubicMin(t *testing.T) {
	f := func(h float64) []float64 { return []float64{h, h*h*h - 3*h, 3*h*h - 3} } // minimum at 1
	for _, c := range [][2]float64{{0, 2}, {2, 0}, {0.5, 1.2}, {1.7, 0.1}} {
		if got := cubicMin(f(c[0]), f(c[1])); !(math.Abs(got-1) <= 1e-12) {
			t.Errorf("between %v: %v, want 1", c, got)
		}
	}
}
