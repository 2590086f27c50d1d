package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Collocation methods advance by the polynomial u of degree s with u(0) = x that
// satisfies the equation at the s nodes c_i of the step,
//
//	u'(c_i) = h f(t + c_i h, u(c_i)),  y = u(1),
//
// which are the implicit Runge-Kutta methods
//
//	z_i = h Σ_j a_ij f(t + c_j h, x + z_j),  y = x + h Σ b_i f(t + c_i h, x + z_i),
//	a_ij = ∫_0^{c_i} ℓ_j,  b_i = ∫_0^1 ℓ_i,
//
// ℓ_i the Lagrange polynomials of the nodes (Hairer and Wanner, Solving ODEs II,
// IV.5 and IV.8). All stages are solved at once, which takes a real and a complex
// system of dimension n, by dense factors up to dimension 500.
var (
	// RadauIIA5 is the method of Radau nodes of order 5(3), L-stable and stiffly
	// accurate, with the collocation polynomial as dense output. Its error is
	// estimated at order 3 and as a rule far smaller than asked for (1e-9 to 1e-10 at a
	// relative tolerance of 1e-7): it is for results that are to be nearly exact,
	// where Rodas5P takes several times its steps.
	RadauIIA5 Method = newCollocation("RadauIIA5", 5, true, (4-math.Sqrt(6))/10, (4+math.Sqrt(6))/10, 1)
	// Gauss4 is the method of two Gauss nodes, order 4: symmetric, symplectic,
	// A-stable. Like ImplicitMidpoint, the method of one node, it conserves
	// quadratic invariants, for which its equations are solved to rounding, and has
	// no error estimate; cubic Hermite dense output.
	Gauss4 Method = newCollocation("Gauss4", 4, false, 0.5-math.Sqrt(3)/6, 0.5+math.Sqrt(3)/6)
	// Gauss6 is the same of three nodes, order 6.
	Gauss6 Method = newCollocation("Gauss6", 6, false, 0.5-math.Sqrt(15)/10, 0.5, 0.5+math.Sqrt(15)/10)
)

// collocation is a collocation method. The rows of inv are those of A⁻¹, so that
// (A⁻¹z)_i is the slope h k_i of stage i, and y = x + Σ d_i z_i.
type collocation struct {
	name  string
	order int
	a     [][]float64
	c, b  []float64
	inv   [][]float64
	d     []float64
	spec  stageSpectrum
	// stiff: c_s = 1, and the error is estimated against the method of order s with
	// the slope at the start for one more node and the weight 1/γ there, γ the real
	// eigenvalue of A⁻¹. The difference, times γ, is h f(t, x) + Σ e_i z_i.
	stiff bool
	e     []float64
}

func (m *collocation) String() string { return m.name }
func (m *collocation) Order() int     { return m.order }

func (m *collocation) controller() Controller {
	if !m.stiff {
		return nil
	}
	return implicitControl
}

const collocationMax = 10 // iterations of Newton's method

// collocated advances a field by a collocation method. The stages are solved by the
// modified Newton iteration with the Jacobian at the start of the step,
//
//	(A⁻¹⊗I - h I⊗J) dz = h F(x + z) - (A⁻¹⊗I) z,  z += dz.
type collocated[T Float] struct {
	ends[T]
	m        *collocation
	lin      stageSystem[T]
	z, last  [][]T // increments: of this attempt, and of the last accepted step
	res, dz  [][]T
	dense    []T // weights of At
	fresh    bool
	rejected bool
}

// The numbers of collocated that a checkpoint saves, after those of ends.
const (
	coStep = endNumbers + iota // length of the step whose increments are in last, 0: none
	coSwap                     // those are still in z
	coEnd
)

func newCollocated[T Float](f Field[T], m *collocation) *collocated[T] {
	return &collocated[T]{ends: newEnds(f, m.name, coEnd-endNumbers), m: m, lin: newStageSystem(f, m),
		dense: make([]T, len(m.c))}
}

