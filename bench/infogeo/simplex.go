package main

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/infogeo"
)

func init() {
	const k = 1_000_000
	timings.Add(fmt.Sprintf("simplex step and loss K=%d", k), func() (func() error, error) { return simplexStep[float64](k) })
	timings.Add(fmt.Sprintf("simplex step, no series K=%d", k), func() (func() error, error) { return simplexStep[float64](k) })
	timings.Add(fmt.Sprintf("simplex step, naive loss K=%d", k), func() (func() error, error) { return simplexStep[float64](k) })
	timings.Add(fmt.Sprintf("simplex step and loss K=%d, float32", k), func() (func() error, error) { return simplexStep[float32](k) })
	timings.Add("simplex step and loss K=1000", func() (func() error, error) { return simplexStep[float64](1000) })
	timings.Add("simplex batch 10000x16", simplexBatch[float64])
	timings.Add("simplex batch 10000x16, naive loss", simplexBatch[float64])
	timings.Add("simplex batch 10000x16, float32", simplexBatch[float32])
	timings.Add(fmt.Sprintf("natural step K=%d", k), func() (func() error, error) { return naturalStep(k) })
	timings.Add(fmt.Sprintf("Fisher product K=%d", k), func() (func() error, error) { return simplexFisher(k, fisherMul) })
	timings.Add(fmt.Sprintf("Fisher solve K=%d", k), func() (func() error, error) { return simplexFisher(k, fisherSolve) })
	timings.Add(fmt.Sprintf("Fisher damped solve K=%d", k), func() (func() error, error) { return simplexFisher(k, fisherDamped) })
	timings.Add(fmt.Sprintf("extreme eigenvalues K=%d", k), func() (func() error, error) { return extremeEigenvalues(k) })
	timings.Add("all eigenvalues K=1000", allEigenvalues)
}

// zipfOf is p_i ~ 1/(i+1).
func zipfOf[T flow.Float](k int) ([]T, error) {
	p := make([]T, k)
	for i := range p {
		p[i] = 1 / T(i+1)
	}
	return p, infogeo.Smooth(p, p, 0)
}

// simplexStep is gradient descent in θ, from the uniform distribution on.
func simplexStep[T flow.Float](k int) (func() error, error) {
	q, err := zipfOf[T](k)
	if err != nil {
		return nil, err
	}
	theta := make([]T, k-1)
	return func() error {
		infogeo.ThetaStep(theta, theta, q, nil, 1)
		return nil
	}, nil
}

func simplexBatch[T flow.Float]() (func() error, error) {
	const rows, k = 10000, 16
	z, q, p := kernel.NewMatrix[T](rows, k), kernel.NewMatrix[T](rows, k), kernel.NewMatrix[T](rows, k)
	w, err := zipfOf[T](k)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		copy(q.Row(i), w)
	}
	loss := make([]float64, rows)
	return func() error {
		infogeo.LogitStepRows(loss, z, q, p, 1)
		return nil
	}, nil
}

// naturalStep is natural gradient descent in η, without the loss.
func naturalStep(k int) (func() error, error) {
	q, err := zipfOf[float64](k)
	if err != nil {
		return nil, err
	}
	p := make([]float64, k)
	for i := range p {
		p[i] = 1 / float64(k)
	}
	return func() error {
		infogeo.MixStep(p, p, q, 0.01)
		return nil
	}, nil
}

func fisherMul(dst, p, v []float64)   { infogeo.FisherMul(dst, p[:len(v)], v) }
func fisherSolve(dst, p, v []float64) { infogeo.FisherSolve(dst, p[:len(v)], p[len(v)], v) }
func fisherDamped(dst, p, v []float64) {
	infogeo.FisherSolveDamped(dst, p[:len(v)], p[len(v)], v, 1e-3)
}

func simplexFisher(k int, product func(dst, p, v []float64)) (func() error, error) {
	p, err := zipfOf[float64](k)
	if err != nil {
		return nil, err
	}
	v, dst := make([]float64, k-1), make([]float64, k-1)
	for i := range v {
		v[i] = float64(i%7) - 3
	}
	return func() error {
		product(dst, p, v)
		return nil
	}, nil
}

func extremeEigenvalues(k int) (func() error, error) {
	p, err := zipfOf[float64](k)
	return func() error {
		_, err := infogeo.SimplexSpectrum(p, k-1)
		return err
	}, err
}

func allEigenvalues() (func() error, error) {
	p, err := zipfOf[float64](1000)
	dst := make([]float64, 999)
	return func() error { return infogeo.SimplexEigenvalues(dst, p, 999) }, err
}
