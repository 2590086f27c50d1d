package catapult

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"gonum.org/v1/gonum/mat"
)

// LinearNet is the two-layer linear network of section 2 of arXiv 2003.02218 with
// its hidden layer, as an energy over θ = (U, v), U row-major n x d:
//
//	f_α = n^(-1/2) vᵀ U x_α,   E = 1/(2m) Σ_α (f_α-y_α)² + γ/2 |θ|².
//
// With ζ = Xᵀ(f-y)/m its gradient is n^(-1/2) (vζᵀ, Uζ) + γθ. It keeps scratch
// memory and is for one goroutine at a time. For its training at any width see
// ReducedLinear, for deeper ones Net.
type LinearNet[T flow.Float] struct {
	n     int
	decay float64
	data  linearData[T]

	q, zeta, dq, dzeta []T
}

var _ flow.Energy[float64] = (*LinearNet[float64])(nil)

// NewLinearNet returns the network of width n with weight decay γ on the data x
// (m x d, one sample a row) with labels y, both kept as views. Errors wrap
// ErrArgument, ErrShape, ErrEmpty or ErrNonFinite.
func NewLinearNet[T flow.Float](n int, decay float64, x kernel.Matrix[T], y []T) (*LinearNet[T], error) {
	if n < 1 {
		return nil, fmt.Errorf("catapult: n = %d, want a width >= 1: %w", n, ErrArgument)
	}
	if !(decay >= 0) || math.IsInf(decay, 0) {
		return nil, fmt.Errorf("catapult: decay = %v, want a finite number >= 0: %w", decay, ErrArgument)
	}
	data, err := newLinearData(x, y)
	if err != nil {
		return nil, err
	}
	d := data.d
	return &LinearNet[T]{n, decay, data, make([]T, d), make([]T, d), make([]T, d), make([]T, d)}, nil
}

// Dim returns nd+n.
func (l *LinearNet[T]) Dim() int { return l.n * (l.data.d + 1) }

// Weights returns U (n x d) and v (n) as views of theta.
func (l *LinearNet[T]) Weights(theta []T) (u kernel.Matrix[T], v []T) {
	if len(theta) != l.Dim() {
		panic(fmt.Sprintf("catapult: parameters of length %d, want nd+n = %d", len(theta), l.Dim()))
	}
	nd := l.n * l.data.d
	return kernel.MatrixOf(l.n, l.data.d, theta[:nd]), theta[nd:]
}

// Init returns random parameters U, v ~ N(0, 1), a function of (seed, member)
// alone.
func (l *LinearNet[T]) Init(seed uint64, member int) []T {
	r := newSampler(seed, member)
	theta := make([]T, l.Dim())
	for i := range theta {
		theta[i] = T(r.NormFloat64())
	}
	return theta
}

// effective stores q = Uᵀv/√n in l.q.
func (l *LinearNet[T]) effective(theta []T) (u kernel.Matrix[T], v []T) {
	u, v = l.Weights(theta)
	kernel.GemvT(l.q, l.scale(), u, v, 0)
	return u, v
}

func (l *LinearNet[T]) scale() T { return T(1 / math.Sqrt(float64(l.n))) }

// EnergyGrad returns E(θ) and stores its gradient in grad unless that is nil.
func (l *LinearNet[T]) EnergyGrad(grad, theta []T) float64 {
	u, v := l.effective(theta)
	e := l.data.grad(l.zeta, l.q)
	if l.decay > 0 {
		e += l.decay / 2 * kernel.SumSq(theta)
	}
	if grad == nil {
		return e
	}
	gu, gv := l.Weights(grad)
	kernel.Axpby(T(l.decay), theta, 0, grad)
	kernel.Ger(gu, l.scale(), v, l.zeta)
	kernel.Gemv(gv, l.scale(), u, l.zeta, 1)
	return e
}

// HessVec stores ∇²E(θ) w in dst: with w = (D, e), δq = (Dᵀv+Uᵀe)/√n and δζ =
// XᵀXδq/m,
//
//	n^(-1/2) (eζᵀ + vδζᵀ, Dζ + Uδζ) + γw.
func (l *LinearNet[T]) HessVec(dst, theta, w []T) {
	u, v := l.effective(theta)
	l.data.grad(l.zeta, l.q)
	du, dv := l.Weights(w)
	kernel.GemvT(l.dq, l.scale(), du, v, 0)
	kernel.GemvT(l.dq, l.scale(), u, dv, 1)
	kernel.Gemv(l.data.res, 1, l.data.x, l.dq, 0)
	kernel.GemvT(l.dzeta, 1/T(l.data.m), l.data.x, l.data.res, 0)

	hu, hv := l.Weights(dst)
	kernel.Axpby(T(l.decay), w, 0, dst)
	kernel.Ger(hu, l.scale(), dv, l.zeta)
	kernel.Ger(hu, l.scale(), v, l.dzeta)
	kernel.Gemv(hv, l.scale(), du, l.zeta, 1)
	kernel.Gemv(hv, l.scale(), u, l.dzeta, 1)
}

// Caps are the Hessian-vector product and, without weight decay, the invariant tr
// M - a = (|U|²-|v|²)/n of the gradient flow, the trace of the conserved matrix
// UUᵀ-vvᵀ (see Imbalance) over n.
func (l *LinearNet[T]) Caps() flow.Caps[T] {
	c := flow.Caps[T]{Autonomous: true, HessVec: l.HessVec}
	if l.decay == 0 {
		c.Invariants = []flow.Invariant[T]{{Name: "tr M - a", Value: func(theta []T) float64 {
			u, v := l.Weights(theta)
			return (kernel.SumSq(u.Data) - kernel.SumSq(v)) / float64(l.n)
		}}}
	}
	return c
}

// Reduce stores the state (a, q, M) of ReducedLinear, of length 1+d+d², in dst and
// returns it.
func (l *LinearNet[T]) Reduce(dst, theta []T) []T {
	d := l.data.d
	if len(dst) != 1+d+d*d {
		panic(fmt.Sprintf("catapult: len(dst) = %d, want 1+d+d² = %d", len(dst), 1+d+d*d))
	}
	u, v := l.effective(theta)
	dst[0] = T(kernel.SumSq(v) / float64(l.n))
	copy(dst[1:1+d], l.q)
	kernel.SyrkT(kernel.MatrixOf(d, d, dst[1+d:]), 1/T(l.n), u, 0)
	return dst
}

// Outputs stores the outputs f, of length m, in dst and returns it.
func (l *LinearNet[T]) Outputs(dst, theta []T) []T {
	l.effective(theta)
	kernel.Gemv(dst, 1, l.data.x, l.q, 0)
	return dst
}

// NTK stores the tangent kernel Θ_αβ = (|v|² x_α·x_β + (Ux_α)·(Ux_β))/nm in dst,
// which is given the size m if it is empty. It allocates.
func (l *LinearNet[T]) NTK(dst *mat.SymDense, theta []T) {
	d := l.data.d
	state := l.Reduce(make([]T, 1+d+d*d), theta)
	l.data.ntk(dst, state[0], kernel.MatrixOf(d, d, state[1+d:]))
}

// NTKTop returns the largest eigenvalue λ of Θ as ReducedLinear.NTKTop does. It
// allocates.
func (l *LinearNet[T]) NTKTop(theta []T) Curvature {
	d := l.data.d
	state := l.Reduce(make([]T, 1+d+d*d), theta)
	return l.data.ntkTop(state[0], kernel.MatrixOf(d, d, state[1+d:]))
}
