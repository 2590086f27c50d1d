package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// SoftmaxRegression is multinomial logistic regression: C classes, the last one the
// reference, and features x in R^d (put a 1 in them for an intercept),
//
//	p(y = c | x) ∝ exp(θ_c·x), c < C-1,   θ_{C-1} = 0,
//
// as the energy E(θ) = -(1/N) Σ log p(y_i | x_i) of θ, (C-1) x d by rows. Its gradient is
// (1/N) Σ (p_i - y_i) ⊗ x_i, its Hessian the Fisher matrix
//
//	F = (1/N) Σ (diag p_i - p_i p_iᵀ) ⊗ x_i x_iᵀ,
//
// also the Gauss-Newton matrix, since the logits are natural parameters; the empirical
// Fisher matrix is not. Fit with Regression has the maximum-likelihood estimate. The methods without θ are about the point of the last At or
// EnergyGrad. A SoftmaxRegression keeps scratch memory: it is for one goroutine at a time.
type SoftmaxRegression struct {
	x      kernel.Matrix[float64]
	labels []int
	c      int                    // C-1
	p, r   kernel.Matrix[float64] // N x (C-1): probabilities, scratch
	outer  kernel.Matrix[float64] // (1/N) Σ x xᵀ
}

var (
	_ flow.Energy[float64] = (*SoftmaxRegression)(nil)
	_ Diagonal             = (*SoftmaxRegression)(nil)
)

// NewSoftmaxRegression returns the model for N rows of features and their classes. It
// keeps a view of x and copies the labels. The error wraps ErrShape, or ErrInvalid and
// names the index and the value.
func NewSoftmaxRegression(x kernel.Matrix[float64], labels []int, classes int) (*SoftmaxRegression, error) {
	n, d := x.Rows, x.Cols
	if n == 0 || d == 0 || len(labels) != n || classes < 2 {
		return nil, fmt.Errorf("infogeo: features %d x %d, %d labels, %d classes, want N x d, N and at least 2: %w", n, d, len(labels), classes, ErrShape)
	}
	for i, y := range labels {
		if y < 0 || y >= classes {
			return nil, fmt.Errorf("infogeo: label %d = %d, want 0 to %d: %w", i, y, classes-1, ErrInvalid)
		}
		if err := checkFinite(fmt.Sprintf("features[%d]", i), x.Row(i), ErrInvalid); err != nil {
			return nil, err
		}
	}
	c := classes - 1
	return &SoftmaxRegression{x: x, labels: append([]int(nil), labels...), c: c,
		p: kernel.NewMatrix[float64](n, c), r: kernel.NewMatrix[float64](n, c)}, nil
}

// Dim returns (C-1) d.
func (s *SoftmaxRegression) Dim() int { return s.c * s.x.Cols }

// At computes the probabilities at θ and returns E(θ). It panics if θ has another length
// than Dim.
func (s *SoftmaxRegression) At(theta []float64) float64 {
	checkLengths("SoftmaxRegression.At", len(theta), s.Dim(), s.Dim())
	kernel.GemmNT(s.p, 1, s.x, kernel.MatrixOf(s.c, s.x.Cols, theta), 0)
	e := 0.0
	for i, y := range s.labels {
		row := s.p.Row(i)
		own := 0.0
		if y < s.c {
			own = row[y]
		}
		e += softmaxRow(row, own)
	}
	return e / float64(len(s.labels))
}

// softmaxRow replaces the logits, less that of the reference 0, by their probabilities and
// returns -log p of the class with the logit own.
func softmaxRow(row []float64, own float64) float64 {
	most := 0.0
	for _, z := range row {
		most = math.Max(most, z)
	}
	sum := math.Exp(-most)
	for c, z := range row {
		row[c] = math.Exp(z - most)
		sum += row[c]
	}
	kernel.Scal(1/sum, row)
	return most + math.Log(sum) - own
}

// EnergyGrad returns E(θ) and stores its gradient in grad unless that is nil.
func (s *SoftmaxRegression) EnergyGrad(grad, theta []float64) float64 {
	e := s.At(theta)
	if grad != nil {
		s.Gradient(grad)
	}
	return e
}

