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
	// ErrBackward is a backward solve that failed: there is no gradient.
	ErrBackward = errors.New("backward solve failed")
	// ErrNotConverged is a fixed point that was not found, where one is needed.
	ErrNotConverged = errors.New("fixed point not found")
	// ErrDiverged is a training run that lost its layer or its loss.
	ErrDiverged = errors.New("training diverged")
	// ErrPrecision is a tolerance that the number type cannot meet.
	ErrPrecision = errors.New("tolerance below precision")
)
