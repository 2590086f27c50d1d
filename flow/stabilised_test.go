package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"
)

// stableMethods are the stabilised explicit methods by their names in testdata.
var stableMethods = map[string]*stableMethod{
	"rkc1": RKC1.(*stableMethod), "rkc2": RKC2.(*stableMethod), "rkl2": RKL2.(*stableMethod), "rock4": ROCK4.(*stableMethod),
}

// withStages is the method with a fixed number of stages.
func withStages(m *stableMethod, s int) *stableMethod {
	c := *m
	c.stages = func(float64) int { return s }
	c.reach = math.Inf(1)
	return &c
}

// TestStabilisedOneStep compares results and error vectors with reference values.
func TestStabilisedOneStep(t *testing.T) {
	var misc struct {
		OneStep struct {
			T, H    float64
			X       []float64
			Methods map[string]struct{ Y, Err []float64 }
		} `json:"one_step"`
	}
	readJSON(t, "misc.json", &misc)
	o := misc.OneStep
	for _, c := range []struct {
		ref, method string
		stages      int
		tol         float64
	}{
		{"rkc2_s5", "rkc2", 5, 1e-13}, {"rkc2_s12", "rkc2", 12, 1e-13}, {"rkl2_s5", "rkl2", 5, 1e-13}, {"rkc1_s5", "rkc1", 5, 1e-13},
		{"rock4_m1", "rock4", 5, 1e-13}, {"rock4_m3", "rock4", 7, 1e-13}, {"rock4_m20", "rock4", 24, 1e-13},
	} {
		ref, ok := o.Methods[c.ref]
		if !ok {
			t.Fatalf("no reference %s", c.ref)
		}
		near := func(what string, got, want []float64, tol float64) {
			t.Helper()
			for i := range want {
				if !(math.Abs(got[i]-want[i]) <= tol) {
					t.Errorf("%s %s[%d] = %.17g, want %.17g to %g", c.ref, what, i, got[i], want[i], tol)
				}
			}
		}
		it := newStabilised(FieldFunc(2, nonautonomous), withStages(stableMethods[c.method], c.stages))
		y, tr := trialOf(t, it, o.X, o.T, o.H)
		near("y", y, ref.Y, c.tol)
		// The scaled norm in single components is the error vector itself.
		for i := range ref.Err {
			one := []float64{math.Inf(1), math.Inf(1)}
			one[i] = 1
			single := newStabilised(FieldFunc(2, nonautonomous), withStages(stableMethods[c.method], c.stages))
			trialOf(t, single, o.X, o.T, o.H) // a run with one tolerance for all components before
			_, tr = trialTol(t, single, o.X, o.T, o.H, Tol{AbsVec: one})
			near(fmt.Sprintf("error %d", i), []float64{tr.Err * math.Sqrt2}, []float64{math.Abs(ref.Err[i])}, c.tol)
		}
		f := FieldFunc(2, func(d, y []float32, t float64) {
			d[0], d[1] = -y[0]*y[0]*y[1]+float32(math.Cos(t)), y[0]-y[1]*y[1]+float32(t)/3
		})
		y32, _ := trialOf(t, newStabilised(f, withStages(stableMethods[c.method], c.stages)), []float32{1, 0.5}, o.T, o.H)
		// Rounding errors of the stages grow as s².
		near("float32 y", widen(y32), ref.Y, float64(c.stages*c.stages)*0x1p-24)
	}
}

func trialOf[T Float](t *testing.T, it *stabilised[T], x []T, at, h float64) ([]T, Trial) {
	return trialTol(t, it, x, at, h, Tol{Rel: 1e-6, Abs: 1e-9})
}

func trialTol[T Float](t *testing.T, it *stabilised[T], x []T, at, h float64, tol Tol) ([]T, Trial) {
	t.Helper()
	var tr Trial
	if err := it.Init(Start[T]{T: at, X: x, Dir: 1, MaxStep: 1, Tol: tol}, &tr); err != nil {
		t.Fatal(err)
	}
	y := make([]T, len(x))
	it.Try(&tr, y, x, at, h)
	return y, tr
}

