package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Decomposition says which Gaussian-weighted Hodge decomposition, in the sense of Zhou et
// al. (2024), is meant. The constructions are ours; see the package documentation.
type Decomposition int

const (
	// ScalarFirst splits into an exact scalar potential game and a near vector potential
	// game: the orthogonal projection of ξ onto gradient fields.
	ScalarFirst Decomposition = iota
	// VectorFirst splits into a near scalar potential game and an exact vector potential
	// game.
	VectorFirst
	// ThreeWay splits into exact scalar, harmonic and exact vector potential games. It
	// wants equal variances.
	ThreeWay
)

// String returns the name of the constant.
func (s Decomposition) String() string {
	switch s {
	case ScalarFirst:
		return "ScalarFirst"
	case VectorFirst:
		return "VectorFirst"
	case ThreeWay:
		return "ThreeWay"
	}
	return fmt.Sprintf("Decomposition(%d)", int(s))
}

// Energies are the squared norms E_w|·|² of the fields of a game and its parts; of the
// jet weight the Fock norm, Σ λ_i α! c² of the Taylor coefficients.
type Energies struct {
	Total, Scalar, Vector float64
	Harmonic              float64 // of ThreeWay
	// Cross is 2⟨scalar, vector⟩. It is 0 but for ThreeWay, and
	// Total = Scalar + Harmonic + Vector + Cross.
	Cross float64
}

// ScalarShare returns Scalar/Total, NaN for a game without strategic part.
func (e Energies) ScalarShare() float64 { return e.Scalar / e.Total }

// VectorShare returns Vector/Total, NaN for a game without strategic part.
func (e Energies) VectorShare() float64 { return e.Vector / e.Total }

// Parts are the parts of a polynomial game in a Gaussian-weighted Hodge decomposition in
// the sense of Zhou et al. (2024), the construction ours: l_i is the sum of the losses of
// all parts. Every part is a game that can be run and decomposed again. Losses are
// normalised: except in NonStrategic, the conditional mean of l_i given the other players
// is 0 under the weight.
type Parts struct {
	Decomposition Decomposition
	Weight        Weight

	// Scalar is the game with the field ∇φ (ScalarFirst), ∇φ_F (ThreeWay) or the near
	// scalar field (x-μ)/v q - ∇q projected onto games (VectorFirst).
	Scalar *Polynomial
	// Vector has div ξ = 0 (VectorFirst, ThreeWay) or div(wξ) = 0 (ScalarFirst).
	Vector *Polynomial
	// Harmonic has the field ∇h, Δh = 0; nil except for ThreeWay.
	Harmonic *Polynomial
	// NonStrategic has the field 0.
	NonStrategic *Polynomial

	// Potential is φ, of mean 0, with ξ = ∇φ in Scalar; nil for VectorFirst.
	Potential *Poly
	// HarmonicPotential is h; nil except for ThreeWay.
	HarmonicPotential *Poly
	// Q is q; nil except for VectorFirst.
	Q *Poly

	Energy Energies
	// Gap is the squared distance from exact of the part that is only near: of ScalarFirst
	// the energy of the near scalar part of Vector, of VectorFirst that of the near vector
	// part of Scalar; 0 for ThreeWay.
	Gap float64
	// DigitsLost estimates how many of the 16 decimal digits of the coefficients, relative
	// to those of the losses, cancellation has cost: the logarithm of the sum of absolute
	// terms over that of results, at |x_k| = |μ_k| + √v_k. The remedy is DecomposeExact.
	DigitsLost float64

	m      *measure[double]
	vector []sparse[double]
}

// Decompose splits the game by a Gaussian-weighted Hodge decomposition in the sense of
// Zhou et al. (2024); the construction is ours. Shares are NaN for a game without
// strategic part.
//
// Errors: ErrArgument, ErrShape and ErrNotFinite for a bad weight or decomposition,
// ErrWeight for a jet weight with variances or ThreeWay with unequal ones, ErrNotFinite
// for degrees so high (above 100) that energies overflow.
func (g *Polynomial) Decompose(s Decomposition, w Weight) (*Parts, error) {
	m, err := w.measure(g.blocks)
	if err != nil {
		return nil, err
	}
	losses := make([]sparse[double], len(g.losses))
	for i, l := range g.losses {
		losses[i] = m.toHermite(l.terms)
	}
	return decomposeHermite(g.blocks, m, losses, g.losses, s, w)
}

// decomposeHermite splits losses given by their Hermite coefficients.
func decomposeHermite(blocks []int, m *measure[double], losses []sparse[double], polys []*Poly, s Decomposition, w Weight) (*Parts, error) {
	all, gap, err := m.split(s, losses, cholesky)
	if err != nil {
		return nil, err
	}
	for _, e := range []double{all.total, all.energyScalar, all.energyVector, all.energyHarmonic, all.cross, gap} {
		if math.IsNaN(e.v) || math.IsInf(e.v, 0) {
			return nil, fmt.Errorf("game: Decompose: energies exceed the range of float64 (total %v); DecomposeExact has no such limit: %w", all.total.v, ErrNotFinite)
		}
	}
	c := &converter{m: m, blocks: blocks}
	p := &Parts{
		Decomposition: s, Weight: w, m: m, vector: all.vector, Gap: gap.v,
		Energy: Energies{Total: all.total.v, Scalar: all.energyScalar.v, Vector: all.energyVector.v, Harmonic: all.energyHarmonic.v, Cross: all.cross.v},
		Scalar: c.game(all.scalar), Vector: c.game(all.vector), NonStrategic: c.game(all.leftovers),
	}
	switch s {
	case ScalarFirst:
		p.Potential = c.poly(all.phi)
	case VectorFirst:
		p.Q = c.poly(all.q)
	case ThreeWay:
		p.Potential, p.HarmonicPotential, p.Harmonic = c.poly(all.phi), c.poly(all.h), c.game(all.harmonic)
	}
	p.DigitsLost = c.digitsLost(polys)
	return p, nil
}

