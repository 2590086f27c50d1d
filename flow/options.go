package flow

import (
	"fmt"
	"math"
)

// Options says how a run is to be made. The zero value is a run without end at
// relative tolerance 1e-6; every field's zero value means its documented default.
type Options[T Float] struct {
	// Method advances a Field in Steps and Solve. If it is nil, it is Auto,
	// which is Tsit5 until stiffness shows, and without error control for good.
	// New takes an Integrator and ignores it.
	Method Method
	// Controller decides the step size. If it is nil, it is PI for an
	// integrator with an error estimate and Fixed with the integrator's own
	// step for one that has one (MapFunc). Others need a controller.
	Controller Controller

	// T0 is the start time.
	T0 float64
	// T1 is the end time, hit exactly; before T0 the run goes backward. If it
	// is zero, the run has no end in time, unless ToZero is set.
	T1 float64
	// ToZero says that a T1 of zero is meant as the end time.
	ToZero bool

	// RelTol is the relative tolerance. If it is zero, it is 1e-6. Below 10
	// times the rounding unit of T it is raised to that (see Run.RelTol).
	RelTol float64
	// AbsTol is the absolute tolerance. If it is zero, it is 1e-9.
	AbsTol float64
	// AbsTolVec is the absolute tolerance by component, instead of AbsTol,
	// unless it is nil.
	AbsTolVec []float64

	// InitStep is the first step size. If it is zero, the controller finds it.
	InitStep float64
	// MinStep is the smallest step size of error-controlled runs. If it is
	// zero, it is 16 rounding units of max(|t|, |T1|).
	MinStep float64
	// MaxStep is the largest step size. If it is zero, there is none.
	MaxStep float64
	// MaxSteps limits the number of accepted steps. If it is zero, it is 1e6,
	// and reaching it is an error that wraps ErrStepLimit; a limit that was set
	// is no error when reached.
	MaxSteps int
	// Bound is the ‖x‖∞ above which the run ends as Diverged. If it is zero, it
	// is 1e12; +Inf switches it off.
	Bound float64

	// TStops are times that must be ends of steps (discontinuities of f), in
	// the order in which they come.
	TStops []float64
	// SaveAt are times at which Solve keeps the state, by dense output, in the
	// order in which they come.
	SaveAt []float64
	// Dense keeps what Solution.At needs for every time of the run.
	Dense bool
	// Energy makes Step.Energy known after every step, even where that costs an
	// evaluation (Nesterov's method, mini-batches); the system must have one.
	Energy bool
	// Ledger makes the integrator account for the dissipated energy
	// (Solution.Ledger); the field must have an energy.
	Ledger bool

	// Events are functions of the state whose roots are found.
	Events []Event[T]
	// Jump changes the state between steps, unless it is nil.
	Jump Jump[T]
	// Recorder is shown the start, every accepted step, the save times and the
	// events, unless it is nil.
	Recorder Recorder[T]
	// Stop holds stop rules, asked after every accepted step. The first that
	// answers with something else than Running ends the run with that status.
	Stop []Stop[T]
}

// Stop is a stop rule: it returns Running to go on, or the status with which the
// run is to end, as a rule Converged or Stationary.
type Stop[T Float] func(s *Step[T]) Status

// Jump changes the state between steps: births and deaths, projections,
// impulses. Limit returns the largest step size, at most h, that may be taken
// from x at time t. Apply may change x after the accepted step number step (from
// 1), whose size was h; it says whether it did. Random jumps take their numbers
// from the stream of that step, so that a resumed run repeats them.
type Jump[T Float] interface {
	Limit(x []T, t, h float64) float64
	Apply(x []T, t, h float64, step uint64) (changed bool, err error)
}

const (
	defaultRelTol   = 1e-6
	defaultAbsTol   = 1e-9
	defaultMaxSteps = 1_000_000
	defaultBound    = 1e12
)

// check returns the first thing that is wrong with the options, for a state of
// dimension n.
func (o *Options[T]) check(n int) error {
	bad := func(name string, got any, want string) error {
		return fmt.Errorf("flow: %s is %v, want %s: %w", name, got, want, ErrArgument)
	}
	type value struct {
		name string
		v    float64
	}
	for _, a := range []value{{"T0", o.T0}, {"T1", o.T1}} {
		if !finite(a.v) {
			return bad(a.name, a.v, "a finite number")
		}
	}
	for _, a := range []value{{"RelTol", o.RelTol}, {"AbsTol", o.AbsTol}, {"InitStep", o.InitStep}, {"MinStep", o.MinStep}} {
		if !(a.v >= 0) || math.IsInf(a.v, 1) {
			return bad(a.name, a.v, "a finite number > 0, or 0 for the default")
		}
	}
	for _, a := range []value{{"MaxStep", o.MaxStep}, {"Bound", o.Bound}} {
		if !(a.v >= 0) {
			return bad(a.name, a.v, "a number > 0, or 0 for the default")
		}
	}
	if o.MaxSteps < 0 {
		return bad("MaxSteps", o.MaxSteps, "a number > 0, or 0 for the default")
	}
	if o.T1 != 0 && o.ToZero {
		return bad("T1", o.T1, "0, since ToZero is set")
	}
	if o.AbsTolVec != nil {
		if len(o.AbsTolVec) != n {
			return bad("len(AbsTolVec)", len(o.AbsTolVec), fmt.Sprintf("the length of the state, %d", n))
		}
		for i, v := range o.AbsTolVec {
			if !(v > 0) || math.IsInf(v, 1) {
				return bad(fmt.Sprintf("AbsTolVec[%d]", i), v, "a finite number > 0")
			}
		}
	}
	if err := o.checkTimes("TStops", o.TStops); err != nil {
		return err
	}
	if err := o.checkTimes("SaveAt", o.SaveAt); err != nil {
		return err
	}
	for i, e := range o.Events {
		if e.G == nil {
			return bad(fmt.Sprintf("Events[%d].G", i), "nil", "a function")
		}
		if e.Direction < Any || e.Direction > Falling {
			return bad(fmt.Sprintf("Events[%d].Direction", i), int(e.Direction), "Any, Rising or Falling")
		}
		if e.Samples < 0 {
			return bad(fmt.Sprintf("Events[%d].Samples", i), e.Samples, "a number >= 0")
		}
	}
	for i, s := range o.Stop {
		if s == nil {
			return bad(fmt.Sprintf("Stop[%d]", i), "nil", "a stop rule")
		}
	}
	return nil
}

// checkTimes says whether the times are finite, in the order in which the run
// meets them, and inside its span.
func (o *Options[T]) checkTimes(name string, times []float64) error {
	dir, last := o.dir(), o.T0
	for i, t := range times {
		outside := o.bounded() && dir*(o.T1-t) < 0
		if !finite(t) || dir*(t-last) < 0 || outside {
			return fmt.Errorf("flow: %s[%d] is %v, want finite times between T0 = %v and T1 = %v in the order of the run: %w",
				name, i, t, o.T0, o.T1, ErrArgument)
		}
		last = t
	}
	return nil
}

// bounded says whether the run has an end in time.
func (o *Options[T]) bounded() bool { return o.T1 != 0 || o.ToZero }

// dir is the direction of time.
func (o *Options[T]) dir() float64 {
	if o.bounded() && o.T1 < o.T0 {
		return -1
	}
	return 1
}
