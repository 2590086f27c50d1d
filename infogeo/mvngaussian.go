package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// asymmetry is the largest |C_ij - C_ji| of a covariance, relative to max |C|.
const asymmetry = 1e-10

// Gaussian is a normal distribution N(m, C) on R^d with a symmetric positive
// definite covariance. It does not change and may be shared by goroutines.
type Gaussian struct {
	mean []float64
	cov  kernel.Matrix[float64] // d x d, both triangles
	chol kernel.Matrix[float64] // L of C = L Lᵀ, zeros above the diagonal
}

// NewGaussian returns N(mean, cov). The error wraps ErrShape if cov is not d x d,
// ErrInvalid if an element is not finite, ErrNotPositiveDefinite if cov is
// asymmetric by more than 1e-10 of its largest element or not positive definite.
// It copies its arguments; of a nearly symmetric cov it takes the symmetric part.
func NewGaussian(mean []float64, cov mat.Matrix) (*Gaussian, error) {
	d := len(mean)
	if r, c := cov.Dims(); d == 0 || r != d || c != d {
		return nil, fmt.Errorf("infogeo: covariance %d x %d with a mean of length %d, want d x d and d > 0: %w", r, c, d, ErrShape)
	}
	g := &Gaussian{append([]float64(nil), mean...), kernel.NewMatrix[float64](d, d), kernel.NewMatrix[float64](d, d)}
	for i, m := range mean {
		if math.IsNaN(m) || math.IsInf(m, 0) {
			return nil, fmt.Errorf("infogeo: mean[%d] = %v, want a finite number: %w", i, m, ErrInvalid)
		}
		for j := range d {
			c := cov.At(i, j)
			if math.IsNaN(c) || math.IsInf(c, 0) {
				return nil, fmt.Errorf("infogeo: covariance[%d,%d] = %v, want a finite number: %w", i, j, c, ErrInvalid)
			}
			g.cov.Set(i, j, c)
		}
	}
	if err := g.symmetrise(); err != nil {
		return nil, err
	}
	if err := g.factor(); err != nil {
		return nil, err
	}
	return g, nil
}

// symmetrise replaces the covariance by its symmetric part.
func (g *Gaussian) symmetrise() error {
	most := kernel.MaxAbs(g.cov.Data)
	for i := range g.mean {
		for j := range i {
			a, b := g.cov.At(i, j), g.cov.At(j, i)
			if math.Abs(a-b) > asymmetry*most {
				return fmt.Errorf("infogeo: covariance[%d,%d] = %v and [%d,%d] = %v, want a symmetric matrix: %w", i, j, a, j, i, b, ErrNotPositiveDefinite)
			}
			c := a + (b-a)/2
			g.cov.Set(i, j, c)
			g.cov.Set(j, i, c)
		}
	}
	return nil
}

// factor computes the Cholesky factor.
func (g *Gaussian) factor() error {
	d := len(g.mean)
	copy(g.chol.Data, g.cov.Data)
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: d, Stride: d, Data: g.chol.Data, Uplo: blas.Lower}); !ok {
		var eig mat.EigenSym
		least := math.NaN()
		if eig.Factorize(mat.NewSymDense(d, g.cov.Data), false) {
			least = eig.Values(nil)[0]
		}
		return fmt.Errorf("infogeo: covariance of order %d with the least eigenvalue %.3g, want it positive definite: %w", d, least, ErrNotPositiveDefinite)
	}
	for i := range d {
		clear(g.chol.Row(i)[i+1:])
	}
	return nil
}

// Dim returns d.
func (g *Gaussian) Dim() int { return len(g.mean) }

// Mean stores the mean in dst, which is allocated if nil, and returns it. It panics
// if dst has another length than d.
func (g *Gaussian) Mean(dst []float64) []float64 {
	if dst == nil {
		dst = make([]float64, len(g.mean))
	}
	checkLengths("Gaussian.Mean", len(dst), len(g.mean), len(g.mean))
	copy(dst, g.mean)
	return dst
}

// Cov stores the covariance in dst, which is allocated if nil, and returns it. It
// panics if dst is neither empty nor of order d.
func (g *Gaussian) Cov(dst *mat.SymDense) *mat.SymDense {
	if dst == nil {
		dst = new(mat.SymDense)
	}
	dst.CopySym(symSized(dst, g.cov))
	return dst
}

// symSized gives an empty dst the order of m and returns m as a symmetric matrix.
func symSized(dst *mat.SymDense, m kernel.Matrix[float64]) *mat.SymDense {
	if dst.IsEmpty() {
		dst.ReuseAsSym(m.Rows)
	}
	if dst.SymmetricDim() != m.Rows {
		panic(fmt.Sprintf("infogeo: destination of order %d, want %d", dst.SymmetricDim(), m.Rows))
	}
	return mat.NewSymDense(m.Rows, m.Data)
}

// solveLower replaces b by L⁻¹ b for the lower triangle L of l.
func solveLower(l, b kernel.Matrix[float64]) {
	blas64.Trsm(blas.Left, blas.NoTrans, 1,
		blas64.Triangular{N: l.Rows, Stride: l.Stride, Data: l.Data, Uplo: blas.Lower, Diag: blas.NonUnit},
		blas64.General{Rows: b.Rows, Cols: b.Cols, Stride: b.Stride, Data: b.Data})
}
