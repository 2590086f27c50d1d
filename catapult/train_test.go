package catapult_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

func train[T flow.Float](tb testing.TB, m catapult.Model[T], theta []T, o catapult.TrainOptions[T]) *catapult.TrainResult[T] {
	tb.Helper()
	r, err := catapult.Train(context.Background(), m, theta, o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// The runs of relu_net.json: gradient descent at three learning rates, the
// quadratic model, fixed batches, the heavy ball.
func TestTrainReLUNet(t *testing.T) {
	t.Run("float64", testTrainReLUNet[float64])
	t.Run("float32", testTrainReLUNet[float32])
}

func testTrainReLUNet[T flow.Float](t *testing.T) {
	// In float32 the catapults are followed up to step 20, to 1e-3.
	tol, until := tolOf[T](1e-8, 1e-3), int(tolOf[T](81, 20))
	var ref reluRef
	loadRef(t, "relu_net.json", &ref)
	for _, c := range ref.Cases {
		kind := strings.Fields(c.Kind)[0]
		t.Run(kind, func(t *testing.T) {
			var change func(*catapult.NetConfig)
			// The parameters of the file are those after step 81.
			o := catapult.TrainOptions[T]{Eta: c.Eta, Steps: 81, TrackNTK: 1, Sharpness: catapult.SharpnessOptions{Tol: 1e-9}}
			switch kind {
			case "sgd_batches_01_23_45":
				change = func(c *catapult.NetConfig) { c.Batches = [][]int{{0, 1}, {2, 3}, {4, 5}} }
			case "heavy_ball_beta0.5":
				o.Momentum = 0.5
			}
			net, theta := reluNet[T](t, &ref, change)
			models := []catapult.Model[T]{net}
			if kind == "frozen_gates_quadratic_model" {
				frozen, err := net.FreezeGates(theta)
				if err != nil {
					t.Fatal(err)
				}
				quad, err := catapult.NewQuadratic(net, theta)
				if err != nil {
					t.Fatal(err)
				}
				models = []catapult.Model[T]{frozen, quad}
			}
			for _, m := range models {
				var f [][]T
				o.Observe = func(p *catapult.Point, theta []T) error {
					f = append(f, slices.Clone(m.Predict(theta).Data))
					return nil
				}
				r := train(t, m, theta, o)
				// Everything relative to its largest value in the run: the losses
				// end at 1e-16, and dynamics this far from linear amplify
				// rounding.
				var gotLoss, wantLoss, gotLam, wantLam, wantF []float64
				var gotF []T
				for _, want := range c.Traj {
					if want.T > until {
						break
					}
					got := r.Trace[want.T]
					gotLoss, wantLoss = append(gotLoss, got.Loss), append(wantLoss, want.Loss)
					gotLam, wantLam = append(gotLam, got.NTK.Value), append(wantLam, want.Lam)
					gotF, wantF = append(gotF, f[want.T]...), append(wantF, want.F...)
				}
				near(t, "loss", gotLoss, wantLoss, tol)
				near(t, "λ", gotLam, wantLam, tol)
				near(t, "f", gotF, wantF, tol)
				if c.U != nil && until > 80 {
					near(t, "θ", r.Theta, append(flatten(c.U), c.V...), tol)
				}
				if r.Steps != 81 || math.Abs(r.C-c.Eta*ref.Lam0) > 1e-5 {
					t.Errorf("%d steps at C = %v, want 80 at %v", r.Steps, r.C, c.Eta*ref.Lam0)
				}
			}
		})
	}
}

// eosNet is the network of eos.json with its parameters: hidden layers of the
// given width.
func eosNet(tb testing.TB, width int) (*catapult.Net[float64], []float64) {
	tb.Helper()
	const m = 20
	d := catapult.Data[float64]{X: kernel.NewMatrix[float64](m, 1), Y: kernel.NewMatrix[float64](m, 1)}
	for i := range m {
		x := -1 + 2*float64(i)/(m-1)
		d.X.Data[i], d.Y.Data[i] = x, 8*math.Pow(x, 4)-8*x*x+1
	}
	net := newNet(tb, catapult.NetConfig{Sizes: []int{1, width, width, 1}, Act: catapult.Tanh, Bias: true, Standard: true}, d)
	theta := make([]float64, net.Dim())
	for l := range 3 {
		w, b := net.Weights(theta, l+1)
		for i := range w.Rows {
			for j := range w.Cols {
				fi, fj, fl := float64(i), float64(j), float64(l)
				w.Set(i, j, math.Sin(1+fl+1.7*fi+2.3*fj+0.9*fi*fj)/math.Sqrt(float64(w.Cols)))
			}
			b[i] = 0.5 * math.Cos(float64(l)+0.7*float64(i))
		}
	}
	return net, theta
}

// arXiv 2103.00065: at η = 0.05 the sharpness follows the reference; at 0.4 it
// rises to 2/η and stays there.
func TestEdgeOfStability(t *testing.T) {
	var ref struct {
		Rows map[string][][3]float64
	}
	loadRef(t, "eos.json", &ref)
	net, theta := eosNet(t, 20)
	r := train(t, net, theta, catapult.TrainOptions[float64]{Eta: 0.05, Steps: 100, TrackHessian: 20, Sharpness: catapult.SharpnessOptions{Tol: 1e-7}})
	for _, row := range ref.Rows["0.05"] {
		p := r.Trace[int(row[0])]
		near(t, "loss", []float64{p.Loss}, []float64{row[1]}, 1e-8)
		near(t, "sharpness", []float64{p.Hessian.Value}, []float64{row[2]}, 1e-8)
	}

	var sum, low, high float64
	low, n := math.Inf(1), 0
	train(t, net, theta, catapult.TrainOptions[float64]{
		Eta: 0.4, Steps: 4000, TrackHessian: 50, NoTrace: true,
		Observe: func(p *catapult.Point, _ []float64) error {
			if p.Step >= 2000 && !math.IsNaN(p.Hessian.Value) {
				if !p.Hessian.Converged {
					t.Errorf("sharpness of step %d is not converged", p.Step)
				}
				sum, n = sum+p.Hessian.Value, n+1
				low, high = min(low, p.Hessian.Value), max(high, p.Hessian.Value)
			}
			return nil
		},
	})
	// What is reproducible here, says the reference, is a mean within 3 % of 2/η
	// = 5: a start that is off by 1e-12 ends in another attractor, with means of
	// 4.984, 5.016 and 5.019 seen.
	if mean := sum / float64(n); math.Abs(mean-5) > 0.15 || low < 4.85 || high > 5.2 {
		t.Errorf("sharpness at the edge %.3f in [%.3f, %.3f], want 5 within 3 %%", mean, low, high)
	}

	// The wider network at η = 0.2 is at 2/η = 10, within 2.5 %.
	net, theta = eosNet(t, 50)
	r = train(t, net, theta, catapult.TrainOptions[float64]{Eta: 0.2, Steps: 4000, TrackHessian: 200})
	for k := 2400; k <= 4000; k += 200 {
		if h := r.Trace[k].Hessian; !h.Converged || math.Abs(h.Value-10) > 0.25 {
			t.Errorf("sharpness %v at step %d of the wider network, want 10 ± 0.25", h.Value, k)
		}
	}
}

// One hidden ReLU layer of 512 units on the parity of 256 digits.
func TestPhasesOnTheDigits(t *testing.T) {
	t.Run("float32", testPhasesOnTheDigits[float32])
}

func testPhasesOnTheDigits[T flow.Float](t *testing.T) {
	net := parityNet[T](t, 256, catapult.ReLU, 512)
	theta := net.Init(0, 0)
	run := func(c float64, steps int) *catapult.TrainResult[T] {
		return train(t, net, theta, catapult.TrainOptions[T]{C: c, Steps: steps, TrackNTK: 10})
	}
	lazy := run(1, 30)
	if lazy.Phase != catapult.Lazy {
		t.Errorf("C = 1 is %v: %+v", lazy.Phase, lazy.Mechanism)
	}
	for i, p := range lazy.Trace[1:] {
		if p.Loss >= lazy.Trace[i].Loss {
			t.Errorf("C = 1: loss rises at step %d", p.Step)
		}
		if l := p.NTK.Value / lazy.Lambda0.Value; math.Abs(l-1) > 0.02 {
			t.Errorf("C = 1: λ/λ0 = %.3f at step %d, want 1 ± 0.02", l, p.Step)
		}
	}
	cat := run(3, 60)
	m := cat.Mechanism
	if cat.Phase != catapult.Catapult || m.Unstable != 0 || m.Stable < m.PeakStep || m.Episodes != 1 {
		t.Errorf("C = 3 is %v: %+v", cat.Phase, m)
	}
	// Seeds 0 to 5 have peaks of 109 to 160 L_0 at steps 5 to 12.
	if rise := m.PeakLoss / cat.Loss0; rise < 50 || rise > 150 || m.PeakStep < 6 || m.PeakStep > 9 {
		t.Errorf("C = 3: peak of %.0f L_0 at step %d, want 50 to 150 at 6 to 9", rise, m.PeakStep)
	}
	// At step 60, seeds 0 to 5 have ηλ from 0.83 to 0.87. It grows from there as
	// the loss goes down: 0.876 to 0.891 for seeds 0 to 2 at step 300.
	if l := cat.Curvature.Value / cat.Lambda0.Value; m.Kappa < 0.82 || m.Kappa > 0.96 || math.Abs(l-m.Kappa/3) > 1e-3 {
		t.Errorf("C = 3: ηλ = %.3f, λ/λ0 = %.3f at the end, want 0.82 to 0.96 and a third of it", m.Kappa, l)
	}
	// The catapult leaves a sparser network, here by a percent.
	if a, b := net.ActiveFraction(lazy.Theta), net.ActiveFraction(cat.Theta); b >= a {
		t.Errorf("%.3f of the units active after the lazy run, %.3f after the catapult", a, b)
	}
	div := run(5, 60)
	if div.Phase != catapult.Divergent || !kernel.AllFinite(div.Theta) || math.IsInf(div.Loss, 0) || div.Steps >= 60 {
		t.Errorf("C = 5 is %v at step %d, loss %v", div.Phase, div.Steps, div.Loss)
	}
}

// A divergent run ends with its last finite step, whatever the method.
func TestDivergenceIsAResult(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  func(*catapult.NetConfig)
		opt  catapult.TrainOptions[float64]
	}{
		{"gradient descent", nil, catapult.TrainOptions[float64]{}},
		{"no cap", nil, catapult.TrainOptions[float64]{LossCap: math.MaxFloat64}},
		{"heavy ball", nil, catapult.TrainOptions[float64]{Momentum: 0.3}},
		{"Nesterov", nil, catapult.TrainOptions[float64]{Momentum: 0.3, Nesterov: true, LossCap: math.MaxFloat64}},
		{"batches", func(c *catapult.NetConfig) { c.BatchSize = 4 }, catapult.TrainOptions[float64]{LossCap: math.MaxFloat64}},
		{"rare losses", func(c *catapult.NetConfig) { c.BatchSize = 4 }, catapult.TrainOptions[float64]{TrackLoss: 7}},
		{"decay", func(c *catapult.NetConfig) { c.Decay = 0.01 }, catapult.TrainOptions[float64]{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := catapult.OneHidden(3, 8, catapult.ReLU)
			if c.cfg != nil {
				c.cfg(&cfg)
			}
			net := randomNet(t, cfg, 8)
			o := c.opt
			o.C, o.Steps, o.TrackNTK = 60, 300, 1
			r := train(t, net, net.Init(0, 0), o)
			if r.Phase != catapult.Divergent || r.Steps >= 300 {
				t.Fatalf("%v after %d steps, want Divergent", r.Phase, r.Steps)
			}
			if !kernel.AllFinite(r.Theta) || math.IsInf(r.Loss, 0) || math.IsNaN(r.Loss) || r.Loss != net.Loss(r.Theta) {
				t.Errorf("last finite loss %v, that of the parameters %v", r.Loss, net.Loss(r.Theta))
			}
			if r.Mechanism.Unstable != 0 || r.Mechanism.Kappa0 < 59.9 {
				t.Errorf("seen %+v", r.Mechanism)
			}
			if r.Hint != "" {
				t.Errorf("hint %q without float32", r.Hint)
			}
		})
	}
}

// Where float32 overflows before the loss reaches its cap, the result says so.
func TestFloat32Hint(t *testing.T) {
	var ref reluRef
	loadRef(t, "relu_net.json", &ref)
	net, theta := reluNet[float32](t, &ref, nil)
	r := train(t, net, theta, catapult.TrainOptions[float32]{C: 1e25, Steps: 50})
	if r.Phase != catapult.Divergent || !strings.Contains(r.Hint, "float64") {
		t.Errorf("%v at step %d, loss %v: hint %q", r.Phase, r.Steps, r.Loss, r.Hint)
	}
}

func TestDeadNet(t *testing.T) {
	// Inputs in the positive quadrant; one large step on the first layer makes
	// every unit negative there.
	x := kernel.MatrixOf(3, 2, []float64{1, 2, 2, 1, 1, 1})
	y := kernel.MatrixOf(3, 1, []float64{-1, -1, -1})
	net := newNet(t, catapult.OneHidden(2, 4, catapult.ReLU), catapult.Data[float64]{X: x, Y: y})
	theta := []float64{1, 1, 1, 0, 0, 1, 2, 1, 1, 1, 1, 1}
	r := train(t, net, theta, catapult.TrainOptions[float64]{C: 10, Steps: 60})
	if r.Phase != catapult.Dead {
		t.Errorf("a net with silent units is %v, f = %v", r.Phase, net.Predict(r.Theta).Data)
	}
	if _, err := catapult.Train(context.Background(), net, r.Theta, catapult.TrainOptions[float64]{C: 1, Steps: 5}); !errors.Is(err, catapult.ErrZeroCurvature) {
		t.Errorf("a run from a dead net: error %v", err)
	}
}

// Thresholds with momentum (b.7): just below ηλ0 = 2(1+β) the linearised run
// converges, just above it diverges.
func TestMomentumThresholds(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 40, 1}, Act: catapult.Tanh}, 6)
	theta := net.Init(1, 0)
	lin, err := catapult.NewLinearised(net, theta)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		beta     float64
		nesterov bool
		want     float64
	}{{0, false, 2}, {0.5, false, 3}, {0.9, false, 3.8}, {0.5, true, 1.5}, {0.9, true, 3.8 / 2.8}} {
		o := catapult.TrainOptions[float64]{Momentum: c.beta, Nesterov: c.nesterov, Steps: 3000, NoTrace: true}
		o.C = 0.98 * c.want
		below := train(t, lin, theta, o)
		if math.Abs(below.Mechanism.Threshold-c.want) > 1e-14 {
			t.Errorf("threshold %v for β = %v, want %v", below.Mechanism.Threshold, c.beta, c.want)
		}
		o.C = 1.02 * c.want
		above := train(t, lin, theta, o)
		if below.Phase != catapult.Lazy || above.Phase != catapult.Divergent {
			t.Errorf("β = %v, Nesterov %t: %v below and %v above ηλ = %v", c.beta, c.nesterov, below.Phase, above.Phase, c.want)
		}
	}
}

