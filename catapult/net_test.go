package catapult_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

func TestMLPDerivatives(t *testing.T) {
	t.Run("float64", testMLPDerivatives[float64])
	t.Run("float32", testMLPDerivatives[float32])
}

func testMLPDerivatives[T flow.Float](t *testing.T) {
	tol := tolOf[T](1e-12, 2e-6)
	cases := loadMLP(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.name(), func(t *testing.T) {
			net, theta := mlpNet[T](t, c)
			p := net.Dim()
			if p != len(theta) || p != len(c.Grad) {
				t.Fatalf("%d parameters, file has %d and a gradient of %d", p, len(theta), len(c.Grad))
			}
			near(t, "f", net.Predict(theta).Data, flatten(c.F), tol)
			g := make([]T, p)
			near(t, "loss", []float64{net.EnergyGrad(g, theta), net.Loss(theta), net.EnergyGrad(nil, theta)},
				[]float64{c.LossValue, c.LossValue, c.LossValue}, tol)
			near(t, "gradient", g, c.Grad, 3*tol)
			v := make([]T, p)
			for i := range v {
				v[i] = T(math.Sin(1 + 0.5*float64(i)))
			}
			net.HessVec(g, theta, v)
			near(t, "H v", g, c.HVP, 3*tol)
		})
	}
}

// The exact Hessian product is the derivative of the gradient.
func TestHessVecIsDerivativeOfGradient(t *testing.T) {
	for _, act := range []catapult.Activation{catapult.Identity, catapult.Tanh, catapult.Sigmoid, catapult.Softplus, catapult.GELU} {
		for _, loss := range []catapult.Loss{catapult.MSE, catapult.CrossEntropy, catapult.Logistic} {
			t.Run(fmt.Sprint(act, "/", loss), func(t *testing.T) {
				k := 3
				if loss == catapult.Logistic {
					k = 1
				}
				net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 5, 4, k}, Act: act, Bias: true, Loss: loss, Decay: 0.1}, 7)
				theta, v := net.Init(4, 0), net.Init(5, 0)
				p := net.Dim()
				// Fourth-order central differences: error h⁴ f⁗ + eps/h.
				const h = 1e-3
				want, g, x := make([]float64, p), make([]float64, p), make([]float64, p)
				for _, s := range []struct{ at, w float64 }{{-2, 1. / 12}, {-1, -8. / 12}, {1, 8. / 12}, {2, -1. / 12}} {
					kernel.AxpyTo(x, s.at*h, v, theta)
					net.EnergyGrad(g, x)
					kernel.Axpy(s.w/h, g, want)
				}
				got := make([]float64, p)
				net.HessVec(got, theta, v)
				near(t, "H v", got, want, 1e-8)
				net.Caps().HessVec(got, theta, v)
				near(t, "Caps().HessVec", got, want, 1e-8)
			})
		}
	}
}

// randomNet is a network on m random samples.
func randomNet(tb testing.TB, c catapult.NetConfig, m int) *catapult.Net[float64] {
	tb.Helper()
	return newNet(tb, c, randomData(c, m))
}

func randomData(c catapult.NetConfig, m int) catapult.Data[float64] {
	r := rand.New(rand.NewPCG(7, 11))
	k := c.Sizes[len(c.Sizes)-1]
	d := catapult.Data[float64]{X: kernel.NewMatrix[float64](m, c.Sizes[0]), Y: kernel.NewMatrix[float64](m, k)}
	for i := range d.X.Data {
		d.X.Data[i] = r.NormFloat64()
	}
	for i := range d.Y.Data {
		d.Y.Data[i] = r.NormFloat64()
		if c.Loss == catapult.Logistic {
			d.Y.Data[i] = math.Copysign(1, d.Y.Data[i])
		}
	}
	if c.Loss == catapult.CrossEntropy {
		for range m {
			d.Labels = append(d.Labels, r.IntN(k))
		}
	}
	return d
}

