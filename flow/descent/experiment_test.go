package descent

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// logistic is the mean logistic loss of six points with a ridge, the problem
// logreg_flow of the references.
type logistic[T flow.Float] struct{}

var logisticX, logisticY = [6][3]float64{{1, 2, -1}, {1, -1, 1}, {1, 1, 1}, {1, -2, -1}, {1, 0, 2}, {1, 1, -2}}, [6]float64{1, -1, 1, -1, -1, 1}

func (logistic[T]) Dim() int { return 3 }

func (logistic[T]) EnergyGrad(g, w []T) float64 {
	e := 0.0
	var grad [3]float64
	for j, v := range w {
		e += float64(v) * float64(v) / 20
		grad[j] = float64(v) / 10
	}
	for i, x := range logisticX {
		z := 0.0
		for j, v := range w {
			z += logisticY[i] * x[j] * float64(v)
		}
		e += math.Log1p(math.Exp(-z)) / 6
		for j := range grad {
			grad[j] -= logisticY[i] * x[j] / (1 + math.Exp(z)) / 6
		}
	}
	for j := range g {
		g[j] = T(grad[j])
	}
	return e
}

// exactLogistic has second derivatives too.
type exactLogistic struct{ logistic[float64] }

func (exactLogistic) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{HessVec: func(d, w, v []float64) {
		for j := range d {
			d[j] = v[j] / 10
		}
		for i, x := range logisticX {
			z, s := 0.0, 0.0
			for j := range w {
				z += logisticY[i] * x[j] * w[j]
				s += x[j] * v[j]
			}
			p := 1 / (1 + math.Exp(z))
			for j := range d {
				d[j] += p * (1 - p) * s * x[j] / 6
			}
		}
	}}
}

// TestDescentAgainstFlow: at t = 1 gradient descent is at a distance of order η
// from the flow of E and of order η² from that of the modified energy, with the
// errors of the references.
func TestDescentAgainstFlow(t *testing.T) {
	x0 := []float64{0.5, -1, 1}
	end := func(e flow.Energy[float64]) []float64 {
		sol, err := flow.Solve(context.Background(), flow.Field[float64](flow.GradientFlow(e)), x0, flow.Options[float64]{T1: 1, RelTol: 1e-11, AbsTol: 1e-12})
		if err != nil {
			t.Fatal(err)
		}
		return sol.X
	}
	exact := end(logistic[float64]{})
	for _, c := range []struct{ eta, plain, modified float64 }{{0.1, 1.55e-2, 3.26e-4}, {0.05, 7.67e-3, 8.05e-5}, {0.025, 3.82e-3, 2.00e-5}} {
		steps := int(math.Round(1 / c.eta))
		x := path(t, GD(flow.GradientFlow[float64](logistic[float64]{})), x0, c.eta, steps)[steps]
		distance := func(y []float64) float64 {
			s := 0.0 // in the maximum norm
			for i := range x {
				s = max(s, math.Abs(x[i]-y[i]))
			}
			return s
		}
		if d := distance(exact); !(math.Abs(d-c.plain) <= 0.005*c.plain) {
			t.Errorf("η = %g: distance to the flow %.4g, want %.3g", c.eta, d, c.plain)
		}
		for name, e := range map[string]flow.Energy[float64]{"products": exactLogistic{}, "differences": logistic[float64]{}} {
			m, err := ModifiedEnergy(e, c.eta)
			if err != nil {
				t.Fatal(err)
			}
			if d := distance(end(m)); !(math.Abs(d-c.modified) <= 0.005*c.modified) {
				t.Errorf("η = %g, %s: distance to the modified flow %.4g, want %.3g", c.eta, name, d, c.modified)
			}
		}
	}
}

// TestModifiedEnergy compares with the closed form on λx²/2, where E + (η/4)λ²x²,
// and its gradient with differences of it.
func TestModifiedEnergy(t *testing.T) {
	m, err := ModifiedEnergy[float64](curved[float64]{3}, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	g := make([]float64, 1)
	if e := m.EnergyGrad(g, []float64{2}); !(math.Abs(e-(6+0.05*36)) <= 1e-14) || !(math.Abs(g[0]-(6+0.1*9*2)) <= 1e-14) {
		t.Errorf("energy %v, gradient %v, want 7.8 and 7.8", e, g)
	}
	s, err := ModifiedEnergy[float32](logistic[float32]{}, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ModifiedEnergy[float64](exactLogistic{}, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	g32, g64 := make([]float32, 3), make([]float64, 3)
	a, b := s.EnergyGrad(g32, []float32{0.5, -1, 1}), d.EnergyGrad(g64, []float64{0.5, -1, 1})
	if !(math.Abs(a-b) <= 1e-6) || !(math.Abs(d.EnergyGrad(nil, []float64{0.5, -1, 1})-b) <= 1e-15) {
		t.Errorf("energies %v in float32, %v in float64", a, b)
	}
	for i := range g64 {
		if !(math.Abs(float64(g32[i])-g64[i]) <= 1e-4) {
			t.Errorf("gradient[%d] = %v in float32, %v in float64", i, g32[i], g64[i])
		}
	}
	for name, err := range map[string]error{
		"eta = NaN": second(ModifiedEnergy[float64](curved[float64]{3}, math.NaN())),
		"eta = -1":  second(ModifiedEnergy[float64](curved[float64]{3}, -1)),
		"nil":       second(ModifiedEnergy[float64](nil, 1)),
	} {
		if !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error that names %q, got %v", name, err)
		}
	}
}

func second[A, B any](_ A, b B) B { return b }

// TestSharpnessAlongDescent runs E = (xy-1)²/2 at several learning rates. The flow
// conserves x²-y² = c, and so ends at the minimum with λmax = x²+y² = sqrt(c²+4);
// descent with a small η gets there as η falls, while above 2/λmax it cannot stay
// and ends at a flatter minimum, below 2/η: the edge of stability.
func TestSharpnessAlongDescent(t *testing.T) {
	e := flow.EnergyFunc(2, func(g, x []float64) float64 {
		r := x[0]*x[1] - 1
		if g != nil {
			g[0], g[1] = r*x[1], r*x[0]
		}
		return r * r / 2
	})
	x0 := []float64{4, 0.1}
	limit := math.Sqrt(math.Pow(16-0.01, 2) + 4) // 16.11
	sharpness := func(eta float64) float64 {
		r, err := flow.New(GD(flow.GradientFlow(e)), x0, flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: 200_000, Stop: []flow.Stop[float64]{flow.StopEnergy[float64](1e-20)}})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil || sol.Status != flow.Converged {
			t.Fatalf("η = %g: %v, %v at %v", eta, sol.Status, err, sol.X)
		}
		return sol.X[0]*sol.X[0] + sol.X[1]*sol.X[1]
	}
	last := math.NaN()
	for _, eta := range []float64{0.02, 0.01, 0.005, 0.0025} {
		d := math.Abs(sharpness(eta) - limit)
		if last > 0 && !(d > 0.4*last && d < 0.6*last) {
			t.Errorf("η = %g: sharpness off by %g after %g at twice that, want half", eta, d, last)
		}
		last = d
	}
	for _, eta := range []float64{0.13, 0.14, 0.15} { // 2/η = 15.4, 14.3, 13.3
		if s := sharpness(eta); !(s < 2/eta) || !(s > 0.6*2/eta) {
			t.Errorf("η = %g: sharpness %.4g, want below 2/η = %.4g and near it", eta, s, 2/eta)
		}
	}
}
