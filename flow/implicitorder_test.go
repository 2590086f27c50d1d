package flow

import (
	"context"
	"math"
	"testing"
)

// orderOf measures the order of convergence on the nonautonomous problem.
func orderOf(t *testing.T, f Field[float64], m Method, n float64) float64 {
	t.Helper()
	ref := solutions(t)["nonautonomous"]
	e := func(h float64) float64 {
		sol, err := Solve(context.Background(), f, []float64{1, 0.5}, Options[float64]{Method: m, Controller: Fixed{h}, T1: 1, RelTol: 1e-13, AbsTol: 1e-13})
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		return ref.relErr(sol.X)
	}
	return math.Log2(e(1/n) / e(1/(2*n)))
}

// TestImplicitOrder measures the order of convergence with an exact Jacobian and
// by differences, with factors and with GMRES.
func TestImplicitOrder(t *testing.T) {
	for _, m := range []Method{Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4, ImplicitEuler, ImplicitMidpoint, RadauIIA5, Gauss4, Gauss6} {
		n := map[int]float64{1: 64, 2: 32, 4: 16, 5: 8, 6: 8}[m.Order()]
		for name, c := range map[string]struct {
			f Field[float64]
			m Method
		}{
			"exact":       {exactNonautonomous(), m},
			"differences": {FieldFunc(2, nonautonomous), m},
			"GMRES":       {exactNonautonomous(), Krylov{m}},
		} {
			if _, ok := m.(*collocation); ok && name == "GMRES" {
				continue // dense factors only
			}
			slope := orderOf(t, c.f, c.m, n)
			t.Logf("%v, %s: order %.2f", m, name, slope)
			if want := float64(m.Order()); !(slope >= want-0.3 && slope <= want+2) {
				t.Errorf("%v, %s: order %.2f, want %v", m, name, slope, want)
			}
		}
	}
}

// TestImplicitDenseOrder measures the order of the interpolants.
func TestImplicitDenseOrder(t *testing.T) {
	for m, want := range map[Method]float64{Rodas4: 3, Rodas5P: 4, ROS23: 2, TRBDF2: 2, KenCarp4: 3, SDIRK4: 3, ImplicitMidpoint: 2, RadauIIA5: 3, Gauss4: 3, Gauss6: 3} {
		e := func(h float64) float64 {
			worst := 0.0
			for _, theta := range []float64{0.2, 0.5, 0.8} {
				o := Options[float64]{Method: m, Controller: Fixed{h}, MaxSteps: 1, Dense: true, RelTol: 1e-13, AbsTol: 1e-13}
				r, err := newField(exactNonautonomous(), []float64{1, 0.5}, o)
				if err != nil {
					t.Fatal(err)
				}
				r.Next(context.Background())
				x := make([]float64, 2)
				if err := r.Step().At(x, theta*h); err != nil {
					t.Fatal(err)
				}
				y := exactly(t, theta*h)
				worst = max(worst, math.Hypot(x[0]-y[0], x[1]-y[1]))
			}
			return worst
		}
		h := 0.1
		slope := math.Log2(e(h) / e(h/2))
		t.Logf("%v: local dense order %.2f", m, slope)
		if !(slope >= want+1-0.35 && slope <= want+3) {
			t.Errorf("%v: local error of dense output falls as h^%.2f, want %v", m, slope, want+1)
		}
	}
}

// TestDiscreteGradientOrder measures the order on the flow of a double well.
func TestDiscreteGradientOrder(t *testing.T) {
	f := GradientFlow(EnergyFunc(2, doubleWell[float64]))
	exact, err := Solve(context.Background(), f, []float64{0.1, 2}, Options[float64]{Method: DOP853, T1: 1, RelTol: 1e-14, AbsTol: 1e-14})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Method{Gonzalez, AVF, ItohAbe, Proximal} {
		e := func(h float64) float64 {
			sol, err := Solve(context.Background(), f, []float64{0.1, 2}, Options[float64]{Method: m, Controller: Fixed{h}, T1: 1, RelTol: 1e-12, AbsTol: 1e-12})
			if err != nil {
				t.Fatal(err)
			}
			return math.Hypot(sol.X[0]-exact.X[0], sol.X[1]-exact.X[1])
		}
		slope := math.Log2(e(1./64) / e(1./128))
		t.Logf("%v: order %.2f", m, slope)
		if !(math.Abs(slope-float64(m.Order())) <= 0.2) {
			t.Errorf("%v: order %.2f, want %d", m, slope, m.Order())
		}
	}
}
