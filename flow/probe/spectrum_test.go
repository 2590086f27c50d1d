package probe

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// quadratic is E = ½ Σ λ_i x_i², with or without its Hessian product.
type quadratic[T flow.Float] struct {
	eig   []float64
	exact bool
}

func (q quadratic[T]) Dim() int { return len(q.eig) }

func (q quadratic[T]) EnergyGrad(grad, x []T) float64 {
	var e float64
	for i, l := range q.eig {
		e += l / 2 * float64(x[i]) * float64(x[i])
		if grad != nil {
			grad[i] = T(l) * x[i]
		}
	}
	return e
}

func (q quadratic[T]) Caps() flow.Caps[T] {
	if !q.exact {
		return flow.Caps[T]{}
	}
	return flow.Caps[T]{HessVec: func(dst, _, v []T) {
		for i, l := range q.eig {
			dst[i] = T(l) * v[i]
		}
	}}
}

// quartic is E = Σ x_i⁴/4 + (Σ x_i)²/2, whose Hessian is diag(3x²) + 1 1ᵀ. At
// x = c (1, ..., 1) its eigenvalues are 3c² + n once and 3c², n-1 times.
func quartic[T flow.Float](n int) flow.Energy[T] {
	return flow.EnergyFunc(n, func(grad, x []T) float64 {
		s := kernel.Sum(x)
		e := s * s / 2
		for i, v := range x {
			e += float64(v*v) * float64(v*v) / 4
			if grad != nil {
				grad[i] = v*v*v + T(s)
			}
		}
		return e
	})
}

func random[T flow.Float](n int, seed uint64) []T {
	x := make([]T, n)
	philox.FillNormals(x, philox.Stream{Seed: seed}, philox.Sequence, 0)
	return x
}

func near(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			t.Errorf("%s: %v, want %v to within %v", what, got, want, tol)
			return
		}
	}
}

func TestQuadratic(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testQuadratic[float64](t, 1e-6, 1e-8) })
	// float32: differences of gradients are good to unit/delta = 2e-5 of the
	// largest eigenvalue times |x|.
	t.Run("float32", func(t *testing.T) { testQuadratic[float32](t, 1e-4, 5e-3) })
}

func testQuadratic[T flow.Float](t *testing.T, tol, within float64) {
	eig := []float64{-2, -2, -0.5, 0.1, 0.2, 0.3, 1, 1, 1, 4, 4, 6}
	x := random[T](len(eig), 1)
	for _, exact := range []bool{true, false} {
		for _, power := range []bool{false, true} {
			o := SpectrumOptions{Tol: tol, Power: power}
			e := quadratic[T]{eig, exact}
			top, err := HessianTop[T](e, x, 4, o)
			if err != nil {
				t.Fatal(err)
			}
			if top.Exact != exact {
				t.Errorf("Exact = %t, want %t", top.Exact, exact)
			}
			bottom, err := HessianBottom[T](e, x, 3, o)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "top", Values(top.Top), []float64{6, 4, 4, 1}, within)
			near(t, "bottom", Values(bottom.Bottom), []float64{-2, -2, -0.5}, within)
			if math.Abs(top.Sharpness()-6) > within || !math.IsNaN(bottom.Sharpness()) {
				t.Errorf("sharpness %v and %v, want 6 and NaN", top.Sharpness(), bottom.Sharpness())
			}
			if exact && !(top.Converged && bottom.Converged) {
				t.Errorf("power %t: converged %t, %t after %d, %d products", power, top.Converged, bottom.Converged, top.Products, bottom.Products)
			}
			for _, p := range slices.Concat(top.Top, bottom.Bottom) {
				if d := math.Abs(kernel.Nrm2(p.Vector) - 1); d > 1e-5 {
					t.Errorf("norm of an eigenvector is off by %v", d)
				}
			}
		}
	}
}

