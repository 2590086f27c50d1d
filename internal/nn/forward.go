package nn

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Forward returns the outputs f (m x n_L) of the samples in the rows of x for
// the parameters theta, and keeps what the derivatives need. x and theta are
// kept as views: the passes that follow read them.
func (ws *Workspace[T]) Forward(theta []T, x kernel.Matrix[T]) kernel.Matrix[T] {
	checkLen("theta", len(theta), ws.net.dim)
	ws.setInput(x)
	ws.theta = theta
	last := len(ws.layers) - 1
	for i := range ws.layers {
		l := &ws.layers[i]
		l.w, l.b = Weights(ws.net, theta, i+1)
		if i == last {
			ws.affine(i, l.h)
			break
		}
		ws.hidden(i)
	}
	ws.slopes, ws.curvatures = false, false
	return ws.layers[last].h
}

// setInput makes x the current batch.
func (ws *Workspace[T]) setInput(x kernel.Matrix[T]) {
	if x.Cols != ws.net.Inputs() {
		panic(fmt.Sprintf("nn: x has %d columns, want %d = inputs of the network", x.Cols, ws.net.Inputs()))
	}
	if x.Rows < 1 || x.Rows > ws.limit {
		panic(fmt.Sprintf("nn: x has %d rows, want 1 to %d = rows of the workspace", x.Rows, ws.limit))
	}
	if x.Rows != ws.rows {
		ws.resize(x.Rows)
	}
	ws.x = x
}

// hidden computes h = φ(z) of hidden layer i.
func (ws *Workspace[T]) hidden(i int) {
	l := &ws.layers[i]
	act := ws.net.cfg.Act
	switch {
	case ws.gates != nil:
		ws.affine(i, l.h)
		kernel.MulTo(l.h.Data, l.h.Data, ws.gates[i].Data)
	case act == ReLU && l.b != nil:
		// One pass over z instead of two.
		ws.linear(i, l.h)
		kernel.BiasReLU(l.h, l.bias)
	case act.needsInput():
		ws.affine(i, l.z)
		apply(act, l.h.Data, l.z.Data)
	default:
		ws.affine(i, l.h)
		if act != Identity {
			apply(act, l.h.Data, l.h.Data)
		}
	}
}

// affine stores Z = s H Wᵀ + t b of layer i in z.
func (ws *Workspace[T]) affine(i int, z kernel.Matrix[T]) {
	ws.linear(i, z)
	if l := &ws.layers[i]; l.b != nil {
		kernel.AddBias(z, l.bias)
	}
}

// linear stores s H Wᵀ of layer i in z and prepares t b.
func (ws *Workspace[T]) linear(i int, z kernel.Matrix[T]) {
	l := &ws.layers[i]
	mulNT(z, T(l.scale), ws.input(i), l.w, 0)
	if l.b != nil {
		kernel.Axpby(T(l.shift), l.b, 0, l.bias)
	}
}

// mulNT stores α A Bᵀ + β C in C. A single output is a product with a vector,
// for which the blocks of a matrix product are a waste.
func mulNT[T kernel.Float](c kernel.Matrix[T], alpha T, a, b kernel.Matrix[T], beta T) {
	if c.Cols == 1 {
		kernel.Gemv(c.Data, alpha, a, b.Row(0), beta)
		return
	}
	kernel.GemmNT(c, alpha, a, b, beta)
}

// FreezeGates replaces the activation by the linear gates h = g∘z with
// g = φ'(z) at (theta, x), rows of x sample by sample: the network is then
// linear in each layer's parameters, and one with a single hidden layer of
// rectifiers equals its own second-order expansion in θ around theta
// (arXiv 2205.11787). The next Forward must be of the same samples, or SetGates
// must say those of its batch.
func (ws *Workspace[T]) FreezeGates(theta []T, x kernel.Matrix[T]) {
	ws.gates = nil
	ws.Forward(theta, x)
	ws.needSlopes()
	var gates []kernel.Matrix[T]
	for i := range ws.layers[:len(ws.layers)-1] {
		g := kernel.NewMatrix[T](x.Rows, ws.layers[i].out)
		for k := range g.Data {
			g.Data[k] = 1
		}
		ws.gate(i, g, g)
		gates = append(gates, g)
	}
	ws.gates = gates
}

// Gates returns the frozen gates of the hidden layers, nil if none are.
func (ws *Workspace[T]) Gates() []kernel.Matrix[T] { return ws.gates }

// SetGates makes g, a matrix of the rows of the next batch for each hidden
// layer, the frozen gates; nil thaws the activation.
func (ws *Workspace[T]) SetGates(g []kernel.Matrix[T]) {
	if g != nil {
		checkLen("gates", len(g), len(ws.layers)-1)
	}
	ws.gates = g
}
