package sde

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

func increment(t *testing.T, p Path, m int, at, h float64) (w, area []float64) {
	t.Helper()
	w, area = make([]float64, m), make([]float64, m)
	if err := p.Increment(w, area, 0, at, h); err != nil {
		t.Fatal(err)
	}
	return w, area
}

// TestTreeRefinement: sums over 2^L pieces are the whole, to rounding, at every
// L, and so are the areas by the integral that they stand for.
func TestTreeRefinement(t *testing.T) {
	const m = 3
	b := mustTree(t, 11, 2, -1, 4)
	t0, t1 := b.Span()
	whole, area := increment(t, b, m, t0, t1-t0)
	for depth := 1; depth <= 10; depth++ {
		n := 1 << depth
		h := (t1 - t0) / float64(n)
		w, integral := make([]float64, m), make([]float64, m)
		for i := range n {
			dw, dh := increment(t, b, m, t0+float64(i)*h, h)
			for j := range w {
				integral[j] += h * (w[j] + dw[j]/2 + dh[j])
				w[j] += dw[j]
			}
		}
		for j := range w {
			near(t, "W", w[j], whole[j], 1e-13)
			near(t, "H", integral[j]/(t1-t0)-w[j]/2, area[j], 1e-13)
		}
	}
}

// TestTreeChen checks random intervals of the grid against their pieces, and
// that the answer does not depend on what was asked before, bit for bit.
func TestTreeChen(t *testing.T) {
	const m = 2
	b := mustTree(t, 5, 1, 0, 3)
	rnd := rand.New(rand.NewPCG(1, 2))
	at := func(k uint64) float64 { return b.spacing(k) }
	for range 300 {
		shift := rnd.IntN(20)
		k := []uint64{rnd.Uint64N(treeSize) >> shift << shift, rnd.Uint64N(treeSize) >> shift << shift, rnd.Uint64N(treeSize)}
		p, q, r := min(k[0], k[1], k[2]), k[0]^k[1]^k[2]^min(k[0], k[1], k[2])^max(k[0], k[1], k[2]), max(k[0], k[1], k[2])
		if p == q || q == r {
			continue
		}
		h1, h2 := at(q)-at(p), at(r)-at(q)
		w1, a1 := increment(t, b, m, at(p), h1)
		w2, a2 := increment(t, b, m, at(q), h2)
		w, a := increment(t, b, m, at(p), at(r)-at(p))
		fresh := mustTree(t, 5, 1, 0, 3)
		wf, af := increment(t, fresh, m, at(p), at(r)-at(p))
		from, to := make([]float64, m), make([]float64, m)
		if err := b.At(from, at(p)); err != nil {
			t.Fatal(err)
		}
		if err := b.At(to, at(r)); err != nil {
			t.Fatal(err)
		}
		for j := range m {
			near(t, "W of two pieces", w1[j]+w2[j], w[j], 1e-14)
			near(t, "W by At", to[j]-from[j], w[j], 1e-14)
			near(t, "H of two pieces", (h1*a1[j]+h2*a2[j]+(h2*w1[j]-h1*w2[j])/2)/(h1+h2), a[j], 1e-14)
			if wf[j] != w[j] || af[j] != a[j] {
				t.Fatalf("fresh tree: %v %v, want the same bits, %v %v", wf, af, w, a)
			}
		}
	}
}

// within says that a mean of n samples of standard deviation sd is within five
// standard errors of what is expected, and logs how many it was.
func within(t *testing.T, name string, got, want, sd float64, n int) {
	t.Helper()
	z := (got - want) / (sd / math.Sqrt(float64(n)))
	t.Logf("%s: %.6g, want %.6g (%.1f standard errors)", name, got, want, z)
	if !(math.Abs(z) < 5) {
		t.Errorf("%s: got %v, want %v: %.1f standard errors off", name, got, want, z)
	}
}

func covariance[T flow.Float](x, y []T) float64 {
	var mx, my, s float64
	for i := range x {
		mx += float64(x[i])
		my += float64(y[i])
	}
	mx /= float64(len(x))
	my /= float64(len(y))
	for i := range x {
		s += (float64(x[i]) - mx) * (float64(y[i]) - my)
	}
	return s / float64(len(x)-1)
}

// TestPathLaw checks the law of increments and areas, of the tree on intervals
// that are one node, several, and far down.
func TestPathLaw(t *testing.T) {
	const m = 100_000
	tree := mustTree(t, 99, 0, 0, 2)
	for _, c := range []struct {
		p     Path
		at, h float64
	}{
		{Increments{Seed: 99}, 0, 0.3},
		{tree, 0, 2}, {tree, 1, 0.5}, {tree, 0.375, 0.8125}, {tree, 1 - 0x1p-10, 0x1p-10},
	} {
		w, a := increment(t, c.p, m, c.at, c.h)
		within(t, "Var W", covariance(w, w), c.h, c.h*math.Sqrt2, m)
		within(t, "Var H", covariance(a, a), c.h/12, c.h/12*math.Sqrt2, m)
		within(t, "Cov(W, H)", covariance(w, a), 0, c.h/math.Sqrt(12), m)
	}
	w1, a1 := increment(t, tree, m, 0.25, 0.25)
	w2, a2 := increment(t, tree, m, 0.5, 0.125)
	sd := math.Sqrt(0.25 * 0.125)
	within(t, "Cov of neighbours, W W", covariance(w1, w2), 0, sd, m)
	within(t, "Cov of neighbours, W H", covariance(w1, a2), 0, sd/math.Sqrt(12), m)
	within(t, "Cov of neighbours, H H", covariance(a1, a2), 0, sd/12, m)
}

