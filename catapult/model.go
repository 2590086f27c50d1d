package catapult

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
)

// Model is what Train and Sharpness work on: a [Net], or one of its twins
// [Linearised] and [Quadratic]. EnergyGrad is the energy that is descended (of the
// current mini-batch, with weight decay); the other methods refer to the full data.
type Model[T flow.Float] interface {
	flow.Energy[T]
	// Samples and Outputs return m and K.
	Samples() int
	Outputs() int
	// Loss returns L(θ), without weight decay.
	Loss(theta []T) float64
	// Predict returns f(θ) (m x K), a view.
	Predict(theta []T) kernel.Matrix[T]
	// HessVec stores ∇²L(θ) v, plus γ v, in dst, which is not v.
	HessVec(dst, theta, v []T)
	// NTKVec stores J Jᵀ u/m in dst, both of length mK.
	NTKVec(dst, theta, u []T)

	traits() traits
	dead(theta []T) bool
}

// traits are the constants of a model that curvature and phases depend on.
type traits struct {
	loss       Loss
	zeroLoss   float64 // L of the outputs f = 0
	stochastic bool    // mini-batches: the energy changes from step to step
	decay      bool    // EnergyGrad is more than the loss
	depth      int     // layers of weights
	relu       bool    // φ is a rectifier
}

var (
	_ Model[float64] = (*Net[float64])(nil)
	_ Model[float64] = (*Linearised[float64])(nil)
	_ Model[float64] = (*Quadratic[float64])(nil)
)

func (n *Net[T]) traits() traits {
	m, k := n.Samples(), n.Outputs()
	zero := nn.NewCriterion[T](nn.Loss(n.cfg.Loss), m, k).Eval(kernel.Matrix[T]{}, kernel.NewMatrix[T](m, k), n.target())
	return traits{
		loss: n.cfg.Loss, zeroLoss: zero, stochastic: n.draw != nil, decay: n.cfg.Decay > 0,
		depth: n.Layers(), relu: n.cfg.Act == ReLU,
	}
}

// dead says whether some hidden layer of ReLUs is silent on every sample: then
// the outputs do not depend on the inputs, and no gradient reaches the weights.
func (n *Net[T]) dead(theta []T) bool {
	if n.cfg.Act != ReLU {
		return false
	}
	ws := n.full.At(theta)
	for l := 1; l < n.Layers(); l++ {
		if kernel.MaxAbs(ws.Hidden(l).Data) == 0 {
			return true
		}
	}
	return false
}
