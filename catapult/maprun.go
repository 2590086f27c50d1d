package catapult

import (
	"fmt"
	"math"
)

// MapResult is what became of a start of the universal map.
type MapResult struct {
	// Phase is what was seen: Divergent when s left every bound; Lazy (κ0 < 2),
	// Critical (κ0 = 2) or Catapult (κ0 > 2) when κ fell below 2, from where on s
	// falls at every step (Theorem A, see Certificate); Stationary when f is, or
	// became, exactly zero with κ >= 2; and Undecided when the steps ran out
	// before, or the start is not admissible. Classify proves instead of running.
	Phase Phase
	// KappaInf is κ_∞ = ηλ_∞, the limit of κ; +Inf if Divergent, the last value
	// if Undecided, NaN if the start is not admissible.
	KappaInf float64
	// KappaErr bounds the error of KappaInf. It is zero, up to rounding, unless
	// the steps ran out: near κ = 2 and κ = 0 the approach is slow. (A run with
	// s_t = 1 at some t has κ_∞ = 0, since J' = (1-s)²J.)
	KappaErr float64
	// SMax is the largest s_t and TPeak the first t at which it is reached; +Inf
	// and -1 if Divergent.
	SMax  float64
	TPeak int
	// SumS is Σ_t s_t; +Inf if Divergent.
	SumS float64
	// Steps is the number of steps made.
	Steps int
}

// mapBlock is the number of steps between two looks at a lane.
const mapBlock = 16

// mapEscape is the s beyond which a run is divergent. From there s grows like its
// cube at each step.
const mapEscape = 1e100

// MapTrajectory runs the universal map from (kappa0, s0) for at most the given
// number of steps, rounded up to a multiple of 16, or until κ has reached its
// limit up to rounding or s has left every bound. What then is left of Σs is
// added as the geometric series that it is. Errors wrap ErrArgument: a start that is
// not finite, negative, or has kappa0² < 4 s0.
func MapTrajectory(kappa0, s0 float64, steps int) (MapResult, error) {
	p := MapPoint{kappa0, s0}
	if err := p.check(); err != nil {
		return MapResult{}, err
	}
	if steps < 1 {
		return MapResult{}, fmt.Errorf("catapult: steps = %d, want at least 1: %w", steps, ErrArgument)
	}
	var r [1]MapResult
	MapTrajectories(r[:], []MapPoint{p}, steps)
	return r[0], nil
}

// MapTrajectories does the work of MapTrajectory for many starts at once, several
// in flight at a time; dst[i] belongs to starts[i] and does not depend on the
// other starts. A start that is not admissible gets Undecided and NaN. It does
// not allocate. It panics if the lengths differ.
func MapTrajectories(dst []MapResult, starts []MapPoint, steps int) {
	if len(dst) != len(starts) {
		panic(fmt.Sprintf("catapult: len(dst) = %d, len(starts) = %d, want equal lengths", len(dst), len(starts)))
	}
	var lanes [4]lane
	next, busy := 0, 0
	for i := range lanes {
		lanes[i].index = -1
	}
	for {
		for i := range lanes {
			l := &lanes[i]
			if l.index >= 0 && l.ended(&dst[l.index], starts[l.index], steps) {
				l.index = -1
				busy--
			}
			for l.index < 0 && next < len(starts) {
				if l.start(&dst[next], next, starts[next]) {
					busy++
				}
				next++
			}
		}
		if busy == 0 {
			return
		}
		stepLanes(&lanes)
	}
}

// lane is a start in flight. An idle lane has index -1 and s = 0, a fixed point.
type lane struct {
	kappa, s, sum, max float64
	t, peak, index     int
}

// start puts a start into the lane unless its result is known at once.
func (l *lane) start(r *MapResult, index int, p MapPoint) bool {
	if !p.admissible() || math.IsInf(p.Kappa, 0) {
		nan := math.NaN()
		*r = MapResult{KappaInf: nan, KappaErr: nan, SMax: nan, SumS: nan, TPeak: -1}
		return false
	}
	if p.S == 0 {
		*r = MapResult{Phase: Stationary, KappaInf: p.Kappa}
		return false
	}
	*l = lane{kappa: p.Kappa, s: p.S, sum: p.S, max: p.S, index: index}
	return true
}

// ended stores the result and empties the lane if its run is over.
func (l *lane) ended(r *MapResult, p MapPoint, steps int) bool {
	if !(l.s <= mapEscape) || !(l.kappa <= mapEscape) {
		*r = MapResult{Phase: Divergent, KappaInf: math.Inf(1), SMax: math.Inf(1), SumS: math.Inf(1), TPeak: -1, Steps: l.t}
		l.kappa, l.s = 0, 0
		return true
	}
	// Below 2 the multiplier of s is (1-κ)² < 1 as s → 0, and what is left of Σs
	// is the geometric series s/(1-(1-κ)²); κ falls by at most 4 times that.
	series := l.kappa * (2 - l.kappa)
	settled := l.s == 0 || l.kappa < 2 && 4*l.s <= 0x1p-55*l.kappa*series
	if !settled && l.t < steps {
		return false
	}
	*r = MapResult{KappaInf: l.kappa, SMax: l.max, TPeak: l.peak, SumS: l.sum, Steps: l.t}
	switch {
	case l.kappa < 2 && p.Kappa < 2:
		r.Phase = Lazy
	case l.kappa < 2 && p.Kappa == 2:
		r.Phase = Critical
	case l.kappa < 2:
		r.Phase = Catapult
	case l.s == 0:
		r.Phase = Stationary
	}
	switch {
	case l.s == 0 || l.kappa >= 2:
	case settled:
		r.SumS += l.s/series - l.s // s itself is in the sum already
	default:
		// √J falls to κ_∞ by the factors 1-s, and the rest of Σs is at most
		// κ/(4-κ).
		r.KappaInf = math.Sqrt(max(0, MapPoint{l.kappa, l.s}.J()))
		r.KappaErr = r.KappaInf * l.kappa / (4 - l.kappa)
	}
	l.s = 0
	return true
}

// stepLanes makes mapBlock steps of all lanes, interleaved: one lane alone would
// wait for its own results, each step being a chain of four dependent operations.
func stepLanes(lanes *[4]lane) {
	a, b, c, d := &lanes[0], &lanes[1], &lanes[2], &lanes[3]
	ka, kb, kc, kd := a.kappa, b.kappa, c.kappa, d.kappa
	sa, sb, sc, sd := a.s, b.s, c.s, d.s
	for t := 1; t <= mapBlock; t++ {
		ma, mb, mc, md := 1-ka+sa, 1-kb+sb, 1-kc+sc, 1-kd+sd
		ka += sa * (ka - 4)
		kb += sb * (kb - 4)
		kc += sc * (kc - 4)
		kd += sd * (kd - 4)
		sa *= ma * ma
		sb *= mb * mb
		sc *= mc * mc
		sd *= md * md
		a.sum += sa
		b.sum += sb
		c.sum += sc
		d.sum += sd
		if sa > a.max {
			a.max, a.peak = sa, a.t+t
		}
		if sb > b.max {
			b.max, b.peak = sb, b.t+t
		}
		if sc > c.max {
			c.max, c.peak = sc, c.t+t
		}
		if sd > d.max {
			d.max, d.peak = sd, d.t+t
		}
	}
	a.kappa, b.kappa, c.kappa, d.kappa = ka, kb, kc, kd
	a.s, b.s, c.s, d.s = sa, sb, sc, sd
	a.t += mapBlock
	b.t += mapBlock
	c.t += mapBlock
	d.t += mapBlock
}
