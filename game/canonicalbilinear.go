package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Bilinear is the zero-sum game l_1 = x·Ay, l_2 = -x·Ay. Its field is a rotation in
// the planes of the singular vectors of A, with the singular values as frequencies:
// gradient play conserves |x|² + |y|² and gradient descent spirals out. It may be used
// by several goroutines.
type Bilinear struct {
	affine
	a *mat.Dense
}

// NewBilinear returns the bilinear game of the m x n matrix A, with blocks (m, n).
// Errors: ErrShape for an empty matrix, ErrNotFinite.
func NewBilinear(a mat.Matrix) (*Bilinear, error) {
	if a == nil {
		return nil, fmt.Errorf("game: NewBilinear: A is nil, want a matrix: %w", ErrArgument)
	}
	m, n := a.Dims()
	if m == 0 || n == 0 {
		return nil, fmt.Errorf("game: NewBilinear: A is %d x %d, want at least one row and column: %w", m, n, ErrShape)
	}
	one, two := kernel.NewMatrix[float64](m+n, m+n), kernel.NewMatrix[float64](m+n, m+n)
	for i := range m {
		for j := range n {
			v := a.At(i, j)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("game: NewBilinear: A[%d][%d] = %v, want a finite number: %w", i, j, v, ErrNotFinite)
			}
			one.Set(i, m+j, v)
			one.Set(m+j, i, v)
			two.Set(i, m+j, -v)
			two.Set(m+j, i, -v)
		}
	}
	return &Bilinear{newAffine([]int{m, n}, []kernel.Matrix[float64]{one, two}, nil, nil), mat.DenseCopyOf(a)}, nil
}

// Matrix returns a copy of A.
func (g *Bilinear) Matrix() *mat.Dense { return mat.DenseCopyOf(g.a) }

// Invariants implements Invarianter: |x|² + |y|².
func (g *Bilinear) Invariants() []flow.Invariant[float64] {
	return []flow.Invariant[float64]{squaredNorm}
}

// Clone implements Cloner.
func (g *Bilinear) Clone() Game { return g }

// squaredNorm is the invariant |x|² of the fields that are orthogonal to x.
var squaredNorm = flow.Invariant[float64]{Name: "|x|²", Value: kernel.SumSq[float64]}

// Tandem is the game l_1 = (x+y)² - 2x, l_2 = (x+y)² - 2y of Letcher et al. (ICLR 2019,
// section 3.1), a potential game with φ = (x+y)² - 2x - 2y whose critical points are
// the line x + y = 1. LOLA's arrogant players end elsewhere. It may be used by several
// goroutines.
type Tandem struct{ affine }

// NewTandem returns the game, with two scalar players.
func NewTandem() *Tandem {
	q := kernel.MatrixOf(2, 2, []float64{2, 2, 2, 2})
	return &Tandem{newAffine([]int{1, 1}, []kernel.Matrix[float64]{q, q}, [][]float64{{-2, 0}, {0, -2}}, nil)}
}

// Potential implements Potentialer.
func (g *Tandem) Potential(x []float64) float64 {
	s := x[0] + x[1]
	return s*s - 2*s
}

// Clone implements Cloner.
func (g *Tandem) Clone() Game { return g }
