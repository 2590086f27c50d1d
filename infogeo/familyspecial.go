package infogeo

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// lgamma is log Γ(x) for x > 0.
func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// trigamma is the second derivative of log Γ at x > 0.
func trigamma(x float64) float64 { return 1/x + trigammaExcess(x) }

// tetragamma is the third derivative of log Γ at x > 0.
func tetragamma(x float64) float64 { return -2 * mathext.Zeta(3, x) }

// asymptotic is where the expansions in 1/x below are exact to rounding.
const asymptotic = 20

// trigammaExcess is ψ1(x) - 1/x > 0 (DLMF 5.15.8), which is about 1/(2x²) for large x.
func trigammaExcess(x float64) float64 {
	if x < asymptotic {
		return mathext.Zeta(2, x+1) + 1/(x*x) - 1/x
	}
	y := 1 / x
	z := y * y
	return z * (1./2 + y*(1./6-z*(1./30-z*(1./42-z*(1./30-z*(5./66-z*691./2730))))))
}

// digamma is the derivative ψ0 of log Γ at x > 0: the recurrence up to where the
// expansion holds. (Digamma of gonum's mathext has errors of 1e-11.)
func digamma(x float64) float64 {
	if !(x > 0) {
		return math.NaN()
	}
	var s float64
	for ; x < asymptotic; x++ {
		s += 1 / x
	}
	return math.Log(x) - logMinusDigamma(x) - s
}

// logMinusDigamma is log x - ψ0(x) > 0 (DLMF 5.11.2), which is about 1/(2x) for large x.
func logMinusDigamma(x float64) float64 {
	if x < asymptotic {
		return math.Log(x) - digamma(x)
	}
	y := 1 / x
	z := y * y
	return y/2 + z*(1./12-z*(1./120-z*(1./252-z*(1./240-z*(1./132-z*691./32760)))))
}

// inverseLogMinusDigamma returns the x > 0 with log x - ψ0(x) = s > 0: Newton's method on
// the logarithms of both sides, between which the relation is almost linear, from the
// approximation of Minka ("Estimating a gamma distribution", 2002).
func inverseLogMinusDigamma(s float64) float64 {
	x := (3 - s + math.Sqrt((s-3)*(s-3)+24*s)) / (12 * s)
	if s > 100 { // the numerator cancels
		x = 1 / s
	}
	for range 50 {
		l := logMinusDigamma(x)
		d := math.Log(l/s) * l / (x * trigammaExcess(x)) // l is x-derivative -trigammaExcess
		x *= math.Exp(d)
		if math.Abs(d) < 1e-9 { // the next step would be below rounding
			break
		}
	}
	return x
}

// besselRatio returns A = I1(k)/I0(k), 1 - A and log I0(k) for k >= 0: the power series
// up to k = 30, where it has only positive terms, Hankel's expansion beyond (DLMF
// 10.25.2, 10.40.1), whose smallest term is about e^-2k.
func besselRatio(k float64) (a, complement, log0 float64) {
	if k <= 30 {
		h := k * k / 4
		i0, i1, t := 0.0, 0.0, 1.0
		for j := 0.0; t > 1e-17*i0; j++ {
			i0 += t
			i1 += t / (j + 1)
			t *= h / ((j + 1) * (j + 1))
		}
		a = k / 2 * i1 / i0
		return a, 1 - a, math.Log(i0)
	}
	s0, d := 1.0, 0.0 // Σ of I0, and of I0 - I1
	t0, t1 := 1.0, 1.0
	for j := 1.0; j < 60; j++ {
		odd := (2*j - 1) * (2*j - 1)
		t0 *= odd / (8 * k * j)
		t1 *= (odd - 4) / (8 * k * j)
		s0 += t0
		d += t0 - t1
		if t0 < 1e-18 {
			break
		}
	}
	complement = d / s0
	return 1 - complement, complement, k - math.Log(2*math.Pi*k)/2 + math.Log(s0)
}
