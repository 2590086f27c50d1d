package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// LogPartition returns ψ(θ) = log(1 + Σ e^θ_i), the log-partition function of the
// distributions on K = len(θ)+1 states, without overflow.
func LogPartition[T flow.Float](theta []T) float64 {
	z := kernel.Max(theta)
	if z <= 0 {
		return math.Log1p(sumExp(theta, 0))
	}
	if math.IsInf(float64(z), 1) {
		return math.Inf(1)
	}
	return float64(z) + math.Log(math.Exp(float64(-z))+sumExp(theta, z))
}

// sumExp returns Σ e^(x_i-z) in float64.
func sumExp[T flow.Float](x []T, z T) float64 {
	const size = 256
	var buf [size]T
	var s float64
	for len(x) > 0 {
		m := min(size, len(x))
		s += kernel.ExpSum(buf[:m], x[:m], z)
		x = x[m:]
	}
	return s
}

// Softmax stores in p the distribution on K = len(θ)+1 states with the natural
// coordinates θ, which skip the reference state ref: p_ref = 1/Z, the others
// e^θ_i/Z in their order. It returns ψ(θ) = log Z. There is no overflow: θ_i of
// ±800 or ±1e308 give probabilities of 0 and 1 where they are that to working
// precision. p must not overlap θ unless ref = len(θ) and p[:len(θ)] is θ. It
// panics unless len(p) = len(θ)+1 and 0 <= ref < len(p).
func Softmax[T flow.Float](p, theta []T, ref int) (psi float64) {
	n := len(theta)
	checkRef(len(p), n, ref)
	z := max(0, kernel.Max(theta))
	copy(p[:ref], theta[:ref])
	copy(p[ref+1:], theta[ref:])
	p[ref] = 0
	return softmaxShifted(p, z)
}

// SoftmaxLogits stores softmax(z) in p, which may be z: p_i = e^z_i / Σ_j e^z_j.
// It returns log Σ e^z_j and panics if the lengths differ.
func SoftmaxLogits[T flow.Float](p, z []T) (lse float64) {
	if len(z) != len(p) {
		panic(fmt.Sprintf("infogeo: len(z) is %d, want len(p) = %d", len(z), len(p)))
	}
	top := kernel.Max(z)
	copy(p, z)
	return softmaxShifted(p, top)
}

// softmaxShifted replaces x by softmax(x), z being its greatest element.
func softmaxShifted[T flow.Float](x []T, z T) float64 {
	if math.IsInf(float64(z), 0) {
		// Infinite logits have no distribution, nor has an empty set.
		for i := range x {
			x[i] = T(math.NaN())
		}
		return float64(z)
	}
	s := kernel.ExpSum(x, x, z)
	kernel.Scal(T(1/s), x)
	return float64(z) + math.Log(s)
}

// checkRef panics unless K = n+1 and ref is one of the K states.
func checkRef(k, n, ref int) {
	if k != n+1 {
		panic(fmt.Sprintf("infogeo: %d probabilities and %d coordinates, want one probability more", k, n))
	}
	if ref < 0 || ref >= k {
		panic(fmt.Sprintf("infogeo: reference state %d, want one of the %d states", ref, k))
	}
}

// checkLens panics unless all lengths are n.
func checkLens(n int, lens ...int) {
	for _, l := range lens {
		if l != n {
			panic(fmt.Sprintf("infogeo: vector of length %d, want %d", l, n))
		}
	}
}

// FisherMul stores G v in dst, G = diag(η) - η ηᵀ being the Fisher matrix of the
// simplex in natural coordinates: η∘(v - η·v), in two passes. In coordinates of
// the logits, with p for η, it is the product with their K x K Fisher matrix.
// dst may be v. It panics if the lengths differ.
func FisherMul[T flow.Float](dst, eta, v []T) {
	checkLens(len(dst), len(eta), len(v))
	c := kernel.Dot(eta, v) / 2
	eta, v = eta[:len(dst)], v[:len(dst)]
	for i := range dst {
		dst[i] = 2 * (eta[i] * (v[i]/2 - c)) // halves, since v - η·v may overflow
	}
}

// FisherSolve stores G⁻¹ v = v/η + (Σ v_i/p_r) 1 in dst, which may be v. pr is the
// probability of the reference state, 1 - Σ η_i; it is an argument because the
// difference would lose its digits where it is small. G⁻¹ is also the Fisher
// matrix in expectation coordinates. It panics if the lengths differ.
func FisherSolve[T flow.Float](dst, eta []T, pr T, v []T) {
	checkLens(len(dst), len(eta), len(v))
	kernel.QuotientTo(dst, v, eta, T(kernel.Sum(v)/float64(pr)), 0)
}

// FisherSolveDamped stores (G + λ I)⁻¹ v in dst, which may be v, for a damping
// λ >= 0, by the formula of Sherman and Morrison written without cancellation.
// Probabilities of zero are allowed if λ > 0. It panics if the lengths differ.
func FisherSolveDamped[T flow.Float](dst, eta []T, pr T, v []T, damping float64) {
	checkLens(len(dst), len(eta), len(v))
	if damping == 0 {
		FisherSolve(dst, eta, pr, v)
		return
	}
	lam := T(damping)
	eta, v = eta[:len(dst)], v[:len(dst)]
	// 1 - Σ η²/(η+λ) = p_r + λ Σ η/(η+λ).
	var a, b float64
	for i, e := range eta {
		f := e / (e + lam)
		a += float64(f)
		b += float64(f * v[i])
	}
	kernel.QuotientTo(dst, v, eta, T(b/(float64(pr)+damping*a)), lam)
}
