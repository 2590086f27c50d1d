package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// GD returns gradient descent, x ← x + η f(x) (Cauchy 1847).
func GD[T flow.Float](f flow.Field[T]) flow.Integrator[T] {
	return newMethod(f, "GD", nil, false)
}

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

func newMethod[T flow.Float](f flow.Field[T], name string, mom Momentum, ahead bool) *method[T] {
	m := &method[T]{name: name, f: f, mom: mom, ahead: ahead, caps: flow.CapsOf[T](f)}
	m.ef, _ = f.(flow.EnergyField[T])
	return m
}

// method is all three: gradient descent is the heavy ball without v.
//
// f0 is f at the current point and f1 at the proposal. After an accepted step f1
// becomes the next f0; with mini-batches it is void, since it belongs to another
// energy.
type method[T flow.Float] struct {
	name  string
	f     flow.Field[T]
	ef    flow.EnergyField[T] // f if it has an energy, else nil
	caps  flow.Caps[T]
	mom   Momentum // nil: none
	ahead bool     // f is evaluated at x + βv
	want  flow.Want

	f0, f1 []T
	v, u   []T // velocity at the current point and of the proposal
	y, fy  []T // look-ahead point and f there
	num    [numbers]float64
	mem    [2][]T
}

// The numbers of a method that a checkpoint saves.
const (
	have0  = iota // f0 holds f at the current point
	have1         // f1 holds f at the proposal
	e0            // energy at the current point
	slope0        // dE/dt there
	e1            // energy at the proposal
	slope1        // dE/dt there
	count         // accepted steps since the velocity was zero
	numbers
)

var (
	_ flow.Integrator[float64] = (*method[float64])(nil)
	_ flow.Memory[float64]     = (*method[float64])(nil)
	_ flow.Deriver[float64]    = (*method[float64])(nil)
	_ flow.Drawer              = (*method[float64])(nil)
	_ flow.Restarter           = (*method[float64])(nil)
)

// Name implements flow.Namer.
func (m *method[T]) Name() string { return m.name }

// Caps returns the capabilities of the field.
func (m *method[T]) Caps() flow.Caps[T] { return m.caps }

