package kernel_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

func TestDot(t *testing.T) { both(t, testDot[float64], testDot[float32]) }

func testDot[T kernel.Float](t *testing.T) {
	r := rng(1)
	for n := 0; n <= 130; n++ {
		for off := range 4 {
			x, y := randVec[T](r, n, off), randVec[T](r, n, (off*3)%4)
			var want, abs float64
			for i := range n {
				p := float64(x.s[i]) * float64(y.s[i])
				want += p
				abs += math.Abs(p)
			}
			within(t, fmt.Sprintf("n=%d off=%d", n, off), float64(kernel.Dot(x.s, y.s)), want, float64(n+1)*eps[T]()*abs)
		}
	}
}

func TestDotNamedType(t *testing.T) {
	if got := kernel.Dot([]named{1, 2, 3}, []named{4, 5, 6}); got != 32 {
		t.Errorf("got %v, want 32", got)
	}
}

func TestAxpyFamily(t *testing.T) { both(t, testAxpy[float64], testAxpy[float32]) }

// testAxpy checks every update of the form a x + b y, elementwise.
func testAxpy[T kernel.Float](t *testing.T) {
	r := rng(2)
	const a, b = 1.25, -0.75
	for n := 0; n <= 130; n++ {
		for off := range 4 {
			x, y, d := randVec[T](r, n, off), randVec[T](r, n, (off*3)%4), newVec[T](n, (off+1)%4)
			check := func(what string, got []T, a, b float64, x, y []T) {
				t.Helper()
				for i := range n {
					p, q := a*float64(x[i]), b*float64(y[i])
					within(t, fmt.Sprintf("%s n=%d off=%d i=%d", what, n, off, i), float64(got[i]), p+q, 2*eps[T]()*(math.Abs(p)+math.Abs(q)))
				}
			}
			run := func(what string, a, b float64, f func(x, y, d []T) []T) {
				t.Helper()
				x0, y0 := clone(x.s), clone(y.s)
				got := f(x.s, y.s, d.s)
				check(what, got, a, b, x0, y0)
				x.intact(t, what)
				y.intact(t, what)
				d.intact(t, what)
				copy(x.s, x0)
				copy(y.s, y0)
			}
			run("Axpy", a, 1, func(x, y, d []T) []T { kernel.Axpy(a, x, y); return y })
			run("AxpyTo", a, 1, func(x, y, d []T) []T { kernel.AxpyTo(d, a, x, y); return d })
			run("AxpyTo dst=x", a, 1, func(x, y, d []T) []T { kernel.AxpyTo(x, a, x, y); return x })
			run("AxpyTo dst=y", a, 1, func(x, y, d []T) []T { kernel.AxpyTo(y, a, x, y); return y })
			run("Axpby", a, b, func(x, y, d []T) []T { kernel.Axpby(a, x, b, y); return y })
			run("Scal", a, 0, func(x, y, d []T) []T { kernel.Scal(a, x); return x })
			run("AddTo", 1, 1, func(x, y, d []T) []T { kernel.AddTo(d, x, y); return d })
			run("AddTo dst=x", 1, 1, func(x, y, d []T) []T { kernel.AddTo(x, x, y); return x })
			run("SubTo", 1, -1, func(x, y, d []T) []T { kernel.SubTo(d, x, y); return d })
			run("SubTo dst=y", 1, -1, func(x, y, d []T) []T { kernel.SubTo(y, x, y); return y })
			kernel.MulTo(d.s, x.s, y.s)
			d.intact(t, "MulTo")
			for i := range n {
				if d.s[i] != x.s[i]*y.s[i] {
					t.Fatalf("MulTo n=%d: got %v", n, d.s[i])
				}
			}
			// b = 0 must not read y.
			for i := range y.s {
				y.s[i] = canary[T]()
			}
			kernel.Axpby(a, x.s, 0, y.s)
			for i := range n {
				if y.s[i] != a*x.s[i] {
					t.Fatalf("Axpby b=0 n=%d: got %v", n, y.s[i])
				}
			}
		}
	}
}

func TestLincombTo(t *testing.T) { both(t, testLincomb[float64], testLincomb[float32]) }

