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

// exponential compares the excess risk δ of flows with the certified bound b. The
// computed predictor W is off by an error E, so that the risk may be up to (√b +
// √λ_max(S) |E|)²; a relative tolerance τ and an absolute one α let each step change
// the p parameters by at most √p (α+τ|θ|), |θ|² <= tr K, and W by (1+|W|)/σ_min(M)
// times that. The flow contracts errors of W.
func (s *deqStudy) exponential(ctx context.Context, told progress) (outcome, error) {
	const relTol, absTol, slack = 1e-13, 1e-16, 1e-2
	problems := pick(s.job, 12, 60, 400)
	bound, ends, tail := make([]float64, problems), make([]float64, problems), make([]float64, problems)
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
		n := 1 + i%3
		k := model.Conserved(kernel.NewMatrix[float64](n, n), theta)
		size := float64(n) // |θ| <= |M| + |B| + |I|
		for j := range n {
			size += 2 * math.Sqrt(k.At(j, j))
		}
		perStep := math.Sqrt(data.LambdaMax*float64(len(theta))) * (absTol + relTol*size) * (1 + c.NormBound) / c.SigmaMinBound
		f := flow.Field[float64](flow.GradientFlow[float64](model))
		for st, err := range flow.Steps(ctx, f, theta, flow.Options[float64]{T1: 10 / c.PLRate, RelTol: relTol, AbsTol: absTol}) {
			if err != nil {
				return err
			}
			root := math.Sqrt(c.Excess * math.Exp(-c.PLRate*st.T))
			noise := 1e-14*math.Sqrt(c.Excess) + float64(st.K)*perStep
			bound[i] = max(bound[i], math.Sqrt(st.Energy)/(root+noise))
			ends[i] = noise / root
		}
		if n == 1 {
			tail[i], err = lateRate(ctx, data, scalarStart(theta))
		}
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	worst, off, vague := kernel.MaxAbs(bound), kernel.MaxAbs(tail), kernel.MaxAbs(ends)
	return outcome{
		want: "√(excess risk) over its bound with errors of the integrator at most 1; late rate / prediction 1", tol: "0; 1e-6",
		got:  fmt.Sprintf("at most %.9f; off by %s", worst, number(off)),
		pass: worst <= 1 && vague <= slack && off <= lateTol,
		note: fmt.Sprintf("Every step of %d flows with 1 to 3 outputs against δ(0) exp(-4λ_min(S)t/λ_max(K)), with an allowance for the tolerance of the integrator that is at most %s of the bound; for one output the rates of two flows that start on both sides of the limit along the slowest direction of the Hessian.", problems, number(vague)),
	}, nil
}

// The rate of a flow that starts at a distance ε from its limit differs from the
// asymptotic one by O(ε), with opposite signs on the two sides along a direction, so
// that the mean of both is right to O(ε²): with ε = 1e-5 some 1e-9. The tolerance of the
// integrator adds 1e-12/ε = 1e-7, times the condition of S.
const (
	lateStart = 1e-5
	lateTol   = 1e-6
)

// lateRate is the relative deviation of the rate of the flow in the end from the
// asymptotic one.
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
	f, wait, mean := flow.Field[float64](flow.GradientFlow[float64](model)), 1/c.AsymptoticRate, 0.0
	for _, side := range []float64{-1, 1} {
		start := append([]float64(nil), theta...)
		kernel.Axpy(side*lateStart, eig.Bottom[1].Vector, start)
		first := model.EnergyGrad(nil, start)
		sol, err := flow.Solve(ctx, f, start, flow.Options[float64]{T1: wait, RelTol: 1e-13, AbsTol: 1e-15})
		if err != nil {
			return 0, err
		}
		mean += math.Log(first/model.EnergyGrad(nil, sol.X)) / wait / 2
	}
	return math.Abs(mean/c.AsymptoticRate - 1), nil
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

// critical gives every flow the time that the certified rate needs for its goal,
// exp(-rT) = goal, and no more. Errors of the predictor near 1e-9, the tolerance of the
// integrator, add some 1e-18 to the risk, which the goal is well above.
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
			T1: -math.Log(goal) / c.PLRate, RelTol: 1e-9, AbsTol: 1e-12, MinStep: 1e-20, Stop: []flow.Stop[float64]{flow.StopEnergy[float64](goal * c.Excess)},
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
		note: "Gradient flow from random starts with 1 to 4 outputs, the layer stable or not, for the time that the certified rate asks for.",
	}, nil
}
