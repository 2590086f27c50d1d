package infogeo

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// CheckDistribution returns an error wrapping ErrInvalid, which names the state
// and its value, unless p is a distribution on K = len(p) >= 2 states: finite
// numbers >= 0 whose sum is 1 to 1e-9 (1e-5 for float32).
func CheckDistribution[T flow.Float](p []T) error { return checkDistribution("p", p) }

func checkDistribution[T flow.Float](name string, p []T) error {
	if len(p) < 2 {
		return fmt.Errorf("infogeo: %s has %d states, want at least 2: %w", name, len(p), ErrInvalid)
	}
	for i, v := range p {
		if !(v >= 0) || math.IsInf(float64(v), 1) {
			return fmt.Errorf("infogeo: %s[%d] = %v, want a finite number >= 0: %w", name, i, v, ErrInvalid)
		}
	}
	tol := 1e-9
	if unsafe.Sizeof(p[0]) == 4 {
		tol = 1e-5
	}
	if s := kernel.Sum(p); !(math.Abs(s-1) <= tol) {
		return fmt.Errorf("infogeo: %s sums to %v, want 1 within %v: %w", name, s, tol, ErrInvalid)
	}
	return nil
}

// checkInterior is checkDistribution for the open simplex: a state of probability
// zero is ErrBoundary.
func checkInterior[T flow.Float](name string, p []T) error {
	if err := checkDistribution(name, p); err != nil {
		return err
	}
	for i, v := range p {
		if v == 0 {
			return fmt.Errorf("infogeo: %s[%d] = 0 has no finite natural coordinates (Smooth gives some): %w", name, i, ErrBoundary)
		}
	}
	return nil
}

// checkState returns an error unless ref is one of k states.
func checkState(ref, k int) error {
	if ref < 0 || ref >= k {
		return fmt.Errorf("infogeo: reference state %d, want one of the %d states: %w", ref, k, ErrInvalid)
	}
	return nil
}

// Theta stores the natural coordinates θ_i = log(p_i/p_ref), i ≠ ref, of p in
// theta, which has one element less than p. The error wraps ErrInvalid if p is no
// distribution, and ErrBoundary, naming the state, if a probability is zero. It
// panics if the lengths do not fit.
func Theta[T flow.Float](theta, p []T, ref int) error {
	checkRef(len(p), len(theta), ref)
	if err := checkInterior("p", p); err != nil {
		return err
	}
	thetaOf(theta, p, ref)
	return nil
}

// thetaOf is Theta for p known to be inside the simplex.
func thetaOf[T flow.Float](theta, p []T, ref int) {
	skip(theta, p, ref)
	// The quotient keeps the digits of log(p_i/p_ref) near 0.
	pr := p[ref]
	for i, v := range theta {
		theta[i] = v / pr
	}
	kernel.Log(theta, theta)
	for i, v := range theta {
		if math.IsInf(float64(v), 0) { // the quotient left the range of T
			j := i
			if i >= ref {
				j++
			}
			theta[i] = T(math.Log(float64(p[j])) - math.Log(float64(pr)))
		}
	}
}

// skip copies src without its element ref to dst.
func skip[T flow.Float](dst, src []T, ref int) {
	copy(dst, src[:ref])
	copy(dst[ref:], src[ref+1:])
}

// Eta stores the expectation coordinates η_i = p_i, i ≠ ref, of p in eta, which
// has one element less than p. The error wraps ErrInvalid if p is no distribution.
// It panics if the lengths do not fit.
func Eta[T flow.Float](eta, p []T, ref int) error {
	checkRef(len(p), len(eta), ref)
	if err := checkDistribution("p", p); err != nil {
		return err
	}
	skip(eta, p, ref)
	return nil
}

// FromEta stores in p the distribution with the expectation coordinates η, which
// skip the reference state ref: p_ref = 1 - Σ η_i, whose relative accuracy is that
// of the difference. The error wraps ErrOutsideMeanDomain and names the state if
// a probability is negative or not finite; zeros are allowed. It panics if the
// lengths do not fit.
func FromEta[T flow.Float](p, eta []T, ref int) error {
	checkRef(len(p), len(eta), ref)
	pr := T(1 - kernel.Sum(eta))
	copy(p[:ref], eta[:ref])
	copy(p[ref+1:], eta[ref:])
	p[ref] = pr
	for i, v := range p {
		if !(v >= 0) || math.IsInf(float64(v), 1) {
			return fmt.Errorf("infogeo: probability of state %d is %v, want a number >= 0: %w", i, v, ErrOutsideMeanDomain)
		}
	}
	return nil
}

// Smooth stores (w_i + ε) / Σ_j (w_j + ε) in p, which may be w: the distribution
// of counts or weights w >= 0 with ε pseudo-counts a state, ε = 1/2 being the
// estimator of Krichevsky and Trofimov. With ε > 0 every probability is positive.
// The error wraps ErrInvalid if a weight is negative or not finite, if ε is, or if
// everything is zero. It panics if the lengths differ.
func Smooth[T flow.Float](p, w []T, eps float64) error {
	checkLens(len(p), len(w))
	if !(eps >= 0) || math.IsInf(eps, 1) {
		return fmt.Errorf("infogeo: eps = %v, want a finite number >= 0: %w", eps, ErrInvalid)
	}
	for i, v := range w {
		if !(v >= 0) || math.IsInf(float64(v), 1) {
			return fmt.Errorf("infogeo: w[%d] = %v, want a finite number >= 0: %w", i, v, ErrInvalid)
		}
	}
	s := kernel.Sum(w) + eps*float64(len(w))
	if !(s > 0) || math.IsInf(s, 1) {
		return fmt.Errorf("infogeo: the weights sum to %v, want a finite number > 0: %w", s, ErrInvalid)
	}
	for i, v := range w {
		p[i] = T((float64(v) + eps) / s)
	}
	return nil
}

// FisherLogDet returns log det G = Σ log p_i over all K states, the same for every
// reference state; -Inf on the boundary.
func FisherLogDet[T flow.Float](p []T) float64 {
	var s float64
	for _, v := range p {
		s += math.Log(float64(v))
	}
	return s
}

// FisherTrace returns tr G = Σ η_i (1 - η_i). With all K probabilities it is the
// trace of the Fisher matrix of the logits.
func FisherTrace[T flow.Float](eta []T) float64 { return kernel.Sum(eta) - kernel.SumSq(eta) }

// SimplexNegEntropy returns φ = Σ p_i log p_i, the Legendre conjugate of the log-partition
// function; 0 log 0 = 0.
func SimplexNegEntropy[T flow.Float](p []T) float64 {
	var s float64
	for _, v := range p {
		if v > 0 {
			s += float64(v) * math.Log(float64(v))
		}
	}
	return s
}

// chiSquared returns χ²(p‖q) = Σ (p_i-q_i)²/q_i, half of which is the limit of
// both Kullback-Leibler divergences for p → q. It is +Inf if p has a state that q
// excludes. It panics if the lengths differ.
func chiSquared[T flow.Float](p, q []T) float64 {
	checkLens(len(p), len(q))
	var s float64
	for i, v := range p {
		if d := float64(v) - float64(q[i]); d != 0 {
			s += d / float64(q[i]) * d
		}
	}
	return s
}
