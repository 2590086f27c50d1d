package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Scalar is an exponential family with one parameter and the statistic T(x) = x.
// It holds no scratch memory: any number of goroutines may use it.
type Scalar struct {
	name               string
	naturals, means    [2]float64 // the open intervals of θ and η
	psi, mean          func(theta float64) float64
	variance, third    func(theta float64) float64
	natural, conjugate func(eta float64) float64
	distance           func(theta0, theta1 float64) float64
	inside             func(x float64) bool // the sample space
	draw               func(theta float64, src rand.Source) float64
}

var (
	_ Cubic       = (*Scalar)(nil)
	_ DenseFisher = (*Scalar)(nil)
	_ Conjugate   = (*Scalar)(nil)
	_ FisherRaoer = (*Scalar)(nil)
	_ Sampler     = (*Scalar)(nil)
)

// String returns the name of the family.
func (s *Scalar) String() string { return s.name }

// Dim implements Family.
func (s *Scalar) Dim() int { return 1 }

// LogPartition implements Family.
func (s *Scalar) LogPartition(theta []float64) float64 {
	checkDims(1, theta)
	return s.psi(theta[0])
}

// Mean implements Family.
func (s *Scalar) Mean(dst, theta []float64) {
	checkDims(1, dst, theta)
	dst[0] = s.mean(theta[0])
}

// Natural implements Family.
func (s *Scalar) Natural(dst, eta []float64) error {
	checkDims(1, dst)
	if err := s.CheckMean(eta); err != nil {
		return err
	}
	dst[0] = s.natural(eta[0])
	return nil
}

// NegEntropy implements Conjugate.
func (s *Scalar) NegEntropy(eta []float64) float64 {
	checkDims(1, eta)
	return s.conjugate(eta[0])
}

// FisherMulVec implements Family.
func (s *Scalar) FisherMulVec(dst, theta, v []float64) {
	checkDims(1, dst, theta, v)
	dst[0] = s.variance(theta[0]) * v[0]
}

// FisherSolveVec implements Family.
func (s *Scalar) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(1, dst, theta, v)
	if err := checkDamping(damping); err != nil {
		return err
	}
	g := s.variance(theta[0]) + damping
	if !(g > 0) || math.IsInf(g, 1) {
		return singular(0, 1)
	}
	dst[0] = v[0] / g
	return nil
}

// FisherDense implements DenseFisher.
func (s *Scalar) FisherDense(dst *mat.SymDense, theta []float64) {
	checkDims(1, theta)
	sized(dst, 1)
	dst.SetSym(0, 0, s.variance(theta[0]))
}

// Cubic implements the capability of that name.
func (s *Scalar) Cubic(dst, theta, v []float64) {
	checkDims(1, dst, theta, v)
	dst[0] = s.third(theta[0]) * v[0] * v[0]
}

// FisherRao implements FisherRaoer.
func (s *Scalar) FisherRao(theta0, theta1 []float64) float64 {
	checkDims(1, theta0, theta1)
	return s.distance(theta0[0], theta1[0])
}

// SampleDim implements Statistic.
func (s *Scalar) SampleDim() int { return 1 }

// Statistic implements the capability of that name.
func (s *Scalar) Statistic(dst, x []float64) {
	checkDims(1, dst, x)
	dst[0] = x[0]
	if !s.inside(x[0]) {
		dst[0] = math.NaN()
	}
}

// Sample implements Sampler.
func (s *Scalar) Sample(x, theta []float64, src rand.Source) {
	checkDims(1, x, theta)
	x[0] = s.draw(theta[0], src)
}

// CheckNatural implements Family.
func (s *Scalar) CheckNatural(theta []float64) error {
	checkDims(1, theta)
	if t := theta[0]; !(t > s.naturals[0] && t < s.naturals[1]) {
		return fmt.Errorf("infogeo: %s: theta[0] = %v, want it in (%v, %v): %w", s.name, t, s.naturals[0], s.naturals[1], ErrOutsideNaturalDomain)
	}
	return nil
}

// CheckMean implements Family.
func (s *Scalar) CheckMean(eta []float64) error {
	checkDims(1, eta)
	t, kind := eta[0], ErrOutsideMeanDomain
	if t > s.means[0] && t < s.means[1] {
		return nil
	}
	if (t == s.means[0] || t == s.means[1]) && !math.IsInf(t, 0) {
		kind = ErrBoundary
	}
	return fmt.Errorf("infogeo: %s: eta[0] = %v, want it in (%v, %v): %w", s.name, t, s.means[0], s.means[1], kind)
}

// sized makes dst a symmetric matrix of order n. It panics if dst has another order.
func sized(dst *mat.SymDense, n int) {
	if dst.IsEmpty() {
		dst.ReuseAsSym(n)
	}
	if m := dst.SymmetricDim(); m != n {
		panic(fmt.Sprintf("infogeo: matrix of order %d, want %d", m, n))
	}
}

// isCount says whether x is one of 0, 1, ..., most.
func isCount(x, most float64) bool { return x >= 0 && x <= most && x == math.Trunc(x) }

// startAt is the middle of the natural domain, or -1.
func (s *Scalar) startAt(theta, _ []float64) {
	if theta[0] = 0; !(s.naturals[1] > 0) {
		theta[0] = -1
	}
}

// supportRange implements supported.
func (s *Scalar) supportRange(u []float64) (lo, hi float64) {
	if u[0] == 0 {
		return 0, 0
	}
	lo, hi = u[0]*s.means[0], u[0]*s.means[1]
	return min(lo, hi), max(lo, hi)
}

// ties implements supported: there are none.
func (s *Scalar) ties([]float64, float64, func([]float64)) {}
