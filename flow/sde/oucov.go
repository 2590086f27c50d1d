package sde

import "math"

// OUCovariance returns the covariance, of each component, of the noise that
//
//	dx = v dt,  dv = -γv dt + √(2γu) dW
//
// gathers in a time τ: with e = exp(-γτ),
//
//	Var v    = u (1 - e²)
//	Cov(x,v) = (u/γ)(1 - e)²
//	Var x    = (2u/γ)(τ - 2(1-e)/γ + (1-e²)/(2γ)).
//
// The last is of order τ³ made of terms of order τ. It is computed without
// cancellation as Cov²/Var v plus the variance of x given v,
//
//	Var(x|v) = (4u/γ²)(y - tanh y),  y = γτ/2,
//
// by the continued fraction of tanh, so that it is right to rounding for all
// γτ (our rearrangement). gamma and tau must not be negative; without friction
// there is no noise.
func OUCovariance(tau, gamma, u float64) (varX, cov, varV float64) {
	l := ouFactor(tau, gamma, u)
	return l.xv*l.xv + l.xx*l.xx, l.xv * l.vv, l.vv * l.vv
}

// cholesky holds the factors of the noise of OUCovariance, v = vv z0,
// x = xv z0 + xx z1.
type cholesky struct{ vv, xv, xx float64 }

func ouFactor(tau, gamma, u float64) cholesky {
	s := gamma * tau
	if s == 0 {
		return cholesky{}
	}
	e := -math.Expm1(-s) // 1 - exp(-γτ)
	// vv² = u (1-e²) with 1 - e² = E(2-E), E = 1 - exp(-γτ).
	vv := math.Sqrt(u * e * (2 - e))
	return cholesky{vv: vv, xv: u / gamma * e * e / vv, xx: 2 * math.Sqrt(u*minusTanh(s/2)) / gamma}
}

// minusTanh is y - tanh y for y >= 0. For y < 1 it is y c/(1+c) with Lambert's
// tanh y = y/(1+c), c = y²/(3 + y²/(5 + y²/(7 + ...))).
func minusTanh(y float64) float64 {
	if y >= 1 {
		return y - math.Tanh(y)
	}
	const terms = 25 // the last denominators: enough for 2^-53 at y = 1
	c := 0.0
	for k := float64(terms); k >= 3; k -= 2 {
		c = y * y / (k + c)
	}
	return y * c / (1 + c)
}
