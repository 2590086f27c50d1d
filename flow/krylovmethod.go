package flow

import "fmt"

// Krylov is an implicit method (Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4,
// ImplicitEuler, ImplicitMidpoint, Proximal) that solves its linear systems
// without a matrix whatever the dimension: by conjugate gradients for gradient
// flows, by GMRES(30) otherwise, with the products Jacobian times vector of the
// model or differences of f. Without Krylov that is done above dimension 500.
type Krylov struct {
	// Method is the implicit method.
	Method Method
}

// String returns the name of the method, as Krylov(TRBDF2).
func (k Krylov) String() string { return fmt.Sprintf("Krylov(%v)", k.Method) }

// Order returns the order of the method.
func (k Krylov) Order() int {
	if k.Method == nil {
		return 0
	}
	return k.Method.Order()
}

func (k Krylov) controller() Controller {
	if k.Method == nil {
		return nil
	}
	return k.Method.controller()
}

// implicitMethod is a Method that solves linear systems.
type implicitMethod interface {
	Method
	implicit()
}

// implicitODE is ODE for implicit methods.
func implicitODE[T Float](f Field[T], m implicitMethod, name string, krylov bool) Integrator[T] {
	switch m := m.(type) {
	case *rosenbrockTable:
		return newRosenbrock(f, m, name, krylov)
	case ros23Method:
		return newROS23(f, name, krylov)
	case proximalMethod:
		return newProximal(f, name, krylov)
	case *sdirkTable:
		return newSDIRK(f, m, name, krylov)
	}
	panic(fmt.Sprintf("flow: no integrator for method %v", m))
}

// krylovODE is ODE for Krylov.
func krylovODE[T Float](f Field[T], k Krylov) Integrator[T] {
	m, ok := k.Method.(implicitMethod)
	if !ok {
		return unusable[T]{fmt.Errorf("flow: Method of Krylov is %v, want an implicit method of those that its comment lists: %w", k.Method, ErrArgument)}
	}
	return implicitODE(f, m, k.String(), true)
}

// unusable is the integrator of a method that does not fit the field: Init says
// why. It claims dense output so that nobody complains of that before.
type unusable[T Float] struct{ err error }

func (u unusable[T]) Init(Start[T], *Trial) error            { return u.err }
func (u unusable[T]) Try(*Trial, []T, []T, float64, float64) {}
func (u unusable[T]) Accept()                                {}
func (u unusable[T]) Touch()                                 {}
func (u unusable[T]) At([]T, float64)                        {}
func (u unusable[T]) DenseDegree() int                       { return 1 }
