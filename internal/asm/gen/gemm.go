package main

import "fmt"

// gemms is the register-blocked inner kernels of the matrix product.
//
// A tile of C is up to six rows by two vectors: twelve accumulators, two
// vectors of B and two broadcast elements of A are the sixteen registers.
func gemms(g *gen) {
	g.gemmBlock()
	g.gemmEdge()
}

// tile is the accumulators of nr rows of nv vectors of C.
type tile struct {
	label string
	nr    int
	acc   [][]vec
	mask  vec // of the only vector of a row, nil for whole vectors
	n     gpr // its elements
}

// product accumulates A B over k steps: A is read element by element through
// the strides rs and cs (in bytes), B a vector at a time with stride bs.
func (g *gen) product(t tile, k, a, rs, cs, b, bs gpr) {
	r := g.rows(a, rs, t.nr)
	nv := len(t.acc[0])
	bv := g.vecs(nv)
	x := g.vecs(2)
	step := func() {
		for j := range bv {
			if t.mask != nil {
				g.v("VMASKMOV", at(b, nil, 0, 32*j), t.mask, bv[j])
				continue
			}
			g.v("VMOVU", at(b, nil, 0, 32*j), bv[j])
		}
		for i := range t.acc {
			e := x[i%2]
			g.sc("VBROADCAST", r.at(i, 0), e)
			for j := range bv {
				g.v("VFMADD231", bv[j], e, t.acc[i][j])
			}
		}
		for _, p := range r.p {
			g.ADDQ(cs, p)
		}
		g.ADDQ(bs, b)
	}
	// Long loops make few jumps; short ones leave no chance to mispredict the end.
	const u = 8
	g.SUBQ(imm(u), k)
	g.JLT(ref(t.label + "_half"))
	g.loop(t.label + "_loop")
	for range u {
		step()
	}
	g.SUBQ(imm(u), k)
	g.JGE(ref(t.label + "_loop"))
	g.Label(t.label + "_half")
	g.ADDQ(imm(u/2), k)
	g.JLT(ref(t.label + "_rest"))
	for range u / 2 {
		step()
	}
	g.SUBQ(imm(u/2), k)
	g.Label(t.label + "_rest")
	g.ADDQ(imm(u/2), k)
	g.JE(ref(t.label + "_end"))
	g.Label(t.label + "_step")
	step()
	g.DECQ(k)
	g.JNE(ref(t.label + "_step"))
	g.Label(t.label + "_end")
}

// Bits of mode: α is not 1; the old C is added; β is not 1 either; C is not in
// the first-level cache.
const (
	modeAlpha = 1 << iota
	modeAdd
	modeBeta
	modePrefetch
)

// update stores α acc + β C in C. It moves c.
func (g *gen) update(t tile, c, ld, mode gpr) {
	g.TESTQ(imm(modeAlpha), mode)
	g.JE(ref(t.label + "_add"))
	s := g.broadcast("alpha")
	for _, row := range t.acc {
		for _, v := range row {
			g.v("VMUL", s, v, v)
		}
	}
	g.Label(t.label + "_add")
	r := g.rows(c, ld, t.nr)
	g.TESTQ(imm(modeAdd), mode)
	g.JE(ref(t.label + "_store"))
	g.TESTQ(imm(modeBeta), mode)
	g.JNE(ref(t.label + "_beta"))
	old := func(i, j int, use func(m op)) {
		if t.mask == nil {
			use(r.at(i, 32*j))
			return
		}
		w := g.YMM()
		g.v("VMASKMOV", r.at(i, 32*j), t.mask, w)
		use(w)
	}
	for i, row := range t.acc {
		for j, v := range row {
			old(i, j, func(m op) { g.v("VADD", m, v, v) })
		}
	}
	g.JMP(ref(t.label + "_store"))
	g.Label(t.label + "_beta")
	s = g.broadcast("beta")
	for i, row := range t.acc {
		for j, v := range row {
			old(i, j, func(m op) { g.v("VFMADD231", m, s, v) })
		}
	}
	g.Label(t.label + "_store")
	if t.mask != nil {
		v := make([]vec, t.nr)
		for i := range v {
			v[i] = t.acc[i][0]
		}
		g.storeTails(v, t.n, func(i int) mem { return r.at(i, 0) }, func(bytes int) { g.advance(r, bytes) })
		return
	}
	for i, row := range t.acc {
		for j, v := range row {
			g.v("VMOVU", v, r.at(i, 32*j))
		}
	}
}

const gemmDoc = `α A B + β C in C, for A with m rows and k columns.
Element (i, l) of A is a[i*ars+l*acs]; a row of B is contiguous and brs elements
after the one before. mode says which of α and β matter: 1 if α is not 1, 2 if
the old C is read, 4 if β is not 1 either, 8 if C is worth a prefetch.`

func (g *gen) newTile(label string, nr, nv int) tile {
	t := tile{label: label, nr: nr}
	for range nr {
		t.acc = append(t.acc, g.zeros(nv))
	}
	return t
}

