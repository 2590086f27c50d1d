package main

import (
	"math/rand/v2"
	"slices"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// finiteRows are the laws of the replicator dynamics in random games: the conserved
// quantities of harmonic games, uniform and with other weights and measures, and of
// zero-sum games, and dφ/dt = Σ Var(v) of potential games.
func finiteRows(j job) ([]conservation, error) {
	var rows []conservation
	for i := range pick(j, 1, 3, 10) {
		for _, row := range []func(seed uint64, i int) (conservation, error){uniformHarmonicRow, weightedHarmonicRow, zeroSumRow, potentialRow} {
			c, err := row(j.seed, i)
			if err != nil {
				return nil, err
			}
			rows = append(rows, c)
		}
	}
	return rows, nil
}

func uniformHarmonicRow(seed uint64, i int) (conservation, error) {
	shape := []int{2, 3, 2}
	return harmonicRow("replicator, harmonic game, Σ log x", seed, i, shape, nil)
}

func weightedHarmonicRow(seed uint64, i int) (conservation, error) {
	shape, o := []int{2, 3, 2}, &game.FiniteOptions{}
	src := rand.New(philox.NewSource(seed+1, i))
	mu := mixedProfile(src, shape)
	for _, h := range shape {
		inward(mu[:h])
		o.Weights, o.Measures, mu = append(o.Weights, .5+src.Float64()), append(o.Measures, mu[:h]), mu[h:]
	}
	return harmonicRow("replicator, harmonic game of weights c and measures μ, Σ c μ log x", seed, i, shape, o)
}

// inward moves a strategy half of the way to the uniform one.
func inward(x []float64) {
	for a := range x {
		x[a] = x[a]/2 + .5/float64(len(x))
	}
}

// harmonicRow is the harmonic and non-strategic part of a random game, in which Σ_m c_m
// Σ_a μ_m(a) log x_m(a) is constant.
func harmonicRow(name string, seed uint64, i int, shape []int, o *game.FiniteOptions) (conservation, error) {
	f, err := game.RandomFinite(shape, philox.NewSource(seed, i))
	if err != nil {
		return conservation{}, err
	}
	parts, err := f.Decompose(o)
	if err != nil {
		return conservation{}, err
	}
	harmonic, err := parts.Harmonic.Combine(1, parts.NonStrategic, 1)
	if err != nil {
		return conservation{}, err
	}
	r, err := game.NewReplicator(harmonic, mixedProfile(rand.New(philox.NewSource(seed+2, i)), shape))
	if err != nil {
		return conservation{}, err
	}
	inv, err := r.LogProbabilities(o)
	return conservation{name, r, r.Start(), 200, []flow.Invariant[float64]{inv}}, err
}

// zeroSumRow is a zero-sum game with cyclic payoffs about a random interior equilibrium,
// whose divergence is constant.
func zeroSumRow(seed uint64, i int) (conservation, error) {
	src := rand.New(philox.NewSource(seed+3, i))
	star := mixedProfile(src, []int{3})
	inward(star)
	// The antisymmetric matrix whose kernel is star.
	a := []float64{0, -star[2], star[1], star[2], 0, -star[0], -star[1], star[0], 0}
	b := slices.Clone(a)
	kernel.Scal(-1, b)
	f, err := game.NewFinite([]int{3, 3}, [][]float64{a, b})
	if err != nil {
		return conservation{}, err
	}
	r, err := game.NewReplicator(f, mixedProfile(src, []int{3, 3}))
	if err != nil {
		return conservation{}, err
	}
	inv, err := r.DivergenceFrom(slices.Concat(star, star))
	return conservation{"replicator, zero-sum game, Σ KL", r, r.Start(), 200, []flow.Invariant[float64]{inv}}, err
}

// potentialRow is the potential part of a random game, in which φ - ∫ Σ_m Var_{x_m}(v_m)
// dt is constant; the integral is one more coordinate of the run.
func potentialRow(seed uint64, i int) (conservation, error) {
	shape := []int{2, 3, 2}
	f, err := game.RandomFinite(shape, philox.NewSource(seed+4, i))
	if err != nil {
		return conservation{}, err
	}
	parts, err := f.Decompose(nil)
	if err != nil {
		return conservation{}, err
	}
	r, err := game.NewReplicator(parts.Potential, mixedProfile(rand.New(philox.NewSource(seed+5, i)), shape))
	if err != nil {
		return conservation{}, err
	}
	phi, err := r.PotentialOf(parts.Phi)
	if err != nil {
		return conservation{}, err
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
	return conservation{"replicator, potential game, φ - ∫ Σ Var(v)", both, append(r.Start(), 0), 20, []flow.Invariant[float64]{law}}, nil
}
