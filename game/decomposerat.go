package game

import (
	"math/big"
	"slices"
)

// RatEnergies are exact Energies.
type RatEnergies struct{ Total, Scalar, Vector, Harmonic, Cross *big.Rat }

// RatParts are Parts in exact rational numbers.
type RatParts struct {
	Decomposition                          Decomposition
	Weight                                 RatWeight
	Scalar, Vector, Harmonic, NonStrategic *RatPolynomial // Harmonic is nil except for ThreeWay
	Potential, HarmonicPotential, Q        *RatPoly       // nil as in Parts
	Energy                                 RatEnergies
	Gap                                    *big.Rat

	m      *measure[ratio]
	vector []sparse[ratio]
}

// Decompose splits the game as Polynomial.Decompose does, exactly: a Gaussian-weighted
// Hodge decomposition in the sense of Zhou et al. (2024), the construction ours.
//
// Errors are those of Polynomial.Decompose.
func (g *RatPolynomial) Decompose(s Decomposition, w RatWeight) (*RatParts, error) {
	m, err := w.measure(g.blocks)
	if err != nil {
		return nil, err
	}
	losses := make([]sparse[ratio], len(g.losses))
	for i, l := range g.losses {
		losses[i] = m.toHermite(l.terms)
	}
	all, gap, err := m.split(s, losses, eliminate)
	if err != nil {
		return nil, err
	}
	poly := func(s sparse[ratio]) *RatPoly { return &RatPoly{m.n, slices.Clone(m.toPowers(s))} }
	game := func(losses []sparse[ratio]) *RatPolynomial {
		r := &RatPolynomial{blocks: g.blocks}
		for _, l := range losses {
			r.losses = append(r.losses, poly(l))
		}
		return r
	}
	p := &RatParts{
		Decomposition: s, Weight: w, m: m, vector: all.vector, Gap: gap.rat(),
		Energy: RatEnergies{all.total.rat(), all.energyScalar.rat(), all.energyVector.rat(), all.energyHarmonic.rat(), all.cross.rat()},
		Scalar: game(all.scalar), Vector: game(all.vector), NonStrategic: game(all.leftovers),
	}
	switch s {
	case ScalarFirst:
		p.Potential = poly(all.phi)
	case VectorFirst:
		p.Q = poly(all.q)
	case ThreeWay:
		p.Potential, p.HarmonicPotential, p.Harmonic = poly(all.phi), poly(all.h), game(all.harmonic)
	}
	return p, nil
}

// DecomposeExact splits the game with the exact values of its coefficients in rational
// arithmetic: a Gaussian-weighted Hodge decomposition in the sense of Zhou et al. (2024),
// the construction ours.
// Use ParseRatGame for coefficients such as 1/3, which float64 does not have.
//
// Errors are those of Decompose.
func (g *Polynomial) DecomposeExact(s Decomposition, w RatWeight) (*RatParts, error) {
	return g.Rat().Decompose(s, w)
}

// RatAntisymEntry is an AntisymEntry in exact numbers.
type RatAntisymEntry struct {
	I, J int
	B    *RatPoly
}

// VectorPotential returns the vector potential of Vector as Parts.VectorPotential does.
func (p *RatParts) VectorPotential() []RatAntisymEntry {
	var out []RatAntisymEntry
	for k, row := range p.m.potentialOf(p.Decomposition, p.vector) {
		for l, s := range row {
			if len(s) > 0 {
				out = append(out, RatAntisymEntry{k, l, &RatPoly{p.m.n, p.m.toPowers(s)}})
			}
		}
	}
	return out
}

// eliminate solves a symmetric positive definite system by Gauss' elimination, whose
// pivots are then positive without exchanges.
func eliminate(a [][]ratio, b []ratio) []ratio {
	n := len(b)
	for c := range n {
		for r := c + 1; r < n; r++ {
			if a[r][c].zero() {
				continue
			}
			f := a[r][c].over(a[c][c])
			for k := c; k < n; k++ {
				a[r][k] = a[r][k].minus(f.times(a[c][k]))
			}
			b[r] = b[r].minus(f.times(b[c]))
		}
	}
	for r := n - 1; r >= 0; r-- {
		for k := r + 1; k < n; k++ {
			b[r] = b[r].minus(a[r][k].times(b[k]))
		}
		b[r] = b[r].over(a[r][r])
	}
	return b
}
