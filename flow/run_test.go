package flow

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
)

func decay() Field[float64] {
	return FieldFunc(1, func(d, x []float64, _ float64) { d[0] = -x[0] })
}

// TestStepsShowsAll checks what the iterator yields: the start, every accepted
// step, and in the last the status.
func TestStepsShowsAll(t *testing.T) {
	k, last := 0, Running
	for s, err := range Steps(context.Background(), decay(), []float64{1}, Options[float64]{Method: RK4, Controller: Fixed{0.25}, T0: 1, T1: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.K != k || s.T != 1+0.25*float64(k) || !(math.Abs(s.X[0]-math.Exp(1-s.T)) < 1e-4) {
			t.Errorf("step %d: K = %d, t = %v, x = %v", k, s.K, s.T, s.X)
		}
		if want := []Kind{AtStart, AtStep}[min(k, 1)]; s.Kind != want {
			t.Errorf("step %d: kind %v, want %v", k, s.Kind, want)
		}
		last = s.Status
		k++
	}
	if k != 5 || last != Done {
		t.Errorf("%d steps, status %v, want 5 and Done", k, last)
	}
}

// TestFixedGrid hits t0 + i h by multiplication and shortens only a last step
// that does not fit.
func TestFixedGrid(t *testing.T) {
	for _, c := range []struct {
		h, t1 float64
		steps int
		lastH float64
	}{{0.1, 1, 10, 0.1}, {0.3, 1, 4, 0.1}, {1e-3, 1, 1000, 1e-3}} {
		i := 0
		for s := range Steps(context.Background(), decay(), []float64{1}, Options[float64]{Method: Euler, Controller: Fixed{c.h}, T1: c.t1}) {
			if s.Status == Running && s.T != float64(i)*c.h {
				t.Fatalf("h = %v: step %d at %v, want %v", c.h, i, s.T, float64(i)*c.h)
			}
			if s.Status == Done && (s.T != c.t1 || i != c.steps || !(math.Abs(s.H-c.lastH) < 1e-12)) {
				t.Errorf("h = %v: ended at %v after %d steps of at last %v, want %v, %d, %v", c.h, s.T, i, s.H, c.t1, c.steps, c.lastH)
			}
			i++
		}
	}
}

func TestZeroSpanAndEmptyState(t *testing.T) {
	rec := &Columns[float64]{}
	sol, err := Solve(context.Background(), decay(), []float64{1}, Options[float64]{T0: 3, T1: 3, Recorder: rec})
	if err != nil || sol.Status != Done || sol.Stats.Accepted != 0 || len(rec.T) != 1 {
		t.Errorf("zero span: %v, %+v, %d records", err, sol, len(rec.T))
	}
	none := FieldFunc(0, func(_, _ []float64, _ float64) {})
	for _, m := range []Method{Euler, RK4, BogackiShampine, DormandPrince} {
		o := Options[float64]{Method: m, T1: 1}
		if m == Euler || m == RK4 {
			o.Controller = Fixed{0.5}
		}
		sol, err = Solve(context.Background(), none, []float64{}, o)
		if err != nil || sol.Status != Done || sol.T != 1 {
			t.Errorf("%v on R^0: %v, status %v, t = %v", m, err, sol.Status, sol.T)
		}
	}
}

func TestSaveAtAndDense(t *testing.T) {
	save := []float64{0, 0.1, 0.1, 0.77, 2}
	sol, err := Solve(context.Background(), decay(), []float64{1}, Options[float64]{T1: 2, RelTol: 1e-9, AbsTol: 1e-12, SaveAt: save, Dense: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(sol.Times) != len(save) {
		t.Fatalf("saved %v, want %v", sol.Times, save)
	}
	x := make([]float64, 1)
	for i, at := range save {
		want := math.Exp(-at)
		if sol.Times[i] != at || !(math.Abs(sol.States[i][0]-want) < 1e-8) {
			t.Errorf("saved %v at %v, want %v at %v", sol.States[i], sol.Times[i], want, at)
		}
		if err := sol.At(x, at); err != nil || !(math.Abs(x[0]-want) < 1e-8) {
			t.Errorf("At(%v) = %v, %v, want %v", at, x, err, want)
		}
		if !(math.Abs(x[0]-sol.States[i][0]) <= 1e-14) {
			t.Errorf("At(%v) = %.17g, saved %.17g", at, x[0], sol.States[i][0])
		}
	}
	for _, bad := range []float64{-0.1, 2.1, math.NaN()} {
		if err := sol.At(x, bad); !errors.Is(err, ErrArgument) {
			t.Errorf("At(%v): %v, want ErrArgument", bad, err)
		}
	}
}

// TestTStops has a right side with a jump: with the jump among the TStops the
// run is as exact as without.
func TestTStops(t *testing.T) {
	f := FieldFunc(1, func(d, _ []float64, t float64) {
		d[0] = 1
		if t >= 0.5 {
			d[0] = -1
		}
	})
	sol, err := Solve(context.Background(), f, []float64{0}, Options[float64]{Method: RK4, Controller: Fixed{0.2}, T1: 1, TStops: []float64{0.5}})
	if err != nil {
		t.Fatal(err)
	}
	// Stages at t = 0.5 see the right side; the step before ends there with two
	// of them, so the error is 1/6 of a step's jump, h·2/6 with h = 0.1.
	if !(math.Abs(sol.X[0]) <= 0.1*2/6+1e-12) || sol.Stats.Accepted != 6 {
		t.Errorf("x = %v after %d steps, want about 0 after 6", sol.X, sol.Stats.Accepted)
	}
}

func TestStopRules(t *testing.T) {
	e := EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = x[0]
		}
		return x[0] * x[0] / 2
	})
	for _, c := range []struct {
		name string
		stop Stop[float64]
		want Status
	}{
		{"energy", StopEnergy[float64](1e-3), Converged},
		{"slope", StopSlope[float64](1e-3), Converged},
		{"stationary", StopStationary[float64](1), Stationary},
		{"evals", StopEvals[float64](50), StepLimit},
		{"rise", StopRise[float64](0.3), Diverged},
	} {
		sol, err := Solve(context.Background(), GradientFlow(e), []float64{1}, Options[float64]{Stop: []Stop[float64]{c.stop}})
		if err != nil || sol.Status != c.want {
			t.Errorf("%s: status %v, error %v, want %v", c.name, sol.Status, err, c.want)
		}
		switch c.name {
		case "energy":
			if !(sol.Energy <= 1e-3) {
				t.Errorf("energy %v, want <= 1e-3", sol.Energy)
			}
		case "slope":
			if !(math.Abs(sol.X[0]) <= 1e-3) {
				t.Errorf("gradient %v, want <= 1e-3", sol.X[0])
			}
		}
	}
}

