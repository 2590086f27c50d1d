package nn

import "github.com/gradflow/gradflow/flow/kernel"

// JVP returns J v (m x n_L), the derivative of the outputs along v (length p),
// by one pass forward:
//
//	Ż_l = s_l (Ḣ_{l-1} W_lᵀ + H_{l-1} V_lᵀ) + t c_l,   Ḣ_l = φ'(Z_l)∘Ż_l
//
// v is kept as a view: SecondJVP and RBackward read it.
func (ws *Workspace[T]) JVP(v []T) kernel.Matrix[T] {
	checkLen("v", len(v), ws.net.dim)
	ws.needSlopes()
	last := len(ws.layers) - 1
	for i := range ws.layers {
		l := &ws.layers[i]
		ws.needTangent(i)
		l.v, l.c = Weights(ws.net, v, i+1)
		mulNT(l.zdot, T(l.scale), ws.input(i), l.v, 0)
		if i > 0 {
			mulNT(l.zdot, T(l.scale), ws.layers[i-1].hdot, l.w, 1)
		}
		if l.c != nil {
			kernel.Axpby(T(l.shift), l.c, 0, l.bias)
			kernel.AddBias(l.zdot, l.bias)
		}
		if i < last {
			ws.gate(i, l.hdot, l.zdot)
		}
	}
	return ws.layers[last].zdot
}

// needTangent provides the memory of the first tangents of layer i. Only a
// curved activation needs ż once ḣ is known.
func (ws *Workspace[T]) needTangent(i int) {
	l := &ws.layers[i]
	if l.first {
		return
	}
	ws.ensure(&l.zdot, l.out)
	l.hdot = l.zdot
	if ws.net.cfg.Act.Curved() {
		l.hdot = kernel.Matrix[T]{}
		ws.ensure(&l.hdot, l.out)
	}
	l.first = true
}

// SecondJVP returns ∂²f/∂ε² (m x n_L) of f(θ + ε v) at ε = 0, v being the
// direction of the last JVP:
//
//	Z̈_l = s_l (Ḧ_{l-1} W_lᵀ + 2 Ḣ_{l-1} V_lᵀ),   Ḧ_l = φ'∘Z̈_l + φ''∘Ż_l²
func (ws *Workspace[T]) SecondJVP() kernel.Matrix[T] {
	ws.needCurvatures()
	last := len(ws.layers) - 1
	for i := range ws.layers {
		l := &ws.layers[i]
		if !l.second {
			ws.ensure(&l.zddot, l.out)
			l.second = true
		}
		if i == 0 {
			clear(l.zddot.Data)
		} else {
			below := &ws.layers[i-1]
			mulNT(l.zddot, 2*T(l.scale), below.hdot, l.v, 0)
			mulNT(l.zddot, T(l.scale), below.zddot, l.w, 1)
		}
		if i < last {
			ws.bend(i)
		}
	}
	return ws.layers[last].zddot
}

// bend turns z̈ of hidden layer i into ḧ in place.
func (ws *Workspace[T]) bend(i int) {
	l := &ws.layers[i]
	ws.gate(i, l.zddot, l.zddot)
	if !ws.curved() {
		return
	}
	for k, z := range l.zdot.Data {
		l.zddot.Data[k] += l.d2.Data[k] * z * z
	}
}

// RBackward stores ∂/∂ε [J(θ + ε v)ᵀ (r + ε ṙ)] at ε = 0 in dst (length p), with
// the r of the last Backward, the v of the last JVP and ṙ = rdot (m x n_L), or 0
// if rdot is the zero Matrix: the R-operator of Pearlmutter (1994),
//
//	dst_l      = s_l (Ḋ_lᵀ H_{l-1} + D_lᵀ Ḣ_{l-1})
//	Ḋ_{l-1}    = s_l (Ḋ_l W_l + D_l V_l)∘φ' + s_l (D_l W_l)∘φ''∘Ż_{l-1}.
//
// With r the derivative of a loss and ṙ = S J v, S the loss's Hessian in the
// outputs, this is the product of the loss's Hessian in θ with v.
func (ws *Workspace[T]) RBackward(dst []T, rdot kernel.Matrix[T]) {
	checkLen("dst", len(dst), ws.net.dim)
	ws.needCurvatures()
	top := &ws.layers[len(ws.layers)-1]
	if rdot.Data == nil {
		clear(top.other.Data)
	} else {
		ws.checkSeed(rdot)
		copyMatrix(top.other, rdot)
	}
	for i := len(ws.layers) - 1; i >= 0; i-- {
		l := &ws.layers[i]
		ws.layerGrad(i, dst, l.other, 0)
		if i == 0 {
			break
		}
		w, _ := Weights(ws.net, dst, i+1)
		mulTN(w, T(l.scale), l.delta, ws.layers[i-1].hdot, 1)
		ws.rpull(i)
	}
}

// rpull computes Ḋ of hidden layer i-1 from layer i.
func (ws *Workspace[T]) rpull(i int) {
	l, below := &ws.layers[i], &ws.layers[i-1]
	kernel.Gemm(below.other, T(l.scale), l.other, l.w, 0)
	kernel.Gemm(below.other, T(l.scale), l.delta, l.v, 1)
	ws.gate(i-1, below.other, below.other)
	if !ws.curved() {
		return
	}
	for k, z := range below.zdot.Data {
		below.other.Data[k] += below.dh.Data[k] * below.d2.Data[k] * z
	}
}
