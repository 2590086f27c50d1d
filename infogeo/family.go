package infogeo

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Family is an exponential family p_θ(x) = h(x) exp(θ·T(x) - ψ(θ)) in its two
// dual coordinate systems: the natural parameters θ and the expectation
// parameters η = E_θ[T] = ∇ψ(θ). Its Fisher matrix in θ is G = ∇²ψ(θ) = ∂η/∂θ,
// in η it is G⁻¹ (Amari, Information Geometry and Its Applications, 2016,
// chapter 2).
//
// All slices have length Dim; a method panics on any other length. Methods take
// parameters of the domain, which CheckNatural and CheckMean decide: outside of
// it the results of the other methods are unspecified (NaN or infinite), except
// that Natural always checks. A Family holds scratch memory unless its
// documentation says otherwise: use one value per goroutine.
type Family interface {
	// Dim returns the number of parameters.
	Dim() int
	// LogPartition returns ψ(θ).
	LogPartition(theta []float64) float64
	// Mean stores η(θ) = ∇ψ(θ) in dst, which may be theta itself.
	Mean(dst, theta []float64)
	// Natural stores θ(η), the inverse of Mean, in dst, which may be eta itself.
	// The error wraps ErrOutsideMeanDomain if no member of the family has that
	// mean, ErrBoundary if only a limit of members has; dst is then unspecified.
	Natural(dst, eta []float64) error
	// FisherMulVec stores G(θ) v in dst, which may be v itself.
	FisherMulVec(dst, theta, v []float64)
	// FisherSolveVec stores (G(θ) + damping I)⁻¹ v in dst, which may be v itself.
	// The error wraps ErrSingularFisher if that matrix cannot be inverted.
	FisherSolveVec(dst, theta, v []float64, damping float64) error
	// CheckNatural returns an error that names the coordinate if θ is no
	// parameter of the family.
	CheckNatural(theta []float64) error
	// CheckMean returns an error that names the coordinate if η is no expectation
	// of a member of the family.
	CheckMean(eta []float64) error
}

// Cubic is a Family that knows the third cumulant of T, the tensor
// T_kij = ∂³ψ/∂θ_k∂θ_i∂θ_j (Amari-Chentsov).
type Cubic interface {
	Family
	// Cubic stores T[v,v]_k = Σ_ij T_kij v_i v_j in dst.
	Cubic(dst, theta, v []float64)
}

// DenseFisher is a Family that forms its Fisher matrix.
type DenseFisher interface {
	Family
	// FisherDense stores G(θ) in dst, which is empty or of order Dim.
	FisherDense(dst *mat.SymDense, theta []float64)
}

// Conjugate is a Family with a formula of its own for the Legendre conjugate
// φ(η) = sup_θ θ·η - ψ(θ), the negative entropy relative to h. Without it
// NegEntropy computes it from Natural.
type Conjugate interface {
	Family
	NegEntropy(eta []float64) float64
}

// FisherRaoer is a Family with a formula for the Riemannian distance of the
// Fisher metric.
type FisherRaoer interface {
	Family
	// FisherRao returns the distance between two members given by θ.
	FisherRao(theta0, theta1 []float64) float64
}

// Statistic is a Family that states its sufficient statistic.
type Statistic interface {
	Family
	// SampleDim returns the length of an observation x.
	SampleDim() int
	// Statistic stores T(x) in dst. Observations outside the sample space give
	// NaN.
	Statistic(dst, x []float64)
}

// Sampler is a Family that can be sampled.
type Sampler interface {
	Statistic
	// Sample stores one observation of p_θ in x, drawn from src.
	Sample(x, theta []float64, src rand.Source)
}
