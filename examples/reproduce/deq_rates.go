package main

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
)

func (s *deqStudy) exponential(ctx context.Context, told progress) (outcome, error) {
	problems := pick(s.job, 12, 60, 400)
	bound, tail := make([]float64, problems), make([]float64, problems)
	err := members(ctx, problems, told, func(ctx context.Context, i int) (err error) {
		data, theta, err := s.linearProblem(i, 1+i%3, 1+i%4, true)
		if err != nil {
			return err
		}
		model := deq.NewLinear[float64](data)
		c, err := model.Certify(theta)
		if err != nil {
			return err
		}
		f := flow.Field[float64](flow.GradientFlow[float64](model))
		for st, err := range flow.Steps(ctx, f, theta, flow.Options[float64]{T1: 10 / c.PLRate, RelTol: 1e-10, AbsTol: 1e-14}) {
			if err != nil {
				return err
			}
			if st.Energy > 1e-18 { // above what the tolerance allows to see
				bound[i] = max(bound[i], st.Energy/(c.Excess*math.Exp(-c.PLRate*st.T)))
			}
		}
		if i%3 == 0 {
			tail[i], err = lateRate(ctx, data, scalarStart(theta))
		}
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	worst, off := kernel.MaxAbs(bound), kernel.MaxAbs(tail)
	return outcome{
		want: "excess risk / bound at most 1; late rate / prediction 1", tol: "1e-7; 1e-3",
		got:  fmt.Sprintf("at most %s; off by %s", number(worst), number(off)),
		pass: worst <= 1+1e-7 && off <= 1e-3,
		note: fmt.Sprintf("Every step of %d flows with 1 to 3 outputs against δ(0) exp(-4λ_min(S)t/λ_max(K)); for one output the rate beside the limit, along the slowest direction of the Hessian.", problems),
	}, nil
}

// lateRate is the relative deviation of the rate of the flow in the end from the
// asymptotic one: started beside the limit, along the slowest direction of the Hessian
// there.
func lateRate(ctx context.Context, data *deq.LinearData, theta []float64) (float64, error) {
	model, err := deq.NewScalar[float64](data)
	if err != nil {
		return 0, err
	}
	c, err := model.Certify(theta)
	if err != nil {
		return 0, err
	}
	if err := model.Limit(theta, theta); err != nil {
		return 0, err
	}
	// The smallest eigenvalue is the 0 of the line of least risk.
	eig, err := probe.HessianBottom[float64](model, theta, 2, probe.SpectrumOptions{Tol: 1e-10})
	if err != nil {
		return 0, err
	}
	kernel.Axpy(1e-5, eig.Bottom[1].Vector, theta)
	first, wait := model.EnergyGrad(nil, theta), 1/c.AsymptoticRate
	f := flow.Field[float64](flow.GradientFlow[float64](model))
	sol, err := flow.Solve(ctx, f, theta, flow.Options[float64]{T1: wait, RelTol: 1e-12, AbsTol: 1e-15})
	if err != nil {
		return 0, err
	}
	rate := math.Log(first/model.EnergyGrad(nil, sol.X)) / wait
	return math.Abs(rate/c.AsymptoticRate - 1), nil
}

func (s *deqStudy) linearRate(ctx context.Context, told progress) (outcome, error) {
	problems := pick(s.job, 12, 60, 400)
	steps := pick(s.job, 300, 1000, 3000)
	safe, global := make([]float64, problems), make([]float64, problems)
	err := members(ctx, problems, told, func(ctx context.Context, i int) error {
		n := 1 + i%3
		data, theta, err := s.linearProblem(i, n, 1+i%4, true)
		if err != nil {
			return err
		}
		model := deq.NewLinear[float64](data)
		c, err := model.Certify(theta)
		if err != nil {
			return err
		}
		last := math.Inf(1)
		err = gradientSteps(ctx, flow.Field[float64](flow.GradientFlow[float64](model)), theta, flow.Fixed{H: c.GlobalStep}, steps, func(st *flow.Step[float64]) error {
			if st.Energy > 1e-26 { // below, the predictor has no more digits
				global[i] = max(global[i], st.Energy/(c.GlobalFactor*last))
			}
			last = st.Energy
			return nil
		})
		if err != nil || n > 1 {
			return err
		}
		safe[i], err = safeRun(ctx, data, scalarStart(theta), steps)
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	a, b := kernel.MaxAbs(global), kernel.MaxAbs(safe)
	return outcome{
		want: "decrease / certified factor at most 1", tol: "1e-12",
		got:  fmt.Sprintf("at most %.6f (a-priori step), %.6f (SafeStep)", a, b),
		pass: a <= 1+1e-12 && b <= 1+1e-12,
		note: fmt.Sprintf("Largest (δ'/δ) over its bound in all steps of %d runs of %d steps, 1 to 3 outputs; SafeStep, which is chosen anew at every point, for one output.", problems, steps),
	}, nil
}

// safeRun is the largest decrease relative to the certified factor along SafeStep.
func safeRun(ctx context.Context, data *deq.LinearData, theta []float64, steps int) (worst float64, err error) {
	model, err := deq.NewScalar[float64](data)
	if err != nil {
		return 0, err
	}
	watch, err := deq.NewScalar[float64](data)
	if err != nil {
		return 0, err
	}
	allowed := math.Inf(1)
	err = gradientSteps(ctx, flow.Field[float64](flow.GradientFlow[float64](model)), theta, deq.NewSafeRate(model), steps, func(st *flow.Step[float64]) error {
		c, err := watch.Certify(st.X)
		if c.Excess > 1e-26 { // below, the predictor has no more digits
			worst = max(worst, c.Excess/allowed)
		}
		allowed = c.SafeFactor * c.Excess
		return err
	})
	return worst, err
}

func (s *deqStudy) critical(ctx context.Context, told progress) (outcome, error) {
	const goal = 1e-14
	starts := pick(s.job, 60, 400, 4000)
	left := make([]float64, starts)
	err := members(ctx, starts, told, func(ctx context.Context, i int) error {
		data, theta, err := s.linearProblem(i, 1+i%4, 1+i%3, true)
		if err != nil {
			return err
		}
		kernel.Scal(2, theta) // far from A = 0
		model := deq.NewLinear[float64](data)
		c, err := model.Certify(theta)
		if err != nil {
			return err
		}
		// Next to a singular M the first steps are tiny.
		sol, err := flow.Solve(ctx, flow.Field[float64](flow.GradientFlow[float64](model)), theta, flow.Options[float64]{
			T1: 50 / c.PLRate, RelTol: 1e-9, AbsTol: 1e-12, MinStep: 1e-20, Stop: []flow.Stop[float64]{flow.StopEnergy[float64](goal * c.Excess)},
		})
		if err != nil {
			return err
		}
		left[i] = model.EnergyGrad(nil, sol.X) / c.Excess
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	arrived := 0
	for _, v := range left {
		if v <= goal {
			arrived++
		}
	}
	return outcome{
		want: fmt.Sprintf("%d of %d at the least risk", starts, starts), tol: "1e-14 of the start",
		got:  fmt.Sprintf("%d of %d", arrived, starts),
		pass: arrived == starts,
		note: "Gradient flow from random starts with 1 to 4 outputs, the layer stable or not.",
	}, nil
}
