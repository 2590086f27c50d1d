package kernel_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
)

// unary is an elementwise map with its definition, for finite arguments and for
// others (and 0).
type unary[T kernel.Float] struct {
	name    string
	f       func(dst, x []T)
	ref     func(x *big.Float) *big.Float
	special func(x float64) float64
}

func unaries[T kernel.Float]() []unary[T] {
	leaky := T(0.125)
	return []unary[T]{
		{"Exp", kernel.Exp[T], bigExp, math.Exp},
		{"Log", kernel.Log[T], bigLog, math.Log},
		{"Tanh", kernel.Tanh[T], bigTanh, math.Tanh},
		{"Sigmoid", kernel.Sigmoid[T], bigSigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{"Softplus", kernel.Softplus[T], bigSoftplus, func(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }},
		{"Erf", kernel.Erf[T], bigErf, math.Erf},
		{"GELU", kernel.GELU[T], bigGELU, func(x float64) float64 {
			if math.IsInf(x, -1) {
				return math.Copysign(0, -1)
			}
			return x * 0.5 * math.Erfc(-x/math.Sqrt2)
		}},
		{"ReLU", kernel.ReLU[T], func(x *big.Float) *big.Float {
			if x.Sign() < 0 {
				return bigF(0)
			}
			return x
		}, func(x float64) float64 { return math.Max(x, 0) }},
		{"LeakyReLU", func(dst, x []T) { kernel.LeakyReLU(dst, x, leaky) }, func(x *big.Float) *big.Float {
			if x.Sign() < 0 {
				return mulB(x, bigF(0.125))
			}
			return x
		}, func(x float64) float64 {
			if x > 0 {
				return x
			}
			return 0.125 * x
		}},
	}
}

// at returns the value at x, as exact as a T can be, and its sign.
func (u unary[T]) at(x float64) (want float64, negative bool) {
	switch {
	case x == 0 || math.IsInf(x, 0) || x != x:
		want = u.special(x)
		return want, math.Signbit(want)
	case u.name == "Log" && x < 0:
		return math.NaN(), false
	case x > 1e4 || x < -1e4:
		if u.name != "Log" && u.name != "ReLU" && u.name != "LeakyReLU" {
			want = u.special(x) // the limits, or x itself
			return want, math.Signbit(want)
		}
	case (u.name == "Erf" || u.name == "GELU") && math.Abs(x) > 60:
		want = u.special(x)
		return want, math.Signbit(want)
	}
	b := u.ref(bigF(x))
	want, _ = b.Float64()
	return want, b.Sign() < 0
}

// ulps returns |got - want| in units of the last place of want as a T.
func ulps[T kernel.Float](got T, want float64) float64 {
	w := T(want)
	if got == w || got != got && w != w {
		return 0
	}
	if math.IsInf(float64(w), 0) || math.IsInf(float64(got), 0) || got != got || w != w {
		return math.Inf(1)
	}
	var u float64
	if unsafe.Sizeof(w) == 8 {
		a := math.Abs(float64(w))
		u = math.Nextafter(a, math.Inf(1)) - a
	} else {
		a := float32(math.Abs(float64(w)))
		u = float64(math.Nextafter32(a, float32(math.Inf(1)))) - float64(a)
	}
	return math.Abs(float64(got)-want) / u
}

func TestMaps(t *testing.T) { both(t, testMaps[float64], testMaps[float32]) }

// testMaps checks that a result does not depend on the place of its argument,
// so that accuracy can be measured in one place.
func testMaps[T kernel.Float](t *testing.T) {
	r := rng(30)
	for _, u := range unaries[T]() {
		for n := 0; n <= 130; n++ {
			for off := range 4 {
				x, d := randVec[T](r, n, off), newVec[T](n, (off+3)%4)
				for i := range x.s {
					x.s[i] *= 4
				}
				u.f(d.s, x.s)
				d.intact(t, u.name)
				for i, v := range x.s {
					one := []T{v}
					u.f(one, one)
					if d.s[i] != one[0] && one[0] == one[0] || d.s[i] == d.s[i] && one[0] != one[0] {
						t.Fatalf("%s(%v) = %v, and %v alone (n=%d i=%d)", u.name, v, d.s[i], one[0], n, i)
					}
				}
				u.f(x.s, x.s) // in place
				x.intact(t, u.name+" in place")
				for i := range x.s {
					if x.s[i] != d.s[i] && d.s[i] == d.s[i] {
						t.Fatalf("%s in place: got %v, want %v (n=%d i=%d)", u.name, x.s[i], d.s[i], n, i)
					}
				}
			}
		}
	}
}

func TestMapsSpecial(t *testing.T) { both(t, testSpecial[float64], testSpecial[float32]) }

// specialTol covers the bounds of all maps but GELU.
const specialTol = 2

// testSpecial walks special values through every lane, so that vector body and
// tail agree with the definitions on them, signs of zero included.
func testSpecial[T kernel.Float](t *testing.T) {
	inf := math.Inf(1)
	tiny, large := 0x1p-149, float64(math.MaxFloat32)
	if unsafe.Sizeof(T(0)) == 8 {
		tiny, large = 0x1p-1074, math.MaxFloat64
	}
	special := []float64{0, math.Copysign(0, -1), inf, -inf, math.NaN(), tiny, -tiny, 1000 * tiny, -1000 * tiny,
		large, -large, 1, -1, 88.7, 88.8, -87, -87.5, -95, -103.9, -104.5, 709, 709.7, 709.8, -708, -709, -730, -745.1, -745.2, -746, 1e-30, -1e-30, 1e30, -1e30,
		16*tiny + tiny, 0.625, 0.84375, -0.84375, 1.25, 2.857142857142857, 5.9, -6.1}
	for _, u := range unaries[T]() {
		half, _ := u.at(0.5)
		for _, s := range special {
			want, negative := u.at(float64(T(s)))
			tol := float64(specialTol)
			if u.name == "GELU" {
				tol = 8
			}
			for n := 1; n <= 20; n++ {
				for at := range n {
					x := make([]T, n)
					for i := range x {
						x[i] = 0.5
					}
					x[at] = T(s)
					u.f(x, x)
					if e := ulps(x[at], want); e > tol || math.Signbit(float64(x[at])) != negative && want == want {
						t.Fatalf("%s(%v) = %v, want %v (n=%d at=%d)", u.name, s, x[at], want, n, at)
					}
					for i, v := range x {
						if i != at && ulps(v, half) > specialTol {
							t.Fatalf("%s: %v at %d of %d changed element %d to %v", u.name, s, at, n, i, v)
						}
					}
				}
			}
		}
	}
}

func TestReLUGrads(t *testing.T) { both(t, testReLUGrads[float64], testReLUGrads[float32]) }

func testReLUGrads[T kernel.Float](t *testing.T) {
	r := rng(31)
	for n := 0; n <= 130; n++ {
		dy, z, d := randVec[T](r, n, n%4), randVec[T](r, n, (n+1)%4), newVec[T](n, (n+2)%4)
		if n > 3 {
			z.s[1], z.s[2], z.s[3] = 0, T(math.Copysign(0, -1)), T(math.NaN())
		}
		want := func(slope T) []T {
			w := clone(dy.s)
			for i, v := range z.s {
				if !(v > 0) {
					w[i] *= slope
				}
			}
			return w
		}
		check := func(what string, got, want []T) {
			t.Helper()
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%s n=%d i=%d: got %v, want %v", what, n, i, got[i], want[i])
				}
			}
		}
		kernel.ReLUGrad(d.s, dy.s, z.s)
		check("ReLUGrad", d.s, want(0))
		kernel.LeakyReLUGrad(d.s, dy.s, z.s, 0.25)
		check("LeakyReLUGrad", d.s, want(0.25))
		d.intact(t, "ReLUGrad")
		w := want(0)
		kernel.ReLUGrad(dy.s, dy.s, z.s)
		check("ReLUGrad in place", dy.s, w)
		dy.intact(t, "ReLUGrad in place")
	}
	d := make([]T, 9)
	dy := make([]T, 9)
	for i := range dy {
		dy[i] = T(math.NaN())
	}
	kernel.ReLUGrad(d, dy, make([]T, 9))
	for _, v := range d {
		if v != 0 {
			t.Fatalf("a blocked gradient must be 0, got %v", v)
		}
	}
}

