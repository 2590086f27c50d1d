package flow

import (
	"errors"
	"fmt"
)

// Status says how a run ended, or that it has not.
type Status int

// Statuses of a run.
const (
	Running       Status = iota // not ended
	Done                        // the end of the time span was reached
	EventStop                   // a terminal event happened
	Stationary                  // the state has stopped moving
	Converged                   // a stop rule's target was reached
	Diverged                    // the run left every bound, or its controller gave up; a result, not an error
	StepLimit                   // Options.MaxSteps steps were made
	StepUnderflow               // the step size fell below its minimum
	Cancelled                   // the context was cancelled
	NonFinite                   // the field stayed non-finite however short the step
	FieldError                  // the field reported an error
	RecorderError               // the recorder reported an error
	Failed                      // an event, jump or integrator failed
)

var statusNames = [...]string{
	"Running", "Done", "EventStop", "Stationary", "Converged", "Diverged", "StepLimit",
	"StepUnderflow", "Cancelled", "NonFinite", "FieldError", "RecorderError", "Failed",
}

// String returns the name of the status.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("Status(%d)", int(s))
	}
	return statusNames[s]
}

// Errors that errors.Is finds in what this package returns.
var (
	ErrArgument      = errors.New("invalid argument")
	ErrNonFinite     = errors.New("value is not finite")
	ErrStepUnderflow = errors.New("step size too small")
	ErrStepLimit     = errors.New("step limit reached")
	ErrEvent         = errors.New("event function failed")
	ErrCheckpoint    = errors.New("checkpoint does not fit")
	ErrSingular      = errors.New("linear system is singular")
	ErrNoConvergence = errors.New("iteration did not converge")
)

// Stats counts the work of a run.
type Stats struct {
	Accepted int // accepted steps
	Rejected int // rejected attempts
	Evals    int // evaluations of the field, or of the energy with its gradient
	Events   int // event handlings
	// Work of implicit methods: Jacobian matrices evaluated (or points of
	// linearisation, without a matrix), factorizations, linear systems solved.
	Jacobians, Factorizations, Solves int
}

// add counts the work of an attempt, or of Init.
func (s *Stats) add(tr *Trial) {
	s.Evals += tr.Evals
	s.Jacobians += tr.Jacobians
	s.Factorizations += tr.Factorizations
	s.Solves += tr.Solves
}
