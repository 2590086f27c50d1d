package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// indexProblem is a single-index model with its teacher, and a start.
type indexProblem struct {
	model, watch *deq.SingleIndex[float64]
	teacher      *deq.Teacher[float64]
	theta        []float64
}

// indexProblem returns a random problem with 50 samples for an activation with slopes
// up to Lip <= 1: v and ξ_v are in the well-posed region.
func (s *deqStudy) indexProblem(member int, act deq.Activation, d int, xiv, v float64) (*indexProblem, error) {
	const samples = 50
	r := rand.New(philox.NewSource(s.seed, 1<<20+member))
	p := &indexProblem{teacher: &deq.Teacher[float64]{W: normals(r, d, 1), V: xiv, Act: act}}
	x, target := kernel.MatrixOf(samples, d, normals(r, samples*d, 1)), make([]float64, samples)
	if err := p.teacher.Targets(target, x); err != nil {
		return nil, err
	}
	for _, m := range []**deq.SingleIndex[float64]{&p.model, &p.watch} {
		var err error
		if *m, err = deq.NewSingleIndex(act, x, target, deq.SingleIndexOptions{}); err != nil {
			return nil, err
		}
	}
	p.theta = append(normals(r, d, 2), v)
	return p, nil
}

func (s *deqStudy) monotone(ctx context.Context, told progress) (outcome, error) {
	acts := []deq.Activation{deq.Tanh(), deq.Sigmoid(), deq.Softplus(), deq.Atan(), deq.LeakyReLU(0.1), deq.WeakTanh(-0.5)}
	// An odd number of terms keeps the theory for every v.
	rules := []deq.Backward{{}, deq.JFB(), {Rule: deq.Neumann, Terms: 3}}
	starts := []float64{-8, -1, 0, 0.5}
	runs := len(acts) * len(rules) * len(starts)
	steps := pick(s.job, 200, 1000, 5000)
	growth, counted := make([]float64, runs), make([]int, runs)
	err := members(ctx, runs, told, func(ctx context.Context, i int) error {
		act, rule, v := acts[i%len(acts)], rules[i/len(acts)%len(rules)], starts[i/(len(acts)*len(rules))]
		p, err := s.indexProblem(i, act, 2, []float64{0, 0.4, -1}[i%3], v)
		if err != nil {
			return err
		}
		f, err := p.model.Field(rule)
		if err != nil {
			return err
		}
		c, err := p.watch.Certify(p.theta, p.teacher, rule)
		if err != nil {
			return err
		}
		last, allowed := math.Inf(1), true
		return gradientSteps(ctx, flow.Field[float64](f), p.theta, flow.Fixed{H: c.StepLimit / 4}, steps, func(st *flow.Step[float64]) error {
			now, err := p.watch.Certify(st.X, p.teacher, rule)
			if err != nil {
				return err
			}
			if allowed && now.Distance > 1e-9 {
				counted[i]++
				growth[i] = max(growth[i], now.Distance/last-1)
			}
			last, allowed = now.Distance, c.StepLimit/4 <= now.StepLimit
			return nil
		})
	})
	if err != nil {
		return outcome{}, err
	}
	worst, total := 0.0, 0
	for i, g := range growth {
		worst, total = max(worst, g), total+counted[i]
	}
	far, err := farStart(ctx)
	if err != nil {
		return outcome{}, err
	}
	worst = max(worst, far)
	return outcome{
		want: "relative growth of the distance in a step 0", tol: "1e-13",
		got:  number(worst),
		pass: worst <= 1e-13 && total > runs,
		note: fmt.Sprintf("%d steps of %d runs of gradient descent with six activations, three backward rules, explicit and implicit teachers, v from -8 to 0.5, at learning rates up to 2/λ_max(H); and 4000 steps of the paper's far start of the sigmoid.", total, runs),
	}, nil
}

// indexRate holds every step to the contraction of the secant Hessian within 1e-12
// and what rounding does to it: the parameters, and the step that is added to them, are
// off by some units in the last place, of which there are few left in θ-ξ near the
// teacher.
func (s *deqStudy) indexRate(ctx context.Context, told progress) (outcome, error) {
	acts := []deq.Activation{deq.Tanh(), deq.Atan()}
	xis := []float64{0, 0.3, -1}
	runs := len(acts) * len(xis)
	steps := pick(s.job, 1500, 4000, 20000)
	excess, off := make([]float64, runs), make([]float64, runs)
	err := members(ctx, runs, told, func(ctx context.Context, i int) error {
		p, err := s.indexProblem(i, acts[i%len(acts)], 2, xis[i/len(acts)], 0.2)
		if err != nil {
			return err
		}
		if excess[i], _, err = p.contraction(ctx, steps); err != nil {
			return err
		}
		for k, w := range append(p.teacher.W[:2:2], p.teacher.V) { // near the teacher
			p.theta[k] = w + 0.01*(p.theta[k]-w)
		}
		near, rate, err := p.contraction(ctx, steps)
		excess[i], off[i] = max(excess[i], near), rate
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	a, b := kernel.MaxAbs(excess), kernel.MaxAbs(off)
	return outcome{
		want: "contraction over its bound at most 1, 0 off the asymptotic factor", tol: "1e-12 and rounding; 1e-4",
		got:  fmt.Sprintf("above by %s of the tolerance, %s off", number(a), number(b)),
		pass: a <= 1 && b <= 1e-4,
		note: fmt.Sprintf("%d runs of %d steps with tanh and arctan, explicit and implicit teachers, from far and from near the teacher; the asymptotic factor of the latter.", 2*runs, steps),
	}, nil
}

// contraction runs gradient descent from θ. It returns by how much the worst step is
// above the factor of the secant Hessian, relative to the tolerance, and how far the
// factor of the last step is from the asymptotic one.
func (p *indexProblem) contraction(ctx context.Context, steps int) (excess, off float64, err error) {
	const tol, ulps = 1e-12, 32 * 0x1p-52
	c, err := p.watch.Certify(p.theta, p.teacher, deq.Backward{})
	if err != nil {
		return 0, 0, err
	}
	eta := c.StepLimit / 2
	factor, last, ratio := math.Inf(1), math.Inf(1), 0.0
	err = gradientSteps(ctx, flow.Field[float64](flow.GradientFlow[float64](p.model)), p.theta, flow.Fixed{H: eta}, steps, func(st *flow.Step[float64]) error {
		c, err = p.watch.Certify(st.X, p.teacher, deq.Backward{})
		if err != nil || c.Distance < 1e-10 { // at the teacher
			return err
		}
		ratio = c.Distance / last
		rounding := ulps * (1 + kernel.Nrm2(st.X)) / c.Distance
		excess = max(excess, (ratio/factor-1)/(tol+rounding))
		factor, last = c.Contraction(eta), c.Distance
		return nil
	})
	return excess, math.Abs(ratio - (1 - eta*c.HessianMin)), err
}
