package game

import (
	"context"
	"fmt"
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
)

// SweepOptions steers Sweep.
type SweepOptions struct {
	// Lanes is the number of states that one worker advances together. If it is zero, it
	// is 256.
	Lanes int
	// Workers is the number of goroutines. If it is zero, it is GOMAXPROCS.
	Workers int
	// RMax is the max|x_k| beyond which a state is left where it is. If it is zero, it
	// is 1e8.
	RMax float64
}

// Sweep advances many states by the same method, steps times with step size h, in
// place. The states lie coordinate by coordinate: coordinate k of state b is
// x[k*states+b]. Pieces of Lanes states are one flow of dimension n·Lanes each,
// x' = -ξ(x) for every state, to which method is applied: descent.GD[T],
// descent.Extragradient[T], or a function that returns flow.ODE(f, flow.RK4), say; with
// constant steps all states go on independently of one another. field makes the batched
// field, one for each piece (see Batched).
//
// left[b] is the step in which state b left the bound, or its field stopped being
// finite, and after which it was left alone; 0 if it did not.
//
// Errors: ErrArgument, ErrShape, and what ctx says.
func Sweep[T flow.Float](ctx context.Context, field func() BatchField[T], method func(flow.Field[T]) flow.Integrator[T], x []T, states, steps int, h float64, o SweepOptions) (left []int, err error) {
	switch {
	case field == nil || method == nil:
		return nil, fmt.Errorf("game: Sweep: field given: %t, method given: %t, want both: %w", field != nil, method != nil, ErrArgument)
	case states < 0 || steps < 0:
		return nil, fmt.Errorf("game: Sweep: %d states, %d steps, want numbers >= 0: %w", states, steps, ErrArgument)
	case !(h > 0) || math.IsInf(h, 1):
		return nil, fmt.Errorf("game: Sweep: h = %v, want a finite number > 0: %w", h, ErrArgument)
	case o.Lanes < 0 || o.Workers < 0 || !(o.RMax >= 0):
		return nil, fmt.Errorf("game: Sweep: options %+v, want numbers >= 0: %w", o, ErrArgument)
	}
	n := field().Dim()
	if len(x) != n*states {
		return nil, fmt.Errorf("game: Sweep: len(x) = %d, want %d coordinates of %d states: %w", len(x), n, states, ErrShape)
	}
	if o.Lanes == 0 {
		o.Lanes = 256
	}
	o.RMax = or(o.RMax, 1e8)
	left = make([]int, states)
	if steps == 0 || states == 0 {
		return left, nil
	}
	pieces := (states + o.Lanes - 1) / o.Lanes
	return left, flow.Ensemble(ctx, pieces, o.Workers, func(ctx context.Context, piece int) error {
		from := piece * o.Lanes
		lanes := min(o.Lanes, states-from)
		f := newLanes(field(), lanes, left[from:from+lanes], o.RMax)
		y := make([]T, n*lanes)
		for k := range n {
			copy(y[k*lanes:(k+1)*lanes], x[k*states+from:])
		}
		r, err := flow.New(method(f), y, flow.Options[T]{
			Controller: flow.Fixed{H: h}, MaxSteps: steps, Bound: math.Inf(1), Stop: []flow.Stop[T]{f.next},
		})
		if err != nil {
			return err
		}
		for r.Next(ctx) {
		}
		if st := r.Status(); st != flow.StepLimit {
			return fmt.Errorf("game: Sweep: states from %d on stopped as %v: %w", from, st, r.Err())
		}
		for k, end := 0, r.Step().X; k < n; k++ {
			copy(x[k*states+from:k*states+from+lanes], end[k*lanes:])
		}
		return nil
	})
}

// laneFlow is the flow of a piece of states.
type laneFlow[T flow.Float] struct {
	f     BatchField[T]
	n     int
	lanes int
	left  []int
	step  int
	bound T
	large T // of a derivative: beyond it a step could overflow
}

func newLanes[T flow.Float](f BatchField[T], lanes int, left []int, rmax float64) *laneFlow[T] {
	l := &laneFlow[T]{f: f, n: f.Dim(), lanes: lanes, left: left, step: 1, bound: T(rmax), large: 1e18}
	if unsafe.Sizeof(T(0)) == 8 {
		wide := 1e150
		l.large = T(wide)
	}
	return l
}

func (l *laneFlow[T]) Dim() int { return l.n * l.lanes }

func (l *laneFlow[T]) Eval(dst, x []T, _ float64) {
	l.f.EvalBatch(dst, x, l.lanes)
	for k := range l.n {
		row, at := dst[k*l.lanes:(k+1)*l.lanes], x[k*l.lanes:(k+1)*l.lanes]
		for b, v := range row {
			row[b] = -v
			// Written so that NaN leaves too.
			if !(v < l.large && v > -l.large && at[b] < l.bound && at[b] > -l.bound) && l.left[b] == 0 {
				l.left[b] = l.step
			}
		}
	}
	for b, s := range l.left {
		if s == 0 {
			continue
		}
		for k := range l.n {
			dst[k*l.lanes+b] = 0
		}
	}
}

// next counts the steps, as a stop rule.
func (l *laneFlow[T]) next(*flow.Step[T]) flow.Status {
	l.step++
	return flow.Running
}

// Caps implements what flow.CapsOf reads.
func (l *laneFlow[T]) Caps() flow.Caps[T] { return flow.Caps[T]{Autonomous: true} }

// PlayEach runs a method from many starts, each with a copy of the game, on workers
// goroutines (0: GOMAXPROCS): any Method, in float64. The options are for every run, so
// that a recorder or a controller with memory must not be among them. Runs that end with
// an error of the game or the method end the others too. Errors: ErrMissing for a game
// that is no Cloner, and those of the runs.
func PlayEach(ctx context.Context, g Game, m Method, starts [][]float64, workers int, opt flow.Options[float64], rates ...float64) ([]*flow.Solution[float64], error) {
	c, ok := g.(Cloner)
	if !ok || m == nil {
		return nil, fmt.Errorf("game: PlayEach: %T is a Cloner: %t, method given: %t, want both: %w", g, ok, m != nil, ErrMissing)
	}
	games := make([]Game, len(starts))
	for i := range games {
		games[i] = c.Clone()
	}
	out := make([]*flow.Solution[float64], len(starts))
	return out, flow.Ensemble(ctx, len(starts), workers, func(ctx context.Context, i int) error {
		it, err := m.Integrator(games[i], rates...)
		if err != nil {
			return err
		}
		r, err := flow.New(it, starts[i], opt)
		if err != nil {
			return err
		}
		out[i], err = r.Solve(ctx)
		return err
	})
}
