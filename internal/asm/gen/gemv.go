package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/reg"
)

// gemvs is the products of a row-major matrix with a vector.
func gemvs(g *gen) {
	g.gemv()
	g.gemvT()
	g.gemvNarrow()
	g.gemvInRegisters()
	g.normalGrad()
	g.ger()
}

// rows returns the operands of rows 0..n-1 at column i: every third row has a
// pointer, the others are one or two strides (in bytes) further.
type rowPtrs struct {
	p  []gpr
	ld gpr
}

func (g *gen) rows(a, ld gpr, n int) rowPtrs {
	r := rowPtrs{p: []gpr{a}, ld: ld}
	for i := 3; i < n; i += 3 {
		q := g.GP64()
		g.LEAQ(at(r.p[len(r.p)-1], ld, 2, 0), q)
		g.ADDQ(ld, q)
		r.p = append(r.p, q)
	}
	return r
}

func (r rowPtrs) at(i, disp int) mem {
	if i%3 == 0 {
		return at(r.p[i/3], nil, 0, disp)
	}
	return at(r.p[i/3], r.ld, i%3, disp)
}

func (g *gen) advance(r rowPtrs, bytes int) {
	for _, p := range r.p {
		g.ADDQ(imm(bytes), p)
	}
}

// dotRows computes the products of nr rows with x over n columns; label makes
// its labels unique. The sums end in the lanes of one register for four rows
// and in the lowest lane for one.
func (g *gen) dotRows(label string, nr int, r rowPtrs, x, n gpr, mask vec, u int) reg.Register {
	acc := make([][]vec, nr)
	for i := range acc {
		acc[i] = g.zeros(u)
	}
	g.CMPQ(n, imm(u*g.lanes))
	g.JLT(ref(label + "_one"))
	step := func(k int) {
		for j := range k {
			t := g.YMM()
			g.v("VMOVU", at(x, nil, 0, 32*j), t)
			for i := range nr {
				g.v("VFMADD231", r.at(i, 32*j), t, acc[i][j])
			}
		}
		g.ADDQ(imm(32*k), x)
		g.advance(r, 32*k)
		g.SUBQ(imm(k*g.lanes), n)
	}
	g.loop(label + "_block")
	step(u)
	g.CMPQ(n, imm(u*g.lanes))
	g.JGE(ref(label + "_block"))
	g.Label(label + "_one")
	g.CMPQ(n, imm(g.lanes))
	g.JLT(ref(label + "_tail"))
	step(1)
	if u > 2 {
		g.JMP(ref(label + "_one"))
	}
	g.Label(label + "_tail")
	g.TESTQ(n, n)
	g.JE(ref(label + "_sum"))
	t := g.YMM()
	g.v("VMASKMOV", at(x, nil, 0, 0), mask, t)
	for i := range nr {
		w := g.YMM()
		g.v("VMASKMOV", r.at(i, 0), mask, w)
		g.v("VFMADD231", w, t, acc[i][u-1])
	}
	g.Label(label + "_sum")
	for i := range nr {
		g.fold("VADD", acc[i])
	}
	switch nr {
	case 1:
		return g.sum(acc[0][0])
	case 2:
		z := g.zeros(2)
		return g.sum4(acc[0][0], acc[1][0], z[0], z[1])
	}
	return g.sum4(acc[0][0], acc[1][0], acc[2][0], acc[3][0])
}

// sum4 sums the lanes of each of four registers into the four lanes of one:
// all of a YMM for float64, its lower half for float32.
func (g *gen) sum4(a, b, c, d vec) reg.Register {
	g.v("VHADD", b, a, a)
	g.v("VHADD", d, c, c)
	if g.is64() {
		// a = a01 b01 a23 b23, c = c01 d01 c23 d23
		t := g.YMM()
		g.VPERM2F128(u8(0x21), c, a, t) // a23 b23 c01 d01
		g.VBLENDPD(u8(0xc), c, a, a)    // a01 b01 c23 d23
		g.VADDPD(t, a, a)
		return a
	}
	g.VHADDPS(c, a, a)
	t := g.XMM()
	g.VEXTRACTF128(u8(1), a, t)
	g.VADDPS(t, a.AsX(), a.AsX())
	return a.AsX()
}

