package main

import "math"

// maps is the elementwise transcendental functions.
func maps(g *gen) {
	// Several vectors at a time hide the latency of the polynomials: the CPU looks
	// ahead less far than it would have to. The number of registers limits them.
	unary := func(name, what string, unroll int, body func(x []vec) []vec) {
		g.fn(name, "func(n int, dst, x *T)", "stores "+what+" in dst.")
		g.mapBlocks("dst", []string{"x"}, unroll, func(in [][]vec) []vec {
			x := make([]vec, len(in))
			for i := range in {
				x[i] = in[i][0]
			}
			return body(x)
		})
	}
	unary("Exp", "exp(x)", 4, func(x []vec) []vec { return g.exps(x, nil) })
	unary("Log", "log(x)", 2, g.logs)
	unary("Tanh", "tanh(x)", 2, g.tanhs)
	unary("Sigmoid", "1/(1+exp(-x))", 3, g.sigmoids)

	// float32 goes through float64 where that is the short way to accuracy.
	wideUnary := func(name, what string, body func(w *gen, x vec) vec) {
		g.fn(name, "func(n int, dst, x *T)", "stores "+what+" in dst.")
		g.wideMap(body)
	}
	wideUnary("Softplus", "log(1+exp(x))", (*gen).softplus)
	wideUnary("Erf", "erf(x)", (*gen).erf)
	wideUnary("GELU", "x erfc(-x/√2)/2", (*gen).gelu)
}

