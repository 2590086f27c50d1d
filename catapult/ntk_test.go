package catapult_test

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
	"gonum.org/v1/gonum/mat"
)

// eigs returns the eigenvalues of a symmetric matrix, largest first.
func eigs(tb testing.TB, a mat.Symmetric) []float64 {
	tb.Helper()
	var e mat.EigenSym
	if !e.Factorize(a, false) {
		tb.Fatal("eigenvalues not found")
	}
	v := e.Values(nil)
	for i, j := 0, len(v)-1; i < j; i, j = i+1, j-1 {
		v[i], v[j] = v[j], v[i]
	}
	return v
}

// dense is the p x p matrix of a linear operator.
func dense[T flow.Float](p int, mul func(dst, v []T)) *mat.SymDense {
	a, e, col := mat.NewSymDense(p, nil), make([]T, p), make([]T, p)
	for j := range p {
		e[j] = 1
		mul(col, e)
		e[j] = 0
		for i := range j + 1 {
			a.SetSym(i, j, float64(col[i]))
		}
	}
	return a
}

func entries(a mat.Symmetric) []float64 {
	n := a.SymmetricDim()
	var v []float64
	for i := range n {
		for j := range n {
			v = append(v, a.At(i, j))
		}
	}
	return v
}

func TestMLPSpectra(t *testing.T) {
	t.Run("float64", testMLPSpectra[float64])
	t.Run("float32", testMLPSpectra[float32])
}

func testMLPSpectra[T flow.Float](t *testing.T) {
	tol := tolOf[T](1e-12, 5e-6)
	cases := loadMLP(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.name(), func(t *testing.T) {
			net, theta := mlpNet[T](t, c)
			p, mk := net.Dim(), net.Samples()*net.Outputs()
			var ntk mat.SymDense
			net.NTK(&ntk, theta)
			near(t, "NTK", entries(&ntk), flatten(c.NTK), tol)
			near(t, "NTK eigenvalues", eigs(t, &ntk), c.NTKEigs, tol)
			free := dense(mk, func(dst, u []T) { net.NTKVec(dst, theta, u) })
			near(t, "matrix-free NTK", entries(free), flatten(c.NTK), tol)
			h := dense(p, func(dst, v []T) { net.HessVec(dst, theta, v) })
			e := eigs(t, h)
			near(t, "Hessian's top", e[:3], c.HessTop, tol)
			near(t, "Hessian's bottom", []float64{e[p-1], e[p-2]}, c.HessLow, tol)
			near(t, "Hessian's trace", []float64{h.Trace()}, []float64{c.HessTrace}, 3*tol)
			ggn := dense(p, func(dst, v []T) { net.GaussNewtonVec(dst, theta, v) })
			near(t, "Gauss-Newton's top", eigs(t, ggn)[:3], c.GGNTop, tol)
		})
	}
}

func TestReLUNetNTK(t *testing.T) {
	t.Run("float64", testReLUNetNTK[float64])
	t.Run("float32", testReLUNetNTK[float32])
}

func testReLUNetNTK[T flow.Float](t *testing.T) {
	var ref reluRef
	loadRef(t, "relu_net.json", &ref)
	net, theta := reluNet[T](t, &ref, nil)
	var ntk mat.SymDense
	net.NTK(&ntk, theta)
	tol := tolOf[T](1e-12, 2e-6)
	near(t, "NTK", entries(&ntk), flatten(ref.Theta0), tol)
	near(t, "λ0", eigs(t, &ntk)[:1], []float64{ref.Lam0}, tol)
	start := ref.Cases[0].Traj[0]
	near(t, "f", net.Predict(theta).Data, start.F, tol)
	near(t, "loss", []float64{net.Loss(theta)}, []float64{start.Loss}, tol)
	if a, total := net.ActiveUnits(theta); a != start.Active || total != ref.M*ref.N {
		t.Errorf("%d of %d units active, want %d of %d", a, total, start.Active, ref.M*ref.N)
	}
}

// Θ_(αk)(βk') against J Jᵀ/m with J from differences of the outputs, for
// several outputs, biases and both parameterisations.
func TestNTKIsJJ(t *testing.T) {
	for _, std := range []bool{false, true} {
		net := randomNet(t, catapult.NetConfig{Sizes: []int{3, 5, 4, 2}, Act: catapult.GELU, Bias: true, Standard: std, SigmaB: 0.3}, 4)
		theta := net.Init(1, 0)
		p, mk := net.Dim(), 8
		j := mat.NewDense(mk, p, nil)
		const h = 1e-3
		for q := range p {
			at := theta[q]
			for _, s := range []struct{ at, w float64 }{{-2, 1. / 12}, {-1, -8. / 12}, {1, 8. / 12}, {2, -1. / 12}} {
				theta[q] = at + s.at*h
				for i, f := range net.Predict(theta).Data {
					j.Set(i, q, j.At(i, q)+s.w/h*f)
				}
			}
			theta[q] = at
		}
		var want, got mat.SymDense
		want.SymOuterK(1./4, j)
		net.NTK(&got, theta)
		near(t, "NTK", entries(&got), entries(&want), 1e-8)
	}
}

// For MSE the Gauss-Newton matrix and the NTK have the same nonzero spectrum.
func TestGaussNewtonSharesTheNTKsSpectrum(t *testing.T) {
	net := parityNet[float64](t, 12, catapult.ReLU, 6)
	theta := net.Init(2, 0)
	var ntk mat.SymDense
	net.NTK(&ntk, theta)
	g := dense(net.Dim(), func(dst, v []float64) { net.GaussNewtonVec(dst, theta, v) })
	near(t, "spectrum", eigs(t, g)[:12], eigs(t, &ntk), 1e-12)
}