// Weight decay adds γ/2|θ|² and its derivatives to the energy, and nothing to
// the loss.
func TestWeightDecay(t *testing.T) {
	c := catapult.NetConfig{Sizes: []int{3, 6, 1}, Act: catapult.Tanh}
	plain, d := randomNet(t, c, 5), c
	d.Decay = 0.3
	net := randomNet(t, d, 5)
	theta, v := net.Init(1, 0), net.Init(2, 0)
	p := net.Dim()
	g, want, hv, hw := make([]float64, p), make([]float64, p), make([]float64, p), make([]float64, p)
	e, l := net.EnergyGrad(g, theta), plain.EnergyGrad(want, theta)
	kernel.Axpy(0.3, theta, want)
	near(t, "gradient", g, want, 1e-14)
	near(t, "energy", []float64{e, net.Loss(theta)}, []float64{l + 0.15*kernel.SumSq(theta), l}, 1e-14)
	net.HessVec(hv, theta, v)
	plain.HessVec(hw, theta, v)
	kernel.Axpy(0.3, v, hw)
	near(t, "H v", hv, hw, 1e-14)
	net.LossGrad(g, theta)
	plain.LossGrad(want, theta)
	near(t, "gradient of the loss alone", g, want, 1e-15)
}

// Standard parameterisation: the same function of scaled weights, so gradients
// differ by the scale of each layer.
func TestStandardParameterisation(t *testing.T) {
	c := catapult.NetConfig{Sizes: []int{4, 6, 5, 2}, Act: catapult.ReLU, Bias: true, SigmaB: 0.2}
	ntk := randomNet(t, c, 8)
	c.Standard = true
	std := randomNet(t, c, 8)
	a, b := ntk.Init(3, 1), std.Init(3, 1)
	near(t, "f", std.Predict(b).Data, ntk.Predict(a).Data, 1e-14)
	ga, gb := make([]float64, ntk.Dim()), make([]float64, ntk.Dim())
	ntk.EnergyGrad(ga, a)
	std.EnergyGrad(gb, b)
	for l, fan := range []float64{4, 6, 5} {
		wa, ba := ntk.Weights(ga, l+1)
		wb, bb := std.Weights(gb, l+1)
		kernel.Scal(math.Sqrt(2/fan), wb.Data)
		kernel.Scal(0.2, bb)
		near(t, "weights' gradient", wa.Data, wb.Data, 1e-13)
		near(t, "biases' gradient", ba, bb, 1e-13)
	}
}

// Float32 nets start from the float64 numbers, rounded.
func TestInitIsAFunctionOfSeedAndIndex(t *testing.T) {
	c := catapult.OneHidden(3, 50, catapult.ReLU)
	net := randomNet(t, c, 4)
	x := randomData(c, 4)
	small := newNet(t, c, catapult.Data[float32]{X: kernel.MatrixOf(4, 3, cast[float32](x.X.Data)), Y: kernel.MatrixOf(4, 1, cast[float32](x.Y.Data))})
	a := net.Init(9, 2)
	if !slices.Equal(cast[float32](a), small.Init(9, 2)) {
		t.Error("float32 and float64 start from different numbers")
	}
	if !slices.Equal(a, net.Init(9, 2)) || slices.Equal(a, net.Init(9, 3)) || slices.Equal(a, net.Init(8, 2)) {
		t.Error("Init is no function of (seed, index) alone")
	}
	if m, v := kernel.Sum(a)/200, kernel.SumSq(a)/200; math.Abs(m) > 0.25 || math.Abs(v-1) > 0.4 {
		t.Errorf("200 parameters of mean %.2f and variance %.2f, want N(0, 1)", m, v)
	}
}

