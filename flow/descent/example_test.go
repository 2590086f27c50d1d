package descent_test

import (
	"context"
	"fmt"
	"math"

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

// product is E = (xy-1)²/2, whose minima xy = 1 have the sharpness λmax = x²+y².
var product = flow.EnergyFunc(2, func(grad, x []float64) float64 {
	r := x[0]*x[1] - 1
	if grad != nil {
		grad[0], grad[1] = r*x[1], r*x[0]
	}
	return r * r / 2
})

// At the edge of stability: the gradient flow would end at a minimum of sharpness
// 16.1, gradient descent with a large η cannot stay there and ends at one of
// sharpness below 2/η.
func ExampleGD_edgeOfStability() {
	for _, eta := range []float64{0.001, 0.1, 0.13, 0.14, 0.15} {
		r, err := flow.New(descent.GD(flow.GradientFlow(product)), []float64{4, 0.1}, flow.Options[float64]{
			Controller: flow.Fixed{H: eta},
			Stop:       []flow.Stop[float64]{flow.StopEnergy[float64](1e-16)},
		})
		if err != nil {
			fmt.Println(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			fmt.Println(err)
		}
		fmt.Printf("η = %-5g 2/η = %6.1f  sharpness %.1f\n", eta, 2/eta, sol.X[0]*sol.X[0]+sol.X[1]*sol.X[1])
	}
	// Output:
	// η = 0.001 2/η = 2000.0  sharpness 16.1
	// η = 0.1   2/η =   20.0  sharpness 16.0
	// η = 0.13  2/η =   15.4  sharpness 14.2
	// η = 0.14  2/η =   14.3  sharpness 11.9
	// η = 0.15  2/η =   13.3  sharpness 9.4
}

// The learning rate at nine tenths of the edge of stability, wherever the descent
// is, against the largest constant one that the start allows.
func ExampleEdgeOfStability() {
	start := []float64{0.5, 7}
	for _, c := range []struct {
		name string
		rate flow.Controller
	}{
		{"constant", flow.Fixed{H: 0.9 * 2 / 1346}},
		{"edge", descent.EdgeOfStability{Theta: 0.9}},
	} {
		// E = eʸ x²/2 + y²/2, whose curvature falls from 1346 to 1.
		e := flow.EnergyFunc(2, func(grad, x []float64) float64 {
			a := math.Exp(x[1])
			if grad != nil {
				grad[0], grad[1] = a*x[0], a*x[0]*x[0]/2+x[1]
			}
			return a*x[0]*x[0]/2 + x[1]*x[1]/2
		})
		r, err := flow.New(descent.GD(flow.GradientFlow(e)), start, flow.Options[float64]{
			Controller: c.rate,
			Stop:       []flow.Stop[float64]{flow.StopEnergy[float64](1e-8)},
		})
		if err != nil {
			fmt.Println(err)
		}
		sol, err := r.Solve(context.Background())
		fmt.Printf("%-8s %v after %d steps, %v\n", c.name, sol.Status, sol.Stats.Accepted, err)
	}
	// Output:
	// constant Converged after 8055 steps, <nil>
	// edge     Converged after 114 steps, <nil>
}

// Adam on mini-batches with warm-up and cosine decay. The batch is a function of
// the step, so that the run can be repeated and resumed.
func ExampleAdam() {
	r, err := flow.New(descent.Adam[float64](flow.GradientFlow[float64](&noisy{}), descent.AdamOptions{}), []float64{-1, 2}, flow.Options[float64]{
		Controller: descent.Schedule{H: 0.05, Factors: []descent.Factor{descent.WarmUp{Steps: 20}, descent.Cosine{Length: 1000}}},
		MaxSteps:   1000,
	})
	if err != nil {
		fmt.Println(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%v at (%.2f, %.2f)\n", sol.Status, sol.X[0], sol.X[1])
	// Output:
	// StepLimit at (1.00, 1.00)
}

// noisy is the mean of (x-1)²/2 + 50 (y-1)²/2 over batches, with gradients that
// are off by ±1.
type noisy struct{ off float64 }

func (*noisy) Dim() int { return 2 }

func (e *noisy) EnergyGrad(grad, x []float64) float64 {
	a, b := x[0]-1, x[1]-1
	if grad != nil {
		grad[0], grad[1] = a+e.off, 50*b-e.off
	}
	return a*a/2 + 25*b*b + e.off*(a-b)
}

func (e *noisy) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Draw: func(step uint64) { e.off = 1 - 2*float64(step%2) }}
}

// The steps of Barzilai and Borwein on the valley of Rosenbrock's function,
// safeguarded by a nonmonotone line search, against Armijo's rule.
func ExampleBarzilaiBorwein() {
	for _, c := range []struct {
		name string
		rate flow.Controller
	}{
		{"Armijo", descent.Armijo{}},
		{"Barzilai-Borwein", descent.BarzilaiBorwein{Memory: 10}},
	} {
		r, err := flow.New(descent.GD(flow.GradientFlow(rosenbrock)), []float64{-1.2, 1}, flow.Options[float64]{
			Controller: c.rate,
			Stop:       []flow.Stop[float64]{flow.StopEnergy[float64](1e-8)},
		})
		if err != nil {
			fmt.Println(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%-16s %v, with less than 1000 gradients: %t\n", c.name, sol.Status, sol.Stats.Evals < 1000)
	}
	// Output:
	// Armijo           Converged, with less than 1000 gradients: false
	// Barzilai-Borwein Converged, with less than 1000 gradients: true
}

// The game min over x, max over y of xy: gradient descent-ascent spirals out, the
// methods that look ahead, or back, spiral in.
func ExampleExtragradient() {
	game := flow.FieldFunc(2, func(dst, x []float64, _ float64) { dst[0], dst[1] = -x[1], x[0] })
	for _, m := range []struct {
		name string
		it   flow.Integrator[float64]
	}{
		{"gradient descent-ascent", descent.GD(game)},
		{"extragradient", descent.Extragradient(game)},
		{"optimistic", descent.Optimistic(game)},
	} {
		r, err := flow.New(m.it, []float64{1, 0}, flow.Options[float64]{Controller: flow.Fixed{H: 0.3}, MaxSteps: 100})
		if err != nil {
			fmt.Println(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%-23s radius %.2g\n", m.name, math.Hypot(sol.X[0], sol.X[1]))
	}
	// Output:
	// gradient descent-ascent radius 74
	// extragradient           radius 0.014
	// optimistic              radius 0.0058
}

// Gradient descent as a solver of its flow: under a controller of errors the
// learning rate is whatever keeps it on x' = -∇E.
func ExampleGD_tracking() {
	for _, tol := range []float64{1e-2, 1e-4, 1e-6} {
		r, err := flow.New(descent.GD(flow.GradientFlow(product)), []float64{4, 0.1}, flow.Options[float64]{
			T1: 1, Controller: flow.PI, RelTol: tol, AbsTol: tol,
		})
		if err != nil {
			fmt.Println(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			fmt.Println(err)
		}
		x, y := sol.X[0], sol.X[1]
		fmt.Printf("tolerance %.0e: %d steps, x²-y² moved by %.1e\n", tol, sol.Stats.Accepted, math.Abs(x*x-y*y-15.99))
	}
	// Output:
	// tolerance 1e-02: 12 steps, x²-y² moved by 4.3e-03
	// tolerance 1e-04: 57 steps, x²-y² moved by 5.5e-04
	// tolerance 1e-06: 503 steps, x²-y² moved by 5.9e-05
}