func TestInfiniteWidth(t *testing.T) {
	var ref struct {
		Gram []float64   `json:"gram_eigs"`
		Eigs []float64   `json:"ntk_relu_inf_eigs"`
		NTK  [][]float64 `json:"ntk_relu_inf_3x3"`
		NNGP [][]float64 `json:"nngp_3x3"`
	}
	loadRef(t, "digits.json", &ref)
	set := digits.Train[float64](256)
	var ntk, nngp, gram mat.SymDense
	if err := catapult.InfiniteReLU(&ntk, &nngp, set.X, 1, 0, 0); err != nil {
		t.Fatal(err)
	}
	top := func(a *mat.SymDense, k int) []float64 {
		v := eigs(t, a)[:k]
		for i := range v {
			v[i] /= 256
		}
		return v
	}
	near(t, "NTK", entries(ntk.SliceSym(0, 3)), flatten(ref.NTK), 1e-12)
	near(t, "covariance", entries(nngp.SliceSym(0, 3)), flatten(ref.NNGP), 1e-12)
	// The file's eigenvalues come from √Σ_11 √Σ_22 in place of √(Σ_11 Σ_22): on
	// the diagonal cos θ may then miss 1 by a rounding, θ by 1e-8, Θ by 1e-8 and
	// the eigenvalues of Θ/256 by 1e-11.
	near(t, "NTK eigenvalues", top(&ntk, len(ref.Eigs)), ref.Eigs, 2e-11)
	gram.SymOuterK(1, mat.NewDense(256, 64, set.X.Data))
	near(t, "Gram eigenvalues", top(&gram, len(ref.Gram)), ref.Gram, 1e-12)

	// Float32 data, the same kernel up to the rounding of the data.
	var small mat.SymDense
	if err := catapult.InfiniteReLU(&small, nil, digits.Train[float32](256).X, 1, 0, 0); err != nil {
		t.Fatal(err)
	}
	near(t, "NTK of float32 data", entries(&small), entries(&ntk), 1e-6)
}

// The kernel of random networks of finite width has the mean Θ_∞ for any depth,
// with and without biases.
func TestFiniteWidthApproachesTheInfinite(t *testing.T) {
	for _, c := range []struct {
		hidden []int
		bias   bool
	}{{[]int{2000}, false}, {[]int{600, 600}, true}, {[]int{400, 400, 400}, false}} {
		set := digits.Train[float64](4)
		cfg := catapult.NetConfig{Sizes: append(append([]int{64}, c.hidden...), 1), Act: catapult.ReLU, Bias: c.bias, SigmaB: 0.3}
		net := newNet(t, cfg, catapult.Data[float64]{X: set.X, Y: set.Parity()})
		var want, mean, one mat.SymDense
		sigmaB := 0.0
		if c.bias {
			sigmaB = 0.3
		}
		if err := catapult.InfiniteReLU(&want, nil, set.X, len(c.hidden), 0, sigmaB); err != nil {
			t.Fatal(err)
		}
		const seeds = 12
		mean.ReuseAsSym(4)
		for s := range uint64(seeds) {
			net.NTK(&one, net.Init(s, 0))
			one.ScaleSym(4./seeds, &one)
			mean.AddSym(&mean, &one)
		}
		// Fluctuations are O(√(depth/width)) a seed.
		near(t, "mean NTK", entries(&mean), entries(&want), 0.05)
	}
}

// The alignment of activations and gradients of the warm-up network is
// √n|f|/(|u||v|).
func TestAlignmentOfTheWarmUp(t *testing.T) {
	const n = 20
	net := newNet(t, catapult.OneHidden(1, n, catapult.Identity), catapult.Data[float64]{X: kernel.MatrixOf(1, 1, []float64{1}), Y: kernel.NewMatrix[float64](1, 1)})
	theta := net.Init(3, 0)
	u, v := theta[:n], theta[n:]
	f := kernel.Dot(u, v) / math.Sqrt(n)
	want := math.Sqrt(n) * math.Abs(f) / (kernel.Nrm2(u) * kernel.Nrm2(v))
	near(t, "alignment", net.Alignment(theta), []float64{want}, 1e-13)
	near(t, "f", net.Predict(theta).Data, []float64{f}, 1e-13)
	lambda := (kernel.SumSq(u) + kernel.SumSq(v)) / n
	var ntk mat.SymDense
	net.NTK(&ntk, theta)
	near(t, "λ", []float64{ntk.At(0, 0)}, []float64{lambda}, 1e-13)
}

// AGOP against gradients in the inputs from differences.
func TestAGOP(t *testing.T) {
	c := catapult.NetConfig{Sizes: []int{3, 6, 2}, Act: catapult.Tanh}
	net := randomNet(t, c, 5)
	theta, x := net.Init(1, 0), randomData(c, 5).X
	want := mat.NewSymDense(3, nil)
	const h = 1e-5
	up, down := kernel.NewMatrix[float64](1, 2), kernel.NewMatrix[float64](1, 2)
	for i := range 5 {
		g := mat.NewDense(3, 2, nil)
		for q := range 3 {
			y := append([]float64(nil), x.Row(i)...)
			y[q] += h
			net.PredictOn(up, theta, kernel.MatrixOf(1, 3, y))
			y[q] -= 2 * h
			net.PredictOn(down, theta, kernel.MatrixOf(1, 3, y))
			for k := range 2 {
				g.Set(q, k, (up.At(0, k)-down.At(0, k))/(2*h))
			}
		}
		var gg mat.SymDense
		gg.SymOuterK(1./5, g)
		want.AddSym(want, &gg)
	}
	got := kernel.NewMatrix[float64](3, 3)
	net.AGOP(got, theta)
	near(t, "AGOP", got.Data, entries(want), 1e-9)
}
