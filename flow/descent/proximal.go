package descent

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// ErrNewton says that Newton's method did not solve the implicit equation of a
// step.
var ErrNewton = errors.New("equation of the step not solved")

// ProximalPoint returns the proximal point method (Martinet 1970; Rockafellar,
// SIAM J. Control Optim. 14 (1976) 877),
//
//	x ← y with y = x + η f(y),
//
// the implicit Euler method on the flow. For f = -∇E with E convex, y is the
// minimiser of E(y) + |y-x|²/(2η), so that E falls at every learning rate (for
// other E use the method flow.Proximal, which minimises in place of solving). On
// λx²/2 its factor is 1/(1+ηλ), on a rotation with frequency s it shrinks the
// radius by 1/sqrt(1+(ηs)²).
//
// The equation is solved to rounding by Newton's method, damped so that the
// residual falls, with the field's own solver (flow.Caps.Shift and SolveShift) or
// else with a dense LU factorisation of I - ηJ from flow.Caps.Jacobian or from n
// products flow.Caps.JacVec; it is an error if the field has none of them. If the
// iteration fails, the run ends as flow.Failed with ErrNewton (a smaller η helps).
func ProximalPoint[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	return &proximal[T]{base: newBase(f, "ProximalPoint")}
}

const (
	newtonSteps = 50 // iterations of a step
	newtonHalf  = 30 // halvings of an iteration
)

// proximal is the proximal point method.
type proximal[T flow.Float] struct {
	base[T]
	y, r, d, z, fz []T // iterate, residual x + hf(y) - y, correction, trial point and f there
	err            error

	jac   []T            // Jacobian, row-major
	a, b  blas64.General // I - hJ or its factors, right-hand side
	pivot []int
}

var (
	_ flow.Integrator[float64] = (*proximal[float64])(nil)
	_ flow.Memory[float64]     = (*proximal[float64])(nil)
	_ flow.Deriver[float64]    = (*proximal[float64])(nil)
	_ flow.Drawer              = (*proximal[float64])(nil)
	_ flow.Failer              = (*proximal[float64])(nil)
)

// Failure implements flow.Failer.
func (m *proximal[T]) Failure() error { return m.err }

// Init implements flow.Integrator.
func (m *proximal[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	c := &m.caps
	if m.f != nil && c.Jacobian == nil && c.JacVec == nil && (c.Shift == nil || c.SolveShift == nil) {
		return fmt.Errorf("descent: the field of ProximalPoint has no derivative, want Caps with Shift and SolveShift, Jacobian or JacVec: %w", flow.ErrArgument)
	}
	m.err = nil
	if err := m.begin(&s, tr); err != nil {
		return err
	}
	n := len(s.X)
	if m.y != nil && len(m.y) == n {
		return nil
	}
	for _, v := range []*[]T{&m.y, &m.r, &m.d, &m.z, &m.fz} {
		*v = make([]T, n)
	}
	if (c.Shift == nil || c.SolveShift == nil) && n > 0 {
		m.jac, m.pivot = make([]T, n*n), make([]int, n)
		m.a = blas64.General{Rows: n, Cols: n, Stride: n, Data: make([]float64, n*n)}
		m.b = blas64.General{Rows: n, Cols: 1, Stride: 1, Data: make([]float64, n)}
	}
	return nil
}

// Try implements flow.Integrator.
func (m *proximal[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	tr.Jacobians, tr.Factorizations, tr.Solves = 0, 0, 0
	m.open(tr, x, t)
	m.err = m.solve(tr, next, x, t, h)
	kernel.SubTo(m.d, next, x)
	m.slope(m.d, h)
	m.finish(tr, next, x, t, h)
}

// solve finds next = x + h f(next). The search starts at x.
func (m *proximal[T]) solve(tr *flow.Trial, next, x []T, t, h float64) error {
	copy(m.y, x)
	copy(m.r, m.f0)
	kernel.Scal(T(h), m.r)
	size, norm := kernel.Nrm2(m.r), kernel.Nrm2(x)
	for range newtonSteps {
		if size <= m.rounding(norm) {
			break
		}
		if err := m.correction(tr, t, h); err != nil {
			return fmt.Errorf("descent: step %g of ProximalPoint: %w: %w", h, err, ErrNewton)
		}
		smaller, ok := m.damped(tr, x, t, h, size)
		if !ok {
			// At the rounding of x + hf no further fall is possible.
			if size <= 1e3*m.rounding(norm) {
				break
			}
			return fmt.Errorf("descent: residual %.3g of a step %g of ProximalPoint does not fall: %w", size, h, ErrNewton)
		}
		size = smaller
	}
	copy(next, m.y)
	if size > 1e3*m.rounding(norm) {
		return fmt.Errorf("descent: residual %.3g of a step %g of ProximalPoint after %d iterations: %w", size, h, newtonSteps, ErrNewton)
	}
	return nil
}

// rounding is the size of the residual x + hf(y) - y that rounding leaves, for x
// of the given norm.
func (m *proximal[T]) rounding(norm float64) float64 {
	return 4 * unit[T]() * max(norm, kernel.Nrm2(m.y))
}

// damped goes along the correction as far as the residual falls.
func (m *proximal[T]) damped(tr *flow.Trial, x []T, t, h, size float64) (smaller float64, ok bool) {
	a := 1.0
	for range newtonHalf {
		kernel.AxpyTo(m.z, T(a), m.d, m.y)
		m.eval(tr, m.fz, m.z, t+h)
		kernel.AxpyTo(m.fz, T(h), m.fz, x)
		kernel.SubTo(m.fz, m.fz, m.z)
		if s := kernel.Nrm2(m.fz); s < size {
			m.y, m.z = m.z, m.y
			m.r, m.fz = m.fz, m.r
			return s, true
		}
		a /= 2
	}
	return size, false
}

// correction stores (I - hJ(y))⁻¹ r in d.
func (m *proximal[T]) correction(tr *flow.Trial, t, h float64) error {
	c := &m.caps
	tr.Jacobians++
	tr.Factorizations++
	tr.Solves++
	if c.Shift != nil && c.SolveShift != nil {
		if err := c.Shift(m.y, t+h, h); err != nil {
			return err
		}
		return c.SolveShift(m.d, m.r)
	}
	n := len(m.y)
	if n == 0 {
		return nil
	}
	m.jacobian(t + h)
	for i := range m.a.Data {
		m.a.Data[i] = -h * float64(m.jac[i])
	}
	for i := range n {
		m.a.Data[i*n+i]++
		m.b.Data[i] = float64(m.r[i])
	}
	if !kernel.AllFinite(m.a.Data) || !lapack64.Getrf(m.a, m.pivot) {
		return errors.New("matrix I - ηJ is singular or not finite")
	}
	lapack64.Getrs(blas.NoTrans, m.a, m.b, m.pivot)
	for i, v := range m.b.Data {
		m.d[i] = T(v)
	}
	return nil
}

// jacobian stores ∂f/∂x at y in jac.
func (m *proximal[T]) jacobian(t float64) {
	if m.caps.Jacobian != nil {
		m.caps.Jacobian(m.jac, m.y, t)
		return
	}
	n := len(m.y)
	e, col := m.z, m.fz
	clear(e)
	for j := range n {
		e[j] = 1
		m.caps.JacVec(col, m.y, e, t)
		for i, v := range col {
			m.jac[i*n+j] = v
		}
		e[j] = 0
	}
}

// Accept implements flow.Integrator.
func (m *proximal[T]) Accept() { m.accepted() }

// Memory implements flow.Memory.
func (m *proximal[T]) Memory() (vec [][]T, num []float64) { return m.memory() }
