package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// GeodesicField is the equation of the α-geodesics of an exponential family in its natural
// parameters,
//
//	θ'' = -(1-α)/2 G⁻¹ T[θ', θ'],
//
// with the third cumulants T (Amari 2016, section 5.6), as a field of the state (θ, θ').
// α = 0 is the Levi-Civita connection of the Fisher metric, whose geodesics are locally
// shortest and keep |θ'| in the metric; α = 1 makes θ and α = -1 the expectation
// parameters straight. It keeps scratch memory: it is for one goroutine at a time.
type GeodesicField struct {
	f     Cubic
	c     float64 // -(1-α)/2
	w     []float64
	alpha float64
}

// NewGeodesicField returns the equation. The error wraps ErrInvalid if α is not finite.
func NewGeodesicField(f Cubic, alpha float64) (*GeodesicField, error) {
	if math.IsNaN(alpha) || math.IsInf(alpha, 0) {
		return nil, fmt.Errorf("infogeo: alpha = %v, want a finite number: %w", alpha, ErrInvalid)
	}
	return &GeodesicField{f: f, c: -(1 - alpha) / 2, w: make([]float64, f.Dim()), alpha: alpha}, nil
}

// Dim returns twice the number of parameters.
func (g *GeodesicField) Dim() int { return 2 * g.f.Dim() }

// Eval stores the derivative in dst. Outside of the domain it is NaN, which makes an error
// controller take a shorter step.
func (g *GeodesicField) Eval(dst, x []float64, _ float64) {
	n := g.f.Dim()
	checkLengths("GeodesicField.Eval", len(dst), len(x), 2*n)
	theta, v := x[:n], x[n:]
	if g.f.CheckNatural(theta) != nil {
		fillNaN(dst)
		return
	}
	copy(dst[:n], v)
	if g.c == 0 {
		clear(dst[n:])
		return
	}
	g.f.Cubic(g.w, theta, v)
	if g.f.FisherSolveVec(dst[n:], theta, g.w, 0) != nil {
		fillNaN(dst)
		return
	}
	kernel.Scal(g.c, dst[n:])
}

// Caps: the speed is an invariant for α = 0.
func (g *GeodesicField) Caps() flow.Caps[float64] {
	c := flow.Caps[float64]{Autonomous: true}
	if g.alpha == 0 {
		c.Invariants = []flow.Invariant[float64]{{Name: "speed", Value: g.speed}}
	}
	return c
}

// speed returns |θ'| in the Fisher metric.
func (g *GeodesicField) speed(x []float64) float64 {
	n := g.f.Dim()
	return fisherNorm(g.f, x[:n], x[n:], make([]float64, n))
}

// fisherNorm returns √(vᵀG(θ)v), with the scratch w.
func fisherNorm(f Family, theta, v, w []float64) float64 {
	f.FisherMulVec(w, theta, v)
	return math.Sqrt(math.Max(0, kernel.Dot(v, w)))
}
