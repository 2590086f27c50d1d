package nn_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
)

// problem is a random network with a batch and a loss.
type problem[T kernel.Float] struct {
	net   *nn.MLP
	ws    *nn.Workspace[T]
	crit  *nn.Criterion[T]
	x     kernel.Matrix[T]
	y     nn.Target[T]
	seed  kernel.Matrix[T]
	rseed kernel.Matrix[T]
	theta []T
}

func newProblem[T kernel.Float](tb testing.TB, c nn.Config, loss nn.Loss, m int) *problem[T] {
	tb.Helper()
	net, err := nn.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	k := net.Outputs()
	p := &problem[T]{
		net: net, ws: nn.NewWorkspace[T](net, m), crit: nn.NewCriterion[T](loss, m, k),
		x: kernel.NewMatrix[T](m, net.Inputs()), seed: kernel.NewMatrix[T](m, k), rseed: kernel.NewMatrix[T](m, k),
		theta: make([]T, net.Dim()),
	}
	nn.Init(net, p.theta, 7, 1)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range p.x.Data {
		p.x.Data[i] = T(r.NormFloat64())
	}
	if loss == nn.CrossEntropy {
		for i := range m {
			p.y.Labels = append(p.y.Labels, i%k)
		}
		return p
	}
	p.y.Y = kernel.NewMatrix[T](m, k)
	for i := range p.y.Y.Data {
		p.y.Y.Data[i] = T(1 - 2*(i%2))
	}
	return p
}

func (p *problem[T]) loss(theta []T) float64 {
	return p.crit.Eval(kernel.Matrix[T]{}, p.ws.Forward(theta, p.x), p.y)
}

func (p *problem[T]) grad(g, theta []T) float64 {
	l := p.crit.Eval(p.seed, p.ws.Forward(theta, p.x), p.y)
	p.ws.Backward(g, p.seed)
	return l
}

// hessVec is ∇²L v at the point of the last grad.
func (p *problem[T]) hessVec(dst, v []T) {
	p.crit.Hess(p.rseed, p.ws.JVP(v))
	p.ws.RBackward(dst, p.rseed)
}

func (p *problem[T]) outputs(theta []T) []T {
	return slices.Clone(p.ws.Forward(theta, p.x).Data)
}

func shifted[T kernel.Float](x []T, h T, v []T) []T {
	y := make([]T, len(x))
	kernel.AxpyTo(y, h, v, x)
	return y
}

func random[T kernel.Float](n int, seed uint64) []T {
	r := rand.New(rand.NewPCG(seed, 3))
	v := make([]T, n)
	for i := range v {
		v[i] = T(r.NormFloat64())
	}
	return v
}

// relErr is |a - b| / max(|a|, |b|), 0 if both vanish.
func relErr[T kernel.Float](a, b []T) float64 {
	d := make([]T, len(a))
	kernel.SubTo(d, a, b)
	if kernel.Nrm2(d) == 0 {
		return 0
	}
	return kernel.Nrm2(d) / max(kernel.Nrm2(a), kernel.Nrm2(b))
}

// central is the central difference (f(h) - f(-h))/2h.
func central(f func(h float64) []float64, h float64) []float64 {
	a, b := f(h), f(-h)
	for i := range a {
		a[i] = (a[i] - b[i]) / (2 * h)
	}
	return a
}

func eachProblem(t *testing.T, f func(t *testing.T, p *problem[float64], c nn.Config)) {
	for act := nn.Identity; act.Valid(); act++ {
		for _, bias := range []bool{false, true} {
			for _, standard := range []bool{false, true} {
				for loss := nn.MSE; loss.Valid(); loss++ {
					sizes := []int{3, 6, 5, 4}
					if loss == nn.Logistic || (loss == nn.MSE && bias) {
						sizes[3] = 1
					}
					c := nn.Config{Sizes: sizes, Act: act, Bias: bias, Standard: standard, SigmaB: 0.3}
					t.Run(fmt.Sprintf("%v/%v/bias=%t/standard=%t", act, loss, bias, standard), func(t *testing.T) {
						f(t, newProblem[float64](t, c, loss, 7), c)
					})
				}
			}
		}
	}
}

