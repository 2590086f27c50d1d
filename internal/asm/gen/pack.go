package main

import "fmt"

// packs is the copies that make the inner loops of the matrix product read
// memory in order.
func packs(g *gen) {
	g.packRows()
	g.packStrips()
	g.packTransposed()
}

// packRows copies a block row by row.
func (g *gen) packRows() {
	g.fn("PackRows", "func(m, n int, dst *T, dstride int, src *T, sstride int)",
		"copies an m x n matrix. m, n > 0.")
	m, d, s := g.ptr("m"), g.ptr("dst"), g.ptr("src")
	dl, sl := g.ptr("dstride"), g.ptr("sstride")
	g.SHLQ(g.shift(), dl)
	g.SHLQ(g.shift(), sl)
	t := g.GP64()
	g.MOVQ(g.addr("n"), t)
	g.ANDQ(imm(g.lanes-1), t)
	mask := g.tailMask(t)
	g.Label("row")
	n, i := g.ptr("n"), g.GP64()
	g.XORQ(i, i)
	step := func(k int) {
		v := g.vecs(k)
		for j := range v {
			g.v("VMOVU", at(s, i, g.size, 32*j), v[j])
		}
		for j := range v {
			g.v("VMOVU", v[j], at(d, i, g.size, 32*j))
		}
		g.ADDQ(imm(k*g.lanes), i)
		g.SUBQ(imm(k*g.lanes), n)
	}
	g.blocks(n, 4, step)
	g.TESTQ(n, n)
	g.JE(ref("done"))
	v := g.YMM()
	g.v("VMASKMOV", at(s, i, g.size, 0), mask, v)
	g.storeTail(v, n, at(d, i, g.size, 0))
	g.Label("done")
	g.ADDQ(sl, s)
	g.ADDQ(dl, d)
	g.DECQ(m)
	g.JNE(ref("row"))
	g.ret()
}

// packStrips copies two strips at a time, so that whole pages are read.
func (g *gen) packStrips() {
	nr := 2 * g.lanes
	g.fn("PackStrips", "func(k, strips int, dst, src *T, stride int)",
		fmt.Sprintf("copies the strips of %d columns of a matrix with k rows one after another:\nelement (l, j) of a strip goes to dst[l*%d+j]. k, strips > 0.", nr, nr))
	k, d, s, ld := g.ptr("k"), g.ptr("dst"), g.ptr("src"), g.ptr("stride")
	strips := g.ptr("strips")
	g.SHLQ(g.shift(), ld)
	step := g.GP64() // bytes of a strip of dst
	g.MOVQ(k, step)
	g.SHLQ(u8(6), step)
	part := func(label string, w int) {
		g.CMPQ(strips, imm(w))
		g.JLT(ref(label + "_skip"))
		g.Label(label)
		q, p, l := g.GP64(), g.GP64(), g.GP64()
		g.MOVQ(d, q)
		g.MOVQ(s, p)
		g.MOVQ(k, l)
		q3 := g.GP64()
		if w == 4 {
			g.LEAQ(at(q, step, 2, 0), q3)
			g.ADDQ(step, q3)
		}
		dst := []mem{at(q, nil, 0, 0), at(q, step, 1, 0), at(q, step, 2, 0), at(q3, nil, 0, 0)}[:w]
		g.loop(label + "_row")
		for i, m := range dst {
			v := g.vecs(2)
			g.v("VMOVU", at(p, nil, 0, 64*i), v[0])
			g.v("VMOVU", at(p, nil, 0, 64*i+32), v[1])
			g.v("VMOVU", v[0], m)
			m.Disp += 32
			g.v("VMOVU", v[1], m)
		}
		g.ADDQ(ld, p)
		g.ADDQ(imm(64), q)
		if w == 4 {
			g.ADDQ(imm(64), q3)
		}
		g.DECQ(l)
		g.JNE(ref(label + "_row"))
		g.bump(d, step, w)
		g.ADDQ(imm(64*w), s)
		g.SUBQ(imm(w), strips)
		g.CMPQ(strips, imm(w))
		g.JGE(ref(label))
		g.Label(label + "_skip")
	}
	part("four", 4)
	part("single", 1)
	g.ret()
}

// packTransposed turns squares of lanes x lanes in registers.
func (g *gen) packTransposed() {
	nr := 2 * g.lanes
	g.fn("PackTransposed", "func(k, strips int, dst *T, dstep int, src *T, stride int)",
		fmt.Sprintf("is PackStrips for the transpose of src: element (l, j) of strip q is\nsrc[(q*%d+j)*stride+l]. The strips of dst are dstep elements apart.\nk is a positive multiple of %d; strips > 0.", nr, g.lanes))
	k, d, s, ld := g.ptr("k"), g.ptr("dst"), g.ptr("src"), g.ptr("stride")
	strips := g.ptr("strips")
	g.SHLQ(g.shift(), ld)
	g.Label("strip")
	for half := range 2 {
		q, p, l := g.GP64(), g.GP64(), g.GP64()
		g.LEAQ(at(d, nil, 0, 32*half), q)
		g.MOVQ(s, p)
		g.MOVQ(k, l)
		r := g.rows(p, ld, g.lanes)
		label := fmt.Sprint("half", half)
		g.loop(label)
		v := g.vecs(g.lanes)
		for i := range v {
			g.v("VMOVU", r.at(i, 0), v[i])
		}
		for i, w := range g.transpose(v) {
			g.v("VMOVU", w, at(q, nil, 0, 64*i))
		}
		g.advance(r, 32)
		g.ADDQ(imm(64*g.lanes), q)
		g.SUBQ(imm(g.lanes), l)
		g.JNE(ref(label))
		g.bump(s, ld, g.lanes)
	}
	t := g.ptr("dstep")
	g.SHLQ(g.shift(), t)
	g.ADDQ(t, d)
	g.DECQ(strips)
	g.JNE(ref("strip"))
	g.ret()
}

// transpose returns the columns of the square whose rows are v.
func (g *gen) transpose(v []vec) []vec {
	if g.is64() {
		t := g.vecs(4)
		g.VUNPCKLPD(v[1], v[0], t[0]) // 00 10 02 12
		g.VUNPCKHPD(v[1], v[0], t[1]) // 01 11 03 13
		g.VUNPCKLPD(v[3], v[2], t[2])
		g.VUNPCKHPD(v[3], v[2], t[3])
		g.VPERM2F128(u8(0x20), t[2], t[0], v[0])
		g.VPERM2F128(u8(0x20), t[3], t[1], v[1])
		g.VPERM2F128(u8(0x31), t[2], t[0], v[2])
		g.VPERM2F128(u8(0x31), t[3], t[1], v[3])
		return v
	}
	t := g.vecs(8)
	for i := 0; i < 8; i += 2 {
		g.VUNPCKLPS(v[i+1], v[i], t[i])
		g.VUNPCKHPS(v[i+1], v[i], t[i+1])
	}
	// t0 = rows 0, 1 of columns 0, 1 | 4, 5; t1 = of columns 2, 3 | 6, 7; ...
	for i := 0; i < 8; i += 4 {
		g.VUNPCKLPD(t[i+2], t[i], v[i])
		g.VUNPCKHPD(t[i+2], t[i], v[i+1])
		g.VUNPCKLPD(t[i+3], t[i+1], v[i+2])
		g.VUNPCKHPD(t[i+3], t[i+1], v[i+3])
	}
	for i := range 4 {
		g.VPERM2F128(u8(0x20), v[i+4], v[i], t[i])
		g.VPERM2F128(u8(0x31), v[i+4], v[i], t[i+4])
	}
	return t
}
