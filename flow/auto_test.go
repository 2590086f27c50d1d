package flow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
)

// autoSolve runs a field by Auto and returns, beside the solution, how often the
// method changed.
func autoSolve[T Float](t *testing.T, f Field[T], x0 []T, o Options[T]) (sol *Solution[T], changes int) {
	t.Helper()
	it := ODE(f, Auto)
	use := 0.0
	o.Recorder = RecorderFunc(func(*Step[T]) error {
		if now := it.(*auto[T]).num[autoUse]; now != use {
			use = now
			changes++
		}
		return nil
	})
	r, err := New(it, x0, o)
	if err != nil {
		t.Fatal(err)
	}
	if sol, err = r.Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	return sol, changes
}

// TestAutoMild: what is not stiff is solved by Tsit5, step for step.
func TestAutoMild(t *testing.T) {
	for _, name := range []string{"lotka_volterra", "brusselator", "lorenz", "pleiades", "kepler_e06", "logreg_flow", "nonautonomous", "vanderpol_mu5"} {
		p := problems()[name]
		for _, tol := range []float64{1e-4, 1e-6, 1e-8} {
			o := Options[float64]{T1: p.T, RelTol: tol, AbsTol: tol / 1000, Method: Tsit5}
			want, err := Solve(context.Background(), p.field(), p.y0, o)
			if err != nil {
				t.Fatal(err)
			}
			got, changes := autoSolve(t, p.field(), p.y0, o)
			same := got.Stats == want.Stats
			for i := range got.X {
				same = same && got.X[i] == want.X[i]
			}
			if !same || changes != 0 {
				t.Errorf("%s %g: %d changes, %+v, by Tsit5 %+v", name, tol, changes, got.Stats, want.Stats)
			}
		}
	}
}

// TestAutoStiff: stiff problems to their tolerances, by far less work than Tsit5,
// which takes ρT/3.3 steps of six evaluations.
func TestAutoStiff(t *testing.T) {
	type stiffCase struct {
		f       func() Field[float64]
		x0      []float64
		T       float64
		most    [3]int     // evaluations at 1e-4, 1e-6, 1e-8
		factors [3]float64 // of the tolerance, for the error
		method  string
	}
	cases := map[string]stiffCase{}
	for name, p := range gradientProblems() {
		c := stiffCase{f: func() Field[float64] { return p.flow() }, x0: p.x0, T: p.T, method: "ROCK4"}
		switch name {
		case "linear_flow":
			c.most, c.factors = [3]int{60000, 100000, 180000}, [3]float64{2, 2, 2}
		case "heat_mol", "allen_cahn":
			c.most, c.factors = [3]int{600, 900, 1900}, [3]float64{2, 2, 2}
		case "rosenbrock_flow":
			c.most, c.factors, c.method = [3]int{1200, 3000, 9000}, [3]float64{2, 2, 2}, "Rodas5P"
		}
		cases[name] = c
	}
	for name, p := range stiffProblems() {
		if name == "linear_flow" {
			continue
		}
		// hires by Rodas5P alone is off by 4 times the tolerance, too.
		c := stiffCase{f: func() Field[float64] { return p.field() }, x0: p.y0, T: p.T, factors: [3]float64{2, 8, 2}, method: "Rodas5P"}
		c.most = map[string][3]int{"vanderpol_stiff": {4000, 9000, 30000}, "hires": {1200, 3700, 13500}, "robertson_40": {500, 650, 1300}}[name]
		cases[name] = c
		c.f = p.exact
		cases[name+" with Jacobian"] = c
	}
	sols := solutions(t)
	for name, c := range cases {
		var key string
		fmt.Sscanf(name, "%s", &key)
		for i, tol := range []float64{1e-4, 1e-6, 1e-8} {
			it := ODE(c.f(), Auto)
			if want := "Auto(Tsit5, " + c.method + ")"; nameOf(it) != want {
				t.Errorf("%s: %s, want %s", name, nameOf(it), want)
			}
			sol, changes := autoSolve(t, c.f(), c.x0, Options[float64]{T1: c.T, RelTol: tol, AbsTol: tol / 1000})
			if e := sols[key].relErr(sol.X); !(e <= c.factors[i]*tol) || sol.Stats.Evals > c.most[i] || sol.Status != Done {
				t.Errorf("%s %g: error %.3g, %+v, %d changes, want an error below %g in %d evaluations", name, tol, e, sol.Stats, changes, c.factors[i]*tol, c.most[i])
			}
			if changes == 0 && !(tol == 1e-8 && (key == "heat_mol" || key == "allen_cahn")) {
				t.Errorf("%s %g: Tsit5 all the way", name, tol)
			}
		}
	}
}