// The mean gradient over the batches of an epoch is the full one, and the batch
// of a step does not depend on what came before.
func TestMiniBatches(t *testing.T) {
	c := catapult.NetConfig{Sizes: []int{3, 5, 2}, Act: catapult.Tanh, Bias: true, BatchSize: 4, BatchSeed: 5}
	net := randomNet(t, c, 12)
	theta := net.Init(1, 0)
	p := net.Dim()
	full, g, mean := make([]float64, p), make([]float64, p), make([]float64, p)
	net.LossGrad(full, theta)
	draw := net.Caps().Draw
	if draw == nil || net.Caps().Autonomous {
		t.Fatal("a net with mini-batches must have Draw and not be autonomous")
	}
	var loss [3]float64
	for k := range 3 {
		draw(uint64(k))
		loss[k] = net.EnergyGrad(g, theta)
		kernel.Axpy(1./3, g, mean)
	}
	near(t, "mean of the batches' gradients", mean, full, 1e-13)
	near(t, "mean of the batches' losses", []float64{(loss[0] + loss[1] + loss[2]) / 3}, []float64{net.Loss(theta)}, 1e-13)
	draw(7)
	draw(1)
	if got := net.EnergyGrad(nil, theta); got != loss[1] {
		t.Errorf("loss of batch 1 is %v, then %v", loss[1], got)
	}
	// Lists given from outside are used in turn.
	c.BatchSize, c.Batches = 0, [][]int{{0, 1, 2}, {11}}
	net = randomNet(t, c, 12)
	net.Draw(3)
	f, y := net.Predict(theta), randomData(c, 12).Y
	want := 0.0
	for k := range 2 {
		want += 0.5 * math.Pow(f.At(11, k)-y.At(11, k), 2)
	}
	near(t, "loss of one sample", []float64{net.EnergyGrad(nil, theta)}, []float64{want}, 1e-14)
}

func TestPredictOnAndAccuracy(t *testing.T) {
	net := parityNet[float64](t, 40, catapult.ReLU, 16)
	theta := net.Init(1, 0)
	test := digits.Test[float64]()
	f := kernel.NewMatrix[float64](1000, 1)
	net.PredictOn(f, theta, test.X)
	train := digits.Train[float64](40)
	g := kernel.NewMatrix[float64](40, 1)
	net.PredictOn(g, theta, train.X)
	near(t, "f on the training set", g.Data, net.Predict(theta).Data, 1e-14)
	one := kernel.NewMatrix[float64](1, 1)
	net.PredictOn(one, theta, kernel.MatrixOf(1, 64, test.X.Row(999)))
	near(t, "f of the last test sample", one.Data, f.Data[999:], 1e-14)

	if a := catapult.Accuracy(kernel.MatrixOf(4, 1, []float64{1, -1, 0, 3}), []int{0, 1, 1, 1}); a != 0.75 {
		t.Errorf("accuracy of signs %v, want 0.75", a)
	}
	if a := catapult.Accuracy(kernel.MatrixOf(2, 3, []float64{1, 5, 2, 9, 0, 3}), []int{1, 2}); a != 0.5 {
		t.Errorf("accuracy of largest entries %v, want 0.5", a)
	}
}

// Frozen gates reproduce the reference model; with one hidden ReLU layer it is
// the quadratic model, everywhere.
func TestFrozenGatesAreTheQuadraticModel(t *testing.T) {
	var ref reluRef
	loadRef(t, "relu_net.json", &ref)
	net, theta0 := reluNet[float64](t, &ref, nil)
	frozen, err := net.FreezeGates(theta0)
	if err != nil {
		t.Fatal(err)
	}
	quad, err := catapult.NewQuadratic(net, theta0)
	if err != nil {
		t.Fatal(err)
	}
	p := net.Dim()
	g, h := make([]float64, p), make([]float64, p)
	for i := range 20 {
		theta := net.Init(uint64(i), 3)
		near(t, "f", quad.Predict(theta).Data, frozen.Predict(theta).Data, 1e-13)
		a, b := quad.EnergyGrad(g, theta), frozen.EnergyGrad(h, theta)
		near(t, "loss", []float64{a}, []float64{b}, 1e-13)
		near(t, "gradient", g, h, 1e-12)
	}
	// At θ_0 nothing has changed yet, in value and slope.
	near(t, "f(θ_0)", frozen.Predict(theta0).Data, net.Predict(theta0).Data, 1e-15)
	frozen.EnergyGrad(g, theta0)
	net.EnergyGrad(h, theta0)
	near(t, "gradient at θ_0", g, h, 1e-14)
}

