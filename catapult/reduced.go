package catapult

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
	"gonum.org/v1/gonum/mat"
)

// ReducedConfig describes gradient descent on the two-layer linear network of
// section 2 of arXiv 2003.02218,
//
//	f_α = n^(-1/2) vᵀ U x_α,   L = 1/(2m) Σ_α (f_α-y_α)² + γ/2 (|U|²+|v|²).
type ReducedConfig struct {
	// N is the width n >= 1, any real number up to the largest.
	N float64
	// Eta is the learning rate η.
	Eta float64
	// Decay is the weight decay γ >= 0.
	Decay float64
	// BatchSize is the size of the mini-batches, drawn without repetition within
	// an epoch. Zero means the full batch.
	BatchSize int
	// BatchSeed is the seed of the mini-batches: that of step k depends on
	// (BatchSeed, k) alone.
	BatchSeed uint64
	// Batches, if not nil, are mini-batches (lists of samples) to be used in
	// turn instead.
	Batches [][]int
}

func (c *ReducedConfig) check(m int) error {
	if !(c.N >= 1) || math.IsInf(c.N, 0) {
		return fmt.Errorf("catapult: N = %v, want a finite width >= 1: %w", c.N, ErrArgument)
	}
	if !(c.Eta > 0) || math.IsInf(c.Eta, 0) {
		return fmt.Errorf("catapult: Eta = %v, want a finite learning rate > 0: %w", c.Eta, ErrArgument)
	}
	if !(c.Decay >= 0) || math.IsInf(c.Decay, 0) {
		return fmt.Errorf("catapult: Decay = %v, want a finite number >= 0: %w", c.Decay, ErrArgument)
	}
	if c.BatchSize < 0 {
		return fmt.Errorf("catapult: BatchSize = %d, want >= 0: %w", c.BatchSize, ErrArgument)
	}
	if c.BatchSize > 0 && c.Batches != nil {
		return fmt.Errorf("catapult: BatchSize = %d and Batches are both set, want one of them: %w", c.BatchSize, ErrArgument)
	}
	b := NetConfig{BatchSize: c.BatchSize, Batches: c.Batches}
	return b.checkBatches(m)
}

// ReducedLinear is gradient descent on the two-layer linear network without its
// hidden layer. Outputs, loss and tangent kernel depend on the parameters only
// through
//
//	a = |v|²/n,   q = Uᵀv/√n in R^d,   M = UᵀU/n in R^(d x d),
//
// f = Xq, Θ = X(aI+M)Xᵀ/m, and a step of gradient descent maps these to
// themselves: with ζ = Xᵀ(f-y)/m and ρ = 1-ηγ,
//
//	a' = ρ²a - (2ρη/n) q·ζ + (η²/n) ζᵀMζ,
//	q' = ρ²q - ρη (Mζ+aζ) + (η²/n)(q·ζ) ζ,
//	M' = ρ²M - (ρη/n)(qζᵀ+ζqᵀ) + (η²/n) a ζζᵀ.
//
// The reduction is exact at every n, also with mini-batches (ζ over the batch).
// A step costs O(d²), with mini-batches of b samples O(bd+d²): a width of 10¹² is
// as cheap as one of 10. It is ours. The state is the flat slice (a, q, M), M
// row-major. A ReducedLinear keeps scratch memory and is for one goroutine at a
// time.
type ReducedLinear[T flow.Float] struct {
	cfg  ReducedConfig
	data linearData[T]
	draw *nn.Batches

	zeta, u, w []T
	coef       [3]T
	terms      [3][]T
}

// NewReducedLinear returns the reduced model on the data x (m x d, one sample a
// row) with labels y, which must not change afterwards. Errors wrap ErrArgument, ErrShape,
// ErrEmpty or ErrNonFinite.
func NewReducedLinear[T flow.Float](c ReducedConfig, x kernel.Matrix[T], y []T) (*ReducedLinear[T], error) {
	data, err := newLinearData(x, y)
	if err != nil {
		return nil, err
	}
	if err := c.check(data.m); err != nil {
		return nil, err
	}
	return newReduced(c, data), nil
}

func newReduced[T flow.Float](c ReducedConfig, data linearData[T]) *ReducedLinear[T] {
	r := &ReducedLinear[T]{cfg: c, data: data, zeta: make([]T, data.d), u: make([]T, data.d), w: make([]T, data.d)}
	if c.BatchSize > 0 && c.BatchSize < data.m {
		r.draw = &nn.Batches{M: data.m, Size: c.BatchSize, Seed: c.BatchSeed}
	}
	return r
}

// At returns the model on the same data at another width and learning rate, with
// scratch memory of its own: the factorised data are shared. Errors wrap
// ErrArgument.
func (r *ReducedLinear[T]) At(n, eta float64) (*ReducedLinear[T], error) {
	c := r.cfg
	c.N, c.Eta = n, eta
	if err := c.check(r.data.m); err != nil {
		return nil, err
	}
	return newReduced(c, r.data.share()), nil
}

