package deq

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// layerMap is z ↦ σ(Wz + c_r) with c = Ux + b for each sample.
type layerMap[T flow.Float] struct {
	n   int
	act *Activation
	w   kernel.Matrix[T]
	wt  kernel.Matrix[T] // Wᵀ: products with it need no copy of small factors
	c   kernel.Matrix[T]
	d   []T // slopes at the points of linearisation, by sample

	h, y, s []T
}

// set makes it the map of a layer on a batch.
func (m *layerMap[T]) set(l *Dense[T], x kernel.Matrix[T]) {
	n := l.W.Rows
	m.n, m.act, m.w = n, &l.Act, l.W
	matrix(&m.wt, n, n)
	transpose(m.wt, l.W)
	matrix(&m.c, x.Rows, n)
	for i := range x.Rows {
		copy(m.c.Row(i), l.B)
	}
	if x.Rows > 0 {
		kernel.GemmNT(m.c, 1, x, l.U, 1)
	}
	m.d = m.d[:0]
}

// transpose stores aᵀ in dst, in blocks that stay in cache.
func transpose[T flow.Float](dst, a kernel.Matrix[T]) {
	const block = 16
	for i0 := 0; i0 < a.Rows; i0 += block {
		for j0 := 0; j0 < a.Cols; j0 += block {
			for i := i0; i < min(i0+block, a.Rows); i++ {
				for j, v := range a.Row(i)[j0:min(j0+block, a.Cols)] {
					dst.Data[(j0+j)*dst.Stride+i] = v
				}
			}
		}
	}
}

// Dim implements Map.
func (m *layerMap[T]) Dim() int { return m.n }

// Eval implements Map.
func (m *layerMap[T]) Eval(dst, z []T, rows []int) {
	m.preactivation(dst, z, rows)
	applyActivation(m.act, dst, dst)
}

// preactivation stores Wz + c in h.
func (m *layerMap[T]) preactivation(h, z []T, rows []int) {
	affineRows(h, m.c, z, m.wt, rows)
}

// affineRows stores c_r + v_i w in row i of dst.
func affineRows[T flow.Float](dst []T, c kernel.Matrix[T], v []T, w kernel.Matrix[T], rows []int) {
	n := w.Cols
	if whole(rows, c.Rows) {
		copy(dst, c.Data)
	} else {
		for i, r := range rows {
			copy(dst[i*n:(i+1)*n], c.Row(r))
		}
	}
	kernel.Gemm(kernel.MatrixOf(len(rows), n, dst), 1, kernel.MatrixOf(len(rows), n, v), w, 1)
}

// whole says that rows, which are in increasing order, are the whole batch.
func whole(rows []int, batch int) bool {
	return len(rows) == batch && batch > 0 && rows[0] == 0 && rows[batch-1] == batch-1
}

// Linearize implements Tangent.
func (m *layerMap[T]) Linearize(z []T, rows []int) {
	m.d = room(m.d, m.c.Rows*m.n)
	m.h, m.y, m.s = room(m.h, len(z)), room(m.y, len(z)), room(m.s, len(z))
	m.preactivation(m.h, z, rows)
	activate(m.act, m.y, m.s, m.h)
	for i, r := range rows {
		copy(m.d[r*m.n:(r+1)*m.n], m.s[i*m.n:(i+1)*m.n])
	}
}

// JacVec implements Tangent.
func (m *layerMap[T]) JacVec(dst, v []T, rows []int) {
	kernel.Gemm(kernel.MatrixOf(len(rows), m.n, dst), 1, kernel.MatrixOf(len(rows), m.n, v), m.wt, 0)
	scaleRowsBy(dst, m.d, rows, m.n)
}

// Jacobian stores D_r W in dst.
func (m *layerMap[T]) Jacobian(dst kernel.Matrix[T], row int) {
	for k := range m.n {
		kernel.AxpyTo(dst.Row(k), m.d[row*m.n+k]-1, m.w.Row(k), m.w.Row(k))
	}
}

// scaleRowsBy multiplies row i of x by the row rows[i] of d, element by element.
func scaleRowsBy[T flow.Float](x, d []T, rows []int, n int) {
	if whole(rows, len(d)/n) {
		kernel.MulTo(x, x, d)
		return
	}
	for i, r := range rows {
		xi := x[i*n : (i+1)*n]
		kernel.MulTo(xi, xi, d[r*n:(r+1)*n])
	}
}

// linearMap is v ↦ D_r (e_r + v w) for row vectors v: with w = W the adjoint
// equation of a layer, with w = Wᵀ its derivative.
type linearMap[T flow.Float] struct {
	e, d, w kernel.Matrix[T]
}

// Dim implements Map.
func (m *linearMap[T]) Dim() int { return m.w.Rows }

// Eval implements Map.
func (m *linearMap[T]) Eval(dst, v []T, rows []int) {
	affineRows(dst, m.e, v, m.w, rows)
	scaleRowsBy(dst, m.d.Data, rows, m.w.Cols)
}

func (m *linearMap[T]) affine() {}

// Linearize implements Tangent.
func (m *linearMap[T]) Linearize([]T, []int) {}

// JacVec implements Tangent.
func (m *linearMap[T]) JacVec(dst, v []T, rows []int) {
	n := m.w.Rows
	kernel.Gemm(kernel.MatrixOf(len(rows), n, dst), 1, kernel.MatrixOf(len(rows), n, v), m.w, 0)
	scaleRowsBy(dst, m.d.Data, rows, n)
}

// Jacobian stores D_r wᵀ in dst.
func (m *linearMap[T]) Jacobian(dst kernel.Matrix[T], row int) {
	transpose(dst, m.w)
	for k, s := range m.d.Row(row) {
		kernel.Scal(s, dst.Row(k))
	}
}