func TestFrozenGatesFollowTheBatches(t *testing.T) {
	c := catapult.NetConfig{Sizes: []int{3, 7, 4, 1}, Act: catapult.ReLU, Batches: [][]int{{0, 2}, {1, 3, 4}}}
	net := randomNet(t, c, 5)
	theta := net.Init(1, 0)
	frozen, err := net.FreezeGates(theta)
	if err != nil {
		t.Fatal(err)
	}
	for k := range uint64(2) {
		net.Draw(k)
		frozen.Draw(k)
		near(t, "loss of a batch", []float64{frozen.EnergyGrad(nil, theta)}, []float64{net.EnergyGrad(nil, theta)}, 1e-15)
	}
}

// The expansions agree with the network to their order: the error is O(ε²) and
// O(ε³) along a line. Their gradients are those of their values.
func TestTaylorModels(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 6, 5, 2}, Act: catapult.Tanh, Bias: true}, 6)
	theta0, v := net.Init(1, 0), net.Init(2, 0)
	lin, err := catapult.NewLinearised(net, theta0)
	if err != nil {
		t.Fatal(err)
	}
	quad, err := catapult.NewQuadratic(net, theta0)
	if err != nil {
		t.Fatal(err)
	}
	p := net.Dim()
	x := make([]float64, p)
	errAt := func(eps float64, f func([]float64) kernel.Matrix[float64]) float64 {
		kernel.AxpyTo(x, eps, v, theta0)
		d := slices.Clone(f(x).Data)
		kernel.Axpy(-1, net.Predict(x).Data, d)
		return kernel.Nrm2(d)
	}
	for _, c := range []struct {
		name  string
		order float64
		f     func([]float64) kernel.Matrix[float64]
	}{{"linear", 2, lin.Predict}, {"quadratic", 3, quad.Predict}} {
		got := math.Log2(errAt(2e-3, c.f) / errAt(1e-3, c.f))
		if math.Abs(got-c.order) > 0.05 {
			t.Errorf("error of the %s expansion falls like ε^%.3f, want %v", c.name, got, c.order)
		}
	}
	kernel.AxpyTo(x, 0.3, v, theta0)
	for _, m := range []struct {
		name string
		e    flow.Energy[float64]
	}{{"linear", lin}, {"quadratic", quad}} {
		const h = 1e-4
		g, y := make([]float64, p), make([]float64, p)
		m.e.EnergyGrad(g, x)
		w := net.Init(3, 0)
		kernel.AxpyTo(y, h, w, x)
		up := m.e.EnergyGrad(nil, y)
		kernel.AxpyTo(y, -h, w, x)
		down := m.e.EnergyGrad(nil, y)
		near(t, m.name+" model's slope", []float64{kernel.Dot(g, w)}, []float64{(up - down) / (2 * h)}, 1e-6)
	}
	// The linear model's Hessian is the network's Gauss-Newton matrix at θ_0.
	a, b := make([]float64, p), make([]float64, p)
	lin.Caps().HessVec(a, x, v)
	net.GaussNewtonVec(b, theta0, v)
	near(t, "Hessian of the linear model", a, b, 1e-13)
	// Float32 has the same model up to rounding.
	if d := lin.Deviation(net, theta0, theta0); d > 1e-15 {
		t.Errorf("deviation %.1e at θ_0, want 0", d)
	}
}

