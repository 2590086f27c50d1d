package deq

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// GradientError bounds the distance, in Frobenius norms, of a gradient that was
// computed at points z which are not quite fixed points, by an adjoint solve with
// residuals ρ, from the one at the fixed points z* for the same dL/dZ. It is +Inf
// where nothing is proved: without a bound of the second derivative
// (Activation.Curve), or if the layer is neither a contraction nor monotone. A
// Certificate in the Equilibrium makes it sharper.
//
// The proof is ours. Let |z-z*| <= ε, certified by the forward residual. The adjoint
// equation is V = G + WᵀDV, S = DV; the difference ΔS of the solutions for D and for
// D*, the slopes at z*, satisfies ΔS = D*WᵀΔS + δ with δ = (D-D*)V + ρ. In a
// contraction, q = Lip|W|₂ < 1, |V| <= κ|G| and |ΔS| <= κ|δ|, κ = 1/(1-q). In a
// monotone layer, 0 <= D <= I and sym(I-W) >= μI, every S = D(g+WᵀS) has gᵀS = SᵀD⁻¹S -
// SᵀWᵀS >= μ|S|², so that |S| <= |g|/μ, and the same inequalities hold with κ = 1+|W|/μ
// (for ΔS with g = Wᵀδ). The slopes differ by at most Curve|W|ε:
//
//	|ΔS| <= κ(Curve |W| ε κ |G| + |ρ|),
//
// and dW = SᵀZ, dU = SᵀX, db = Σ s_i sum that up over the samples.
type GradientError struct{ W, U, B float64 }

// unproved is the bound that says nothing.
func unproved() GradientError { return GradientError{math.Inf(1), math.Inf(1), math.Inf(1)} }

// gradientError returns the bound for eq.s, with the residuals of its solve in back.
func (l *Dense[T]) gradientError(eq *Equilibrium[T], dLdZ kernel.Matrix[T], back *SolveStats) GradientError {
	norm, kappa := eq.bound/l.Act.Lip, math.Inf(1)
	if eq.Certificate != nil {
		norm = eq.Certificate.Norm2
	}
	if eq.bound < 1 {
		kappa = 1 / (1 - eq.bound)
	}
	mu := 0.0
	if c := eq.Certificate; c != nil && c.Proximal {
		mu = c.Monotone
	}
	if eq.monotone != nil {
		mu = max(mu, float64(eq.monotone.Mu))
	}
	if mu > 0 {
		kappa = min(kappa, 1+norm/mu)
	}
	curve := l.Act.Curve
	if curve == 0 && l.Act.form != formIdentity || len(back.Samples) != dLdZ.Rows || len(eq.stats.Samples) != dLdZ.Rows {
		return unproved()
	}
	var sum GradientError
	for i := range dLdZ.Rows {
		eps := eq.distance(eq.stats.Samples[i].Residual, norm, mu)
		ds := back.Samples[i].Residual
		if eps > 0 {
			ds += curve * norm * eps * kappa * kernel.Nrm2(dLdZ.Row(i))
		}
		ds *= kappa
		sum.W += ds*kernel.Nrm2(eq.Z.Row(i)) + (kernel.Nrm2(eq.s.Row(i))+ds)*eps
		sum.U += ds * kernel.Nrm2(eq.X.Row(i))
		sum.B += ds
	}
	if math.IsNaN(sum.W) {
		return unproved()
	}
	return sum
}

// distance bounds |z-z*| for a residual r.
func (eq *Equilibrium[T]) distance(r, norm, mu float64) float64 {
	bound := math.Inf(1)
	if eq.bound < 1 {
		bound = contractionError(eq.bound, r, false)
	}
	if mu > 0 {
		bound = min(bound, r+norm*r/mu)
	}
	if eq.Certificate != nil {
		bound = min(bound, eq.Certificate.ErrorBound(r, false))
	}
	return bound
}