// stability is R(z), one step from 1 on dx/dt = -z x.
func stability(t *testing.T, m *stableMethod, s int, z []float64) []float64 {
	t.Helper()
	x := make([]float64, len(z))
	for i := range x {
		x[i] = 1
	}
	f := FieldFunc(len(z), func(d, x []float64, _ float64) {
		for i := range d {
			d[i] = -z[i] * x[i]
		}
	})
	y, _ := trialOf(t, newStabilised(f, withStages(m, s)), x, 0, 1)
	return y
}

// TestStabilityPolynomials compares values with testdata and checks |R| <= 1 on
// the interval that each number of stages is used for, by the damping that the
// methods are known for.
func TestStabilityPolynomials(t *testing.T) {
	var misc struct {
		Stability []struct {
			Method string
			S      int
			Z, R   float64
		}
	}
	readJSON(t, "misc.json", &misc)
	if len(misc.Stability) != 10 {
		t.Fatalf("%d values", len(misc.Stability))
	}
	for _, c := range misc.Stability {
		if r := stability(t, stableMethods[c.Method], c.S, []float64{c.Z})[0]; !(math.Abs(r-c.R) <= 1e-11) {
			t.Errorf("%s with %d stages: R(%v) = %.16g, want %.16g", c.Method, c.S, c.Z, r, c.R)
		}
	}
	for name, m := range stableMethods {
		last := 0
		for _, ratio := range []float64{0, 3, 10, 17, 40, 100, 333, 1e3, 2.8e3, 1e4, 1e5, 3e5, 1e6} {
			z := min(ratio, m.reach)
			s := min(m.stages(z), m.most)
			if s == last {
				continue
			}
			last = s
			if name == "rkl2" && s%2 == 0 {
				t.Errorf("RKL2 with %d stages, want an odd number: only those are monotone", s)
			}
			const n = 4000
			grid := make([]float64, n+1)
			for i := range grid {
				grid[i] = z * float64(i) / n
			}
			bound := 1 + 1e-9
			if name == "rkc2" {
				bound = 0.961 // for z > 1
			}
			for i, r := range stability(t, m, s, grid) {
				limit := bound
				if grid[i] <= 1 {
					limit = 1 + 1e-9 // not damped yet
				}
				if !(math.Abs(r) <= limit) {
					t.Errorf("%s with %d stages: R(%v) = %v on [0, %v]", name, s, grid[i], r, z)
					break
				}
			}
			// The number of stages is not wasteful: a third more step is too much
			// for one stage less (four in the coarse part of ROCK4's table).
			if s > 30 && s < m.most {
				if r := stability(t, m, s-5, []float64{1.4 * z}); math.Abs(r[0]) <= 1 { // NaN: it overflowed
					t.Errorf("%s: R(%v) = %v with %d stages: too many stages are used", name, 1.4*z, r[0], s-5)
				}
			}
		}
	}
}

// stiffRow is a line of the stiff runs of counts.json.
type stiffRow struct {
	method, problem                       string
	rtol, accepted, rejected, fevals, err float64
}

func (r *stiffRow) UnmarshalJSON(b []byte) error {
	var v []any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v) != 7 {
		return fmt.Errorf("row of %d columns", len(v))
	}
	r.method, r.problem = v[0].(string), v[1].(string)
	for i, p := range []*float64{&r.rtol, &r.accepted, &r.rejected, &r.fevals, &r.err} {
		*p = v[i+2].(float64)
	}
	return nil
}

