package deq

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// applyActivation stores σ(h) in dst, which may be h.
func applyActivation[T flow.Float](a *Activation, dst, h []T) {
	switch a.form {
	case formIdentity:
		copy(dst, h)
	case formReLU:
		kernel.ReLU(dst, h)
	case formLeaky:
		kernel.LeakyReLU(dst, h, T(a.MinSlope))
	case formTanh:
		kernel.Tanh(dst, h)
	case formSigmoid:
		kernel.Sigmoid(dst, h)
	case formSoftplus:
		kernel.Softplus(dst, h)
	default:
		for i, v := range h {
			dst[i] = T(a.F(float64(v)))
		}
	}
}

// curvature stores σ”(h) in dst.
func curvature[T flow.Float](a *Activation, dst, h []T) {
	for i, v := range h {
		dst[i] = T(a.D2(float64(v)))
	}
}
