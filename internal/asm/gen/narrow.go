package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/reg"
)

// narrowVectors is how many vectors a row of a narrow matrix has at most.
const narrowVectors = 6

// gemvInRegisters keeps all of x in registers while it runs over the rows of A, four at
// a time.
func (g *gen) gemvInRegisters() {
	g.fn("GemvNarrow", "func(m, n int, alpha T, a *T, lda int, x *T, beta T, y *T)",
		fmt.Sprintf("stores α A x + β y in y for the m x n matrix A, n <= %d. With β = 0 it does not\nread y. m, n > 0.", narrowVectors*g.lanes))
	m, n, a, ld, x, y := g.ptr("m"), g.ptr("n"), g.ptr("a"), g.ptr("lda"), g.ptr("x"), g.ptr("y")
	g.SHLQ(g.shift(), ld)
	noBeta, a3 := g.GP64(), g.GP64()
	g.testZero(g.broadcast("beta"), noBeta)
	g.LEAQ(at(ld, ld, 2, 0), a3)
	g.ADDQ(a, a3)
	g.DECQ(n) // so that the mask has at least one element
	finish := func(label string, s reg.Register, scalar bool) {
		do, mov := g.v, "VMOVU"
		part := func(v vec) op { return g.quadOf(v) }
		if scalar {
			do, mov = g.sc, "VMOV"
			part = func(v vec) op { return v.AsX() }
		}
		do("VMUL", part(g.broadcast("alpha")), s, s)
		g.TESTQ(noBeta, noBeta)
		g.JNE(ref(label))
		do("VFMADD231", at(y, nil, 0, 0), part(g.broadcast("beta")), s)
		g.Label(label)
		do(mov, s, at(y, nil, 0, 0))
	}
	for nv := 1; nv <= narrowVectors; nv++ {
		label := fmt.Sprint("vectors", nv)
		if nv < narrowVectors {
			g.CMPQ(n, imm(nv*g.lanes))
			g.JGE(ref(label + "_skip"))
		}
		g.SUBQ(imm((nv-1)*g.lanes-1), n)
		mask := g.tailMask(n)
		w := g.vecs(nv)
		for j := range nv - 1 {
			g.v("VMOVU", at(x, nil, 0, 32*j), w[j])
		}
		g.v("VMASKMOV", at(x, nil, 0, 32*(nv-1)), mask, w[nv-1])
		dot := func(p mem) vec {
			s := g.YMM()
			last := p
			last.Disp += 32 * (nv - 1)
			g.v("VMASKMOV", last, mask, s)
			g.v("VMUL", w[nv-1], s, s)
			for j := range nv - 1 {
				q := p
				q.Disp += 32 * j
				g.v("VFMADD231", q, w[j], s)
			}
			return s
		}
		g.SUBQ(imm(4), m)
		g.JLT(ref(label + "_rest"))
		g.loop(label)
		s := g.sum4(dot(at(a, nil, 0, 0)), dot(at(a, ld, 1, 0)), dot(at(a, ld, 2, 0)), dot(at(a3, nil, 0, 0)))
		finish(label+"_store", s, false)
		g.LEAQ(at(a, ld, 4, 0), a)
		g.LEAQ(at(a3, ld, 4, 0), a3)
		g.ADDQ(imm(4*g.size), y)
		g.SUBQ(imm(4), m)
		g.JGE(ref(label))
		g.Label(label + "_rest")
		g.ADDQ(imm(4), m)
		g.JE(ref(label + "_done"))
		g.Label(label + "_row")
		finish(label+"_scalar", g.sum(dot(at(a, nil, 0, 0))), true)
		g.ADDQ(ld, a)
		g.ADDQ(imm(g.size), y)
		g.DECQ(m)
		g.JNE(ref(label + "_row"))
		g.Label(label + "_done")
		g.ret()
		if nv < narrowVectors {
			g.Label(label + "_skip")
		}
	}
}
