package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Normal is the family of normal distributions on the line: T = (x, x²),
// θ = (μ/σ², -1/(2σ²)), ψ = -θ0²/(4θ1) - log(-2θ1)/2 relative to the base measure
// dx/√(2π), η = (μ, μ²+σ²). It holds no scratch memory.
type Normal struct{}

var (
	_ Cubic       = Normal{}
	_ DenseFisher = Normal{}
	_ FisherRaoer = Normal{}
	_ Sampler     = Normal{}
)

// moments returns mean and variance.
func (Normal) moments(theta []float64) (mu, variance float64) {
	variance = -0.5 / theta[1]
	return theta[0] * variance, variance
}

// Dim implements Family.
func (Normal) Dim() int { return 2 }

// LogPartition implements Family.
func (Normal) LogPartition(theta []float64) float64 {
	checkDims(2, theta)
	return -theta[0]*theta[0]/(4*theta[1]) - math.Log(-2*theta[1])/2
}

// Mean implements Family.
func (n Normal) Mean(dst, theta []float64) {
	checkDims(2, dst, theta)
	mu, v := n.moments(theta)
	dst[0], dst[1] = mu, mu*mu+v
}

// Natural implements Family.
func (n Normal) Natural(dst, eta []float64) error {
	checkDims(2, dst)
	if err := n.CheckMean(eta); err != nil {
		return err
	}
	v := math.FMA(-eta[0], eta[0], eta[1])
	dst[0], dst[1] = eta[0]/v, -0.5/v
	return nil
}

// fisher returns the elements of the Fisher matrix and its determinant.
func (n Normal) fisher(theta []float64) (g00, g01, g11, det float64) {
	mu, v := n.moments(theta)
	return v, 2 * mu * v, 2 * v * (v + 2*mu*mu), 2 * v * v * v
}

// FisherMulVec implements Family.
func (n Normal) FisherMulVec(dst, theta, v []float64) {
	checkDims(2, dst, theta, v)
	a, b, c, _ := n.fisher(theta)
	dst[0], dst[1] = a*v[0]+b*v[1], b*v[0]+c*v[1]
}

// FisherSolveVec implements Family.
func (n Normal) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(2, dst, theta, v)
	a, b, c, det := n.fisher(theta)
	return solve2(dst, a, b, c, det, v, damping)
}

// FisherDense implements DenseFisher.
func (n Normal) FisherDense(dst *mat.SymDense, theta []float64) {
	checkDims(2, theta)
	a, b, c, _ := n.fisher(theta)
	set2(dst, a, b, c)
}

// Cubic implements the capability of that name.
func (n Normal) Cubic(dst, theta, v []float64) {
	checkDims(2, dst, theta, v)
	mu, s := n.moments(theta)
	t001, t011, t111 := 2*s*s, 8*mu*s*s, s*s*(24*mu*mu+8*s)
	v0, v1 := v[0], v[1]
	dst[0] = 2*t001*v0*v1 + t011*v1*v1
	dst[1] = t001*v0*v0 + 2*t011*v0*v1 + t111*v1*v1
}

// FisherRao implements FisherRaoer: √2 times the distance of the points (μ/√2, σ) of
// the hyperbolic half-plane.
func (n Normal) FisherRao(theta0, theta1 []float64) float64 {
	checkDims(2, theta0, theta1)
	mu0, v0 := n.moments(theta0)
	mu1, v1 := n.moments(theta1)
	s0, s1 := math.Sqrt(v0), math.Sqrt(v1)
	return math.Sqrt2 * arccosh1p(((mu0-mu1)*(mu0-mu1)/2+(s0-s1)*(s0-s1))/(2*s0*s1))
}

// SampleDim implements Statistic.
func (Normal) SampleDim() int { return 1 }

// Statistic implements the capability of that name.
func (Normal) Statistic(dst, x []float64) {
	checkDims(2, dst)
	checkDims(1, x)
	dst[0], dst[1] = x[0], x[0]*x[0]
}

// Sample implements Sampler.
func (n Normal) Sample(x, theta []float64, src rand.Source) {
	checkDims(1, x)
	checkDims(2, theta)
	mu, v := n.moments(theta)
	x[0] = mu + math.Sqrt(v)*rand.New(src).NormFloat64()
}

// CheckNatural implements Family.
func (Normal) CheckNatural(theta []float64) error {
	checkDims(2, theta)
	if err := checkFinite("theta", theta, ErrOutsideNaturalDomain); err != nil {
		return err
	}
	if !(theta[1] < 0) {
		return fmt.Errorf("infogeo: Normal: theta[1] = %v, want < 0: %w", theta[1], ErrOutsideNaturalDomain)
	}
	return nil
}

// CheckMean implements Family.
func (Normal) CheckMean(eta []float64) error {
	checkDims(2, eta)
	if err := checkFinite("eta", eta, ErrOutsideMeanDomain); err != nil {
		return err
	}
	switch v := math.FMA(-eta[0], eta[0], eta[1]); {
	case v == 0:
		return fmt.Errorf("infogeo: Normal: eta = %v has variance 0, want > 0: %w", eta, ErrBoundary)
	case !(v > 0):
		return fmt.Errorf("infogeo: Normal: eta[1] = %v, the second moment, want more than the square of the mean, %v: %w", eta[1], eta[0]*eta[0], ErrOutsideMeanDomain)
	}
	return nil
}

// startAt is the standard normal distribution.
func (Normal) startAt(theta, _ []float64) { theta[0], theta[1] = 0, -0.5 }
