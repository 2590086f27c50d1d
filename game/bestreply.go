package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Responder is a game that knows its players' global best responses.
type Responder interface {
	BestResponse(player int, x []float64) (Response, error)
}

// BestReply is the best response rule d = x - BR(x): its flow x' = BR(x) - x is the best
// response dynamics (Gilboa, Matsui, Econometrica 59 (1991) 859), its method with η = 1
// the adjustment process of Cournot. Best responses are global for a Responder; for other
// games they are a Newton step in the own block, x_i - (D_iD_il_i)⁻¹D_il_i, exact where
// losses are convex quadratic in the own block. An unbounded loss, or an own Hessian that
// is not positive definite, is an error that wraps ErrSingular.
//
// Responders allocate in every step.
type BestReply struct{}

// FictitiousPlay is fictitious play (Brown 1951) in continuous actions: all players move
// to the best response to the average of what the others have played,
//
//	x_{k+1} = x_k + η(BR(x_k) - x_k)/(k+2),
//
// where x is that average and η, the step size, is 1 in the literature.
type FictitiousPlay struct{}

// Name implements Method.
func (BestReply) Name() string { return "bestresponse" }

// Name implements Method.
func (FictitiousPlay) Name() string { return "fictitiousplay" }

func (BestReply) check() error { return nil }
func (BestReply) needs() needs { return needs{jacobian: true} }

func (BestReply) direction(dst []float64, p *jet) error {
	if r, ok := p.g.(Responder); ok {
		return respond(dst, r, p)
	}
	p.field()
	p.jacobian()
	for i := range p.blocks {
		if err := p.ownStep(dst, i); err != nil {
			return err
		}
	}
	return nil
}

// respond asks the game.
func respond(dst []float64, r Responder, p *jet) error {
	for i := range p.blocks {
		b, err := r.BestResponse(i, p.x)
		if err != nil {
			return err
		}
		if b.Unbounded {
			return fmt.Errorf("game: best response of player %d at x = %v: its loss has no lower bound: %w", i, p.x, ErrSingular)
		}
		from, to := p.start[i], p.start[i+1]
		kernel.SubTo(dst[from:to], p.x[from:to], b.X)
	}
	return nil
}

// ownStep stores the player's Newton step by Cholesky factors of its own Hessian.
func (p *jet) ownStep(dst []float64, i int) error {
	from, d := p.start[i], p.blocks[i]
	if p.own == nil {
		p.own = make([]kernel.Matrix[float64], len(p.blocks))
		for k, d := range p.blocks {
			p.own[k] = kernel.NewMatrix[float64](d, d)
		}
	}
	l := p.own[i]
	for r := range d {
		for c := range r + 1 {
			v := p.j.At(from+r, from+c) - kernel.Dot(l.Row(r)[:c], l.Row(c)[:c])
			if c < r {
				l.Set(r, c, v/l.At(c, c))
				continue
			}
			if !(v > 0) {
				return fmt.Errorf("game: best response of player %d: its own Hessian is not positive definite: %w", i, ErrSingular)
			}
			l.Set(r, r, math.Sqrt(v))
		}
	}
	y := dst[from : from+d]
	for r := range d {
		y[r] = (p.xi[from+r] - kernel.Dot(l.Row(r)[:r], y[:r])) / l.At(r, r)
	}
	for r := d - 1; r >= 0; r-- {
		for c := r + 1; c < d; c++ {
			y[r] -= l.At(c, r) * y[c]
		}
		y[r] /= l.At(r, r)
	}
	return nil
}

// Integrator implements Method.
func (m BestReply) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	f, err := newCorrected(g, m, rates)
	if err != nil {
		return nil, err
	}
	return descent.GD(flow.Field[float64](f)), nil
}

// LinearMap implements Method: I - ηH⁻¹J, H the diagonal blocks of J.
func (BestReply) LinearMap(l *Linear, eta ...float64) (*mat.Dense, error) {
	d, err := solved("BestReply", "of own Hessians", combine(1, l.J, -1, l.Other()), l.J)
	if err != nil {
		return nil, err
	}
	return fromDirection(l, eta, d)
}

// Integrator implements Method.
func (FictitiousPlay) Integrator(g Game, rates ...float64) (flow.Integrator[float64], error) {
	f, err := newCorrected(g, BestReply{}, rates)
	if err != nil {
		return nil, err
	}
	return &belief{stepper: stepper{name: "fictitiousplay", f: f}, d: make([]float64, f.p.n)}, nil
}

// LinearMap implements Method: the update depends on the number of the step and has no
// matrix; the error wraps ErrMissing.
func (FictitiousPlay) LinearMap(*Linear, ...float64) (*mat.Dense, error) {
	return nil, fmt.Errorf("game: FictitiousPlay has no iteration matrix, its steps get shorter: %w", ErrMissing)
}

// belief is FictitiousPlay.
type belief struct {
	stepper
	d []float64
}

// Init implements flow.Integrator.
func (m *belief) Init(st flow.Start[float64], tr *flow.Trial) error { return m.begin(&st, tr) }

// Try implements flow.Integrator.
func (m *belief) Try(tr *flow.Trial, next, x []float64, _, h float64) {
	m.open(tr)
	m.eval(tr, m.d, x)
	kernel.AxpyTo(next, h/(m.num[0]+2), m.d, x)
}

// Accept implements flow.Integrator.
func (m *belief) Accept() { m.num[0]++ }

// Memory implements flow.Memory.
func (m *belief) Memory() (vec [][]float64, num []float64) { return nil, m.num[:] }
