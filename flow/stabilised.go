package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// stableMethod is a stabilised explicit Runge-Kutta method: m stages of a
// three-term recursion, whose number is chosen so that the interval of stability
// on the negative real axis holds z = h ρ, ρ the spectral radius of the Jacobian.
type stableMethod struct {
	name   string
	order  int
	errk   int                     // the error estimate behaves as h^errk, 0: there is none
	safety float64                 // of the controller
	most   int                     // stages that a step may have
	reach  float64                 // the z that they are good for
	stages func(z float64) int     // number of stages for z
	terms  func(dst []term, s int) // coefficients of the recursion for s stages
	rock   bool                    // the recursion is followed by the last four stages of ROCK4
}

func (m *stableMethod) String() string { return m.name }
func (m *stableMethod) Order() int     { return m.order }

func (m *stableMethod) controller() Controller {
	if m.errk == 0 {
		return nil
	}
	c := PI
	c.Safety, c.MaxFac = m.safety, 5
	return c
}

// term holds the coefficients of stage j of a three-term recursion
//
//	Y_0 = x,  Y_1 = x + h w_1 f0,
//	Y_j = a_j x + μ_j Y_{j-1} + ν_j Y_{j-2} + h (w_j f(t + c_{j-1} h, Y_{j-1}) + g_j f0),
//
// and c_j, the time of Y_j, which is the same recursion with f = 1.
type term struct{ a, mu, nu, w, g, c float64 }

// times fills in c_j.
func times(r []term) {
	var c1, c2 float64
	for j := range r {
		q := &r[j]
		q.c = q.mu*c1 + q.nu*c2 + q.w + q.g
		c1, c2 = q.c, c1
	}
}

// stabilised advances a field by a stableMethod.
//
// Two vectors alternate as the stages of the recursion, the proposal and y; f1
// holds f at the last of them, and after the last stage f(t+h, proposal), which
// becomes the next f0. The swap waits until the next step begins, so that dense
// output stays valid. That makes five vectors with x.
type stabilised[T Float] struct {
	m    *stableMethod
	f    Field[T]
	ef   EnergyField[T] // f if it has an energy, else nil
	caps Caps[T]
	tol  Tol
	want Want

	terms  []term
	filled int            // stages for which terms and finish hold the coefficients
	finish rock4Finish[T] // last stages of ROCK4
	rho    radius[T]      // estimates the spectral radius
	f0, f1 []T            // f at the current point and at the last stage
	y      []T            // the stage that is not in the proposal
	k      [][]T          // last stages of ROCK4; y is k[0]
	tmp    []T            // scratch of error norms, unless y will do
	fd     []T            // f1 of dense output by shorter steps
	coef   [5]T           // of a linear combination
	vec    [5][]T         // its vectors
	num    [sbNumbers]float64
	mem    [3][]T

	x, next  []T // start and end of the last step
	cur      []T // current point, for Limit
	t0, h    float64
	used     float64 // ρ of the last step
	accepted bool
}

// The numbers of a stabilised method that a checkpoint saves.
const (
	sbHave0   = iota // f0 holds f at the current point
	sbSwap           // f1 holds f at the current point, to become f0
	sbHave1          // f1 holds f at the last proposal
	sbE0             // energy at the start of the step
	sbSlope0         // its slope
	sbE1             // energy at the proposal
	sbSlope1         // its slope
	sbOwed           // evaluations to be counted by the next Try
	sbTried          // there was a proposal since the last Accept
	sbErr            // its scaled error
	sbStreak         // proposals in a row whose error was above badError
	sbRadius         // what radius keeps, from here on
	sbNumbers = sbRadius + radiusNumbers
)

// maxStreak rejections in a row with an error above badError end a run: they are no
// matter of accuracy. (With smaller errors they are: what is left of the last steps
// in stiff components gives the same error estimate at half the step.)
const maxStreak = 10

func newStabilised[T Float](f Field[T], m *stableMethod) *stabilised[T] {
	r := &stabilised[T]{m: m, f: f, caps: CapsOf[T](f)}
	r.ef, _ = f.(EnergyField[T])
	return r
}

// Name implements Namer.
func (r *stabilised[T]) Name() string { return r.m.name }

// suggested is the controller that suits the method.
func (r *stabilised[T]) suggested() Controller { return r.m.controller() }

// Caps returns the capabilities of the field.
func (r *stabilised[T]) Caps() Caps[T] { return r.caps }

