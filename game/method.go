package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// Method is a discrete update of all players. Methods are plain values: the zero value
// of each has the documented parameters.
type Method interface {
	// Name returns the short name of the literature, such as "gd" or "ogda".
	Name() string
	// Integrator returns the update as an integrator whose step size is the learning
	// rate η, to be set by the controller of the run (flow.Fixed{H: eta}). With rates
	// player i moves at η times its rate; they are given as in Flow. Derivatives that the
	// game does not have come from Numeric; one that cannot be computed at a point, or
	// an equation of a step that cannot be solved, ends the run with an error.
	Integrator(g Game, rates ...float64) (flow.Integrator[float64], error)
	// LinearMap returns the matrix of the update linearised at the point of l, of
	// dimension n or, with one remembered vector, 2n; x ↦ Mx in coordinates centred at
	// the point. The learning rates are one for all players or one for each.
	LinearMap(l *Linear, eta ...float64) (*mat.Dense, error)
}

// AltGD is alternating gradient descent: the players move in turn, each from where the
// others already are.
type AltGD struct{}

// Extragradient is y = x - ηξ(x), x ← x - ηξ(y) (Korpelevich 1976).
type Extragradient struct{}

// Optimistic is optimistic gradient descent, x ← x - 2ηξ_t + ηξ_{t-1} with ξ_{-1} = ξ_0
// (Daskalakis et al., arXiv 1711.00141).
type Optimistic struct{}

// Popov is past extragradient, y_t = x_t - ηξ(y_{t-1}), x_{t+1} = x_t - ηξ(y_t) with
// ξ(y_{-1}) = ξ(x_0) (Popov, Mathematical Notes 28 (1980) 845): one evaluation a step.
type Popov struct{}

// Proximal is the proximal point method, x' = x - ηξ(x'), by Newton's method.
type Proximal struct{}

// HeavyBall is Polyak's momentum, x_{t+1} = x_t - ηξ(x_t) + β(x_t - x_{t-1}) with
// x_{-1} = x_0. Gidel et al. (AISTATS 2019, arXiv 1807.04740) show that on games the
// momentum is to be negative and the updates to alternate.
type HeavyBall struct {
	Beta        float64 // β, -1 < β < 1
	Alternating bool    // players move in turn
}

// Names.

// Name implements Method.
func (GD) Name() string { return "gd" }

// Name implements Method.
func (AltGD) Name() string { return "altgd" }

// Name implements Method.
func (Extragradient) Name() string { return "eg" }

// Name implements Method.
func (Optimistic) Name() string { return "ogda" }

// Name implements Method.
func (Popov) Name() string { return "popov" }

// Name implements Method.
func (Proximal) Name() string { return "pp" }

// Name implements Method.
func (m HeavyBall) Name() string {
	if m.Alternating {
		return "altheavyball"
	}
	return "heavyball"
}

// Name implements Method.
func (SGA) Name() string { return "sga" }

// Name implements Method.
func (Consensus) Name() string { return "co" }

// Name implements Method.
func (Newton) Name() string { return "newton" }

// Name implements Method.
func (LookAhead) Name() string { return "lookahead" }

// Name implements Method.
func (m LOLA) Name() string {
	if m.Variant < Taylor || m.Variant > Exact {
		return fmt.Sprintf("LOLAVariant(%d)", int(m.Variant))
	}
	return lolaNames[m.Variant]
}

// Name implements Method.
func (SOS) Name() string { return "sos" }

// Name implements Method.
func (LSS) Name() string { return "lss" }

// Integrators.

// descend is x ← x - ηΓd(x).
func descend(g Game, c Correction, rates []float64) (flow.Integrator[float64], error) {
	f, err := newCorrected(g, c, rates)
	if err != nil {
		return nil, err
	}
	return descent.GD(flow.Field[float64](f)), nil
}

// played is a method of package descent on gradient play.
func played(g Game, rates []float64, method func(flow.Field[float64]) flow.Integrator[float64]) (flow.Integrator[float64], error) {
	f, err := newCorrected(g, GD{}, rates)
	if err != nil {
		return nil, err
	}
	return method(f), nil
}

// Integrator implements Method.
func (m GD) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (AltGD) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return played(g, rates, descent.Alternating[float64])
}

// Integrator implements Method.
func (Extragradient) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return played(g, rates, descent.Extragradient[float64])
}

// Integrator implements Method.
func (Optimistic) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return played(g, rates, descent.Optimistic[float64])
}

// Integrator implements Method.
func (Proximal) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return played(g, rates, descent.ProximalPoint[float64])
}

// Integrator implements Method.
func (m SGA) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (m Consensus) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (m Newton) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (m LookAhead) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (m LOLA) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (m SOS) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (m LSS) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return descend(g, m, rates)
}

// Integrator implements Method.
func (m HeavyBall) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	if !(math.Abs(m.Beta) < 1) {
		return nil, fmt.Errorf("game: Beta of HeavyBall is %v, want -1 < β < 1: %w", m.Beta, ErrArgument)
	}
	f, err := newCorrected(g, GD{}, rates)
	if err != nil {
		return nil, err
	}
	if m.Beta >= 0 && !m.Alternating {
		return descent.HeavyBall(flow.Field[float64](f), m.Beta), nil
	}
	return newMomentum(m, f), nil
}

// Integrator implements Method.
func (Popov) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	return played(g, rates, descent.Popov[float64])
}
