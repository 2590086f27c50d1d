package deq_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
)

// activations by their names in the reference files, and GELU.
func activations() map[string]deq.Activation {
	return map[string]deq.Activation{
		"identity": deq.Identity(), "relu": deq.ReLU(), "leakyrelu0.1": deq.LeakyReLU(0.1), "leakyrelu0.01": deq.LeakyReLU(0.01),
		"tanh": deq.Tanh(), "sigmoid": deq.Sigmoid(), "softplus": deq.Softplus(), "atan": deq.Atan(),
		"gelu": deq.GELU(), "gelu_tanh": deq.GELUTanh(), "weaktanh0.25": deq.WeakTanh(0.25),
	}
}

// The derivatives of the activations against differences, and their bounds.
func TestActivations(t *testing.T) {
	for name, a := range activations() {
		top, least := math.Inf(-1), math.Inf(1)
		for z := -8.0005; z < 8; z += 0.001 {
			const h = 1e-5
			agree(t, name+" D", a.D(z), (a.F(z+h)-a.F(z-h))/(2*h), 1e-8)
			agree(t, name+" D2", a.D2(z), (a.D(z+h)-a.D(z-h))/(2*h), 1e-8)
			top, least = max(top, a.D(z)), min(least, a.D(z))
		}
		if top > a.Lip || a.Lip-top > 1e-3 || least < a.MinSlope || least-a.MinSlope > 2e-2 {
			t.Errorf("%s: slopes in [%v, %v], stated [%v, %v]", name, least, top, a.MinSlope, a.Lip)
		}
		if a.Monotone() != (least >= 0) {
			t.Errorf("%s: Monotone is %t, least slope %v", name, a.Monotone(), least)
		}
	}
	mustPanic(t, "LeakyReLU(2)", func() { deq.LeakyReLU(2) })
	mustPanic(t, "WeakTanh(-2)", func() { deq.WeakTanh(-2) })
}

type indexPoint struct {
	Activation string
	X          [][]float64
	Xi, Theta  []float64
	YTarget    []float64 `json:"y_target"`
	Y          []float64
	Risk       float64
	Grad       []float64
	Secant     [][]float64          `json:"secant_hessian"`
	Eigs       []float64            `json:"secant_eigs"`
	Hessian    [][]float64          `json:"hessian_at_xi"`
	Approx     map[string][]float64 `json:"approx_grads"`
}

type indexRun struct {
	Activation, Grid string
	N                int
	Xi, Theta0       []float64
	Eta              float64
	Method           string
	Trajectory       map[string]indexState
}

type indexState struct {
	Theta      []float64
	Risk, Dist float64
}

func TestSingleIndexPoints(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testIndexPoints[float64](t, 1e-11) })
	t.Run("float32", func(t *testing.T) { testIndexPoints[float32](t, 2e-5) })
}

func testIndexPoints[T flow.Float](t *testing.T, tol float64) {
	var file struct{ Points []indexPoint }
	loadReference(t, "single_index.json", &file)
	for i, c := range file.Points {
		what := func(s string) string { return fmt.Sprintf("point %d (%s): %s", i, c.Activation, s) }
		act := activations()[c.Activation]
		x := rowsOf[T](c.X)
		d := x.Cols
		teacher := &deq.Teacher[T]{W: toT[T](c.Xi[:d]), V: c.Xi[d], Act: act}
		target := make([]T, x.Rows)
		if err := teacher.Targets(target, x); err != nil {
			t.Fatal(err)
		}
		agreeAll(t, what("targets"), target, c.YTarget, tol)
		m, err := deq.NewSingleIndex(act, x, target, deq.SingleIndexOptions{})
		if err != nil {
			t.Fatal(err)
		}
		theta, grad := toT[T](c.Theta), make([]T, d+1)
		agree(t, what("risk"), m.EnergyGrad(grad, theta), c.Risk, tol)
		agreeAll(t, what("gradient"), grad, c.Grad, tol)
		agreeAll(t, what("equilibria"), m.Equilibria(), c.Y, tol)
		h := kernel.NewMatrix[float64](d+1, d+1)
		if err := m.SecantHessian(h, theta, teacher, deq.Backward{}); err != nil {
			t.Fatal(err)
		}
		agreeAll(t, what("secant Hessian"), h.Data, flat[float64](c.Secant), tol)
		cert, err := m.Certify(theta, teacher, deq.Backward{})
		if err != nil {
			t.Fatal(err)
		}
		agreeAll(t, what("eigenvalues"), []float64{cert.SecantMin, cert.SecantMax}, []float64{c.Eigs[0], c.Eigs[d]}, tol)
		if err := m.SecantHessian(h, toT[T](c.Xi), teacher, deq.Backward{}); err != nil {
			t.Fatal(err)
		}
		agreeAll(t, what("Hessian at the teacher"), h.Data, flat[float64](c.Hessian), tol)
		for name, want := range c.Approx {
			f, err := m.Field(ruleNames[name])
			if err != nil {
				t.Fatal(err)
			}
			f.Eval(grad, theta, 0)
			kernel.Scal(-1, grad)
			agreeAll(t, what(name), grad, want, tol)
		}
	}
}

