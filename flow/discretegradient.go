package flow

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Discrete gradient methods for gradient flows (Gonzalez, J. Nonlinear Sci. 6
// (1996) 449; McLachlan, Quispel and Robidoux, Phil. Trans. R. Soc. A 357 (1999)
// 1021): (y - x)/h = -g(x, y) with a mean value g of the gradient that satisfies
// g·(y - x) = E(y) - E(x), so that for every step h > 0
//
//	E(y) - E(x) = -‖y - x‖²/h.
//
// The equations are solved to rounding. They have one solution for h < 1/L, L the
// largest curvature, and may have several, or one that no iteration finds, for
// larger h. Where the iteration fails the step goes along a fixed direction d of
// descent instead, to the α > 0 with E(x+αd) - E(x) = -‖αd‖²/h, which exists if E is
// bounded below: the same identity, at first order.
//
// The field must be a GradientFlow; these methods have no error estimate. Dense
// output is the cubic Hermite polynomial.
var (
	// Gonzalez is the midpoint discrete gradient
	//
	//	g = ∇E(m) + [E(y) - E(x) - ∇E(m)·Δ] Δ/‖Δ‖²,  m = (x+y)/2, Δ = y - x,
	//
	// of order 2.
	Gonzalez Method = discreteGradient{name: "Gonzalez", order: 2}
	// AVF is the averaged vector field g = ∫₀¹ ∇E(x + τΔ) dτ, by Gauss's rule with
	// five points, exact for polynomials E up to degree 10; order 2.
	AVF Method = discreteGradient{name: "AVF", order: 2}
	// ItohAbe is the coordinate method of Itoh and Abe, J. Comput. Phys. 76 (1988)
	// 85, of order 1, that uses differences of E alone: component i of g is
	//
	//	[E(y_1..y_i, x_{i+1}..) - E(y_1..y_{i-1}, x_i..)] / (y_i - x_i).
	//
	// Its n scalar equations always have a solution if E is bounded below.
	ItohAbe Method = discreteGradient{name: "ItohAbe", order: 1}
)

type discreteGradient struct {
	name  string
	order int
}

func (m discreteGradient) String() string       { return m.name }
func (m discreteGradient) Order() int           { return m.order }
func (discreteGradient) controller() Controller { return nil }

// Gauss's rule of five points on [0, 1].
var gaussNodes, gaussWeights = func() (x, w [5]float64) {
	a, b := math.Sqrt(5-2*math.Sqrt(10./7))/3, math.Sqrt(5+2*math.Sqrt(10./7))/3
	wa, wb := (322+13*math.Sqrt(70))/900, (322-13*math.Sqrt(70))/900
	for i, v := range [5]float64{-b, -a, 0, a, b} {
		x[i] = (1 + v) / 2
	}
	return x, [5]float64{wb / 2, wa / 2, 64. / 225, wa / 2, wb / 2}
}()

const (
	broydenSpace  = 20 // quasi-Newton updates before a new Jacobian
	broydenCycles = 5
)

// discrete advances a gradient flow by a discrete gradient.
type discrete[T Float] struct {
	ends[T]
	m       discreteGradient
	lin     shifted[T]
	res, fm []T // residual; f at the middle
	best    []T
	bestRes float64
	steps   [][]T // of Broyden's method
	s2      [broydenSpace + 1]float64
	z       []T
}

func newDiscrete[T Float](f Field[T], m discreteGradient) Integrator[T] {
	r := &discrete[T]{ends: newEnds(f, m.name, 0), m: m, lin: newShifted(f, false)}
	if err := needsGradientFlow(m.name, &r.ends); err != nil {
		return unusable[T]{err}
	}
	return r
}

// Init implements Integrator.
func (r *discrete[T]) Init(s Start[T], tr *Trial) error {
	if err := r.ends.init(&s, tr, r.m.order+1, true, 0); err != nil {
		return err
	}
	n := len(s.X)
	if r.z == nil || len(r.z) != n {
		v := arena[T](5+broydenSpace, n)
		r.res, r.fm, r.best, r.z, r.steps = v[0], v[1], v[2], v[3], v[4:]
	}
	if r.m == ItohAbe {
		return nil
	}
	return r.lin.init(n, &r.tol)
}

// Try implements Integrator.
func (r *discrete[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	if r.m == ItohAbe {
		r.coordinates(tr, next, x, t, h)
	} else if !r.solve(tr, next, x, t, h) {
		r.along(tr, next, x, t, h)
	}
	r.complete(tr, next)
	if r.want.Dissipate {
		kernel.SubTo(r.res, next, x)
		tr.Dissipated = kernel.SumSq(r.res) / h
	}
}

// solve finds a root of F(y) = y - x - h f̄(x, y), f̄ = -g, by Broyden's method with
// the memory of its steps (Kelley, Iterative Methods for Linear and Nonlinear
// Equations, SIAM 1995, 7.3), started from I - (h/2)J at the middle.
func (r *discrete[T]) solve(tr *Trial, y, x []T, t, h float64) bool {
	copy(y, x) // the first Newton step is the linearly implicit midpoint rule
	r.bestRes = math.Inf(1)
	for range broydenCycles {
		if !r.matrix(tr, x, y, t, h) {
			return false
		}
		if r.broyden(tr, y, x, t, h) {
			return r.descends(tr, y, x, h)
		}
		if !finite(r.bestRes) {
			return false
		}
		copy(y, r.best)
	}
	return false
}

// descends says whether the energy identity holds, up to rounding or, for AVF, the
// quadrature: the energy must not rise.
func (r *discrete[T]) descends(tr *Trial, y, x []T, h float64) bool {
	e := r.energy(tr, y)
	slack := 8 * epsOf[T]() * (math.Abs(e) + math.Abs(r.num[endE0]))
	if h < 0 {
		return e >= r.num[endE0]-slack
	}
	return e <= r.num[endE0]+slack
}

// matrix linearises at the middle of x and y.
func (r *discrete[T]) matrix(tr *Trial, x, y []T, t, h float64) bool {
	r.middle(r.tmp, x, y, 0.5)
	copy(r.z, r.tmp)
	r.eval(tr, r.fm, r.z, t+h/2)
	r.lin.linearise(tr, r.z, r.fm, t+h/2)
	for s, i := h/2, 0; i < maxShift; s, i = s/2, i+1 {
		if r.lin.factor(tr, s) == nil {
			return true
		}
	}
	return false
}

// middle stores x + τ(y - x) in dst.
func (r *discrete[T]) middle(dst, x, y []T, tau float64) {
	kernel.SubTo(dst, y, x)
	kernel.Axpby(1, x, T(tau), dst)
}

// broyden iterates from y. It reports whether F(y) is as small as rounding allows;
// the best point is kept.
func (r *discrete[T]) broyden(tr *Trial, y, x []T, t, h float64) bool {
	worse := 0
	for k := 0; ; k++ {
		noise := r.residual(tr, y, x, t, h)
		norm := kernel.Nrm2(r.res)
		if norm < r.bestRes {
			copy(r.best, y)
			if norm > 0.9*r.bestRes {
				worse++
			} else {
				worse = 0
			}
			r.bestRes = norm
		} else {
			worse++
		}
		if norm <= noise {
			return true
		}
		if !finite(norm) || worse > 4 || k == broydenSpace {
			if r.bestRes <= 100*noise {
				copy(y, r.best)
				return true
			}
			return false
		}
		if !r.step(tr, k) {
			return false
		}
		kernel.AddTo(y, y, r.steps[k])
	}
}

// step stores the k-th quasi-Newton step in steps[k].
func (r *discrete[T]) step(tr *Trial, k int) bool {
	s := r.steps[k]
	if r.lin.solve(tr, s, r.res, innerKrylov*weightedNorm(&r.tol, r.res, r.lin.x, r.lin.x)) != nil {
		return false
	}
	kernel.Scal(-1, s)
	for j := 0; j < k-1; j++ {
		kernel.Axpy(T(float64(kernel.Dot(r.steps[j], s))/r.s2[j]), r.steps[j+1], s)
	}
	if k > 0 {
		d := 1 - float64(kernel.Dot(r.steps[k-1], s))/r.s2[k-1]
		if !(math.Abs(d) > 1e-10) {
			return false
		}
		kernel.Scal(T(1/d), s)
	}
	r.s2[k] = kernel.SumSq(s)
	return r.s2[k] > 0 && finite(r.s2[k])
}

// residual stores F(y) and returns how small rounding lets its norm become.
func (r *discrete[T]) residual(tr *Trial, y, x []T, t, h float64) float64 {
	eps := epsOf[T]()
	kernel.SubTo(r.res, y, x)
	noise := 2 * eps * (kernel.Nrm2(x) + kernel.Nrm2(y))
	if r.m == AVF {
		for i, tau := range gaussNodes {
			r.middle(r.z, x, y, tau)
			r.eval(tr, r.fm, r.z, t+tau*h)
			kernel.Axpy(T(-h*gaussWeights[i]), r.fm, r.res)
			noise += 2 * eps * math.Abs(h) * gaussWeights[i] * kernel.Nrm2(r.fm)
		}
		return noise
	}
	r.middle(r.z, x, y, 0.5)
	e0 := r.num[endE0]
	r.eval(tr, r.fm, r.z, t+h/2)
	e1 := r.energy(tr, y)
	dd, slope := kernel.SumSq(r.res), -float64(kernel.Dot(r.fm, r.res))
	noise += 2 * eps * math.Abs(h) * kernel.Nrm2(r.fm)
	// The correction is a difference of energies: below their rounding it is none.
	c, fuzz := e1-e0-slope, 4*eps*(math.Abs(e0)+math.Abs(e1))
	if dd > 0 && math.Abs(c) > fuzz {
		kernel.Axpby(T(-h), r.fm, T(1+h*c/dd), r.res)
		return noise + math.Abs(h)*fuzz/math.Sqrt(dd)
	}
	kernel.Axpy(T(-h), r.fm, r.res)
	return noise
}

func (r *discrete[T]) energy(tr *Trial, y []T) float64 {
	tr.Evals++
	e, _ := r.ef.EvalEnergy(nil, y, 0)
	return e
}

// along makes the step along one direction: towards the best point of the
// iteration if the energy falls that way, else down the gradient.
func (r *discrete[T]) along(tr *Trial, y, x []T, t, h float64) {
	d := r.res
	kernel.SubTo(d, r.best, x)
	down := float64(kernel.Dot(d, r.f0))
	if !finite(r.bestRes) || !(down > 0) {
		copy(d, r.f0)
		kernel.Scal(T(h), d)
	}
	dd := kernel.SumSq(d)
	if dd == 0 {
		copy(y, x)
		return
	}
	e0 := r.num[endE0]
	a := scalarStep(func(a float64) float64 {
		kernel.AxpyTo(y, T(a), d, x)
		return math.Copysign(1, h) * (r.energy(tr, y) - e0 + a*a*dd/h)
	}, 1, epsOf[T](), false)
	kernel.AxpyTo(y, T(a), d, x)
}

// coordinates makes the step of Itoh and Abe.
func (r *discrete[T]) coordinates(tr *Trial, y, x []T, t, h float64) {
	copy(y, x)
	e := r.num[endE0]
	for i, xi := range x {
		least := epsOf[T]() * max(1, math.Abs(float64(xi)))
		e0 := e
		s := scalarStep(func(s float64) float64 {
			y[i] = xi + T(s)
			d := float64(y[i] - xi)
			e = r.energy(tr, y)
			return math.Copysign(1, h) * (e - e0 + d*d/h)
		}, h*float64(r.f0[i]), least, true)
		y[i] = xi + T(s)
		e = r.energy(tr, y)
	}
}
