package flow

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Auto chooses the method while it goes: it starts with Tsit5 and changes to a
// method for stiff problems when stability instead of accuracy limits the step, and
// back when that is over. The other method depends on what the field says of
// itself (Caps):
//
//	linear algebra is cheap, by Shift or Band                  Rodas5P
//	a gradient flow in up to 20 dimensions                     Rodas5P
//	a gradient flow in more                                    ROCK4
//	another field, up to 100 dimensions, 200 with a Jacobian   Rodas5P
//	another field in more                                      RKC2
//
// (A Jacobian by differences takes as many evaluations as there are dimensions; the
// heat equation in 63 takes ten times as long by Rodas5P as by ROCK4, Rosenbrock's
// valley in two a third of the time.)
//
// The spectral radius ρ of the Jacobian is estimated from the stages k_6 and k_7 of
// Tsit5, both at t + h, as ρ = |k_7 - k_6|/|y - u_6|, u_6 the sixth stage's argument
// (Hairer and Wanner, Solving ODEs II, IV.2). Fifteen accepted steps with hρ > 3, six
// others in a row forgetting them, are a change to the other method, 25 steps in a
// row with hρ < 2 one back; there ρ is that of the stabilised method, or for Rodas5P
// the smaller of the largest row and column sums of the Jacobian, a bound. A model's
// own Shift tells no ρ: then there is no way back. Where the other method fails
// (RKC2, if the spectrum is not real), the run goes on by Tsit5 for good.
//
// A problem that is not stiff costs what it costs by Tsit5. The memory of the other
// method is taken when it is first needed. Without error control, as under Fixed,
// Auto is Tsit5.
var Auto Method = autoMethod{}

type autoMethod struct{}

func (autoMethod) String() string         { return "Auto" }
func (autoMethod) Order() int             { return Tsit5.Order() }
func (autoMethod) controller() Controller { return PI }

const (
	autoStiff    = 3.0 // hρ above which a step of Tsit5 counts as stiff
	autoStiffFor = 15  // such steps that make a change
	autoForget   = 6   // others in a row that forget them
	autoMild     = 2.0 // hρ below which a step of the other method counts as not stiff
	autoMildFor  = 25  // such steps in a row that make a change back
	autoLook     = 5   // one step of so many is looked at while nothing is stiff

	// The largest dimensions of dense linear algebra: for gradient flows, other
	// fields, and those with a Jacobian of their own.
	autoFlow, autoSmall, autoDense = 20, 100, 200
)

// The numbers of an auto that a checkpoint saves; those of the method in charge
// follow.
const (
	autoUse    = iota // 1: the stiff method makes the next step
	autoSteps         // accepted steps of Tsit5
	autoHits          // of those the stiff ones
	autoMisses        // steps without one in a row; of the other method not stiff ones
	autoBarred        // the stiff method has failed
	autoOwed          // evaluations to be counted by the next Try
	autoNumbers
)

// stiffSide is a method that auto can change to.
type stiffSide[T Float] interface {
	Integrator[T]
	Interpolator[T]
	Deriver[T]
	Drawer
	Failer
	Memory[T]
	ready(s *Start[T]) error // as Init, but without an evaluation
	begins()                 // after ready: a first estimate is to be made
	controllerOrder() int
	product(h float64) float64 // hρ of the last step, NaN if not known
	takeOwed() float64         // evaluations not counted yet, which are then
}

// auto advances a field by Tsit5 or a method for stiff problems. The one that
// made the last step (on) serves dense output until the next Try, which belongs
// to the one in charge (num[autoUse]). Only the latter has memory worth saving.
type auto[T Float] struct {
	caps  Caps[T]
	name  string
	mild  *rungeKutta[T]
	stiff stiffSide[T]
	last  []T // coefficients of y - u_6

	on    float64 // as num[autoUse], for the last step
	s     Start[T]
	t1    float64 // end of the last proposal
	next  []T     // the last proposal
	h     float64 // its step size
	err   error
	num   []float64
	vec   [][]T
	spare []T // for the vectors of Memory that the method in charge has not
}

func newAuto[T Float](f Field[T]) Integrator[T] {
	a := &auto[T]{caps: CapsOf[T](f), mild: newRungeKutta(f, Tsit5.(*tableau))}
	m := stiffMethod(a.caps, f.Dim())
	a.name = "Auto(Tsit5, " + m.String() + ")"
	if s, ok := m.(*stableMethod); ok {
		a.stiff = newStabilised(f, s)
	} else {
		a.stiff = newRosenbrock(f, m.(*rosenbrockTable), m.String(), false)
	}
	tab := a.mild.tab
	a.last = make([]T, tab.end())
	for i := range a.last {
		a.last[i] = T(tab.b[i])
		if i < len(tab.a[tab.end()-1]) {
			a.last[i] = T(tab.b[i] - tab.a[tab.end()-1][i])
		}
	}
	a.num = make([]float64, autoNumbers+max(rkNumbers, sbNumbers, endNumbers))
	a.vec = make([][]T, 2)
	if m == RKC2 { // the power iteration has a vector to save
		a.vec = make([][]T, 3)
	}
	return a
}

