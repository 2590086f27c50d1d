package probe_test

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/probe"
)

// rosenbrock is (1 - x)² + 100 (y - x²)².
var rosenbrock = flow.EnergyFunc(2, func(grad, x []float64) float64 {
	a, b := 1-x[0], x[1]-x[0]*x[0]
	if grad != nil {
		grad[0] = -2*a - 400*b*x[0]
		grad[1] = 200 * b
	}
	return a*a + 100*b*b
})

// The condition of Rosenbrock's valley at its minimum, from gradients alone.
func ExampleHessianTop() {
	x := []float64{1, 1}
	top, err := probe.HessianTop(rosenbrock, x, 1, probe.SpectrumOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	bottom, err := probe.HessianBottom(rosenbrock, x, 1, probe.SpectrumOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("λ_max = %.2f, largest stable learning rate %.5f\n", top.Sharpness(), 2/top.Sharpness())
	fmt.Printf("λ_min = %.4f\n", bottom.Bottom[0].Value)
	// Output:
	// λ_max = 1001.60, largest stable learning rate 0.00200
	// λ_min = 0.3994
}

// The sharpness along a trajectory.
func ExampleSpectrum() {
	s, err := probe.NewSpectrum(rosenbrock, probe.SpectrumOptions{Bottom: 1, Top: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	sol, err := flow.Solve(context.Background(), flow.GradientFlow(rosenbrock), []float64{-1, 1.5}, flow.Options[float64]{
		T1: 0.01, RelTol: 1e-9,
		Recorder: flow.RecorderFunc(func(step *flow.Step[float64]) error {
			if step.K%20 != 0 {
				return nil
			}
			e, err := s.At(step.X)
			if err != nil {
				return err
			}
			fmt.Printf("t = %.4f: λ from %.1f to %.1f\n", step.T, e.Bottom[0].Value, e.Top[0].Value)
			return nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sol.Status)
	// Output:
	// t = 0.0000: λ from -46.7 to 848.7
	// t = 0.0023: λ from -2.0 to 1291.4
	// t = 0.0067: λ from -0.2 to 1315.9
	// Done
}

// The rate of gradient flow on ½x² - it is 2 for the energy - from its energies.
func ExampleFitExponential() {
	bowl := flow.EnergyFunc(1, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0] = x[0] + x[0]*x[0]*x[0]
		}
		return x[0]*x[0]/2 + math.Pow(x[0], 4)/4
	})
	var c flow.Columns[float64]
	_, err := flow.Solve(context.Background(), flow.GradientFlow(bowl), []float64{3}, flow.Options[float64]{T1: 12, RelTol: 1e-10, Recorder: &c})
	if err != nil {
		fmt.Println(err)
		return
	}
	fit, err := probe.FitExponential(c.T, c.Energy, 0, probe.Window{})
	if err != nil {
		fmt.Println(err)
		return
	}
	lo, hi := fit.Interval(0.95)
	fmt.Printf("E ~ exp(-%.2f t), 95 %% of %.2f to %.2f\n", fit.Rate, lo, hi)
	// Output:
	// E ~ exp(-2.00 t), 95 % of 2.00 to 2.01
}

// The energy of a pendulum under the classical Runge-Kutta method.
func ExampleDrift() {
	d, err := probe.NewDrift(flow.Invariant[float64]{
		Name:  "energy",
		Value: func(x []float64) float64 { return x[1]*x[1]/2 - math.Cos(x[0]) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pendulum := flow.FieldFunc(2, func(dst, x []float64, _ float64) { dst[0], dst[1] = x[1], -math.Sin(x[0]) })
	_, err = flow.Solve(context.Background(), pendulum, []float64{1, 0}, flow.Options[float64]{
		Method: flow.RK4, Controller: flow.Fixed{H: 0.1}, T1: 100, Recorder: d,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := d.Stats()[0]
	fmt.Printf("%s: %.4f, moved by %.1e at most in %d steps\n", s.Name, s.Start, s.Max, s.N-1)
	// Output:
	// energy: -0.5403, moved by 4.7e-06 at most in 1000 steps
}

// A gradient with a forgotten factor.
func ExampleCheckGradient() {
	wrong := flow.EnergyFunc(2, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0] = math.Cos(x[0])
			grad[1] = math.Sin(2 * x[1]) // of sin²: right
			grad[0] *= 2
		}
		return math.Sin(x[0]) + math.Sin(x[1])*math.Sin(x[1])
	})
	c, err := probe.CheckGradient(wrong, []float64{0.5, 1}, probe.CheckOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("OK %t: component %d is %.4f, should be %.4f; order %.1f\n", c.OK, c.Index, c.Got, c.Want, c.Order)
	// Output:
	// OK false: component 0 is 1.7552, should be 0.8776; order 0.0
}