func TestBias(t *testing.T) { both(t, testBias[float64], testBias[float32]) }

func testBias[T kernel.Float](t *testing.T) {
	r := rng(32)
	for n := 0; n <= 70; n++ {
		m, v := randMat[T](r, 5, n, 2, n%4)
		b := randVec[T](r, n, 1).s
		m0 := cloneMat(m)
		kernel.AddBias(m, b)
		gapsIntact(t, "AddBias", m, v)
		for i := range 5 {
			for j := range n {
				if got, want := m.At(i, j), m0.At(i, j)+b[j]; got != want {
					t.Fatalf("AddBias: got %v, want %v", got, want)
				}
			}
		}
		copy(m.Data, m0.Data)
		kernel.BiasReLU(m, b)
		gapsIntact(t, "BiasReLU", m, v)
		for i := range 5 {
			for j := range n {
				if got, want := m.At(i, j), max(m0.At(i, j)+b[j], 0); got != want {
					t.Fatalf("BiasReLU: got %v, want %v", got, want)
				}
			}
		}
	}
}

func TestSoftmaxRows(t *testing.T) { both(t, testSoftmax[float64], testSoftmax[float32]) }

func testSoftmax[T kernel.Float](t *testing.T) {
	r := rng(33)
	for n := 0; n <= 130; n++ {
		m, v := randMat[T](r, 3, n, 1, n%4)
		for i := range 3 {
			for j := range n {
				m.Data[i*m.Stride+j] = m.Data[i*m.Stride+j]*5 + T(i)*300
			}
		}
		checkSoftmax(t, m)
		gapsIntact(t, "SoftmaxRows", m, v)
	}
}

