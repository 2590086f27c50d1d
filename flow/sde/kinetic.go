package sde

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Kinetic is the underdamped (kinetic) Langevin equation on R^2n, the state being
// x followed by v,
//
//	dx = v dt,  dv = -(γv + u∇E(x)) dt + √(2γu) dW,
//
// whose stationary density is proportional to exp(-H), H = E(x) + ‖v‖²/(2u)
// (Cheng, Chatterji, Bartlett and Jordan, arXiv 1707.03663); 1/u is the mass.
// Its energy as a [flow.EnergyField] is H, with the slope -γ‖v‖²/u along the
// drift. It is a System with diagonal additive noise, whose first n entries are
// zero, for every method of this package; BAOAB and UBU are made for it.
type Kinetic[T flow.Float] struct {
	e        flow.Energy[T]
	n        int
	gamma, u float64
}

// Underdamped returns the Kinetic of an energy. It is an error if e is nil, or
// unless the friction γ is finite and >= 0 and u finite and > 0.
func Underdamped[T flow.Float](e flow.Energy[T], gamma, u float64) (*Kinetic[T], error) {
	if e == nil {
		return nil, fmt.Errorf("sde: energy of Underdamped is nil: %w", flow.ErrArgument)
	}
	if !(gamma >= 0) || math.IsInf(gamma, 1) {
		return nil, fmt.Errorf("sde: gamma = %v, want a finite friction >= 0: %w", gamma, flow.ErrArgument)
	}
	if !(u > 0) || math.IsInf(u, 1) {
		return nil, fmt.Errorf("sde: u = %v, want a finite inverse mass > 0: %w", u, flow.ErrArgument)
	}
	return &Kinetic[T]{e: e, n: e.Dim(), gamma: gamma, u: u}, nil
}

// Dim returns 2n.
func (k *Kinetic[T]) Dim() int { return 2 * k.n }

// Caps passes on mini-batches and failures of the energy.
func (k *Kinetic[T]) Caps() flow.Caps[T] { return driftCaps[T](k.e) }

// Noise implements System.
func (k *Kinetic[T]) Noise() Noise { return Noise{Additive: true} }

// Diffusion implements System.
func (k *Kinetic[T]) Diffusion(dst, _ []T, _ float64) {
	b := T(math.Sqrt(2 * k.gamma * k.u))
	clear(dst[:k.n])
	for i := k.n; i < len(dst); i++ {
		dst[i] = b
	}
}

// Eval implements flow.Field: the drift.
func (k *Kinetic[T]) Eval(dst, x []T, t float64) { k.eval(dst, x) }

func (k *Kinetic[T]) eval(dst, x []T) (e float64) {
	v, force := x[k.n:], dst[k.n:]
	e = k.e.EnergyGrad(force, x[:k.n])
	kernel.Axpby(T(-k.gamma), v, T(-k.u), force)
	copy(dst[:k.n], v)
	return e
}

// EvalEnergy implements flow.EnergyField; the energy is H.
func (k *Kinetic[T]) EvalEnergy(dst, x []T, t float64) (e, slope float64) {
	vv := kernel.SumSq(x[k.n:])
	if dst == nil {
		return k.e.EnergyGrad(nil, x[:k.n]) + vv/(2*k.u), math.NaN()
	}
	return k.eval(dst, x) + vv/(2*k.u), -k.gamma * vv / k.u
}
