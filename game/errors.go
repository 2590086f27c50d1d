package game

import "errors"

// Errors that errors.Is finds in what this package returns. Divergence of a run is
// an outcome, not an error.
var (
	// ErrArgument is an argument outside its domain.
	ErrArgument = errors.New("invalid argument")
	// ErrShape is a slice, matrix or tensor whose size does not fit the others.
	ErrShape = errors.New("shapes do not fit")
	// ErrNotFinite is a NaN or an infinity in losses, payoffs or a point.
	ErrNotFinite = errors.New("value is not finite")
	// ErrTooLarge is a game with more profiles or terms than can be indexed.
	ErrTooLarge = errors.New("game too large")
	// ErrSyntax is a text that is not a polynomial or a game.
	ErrSyntax = errors.New("syntax error")
	// ErrWeight is a weight for which the decomposition asked for does not exist.
	ErrWeight = errors.New("weight does not fit the decomposition")
	// ErrSingular is a matrix that is singular to working precision.
	ErrSingular = errors.New("matrix is singular")
	// ErrNotConverged is an iteration (Newton's method, roots) without result.
	ErrNotConverged = errors.New("iteration did not converge")
	// ErrMissing is a capability that the game asked about does not have.
	ErrMissing = errors.New("the game does not offer this")
)
