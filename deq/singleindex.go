package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// SingleIndexOptions are the options of a SingleIndex.
type SingleIndexOptions struct {
	// Frozen keeps v: with v = 0 the model is the explicit σ(w·x).
	Frozen bool
	// AllowNonUnique goes on where vσ' < 1 is not certain, with the equilibrium nearest to the one
	// before (0 at first); see SingleIndex.Unique. Without it such a v is an error.
	AllowNonUnique bool
	// AbsTol is an absolute residual of the equilibria that is accepted besides the
	// relative one. The zero value is right: with anything else dead units of a
	// rectifier may wake up by rounding.
	AbsTol float64
	// Cold starts the search for the equilibria at 0 instead of at the ones of the
	// evaluation before. It takes longer, and makes values a function of θ alone to
	// the last bit instead of the last digits.
	Cold bool
	// BatchSize is the size of mini-batches, drawn without repetition within an
	// epoch; that of step k depends on (BatchSeed, k) alone. Energy, gradient and
	// HessVec are then those of the current batch; all other methods look at all
	// samples. Zero: all samples.
	BatchSize int
	BatchSeed uint64
}

// SingleIndex is the risk of the single-index deep equilibrium model y = σ(w·x + vy)
// with scalar output, as an energy over θ = (w, v), of length d+1: with u = (x, y), s
// = σ'(w·x+vy) and targets y*,
//
//	R = (1/N) Σ (y-y*)²,   ∇R = (2/N) Σ (y-y*) s/(1-vs) u.
//
// Where vσ' < 1 for all slopes of σ (v sup σ' < 1 for a nondecreasing σ, however negative v
// is) the equilibrium exists and is unique. Where that fails the energy is
// NaN and Caps.Err returns an error that wraps ErrIllPosed, so that a run ends with
// flow.FieldError at its last good θ. SingleIndex keeps scratch memory: it is for one
// goroutine at a time.
type SingleIndex[T flow.Float] struct {
	act    Activation
	opt    SingleIndexOptions
	n, d   int
	x      kernel.Matrix[T]
	target []T
	roots  *rootSolver[T]

	y       []T // equilibria of the last evaluation
	on      indexSamples[T]
	batch   *indexBatch[T] // nil: all samples
	step    int            // rows of a block
	p, s, c []T            // of a block
	g, g2   []T            // gradients before scaling
	dp      []T            // of HessVec
	unique  bool
	err     error
}

var _ flow.Energy[float64] = (*SingleIndex[float64])(nil)

// NewSingleIndex returns the model with activation act for the samples x (N x d, one
// a row) with the given targets; both are kept as views. Errors wrap ErrArgument,
// ErrShape, ErrEmpty or ErrNotFinite.
func NewSingleIndex[T flow.Float](act Activation, x kernel.Matrix[T], target []T, o SingleIndexOptions) (*SingleIndex[T], error) {
	if err := act.check(); err != nil {
		return nil, err
	}
	switch {
	case x.Rows != len(target) || x.Cols < 1:
		return nil, fmt.Errorf("deq: x is %d x %d for %d targets, want N x d and N: %w", x.Rows, x.Cols, len(target), ErrShape)
	case x.Rows == 0:
		return nil, fmt.Errorf("deq: single-index model of no samples: %w", ErrEmpty)
	case o.BatchSize < 0:
		return nil, fmt.Errorf("deq: BatchSize = %d, want a number > 0, or 0 for all samples: %w", o.BatchSize, ErrArgument)
	case !(o.AbsTol >= 0) || math.IsInf(o.AbsTol, 1):
		return nil, fmt.Errorf("deq: AbsTol = %v, want a finite number >= 0: %w", o.AbsTol, ErrArgument)
	}
	if err := finiteRows("x", x); err != nil {
		return nil, err
	}
	if err := finite("target", target); err != nil {
		return nil, err
	}
	m := &SingleIndex[T]{act: act, opt: o, n: x.Rows, d: x.Cols, x: x, target: target, y: make([]T, x.Rows), unique: true}
	m.roots, m.step = newRootSolver[T](&m.act, o.AbsTol), min(kernel.RootRows[T](m.d), rootBlock)
	for _, b := range []*[]T{&m.p, &m.s, &m.c, &m.dp} {
		*b = make([]T, m.step)
	}
	m.g, m.g2 = make([]T, m.d+1), make([]T, m.d+1)
	m.on = indexSamples[T]{x, target, m.y}
	if o.BatchSize > 0 && o.BatchSize < m.n {
		m.batch = newIndexBatch[T](m.n, o)
		m.Draw(0)
	}
	return m, nil
}

// Dim returns d+1.
func (m *SingleIndex[T]) Dim() int { return m.d + 1 }

// Unique says whether vσ' < 1 held at the last evaluation; if not (only with
// AllowNonUnique) the model may have other equilibria.
func (m *SingleIndex[T]) Unique() bool { return m.unique }

// check panics unless theta has length d+1.
func (m *SingleIndex[T]) check(theta []T) {
	if len(theta) != m.d+1 {
		panic(fmt.Sprintf("deq: parameters of length %d, want d+1 = %d", len(theta), m.d+1))
	}
}