// In the lazy phase the distance to the linearised run falls with the width.
// n^(-1/2) is the proved bound; these networks follow the 1/n of arXiv 1909.11304.
func TestLazyDeviationFallsWithWidth(t *testing.T) {
	dev := func(n int) float64 {
		sum := 0.0
		for seed := range uint64(4) {
			c := catapult.OneHidden(3, n, catapult.Tanh)
			net := randomNet(t, c, 6)
			theta := net.Init(seed, 0)
			lin, err := catapult.NewLinearised(net, theta)
			if err != nil {
				t.Fatal(err)
			}
			a, b := slices.Clone(theta), slices.Clone(theta)
			g := make([]float64, net.Dim())
			for range 20 {
				net.EnergyGrad(g, a)
				kernel.Axpy(-0.5, g, a)
				lin.EnergyGrad(g, b)
				kernel.Axpy(-0.5, g, b)
			}
			sum += lin.Deviation(net, a, b)
		}
		return sum / 4
	}
	slope := math.Log(dev(4096)/dev(64)) / math.Log(4096./64)
	if math.Abs(slope+1) > 0.1 {
		t.Errorf("deviation from the linear run falls like n^%.2f, want 1/n", slope)
	}
}

// b.4: one step of gradient descent changes the weight norm by exactly what
// homogeneity says.
func TestWeightNormIdentity(t *testing.T) {
	for _, c := range []struct {
		act   catapult.Activation
		sizes []int
	}{
		{catapult.ReLU, []int{3, 8, 1}}, {catapult.Identity, []int{3, 8, 1}}, {catapult.ReLU, []int{3, 8, 6, 2}},
		{catapult.LeakyReLU, []int{3, 8, 6, 5, 1}}, {catapult.Identity, []int{4, 1}},
	} {
		net := randomNet(t, catapult.NetConfig{Sizes: c.sizes, Act: c.act}, 9)
		for seed := range uint64(10) {
			for _, eta := range []float64{0.01, 0.5, 3} {
				n, err := net.WeightNorm(net.Init(seed, 0), eta)
				if err != nil {
					t.Fatal(err)
				}
				if n.Degree != len(c.sizes)-1 {
					t.Errorf("degree %d of sizes %v", n.Degree, c.sizes)
				}
				if math.Abs(n.Defect) > 1e-12*n.Scale {
					t.Errorf("%v %v, eta %v: |θ'|² - |θ|² = %v, want %v + %v", c.act, c.sizes, eta, n.Change, n.Linear, n.Quadratic)
				}
			}
		}
	}
}

