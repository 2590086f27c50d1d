package flow

import "fmt"

//go:generate go run gen_tableaux.go

// Method names a way of advancing dx/dt = f(t, x). It is plain data without a
// type parameter; ODE makes an Integrator of it. The set of methods is closed:
// an own method is an Integrator of its own.
type Method interface {
	// String returns the name of the method.
	String() string
	// Order returns the order of convergence.
	Order() int
	// controller returns the controller that suits the method.
	controller() Controller
}

// ODE returns the Integrator of a field by a method; a nil method is
// Auto.
func ODE[T Float](f Field[T], m Method) Integrator[T] {
	if m == nil {
		m = Auto
	}
	switch m := m.(type) {
	case *tableau:
		return newRungeKutta(f, m)
	case *composition:
		return newComposed(f, m)
	case discreteGradient:
		return newDiscrete(f, m)
	case *collocation:
		return newCollocated(f, m)
	case implicitMethod:
		return implicitODE(f, m, m.String(), false)
	case Krylov:
		return krylovODE(f, m)
	case *stableMethod:
		return newStabilised(f, m)
	case autoMethod:
		return newAuto(f)
	}
	panic(fmt.Sprintf("flow: no integrator for method %v", m))
}

// tableau is an explicit Runge-Kutta method, embedded pair and interpolant:
//
//	k_i = f(t + c_i h, x + h Σ_{j<i} a_ij k_j),  y = x + h Σ b_i k_i,
//	err = h Σ e_i k_i,  x(t+θh) = x + h Σ_i Σ_r p_ir θ^(r+1) k_i.
//
// Stage end is f(t+h, y): the last one of a pair that reuses it as the first of
// the next step (FSAL), else one stage more. Rows beyond it are stages for dense
// output alone. A method without an interpolant of its own has the cubic Hermite
// polynomial, written in the same form.
type tableau struct {
	name     string
	order    int
	embedded int // order of the embedded method, 0 if there is none
	stages   int
	fsal     bool // f(t+h, y) is a stage of the table
	c        []float64
	a        [][]float64
	b, e     []float64
	e3       []float64 // second error estimate, of order 3 (DOP853)
	p        [][]float64
}

func (m *tableau) String() string { return m.name }
func (m *tableau) Order() int     { return m.order }

func (m *tableau) controller() Controller {
	if m.embedded == 0 {
		return nil
	}
	return PI
}

// end is the index of the stage f(t+h, y).
func (m *tableau) end() int {
	if m.fsal && m.b[m.stages-1] == 0 {
		return m.stages - 1
	}
	return m.stages
}

// controllerOrder is the exponent k with which the error estimate behaves as h^k.
// The two estimates of DOP853 together behave as h^8.
func (m *tableau) controllerOrder() int {
	switch {
	case m.embedded == 0:
		return m.order + 1
	case m.e3 != nil:
		return m.order
	}
	return min(m.order, m.embedded) + 1
}

// interpolant returns p, by the cubic Hermite polynomial if the method has none:
//
//	x + h[(3θ²-2θ³) Σ b_i k_i + (θ-2θ²+θ³) k_1 + (θ³-θ²) f(t+h, y)].
func (m *tableau) interpolant() [][]float64 {
	if m.p != nil {
		return m.p
	}
	p := make([][]float64, m.end()+1)
	for i := range p {
		p[i] = make([]float64, 3)
		if i < len(m.b) {
			p[i][1], p[i][2] = 3*m.b[i], -2*m.b[i]
		}
	}
	p[0][0]++
	p[0][1] -= 2
	p[0][2]++
	p[m.end()][1]--
	p[m.end()][2]++
	return p
}
