package game

import (
	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// fromDirection returns I - Γ_η D for a direction with derivative D.
func fromDirection(l *Linear, eta []float64, d *mat.Dense) (*mat.Dense, error) {
	r, err := l.rates(eta)
	if err != nil {
		return nil, err
	}
	return combine(-1, scaled(r, d), 1, eye(l.N())), nil
}

// gammaJ returns Γ_η J.
func gammaJ(l *Linear, eta []float64) (*mat.Dense, error) {
	r, err := l.rates(eta)
	if err != nil {
		return nil, err
	}
	return scaled(r, mat.DenseCopyOf(l.J)), nil
}

// LinearMap implements Method: I - ηJ.
func (GD) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	return fromDirection(l, eta, mat.DenseCopyOf(l.J))
}

// LinearMap implements Method: the product of I - ηE_iJ, the first player rightmost.
func (AltGD) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	g, err := gammaJ(l, eta)
	if err != nil {
		return nil, err
	}
	return columns(l.N(), func(dst, x []float64) {
		copy(dst, x)
		inTurn(l.Blocks, func(k int) float64 { return -kernel.Dot(g.RawRowView(k), dst) }, dst)
	}), nil
}

// inTurn adds move(k) to the coordinates of player after player; all moves of a player
// are computed before it moves.
func inTurn(blocks []int, move func(k int) float64, x []float64) {
	at := 0
	for _, d := range blocks {
		v := make([]float64, d)
		for k := range v {
			v[k] = move(at + k)
		}
		for k := range v {
			x[at+k] += v[k]
		}
		at += d
	}
}

// LinearMap implements Method: I - ηJ + η²J².
func (Extragradient) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	g, err := gammaJ(l, eta)
	if err != nil {
		return nil, err
	}
	return combine(1, combine(-1, g, 1, eye(l.N())), 1, product(g, g)), nil
}

// LinearMap implements Method: [[I - 2ηJ, ηJ], [I, 0]] on (x_t, x_{t-1}).
func (Optimistic) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	g, err := gammaJ(l, eta)
	if err != nil {
		return nil, err
	}
	i := eye(l.N())
	return stacked(l.N(), combine(-2, g, 1, i), g, i, nil), nil
}

// LinearMap implements Method: [[I - ηJ, η²J²], [I, -ηJ]] on (x_t, y_{t-1}).
func (Popov) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	g, err := gammaJ(l, eta)
	if err != nil {
		return nil, err
	}
	i := eye(l.N())
	return stacked(l.N(), combine(-1, g, 1, i), product(g, g), i, combine(-1, g, 0, g)), nil
}

// LinearMap implements Method: (I + ηJ)⁻¹.
func (Proximal) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	g, err := gammaJ(l, eta)
	if err != nil {
		return nil, err
	}
	i := eye(l.N())
	return solved("Proximal", "I + ηJ", combine(1, g, 1, i), i)
}

// LinearMap implements Method: [[(1+β)I - ηJ, -βI], [I, 0]] on (x_t, x_{t-1}), with
// alternating players its counterpart.
func (m HeavyBall) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	g, err := gammaJ(l, eta)
	if err != nil {
		return nil, err
	}
	n := l.N()
	i := eye(n)
	if !m.Alternating {
		return stacked(n, combine(-1, g, 1+m.Beta, i), combine(-m.Beta, i, 0, i), i, nil), nil
	}
	return columns(2*n, func(dst, x []float64) {
		copy(dst[:n], x[:n])
		copy(dst[n:], x[:n])
		inTurn(l.Blocks, func(k int) float64 { return m.Beta*(x[k]-x[n+k]) - kernel.Dot(g.RawRowView(k), dst[:n]) }, dst[:n])
	}), nil
}

// LinearMap implements Method: I - η(J + γJᵀJ).
func (m Consensus) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	return fromDirection(l, eta, combine(m.gamma(), product(l.J.T(), l.J), 1, l.J))
}

