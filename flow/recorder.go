package flow

import "fmt"

// Recorder is shown a run while it goes. Init is called once, before the start
// point is shown; Record for the start, every accepted step, save time and
// event. The Step is valid during the call. An error ends the run with the
// status RecorderError.
type Recorder[T Float] interface {
	Init(dim int) error
	Record(s *Step[T]) error
}

// RecorderFunc makes a Recorder of a plain function.
func RecorderFunc[T Float](record func(s *Step[T]) error) Recorder[T] {
	return recorderFunc[T](record)
}

type recorderFunc[T Float] func(s *Step[T]) error

func (recorderFunc[T]) Init(int) error            { return nil }
func (f recorderFunc[T]) Record(s *Step[T]) error { return f(s) }

// Columns is a Recorder that keeps a run in memory, one row a recorded step.
type Columns[T Float] struct {
	// Every keeps the start and every so many accepted steps. If it is zero,
	// it keeps all.
	Every int
	// NoState leaves out X.
	NoState bool

	K      []int     // step numbers
	T      []float64 // times
	Energy []float64 // energies, NaN where not known
	X      [][]T     // copies of the states, unless NoState
}

// Init implements Recorder. What was recorded before is kept, so that a resumed
// run goes on where it was.
func (c *Columns[T]) Init(int) error {
	if c.Every < 0 {
		return fmt.Errorf("flow: Every of Columns is %d, want a number >= 0: %w", c.Every, ErrArgument)
	}
	return nil
}

// Record implements Recorder. Save times and events are left out.
func (c *Columns[T]) Record(s *Step[T]) error {
	if s.Kind != AtStep && s.Kind != AtStart || s.K%max(c.Every, 1) != 0 {
		return nil
	}
	c.K = append(c.K, s.K)
	c.T = append(c.T, s.T)
	c.Energy = append(c.Energy, s.Energy)
	if !c.NoState {
		c.X = append(c.X, append([]T(nil), s.X...))
	}
	return nil
}
