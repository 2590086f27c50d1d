package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Band says where the eigenvalues of the Hessian lie, for RKCD.
type Band struct {
	// Lower is a lower bound l > 0 of the eigenvalues: the constant of strong
	// convexity.
	Lower float64
	// Upper is an upper bound L >= l: the Lipschitz constant of the gradient.
	Upper float64
	// Damping is η > 0. If it is zero, it is 1.17, the best for few steps; the
	// larger, the more gradients a step takes and the better the rate a gradient.
	Damping float64
}

const defaultDamping = 1.17

func (b Band) damping() float64 {
	if b.Damping == 0 {
		return defaultDamping
	}
	return b.Damping
}

// Stages is the number of gradients a step, s = ceil sqrt((κ-1) η/2) with κ = L/l:
// the smallest s for which every eigenvalue in [l, L] is contracted alike.
func (b Band) Stages() int {
	return max(1, int(math.Ceil(math.Sqrt((b.Upper/b.Lower-1)*b.damping()/2))))
}

// Step is the step size h = (w0 + 1)/(w1 L), at which the contraction is 1/T_s(w0) at
// L.
func (b Band) Step() float64 {
	w0, w1, _ := b.weights()
	return (w0 + 1) / (w1 * b.Upper)
}

// Contraction is 1/T_s(w0), by which a step reduces the distance to the minimum of
// a quadratic. For large η its s-th root, the contraction a gradient, tends to
// (√κ-1)/(√κ+1), that of the heavy ball with the best momentum.
func (b Band) Contraction() float64 {
	_, _, t := b.weights()
	return 1 / t
}

// weights returns w0 = 1 + η/s², w1 = T_s(w0)/T'_s(w0) and T_s(w0), by
// T_s(cosh a) = cosh sa.
func (b Band) weights() (w0, w1, t float64) {
	s := float64(b.Stages())
	d := b.damping() / (s * s)
	a := math.Log1p(d + math.Sqrt(d*(2+d))) // arcosh(1 + d)
	return 1 + d, math.Sinh(a) / (s * math.Tanh(s*a)), math.Cosh(s * a)
}

func (b Band) check() error {
	switch {
	case !(b.Lower > 0) || math.IsInf(b.Lower, 1):
		return fmt.Errorf("descent: Band.Lower = %v, want a finite number > 0: %w", b.Lower, flow.ErrArgument)
	case !(b.Upper >= b.Lower) || math.IsInf(b.Upper, 1):
		return fmt.Errorf("descent: Band.Upper = %v, want a finite number >= Lower = %v: %w", b.Upper, b.Lower, flow.ErrArgument)
	case !(b.Damping >= 0) || math.IsInf(b.Damping, 1):
		return fmt.Errorf("descent: Band.Damping = %v, want a finite number > 0, or 0 for the default: %w", b.Damping, flow.ErrArgument)
	case !(b.Upper/b.Lower*b.damping() <= maxConditioning):
		return fmt.Errorf("descent: Band has Upper/Lower = %.3g and Damping %v, want a product <= %.0g: %w", b.Upper/b.Lower, b.damping(), maxConditioning, flow.ErrArgument)
	}
	return nil
}

// maxConditioning keeps the number of stages within 7 million.
const maxConditioning = 1e14

// RKCD returns Runge-Kutta-Chebyshev descent (Eftekhari, Vandereycken, Vilmart and
// Zygalakis, arXiv 1805.07199): each step is one step of
// the method RKC1 of order 1 on dx/dt = f(x) with s stages,
//
//	Y_1 = x + h (w1/w0) f(x),
//	Y_j = 2 w1 (T_{j-1}/T_j) h f(Y_{j-1}) + 2 w0 (T_{j-1}/T_j) Y_{j-1} - (T_{j-2}/T_j) Y_{j-2},
//
// T_j = T_j(w0) the Chebyshev polynomials. On a quadratic a component of curvature λ
// is multiplied by T_s(w0 - w1 hλ)/T_s(w0): at the default step by at most
// 1/T_s(w0) in modulus, for all λ in [l, L] (that bound is derived by us). It is an
// accelerated method without momentum: steps have no memory, and a line search on
// h works as for gradient descent.
//
// Without a controller the step is b.Step(). It makes s gradients a step; time is
// that of the flow, Σ h.
func RKCD[T flow.Float](f flow.Field[T], b Band) flow.Integrator[T] {
	return &rkcd[T]{base: newBase(f, "RKCD"), band: b}
}

type rkcd[T flow.Float] struct {
	base[T]
	band   Band
	stages int
	w0, w1 float64
	y, d   []T // the stage that is not in the proposal; the way to the proposal
}

var (
	_ flow.Integrator[float64] = (*rkcd[float64])(nil)
	_ flow.Memory[float64]     = (*rkcd[float64])(nil)
	_ flow.Deriver[float64]    = (*rkcd[float64])(nil)
	_ flow.Drawer              = (*rkcd[float64])(nil)
)

// Init implements flow.Integrator.
func (m *rkcd[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if err := m.band.check(); err != nil {
		return err
	}
	m.stages = m.band.Stages()
	m.w0, m.w1, _ = m.band.weights()
	if n := len(s.X); len(m.y) != n || m.y == nil {
		m.y, m.d = make([]T, n), make([]T, n)
	}
	if err := m.begin(&s, tr); err != nil {
		return err
	}
	tr.H = m.band.Step()
	return nil
}

// Try implements flow.Integrator.
func (m *rkcd[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	m.open(tr, x, t)
	m.recursion(tr, next, x, t, h)
	if m.want.Slope {
		kernel.SubTo(m.d, next, x)
		m.slope(m.d, h)
	}
	m.finish(tr, next, x, t, h)
}

// recursion stores Y_s in next. The ratios q_j = T_{j-1}/T_j follow
// 1/q_{j+1} = 2 w0 - q_j and do not overflow.
func (m *rkcd[T]) recursion(tr *flow.Trial, next, x []T, t, h float64) {
	// The stages alternate so that the last one is in next; f1 is free for f.
	dst, other := next, m.y
	if m.stages%2 == 0 {
		dst, other = other, dst
	}
	kernel.AxpyTo(dst, T(h*m.w1/m.w0), m.f0, x)
	q, c, cPrev := 1/m.w0, m.w1/m.w0, 0.0 // c_j h is the time of Y_j
	for j := 2; j <= m.stages; j++ {
		last := dst
		m.f.Eval(m.f1, last, t+c*h)
		tr.Evals++
		q1 := q
		q = 1 / (2*m.w0 - q1)
		mu, nu, w := 2*m.w0*q, -q*q1, 2*m.w1*q
		dst, other = other, dst
		if j == 2 {
			copy(dst, x) // afterwards it is Y_{j-2}
		}
		kernel.Axpby(T(mu), last, T(nu), dst)
		kernel.Axpy(T(h*w), m.f1, dst)
		c, cPrev = mu*c+nu*cPrev+w, c
	}
}

// Accept implements flow.Integrator.
func (m *rkcd[T]) Accept() { m.accepted() }

// Memory implements flow.Memory.
func (m *rkcd[T]) Memory() (vec [][]T, num []float64) { return m.memory() }
