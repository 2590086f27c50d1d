package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// AdamOptions are the constants of Adam and AdamW. The zero value is that of the
// paper.
type AdamOptions struct {
	// Beta1 is the decay rate of the first moment, 0 < β1 < 1. If it is zero, it
	// is 0.9. (Without a first moment Adam is RMSProp with a bias correction.)
	Beta1 float64
	// Beta2 is the decay rate of the second moment, 0 < β2 < 1. If it is zero, it
	// is 0.999.
	Beta2 float64
	// Eps is ε > 0, outside the root. If it is zero, it is 1e-8.
	Eps float64
	// Decay is the decoupled weight decay λ >= 0 of AdamW. If it is zero, it is
	// 0.01; Adam has none and wants zero.
	Decay float64
}

// Adam returns Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1): with g = -f,
// t = 1, 2, ...,
//
//	m ← β1 m + (1-β1) g,  s ← β2 s + (1-β2) g²,
//	x ← x - η (m/(1-β1^t)) / (sqrt(s/(1-β2^t)) + ε)
//
// by coordinate, m = s = 0 at the start. Its Trial.Curvature is the largest
// eigenvalue of the preconditioned Hessian; see EdgeOfStability.
func Adam[T flow.Float](f flow.Field[T], o AdamOptions) flow.Integrator[T] {
	return newAdaptive(f, "Adam", adaptiveRule{adam: true, keep: or(o.Beta2, 0.999), beta1: or(o.Beta1, 0.9), eps: or(o.Eps, 1e-8), decay: o.Decay})
}

// AdamW returns Adam with decoupled weight decay (Loshchilov and Hutter, arXiv
// 1711.05101, algorithm 2, with a schedule multiplier that includes η): the step
// of Adam, and x ← x - η λ x besides.
func AdamW[T flow.Float](f flow.Field[T], o AdamOptions) flow.Integrator[T] {
	return newAdaptive(f, "AdamW", adaptiveRule{adam: true, keep: or(o.Beta2, 0.999), beta1: or(o.Beta1, 0.9), eps: or(o.Eps, 1e-8), decay: or(o.Decay, 0.01)})
}

// RMSPropOptions are the constants of RMSProp.
type RMSPropOptions struct {
	// Rho is the decay rate of the second moment, 0 < ρ < 1. If it is zero, it is
	// 0.9.
	Rho float64
	// Eps is ε > 0, outside the root. If it is zero, it is 1e-8.
	Eps float64
}

// RMSProp returns RMSProp (Tieleman and Hinton, Lecture 6.5, Neural Networks for
// Machine Learning, Coursera 2012): s ← ρ s + (1-ρ) g², x ← x - η g/(sqrt(s) + ε)
// by coordinate, g = -f, s = 0 at the start.
func RMSProp[T flow.Float](f flow.Field[T], o RMSPropOptions) flow.Integrator[T] {
	rho := or(o.Rho, 0.9)
	return newAdaptive(f, "RMSProp", adaptiveRule{keep: rho, add: 1 - rho, eps: or(o.Eps, 1e-8)})
}

// AdaGradOptions are the constants of AdaGrad.
type AdaGradOptions struct {
	// Eps is ε > 0, outside the root. If it is zero, it is 1e-8.
	Eps float64
}

// AdaGrad returns AdaGrad with its diagonal matrix (Duchi, Hazan and Singer, JMLR
// 12 (2011) 2121): s ← s + g², x ← x - η g/(sqrt(s) + ε) by coordinate, g = -f,
// s = 0 at the start.
func AdaGrad[T flow.Float](f flow.Field[T], o AdaGradOptions) flow.Integrator[T] {
	return newAdaptive(f, "AdaGrad", adaptiveRule{keep: 1, add: 1, eps: or(o.Eps, 1e-8)})
}

// or is v, or its default if it is zero.
func or(v, def float64) float64 {
	if v == 0 {
		return def
	}
	return v
}

// adaptiveRule is what tells the adaptive methods apart: s ← keep s + add g².
type adaptiveRule struct {
	adam              bool
	keep, add         float64
	beta1, eps, decay float64
	log1, log2        float64 // logarithms of beta1 and keep, of Adam
}

// adaptive scales every coordinate by the root of its second moment.
type adaptive[T flow.Float] struct {
	base[T]
	rule   adaptiveRule
	m, s   []T // moments at the current point; m of Adam only
	m1, s1 []T // and of the proposal
	u      []T // the step, if its slope is wanted
	fresh  bool
}

var (
	_ flow.Integrator[float64] = (*adaptive[float64])(nil)
	_ flow.Memory[float64]     = (*adaptive[float64])(nil)
	_ flow.Deriver[float64]    = (*adaptive[float64])(nil)
	_ flow.Drawer              = (*adaptive[float64])(nil)
	_ flow.Restarter           = (*adaptive[float64])(nil)
)

