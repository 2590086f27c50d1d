package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// rungeKutta advances a field by an explicit Runge-Kutta tableau.
//
// k[0] is f at the start of the step and k[end] is f at its end, which methods
// that do not need it evaluate when the energy or dense output asks for it; the
// stages beyond are evaluated by the first call of At. After an accepted step
// k[end] becomes the next k[0]; the swap waits for the next Try, so that dense
// output stays valid.
type rungeKutta[T Float] struct {
	tab     *tableau
	f       Field[T]
	ef      EnergyField[T] // f if it has an energy, else nil
	caps    Caps[T]
	tol     Tol
	want    Want
	a       [][]T
	b       []T
	e, e3   []T
	p       [][]float64
	k       [][]T
	end     int
	tmp     []T
	weights []T                         // of dense output
	slopes  []float64                   // dE/dt at the stages
	stage   int                         // number of slopes so far
	fn      func(dst, x []T, t float64) // f.Eval
	num     [rkNumbers]float64
	mem     [2][]T
	small   *smallSystem[T] // of a small system, whose stages are in it, else nil
	atEnd   bool            // f or the energy is evaluated at every proposal
	ledger  bool            // the slopes are collected

	x0       []T // start of the last step, for dense output
	t0, h    float64
	next     []T
	accepted bool
	extra    bool // the stages beyond k[end] belong to the last proposal
}

// The numbers of a rungeKutta that a checkpoint saves.
const (
	rkHave0  = iota // k[0] holds f at the current point
	rkSwap          // k[end] holds f at the current point, to become k[0]
	rkHave1         // k[end] holds f at the last proposal
	rkE0            // energy at the start of the step
	rkSlope0        // its slope
	rkE1            // energy at the proposal
	rkSlope1        // its slope
	rkOwed          // evaluations made outside Try, to be counted by the next
	rkNumbers
)

func newRungeKutta[T Float](f Field[T], tab *tableau) *rungeKutta[T] {
	r := &rungeKutta[T]{tab: tab, f: f, caps: CapsOf[T](f), p: tab.interpolant()}
	r.ef, _ = f.(EnergyField[T])
	r.end = tab.end()
	r.a = convertRows[T](tab.a)
	r.b, r.e, r.e3 = convert[T](tab.b), convert[T](tab.e), convert[T](tab.e3)
	r.weights = make([]T, len(r.p))
	r.slopes = make([]float64, r.end+1)
	r.fn = evalOf(f)
	r.small = newSmallSystem[T](f.Dim(), tab)
	return r
}

// convert returns v as a slice of T, v itself if that is its type: not to be
// written to.
func convert[T Float](v []float64) []T {
	if w, ok := any(v).([]T); ok {
		return w
	}
	w := make([]T, len(v))
	for i, x := range v {
		w[i] = T(x)
	}
	return w
}

// Name implements Namer.
func (r *rungeKutta[T]) Name() string { return r.tab.name }

// Caps returns the capabilities of the field.
func (r *rungeKutta[T]) Caps() Caps[T] { return r.caps }

// ready takes the memory for a run and forgets the last one, without an
// evaluation.
func (r *rungeKutta[T]) ready(s *Start[T]) error {
	n := r.f.Dim()
	if n != len(s.X) {
		return fmt.Errorf("flow: start point has length %d, want the dimension of the field, %d: %w", len(s.X), n, ErrArgument)
	}
	if r.k == nil || len(r.tmp) != n {
		m := max(r.end+1, len(r.a))
		v := arena[T](m+1, n)
		r.k, r.tmp = v[:m], v[m]
		if r.small != nil {
			for i := range r.end + 1 {
				r.k[i] = r.small.k[i][:n:n]
			}
		}
	}
	r.tol, r.want = s.Tol, s.Want
	r.num = [rkNumbers]float64{rkE0: math.NaN(), rkSlope0: math.NaN(), rkE1: math.NaN(), rkSlope1: math.NaN()}
	r.accepted = false
	r.ledger = r.want.Dissipate && r.ef != nil
	r.atEnd = r.tab.fsal && r.tab.e[r.end] != 0 || r.want.Dense || r.ef != nil && (r.want.Energy || r.caps.Draw == nil)
	if r.small != nil {
		r.small.eval = r.fn
		if r.ledger {
			r.small.eval = r.evalSlope
		}
	}
	return nil
}

