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

	y           []T // equilibria of the last evaluation
	p, s, c, c2 []T // of a block
	g, g2       []T // gradients before scaling
	dp          []T // of HessVec
	unique      bool
	err         error
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
	m.roots = newRootSolver[T](&m.act, o.AbsTol)
	for _, b := range []*[]T{&m.p, &m.s, &m.c, &m.c2, &m.dp} {
		*b = make([]T, rootBlock)
	}
	m.g, m.g2 = make([]T, m.d+1), make([]T, m.d+1)
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
		clear(m.y)
	}
	return true
}

// block solves the rows from, ..., to-1: it stores w·x in p, the equilibria in y and
// σ' there in s.
func (m *SingleIndex[T]) block(theta []T, from, to int) (x kernel.Matrix[T], y, s, p []T, ok bool) {
	x = kernel.Matrix[T]{Rows: to - from, Cols: m.d, Stride: m.x.Stride, Data: m.x.Data[from*m.x.Stride:]}
	y, s, p = m.y[from:to], m.s[:to-from], m.p[:to-from]
	kernel.Gemv(p, 1, x, theta[:m.d], 0)
	v := float64(theta[m.d])
	if m.unique {
		if i := m.roots.solve(y, s, p, v); i >= 0 {
			m.err = errRoot(from + i)
		}
		return x, y, s, p, m.err == nil
	}
	for i := range y {
		root, slope, err := m.roots.nearest(float64(y[i]), float64(p[i]), v)
		if err != nil {
			m.err = fmt.Errorf("sample %d: %w", from+i, err)
			return x, y, s, p, false
		}
		y[i], s[i] = T(root), T(slope)
	}
	return x, y, s, p, true
}

// EnergyGrad returns R(θ) and stores its gradient in grad unless that is nil.
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
	v, sum := theta[m.d], 0.0
	for from := 0; from < m.n; from += rootBlock {
		to := min(from+rootBlock, m.n)
		x, y, s, _, ok := m.block(theta, from, to)
		if !ok {
			fill(dst)
			return math.NaN(), math.NaN()
		}
		c, target := m.c[:to-from], m.target[from:to]
		kernel.SubTo(c, y, target)
		sum += kernel.SumSq(c)
		if dst == nil {
			continue
		}
		if rule.Rule != Exact {
			c2 := m.c2[:to-from]
			copy(c2, c)
			for i, e := range c2 {
				c[i] = e * s[i] * T(rule.Factor(float64(v*s[i])))
			}
			m.collect(m.g, x, y, c)
			c = c2
		}
		for i, e := range c {
			c[i] = e * s[i] / (1 - v*s[i])
		}
		m.collect(m.g2, x, y, c)
	}
	inv := 1 / float64(m.n)
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

// collect adds Σ c_i (x_i, y_i) to g.
func (m *SingleIndex[T]) collect(g []T, x kernel.Matrix[T], y, c []T) {
	kernel.GemvT(g[:m.d], 1, x, c, 1)
	g[m.d] += kernel.Dot(c, y)
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
	extra := 0.0
	for from := 0; from < m.n; from += rootBlock {
		to := min(from+rootBlock, m.n)
		x, y, s, q, ok := m.block(theta, from, to)
		if !ok {
			fill(dst)
			return
		}
		dp, c := m.dp[:to-from], m.c[:to-from]
		kernel.Gemv(dp, 1, x, p[:m.d], 0)
		for i := range c {
			si, yi, e := float64(s[i]), float64(y[i]), float64(y[i])-float64(m.target[from+i])
			inv := 1 / (1 - v*si)
			dz := (float64(dp[i]) + dv*yi) * inv
			dy, kappa := si*dz, si*inv
			dk := (m.act.D2(float64(q[i])+v*yi)*dz + si*si*dv) * inv * inv
			c[i] = T(dy*kappa + e*dk)
			extra += e * kappa * dy
		}
		m.collect(m.g, x, y, c)
	}
	m.g[m.d] += T(extra)
	if m.opt.Frozen {
		m.g[m.d] = 0
	}
	kernel.Scal(T(2/float64(m.n)), m.g)
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
		Autonomous: true,
		HessVec:    m.HessVec,
		Err:        func() error { return m.err },
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
