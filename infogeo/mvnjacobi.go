package infogeo

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// jacobi makes the first w numbers of the rows of m orthogonal by plane rotations
// of pairs of whole rows (one-sided Jacobi, Hestenes 1958): with [A | Y] in m it
// replaces A by JA = diag(s) Zᵀ and Y by JY, a singular value decomposition of A. In
// contrast to a bidiagonalisation it finds small singular values of a matrix with
// rows of very different size to high relative accuracy (Demmel and Veselić 1992),
// it is quick when the rows are nearly orthogonal already, and it allocates nothing.
// norms is scratch for a number a row, tmp for a row.
func jacobi(m kernel.Matrix[float64], w int, norms, tmp []float64) {
	tol := math.Sqrt(float64(w)) * 0x1p-52
	for range 40 {
		rotated := false
		for i := range m.Rows {
			norms[i] = kernel.SumSq(m.Row(i)[:w])
		}
		for i := range m.Rows {
			for j := i + 1; j < m.Rows; j++ {
				ri, rj := m.Row(i), m.Row(j)
				g := kernel.Dot(ri[:w], rj[:w])
				if !(math.Abs(g) > tol*math.Sqrt(norms[i]*norms[j])) {
					continue
				}
				rotated = true
				zeta := (norms[j] - norms[i]) / (2 * g)
				t := math.Copysign(1/(math.Abs(zeta)+math.Sqrt(1+zeta*zeta)), zeta)
				norms[i] -= t * g
				norms[j] += t * g
				c := 1 / math.Sqrt(1+t*t)
				rotate(ri, rj, tmp, c, c*t)
			}
		}
		if !rotated {
			return
		}
	}
}

// rotate stores c x - s y in x and s x + c y in y.
func rotate(x, y, tmp []float64, c, s float64) {
	if len(x) < 16 {
		for i, a := range x {
			b := y[i]
			x[i], y[i] = c*a-s*b, s*a+c*b
		}
		return
	}
	tmp = tmp[:len(x)]
	copy(tmp, x)
	kernel.Axpby(-s, y, c, x)
	kernel.Axpby(s, tmp, c, y)
}

// columns is the view of n columns of m from column j.
func columns(m kernel.Matrix[float64], j, n int) kernel.Matrix[float64] {
	m.Cols = n
	if m.Rows > 0 && n > 0 {
		m.Data = m.Data[j:]
	}
	return m
}

// setIdentity stores the unit matrix in m.
func setIdentity(m kernel.Matrix[float64]) {
	for i := range m.Rows {
		row := m.Row(i)
		clear(row)
		row[i] = 1
	}
}
