package deq

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// LinearData is all that the dynamics of a linear model depend on: the risk of the
// predictor x ↦ Wx is
//
//	R(W) = R_LS + tr((W-W_LS) S (W-W_LS)ᵀ)
//
// with the second moments S = XᵀX/N (d x d). It is immutable and may be shared.
type LinearData struct {
	s, wls kernel.Matrix[float64]
	// RiskLS is the least risk, that of W_LS.
	RiskLS float64
	// LambdaMin and LambdaMax are the smallest nonzero and the largest eigenvalue
	// of S, and Rank the number of nonzero ones.
	LambdaMin, LambdaMax float64
	Rank                 int
	// N is the number of samples, 0 for a population.
	N int

	null kernel.Matrix[float64] // rows: an orthonormal basis of the null space of S
}

// Dims returns the numbers n of outputs and d of inputs.
func (l *LinearData) Dims() (n, d int) { return l.wls.Rows, l.wls.Cols }

// LeastSquares returns a copy of W_LS, n x d, of least norm.
func (l *LinearData) LeastSquares() kernel.Matrix[float64] { return clone(l.wls) }

// Second returns a copy of S.
func (l *LinearData) Second() kernel.Matrix[float64] { return clone(l.s) }

func clone(m kernel.Matrix[float64]) kernel.Matrix[float64] {
	c := kernel.NewMatrix[float64](m.Rows, m.Cols)
	for i := range m.Rows {
		copy(c.Row(i), m.Row(i))
	}
	return c
}

// NewLinearData returns the data of samples x (N x d) with targets y (N x n), one
// sample a row. Errors wrap ErrShape, ErrEmpty or ErrNotFinite.
func NewLinearData[T flow.Float](x, y kernel.Matrix[T]) (*LinearData, error) {
	if x.Rows != y.Rows {
		return nil, fmt.Errorf("deq: x has %d rows, y has %d, want one sample a row of both: %w", x.Rows, y.Rows, ErrShape)
	}
	m, err := NewMoments(y.Cols, x.Cols)
	if err != nil {
		return nil, err
	}
	if err := finiteRows("x", x); err != nil {
		return nil, err
	}
	if err := finiteRows("y", y); err != nil {
		return nil, err
	}
	for i := range x.Rows {
		put(m, x.Row(i), y.Row(i))
	}
	return m.Data()
}

// Population returns the data of a distribution with second moments E xxᵀ = s (d x
// d, symmetric, positive semidefinite), least-squares predictor wls (n x d) and
// least risk. Errors wrap ErrShape, ErrArgument or ErrNotFinite.
func Population(s, wls kernel.Matrix[float64], riskLS float64) (*LinearData, error) {
	d := wls.Cols
	if s.Rows != d || s.Cols != d || wls.Rows < 1 || d < 1 {
		return nil, fmt.Errorf("deq: s is %d x %d and wls %d x %d, want d x d and n x d: %w", s.Rows, s.Cols, wls.Rows, d, ErrShape)
	}
	if err := finiteRows("s", s); err != nil {
		return nil, err
	}
	if err := finiteRows("wls", wls); err != nil {
		return nil, err
	}
	if !(riskLS >= 0) || math.IsInf(riskLS, 1) {
		return nil, fmt.Errorf("deq: riskLS = %v, want a finite number >= 0: %w", riskLS, ErrArgument)
	}
	sym := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			if math.Abs(s.At(i, j)-s.At(j, i)) > 1e-12*(1+math.Abs(s.At(i, j))) {
				return nil, fmt.Errorf("deq: s(%d, %d) = %v and s(%d, %d) = %v, want a symmetric matrix: %w", i, j, s.At(i, j), j, i, s.At(j, i), ErrArgument)
			}
			sym.SetSym(i, j, s.At(i, j))
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(sym, true) {
		return nil, fmt.Errorf("deq: eigenvalues of s not found: %w", ErrArgument)
	}
	v := eig.Values(nil)
	tol := float64(8*d) * 0x1p-52 * max(v[d-1], 0)
	if v[0] < -tol || !(v[d-1] > 0) {
		return nil, fmt.Errorf("deq: s has the eigenvalues %v to %v, want them >= 0 and not all zero: %w", v[0], v[d-1], ErrArgument)
	}
	l := &LinearData{s: clone(s), wls: clone(wls), RiskLS: riskLS, LambdaMax: v[d-1]}
	zeros := 0
	for zeros < d && v[zeros] <= tol {
		zeros++
	}
	l.LambdaMin, l.Rank = v[zeros], d-zeros
	var q mat.Dense
	eig.VectorsTo(&q)
	l.setNull(&q, 0, zeros)
	return l, nil
}

// setNull stores columns from, ..., to-1 of q as the basis of the null space.
func (l *LinearData) setNull(q *mat.Dense, from, to int) {
	d := l.s.Rows
	l.null = kernel.NewMatrix[float64](to-from, d)
	for k := range to - from {
		for i := range d {
			l.null.Set(k, i, q.At(i, from+k))
		}
	}
}

// Moments takes in samples of a linear regression one by one and keeps what
// LinearData needs, in memory that does not grow: the triangular factor of the QR
// decomposition of (X Y). Unlike sums of products it loses no digits of the least
// risk of nearly noise-free data.
type Moments struct {
	n, d, count int
	rows        int                    // rows of buf in use
	buf         kernel.Matrix[float64] // factor and rows not yet taken in
	tau, work   []float64
}

