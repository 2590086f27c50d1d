package descent

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// GD returns gradient descent, x ← x + η f(x) (Cauchy 1847).
//
// It is the explicit Euler method on the flow of f. Under a controller of errors,
// such as flow.PI, it follows the flow: its local error is then estimated by the
// distance to the step of Heun's method, (η/2) |f(x_next) - f(x)|, which costs
// nothing. It has to be asked for: without a controller there is no learning rate.
func GD[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	m := &gd[T]{base: newBase(f, "GD")}
	m.plain = true
	return m
}

// gd is gradient descent.
type gd[T flow.Float] struct{ base[T] }

var (
	_ flow.Integrator[float64] = (*gd[float64])(nil)
	_ flow.Memory[float64]     = (*gd[float64])(nil)
	_ flow.Deriver[float64]    = (*gd[float64])(nil)
	_ flow.Drawer              = (*gd[float64])(nil)
)

// Init implements flow.Integrator.
func (m *gd[T]) Init(s flow.Start[T], tr *flow.Trial) error { return m.begin(&s, tr) }

// Try implements flow.Integrator.
func (m *gd[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	if len(next) > smallDim {
		kernel.AxpyTo(next, T(h), m.f0, x)
	} else {
		f, a := m.f0[:len(next)], T(h)
		for i, v := range x[:len(next)] {
			next[i] = v + a*f[i]
		}
	}
	m.finish(tr, next, x, t, h)
}

// smallDim is the dimension up to which calling a kernel takes longer than its
// work.
const smallDim = 4

// Accept implements flow.Integrator.
func (m *gd[T]) Accept() { m.accepted() }

// Memory implements flow.Memory.
func (m *gd[T]) Memory() (vec [][]T, num []float64) { return m.memory() }
