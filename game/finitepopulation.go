package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Population is a dynamics of a finite game in the probabilities x themselves, one
// player after another: a flow.Field in float32 or float64 that stays in the product of
// simplices. Its capability Project is the projection onto it. It holds scratch memory:
// one for each goroutine.
type Population[T flow.Float] struct {
	e    *expected[T]
	v    []T
	rule revision
	tau  float64
}

// revision says how the players of a Population revise their strategies.
type revision int

const (
	logit revision = iota
	bnn
	smith
	bestResponse
)

var _ flow.Field[float64] = (*Population[float64])(nil)

// NewLogit returns the logit dynamics x_m' = softmax(v_m/tau) - x_m, whose rest points
// are the quantal response equilibria. The error wraps ErrArgument unless tau is finite
// and positive.
func NewLogit[T flow.Float](f *Finite, tau float64) (*Population[T], error) {
	if !(tau > 0) || math.IsInf(tau, 1) {
		return nil, fmt.Errorf("game: tau = %v, want a finite number > 0: %w", tau, ErrArgument)
	}
	return newPopulation[T](f, logit, tau), nil
}

// NewBNN returns the dynamics of Brown, von Neumann and Nash, with the excess payoffs
// e_m(a) = v_m(a) - x_m·v_m,
//
//	x_m(a)' = [e_m(a)]₊ - x_m(a) Σ_b [e_m(b)]₊.
func NewBNN[T flow.Float](f *Finite) *Population[T] { return newPopulation[T](f, bnn, 0) }

// NewSmith returns the dynamics of Smith, pairwise comparison,
//
//	x(a)' = Σ_b x(b) [v(a) - v(b)]₊ - x(a) Σ_b [v(b) - v(a)]₊  for each player.
func NewSmith[T flow.Float](f *Finite) *Population[T] { return newPopulation[T](f, smith, 0) }

// NewBestResponse returns the best response dynamics x_m' = BR(x_-m) - x_m, where the
// reply is uniform on the actions with the largest payoff. The field is not continuous.
func NewBestResponse[T flow.Float](f *Finite) *Population[T] {
	return newPopulation[T](f, bestResponse, 0)
}

func newPopulation[T flow.Float](f *Finite, rule revision, tau float64) *Population[T] {
	e := newExpected[T](f)
	return &Population[T]{e: e, v: make([]T, e.dim()), rule: rule, tau: tau}
}

// Check says whether x is a mixed profile to start from: errors as those of
// NewReplicator.
func (p *Population[T]) Check(x []T) error { return checkProfile(x, p.e.shape) }

// Dim implements flow.Field.
func (p *Population[T]) Dim() int { return p.e.dim() }

// Caps returns what the dynamics can do beyond its field.
func (p *Population[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{Autonomous: true, Project: func(x []T) error {
		for m := range p.e.shape {
			projectSimplex(p.e.part(x, m), p.e.part(p.v, m))
		}
		return nil
	}}
}

// Eval implements flow.Field.
func (p *Population[T]) Eval(dst, x []T, t float64) {
	p.e.values(p.v, x)
	if p.rule == logit {
		copy(dst, p.v)
		kernel.Scal(T(1/p.tau), dst)
		softmaxBlocks(dst, p.e.shape)
		kernel.SubTo(dst, dst, x)
		return
	}
	for m := range p.e.shape {
		d, own, v := p.e.part(dst, m), p.e.part(x, m), p.e.part(p.v, m)
		switch p.rule {
		case bnn:
			bnnField(d, own, v)
		case smith:
			smithField(d, own, v)
		default:
			bestField(d, own, v)
		}
	}
}

func bnnField[T flow.Float](d, x, v []T) {
	mean, total := kernel.Dot(x, v), T(0)
	for a, w := range v {
		d[a] = max(0, w-mean)
		total += d[a]
	}
	kernel.Axpy(-total, x, d)
}

func smithField[T flow.Float](d, x, v []T) {
	clear(d)
	for a, w := range v {
		for b := range a {
			// The flow from the worse of two actions to the better one.
			if gain := w - v[b]; gain > 0 {
				d[a] += x[b] * gain
				d[b] -= x[b] * gain
			} else {
				d[a] += x[a] * gain
				d[b] -= x[a] * gain
			}
		}
	}
}

func bestField[T flow.Float](d, x, v []T) {
	best, n := v[0], T(0)
	for _, w := range v {
		switch {
		case w > best:
			best, n = w, 1
		case w == best:
			n++
		}
	}
	for a, w := range v {
		d[a] = -x[a]
		if w == best {
			d[a] += 1 / n
		}
	}
}
