package infogeo

import (
	"fmt"
	"math/bits"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// maxUnits is the greatest number of units of a Boltzmann machine that is enumerated:
// 2^26 states, 512 MB a vector.
const maxUnits = 26

// Boltzmann is a hierarchical log-linear model of N binary units s in {0,1}^N, the fully
// visible Boltzmann machine (Ackley, Hinton, Sejnowski 1985) with interactions of any
// order:
//
//	log p(s) = Σ_S θ_S Π_{i in S} s_i - ψ(θ)
//
// over given subsets S. The energies of all 2^N states are the subset sums of θ, the
// expectations η_S = P(s_i = 1 for all i in S) the superset sums of p: a gradient takes
// O(N 2^N) operations, O(2^N) if no subset has more than two elements, instead of
// O(d 2^N) with the d columns of a design matrix, and no memory but two vectors. So does a product with the Fisher matrix; its elements are
// G_ST = η_{S∪T} - η_S η_T.
type Boltzmann struct {
	n      int
	sets   []uint32
	theta  []float64 // where the vectors below belong to
	p, up  []float64 // probabilities, and their superset sums
	work   []float64
	eta    []float64
	psi    float64
	known  bool
	upper  bool // up belongs to theta
	pairs  bool // no subset has more than two elements
	dense  *cholesky
	newton *newton
}

var (
	_ Cubic       = (*Boltzmann)(nil)
	_ DenseFisher = (*Boltzmann)(nil)
	_ Sampler     = (*Boltzmann)(nil)
)

// NewIsing returns the machine of n units with biases and pair interactions: θ holds the
// n biases, then the interactions of the pairs (0,1), (0,2), ..., (n-2,n-1). The error
// wraps ErrInvalid unless 1 <= n <= 26.
func NewIsing(n int) (*Boltzmann, error) {
	var sets []uint32
	for i := range min(max(n, 0), maxUnits) {
		sets = append(sets, 1<<i)
	}
	for i := range sets {
		for j := i + 1; j < len(sets) && j < n; j++ {
			sets = append(sets, 1<<i|1<<j)
		}
	}
	return NewBoltzmann(n, sets)
}

// NewBoltzmann returns the machine of n units whose parameters belong to the subsets in
// sets, as bit masks. The error wraps ErrInvalid unless 1 <= n <= 26 and the subsets are
// different, not empty and within the n units.
func NewBoltzmann(n int, sets []uint32) (*Boltzmann, error) {
	if n < 1 || n > maxUnits {
		return nil, fmt.Errorf("infogeo: Boltzmann machine of %d units, want 1 to %d: %w", n, maxUnits, ErrInvalid)
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("infogeo: Boltzmann machine without interactions, want at least one subset: %w", ErrInvalid)
	}
	seen := make(map[uint32]int)
	for i, s := range sets {
		if s == 0 || s >= 1<<n {
			return nil, fmt.Errorf("infogeo: sets[%d] = %#b, want a subset of the %d units that is not empty: %w", i, s, n, ErrInvalid)
		}
		if j, ok := seen[s]; ok {
			return nil, fmt.Errorf("infogeo: sets[%d] = sets[%d] = %#b, want different subsets: %w", j, i, s, ErrInvalid)
		}
		seen[s] = i
	}
	d, m, pairs := len(sets), 1<<n, true
	for _, s := range sets {
		pairs = pairs && bits.OnesCount32(s) <= 2
	}
	return &Boltzmann{
		pairs: pairs, n: n, sets: append([]uint32(nil), sets...), theta: make([]float64, d), eta: make([]float64, d),
		p: make([]float64, m), up: make([]float64, m), work: make([]float64, m),
	}, nil
}

// Dim implements Family.
func (b *Boltzmann) Dim() int { return len(b.sets) }

// Units returns N.
func (b *Boltzmann) Units() int { return b.n }

// States returns 2^N.
func (b *Boltzmann) States() int { return len(b.p) }

// scatter stores v by its subsets in dst and 0 where else expand reads.
func (b *Boltzmann) scatter(dst, v []float64) {
	if b.pairs {
		dst[0] = 0
		for i := range b.n {
			dst[1<<i] = 0
			for j := range i {
				dst[1<<i|1<<j] = 0
			}
		}
	} else {
		clear(dst)
	}
	for i, s := range b.sets {
		dst[s] = v[i]
	}
}

// gather is the transpose of scatter.
func (b *Boltzmann) gather(dst, x []float64) {
	for i, s := range b.sets {
		dst[i] = x[s]
	}
}

// at makes p, its superset sums, eta and psi those of theta.
func (b *Boltzmann) at(theta []float64) {
	checkDims(len(b.sets), theta)
	if b.known && same(b.theta, theta) {
		return
	}
	copy(b.theta, theta)
	b.scatter(b.p, theta)
	b.expand(b.p)
	b.psi = SoftmaxLogits(b.p, b.p)
	copy(b.up, b.p)
	b.collapse(b.up)
	b.gather(b.eta, b.up)
	b.known, b.upper = true, !b.pairs
}

// expand replaces what scatter has stored by its subset sums.
func (b *Boltzmann) expand(x []float64) {
	if b.pairs {
		PairSubsetSums(x)
		return
	}
	SubsetSums(x)
}

// collapse makes what gather reads superset sums.
func (b *Boltzmann) collapse(x []float64) {
	if b.pairs {
		PairSupersetSums(x)
		return
	}
	SupersetSums(x)
}

// same reports whether the vectors have the same elements.
func same(a, b []float64) bool {
	for i, v := range a {
		if v != b[i] {
			return false
		}
	}
	return true
}

// LogPartition implements Family.
func (b *Boltzmann) LogPartition(theta []float64) float64 {
	b.at(theta)
	return b.psi
}

// Mean implements Family.
func (b *Boltzmann) Mean(dst, theta []float64) {
	checkDims(len(b.sets), dst)
	b.at(theta)
	copy(dst, b.eta)
}

// Probabilities stores p_θ in p, whose length is 2^N; bit i of a state is unit i.
func (b *Boltzmann) Probabilities(p, theta []float64) {
	checkDims(len(b.p), p)
	b.at(theta)
	copy(p, b.p)
}

// Moments stores the expectation of the statistics under the distribution q on the 2^N
// states in eta.
func (b *Boltzmann) Moments(eta, q []float64) {
	checkDims(len(b.sets), eta)
	checkDims(len(b.p), q)
	copy(b.work, q)
	b.collapse(b.work)
	b.gather(eta, b.work)
}

// Natural implements Family, by Newton's method from 0.
func (b *Boltzmann) Natural(dst, eta []float64) error {
	checkDims(len(b.sets), dst)
	if b.newton == nil {
		b.newton = newNewton(b)
	}
	return b.newton.invert(dst, nil, eta)
}

// iterative marks that Natural is Newton's method.
func (b *Boltzmann) iterative() {}

// FisherMulVec implements Family: w = p (u - p·u) with the subset sums u of v, gathered
// from its superset sums.
func (b *Boltzmann) FisherMulVec(dst, theta, v []float64) {
	checkDims(len(b.sets), dst, v)
	b.at(theta)
	mean := kernel.Dot(b.eta, v)
	b.scatter(b.work, v)
	b.expand(b.work)
	w := b.work
	for i, p := range b.p {
		w[i] = p * (w[i] - mean)
	}
	b.collapse(w)
	b.gather(dst, w)
}

// Cubic implements the capability of that name: the covariance of the statistics with the
// square of u - p·u.
func (b *Boltzmann) Cubic(dst, theta, v []float64) {
	checkDims(len(b.sets), dst, v)
	b.at(theta)
	mean := kernel.Dot(b.eta, v)
	b.scatter(b.work, v)
	b.expand(b.work)
	w, variance := b.work, 0.0
	for i, p := range b.p {
		u := w[i] - mean
		w[i] = p * u * u
		variance += w[i]
	}
	b.collapse(w)
	b.gather(dst, w)
	kernel.Axpy(-variance, b.eta, dst)
}

// FisherDense implements DenseFisher.
func (b *Boltzmann) FisherDense(dst *mat.SymDense, theta []float64) {
	d := len(b.sets)
	sized(dst, d)
	b.at(theta)
	if !b.upper {
		copy(b.up, b.p)
		SupersetSums(b.up)
		b.upper = true
	}
	raw := dst.RawSymmetric()
	for i, s := range b.sets {
		row := raw.Data[i*raw.Stride : i*raw.Stride+d]
		for j := i; j < d; j++ {
			row[j] = b.up[s|b.sets[j]] - b.eta[i]*b.eta[j]
		}
	}
}

// FisherSolveVec implements Family, by a Cholesky factorization of order Dim.
func (b *Boltzmann) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(len(b.sets), dst, v)
	if b.dense == nil {
		b.dense = newCholesky(len(b.sets))
	}
	b.FisherDense(b.dense.g, theta)
	return b.dense.solve(dst, v, damping)
}