// Init implements Integrator.
func (r *rungeKutta[T]) Init(s Start[T], tr *Trial) error {
	if err := r.ready(&s); err != nil {
		return err
	}
	*tr = noTrial()
	tr.Order, tr.NoErr = r.tab.controllerOrder(), len(r.e) == 0
	r.start(tr, s.X, s.T)
	if i := firstNonFinite(r.k[0]); i >= 0 {
		return fmt.Errorf("flow: f(t0, x0)[%d] is %v at t0 = %v, want a finite number: %w", i, r.k[0][i], s.T, ErrNonFinite)
	}
	tr.E0, tr.Slope0 = r.num[rkE0], r.num[rkSlope0]
	if s.Want.Error && !tr.NoErr && s.MaxStep > 0 {
		tr.H = firstStep(r.f, &s, tr.Order, r.k[0], r.k[r.end], r.tmp)
		tr.Evals++
		if math.IsNaN(tr.H) {
			return fmt.Errorf("flow: no finite value of f near the start point, t0 = %v: %w", s.T, ErrNonFinite)
		}
	}
	return nil
}

// start makes k[0] hold f(t, x).
func (r *rungeKutta[T]) start(tr *Trial, x []T, t float64) {
	if r.num[rkSwap] == 1 {
		r.swap()
		r.num[rkE0], r.num[rkSlope0] = r.num[rkE1], r.num[rkSlope1]
		r.num[rkSwap], r.num[rkHave0] = 0, 1
	}
	if r.num[rkHave0] == 1 {
		return
	}
	r.num[rkE0], r.num[rkSlope0] = r.eval(tr, r.k[0], x, t)
	r.num[rkHave0] = 1
}

// swap makes k[end] the next k[0].
func (r *rungeKutta[T]) swap() {
	if r.small == nil {
		r.k[0], r.k[r.end] = r.k[r.end], r.k[0]
		return
	}
	to, from := &r.small.k[0], &r.small.k[r.end]
	for j := range min(smallDim, len(r.k[0])) {
		to[j] = from[j]
	}
}

// eval stores f(t, x) in dst and returns energy and slope, NaN if there are none.
func (r *rungeKutta[T]) eval(tr *Trial, dst, x []T, t float64) (e, slope float64) {
	tr.Evals++
	if r.ef != nil {
		return r.ef.EvalEnergy(dst, x, t)
	}
	r.fn(dst, x, t)
	return math.NaN(), math.NaN()
}

// Try implements Integrator.
func (r *rungeKutta[T]) Try(tr *Trial, next, x []T, t, h float64) {
	tr.Evals = int(r.num[rkOwed])
	r.num[rkOwed] = 0
	if r.num[rkHave0] == 0 {
		r.start(tr, x, t)
	}
	r.accepted, r.extra = false, false
	r.x0, r.next, r.t0, r.h = x, next, t, h
	r.stage, r.num[rkHave1] = 1, 0
	tr.Evals += r.end - 1
	tr.Finite = true
	if r.small != nil {
		r.small.stages(next, x, t, h)
	} else {
		r.stages(next, x, t, h)
	}
	if r.atEnd {
		r.finish(tr, t+h)
	}
	if r.ef != nil {
		r.energies(tr, h)
	}
	if len(r.e) > 0 {
		r.errorEstimate(tr, h, x, next)
	}
}

// energies tells the Trial what is known of the energy.
func (r *rungeKutta[T]) energies(tr *Trial, h float64) {
	if r.num[rkHave1] == 0 {
		r.num[rkE1], r.num[rkSlope1] = math.NaN(), math.NaN()
	} else {
		tr.Finite = finite(r.num[rkE1])
	}
	tr.E0, tr.Slope0 = r.num[rkE0], r.num[rkSlope0]
	tr.E1, tr.Slope1 = r.num[rkE1], r.num[rkSlope1]
	if r.ledger {
		tr.Dissipated = r.dissipated(h)
	}
}

// stages computes the stages 1 to end-1 and the result.
func (r *rungeKutta[T]) stages(next, x []T, t, h float64) {
	hT := T(h)
	for i := 1; i < r.end; i++ {
		kernel.LincombTo(r.tmp, x, hT, r.a[i], r.k[:i])
		if r.ledger {
			r.evalSlope(r.k[i], r.tmp, t+r.tab.c[i]*h)
		} else {
			r.fn(r.k[i], r.tmp, t+r.tab.c[i]*h)
		}
	}
	kernel.LincombTo(next, x, hT, r.b[:r.end], r.k[:r.end])
}

// evalSlope stores f(t, x) in dst and keeps dE/dt of the stage.
func (r *rungeKutta[T]) evalSlope(dst, x []T, t float64) {
	_, r.slopes[r.stage] = r.ef.EvalEnergy(dst, x, t)
	r.stage++
}

