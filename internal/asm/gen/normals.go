package main

import "math"

// normals is standard normal numbers from counters. Only float64 has them.
func normals(g *gen) {
	g.philoxUniforms()
	g.boxMuller()
}

// Elements of the counter of philoxUniforms.
const (
	philoxC0 = iota // words 0 and 1 of the counter
	philoxC1
	philoxQ // word 2, of the first block
	philoxC3
	philoxK0 // key
	philoxK1
)

// philoxUniforms writes Philox4x32-10, eight blocks at a time. A word is in the lower
// half of a lane of 64 bits, where products of 32 bits have their room; what the upper
// half holds does not matter.
func (g *gen) philoxUniforms() {
	g.fn("PhiloxUniforms", "func(n int, counter *uint64, u, v *T)",
		"stores (o+1/2) 2^-32 of the words o0, o2 in u and of o1, o3 in v, for n blocks\n"+
			"of Philox4x32-10 from a counter on, which has its words 0 to 3 and the two words of the\n"+
			"key. n is a multiple of 8, and the lengths of u and v are 2n.")
	n, counter, u, v := g.ptr("n"), g.ptr("counter"), g.ptr("u"), g.ptr("v")
	word := func(j int) vec {
		r := g.YMM()
		g.VPBROADCASTQ(at(counter, nil, 0, 8*j), r)
		return r
	}
	// Unpacking the words of these lanes puts the blocks into their order.
	order := g.words("order", 0, 2, 1, 3)
	q := word(philoxQ)
	g.VPADDQ(order, q, q)
	g.TESTQ(n, n)
	g.JE(ref("done"))
	g.loop("blocks")
	const groups = 2
	c := make([][4]vec, groups)
	c0, c1, c3 := word(philoxC0), word(philoxC1), word(philoxC3)
	for i := range c {
		c[i] = [4]vec{c0, c1, g.YMM(), c3}
		g.VMOVDQA(q, c[i][2])
		g.VPADDQ(g.bits("four", 4), q, q)
	}
	k0, k1 := word(philoxK0), word(philoxK1)
	for round := range 10 {
		for i := range c {
			c[i] = g.philoxRound(c[i], k0, k1)
		}
		if round < 9 {
			g.VPADDQ(g.bits("weyl0", 0x9E3779B9), k0, k0)
			g.VPADDQ(g.bits("weyl1", 0xBB67AE85), k1, k1)
		}
	}
	for i := range c {
		for j := range c[i] {
			c[i][j] = g.uniforms32(c[i][j])
		}
		for j, dst := range []gpr{u, v} {
			lo, hi := g.YMM(), g.YMM()
			g.VUNPCKLPD(c[i][j+2], c[i][j], lo)
			g.VUNPCKHPD(c[i][j+2], c[i][j], hi)
			g.VMOVUPD(lo, at(dst, nil, 0, 64*i))
			g.VMOVUPD(hi, at(dst, nil, 0, 64*i+32))
		}
	}
	g.ADDQ(imm(64*groups), u)
	g.ADDQ(imm(64*groups), v)
	g.SUBQ(imm(4*groups), n)
	g.JG(ref("blocks"))
	g.Label("done")
	g.ret()
}

// philoxRound returns the counters after a round.
func (g *gen) philoxRound(c [4]vec, k0, k1 vec) [4]vec {
	lo0, lo1, hi0, hi1 := g.YMM(), g.YMM(), g.YMM(), g.YMM()
	g.VPMULUDQ(g.bits("philox0", 0xD2511F53), c[0], lo0)
	g.VPMULUDQ(g.bits("philox1", 0xCD9E8D57), c[2], lo1)
	g.VPSRLQ(u8(32), lo1, hi1)
	g.VPSRLQ(u8(32), lo0, hi0)
	g.VPXOR(c[1], hi1, hi1)
	g.VPXOR(c[3], hi0, hi0)
	g.VPXOR(k0, hi1, hi1)
	g.VPXOR(k1, hi0, hi0)
	return [4]vec{hi1, lo1, hi0, lo0}
}

