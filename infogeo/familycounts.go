package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// NewBernoulli returns the family of a coin: x is 0 or 1, θ = log(p/(1-p)), η = p.
func NewBernoulli() *Scalar {
	s, _ := NewBinomial(1)
	s.name = "Bernoulli"
	return s
}

// NewBinomial returns the number of successes in n trials: θ = log(p/(1-p)), η = np,
// ψ = n log(1+e^θ). The error wraps ErrInvalid if n < 1.
func NewBinomial(n int) (*Scalar, error) {
	if n < 1 {
		return nil, fmt.Errorf("infogeo: Binomial with n = %d trials, want at least 1: %w", n, ErrInvalid)
	}
	trials := float64(n)
	return &Scalar{
		name:     "Binomial",
		naturals: [2]float64{math.Inf(-1), math.Inf(1)},
		means:    [2]float64{0, trials},
		psi:      func(t float64) float64 { return trials * softplus(t) },
		mean:     func(t float64) float64 { return trials * logistic(t) },
		variance: func(t float64) float64 { return trials * logistic(t) * logistic(-t) },
		third:    func(t float64) float64 { return -trials * logistic(t) * logistic(-t) * math.Tanh(t/2) },
		natural:  func(m float64) float64 { return math.Log(m / (trials - m)) },
		conjugate: func(m float64) float64 {
			p := m / trials
			return trials * (xlogx(p) + xlogx(1-p))
		},
		distance: func(t0, t1 float64) float64 { return math.Sqrt(trials) * coinDistance(t0, t1) },
		inside:   func(x float64) bool { return isCount(x, trials) },
		draw: func(t float64, src rand.Source) float64 {
			return distuv.Binomial{N: trials, P: logistic(t), Src: src}.Rand()
		},
	}, nil
}

// coinDistance is the Fisher-Rao distance of two coins with log odds t0 >= t1 or not,
// 2 atan2(|√(p(1-q)) - √(q(1-p))|, √(pq) + √((1-p)(1-q))). The first difference is
// (p(1-q) - q(1-p))/sum, whose numerator is (1-p) q (e^(t0-t1) - 1).
func coinDistance(t0, t1 float64) float64 {
	if t0 > t1 {
		t0, t1 = t1, t0
	}
	p, pc, q, qc := logistic(t0), logistic(-t0), logistic(t1), logistic(-t1)
	sum := math.Sqrt(p*qc) + math.Sqrt(q*pc)
	diff := -pc * q * math.Expm1(t0-t1)
	if diff == 0 {
		return 0
	}
	return 2 * math.Atan2(diff/sum, math.Sqrt(p*q)+math.Sqrt(pc*qc))
}

// NewPoisson returns the family of counts of mean λ: θ = log λ, η = λ, ψ = e^θ.
func NewPoisson() *Scalar {
	return &Scalar{
		name:      "Poisson",
		naturals:  [2]float64{math.Inf(-1), math.Inf(1)},
		means:     [2]float64{0, math.Inf(1)},
		psi:       math.Exp,
		mean:      math.Exp,
		variance:  math.Exp,
		third:     math.Exp,
		natural:   math.Log,
		conjugate: func(m float64) float64 { return xlogx(m) - m },
		distance: func(t0, t1 float64) float64 {
			return 2 * math.Exp(t1/2) * math.Abs(math.Expm1((t0-t1)/2))
		},
		inside: func(x float64) bool { return isCount(x, math.MaxFloat64) },
		draw: func(t float64, src rand.Source) float64 {
			return distuv.Poisson{Lambda: math.Exp(t), Src: src}.Rand()
		},
	}
}

// NewGeometric returns the number of failures 0, 1, ... before the first success of
// probability p: θ = log(1-p), η = (1-p)/p, ψ = -log(1-e^θ).
func NewGeometric() *Scalar {
	s, _ := NewNegBinomial(1)
	s.name = "Geometric"
	return s
}

// NewNegBinomial returns the number of failures before the r-th success: θ = log(1-p),
// η = r(1-p)/p, ψ = -r log(1-e^θ). r need not be an integer. The error wraps ErrInvalid
// unless r is finite and > 0.
func NewNegBinomial(r float64) (*Scalar, error) {
	if !(r > 0) || math.IsInf(r, 1) {
		return nil, fmt.Errorf("infogeo: NegBinomial with r = %v, want a finite number > 0: %w", r, ErrInvalid)
	}
	return &Scalar{
		name:     "NegBinomial",
		naturals: [2]float64{math.Inf(-1), 0},
		means:    [2]float64{0, math.Inf(1)},
		psi:      func(t float64) float64 { return -r * log1mexp(t) },
		mean:     func(t float64) float64 { return r / math.Expm1(-t) },
		variance: func(t float64) float64 { p := -math.Expm1(t); return r * math.Exp(t) / (p * p) },
		third: func(t float64) float64 {
			p, q := -math.Expm1(t), math.Exp(t)
			return r * q * (1 + q) / (p * p * p)
		},
		natural:   func(m float64) float64 { return -math.Log1p(r / m) },
		conjugate: func(m float64) float64 { return -m*math.Log1p(r/m) - r*math.Log1p(m/r) },
		distance:  func(t0, t1 float64) float64 { return math.Sqrt(r) * waitDistance(t0, t1) },
		inside:    func(x float64) bool { return isCount(x, math.MaxFloat64) },
		draw: func(t float64, src rand.Source) float64 {
			// A Poisson number whose mean has a gamma distribution.
			rate := distuv.Gamma{Alpha: r, Beta: math.Expm1(-t), Src: src}.Rand()
			return distuv.Poisson{Lambda: rate, Src: src}.Rand()
		},
	}, nil
}

// waitDistance is the Fisher-Rao distance of two geometric distributions,
// 2|atanh √q0 - atanh √q1| with q = e^t, as 2 atanh((√q0-√q1)/(1-√(q0 q1))).
func waitDistance(t0, t1 float64) float64 {
	if t0 < t1 {
		t0, t1 = t1, t0
	}
	a, b := math.Exp(t0/2), math.Exp(t1/2)
	// (1-a)(1+b)/((1+a)(1-b)) = (1-x)/(1+x) for x = (a-b)/(1-ab), and
	// atanh x = -log((1-x)/(1+x))/2.
	ca, cb := -math.Expm1(t0/2), -math.Expm1(t1/2)
	x := -a * math.Expm1((t1-t0)/2) / (cb + b*ca)
	if x < 0.5 {
		return 2 * math.Atanh(x)
	}
	return math.Log(cb*(1+a)) - math.Log(ca*(1+b))
}

// softplus is log(1+e^t).
func softplus(t float64) float64 {
	if t > 0 {
		return t + math.Log1p(math.Exp(-t))
	}
	return math.Log1p(math.Exp(t))
}

// logistic is 1/(1+e^-t).
func logistic(t float64) float64 {
	if t >= 0 {
		return 1 / (1 + math.Exp(-t))
	}
	e := math.Exp(t)
	return e / (1 + e)
}

// log1mexp is log(1-e^t) for t < 0 (Mächler, "Accurately computing log(1-exp(-|a|))",
// 2012).
func log1mexp(t float64) float64 {
	if t > -math.Ln2 {
		return math.Log(-math.Expm1(t))
	}
	return math.Log1p(-math.Exp(t))
}

// xlogx is x log x, 0 at 0.
func xlogx(x float64) float64 {
	if x == 0 {
		return 0
	}
	return x * math.Log(x)
}
