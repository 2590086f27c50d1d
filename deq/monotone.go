package deq

import (
	"context"
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Monotone is the monotone operator equilibrium layer of E. Winston and J. Z.
// Kolter (arXiv 2006.08591): the dense layer with
//
//	W = (1-μ) I - AᵀA + B - Bᵀ,  A k x n, B n x n, μ > 0,
//
// so that sym(I-W) >= μI whatever A and B are. With a nondecreasing σ of slope at
// most 1 it has one fixed point for every input. W has as a rule eigenvalues
// outside the unit circle, so that Picard's iteration must not be used.
//
// After a change of μ, A or B, Update must be called; between updates any number of
// goroutines may share the layer, each with an Equilibrium of its own.
type Monotone[T flow.Float] struct {
	Mu   T
	A    kernel.Matrix[T]
	Skew kernel.Matrix[T] // B of the parameterisation
	U    kernel.Matrix[T]
	B    []T // bias b
	Act  Activation

	dense Dense[T]

	mu     sync.Mutex
	lu     factors
	alpha  float64          // of v, 0 for none
	v, vt  kernel.Matrix[T] // (I + α(I-W))⁻¹ and its transpose
	lip    float64          // |I-W|₂, 0 if not known
	spare  bool             // v and vt belong to nobody
	buffer []float64
}

// MonotoneGrad is a gradient in the parameters of a Monotone, and with Dense in
// those of its dense layer.
type MonotoneGrad[T flow.Float] struct {
	Mu      T
	A, Skew kernel.Matrix[T]
	Dense   DenseGrad[T]

	sum kernel.Matrix[T]
}

// NewMonotone returns the layer with these parameters, which are kept as views.
// Errors wrap ErrShape, ErrArgument or ErrNotFinite.
func NewMonotone[T flow.Float](mu T, a, skew, u kernel.Matrix[T], b []T, act Activation) (*Monotone[T], error) {
	m := &Monotone[T]{Mu: mu, A: a, Skew: skew, U: u, B: b, Act: act}
	n := len(b)
	for _, s := range []struct {
		name       string
		m          kernel.Matrix[T]
		rows, cols int
	}{{"A", a, a.Rows, n}, {"Skew", skew, n, n}, {"U", u, n, u.Cols}} {
		if s.m.Rows != s.rows || s.m.Cols != s.cols {
			return nil, fmt.Errorf("deq: %s is %d x %d, want %d x %d for len(b) = %d: %w", s.name, s.m.Rows, s.m.Cols, s.rows, s.cols, n, ErrShape)
		}
	}
	if err := act.check(); err != nil {
		return nil, err
	}
	if !act.Monotone() || act.Lip > 1 {
		return nil, fmt.Errorf("deq: activation %q has slopes from %v to %v, a monotone layer wants them in [0, 1]: %w", act.Name, act.MinSlope, act.Lip, ErrArgument)
	}
	return m, m.Update()
}

// Update makes W of the parameters as they are now. Errors wrap ErrArgument or
// ErrNotFinite.
func (m *Monotone[T]) Update() error {
	if v := float64(m.Mu); !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("deq: μ = %v, want a finite number > 0: %w", v, ErrArgument)
	}
	if err := checkMatrix(m.A, "A"); err != nil {
		return err
	}
	if err := checkMatrix(m.Skew, "Skew"); err != nil {
		return err
	}
	m.compose()
	return nil
}

// compose makes W of the parameters.
func (m *Monotone[T]) compose() {
	n := len(m.B)
	w := &m.dense.W
	matrix(w, n, n)
	kernel.SyrkT(*w, -1, m.A, 0)
	for i := range n {
		row := w.Row(i)
		for j := range row {
			row[j] += m.Skew.At(i, j) - m.Skew.At(j, i)
		}
		row[i] += 1 - m.Mu
	}
	m.dense.U, m.dense.B, m.dense.Act = m.U, m.B, m.Act
	m.alpha, m.lip, m.spare = 0, 0, true
}

// Dense returns the layer in dense form, a view that Update keeps current.
func (m *Monotone[T]) Dense() *Dense[T] { return &m.dense }

