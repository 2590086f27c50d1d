package main

import "math"

// rowKernels is softmax and its relatives over the rows of a matrix, and
// distances between rows.
func rowKernels(g *gen) {
	g.softmaxRows()
	g.maxSumExp()
	g.squaredDistances()
}

// rest returns a function that makes the mask of the last elements of a row
// with n; it is made where it is needed, as registers are rare in between.
func (g *gen) rest(n func() gpr) func() vec {
	return func() vec {
		r := n()
		g.ANDQ(imm(g.lanes-1), r)
		return g.tailMask(r)
	}
}

// maxOf returns the greatest of n elements in all lanes; a NaN may get lost.
func (g *gen) maxOf(label string, x, n gpr, mask func() vec) vec {
	acc := g.vecs(2)
	for _, r := range acc {
		g.v("VMOVU", g.num("minusinf", math.Inf(-1)), r)
	}
	p := g.GP64()
	g.MOVQ(x, p)
	g.SUBQ(imm(2*g.lanes), n)
	g.JLT(ref(label + "_one"))
	g.loop(label + "_pair")
	for j, r := range acc {
		g.v("VMAX", at(p, nil, 0, 32*j), r, r)
	}
	g.ADDQ(imm(64), p)
	g.SUBQ(imm(2*g.lanes), n)
	g.JGE(ref(label + "_pair"))
	g.Label(label + "_one")
	g.ADDQ(imm(g.lanes), n)
	g.JLT(ref(label + "_tail"))
	g.v("VMAX", at(p, nil, 0, 0), acc[0], acc[0])
	g.ADDQ(imm(32), p)
	g.SUBQ(imm(g.lanes), n)
	g.Label(label + "_tail")
	g.ADDQ(imm(g.lanes), n)
	g.JE(ref(label + "_end"))
	t := g.YMM()
	m := mask()
	g.v("VMASKMOV", at(p, nil, 0, 0), m, t)
	g.v("VBLENDV", m, t, g.load(g.num("minusinf", math.Inf(-1))), t)
	g.v("VMAX", t, acc[1], acc[1])
	g.Label(label + "_end")
	g.v("VMAX", acc[1], acc[0], acc[0])
	return g.allLanes("VMAX", acc[0])
}

// allLanes reduces the lanes of v with an operation and keeps the result in
// all of them.
func (g *gen) allLanes(op string, v vec) vec {
	t := g.YMM()
	g.VPERM2F128(u8(1), v, v, t)
	g.v(op, t, v, v)
	if g.is64() {
		g.VPERMILPD(u8(5), v, t)
		g.v(op, t, v, v)
		return v
	}
	g.VPERMILPS(u8(0x4e), v, t)
	g.v(op, t, v, v)
	g.VPERMILPS(u8(0xb1), v, t)
	g.v(op, t, v, v)
	return v
}

// sumExp returns Σ e^(x_i-z) in all lanes and stores the terms in dst unless that is nil.
func (g *gen) sumExp(label string, dst, x, n gpr, z vec, mask func() vec) vec {
	acc := g.zeros(1)[0]
	p, o := g.GP64(), g.GP64()
	g.MOVQ(x, p)
	store := dst != nil
	if store {
		g.MOVQ(dst, o)
	}
	step := func(k int) {
		t := g.vecs(k)
		for j := range t {
			g.v("VMOVU", at(p, nil, 0, 32*j), t[j])
			g.v("VSUB", z, t[j], t[j])
		}
		for j, e := range g.exps(t, nil) {
			if store {
				g.v("VMOVU", e, at(o, nil, 0, 32*j))
			}
			g.v("VADD", e, acc, acc)
		}
		g.ADDQ(imm(32*k), p)
		if store {
			g.ADDQ(imm(32*k), o)
		}
		g.SUBQ(imm(k*g.lanes), n)
	}
	g.SUBQ(imm(4*g.lanes), n)
	g.JLT(ref(label + "_two"))
	g.loop(label + "_block")
	step(4)
	g.JGE(ref(label + "_block"))
	g.Label(label + "_two")
	g.ADDQ(imm(2*g.lanes), n)
	g.JLT(ref(label + "_one"))
	step(2)
	g.Label(label + "_one")
	g.ADDQ(imm(g.lanes), n)
	g.JLT(ref(label + "_tail"))
	step(1)
	g.Label(label + "_tail")
	g.ADDQ(imm(g.lanes), n)
	g.JE(ref(label + "_end"))
	t, m := g.YMM(), mask()
	g.v("VMASKMOV", at(p, nil, 0, 0), m, t)
	g.v("VSUB", z, t, t)
	e := g.exp(t, nil)
	if store {
		c := g.YMM()
		g.v("VMOVA", e, c)
		g.storeTail(c, n, at(o, nil, 0, 0))
	}
	g.v("VAND", m, e, e)
	g.v("VADD", e, acc, acc)
	g.Label(label + "_end")
	return g.allLanes("VADD", acc)
}