func TestSingleIndexRuns(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testIndexRuns[float64](t, 1e-9) })
	t.Run("float32", func(t *testing.T) { testIndexRuns[float32](t, 2e-3) })
}

func testIndexRuns[T flow.Float](t *testing.T, tol float64) {
	var file struct {
		Runs []indexRun `json:"gd_runs"`
	}
	loadReference(t, "single_index.json", &file)
	for i, c := range file.Runs {
		x := kernel.NewMatrix[T](c.N, 1)
		for k := range x.Data {
			v := (float64(k) + 0.5) / float64(c.N)
			if c.Activation == "tanh" {
				v = 4*v - 2
			}
			x.Data[k] = T(v)
		}
		followRun(t, fmt.Sprintf("run %d (%s, %s)", i, c.Activation, c.Method), activations()[c.Activation], x, c, tol)
	}
}

// followRun compares a run of gradient descent with the reference. While the theory
// says so the distance to the teacher must not grow.
func followRun[T flow.Float](t *testing.T, what string, act deq.Activation, x kernel.Matrix[T], c indexRun, tol float64) {
	t.Helper()
	d := x.Cols
	teacher := &deq.Teacher[T]{W: toT[T](c.Xi[:d]), V: c.Xi[d], Act: act}
	target := make([]T, x.Rows)
	if err := teacher.Targets(target, x); err != nil {
		t.Fatal(err)
	}
	m, err := deq.NewSingleIndex(act, x, target, deq.SingleIndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Field(ruleNames[c.Method])
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for k := range c.Trajectory {
		n, err := strconv.Atoi(k)
		if err != nil {
			t.Fatal(err)
		}
		steps = max(steps, n)
	}
	last := math.Inf(1)
	gdPath(t, flow.Field[T](f), toT[T](c.Theta0), c.Eta, steps, func(s *flow.Step[T]) {
		dist := 0.0
		for i, v := range s.X {
			dist = math.Hypot(dist, float64(v)-c.Xi[i])
		}
		if tol < 1e-6 && dist > last*(1+1e-14) {
			t.Errorf("%s: the distance to the teacher grows in update %d, from %v to %v", what, s.K, last, dist)
		}
		last = dist
		if want, ok := c.Trajectory[strconv.Itoa(s.K)]; ok {
			at := fmt.Sprintf("%s: update %d", what, s.K)
			agreeAll(t, at, s.X, want.Theta, tol)
			agree(t, at+" risk", s.Energy, want.Risk, tol)
			agree(t, at+" distance", dist, want.Dist, tol)
		}
	})
}

// The paper's sigmoid runs, near and far start.
func TestPaperSigmoid(t *testing.T) {
	var file struct {
		X, Xi []float64
		Runs  map[string]struct {
			Theta0     []float64
			Eta        float64
			Trajectory map[string]indexState
			Published  []float64 `json:"published_theta_4000"`
		}
	}
	loadReference(t, "paper_sigmoid.json", &file)
	for name, run := range file.Runs {
		run.Trajectory["4000"] = indexState{run.Published, run.Trajectory["4000"].Risk, run.Trajectory["4000"].Dist}
		followRun(t, name, deq.Sigmoid(), kernel.MatrixOf(len(file.X), 1, file.X),
			indexRun{Xi: file.Xi, Theta0: run.Theta0, Eta: run.Eta, Method: "exact", Trajectory: run.Trajectory}, 1e-9)
	}
}

// randomIndex returns a model, a start and its teacher, with both well posed.
func randomIndex(t testing.TB, act deq.Activation, d int, xiv, v float64, seed uint64) (*deq.SingleIndex[float64], []float64, *deq.Teacher[float64]) {
	t.Helper()
	r := randomSource(seed)
	const samples = 40
	x := kernel.MatrixOf(samples, d, gauss[float64](r, samples*d, 1))
	teacher := &deq.Teacher[float64]{W: gauss[float64](r, d, 1), V: xiv, Act: act}
	target := make([]float64, samples)
	if err := teacher.Targets(target, x); err != nil {
		t.Fatal(err)
	}
	m, err := deq.NewSingleIndex(act, x, target, deq.SingleIndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m, append(gauss[float64](r, d, 1), v), teacher
}

// Identities at random points for all activations and rules: equilibria, gradients,
// Hessian products, the secant identity, definiteness, the safe step.
func TestSingleIndexIdentities(t *testing.T) {
	seed := uint64(0)
	for _, name := range slices.Sorted(maps.Keys(activations())) {
		act := activations()[name]
		for _, v := range []float64{-30, -1.3, 0, 0.6} {
			for _, xiv := range []float64{-2, 0, 0.4} {
				seed++
				v, xiv := v/act.Lip, xiv/act.Lip
				if act.MinSlope < 0 { // then vσ' < 1 bounds v from below
					v = max(v, 0.7/act.MinSlope)
				}
				m, theta, teacher := randomIndex(t, act, 3, xiv, v, seed)
				what := fmt.Sprintf("%s, v = %.2f, ξ_v = %.2f", name, v, xiv)
				indexIdentities(t, what, act, m, theta, teacher)
			}
		}
	}
}

func indexIdentities(t *testing.T, what string, act deq.Activation, m *deq.SingleIndex[float64], theta []float64, teacher *deq.Teacher[float64]) {
	t.Helper()
	grad := make([]float64, m.Dim())
	m.EnergyGrad(grad, theta)
	check, err := probe.CheckGradient[float64](m, theta, probe.CheckOptions{})
	if err != nil || !check.OK {
		t.Errorf("%s: %v %v", what, check, err)
	}
	hessianCheck(t, m, theta, []float64{0.5, -1, 0.7, 0.3}, 1e-6)
	size := 1 + kernel.Nrm2(grad)
	for rule, b := range ruleNames {
		c, err := m.Certify(theta, teacher, b)
		if err != nil {
			t.Fatal(err)
		}
		if c.Residual > 1e-12*size*(1+math.Pow(math.Abs(theta[3]), float64(max(b.Terms, 1)))) {
			t.Errorf("%s, %s: |H(θ-ξ) - gradient| = %v", what, rule, c.Residual)
		}
		if c.PSD && c.SecantMin < -1e-13*(1+c.SecantMax) {
			t.Errorf("%s, %s: H has the eigenvalue %v", what, rule, c.SecantMin)
		}
		if rule == "exact" && act.Monotone() && c.SafeStep > c.StepLimit {
			t.Errorf("%s: safe step %v above %v", what, c.SafeStep, c.StepLimit)
		}
		if c.PSD != (act.Monotone() && (rule == "exact" || c.PSD)) {
			t.Errorf("%s, %s: PSD is %t", what, rule, c.PSD)
		}
		f, err := m.Field(b)
		if err != nil {
			t.Fatal(err)
		}
		checkSlope(t, what+", "+rule, f, theta)
	}
}

// Equilibria solve their equation to rounding, from any start, also for very negative
// v, where Newton's method alone cycles.
func TestEquilibria(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testEquilibria[float64](t, 0x1p-52) })
	t.Run("float32", func(t *testing.T) { testEquilibria[float32](t, 0x1p-23) })
}

