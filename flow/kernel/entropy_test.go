package kernel_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// bigEntropy is Σ p log(p/q) - p + q with 200 bits, by the series of atanh.
func bigEntropy(p, q float64) float64 {
	b := func(x float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(x) }
	op := func(f func(z, x, y *big.Float) *big.Float, x, y *big.Float) *big.Float {
		return f(new(big.Float).SetPrec(200), x, y)
	}
	z := op((*big.Float).Quo, op((*big.Float).Sub, b(p), b(q)), op((*big.Float).Add, b(p), b(q)))
	z2, pow, sum := op((*big.Float).Mul, z, z), z, b(0)
	for k := 1; k < 400; k += 2 {
		sum = op((*big.Float).Add, sum, op((*big.Float).Quo, pow, b(float64(k))))
		pow = op((*big.Float).Mul, pow, z2)
	}
	l := op((*big.Float).Mul, b(2*p), sum)
	r, _ := op((*big.Float).Add, op((*big.Float).Sub, l, b(p)), b(q)).Float64()
	return r
}

func testRelativeEntropy[T kernel.Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	one := func(p, q T) (got, want float64) {
		// At every place of a vector, so that body and tail are used.
		n := 1 + rng.IntN(11)
		ps, qs := make([]T, n), make([]T, n)
		for i := range ps {
			ps[i], qs[i] = 0.5, 0.5
		}
		i := rng.IntN(n)
		ps[i], qs[i] = p, q
		return kernel.RelativeEntropy(ps, qs), bigEntropy(float64(p), float64(q))
	}
	for range 400 {
		q := T(rng.Float64())
		p := q * T(math.Exp(math.Ldexp(rng.Float64()-.5, -rng.IntN(50))*3))
		got, want := one(p, q)
		if !(math.Abs(got-want) <= 2e-14*want) {
			t.Fatalf("p = %v, q = %v: %v, want %v", p, q, got, want)
		}
	}
}

func TestRelativeEntropy(t *testing.T) {
	testRelativeEntropy[float64](t)
	testRelativeEntropy[float32](t)
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct{ p, q, want float64 }{
		{0, 0, 0}, {0, 0.25, 0.25}, {0.25, 0, inf}, {-0.1, 0.2, nan}, {0.1, -0.2, nan}, {-0.1, -0.1, nan}, {nan, 1, nan}, {1, nan, nan},
		{1, 1e-308, 308*math.Ln10 - 1}, {1e-308, 1, 1}, {1e-3, 5e-324, 1e-3*(math.Log(1e-3)+1074*math.Ln2) - 1e-3}, {5e-324, 1, 1}, {0, 1e300, 1e300},
	} {
		for n := 1; n < 10; n++ {
			p, q := make([]float64, n), make([]float64, n)
			for i := range p {
				p[i], q[i] = 0.5, 0.5
			}
			p[n-1], q[n-1] = c.p, c.q
			got := kernel.RelativeEntropy(p, q)
			if got != c.want && !(math.Abs(got-c.want) <= 1e-14*c.want) && !(got != got && c.want != c.want) {
				t.Errorf("n = %d, p = %v, q = %v: %v, want %v", n, c.p, c.q, got, c.want)
			}
		}
	}
	if got := kernel.RelativeEntropy[float64](nil, nil); got != 0 {
		t.Errorf("empty: %v", got)
	}
}

func testEntropyRows[T kernel.Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for cols := range 20 {
		const rows = 9
		for _, gap := range []int{0, 3} {
			p, q := kernel.NewMatrix[T](rows, cols+gap), kernel.NewMatrix[T](rows, cols+gap)
			for i := range p.Data {
				p.Data[i], q.Data[i] = T(rng.Float64()), T(rng.Float64())
			}
			if cols > 2 {
				p.Data[1], q.Data[2*(cols+gap)] = 0, 0
			}
			p.Cols, q.Cols = cols, cols
			dst := make([]float64, rows)
			kernel.RelativeEntropyRows(dst, p, q)
			for i, d := range dst {
				if want := kernel.RelativeEntropy(p.Row(i), q.Row(i)); d != want {
					t.Fatalf("%d columns, gap %d, row %d: %v, want %v", cols, gap, i, d, want)
				}
			}
		}
	}
}

func TestEntropyRows(t *testing.T) {
	testEntropyRows[float64](t)
	testEntropyRows[float32](t)
}

func testExpSum[T kernel.Float](t *testing.T, tol float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 70 {
		x, e := make([]T, n), make([]T, n+1)
		e[n] = 7
		top := math.Inf(-1)
		for i := range x {
			x[i] = T(8 * rng.NormFloat64())
			top = max(top, float64(x[i]))
		}
		z := kernel.Max(x)
		if float64(z) != top {
			t.Fatalf("n = %d: maximum %v, want %v", n, z, top)
		}
		s := kernel.ExpSum(e[:n], x, z)
		want := 0.0
		for i, v := range x {
			w := math.Exp(float64(v - z))
			if math.Abs(float64(e[i])-w) > tol*w {
				t.Fatalf("n = %d: e^%v = %v, want %v", n, v-z, e[i], w)
			}
			want += w
		}
		if math.Abs(s-want) > tol*want || e[n] != 7 {
			t.Fatalf("n = %d: sum %v, want %v; behind the end %v", n, s, want, e[n])
		}
		if s2 := kernel.ExpSum(x, x, z); s2 != s {
			t.Fatalf("n = %d: in place %v, else %v", n, s2, s)
		}
	}
}

func TestExpSum(t *testing.T) {
	testExpSum[float64](t, 1e-15)
	testExpSum[float32](t, 1.5e-7)
}

func testQuotient[T kernel.Float](t *testing.T, tol float64) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 70 {
		x, y, dst := make([]T, n), make([]T, n), make([]T, n+1)
		dst[n] = 7
		for i := range x {
			x[i], y[i] = T(rng.NormFloat64()), T(rng.ExpFloat64())
		}
		kernel.QuotientTo(dst[:n], x, y, 0.5, 0.25)
		for i, v := range x {
			a, b := float64(v), float64(y[i])
			if w := (a + b/2) / (b + 0.25); math.Abs(float64(dst[i])-w) > tol*(math.Abs(a)+b/2)/(b+0.25) {
				t.Fatalf("n = %d: (%v + %v/2)/(%v + 1/4) = %v, want %v", n, a, b, b, dst[i], w)
			}
		}
		if dst[n] != 7 {
			t.Fatalf("n = %d: wrote behind the end", n)
		}
		kernel.QuotientTo(x, x, y, 0.5, 0.25)
		for i, v := range x {
			if v != dst[i] {
				t.Fatalf("n = %d: in place %v, else %v", n, v, dst[i])
			}
		}
	}
}

func TestQuotient(t *testing.T) {
	testQuotient[float64](t, 4e-16)
	testQuotient[float32](t, 2e-7)
}

func BenchmarkRelativeEntropy(b *testing.B) {
	const n = 4096
	p, q := make([]float64, n), make([]float64, n)
	for i := range p {
		p[i], q[i] = 1/float64(i+1), 1/float64(n-i)
	}
	b.SetBytes(16 * n)
	b.ReportAllocs()
	for b.Loop() {
		kernel.RelativeEntropy(p, q)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/state")
}