// quad is the register of four elements, XMM for float32.
func (g *gen) quad() reg.Register {
	if g.is64() {
		return g.YMM()
	}
	return g.XMM()
}

func (g *gen) quadOf(v vec) reg.Register {
	if g.is64() {
		return v
	}
	return v.AsX()
}

func (g *gen) gemv() {
	g.fn("Gemv", "func(m, n int, alpha T, a *T, lda int, x *T, beta T, y *T)",
		"stores α A x + β y in y for the m x n matrix A. With β = 0 it does not read y.\nm, n > 0.")
	m, a, ld, y := g.ptr("m"), g.ptr("a"), g.ptr("lda"), g.ptr("y")
	g.SHLQ(g.shift(), ld)
	alpha, beta := g.broadcast("alpha"), g.broadcast("beta")
	t := g.GP64()
	g.MOVQ(g.addr("n"), t)
	g.ANDQ(imm(g.lanes-1), t)
	mask := g.tailMask(t)
	noBeta := g.GP64()
	g.testZero(beta, noBeta)

	store := func(label string, s reg.Register, scalar bool) {
		mul, mov, fma := "VMUL", "VMOVU", "VFMADD231"
		do := func(name string, ops ...op) { g.v(name, ops...) }
		al, be := op(g.quadOf(alpha)), op(g.quadOf(beta))
		if scalar {
			mov = "VMOV"
			do = func(name string, ops ...op) { g.sc(name, ops...) }
			al, be = alpha.AsX(), beta.AsX()
		}
		do(mul, al, s, s)
		g.TESTQ(noBeta, noBeta)
		g.JNE(ref(label))
		do(fma, at(y, nil, 0, 0), be, s)
		g.Label(label)
		do(mov, s, at(y, nil, 0, 0))
	}
	g.CMPQ(m, imm(4))
	g.JLT(ref("rest"))
	g.loop("rows")
	x, n, p := g.ptr("x"), g.ptr("n"), g.GP64()
	g.MOVQ(a, p)
	s := g.dotRows("four", 4, g.rows(p, ld, 4), x, n, mask, 2)
	store("four_store", s, false)
	g.ADDQ(imm(4*g.size), y)
	g.LEAQ(at(a, ld, 4, 0), a)
	g.SUBQ(imm(4), m)
	g.CMPQ(m, imm(4))
	g.JGE(ref("rows"))
	g.Label("rest")
	g.TESTQ(m, m)
	g.JE(ref("done"))
	g.Label("row")
	x, n, p = g.ptr("x"), g.ptr("n"), g.GP64()
	g.MOVQ(a, p)
	s = g.dotRows("single", 1, g.rows(p, ld, 1), x, n, mask, 4)
	store("single_store", s, true)
	g.ADDQ(imm(g.size), y)
	g.ADDQ(ld, a)
	g.DECQ(m)
	g.JNE(ref("row"))
	g.Label("done")
	g.ret()
}

// testZero sets r to 1 if the lowest lane of v is ±0, else to 0.
func (g *gen) testZero(v vec, r gpr) {
	z := g.XMM()
	g.zero(z)
	const eqOQ = 0
	t := g.XMM()
	g.sc("VCMP", u8(eqOQ), z, v.AsX(), t)
	g.VMOVQ(t, r)
	g.ANDQ(imm(1), r)
}

