package deq_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
)

type matrixCase struct {
	N, D   int
	X, Y   [][]float64
	A0, B0 [][]float64
	Risk0  float64
	W0     [][]float64
	GradA  [][]float64 `json:"grad_A"`
	GradB  [][]float64 `json:"grad_B"`
	K0     [][]float64
	WLS    [][]float64 `json:"W_ls"`
	RiskLS float64     `json:"risk_ls"`
	Sigma  []float64   `json:"sigma_eigs"`
	K      []float64   `json:"K_eigs"`
	PLRate float64     `json:"pl_rate"`
	Flow   []struct {
		T    float64
		A, B [][]float64
		Risk float64
	}
	Approx map[string]struct {
		GradA [][]float64 `json:"grad_A"`
		GradB [][]float64 `json:"grad_B"`
	} `json:"approx_grads"`
	GD struct {
		Eta   float64
		Steps map[string]struct {
			A, B, K [][]float64
			Risk    float64
		}
	}
	EtaSafe float64 `json:"eta_safe"`
}

func matrixCases(t testing.TB) []matrixCase {
	var f struct{ Cases []matrixCase }
	loadReference(t, "linear_matrix.json", &f)
	return f.Cases
}

// newLinear returns the model of a case.
func newLinear[T flow.Float](t testing.TB, c *matrixCase) *deq.Linear[T] {
	t.Helper()
	data, err := deq.NewLinearData(rowsOf[T](c.X), rowsOf[T](c.Y))
	if err != nil {
		t.Fatal(err)
	}
	return deq.NewLinear[T](data)
}

func TestLinearReference(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testLinearReference[float64](t, 1e-10, 1e-12) })
	t.Run("float32", func(t *testing.T) { testLinearReference[float32](t, 1e-4, 1e-6) })
}

func testLinearReference[T flow.Float](t *testing.T, tol, rtol float64) {
	for i, c := range matrixCases(t) {
		m := newLinear[T](t, &c)
		theta := flat[T](c.A0, c.B0)
		grad := make([]T, m.Dim())
		what := func(s string) string { return fmt.Sprintf("case %d: %s", i, s) }
		agree(t, what("risk"), m.EnergyGrad(grad, theta), c.Risk0, tol)
		agreeAll(t, what("gradient"), grad, flat[float64](c.GradA, c.GradB), tol)
		agreeAll(t, what("K"), m.Conserved(kernel.NewMatrix[float64](c.N, c.N), theta).Data, flat[float64](c.K0), tol)

		for name, want := range c.Approx {
			f, err := m.Field(ruleNames[name])
			if err != nil {
				t.Fatal(err)
			}
			f.Eval(grad, theta, 0)
			kernel.Scal(-1, grad)
			agreeAll(t, what(name), grad, flat[float64](want.GradA, want.GradB), tol)
		}
		gdPath(t, flow.Field[T](flow.GradientFlow[T](m)), theta, c.GD.Eta, 100, func(s *flow.Step[T]) {
			want, ok := c.GD.Steps[strconv.Itoa(s.K)]
			if !ok {
				return
			}
			agreeAll(t, what(fmt.Sprint("update ", s.K)), s.X, flat[float64](want.A, want.B), tol)
			agree(t, what("risk"), s.Energy, want.Risk, tol)
			agreeAll(t, what("K"), m.Conserved(kernel.NewMatrix[float64](c.N, c.N), s.X).Data, flat[float64](want.K), tol)
		})
		for _, want := range c.Flow {
			sol, err := flow.Solve(context.Background(), flow.Field[T](flow.GradientFlow[T](m)), theta, flow.Options[T]{T1: want.T, RelTol: rtol, AbsTol: rtol})
			if err != nil {
				t.Fatal(err)
			}
			agreeAll(t, what(fmt.Sprint("flow at ", want.T)), sol.X, flat[float64](want.A, want.B), tol)
		}
	}
}