// Equal physical times end at equal times.
func TestTimeBudget(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 20, 1}, Act: catapult.Tanh}, 6)
	theta := net.Init(1, 0)
	for _, c := range []struct {
		eta, beta float64
		steps     int
	}{{0.1, 0, 50}, {0.05, 0, 100}, {0.1, 0.5, 25}, {0.3, 0, 17}} {
		r := train(t, net, theta, catapult.TrainOptions[float64]{Eta: c.eta, Momentum: c.beta, Time: 5})
		if r.Steps != c.steps {
			t.Errorf("η = %v, β = %v: %d steps for a time of 5, want %d", c.eta, c.beta, r.Steps, c.steps)
		}
		if last := r.Trace[r.Steps].Time; last < 5-1e-9 || last > 5+c.eta {
			t.Errorf("η = %v, β = %v: ends at time %v, want 5", c.eta, c.beta, last)
		}
	}
}

// A cancelled run returns what there is; from there it goes on to the same end,
// bit for bit, as one that was never interrupted.
func TestCancelAndResume(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  func(*catapult.NetConfig)
		opt  catapult.TrainOptions[float64]
	}{
		{"gradient descent", nil, catapult.TrainOptions[float64]{C: 2.5, TrackNTK: 3}},
		{"heavy ball", nil, catapult.TrainOptions[float64]{C: 3.1, Momentum: 0.5}},
		{"Nesterov", nil, catapult.TrainOptions[float64]{C: 0.9, Momentum: 0.5, Nesterov: true}},
		{"batches", func(c *catapult.NetConfig) { c.BatchSize, c.BatchSeed = 5, 3 }, catapult.TrainOptions[float64]{C: 1.5, Momentum: 0.3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := catapult.NetConfig{Sizes: []int{3, 24, 1}, Act: catapult.ReLU}
			if c.cfg != nil {
				c.cfg(&cfg)
			}
			net := randomNet(t, cfg, 12)
			theta := net.Init(1, 0)
			o := c.opt
			o.Steps = 60
			whole := train(t, net, theta, o)

			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			o.Observe = func(p *catapult.Point, _ []float64) error {
				if p.Step == 17 {
					cancel()
				}
				return nil
			}
			part, err := catapult.Train(ctx, net, theta, o)
			if !errors.Is(err, context.Canceled) || part == nil || part.Steps != 17 || len(part.Trace) != 18 || part.Phase != catapult.Undecided {
				t.Fatalf("cancelled at step 17: %+v, error %v", part, err)
			}
			state, err := part.State()
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(state)
			if err != nil {
				t.Fatal(err)
			}
			var back catapult.TrainState
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			again := randomNet(t, cfg, 12)
			rest := train(t, again, nil, catapult.TrainOptions[float64]{Resume: &back, Steps: 60, TrackNTK: o.TrackNTK})
			if !slices.Equal(rest.Theta, whole.Theta) || rest.Loss != whole.Loss || rest.Steps != 60 || rest.Phase != whole.Phase {
				t.Errorf("resumed run ends in %v with loss %v, the whole one in %v with %v", rest.Phase, rest.Loss, whole.Phase, whole.Loss)
			}
			if rest.Trace[0].Step != 18 || len(rest.Trace) != 43 || rest.Trace[42].Loss != whole.Trace[60].Loss {
				t.Errorf("trace of the resumed run from step %d, %d points", rest.Trace[0].Step, len(rest.Trace))
			}
			a, w := rest.Mechanism, whole.Mechanism
			if a.PeakStep != w.PeakStep || a.PeakLoss != w.PeakLoss || a.Unstable != w.Unstable || a.Stable != w.Stable || a.Episodes != w.Episodes || a.Kappa0 != w.Kappa0 {
				t.Errorf("resumed run saw %+v, the whole one %+v", a, w)
			}
		})
	}
}