// checkSoftmax compares SoftmaxRows and LogSumExpRows with their definitions.
// z - max z is rounded to T, which moves the result by eps |z - max z|/2.
func checkSoftmax[T kernel.Float](t *testing.T, m kernel.Matrix[T]) {
	t.Helper()
	m0 := cloneMat(m)
	lse := make([]T, m.Rows)
	kernel.LogSumExpRows(lse, m)
	kernel.SoftmaxRows(m)
	for i := range m.Rows {
		z := math.Inf(-1)
		for _, v := range m0.Row(i) {
			z = math.Max(z, float64(v))
		}
		var s float64
		for _, v := range m0.Row(i) {
			s += math.Exp(float64(v) - z)
		}
		wantLSE := z + math.Log(s)
		if m.Cols == 0 {
			wantLSE = math.Inf(-1)
		}
		within(t, fmt.Sprintf("LogSumExp row %d of %d", i, m.Cols), float64(lse[i]), wantLSE, float64(m.Cols+8)*eps[T]()*(1+math.Abs(z)))
		for j, v := range m0.Row(i) {
			d := float64(v) - z
			want := math.Exp(d) / s
			tol := (float64(m.Cols) + 8 + math.Abs(d)) * eps[T]() * want
			if unsafe.Sizeof(v) == 4 {
				tol += 0x1p-126 // results may be subnormal
			} else {
				tol += 0x1p-1022
			}
			within(t, fmt.Sprintf("softmax(%d,%d) of %d columns", i, j, m.Cols), float64(m.At(i, j)), want, tol)
		}
	}
}

func TestSoftmaxSpecial(t *testing.T) {
	both(t, testSoftmaxSpecial[float64], testSoftmaxSpecial[float32])
}

func testSoftmaxSpecial[T kernel.Float](t *testing.T) {
	inf, nan := T(math.Inf(1)), T(math.NaN())
	for n := 1; n <= 40; n++ {
		for at := range n {
			for _, s := range []T{nan, inf, -inf} {
				m := kernel.NewMatrix[T](1, n)
				m.Data[at] = s
				lse := []T{0}
				kernel.LogSumExpRows(lse, m)
				kernel.SoftmaxRows(m)
				if s == -inf && n > 1 {
					if m.Data[at] != 0 || math.Abs(float64(m.Data[(at+1)%n])*float64(n-1)-1) > 8*eps[T]() {
						t.Fatalf("-Inf at %d of %d: %v", at, n, m.Data)
					}
					within(t, "lse", float64(lse[0]), math.Log(float64(n-1)), 8*eps[T]()*(1+math.Log(float64(n))))
					continue
				}
				for _, v := range m.Data {
					if v == v {
						t.Fatalf("%v at %d of %d: %v, want NaN", s, at, n, m.Data)
					}
				}
				if s == s && lse[0] != s || s != s && lse[0] == lse[0] {
					t.Fatalf("log-sum-exp with %v at %d of %d = %v", s, at, n, lse[0])
				}
			}
		}
	}
}

func TestDistances(t *testing.T) { both(t, testDistances[float64], testDistances[float32]) }

func testDistances[T kernel.Float](t *testing.T) {
	r := rng(34)
	for _, d := range []int{0, 1, 2, 3, 4, 5, 7, 8, 16, 33, 64} {
		for _, n := range []int{0, 1, 3, 4, 5, 17} {
			x, _ := randMat[T](r, 6, d, 1, 1)
			y, _ := randMat[T](r, n, d, 2, 2)
			k, v := randMat[T](r, 6, n, 1, 3)
			kernel.SquaredDistances(k, x, y)
			gapsIntact(t, "SquaredDistances", k, v)
			q := cloneMat(k)
			for i := range 6 {
				for j := range n {
					var s float64
					for l := range d {
						e := float64(x.At(i, l)) - float64(y.At(j, l))
						s += e * e
					}
					within(t, "distance", float64(k.At(i, j)), s, float64(d+4)*eps[T]()*s)
				}
			}
			kernel.GaussianKernel(k, x, y, 0.25)
			gapsIntact(t, "GaussianKernel", k, v)
			for i := range 6 {
				for j := range n {
					z := 0.25 * float64(q.At(i, j))
					within(t, "Gaussian", float64(k.At(i, j)), math.Exp(-z), (4+z)*eps[T]()*math.Exp(-z))
				}
			}
		}
	}
}
