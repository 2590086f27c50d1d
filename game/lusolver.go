package game

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow/kernel"
)

// maxCondition is the condition number from which on a matrix counts as singular.
const maxCondition = 1e14

// luSolver solves dense systems without allocating.
type luSolver struct {
	a, b  blas64.General
	pivot []int
	work  []float64
	iwork []int
}

func newLUSolver(n int) *luSolver {
	return &luSolver{
		a:     blas64.General{Rows: n, Cols: n, Stride: n, Data: make([]float64, n*n)},
		b:     blas64.General{Rows: n, Cols: 1, Stride: 1},
		pivot: make([]int, n), work: make([]float64, 4*n), iwork: make([]int, n),
	}
}

// solver returns scratch memory for systems of dimension n.
func (p *jet) solver() *luSolver {
	if p.lu == nil {
		p.lu = newLUSolver(p.n)
	}
	return p.lu
}

// augmented returns scratch memory for systems of dimension 2n, with the right-hand
// side double.
func (p *jet) augmented() *luSolver {
	if p.lu == nil {
		p.lu, p.double = newLUSolver(2*p.n), make([]float64, 2*p.n)
	}
	return p.lu
}

// matrix is the matrix to be factored.
func (s *luSolver) matrix() kernel.Matrix[float64] {
	return kernel.MatrixOf(s.a.Rows, s.a.Cols, s.a.Data)
}

// factor factors the matrix; of and name say in an error which one it is.
func (s *luSolver) factor(of, name string) error {
	if !kernel.AllFinite(s.a.Data) {
		return fmt.Errorf("game: %s: the matrix %s is not finite: %w", of, name, ErrNotFinite)
	}
	norm := lapack64.Lange(lapack.MaxColumnSum, s.a, s.work)
	ok := lapack64.Getrf(s.a, s.pivot)
	rcond := 0.0
	if ok {
		rcond = lapack64.Gecon(lapack.MaxColumnSum, s.a, norm, s.work, s.iwork)
	}
	if !(rcond*maxCondition > 1) {
		return fmt.Errorf("game: %s: the matrix %s has condition number %.3g, want one below %g: %w", of, name, 1/rcond, float64(maxCondition), ErrSingular)
	}
	return nil
}

// solve replaces b by the solution.
func (s *luSolver) solve(b []float64) {
	s.b.Data = b
	lapack64.Getrs(blas.NoTrans, s.a, s.b, s.pivot)
}