// NewMoments returns the moments of no samples, for n outputs and d inputs. The
// error wraps ErrShape.
func NewMoments(n, d int) (*Moments, error) {
	if n < 1 || d < 1 {
		return nil, fmt.Errorf("deq: n = %d outputs, d = %d inputs, want at least one of each: %w", n, d, ErrShape)
	}
	p := n + d
	m := &Moments{n: n, d: d, buf: kernel.NewMatrix[float64](p+max(p, 32), p), tau: make([]float64, p), work: make([]float64, 1)}
	lapack64.Geqrf(general(m.buf), m.tau, m.work, -1)
	m.work = make([]float64, int(m.work[0]))
	return m, nil
}

// N returns the number of samples.
func (m *Moments) N() int { return m.count }

// Add takes in the sample x with target y. It returns an error that wraps
// ErrNotFinite, and leaves m as it was, if they are not finite. It panics if their
// lengths are not d and n.
func (m *Moments) Add(x, y []float64) error {
	if len(x) != m.d || len(y) != m.n {
		panic(fmt.Sprintf("deq: sample of length %d with target of length %d, want %d and %d", len(x), len(y), m.d, m.n))
	}
	if err := finite("x", x); err != nil {
		return err
	}
	if err := finite("y", y); err != nil {
		return err
	}
	put(m, x, y)
	return nil
}

// Merge takes in the samples of o, which is left as it was. It panics if the
// dimensions differ.
func (m *Moments) Merge(o *Moments) {
	if m.n != o.n || m.d != o.d {
		panic(fmt.Sprintf("deq: moments of %d outputs and %d inputs merged with those of %d and %d", m.n, m.d, o.n, o.d))
	}
	count := m.count + o.count
	for i := range o.rows {
		r := o.buf.Row(i)
		put(m, r[:m.d], r[m.d:])
	}
	m.count = count
}

// put takes in a row (x, y).
func put[T flow.Float](m *Moments, x, y []T) {
	if m.rows == m.buf.Rows {
		m.compress()
	}
	r := m.buf.Row(m.rows)
	for i, v := range x {
		r[i] = float64(v)
	}
	for i, v := range y {
		r[m.d+i] = float64(v)
	}
	m.rows++
	m.count++
}

// compress replaces the rows by their triangular factor.
func (m *Moments) compress() {
	p := m.n + m.d
	clear(m.buf.Data[m.rows*p:])
	lapack64.Geqrf(general(m.buf), m.tau, m.work, len(m.work))
	for i := range m.buf.Rows {
		clear(m.buf.Row(i)[:min(i, p)])
	}
	m.rows = min(m.rows, p)
}

// Data returns the data of the samples so far. The error wraps ErrEmpty.
func (m *Moments) Data() (*LinearData, error) {
	if m.count == 0 {
		return nil, fmt.Errorf("deq: moments of no samples: %w", ErrEmpty)
	}
	m.compress()
	d, n, scale := m.d, m.n, 1/float64(m.count)
	// The factor is (F H; 0 E) with F = R11 (d x d), H (d x n), E (n x n).
	f, h := mat.NewDense(d, d, nil), mat.NewDense(d, n, nil)
	for i := range d {
		r := m.buf.Row(i)
		f.SetRow(i, r[:d])
		h.SetRow(i, r[d:])
	}
	l := &LinearData{N: m.count, s: kernel.NewMatrix[float64](d, d), wls: kernel.NewMatrix[float64](n, d)}
	kernel.SyrkT(l.s, scale, kernel.MatrixOf(d, d, f.RawMatrix().Data), 0)
	for i := range n {
		l.RiskLS += scale * kernel.SumSq(m.buf.Row(d + i)[d:])
	}
	var svd mat.SVD
	if !svd.Factorize(f, mat.SVDFull) {
		return nil, fmt.Errorf("deq: singular values of the data not found: %w", ErrNotFinite)
	}
	var u, v, uh mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	uh.Mul(u.T(), h)
	sigma := svd.Values(nil)
	tol := float64(8*(d+n)) * 0x1p-52 * sigma[0]
	for l.Rank < d && sigma[l.Rank] > tol {
		l.Rank++
	}
	if l.Rank == 0 {
		return nil, fmt.Errorf("deq: all inputs are zero, want second moments S that are not: %w", ErrArgument)
	}
	for k := range d {
		if k >= l.Rank { // targets out of reach of the inputs
			for j := range n {
				l.RiskLS += scale * uh.At(k, j) * uh.At(k, j)
			}
			continue
		}
		for j := range n {
			c := uh.At(k, j) / sigma[k]
			for i := range d {
				l.wls.Data[j*d+i] += c * v.At(i, k)
			}
		}
	}
	l.LambdaMax, l.LambdaMin = scale*sigma[0]*sigma[0], scale*sigma[l.Rank-1]*sigma[l.Rank-1]
	l.setNull(&v, l.Rank, d)
	return l, nil
}

// general is m as the LAPACK wrappers want it.
func general(m kernel.Matrix[float64]) blas64.General {
	return blas64.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Stride, Data: m.Data}
}

// finite says which element of a vector is the first that is not finite.
func finite[T flow.Float](name string, x []T) error {
	if kernel.AllFinite(x) {
		return nil
	}
	for i, v := range x {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("deq: %s[%d] = %v: %w", name, i, v, ErrNotFinite)
		}
	}
	return nil
}

// finiteRows is finite for a matrix.
func finiteRows[T flow.Float](name string, m kernel.Matrix[T]) error {
	for i := range m.Rows {
		if err := finite(name, m.Row(i)); err != nil {
			return fmt.Errorf("deq: row %d of %s: %w", i, name, err)
		}
	}
	return nil
}