// scatter adds Σ_i c_i row_i to y over n columns for the rows of r.
// With ahead, r has twice as many rows, and the second half is fetched into the
// second-level cache on the way.
func (g *gen) scatter(label string, c []vec, r rowPtrs, y, n gpr, mask vec, u int, ahead bool) {
	step := func(k int) {
		if ahead && k > 1 {
			for i := range c {
				for j := 0; j < 32*k; j += 64 {
					g.PREFETCHT1(r.at(len(c)+i, j))
				}
			}
		}
		v := g.vecs(k)
		for j := range v {
			g.v("VMOVU", at(y, nil, 0, 32*j), v[j])
		}
		for i := range c {
			for j := range v {
				g.v("VFMADD231", r.at(i, 32*j), c[i], v[j])
			}
		}
		for j := range v {
			g.v("VMOVU", v[j], at(y, nil, 0, 32*j))
		}
		g.ADDQ(imm(32*k), y)
		g.advance(r, 32*k)
		g.SUBQ(imm(k*g.lanes), n)
	}
	g.CMPQ(n, imm(u*g.lanes))
	g.JLT(ref(label + "_one"))
	g.loop(label + "_block")
	step(u)
	g.CMPQ(n, imm(u*g.lanes))
	g.JGE(ref(label + "_block"))
	g.Label(label + "_one")
	g.CMPQ(n, imm(g.lanes))
	g.JLT(ref(label + "_tail"))
	step(1)
	g.JMP(ref(label + "_one"))
	g.Label(label + "_tail")
	g.TESTQ(n, n)
	g.JE(ref(label + "_end"))
	v, w := g.YMM(), g.YMM()
	g.v("VMASKMOV", at(y, nil, 0, 0), mask, v)
	for i := range c {
		g.v("VMASKMOV", r.at(i, 0), mask, w)
		g.v("VFMADD231", w, c[i], v)
	}
	g.storeTail(v, n, at(y, nil, 0, 0))
	g.Label(label + "_end")
}

// gemvNarrow keeps all of y in registers while it runs over the rows of A.
func (g *gen) gemvNarrow() {
	g.fn("GemvTNarrow", "func(m, n int, alpha T, a *T, lda int, x *T, beta T, y *T)",
		fmt.Sprintf("stores α Aᵀ x + β y in y for the m x n matrix A, n <= %d. With β = 0 it does\nnot read y. m, n > 0.", narrowVectors*g.lanes))
	m, n, a, ld, x, y := g.ptr("m"), g.ptr("n"), g.ptr("a"), g.ptr("lda"), g.ptr("x"), g.ptr("y")
	g.SHLQ(g.shift(), ld)
	noBeta := g.GP64()
	g.testZero(g.broadcast("beta"), noBeta)
	g.DECQ(n) // so that the mask has at least one element
	for nv := 1; nv <= narrowVectors; nv++ {
		label := fmt.Sprint("vectors", nv)
		if nv < narrowVectors {
			g.CMPQ(n, imm(nv*g.lanes))
			g.JGE(ref(label + "_skip"))
		}
		g.SUBQ(imm((nv-1)*g.lanes-1), n)
		mask := g.tailMask(n)
		// Several rows at a time hide the latency of the additions.
		u := []int{0, 4, 4, 2, 2, 2, 2}[nv]
		acc := make([][]vec, u)
		for i := range acc {
			acc[i] = g.zeros(nv)
		}
		row := func(acc []vec, i int, p mem) {
			c := g.YMM()
			g.sc("VBROADCAST", at(x, nil, 0, i*g.size), c)
			for j := range nv - 1 {
				q := p
				q.Disp += 32 * j
				g.v("VFMADD231", q, c, acc[j])
			}
			t := g.YMM()
			p.Disp += 32 * (nv - 1)
			g.v("VMASKMOV", p, mask, t)
			g.v("VFMADD231", t, c, acc[nv-1])
		}
		g.SUBQ(imm(u), m)
		g.JLT(ref(label + "_rest"))
		g.loop(label)
		a3 := g.GP64()
		if u == 4 {
			g.LEAQ(at(a, ld, 2, 0), a3)
			g.ADDQ(ld, a3)
		}
		for i, p := range []mem{at(a, nil, 0, 0), at(a, ld, 1, 0), at(a, ld, 2, 0), at(a3, nil, 0, 0)}[:u] {
			row(acc[i], i, p)
		}
		g.ADDQ(imm(u*g.size), x)
		g.LEAQ(at(a, ld, u, 0), a)
		g.SUBQ(imm(u), m)
		g.JGE(ref(label))
		g.Label(label + "_rest")
		g.ADDQ(imm(u), m)
		g.JE(ref(label + "_sum"))
		g.Label(label + "_row")
		row(acc[0], 0, at(a, nil, 0, 0))
		g.ADDQ(imm(g.size), x)
		g.ADDQ(ld, a)
		g.DECQ(m)
		g.JNE(ref(label + "_row"))
		g.Label(label + "_sum")
		alpha := g.broadcast("alpha")
		for j := range nv {
			for s := u / 2; s > 0; s /= 2 {
				for i := range s {
					g.v("VADD", acc[i+s][j], acc[i][j], acc[i][j])
				}
			}
			g.v("VMUL", alpha, acc[0][j], acc[0][j])
		}
		g.TESTQ(noBeta, noBeta)
		g.JNE(ref(label + "_store"))
		beta := g.broadcast("beta")
		for j := range nv - 1 {
			g.v("VFMADD231", at(y, nil, 0, 32*j), beta, acc[0][j])
		}
		t := g.YMM()
		g.v("VMASKMOV", at(y, nil, 0, 32*(nv-1)), mask, t)
		g.v("VFMADD231", t, beta, acc[0][nv-1])
		g.Label(label + "_store")
		for j := range nv - 1 {
			g.v("VMOVU", acc[0][j], at(y, nil, 0, 32*j))
		}
		g.CMPQ(n, imm(g.lanes))
		g.JNE(ref(label + "_part"))
		g.v("VMOVU", acc[0][nv-1], at(y, nil, 0, 32*(nv-1)))
		g.ret()
		g.Label(label + "_part")
		g.storeTail(acc[0][nv-1], n, at(y, nil, 0, 32*(nv-1)))
		g.ret()
		if nv < narrowVectors {
			g.Label(label + "_skip")
		}
	}
}

