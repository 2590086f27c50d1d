package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/internal/root"
)

// ScalarPoint is a point of the flow with one input.
type ScalarPoint struct {
	// W and M = 1-a are the parameters, Beta = W/M the predictor.
	W, M, Beta float64
	// Excess is R - R_LS, to full relative accuracy.
	Excess float64
}

// ScalarFlow returns the gradient flow of R = R_LS + s(β-b)², β = w/m, m = 1-a, at
// time t >= 0 from (w0, m0), in closed form (ours): with r² = w0²+m0²,
//
//	β' = -(2s/r²)(1+β²)²(β-b),   t = (r²/2s)(F(β0) - F(β)),
//	F(u) = [ln|u-b| - ½ ln(1+u²) - b atan u]/(1+b²)²
//	       - [b(u/(1+u²) + atan u) - 1/(1+u²)]/(2(1+b²)),
//
// inverted in ln|u-b|. Errors wrap ErrArgument, or ErrSingular for m0 = 0.
func ScalarFlow(s, b, w0, m0, t float64) (ScalarPoint, error) {
	for _, v := range []float64{b, w0, m0} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ScalarPoint{}, fmt.Errorf("deq: b = %v, w0 = %v, m0 = %v, want finite numbers: %w", b, w0, m0, ErrArgument)
		}
	}
	switch {
	case !(s > 0) || math.IsInf(s, 1):
		return ScalarPoint{}, fmt.Errorf("deq: s = %v, want a finite number > 0: %w", s, ErrArgument)
	case !(t >= 0) || math.IsInf(t, 1):
		return ScalarPoint{}, fmt.Errorf("deq: t = %v, want a finite time >= 0: %w", t, ErrArgument)
	case m0 == 0:
		return ScalarPoint{}, errCentre
	}
	r, beta0 := math.Hypot(w0, m0), w0/m0
	diff := beta0 - b
	if diff == 0 || t == 0 {
		return ScalarPoint{w0, m0, beta0, s * diff * diff}, nil
	}
	// x = ln|β-b| falls at a rate between those of the least and the largest 1+β²
	// between b and β0.
	x0 := math.Log(math.Abs(diff))
	at := func(x float64) float64 { return b + math.Copysign(math.Exp(x), diff) }
	target := scalarTime(x0, beta0, b) - 2*s*t/(r*r)
	fast, slow := 1+max(beta0*beta0, b*b), 1.0
	if beta0*b > 0 {
		slow = 1 + min(beta0*beta0, b*b)
	}
	lo, hi := x0-2*s*t/(r*r)*fast*fast, x0-2*s*t/(r*r)*slow*slow
	lo -= 1e-9 * (1 + math.Abs(lo))
	hi = min(x0, hi+1e-9*(1+math.Abs(hi)))
	miss := func(x float64) float64 { return scalarTime(x, at(x), b) - target }
	x, _ := root.ITP(miss, lo, hi, miss(lo), miss(hi), 0x1p-52*max(1, math.Abs(lo)))
	beta := at(x)
	m := math.Copysign(r/math.Sqrt(1+beta*beta), m0)
	return ScalarPoint{m * beta, m, beta, s * math.Exp(2*x)}, nil
}

// scalarTime is F at u, with x = ln|u-b|.
func scalarTime(x, u, b float64) float64 {
	q, p := 1+b*b, 1+u*u
	return (x-math.Log1p(u*u)/2-b*math.Atan(u))/(q*q) - (b*(u/p+math.Atan(u))-1/p)/(2*q)
}
