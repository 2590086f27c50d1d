package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// rootCase is an activation with the numbers v for which its fixed points are unique.
type rootCase[T kernel.Float] struct {
	name  string
	coefs func(v float64) (kernel.RootCoefs[T], bool)
	f     func(z float64) float64
	slope func(y float64) float64 // σ' from σ
	lip   float64
	v     []float64
}

func rootCases[T kernel.Float]() []rootCase[T] {
	return []rootCase[T]{
		{"tanh", kernel.TanhRootCoefs[T], math.Tanh, func(y float64) float64 { return 1 - y*y }, 1, []float64{-30, -2, -0.3, 0, 0.15, 0.6, 0.95}},
		{"sigmoid", kernel.SigmoidRootCoefs[T], func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }, func(y float64) float64 { return y * (1 - y) }, 0.25, []float64{-30, -2, -0.3, 0, 0.15, 1.7, 3.8}},
	}
}

// root is the fixed point of y = σ(p+vy) by bisection.
func (c rootCase[T]) root(p, v float64) float64 {
	lo, hi := -1., 1.
	for range 80 {
		if y := (lo + hi) / 2; y < c.f(p+v*y) {
			lo = y
		} else {
			hi = y
		}
	}
	return (lo + hi) / 2
}

func TestRootStep(t *testing.T) { both(t, testRootStep[float64], testRootStep[float32]) }

func testRootStep[T kernel.Float](t *testing.T) {
	for _, c := range rootCases[T]() {
		for _, v := range c.v {
			k, ok := c.coefs(v)
			if !ok {
				t.Fatalf("%s: no coefficients for v = %v", c.name, v)
			}
			mu := 1 - max(v, 0)*c.lip
			for n := range 35 {
				r := rng(uint64(n) + 100)
				p, target := randVec[T](r, n, n%5), randVec[T](r, n, n%3)
				y, s, coef := newVec[T](n, n%4), newVec[T](n, n%7), newVec[T](n, n%2)
				if n > 20 {
					kernel.Scal(4, p.s)
				}
				want := make([]float64, n)
				for i := range want {
					want[i] = c.root(float64(p.s[i]), float64(T(v)))
					// Starts near the roots, some at them, some at the ends.
					y.s[i] = T(min(max(want[i]+[]float64{0, 1e-4, -3e-3, 0.1}[n%4]*r.NormFloat64(), -1), 1))
				}
				y2, s2, c2 := clone(y.s), clone(s.s), clone(coef.s)
				ee, cy, ok := kernel.RootStep(y.s, s.s, coef.s, p.s, target.s, &k)
				ee2, cy2, ok2 := kernel.RootStepTwin(y2, s2, c2, p.s, target.s, &k)
				what := fmt.Sprintf("%s, v = %v, n = %d", c.name, v, n)
				for _, b := range []vec[T]{y, s, coef} {
					b.intact(t, what)
				}
				u := eps[T]()
				var sum, sum2, scale, scale2 float64
				for i := range n {
					yi, vi, pi := float64(y.s[i]), float64(T(v)), float64(p.s[i])
					// Errors of p+vy and of σ, divided by 1-vs >= μ.
					noise := 8 * u * (1 + math.Abs(yi) + c.lip*(math.Abs(pi)+math.Abs(vi))) / mu
					if ok {
						within(t, what+", root", yi, want[i], noise)
					}
					if n%4 != 3 { // from far the step magnifies rounding
						within(t, what+", y and twin", yi, float64(y2[i]), 2*noise)
					}
					slope := c.slope(yi)
					ds := 4 * u * (1 + yi*yi)
					within(t, what+", slope", float64(s.s[i]), slope, ds)
					e, den := yi-float64(target.s[i]), math.Abs(1-vi*slope)
					coefOf := e * slope / (1 - vi*slope)
					// Of e, of σ', of 1-vσ' and of the quotient.
					within(t, what+", coefficient", float64(coef.s[i]), coefOf, math.Abs(coefOf)*u*(4+(1+math.Abs(vi*slope))/den)+math.Abs(e)*ds/(den*den))
					sum, sum2 = sum+e*e, sum2+float64(coef.s[i])*yi
					scale, scale2 = scale+e*e+math.Abs(e), scale2+math.Abs(float64(coef.s[i])*yi)
				}
				within(t, what+", Σ e²", ee, sum, 8*u*scale)
				within(t, what+", Σ c y", cy, sum2, float64(n+4)*u*scale2)
				if n%4 < 2 {
					within(t, what+", Σ e² and twin", ee, ee2, 64*u*(1+math.Abs(v))*scale/mu)
					within(t, what+", Σ c y and twin", cy, cy2, 256*u*(1+math.Abs(v))*(1+scale2+scale)/(mu*mu*mu))
					if math.Abs(v) <= 1 && mu > 0.3 && (!ok || !ok2) {
						t.Errorf("%s: steps from near the roots do not count as met (twin %v)", what, ok2)
					}
				}
			}
		}
	}
}

