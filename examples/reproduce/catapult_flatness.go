package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/internal/digits"
	"github.com/gradflow/gradflow/internal/philox"
)

// catapultRun is a run of the ReLU network with one hidden layer on the digits.
type catapultRun struct {
	seed                 uint64
	c                    float64
	phase                catapult.Phase
	eta, lambda0, lambda float64
	peak                 float64 // largest loss over the first
	peakStep             int
	rises                bool // the loss rises at some step
	trace                []catapult.Point
}

// Width, samples and steps of these runs.
const (
	runWidth   = 512
	runSamples = 256
	runSteps   = 150
)

// digitRuns makes the runs, or returns those made before.
func (s *catapultStudy) digitRuns(ctx context.Context, told progress) ([]catapultRun, error) {
	if s.runs != nil {
		return s.runs, nil
	}
	rates := pick(s.job,
		[]float64{1, 1.9, 2.5, 3, 3.5, 5},
		[]float64{0.5, 1, 1.5, 1.9, 2.1, 2.2, 2.35, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 5},
		append(grid(0.25, 3.9, 0.05), 5))
	seeds := s.seeds(pick(s.job, 3, 3, 10))
	runs := make([]catapultRun, len(seeds)*len(rates))
	err := members(ctx, len(runs), told, func(ctx context.Context, i int) error {
		r := catapultRun{seed: seeds[i%len(seeds)], c: rates[i/len(seeds)]}
		net, err := catapult.NewNet(catapult.OneHidden(digits.Pixels, runWidth, catapult.ReLU), parity[float32](runSamples))
		if err != nil {
			return err
		}
		every := pick(s.job, runSteps, 5, 5)
		if i%len(seeds) == 0 {
			every = pick(s.job, 2, 1, 1) // this one is drawn
		}
		res, err := catapult.Train[float32](ctx, net, net.Init(r.seed, 0), catapult.TrainOptions[float32]{C: r.c, Steps: runSteps, TrackNTK: every})
		if err != nil {
			return err
		}
		r.phase, r.eta, r.lambda0, r.lambda = res.Phase, res.Eta, res.Lambda0.Value, res.Curvature.Value
		r.peak, r.peakStep, r.trace = res.Mechanism.PeakLoss/res.Loss0, res.Mechanism.PeakStep, res.Trace
		for k := 1; k < len(r.trace); k++ {
			r.rises = r.rises || r.trace[k].Loss > r.trace[k-1].Loss
		}
		runs[i] = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.runs = runs
	return runs, nil
}

func (s *catapultStudy) flatterMinimum(ctx context.Context, told progress) (outcome, error) {
	runs, err := s.digitRuns(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	var lazy, caught, astray int // astray: not in the phase that c says
	var drift, kappa float64     // largest |λ/λ0 - 1| of lazy runs, ηλ of catapults
	var at3, ratio3, peak3, step3 []float64
	for _, r := range runs {
		switch {
		case r.c <= 1.9:
			lazy++
			drift = max(drift, math.Abs(r.lambda/r.lambda0-1))
			if r.phase != catapult.Lazy || r.rises {
				astray++
			}
		case r.c > 2.05 && r.c <= 3.5:
			caught++
			kappa = max(kappa, r.eta*r.lambda)
			if r.phase != catapult.Catapult {
				astray++
			}
		case r.c >= 5:
			if r.phase != catapult.Divergent {
				astray++
			}
		}
		if r.c == 3 {
			at3, ratio3 = append(at3, r.eta*r.lambda), append(ratio3, r.lambda/r.lambda0)
			peak3, step3 = append(peak3, r.peak), append(step3, float64(r.peakStep))
		}
	}
	worst, starts, err := s.mapFlatness(pick(s.job, 3000, 30000, 300000))
	if err != nil {
		return outcome{}, err
	}
	return outcome{
		want: "ηλ < 2 after every catapult; λ = λ₀ (2 %) without rise of the loss for c ≤ 1.9; divergence at c = 5",
		got: fmt.Sprintf("ηλ ≤ %.3f in %d catapults, ≤ %.4f in %d of the map; λ within %.2f %% of λ₀ in %d lazy runs; %d runs astray",
			kappa, caught, worst, starts, 100*drift, lazy, astray),
		pass: kappa < 2 && caught > 0 && worst < 2 && lazy > 0 && drift <= 0.02 && astray == 0,
		note: fmt.Sprintf("One hidden layer of %d ReLUs, %d digits, %d steps, %d seeds. At c = 3: ηλ = %s to %s at the end, λ/λ₀ = %s to %s, peak loss %s to %s times the first at step %.0f to %.0f.",
			runWidth, runSamples, runSteps, len(at3), number(slices.Min(at3)), number(slices.Max(at3)), number(slices.Min(ratio3)), number(slices.Max(ratio3)),
			number(slices.Min(peak3)), number(slices.Max(peak3)), slices.Min(step3), slices.Max(step3)),
	}, nil
}

// mapFlatness returns the largest κ_∞ of n starts in the catapult phase.
func (s *catapultStudy) mapFlatness(n int) (worst float64, starts int, err error) {
	points, results := make([]catapult.MapPoint, n), make([]catapult.MapResult, n)
	for i := range points {
		u, v := philox.Stream{Seed: s.seed, ID: uint32(i)}.Uniforms(philox.Steps, 1, 0)
		points[i] = catapult.MapPoint{Kappa: 2.01 + 1.98*u, S: math.Pow(10, -12*v)}
	}
	catapult.MapTrajectories(results, points, 1<<22)
	for i, r := range results {
		if r.Phase != catapult.Catapult {
			return 0, 0, fmt.Errorf("map from κ₀ = %v, s₀ = %v is %v", points[i].Kappa, points[i].S, r.Phase)
		}
		worst = max(worst, r.KappaInf)
	}
	return worst, n, nil
}
