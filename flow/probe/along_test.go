package probe

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// E = x⁴/4 + y²: the sharpness is max(3x², 2), x by gradient flow is
// x0/sqrt(1 + 2 x0² t).
func bowl[T flow.Float]() flow.Energy[T] {
	return flow.EnergyFunc(2, func(grad, x []T) float64 {
		if grad != nil {
			grad[0], grad[1] = x[0]*x[0]*x[0], 2*x[1]
		}
		return math.Pow(float64(x[0]), 4)/4 + float64(x[1]*x[1])
	})
}

func TestSharpnessAlong(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testSharpnessAlong[float64](t, 1e-3) })
	t.Run("float32", func(t *testing.T) { testSharpnessAlong[float32](t, 1e-2) })
}

func testSharpnessAlong[T flow.Float](t *testing.T, tol float64) {
	s, err := NewSharpness(bowl[T](), SpectrumOptions{Bottom: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.Every = 2
	sol, err := flow.Solve(context.Background(), flow.GradientFlow(bowl[T]()), []T{2, 1}, flow.Options[T]{T1: 3, RelTol: 1e-5, Recorder: s})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.T) != sol.Stats.Accepted/2+1 || len(s.Bottom) != len(s.T) || s.Unconverged != 0 || s.Products == 0 {
		t.Fatalf("%d rows of %d steps, %+v", len(s.T), sol.Stats.Accepted, s)
	}
	for i, at := range s.T {
		x := 2 / math.Sqrt(1+8*at)
		top, bottom := max(3*x*x, 2), min(3*x*x, 2)
		if math.Abs(s.Top[i]-top) > tol*top || math.Abs(s.Bottom[i]-bottom) > tol*top || (s.H[i] == 0) != (i == 0) || s.K[i] != 2*i {
			t.Errorf("t = %v: eigenvalues %v and %v, want %v and %v; step %d of size %v", at, s.Top[i], s.Bottom[i], top, bottom, s.K[i], s.H[i])
		}
	}
}

func TestPLQuadratic(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testPL[float64](t, 1e-9) })
	t.Run("float32", func(t *testing.T) { testPL[float32](t, 1e-4) })
}

// On E = ½ Σ λ x² the ratio is Σ λ² x² / Σ λ x², here with x = x0 (1-hλ)^k.
func testPL[T flow.Float](t *testing.T, tol float64) {
	q := quadratic[T]{eig: []float64{0.5, 4}}
	p, err := NewPL[T](q, 0)
	if err != nil {
		t.Fatal(err)
	}
	const h = 0.1
	r, err := flow.New(descent.GD(flow.GradientFlow[T](q)), []T{1, 2}, flow.Options[T]{Controller: flow.Fixed{H: h}, MaxSteps: 40, Recorder: p})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(p.Ratio) != 41 {
		t.Fatalf("%d rows, want 41", len(p.Ratio))
	}
	for k, got := range p.Ratio {
		a, b := math.Pow(1-0.5*h, float64(k)), 2*math.Pow(1-4*h, float64(k))
		if want := (0.25*a*a + 16*b*b) / (0.5*a*a + 4*b*b); math.Abs(got-want) > tol*want || p.K[k] != k {
			t.Errorf("step %d: ratio %v, want %v", k, got, want)
		}
	}
	if p.Min != p.Ratio[40] || p.MinAt != p.T[40] || math.Abs(p.Min-0.5) > 1e-6 || p.Min < 0.5*(1-tol) {
		t.Errorf("smallest ratio %v at %v, want 0.5 from above at the end", p.Min, p.MinAt)
	}
}