func newAdaptive[T flow.Float](f flow.Field[T], name string, r adaptiveRule) *adaptive[T] {
	r.log1, r.log2 = math.Log(r.beta1), math.Log(r.keep)
	a := &adaptive[T]{base: newBase(f, name), rule: r}
	a.precond = a.preconditioner
	return a
}

// Init implements flow.Integrator.
func (a *adaptive[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if err := a.rule.check(a.name); err != nil {
		return err
	}
	if n := len(s.X); len(a.s) != n || a.s == nil {
		a.s, a.s1 = make([]T, n), make([]T, n)
		if a.rule.adam {
			a.m, a.m1 = make([]T, n), make([]T, n)
		}
	}
	if s.Want.Slope && len(a.u) != len(s.X) {
		a.u = make([]T, len(s.X))
	}
	if !s.Keep {
		a.Restart()
	}
	a.fresh = false
	return a.begin(&s, tr)
}

func (r *adaptiveRule) check(name string) error {
	bad := func(what string, got float64, want string) error {
		return fmt.Errorf("descent: %s of %s is %v, want %s: %w", what, name, got, want, flow.ErrArgument)
	}
	inside := func(v float64) bool { return v > 0 && v < 1 }
	switch {
	case r.adam && !inside(r.beta1):
		return bad("Beta1", r.beta1, "a number in (0, 1), or 0 for the default")
	case r.adam && !inside(r.keep):
		return bad("Beta2", r.keep, "a number in (0, 1), or 0 for the default")
	case name == "RMSProp" && !inside(r.keep):
		return bad("Rho", r.keep, "a number in (0, 1), or 0 for the default")
	case !(r.eps > 0) || math.IsInf(r.eps, 1):
		return bad("Eps", r.eps, "a finite number > 0, or 0 for the default")
	case name == "Adam" && r.decay != 0:
		return bad("Decay", r.decay, "0; weight decay is for AdamW")
	case !(r.decay >= 0) || math.IsInf(r.decay, 1):
		return bad("Decay", r.decay, "a finite number > 0, or 0 for the default")
	}
	return nil
}

// Try implements flow.Integrator.
func (a *adaptive[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	a.open(tr, x, t)
	a.step(next, x, h)
	if a.want.Slope {
		// The step by itself: x = 0 but for the decay, which is linear in x.
		clear(a.u)
		a.step(a.u, a.u, h)
		kernel.Axpy(T(-h*a.rule.decay), x, a.u)
		a.slope(a.u, h)
	}
	a.fresh = true
	a.finish(tr, next, x, t, h)
}

// step makes the step from x, and the moments of the proposal.
func (a *adaptive[T]) step(next, x []T, h float64) {
	r := &a.rule
	if !r.adam {
		kernel.ScaledStepTo(next, a.s1, x, a.f0, a.s, T(r.keep), T(r.add), T(h), T(r.eps))
		return
	}
	bias1, bias2 := r.bias(a.num[count] + 1)
	kernel.AdamTo(next, a.m1, a.s1, x, a.f0, a.m, a.s, kernel.AdamCoefs[T]{
		Beta1: T(r.beta1), Beta2: T(r.keep), Bias1: T(bias1), Bias2: T(bias2), Eps: T(r.eps), H: T(h), Decay: T(r.decay),
	})
}

// bias returns 1-β1^t and 1-β2^t, without cancellation.
func (r *adaptiveRule) bias(t float64) (bias1, bias2 float64) {
	return -math.Expm1(t * r.log1), -math.Expm1(t * r.log2)
}

// preconditioner stores P^(-1/2) in dst, P the diagonal matrix by which the last
// step divided: sqrt(s) + ε, and for Adam (1-β1^t) (sqrt(s/(1-β2^t)) + ε) (Cohen
// et al., arXiv 2207.14484, section 2). Before the first step it is that of this
// step.
func (a *adaptive[T]) preconditioner(dst []T) {
	r, s, t := &a.rule, a.s1, a.num[count]+1
	if !a.fresh {
		if s, t = a.s, a.num[count]; t == 0 {
			a.step(dst, dst, 0) // the moments of the first step
			s, t = a.s1, 1
		}
	}
	if !r.adam {
		kernel.InvSqrtScaleTo(dst, s, 1, T(r.eps))
		return
	}
	bias1, bias2 := r.bias(t)
	kernel.InvSqrtScaleTo(dst, s, T(bias1/math.Sqrt(bias2)), T(bias1*r.eps))
}

// Accept implements flow.Integrator.
func (a *adaptive[T]) Accept() {
	a.m, a.m1, a.s, a.s1 = a.m1, a.m, a.s1, a.s
	a.fresh = false
	a.accepted()
}

// Restart implements flow.Restarter: the moments become zero. It reports whether
// that changes anything.
func (a *adaptive[T]) Restart() bool {
	moved := a.num[count] > 0
	clear(a.m)
	clear(a.s)
	a.num[count] = 0
	return moved
}

// Memory implements flow.Memory.
func (a *adaptive[T]) Memory() (vec [][]T, num []float64) { return a.memory(a.m, a.s) }
