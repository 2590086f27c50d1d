package game

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mat"
)

// GDCriticalStep returns the learning rate from which on simultaneous gradient descent
// is unstable at a point with Jacobian J, min_k 2 Re(λ_k)/|λ_k|² over its eigenvalues; 0
// if one of them has Re λ <= 0, up to rounding. The error wraps ErrNotConverged.
func GDCriticalStep(j mat.Matrix) (float64, error) {
	v, err := eigenvalues(j)
	if err != nil {
		return math.NaN(), err
	}
	largest := 0.0
	for _, z := range v {
		largest = max(largest, math.Hypot(real(z), imag(z)))
	}
	critical := math.Inf(1)
	for _, z := range v {
		if real(z) <= 1e-14*largest {
			return 0, nil
		}
		critical = min(critical, 2*real(z)/(real(z)*real(z)+imag(z)*imag(z)))
	}
	return critical, nil
}

// Advice says how a method with one learning rate for all players does at a point.
type Advice struct {
	Method Method
	// Eta is the best learning rate and Rate the spectral radius it has.
	Eta, Rate float64
	// Critical is the end of the interval of learning rates (0, Critical) on which the
	// spectral radius is below 1: 0 if there is none, +Inf if it does not end in the
	// range that was searched.
	Critical float64
}

const (
	adviceGrid  = 240   // learning rates looked at, geometrically
	adviceRange = 1e3   // on both sides of 1/‖J‖
	stableBelow = 1e-12 // what counts as less than 1
	golden      = 0.61803398874989
)

// Advise returns the best learning rate of every method at the point of l, between 1e-3
// and 1e3 times 1/‖J‖, best method first. Methods whose matrix does not exist at some
// learning rate (a singular I + ηJ) count as unstable there. The spectral radius is not
// convex in η: the best point of a grid of 240 is refined by golden sections.
func Advise(l *Linear, methods ...Method) ([]Advice, error) {
	norm := mat.Norm(l.J, 2)
	if !(norm > 0) {
		return nil, fmt.Errorf("game: Advise: |J| = %v, want a Jacobian that is not zero: %w", norm, ErrArgument)
	}
	out := make([]Advice, len(methods))
	for i, m := range methods {
		if m == nil {
			return nil, fmt.Errorf("game: Advise: methods[%d] is nil, want a method: %w", i, ErrArgument)
		}
		out[i] = advise(m, l, norm)
	}
	sort.SliceStable(out, func(a, b int) bool { return out[a].Rate < out[b].Rate })
	return out, nil
}

func advise(m Method, l *Linear, norm float64) Advice {
	rate := func(logEta float64) float64 {
		rho, err := LocalRate(m, l, math.Exp(logEta))
		if err != nil || math.IsNaN(rho) {
			return math.Inf(1)
		}
		return rho
	}
	from, to := math.Log(1/adviceRange/norm), math.Log(adviceRange/norm)
	at := func(k int) float64 { return from + (to-from)*float64(k)/adviceGrid }
	best, bestAt, unstable := math.Inf(1), 0, -1
	for k := 0; k <= adviceGrid; k++ {
		rho := rate(at(k))
		if rho < best {
			best, bestAt = rho, k
		}
		if unstable < 0 && !(rho < 1-stableBelow) {
			unstable = k
		}
	}
	eta := goldenSection(rate, at(max(bestAt-1, 0)), at(min(bestAt+1, adviceGrid)))
	if r := rate(eta); r < best {
		best = r
	} else {
		eta = at(bestAt)
	}
	a := Advice{Method: m, Eta: math.Exp(eta), Rate: best, Critical: math.Inf(1)}
	switch {
	case unstable == 0:
		a.Critical = 0
	case unstable > 0:
		lo, hi := at(unstable-1), at(unstable)
		for hi-lo > 1e-14*max(1, math.Abs(lo)) {
			mid := (lo + hi) / 2
			if mid <= lo || mid >= hi {
				break
			}
			if rate(mid) < 1-stableBelow {
				lo = mid
			} else {
				hi = mid
			}
		}
		a.Critical = math.Exp(hi)
	}
	return a
}

// goldenSection returns a minimum of f in [a, b].
func goldenSection(f func(float64) float64, a, b float64) float64 {
	c, d := b-golden*(b-a), a+golden*(b-a)
	fc, fd := f(c), f(d)
	for range 60 {
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - golden*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + golden*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}