// Init implements Integrator.
func (r *collocated[T]) Init(s Start[T], tr *Trial) error {
	n, stages := len(s.X), len(r.m.c)
	if n > denseLimit {
		return fmt.Errorf("flow: %s factors dense matrices: dimension %d, want at most %d; larger systems by KenCarp4, TRBDF2 or ROCK4: %w",
			r.name, n, denseLimit, ErrArgument)
	}
	if err := r.ends.init(&s, tr, stages+1, !r.m.stiff, 2*stages); err != nil {
		return err
	}
	r.z, r.last = r.vec[2:2+stages:2+stages], r.vec[2+stages:]
	if r.res == nil || len(r.res[0]) != n {
		v := arena[T](2*stages, n)
		r.res, r.dz = v[:stages], v[stages:]
	}
	r.lin.init(n, &r.tol)
	r.fresh, r.rejected = false, false
	return nil
}

// Try implements Integrator.
func (r *collocated[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	if r.num[coSwap] == 1 {
		for i := range r.z {
			r.z[i], r.last[i] = r.last[i], r.z[i]
		}
		r.num[coSwap] = 0
	}
	if !r.fresh {
		r.lin.linearise(tr, x, r.f0, t)
		r.fresh = true
	}
	if err := r.advance(tr, next, x, h); err != nil {
		r.rejected = true
		r.fail(tr, next, x, err)
		return
	}
	r.rejected = !(tr.Err <= 1)
	r.complete(tr, next)
	r.account(tr)
}

func (r *collocated[T]) advance(tr *Trial, next, x []T, h float64) error {
	if err := r.lin.factor(tr, h); err != nil {
		return err
	}
	r.guess(h)
	err := r.newton(tr, x, h)
	if err != nil && r.num[coStep] != 0 {
		// The polynomial of the last step led astray.
		r.num[coStep] = 0
		r.guess(h)
		err = r.newton(tr, x, h)
	}
	if err != nil {
		return err
	}
	copy(next, x)
	for i, d := range r.m.d {
		if d != 0 {
			kernel.Axpy(T(d), r.z[i], next)
		}
	}
	if r.m.stiff {
		return r.estimate(tr, next, x, h)
	}
	return nil
}

// guess starts the increments at the continued polynomial of the last step, after
// a rejection, which says that it changes, or without one at zero.
func (r *collocated[T]) guess(h float64) {
	ratio := 0.0
	if p := r.num[coStep]; p != 0 && !r.rejected {
		ratio = h / p
	}
	for i, z := range r.z {
		clear(z)
		if ratio == 0 {
			continue
		}
		r.weights(1 + r.m.c[i]*ratio)
		for j, w := range r.dense {
			kernel.Axpy(w, r.last[j], z)
		}
		// The increments of last count from the start of its step.
		for j, d := range r.m.d {
			kernel.Axpy(T(-d), r.last[j], z)
		}
	}
}

// newton solves for the increments.
func (r *collocated[T]) newton(tr *Trial, x []T, h float64) error {
	accuracy, steps := newtonAccuracy, collocationMax
	if !r.m.stiff {
		accuracy, steps = 0, newtonMaxEx
	}
	rate, last := 1.0, 0.0
	for i := range steps {
		r.residual(tr, x, h)
		r.lin.solve(tr, r.dz, r.res)
		norm, largest, size := 0.0, 0.0, 0.0
		for j, d := range r.dz {
			kernel.AddTo(r.z[j], r.z[j], d)
			v := weightedNorm(&r.tol, d, r.x0, r.x0)
			norm += v * v
			largest = max(largest, float64(kernel.MaxAbs(d)))
			size = max(size, float64(kernel.MaxAbs(r.z[j])))
		}
		norm = math.Sqrt(norm / float64(len(r.dz)))
		if i > 0 {
			rate = norm / last
		}
		last = norm
		// As small as rounding allows, or no longer shrinking and not far from it.
		size = epsOf[T]() * (size + float64(kernel.MaxAbs(x)))
		switch {
		case norm == 0 || largest <= size/2 || !r.m.stiff && rate >= 0.5 && largest <= stagnation*size:
			return nil
		case !finite(norm) || i > 0 && rate >= 1:
			return ErrNoConvergence
		case rate < 1 && norm*rate <= accuracy*(1-rate):
			return nil
		}
	}
	return ErrNoConvergence
}

// residual stores h F(x + z) - (A⁻¹⊗I) z in res.
func (r *collocated[T]) residual(tr *Trial, x []T, h float64) {
	for i, res := range r.res {
		kernel.AddTo(r.tmp, x, r.z[i])
		r.f.Eval(res, r.tmp, r.t0+r.m.c[i]*h)
		kernel.Scal(T(h), res)
		for j, v := range r.m.inv[i] {
			kernel.Axpy(T(-v), r.z[j], res)
		}
	}
	tr.Evals += len(r.res)
}

// estimate is the error estimate (γ - hJ)⁻¹ (h f(t, x) + Σ e_i z_i). Of a first step
// or after a rejection, where f(t, x) may be large for stiff components alone, one
// that is too large is made again with the slope at x + err, which they have left
// (Hairer and Wanner, Solving ODEs II, IV.8).
func (r *collocated[T]) estimate(tr *Trial, next, x []T, h float64) error {
	err := r.dz[0]
	filter := func(slope []T) {
		copy(err, slope)
		kernel.Scal(T(h), err)
		for i, e := range r.m.e {
			kernel.Axpy(T(e), r.z[i], err)
		}
		r.lin.solveReal(tr, err)
	}
	filter(r.f0)
	tr.Err = weightedNorm(&r.tol, err, x, next)
	if tr.Err > 1 && (r.num[coStep] == 0 || r.rejected) {
		kernel.AddTo(r.tmp, x, err)
		r.f.Eval(r.res[0], r.tmp, r.t0)
		tr.Evals++
		filter(r.res[0])
		tr.Err = weightedNorm(&r.tol, err, x, next)
	}
	return nil
}

// account is the energy dissipated, for a gradient flow by the weights of the
// method, Σ b_i ‖h k_i‖²/h.
func (r *collocated[T]) account(tr *Trial) {
	if !r.want.Dissipate || !r.caps.Descends {
		r.dissipate(tr, r)
		return
	}
	tr.Dissipated = 0
	for i, row := range r.m.inv {
		clear(r.tmp)
		for j, v := range row {
			kernel.Axpy(T(v), r.z[j], r.tmp)
		}
		tr.Dissipated += r.m.b[i] * kernel.SumSq(r.tmp) / r.h
	}
}

// Accept implements Integrator.
func (r *collocated[T]) Accept() {
	r.ends.Accept()
	r.fresh, r.rejected = false, false
	r.num[coStep], r.num[coSwap] = r.h, 1
}

// Touch implements Integrator.
func (r *collocated[T]) Touch() {
	r.ends.Touch()
	r.fresh = false
	r.num[coStep] = 0
}

// Draw implements Drawer.
func (r *collocated[T]) Draw(step uint64) {
	if r.draw(step) {
		r.fresh = false
		r.num[coStep] = 0
	}
}

// DenseDegree implements Interpolator.
func (r *collocated[T]) DenseDegree() int { return 3 }

// At implements Interpolator: u(θ) if the end of the step is a node.
func (r *collocated[T]) At(dst []T, theta float64) {
	if !r.m.stiff {
		r.ends.At(dst, theta)
		return
	}
	r.weights(theta)
	copy(dst, r.x0)
	for i, w := range r.dense {
		kernel.Axpy(w, r.z[i], dst)
	}
}

// weights stores in dense the values at θ of the polynomials that are 1 at c_i and
// 0 at the other nodes and at 0.
func (r *collocated[T]) weights(theta float64) {
	for i, ci := range r.m.c {
		w := theta / ci
		for j, cj := range r.m.c {
			if j != i {
				w *= (theta - cj) / (ci - cj)
			}
		}
		r.dense[i] = T(w)
	}
}