// TestEndings gives every way in which a run can end, with what it computed so
// far.
func TestEndings(t *testing.T) {
	blowUp := FieldFunc(1, func(d, x []float64, _ float64) { d[0] = x[0] * x[0] })
	growth := FieldFunc(1, func(d, x []float64, _ float64) { d[0] = x[0] })
	wall := FieldFunc(1, func(d, x []float64, _ float64) { d[0] = -1 / math.Sqrt(x[0]) }) // NaN beyond x = 0
	stiff := FieldFunc(1, func(d, x []float64, t float64) {
		d[0] = 0
		if t > 0.5 {
			d[0] = math.Copysign(1e18, math.Sin(1e20*t))
		}
	})
	cancelled, cancel := context.WithCancel(context.Background())
	for _, c := range []struct {
		name string
		f    Field[float64]
		ctx  context.Context
		o    Options[float64]
		want Status
		err  error
	}{
		{"past the bound", growth, context.Background(), Options[float64]{T1: 100}, Diverged, nil},
		{"GD too fast", blowUp, context.Background(), Options[float64]{Method: Euler, Controller: Fixed{1e3}, T1: 1e9, Bound: math.Inf(1)}, Diverged, nil},
		{"own limit", decay(), context.Background(), Options[float64]{Controller: Fixed{0.1}, MaxSteps: 7}, StepLimit, nil},
		{"domain", wall, context.Background(), Options[float64]{T1: 2}, NonFinite, ErrNonFinite},
		{"finite time blow-up", blowUp, context.Background(), Options[float64]{T1: 2, Bound: math.Inf(1)}, StepUnderflow, ErrStepUnderflow},
		{"discontinuous", stiff, context.Background(), Options[float64]{T1: 1, MinStep: 1e-12}, StepUnderflow, ErrStepUnderflow},
		{"cancelled", FieldFunc(1, func(d, x []float64, t float64) {
			d[0] = -x[0]
			if t > 1 {
				cancel()
			}
		}), cancelled, Options[float64]{T1: 100}, Cancelled, context.Canceled},
	} {
		sol, err := Solve(c.ctx, c.f, []float64{1}, c.o)
		if sol.Status != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: status %v, error %v, want %v, %v", c.name, sol.Status, err, c.want, c.err)
		}
		if sol.Stats.Accepted == 0 || !finite(sol.X[0]) {
			t.Errorf("%s: kept %+v, want steps and a finite state", c.name, sol)
		}
	}
}

