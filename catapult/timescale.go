package catapult

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// PeakStep estimates the step t at which the loss of a catapult is largest. While
// s is small it grows by the factor (κ0-1)² at each step, so that
//
//	t_peak ≈ ½ ln(s_max/s0) / ln(κ0-1) = ½ ln n / ln(κ0-1) + O(1),
//
// the log n of section 2 of arXiv 2003.02218. For s_max it takes min(1, ε²) with ε
// = κ0-2 (ours): for small ε that is twice the height of the peak, ε²/2, which
// makes up for the slower growth near it. For κ0 between 2.5 and 3.8 and s0 <=
// 1e-3 it is within 2 steps of the map, for ε <= 0.2 within 1/ε steps; near κ0 = 4
// the peak can come later, after some wandering at s ~ 1. It is 0 where s0 >=
// s_max, and NaN unless 2 < kappa0 < 4 and s0 > 0.
func PeakStep(kappa0, s0 float64) float64 {
	if !(kappa0 > LazyThreshold && kappa0 < DivergenceThreshold && s0 > 0) {
		return math.NaN()
	}
	eps := kappa0 - LazyThreshold
	return max(0, math.Log(min(1, eps*eps)/s0)/(2*math.Log(kappa0-1)))
}

// WidthLaw is the growth of the time to the peak with the width, t_peak = Slope ln
// n + Intercept, fitted by least squares.
type WidthLaw struct {
	Kappa0           float64
	Widths           []float64
	Peaks            []int   // t_peak, -1 where there was none
	Slope, Intercept float64 // of t_peak against ln n
	// Predicted is the slope of the theory, 1/(2 ln(κ0-1)). Peaks are whole
	// numbers, and s_max depends a little on the phase of ln n: over ten decades
	// of n the fitted slope is within 5 % of it at κ0 = 3.
	Predicted float64
}

// FitWidthLaw fits peak times that were measured, in networks, reduced models or
// the map, at the given widths and the same κ0 in (2, 4). Peaks below 0 are left
// out. Errors wrap ErrArgument, ErrShape if the lengths differ, ErrEmpty if fewer
// than two different widths are left.
func FitWidthLaw(kappa0 float64, widths []float64, peaks []int) (WidthLaw, error) {
	l := WidthLaw{Kappa0: kappa0, Widths: widths, Peaks: peaks}
	if !(kappa0 > LazyThreshold && kappa0 < DivergenceThreshold) {
		return l, fmt.Errorf("catapult: kappa0 = %v, want a number between 2 and 4: %w", kappa0, ErrArgument)
	}
	if len(widths) != len(peaks) {
		return l, fmt.Errorf("catapult: len(widths) = %d, len(peaks) = %d, want equal lengths: %w", len(widths), len(peaks), ErrShape)
	}
	l.Predicted = 1 / (2 * math.Log(kappa0-1))
	var x, y []float64
	spread := false
	for i, n := range widths {
		if !(n >= 1) || math.IsInf(n, 0) {
			return l, fmt.Errorf("catapult: widths[%d] = %v, want a finite width >= 1: %w", i, n, ErrArgument)
		}
		if peaks[i] >= 0 {
			x, y = append(x, math.Log(n)), append(y, float64(peaks[i]))
			spread = spread || x[0] != x[len(x)-1]
		}
	}
	if !spread {
		return l, fmt.Errorf("catapult: peaks at %d widths, want at least two different widths: %w", len(x), ErrEmpty)
	}
	l.Intercept, l.Slope = stat.LinearRegression(x, y, nil, false)
	return l, nil
}

// MapWidthLaw measures the peak times of the warm-up model with label 0 at the
// given widths by the universal map, from f0² = f2 and the curvature λ0 at κ0 =
// ηλ0, that is s0 = κ0² f2/(λ0² n), and fits the law. Errors wrap ErrArgument or
// ErrEmpty.
func MapWidthLaw(kappa0, f2, lambda0 float64, widths []float64) (WidthLaw, error) {
	if !(lambda0 > 0) || math.IsInf(lambda0, 0) || !(f2 > 0) || math.IsInf(f2, 0) {
		return WidthLaw{}, fmt.Errorf("catapult: f2 = %v, lambda0 = %v, want finite numbers > 0: %w", f2, lambda0, ErrArgument)
	}
	const steps = 1 << 20
	peaks := make([]int, len(widths))
	for i, n := range widths {
		r, err := MapTrajectory(kappa0, kappa0*kappa0*f2/(lambda0*lambda0*n), steps)
		if err != nil {
			return WidthLaw{}, err
		}
		peaks[i] = r.TPeak
	}
	return FitWidthLaw(kappa0, widths, peaks)
}