func testLincomb[T kernel.Float](t *testing.T) {
	r := rng(3)
	for n := 0; n <= 130; n++ {
		for _, s := range []int{0, 1, 2, 3, 5, 7, 13} {
			off := (n + s) % 4
			x, d := randVec[T](r, n, off), newVec[T](n, (off+2)%4)
			c := make([]T, s)
			k := make([][]T, s)
			h := T(0.37)
			for i := range k {
				c[i] = T(r.NormFloat64())
				k[i] = randVec[T](r, n, i%4).s
				if i%3 == 1 { // a zero coefficient hides what its vector holds
					c[i] = 0
					for j := range k[i] {
						k[i][j] = canary[T]()
					}
				}
			}
			want, bound := make([]float64, n), make([]float64, n)
			for j := range n {
				want[j] = float64(x.s[j])
				bound[j] = math.Abs(want[j])
				for i := range k {
					if c[i] != 0 {
						p := float64(h) * float64(c[i]) * float64(k[i][j])
						want[j] += p
						bound[j] += math.Abs(p)
					}
				}
				bound[j] *= float64(s+3) * eps[T]()
			}
			check := func(what string, got []T) {
				t.Helper()
				for j := range got {
					within(t, fmt.Sprintf("%s n=%d s=%d j=%d", what, n, s, j), float64(got[j]), want[j], bound[j])
				}
			}
			kernel.LincombTo(d.s, x.s, h, c, k)
			check("LincombTo", d.s)
			d.intact(t, "LincombTo")
			if s > 0 && c[0] != 0 {
				k0 := clone(k[0])
				kernel.LincombTo(k[0], x.s, h, c, k)
				check("dst=k[0]", k[0])
				copy(k[0], k0)
			}
			kernel.LincombTo(x.s, x.s, h, c, k)
			check("dst=x", x.s)
			x.intact(t, "dst=x")
		}
	}
}

func TestWeightedErrorNorm(t *testing.T) { both(t, testErrorNorm[float64], testErrorNorm[float32]) }

func testErrorNorm[T kernel.Float](t *testing.T) {
	const atol, rtol, h = 1e-3, 1e-2, -0.1
	r := rng(4)
	for n := 0; n <= 130; n++ {
		for _, s := range []int{1, 2, 3, 7} {
			x, y := randVec[T](r, n, n%4).s, randVec[T](r, n, s%4).s
			e, k := make([]T, s), make([][]T, s)
			for i := range k {
				e[i], k[i] = T(r.NormFloat64()), randVec[T](r, n, i%4).s
				if i == 1 {
					e[i] = 0
					for j := range k[i] {
						k[i][j] = canary[T]()
					}
				}
			}
			var sum, abs, plain float64
			for j := range n {
				var v, m float64
				for i := range k {
					if e[i] != 0 {
						v += float64(e[i]) * float64(k[i][j])
						m += math.Abs(float64(e[i]) * float64(k[i][j]))
					}
				}
				w := atol + rtol*math.Max(math.Abs(float64(x[j])), math.Abs(float64(y[j])))
				sum += v / w * (v / w)
				abs += m / w * (m / w)
				plain += float64(k[0][j]) / w * (float64(k[0][j]) / w)
			}
			want, wantPlain, bound := 0.0, 0.0, 0.0
			if n > 0 {
				want = math.Abs(h) * math.Sqrt(sum/float64(n))
				wantPlain = math.Sqrt(plain / float64(n))
				bound = float64(n+s+8) * 0x1p-52 * math.Abs(h) * math.Sqrt(abs/float64(n))
			}
			what := fmt.Sprintf("n=%d s=%d", n, s)
			within(t, what, kernel.WeightedErrorNorm(h, e, k, x, y, atol, rtol), want, bound)
			within(t, what, kernel.WeightedNorm(k[0], x, y, atol, rtol), wantPlain, float64(n+8)*0x1p-52*wantPlain)
		}
	}
}

func TestNormsPropagateNaN(t *testing.T) {
	both(t, testNormsNaN[float64], testNormsNaN[float32])
}

