package main

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// prec is one of the two precisions.
type prec struct {
	pkg, typ string
	size     int // bytes of an element
	lanes    int // elements of a vector register
	p, s     string
}

var (
	double = prec{"f64", "float64", 8, 4, "PD", "SD"}
	single = prec{"f32", "float32", 4, 8, "PS", "SS"}
)

func (p prec) is64() bool { return p.size == 8 }

// shift is log2 of the size of an element.
func (p prec) shift() operand.Op {
	if p.is64() {
		return operand.U8(3)
	}
	return operand.U8(2)
}

type (
	vec = reg.VecVirtual
	mem = operand.Mem
	op  = operand.Op
	gpr = reg.GPVirtual
)

// gen writes one file.
type gen struct {
	*build.Context
	prec
	consts map[string]mem
	sigs   []string
	labels *int // made so far by label
}

// v appends a packed instruction of the precision: v("VADD", ...) is VADDPD or
// VADDPS. Operands are in Go's order, destination last.
func (g *gen) v(name string, ops ...op) { g.ins(name+g.p, ops...) }

// sc appends the scalar form.
func (g *gen) sc(name string, ops ...op) { g.ins(name+g.s, ops...) }

func (g *gen) ins(name string, ops ...op) {
	m := reflect.ValueOf(g.Context).MethodByName(name)
	if !m.IsValid() {
		panic("no instruction " + name)
	}
	in := make([]reflect.Value, len(ops))
	for i, o := range ops {
		in[i] = reflect.ValueOf(o)
	}
	m.Call(in)
}

// fn starts a function. T in the signature stands for the element type.
func (g *gen) fn(name, sig, doc string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.Pragma("noescape")
	sig = strings.ReplaceAll(sig, "T", g.typ)
	g.SignatureExpr(sig)
	g.sigs = append(g.sigs, name+strings.TrimPrefix(sig, "func"))
	g.Doc(strings.Split(name+" "+doc, "\n")...)
}

func (g *gen) ret() {
	g.VZEROUPPER()
	g.RET()
}

// ptr loads a pointer or an integer parameter.
func (g *gen) ptr(name string) gpr { return g.Load(g.Param(name), g.GP64()).(gpr) }

// addr is the stack slot of a parameter.
func (g *gen) addr(name string) mem {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func (g *gen) zero(r op) { g.VXORPS(r, r, r) }

func (g *gen) vecs(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = g.YMM()
	}
	return v
}

func (g *gen) zeros(n int) []vec {
	v := g.vecs(n)
	for _, r := range v {
		g.zero(r)
	}
	return v
}

// broadcast fills a register with a parameter of the element type.
func (g *gen) broadcast(name string) vec {
	r := g.YMM()
	g.sc("VBROADCAST", g.addr(name), r)
	return r
}

// label returns a new name for a label.
func (g *gen) label(name string) string {
	*g.labels++
	return fmt.Sprint(name, *g.labels)
}

// loop aligns the next label, which starts a hot loop.
func (g *gen) loop(label string) {
	g.Comment("PCALIGN $32")
	g.Label(label)
}

func ref(l string) op { return operand.LabelRef(l) }

func imm(n int) op { return operand.U32(uint32(n)) }

// at is the operand disp(base)(index*scale); index may be nil.
func at(base reg.Register, index reg.Register, scale, disp int) mem {
	m := mem{Base: base, Disp: disp}
	if index != nil {
		m.Index, m.Scale = index, uint8(scale)
	}
	return m
}

// constant returns 32 bytes of read-only data that repeat the element v.
func (g *gen) constant(name string, v float64) mem {
	if math.IsInf(v, 0) { // the assembler has no word for it
		if g.is64() {
			return g.bits(name, math.Float64bits(v))
		}
		return g.bits(name, uint64(math.Float32bits(float32(v))))
	}
	return g.data(name, func(int) operand.Constant {
		if g.is64() {
			return operand.F64(v)
		}
		return operand.F32(float32(v))
	})
}

// bits is constant for a bit pattern.
func (g *gen) bits(name string, b uint64) mem {
	return g.data(name, func(int) operand.Constant {
		if g.is64() {
			return operand.U64(b)
		}
		return operand.U32(uint32(b))
	})
}

// words is constant for a bit pattern a lane.
func (g *gen) words(name string, b ...uint64) mem {
	return g.data(name, func(lane int) operand.Constant { return operand.U64(b[lane]) })
}

func (g *gen) data(name string, v func(lane int) operand.Constant) mem {
	if m, ok := g.consts[name]; ok {
		return m
	}
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range g.lanes {
		g.AppendDatum(v(i))
	}
	g.consts[name] = m
	return m
}

// masks is a table of lanes ones followed by lanes zeros; see tailMask.
func (g *gen) masks() mem {
	if m, ok := g.consts["masks"]; ok {
		return m
	}
	m := g.StaticGlobal("masks")
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 2 * 32 / 8 {
		var v uint64
		if i < 4 {
			v = ^uint64(0)
		}
		g.AppendDatum(operand.U64(v))
	}
	g.consts["masks"] = m
	return m
}

