package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// GD is the plain rule d = ξ: gradient play, gradient descent of all players at once.
type GD struct{}

func (GD) check() error { return nil }
func (GD) needs() needs { return needs{products: true} }

func (GD) direction(dst []float64, p *jet) error {
	p.g.Field(dst, p.x)
	return nil
}

// SGA is symplectic gradient adjustment (Balduzzi et al., ICML 2018; Letcher et al.,
// JMLR 20 (2019) 84, algorithm 1),
//
//	d = ξ + λAᵀξ,  Aᵀξ = (Jᵀξ - Jξ)/2,
//
// with the sign of λ by alignment if Align is set: λ·sign(⟨ξ,g⟩⟨Aᵀξ,g⟩/n + Eps), g = Jᵀξ.
type SGA struct {
	Lambda float64 // λ; if it is zero, it is 1
	Align  bool
	Eps    float64 // if it is zero, it is 0.1
}

func (m SGA) check() error    { return parameters("SGA", "Lambda", m.Lambda, "Eps", m.Eps) }
func (SGA) needs() needs      { return needs{products: true} }
func (m SGA) lambda() float64 { return or(m.Lambda, 1) }

func (m SGA) direction(dst []float64, p *jet) error {
	p.field()
	p.products()
	p.vjp(p.a, p.xi)
	p.jvp(p.b, p.xi)
	copy(p.c, p.a)
	kernel.Axpby(-0.5, p.b, 0.5, p.c) // Aᵀξ
	lambda := m.lambda()
	if m.Align {
		s := kernel.Dot(p.xi, p.a)*kernel.Dot(p.c, p.a)/float64(p.n) + or(m.Eps, 0.1)
		lambda = math.Copysign(lambda, lambda*s)
	}
	kernel.AxpyTo(dst, lambda, p.c, p.xi)
	return nil
}

// Consensus is consensus optimisation (Mescheder, Nowozin, Geiger, NeurIPS 2017, arXiv
// 1705.10461), d = ξ + γJᵀξ: every player helps to make |ξ|²/2 small.
type Consensus struct {
	Gamma float64 // γ; if it is zero, it is 1
}

func (m Consensus) check() error   { return parameters("Consensus", "Gamma", m.Gamma) }
func (Consensus) needs() needs     { return needs{products: true} }
func (m Consensus) gamma() float64 { return or(m.Gamma, 1) }

func (m Consensus) direction(dst []float64, p *jet) error {
	p.field()
	p.products()
	p.vjp(p.a, p.xi)
	kernel.AxpyTo(dst, m.gamma(), p.a, p.xi)
	return nil
}

// Newton is the rule d = J⁻¹ξ, whose flow makes ξ decay as e^(-t). A singular J is an
// error that wraps ErrSingular.
type Newton struct{}

func (Newton) check() error { return nil }
func (Newton) needs() needs { return needs{jacobian: true} }

func (Newton) direction(dst []float64, p *jet) error {
	p.field()
	p.jacobian()
	s := p.solver()
	copy(s.a.Data, p.j.Data)
	if err := s.factor("Newton", "J"); err != nil {
		return err
	}
	copy(dst, p.xi)
	s.solve(dst)
	return nil
}

// LSS is local symplectic surgery (Mazumdar, Jordan, Sastry, arXiv 1901.00838, without
// their damping of the correction),
//
//	d = (ξ + Jᵀ(JᵀJ + λI)⁻¹Jᵀξ)/2.
//
// With λ -> 0 an antisymmetric J gives d = 0: the method stalls on such games. With
// Lambda = 0 nothing is regularised, and a singular JᵀJ is an error.
type LSS struct {
	Lambda float64
}

func (m LSS) check() error {
	if !(m.Lambda >= 0) || math.IsInf(m.Lambda, 1) {
		return fmt.Errorf("game: Lambda of LSS is %v, want a finite number >= 0: %w", m.Lambda, ErrArgument)
	}
	return nil
}
func (LSS) needs() needs { return needs{jacobian: true} }

func (rule LSS) direction(dst []float64, p *jet) error {
	p.field()
	p.jacobian()
	// r = ξ - Jz, Jᵀr = λz: the normal equations would lose twice the digits.
	n, s := p.n, p.augmented()
	m := s.matrix()
	clear(m.Data)
	for k := range n {
		m.Set(k, k, 1)
		m.Set(n+k, n+k, -rule.Lambda)
		for c, v := range p.j.Row(k) {
			m.Set(k, n+c, v)
			m.Set(n+c, k, v)
		}
	}
	if err := s.factor("LSS", "JᵀJ + λI"); err != nil {
		return err
	}
	copy(p.double, p.xi)
	clear(p.double[n:])
	s.solve(p.double)
	kernel.GemvT(p.b, 0.5, p.j, p.double[n:], 0)
	kernel.AxpyTo(dst, 0.5, p.xi, p.b)
	return nil
}

// or returns v, or the default if v is zero.
func or(v, def float64) float64 {
	if v == 0 {
		return def
	}
	return v
}

// parameters checks that values are finite; nv is name, value, name, value, ...
func parameters(rule string, nv ...any) error {
	for i := 0; i < len(nv); i += 2 {
		if v := nv[i+1].(float64); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("game: %s of %s is %v, want a finite number: %w", nv[i], rule, v, ErrArgument)
		}
	}
	return nil
}
