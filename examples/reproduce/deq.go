package main

import (
	"context"
	"math/rand/v2"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// deqStudy is the memory of the paper.
type deqStudy struct{ job }

func newDEQ(j job) *paper {
	s := &deqStudy{job: j}
	return &paper{
		name:  "deq",
		title: "Gradient flow for deep equilibrium single-index models",
		cite:  "Dandapanthula, Ramdas, arXiv 2511.16976",
		url:   "https://arxiv.org/abs/2511.16976",
		about: "The output of a deep equilibrium model is the fixed point of its layer, z = Az + Bx or y = σ(w·x + vy). " +
			"Training conserves K = MMᵀ + BBᵀ, M = I - A, for scalar outputs the distance from the singular point (w, a) = (0, 1): " +
			"so the layer stays well conditioned, the risk falls exponentially, and gradient descent converges linearly at learning rates that are known in advance. " +
			"The constants are those proved in the documentation of package deq.",
		claims: []claim{
			{"sphere-conservation", "The flow conserves K for the exact gradient and for every approximate backward pass, and a step of gradient descent adds exactly η² times the Gram matrix of its direction.", s.sphere},
			{"well-conditioned", "Along the flow and gradient descent the singular values of M stay within the bounds certified at the start.", s.conditioned},
			{"flow-exponential", "The excess risk falls at least at the certified rate 4λ_min(S)/λ_max(K), and in the end, for scalar outputs, at the predicted asymptotic rate.", s.exponential},
			{"gd-linear-convergence", "At the certified learning rates every step of gradient descent multiplies the excess risk by at most the certified factor.", s.linearRate},
			{"no-spurious-critical-points", "From random starts, training the linear model always reaches the least risk.", s.critical},
			{"single-index-monotone", "The distance of a single-index model to its teacher never increases, from near and far starts, with exact and approximate backward passes.", s.monotone},
			{"single-index-linear-rate", "Every step contracts the distance to the teacher as the secant Hessian says, in the end by 1 - ηλ_min of the Hessian.", s.indexRate},
			{"approximate-backward", "From (√8, 0) with target slope 1, two terms of Neumann's series stop at a = -1 with the risk 0.016008635219; exact gradient, JFB, three terms and the damped rule reach the minimum.", s.counterexample},
			{"paper-runs", "The end values of the published runs: linear model from a regular start and thrown off by the singular point, sigmoid model from near and far.", s.paperRuns},
			{"certified-errors", "The certified error of a computed fixed point bounds the true one, for contractions and for monotone layers, however early the solve ends.", s.certificates},
			{"digits-layer", "A layer of 32 units classifies the handwritten digits, trained with exact implicit gradients and with each of five approximations.", s.digitsLayer},
		},
		figures: []figure{
			{"deq-sphere", "The counterexample of the backward passes: all rules stay near one circle around (0, 1), which gradient descent widens a little; two terms of Neumann's series stop at a = -1, short of the line of zero risk (dashed).", s.pictureSphere},
			{"deq-sigmoid", "The paper's sigmoid model from its near and its far start: parameters, risk, distance to the teacher, which never increases.", s.pictureIndex},
			{"deq-solvers", "Evaluations of the layer and products with its Jacobian to a relative residual of 1e-8 as a layer of 24 units comes near the limit of contractions, |W|₂ = 1, and of monotone layers, μ = 0 (rectifiers); lines end where 3000 do not suffice. Right: certified against true errors of solves that were cut short; below the dashed line a certificate would be wrong.", s.pictureSolvers},
		},
	}
}

// backwardRules are the rules of the paper's comparison.
var backwardRules = []deq.Backward{
	{}, deq.JFB(), {Rule: deq.Neumann, Terms: 2}, {Rule: deq.Neumann, Terms: 3}, {Rule: deq.Damped, Terms: 2, Damping: 0.5},
}

// normals returns n normal numbers with the given standard deviation.
func normals(r *rand.Rand, n int, scale float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = scale * r.NormFloat64()
	}
	return v
}

// linearProblem returns the data of a random linear problem with n outputs and d inputs
// and parameters to start from: 30 samples, or their population version of least risk
// 0, whose excess risk has all digits.
func (s *deqStudy) linearProblem(member, n, d int, noiseFree bool) (*deq.LinearData, []float64, error) {
	const samples = 30
	r := rand.New(philox.NewSource(s.seed, member))
	x, y := kernel.MatrixOf(samples, d, normals(r, samples*d, 1)), kernel.MatrixOf(samples, n, normals(r, samples*n, 1))
	data, err := deq.NewLinearData(x, y)
	if err == nil && noiseFree {
		data, err = deq.Population(data.Second(), kernel.MatrixOf(n, d, normals(r, n*d, 1)), 0)
	}
	return data, normals(r, n*(n+d), 0.4), err
}

// scalarStart turns parameters (a, w) of Linear into those of Scalar, (w, a).
func scalarStart(theta []float64) []float64 {
	return append(append([]float64(nil), theta[1:]...), theta[0])
}

// gradientSteps runs gradient descent and shows the start and every step.
func gradientSteps(ctx context.Context, f flow.Field[float64], theta []float64, rate flow.Controller, steps int, see func(*flow.Step[float64]) error) error {
	r, err := flow.New(descent.GD(f), theta, flow.Options[float64]{Controller: rate, MaxSteps: steps})
	if err != nil {
		return err
	}
	for step, err := range r.Steps(ctx) {
		if err != nil {
			return err
		}
		if err := see(step); err != nil {
			return err
		}
	}
	return nil
}