// wideMap is mapLoop for a body in float64.
func (g *gen) wideMap(body func(w *gen, x vec) vec) {
	w := &gen{Context: g.Context, prec: double, consts: g.consts, labels: g.labels}
	d, x, n, i := g.ptr("dst"), g.ptr("x"), g.ptr("n"), g.GP64()
	g.XORQ(i, i)
	g.CMPQ(n, imm(wide))
	g.JLT(ref("tail"))
	g.loop("vector")
	v := g.YMM()
	g.loadWide(at(x, i, g.size, 0), v)
	r := body(w, v)
	g.storeWide(r, at(d, i, g.size, 0))
	g.ADDQ(imm(wide), i)
	g.SUBQ(imm(wide), n)
	g.CMPQ(n, imm(wide))
	g.JGE(ref("vector"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JE(ref("done"))
	m := g.wideTail(n)
	v = g.YMM()
	g.loadWideMasked(at(x, i, g.size, 0), m, v)
	r = body(w, v)
	g.storeWideTail(r, n, at(d, i, g.size, 0))
	g.Label("done")
	g.ret()
}

// storeWideTail stores the first n < 4 of the float64 in v. It uses up v.
func (g *gen) storeWideTail(v vec, n gpr, m mem) {
	if g.is64() {
		g.storeTail(v, n, m)
		return
	}
	x, p := v.AsX(), g.GP64()
	g.VCVTPD2PSY(v, x)
	g.LEAQ(m, p)
	two, one := g.label("tail"), g.label("tail")
	g.TESTQ(imm(2), n)
	g.JE(ref(two))
	g.VMOVSD(x, at(p, nil, 0, 0))
	g.VMOVHLPS(x, x, x)
	g.ADDQ(imm(8), p)
	g.Label(two)
	g.TESTQ(imm(1), n)
	g.JE(ref(one))
	g.VMOVSS(x, at(p, nil, 0, 0))
	g.Label(one)
}

// Comparison predicates.
const (
	cmpEQ    = 0x00
	cmpUnord = 0x03
	cmpLT    = 0x11
	cmpNLT   = 0x15 // true for NaN
)

// name makes names of constants unique: both precisions may be in one file.
func (g *gen) name(s string) string {
	if g.is64() {
		return s + "64"
	}
	return s + "32"
}

func (g *gen) num(name string, v float64) mem { return g.constant(g.name(name), v) }

func (g *gen) pattern(name string, b uint64) mem { return g.bits(g.name(name), b) }

func (g *gen) signBit() mem {
	if g.is64() {
		return g.pattern("sign", 1<<63)
	}
	return g.pattern("sign", 1<<31)
}

func (g *gen) load(m op) vec {
	r := g.YMM()
	g.v("VMOVU", m, r)
	return r
}

// atMost and atLeast clamp x and keep NaN: the instructions return their first
// operand then.
func (g *gen) atMost(x vec, m mem)  { g.v("VMIN", x, g.load(m), x) }
func (g *gen) atLeast(x vec, m mem) { g.v("VMAX", x, g.load(m), x) }

// all does the same to each of x with a constant as the first operand.
func (g *gen) all(name string, m mem, x []vec, rest func(i int) []op) {
	c := g.shared(m, len(x))
	for i := range x {
		g.v(name, append([]op{c}, rest(i)...)...)
	}
}

// shared is a constant as an operand for n instructions: loaded if there is
// more than one, since the loads would take longer than the arithmetic.
func (g *gen) shared(m mem, n int) op {
	if n == 1 {
		return m
	}
	return g.load(m)
}

// horners evaluates a polynomial at each of x, lowest coefficient first.
func (g *gen) horners(name string, x []vec, c ...float64) []vec {
	p := g.vecs(len(x))
	top := g.shared(g.num(hornerName(name, len(c)-1), c[len(c)-1]), len(x))
	for i := range p {
		g.v("VMOVU", top, p[i])
	}
	for l := len(c) - 2; l >= 0; l-- {
		a := g.shared(g.num(hornerName(name, l), c[l]), len(x))
		for i := range p {
			g.v("VFMADD213", a, x[i], p[i])
		}
	}
	return p
}

func (g *gen) horner(name string, x vec, c ...float64) vec {
	return g.horners(name, []vec{x}, c...)[0]
}

func hornerName(name string, i int) string { return name + "_" + string(rune('a'+i)) }

// Coefficients of (e^r-1-r)/r², minimax on |r| <= ln(2)/2 by Remez' algorithm
// with the error weighted so that e^r has relative errors of at most 3.5e-18
// and 3.2e-9.
var (
	exp64 = []float64{1, 1, 0.50000000000000127418, 0.16666666666666699052, 0.041666666666515416203, 0.0083333333333072163251,
		0.0013888888947016294747, 0.00019841269917354885189, 0.000024801489941986953631, 2.7557216329515087804e-6,
		2.7631280378061360781e-7, 2.5117851188768949662e-8}
	exp32 = []float64{1, 1, 0.500000009519, 0.166665188397, 0.0416662057895, 0.00836888935142, 0.00139504919511}
)

// exp returns e^(x+lo), lo being nil or small. It uses up x.
//
// x is k ln 2 + r with |r| <= ln(2)/2. k is rounded by adding 1.5 times a power
// of two, to the bits of which it is added thereby. Twice the exponent's bias is
// added with it, so that its halves are the exponents of two powers of two, one
// of which would not do: k may exceed the range of exponents on both sides.
func (g *gen) exp(x, lo vec) vec {
	if lo == nil {
		return g.exps([]vec{x}, nil)[0]
	}
	return g.exps([]vec{x}, []vec{lo})[0]
}

// exps is exp for several vectors at once.
func (g *gen) exps(x, lo []vec) []vec {
	most, least, magic, half, c := 710.0, -746.0, 0x1.8p52+2046, 52, exp64
	ln2hi, ln2lo := 6.93147180369123816490e-01, 1.90821492927058770002e-10
	width := "Q"
	if !g.is64() {
		most, least, magic, half, c = 89, -104, 0x1.8p23+254, 23, exp32
		ln2hi, ln2lo = 0.693359375, -2.12194440e-4
		width = "D"
	}
	n := len(x)
	hi, low := g.load(g.num("expmost", most)), g.load(g.num("expleast", least))
	for i := range x {
		g.v("VMIN", x[i], hi, x[i])
		g.v("VMAX", x[i], low, x[i])
	}
	t := x
	if lo != nil {
		t = g.vecs(n)
		for i := range x {
			g.v("VADD", lo[i], x[i], t[i])
		}
	}
	m, k := g.vecs(n), g.vecs(n)
	big := g.load(g.num("expmagic", magic))
	for i := range m {
		g.v("VMOVA", big, m[i])
	}
	g.all("VFMADD231", g.num("log2e", math.Log2E), x, func(i int) []op { return []op{t[i], m[i]} })
	for i := range m {
		g.v("VSUB", big, m[i], k[i])
	}
	g.all("VFNMADD231", g.num("ln2hi", ln2hi), x, func(i int) []op { return []op{k[i], x[i]} })
	g.all("VFNMADD231", g.num("ln2lo", ln2lo), x, func(i int) []op { return []op{k[i], x[i]} })
	if lo != nil {
		for i := range x {
			g.v("VADD", lo[i], x[i], x[i])
		}
	}
	p := g.horners("exp", x, c...)
	for i := range p {
		s := g.YMM()
		g.VPSRAD(u8(1), m[i], s)
		g.VPSUBD(s, m[i], m[i])
		g.ins("VPSLL"+width, u8(half), s, s)
		g.ins("VPSLL"+width, u8(half), m[i], m[i])
		g.v("VMUL", s, p[i], p[i])
		g.v("VMUL", m[i], p[i], p[i])
	}
	return p
}

// The coefficients of the logarithm are those of FreeBSD's e_log.c and
// e_logf.c: log(1+f) = f - f²/2 + s (f²/2 + R(s²)), s = f/(2+f).
var (
	log64 = []float64{6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
		1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01}
	log32 = []float64{0xaaaaaa.0p-24, 0xccce13.0p-25, 0x91e9ee.0p-25, 0xf89e26.0p-26}
)

// log1pk returns k ln 2 + log(1+f) for sqrt(1/2) <= 1+f < sqrt(2). It uses up
// both.
func (g *gen) log1pk(k, f []vec) []vec {
	c, hi, lo := log64, 6.93147180369123816490e-01, 1.90821492927058770002e-10
	if !g.is64() {
		c, hi, lo = log32, 6.9313812256e-01, 9.0580006145e-06
	}
	n := len(k)
	s, z, h := g.vecs(n), g.vecs(n), g.vecs(n)
	g.all("VADD", g.num("two", 2), f, func(i int) []op { return []op{f[i], s[i]} })
	for i := range s {
		g.v("VDIV", s[i], f[i], s[i])
		g.v("VMUL", s[i], s[i], z[i])
	}
	r := g.horners("log", z, c...)
	g.all("VMUL", g.num("half", 0.5), f, func(i int) []op { return []op{f[i], h[i]} })
	for i := range r {
		g.v("VMUL", z[i], r[i], r[i])
		g.v("VMUL", f[i], h[i], h[i])
		g.v("VADD", h[i], r[i], r[i])
		g.v("VMUL", s[i], r[i], r[i])
	}
	g.all("VFMADD231", g.num("logln2lo", lo), k, func(i int) []op { return []op{k[i], r[i]} })
	for i := range r {
		g.v("VSUB", r[i], h[i], h[i])
		g.v("VSUB", f[i], h[i], h[i])
	}
	g.all("VFMSUB132", g.num("logln2hi", hi), k, func(i int) []op { return []op{h[i], k[i]} })
	return k
}

// logs returns log x, -Inf for 0 and NaN for negative x.
func (g *gen) logs(x []vec) []vec {
	tiny, scale, shift := 0x1p-1022, 0x1p54, 54.0
	one, root, mant := uint64(0x3ff0000000000000), uint64(0x3fe6a09e667f3bcd), uint64(0x000fffffffffffff)
	width := "Q"
	if !g.is64() {
		tiny, scale, shift = 0x1p-126, 0x1p25, 25
		one, root, mant = 0x3f800000, 0x3f3504f3, 0x007fffff
		width = "D"
	}
	k, y := g.vecs(len(x)), g.vecs(len(x))
	for i, x := range x {
		// Subnormal numbers are scaled.
		small, k, y := g.YMM(), k[i], y[i]
		g.v("VMUL", g.num("logscale", scale), x, y)
		g.v("VCMP", u8(cmpLT), g.num("logtiny", tiny), x, small)
		g.v("VBLENDV", small, y, x, y)
		g.v("VAND", g.num("logshift", shift), small, small)
		// y = 2^k m with sqrt(1/2) <= m < sqrt(2).
		g.ins("VPADD"+width, g.pattern("logoffset", one-root), y, y)
		if g.is64() {
			g.VPSRLQ(u8(52), y, k)
			g.VPOR(g.pattern("two52", 0x4330000000000000), k, k)
			g.VSUBPD(g.num("logbias", 0x1p52+1023), k, k)
		} else {
			g.VPSRLD(u8(23), y, k)
			g.VCVTDQ2PS(k, k)
			g.VSUBPS(g.num("logbias", 127), k, k)
		}
		g.v("VSUB", small, k, k)
		g.v("VAND", g.pattern("mantissa", mant), y, y)
		g.ins("VPADD"+width, g.pattern("logroot", root), y, y)
		g.v("VSUB", g.num("one", 1), y, y)
	}
	r := g.log1pk(k, y)
	for i, x := range x {
		// +Inf and NaN are their own logarithms.
		t, z := g.YMM(), g.YMM()
		g.v("VCMP", u8(cmpNLT), g.num("inf", math.Inf(1)), x, t)
		g.v("VBLENDV", t, x, r[i], r[i])
		g.zero(z)
		g.v("VCMP", u8(cmpEQ), z, x, t)
		g.v("VBLENDV", t, g.num("minusinf", math.Inf(-1)), r[i], r[i])
		g.v("VCMP", u8(cmpLT), z, x, t)
		g.v("VOR", t, r[i], r[i])
	}
	return r
}

// tanh is a rational function up to 0.625 (Cephes, tanh.c and tanhf.c), and
// 1 - 2/(1+e^2|x|) above.
func (g *gen) tanhs(x []vec) []vec {
	n := len(x)
	sign, e, z := g.vecs(n), g.vecs(n), g.vecs(n)
	bit := g.load(g.signBit())
	for i := range x {
		g.v("VAND", bit, x[i], sign[i])
		g.v("VANDN", x[i], bit, x[i])
		g.v("VADD", x[i], x[i], e[i])
	}
	e = g.exps(e, nil)
	for i := range x {
		g.v("VMUL", x[i], x[i], z[i])
	}
	g.all("VADD", g.num("one", 1), e, func(i int) []op { return []op{e[i], e[i]} })
	p := g.horners("tanhp", z, map[bool][]float64{
		true:  {-1.61468768441708447952e3, -9.92877231001918586564e1, -9.64399179425052238628e-1},
		false: {-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3},
	}[g.is64()]...)
	var q []vec
	if g.is64() {
		q = g.horners("tanhq", z, 4.84406305325125486048e3, 2.23548839060100448583e3, 1.12811678491632931402e2, 1)
	}
	for i := range x {
		small, r := g.YMM(), z[i]
		g.v("VMUL", z[i], p[i], p[i])
		g.v("VCMP", u8(cmpLT), g.num("tanhsmall", 0.625), x[i], small)
		if g.is64() {
			// r = base + p/q, the terms chosen by size.
			g.v("VMUL", x[i], p[i], p[i])
			g.v("VBLENDV", small, p[i], g.load(g.num("minustwo", -2)), p[i])
			g.v("VBLENDV", small, q[i], e[i], q[i])
			g.v("VBLENDV", small, x[i], g.load(g.num("one", 1)), x[i])
			g.v("VDIV", q[i], p[i], r)
			g.v("VADD", r, x[i], r)
		} else {
			g.v("VFMADD213", x[i], x[i], p[i])
			g.v("VDIV", e[i], g.load(g.num("minustwo", -2)), r)
			g.v("VADD", g.num("one", 1), r, r)
			g.v("VBLENDV", small, p[i], r, r)
		}
		g.v("VOR", sign[i], r, r)
	}
	return z
}

// sigmoids is e/(1+e) for x < 0 and 1/(1+e) else, e = e^-|x|.
func (g *gen) sigmoids(x []vec) []vec {
	e := g.vecs(len(x))
	g.all("VOR", g.signBit(), x, func(i int) []op { return []op{x[i], e[i]} })
	e = g.exps(e, nil)
	one := g.load(g.num("one", 1))
	for i := range x {
		g.v("VBLENDV", x[i], e[i], one, x[i]) // by the sign of x
		g.v("VADD", one, e[i], e[i])
		g.v("VDIV", e[i], x[i], x[i])
	}
	return x
}

// softplus is max(x, 0) + log(1+e), e = e^-|x|.
func (g *gen) softplus(x vec) vec {
	e := g.YMM()
	g.v("VOR", g.signBit(), x, e)
	e = g.exp(e, nil)
	// 1+e is 1+f, or 2(1+f) above sqrt(2).
	big, f, k := g.YMM(), g.YMM(), g.YMM()
	const greater = 0x1e
	g.v("VCMP", u8(greater), g.num("rootminusone", math.Sqrt2-1), e, big)
	g.v("VSUB", g.num("one", 1), e, f)
	g.v("VMUL", g.num("half", 0.5), f, f)
	g.v("VBLENDV", big, f, e, f)
	g.v("VAND", g.num("one", 1), big, k)
	r := g.log1pk([]vec{k}, []vec{f})[0]
	z := g.YMM()
	g.zero(z)
	g.v("VMAX", z, x, z)
	g.v("VADD", z, r, r)
	return r
}

// The coefficients and intervals of the error function are those of FreeBSD's
// s_erf.c.
var (
	erfPP = []float64{1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02, -5.77027029648944159157e-03, -2.37630166566501626084e-05}
	erfQQ = []float64{1, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03, 1.32494738004321644526e-04, -3.96022827877536812320e-06}
	erfPA = []float64{-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01, 3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02, -2.16637559486879084300e-03}
	erfQA = []float64{1, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02, 1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02}
	erfRA = []float64{-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01, -6.23753324503260060396e+01, -1.62396669462573470355e+02, -1.84605092906711035994e+02, -8.12874355063065934246e+01, -9.81432934416914548592e+00}
	erfSA = []float64{1, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02, 6.45387271733267880336e+02, 4.29008140027567833386e+02, 1.08635005541779435134e+02, 6.57024977031928170135e+00, -6.04244152148580987438e-02}
	erfRB = []float64{-9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01, -1.60636384855821916062e+02, -6.37566443368389627722e+02, -1.02509513161107724954e+03, -4.83519191608651397019e+02}
	erfSB = []float64{1, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03, 3.19985821950859553908e+03, 2.55305040643316442583e+03, 4.74528541206955367215e+02, -2.24409524465858183362e+01}
)

const erx = 8.45062911510467529297e-01

// erfParts is what erf and erfc are put together from.
type erfParts struct {
	near, mid vec // masks of |x| < 0.84375 and < 1.25
	y         vec // the rational function of the interval, for the first two
	e         vec // erfc |x|, for the others
}

// erfCore evaluates the rational functions for 0 <= a <= 50 with a² = h + l. It
// keeps a and uses up l.
func (g *gen) erfCore(a, h, l vec) erfParts {
	p := erfParts{near: g.YMM(), mid: g.YMM()}
	// Beyond 1.25: e^(-a²-0.5625+R/S)/a in powers of 1/a².
	s := g.YMM()
	g.v("VDIV", h, g.load(g.num("one", 1)), s)
	far := g.YMM()
	g.v("VCMP", u8(cmpNLT), g.num("erffar", 1/0.35), a, far)
	r, q := g.horner("erfra", s, erfRA...), g.horner("erfrb", s, erfRB...)
	g.v("VBLENDV", far, q, r, r)
	t := g.horner("erfsa", s, erfSA...)
	q = g.horner("erfsb", s, erfSB...)
	g.v("VBLENDV", far, q, t, t)
	g.v("VDIV", t, r, r)
	g.v("VSUB", l, r, r)
	g.v("VSUB", g.num("erfshift", 0.5625), r, r)
	g.v("VXOR", g.signBit(), h, l)
	e := g.exp(l, r)
	g.v("VDIV", a, e, e)
	p.e = e
	// Up to 0.84375 in powers of a², up to 1.25 in those of a-1.
	num, den := g.horner("erfpp", h, erfPP...), g.horner("erfqq", h, erfQQ...)
	g.v("VSUB", g.num("one", 1), a, s)
	g.v("VCMP", u8(cmpLT), g.num("erfnear", 0.84375), a, p.near)
	g.v("VCMP", u8(cmpLT), g.num("erfmid", 1.25), a, p.mid)
	t = g.horner("erfpa", s, erfPA...)
	g.v("VBLENDV", p.near, num, t, num)
	t = g.horner("erfqa", s, erfQA...)
	g.v("VBLENDV", p.near, den, t, den)
	g.v("VDIV", den, num, num)
	p.y = num
	return p
}

// square returns x y and its rounding error.
func (g *gen) square(x, y vec) (h, l vec) {
	h, l = g.YMM(), g.YMM()
	g.v("VMUL", x, y, h)
	g.v("VMOVA", h, l)
	g.v("VFMSUB231", x, y, l) // x y - h
	return h, l
}

func (g *gen) erf(x vec) vec {
	sign, a := g.YMM(), g.YMM()
	g.v("VAND", g.signBit(), x, sign)
	g.v("VANDN", x, g.load(g.signBit()), a)
	g.atMost(a, g.num("erfmost", 40))
	h, l := g.square(a, a)
	p := g.erfCore(a, h, l)
	r := g.YMM()
	g.v("VSUB", p.e, g.load(g.num("one", 1)), r)
	t := g.YMM()
	g.v("VADD", g.num("erx", erx), p.y, t)
	g.v("VBLENDV", p.mid, t, r, r)
	g.v("VFMADD213", a, a, p.y) // a y + a
	g.v("VBLENDV", p.near, p.y, r, r)
	g.v("VOR", sign, r, r)
	return r
}

// gelu is x erfc(u)/2, u = -x/√2. The exponent u² = x²/2 does not suffer from the
// rounding of u.
func (g *gen) gelu(x vec) vec {
	g.atLeast(x, g.num("geluleast", -0x1p1000)) // for -Inf times 0
	y, a := g.YMM(), g.YMM()
	g.v("VANDN", x, g.load(g.signBit()), y)
	g.atMost(y, g.num("gelumost", 60))
	g.v("VDIV", g.num("sqrt2", math.Sqrt2), y, a)
	t := g.YMM()
	g.v("VMUL", g.num("half", 0.5), y, t)
	h, l := g.square(y, t)
	p := g.erfCore(a, h, l)
	// Beyond 1.25: e, or 2-e for u < 0, which is x > 0.
	r := g.YMM()
	g.v("VSUB", p.e, g.load(g.num("two", 2)), r)
	g.v("VBLENDV", x, p.e, r, r)
	// Up to 1.25: (1-erx)-y or 1+(erx+y).
	w := g.YMM()
	g.v("VSUB", p.y, g.load(g.num("erxc", 1-erx)), t)
	g.v("VADD", g.num("erx", erx), p.y, w)
	g.v("VADD", g.num("one", 1), w, w)
	g.v("VBLENDV", x, t, w, t)
	g.v("VBLENDV", p.mid, t, r, r)
	// Up to 0.84375: 1-(u+u y), or 1/2-(u y+(u-1/2)) above 1/4.
	u := a
	g.v("VXOR", g.signBit(), x, w)
	g.v("VAND", g.signBit(), w, w)
	g.v("VOR", w, u, u)
	g.v("VMUL", u, p.y, p.y)
	g.v("VADD", u, p.y, t)
	g.v("VSUB", t, g.load(g.num("one", 1)), t)
	g.v("VSUB", g.num("half", 0.5), u, w)
	g.v("VADD", p.y, w, w)
	g.v("VSUB", w, g.load(g.num("half", 0.5)), w)
	big := g.YMM()
	g.v("VCMP", u8(cmpNLT), g.num("quarter", 0.25), u, big)
	g.v("VBLENDV", big, w, t, t)
	g.v("VBLENDV", p.near, t, r, r)
	g.v("VMUL", g.num("half", 0.5), x, x)
	g.v("VMUL", x, r, r)
	return r
}
