// Package root finds roots of scalar functions.
package root

import "math"

// ITP returns a root of f in the bracket [a, b], where fa = f(a) and fb = f(b)
// have different signs or one of them is zero, to an interval of length tol, and
// the value there. It needs at most ceil(log2((b-a)/tol)) + 1 evaluations, as
// bisection does, and far fewer for smooth f (Oliveira and Takahashi, ACM TOMS
// 47 (2020) 5, with n0 = 1, κ2 = 2). A NaN of f ends the search and is returned
// with the point where it appeared.
func ITP(f func(float64) float64, a, b, fa, fb, tol float64) (x, fx float64) {
	switch {
	case fa == 0:
		return a, fa
	case fb == 0:
		return b, fb
	}
	if !(tol > 0) {
		tol = 0
	}
	eps := tol / 2
	k1 := 0.2 / (b - a)
	nMax := 1 + math.Max(0, math.Ceil(math.Log2((b-a)/math.Max(tol, 1e-300))))
	for j := 0.0; b-a > tol && j < 200; j++ {
		mid := a + (b-a)/2
		if mid <= a || mid >= b {
			break // neighbouring numbers
		}
		// Interpolate, truncate towards the middle, project into the part of
		// the bracket that keeps the bound of bisection.
		xf := (fb*a - fa*b) / (fb - fa)
		sigma := math.Copysign(1, mid-xf)
		xt := mid
		if delta := k1 * (b - a) * (b - a); delta <= math.Abs(mid-xf) {
			xt = xf + sigma*delta
		}
		xi := xt
		if r := eps*math.Exp2(nMax-j) - (b-a)/2; math.Abs(xt-mid) > r {
			xi = mid - sigma*r
		}
		if !(xi > a && xi < b) {
			xi = mid
		}
		y := f(xi)
		switch {
		case math.IsNaN(y):
			return xi, y
		case y == 0:
			return xi, y
		case math.Signbit(y) == math.Signbit(fb):
			b, fb = xi, y
		default:
			a, fa = xi, y
		}
	}
	if math.Abs(fa) < math.Abs(fb) {
		return a, fa
	}
	return b, fb
}
