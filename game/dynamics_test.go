package game

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/internal/philox"
)

var bg = context.Background()

// smoothFlow is a case of flows.json.
type smoothFlow struct {
	Name      string
	X0, T     []float64
	X         any
	J         [][]float64
	Invariant map[string][]float64
	Period    float64
	Blowup    float64 `json:"t_at_1e5"`
}

func smoothFlows(t *testing.T) map[string]smoothFlow {
	var ref struct{ Cases []smoothFlow }
	readFiniteJSON(t, "flows.json", &ref)
	out := map[string]smoothFlow{}
	for _, c := range ref.Cases {
		out[c.Name] = c
	}
	return out
}

func quartic2(t testing.TB) *Polynomial {
	t.Helper()
	return must(ParseGame([]int{1, 1}, []string{"1/4 x^4 + x^2 y - x y", "1/4 y^4 - x y^2 + 2 x y"}))
}

func abcGame() *ABC { return must(NewABC(1, math.Sqrt(2./3), math.Sqrt(1./3))) }

// TestFlowsReference compares continuous gradient play with the smooth cases of
// flows.json, and the invariants along it.
func TestFlowsReference(t *testing.T) {
	ref := smoothFlows(t)
	q := quartic2(t)
	parts := must(q.Decompose(ScalarFirst, Gaussian(nil, 1)))
	games := map[string]Game{
		"bilinear": bilinear2(1), "quartic2_full": q, "quartic2_scalar_part_v1": parts.Scalar,
		"quartic2_near_vector_v1": parts.Vector, "dirac_gan": NewDiracGAN(Logistic), "abc": abcGame(),
	}
	lin := ref["linear3"]
	j := mat.NewDense(3, 3, nil)
	for k, row := range lin.J {
		j.SetRow(k, row)
	}
	games["linear3"] = must(Affine([]int{1, 1, 1}, j, make([]float64, 3)))
	invariants := map[string]func(x []float64) float64{
		"r2":  func(x []float64) float64 { return x[0]*x[0] + x[1]*x[1] },
		"phi": parts.Potential.Eval,
		"psi": func(x []float64) float64 {
			return math.Exp(-(x[0]*x[0]+x[1]*x[1])/2) * (1.5 - 2*x[0]/3 - 2*x[1]/3)
		},
	}
	for name, g := range games {
		c, ok := ref[name]
		if !ok {
			t.Fatalf("flows.json has no case %q", name)
		}
		s, err := flow.Solve(bg, must(Flow(g)), c.X0, flow.Options[float64]{
			Method: flow.DOP853, T1: c.T[len(c.T)-1], TStops: c.T, RelTol: 1e-13, AbsTol: 1e-14, SaveAt: c.T,
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, want := range c.X.([]any) {
			w := make([]float64, len(c.X0))
			for k, v := range want.([]any) {
				w[k] = v.(float64)
			}
			if d := farthest(s.States[i], w); d > 1e-10 {
				t.Errorf("%s at t = %v: %v, want %v (off by %.2g)", name, c.T[i], s.States[i], w, d)
			}
			for inv, values := range c.Invariant {
				if v := invariants[inv](s.States[i]); math.Abs(v-values[i+1]) > 1e-10 {
					t.Errorf("%s at t = %v: %s = %v, want %v", name, c.T[i], inv, v, values[i+1])
				}
			}
		}
	}
}

// TestNearVectorPeriod finds the period of a closed orbit of the near vector part of
// quartic2 as the second crossing of a section through its start.
func TestNearVectorPeriod(t *testing.T) {
	c := smoothFlows(t)["quartic2_near_vector_v1"]
	parts := must(quartic2(t).Decompose(ScalarFirst, Gaussian(nil, 1)))
	f := must(Flow(parts.Vector))
	v := make([]float64, 2)
	f.Eval(v, c.X0, 0)
	section := must(PlaneSection(v, v[0]*c.X0[0]+v[1]*c.X0[1], flow.Rising))
	s, err := flow.Solve(bg, f, c.X0, flow.Options[float64]{
		Method: flow.DOP853, T1: 4, RelTol: 1e-13, AbsTol: 1e-14, Events: []flow.Event[float64]{section},
	})
	if err != nil || len(s.Events) == 0 {
		t.Fatalf("no crossing: %v, %v", s, err)
	}
	if e := s.Events[len(s.Events)-1]; math.Abs(e.T-c.Period) > 1e-9 || farthest(e.X, c.X0) > 1e-9 {
		t.Errorf("back at t = %v in %v, want %v in %v", e.T, e.X, c.Period, c.X0)
	}
}

// TestBlowUpTime: the vector part of quartic2 explodes.
func TestBlowUpTime(t *testing.T) {
	c := smoothFlows(t)["quartic2_vector_v1_blowup"]
	parts := must(quartic2(t).Decompose(VectorFirst, Gaussian(nil, 1)))
	f := must(Flow(parts.Vector))
	opt := flow.Options[float64]{Method: flow.DOP853, T1: 20, RelTol: 1e-12, AbsTol: 1e-12}
	r, err := ClassifyRun(bg, flow.ODE(f, flow.DOP853), c.X0, opt, RunOptions{RMax: 1e5})
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != BlowUp || r.Norm < 1e5 {
		t.Fatalf("%v at %v, want BlowUp", r.Outcome, r.Time)
	}
	far, err := ClassifyRun(bg, flow.ODE(f, flow.DOP853), c.X0, opt, RunOptions{})
	if err != nil || far.Outcome != BlowUp {
		t.Fatalf("%+v, %v: want BlowUp", far, err)
	}
	// |x| reaches 1e5 a little before the explosion. The two extrapolations agree.
	if far.Time < c.Blowup || far.Time-c.Blowup > 1e-5 || math.Abs(far.Time-r.Time) > 1e-7 {
		t.Errorf("t* = %.10f and %.10f, want just above %.10f", r.Time, far.Time, c.Blowup)
	}
	hit := flow.Event[float64]{Name: "1e5", Terminal: true, G: func(x []float64, _ float64) float64 {
		return max(math.Abs(x[0]), math.Abs(x[1])) - 1e5
	}}
	opt.Events = []flow.Event[float64]{hit}
	s, err := flow.Solve(bg, f, c.X0, opt)
	if err != nil || math.Abs(s.T-c.Blowup) > 2e-8 {
		t.Errorf("1e5 is reached at %.10f (%v), want %.10f", s.T, err, c.Blowup)
	}
}

// TestVolumePreserving is the table of DECISIONS: order 2, and the determinant against
// that of RK4.
func TestVolumePreserving(t *testing.T) {
	g := abcGame()
	x0 := []float64{0.3, 0.7, -0.2}
	f := must(Flow(g))
	exact, err := flow.Solve(bg, f, x0, flow.Options[float64]{Method: flow.DOP853, T1: 2, RelTol: 1e-13, AbsTol: 1e-14})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		steps int
		want  float64
	}{{10, 0.00217}, {20, 0.00054}, {40, 0.00014}} {
		s := must(VolumePreserving(3, g.VectorPotential()))
		h := 2 / float64(c.steps)
		r := must(flow.New[float64](s, x0, flow.Options[float64]{Controller: flow.Fixed{H: h}, T1: 2}))
		end, err := r.Solve(bg)
		if err != nil {
			t.Fatal(err)
		}
		if e := farthest(end.X, exact.X); math.Abs(e-c.want) > 6e-6 {
			t.Errorf("%d steps: error %.6f, want %.5f", c.steps, e, c.want)
		}
		if d := math.Abs(s.Determinant() - 1); d > 1e-12 {
			t.Errorf("%d steps: |det - 1| = %.2g", c.steps, d)
		}
	}
	// One step of size 0.2 by differences of the map itself, and RK4 likewise.
	split := func() flow.Integrator[float64] { return must(VolumePreserving(3, g.VectorPotential())) }
	rk4 := func() flow.Integrator[float64] { return flow.ODE(f, flow.RK4) }
	if d := math.Abs(mapDeterminant(t, split, x0, 0.2, 10) - 1); d > 1e-9 {
		t.Errorf("splitting over T = 2: |det - 1| = %.2g by differences", d)
	}
	if d := math.Abs(mapDeterminant(t, rk4, x0, 0.2, 10) - 1); d < 1e-6 {
		t.Errorf("RK4 over T = 2: |det - 1| = %.2g, want about 3.5e-6", d)
	} else {
		t.Logf("RK4: |det - 1| = %.3g", d)
	}
}

// mapDeterminant is the determinant of the derivative of steps of an integrator, by
// central differences of fourth order.
func mapDeterminant(t *testing.T, it func() flow.Integrator[float64], x0 []float64, h float64, steps int) float64 {
	t.Helper()
	n := len(x0)
	m := mat.NewDense(n, n, nil)
	run := func(k int, d float64) []float64 {
		x := append([]float64(nil), x0...)
		x[k] += d
		r := must(flow.New(it(), x, flow.Options[float64]{Controller: flow.Fixed{H: h}, MaxSteps: steps}))
		s, err := r.Solve(bg)
		if err != nil {
			t.Fatal(err)
		}
		return s.X
	}
	const d = 1e-3
	for k := range n {
		a, b, c, e := run(k, 2*d), run(k, d), run(k, -d), run(k, -2*d)
		for i := range n {
			m.Set(i, k, (-a[i]+8*b[i]-8*c[i]+e[i])/(12*d))
		}
	}
	return mat.Det(m)
}

// TestPolynomialVectorPotential: the potentials of decompositions drive the splitting of vector parts.
func TestPolynomialVectorPotential(t *testing.T) {
	parts := must(quartic2(t).Decompose(VectorFirst, Gaussian(nil, 1)))
	pairs := PolynomialPairs(parts.VectorPotential())
	x0 := []float64{0.6, -0.4}
	run := func(steps int) []float64 {
		r := must(flow.New[float64](must(VolumePreserving(2, pairs)), x0, flow.Options[float64]{Controller: flow.Fixed{H: 0.4 / float64(steps)}, T1: 0.4}))
		s, err := r.Solve(bg)
		if err != nil {
			t.Fatal(err)
		}
		return s.X
	}
	exact, err := flow.Solve(bg, must(Flow(parts.Vector)), x0, flow.Options[float64]{Method: flow.DOP853, T1: 0.4, RelTol: 1e-13, AbsTol: 1e-14})
	if err != nil {
		t.Fatal(err)
	}
	coarse, fine := farthest(run(20), exact.X), farthest(run(40), exact.X)
	if r := coarse / fine; math.Abs(r-4) > 0.2 {
		t.Errorf("errors %.3g and %.3g with 20 and 40 steps: ratio %.2f, want 4", coarse, fine, r)
	}
}

// TestOutcomes classifies the runs of the theorems.
func TestOutcomes(t *testing.T) {
	q := quartic2(t)
	scalar := must(q.Decompose(ScalarFirst, Gaussian(nil, 1)))
	x0 := []float64{0.6, -0.4}
	linear := func(v ...float64) Game { return must(Affine([]int{1, 1}, mat.NewDense(2, 2, v), make([]float64, 2))) }
	for _, c := range []struct {
		name string
		g    Game
		t1   float64
		want Outcome
	}{
		{"scalar part", scalar.Scalar, 200, Converged},
		{"near vector part", scalar.Vector, 40, Recurrent},
		{"near vector part, less than a period", scalar.Vector, 3, Undecided},
		{"rotation", linear(0, 1, -1, 0), 40, Recurrent},
		{"hyperbolic", linear(1, 0, 0, -1), 100, Divergent},
		{"slow spiral", linear(0.01, 1, -1, 0.01), 40, Undecided},
		{"spiral", linear(0.01, 1, -1, 0.01), 4000, Converged},
	} {
		r, err := ClassifyRun(bg, flow.ODE(must(Flow(c.g)), flow.Tsit5), x0, flow.Options[float64]{T1: c.t1, RelTol: 1e-9, AbsTol: 1e-13}, RunOptions{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Outcome != c.want {
			t.Errorf("%s: %v, want %v (%d returns, status %v)", c.name, r.Outcome, c.want, len(r.Returns), r.Status)
		}
	}
	// Gradient descent on a rotation diverges, and is no explosion.
	it := must(GD{}.Integrator(bilinear2(1)))
	r, err := ClassifyRun(bg, it, []float64{1, 0.5}, flow.Options[float64]{Controller: flow.Fixed{H: 0.5}, MaxSteps: 1000}, RunOptions{})
	if err != nil || r.Outcome != Divergent || math.Abs(r.Norm) < 1e8 {
		t.Errorf("GD on a rotation: %+v, %v", r, err)
	}
}

// TestReturnTimes: the rotation comes back every 2π; its average is 0.
func TestReturnTimes(t *testing.T) {
	ret := &Returns{Eps: 0.05, Samples: 30}
	avg := &TimeAverage{}
	s, err := flow.Solve(bg, must(Flow(bilinear2(1))), []float64{1, 0}, flow.Options[float64]{
		Method: flow.DOP853, T1: 20 * math.Pi, RelTol: 1e-10, Recorder: flow.Multi[float64](ret, avg),
	})
	if err != nil || s.Status != flow.Done {
		t.Fatal(s, err)
	}
	if len(ret.Times) != 10 { // the last one is the end
		t.Fatalf("returns %v, want 10", ret.Times)
	}
	half := 2 * math.Asin(0.025) // angle of the ball's edge
	for i, v := range ret.Times {
		if want := 2*math.Pi*float64(i+1) - half; math.Abs(v-want) > 1e-2 {
			t.Errorf("return %d at %v, want %v", i, v, want)
		}
	}
	if rate := ret.Rate(); math.Abs(rate-half/math.Pi) > 2e-3 {
		t.Errorf("rate %v, want %v", rate, half/math.Pi)
	}
	if farthest(avg.Mean, []float64{0, 0}) > 1e-5 || math.Abs(avg.T-20*math.Pi) > 1e-12 {
		t.Errorf("average %v over %v", avg.Mean, avg.T)
	}
}

// TestVolumeFactor: log det of the flow map is -∫div ξ, of a linear game -t tr J.
func TestVolumeFactor(t *testing.T) {
	g := must(Affine([]int{1, 2}, mat.NewDense(3, 3, []float64{1, 2, 0, -1, 0.5, 3, 0, 3, -0.2}), make([]float64, 3)))
	f := must(WithVolume(must(Flow(g))))
	s, err := flow.Solve(bg, f, []float64{1, 2, 3, 0}, flow.Options[float64]{T1: 2, RelTol: 1e-10})
	if err != nil || math.Abs(s.X[3]+2*1.3) > 1e-9 {
		t.Errorf("log det = %v (%v), want %v", s.X[3], err, -2.6)
	}
	if _, err := WithVolume(flow.FieldFunc(1, func(dst, x []float64, t float64) {})); !errors.Is(err, ErrMissing) {
		t.Errorf("field without Jacobian: %v", err)
	}
}

// TestLyapunov: the exponents of the ABC flow, whose volume is constant, have the sum 0;
// that of the slowest direction of a stable linear game is known.
func TestLyapunov(t *testing.T) {
	l, err := probe.LyapunovExponents(bg, must(Flow(abcGame())), []float64{0.3, 0.7, -0.2}, probe.LyapunovOptions{Time: 400, RelTol: 1e-7})
	if err != nil {
		t.Fatal(err)
	}
	if sum := l.Values[0] + l.Values[1] + l.Values[2]; math.Abs(sum) > 1e-4 {
		t.Errorf("sum of the exponents %v", sum)
	}
	g := must(NewCournot(10, 1, []float64{1, 2, 3})) // eigenvalues of J: 1, 1, 4
	l, err = probe.LyapunovExponents(bg, must(Flow(g)), []float64{3, 2, 1}, probe.LyapunovOptions{Exponents: 1, Time: 20})
	if err != nil || math.Abs(l.Values[0]+1) > 1e-6 {
		t.Errorf("largest exponent %v (%v), want -1", l.Values, err)
	}
}

// TestSweep: every lane is the run alone, in both precisions and for any number of
// workers, and lanes that leave do not disturb the others.
func TestSweep(t *testing.T) {
	const states = 1000
	r := rand.New(philox.NewSource(1, 0))
	x := make([]float64, 2*states)
	for i := range x {
		x[i] = 3 * r.NormFloat64()
	}
	g := NewDiracGAN(Logistic)
	run := func(workers, lanes int) []float64 {
		y := append([]float64(nil), x...)
		left, err := Sweep(bg, func() BatchField[float64] { return Batched[float64](g) }, descent.Extragradient[float64], y, states, 50, 0.1, SweepOptions{Workers: workers, Lanes: lanes})
		if err != nil {
			t.Fatal(err)
		}
		for b, s := range left {
			if s != 0 {
				t.Fatalf("lane %d left in step %d", b, s)
			}
		}
		return y
	}
	y := run(1, 64)
	if d := farthest(y, run(3, 64)); d != 0 {
		t.Errorf("one worker and three differ by %v", d)
	}
	if d := farthest(y, run(2, 999)); d > 1e-13 {
		t.Errorf("other lanes: %v", d)
	}
	for _, b := range []int{0, 63, 64, 999} {
		alone := iterate(t, Extragradient{}, g, []float64{x[b], x[states+b]}, 50, 0.1)
		if d := farthest(alone[50], []float64{y[b], y[states+b]}); d > 1e-12 {
			t.Errorf("state %d: off by %v", b, d)
		}
	}
	x32 := make([]float32, len(x))
	for i, v := range x {
		x32[i] = float32(v)
	}
	if _, err := Sweep(bg, func() BatchField[float32] { return Batched[float32](g) }, descent.Extragradient[float32], x32, states, 50, 0.1, SweepOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, v := range x32 {
		if math.Abs(float64(v)-y[i]) > 2e-5 {
			t.Errorf("float32 component %d: %v, want %v", i, v, y[i])
		}
	}
}

// TestSweepLeaving: states that explode stop where they are.
func TestSweepLeaving(t *testing.T) {
	g := must(ParseGame([]int{1, 1}, []string{"-1/4 x^4", "1/2 y^2"}))
	x := []float64{10, 0.1, 1, 1} // states (10, 1) and (.1, 1)
	left, err := Sweep(bg, func() BatchField[float64] { return Batched[float64](g) }, descent.GD[float64], x, 2, 200, 0.1, SweepOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if left[0] == 0 || left[1] != 0 {
		t.Errorf("left in steps %v, want the first alone", left)
	}
	alone := iterate(t, GD{}, g, []float64{0.1, 1}, 200, 0.1)
	if d := farthest([]float64{x[1], x[3]}, alone[200]); d > 1e-12 || math.IsNaN(x[0]) || math.IsInf(x[0], 0) {
		t.Errorf("states %v, want the second as %v", x, alone[200])
	}
}

// TestPlayEach: every run is the one alone, whatever the number of workers.
func TestPlayEach(t *testing.T) {
	g := must(NewIPD(IPDOptions{}))
	r := rand.New(philox.NewSource(2, 0))
	starts := make([][]float64, 8)
	for i := range starts {
		starts[i] = make([]float64, 10)
		for k := range starts[i] {
			starts[i][k] = r.NormFloat64()
		}
	}
	opt := flow.Options[float64]{Controller: flow.Fixed{H: 1}, MaxSteps: 30}
	for _, workers := range []int{1, 3} {
		runs, err := PlayEach(bg, g, LOLA{}, starts, workers, opt)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range runs {
			if d := farthest(s.X, iterate(t, LOLA{}, g, starts[i], 30, 1)[30]); d != 0 {
				t.Errorf("%d workers, run %d: off by %v", workers, i, d)
			}
		}
	}
	if _, err := PlayEach(bg, bare{g}, GD{}, starts, 0, opt); !errors.Is(err, ErrMissing) {
		t.Errorf("a game without copies: %v", err)
	}
	if _, err := PlayEach(bg, g, GD{}, [][]float64{{1}}, 0, opt); err == nil {
		t.Error("a start of the wrong length is accepted")
	}
}

// TestDiagnosticsBadInput goes through the options.
func TestDiagnosticsBadInput(t *testing.T) {
	f := must(Flow(bilinear2(1)))
	x0 := []float64{1, 0.5}
	for name, o := range map[string]RunOptions{
		"Tol": {Tol: -1}, "RMax": {RMax: math.NaN()}, "Eps": {Eps: math.Inf(1)}, "Returns": {Returns: -1}, "Enough": {Enough: -1}, "small RMax": {RMax: 10},
	} {
		if _, err := ClassifyRun(bg, flow.ODE(f, nil), x0, flow.Options[float64]{T1: 1}, o); !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ClassifyRun(bg, flow.ODE(f, nil), []float64{math.NaN(), 0}, flow.Options[float64]{T1: 1}, RunOptions{}); !errors.Is(err, ErrNotFinite) {
		t.Errorf("NaN start: %v", err)
	}
	if _, err := ClassifyRun(bg, flow.ODE(f, nil), x0, flow.Options[float64]{T1: 1}, RunOptions{Period: []float64{1}}); !errors.Is(err, ErrShape) {
		t.Errorf("one period for two coordinates: %v", err)
	}
	for _, r := range []*Returns{{}, {Eps: -1}, {Eps: 1, Samples: -1}, {Eps: 1, Period: []float64{-1, 1}}} {
		if err := r.Init(2); !errors.Is(err, ErrArgument) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for name, err := range map[string]error{
		"plane":   errOf(PlaneSection([]float64{0, 0}, 1, flow.Any)),
		"angle":   errOf(AngleSection(-1, 0, 1)),
		"period":  errOf(AngleSection(0, 0, 0)),
		"volume":  errOf(WithVolume(nil)),
		"flow":    errOf(CorrectedFlow(bilinear2(1), nil)),
		"sweep h": errOf(Sweep(bg, func() BatchField[float64] { return Batched[float64](bilinear2(1)) }, descent.GD[float64], make([]float64, 2), 1, 1, 0, SweepOptions{})),
	} {
		if !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Sweep(bg, func() BatchField[float64] { return Batched[float64](bilinear2(1)) }, descent.GD[float64], make([]float64, 3), 1, 1, 1, SweepOptions{}); !errors.Is(err, ErrShape) {
		t.Errorf("wrong length: %v", err)
	}
}

// TestCorrectedFlows: along Newton's flow ξ decays as e^(-t); on the rotation the flows of
// the corrections wind in at their closed-form rates.
func TestCorrectedFlows(t *testing.T) {
	g := quartic3(t)
	x0 := []float64{0.3, -0.7, 0.5}
	before, after := make([]float64, 3), make([]float64, 3)
	g.Field(before, x0)
	s, err := flow.Solve(bg, must(CorrectedFlow(g, Newton{})), x0, flow.Options[float64]{T1: 0.3, RelTol: 1e-11, AbsTol: 1e-12, Method: flow.DOP853})
	if err != nil {
		t.Fatal(err)
	}
	g.Field(after, s.X)
	for k, v := range after {
		if math.Abs(v-before[k]*math.Exp(-0.3)) > 1e-9 {
			t.Errorf("ξ_%d = %v, want %v", k, v, before[k]*math.Exp(-0.3))
		}
	}
	for name, c := range map[string]struct {
		rule Correction
		rate float64 // of log|x| for s = 1
	}{
		"sga": {SGA{Lambda: 0.4}, -0.4}, "co": {Consensus{Gamma: 0.3}, -0.3}, "lookahead": {LookAhead{Alpha: 0.2}, -0.2},
		"lola": {LOLA{Alpha: 0.2}, -0.4}, "lola0": {LOLA{Alpha: 0.2, Variant: Published}, -0.2}, "gd": {GD{}, 0},
	} {
		s, err := flow.Solve(bg, must(CorrectedFlow(bilinear2(1), c.rule)), []float64{1, 0.5}, flow.Options[float64]{T1: 3, RelTol: 1e-10, AbsTol: 1e-12})
		if err != nil {
			t.Fatal(err)
		}
		if r := math.Log(math.Hypot(s.X[0], s.X[1])/math.Hypot(1, 0.5)) / 3; math.Abs(r-c.rate) > 1e-8 {
			t.Errorf("%s: rate %v, want %v", name, r, c.rate)
		}
	}
	// Rates of the players: the second moves twice as fast.
	f := must(CorrectedFlow(bilinear2(1), SGA{}, 1, 2))
	d := make([]float64, 2)
	f.Eval(d, []float64{1, 0.5}, 0)
	if farthest(d, []float64{-1.5, 1}) > 1e-15 { // ξ = (.5, -1), Aᵀξ = (1, .5)
		t.Errorf("field %v, want (-1.5, 1)", d)
	}
}