// pulse is x' = -λ(t) (x - cos t) - sin t with solution cos t, stiff for t in
// (1, 2) only.
func pulse[T Float](n int) func(d, x []T, t float64) {
	return func(d, x []T, t float64) {
		lambda := 1.0
		if t > 1 && t < 2 {
			lambda = 1e5
		}
		for i := range d {
			d[i] = T(-lambda*(float64(x[i])-math.Cos(t)) - math.Sin(t))
		}
	}
}

// TestAutoReturns: a stiff phase is one change there and one back, for every
// method and in float32.
func TestAutoReturns(t *testing.T) {
	ones := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = 1
		}
		return x
	}
	for _, n := range []int{1, 3, 150} {
		o := Options[float64]{T1: 40, TStops: []float64{1, 2}, MaxStep: 0.1, RelTol: 1e-6, Dense: true}
		sol, changes := autoSolve(t, FieldFunc(n, pulse[float64](n)), ones(n), o)
		if changes != 2 || math.Abs(sol.X[n-1]-math.Cos(40)) > 1e-5 {
			t.Errorf("n = %d: %d changes, want 2; x(40) = %v, want %v", n, changes, sol.X[n-1], math.Cos(40))
		}
		// Dense output across the changes.
		x := make([]float64, n)
		for i := range 400 {
			at := float64(i) / 10.3
			if err := sol.At(x, at); err != nil || math.Abs(x[0]-math.Cos(at)) > 2e-5 {
				t.Errorf("n = %d: x(%v) = %v, error %v, want %v", n, at, x[0], err, math.Cos(at))
			}
		}
	}
	x := []float32{1, 1}
	sol, changes := autoSolve(t, FieldFunc(2, pulse[float32](2)), x, Options[float32]{T1: 10, TStops: []float64{1, 2}, MaxStep: 0.1, RelTol: 1e-4, AbsTol: 1e-6})
	if changes != 2 || math.Abs(float64(sol.X[0])-math.Cos(10)) > 1e-3 {
		t.Errorf("float32: %d changes, want 2; x(10) = %v, want %v", changes, sol.X[0], math.Cos(10))
	}
	// Backward from t = 3 the same phase is unstable; a stiff field backward:
	back := FieldFunc(1, func(d, x []float64, t float64) { d[0] = 1e4*(x[0]-math.Cos(t)) - math.Sin(t) })
	sol64, changes := autoSolve(t, back, []float64{1}, Options[float64]{T1: -5})
	if changes != 1 || math.Abs(sol64.X[0]-math.Cos(5)) > 1e-5 {
		t.Errorf("backward: %d changes, want 1; x(-5) = %v, want %v", changes, sol64.X[0], math.Cos(5))
	}
}