func TestPLFloor(t *testing.T) {
	q := quadratic[float64]{eig: []float64{1}}
	p, err := NewPL[float64](q, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range []float64{2, 1, 0} { // above, at and below E* = 0.5
		if err := p.Record(&flow.Step[float64]{Kind: flow.AtStep, K: i, X: []float64{x}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.Ratio) != 1 || p.Ratio[0] != 4/3. || p.Floor != 2 || p.Below != 1 {
		t.Errorf("%+v", p)
	}
	if err := p.Record(&flow.Step[float64]{X: []float64{math.NaN()}}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("NaN: error %v", err)
	}
}

// Along the exact flow E0 - E = z: what is left is the error of the trajectory,
// some 20 times the tolerance.
func TestDissipation(t *testing.T) {
	x, y := 2/math.Sqrt(1+8*3), math.Exp(-2*3.)
	exact := x*x*x*x/4 + y*y
	for _, c := range []struct {
		method flow.Method
		rel    float64
	}{{flow.Tsit5, 1e-6}, {flow.DOP853, 1e-9}, {flow.Rodas5P, 1e-6}} {
		d, err := NewDissipation(bowl[float64]())
		if err != nil {
			t.Fatal(err)
		}
		sol, err := flow.Solve(context.Background(), flow.GradientFlow(bowl[float64]()), []float64{2, 1}, flow.Options[float64]{
			Method: c.method, RelTol: c.rel, AbsTol: c.rel / 100, T1: 3, Recorder: d, Ledger: true})
		if err != nil {
			t.Fatal(err)
		}
		n := len(d.T) - 1
		if got := d.Defect(); !(got <= 20*c.rel) || d.Rises != 0 || n != sol.Stats.Accepted {
			t.Errorf("%v: defect %.3g (method's own %.3g), %d rises, want at most %g", c.method, got, sol.Ledger.Defect(), d.Rises, 20*c.rel)
		}
		if got := d.Energy[0] - d.Dissipated[n]; math.Abs(got-exact) > 20*c.rel*d.Energy[0] {
			t.Errorf("%v: energy by the integral %v, want %v", c.method, got, exact)
		}
	}
}

// Gradient descent on ½λx² with the trapezoidal rule: E0 - E1 is
// hλ²x²(1 - hλ/2), z is hλ²x²(1 + (1-hλ)²)/2.
func TestDissipationDescent(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testDissipationDescent[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testDissipationDescent[float32](t, 1e-5) })
}

func testDissipationDescent[T flow.Float](t *testing.T, tol float64) {
	q := quadratic[T]{eig: []float64{1}}
	d, err := NewDissipation[T](q)
	if err != nil {
		t.Fatal(err)
	}
	const h = 0.5
	r, err := flow.New(descent.GD(flow.GradientFlow[T](q)), []T{2}, flow.Options[T]{Controller: flow.Fixed{H: h}, MaxSteps: 1, Recorder: d})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	lost, z := h*4*(1-h/2), h*4*(1+(1-h)*(1-h))/2
	if want := math.Abs(lost-z) / lost; math.Abs(d.Defect()-want) > tol || math.Abs(d.Dissipated[1]-z) > 10*tol {
		t.Errorf("defect %v, z = %v, want %v and %v", d.Defect(), d.Dissipated[1], want, z)
	}
}

func TestAlongErrors(t *testing.T) {
	q := quadratic[float64]{eig: []float64{1, 2}}
	for name, err := range map[string]error{
		"Sharpness nil":   second(NewSharpness[float64](nil, SpectrumOptions{})),
		"Sharpness Top":   second(NewSharpness[float64](q, SpectrumOptions{Top: -1})),
		"PL nil":          second(NewPL[float64](nil, 0)),
		"PL NaN":          second(NewPL[float64](q, math.NaN())),
		"Dissipation nil": second(NewDissipation[float64](nil)),
		"Every":           (&Sharpness[float64]{Every: -1}).Init(2),
		"PL Every":        (&PL[float64]{Every: -1}).Init(0),
		"PL dim":          (&PL[float64]{}).Init(3),
		"Dissipation dim": (&Dissipation[float64]{}).Init(3),
	} {
		if !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: error %v, want ErrArgument", name, err)
		}
	}
	d, _ := NewDissipation[float64](q)
	if !math.IsNaN(d.Defect()) {
		t.Errorf("defect without a run %v", d.Defect())
	}
	if err := d.Record(&flow.Step[float64]{X: []float64{math.Inf(1), 0}}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("infinite energy: error %v", err)
	}
}

func second[E any](_ E, err error) error { return err }
