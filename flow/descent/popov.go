package descent

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Popov returns the past extragradient method (Popov, Mathematical Notes 28 (1980)
// 845), which extrapolates by the gradient of the step before and so takes one
// evaluation a step,
//
//	y_k = x_k + η f(y_{k-1}),  x_{k+1} = x_k + η f(y_k),
//
// with f(y_{-1}) = f(x_0). With mini-batches f(y_{k-1}) is that of the batch before.
// The points y_k are those of Optimistic, and the stability is: on a rotation (see
// Extragradient) it converges for u < 1/sqrt(3). f(x) is not evaluated: the energy of
// a step is shown if flow.Options.Energy asks.
func Popov[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	m := &popov[T]{base: newBase(f, "Popov")}
	m.lazy = true
	return m
}

// popov is the past extragradient method.
type popov[T flow.Float] struct {
	base[T]
	y        []T
	past, fy []T // f at the extrapolated point of the last step and of this
}

var (
	_ flow.Integrator[float64] = (*popov[float64])(nil)
	_ flow.Memory[float64]     = (*popov[float64])(nil)
	_ flow.Deriver[float64]    = (*popov[float64])(nil)
	_ flow.Drawer              = (*popov[float64])(nil)
	_ flow.Restarter           = (*popov[float64])(nil)
)

// Init implements flow.Integrator.
func (m *popov[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if n := len(s.X); len(m.y) != n {
		m.y, m.past, m.fy = make([]T, n), make([]T, n), make([]T, n)
	}
	if !s.Keep {
		m.Restart()
	}
	return m.begin(&s, tr)
}

// Try implements flow.Integrator.
func (m *popov[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	past := m.past
	if m.num[count] == 0 {
		m.start(tr, x, t)
		past = m.f0
	}
	kernel.AxpyTo(m.y, T(h), past, x)
	m.eval(tr, m.fy, m.y, t+h)
	kernel.AxpyTo(next, T(h), m.fy, x)
	m.slope(m.fy, 1)
	m.finish(tr, next, x, t, h)
}

// Accept implements flow.Integrator.
func (m *popov[T]) Accept() {
	m.past, m.fy = m.fy, m.past
	m.accepted()
}

// Restart implements flow.Restarter: the previous point is forgotten. It reports
// whether that changes anything.
func (m *popov[T]) Restart() bool {
	remembers := m.num[count] > 0
	m.num[count] = 0
	return remembers
}

// Memory implements flow.Memory.
func (m *popov[T]) Memory() (vec [][]T, num []float64) { return m.memory(m.past) }
