package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// HeavyBall returns the field of Polyak's heavy ball with friction γ on R^{2n},
// the state being x followed by v:
//
//	dx/dt = v,  dv/dt = -γv - ∇E(x).
//
// Its energy is H = E(x) + ‖v‖²/2, with dH/dt = -γ‖v‖²: for γ = 0 it is
// conserved. It is the limit of the heavy-ball iteration with momentum
// β = 1 - γ√η as the learning rate η goes to zero, at t = k√η. HeavyBall panics
// if e is nil or γ is negative or not finite.
func HeavyBall[T Float](e Energy[T], gamma float64) EnergyField[T] {
	if e == nil || !(gamma >= 0) || math.IsInf(gamma, 1) {
		panic(fmt.Sprintf("flow: HeavyBall needs an Energy and a finite friction >= 0, got nil Energy: %t, gamma = %v", e == nil, gamma))
	}
	return newMomentumFlow(e, false, gamma)
}

// NesterovODE returns the field of Su, Boyd and Candès (arXiv 1503.01243) on
// R^{2n}, the state being x followed by v:
//
//	dx/dt = v,  dv/dt = -(3/t) v - ∇E(x),  t > 0,
//
// the limit of Nesterov's iteration with momentum (k-1)/(k+2) as the learning
// rate η goes to zero, at t = k√η. Its energy is H = E(x) + ‖v‖²/2, with
// dH/dt = -(3/t)‖v‖². At t = 0 it is singular: start from NesterovStart.
// NesterovODE panics if e is nil.
func NesterovODE[T Float](e Energy[T]) EnergyField[T] {
	if e == nil {
		panic("flow: NesterovODE of a nil Energy")
	}
	return newMomentumFlow(e, true, 3)
}

// NesterovStart returns the state (x, v) of NesterovODE at the small time t, for
// a motion that starts at rest in x0 at time 0, by the Taylor expansion
//
//	x = x0 - (t²/8) ∇E(x0),  v = -(t/4) ∇E(x0).
//
// Its error is of order t⁴ in x; t = 1e-3/√L, L the largest curvature of E, is a
// good choice.
func NesterovStart[T Float](e Energy[T], x0 []T, t float64) ([]T, error) {
	n := e.Dim()
	if len(x0) != n {
		return nil, fmt.Errorf("flow: len(x0) is %d, want the dimension of the energy, %d: %w", len(x0), n, ErrArgument)
	}
	if !(t > 0) || math.IsInf(t, 1) {
		return nil, fmt.Errorf("flow: start time t of NesterovStart is %v, want a finite number > 0: %w", t, ErrArgument)
	}
	s := make([]T, 2*n)
	e.EnergyGrad(s[n:], x0)
	kernel.AxpyTo(s[:n], T(-t*t/8), s[n:], x0)
	kernel.Scal(T(-t/4), s[n:])
	return s, nil
}

// momentumFlow is x' = v, v' = -γ(t) v - ∇E(x), where γ(t) is a constant or a/t.
type momentumFlow[T Float] struct {
	e       Energy[T]
	caps    Caps[T]
	n       int
	perTime bool
	gamma   float64
}

func newMomentumFlow[T Float](e Energy[T], perTime bool, gamma float64) *momentumFlow[T] {
	return &momentumFlow[T]{e: e, caps: CapsOf[T](e), n: e.Dim(), perTime: perTime, gamma: gamma}
}

func (f *momentumFlow[T]) Dim() int { return 2 * f.n }

func (f *momentumFlow[T]) friction(t float64) float64 {
	if f.perTime {
		return f.gamma / t
	}
	return f.gamma
}

func (f *momentumFlow[T]) Eval(dst, x []T, t float64) { f.eval(dst, x, t) }

// eval stores f(t, x) in dst and returns E(x).
func (f *momentumFlow[T]) eval(dst, x []T, t float64) float64 {
	v := x[f.n:]
	e := f.e.EnergyGrad(dst[f.n:], x[:f.n])
	kernel.Axpby(-T(f.friction(t)), v, -1, dst[f.n:])
	copy(dst[:f.n], v)
	return e
}

// evalBlock is q' = p for block 0 and p' = -∇E(q) for block 1, without friction.
func (f *momentumFlow[T]) evalBlock(dst, x []T, _ float64, b int) {
	if b == 0 {
		copy(dst, x[f.n:])
		return
	}
	f.e.EnergyGrad(dst, x[:f.n])
	kernel.Scal(-1, dst)
}

func (f *momentumFlow[T]) EvalEnergy(dst, x []T, t float64) (e, slope float64) {
	vv := kernel.SumSq(x[f.n:])
	if dst == nil {
		return f.e.EnergyGrad(nil, x[:f.n]) + vv/2, math.NaN()
	}
	return f.eval(dst, x, t) + vv/2, -f.friction(t) * vv
}

// Caps translates the capabilities of the energy.
func (f *momentumFlow[T]) Caps() Caps[T] {
	c := Caps[T]{Autonomous: !f.perTime, Draw: f.caps.Draw, Err: f.caps.Err}
	if hv := f.caps.HessVec; hv != nil {
		c.JacVec = func(dst, x, w []T, t float64) {
			hv(dst[f.n:], x[:f.n], w[:f.n])
			kernel.Axpby(-T(f.friction(t)), w[f.n:], -1, dst[f.n:])
			copy(dst[:f.n], w[f.n:])
		}
	}
	if f.gamma == 0 {
		c.Separable, c.Blocks, c.EvalBlock = true, []int{f.n, f.n}, f.evalBlock
		c.Invariants = []Invariant[T]{{Name: "E + |v|²/2", Value: func(x []T) float64 {
			e, _ := f.EvalEnergy(nil, x, 0)
			return e
		}}}
	}
	return c
}