// errorEstimate sets Err to ‖h Σ e_i k_i‖_sc, and for two estimates s and s3 of
// orders 5 and 3 to that of Hairer, Nørsett and Wanner, s²/sqrt(s² + s3²/100).
func (r *rungeKutta[T]) errorEstimate(tr *Trial, h float64, x, y []T) {
	if r.small != nil && r.tol.AbsVec == nil {
		q := r.small.errorSumSq(&r.tol, h, &r.small.e, len(r.e), x, y)
		if len(r.e3) == 0 || q == 0 {
			tr.sq, tr.Err = q, math.Sqrt(q)
			return
		}
		q3 := r.small.errorSumSq(&r.tol, h, &r.small.e3, len(r.e3), x, y)
		tr.Err = q / math.Sqrt(q+0.01*q3)
		return
	}
	s := errorNorm(&r.tol, h, r.e, r.k[:len(r.e)], r.tmp, x, y)
	if len(r.e3) > 0 && s != 0 {
		s3 := errorNorm(&r.tol, h, r.e3, r.k[:len(r.e3)], r.tmp, x, y)
		s *= s / math.Sqrt(s*s+0.01*s3*s3)
	}
	tr.Err = s
}

// finish makes k[end] hold f at the proposal.
func (r *rungeKutta[T]) finish(tr *Trial, t float64) {
	r.num[rkHave1] = 1
	if r.ef != nil {
		r.num[rkE1], r.num[rkSlope1] = r.eval(tr, r.k[r.end], r.next, t)
		return
	}
	tr.Evals++
	r.fn(r.k[r.end], r.next, t)
}

// dissipated is -∫ dE/dt by the weights of the method: -h Σ b_i slope_i.
func (r *rungeKutta[T]) dissipated(h float64) float64 {
	r.slopes[0] = r.num[rkSlope0]
	if r.tab.fsal {
		r.slopes[r.end] = r.num[rkSlope1]
	}
	var z float64
	for i, b := range r.tab.b {
		if b != 0 {
			z -= h * b * r.slopes[i]
		}
	}
	return z
}

// Accept implements Integrator.
func (r *rungeKutta[T]) Accept() {
	r.accepted = true
	r.num[rkHave0] = 0
	if r.num[rkHave1] == 1 {
		r.num[rkSwap] = 1
	}
}

// Touch implements Integrator.
func (r *rungeKutta[T]) Touch() { r.num[rkHave0], r.num[rkSwap] = 0, 0 }

// Draw implements Drawer: a new mini-batch makes the remembered derivative void.
func (r *rungeKutta[T]) Draw(step uint64) {
	if r.caps.Draw != nil {
		r.caps.Draw(step)
		r.Touch()
	}
}

// Deriv implements Deriver.
func (r *rungeKutta[T]) Deriv() []T {
	switch {
	case r.num[rkSwap] == 1:
		return r.k[r.end]
	case r.num[rkHave0] == 1:
		return r.k[0]
	}
	return nil
}

// DenseDegree implements Interpolator.
func (r *rungeKutta[T]) DenseDegree() int { return len(r.p[0]) }

// At implements Interpolator.
func (r *rungeKutta[T]) At(dst []T, theta float64) {
	if r.num[rkHave1] == 0 {
		// The Hermite polynomial needs f at the end of the step, which is the
		// first stage of the next one: it is only evaluated earlier.
		var tr Trial
		r.finish(&tr, r.t0+r.h)
		r.num[rkOwed] += float64(tr.Evals)
		if r.accepted && r.caps.Draw == nil {
			r.num[rkSwap] = 1
		}
	}
	r.extraStages()
	for i, row := range r.p {
		var s float64
		for j := len(row) - 1; j >= 0; j-- {
			s = (s + row[j]) * theta
		}
		r.weights[i] = T(s)
	}
	kernel.LincombTo(dst, r.x0, T(r.h), r.weights[:len(r.p)], r.k[:len(r.p)])
}

// extraStages evaluates the stages for dense output.
func (r *rungeKutta[T]) extraStages() {
	if r.extra {
		return
	}
	for i := r.end + 1; i < len(r.a); i++ {
		kernel.LincombTo(r.tmp, r.x0, T(r.h), r.a[i], r.k[:i])
		r.f.Eval(r.k[i], r.tmp, r.t0+r.tab.c[i]*r.h)
		r.num[rkOwed]++
	}
	r.extra = true
}

// Memory implements Memory.
func (r *rungeKutta[T]) Memory() (vec [][]T, num []float64) {
	r.mem[0], r.mem[1] = r.k[0], r.k[r.end]
	return r.mem[:], r.num[:]
}
