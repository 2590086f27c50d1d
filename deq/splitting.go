package deq

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// ForwardBackward is forward-backward splitting for monotone layers (arXiv
// 2006.08591), with σ = prox_1 of a convex function,
//
//	z ← prox_α((1-α) z + α (Wz + Ux + b)),
//
// which contracts by √(1-2αμ+α²L²), L = |I-W|₂, for 0 < α < 2μ/L².
type ForwardBackward struct {
	// Alpha is α. If it is zero, it is μ/L², which contracts best.
	Alpha float64
}

// PeacemanRachford is Peaceman-Rachford splitting for monotone layers (arXiv
// 2006.08591): with V = (I + α(I-W))⁻¹ and u' = u = z at the start,
//
//	z½ = V (u' + α(Ux+b));  u = 2z½ - u';  z = prox_α(u);  u' = 2z - u,
//
// which converges for every α > 0. The residual is measured at z½, where
// Wz½ + Ux + b = z½ + (z½-u')/α is known without a product; an iteration is one
// product with V. Activations other than the identity and the rectifiers need α = 1.
type PeacemanRachford struct {
	// Alpha is α. If it is zero, it is 1.
	Alpha float64
}

// Name implements Solver.
func (ForwardBackward) Name() string { return "forward-backward" }

// Name implements Solver.
func (PeacemanRachford) Name() string { return "peaceman-rachford" }

func (s ForwardBackward) check() error { return checkNonnegative("ForwardBackward.Alpha", s.Alpha) }

func (s PeacemanRachford) check() error { return checkNonnegative("PeacemanRachford.Alpha", s.Alpha) }

// splitting is a Map σ(Wz + c) that the splitting methods can take apart.
type splitting[T flow.Float] interface {
	Map[T]
	// injection returns c of a sample.
	injection(row int) []T
	// preactivation stores Wz + c in h, activate σ(h) in dst.
	preactivation(h, z []T, rows []int)
	activateTo(dst, h []T, rows []int)
	// prox stores prox_α(u) in dst, which may be u.
	prox(dst, u []T, alpha float64, rows []int)
	proxKnown(alpha float64) bool
	// step returns the α of forward-backward splitting.
	step() float64
	// resolve prepares V for α, and resolvent stores V u in the rows of dst.
	resolve(alpha float64) error
	resolvent(dst, u kernel.Matrix[T])
}

// splitState is the memory of the splitting methods.
type splitState[T flow.Float] struct {
	m      splitting[T]
	alpha  float64
	peace  bool
	opened bool
	h      []T // preactivations of the active samples
	u      []T // u', by sample
	tmp    []T
}

func (s *splitState[T]) begin(f Map[T], alpha float64, peace bool, ws *SolveSpace[T]) error {
	m, ok := f.(splitting[T])
	if !ok {
		return fmt.Errorf("deq: %s wants a monotone layer, not a %T: %w", ws.o.Solver.Name(), f, ErrArgument)
	}
	if alpha == 0 {
		if alpha = 1; !peace {
			alpha = m.step()
		}
	}
	if !m.proxKnown(alpha) {
		return fmt.Errorf("deq: %s with Alpha = %v wants the proximal map of a rectifier or the identity; for other activations Alpha must be 1: %w", ws.o.Solver.Name(), alpha, ErrArgument)
	}
	s.m, s.alpha, s.peace, s.opened = m, alpha, peace, false
	size := ws.batch * ws.n
	s.h, s.u, s.tmp = room(s.h, size), room(s.u, size), room(s.tmp, size)
	if peace {
		return m.resolve(alpha)
	}
	return nil
}

// eval stores the image of the iterates in ws.p. For Peaceman-Rachford splitting
// the iterates themselves are made here, except for the start.
func (s *splitState[T]) eval(ws *SolveSpace[T]) {
	size := len(ws.rows) * ws.n
	h := s.h[:size]
	if !s.peace || !s.opened {
		s.m.preactivation(h, ws.z.Data, ws.rows)
		s.m.activateTo(ws.p.Data, h, ws.rows)
		return
	}
	tmp := kernel.MatrixOf(len(ws.rows), ws.n, s.tmp[:size])
	for i, r := range ws.rows {
		kernel.AxpyTo(tmp.Row(i), T(s.alpha), s.m.injection(r), s.u[r*ws.n:(r+1)*ws.n])
	}
	s.m.resolvent(ws.z, tmp)
	for i, r := range ws.rows {
		hi := h[i*ws.n : (i+1)*ws.n]
		kernel.SubTo(hi, ws.z.Row(i), s.u[r*ws.n:(r+1)*ws.n])
	}
	kernel.Axpby(1, ws.z.Data, T(1/s.alpha), h)
	s.m.activateTo(ws.p.Data, h, ws.rows)
}

// step makes the next iterates, or u' from which eval makes them.
func (s *splitState[T]) step(ws *SolveSpace[T]) {
	n := ws.n
	switch {
	case !s.peace:
		kernel.Axpby(T(s.alpha), s.h[:len(ws.rows)*n], T(1-s.alpha), ws.z.Data)
		s.m.prox(ws.z.Data, ws.z.Data, s.alpha, ws.rows)
	case !s.opened:
		s.opened = true
		for i, r := range ws.rows {
			copy(s.u[r*n:(r+1)*n], ws.z.Row(i))
		}
	default:
		for i, r := range ws.rows {
			u, t := s.u[r*n:(r+1)*n], s.tmp[:n]
			kernel.Axpby(2, ws.z.Row(i), -1, u) // u = 2z½ - u'
			s.m.prox(t, u, s.alpha, ws.rows[i:i+1])
			kernel.Axpby(2, t, -1, u) // u' = 2z - u
		}
	}
}
