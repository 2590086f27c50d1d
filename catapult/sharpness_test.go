package catapult_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
	"gonum.org/v1/gonum/mat"
)

func newSharpness[T flow.Float](tb testing.TB, m catapult.Model[T], kind catapult.CurvatureKind, o catapult.SharpnessOptions) *catapult.Sharpness[T] {
	tb.Helper()
	s, err := catapult.NewSharpness(m, kind, o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSharpnessReference(t *testing.T) {
	t.Run("float64", testSharpnessReference[float64])
	t.Run("float32", testSharpnessReference[float32])
}

func testSharpnessReference[T flow.Float](t *testing.T) {
	tol := tolOf[T](1e-12, 2e-6)
	o := catapult.SharpnessOptions{Tol: 1e-7}
	cases := loadMLP(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.name(), func(t *testing.T) {
			net, theta := mlpNet[T](t, c)
			hess := newSharpness(t, net, catapult.HessianCurvature, o)
			top, low, err := hess.Extremes(theta, 3, 2)
			if err != nil {
				t.Fatal(err)
			}
			values := func(cs []catapult.Curvature) (v []float64) {
				for _, c := range cs {
					if !c.Converged {
						t.Errorf("not converged: %+v", c)
					}
					v = append(v, c.Value)
				}
				return v
			}
			near(t, "Hessian's top", values(top), c.HessTop, tol)
			near(t, "Hessian's bottom", values(low), c.HessLow, tol)
			ntk := newSharpness(t, net, catapult.KernelCurvature, o)
			l, err := ntk.Top(theta)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "λ", values([]catapult.Curvature{l}), c.NTKEigs[:1], tol)
		})
	}
}

// Along a run the warm-started values stay within their residuals of the exact
// ones, formed or not, and cost few products.
func TestSharpnessTracksARun(t *testing.T) {
	for _, c := range []struct {
		name string
		net  *catapult.Net[float64]
		eta  float64
	}{
		{"dense kernel", parityNet[float64](t, 32, catapult.ReLU, 48), 2.5},
		{"ten outputs", classNet(t, 24, 12), 1.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, theta := c.net, c.net.Init(1, 0)
			lambda0, err := catapult.Lambda0(net, theta)
			if err != nil {
				t.Fatal(err)
			}
			o := catapult.SharpnessOptions{Tol: 1e-4}
			ntk := newSharpness(t, net, catapult.KernelCurvature, o)
			hess := newSharpness(t, net, catapult.HessianCurvature, o)
			exact := newSharpness(t, net, catapult.HessianCurvature, catapult.SharpnessOptions{Tol: 1e-10, Refresh: 1})
			p := net.Dim()
			g, hv := make([]float64, p), make([]float64, p)
			var k mat.SymDense
			products, steps := 0, 40
			for range steps {
				a, err := ntk.Top(theta)
				if err != nil {
					t.Fatal(err)
				}
				net.NTK(&k, theta)
				top := eigs(t, &k)[0]
				b, err := hess.Top(theta)
				if err != nil {
					t.Fatal(err)
				}
				v := slices.Clone(hess.Vector())
				want, err := exact.Top(theta)
				if err != nil {
					t.Fatal(err)
				}
				if !a.Converged || !b.Converged || a.Residual > 1e-4*a.Value {
					t.Fatalf("not converged: %+v, %+v", a, b)
				}
				if math.Abs(a.Value-top) > 1e-7*top || math.Abs(b.Value-want.Value) > 1e-7*want.Value {
					t.Fatalf("λ = %v, %v, want %v, %v", a.Value, b.Value, top, want.Value)
				}
				// The residual is what it says.
				net.HessVec(hv, theta, v)
				kernel.Axpy(-b.Value, v, hv)
				if r := kernel.Nrm2(hv); math.Abs(r-b.Residual) > 1e-9*b.Value {
					t.Fatalf("residual %v, said to be %v", r, b.Residual)
				}
				products += b.Products
				net.EnergyGrad(g, theta)
				kernel.Axpy(-c.eta/lambda0.Value, g, theta)
			}
			if mean := float64(products) / float64(steps); mean > 12 {
				t.Errorf("%.1f Hessian products a step to 1e-4, want at most 12", mean)
			}
		})
	}
}

// classNet is a network of ten outputs on the first m digits, without so many
// samples that the kernel is formed.
func classNet(tb testing.TB, m, width int) *catapult.Net[float64] {
	set := digits.Train[float64](m)
	return newNet(tb, catapult.NetConfig{Sizes: []int{64, width, 10}, Act: catapult.ReLU}, catapult.Data[float64]{X: set.X, Y: set.OneHot()})
}

