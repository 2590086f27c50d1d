package catapult

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/gradflow/gradflow/flow"
)

// DiagramSpec is the grid of a phase diagram: every run is a learning rate X[i], a
// width (or another parameter) Y[j] and a repetition k.
type DiagramSpec struct {
	// X are the learning rates: κ0 = ηλ0, or what the run makes of them.
	X []float64
	// Y are the widths, or what the run makes of them.
	Y []float64
	// Repeats is the number of random starts at each point. If it is zero, it
	// is 1.
	Repeats int
	// Seed is the seed of the random starts.
	Seed uint64
	// Workers is the number of runs at a time. If it is zero, it is GOMAXPROCS.
	// The result does not depend on it.
	Workers int
	// Progress is told how many of all runs are done, from one goroutine at a
	// time, unless it is nil.
	Progress func(done, total int)
}

func (s *DiagramSpec) check() error {
	for _, a := range []struct {
		name string
		v    []float64
	}{{"X", s.X}, {"Y", s.Y}} {
		if len(a.v) == 0 {
			return fmt.Errorf("catapult: %s is empty, want at least one value: %w", a.name, ErrEmpty)
		}
		for i, v := range a.v {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("catapult: %s[%d] = %v, want a finite number: %w", a.name, i, v, ErrNonFinite)
			}
		}
	}
	if s.Repeats < 0 || s.Workers < 0 {
		return fmt.Errorf("catapult: Repeats = %d, Workers = %d, want numbers > 0, or 0 for the defaults: %w", s.Repeats, s.Workers, ErrArgument)
	}
	if s.Repeats == 0 {
		s.Repeats = 1
	}
	return nil
}

// DiagramRun is one run of a phase diagram.
type DiagramRun struct {
	X, Y float64
	// Repeat is the number of the repetition, from 0.
	Repeat int
	// Seed and Member name the stream of the random start: the same for all
	// learning rates, so that a row of the diagram changes nothing else.
	Seed   uint64
	Member int
}

// Cell is what became of a DiagramRun.
type Cell struct {
	Phase Phase
	// Kappa is κ = ηλ at the end, NaN where it is not known.
	Kappa float64
	// Peak is the largest loss (s_max for the universal map), at step PeakStep.
	Peak     float64
	PeakStep int
	// Loss is the loss at the end.
	Loss float64
	// Steps is the number of steps made.
	Steps int
	// Value is for the run's own use, an accuracy for instance.
	Value float64
	// Done says that the run was made; it is set by PhaseDiagram.
	Done bool
}

// Diagram is a phase diagram.
type Diagram struct {
	X, Y    []float64
	Repeats int
	// Cells holds repetition k at (X[i], Y[j]) at index (j·len(X)+i)·Repeats+k.
	Cells []Cell
}

// At returns repetition k at (X[i], Y[j]).
func (d *Diagram) At(i, j, k int) *Cell { return &d.Cells[(j*len(d.X)+i)*d.Repeats+k] }

// Fraction returns the share of the runs made at (X[i], Y[j]) that are in a phase,
// NaN if none was made.
func (d *Diagram) Fraction(i, j int, p Phase) float64 {
	in, done := 0, 0
	for k := range d.Repeats {
		c := d.At(i, j, k)
		if c.Done {
			done++
		}
		if c.Done && c.Phase == p {
			in++
		}
	}
	return float64(in) / float64(done)
}

// First returns the first X of row j at which at least half of the runs are in a
// phase, NaN if there is none: with Divergent the measured threshold.
func (d *Diagram) First(j int, p Phase) float64 {
	for i, x := range d.X {
		if d.Fraction(i, j, p) >= 0.5 {
			return x
		}
	}
	return math.NaN()
}

// WriteCSV writes the runs made, one a line, with a header.
func (d *Diagram) WriteCSV(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "x,y,repeat,phase,kappa,peak,peak_step,loss,steps,value")
	for j, y := range d.Y {
		for i, x := range d.X {
			for k := range d.Repeats {
				if c := d.At(i, j, k); c.Done {
					fmt.Fprintf(b, "%v,%v,%d,%v,%v,%v,%d,%v,%d,%v\n", x, y, k, c.Phase, c.Kappa, c.Peak, c.PeakStep, c.Loss, c.Steps, c.Value)
				}
			}
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("catapult: phase diagram: %w", err)
	}
	return nil
}