// TestStiffCounts compares whole runs with those of the reference algorithm: with
// its spectral radii the same counts, and with estimated radii results as good.
func TestStiffCounts(t *testing.T) {
	var counts struct{ Stiff []stiffRow }
	readJSON(t, "counts.json", &counts)
	all, sols := gradientProblems(), solutions(t)
	seen := 0
	for _, c := range counts.Stiff {
		m, ok := stableMethods[c.method]
		if !ok {
			continue
		}
		seen++
		p := all[c.problem]
		for _, f := range []struct {
			radius string
			field  Field[float64]
		}{{"known", p.known()}, {"by Lanczos", p.flow()}, {"by power iteration", p.field()}} {
			it := newStabilised(f.field, m)
			r, err := New(it, p.x0, Options[float64]{Controller: m.controller(), T1: p.T, RelTol: c.rtol, AbsTol: c.rtol / 1000})
			if err != nil {
				t.Fatal(err)
			}
			sol, err := r.Solve(context.Background())
			if err != nil {
				t.Errorf("%v %s: %v", c, f.radius, err)
				continue
			}
			s, e := sol.Stats, sols[c.problem].relErr(sol.X)
			evals := float64(s.Evals - it.RadiusReport().Evals)
			// Numbers of stages and rejections react to rounding.
			if f.radius == "known" {
				off := func(got, want, least float64) bool { return !(math.Abs(got-want) <= max(least, 0.05*want)) }
				if off(float64(s.Accepted), c.accepted, 2) || off(evals, c.fevals, 10) {
					t.Errorf("%s %s %g: %d accepted, %d rejected, %v evaluations, want %v, %v, %v", c.method, c.problem, c.rtol,
						s.Accepted, s.Rejected, evals, c.accepted, c.rejected, c.fevals)
				}
			} else if !(float64(s.Evals) <= 1.6*c.fevals) {
				t.Errorf("%s %s %g, radius %s: %d evaluations, with a known radius %v", c.method, c.problem, c.rtol, f.radius, s.Evals, c.fevals)
			}
			limit := 20 * c.err
			if f.radius != "known" {
				limit = max(limit, c.rtol)
			}
			if !(e <= limit) {
				t.Errorf("%s %s %g, radius %s: error %.3g, want <= %.3g", c.method, c.problem, c.rtol, f.radius, e, limit)
			}
		}
	}
	if seen != 23 {
		t.Errorf("%d cases, want 23", seen)
	}
}

// TestStabilisedOrder measures the orders of convergence on a problem that depends
// on time.
func TestStabilisedOrder(t *testing.T) {
	ref := solutions(t)["nonautonomous"]
	for name, m := range stableMethods {
		n := map[int]float64{1: 128, 2: 64, 4: 16}[m.order]
		for _, s := range []int{5, 13, 41} {
			e1, e2 := fixedError(t, withStages(m, s), 1/n, ref), fixedError(t, withStages(m, s), 1/(2*n), ref)
			if slope := math.Log2(e1 / e2); !(math.Abs(slope-float64(m.order)) <= 0.3) {
				t.Errorf("%s with %d stages: errors %.3g, %.3g, order %.2f, want %d", name, s, e1, e2, slope, m.order)
			}
		}
	}
}

// forced is x' = -λ(x - cos t) - sin t with x(0) = 1: x = cos t.
func forced(lambda float64) func(d, x []float64, t float64) {
	return func(d, x []float64, t float64) { d[0] = -lambda*(x[0]-math.Cos(t)) - math.Sin(t) }
}