func testEquilibria[T flow.Float](t *testing.T, unit float64) {
	const samples = 700 // more than two blocks
	r := randomSource(17)
	x := kernel.MatrixOf(samples, 2, gauss[T](r, 2*samples, 1))
	for _, name := range slices.Sorted(maps.Keys(activations())) {
		act := activations()[name]
		m, err := deq.NewSingleIndex(act, x, make([]T, samples), deq.SingleIndexOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 30 { // each one starts at the equilibria of the one before
			v := (1 - math.Exp(4*r.NormFloat64())) / act.Lip
			if act.MinSlope < 0 {
				v = max(v, 0.9/act.MinSlope)
			}
			theta := append(gauss[T](r, 2, math.Exp(2*r.NormFloat64())), T(v))
			if e := m.EnergyGrad(nil, theta); math.IsNaN(e) {
				t.Fatalf("%s at %v: %v", name, theta, m.Caps().Err())
			}
			for i, y := range m.Equilibria() {
				p := float64(theta[0])*float64(x.At(i, 0)) + float64(theta[1])*float64(x.At(i, 1))
				vy := float64(theta[2]) * float64(y)
				rounding := math.Abs(float64(y)) + act.Lip*(math.Abs(p)+math.Abs(vy)+math.Abs(float64(theta[0])*float64(x.At(i, 0))))
				if res := math.Abs(float64(y) - act.F(p+vy)); res > 8*unit*rounding {
					t.Errorf("%s at %v: residual %v of sample %d (y = %v), want at most %v", name, theta, res, i, y, 8*unit*rounding)
				}
			}
		}
	}
}

// The rate: at every step at most the contraction of the secant Hessian, in the end
// 1 - η λ_min of the Hessian at the teacher.
func TestSingleIndexRate(t *testing.T) {
	for _, xiv := range []float64{0, 0.3, -1} {
		m, theta, teacher := randomIndex(t, deq.Tanh(), 2, xiv, 0.2, 5)
		other, _, _ := randomIndex(t, deq.Tanh(), 2, xiv, 0.2, 5)
		const eta = 0.3
		for i, w := range append(teacher.W[:2:2], teacher.V) { // near the teacher
			theta[i] = w + 0.01*(theta[i]-w)
		}
		factor, last, ratio := math.Inf(1), math.Inf(1), 0.0
		var end deq.SingleIndexCertificate
		gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), theta, eta, 3000, func(s *flow.Step[float64]) {
			c, err := other.Certify(s.X, teacher, deq.Backward{})
			if err != nil {
				t.Fatal(err)
			}
			if c.Distance < 1e-8 {
				return // rounding
			}
			if c.Distance > factor*last*(1+1e-12)+1e-15 {
				t.Errorf("ξ_v = %v, step %d: distance %v, want at most %v times %v", xiv, s.K, c.Distance, factor, last)
			}
			ratio, end = c.Distance/last, c
			factor, last = c.Contraction(eta), c.Distance
		})
		if end.Distance > 0.05 || math.Abs(ratio-(1-eta*end.HessianMin)) > 1e-4 {
			t.Errorf("ξ_v = %v: ratio %v at the distance %v, want %v", xiv, ratio, end.Distance, 1-eta*end.HessianMin)
		}
	}
}

