package infogeo

import (
	"fmt"
	"math"
	"sort"

	"github.com/gradflow/gradflow/flow/kernel"
)

// AlphaGeodesic is the geodesic of the α-connection between two interior points of the
// simplex. With β = (1-α)/2 its points are
//
//	p(s) ∝ ((1-s) p^β + s q^β)^(1/β),   Z(s) = Σ ((1-s) p^β + s q^β)^(1/β),
//
// the m-geodesic for α = -1, the Fisher-Rao geodesic for α = 0 and, as the limit β → 0, the
// e-geodesic for α = 1. The affine parameter, in which it solves the geodesic equation
//
//	l'' = -(1-α)/2 l'² - (1+α)/2 E_p[l'²],   l = log p,
//
// is not s but t(s) = ∫_0^s Z^(-2β) / ∫_0^1 Z^(-2β), unless α = ±1. Our derivation: u = p^β
// obeys
//
//	u'' = -k(t) u,
//
// so it stays in a plane, and the Wronskian gives ds/dt = w Z^(2β).
type AlphaGeodesic struct {
	beta     float64
	lp, step []float64 // log p, log q - log p
	y, sum   []float64 // ends of panels, and the integral of the speed up to there
	top      float64   // greatest logarithm of the speed
}

// NewAlphaGeodesic returns the geodesic from p to q. Errors wrap ErrInvalid, ErrShape or
// ErrBoundary.
func NewAlphaGeodesic(p, q []float64, alpha float64) (*AlphaGeodesic, error) {
	if math.IsNaN(alpha) || math.IsInf(alpha, 0) {
		return nil, fmt.Errorf("infogeo: alpha = %v, want a finite number: %w", alpha, ErrInvalid)
	}
	if len(p) != len(q) {
		return nil, fmt.Errorf("infogeo: distributions on %d and %d states, want the same: %w", len(p), len(q), ErrShape)
	}
	if err := checkInterior("p", p); err != nil {
		return nil, err
	}
	if err := checkInterior("q", q); err != nil {
		return nil, err
	}
	g := &AlphaGeodesic{beta: (1 - alpha) / 2, lp: make([]float64, len(p)), step: make([]float64, len(p))}
	for i, v := range p {
		g.lp[i] = math.Log(v)
		if r := (q[i] - v) / v; math.Abs(r) < 0.5 {
			g.step[i] = math.Log1p(r)
		} else {
			g.step[i] = math.Log(q[i]) - g.lp[i]
		}
	}
	if g.beta != 0 && g.beta != 1 {
		g.measure()
	}
	return g, nil
}

// The variable of integration is y with s = 1/(1+e^-y), 1-s = 1/(1+e^y): Z may change as
// fast as powers of p do, within e^-Y of the ends.

// log returns log((1-s) p_i^β + s q_i^β)/β at y, without overflow.
func (g *AlphaGeodesic) log(i int, y float64) float64 {
	d := g.step[i]
	x := g.beta * d
	switch {
	case x == 0:
		return g.lp[i] + logistic(y)*d
	case math.Abs(y) > 700: // s or 1-s may underflow where the power is huge
		a, b := -softplus(y), x-softplus(-y)
		return g.lp[i] + (math.Max(a, b)+math.Log1p(math.Exp(-math.Abs(a-b))))/g.beta
	case x > 0:
		return g.lp[i] + d + math.Log1p(logistic(-y)*math.Expm1(-x))/g.beta
	default:
		return g.lp[i] + math.Log1p(logistic(y)*math.Expm1(x))/g.beta
	}
}

// logSpeed is the logarithm of Z^(-2β) ds/dy at y.
func (g *AlphaGeodesic) logSpeed(y float64) float64 {
	top, sum := math.Inf(-1), 0.0
	for i := range g.lp {
		l := g.log(i, y)
		if l > top {
			sum = sum*math.Exp(top-l) + 1
			top = l
		} else {
			sum += math.Exp(l - top)
		}
	}
	return -2*g.beta*(top+math.Log(sum)) - softplus(y) - softplus(-y)
}

// speed is Z^(-2β) ds/dy relative to its greatest value.
func (g *AlphaGeodesic) speed(y float64) float64 { return math.Exp(g.logSpeed(y) - g.top) }

// measure integrates the speed over panels that are cut off where e^-40 is left.
func (g *AlphaGeodesic) measure() {
	end := 40 + math.Abs(g.beta)*kernel.MaxAbs(g.step)
	panels := int(math.Ceil(end / 2))
	g.top = math.Inf(-1)
	for k := range 4*panels + 1 {
		g.top = max(g.top, g.logSpeed(end*(float64(k)/float64(2*panels)-1)))
	}
	g.y, g.sum = make([]float64, panels+1), make([]float64, panels+1)
	g.y[0] = -end
	for k := range panels {
		g.y[k+1] = end * (2*float64(k+1)/float64(panels) - 1)
		g.sum[k+1] = g.sum[k] + g.integral(g.y[k], g.y[k+1])
	}
}