// The certificate against the reference, and for n = 1 the same as the scalar's.
func TestLinearCertificate(t *testing.T) {
	for i, c := range matrixCases(t) {
		m := newLinear[float64](t, &c)
		theta := flat[float64](c.A0, c.B0)
		got, err := m.Certify(theta)
		if err != nil {
			t.Fatal(err)
		}
		what := func(s string) string { return fmt.Sprintf("case %d: %s", i, s) }
		agree(t, what("risk"), got.Risk, c.Risk0, 1e-10)
		agree(t, what("least risk"), got.RiskLS, c.RiskLS, 1e-13)
		agreeAll(t, what("eigenvalues"), []float64{got.LambdaMin, got.LambdaMax, got.KMin, got.KMax}, []float64{c.Sigma[0], c.Sigma[1], c.K[0], c.K[1]}, 1e-12)
		agree(t, what("PL rate"), got.PLRate, c.PLRate, 1e-12)
		if rel := math.Abs(got.GlobalStep/c.EtaSafe - 1); rel > 1e-10 {
			t.Errorf("%s %v, want %v", what("a-priori step"), got.GlobalStep, c.EtaSafe)
		}
		x, y := rowsOf[float64](c.X), rowsOf[float64](c.Y)
		data, err := deq.NewLinearData(x, y)
		if err != nil {
			t.Fatal(err)
		}
		agreeAll(t, what("W_LS"), data.LeastSquares().Data, flat[float64](c.WLS), 1e-11)
		if c.N > 1 {
			continue
		}
		s, err := deq.NewScalar[float64](data)
		if err != nil {
			t.Fatal(err)
		}
		other, err := s.Certify(append(flat[float64](c.B0), c.A0[0][0]))
		if err != nil {
			t.Fatal(err)
		}
		agreeAll(t, what("scalar certificate"),
			[]float64{other.Risk, other.Radius, other.SigmaMin, other.SigmaMinBound, other.Norm, other.NormBound, other.GlobalStep, other.GlobalFactor, other.SpectralRadius, other.Monotone},
			[]float64{got.Risk, got.Radius, got.SigmaMin, got.SigmaMinBound, got.Norm, got.NormBound, got.GlobalStep, got.GlobalFactor, got.SpectralRadius, got.Monotone}, 1e-12)
		if !(other.SafeStep >= other.GlobalStep) {
			t.Errorf("%s: per-step %v below a-priori %v", what("steps"), other.SafeStep, other.GlobalStep)
		}
	}
}

