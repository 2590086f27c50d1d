package catapult

import (
	"fmt"
	"math"
)

// Thresholds of the warm-up model with label 0, in units of κ0 = ηλ0.
const (
	// LazyThreshold is the κ0 below which the loss falls at every step: 2.
	LazyThreshold = 2
	// DivergenceThreshold is the κ0 above which training diverges: 4, at every
	// width.
	DivergenceThreshold = 4
)

// Certificate says why a start of the warm-up model with label 0 is in its
// phase, and what follows from that without running it. The two statements
// behind it are ours, not the paper's, which has 2/λ0 and 4/λ0 at large width:
//
// Theorem A. κ0 < 4: κ_t never rises, 2√s_t <= κ_t, and
//
//	Σ_t s_t <= (κ0-κ_∞)/(4-κ0),
//
// so that f_t → 0, whatever the width and the start. κ_∞ <= 2 unless f becomes
// exactly 0. If κ0 < 2, every step reduces the loss. Proof: κ'-κ = -s(4-κ) <= 0;
// κ is bounded below, so Σs is finite; κ_∞ > 2 would make s grow; and s' < s
// if and only if κ-s < 2, since s <= κ²/4 < κ.
//
// Theorem B. κ0 > 4, s0 > 0: κ_t grows, and the run diverges unless f becomes
// exactly 0, which is a set of starts of measure zero. Proof: κ'-κ = s(κ-4) >= 0;
// were κ bounded, Σs would be finite, s → 0 and (1-κ+s)² → (κ_∞-1)² > 9, which
// makes s grow.
type Certificate struct {
	// Start is the start that is classified.
	Start MapPoint
	// Phase is Lazy (κ0 < 2), Catapult (2 < κ0 < 4), Divergent (κ0 > 4), Critical
	// (κ0 = 2 or 4) or Stationary (s0 = 0).
	Phase Phase
	// Theorem is "A", "B", or empty where neither applies: s0 = 0 or κ0 = 4. At
	// κ0 = 2, which is Critical, Theorem A still proves that f → 0.
	Theorem string
	// Slack is |κ0-4|, the distance from the hypothesis of the theorem. If it is
	// of the size of the rounding of κ0 = ηλ0, the phase is not settled.
	Slack float64
	// ThresholdSlack is the distance of κ0 from the next threshold, 2 or 4.
	ThresholdSlack float64
	// SumBound bounds Σ_t s_t by κ0/(4-κ0), +Inf where Theorem A does not apply.
	// Σ_t f_t² is at most n/η² times it.
	SumBound float64
	// SMaxBound bounds every s_t: s0 if κ0 <= 2, else min(κ0²/4, SumBound), +Inf
	// where Theorem A does not apply. The loss is at most n/(2η²) times it.
	SMaxBound float64
	// KappaBound bounds κ_∞ = ηλ_∞ from above: min(κ0, 2) under Theorem A (for
	// starts with κ0 > 2 all but those that reach f = 0 exactly), κ0 if s0 = 0,
	// 4 at κ0 = 4, +Inf under Theorem B.
	KappaBound float64
}

// Classify returns the phase of the warm-up model with label 0 that starts with
// κ0 = ηλ0 and s0 = η²f0²/n, at any width, with the theorem that proves it. It
// makes no steps. Errors wrap ErrArgument: a start that is not finite, negative,
// or has kappa0² < 4 s0, which no parameters can realise.
func Classify(kappa0, s0 float64) (Certificate, error) {
	p := MapPoint{kappa0, s0}
	if err := p.check(); err != nil {
		return Certificate{}, err
	}
	inf := math.Inf(1)
	c := Certificate{
		Start: p, Slack: math.Abs(kappa0 - DivergenceThreshold), SumBound: inf, SMaxBound: inf, KappaBound: inf,
		ThresholdSlack: min(math.Abs(kappa0-LazyThreshold), math.Abs(kappa0-DivergenceThreshold)),
	}
	switch {
	case s0 == 0:
		c.Phase, c.SumBound, c.SMaxBound, c.KappaBound = Stationary, 0, 0, kappa0
	case kappa0 > DivergenceThreshold:
		c.Phase, c.Theorem = Divergent, "B"
	case kappa0 == DivergenceThreshold:
		// s = g² with g = 2 cos(3^t ϑ) stays below 4.
		c.Phase, c.SMaxBound, c.KappaBound = Critical, 4, 4
	default:
		c.underTheoremA(kappa0, s0)
	}
	return c, nil
}

