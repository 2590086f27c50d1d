package game

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

// LookAhead is the rule d = (I - αH_o)ξ of Zhang and Lesser (AAAI 2010): every player
// descends its loss at the point to which a gradient step of length α of the others
// would lead, without shaping that step.
type LookAhead struct {
	Alpha float64 // α; if it is zero, it is 1
}

func (m LookAhead) check() error   { return parameters("LookAhead", "Alpha", m.Alpha) }
func (LookAhead) needs() needs     { return needs{jacobian: true} }
func (m LookAhead) alpha() float64 { return or(m.Alpha, 1) }

func (m LookAhead) direction(dst []float64, p *jet) error {
	p.field()
	p.jacobian()
	p.other(p.a, p.xi)
	kernel.AxpyTo(dst, -m.alpha(), p.a, p.xi)
	return nil
}

// LOLAVariant names the forms of LOLA in the literature.
type LOLAVariant int

const (
	// Taylor is d = (I - αH_o)ξ - αχ, all terms of first order in α of Exact: LOLA as in
	// the paper on stable opponent shaping (Letcher et al., ICLR 2019).
	Taylor LOLAVariant = iota
	// Published is d = ξ - αχ, LOLA as first published (Foerster et al., arXiv
	// 1709.04326, equation 4.6).
	Published
	// Exact is the gradient in x_i of l_i(x_i, {x_j - αD_j l_j(x)}_j≠i).
	Exact
)

var lolaNames = [...]string{"lola", "lola0", "lolaexact"}

// LOLA is learning with opponent-learning awareness (Foerster et al., arXiv 1709.04326):
// every player shapes the gradient step of length α of the others, by
//
//	χ_i = Σ_{j≠i} (D_i D_j l_j)(D_j l_i).
//
// Published code has two forms, which are told apart by name.
type LOLA struct {
	Alpha   float64 // α; if it is zero, it is 1
	Variant LOLAVariant
}

func (m LOLA) check() error {
	if m.Variant < Taylor || m.Variant > Exact {
		return fmt.Errorf("game: Variant of LOLA is %d, want Taylor, Published or Exact: %w", int(m.Variant), ErrArgument)
	}
	return parameters("LOLA", "Alpha", m.Alpha)
}
func (LOLA) needs() needs     { return needs{jacobian: true, gradients: true} }
func (m LOLA) alpha() float64 { return or(m.Alpha, 1) }

func (m LOLA) direction(dst []float64, p *jet) error {
	p.field()
	p.jacobian()
	if m.Variant == Exact {
		m.exact(dst, p)
		return nil
	}
	p.gradients()
	p.shaping(p.b)
	kernel.AxpyTo(dst, -m.alpha(), p.b, p.xi)
	if m.Variant == Taylor {
		p.other(p.a, p.xi)
		kernel.Axpy(-m.alpha(), p.a, dst)
	}
	return nil
}

// exact evaluates D_i l_i(y) - α Σ_j D_i D_j l_j(x) D_j l_i(y) at every player's own
// y = (x_i, {x_j - αD_j l_j(x)}).
func (m LOLA) exact(dst []float64, p *jet) {
	alpha := m.alpha()
	for i := range p.blocks {
		from, to := p.start[i], p.start[i+1]
		kernel.AxpyTo(p.a, -alpha, p.xi, p.x)
		copy(p.a[from:to], p.x[from:to])
		p.full.Gradient(p.b, i, p.a)
		p.shapingOf(dst[from:to], p.b, i)
		kernel.Axpby(1, p.b[from:to], -alpha, dst[from:to])
	}
}

// SOS is stable opponent shaping (Letcher et al., ICLR 2019, algorithm 1),
//
//	ξ_0 = (I - αH_o)ξ,  d = ξ_0 - min(p_1, p_2) αχ,
//	p_1 = 1 if ⟨-αχ, ξ_0⟩ >= 0, else min(1, -A|ξ_0|²/⟨-αχ, ξ_0⟩),
//	p_2 = |ξ|² if |ξ| < B, else 1,
//
// between LOLA and LookAhead: the shaping never turns the direction around, and dies out
// at critical points.
type SOS struct {
	Alpha float64 // α; if it is zero, it is 1
	A     float64 // if it is zero, it is 0.5
	B     float64 // if it is zero, it is 0.1
}

func (m SOS) check() error   { return parameters("SOS", "Alpha", m.Alpha, "A", m.A, "B", m.B) }
func (SOS) needs() needs     { return needs{jacobian: true, gradients: true} }
func (m SOS) alpha() float64 { return or(m.Alpha, 1) }

func (m SOS) direction(dst []float64, p *jet) error {
	alpha := m.alpha()
	p.field()
	p.jacobian()
	p.gradients()
	p.other(p.a, p.xi)
	kernel.AxpyTo(dst, -alpha, p.a, p.xi) // ξ_0
	p.shaping(p.b)
	along := -alpha * kernel.Dot(p.b, dst)
	p1, p2 := 1.0, 1.0
	if along < 0 {
		p1 = min(1, -or(m.A, 0.5)*kernel.SumSq(dst)/along)
	}
	if s := kernel.SumSq(p.xi); s < or(m.B, 0.1)*or(m.B, 0.1) {
		p2 = s
	}
	kernel.Axpy(-min(p1, p2)*alpha, p.b, dst)
	return nil
}