// TestStabilisedForced follows a stiff problem that depends on time, with adaptive
// steps and backward in the non-stiff direction.
func TestStabilisedForced(t *testing.T) {
	for name, m := range stableMethods {
		o := Options[float64]{Method: m, T1: 2, RelTol: 1e-5, SaveAt: []float64{0.5, 1.5}}
		if m.errk == 0 {
			o.Controller = Fixed{0.01}
		}
		sol, err := Solve(context.Background(), FieldFunc(1, forced(1e4)), []float64{1}, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		worst := math.Abs(sol.X[0] - math.Cos(2))
		for i, at := range sol.Times {
			worst = max(worst, math.Abs(sol.States[i][0]-math.Cos(at)))
		}
		if !(worst <= 1e-4) {
			t.Errorf("%s: error %.3g, want <= 1e-4", name, worst)
		}
		// ROCK4 loses its order on the driven stiff component and takes more steps.
		if steps := 2e4 / 3; name != "rock4" && !(float64(sol.Stats.Accepted) < steps/10) {
			t.Errorf("%s: %d steps, explicit methods need %v", name, sol.Stats.Accepted, steps)
		}
		if m.errk == 0 {
			continue
		}
		back, err := Solve(context.Background(), FieldFunc(1, forced(-3)), []float64{math.Cos(1)}, Options[float64]{Method: m, T0: 1, ToZero: true, RelTol: 1e-7})
		if err != nil || !(math.Abs(back.X[0]-1) <= 1e-5) {
			t.Errorf("%s backward: %v, %v, want 1", name, back.X, err)
		}
	}
}

// TestStabilisedDense measures the Hermite polynomial between the steps of ROCK4:
// its local error falls as h⁴.
func TestStabilisedDense(t *testing.T) {
	m := stableMethods["rock4"]
	e := func(h float64) float64 {
		worst := 0.0
		for _, theta := range []float64{0.2, 0.5, 0.8} {
			x, y := oneStepAt(t, m, h, theta), exactly(t, theta*h)
			worst = max(worst, math.Hypot(x[0]-y[0], x[1]-y[1]))
		}
		return worst
	}
	if slope := math.Log2(e(0.1) / e(0.05)); !(slope >= 3.7) {
		t.Errorf("local error of dense output falls as h^%.2f, want 4", slope)
	}
	for name, m := range stableMethods {
		it := newStabilised(FieldFunc(2, nonautonomous), m)
		x := []float64{1, 0.5}
		y, _ := trialOf(t, it, x, 0, 0.1)
		it.Accept()
		d := make([]float64, 2)
		for theta, want := range [][]float64{x, y} {
			it.At(d, float64(theta))
			if !(math.Abs(d[0]-want[0])+math.Abs(d[1]-want[1]) <= 1e-15) {
				t.Errorf("%s: dense output at %d is %v, want %v", name, theta, d, want)
			}
		}
	}
}

// TestStabilisedDissipates checks that runs along stiff gradient flows lower the
// energy at every step, and by what they account for.
func TestStabilisedDissipates(t *testing.T) {
	for pname, p := range gradientProblems() {
		for name, m := range stableMethods {
			if m.errk == 0 {
				continue
			}
			// The ledger of the linear flow is the error of its first steps.
			const rtol = 1e-5
			r, err := New(newStabilised[float64](p.flow(), m), p.x0, Options[float64]{Controller: m.controller(), T1: p.T, RelTol: rtol, AbsTol: rtol / 1000, Ledger: true})
			if err != nil {
				t.Fatal(err)
			}
			sol, err := r.Solve(context.Background())
			if err != nil {
				t.Errorf("%s %s: %v", name, pname, err)
				continue
			}
			if l := sol.Ledger; l.Rises > 0 || !(l.Defect() <= 1000*rtol) {
				t.Errorf("%s %s: %d rises of the energy, defect %.3g, want 0 and <= %g", name, pname, l.Rises, l.Defect(), 1000*rtol)
			}
		}
	}
}

// TestStabilisedFixed takes steps far beyond the limit of explicit methods: the
// number of stages follows, also where the step has to be shortened for it.
func TestStabilisedFixed(t *testing.T) {
	p := gradientProblems()["heat_mol"]
	sol := solutions(t)["heat_mol"]
	for name, m := range stableMethods {
		for _, h := range []float64{1e-3, 2.5e-3} { // hρ = 16 and 41
			got, err := Solve(context.Background(), p.flow(), p.x0, Options[float64]{Method: m, Controller: Fixed{h}, T1: p.T, Ledger: true})
			if err != nil {
				t.Fatal(err)
			}
			tol := 5e-3
			if m.order == 1 {
				tol = 0.1
			}
			if e := sol.relErr(got.X); !(e <= tol) || got.Ledger.Rises > 0 {
				t.Errorf("%s with h = %v: error %.3g, want <= %g; %d rises of the energy", name, h, e, tol, got.Ledger.Rises)
			}
			if want := int(math.Round(p.T / h)); got.Stats.Accepted != want {
				t.Errorf("%s with h = %v: %d steps, want %d", name, h, got.Stats.Accepted, want)
			}
		}
	}
	// A million times the limit of Euler's method: ROCK4 stops at hρ = 2848.
	l := gradientProblems()["linear_flow"]
	r, err := New(newStabilised[float64](l.known(), stableMethods["rock4"]), l.x0, Options[float64]{Controller: Fixed{2}, MaxSteps: 3})
	if err != nil {
		t.Fatal(err)
	}
	r.Next(context.Background())
	if h := r.Step().H; !(math.Abs(h*1e6-2848.2) <= 1e-6) {
		t.Errorf("ROCK4 took hρ = %v, want 2848.2", h*1e6)
	}
	// Who does not ask for the limit gets as many stages as there are.
	for name, m := range stableMethods {
		it := newStabilised[float64](GradientFlow[float64](&bounded{1, func(g, x []float64) float64 {
			if g != nil {
				g[0] = x[0]
			}
			return x[0] * x[0] / 2
		}, constantRadius(1e60)}), m)
		if trialOf(t, it, []float64{1}, 0, 1); it.filled != m.most {
			t.Errorf("%s: %d stages for hρ = 1e60, want %d", name, it.filled, m.most)
		}
	}
}

// TestStabilisedFloat32 runs in float32 to what it can reach.
func TestStabilisedFloat32(t *testing.T) {
	const n = 31
	f := func(d, u []float32, _ float64) {
		for i, v := range u {
			var l, r float32
			if i > 0 {
				l = u[i-1]
			}
			if i+1 < n {
				r = u[i+1]
			}
			d[i] = (n + 1) * (n + 1) * (l - 2*v + r)
		}
	}
	u := make([]float32, n)
	for i := range u {
		u[i] = float32(math.Sin(math.Pi * float64(i+1) / (n + 1)))
	}
	s := math.Sin(math.Pi / (2 * (n + 1)))
	decay := math.Exp(-4 * (n + 1) * (n + 1) * s * s * 0.1)
	for name, m := range stableMethods {
		o := Options[float32]{Method: m, T1: 0.1, RelTol: 1e-3, AbsTol: 1e-5}
		if m.errk == 0 {
			o.Controller = Fixed{1e-4}
		}
		sol, err := Solve(context.Background(), FieldFunc(n, f), u, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e := math.Abs(float64(sol.X[n/2])-decay) / decay; !(e <= 5e-3) {
			t.Errorf("%s: error %.3g, want <= 5e-3", name, e)
		}
	}
}

func TestStabilisedAllocatesNothing(t *testing.T) {
	p := gradientProblems()["rosenbrock_flow"]
	for name, m := range stableMethods {
		for radius, f := range map[string]Field[float64]{"known": p.known(), "Lanczos": p.flow(), "power": p.field()} {
			o := Options[float64]{Controller: m.controller(), MaxSteps: 1 << 30, RelTol: 1e-3,
				Events: []Event[float64]{{G: func(x []float64, _ float64) float64 { return x[0] + 100 }}}}
			if m.errk == 0 {
				o.Controller = Fixed{1e-2}
			}
			r, err := New(newStabilised(f, m), p.x0, o)
			if err != nil {
				t.Fatal(err)
			}
			n := testing.AllocsPerRun(300, func() {
				if !r.Next(context.Background()) {
					t.Fatalf("%s: %v", name, r.Err())
				}
			})
			if n != 0 {
				t.Errorf("%s, radius %s: %v allocations a step, want 0", name, radius, n)
			}
		}
	}
}

func TestStabilisedResume(t *testing.T) {
	all := gradientProblems()
	rosen, lin := all["rosenbrock_flow"], all["linear_flow"]
	for _, k := range []int{0, 1, 30} {
		for name, m := range stableMethods {
			fields := map[string]func() Field[float64]{
				"known":   func() Field[float64] { return rosen.known() },
				"Lanczos": func() Field[float64] { return rosen.flow() },
				"power":   rosen.field,
				"wrong":   func() Field[float64] { return GradientFlow[float64](&bounded{2, rosen.e, constantRadius(1)}) },
			}
			for radius, f := range fields {
				sameResumed(t, name+" "+radius, k, func() Integrator[float64] { return ODE(f(), m) }, rosen.x0, func() Options[float64] {
					o := Options[float64]{Controller: m.controller(), T1: 0.3, TStops: []float64{0.1}, SaveAt: []float64{0.05}, RelTol: 1e-4}
					if m.errk == 0 {
						o.Controller, o.T1 = Fixed{1e-3}, 0.2
					}
					return o
				})
			}
			sameResumed(t, name+" mini-batches", k, func() Integrator[float64] { return ODE[float64](GradientFlow[float64](&drawing{}), m) }, []float64{2}, func() Options[float64] {
				return Options[float64]{Controller: Fixed{0.1}, MaxSteps: 60}
			})
			if m.errk == 0 {
				continue
			}
			sameResumed(t, name+" events", k, func() Integrator[float64] { f, _ := ball(-1); return ODE(f, m) }, []float64{10, 0}, func() Options[float64] {
				_, o := ball(-1)
				o.T1, o.Controller, o.RelTol = 15, m.controller(), 1e-3
				return o
			})
			sameResumed(t, name+" jumps", k, func() Integrator[float64] { return ODE[float64](rosen.flow(), m) }, rosen.x0, func() Options[float64] {
				return Options[float64]{T1: 1, Jump: kick{}, Controller: m.controller(), RelTol: 1e-3}
			})
		}
	}
	// Rejections, which estimate anew, on both sides of the checkpoint.
	sameResumed(t, "rejections", 60, func() Integrator[float64] { return ODE[float64](lin.flow(), ROCK4) }, lin.x0, func() Options[float64] {
		return Options[float64]{Controller: ROCK4.controller(), T1: 0.3, RelTol: 1e-4, AbsTol: 1e-7}
	})
}

func TestStabilisedEdges(t *testing.T) {
	ctx := context.Background()
	for name, m := range stableMethods {
		o := Options[float64]{Method: m, T1: 1}
		if m.errk == 0 {
			o.Controller = Fixed{0.1}
		}
		sol, err := Solve(ctx, FieldFunc(0, func(d, x []float64, _ float64) {}), nil, o)
		if err != nil || sol.Status != Done || sol.T != 1 {
			t.Errorf("%s n = 0: %v, %v", name, sol, err)
		}
		sol, err = Solve(ctx, FieldFunc(2, func(d, x []float64, _ float64) { clear(d) }), []float64{1, 0}, o)
		if err != nil || sol.X[0] != 1 || sol.X[1] != 0 {
			t.Errorf("%s f = 0: %v, %v", name, sol, err)
		}
		// From x = 0 and with f0 = 0, the power iteration has its random vector.
		sol, err = Solve(ctx, FieldFunc(1, func(d, x []float64, _ float64) { d[0] = 1 - 1e3*x[0] }), []float64{0}, o)
		if err != nil || !(math.Abs(sol.X[0]-1e-3) <= 1e-5) {
			t.Errorf("%s x = 0: %v, %v", name, sol, err)
		}
		if _, err = Solve(ctx, FieldFunc(1, func(d, x []float64, _ float64) { d[0] = math.NaN() }), []float64{1}, o); !errors.Is(err, ErrNonFinite) {
			t.Errorf("%s NaN: %v", name, err)
		}
		bad := &bounded{1, func(g, x []float64) float64 {
			if g != nil {
				g[0] = x[0]
			}
			return x[0] * x[0] / 2
		}, constantRadius(math.Inf(1))}
		if _, err = Solve(ctx, Field[float64](GradientFlow[float64](bad)), []float64{1}, o); !errors.Is(err, ErrNonFinite) {
			t.Errorf("%s infinite radius: %v", name, err)
		}
		r, err := New(newStabilised(FieldFunc(2, nonautonomous), m), []float64{1, 0.5}, Options[float64]{Controller: Fixed{0.1}, MaxSteps: 5, Dense: true})
		if err != nil {
			t.Fatal(err)
		}
		for s := range r.Steps(ctx) {
			want := make([]float64, 2)
			nonautonomous(want, s.X, s.T)
			if len(s.F) != 2 || s.F[0] != want[0] || s.F[1] != want[1] {
				t.Errorf("%s: F = %v after step %d, want %v", name, s.F, s.K, want)
			}
		}
	}
	// New takes the controller of the method as Solve does.
	p := gradientProblems()["heat_mol"]
	o := Options[float64]{T1: p.T, RelTol: 1e-4, AbsTol: 1e-7}
	r, err := New(ODE[float64](p.flow(), RKC2), p.x0, o)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Solve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	o.Method = RKC2
	if b, err := Solve(ctx, Field[float64](p.flow()), p.x0, o); err != nil || a.Stats != b.Stats || a.Stats.Accepted < 60 {
		t.Errorf("New: %+v, Solve: %+v, %v", a.Stats, b.Stats, err)
	}
	if _, err := Solve(ctx, FieldFunc(1, forced(1)), []float64{1}, Options[float64]{Method: RKC1, T1: 1, Controller: PI}); !errors.Is(err, ErrArgument) {
		t.Errorf("RKC1 with error control: %v, want ErrArgument", err)
	}
}

// TestStabilisedTouch edits x between steps: the next step is that of a fresh start
// from there. Without Touch the remembered derivative is used.
func TestStabilisedTouch(t *testing.T) {
	for name, m := range stableMethods {
		it := newStabilised(FieldFunc(2, nonautonomous), withStages(m, 7))
		x := []float64{1, 0.5}
		y, tr := trialOf(t, it, x, 0, 0.1)
		it.Accept()
		y[0] += 0.25
		it.Touch()
		got := make([]float64, 2)
		it.Try(&tr, got, y, 0.1, 0.1)
		want, _ := trialOf(t, newStabilised(FieldFunc(2, nonautonomous), withStages(m, 7)), y, 0.1, 0.1)
		if got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: %v after an edit, from a fresh start %v", name, got, want)
		}
		// A second proposal from the same point, of another size, forgets the first.
		it.Try(&tr, got, y, 0.1, 0.05)
		want, _ = trialOf(t, newStabilised(FieldFunc(2, nonautonomous), withStages(m, 7)), y, 0.1, 0.05)
		if got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: %v at the second try, from a fresh start %v", name, got, want)
		}
	}
}