// randomLinear returns the model for random samples, and a start with M near I.
func randomLinear(t testing.TB, n, d int, seed uint64) (*deq.Linear[float64], []float64) {
	t.Helper()
	r := randomSource(seed)
	const samples = 12
	data, err := deq.NewLinearData(
		kernel.MatrixOf(samples, d, gauss[float64](r, samples*d, 1)), kernel.MatrixOf(samples, n, gauss[float64](r, samples*n, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return deq.NewLinear[float64](data), gauss[float64](r, n*(n+d), 0.3/math.Sqrt(float64(n)))
}

// Identities at random points: gradients, Hessian products, the Noether identity,
// the bounds of the certificate, PL.
func TestLinearIdentities(t *testing.T) {
	for seed := range uint64(20) {
		n, d := 1+int(seed)%4, 1+int(seed)%5
		m, theta := randomLinear(t, n, d, seed)
		r := randomSource(100 + seed)
		check, err := probe.CheckGradient[float64](m, theta, probe.CheckOptions{})
		if err != nil || !check.OK {
			t.Errorf("seed %d: %v %v", seed, check, err)
		}
		hessianCheck(t, m, theta, gauss[float64](r, m.Dim(), 1), 1e-6)
		for name, rule := range ruleNames {
			f, err := m.Field(rule)
			if err != nil {
				t.Fatal(err)
			}
			checkSlope(t, name, f, theta)
			noether(t, m, f, theta)
		}
		grad := make([]float64, m.Dim())
		m.EnergyGrad(grad, theta)
		c, err := m.Certify(theta)
		if err != nil {
			t.Fatal(err)
		}
		if pl := c.PLRate * (c.Risk - c.RiskLS); kernel.SumSq(grad) < pl*(1-1e-12) {
			t.Errorf("seed %d: |∇R|² = %v below the PL bound %v", seed, kernel.SumSq(grad), pl)
		}
		if c.SigmaMin < c.SigmaMinBound*(1-1e-12) || c.SigmaMax > c.SigmaMaxBound*(1+1e-12) || c.Norm > c.NormBound*(1+1e-12) {
			t.Errorf("seed %d: bounds broken in %+v", seed, c)
		}
	}
}

// noether checks grad_M Mᵀ + grad_B Bᵀ = 0 for the field of a rule.
func noether(t *testing.T, m *deq.Linear[float64], f flow.Field[float64], theta []float64) {
	t.Helper()
	dir := make([]float64, m.Dim())
	f.Eval(dir, theta, 0)
	a, b := m.Weights(theta)
	ga, gb := m.Weights(dir)
	n := a.Rows
	mm := kernel.NewMatrix[float64](n, n)
	for i := range n {
		for j := range n {
			mm.Set(i, j, -a.At(i, j))
		}
		mm.Set(i, i, 1-a.At(i, i))
	}
	sum := kernel.NewMatrix[float64](n, n)
	kernel.GemmNT(sum, -1, ga, mm, 0)
	kernel.GemmNT(sum, 1, gb, b, 1)
	if got, scale := kernel.MaxAbs(sum.Data), kernel.Nrm2(dir)*math.Sqrt(kernel.SumSq(mm.Data)+kernel.SumSq(b.Data)); got > 1e-13*scale {
		t.Errorf("Noether identity is off by %v, scale %v", got, scale)
	}
}

// K grows by η² times the Gram matrices of the step, exactly, for every rule and
// every batch (here: other data at every second step).
func TestLinearPythagoras(t *testing.T) {
	for name, rule := range ruleNames {
		m0, theta := randomLinear(t, 3, 4, 1)
		m1, _ := randomLinear(t, 3, 4, 2)
		var fields [2]flow.EnergyField[float64]
		for i, m := range []*deq.Linear[float64]{m0, m1} {
			f, err := m.Field(rule)
			if err != nil {
				t.Fatal(err)
			}
			fields[i] = f
		}
		const eta = 0.01
		dir, want := make([]float64, m0.Dim()), kernel.NewMatrix[float64](3, 3)
		sgd := flow.MapFunc(m0.Dim(), func(dst, x []float64, k int) error {
			fields[k%2].Eval(dir, x, 0)
			m0.Conserved(want, x)
			da, db := m0.Weights(dir)
			kernel.Syrk(want, eta*eta, da, 1)
			kernel.Syrk(want, eta*eta, db, 1)
			kernel.AxpyTo(dst, eta, dir, x)
			return nil
		})
		r, err := flow.New(sgd, theta, flow.Options[float64]{MaxSteps: 100})
		if err != nil {
			t.Fatal(err)
		}
		got := kernel.NewMatrix[float64](3, 3)
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if s.K > 0 {
				agreeAll(t, name, m0.Conserved(got, s.X).Data, want.Data, 1e-12)
			}
		}
	}
}

// K along the flow: to the tolerance of an adaptive integrator, and with fourth
// order for the classical Runge-Kutta method.
func TestLinearConservation(t *testing.T) {
	m, theta := randomLinear(t, 3, 5, 7)
	drift, err := probe.DriftOf[float64](m)
	if err != nil {
		t.Fatal(err)
	}
	f := flow.GradientFlow[float64](m)
	if _, err := flow.Solve(context.Background(), flow.Field[float64](f), theta, flow.Options[float64]{T1: 3, RelTol: 1e-10, AbsTol: 1e-12, Recorder: drift}); err != nil {
		t.Fatal(err)
	}
	stats := drift.Stats()
	if len(stats) != 7 {
		t.Fatalf("%d invariants, want tr K and 6 elements", len(stats))
	}
	for _, s := range stats {
		if s.Max > 1e-8*(1+stats[0].Start) {
			t.Errorf("%s drifts by %v", s.Name, s.Max)
		}
	}
	err4 := func(h float64) float64 {
		drift.Reset()
		_, err := flow.Solve(context.Background(), flow.Field[float64](f), theta, flow.Options[float64]{Method: flow.RK4, Controller: flow.Fixed{H: h}, T1: 0.5, Recorder: drift})
		if err != nil {
			t.Fatal(err)
		}
		return drift.Stats()[0].Max
	}
	if order := math.Log2(err4(0.02) / err4(0.01)); order < 3.7 {
		t.Errorf("drift of RK4 decays with order %.2f, want at least 3.7", order)
	}
}

// A step of gradient descent moves the predictor by -(I + ηQGWᵀ)⁻¹ ηQG(I+WᵀW), Q =
// (MᵀM)⁻¹, the identity behind the theorem; checked as (I + ηQGWᵀ)(W'-W) = -ηQG(I+WᵀW)
// times MᵀM from the left.
func TestLinearStepIdentity(t *testing.T) {
	const n, d, eta = 3, 4, 0.02
	m, theta := randomLinear(t, n, d, 9)
	predictor := func(theta []float64) kernel.Matrix[float64] {
		eye, z := kernel.NewMatrix[float64](d, d), kernel.NewMatrix[float64](d, n)
		for i := range d {
			eye.Set(i, i, 1)
		}
		if err := m.Predict(z, theta, eye); err != nil {
			t.Fatal(err)
		}
		w := kernel.NewMatrix[float64](n, d)
		for i := range n {
			for j := range d {
				w.Set(i, j, z.At(j, i))
			}
		}
		return w
	}
	grad, next := make([]float64, m.Dim()), make([]float64, m.Dim())
	m.EnergyGrad(grad, theta)
	kernel.AxpyTo(next, -eta, grad, theta)
	w, w1 := predictor(theta), predictor(next)
	diff := kernel.NewMatrix[float64](n, d)
	kernel.SubTo(diff.Data, w1.Data, w.Data)
	a, _ := m.Weights(theta)
	ga, gb := m.Weights(grad)
	// G = Mᵀ grad_B; the left side is Mᵀ(M + η grad_B Wᵀ)(W'-W) and grad_A = grad_B Wᵀ.
	left, lhs, rhs := kernel.NewMatrix[float64](n, n), kernel.NewMatrix[float64](n, d), kernel.NewMatrix[float64](n, d)
	for i := range n {
		for j := range n {
			left.Set(i, j, eta*ga.At(i, j)-a.At(i, j))
		}
		left.Set(i, i, 1+left.At(i, i))
	}
	kernel.Gemm(lhs, 1, left, diff, 0)
	copy(rhs.Data, gb.Data)
	kernel.Gemm(rhs, 1, ga, w, 1)
	kernel.Scal(-eta, rhs.Data)
	agreeAll(t, "step identity", lhs.Data, rhs.Data, 1e-10)
}

// The theorem's contraction holds at every step at the a-priori learning rate, and K
// stays below its bound.
func TestLinearGlobalStep(t *testing.T) {
	for seed := range uint64(6) {
		n := 1 + int(seed)%3
		m, theta := randomLinear(t, n, 3, 40+seed)
		start, err := m.Certify(theta)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := randomLinear(t, n, 3, 40+seed)
		bound := math.Inf(1)
		gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), theta, start.GlobalStep, 300, func(s *flow.Step[float64]) {
			c, err := other.Certify(s.X)
			if err != nil {
				t.Fatal(err)
			}
			excess := c.Excess
			if excess > bound*(1+1e-12)+1e-30 { // W has 16 digits
				t.Errorf("seed %d, step %d: excess %v above %v", seed, s.K, excess, bound)
			}
			if c.KMax > start.KBound*(1+1e-12) || c.KMin < start.KMin*(1-1e-12) {
				t.Errorf("seed %d, step %d: K in [%v, %v], want in [%v, %v]", seed, s.K, c.KMin, c.KMax, start.KMin, start.KBound)
			}
			if c.SigmaMin < start.SigmaMinBound*(1-1e-12) || c.Norm > start.NormBound*(1+1e-12) {
				t.Errorf("seed %d, step %d: conditioning %v below %v", seed, s.K, c.SigmaMin, start.SigmaMinBound)
			}
			bound = start.Contraction(start.GlobalStep) * excess
		})
		if !math.IsNaN(start.Contraction(2 * start.GlobalStep)) {
			t.Error("a contraction is promised beyond the a-priori step")
		}
	}
}

