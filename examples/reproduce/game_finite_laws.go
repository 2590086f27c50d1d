package main

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// harmonicDrift is the drift of Σ_m c_m Σ_a μ_m(a) log x_m(a) in the harmonic and
// non-strategic part of a random game of three players.
func harmonicDrift(ctx context.Context, seed uint64, i int, weighted bool) (float64, error) {
	shape := []int{2, 3, 2}
	f, err := game.RandomFinite(shape, philox.NewSource(seed, i))
	if err != nil {
		return math.NaN(), err
	}
	src := rand.New(philox.NewSource(seed+1, i))
	var o *game.FiniteOptions
	if weighted {
		o = &game.FiniteOptions{}
		mu := mixedProfile(src, shape)
		for _, h := range shape {
			// Not too near to the boundary of the simplex.
			for a := range mu[:h] {
				mu[a] = mu[a]/2 + .5/float64(h)
			}
			o.Weights, o.Measures, mu = append(o.Weights, .5+src.Float64()), append(o.Measures, mu[:h]), mu[h:]
		}
	}
	parts, err := f.Decompose(o)
	if err != nil {
		return math.NaN(), err
	}
	harmonic, err := parts.Harmonic.Combine(1, parts.NonStrategic, 1)
	if err != nil {
		return math.NaN(), err
	}
	r, err := game.NewReplicator(harmonic, mixedProfile(src, shape))
	if err != nil {
		return math.NaN(), err
	}
	inv, err := r.LogProbabilities(o)
	if err != nil {
		return math.NaN(), err
	}
	return drift(ctx, r, r.Start(), inv, 200)
}

// zeroSumDrift is the drift of the divergence from the equilibrium in generalised
// rock-paper-scissors: payoffs 1 for winning and -1-w for losing that depend on the pair,
// antisymmetric about a random interior equilibrium.
func zeroSumDrift(ctx context.Context, seed uint64, i int) (float64, error) {
	src := rand.New(philox.NewSource(seed+2, i))
	star := mixedProfile(src, []int{3})
	for a := range star {
		star[a] = star[a]/2 + 1./6
	}
	// The cyclic antisymmetric matrix whose kernel is star.
	a := []float64{0, -star[2], star[1], star[2], 0, -star[0], -star[1], star[0], 0}
	b := slices.Clone(a)
	kernel.Scal(-1, b)
	f, err := game.NewFinite([]int{3, 3}, [][]float64{a, b})
	if err != nil {
		return math.NaN(), err
	}
	start := learningStart
	if i > 0 {
		start = mixedProfile(src, []int{3, 3})
	}
	r, err := game.NewReplicator(f, start)
	if err != nil {
		return math.NaN(), err
	}
	inv, err := r.DivergenceFrom(slices.Concat(star, star))
	if err != nil {
		return math.NaN(), err
	}
	return drift(ctx, r, r.Start(), inv, 200)
}

// potentialDrift is the drift of φ - ∫ Σ_m Var_{x_m}(v_m) dt in the potential part of a
// random game; the integral is one more coordinate of the run.
func potentialDrift(ctx context.Context, seed uint64, i int) (float64, error) {
	shape := []int{2, 3, 2}
	f, err := game.RandomFinite(shape, philox.NewSource(seed+3, i))
	if err != nil {
		return math.NaN(), err
	}
	parts, err := f.Decompose(nil)
	if err != nil {
		return math.NaN(), err
	}
	r, err := game.NewReplicator(parts.Potential, mixedProfile(rand.New(philox.NewSource(seed+4, i)), shape))
	if err != nil {
		return math.NaN(), err
	}
	phi, err := r.PotentialOf(parts.Phi)
	if err != nil {
		return math.NaN(), err
	}
	n, x := r.Dim(), make([]float64, r.Dim())
	both := flow.FieldFunc(n+1, func(dst, y []float64, t float64) {
		r.Eval(dst[:n], y[:n], t)
		r.Strategies(x, y[:n])
		dst[n] = 0
		p, v := x, dst[:n] // a number added to v does not change its variance
		for _, h := range shape {
			mean := kernel.Dot(p[:h], v[:h])
			for a, q := range p[:h] {
				dst[n] += q * (v[a] - mean) * (v[a] - mean)
			}
			p, v = p[h:], v[h:]
		}
	})
	law := flow.Invariant[float64]{Name: "potential", Value: func(y []float64) float64 { return phi.Value(y[:n]) - y[n] }}
	return drift(ctx, both, append(r.Start(), 0), law, 20)
}
