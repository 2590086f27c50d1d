package main

// elementwise is sums, differences, products and the rectifiers.
func elementwise(g *gen) {
	for _, f := range []struct{ name, ins, what string }{
		{"AddTo", "VADD", "x + y"}, {"SubTo", "VSUB", "x - y"}, {"MulTo", "VMUL", "the elementwise product of x and y"},
	} {
		g.fn(f.name, "func(n int, dst, x, y *T)", "stores "+f.what+" in dst.")
		g.mapLoop("dst", []string{"x", "y"}, 4, func(in []vec) vec {
			g.v(f.ins, in[1], in[0], in[0])
			return in[0]
		})
	}

	g.fn("ReLU", "func(n int, dst, x *T)", "stores max(x, 0) in dst; NaN stays NaN.")
	z := g.zeros(1)[0]
	g.mapLoop("dst", []string{"x"}, 4, func(in []vec) vec {
		g.relu(in[0], z)
		return in[0]
	})

	g.fn("BiasReLU", "func(n int, dst, b *T)", "stores max(dst + b, 0) in dst; NaN stays NaN.")
	z = g.zeros(1)[0]
	g.mapLoop("dst", []string{"dst", "b"}, 4, func(in []vec) vec {
		g.v("VADD", in[1], in[0], in[0])
		g.relu(in[0], z)
		return in[0]
	})

	g.fn("ReLUGrad", "func(n int, dst, dy, z *T)", "stores dy where z > 0 and 0 elsewhere in dst.")
	zero := g.zeros(1)[0]
	g.mapLoop("dst", []string{"dy", "z"}, 4, func(in []vec) vec {
		g.greater(in[1], zero)
		g.v("VAND", in[0], in[1], in[0])
		return in[0]
	})

	g.fn("LeakyReLU", "func(n int, dst, x *T, slope T)", "stores x where x > 0 and slope x elsewhere in dst.")
	slope := g.broadcast("slope")
	zero = g.zeros(1)[0]
	g.mapLoop("dst", []string{"x"}, 4, func(in []vec) vec {
		t := g.YMM()
		g.v("VMUL", in[0], slope, t)
		m := g.YMM()
		g.v("VMOVA", in[0], m)
		g.greater(m, zero)
		g.v("VBLENDV", m, in[0], t, t)
		return t
	})

	g.fn("LeakyReLUGrad", "func(n int, dst, dy, z *T, slope T)", "stores dy where z > 0 and slope dy elsewhere in dst.")
	slope = g.broadcast("slope")
	zero = g.zeros(1)[0]
	g.mapLoop("dst", []string{"dy", "z"}, 4, func(in []vec) vec {
		t := g.YMM()
		g.v("VMUL", in[0], slope, t)
		g.greater(in[1], zero)
		g.v("VBLENDV", in[1], in[0], t, t)
		return t
	})
}

// relu is x = max(x, 0). The instruction returns its first operand (in Go's
// order) if one is NaN, so x goes there; for x = -0 that is -0, which the
// addition makes +0 as Go's max does.
func (g *gen) relu(x, zero vec) {
	g.v("VMAX", x, zero, x)
	g.v("VADD", zero, x, x)
}

// greater turns x into the mask of x > zero, which is false for NaN.
func (g *gen) greater(x, zero vec) {
	const gtOQ = 0x1e
	g.v("VCMP", u8(gtOQ), zero, x, x)
}
