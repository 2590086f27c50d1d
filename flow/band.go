package flow

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// Band is the shape of a matrix A with A_ij = 0 unless -Lower <= j-i <= Upper.
type Band struct{ Lower, Upper int }

// width is the number of diagonals.
func (b Band) width() int { return b.Lower + b.Upper + 1 }

// rows are the rows in which column j may have entries, from lo to before hi.
func (b Band) rows(j, n int) (lo, hi int) { return max(0, j-b.Upper), min(n, j+b.Lower+1) }

// bandMatrix is a band matrix and its factors P L U, row by row: A_ij is at
// i·width + j-i+Lower, with room for the Lower diagonals that row exchanges fill.
// gonum has no factorization of general band matrices. A symmetric positive
// definite one is Uᵀ U, with A_ij at i·width + j-i for j >= i.
type bandMatrix struct {
	n, width  int
	band      Band
	a         []float64
	pivot     []int
	symmetric bool
}

func newBandMatrix(n int, b Band, symmetric bool) *bandMatrix {
	m := &bandMatrix{n: n, band: b, symmetric: symmetric, width: 2*b.Lower + b.Upper + 1}
	if symmetric {
		m.width = b.Upper + 1
	} else {
		m.pivot = make([]int, n)
	}
	m.a = make([]float64, n*m.width)
	return m
}

// cholesky is the matrix as LAPACK sees it.
func (m *bandMatrix) cholesky() blas64.SymmetricBand {
	return blas64.SymmetricBand{N: m.n, K: m.band.Upper, Stride: m.width, Data: m.a, Uplo: blas.Upper}
}

// factor replaces the matrix by its factors; false means singular, or for a
// symmetric matrix not positive definite.
func (m *bandMatrix) factor() bool {
	for _, v := range m.a {
		if !finite(v) {
			return false
		}
	}
	if m.symmetric {
		_, ok := lapack64.Pbtrf(m.cholesky())
		return ok
	}
	low, w := m.band.Lower, m.width
	for k := range m.n {
		// Element (i, k) is at i·(w-1) + k + low.
		last := min(m.n-1, k+low)
		p, top := k, math.Abs(m.a[k*w+low])
		for i := k + 1; i <= last; i++ {
			if v := math.Abs(m.a[i*(w-1)+k+low]); v > top {
				p, top = i, v
			}
		}
		m.pivot[k] = p
		if top == 0 {
			return false
		}
		length := min(m.n-k, w-low)
		rk := m.a[k*w+low:][:length]
		if p != k {
			rp := m.a[p*(w-1)+k+low:][:length]
			for j, v := range rk {
				rk[j], rp[j] = rp[j], v
			}
		}
		inv := 1 / rk[0]
		for i := k + 1; i <= last; i++ {
			ri := m.a[i*(w-1)+k+low:][:length]
			l := ri[0] * inv
			ri[0] = l
			for j, v := range rk[1:] {
				ri[j+1] -= l * v
			}
		}
	}
	return true
}

// solve replaces b by the solution of A x = b.
func (m *bandMatrix) solve(b []float64) {
	if m.symmetric {
		t := blas64.TriangularBand{N: m.n, K: m.band.Upper, Stride: m.width, Data: m.a, Uplo: blas.Upper, Diag: blas.NonUnit}
		x := blas64.Vector{N: m.n, Inc: 1, Data: b}
		blas64.Tbsv(blas.Trans, t, x)
		blas64.Tbsv(blas.NoTrans, t, x)
		return
	}
	low, w := m.band.Lower, m.width
	for k, p := range m.pivot {
		b[k], b[p] = b[p], b[k]
		for i := k + 1; i <= min(m.n-1, k+low); i++ {
			b[i] -= m.a[i*(w-1)+k+low] * b[k]
		}
	}
	for i := m.n - 1; i >= 0; i-- {
		ri := m.a[i*w+low:][:min(m.n-i, w-low)]
		s := b[i]
		for j, v := range ri[1:] {
			s -= v * b[i+1+j]
		}
		b[i] = s / ri[0]
	}
}
