package deq

import "errors"

// Errors that errors.Is finds in what this package returns. Divergence of a run is
// a status, not an error.
var (
	// ErrArgument is an argument outside its domain.
	ErrArgument = errors.New("invalid argument")
	// ErrShape is a slice or matrix whose size does not fit the others.
	ErrShape = errors.New("shapes do not fit")
	// ErrEmpty is a data set without samples: means over it do not exist.
	ErrEmpty = errors.New("no data")
	// ErrNotFinite is a NaN or an infinity in data or parameters.
	ErrNotFinite = errors.New("value is not finite")
	// ErrSingular is a matrix I - A (or a layer's Jacobian) that is singular to
	// working precision, so that there is no equilibrium.
	ErrSingular = errors.New("matrix is singular")
	// ErrIllPosed is a model whose equilibrium need not exist or be unique.
	ErrIllPosed = errors.New("equilibrium need not be unique")
)
