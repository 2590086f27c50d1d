package main

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// slopeModel returns the scalar linear model for targets y = bx with mean x² = s.
func slopeModel(s, b float64) (*deq.Scalar[float64], error) {
	data, err := deq.Population(kernel.MatrixOf(1, 1, []float64{s}), kernel.MatrixOf(1, 1, []float64{b}), 0)
	if err != nil {
		return nil, err
	}
	return deq.NewScalar[float64](data)
}

func (s *deqStudy) counterexample(ctx context.Context, told progress) (outcome, error) {
	const steps, risk = 5000, 0.016008635219
	var stuck, stopAt, others float64
	for i, rule := range backwardRules {
		told(float64(i) / float64(len(backwardRules)))
		model, err := slopeModel(1, 1)
		if err != nil {
			return outcome{}, err
		}
		f, err := model.Field(rule)
		if err != nil {
			return outcome{}, err
		}
		var end flow.Step[float64]
		err = gradientSteps(ctx, flow.Field[float64](f), []float64{math.Sqrt(8), 0}, flow.Fixed{H: 0.02}, steps, func(st *flow.Step[float64]) error {
			end = *st
			return nil
		})
		if err != nil {
			return outcome{}, err
		}
		if rule.Rule == deq.Neumann && rule.Terms == 2 {
			stuck, stopAt = end.Energy, end.X[1]
		} else {
			others = max(others, end.Energy)
		}
	}
	return outcome{
		want: fmt.Sprintf("two terms: a = -1, risk %.12f; others 0", risk), tol: "1e-11; 1e-27",
		got:  fmt.Sprintf("a = %.10f, risk %.12f; others at most %s", stopAt, stuck, number(others)),
		pass: math.Abs(stuck-risk) <= 1e-11 && math.Abs(stopAt+1) <= 1e-10 && others <= 1e-27,
		note: "5000 steps with η = 0.02. The flow itself would stop at the risk (√5/2 - 1)² = 0.01393: steps of gradient descent enlarge the circle.",
	}, nil
}
