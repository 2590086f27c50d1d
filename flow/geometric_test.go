package flow

import (
	"context"
	"errors"
	"math"
	"testing"
)

// doubleWell is (x²-1)²/4 + 3(y-x)²/2.
func doubleWell[T Float](g, x []T) float64 {
	a, b := float64(x[0]), float64(x[1])
	if g != nil {
		g[0] = T((a*a-1)*a - 3*(b-a))
		g[1] = T(3 * (b - a))
	}
	return (a*a-1)*(a*a-1)/4 + 1.5*(b-a)*(b-a)
}

// ripples is not convex, with more waves than Gauss's rule sees.
func ripples(g, x []float64) float64 {
	e := 0.0
	for i, v := range x {
		e += 1 - math.Cos(30*v) + 0.05*v*v
		if g != nil {
			g[i] = 30*math.Sin(30*v) + 0.1*v
		}
	}
	return e
}

// wavy is not convex, its Hessian bounded: Σ log(1+x_i²) + cos(3 x_i) + x_i x_{i+1}/4.
func wavy[T Float](g, x []T) float64 {
	e := 0.0
	clear(g)
	for i, v := range x {
		a := float64(v)
		e += math.Log1p(a*a) + math.Cos(3*a) + 0.05*a*a
		b := float64(x[(i+1)%len(x)])
		e += (a - b) * (a - b) / 2
		if g != nil {
			g[i] += T(2*a/(1+a*a) - 3*math.Sin(3*a) + 0.1*a + a - b)
			g[(i+1)%len(x)] -= T(a - b)
		}
	}
	return e
}

var discreteMethods = map[string]Method{"gonzalez": Gonzalez, "avf5": AVF, "itoh_abe": ItohAbe}

// TestDiscreteGradientStep compares one step where the solution is unique with
// reference values, and the identity E(y)-E(x) = -h|g|² for all step sizes.
func TestDiscreteGradientStep(t *testing.T) {
	var misc struct {
		D struct {
			Cases []struct {
				Method string
				H      float64
				X0, X1 []float64
				DE     float64
			}
		} `json:"discrete_gradient"`
	}
	readJSON(t, "misc.json", &misc)
	if len(misc.D.Cases) != 9 {
		t.Fatalf("%d cases", len(misc.D.Cases))
	}
	for _, c := range misc.D.Cases {
		r, err := newField(GradientFlow(EnergyFunc(2, doubleWell[float64])), c.X0, Options[float64]{Method: discreteMethods[c.Method], Controller: Fixed{c.H}, MaxSteps: 1})
		if err != nil {
			t.Fatal(err)
		}
		e0 := r.Step().Energy
		r.Next(context.Background())
		x := r.Step().X
		d0, d1 := x[0]-c.X0[0], x[1]-c.X0[1]
		de, want := r.Step().Energy-e0, -(d0*d0+d1*d1)/c.H
		if !(math.Abs(de-want) <= 1e-13*math.Abs(want)) {
			t.Errorf("%s h = %v: E fell by %.17g, want %.17g", c.Method, c.H, -de, -want)
		}
		off := math.Hypot(x[0]-c.X1[0], x[1]-c.X1[1])
		t.Logf("%s h = %v: off by %.2g, %+v", c.Method, c.H, off, r.Step().Stats)
		if c.H < 0.1 && !(off <= 1e-13) {
			t.Errorf("%s h = %v: x = %.17g, want %.17g", c.Method, c.H, x, c.X1)
		}
	}
}

// henonHeiles is U(q) of Hénon and Heiles.
func henonHeiles[T Float](g, q []T) float64 {
	x, y := float64(q[0]), float64(q[1])
	if g != nil {
		g[0], g[1] = T(x+2*x*y), T(y+x*x-y*y)
	}
	return (x*x+y*y)/2 + x*x*y - y*y*y/3
}

var splittings = map[string]Method{"verlet": Verlet, "yoshida4": Yoshida4, "suzuki4": Suzuki4, "yoshida6": Yoshida6, "kahanli6": KahanLi6, "kahanli8": KahanLi8, "blanesmoan4": BlanesMoan4}

