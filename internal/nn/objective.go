package nn

import (
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Objective is a loss of a network on a batch as a function of θ, with its first
// and second derivatives. It remembers the last θ: what is asked at the same
// point reuses the activations and, for Hessian products, the backward pass. It
// is for one goroutine at a time.
type Objective[T kernel.Float] struct {
	ws    *Workspace[T]
	crit  *Criterion[T]
	x     kernel.Matrix[T]
	y     Target[T]
	theta []T // where the workspace is, if known

	seedMem, tangentMem []T
	seed, tangent       kernel.Matrix[T]
	known, back         bool
	loss                float64
}

// NewObjective returns the objective for batches of up to rows samples. SetBatch
// must come before anything else.
func NewObjective[T kernel.Float](n *MLP, l Loss, rows int) *Objective[T] {
	k := n.Outputs()
	return &Objective[T]{
		ws: NewWorkspace[T](n, rows), crit: NewCriterion[T](l, rows, k), theta: make([]T, n.Dim()),
		seedMem: make([]T, rows*k), tangentMem: make([]T, rows*k),
	}
}

// SetBatch makes the rows of x and their targets y the batch. Both are kept as
// views and must not change before the next SetBatch.
func (o *Objective[T]) SetBatch(x kernel.Matrix[T], y Target[T]) {
	k := o.ws.net.Outputs()
	o.x, o.y, o.known = x, y, false
	o.seed = kernel.MatrixOf(x.Rows, k, o.seedMem[:x.Rows*k])
	o.tangent = kernel.MatrixOf(x.Rows, k, o.tangentMem[:x.Rows*k])
}

// SetGates freezes the activation at the given gates; see Workspace.SetGates.
func (o *Objective[T]) SetGates(g []kernel.Matrix[T]) {
	o.ws.SetGates(g)
	o.known = false
}

// Rows returns the number of samples of the batch.
func (o *Objective[T]) Rows() int { return o.x.Rows }

// At passes the batch through the network at theta, unless that was the last
// thing done, and returns the workspace.
func (o *Objective[T]) At(theta []T) *Workspace[T] {
	checkLen("theta", len(theta), len(o.theta))
	if o.known && slices.Equal(theta, o.theta) {
		return o.ws
	}
	copy(o.theta, theta)
	o.loss = o.crit.Eval(o.seed, o.ws.Forward(o.theta, o.x), o.y)
	o.known, o.back = true, false
	return o.ws
}

// Outputs returns f(θ) (rows x K), a view.
func (o *Objective[T]) Outputs(theta []T) kernel.Matrix[T] {
	ws := o.At(theta)
	return ws.layers[len(ws.layers)-1].h
}

// Seed returns ∂L/∂f (rows x K) at theta, a view.
func (o *Objective[T]) Seed(theta []T) kernel.Matrix[T] {
	o.At(theta)
	return o.seed
}

// Loss returns L(θ).
func (o *Objective[T]) Loss(theta []T) float64 {
	o.At(theta)
	return o.loss
}

// Grad stores ∇L(θ) in grad and returns L(θ).
func (o *Objective[T]) Grad(grad, theta []T) float64 {
	o.At(theta).Backward(grad, o.seed)
	o.back = true
	return o.loss
}

// Back returns the workspace with the backward pass at theta done.
func (o *Objective[T]) Back(theta []T) *Workspace[T] {
	ws := o.At(theta)
	if !o.back {
		ws.Backward(nil, o.seed)
		o.back = true
	}
	return ws
}

// HessVec stores ∇²L(θ) v in dst, which must not be v.
func (o *Objective[T]) HessVec(dst, theta, v []T) {
	ws := o.Back(theta)
	o.crit.Hess(o.tangent, ws.JVP(v))
	ws.RBackward(dst, o.tangent)
}

// GaussNewtonVec stores Jᵀ S J v in dst, S = ∂²L/∂f²: the part of the Hessian
// that is left when the residuals vanish. dst must not be v.
func (o *Objective[T]) GaussNewtonVec(dst, theta, v []T) {
	ws := o.At(theta)
	o.crit.Hess(o.tangent, ws.JVP(v))
	ws.VJP(dst, o.tangent)
}

// VJP stores J(θ)ᵀ u in dst, u of length rows·K.
func (o *Objective[T]) VJP(dst, theta, u []T) {
	o.At(theta).VJP(dst, kernel.MatrixOf(o.seed.Rows, o.seed.Cols, u))
}

// JVP returns J(θ) v (rows x K), a view.
func (o *Objective[T]) JVP(theta, v []T) kernel.Matrix[T] {
	return o.At(theta).JVP(v)
}

// Criterion returns the criterion at the outputs for theta.
func (o *Objective[T]) Criterion(theta []T) *Criterion[T] {
	o.At(theta)
	return o.crit
}
