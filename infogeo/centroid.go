package infogeo

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// checkPoints returns an error unless there are points of length d, and as many weights,
// which are >= 0 and not all zero; it returns the weights divided by their sum. Nil weights
// are equal ones.
func checkPoints(points [][]float64, weights []float64, d int) ([]float64, error) {
	if len(points) == 0 {
		return nil, fmt.Errorf("infogeo: centroid of no points, want at least one: %w", ErrInvalid)
	}
	for i, p := range points {
		if len(p) != d {
			return nil, fmt.Errorf("infogeo: point %d has length %d, want %d: %w", i, len(p), d, ErrShape)
		}
	}
	w := make([]float64, len(points))
	if weights == nil {
		for i := range w {
			w[i] = 1 / float64(len(w))
		}
		return w, nil
	}
	if len(weights) != len(points) {
		return nil, fmt.Errorf("infogeo: %d weights, want one for each of the %d points: %w", len(weights), len(points), ErrShape)
	}
	for i, v := range weights {
		if !(v >= 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("infogeo: weights[%d] = %v, want a finite number >= 0: %w", i, v, ErrInvalid)
		}
	}
	sum := kernel.Sum(weights)
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("infogeo: the weights have the sum %v, want it finite and > 0: %w", sum, ErrInvalid)
	}
	kernel.Axpby(1/sum, weights, 0, w)
	return w, nil
}

// average stores Σ w_i points_i in dst.
func average(dst []float64, points [][]float64, w []float64) {
	clear(dst)
	for i, p := range points {
		kernel.Axpy(w[i], p, dst)
	}
}

// ThetaCentroid stores in dst the weighted mean of natural parameters, the minimiser c of
// Σ w_i KL(c‖p_i). Nil weights are equal ones. Errors wrap ErrInvalid and ErrShape.
func ThetaCentroid(dst []float64, thetas [][]float64, weights []float64) error {
	w, err := checkPoints(thetas, weights, len(dst))
	if err == nil {
		average(dst, thetas, w)
	}
	return err
}

// EtaCentroid stores in dst the natural parameter of the member of f with the weighted mean
// of the expectation parameters of the members thetas, the minimiser c of Σ w_i KL(p_i‖c).
// Nil weights are equal ones. Errors wrap ErrInvalid and ErrShape or are those of
// Family.Natural.
func EtaCentroid(f Family, dst []float64, thetas [][]float64, weights []float64) error {
	w, err := checkPoints(thetas, weights, f.Dim())
	if err != nil {
		return err
	}
	eta, mean := make([]float64, f.Dim()), make([]float64, f.Dim())
	for i, t := range thetas {
		f.Mean(eta, t)
		kernel.Axpy(w[i], eta, mean)
	}
	return f.Natural(dst, mean)
}