func TestNetBadInputs(t *testing.T) {
	ok := catapult.NetConfig{Sizes: []int{2, 3, 1}, Act: catapult.ReLU}
	with := func(f func(*catapult.NetConfig)) catapult.NetConfig { c := ok; f(&c); return c }
	nan, inf := math.NaN(), math.Inf(1)
	x := kernel.MatrixOf(3, 2, []float64{1, 2, 3, 4, 5, 6})
	y := kernel.MatrixOf(3, 1, []float64{1, -1, 1})
	good := catapult.Data[float64]{X: x, Y: y}
	for _, c := range []struct {
		name string
		cfg  catapult.NetConfig
		data catapult.Data[float64]
		want error
		word string
	}{
		{"no sizes", with(func(c *catapult.NetConfig) { c.Sizes = nil }), good, catapult.ErrArgument, "Sizes"},
		{"one size", with(func(c *catapult.NetConfig) { c.Sizes = []int{2} }), good, catapult.ErrArgument, "Sizes"},
		{"width 0", with(func(c *catapult.NetConfig) { c.Sizes = []int{2, 0, 1} }), good, catapult.ErrArgument, "Sizes[1] = 0"},
		{"activation", with(func(c *catapult.NetConfig) { c.Act = 99 }), good, catapult.ErrArgument, "Act"},
		{"loss", with(func(c *catapult.NetConfig) { c.Loss = -1 }), good, catapult.ErrArgument, "Loss"},
		{"decay", with(func(c *catapult.NetConfig) { c.Decay = -1 }), good, catapult.ErrArgument, "Decay = -1"},
		{"NaN decay", with(func(c *catapult.NetConfig) { c.Decay = nan }), good, catapult.ErrArgument, "Decay"},
		{"sigma", with(func(c *catapult.NetConfig) { c.SigmaW = inf }), good, catapult.ErrArgument, "SigmaW"},
		{"batch size", with(func(c *catapult.NetConfig) { c.BatchSize = -2 }), good, catapult.ErrArgument, "BatchSize = -2"},
		{"large batch", with(func(c *catapult.NetConfig) { c.BatchSize = 4 }), good, catapult.ErrArgument, "BatchSize = 4"},
		{"two kinds of batches", with(func(c *catapult.NetConfig) { c.BatchSize, c.Batches = 1, [][]int{{0}} }), good, catapult.ErrArgument, "BatchSize"},
		{"empty batch", with(func(c *catapult.NetConfig) { c.Batches = [][]int{{0}, {}} }), good, catapult.ErrEmpty, "Batches[1]"},
		{"no batches", with(func(c *catapult.NetConfig) { c.Batches = [][]int{} }), good, catapult.ErrEmpty, "Batches"},
		{"batch index", with(func(c *catapult.NetConfig) { c.Batches = [][]int{{3}} }), good, catapult.ErrArgument, "sample 3"},
		{"logistic outputs", with(func(c *catapult.NetConfig) { c.Sizes, c.Loss = []int{2, 3, 2}, catapult.Logistic }), good, catapult.ErrArgument, "2 outputs"},
		{"logistic targets", with(func(c *catapult.NetConfig) { c.Loss = catapult.Logistic }),
			catapult.Data[float64]{X: x, Y: kernel.MatrixOf(3, 1, []float64{1, 0, 1})}, catapult.ErrArgument, "data.Y[1] = 0"},
		{"no data", ok, catapult.Data[float64]{}, catapult.ErrEmpty, "data.X"},
		{"columns", ok, catapult.Data[float64]{X: kernel.MatrixOf(2, 3, x.Data), Y: y}, catapult.ErrShape, "data.X is 2 x 3"},
		{"targets", ok, catapult.Data[float64]{X: x, Y: kernel.MatrixOf(1, 1, y.Data[:1])}, catapult.ErrShape, "data.Y is 1 x 1"},
		{"short memory", ok, catapult.Data[float64]{X: kernel.Matrix[float64]{Rows: 3, Cols: 2, Stride: 2, Data: x.Data[:5]}, Y: y}, catapult.ErrShape, "data.X"},
		{"NaN input", ok, catapult.Data[float64]{X: kernel.MatrixOf(3, 2, []float64{1, 2, 3, nan, 5, 6}), Y: y}, catapult.ErrNonFinite, "row 1"},
		{"infinite target", ok, catapult.Data[float64]{X: x, Y: kernel.MatrixOf(3, 1, []float64{1, 1, inf})}, catapult.ErrNonFinite, "row 2"},
		{"no labels", with(func(c *catapult.NetConfig) { c.Sizes, c.Loss = []int{2, 3, 4}, catapult.CrossEntropy }), good, catapult.ErrShape, "Labels"},
		{"label", with(func(c *catapult.NetConfig) { c.Sizes, c.Loss = []int{2, 3, 4}, catapult.CrossEntropy }),
			catapult.Data[float64]{X: x, Labels: []int{0, 4, 1}}, catapult.ErrArgument, "Labels[1] = 4"},
	} {
		net, err := catapult.NewNet(c.cfg, c.data)
		if net != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.word) || !strings.HasPrefix(err.Error(), "catapult: ") {
			t.Errorf("%s: net %v, error %v, want one that wraps %v and names %s", c.name, net != nil, err, c.want, c.word)
		}
	}
}

