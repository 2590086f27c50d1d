package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// CGD is competitive gradient descent (Schäfer, Anandkumar, NeurIPS 2019, arXiv
// 1905.12103; for N players its polymatrix form, arXiv 2006.10611),
//
//	(I + ηΓH_o)Δ = -ηΓξ,  x ← x + Δ:
//
// the Nash equilibrium of the local game that is linear in the own and bilinear in own
// and others' moves. A singular matrix ends the run with an error that wraps ErrSingular
// and names the condition number, unless Lambda is positive.
type CGD struct {
	// Lambda > 0 solves (MᵀM + λI)Δ = -ηMᵀΓξ, M = I + ηΓH_o, instead. If it is zero,
	// nothing is regularised.
	Lambda float64
}

// Name implements Method.
func (CGD) Name() string { return "cgd" }

// Integrator implements Method.
func (m CGD) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	if !(m.Lambda >= 0) || math.IsInf(m.Lambda, 1) {
		return nil, fmt.Errorf("game: Lambda of CGD is %v, want a finite number >= 0: %w", m.Lambda, ErrArgument)
	}
	f, err := newCorrected(g, GD{}, rates)
	if err != nil {
		return nil, err
	}
	n := f.p.n
	c := &competitive{stepper: stepper{name: "cgd", f: f}, lambda: m.Lambda, d: make([]float64, n)}
	if m.Lambda > 0 {
		c.m, c.rhs = kernel.NewMatrix[float64](n, n), make([]float64, n)
	}
	return c, nil
}

// competitive is CGD.
type competitive struct {
	stepper
	lambda float64
	d, rhs []float64
	m      kernel.Matrix[float64]
}

// Init implements flow.Integrator.
func (c *competitive) Init(st flow.Start[float64], tr *flow.Trial) error { return c.begin(&st, tr) }

// Try implements flow.Integrator.
func (c *competitive) Try(tr *flow.Trial, next, x []float64, _, h float64) {
	c.open(tr)
	tr.Jacobians, tr.Factorizations, tr.Solves = 1, 1, 1
	c.eval(tr, c.d, x)
	if c.err != nil {
		fill(next, math.NaN())
		return
	}
	p := c.f.p
	p.jacobian()
	s := p.solver()
	a := s.matrix()
	copy(a.Data, p.j.Data)
	for i := range p.blocks {
		for k := p.start[i]; k < p.start[i+1]; k++ {
			row := a.Row(k)
			clear(row[p.start[i]:p.start[i+1]])
			kernel.Scal(h*c.f.rate(k), row)
			row[k] = 1
		}
	}
	d := c.d
	if c.lambda > 0 {
		copy(c.m.Data, a.Data)
		kernel.GemmTN(a, 1, c.m, c.m, 0)
		for k := range p.n {
			a.Data[k*p.n+k] += c.lambda
		}
		kernel.GemvT(c.rhs, 1, c.m, c.d, 0)
		d = c.rhs
	}
	if c.err = s.factor(c.name, "I + ηH_o"); c.err != nil {
		fill(next, math.NaN())
		return
	}
	s.solve(d)
	kernel.AxpyTo(next, h, d, x)
}

// Accept implements flow.Integrator.
func (c *competitive) Accept() { c.num[0]++ }

// Memory implements flow.Memory.
func (c *competitive) Memory() (vec [][]float64, num []float64) { return nil, c.num[:] }
