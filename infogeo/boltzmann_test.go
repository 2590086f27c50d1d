package infogeo

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

func testZeta[T flow.Float](t *testing.T, tol float64) {
	for n := 0; n <= 15; n++ {
		r := rand.New(philox.NewSource(41, n))
		x := make([]T, 1<<n)
		for i := range x {
			x[i] = T(r.NormFloat64())
		}
		down, up := append([]T(nil), x...), append([]T(nil), x...)
		SubsetSums(down)
		SupersetSums(up)
		// By definition, one bit after another.
		a, b := make([]float64, len(x)), make([]float64, len(x))
		for i, v := range x {
			a[i], b[i] = float64(v), float64(v)
		}
		for bit := 1; bit < len(x); bit *= 2 {
			for i := range a {
				if i&bit != 0 {
					a[i] += a[i^bit]
					b[i^bit] += b[i]
				}
			}
		}
		scale := tol * math.Sqrt(float64(len(x)))
		for i := range x {
			if math.Abs(float64(down[i])-a[i]) > scale || math.Abs(float64(up[i])-b[i]) > scale {
				t.Fatalf("N = %d, S = %b: %v and %v, want %v and %v", n, i, down[i], up[i], a[i], b[i])
			}
		}
	}
}

func TestZeta(t *testing.T) {
	testZeta[float64](t, 1e-14)
	testZeta[float32](t, 1e-5)
	defer func() {
		if recover() == nil {
			t.Error("no panic for a length that is no power of two")
		}
	}()
	SubsetSums(make([]float64, 12))
}

// A small case straight from the definition of subsets.
func TestZetaDefinition(t *testing.T) {
	x := []float64{1, 2, 4, 8, 16, 32, 64, 128}
	down, up := append([]float64(nil), x...), append([]float64(nil), x...)
	SubsetSums(down)
	SupersetSums(up)
	for s := range x {
		var a, b float64
		for r, v := range x {
			if r&^s == 0 {
				a += v
			}
			if s&^r == 0 {
				b += v
			}
		}
		if down[s] != a || up[s] != b {
			t.Errorf("S = %b: %v and %v, want %v and %v", s, down[s], up[s], a, b)
		}
	}
}

type isingReference struct {
	Theta, Eta []float64
	Psi        float64
	FisherRow  []float64 `json:"fisher_first_row"`
	Eigs       []float64 `json:"fisher_eigs"`
	Gradient   []float64
	Natural    []float64 `json:"natural_gradient"`
	Damping    float64
	Damped     []float64 `json:"damped_natural_gradient"`
	FlowAt1    []float64 `json:"ngd_flow_theta_t1"`
	Minimiser  []float64 `json:"minimiser_theta"`
	MinKL      float64   `json:"min_kl"`
}

func loadIsing(t testing.TB) (*Boltzmann, isingReference, []float64) {
	var file struct{ Ising4 isingReference }
	readReference(t, "boltzmann.json", &file)
	b, err := NewIsing(4)
	if err != nil {
		t.Fatal(err)
	}
	q := make([]float64, 16)
	for i := range q {
		q[i] = float64(i+1) / 136
	}
	return b, file.Ising4, q
}

