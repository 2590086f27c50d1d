package main

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/gradflow/gradflow/infogeo"
	"github.com/gradflow/gradflow/internal/philox"
)

// infogeoStudy is the memory of the paper.
type infogeoStudy struct {
	job
	mu       sync.Mutex
	reports  []*infogeo.Report // of VerifyTheorems, one a problem
	noisePts []noisePoint
}

func newInfogeo(j job) *paper {
	s := &infogeoStudy{job: j}
	return &paper{
		name:  "infogeo",
		title: "Convergence Properties of Natural Gradient Descent for Minimizing KL Divergence",
		cite:  "Datar, Ay, arXiv 2504.19259",
		url:   "https://arxiv.org/abs/2504.19259",
		about: "Descent of the Kullback-Leibler divergence to a target on the simplex, in natural coordinates θ, in expectation coordinates η, and by the natural gradient. " +
			"In continuous time the natural gradient is between the two: rate 2, slower than η, faster than θ. " +
			"In discrete time Euclidean descent contracts by (κ-1)/(κ+1) a step in either coordinates, the natural gradient converges in one step, and at equal contraction it is far less sensitive to sampling noise. " +
			"The precise statements and their proofs are in the documentation of package infogeo.",
		claims: []claim{
			{"hessian-is-fisher", "At the target the Hessian of both divergences, and of the α-divergences, is the Fisher matrix G in θ and its inverse in η.", s.hessian},
			{"ngd-rate-two", "The loss falls at the rate 2 along the natural gradient flow: for every target, for both divergences, in other exponential families, and in curved ones where the target is in the model.", s.rateTwo},
			{"rate-sandwich", "The rates of the flows in θ and η are 2λ_min and 2/λ_max of G; on the simplex rate θ <= 1/(2n) < 2 < 4 < rate η.", s.sandwich},
			{"global-bounds", "From any start and at any time L_θ(t) >= e^-t L(0) >= L_nat(t) and L_η(t) <= e^-2t L(0).", s.globalBounds},
			{"affine-two-c", "In affine coordinates whitened by (cG)^(-1/2) the rates are 2c in η and 2/c in θ, while the natural gradient keeps 2.", s.affine},
			{"spectrum-bounds", "The eigenvalues of G, from the secular equation, interlace with the probabilities and obey the bounds on λ_min, λ_max and κ.", s.spectrum},
			{"discrete-contraction", "With its best step gradient descent contracts the error by (κ-1)/(κ+1), in θ as in η; natural gradient descent in η reaches the target in one step.", s.contraction},
			{"noise-robustness", "With mini-batches the loss settles at the predicted floor, over three decades of the step size; at equal contraction that of the natural gradient is lower by (κ²+1)/n or more.", s.noise},
			{"mirror-descent", "Natural gradient descent in θ is mirror descent in η with the negative entropy as potential, and the reverse.", s.mirror},
			{"berkeley-loglinear", "Log-linear models of the Berkeley admissions: the likelihood ratios of the reference, by natural gradient in 6 steps where gradient descent with its best step takes 1012; proportional fitting agrees.", berkeley},
		},
		figures: []figure{
			{"infogeo-triangle", "Flows of KL(q‖p) (left) and KL(p‖q) (right) on three states from four starts: the natural gradient goes straight in η (left) and in θ (right), the Euclidean flows bend to opposite sides of it. Circle: target.", s.pictureTriangle},
			{"infogeo-rates", "Loss along the three flows from one start, and the asymptotes with the rates 2λ_min, 2 and 2/λ_max.", s.pictureRates},
			{"infogeo-noise", "Loss at which descent with mini-batches settles, against the contraction of one step: lines are the prediction, dots simulations. Beyond the best step the curves turn back: larger steps contract less.", s.pictureNoise},
		},
	}
}

// klProblem is a target and a start, with the reference state last.
type klProblem struct{ q, p0 []float64 }

// problems are the two of the documentation, and random ones.
func (s *infogeoStudy) problems() []klProblem {
	p := []klProblem{
		{[]float64{.6, .3, .1}, []float64{.2, .3, .5}},
		{[]float64{.45, .3, .15, .1}, []float64{.1, .2, .3, .4}},
	}
	for i := range pick(s.job, 14, 60, 300) {
		r := rand.New(philox.NewSource(s.seed, i))
		k := 2 + i%7
		p = append(p, klProblem{randomDistribution(r, k, 0.1), randomDistribution(r, k, 0.02)})
	}
	return p
}

// randomDistribution draws k exponential numbers, and adds eps to each of them.
func randomDistribution(r *rand.Rand, k int, eps float64) []float64 {
	p := make([]float64, k)
	sum := 0.0
	for i := range p {
		p[i] = math.Pow(r.ExpFloat64(), 1.5) + eps
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// zipf is p_i ~ 1/(i+1).
func zipf(k int) []float64 {
	p := make([]float64, k)
	sum := 0.0
	for i := range p {
		p[i] = 1 / float64(i+1)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}