// TestTreeRun: without drift and with b = 1 the solution is the path itself,
// whatever the step.
func TestTreeRun(t *testing.T) {
	b := mustTree(t, 1, 0, 0.5, 3)
	s := Func(flow.FieldFunc(2, func(dst, _ []float64, _ float64) { clear(dst) }), Noise{Additive: true},
		func(dst, _ []float64, _ float64) { dst[0], dst[1] = 1, 1 })
	want := make([]float64, 2)
	if err := b.At(want, 3); err != nil {
		t.Fatal(err)
	}
	for _, h := range []float64{10, 2.5, 1, 0.3, 2.5 / 1024} {
		for _, it := range []flow.Integrator[float64]{EulerMaruyama(s, b), Heun(s, b), SRA1(s, b), SRI1W1(s, b)} {
			r, err := flow.New(it, []float64{0, 0}, flow.Options[float64]{Controller: flow.Fixed{H: h}, T0: 0.5, T1: 3, TStops: []float64{0.5 + 2.5*3/8}})
			if err != nil {
				t.Fatal(err)
			}
			sol, err := r.Solve(t.Context())
			if err != nil || sol.Status != flow.Done {
				t.Fatalf("h = %v: %v, %v", h, sol.Status, err)
			}
			near(t, "X(3)", sol.X[0], want[0], 1e-13)
			near(t, "X(3)", sol.X[1], want[1], 1e-13)
		}
	}
}

func TestTreeLimit(t *testing.T) {
	b := mustTree(t, 1, 0, 0, 1)
	for _, c := range []struct{ t, h, want float64 }{
		{0, 5, 1}, {0, 1, 1}, {0, 0.99, 0.5}, {0.5, 1, 0.5}, {0.25, 1, 0.25}, {0.75, 0.2, 0.125},
		{0.375, 0.125, 0.125}, {0x1p-32, 1, 0x1p-32}, {0.3, 0.1, 0.1}, {1, 0.1, 0.1},
	} {
		if got := b.Limit(c.t, c.h); got != c.want {
			t.Errorf("Limit(%v, %v) = %v, want %v", c.t, c.h, got, c.want)
		}
	}
}

func TestTreeErrors(t *testing.T) {
	for _, c := range [][2]float64{{0, 0}, {1, 0}, {0, math.NaN()}, {0, math.Inf(1)}, {math.Inf(-1), 0}, {1e6, 1e6 + 1}} {
		if _, err := NewTree(1, 0, c[0], c[1]); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("NewTree(%v): error %v, want ErrArgument", c, err)
		}
	}
	b := mustTree(t, 1, 0, 0, 1)
	w := make([]float64, 1)
	for _, c := range []struct {
		t, h float64
		want string
	}{
		{0.3, 0.25, "0.3 is not on the tree's grid"}, {0.25, 0.3, "0.55 is not on the tree's grid"},
		{-0.5, 0.5, "-0.5 is outside"}, {0.5, 1, "1.5 is outside"}, {0.5, 0, "step size is 0"}, {0.5, -0.25, "step size is -0.25"},
		{math.NaN(), 1, "NaN is not on"}, {0, math.Inf(1), "+Inf is not on"},
	} {
		err := b.Increment(w, nil, 0, c.t, c.h)
		if !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Increment(%v, %v): error %v, want %q", c.t, c.h, err, c.want)
		}
	}
	if err := b.At(w, 0.1); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("At(0.1): error %v, want ErrArgument", err)
	}
	// A run whose end is off the grid says so and keeps its last good state.
	s := doubleWell[float64](1, Diagonal)
	r, err := flow.New(EulerMaruyama(s, b), []float64{0.5}, flow.Options[float64]{Controller: flow.Fixed{H: 0.125}, T1: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(t.Context())
	if !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), "0.3") || sol.Status != flow.FieldError || sol.T != 0.25 {
		t.Errorf("run to 0.3 ended at %v with %v, %v, want FieldError at 0.25", sol.T, sol.Status, err)
	}
}

func FuzzTreeInterval(f *testing.F) {
	f.Add(0.0, 0.5)
	f.Add(0.3, 1e-300)
	b, err := NewTree(1, 0, -2, 6)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, at, h float64) {
		w, a := []float64{0}, []float64{0}
		if l := b.Limit(at, h); l > h {
			t.Errorf("Limit(%v, %v) = %v", at, h, l)
		}
		if err := b.Increment(w, a, 0, at, h); err == nil && (w[0]-w[0] != 0 || a[0]-a[0] != 0 || at < -2.001 || at+h > 6.001) {
			t.Errorf("Increment(%v, %v) = %v, %v", at, h, w, a)
		}
	})
}