func TestDefaultStepLimit(t *testing.T) {
	sol, err := Solve(context.Background(), decay(), []float64{1}, Options[float64]{Method: Euler, Controller: Fixed{1e-9}, T1: 1})
	if sol.Status != StepLimit || !errors.Is(err, ErrStepLimit) || sol.Stats.Accepted != 1_000_000 {
		t.Errorf("status %v, error %v, %d steps, want StepLimit after 1e6", sol.Status, err, sol.Stats.Accepted)
	}
}

// failing is a field that reports an error at t > 1.
type failing struct{ err error }

func (*failing) Dim() int { return 1 }
func (f *failing) Eval(d, x []float64, t float64) {
	d[0] = -x[0]
	if t > 1 {
		f.err = errors.New("no data")
	}
}
func (f *failing) Caps() Caps[float64] { return Caps[float64]{Err: func() error { return f.err }} }

func TestFieldAndRecorderErrors(t *testing.T) {
	sol, err := Solve(context.Background(), Field[float64](&failing{}), []float64{1}, Options[float64]{T1: 3})
	if sol.Status != FieldError || err == nil || !strings.Contains(err.Error(), "no data") || !(sol.T <= 1) || sol.T == 0 {
		t.Errorf("status %v, error %v, t = %v, want FieldError before t = 1", sol.Status, err, sol.T)
	}
	// At the start point too the model says why.
	lost := errors.New("no root")
	bad := capable[float64]{FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = math.NaN() }), Caps[float64]{Err: func() error { return lost }}}
	for _, m := range []Method{Auto, RK4, Rodas5P, ROCK4} {
		if _, err := Solve(context.Background(), bad, []float64{1}, Options[float64]{Method: m, Controller: Fixed{0.1}, T1: 3}); !errors.Is(err, lost) || !errors.Is(err, ErrNonFinite) {
			t.Errorf("%v: NaN at the start: %v, want %v", m, err, lost)
		}
	}
	full := errors.New("disk full")
	sol, err = Solve(context.Background(), decay(), []float64{1}, Options[float64]{T1: 3, Recorder: RecorderFunc(func(s *Step[float64]) error {
		if s.T > 1 {
			return full
		}
		return nil
	})})
	if sol.Status != RecorderError || !errors.Is(err, full) || !(sol.T > 1) {
		t.Errorf("status %v, error %v, want the recorder's", sol.Status, err)
	}
	var last Status
	for s, err := range Steps(context.Background(), Field[float64](&failing{}), []float64{1}, Options[float64]{T1: 3}) {
		if (err != nil) != (s.Status == FieldError) {
			t.Errorf("status %v with error %v", s.Status, err)
		}
		last = s.Status
	}
	if last != FieldError {
		t.Errorf("last status %v, want FieldError", last)
	}
}

