package flow_test

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// A stiff problem: the relaxation oscillation of van der Pol with ε = 1e-6. An
// explicit method would need millions of steps.
func ExampleSolve_stiff() {
	f := flow.FieldFunc(2, func(dst, y []float64, _ float64) {
		dst[0] = y[1]
		dst[1] = 1e6 * ((1-y[0]*y[0])*y[1] - y[0])
	})
	sol, err := flow.Solve(context.Background(), f, []float64{2, -0.66}, flow.Options[float64]{
		Method: flow.Rodas5P, T1: 2, RelTol: 1e-6,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("y(2) = %.5f, %v, less than 1000 steps: %t\n", sol.X, sol.Status, sol.Stats.Accepted < 1000)
	// Output:
	// y(2) = [1.70617 -0.89281], Done, less than 1000 steps: true
}

// The energy of a frictionless ball in a well, over a long time: it neither grows
// nor decays.
func ExampleHeavyBall_verlet() {
	well := flow.EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = x[0] * (x[0]*x[0] - 1)
		}
		return (x[0]*x[0] - 1) * (x[0]*x[0] - 1) / 4
	})
	worst, e0 := 0.0, 0.0
	for s, err := range flow.Steps(context.Background(), flow.HeavyBall(well, 0), []float64{1.5, 0}, flow.Options[float64]{
		Method: flow.Yoshida4, Controller: flow.Fixed{H: 0.05}, T1: 1000, Energy: true,
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if s.K == 0 {
			e0 = s.Energy
		}
		worst = max(worst, math.Abs(s.Energy-e0))
	}
	fmt.Printf("energy %.4f, off by less than 1e-4 in 20000 steps: %t\n", e0, worst < 1e-4)
	// Output:
	// energy 0.3906, off by less than 1e-4 in 20000 steps: true
}

// A discrete gradient lowers the energy at any step size, by |y-x|²/h exactly.
func ExampleGradientFlow_discreteGradient() {
	valley := flow.EnergyFunc(2, func(g, x []float64) float64 {
		a, b := 1-x[0], x[1]-x[0]*x[0]
		if g != nil {
			g[0], g[1] = -2*a-400*x[0]*b, 200*b
		}
		return a*a + 100*b*b
	})
	for _, h := range []float64{1e-3, 1, 1e3} {
		last, falls := math.Inf(1), true
		for s, err := range flow.Steps(context.Background(), flow.GradientFlow(valley), []float64{-1.2, 1}, flow.Options[float64]{
			Method: flow.Gonzalez, Controller: flow.Fixed{H: h}, MaxSteps: 50,
		}) {
			if err != nil {
				fmt.Println(err)
				return
			}
			falls = falls && s.Energy <= last
			last = s.Energy
		}
		fmt.Printf("h = %g: energy falls in every step: %t\n", h, falls)
	}
	// Output:
	// h = 0.001: energy falls in every step: true
	// h = 1: energy falls in every step: true
	// h = 1000: energy falls in every step: true
}

// A rigid body keeps its angular momentum and its energy, once told to.
func ExampleProject() {
	x0 := []float64{0.6, 0, 0.8}
	keep, err := flow.Project[float64](body{}, x0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, jump := range []flow.Jump[float64]{nil, keep} {
		sol, err := flow.Solve[float64](context.Background(), body{}, x0, flow.Options[float64]{T1: 60, RelTol: 1e-4, Jump: jump})
		if err != nil {
			fmt.Println(err)
			return
		}
		off := math.Abs(kernel.SumSq(sol.X) - 1)
		fmt.Printf("projection: %t, angular momentum to rounding: %t\n", jump != nil, off < 1e-14)
	}
	// Output:
	// projection: false, angular momentum to rounding: false
	// projection: true, angular momentum to rounding: true
}

type body struct{}

func (body) Dim() int { return 3 }

func (body) Eval(dst, x []float64, _ float64) {
	dst[0], dst[1], dst[2] = -x[1]*x[2], 4*x[0]*x[2], -3*x[0]*x[1]
}

func (body) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Invariants: []flow.Invariant[float64]{
		{Name: "angular momentum", Value: func(x []float64) float64 { return kernel.SumSq(x) }},
		{Name: "energy", Value: func(x []float64) float64 { return 4*x[0]*x[0] + x[1]*x[1] }},
	}}
}

// Heat conduction with a source in one step of any length.
func ExampleExponentialEuler() {
	laplace := kernel.MatrixOf(3, 3, []float64{32, -16, 0, -16, 32, -16, 0, -16, 32})
	source := flow.FieldFunc(3, func(dst, _ []float64, _ float64) { dst[0], dst[1], dst[2] = 0, 16, 0 })
	it, err := flow.ExponentialEuler(laplace, source)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := flow.New(it, make([]float64, 3), flow.Options[float64]{Controller: flow.Fixed{H: 10}, T1: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f after %d step\n", sol.X, sol.Stats.Accepted)
	// Output:
	// [0.500 1.000 0.500] after 1 step
}

// The zero Method finds out by itself that Robertson's reaction is stiff.
func ExampleAuto() {
	robertson := flow.FieldFunc(3, func(dst, x []float64, _ float64) {
		dst[0] = -0.04*x[0] + 1e4*x[1]*x[2]
		dst[2] = 3e7 * x[1] * x[1]
		dst[1] = -dst[0] - dst[2]
	})
	for _, m := range []flow.Method{nil, flow.Tsit5} {
		sol, err := flow.Solve(context.Background(), robertson, []float64{1, 0, 0}, flow.Options[float64]{Method: m, T1: 40})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("x = %.5f, more than 1000 evaluations: %t\n", sol.X, sol.Stats.Evals > 1000)
	}
	// Output:
	// x = [0.71583 0.00001 0.28416], more than 1000 evaluations: false
	// x = [0.71583 0.00001 0.28416], more than 1000 evaluations: true
}
