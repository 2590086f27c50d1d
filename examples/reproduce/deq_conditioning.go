package main

import (
	"context"
	"fmt"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

func (s *deqStudy) conditioned(ctx context.Context, told progress) (outcome, error) {
	problems := pick(s.job, 12, 60, 400)
	low, high := make([]float64, problems), make([]float64, problems)
	err := members(ctx, problems, told, func(ctx context.Context, i int) error {
		data, theta, err := s.linearProblem(i, 1+i%4, 1+i%5, false)
		if err != nil {
			return err
		}
		model, watch := deq.NewLinear[float64](data), deq.NewLinear[float64](data)
		start, err := model.Certify(theta)
		if err != nil {
			return err
		}
		f := flow.Field[float64](flow.GradientFlow[float64](model))
		for st, err := range flow.Steps(ctx, f, theta, flow.Options[float64]{T1: 3 / start.PLRate, RelTol: 1e-8, AbsTol: 1e-10}) {
			if err != nil {
				return err
			}
			c, err := watch.Certify(st.X)
			if err != nil {
				return err
			}
			low[i] = max(low[i], start.SigmaMinBound/c.SigmaMin)
			high[i] = max(high[i], c.SigmaMax/start.SigmaMaxBound)
		}
		// Gradient descent lets K grow, up to KBound.
		return gradientSteps(ctx, f, theta, flow.Fixed{H: start.GlobalStep}, 200, func(st *flow.Step[float64]) error {
			c, err := watch.Certify(st.X)
			low[i] = max(low[i], start.SigmaMinBound/c.SigmaMin)
			high[i] = max(high[i], c.SigmaMax*c.SigmaMax/start.KBound)
			return err
		})
	})
	if err != nil {
		return outcome{}, err
	}
	worst := max(kernel.MaxAbs(low), kernel.MaxAbs(high))
	return outcome{
		want: "bound / singular value at most 1", tol: "1e-7",
		got:  fmt.Sprintf("at most %s (least singular value), %s (largest)", number(kernel.MaxAbs(low)), number(kernel.MaxAbs(high))),
		pass: worst <= 1+1e-7,
		note: fmt.Sprintf("Over all points of %d flows and %d runs of gradient descent with 1 to 4 outputs; the bounds come from the certificate of the start.", problems, problems),
	}, nil
}
