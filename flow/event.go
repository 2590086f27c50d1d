package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/internal/root"
)

// Direction says which sign changes of an event function count.
type Direction int

// Directions of an event, seen along the run.
const (
	Any     Direction = iota // every sign change
	Rising                   // from negative to positive
	Falling                  // from positive to negative
)

// Event is a root of a function of state and time that a run looks for. Roots
// are found on the dense output of the last step, to 4 rounding units of
// max(|t|, h); an integrator without dense output has them at the end of the
// step. A run that starts at g = 0 has no event there.
type Event[T Float] struct {
	// Name is used in messages.
	Name string
	// G is the event function. NaN ends the run with the status Failed.
	G func(x []T, t float64) float64
	// Direction selects the sign changes.
	Direction Direction
	// Terminal ends the run at the event, with the status EventStop.
	Terminal bool
	// Handler, unless nil, is called at the event. It may change x and then
	// returns true: the step ends there and the run starts afresh from x.
	Handler func(x []T, t float64) (changed bool, err error)
	// Samples is the number of points inside each step at which G is looked at
	// too, to see double crossings.
	Samples int
}

// EventHit is an event that happened.
type EventHit[T Float] struct {
	Index  int     // in Options.Events
	Name   string  // of the event
	T      float64 // time
	X      []T     // state before the handler; a copy
	Rising bool    // the event function went from negative to positive
}

// eventLog is what a run keeps of its events.
type eventLog[T Float] struct {
	g    []float64 // at the start of what is still to be searched; 0: not armed
	hits []EventHit[T]
	x    []T     // scratch state
	last float64 // time of the last cut
}

// startEvents evaluates every event at the current point.
func (r *Run[T]) startEvents() error {
	for i := range r.opt.Events {
		g, err := r.eventValue(i, r.x, r.t)
		if err != nil {
			return err
		}
		r.events.g[i] = g
	}
	return nil
}

func (r *Run[T]) eventValue(i int, x []T, t float64) (float64, error) {
	g := r.opt.Events[i].G(x, t)
	if math.IsNaN(g) {
		return g, fmt.Errorf("flow: event %d (%s) is NaN at t = %v: %w", i, r.opt.Events[i].Name, t, ErrEvent)
	}
	return g, nil
}

// crosses says whether g goes through zero in the wanted direction. From g0 = 0
// there is no crossing: the event is not armed.
func (e *Event[T]) crosses(g0, g1 float64) bool {
	rising := g0 < 0 && g1 >= 0 && e.Direction != Falling
	falling := g0 > 0 && g1 <= 0 && e.Direction != Rising
	return rising || falling
}

// findEvents handles the events of the last step in the order of their times,
// until one ends the run or changes the state. In both cases the step is cut.
func (r *Run[T]) findEvents() (Status, error) {
	for theta := 0.0; ; {
		i, next, err := r.earliestEvent(theta)
		if err != nil {
			return Failed, err
		}
		if i < 0 {
			return Running, nil
		}
		theta = next
		st, cut, err := r.handleEvent(i, theta)
		if st != Running || cut {
			return st, err
		}
	}
}

// earliestEvent returns the first event after theta in the last step, -1 if
// there is none; then the event values are those at the end of the step.
func (r *Run[T]) earliestEvent(theta float64) (first int, at float64, err error) {
	first, at = -1, math.Inf(1)
	for i := range r.opt.Events {
		e := &r.opt.Events[i]
		a, ga := theta, r.events.g[i]
		for j := 1; j <= e.Samples+1; j++ {
			b := theta + (1-theta)*float64(j)/float64(e.Samples+1)
			gb, err := r.eventAt(i, b)
			if err != nil {
				return -1, 0, err
			}
			if e.crosses(ga, gb) {
				x, err := r.eventRoot(i, a, b, ga, gb)
				if err != nil {
					return -1, 0, err
				}
				if x < at {
					first, at = i, x
				}
				break
			}
			a, ga = b, gb
		}
	}
	if first >= 0 {
		return first, at, nil
	}
	for i := range r.opt.Events {
		if r.events.g[i], err = r.eventAt(i, 1); err != nil {
			return -1, 0, err
		}
	}
	return -1, 0, nil
}

// eventAt returns event function i at t + θh in the last step.
func (r *Run[T]) eventAt(i int, theta float64) (float64, error) {
	if theta == 1 {
		return r.eventValue(i, r.x, r.t)
	}
	if r.dense == nil {
		return 0, fmt.Errorf("flow: Samples of event %d need dense output: %w", i, ErrArgument)
	}
	r.dense.At(r.events.x, theta)
	return r.eventValue(i, r.events.x, r.tPrev+theta*r.hStep)
}

func (r *Run[T]) eventRoot(i int, a, b, ga, gb float64) (float64, error) {
	if r.dense == nil {
		return 1, nil
	}
	tol := 4 * unit * math.Max(math.Abs(r.t), math.Abs(r.hStep)) / math.Abs(r.hStep)
	var err error
	x, _ := root.ITP(func(theta float64) float64 {
		g, e := r.eventAt(i, theta)
		if e != nil {
			err = e
		}
		return g
	}, a, b, ga, gb, tol)
	return x, err
}

// handleEvent handles event i, and every other that happens with it, at t + θh.
func (r *Run[T]) handleEvent(first int, theta float64) (st Status, cut bool, err error) {
	ev := &r.events
	t := r.tPrev + theta*r.hStep
	if theta == 1 {
		t = r.t
		copy(ev.x, r.x)
	} else {
		r.dense.At(ev.x, theta)
	}
	for i := range r.opt.Events {
		e := &r.opt.Events[i]
		g, err := r.eventValue(i, ev.x, t)
		if err != nil {
			return Failed, false, err
		}
		if i != first && !e.crosses(ev.g[i], g) {
			ev.g[i] = g
			continue
		}
		ev.hits = append(ev.hits, EventHit[T]{i, e.Name, t, append([]T(nil), ev.x...), ev.g[i] < 0})
		r.step.Stats.Events++
		ev.g[i] = 0
		if err := r.showEvent(t); err != nil {
			return RecorderError, false, err
		}
		if e.Terminal {
			st, cut = EventStop, true
		}
		if e.Handler == nil {
			continue
		}
		changed, err := e.Handler(ev.x, t)
		if err != nil {
			return Failed, false, fmt.Errorf("flow: handler of event %d (%s) at t = %v: %w", i, e.Name, t, err)
		}
		if !changed {
			continue
		}
		cut = true
		if after, err := r.eventValue(i, ev.x, t); err != nil {
			return Failed, false, err
		} else if after != g {
			ev.g[i] = after // the handler moved x off the root
		}
	}
	if cut {
		return r.cutStep(first, t, st)
	}
	return st, false, nil
}

// cutStep ends the last step at time t in the state that the handlers left.
func (r *Run[T]) cutStep(first int, t float64, st Status) (Status, bool, error) {
	ev := &r.events
	for i := range r.opt.Events {
		g, err := r.eventValue(i, ev.x, t)
		if err != nil {
			return Failed, true, err
		}
		if ev.g[i] != 0 {
			ev.g[i] = g
		}
	}
	copy(r.x, ev.x)
	gap := math.Abs(t - ev.last)
	ev.last = t
	r.t = t
	r.restart = true
	r.edited()
	if st == Running && r.step.Stats.Events > 1 && gap < r.minStep(t) {
		return StepUnderflow, true, fmt.Errorf("flow: events (%s) accumulate at t = %v, the last two are %v apart: %w",
			r.opt.Events[first].Name, t, gap, ErrStepUnderflow)
	}
	return st, true, nil
}
