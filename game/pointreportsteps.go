package game

import (
	"math"
	"math/cmplx"
)

// criticalSteps fills in the learning rates below which the methods converge on ξ = Jx.
func (r *PointReport) criticalSteps() (err error) {
	if r.CriticalGD, err = GDCriticalStep(r.Jacobian); err != nil {
		return err
	}
	if r.CriticalEG, err = critical(r.Eigenvalues, extragradientRadius); err != nil {
		return err
	}
	r.CriticalOGDA, err = critical(r.Eigenvalues, optimisticRadius)
	return err
}

// extragradientRadius is the r below which extragradient converges on ηλ = z = r e^{iθ},
// c = cos θ: its factor 1-z+z² is below 1 in modulus while
//
//	r³ - 2c r² + (4c²-1) r - 2c < 0.
func extragradientRadius(c float64) (float64, error) {
	return leastRoot(1, -2*c, 4*c*c-1, -2*c)
}

// optimisticRadius is that of optimistic gradient descent: both roots of
// μ² - (1-2z)μ - z lie in the unit disc (Schur, Cohn) while r < 1 and
//
//	3r³ + 4c r² - r - 2c < 0.
func optimisticRadius(c float64) (float64, error) {
	r, err := leastRoot(3, 4*c, -1, -2*c)
	return math.Min(1, r), err
}

// critical returns the least of radius(cos θ)/|λ| over the eigenvalues |λ| e^{iθ}. A real
// part within rounding of 0 is 0. A zero eigenvalue has no critical step: the method does
// not move in its direction, so that nothing converges there.
func critical(eig []complex128, radius func(c float64) (float64, error)) (float64, error) {
	least := math.Inf(1)
	for _, l := range eig {
		size := cmplx.Abs(l)
		if size == 0 {
			return 0, nil
		}
		c := real(l) / size
		if math.Abs(c) < 1e-13 {
			c = 0
		}
		if c < 0 {
			return 0, nil
		}
		r, err := radius(c)
		if err != nil {
			return 0, err
		}
		least = math.Min(least, r/size)
	}
	return least, nil
}

// leastRoot returns the least positive root of a r³ + b r² + c r + d, a > 0, where the
// cubic is negative just above 0.
func leastRoot(a, b, c, d float64) (float64, error) {
	roots, err := realRoots([]float64{d, c, b, a})
	least := math.Inf(1)
	for _, r := range roots {
		if r > 1e-9 {
			least = math.Min(least, r)
		}
	}
	return least, err
}
