package deq

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// monotoneMap is the map of a monotone layer, which the splitting methods can take
// apart.
type monotoneMap[T flow.Float] struct {
	*layerMap[T]
	parent *Monotone[T]
	vt     kernel.Matrix[T]
}

func (m *monotoneMap[T]) injection(row int) []T { return m.c.Row(row) }

func (m *monotoneMap[T]) activateTo(dst, h []T, _ []int) { applyActivation(m.act, dst, h) }

// proxKnown: σ = prox_1 φ, and prox_α φ is known where φ is 0 or quadratic on half
// lines.
func (m *monotoneMap[T]) proxKnown(alpha float64) bool {
	switch m.act.form {
	case formIdentity, formReLU, formLeaky:
		return true
	}
	return alpha == 1
}

// prox: leaky ReLU with slope g belongs to φ(z) = (1/g - 1) z²/2 for z < 0.
func (m *monotoneMap[T]) prox(dst, u []T, alpha float64, _ []int) {
	switch m.act.form {
	case formReLU:
		kernel.ReLU(dst, u)
	case formLeaky:
		slope := 0.0
		if g := m.act.MinSlope; g > 0 {
			slope = 1 / (1 + alpha*(1/g-1))
		}
		kernel.LeakyReLU(dst, u, T(slope))
	case formIdentity:
		copy(dst, u)
	default:
		applyActivation(m.act, dst, u)
	}
}

func (m *monotoneMap[T]) step() float64 { return m.parent.forwardStep() }

func (m *monotoneMap[T]) resolve(alpha float64) (err error) {
	_, m.vt, err = m.parent.inverse(alpha)
	return err
}

func (m *monotoneMap[T]) resolvent(dst, u kernel.Matrix[T]) { kernel.Gemm(dst, 1, u, m.vt, 0) }

// monotoneAdjoint is the adjoint equation S = D (G + S W) of a monotone layer as a
// monotone layer with weight Wᵀ: D is the proximal map of the quadratic function
// with the diagonal 1/D - 1, and for α it is D/(D + α(1-D)).
type monotoneAdjoint[T flow.Float] struct {
	*linearMap[T]
	parent *Monotone[T]
	v      kernel.Matrix[T]
}

func (m *monotoneAdjoint[T]) injection(row int) []T { return m.e.Row(row) }

func (m *monotoneAdjoint[T]) activateTo(dst, h []T, rows []int) {
	n := m.d.Cols
	for i, r := range rows {
		kernel.MulTo(dst[i*n:(i+1)*n], h[i*n:(i+1)*n], m.d.Row(r))
	}
}

func (m *monotoneAdjoint[T]) proxKnown(float64) bool { return true }

func (m *monotoneAdjoint[T]) prox(dst, u []T, alpha float64, rows []int) {
	n, a := m.d.Cols, T(alpha)
	for i, r := range rows {
		to, from := dst[i*n:(i+1)*n], u[i*n:(i+1)*n]
		for k, d := range m.d.Row(r) {
			if d == 0 {
				to[k] = 0
				continue
			}
			to[k] = from[k] * d / (d + a*(1-d))
		}
	}
}

func (m *monotoneAdjoint[T]) step() float64 { return m.parent.forwardStep() }

func (m *monotoneAdjoint[T]) resolve(alpha float64) (err error) {
	m.v, _, err = m.parent.inverse(alpha)
	return err
}

func (m *monotoneAdjoint[T]) resolvent(dst, u kernel.Matrix[T]) { kernel.Gemm(dst, 1, u, m.v, 0) }
