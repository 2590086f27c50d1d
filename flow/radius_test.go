package flow

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// radiusAt makes an integrator ready at x and returns what it knows.
func radiusAt[T Float](t *testing.T, f Field[T], x []T) (*stabilised[T], RadiusReport) {
	t.Helper()
	it := newStabilised(f, stableMethods["rkc2"])
	var tr Trial
	if err := it.Init(Start[T]{X: x, Dir: 1, MaxStep: 1, Tol: Tol{Rel: 1e-6, Abs: 1e-9}}, &tr); err != nil {
		t.Fatal(err)
	}
	if tr.Evals != it.RadiusReport().Evals+1 {
		t.Errorf("%d evaluations counted, want %d and f0", tr.Evals, it.RadiusReport().Evals)
	}
	return it, it.RadiusReport()
}

// trueRadius is the largest eigenvalue of the Hessian.
func trueRadius(name string, x []float64) float64 {
	switch name {
	case "linear_flow":
		return 1e6
	case "heat_mol":
		s := math.Sin(heatN * math.Pi / (2 * (heatN + 1)))
		return 4 * (heatN + 1) * (heatN + 1) * s * s
	case "rosenbrock_flow":
		return rosenbrockRadius(x, 0) / 1.05
	}
	return math.NaN()
}

// TestRadiusEstimates compares estimates with the true values: those by Lanczos
// are nearly right, those by power iteration up to 20 % too large.
func TestRadiusEstimates(t *testing.T) {
	for name, p := range gradientProblems() {
		want := trueRadius(name, p.x0)
		if name == "allen_cahn" {
			want = allenRadius(t, p.x0)
		}
		_, r := radiusAt(t, Field[float64](p.flow()), p.x0)
		if q := r.Rho / want; !(q >= 0.999 && q <= 1.015) || r.Estimates != 1 || r.Evals > 24 {
			t.Errorf("%s by Lanczos: %.4f of the true value, %+v", name, q, r)
		}
		_, r = radiusAt(t, p.field(), p.x0)
		if q := r.Rho / want; !(q >= 1.05 && q <= 1.205) || r.Evals < powerFirst || r.Evals > powerMost {
			t.Errorf("%s by power iteration: %.4f of the true value, %+v", name, q, r)
		}
		it, r := radiusAt(t, Field[float64](p.known()), p.x0)
		if r.Rho != p.radius(p.x0, 0) || r.Evals != 0 {
			t.Errorf("%s known: %+v, want ρ = %v", name, r, p.radius(p.x0, 0))
		}
		_ = it
	}
	// The same field with products by the model: no evaluations of f.
	lambda := []float64{-5, 1, 2, 40}
	f := func(d, x []float64, _ float64) { kernel.MulTo(d, lambda, x); kernel.Scal(-1, d) }
	mul := func(d, x, v []float64) { kernel.MulTo(d, lambda, v) }
	x := []float64{1, 1, 1, 0}
	_, r := radiusAt[float64](t, capable[float64]{FieldFunc(4, f), Caps[float64]{Descends: true, HessVec: mul}}, x)
	if !(math.Abs(r.Rho-40) <= 1e-10) || r.Evals != 4 {
		t.Errorf("HessVec: %+v, want ρ = 40 of 4 products", r)
	}
	_, r = radiusAt[float64](t, capable[float64]{FieldFunc(4, f), Caps[float64]{JacVec: func(d, x, v []float64, _ float64) { mul(d, x, v) }}}, x)
	if !(math.Abs(r.Rho-48) <= 0.01) || r.Evals < powerFirst {
		t.Errorf("JacVec: %+v, want ρ = 1.2 · 40", r)
	}
	g := func(d, x []float32, _ float64) {
		for i := range d {
			d[i] = -float32(lambda[i]) * x[i]
		}
	}
	_, r = radiusAt[float32](t, capable[float32]{FieldFunc(4, g), Caps[float32]{Descends: true}}, []float32{1, 1, 1, 1})
	if !(math.Abs(r.Rho-40) <= 0.05) {
		t.Errorf("float32 by Lanczos: %+v, want ρ = 40", r)
	}
	_, r = radiusAt(t, FieldFunc(4, g), []float32{1, 1, 1, 1})
	if !(math.Abs(r.Rho-48) <= 0.5) {
		t.Errorf("float32 by power iteration: %+v, want ρ = 48", r)
	}
	// Nothing but negative curvature needs no stability.
	_, r = radiusAt[float64](t, capable[float64]{FieldFunc(1, func(d, x []float64, _ float64) { d[0] = x[0] }), Caps[float64]{Descends: true}}, []float64{1})
	if r.Rho != 0 {
		t.Errorf("concave: %+v, want ρ = 0", r)
	}
}