func TestSaveWhileTraining(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 10, 1}, Act: catapult.Tanh}, 5)
	var steps []int
	o := catapult.TrainOptions[float64]{Eta: 0.1, Steps: 10, SaveEvery: 4, Save: func(s *catapult.TrainState) error {
		steps = append(steps, s.Flow.K)
		return nil
	}}
	train(t, net, net.Init(0, 0), o)
	if !slices.Equal(steps, []int{0, 4, 8}) {
		t.Errorf("saved at %v, want 0, 4, 8", steps)
	}
	full := errors.New("disk full")
	o.Save = func(*catapult.TrainState) error { return full }
	if r, err := catapult.Train(context.Background(), net, net.Init(0, 0), o); r == nil || !errors.Is(err, full) {
		t.Errorf("result %v, error %v of a failing Save", r, err)
	}
}

func TestObserver(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 10, 1}, Act: catapult.Tanh}, 5)
	o := catapult.TrainOptions[float64]{Eta: 0.1, Steps: 100, Observe: func(p *catapult.Point, theta []float64) error {
		if p.Loss != net.Loss(theta) {
			t.Errorf("loss of step %d is %v, that of its parameters %v", p.Step, p.Loss, net.Loss(theta))
		}
		if p.Step == 30 {
			return catapult.ErrStop
		}
		return nil
	}}
	if r := train(t, net, net.Init(0, 0), o); r.Steps != 30 || r.Phase != catapult.Lazy {
		t.Errorf("stopped at step %d in phase %v, want 30, Lazy", r.Steps, r.Phase)
	}
	o.Observe = nil
	o.LossTol = 0.6
	if r := train(t, net, net.Init(0, 0), o); r.Steps >= 100 || r.Loss > 0.6 || r.Phase != catapult.Lazy {
		t.Errorf("LossTol 0.6: stopped at step %d with loss %v in phase %v", r.Steps, r.Loss, r.Phase)
	}
}

