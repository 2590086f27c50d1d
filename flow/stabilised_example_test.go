package flow_test

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// A stiff gradient flow, the Allen-Cahn equation on a ring of 512 points: phases
// ±1 separate and their walls get thin. ROCK4 finds the spectral radius of the
// Hessian and takes as many stages as each step needs.
func Example_stiff() {
	const (
		n    = 512
		diff = 1e-3 * n * n
	)
	// E = Σ diff (u_{i+1} - u_i)²/2 + (1 - u_i²)²/4, the Hessian's spectrum up to
	// 4 diff + 2 = 1050.
	energy := flow.EnergyFunc(n, func(grad, u []float64) float64 {
		e, left := 0.0, u[n-1]
		for i, v := range u {
			right := u[(i+1)%n]
			w := 1 - v*v
			e += diff/2*(right-v)*(right-v) + w*w/4
			if grad != nil {
				grad[i] = diff*(2*v-left-right) - v*w
			}
			left = v
		}
		return e
	})
	u := make([]float64, n)
	for i := range u {
		x := 2 * math.Pi * float64(i) / n
		u[i] = 0.5*math.Sin(x) + 0.3*math.Cos(3*x)
	}
	ctx := context.Background()
	options := flow.Options[float64]{Method: flow.ROCK4, T1: 5, RelTol: 1e-5, Ledger: true, SaveAt: []float64{1, 2, 5}}
	sol, err := flow.Solve(ctx, flow.GradientFlow(energy), u, options)
	if err != nil {
		fmt.Println(err)
	}
	for i, t := range sol.Times {
		fmt.Printf("t = %v  E = %.3f\n", t, energy.EnergyGrad(nil, sol.States[i]))
	}
	fmt.Println("steps that raised E:", sol.Ledger.Rises)

	options.Method = flow.DormandPrince
	explicit, err := flow.Solve(ctx, flow.GradientFlow(energy), u, options)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println("less than a tenth of the gradients of an explicit method:", sol.Stats.Evals < explicit.Stats.Evals/10)
	// Output:
	// t = 1  E = 61.014
	// t = 2  E = 34.053
	// t = 5  E = 30.528
	// steps that raised E: 0
	// less than a tenth of the gradients of an explicit method: true
}