// Gradient stores the gradient of E in dst.
func (s *SoftmaxRegression) Gradient(dst []float64) {
	copy(s.r.Data, s.p.Data)
	for i, y := range s.labels {
		if y < s.c {
			s.r.Row(i)[y]--
		}
	}
	s.gather(dst)
}

// gather stores (1/N) Σ r_i ⊗ x_i in dst.
func (s *SoftmaxRegression) gather(dst []float64) {
	kernel.GemmTN(kernel.MatrixOf(s.c, s.x.Cols, dst), 1/float64(s.x.Rows), s.r, s.x, 0)
}

// MulVec stores F v in dst, in O(N C d) operations: logits, r = p(z - p·z), gather.
func (s *SoftmaxRegression) MulVec(dst, v []float64) {
	checkLengths("SoftmaxRegression.MulVec", len(dst), len(v), s.Dim())
	kernel.GemmNT(s.r, 1, s.x, kernel.MatrixOf(s.c, s.x.Cols, v), 0)
	for i := range s.r.Rows {
		r, p := s.r.Row(i), s.p.Row(i)
		mean := kernel.Dot(r, p)
		for c := range r {
			r[c] = p[c] * (r[c] - mean)
		}
	}
	s.gather(dst)
}

// Diagonal stores the diagonal of F in dst.
func (s *SoftmaxRegression) Diagonal(dst []float64) {
	checkLengths("SoftmaxRegression.Diagonal", len(dst), s.Dim(), s.Dim())
	clear(dst)
	out := kernel.MatrixOf(s.c, s.x.Cols, dst)
	for i := range s.x.Rows {
		for c, p := range s.p.Row(i) {
			w := p * (1 - p) / float64(s.x.Rows)
			for j, x := range s.x.Row(i) {
				out.Row(c)[j] += w * x * x
			}
		}
	}
}

// Fisher stores the Fisher matrix in dst, which is empty or of order Dim, from products
// with the unit vectors.
func (s *SoftmaxRegression) Fisher(dst *mat.SymDense) {
	n := s.Dim()
	sized(dst, n)
	e, col := make([]float64, n), make([]float64, n)
	for i := range n {
		e[i] = 1
		s.MulVec(col, e)
		e[i] = 0
		for j := range i + 1 {
			dst.SetSym(i, j, col[j])
		}
	}
}

// EmpiricalFisher returns the empirical Fisher matrix, of the gradients at the labels of
// the data.
func (s *SoftmaxRegression) EmpiricalFisher() *EmpiricalFisher {
	g := kernel.NewMatrix[float64](s.x.Rows, s.Dim())
	for i, y := range s.labels {
		for c, p := range s.p.Row(i) {
			if c == y {
				p--
			}
			kernel.Axpby(p, s.x.Row(i), 0, g.Row(i)[c*s.x.Cols:(c+1)*s.x.Cols])
		}
	}
	return &EmpiricalFisher{g: g, u: make([]float64, s.x.Rows)}
}

// KFAC returns the Kronecker approximation of the Fisher matrix, the mean of diag p - p pᵀ
// times the mean of x xᵀ. It is exact where all p_i are equal, as at θ = 0. The error is
// that of NewKronecker.
func (s *SoftmaxRegression) KFAC() (*Kronecker, error) {
	n := float64(s.x.Rows)
	if s.outer.Rows == 0 {
		s.outer = kernel.NewMatrix[float64](s.x.Cols, s.x.Cols)
		kernel.SyrkT(s.outer, 1/n, s.x, 0)
	}
	a := kernel.NewMatrix[float64](s.c, s.c)
	kernel.SyrkT(a, -1/n, s.p, 0)
	for i := range s.p.Rows {
		for c, p := range s.p.Row(i) {
			a.Data[c*(s.c+1)] += p / n
		}
	}
	return NewKronecker(mat.NewSymDense(s.c, a.Data), mat.NewSymDense(s.x.Cols, append([]float64(nil), s.outer.Data...)))
}
