package catapult

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Linearised is the same loss on the first-order expansion of the network around
// θ_0,
//
//	f_lin(θ) = f(θ_0) + J (θ - θ_0),
//
// as a flow.Energy in θ, without weight decay, on the full data: the lazy limit
// (arXiv 1806.07572), in which gradient descent on MSE gives
// f̃_t = (I - ηΘ_0)^t f̃_0. It has no catapult: above η = 2/λ_0 it diverges.
// Around a θ_t after the catapult it tells whether linear dynamics have been
// restored.
type Linearised[T flow.Float] struct{ taylor[T] }

// NewLinearised returns the linearisation of n around theta0. Errors wrap
// ErrShape or ErrNonFinite.
func NewLinearised[T flow.Float](n *Net[T], theta0 []T) (*Linearised[T], error) {
	t, err := newTaylor(n, theta0, 1)
	if err != nil {
		return nil, err
	}
	return &Linearised[T]{t}, nil
}

// Caps returns the exact Hessian-vector product, which for this model is its
// Gauss-Newton product Jᵀ S J v.
func (t *Linearised[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{Autonomous: true, HessVec: t.HessVec}
}

// Deviation returns |f(θ) - f_lin(θ_lin)|/√m of a network's parameters theta and
// the linearisation's thetaLin, the distance by which the two runs have parted.
// In the lazy phase it is at most O(n^{-1/2}) (arXiv 1902.06720); networks with
// one hidden layer show the 1/n of arXiv 1909.11304.
func (t *Linearised[T]) Deviation(n *Net[T], theta, thetaLin []T) float64 {
	f, g := n.Predict(theta), t.Predict(thetaLin)
	d := make([]T, len(f.Data))
	kernel.SubTo(d, f.Data, g.Data)
	return kernel.Nrm2(d) / math.Sqrt(float64(n.Samples()))
}
