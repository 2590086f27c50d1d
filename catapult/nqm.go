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

// Caps returns the exact Hessian-vector product.
func (t *Quadratic[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{Autonomous: true, HessVec: t.HessVec}
}

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
	net    traits // of the network

	tangent   kernel.Matrix[T] // J_q v
	grad, mix []T
}

func newTaylor[T flow.Float](n *Net[T], theta0 []T, order int) (taylor[T], error) {
	if err := n.checkTheta("theta0", theta0); err != nil {
		return taylor[T]{}, err
	}
	m, k := n.Samples(), n.Outputs()
	t := taylor[T]{
		order: order, ws: nn.NewWorkspace[T](n.mlp, m), crit: nn.NewCriterion[T](nn.Loss(n.cfg.Loss), m, k), y: n.target(),
		theta0: append([]T(nil), theta0...), delta: make([]T, n.Dim()),
		net: n.traits(), tangent: kernel.NewMatrix[T](m, k), grad: make([]T, n.Dim()), mix: make([]T, n.Dim()),
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

// Samples returns the number m of samples.
func (t *taylor[T]) Samples() int { return t.f0.Rows }

// Outputs returns the number K of outputs.
func (t *taylor[T]) Outputs() int { return t.f0.Cols }

// Loss returns the loss of the expanded outputs at theta.
func (t *taylor[T]) Loss(theta []T) float64 { return t.EnergyGrad(nil, theta) }

// dead is what the network was at θ_0: the expansion of a dead one is constant.
func (t *taylor[T]) dead([]T) bool { return false }

func (t *taylor[T]) traits() traits {
	tr := t.net
	tr.stochastic, tr.decay = false, false
	return tr
}

// HessVec stores ∇²L(θ) v in dst, which must not be v: J_qᵀ S J_q v + (Σ r f”)v
// with J_q = J + δᵀf”, at the price of about four gradients of the network.
func (t *taylor[T]) HessVec(dst, theta, v []T) {
	t.crit.Eval(t.seed, t.Predict(theta), t.y)
	t.jvp(v)
	t.crit.Hess(t.tangent, t.tangent)
	if t.order == 1 {
		t.ws.VJP(dst, t.tangent)
		return
	}
	t.vjp(dst, t.tangent)
	t.ws.Backward(nil, t.seed)
	t.ws.JVP(v)
	t.ws.RBackward(t.mix, kernel.Matrix[T]{})
	kernel.AddTo(dst, dst, t.mix)
}

// NTKVec stores J_q J_qᵀ u/m, J_q the Jacobian of the expanded outputs at theta,
// in dst, both of length mK. dst may be u.
func (t *taylor[T]) NTKVec(dst, theta, u []T) {
	kernel.SubTo(t.delta, theta, t.theta0)
	t.vjp(t.grad, kernel.MatrixOf(t.f0.Rows, t.f0.Cols, u))
	t.jvp(t.grad)
	kernel.Axpby(1/T(t.f0.Rows), t.tangent.Data, 0, dst)
}

// vjp stores J_qᵀ u = Jᵀu + (Σ u f”)δ in dst.
func (t *taylor[T]) vjp(dst []T, u kernel.Matrix[T]) {
	if t.order == 1 {
		t.ws.VJP(dst, u)
		return
	}
	t.ws.Backward(nil, u)
	t.ws.JVP(t.delta)
	t.ws.RBackward(dst, u)
}

// jvp stores J_q v = Jv + δᵀf”v in tangent. The mixed derivative comes from the
// second derivatives along δ + sv and δ - sv, with |sv| = |δ|.
func (t *taylor[T]) jvp(v []T) {
	copy(t.tangent.Data, t.ws.JVP(v).Data)
	if t.order == 1 {
		return
	}
	size, norm := kernel.Nrm2(t.delta), kernel.Nrm2(v)
	if size == 0 || norm == 0 {
		return
	}
	s := T(size / norm)
	for _, sign := range [...]T{1, -1} {
		kernel.AxpyTo(t.mix, sign*s, v, t.delta)
		t.ws.JVP(t.mix)
		kernel.Axpy(sign/(4*s), t.ws.SecondJVP().Data, t.tangent.Data)
	}
}
