package lanczos

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
	"gonum.org/v1/gonum/mat"
)

// diagonal is the operator with the given eigenvalues in the unit vectors.
func diagonal[T kernel.Float](eig []float64) func(dst, v []T) {
	return func(dst, v []T) {
		for i, e := range eig {
			dst[i] = T(e) * v[i]
		}
	}
}

// rotated is an operator with the given eigenvalues in random directions: a
// diagonal matrix between Householder reflections.
func rotated[T kernel.Float](eig []float64, seed uint64) func(dst, v []T) {
	n := len(eig)
	var u [3][]float64
	for k := range u {
		u[k] = make([]float64, n)
		philox.FillNormals(u[k], philox.Stream{Seed: seed, ID: uint32(k)}, philox.Sequence, 0)
		kernel.Scal(1/kernel.Nrm2(u[k]), u[k])
	}
	x := make([]float64, n)
	return func(dst, v []T) {
		for i := range x {
			x[i] = float64(v[i])
		}
		for k := range u {
			kernel.Axpy(-2*kernel.Dot(u[k], x), u[k], x)
		}
		for i, e := range eig {
			x[i] *= e
		}
		for k := len(u) - 1; k >= 0; k-- {
			kernel.Axpy(-2*kernel.Dot(u[k], x), u[k], x)
		}
		for i := range x {
			dst[i] = T(x[i])
		}
	}
}

func repeat(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

func linspace(n int, a, b float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = a + (b-a)*float64(i)/float64(max(n-1, 1))
	}
	return v
}

var spectra = []struct {
	name        string
	eig         []float64
	top, bottom int
}{
	{"line", linspace(200, -1, 3), 4, 3},
	{"decay", func() []float64 {
		v := make([]float64, 300)
		for i := range v {
			v[i] = math.Exp(-0.1 * float64(i))
		}
		return v
	}(), 5, 0},
	{"double top", append([]float64{5, 5, 3, 2}, linspace(60, 0, 1)...), 3, 0},
	{"triple top", append([]float64{5, 5, 5}, linspace(60, 0, 1)...), 3, 1},
	{"double bottom", append([]float64{-7, -7, -1}, linspace(60, 0, 4)...), 1, 3},
	{"two values", append(repeat(30, 2), repeat(20, -1)...), 3, 3},
	{"identity", repeat(40, 1.5), 3, 2},
	{"zero", repeat(40, 0), 3, 1},
	{"rank one", append([]float64{4}, repeat(49, 0)...), 3, 2},
	{"semidefinite", append(repeat(50, 0), linspace(20, 1, 2)...), 2, 2},
	{"few", []float64{3, -2, 7}, 5, 5},
	{"all", []float64{1, 1, 2, 2, 3}, 5, 0},
	{"one", []float64{-4}, 1, 1},
	{"tiny", scaled(append([]float64{5, 5, 3}, linspace(40, 0, 1)...), 1e-30), 3, 1},
	{"huge", scaled(append([]float64{5, 5, 3}, linspace(40, 0, 1)...), 1e30), 3, 1},
}

func scaled(v []float64, c float64) []float64 {
	w := slices.Clone(v)
	kernel.Scal(c, w)
	return w
}

func TestSpectra(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testSpectra[float64](t, 1e-9) })
	t.Run("float32", func(t *testing.T) { testSpectra[float32](t, 1e-5) })
}

func testSpectra[T kernel.Float](t *testing.T, tol float64) {
	var ws Workspace[T]
	for _, s := range spectra {
		for seed := range uint64(3) {
			op := rotated[T](s.eig, seed)
			if seed == 2 {
				op = diagonal[T](s.eig)
			}
			r, err := ws.Solve(len(s.eig), op, Options[T]{Top: s.top, Bottom: s.bottom, Tol: tol, Stream: philox.Stream{Seed: seed}})
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if !r.Converged {
				t.Errorf("%s, seed %d: not converged after %d products: %+v", s.name, seed, r.Products, values(r.Top))
			}
			norm := kernel.MaxAbs(s.eig)
			want := slices.Clone(s.eig)
			sort.Sort(sort.Reverse(sort.Float64Slice(want)))
			check(t, fmt.Sprintf("%s top, seed %d", s.name, seed), op, r.Top, want[:min(s.top, len(want))], norm, tol)
			slices.Reverse(want)
			check(t, fmt.Sprintf("%s bottom, seed %d", s.name, seed), op, r.Bottom, want[:min(s.bottom, len(want))], norm, tol)
		}
	}
}

