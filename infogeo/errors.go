package infogeo

import (
	"errors"
	"fmt"
)

// Errors that errors.Is finds in what this package returns.
var (
	// ErrInvalid is an argument outside its domain: a probability that is negative
	// or not finite, probabilities that do not sum to 1, a step size <= 0.
	ErrInvalid = errors.New("invalid argument")
	// ErrShape is a slice or matrix whose size does not fit the others.
	ErrShape = errors.New("shapes do not fit")
	// ErrBoundary is a distribution on the boundary of its family: a probability
	// of zero has no finite natural parameter.
	ErrBoundary = errors.New("distribution on the boundary")
	// ErrLeftDomain is an iterate outside the domain of its coordinates. The
	// concrete error is a *LeftDomainError.
	ErrLeftDomain = errors.New("iterate left the domain")
	// ErrDiverged is an iteration whose loss rose tenfold or stopped being finite.
	// The concrete error is a *DivergedError.
	ErrDiverged = errors.New("iteration diverged")
	// ErrSingularFisher is a Fisher matrix that is singular to working precision
	// where it has to be inverted. Damping > 0 avoids it.
	ErrSingularFisher = errors.New("Fisher matrix is singular")
	// ErrNoFiniteMLE is a maximum-likelihood estimate at infinity: the mean of the
	// data lies on the boundary of the mean domain.
	ErrNoFiniteMLE = errors.New("no finite maximum-likelihood estimate")
	// ErrOutsideMeanDomain is an expectation parameter that no member of the
	// family has.
	ErrOutsideMeanDomain = errors.New("outside the mean domain")
	// ErrOutsideNaturalDomain is a natural parameter with an infinite log-partition
	// function.
	ErrOutsideNaturalDomain = errors.New("outside the natural domain")
	// ErrNotPositiveDefinite is a matrix that has to be symmetric positive definite
	// and is not.
	ErrNotPositiveDefinite = errors.New("matrix is not positive definite")
	// ErrBreakdown is a conjugate-gradient iteration that met a direction of
	// curvature <= 0.
	ErrBreakdown = errors.New("conjugate gradients broke down")
	// ErrNoConvergence is an iteration that reached its limit before its tolerance.
	ErrNoConvergence = errors.New("iteration did not converge")
)

// LeftDomainError says where an iterate left the domain of its coordinates. It
// wraps ErrLeftDomain.
type LeftDomainError struct {
	Step  int     // number of the step that left, from 0
	Index int     // component that left; of a distribution, the state
	Value float64 // its value
}

// Error implements error.
func (e *LeftDomainError) Error() string {
	return fmt.Sprintf("infogeo: step %d: component %d = %v, want > 0: %v", e.Step, e.Index, e.Value, ErrLeftDomain)
}

// Unwrap returns ErrLeftDomain.
func (e *LeftDomainError) Unwrap() error { return ErrLeftDomain }

// DivergedError says where an iteration diverged. It wraps ErrDiverged.
type DivergedError struct {
	Step      int       // number of the step that diverged, from 0
	Loss      float64   // the loss before the step
	Next      float64   // the loss after it, possibly NaN or +Inf
	LastState []float64 // the last finite state, before the step
}

// Error implements error.
func (e *DivergedError) Error() string {
	return fmt.Sprintf("infogeo: step %d: loss %v after %v: %v", e.Step, e.Next, e.Loss, ErrDiverged)
}

// Unwrap returns ErrDiverged.
func (e *DivergedError) Unwrap() error { return ErrDiverged }