func (g *gen) gemvT() {
	g.fn("GemvT", "func(m, n int, alpha T, a *T, lda int, x *T, y *T)",
		"adds α Aᵀ x to y for the m x n matrix A. m, n > 0.")
	m, a, ld, x := g.ptr("m"), g.ptr("a"), g.ptr("lda"), g.ptr("x")
	g.SHLQ(g.shift(), ld)
	t := g.GP64()
	g.MOVQ(g.addr("n"), t)
	g.ANDQ(imm(g.lanes-1), t)
	mask := g.tailMask(t)
	part := func(label string, nr, u int) {
		g.CMPQ(m, imm(nr))
		g.JLT(ref(label + "_skip"))
		g.Label(label)
		alpha := g.broadcast("alpha")
		c := g.vecs(nr)
		for i := range c {
			g.sc("VBROADCAST", at(x, nil, 0, i*g.size), c[i])
			g.v("VMUL", alpha, c[i], c[i])
		}
		y, n, p := g.ptr("y"), g.ptr("n"), g.GP64()
		g.MOVQ(a, p)
		r := g.rows(p, ld, nr)
		g.scatter(label, c, r, y, n, mask, u, false)
		g.ADDQ(imm(nr*g.size), x)
		if nr > 1 {
			g.LEAQ(at(a, ld, nr, 0), a)
		} else {
			g.ADDQ(ld, a)
		}
		g.SUBQ(imm(nr), m)
		g.CMPQ(m, imm(nr))
		g.JGE(ref(label))
		g.Label(label + "_skip")
	}
	part("eight", 8, 4)
	part("four", 4, 4)
	part("single", 1, 4)
	g.ret()
}