// JeffreysCentroid stores in dst the natural parameter of the minimiser of
// Σ w_i (KL(c‖p_i) + KL(p_i‖c)), which is up to a constant (θ-θ̄)·(η-η̄) with the means of
// both parameters, by natural gradient descent from the θ-centroid. Nil weights are equal
// ones. Errors wrap ErrInvalid, ErrShape, ErrSingularFisher, ErrNoConvergence or the error
// of the context.
func JeffreysCentroid(ctx context.Context, f Family, dst []float64, thetas [][]float64, weights []float64) error {
	d := f.Dim()
	w, err := checkPoints(thetas, weights, d)
	if err != nil {
		return err
	}
	checkDims(d, dst)
	v := make([]float64, 7*d)
	theta, eta, thetaBar, etaBar, step, trial, tau := v[:d], v[d:2*d], v[2*d:3*d], v[3*d:4*d], v[4*d:5*d], v[5*d:6*d], v[6*d:]
	average(thetaBar, thetas, w)
	for i, t := range thetas {
		f.Mean(eta, t)
		kernel.Axpy(w[i], eta, etaBar)
	}
	copy(theta, thetaBar)
	loss := func(theta []float64) float64 {
		f.Mean(eta, theta)
		var s float64
		for i, e := range eta {
			s += (theta[i] - thetaBar[i]) * (e - etaBar[i])
		}
		return s
	}
	// The gradient is η-η̄ + G(θ-θ̄), the Hessian near 2G: half a natural gradient step is
	// close to Newton's.
	// slope is the derivative of the loss along the step.
	slope := func(theta []float64) float64 {
		kernel.SubTo(tau, theta, thetaBar)
		f.FisherMulVec(tau, theta, tau)
		f.Mean(eta, theta)
		kernel.AddTo(tau, tau, eta)
		kernel.SubTo(tau, tau, etaBar)
		return kernel.Dot(tau, step)
	}
	now := loss(theta)
	best, stuck := math.Inf(1), 0
	for range 1000 {
		if err := ctx.Err(); err != nil {
			return err
		}
		kernel.SubTo(step, eta, etaBar)
		if err := f.FisherSolveVec(step, theta, step, 0); err != nil {
			return err
		}
		for i := range step {
			step[i] = (step[i] + theta[i] - thetaBar[i]) / 2
		}
		// At the minimum, only rounding is left of the steps.
		long := kernel.MaxAbs(step) / (1 + kernel.MaxAbs(theta))
		if stuck++; long < best/2 {
			best, stuck = long, 0
		}
		if long == 0 || best < 1e-9 && stuck >= 5 {
			copy(dst, theta)
			return nil
		}
		// The size that minimises along the step if the loss is quadratic there.
		alpha := 1.0
		g0 := slope(theta)
		kernel.AxpyTo(trial, -1, step, theta)
		if f.CheckNatural(trial) == nil {
			if g1 := slope(trial); g0 > g1 {
				alpha = math.Min(1, math.Max(0.05, g0/(g0-g1)))
			}
		}
		next := math.NaN()
		for ; alpha > 1e-12; alpha /= 2 {
			kernel.AxpyTo(trial, -alpha, step, theta)
			if f.CheckNatural(trial) != nil {
				continue
			}
			// Differences of the loss tell nothing near the minimum.
			if next = loss(trial); next <= now || long < 1e-6 && next <= now+1e-10*(1+math.Abs(now)) {
				break
			}
		}
		if !(alpha > 1e-12) {
			break
		}
		copy(theta, trial)
		now = next
	}
	return fmt.Errorf("infogeo: Jeffreys centroid: natural gradient steps of relative size %v remain: %w", best, ErrNoConvergence)
}

// KarcherMean stores in dst the Fisher-Rao centre of distributions on a finite set, the
// minimiser of Σ w_i d(c, p_i)², by the iteration c ← Exp_c(Σ w_i Log_c(p_i)) from the
// normalised square of the mean root. It is unique: the simplex is a convex part of the
// sphere within a ball of radius π/2 (on radius 2: π) of which Karcher (1977) applies to
// interior points. Nil weights are equal ones. Errors wrap ErrInvalid, ErrShape,
// ErrBoundary or ErrNoConvergence.
func KarcherMean(dst []float64, points [][]float64, weights []float64) error {
	k := len(dst)
	w, err := checkPoints(points, weights, k)
	if err != nil {
		return err
	}
	c, log, sum := make([]float64, k), make([]float64, k), make([]float64, k)
	for i, p := range points {
		if err := checkInterior(fmt.Sprintf("points[%d]", i), p); err != nil {
			return err
		}
		for j, v := range p {
			c[j] += w[i] * math.Sqrt(v)
		}
	}
	norm := kernel.SumSq(c)
	for j, v := range c {
		c[j] = v * v / norm
	}
	for range 1000 {
		clear(sum)
		for i, p := range points {
			FisherRaoLog(log, c, p)
			kernel.Axpy(w[i], log, sum)
		}
		var length float64
		for j, v := range sum {
			length += v * v / c[j]
		}
		if math.Sqrt(length) <= 1e-15*float64(k) {
			copy(dst, c)
			return nil
		}
		if err := FisherRaoExp(c, c, sum); err != nil {
			return err
		}
		kernel.Scal(1/kernel.Sum(c), c)
		if math.Sqrt(length) <= 1e-13 { // the next step would be rounding
			copy(dst, c)
			return nil
		}
	}
	return fmt.Errorf("infogeo: Fisher-Rao centre after 1000 steps: %w", ErrNoConvergence)
}
