package game

import (
	"fmt"
	"math"
	"math/big"
)

// Weight is the weight of a Gaussian-weighted Hodge decomposition in the sense of Zhou et
// al. (2024), a choice of our construction: the density of N(μ, diag(v)), or its jet limit
// v -> 0 at μ, which compares Taylor coefficients. The parts of games of degree 3 and more
// depend on it.
type Weight struct {
	Mean []float64 // μ; nil is 0
	Var  []float64 // v_k > 0, one for each coordinate or one for all; nil is 1
	Jet  bool      // the limit of small isotropic v; Var is then nil
}

// Gaussian returns the weight N(mean, v I); a nil mean is 0.
func Gaussian(mean []float64, v float64) Weight { return Weight{Mean: mean, Var: []float64{v}} }

// Jet returns the jet weight at a point; nil is 0.
func Jet(mean []float64) Weight { return Weight{Mean: mean, Jet: true} }

// RatWeight is a Weight with exact rational numbers.
type RatWeight struct {
	Mean []*big.Rat
	Var  []*big.Rat
	Jet  bool
}

// check returns mean and variance of every coordinate, for the jet the variance 1.
func (w Weight) check(n int) (mean, v []float64, err error) {
	if mean = w.Mean; mean == nil {
		mean = make([]float64, n)
	}
	if err := checkPoint("Weight.Mean", mean, n); err != nil {
		return nil, nil, err
	}
	if v, err = variances("Var", w.Var, 1, n, w.Jet); err != nil {
		return nil, nil, err
	}
	for k, s := range v {
		if !(s > 0) || math.IsInf(s, 1) {
			return nil, nil, fmt.Errorf("game: Weight.Var[%d] = %v, want a finite number > 0: %w", k, s, ErrArgument)
		}
	}
	return mean, v, nil
}

// variances gives every coordinate its variance.
func variances[E any](name string, v []E, one E, n int, jet bool) ([]E, error) {
	switch {
	case jet && v != nil:
		return nil, fmt.Errorf("game: Weight.%s is set for the jet weight, which is the isotropic limit v -> 0, want nil: %w", name, ErrWeight)
	case len(v) == n && n > 0:
		return v, nil
	case len(v) > 1:
		return nil, fmt.Errorf("game: len(Weight.%s) = %d, want 0, 1 or %d: %w", name, len(v), n, ErrShape)
	case len(v) == 1:
		one = v[0]
	}
	out := make([]E, n)
	setAll(out, one)
	return out, nil
}

// measure returns the weight for a game with float64 coefficients.
func (w Weight) measure(blocks []int) (*measure[double], error) {
	n := sum(blocks)
	mean, v, err := w.check(n)
	if err != nil {
		return nil, err
	}
	m := &measure[double]{n: n, players: len(blocks), owner: owners(blocks), jet: w.Jet}
	for k := range n {
		m.mean = append(m.mean, exactly(mean[k]))
		m.v = append(m.v, exactly(v[k]))
	}
	return m, nil
}

// measure returns the weight for a game with exact coefficients.
func (w RatWeight) measure(blocks []int) (*measure[ratio], error) {
	n := sum(blocks)
	mean := w.Mean
	if mean == nil {
		mean = make([]*big.Rat, n)
		setAll(mean, new(big.Rat))
	}
	if len(mean) != n {
		return nil, fmt.Errorf("game: len(RatWeight.Mean) = %d, want %d: %w", len(mean), n, ErrShape)
	}
	v, err := variances("Var", w.Var, big.NewRat(1, 1), n, w.Jet)
	if err != nil {
		return nil, err
	}
	m := &measure[ratio]{n: n, players: len(blocks), owner: owners(blocks), jet: w.Jet}
	for k := range n {
		if mean[k] == nil || v[k] == nil || v[k].Sign() <= 0 {
			return nil, fmt.Errorf("game: RatWeight: mean %v, variance %v of coordinate %d, want numbers, and v > 0: %w", mean[k], v[k], k, ErrArgument)
		}
		m.mean = append(m.mean, ratio{new(big.Rat).Set(mean[k])})
		m.v = append(m.v, ratio{new(big.Rat).Set(v[k])})
	}
	return m, nil
}

// isotropic says that all variances are equal.
func (m *measure[E]) isotropic() bool {
	for _, v := range m.v[1:] {
		if !v.minus(m.v[0]).zero() {
			return false
		}
	}
	return true
}

// distance returns Σ (x_k-μ_k)²/v_k.
func distance(m *measure[double], x []float64) (s float64) {
	for k, v := range x {
		s += (v - m.mean[k].v) * (v - m.mean[k].v) / m.v[k].v
	}
	return s
}