// Central differences with h = 1e-5 are good to about 1e-9 here; rectifiers are
// piecewise linear, and no unit changes sign within h at these points.
const fdTol = 2e-8

func TestDerivativesAgainstDifferences(t *testing.T) {
	eachProblem(t, func(t *testing.T, p *problem[float64], c nn.Config) {
		n := p.net.Dim()
		v, g, hv := random[float64](n, 5), make([]float64, n), make([]float64, n)
		check := func(name string, got, want []float64) {
			if e := relErr(got, want); !(e <= fdTol) {
				t.Errorf("%s differs from the central difference by %.1e", name, e)
			}
		}
		p.grad(g, p.theta)
		dl := central(func(h float64) []float64 { return []float64{p.loss(shifted(p.theta, h, v))} }, 1e-5)
		check("gradient", []float64{kernel.Dot(g, v)}, dl)

		p.grad(g, p.theta)
		p.hessVec(hv, v)
		fd := central(func(h float64) []float64 {
			d := make([]float64, n)
			p.grad(d, shifted(p.theta, h, v))
			return d
		}, 1e-5)
		check("Hessian-vector product", hv, fd)

		jv := func(theta []float64) []float64 {
			p.ws.Forward(theta, p.x)
			return slices.Clone(p.ws.JVP(v).Data)
		}
		fd = central(func(h float64) []float64 { return p.outputs(shifted(p.theta, h, v)) }, 1e-5)
		check("JVP", jv(p.theta), fd)
		jv(p.theta)
		second := slices.Clone(p.ws.SecondJVP().Data)
		fd = central(func(h float64) []float64 { return jv(shifted(p.theta, h, v)) }, 1e-5)
		check("second JVP", second, fd)
	})
}

func TestAdjointAndSymmetry(t *testing.T) {
	eachProblem(t, func(t *testing.T, p *problem[float64], c nn.Config) {
		n := p.net.Dim()
		v, w := random[float64](n, 5), random[float64](n, 6)
		g, hv, hw, jtu := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		p.grad(g, p.theta)
		// VJP and RBackward use the same scratch; neither disturbs Backward's.
		u := kernel.MatrixOf(p.seed.Rows, p.seed.Cols, random[float64](len(p.seed.Data), 8))
		p.ws.VJP(jtu, u)
		if a, b := kernel.Dot(u.Data, p.ws.JVP(v).Data), kernel.Dot(jtu, v); math.Abs(a-b) > 1e-12*(1+math.Abs(a)) {
			t.Errorf("u·Jv = %v but Jᵀu·v = %v", a, b)
		}
		p.hessVec(hv, v)
		p.ws.VJP(jtu, u)
		p.hessVec(hw, w)
		if a, b := kernel.Dot(hv, w), kernel.Dot(hw, v); math.Abs(a-b) > 1e-12*(1+math.Abs(a)) {
			t.Errorf("w·Hv = %v but v·Hw = %v", a, b)
		}
		back := slices.Clone(g)
		p.ws.VJP(back, p.seed)
		if e := relErr(back, g); e > 1e-15 {
			t.Errorf("VJP and Backward differ by %.1e", e)
		}
	})
}

func TestHomogeneity(t *testing.T) {
	for _, act := range []nn.Activation{nn.Identity, nn.ReLU, nn.LeakyReLU} {
		p := newProblem[float64](t, nn.Config{Sizes: []int{3, 6, 5, 2}, Act: act}, nn.MSE, 5)
		f := p.outputs(p.theta)
		// Euler: J θ = D f for a function homogeneous of degree D.
		jt := slices.Clone(p.ws.JVP(p.theta).Data)
		kernel.Scal(float64(p.net.Depth()), f)
		if e := relErr(jt, f); e > 1e-13 {
			t.Errorf("%v: Jθ differs from Df by %.1e", act, e)
		}
	}
}