func values[T kernel.Float](p []Pair[T]) (v []float64) {
	for _, q := range p {
		v = append(v, q.Value)
	}
	return v
}

// check compares pairs with the true eigenvalues, and their residuals and
// orthonormality with what they should be.
func check[T kernel.Float](t *testing.T, name string, op func(dst, v []T), got []Pair[T], want []float64, norm, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d pairs, want %d", name, len(got), len(want))
	}
	// What products and dot products in T are accurate to.
	round := 30 * unit[T]() * norm
	for i, p := range got {
		if d := math.Abs(p.Value - want[i]); d > p.Residual+round {
			t.Errorf("%s: eigenvalue %d is %v, want %v within the residual %v", name, i, p.Value, want[i], p.Residual)
		}
		if p.Residual > tol*math.Abs(p.Value)+round {
			t.Errorf("%s: residual %d is %v of %v, want at most %v of it", name, i, p.Residual, p.Value, tol)
		}
		hv := make([]T, len(p.Vector))
		op(hv, p.Vector)
		kernel.Axpy(-T(p.Value), p.Vector, hv)
		if d := kernel.Nrm2(hv); d > 1.01*p.Residual+round {
			t.Errorf("%s: |Hv - θv| = %v for pair %d (θ = %v), want at most the reported %v", name, d, i, p.Value, p.Residual)
		}
		for j := range i + 1 {
			want := 0.0
			if i == j {
				want = 1
			}
			if d := math.Abs(float64(kernel.Dot(p.Vector, got[j].Vector)) - want); d > 100*unit[T]() {
				t.Errorf("%s: v_%d·v_%d is off by %v", name, i, j, d)
			}
		}
	}
}

func TestAgainstDense(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 5, 17, 60} {
		sym := mat.NewSymDense(n, nil)
		for i := range n {
			for j := i; j < n; j++ {
				sym.SetSym(i, j, r.NormFloat64())
			}
		}
		var eig mat.EigenSym
		if !eig.Factorize(sym, false) {
			t.Fatal("dense eigenvalues failed")
		}
		all := eig.Values(nil)
		var ws Workspace[float64]
		res, err := ws.Solve(n, func(dst, v []float64) {
			mat.NewVecDense(n, dst).MulVec(sym, mat.NewVecDense(n, v))
		}, Options[float64]{Top: 3, Bottom: 2, Tol: 1e-10})
		if err != nil || !res.Converged {
			t.Fatalf("n = %d: converged %t, error %v", n, res.Converged, err)
		}
		for i, p := range res.Bottom {
			if math.Abs(p.Value-all[i]) > 1e-9 {
				t.Errorf("n = %d: eigenvalue %d is %v, want %v", n, i, p.Value, all[i])
			}
		}
		for i, p := range res.Top {
			if math.Abs(p.Value-all[n-1-i]) > 1e-9 {
				t.Errorf("n = %d: eigenvalue %d from above is %v, want %v", n, i, p.Value, all[n-1-i])
			}
		}
	}
}