// A step counts as met only if it is: from starts anywhere, the error of those that
// claim it is rounding.
func TestRootStepClaims(t *testing.T) {
	both(t, testRootStepClaims[float64], testRootStepClaims[float32])
}

func testRootStepClaims[T kernel.Float](t *testing.T) {
	u := eps[T]()
	for _, c := range rootCases[T]() {
		met := 0
		for i := range 20000 {
			r := rng(uint64(i))
			v, p := c.v[i%len(c.v)], 3*r.NormFloat64()
			k, _ := c.coefs(v)
			want := c.root(float64(T(p)), float64(T(v)))
			y := []T{T(min(max(want+math.Pow(10, -8*r.Float64())*(2*r.Float64()-1), -1), 1))}
			start := float64(y[0])
			buf := make([]T, 2)
			if _, _, ok := kernel.RootStep(y, buf[:1], buf[1:], []T{T(p)}, []T{0}, &k); !ok {
				continue
			}
			met++
			mu := 1 - max(v, 0)*c.lip
			bound := u*(2*math.Abs(want)+math.Abs(want-start)) + 4*u*(math.Abs(want)+c.lip*(math.Abs(p)+math.Abs(v*want)))/mu
			within(t, fmt.Sprintf("%s: v = %v, p = %v from %v", c.name, v, p, start), float64(y[0]), want, bound)
		}
		if met < 5000 {
			t.Errorf("%s: %d of 20000 steps met the root, want at least a quarter", c.name, met)
		}
	}
}

// A NaN or an infinity stays in its element and opens the step.
func TestRootStepSpecial(t *testing.T) {
	both(t, testRootStepSpecial[float64], testRootStepSpecial[float32])
}

func testRootStepSpecial[T kernel.Float](t *testing.T) {
	for _, c := range rootCases[T]() {
		k, _ := c.coefs(0.3)
		for n := 1; n < 30; n++ {
			for at := range n {
				p, target := make([]T, n), make([]T, n)
				y, s, coef := make([]T, n), make([]T, n), make([]T, n)
				want := make([]T, n)
				kernel.RootStep(want, s, coef, p, target, &k)
				p[at] = T(math.NaN())
				_, _, ok := kernel.RootStep(y, s, coef, p, target, &k)
				if ok {
					t.Fatalf("%s, n = %d: a step with NaN at %d counts as met", c.name, n, at)
				}
				for i := range y {
					if (y[i] != y[i]) != (i == at) || i != at && math.Abs(float64(y[i]-want[i])) > 4*eps[T]() {
						t.Fatalf("%s, n = %d: NaN at %d, y[%d] = %v, without it %v", c.name, n, at, i, y[i], want[i])
					}
				}
				// σ(±∞) are fixed points.
				p[at] = T(math.Inf(1))
				y[at] = 1
				if kernel.RootStep(y, s, coef, p, target, &k); y[at] != 1 {
					t.Fatalf("%s, n = %d: fixed point %v for p = +Inf, want 1", c.name, n, y[at])
				}
			}
		}
	}
}

func TestRootGrad(t *testing.T) { both(t, testRootGrad[float64], testRootGrad[float32]) }

