package descent

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// ErrLineSearch says that no step size decreased the energy enough: the direction
// is no direction of descent, or energy and gradient do not belong together.
var ErrLineSearch = errors.New("line search failed")

// Armijo is the backtracking line search of Armijo (Pacific J. Math. 16 (1966) 1)
// as a controller of the learning rate: it accepts a step of size h when
//
//	E(x_next) <= E(x) + C h ∇E(x)·(x_next - x)/h
//
// and E has fallen (unless the slope is zero), and otherwise retries with
// Shrink·h, also where E is not finite. The next search starts from the accepted
// h/Shrink, so that learning rates can grow. When h falls below 1e-20, a momentum
// method is restarted from rest once; then the run ends: as Stationary if already
// the first trial could not have lowered E by more than 1000 rounding units, else
// as Failed with ErrLineSearch.
type Armijo struct {
	// C is the fraction of the linear decrease that is asked for, 0 < C < 1. If
	// it is zero, it is 1e-4.
	C float64
	// Shrink is the factor of backtracking, 0 < Shrink < 1. If it is zero, it is
	// 1/2.
	Shrink float64
	// Start is the first step size tried. If it is zero, it is 1.
	Start float64
	// Max is the largest step size tried. If it is zero, there is none.
	Max float64
	// Fresh starts every search from Start.
	Fresh bool
}

const (
	armijoMin = 1e-20
	roundoff  = 1000 * 0x1p-52 // an energy is a sum of terms larger than itself
	firstH    = 0              // in Control.Mem: the first step size of the search
)

// Want implements flow.Controller.
func (Armijo) Want() flow.Want { return flow.Want{Energy: true, Slope: true} }

// First implements flow.Controller.
func (a Armijo) First(c *flow.Control, _ *flow.Trial) float64 {
	a = a.defaults()
	c.Mem[firstH] = min(a.Start, a.Max)
	return c.Mem[firstH]
}

// Judge implements flow.Controller.
func (a Armijo) Judge(c *flow.Control, tr *flow.Trial) flow.Verdict {
	a = a.defaults()
	enough := tr.E1 <= tr.E0+a.C*tr.H*tr.Slope0
	if tr.Finite && enough && (tr.E1 < tr.E0 || tr.Slope0 == 0) {
		c.Hp, c.Rejected = tr.H, false
		h := tr.H / a.Shrink
		if a.Fresh {
			h = a.Start
		}
		c.Mem[firstH] = min(h, a.Max)
		return flow.Verdict{Accept: true, H: c.Mem[firstH]}
	}
	h := a.Shrink * tr.H
	if h < armijoMin {
		h = 0
	}
	return flow.Verdict{H: h}
}

// GaveUp implements flow.Quitter.
func (Armijo) GaveUp(c *flow.Control, tr *flow.Trial) (flow.Status, error) {
	return searchFailed(c.Mem[firstH], tr)
}

// searchFailed says how a run ends whose line search has failed that began with
// the step size first.
func searchFailed(first float64, tr *flow.Trial) (flow.Status, error) {
	if first*math.Abs(tr.Slope0) <= roundoff*math.Abs(tr.E0) {
		return flow.Stationary, nil
	}
	return flow.Failed, fmt.Errorf("descent: no decrease of E = %v down to h = %.3g, with the slope %.3g: %w", tr.E0, tr.H, tr.Slope0, ErrLineSearch)
}

// Check implements flow.Checker.
func (a Armijo) Check() error {
	d := a.defaults()
	if !(d.C > 0 && d.C < 1) || !(d.Shrink > 0 && d.Shrink < 1) {
		return fmt.Errorf("descent: C and Shrink of Armijo are %v and %v, want numbers in (0, 1): %w", d.C, d.Shrink, flow.ErrArgument)
	}
	if !(d.Start > 0) || math.IsInf(d.Start, 1) || !(d.Max > 0) {
		return fmt.Errorf("descent: Start and Max of Armijo are %v and %v, want Start finite and both > 0: %w", d.Start, d.Max, flow.ErrArgument)
	}
	return nil
}

func (a Armijo) defaults() Armijo {
	if a.C == 0 {
		a.C = 1e-4
	}
	if a.Shrink == 0 {
		a.Shrink = 0.5
	}
	if a.Start == 0 {
		a.Start = 1
	}
	if a.Max == 0 {
		a.Max = math.Inf(1)
	}
	return a
}

var (
	_ flow.Controller = Armijo{}
	_ flow.Checker    = Armijo{}
	_ flow.Quitter    = Armijo{}
)
