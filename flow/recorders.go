package flow

import (
	"errors"
	"fmt"
	"math"
)

// Decimate returns a Recorder that shows r the start and every k-th accepted step
// only, and of the save times and events all. It panics if k < 1 or r is nil.
func Decimate[T Float](k int, r Recorder[T]) Recorder[T] {
	if k < 1 || r == nil {
		panic(fmt.Sprintf("flow: Decimate wants k >= 1 and a recorder, got k = %d, nil recorder: %t", k, r == nil))
	}
	return &decimate[T]{k, r}
}

type decimate[T Float] struct {
	k int
	r Recorder[T]
}

func (d *decimate[T]) Init(dim int) error { return d.r.Init(dim) }

func (d *decimate[T]) Record(s *Step[T]) error {
	if s.Kind == AtStep && s.K%d.k != 0 {
		return nil
	}
	return d.r.Record(s)
}

// Multi returns a Recorder that shows everything to each of the recorders, in
// their order. All of them are shown a Step even if one fails; the errors are
// joined.
func Multi[T Float](r ...Recorder[T]) Recorder[T] { return multi[T](r) }

type multi[T Float] []Recorder[T]

func (m multi[T]) Init(dim int) error {
	var all error
	for i, r := range m {
		if r == nil {
			return fmt.Errorf("flow: recorder %d of Multi is nil: %w", i, ErrArgument)
		}
		if err := r.Init(dim); err != nil {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (m multi[T]) Record(s *Step[T]) error {
	var all error
	for _, r := range m {
		if err := r.Record(s); err != nil {
			all = errors.Join(all, err)
		}
	}
	return all
}

// Row is what a Ring keeps of a Step.
type Row[T Float] struct {
	K             int     // number of accepted steps
	T, H          float64 // time, size of the step
	Energy, Slope float64 // NaN where not known
	X             []T     // state
}

// Ring is a Recorder that keeps the last N accepted steps (and the start, while
// it is among them) in memory taken once: what led to where a run ended.
type Ring[T Float] struct {
	// N is the number of steps kept, > 0.
	N int

	rows []Row[T]
	seen int
}

// Init implements Recorder. What was recorded before is kept.
func (r *Ring[T]) Init(dim int) error {
	if r.N < 1 {
		return fmt.Errorf("flow: N of Ring is %d, want a number > 0: %w", r.N, ErrArgument)
	}
	if len(r.rows) == r.N && len(r.rows[0].X) == dim {
		return nil
	}
	r.rows, r.seen = make([]Row[T], r.N), 0
	for i, x := range arena[T](r.N, dim) {
		r.rows[i].X = x
	}
	return nil
}

// Record implements Recorder. Save times and events are left out.
func (r *Ring[T]) Record(s *Step[T]) error {
	if s.Kind != AtStep && s.Kind != AtStart {
		return nil
	}
	w := &r.rows[r.seen%r.N]
	w.K, w.T, w.H, w.Energy, w.Slope = s.K, s.T, s.H, s.Energy, s.Slope
	copy(w.X, s.X)
	r.seen++
	return nil
}

// Len returns the number of steps kept, at most N.
func (r *Ring[T]) Len() int { return min(r.seen, r.N) }

// At returns a view of the i-th kept step, the oldest for i = 0. It panics if i is
// not in [0, Len()).
func (r *Ring[T]) At(i int) *Row[T] {
	if i < 0 || i >= r.Len() {
		panic(fmt.Sprintf("flow: index %d of a Ring that keeps %d steps", i, r.Len()))
	}
	return &r.rows[(r.seen-r.Len()+i)%r.N]
}

// Statistics is a Recorder that accumulates mean, variance and range of every
// component of the state and of the energy over the accepted steps, in float64,
// each step with the same weight: time averages of runs with a constant step. The
// recurrence is that of Welford (Technometrics 4 (1962) 419), which does not
// cancel.
type Statistics[T Float] struct {
	// Skip leaves out the transient: the first step that counts is K = Skip. If
	// it is zero, the start counts.
	Skip int

	Count    int       // steps so far
	Mean     []float64 // means of the components
	Min, Max []float64 // their ranges
	Energy   Moments   // of E(x), over the steps where it is known

	sum []float64 // Σ (x - mean)²
}

// Moments are count, mean, variance and range of a number.
type Moments struct {
	Count          int
	Mean, Min, Max float64
	sum            float64
}

// Variance returns the variance with divisor Count-1, NaN for less than two
// values.
func (m *Moments) Variance() float64 { return variance(m.sum, m.Count) }

func variance(sum float64, count int) float64 {
	if count < 2 {
		return math.NaN()
	}
	return sum / float64(count-1)
}

// Init implements Recorder. What was recorded before is kept.
func (r *Statistics[T]) Init(dim int) error {
	if r.Skip < 0 {
		return fmt.Errorf("flow: Skip of Statistics is %d, want a number >= 0: %w", r.Skip, ErrArgument)
	}
	if r.Mean != nil && len(r.Mean) != dim {
		return fmt.Errorf("flow: state of length %d in Statistics of states of length %d: %w", dim, len(r.Mean), ErrArgument)
	}
	if r.Mean == nil {
		v := arena[float64](4, dim)
		r.Mean, r.Min, r.Max, r.sum = v[0], v[1], v[2], v[3]
		for i := range dim {
			r.Min[i], r.Max[i] = math.Inf(1), math.Inf(-1)
		}
		r.Energy.Min, r.Energy.Max = math.Inf(1), math.Inf(-1)
	}
	return nil
}

// Record implements Recorder. Save times and events are left out.
func (r *Statistics[T]) Record(s *Step[T]) error {
	if s.Kind != AtStep && s.Kind != AtStart || s.K < r.Skip {
		return nil
	}
	r.Count++
	for i, v := range s.X {
		x := float64(v)
		d := x - r.Mean[i]
		r.Mean[i] += d / float64(r.Count)
		r.sum[i] += d * (x - r.Mean[i])
		r.Min[i], r.Max[i] = min(r.Min[i], x), max(r.Max[i], x)
	}
	if e := &r.Energy; !math.IsNaN(s.Energy) {
		e.Count++
		d := s.Energy - e.Mean
		e.Mean += d / float64(e.Count)
		e.sum += d * (s.Energy - e.Mean)
		e.Min, e.Max = min(e.Min, s.Energy), max(e.Max, s.Energy)
	}
	return nil
}

// Variance stores the variances of the components, with divisor Count-1, in dst;
// NaN for less than two steps. It panics if the lengths differ.
func (r *Statistics[T]) Variance(dst []float64) {
	if len(dst) != len(r.sum) {
		panic(fmt.Sprintf("flow: len(dst) is %d, want the length of the state, %d", len(dst), len(r.sum)))
	}
	for i, v := range r.sum {
		dst[i] = variance(v, r.Count)
	}
}

var (
	_ Recorder[float64] = (*Ring[float64])(nil)
	_ Recorder[float64] = (*Statistics[float64])(nil)
)
