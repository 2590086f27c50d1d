package catapult

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
)

// Quadratic is the neural quadratic model of arXiv 2205.11787: the same loss on
// the second-order Taylor expansion of the network around θ_0,
//
//	f_q(θ) = f(θ_0) + J δ + ½ δᵀ f''(θ_0) δ,   δ = θ - θ_0,
//
// as a flow.Energy in θ, without weight decay, on the full data. Unlike the
// linearisation it shows the catapult. One evaluation costs about two gradients
// of the network; the Hessians of the outputs are never formed.
type Quadratic[T flow.Float] struct{ taylor[T] }

// NewQuadratic returns the quadratic model of n around theta0. Errors wrap
// ErrShape or ErrNonFinite.
func NewQuadratic[T flow.Float](n *Net[T], theta0 []T) (*Quadratic[T], error) {
	t, err := newTaylor(n, theta0, 2)
	if err != nil {
		return nil, err
	}
	return &Quadratic[T]{t}, nil
}

// taylor is the expansion of a network's outputs of order 1 or 2 around θ_0.
type taylor[T flow.Float] struct {
	order  int
	ws     *nn.Workspace[T]
	crit   *nn.Criterion[T]
	y      nn.Target[T]
	theta0 []T
	f0     kernel.Matrix[T]
	f      kernel.Matrix[T]
	seed   kernel.Matrix[T]
	delta  []T
	second []T
}

func newTaylor[T flow.Float](n *Net[T], theta0 []T, order int) (taylor[T], error) {
	if err := n.checkTheta("theta0", theta0); err != nil {
		return taylor[T]{}, err
	}
	m, k := n.Samples(), n.Outputs()
	t := taylor[T]{
		order: order, ws: nn.NewWorkspace[T](n.mlp, m), crit: nn.NewCriterion[T](nn.Loss(n.cfg.Loss), m, k), y: n.target(),
		theta0: append([]T(nil), theta0...), delta: make([]T, n.Dim()),
		f0: kernel.NewMatrix[T](m, k), f: kernel.NewMatrix[T](m, k), seed: kernel.NewMatrix[T](m, k),
	}
	t.ws.SetGates(n.gates)
	copy(t.f0.Data, t.ws.Forward(t.theta0, n.data.X).Data)
	return t, nil
}

// Dim returns the number of parameters.
func (t *taylor[T]) Dim() int { return len(t.theta0) }

// Predict returns the expanded outputs (m x K) at theta, a view that the next
// call overwrites.
func (t *taylor[T]) Predict(theta []T) kernel.Matrix[T] {
	kernel.SubTo(t.delta, theta, t.theta0)
	kernel.AddTo(t.f.Data, t.f0.Data, t.ws.JVP(t.delta).Data)
	if t.order == 2 {
		kernel.Axpy(0.5, t.ws.SecondJVP().Data, t.f.Data)
	}
	return t.f
}

// EnergyGrad returns the loss of the expanded outputs at theta and stores its
// gradient in grad unless that is nil: Jᵀr, for the quadratic model plus
// (Σ r f”)δ, r = ∂L/∂f, which the R-operator gives in one pass.
func (t *taylor[T]) EnergyGrad(grad, theta []T) float64 {
	l := t.crit.Eval(t.seed, t.Predict(theta), t.y)
	switch {
	case grad == nil:
	case t.order == 1:
		t.ws.VJP(grad, t.seed)
	default:
		t.ws.Backward(nil, t.seed)
		t.ws.RBackward(grad, t.seed)
	}
	return l
}
