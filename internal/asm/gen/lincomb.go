package main

// lincombs is the linear combinations of many vectors in one pass over memory.
func lincombs(g *gen) {
	g.fn("LincombTo", "func(n int, dst, x *T, s int, c *T, k **T)",
		"stores x + Σ_i c_i k_i in dst, which may be x or a k_i. c and k hold s\ncoefficients and pointers to vectors of n elements.")
	d, x, n := g.ptr("dst"), g.ptr("x"), g.ptr("n")
	s, c, k := g.ptr("s"), g.ptr("c"), g.ptr("k")
	i := g.GP64()
	g.XORQ(i, i)
	const u = 8
	combine := func(label string, v []vec, mask op) {
		l, p, a := g.GP64(), g.GP64(), g.YMM()
		g.XORQ(l, l)
		g.TESTQ(s, s)
		g.JE(ref(label + "_end"))
		g.Label(label)
		g.MOVQ(at(k, l, 8, 0), p)
		g.sc("VBROADCAST", at(c, l, g.size, 0), a)
		for j, r := range v {
			m := at(p, i, g.size, 32*j)
			if mask != nil {
				t := g.YMM()
				g.v("VMASKMOV", m, mask, t)
				g.v("VFMADD231", t, a, r)
				continue
			}
			g.v("VFMADD231", m, a, r)
		}
		g.INCQ(l)
		g.CMPQ(l, s)
		g.JLT(ref(label))
		g.Label(label + "_end")
	}
	step := func(label string, k int) {
		v := g.vecs(k)
		for j, r := range v {
			g.v("VMOVU", at(x, i, g.size, 32*j), r)
		}
		combine(label, v, nil)
		for j, r := range v {
			g.v("VMOVU", r, at(d, i, g.size, 32*j))
		}
		g.ADDQ(imm(k*g.lanes), i)
		g.SUBQ(imm(k*g.lanes), n)
	}
	g.CMPQ(n, imm(u*g.lanes))
	g.JLT(ref("one"))
	g.loop("block")
	step("sum8", u)
	g.CMPQ(n, imm(u*g.lanes))
	g.JGE(ref("block"))
	g.Label("one")
	g.CMPQ(n, imm(g.lanes))
	g.JLT(ref("tail"))
	g.loop("vector")
	step("sum1", 1)
	g.CMPQ(n, imm(g.lanes))
	g.JGE(ref("vector"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JE(ref("done"))
	m := g.tailMask(n)
	v := g.vecs(1)
	g.v("VMASKMOV", at(x, i, g.size, 0), m, v[0])
	combine("sum0", v, m)
	g.storeTail(v[0], n, at(d, i, g.size, 0))
	g.Label("done")
	g.ret()
}