func (c *Certificate) underTheoremA(kappa0, s0 float64) {
	c.Theorem, c.KappaBound = "A", min(kappa0, LazyThreshold)
	c.SumBound = kappa0 / (DivergenceThreshold - kappa0)
	c.SMaxBound = s0
	switch {
	case kappa0 < LazyThreshold:
		c.Phase = Lazy
	case kappa0 == LazyThreshold:
		c.Phase = Critical
	default:
		c.Phase, c.SMaxBound = Catapult, min(kappa0*kappa0/4, c.SumBound)
	}
}

// TheoremCheck holds the numbers of Theorem A or B (see Certificate) along a run
// of the universal map. What the theorem calls zero or positive holds up to
// rounding, which the comment of the field names.
type TheoremCheck struct {
	Steps int
	// Monotone is the largest κ_{t+1}-κ_t for Theorem A and the largest
	// κ_t-κ_{t+1} for Theorem B, relative to κ_t: at most 0, exactly.
	Monotone float64
	// Border is the smallest 1-2√s_t/κ_t, at least 0 up to 1e-15 a step.
	Border float64
	// SumS is Σs over the steps, and Slack what is left of the theorem's
	// inequality, |κ_0-κ_T| - |4-κ_0| Σs, relative to |κ_0-κ_T|: at least 0 up to
	// 1e-15 a step. The change of κ is summed from its increments.
	SumS, Slack float64
	// Law is the largest defect of J' = (1-s)² J, relative to κ'² and κ².
	Law float64
	// Last is the last state, with s at most 1e100.
	Last MapPoint
	// Escaped says that s left every bound (Theorem B only).
	Escaped bool
}

// CheckTheorem runs the universal map for the given number of steps and returns
// the numbers of the theorem that holds for the start. Errors wrap ErrArgument:
// a start that is not admissible, to which no theorem applies (kappa0 = 4 or s0
// = 0), or steps < 1.
func CheckTheorem(kappa0, s0 float64, steps int) (TheoremCheck, error) {
	c, err := Classify(kappa0, s0)
	if err != nil {
		return TheoremCheck{}, err
	}
	if c.Theorem == "" {
		return TheoremCheck{}, fmt.Errorf("catapult: kappa0 = %v, s0 = %v, want kappa0 != 4 and s0 > 0: %w", kappa0, s0, ErrArgument)
	}
	if steps < 1 {
		return TheoremCheck{}, fmt.Errorf("catapult: steps = %d, want at least 1: %w", steps, ErrArgument)
	}
	sign := 1.0
	if c.Theorem == "B" {
		sign = -1
	}
	r := TheoremCheck{Monotone: math.Inf(-1), Border: math.Inf(1), Last: c.Start}
	change := 0.0
	for range steps {
		p := r.Last
		q := p.Next()
		if !(q.S <= mapEscape) {
			r.Escaped = true
			break
		}
		r.Monotone = max(r.Monotone, sign*(q.Kappa-p.Kappa)/p.Kappa)
		r.Border = min(r.Border, 1-2*math.Sqrt(p.S)/p.Kappa)
		r.Law = max(r.Law, math.Abs(q.J()-(1-p.S)*(1-p.S)*p.J())/(p.Kappa*p.Kappa*max(1, p.S*p.S)+q.Kappa*q.Kappa))
		r.SumS += p.S
		change += p.S * math.Abs(4-p.Kappa)
		r.Last = q
		r.Steps++
	}
	if change > 0 {
		r.Slack = (change - c.Slack*r.SumS) / change
	}
	return r, nil
}
