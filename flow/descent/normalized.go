package descent

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// SignGD returns sign gradient descent, x ← x + η sign(f(x)) by coordinate, sign(0)
// = 0: steepest descent in the maximum norm without its factor ‖f‖₁ (signSGD,
// Bernstein et al., arXiv 1802.04434). At a constant learning rate it ends in a
// cycle of amplitude η.
func SignGD[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	return &normalized[T]{base: newBase(f, "SignGD"), sign: true}
}

// NormalizedGD returns normalised gradient descent, x ← x + η f(x)/‖f(x)‖₂
// (Nesterov, Introductory Lectures on Convex Optimization, 2004, section 3.2.3):
// every step has length η. Where f = 0 it stays.
func NormalizedGD[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	return &normalized[T]{base: newBase(f, "NormalizedGD")}
}

// normalized makes steps whose length does not depend on that of f.
type normalized[T flow.Float] struct {
	base[T]
	sign bool
	u    []T // the step
}

var (
	_ flow.Integrator[float64] = (*normalized[float64])(nil)
	_ flow.Memory[float64]     = (*normalized[float64])(nil)
	_ flow.Deriver[float64]    = (*normalized[float64])(nil)
	_ flow.Drawer              = (*normalized[float64])(nil)
)

// Init implements flow.Integrator.
func (m *normalized[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if n := len(s.X); len(m.u) != n {
		m.u = make([]T, n)
	}
	return m.begin(&s, tr)
}

// Try implements flow.Integrator.
func (m *normalized[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	clear(m.u)
	if m.sign {
		kernel.SignAxpyTo(m.u, T(h), m.f0, m.u)
	} else if norm := kernel.Nrm2(m.f0); norm > 0 {
		kernel.AxpyTo(m.u, T(h/norm), m.f0, m.u)
	}
	kernel.AddTo(next, x, m.u)
	m.slope(m.u, h)
	m.finish(tr, next, x, t, h)
}

// Accept implements flow.Integrator.
func (m *normalized[T]) Accept() { m.accepted() }

// Memory implements flow.Memory.
func (m *normalized[T]) Memory() (vec [][]T, num []float64) { return m.memory() }
