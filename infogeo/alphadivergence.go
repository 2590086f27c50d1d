package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/internal/root"
)

// Divergences of two distributions on a finite set. Every sum has terms >= 0 that are
// functions of r = (p-q)/q computed without cancellation, so that they keep their
// relative accuracy for p near q. States may have the probability 0.

// AlphaDivergence returns Amari's α-divergence (D^(α) of Amari and Nagaoka 2000, (3.24))
//
//	D_α(p‖q) = 4/(1-α²) (1 - Σ p^((1-α)/2) q^((1+α)/2)),
//
// KL(p‖q) for α = -1 and KL(q‖p) for α = 1, to which it is continuous; α = 0 is four times
// the square of the Hellinger distance, α = 3 half of χ²(q‖p). It is evaluated as the
// generalised divergence Σ q f(p/q) with f >= 0. It panics if the lengths differ.
func AlphaDivergence(p, q []float64, alpha float64) float64 {
	checkDims(len(p), q)
	return alphaTerms(p, q, (1-alpha)/2)
}

// alphaTerms is Σ [a p + b q - p^a q^b]/(a b) with b = 1-a.
func alphaTerms(p, q []float64, a float64) float64 {
	b := 1 - a
	var s float64
	for i, pi := range p {
		qi := q[i]
		switch {
		case pi == qi:
		case qi == 0:
			if !(b > 0) {
				return math.Inf(1)
			}
			s += pi / b
		case pi == 0:
			if !(a > 0) {
				return math.Inf(1)
			}
			s += qi / a
		default:
			s += qi * alphaTerm((pi-qi)/qi, pi/qi, a)
		}
	}
	return s
}

// alphaTerm is f(r) = (1 + a r - (1+r)^a)/(a (1-a)), x being 1+r: with L = log(1+r),
//
//	f = [(r-L) - a L² E(aL)]/(1-a) = [(1+r)(L - (1-a) L² E(-(1-a)L)) - r]/a,
//
// E(x) = (e^x - 1 - x)/x²: no singularity at a = 0 in the first form, at 1 in the second.
// Small r use the binomial series, whose coefficients have a finite limit at both.
func alphaTerm(r, x, a float64) float64 {
	if math.Abs(r) < 0.05 && math.Abs(a) < 10 {
		c, sum, pow := 0.5, 0.0, r*r
		for k := 2.0; k < 40; k++ {
			t := c * pow
			if sum += t; math.Abs(t) <= 0x1p-54*math.Abs(sum) {
				break
			}
			c *= (a - k) / (k + 1)
			pow *= r
		}
		return sum
	}
	l := logRatio(r, x)
	if a <= 0.5 {
		return (r - l - a*l*l*expRemainder(a*l)) / (1 - a)
	}
	c := 1 - a
	return (x*(l-c*l*l*expRemainder(-c*l)) - r) / a
}

// logRatio is log(1+r) of r and x = 1+r, each of which is exact where the other is not.
func logRatio(r, x float64) float64 {
	if math.Abs(r) < 0.5 {
		return math.Log1p(r)
	}
	return math.Log(x)
}

// expRemainder is (e^x - 1 - x)/x².
func expRemainder(x float64) float64 {
	if math.Abs(x) < 0.1 {
		return 1./2 + x*(1./6+x*(1./24+x*(1./120+x*(1./720+x*(1./5040+x*(1./40320+x*(1./362880+x/3628800)))))))
	}
	return (math.Expm1(x) - x) / (x * x)
}

// Renyi returns Rényi's divergence of order λ > 0, log(Σ p^λ q^(1-λ))/(λ-1), which is
// KL(p‖q) for λ = 1. It is NaN for λ <= 0. It panics if the lengths differ.
func Renyi(p, q []float64, order float64) float64 {
	checkDims(len(p), q)
	if !(order > 0) {
		return math.NaN()
	}
	a := alphaTerms(p, q, order)
	if math.IsInf(a, 1) {
		return a
	}
	// Σ p^λ q^(1-λ) = 1 - x.
	switch x := order * (1 - order) * a; {
	case x == 0:
		return order * a
	case x > 0.5:
		return math.Log(affinity(p, q, order)) / (order - 1)
	default:
		return -order * a * math.Log1p(-x) / x
	}
}

