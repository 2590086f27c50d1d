package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Kronecker is the Kronecker product A ⊗ B of two symmetric positive semidefinite
// matrices, on vectors that hold a matrix V, rows for A, columns for B, by rows: (A ⊗ B)
// vec V = vec A V B. It is the form of KFAC, the approximation of the Fisher matrix of a
// layer by factors of its outputs and its inputs (Martens and Grosse, ICML 2015).
type Kronecker struct {
	a, b   kernel.Matrix[float64]
	qa, qb kernel.Matrix[float64] // rows: eigenvectors
	la, lb []float64
	u, w   kernel.Matrix[float64]
}

// NewKronecker returns A ⊗ B, copied and decomposed. The error wraps ErrShape if one is
// empty, ErrInvalid if an element is not finite and ErrNotPositiveDefinite if an eigenvalue
// is negative beyond rounding.
func NewKronecker(a, b mat.Symmetric) (*Kronecker, error) {
	k := &Kronecker{}
	for _, f := range []struct {
		name string
		from mat.Symmetric
		m, q *kernel.Matrix[float64]
		l    *[]float64
	}{{"A", a, &k.a, &k.qa, &k.la}, {"B", b, &k.b, &k.qb, &k.lb}} {
		n := f.from.SymmetricDim()
		if n == 0 {
			return nil, fmt.Errorf("infogeo: Kronecker factor %s is empty: %w", f.name, ErrShape)
		}
		*f.m, *f.q = kernel.NewMatrix[float64](n, n), kernel.NewMatrix[float64](n, n)
		for i := range n {
			for j := range n {
				f.m.Set(i, j, f.from.At(i, j))
			}
		}
		if err := checkFinite("Kronecker factor "+f.name, f.m.Data, ErrInvalid); err != nil {
			return nil, err
		}
		*f.l = symmetricEigen(*f.m, *f.q)
		if least, most := (*f.l)[0], (*f.l)[n-1]; least < -1e-12*math.Abs(most) {
			return nil, fmt.Errorf("infogeo: Kronecker factor %s has the eigenvalue %.3g, want >= 0: %w", f.name, least, ErrNotPositiveDefinite)
		}
		for i, l := range *f.l {
			(*f.l)[i] = math.Max(0, l)
		}
	}
	k.u, k.w = kernel.NewMatrix[float64](len(k.la), len(k.lb)), kernel.NewMatrix[float64](len(k.la), len(k.lb))
	return k, nil
}

// Dim returns the product of the orders.
func (k *Kronecker) Dim() int { return len(k.la) * len(k.lb) }

// MulVec stores the product with v in dst.
func (k *Kronecker) MulVec(dst, v []float64) {
	x, y := kernel.MatrixOf(len(k.la), len(k.lb), v), kernel.MatrixOf(len(k.la), len(k.lb), dst)
	kernel.Gemm(k.u, 1, k.a, x, 0)
	kernel.Gemm(y, 1, k.u, k.b, 0)
}

// Diagonal stores the diagonal in dst.
func (k *Kronecker) Diagonal(dst []float64) {
	y := kernel.MatrixOf(len(k.la), len(k.lb), dst)
	for i := range k.la {
		for j := range k.lb {
			y.Set(i, j, k.a.At(i, i)*k.b.At(j, j))
		}
	}
}

// Solve stores the solution of (A ⊗ B + λI) x = v in dst, which may be v, from the
// eigenvectors of both factors: the damping is added to the product, not to the factors.
// The error wraps ErrInvalid for λ and ErrSingularFisher, with the rank, if λ does not make
// the matrix regular. It allocates nothing. It panics if the lengths differ.
func (k *Kronecker) Solve(dst, v []float64, lambda float64) error {
	na, nb := len(k.la), len(k.lb)
	checkLengths("Kronecker.Solve", len(dst), len(v), na*nb)
	if err := checkDamping(lambda); err != nil {
		return err
	}
	floor := float64(na+nb) * 0x1p-52 * (k.la[na-1]*k.lb[nb-1] + lambda)
	kernel.Gemm(k.u, 1, k.qa, kernel.MatrixOf(na, nb, v), 0)
	kernel.GemmNT(k.w, 1, k.u, k.qb, 0)
	rank := 0
	for i, la := range k.la {
		for j, lb := range k.lb {
			l := la*lb + lambda
			if l > floor {
				rank++
			}
			k.w.Set(i, j, k.w.At(i, j)/l)
		}
	}
	if rank < na*nb {
		return singular(rank, na*nb)
	}
	kernel.Gemm(k.u, 1, k.w, k.qb, 0)
	kernel.GemmTN(kernel.MatrixOf(na, nb, dst), 1, k.qa, k.u, 0)
	return nil
}