// ready takes the memory for a run and forgets the last one, with s.Keep but for
// the spectral radius, without an evaluation.
func (r *stabilised[T]) ready(s *Start[T]) error {
	n := r.f.Dim()
	if n != len(s.X) {
		return fmt.Errorf("flow: start point has length %d, want the dimension of the field, %d: %w", len(s.X), n, ErrArgument)
	}
	r.tol, r.want = s.Tol, s.Want
	if r.terms == nil || len(r.f0) != n || r.tol.AbsVec != nil && r.tmp == nil {
		r.allocate(n)
	}
	kept := r.num
	r.num = [sbNumbers]float64{}
	if s.Keep {
		copy(r.num[sbRadius:], kept[sbRadius:])
	}
	r.rho.reset(r.num[sbRadius:], s.Keep)
	r.accepted, r.cur = false, s.X
	return nil
}

// Init implements Integrator.
func (r *stabilised[T]) Init(s Start[T], tr *Trial) error {
	if err := r.ready(&s); err != nil {
		return err
	}
	*tr = noTrial()
	tr.Order, tr.NoErr = r.m.errk, r.m.errk == 0
	if tr.NoErr {
		tr.Order = r.m.order + 1
	}
	r.start(s.X, s.T)
	if i := firstNonFinite(r.f0); i >= 0 {
		return fmt.Errorf("flow: f(t0, x0)[%d] is %v at t0 = %v, want a finite number: %w", i, r.f0[i], s.T, ErrNonFinite)
	}
	r.estimate(s.X, s.T)
	if rho := r.radius(); !finite(rho) {
		return fmt.Errorf("flow: the spectral radius of the Jacobian of f is %v at t0 = %v, want a finite number: %w", rho, s.T, ErrNonFinite)
	}
	tr.E0, tr.Slope0 = r.num[sbE0], r.num[sbSlope0]
	if s.Want.Error && !tr.NoErr && s.MaxStep > 0 {
		tr.H = firstStep(r.f, &s, tr.Order, r.f0, r.f1, r.y)
		r.num[sbOwed]++
		if math.IsNaN(tr.H) {
			return fmt.Errorf("flow: no finite value of f near the start point, t0 = %v: %w", s.T, ErrNonFinite)
		}
	}
	tr.Evals = r.owed()
	return nil
}

// allocate takes the memory for dimension n.
func (r *stabilised[T]) allocate(n int) {
	v := arena[T](3, n)
	r.f0, r.f1, r.y = v[0], v[1], v[2]
	r.k, r.tmp = v[2:], r.y
	if r.m.rock {
		r.k, r.tmp = append(r.k, arena[T](3, n)...), nil
		if r.tol.AbsVec != nil {
			r.tmp = make([]T, n)
		}
	}
	var start []T
	if !r.caps.Descends {
		start = make([]T, n)
	}
	r.rho = newRadius(r.f, r.caps, start, r.y, r.f1)
	r.terms, r.filled = make([]term, r.m.most), 0
}

// owed returns the evaluations made since the last time that it was asked.
func (r *stabilised[T]) owed() int {
	n := int(r.num[sbOwed])
	r.num[sbOwed] = 0
	return n
}

// start makes f0 hold f(t, x).
func (r *stabilised[T]) start(x []T, t float64) {
	if r.num[sbSwap] == 1 {
		r.f0, r.f1 = r.f1, r.f0
		r.rho.scratch = r.f1
		r.num[sbE0], r.num[sbSlope0] = r.num[sbE1], r.num[sbSlope1]
		r.num[sbSwap], r.num[sbHave0] = 0, 1
	}
	if r.num[sbHave0] == 1 {
		return
	}
	r.num[sbE0], r.num[sbSlope0] = r.eval(r.f0, x, t)
	r.num[sbHave0] = 1
}

// eval stores f(t, x) in dst and returns energy and slope, NaN if there are none.
func (r *stabilised[T]) eval(dst, x []T, t float64) (e, slope float64) {
	r.num[sbOwed]++
	if r.ef != nil {
		return r.ef.EvalEnergy(dst, x, t)
	}
	r.f.Eval(dst, x, t)
	return math.NaN(), math.NaN()
}

// prepare makes f0 and the spectral radius those of the current point, once an
// attempt: Limit needs them before Try.
func (r *stabilised[T]) prepare(x []T, t float64) {
	if r.num[sbTried] == 1 {
		r.num[sbTried] = 0
		r.rho.rejected(r.num[sbErr])
	}
	r.start(x, t)
	if r.rho.due() {
		r.estimate(x, t)
	}
}

func (r *stabilised[T]) estimate(x []T, t float64) {
	r.num[sbOwed] += float64(r.rho.estimate(x, r.f0, t))
}

// radius is the spectral radius in force.
func (r *stabilised[T]) radius() float64 { return r.rho.rho() }

// RadiusReport implements RadiusReporter.
func (r *stabilised[T]) RadiusReport() RadiusReport { return r.rho.report() }

