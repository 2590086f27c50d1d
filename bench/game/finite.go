package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

func init() {
	for _, shape := range [][]int{{16, 16}, {6, 6, 6}, {5, 5, 5, 5}, {10, 10, 10, 10, 10}} {
		timings.Add("decompose "+nameOf(shape), func() (func() error, error) { return decompose(shape) })
	}
	timings.Add("decompose 10000 games 3x3", batch)
	timings.Add("replicator field 3x3", func() (func() error, error) { return field(3, 3) })
	timings.Add("replicator field 50x50", func() (func() error, error) { return field(50, 50) })
	timings.Add("replicator field 5x5x5", func() (func() error, error) { return field(5, 5, 5) })
	timings.Add("replicator rock-paper-scissors T=200", orbit)
}

func nameOf(shape []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", "x"), "[]")
}

// decompose times the decomposition into new games, all components.
func decompose(shape []int) (func() error, error) {
	f, err := game.RandomFinite(shape, philox.NewSource(1, 0))
	return func() error {
		_, err := f.Decompose(nil)
		return err
	}, err
}

// batch times the metrics of given games.
func batch() (func() error, error) {
	const lanes, batches = 125, 80
	b, err := game.NewFiniteBatch([]int{3, 3}, lanes, nil)
	if err != nil {
		return nil, err
	}
	b.Random(1, 0)
	metrics := make([]game.FiniteMetrics, lanes)
	return func() error {
		for range batches {
			b.Measure(metrics)
		}
		return nil
	}, nil
}

func field(shape ...int) (func() error, error) {
	f, err := game.RandomFinite(shape, philox.NewSource(1, 0))
	if err != nil {
		return nil, err
	}
	var x []float64
	for _, h := range shape {
		for range h {
			x = append(x, 1/float64(h))
		}
	}
	r, err := game.NewReplicator(f, x)
	if err != nil {
		return nil, err
	}
	y, d := r.Start(), make([]float64, r.Dim())
	return func() error {
		r.Eval(d, y, 0)
		return nil
	}, nil
}

// orbit times a run whose drift of KL is below 1e-9.
func orbit() (func() error, error) {
	return func() error {
		r, err := game.NewReplicator(game.RockPaperScissors(), []float64{.5, .3, .2, .2, .5, .3})
		if err != nil {
			return err
		}
		_, err = flow.Solve(context.Background(), flow.Field[float64](r), r.Start(), flow.Options[float64]{Method: flow.DOP853, T1: 200, RelTol: 1e-11, AbsTol: 1e-11})
		return err
	}, nil
}