// normalGrad handles four rows at a time: their products with x, the residuals,
// and then, while they are in cache, their multiples. As long as eight rows fit
// into the first-level cache the products of the next four rows are made in the
// same loop, which leaves less to wait for. Longer rows are fetched ahead
// instead.
func (g *gen) normalGrad() {
	g.fn("NormalGrad", "func(m, n int, a *T, lda int, x, b, r, grad *T)",
		"stores A x - b in r and adds Aᵀ r to grad for the m x n matrix A. m, n > 0.")
	m, a, ld := g.ptr("m"), g.ptr("a"), g.ptr("lda")
	b, r := g.ptr("b"), g.ptr("r")
	g.SHLQ(g.shift(), ld)
	t := g.GP64()
	g.MOVQ(g.addr("n"), t)
	g.ANDQ(imm(g.lanes-1), t)
	mask := g.tailMask(t)

	// residuals makes the coefficients of nr rows of their products with x.
	c := g.vecs(4)
	residuals := func(s reg.Register, nr int) {
		switch {
		case nr == 1:
			g.sc("VSUB", at(b, nil, 0, 0), s, s)
			g.sc("VMOV", s, at(r, nil, 0, 0))
		case nr == 4:
			g.v("VSUB", at(b, nil, 0, 0), s, s)
			g.v("VMOVU", s, at(r, nil, 0, 0))
		case g.is64():
			x := s.(reg.Vec).AsX()
			g.VSUBPD(at(b, nil, 0, 0), x, x)
			g.VMOVUPD(x, at(r, nil, 0, 0))
		default:
			x, t := s.(reg.Vec).AsX(), g.XMM()
			g.VMOVSD(at(b, nil, 0, 0), t)
			g.VSUBPS(t, x, x)
			g.VMOVSD(x, at(r, nil, 0, 0))
		}
		for i := range nr {
			g.sc("VBROADCAST", at(r, nil, 0, i*g.size), c[i])
		}
		g.ADDQ(imm(nr*g.size), b)
		g.ADDQ(imm(nr*g.size), r)
	}
	dot := func(label string, nr int) {
		x, n, p := g.ptr("x"), g.ptr("n"), g.GP64()
		g.MOVQ(a, p)
		residuals(g.dotRows(label, nr, g.rows(p, ld, nr), x, n, mask, 2), nr)
	}
	add := func(label string, nr int) {
		y, n, p := g.ptr("grad"), g.ptr("n"), g.GP64()
		g.MOVQ(a, p)
		g.scatter(label, c[:nr], g.rows(p, ld, nr), y, n, mask, 4, false)
	}

	t = g.ptr("n")
	g.CMPQ(t, imm(3200/g.size))
	g.JGE(ref("long"))
	g.SUBQ(imm(4), m)
	g.JLT(ref("rest"))
	dot("first", 4)
	g.SUBQ(imm(4), m)
	g.JLT(ref("last"))
	g.Label("four")
	x, y, n, p := g.ptr("x"), g.ptr("grad"), g.ptr("n"), g.GP64()
	g.MOVQ(a, p)
	s := g.scatterDot(c, g.rows(p, ld, 8), x, y, n, mask)
	residuals(s, 4)
	g.LEAQ(at(a, ld, 4, 0), a)
	g.SUBQ(imm(4), m)
	g.JGE(ref("four"))
	g.Label("last")
	add("add", 4)
	g.LEAQ(at(a, ld, 4, 0), a)
	g.JMP(ref("rest"))

	g.Label("long")
	g.CMPQ(t, imm(6000/g.size))
	g.JLT(ref("medium"))
	g.CMPQ(t, imm(12000/g.size))
	g.JGE(ref("medium"))
	g.CMPQ(m, imm(2))
	g.JLT(ref("medium"))
	g.Label("long_two")
	dot("two_dot", 2)
	y, n, p = g.ptr("grad"), g.ptr("n"), g.GP64()
	g.MOVQ(a, p)
	g.scatter("two_add", c[:2], g.rows(p, ld, 4), y, n, mask, 4, true)
	g.LEAQ(at(a, ld, 2, 0), a)
	g.SUBQ(imm(2), m)
	g.CMPQ(m, imm(2))
	g.JGE(ref("long_two"))

	g.Label("medium")
	g.SUBQ(imm(4), m)
	g.JLT(ref("rest"))
	g.Label("long_four")
	dot("long_dot", 4)
	y, n, p = g.ptr("grad"), g.ptr("n"), g.GP64()
	g.MOVQ(a, p)
	g.scatter("long_add", c, g.rows(p, ld, 8), y, n, mask, 4, true)
	g.LEAQ(at(a, ld, 4, 0), a)
	g.SUBQ(imm(4), m)
	g.JGE(ref("long_four"))

	g.Label("rest")
	g.ADDQ(imm(4), m)
	g.JE(ref("done"))
	g.Label("row")
	dot("single_dot", 1)
	add("single_add", 1)
	g.ADDQ(ld, a)
	g.DECQ(m)
	g.JNE(ref("row"))
	g.Label("done")
	g.ret()
}

