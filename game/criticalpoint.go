package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// CriticalOptions steers FindCritical.
type CriticalOptions struct {
	// Tol is the |ξ| at which a point counts as critical. If it is zero, it is 1e-12
	// times 1 + |ξ| at the start.
	Tol float64
	// MaxSteps is the number of Newton steps. If it is zero, it is 100.
	MaxSteps int
}

// NotConverged is the error of an iteration that did not get to its tolerance. It wraps
// ErrNotConverged and the cause, if there is one.
type NotConverged struct {
	X        []float64 // last iterate
	Residual float64   // |ξ| there
	Steps    int       // steps made
	Cause    error
}

// Error implements error.
func (e *NotConverged) Error() string {
	s := fmt.Sprintf("game: Newton's method stopped after %d steps at x = %v with |ξ| = %.3g: %v", e.Steps, e.X, e.Residual, ErrNotConverged)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap makes errors.Is find ErrNotConverged and the cause.
func (e *NotConverged) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrNotConverged}
	}
	return []error{ErrNotConverged, e.Cause}
}

// FindCritical looks for a critical point, ξ(x) = 0, by Newton's method from x0, damped
// so that |ξ| falls (steps to points where the game fails are shortened too). Whether the
// point is a Nash equilibrium is another question; for quadratic games with convex own
// problems it is.
//
// If the method does not converge the last iterate is returned with an error of type
// *NotConverged. Other errors: ErrArgument, ErrShape, ErrNotFinite.
func FindCritical(g Game, x0 []float64, o CriticalOptions) ([]float64, error) {
	switch {
	case g == nil:
		return nil, fmt.Errorf("game: FindCritical: game = nil, want a game: %w", ErrArgument)
	case !(o.Tol >= 0) || math.IsInf(o.Tol, 1):
		return nil, fmt.Errorf("game: FindCritical: Tol = %v, want a finite number > 0, or 0 for the default: %w", o.Tol, ErrArgument)
	case o.MaxSteps < 0:
		return nil, fmt.Errorf("game: FindCritical: MaxSteps = %d, want a number > 0, or 0 for the default: %w", o.MaxSteps, ErrArgument)
	}
	n := Dim(g)
	if err := checkPoint("x0", x0, n); err != nil {
		return nil, err
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = 100
	}
	p := newJet(g, needs{jacobian: true})
	x, y, d := append([]float64(nil), x0...), make([]float64, n), make([]float64, n)
	p.x = x
	p.field()
	size := kernel.Nrm2(p.xi)
	if err := p.failure(); err != nil || !(size < math.Inf(1)) {
		return x, &NotConverged{X: x, Residual: size, Cause: err}
	}
	if o.Tol == 0 {
		o.Tol = 1e-12 * (1 + size)
	}
	for k := 0; size > o.Tol; k++ {
		if k == o.MaxSteps {
			return x, &NotConverged{X: x, Residual: size, Steps: k}
		}
		p.x = x
		if err := (Newton{}).direction(d, p); err != nil {
			return x, &NotConverged{X: x, Residual: size, Steps: k, Cause: err}
		}
		smaller := p.shorten(y, x, d, size)
		if !(smaller < size) {
			return x, &NotConverged{X: x, Residual: size, Steps: k}
		}
		x, y, size = y, x, smaller
	}
	return x, nil
}

// shorten stores the first of x - d, x - d/2, x - d/4, ... with |ξ| below size in y and
// returns that |ξ|, +Inf if there is none.
func (p *jet) shorten(y, x, d []float64, size float64) float64 {
	p.x = y
	for a := 1.0; a > 1e-12; a /= 2 {
		kernel.AxpyTo(y, -a, d, x)
		p.field()
		if s := kernel.Nrm2(p.xi); s < size && p.failure() == nil {
			return s
		}
	}
	return math.Inf(1)
}
