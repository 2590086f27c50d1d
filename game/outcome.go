package game

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Outcome says what a run did, as far as a finite run can tell.
type Outcome int

const (
	// Undecided is a run that ended before anything could be said: it is still on its
	// way, or was too short to come back.
	Undecided Outcome = iota
	// Converged is a run that has stopped moving.
	Converged
	// Recurrent is a run that comes back to its start again and again.
	Recurrent
	// Divergent is a run that left every bound.
	Divergent
	// BlowUp is a run of a flow that went to infinity in finite time.
	BlowUp
)

var outcomeNames = [...]string{"Undecided", "Converged", "Recurrent", "Divergent", "BlowUp"}

// String returns the name of the outcome.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return outcomeNames[o]
}

// RunOptions are the thresholds of ClassifyRun.
type RunOptions struct {
	// Tol is the speed |Δx|/h, relative to 1 + |x|, below which a run has stopped moving;
	// three steps in a row. If it is zero, it is 1e-9.
	Tol float64
	// RMax is the max|x_k| at which a run has diverged. If it is zero, it is 1e8.
	RMax float64
	// Eps is the radius of the ball around the start that a recurrent run returns to. If
	// it is zero, it is 0.1 times max(1e-3, |x_0|).
	Eps float64
	// Returns is the number of returns that make a run recurrent, if the last one is in
	// the second half of the run: a spiral that winds in soon has its last. If it is
	// zero, it is 3.
	Returns int
	// Enough is the number of returns after which the run is ended as recurrent. If it is
	// zero, the run goes to its end.
	Enough int
	// Period and Samples are those of the recorder Returns.
	Period  []float64
	Samples int
}

// RunReport is what ClassifyRun found, with the thresholds it used.
type RunReport struct {
	Outcome Outcome
	// Time is the end of the run; of BlowUp the extrapolated time t* of the explosion.
	Time  float64
	Steps int
	X     []float64 // last state
	// Speed is |Δx|/h of the last step, Norm the largest max|x_k| of the run.
	Speed, Norm float64
	// Returns are the times of the returns to the start, RecurrenceRate the fraction of
	// time spent there after first leaving.
	Returns        []float64
	RecurrenceRate float64
	Status         flow.Status // how the run ended
	Thresholds     RunOptions  // with the defaults filled in
}

// ClassifyRun runs the integrator from x0 and says what became of it. The options say for
// how long (T1 or MaxSteps) and with which controller; bound, stop rules and the report
// belong to ClassifyRun, a recorder of the options sees the run too.
//
// BlowUp is said of runs with an error estimate alone. For it the times are compared at
// which max|x_k| passes three levels in geometric progression up to RMax: a growth as
// |x|^p, p > 1, makes the second interval shorter than the first by (R_1/R_2)^(p-1),
// exponential growth makes them equal. Below one tenth the run blows up, at the sum of
// the geometric series. A run that ends because its steps got too small or values not
// finite, on the way up, blows up where it ended.
//
// Errors are those of the options and of the game; divergence is none.
func ClassifyRun(ctx context.Context, it flow.Integrator[float64], x0 []float64, opt flow.Options[float64], o RunOptions) (*RunReport, error) {
	m, err := newMonitor(x0, o)
	if err != nil {
		return nil, err
	}
	opt.Bound = m.o.RMax
	opt.Stop = append(append([]flow.Stop[float64](nil), opt.Stop...), m.stop)
	opt.Recorder = m.with(opt.Recorder)
	r, err := flow.New(it, x0, opt)
	if err != nil {
		return nil, err
	}
	for range r.Steps(ctx) {
	}
	switch r.Status() {
	case flow.FieldError, flow.Failed, flow.Cancelled, flow.RecorderError:
		return m.report(r), r.Err()
	case flow.StepLimit:
		return m.report(r), r.Err()
	}
	return m.report(r), nil
}

// monitor watches a run for ClassifyRun.
type monitor struct {
	o       RunOptions
	ret     Returns
	last    []float64
	slow    int
	speed   float64
	norm    float64
	lastT   float64
	lastR   float64
	adapted bool       // the run has an error estimate
	level   [3]float64 // of max|x_k|
	passed  [3]float64 // times
	n       int        // levels passed
}