// PhaseDiagram calls run for every point of the grid, on all cores, and returns
// the diagram. run makes its own model, since models hold scratch memory, and a
// random start from its Seed and Member alone; the result then does not
// depend on the number of workers. Any model will do: networks by Train, the
// solvable models by ReducedDiagram and MapDiagram.
//
// If ctx is cancelled or a run fails, the diagram so far (Cell.Done) is returned
// with the error. Errors of the specification wrap ErrArgument, ErrEmpty or
// ErrNonFinite.
func PhaseDiagram(ctx context.Context, s DiagramSpec, run func(ctx context.Context, p DiagramRun) (Cell, error)) (*Diagram, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	d := newDiagram(&s)
	p := progress{see: s.Progress, total: len(d.Cells)}
	err := flow.Ensemble(ctx, len(d.Cells), s.Workers, func(ctx context.Context, member int) error {
		k, point := member%s.Repeats, member/s.Repeats
		i, j := point%len(s.X), point/len(s.X)
		c, err := run(ctx, DiagramRun{X: s.X[i], Y: s.Y[j], Repeat: k, Seed: s.Seed, Member: j*s.Repeats + k})
		if err != nil {
			return fmt.Errorf("run at x = %v, y = %v, repetition %d: %w", s.X[i], s.Y[j], k, err)
		}
		c.Done = true
		*d.At(i, j, k) = c
		p.add(1)
		return nil
	})
	if err != nil {
		return d, fmt.Errorf("catapult: phase diagram: %w", err)
	}
	return d, nil
}

func newDiagram(s *DiagramSpec) *Diagram {
	return &Diagram{X: s.X, Y: s.Y, Repeats: s.Repeats, Cells: make([]Cell, len(s.X)*len(s.Y)*s.Repeats)}
}

// progress counts runs for a callback.
type progress struct {
	mu          sync.Mutex
	see         func(done, total int)
	done, total int
}

func (p *progress) add(n int) {
	if p.see == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.see(p.done, p.total)
}

// ReducedDiagram is the phase diagram of two-layer linear networks with random
// weights on the data of model, over κ0 = ηλ0 in X and the width in Y, which
// may be any number >= 1: each run draws its start with ReducedLinear.Sample and
// takes the learning rate X/λ0. On the data x = 1, y = 0 it is that of the warm-up
// model. Cell.Peak and Loss are losses.
func ReducedDiagram[T flow.Float](ctx context.Context, s DiagramSpec, model *ReducedLinear[T], o ReducedOptions[T]) (*Diagram, error) {
	return PhaseDiagram(ctx, s, func(ctx context.Context, p DiagramRun) (Cell, error) {
		m, err := model.At(p.Y, 1)
		if err != nil {
			return Cell{}, err
		}
		start := m.Sample(p.Seed, p.Member)
		lambda0 := m.NTKTop(start).Value
		if lambda0 == 0 {
			return Cell{}, fmt.Errorf("catapult: data are zero: %w", ErrZeroCurvature)
		}
		if m, err = model.At(p.Y, p.X/lambda0); err != nil {
			return Cell{}, err
		}
		r, err := m.Run(ctx, start, o)
		if err != nil {
			return Cell{}, err
		}
		return Cell{Phase: r.Phase, Kappa: r.Kappa, Peak: r.PeakLoss, PeakStep: r.PeakStep, Loss: r.Loss, Steps: r.Steps}, nil
	})
}

// MapDiagram is the phase diagram of the universal map, over κ0 in X and log10 s0
// in Y, each start run for at most the given number of steps (MapTrajectory): the
// straight lines 2 and 4, and between them the stripes of κ_∞, which depends on
// the phase of ln s0 modulo 2 ln(κ0-1). Cell.Peak is s_max and Loss is Σs. Starts
// that no parameters have, κ0² < 4 s0, are Undecided with Kappa NaN. Repeats and
// Seed are not used.
func MapDiagram(ctx context.Context, s DiagramSpec, steps int) (*Diagram, error) {
	s.Repeats = 0
	if err := s.check(); err != nil {
		return nil, err
	}
	if steps < 1 {
		return nil, fmt.Errorf("catapult: steps = %d, want at least 1: %w", steps, ErrArgument)
	}
	d := newDiagram(&s)
	p := progress{see: s.Progress, total: len(d.Cells)}
	err := flow.Ensemble(ctx, len(s.Y), s.Workers, func(_ context.Context, j int) error {
		starts, results := make([]MapPoint, len(s.X)), make([]MapResult, len(s.X))
		s0 := math.Pow(10, s.Y[j])
		for i, kappa0 := range s.X {
			starts[i] = MapPoint{kappa0, s0}
		}
		MapTrajectories(results, starts, steps)
		for i, r := range results {
			*d.At(i, j, 0) = Cell{Phase: r.Phase, Kappa: r.KappaInf, Peak: r.SMax, PeakStep: r.TPeak, Loss: r.SumS, Steps: r.Steps, Done: true}
		}
		p.add(len(s.X))
		return nil
	})
	if err != nil {
		return d, fmt.Errorf("catapult: phase diagram: %w", err)
	}
	return d, nil
}
