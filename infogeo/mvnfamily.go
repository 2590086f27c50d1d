package infogeo

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

var _ FisherRaoer = (*MultivariateNormal)(nil)

// FisherRao implements FisherRaoer, by NewGaussianGeodesic. It is NaN if a parameter is
// outside of the domain or the minimisation does not converge.
func (m *MultivariateNormal) FisherRao(theta0, theta1 []float64) float64 {
	var g [2]*Gaussian
	for i, theta := range [][]float64{theta0, theta1} {
		mu, sigma := make([]float64, m.d), mat.NewSymDense(m.d, nil)
		if m.Moments(mu, sigma, theta) != nil {
			return math.NaN()
		}
		var err error
		if g[i], err = NewGaussian(mu, sigma); err != nil {
			return math.NaN()
		}
	}
	d, err := GaussianFisherRao(g[0], g[1])
	if err != nil {
		return math.NaN()
	}
	return d
}