func TestIsingReference(t *testing.T) {
	const tol = 1e-10
	b, want, q := loadIsing(t)
	got := make([]float64, 10)
	relClose(t, "psi", b.LogPartition(want.Theta), want.Psi, tol)
	b.Mean(got, want.Theta)
	vecClose(t, "eta", got, want.Eta, tol)
	var g mat.SymDense
	b.FisherDense(&g, want.Theta)
	vecClose(t, "Fisher row", mat.Row(nil, 0, &g), want.FisherRow, tol)
	var e mat.EigenSym
	if !e.Factorize(&g, false) {
		t.Fatal("no eigenvalues")
	}
	vecClose(t, "eigenvalues", e.Values(nil), want.Eigs, tol)
	target := make([]float64, 10)
	b.Moments(target, q)
	kernel.SubTo(got, got, target)
	vecClose(t, "gradient", got, want.Gradient, tol)
	x := make([]float64, 10)
	if err := b.FisherSolveVec(x, want.Theta, got, 0); err != nil {
		t.Fatal(err)
	}
	vecClose(t, "natural gradient", x, want.Natural, tol)
	if err := b.FisherSolveVec(x, want.Theta, got, want.Damping); err != nil {
		t.Fatal(err)
	}
	vecClose(t, "damped natural gradient", x, want.Damped, tol)
	if err := b.Natural(x, target); err != nil {
		t.Fatal(err)
	}
	vecClose(t, "minimiser", x, want.Minimiser, tol)
	p := make([]float64, 16)
	b.Probabilities(p, x)
	relClose(t, "least KL", KL(q, p), want.MinKL, tol)
	// The natural flow goes straight in η: θ(1) = θ(η_q + e⁻¹(η_0 - η_q)).
	b.Mean(got, want.Theta)
	kernel.Axpby(1-math.Exp(-1), target, math.Exp(-1), got)
	if err := b.Natural(x, got); err != nil {
		t.Fatal(err)
	}
	vecClose(t, "natural flow at t = 1", x, want.FlowAt1, tol)
}

