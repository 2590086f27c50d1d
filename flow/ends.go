package flow

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// ends is what the implicit and geometric one-step methods share: f at both ends
// of a step and the energy there, the cubic Hermite polynomial between them as
// dense output, and the memory that a checkpoint saves.
//
// f1 is evaluated at the proposal when the method, the energy or dense output
// asks for it; after an accepted step it becomes the next f0. The swap waits for
// the next Try, so that dense output stays valid.
type ends[T Float] struct {
	name string
	f    Field[T]
	ef   EnergyField[T] // f if it has an energy, else nil
	caps Caps[T]
	tol  Tol
	want Want

	f0, f1, tmp []T
	y           []T // the last proposal; the loop's own may be edited
	mid         [2][]T
	num         []float64
	vec         [][]T

	x0       []T // start of the last step
	t0, h    float64
	accepted bool
	lazy     bool // the method does not need f0
	known0   bool // f0 holds f at x0
	failures int  // attempts in a row that could not be computed
	failure  error
}

// The numbers of ends that a checkpoint saves; those of the method follow.
const (
	endHave0  = iota // f0 holds f at the current point
	endSwap          // f1 holds f at the current point, to become f0
	endHave1         // f1 holds f at the last proposal
	endE0            // energy at the start of the step
	endSlope0        // its slope
	endE1            // energy at the proposal
	endSlope1        // its slope
	endOwed          // evaluations made outside Try, to be counted by the next
	endNumbers
)

// newEnds returns ends with room for some numbers of the method's own.
func newEnds[T Float](f Field[T], name string, numbers int) ends[T] {
	e := ends[T]{name: name, f: f, caps: CapsOf[T](f), num: make([]float64, endNumbers+numbers)}
	e.ef, _ = f.(EnergyField[T])
	return e
}

// Name implements Namer.
func (e *ends[T]) Name() string { return e.name }

// Caps returns the capabilities of the field.
func (e *ends[T]) Caps() Caps[T] { return e.caps }

// ready takes the memory for a run, with the given number of vectors to save beside
// its own, and forgets the last one, without an evaluation.
func (e *ends[T]) ready(s *Start[T], vectors int) error {
	n := e.f.Dim()
	if n != len(s.X) {
		return fmt.Errorf("flow: start point has length %d, want the dimension of the field, %d: %w", len(s.X), n, ErrArgument)
	}
	if e.f0 == nil || len(e.f0) != n {
		v := arena[T](6+vectors, n)
		e.f0, e.f1, e.tmp, e.y = v[0], v[1], v[2], v[3]
		e.mid = [2][]T{v[4], v[5]}
		e.vec = append([][]T{e.f0, e.f1}, v[6:]...)
	}
	clear(e.num)
	e.tol, e.want = s.Tol, s.Want
	e.accepted, e.failures, e.failure = false, 0, nil
	return nil
}

// init is the common part of Init.
func (e *ends[T]) init(s *Start[T], tr *Trial, order int, noErr bool, vectors int) error {
	if err := e.ready(s, vectors); err != nil {
		return err
	}
	*tr = noTrial()
	tr.Order, tr.NoErr = order, noErr
	e.start(tr, s.X, s.T)
	if i := firstNonFinite(e.f0); i >= 0 {
		return fmt.Errorf("flow: f(t0, x0)[%d] is %v at t0 = %v, want a finite number: %w", i, e.f0[i], s.T, ErrNonFinite)
	}
	tr.E0, tr.Slope0 = e.num[endE0], e.num[endSlope0]
	if s.Want.Error && !noErr && s.MaxStep > 0 {
		tr.H = FirstStep(e.f, s, order, e.f0, e.f1, e.tmp)
		tr.Evals++
		if math.IsNaN(tr.H) {
			return fmt.Errorf("flow: no finite value of f near the start point, t0 = %v: %w", s.T, ErrNonFinite)
		}
	}
	return nil
}

// start makes f0 hold f(t, x).
func (e *ends[T]) start(tr *Trial, x []T, t float64) {
	if e.num[endSwap] == 1 {
		e.f0, e.f1 = e.f1, e.f0
		e.num[endE0], e.num[endSlope0] = e.num[endE1], e.num[endSlope1]
		e.num[endSwap], e.num[endHave0] = 0, 1
	}
	if e.num[endHave0] == 1 {
		return
	}
	e.num[endE0], e.num[endSlope0] = e.eval(tr, e.f0, x, t)
	e.num[endHave0] = 1
}

// eval stores f(t, x) in dst and returns energy and slope, NaN if there are none.
func (e *ends[T]) eval(tr *Trial, dst, x []T, t float64) (energy, slope float64) {
	tr.Evals++
	if e.ef != nil {
		return e.ef.EvalEnergy(dst, x, t)
	}
	e.f.Eval(dst, x, t)
	return math.NaN(), math.NaN()
}

