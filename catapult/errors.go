package catapult

import "errors"

// Errors that errors.Is finds in what this package returns. Divergence is a
// result (Divergent), not an error.
var (
	// ErrArgument is an argument outside its domain: a learning rate ≤ 0, a width
	// < 1, a start that no parameters can realise.
	ErrArgument = errors.New("invalid argument")
	// ErrShape is a slice or matrix whose size does not fit the others.
	ErrShape = errors.New("shapes do not fit")
	// ErrEmpty is a data set or batch without samples.
	ErrEmpty = errors.New("no data")
	// ErrNonFinite is a NaN or an infinity in data, parameters or state.
	ErrNonFinite = errors.New("value is not finite")
	// ErrZeroCurvature is a model whose initial curvature λ0 is zero (zero data,
	// zero weights, every ReLU inactive): learning rates have no scale 1/λ0.
	ErrZeroCurvature = errors.New("initial curvature is zero")
)
