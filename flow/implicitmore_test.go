package flow

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestImplicitSolutions compares runs of the stiff problems, Jacobians given and
// by differences, with the exact final values.
func TestImplicitSolutions(t *testing.T) {
	// Largest error by the tolerance, at rtol 1e-6: for orders 2, 4, 5.
	limit := map[Method]float64{TRBDF2: 1000, ROS23: 100, KenCarp4: 100, SDIRK4: 10, Rodas4: 10, Rodas5P: 10, RadauIIA5: 10}
	for name, p := range stiffProblems() {
		ref := solutions(t)[name]
		for m, c := range limit {
			for fname, f := range map[string]Field[float64]{"exact": p.exact(), "differences": p.field()} {
				const rtol = 1e-6
				sol, err := Solve(context.Background(), f, p.y0, Options[float64]{Method: m, T1: p.T, RelTol: rtol, AbsTol: rtol / 1000})
				if err != nil {
					t.Errorf("%s %v %s: %v", name, m, fname, err)
					continue
				}
				if e := ref.relErr(sol.X); !(e <= c*rtol) {
					t.Errorf("%s %v %s: error %.3g, want <= %.3g, %+v", name, m, fname, e, c*rtol, sol.Stats)
				}
			}
		}
	}
}

// TestJacobianIsKept: the diagonally implicit methods need few Jacobians and fewer
// factorizations than steps, and what they count is what they did.
func TestJacobianIsKept(t *testing.T) {
	p := stiffProblems()["robertson_40"]
	jacobians, evals := 0, 0
	f := capable[float64]{
		FieldFunc(3, func(d, y []float64, _ float64) { evals++; robertson(d, y, 0) }),
		Caps[float64]{Jacobian: func(dst, y []float64, _ float64) { jacobians++; p.jac(dst, y) }},
	}
	sol, err := Solve(context.Background(), f, p.y0, Options[float64]{Method: TRBDF2, T1: 40, RelTol: 1e-6, AbsTol: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	s := sol.Stats
	if s.Jacobians != jacobians || s.Evals != evals {
		t.Errorf("counted %d Jacobians, %d evaluations, made %d, %d", s.Jacobians, s.Evals, jacobians, evals)
	}
	if !(s.Jacobians*8 < s.Accepted && s.Factorizations*2 < s.Accepted) {
		t.Errorf("%+v: want less than a Jacobian for 8 steps and a factorization for 2", s)
	}
	// By differences each costs three evaluations more.
	sol, err = Solve(context.Background(), p.field(), p.y0, Options[float64]{Method: TRBDF2, T1: 40, RelTol: 1e-6, AbsTol: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	if d := sol.Stats; !(math.Abs(float64(d.Evals-3*d.Jacobians-s.Evals)) <= 0.02*float64(s.Evals)) {
		t.Errorf("by differences %+v, exact %+v", d, s)
	}
	// Rosenbrock methods: one Jacobian a point, one factorization an attempt, one
	// system a stage; n evaluations a Jacobian and one for the time derivative.
	sol, err = Solve(context.Background(), p.field(), p.y0, Options[float64]{Method: Rodas5P, T1: 40, RelTol: 1e-6, AbsTol: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	a, b := sol.Stats.Accepted, sol.Stats.Accepted+sol.Stats.Rejected
	want := Stats{Accepted: a, Rejected: b - a, Jacobians: a, Factorizations: b, Solves: 8 * b, Evals: 1 + a + 7*b + 4*a}
	if sol.Stats != want {
		t.Errorf("Rodas5P by differences: %+v, want %+v", sol.Stats, want)
	}
}

// TestSolversAgree solves one stiff gradient flow with every kind of linear
// solver: model's own, Cholesky, LU, CG, GMRES.
func TestSolversAgree(t *testing.T) {
	e := EnergyFunc(50, linearEnergy())
	p := stiffProblems()["linear_flow"]
	ref := solutions(t)["linear_flow"]
	for _, m := range []Method{Rodas4, TRBDF2, Proximal} {
		for name, c := range map[string]struct {
			f  Field[float64]
			m  Method
			by solver
		}{
			"Cholesky": {GradientFlow(e), m, byCholesky},
			"LU":       {p.exact(), m, byLU},
			"CG":       {GradientFlow(e), Krylov{m}, byCG},
			"GMRES":    {p.exact(), Krylov{m}, byGMRES},
		} {
			if m == Proximal && (name == "LU" || name == "GMRES") {
				continue // for gradient flows only
			}
			it := ODE(c.f, c.m)
			r, err := New(it, p.y0, Options[float64]{Controller: m.controller(), T1: 1, RelTol: 1e-4, AbsTol: 1e-7})
			if err != nil {
				t.Fatal(err)
			}
			if got := solverOf(it); got != c.by {
				t.Fatalf("%v %s: solver %v, want %v", m, name, got, c.by)
			}
			sol, err := r.Solve(context.Background())
			if err != nil {
				t.Errorf("%v %s: %v", m, name, err)
				continue
			}
			err1 := ref.relErr(sol.X)
			t.Logf("%v %s: error %.3g, %+v", m, name, err1, sol.Stats)
			limit := 5e-4
			if m == Proximal {
				limit = 5e-3
			}
			if !(err1 <= limit) {
				t.Errorf("%v %s: error %.3g, want <= %g", m, name, err1, limit)
			}
		}
	}
}

// TestImplicitLedger: the energy that a run lost is what the methods say that the
// flow dissipated, to a multiple of the tolerance; for discrete gradients to
// rounding.
func TestImplicitLedger(t *testing.T) {
	for name, p := range map[string]struct {
		f  Field[float64]
		x0 []float64
		T  float64
	}{
		"logreg":     {GradientFlow(EnergyFunc(3, logreg)), []float64{0.5, -1, 1}, 10},
		"rosenbrock": {GradientFlow(EnergyFunc(2, rosenbrock[float64])), []float64{-1.2, 1}, 5},
		"heavy ball": {HeavyBall(EnergyFunc(2, doubleWell[float64]), 0.5), []float64{0.1, 2, 0, 0}, 5},
	} {
		for _, m := range []Method{Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4, RadauIIA5} {
			const rtol = 1e-6
			sol, err := Solve(context.Background(), p.f, p.x0, Options[float64]{Method: m, T1: p.T, RelTol: rtol, AbsTol: rtol / 1000, Ledger: true})
			if err != nil {
				t.Fatal(err)
			}
			d := sol.Ledger.Defect()
			t.Logf("%s %v: defect %.1f rtol, %d rises", name, m, d/rtol, sol.Ledger.Rises)
			if !(d <= 1000*rtol) {
				t.Errorf("%s %v: defect %.3g", name, m, d)
			}
		}
		if name == "heavy ball" {
			continue
		}
		for _, m := range []Method{Gonzalez, AVF, ItohAbe} {
			sol, err := Solve(context.Background(), p.f, p.x0, Options[float64]{Method: m, Controller: Fixed{0.01}, MaxSteps: 100, Ledger: true})
			if err != nil {
				t.Fatal(err)
			}
			if d := sol.Ledger.Defect(); !(d <= 1e-11) || sol.Ledger.Rises != 0 {
				t.Errorf("%s %v: defect %.3g, %d rises", name, m, d, sol.Ledger.Rises)
			}
		}
	}
}

func solverOf(it Integrator[float64]) solver {
	switch r := it.(type) {
	case *rosenbrockODE[float64]:
		return r.lin.by
	case *ros23[float64]:
		return r.lin.by
	case *sdirk[float64]:
		return r.lin.by
	case *proximal[float64]:
		return r.lin.by
	}
	return -1
}

// TestLargeDimension uses iterations above dimension 500 without being asked.
func TestLargeDimension(t *testing.T) {
	const n = 700
	// Heat on a line with n points.
	f := GradientFlow(EnergyFunc(n, func(g, x []float64) float64 {
		e, c := 0.0, float64((n+1)*(n+1))
		for i, v := range x {
			l, r := 0.0, 0.0
			if i > 0 {
				l = x[i-1]
			}
			if i < n-1 {
				r = x[i+1]
				e += c / 2 * (r - v) * (r - v)
			}
			if g != nil {
				g[i] = -c * (l - 2*v + r)
			}
		}
		return e + c/2*(x[0]*x[0]+x[n-1]*x[n-1])
	}))
	x0 := make([]float64, n)
	for i := range x0 {
		x0[i] = math.Sin(math.Pi * float64(i+1) / (n + 1))
	}
	s := math.Sin(math.Pi / (2 * (n + 1)))
	want := math.Exp(-0.05 * 4 * (n + 1) * (n + 1) * s * s)
	it := ODE(f, TRBDF2)
	r, err := New(it, x0, Options[float64]{Controller: TRBDF2.controller(), T1: 0.05, RelTol: 1e-4, AbsTol: 1e-6})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := solverOf(it); got != byCG {
		t.Errorf("solver %v, want conjugate gradients", got)
	}
	t.Logf("%+v", sol.Stats)
	for i, v := range sol.X {
		if !(math.Abs(v-want*x0[i]) <= 2e-3*want) {
			t.Fatalf("x[%d] = %v, want %v", i, v, want*x0[i])
		}
	}
}

// TestSingular: a singular matrix halves the step, ten in a row end the run.
func TestSingular(t *testing.T) {
	d := newDamped(1e3)
	d.fail = true
	for _, m := range []Method{Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4, ImplicitEuler} {
		sol, err := Solve[float64](context.Background(), d, []float64{1, 0.5}, Options[float64]{Method: m, T1: 1, InitStep: 0.1})
		if !errors.Is(err, ErrSingular) || sol.Status != Failed || sol.Stats.Rejected != 0+9 || sol.Stats.Accepted != 0 || sol.X[0] != 1 {
			t.Errorf("%v: %v %v %+v, want Failed with ErrSingular after ten attempts", m, sol.Status, err, sol.Stats)
		}
		if !strings.Contains(err.Error(), "no factors") {
			t.Errorf("%v: error %q hides that of the model", m, err)
		}
		_, err = Solve[float64](context.Background(), d, []float64{1, 0.5}, Options[float64]{Method: m, T1: 1, Controller: Fixed{0.1}})
		if !errors.Is(err, ErrSingular) {
			t.Errorf("%v with constant steps: %v", m, err)
		}
	}
	d.fail, d.lost = false, true
	if _, err := Solve[float64](context.Background(), d, []float64{1, 0.5}, Options[float64]{Method: Rodas4, T1: 1}); !errors.Is(err, ErrSingular) {
		t.Errorf("SolveShift fails: %v", err)
	}
	// x' = λx with hγλ = 1 exactly: I - hγJ = 0. One halving helps.
	grow := capable[float64]{FieldFunc(1, func(d, x []float64, _ float64) { d[0] = 40 * x[0] }),
		Caps[float64]{Autonomous: true, Jacobian: func(j, _ []float64, _ float64) { j[0] = 40 }}}
	r, err := newField[float64](grow, []float64{1}, Options[float64]{Method: Rodas4, InitStep: 0.1, T1: 1, RelTol: 1, AbsTol: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.Next(context.Background())
	if s := r.Step(); s.H > 0.05 || s.Stats.Rejected == 0 {
		t.Errorf("first step %v after %d rejections, want a halved one", s.H, s.Stats.Rejected)
	}
	// Negative curvature beyond 1/(hγ): the Cholesky factors say so.
	hill := GradientFlow(EnergyFunc(2, func(g, x []float64) float64 {
		if g != nil {
			g[0], g[1] = -100*x[0], x[1]
		}
		return -50*x[0]*x[0] + x[1]*x[1]/2
	}))
	for _, m := range []Method{Rodas4, Krylov{Rodas4}, SDIRK4, Krylov{TRBDF2}} {
		sol, err := Solve(context.Background(), hill, []float64{1, 1}, Options[float64]{Method: m, InitStep: 0.1, T1: 0.05, RelTol: 1e-6})
		if err != nil {
			t.Fatal(err)
		}
		if want := math.Exp(5.0); !(math.Abs(sol.X[0]-want) <= 1e-3*want) {
			t.Errorf("%v: x = %v, want %v", m, sol.X[0], want)
		}
	}
}

// TestWrongMethod: a method that does not fit the field is an error of New.
func TestWrongMethod(t *testing.T) {
	plain := problems()["lotka_volterra"].field()
	for m, want := range map[Method]string{
		Verlet: "Separable", BlanesMoan4: "Separable", Gonzalez: "GradientFlow", AVF: "GradientFlow",
		ItohAbe: "GradientFlow", Proximal: "GradientFlow", Krylov{Tsit5}: "implicit", Krylov{}: "implicit",
	} {
		_, err := newField(plain, []float64{1, 1}, Options[float64]{Method: m, Controller: Fixed{0.1}, T1: 1, SaveAt: []float64{0.5}})
		if !errors.Is(err, ErrArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want ErrArgument that names %q", m, err, want)
		}
	}
	_, err := newField(HeavyBall(EnergyFunc(2, doubleWell[float64]), 0.5), make([]float64, 4), Options[float64]{Method: Verlet, Controller: Fixed{0.1}})
	if !errors.Is(err, ErrArgument) {
		t.Errorf("Verlet with friction: %v", err)
	}
	_, err = newField(HeavyBall(EnergyFunc(2, doubleWell[float64]), 0), make([]float64, 4), Options[float64]{Method: Verlet, Controller: PI})
	if !errors.Is(err, ErrArgument) {
		t.Errorf("Verlet with error control: %v", err)
	}
	_, err = newField(GradientFlow(EnergyFunc(2, doubleWell[float64])), make([]float64, 2), Options[float64]{Method: Proximal, T1: -1})
	if !errors.Is(err, ErrArgument) {
		t.Errorf("Proximal backward: %v", err)
	}
	if _, err := Project[float64](plain, []float64{1, 1}); !errors.Is(err, ErrArgument) {
		t.Errorf("Project without constraints: %v", err)
	}
}

// TestEnergyFalls: discrete gradients and the proximal step lower the energy for
// every h; the discrete gradients by exactly |y-x|²/h where the mean value is
// exact, the proximal step by at least |y-x|²/(2h).
func TestEnergyFalls(t *testing.T) {
	for ename, e := range map[string]struct {
		n          int
		f          func(g, x []float64) float64
		polynomial bool
	}{"wavy": {12, wavy[float64], false}, "double well": {2, doubleWell[float64], true}, "rosenbrock": {2, rosenbrock[float64], true}, "ripples": {3, ripples, false}, "Allen-Cahn": {allenN, allenCahn, true}} {
		seeds, steps := uint64(5), 20
		if e.n == allenN {
			seeds, steps = 1, 4
		}
		for _, m := range []Method{Gonzalez, AVF, ItohAbe, Proximal} {
			for _, h := range []float64{1e-3, 1e-2, 0.1, 1, 10, 100, 1e3} {
				for seed := range seeds {
					rng := rand.New(rand.NewPCG(seed, 7))
					x := make([]float64, e.n)
					for i := range x {
						x[i] = 4 * rng.NormFloat64()
					}
					if e.n == allenN {
						copy(x, allenStart())
					}
					o := Options[float64]{Method: m, Controller: Fixed{h}, MaxSteps: steps}
					e0, start := math.NaN(), 0.0
					for s, err := range Steps(context.Background(), GradientFlow(EnergyFunc(e.n, e.f)), x, o) {
						if err != nil {
							t.Fatalf("%s %v h = %g: %v", ename, m, h, err)
						}
						if s.K == 0 {
							e0, start = s.Energy, math.Abs(s.Energy)
							copy(x, s.X)
							continue
						}
						dd := 0.0
						for i, v := range s.X {
							dd += (v - x[i]) * (v - x[i])
						}
						copy(x, s.X)
						de := s.Energy - e0
						e0 = s.Energy
						fuzz := 1e-13 * start
						switch {
						case !(de <= 4*unit*start):
							t.Fatalf("%s %v h = %g: E rose by %.3g", ename, m, h, de)
						case m == Proximal:
							if !(de+dd/(2*h) <= fuzz) {
								t.Fatalf("%s %v h = %g: E fell by %.3g, want at least %.3g", ename, m, h, -de, dd/(2*h))
							}
						case m != AVF || e.polynomial:
							if !(math.Abs(de+dd/h) <= fuzz+1e-11*dd/h) {
								t.Fatalf("%s %v h = %g: E fell by %.17g, want %.17g", ename, m, h, -de, dd/h)
							}
						}
					}
				}
			}
		}
	}
}

// TestImplicitFloat32 runs the methods in float32: to what it resolves they agree
// with float64.
func TestImplicitFloat32(t *testing.T) {
	f := FieldFunc(3, func(d, y []float32, _ float64) {
		a, b, c := y[0], y[1], y[2]
		d[0] = -0.04*a + 1e4*b*c
		d[2] = 3e7 * b * b
		d[1] = -d[0] - d[2]
	})
	ref := solutions(t)["robertson_40"]
	for _, m := range []Method{Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4, RadauIIA5, Krylov{Rodas4}} {
		sol, err := Solve(context.Background(), f, []float32{1, 0, 0}, Options[float32]{Method: m, T1: 40, RelTol: 1e-4, AbsTol: 1e-7})
		if err != nil {
			t.Errorf("%v: %v", m, err)
			continue
		}
		if e := ref.relErr(widen(sol.X)); !(e <= 3e-4) {
			t.Errorf("%v: error %.3g, %+v", m, e, sol.Stats)
		}
	}
	ball := HeavyBall(EnergyFunc(2, henonHeiles[float32]), 0)
	want, err := Solve(context.Background(), HeavyBall(EnergyFunc(2, henonHeiles[float64]), 0), []float64{0.1, 0.3, 0.25, -0.1},
		Options[float64]{Method: KahanLi8, Controller: Fixed{0.1}, T1: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Method{Yoshida4, Suzuki4, Yoshida6, KahanLi6, KahanLi8, BlanesMoan4} {
		sol, err := Solve(context.Background(), ball, []float32{0.1, 0.3, 0.25, -0.1}, Options[float32]{Method: m, Controller: Fixed{0.1}, T1: 10})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range sol.X {
			if !(math.Abs(float64(v)-want.X[i]) <= 1e-4) {
				t.Errorf("%v: x[%d] = %v, want %v", m, i, v, want.X[i])
			}
		}
	}
	for _, m := range []Method{Gonzalez, AVF, ItohAbe, Proximal} {
		for _, h := range []float64{1e-2, 1, 100} {
			last := math.Inf(1)
			for s, err := range Steps(context.Background(), GradientFlow(EnergyFunc(2, doubleWell[float32])), []float32{0.1, 2}, Options[float32]{Method: m, Controller: Fixed{h}, MaxSteps: 30}) {
				if err != nil {
					t.Fatalf("%v h = %g: %v", m, h, err)
				}
				if !(s.Energy <= last+1e-6) {
					t.Errorf("%v h = %g: E rose from %v to %v", m, h, last, s.Energy)
				}
				last = s.Energy
			}
		}
	}
	if p, err := Project[float32](GradientFlow(EnergyFunc(2, doubleWell[float32])), []float32{1, 1}); err == nil || p != nil {
		t.Errorf("Project without invariants: %v", err)
	}
}

// TestImplicitEdges: empty states, zero span, backward time, bad start points.
func TestImplicitEdges(t *testing.T) {
	ctx := context.Background()
	empty := FieldFunc(0, func(_, _ []float64, _ float64) {})
	lv := problems()["lotka_volterra"]
	for _, m := range []Method{Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4, RadauIIA5, ImplicitEuler, Krylov{Rodas4}, Krylov{TRBDF2}} {
		sol, err := Solve(ctx, empty, nil, Options[float64]{Method: m, T1: 1})
		if err != nil || sol.T != 1 {
			t.Errorf("%v, n = 0: t = %v, %v", m, sol, err)
		}
		sol, err = Solve(ctx, lv.field(), lv.y0, Options[float64]{Method: m, T0: 2, T1: 2})
		if err != nil || sol.Stats.Accepted != 0 || sol.Status != Done {
			t.Errorf("%v, zero span: %+v, %v", m, sol, err)
		}
		_, err = Solve(ctx, FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = math.NaN() }), []float64{1}, Options[float64]{Method: m, T1: 1})
		if !errors.Is(err, ErrNonFinite) {
			t.Errorf("%v, NaN at the start: %v", m, err)
		}
		if m == ImplicitEuler {
			continue
		}
		there, err := Solve(ctx, lv.field(), lv.y0, Options[float64]{Method: m, T1: 1, RelTol: 1e-8})
		if err != nil {
			t.Errorf("%v: %v", m, err)
			continue
		}
		back, err := Solve(ctx, lv.field(), there.X, Options[float64]{Method: m, T0: 1, ToZero: true, RelTol: 1e-8})
		if err != nil || !(math.Hypot(back.X[0]-1, back.X[1]-1) <= 1e-5) {
			t.Errorf("%v: backward to %v, %v", m, back.X, err)
		}
	}
	// A field that leaves its domain: the step is cut, not the run.
	root := FieldFunc(1, func(d, x []float64, _ float64) { d[0] = -math.Sqrt(x[0]) })
	for _, m := range []Method{Rodas4, TRBDF2, SDIRK4} {
		sol, err := Solve(ctx, root, []float64{1}, Options[float64]{Method: m, T1: 1.9, InitStep: 5})
		if want := math.Pow(1-1.9/2, 2); err != nil || !(math.Abs(sol.X[0]-want) <= 1e-5) {
			t.Errorf("%v: x = %v, %v, want %v", m, sol.X, err, want)
		}
	}
}

// TestImplicitMiniBatches: a step sees one batch, that of its index, from the start
// to the end, and a resumed run sees the same.
func TestImplicitMiniBatches(t *testing.T) {
	const h = 0.3
	for _, m := range []Method{ImplicitEuler, Proximal, ImplicitMidpoint, Gonzalez, AVF} {
		x, k := 2.0, 0
		for s, err := range Steps(context.Background(), GradientFlow[float64](&drawing{}), []float64{x}, Options[float64]{Method: m, Controller: Fixed{h}, MaxSteps: 20, RelTol: 1e-12, AbsTol: 1e-12}) {
			if err != nil {
				t.Fatal(err)
			}
			if s.K == 0 {
				continue
			}
			c := math.Sin(float64(k * k))
			k++
			if m == ImplicitEuler || m == Proximal {
				x = (x + h*c) / (1 + h)
			} else {
				x = ((1-h/2)*x + h*c) / (1 + h/2)
			}
			if !(math.Abs(s.X[0]-x) <= 1e-12) {
				t.Fatalf("%v step %d: %v, want %v", m, s.K, s.X[0], x)
			}
		}
	}
	for _, m := range []Method{Rodas4, ROS23, TRBDF2, ImplicitEuler, Proximal, Gonzalez, ItohAbe} {
		for _, k := range []int{1, 7} {
			sameResumed(t, m.String()+" mini-batches", k, func() Integrator[float64] { return ODE(GradientFlow[float64](&drawing{}), m) }, []float64{2}, func() Options[float64] {
				return Options[float64]{Controller: Fixed{h}, MaxSteps: 20}
			})
		}
	}
}

// TestDeadband: a step that would grow by little stays, one that would grow by more
// or shrink does not.
func TestDeadband(t *testing.T) {
	for _, c := range []struct{ err, h float64 }{{0.7, 1}, {0.5, 0.9 * math.Sqrt2}, {0.95, 0.9 / math.Sqrt(0.95)}} {
		ctl := Control{H: 1, Hp: 1, E1: 1, E2: 1}
		v := ErrorControl{Beta1: 1, Deadband: 1.2}.Judge(&ctl, &Trial{H: 1, Order: 2, Finite: true, Err: c.err})
		if !v.Accept || !(math.Abs(v.H-c.h) <= 1e-14) {
			t.Errorf("error %v: %+v, want step %v", c.err, v, c.h)
		}
	}
	if err := (ErrorControl{Beta1: 1, Deadband: -1}).Check(); !errors.Is(err, ErrArgument) {
		t.Errorf("negative Deadband: %v", err)
	}
	ctl := Control{H: 1}
	if v := PI.Judge(&ctl, &Trial{H: 1, Order: 2, Finite: true, Err: 0.1, Retry: 0.5}); v.Accept || v.H != 0.5 || !ctl.Rejected {
		t.Errorf("Retry: %+v", v)
	}
}

// stiffen sets x[1] to 1e4 after the fifth step.
type stiffen struct{}

func (stiffen) Limit(_ []float64, _, h float64) float64 { return h }
func (stiffen) Apply(x []float64, _, _ float64, step uint64) (bool, error) {
	if step == 5 {
		x[1] = 1e4
	}
	return step == 5, nil
}

// TestJacobianAge: a Jacobian is renewed after twenty steps, and at once where the
// iteration with an old one fails, as after a jump of the coefficient p of x' = -px.
func TestJacobianAge(t *testing.T) {
	f := capable[float64]{FieldFunc(2, func(d, x []float64, _ float64) { d[0], d[1] = -x[1]*x[0], 0 }),
		Caps[float64]{Jacobian: func(j, x []float64, _ float64) { copy(j, []float64{-x[1], -x[0], 0, 0}) }}}
	for _, m := range []Method{TRBDF2, SDIRK4, ImplicitMidpoint} {
		o := Options[float64]{Method: m, Controller: Fixed{0.01}, T1: 0.9}
		sol, err := Solve[float64](context.Background(), f, []float64{1, 1}, o)
		if err != nil || sol.Stats.Jacobians != 5 {
			t.Errorf("%v: %+v, %v, want 5 Jacobians in 90 steps", m, sol.Stats, err)
		}
		o.Jump = stiffen{}
		sol, err = Solve[float64](context.Background(), f, []float64{1, 1}, o)
		if err != nil || !(math.Abs(sol.X[0]) <= 1) || sol.Stats.Jacobians != 6 {
			t.Errorf("%v over the jump: %v, %+v, %v, want 6 Jacobians", m, sol.X, sol.Stats, err)
		}
	}
}

// TestCountsAcrossAt: evaluations for dense output that nobody had announced are
// counted with the next step.
func TestCountsAcrossAt(t *testing.T) {
	for _, m := range []Method{SDIRK4, TRBDF2, ImplicitMidpoint} {
		made, before := 0, 0
		f := FieldFunc(2, func(d, x []float64, _ float64) { made++; lotkaVolterra(d, x, 0) })
		r, err := newField(f, []float64{1, 1}, Options[float64]{Method: m, Controller: Fixed{0.01}, MaxSteps: 10})
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float64, 2)
		for r.Next(context.Background()) {
			before = made
			if err := r.Step().At(x, r.Step().T-0.005); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.Step().Stats.Evals; got != before {
			t.Errorf("%v: %d evaluations counted, %d made", m, got, before)
		}
	}
}

// stubborn is damped whose factors cannot be made at every third attempt, or whose
// solutions are none.
type stubborn struct {
	*damped
	astray bool
	calls  int
}

func (s *stubborn) Caps() Caps[float64] {
	c := s.damped.Caps()
	shift, solve := c.Shift, c.SolveShift
	c.Shift = func(x []float64, t, h float64) error {
		if s.calls++; !s.astray && s.calls%3 == 1 {
			return errors.New("not now")
		}
		return shift(x, t, h)
	}
	c.SolveShift = func(dst, b []float64) error {
		err := solve(dst, b)
		if s.astray {
			dst[0] = math.NaN()
		}
		return err
	}
	return c
}

// TestFailuresInARow: only failures in a row end a run; an iteration that never
// converges ends it when the step is too small.
func TestFailuresInARow(t *testing.T) {
	s := &stubborn{damped: newDamped(10)}
	sol, err := Solve[float64](context.Background(), s, []float64{1, 0.5}, Options[float64]{Method: Rodas4, T1: 10})
	if err != nil || sol.Stats.Rejected <= 10 {
		t.Errorf("every third attempt fails: %+v, %v", sol.Stats, err)
	}
	s = &stubborn{damped: newDamped(10), astray: true}
	sol, err = Solve[float64](context.Background(), s, []float64{1, 0.5}, Options[float64]{Method: TRBDF2, T1: 10})
	if !errors.Is(err, ErrStepUnderflow) || sol.Status != StepUnderflow {
		t.Errorf("no attempt converges: %v, %v", sol.Status, err)
	}
	_, err = Solve[float64](context.Background(), s, []float64{1, 0.5}, Options[float64]{Method: TRBDF2, Controller: Fixed{0.1}, T1: 10})
	if !errors.Is(err, ErrNoConvergence) {
		t.Errorf("no attempt converges, constant steps: %v", err)
	}
}

// TestConjugateGradientsSeeCurvature: negative curvature beyond 1/s is found.
func TestConjugateGradientsSeeCurvature(t *testing.T) {
	hill := GradientFlow(EnergyFunc(3, func(g, x []float64) float64 {
		if g != nil {
			g[0], g[1], g[2] = -x[0], x[1], 2*x[2]
		}
		return (-x[0]*x[0] + x[1]*x[1] + 2*x[2]*x[2]) / 2
	}))
	for _, krylov := range []bool{false, true} {
		l := newShifted(hill, krylov)
		tol := Tol{Rel: 1e-8, Abs: 1e-10}
		if err := l.init(3, &tol); err != nil {
			t.Fatal(err)
		}
		var tr Trial
		x, b, y := []float64{1, 1, 1}, []float64{1, 2, 3}, make([]float64, 3)
		f := make([]float64, 3)
		hill.Eval(f, x, 0)
		l.linearise(&tr, x, f, 0)
		for _, s := range []float64{0.5, 2} {
			err := l.factor(&tr, s)
			if err == nil {
				err = l.solve(&tr, y, b, 1e-2)
			}
			if s == 2 {
				if !errors.Is(err, ErrSingular) {
					t.Errorf("Krylov %t, s = 2: %v", krylov, err)
				}
				continue
			}
			for i, want := range []float64{2, 2 / 1.5, 1.5} {
				if err != nil || !(math.Abs(y[i]-want) <= 1e-7) {
					t.Errorf("Krylov %t: y[%d] = %v, %v, want %v", krylov, i, y[i], err, want)
				}
			}
		}
	}
}

// TestCopies: three copies of a problem side by side take the steps of one; they
// are computed by kernels, one by plain loops.
func TestCopies(t *testing.T) {
	f := FieldFunc(6, func(d, x []float64, t float64) {
		for i := 0; i < 6; i += 2 {
			nonautonomous(d[i:i+2], x[i:i+2], t)
		}
	})
	for _, m := range []Method{Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4, RadauIIA5} {
		o := Options[float64]{Method: m, Controller: Fixed{0.1}, T1: 1, RelTol: 1e-12}
		one, err := Solve(context.Background(), FieldFunc(2, nonautonomous), []float64{1, 0.5}, o)
		if err != nil {
			t.Fatal(err)
		}
		three, err := Solve(context.Background(), f, []float64{1, 0.5, 1, 0.5, 1, 0.5}, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range three.X {
			if !(math.Abs(v-one.X[i%2]) <= 1e-12) {
				t.Errorf("%v: x[%d] = %v, alone %v", m, i, v, one.X[i%2])
			}
		}
	}
}
