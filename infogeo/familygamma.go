package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Gamma is the gamma family with shape a and rate b over the base measure dx/x:
// T = (log x, x), θ = (a, -b), ψ = log Γ(a) - a log b, η = (ψ0(a) - log b, a/b) with the
// digamma function ψ0. It holds no scratch memory.
type Gamma struct{}

var (
	_ Cubic       = Gamma{}
	_ DenseFisher = Gamma{}
	_ Sampler     = Gamma{}
)

// Dim implements Family.
func (Gamma) Dim() int { return 2 }

// LogPartition implements Family.
func (Gamma) LogPartition(theta []float64) float64 {
	checkDims(2, theta)
	return lgamma(theta[0]) - theta[0]*math.Log(-theta[1])
}

// Mean implements Family.
func (Gamma) Mean(dst, theta []float64) {
	checkDims(2, dst, theta)
	a, b := theta[0], -theta[1]
	dst[0], dst[1] = digamma(a)-math.Log(b), a/b
}

// Natural implements Family: log a - ψ0(a) = log η_1 - η_0 by Newton's method.
func (g Gamma) Natural(dst, eta []float64) error {
	checkDims(2, dst)
	if err := g.CheckMean(eta); err != nil {
		return err
	}
	a := inverseLogMinusDigamma(math.Log(eta[1]) - eta[0])
	dst[0], dst[1] = a, -a/eta[1]
	return nil
}

// fisher returns the elements of the Fisher matrix and its determinant.
func (Gamma) fisher(theta []float64) (g00, g01, g11, det float64) {
	a, b := theta[0], -theta[1]
	g11 = a / b / b
	return trigamma(a), 1 / b, g11, g11 * trigammaExcess(a)
}

// FisherMulVec implements Family.
func (g Gamma) FisherMulVec(dst, theta, v []float64) {
	checkDims(2, dst, theta, v)
	a, b, c, _ := g.fisher(theta)
	dst[0], dst[1] = a*v[0]+b*v[1], b*v[0]+c*v[1]
}

// FisherSolveVec implements Family.
func (g Gamma) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(2, dst, theta, v)
	a, b, c, det := g.fisher(theta)
	return solve2(dst, a, b, c, det, v, damping)
}

// FisherDense implements DenseFisher.
func (g Gamma) FisherDense(dst *mat.SymDense, theta []float64) {
	checkDims(2, theta)
	a, b, c, _ := g.fisher(theta)
	set2(dst, a, b, c)
}

// set2 stores [a b; b c] in dst.
func set2(dst *mat.SymDense, a, b, c float64) {
	sized(dst, 2)
	dst.SetSym(0, 0, a)
	dst.SetSym(0, 1, b)
	dst.SetSym(1, 1, c)
}

// Cubic implements the capability of that name.
func (Gamma) Cubic(dst, theta, v []float64) {
	checkDims(2, dst, theta, v)
	a, b := theta[0], -theta[1]
	v0, v1 := v[0], v[1]/b
	dst[0] = tetragamma(a)*v0*v0 + v1*v1
	dst[1] = (2*v0*v1 + 2*a*v1*v1) / b
}

// SampleDim implements Statistic.
func (Gamma) SampleDim() int { return 1 }

// Statistic implements the capability of that name.
func (Gamma) Statistic(dst, x []float64) {
	checkDims(2, dst)
	checkDims(1, x)
	dst[0], dst[1] = math.Log(x[0]), x[0]
}

// Sample implements Sampler.
func (Gamma) Sample(x, theta []float64, src rand.Source) {
	checkDims(1, x)
	checkDims(2, theta)
	x[0] = distuv.Gamma{Alpha: theta[0], Beta: -theta[1], Src: src}.Rand()
}

// CheckNatural implements Family.
func (Gamma) CheckNatural(theta []float64) error {
	checkDims(2, theta)
	if err := checkFinite("theta", theta, ErrOutsideNaturalDomain); err != nil {
		return err
	}
	if !(theta[0] > 0) {
		return fmt.Errorf("infogeo: Gamma: theta[0] = %v, the shape, want > 0: %w", theta[0], ErrOutsideNaturalDomain)
	}
	if !(theta[1] < 0) {
		return fmt.Errorf("infogeo: Gamma: theta[1] = %v, minus the rate, want < 0: %w", theta[1], ErrOutsideNaturalDomain)
	}
	return nil
}

// CheckMean implements Family: the mean logarithm is less than the logarithm of the
// mean.
func (Gamma) CheckMean(eta []float64) error {
	checkDims(2, eta)
	if err := checkFinite("eta", eta, ErrOutsideMeanDomain); err != nil {
		return err
	}
	if !(eta[1] > 0) {
		return fmt.Errorf("infogeo: Gamma: eta[1] = %v, the mean, want > 0: %w", eta[1], ErrOutsideMeanDomain)
	}
	switch s := math.Log(eta[1]) - eta[0]; {
	case s == 0:
		return fmt.Errorf("infogeo: Gamma: eta[0] = %v is the logarithm of the mean, want less: %w", eta[0], ErrBoundary)
	case s < 0:
		return fmt.Errorf("infogeo: Gamma: eta[0] = %v, the mean logarithm, want less than the logarithm of the mean, %v: %w", eta[0], math.Log(eta[1]), ErrOutsideMeanDomain)
	}
	return nil
}

// startAt is the exponential distribution of that mean.
func (Gamma) startAt(theta, target []float64) { theta[0], theta[1] = 1, -1/target[1] }
