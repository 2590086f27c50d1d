package probe

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

func origin[T flow.Float](n int) []T { return make([]T, n) }

// With as many steps as there are distinct eigenvalues the quadrature is exact:
// what is left is the scatter of the probes.
func TestDensityMoments(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testDensityMoments[float64](t) })
	t.Run("float32", func(t *testing.T) { testDensityMoments[float32](t) })
}

func testDensityMoments[T flow.Float](t *testing.T) {
	const n = 400
	q := quadratic[T]{eig: make([]float64, n), exact: true}
	var trace, square, below float64
	for i := range q.eig {
		q.eig[i] = float64(i%4) - 1 // -1, 0, 1, 2
		trace += q.eig[i]
		square += q.eig[i] * q.eig[i] / n
		if q.eig[i] < 0.5 {
			below += 1. / n
		}
	}
	d, err := HessianDensity[T](q, origin[T](n), DensityOptions{Probes: 30, Steps: 10, Seed: 5})
	if err != nil || !d.Exact || d.Dim != n || len(d.Nodes) != 30 {
		t.Fatalf("%+v, error %v", d, err)
	}
	within := func(what string, got, se, want float64) {
		if !(math.Abs(got-want) <= 3.5*se) || !(se > 0) {
			t.Errorf("%s: %v ± %v, want %v", what, got, se, want)
		}
	}
	got, se := d.Trace()
	within("trace", got, se, trace)
	// Gaussian vectors on the sphere: the variance of vᵀAv is 2/(n+2) Var(λ) a probe.
	variance := square - trace*trace/n/n
	if want := n * math.Sqrt(2*variance/(n+2)/30); se < want/1.6 || se > 1.6*want {
		t.Errorf("standard error of the trace %v, want about %v", se, want)
	}
	got, se = d.Mean(func(v float64) float64 { return v * v })
	within("tr H²/n", got, se, square)
	got, se = d.Below(0.5)
	within("part below 0.5", got, se, below)
	sigma := 0.05
	got, se = d.At(1, sigma) // a quarter of the eigenvalues
	within("density at 1", got, se, 0.25/(sigma*math.Sqrt(2*math.Pi)))
	if got, _ = d.At(1.5, sigma); got > 1e-10 {
		t.Errorf("density between eigenvalues: %v", got)
	}
	if lo, hi := d.Range(); math.Abs(lo+1) > 1e-4 || math.Abs(hi-2) > 1e-4 {
		t.Errorf("range %v to %v, want -1 to 2", lo, hi)
	}
}

// The Hessian is the path graph's adjacency, eigenvalues
// 2 cos(πk/(n+1)), whose density is the arcsine law 1/(π sqrt(4-λ²)).
func TestDensityArcsine(t *testing.T) {
	const n = 2000
	e := flow.EnergyFunc(n, func(grad, x []float64) float64 {
		var s float64
		for i := range x {
			var g float64
			if i > 0 {
				g += x[i-1]
			}
			if i+1 < n {
				g += x[i+1]
			}
			s += g * x[i] / 2
			if grad != nil {
				grad[i] = g
			}
		}
		return s
	})
	d, err := HessianDensity(e, origin[float64](n), DensityOptions{Steps: 60, Probes: 20})
	if err != nil || d.Exact || d.Products != 20*60 {
		t.Fatalf("%v products, exact %v, error %v", d.Products, d.Exact, err)
	}
	for _, lambda := range []float64{-1.5, -1, 0, 0.5, 1.2} {
		want := 1 / (math.Pi * math.Sqrt(4-lambda*lambda))
		// Broadened well beyond the distance of the nodes, 4/60.
		got, se := d.At(lambda, 0.15)
		if !(math.Abs(got-want) <= 3.5*se+0.01*want) || se > 0.1*want {
			t.Errorf("density at %v: %v ± %v, want %v", lambda, got, se, want)
		}
		part, se := d.Below(lambda)
		if want := 1 - math.Acos(lambda/2)/math.Pi; !(math.Abs(part-want) <= 3.5*se+0.01) {
			t.Errorf("part below %v: %v ± %v, want %v", lambda, part, se, want)
		}
	}
}

// Two eigenvalues in two dimensions: broadening by the default width.
func TestDensityWidth(t *testing.T) {
	q := quadratic[float64]{eig: []float64{1, 3}, exact: true}
	d, err := HessianDensity[float64](q, origin[float64](2), DensityOptions{Probes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if w := d.Width(); math.Abs(w-math.Sqrt(1e-5)) > 1e-12 {
		t.Errorf("width %v", w)
	}
	a, se := d.At(1, 0)
	b, _ := d.At(3, 0)
	if peak := (a + b) * d.Width() * math.Sqrt(2*math.Pi); math.Abs(peak-1) > 1e-12 || !math.IsNaN(se) {
		t.Errorf("both peaks together %v, want 1; standard error of one probe %v, want NaN", peak, se)
	}
	one := quadratic[float64]{eig: []float64{2, 2, 2}, exact: true}
	if d, err = HessianDensity[float64](one, origin[float64](3), DensityOptions{}); err != nil || !(d.Width() > 0) {
		t.Errorf("one eigenvalue: width %v, error %v", d.Width(), err)
	}
}

func TestProbesReproducible(t *testing.T) {
	e, x := quartic[float64](200), random[float64](200, 4)
	run := func(procs int) (*Density, Trace) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		d, err := HessianDensity(e, x, DensityOptions{Probes: 3, Steps: 20, Seed: 9})
		if err != nil {
			t.Fatal(err)
		}
		tr, err := HessianTrace(e, x, TraceOptions{Probes: 20, Sketch: 4, Seed: 9})
		if err != nil {
			t.Fatal(err)
		}
		return d, tr
	}
	d1, t1 := run(1)
	d4, t4 := run(4)
	if t1 != t4 || !slices.EqualFunc(d1.Nodes, d4.Nodes, slices.Equal[[]float64]) || !slices.EqualFunc(d1.Weights, d4.Weights, slices.Equal[[]float64]) {
		t.Errorf("results depend on GOMAXPROCS: %+v, %+v", t1, t4)
	}
}

func TestDensityErrors(t *testing.T) {
	q, x := quadratic[float64]{eig: []float64{1, 2}, exact: true}, origin[float64](2)
	for name, o := range map[string]DensityOptions{"Probes": {Probes: -1}, "Steps": {Steps: -1}, "Delta": {Delta: math.NaN()}} {
		if _, err := HessianDensity[float64](q, x, o); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, call := range map[string]func() error{
		"nil":    func() error { _, err := HessianDensity[float64](nil, x, DensityOptions{}); return err },
		"length": func() error { _, err := HessianDensity[float64](q, x[:1], DensityOptions{}); return err },
		"empty": func() error {
			_, err := HessianDensity[float64](quadratic[float64]{}, nil, DensityOptions{})
			return err
		},
	} {
		if err := call(); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := HessianDensity[float64](q, []float64{1, math.Inf(1)}, DensityOptions{}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("infinite x: error %v", err)
	}
	if _, err := HessianDensity[float64](quadratic[float64]{eig: []float64{1, math.NaN()}, exact: true}, x, DensityOptions{}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("NaN in a product: error %v", err)
	}
	d, _ := HessianDensity[float64](q, x, DensityOptions{})
	defer func() {
		if recover() == nil {
			t.Error("negative sigma does not panic")
		}
	}()
	d.At(0, -1)
}