func TestTridiagonal(t *testing.T) {
	// The second-difference matrix has the eigenvalues 2 - 2 cos(kπ/(m+1)) and
	// sine eigenvectors.
	for _, m := range []int{1, 2, 3, 10, 57} {
		d, e, last := repeat(m, 2), repeat(m, -1), make([]float64, m)
		last[m-1] = 1
		if !tridiag(d, e, last, 1) {
			t.Fatalf("m = %d: no convergence", m)
		}
		for i, v := range d {
			k := math.Round(math.Acos(1-v/2) * float64(m+1) / math.Pi)
			if want := 2 - 2*math.Cos(k*math.Pi/float64(m+1)); math.Abs(v-want) > 1e-14*4 {
				t.Errorf("m = %d: eigenvalue %v, want %v", m, v, want)
			}
			want := math.Sqrt(2/float64(m+1)) * math.Abs(math.Sin(float64(m)*k*math.Pi/float64(m+1)))
			if math.Abs(math.Abs(last[i])-want) > 1e-13 {
				t.Errorf("m = %d: last component of eigenvector %v is %v, want %v", m, k, last[i], want)
			}
		}
		sort.Float64s(d)
		for i := 1; i < m; i++ {
			if d[i]-d[i-1] < 1e-6 {
				t.Errorf("m = %d: eigenvalue %v twice", m, d[i])
			}
		}
	}
}

func TestUnconverged(t *testing.T) {
	eig := linspace(2000, 0, 1)
	var ws Workspace[float64]
	r, err := ws.Solve(len(eig), diagonal[float64](eig), Options[float64]{Top: 2, Tol: 1e-12, MaxProducts: 12})
	if err != nil {
		t.Fatal(err)
	}
	if r.Converged || r.Products != 12 || len(r.Top) != 2 {
		t.Errorf("12 products on 2000 eigenvalues: converged %t, %d products, %d pairs", r.Converged, r.Products, len(r.Top))
	}
	for _, p := range r.Top {
		if !(p.Residual > 1e-6) {
			t.Errorf("residual of %v is %v, want one that tells", p.Value, p.Residual)
		}
	}
	if top := r.Top[0]; top.Value+top.Residual < 1 || top.Value > 1 {
		t.Errorf("θ = %v, residual %v: want them to embrace 1", top.Value, top.Residual)
	}
	r, err = ws.Solve(len(eig), diagonal[float64](eig), Options[float64]{Top: 5, MaxProducts: 3})
	if err != nil || r.Converged || len(r.Top) != 3 {
		t.Errorf("3 products for 5 pairs: %d pairs, converged %t, error %v", len(r.Top), r.Converged, err)
	}
}

func TestWarmStart(t *testing.T) {
	eig := linspace(1000, 0, 1)
	eig[999] = 1.1
	var ws Workspace[float64]
	o := Options[float64]{Tol: 1e-6}
	cold, err := ws.Solve(len(eig), rotated[float64](eig, 1), o)
	if err != nil {
		t.Fatal(err)
	}
	products := cold.Products
	start := slices.Clone(cold.Top[0].Vector)
	eig[999] = 1.12
	o.Start, o.Tol = start, 1e-3
	warm, err := ws.Solve(len(eig), rotated[float64](eig, 1), o)
	if err != nil || !warm.Converged {
		t.Fatalf("converged %t, error %v", warm.Converged, err)
	}
	if warm.Products > 2 || products < 10 {
		t.Errorf("%d products cold, %d warm, want at most 2 warm", products, warm.Products)
	}
	if math.Abs(warm.Top[0].Value-1.12) > 1e-5 {
		t.Errorf("top eigenvalue is %v, want 1.12", warm.Top[0].Value)
	}
}

// An eigenvector as start makes the Krylov space one-dimensional; the largest
// eigenvalue must be found nevertheless.
func TestWrongEigenvectorAsStart(t *testing.T) {
	eig := []float64{1, 2, 3, 4, 5}
	var ws Workspace[float64]
	r, err := ws.Solve(5, diagonal[float64](eig), Options[float64]{Start: []float64{0, 1, 0, 0, 0}})
	if err != nil || !r.Converged || math.Abs(r.Top[0].Value-5) > 1e-9 {
		t.Errorf("top eigenvalue %v, converged %t, error %v, want 5", values(r.Top), r.Converged, err)
	}
}

func TestDistinct(t *testing.T) {
	eig := append([]float64{5, 5, 3}, linspace(60, 0, 1)...)
	var ws Workspace[float64]
	r, err := ws.Solve(len(eig), rotated[float64](eig, 1), Options[float64]{Top: 2, Distinct: true})
	if err != nil || !r.Converged || math.Abs(r.Top[1].Value-3) > 1e-6 {
		t.Errorf("distinct eigenvalues %v, error %v, want 5, 3", values(r.Top), err)
	}
}

