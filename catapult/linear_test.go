package catapult

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"gonum.org/v1/gonum/mat"
)

// linearRef is linear_net.json.
type linearRef struct {
	N      int         `json:"n"`
	U      [][]float64 `json:"U"`
	V      []float64   `json:"v"`
	X      [][]float64 `json:"X"`
	Y      []float64   `json:"y"`
	Theta0 [][]float64 `json:"Theta0"`
	Lam0   float64     `json:"lam0"`
	Cases  []struct {
		Eta  float64 `json:"eta"`
		Traj []struct {
			T    int         `json:"t"`
			Loss float64     `json:"loss"`
			Lam  float64     `json:"lam"`
			F    []float64   `json:"f"`
			A    float64     `json:"a"`
			Q    []float64   `json:"q"`
			M    [][]float64 `json:"M"`
		} `json:"traj"`
		UFinal [][]float64 `json:"U_final"`
		VFinal []float64   `json:"v_final"`
	} `json:"cases"`
}

func convert[T flow.Float](x []float64) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = T(v)
	}
	return y
}

func flatten(rows [][]float64) []float64 {
	var f []float64
	for _, r := range rows {
		f = append(f, r...)
	}
	return f
}

func matrixOfRows[T flow.Float](rows [][]float64) kernel.Matrix[T] {
	return kernel.MatrixOf(len(rows), len(rows[0]), convert[T](flatten(rows)))
}

// maxDiff is the largest difference of two vectors.
func maxDiff[T flow.Float](a []T, b []float64) float64 {
	d := 0.0
	for i := range a {
		d = max(d, math.Abs(float64(a[i])-b[i]))
	}
	return d
}

func testLinearReference[T flow.Float](t *testing.T, tol float64) {
	var ref linearRef
	readJSON(t, "linear_net.json", &ref)
	x, y := matrixOfRows[T](ref.X), convert[T](ref.Y)
	net, err := NewLinearNet[T](ref.N, 0, x, y)
	if err != nil {
		t.Fatal(err)
	}
	theta0 := append(convert[T](flatten(ref.U)), convert[T](ref.V)...)
	var ntk mat.SymDense
	net.NTK(&ntk, theta0)
	for i, row := range ref.Theta0 {
		for j, want := range row {
			if math.Abs(ntk.At(i, j)-want) > tol {
				t.Errorf("Θ0[%d][%d] = %v, want %v", i, j, ntk.At(i, j), want)
			}
		}
	}
	worst := 0.0
	for _, c := range ref.Cases {
		red, err := NewReducedLinear(ReducedConfig{N: float64(ref.N), Eta: c.Eta}, x, y)
		if err != nil {
			t.Fatal(err)
		}
		start := net.Reduce(make([]T, red.Dim()), theta0)
		rows := c.Traj
		check := func(what string, k int, state []T, loss float64) {
			want := rows[0]
			a, q, m := red.Parts(state)
			lam := red.NTKTop(state).Value
			d := max(math.Abs(float64(a)-want.A), maxDiff(q, want.Q), maxDiff(m.Data, flatten(want.M)),
				math.Abs(loss-want.Loss), math.Abs(lam-want.Lam), maxDiff(red.Outputs(make([]T, len(y)), state), want.F))
			worst = max(worst, d)
			if d > tol {
				t.Errorf("%s, η = %v, step %d: differs by %g", what, c.Eta, k, d)
			}
		}
		last := c.Traj[len(c.Traj)-1].T
		descend(t, net, theta0, c.Eta, last+1, func(k int, theta []T) {
			if k == rows[0].T && k <= last {
				check("network", k, net.Reduce(make([]T, red.Dim()), theta), net.EnergyGrad(nil, theta))
				rows = rows[min(1, len(rows)-1):]
			}
			if k == last+1 { // the reference steps once more before it keeps the weights
				u, v := net.Weights(theta)
				if d := max(maxDiff(u.Data, flatten(c.UFinal)), maxDiff(v, c.VFinal)); d > tol {
					t.Errorf("η = %v: final weights differ by %g", c.Eta, d)
				}
			}
		})
		rows = c.Traj
		run, err := flow.New(red.Integrator(), start, flow.Options[T]{MaxSteps: last})
		if err != nil {
			t.Fatal(err)
		}
		for s, err := range run.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if s.K == rows[0].T {
				check("reduction", s.K, s.X, red.Loss(s.X))
				rows = rows[min(1, len(rows)-1):]
			}
		}
	}
	t.Logf("worst difference %.2g", worst)
}