// TestHenonHeiles compares 100 steps with reference values, the energy error on
// the way and the number of forces.
func TestHenonHeiles(t *testing.T) {
	var misc struct {
		H struct {
			Q0, P0 []float64
			H      float64
			Steps  int
			Final  []struct {
				Method   string
				Q, P     []float64
				MaxError float64 `json:"max_energy_error"`
			}
		} `json:"henon_heiles"`
	}
	readJSON(t, "misc.json", &misc)
	forces := map[string]int{"verlet": 1, "yoshida4": 3, "suzuki4": 5, "yoshida6": 7, "kahanli6": 9, "kahanli8": 17, "blanesmoan4": 6}
	x0 := append(append([]float64{}, misc.H.Q0...), misc.H.P0...)
	f := HeavyBall(EnergyFunc(2, henonHeiles[float64]), 0)
	if len(misc.H.Final) != len(splittings) {
		t.Fatalf("%d methods, want %d", len(misc.H.Final), len(splittings))
	}
	for _, c := range misc.H.Final {
		o := Options[float64]{Method: splittings[c.Method], Controller: Fixed{misc.H.H}, MaxSteps: misc.H.Steps}
		sol, err := Solve(context.Background(), f, x0, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range append(append([]float64{}, c.Q...), c.P...) {
			if !(math.Abs(sol.X[i]-want) <= 1e-12) {
				t.Errorf("%s: x[%d] = %.17g, want %.17g", c.Method, i, sol.X[i], want)
			}
		}
		if want := forces[c.Method]*misc.H.Steps + 1; sol.Stats.Evals != want {
			t.Errorf("%s: %d forces, want %d", c.Method, sol.Stats.Evals, want)
		}
		worst, e0 := 0.0, math.NaN()
		o.Energy = true
		for s := range Steps(context.Background(), f, x0, o) {
			if s.K == 0 {
				e0 = s.Energy
			}
			worst = max(worst, math.Abs(s.Energy-e0))
		}
		// To two digits, as far as rounding of the energy allows.
		if !(math.Abs(worst-c.MaxError) <= 0.01*c.MaxError+5e-15) {
			t.Errorf("%s: energy error %.3g, want %.3g", c.Method, worst, c.MaxError)
		}
	}
}

// TestReversible goes there, reverses the momenta, and comes back.
func TestReversible(t *testing.T) {
	test := func(name string, m Method) {
		f := HeavyBall(EnergyFunc(2, henonHeiles[float64]), 0)
		x := []float64{0.1, 0.3, 0.25, -0.1}
		o := Options[float64]{Method: m, Controller: Fixed{0.1}, MaxSteps: 1000}
		for range 2 {
			sol, err := Solve(context.Background(), f, x, o)
			if err != nil {
				t.Fatal(err)
			}
			x = sol.X
			x[2], x[3] = -x[2], -x[3]
		}
		for i, want := range []float64{0.1, 0.3, 0.25, -0.1} {
			if !(math.Abs(x[i]-want) <= 1e-12) {
				t.Errorf("%s: x[%d] = %.17g after going back, want %v", name, i, x[i], want)
			}
		}
	}
	for name, m := range splittings {
		test(name, m)
	}
	test("implicit midpoint", ImplicitMidpoint)
	test("Gauss4", Gauss4)
	test("Gauss6", Gauss6)
}

// TestSplittingOrder measures the order on a pendulum, also with a force that
// depends on time.
func TestSplittingOrder(t *testing.T) {
	pendulum := capable[float64]{
		FieldFunc(2, func(d, x []float64, t float64) { d[0], d[1] = x[1]*(1+0.3*math.Sin(t)), -math.Sin(x[0])+math.Cos(2*t) }),
		Caps[float64]{Separable: true, Blocks: []int{1, 1}, EvalBlock: func(d, x []float64, t float64, b int) {
			if b == 0 {
				d[0] = x[1] * (1 + 0.3*math.Sin(t))
			} else {
				d[0] = -math.Sin(x[0]) + math.Cos(2*t)
			}
		}},
	}
	exact, err := Solve(context.Background(), pendulum, []float64{1, 0.5}, Options[float64]{Method: DOP853, T1: 2, RelTol: 1e-14, AbsTol: 1e-14})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range splittings {
		e := func(h float64) float64 {
			sol, err := Solve(context.Background(), pendulum, []float64{1, 0.5}, Options[float64]{Method: m, Controller: Fixed{h}, T1: 2})
			if err != nil {
				t.Fatal(err)
			}
			return math.Hypot(sol.X[0]-exact.X[0], sol.X[1]-exact.X[1])
		}
		h := map[int]float64{2: 0.02, 4: 0.05, 6: 0.1, 8: 0.25}[m.Order()]
		slope := math.Log2(e(h) / e(h/2))
		t.Logf("%s: order %.2f", name, slope)
		if !(slope >= float64(m.Order())-0.3) {
			t.Errorf("%s: order %.2f, want %d", name, slope, m.Order())
		}
	}
}

func rigidBody() capable[float64] {
	return capable[float64]{
		FieldFunc(3, func(d, x []float64, _ float64) { d[0], d[1], d[2] = -x[1]*x[2], 4*x[0]*x[2], -3*x[0]*x[1] }),
		Caps[float64]{Autonomous: true, Invariants: []Invariant[float64]{
			{Name: "|x|²", Value: func(x []float64) float64 { return x[0]*x[0] + x[1]*x[1] + x[2]*x[2] }},
			{Name: "4x² + y²", Value: func(x []float64) float64 { return 4*x[0]*x[0] + x[1]*x[1] }},
		}},
	}
}

// TestProjection measures the drift of |x|² on the rigid body with and without
// projection; the implicit midpoint rule needs none.
func TestProjection(t *testing.T) {
	f := rigidBody()
	x0 := []float64{0.6, 0, 0.8}
	exact, err := Solve(context.Background(), f, x0, Options[float64]{Method: DOP853, T1: 6, RelTol: 1e-13, AbsTol: 1e-14})
	if err != nil {
		t.Fatal(err)
	}
	run := func(o Options[float64]) (drift [2]float64, last, err3 float64) {
		for s, err := range Steps(context.Background(), f, x0, o) {
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range f.caps.Invariants {
				drift[i] = max(drift[i], math.Abs(v.Value(s.X)-v.Value(x0)))
			}
			last = math.Abs(f.caps.Invariants[0].Value(s.X) - 1)
			err3 = math.Hypot(math.Hypot(s.X[0]-exact.X[0], s.X[1]-exact.X[1]), s.X[2]-exact.X[2])
		}
		return drift, last, err3
	}
	for _, c := range []struct{ rtol, drift float64 }{{1e-4, 1.3e-5}, {1e-6, 1.0e-6}, {1e-8, 1.6e-8}} {
		o := Options[float64]{Method: DormandPrince, T1: 6, RelTol: c.rtol, AbsTol: c.rtol / 1000}
		free, last, errFree := run(o)
		if !(math.Abs(last-c.drift) <= 0.05*c.drift) {
			t.Errorf("rtol %g: drift at the end %.3g, want %.2g", c.rtol, last, c.drift)
		}
		p, err := Project[float64](f, x0)
		if err != nil {
			t.Fatal(err)
		}
		o.Jump = p
		held, _, errHeld := run(o)
		t.Logf("rtol %g: drift %.3g, projected %.3g; error %.3g, projected %.3g", c.rtol, free, held, errFree, errHeld)
		if !(held[0] <= 3e-15 && held[1] <= 4e-15) {
			t.Errorf("rtol %g: drift %.3g with projection", c.rtol, held)
		}
		if !(errHeld <= 2*errFree) {
			t.Errorf("rtol %g: error %.3g with projection, %.3g without", c.rtol, errHeld, errFree)
		}
	}
	held, _, _ := run(Options[float64]{Method: ImplicitMidpoint, Controller: Fixed{0.1}, T1: 6})
	if !(held[0] <= 3e-15 && held[1] <= 6e-15) {
		t.Errorf("implicit midpoint: drift %.3g", held)
	}
}

// TestOntoSpheres rotates three points, each on its sphere, by a method that would
// leave it.
func TestOntoSpheres(t *testing.T) {
	spin := capable[float64]{FieldFunc(6, func(d, x []float64, _ float64) {
		for i := 0; i < 6; i += 2 {
			d[i], d[i+1] = -x[i+1], x[i]
		}
	}), Caps[float64]{Project: OntoSpheres[float64](2, 3)}}
	x0 := []float64{3, 0, 0, 3, -3, 0}
	p, err := Project[float64](spin, x0)
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range Steps(context.Background(), spin, x0, Options[float64]{Method: RK4, Controller: Fixed{0.5}, T1: 20, Jump: p}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 6; i += 2 {
			if r := math.Hypot(s.X[i], s.X[i+1]); !(math.Abs(r-3) <= 1e-15*3) {
				t.Fatalf("t = %v: block %d has norm %v", s.T, i/2, r)
			}
		}
	}
	if err := OntoSpheres[float32](2, 1)([]float32{1, 1, 0, 0}); !errors.Is(err, ErrSingular) {
		t.Errorf("zero block: %v", err)
	}
}

// TestProjectionFails: dependent gradients and a level set that cannot be reached
// end the run.
func TestProjectionFails(t *testing.T) {
	twice := rigidBody()
	twice.caps.Invariants = append(twice.caps.Invariants[:1:1], twice.caps.Invariants[0])
	far := capable[float64]{decay(), Caps[float64]{Invariants: []Invariant[float64]{{Name: "bump", Value: func(x []float64) float64 { return math.Exp(-x[0] * x[0]) }}}}}
	for name, c := range map[string]struct {
		f    capable[float64]
		x0   []float64
		o    Options[float64]
		want error
	}{
		"twice the same": {twice, []float64{0.6, 0, 0.8}, Options[float64]{Method: RK4, Controller: Fixed{0.5}, T1: 5}, ErrSingular},
		"no way back":    {far, []float64{5}, Options[float64]{Method: Euler, Controller: Fixed{0.9}, T1: 5}, ErrNoConvergence},
	} {
		p, err := Project[float64](c.f, c.x0)
		if err != nil {
			t.Fatal(err)
		}
		c.o.Jump = p
		sol, err := Solve[float64](context.Background(), c.f, c.x0, c.o)
		if !errors.Is(err, c.want) || sol.Status != Failed {
			t.Errorf("%s: %v, %v, want Failed with %v", name, sol.Status, err, c.want)
		}
	}
	nan := capable[float64]{decay(), Caps[float64]{Invariants: []Invariant[float64]{{Name: "log", Value: func(x []float64) float64 { return math.Log(x[0]) }}}}}
	if _, err := Project[float64](nan, []float64{-1}); !errors.Is(err, ErrNonFinite) {
		t.Errorf("NaN at x0: %v", err)
	}
}

// TestSplittingDense looks between the steps of a method that evaluates no
// derivative at their ends, and finds the same as one that does.
func TestSplittingDense(t *testing.T) {
	f := HeavyBall(EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = x[0]
		}
		return x[0] * x[0] / 2
	}), 0)
	for _, m := range []Method{BlanesMoan4, Yoshida4} {
		for _, dense := range []bool{false, true} {
			r, err := newField(f, []float64{1, 0}, Options[float64]{Method: m, Controller: Fixed{0.05}, MaxSteps: 5, Dense: dense})
			if err != nil {
				t.Fatal(err)
			}
			evals := 0
			for r.Next(context.Background()) {
				s := r.Step()
				x, at := make([]float64, 2), s.T-0.02
				if err := s.At(x, at); err != nil {
					t.Fatal(err)
				}
				if !(math.Abs(x[0]-math.Cos(at)) <= 1e-7 && math.Abs(x[1]+math.Sin(at)) <= 1e-7) {
					t.Errorf("%v, dense %t: x(%v) = %v, want %v, %v", m, dense, at, x, math.Cos(at), -math.Sin(at))
				}
				evals = s.Stats.Evals
			}
			if evals > 5*7+2 {
				t.Errorf("%v, dense %t: %d forces in five steps", m, dense, evals)
			}
		}
	}
	// An event, found on the dense output.
	sol, err := Solve(context.Background(), f, []float64{1, 0}, Options[float64]{Method: BlanesMoan4, Controller: Fixed{0.05}, T1: 3,
		Events: []Event[float64]{{G: func(x []float64, _ float64) float64 { return x[0] }, Terminal: true}}})
	if err != nil || !(math.Abs(sol.T-math.Pi/2) <= 1e-7) {
		t.Errorf("event at %v, %v, want π/2", sol.T, err)
	}
}

// TestDiscreteGradientSymmetric: the midpoint and the averaged discrete gradient are
// symmetric in x and y, so that steps backward undo steps forward.
func TestDiscreteGradientSymmetric(t *testing.T) {
	f := GradientFlow(EnergyFunc(2, doubleWell[float64]))
	for _, m := range []Method{Gonzalez, AVF} {
		there, err := Solve(context.Background(), f, []float64{0.1, 2}, Options[float64]{Method: m, Controller: Fixed{0.02}, T1: 0.4})
		if err != nil {
			t.Fatal(err)
		}
		back, err := Solve(context.Background(), f, there.X, Options[float64]{Method: m, Controller: Fixed{0.02}, T0: 0.4, ToZero: true})
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Hypot(back.X[0]-0.1, back.X[1]-2) <= 1e-11) || back.T != 0 {
			t.Errorf("%v: back at %v, %v", m, back.T, back.X)
		}
	}
}
