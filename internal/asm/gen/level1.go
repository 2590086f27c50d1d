package main

// level1 is the inner product and the updates a x + b y.
func level1(g *gen) {
	g.dot()

	g.fn("Axpy", "func(n int, a T, x, y *T)", "adds a x to y.")
	a := g.broadcast("a")
	g.mapLoop("y", []string{"x", "y"}, 4, func(in []vec) vec {
		g.v("VFMADD231", in[0], a, in[1])
		return in[1]
	})

	g.fn("AxpyTo", "func(n int, dst *T, a T, x, y *T)", "stores y + a x in dst.")
	a = g.broadcast("a")
	g.mapLoop("dst", []string{"x", "y"}, 4, func(in []vec) vec {
		g.v("VFMADD231", in[0], a, in[1])
		return in[1]
	})

	g.fn("Axpby", "func(n int, a T, x *T, b T, y *T)", "stores a x + b y in y, which is read.")
	a = g.broadcast("a")
	b := g.broadcast("b")
	g.mapLoop("y", []string{"x", "y"}, 4, func(in []vec) vec {
		g.v("VMUL", in[1], b, in[1])
		g.v("VFMADD231", in[0], a, in[1])
		return in[1]
	})

	g.fn("ScalTo", "func(n int, dst *T, a T, x *T)", "stores a x in dst.")
	a = g.broadcast("a")
	g.mapLoop("dst", []string{"x"}, 4, func(in []vec) vec {
		g.v("VMUL", in[0], a, in[0])
		return in[0]
	})
}

// dot hides the latency of the additions behind eight accumulators, of which
// short vectors need two.
func (g *gen) dot() {
	g.fn("Dot", "func(n int, x, y *T) T", "returns Σ x_i y_i.")
	x, y, n := g.ptr("x"), g.ptr("y"), g.ptr("n")
	const u = 8
	acc := g.vecs(u)
	t := g.YMM()
	block := func(k int) {
		for j := range k {
			g.v("VMOVU", at(x, nil, 0, 32*j), t)
			g.v("VFMADD231", at(y, nil, 0, 32*j), t, acc[j])
		}
		g.ADDQ(imm(32*k), x)
		g.ADDQ(imm(32*k), y)
		g.SUBQ(imm(k*g.lanes), n)
	}
	g.zero(acc[0])
	g.zero(acc[1])
	g.SUBQ(imm(u*g.lanes), n)
	g.JLT(ref("two"))
	for _, r := range acc[2:] {
		g.zero(r)
	}
	g.loop("block")
	block(u)
	g.JGE(ref("block"))
	for _, s := range []int{4, 2} {
		for i := range s {
			g.v("VADD", acc[i+s], acc[i], acc[i])
		}
	}
	g.Label("two")
	g.ADDQ(imm((u-2)*g.lanes), n)
	g.JLT(ref("one"))
	g.loop("pair")
	block(2)
	g.JGE(ref("pair"))
	g.Label("one")
	g.ADDQ(imm(g.lanes), n)
	g.JLT(ref("tail"))
	block(1)
	g.Label("tail")
	g.ADDQ(imm(g.lanes), n)
	g.JE(ref("reduce"))
	m := g.tailMask(n)
	w := g.YMM()
	g.v("VMASKMOV", at(x, nil, 0, 0), m, t)
	g.v("VMASKMOV", at(y, nil, 0, 0), m, w)
	g.v("VFMADD231", w, t, acc[1])
	g.Label("reduce")
	g.v("VADD", acc[1], acc[0], acc[0])
	s := g.sum(acc[0])
	g.Store(s, g.ReturnIndex(0))
	g.ret()
}
