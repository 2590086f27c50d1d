package probe

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// sines is E = Σ sin(w_i x_i) w_i^-1 with gradient cos(w_i x_i), times a factor
// in component wrong.
func sines[T flow.Float](n, wrong int, factor float64) flow.Energy[T] {
	return flow.EnergyFunc(n, func(grad, x []T) float64 {
		var e float64
		for i, v := range x {
			w := 1 + float64(i%5)
			e += math.Sin(w*float64(v)) / w
			if grad != nil {
				grad[i] = T(math.Cos(w * float64(v)))
				if i == wrong {
					grad[i] *= T(factor)
				}
			}
		}
		return e
	})
}

func TestCheckGradientRight(t *testing.T) {
	for _, n := range []int{1, 10, 1000} {
		c, err := CheckGradient(sines[float64](n, -1, 1), random[float64](n, 1), CheckOptions{})
		if err != nil || !c.OK || c.Components != min(n, 200) {
			t.Errorf("n = %d: %v, error %v", n, c, err)
		}
		if math.Abs(c.Order-2) > 0.1 {
			t.Errorf("n = %d: order %v, want 2", n, c.Order)
		}
	}
	c, err := CheckGradient(sines[float32](10, -1, 1), random[float32](10, 1), CheckOptions{})
	if err != nil || !c.OK || math.Abs(c.Order-2) > 0.2 {
		t.Errorf("float32: %v, error %v", c, err)
	}
	c, err = CheckGradient[float64](quadratic[float64]{eig: []float64{3, 1, -2}}, []float64{1, 2, 3}, CheckOptions{})
	if err != nil || !c.OK {
		t.Errorf("quadratic: %v, error %v", c, err)
	}
}

func TestCheckGradientWrong(t *testing.T) {
	for _, factor := range []float64{-1, 0, 1.001, 2} {
		c, err := CheckGradient(sines[float64](10, 3, factor), random[float64](10, 1), CheckOptions{})
		if err != nil || c.OK || c.Index != 3 {
			t.Errorf("factor %v: %v, error %v, want component 3 to be found", factor, c, err)
		}
		if math.Abs(c.Got-factor*c.Want) > 1e-6 {
			t.Errorf("factor %v: got %v, want %v", factor, c.Got, c.Want)
		}
		if math.Abs(c.Order) > 0.2 {
			t.Errorf("factor %v: order %v, want 0", factor, c.Order)
		}
	}
	c, err := CheckGradient(sines[float32](10, 3, 1.1), random[float32](10, 1), CheckOptions{})
	if err != nil || c.OK || c.Index != 3 || !strings.Contains(c.String(), "wrong") {
		t.Errorf("float32: %v, error %v", c, err)
	}
}

// Energies with and without gradient that are not the same function.
func TestCheckGradientMismatch(t *testing.T) {
	good := sines[float64](3, -1, 1)
	e := flow.EnergyFunc(3, func(grad, x []float64) float64 {
		v := good.EnergyGrad(grad, x)
		if grad == nil {
			return v
		}
		return 2 * v
	})
	c, err := CheckGradient(e, []float64{0.1, 0.2, 0.3}, CheckOptions{})
	if err != nil || c.OK || !(c.EnergyMismatch > 0.1) {
		t.Errorf("%v, mismatch %v, error %v", c, c.EnergyMismatch, err)
	}
}

func TestCheckGradientErrors(t *testing.T) {
	e, x := sines[float64](2, -1, 1), []float64{1, 2}
	for name, call := range map[string]func() error{
		"nil":        func() error { _, err := CheckGradient[float64](nil, x, CheckOptions{}); return err },
		"length":     func() error { _, err := CheckGradient(e, x[:1], CheckOptions{}); return err },
		"Tol":        func() error { _, err := CheckGradient(e, x, CheckOptions{Tol: -1}); return err },
		"Components": func() error { _, err := CheckGradient(e, x, CheckOptions{Components: -1}); return err },
		"changes x": func() error {
			_, err := CheckGradient(flow.EnergyFunc(1, func(_, x []float64) float64 { x[0]++; return 0 }), []float64{0}, CheckOptions{})
			return err
		},
	} {
		if err := call(); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: error %v, want ErrArgument", name, err)
		}
	}
	if _, err := CheckGradient(e, []float64{1, math.NaN()}, CheckOptions{}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("NaN: error %v", err)
	}
	log := flow.EnergyFunc(1, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0] = 1 / x[0]
		}
		return math.Log(x[0])
	})
	if _, err := CheckGradient(log, []float64{1e-9}, CheckOptions{}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("edge of the domain: error %v, want ErrNonFinite", err)
	}
}