func TestNetMethodsBadInputs(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{2, 3, 1}, Act: catapult.ReLU}, 3)
	tanh := randomNet(t, catapult.NetConfig{Sizes: []int{2, 3, 1}, Act: catapult.Tanh}, 3)
	theta := net.Init(0, 0)
	bad := slices.Clone(theta)
	bad[4] = math.NaN()
	errOf := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"linearised length", errOf(catapult.NewLinearised(net, theta[1:])), catapult.ErrShape},
		{"linearised NaN", errOf(catapult.NewLinearised(net, bad)), catapult.ErrNonFinite},
		{"quadratic length", errOf(catapult.NewQuadratic(net, theta[1:])), catapult.ErrShape},
		{"gates of tanh", errOf(tanh.FreezeGates(theta)), catapult.ErrArgument},
		{"gates length", errOf(net.FreezeGates(theta[2:])), catapult.ErrShape},
		{"norm eta", errOf(net.WeightNorm(theta, 0)), catapult.ErrArgument},
		{"norm infinite eta", errOf(net.WeightNorm(theta, math.Inf(1))), catapult.ErrArgument},
		{"norm of tanh", errOf(tanh.WeightNorm(theta, 1)), catapult.ErrArgument},
		{"norm NaN", errOf(net.WeightNorm(bad, 1)), catapult.ErrNonFinite},
		{"infinite hidden", catapult.InfiniteReLU(nil, nil, kernel.NewMatrix[float64](2, 2), 0, 0, 0), catapult.ErrArgument},
		{"infinite sigma", catapult.InfiniteReLU(nil, nil, kernel.NewMatrix[float64](2, 2), 1, -1, 0), catapult.ErrArgument},
		{"infinite empty", catapult.InfiniteReLU(nil, nil, kernel.Matrix[float64]{}, 1, 0, 0), catapult.ErrEmpty},
		{"infinite NaN", catapult.InfiniteReLU(nil, nil, kernel.MatrixOf(1, 1, []float64{math.NaN()}), 1, 0, 0), catapult.ErrNonFinite},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: error %v, want one that wraps %v", c.name, c.err, c.want)
		}
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "3") {
			t.Errorf("gradient of a short θ panics with %v", r)
		}
	}()
	net.EnergyGrad(make([]float64, net.Dim()), theta[:3])
}

// The twins' Hessian and kernel products are those of their own outputs.
func TestTaylorProducts(t *testing.T) {
	net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 4, 3, 2}, Act: catapult.Tanh, Bias: true, Loss: catapult.CrossEntropy}, 5)
	theta0, theta := net.Init(1, 0), net.Init(4, 0)
	lin, err := catapult.NewLinearised(net, theta0)
	if err != nil {
		t.Fatal(err)
	}
	quad, err := catapult.NewQuadratic(net, theta0)
	if err != nil {
		t.Fatal(err)
	}
	p := net.Dim()
	v, u := net.Init(5, 0), net.Init(6, 0)[:10]
	for _, m := range []struct {
		name string
		catapult.Model[float64]
	}{{"linear", lin}, {"quadratic", quad}} {
		for _, at := range [][]float64{theta0, theta} {
			const h = 1e-3
			x, g := make([]float64, p), make([]float64, p)
			hv, jj := make([]float64, p), make([]float64, 10)
			for _, s := range []struct{ at, w float64 }{{-2, 1. / 12}, {-1, -8. / 12}, {1, 8. / 12}, {2, -1. / 12}} {
				kernel.AxpyTo(x, s.at*h, v, at)
				m.EnergyGrad(g, x)
				kernel.Axpy(s.w/h, g, hv)
			}
			got := make([]float64, p)
			m.HessVec(got, at, v)
			near(t, m.name+" model's H v", got, hv, 1e-8)
			// Jᵀu is the gradient of u·f, J w the derivative of f along w.
			jtu := make([]float64, p)
			for q := range p {
				copy(x, at)
				for _, s := range []struct{ at, w float64 }{{-2, 1. / 12}, {-1, -8. / 12}, {1, 8. / 12}, {2, -1. / 12}} {
					x[q] = at[q] + s.at*h
					jtu[q] += s.w / h * kernel.Dot(u, m.Predict(x).Data)
				}
			}
			for _, s := range []struct{ at, w float64 }{{-2, 1. / 12}, {-1, -8. / 12}, {1, 8. / 12}, {2, -1. / 12}} {
				kernel.AxpyTo(x, s.at*h, jtu, at)
				kernel.Axpy(s.w/h/5, m.Predict(x).Data, jj)
			}
			ku := make([]float64, 10)
			m.NTKVec(ku, at, u)
			near(t, m.name+" model's Θ u", ku, jj, 1e-8)
		}
	}
}
