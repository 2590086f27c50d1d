package main

import (
	"context"
	"fmt"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
)

// sphere checks the law to 1e-8. Every point lies on an exact orbit that conserves
// its own K, so that the errors e of the steps add up and do not grow: with parameters
// of about 1 in size the drift of K is at most Σ 2|θ||e|, for some ten steps with a
// relative tolerance of 1e-10 near 1e-8 (1 + tr K).
func (s *deqStudy) sphere(ctx context.Context, told progress) (outcome, error) {
	const tol, exact = 1e-8, 1e-12
	problems := pick(s.job, 6, 30, 200)
	drifts, defects := make([]float64, problems), make([]float64, problems)
	err := members(ctx, problems, told, func(ctx context.Context, i int) error {
		data, theta, err := s.linearProblem(i, 1+i%3, 1+i%5, false)
		if err != nil {
			return err
		}
		model, watch := deq.NewLinear[float64](data), deq.NewLinear[float64](data)
		// A rule that does not descend may take the layer to a singular one in finite
		// time. The flow conserves K up to there.
		near := func(st *flow.Step[float64]) flow.Status {
			if c, err := watch.Certify(st.X); err != nil || c.SigmaMin < 0.01 {
				return flow.Converged
			}
			return flow.Running
		}
		for _, rule := range backwardRules {
			f, err := model.Field(rule)
			if err != nil {
				return err
			}
			drift, err := probe.DriftOf[float64](model)
			if err != nil {
				return err
			}
			o := flow.Options[float64]{T1: 0.3, RelTol: 1e-10, AbsTol: 1e-12, Recorder: drift, Stop: []flow.Stop[float64]{near}}
			if _, err := flow.Solve(ctx, flow.Field[float64](f), theta, o); err != nil {
				return err
			}
			stats := drift.Stats()
			for _, st := range stats {
				drifts[i] = max(drifts[i], st.Max/(1+stats[0].Start))
			}
			d, err := pythagoras(ctx, model, f, theta)
			if err != nil {
				return err
			}
			defects[i] = max(defects[i], d)
		}
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	drift, defect := kernel.MaxAbs(drifts), kernel.MaxAbs(defects)
	return outcome{
		want: "0 along the flow, 0 a step", tol: "1e-8 and 1e-12",
		got:  fmt.Sprintf("%s along the flow, %s a step", number(drift), number(defect)),
		pass: drift <= tol && defect <= exact,
		note: fmt.Sprintf("Largest change of an element of K relative to 1 + tr K over %d random problems (1 to 3 outputs) with five backward rules, flow integrated to a relative tolerance of 1e-10 until t = 0.3 or a singular value of M falls below 0.01; and how far 100 steps of gradient descent miss the law of their growth.", problems),
	}, nil
}

// pythagoras is the largest relative deviation of K' from K + η²(F_A F_Aᵀ + F_B F_Bᵀ) in
// 100 steps.
func pythagoras(ctx context.Context, model *deq.Linear[float64], f flow.Field[float64], theta []float64) (worst float64, err error) {
	const eta = 1e-3
	a, _ := model.Weights(theta)
	n := a.Rows
	got, want, diff := kernel.NewMatrix[float64](n, n), kernel.NewMatrix[float64](n, n), make([]float64, n*n)
	err = gradientSteps(ctx, f, theta, flow.Fixed{H: eta}, 100, func(st *flow.Step[float64]) error {
		model.Conserved(got, st.X)
		if st.K > 0 {
			kernel.SubTo(diff, got.Data, want.Data)
			worst = max(worst, kernel.MaxAbs(diff)/kernel.MaxAbs(got.Data))
		}
		fa, fb := model.Weights(st.F)
		copy(want.Data, got.Data)
		kernel.Syrk(want, eta*eta, fa, 1)
		kernel.Syrk(want, eta*eta, fb, 1)
		return nil
	})
	return worst, err
}
