package probe

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// PL is a flow.Recorder of the Polyak-Łojasiewicz ratio
//
//	μ(x) = ‖∇E(x)‖² / (2 (E(x) - E*))
//
// along a run. If it is at least μ everywhere on the path, gradient flow converges
// like E - E* <= (E0 - E*) exp(-2μt), and gradient descent with learning rate 1/L
// like (1 - μ/L)^k (Polyak 1963; Karimi, Nutini and Schmidt, ECML 2016, arXiv
// 1608.04636). On a quadratic it lies between λ_min and λ_max.
type PL[T flow.Float] struct {
	// Every is the number of accepted steps from one row to the next. If it is
	// zero, it is 1.
	Every int

	K     []int     // step numbers
	T     []float64 // times
	Ratio []float64 // μ(x)
	// Min is the smallest ratio so far, at time MinAt; +Inf without rows.
	Min, MinAt float64
	// Floor counts the points left out because E - E* is at most 64 rounding units
	// of E*; Below those of them that are below E* by more than that, from which E*
	// is not the infimum.
	Floor, Below int

	e     flow.Energy[T]
	eStar float64
	grad  []T
}

// NewPL returns a PL of the energy e with infimum eStar. The error wraps
// flow.ErrArgument.
func NewPL[T flow.Float](e flow.Energy[T], eStar float64) (*PL[T], error) {
	if e == nil {
		return nil, fmt.Errorf("probe: e is nil, want an energy: %w", flow.ErrArgument)
	}
	if bad(eStar) {
		return nil, badOption("eStar", eStar, "a finite number")
	}
	return &PL[T]{e: e, eStar: eStar, grad: make([]T, e.Dim()), Min: math.Inf(1), MinAt: math.NaN()}, nil
}

// Init implements flow.Recorder. What was recorded before is kept.
func (p *PL[T]) Init(dim int) error {
	if p.Every < 0 {
		return badOption("Every of PL", p.Every, "a number >= 0")
	}
	if dim != len(p.grad) {
		return badOption("dimension of the energy", len(p.grad), fmt.Sprintf("the length of the state, %d", dim))
	}
	return nil
}

// Record implements flow.Recorder. Save times and events are left out. It takes a
// gradient a row.
func (p *PL[T]) Record(s *flow.Step[T]) error {
	if s.Kind != flow.AtStep && s.Kind != flow.AtStart || s.K%max(p.Every, 1) != 0 {
		return nil
	}
	e := p.e.EnergyGrad(p.grad, s.X)
	sq := kernel.SumSq(p.grad)
	if bad(e) || bad(sq) {
		return fmt.Errorf("probe: energy %v or its gradient at step %d: %w", e, s.K, flow.ErrNonFinite)
	}
	if !aboveFloor(e, p.eStar) {
		p.Floor++
		if aboveFloor(-e, -p.eStar) {
			p.Below++
		}
		return nil
	}
	r := sq / (2 * (e - p.eStar))
	p.K, p.T, p.Ratio = append(p.K, s.K), append(p.T, s.T), append(p.Ratio, r)
	if r < p.Min {
		p.Min, p.MinAt = r, s.T
	}
	return nil
}

var _ flow.Recorder[float64] = (*PL[float64])(nil)