// begin looks at the parameters before the blocks are solved.
func (m *SingleIndex[T]) begin(theta []T) bool {
	m.check(theta)
	m.err, m.unique = nil, true
	if !kernel.AllFinite(theta) {
		return false
	}
	if err := m.act.posed(float64(theta[m.d])); err != nil {
		m.unique = false
		if !m.opt.AllowNonUnique {
			m.err = err
			return false
		}
	}
	if m.opt.Cold {
		clear(m.on.y)
	}
	return true
}

// rows are the samples from, ..., to-1 with their part of the buffers.
type rows[T flow.Float] struct {
	x                  kernel.Matrix[T]
	y, s, p, c, target []T // equilibria, σ', w·x, coefficients of the gradient, targets
	from               int
}

// rows multiplies the samples from, ..., to-1 by w.
func (m *SingleIndex[T]) rows(theta []T, from, to int) rows[T] {
	n := to - from
	b := rows[T]{
		x: kernel.Matrix[T]{Rows: n, Cols: m.d, Stride: m.on.x.Stride, Data: m.on.x.Data[from*m.on.x.Stride:]},
		y: m.on.y[from:to], s: m.s[:n], p: m.p[:n], c: m.c[:n], target: m.on.target[from:to], from: from,
	}
	kernel.Gemv(b.p, 1, b.x, theta[:m.d], 0)
	return b
}

// solve stores the equilibria in y and σ' there in s.
func (m *SingleIndex[T]) solve(b *rows[T], v float64) bool {
	if m.unique {
		if i := m.roots.solve(b.y, b.s, b.p, v); i >= 0 {
			m.err = errRoot(b.from + i)
		}
		return m.err == nil
	}
	for i := range b.y {
		root, slope, err := m.roots.nearest(float64(b.y[i]), float64(b.p[i]), v)
		if err != nil {
			m.err = fmt.Errorf("sample %d: %w", b.from+i, err)
			return false
		}
		b.y[i], b.s[i] = T(root), T(slope)
	}
	return true
}

// residuals is solve that also stores (y-y*) s/(1-vs) in c and returns Σ (y-y*)² and
// Σ c y.
func (m *SingleIndex[T]) residuals(b *rows[T], v float64) (sum, cy float64, ok bool) {
	if m.unique {
		if sum, cy, ok = m.roots.fast(v, b.y, b.s, b.c, b.p, b.target); ok {
			return sum, cy, true
		}
	}
	if !m.solve(b, v) {
		return math.NaN(), math.NaN(), false
	}
	kernel.SubTo(b.c, b.y, b.target)
	sum = kernel.SumSq(b.c)
	for i, e := range b.c {
		b.c[i] = e * b.s[i] / (1 - T(v)*b.s[i])
	}
	return sum, float64(kernel.Dot(b.c, b.y)), true
}

// EnergyGrad returns R(θ), with mini-batches that of the current one, and stores its
// gradient in grad unless that is nil.
func (m *SingleIndex[T]) EnergyGrad(grad, theta []T) float64 {
	risk, _ := m.eval(grad, theta, Backward{}, 1)
	return risk
}

// eval returns the risk and stores scale times the gradient of a backward rule in dst
// unless that is nil; slope is the product of that with the exact gradient.
func (m *SingleIndex[T]) eval(dst, theta []T, rule Backward, scale float64) (risk, slope float64) {
	if !m.begin(theta) {
		fill(dst)
		return math.NaN(), math.NaN()
	}
	if dst != nil {
		m.check(dst)
	}
	clear(m.g)
	clear(m.g2)
	sum, ok := m.collect(theta, rule, dst != nil)
	if !ok {
		fill(dst)
		return math.NaN(), math.NaN()
	}
	inv := 1 / float64(m.on.x.Rows)
	if dst == nil {
		return sum * inv, math.NaN()
	}
	if m.opt.Frozen {
		m.g[m.d], m.g2[m.d] = 0, 0
	}
	kernel.Scal(T(2*inv), m.g2)
	if rule.Rule == Exact {
		copy(m.g, m.g2)
	} else {
		kernel.Scal(T(2*inv), m.g)
	}
	for i, g := range m.g {
		dst[i] = T(scale) * g
	}
	return sum * inv, scale * float64(kernel.Dot(m.g, m.g2))
}

