package main

import "math"

// roots is steps towards the roots y of y = σ(p+vy).
func roots(g *gen) {
	g.rootStep("TanhRoots", "tanh", g.quickTanhs,
		func(t, one vec) (d, tau vec) { // (1-t)(1+t), t
			d, u := g.YMM(), g.YMM()
			g.v("VADD", t, one, u)
			g.v("VSUB", t, one, d)
			g.v("VMUL", u, d, d)
			return d, t
		})
	g.rootStep("SigmoidRoots", "the logistic function", g.sigmoids,
		func(t, one vec) (d, tau vec) { // t(1-t), 1-2t
			d, tau = g.YMM(), g.YMM()
			g.v("VSUB", t, one, tau)
			g.v("VMUL", t, tau, d)
			g.v("VSUB", t, tau, tau)
			return d, tau
		})
}

// Elements of the coefficients of rootStep.
const (
	rootV    = iota // v
	rootTwo         // α2 = rootTwo τ w
	rootB0          // α3 = (rootB0 + rootB1 d) w
	rootB1          //
	rootC0          // α4 = (rootC0 + rootC1 d) τ w
	rootC1          //
	rootOpen        // the error is not below rounding if rootOpen |u|⁵ > |y|
)

// rootStep writes a kernel that makes a step of fifth order and what the risk and
// its gradient need there. slope returns σ' = d and the factor τ of the even
// derivatives from t = σ.
//
// All σ come first, and are kept in s: with the chain of operations from p to c in
// one loop, the CPU would wait for it more than it would work.
func (g *gen) rootStep(name, what string, act func(x []vec) []vec, slope func(t, one vec) (d, tau vec)) {
	g.fn(name, "func(n int, coef *T, y, s, c, p, target *T, ahead *T, bytes int, sums *float64) int",
		"makes a step of fifth order from each y towards the root of y = σ(p+vy), σ being\n"+
			what+", and stores it in y, σ' there in s and (y-target) s/(1-vs) in c. It adds\n"+
			"Σ (y-target)² and Σ c y to sums, and returns 0 if all steps have met the roots to\n"+
			"rounding. Meanwhile it fetches bytes from ahead into the first-level cache.")
	coef, y, s, c := g.ptr("coef"), g.ptr("y"), g.ptr("s"), g.ptr("c")
	p, target := g.ptr("p"), g.ptr("target")
	k := func(j int) vec {
		r := g.YMM()
		g.sc("VBROADCAST", at(coef, nil, 0, j*g.size), r)
		return r
	}
	g.unrolled("sigma", 3, func(nv int, i, n gpr, mask func() vec) {
		io := g.lanesAt(i, n, mask)
		t := make([]vec, nv)
		v := k(rootV)
		for j := range t {
			t[j] = io.load(p, j)
			g.v("VFMADD231", io.load(y, j), v, t[j])
		}
		for j, t := range act(t) {
			io.store(t, s, j)
		}
	})
	acc := g.zeros(3) // of the test, Σ (y-target)², Σ c y
	ahead, end := g.ptr("ahead"), g.ptr("bytes")
	g.ADDQ(ahead, end)
	g.unrolled("step", 2, func(nv int, i, n gpr, mask func() vec) {
		io := g.lanesAt(i, n, mask)
		skip := g.label("fetched")
		g.CMPQ(ahead, end)
		g.JGE(ref(skip))
		for j := range 10 * nv {
			g.PREFETCHT0(at(ahead, nil, 0, 64*j))
		}
		g.ADDQ(imm(10*64*nv), ahead)
		g.Label(skip)
		one := g.load(g.num("one", 1))
		d, tau, inv, u, a2, a3, a4 := g.vecs(nv), g.vecs(nv), g.vecs(nv), g.vecs(nv), g.vecs(nv), g.vecs(nv), g.vecs(nv)
		each := func(f func(j int)) {
			for j := range nv {
				f(j)
			}
		}
		each(func(j int) {
			t := io.load(s, j)
			u[j] = io.load(y, j)
			g.v("VSUB", u[j], t, u[j])
			d[j], tau[j] = slope(t, one)
		})
		// The derivatives of σ(p+v(y+x)) at x = 0 over those of y+x-σ.
		v := k(rootV)
		each(func(j int) {
			g.v("VMOVA", one, inv[j])
			g.v("VFNMADD231", v, d[j], inv[j]) // 1-vd
			g.v("VDIV", inv[j], one, inv[j])
		})
		b, b1 := k(rootB0), k(rootB1)
		each(func(j int) { g.v("VMOVA", b, a3[j]); g.v("VFMADD231", b1, d[j], a3[j]) })
		b, b1 = k(rootC0), k(rootC1)
		each(func(j int) { g.v("VMOVA", b, a4[j]); g.v("VFMADD231", b1, d[j], a4[j]) })
		each(func(j int) {
			g.v("VMUL", inv[j], u[j], u[j])
			if mask != nil { // no step, so that the rest adds nothing to the sums
				g.v("VAND", mask(), u[j], u[j])
			}
			g.v("VMUL", inv[j], d[j], d[j]) // w
		})
		b = k(rootTwo)
		each(func(j int) {
			g.v("VMUL", d[j], tau[j], tau[j])
			g.v("VMUL", d[j], a3[j], a3[j])
			g.v("VMUL", b, tau[j], a2[j])
			g.v("VMUL", tau[j], a4[j], a4[j])
		})
		// The inverse series.
		b = g.load(g.num("five", 5))
		q := tau
		each(func(j int) {
			g.v("VMUL", a2[j], a2[j], q[j])
			g.v("VADD", q[j], a3[j], a3[j]) // α3+α2²
			g.v("VMUL", b, a2[j], d[j])
			g.v("VFMADD231", a3[j], d[j], a4[j])
			g.v("VADD", q[j], a3[j], a3[j])
		})
		each(func(j int) { g.v("VFMADD213", a3[j], u[j], a4[j]) })
		each(func(j int) { g.v("VFMADD213", a2[j], u[j], a4[j]) })
		each(func(j int) { g.v("VFMADD213", one, u[j], a4[j]) })
		root := a2
		each(func(j int) {
			root[j] = io.load(y, j)
			g.v("VFMADD231", a4[j], u[j], root[j])
			io.store(root[j], y, j)
		})
		// Is the step short enough?
		sign, most := g.load(g.signBit()), k(rootOpen)
		each(func(j int) {
			const notLessEqual = 0x16 // true for NaN
			g.v("VANDN", u[j], sign, q[j])
			g.v("VMUL", u[j], u[j], u[j])
			g.v("VMUL", u[j], u[j], u[j])
			g.v("VMUL", most, q[j], q[j])
			g.v("VMUL", u[j], q[j], q[j])
			g.v("VANDN", root[j], sign, u[j])
			g.v("VCMP", u8(notLessEqual), u[j], q[j], q[j])
			g.v("VOR", q[j], acc[0], acc[0])
		})
		// σ' and what the gradient needs.
		v = k(rootV)
		each(func(j int) {
			d[j], _ = slope(root[j], one)
			io.store(d[j], s, j)
			g.v("VMOVA", one, inv[j])
			g.v("VFNMADD231", v, d[j], inv[j])
			e := io.load(target, j)
			g.v("VSUB", e, root[j], e)
			g.v("VMUL", e, d[j], d[j])
			g.v("VDIV", inv[j], d[j], d[j])
			g.widen(e, func(e vec) { g.VFMADD231PD(e, e, acc[1]) })
		})
		each(func(j int) {
			io.store(d[j], c, j)
			g.v("VMUL", root[j], d[j], d[j])
			g.widen(d[j], func(d vec) { g.VADDPD(d, acc[2], acc[2]) })
		})
	})
	w := &gen{Context: g.Context, prec: double, consts: g.consts, labels: g.labels}
	sums := g.ptr("sums")
	for j, m := range acc[1:] {
		x := w.sum(m)
		g.VADDSD(at(sums, nil, 0, 8*j), x, x)
		g.VMOVSD(x, at(sums, nil, 0, 8*j))
	}
	open := g.GP64()
	g.v("VMOVMSK", acc[0], open.As32()) // clears the upper half
	g.Store(open, g.ReturnIndex(0))
	g.ret()
}

