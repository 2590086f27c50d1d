package game

import (
	"math"

	"github.com/gradflow/gradflow/flow"
)

// VectorGame is the Vector part of a Gaussian-weighted Hodge decomposition in the sense
// of Zhou et al. (2024) with what its gradient play conserves; the construction is ours.
type VectorGame struct {
	*Polynomial
	invariants []flow.Invariant[float64]
}

// Invariants implements Invarianter.
func (g *VectorGame) Invariants() []flow.Invariant[float64] { return g.invariants }

// Clone implements Cloner.
func (g *VectorGame) Clone() Game { return &VectorGame{g.clone(), g.invariants} }

// VectorGame returns Vector with the invariants of x' = -ξ that are known in closed form:
//
//	ScalarFirst, jet weight            |x-μ|²
//	ScalarFirst, two scalar players    exp(-Σ (x_k-μ_k)²/2v_k) B_12, with bounded level sets
//	VectorFirst, two scalar players    B_12, the stream function; ThreeWay the same
//
// A near vector part preserves the weight, a probability measure, so that almost every
// orbit that exists for all times is recurrent; an exact one preserves volume.
func (p *Parts) VectorGame() *VectorGame {
	g := &VectorGame{Polynomial: p.Vector.clone()}
	m := p.m
	if p.Decomposition == ScalarFirst && m.jet {
		g.invariants = append(g.invariants, flow.Invariant[float64]{Name: "|x-mu|^2", Value: func(x []float64) float64 {
			return distance(m, x)
		}})
	}
	if m.n != 2 || m.players != 2 || p.Decomposition == ScalarFirst && m.jet {
		return g
	}
	b := NewPoly(2)
	if list := p.VectorPotential(); len(list) > 0 {
		b = list[0].B
	}
	name, value := "B_12", b.Eval
	if p.Decomposition == ScalarFirst {
		name, value = "weighted B_12", func(x []float64) float64 { return math.Exp(-distance(m, x)/2) * b.Eval(x) }
	}
	g.invariants = append(g.invariants, flow.Invariant[float64]{Name: name, Value: value})
	return g
}
