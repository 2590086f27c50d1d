package main

import (
	"context"
	"math"
	"sync/atomic"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/digits"
)

// catapultStudy is the memory of the paper: the experiments that several claims
// and figures look at are made once.
type catapultStudy struct {
	job
	runs     []catapultRun
	edges    []catapultEdge
	accuracy []catapultAccuracy
	peaks    []catapultPeaks
	diagram  *catapult.Diagram
}

func newCatapult(j job) *paper {
	s := &catapultStudy{job: j}
	return &paper{
		name:  "catapult",
		title: "The large learning rate phase of deep learning: the catapult mechanism",
		cite:  "Lewkowycz, Bahri, Dyer, Sohl-Dickstein, Gur-Ari, arXiv 2003.02218",
		url:   "https://arxiv.org/abs/2003.02218",
		about: "Gradient descent at a constant learning rate η has three regimes, which the curvature λ₀ of the network at its start tells apart: " +
			"lazy for η < 2/λ₀, where the curvature stays; catapult above, where the loss first grows, the curvature falls below 2/η, and training converges in a flatter region; and divergent above some η_max, 4/λ₀ in the solvable models. " +
			"Curvature means the largest eigenvalue of the tangent kernel, and c is ηλ₀. Networks are trained on the handwritten digits of the UCI repository.",
		claims: []claim{
			{"warmup-map", "Gradient descent on the network is the map in its output f and curvature λ, and on the linear network with data the width-free map in (a, q, M).", s.warmupMap},
			{"phase-boundaries", "In the warm-up model with label 0 the loss falls at every step for ηλ₀ < 2, training converges for 2 < ηλ₀ < 4 and diverges for ηλ₀ > 4, as the certificates of Theorems A and B say without running.", s.phaseBoundaries},
			{"flatter-minimum", "After a catapult the curvature has fallen below 2/η; in the lazy phase it stays at λ₀.", s.flatterMinimum},
			{"log-width-time", "The loss peaks after ½ ln n/ln(ηλ₀ - 1) steps at width n: slope 1/(2 ln 2) = 0.7213 in ln n for ηλ₀ = 3, widths 10² to 10¹².", s.logWidthTime},
			{"relu-edge", "The largest learning rate at which ReLU networks train is about 4/λ₀ with one hidden layer and far larger with two and three.", s.reluEdge},
			{"optimal-rate-digits", "At equal physical time ηt the best test accuracy is reached in the catapult phase, above that at c = 1.", s.optimalRate},
		},
		figures: []figure{
			{"catapult", "Left and middle: loss and curvature of a ReLU network with one hidden layer of 512 units on 256 digits (parity, ±1), for learning rates η = c/λ₀. In the catapult phase the loss first grows and the curvature falls below the border of stability, ηλ = 2 (dashed). Right: final curvature ηλ of the warm-up model for every start, s₀ = (ηf₀)²/n; grey diverges.", s.pictureOverview},
			{"catapult-runs", "Loss and curvature relative to its start, at every learning rate, same network. The colour is the learning rate; the dashed curves diverge.", s.pictureRuns},
			{"catapult-final-curvature", "Curvature at the end over the learning rate: network (each seed) and warm-up model (each start). All of the catapult phase ends below 2/η.", s.pictureFinal},
			{"catapult-map", "The universal map: final curvature ηλ with its stripes, and the step at which the loss peaks. Grey diverges; in the white corner no parameters exist.", s.pictureMap},
			{"catapult-width", "The step of the loss peak over the width at ηλ₀ = 3: warm-up model, linear network on the digits, and the theory's slope 1/(2 ln 2).", s.pictureWidth},
			{"catapult-edge", "What becomes of networks of several depths trained for 150 steps over the learning rate, each row a seed. Dashed: 2 and 4, the thresholds of the warm-up model.", s.pictureEdge},
			{"catapult-accuracy", "Test accuracy after equal physical time over the learning rate: seeds and median.", s.pictureAccuracy},
		},
	}
}

// grid returns from, from+step, ... up to to.
func grid(from, to, step float64) []float64 {
	var v []float64
	for i := 0; ; i++ {
		x := math.Round((from+float64(i)*step)*1e9) / 1e9
		if x > to+1e-9 {
			return v
		}
		v = append(v, x)
	}
}

// seeds are the seeds of the networks.
func (s *catapultStudy) seeds(n int) []uint64 {
	v := make([]uint64, n)
	for i := range v {
		v[i] = s.seed + uint64(i)
	}
	return v
}

// parity are m digits with the labels ±1. Networks train in float32, which
// leaves the phases as they are; identities are measured in float64.
func parity[T flow.Float](m int) catapult.Data[T] {
	set := digits.Train[T](m)
	return catapult.Data[T]{X: set.X, Y: set.Parity()}
}

// members runs n independent computations on all cores, telling how many are
// done.
func members(ctx context.Context, n int, told progress, run func(ctx context.Context, i int) error) error {
	var done atomic.Int64
	return flow.Ensemble(ctx, n, 0, func(ctx context.Context, i int) error {
		err := run(ctx, i)
		told(float64(done.Add(1)) / float64(n))
		return err
	})
}
