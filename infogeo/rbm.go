package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// RBM is a restricted Boltzmann machine of binary units (Smolensky 1986), V visible and H
// hidden ones, whose hidden units are summed over exactly,
//
//	log p(v) = a·v + Σ_j log(1 + exp(c_j + Σ_i v_i W_ij)) - ψ,
//
// with the loss KL(q‖p) to a distribution q on the 2^V visible states. θ is (a, c, W by
// rows), of length V + H + VH; bit i of a state is unit i. The visible distributions are no
// exponential family in θ: with t̄(v) = E[t|v], the expectation of the statistics
// t = (v, h, v hᵀ) given v,
//
//	∇L = Σ (p - q) t̄,   Fisher matrix  F = Cov_p t̄,
//
// F has a rank of at most 2^V - 1 and is singular in general: the metric needs damping. The
// Fisher matrix Cov t of the joint distribution, the family of a bipartite Boltzmann
// machine, is greater: the difference is E Cov(t|v).
//
// An RBM is a flow.Energy, and a flow.Metric by F + Damping I: flow.NaturalFlow(r, r) is the
// damped natural gradient flow. It keeps H+4 vectors of length 2^V as scratch memory.
type RBM struct {
	// Damping is added to the diagonal of F in SolveMetric; 0 means 1e-3.
	Damping float64

	v, h  int
	q     []float64
	sums  kernel.Matrix[float64] // H x 2^V: inputs, then probabilities of the hidden units
	p     []float64
	work  []float64
	soft  []float64
	psi   float64
	theta []float64
	known bool
	rows  kernel.Matrix[float64] // 2^V x Dim, made at the first use
	mean  []float64
	chol  *cholesky
	joint *Boltzmann
	err   error
}

var (
	_ flow.Energy[float64] = (*RBM)(nil)
	_ flow.Metric[float64] = (*RBM)(nil)
)

// NewRBM returns the machine for the target q, which it copies. Errors wrap ErrInvalid (also
// unless 1 <= visible <= 26, hidden >= 1) and ErrShape.
func NewRBM(visible, hidden int, q []float64) (*RBM, error) {
	if visible < 1 || visible > maxUnits || hidden < 1 {
		return nil, fmt.Errorf("infogeo: RBM with %d visible and %d hidden units, want 1 to %d and at least 1: %w", visible, hidden, maxUnits, ErrInvalid)
	}
	n := 1 << visible
	if len(q) != n {
		return nil, fmt.Errorf("infogeo: q has length %d, want the number of visible states, %d: %w", len(q), n, ErrShape)
	}
	if err := checkDistribution("q", q); err != nil {
		return nil, err
	}
	r := &RBM{v: visible, h: hidden, q: append([]float64(nil), q...), sums: kernel.NewMatrix[float64](hidden, n)}
	r.p, r.work, r.soft, r.theta = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, r.Dim())
	return r, nil
}

// Dim implements flow.Energy: V + H + VH.
func (r *RBM) Dim() int { return r.v + r.h + r.v*r.h }

// cut returns the parts of a parameter vector.
func (r *RBM) cut(theta []float64) (a, c []float64, w kernel.Matrix[float64]) {
	checkDims(r.Dim(), theta)
	return theta[:r.v], theta[r.v : r.v+r.h], kernel.MatrixOf(r.v, r.h, theta[r.v+r.h:])
}

// at makes p, the probabilities of the hidden units and ψ those of theta.
func (r *RBM) at(theta []float64) {
	a, c, w := r.cut(theta)
	if r.known && same(r.theta, theta) {
		return
	}
	copy(r.theta, theta)
	clear(r.p)
	for i, x := range a {
		r.p[1<<i] = x
	}
	SubsetSums(r.p)
	for j, bias := range c {
		in := r.sums.Row(j)
		clear(in)
		in[0] = bias
		for i := range r.v {
			in[1<<i] = w.Row(i)[j]
		}
		SubsetSums(in)
		kernel.Softplus(r.soft, in)
		kernel.AddTo(r.p, r.p, r.soft)
		kernel.Sigmoid(in, in)
	}
	r.psi = SoftmaxLogits(r.p, r.p)
	r.known = true
}

// LogPartition returns ψ(θ).
func (r *RBM) LogPartition(theta []float64) float64 {
	r.at(theta)
	return r.psi
}

// Probabilities stores the distribution of the visible units in p, of length 2^V.
func (r *RBM) Probabilities(p, theta []float64) {
	checkDims(len(r.p), p)
	r.at(theta)
	copy(p, r.p)
}

// EnergyGrad implements flow.Energy: KL(q‖p) and its gradient.
func (r *RBM) EnergyGrad(grad, theta []float64) float64 {
	r.at(theta)
	if grad != nil {
		kernel.SubTo(r.soft, r.p, r.q)
		r.expect(grad, r.soft)
	}
	return KL(r.q, r.p)
}