// GELU is not monotone: the certificate says that its theory gives no definiteness.
func TestGELUCertificate(t *testing.T) {
	m, theta, teacher := randomIndex(t, deq.GELU(), 2, 0, 0.2, 3)
	c, err := m.Certify(theta, teacher, deq.Backward{})
	if err != nil || c.Monotone || c.PSD {
		t.Errorf("GELU: %+v, %v", c, err)
	}
	// Even numbers of terms lose definiteness for vs < -1, odd ones do not.
	m, theta, teacher = randomIndex(t, deq.Tanh(), 2, 0, -4, 3)
	two, err := m.Certify(theta, teacher, deq.Backward{Rule: deq.Neumann, Terms: 2})
	if err != nil || two.PSD {
		t.Errorf("two terms at v = -4: PSD %t, %v", two.PSD, err)
	}
	three, err := m.Certify(theta, teacher, deq.Backward{Rule: deq.Neumann, Terms: 3})
	if err != nil || !three.PSD {
		t.Errorf("three terms at v = -4: PSD %t, %v", three.PSD, err)
	}
}

// The invariant of ReLU and identity along the flow, and a dead ReLU that stays dead.
func TestReLUSphere(t *testing.T) {
	for _, act := range []deq.Activation{deq.ReLU(), deq.Identity()} {
		m, theta, _ := randomIndex(t, act, 3, 0, 0.3, 2)
		drift, err := probe.DriftOf[float64](m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := flow.Solve(context.Background(), flow.Field[float64](flow.GradientFlow[float64](m)), theta, flow.Options[float64]{T1: 2, RelTol: 1e-10, AbsTol: 1e-12, Recorder: drift}); err != nil {
			t.Fatal(err)
		}
		if s := drift.Stats()[0]; s.Max > 1e-7 {
			t.Errorf("%s: |w|²+(1-v)² drifts by %v", act.Name, s.Max)
		}
	}
	if len(flow.CapsOf[float64](func() any { m, _, _ := randomIndex(t, deq.Tanh(), 1, 0, 0, 1); return m }()).Invariants) != 0 {
		t.Error("tanh states an invariant")
	}
}

func TestDeadReLU(t *testing.T) {
	x := rowsOf[float64]([][]float64{{1}, {2}, {0.5}})
	m, err := deq.NewSingleIndex(deq.ReLU(), x, []float64{2, 4, 1}, deq.SingleIndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), []float64{-1e-18, 0.2}, 0.1, 1000, func(s *flow.Step[float64]) {
		if s.X[0] != -1e-18 || s.X[1] != 0.2 {
			t.Fatalf("step %d: the dead unit moved to %v", s.K, s.X)
		}
	})
}

