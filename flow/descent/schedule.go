package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Schedule is a learning rate that depends on the step k = 0, 1, ... alone,
//
//	η_k = H · Π factor(k),
//
// a base rate times the factors, as {WarmUp{100}, Cosine{Length: 1000}}. It
// accepts every finite proposal and gives up at the first that is not. k counts
// the steps since the start, or since an event replaced the state.
type Schedule struct {
	// H is the base rate, > 0.
	H float64
	// Factors are multiplied. None leaves the rate constant.
	Factors []Factor
}

// Factor is a factor of a Schedule: WarmUp, Power, Cosine or
// Exponential.
type Factor interface {
	// factor is the factor of step k.
	factor(k float64) float64
	check() error
}

// Want implements flow.Controller: a Schedule looks at nothing.
func (Schedule) Want() flow.Want { return flow.Want{} }

// First implements flow.Controller.
func (s Schedule) First(*flow.Control, *flow.Trial) float64 { return s.rate(0) }

// Judge implements flow.Controller.
func (s Schedule) Judge(c *flow.Control, tr *flow.Trial) flow.Verdict {
	if !tr.Finite {
		return flow.Verdict{}
	}
	return flow.Verdict{Accept: true, H: s.rate(c.N + 1)}
}

func (s Schedule) rate(k int) float64 {
	h := s.H
	for _, f := range s.Factors {
		h *= f.factor(float64(k))
	}
	return h
}

// Check implements flow.Checker.
func (s Schedule) Check() error {
	if !(s.H > 0) || math.IsInf(s.H, 1) {
		return fmt.Errorf("descent: H of Schedule is %v, want a finite number > 0: %w", s.H, flow.ErrArgument)
	}
	for i, f := range s.Factors {
		if f == nil {
			return fmt.Errorf("descent: factor %d of Schedule is nil: %w", i, flow.ErrArgument)
		}
		if err := f.check(); err != nil {
			return err
		}
	}
	return nil
}

// WarmUp rises linearly, (k+1)/Steps, to 1 at step Steps-1 and stays there (Goyal
// et al., arXiv 1706.02677, section 2.2).
type WarmUp struct {
	// Steps is the length of the rise, > 0.
	Steps int
}

func (w WarmUp) factor(k float64) float64 { return min(1, (k+1)/float64(w.Steps)) }
func (w WarmUp) check() error             { return wantSteps("Steps of WarmUp", w.Steps) }

// Power falls as (1 + k/Scale)^-Exponent. Exponents in (1/2, 1] meet the
// conditions Σ η = ∞, Σ η² < ∞ of Robbins and Monro (Ann. Math. Stat. 22 (1951)
// 400); the zero value is 1/(1+k).
type Power struct {
	// Exponent is the exponent, > 0. If it is zero, it is 1.
	Exponent float64
	// Scale is the number of steps before the fall sets in, > 0. If it is zero,
	// it is 1.
	Scale float64
}

func (p Power) factor(k float64) float64 {
	return math.Pow(1+k/or(p.Scale, 1), -or(p.Exponent, 1))
}

func (p Power) check() error {
	return wantPositive("Exponent and Scale of Power", or(p.Exponent, 1), or(p.Scale, 1))
}

// Cosine falls from 1 to Floor along half a cosine, Floor + (1-Floor)(1 +
// cos(πk/Length))/2, and stays there from step Length on (Loshchilov and Hutter,
// arXiv 1608.03983, equation 5, without restarts).
type Cosine struct {
	// Length is the number of steps of the fall, > 0.
	Length int
	// Floor is the factor at its end, 0 <= Floor <= 1. At zero the method stands
	// still from step Length on.
	Floor float64
}

func (c Cosine) factor(k float64) float64 {
	return c.Floor + (1-c.Floor)*(1+math.Cos(math.Pi*min(1, k/float64(c.Length))))/2
}

func (c Cosine) check() error {
	if !(c.Floor >= 0 && c.Floor <= 1) {
		return fmt.Errorf("descent: Floor of Cosine is %v, want a number in [0, 1]: %w", c.Floor, flow.ErrArgument)
	}
	return wantSteps("Length of Cosine", c.Length)
}

// Exponential falls by half in every HalfLife steps.
type Exponential struct {
	// HalfLife is the number of steps, > 0.
	HalfLife float64
}

func (e Exponential) factor(k float64) float64 { return math.Exp2(-k / e.HalfLife) }
func (e Exponential) check() error             { return wantPositive("HalfLife of Exponential", e.HalfLife) }

func wantSteps(what string, n int) error {
	if n <= 0 {
		return fmt.Errorf("descent: %s is %d, want a number > 0: %w", what, n, flow.ErrArgument)
	}
	return nil
}

func wantPositive(what string, v ...float64) error {
	for _, x := range v {
		if !(x > 0) || math.IsInf(x, 1) {
			return fmt.Errorf("descent: %s: got %v, want finite numbers > 0: %w", what, x, flow.ErrArgument)
		}
	}
	return nil
}

var (
	_ flow.Controller = Schedule{}
	_ flow.Checker    = Schedule{}
)
