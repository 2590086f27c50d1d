package deq

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// weights is W as the factor of products v Wᵀ with row vectors. The kernel reads a
// small factor where it is, if its rows are contiguous: then Wᵀ is kept. A large
// one it copies anyway.
type weights[T flow.Float] struct {
	w, t kernel.Matrix[T]
}

// inPlace is the order up to which Wᵀ is kept.
const inPlace = 128

func (w *weights[T]) set(m kernel.Matrix[T]) {
	w.w = m
	if m.Rows <= inPlace {
		matrix(&w.t, m.Cols, m.Rows)
		transpose(w.t, m)
	}
}

// mul stores v Wᵀ + β c in c.
func (w *weights[T]) mul(c, v kernel.Matrix[T], beta T) {
	if w.w.Rows <= inPlace {
		kernel.Gemm(c, 1, v, w.t, beta)
		return
	}
	kernel.GemmNT(c, 1, v, w.w, beta)
}

// layerMap is z ↦ σ(Wz + c_r) with c = Ux + b for each sample.
type layerMap[T flow.Float] struct {
	n   int
	act *Activation
	w   weights[T]
	c   kernel.Matrix[T]
	d   []T // slopes at the points of linearisation, by sample

	h, y, s []T
}

// set makes it the map of a layer on a batch.
func (m *layerMap[T]) set(l *Dense[T], x kernel.Matrix[T]) {
	n := l.W.Rows
	m.n, m.act = n, &l.Act
	m.w.set(l.W)
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
	gatherRows(h, m.c, rows)
	m.w.mul(kernel.MatrixOf(len(rows), m.n, h), kernel.MatrixOf(len(rows), m.n, z), 1)
}

// gatherRows stores row rows[i] of c in row i of dst.
func gatherRows[T flow.Float](dst []T, c kernel.Matrix[T], rows []int) {
	n := c.Cols
	if whole(rows, c.Rows) {
		copy(dst, c.Data)
	} else {
		for i, r := range rows {
			copy(dst[i*n:(i+1)*n], c.Row(r))
		}
	}
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
	m.w.mul(kernel.MatrixOf(len(rows), m.n, dst), kernel.MatrixOf(len(rows), m.n, v), 0)
	scaleRowsBy(dst, m.d, rows, m.n)
}

// Jacobian stores D_r W in dst.
func (m *layerMap[T]) Jacobian(dst kernel.Matrix[T], row int) {
	for k := range m.n {
		copy(dst.Row(k), m.w.w.Row(k))
		kernel.Scal(m.d[row*m.n+k], dst.Row(k))
	}
}

// scaleRowsBy multiplies row i of x by the row rows[i] of d, element by element.
func scaleRowsBy[T flow.Float](x, d []T, rows []int, n int) {
	if n == 0 {
		return
	}
	if whole(rows, len(d)/n) {
		kernel.MulTo(x, x, d)
		return
	}
	for i, r := range rows {
		xi := x[i*n : (i+1)*n]
		kernel.MulTo(xi, xi, d[r*n:(r+1)*n])
	}
}

// linearMap is v ↦ D_r (e_r + v W) for row vectors v, the adjoint equation of a
// layer, or v ↦ D_r (e_r + v Wᵀ), its derivative.
type linearMap[T flow.Float] struct {
	e, d    kernel.Matrix[T]
	w       *weights[T]
	tangent bool
}

// Dim implements Map.
func (m *linearMap[T]) Dim() int { return m.w.w.Rows }

// Eval implements Map.
func (m *linearMap[T]) Eval(dst, v []T, rows []int) {
	m.preactivation(dst, v, rows)
	scaleRowsBy(dst, m.d.Data, rows, m.d.Cols)
}

// preactivation stores e_r + v W in h.
func (m *linearMap[T]) preactivation(h, v []T, rows []int) {
	gatherRows(h, m.e, rows)
	m.product(h, v, len(rows), 1)
}

func (m *linearMap[T]) product(dst, v []T, rows int, beta T) {
	n := m.w.w.Rows
	d, x := kernel.MatrixOf(rows, n, dst), kernel.MatrixOf(rows, n, v)
	if m.tangent {
		m.w.mul(d, x, beta)
		return
	}
	kernel.Gemm(d, 1, x, m.w.w, beta)
}

func (m *linearMap[T]) affine() {}

// Linearize implements Tangent.
func (m *linearMap[T]) Linearize([]T, []int) {}

// JacVec implements Tangent.
func (m *linearMap[T]) JacVec(dst, v []T, rows []int) {
	m.product(dst, v, len(rows), 0)
	scaleRowsBy(dst, m.d.Data, rows, m.d.Cols)
}

// Jacobian stores D_r Wᵀ, or D_r W of the derivative, in dst.
func (m *linearMap[T]) Jacobian(dst kernel.Matrix[T], row int) {
	if m.tangent {
		for k := range dst.Rows {
			copy(dst.Row(k), m.w.w.Row(k))
		}
	} else {
		transpose(dst, m.w.w)
	}
	for k, s := range m.d.Row(row) {
		kernel.Scal(s, dst.Row(k))
	}
}
