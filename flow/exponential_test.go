package flow

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

func constant[T Float](c ...T) Field[T] {
	return FieldFunc(len(c), func(d, _ []T, _ float64) { copy(d, c) })
}

// TestExponentialExact: for constant g one step of any size is exact.
func TestExponentialExact(t *testing.T) {
	a := kernel.MatrixOf(2, 2, []float64{2, -1, -1, 2}) // eigenvalues 1, 3
	it, err := ExponentialEuler(a, constant(1.0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []float64{1e-3, 0.5, 40} {
		sol, err := New(it, []float64{1, -2}, Options[float64]{Controller: Fixed{h}, MaxSteps: 1})
		if err != nil {
			t.Fatal(err)
		}
		sol.Next(context.Background())
		// Along (1,1)/2 and (1,-1)/2: s' = -s + 1, d' = -3d + 1, s = x+y, d = x-y.
		s, d := 1+(-1-1)*math.Exp(-h), 1./3+(3-1./3)*math.Exp(-3*h)
		if x := sol.Step().X; !(math.Abs(x[0]-(s+d)/2) <= 1e-14) || !(math.Abs(x[1]-(s-d)/2) <= 1e-14) {
			t.Errorf("h = %v: %v, want %v, %v", h, x, (s+d)/2, (s-d)/2)
		}
		if e := sol.Step().Err; !(e <= 1e-6) {
			t.Errorf("h = %v: error estimate %v of an exact step", h, e)
		}
	}
	// The stiff linear problem, from 0 to 1 in one step, also in float32.
	p := stiffProblems()["linear_flow"]
	it, err = ExponentialEuler(kernel.MatrixOf(50, 50, linearMatrix()), constant(make([]float64, 50)...))
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(it, p.y0, Options[float64]{T1: 1, InitStep: 1})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if e := solutions(t)["linear_flow"].relErr(sol.X); !(e <= 1e-9) || sol.Stats.Accepted != 1 {
		t.Errorf("linear_flow: error %.3g, %+v", e, sol.Stats)
	}
	it32, err := ExponentialEuler(kernel.MatrixOf(2, 2, []float32{2, -1, -1, 2}), constant[float32](1, 0))
	if err != nil {
		t.Fatal(err)
	}
	r32, err := New(it32, []float32{1, -2}, Options[float32]{T1: 1})
	if err != nil {
		t.Fatal(err)
	}
	sol32, err := r32.Solve(context.Background())
	s, d := 1-2*math.Exp(-1), 1./3+(3-1./3)*math.Exp(-3)
	if err != nil || !(math.Abs(float64(sol32.X[0])-(s+d)/2) <= 1e-6) {
		t.Errorf("float32: %v, %v, want %v", sol32.X, err, (s+d)/2)
	}
}

// TestExponentialOrder measures the order, compares the error estimate with the
// error, and controls the step, on a stiff reaction-diffusion system.
func TestExponentialOrder(t *testing.T) {
	const n = 20
	a := kernel.NewMatrix[float64](n, n)
	for i := range n {
		a.Set(i, i, 2*(n+1)*(n+1))
		if i > 0 {
			a.Set(i, i-1, -(n+1)*(n+1))
			a.Set(i-1, i, -(n+1)*(n+1))
		}
	}
	g := FieldFunc(n, func(d, x []float64, t float64) {
		for i, v := range x {
			d[i] = 5*v - v*v*v + math.Cos(t)
		}
	})
	x0 := make([]float64, n)
	for i := range x0 {
		x0[i] = math.Sin(math.Pi * float64(i+1) / (n + 1))
	}
	exact, err := Solve[float64](context.Background(), &semilinear[float64]{a: a, g: g}, x0, Options[float64]{Method: Rodas5P, T1: 0.5, RelTol: 1e-11, AbsTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	run := func(o Options[float64]) (float64, *Solution[float64]) {
		it, err := ExponentialEuler(a, g)
		if err != nil {
			t.Fatal(err)
		}
		o.T1 = 0.5
		r, err := New(it, x0, o)
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		e := 0.0
		for i, v := range sol.X {
			e = max(e, math.Abs(v-exact.X[i]))
		}
		return e, sol
	}
	e1, _ := run(Options[float64]{Controller: Fixed{1. / 64}})
	e2, _ := run(Options[float64]{Controller: Fixed{1. / 128}})
	if slope := math.Log2(e1 / e2); !(math.Abs(slope-1) <= 0.1) {
		t.Errorf("order %.2f, want 1", slope)
	}
	e, sol := run(Options[float64]{RelTol: 1e-4, AbsTol: 1e-6})
	t.Logf("error %.3g, %+v", e, sol.Stats)
	if !(e <= 5e-3) || sol.Stats.Accepted > 2000 {
		t.Errorf("controlled: error %.3g, %+v", e, sol.Stats)
	}
	sameResumed(t, "exponential", 7, func() Integrator[float64] {
		it, err := ExponentialEuler(a, g)
		if err != nil {
			t.Fatal(err)
		}
		return it
	}, x0, func() Options[float64] { return Options[float64]{T1: 0.5, RelTol: 1e-3, SaveAt: []float64{0.1}} })
	it, err := ExponentialEuler(a, g)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(it, x0, Options[float64]{Controller: Fixed{1e-3}, MaxSteps: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if k := testing.AllocsPerRun(100, func() { r.Next(context.Background()) }); k != 0 {
		t.Errorf("%v allocations a step", k)
	}
}

func TestPhi(t *testing.T) {
	for _, c := range []struct{ z, phi2 float64 }{{0, 0.5}, {1, math.E - 2}, {-1, 1 / math.E}, {-50, (50 - 1 + math.Exp(-50)) / 2500}} {
		if got := phi2(c.z); !(math.Abs(got-c.phi2) <= 1e-15) {
			t.Errorf("phi2(%v) = %v, want %v", c.z, got, c.phi2)
		}
	}
	for _, z := range []float64{0.1, -0.1} { // both forms meet
		if a, b := phi2(z), phi2(math.Nextafter(z, 0)); !(math.Abs(a-b) <= 1e-14) {
			t.Errorf("phi2 jumps at %v: %v, %v", z, a, b)
		}
	}
}

func TestExponentialBadInput(t *testing.T) {
	g := constant(1.0, 0)
	for name, a := range map[string]kernel.Matrix[float64]{
		"shape":  kernel.NewMatrix[float64](2, 3),
		"skew":   kernel.MatrixOf(2, 2, []float64{1, 2, 0, 1}),
		"finite": kernel.MatrixOf(2, 2, []float64{1, math.NaN(), 0, 1}),
	} {
		if _, err := ExponentialEuler(a, g); !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ExponentialEuler[float64](kernel.NewMatrix[float64](0, 0), nil); !errors.Is(err, ErrArgument) {
		t.Errorf("nil g: %v", err)
	}
}