func TestLinearReference64(t *testing.T) { testLinearReference[float64](t, 1e-10) }
func TestLinearReference32(t *testing.T) { testLinearReference[float32](t, 1e-5) }

// randomData returns m samples in R^d and labels.
func randomData[T flow.Float](r *rand.Rand, m, d int) (kernel.Matrix[T], []T) {
	x, y := kernel.NewMatrix[T](m, d), make([]T, m)
	for i := range x.Data {
		x.Data[i] = T(r.NormFloat64() / math.Sqrt(float64(d)))
	}
	for i := range y {
		y[i] = T(r.NormFloat64())
	}
	return x, y
}

// Gradient descent on the network and on its reduction are the same, at any
// learning rate, with weight decay and with mini-batches.
func TestReductionIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	worst := 0.0
	for i := range 40 {
		n, m, d := 1+r.IntN(60), 1+r.IntN(12), 1+r.IntN(6)
		decay := []float64{0, 0.01}[i%2]
		x, y := randomData[float64](r, m, d)
		net, err := NewLinearNet[float64](n, decay, x, y)
		if err != nil {
			t.Fatal(err)
		}
		theta := net.Init(1, i)
		lambda := net.NTKTop(theta).Value
		cfg := ReducedConfig{N: float64(n), Eta: []float64{0.5, 1.5, 2.3, 3}[i/2%4] / lambda, Decay: decay}
		red, err := NewReducedLinear(cfg, x, y)
		if err != nil {
			t.Fatal(err)
		}
		state := net.Reduce(make([]float64, red.Dim()), theta)
		next, got := make([]float64, red.Dim()), make([]float64, red.Dim())
		descend(t, net, theta, cfg.Eta, 30, func(k int, x []float64) {
			if k > 0 {
				red.Next(next, state, k-1)
				state, next = next, state
			}
			net.Reduce(got, x)
			if !kernel.AllFinite(got) || kernel.MaxAbs(got) > 1e6 {
				return // small widths with labels may diverge, where errors have no scale
			}
			diff := maxDiff(got, state) / max(1, kernel.MaxAbs(got))
			worst = max(worst, diff)
			if diff > 1e-12 {
				t.Errorf("n %d, m %d, d %d, %+v, step %d: differs by %g", n, m, d, cfg, k, diff)
			}
		})
	}
	t.Logf("worst relative difference %.2g", worst)
}

// The reduction with mini-batches against the general network, which draws its own
// with the same seed.
func TestReductionWithMiniBatches(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	const n, m, d, steps = 30, 10, 3, 60
	x, y := randomData[float64](r, m, d)
	for _, c := range []NetConfig{
		{BatchSize: 4, BatchSeed: 7},
		{Batches: [][]int{{0, 1, 2}, {9}, {3, 4, 5, 6, 7, 8}}},
	} {
		c.Sizes, c.Decay, c.SigmaW = []int{d, n, 1}, 1e-3, math.Pow(d, 0.25) // σ_w²/√(dn) = 1/√n
		net, err := NewNet(c, Data[float64]{X: x, Y: kernel.MatrixOf(m, 1, y)})
		if err != nil {
			t.Fatal(err)
		}
		lin, err := NewLinearNet[float64](n, c.Decay, x, y)
		if err != nil {
			t.Fatal(err)
		}
		cfg := ReducedConfig{N: n, Eta: 0.8, Decay: c.Decay, BatchSize: c.BatchSize, BatchSeed: c.BatchSeed, Batches: c.Batches}
		red, err := NewReducedLinear(cfg, x, y)
		if err != nil {
			t.Fatal(err)
		}
		theta := lin.Init(2, 2)
		state := lin.Reduce(make([]float64, red.Dim()), theta)
		next, got := make([]float64, red.Dim()), make([]float64, red.Dim())
		descend(t, net, theta, cfg.Eta, steps, func(k int, x []float64) {
			if k > 0 {
				red.Next(next, state, k-1)
				state, next = next, state
			}
			if diff := maxDiff(lin.Reduce(got, x), state) / max(1, kernel.MaxAbs(got)); diff > 1e-12 {
				t.Errorf("batches %v, step %d: differs by %g", c.Batches, k, diff)
			}
		})
	}
}

