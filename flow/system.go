package flow

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Float is the element type of a state: float32, float64 and types derived
// from them. Times, steps, energies, norms and rates are float64 throughout.
type Float = kernel.Float

// Field is a vector field dx/dt = f(t, x) on R^n, n = Dim().
//
// Eval stores f(t, x) in dst. Both slices have length n and do not overlap; x
// must not be changed. Outside the domain of f a NaN in dst says so: the loop
// treats it as a step that was too long. A field may keep scratch memory, so a
// value is for one goroutine at a time.
type Field[T Float] interface {
	Dim() int
	Eval(dst, x []T, t float64)
}

// Energy is a function E: R^n -> R to descend, n = Dim().
//
// EnergyGrad returns E(x) and, unless grad is nil, stores the gradient ∇E(x) in
// it. Both slices have length n and do not overlap; x must not be changed.
type Energy[T Float] interface {
	Dim() int
	EnergyGrad(grad, x []T) float64
}

// EnergyField is a field along which an energy is known, as in a gradient flow.
//
// EvalEnergy stores f(t, x) in dst and returns, from the same pass, the energy
// e = E(x) and its slope dE/dt = ∇E(x)·f(t, x). With a nil dst only e is
// computed and slope is NaN.
type EnergyField[T Float] interface {
	Field[T]
	EvalEnergy(dst, x []T, t float64) (e, slope float64)
}

// FieldFunc makes a Field on R^n of a plain function. It panics if n is
// negative or f is nil.
func FieldFunc[T Float](n int, f func(dst, x []T, t float64)) Field[T] {
	if n < 0 || f == nil {
		panic(fmt.Sprintf("flow: FieldFunc needs a dimension >= 0 and a function, got n = %d, nil function: %t", n, f == nil))
	}
	return fieldFunc[T]{n, f}
}

type fieldFunc[T Float] struct {
	n int
	f func(dst, x []T, t float64)
}

func (f fieldFunc[T]) Dim() int                   { return f.n }
func (f fieldFunc[T]) Eval(dst, x []T, t float64) { f.f(dst, x, t) }

// EnergyFunc makes an Energy on R^n of a plain function, which returns E(x) and
// stores ∇E(x) in grad unless grad is nil. It panics if n is negative or f is
// nil.
func EnergyFunc[T Float](n int, f func(grad, x []T) float64) Energy[T] {
	if n < 0 || f == nil {
		panic(fmt.Sprintf("flow: EnergyFunc needs a dimension >= 0 and a function, got n = %d, nil function: %t", n, f == nil))
	}
	return energyFunc[T]{n, f}
}

type energyFunc[T Float] struct {
	n int
	f func(grad, x []T) float64
}

func (e energyFunc[T]) Dim() int                       { return e.n }
func (e energyFunc[T]) EnergyGrad(grad, x []T) float64 { return e.f(grad, x) }
