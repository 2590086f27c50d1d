package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wide is the number of float64 in a vector. Norms are computed in float64
// for both precisions.
const wide = 4

// norms is the sums and norms, and the norms of step-size control.
func norms(g *gen) {
	g.fn("Sum", "func(n int, x *T) float64", "returns Σ x_i, computed in float64.")
	g.wideSum(func(x, acc vec) { g.VADDPD(x, acc, acc) })

	g.fn("SumSq", "func(n int, x *T) float64", "returns Σ x_i², computed in float64.")
	g.wideSum(func(x, acc vec) { g.VFMADD231PD(x, x, acc) })

	g.negSumSq()
	g.maxAbs()
	g.allFinite()
	g.weightedSumSq()
	g.errorSumSq()
}

// loadWide loads four elements as float64.
func (g *gen) loadWide(m op, r vec) {
	if g.is64() {
		g.VMOVUPD(m, r)
		return
	}
	g.VCVTPS2PD(m, r)
}

// loadWideMasked loads the elements that mask selects, and zeros.
func (g *gen) loadWideMasked(m op, mask wideMask, r vec) {
	if g.is64() {
		g.VMASKMOVPD(m, mask.elem, r)
		return
	}
	g.VMASKMOVPS(m, mask.elem, r.AsX())
	g.VCVTPS2PD(r.AsX(), r)
}

// storeWide stores four float64 as elements. It uses up v.
func (g *gen) storeWide(v vec, m mem) {
	if g.is64() {
		g.VMOVUPD(v, m)
		return
	}
	g.VCVTPD2PSY(v, v.AsX())
	g.VMOVUPS(v.AsX(), m)
}

// wideMask selects elements when they are loaded and float64 afterwards.
type wideMask struct {
	elem reg.Register
	f64  vec
}

// wideTail returns the masks of the first n of four elements.
func (g *gen) wideTail(n op) wideMask {
	t, o, m := g.GP64(), g.GP64(), g.YMM()
	g.LEAQ(g.masks(), t)
	g.MOVQ(imm(wide), o)
	g.SUBQ(n, o)
	if g.is64() {
		g.VMOVDQU(at(t, o, 8, 0), m)
		return wideMask{m, m}
	}
	// The table has eight ones before its zeros.
	e := g.XMM()
	g.VMOVDQU(at(t, o, 4, 16), e)
	g.VPMOVSXDQ(e, m)
	return wideMask{e, m}
}

