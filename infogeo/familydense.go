package infogeo

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// cholesky solves with dense Fisher matrices of one order, without allocating.
type cholesky struct {
	g    *mat.SymDense // to be filled by the owner before solve
	a    []float64     // the factor
	diag []float64
}

func newCholesky(n int) *cholesky {
	return &cholesky{g: mat.NewSymDense(n, nil), a: make([]float64, n*n), diag: make([]float64, n)}
}

// load copies g + damping I to the place of the factor.
func (c *cholesky) load(damping float64) blas64.Symmetric {
	raw := c.g.RawSymmetric()
	n := raw.N
	for i := range n {
		copy(c.a[i*n+i:(i+1)*n], raw.Data[i*raw.Stride+i:i*raw.Stride+n])
		c.a[i*n+i] += damping
		c.diag[i] = c.a[i*n+i]
	}
	return blas64.Symmetric{Uplo: blas.Upper, N: n, Data: c.a, Stride: n}
}

// solve stores (g + damping I)⁻¹ v in dst, which may be v.
func (c *cholesky) solve(dst, v []float64, damping float64) error {
	if err := checkDamping(damping); err != nil {
		return err
	}
	sym := c.load(damping)
	n := sym.N
	t, ok := lapack64.Potrf(sym)
	for i := 0; ok && i < n; i++ {
		// A pivot at the level of rounding is a variance that the earlier
		// coordinates explain.
		r := c.a[i*n+i]
		ok = r*r > 32*float64(n)*0x1p-53*c.diag[i] && !math.IsInf(r, 1)
	}
	if !ok {
		return singular(c.rank(damping), n)
	}
	copy(dst, v)
	lapack64.Potrs(t, blas64.General{Rows: n, Cols: 1, Stride: 1, Data: dst})
	return nil
}

// rank estimates the rank of g + damping I by a pivoted Cholesky factorization.
func (c *cholesky) rank(damping float64) int {
	sym := c.load(damping)
	for _, v := range c.diag {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0
		}
	}
	_, rank, _ := lapack64.Pstrf(sym, make([]int, sym.N), -1, make([]float64, 2*sym.N))
	return rank
}
