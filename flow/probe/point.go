package probe

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// checkPoint says whether x is a point at which the energy e can be looked at.
func checkPoint[T flow.Float](e flow.Energy[T], x []T) error {
	if e == nil {
		return fmt.Errorf("probe: e is nil, want an energy: %w", flow.ErrArgument)
	}
	if len(x) != e.Dim() {
		return fmt.Errorf("probe: len(x) is %d, want the dimension of the energy, %d: %w", len(x), e.Dim(), flow.ErrArgument)
	}
	if !kernel.AllFinite(x) {
		return fmt.Errorf("probe: x holds a NaN or an infinity: %w", flow.ErrNonFinite)
	}
	return nil
}

// badOption is the error of an option.
func badOption(name string, got any, want string) error {
	return fmt.Errorf("probe: %s is %v, want %s: %w", name, got, want, flow.ErrArgument)
}

// meanStdErr returns the mean of independent samples and its standard error, NaN
// for a single one.
func meanStdErr(v []float64) (mean, stdErr float64) {
	n := float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	if len(v) < 2 {
		return mean, math.NaN()
	}
	for _, x := range v {
		stdErr += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(stdErr / (n * (n - 1)))
}