// TestBadInput gives an error that names the argument before anything is run.
func TestBadInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	f, x := decay(), []float64{1}
	bad := func(o Options[float64]) func() error {
		return func() error {
			_, err := newField(f, x, o)
			return err
		}
	}
	for _, c := range []struct {
		name string
		want error
		run  func() error
	}{
		{"T0", ErrArgument, bad(Options[float64]{T0: nan, T1: 1})},
		{"T1", ErrArgument, bad(Options[float64]{T1: inf})},
		{"T1", ErrArgument, bad(Options[float64]{T1: 1, ToZero: true})},
		{"RelTol", ErrArgument, bad(Options[float64]{RelTol: -1})},
		{"RelTol", ErrArgument, bad(Options[float64]{RelTol: nan})},
		{"AbsTol", ErrArgument, bad(Options[float64]{AbsTol: -1e-9})},
		{"AbsTolVec", ErrArgument, bad(Options[float64]{AbsTolVec: []float64{1, 2}})},
		{"AbsTolVec[0]", ErrArgument, bad(Options[float64]{AbsTolVec: []float64{0}})},
		{"InitStep", ErrArgument, bad(Options[float64]{InitStep: -1})},
		{"MinStep", ErrArgument, bad(Options[float64]{MinStep: nan})},
		{"MaxStep", ErrArgument, bad(Options[float64]{MaxStep: -1})},
		{"MaxSteps", ErrArgument, bad(Options[float64]{MaxSteps: -1})},
		{"Bound", ErrArgument, bad(Options[float64]{Bound: nan})},
		{"TStops[1]", ErrArgument, bad(Options[float64]{T1: 1, TStops: []float64{0.5, 0.4}})},
		{"SaveAt[0]", ErrArgument, bad(Options[float64]{T1: 1, SaveAt: []float64{2}})},
		{"Events[0].G", ErrArgument, bad(Options[float64]{Events: make([]Event[float64], 1)})},
		{"Events[0].Direction", ErrArgument, bad(Options[float64]{Events: []Event[float64]{{Direction: 7, G: func([]float64, float64) float64 { return 1 }}}})},
		{"Events[0].Samples", ErrArgument, bad(Options[float64]{Events: []Event[float64]{{Samples: -1, G: func([]float64, float64) float64 { return 1 }}}})},
		{"Stop[0]", ErrArgument, bad(Options[float64]{Stop: make([]Stop[float64], 1)})},
		{"H of Fixed is 0", ErrArgument, bad(Options[float64]{Controller: Fixed{}})},
		{"H of Fixed is NaN", ErrArgument, bad(Options[float64]{Controller: Fixed{nan}})},
		{"H of Fixed is -1", ErrArgument, bad(Options[float64]{Controller: Fixed{-1}})},
		{"Beta1", ErrArgument, bad(Options[float64]{Controller: ErrorControl{}})},
		{"MaxFac 1", ErrArgument, bad(Options[float64]{Controller: ErrorControl{Beta1: 1, MaxFac: 1}})},
		{"error estimate", ErrArgument, bad(Options[float64]{Method: RK4, Controller: PI})},
		{"Controller is nil", ErrArgument, bad(Options[float64]{Method: RK4})},
		{"Energy", ErrArgument, bad(Options[float64]{Energy: true})},
		{"Ledger", ErrArgument, bad(Options[float64]{Ledger: true})},
		{"field is nil", ErrArgument, func() error {
			_, err := Solve(context.Background(), Field[float64](nil), x, Options[float64]{})
			return err
		}},
		{"integrator is nil", ErrArgument, func() error { _, err := New(Integrator[float64](nil), x, Options[float64]{}); return err }},
		{"len(x0) is 2", ErrArgument, func() error { _, err := newField(f, []float64{1, 2}, Options[float64]{}); return err }},
		{"x0[0] is NaN", ErrNonFinite, func() error { _, err := newField(f, []float64{nan}, Options[float64]{}); return err }},
		{"f(t0, x0)[0]", ErrNonFinite, func() error {
			_, err := newField(FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = inf }), x, Options[float64]{})
			return err
		}},
		{"nothing would end", ErrArgument, func() error {
			sol, err := Solve(context.Background(), f, x, Options[float64]{})
			if sol == nil || sol.X[0] != 1 {
				t.Error("the start point was lost")
			}
			return err
		}},
		{"dense output", ErrArgument, func() error {
			_, err := New(MapFunc(1, func(d, x []float64, _ int) error { return nil }), x, Options[float64]{SaveAt: []float64{1}})
			return err
		}},
		{"length 1", ErrArgument, func() error {
			_, err := New(MapFunc(2, func(d, x []float64, _ int) error { return nil }), x, Options[float64]{})
			return err
		}},
	} {
		err := c.run()
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.name) || !strings.HasPrefix(err.Error(), "flow: ") {
			t.Errorf("want an error that names %q and wraps %v, got %v", c.name, c.want, err)
		}
	}
	for name, f := range map[string]func(){
		"FieldFunc":    func() { FieldFunc[float64](-1, nil) },
		"EnergyFunc":   func() { EnergyFunc[float64](1, nil) },
		"MapFunc":      func() { MapFunc[float64](1, nil) },
		"GradientFlow": func() { GradientFlow[float64](nil) },
		"HeavyBall":    func() { HeavyBall(EnergyFunc(1, func(_, _ []float64) float64 { return 0 }), -1) },
		"NesterovODE":  func() { NesterovODE[float64](nil) },
		"NaturalFlow":  func() { NaturalFlow[float64](nil, nil) },
	} {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(p.(string), name) {
					t.Errorf("%s: panic %v, want one that names it", name, p)
				}
			}()
			f()
		}()
	}
}

