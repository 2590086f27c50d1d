package sde

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
)

// System is a stochastic differential equation
//
//	dx = a(t, x) dt + b(t, x) dW
//
// on R^n, n = Dim(), with a Wiener process W of m channels. Eval is the drift a.
// Diffusion stores b(t, x) in dst, whose length Noise fixes: n for Diagonal and
// Scalar noise, n·m (row-major n x m) for General. dst and x do not overlap, x
// must not be changed. Noise is the same at every call.
//
// A System whose drift has an energy implements [flow.EnergyField]: its methods
// then report the energy at every step. Capabilities ([flow.Caps]) are those of
// the drift: mini-batches (stochastic gradient Langevin dynamics) and failures.
type System[T flow.Float] interface {
	flow.Field[T]
	Noise() Noise
	Diffusion(dst, x []T, t float64)
}

// Func makes a System of a drift and a function that stores b(t, x) in dst. It
// panics if one of them is nil; whether the noise is well described is checked
// when a run begins.
func Func[T flow.Float](drift flow.Field[T], noise Noise, b func(dst, x []T, t float64)) System[T] {
	if drift == nil || b == nil {
		panic(fmt.Sprintf("sde: Func needs a drift and a diffusion, got nil drift: %t, nil diffusion: %t", drift == nil, b == nil))
	}
	s := system[T]{Field: drift, noise: noise, b: b}
	if ef, ok := drift.(flow.EnergyField[T]); ok {
		return energySystem[T]{s, ef}
	}
	return s
}

type system[T flow.Float] struct {
	flow.Field[T]
	noise Noise
	b     func(dst, x []T, t float64)
}

func (s system[T]) Noise() Noise                    { return s.noise }
func (s system[T]) Diffusion(dst, x []T, t float64) { s.b(dst, x, t) }
func (s system[T]) Caps() flow.Caps[T]              { return driftCaps[T](s.Field) }

// driftCaps keeps of the capabilities of a drift what is true of the equation
// with noise: mini-batches and failures.
func driftCaps[T flow.Float](drift any) flow.Caps[T] {
	c := flow.CapsOf[T](drift)
	return flow.Caps[T]{Draw: c.Draw, Err: c.Err}
}

// energySystem is a system whose drift has an energy.
type energySystem[T flow.Float] struct {
	system[T]
	ef flow.EnergyField[T]
}

func (s energySystem[T]) EvalEnergy(dst, x []T, t float64) (e, slope float64) {
	return s.ef.EvalEnergy(dst, x, t)
}
