package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// VonMises is the family of von Mises distributions on the circle: T = (cos x, sin x),
// θ = κ(cos μ, sin μ), ψ = log I0(κ) relative to the uniform distribution,
// η = A(κ)(cos μ, sin μ) with A = I1/I0. It holds no scratch memory.
type VonMises struct{}

var (
	_ Cubic       = VonMises{}
	_ DenseFisher = VonMises{}
	_ Sampler     = VonMises{}
)

// circle holds the derivatives of f(κ) = log I0(κ) at κ = |θ|.
type circle struct {
	k, c, s       float64 // κ and the direction of θ
	psi, a        float64 // f, f' = A
	over          float64 // A/κ
	second, third float64 // f'', f'''
	overSlope     float64 // d(A/κ)/dκ
}

func circleAt(theta []float64) circle {
	k := math.Hypot(theta[0], theta[1])
	v := circle{k: k, c: 1}
	if k > 0 {
		v.c, v.s = theta[0]/k, theta[1]/k
	}
	a, ca, psi := besselRatio(k)
	v.a, v.psi = a, psi
	if k < 0.01 { // A = κ/2 - κ³/16 + κ⁵/96 - ...
		q := k * k
		v.over, v.second = 0.5-q/16+q*q/96, 0.5-3*q/16+5*q*q/96
		v.third, v.overSlope = k*(-3./8+5*q/24), k*(-1./8+q/24)
		return v
	}
	v.over = a / k
	v.second = ca*(1+a) - v.over // 1 - A² - A/κ
	v.third = -v.second/k + v.over/k - 2*a*v.second
	v.overSlope = (v.second - v.over) / k
	return v
}

// fisher returns the elements of the Fisher matrix and its determinant.
func (v *circle) fisher() (g00, g01, g11, det float64) {
	return v.second*v.c*v.c + v.over*v.s*v.s, (v.second - v.over) * v.c * v.s,
		v.second*v.s*v.s + v.over*v.c*v.c, v.second * v.over
}

// Dim implements Family.
func (VonMises) Dim() int { return 2 }

// LogPartition implements Family.
func (VonMises) LogPartition(theta []float64) float64 {
	checkDims(2, theta)
	return circleAt(theta).psi
}

// Mean implements Family.
func (VonMises) Mean(dst, theta []float64) {
	checkDims(2, dst, theta)
	v := circleAt(theta)
	dst[0], dst[1] = v.a*v.c, v.a*v.s
}

// Natural implements Family: A(κ) = |η| by Newton's method.
func (m VonMises) Natural(dst, eta []float64) error {
	checkDims(2, dst)
	if err := m.CheckMean(eta); err != nil {
		return err
	}
	r := math.Hypot(eta[0], eta[1])
	if r == 0 {
		dst[0], dst[1] = 0, 0
		return nil
	}
	k := r * (2 - r*r) / (1 - r*r) // Banerjee et al., JMLR 6 (2005) 1345
	for range 50 {
		at := circleAt([]float64{k, 0})
		d := (at.a - r) / at.second
		k = max(k-d, k/2)
		if math.Abs(d) <= 1e-15*k {
			break
		}
	}
	dst[0], dst[1] = k/r*eta[0], k/r*eta[1]
	return nil
}

// FisherMulVec implements Family.
func (VonMises) FisherMulVec(dst, theta, v []float64) {
	checkDims(2, dst, theta, v)
	at := circleAt(theta)
	a, b, c, _ := at.fisher()
	dst[0], dst[1] = a*v[0]+b*v[1], b*v[0]+c*v[1]
}

// FisherSolveVec implements Family.
func (VonMises) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(2, dst, theta, v)
	at := circleAt(theta)
	a, b, c, det := at.fisher()
	return solve2(dst, a, b, c, det, v, damping)
}

// FisherDense implements DenseFisher.
func (VonMises) FisherDense(dst *mat.SymDense, theta []float64) {
	checkDims(2, theta)
	at := circleAt(theta)
	a, b, c, _ := at.fisher()
	set2(dst, a, b, c)
}

// Cubic implements the capability of that name: with the parts s along θ and w across it
// of v, u = θ/κ,
//
//	f''' s² u + (A/κ)' (|w|² u + 2 s w).
func (VonMises) Cubic(dst, theta, v []float64) {
	checkDims(2, dst, theta, v)
	at := circleAt(theta)
	s, w := at.c*v[0]+at.s*v[1], -at.s*v[0]+at.c*v[1]
	along, across := at.third*s*s+at.overSlope*w*w, 2*at.overSlope*s*w
	dst[0], dst[1] = at.c*along-at.s*across, at.s*along+at.c*across
}

// SampleDim implements Statistic.
func (VonMises) SampleDim() int { return 1 }

// Statistic implements the capability of that name.
func (VonMises) Statistic(dst, x []float64) {
	checkDims(2, dst)
	checkDims(1, x)
	dst[1], dst[0] = math.Sincos(x[0])
}

// Sample implements Sampler: an angle in (-π, π], by rejection from a wrapped Cauchy
// distribution (Best and Fisher, Applied Statistics 28 (1979) 152).
func (VonMises) Sample(x, theta []float64, src rand.Source) {
	checkDims(1, x)
	checkDims(2, theta)
	r := rand.New(src)
	k := math.Hypot(theta[0], theta[1])
	if k < 1e-8 { // uniform to rounding
		x[0] = math.Pi * (2*r.Float64() - 1)
		return
	}
	// ρ' = (1+ρ²)/(2ρ), ρ = (τ-√(2τ))/(2κ), τ = 1+√(1+4κ²); for large κ ρ' - 1 is
	// small: work with excess = ρ' - 1.
	tau := 1 + math.Sqrt(1+4*k*k)
	rho := (tau - math.Sqrt(2*tau)) / (2 * k)
	excess := (1 - rho) * (1 - rho) / (2 * rho)
	for {
		z := math.Cos(math.Pi * r.Float64())
		one := excess * (1 - z) / (1 + excess + z) // 1 - f
		c := k * (excess + one)
		u := 1 - r.Float64()
		if c*(2-c) > u || math.Log(c/u)+1 >= c {
			a := 2 * math.Asin(math.Sqrt(math.Min(1, one/2)))
			if r.Uint64()&1 == 0 {
				a = -a
			}
			x[0] = math.Remainder(math.Atan2(theta[1], theta[0])+a, 2*math.Pi)
			return
		}
	}
}

// CheckNatural implements Family.
func (VonMises) CheckNatural(theta []float64) error {
	checkDims(2, theta)
	return checkFinite("theta", theta, ErrOutsideNaturalDomain)
}

// CheckMean implements Family.
func (VonMises) CheckMean(eta []float64) error {
	checkDims(2, eta)
	switch r := math.Hypot(eta[0], eta[1]); {
	case r == 1:
		return fmt.Errorf("infogeo: VonMises: |eta| = 1, want < 1: %w", ErrBoundary)
	case !(r < 1):
		return fmt.Errorf("infogeo: VonMises: |eta| = %v, want < 1: %w", r, ErrOutsideMeanDomain)
	}
	return nil
}