// wideLoop feeds four elements at a time of each pointer to body, with the
// number of the block within the unrolled loop and the address of the elements of
// the first pointer; mask is nil but for the rest.
func (g *gen) wideLoop(n gpr, ptrs []gpr, unroll int, body func(k int, in []vec, addr mem, mask *wideMask)) {
	i := g.GP64()
	g.XORQ(i, i)
	step := func(k int) {
		for j := range k {
			in := g.vecs(len(ptrs))
			for l, p := range ptrs {
				g.loadWide(at(p, i, g.size, wide*g.size*j), in[l])
			}
			body(j, in, at(ptrs[0], i, g.size, wide*g.size*j), nil)
		}
		g.ADDQ(imm(k*wide), i)
		g.SUBQ(imm(k*wide), n)
	}
	g.CMPQ(n, imm(unroll*wide))
	g.JLT(ref("one"))
	g.loop("block")
	step(unroll)
	g.CMPQ(n, imm(unroll*wide))
	g.JGE(ref("block"))
	g.Label("one")
	g.CMPQ(n, imm(wide))
	g.JLT(ref("tail"))
	g.loop("vector")
	step(1)
	g.CMPQ(n, imm(wide))
	g.JGE(ref("vector"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JE(ref("done"))
	m := g.wideTail(n)
	in := g.vecs(len(ptrs))
	for l, p := range ptrs {
		g.loadWideMasked(at(p, i, g.size, 0), m, in[l])
	}
	body(0, in, at(ptrs[0], i, g.size, 0), &m)
	g.Label("done")
}

// wideSum adds what body makes of the vectors of x to accumulators and returns
// their sum. A zero must add nothing.
func (g *gen) wideSum(body func(x, acc vec)) {
	x, n := g.ptr("x"), g.ptr("n")
	acc := g.zeros(8)
	g.wideLoop(n, []gpr{x}, 8, func(k int, in []vec, _ mem, _ *wideMask) { body(in[0], acc[k]) })
	g.returnSum(acc)
}

// negSumSq adds in the order of SumSq.
func (g *gen) negSumSq() {
	g.fn("NegSumSq", "func(n int, x *T) float64", "replaces x by -x and returns Σ x_i², computed in float64 as by SumSq.")
	x, n := g.ptr("x"), g.ptr("n")
	acc := g.zeros(8)
	sign := g.load(g.signBit())
	g.wideLoop(n, []gpr{x}, 8, func(k int, in []vec, addr mem, mask *wideMask) {
		g.VFMADD231PD(in[0], in[0], acc[k])
		if mask != nil {
			w := &gen{Context: g.Context, prec: double, consts: g.consts}
			g.VXORPD(w.signBit(), in[0], in[0])
			g.storeWideTail(in[0], n, addr)
			return
		}
		r := reg.Register(in[0])
		if !g.is64() {
			g.VCVTPD2PSY(in[0], in[0].AsX()) // exact
			r = in[0].AsX()
		}
		s := reg.Register(sign)
		if !g.is64() {
			s = sign.AsX()
		}
		g.v("VXOR", s, r, r)
		g.v("VMOVU", r, addr)
	})
	g.returnSum(acc)
}

// returnSum returns the sum of float64 accumulators.
func (g *gen) returnSum(acc []vec) {
	w := &gen{Context: g.Context, prec: double, consts: g.consts, labels: g.labels}
	s := w.sum(w.fold("VADD", acc))
	g.Store(s, g.ReturnIndex(0))
	g.ret()
}

// maxAbs compares as bits: the magnitude of a NaN is an integer above Inf's.
func (g *gen) maxAbs() {
	g.fn("MaxAbs", "func(n int, x *T) T", "returns max_i |x_i|, and NaN if there is one.")
	x, n := g.ptr("x"), g.ptr("n")
	i := g.GP64()
	g.XORQ(i, i)
	sign := g.YMM()
	g.v("VMOVU", g.absMask(), sign)
	const u = 4
	acc, nan := g.zeros(u), g.zeros(1)[0]
	const unord = 3
	body := func(k int, v vec) {
		t := g.YMM()
		g.v("VCMP", u8(unord), v, v, t)
		g.v("VOR", t, nan, nan)
		g.v("VAND", v, sign, v)
		g.v("VMAX", v, acc[k], acc[k])
	}
	step := func(k int) {
		for j := range k {
			v := g.YMM()
			g.v("VMOVU", at(x, i, g.size, 32*j), v)
			body(j, v)
		}
		g.ADDQ(imm(k*g.lanes), i)
		g.SUBQ(imm(k*g.lanes), n)
	}
	g.blocks(n, u, step)
	g.TESTQ(n, n)
	g.JE(ref("done"))
	v := g.YMM()
	g.v("VMASKMOV", at(x, i, g.size, 0), g.tailMask(n), v)
	body(0, v)
	g.Label("done")
	r := g.fold("VMAX", acc)
	a, b := r.AsX(), g.XMM()
	g.VEXTRACTF128(u8(1), r, b)
	g.v("VMAX", b, a, a)
	if !g.is64() {
		g.VMOVHLPS(a, a, b)
		g.v("VMAX", b, a, a)
		g.VMOVSHDUP(a, b)
	} else {
		g.VPERMILPD(u8(1), a, b)
	}
	g.v("VMAX", b, a, a)
	bad := g.GP32()
	g.v("VMOVMSK", nan, bad)
	g.TESTL(bad, bad)
	g.JE(ref("store"))
	g.VPCMPEQD(a, a, a)
	g.Label("store")
	g.Store(a, g.ReturnIndex(0))
	g.ret()
}

// blocks runs step(unroll) while n allows, then step(1).
func (g *gen) blocks(n gpr, unroll int, step func(k int)) {
	g.CMPQ(n, imm(unroll*g.lanes))
	g.JLT(ref("one"))
	g.loop("block")
	step(unroll)
	g.CMPQ(n, imm(unroll*g.lanes))
	g.JGE(ref("block"))
	g.Label("one")
	g.CMPQ(n, imm(g.lanes))
	g.JLT(ref("tail"))
	g.loop("vector")
	step(1)
	g.CMPQ(n, imm(g.lanes))
	g.JGE(ref("vector"))
	g.Label("tail")
}

// absMask clears the sign.
func (g *gen) absMask() mem {
	if g.is64() {
		return g.bits("abs", 1<<63-1)
	}
	return g.bits("abs", 1<<31-1)
}

// allFinite collects the bits of x - x, which is +0 for finite x and NaN else.
func (g *gen) allFinite() {
	g.fn("AllFinite", "func(n int, x *T) bool", "reports whether x holds neither NaN nor Inf.")
	x, n := g.ptr("x"), g.ptr("n")
	i := g.GP64()
	g.XORQ(i, i)
	const u = 4
	acc := g.zeros(u)
	body := func(k int, v vec) {
		g.v("VSUB", v, v, v)
		g.v("VOR", v, acc[k], acc[k])
	}
	g.blocks(n, u, func(k int) {
		for j := range k {
			v := g.YMM()
			g.v("VMOVU", at(x, i, g.size, 32*j), v)
			body(j, v)
		}
		g.ADDQ(imm(k*g.lanes), i)
		g.SUBQ(imm(k*g.lanes), n)
	})
	g.TESTQ(n, n)
	g.JE(ref("done"))
	v := g.YMM()
	g.v("VMASKMOV", at(x, i, g.size, 0), g.tailMask(n), v)
	body(0, v)
	g.Label("done")
	r := g.fold("VOR", acc)
	g.VPTEST(r, r)
	ok := g.GP8()
	g.SETEQ(ok)
	g.Store(ok, g.ReturnIndex(0))
	g.ret()
}

// weights holds what the weight atol + rtol max(|x|, |y|) needs.
type weights struct{ atol, rtol, abs vec }

func (g *gen) newWeights() weights {
	w := weights{g.YMM(), g.YMM(), g.YMM()}
	g.VBROADCASTSD(g.addr("atol"), w.atol)
	g.VBROADCASTSD(g.addr("rtol"), w.rtol)
	abs, ok := g.consts["abs64"]
	if !ok {
		abs = g.StaticGlobal("abs64")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		g.AppendDatum(operand.U64(1<<63 - 1))
		g.consts["abs64"] = abs
	}
	g.VBROADCASTSD(abs, w.abs)
	return w
}

// square adds (v/weight(x, y))² to acc. It uses up v, x and y.
func (w weights) square(g *gen, v, x, y, acc vec, mask *wideMask) {
	const unord = 3
	nan := g.YMM()
	g.VCMPPD(u8(unord), x, y, nan)
	g.VANDPD(w.abs, x, x)
	g.VANDPD(w.abs, y, y)
	g.VMAXPD(x, y, x)
	g.VMOVAPD(w.atol, y)
	g.VFMADD231PD(x, w.rtol, y)
	g.VORPD(nan, y, y) // all ones is a NaN
	g.VDIVPD(y, v, v)
	if mask != nil {
		g.VANDPD(mask.f64, v, v) // 0/0 for atol = 0
	}
	g.VFMADD231PD(v, v, acc)
}

func (g *gen) weightedSumSq() {
	g.fn("WeightedSumSq", "func(n int, v, x, y *T, atol, rtol float64) float64",
		"returns Σ_j (v_j/w_j)² with w_j = atol + rtol max(|x_j|, |y_j|), in float64.")
	v, x, y, n := g.ptr("v"), g.ptr("x"), g.ptr("y"), g.ptr("n")
	w := g.newWeights()
	acc := g.zeros(2)
	g.wideLoop(n, []gpr{v, x, y}, 2, func(k int, in []vec, _ mem, mask *wideMask) {
		w.square(g, in[0], in[1], in[2], acc[k], mask)
	})
	g.returnSum(acc)
}

// errorSumSq forms four vectors of Σ e_i k_i at a time in registers.
func (g *gen) errorSumSq() {
	g.fn("ErrorSumSq", "func(n int, x, y *T, s int, e *float64, k **T, atol, rtol float64) float64",
		"returns Σ_j (v_j/w_j)² of v = Σ_i e_i k_i with w_j = atol + rtol max(|x_j|, |y_j|),\nin float64. e and k hold s coefficients and pointers to vectors of n elements.")
	x, y, n := g.ptr("x"), g.ptr("y"), g.ptr("n")
	w := g.newWeights()
	const u = 4
	acc := g.zeros(2)
	i := g.GP64()
	g.XORQ(i, i)
	e, k, s := g.ptr("e"), g.ptr("k"), g.ptr("s")
	combine := func(label string, v []vec, mask *wideMask) {
		for _, r := range v {
			g.zero(r)
		}
		l, p, c := g.GP64(), g.GP64(), g.YMM()
		g.XORQ(l, l)
		g.TESTQ(s, s)
		g.JE(ref(label + "_end"))
		g.Label(label)
		g.MOVQ(at(k, l, 8, 0), p)
		g.VBROADCASTSD(at(e, l, 8, 0), c)
		for j, r := range v {
			t := g.YMM()
			m := at(p, i, g.size, wide*g.size*j)
			if mask != nil {
				g.loadWideMasked(m, *mask, t)
			} else {
				g.loadWide(m, t)
			}
			g.VFMADD231PD(t, c, r)
		}
		g.INCQ(l)
		g.CMPQ(l, s)
		g.JLT(ref(label))
		g.Label(label + "_end")
	}
	step := func(label string, k int) {
		v := g.vecs(k)
		combine(label, v, nil)
		for j := range k {
			a, b := g.YMM(), g.YMM()
			g.loadWide(at(x, i, g.size, wide*g.size*j), a)
			g.loadWide(at(y, i, g.size, wide*g.size*j), b)
			w.square(g, v[j], a, b, acc[j%2], nil)
		}
		g.ADDQ(imm(k*wide), i)
		g.SUBQ(imm(k*wide), n)
	}
	g.CMPQ(n, imm(u*wide))
	g.JLT(ref("one"))
	g.loop("block")
	step("sum4", u)
	g.CMPQ(n, imm(u*wide))
	g.JGE(ref("block"))
	g.Label("one")
	g.CMPQ(n, imm(wide))
	g.JLT(ref("tail"))
	g.loop("vector")
	step("sum1", 1)
	g.CMPQ(n, imm(wide))
	g.JGE(ref("vector"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JE(ref("done"))
	m := g.wideTail(n)
	v := g.vecs(1)
	combine("sum0", v, &m)
	a, b := g.YMM(), g.YMM()
	g.loadWideMasked(at(x, i, g.size, 0), m, a)
	g.loadWideMasked(at(y, i, g.size, 0), m, b)
	w.square(g, v[0], a, b, acc[0], &m)
	g.Label("done")
	g.returnSum(acc)
}