// quickTanhs is e/(e+2), e = e^2x - 1, with errors of at most 3 ulp. It is shorter than
// tanhs.
func (g *gen) quickTanhs(x []vec) []vec {
	most, magic, bits, c, width := 40.0, 0x1.8p52+1023, 52, exp64, "Q"
	ln2hi, ln2lo := 6.93147180369123816490e-01, 1.90821492927058770002e-10
	if !g.is64() {
		most, magic, bits, c, width = 20, 0x1.8p23+127, 23, exp32, "D"
		ln2hi, ln2lo = 0.693359375, -2.12194440e-4
	}
	n := len(x)
	sign, m, k := g.vecs(n), g.vecs(n), g.vecs(n)
	bit, top, big := g.load(g.signBit()), g.load(g.num("quickmost", most)), g.load(g.num("quickmagic", magic))
	for i := range x {
		g.v("VAND", bit, x[i], sign[i])
		g.v("VANDN", x[i], bit, x[i])
		g.v("VADD", x[i], x[i], x[i])
		g.v("VMIN", x[i], top, x[i]) // keeps NaN
		g.v("VMOVA", big, m[i])
	}
	g.all("VFMADD231", g.num("log2e", math.Log2E), x, func(i int) []op { return []op{x[i], m[i]} })
	for i := range x {
		g.v("VSUB", big, m[i], k[i])
	}
	g.all("VFNMADD231", g.num("ln2hi", ln2hi), x, func(i int) []op { return []op{k[i], x[i]} })
	g.all("VFNMADD231", g.num("ln2lo", ln2lo), x, func(i int) []op { return []op{k[i], x[i]} })
	p := g.horners("expm1", x, c[2:]...)
	for i := range x {
		g.v("VMUL", x[i], p[i], p[i])
		g.v("VFMADD213", x[i], x[i], p[i]) // e^r - 1 = r + r² p
		g.ins("VPSLL"+width, u8(bits), m[i], m[i])
	}
	g.all("VSUB", g.num("one", 1), x, func(i int) []op { return []op{m[i], x[i]} })
	for i := range x {
		g.v("VFMADD213", x[i], m[i], p[i]) // 2^k (e^r-1) + (2^k-1)
	}
	g.all("VADD", g.num("two", 2), x, func(i int) []op { return []op{p[i], x[i]} })
	for i := range x {
		g.v("VDIV", x[i], p[i], p[i])
		g.v("VOR", sign[i], p[i], p[i])
	}
	return p
}

