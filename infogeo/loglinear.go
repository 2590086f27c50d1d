package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// LogLinear is the exponential family on M states with the rows of a matrix A as
// statistics and a base measure h,
//
//	log p_θ(x) = log h(x) + A_x·θ - ψ(θ),  η = Aᵀp,  G = Aᵀ(diag p - ppᵀ)A.
//
// A must not have the constants among the combinations of its columns, and no redundant
// columns: the Fisher matrix is singular then. Mean, gradient and Fisher products read A
// from memory once.
type LogLinear struct {
	a       kernel.Matrix[float64]
	logBase []float64 // nil: uniform
	lo, hi  []float64 // of the columns

	theta, p, eta []float64 // the last point
	psi           float64
	known         bool

	u      []float64 // of a block of rows
	sum    []float64
	block  kernel.Matrix[float64]
	dense  *cholesky
	newton *newton
	ranked int // rank of the statistics, -1 unknown
}

var (
	_ Cubic       = (*LogLinear)(nil)
	_ DenseFisher = (*LogLinear)(nil)
	_ Sampler     = (*LogLinear)(nil)
)

// NewLogLinear returns the family of the M x d design a and the logarithms of the base
// measure, nil for the uniform one. It keeps a view of both. Errors wrap ErrShape and
// ErrInvalid.
func NewLogLinear(a kernel.Matrix[float64], logBase []float64) (*LogLinear, error) {
	m, d := a.Rows, a.Cols
	if m < 2 || d < 1 {
		return nil, fmt.Errorf("infogeo: %d x %d design, want at least two states and one statistic: %w", m, d, ErrShape)
	}
	if logBase != nil && len(logBase) != m {
		return nil, fmt.Errorf("infogeo: logBase of length %d, want the number of states, %d: %w", len(logBase), m, ErrShape)
	}
	for i, h := range logBase {
		if math.IsNaN(h) || math.IsInf(h, 0) {
			return nil, fmt.Errorf("infogeo: logBase[%d] = %v, want a finite number: %w", i, h, ErrInvalid)
		}
	}
	l := &LogLinear{a: a, logBase: logBase, ranked: -1, p: make([]float64, m)}
	v := make([]float64, 5*d)
	l.lo, l.hi, l.theta, l.eta, l.sum = v[:d], v[d:2*d], v[2*d:3*d], v[3*d:4*d], v[4*d:]
	for j := range d {
		l.lo[j], l.hi[j] = math.Inf(1), math.Inf(-1)
	}
	for i := range m {
		for j, x := range a.Row(i) {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("infogeo: design[%d][%d] = %v, want a finite number: %w", i, j, x, ErrInvalid)
			}
			l.lo[j], l.hi[j] = min(l.lo[j], x), max(l.hi[j], x)
		}
	}
	l.u = make([]float64, designRows(m, d))
	return l, nil
}

// designBlocks is the greatest number of blocks of rows in which a design is read.
const designBlocks = 256

// designRows is the number of rows of a block of an M x d design: few enough for the
// second cache, if M allows.
func designRows(m, d int) int { return max(8, (1<<14)/d, (m+designBlocks-1)/designBlocks) }

// rowsOf returns rows i to i+n of a.
func rowsOf[T flow.Float](a kernel.Matrix[T], i, n int) kernel.Matrix[T] {
	return kernel.Matrix[T]{Rows: n, Cols: a.Cols, Stride: a.Stride, Data: a.Data[i*a.Stride : (i+n-1)*a.Stride+a.Cols]}
}

// LogLinearMean stores the probabilities p_x = h_x exp(A_x·θ - ψ) of a log-linear model in
// p and their mean Aᵀp in eta, and returns ψ, in one pass over the M x d design A: the sums
// are rescaled whenever a block of rows has a greater exponent than those before. logBase
// is log h, nil for 0. It panics unless the lengths fit.
func LogLinearMean[T flow.Float](eta, p []T, a kernel.Matrix[T], logBase, theta []T) float64 {
	m, d := a.Rows, a.Cols
	checkLens(d, len(eta), len(theta))
	checkLens(m, len(p))
	var tops [designBlocks]float64
	top, sum := math.Inf(-1), 0.0
	clear(eta)
	step := designRows(m, d)
	for i, k := 0, 0; i < m; i, k = i+step, k+1 {
		n := min(step, m-i)
		rows, z := rowsOf(a, i, n), p[i:i+n]
		kernel.Gemv(z, 1, rows, theta, 0)
		if logBase != nil {
			kernel.AddTo(z, z, logBase[i:i+n])
		}
		if t := float64(kernel.Max(z)); t > top {
			scale := math.Exp(top - t)
			kernel.Scal(T(scale), eta)
			top, sum = t, sum*scale
		}
		tops[k] = top
		sum += kernel.ExpSum(z, z, T(top))
		kernel.GemvT(eta, 1, rows, z, 1)
	}
	kernel.Scal(T(1/sum), eta)
	for i, k := 0, 0; i < m; i, k = i+step, k+1 {
		kernel.Scal(T(math.Exp(tops[k]-top)/sum), p[i:min(i+step, m)])
	}
	return top + math.Log(sum)
}

