package sde

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// rule is what distinguishes the methods.
type rule[T flow.Float] struct {
	name     string
	calculus Calculus // sense of the equation that it solves, unless the noise is additive
	fits     func(Noise) bool
	noise    string // the noise that fits, for the error message
	area     bool   // it needs space-time areas
	vectors  int    // scratch vectors of length n
	drifts   int    // drifts beyond the one at the start of the step
	diffs    int    // diffusions
	step     func(m *method[T], tr *flow.Trial, next, x []T, t, h float64)
}

// method advances a System by a rule.
//
// f0 is the drift at the current point, f1 at the proposal: where the drift has
// an energy it is evaluated there, so that the energy is known after the step,
// and becomes the next f0.
type method[T flow.Float] struct {
	rule  rule[T]
	sys   System[T]
	ef    flow.EnergyField[T] // sys if it has an energy, else nil
	caps  flow.Caps[T]
	path  Path
	noise Noise
	want  flow.Want
	dim   int

	f0, f1  []T
	w, area []float64 // increments and areas of the step, by channel
	wt      []T       // the same as T, for a matrix-vector product
	v, a, b [][]T     // scratch vectors, drifts, diffusions
	num     [numbers]float64
	mem     [1][]T
	id      pathID
	err     error
}

// The numbers of a method that a checkpoint saves.
const (
	have0    = iota // f0 holds the drift at the current point
	have1           // f1 holds the drift at the proposal
	e0              // energy at the current point
	slope0          // its slope along the drift
	e1              // energy at the proposal
	slope1          // its slope along the drift
	count           // accepted steps: the index of the next draw
	pathName        // pathID
	numbers  = pathName + len(pathID{})
)

var (
	_ flow.Integrator[float64] = (*method[float64])(nil)
	_ flow.Memory[float64]     = (*method[float64])(nil)
	_ flow.Deriver[float64]    = (*method[float64])(nil)
	_ flow.Drawer              = (*method[float64])(nil)
	_ flow.Limiter             = (*method[float64])(nil)
)

func newMethod[T flow.Float](s System[T], p Path, r rule[T]) *method[T] {
	if p == nil {
		p = Increments{}
	}
	m := &method[T]{rule: r, sys: s, path: p, caps: driftCaps[T](s)}
	m.ef, _ = s.(flow.EnergyField[T])
	m.caps.Err = firstErr(&m.err, m.caps.Err)
	return m
}

// firstErr asks for an error of one's own, then for that of a model.
func firstErr(own *error, model func() error) func() error {
	return func() error {
		if *own != nil || model == nil {
			return *own
		}
		return model()
	}
}

// Name implements flow.Namer.
func (m *method[T]) Name() string { return m.rule.name }

// Caps returns the capabilities of the system, and tells of a path that fails.
func (m *method[T]) Caps() flow.Caps[T] { return m.caps }

// Limit implements flow.Limiter: the grid of the path.
func (m *method[T]) Limit(t, h float64) float64 { return m.path.Limit(t, h) }

// Init implements flow.Integrator.
func (m *method[T]) Init(s flow.Start[T], tr *flow.Trial) error {
	if err := m.check(s); err != nil {
		return err
	}
	m.prepare(len(s.X))
	m.want, m.err = s.Want, nil
	m.num[have0], m.num[have1] = 0, 0
	if !s.Keep {
		m.num[count] = 0
		m.id = idOf(m.path)
		copy(m.num[pathName:], m.id[:])
	}
	nan := math.NaN()
	*tr = flow.Trial{Err: nan, NoErr: true, Finite: true, Order: 1, E1: nan, Slope1: nan, SS: nan, SY: nan, YY: nan}
	m.start(tr, s.X, s.T)
	if i := firstNonFinite(m.f0); i >= 0 {
		return fmt.Errorf("sde: a(t0, x0)[%d] is %v at t0 = %v, want a finite number: %w", i, m.f0[i], s.T, flow.ErrNonFinite)
	}
	if e := m.num[e0]; m.ef != nil && e-e != 0 {
		return fmt.Errorf("sde: E(x0) is %v, want a finite number: %w", e, flow.ErrNonFinite)
	}
	m.diffuse(m.b[0], s.X, s.T)
	if i := firstNonFinite(m.b[0]); i >= 0 {
		return fmt.Errorf("sde: b(t0, x0)[%d] is %v at t0 = %v, want a finite number: %w", i, m.b[0][i], s.T, flow.ErrNonFinite)
	}
	tr.E0, tr.Slope0 = m.num[e0], m.num[slope0]
	return nil
}