// TestStabilisedDenseStiff: between the steps of a stiff flow, hρ up to 1000s, dense
// output is as good as at their ends. x_i' = -λ_i (x_i - p_i), λ_i from 1 to 1e5.
func TestStabilisedDenseStiff(t *testing.T) {
	const n, tol = 30, 1e-5
	lambda, p := make([]float64, n), make([]float64, n)
	for i := range lambda {
		lambda[i] = math.Pow(10, 5*float64(i)/(n-1))
		p[i] = math.Sin(float64(i))
	}
	f := GradientFlow(EnergyFunc(n, func(g, x []float64) float64 {
		e := 0.0
		for i, v := range x {
			e += lambda[i] / 2 * (v - p[i]) * (v - p[i])
			if g != nil {
				g[i] = lambda[i] * (v - p[i])
			}
		}
		return e
	}))
	worst := func(x []float64, at float64) (w float64) {
		for i, v := range x {
			w = max(w, math.Abs(v-p[i]*(1-math.Exp(-lambda[i]*at))))
		}
		return w
	}
	for _, m := range []Method{ROCK4, RKC2, RKL2, Auto} {
		times := []float64{1e-4, 0.003, 0.1, 0.33, 0.7, 1.1, 1.2, 1.3, 1.7}
		sol, err := Solve(context.Background(), f, make([]float64, n), Options[float64]{Method: m, T1: 2, RelTol: tol, AbsTol: tol, SaveAt: times, Dense: true})
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range sol.States {
			if w := worst(x, times[k]); w > 20*tol {
				t.Errorf("%v: error %.3g at save time %v, want %g", m, w, times[k], 20*tol)
			}
		}
		x := make([]float64, n)
		for k := range 200 {
			at := 2 * float64(k) / 199
			if err := sol.At(x, at); err != nil || worst(x, at) > 20*tol {
				t.Errorf("%v: error %.3g at %v, %v, want %g", m, worst(x, at), at, err, 20*tol)
				break
			}
		}
		at := func(it Interpolator[float64], theta float64) []float64 {
			x := make([]float64, n)
			it.At(x, theta)
			return x
		}
		r, err := newField(f, make([]float64, n), Options[float64]{Method: m, T1: 2, RelTol: tol, AbsTol: tol})
		if err != nil {
			t.Fatal(err)
		}
		old := make([]float64, n)
		for range 40 {
			copy(old, r.Step().X)
			r.Next(context.Background())
		}
		for i := range old {
			if a, b := at(r.dense, 0)[i], at(r.dense, 1)[i]; a != old[i] || b != r.Step().X[i] {
				t.Errorf("%v: dense output from %v to %v, the step is from %v to %v", m, a, b, old[i], r.Step().X[i])
			}
		}
	}
}