// scaleRow multiplies n elements by s.
func (g *gen) scaleRow(label string, x, n gpr, s vec, mask func() vec) {
	p := g.GP64()
	g.MOVQ(x, p)
	g.SUBQ(imm(g.lanes), n)
	g.JLT(ref(label + "_tail"))
	g.loop(label + "_vector")
	v := g.YMM()
	g.v("VMUL", at(p, nil, 0, 0), s, v)
	g.v("VMOVU", v, at(p, nil, 0, 0))
	g.ADDQ(imm(32), p)
	g.SUBQ(imm(g.lanes), n)
	g.JGE(ref(label + "_vector"))
	g.Label(label + "_tail")
	g.ADDQ(imm(g.lanes), n)
	g.JE(ref(label + "_end"))
	t, m := g.YMM(), mask()
	g.v("VMASKMOV", at(p, nil, 0, 0), m, t)
	g.v("VMUL", s, t, t)
	g.storeTail(t, n, at(p, nil, 0, 0))
	g.Label(label + "_end")
}

func (g *gen) softmaxRows() {
	g.fn("SoftmaxRows", "func(m, n int, dst *T, ldd int, a *T, lda int)",
		"stores e^z_j / Σ_l e^z_l for every row z of the m x n matrix A in those of dst, which may\nbe A. m, n > 0.")
	m, dst, a := g.ptr("m"), g.ptr("dst"), g.ptr("a")
	mask := g.rest(func() gpr { return g.ptr("n") })
	g.Label("row")
	z := g.maxOf("max", a, g.ptr("n"), mask)
	s := g.sumExp("exp", dst, a, g.ptr("n"), z, mask)
	r := g.YMM()
	g.v("VDIV", s, g.load(g.num("one", 1)), r)
	g.scaleRow("scale", dst, g.ptr("n"), r, mask)
	for _, l := range []struct {
		p  gpr
		ld string
	}{{dst, "ldd"}, {a, "lda"}} {
		step := g.ptr(l.ld)
		g.LEAQ(at(l.p, step, g.size, 0), l.p)
	}
	g.DECQ(m)
	g.JNE(ref("row"))
	g.ret()
}

func (g *gen) maxSumExp() {
	g.fn("MaxSumExp", "func(n int, x *T) (z, s T)", "returns the greatest element z and Σ e^(x_i-z); if x holds NaN, s is NaN and z\nsome element or -Inf. n > 0.")
	x := g.ptr("x")
	mask := g.rest(func() gpr { return g.ptr("n") })
	z := g.maxOf("max", x, g.ptr("n"), mask)
	g.Store(z.AsX(), g.Return("z"))
	s := g.sumExp("exp", nil, x, g.ptr("n"), z, mask)
	g.Store(s.AsX(), g.Return("s"))
	g.ret()
}

// squaredDistances takes four rows of y at a time against one of x.
func (g *gen) squaredDistances() {
	g.fn("SquaredDistances", "func(m, n, d int, x *T, ldx int, y *T, ldy int, out *T, ldo int)",
		"stores Σ_l (x_il - y_jl)² in out_ij for the rows of the m x d matrix x and the n x d matrix y.\nm, n, d > 0.")
	m, x, ldy, out := g.ptr("m"), g.ptr("x"), g.ptr("ldy"), g.ptr("out")
	g.SHLQ(g.shift(), ldy)
	t := g.ptr("d")
	g.ANDQ(imm(g.lanes-1), t)
	mask := g.tailMask(t)
	g.Label("row")
	n, y, o := g.ptr("n"), g.ptr("y"), g.GP64()
	g.MOVQ(out, o)
	part := func(label string, nr int) {
		g.CMPQ(n, imm(nr))
		g.JLT(ref(label + "_skip"))
		g.Label(label)
		d, px, py := g.ptr("d"), g.GP64(), g.GP64()
		g.MOVQ(x, px)
		g.MOVQ(y, py)
		r := g.rows(py, ldy, nr)
		acc := g.zeros(nr)
		add := func(load func(m op, v vec)) {
			v := g.YMM()
			load(at(px, nil, 0, 0), v)
			for i := range acc {
				w := g.YMM()
				load(r.at(i, 0), w)
				g.v("VSUB", w, v, w)
				g.v("VFMADD231", w, w, acc[i])
			}
		}
		g.SUBQ(imm(g.lanes), d)
		g.JLT(ref(label + "_tail"))
		g.loop(label + "_vector")
		add(func(m op, v vec) { g.v("VMOVU", m, v) })
		g.ADDQ(imm(32), px)
		g.advance(r, 32)
		g.SUBQ(imm(g.lanes), d)
		g.JGE(ref(label + "_vector"))
		g.Label(label + "_tail")
		g.ADDQ(imm(g.lanes), d)
		g.JE(ref(label + "_sum"))
		add(func(m op, v vec) { g.v("VMASKMOV", m, mask, v) })
		g.Label(label + "_sum")
		if nr == 1 {
			g.sc("VMOV", g.sum(acc[0]), at(o, nil, 0, 0))
			g.ADDQ(ldy, y)
		} else {
			g.v("VMOVU", g.sum4(acc[0], acc[1], acc[2], acc[3]), at(o, nil, 0, 0))
			g.LEAQ(at(y, ldy, 4, 0), y)
		}
		g.ADDQ(imm(nr*g.size), o)
		g.SUBQ(imm(nr), n)
		g.CMPQ(n, imm(nr))
		g.JGE(ref(label))
		g.Label(label + "_skip")
	}
	part("four", 4)
	part("single", 1)
	step := g.ptr("ldx")
	g.SHLQ(g.shift(), step)
	g.ADDQ(step, x)
	step = g.ptr("ldo")
	g.SHLQ(g.shift(), step)
	g.ADDQ(step, out)
	g.DECQ(m)
	g.JNE(ref("row"))
	g.ret()
}
