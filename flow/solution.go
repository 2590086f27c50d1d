package flow

import (
	"context"
	"fmt"
	"math"
	"sort"
)

// Solution is the outcome of a run. It holds what there is, however the run
// ended.
type Solution[T Float] struct {
	T      float64 // time of the last good state
	X      []T     // last good state; a copy
	Energy float64 // E(X), NaN if not known
	Status Status
	Stats  Stats
	// Times and States hold what Options.SaveAt asked for.
	Times  []float64
	States [][]T
	// Events holds the events in the order in which they happened.
	Events []EventHit[T]
	// Ledger is the energy account, if Options.Ledger asked for it.
	Ledger Ledger

	pieces []piece[T]
	degree int
	dir    float64
}

// Ledger compares the energy that a run lost with what the exact flow would have
// dissipated along it, z = -∫ dE/dt dt by the weights of the method.
type Ledger struct {
	E0, E1     float64 // energy at the start and at the end
	Dissipated float64 // z
	Rises      int     // accepted steps that raised E by more than 10 rounding units
}

// Defect returns |E0 - E1 - z| / |E0 - E1|.
func (l Ledger) Defect() float64 {
	return math.Abs(l.E0-l.E1-l.Dissipated) / math.Abs(l.E0-l.E1)
}

func (l *Ledger) add(tr *Trial) {
	if tr.E1 > l.E1+10*unit*math.Abs(l.E1) {
		l.Rises++
	}
	l.E1 = tr.E1
	l.Dissipated += tr.Dissipated
}

// output is what a run collects for its Solution.
type output[T Float] struct {
	times        []float64
	states       [][]T
	pieces       []piece[T]
	ledger       Ledger
	defaultLimit bool // MaxSteps was not set by the user
}

// piece is one step of a whole-run dense output: the state at the nodes of
// chebyshev(degree) between t and t + h. end is where the step was cut.
type piece[T Float] struct {
	t, h, end float64
	x         [][]T
}

// Solve runs to the end. It needs one: an end time, a stop rule, a terminal
// event, or MaxSteps. The Solution is not nil, even when the error is not.
func (r *Run[T]) Solve(ctx context.Context) (*Solution[T], error) {
	if !r.bounded && len(r.opt.Stop) == 0 && r.out.defaultLimit && !r.terminalEvent() {
		return r.solution(), fmt.Errorf("flow: nothing would end the run: set T1, ToZero, MaxSteps, a Stop rule or a terminal event: %w", ErrArgument)
	}
	for r.Next(ctx) {
	}
	return r.solution(), r.err
}

func (r *Run[T]) terminalEvent() bool {
	for i := range r.opt.Events {
		if r.opt.Events[i].Terminal {
			return true
		}
	}
	return false
}

func (r *Run[T]) solution() *Solution[T] {
	s := &Solution[T]{
		T: r.t, X: append([]T(nil), r.x...), Energy: r.step.Energy,
		Status: r.status, Stats: r.step.Stats,
		Times: r.out.times, States: r.out.states, Events: r.events.hits, Ledger: r.out.ledger,
		pieces: r.out.pieces, dir: r.dir,
	}
	if r.dense != nil {
		s.degree = r.dense.DenseDegree()
	}
	return s
}

// keepStart keeps the save times that are the start time.
func (r *Run[T]) keepStart() error {
	for r.save < len(r.opt.SaveAt) && r.opt.SaveAt[r.save] == r.t {
		if err := r.keepAt(r.t, r.x); err != nil {
			return err
		}
	}
	return nil
}

// keep keeps the save times inside the last step, and its dense output.
func (r *Run[T]) keep() error {
	for r.save < len(r.opt.SaveAt) && r.dir*(r.t-r.opt.SaveAt[r.save]) >= 0 {
		t := r.opt.SaveAt[r.save]
		x := make([]T, len(r.x))
		r.at(x, t)
		if err := r.keepAt(t, x); err != nil {
			return err
		}
	}
	if r.opt.Dense {
		r.keepPiece()
	}
	return nil
}

// keepAt stores a state for the Solution and shows it to the recorder.
func (r *Run[T]) keepAt(t float64, x []T) error {
	r.save++
	r.out.times = append(r.out.times, t)
	r.out.states = append(r.out.states, append([]T(nil), x...))
	return r.showInside(AtSave, t, x)
}

func (r *Run[T]) showEvent(t float64) error { return r.showInside(AtEvent, t, r.events.x) }

// showInside shows the recorder a point inside the last step.
func (r *Run[T]) showInside(kind Kind, t float64, x []T) error {
	if r.opt.Recorder == nil {
		return nil
	}
	e, slope := r.step.Energy, r.step.Slope
	r.step.Energy, r.step.Slope = math.NaN(), math.NaN()
	r.show(kind, t, x)
	err := r.opt.Recorder.Record(&r.step)
	r.step.Energy, r.step.Slope = e, slope
	r.show(AtStart, r.t, r.x)
	if err != nil {
		return fmt.Errorf("flow: recorder at t = %v: %w", t, err)
	}
	return nil
}

// keepPiece stores the last step's dense output by its values at Chebyshev
// points, from which the polynomial is recovered.
func (r *Run[T]) keepPiece() {
	p := piece[T]{t: r.tPrev, h: r.hStep, end: r.t}
	for _, theta := range chebyshev(r.dense.DenseDegree()) {
		x := make([]T, len(r.x))
		r.dense.At(x, theta)
		p.x = append(p.x, x)
	}
	r.out.pieces = append(r.out.pieces, p)
}

// chebyshev returns the d+1 Chebyshev points of the second kind on [0, 1].
func chebyshev(d int) []float64 {
	if d == 0 {
		return []float64{0}
	}
	v := make([]float64, d+1)
	for i := range v {
		v[i] = 0.5 - 0.5*math.Cos(math.Pi*float64(i)/float64(d))
	}
	return v
}

// At stores in dst the state at time t of the run, by dense output; the run must
// have been made with Options.Dense. At the time of an event that changed the
// state, it is the state before. Times outside the run are an error.
func (s *Solution[T]) At(dst []T, t float64) error {
	if len(s.pieces) == 0 {
		return fmt.Errorf("flow: no dense output was kept: set Options.Dense: %w", ErrArgument)
	}
	if len(dst) != len(s.X) {
		return fmt.Errorf("flow: len(dst) is %d, want the length of the state, %d: %w", len(dst), len(s.X), ErrArgument)
	}
	i := sort.Search(len(s.pieces), func(i int) bool { return s.dir*(s.pieces[i].end-t) >= 0 })
	if i == len(s.pieces) || s.dir*(t-s.pieces[0].t) < 0 || math.IsNaN(t) {
		return fmt.Errorf("flow: t is %v, want a time of the run, from %v to %v: %w", t, s.pieces[0].t, s.T, ErrArgument)
	}
	s.pieces[i].at(dst, t, s.degree)
	return nil
}

// at evaluates the interpolating polynomial by the barycentric formula.
func (p *piece[T]) at(dst []T, t float64, degree int) {
	theta := (t - p.t) / p.h
	nodes := chebyshev(degree)
	var sum float64
	acc := make([]float64, len(dst))
	for i, c := range nodes {
		if theta == c {
			copy(dst, p.x[i])
			return
		}
		w := 1.0
		if i%2 == 1 {
			w = -1
		}
		if i == 0 || i == degree {
			w /= 2
		}
		w /= theta - c
		sum += w
		for j, x := range p.x[i] {
			acc[j] += w * float64(x)
		}
	}
	for j := range dst {
		dst[j] = T(acc[j] / sum)
	}
}
