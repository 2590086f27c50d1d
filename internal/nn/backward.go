package nn

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Backward stores Jᵀ r in grad (length p), r = seed (m x n_L) being the
// derivative of some function of the outputs, and keeps the derivatives D_l for
// RBackward, Delta and ActivationGrad. With a nil grad only those are computed.
func (ws *Workspace[T]) Backward(grad []T, seed kernel.Matrix[T]) {
	if grad != nil {
		checkLen("grad", len(grad), ws.net.dim)
	}
	ws.checkSeed(seed)
	ws.needSlopes()
	copyMatrix(ws.layers[len(ws.layers)-1].delta, seed)
	for i := len(ws.layers) - 1; i >= 0; i-- {
		l := &ws.layers[i]
		if grad != nil {
			ws.layerGrad(i, grad, l.delta, 0)
		}
		if i > 0 {
			ws.pull(i, ws.layers[i-1].delta, l.delta, true)
		}
	}
}

// VJP stores Jᵀ r in dst (length p) and leaves what Backward keeps alone. With a
// nil dst only the derivatives that Cotangent returns are computed.
func (ws *Workspace[T]) VJP(dst []T, seed kernel.Matrix[T]) {
	if dst != nil {
		checkLen("dst", len(dst), ws.net.dim)
	}
	ws.checkSeed(seed)
	ws.needSlopes()
	delta := seed
	for i := len(ws.layers) - 1; i >= 0; i-- {
		if dst != nil {
			ws.layerGrad(i, dst, delta, 0)
		}
		if i > 0 {
			ws.pull(i, ws.layers[i-1].other, delta, false)
			delta = ws.layers[i-1].other
		}
	}
}

func (ws *Workspace[T]) checkSeed(seed kernel.Matrix[T]) {
	if seed.Rows != ws.rows || seed.Cols != ws.net.Outputs() {
		panic(fmt.Sprintf("nn: seed is %d x %d, want %d x %d", seed.Rows, seed.Cols, ws.rows, ws.net.Outputs()))
	}
}

// layerGrad stores s DᵀH + β G in the weights' part G of grad, and t Dᵀ1 + β g
// in the biases'.
func (ws *Workspace[T]) layerGrad(i int, grad []T, delta kernel.Matrix[T], beta T) {
	l := &ws.layers[i]
	w, b := Weights(ws.net, grad, i+1)
	mulTN(w, T(l.scale), delta, ws.input(i), beta)
	if b != nil {
		kernel.GemvT(b, T(l.shift), delta, ws.ones[:ws.rows], beta)
	}
}

// mulTN stores α AᵀB + β C in C, by a product with a vector if A is a column.
func mulTN[T kernel.Float](c kernel.Matrix[T], alpha T, a, b kernel.Matrix[T], beta T) {
	if a.Cols == 1 && a.Stride == 1 {
		kernel.GemvT(c.Row(0), alpha, b, a.Data[:a.Rows], beta)
		return
	}
	kernel.GemmTN(c, alpha, a, b, beta)
}

// pull stores (s D W)∘φ'(z) in dst, the derivative at hidden layer i-1 of the
// one at layer i. Where φ is curved and keep is set, s D W is kept as dh.
func (ws *Workspace[T]) pull(i int, dst, delta kernel.Matrix[T], keep bool) {
	l, below := &ws.layers[i], &ws.layers[i-1]
	if l.out == 1 && !ws.curved() {
		ws.pullRow(i, dst, delta)
		return
	}
	dh := dst
	if keep && ws.curved() {
		dh = below.dh
	}
	kernel.Gemm(dh, T(l.scale), delta, l.w, 0)
	ws.gate(i-1, dst, dh)
}

// pullRow is pull for a single output, whose s D W is an outer product: row by
// row, so that each is gated while it is in cache.
func (ws *Workspace[T]) pullRow(i int, dst, delta kernel.Matrix[T]) {
	l, below := &ws.layers[i], &ws.layers[i-1]
	w := l.w.Row(0)
	for r := range ws.rows {
		row := dst.Row(r)
		kernel.Axpby(T(l.scale)*delta.Data[r*delta.Stride], w, 0, row)
		switch {
		case ws.gates != nil:
			kernel.MulTo(row, row, ws.gates[i-1].Row(r))
		case ws.net.cfg.Act == ReLU:
			kernel.ReLUGrad(row, row, below.h.Row(r))
		case ws.net.cfg.Act == LeakyReLU:
			kernel.LeakyReLUGrad(row, row, below.h.Row(r), LeakySlope)
		}
	}
}

// copyMatrix copies src to dst, which has the same shape.
func copyMatrix[T kernel.Float](dst, src kernel.Matrix[T]) {
	for i := range dst.Rows {
		copy(dst.Row(i), src.Row(i))
	}
}