// TestAutoMethods lists which method is chosen for what field.
func TestAutoMethods(t *testing.T) {
	none := func(dst, x []float64, _ float64) {}
	jac := Caps[float64]{Jacobian: none}
	shift := Caps[float64]{Shift: func([]float64, float64, float64) error { return nil }, SolveShift: func(dst, b []float64) error { return nil }}
	for _, c := range []struct {
		caps Caps[float64]
		n    int
		want Method
	}{
		{Caps[float64]{}, 0, Rodas5P}, {Caps[float64]{}, 100, Rodas5P}, {Caps[float64]{}, 101, RKC2},
		{jac, 200, Rodas5P}, {jac, 201, RKC2},
		{Caps[float64]{Descends: true}, 20, Rodas5P}, {Caps[float64]{Descends: true}, 21, ROCK4},
		{shift, 5000, Rodas5P}, {Caps[float64]{Descends: true, Band: &Band{1, 1}}, 5000, Rodas5P},
	} {
		if got := stiffMethod(c.caps, c.n); got != c.want {
			t.Errorf("n = %d: %v, want %v", c.n, got, c.want)
		}
	}
	if d := newAuto(gradientProblems()["heat_mol"].flow()).(Interpolator[float64]).DenseDegree(); d != 4 {
		t.Errorf("dense output of degree %d, want that of Tsit5, 4", d)
	}
	if Auto.String() != "Auto" || Auto.Order() != 5 {
		t.Errorf("%v of order %d", Auto, Auto.Order())
	}
}

// TestAutoComplex: on a spectrum far from the real axis, ω(-0.3 ± i), RKC2 is no
// remedy, but no harm.
func TestAutoComplex(t *testing.T) {
	const n = 120
	f := FieldFunc(n, func(d, x []float64, t float64) {
		for i := 0; i < n; i += 2 {
			w := 50 * float64(i+2)
			u, v := x[i]-math.Cos(t), x[i+1]-math.Sin(t)
			d[i] = w*(-0.3*u+v) - math.Sin(t)
			d[i+1] = w*(-u-0.3*v) + math.Cos(t)
		}
	})
	x0 := make([]float64, n)
	for i := 0; i < n; i += 2 {
		x0[i] = 1
	}
	o := Options[float64]{T1: 2, RelTol: 1e-4, AbsTol: 1e-4}
	plain := o
	plain.Method = Tsit5
	want, err := Solve(context.Background(), f, x0, plain)
	if err != nil {
		t.Fatal(err)
	}
	sol, changes := autoSolve(t, f, x0, o)
	if changes == 0 || sol.Status != Done || sol.Stats.Evals > want.Stats.Evals*3/2 {
		t.Errorf("%v after %d evaluations and %d changes, by Tsit5 %d evaluations", sol.Status, sol.Stats.Evals, changes, want.Stats.Evals)
	}
	for i, v := range sol.X {
		if exact := []float64{math.Cos(2), math.Sin(2)}[i%2]; math.Abs(v-exact) > 1e-3 {
			t.Errorf("x(2)[%d] = %v, want %v", i, v, exact)
		}
	}
}

// TestAutoBarred: the run of a model whose solver fails goes on by Tsit5, and never
// asks it again.
func TestAutoBarred(t *testing.T) {
	m := newDamped(1e3)
	m.fail = true
	it := ODE[float64](m, Auto)
	r, err := New(it, []float64{1, 0.5}, Options[float64]{T1: 3})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	good, err := Solve[float64](context.Background(), newDamped(1e3), []float64{1, 0.5}, Options[float64]{Method: Rodas5P, T1: 3, RelTol: 1e-8})
	if err != nil || math.Abs(good.X[0]-sol.X[0]) > 1e-5 {
		t.Errorf("%v, by Rodas5P %v, error %v", sol.X, good.X, err)
	}
	if m.shifts != maxFailures || it.(*auto[float64]).num[autoBarred] != 1 {
		t.Errorf("the solver was asked %d times, want %d", m.shifts, maxFailures)
	}
}

