package deq_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
)

type scalarFile struct {
	Flow []struct {
		S          float64
		BetaStar   float64 `json:"beta_star"`
		W0, M0, R2 float64
		T          []float64
		Beta, W, M []float64
		Risk       []float64
		WLimit     float64 `json:"w_limit"`
		MLimit     float64 `json:"m_limit"`
		Asymptotic float64 `json:"asymptotic_risk_rate"`
		PLRate     float64 `json:"pl_rate"`
	}
	Paper struct {
		MeanX2       float64 `json:"mean_x2"`
		BetaStar     float64 `json:"beta_star"`
		Eta          float64
		Regular      scalarRun   `json:"regular"`
		NearSingular scalarRun   `json:"near_singular"`
		Jump         []scalarHop `json:"near_singular_jump"`
	} `json:"paper_gd"`
	Counter struct {
		Theta0   []float64
		MeanX2   float64 `json:"mean_x2"`
		BetaStar float64 `json:"beta_star"`
		Eta      float64
		Methods  map[string]map[string][]float64
		Limits   map[string][]float64 `json:"flow_limits"`
	} `json:"counterexample"`
}

type scalarRun struct {
	Theta0 []float64
	Theta  map[string][]float64
}

type scalarHop struct {
	Theta0 []float64
	Eta    float64
	Steps  map[string]struct {
		Theta   []float64
		Risk    float64
		Radius2 float64
	}
}

func scalarReference(t testing.TB) *scalarFile {
	var f scalarFile
	loadReference(t, "linear_scalar.json", &f)
	return &f
}

// line returns the scalar model with one input, mean x² = s and β_LS = b.
func line[T flow.Float](t testing.TB, s, b float64) *deq.Scalar[T] {
	t.Helper()
	data, err := deq.Population(kernel.MatrixOf(1, 1, []float64{s}), kernel.MatrixOf(1, 1, []float64{b}), 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := deq.NewScalar[T](data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The closed form, and the limit and rates of the certificate.
func TestScalarFlow(t *testing.T) {
	for i, c := range scalarReference(t).Flow {
		for k, time := range c.T {
			what := fmt.Sprintf("flow %d at t = %v", i, time)
			p, err := deq.ScalarFlow(c.S, c.BetaStar, c.W0, c.M0, time)
			if err != nil {
				t.Fatal(err)
			}
			agreeAll(t, what, []float64{p.Beta, p.W, p.M}, []float64{c.Beta[k], c.W[k], c.M[k]}, 1e-11)
			// The reference was computed with 40 digits of β.
			if rel := math.Abs(p.Excess/c.Risk[k] - 1); rel > 1e-9 && c.Risk[k] > 1e-75 {
				t.Errorf("%s: risk %v, want %v", what, p.Excess, c.Risk[k])
			}
		}
		m := line[float64](t, c.S, c.BetaStar)
		theta, limit := []float64{c.W0, 1 - c.M0}, make([]float64, 2)
		if err := m.Limit(limit, theta); err != nil {
			t.Fatal(err)
		}
		agreeAll(t, "limit", limit, []float64{c.WLimit, 1 - c.MLimit}, 1e-14)
		cert, err := m.Certify(theta)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, "PL rate", cert.PLRate, c.PLRate, 1e-14)
		agree(t, "asymptotic rate", cert.AsymptoticRate, c.Asymptotic, 1e-13)
	}
}

// The closed form against the gradient flow, integrated.
func TestScalarFlowIntegrated(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testScalarIntegrated[float64](t, 1e-11, 1e-9) })
	t.Run("float32", func(t *testing.T) { testScalarIntegrated[float32](t, 1e-6, 3e-5) })
}

func testScalarIntegrated[T flow.Float](t *testing.T, rtol, tol float64) {
	for i, c := range scalarReference(t).Flow {
		m := line[T](t, c.S, c.BetaStar)
		sol, err := flow.Solve(context.Background(), flow.Field[T](flow.GradientFlow[T](m)), []T{T(c.W0), T(1 - c.M0)},
			flow.Options[T]{T1: c.T[1], RelTol: rtol, AbsTol: rtol})
		if err != nil {
			t.Fatal(err)
		}
		agreeAll(t, fmt.Sprintf("flow %d", i), sol.X, []float64{c.W[1], 1 - c.M[1]}, tol)
	}
}

// The paper's runs of gradient descent.
func TestScalarPaperRuns(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testScalarPaper[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testScalarPaper[float32](t, 2e-5) })
}

