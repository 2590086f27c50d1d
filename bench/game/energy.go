package main

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

func init() {
	timings.Add("potential energy linear n=100, 40000 samples", energy)
	timings.Add("quartic field, 4 players, 1024 states", quartic)
}

// energy times the Monte-Carlo estimate of the scalar energy.
func energy() (func() error, error) {
	const n = 100
	r := rand.New(philox.NewSource(1, 0))
	j := mat.NewDense(n, n, nil)
	blocks := make([]int, n)
	for k := range n {
		blocks[k] = 1
		for l := range n {
			j.Set(k, l, r.NormFloat64()/math.Sqrt(n))
		}
	}
	g, err := game.Affine(blocks, j, nil)
	return func() error {
		_, err := game.PotentialEnergy(context.Background(), g, game.Gaussian(nil, 1), game.EnergySample{Samples: 40000})
		return err
	}, err
}

// quartic times the batched field of a game with all monomials.
func quartic() (func() error, error) {
	g, err := game.RandomPolynomial([]int{1, 1, 1, 1}, 4, philox.NewSource(1, 0))
	if err != nil {
		return nil, err
	}
	const lanes = 1024
	b := game.Batched[float64](g)
	r := rand.New(philox.NewSource(2, 0))
	x, dst := make([]float64, 4*lanes), make([]float64, 4*lanes)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return func() error {
		b.EvalBatch(dst, x, lanes)
		return nil
	}, nil
}
