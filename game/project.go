package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Projection is the best approximation of a smooth game by polynomial losses of bounded
// degree under a Gaussian weight: every loss is replaced by the terms of its Hermite
// expansion up to that degree.
type Projection struct {
	Game   *Polynomial
	Weight Weight
	Degree int
	// Total is the energy E_w|ξ|² of the smooth game, Tail the part of it that the
	// polynomials miss: that of the higher degrees, as far as the quadrature resolves
	// them. It is 0 up to rounding for polynomial games of lower degree, and may then be
	// negative.
	Total, Tail float64

	m      *measure[double]
	losses []sparse[double]
}

// Project returns the projection of a smooth game to losses of the given degree, by the
// product of Gauss-Hermite rules with nodes points in every coordinate (0 is degree + 8).
// A loss of polynomial growth of degree p is projected exactly if degree + p < 2 nodes.
//
// Errors: ErrArgument for a nil game, a degree outside [1, 60], nodes outside
// [degree+1, 200]; ErrWeight for the jet weight; ErrTooLarge for more than 2^26 points;
// ErrNotFinite for a loss or field that is not finite at a node; those of weights.
func Project(g Game, w Weight, degree, nodes int) (*Projection, error) {
	if g == nil {
		return nil, fmt.Errorf("game: Project: game = nil, want a game: %w", ErrArgument)
	}
	if nodes == 0 {
		nodes = degree + 8
	}
	if degree < 1 || degree > 60 || nodes <= degree || nodes > 200 {
		return nil, fmt.Errorf("game: Project: degree = %d, nodes = %d, want 1 <= degree <= 60 and degree < nodes <= 200: %w", degree, nodes, ErrArgument)
	}
	if w.Jet {
		return nil, fmt.Errorf("game: Project with the jet weight, want a Gaussian: %w", ErrWeight)
	}
	m, err := w.measure(g.Blocks())
	if err != nil {
		return nil, err
	}
	points := math.Pow(float64(nodes), float64(m.n))
	if points > maxNodes {
		return nil, fmt.Errorf("game: Project: %d nodes in %d coordinates, %.3g points, want at most 2^26: %w", nodes, m.n, points, ErrTooLarge)
	}
	p := &Projection{Weight: w, Degree: degree, m: m}
	values, err := p.sample(g, nodes, int(points))
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		p.losses = append(p.losses, expand(m, v, degree, nodes))
	}
	p.Tail = p.Total - m.energy(p.losses).v
	list := make([]*Poly, m.players)
	for i, l := range p.losses {
		list[i] = newPoly(m.n, m.toPowers(l))
	}
	p.Game, err = NewPolynomial(g.Blocks(), list)
	return p, err
}

// sample returns the losses at the nodes, the first coordinate running fastest, and adds
// up the energy.
func (p *Projection) sample(g Game, nodes, points int) ([][]float64, error) {
	m := p.m
	node, weight := hermiteRule(nodes)
	values := make([][]float64, m.players)
	for i := range values {
		values[i] = make([]float64, points)
	}
	x, xi, l := make([]float64, m.n), make([]float64, m.n), make([]float64, m.players)
	index := make([]int, m.n)
	for at := range points {
		w := 1.0
		for k, i := range index {
			x[k] = m.mean[k].v + math.Sqrt(m.v[k].v)*node[i]
			w *= weight[i]
		}
		g.Losses(l, x)
		g.Field(xi, x)
		if !kernel.AllFinite(l) || !kernel.AllFinite(xi) {
			return nil, fmt.Errorf("game: Project: losses %v, field %v at x = %v, want finite numbers: %w", l, xi, x, ErrNotFinite)
		}
		for i, v := range l {
			values[i][at] = v
		}
		p.Total += w * kernel.SumSq(xi)
		advance(index, nodes)
	}
	return values, nil
}

// expand returns the Hermite coefficients up to a total degree of a function given at the
// product of Gauss-Hermite nodes, axis by axis, in the orthonormal basis.
func expand(m *measure[double], values []float64, degree, nodes int) sparse[double] {
	rule := orthonormalRule(degree, nodes)
	// Every pass turns the fastest axis of nodes into the slowest axis of degrees, so that
	// after n passes the axes are in their order again.
	v := values
	for range m.n {
		rest := len(v) / nodes
		next := make([]float64, (degree+1)*rest)
		kernel.GemmNT(kernel.MatrixOf(degree+1, rest, next), 1, rule, kernel.MatrixOf(rest, nodes, v), 0)
		v = next
	}
	return hermiteTerms(m, v, degree)
}

// orthonormalRule is the matrix of the normalised Hermite polynomials of degrees
// 0, ..., degree at the nodes, times the weights.
func orthonormalRule(degree, nodes int) kernel.Matrix[float64] {
	node, weight := hermiteRule(nodes)
	r := kernel.NewMatrix[float64](degree+1, nodes)
	for i, x := range node {
		a, b := 0.0, 1.0 // √(j+1) h_{j+1} = x h_j - √j h_{j-1}
		for j := 0; j <= degree; j++ {
			r.Data[j*nodes+i] = b * weight[i]
			a, b = b, (x*b-math.Sqrt(float64(j))*a)/math.Sqrt(float64(j+1))
		}
	}
	return r
}

// hermiteTerms picks the coefficients of total degree up to degree. Their rounding error
// is that of the quadrature, relative to the norm of the function.
func hermiteTerms(m *measure[double], v []float64, degree int) sparse[double] {
	size := kernel.Nrm2(v)
	a := sums[double]{}
	index := make([]int, m.n)
	for _, c := range v {
		total := 0
		for _, i := range index {
			total += i
		}
		if total <= degree {
			p := exponents(index, m.n)
			root := math.Sqrt(m.norm(p).v)
			a.add(p, double{c / root, size / root})
		}
		advance(index, degree+1)
	}
	return a.sparse()
}

// Decompose splits the projected game as Polynomial.Decompose does, by a
// Gaussian-weighted Hodge decomposition in the sense of Zhou et al. (2024) (the
// construction ours) under the weight of the projection, without the detour over
// monomials, which costs digits at high degrees.
func (p *Projection) Decompose(d Decomposition) (*Parts, error) {
	return decomposeHermite(p.Game.blocks, p.m, p.losses, p.Game.losses, d, p.Weight)
}
