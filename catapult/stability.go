package catapult

// The largest κ = ηλ at which a quadratic of curvature λ is stable under a descent
// method; the catapult begins there. With the tangent kernel for λ they say when
// the linearised network is stable.

// HeavyBallThreshold returns 2(1+β) for the heavy ball m ← βm + ∇E, θ ← θ - ηm, 2 at
// β = 0: with x for θ the characteristic polynomial z² - (1+β-κ)z + β has a root
// at -1 there (Polyak, USSR Comput. Math. Math. Phys. 4 (1964) 1).
func HeavyBallThreshold(beta float64) float64 { return LazyThreshold * (1 + beta) }

// NesterovThreshold returns 2(1+β)/(1+2β) for Nesterov's method with constant
// momentum, whose polynomial z² - (1+β)(1-κ)z + β(1-κ) has a root at -1 there: the
// range of stable rates is smaller than that of gradient descent, and 4/3 for β →
// 1.
func NesterovThreshold(beta float64) float64 {
	return LazyThreshold * (1 + beta) / (1 + 2*beta)
}