// Ten Gauss-Legendre points on [-1, 1]; the other five are opposite.
var (
	legendreNodes   = [...]float64{0.14887433898163121088, 0.43339539412924719080, 0.67940956829902440623, 0.86506336668898451073, 0.97390652851717172008}
	legendreWeights = [...]float64{0.29552422471475287017, 0.26926671930999635509, 0.21908636251598204400, 0.14945134915058059315, 0.06667134430868813759}
)

// rule is the integral of the speed over [a, b] by ten points.
func (g *AlphaGeodesic) rule(a, b float64) float64 {
	m, h, sum := (a+b)/2, (b-a)/2, 0.0
	for i, x := range legendreNodes {
		sum += legendreWeights[i] * (g.speed(m-h*x) + g.speed(m+h*x))
	}
	return sum * h
}

// integral halves [a, b] until the rule agrees with its halves to what the exponential of
// logSpeed has of digits, or both are nothing compared with the whole, which is about 1.
func (g *AlphaGeodesic) integral(a, b float64) float64 { return g.halve(a, b, g.rule(a, b), 8) }

func (g *AlphaGeodesic) halve(a, b, whole float64, depth int) float64 {
	m := (a + b) / 2
	left, right := g.rule(a, m), g.rule(m, b)
	if depth == 0 || !(math.Abs(left+right-whole) > 5e-14*math.Abs(whole)+1e-17) {
		return left + right
	}
	return g.halve(a, m, left, depth-1) + g.halve(m, b, right, depth-1)
}

// Position returns the s of the affine parameter t in [0, 1], NaN for other t.
func (g *AlphaGeodesic) Position(t float64) float64 { return logistic(g.position(t)) }

// position returns y.
func (g *AlphaGeodesic) position(t float64) float64 {
	switch {
	case !(t >= 0 && t <= 1):
		return math.NaN()
	case g.y == nil || t == 0 || t == 1: // Z = 1 for β = 0 and 1
		return math.Log(t) - math.Log1p(-t)
	}
	want := t * g.sum[len(g.sum)-1]
	k := min(sort.SearchFloat64s(g.sum, want), len(g.y)-1)
	// Newton's method inside the panel: the integral increases in y.
	lo, hi := g.y[max(k-1, 0)], g.y[k]
	at, sum, y := lo, g.sum[max(k-1, 0)], (lo+hi)/2
	for range 60 {
		sum += g.integral(at, y)
		at = y
		miss := sum - want
		if miss > 0 {
			hi = y
		} else {
			lo = y
		}
		next := y - miss/g.speed(y)
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		if math.Abs(next-y) <= 1e-15*(1+math.Abs(y)) {
			break
		}
		y = next
	}
	return y
}

// At stores the point with the affine parameter t in [0, 1] in dst. The error wraps
// ErrInvalid for other t. It panics unless dst has one element a state.
func (g *AlphaGeodesic) At(dst []float64, t float64) error {
	checkDims(len(g.lp), dst)
	y := g.position(t)
	if math.IsNaN(y) {
		return fmt.Errorf("infogeo: position t = %v on a geodesic, want it in [0, 1]: %w", t, ErrInvalid)
	}
	for i := range dst {
		dst[i] = g.log(i, y)
	}
	SoftmaxLogits(dst, dst)
	return nil
}

// MixtureTransport stores in dst the tangent vector x at p (Σ x_i = 0) carried to q by the
// parallel transport of the m-connection, which does not depend on the path: x itself. It
// is dual to ExponentialTransport, <P_e x, P_m y>_q = <x, y>_p. It panics if the lengths
// differ.
func MixtureTransport(dst, x []float64) {
	checkDims(len(dst), x)
	copy(dst, x)
}

// ExponentialTransport stores in dst the tangent vector x at p (Σ x_i = 0) carried to q by
// the parallel transport of the e-connection, q (x/p - E_q[x/p]). The error wraps
// ErrBoundary if x has a component where p is 0. dst may be any of the others. It panics if
// the lengths differ.
func ExponentialTransport(dst, p, q, x []float64) error {
	checkDims(len(dst), p, q, x)
	for i, v := range x {
		if v != 0 && !(p[i] > 0) {
			return fmt.Errorf("infogeo: tangent vector of component %v at p[%d] = %v, want p > 0 there: %w", v, i, p[i], ErrBoundary)
		}
	}
	var mean float64
	for i, v := range x {
		if v != 0 {
			mean += q[i] / p[i] * v
		}
	}
	for i, v := range x {
		score := 0.0
		if v != 0 {
			score = v / p[i]
		}
		dst[i] = q[i] * (score - mean)
	}
	return nil
}