func newMonitor(x0 []float64, o RunOptions) (*monitor, error) {
	for _, v := range []struct {
		name string
		v    float64
	}{{"Tol", o.Tol}, {"RMax", o.RMax}, {"Eps", o.Eps}} {
		if !(v.v >= 0) || math.IsInf(v.v, 1) {
			return nil, fmt.Errorf("game: ClassifyRun: %s = %v, want a finite number > 0, or 0 for the default: %w", v.name, v.v, ErrArgument)
		}
	}
	if o.Returns < 0 || o.Enough < 0 {
		return nil, fmt.Errorf("game: ClassifyRun: Returns = %d, Enough = %d, want numbers > 0, or 0 for the default: %w", o.Returns, o.Enough, ErrArgument)
	}
	if err := checkPoint("x0", x0, len(x0)); err != nil {
		return nil, err
	}
	o.Tol, o.RMax = or(o.Tol, 1e-9), or(o.RMax, 1e8)
	o.Eps = or(o.Eps, 0.1*max(1e-3, kernel.Nrm2(x0)))
	if o.Returns == 0 {
		o.Returns = 3
	}
	m := &monitor{o: o, ret: Returns{Eps: o.Eps, Period: o.Period, Samples: o.Samples}, last: make([]float64, len(x0))}
	if top := max(1, kernel.MaxAbs(x0)); !(o.RMax >= 100*top) {
		return nil, fmt.Errorf("game: ClassifyRun: RMax = %v, want at least 100 times max(1, |x0|) = %v: %w", o.RMax, top, ErrArgument)
	}
	low := 10 * max(1, kernel.MaxAbs(x0))
	ratio := math.Sqrt(o.RMax / low)
	m.level = [3]float64{low, low * ratio, o.RMax}
	return m, nil
}

func (m *monitor) with(r flow.Recorder[float64]) flow.Recorder[float64] {
	if r == nil {
		return m
	}
	return flow.Multi[float64](m, r)
}

// Init implements flow.Recorder.
func (m *monitor) Init(dim int) error { return m.ret.Init(dim) }

// Record implements flow.Recorder.
func (m *monitor) Record(s *flow.Step[float64]) error {
	if s.Kind != flow.AtStep && s.Kind != flow.AtStart {
		return nil
	}
	r := kernel.MaxAbs(s.X)
	if s.K > 0 && s.H > 0 {
		kernel.SubTo(m.last, s.X, m.last)
		m.speed = kernel.Nrm2(m.last) / s.H
		m.adapted = !math.IsNaN(s.Err)
		m.climb(s.T, r)
		if m.speed <= m.o.Tol*(1+r) {
			m.slow++
		} else {
			m.slow = 0
		}
	}
	m.norm, m.lastT, m.lastR = max(m.norm, r), s.T, r
	copy(m.last, s.X)
	return m.ret.Record(s)
}

// climb notes when max|x_k| first passes the levels, by interpolation of its logarithm.
func (m *monitor) climb(t, r float64) {
	for m.n < len(m.level) && r >= m.level[m.n] {
		at := t
		if r > m.lastR && m.lastR > 0 {
			at = m.lastT + (t-m.lastT)*math.Log(m.level[m.n]/m.lastR)/math.Log(r/m.lastR)
		}
		m.passed[m.n] = at
		m.n++
	}
}

// stop is the stop rule of runs that have converged or come back often enough.
func (m *monitor) stop(*flow.Step[float64]) flow.Status {
	if m.slow >= 3 {
		return flow.Converged
	}
	if m.o.Enough > 0 && len(m.ret.Times) >= m.o.Enough {
		return flow.EventStop
	}
	return flow.Running
}

// fastGrowth is the ratio of the intervals of time below which growth is an explosion.
const fastGrowth = 0.1

func (m *monitor) report(r *flow.Run[float64]) *RunReport {
	s := r.Step()
	rep := &RunReport{
		Time: s.T, Steps: s.K, X: append([]float64(nil), s.X...), Speed: m.speed, Norm: m.norm,
		Returns: m.ret.Times, RecurrenceRate: m.ret.Rate(), Status: r.Status(), Thresholds: m.o,
	}
	switch {
	case m.n == len(m.level):
		rep.Outcome = Divergent
		ratio := (m.passed[2] - m.passed[1]) / (m.passed[1] - m.passed[0])
		if m.adapted && ratio < fastGrowth {
			rep.Outcome = BlowUp
			rep.Time = m.passed[2] + (m.passed[2]-m.passed[1])*ratio/(1-ratio)
		}
	case r.Status() == flow.StepUnderflow || r.Status() == flow.NonFinite:
		if m.n > 0 {
			rep.Outcome = BlowUp
		}
	case r.Status() == flow.Diverged:
		rep.Outcome = Divergent
	case r.Status() == flow.Converged || r.Status() == flow.Stationary:
		rep.Outcome = Converged
	case m.recurs(s.T) || m.o.Enough > 0 && len(m.ret.Times) >= m.o.Enough:
		rep.Outcome = Recurrent
	}
	return rep
}

// recurs says whether the returns go on until time t.
func (m *monitor) recurs(t float64) bool {
	times := m.ret.Times
	if len(times) < m.o.Returns {
		return false
	}
	return times[len(times)-1] >= math.Abs(t-m.ret.t0)/2
}