// TestAutoOrder: the controller knows the order of the method of every step.
func TestAutoOrder(t *testing.T) {
	x0 := make([]float64, 150)
	r, err := New(ODE(FieldFunc(150, pulse[float64](150)), Auto), x0, Options[float64]{T1: 10, TStops: []float64{1, 2}, MaxStep: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for r.Next(context.Background()) {
		want := 5
		if r.it.(*auto[float64]).on == 1 {
			want = 3
		}
		if seen[want]++; r.tr.Order != want {
			t.Fatalf("order %d at t = %v, want %d", r.tr.Order, r.t, want)
		}
	}
	if len(seen) != 2 {
		t.Errorf("steps by order: %v", seen)
	}
}

// TestAutoFixed: without error control Auto is Tsit5.
func TestAutoFixed(t *testing.T) {
	p := problems()["lotka_volterra"]
	o := Options[float64]{Controller: Fixed{0.05}, T1: 10, Method: Tsit5}
	want, err := Solve(context.Background(), p.field(), p.y0, o)
	if err != nil {
		t.Fatal(err)
	}
	got, changes := autoSolve(t, p.field(), p.y0, o)
	if changes != 0 || got.X[0] != want.X[0] || got.Stats != want.Stats {
		t.Errorf("%v %+v, want %v %+v", got.X, got.Stats, want.X, want.Stats)
	}
	// Also at hλ = 3.2, next to the limit of stability.
	decay := FieldFunc(1, func(d, x []float64, _ float64) { d[0] = -64 * x[0] })
	if got, changes = autoSolve(t, decay, []float64{1}, o); changes != 0 {
		t.Errorf("%d changes with a fixed step, %+v", changes, got.Stats)
	}
}

// autoCases are runs with changes of method, for the tests of all methods.
func autoCases() []implicitCase {
	gp, sp := gradientProblems(), stiffProblems()
	ones := make([]float64, 150)
	for i := range ones {
		ones[i] = 1
	}
	wave := Options[float64]{Controller: PI, T1: 40, TStops: []float64{1, 2}, MaxStep: 0.1}
	at := func(name string, f func() Field[float64], x0 []float64, o Options[float64]) implicitCase {
		return implicitCase{"Auto " + name, func() Integrator[float64] { return ODE(f(), Auto) }, x0, o}
	}
	long := Options[float64]{Controller: PI, T1: 1e5, RelTol: 1e-8}
	swing := capable[float64]{FieldFunc(12, func(d, x []float64, t float64) {
		for i, v := range x {
			d[i] = -1e4 * (v - math.Cos(t+float64(i)))
		}
	}), Caps[float64]{Band: &Band{Lower: 1}}}
	return []implicitCase{
		at("Rodas5P", sp["vanderpol_stiff"].field, sp["vanderpol_stiff"].y0, long),
		at("Jacobian", sp["robertson_40"].exact, sp["robertson_40"].y0, long),
		at("ROCK4", func() Field[float64] { return gp["linear_flow"].flow() }, gp["linear_flow"].x0, long),
		at("RKC2", func() Field[float64] { return FieldFunc(150, pulse[float64](150)) }, ones, wave),
		at("solver of the model", func() Field[float64] { return newDamped(1e3) }, []float64{1, 0.5}, Options[float64]{Controller: PI, T1: 1e5}),
		at("band", func() Field[float64] { return swing }, ones[:12], long),
	}
}

// TestAutoResume resumes before, at and after changes of the method.
func TestAutoResume(t *testing.T) {
	for _, c := range autoCases() {
		var changes []int
		it := c.it()
		r, err := New(it, c.x0, c.o)
		if err != nil {
			t.Fatal(err)
		}
		use := 0.0
		for k := 1; k <= 200 && r.Next(context.Background()); k++ {
			if now := it.(*auto[float64]).num[autoUse]; now != use {
				use = now
				changes = append(changes, k)
			}
		}
		if len(changes) == 0 {
			t.Errorf("%s: no change", c.name)
		}
		for _, at := range append(changes, 12) {
			for _, k := range []int{at - 1, at, at + 1, at + 20} {
				sameResumed(t, c.name, k, c.it, c.x0, func() Options[float64] {
					o := c.o
					o.MaxSteps = 240
					o.SaveAt = []float64{1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.1, 1, 1.5, 3}
					return o
				})
			}
		}
	}
}

// TestAutoResumeMore: with jumps, which make the derivative void, an energy, and in
// float32.
func TestAutoResumeMore(t *testing.T) {
	gp := gradientProblems()["heat_mol"]
	for _, k := range []int{0, 5, 24, 25, 26, 45} {
		sameResumed(t, "jumps", k, func() Integrator[float64] { return ODE[float64](newDamped(1e3), Auto) }, []float64{1, 0.5}, func() Options[float64] {
			return Options[float64]{T1: 2, Jump: kick{}}
		})
		sameResumed(t, "energy", k, func() Integrator[float64] { return ODE(gp.flow(), Auto) }, gp.x0, func() Options[float64] {
			return Options[float64]{T1: 1, Ledger: true, SaveAt: []float64{0.01, 0.2, 0.7}}
		})
		sameResumed(t, "float32", k, func() Integrator[float32] {
			return ODE(GradientFlow(EnergyFunc(2, rosenbrock[float32])), Auto)
		}, []float32{-1.2, 1}, func() Options[float32] { return Options[float32]{T1: 2, RelTol: 1e-4} })
	}
}

// TestAutoAllocatesNothing: memory is taken at the first change, never again.
func TestAutoAllocatesNothing(t *testing.T) {
	for _, c := range autoCases() {
		c.o.MaxSteps = 1 << 30
		it := c.it()
		r, err := New(it, c.x0, c.o)
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		next := func() {
			if !r.Next(ctx) {
				t.Fatalf("%s: ended with %v, %v", c.name, r.Status(), r.Err())
			}
		}
		for k := 0; k < 400 && it.(*auto[float64]).on == 0; k++ {
			next()
		}
		next()
		if n := testing.AllocsPerRun(100, next); n != 0 {
			t.Errorf("%s: %v allocations a step, want 0", c.name, n)
		}
	}
}

// TestAutoEvents: an event that restarts the run keeps the method.
func TestAutoEvents(t *testing.T) {
	f := FieldFunc(1, func(d, x []float64, t float64) { d[0] = -1e5 * (x[0] - math.Sin(t)) })
	var hits []float64
	it := ODE(f, Auto)
	r, err := New(it, []float64{0}, Options[float64]{T1: 10, RelTol: 1e-8, AbsTol: 1e-10, Events: []Event[float64]{{
		Direction: Falling,
		G:         func(x []float64, _ float64) float64 { return x[0] - 0.5 },
		Handler: func(_ []float64, t float64) (bool, error) {
			hits = append(hits, t)
			return true, nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	was := 0.0
	for r.Next(context.Background()) {
		now := it.(*auto[float64]).num[autoUse]
		if now < was {
			t.Errorf("the method was changed back at t = %v", r.Step().T)
		}
		was = now
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	// x = sin t to 1e-5.
	if len(hits) != 2 || math.Abs(hits[0]-5*math.Pi/6) > 3e-5 || math.Abs(hits[1]-17*math.Pi/6) > 3e-5 {
		t.Errorf("events at %v, want 5π/6 and 17π/6", hits)
	}
	if it.(*auto[float64]).num[autoUse] != 1 {
		t.Error("the method was changed by an event")
	}
}

// TestAutoDefault: the zero Method.
func TestAutoDefault(t *testing.T) {
	p := stiffProblems()["vanderpol_stiff"]
	sol, err := Solve(context.Background(), p.field(), p.y0, Options[float64]{T1: p.T})
	if err != nil || sol.Stats.Jacobians == 0 || nameOf(ODE(p.field(), nil)) != "Auto(Tsit5, Rodas5P)" {
		t.Errorf("%+v, error %v, integrator %s", sol, err, nameOf(ODE(p.field(), nil)))
	}
}

func TestAutoErrors(t *testing.T) {
	f := FieldFunc(2, func(d, x []float64, _ float64) { d[0], d[1] = math.NaN(), 0 })
	if _, err := Solve(context.Background(), f, []float64{1, 2}, Options[float64]{Method: Auto, T1: 1}); !errors.Is(err, ErrNonFinite) {
		t.Errorf("NaN at the start: %v", err)
	}
	if _, err := New(ODE(f, Auto), []float64{1}, Options[float64]{T1: 1}); !errors.Is(err, ErrArgument) {
		t.Errorf("wrong length: %v", err)
	}
	empty := FieldFunc(0, func(d, x []float64, _ float64) {})
	if sol, err := Solve(context.Background(), empty, nil, Options[float64]{Method: Auto, T1: 1}); err != nil || sol.Status != Done {
		t.Errorf("n = 0: %v", err)
	}
}
