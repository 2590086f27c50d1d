package descent

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Extragradient returns the extragradient method (Korpelevich, Ekonomika i
// Matematicheskie Metody 12 (1976) 747),
//
//	y = x + η f(x),  x ← x + η f(y),
//
// two evaluations a step, both on the same mini-batch. Where f = -Jx is a rotation
// with frequency s, as in a bilinear game, the radius changes by
// sqrt(1 - u² + u⁴), u = ηs, so that it converges for u < 1.
func Extragradient[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	return &twoPoint[T]{base: newBase(f, "Extragradient"), ahead: true}
}

// Optimistic returns optimistic gradient descent (Daskalakis et al., arXiv
// 1711.00141; Popov, Mathematical Notes 28 (1980) 845, in another form),
//
//	x ← x + 2η f(x) - η f(x_prev),
//
// with f(x_prev) = f(x) at the start. With mini-batches f(x_prev) is that of the
// step before. On a rotation (see Extragradient) the radius changes by the root of
// (1 + sqrt(1-4u²))/2 while u <= 1/2, and it converges for u < 1/sqrt(3).
func Optimistic[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	return &twoPoint[T]{base: newBase(f, "Optimistic")}
}

// twoPoint is both: they move along a combination of f at two points.
type twoPoint[T flow.Float] struct {
	base[T]
	ahead bool
	y     []T // extrapolated point; of Optimistic the direction 2f - f(x_prev)
	fy    []T // f there; of Optimistic f at the previous point
}

var (
	_ flow.Integrator[float64] = (*twoPoint[float64])(nil)
	_ flow.Memory[float64]     = (*twoPoint[float64])(nil)
	_ flow.Deriver[float64]    = (*twoPoint[float64])(nil)
	_ flow.Drawer              = (*twoPoint[float64])(nil)
	_ flow.Restarter           = (*twoPoint[float64])(nil)
)

// Init implements flow.Integrator.
func (m *twoPoint[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if n := len(s.X); len(m.y) != n {
		m.y, m.fy = make([]T, n), make([]T, n)
	}
	if !s.Keep {
		m.Restart()
	}
	return m.begin(&s, tr)
}

// Try implements flow.Integrator.
func (m *twoPoint[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	dir := m.y
	switch {
	case m.ahead:
		kernel.AxpyTo(m.y, T(h), m.f0, x)
		m.eval(tr, m.fy, m.y, t+h)
		dir = m.fy
	case m.num[count] == 0:
		copy(dir, m.f0)
	default:
		copy(dir, m.fy)
		kernel.Axpby(2, m.f0, -1, dir)
	}
	kernel.AxpyTo(next, T(h), dir, x)
	m.slope(dir, 1)
	m.finish(tr, next, x, t, h)
}

// Accept implements flow.Integrator.
func (m *twoPoint[T]) Accept() {
	if !m.ahead {
		m.fy, m.f0 = m.f0, m.fy
	}
	m.accepted()
}

// Restart implements flow.Restarter: the previous point is forgotten. It reports
// whether that changes anything.
func (m *twoPoint[T]) Restart() bool {
	remembers := !m.ahead && m.num[count] > 0
	m.num[count] = 0
	return remembers
}

// Memory implements flow.Memory.
func (m *twoPoint[T]) Memory() (vec [][]T, num []float64) { return m.memory(m.fy) }

// Alternating returns alternating gradient descent: the blocks of the field
// (flow.Caps.Blocks, the players of a game) move in turn, each along its part of
// f at the point where the others already are,
//
//	x_b ← x_b + η f_b(x),  b = 1, 2, ...
//
// For a gradient flow this is block coordinate descent. A step counts as one
// evaluation. On a rotation it conserves x² + y² - u x y for u < 2, with u as in
// Extragradient and x moving first.
func Alternating[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	m := &alternating[T]{base: newBase(f, "Alternating")}
	m.lazy = true
	return m
}

// alternating is block by block.
type alternating[T flow.Float] struct {
	base[T]
	fb []T // f of a block
}

var (
	_ flow.Integrator[float64] = (*alternating[float64])(nil)
	_ flow.Memory[float64]     = (*alternating[float64])(nil)
	_ flow.Deriver[float64]    = (*alternating[float64])(nil)
	_ flow.Drawer              = (*alternating[float64])(nil)
)

// Init implements flow.Integrator.
func (m *alternating[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if err := m.checkBlocks(&s); err != nil {
		return err
	}
	if n := len(s.X); len(m.fb) != n {
		m.fb = make([]T, n)
	}
	return m.begin(&s, tr)
}

func (m *alternating[T]) checkBlocks(s *flow.Start[T]) error {
	if m.f == nil {
		return nil // begin says so
	}
	if m.caps.EvalBlock == nil || len(m.caps.Blocks) == 0 {
		return fmt.Errorf("descent: the field of Alternating has no blocks, want Caps with EvalBlock and Blocks: %w", flow.ErrArgument)
	}
	if s.Want.Slope {
		return fmt.Errorf("descent: the controller wants the slope of E along the step, which Alternating does not know: %w", flow.ErrArgument)
	}
	sum := 0
	for b, n := range m.caps.Blocks {
		if n < 0 {
			return fmt.Errorf("descent: block %d of the field of Alternating has length %d, want >= 0: %w", b, n, flow.ErrArgument)
		}
		sum += n
	}
	if sum != m.f.Dim() {
		return fmt.Errorf("descent: the blocks of the field of Alternating have total length %d, want its dimension, %d: %w", sum, m.f.Dim(), flow.ErrArgument)
	}
	return nil
}

// Try implements flow.Integrator.
func (m *alternating[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	copy(next, x)
	tr.Evals++
	at := 0
	for b, n := range m.caps.Blocks {
		m.caps.EvalBlock(m.fb[:n], next, t, b)
		kernel.Axpy(T(h), m.fb[:n], next[at:at+n])
		at += n
	}
	m.finish(tr, next, x, t, h)
}

// Accept implements flow.Integrator.
func (m *alternating[T]) Accept() { m.accepted() }

// Memory implements flow.Memory.
func (m *alternating[T]) Memory() (vec [][]T, num []float64) { return m.memory() }