func TestSeed(t *testing.T) {
	eig := linspace(300, -1, 2)
	solve := func(seed uint64) (float64, []float64) {
		var ws Workspace[float64]
		r, err := ws.Solve(len(eig), diagonal[float64](eig), Options[float64]{Top: 2, Tol: 1e-4, Stream: philox.Stream{Seed: seed}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Top[0].Value, r.Top[0].Vector
	}
	a, va := solve(1)
	b, vb := solve(1)
	c, _ := solve(2)
	if a != b || !slices.Equal(va, vb) {
		t.Errorf("the same seed gives %v and %v", a, b)
	}
	if a == c {
		t.Errorf("two seeds give the same bits %v", a)
	}
}

func TestBadInput(t *testing.T) {
	var ws Workspace[float64]
	op := diagonal[float64]([]float64{1, 2, 3})
	for _, c := range []struct {
		n  int
		op func(dst, v []float64)
		o  Options[float64]
	}{
		{-1, op, Options[float64]{}},
		{3, nil, Options[float64]{}},
		{3, op, Options[float64]{Top: -1}},
		{3, op, Options[float64]{Bottom: -1}},
		{3, op, Options[float64]{Tol: -1}},
		{3, op, Options[float64]{Tol: math.NaN()}},
		{3, op, Options[float64]{MaxProducts: -1}},
		{3, op, Options[float64]{Start: make([]float64, 2)}},
	} {
		if r, err := ws.Solve(c.n, c.op, c.o); r != nil || !errors.Is(err, ErrArgument) {
			t.Errorf("n = %d, %+v: error %v, want ErrArgument", c.n, c.o, err)
		}
	}
	if _, err := ws.Solve(3, op, Options[float64]{Start: []float64{0, math.NaN(), 0}}); !errors.Is(err, ErrNonFinite) {
		t.Errorf("NaN in Start: error %v, want ErrNonFinite", err)
	}
	calls := 0
	nan := func(dst, v []float64) {
		op(dst, v)
		if calls++; calls == 2 {
			dst[1] = math.NaN()
		}
	}
	_, err := ws.Solve(3, nan, Options[float64]{})
	if !errors.Is(err, ErrNonFinite) || err.Error() != "lanczos: component 1 of product 2 is NaN: not finite" {
		t.Errorf("NaN in the second product: error %v", err)
	}
	r, err := ws.Solve(0, op, Options[float64]{Top: 2})
	if err != nil || !r.Converged || len(r.Top) != 0 {
		t.Errorf("n = 0: %+v, error %v, want no pairs", r, err)
	}
	// A zero start vector is none.
	r, err = ws.Solve(3, op, Options[float64]{Start: make([]float64, 3)})
	if err != nil || math.Abs(r.Top[0].Value-3) > 1e-9 {
		t.Errorf("zero start vector: %v, error %v, want 3", values(r.Top), err)
	}
}

func TestNoAllocation(t *testing.T) {
	eig := append([]float64{5, 5, 3}, linspace(60, 0, 1)...)
	op := diagonal[float32](eig)
	var ws Workspace[float32]
	solve := func() {
		if _, err := ws.Solve(len(eig), op, Options[float32]{Top: 3, Bottom: 1, Tol: 1e-4}); err != nil {
			t.Fatal(err)
		}
	}
	solve()
	if n := testing.AllocsPerRun(10, solve); n != 0 {
		t.Errorf("%v allocations in a repeated call, want 0", n)
	}
}

func BenchmarkTop(b *testing.B) {
	const n = 10000
	eig := linspace(n, 0, 1)
	eig[0] = 1.5
	op := diagonal[float64](eig)
	var ws Workspace[float64]
	b.ReportAllocs()
	products := 0
	for range b.N {
		r, err := ws.Solve(n, op, Options[float64]{Tol: 1e-3})
		if err != nil || !r.Converged {
			b.Fatal(r, err)
		}
		products += r.Products
	}
	b.ReportMetric(float64(products)/b.Elapsed().Seconds(), "products/s")
}