func TestLinearFailures(t *testing.T) {
	x, y := rowsOf[float64]([][]float64{{1, 2}, {0, 1}}), rowsOf[float64]([][]float64{{1, 1}, {2, 0}})
	data, err := deq.NewLinearData(x, y)
	if err != nil {
		t.Fatal(err)
	}
	m := deq.NewLinear[float64](data)
	singular := []float64{1, 0, 0, 0.5, 1, 1, 1, 1}
	if e := m.EnergyGrad(make([]float64, 8), singular); !math.IsNaN(e) || !errors.Is(m.Caps().Err(), deq.ErrSingular) {
		t.Errorf("singular M: E = %v, error %v", e, m.Caps().Err())
	}
	if _, err := m.Certify(singular); !errors.Is(err, deq.ErrSingular) {
		t.Errorf("certificate with singular M: %v", err)
	}
	near := []float64{1 - 1e-9, 0, 0, 0.5, 1, 1, 1, 1}
	if c, err := m.Certify(near); err != nil || c.RCond > 1e-8 {
		t.Errorf("nearly singular M: rcond %v, error %v", c.RCond, err)
	}
	bad := append([]float64(nil), near...)
	bad[5] = math.Inf(1)
	if _, err := m.Certify(bad); !errors.Is(err, deq.ErrNotFinite) {
		t.Errorf("infinite parameter: %v", err)
	}
	if err := m.Predict(kernel.NewMatrix[float64](0, 2), near, kernel.NewMatrix[float64](0, 2)); err != nil {
		t.Errorf("prediction for no samples: %v", err)
	}
	if err := m.Predict(kernel.NewMatrix[float64](1, 2), near, kernel.NewMatrix[float64](2, 2)); !errors.Is(err, deq.ErrShape) {
		t.Errorf("prediction of wrong shape: %v", err)
	}
	if _, err := m.Field(deq.Backward{Rule: -1}); !errors.Is(err, deq.ErrArgument) {
		t.Errorf("rule -1: %v", err)
	}
	mustPanic(t, "theta of wrong length", func() { m.EnergyGrad(nil, []float64{1}) })
	mustPanic(t, "K of wrong shape", func() { m.Conserved(kernel.NewMatrix[float64](1, 2), near) })
}