// stiffMethod is the method for the field if it turns out to be stiff.
func stiffMethod[T Float](c Caps[T], n int) Method {
	switch {
	case c.Shift != nil && c.SolveShift != nil || c.Band != nil:
		return Rodas5P
	case c.Descends && n > autoFlow:
		return ROCK4
	case n <= autoSmall || n <= autoDense && c.Jacobian != nil:
		return Rodas5P
	}
	return RKC2
}

// Name implements Namer.
func (a *auto[T]) Name() string { return a.name }

// Caps returns the capabilities of the field.
func (a *auto[T]) Caps() Caps[T] { return a.caps }

// suggested is the controller that suits the method.
func (a *auto[T]) suggested() Controller { return PI }

// Init implements Integrator.
func (a *auto[T]) Init(s Start[T], tr *Trial) error {
	if len(a.vec) > 2 && len(a.spare) != len(s.X) {
		a.spare = make([]T, len(s.X))
	}
	if !s.Keep {
		clear(a.num)
	}
	a.s, a.on, a.err = s, a.num[autoUse], nil
	a.num[autoOwed] = 0
	return a.charge().Init(s, tr)
}

// charge is the method that makes the next step.
func (a *auto[T]) charge() Integrator[T] {
	if a.num[autoUse] == 1 {
		return a.stiff
	}
	return a.mild
}

// Try implements Integrator. The controller hears of a change by the order in the
// Trial; the errors that it remembers are in units of the tolerance, whoever made
// them.
func (a *auto[T]) Try(tr *Trial, next, x []T, t, h float64) {
	a.on, a.t1, a.next, a.h = a.num[autoUse], t+h, next, math.Abs(h)
	tr.Jacobians, tr.Factorizations, tr.Solves, tr.Retry = 0, 0, 0, 0
	if a.on == 1 {
		tr.Order = a.stiff.controllerOrder()
		a.stiff.Try(tr, next, x, t, h)
		if a.stiff.Failure() != nil {
			a.num[autoBarred] = 1
			a.change(0, x, t)
		}
	} else {
		tr.Order = a.mild.tab.controllerOrder()
		a.mild.Try(tr, next, x, t, h)
	}
	tr.Evals += int(a.num[autoOwed])
	a.num[autoOwed] = 0
}

// Limit implements Limiter.
func (a *auto[T]) Limit(t, h float64) float64 {
	if l, ok := a.stiff.(Limiter); ok && a.num[autoUse] == 1 {
		return l.Limit(t, h)
	}
	return h
}

// Accept implements Integrator.
func (a *auto[T]) Accept() {
	if a.on == 1 {
		a.stiff.Accept()
		a.seeMild()
		return
	}
	a.mild.Accept()
	a.seeStiff()
}

// seeStiff looks at an accepted step of Tsit5.
func (a *auto[T]) seeStiff() {
	n := a.num
	n[autoSteps]++
	if n[autoBarred] == 1 || !a.s.Want.Error || n[autoHits] == 0 && int(n[autoSteps])%autoLook != 0 {
		return
	}
	if a.mild.product(a.h, a.last) <= autoStiff {
		if n[autoMisses]++; n[autoMisses] >= autoForget {
			n[autoHits] = 0
		}
		return
	}
	n[autoMisses] = 0
	if n[autoHits]++; n[autoHits] >= autoStiffFor {
		a.change(1, a.next, a.t1)
	}
}

// seeMild looks at an accepted step of the other method.
func (a *auto[T]) seeMild() {
	n := a.num
	if !(a.stiff.product(a.h) < autoMild) {
		n[autoMisses] = 0
		return
	}
	if n[autoMisses]++; n[autoMisses] >= autoMildFor {
		a.change(0, a.next, a.t1)
	}
}

// change puts a method in charge, from the point x at time t.
func (a *auto[T]) change(use float64, x []T, t float64) {
	n := a.num
	n[autoUse], n[autoHits], n[autoMisses] = use, 0, 0
	s := a.s
	s.X, s.T, s.Keep = x, t, false
	if use == 1 {
		a.err = a.stiff.ready(&s)
		a.stiff.begins()
		return
	}
	n[autoOwed] += a.stiff.takeOwed()
	a.err = a.mild.ready(&s)
}

