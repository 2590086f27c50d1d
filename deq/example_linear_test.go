package deq_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// The sphere in ten lines: gradient flow of y = wx + ay for data with slope 2 stays at
// its distance from the singular point (0, 1), and ends where that sphere meets the
// line of zero risk.
func ExampleScalar() {
	x := kernel.MatrixOf(4, 1, []float64{0.2, 0.5, 0.7, 1})
	y := kernel.MatrixOf(4, 1, []float64{0.4, 1, 1.4, 2})
	data, err := deq.NewLinearData(x, y)
	if err != nil {
		log.Fatal(err)
	}
	model, err := deq.NewScalar[float64](data)
	if err != nil {
		log.Fatal(err)
	}
	theta, limit := []float64{0, 0.1}, make([]float64, 2)
	sol, err := flow.Solve(context.Background(), flow.Field[float64](flow.GradientFlow[float64](model)), theta,
		flow.Options[float64]{T1: 10, RelTol: 1e-10, AbsTol: 1e-12})
	if err != nil {
		log.Fatal(err)
	}
	if err := model.Limit(limit, theta); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("radius %.8f, then %.8f\n", model.Radius(theta), model.Radius(sol.X))
	fmt.Printf("end   (%.6f, %.6f)\nlimit (%.6f, %.6f)\n", sol.X[0], sol.X[1], limit[0], limit[1])
	// Output:
	// radius 0.90000000, then 0.90000000
	// end   (0.804984, 0.597508)
	// limit (0.804984, 0.597508)
}

// A certificate of a run of gradient descent: the rate is promised before the first
// step, and every step keeps the promise.
func ExampleScalar_Certify() {
	x := kernel.MatrixOf(5, 2, []float64{1, 0, 0, 1, 1, 1, -1, 1, 2, -1})
	y := kernel.MatrixOf(5, 1, []float64{1, -0.4, 0.5, -1.6, 2.4})
	data, err := deq.NewLinearData(x, y)
	if err != nil {
		log.Fatal(err)
	}
	model, err := deq.NewScalar[float64](data)
	if err != nil {
		log.Fatal(err)
	}
	theta := []float64{0, 0, 0.2}
	c, err := model.Certify(theta)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("learning rate %.5f, excess risk falls by the factor %.5f a step\n", c.GlobalStep, c.GlobalFactor)
	fmt.Printf("1-a stays above %.4f\n", c.SigmaMinBound)

	run, err := flow.New(descent.GD(flow.Field[float64](flow.GradientFlow[float64](model))), theta,
		flow.Options[float64]{Controller: flow.Fixed{H: c.GlobalStep}, MaxSteps: 500})
	if err != nil {
		log.Fatal(err)
	}
	kept, before, slowest := 0, 0.0, 0.0
	for step, err := range run.Steps(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		excess := step.Energy - c.RiskLS
		if step.K > 0 && excess <= c.GlobalFactor*before {
			kept++
			slowest = max(slowest, excess/before)
		}
		before = excess
	}
	fmt.Printf("kept in %d of %d steps, slowest factor %.5f\n", kept, run.Step().K, slowest)
	// Output:
	// learning rate 0.00113, excess risk falls by the factor 0.99860 a step
	// 1-a stays above 0.2608
	// kept in 500 of 500 steps, slowest factor 0.99062
}

// Two terms of Neumann's series stop where 1+a = 0, short of the minimum.
func ExampleBackward() {
	one := kernel.MatrixOf(1, 1, []float64{1})
	data, err := deq.Population(one, one, 0)
	if err != nil {
		log.Fatal(err)
	}
	model, err := deq.NewScalar[float64](data)
	if err != nil {
		log.Fatal(err)
	}
	for _, rule := range []deq.Backward{{}, deq.JFB(), {Rule: deq.Neumann, Terms: 2}, {Rule: deq.Damped, Terms: 2}} {
		field, err := model.Field(rule)
		if err != nil {
			log.Fatal(err)
		}
		run, err := flow.New(descent.GD(flow.Field[float64](field)), []float64{2.8284271247461903, 0},
			flow.Options[float64]{Controller: flow.Fixed{H: 0.02}, MaxSteps: 5000})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := run.Solve(context.Background()); err != nil {
			log.Fatal(err)
		}
		s := run.Step()
		fmt.Printf("%-20v a = %.4f, risk %.6f\n", rule, s.X[1], s.Energy)
	}
	// Output:
	// exact                a = -1.1312, risk 0.000000
	// jfb                  a = -1.1331, risk 0.000000
	// neumann, 2 terms     a = -1.0000, risk 0.016009
	// damped 0.5, 2 terms  a = -1.1290, risk 0.000000
}

// Distance to the teacher along gradient descent of a single-index model, and the
// contraction that its certificate promises for the next step.
func ExampleSingleIndex() {
	x := kernel.MatrixOf(6, 1, []float64{-2, -1, -0.3, 0.4, 1.1, 1.9})
	teacher := &deq.Teacher[float64]{W: []float64{1.3}, Act: deq.Tanh()}
	target := make([]float64, x.Rows)
	if err := teacher.Targets(target, x); err != nil {
		log.Fatal(err)
	}
	model, err := deq.NewSingleIndex(deq.Tanh(), x, target, deq.SingleIndexOptions{})
	if err != nil {
		log.Fatal(err)
	}
	theta := []float64{0.2, 0.5}
	c, err := model.Certify(theta, teacher, deq.Backward{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("distance %.4f, safe step %.3f, limit %.3f\n", c.Distance, c.SafeStep, c.StepLimit)
	run, err := flow.New(descent.GD(flow.Field[float64](flow.GradientFlow[float64](model))), theta,
		flow.Options[float64]{Controller: flow.Fixed{H: c.SafeStep}, MaxSteps: 2000})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := run.Solve(context.Background()); err != nil {
		log.Fatal(err)
	}
	end, err := model.Certify(run.Step().X, teacher, deq.Backward{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("distance %.4f, contraction %.5f a step\n", end.Distance, end.Contraction(c.SafeStep))
	// Output:
	// distance 1.2083, safe step 0.135, limit 1.469
	// distance 0.3197, contraction 0.99963 a step
}