// Frozen gates make a one-hidden-layer rectifier net bilinear: it must agree
// with the net where they were frozen, in value and slope, and be quadratic.
func TestFrozenGates(t *testing.T) {
	p := newProblem[float64](t, nn.Config{Sizes: []int{3, 9, 1}, Act: nn.ReLU}, nn.MSE, 6)
	n := p.net.Dim()
	v, g, gf := random[float64](n, 4), make([]float64, n), make([]float64, n)
	f := p.outputs(p.theta)
	p.grad(g, p.theta)
	jv := slices.Clone(p.ws.JVP(v).Data)
	second := slices.Clone(p.ws.SecondJVP().Data)
	p.ws.FreezeGates(p.theta, p.x)
	if e := relErr(p.outputs(p.theta), f); e > 1e-15 {
		t.Errorf("outputs with frozen gates differ by %.1e", e)
	}
	p.grad(gf, p.theta)
	if e := relErr(gf, g); e > 1e-15 {
		t.Errorf("gradient with frozen gates differs by %.1e", e)
	}
	want := slices.Clone(f)
	kernel.Axpy(1, jv, want)
	kernel.Axpy(0.5, second, want)
	if e := relErr(p.outputs(shifted(p.theta, 1, v)), want); e > 1e-13 {
		t.Errorf("frozen net differs from f + Jv + ½ v·f''·v by %.1e", e)
	}
	p.ws.SetGates(nil)
	if e := relErr(p.outputs(shifted(p.theta, 1, v)), want); e < 1e-3 {
		t.Errorf("the net itself agrees with its expansion to %.1e: gates stayed frozen", e)
	}
}

func TestSmallerBatch(t *testing.T) {
	p := newProblem[float64](t, nn.Config{Sizes: []int{3, 6, 5, 2}, Act: nn.GELU, Bias: true}, nn.MSE, 9)
	n := p.net.Dim()
	g, sum := make([]float64, n), make([]float64, n)
	full := make([]float64, n)
	p.grad(full, p.theta)
	for _, idx := range [][]int{{0, 3, 8}, {1, 2, 4, 5, 6, 7}} {
		var x kernel.Matrix[float64]
		var y nn.Target[float64]
		nn.GatherRows(&x, p.x, idx)
		y.Gather(p.y, idx)
		seed := kernel.NewMatrix[float64](len(idx), 2)
		p.crit.Eval(seed, p.ws.Forward(p.theta, x), y)
		p.ws.Backward(g, seed)
		kernel.Axpy(float64(len(idx))/9, g, sum)
	}
	if e := relErr(sum, full); e > 1e-14 {
		t.Errorf("weighted gradients of two batches differ from the whole by %.1e", e)
	}
}

