package game

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// affine is a game with dense quadratic losses l_i = x·Q_i x/2 + b_i·x + c_i, whose
// field is affine: ξ = Jx + b. It has no scratch memory.
type affine struct {
	blocks, start []int
	n             int
	q             []kernel.Matrix[float64]
	b             [][]float64
	c             []float64
	jac           kernel.Matrix[float64] // the rows of Q_i that belong to player i
	b0            []float64              // the parts of b_i that do
}

// newAffine returns the game; nil b or c are zero.
func newAffine(blocks []int, q []kernel.Matrix[float64], b [][]float64, c []float64) affine {
	g := affine{blocks: blocks, start: starts(blocks), n: sum(blocks), q: q, b: b, c: c}
	if g.b == nil {
		g.b = make([][]float64, len(blocks))
	}
	if g.c == nil {
		g.c = make([]float64, len(blocks))
	}
	g.jac, g.b0 = kernel.NewMatrix[float64](g.n, g.n), make([]float64, g.n)
	for i := range blocks {
		if g.b[i] == nil {
			g.b[i] = make([]float64, g.n)
		}
		for k := g.start[i]; k < g.start[i+1]; k++ {
			copy(g.jac.Row(k), q[i].Row(k))
			g.b0[k] = g.b[i][k]
		}
	}
	return g
}

func (g *affine) check(x []float64) {
	if len(x) != g.n {
		panic(fmt.Sprintf("game: len(x) = %d, want %d", len(x), g.n))
	}
}

// Blocks implements Game.
func (g *affine) Blocks() []int { return g.blocks }

// Losses implements Game.
func (g *affine) Losses(dst, x []float64) {
	g.check(x)
	for i := range g.blocks {
		s := 0.0
		for k, v := range x {
			s += v * kernel.Dot(g.q[i].Row(k), x)
		}
		dst[i] = s/2 + kernel.Dot(g.b[i], x) + g.c[i]
	}
}

// Field implements Game.
func (g *affine) Field(dst, x []float64) {
	g.check(x)
	copy(dst, g.b0)
	kernel.Gemv(dst, 1, g.jac, x, 1)
}

// Gradient implements Gradienter.
func (g *affine) Gradient(dst []float64, player int, x []float64) {
	g.check(x)
	copy(dst, g.b[player])
	kernel.Gemv(dst, 1, g.q[player], x, 1)
}

// Jacobian implements Jacobianer.
func (g *affine) Jacobian(dst *mat.Dense, x []float64) {
	for k := range g.n {
		copy(dst.RawRowView(k), g.jac.Row(k))
	}
}

// JVP implements JVPer.
func (g *affine) JVP(dst, x, u []float64) { kernel.Gemv(dst, 1, g.jac, u, 0) }

// VJP implements JVPer.
func (g *affine) VJP(dst, x, u []float64) { kernel.GemvT(dst, 1, g.jac, u, 0) }

// OwnHessian implements OwnHessianer.
func (g *affine) OwnHessian(dst *mat.SymDense, player int, x []float64) {
	from, to := g.start[player], g.start[player+1]
	for k := from; k < to; k++ {
		for l := k; l < to; l++ {
			dst.SetSym(k-from, l-from, g.q[player].At(k, l))
		}
	}
}

// Hessian implements Hessianer.
func (g *affine) Hessian(dst *mat.SymDense, player int, x []float64) {
	for k := range g.n {
		for l := k; l < g.n; l++ {
			dst.SetSym(k, l, g.q[player].At(k, l))
		}
	}
}

// affineBatch is the field Jx + b for many states at once, one matrix product.
type affineBatch[T kernel.Float] struct {
	jac kernel.Matrix[T]
	b   []T
}

func newAffineBatch[T kernel.Float](g *affine) *affineBatch[T] {
	a := &affineBatch[T]{jac: kernel.NewMatrix[T](g.n, g.n), b: make([]T, g.n)}
	for k, v := range g.jac.Data {
		a.jac.Data[k] = T(v)
	}
	for k, v := range g.b0 {
		a.b[k] = T(v)
	}
	return a
}

func (a *affineBatch[T]) Dim() int { return len(a.b) }

func (a *affineBatch[T]) EvalBatch(dst, x []T, lanes int) {
	n := len(a.b)
	for k, v := range a.b {
		row := dst[k*lanes : (k+1)*lanes]
		for i := range row {
			row[i] = v
		}
	}
	kernel.Gemm(kernel.MatrixOf(n, lanes, dst), 1, a.jac, kernel.MatrixOf(n, lanes, x), 1)
}

// Batch32 implements Batcher.
func (g *affine) Batch32() BatchField[float32] { return newAffineBatch[float32](g) }

// Batch64 implements Batcher.
func (g *affine) Batch64() BatchField[float64] { return newAffineBatch[float64](g) }