func testRootGrad[T kernel.Float](t *testing.T) {
	for _, c := range rootCases[T]() {
		for _, cols := range []int{1, 3, 8, 9, 17, 20, 24, 25, 49, 70} {
			for _, rows := range []int{0, 1, 7, 96, 300} {
				r := rng(uint64(rows*100 + cols))
				k, _ := c.coefs(0.4)
				step := kernel.RootRows[T](cols)
				a, av := randMat[T](r, rows, cols, cols%3, cols%5)
				w, target := randVec[T](r, cols, 1), randVec[T](r, rows, 2)
				kernel.Scal(T(1/math.Sqrt(float64(cols))), w.s)
				y, g := newVec[T](rows, 3), randVec[T](r, cols, 0)
				clear(y.s)
				buf := make([]T, 3*step)
				what := fmt.Sprintf("%s, %d x %d", c.name, rows, cols)

				// The same of the parts.
				p, y2, g2 := make([]T, rows), make([]T, rows), clone(g.s)
				s2, c2 := make([]T, rows), make([]T, rows)
				kernel.Gemv(p, 1, a, w.s, 0)
				var want float64
				for from := 0; from < rows; from += step { // a block steps until it has met its roots
					to := min(from+step, rows)
					for ok := false; !ok; {
						var e float64
						if e, _, ok = kernel.RootStep(y2[from:to], s2[from:to], c2[from:to], p[from:to], target.s[from:to], &k); ok {
							want += e
						}
					}
				}
				kernel.GemvT(g2, 1, a, c2, 1)

				ee, cy, from := 0., 0., 0
				for tries := 0; ; tries++ {
					e, q, end := kernel.RootGrad(g.s, a, w.s, y.s, target.s, &k, buf[:step], buf[step:2*step], buf[2*step:], from)
					ee, cy, from = ee+e, cy+q, end
					if from == rows {
						break
					}
					if tries > 10 || from%step != 0 {
						t.Fatalf("%s: ended at row %d", what, from)
					}
				}
				gapsIntact(t, what, a, av)
				for _, b := range []vec[T]{g, y, w, target} {
					b.intact(t, what)
				}
				u := float64(rows+cols+64) * eps[T]()
				within(t, what+", risk", ee, want, u*(1+want))
				within(t, what+", Σ c y", cy, float64(kernel.Dot(c2, y2)), u*float64(1+rows))
				size := make([]float64, cols)
				for i := range rows {
					for j := range cols {
						size[j] += math.Abs(float64(c2[i]))*math.Abs(float64(a.At(i, j))) + math.Abs(float64(a.At(i, j)))
					}
				}
				for j := range g.s {
					within(t, what+", gradient", float64(g.s[j]), float64(g2[j]), u*(1+size[j]))
				}
			}
		}
	}
}

// RootGrad says where the steps do not suffice: from 0 they diverge for v = -400.
func TestRootGradOpen(t *testing.T) {
	const rows, cols = 500, 4
	r := rand.New(rand.NewPCG(3, 4))
	k, ok := kernel.TanhRootCoefs[float64](-400)
	if !ok {
		t.Fatal("no coefficients for v = -400")
	}
	step := kernel.RootRows[float64](cols)
	a, w := kernel.NewMatrix[float64](rows, cols), []float64{1, 0, 0, 0}
	y, target, g, buf := make([]float64, rows), make([]float64, rows), make([]float64, cols), make([]float64, 3*step)
	for i := step; i < rows; i++ {
		a.Set(i, 0, r.NormFloat64()*100)
	}
	if _, _, end := kernel.RootGrad(g, a, w, y, target, &k, buf[:step], buf[step:2*step], buf[2*step:], 0); end != step {
		t.Errorf("ended at row %d, want %d: the first block is at its roots", end, step)
	}
	if _, ok := kernel.TanhRootCoefs[float64](1); ok {
		t.Error("coefficients of tanh for v = 1")
	}
	if _, ok := kernel.SigmoidRootCoefs[float32](4); ok {
		t.Error("coefficients of the logistic function for v = 4")
	}
}

func TestRootPanics(t *testing.T) {
	k, _ := kernel.TanhRootCoefs[float64](0)
	v := make([]float64, 4)
	for name, f := range map[string]func(){
		"s":      func() { kernel.RootStep(v, v[:3], v, v, v, &k) },
		"c":      func() { kernel.RootStep(v, v, v[:3], v, v, &k) },
		"p":      func() { kernel.RootStep(v, v, v, v[:3], v, &k) },
		"target": func() { kernel.RootStep(v, v, v, v, v[:3], &k) },
		"w":      func() { kernel.RootGrad(v[:2], kernel.NewMatrix[float64](4, 2), v[:1], v, v, &k, v, v, v, 0) },
		"g":      func() { kernel.RootGrad(v[:1], kernel.NewMatrix[float64](4, 2), v[:2], v, v, &k, v, v, v, 0) },
		"y":      func() { kernel.RootGrad(v[:2], kernel.NewMatrix[float64](4, 2), v[:2], v[:3], v, &k, v, v, v, 0) },
	} {
		if msg := panics(f); !strings.Contains(msg, name) {
			t.Errorf("%s too short: panic %q", name, msg)
		}
	}
}