// TestFloat32 holds the single-precision net to 2e-5 of the double-precision
// one, some hundred roundings of 6e-8.
func TestFloat32(t *testing.T) {
	for act := nn.Identity; act.Valid(); act++ {
		c := nn.Config{Sizes: []int{5, 16, 16, 3}, Act: act, Bias: true}
		p, q := newProblem[float64](t, c, nn.CrossEntropy, 11), newProblem[float32](t, c, nn.CrossEntropy, 11)
		n := p.net.Dim()
		g, h, v := make([]float64, n), make([]float64, n), random[float64](n, 5)
		g32, h32, v32 := make([]float32, n), make([]float32, n), random[float32](n, 5)
		l, l32 := p.grad(g, p.theta), q.grad(g32, q.theta)
		p.hessVec(h, v)
		q.hessVec(h32, v32)
		if math.Abs(l-l32) > 2e-5*l {
			t.Errorf("%v: loss %v in float32, want %v", act, l32, l)
		}
		for name, pair := range map[string][2][]float64{"gradient": {g, widen(g32)}, "Hv": {h, widen(h32)}} {
			if e := relErr(pair[0], pair[1]); e > 2e-5 {
				t.Errorf("%v: %s in float32 is off by %.1e", act, name, e)
			}
		}
	}
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func TestInitDependsOnSeedAndIndexOnly(t *testing.T) {
	net, err := nn.New(nn.Config{Sizes: []int{10, 200, 1}, Act: nn.ReLU})
	if err != nil {
		t.Fatal(err)
	}
	get := func(seed, index uint64) []float64 {
		x := make([]float64, net.Dim())
		nn.Init(net, x, seed, index)
		return x
	}
	a := get(1, 2)
	if !slices.Equal(a, get(1, 2)) {
		t.Error("two calls with one seed differ")
	}
	for _, b := range [][]float64{get(2, 1), get(1, 3), get(2, 2)} {
		if c := kernel.Dot(a, b) / float64(len(a)); math.Abs(c) > 0.1 {
			t.Errorf("streams are correlated: %v", c)
		}
	}
	if v := kernel.SumSq(a) / float64(len(a)); math.Abs(v-1) > 0.1 {
		t.Errorf("variance %v, want about 1", v)
	}
}

func TestStandardParameterisationIsTheSameFunction(t *testing.T) {
	c := nn.Config{Sizes: []int{4, 8, 8, 2}, Act: nn.Tanh, SigmaW: 1.3}
	p := newProblem[float64](t, c, nn.MSE, 5)
	c.Standard = true
	q := newProblem[float64](t, c, nn.MSE, 5)
	if e := relErr(p.outputs(p.theta), q.outputs(q.theta)); e > 1e-14 {
		t.Errorf("outputs of the two parameterisations differ by %.1e for one seed", e)
	}
}

func TestBadConfig(t *testing.T) {
	for name, c := range map[string]nn.Config{
		"no sizes":     {},
		"one size":     {Sizes: []int{3}},
		"empty layer":  {Sizes: []int{3, 0, 1}},
		"activation":   {Sizes: []int{3, 1}, Act: nn.Activation(99)},
		"negative dev": {Sizes: []int{3, 1}, SigmaW: -1},
		"NaN":          {Sizes: []int{3, 1}, SigmaB: math.NaN()},
		"infinite":     {Sizes: []int{3, 1}, SigmaW: math.Inf(1)},
	} {
		if _, err := nn.New(c); !errors.Is(err, nn.ErrConfig) {
			t.Errorf("%s: error %v, want ErrConfig", name, err)
		}
	}
}

func TestLengthPanics(t *testing.T) {
	p := newProblem[float64](t, nn.Config{Sizes: []int{3, 4, 1}, Act: nn.ReLU}, nn.MSE, 5)
	p.ws.Forward(p.theta, p.x)
	for name, f := range map[string]func(){
		"theta":    func() { p.ws.Forward(p.theta[1:], p.x) },
		"columns":  func() { p.ws.Forward(p.theta, kernel.NewMatrix[float64](5, 2)) },
		"rows":     func() { p.ws.Forward(p.theta, kernel.NewMatrix[float64](6, 3)) },
		"no rows":  func() { p.ws.Forward(p.theta, kernel.NewMatrix[float64](0, 3)) },
		"grad":     func() { p.ws.Backward(make([]float64, 1), p.seed) },
		"seed":     func() { p.ws.VJP(make([]float64, len(p.theta)), kernel.NewMatrix[float64](4, 1)) },
		"v":        func() { p.ws.JVP(p.theta[2:]) },
		"target":   func() { p.crit.Eval(p.seed, p.ws.Forward(p.theta, p.x), nn.Target[float64]{Labels: []int{1}}) },
		"capacity": func() { nn.NewWorkspace[float64](p.net, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestAllocations(t *testing.T) {
	for act := nn.Identity; act.Valid(); act++ {
		for loss := nn.MSE; loss <= nn.CrossEntropy; loss++ {
			p := newProblem[float32](t, nn.Config{Sizes: []int{6, 20, 20, 3}, Act: act, Bias: true}, loss, 8)
			g, v := make([]float32, p.net.Dim()), random[float32](p.net.Dim(), 1)
			if n := testing.AllocsPerRun(5, func() {
				p.grad(g, p.theta)
				p.hessVec(g, v)
				p.ws.SecondJVP()
				p.ws.VJP(g, p.seed)
			}); n != 0 {
				t.Errorf("%v, %v: %v allocations a step", act, loss, n)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	if s := fmt.Sprint(nn.ReLU, nn.GELU, nn.Activation(-1), nn.CrossEntropy, nn.Loss(9)); s != "relu gelu Activation(-1) cross-entropy Loss(9)" {
		t.Error(s)
	}
}

func Example() {
	net, _ := nn.New(nn.Config{Sizes: []int{2, 3, 1}, Act: nn.ReLU})
	theta := []float64{1, 0, 0, 1, -1, -1 /* W_1 */, 1, 1, 1 /* W_2 */}
	ws := nn.NewWorkspace[float64](net, 1)
	f := ws.Forward(theta, kernel.MatrixOf(1, 2, []float64{3, 4}))
	// f = √(2/3) (relu(3) + relu(4) + relu(-7)) with inputs scaled by √(2/2).
	fmt.Printf("%.4f\n", f.At(0, 0))
	// Output: 5.7155
}

func BenchmarkGradReLU(b *testing.B) {
	p := newProblem[float32](b, nn.Config{Sizes: []int{64, 512, 1}, Act: nn.ReLU}, nn.MSE, 256)
	g := make([]float32, p.net.Dim())
	b.ReportAllocs()
	for b.Loop() {
		p.grad(g, p.theta)
	}
	b.ReportMetric(4*256*64*512*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

func BenchmarkHessVecReLU(b *testing.B) {
	p := newProblem[float32](b, nn.Config{Sizes: []int{64, 512, 1}, Act: nn.ReLU}, nn.MSE, 256)
	g, v := make([]float32, p.net.Dim()), random[float32](p.net.Dim(), 1)
	p.grad(g, p.theta)
	b.ReportAllocs()
	for b.Loop() {
		p.hessVec(g, v)
	}
}

// The derivatives that a VJP leaves are those of a backward pass with the same
// seed, and the backward pass's own stay.
func TestCotangent(t *testing.T) {
	for _, act := range []nn.Activation{nn.ReLU, nn.LeakyReLU, nn.Identity, nn.Tanh, nn.GELU} {
		for _, out := range []int{1, 3} {
			p := newProblem[float64](t, nn.Config{Sizes: []int{3, 6, 5, out}, Act: act, Bias: true}, nn.MSE, 4)
			ws, other := nn.NewWorkspace[float64](p.net, 4), nn.NewWorkspace[float64](p.net, 4)
			ws.Forward(p.theta, p.x)
			other.Forward(p.theta, p.x)
			a := kernel.MatrixOf(4, out, random[float64](4*out, 3))
			b := kernel.MatrixOf(4, out, random[float64](4*out, 4))
			ws.Backward(nil, a)
			ws.VJP(nil, b)
			other.Backward(nil, b)
			for l := 1; l < p.net.Depth(); l++ {
				if e := relErr(ws.Cotangent(l).Data, other.Delta(l).Data); e > 1e-15 {
					t.Errorf("%v, %d outputs: cotangent of layer %d differs by %.1e", act, out, l, e)
				}
			}
			other.Backward(nil, a)
			for l := 1; l <= p.net.Depth(); l++ {
				if e := relErr(ws.Delta(l).Data, other.Delta(l).Data); e != 0 {
					t.Errorf("%v, %d outputs: a VJP changed layer %d of the backward pass", act, out, l)
				}
			}
		}
	}
}