// The update formulas of outputs, kernel and invariants against a step that is
// made, and the capabilities against differences.
func TestLinearLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for i := range 30 {
		n, m, d := 1+r.IntN(20), 1+r.IntN(8), 1+r.IntN(5)
		x, y := randomData[float64](r, m, d)
		net, err := NewLinearNet[float64](n, 0, x, y)
		if err != nil {
			t.Fatal(err)
		}
		theta := net.Init(3, i)
		checkDerivatives(t, net, net.HessVec, theta)
		lambda := net.NTKTop(theta).Value
		eta := 4 * r.Float64() / lambda
		next := make([]float64, net.Dim())
		net.EnergyGrad(next, theta)
		kernel.Axpby(1, theta, -eta, next)

		res := net.NextResidual(make([]float64, m), theta, eta)
		f := net.Outputs(make([]float64, m), next)
		for k := range res {
			if math.Abs(f[k]-y[k]-res[k]) > 1e-12*(1+math.Abs(res[k])) {
				t.Errorf("residual %d is %v, formula %v", k, f[k]-y[k], res[k])
			}
		}
		var formula, made mat.SymDense
		net.NextNTK(&formula, theta, eta)
		net.NTK(&made, next)
		if !mat.EqualApprox(&formula, &made, 1e-12*(1+mat.Max(&made))) {
			t.Errorf("Θ' by the formula and by the step differ:\n%v\n%v", mat.Formatted(&formula), mat.Formatted(&made))
		}
		inv := net.Caps().Invariants[0].Value
		if got, want := inv(next)-inv(theta), net.InvariantDrift(theta, eta); math.Abs(got-want) > 1e-13*(1+math.Abs(inv(theta))+math.Abs(inv(next))) {
			t.Errorf("tr M - a moved by %v, formula %v", got, want)
		}
		c, err := net.WeightNorm(theta, eta)
		if err != nil || math.Abs(c.Defect) > 1e-13*c.Scale {
			t.Errorf("weight-norm identity: %+v, %v", c, err)
		}
		if b := net.NormBound(theta, eta); b < eta*lambda*(1-1e-12) {
			t.Errorf("bound %v on ηλ = %v", b, eta*lambda)
		}
	}
}

// Below the bound of NormBound the weight norm falls at every step, for label 0.
func TestNormBound(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for i := range 20 {
		m, d := 1+r.IntN(8), 1+r.IntN(5)
		x, y := randomData[float64](r, m, d)
		clear(y)
		net, err := NewLinearNet[float64](1+r.IntN(30), 0, x, y)
		if err != nil {
			t.Fatal(err)
		}
		theta := net.Init(4, i)
		eta := 3.99 / net.NormBound(theta, 1)
		last := math.Inf(1)
		descend(t, net, theta, eta, 200, func(k int, x []float64) {
			norm := kernel.SumSq(x)
			if norm > last*(1+1e-14) {
				t.Errorf("weight norm rose from %v to %v at step %d", last, norm, k)
			}
			last = norm
		})
	}
}

