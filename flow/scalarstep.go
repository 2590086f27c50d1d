package flow

import (
	"math"

	"github.com/gradflow/gradflow/internal/root"
)

// scalarStep returns a step s with φ(s) = 0 for a φ that is 0 at 0, negative on
// one side next to it and positive far away, as the energy balance
// φ(s) = E(x+sd) - E(x) + s²‖d‖²/h is: to rounding the root that the first change
// of sign beyond guess encloses, from the side φ <= 0. Steps below least are none:
// 0. Both says that either side may be the negative one, else it is s > 0.
func scalarStep(phi func(float64) float64, guess, least float64, both bool) float64 {
	s := guess
	if !(math.Abs(s) > least) || math.IsInf(s, 0) {
		s = math.Copysign(1e3*least, guess)
	}
	// lo has φ < 0, hi has φ >= 0.
	var lo, hi, flo, fhi float64
	for {
		f := phi(s)
		if f < 0 {
			lo, flo = s, f
			break
		}
		if both {
			if g := phi(-s); g < 0 {
				lo, flo, hi = -s, g, 0
				break
			}
		}
		hi, fhi = s, f
		if s /= 4; math.Abs(s) < least {
			return 0
		}
	}
	if hi == 0 || hi*lo < 0 {
		for s = 2 * lo; ; s *= 2 {
			f := phi(s)
			if !(f < 0) {
				hi, fhi = s, f
				break
			}
			if lo, flo = s, f; math.IsInf(s, 0) || math.Abs(s) > 1e300 {
				return math.NaN() // E is not bounded below
			}
		}
	}
	if !finite(fhi) { // outside the domain: bisect up to it
		fhi = math.Abs(flo)
	}
	return bracketed(phi, lo, hi, flo, fhi)
}

// bracketed is the end with φ <= 0 of a bracket of the root as short as it gets.
func bracketed(phi func(float64) float64, lo, hi, flo, fhi float64) float64 {
	best := lo
	track := func(s float64) float64 {
		f := phi(s)
		if f <= 0 && math.Abs(s-hi) < math.Abs(best-hi) {
			best = s
		}
		return f
	}
	tol := 2 * unit * math.Abs(hi)
	if lo < hi {
		root.ITP(track, lo, hi, flo, fhi, tol)
	} else {
		root.ITP(track, hi, lo, fhi, flo, tol)
	}
	return best
}