func testScalarPaper[T flow.Float](t *testing.T, tol float64) {
	p := scalarReference(t).Paper
	m := line[T](t, p.MeanX2, p.BetaStar)
	for _, run := range []scalarRun{p.Regular, p.NearSingular} {
		gdPath(t, flow.Field[T](flow.GradientFlow[T](m)), toT[T](run.Theta0), p.Eta, 200, func(s *flow.Step[T]) {
			if want, ok := run.Theta[strconv.Itoa(s.K)]; ok {
				agreeAll(t, fmt.Sprintf("update %d", s.K), s.X, want, tol)
			}
			if s.K == 200 && tol < 1e-9 && s.Energy > 1e-20 && &run.Theta0[0] == &p.Regular.Theta0[0] {
				t.Errorf("risk after 200 updates is %v, want below 1e-20", s.Energy)
			}
		})
	}
}

// Starts near the singular centre are thrown far away in one step; that is legal.
func TestScalarJumps(t *testing.T) {
	p := scalarReference(t).Paper
	m := line[float64](t, p.MeanX2, p.BetaStar)
	for _, run := range p.Jump {
		gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), run.Theta0, run.Eta, 200, func(s *flow.Step[float64]) {
			want, ok := run.Steps[strconv.Itoa(s.K)]
			if !ok {
				return
			}
			what := fmt.Sprintf("update %d", s.K)
			agreeAll(t, what, s.X, want.Theta, 1e-9)
			agree(t, what+" risk", s.Energy, want.Risk, 1e-9)
			r := m.Radius(s.X)
			agree(t, what+" r²", r*r, want.Radius2, 1e-9)
		})
	}
}

// ruleNames are the names of the backward rules in the reference files.
var ruleNames = map[string]deq.Backward{
	"exact":    {},
	"jfb":      deq.JFB(),
	"neumann2": {Rule: deq.Neumann, Terms: 2},
	"neumann3": {Rule: deq.Neumann, Terms: 3},
	"damped2":  {Rule: deq.Damped, Terms: 2, Damping: 0.5},
}

// Two terms of Neumann's series stop at a = -1, the other rules reach the minimum.
func TestCounterexample(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testCounterexample[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testCounterexample[float32](t, 1e-5) })
}

func testCounterexample[T flow.Float](t *testing.T, tol float64) {
	c := scalarReference(t).Counter
	m := line[T](t, c.MeanX2, c.BetaStar)
	for name, rule := range ruleNames {
		f, err := m.Field(rule)
		if err != nil {
			t.Fatal(err)
		}
		end := 0.0
		gdPath(t, flow.Field[T](f), toT[T](c.Theta0), c.Eta, 5000, func(s *flow.Step[T]) {
			if want, ok := c.Methods[name][strconv.Itoa(s.K)]; ok {
				agreeAll(t, fmt.Sprintf("%s, update %d", name, s.K), s.X, want, tol)
			}
			end = s.Energy
		})
		if name == "neumann2" {
			agree(t, "risk of two terms", end, 0.016008635219, max(tol, 1e-11))
		} else if tol < 1e-9 && end > 1e-27 {
			t.Errorf("%s ends at the risk %v, want below 1e-27", name, end)
		}
		sol, err := flow.Solve(context.Background(), flow.Field[T](f), toT[T](c.Theta0), flow.Options[T]{T1: 200, RelTol: 1e3 * tol, AbsTol: 1e3 * tol})
		if err != nil {
			t.Fatal(err)
		}
		agreeAll(t, name+" flow limit", sol.X, c.Limits[name], 2e5*tol)
	}
}

// The slope that a rule's field reports is the derivative of the risk along it, and
// the share of the gradient is as in the closed form.
func TestRuleSlope(t *testing.T) {
	r := randomSource(3)
	for name, rule := range ruleNames {
		m := randomScalar(t, 3, 11)
		f, err := m.Field(rule)
		if err != nil {
			t.Fatal(err)
		}
		theta := awayFromCentre(r, 3)
		checkSlope(t, name, f, theta)
		grad, dir := make([]float64, 4), make([]float64, 4)
		m.EnergyGrad(grad, theta)
		f.Eval(dir, theta, 0)
		for i := range dir {
			agree(t, name+" share", dir[i], -rule.Share(theta[3])*grad[i], 1e-13)
		}
	}
}

// checkSlope compares the slope of an energy field with a central difference.
func checkSlope(t testing.TB, what string, f flow.EnergyField[float64], theta []float64) {
	t.Helper()
	n := f.Dim()
	dir, y := make([]float64, n), make([]float64, n)
	_, slope := f.EvalEnergy(dir, theta, 0)
	h := 1e-5 / (1 + kernel.Nrm2(dir))
	kernel.AxpyTo(y, h, dir, theta)
	up, _ := f.EvalEnergy(nil, y, 0)
	kernel.AxpyTo(y, -h, dir, theta)
	down, _ := f.EvalEnergy(nil, y, 0)
	agree(t, what+": slope", slope, (up-down)/(2*h), 1e-7)
}