// Config returns the configuration.
func (r *ReducedLinear[T]) Config() ReducedConfig { return r.cfg }

// Dim returns the length of the state, 1+d+d².
func (r *ReducedLinear[T]) Dim() int { return 1 + r.data.d + r.data.d*r.data.d }

// Parts returns a, and q and M as views, of a state.
func (r *ReducedLinear[T]) Parts(state []T) (a T, q []T, m kernel.Matrix[T]) {
	d := r.data.d
	if len(state) != r.Dim() {
		panic(fmt.Sprintf("catapult: state of length %d, want 1+d+d² = %d", len(state), r.Dim()))
	}
	return state[0], state[1 : 1+d], kernel.MatrixOf(d, d, state[1+d:])
}

// State returns the flat state of (a, q, M), q of length d and M symmetric d x
// d. Errors wrap ErrShape, ErrNonFinite, or ErrArgument if no parameters have
// them: a >= 0, M symmetric, and |q|² <= a tr M.
func (r *ReducedLinear[T]) State(a T, q []T, m kernel.Matrix[T]) ([]T, error) {
	d := r.data.d
	if len(q) != d {
		return nil, fmt.Errorf("catapult: len(q) = %d, want %d, the columns of x: %w", len(q), d, ErrShape)
	}
	if err := checkMatrix("m", m, d, d); err != nil {
		return nil, err
	}
	state := make([]T, r.Dim())
	_, sq, sm := r.Parts(state)
	state[0] = a
	copy(sq, q)
	trace := 0.0
	for i := range d {
		copy(sm.Row(i), m.Row(i))
		trace += float64(m.At(i, i))
		for j := range i {
			if m.At(i, j) != m.At(j, i) {
				return nil, fmt.Errorf("catapult: m[%d][%d] = %v, m[%d][%d] = %v, want a symmetric matrix: %w", i, j, m.At(i, j), j, i, m.At(j, i), ErrArgument)
			}
		}
	}
	if !kernel.AllFinite(state) {
		return nil, fmt.Errorf("catapult: a or q holds a NaN or an infinity: %w", ErrNonFinite)
	}
	const rounding = 1e-5 // of a float32 state that comes from parameters
	if q2 := kernel.SumSq(q); a < 0 || q2 > float64(a)*trace*(1+rounding) {
		return nil, fmt.Errorf("catapult: a = %v with |q|² = %v, tr m = %v, want a >= 0 and |q|² <= a tr m: %w", a, q2, trace, ErrArgument)
	}
	return state, nil
}

// Sample returns a random state with exactly the law that U, v ~ N(0, 1) have at
// width n, a function of (seed, member) alone: turn the hidden layer so that v
// points along its first axis; then q = √a z and M = (zzᵀ + W)/n with z ~ N(0, I)
// and W of Wishart's law with n-1 degrees of freedom, which is drawn by
// Bartlett's decomposition in O(d³) at any real n >= d; below, n is rounded down
// and W is summed.
func (r *ReducedLinear[T]) Sample(seed uint64, member int) []T {
	s, n, d := newSampler(seed, member), r.cfg.N, r.data.d
	a := s.chi2(n) / n
	cols := d // of L in W = L Lᵀ
	if n < float64(d) {
		cols = int(n) - 1
	}
	// The first column is z, the others L.
	b := kernel.NewMatrix[float64](d, 1+cols)
	for i := range d {
		row := b.Row(i)
		row[0] = s.NormFloat64()
		for j := range cols {
			switch {
			case cols < d || j < i:
				row[1+j] = s.NormFloat64()
			case j == i:
				row[1+j] = math.Sqrt(s.chi2(n - 1 - float64(i)))
			}
		}
	}
	m := kernel.NewMatrix[float64](d, d)
	kernel.Syrk(m, 1/n, b, 0)
	state := make([]T, r.Dim())
	_, q, _ := r.Parts(state)
	state[0] = T(a)
	for i := range q {
		q[i] = T(math.Sqrt(a) * b.At(i, 0))
	}
	for i, v := range m.Data {
		state[1+d+i] = T(v)
	}
	return state
}