// at makes p, eta and psi those of theta.
func (l *LogLinear) at(theta []float64) {
	checkDims(l.a.Cols, theta)
	if l.known && same(l.theta, theta) {
		return
	}
	copy(l.theta, theta)
	l.psi = LogLinearMean(l.eta, l.p, l.a, l.logBase, l.theta)
	l.known = true
}

// Dim implements Family.
func (l *LogLinear) Dim() int { return l.a.Cols }

// States returns M.
func (l *LogLinear) States() int { return l.a.Rows }

// LogPartition implements Family.
func (l *LogLinear) LogPartition(theta []float64) float64 {
	l.at(theta)
	return l.psi
}

// Mean implements Family.
func (l *LogLinear) Mean(dst, theta []float64) {
	checkDims(l.a.Cols, dst)
	l.at(theta)
	copy(dst, l.eta)
}

// Probabilities stores p_θ in p, of length M.
func (l *LogLinear) Probabilities(p, theta []float64) {
	checkDims(l.a.Rows, p)
	l.at(theta)
	copy(p, l.p)
}

// Moments stores the expectation Aᵀq of the statistics under the distribution q on the M
// states in eta.
func (l *LogLinear) Moments(eta, q []float64) {
	checkDims(l.a.Cols, eta)
	checkDims(l.a.Rows, q)
	kernel.GemvT(eta, 1, l.a, q, 0)
}

// Natural implements Family, by Newton's method from 0.
func (l *LogLinear) Natural(dst, eta []float64) error {
	checkDims(l.a.Cols, dst)
	if l.newton == nil {
		l.newton = newNewton(l)
	}
	return l.newton.invert(dst, nil, eta)
}

// iterative marks that Natural is Newton's method.
func (l *LogLinear) iterative() {}

// FisherMulVec implements Family.
func (l *LogLinear) FisherMulVec(dst, theta, v []float64) {
	l.covariance(dst, theta, v, false)
}

// Cubic implements the capability of that name.
func (l *LogLinear) Cubic(dst, theta, v []float64) {
	variance := l.covariance(dst, theta, v, true)
	kernel.Axpy(-variance, l.eta, dst)
}

// covariance stores Σ_x p_x u_x A_x, or Σ p_x u_x² A_x, in dst, for the deviation u of A·v
// from its mean, in one pass over A. It returns Σ p_x u_x².
func (l *LogLinear) covariance(dst, theta, v []float64, square bool) (variance float64) {
	checkDims(l.a.Cols, dst, v)
	l.at(theta)
	mean := kernel.Dot(l.eta, v)
	clear(l.sum) // dst may be v
	for i := 0; i < l.a.Rows; i += len(l.u) {
		n := min(len(l.u), l.a.Rows-i)
		rows, u := rowsOf(l.a, i, n), l.u[:n]
		kernel.Gemv(u, 1, rows, v, 0)
		for j, p := range l.p[i : i+n] {
			d := u[j] - mean
			variance += p * d * d
			if square {
				d *= d
			}
			u[j] = p * d
		}
		kernel.GemvT(l.sum, 1, rows, u, 1)
	}
	copy(dst, l.sum)
	return variance
}

// FisherDense implements DenseFisher: BᵀB with the rows √p_x (A_x - η) of B, without
// cancellation.
func (l *LogLinear) FisherDense(dst *mat.SymDense, theta []float64) {
	d := l.a.Cols
	sized(dst, d)
	l.at(theta)
	raw := dst.RawSymmetric()
	g := kernel.Matrix[float64]{Rows: d, Cols: d, Stride: raw.Stride, Data: raw.Data}
	if l.block.Rows == 0 {
		l.block = kernel.NewMatrix[float64](min(64, l.a.Rows), d)
	}
	for i := 0; i < l.a.Rows; i += l.block.Rows {
		n := min(l.block.Rows, l.a.Rows-i)
		b := rowsOf(l.block, 0, n)
		for j := range n {
			row := b.Row(j)
			kernel.SubTo(row, l.a.Row(i+j), l.eta)
			kernel.Scal(math.Sqrt(l.p[i+j]), row)
		}
		if i == 0 {
			kernel.SyrkT(g, 1, b, 0)
		} else {
			kernel.SyrkT(g, 1, b, 1)
		}
	}
}

// FisherSolveVec implements Family, by a Cholesky factorization of order d.
func (l *LogLinear) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(l.a.Cols, dst, v)
	if l.dense == nil {
		l.dense = newCholesky(l.a.Cols)
	}
	l.FisherDense(l.dense.g, theta)
	return l.dense.solve(dst, v, damping)
}