// Solve is Dense.Solve with Peaceman-Rachford splitting as the default.
func (m *Monotone[T]) Solve(ctx context.Context, eq *Equilibrium[T], x kernel.Matrix[T], o *SolveOptions[T]) (*SolveStats, error) {
	l := &m.dense
	if err := l.prepare(eq, x); err != nil {
		return nil, err
	}
	eq.forward.set(l, x)
	eq.monotone = m
	eq.split = monotoneMap[T]{layerMap: &eq.forward, parent: m}
	st, err := eq.run(ctx, &eq.split, o)
	if err != nil {
		return st, err
	}
	// |p - z*| <= |W r|/μ, with the bound of |W|₂ at hand.
	bound := eq.bound / max(l.Act.Lip, 1e-300) * st.Residual / float64(m.Mu)
	if o == nil || !o.ReturnImage {
		bound += st.Residual
	}
	st.CertifiedError = min(st.CertifiedError, bound)
	eq.stats = *st
	return st, nil
}

// Backward is Dense.Backward with the gradients dA = -A(dW + dWᵀ), dB = dW - dWᵀ
// and dμ = -tr dW.
func (m *Monotone[T]) Backward(ctx context.Context, g *MonotoneGrad[T], eq *Equilibrium[T], dLdZ kernel.Matrix[T], bw Backward, o *BackwardOptions[T]) (*SolveStats, error) {
	st, err := m.dense.Backward(ctx, &g.Dense, eq, dLdZ, bw, o)
	if err != nil {
		return st, err
	}
	n := len(m.B)
	w := g.Dense.W
	keepShape(&g.A, m.A.Rows, n)
	keepShape(&g.Skew, n, n)
	matrix(&g.sum, n, n)
	g.Mu = 0
	for i := range n {
		g.Mu -= w.At(i, i)
		for j := range n {
			g.sum.Set(i, j, w.At(i, j)+w.At(j, i))
			g.Skew.Set(i, j, w.At(i, j)-w.At(j, i))
		}
	}
	kernel.Gemm(g.A, -1, m.A, g.sum, 0)
	return st, nil
}

// inverse returns V = (I + α(I-W))⁻¹ and Vᵀ, made once for an α and an update.
func (m *Monotone[T]) inverse(alpha float64) (v, vt kernel.Matrix[T], err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.alpha == alpha {
		return m.v, m.vt, nil
	}
	n := len(m.B)
	a := m.lu.matrix(n)
	for i := range n {
		for j, w := range m.dense.W.Row(i) {
			a[i*n+j] = -alpha * float64(w)
		}
		a[i*n+i] += 1 + alpha
	}
	if !m.lu.factor() {
		return v, vt, fmt.Errorf("deq: I + α(I-W) with α = %v is singular to working precision: %w", alpha, ErrSingular)
	}
	m.buffer = room(m.buffer, n*n)
	clear(m.buffer)
	for i := range n {
		m.buffer[i*n+i] = 1
	}
	m.lu.solveMany(m.buffer, n)
	if !m.spare { // a solve with another α may be reading them
		m.v, m.vt = kernel.Matrix[T]{}, kernel.Matrix[T]{}
	}
	matrix(&m.v, n, n)
	matrix(&m.vt, n, n)
	for i, x := range m.buffer {
		m.v.Data[i] = T(x)
	}
	transpose(m.vt, m.v)
	m.alpha, m.spare = alpha, false
	return m.v, m.vt, nil
}

// forwardStep is μ/|I-W|₂², the best α of forward-backward splitting.
func (m *Monotone[T]) forwardStep() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.B)
	if m.lip == 0 && n > 0 {
		w := mat.NewDense(n, n, nil)
		for i := range n {
			for j, v := range m.dense.W.Row(i) {
				w.Set(i, j, -float64(v))
			}
			w.Set(i, i, 1+w.At(i, i))
		}
		var svd mat.SVD
		if !svd.Factorize(w, mat.SVDNone) {
			m.lip = mat.Norm(w, 2) // Frobenius, a bound
		} else {
			m.lip = svd.Values(nil)[0]
		}
	}
	return float64(m.Mu) / (m.lip * m.lip)
}