// Next stores in dst the state after step k of gradient descent from x; k chooses
// the mini-batch. The slices must not overlap. It does not allocate.
func (r *ReducedLinear[T]) Next(dst, x []T, k int) {
	a, q, m := r.Parts(x)
	_, qn, mn := r.Parts(dst)
	r.batchGrad(q, k)
	n, eta := r.cfg.N, r.cfg.Eta
	rho := 1 - eta*r.cfg.Decay
	en := eta / n

	kernel.Gemv(r.w, 1, m, r.zeta, 0)
	qz, zmz := float64(kernel.Dot(q, r.zeta)), float64(kernel.Dot(r.zeta, r.w))
	dst[0] = T(rho*rho*float64(a) - 2*rho*en*qz + en*eta*zmz)

	r.coef = [3]T{T(rho*rho - 1), T(-rho * eta), T(en*eta*qz - rho*eta*float64(a))}
	r.terms = [3][]T{q, r.w, r.zeta}
	kernel.LincombTo(qn, q, 1, r.coef[:], r.terms[:])

	kernel.Axpby(T(-rho*en), q, 0, r.u)
	kernel.Axpy(T(en*eta*float64(a)/2), r.zeta, r.u)
	rankTwo(mn, T(rho*rho), m, r.zeta, r.u)
}

// rankTwo stores c M + zuᵀ + uzᵀ in dst, in one pass and exactly symmetric if M
// is.
func rankTwo[T flow.Float](dst kernel.Matrix[T], c T, m kernel.Matrix[T], z, u []T) {
	for i, zi := range z {
		ui, to, from := u[i], dst.Row(i)[:len(u)], m.Row(i)[:len(u)]
		for j, uj := range u {
			to[j] = c*from[j] + (T(zi*uj) + T(ui*z[j])) // the conversions forbid fusing, which is not symmetric
		}
	}
}

// batchGrad stores ζ over the batch of step k in r.zeta.
func (r *ReducedLinear[T]) batchGrad(q []T, k int) {
	var batch []int
	switch {
	case len(r.cfg.Batches) > 0:
		batch = r.cfg.Batches[k%len(r.cfg.Batches)]
	case r.draw != nil:
		batch = r.draw.At(uint64(k))
	default:
		r.data.gram.grad(r.zeta, q)
		return
	}
	clear(r.zeta)
	for _, i := range batch {
		row := r.data.x.Row(i)
		kernel.Axpy((kernel.Dot(row, q)-r.data.y[i])/T(len(batch)), row, r.zeta)
	}
}

// Integrator returns the map for flow.New. Set flow.Options.Bound to +Inf at
// large widths: |q| reaches the order of √n at the peak of a catapult.
func (r *ReducedLinear[T]) Integrator() flow.Integrator[T] {
	return flow.MapFunc(r.Dim(), func(dst, x []T, k int) error {
		r.Next(dst, x, k)
		return nil
	})
}

// Loss returns L = |Xq-y|²/2m on the full data, without weight decay.
func (r *ReducedLinear[T]) Loss(state []T) float64 {
	_, q, _ := r.Parts(state)
	return r.data.gram.grad(r.zeta, q)
}

// GradNorm2 returns |∇E|², the squared norm of the gradient by all parameters of
// the network, on the full data: with E = L + γ/2 |θ|²,
//
//	|∇E|² = ζᵀ(aI+M)ζ + 4γ q·ζ + γ²n(a + tr M).
func (r *ReducedLinear[T]) GradNorm2(state []T) float64 {
	_, g2 := r.lossGrad(state)
	return g2
}

// lossGrad returns L and |∇E|².
func (r *ReducedLinear[T]) lossGrad(state []T) (loss, grad2 float64) {
	a, q, m := r.Parts(state)
	loss = r.data.gram.grad(r.zeta, q)
	kernel.Gemv(r.w, 1, m, r.zeta, 0)
	kernel.Axpy(a, r.zeta, r.w)
	grad2 = float64(kernel.Dot(r.zeta, r.w))
	if g := r.cfg.Decay; g > 0 {
		norm := float64(a)
		for i := range q {
			norm += float64(m.At(i, i))
		}
		grad2 += 4*g*float64(kernel.Dot(q, r.zeta)) + g*g*r.cfg.N*norm
	}
	return loss, grad2
}

// Outputs stores f = Xq, of length m, in dst and returns it.
func (r *ReducedLinear[T]) Outputs(dst, state []T) []T {
	_, q, _ := r.Parts(state)
	kernel.Gemv(dst, 1, r.data.x, q, 0)
	return dst
}

// NTK stores the tangent kernel Θ = X(aI+M)Xᵀ/m in dst, which is given the size m
// if it is empty. It allocates.
func (r *ReducedLinear[T]) NTK(dst *mat.SymDense, state []T) {
	a, _, m := r.Parts(state)
	r.data.ntk(dst, a, m)
}

// NTKTop returns the curvature λ, the largest eigenvalue of Θ; it is NaN and not
// Converged if the state is not finite. Up to min(m, d) = 64 all eigenvalues are
// computed, which allocates; beyond, λ comes from Lanczos' method.
func (r *ReducedLinear[T]) NTKTop(state []T) Curvature {
	a, _, m := r.Parts(state)
	return r.data.ntkTop(a, m)
}
