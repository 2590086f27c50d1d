package main

// entropies is relative entropy and what a softmax of any length is made of.
func entropies(g *gen) {
	g.relativeEntropy()
	g.max()
	g.expSum()
}

// relativeEntropy sums q h(r), h(r) = (1+r) log(1+r) - r, r = (p-q)/q, in
// float64. With log(1+f) = f - E for 1+f near 1, h = r² - (1+r) E has no
// cancellation; elsewhere log(1+r) = k ln 2 + f - E with 2^k (1+f) = 1+r.
func (g *gen) relativeEntropy() {
	g.fn("RelativeEntropy", "func(n int, p, q *T) float64",
		"returns Σ p_i log(p_i/q_i) - p_i + q_i, in float64. The result is NaN if some q_i is\nzero, a p_i or q_i has its sign bit set, or p_i/q_i overflows.")
	p, q, n := g.ptr("p"), g.ptr("q"), g.ptr("n")
	w := &gen{Context: g.Context, prec: double, consts: g.consts, labels: g.labels}
	acc, bad := g.zeros(2), g.zeros(1)[0]
	g.wideLoop(n, []gpr{p, q}, 2, func(k int, in []vec, _ mem, mask *wideMask) {
		p, q := in[0], in[1]
		t := g.YMM()
		g.VORPD(p, q, t)
		g.VORPD(t, bad, bad)
		h := w.entropyTerm(p, q)
		if mask != nil {
			g.VANDPD(mask.f64, h, h) // 0/0
		}
		g.VFMADD231PD(h, q, acc[k])
	})
	s := w.sum(w.fold("VADD", acc))
	signs := g.GP32()
	g.VMOVMSKPD(bad, signs)
	g.TESTL(signs, signs)
	g.JE(ref("store"))
	x := s.(vec).AsX()
	g.VPCMPEQD(x, x, x)
	g.Label("store")
	g.Store(s, g.ReturnIndex(0))
	g.ret()
}

// entropyTerm returns h((p-q)/q). It uses up p and keeps q.
func (g *gen) entropyTerm(p, q vec) vec {
	r, u := p, g.YMM()
	g.VSUBPD(q, p, r)
	g.VDIVPD(q, r, r)
	g.VADDPD(g.num("one", 1), r, u)
	// u = 2^k (1+f) with sqrt(1/2) <= 1+f < sqrt(2), f = r if k = 0.
	const one, root, mant = uint64(0x3ff0000000000000), uint64(0x3fe6a09e667f3bcd), uint64(0x000fffffffffffff)
	k, f, near := g.YMM(), g.YMM(), g.YMM()
	g.VPADDQ(g.pattern("logoffset", one-root), u, f)
	g.VPSRLQ(u8(52), f, k)
	g.VPOR(g.pattern("two52", 0x4330000000000000), k, k)
	g.VSUBPD(g.num("logbias", 0x1p52+1023), k, k)
	g.VPAND(g.pattern("mantissa", mant), f, f)
	g.VPADDQ(g.pattern("logroot", root), f, f)
	g.VSUBPD(g.num("one", 1), f, f)
	z := g.YMM()
	g.zero(z)
	g.VCMPPD(u8(cmpEQ), z, k, near)
	g.VBLENDVPD(near, r, f, f)
	// E = f²/2 - s (f²/2 + R(s²)), s = f/(2+f)
	s, half := g.YMM(), g.YMM()
	g.VADDPD(g.num("two", 2), f, s)
	g.VDIVPD(s, f, s)
	g.VMULPD(s, s, z)
	e := g.horner("log", z, log64...)
	g.VMULPD(z, e, e)
	g.VMULPD(g.num("half", 0.5), f, half)
	g.VMULPD(f, half, half)
	g.VADDPD(half, e, e)
	g.VMULPD(s, e, e)
	g.VSUBPD(e, half, e)
	// near: r² - u E; far: u (k ln2 + f - E) - r
	g.VSUBPD(e, f, s)
	g.VFMADD231PD(g.num("ln2", 0.6931471805599453), k, s)
	g.VFMSUB213PD(r, u, s)
	g.VMULPD(r, r, half)
	g.VFNMADD231PD(u, e, half)
	g.VBLENDVPD(near, half, s, s)
	return s
}

func (g *gen) max() {
	g.fn("Max", "func(n int, x *T) T", "returns the greatest element; a NaN may get lost. n > 0.")
	x := g.ptr("x")
	z := g.maxOf("max", x, g.ptr("n"), g.rest(func() gpr { return g.ptr("n") }))
	g.Store(z.AsX(), g.ReturnIndex(0))
	g.ret()
}

// expSum is a sumExp that stores its terms elsewhere.
func (g *gen) expSum() {
	g.fn("ExpSum", "func(n int, dst, x *T, z T) float64", "stores e^(x_i-z) in dst and returns the sum, in float64.")
	d, x, n, i := g.ptr("dst"), g.ptr("x"), g.ptr("n"), g.GP64()
	z := g.broadcast("z")
	g.XORQ(i, i)
	acc := g.zeros(2)
	add := func(e vec) {
		if g.is64() {
			g.VADDPD(e, acc[0], acc[0])
			return
		}
		lo, hi := g.YMM(), g.YMM()
		g.VCVTPS2PD(e.AsX(), lo)
		g.VEXTRACTF128(u8(1), e, hi.AsX())
		g.VCVTPS2PD(hi.AsX(), hi)
		g.VADDPD(lo, acc[0], acc[0])
		g.VADDPD(hi, acc[1], acc[1])
	}
	g.blocks(n, 2, func(k int) {
		t := g.vecs(k)
		for j := range t {
			g.v("VMOVU", at(x, i, g.size, 32*j), t[j])
			g.v("VSUB", z, t[j], t[j])
		}
		for j, e := range g.exps(t, nil) {
			g.v("VMOVU", e, at(d, i, g.size, 32*j))
			add(e)
		}
		g.ADDQ(imm(k*g.lanes), i)
		g.SUBQ(imm(k*g.lanes), n)
	})
	g.TESTQ(n, n)
	g.JE(ref("done"))
	t, m := g.YMM(), g.tailMask(n)
	g.v("VMASKMOV", at(x, i, g.size, 0), m, t)
	g.v("VSUB", z, t, t)
	e := g.exp(t, nil)
	g.v("VAND", m, e, e)
	add(e)
	g.storeTail(e, n, at(d, i, g.size, 0))
	g.Label("done")
	g.returnSum(acc)
}
