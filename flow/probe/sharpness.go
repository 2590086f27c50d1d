package probe

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
)

// Sharpness is a flow.Recorder that follows the largest Hessian eigenvalue, the
// sharpness, and the smallest if it was asked for, along a run: with gradient
// descent of learning rate h, λ_max rises to the edge of stability 2/h and stays
// there (Cohen et al., arXiv 2103.00065).
type Sharpness[T flow.Float] struct {
	// Every is the number of accepted steps from one row to the next. If it is
	// zero, it is 1.
	Every int

	K      []int     // step numbers
	T      []float64 // times
	H      []float64 // sizes of the steps that led there, 0 at the start
	Top    []float64 // λ_max
	Bottom []float64 // λ_min; empty unless SpectrumOptions.Bottom asked for it
	// Unconverged counts the rows whose eigenvalues are not within the tolerance.
	Unconverged int
	Products    int // number of products H v so far

	spectrum *Spectrum[T]
	bottom   bool
}

// NewSharpness returns a Sharpness of the energy e; o is as for NewSpectrum. The
// error wraps flow.ErrArgument.
func NewSharpness[T flow.Float](e flow.Energy[T], o SpectrumOptions) (*Sharpness[T], error) {
	if o.Top == 0 {
		o.Top = 1
	}
	s, err := NewSpectrum(e, o)
	if err != nil {
		return nil, err
	}
	return &Sharpness[T]{spectrum: s, bottom: o.Bottom > 0}, nil
}

// Init implements flow.Recorder. What was recorded before is kept.
func (s *Sharpness[T]) Init(int) error {
	if s.Every < 0 {
		return badOption("Every of Sharpness", s.Every, "a number >= 0")
	}
	return nil
}

// Record implements flow.Recorder. Save times and events are left out. The error
// wraps flow.ErrNonFinite if the Hessian is not finite.
func (s *Sharpness[T]) Record(step *flow.Step[T]) error {
	if step.Kind != flow.AtStep && step.Kind != flow.AtStart || step.K%max(s.Every, 1) != 0 {
		return nil
	}
	e, err := s.spectrum.At(step.X)
	if err != nil {
		return fmt.Errorf("probe: sharpness at step %d: %w", step.K, err)
	}
	s.K, s.T, s.H = append(s.K, step.K), append(s.T, step.T), append(s.H, step.H)
	s.Top = append(s.Top, e.Sharpness())
	if s.bottom && len(e.Bottom) > 0 {
		s.Bottom = append(s.Bottom, e.Bottom[0].Value)
	}
	if !e.Converged {
		s.Unconverged++
	}
	s.Products += e.Products
	return nil
}

var _ flow.Recorder[float64] = (*Sharpness[float64])(nil)
