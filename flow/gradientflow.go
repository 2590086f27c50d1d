package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// GradientFlow returns the field dx/dt = -∇E(x), along which dE/dt = -‖∇E‖². It
// panics if e is nil.
//
// Its capabilities are those of e: a Hessian-vector product becomes the
// Jacobian-vector product -∇²E v, a spectral radius, mini-batches and failures
// carry over.
func GradientFlow[T Float](e Energy[T]) EnergyField[T] {
	if e == nil {
		panic("flow: GradientFlow of a nil Energy")
	}
	g := &gradientFlow[T]{e: e, caps: CapsOf[T](e), grad: e.EnergyGrad}
	if f, ok := e.(energyFunc[T]); ok {
		g.grad = f.f
	}
	return g
}

type gradientFlow[T Float] struct {
	e    Energy[T]
	grad func(grad, x []T) float64 // e.EnergyGrad, of an EnergyFunc the function
	caps Caps[T]
}

func (g *gradientFlow[T]) Dim() int { return g.e.Dim() }

func (g *gradientFlow[T]) Eval(dst, x []T, t float64) {
	g.grad(dst, x)
	if len(dst) > smallDim {
		kernel.Scal(-1, dst)
		return
	}
	for i, v := range dst {
		dst[i] = -v
	}
}

func (g *gradientFlow[T]) EvalEnergy(dst, x []T, t float64) (e, slope float64) {
	if dst == nil {
		return g.grad(nil, x), math.NaN()
	}
	e = g.grad(dst, x)
	if len(dst) > smallDim {
		return e, -kernel.NegSumSq(dst)
	}
	for i, v := range dst {
		slope -= float64(v) * float64(v)
		dst[i] = -v
	}
	return e, slope
}

// Caps translates the capabilities of the energy to those of its gradient flow.
func (g *gradientFlow[T]) Caps() Caps[T] {
	c := Caps[T]{
		Autonomous: true,
		Descends:   true,
		HessVec:    g.caps.HessVec,
		Band:       g.caps.Band,
		Radius:     g.caps.Radius,
		Draw:       g.caps.Draw,
		Err:        g.caps.Err,
		Project:    g.caps.Project,
		Invariants: g.caps.Invariants,
	}
	if hv := c.HessVec; hv != nil {
		c.JacVec = func(dst, x, v []T, t float64) {
			hv(dst, x, v)
			kernel.Scal(-1, dst)
		}
	}
	return c
}

// Metric is a Riemannian metric on R^n: SolveMetric stores G(x)⁻¹ g in dst, for
// the symmetric positive definite G(x). dst and g do not overlap.
type Metric[T Float] interface {
	SolveMetric(dst, g, x []T)
}

// NaturalFlow returns the field dx/dt = -G(x)⁻¹ ∇E(x), the steepest descent of E
// in the metric G (with the Fisher metric the natural gradient of Amari, Neural
// Computation 10 (1998) 251), along which dE/dt = -∇Eᵀ G⁻¹ ∇E. It panics if one
// of them is nil.
func NaturalFlow[T Float](e Energy[T], m Metric[T]) EnergyField[T] {
	if e == nil || m == nil {
		panic(fmt.Sprintf("flow: NaturalFlow needs an Energy and a Metric, got nil Energy: %t, nil Metric: %t", e == nil, m == nil))
	}
	return &naturalFlow[T]{e: e, m: m, caps: CapsOf[T](e), metric: CapsOf[T](m), grad: make([]T, e.Dim())}
}

type naturalFlow[T Float] struct {
	e            Energy[T]
	m            Metric[T]
	caps, metric Caps[T]
	grad         []T
}

func (f *naturalFlow[T]) Dim() int { return f.e.Dim() }

func (f *naturalFlow[T]) Eval(dst, x []T, t float64) { f.EvalEnergy(dst, x, t) }

func (f *naturalFlow[T]) EvalEnergy(dst, x []T, t float64) (e, slope float64) {
	if dst == nil {
		return f.e.EnergyGrad(nil, x), math.NaN()
	}
	e = f.e.EnergyGrad(f.grad, x)
	f.m.SolveMetric(dst, f.grad, x)
	kernel.Scal(-1, dst)
	return e, float64(kernel.Dot(f.grad, dst))
}

// Caps passes on what the wrapping leaves true.
func (f *naturalFlow[T]) Caps() Caps[T] {
	return Caps[T]{
		Autonomous: true,
		HessVec:    f.caps.HessVec,
		Draw:       f.caps.Draw,
		Err:        firstErr(f.caps.Err, f.metric.Err),
		Project:    f.caps.Project,
		Invariants: f.caps.Invariants,
	}
}

// firstErr asks a, then b; nil functions are skipped.
func firstErr(a, b func() error) func() error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func() error {
		if err := a(); err != nil {
			return err
		}
		return b()
	}
}