// Cross-entropy and logistic losses are ruled by the Hessian, and train.
func TestOtherLosses(t *testing.T) {
	for _, cfg := range []catapult.NetConfig{
		{Sizes: []int{3, 30, 4}, Act: catapult.ReLU, Loss: catapult.CrossEntropy},
		{Sizes: []int{3, 30, 1}, Act: catapult.Tanh, Loss: catapult.Logistic, Decay: 1e-3},
	} {
		net := randomNet(t, cfg, 10)
		theta := net.Init(0, 0)
		r := train(t, net, theta, catapult.TrainOptions[float64]{C: 1, Steps: 200, TrackHessian: 1, TrackNTK: 50})
		top, err := newSharpness(t, net, catapult.HessianCurvature, catapult.SharpnessOptions{Tol: 1e-8}).Top(theta)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "λ0", []float64{r.Lambda0.Value}, []float64{top.Value}, 1e-8)
		if r.Phase != catapult.Lazy || r.Loss > 0.5*r.Loss0 {
			t.Errorf("%v: %v, loss %v from %v", cfg.Loss, r.Phase, r.Loss, r.Loss0)
		}
		p := r.Trace[100]
		if p.Kappa != r.Eta*p.Hessian.Value || math.IsNaN(p.NTK.Value) || !math.IsNaN(r.Trace[99].NTK.Value) {
			t.Errorf("%v: step 100 is %+v", cfg.Loss, p)
		}
		// The loss is without the decay.
		near(t, "loss", []float64{p.Loss, r.Loss}, []float64{r.Trace[100].Loss, net.Loss(r.Theta)}, 1e-15)
	}
}