// allenRadius is the largest eigenvalue of the Hessian of allenCahn by many power
// iterations on exact products.
func allenRadius(t *testing.T, u []float64) float64 {
	t.Helper()
	const c = 0.0025 * allenN * allenN
	v, w, rho := make([]float64, allenN), make([]float64, allenN), 0.0
	for i := range v {
		v[i] = math.Cos(float64(i * i))
	}
	for range 20000 {
		for i := range v {
			l, r := v[(i+allenN-1)%allenN], v[(i+1)%allenN]
			w[i] = -c*(l-2*v[i]+r) + (3*u[i]*u[i]-1)*v[i]
		}
		rho = kernel.Nrm2(w)
		kernel.Scal(1/rho, w)
		v, w = w, v
	}
	return rho
}

// TestRadiusRefresh counts estimates: at the start, every 25 accepted steps, after
// rejections and events, and none at other steps.
func TestRadiusRefresh(t *testing.T) {
	p := gradientProblems()["heat_mol"]
	for name, f := range map[string]Field[float64]{"Lanczos": p.flow(), "power": p.field()} {
		it := newStabilised(f, stableMethods["rkc2"])
		r, err := New(it, p.x0, Options[float64]{Controller: Fixed{1e-4}, MaxSteps: 80})
		if err != nil {
			t.Fatal(err)
		}
		for s := range r.Steps(context.Background()) {
			if want := 1 + max(0, s.K-1)/25; it.RadiusReport().Estimates != want {
				t.Errorf("%s: %d estimates after %d steps, want %d", name, it.RadiusReport().Estimates, s.K, want)
			}
		}
	}
	it := newStabilised[float64](p.flow(), stableMethods["rkc2"])
	moves := 0
	r, err := New(it, p.x0, Options[float64]{Controller: RKC2.controller(), T1: 1e-3, InitStep: 1e-3, RelTol: 1e-4, Events: []Event[float64]{{
		G: func(_ []float64, t float64) float64 { return t - 5e-4 },
		Handler: func(x []float64, _ float64) (bool, error) {
			moves++
			x[0] += 0.1
			return true, nil
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil || moves != 1 {
		t.Fatal(err, moves)
	}
	s, rep := sol.Stats, it.RadiusReport()
	// The four rejections are at the start, where ρ has just been estimated.
	if s.Rejected == 0 || rep.Estimates != 2 {
		t.Errorf("%+v, %+v: want 2 estimates, at the start and after the event", s, rep)
	}
	l := gradientProblems()["linear_flow"]
	it = newStabilised[float64](l.flow(), stableMethods["rock4"])
	if r, err = New(it, l.x0, Options[float64]{Controller: ROCK4.controller(), T1: 0.2, RelTol: 1e-4}); err != nil {
		t.Fatal(err)
	}
	if sol, err = r.Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, rep = sol.Stats, it.RadiusReport()
	regular := 1 + s.Accepted/refreshEvery
	if s.Rejected < 10 || rep.Estimates < s.Rejected/2 || rep.Estimates > regular+s.Rejected {
		t.Errorf("%+v, %+v: want about %d estimates", s, rep, s.Rejected)
	}
}

// TestRadiusTooSmall runs models whose bound is too small: the first unstable
// steps refute it and the runs come to the right end.
func TestRadiusTooSmall(t *testing.T) {
	sols := solutions(t)
	for name, p := range gradientProblems() {
		for mname, m := range stableMethods {
			if m.errk == 0 {
				continue
			}
			for _, factor := range []float64{1, 1.5, 10, 1e4} {
				wrong := &bounded{len(p.x0), p.e, func(x []float64, at float64) float64 { return p.radius(x, at) / factor }}
				it := newStabilised[float64](GradientFlow[float64](wrong), m)
				const rtol = 1e-4
				r, err := New(it, p.x0, Options[float64]{Controller: m.controller(), T1: p.T, RelTol: rtol, AbsTol: rtol / 1000})
				if err != nil {
					t.Fatal(err)
				}
				sol, err := r.Solve(context.Background())
				if err != nil {
					t.Errorf("%s %s, bound %v times too small: %v", mname, name, factor, err)
					continue
				}
				e, rep := sols[name].relErr(sol.X), it.RadiusReport()
				if !(e <= 10*rtol) {
					t.Errorf("%s %s, bound %v times too small: error %.3g", mname, name, factor, e)
				}
				if factor == 1 && (rep.Refuted || rep.Estimates > 1+sol.Stats.Accepted/25) {
					t.Errorf("%s %s: right bound refuted or verified too often: %+v, %+v", mname, name, rep, sol.Stats)
				}
				if factor >= 10 && !rep.Refuted {
					t.Errorf("%s %s, bound %v times too small: %+v, %+v, not noticed", mname, name, factor, rep, sol.Stats)
				}
			}
		}
	}
}

// TestRadiusResume: a resumed run estimates the same spectral radii, bit for bit.
func TestRadiusResume(t *testing.T) {
	p := gradientProblems()["heat_mol"]
	ctx := context.Background()
	for name, f := range map[string]func() Field[float64]{"Lanczos": func() Field[float64] { return p.flow() }, "power": p.field} {
		o := Options[float64]{T1: p.T, RelTol: 1e-5}
		it := newStabilised(f(), stableMethods["rkc2"])
		r, err := New(it, p.x0, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			r.Next(ctx)
		}
		c, err := r.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		again := newStabilised(f(), stableMethods["rkc2"])
		rest, err := Resume(again, c, o)
		if err != nil {
			t.Fatal(err)
		}
		for r.Next(ctx) {
			rest.Next(ctx)
			if a, b := it.RadiusReport(), again.RadiusReport(); a != b {
				t.Errorf("%s: resumed %+v, want %+v", name, b, a)
			}
		}
	}
}

// TestRadiusStreak proposes one step again and again: what may be a matter of
// accuracy goes on, ten errors above ten in a row do not.
func TestRadiusStreak(t *testing.T) {
	x, y := []float64{1, 0.5}, make([]float64, 2)
	for _, c := range []struct {
		tol, low, high float64
		fails          bool
	}{{1e-2, 0, 1, false}, {1e-3, 1, 10, false}, {1e-5, 10, 1e4, true}} {
		it := newStabilised(FieldFunc(2, nonautonomous), stableMethods["rkc2"])
		var tr Trial
		if err := it.Init(Start[float64]{X: x, Dir: 1, MaxStep: 1, Tol: Tol{Abs: c.tol}, Want: Want{Error: true}}, &tr); err != nil {
			t.Fatal(err)
		}
		for k := 1; k <= 15; k++ {
			it.Try(&tr, y, x, 0, 0.25)
			if !(tr.Err > c.low && tr.Err <= c.high) {
				t.Fatalf("tolerance %v: error %v, want between %v and %v", c.tol, tr.Err, c.low, c.high)
			}
			if failed := it.Failure() != nil; failed != (c.fails && k >= 10) {
				t.Errorf("tolerance %v: failed %t after %d tries with error %v", c.tol, failed, k, tr.Err)
			}
		}
		it.Accept()
		it.Try(&tr, y, y, 0.25, 1e-6)
		if err := it.Failure(); err != nil {
			t.Errorf("after an accepted step: %v", err)
		}
	}
}

// TestRadiusHopeless ends a run whose Jacobian cannot be known: products with it
// are wrong by twelve orders of magnitude.
func TestRadiusHopeless(t *testing.T) {
	f := capable[float64]{FieldFunc(1, func(d, x []float64, _ float64) { d[0] = -1e12 * x[0] }),
		Caps[float64]{JacVec: func(d, _, v []float64, _ float64) { d[0] = -v[0] }}}
	o := Options[float64]{Controller: RKC2.controller(), T1: 1, InitStep: 1}
	r, err := New[float64](newStabilised[float64](f, stableMethods["rkc2"]), []float64{1}, o)
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if !errors.Is(err, ErrSpectralRadius) || r.Status() != Failed || sol == nil || sol.Stats.Accepted != 0 || sol.X[0] != 1 {
		t.Errorf("status %v, %v, %v, want Failed with ErrSpectralRadius at x0", r.Status(), err, sol)
	}
	if err != nil && !strings.Contains(err.Error(), "10 rejections in a row") {
		t.Errorf("error %q does not count the rejections", err)
	}
	rep := r.it.(RadiusReporter).RadiusReport()
	if want := 1.2 * math.Pow(1.5, 9); rep.Raised != 9 || !(math.Abs(rep.Rho-want) <= 1e-9*want) || rep.Estimates != 10 {
		t.Errorf("%+v, want ρ = 1.2 raised nine times by 1.5, %v", rep, want)
	}
}
