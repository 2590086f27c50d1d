package catapult

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"gonum.org/v1/gonum/mat"
)

// warmupCase is a case of warmup.json.
type warmupCase struct {
	N    float64      `json:"n"`
	Eta  float64      `json:"eta"`
	F0   float64      `json:"f0"`
	Lam0 float64      `json:"lam0"`
	Y    float64      `json:"y"`
	Gam  float64      `json:"gam"`
	Loss string       `json:"loss"`
	Traj [][3]float64 `json:"traj"`
}

func (c warmupCase) config() WarmupConfig {
	cfg := WarmupConfig{N: c.N, Y: c.Y, Decay: c.Gam}
	if c.Loss == "log" {
		cfg.Loss, cfg.Y = Logistic, 1
	}
	return cfg
}

func warmupCases(t testing.TB) []warmupCase {
	var ref struct {
		Cases []warmupCase `json:"cases"`
	}
	readJSON(t, "warmup.json", &ref)
	if len(ref.Cases) != 10 {
		t.Fatalf("%d cases, want 10", len(ref.Cases))
	}
	return ref.Cases
}

func TestWarmupReference(t *testing.T) {
	worst := 0.0
	for i, c := range warmupCases(t) {
		w, err := NewWarmup(c.config(), c.Eta)
		if err != nil {
			t.Fatal(err)
		}
		x0, err := w.Start(c.F0, c.Lam0)
		if err != nil {
			t.Fatal(err)
		}
		last := c.Traj[len(c.Traj)-1][0]
		r, err := flow.New(w.Integrator(), x0, flow.Options[float64]{MaxSteps: int(last), Bound: math.Inf(1)})
		if err != nil {
			t.Fatal(err)
		}
		rows := c.Traj
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if float64(s.K) != rows[0][0] {
				continue
			}
			// f passes through zero and decays: its error is measured by λ too.
			df := math.Abs(s.X[0]-rows[0][1]) / max(1, math.Abs(rows[0][1]))
			dl := math.Abs(s.X[1]-rows[0][2]) / rows[0][2]
			worst = max(worst, df, dl)
			if df > 1e-10 || dl > 1e-10 {
				t.Errorf("case %d, step %d: (f, λ) = %v, want %v", i, s.K, s.X, rows[0][1:])
			}
			rows = rows[1:]
			if len(rows) == 0 {
				break
			}
		}
		if len(rows) > 0 {
			t.Errorf("case %d: rows from step %v on were not reached", i, rows[0][0])
		}
	}
	t.Logf("worst difference %.2g", worst)
}

// The universal map is the warm-up map in other variables.
func TestWarmupIsTheUniversalMap(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 1000 {
		n, eta := math.Pow(10, 12*r.Float64()), math.Pow(10, 2*r.Float64()-1)
		w, err := NewWarmup(WarmupConfig{N: n}, eta)
		if err != nil {
			t.Fatal(err)
		}
		p := admissibleStart(r, 0, 5)
		f, lambda := math.Sqrt(p.S*n)/eta, p.Kappa/eta
		got, want := w.Point(w.Step(f, lambda)), p.Next()
		if relDiff(got.Kappa, want.Kappa) > 1e-13 || math.Abs(got.S-want.S) > 1e-13*(1+p.S)*(1+p.S) {
			t.Fatalf("from %v: %v, want %v", p, got, want)
		}
	}
}

