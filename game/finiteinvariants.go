package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Watch adds functions that the dynamics conserves to its capabilities, where
// probe.DriftOf and flow.Project find them.
func (r *FTRL[T]) Watch(inv ...flow.Invariant[T]) { r.inv = append(r.inv, inv...) }

// LogProbabilities returns the function of the scores
//
//	Σ_m c_m Σ_a μ_m(a) log x_m(a),
//
// which the replicator dynamics conserves in a game that is harmonic (plus
// non-strategic) for the weights c and reference measures μ. With o nil the weights are
// h_m and the measures uniform: Σ_m Σ_a log x_m(a), the case of Candogan et al.
//
// Errors: ErrShape and ErrArgument for weights and measures that do not fit; ErrArgument
// for a replicator on the boundary, where the logarithms are infinite, and for the
// Euclidean dynamics.
func (r *FTRL[T]) LogProbabilities(o *FiniteOptions) (flow.Invariant[T], error) {
	none := flow.Invariant[T]{}
	if err := r.interior("the sum of log probabilities"); err != nil {
		return none, err
	}
	a, err := newAnova(r.f.shape, 1, o)
	if err != nil {
		return none, err
	}
	var weights []float64 // c_m μ_m(a)
	for m, h := range r.f.shape {
		for k := range h {
			if a.uniform {
				weights = append(weights, a.c[m]/float64(h))
			} else {
				weights = append(weights, a.c[m]*a.mu[m][k])
			}
		}
	}
	return flow.Invariant[T]{Name: "sum of log probabilities", Value: func(y []T) float64 {
		return weightedLogs(y, r.f.shape, weights)
	}}, nil
}

// DivergenceFrom returns the function Σ_m KL(star_m ‖ x_m) of the scores, which the
// replicator dynamics conserves in a two-player zero-sum game with the interior
// equilibrium star (laid out as a profile). Terms of probability 0 in star count 0.
//
// Errors: ErrArgument, ErrShape, ErrNotFinite if star is no mixed profile; ErrArgument for
// a replicator on the boundary and for the Euclidean dynamics.
func (r *FTRL[T]) DivergenceFrom(star []float64) (flow.Invariant[T], error) {
	none := flow.Invariant[T]{}
	if err := r.interior("the Kullback-Leibler divergence"); err != nil {
		return none, err
	}
	if err := checkProfile(star, r.f.shape); err != nil {
		return none, err
	}
	weights, entropy := append([]float64(nil), star...), 0.0
	for _, p := range star {
		if p > 0 {
			entropy += p * math.Log(p)
		}
	}
	return flow.Invariant[T]{Name: "KL divergence from equilibrium", Value: func(y []T) float64 {
		return entropy - weightedLogs(y, r.f.shape, weights)
	}}, nil
}

// PotentialOf returns the expectation of a potential φ (one number a profile, as
// FiniteParts.Phi) as a function of the scores. In the potential game of φ it never
// falls: dφ/dt = Σ_m Var_{x_m}(v_m) along the replicator dynamics. The error wraps
// ErrShape.
func (r *FTRL[T]) PotentialOf(phi []float64) (flow.Invariant[T], error) {
	if len(phi) != r.f.profiles {
		return flow.Invariant[T]{}, fmt.Errorf("game: potential of length %d, want %d, the number of profiles: %w", len(phi), r.f.profiles, ErrShape)
	}
	mean := newMean(r.f)
	x, x64 := make([]T, sum(r.f.shape)), make([]float64, sum(r.f.shape))
	return flow.Invariant[T]{Name: "potential", Value: func(y []T) float64 {
		r.Strategies(x, y)
		for a, p := range x {
			x64[a] = float64(p)
		}
		return mean.of(phi, x64)
	}}, nil
}

// interior says whether all log probabilities are finite functions of the scores.
func (r *FTRL[T]) interior(what string) error {
	switch {
	case r.euclidean:
		return fmt.Errorf("game: %s is a function of the scores of the replicator, not of the Euclidean dynamics: %w", what, ErrArgument)
	case r.support != nil:
		return fmt.Errorf("game: %s is infinite on the boundary, where the replicator started: %w", what, ErrArgument)
	}
	return nil
}

// weightedLogs is Σ w_a log x_a, x the softmax of the blocks of y.
func weightedLogs[T flow.Float](y []T, shape []int, w []float64) float64 {
	s := 0.0
	for _, h := range shape {
		top := math.Inf(-1)
		for _, v := range y[:h] {
			top = max(top, float64(v))
		}
		z := 0.0
		for _, v := range y[:h] {
			z += math.Exp(float64(v) - top)
		}
		z = math.Log(z) + top
		for a, v := range y[:h] {
			s += w[a] * (float64(v) - z)
		}
		y, w = y[h:], w[h:]
	}
	return s
}

// meanPayoff contracts a tensor with a whole profile.
type meanPayoff struct {
	shape []int
	work  []float64
}

func newMean(f *Finite) *meanPayoff {
	return &meanPayoff{shape: f.shape, work: make([]float64, f.profiles)}
}

// of returns Σ_a u(a) x_1(a_1) ... x_M(a_M).
func (p *meanPayoff) of(u, x []float64) float64 {
	copy(p.work, u)
	n, end := len(u), len(x)
	for m := len(p.shape) - 1; m >= 0; m-- {
		h := p.shape[m]
		own := x[end-h : end]
		n, end = n/h, end-h
		for i := range n { // element i is read before it is written
			s := 0.0
			for a, q := range own {
				s += q * p.work[i*h+a]
			}
			p.work[i] = s
		}
	}
	return p.work[0]
}