// LinearMap implements Method: I - η(J + λAᵀJ). With alignment the sign of λ is the one
// near the point, that of λ·Eps.
func (m SGA) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	lambda := m.lambda()
	if m.Align && m.Eps < 0 {
		lambda = -lambda
	}
	at := combine(-0.5, l.J, 0.5, l.J.T())
	return fromDirection(l, eta, combine(lambda, product(at, l.J), 1, l.J))
}

// LinearMap implements Method: (1-η)I.
func (Newton) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	return fromDirection(l, eta, eye(l.N()))
}

// ahead returns (I - αH_o)J.
func ahead(l *Linear, alpha float64) *mat.Dense {
	return combine(-alpha, product(l.Other(), l.J), 1, l.J)
}

// LinearMap implements Method: I - η(I - αH_o)J.
func (m LookAhead) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	return fromDirection(l, eta, ahead(l, m.alpha()))
}

// LinearMap implements Method: that of LookAhead, since p_2 = |ξ|² makes the shaping a
// term of second order at the point.
func (m SOS) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	return fromDirection(l, eta, ahead(l, m.alpha()))
}

// LinearMap implements Method, with C of Linear.Shaping: I - η((I - αH_o)J - αC) for
// Taylor, I - η(J - αC) for Published. For Exact, with the other players at y = x - αξ,
// rows i of the derivative of the direction are
// (E_i - αΣ_j J_jiᵀE_j) Hess l_i (I - α(I - E_i)J) - α Bend, E_i the projection on the
// player's coordinates.
func (m LOLA) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	alpha := m.alpha()
	switch m.Variant {
	case Published:
		return fromDirection(l, eta, combine(-alpha, l.Shaping(), 1, l.J))
	case Exact:
		return fromDirection(l, eta, m.exactDerivative(l))
	}
	return fromDirection(l, eta, combine(-alpha, l.Shaping(), 1, ahead(l, alpha)))
}

func (m LOLA) exactDerivative(l *Linear) *mat.Dense {
	n, alpha, o := l.N(), m.alpha(), l.Other()
	d := mat.NewDense(n, n, nil)
	at := 0
	for i, size := range l.Blocks {
		left := mat.NewDense(size, n, nil) // E_i - αΣ_j J_jiᵀE_j
		left.Scale(-alpha, o.Slice(0, n, at, at+size).T())
		right := combine(-alpha, l.J, 1, eye(n))
		for k := range size {
			left.Set(k, at+k, 1)
			for c := range n {
				right.Set(at+k, c, 0)
			}
			right.Set(at+k, at+k, 1)
		}
		d.Slice(at, at+size, 0, n).(*mat.Dense).Product(left, l.Hess[i], right)
		at += size
	}
	return combine(-alpha, l.Bend, 1, d)
}

// LinearMap implements Method: I - η(J + Jᵀ(JᵀJ + λI)⁻¹JᵀJ)/2.
func (m LSS) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	gram := product(l.J.T(), l.J)
	s, err := solved("LSS", "JᵀJ + λI", combine(1, gram, m.Lambda, eye(l.N())), gram)
	if err != nil {
		return nil, err
	}
	return fromDirection(l, eta, combine(0.5, product(l.J.T(), s), 0.5, l.J))
}

// LinearMap implements Method: I - (I + ηH_o)⁻¹ηJ.
func (m CGD) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	r, err := l.rates(eta)
	if err != nil {
		return nil, err
	}
	g := scaled(r, mat.DenseCopyOf(l.J))
	a := combine(1, scaled(r, l.Other()), 1, eye(l.N()))
	if m.Lambda > 0 {
		g = product(a.T(), g)
		a = combine(1, product(a.T(), a), m.Lambda, eye(l.N()))
	}
	s, err := solved("CGD", "I + ηH_o", a, g)
	if err != nil {
		return nil, err
	}
	return combine(-1, s, 1, eye(l.N())), nil
}
