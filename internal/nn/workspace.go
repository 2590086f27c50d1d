package nn

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Workspace is the memory in which batches pass through a network. The passes
// build on one another: Forward first; Backward, VJP and JVP after it;
// SecondJVP after JVP; RBackward after Backward and JVP. What they return are
// views that the next pass of the same kind overwrites. A workspace is for one
// goroutine at a time.
type Workspace[T kernel.Float] struct {
	net    *MLP
	rows   int // of the current batch
	limit  int // rows for which memory is there
	x      kernel.Matrix[T]
	theta  []T // view of the last Forward's
	layers []layer[T]
	ones   []T
	gates  []kernel.Matrix[T] // of the hidden layers, if frozen

	slopes, curvatures bool // whether d1 and d2 belong to the current Forward
}

// layer is the state of one layer for the current batch: rows x out matrices.
// Those of the output layer stop at z, delta and their tangents.
type layer[T kernel.Float] struct {
	span
	w kernel.Matrix[T] // views of θ
	b []T
	v kernel.Matrix[T] // views of the direction of the last JVP
	c []T

	bias []T // t b_l

	h, z          kernel.Matrix[T] // φ(z); z is kept where φ' needs it or gates are frozen
	d1, d2        kernel.Matrix[T] // φ'(z), φ''(z) of the curved activations
	delta, dh     kernel.Matrix[T] // ∂/∂z and, where φ is curved, ∂/∂h of the last Backward
	other         kernel.Matrix[T] // the ∂/∂z of a VJP or RBackward
	zdot, hdot    kernel.Matrix[T] // of the last JVP; one and the same unless φ is curved
	zddot         kernel.Matrix[T] // of the last SecondJVP, turned into ∂²h in place
	first, second bool             // whether the tangents' memory is there
}

// NewWorkspace returns memory for batches of up to rows samples. It panics if
// rows < 1.
func NewWorkspace[T kernel.Float](n *MLP, rows int) *Workspace[T] {
	if rows < 1 {
		panic(fmt.Sprintf("nn: workspace for %d rows, want at least 1", rows))
	}
	ws := &Workspace[T]{net: n, limit: rows, ones: make([]T, rows), layers: make([]layer[T], len(n.layers))}
	for i := range ws.ones {
		ws.ones[i] = 1
	}
	for i := range ws.layers {
		l := &ws.layers[i]
		l.span = n.layers[i]
		if l.span.b >= 0 {
			l.bias = make([]T, l.out)
		}
		ws.ensure(&l.h, l.out)
		ws.ensure(&l.delta, l.out)
		ws.ensure(&l.other, l.out)
		if i == len(ws.layers)-1 {
			continue
		}
		if n.cfg.Act.needsInput() {
			ws.ensure(&l.z, l.out)
		}
		if n.cfg.Act.Curved() {
			ws.ensure(&l.d1, l.out)
			ws.ensure(&l.dh, l.out)
		}
	}
	ws.resize(rows)
	return ws
}

// Net returns the network that the workspace is for.
func (ws *Workspace[T]) Net() *MLP { return ws.net }

// Theta returns the parameters of the last Forward, a view.
func (ws *Workspace[T]) Theta() []T { return ws.theta }

// ensure gives m memory for the largest batch of the current number of rows.
func (ws *Workspace[T]) ensure(m *kernel.Matrix[T], cols int) {
	if m.Data == nil {
		*m = kernel.Matrix[T]{Rows: ws.rows, Cols: cols, Stride: cols, Data: make([]T, ws.limit*cols)[:ws.rows*cols]}
	}
}

// resize sets the number of rows of the current batch.
func (ws *Workspace[T]) resize(rows int) {
	ws.rows = rows
	for i := range ws.layers {
		l := &ws.layers[i]
		for _, m := range [...]*kernel.Matrix[T]{&l.h, &l.z, &l.d1, &l.d2, &l.delta, &l.dh, &l.other, &l.zdot, &l.hdot, &l.zddot} {
			if m.Data != nil {
				m.Rows, m.Data = rows, m.Data[:rows*m.Cols]
			}
		}
	}
}

// curved says whether the second derivative of the current activation is there:
// with frozen gates it is not.
func (ws *Workspace[T]) curved() bool { return ws.gates == nil && ws.net.cfg.Act.Curved() }

// needSlopes computes φ'(z) of every hidden layer, once after each Forward.
func (ws *Workspace[T]) needSlopes() {
	if ws.slopes || !ws.curved() {
		return
	}
	for i := range ws.layers[:len(ws.layers)-1] {
		l := &ws.layers[i]
		slope(ws.net.cfg.Act, l.d1.Data, l.h.Data, l.z.Data)
	}
	ws.slopes = true
}

// needCurvatures computes φ”(z) of every hidden layer, once after each Forward.
func (ws *Workspace[T]) needCurvatures() {
	if ws.curvatures || !ws.curved() {
		return
	}
	ws.needSlopes()
	for i := range ws.layers[:len(ws.layers)-1] {
		l := &ws.layers[i]
		ws.ensure(&l.d2, l.out)
		curvature(ws.net.cfg.Act, l.d2.Data, l.d1.Data, l.h.Data, l.z.Data)
	}
	ws.curvatures = true
}

// gate stores src∘φ'(z_i) in dst for hidden layer i; they may be the same.
func (ws *Workspace[T]) gate(i int, dst, src kernel.Matrix[T]) {
	l := &ws.layers[i]
	if ws.gates != nil {
		kernel.MulTo(dst.Data, src.Data, ws.gates[i].Data)
		return
	}
	switch ws.net.cfg.Act {
	case Identity:
		if &dst.Data[0] != &src.Data[0] {
			copy(dst.Data, src.Data)
		}
	case ReLU:
		kernel.ReLUGrad(dst.Data, src.Data, l.h.Data)
	case LeakyReLU:
		kernel.LeakyReLUGrad(dst.Data, src.Data, l.h.Data, LeakySlope)
	default:
		kernel.MulTo(dst.Data, src.Data, l.d1.Data)
	}
}

// Hidden returns the activations H_l (m x n_l) of the last Forward, 1 <= l < L.
func (ws *Workspace[T]) Hidden(l int) kernel.Matrix[T] { return ws.layers[l-1].h }

// Delta returns D_l, the derivative of Σ r∘f with respect to Z_l (m x n_l) of
// the last Backward, 1 <= l <= L.
func (ws *Workspace[T]) Delta(l int) kernel.Matrix[T] { return ws.layers[l-1].delta }

// Cotangent returns D_l of the last VJP, the derivative of Σ r∘f with respect to
// Z_l (m x n_l), 1 <= l < L; that of the output layer is r itself.
func (ws *Workspace[T]) Cotangent(l int) kernel.Matrix[T] { return ws.layers[l-1].other }

// Input returns H_{l-1}, what layer l reads: the batch for l = 1.
func (ws *Workspace[T]) Input(l int) kernel.Matrix[T] { return ws.input(l - 1) }

func (ws *Workspace[T]) input(i int) kernel.Matrix[T] {
	if i == 0 {
		return ws.x
	}
	return ws.layers[i-1].h
}

// ActivationGrad stores the derivative of Σ r∘f with respect to H_l (m x n_l),
// 1 <= l < L, of the last Backward in dst; with l = 0 that with respect to X.
func (ws *Workspace[T]) ActivationGrad(dst kernel.Matrix[T], l int) {
	next := &ws.layers[l]
	kernel.Gemm(dst, T(next.scale), next.delta, next.w, 0)
}