// Init implements flow.Integrator.
func (m *method[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if err := m.prepare(s); err != nil {
		return err
	}
	m.want = s.Want
	m.num[have0], m.num[have1] = 0, 0
	if !s.Keep {
		m.Restart()
	}
	nan := math.NaN()
	*tr = flow.Trial{Err: nan, NoErr: true, Finite: true, Order: 1, E1: nan, Slope1: nan, SS: nan, SY: nan, YY: nan}
	m.start(tr, s.X, s.T)
	if !kernel.AllFinite(m.f0) || math.IsInf(m.num[e0], 0) || m.ef != nil && math.IsNaN(m.num[e0]) {
		return fmt.Errorf("descent: energy or gradient at the start point is not finite: %w", flow.ErrNonFinite)
	}
	tr.E0, tr.Slope0 = m.num[e0], m.num[slope0]
	return nil
}

// prepare checks the method and takes its memory.
func (m *method[T]) prepare(s flow.Start[T]) error {
	if m.f == nil {
		return fmt.Errorf("descent: field of %s is nil: %w", m.name, flow.ErrArgument)
	}
	if m.ahead && m.mom == nil {
		return fmt.Errorf("descent: momentum of Nesterov is nil, want Constant, Convex or StronglyConvex: %w", flow.ErrArgument)
	}
	if m.mom != nil {
		if err := m.mom.check(); err != nil {
			return err
		}
	}
	n := m.f.Dim()
	if n != len(s.X) {
		return fmt.Errorf("descent: start point has length %d, want the dimension of the field, %d: %w", len(s.X), n, flow.ErrArgument)
	}
	if s.Dir < 0 {
		return fmt.Errorf("descent: %s cannot go backward in time, T1 must not be before T0: %w", m.name, flow.ErrArgument)
	}
	if s.Want.Slope && m.mom != nil && !m.caps.Descends {
		return fmt.Errorf("descent: the controller wants the slope of E along the step, which %s knows on a flow.GradientFlow only: %w", m.name, flow.ErrArgument)
	}
	if len(m.f0) == n && m.f0 != nil {
		return nil
	}
	m.f0, m.f1 = make([]T, n), make([]T, n)
	if m.mom != nil {
		m.v, m.u = make([]T, n), make([]T, n)
	}
	if m.ahead {
		m.y, m.fy = make([]T, n), make([]T, n)
	}
	return nil
}

// start makes f0 hold f at the current point.
func (m *method[T]) start(tr *flow.Trial, x []T, t float64) {
	if m.num[have0] == 0 {
		m.num[e0], m.num[slope0] = m.eval(tr, m.f0, x, t)
		m.num[have0] = 1
	}
}

// eval stores f(t, x) in dst and returns energy and slope, NaN if there are none.
func (m *method[T]) eval(tr *flow.Trial, dst, x []T, t float64) (e, slope float64) {
	tr.Evals++
	if m.ef != nil {
		return m.ef.EvalEnergy(dst, x, t)
	}
	m.f.Eval(dst, x, t)
	return math.NaN(), math.NaN()
}

// Try implements flow.Integrator.
func (m *method[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	tr.Evals = 0
	extra := m.want.Energy || m.want.Slope || m.want.Secant
	if !m.ahead || extra {
		m.start(tr, x, t)
	}
	switch {
	case m.mom == nil:
		kernel.AxpyTo(next, T(h), m.f0, x)
	case m.ahead:
		beta := T(m.mom.beta(m.num[count]+1, h))
		kernel.AxpyTo(m.y, beta, m.v, x)
		m.eval(tr, m.fy, m.y, t)
		m.propose(next, x, beta, h, m.fy)
	default:
		m.propose(next, x, T(m.mom.beta(0, h)), h, m.f0)
	}
	m.num[e1], m.num[slope1], m.num[have1] = math.NaN(), math.NaN(), 0
	if extra || !m.ahead && m.caps.Draw == nil {
		m.num[e1], m.num[slope1] = m.eval(tr, m.f1, next, t+h)
		m.num[have1] = 1
	}
	m.describe(tr, next, x, h)
}

// propose stores the velocity βv + hf in u and x + u in next.
func (m *method[T]) propose(next, x []T, beta T, h float64, f []T) {
	copy(m.u, m.v)
	kernel.Axpby(T(h), f, beta, m.u)
	kernel.AddTo(next, x, m.u)
}

// describe fills the Trial.
func (m *method[T]) describe(tr *flow.Trial, next, x []T, h float64) {
	tr.E0, tr.Slope0, tr.E1, tr.Slope1 = m.num[e0], m.num[slope0], m.num[e1], m.num[slope1]
	if m.ahead && m.num[have0] == 0 {
		tr.E0, tr.Slope0 = math.NaN(), math.NaN()
	}
	tr.Finite = m.ef == nil || m.num[have1] == 0 || tr.E1-tr.E1 == 0
	if m.want.Slope && m.mom != nil {
		// With f = -∇E the slope along the step is -f·(next-x)/h.
		tr.Slope0 = -float64(kernel.Dot(m.f0, m.u)) / h
	}
	if m.want.Secant {
		m.secant(tr, next, x)
	}
}

// secant fills s·s, s·y and y·y with s = next - x, y = f(x) - f(next).
func (m *method[T]) secant(tr *flow.Trial, next, x []T) {
	var ss, sy, yy float64
	for i, f := range m.f0 {
		s, y := float64(next[i]-x[i]), float64(f-m.f1[i])
		ss += s * s
		sy += s * y
		yy += y * y
	}
	tr.SS, tr.SY, tr.YY = ss, sy, yy
}

// Accept implements flow.Integrator.
func (m *method[T]) Accept() {
	m.v, m.u = m.u, m.v
	m.num[count]++
	m.num[have0] = 0
	if m.num[have1] == 1 {
		m.f0, m.f1 = m.f1, m.f0
		m.num[e0], m.num[slope0], m.num[have0] = m.num[e1], m.num[slope1], 1
	}
}

// Touch implements flow.Integrator.
func (m *method[T]) Touch() { m.num[have0] = 0 }

// Draw implements flow.Drawer: another batch is another energy.
func (m *method[T]) Draw(step uint64) {
	if m.caps.Draw != nil {
		m.caps.Draw(step)
		m.num[have0] = 0
	}
}

// Restart implements flow.Restarter: the velocity becomes zero and schedules
// begin anew. It reports whether that changes anything.
func (m *method[T]) Restart() bool {
	moving := kernel.MaxAbs(m.v) != 0
	clear(m.v)
	m.num[count] = 0
	return moving
}

// Deriv implements flow.Deriver.
func (m *method[T]) Deriv() []T {
	if m.num[have0] == 1 {
		return m.f0
	}
	return nil
}

// Memory implements flow.Memory.
func (m *method[T]) Memory() (vec [][]T, num []float64) {
	m.mem[0], m.mem[1] = m.f0, m.v
	return m.mem[:], m.num[:]
}