// check says what is wrong with the system or the run.
func (m *method[T]) check(s flow.Start[T]) error {
	if m.sys == nil {
		return fmt.Errorf("sde: system of %s is nil: %w", m.rule.name, flow.ErrArgument)
	}
	if err := checkRun(m.rule.name, m.sys.Dim(), s); err != nil {
		return err
	}
	m.noise = m.sys.Noise()
	if err := m.noise.check(); err != nil {
		return err
	}
	if !m.rule.fits(m.noise) {
		return fmt.Errorf("sde: %s needs %s noise, got %v noise (additive: %t): %w", m.rule.name, m.rule.noise, m.noise.Shape, m.noise.Additive, flow.ErrArgument)
	}
	if !m.noise.Additive && m.noise.Calculus != m.rule.calculus {
		return fmt.Errorf("sde: %s solves equations in the sense of %v, got one in the sense of %v (see Convert): %w", m.rule.name, m.rule.calculus, m.noise.Calculus, flow.ErrArgument)
	}
	return nil
}

// checkRun says why a stochastic method of dimension n cannot make a run.
func checkRun[T flow.Float](name string, n int, s flow.Start[T]) error {
	switch {
	case n != len(s.X):
		return fmt.Errorf("sde: start point has length %d, want the dimension of the system, %d: %w", len(s.X), n, flow.ErrArgument)
	case s.Dir < 0:
		return fmt.Errorf("sde: %s cannot go backward in time, T1 must not be before T0: %w", name, flow.ErrArgument)
	case s.Want.Dissipate:
		return fmt.Errorf("sde: Ledger is for flows without noise, the energy of %s does not only dissipate: %w", name, flow.ErrArgument)
	}
	return nil
}

// prepare takes memory.
func (m *method[T]) prepare(n int) {
	channels, size := m.noise.channels(n), m.noise.size(n)
	if m.f0 != nil && m.dim == n && len(m.w) == channels && len(m.b[0]) == size {
		return
	}
	m.dim = n
	v := vectors[T](2+m.rule.vectors+m.rule.drifts, n)
	m.f0, m.f1, v = v[0], v[1], v[2:]
	m.v, m.a = v[:m.rule.vectors], v[m.rule.vectors:]
	m.b = vectors[T](m.rule.diffs, size)
	m.w, m.area = make([]float64, channels), nil
	if m.rule.area {
		m.area = make([]float64, channels)
	}
	if m.noise.Shape == General {
		m.wt = make([]T, channels)
	}
}

// vectors returns m vectors of length n cut from one allocation. The spare
// elements between them keep their distance from being a multiple of the page
// size (4K aliasing).
func vectors[T flow.Float](m, n int) [][]T {
	const spare = 24
	data := make([]T, m*(n+spare))
	v := make([][]T, m)
	for i := range v {
		from := i * (n + spare)
		v[i] = data[from : from+n : from+n]
	}
	return v
}

