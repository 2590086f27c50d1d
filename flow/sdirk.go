package flow

import (
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

//go:generate go run gen_implicit.go

// sdirkTable is a diagonally implicit Runge-Kutta method with one coefficient γ on
// the diagonal, possibly after an explicit first stage:
//
//	k_i = f(t + c_i h, x + h Σ_{j<i} a_ij k_j + hγ k_i),  y = x + h Σ b_i k_i,
//	err = (I - hγJ)⁻¹ h Σ e_i k_i.
//
// The matrix before the error estimate damps its stiff components, where the
// difference of the two methods says nothing about the error (Hosea and Shampine).
type sdirkTable struct {
	name            string
	order, embedded int
	gamma           float64
	a               [][]float64
	c, b, e         []float64
	exact           bool // the stages are solved to rounding
}

func (m *sdirkTable) String() string { return m.name }
func (m *sdirkTable) Order() int     { return m.order }
func (m *sdirkTable) implicit()      {}

func (m *sdirkTable) controller() Controller {
	if m.embedded == 0 {
		return nil
	}
	return sdirkControl
}

// sdirkControl keeps a step that would grow by less than a fifth, since with the
// step its factorization stays.
var sdirkControl = ErrorControl{Beta1: 1, MaxFac: 6, Deadband: 1.2}

// ImplicitEuler is the implicit Euler method y = x + h f(t+h, y), order 1,
// L-stable; its error estimate h/2 (f(t+h, y) - f(t, x)), damped like those of the
// other implicit methods, is the difference to the trapezoidal rule. For gradient
// flows see Proximal.
var ImplicitEuler Method = &sdirkTable{
	name: "ImplicitEuler", order: 1, embedded: 2, gamma: 1,
	a: [][]float64{{0, 0}, {0, 1}}, c: []float64{0, 1}, b: []float64{0, 1}, e: []float64{-0.5, 0.5},
}

// ImplicitMidpoint is the implicit midpoint rule y = x + h f(t+h/2, (x+y)/2), the
// Gauss method of order 2: symmetric, symplectic, A-stable. It conserves quadratic
// invariants, for which its equations are solved to rounding. It has no error
// estimate.
var ImplicitMidpoint Method = &sdirkTable{
	name: "ImplicitMidpoint", order: 2, gamma: 0.5,
	a: [][]float64{{0.5}}, c: []float64{0.5}, b: []float64{1}, exact: true,
}

const (
	newtonMax   = 10  // iterations of Newton's method
	newtonMaxEx = 50  // the same to rounding
	slowNewton  = 0.1 // contraction above which the Jacobian is renewed for the next step
	jacobianAge = 20  // steps after which it is renewed
	stagnation  = 1e3 // updates of so many rounding units that shrink no more are rounding
	knownRate   = 2   // updates so many times that at which a contraction was seen contract alike
	innerKrylov = 0.1 // accuracy of Krylov solutions by that of Newton's iteration
)

// The numbers of sdirk that a checkpoint saves, after those of ends. The point of
// linearisation is saved with them; Jacobian and factors are made again from it.
const (
	sdHave  = endNumbers + iota // there is a Jacobian
	sdTime                      // the time of linearisation
	sdShift                     // s of the factored I - sJ, 0: none
	sdAge                       // accepted steps since
	sdSlow                      // Newton's iteration was slow
	sdRate                      // contraction of its first two updates
	sdSize                      // and the first of these
	sdLeft                      // left holds the slope of the current point
	sdSwap                      // right holds it, to become left
	sdEnd
)

// sdirk advances a field by an sdirkTable. The stages are solved by the modified
// Newton iteration
//
//	(I - hγJ) d = hγ f(t + c_i h, X + w) - w,  w += d,  w = hγ k_i,
//
// whose Jacobian is kept from step to step as long as the iteration converges
// fast.
//
// The last stage of a stiffly accurate method is f at the proposal. Dense output
// takes it as w/(hγ), where the error of Newton's iteration is divided by h; f(y)
// multiplies it by the largest eigenvalue of J.
type sdirk[T Float] struct {
	ends[T]
	tab  *sdirkTable
	lin  shifted[T]
	a    [][]T
	b, e []T
	k    [][]T
	w, d []T
	base []T // X
	// left and right are the slopes of dense output at the ends of the last step of
	// a stiffly accurate method.
	left, right []T
	stiff       bool
	live        bool
	// fresh: the Jacobian is that of the current point.
	fresh bool
	worst float64 // contraction in this step
}

func newSDIRK[T Float](f Field[T], tab *sdirkTable, name string, krylov bool) *sdirk[T] {
	return &sdirk[T]{ends: newEnds(f, name, sdEnd-endNumbers), tab: tab, lin: newShifted(f, krylov),
		a: convertRows[T](tab.a), b: convert[T](tab.b), e: convert[T](tab.e), stiff: slices.Equal(tab.b, tab.a[len(tab.a)-1])}
}

// Init implements Integrator.
func (r *sdirk[T]) Init(s Start[T], tr *Trial) error {
	if err := r.ends.init(&s, tr, min(r.tab.order, r.tab.embedded)+1, r.tab.embedded == 0, 3); err != nil {
		return err
	}
	n := len(s.X)
	if r.k == nil || len(r.w) != n {
		m := len(r.b)
		v := arena[T](m+3, n)
		r.k, r.w, r.d, r.base = v[:m], v[m], v[m+1], v[m+2]
	}
	if err := r.lin.init(n, &r.tol); err != nil {
		return err
	}
	r.lin.x, r.left, r.right = r.vec[2], r.vec[3], r.vec[4]
	r.live, r.fresh = false, false
	return nil
}

// Try implements Integrator.
func (r *sdirk[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	r.slope()
	err := r.prepare(tr, x, t)
	if err == nil {
		err = r.stages(tr)
	}
	if err != nil && !r.fresh {
		r.linearise(tr, x, t)
		err = r.stages(tr)
	}
	if err != nil {
		r.fail(tr, next, x, err)
		return
	}
	combine(next, x, T(h), r.b, r.k)
	copy(r.right, r.k[len(r.k)-1])
	if r.tab.embedded != 0 {
		clear(r.d)
		kernel.LincombTo(r.d, r.d, T(h), r.e, r.k)
		if err := r.lin.solve(tr, r.d, r.d, newtonAccuracy); err != nil {
			r.fail(tr, next, x, err)
			return
		}
		tr.Err = weightedNorm(&r.tol, r.d, x, next)
	}
	r.complete(tr, next)
	r.account(tr)
}

// slope makes left the slope at the start of the step.
func (r *sdirk[T]) slope() {
	switch {
	case r.num[sdSwap] == 1:
		r.left, r.right = r.right, r.left
	case r.num[sdLeft] == 0:
		copy(r.left, r.f0)
	}
	r.num[sdLeft], r.num[sdSwap] = 1, 0
}

// At implements Interpolator.
func (r *sdirk[T]) At(dst []T, theta float64) {
	if !r.stiff {
		r.ends.At(dst, theta)
		return
	}
	r.hermite(dst, theta, r.left, r.right)
}

// Memory implements Memory.
func (r *sdirk[T]) Memory() (vec [][]T, num []float64) {
	r.vec[3], r.vec[4] = r.left, r.right
	return r.ends.Memory()
}

// account is the energy dissipated, for a gradient flow by the weights of the
// method, h Σ b_i ‖k_i‖².
func (r *sdirk[T]) account(tr *Trial) {
	if !r.want.Dissipate || !r.caps.Descends {
		r.dissipate(tr, r)
		return
	}
	tr.Dissipated = 0
	for i, b := range r.tab.b {
		tr.Dissipated += r.h * b * kernel.SumSq(r.k[i])
	}
}

// prepare makes sure of a Jacobian, an old one if it is good enough.
func (r *sdirk[T]) prepare(tr *Trial, x []T, t float64) error {
	if r.fresh {
		return nil
	}
	if r.num[sdHave] == 0 || r.num[sdSlow] == 1 || r.num[sdAge] >= jacobianAge {
		r.linearise(tr, x, t)
		return nil
	}
	if r.live {
		return nil
	}
	// Resumed: what the saved run had, not counted again.
	var uncounted Trial
	r.f.Eval(r.d, r.lin.x, r.num[sdTime])
	r.lin.linearise(&uncounted, r.lin.x, r.d, r.num[sdTime])
	r.live = true
	if s := r.num[sdShift]; s != 0 {
		return r.lin.factor(&uncounted, s)
	}
	return nil
}

func (r *sdirk[T]) linearise(tr *Trial, x []T, t float64) {
	r.lin.linearise(tr, x, r.f0, t)
	r.num[sdHave], r.num[sdTime], r.num[sdShift], r.num[sdAge], r.num[sdSlow] = 1, t, 0, 0, 0
	r.live, r.fresh = true, true
}

// stages solves for all k_i.
func (r *sdirk[T]) stages(tr *Trial) error {
	s := r.h * r.tab.gamma
	if s != r.num[sdShift] {
		r.num[sdShift] = 0
		if err := r.lin.factor(tr, s); err != nil {
			return err
		}
		r.num[sdShift], r.num[sdRate] = s, 1
	}
	r.worst = 0
	for i, row := range r.a {
		if r.tab.a[i][i] == 0 {
			copy(r.k[i], r.f0)
			continue
		}
		combine(r.base, r.x0, T(r.h), row[:i], r.k[:i])
		guess := r.f0
		if i > 0 {
			guess = r.k[i-1]
		}
		copy(r.w, guess)
		kernel.Scal(T(s), r.w)
		if err := r.newton(tr, s, r.t0+r.tab.c[i]*r.h); err != nil {
			return err
		}
		copy(r.k[i], r.w)
		kernel.Scal(T(1/s), r.k[i])
	}
	return nil
}

// newton iterates on w = hγ k, with s = hγ.
func (r *sdirk[T]) newton(tr *Trial, s, t float64) error {
	rate, accuracy, steps := r.num[sdRate], newtonAccuracy, newtonMax
	known, first := rate, 0.0
	if r.tab.exact {
		rate, accuracy, steps = 1, 0, newtonMaxEx
	}
	for last, i := 0.0, 0; i < steps; i++ {
		kernel.AddTo(r.tmp, r.base, r.w)
		r.f.Eval(r.d, r.tmp, t)
		tr.Evals++
		kernel.Axpby(-1, r.w, T(s), r.d)
		inner := accuracy
		if r.tab.exact {
			inner = weightedNorm(&r.tol, r.d, r.x0, r.x0)
		}
		if err := r.lin.solve(tr, r.d, r.d, innerKrylov*inner); err != nil {
			return err
		}
		kernel.AddTo(r.w, r.w, r.d)
		norm := weightedNorm(&r.tol, r.d, r.x0, r.x0)
		switch {
		case i == 0 && norm > knownRate*r.num[sdSize]:
			rate = 1 // nothing is known of the contraction so far away
		case i == 1:
			known, first = norm/last, last
			fallthrough
		case i > 1:
			rate = norm / last
			r.worst = max(r.worst, rate)
		}
		last = norm
		switch {
		case norm == 0:
			return nil
		case r.rounding(rate):
			return nil
		case !finite(norm) || i > 0 && rate >= 1:
			return ErrNoConvergence
		case rate < 1 && norm*rate <= accuracy*(1-rate):
			r.num[sdRate] = math.Pow(max(known, unit), 0.8)
			if first > 0 {
				r.num[sdSize] = first
			}
			return nil
		}
	}
	return ErrNoConvergence
}

// rounding says that the update d of w is as small as rounding allows: it is half
// a unit in the last place of the largest component, or, where only rounding is to
// stop the iteration, it shrinks no more and is not far from that.
func (r *sdirk[T]) rounding(rate float64) bool {
	size := epsOf[T]() * float64(kernel.MaxAbs(r.tmp))
	d := float64(kernel.MaxAbs(r.d))
	return d <= size/2 || r.tab.exact && rate >= 0.5 && d <= stagnation*size
}

// Accept implements Integrator.
func (r *sdirk[T]) Accept() {
	r.ends.Accept()
	r.fresh = false
	r.num[sdSwap] = 1
	r.num[sdAge]++
	if r.worst > slowNewton {
		r.num[sdSlow] = 1
	}
}

// Touch implements Integrator.
func (r *sdirk[T]) Touch() {
	r.ends.Touch()
	r.num[sdLeft], r.num[sdSwap] = 0, 0
	r.fresh = false
}

// Draw implements Drawer.
func (r *sdirk[T]) Draw(step uint64) {
	if r.draw(step) {
		r.fresh = false
		r.num[sdHave], r.num[sdLeft], r.num[sdSwap] = 0, 0, 0
	}
}
