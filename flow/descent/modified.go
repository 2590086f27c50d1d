package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// ModifiedEnergy returns
//
//	Ẽ(x) = E(x) + (η/4) ‖∇E(x)‖²
//
// whose gradient flow gradient descent on E with learning rate η follows to second
// order in η, where it follows that of E to first order only (backward error
// analysis; Barrett and Dherin, arXiv 2009.11162, theorem 3.1). The gradient is
// ∇E + (η/2) ∇²E ∇E, with the Hessian-vector product of e (flow.Caps.HessVec), or
// by central differences of its gradients, to a third of their digits. The error
// wraps flow.ErrArgument.
func ModifiedEnergy[T flow.Float](e flow.Energy[T], eta float64) (flow.Energy[T], error) {
	if e == nil {
		return nil, fmt.Errorf("descent: energy of ModifiedEnergy is nil: %w", flow.ErrArgument)
	}
	if !(eta >= 0) || math.IsInf(eta, 1) {
		return nil, fmt.Errorf("descent: eta = %v, want a finite number >= 0: %w", eta, flow.ErrArgument)
	}
	n := e.Dim()
	m := &modified[T]{e: e, eta: eta, caps: flow.CapsOf[T](e), g: make([]T, n)}
	if m.hv = m.caps.HessVec; m.hv == nil {
		d := &difference[T]{f: func(dst, x []T) { e.EnergyGrad(dst, x) }, sign: 1, x: make([]T, n), f1: make([]T, n)}
		m.hv = d.product
	}
	return m, nil
}

type modified[T flow.Float] struct {
	e    flow.Energy[T]
	eta  float64
	caps flow.Caps[T]
	hv   func(dst, x, v []T)
	g    []T
}

func (m *modified[T]) Dim() int { return m.e.Dim() }

func (m *modified[T]) EnergyGrad(grad, x []T) float64 {
	e := m.e.EnergyGrad(m.g, x)
	if grad != nil {
		m.hv(grad, x, m.g)
		kernel.Axpby(1, m.g, T(m.eta/2), grad)
	}
	return e + m.eta/4*kernel.SumSq(m.g)
}

// Caps passes on what the modification leaves true.
func (m *modified[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{Draw: m.caps.Draw, Err: m.caps.Err, Project: m.caps.Project}
}
