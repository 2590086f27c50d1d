package sde

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Langevin returns the overdamped Langevin equation
//
//	dx = -∇E(x) dt + √(2/β) dW
//
// at inverse temperature β, whose stationary density is proportional to
// exp(-βE). Its noise is diagonal and additive; β = +Inf is the gradient flow.
// The drift is the [flow.GradientFlow] of e, so that runs know the energy; with
// mini-batches, and EulerMaruyama, it is stochastic gradient Langevin dynamics
// (Welling and Teh, ICML 2011). It is an error if e is nil or β is not > 0.
func Langevin[T flow.Float](e flow.Energy[T], beta float64) (System[T], error) {
	if e == nil {
		return nil, fmt.Errorf("sde: energy of Langevin is nil: %w", flow.ErrArgument)
	}
	if !(beta > 0) {
		return nil, fmt.Errorf("sde: beta = %v, want an inverse temperature > 0: %w", beta, flow.ErrArgument)
	}
	b := T(math.Sqrt(2 / beta))
	return Func(flow.GradientFlow(e), Noise{Additive: true}, func(dst, _ []T, _ float64) {
		for i := range dst {
			dst[i] = b
		}
	}), nil
}