// gemmBlock runs over the strips of B and, within one, over the rows of C.
func (g *gen) gemmBlock() {
	g.fn("GemmBlock", "func(m, strips, k int, alpha T, a *T, ars, acs int, b *T, brs, bstep int, beta T, c *T, crs, mode int)",
		fmt.Sprintf("stores %s\nB has strips of %d columns, bstep elements apart, C as many columns side by side.\nm, strips, k > 0.", gemmDoc, 2*g.lanes))
	rs, cs, bs, ld := g.ptr("ars"), g.ptr("acs"), g.ptr("brs"), g.ptr("crs")
	for _, r := range []gpr{rs, cs, bs, ld} {
		g.SHLQ(g.shift(), r)
	}
	// What every tile needs stays in registers: a parameter on the stack may lie at
	// the same offset in its page as a part of C that has just been stored, and
	// then its load waits.
	inner, mode := g.ptr("k"), g.ptr("mode")
	g.Label("strip")
	a, c, m, top := g.ptr("a"), g.ptr("c"), g.ptr("m"), g.ptr("b")
	g.rowTiles(m, func(nr int) {
		k, ap, b := g.GP64(), g.GP64(), g.GP64()
		t := g.newTile(fmt.Sprint("tile", nr), nr, 2)
		g.MOVQ(inner, k)
		g.MOVQ(a, ap)
		g.MOVQ(top, b)
		g.TESTQ(imm(modePrefetch), mode)
		g.JE(ref(t.label + "_product"))
		pre := g.rows(c, ld, nr)
		for i := range nr {
			g.PREFETCHT0(pre.at(i, 32))
		}
		g.Label(t.label + "_product")
		g.product(t, k, ap, rs, cs, b, bs)
		cp := g.GP64()
		g.MOVQ(c, cp)
		g.update(t, cp, ld, mode)
		g.bump(a, rs, nr)
		g.bump(c, ld, nr)
	})
	step := g.ptr("bstep")
	g.SHLQ(g.shift(), step)
	g.ADDQ(step, g.addr("b"))
	g.ADDQ(imm(64), g.addr("c"))
	g.DECQ(g.addr("strips"))
	g.JNE(ref("strip"))
	g.ret()
}

// bump adds n times ld to p.
func (g *gen) bump(p, ld gpr, n int) {
	switch n {
	case 1:
		g.ADDQ(ld, p)
	case 2, 4, 8:
		g.LEAQ(at(p, ld, n, 0), p)
	case 3:
		g.LEAQ(at(p, ld, 2, 0), p)
		g.ADDQ(ld, p)
	case 5:
		g.LEAQ(at(p, ld, 4, 0), p)
		g.ADDQ(ld, p)
	case 6:
		g.LEAQ(at(p, ld, 4, 0), p)
		g.LEAQ(at(p, ld, 2, 0), p)
	}
}

// rowTiles calls body for tiles of six rows while there are many, and for the
// last ones such that no tile is too thin to hide the latency of its additions:
// 7 = 4+3, 8 = 4+4, 9 = 5+4, 10 = 6+4, 13 = 5+4+4.
func (g *gen) rowTiles(m gpr, body func(nr int)) {
	first := []int{0, 1, 2, 3, 4, 5, 6, 4, 4, 5, 6, 6, 6, 5}
	g.Label("next")
	g.CMPQ(m, imm(len(first)))
	g.JGE(ref("rows6"))
	// Six rows come first: they are the common case.
	for _, i := range []int{12, 11, 10, 6} {
		g.CMPQ(m, imm(i))
		g.JE(ref("rows6"))
	}
	for i := len(first) - 1; i > 1; i-- {
		if first[i] == 6 {
			continue
		}
		g.CMPQ(m, imm(i))
		g.JE(ref(fmt.Sprint("rows", first[i])))
	}
	for _, nr := range []int{1, 2, 3, 4, 5, 6} {
		g.Label(fmt.Sprint("rows", nr))
		body(nr)
		g.SUBQ(imm(nr), m)
		g.JNE(ref("next"))
		if nr != 6 {
			g.JMP(ref("end"))
		}
	}
	g.Label("end")
}

// gemmEdge is the last columns of C, fewer than a strip: half a strip, or less
// than that with masks.
func (g *gen) gemmEdge() {
	for _, masked := range []bool{false, true} {
		name, params, columns := "GemmHalf", "m, k int", fmt.Sprintf("%d columns", g.lanes)
		if masked {
			name, params, columns = "GemmEdge", "m, n, k int", fmt.Sprintf("n columns, 0 < n < %d", g.lanes)
		}
		g.fn(name, "func("+params+", alpha T, a *T, ars, acs int, b *T, brs int, beta T, c *T, crs, mode int)",
			fmt.Sprintf("stores %s\nB and C have %s. m, k > 0.", gemmDoc, columns))
		rs, cs, bs, ld := g.ptr("ars"), g.ptr("acs"), g.ptr("brs"), g.ptr("crs")
		for _, r := range []gpr{rs, cs, bs, ld} {
			g.SHLQ(g.shift(), r)
		}
		var mask vec
		if masked {
			mask = g.tailMask(g.ptr("n"))
		}
		a, c, m, mode := g.ptr("a"), g.ptr("c"), g.ptr("m"), g.ptr("mode")
		// Eight rows hide the latency of the additions.
		for _, nr := range []int{8, 4, 2, 1} {
			l := fmt.Sprint("rows", nr)
			g.Label(l)
			g.CMPQ(m, imm(nr))
			g.JLT(ref(l + "_skip"))
			k, ap, b := g.ptr("k"), g.GP64(), g.ptr("b")
			t := g.newTile(fmt.Sprint("tile", nr), nr, 1)
			t.mask = mask
			g.MOVQ(a, ap)
			g.product(t, k, ap, rs, cs, b, bs)
			cp := g.GP64()
			g.MOVQ(c, cp)
			if masked {
				t.n = g.ptr("n")
			}
			g.update(t, cp, ld, mode)
			g.bump(a, rs, nr)
			g.bump(c, ld, nr)
			g.SUBQ(imm(nr), m)
			if nr == 8 {
				g.JMP(ref(l))
			}
			g.Label(l + "_skip")
		}
		g.ret()
	}
}
