package descent

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// HeavyBall returns Polyak's heavy ball, v ← β v + η f(x), x ← x + v (USSR
// Comput. Math. Math. Phys. 4 (1964) 1), 0 <= β < 1, with v = 0 at the start.
func HeavyBall[T flow.Float](f flow.Field[T], beta float64) flow.Integrator[T] {
	return newMethod(f, "HeavyBall", Constant(beta), false)
}

// Nesterov returns Nesterov's accelerated method, v ← β_k v + η f(x + β_k v),
// x ← x + v (Soviet Math. Dokl. 27 (1983) 372), with v = 0 at the start.
func Nesterov[T flow.Float](f flow.Field[T], m Momentum) flow.Integrator[T] {
	return newMethod(f, "Nesterov", m, true)
}

// LookAheadNesterov returns Nesterov's method in the other of its two sequences:
// its state is the look-ahead point y_k = x_k + β_k v_k, at which the method takes
// its gradients,
//
//	v ← β_k v + η f(y),  y ← y + η f(y) + β_{k+1} v,
//
// as Bengio, Boulanger-Lewandowski and Pascanu write it (arXiv 1212.0901, section
// 3.5) and as the libraries of machine learning run it. The energies shown are
// E(y), at no extra cost. v = 0 at the start, so that y_0 = x_0.
func LookAheadNesterov[T flow.Float](f flow.Field[T], m Momentum) flow.Integrator[T] {
	k := newMethod(f, "LookAheadNesterov", m, false)
	k.slide = true
	return k
}

func newMethod[T flow.Float](f flow.Field[T], name string, mom Momentum, ahead bool) *method[T] {
	m := &method[T]{base: newBase(f, name), mom: mom, ahead: ahead}
	m.lazy = ahead
	return m
}

// method is all three methods with momentum.
type method[T flow.Float] struct {
	base[T]
	mom   Momentum
	ahead bool // f is evaluated at x + βv
	slide bool // the state is the look-ahead point
	v, u  []T  // velocity at the current point and of the proposal
	y, fy []T  // look-ahead point (or the way to it) and f there
}

var (
	_ flow.Integrator[float64] = (*method[float64])(nil)
	_ flow.Memory[float64]     = (*method[float64])(nil)
	_ flow.Deriver[float64]    = (*method[float64])(nil)
	_ flow.Drawer              = (*method[float64])(nil)
	_ flow.Restarter           = (*method[float64])(nil)
)

// Init implements flow.Integrator.
func (m *method[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if err := m.checkMomentum(); err != nil {
		return err
	}
	if n := len(s.X); len(m.v) != n {
		m.v, m.u, m.y, m.fy = make([]T, n), make([]T, n), make([]T, n), make([]T, n)
	}
	if !s.Keep {
		m.Restart()
	}
	return m.begin(&s, tr)
}

func (m *method[T]) checkMomentum() error {
	if m.mom == nil {
		return fmt.Errorf("descent: momentum of %s is nil, want Constant, Convex or StronglyConvex: %w", m.name, flow.ErrArgument)
	}
	return m.mom.check()
}

// Try implements flow.Integrator.
func (m *method[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	switch {
	case m.ahead:
		beta := T(m.mom.beta(m.num[count]+1, h))
		kernel.AxpyTo(m.y, beta, m.v, x)
		m.eval(tr, m.fy, m.y, t)
		kernel.MomentumTo(next, m.u, x, m.fy, m.v, beta, T(h))
		m.slope(m.u, h)
	case m.slide:
		k := m.num[count]
		kernel.MomentumTo(m.y, m.u, x, m.f0, m.v, T(m.mom.beta(k+1, h)), T(h))
		kernel.MomentumTo(next, m.y, x, m.f0, m.u, T(m.mom.beta(k+2, h)), T(h))
		m.slope(m.y, h)
	default:
		kernel.MomentumTo(next, m.u, x, m.f0, m.v, T(m.mom.beta(0, h)), T(h))
		m.slope(m.u, h)
	}
	m.finish(tr, next, x, t, h)
}

// Accept implements flow.Integrator.
func (m *method[T]) Accept() {
	m.v, m.u = m.u, m.v
	m.accepted()
}

// Restart implements flow.Restarter: the velocity becomes zero and schedules
// begin anew. It reports whether that changes anything.
func (m *method[T]) Restart() bool {
	moving := kernel.MaxAbs(m.v) != 0
	clear(m.v)
	m.num[count] = 0
	return moving
}

// Memory implements flow.Memory.
func (m *method[T]) Memory() (vec [][]T, num []float64) { return m.memory(m.v) }