// uniforms32 returns (w+1/2) 2^-32 of the lower halves of w, exactly: below the exponent
// of 2^52 they are the number 2^52+w.
func (g *gen) uniforms32(w vec) vec {
	r := g.YMM()
	g.VPBLENDD(u8(0xAA), g.num("exponent", 0x1p52), w, r)
	g.VSUBPD(g.num("half", 0x1p52-0.5), r, r)
	g.VMULPD(g.num("scale", 0x1p-32), r, r)
	return r
}

// The sine and cosine of an eighth of a turn around 0, by their series in x² with errors
// below 1e-15.
var (
	sineSeries   = []float64{1, -1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800, 1. / 6227020800, -1. / 1307674368000}
	cosineSeries = []float64{1, -1. / 2, 1. / 24, -1. / 720, 1. / 40320, -1. / 3628800, 1. / 479001600, -1. / 87178291200}
)

// boxMuller turns by the angle from the middle of its quadrant, where the polynomials
// are, to the middle, whose sine and cosine are 1/√2 but for the signs.
func (g *gen) boxMuller() {
	g.fn("BoxMuller", "func(n int, dst, l, v *T)",
		"stores sqrt(-2l) cos 2πv and sqrt(-2l) sin 2πv, one after the other, in dst,\n"+
			"for n numbers l <= 0 and 0 <= v < 1. n is a multiple of 8.")
	n, dst, l, v := g.ptr("n"), g.ptr("dst"), g.ptr("l"), g.ptr("v")
	g.TESTQ(n, n)
	g.JE(ref("done"))
	g.loop("pairs")
	const unroll = 2
	x, y, k := g.vecs(unroll), g.vecs(unroll), g.vecs(unroll)
	magic := g.num("magic", 0x1.8p52)
	for i := range x {
		g.VMOVUPD(at(v, nil, 0, 32*i), x[i])
		g.VMULPD(g.num("four", 4), x[i], x[i])
		g.VSUBPD(g.num("middle", 0.5), x[i], x[i])
		g.VADDPD(magic, x[i], k[i]) // the quadrant, in the lowest bits
		g.VSUBPD(magic, k[i], y[i])
		g.VSUBPD(y[i], x[i], x[i])
		g.VMULPD(g.num("quarter", math.Pi/2), x[i], x[i])
		g.VMULPD(x[i], x[i], y[i])
	}
	sin, cos := g.horners("sine", y, sineSeries...), g.horners("cosine", y, cosineSeries...)
	for i := range x {
		g.VMULPD(x[i], sin[i], sin[i])
		// The middle is (-1)^a, (-1)^b, where b is bit 1 of the quadrant, and a that
		// and not bit 0, or the other way round.
		a, b := g.YMM(), g.YMM()
		g.VPSLLQ(u8(62), k[i], b)
		g.VPSLLQ(u8(63), k[i], a)
		g.VPXOR(b, a, a)
		sign := g.load(g.signBit())
		g.VPAND(sign, a, a)
		g.VPAND(sign, b, b)
		r := g.YMM()
		g.VMOVUPD(at(l, nil, 0, 32*i), r)
		g.VXORPD(sign, r, r)
		g.VSQRTPD(r, r)
		z0, z1, t := g.YMM(), g.YMM(), g.YMM()
		g.VXORPD(a, cos[i], z0)
		g.VXORPD(b, sin[i], t)
		g.VSUBPD(t, z0, z0)
		g.VXORPD(a, sin[i], z1)
		g.VXORPD(b, cos[i], t)
		g.VADDPD(t, z1, z1)
		g.VMULPD(r, z0, z0)
		g.VMULPD(r, z1, z1)
		lo, hi := g.YMM(), g.YMM()
		g.VUNPCKLPD(z1, z0, lo)
		g.VUNPCKHPD(z1, z0, hi)
		g.VPERM2F128(u8(0x20), hi, lo, t)
		g.VPERM2F128(u8(0x31), hi, lo, lo)
		g.VMOVUPD(t, at(dst, nil, 0, 64*i))
		g.VMOVUPD(lo, at(dst, nil, 0, 64*i+32))
	}
	g.ADDQ(imm(32*unroll), l)
	g.ADDQ(imm(32*unroll), v)
	g.ADDQ(imm(64*unroll), dst)
	g.SUBQ(imm(4*unroll), n)
	g.JG(ref("pairs"))
	g.Label("done")
	g.ret()
}
