package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/infogeo"
	"github.com/gradflow/gradflow/internal/philox"
)

func init() {
	for _, n := range []int{10, 14, 20} {
		timings.Add(fmt.Sprintf("Ising N=%d gradient", n), func() (func() error, error) { return isingGradient(n) })
		timings.Add(fmt.Sprintf("Ising N=%d Fisher product", n), func() (func() error, error) { return isingFisher(n) })
		timings.Add(fmt.Sprintf("zeta transform N=%d", n), func() (func() error, error) { return zeta(n) })
	}
	timings.Add("Ising N=14 gradient, dense design", denseGradient[float64])
	timings.Add("Ising N=14 gradient, dense design, float32", denseGradient[float32])
	timings.Add("Ising N=14 natural gradient step", isingStep)
}

// coupled is a machine with random interactions.
func coupled(n int) (*infogeo.Boltzmann, []float64, error) {
	f, err := infogeo.NewIsing(n)
	if err != nil {
		return nil, nil, err
	}
	r := rand.New(philox.NewSource(1, n))
	theta := make([]float64, f.Dim())
	for i := range theta {
		theta[i] = 0.1 * r.NormFloat64()
	}
	return f, theta, nil
}

// nudge moves a parameter there and back, so that no result can be remembered.
func nudge(theta []float64) { theta[0] = -theta[0] }

func isingGradient(n int) (func() error, error) {
	f, theta, err := coupled(n)
	if err != nil {
		return nil, err
	}
	eta := make([]float64, len(theta))
	return func() error {
		nudge(theta)
		f.Mean(eta, theta)
		return nil
	}, nil
}

// isingFisher times a product at a point whose mean is known.
func isingFisher(n int) (func() error, error) {
	f, theta, err := coupled(n)
	if err != nil {
		return nil, err
	}
	v := make([]float64, len(theta))
	return func() error {
		f.FisherMulVec(v, theta, theta)
		return nil
	}, nil
}

func isingStep() (func() error, error) {
	f, theta, err := coupled(14)
	if err != nil {
		return nil, err
	}
	eta := make([]float64, len(theta))
	return func() error {
		nudge(theta)
		f.Mean(eta, theta)
		return f.FisherSolveVec(eta, theta, eta, 0)
	}, nil
}

func zeta(n int) (func() error, error) {
	x := make([]float64, 1<<n)
	return func() error {
		infogeo.SubsetSums(x)
		return nil
	}, nil
}

// denseGradient is the gradient from the 2^14 x 105 matrix of the statistics.
func denseGradient[T kernel.Float]() (func() error, error) {
	f, theta64, err := coupled(14)
	if err != nil {
		return nil, err
	}
	d := f.Dim()
	a, bits, row := kernel.NewMatrix[T](1<<14, d), make([]float64, 14), make([]float64, d)
	for s := range a.Rows {
		for i := range bits {
			bits[i] = float64(s >> i & 1)
		}
		f.Statistic(row, bits)
		for j, v := range row {
			a.Row(s)[j] = T(v)
		}
	}
	theta, eta, p := make([]T, d), make([]T, d), make([]T, 1<<14)
	for i, v := range theta64 {
		theta[i] = T(v)
	}
	return func() error {
		infogeo.LogLinearMean(eta, p, a, nil, theta)
		return nil
	}, nil
}