// unrolled calls body for the n elements of a kernel: unroll vectors at a time from
// element i, then one, then a rest of n elements with a mask.
func (g *gen) unrolled(label string, unroll int, body func(nv int, i, n gpr, mask func() vec)) {
	i, n := g.GP64(), g.ptr("n")
	g.XORQ(i, i)
	g.SUBQ(imm(unroll*g.lanes), n)
	g.JLT(ref(label + "_one"))
	g.loop(label)
	body(unroll, i, n, nil)
	g.ADDQ(imm(unroll*g.lanes), i)
	g.SUBQ(imm(unroll*g.lanes), n)
	g.JGE(ref(label))
	g.Label(label + "_one")
	g.ADDQ(imm((unroll-1)*g.lanes), n)
	g.JLT(ref(label + "_tail"))
	g.Label(label + "_vector")
	body(1, i, n, nil)
	g.ADDQ(imm(g.lanes), i)
	g.SUBQ(imm(g.lanes), n)
	g.JGE(ref(label + "_vector"))
	g.Label(label + "_tail")
	g.ADDQ(imm(g.lanes), n)
	g.JE(ref(label + "_done"))
	body(1, i, n, func() vec { return g.tailMask(n) })
	g.Label(label + "_done")
}

// lanesIO loads and stores vectors from element i on, or with a mask the n elements
// there.
type lanesIO struct {
	load  func(b gpr, j int) vec
	store func(r vec, b gpr, j int)
}

func (g *gen) lanesAt(i, n gpr, mask func() vec) lanesIO {
	if mask != nil {
		return lanesIO{
			func(b gpr, j int) vec {
				r := g.YMM()
				g.v("VMASKMOV", at(b, i, g.size, 0), mask(), r)
				return r
			},
			func(r vec, b gpr, j int) {
				t := g.YMM()
				g.v("VMOVA", r, t)
				g.storeTail(t, n, at(b, i, g.size, 0))
			},
		}
	}
	return lanesIO{
		func(b gpr, j int) vec { return g.load(at(b, i, g.size, 32*j)) },
		func(r vec, b gpr, j int) { g.v("VMOVU", r, at(b, i, g.size, 32*j)) },
	}
}

// widen shows the elements of x to f as float64. f may use up what it gets.
func (g *gen) widen(x vec, f func(vec)) {
	if g.is64() {
		f(x)
		return
	}
	h, lo := g.XMM(), g.YMM()
	g.VEXTRACTF128(u8(1), x, h)
	g.VCVTPS2PD(x.AsX(), lo)
	f(lo)
	g.VCVTPS2PD(h, lo)
	f(lo)
}