// A step that crosses vσ' = 1 is not applied: the run ends with the last good θ.
func TestGuard(t *testing.T) {
	x := rowsOf[float64]([][]float64{{1}, {2}})
	m, err := deq.NewSingleIndex(deq.Tanh(), x, []float64{5, 5}, deq.SingleIndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := flow.New(descent.GD(flow.Field[float64](flow.GradientFlow[float64](m))), []float64{0.5, 0.3}, flow.Options[float64]{Controller: flow.Fixed{H: 0.05}, MaxSteps: 1000})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Solve(context.Background())
	if !errors.Is(err, deq.ErrIllPosed) || r.Status() != flow.FieldError {
		t.Fatalf("the run ends with %v, %v", r.Status(), err)
	}
	if s := r.Step(); s.K == 0 || !(s.X[1] < 1) || math.IsNaN(s.Energy) {
		t.Errorf("last good step %d at %v with E = %v", s.K, s.X, s.Energy)
	}
}

// AllowNonUnique finds the root nearest to the start.
func TestNonUnique(t *testing.T) {
	x := rowsOf[float64]([][]float64{{0.05}})
	m, err := deq.NewSingleIndex(deq.Tanh(), x, []float64{0}, deq.SingleIndexOptions{AllowNonUnique: true})
	if err != nil {
		t.Fatal(err)
	}
	// Roots of y = tanh(0.05 + 2y), from a scan.
	var roots []float64
	f := func(y float64) float64 { return y - math.Tanh(0.05+2*y) }
	for y := -1.2; y < 1.2; y += 1e-6 {
		if (f(y) > 0) != (f(y+1e-6) > 0) {
			roots = append(roots, y)
		}
	}
	if len(roots) != 3 {
		t.Fatalf("%d roots", len(roots))
	}
	if m.EnergyGrad(nil, []float64{1, 2}); m.Unique() {
		t.Error("v = 2 is called unique")
	}
	agree(t, "root nearest to 0", m.Equilibria()[0], roots[1], 2e-6)
	m.EnergyGrad(nil, []float64{20, 0.5}) // moves the start near 1
	if !m.Unique() {
		t.Error("v = 0.5 is not called unique")
	}
	m.EnergyGrad(nil, []float64{1, 2})
	agree(t, "root nearest to 1", m.Equilibria()[0], roots[2], 2e-6)
	// A rectifier with v > 1 may have no equilibrium.
	m, err = deq.NewSingleIndex(deq.ReLU(), x, []float64{0}, deq.SingleIndexOptions{AllowNonUnique: true})
	if err != nil {
		t.Fatal(err)
	}
	if e := m.EnergyGrad(nil, []float64{1, 2}); !math.IsNaN(e) || !errors.Is(m.Caps().Err(), deq.ErrIllPosed) {
		t.Errorf("no equilibrium: E = %v, error %v", e, m.Caps().Err())
	}
}

// With Cold, values depend on θ alone.
func TestCold(t *testing.T) {
	r := randomSource(4)
	x := kernel.MatrixOf(50, 2, gauss[float64](r, 100, 1))
	m, err := deq.NewSingleIndex(deq.Tanh(), x, make([]float64, 50), deq.SingleIndexOptions{Cold: true})
	if err != nil {
		t.Fatal(err)
	}
	theta, grad, again := []float64{0.3, 0.7, 0.4}, make([]float64, 3), make([]float64, 3)
	e := m.EnergyGrad(grad, theta)
	m.EnergyGrad(nil, []float64{-5, 3, -8})
	if e != m.EnergyGrad(again, theta) || grad[0] != again[0] || grad[1] != again[1] || grad[2] != again[2] {
		t.Errorf("gradient %v, then %v", grad, again)
	}
}

func TestSingleIndexFailures(t *testing.T) {
	x := rowsOf[float64]([][]float64{{1}, {2}})
	y := []float64{1, 2}
	broken := deq.Tanh()
	broken.D2 = nil
	slope := deq.Tanh()
	slope.Lip = math.NaN()
	for _, c := range []struct {
		act  deq.Activation
		x    kernel.Matrix[float64]
		y    []float64
		o    deq.SingleIndexOptions
		want error
	}{
		{broken, x, y, deq.SingleIndexOptions{}, deq.ErrArgument},
		{slope, x, y, deq.SingleIndexOptions{}, deq.ErrArgument},
		{deq.Tanh(), x, y[:1], deq.SingleIndexOptions{}, deq.ErrShape},
		{deq.Tanh(), kernel.NewMatrix[float64](0, 1), nil, deq.SingleIndexOptions{}, deq.ErrEmpty},
		{deq.Tanh(), x, []float64{1, math.NaN()}, deq.SingleIndexOptions{}, deq.ErrNotFinite},
		{deq.Tanh(), rowsOf[float64]([][]float64{{1}, {math.Inf(-1)}}), y, deq.SingleIndexOptions{}, deq.ErrNotFinite},
		{deq.Tanh(), x, y, deq.SingleIndexOptions{AbsTol: -1}, deq.ErrArgument},
	} {
		if _, err := deq.NewSingleIndex(c.act, c.x, c.y, c.o); !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
	m, err := deq.NewSingleIndex(deq.Tanh(), x, y, deq.SingleIndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := &deq.Teacher[float64]{W: []float64{1}, Act: deq.Tanh()}
	for _, c := range []struct {
		theta   []float64
		teacher *deq.Teacher[float64]
		rule    deq.Backward
		want    error
	}{
		{[]float64{1, 2}, good, deq.Backward{}, deq.ErrIllPosed},
		{[]float64{1, math.NaN()}, good, deq.Backward{}, deq.ErrNotFinite},
		{[]float64{1, 0}, nil, deq.Backward{}, deq.ErrArgument},
		{[]float64{1, 0}, good, deq.Backward{Rule: 9}, deq.ErrArgument},
		{[]float64{1, 0}, &deq.Teacher[float64]{W: []float64{1, 2}, Act: deq.Tanh()}, deq.Backward{}, deq.ErrShape},
		{[]float64{1, 0}, &deq.Teacher[float64]{W: []float64{1}, V: 1, Act: deq.Tanh()}, deq.Backward{}, deq.ErrIllPosed},
		{[]float64{1, 0}, &deq.Teacher[float64]{W: []float64{1}, Act: deq.Sigmoid()}, deq.Backward{}, deq.ErrArgument},
	} {
		if _, err := m.Certify(c.theta, c.teacher, c.rule); !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
	if err := m.Predict(nil, []float64{1, 0}, kernel.NewMatrix[float64](0, 1)); err != nil {
		t.Errorf("prediction for no samples: %v", err)
	}
	if err := m.Predict(nil, []float64{1, 0}, x); !errors.Is(err, deq.ErrShape) {
		t.Errorf("prediction of wrong length: %v", err)
	}
	if _, err := m.Field(deq.Backward{Terms: -2}); !errors.Is(err, deq.ErrArgument) {
		t.Errorf("rule with -2 terms: %v", err)
	}
	if e := m.EnergyGrad(make([]float64, 2), []float64{math.NaN(), 0}); !math.IsNaN(e) || m.Caps().Err() != nil {
		t.Errorf("NaN parameters: E = %v, error %v", e, m.Caps().Err())
	}
	mustPanic(t, "theta of wrong length", func() { m.EnergyGrad(nil, []float64{1}) })
}