// affinity is Σ p^s q^(1-s).
func affinity(p, q []float64, s float64) float64 {
	var sum float64
	for i, pi := range p {
		if pi > 0 && q[i] > 0 {
			sum += math.Exp(s*math.Log(pi) + (1-s)*math.Log(q[i]))
		}
	}
	return sum
}

// Jeffreys returns KL(p‖q) + KL(q‖p). It panics if the lengths differ.
func Jeffreys(p, q []float64) float64 { return KL(p, q) + KL(q, p) }

// JensenShannon returns the divergence of Jensen and Shannon, KL(p‖m)/2 + KL(q‖m)/2 for
// the mean m of p and q, at most log 2. It panics if the lengths differ.
func JensenShannon(p, q []float64) float64 {
	checkDims(len(p), q)
	var s float64
	for i, pi := range p {
		if m := (pi + q[i]) / 2; m > 0 {
			d := (pi - q[i]) / (pi + q[i])
			s += m * (entropyRatio(d) + entropyRatio(-d)) / 2
		}
	}
	return s
}

// ChiSquared returns Pearson's χ²(p‖q) = Σ (p-q)²/q, +Inf if p has a state that q
// excludes. It panics if the lengths differ.
func ChiSquared(p, q []float64) float64 { return chiSquared(p, q) }

// Hellinger returns the Hellinger distance |√p - √q|/√2, at most 1. It panics if the
// lengths differ.
func Hellinger(p, q []float64) float64 {
	checkDims(len(p), q)
	chord, _ := chords(p, q)
	return chord / math.Sqrt2
}

// Bhattacharyya returns Bhattacharyya's divergence -log Σ √(pq), +Inf for disjoint p and q.
// It panics if the lengths differ.
func Bhattacharyya(p, q []float64) float64 {
	h := Hellinger(p, q)
	if h*h > 0.5 {
		return -math.Log(affinity(p, q, 0.5))
	}
	return -math.Log1p(-h * h)
}

// Chernoff returns Chernoff's information max_s -log Σ p^s q^(1-s) over s in [0, 1] and
// the s where it is attained, 1/2 if p = q. It is the exponent of the error of the best
// test between p and q (Chernoff 1952). The error wraps ErrInvalid unless p and q are
// distributions on the same states, and ErrBoundary if they have no state in common.
func Chernoff(p, q []float64) (information, s float64, err error) {
	if err := checkPair(p, q); err != nil {
		return math.NaN(), math.NaN(), err
	}
	if !(affinity(p, q, 0.5) > 0) {
		return math.Inf(1), 0.5, fmt.Errorf("infogeo: distributions without a common state: %w", ErrBoundary)
	}
	// The derivative of Σ p^s q^(1-s), whose terms on the common states are
	// q (e^(sL) L - r) plus r q, which adds up to minus what p and q have outside.
	slope := func(s float64) float64 {
		var sum float64
		for i, pi := range p {
			switch qi := q[i]; {
			case pi > 0 && qi > 0:
				r := (pi - qi) / qi
				l := logRatio(r, pi/qi)
				sum += qi * (l*math.Expm1(s*l) - (r - l))
			case pi > 0:
				sum -= pi
			default:
				sum += qi
			}
		}
		return sum
	}
	s = 0.5
	if lo, hi := slope(0), slope(1); lo < 0 && hi > 0 {
		s, _ = root.ITP(slope, 0, 1, lo, hi, 1e-15)
	} else if lo > 0 { // p lives on fewer states: the supremum is at an end
		s = 0
	} else if hi < 0 {
		s = 1
	}
	if s <= 0 || s >= 1 {
		return -math.Log(affinity(p, q, s)), s, nil
	}
	if x := s * (1 - s) * alphaTerms(p, q, s); x < 0.5 {
		return -math.Log1p(-x), s, nil
	}
	return -math.Log(affinity(p, q, s)), s, nil
}

// checkPair returns an error unless p and q are distributions on the same states.
func checkPair(p, q []float64) error {
	if len(p) != len(q) {
		return fmt.Errorf("infogeo: distributions on %d and %d states, want the same: %w", len(p), len(q), ErrShape)
	}
	if err := checkDistribution("p", p); err != nil {
		return err
	}
	return checkDistribution("q", q)
}
