package main

// entropies is relative entropy and what a softmax of any length is made of.
func entropies(g *gen) {
	g.relativeEntropy()
	g.relativeEntropyRows()
	g.descendRows()
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
	g.entropySum(g.ptr("p"), g.ptr("q"), nil, g.ptr("n"), func(x vec) { g.Store(x.AsX(), g.ReturnIndex(0)) })
	g.ret()
}

// relativeEntropyRows is the same for the rows of two matrices without gaps.
func (g *gen) relativeEntropyRows() {
	g.fn("RelativeEntropyRows", "func(m, n int, dst *float64, p, q *T)",
		"stores RelativeEntropy of row i of the m x n matrices p and q in dst_i. m, n > 0.")
	g.entropyRows(nil)
}

// descendRows moves z while the differences are at hand.
func (g *gen) descendRows() {
	g.fn("DescendRows", "func(m, n int, dst *float64, p, q, z *T, alpha float64)",
		"does the same as RelativeEntropyRows and adds α(p-q) to z. m, n > 0.")
	g.entropyRows(g.ptr("z"))
}

// entropyRows moves z too unless it is nil.
func (g *gen) entropyRows(z gpr) {
	m, dst, p, q := g.ptr("m"), g.ptr("dst"), g.ptr("p"), g.ptr("q")
	g.Label("row")
	g.entropySum(p, q, z, g.ptr("n"), func(x vec) { g.VMOVSD(x.AsX(), at(dst, nil, 0, 0)) })
	n := g.ptr("n")
	for _, r := range []gpr{p, q, z} {
		if r != nil {
			g.LEAQ(at(r, n, g.size, 0), r)
		}
	}
	g.ADDQ(imm(8), dst)
	g.DECQ(m)
	g.JNE(ref("row"))
	g.ret()
}

// entropySum hands the sum over n elements, which it uses up, to store. Unless z is nil
// it adds α(p-q) to that.
func (g *gen) entropySum(p, q, z, n gpr, store func(x vec)) {
	w := &gen{Context: g.Context, prec: double, consts: g.consts, labels: g.labels}
	acc, bad, i := g.zeros(1)[0], g.zeros(1)[0], g.GP64()
	g.XORQ(i, i)
	step := func(k int, mask *wideMask) {
		load := func(r gpr, j int, v vec) {
			if m := at(r, i, g.size, wide*g.size*j); mask == nil {
				g.loadWide(m, v)
			} else {
				g.loadWideMasked(m, *mask, v)
			}
		}
		x, y := g.vecs(k), g.vecs(k)
		for j := range x {
			load(p, j, x[j])
			load(q, j, y[j])
			t := g.YMM()
			g.VCMPPD(u8(cmpLT), w.num("normal", 0x1p-1022), y[j], t)
			if mask != nil {
				g.VANDPD(mask.f64, t, t)
			}
			g.VORPD(x[j], t, t)
			g.VORPD(t, bad, bad)
		}
		h := w.entropyTerms(x, y, func(d []vec) {
			if z == nil {
				return
			}
			alpha := g.YMM()
			g.VBROADCASTSD(g.addr("alpha"), alpha)
			for j := range d {
				v := g.YMM()
				load(z, j, v)
				g.VFMADD231PD(d[j], alpha, v)
				if m := at(z, i, g.size, wide*g.size*j); mask == nil {
					g.storeWide(v, m)
				} else {
					g.storeWideTail(v, n, m)
				}
			}
		})
		for j := range h {
			if mask != nil {
				g.VANDPD(mask.f64, h[j], h[j])
			}
			g.VADDPD(h[j], acc, acc)
		}
	}
	g.SUBQ(imm(2*wide), n)
	g.JLT(ref("one"))
	g.loop("pair")
	step(2, nil)
	g.ADDQ(imm(2*wide), i)
	g.SUBQ(imm(2*wide), n)
	g.JGE(ref("pair"))
	g.Label("one")
	g.ADDQ(imm(wide), n)
	g.JLT(ref("tail"))
	step(1, nil)
	g.ADDQ(imm(wide), i)
	g.SUBQ(imm(wide), n)
	g.Label("tail")
	g.ADDQ(imm(wide), n)
	g.JE(ref("sum"))
	mask := g.wideTail(n)
	step(1, &mask)
	g.Label("sum")
	s := w.allLanes("VADD", acc)
	signs := g.GP32()
	g.VMOVMSKPD(bad, signs)
	g.TESTL(signs, signs)
	g.JE(ref("store"))
	g.VPCMPEQD(s.AsX(), s.AsX(), s.AsX())
	g.Label("store")
	store(s)
}