// split runs one of the three decompositions and measures total energy and gap.
func (m *measure[E]) split(s Decomposition, losses []sparse[E], solve solver[E]) (all *split[E], gap E, err error) {
	switch s {
	case ScalarFirst:
		all = m.scalarFirst(losses)
		gap = m.vectorFirst(all.vector, solve).energyScalar
	case VectorFirst:
		all = m.vectorFirst(losses, solve)
		_, _, _, gap = m.gradientPart(all.scalar)
	case ThreeWay:
		if !m.isotropic() {
			return nil, gap, fmt.Errorf("game: ThreeWay with unequal variances, want the same for all coordinates: %w", ErrWeight)
		}
		all = m.threeWay(losses)
	default:
		return nil, gap, fmt.Errorf("game: decomposition = %v, want ScalarFirst, VectorFirst or ThreeWay: %w", s, ErrArgument)
	}
	all.total = m.energy(losses)
	return all, gap, nil
}

// converter turns Hermite coefficients into polynomials and adds up what they cost.
type converter struct {
	m      *measure[double]
	blocks []int
	terms  float64
}

func (c *converter) poly(s sparse[double]) *Poly { return newPoly(c.m.n, c.m.toPowers(s)) }

func (c *converter) game(losses []sparse[double]) *Polynomial {
	list := make([]*Poly, len(losses))
	for i, l := range losses {
		p := c.m.toPowers(l)
		for _, t := range p {
			c.terms += t.c.terms * c.size(t.p)
		}
		list[i] = newPoly(c.m.n, p)
	}
	return newPolynomial(c.blocks, list)
}

// size returns the typical absolute value of a monomial under the weight.
func (c *converter) size(p powers) float64 {
	s := 1.0
	for k := range c.m.n {
		s *= math.Pow(math.Abs(c.m.mean[k].v)+math.Sqrt(c.m.v[k].v), float64(p[k]))
	}
	return s
}

func (c *converter) digitsLost(losses []*Poly) float64 {
	size := 0.0
	for _, l := range losses {
		for _, t := range l.terms {
			size += math.Abs(t.c.v) * c.size(t.p)
		}
	}
	if size == 0 {
		return 0
	}
	return math.Max(0, math.Log10(c.terms/size))
}

// cholesky solves a symmetric positive definite system. As the terms of the result count
// those of the right side, times |A⁻¹|.
func cholesky(a [][]double, b []double) []double {
	n := len(b)
	s := mat.NewSymDense(n, nil)
	for r := range a {
		for c := r; c < n; c++ {
			s.SetSym(r, c, a[r][c].v)
		}
	}
	var f mat.Cholesky
	if !f.Factorize(s) {
		panic("game: the matrix of the divergence equation is not positive definite")
	}
	var inv mat.SymDense
	x := mat.NewVecDense(n, nil)
	rhs := mat.NewVecDense(n, nil)
	for i, v := range b {
		rhs.SetVec(i, v.v)
	}
	// Both report a high condition as an error and store the result all the same.
	_ = f.SolveVecTo(x, rhs)
	_ = f.InverseTo(&inv)
	out := make([]double, n)
	for i := range out {
		out[i].v = x.AtVec(i)
		for j, v := range b {
			out[i].terms += math.Abs(inv.At(i, j)) * v.terms
		}
	}
	return out
}

// AntisymEntry is an entry of an antisymmetric matrix field, B_IJ = -B_JI, I < J.
type AntisymEntry struct {
	I, J int
	B    *Poly
}

// VectorPotential returns the entries of the vector potential of Vector that are not 0,
// an antisymmetric matrix field with one row for every coordinate: ξ_k = Σ_l ∂_l B_kl if
// Vector is exact, ξ_k = Σ_l (∂_l - (x_l-μ_l)/v_l) B_kl for ScalarFirst, where with the jet
// weight only the product with x_l-μ_l is left, ξ_k = -Σ_l (x_l-μ_l) B_kl.
//
// With the jet weight, ξ of an exact Vector has the homogeneous parts Z_m of degree m, and
// B_kl = Σ_m ((x_l-μ_l) Z_mk - (x_k-μ_k) Z_ml)/(n+m-1).
func (p *Parts) VectorPotential() []AntisymEntry {
	var out []AntisymEntry
	for k, row := range p.m.potentialOf(p.Decomposition, p.vector) {
		for l, s := range row {
			if len(s) > 0 {
				out = append(out, AntisymEntry{k, l, newPoly(p.m.n, p.m.toPowers(s))})
			}
		}
	}
	return out
}

func (m *measure[E]) potentialOf(s Decomposition, vector []sparse[E]) [][]sparse[E] {
	if s == ScalarFirst {
		return m.nearVectorPotential(vector)
	}
	return m.vectorPotential(vector)
}

// PotentialGame returns Scalar as a game that knows its potential, and as an energy; nil
// for VectorFirst, whose scalar part is only near one.
func (p *Parts) PotentialGame() *PotentialGame {
	if p.Potential == nil {
		return nil
	}
	return newPotentialGame(p.Scalar.clone(), p.Potential)
}