// collect returns Σ (y-y*)², and adds N/2 times the gradient to g2 and that of
// another rule to g if they are wanted.
func (m *SingleIndex[T]) collect(theta []T, rule Backward, grad bool) (sum float64, ok bool) {
	w, v, last, n := theta[:m.d], float64(theta[m.d]), 0.0, m.on.x.Rows
	for from := 0; from < n; from += m.step {
		if grad && rule.Rule == Exact && m.unique && m.roots.prepare(v) {
			ee, cy, end := kernel.RootGrad(m.g2[:m.d], m.on.x, w, m.on.y, m.on.target, &m.roots.coefs, m.s, m.c, m.p, from)
			sum, last, from = sum+ee, last+cy, end
			if from == n {
				break
			}
		}
		b := m.rows(theta, from, min(from+m.step, n))
		ee, cy, ok := m.residuals(&b, v)
		if !ok {
			return 0, false
		}
		sum, last = sum+ee, last+cy
		if !grad {
			continue
		}
		kernel.GemvT(m.g2[:m.d], 1, b.x, b.c, 1)
		if rule.Rule != Exact {
			for i, y := range b.y {
				b.c[i] = (y - b.target[i]) * b.s[i] * T(rule.Factor(v*float64(b.s[i])))
			}
			m.add(m.g, &b)
		}
	}
	m.g2[m.d] = T(last)
	m.keep()
	return sum, true
}

// add adds Σ c_i (x_i, y_i) to g.
func (m *SingleIndex[T]) add(g []T, b *rows[T]) {
	kernel.GemvT(g[:m.d], 1, b.x, b.c, 1)
	g[m.d] += kernel.Dot(b.c, b.y)
}

// Field returns the flow of a backward rule, θ' = -(2/N) Σ (y-y*) s f(vs) u, with the
// risk as its energy; the exact rule gives the gradient flow. It shares the scratch
// memory of m. The error wraps ErrArgument.
func (m *SingleIndex[T]) Field(rule Backward) (flow.EnergyField[T], error) {
	if err := rule.check(); err != nil {
		return nil, err
	}
	if rule.Rule == Exact {
		return flow.GradientFlow[T](m), nil
	}
	caps := m.Caps()
	caps.HessVec, caps.Invariants = nil, nil
	return &ruleField[T]{m.Dim(), func(dst, theta []T) (float64, float64) { return m.eval(dst, theta, rule, -1) }, caps}, nil
}

// HessVec stores ∇²R(θ) p in dst. With e = y-y*, κ = s/(1-vs), p = (δw, δv) and
//
//	δz = (δw·x + δv y)/(1-vs),  δy = s δz,  δκ = (σ''δz + s²δv)/(1-vs)²,
//
// it is (2/N) Σ (δy κ + e δκ) u + e κ (0, δy).
func (m *SingleIndex[T]) HessVec(dst, theta, p []T) {
	m.check(p)
	m.check(dst)
	if !m.begin(theta) {
		fill(dst)
		return
	}
	clear(m.g)
	v, dv := float64(theta[m.d]), float64(p[m.d])
	if m.opt.Frozen {
		dv = 0
	}
	extra, n := 0.0, m.on.x.Rows
	for from := 0; from < n; from += m.step {
		b := m.rows(theta, from, min(from+m.step, n))
		if !m.solve(&b, v) {
			fill(dst)
			return
		}
		dp := m.dp[:len(b.y)]
		kernel.Gemv(dp, 1, b.x, p[:m.d], 0)
		for i := range dp {
			si, yi := float64(b.s[i]), float64(b.y[i])
			e := yi - float64(b.target[i])
			inv := 1 / (1 - v*si)
			dz := (float64(dp[i]) + dv*yi) * inv
			dy, kappa := si*dz, si*inv
			dk := (m.act.D2(float64(b.p[i])+v*yi)*dz + si*si*dv) * inv * inv
			b.c[i] = T(dy*kappa + e*dk)
			extra += e * kappa * dy
		}
		m.add(m.g, &b)
	}
	m.g[m.d] += T(extra)
	if m.opt.Frozen {
		m.g[m.d] = 0
	}
	kernel.Scal(T(2/float64(n)), m.g)
	copy(dst, m.g)
}

// Predict stores the equilibria of the samples x (N x d) in dst. Errors wrap
// ErrShape, ErrNotFinite or ErrIllPosed. N = 0 is no error.
func (m *SingleIndex[T]) Predict(dst, theta []T, x kernel.Matrix[T]) error {
	m.check(theta)
	if err := finite("theta", theta); err != nil {
		return err
	}
	t := Teacher[T]{W: theta[:m.d], V: float64(theta[m.d]), Act: m.act}
	return t.Targets(dst, x)
}

// Equilibria returns a copy of the equilibria of the samples at the last evaluation.
func (m *SingleIndex[T]) Equilibria() []T { return append([]T(nil), m.y...) }

// Caps are the Hessian-vector product, the failure of the last evaluation, and for
// identity and ReLU, unless v is frozen, the invariant |w|²+(1-v)².
func (m *SingleIndex[T]) Caps() flow.Caps[T] {
	c := flow.Caps[T]{
		Autonomous: m.batch == nil,
		HessVec:    m.HessVec,
		Err:        func() error { return m.err },
	}
	if m.batch != nil {
		c.Draw = m.Draw
	}
	if (m.act.form == formIdentity || m.act.form == formReLU) && !m.opt.Frozen {
		c.Invariants = []flow.Invariant[T]{{Name: "|w|²+(1-v)²", Value: func(theta []T) float64 {
			m.check(theta)
			v := 1 - float64(theta[m.d])
			return kernel.SumSq(theta[:m.d]) + v*v
		}}}
	}
	return c
}