// descend runs gradient descent on an energy and calls see at every state.
func descend[T flow.Float](t testing.TB, e flow.Energy[T], x0 []T, eta float64, steps int, see func(k int, x []T)) {
	t.Helper()
	r, err := flow.New(descent.GD(flow.GradientFlow(e)), x0, flow.Options[T]{
		Controller: flow.Fixed{H: eta}, MaxSteps: steps, Bound: math.Inf(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range r.Steps(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		see(s.K, s.X)
	}
	if k := r.Step().K; k != steps {
		t.Fatalf("run ended at step %d of %d: %v", k, steps, r.Status())
	}
}

func testNetworkIsTheMap[T flow.Float](t *testing.T, tol float64) {
	worst := 0.0
	for i, cfg := range []WarmupConfig{{N: 1}, {N: 2}, {N: 60, Y: -0.7}, {N: 300, Y: 1}, {N: 300, Decay: 0.02}, {N: 120, Y: -1, Loss: Logistic, Decay: 1e-3}} {
		for _, c := range []float64{0.7, 1.8, 2.7, 3.6} {
			net, err := NewWarmupNet[T](cfg)
			if err != nil {
				t.Fatal(err)
			}
			theta := net.Init(3, i)
			f, lambda := net.Reduced(theta)
			eta := c / lambda
			w, err := NewWarmup(cfg, eta)
			if err != nil {
				t.Fatal(err)
			}
			descend(t, net, theta, eta, 40, func(k int, x []T) {
				if k > 0 {
					f, lambda = w.Step(f, lambda)
				}
				gotF, gotLambda := net.Reduced(x)
				// f is a sum of n products whose squares add up to at most λ²n.
				d := max(math.Abs(gotF-f)/max(1, math.Abs(f), lambda), math.Abs(gotLambda-lambda)/lambda)
				worst = max(worst, d)
				if d > tol {
					t.Errorf("%+v, c = %v, step %d: network (%v, %v), map (%v, %v)", cfg, c, k, gotF, gotLambda, f, lambda)
				}
			})
		}
	}
	t.Logf("worst difference %.2g", worst)
}

func TestNetworkIsTheMap64(t *testing.T) { testNetworkIsTheMap[float64](t, 1e-12) }
func TestNetworkIsTheMap32(t *testing.T) { testNetworkIsTheMap[float32](t, 1e-5) }

// hessian returns ∇²E(θ), column by column.
func hessian(hv func(dst, x, v []float64), theta []float64) *mat.SymDense {
	n := len(theta)
	h := mat.NewSymDense(n, nil)
	e, col := make([]float64, n), make([]float64, n)
	for j := range n {
		e[j] = 1
		hv(col, theta, e)
		e[j] = 0
		for i := 0; i <= j; i++ {
			h.SetSym(i, j, col[i])
		}
	}
	return h
}

// checkDerivatives compares gradient and Hessian with central differences of the
// energy and of the gradient.
func checkDerivatives(t *testing.T, e flow.Energy[float64], hv func(dst, x, v []float64), x []float64) {
	t.Helper()
	n := e.Dim()
	r := rand.New(rand.NewPCG(uint64(n), 1))
	d, plus, minus := make([]float64, n), slices.Clone(x), slices.Clone(x)
	const h = 1e-5
	for i := range d {
		d[i] = r.NormFloat64()
		plus[i] += h * d[i]
		minus[i] -= h * d[i]
	}
	g, gp, gm, hd := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	e0 := e.EnergyGrad(g, x)
	ep, em := e.EnergyGrad(gp, plus), e.EnergyGrad(gm, minus)
	if e.EnergyGrad(nil, x) != e0 {
		t.Error("energy without gradient differs")
	}
	slope := 0.0
	for i := range d {
		slope += g[i] * d[i]
	}
	if got := (ep - em) / (2 * h); math.Abs(got-slope) > 1e-7*(1+math.Abs(slope)) {
		t.Errorf("slope %v, differences give %v", slope, got)
	}
	hv(hd, x, d)
	for i := range hd {
		if got := (gp[i] - gm[i]) / (2 * h); math.Abs(got-hd[i]) > 1e-7*(1+math.Abs(hd[i])) {
			t.Errorf("Hessian product %d: %v, differences give %v", i, hd[i], got)
		}
	}
}

func TestWarmupDerivativesAndSpectrum(t *testing.T) {
	for i, cfg := range []WarmupConfig{{N: 1}, {N: 6}, {N: 5, Y: 0.8, Decay: 0.1}, {N: 7, Y: -1, Loss: Logistic}, {N: 4, Y: 1, Loss: Logistic, Decay: 0.3}} {
		net, err := NewWarmupNet[float64](cfg)
		if err != nil {
			t.Fatal(err)
		}
		theta := net.Init(8, i)
		checkDerivatives(t, net, net.HessVec, theta)
		var eig mat.EigenSym
		if !eig.Factorize(hessian(net.HessVec, theta), false) {
			t.Fatal("no eigenvalues")
		}
		s := net.HessianSpectrum(theta)
		want := []float64{s.Low, s.High}
		for range int(cfg.N) - 1 {
			want = append(want, s.Plus, s.Minus)
		}
		slices.Sort(want)
		for j, got := range eig.Values(nil) {
			if math.Abs(got-want[j]) > 1e-13*(1+math.Abs(want[j])) {
				t.Errorf("%+v: eigenvalue %d is %v, closed form %v", cfg, j, got, want[j])
			}
		}
		if r, want := net.Caps().Radius(theta, 0), max(math.Abs(want[0]), math.Abs(want[len(want)-1])); r != want {
			t.Errorf("radius %v, want %v", r, want)
		}
	}
}

// At f = y the top eigenvalue is λ; the alignment is 1 for parallel vectors.
func TestWarmupMinimum(t *testing.T) {
	net, err := NewWarmupNet[float64](WarmupConfig{N: 2})
	if err != nil {
		t.Fatal(err)
	}
	theta := []float64{1, 2, -2, 1}
	if s := net.HessianSpectrum(theta); s != (WarmupSpectrum{High: 5}) {
		t.Errorf("spectrum at the minimum: %+v, want only High = λ = 5", s)
	}
	if a := net.Alignment(theta); a != 0 {
		t.Errorf("alignment of orthogonal vectors is %v", a)
	}
	if a := net.Alignment([]float64{1, 2, -2, -4}); math.Abs(a-1) > 1e-15 {
		t.Errorf("alignment of parallel vectors is %v", a)
	}
	if a := net.Alignment([]float64{0, 0, 1, 1}); a != 0 {
		t.Errorf("alignment without activations is %v", a)
	}
}

// The gradient flow conserves |u|²-|v|².
func TestWarmupInvariant(t *testing.T) {
	net, err := NewWarmupNet[float64](WarmupConfig{N: 20, Y: 2})
	if err != nil {
		t.Fatal(err)
	}
	inv := net.Caps().Invariants[0].Value
	x0 := net.Init(1, 1)
	before := inv(x0)
	sol, err := flow.Solve(context.Background(), flow.GradientFlow(net), x0, flow.Options[float64]{T1: 3, RelTol: 1e-10, AbsTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	if d := math.Abs(inv(sol.X) - before); d > 1e-7 {
		t.Errorf("|u|²-|v|² moved by %g", d)
	}
	if decay, _ := NewWarmupNet[float64](WarmupConfig{N: 3, Decay: 1}); len(decay.Caps().Invariants) != 0 {
		t.Error("weight decay destroys the invariant")
	}
}

// With weight decay and label 0 the curvature falls for ever, after the catapult by
// (1-ηγ)² a step.
func TestWarmupDecaysForEver(t *testing.T) {
	const eta, decay = 1.6, 0.01
	w, err := NewWarmup(WarmupConfig{N: 1000, Decay: decay}, eta)
	if err != nil {
		t.Fatal(err)
	}
	f, lambda := 0.7, 2.0
	for k := range 3000 {
		nf, nl := w.Step(f, lambda)
		if nl >= lambda {
			t.Fatalf("step %d: λ grows from %v to %v", k, lambda, nl)
		}
		if rate := (1 - eta*decay) * (1 - eta*decay); k > 300 && math.Abs(nl/lambda-rate) > 1e-12 {
			t.Fatalf("step %d: λ falls by %v, want %v", k, nl/lambda, rate)
		}
		f, lambda = nf, nl
	}
}

// The exact sampler and the network's own start have the same law: their means
// and variances agree with E λ = 2, Var λ = 4/n, E f² = 1.
func TestWarmupSample(t *testing.T) {
	const members = 4000
	for _, n := range []float64{1, 10, 1e12} {
		w, err := NewWarmup(WarmupConfig{N: n}, 1)
		if err != nil {
			t.Fatal(err)
		}
		var f2, l1, l2 float64
		for i := range members {
			x := w.Sample(5, i)
			if y := w.Sample(5, i); y[0] != x[0] || y[1] != x[1] {
				t.Fatal("a sample is not a function of seed and member")
			}
			if _, err := w.Start(x[0], x[1]); err != nil {
				t.Fatal(err)
			}
			f2 += x[0] * x[0] / members
			l1 += x[1] / members
			l2 += (x[1] - 2) * (x[1] - 2) / members
		}
		// Five standard errors; f² has variance at most 2+6/n, (λ-2)² at most
		// (2+12/n)·(4/n)².
		root := math.Sqrt(members)
		if math.Abs(f2-1) > 5*math.Sqrt(2+6/n)/root || math.Abs(l1-2) > 5*2/math.Sqrt(n)/root || math.Abs(l2*n/4-1) > 5*math.Sqrt(2+12/n)/root {
			t.Errorf("n = %v: E f² = %v, E λ = %v, n Var λ/4 = %v", n, f2, l1, l2*n/4)
		}
	}
}

func TestWarmupBadInput(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		cfg  WarmupConfig
		eta  float64
		want error
	}{
		{WarmupConfig{N: 0.5}, 1, ErrArgument},
		{WarmupConfig{N: nan}, 1, ErrArgument},
		{WarmupConfig{N: 5}, 0, ErrArgument},
		{WarmupConfig{N: 5}, -1, ErrArgument},
		{WarmupConfig{N: 5}, nan, ErrArgument},
		{WarmupConfig{N: 5, Y: nan}, 1, ErrNonFinite},
		{WarmupConfig{N: 5, Decay: -1}, 1, ErrArgument},
		{WarmupConfig{N: 5, Loss: CrossEntropy}, 1, ErrArgument},
		{WarmupConfig{N: 5, Loss: Logistic}, 1, ErrArgument},
	} {
		if _, err := NewWarmup(c.cfg, c.eta); !errors.Is(err, c.want) {
			t.Errorf("%+v, η = %v: error %v, want %v", c.cfg, c.eta, err, c.want)
		}
	}
	if _, err := NewWarmupNet[float64](WarmupConfig{N: 2.5}); !errors.Is(err, ErrArgument) {
		t.Errorf("width 2.5 of a network: %v", err)
	}
	w, err := NewWarmup(WarmupConfig{N: 4}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Start(1, 0.9); !errors.Is(err, ErrArgument) {
		t.Errorf("λ < 2|f|/√n: %v", err)
	}
	if _, err := w.Start(nan, 1); !errors.Is(err, ErrNonFinite) {
		t.Errorf("f = NaN: %v", err)
	}
	if _, err := w.Start(1, 1); err != nil {
		t.Errorf("λ = 2|f|/√n is admissible: %v", err)
	}
}
