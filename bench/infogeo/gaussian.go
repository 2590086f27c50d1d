package main

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/infogeo"
)

func init() {
	for _, d := range []int{3, 10, 50} {
		timings.Add(fmt.Sprintf("Gaussian Fisher-Rao distance d=%d", d), func() (func() error, error) { return gaussianDistance(d) })
	}
}

// gaussian has the mean shift·sin i and the covariance s_i s_j exp(-|i-j|/range), s_i = 1 +
// .5 sin(phase + i).
func gaussian(d int, shift, length, phase float64) (*infogeo.Gaussian, error) {
	mean, cov := make([]float64, d), mat.NewSymDense(d, nil)
	s := func(i int) float64 { return 1 + 0.5*math.Sin(phase+float64(i)) }
	for i := range d {
		mean[i] = shift * math.Sin(float64(i))
		for j := range i + 1 {
			cov.SetSym(i, j, s(i)*s(j)*math.Exp(-float64(i-j)/length))
		}
	}
	return infogeo.NewGaussian(mean, cov)
}

// gaussianDistance times the distance with its certificates, to a residual of 1e-11.
func gaussianDistance(d int) (func() error, error) {
	a, err := gaussian(d, 0, 3, 0)
	if err != nil {
		return nil, err
	}
	b, err := gaussian(d, 1, 1, 2)
	if err != nil {
		return nil, err
	}
	return func() error {
		_, err := infogeo.GaussianFisherRao(a, b)
		return err
	}, nil
}