// With cross-entropy the curvature falls as the loss does, so that the loss stays
// monotone well beyond 2/λ0: the phases are less sharp.
func TestCrossEntropyOnTheDigits(t *testing.T) {
	set := digits.Train[float32](128)
	net := newNet(t, catapult.NetConfig{Sizes: []int{64, 128, 10}, Act: catapult.ReLU, Loss: catapult.CrossEntropy}, catapult.Data[float32]{X: set.X, Labels: set.Labels})
	r := train(t, net, net.Init(0, 0), catapult.TrainOptions[float32]{C: 4, Steps: 50, TrackHessian: 5})
	m := r.Mechanism
	if r.Phase != catapult.Catapult || m.Unstable != 0 || m.PeakStep != 0 || m.Stable < 0 || m.Stable > 20 || m.Kappa > 0.5 {
		t.Errorf("C = 4 is %v: %+v", r.Phase, m)
	}
	for i, p := range r.Trace[1:] {
		if p.Loss >= r.Trace[i].Loss {
			t.Errorf("loss rises from %v to %v at step %d", r.Trace[i].Loss, p.Loss, p.Step)
		}
	}
	if a := catapult.Accuracy(net.Predict(r.Theta), set.Labels); a < 0.95 {
		t.Errorf("training accuracy %v", a)
	}
}

