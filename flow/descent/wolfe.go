package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// StrongWolfe is the line search of Nocedal and Wright, Numerical Optimization
// (2nd edition, 2006), algorithms 3.5 and 3.6 with the cubic interpolation of
// equation 3.59, as a controller of the learning rate. With φ(h) = E(x + h d) it
// accepts the first h that meets the strong Wolfe conditions
//
//	φ(h) <= φ(0) + C1 h φ'(0),  |φ'(h)| <= C2 |φ'(0)|.
//
// where h reaches Max only the first of them. Every trial costs one evaluation and counts as a rejected step unless it is the
// last. The next search starts from the accepted h. The method has to move along
// a line that does not depend on h: GD, SignGD and NormalizedGD do, methods with
// momentum or memory do not, and end as Failed. If 60 trials do not do, the run
// ends as under Armijo.
type StrongWolfe struct {
	// C1 is the fraction of the linear decrease asked for, 0 < C1 < C2. If it is
	// zero, it is 1e-4.
	C1 float64
	// C2 is the fraction of the slope that may remain, C1 < C2 < 1. If it is zero,
	// it is 0.9; small values make the search exact.
	C2 float64
	// Start is the first step size tried. If it is zero, it is 1.
	Start float64
	// Max is the largest step size tried. If it is zero, it is 1e10.
	Max float64
}

// Control.Mem of a StrongWolfe: the bracket, whose better end lo is the last
// point while hi is unknown.
const (
	swLo     = 0 // h, φ and φ' of the point lo
	swHi     = 3 // h, φ and φ' of the point hi
	swZoom   = 6 // 1: there is a bracket
	swTrials = 7 // trials of this search
	swFirst  = 8 // its first step size
	swSlope  = 9 // φ'(0) as the first trial saw it
)

const (
	wolfeTrials = 60
	wolfeGrowth = 4   // of h while there is no bracket
	wolfeMargin = 0.1 // part of the bracket at its ends that no trial enters
)

// Want implements flow.Controller.
func (StrongWolfe) Want() flow.Want { return flow.Want{Energy: true, Slope: true, Secant: true} }

// First implements flow.Controller.
func (w StrongWolfe) First(c *flow.Control, tr *flow.Trial) float64 {
	w = w.defaults()
	w.open(c, min(w.Start, w.Max))
	return c.Mem[swFirst]
}

// open begins a search with step size h.
func (w *StrongWolfe) open(c *flow.Control, h float64) {
	clear(c.Mem[:])
	c.Mem[swFirst] = h
}

// Judge implements flow.Controller.
func (w StrongWolfe) Judge(c *flow.Control, tr *flow.Trial) flow.Verdict {
	w = w.defaults()
	m := &c.Mem
	if m[swTrials]++; m[swTrials] == 1 {
		m[swLo], m[swLo+1], m[swLo+2], m[swSlope] = 0, tr.E0, tr.Slope0, tr.Slope0
	}
	if m[swTrials] > wolfeTrials || w.bent(c, tr) {
		return flow.Verdict{}
	}
	if !tr.Finite {
		// Outside of where E is finite: shorten as if the bracket ended here.
		m[swHi], m[swHi+1], m[swHi+2], m[swZoom] = tr.H, math.Inf(1), math.NaN(), 1
		return flow.Verdict{H: w.inside(c)}
	}
	// φ'(h) = ∇E(x_next)·d by the secant product, which has no cancellation.
	h, phi, slope := tr.H, tr.E1, tr.Slope0+tr.SY/tr.H
	enough := phi <= tr.E0+w.C1*h*tr.Slope0
	if enough && (math.Abs(slope) <= -w.C2*tr.Slope0 || h >= w.Max && slope < 0) {
		c.Hp, c.Rejected = h, false
		w.open(c, h)
		return flow.Verdict{Accept: true, H: h}
	}
	return flow.Verdict{H: w.next(c, h, phi, slope, enough)}
}