// Touch implements Integrator.
func (a *auto[T]) Touch() {
	a.charge().Touch()
	if a.on != a.num[autoUse] {
		a.side().Touch()
	}
}

// side is the method that made the last step.
func (a *auto[T]) side() interface {
	Integrator[T]
	Interpolator[T]
	Deriver[T]
} {
	if a.on == 1 {
		return a.stiff
	}
	return a.mild
}

// Draw implements Drawer.
func (a *auto[T]) Draw(step uint64) { a.charge().(Drawer).Draw(step) }

// Deriv implements Deriver.
func (a *auto[T]) Deriv() []T { return a.side().Deriv() }

// Failure implements Failer: what went wrong when the stiff method was to get
// ready. A failure of its own is no end of the run.
func (a *auto[T]) Failure() error { return a.err }

// DenseDegree implements Interpolator: the higher of both degrees.
func (a *auto[T]) DenseDegree() int { return max(a.mild.DenseDegree(), a.stiff.DenseDegree()) }

// At implements Interpolator.
func (a *auto[T]) At(dst []T, theta float64) {
	a.side().At(dst, theta)
	if a.on != a.num[autoUse] { // who is not in charge does not count any more
		a.num[autoOwed] += a.mild.num[rkOwed]
		a.mild.num[rkOwed] = 0
		a.num[autoOwed] += a.stiff.takeOwed()
	}
}

// Memory implements Memory.
func (a *auto[T]) Memory() (vec [][]T, num []float64) {
	v, n := a.charge().(Memory[T]).Memory()
	for i := range a.vec {
		a.vec[i] = a.spare
		if i < len(v) {
			a.vec[i] = v[i]
		}
	}
	clear(a.num[autoNumbers:])
	copy(a.num[autoNumbers:], n)
	return a.vec, a.num
}

// restored implements restorer. Init has put Tsit5 in charge, whose vectors now
// hold those of the method that was.
func (a *auto[T]) restored() error {
	a.on = a.num[autoUse]
	if a.on == 1 {
		if err := a.stiff.ready(&a.s); err != nil {
			return err
		}
		v, _ := a.stiff.Memory()
		for i, from := range a.vec {
			copy(v[i], from)
		}
	}
	_, n := a.charge().(Memory[T]).Memory()
	copy(n, a.num[autoNumbers:])
	return nil
}

// product is hρ of the last step, c the coefficients of y - u_6.
func (r *rungeKutta[T]) product(h float64, c []T) float64 {
	clear(r.tmp)
	kernel.LincombTo(r.tmp, r.tmp, 1, c, r.k[:len(c)])
	dx := kernel.Nrm2(r.tmp) * h
	kernel.SubTo(r.tmp, r.k[r.end], r.k[r.end-1])
	df := kernel.Nrm2(r.tmp)
	if dx == 0 {
		return 0
	}
	return h * df / dx
}

func (r *stabilised[T]) controllerOrder() int      { return r.m.errk }
func (r *stabilised[T]) product(h float64) float64 { return h * r.radius() }
func (r *stabilised[T]) takeOwed() float64         { return float64(r.owed()) }
func (r *stabilised[T]) begins()                   { r.num[sbRadius+radiusStale] = 1 }

func (r *rosenbrockODE[T]) begins() {}

func (r *rosenbrockODE[T]) takeOwed() float64 {
	n := r.num[endOwed]
	r.num[endOwed] = 0
	return n
}

// product is h times a bound of ρ, the smaller of the largest row and column sums
// of the last Jacobian; NaN if there is no matrix.
func (r *rosenbrockODE[T]) product(h float64) float64 {
	if r.lin.by == byBand || r.lin.by == byBandCholesky {
		return h * maxRowSum(r.lin.jac, len(r.x0), r.lin.shape.width())
	}
	if r.lin.mat == nil {
		return math.NaN()
	}
	n := len(r.x0)
	rows := maxRowSum(r.lin.jac, n, n)
	clear(r.rhs)
	var columns float64
	for i := range n {
		for j, v := range r.lin.jac[i*n : (i+1)*n] {
			r.rhs[j] += T(math.Abs(float64(v)))
		}
	}
	for _, v := range r.rhs {
		columns = max(columns, float64(v))
	}
	return h * min(rows, columns)
}

// maxRowSum is the largest sum of moduli of a row of the r x c matrix a.
func maxRowSum[T Float](a []T, r, c int) float64 {
	var most float64
	for i := range r {
		var s float64
		for _, v := range a[i*c : (i+1)*c] {
			s += math.Abs(float64(v))
		}
		most = max(most, s)
	}
	return most
}
