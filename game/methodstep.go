package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// stepper is what the integrators of this package share that package descent does not
// have.
type stepper struct {
	name string
	f    *corrected
	err  error
	num  [1]float64 // number of accepted steps
	mem  [1][]float64
}

// Name implements flow.Namer.
func (s *stepper) Name() string { return s.name }

// Failure implements flow.Failer.
func (s *stepper) Failure() error { return s.err }

// Touch implements flow.Integrator.
func (s *stepper) Touch() {}

// begin is the part of Init that all share.
func (s *stepper) begin(st *flow.Start[float64], tr *flow.Trial) error {
	if len(st.X) != s.f.p.n {
		return fmt.Errorf("game: start point of %s has length %d, want the dimension of the game, %d: %w", s.name, len(st.X), s.f.p.n, ErrShape)
	}
	if st.Dir < 0 {
		return fmt.Errorf("game: %s cannot go backward in time, T1 must not be before T0: %w", s.name, ErrArgument)
	}
	if !st.Keep {
		s.num[0] = 0
	}
	s.err = nil
	nan := math.NaN()
	*tr = flow.Trial{Err: nan, NoErr: true, Finite: true, Order: 1, E0: nan, E1: nan, Slope0: nan, Slope1: nan, SS: nan, SY: nan, YY: nan}
	return nil
}

// eval stores the field at x in dst and keeps its failure.
func (s *stepper) eval(tr *flow.Trial, dst, x []float64) {
	tr.Evals++
	s.f.Eval(dst, x, 0)
	if s.f.err != nil && s.err == nil {
		s.err = s.f.err
	}
}

// open begins a Try.
func (s *stepper) open(tr *flow.Trial) {
	tr.Evals, tr.Finite, s.err = 0, true, nil
}

// vectors is the memory of a method with one vector.
func (s *stepper) vectors(v []float64) (vec [][]float64, num []float64) {
	s.mem[0] = v
	return s.mem[:], s.num[:]
}

// momentum is HeavyBall with negative momentum or alternating players.
type momentum struct {
	stepper
	beta  float64
	alt   bool
	v, u  []float64 // last move and that of the proposal
	force []float64
}

func newMomentum(m HeavyBall, f *corrected) *momentum {
	n := f.p.n
	return &momentum{
		stepper: stepper{name: m.Name(), f: f}, beta: m.Beta, alt: m.Alternating,
		v: make([]float64, n), u: make([]float64, n), force: make([]float64, n),
	}
}

// Init implements flow.Integrator.
func (m *momentum) Init(st flow.Start[float64], tr *flow.Trial) error {
	if !st.Keep {
		clear(m.v)
	}
	return m.begin(&st, tr)
}

// Try implements flow.Integrator.
func (m *momentum) Try(tr *flow.Trial, next, x []float64, _, h float64) {
	m.open(tr)
	if !m.alt {
		m.eval(tr, m.force, x)
		kernel.MomentumTo(next, m.u, x, m.force, m.v, m.beta, h)
		return
	}
	copy(next, x)
	start := m.f.p.start
	for i := range m.f.p.blocks {
		m.eval(tr, m.force, next)
		for k := start[i]; k < start[i+1]; k++ {
			m.u[k] = m.beta*m.v[k] + h*m.force[k]
			next[k] += m.u[k]
		}
	}
}

// Accept implements flow.Integrator.
func (m *momentum) Accept() {
	m.v, m.u = m.u, m.v
	m.num[0]++
}

// Memory implements flow.Memory.
func (m *momentum) Memory() (vec [][]float64, num []float64) { return m.vectors(m.v) }
