package main

// entropies is relative entropy and what a softmax of any length is made of.
func entropies(g *gen) {
	g.relativeEntropy()
	g.relativeEntropyRows()
	g.max()
	g.expSum()
	g.quotient()
}

// Coefficients of (atanh(√w)/√w - 1)/w, near minimax for 0 <= w <= 0.0425 with an
// absolute error of 2.1e-17.
var atanh64 = []float64{0.33333333333333331335, 0.2000000000000601783, 0.14285714282745327551, 0.11111111668310173803,
	0.090908578412899843443, 0.076948591318209435935, 0.06596737793284887246, 0.068650245033322001949}

// relativeEntropy sums p log(p/q) - p + q in float64.
func (g *gen) relativeEntropy() {
	g.fn("RelativeEntropy", "func(n int, p, q *T) float64",
		"returns Σ p_i log(p_i/q_i) - p_i + q_i, in float64. The result is NaN if some q_i is\nzero or subnormal, or a p_i or q_i has its sign bit set.")
	g.entropySum(g.ptr("p"), g.ptr("q"), g.ptr("n"), func(x vec) { g.Store(x.AsX(), g.ReturnIndex(0)) })
	g.ret()
}

// relativeEntropyRows is the same for the rows of two matrices without gaps.
func (g *gen) relativeEntropyRows() {
	g.fn("RelativeEntropyRows", "func(m, n int, dst *float64, p, q *T)",
		"stores RelativeEntropy of row i of the m x n matrices p and q in dst_i. m, n > 0.")
	m, dst, p, q := g.ptr("m"), g.ptr("dst"), g.ptr("p"), g.ptr("q")
	g.Label("row")
	g.entropySum(p, q, g.ptr("n"), func(x vec) { g.VMOVSD(x.AsX(), at(dst, nil, 0, 0)) })
	n := g.ptr("n")
	g.LEAQ(at(p, n, g.size, 0), p)
	g.LEAQ(at(q, n, g.size, 0), q)
	g.ADDQ(imm(8), dst)
	g.DECQ(m)
	g.JNE(ref("row"))
	g.ret()
}

// entropySum hands the sum over n elements, which it uses up, to store.
func (g *gen) entropySum(p, q, n gpr, store func(x vec)) {
	w := &gen{Context: g.Context, prec: double, consts: g.consts, labels: g.labels}
	acc, bad := g.zeros(2), g.zeros(1)[0]
	g.wideLoop(n, []gpr{p, q}, 2, func(k int, in []vec, _ mem, mask *wideMask) {
		p, q := in[0], in[1]
		t := g.YMM()
		g.VCMPPD(u8(cmpLT), w.num("normal", 0x1p-1022), q, t)
		if mask != nil {
			g.VANDPD(mask.f64, t, t)
		}
		g.VORPD(p, t, t)
		g.VORPD(t, bad, bad)
		h := w.entropyTerm(p, q)
		if mask != nil {
			g.VANDPD(mask.f64, h, h)
		}
		g.VADDPD(h, acc[k], acc[k])
	})
	s := w.sum(w.fold("VADD", acc)).(vec)
	signs := g.GP32()
	g.VMOVMSKPD(bad, signs)
	g.TESTL(signs, signs)
	g.JE(ref("store"))
	g.VPCMPEQD(s.AsX(), s.AsX(), s.AsX())
	g.Label("store")
	store(s)
}

// entropyTerm returns p log(p/q) - p + q, q being normal. It uses up q.
//
// 2^k is the power of two nearest to p/q, up to a factor of 2^±0.59, by the difference of
// the bits. With z = (p - 2^k q)/(p + 2^k q) and atanh z = z (1+a) the logarithm is
// k ln 2 + 2z(1+a), and for k = 0 the term is (p-q) (z + (1+z) a), which does not cancel.
func (g *gen) entropyTerm(p, q vec) vec {
	d, m := g.YMM(), g.YMM()
	g.VSUBPD(q, p, d)
	g.VMAXPD(p, g.load(g.num("normal", 0x1p-1022)), m) // p = 0 has the term q
	k := g.YMM()
	g.VPSUBQ(q, m, k)
	g.VPADDQ(g.pattern("half52", 1<<51), k, k)
	g.VPAND(g.pattern("exponent", 0xfff0000000000000), k, k)
	g.VPADDQ(k, q, q)
	g.VPADDQ(g.pattern("bias11", 0x800<<52), k, k)
	g.VPSRLQ(u8(52), k, k)
	g.VPOR(g.pattern("two52", 0x4330000000000000), k, k)
	g.VSUBPD(g.num("exponentbias", 0x1p52+2048), k, k)
	z, w := g.YMM(), g.YMM()
	g.VSUBPD(q, m, z)
	g.VADDPD(q, m, m)
	g.VDIVPD(m, z, z)
	g.VMULPD(z, z, w)
	a := g.horner("atanh", w, atanh64...)
	g.VMULPD(w, a, a)
	near := w
	g.VMOVAPD(a, near)
	g.VFMADD231PD(z, a, near) // a + z a
	g.VADDPD(z, near, near)
	g.VMULPD(d, near, near)
	g.VFMADD213PD(z, z, a) // z a + z
	g.VADDPD(a, a, a)
	g.VFMADD231PD(g.num("ln2", 0.6931471805599453), k, a)
	g.VFMSUB213PD(d, p, a)
	zero := g.YMM()
	g.zero(zero)
	g.VCMPPD(u8(cmpEQ), zero, k, zero)
	g.VBLENDVPD(zero, near, a, a)
	return a
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

// quotient is the last pass of a solution with a diagonal matrix plus one of rank one.
func (g *gen) quotient() {
	g.fn("Quotient", "func(n int, dst, x, y *T, c, s T)", "stores (x_i + c y_i)/(y_i + s) in dst.")
	c, s := g.broadcast("c"), g.broadcast("s")
	g.mapLoop("dst", []string{"x", "y"}, 4, func(in []vec) vec {
		x, y := in[0], in[1]
		g.v("VFMADD231", y, c, x)
		g.v("VADD", s, y, y)
		g.v("VDIV", y, x, x)
		return x
	})
}
