package descent_test

import (
	"context"
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// rosenbrock is E = (1-x)² + 100 (y-x²)².
var rosenbrock = flow.EnergyFunc(2, func(grad, x []float64) float64 {
	a, b := 1-x[0], x[1]-x[0]*x[0]
	if grad != nil {
		grad[0], grad[1] = -2*a-400*x[0]*b, 200*b
	}
	return a*a + 100*b*b
})

// Gradient descent with the learning rate found by Armijo's line search.
func ExampleArmijo() {
	gd := descent.GD(flow.GradientFlow(rosenbrock))
	r, err := flow.New(gd, []float64{-1.2, 1}, flow.Options[float64]{
		Controller: descent.Armijo{},
		Stop:       []flow.Stop[float64]{flow.StopSlope[float64](1e-3)},
	})
	if err != nil {
		fmt.Println(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%v at (%.3f, %.3f)\n", sol.Status, sol.X[0], sol.X[1])
	// Output:
	// Converged at (0.999, 0.998)
}

// Above 2/λ gradient descent diverges. That is a result, not an error.
func ExampleGD() {
	const lambda = 4
	bowl := flow.EnergyFunc(1, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0] = lambda * x[0]
		}
		return lambda / 2 * x[0] * x[0]
	})
	for _, eta := range []float64{0.1, 0.49, 0.51} {
		r, err := flow.New(descent.GD(flow.GradientFlow(bowl)), []float64{1}, flow.Options[float64]{
			Controller: flow.Fixed{H: eta},
			MaxSteps:   10_000,
			Stop:       []flow.Stop[float64]{flow.StopEnergy[float64](1e-12)},
		})
		if err != nil {
			fmt.Println(err)
		}
		sol, err := r.Solve(context.Background())
		fmt.Printf("ηλ = %.2f: %v after %d steps, %v\n", eta*lambda, sol.Status, sol.Stats.Accepted, err)
	}
	// Output:
	// ηλ = 0.40: Converged after 28 steps, <nil>
	// ηλ = 1.96: Converged after 347 steps, <nil>
	// ηλ = 2.04: Diverged after 705 steps, <nil>
}

// Nesterov's method on an ill-conditioned bowl, beside the heavy ball and plain
// descent.
func ExampleNesterov() {
	bowl := flow.EnergyFunc(2, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0], grad[1] = x[0], 1000*x[1]
		}
		return x[0]*x[0]/2 + 500*x[1]*x[1]
	})
	f := flow.GradientFlow(bowl)
	for _, m := range []struct {
		name string
		it   flow.Integrator[float64]
	}{
		{"GD", descent.GD(f)},
		{"heavy ball", descent.HeavyBall(f, 0.9)},
		{"Nesterov", descent.Nesterov(f, descent.StronglyConvex{Mu: 1})},
	} {
		r, err := flow.New(m.it, []float64{1, 1}, flow.Options[float64]{Controller: flow.Fixed{H: 1e-3}, MaxSteps: 300, Energy: true})
		if err != nil {
			fmt.Println(err)
		}
		sol, _ := r.Solve(context.Background())
		fmt.Printf("%-10s E = %.1e\n", m.name, sol.Energy)
	}
	// Output:
	// GD         E = 2.7e-01
	// heavy ball E = 7.7e-04
	// Nesterov   E = 2.3e-07
}