// The gradient flow conserves UUᵀ - vvᵀ, descent does not.
func TestImbalance(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	x, y := randomData[float64](r, 5, 3)
	net, err := NewLinearNet[float64](6, 0, x, y)
	if err != nil {
		t.Fatal(err)
	}
	x0 := net.Init(5, 0)
	sol, err := flow.Solve(context.Background(), flow.GradientFlow(net), x0, flow.Options[float64]{T1: 5, RelTol: 1e-10, AbsTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	var before, after mat.SymDense
	net.Imbalance(&before, x0)
	net.Imbalance(&after, sol.X)
	if !mat.EqualApprox(&before, &after, 1e-8) {
		t.Errorf("the gradient flow moved UUᵀ-vvᵀ by\n%v\nto\n%v", mat.Formatted(&before), mat.Formatted(&after))
	}
	descend(t, net, x0, 0.5, 1, func(_ int, x []float64) { net.Imbalance(&after, x) })
	if mat.EqualApprox(&before, &after, 1e-8) {
		t.Error("a descent step conserves UUᵀ-vvᵀ")
	}
}

// In the warm-up model the estimate of the paper for the curvature is exact.
func TestTopEigenvectorStep(t *testing.T) {
	w, err := NewWarmup(WarmupConfig{N: 50}, 1.3)
	if err != nil {
		t.Fatal(err)
	}
	_, want := w.Step(0.6, 2.1)
	if got := TopEigenvectorStep(2.1, 0.6, 50, 1.3); math.Abs(got-want) > 1e-15 {
		t.Errorf("λ' = %v, want %v", got, want)
	}
}

// Heavy ball on the network converges: the energy works in other integrators.
func TestLinearNetWithMomentum(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	x, y := randomData[float32](r, 4, 6)
	net, err := NewLinearNet[float32](40, 0, x, y)
	if err != nil {
		t.Fatal(err)
	}
	x0 := net.Init(6, 0)
	lambda := net.NTKTop(x0).Value
	run, err := flow.New(descent.HeavyBall(flow.GradientFlow(net), 0.9), x0, flow.Options[float32]{
		Controller: flow.Fixed{H: 1 / lambda}, MaxSteps: 4000, Stop: []flow.Stop[float32]{flow.StopEnergy[float32](1e-8)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if sol, err := run.Solve(context.Background()); err != nil || sol.Status != flow.Converged {
		t.Errorf("status %v, error %v", sol.Status, err)
	}
}

func TestLinearBadInput(t *testing.T) {
	x, y := kernel.MatrixOf(2, 2, []float64{1, 0, 0, 1}), []float64{1, 2}
	nan := math.NaN()
	bad := kernel.MatrixOf(2, 2, []float64{1, nan, 0, 1})
	for i, c := range []struct {
		n     int
		decay float64
		x     kernel.Matrix[float64]
		y     []float64
		want  error
	}{
		{0, 0, x, y, ErrArgument},
		{3, -1, x, y, ErrArgument},
		{3, nan, x, y, ErrArgument},
		{3, 0, kernel.Matrix[float64]{}, nil, ErrEmpty},
		{3, 0, x, y[:1], ErrShape},
		{3, 0, kernel.Matrix[float64]{Rows: 2, Cols: 2, Stride: 2, Data: []float64{1, 2}}, y, ErrShape},
		{3, 0, bad, y, ErrNonFinite},
		{3, 0, x, []float64{1, math.Inf(1)}, ErrNonFinite},
	} {
		if _, err := NewLinearNet(c.n, c.decay, c.x, c.y); !errors.Is(err, c.want) {
			t.Errorf("case %d: error %v, want %v", i, err, c.want)
		}
	}
	net, err := NewLinearNet(3, 0, x, y)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float64, net.Dim())
	if _, err := net.WeightNorm(theta, -1); !errors.Is(err, ErrArgument) {
		t.Errorf("η = -1: %v", err)
	}
	if _, err := net.WeightNorm(theta[1:], 1); !errors.Is(err, ErrShape) {
		t.Errorf("short theta: %v", err)
	}
	theta[0] = nan
	if _, err := net.WeightNorm(theta, 1); !errors.Is(err, ErrNonFinite) {
		t.Errorf("NaN in theta: %v", err)
	}
	defer func() {
		if msg := fmt.Sprint(recover()); msg != "catapult: parameters of length 8, want nd+n = 9" {
			t.Errorf("panic %q", msg)
		}
	}()
	net.EnergyGrad(nil, theta[1:])
}
