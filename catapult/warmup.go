package catapult

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// WarmupConfig describes the warm-up model of section 2 of arXiv 2003.02218: a
// two-layer linear network on the single sample x = 1,
//
//	f = n^(-1/2) u·v,   u, v in R^n,   E = ℓ(f) + γ/2 (|u|²+|v|²),
//
// with the tangent kernel λ = (|u|²+|v|²)/n.
type WarmupConfig struct {
	// N is the width n >= 1. The exact map in (f, λ) takes any real number, the
	// network itself an integer.
	N float64
	// Y is the label: any number for MSE, 1 or -1 for Logistic.
	Y float64
	// Decay is the weight decay γ >= 0.
	Decay float64
	// Loss is MSE, ℓ = ½(f-y)², the zero value, or Logistic, ℓ = log(1+e^(-yf)).
	Loss Loss
}

func (c *WarmupConfig) check() error {
	if !(c.N >= 1) || math.IsInf(c.N, 0) {
		return fmt.Errorf("catapult: N = %v, want a finite width >= 1: %w", c.N, ErrArgument)
	}
	if !(c.Decay >= 0) || math.IsInf(c.Decay, 0) {
		return fmt.Errorf("catapult: Decay = %v, want a finite number >= 0: %w", c.Decay, ErrArgument)
	}
	if c.Loss != MSE && c.Loss != Logistic {
		return fmt.Errorf("catapult: Loss = %v, want MSE or Logistic for the warm-up model: %w", c.Loss, ErrArgument)
	}
	if math.IsNaN(c.Y) || math.IsInf(c.Y, 0) {
		return fmt.Errorf("catapult: Y = %v, want a finite label: %w", c.Y, ErrNonFinite)
	}
	if c.Loss == Logistic && math.Abs(c.Y) != 1 {
		return fmt.Errorf("catapult: Y = %v, want 1 or -1 for the logistic loss: %w", c.Y, ErrArgument)
	}
	return nil
}

// loss returns ℓ(f) and its first two derivatives.
func (c *WarmupConfig) loss(f float64) (l, d1, d2 float64) {
	if c.Loss == MSE {
		r := f - c.Y
		return r * r / 2, r, 1
	}
	z := c.Y * f
	// e^(-|z|) does not overflow on either side.
	e := math.Exp(-math.Abs(z))
	l = math.Log1p(e) + max(-z, 0)
	p := 1 / (1 + e) // σ(|z|)
	if z > 0 {
		p = e / (1 + e)
	}
	// p = σ(-z), ℓ' = -y σ(-z), ℓ'' = σ(z) σ(-z).
	return l, -c.Y * p, e / ((1 + e) * (1 + e))
}

// Warmup is gradient descent on the warm-up model as an exact map in its outputs
// f and its curvature λ: with ρ = 1-ηγ and l = ℓ'(f),
//
//	f' = ρ²f - ρηlλ + (η²l²/n) f,
//	λ' = ρ²λ - 4ρ(η/n) l f + (η²/n) l²λ.
//
// For label 0, MSE and γ = 0 these are the equations of section 2 of arXiv
// 2003.02218; the general form is ours. Its cost does not depend on n.
type Warmup struct {
	cfg WarmupConfig
	eta float64
}

// NewWarmup returns the map of gradient descent with learning rate eta. Errors
// wrap ErrArgument or ErrNonFinite.
func NewWarmup(c WarmupConfig, eta float64) (*Warmup, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := checkEta(eta); err != nil {
		return nil, err
	}
	return &Warmup{c, eta}, nil
}

// Config returns the configuration of the model.
func (w *Warmup) Config() WarmupConfig { return w.cfg }

// Eta returns the learning rate η.
func (w *Warmup) Eta() float64 { return w.eta }

// Step returns output and curvature after one step of gradient descent.
func (w *Warmup) Step(f, lambda float64) (fNext, lambdaNext float64) {
	_, l, _ := w.cfg.loss(f)
	rho, el := 1-w.eta*w.cfg.Decay, w.eta*l
	q := el * el / w.cfg.N
	return rho*rho*f - rho*el*lambda + q*f, rho*rho*lambda - 4*rho*el*f/w.cfg.N + q*lambda
}

// Energy returns ℓ(f) + γ/2 nλ, the training loss with weight decay.
func (w *Warmup) Energy(f, lambda float64) float64 {
	l, _, _ := w.cfg.loss(f)
	return l + w.cfg.Decay/2*w.cfg.N*lambda
}

// Point returns the state in the variables of the universal map, κ = ηλ and s =
// η²f²/n. Classify and MapTrajectory apply to it for label 0, MSE and no weight
// decay.
func (w *Warmup) Point(f, lambda float64) MapPoint {
	g := w.eta * f / math.Sqrt(w.cfg.N)
	return MapPoint{w.eta * lambda, g * g}
}

// Start returns the state (f, λ) for the Integrator. Errors wrap ErrNonFinite, or
// ErrArgument if no parameters have that output and curvature: λ >= 2|f|/√n.
func (w *Warmup) Start(f, lambda float64) ([]float64, error) {
	for _, v := range []struct {
		name string
		v    float64
	}{{"f", f}, {"lambda", lambda}} {
		if math.IsNaN(v.v) || math.IsInf(v.v, 0) {
			return nil, fmt.Errorf("catapult: %s = %v, want a finite number: %w", v.name, v.v, ErrNonFinite)
		}
	}
	if lambda < 0 || !w.Point(f, lambda).admissible() {
		return nil, fmt.Errorf("catapult: lambda = %v at f = %v, want at least 2|f|/√n = %v: %w", lambda, f, 2*math.Abs(f)/math.Sqrt(w.cfg.N), ErrArgument)
	}
	return []float64{f, lambda}, nil
}

// Sample returns a random state (f, λ), exactly distributed as that of u, v ~
// N(0, 1) at any real width, in constant time; a function of (seed, member)
// alone.
func (w *Warmup) Sample(seed uint64, member int) []float64 {
	r := newSampler(seed, member)
	n := w.cfg.N
	// With v fixed, turn u so that its first component z lies along v.
	z, v2, rest := r.NormFloat64(), r.chi2(n), r.chi2(n-1)
	return []float64{math.Sqrt(v2/n) * z, (v2 + z*z + rest) / n}
}

// Integrator returns the map for flow.New, with the state (f, λ). Raise
// flow.Options.Bound if f may pass 1e12: at the peak of a catapult it is of the
// order √n/η.
func (w *Warmup) Integrator() flow.Integrator[float64] {
	return flow.MapFunc(2, func(dst, x []float64, _ int) error {
		dst[0], dst[1] = w.Step(x[0], x[1])
		return nil
	})
}
