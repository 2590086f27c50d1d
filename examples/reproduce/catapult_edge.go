package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/internal/digits"
)

// catapultEdge is where the networks of a kind stop training.
type catapultEdge struct {
	name   string
	edge   *catapult.Edge
	lo, hi float64 // wanted median of the last stable c; hi = 0: not judged
}

// edgesOf finds the edges, or returns those found before.
func (s *catapultStudy) edgesOf(ctx context.Context, told progress) ([]catapultEdge, error) {
	if s.edges != nil {
		return s.edges, nil
	}
	const n, d = 256, digits.Pixels
	inf := math.Inf(1)
	kinds := []struct {
		name   string
		act    catapult.Activation
		sizes  []int
		c      []float64
		lo, hi float64
	}{
		{"ReLU, 1 hidden", catapult.ReLU, []int{d, n, 1}, pick(s.job, []float64{3, 3.4, 3.8, 4.2, 4.6}, grid(3, 4.6, 0.2), grid(2.6, 5, 0.1)), 3, 4.2},
		{"ReLU, 2 hidden", catapult.ReLU, []int{d, n, n, 1}, pick(s.job, []float64{12}, grid(4, 20, 2), grid(3, 28, 1)), 12, inf},
		{"ReLU, 3 hidden", catapult.ReLU, []int{d, n, n, n, 1}, pick(s.job, []float64{8}, grid(4, 16, 2), grid(3, 20, 1)), 8, inf},
		{"tanh, 1 hidden", catapult.Tanh, []int{d, n, 1}, pick(s.job, nil, grid(3, 6, 0.5), grid(2.6, 6, 0.1)), 0, 0},
		{"tanh, 2 hidden", catapult.Tanh, []int{d, n, n, 1}, pick(s.job, nil, grid(3, 6, 0.5), grid(2.6, 6, 0.1)), 0, 0},
	}
	var all []catapultEdge
	for i, k := range kinds {
		told(float64(i) / float64(len(kinds)))
		if k.c == nil {
			continue
		}
		e, err := catapult.StableEdge(ctx, catapult.NetConfig{Sizes: k.sizes, Act: k.act}, parity[float32](128), catapult.EdgeOptions{C: k.c, Seeds: s.seeds(3)})
		if err != nil {
			return nil, err
		}
		all = append(all, catapultEdge{k.name, e, k.lo, k.hi})
	}
	s.edges = all
	return all, nil
}

func (s *catapultStudy) reluEdge(ctx context.Context, told progress) (outcome, error) {
	edges, err := s.edgesOf(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{want: "last stable c (median of three seeds): one hidden layer 3 to 4.2, two ≥ 12, three ≥ 8", pass: true}
	var got, other, grids []string
	for _, e := range edges {
		m := e.edge.MedianStable()
		text := fmt.Sprintf("%s: %s (%s)", e.name, number(m), numbers(e.edge.LastStable))
		if e.hi == 0 {
			other = append(other, text)
			continue
		}
		got = append(got, text)
		o.pass = o.pass && m >= e.lo && m <= e.hi
	}
	o.got = strings.Join(got, "; ")
	for _, e := range edges {
		grids = append(grids, fmt.Sprintf("%s: %s", e.name, numbers(e.edge.C)))
	}
	o.note = "n = 256 units a layer, 128 digits, 150 steps, three seeds, whose values are in brackets. Stable: finite, loss at most 0.9 of that of f = 0, not rising over the last 20 steps; a network that died is not. Learning rates c tried: " + strings.Join(grids, "; ") + "."
	if len(other) > 0 {
		o.note += " For comparison: " + strings.Join(other, "; ") + "."
	}
	return o, nil
}
