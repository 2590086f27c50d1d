package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Polyak is Polyak's learning rate (USSR Comput. Math. Math. Phys. 9 (1969) 14),
//
//	η = Scale (E(x) - Star)/‖∇E(x)‖²,
//
// for gradient descent on a function whose least value is known. In place of
// ‖∇E‖² stands |dE/dt| of the field. The run ends as Converged once E does not
// exceed Star by more than rounding, as Stationary at another critical point, as
// Diverged when a proposal is not finite, and as Failed when E falls below Star,
// which then is not the least value.
type Polyak struct {
	// Star is the least value E*.
	Star float64
	// Scale is the factor, 0 < Scale < 2. If it is zero, it is 1.
	Scale float64
	// Max is the largest learning rate. If it is zero, there is none.
	Max float64
}

// Want implements flow.Controller.
func (Polyak) Want() flow.Want { return flow.Want{Energy: true} }

// First implements flow.Controller.
func (p Polyak) First(_ *flow.Control, tr *flow.Trial) float64 { return p.rate(tr.E0, tr.Slope0) }

// Judge implements flow.Controller. A step of size 0 says that there is no more
// to do.
func (p Polyak) Judge(c *flow.Control, tr *flow.Trial) flow.Verdict {
	if !tr.Finite || tr.H == 0 {
		return flow.Verdict{}
	}
	c.Hp, c.Rejected = tr.H, false
	return flow.Verdict{Accept: true, H: p.rate(tr.E1, tr.Slope1)}
}

// rate is η, 0 where the formula gives none.
func (p Polyak) rate(e, slope float64) float64 {
	h := or(p.Scale, 1) * (e - p.Star) / math.Abs(slope)
	if !(h > 0) || math.Abs(e-p.Star) <= p.rounding() {
		return 0
	}
	if h = min(h, or(p.Max, math.Inf(1))); math.IsInf(h, 1) {
		return 0
	}
	return h
}

// rounding is how well E - Star can be known.
func (p Polyak) rounding() float64 { return 4 * 0x1p-52 * math.Abs(p.Star) }

// GaveUp implements flow.Quitter.
func (p Polyak) GaveUp(_ *flow.Control, tr *flow.Trial) (flow.Status, error) {
	switch {
	case tr.H > 0:
		return flow.Diverged, nil
	case math.Abs(tr.E0-p.Star) <= p.rounding():
		return flow.Converged, nil
	case tr.E0 < p.Star:
		return flow.Failed, fmt.Errorf("descent: E = %v is below Star = %v of Polyak, want the least value: %w", tr.E0, p.Star, flow.ErrArgument)
	}
	return flow.Stationary, nil
}

// Check implements flow.Checker.
func (p Polyak) Check() error {
	if math.IsNaN(p.Star) || math.IsInf(p.Star, 0) {
		return fmt.Errorf("descent: Star of Polyak is %v, want a finite number: %w", p.Star, flow.ErrArgument)
	}
	if s := or(p.Scale, 1); !(s > 0 && s < 2) || !(p.Max >= 0) {
		return fmt.Errorf("descent: Scale and Max of Polyak are %v and %v, want Scale in (0, 2), Max > 0, or 0 for the defaults: %w", p.Scale, p.Max, flow.ErrArgument)
	}
	return nil
}

var (
	_ flow.Controller = Polyak{}
	_ flow.Checker    = Polyak{}
	_ flow.Quitter    = Polyak{}
)
