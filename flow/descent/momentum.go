package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Momentum is the momentum β_k of Nesterov's method: Constant, Convex or
// StronglyConvex.
type Momentum interface {
	// beta is β_k at iteration k = 1, 2, ... with learning rate h.
	beta(k, h float64) float64
	check() error
}

// Constant is the same momentum β, 0 <= β < 1, at every iteration.
type Constant float64

func (c Constant) beta(_, _ float64) float64 { return float64(c) }

func (c Constant) check() error {
	if !(c >= 0 && c < 1) {
		return fmt.Errorf("descent: momentum is %v, want 0 <= β < 1: %w", float64(c), flow.ErrArgument)
	}
	return nil
}

// Convex is the momentum β_k = (k-1)/(k+2) for convex functions (Su, Boyd and
// Candès, arXiv 1503.01243, equation 1), with which E - E* falls as 1/k² for
// learning rates up to 1/L.
type Convex struct{}

func (Convex) beta(k, _ float64) float64 { return (k - 1) / (k + 2) }
func (Convex) check() error              { return nil }

// StronglyConvex is the momentum β = (1-√q)/(1+√q), q = μη, for functions with
// curvature at least μ (Nesterov, Introductory Lectures on Convex Optimization,
// 2004, scheme 2.2.9), with which E - E* falls as (1-√q)^k for η up to 1/L.
type StronglyConvex struct {
	// Mu is the strong-convexity constant μ > 0.
	Mu float64
}

func (s StronglyConvex) beta(_, h float64) float64 {
	q := math.Sqrt(min(1, s.Mu*h))
	return (1 - q) / (1 + q)
}

func (s StronglyConvex) check() error {
	if !(s.Mu > 0) || math.IsInf(s.Mu, 1) {
		return fmt.Errorf("descent: Mu of StronglyConvex is %v, want a finite number > 0: %w", s.Mu, flow.ErrArgument)
	}
	return nil
}