// expect stores Σ_v x(v) t̄(v) in dst.
func (r *RBM) expect(dst, x []float64) {
	a, c, w := r.cut(dst)
	copy(r.work, x)
	SupersetSums(r.work)
	for i := range a {
		a[i] = r.work[1<<i]
	}
	for j := range c {
		kernel.MulTo(r.work, x, r.sums.Row(j))
		SupersetSums(r.work)
		c[j] = r.work[0]
		for i := range r.v {
			w.Row(i)[j] = r.work[1<<i]
		}
	}
}

// FisherDense stores F, of the visible units, in dst, which is empty or of order Dim.
func (r *RBM) FisherDense(dst *mat.SymDense, theta []float64) {
	d := r.Dim()
	sized(dst, d)
	r.at(theta)
	if r.rows.Rows == 0 {
		r.rows, r.mean = kernel.NewMatrix[float64](len(r.p), d), make([]float64, d)
	}
	r.expect(r.mean, r.p)
	for s, p := range r.p {
		row := r.rows.Row(s)
		r.statistics(row, s)
		kernel.SubTo(row, row, r.mean)
		kernel.Scal(math.Sqrt(p), row)
	}
	raw := dst.RawSymmetric()
	kernel.SyrkT(kernel.Matrix[float64]{Rows: d, Cols: d, Stride: raw.Stride, Data: raw.Data}, 1, r.rows, 0)
}

// statistics stores t̄ of a visible state.
func (r *RBM) statistics(dst []float64, state int) {
	a, c, w := r.cut(dst)
	for j := range c {
		c[j] = r.sums.Row(j)[state]
	}
	for i := range a {
		a[i] = float64(state >> i & 1)
		kernel.Axpby(a[i], c, 0, w.Row(i))
	}
}

// CompleteFisher stores the Fisher matrix of visible and hidden units, Cov t, in dst, which
// is empty or of order Dim: F and E Cov(t|v), of the hidden units, which are independent
// given v.
func (r *RBM) CompleteFisher(dst *mat.SymDense, theta []float64) {
	r.FisherDense(dst, theta)
	index := func(i, j int) int { // of v_i h_j, of h_j for i = -1
		return r.v + (i+1)*r.h + j
	}
	for j := range r.h {
		for s, p := range r.p {
			on := r.sums.Row(j)[s]
			r.work[s] = p * on * (1 - on)
		}
		SupersetSums(r.work)
		for i := -1; i < r.v; i++ {
			for k := i; k < r.v; k++ {
				set := 0
				if i >= 0 {
					set |= 1 << i
				}
				if k >= 0 {
					set |= 1 << k
				}
				m, n := index(i, j), index(k, j)
				dst.SetSym(m, n, dst.At(m, n)+r.work[set])
			}
		}
	}
}

// SolveMetric implements flow.Metric: (F + Damping I)⁻¹ g. Where that fails the result is
// NaN and Caps.Err says why.
func (r *RBM) SolveMetric(dst, g, theta []float64) {
	if r.chol == nil {
		r.chol = newCholesky(r.Dim())
	}
	r.FisherDense(r.chol.g, theta)
	damping := r.Damping
	if damping == 0 {
		damping = 1e-3
	}
	if r.err = r.chol.solve(dst, g, damping); r.err != nil {
		for i := range dst {
			dst[i] = math.NaN()
		}
	}
}

// Caps says how the metric can fail.
func (r *RBM) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Err: func() error { return r.err }}
}

// EMStep stores in dst the parameters after a step of the em algorithm (Amari, Neural
// Networks 8 (1995) 1379; here the same as EM): the e-projection completes q by
// p(h|v), the m-projection finds the joint distribution with those expectations of t. The
// loss never rises. It enumerates the 2^(V+H) joint states. Errors are those of
// Family.Natural for that family, ErrNoFiniteMLE among them, or wrap ErrInvalid if V+H > 26.
func (r *RBM) EMStep(dst, theta []float64) error {
	checkDims(r.Dim(), dst)
	if r.joint == nil {
		var sets []uint32
		for i := range r.v + r.h {
			if i < maxUnits {
				sets = append(sets, 1<<i)
			}
		}
		for i := range r.v {
			for j := range r.h {
				if r.v+j < maxUnits {
					sets = append(sets, 1<<i|1<<(r.v+j))
				}
			}
		}
		var err error
		if r.joint, err = NewBoltzmann(r.v+r.h, sets); err != nil {
			return err
		}
	}
	r.at(theta)
	eta := make([]float64, r.Dim())
	r.expect(eta, r.q)
	n := newNewton(r.joint)
	return n.invert(dst, theta, eta)
}
