package flow

import (
	"context"
	"math"
	"testing"
)

// doubleWell is (x²-1)²/4 + 3(y-x)²/2.
func doubleWell[T Float](g, x []T) float64 {
	a, b := float64(x[0]), float64(x[1])
	if g != nil {
		g[0] = T((a*a-1)*a - 3*(b-a))
		g[1] = T(3 * (b - a))
	}
	return (a*a-1)*(a*a-1)/4 + 1.5*(b-a)*(b-a)
}

// wavy is not convex, its Hessian bounded: Σ log(1+x_i²) + cos(3 x_i) + x_i x_{i+1}/4.
func wavy[T Float](g, x []T) float64 {
	e := 0.0
	clear(g)
	for i, v := range x {
		a := float64(v)
		e += math.Log1p(a*a) + math.Cos(3*a) + 0.05*a*a
		b := float64(x[(i+1)%len(x)])
		e += (a - b) * (a - b) / 2
		if g != nil {
			g[i] += T(2*a/(1+a*a) - 3*math.Sin(3*a) + 0.1*a + a - b)
			g[(i+1)%len(x)] -= T(a - b)
		}
	}
	return e
}

var discreteMethods = map[string]Method{"gonzalez": Gonzalez, "avf5": AVF, "itoh_abe": ItohAbe}

// TestDiscreteGradientStep compares one step where the solution is unique with
// reference values, and the identity E(y)-E(x) = -h|g|² for all step sizes.
func TestDiscreteGradientStep(t *testing.T) {
	var misc struct {
		D struct {
			Cases []struct {
				Method string
				H      float64
				X0, X1 []float64
				DE     float64
			}
		} `json:"discrete_gradient"`
	}
	readJSON(t, "misc.json", &misc)
	if len(misc.D.Cases) != 9 {
		t.Fatalf("%d cases", len(misc.D.Cases))
	}
	for _, c := range misc.D.Cases {
		r, err := newField(GradientFlow(EnergyFunc(2, doubleWell[float64])), c.X0, Options[float64]{Method: discreteMethods[c.Method], Controller: Fixed{c.H}, MaxSteps: 1})
		if err != nil {
			t.Fatal(err)
		}
		e0 := r.Step().Energy
		r.Next(context.Background())
		x := r.Step().X
		d0, d1 := x[0]-c.X0[0], x[1]-c.X0[1]
		de, want := r.Step().Energy-e0, -(d0*d0+d1*d1)/c.H
		if !(math.Abs(de-want) <= 1e-13*math.Abs(want)) {
			t.Errorf("%s h = %v: E fell by %.17g, want %.17g", c.Method, c.H, -de, -want)
		}
		off := math.Hypot(x[0]-c.X1[0], x[1]-c.X1[1])
		t.Logf("%s h = %v: off by %.2g, %+v", c.Method, c.H, off, r.Step().Stats)
		if c.H < 0.1 && !(off <= 1e-13) {
			t.Errorf("%s h = %v: x = %.17g, want %.17g", c.Method, c.H, x, c.X1)
		}
	}
}