func TestQuartic(t *testing.T) {
	const n, c = 30, 0.5
	x := slices.Repeat([]float64{c}, n)
	for _, power := range []bool{false, true} {
		r, err := HessianTop(quartic[float64](n), x, 3, SpectrumOptions{Tol: 1e-7, Power: power})
		if err != nil || !r.Converged {
			t.Fatalf("converged %t, error %v", r.Converged, err)
		}
		near(t, "top", Values(r.Top), []float64{3*c*c + n, 3 * c * c, 3 * c * c}, 1e-6)
	}
	// The same from differences with a step of one's own, which along a unit
	// vector v adds δ² Σ v_i⁴: 1/n for the eigenvector, 3/n for random vectors.
	r, err := HessianTop(quartic[float64](n), x, 1, SpectrumOptions{Tol: 1e-7, Delta: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	delta := 1e-3 * (1 + c*math.Sqrt(n))
	if off := (r.Sharpness() - 3*c*c - n) / (delta * delta / n); r.Exact || off < 0.5 || off > 3 {
		t.Errorf("delta = 1e-3: eigenvalue off by %v δ²/n, want 1 to 3", off)
	}
}

// A spectrum symmetric to zero defeats power iteration without a shift.
func TestPowerSymmetricSpectrum(t *testing.T) {
	e := quadratic[float64]{[]float64{-3, 3, 1, -1, 0.5}, true}
	x := make([]float64, 5)
	s, err := NewSpectrum[float64](e, SpectrumOptions{Top: 2, Bottom: 2, Tol: 1e-8, Power: true, MaxProducts: 8000})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := s.At(x)
		if err != nil || !r.Converged {
			t.Fatalf("converged %t, error %v", r.Converged, err)
		}
		near(t, "top", Values(r.Top), []float64{3, 1}, 1e-7)
		near(t, "bottom", Values(r.Bottom), []float64{-3, -1}, 1e-7)
	}
}

func TestDefiniteSigns(t *testing.T) {
	for _, power := range []bool{false, true} {
		for _, eig := range [][]float64{{-1, -2, -3}, {0, 0, 0}, {-1, 0, 0}, {5}} {
			e := quadratic[float64]{eig, true}
			s, err := NewSpectrum[float64](e, SpectrumOptions{Top: 1, Bottom: 1, Tol: 1e-8, Power: power})
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.At(make([]float64, len(eig)))
			if err != nil || !r.Converged {
				t.Fatalf("%v: converged %t, error %v", eig, r.Converged, err)
			}
			near(t, "ends", []float64{r.Top[0].Value, r.Bottom[0].Value}, []float64{slices.Max(eig), slices.Min(eig)}, 1e-7)
		}
	}
}

func TestPowerUnconverged(t *testing.T) {
	eig := make([]float64, 100)
	for i := range eig {
		eig[i] = 1 - float64(i)/1e4
	}
	r, err := HessianTop[float64](quadratic[float64]{eig, true}, random[float64](100, 2), 2, SpectrumOptions{Tol: 1e-9, Power: true, MaxProducts: 30})
	if err != nil {
		t.Fatal(err)
	}
	if r.Converged || r.Products > 30 {
		t.Errorf("converged %t after %d products, want an unconverged result within 30", r.Converged, r.Products)
	}
	for _, p := range r.Top {
		if !(p.Residual > 1e-9) {
			t.Errorf("residual %v of an unconverged pair", p.Residual)
		}
	}
}

func TestFollow(t *testing.T) {
	const n = 200
	e := quartic[float64](n)
	s, err := NewSpectrum(e, SpectrumOptions{Tol: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	x := random[float64](n, 3)
	var first, later int
	for k := range 10 {
		r, err := s.At(x)
		if err != nil || !r.Converged {
			t.Fatalf("converged %t, error %v", r.Converged, err)
		}
		if k == 0 {
			first = r.Products
		} else {
			later = max(later, r.Products)
		}
		cold, err := HessianTop(e, x, 1, SpectrumOptions{Tol: 1e-9})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "followed", []float64{r.Sharpness()}, []float64{cold.Sharpness()}, 1e-3*cold.Sharpness())
		kernel.Scal(0.99, x)
	}
	if later > 2 || first <= later {
		t.Errorf("%d products at the first point, up to %d later, want at most 2", first, later)
	}
}

func TestHessVec(t *testing.T) {
	const n = 7
	x, v := random[float64](n, 1), random[float64](n, 2)
	kernel.Scal(1e3, v)
	mul, exact := HessVec(quartic[float64](n), 0)
	if exact {
		t.Error("differenced product called exact")
	}
	got, sum := make([]float64, n), kernel.Sum(v)
	mul(got, x, v)
	for i := range got {
		if want := 3*x[i]*x[i]*v[i] + sum; math.Abs(got[i]-want) > 1e-5*1e3 {
			t.Errorf("component %d of the product is %v, want %v", i, got[i], want)
		}
	}
	mul(got, x, make([]float64, n))
	if kernel.MaxAbs(got) != 0 {
		t.Errorf("product with 0 is %v", got)
	}
}

func TestSpectrumErrors(t *testing.T) {
	e := quadratic[float64]{[]float64{1, 2}, true}
	x := []float64{0, 0}
	for _, o := range []SpectrumOptions{{Top: -1}, {Bottom: -1}, {Tol: -1}, {Tol: math.NaN()}, {Delta: -1}, {Delta: math.Inf(1)}, {MaxProducts: -1}} {
		if _, err := NewSpectrum[float64](e, o); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%+v: error %v, want ErrArgument", o, err)
		}
	}
	if _, err := NewSpectrum[float64](nil, SpectrumOptions{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("nil energy: error %v", err)
	}
	if _, err := HessianTop[float64](e, x, 0, SpectrumOptions{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("k = 0: error %v", err)
	}
	if _, err := HessianBottom[float64](e, x, -1, SpectrumOptions{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("k = -1: error %v", err)
	}
	if _, err := HessianTop[float64](e, x[:1], 1, SpectrumOptions{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("short x: error %v", err)
	}
	if _, err := HessianTop[float64](e, []float64{0, math.NaN()}, 1, SpectrumOptions{}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("NaN in x: error %v", err)
	}
	for _, power := range []bool{false, true} {
		nan := flow.EnergyFunc(2, func(grad, x []float64) float64 {
			if grad != nil {
				grad[0], grad[1] = math.NaN(), 0
			}
			return 0
		})
		if _, err := HessianTop(nan, x, 1, SpectrumOptions{Power: power}); !errors.Is(err, flow.ErrNonFinite) {
			t.Errorf("NaN gradient, power %t: error %v, want ErrNonFinite", power, err)
		}
	}
}

func TestSpectrumNoAllocation(t *testing.T) {
	for _, power := range []bool{false, true} {
		s, err := NewSpectrum[float64](quadratic[float64]{[]float64{3, 1, 0.5, 0.1, -1}, false}, SpectrumOptions{Top: 2, Power: power})
		if err != nil {
			t.Fatal(err)
		}
		x := random[float64](5, 1)
		at := func() {
			if _, err := s.At(x); err != nil {
				t.Fatal(err)
			}
		}
		at()
		if n := testing.AllocsPerRun(5, at); n != 0 {
			t.Errorf("power %t: %v allocations in a repeated call, want 0", power, n)
		}
	}
}

func BenchmarkFollow(b *testing.B) {
	const n = 10000
	e := quartic[float64](n)
	s, err := NewSpectrum(e, SpectrumOptions{Tol: 1e-3})
	if err != nil {
		b.Fatal(err)
	}
	x := random[float64](n, 3)
	b.ReportAllocs()
	products := 0
	for range b.N {
		r, err := s.At(x)
		if err != nil {
			b.Fatal(err)
		}
		products += r.Products
	}
	b.ReportMetric(float64(products)/float64(b.N), "products/point")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
}