// The machine is the log-linear model of its monomials.
func TestBoltzmannIsLogLinear(t *testing.T) {
	sets := []uint32{1, 2, 4, 8, 16, 3, 5, 24, 7, 31, 14}
	b, err := NewBoltzmann(5, sets)
	if err != nil {
		t.Fatal(err)
	}
	a := kernel.NewMatrix[float64](32, len(sets))
	bitsOf := make([]float64, 5)
	for s := range 32 {
		for i := range bitsOf {
			bitsOf[i] = float64(s >> i & 1)
		}
		b.Statistic(a.Row(s), bitsOf)
	}
	l, err := NewLogLinear(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(philox.NewSource(42, 0))
	d := len(sets)
	theta, v, x, y := make([]float64, d), make([]float64, d), make([]float64, d), make([]float64, d)
	for range 20 {
		for i := range theta {
			theta[i], v[i] = r.NormFloat64(), r.NormFloat64()
		}
		relClose(t, "psi", b.LogPartition(theta), l.LogPartition(theta), 1e-13)
		b.Mean(x, theta)
		l.Mean(y, theta)
		vecClose(t, "eta", x, y, 1e-13)
		b.FisherMulVec(x, theta, v)
		l.FisherMulVec(y, theta, v)
		vecClose(t, "G v", x, y, 1e-12)
		b.Cubic(x, theta, v)
		l.Cubic(y, theta, v)
		vecClose(t, "T[v,v]", x, y, 1e-11)
		var g, h mat.SymDense
		b.FisherDense(&g, theta)
		l.FisherDense(&h, theta)
		if !mat.EqualApprox(&g, &h, 1e-13) {
			t.Fatal("Fisher matrices differ")
		}
		copy(x, v)
		if err := b.FisherSolveVec(x, theta, x, 0); err != nil {
			t.Fatal(err)
		}
		b.FisherMulVec(x, theta, x)
		vecClose(t, "G G⁻¹ v", x, v, 1e-9)
	}
}

// The eight pixels of the digits: 36 parameters, seven steps.
func TestDigitsBoltzmann(t *testing.T) {
	var file struct {
		Counts [][2]int `json:"binary8_counts"`
		Ising8 struct {
			Theta   []float64
			Psi, KL float64
			Min     float64   `json:"fisher_lambda_min"`
			Max     float64   `json:"fisher_lambda_max"`
			History []float64 `json:"damped_newton_kl_history"`
		}
	}
	readReference(t, "digits_counts.json", &file)
	want := file.Ising8
	q := make([]float64, 256)
	for _, c := range file.Counts {
		q[c[0]] = float64(c[1]) / 1797
	}
	b, err := NewIsing(8)
	if err != nil {
		t.Fatal(err)
	}
	eta, p := make([]float64, 36), make([]float64, 256)
	b.Moments(eta, q)
	var history []float64
	res, err := Fit(context.Background(), b, eta, FitOptions{Tol: 1e-13, Observe: func(s FitStep) {
		b.Probabilities(p, s.Theta)
		history = append(history, KL(q, p))
	}})
	if err != nil {
		t.Fatal(err)
	}
	relClose(t, "KL at 0", history[0], want.History[0], 1e-11)
	for i, v := range res.Theta {
		if math.Abs(v-want.Theta[i]) > 1e-8 {
			t.Errorf("theta[%d] = %v, want %v", i, v, want.Theta[i])
		}
	}
	relClose(t, "KL", history[len(history)-1], want.KL, 1e-11)
	relClose(t, "psi", b.LogPartition(res.Theta), want.Psi, 1e-9)
	k := 0
	for ; history[k]-want.KL > 1e-14; k++ {
	}
	if k > len(want.History)-1 {
		t.Errorf("%d steps to an excess of 1e-14, the reference takes %d", k, len(want.History)-1)
	}
	var g mat.SymDense
	var e mat.EigenSym
	b.FisherDense(&g, res.Theta)
	if !e.Factorize(&g, false) {
		t.Fatal("no eigenvalues")
	}
	v := e.Values(nil)
	relClose(t, "lambda_min", v[0], want.Min, 1e-8)
	relClose(t, "lambda_max", v[35], want.Max, 1e-8)
	if v[35] < 1 {
		t.Error("lambda_max < 1: the sandwich of rates of the simplex would hold")
	}
}

// A pixel that is never set, and one that is the copy of another, have no finite estimate.
func TestBoltzmannNoFiniteMLE(t *testing.T) {
	b, err := NewIsing(3)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range [][]float64{
		{.4, .3, .2, .1, 0, 0, 0, 0},   // unit 2 is never on
		{.3, 0, 0, .2, .3, 0, 0, .2},   // unit 1 = unit 0
		{.3, .2, .1, 0, .2, .1, .1, 0}, // units 0 and 1 are never on together
		{.2, .2, .1, .1, .2, .1, .1, 0},
	} {
		eta := make([]float64, 6)
		b.Moments(eta, q)
		_, err := Fit(context.Background(), b, eta, FitOptions{})
		var none *NoFiniteMLEError
		// With pairs only, a single empty state out of eight leaves the moments inside.
		if zeros := countZeros(q); zeros > 1 {
			if !errors.As(err, &none) {
				t.Errorf("q = %v: %v, want a *NoFiniteMLEError", q, err)
			} else if u := none.Direction; u == nil {
				t.Errorf("q = %v: no direction", q)
			} else {
				lo, hi := b.supportRange(u)
				if kernel.Dot(u, eta) < hi-1e-9*(hi-lo) {
					t.Errorf("q = %v: direction %v is not one of recession", q, u)
				}
			}
		} else if err != nil {
			t.Errorf("q = %v: %v", q, err)
		}
	}
}

func countZeros(q []float64) (n int) {
	for _, v := range q {
		if v == 0 {
			n++
		}
	}
	return n
}

// Parameters of ±800 give finite means and products, and the log-partition function that
// they have.
func TestExtremeInteractions(t *testing.T) {
	b, err := NewIsing(3)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLogLinear(kernel.MatrixOf(4, 2, []float64{0, 0, 1, 0, 0, 1, 1, 1}), nil)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := Iris()
	r, err := NewRegression(withIntercept(x, 0, 150), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Family{b, l, r} {
		d := f.Dim()
		theta, v := make([]float64, d), make([]float64, d)
		for _, z := range []float64{800, -800, 1e300, -1e300} {
			theta[0], theta[1] = z, -z/2
			if psi := f.LogPartition(theta); math.IsNaN(psi) || math.IsInf(psi, 0) {
				t.Errorf("%T at %g: psi = %v", f, z, psi)
			}
			f.Mean(v, theta)
			if !kernel.AllFinite(v) {
				t.Errorf("%T at %g: mean %v", f, z, v)
			}
			f.FisherMulVec(v, theta, v)
			if !kernel.AllFinite(v) {
				t.Errorf("%T at %g: G v = %v", f, z, v)
			}
			if err := f.FisherSolveVec(v, theta, v, 0.1); err != nil || !kernel.AllFinite(v) {
				t.Errorf("%T at %g: damped solve %v, %v", f, z, v, err)
			}
		}
	}
}

// Large sums are divided among processors; the bits do not depend on how many there are.
func TestBoltzmannProcessors(t *testing.T) {
	f, err := NewIsing(16)
	if err != nil {
		t.Fatal(err)
	}
	d := f.Dim()
	theta, v := make([]float64, d), make([]float64, d)
	r := rand.New(philox.NewSource(44, 0))
	for i := range theta {
		theta[i], v[i] = 0.3*r.NormFloat64(), r.NormFloat64()
	}
	var got [2][]float64
	for i, procs := range []int{1, 4} {
		old := runtime.GOMAXPROCS(procs)
		f.known = false
		eta, gv := make([]float64, d), make([]float64, d)
		f.Mean(eta, theta)
		f.FisherMulVec(gv, theta, v)
		got[i] = append(eta, gv...)
		runtime.GOMAXPROCS(old)
	}
	vecClose(t, "one and four processors", got[0], got[1], 0)
}

func TestBoltzmannArguments(t *testing.T) {
	for _, c := range []struct {
		n    int
		sets []uint32
	}{{0, []uint32{1}}, {27, []uint32{1}}, {2, nil}, {2, []uint32{0}}, {2, []uint32{4}}, {2, []uint32{1, 1}}} {
		if _, err := NewBoltzmann(c.n, c.sets); !errors.Is(err, ErrInvalid) {
			t.Errorf("NewBoltzmann(%d, %v): %v, want ErrInvalid", c.n, c.sets, err)
		}
	}
	for _, n := range []int{-1, 0, 27, 100} {
		if _, err := NewIsing(n); !errors.Is(err, ErrInvalid) {
			t.Errorf("NewIsing(%d): %v, want ErrInvalid", n, err)
		}
	}
	b, err := NewIsing(5)
	if err != nil {
		t.Fatal(err)
	}
	if b.Dim() != 15 || b.sets[5] != 0b11 || b.sets[6] != 0b101 || b.sets[14] != 0b11000 {
		t.Errorf("sets %b", b.sets)
	}
	for _, s := range b.sets[5:] {
		if bits.OnesCount32(s) != 2 {
			t.Errorf("set %b is no pair", s)
		}
	}
}

func BenchmarkZeta(b *testing.B) {
	for _, n := range []int{14, 20} {
		x := make([]float64, 1<<n)
		b.Run(map[int]string{14: "N=14", 20: "N=20"}[n], func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(8 * len(x)))
			for b.Loop() {
				SubsetSums(x)
			}
		})
	}
}

func BenchmarkIsingGradient(b *testing.B) {
	for _, n := range []int{14, 20} {
		f, err := NewIsing(n)
		if err != nil {
			b.Fatal(err)
		}
		theta, eta := make([]float64, f.Dim()), make([]float64, f.Dim())
		b.Run(map[int]string{14: "N=14", 20: "N=20"}[n], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				theta[0] += 1e-9
				f.Mean(eta, theta)
			}
		})
	}
}

func BenchmarkDesignGradient(b *testing.B) {
	r := rand.New(philox.NewSource(43, 0))
	l := randomDesign(b, r, 1<<14, 105)
	theta, eta := make([]float64, l.Dim()), make([]float64, l.Dim())
	b.ReportAllocs()
	b.SetBytes(int64(8 * len(l.a.Data)))
	for b.Loop() {
		theta[0] += 1e-9
		l.Mean(eta, theta)
	}
}
