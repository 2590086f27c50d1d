package catapult

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// WarmupNet is the warm-up model as the network that it is, an energy over its
// parameters θ = (u, v) in R^(2n): for gradient flow, momentum and line searches,
// and to check Warmup against. It holds no scratch memory and is safe for
// concurrent use.
type WarmupNet[T flow.Float] struct {
	cfg   WarmupConfig
	n     int
	rootN float64
}

var _ flow.Energy[float64] = (*WarmupNet[float64])(nil)

// NewWarmupNet returns the network. Errors wrap ErrArgument (N must be an integer
// here) or ErrNonFinite.
func NewWarmupNet[T flow.Float](c WarmupConfig) (*WarmupNet[T], error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.N != math.Trunc(c.N) || c.N > math.MaxInt32 {
		return nil, fmt.Errorf("catapult: N = %v, want an integer for the network itself: %w", c.N, ErrArgument)
	}
	return &WarmupNet[T]{c, int(c.N), math.Sqrt(c.N)}, nil
}

// Dim returns 2n.
func (w *WarmupNet[T]) Dim() int { return 2 * w.n }

// Init returns random parameters u, v ~ N(0, 1), a function of (seed, member)
// alone.
func (w *WarmupNet[T]) Init(seed uint64, member int) []T {
	r := newSampler(seed, member)
	theta := make([]T, 2*w.n)
	for i := range theta {
		theta[i] = T(r.NormFloat64())
	}
	return theta
}

// split returns u and v.
func (w *WarmupNet[T]) split(theta []T) (u, v []T) {
	if len(theta) != 2*w.n {
		panic(fmt.Sprintf("catapult: parameters of length %d, want 2n = %d", len(theta), 2*w.n))
	}
	return theta[:w.n], theta[w.n:]
}

// Reduced returns the output f = u·v/√n and the tangent kernel λ =
// (|u|²+|v|²)/n, the state of Warmup.
func (w *WarmupNet[T]) Reduced(theta []T) (f, lambda float64) {
	u, v := w.split(theta)
	return float64(kernel.Dot(u, v)) / w.rootN, kernel.SumSq(theta) / w.cfg.N
}

// EnergyGrad returns ℓ(f) + γ/2 |θ|² and stores its gradient, (ℓ'v, ℓ'u)/√n + γθ,
// in grad unless that is nil.
func (w *WarmupNet[T]) EnergyGrad(grad, theta []T) float64 {
	u, v := w.split(theta)
	f := float64(kernel.Dot(u, v)) / w.rootN
	e, d1, _ := w.cfg.loss(f)
	if w.cfg.Decay > 0 {
		e += w.cfg.Decay / 2 * kernel.SumSq(theta)
	}
	if grad == nil {
		return e
	}
	gu, gv := w.split(grad)
	c, decay := T(d1/w.rootN), T(w.cfg.Decay)
	copy(grad, theta)
	kernel.Axpby(c, v, decay, gu)
	kernel.Axpby(c, u, decay, gv)
	return e
}

// HessVec stores ∇²E(θ) d in dst: with p = ∇f·d = (v·d_u + u·d_v)/√n,
//
//	(ℓ'' p v + ℓ' d_v, ℓ'' p u + ℓ' d_u)/√n + γ d.
func (w *WarmupNet[T]) HessVec(dst, theta, d []T) {
	u, v := w.split(theta)
	du, dv := w.split(d)
	hu, hv := w.split(dst)
	_, d1, d2 := w.cfg.loss(float64(kernel.Dot(u, v)) / w.rootN)
	p := float64(kernel.Dot(v, du)+kernel.Dot(u, dv)) / w.rootN
	a, b, decay := T(d2*p/w.rootN), T(d1/w.rootN), T(w.cfg.Decay)
	copy(dst, d)
	kernel.Axpby(a, v, decay, hu)
	kernel.Axpby(a, u, decay, hv)
	kernel.Axpy(b, dv, hu)
	kernel.Axpy(b, du, hv)
}

// WarmupSpectrum holds the 2n eigenvalues of the Hessian of the warm-up model.
type WarmupSpectrum struct {
	// Plus and Minus are γ ± ℓ'/√n, each n-1 times.
	Plus, Minus float64
	// Low <= High are the two that see the network's output. Where ℓ' = 0 and γ =
	// 0, High is ℓ''λ and all others are zero.
	Low, High float64
}

// HessianSpectrum returns all eigenvalues of ∇²E(θ) in closed form: besides the
// bulk those of γ plus
//
//	( ℓ''p²/n + ℓ'/√n   -ℓ''pq/n        )
//	( -ℓ''pq/n          ℓ''q²/n - ℓ'/√n ),   p² = |u+v|²/2, q² = |u-v|²/2
//
// (ours; for label 0 and MSE ℓ' = f, ℓ” = 1).
func (w *WarmupNet[T]) HessianSpectrum(theta []T) WarmupSpectrum {
	f, lambda := w.Reduced(theta)
	_, d1, d2 := w.cfg.loss(f)
	c, decay := d1/w.rootN, w.cfg.Decay
	// p²/n and q²/n are λ/2 ± f/√n.
	pp, qq := max(0, lambda/2+f/w.rootN), max(0, lambda/2-f/w.rootN)
	mean := d2 * (pp + qq) / 2
	radius := math.Hypot(d2*(pp-qq)/2+c, d2*math.Sqrt(pp*qq))
	return WarmupSpectrum{Plus: decay + c, Minus: decay - c, Low: decay + mean - radius, High: decay + mean + radius}
}

// Alignment returns √n|f|/(|u||v|), the cosine between the hidden activations h
// = u and the loss's derivative ∂L/∂h up to sign: the diagnostic of the
// discussion of arXiv 2003.02218, 1 when the network has become rank one. It is
// 0 where u or v vanishes.
func (w *WarmupNet[T]) Alignment(theta []T) float64 {
	u, v := w.split(theta)
	norm := kernel.Nrm2(u) * kernel.Nrm2(v)
	if norm == 0 {
		return 0
	}
	return math.Abs(float64(kernel.Dot(u, v))) / norm
}

// Caps are the Hessian-vector product, a bound on the spectral radius, and without
// weight decay the invariant |u|²-|v|² of the gradient flow.
func (w *WarmupNet[T]) Caps() flow.Caps[T] {
	c := flow.Caps[T]{
		Autonomous: true,
		HessVec:    w.HessVec,
		Radius: func(theta []T, _ float64) float64 {
			s := w.HessianSpectrum(theta)
			return max(math.Abs(s.Low), math.Abs(s.High), math.Abs(s.Plus), math.Abs(s.Minus))
		},
	}
	if w.cfg.Decay == 0 {
		c.Invariants = []flow.Invariant[T]{{Name: "|u|²-|v|²", Value: func(theta []T) float64 {
			u, v := w.split(theta)
			return kernel.SumSq(u) - kernel.SumSq(v)
		}}}
	}
	return c
}