// firstNonFinite returns the index of the first entry that is NaN or infinite,
// -1 if there is none.
func firstNonFinite[T flow.Float](x []T) int {
	if kernel.AllFinite(x) {
		return -1
	}
	for i, v := range x {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// start makes f0 hold the drift at the current point.
func (m *method[T]) start(tr *flow.Trial, x []T, t float64) {
	if m.num[have0] == 1 {
		return
	}
	tr.Evals++
	m.num[e0], m.num[slope0] = math.NaN(), math.NaN()
	if m.ef != nil {
		m.num[e0], m.num[slope0] = m.ef.EvalEnergy(m.f0, x, t)
	} else {
		m.sys.Eval(m.f0, x, t)
	}
	m.num[have0] = 1
}

// drift stores a(t, x) in dst.
func (m *method[T]) drift(tr *flow.Trial, dst, x []T, t float64) {
	tr.Evals++
	m.sys.Eval(dst, x, t)
}

// diffuse stores b(t, x) in dst.
func (m *method[T]) diffuse(dst, x []T, t float64) { m.sys.Diffusion(dst, x, t) }

// Try implements flow.Integrator.
func (m *method[T]) Try(tr *flow.Trial, next, x []T, t, h float64) {
	tr.Evals, tr.Finite = 0, true
	if m.err = m.id.check(m.num[pathName:]); m.err == nil {
		m.err = m.path.Increment(m.w, m.area, uint64(m.num[count]), t, h)
	}
	m.num[e1], m.num[slope1], m.num[have1] = math.NaN(), math.NaN(), 0
	if m.err != nil {
		copy(next, x)
		return
	}
	m.start(tr, x, t)
	m.rule.step(m, tr, next, x, t, h)
	if m.ef != nil && (m.want.Energy || m.caps.Draw == nil) {
		tr.Evals++
		m.num[e1], m.num[slope1] = m.ef.EvalEnergy(m.f1, next, t+h)
		m.num[have1] = 1
		tr.Finite = m.num[e1]-m.num[e1] == 0
	}
	tr.E0, tr.Slope0, tr.E1, tr.Slope1 = m.num[e0], m.num[slope0], m.num[e1], m.num[slope1]
}

// Accept implements flow.Integrator.
func (m *method[T]) Accept() {
	m.num[count]++
	m.num[have0] = m.num[have1]
	if m.num[have1] == 1 {
		m.f0, m.f1 = m.f1, m.f0
		m.num[e0], m.num[slope0] = m.num[e1], m.num[slope1]
	}
}

// Touch implements flow.Integrator.
func (m *method[T]) Touch() { m.num[have0] = 0 }

// Draw implements flow.Drawer: a new mini-batch makes the remembered drift void.
func (m *method[T]) Draw(step uint64) {
	if m.caps.Draw != nil {
		m.caps.Draw(step)
		m.num[have0] = 0
	}
}

// Deriv implements flow.Deriver: the drift at the current point.
func (m *method[T]) Deriv() []T {
	if m.num[have0] == 1 {
		return m.f0
	}
	return nil
}

// Memory implements flow.Memory.
func (m *method[T]) Memory() (vec [][]T, num []float64) {
	m.mem[0] = m.f0
	return m.mem[:], m.num[:]
}

// addNoise adds b w to dst.
func (m *method[T]) addNoise(dst, b []T, w []float64) {
	switch m.noise.Shape {
	case Diagonal:
		b, w = b[:len(dst)], w[:len(dst)]
		for i := range dst {
			dst[i] += b[i] * T(w[i])
		}
	case Scalar:
		kernel.Axpy(T(w[0]), b, dst)
	case General:
		for j, v := range w {
			m.wt[j] = T(v)
		}
		kernel.Gemv(dst, 1, kernel.MatrixOf(m.dim, len(w), b), m.wt, 1)
	}
}

// stride is the distance in w of the increments of neighbouring components, for
// diagonal and scalar noise.
func (m *method[T]) stride() int {
	if m.noise.Shape == Diagonal {
		return 1
	}
	return 0
}

// anyNoise, ownNoise and additive are the kinds of noise that methods need.
func anyNoise(Noise) bool   { return true }
func ownNoise(n Noise) bool { return n.Shape != General }
func additive(n Noise) bool { return n.Additive }