// TestRelTolRaised: a tolerance below 10 rounding units is raised, and reported.
func TestRelTolRaised(t *testing.T) {
	r, err := newField(decay(), []float64{1}, Options[float64]{RelTol: 1e-20})
	if err != nil || r.RelTol() != 10*0x1p-52 {
		t.Errorf("RelTol %v, %v, want 10 eps", r.RelTol(), err)
	}
	f := FieldFunc(1, func(d, x []float32, _ float64) { d[0] = -x[0] })
	r32, err := newField(f, []float32{1}, Options[float32]{})
	if err != nil || r32.RelTol() != 10*0x1p-23 {
		t.Errorf("float32: RelTol %v, %v, want 10 eps", r32.RelTol(), err)
	}
}

// TestMapFunc iterates the logistic map at r = 4: x_k = sin²(2^k θ).
func TestMapFunc(t *testing.T) {
	it := MapFunc(1, func(dst, x []float64, k int) error {
		if k == 20 {
			return errors.New("tired")
		}
		dst[0] = 4 * x[0] * (1 - x[0])
		return nil
	})
	r, err := New(it, []float64{math.Pow(math.Sin(0.3), 2)}, Options[float64]{})
	if err != nil {
		t.Fatal(err)
	}
	for s := range r.Steps(context.Background()) {
		if want := math.Pow(math.Sin(math.Exp2(float64(s.K))*0.3), 2); s.T != float64(s.K) || !(math.Abs(s.X[0]-want) < 1e-8) {
			t.Errorf("k = %d: t = %v, x = %v, want %v", s.K, s.T, s.X[0], want)
		}
	}
	if r.Status() != FieldError || r.Step().K != 20 || !strings.Contains(r.Err().Error(), "tired") {
		t.Errorf("status %v after %d steps, error %v, want FieldError after 20", r.Status(), r.Step().K, r.Err())
	}
}

// TestJump doubles x at every step and checks that the step index is passed.
func TestJump(t *testing.T) {
	f := FieldFunc(1, func(d, _ []float64, _ float64) { d[0] = 0 })
	for _, m := range []Method{RK4, DormandPrince} {
		sol, err := Solve(context.Background(), f, []float64{1}, Options[float64]{Method: m, Controller: Fixed{1}, T1: 5, Jump: &doubling{t: t, max: 0.5}})
		if err != nil || sol.X[0] != 1024 || sol.Stats.Accepted != 10 {
			t.Errorf("%v: x = %v after %d steps, %v, want 1024 after 10", m, sol.X, sol.Stats.Accepted, err)
		}
	}
}

type doubling struct {
	t   *testing.T
	max float64
	n   uint64
}

func (d *doubling) Limit(_ []float64, _, h float64) float64 { return min(h, d.max) }
func (d *doubling) Apply(x []float64, _, h float64, step uint64) (bool, error) {
	if d.n++; step != d.n || h != d.max {
		d.t.Errorf("jump after step %d of size %v, want %d and %v", step, h, d.n, d.max)
	}
	x[0] *= 2
	return true, nil
}
