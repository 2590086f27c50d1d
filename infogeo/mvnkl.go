package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// GaussianKL returns the Kullback-Leibler divergence KL(p‖q) of two normal
// distributions: with S and m the covariance and the mean of p seen from q = N(0, I),
//
//	KL = (Σ_i s_i - 1 - log s_i + |m|²)/2,   s_i the eigenvalues of S,
//
// each term without cancellation. It panics if the dimensions differ.
func GaussianKL(p, q *Gaussian) float64 {
	if p.Dim() != q.Dim() {
		panic(fmt.Sprintf("infogeo: GaussianKL of dimensions %d and %d", p.Dim(), q.Dim()))
	}
	l := newGaussianLift(p.Dim())
	l.set(q, p)
	sum := kernel.SumSq(l.mq)
	for _, y := range l.logS {
		sum += expExcess(2 * y)
	}
	return sum / 2
}

// expExcess returns e^y - 1 - y.
func expExcess(y float64) float64 {
	if math.Abs(y) > 0.5 {
		return math.Expm1(y) - y
	}
	sum, term := 0.0, y
	for n := 2.0; n < 20; n++ {
		term *= y / n
		sum += term
	}
	return sum
}