func TestLinearDataFailures(t *testing.T) {
	x, y := rowsOf[float64]([][]float64{{1, 2}}), rowsOf[float64]([][]float64{{1}})
	nan := rowsOf[float64]([][]float64{{1, math.NaN()}})
	for _, c := range []struct {
		x, y kernel.Matrix[float64]
		want error
	}{
		{x, rowsOf[float64]([][]float64{{1}, {2}}), deq.ErrShape},
		{kernel.NewMatrix[float64](0, 2), kernel.NewMatrix[float64](0, 1), deq.ErrEmpty},
		{nan, y, deq.ErrNotFinite},
		{x, rowsOf[float64]([][]float64{{math.Inf(1)}}), deq.ErrNotFinite},
		{kernel.NewMatrix[float64](1, 2), y, deq.ErrArgument},
		{kernel.NewMatrix[float64](1, 0), y, deq.ErrShape},
	} {
		if _, err := deq.NewLinearData(c.x, c.y); !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
	for _, c := range []struct {
		s    [][]float64
		risk float64
		want error
	}{
		{[][]float64{{1, 0.5}, {0.4, 1}}, 0, deq.ErrArgument},
		{[][]float64{{1, 2}, {2, 1}}, 0, deq.ErrArgument},
		{[][]float64{{0, 0}, {0, 0}}, 0, deq.ErrArgument},
		{[][]float64{{1, 0}, {0, 1}}, -1, deq.ErrArgument},
		{[][]float64{{1}}, 0, deq.ErrShape},
		{[][]float64{{1, 0}, {0, math.NaN()}}, 0, deq.ErrNotFinite},
	} {
		if _, err := deq.Population(rowsOf[float64](c.s), rowsOf[float64]([][]float64{{1, 1}}), c.risk); !errors.Is(err, c.want) {
			t.Errorf("S = %v: %v, want %v", c.s, err, c.want)
		}
	}
	m, err := deq.NewMoments(1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Add([]float64{1, math.NaN()}, []float64{1}); !errors.Is(err, deq.ErrNotFinite) || m.N() != 0 {
		t.Errorf("NaN taken in: %v, %d samples", err, m.N())
	}
	mustPanic(t, "sample of wrong length", func() { _ = m.Add([]float64{1}, []float64{1}) })
}

// Moments of parts, merged, are those of the whole; and of singular data the claims
// hold on the range of S.
func TestMoments(t *testing.T) {
	r := randomSource(8)
	const samples, d, n = 300, 3, 2
	x, y := kernel.MatrixOf(samples, d, gauss[float64](r, samples*d, 1)), kernel.MatrixOf(samples, n, gauss[float64](r, samples*n, 1))
	whole, err := deq.NewLinearData(x, y)
	if err != nil {
		t.Fatal(err)
	}
	var parts [3]*deq.Moments
	for i := range parts {
		if parts[i], err = deq.NewMoments(n, d); err != nil {
			t.Fatal(err)
		}
	}
	for i := range samples {
		if err := parts[i%3].Add(x.Row(i), y.Row(i)); err != nil {
			t.Fatal(err)
		}
	}
	parts[0].Merge(parts[1])
	parts[0].Merge(parts[2])
	merged, err := parts[0].Data()
	if err != nil {
		t.Fatal(err)
	}
	if merged.N != samples || parts[0].N() != samples {
		t.Errorf("%d and %d samples, want %d", merged.N, parts[0].N(), samples)
	}
	agree(t, "least risk", merged.RiskLS, whole.RiskLS, 1e-13)
	agreeAll(t, "S", merged.Second().Data, whole.Second().Data, 1e-13)
	agreeAll(t, "W_LS", merged.LeastSquares().Data, whole.LeastSquares().Data, 1e-13)
	want := kernel.NewMatrix[float64](d, d)
	kernel.SyrkT(want, 1.0/samples, x, 0)
	agreeAll(t, "S", whole.Second().Data, want.Data, 1e-13)
	rest := kernel.NewMatrix[float64](samples, n)
	copy(rest.Data, y.Data)
	kernel.GemmNT(rest, 1, x, whole.LeastSquares(), -1)
	agree(t, "least risk", whole.RiskLS, kernel.SumSq(rest.Data)/samples, 1e-13)
}

func TestSingularData(t *testing.T) {
	// The third input is the sum of the first two.
	x := rowsOf[float64]([][]float64{{1, 0, 1}, {0, 1, 1}, {1, 1, 2}, {2, -1, 1}})
	y := rowsOf[float64]([][]float64{{1}, {2}, {0}, {1}})
	data, err := deq.NewLinearData(x, y)
	if err != nil {
		t.Fatal(err)
	}
	if data.Rank != 2 {
		t.Fatalf("rank %d, want 2", data.Rank)
	}
	same, err := deq.Population(data.Second(), data.LeastSquares(), data.RiskLS)
	if err != nil {
		t.Fatal(err)
	}
	if same.Rank != 2 {
		t.Fatalf("rank of the population %d, want 2", same.Rank)
	}
	agree(t, "λ_min", same.LambdaMin, data.LambdaMin, 1e-12)
	m, err := deq.NewScalar[float64](data)
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := []float64{1, 1, 2, 0.3}, []float64{1, 1, 0, 0.3}
	c, err := m.Certify(inside)
	if err != nil || !(c.GlobalStep > 0) || math.IsInf(c.NormBound, 0) {
		t.Errorf("w in the range of S: step %v, bound %v, error %v", c.GlobalStep, c.NormBound, err)
	}
	excess := math.Inf(1)
	gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), inside, c.GlobalStep, 500, func(s *flow.Step[float64]) {
		got := s.Energy - c.RiskLS
		if got > excess+1e-15 {
			t.Errorf("step %d: excess %v above %v", s.K, got, excess)
		}
		excess = c.GlobalFactor * got
	})
	c, err = m.Certify(outside)
	if err != nil || c.GlobalStep != 0 || !math.IsInf(c.NormBound, 1) || !(c.SafeStep > 0) {
		t.Errorf("w outside the range of S: %+v, error %v", c, err)
	}
}