func testNormsNaN[T kernel.Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for n := 1; n <= 70; n++ {
		for at := range n {
			x, one := make([]T, n), make([]T, n)
			for i := range one {
				one[i] = 1
				x[i] = T(i%3) - 1
			}
			x[at] = nan
			e, k := []T{1}, [][]T{x}
			for name, got := range map[string]float64{
				"Dot":               float64(kernel.Dot(x, one)),
				"Sum":               kernel.Sum(x),
				"SumSq":             kernel.SumSq(x),
				"Nrm2":              kernel.Nrm2(x),
				"MaxAbs":            kernel.MaxAbs(x),
				"error norm, k":     kernel.WeightedErrorNorm(1, e, k, one, one, 1e-3, 1e-3),
				"error norm, x":     kernel.WeightedErrorNorm(1, e, [][]T{one}, x, one, 1e-3, 1e-3),
				"error norm, y":     kernel.WeightedErrorNorm(1, e, [][]T{one}, one, x, 1e-3, 1e-3),
				"weighted norm":     kernel.WeightedNorm(x, one, one, 1, 1),
				"weighted norm, y":  kernel.WeightedNorm(one, one, x, 1, 1),
				"weighted norm, x":  kernel.WeightedNorm(one, x, one, 1, 1),
				"zero times NaN":    float64(kernel.Dot(x, make([]T, n))),
				"MaxAbs before Inf": kernel.MaxAbs(append(clone(x), inf)),
			} {
				if got == got {
					t.Errorf("n=%d at=%d: %s = %v, want NaN", n, at, name, got)
				}
			}
			if kernel.AllFinite(x) {
				t.Errorf("n=%d at=%d: AllFinite with NaN", n, at)
			}
			y := make([]T, n)
			kernel.Axpy(0, x, y)
			if y[at] == y[at] {
				t.Errorf("n=%d: Axpy with a=0 lost NaN", n)
			}
			x[at] = -inf
			if kernel.AllFinite(x) {
				t.Errorf("n=%d at=%d: AllFinite with Inf", n, at)
			}
			if got := kernel.MaxAbs(x); !math.IsInf(got, 1) {
				t.Errorf("MaxAbs with Inf = %v", got)
			}
			if got := kernel.Nrm2(x); !math.IsInf(got, 1) {
				t.Errorf("Nrm2 with Inf = %v", got)
			}
			x[at] = 0
			if !kernel.AllFinite(x) {
				t.Errorf("n=%d: not AllFinite", n)
			}
		}
	}
}

func TestSums(t *testing.T) { both(t, testSums[float64], testSums[float32]) }

func testSums[T kernel.Float](t *testing.T) {
	r := rng(5)
	for n := 0; n <= 130; n++ {
		for off := range 4 {
			x := randVec[T](r, n, off).s
			var s, abs, sq, m float64
			for _, v := range x {
				s += float64(v)
				abs += math.Abs(float64(v))
				sq += float64(v) * float64(v)
				m = math.Max(m, math.Abs(float64(v)))
			}
			what := fmt.Sprintf("n=%d off=%d", n, off)
			u := float64(n+2) * 0x1p-52
			within(t, "Sum "+what, kernel.Sum(x), s, u*abs)
			within(t, "SumSq "+what, kernel.SumSq(x), sq, u*sq)
			within(t, "Nrm2 "+what, kernel.Nrm2(x), math.Sqrt(sq), u*math.Sqrt(sq))
			if got := kernel.MaxAbs(x); got != m {
				t.Fatalf("MaxAbs %s = %v, want %v", what, got, m)
			}
			if !kernel.AllFinite(x) {
				t.Fatalf("AllFinite %s = false", what)
			}
		}
	}
}

func TestNrm2Range(t *testing.T) {
	for _, c := range []struct{ a, want float64 }{
		{math.MaxFloat64 / 4, math.MaxFloat64 / 4 * 2},
		{1e200, 2e200}, {1e-200, 2e-200}, {0x1p-1074, 0x1p-1073}, {3e-320, 6e-320}, {1e-160, 2e-160},
	} {
		if got := kernel.Nrm2([]float64{c.a, -c.a, c.a, c.a}); math.Abs(got-c.want) > 4e-16*c.want {
			t.Errorf("a=%v: got %v, want %v", c.a, got, c.want)
		}
	}
	if got := kernel.Nrm2([]float64{3e-300, 4e-300, 0}); math.Abs(got-5e-300) > 1e-315 {
		t.Errorf("got %v, want 5e-300", got)
	}
	m := float32(math.MaxFloat32)
	if got, want := kernel.Nrm2([]float32{m, m, m, m}), 2*float64(m); got != want {
		t.Errorf("float32: got %v, want %v", got, want)
	}
	s := float32(math.SmallestNonzeroFloat32)
	if got, want := kernel.Nrm2([]float32{s, s, s, s}), 2*float64(s); got != want {
		t.Errorf("float32: got %v, want %v", got, want)
	}
}
