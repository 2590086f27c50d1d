package catapult

import (
	"fmt"
	"math"
)

// MapPoint is a state of the universal map, to which gradient descent on the
// warm-up model with label 0 and without weight decay reduces at every width n
// and every learning rate η:
//
//	κ' = κ + s(κ-4),   s' = s(1-κ+s)²,   κ = ηλ,   s = η²f²/n.
//
// n and η enter through the start alone. Points that parameters can realise
// satisfy κ² >= 4s. These variables are ours; in (f, λ) the map is that of section
// 2 of arXiv 2003.02218.
type MapPoint struct {
	Kappa float64 // κ = ηλ, the curvature in units of 1/η
	S     float64 // s = η²f²/n, the loss 2η²L/n
}

// Next returns the state after one step of gradient descent.
func (p MapPoint) Next() MapPoint {
	m := 1 - p.Kappa + p.S
	return MapPoint{p.Kappa + p.S*(p.Kappa-4), p.S * (m * m)}
}

// J returns κ² - 4s, which is not negative and obeys J' = (1-s)² J: the gradient
// flow conserves it. Up to the factor η²/n² it is (|u|²+|v|²)² - 4(u·v)².
func (p MapPoint) J() float64 {
	r := 2 * math.Sqrt(p.S)
	return (p.Kappa - r) * (p.Kappa + r)
}

// check says what is wrong with a start from outside.
func (p MapPoint) check() error {
	if !(p.Kappa >= 0) || math.IsInf(p.Kappa, 0) {
		return fmt.Errorf("catapult: kappa0 = %v, want a finite number >= 0: %w", p.Kappa, ErrArgument)
	}
	if !(p.S >= 0) || math.IsInf(p.S, 0) {
		return fmt.Errorf("catapult: s0 = %v, want a finite number >= 0: %w", p.S, ErrArgument)
	}
	if !p.admissible() {
		return fmt.Errorf("catapult: s0 = %v, want at most kappa0²/4 = %v, since λ >= 2|f|/√n: %w", p.S, p.Kappa*p.Kappa/4, ErrArgument)
	}
	return nil
}

// admissible leaves room for the rounding of a start with u = ±v, where κ² = 4s.
func (p MapPoint) admissible() bool {
	const rounding = 1e-12
	return p.S >= 0 && p.Kappa >= 0 && 4*p.S <= p.Kappa*p.Kappa*(1+rounding)
}

// SignedPoint is the universal map with the sign of f: g = ηf/√n, s = g²,
//
//	κ' = κ + g²(κ-4),   g' = g(1-κ+g²).
type SignedPoint struct{ Kappa, G float64 }

// Next returns the state after one step of gradient descent.
func (p SignedPoint) Next() SignedPoint {
	s := p.G * p.G
	return SignedPoint{p.Kappa + s*(p.Kappa-4), p.G * (1 - p.Kappa + s)}
}

// Point forgets the sign of f.
func (p SignedPoint) Point() MapPoint { return MapPoint{p.Kappa, p.G * p.G} }

// Diagonal returns the state in the diagonal form.
func (p SignedPoint) Diagonal() DiagonalPoint {
	return DiagonalPoint{p.Kappa + 2*p.G, p.Kappa - 2*p.G}
}

// DiagonalPoint is the universal map in the variables P = η|u+v|²/n = κ+2g and
// Q = η|u-v|²/n = κ-2g, which step by factors that depend on g = (P-Q)/4 alone:
//
//	P' = P(1-g)²,   Q' = Q(1+g)².
//
// Both stay non-negative, and J = PQ.
type DiagonalPoint struct{ P, Q float64 }

// Next returns the state after one step of gradient descent.
func (p DiagonalPoint) Next() DiagonalPoint {
	g := (p.P - p.Q) / 4
	return DiagonalPoint{p.P * ((1 - g) * (1 - g)), p.Q * ((1 + g) * (1 + g))}
}

// Signed returns the state in the variables (κ, g).
func (p DiagonalPoint) Signed() SignedPoint {
	return SignedPoint{(p.P + p.Q) / 2, (p.P - p.Q) / 4}
}

// CriticalOrbit returns g_t at κ0 = 4, the upper threshold, where κ stays 4 and
// g' = g³ - 3g: with g_0 = 2 cos ϑ,
//
//	g_t = 2 cos(3^t ϑ),
//
// a chaotic orbit that neither converges nor diverges (ours). In float64 the
// map itself follows it for about 30 steps, since errors triple at each.
func CriticalOrbit(theta float64, t int) float64 {
	// Tripling modulo the period keeps the argument small: 3^t ϑ would lose its
	// fraction.
	for range t {
		theta = math.Remainder(3*theta, 2*math.Pi)
	}
	return 2 * math.Cos(theta)
}

// MapOrbit stores p and its successors in dst and returns dst.
func MapOrbit(dst []MapPoint, p MapPoint) []MapPoint {
	for t := range dst {
		dst[t] = p
		p = p.Next()
	}
	return dst
}