// rank returns the rank of the statistics modulo constants, that of the Fisher matrix at 0.
func (l *LogLinear) rank() int {
	if l.ranked < 0 {
		if l.dense == nil {
			l.dense = newCholesky(l.a.Cols)
		}
		l.FisherDense(l.dense.g, make([]float64, l.a.Cols))
		l.ranked = l.dense.rank(0)
	}
	return l.ranked
}

// SafeStep returns 8/D², D being the greatest Euclidean distance of two rows of A: a step
// of gradient descent in θ of at most that size never raises the forward loss, from any
// point, since ‖G‖ <= D²/4 (Popoviciu's inequality on variances). Beyond 4096 states D is
// bounded by twice the greatest distance from the mean row.
func (l *LogLinear) SafeStep() float64 {
	m, d := l.a.Rows, l.a.Cols
	var far float64
	diff := make([]float64, d)
	if m <= 4096 {
		for i := range m {
			for j := range i {
				kernel.SubTo(diff, l.a.Row(i), l.a.Row(j))
				far = max(far, kernel.SumSq(diff))
			}
		}
		return 8 / far
	}
	mean := make([]float64, d)
	for i := range m {
		kernel.Axpy(1/float64(m), l.a.Row(i), mean)
	}
	for i := range m {
		kernel.SubTo(diff, l.a.Row(i), mean)
		far = max(far, kernel.SumSq(diff))
	}
	return 2 / far
}

// SampleDim implements Statistic: an observation is the number of a state.
func (l *LogLinear) SampleDim() int { return 1 }

// Statistic implements the capability of that name.
func (l *LogLinear) Statistic(dst, x []float64) {
	checkDims(l.a.Cols, dst)
	checkDims(1, x)
	if !isCount(x[0], float64(l.a.Rows-1)) {
		for i := range dst {
			dst[i] = math.NaN()
		}
		return
	}
	copy(dst, l.a.Row(int(x[0])))
}

// Sample implements Sampler, in O(M).
func (l *LogLinear) Sample(x, theta []float64, src rand.Source) {
	checkDims(1, x)
	l.at(theta)
	x[0] = float64(drawState(l.p, rand.New(src).Float64()))
}

// CheckNatural implements Family.
func (l *LogLinear) CheckNatural(theta []float64) error {
	checkDims(l.a.Cols, theta)
	return checkFinite("theta", theta, ErrOutsideNaturalDomain)
}

// CheckMean implements Family. It looks at the range of every column; whether a mean is
// that of a distribution at all is found out by Natural and Fit.
func (l *LogLinear) CheckMean(eta []float64) error {
	checkDims(l.a.Cols, eta)
	for i := range eta {
		if err := checkRange(eta, i, l.lo[i], l.hi[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkRange returns an error unless eta[i] is inside the range of its statistic: a
// *NoFiniteMLEError with a direction if it is at an end, to rounding.
func checkRange(eta []float64, i int, lo, hi float64) error {
	e, eps := eta[i], 8*0x1p-53*math.Max(math.Abs(lo), math.Abs(hi))
	if lo == hi {
		// A constant statistic; its Fisher matrix is singular, which is found there.
		if math.Abs(e-lo) <= eps*1e3 {
			return nil
		}
	} else if e > lo+eps && e < hi-eps {
		return nil
	}
	if !(e >= lo-1e-9*(hi-lo)-eps && e <= hi+1e-9*(hi-lo)+eps) || lo == hi {
		return fmt.Errorf("infogeo: eta[%d] = %v, want it between the extremes %v and %v of the statistic: %w", i, e, lo, hi, ErrOutsideMeanDomain)
	}
	u := make([]float64, len(eta))
	if u[i] = 1; e < (lo+hi)/2 {
		u[i] = -1
	}
	return &NoFiniteMLEError{Direction: u, Reason: fmt.Sprintf("eta[%d] = %v is an extreme of the statistic, which ranges from %v to %v", i, e, lo, hi)}
}

// supportRange implements supported.
func (l *LogLinear) supportRange(u []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for i := 0; i < l.a.Rows; i += len(l.u) {
		n := min(len(l.u), l.a.Rows-i)
		kernel.Gemv(l.u[:n], 1, rowsOf(l.a, i, n), u, 0)
		a, b := minMax(l.u[:n])
		lo, hi = min(lo, a), max(hi, b)
	}
	return lo, hi
}

// minMax returns the extremes of x.
func minMax(x []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// ties implements supported.
func (l *LogLinear) ties(u []float64, tol float64, show func([]float64)) {
	lo, hi := l.supportRange(u)
	first, diff := -1, make([]float64, l.a.Cols)
	for i := range l.a.Rows {
		switch row := l.a.Row(i); {
		case kernel.Dot(row, u) < hi-tol*(hi-lo):
		case first < 0:
			first = i
		default:
			kernel.SubTo(diff, row, l.a.Row(first))
			show(diff)
		}
	}
}
