package game

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/internal/philox"
)

// flowCase is a case of testdata/flows.json.
type flowCase struct {
	Name      string
	X0        []float64
	T         []float64
	X         [][]float64
	Agreement float64
	Invariant map[string][]float64
}

func flowCaseOf(t testing.TB, name string) flowCase {
	var file struct{ Cases []flowCase }
	readFiniteJSON(t, "flows.json", &file)
	for _, c := range file.Cases {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no flow %q", name)
	return flowCase{}
}

// replicatorGame is the game of a replicator case of testdata/flows.json, with the
// invariant of its dynamics.
func replicatorGame(t testing.TB, name string, x0 []float64) (*FTRL[float64], flow.Invariant[float64]) {
	t.Helper()
	f, o := RockPaperScissors(), (*FiniteOptions)(nil)
	var phi []float64
	if name != "rps_replicator" {
		parts, err := referenceGame(t, "int_2x3x2").Decompose(o)
		if err != nil {
			t.Fatal(err)
		}
		f, phi = map[string]*Finite{
			"int_2x3x2_harmonic_replicator": parts.Harmonic, "int_2x3x2_potential_replicator": parts.Potential,
			"int_2x3x2_full_replicator": referenceGame(t, "int_2x3x2"),
		}[name], parts.Phi
	}
	r, err := NewReplicator(f, x0)
	if err != nil {
		t.Fatal(err)
	}
	var inv flow.Invariant[float64]
	switch name {
	case "rps_replicator":
		third := 1. / 3
		inv, err = r.DivergenceFrom([]float64{third, third, third, third, third, third})
	case "int_2x3x2_harmonic_replicator":
		inv, err = r.LogProbabilities(o)
	default:
		inv, err = r.PotentialOf(phi)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, inv
}

func TestReplicatorReference(t *testing.T) {
	for _, name := range []string{"rps_replicator", "int_2x3x2_harmonic_replicator", "int_2x3x2_potential_replicator", "int_2x3x2_full_replicator"} {
		c := flowCaseOf(t, name)
		r, inv := replicatorGame(t, name, c.X0)
		y, x := r.Start(), make([]float64, len(c.X0))
		r.Strategies(x, y)
		if !within(x, c.X0, 1e-15) {
			t.Errorf("%s: start %v, want %v", name, x, c.X0)
		}
		laws := slices.Concat(c.Invariant["klsum"], c.Invariant["sumlog"], c.Invariant["phi"])
		if laws != nil && math.Abs(inv.Value(y)-laws[0]) > 1e-14 {
			t.Errorf("%s: %s = %v at the start, want %v", name, inv.Name, inv.Value(y), laws[0])
		}
		t0 := 0.0
		for i, t1 := range c.T {
			sol, err := flow.Solve(context.Background(), flow.Field[float64](r), y, flow.Options[float64]{
				Method: flow.DOP853, T0: t0, T1: t1, RelTol: 1e-13, AbsTol: 1e-14,
			})
			if err != nil {
				t.Fatal(err)
			}
			y, t0 = sol.X, t1
			r.Strategies(x, y)
			if !within(x, c.X[i], 1e-11) {
				t.Errorf("%s: x(%v) = %v, want %v", name, t1, x, c.X[i])
			}
			if laws != nil && math.Abs(inv.Value(y)-laws[i+1]) > 1e-11 {
				t.Errorf("%s: %s = %v at t = %v, want %v", name, inv.Name, inv.Value(y), t1, laws[i+1])
			}
		}
		single(t, c, r.f)
	}
}

// single runs a case in float32.
func single(t *testing.T, c flowCase, f *Finite) {
	t.Helper()
	r, err := NewReplicator(f, converted[float32](c.X0))
	if err != nil {
		t.Fatal(err)
	}
	sol, err := flow.Solve(context.Background(), flow.Field[float32](r), r.Start(), flow.Options[float32]{T1: c.T[1], RelTol: 1e-6, AbsTol: 1e-7})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(c.X0))
	r.Strategies(x, sol.X)
	for a, p := range x {
		if math.Abs(float64(p)-c.X[1][a]) > 1e-4 {
			t.Errorf("%s in float32: x(%v) = %v, want %v", c.Name, c.T[1], x, c.X[1])
			break
		}
	}
}

// The conserved quantities of the table drift by at most 1e-9.
func TestReplicatorInvariants(t *testing.T) {
	r := rand.New(philox.NewSource(10, 0))
	for _, shape := range [][]int{{3, 3}, {2, 3, 2}, {2, 2, 3, 2}} {
		for _, o := range []*FiniteOptions{nil, randomFiniteOptions(r, shape)} {
			parts, err := randomFinite(t, r, shape...).Decompose(o)
			if err != nil {
				t.Fatal(err)
			}
			harmonic, err := parts.Harmonic.Combine(1, parts.NonStrategic, 1)
			if err != nil {
				t.Fatal(err)
			}
			rep, err := NewReplicator(harmonic, randomProfile(r, shape))
			if err != nil {
				t.Fatal(err)
			}
			logs, err := rep.LogProbabilities(o)
			if err != nil {
				t.Fatal(err)
			}
			rep.Watch(logs)
			drift, err := probe.DriftOf[float64](rep)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := flow.Solve(context.Background(), flow.Field[float64](rep), rep.Start(), flow.Options[float64]{
				Method: flow.DOP853, T1: 20, RelTol: 1e-12, AbsTol: 1e-12, Recorder: drift,
			}); err != nil {
				t.Fatal(err)
			}
			if s := drift.Stats()[0]; !(s.Max <= 1e-9) || s.N < 10 {
				t.Errorf("shape %v: %s drifts by %v in %d points", shape, s.Name, s.Max, s.N)
			}
		}
	}
}

// A zero-sum game with interior equilibrium: KL is constant, and with the equilibrium as
// the measure the game has no potential component.
func TestZeroSumWithInteriorEquilibrium(t *testing.T) {
	f := referenceGame(t, "generalised_rps_zero_sum_uniform_measure")
	found, err := f.Nash2()
	if err != nil {
		t.Fatal(err)
	}
	star := slices.Concat(found[0].X...)
	p, err := f.Decompose(&FiniteOptions{Weights: []float64{1, 1}, Measures: found[0].X})
	if err != nil {
		t.Fatal(err)
	}
	if p.Share > 1e-28 {
		t.Errorf("share of the potential component %v, want 0", p.Share)
	}
	r, err := NewReplicator(f, []float64{.5, .25, .25, .1, .8, .1})
	if err != nil {
		t.Fatal(err)
	}
	kl, err := r.DivergenceFrom(star)
	if err != nil {
		t.Fatal(err)
	}
	drift, err := probe.NewDrift(kl)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flow.Solve(context.Background(), flow.Field[float64](r), r.Start(), flow.Options[float64]{
		Method: flow.DOP853, T1: 100, RelTol: 1e-12, AbsTol: 1e-12, Recorder: drift,
	}); err != nil {
		t.Fatal(err)
	}
	if s := drift.Stats()[0]; !(s.Max <= 1e-9) {
		t.Errorf("KL drifts by %v", s.Max)
	}
}

// In a potential game dφ/dt = Σ Var(v).
func TestReplicatorPotentialRate(t *testing.T) {
	src := rand.New(philox.NewSource(11, 0))
	shape := []int{2, 3, 2}
	parts, err := randomFinite(t, src, shape...).Decompose(nil)
	if err != nil {
		t.Fatal(err)
	}
	x0 := randomProfile(src, shape)
	r, err := NewReplicator(parts.Potential, x0)
	if err != nil {
		t.Fatal(err)
	}
	phi, err := r.PotentialOf(parts.Phi)
	if err != nil {
		t.Fatal(err)
	}
	v, err := parts.Potential.Values(x0)
	if err != nil {
		t.Fatal(err)
	}
	want, at := 0.0, 0
	for _, h := range shape {
		x, w := x0[at:at+h], v[at:at+h]
		mean := kernel.Dot(x, w)
		for a := range x {
			want += x[a] * (w[a] - mean) * (w[a] - mean)
		}
		at += h
	}
	const h = 1e-5
	y, d := r.Start(), make([]float64, r.Dim())
	r.Eval(d, y, 0)
	kernel.Axpy(h, d, y)
	up := phi.Value(y)
	kernel.Axpy(-2*h, d, y)
	if got := (up - phi.Value(y)) / (2 * h); math.Abs(got-want) > 1e-8 {
		t.Errorf("dφ/dt = %v, want Σ Var = %v", got, want)
	}
}

// The field in scores is the replicator equation in the simplex, and its directional
// derivative that of differences.
func TestReplicatorField(t *testing.T) {
	src := rand.New(philox.NewSource(12, 0))
	for _, shape := range [][]int{{3, 3}, {4}, {2, 3, 4}, {3, 1, 2}} {
		f, x0 := randomFinite(t, src, shape...), randomProfile(src, shape)
		r, err := NewReplicator(f, x0)
		if err != nil {
			t.Fatal(err)
		}
		n := r.Dim()
		for at, m := 0, 0; m < len(shape); at, m = at+shape[m], m+1 {
			if s := kernel.Sum(r.Start()[at : at+shape[m]]); math.Abs(s) > 1e-14 {
				t.Errorf("shape %v: scores of player %d sum to %v, want 0", shape, m, s)
			}
		}
		y, d, up, down, jv, dir := r.Start(), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for a := range dir {
			dir[a] = src.NormFloat64()
		}
		r.Eval(d, y, 0)
		const h = 1e-5
		hi, lo := slices.Clone(y), slices.Clone(y)
		kernel.Axpy(h, d, hi)
		kernel.Axpy(-h, d, lo)
		r.Strategies(up, hi)
		r.Strategies(down, lo)
		v, err := f.Values(x0)
		if err != nil {
			t.Fatal(err)
		}
		for m := range shape {
			x, w := r.e.part(x0, m), r.e.part(v, m)
			for a := range x {
				want := x[a] * (w[a] - kernel.Dot(x, w))
				if got := (r.e.part(up, m)[a] - r.e.part(down, m)[a]) / (2 * h); math.Abs(got-want) > 1e-8 {
					t.Errorf("shape %v: x' = %v, want %v", shape, got, want)
				}
			}
		}
		caps := r.Caps()
		caps.JacVec(jv, y, dir, 0)
		hi, lo = slices.Clone(y), slices.Clone(y)
		kernel.Axpy(h, dir, hi)
		kernel.Axpy(-h, dir, lo)
		r.Eval(up, hi, 0)
		r.Eval(down, lo, 0)
		kernel.Axpy(-1, down, up)
		kernel.Scal(1/(2*h), up)
		if !within(jv, up, 1e-8) {
			t.Errorf("shape %v: derivative %v, want %v", shape, jv, up)
		}
		at := 0
		for m, h := range shape {
			caps.EvalBlock(up[:h], y, 0, m)
			if !slices.Equal(up[:h], d[at:at+h]) {
				t.Errorf("shape %v: block %d is %v, want %v", shape, m, up[:h], d[at:at+h])
			}
			at += h
		}
	}
}

func TestReplicatorBoundary(t *testing.T) {
	x0 := []float64{.5, 0, .5, .2, .3, .5}
	r, err := NewReplicator(RockPaperScissors(), x0)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Boundary() || r.Dim() != 5 || !slices.Equal(r.Blocks(), []int{2, 3}) {
		t.Errorf("boundary %v, dimension %d, blocks %v", r.Boundary(), r.Dim(), r.Blocks())
	}
	sol, err := flow.Solve(context.Background(), flow.Field[float64](r), r.Start(), flow.Options[float64]{T1: 5, RelTol: 1e-10})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 6)
	r.Strategies(x, r.Start())
	if !within(x, x0, 1e-15) {
		t.Errorf("start %v, want %v", x, x0)
	}
	r.Strategies(x, sol.X)
	if x[1] != 0 || math.Abs(kernel.Sum(x)-2) > 1e-14 {
		t.Errorf("x(5) = %v, want no weight on action 1", x)
	}
	// Rock and scissors of player 0 against all: the full replicator started 1e-13 from
	// the face is beside it for a while.
	near, err := NewReplicator(RockPaperScissors(), []float64{.5, 1e-13, .5 - 1e-13, .2, .3, .5})
	if err != nil {
		t.Fatal(err)
	}
	if near.Boundary() {
		t.Error("an interior start is reported as boundary")
	}
	sol, err = flow.Solve(context.Background(), flow.Field[float64](near), near.Start(), flow.Options[float64]{T1: 5, RelTol: 1e-10})
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float64, 6)
	near.Strategies(y, sol.X)
	if !within(x, y, 1e-8) {
		t.Errorf("on the face %v, beside it %v", x, y)
	}
	if _, err := r.LogProbabilities(nil); !errors.Is(err, ErrArgument) {
		t.Errorf("log probabilities on the boundary: %v", err)
	}
	if _, err := r.DivergenceFrom(y); !errors.Is(err, ErrArgument) {
		t.Errorf("divergence on the boundary: %v", err)
	}
}

