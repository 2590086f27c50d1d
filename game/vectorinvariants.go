package game

import (
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow"
)

// VectorInvariants returns what the gradient play of the part Vector conserves:
//
//   - exp(-Σ(x_k-μ_k)²/(2v_k)) B_12 for ScalarFirst with two scalar players (its level
//     sets other than 0 are bounded, so that almost every orbit is a closed curve);
//   - |x-μ|² for ScalarFirst with the jet weight, any number of players;
//   - the stream function B_12 for VectorFirst and ThreeWay with two scalar players.
//
// Otherwise there are none that are known (derived for this package).
func (p *Parts) VectorInvariants() []flow.Invariant[float64] {
	n := Dim(p.Vector)
	mean, variance := make([]float64, n), make([]float64, n)
	copy(mean, p.Weight.Mean)
	for k := range variance {
		variance[k] = 1
		if v := p.Weight.Var; len(v) > 0 {
			variance[k] = v[min(k, len(v)-1)]
		}
	}
	distance := func(x []float64) float64 {
		s := 0.0
		for k, v := range x {
			s += (v - mean[k]) * (v - mean[k]) / variance[k]
		}
		return s
	}
	if p.Decomposition == ScalarFirst && p.Weight.Jet {
		return []flow.Invariant[float64]{{Name: "|x-μ|²", Value: distance}}
	}
	if !slices.Equal(p.Vector.Blocks(), []int{1, 1}) {
		return nil
	}
	b := NewPoly(2)
	for _, e := range p.VectorPotential() {
		b = e.B
	}
	if p.Decomposition == ScalarFirst {
		return []flow.Invariant[float64]{{Name: "exp(-|x-μ|²/2v) B", Value: func(x []float64) float64 {
			return math.Exp(-distance(x)/2) * b.Eval(x)
		}}}
	}
	return []flow.Invariant[float64]{{Name: "B", Value: b.Eval}}
}