// awayFromCentre returns random parameters (w, a) with -1 < a < 0.5.
func awayFromCentre(r *rand.Rand, d int) []float64 {
	theta := gauss[float64](r, d+1, 0.8)
	theta[d] = -1 + 1.5*r.Float64()
	return theta
}

// randomScalar returns the model for 10 random samples with d inputs.
func randomScalar(t testing.TB, d int, seed uint64) *deq.Scalar[float64] {
	t.Helper()
	return randomScalarSamples(t, 10, d, seed)
}

func randomScalarSamples(t testing.TB, samples, d int, seed uint64) *deq.Scalar[float64] {
	t.Helper()
	r := randomSource(seed)
	x := kernel.MatrixOf(samples, d, gauss[float64](r, samples*d, 1))
	y := kernel.MatrixOf(samples, 1, gauss[float64](r, samples, 1))
	data, err := deq.NewLinearData(x, y)
	if err != nil {
		t.Fatal(err)
	}
	m, err := deq.NewScalar[float64](data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Gradient, Hessian products, and the identities that hold at every point: the
// gradient is orthogonal to the radius, m² = r²/(1+|β|²), and the PL inequality.
func TestScalarIdentities(t *testing.T) {
	for seed := range uint64(20) {
		d := 1 + int(seed)%6
		m := randomScalar(t, d, seed)
		r := randomSource(100 + seed)
		theta, p := awayFromCentre(r, d), gauss[float64](r, d+1, 1)
		check, err := probe.CheckGradient[float64](m, theta, probe.CheckOptions{})
		if err != nil || !check.OK {
			t.Errorf("seed %d: %v %v", seed, check, err)
		}
		hessianCheck(t, m, theta, p, 1e-6)
		grad := make([]float64, d+1)
		m.EnergyGrad(grad, theta)
		radial := kernel.Dot(grad, theta) - grad[d]
		scale := kernel.Nrm2(grad) * (1 + kernel.Nrm2(theta))
		if math.Abs(radial) > 1e-13*scale {
			t.Errorf("seed %d: gradient along the radius is %v", seed, radial)
		}
		c, err := m.Certify(theta)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, "m²", c.SigmaMin*c.SigmaMin, c.KMin/(1+c.Norm*c.Norm), 1e-12)
		if pl := c.PLRate * (c.Risk - c.RiskLS); kernel.SumSq(grad) < pl*(1-1e-12) {
			t.Errorf("seed %d: |∇R|² = %v below the PL bound %v", seed, kernel.SumSq(grad), pl)
		}
		if c.Norm > c.NormBound*(1+1e-12) || c.SigmaMin < c.SigmaMinBound*(1-1e-12) {
			t.Errorf("seed %d: |W| = %v above %v, or m = %v below %v", seed, c.Norm, c.NormBound, c.SigmaMin, c.SigmaMinBound)
		}
	}
}

// A discrete step obeys Pythagoras exactly, r'² = r² + η²|f|², for every rule.
func TestScalarPythagoras(t *testing.T) {
	for name, rule := range ruleNames {
		m := randomScalar(t, 4, 5)
		f, err := m.Field(rule)
		if err != nil {
			t.Fatal(err)
		}
		const eta = 0.003
		want := 0.0
		gdPath(t, flow.Field[float64](f), []float64{0.3, -0.2, 0.5, 0.1, 0.4}, eta, 300, func(s *flow.Step[float64]) {
			r := m.Radius(s.X)
			if s.K > 0 {
				agree(t, name, r*r, want, 1e-12)
			}
			want = r*r + eta*eta*kernel.SumSq(s.F)
		})
	}
}

// r(T)² - r(0)² = η (R_0 - R_T)(1 + O(η)) along full-batch gradient descent.
func TestScalarRadiusGrowth(t *testing.T) {
	p := scalarReference(t).Paper
	m := line[float64](t, p.MeanX2, p.BetaStar)
	ratio := func(eta float64) float64 {
		var r0, e0, r1, e1 float64
		gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), p.Regular.Theta0, eta, int(2/eta), func(s *flow.Step[float64]) {
			r1, e1 = m.Radius(s.X), s.Energy
			if s.K == 0 {
				r0, e0 = r1, e1
			}
		})
		return (r1*r1 - r0*r0) / (eta * (e0 - e1))
	}
	a, b := ratio(0.01), ratio(0.005)
	if math.Abs(a-1.0039) > 1e-4 {
		t.Errorf("growth ratio %v at η = 0.01, want 1.0039", a)
	}
	if q := (a - 1) / (b - 1); math.Abs(q-2) > 0.1 {
		t.Errorf("growth ratios %v and %v, want the excess to halve with η", a, b)
	}
}

