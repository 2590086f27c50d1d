package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Correction is a rule for a direction d(x) in which players move instead of ξ(x). Its
// flow is x' = -Γd(x) (CorrectedFlow), its method x ← x - ηΓd(x) (see Method). The rules
// are GD, SGA, Consensus, Newton, LookAhead, LOLA, SOS, LSS and BestReply.
type Correction interface {
	Method
	// check says what is wrong with the parameters.
	check() error
	// needs says which derivatives direction looks at.
	needs() needs
	// direction stores d at the point of p in dst.
	direction(dst []float64, p *jet) error
}

// needs are the derivatives that a rule uses besides ξ.
type needs struct {
	jacobian  bool // the matrix J
	products  bool // Jv and Jᵀv
	gradients bool // full gradients of all losses
}

// CorrectedFlow returns the continuous dynamics x' = -Γd(x) of a correction; Γ holds the
// players' rates as in Flow. Derivatives that the game does not have come from Numeric.
// A direction that does not exist (a singular matrix) is an error of the field, which
// ends a run as flow.FieldError.
//
// Errors: ErrArgument, ErrShape.
func CorrectedFlow(g Game, c Correction, rates ...float64) (flow.Field[float64], error) {
	return newCorrected(g, c, rates)
}

func newCorrected(g Game, c Correction, rates []float64) (*corrected, error) {
	if g == nil || c == nil {
		return nil, fmt.Errorf("game: CorrectedFlow: game given: %t, correction given: %t, want both: %w", g != nil, c != nil, ErrArgument)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	gamma, err := perCoordinate("rates", rates, g.Blocks())
	if err != nil {
		return nil, err
	}
	return &corrected{rule: c, gamma: gamma, p: newJet(g, c.needs())}, nil
}

// corrected is the field -Γd(x).
type corrected struct {
	rule  Correction
	gamma []float64 // by coordinate, nil for 1
	p     *jet
	full  []float64 // all blocks, for one
	err   error
}

// Dim implements flow.Field.
func (f *corrected) Dim() int { return f.p.n }

// Eval implements flow.Field.
func (f *corrected) Eval(dst, x []float64, _ float64) {
	f.p.x = x
	if f.err = f.rule.direction(dst, f.p); f.err == nil {
		f.err = f.p.failure()
	}
	if f.err != nil {
		fill(dst, math.NaN())
		return
	}
	f.negate(dst)
}

// negate multiplies by -Γ.
func (f *corrected) negate(dst []float64) {
	if f.gamma == nil {
		kernel.Scal(-1, dst)
		return
	}
	for k, r := range f.gamma {
		dst[k] *= -r
	}
}

// rate is the entry of Γ of coordinate k.
func (f *corrected) rate(k int) float64 {
	if f.gamma == nil {
		return 1
	}
	return f.gamma[k]
}

// Caps says how the field can fail and where its blocks are.
func (f *corrected) Caps() flow.Caps[float64] {
	c := flow.Caps[float64]{
		Autonomous: true, Err: func() error { return f.err },
		Blocks: f.p.blocks, EvalBlock: f.evalBlock,
	}
	if _, plain := f.rule.(GD); plain {
		p := f.p
		c.JacVec = func(dst, x, v []float64, _ float64) {
			p.x = x
			p.jvp(dst, v)
			f.negate(dst)
		}
		c.Jacobian = func(dst, x []float64, _ float64) {
			p.x = x
			p.jacobian()
			copy(dst, p.j.Data)
			for k := range p.n {
				kernel.Scal(-f.rate(k), dst[k*p.n:(k+1)*p.n])
			}
		}
	}
	return c
}

// evalBlock implements flow.Caps.EvalBlock by evaluating all blocks.
func (f *corrected) evalBlock(dst, x []float64, t float64, b int) {
	if f.full == nil {
		f.full = make([]float64, f.p.n)
	}
	f.Eval(f.full, x, t)
	copy(dst, f.full[f.p.start[b]:f.p.start[b+1]])
}

// Failing is a game whose functions can fail at a point: Err returns the failure of the
// last evaluation, nil if there was none.
type Failing interface{ Err() error }

// jet gives derivatives of a game at the point x, and scratch memory.
type jet struct {
	g             Game
	full          FullGame
	blocks, start []int
	n             int
	x             []float64

	xi, a, b, c []float64
	dense       *mat.Dense
	j           kernel.Matrix[float64]   // view of dense
	grad        kernel.Matrix[float64]   // row i is ∇l_i
	own         []kernel.Matrix[float64] // scratch of the size of own blocks
	byMatrix    bool                     // products by the matrix
	lu          *luSolver
	double      []float64
}

func newJet(g Game, need needs) *jet {
	blocks := g.Blocks()
	n := sum(blocks)
	p := &jet{g: g, full: Numeric(g), blocks: blocks, start: starts(blocks), n: n}
	p.xi, p.a, p.b, p.c = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	p.dense = mat.NewDense(n, n, nil)
	p.j = kernel.MatrixOf(n, n, p.dense.RawMatrix().Data)
	if _, ok := g.(JVPer); need.products && !ok {
		p.byMatrix = true
	}
	if need.gradients {
		p.grad = kernel.NewMatrix[float64](len(blocks), n)
	}
	return p
}

// failure is what the game says about its last evaluation.
func (p *jet) failure() error {
	if f, ok := p.g.(Failing); ok {
		return f.Err()
	}
	return nil
}

// field stores ξ in xi.
func (p *jet) field() { p.g.Field(p.xi, p.x) }

// jacobian stores J in j.
func (p *jet) jacobian() { p.full.Jacobian(p.dense, p.x) }

// gradients stores the gradients in grad.
func (p *jet) gradients() {
	for i := range p.blocks {
		p.full.Gradient(p.grad.Row(i), i, p.x)
	}
}

// jvp stores Jv in dst, vjp Jᵀv. With byMatrix the matrix has to be in j.
func (p *jet) jvp(dst, v []float64) {
	if p.byMatrix {
		kernel.Gemv(dst, 1, p.j, v, 0)
		return
	}
	p.full.JVP(dst, p.x, v)
}

func (p *jet) vjp(dst, v []float64) {
	if p.byMatrix {
		kernel.GemvT(dst, 1, p.j, v, 0)
		return
	}
	p.full.VJP(dst, p.x, v)
}

// products prepares jvp and vjp.
func (p *jet) products() {
	if p.byMatrix {
		p.jacobian()
	}
}

// other stores H_o v in dst: J without its diagonal blocks.
func (p *jet) other(dst, v []float64) {
	kernel.Gemv(dst, 1, p.j, v, 0)
	for i := range p.blocks {
		from, to := p.start[i], p.start[i+1]
		for k := from; k < to; k++ {
			dst[k] -= kernel.Dot(p.j.Row(k)[from:to], v[from:to])
		}
	}
}

// shaping stores χ_i = Σ_{j≠i} (D_i D_j l_j)(D_j l_i) in dst: row k of J, of player j,
// counts D_k l_i times in all blocks i but its own.
func (p *jet) shaping(dst []float64) {
	for i := range p.blocks {
		p.shapingOf(dst[p.start[i]:p.start[i+1]], p.grad.Row(i), i)
	}
}

// shapingOf stores Σ_{j≠i} (D_i D_j l_j) v_j in dst.
func (p *jet) shapingOf(dst, v []float64, i int) {
	from, to := p.start[i], p.start[i+1]
	clear(dst)
	for k, s := range v {
		if k < from || k >= to {
			kernel.Axpy(s, p.j.Row(k)[from:to], dst)
		}
	}
}
