package game

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// plane holds value and derivatives of a function u(x, y).
type plane struct{ u, x, y, xx, xy, yy float64 }

// newZeroSumPlane returns the game l_1 = u(x, y), l_2 = -u(x, y) of two scalar players.
func newZeroSumPlane(f func(x, y float64) plane) *analytic {
	return newAnalytic([]int{1, 1}, func(a *analytic, x []float64, order int) {
		p := f(x[0], x[1])
		for i, s := range [2]float64{1, -1} {
			a.loss[i] = s * p.u
			g := a.grad.Row(i)
			g[0], g[1] = s*p.x, s*p.y
			h := a.hess[i].Data
			h[0], h[1], h[2], h[3] = s*p.xx, s*p.xy, s*p.xy, s*p.yy
		}
	})
}

// GANLoss is the function f of a Dirac-GAN.
type GANLoss int

const (
	// Logistic is f(t) = -log(1+e^(-t)), the loss of Goodfellow et al. (2014).
	Logistic GANLoss = iota
	// Wasserstein is f(t) = t.
	Wasserstein
)

// String returns the name of the loss.
func (l GANLoss) String() string {
	if l == Wasserstein {
		return "Wasserstein"
	}
	return "Logistic"
}

// DiracGAN is the smallest adversarial network (Mescheder, Geiger, Nowozin, ICML 2018,
// arXiv 1801.04406, definition 2.1): the generator moves a point mass to θ, the
// discriminator is linear with slope ψ, and
//
//	l_1 = f(θψ) + f(0),  l_2 = -l_1.
//
// J(0) = [[0, f'(0)], [-f'(0), 0]]; gradient play conserves θ² + ψ² for every f.
type DiracGAN struct {
	*analytic
	loss GANLoss
}

// NewDiracGAN returns the game, with the players θ and ψ.
func NewDiracGAN(l GANLoss) *DiracGAN {
	return &DiracGAN{newZeroSumPlane(func(x, y float64) plane {
		t := x * y
		f0, f, d, dd := 0.0, t, 1.0, 0.0
		if l == Logistic {
			d = sigmoid(-t)
			f0, f, dd = -math.Ln2, logSigmoid(t), -d*sigmoid(t)
		}
		return plane{f + f0, d * y, d * x, dd * y * y, d + dd*t, dd * x * x}
	}), l}
}

// Invariants implements Invarianter: θ² + ψ².
func (g *DiracGAN) Invariants() []flow.Invariant[float64] {
	return []flow.Invariant[float64]{squaredNorm}
}

// Clone implements Cloner.
func (g *DiracGAN) Clone() Game { return NewDiracGAN(g.loss) }

// ganBatch is the field for many states.
type ganBatch[T flow.Float] struct {
	loss GANLoss
	t    []T
}

func (*ganBatch[T]) Dim() int { return 2 }

// EvalBatch implements BatchField: ξ = (f'(θψ)ψ, -f'(θψ)θ).
func (b *ganBatch[T]) EvalBatch(dst, x []T, lanes int) {
	theta, psi := x[:lanes], x[lanes:2*lanes]
	if cap(b.t) < lanes {
		b.t = make([]T, lanes)
	}
	d := b.t[:lanes]
	copy(dst[:lanes], psi)
	copy(dst[lanes:], theta)
	if b.loss == Logistic {
		kernel.MulTo(d, theta, psi)
		kernel.Scal(-1, d)
		kernel.Sigmoid(d, d)
		kernel.MulTo(dst[:lanes], dst[:lanes], d)
		kernel.MulTo(dst[lanes:2*lanes], dst[lanes:2*lanes], d)
	}
	kernel.Scal(-1, dst[lanes:2*lanes])
}

// Batch32 implements Batcher.
func (g *DiracGAN) Batch32() BatchField[float32] { return &ganBatch[float32]{loss: g.loss} }

// Batch64 implements Batcher.
func (g *DiracGAN) Batch64() BatchField[float64] { return &ganBatch[float64]{loss: g.loss} }

// SoftmaxPennies is matching pennies in logits: p = σ(x), q = σ(y) are the probabilities
// of heads, l_1 = (2p-1)(2q-1), l_2 = -l_1.
type SoftmaxPennies struct{ *analytic }

// NewSoftmaxPennies returns the game, with two scalar players.
func NewSoftmaxPennies() *SoftmaxPennies {
	return &SoftmaxPennies{newZeroSumPlane(func(x, y float64) plane {
		// 2σ(x) - 1 = tanh(x/2)
		s, t := math.Tanh(x/2), math.Tanh(y/2)
		ds, dt := (1-s*s)/2, (1-t*t)/2
		return plane{s * t, ds * t, s * dt, -s * ds * t, ds * dt, -s * t * dt}
	})}
}

// Invariants implements Invarianter: cosh x + cosh y (derived for this package).
func (g *SoftmaxPennies) Invariants() []flow.Invariant[float64] {
	return []flow.Invariant[float64]{{Name: "cosh x + cosh y", Value: func(x []float64) float64 {
		return math.Cosh(x[0]) + math.Cosh(x[1])
	}}}
}

// Clone implements Cloner.
func (g *SoftmaxPennies) Clone() Game { return NewSoftmaxPennies() }

// sigmoid returns σ(t) = 1/(1+e^(-t)) without overflow.
func sigmoid(t float64) float64 {
	if t < 0 {
		e := math.Exp(t)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-t))
}

// logSigmoid returns log σ(t).
func logSigmoid(t float64) float64 {
	if t < 0 {
		return t - math.Log1p(math.Exp(t))
	}
	return -math.Log1p(math.Exp(-t))
}