// Train leaves its start point alone, whatever happens.
func TestTrainKeepsItsStart(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 10, 1}, Act: catapult.ReLU, BatchSize: 2}, 5)
	theta := net.Init(0, 0)
	keep := slices.Clone(theta)
	for _, c := range []float64{1, 50} {
		r := train(t, net, theta, catapult.TrainOptions[float64]{C: c, Steps: 30})
		if !slices.Equal(theta, keep) || slices.Equal(r.Theta, keep) {
			t.Errorf("C = %v changed its start point", c)
		}
	}
}

func TestTrainBadInputs(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 10, 1}, Act: catapult.Tanh}, 5)
	theta := net.Init(0, 0)
	bad := slices.Clone(theta)
	bad[2] = math.Inf(1)
	done := train(t, net, theta, catapult.TrainOptions[float64]{Eta: 0.1, Momentum: 0.5, Steps: 2})
	state, err := done.State()
	if err != nil {
		t.Fatal(err)
	}
	type opts = catapult.TrainOptions[float64]
	for _, c := range []struct {
		name  string
		theta []float64
		o     opts
		want  error
		word  string
	}{
		{"no rate", theta, opts{Steps: 1}, catapult.ErrArgument, "Eta"},
		{"two rates", theta, opts{Eta: 1, C: 1, Steps: 1}, catapult.ErrArgument, "Eta"},
		{"negative rate", theta, opts{Eta: -1, Steps: 1}, catapult.ErrArgument, "eta = -1"},
		{"NaN rate", theta, opts{Eta: math.NaN(), Steps: 1}, catapult.ErrArgument, "eta = NaN"},
		{"negative C", theta, opts{C: -2, Steps: 1}, catapult.ErrArgument, "C = -2"},
		{"no budget", theta, opts{Eta: 1}, catapult.ErrArgument, "Steps"},
		{"negative steps", theta, opts{Eta: 1, Steps: -3}, catapult.ErrArgument, "Steps = -3"},
		{"infinite time", theta, opts{Eta: 1, Time: math.Inf(1)}, catapult.ErrArgument, "Time"},
		{"momentum", theta, opts{Eta: 1, Steps: 1, Momentum: 1}, catapult.ErrArgument, "Momentum = 1"},
		{"cap", theta, opts{Eta: 1, Steps: 1, LossCap: -1}, catapult.ErrArgument, "LossCap"},
		{"track", theta, opts{Eta: 1, Steps: 1, TrackNTK: -1}, catapult.ErrArgument, "TrackNTK = -1"},
		{"tolerance", theta, opts{Eta: 1, Steps: 1, Sharpness: catapult.SharpnessOptions{Tol: -1}}, catapult.ErrArgument, "Tol = -1"},
		{"length", theta[1:], opts{Eta: 1, Steps: 1}, catapult.ErrShape, "theta0"},
		{"infinite parameter", bad, opts{Eta: 1, Steps: 1}, catapult.ErrNonFinite, "theta0"},
		{"resume with another rate", nil, opts{Eta: 0.2, Steps: 5, Resume: state}, catapult.ErrArgument, "Eta = 0.2"},
		{"resume with another momentum", nil, opts{Momentum: 0.1, Steps: 5, Resume: state}, catapult.ErrArgument, "Momentum = 0.1"},
		{"resume with Nesterov", nil, opts{Nesterov: true, Steps: 5, Resume: state}, catapult.ErrArgument, "Nesterov"},
	} {
		r, err := catapult.Train(context.Background(), net, c.theta, c.o)
		if r != nil || !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "catapult: ") || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: result %v, error %v, want one that wraps %v and names %s", c.name, r != nil, err, c.want, c.word)
		}
	}
	other := randomNet(t, catapult.NetConfig{Sizes: []int{3, 11, 1}, Act: catapult.Tanh}, 5)
	if r, err := catapult.Train(context.Background(), other, nil, opts{Steps: 5, Resume: state}); r != nil || err == nil {
		t.Errorf("a state of another net was resumed: %v", err)
	}
	empty := *state
	empty.Flow = nil
	if r, err := catapult.Train(context.Background(), net, nil, opts{Steps: 5, Resume: &empty}); r != nil || !errors.Is(err, flow.ErrCheckpoint) {
		t.Errorf("a state without a checkpoint: result %v, error %v", r != nil, err)
	}
}
