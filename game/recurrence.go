package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Returns is a flow.Recorder that watches a run come back to its start: a return is an
// entry to the ball of radius Eps around x_0 after the run has left the ball of radius
// 2·Eps. Where the integrator has dense output the steps are looked at inside.
type Returns struct {
	// Eps is the radius, > 0.
	Eps float64
	// Period holds the periods of the coordinates on a torus; 0 is no period, nil none at
	// all.
	Period []float64
	// Samples is the number of points looked at inside each step. If it is zero, it is 4.
	Samples int

	// Times are the times of the returns, counted from the start of the run.
	Times []float64
	// Left is the time at which the run first left the ball of radius 2·Eps, NaN if it
	// has not.
	Left float64
	// Inside is the time spent in the ball of radius Eps since Left, and Since the time
	// that has passed.
	Inside, Since float64

	x0, y     []float64
	t0, tLast float64
	last      float64 // distance at tLast
	away      bool
	started   bool
	sparse    bool
}

var _ flow.Recorder[float64] = (*Returns)(nil)

// Init implements flow.Recorder. What was recorded before is kept.
func (r *Returns) Init(dim int) error {
	if !(r.Eps > 0) || math.IsInf(r.Eps, 1) {
		return fmt.Errorf("game: Eps of Returns is %v, want a finite number > 0: %w", r.Eps, ErrArgument)
	}
	if r.Samples < 0 {
		return fmt.Errorf("game: Samples of Returns is %d, want a number > 0, or 0 for the default: %w", r.Samples, ErrArgument)
	}
	if r.Period != nil && len(r.Period) != dim {
		return fmt.Errorf("game: len(Period) of Returns is %d, want the dimension, %d: %w", len(r.Period), dim, ErrShape)
	}
	for k, p := range r.Period {
		if !(p >= 0) || math.IsInf(p, 1) {
			return fmt.Errorf("game: Period[%d] of Returns is %v, want a finite number >= 0: %w", k, p, ErrArgument)
		}
	}
	if r.x0 != nil && len(r.x0) != dim {
		return fmt.Errorf("game: state of length %d in Returns to a state of length %d: %w", dim, len(r.x0), ErrShape)
	}
	if r.x0 == nil {
		r.x0, r.y = make([]float64, dim), make([]float64, dim)
		r.Left = math.NaN()
	}
	return nil
}

// Rate returns the recurrence rate, the fraction of the time since Left spent within Eps
// of the start; NaN if the run has not left.
func (r *Returns) Rate() float64 { return r.Inside / r.Since }

// Record implements flow.Recorder. Save times and events are left out.
func (r *Returns) Record(s *flow.Step[float64]) error {
	if s.Kind != flow.AtStep && s.Kind != flow.AtStart {
		return nil
	}
	if !r.started {
		r.started = true
		copy(r.x0, s.X)
		r.t0, r.tLast = s.T, s.T
		return nil
	}
	if s.K == 0 || s.H == 0 {
		return nil
	}
	samples := r.Samples
	if samples == 0 {
		samples = 4
	}
	from := r.tLast
	for i := 1; i <= samples; i++ {
		t := from + (s.T-from)*float64(i)/float64(samples+1)
		if r.sparse || s.At(r.y, t) != nil {
			r.sparse = true // no dense output
			break
		}
		r.look(t, r.y)
	}
	r.look(s.T, s.X)
	return nil
}

// look takes note of the point x at time t; between points the distance is taken to be
// linear.
func (r *Returns) look(t float64, x []float64) {
	d, dt := r.distance(x), math.Abs(t-r.tLast)
	cross := func(level float64) float64 { return r.tLast + (t-r.tLast)*(level-r.last)/(d-r.last) }
	if !math.IsNaN(r.Left) {
		r.Since += dt
		if d <= r.Eps && r.last <= r.Eps {
			r.Inside += dt
		} else if (d <= r.Eps) != (r.last <= r.Eps) {
			part := math.Abs(cross(r.Eps) - r.tLast)
			if d <= r.Eps {
				part = dt - part
			}
			r.Inside += part
		}
	}
	switch {
	case !r.away && d > 2*r.Eps:
		r.away = true
		if math.IsNaN(r.Left) {
			out := cross(2 * r.Eps)
			r.Left, r.Since = out-r.t0, math.Abs(t-out)
		}
	case r.away && d <= r.Eps:
		r.away = false
		r.Times = append(r.Times, cross(r.Eps)-r.t0)
	}
	r.tLast, r.last = t, d
}

// distance is that to the start.
func (r *Returns) distance(x []float64) float64 {
	s := 0.0
	for k, v := range x {
		d := v - r.x0[k]
		if r.Period != nil && r.Period[k] > 0 {
			d = math.Remainder(d, r.Period[k])
		}
		s += d * d
	}
	return math.Sqrt(s)
}

// TimeAverage is a flow.Recorder of the time average of the state, (1/T)∫x dt by
// Simpson's rule on every step where the integrator has dense output, else by the
// trapezoidal rule (the sum over steps of a discrete method, with half weights at the
// ends).
type TimeAverage struct {
	Mean []float64 // average so far
	T    float64   // time that has passed

	last, mid       []float64
	started, sparse bool
	at              float64
}

var _ flow.Recorder[float64] = (*TimeAverage)(nil)

// Init implements flow.Recorder. What was recorded before is kept.
func (a *TimeAverage) Init(dim int) error {
	if a.Mean != nil && len(a.Mean) != dim {
		return fmt.Errorf("game: state of length %d in a TimeAverage of length %d: %w", dim, len(a.Mean), ErrShape)
	}
	if a.Mean == nil {
		a.Mean, a.last, a.mid = make([]float64, dim), make([]float64, dim), make([]float64, dim)
	}
	return nil
}

// Record implements flow.Recorder. Save times and events are left out.
func (a *TimeAverage) Record(s *flow.Step[float64]) error {
	if s.Kind != flow.AtStep && s.Kind != flow.AtStart {
		return nil
	}
	if h := math.Abs(s.T - a.at); a.started && h > 0 {
		simpson := !a.sparse && s.At(a.mid, (s.T+a.at)/2) == nil
		a.sparse = !simpson
		a.T += h
		for k, v := range s.X {
			m := (a.last[k] + v) / 2
			if simpson {
				m = (m + 2*a.mid[k]) / 3
			}
			a.Mean[k] += (m - a.Mean[k]) * (h / a.T)
		}
	}
	a.started, a.at = true, s.T
	copy(a.last, s.X)
	return nil
}
