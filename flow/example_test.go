package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// A gradient flow of one's own, followed until the gradient is small.
func ExampleSteps() {
	// E(x, y) = (x² - 1)²/4 + y², a double well.
	well := flow.EnergyFunc(2, func(grad, x []float64) float64 {
		a := x[0]*x[0] - 1
		if grad != nil {
			grad[0], grad[1] = a*x[0], 2*x[1]
		}
		return a*a/4 + x[1]*x[1]
	})
	for s, err := range flow.Steps(context.Background(), flow.GradientFlow(well), []float64{0.1, 1}, flow.Options[float64]{
		RelTol: 1e-8,
		Stop:   []flow.Stop[float64]{flow.StopSlope[float64](1e-6)},
	}) {
		if err != nil {
			fmt.Println(err)
		}
		if s.K%20 == 0 || s.Status != flow.Running {
			fmt.Printf("t = %6.3f  E = %.6f  %v\n", s.T, s.Energy, s.Status)
		}
	}
	// Output:
	// t =  0.000  E = 1.245025  Running
	// t =  1.030  E = 0.230820  Running
	// t =  2.402  E = 0.050212  Running
	// t =  4.522  E = 0.000033  Running
	// t =  9.715  E = 0.000000  Converged
}

// A ball that bounces: an event with a handler, and one that ends the run.
func ExampleSolve() {
	const g = 9.81
	fall := flow.FieldFunc(2, func(dst, x []float64, t float64) { dst[0], dst[1] = x[1], -g })
	bounces := 0
	floor := flow.Event[float64]{
		Name:      "floor",
		G:         func(x []float64, t float64) float64 { return x[0] },
		Direction: flow.Falling,
		Handler: func(x []float64, t float64) (bool, error) {
			bounces++
			x[0], x[1] = 0, -0.9*x[1]
			return true, nil
		},
	}
	third := flow.Event[float64]{
		Name:     "third bounce",
		G:        func(x []float64, t float64) float64 { return float64(bounces) - 2.5 },
		Terminal: true,
	}
	sol, err := flow.Solve(context.Background(), fall, []float64{10, 0}, flow.Options[float64]{
		T1:     20,
		SaveAt: []float64{1, 2, 3},
		Events: []flow.Event[float64]{floor, third},
	})
	if err != nil {
		fmt.Println(err)
	}
	for i, t := range sol.Times {
		fmt.Printf("height at t = %v: %.4f\n", t, sol.States[i][0])
	}
	for _, e := range sol.Events {
		fmt.Printf("%s at t = %.6f\n", e.Name, e.T)
	}
	fmt.Println(sol.Status)
	// Output:
	// height at t = 1: 5.0950
	// height at t = 2: 5.6071
	// height at t = 3: 7.6957
	// floor at t = 1.427843
	// floor at t = 3.997961
	// floor at t = 6.311067
	// third bounce at t = 6.311067
	// EventStop
}

// An energy of one's own with the heavy ball as a differential equation: the
// total energy E + |v|²/2 falls by the friction.
func ExampleHeavyBall() {
	bowl := flow.EnergyFunc(1, func(grad, x []float64) float64 {
		if grad != nil {
			grad[0] = x[0]
		}
		return x[0] * x[0] / 2
	})
	sol, err := flow.Solve(context.Background(), flow.HeavyBall(bowl, 0.5), []float64{1, 0}, flow.Options[float64]{
		T1: 3, RelTol: 1e-10, AbsTol: 1e-12, Ledger: true,
	})
	if err != nil {
		fmt.Println(err)
	}
	omega := math.Sqrt(1 - 0.25*0.25)
	exact := math.Exp(-0.75) * (math.Cos(3*omega) + 0.25/omega*math.Sin(3*omega))
	fmt.Printf("x(3) = %.8f, exactly %.8f\n", sol.X[0], exact)
	l := sol.Ledger
	fmt.Printf("energy lost %.6f, dissipated %.6f\n", l.E0-l.E1, l.Dissipated)
	// Output:
	// x(3) = -0.43055984, exactly -0.43055984
	// energy lost 0.400757, dissipated 0.400757
}

// A map: Newton's iteration for the square root of two.
func ExampleMapFunc() {
	newton := flow.MapFunc(1, func(dst, x []float64, k int) error {
		dst[0] = x[0]/2 + 1/x[0]
		return nil
	})
	r, err := flow.New(newton, []float64{1}, flow.Options[float64]{MaxSteps: 5})
	if err != nil {
		fmt.Println(err)
	}
	for s := range r.Steps(context.Background()) {
		fmt.Printf("%d %.12f\n", s.K, s.X[0])
	}
	// Output:
	// 0 1.000000000000
	// 1 1.500000000000
	// 2 1.416666666667
	// 3 1.414215686275
	// 4 1.414213562375
	// 5 1.414213562373
}

// A run that is interrupted, saved as JSON and resumed makes the same steps.
func ExampleResume() {
	ctx := context.Background()
	pendulum := func() flow.Integrator[float64] {
		return flow.ODE(flow.FieldFunc(2, func(dst, x []float64, t float64) { dst[0], dst[1] = x[1], -math.Sin(x[0]) }), flow.DormandPrince)
	}
	options := flow.Options[float64]{T1: 10}
	whole, _ := flow.New(pendulum(), []float64{1, 0}, options)
	want, _ := whole.Solve(ctx)

	first, _ := flow.New(pendulum(), []float64{1, 0}, options)
	for range 10 {
		first.Next(ctx)
	}
	saved, _ := first.Checkpoint()
	file, _ := json.Marshal(saved)

	var loaded flow.Checkpoint
	if err := json.Unmarshal(file, &loaded); err != nil {
		fmt.Println(err)
	}
	second, err := flow.Resume(pendulum(), &loaded, options)
	if err != nil {
		fmt.Println(err)
	}
	got, _ := second.Solve(ctx)
	fmt.Println(got.X[0] == want.X[0], got.Stats == want.Stats)
	// Output:
	// true true
}

// Members of an ensemble write to places of their own.
func ExampleEnsemble() {
	rates := []float64{0.5, 1, 2}
	ends := make([]float64, len(rates))
	err := flow.Ensemble(context.Background(), len(rates), 0, func(ctx context.Context, i int) error {
		decay := flow.FieldFunc(1, func(dst, x []float64, t float64) { dst[0] = -rates[i] * x[0] })
		sol, err := flow.Solve(ctx, decay, []float64{1}, flow.Options[float64]{T1: 1})
		ends[i] = sol.X[0]
		return err
	})
	fmt.Printf("%.5f %v\n", ends, err)
	// Output:
	// [0.60653 0.36788 0.13534] <nil>
}