// SampleDim implements Statistic: the N units.
func (b *Boltzmann) SampleDim() int { return b.n }

// Statistic implements the capability of that name.
func (b *Boltzmann) Statistic(dst, x []float64) {
	checkDims(len(b.sets), dst)
	checkDims(b.n, x)
	for i, s := range b.sets {
		dst[i] = 1
		for ; s != 0; s &= s - 1 {
			dst[i] *= x[bits.TrailingZeros32(s)]
		}
	}
}

// Sample implements Sampler, in O(2^N).
func (b *Boltzmann) Sample(x, theta []float64, src rand.Source) {
	checkDims(b.n, x)
	b.at(theta)
	state := drawState(b.p, rand.New(src).Float64())
	for i := range x {
		x[i] = float64(state >> i & 1)
	}
}

// CheckNatural implements Family.
func (b *Boltzmann) CheckNatural(theta []float64) error {
	checkDims(len(b.sets), theta)
	return checkFinite("theta", theta, ErrOutsideNaturalDomain)
}

// CheckMean implements Family. It looks at the range 0 to 1 of every coordinate; whether
// a mean is that of a distribution at all is found out by Natural and Fit.
func (b *Boltzmann) CheckMean(eta []float64) error {
	checkDims(len(b.sets), eta)
	for i := range eta {
		if err := checkRange(eta, i, 0, 1); err != nil {
			return err
		}
	}
	return nil
}

// supportRange implements supported.
func (b *Boltzmann) supportRange(u []float64) (lo, hi float64) {
	b.scatter(b.work, u)
	b.expand(b.work)
	return minMax(b.work)
}

// ties implements supported.
func (b *Boltzmann) ties(u []float64, tol float64, show func([]float64)) {
	lo, hi := b.supportRange(u)
	first, diff := -1, make([]float64, len(b.sets))
	for x, v := range b.work {
		switch {
		case v < hi-tol*(hi-lo):
		case first < 0:
			first = x
		default:
			for i, s := range b.sets {
				diff[i] = indicator(s, x) - indicator(s, first)
			}
			show(diff)
		}
	}
}

// indicator is 1 if S is a subset of x, else 0.
func indicator(s uint32, x int) float64 {
	if s&^uint32(x) == 0 {
		return 1
	}
	return 0
}

// rank returns the rank of the statistics: all of them, since monomials are independent.
func (b *Boltzmann) rank() int { return len(b.sets) }
