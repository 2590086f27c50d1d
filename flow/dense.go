package flow

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow/kernel"
)

// smallMatrix is the largest order of a matrix that is factored by plain loops:
// up to it they are faster than LAPACK's recursion.
const smallMatrix = 12

// dense is a square matrix and its factors, in storage of its own: A = P L U, or
// A = Uᵀ U of a symmetric positive definite one. Both are stored by rows.
//
// The triangular systems are solved here, by products of rows: those of LAPACK
// are made for many right-hand sides and take as long as the factors for one.
type dense struct {
	n         int
	a         []float64
	pivot     []int
	symmetric bool
}

func newDense(n int, symmetric bool) *dense {
	d := &dense{n: n, a: make([]float64, n*n), symmetric: symmetric}
	if !symmetric {
		d.pivot = make([]int, n)
	}
	return d
}

func (d *dense) row(i int) []float64 { return d.a[i*d.n : (i+1)*d.n] }

// factor replaces the matrix by its factors. It reports whether it could: false
// means singular, or for a symmetric matrix not positive definite.
func (d *dense) factor() bool {
	if !d.usable() {
		return false
	}
	switch {
	case d.symmetric && d.n <= smallMatrix:
		return d.smallCholesky()
	case d.symmetric:
		_, ok := lapack64.Potrf(blas64.Symmetric{N: d.n, Stride: d.n, Data: d.a, Uplo: blas.Upper})
		return ok
	case d.n <= smallMatrix:
		return d.smallLU()
	}
	return lapack64.Getrf(blas64.General{Rows: d.n, Cols: d.n, Stride: d.n, Data: d.a}, d.pivot)
}

// usable says that no entry is NaN or infinite, which a factorization by pivots
// need not notice.
func (d *dense) usable() bool { return kernel.AllFinite(d.a) }

// smallLU is Gaussian elimination with row exchanges.
func (d *dense) smallLU() bool {
	for k := range d.n {
		p, top := k, math.Abs(d.a[k*d.n+k])
		for i := k + 1; i < d.n; i++ {
			if v := math.Abs(d.a[i*d.n+k]); v > top {
				p, top = i, v
			}
		}
		d.pivot[k] = p
		if top == 0 {
			return false
		}
		rk := d.row(k)
		if p != k {
			rp := d.row(p)[:len(rk)]
			for j, v := range rk {
				rk[j], rp[j] = rp[j], v
			}
		}
		inv := 1 / rk[k]
		for i := k + 1; i < d.n; i++ {
			ri := d.row(i)
			l := ri[k] * inv
			ri[k] = l
			u, r := rk[k+1:], ri[k+1:]
			for j, v := range u {
				r[j] -= l * v
			}
		}
	}
	return true
}

// smallCholesky stores U in the upper triangle.
func (d *dense) smallCholesky() bool {
	for k := range d.n {
		rk := d.row(k)
		if !(rk[k] > 0) {
			return false
		}
		inv := 1 / math.Sqrt(rk[k])
		for j := k; j < d.n; j++ {
			rk[j] *= inv
		}
		for i := k + 1; i < d.n; i++ {
			ri, c := d.row(i), rk[i]
			for j := i; j < d.n; j++ {
				ri[j] -= c * rk[j]
			}
		}
	}
	return true
}

// solve replaces b by the solution of A x = b.
func (d *dense) solve(b []float64) {
	if d.symmetric {
		d.solveCholesky(b)
		return
	}
	for k, p := range d.pivot {
		if p != k {
			b[k], b[p] = b[p], b[k]
		}
	}
	if d.n <= smallMatrix {
		d.smallSolve(b)
		return
	}
	for i := 1; i < d.n; i++ {
		b[i] -= kernel.Dot(d.row(i)[:i], b[:i])
	}
	d.backward(b)
}

// smallSolve solves L U x = b by plain loops.
func (d *dense) smallSolve(b []float64) {
	n := d.n
	for i := 1; i < n; i++ {
		s := b[i]
		for j, v := range d.a[i*n : i*n+i] {
			s -= v * b[j]
		}
		b[i] = s
	}
	for i := n - 1; i >= 0; i-- {
		row, s := d.a[i*n:(i+1)*n], b[i]
		for j := i + 1; j < n; j++ {
			s -= row[j] * b[j]
		}
		b[i] = s / row[i]
	}
}

func (d *dense) solveCholesky(b []float64) {
	for i := range b {
		ri := d.row(i)
		b[i] /= ri[i]
		if d.n <= smallMatrix {
			c := b[i]
			for j := i + 1; j < d.n; j++ {
				b[j] -= c * ri[j]
			}
			continue
		}
		kernel.Axpy(-b[i], ri[i+1:], b[i+1:])
	}
	d.backward(b)
}

// backward solves U x = b.
func (d *dense) backward(b []float64) {
	for i := d.n - 1; i >= 0; i-- {
		ri := d.row(i)
		b[i] = (b[i] - rowDot(ri[i+1:], b[i+1:])) / ri[i]
	}
}

// rowDot is kernel.Dot without a call for a few elements.
func rowDot(x, y []float64) float64 {
	if len(x) > smallMatrix {
		return kernel.Dot(x, y)
	}
	var s float64
	for i, v := range x {
		s += v * y[i]
	}
	return s
}