// A start vector that is an eigenvector hides that another one is the largest
// by now; the next cold start must find it.
func TestSharpnessNoticesACrossing(t *testing.T) {
	// Two samples on different axes: Θ is diagonal, and its entries are set by
	// the weights of each axis.
	x := kernel.MatrixOf(2, 2, []float64{1, 0, 0, 1})
	net := newNet(t, catapult.NetConfig{Sizes: []int{2, 1}, SigmaW: math.Sqrt2}, catapult.Data[float64]{X: x, Y: kernel.NewMatrix[float64](2, 1)})
	twoLayers := newNet(t, catapult.NetConfig{Sizes: []int{2, 2, 1}, Act: catapult.ReLU}, catapult.Data[float64]{X: x, Y: kernel.NewMatrix[float64](2, 1)})
	if l, err := catapult.Lambda0(net, []float64{1, 1}); err != nil || math.Abs(l.Value-0.5) > 1e-12 {
		t.Errorf("λ0 = %v, %v, want 1/2", l.Value, err)
	}
	// W = diag(a, b), v = (1, 1): ∂f_1 involves a only, ∂f_2 b only.
	theta := []float64{3, 0, 0, 1, 1, 1}
	s := newSharpness(t, twoLayers, catapult.HessianCurvature, catapult.SharpnessOptions{Refresh: 4})
	var last float64
	for k := range 9 {
		if k == 1 {
			theta[0], theta[3] = 1, 3
		}
		c, err := s.Top(theta)
		if err != nil {
			t.Fatal(err)
		}
		last = c.Value
	}
	want, err := newSharpness(t, twoLayers, catapult.HessianCurvature, catapult.SharpnessOptions{Refresh: 1}).Top(theta)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "largest eigenvalue", []float64{last}, []float64{want.Value}, 1e-6)
}

// Out of products the value is a lower bound with its residual, and says so.
func TestSharpnessNotConverged(t *testing.T) {
	net := parityNet[float64](t, 64, catapult.Tanh, 24)
	theta := net.Init(0, 0)
	o := catapult.SharpnessOptions{Tol: 1e-10}
	want, err := newSharpness(t, net, catapult.HessianCurvature, o).Top(theta)
	if err != nil || !want.Converged {
		t.Fatal(want, err)
	}
	o.MaxProducts = 3
	got, err := newSharpness(t, net, catapult.HessianCurvature, o).Top(theta)
	if err != nil {
		t.Fatal(err)
	}
	if got.Converged || got.Products != 3 || got.Residual <= 1e-10*got.Value || got.Value > want.Value*(1+1e-12) {
		t.Errorf("after 3 products %+v, want an unconverged bound below %v", got, want.Value)
	}
}

func TestZeroCurvature(t *testing.T) {
	net := parityNet[float64](t, 8, catapult.ReLU, 4)
	zero := make([]float64, net.Dim())
	if _, err := catapult.Lambda0(net, zero); !errors.Is(err, catapult.ErrZeroCurvature) {
		t.Errorf("λ0 of weights zero: error %v", err)
	}
	data := catapult.Data[float64]{X: kernel.NewMatrix[float64](3, 2), Y: kernel.NewMatrix[float64](3, 1)}
	blank := newNet(t, catapult.OneHidden(2, 5, catapult.Tanh), data)
	if _, err := catapult.Lambda0(blank, blank.Init(0, 0)); !errors.Is(err, catapult.ErrZeroCurvature) {
		t.Errorf("λ0 of data zero: error %v", err)
	}
	if _, err := catapult.SuggestRates(net, 0); !errors.Is(err, catapult.ErrZeroCurvature) {
		t.Errorf("rates for λ0 = 0: error %v", err)
	}
}

func TestSuggestRates(t *testing.T) {
	deep, err := catapult.SuggestRates(parityNet[float64](t, 8, catapult.ReLU, 4, 4), 0.5)
	if err != nil {
		t.Fatal(err)
	}
	flat, err := catapult.SuggestRates(parityNet[float64](t, 8, catapult.Tanh, 4, 4), 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if len(flat) >= len(deep) || deep[len(deep)-1].C <= 12 || flat[0].C >= 2 || flat[len(flat)-1].C <= 4 {
		t.Errorf("suggested %v and %v", flat, deep)
	}
	for _, r := range deep {
		if r.Eta != r.C/0.5 {
			t.Errorf("η = %v at C = %v and λ0 = 1/2", r.Eta, r.C)
		}
	}
}

func TestSharpnessBadInputs(t *testing.T) {
	net := parityNet[float64](t, 8, catapult.ReLU, 4)
	theta := net.Init(0, 0)
	s := newSharpness(t, net, catapult.HessianCurvature, catapult.SharpnessOptions{})
	bad := slices.Clone(theta)
	bad[0] = math.NaN()
	errOf := func(_ any, err error) error { return err }
	_, _, negative := s.Extremes(theta, -1, 0)
	for _, c := range []struct {
		name      string
		err, want error
	}{
		{"kind", errOf(catapult.NewSharpness(net, 7, catapult.SharpnessOptions{})), catapult.ErrArgument},
		{"tolerance", errOf(catapult.NewSharpness(net, 0, catapult.SharpnessOptions{Tol: math.NaN()})), catapult.ErrArgument},
		{"products", errOf(catapult.NewSharpness(net, 0, catapult.SharpnessOptions{MaxProducts: -1})), catapult.ErrArgument},
		{"length", errOf(s.Top(theta[1:])), catapult.ErrShape},
		{"NaN", errOf(s.Top(bad)), catapult.ErrNonFinite},
		{"count", negative, catapult.ErrArgument},
		{"lambda0", errOf(catapult.SuggestRates(net, math.NaN())), catapult.ErrNonFinite},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: error %v, want one that wraps %v", c.name, c.err, c.want)
		}
	}
}