// next takes the trial into the bracket and returns the next step size.
func (w *StrongWolfe) next(c *flow.Control, h, phi, slope float64, enough bool) float64 {
	m := &c.Mem
	at := [3]float64{h, phi, slope}
	lo, hi := m[swLo:swLo+3], m[swHi:swHi+3]
	switch {
	case !enough || phi >= lo[1] && (m[swZoom] == 1 || lo[0] > 0):
		copy(hi, at[:])
		m[swZoom] = 1
	case m[swZoom] == 1:
		if slope*(hi[0]-lo[0]) >= 0 {
			copy(hi, lo)
		}
		copy(lo, at[:])
	case slope >= 0:
		copy(hi, lo)
		copy(lo, at[:])
		m[swZoom] = 1
	default:
		copy(lo, at[:])
		return min(wolfeGrowth*h, w.Max)
	}
	return w.inside(c)
}

// inside returns a point of the bracket: the minimum of the cubic through both
// ends, kept off them; the middle where that is not known. It is 0 when the
// bracket has no room.
func (w *StrongWolfe) inside(c *flow.Control) float64 {
	lo, hi := c.Mem[swLo:swLo+3], c.Mem[swHi:swHi+3]
	a, b := min(lo[0], hi[0]), max(lo[0], hi[0])
	h := cubicMin(lo, hi)
	if !(h >= a+wolfeMargin*(b-a) && h <= b-wolfeMargin*(b-a)) {
		h = (a + b) / 2
	}
	if !(h > a && h < b) || h < armijoMin {
		return 0
	}
	return h
}

// cubicMin is the minimiser of the cubic with values and slopes of both points (h,
// φ, φ'), NaN if it has none.
func cubicMin(p, q []float64) float64 {
	d1 := p[2] + q[2] - 3*(p[1]-q[1])/(p[0]-q[0])
	d2 := math.Copysign(math.Sqrt(d1*d1-p[2]*q[2]), q[0]-p[0])
	return q[0] - (q[0]-p[0])*(q[2]+d2-d1)/(q[2]-p[2]+2*d2)
}

// bent says that the direction of the step depends on its size.
func (w *StrongWolfe) bent(c *flow.Control, tr *flow.Trial) bool {
	s := c.Mem[swSlope]
	return math.Abs(tr.Slope0-s) > 1e-3*math.Abs(s)
}

// GaveUp implements flow.Quitter.
func (w StrongWolfe) GaveUp(c *flow.Control, tr *flow.Trial) (flow.Status, error) {
	if w.bent(c, tr) {
		return flow.Failed, fmt.Errorf("descent: the slope along the step is %.6g for one step size and %.6g for another, StrongWolfe wants a method that moves along a line, as GD: %w", c.Mem[swSlope], tr.Slope0, ErrLineSearch)
	}
	return searchFailed(c.Mem[swFirst], tr)
}

// Check implements flow.Checker.
func (w StrongWolfe) Check() error {
	d := w.defaults()
	if !(d.C1 > 0 && d.C1 < d.C2 && d.C2 < 1) {
		return fmt.Errorf("descent: C1 and C2 of StrongWolfe are %v and %v, want 0 < C1 < C2 < 1: %w", d.C1, d.C2, flow.ErrArgument)
	}
	if !(d.Start > 0) || math.IsInf(d.Start, 1) || !(d.Max > 0) || math.IsInf(d.Max, 1) {
		return fmt.Errorf("descent: Start and Max of StrongWolfe are %v and %v, want finite numbers > 0: %w", d.Start, d.Max, flow.ErrArgument)
	}
	return nil
}

func (w StrongWolfe) defaults() StrongWolfe {
	w.C1, w.C2, w.Start, w.Max = or(w.C1, 1e-4), or(w.C2, 0.9), or(w.Start, 1), or(w.Max, 1e10)
	return w
}

var (
	_ flow.Controller = StrongWolfe{}
	_ flow.Checker    = StrongWolfe{}
	_ flow.Quitter    = StrongWolfe{}
)
