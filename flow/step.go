package flow

import (
	"fmt"
	"math"
)

// Kind says what a Step shows.
type Kind int

// Kinds of a Step.
const (
	AtStep  Kind = iota // the end of an accepted step
	AtStart             // the start of the run
	AtSave              // a time of Options.SaveAt, inside the step
	AtEvent             // an event, before its handler changes anything
)

var kindNames = [...]string{"step", "start", "save", "event"}

// String returns step, start, save or event.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// Step is a view of a run after an accepted step. It is valid until the run goes
// on: who keeps X copies it.
type Step[T Float] struct {
	K    int     // number of accepted steps so far
	Kind Kind    // what is shown
	T    float64 // time
	H    float64 // size of the step just made, 0 at the start
	Err  float64 // its scaled local error, NaN if there is no estimate
	X    []T     // state
	// Energy is E(x) and Slope is dE/dt, NaN where they are not known: the
	// system has no energy, or this is a point inside a step.
	Energy, Slope float64
	// F is f(t, x) if the integrator knows it at the end of the step, else nil.
	F      []T
	Status Status // how the run ended, Running before its last step
	Stats  Stats  // work so far
	trial  *Trial
	run    *Run[T]
}

// At stores in dst the state at time t, inside the last accepted step, by the
// dense output of the integrator.
func (s *Step[T]) At(dst []T, t float64) error {
	r := s.run
	if r.dense == nil {
		return fmt.Errorf("flow: %s has no dense output: %w", nameOf(r.it), ErrArgument)
	}
	if len(dst) != len(r.x) {
		return fmt.Errorf("flow: len(dst) is %d, want the length of the state, %d: %w", len(dst), len(r.x), ErrArgument)
	}
	if s.K == 0 || s.H == 0 || r.dir*(t-r.tPrev) < 0 || r.dir*(r.t-t) < 0 {
		return fmt.Errorf("flow: t is %v, want a time inside the last step, from %v to %v: %w", t, r.tPrev, r.t, ErrArgument)
	}
	r.at(dst, t)
	return nil
}

// Curvature returns the largest Hessian eigenvalue that the integrator computes
// on request, NaN if it has none.
func (s *Step[T]) Curvature() float64 {
	if s.trial.Curvature == nil {
		return math.NaN()
	}
	return s.trial.Curvature()
}