// begin is the start of Try.
func (e *ends[T]) begin(tr *Trial, x []T, t, h float64) {
	tr.Evals = int(e.num[endOwed])
	tr.Jacobians, tr.Factorizations, tr.Solves, tr.Retry = 0, 0, 0, 0
	tr.Err, tr.Finite = math.NaN(), true
	e.num[endOwed] = 0
	if e.known0 = !e.lazy || e.num[endSwap] == 1 || e.num[endHave0] == 1; e.known0 {
		e.start(tr, x, t)
	} else {
		e.num[endE0], e.num[endSlope0] = math.NaN(), math.NaN()
	}
	e.accepted = false
	e.x0, e.t0, e.h = x, t, h
	e.num[endE1], e.num[endSlope1], e.num[endHave1] = math.NaN(), math.NaN(), 0
}

// complete is the end of Try, when next holds the proposal.
func (e *ends[T]) complete(tr *Trial, next []T) {
	e.failures = 0
	copy(e.y, next)
	if e.num[endHave1] == 0 && (e.want.Dense || e.ef != nil && (e.want.Energy || e.want.Dissipate || e.caps.Draw == nil)) {
		e.finish(tr)
	}
	tr.E0, tr.Slope0 = e.num[endE0], e.num[endSlope0]
	tr.E1, tr.Slope1 = e.num[endE1], e.num[endSlope1]
	tr.Finite = e.ef == nil || e.num[endHave1] == 0 || finite(tr.E1)
}

// dissipate accounts for the energy by Simpson's rule, with the slope at the middle
// of the dense output of the method.
func (e *ends[T]) dissipate(tr *Trial, dense Interpolator[T]) {
	if !e.want.Dissipate || e.ef == nil {
		return
	}
	dense.At(e.mid[0], 0.5)
	_, middle := e.eval(tr, e.mid[1], e.mid[0], e.t0+e.h/2)
	tr.Dissipated = -e.h / 6 * (tr.Slope0 + 4*middle + tr.Slope1)
}

// finish makes f1 hold f at the proposal y.
func (e *ends[T]) finish(tr *Trial) {
	e.num[endE1], e.num[endSlope1] = e.eval(tr, e.f1, e.y, e.t0+e.h)
	e.num[endHave1] = 1
}

const maxFailures = 10 // singular systems in a row that end a run

// fail ends a Try whose proposal could not be computed. An error-controlled run
// tries again with half the step, after ten singular systems in a row it gives
// up; another run gives up at once, since its step is not to be changed.
func (e *ends[T]) fail(tr *Trial, next, x []T, err error) {
	copy(next, x)
	tr.Finite, tr.Retry = false, 0.5
	if errors.Is(err, ErrSingular) {
		e.failures++
	}
	if e.failures >= maxFailures || !e.want.Error {
		e.failure = fmt.Errorf("flow: %s: %w", e.name, err)
	}
}

// Failure implements Failer.
func (e *ends[T]) Failure() error { return e.failure }

// Accept implements Integrator.
func (e *ends[T]) Accept() {
	e.accepted = true
	e.num[endHave0] = 0
	if e.num[endHave1] == 1 {
		e.num[endSwap] = 1
	}
}

// Touch implements Integrator.
func (e *ends[T]) Touch() { e.num[endHave0], e.num[endSwap] = 0, 0 }

// draw fixes the mini-batch, which makes the remembered derivative void. It
// reports whether there are mini-batches.
func (e *ends[T]) draw(step uint64) bool {
	if e.caps.Draw == nil {
		return false
	}
	e.caps.Draw(step)
	e.Touch()
	return true
}

// Draw implements Drawer.
func (e *ends[T]) Draw(step uint64) { e.draw(step) }

// Deriv implements Deriver.
func (e *ends[T]) Deriv() []T {
	switch {
	case e.num[endSwap] == 1:
		return e.f1
	case e.num[endHave0] == 1:
		return e.f0
	}
	return nil
}

// DenseDegree implements Interpolator.
func (e *ends[T]) DenseDegree() int { return 3 }

// At implements Interpolator:
//
//	x + (3θ²-2θ³)(y - x) + h[(θ-2θ²+θ³) f0 + (θ³-θ²) f1].
func (e *ends[T]) At(dst []T, theta float64) {
	if e.num[endHave1] == 0 {
		var tr Trial
		e.finish(&tr)
		e.num[endOwed] += float64(tr.Evals)
		if e.accepted && e.caps.Draw == nil {
			e.num[endSwap] = 1
		}
	}
	if !e.known0 {
		e.f.Eval(e.f0, e.x0, e.t0)
		e.num[endOwed]++
		e.known0 = true
	}
	e.hermite(dst, theta, e.f0, e.f1)
}

// hermite is At with the slopes f0 and f1.
func (e *ends[T]) hermite(dst []T, theta float64, f0, f1 []T) {
	s := theta * theta * (3 - 2*theta)
	kernel.AxpyTo(dst, T(e.h*theta*(1-theta)*(1-theta)), f0, e.x0)
	kernel.Axpy(T(e.h*theta*theta*(theta-1)), f1, dst)
	kernel.SubTo(e.tmp, e.y, e.x0)
	kernel.Axpy(T(s), e.tmp, dst)
}

// Memory implements Memory.
func (e *ends[T]) Memory() (vec [][]T, num []float64) {
	e.vec[0], e.vec[1] = e.f0, e.f1
	return e.vec, e.num
}