// entropyTerms returns p log(p/q) - p + q for several vectors at once, q being normal.
// It uses up q, and shows p-q to differences, which must leave them alone.
//
// 2^k is the power of two nearest to p/q, up to a factor of 2^±0.59, by the difference of
// the bits; with the bias of k its sign bit comes along, so that q becomes -2^k q. With
// z = (p - 2^k q)/(p + 2^k q) and atanh z = z (1+a) the logarithm is k ln 2 + 2 atanh z,
// and for k = 0 the term is (p-q) (atanh z + a), which does not cancel.
func (g *gen) entropyTerms(p, q []vec, differences func(d []vec)) []vec {
	n := len(p)
	d, m, k, z, w := g.vecs(n), g.vecs(n), g.vecs(n), g.vecs(n), g.vecs(n)
	each := func(f func(i int)) {
		for i := range n {
			f(i)
		}
	}
	each(func(i int) { g.VSUBPD(q[i], p[i], d[i]) })
	differences(d)
	normal := g.load(g.num("normal", 0x1p-1022))
	each(func(i int) { g.VMAXPD(p[i], normal, m[i]) }) // p = 0 has the term q
	each(func(i int) { g.VPSUBQ(q[i], m[i], k[i]) })
	each(func(i int) { g.VPADDQ(g.pattern("half52bias", 1<<51+1<<63), k[i], k[i]) })
	each(func(i int) { g.VPAND(g.pattern("exponent", 0xfff0000000000000), k[i], k[i]) })
	each(func(i int) { g.VPADDQ(k[i], q[i], q[i]) })
	each(func(i int) { g.VADDPD(q[i], m[i], z[i]) })
	each(func(i int) { g.VSUBPD(q[i], m[i], m[i]) })
	each(func(i int) { g.VDIVPD(m[i], z[i], z[i]) })
	each(func(i int) { g.VPSRLQ(u8(52), k[i], k[i]) })
	each(func(i int) { g.VPOR(g.pattern("two52", 0x4330000000000000), k[i], k[i]) })
	each(func(i int) { g.VSUBPD(g.num("exponentbias", 0x1p52+2048), k[i], k[i]) })
	each(func(i int) { g.VMULPD(z[i], z[i], w[i]) })
	a := g.horners("atanh", w, atanh64...)
	each(func(i int) { g.VMULPD(w[i], a[i], a[i]) })
	each(func(i int) { g.VFMADD213PD(z[i], a[i], z[i]) }) // z a + z = atanh z
	each(func(i int) { g.VADDPD(z[i], a[i], a[i]) })
	each(func(i int) { g.VMULPD(d[i], a[i], a[i]) })
	each(func(i int) { g.VADDPD(z[i], z[i], z[i]) })
	each(func(i int) { g.VFMADD231PD(g.num("ln2", 0.6931471805599453), k[i], z[i]) })
	each(func(i int) { g.VFMSUB213PD(d[i], p[i], z[i]) })
	zero := g.YMM()
	g.zero(zero)
	each(func(i int) { g.VCMPPD(u8(cmpEQ), zero, k[i], k[i]) })
	each(func(i int) { g.VBLENDVPD(k[i], a[i], z[i], z[i]) })
	return z
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
