package infogeo

import (
	"math"
	"math/rand/v2"
)

// NewExponential returns the family of waiting times at a rate λ: θ = -λ, η = 1/λ,
// ψ = -log(-θ).
func NewExponential() *Scalar {
	return &Scalar{
		name:      "Exponential",
		naturals:  [2]float64{math.Inf(-1), 0},
		means:     [2]float64{0, math.Inf(1)},
		psi:       func(t float64) float64 { return -math.Log(-t) },
		mean:      func(t float64) float64 { return -1 / t },
		variance:  func(t float64) float64 { return 1 / (t * t) },
		third:     func(t float64) float64 { return -2 / (t * t * t) },
		natural:   func(m float64) float64 { return -1 / m },
		conjugate: func(m float64) float64 { return -1 - math.Log(m) },
		distance:  func(t0, t1 float64) float64 { return math.Abs(math.Log1p((t0 - t1) / t1)) },
		inside:    func(x float64) bool { return x >= 0 && !math.IsInf(x, 1) },
		draw:      func(t float64, src rand.Source) float64 { return rand.New(src).ExpFloat64() / -t },
	}
}