// scatterDot adds Σ_i c_i row_i of the first four rows of r to y and returns the
// products of the next four with x.
func (g *gen) scatterDot(c []vec, r rowPtrs, x, y, n gpr, mask vec) reg.Register {
	acc := g.zeros(4)
	step := func(k int) {
		for j := range k {
			t := g.YMM()
			g.v("VMOVU", at(x, nil, 0, 32*j), t)
			for i := range acc {
				g.v("VFMADD231", r.at(4+i, 32*j), t, acc[i])
			}
			v := g.YMM()
			g.v("VMOVU", at(y, nil, 0, 32*j), v)
			for i := range c {
				g.v("VFMADD231", r.at(i, 32*j), c[i], v)
			}
			g.v("VMOVU", v, at(y, nil, 0, 32*j))
		}
		g.ADDQ(imm(32*k), x)
		g.ADDQ(imm(32*k), y)
		g.advance(r, 32*k)
	}
	g.SUBQ(imm(2*g.lanes), n)
	g.JLT(ref("both_one"))
	g.loop("both")
	step(2)
	g.SUBQ(imm(2*g.lanes), n)
	g.JGE(ref("both"))
	g.Label("both_one")
	g.ADDQ(imm(g.lanes), n)
	g.JLT(ref("both_tail"))
	step(1)
	g.SUBQ(imm(g.lanes), n)
	g.Label("both_tail")
	g.ADDQ(imm(g.lanes), n)
	g.JE(ref("both_end"))
	t, w := g.YMM(), g.YMM()
	g.v("VMASKMOV", at(x, nil, 0, 0), mask, t)
	for i := range acc {
		g.v("VMASKMOV", r.at(4+i, 0), mask, w)
		g.v("VFMADD231", w, t, acc[i])
	}
	v := g.YMM()
	g.v("VMASKMOV", at(y, nil, 0, 0), mask, v)
	for i := range c {
		g.v("VMASKMOV", r.at(i, 0), mask, w)
		g.v("VFMADD231", w, c[i], v)
	}
	g.storeTail(v, n, at(y, nil, 0, 0))
	g.Label("both_end")
	return g.sum4(acc[0], acc[1], acc[2], acc[3])
}

// ger updates one row at a time; y stays in cache.
func (g *gen) ger() {
	g.fn("Ger", "func(m, n int, alpha T, x, y, a *T, lda int)", "adds α x yᵀ to the m x n matrix A. m, n > 0.")
	m, a, ld, x := g.ptr("m"), g.ptr("a"), g.ptr("lda"), g.ptr("x")
	g.SHLQ(g.shift(), ld)
	alpha := g.broadcast("alpha")
	t := g.GP64()
	g.MOVQ(g.addr("n"), t)
	g.ANDQ(imm(g.lanes-1), t)
	mask := g.tailMask(t)
	g.Label("row")
	c := g.YMM()
	g.sc("VBROADCAST", at(x, nil, 0, 0), c)
	g.v("VMUL", alpha, c, c)
	y, n, p := g.ptr("y"), g.ptr("n"), g.GP64()
	g.MOVQ(a, p)
	g.scatter("row", []vec{c}, rowPtrs{p: []gpr{y}}, p, n, mask, 8, false)
	g.ADDQ(imm(g.size), x)
	g.ADDQ(ld, a)
	g.DECQ(m)
	g.JNE(ref("row"))
	g.ret()
}
