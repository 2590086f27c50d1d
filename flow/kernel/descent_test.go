package kernel_test

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// TestDescentSteps compares the fused steps with their formulas in float64, at
// every length up to 40 and in place.
func TestDescentSteps(t *testing.T) {
	both(t, testDescentSteps[float64], testDescentSteps[float32])
	t.Run("named", testDescentSteps[named])
}

func testDescentSteps[T kernel.Float](t *testing.T) {
	r := rng(11)
	e := eps[T]()
	for n := range 41 {
		x, f, m, s := randVec[T](r, n, n%3), randVec[T](r, n, 1), randVec[T](r, n, 0), randVec[T](r, n, 2)
		for i := range s.s {
			s.s[i] *= s.s[i]
		}
		dst, m1, s1 := newVec[T](n, 0), newVec[T](n, 1), newVec[T](n, 2)
		c := kernel.AdamCoefs[T]{Beta1: 0.9, Beta2: 0.99, Bias1: 0.271, Bias2: 0.0297, Eps: 1e-3, H: 0.05, Decay: 0.3}
		kernel.AdamTo(dst.s, m1.s, s1.s, x.s, f.s, m.s, s.s, c)
		for i := range n {
			g := float64(f.s[i])
			a := float64(c.Beta1)*float64(m.s[i]) + (1-float64(c.Beta1))*g
			b := float64(c.Beta2)*float64(s.s[i]) + (1-float64(c.Beta2))*g*g
			step := float64(c.H) * (a / float64(c.Bias1)) / (math.Sqrt(b/float64(c.Bias2)) + float64(c.Eps))
			size := math.Abs(float64(x.s[i])) + math.Abs(float64(m.s[i])) + math.Abs(g) + 1
			within(t, "Adam m", float64(m1.s[i]), a, 4*e*size)
			within(t, "Adam s", float64(s1.s[i]), b, 6*e*b)
			// A relative error of b of 6 eps and the rounding of a reach the step.
			bound := 4*e*math.Abs(float64(x.s[i])) + 16*e*math.Abs(step) + 4*e*size*float64(c.H)/float64(c.Bias1)/(math.Sqrt(b/float64(c.Bias2))+float64(c.Eps))
			within(t, "Adam x", float64(dst.s[i]), float64(x.s[i])*(1-float64(c.H)*float64(c.Decay))+step, bound)
		}
		want := clone(dst.s)
		mm, ss, xx := clone(m.s), clone(s.s), clone(x.s)
		kernel.AdamTo(xx, mm, ss, xx, f.s, mm, ss, c)
		for i := range n {
			if xx[i] != want[i] || mm[i] != m1.s[i] || ss[i] != s1.s[i] {
				t.Fatalf("n = %d: AdamTo in place differs", n)
			}
		}

		kernel.MomentumTo(dst.s, m1.s, x.s, f.s, m.s, 0.9, 0.05)
		for i := range n {
			a, b := float64(T(0.9))*float64(m.s[i]), float64(T(0.05))*float64(f.s[i])
			bound := 2 * e * (math.Abs(a) + math.Abs(b))
			within(t, "Momentum v", float64(m1.s[i]), a+b, bound)
			within(t, "Momentum x", float64(dst.s[i]), float64(x.s[i])+a+b, bound+e*math.Abs(float64(dst.s[i])))
		}

		kernel.ScaledStepTo(dst.s, s1.s, x.s, f.s, s.s, 0.9, 0.1, 0.05, 1e-3)
		for i := range n {
			g := float64(f.s[i])
			b := float64(T(0.9))*float64(s.s[i]) + float64(T(0.1))*g*g
			step := float64(T(0.05)) * g / (math.Sqrt(b) + float64(T(1e-3)))
			within(t, "ScaledStep s", float64(s1.s[i]), b, 4*e*b)
			within(t, "ScaledStep x", float64(dst.s[i]), float64(x.s[i])+step, 2*e*math.Abs(float64(x.s[i]))+12*e*math.Abs(step))
		}

		kernel.InvSqrtScaleTo(dst.s, s.s, 2, 0.5)
		for i := range n {
			w := 1 / math.Sqrt(2*math.Sqrt(float64(s.s[i]))+0.5)
			within(t, "InvSqrtScale", float64(dst.s[i]), w, 4*e*w)
		}

		kernel.SignAxpyTo(dst.s, 0.25, f.s, x.s)
		for i := range n {
			if w := x.s[i] + T(math.Copysign(0.25, float64(f.s[i]))); dst.s[i] != w {
				t.Fatalf("SignAxpyTo: %v, want %v", dst.s[i], w)
			}
		}

		var ss0, sd, dd, asd float64
		for i := range n {
			d, q := float64(f.s[i]-x.s[i]), float64(s.s[i]-m.s[i])
			ss0, sd, dd = ss0+d*d, sd+d*q, dd+q*q
			asd += math.Abs(d * q)
		}
		tol := float64(n+4) * 0x1p-52
		a, b, d := kernel.Secant(x.s, f.s, m.s, s.s)
		within(t, "Secant ss", a, ss0, tol*ss0)
		within(t, "Secant sd", b, sd, tol*asd)
		within(t, "Secant dd", d, dd, tol*dd)
		for _, v := range []vec[T]{x, f, m, s, dst, m1, s1} {
			v.intact(t, "descent steps")
		}
	}
}

// TestSignOfNothing: the sign of zero is zero, and NaN is not lost.
func TestSignOfNothing(t *testing.T) {
	dst := make([]float64, 3)
	kernel.SignAxpyTo(dst, 2, []float64{0, math.Copysign(0, -1), math.NaN()}, []float64{1, 1, 1})
	if dst[0] != 1 || dst[1] != 1 || !math.IsNaN(dst[2]) {
		t.Errorf("got %v, want [1 1 NaN]", dst)
	}
}

func BenchmarkAdam(b *testing.B) {
	b.Run("float64", benchAdam[float64])
	b.Run("float32", benchAdam[float32])
}

func benchAdam[T kernel.Float](b *testing.B) {
	const n = 1024
	v := make([][]T, 7)
	for i := range v {
		v[i] = make([]T, n)
		for j := range v[i] {
			v[i][j] = T(j%7) / 7
		}
	}
	c := kernel.AdamCoefs[T]{Beta1: 0.9, Beta2: 0.999, Bias1: 1, Bias2: 1, Eps: 1e-8, H: 1e-3}
	b.ReportAllocs()
	for b.Loop() {
		kernel.AdamTo(v[0], v[1], v[2], v[3], v[4], v[5], v[6], c)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gelem/s")
}

// TestNegSumSq: the sum is that of SumSq to the bit, and x changes sign.
func TestNegSumSq(t *testing.T) { both(t, testNegSumSq[float64], testNegSumSq[float32]) }

func testNegSumSq[T kernel.Float](t *testing.T) {
	r := rng(12)
	for n := range 41 {
		x := randVec[T](r, n, n%3)
		was, want := clone(x.s), kernel.SumSq(x.s)
		if got := kernel.NegSumSq(x.s); got != want {
			t.Fatalf("n = %d: %v, want %v", n, got, want)
		}
		for i := range was {
			if x.s[i] != -was[i] {
				t.Fatalf("n = %d: x[%d] = %v, want %v", n, i, x.s[i], -was[i])
			}
		}
		x.intact(t, "NegSumSq")
	}
}
