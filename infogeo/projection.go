package infogeo

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Finite is an exponential family on finitely many states.
type Finite interface {
	Family
	// States returns the number of states.
	States() int
	// Probabilities stores p_θ in p.
	Probabilities(p, theta []float64)
	// Moments stores the expectation of the statistics under the distribution q in eta.
	Moments(eta, q []float64)
}

var (
	_ Finite = (*Categorical)(nil)
	_ Finite = (*LogLinear)(nil)
	_ Finite = (*Boltzmann)(nil)
)

// Projection is the point of a family or of a linear set of distributions that is nearest
// to a distribution.
type Projection struct {
	// P is the projection.
	P []float64
	// Divergence is KL(q‖p) for an m-projection, KL(p‖q) for an e-projection.
	Divergence float64
	// Fit is how it was found. Of an e-projection its Theta are the multipliers λ.
	Fit *FitResult
}

// MProject returns the m-projection of the distribution q on a family of distributions on
// the same states, p* = argmin KL(q‖p): the member with the moments of q, of maximum
// likelihood if q are the frequencies of data. For every member p
//
//	KL(q‖p) = KL(q‖p*) + KL(p*‖p).
//
// Errors wrap ErrInvalid, ErrShape or are those of Fit; the projection is then nil, or the
// last good point.
func MProject(ctx context.Context, f Finite, q []float64, o FitOptions) (*Projection, error) {
	if len(q) != f.States() {
		return nil, fmt.Errorf("infogeo: q has length %d, want the number of states, %d: %w", len(q), f.States(), ErrShape)
	}
	if err := checkDistribution("q", q); err != nil {
		return nil, err
	}
	eta := make([]float64, f.Dim())
	f.Moments(eta, q)
	fit, err := Fit(ctx, f, eta, o)
	if fit == nil {
		return nil, err
	}
	m := &Projection{P: make([]float64, len(q)), Fit: fit}
	f.Probabilities(m.P, fit.Theta)
	m.Divergence = KL(q, m.P)
	return m, err
}

// EProject returns the e-projection (I-projection of Csiszár, Annals of Probability 3 (1975)
// 146) of the distribution q on the distributions with the expectations c of the columns of
// the M x d matrix stats, p* = argmin KL(p‖q) subject to Σ p_x stats_x = c. It is
// q exp(stats·λ - ψ), the member of that log-linear family with the base q and the mean c;
// λ is found as by Fit. States with q = 0 keep probability 0. For every p with those
// expectations
//
//	KL(p‖q) = KL(p‖p*) + KL(p*‖q).
//
// Errors wrap ErrInvalid and ErrShape or are those of Fit: ErrNoFiniteMLE if the
// constraints force states to probability 0 or contradict each other, ErrSingularFisher if
// they are redundant.
func EProject(ctx context.Context, q []float64, stats kernel.Matrix[float64], c []float64, o FitOptions) (*Projection, error) {
	if stats.Rows != len(q) || stats.Cols != len(c) {
		return nil, fmt.Errorf("infogeo: %d x %d statistics, want one row for each of the %d states and one column for each of the %d expectations: %w", stats.Rows, stats.Cols, len(q), len(c), ErrShape)
	}
	if err := checkDistribution("q", q); err != nil {
		return nil, err
	}
	var states []int
	var base, rows []float64
	for i, v := range q {
		if v > 0 {
			states = append(states, i)
			base = append(base, math.Log(v))
			rows = append(rows, stats.Row(i)...)
		}
	}
	f, err := NewLogLinear(kernel.MatrixOf(len(states), len(c), rows), base)
	if err != nil {
		return nil, err
	}
	fit, err := Fit(ctx, f, c, o)
	if fit == nil {
		return nil, err
	}
	p := make([]float64, len(states))
	f.Probabilities(p, fit.Theta)
	m := &Projection{P: make([]float64, len(q)), Fit: fit}
	for i, s := range states {
		m.P[s] = p[i]
	}
	m.Divergence = KL(m.P, q)
	return m, err
}