// The per-step bound of the theorem holds at every step of SafeRate, and the sign of
// m stays.
func TestSafeRate(t *testing.T) {
	for seed := range uint64(10) {
		d := 1 + int(seed)%4
		m := randomScalar(t, d, seed)
		theta := gauss[float64](randomSource(200+seed), d+1, 1.2)
		r, err := flow.New(descent.GD(flow.Field[float64](flow.GradientFlow[float64](m))), theta,
			flow.Options[float64]{Controller: deq.NewSafeRate(m), MaxSteps: 400})
		if err != nil {
			t.Fatal(err)
		}
		bound, sign := math.Inf(1), 1-theta[d]
		probeModel := randomScalar(t, d, seed)
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			c, err := probeModel.Certify(s.X)
			if err != nil {
				t.Fatal(err)
			}
			excess := c.Excess
			if excess > bound*(1+1e-12)+1e-30 { // W has 16 digits
				t.Errorf("seed %d, step %d: excess risk %v above the bound %v", seed, s.K, excess, bound)
			}
			if (1-s.X[d])*sign <= 0 {
				t.Errorf("seed %d, step %d: m changed its sign", seed, s.K)
			}
			eta, h := probeModel.SafeStep(s.X)
			agree(t, "safe step", eta, c.SafeStep, 1e-15)
			bound = (1 - 4.0/3*c.LambdaMin*h) * excess
		}
		if r.Step().K != 400 && r.Status() != flow.Converged {
			t.Errorf("seed %d: %v after %d steps", seed, r.Status(), r.Step().K)
		}
	}
}

// Failures: the centre, data and parameters that are not finite, wrong shapes.
func TestScalarFailures(t *testing.T) {
	m := line[float64](t, 1, 2)
	if e := m.EnergyGrad(nil, []float64{1, 1}); !math.IsNaN(e) || !errors.Is(m.Caps().Err(), deq.ErrSingular) {
		t.Errorf("at the centre: E = %v, error %v", e, m.Caps().Err())
	}
	r, err := flow.New(descent.GD(flow.Field[float64](flow.GradientFlow[float64](m))), []float64{0, 1}, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, MaxSteps: 3})
	if err == nil {
		_, err = r.Solve(context.Background())
	}
	if !errors.Is(err, deq.ErrSingular) && !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("run from the centre: %v", err)
	}
	if _, err := m.Certify([]float64{1, 1}); !errors.Is(err, deq.ErrSingular) {
		t.Errorf("certificate of the centre: %v", err)
	}
	if _, err := m.Certify([]float64{math.NaN(), 1}); !errors.Is(err, deq.ErrNotFinite) {
		t.Errorf("certificate of NaN: %v", err)
	}
	two, err := deq.Population(rowsOf[float64]([][]float64{{1}}), rowsOf[float64]([][]float64{{1}, {2}}), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := deq.NewScalar[float64](two); !errors.Is(err, deq.ErrShape) {
		t.Errorf("two outputs: %v", err)
	}
	for _, rule := range []deq.Backward{{Rule: 7}, {Terms: -1}, {Rule: deq.Damped, Damping: 2}, {Rule: deq.Damped, Damping: math.NaN()}} {
		if _, err := m.Field(rule); !errors.Is(err, deq.ErrArgument) {
			t.Errorf("rule %v: %v", rule, err)
		}
	}
	for _, c := range [][5]float64{{0, 1, 1, 1, 1}, {1, math.NaN(), 1, 1, 1}, {1, 1, 1, 1, -1}, {math.Inf(1), 1, 1, 1, 1}} {
		if _, err := deq.ScalarFlow(c[0], c[1], c[2], c[3], c[4]); !errors.Is(err, deq.ErrArgument) {
			t.Errorf("ScalarFlow%v: %v", c, err)
		}
	}
	if _, err := deq.ScalarFlow(1, 1, 1, 0, 1); !errors.Is(err, deq.ErrSingular) {
		t.Errorf("ScalarFlow from the centre: %v", err)
	}
	mustPanic(t, "theta of wrong length", func() { m.EnergyGrad(nil, []float64{1}) })
	mustPanic(t, "nil model", func() { deq.NewSafeRate[float64](nil) })
}

func mustPanic(t testing.TB, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

// Next to the centre a step is long, and the run goes on from there.
func TestScalarStaysFinite(t *testing.T) {
	m := line[float64](t, 1, 2)
	gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), []float64{1e-9, 1 - 1e-9}, 0.1, 100, func(s *flow.Step[float64]) {
		if !kernel.AllFinite(s.X) || math.IsNaN(s.Energy) {
			t.Fatalf("step %d: %v, E = %v", s.K, s.X, s.Energy)
		}
	})
}