// tailMask returns the mask of the first n lanes, 0 <= n <= lanes.
func (g *gen) tailMask(n op) vec {
	t, o, m := g.GP64(), g.GP64(), g.YMM()
	g.LEAQ(g.masks(), t)
	g.MOVQ(imm(g.lanes), o)
	g.SUBQ(n, o)
	g.VMOVDQU(at(t, o, g.size, 0), m)
	return m
}

// storeTail stores the first n elements of v, 0 < n < lanes, in powers of two:
// masked stores are slow. It uses up v.
func (g *gen) storeTail(v vec, n gpr, m mem) {
	p := g.GP64()
	g.LEAQ(m, p)
	g.storeTails([]vec{v}, n, func(int) mem { return at(p, nil, 0, 0) }, func(bytes int) { g.ADDQ(imm(bytes), p) })
}

// storeTails is storeTail for several registers, which are stored at at(i);
// advance moves all these addresses.
func (g *gen) storeTails(v []vec, n gpr, at func(i int) mem, advance func(bytes int)) {
	for w := g.lanes / 2; w > 0; w /= 2 {
		skip := g.label("tail")
		g.TESTQ(imm(w), n)
		g.JE(ref(skip))
		for i, r := range v {
			x, m := r.AsX(), at(i)
			switch w * g.size {
			case 16:
				g.VMOVUPS(x, m)
				g.VEXTRACTF128(u8(1), r, x)
			case 8:
				g.VMOVSD(x, m)
				if w > 1 {
					g.VMOVHLPS(x, x, x)
				}
			case 4:
				g.VMOVSS(x, m)
			}
		}
		if w > 1 {
			advance(w * g.size)
		}
		g.Label(skip)
	}
}

// fold adds the registers of v pairwise into v[0].
func (g *gen) fold(add string, v []vec) vec {
	for s := len(v) / 2; s > 0; s /= 2 {
		for i := range s {
			g.v(add, v[i+s], v[i], v[i])
		}
	}
	return v[0]
}

// sum adds the lanes of y; the result is in the lowest lane of the register
// that is returned.
func (g *gen) sum(y vec) reg.Register {
	x, t := y.AsX(), g.XMM()
	g.VEXTRACTF128(operand.U8(1), y, t)
	g.v("VADD", t, x, x)
	if !g.is64() {
		g.VMOVHLPS(x, x, t)
		g.v("VADD", t, x, x)
		g.VMOVSHDUP(x, t)
	} else {
		g.VPERMILPD(operand.U8(1), x, t)
	}
	g.sc("VADD", t, x, x)
	return x
}

// mapLoop runs body over n elements, a vector at a time in an unrolled loop; see
// mapBlocks.
func (g *gen) mapLoop(out string, ins []string, unroll int, body func(in []vec) vec) {
	g.mapSteps(out, ins, unroll, 1, func(in [][]vec) []vec { return []vec{body(in[0])} })
}

// mapBlocks runs body over n elements: block vectors at a time, then one at a
// time, then a masked rest. in holds the inputs of each vector, and the results
// are stored in out.
func (g *gen) mapBlocks(out string, ins []string, block int, body func(in [][]vec) []vec) {
	g.mapSteps(out, ins, block, block, body)
}

func (g *gen) mapSteps(out string, ins []string, unroll, block int, body func(in [][]vec) []vec) {
	d := g.ptr(out)
	n := g.ptr("n")
	in := make([]gpr, len(ins))
	for i, name := range ins {
		in[i] = d
		if name != out {
			in[i] = g.ptr(name)
		}
	}
	i := g.GP64()
	g.XORQ(i, i)
	step := func(k int) {
		for first := 0; first < k; first += block {
			v := make([][]vec, min(block, k))
			for j := range v {
				v[j] = g.vecs(len(ins))
				for l := range ins {
					g.v("VMOVU", at(in[l], i, g.size, 32*(first+j)), v[j][l])
				}
			}
			for j, r := range body(v) {
				g.v("VMOVU", r, at(d, i, g.size, 32*(first+j)))
			}
		}
		g.ADDQ(imm(k*g.lanes), i)
		g.SUBQ(imm(k*g.lanes), n)
	}
	if unroll > 1 {
		g.CMPQ(n, imm(unroll*g.lanes))
		g.JLT(ref("one"))
		g.loop("block")
		step(unroll)
		g.CMPQ(n, imm(unroll*g.lanes))
		g.JGE(ref("block"))
	}
	g.Label("one")
	g.CMPQ(n, imm(g.lanes))
	g.JLT(ref("tail"))
	g.loop("vector")
	step(1)
	g.CMPQ(n, imm(g.lanes))
	g.JGE(ref("vector"))
	g.Label("tail")
	g.TESTQ(n, n)
	g.JE(ref("done"))
	m := g.tailMask(n)
	v := g.vecs(len(ins))
	for l := range ins {
		g.v("VMASKMOV", at(in[l], i, g.size, 0), m, v[l])
	}
	g.storeTail(body([][]vec{v})[0], n, at(d, i, g.size, 0))
	g.Label("done")
	g.ret()
}

func u8(n int) op { return operand.U8(uint8(n)) }