func TestReplicatorErrors(t *testing.T) {
	f := RockPaperScissors()
	for _, c := range []struct {
		x    []float64
		want error
	}{
		{[]float64{1, 0, 0}, ErrShape},
		{[]float64{.5, .3, .2, .5, .3, .2 + 1e-9}, ErrArgument},
		{[]float64{.5, .3, .2, 1.2, -.2, 0}, ErrArgument},
		{[]float64{.5, .3, .2, math.Inf(1), 0, 0}, ErrNotFinite},
	} {
		if _, err := NewReplicator(f, c.x); !errors.Is(err, c.want) {
			t.Errorf("replicator from %v: error %v, want %v", c.x, err, c.want)
		}
		if _, err := NewEuclideanFTRL(f, c.x); !errors.Is(err, c.want) {
			t.Errorf("Euclidean dynamics from %v: error %v, want %v", c.x, err, c.want)
		}
		if err := NewBNN[float64](f).Check(c.x); !errors.Is(err, c.want) {
			t.Errorf("check of %v: error %v, want %v", c.x, err, c.want)
		}
	}
	r, err := NewReplicator(f, []float64{.5, .3, .2, .5, .3, .2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.LogProbabilities(&FiniteOptions{Weights: []float64{1}}); !errors.Is(err, ErrShape) {
		t.Errorf("one weight: %v", err)
	}
	if _, err := r.PotentialOf(make([]float64, 3)); !errors.Is(err, ErrShape) {
		t.Errorf("short potential: %v", err)
	}
	if _, err := NewLogit[float64](f, 0); !errors.Is(err, ErrArgument) {
		t.Errorf("tau = 0: %v", err)
	}
}

// The table of the three updates in rock-paper-scissors.
func TestMultiplicativeWeights(t *testing.T) {
	x0, third := []float64{.5, .3, .2, .2, .5, .3}, 1./3
	run := func(it func(*FTRL[float64]) flow.Integrator[float64], steps int, see func(k int, kl float64)) {
		t.Helper()
		r, err := NewReplicator(RockPaperScissors(), x0)
		if err != nil {
			t.Fatal(err)
		}
		kl, err := r.DivergenceFrom([]float64{third, third, third, third, third, third})
		if err != nil {
			t.Fatal(err)
		}
		run, err := flow.New(it(r), r.Start(), flow.Options[float64]{Controller: flow.Fixed{H: .1}, MaxSteps: steps})
		if err != nil {
			t.Fatal(err)
		}
		for s, err := range run.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			see(s.K, kl.Value(s.X))
		}
	}
	table := func(name string, it func(*FTRL[float64]) flow.Integrator[float64], want map[int]float64) {
		seen := 0
		run(it, 5000, func(k int, kl float64) {
			w, ok := want[k]
			if !ok {
				return
			}
			seen++
			// Four digits are given, of some only three.
			if math.Abs(kl-w) > 6e-4*w {
				t.Errorf("%s: KL %v after %d steps, want %v", name, kl, k, w)
			}
		})
		if seen != len(want) {
			t.Errorf("%s: %d of %d rows seen", name, seen, len(want))
		}
	}
	table("MWU", MWU[float64], map[int]float64{0: .1405, 500: .637, 1000: 1.951, 1500: 3.452, 2000: 4.724})
	table("optimistic", OptimisticMWU[float64], map[int]float64{0: .1405, 500: .02776, 2000: 1.860e-4, 5000: 8.03e-9})
	// The range of the alternating updates, from an independent program.
	lo, hi := math.Inf(1), 0.0
	run(AlternatingMWU[float64], 20000, func(k int, kl float64) { lo, hi = min(lo, kl), max(hi, kl) })
	if math.Abs(lo-.13305062437) > 1e-9 || math.Abs(hi-.14114285072) > 1e-9 {
		t.Errorf("alternating: KL from %v to %v, want .13305062437 to .14114285072", lo, hi)
	}
}

// Rest points and tangency of the dynamics in the simplex, and the definition of
// Smith's.
func TestPopulationFields(t *testing.T) {
	src := rand.New(philox.NewSource(13, 0))
	shape := []int{3, 2, 4}
	f, x := randomFinite(t, src, shape...), randomProfile(src, shape)
	lgt, err := NewLogit[float64](f, .3)
	if err != nil {
		t.Fatal(err)
	}
	d := make([]float64, len(x))
	v, err := f.Values(x)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Population[float64]{"logit": lgt, "BNN": NewBNN[float64](f), "Smith": NewSmith[float64](f), "best response": NewBestResponse[float64](f)} {
		p.Eval(d, x, 0)
		gain := 0.0
		for m := range shape {
			part := p.e.part(d, m)
			if math.Abs(kernel.Sum(part)) > 1e-14 {
				t.Errorf("%s: field %v of player %d leaves the simplex", name, part, m)
			}
			gain += kernel.Dot(part, p.e.part(v, m))
		}
		if name != "logit" && gain <= 0 { // positive correlation
			t.Errorf("%s: x'·v = %v, want > 0 off equilibrium", name, gain)
		}
	}
	e := newExpected[float64](f)
	lgt.Eval(d, x, 0)
	for m := range shape {
		w, z := e.part(v, m), 0.0
		for _, u := range w {
			z += math.Exp(u / .3)
		}
		for a, u := range w {
			if got, want := e.part(d, m)[a], math.Exp(u/.3)/z-e.part(x, m)[a]; math.Abs(got-want) > 1e-14 {
				t.Errorf("logit: %v, want %v", got, want)
			}
		}
	}
	// Payoffs (2, 2, 1) of the first player, (1, 0) of the second.
	best := NewBestResponse[float64](bimatrix(3, []float64{2, 0, 2, 0, 1, 0}, []float64{1, 0, 1, 0, 1, 0}))
	best.Eval(d[:5], []float64{.2, .3, .5, 1, 0}, 0)
	if want := []float64{.3, .2, -.5, 0, 0}; !within(d[:5], want, 1e-15) {
		t.Errorf("best response with a tie: %v, want %v", d[:5], want)
	}
	NewSmith[float64](f).Eval(d, x, 0)
	for m := range shape {
		own, w := e.part(x, m), e.part(v, m)
		for a := range own {
			want := 0.0
			for b := range own {
				want += own[b]*max(0, w[a]-w[b]) - own[a]*max(0, w[b]-w[a])
			}
			if got := e.part(d, m)[a]; math.Abs(got-want) > 1e-14 {
				t.Errorf("Smith: %v, want %v", got, want)
			}
		}
	}
	third := 1. / 3
	star := []float64{third, third, third, third, third, third}
	rps := RockPaperScissors()
	uniform, err := NewLogit[float64](rps, .1)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Population[float64]{"logit": uniform, "BNN": NewBNN[float64](rps), "Smith": NewSmith[float64](rps)} {
		d := make([]float64, 6)
		p.Eval(d, star, 0)
		if kernel.MaxAbs(d) > 1e-15 {
			t.Errorf("%s: field %v at the equilibrium", name, d)
		}
		// All three converge in this zero-sum game.
		x0 := []float64{.5, .3, .2, .2, .5, .3}
		before, err := rps.NashConv(x0)
		if err != nil {
			t.Fatal(err)
		}
		sol, err := flow.Solve(context.Background(), flow.Field[float64](p), x0, flow.Options[float64]{T1: 100})
		if err != nil {
			t.Fatal(err)
		}
		if after, err := rps.NashConv(sol.X); err != nil || after > before/5 {
			t.Errorf("%s: NashConv %v at t = 100, %v; %v at the start", name, after, err, before)
		}
	}
	// Best responses of the prisoner's dilemma: exponential approach to betrayal.
	sol, err := flow.Solve(context.Background(), flow.Field[float64](NewBestResponse[float64](PrisonersDilemma())), []float64{.9, .1, .6, .4}, flow.Options[float64]{T1: 2, RelTol: 1e-11})
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{.9 * math.Exp(-2), 1 - .9*math.Exp(-2), .6 * math.Exp(-2), 1 - .6*math.Exp(-2)}; !within(sol.X, want, 1e-9) {
		t.Errorf("best response: %v, want %v", sol.X, want)
	}
}

func TestProjectSimplex(t *testing.T) {
	src := rand.New(philox.NewSource(14, 0))
	for range 200 {
		n := 1 + src.IntN(6)
		y, work := make([]float64, n), make([]float64, n)
		for a := range y {
			y[a] = 2 * src.NormFloat64()
		}
		x := slices.Clone(y)
		projectSimplex(x, work)
		if math.Abs(kernel.Sum(x)-1) > 1e-14 || slices.Min(x) < 0 {
			t.Fatalf("projection %v of %v is not in the simplex", x, y)
		}
		// Variational inequality: (y-x)·(e_a - x) <= 0 for every vertex.
		for a := range n {
			s := y[a] - x[a]
			for b := range n {
				s -= (y[b] - x[b]) * x[b]
			}
			if s > 1e-13 {
				t.Fatalf("projection %v of %v: vertex %d is at an acute angle, %g", x, y, a, s)
			}
		}
	}
	// The Euclidean dynamics in the prisoner's dilemma ends at betrayal, in finite time.
	r, err := NewEuclideanFTRL(PrisonersDilemma(), []float64{.9, .1, .6, .4})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 4)
	r.Strategies(x, r.Start())
	if !within(x, []float64{.9, .1, .6, .4}, 1e-15) {
		t.Errorf("start %v", x)
	}
	sol, err := flow.Solve(context.Background(), flow.Field[float64](r), r.Start(), flow.Options[float64]{T1: 1})
	if err != nil {
		t.Fatal(err)
	}
	// v(1) - v(0) = 1, so that x' = (-1/2, 1/2) while inside.
	r.Strategies(x, sol.X)
	if !within(x, []float64{.4, .6, .1, .9}, 1e-12) {
		t.Errorf("x(1) = %v, want (.4, .6, .1, .9)", x)
	}
	sol, err = flow.Solve(context.Background(), flow.Field[float64](r), r.Start(), flow.Options[float64]{T1: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r.Strategies(x, sol.X); !slices.Equal(x, []float64{0, 1, 0, 1}) {
		t.Errorf("x(3) = %v, want betrayal", x)
	}
}