// Limit implements Limiter: the number of stages is limited, and so is the step.
func (r *stabilised[T]) Limit(t, h float64) float64 {
	r.prepare(r.cur, t)
	if rho := r.radius(); h*rho > r.m.reach {
		return r.m.reach / rho
	}
	return h
}

// Try implements Integrator.
func (r *stabilised[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.cur = x
	r.prepare(x, t)
	r.num[sbTried], r.accepted, r.used = 1, false, r.radius()
	r.x, r.next, r.t0, r.h = x, next, t, h
	r.fill(min(r.m.stages(min(math.Abs(h)*r.used, r.m.reach)), r.m.most))
	z := r.recursion(next, x, t, h)
	if r.m.rock {
		z = r.lastStages(z)
	}
	r.num[sbE1], r.num[sbSlope1], r.num[sbHave1] = math.NaN(), math.NaN(), 0
	if r.m.errk > 0 || r.want.Dense || r.ef != nil && (r.want.Energy || r.caps.Draw == nil) {
		r.end()
	}
	tr.E0, tr.Slope0 = r.num[sbE0], r.num[sbSlope0]
	tr.E1, tr.Slope1 = r.num[sbE1], r.num[sbSlope1]
	tr.Finite = r.ef == nil || r.num[sbHave1] == 0 || finite(tr.E1)
	if r.m.errk > 0 {
		tr.Err = r.errorEstimate()
		r.num[sbErr] = tr.Err
		if r.want.Error && tr.Err > badError && finite(tr.Err) {
			r.num[sbStreak]++
		}
	}
	if r.want.Dissipate && r.ef != nil {
		tr.Dissipated = -z
	}
	tr.Evals = r.owed()
}

// fill computes the coefficients for s stages.
func (r *stabilised[T]) fill(s int) {
	if s == r.filled {
		return
	}
	r.filled = s
	depth := s
	if r.m.rock {
		d := rock4For(s)
		depth = d.degree
		r.finish = finishOf[T](d)
	}
	r.terms = r.terms[:depth]
	r.m.terms(r.terms, s)
	times(r.terms)
}

// recursion stores the last stage of the three-term recursion in next. The same
// recursion on dz/dt = dE/dt, from z = 0, is the change of the energy by the
// method's own weights, which it returns if it is wanted.
func (r *stabilised[T]) recursion(next, x []T, t, h float64) (z float64) {
	m := len(r.terms)
	dissipate := r.want.Dissipate && r.ef != nil
	// The stages alternate so that the last one is in next.
	dst, other := next, r.y
	if m%2 == 0 {
		dst, other = other, dst
	}
	kernel.AxpyTo(dst, T(h*r.terms[0].w), r.f0, x)
	var z2 float64
	z = h * r.terms[0].w * r.num[sbSlope0]
	prev := x // Y_{j-2}
	for j := 1; j < m; j++ {
		q, at := &r.terms[j], t+h*r.terms[j-1].c
		last := dst
		dst, other = other, dst
		if dissipate {
			_, slope := r.eval(r.f1, last, at)
			z, z2 = q.mu*z+q.nu*z2+h*(q.w*slope+q.g*r.num[sbSlope0]), z
		} else {
			r.num[sbOwed]++
			r.f.Eval(r.f1, last, at)
		}
		r.combine(dst, last, prev, x, q, h)
		prev = last
	}
	return z
}

// combine stores a x + μ last + ν prev + h (w f1 + g f0) in dst, which may be
// prev. Starting the sum from last, whose coefficient is close to two, adds the
// least rounding.
func (r *stabilised[T]) combine(dst, last, prev, x []T, q *term, h float64) {
	mu, nu, a, w, g := T(q.mu-1), T(q.nu), T(q.a), T(h*q.w), T(h*q.g)
	if len(dst) > smallDim {
		r.coef = [5]T{mu, nu, w, g, a}
		r.vec = [5][]T{last, prev, r.f1, r.f0, x}
		kernel.LincombTo(dst, last, 1, r.coef[:], r.vec[:])
		return
	}
	f0, f1 := r.f0, r.f1
	for i := range dst {
		dst[i] = last[i] + (mu*last[i] + nu*prev[i] + w*f1[i] + g*f0[i] + a*x[i])
	}
}

// end makes f1 hold f at the proposal.
func (r *stabilised[T]) end() {
	r.num[sbE1], r.num[sbSlope1] = r.eval(r.f1, r.next, r.t0+r.h)
	r.num[sbHave1] = 1
}

// errorEstimate is the weighted norm of the local error: that of ROCK4's embedded
// method, or the [12 (x-y) + 6h (f0 + f1)]/15 of Sommeijer, Shampine and Verwer,
// which is h³x”'/15 + O(h⁴), the local error of RKC for many stages.
func (r *stabilised[T]) errorEstimate() float64 {
	if r.m.rock {
		return r.rock4Error()
	}
	h := T(6 * r.h / 15)
	r.coef = [5]T{12. / 15, -12. / 15, h, h}
	r.vec = [5][]T{r.x, r.next, r.f0, r.f1}
	return errorNorm(&r.tol, 1, r.coef[:4], r.vec[:4], r.tmp, r.x, r.next)
}

// Accept implements Integrator.
func (r *stabilised[T]) Accept() {
	r.accepted, r.cur = true, r.next
	r.num[sbTried], r.num[sbStreak], r.num[sbHave0] = 0, 0, 0
	if r.num[sbHave1] == 1 {
		r.num[sbSwap] = 1
	}
	r.rho.accepted()
}

// Touch implements Integrator.
func (r *stabilised[T]) Touch() { r.num[sbHave0], r.num[sbSwap] = 0, 0 }

// Draw implements Drawer: a new mini-batch makes the remembered derivative void.
func (r *stabilised[T]) Draw(step uint64) {
	if r.caps.Draw != nil {
		r.caps.Draw(step)
		r.Touch()
	}
}

// Failure implements Failer.
func (r *stabilised[T]) Failure() error {
	if r.num[sbStreak] < maxStreak {
		return nil
	}
	return fmt.Errorf("%d rejections in a row with errors above %v, the last %.3g, with %d stages for hρ = %.4g: the spectrum of the Jacobian is not real and negative with radius ρ = %.4g, or f is not smooth: %w",
		maxStreak, badError, r.num[sbErr], r.filled, math.Abs(r.h)*r.radius(), r.radius(), ErrSpectralRadius)
}

// Deriv implements Deriver.
func (r *stabilised[T]) Deriv() []T {
	switch {
	case r.num[sbSwap] == 1:
		return r.f1
	case r.num[sbHave0] == 1:
		return r.f0
	}
	return nil
}

// DenseDegree implements Interpolator; what is kept of a step whose dense output is
// no polynomial is the cubic through four of its points.
func (r *stabilised[T]) DenseDegree() int { return 3 }

// denseStiff is the hρ up to which dense output is a polynomial. That takes h f of
// both ends, in which the errors of the stiff components are hρ times as large as
// in x: beyond, they would show.
const denseStiff = 20

// At implements Interpolator: up to hρ = 20 by the cubic Hermite polynomial of x, f0,
// next, f1,
//
//	x + (3θ²-2θ³)(y-x) + h[(θ-2θ²+θ³) f0 + (θ³-θ²) f1],
//
// beyond by another step of the method, of size θh.
func (r *stabilised[T]) At(dst []T, theta float64) {
	if math.Abs(r.h)*r.used > denseStiff {
		r.shorter(dst, theta)
		return
	}
	if r.num[sbHave1] == 0 {
		r.end() // the first stage of the next step, evaluated earlier
		if r.accepted && r.caps.Draw == nil {
			r.num[sbSwap] = 1
		}
	}
	s := theta * theta * (3 - 2*theta)
	r.coef = [5]T{T(-s), T(s), T(r.h * theta * (1 - theta) * (1 - theta)), T(r.h * theta * theta * (theta - 1))}
	r.vec = [5][]T{r.x, r.next, r.f0, r.f1}
	kernel.LincombTo(dst, r.x, 1, r.coef[:4], r.vec[:4])
}

// shorter stores the result of a step of size θh from the start of the last one in
// dst.
func (r *stabilised[T]) shorter(dst []T, theta float64) {
	switch theta {
	case 0:
		copy(dst, r.x)
		return
	case 1:
		copy(dst, r.next)
		return
	}
	if len(r.fd) != len(dst) {
		r.fd = make([]T, len(dst))
	}
	next, h, f1, dissipate := r.next, r.h, r.f1, r.want.Dissipate
	r.next, r.h, r.f1, r.want.Dissipate = dst, theta*h, r.fd, false
	r.fill(min(r.m.stages(min(math.Abs(r.h)*r.used, r.m.reach)), r.m.most))
	r.recursion(dst, r.x, r.t0, r.h)
	if r.m.rock {
		r.lastStages(0)
	}
	r.next, r.h, r.f1, r.want.Dissipate = next, h, f1, dissipate
}

// Memory implements Memory.
func (r *stabilised[T]) Memory() (vec [][]T, num []float64) {
	r.mem = [3][]T{r.f0, r.f1, r.rho.v}
	return r.mem[:], r.num[:]
}
