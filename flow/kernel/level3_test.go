package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// product is one of the three forms of Gemm with the shapes of its factors.
type product[T kernel.Float] struct {
	name           string
	transA, transB bool
	f              func(c kernel.Matrix[T], alpha T, a, b kernel.Matrix[T], beta T)
}

func products[T kernel.Float]() []product[T] {
	return []product[T]{
		{"NN", false, false, kernel.Gemm[T]},
		{"NT", false, true, kernel.GemmNT[T]},
		{"TN", true, false, kernel.GemmTN[T]},
	}
}

func TestGemm(t *testing.T) { both(t, testGemm[float64], testGemm[float32]) }

func testGemm[T kernel.Float](t *testing.T) {
	r := rng(20)
	small := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 24, 33}
	for _, m := range small {
		for _, n := range small {
			for _, k := range []int{0, 1, 2, 3, 4, 5, 8, 15, 37} {
				checkGemm[T](t, r, m, n, k, (m+n)%3, (m+k)%4, 1.25, T([]float64{0, 1, -0.5}[(m+n+k)%3]))
			}
		}
	}
	// every remainder of the large blocks
	for i := range 131 {
		checkGemm[T](t, r, 1+r.IntN(40), i, 1+r.IntN(40), i%3, i%4, 1, 0)
		checkGemm[T](t, r, i, 1+r.IntN(40), 1+r.IntN(40), i%3, i%4, -1, 1)
		checkGemm[T](t, r, 1+r.IntN(40), 1+r.IntN(40), i, i%3, i%4, 2, 0.5)
	}
	for _, s := range [][3]int{{97, 130, 300}, {130, 97, 257}, {200, 513, 65}, {64, 600, 520}, {193, 64, 530}} {
		checkGemm[T](t, r, s[0], s[1], s[2], 0, 0, 1, 0)
		checkGemm[T](t, r, s[0], s[1], s[2], 3, 1, 0.5, 1)
	}
}

func checkGemm[T kernel.Float](t *testing.T, r *rand.Rand, m, n, k, gap, off int, alpha, beta T) {
	t.Helper()
	for _, p := range products[T]() {
		ar, ac, br, bc := m, k, k, n
		if p.transA {
			ar, ac = k, m
		}
		if p.transB {
			br, bc = n, k
		}
		a, av := randMat[T](r, ar, ac, gap, off)
		b, bv := randMat[T](r, br, bc, (gap+1)%3, (off+1)%4)
		c, cv := randMat[T](r, m, n, (gap+2)%3, (off+2)%4)
		if beta == 0 {
			for i := range cv.s {
				cv.s[i] = canary[T]()
			}
		}
		c0 := cloneMat(c)
		what := fmt.Sprintf("%s m=%d n=%d k=%d gap=%d off=%d beta=%v", p.name, m, n, k, gap, off, beta)
		p.f(c, alpha, a, b, beta)
		want, abs := make([]float64, n), make([]float64, n)
		for i := range m {
			clear(want)
			clear(abs)
			for l := range k {
				var u float64
				if p.transA {
					u = float64(a.At(l, i))
				} else {
					u = float64(a.At(i, l))
				}
				for j := range n {
					var v float64
					if p.transB {
						v = float64(b.Data[j*b.Stride+l])
					} else {
						v = float64(b.Data[l*b.Stride+j])
					}
					q := float64(alpha) * u * v
					want[j] += q
					abs[j] += math.Abs(q)
				}
			}
			for j := range n {
				if beta != 0 {
					v := float64(beta) * float64(c0.At(i, j))
					want[j] += v
					abs[j] += math.Abs(v)
				}
				within(t, fmt.Sprintf("%s (%d,%d)", what, i, j), float64(c.At(i, j)), want[j], float64(k+5)*eps[T]()*abs[j])
			}
		}
		gapsIntact(t, what, c, cv)
		gapsIntact(t, what, a, av)
		gapsIntact(t, what, b, bv)
	}
}

func TestGemmPropagatesNaN(t *testing.T) {
	both(t, testGemmNaN[float64], testGemmNaN[float32])
}

// testGemmNaN multiplies zeros by a matrix with one NaN or Inf.
func testGemmNaN[T kernel.Float](t *testing.T) {
	r := rng(21)
	for _, bad := range []T{T(math.NaN()), T(math.Inf(-1))} {
		for range 60 {
			n := 1 + r.IntN(70)
			b, _ := randMat[T](r, n, n, 0, 0)
			p, q := r.IntN(n), r.IntN(n)
			b.Set(p, q, bad)
			z, c := kernel.NewMatrix[T](n, n), kernel.NewMatrix[T](n, n)
			check := func(what string, isBad func(i, j int) bool) {
				t.Helper()
				for i := range n {
					for j := range n {
						if v := c.At(i, j); (v != v) != isBad(i, j) {
							t.Fatalf("%s n=%d, %v at (%d,%d): c(%d,%d) = %v", what, n, bad, p, q, i, j, v)
						}
					}
				}
			}
			kernel.Gemm(c, 1, z, b, 0)
			check("NN, B", func(i, j int) bool { return j == q })
			kernel.Gemm(c, 1, b, z, 0)
			check("NN, A", func(i, j int) bool { return i == p })
			kernel.GemmNT(c, 1, z, b, 0)
			check("NT, B", func(i, j int) bool { return j == p })
			kernel.GemmTN(c, 1, b, z, 0)
			check("TN, A", func(i, j int) bool { return i == q })
			kernel.Gemm(c, 0, z, b, 0)
			check("alpha = 0", func(i, j int) bool { return false })
		}
	}
}

func TestSyrk(t *testing.T) { both(t, testSyrk[float64], testSyrk[float32]) }

func testSyrk[T kernel.Float](t *testing.T) {
	r := rng(22)
	for _, n := range []int{0, 1, 2, 5, 6, 7, 8, 17, 64, 95, 97, 130, 200} {
		for _, k := range []int{0, 1, 3, 8, 50} {
			for _, beta := range []T{0, 1, 0.5} {
				a, _ := randMat[T](r, n, k, 1, n%4)
				at, _ := randMat[T](r, k, n, 2, n%3)
				c, cv := randMat[T](r, n, n, 1, k%4)
				if beta == 0 {
					for i := range cv.s {
						cv.s[i] = canary[T]()
					}
				}
				c0 := cloneMat(c)
				want := cloneMat(c)
				what := fmt.Sprintf("n=%d k=%d beta=%v", n, k, beta)
				check := func(what string) {
					t.Helper()
					for i := range n {
						for j := range n {
							within(t, what, float64(c.At(i, j)), float64(want.At(i, j)), 40*float64(k+4)*eps[T]())
							if beta == 0 && c.At(i, j) != c.At(j, i) {
								t.Fatalf("%s: not symmetric at (%d,%d)", what, i, j)
							}
						}
					}
					gapsIntact(t, what, c, cv)
				}
				kernel.GemmNT(want, 1.5, a, a, beta)
				kernel.Syrk(c, 1.5, a, beta)
				check("Syrk " + what)
				copy(want.Data, c0.Data)
				copy(c.Data, c0.Data)
				kernel.GemmTN(want, 1.5, at, at, beta)
				kernel.SyrkT(c, 1.5, at, beta)
				check("SyrkT " + what)
			}
		}
	}
}

func TestBatch(t *testing.T) { both(t, testBatch[float64], testBatch[float32]) }

func testBatch[T kernel.Float](t *testing.T) {
	r := rng(23)
	for _, s := range [][4]int{{0, 3, 3, 3}, {1, 4, 5, 6}, {5, 3, 7, 2}, {7, 16, 16, 16}, {3, 0, 4, 4}, {4, 8, 8, 0}} {
		n, m, p, k := s[0], s[1], s[2], s[3]
		a := kernel.BatchOf(n, m, k, randVec[T](r, n*m*k, 0).s)
		at := kernel.BatchOf(n, k, m, randVec[T](r, n*m*k, 0).s)
		b := kernel.BatchOf(n, k, p, randVec[T](r, n*k*p, 1).s)
		bt := kernel.BatchOf(n, p, k, randVec[T](r, n*k*p, 1).s)
		c := kernel.BatchOf(n, m, p, randVec[T](r, n*m*p, 2).s)
		check := func(what string, run func(), one func(i int, want kernel.Matrix[T])) {
			t.Helper()
			before := clone(c.Data)
			run()
			for i := range n {
				want := kernel.MatrixOf(m, p, before[i*m*p:(i+1)*m*p])
				one(i, want)
				for j, v := range want.Data {
					if got := c.At(i).Data[j]; got != v {
						t.Fatalf("%s %v matrix %d: got %v, want %v", what, s, i, got, v)
					}
				}
			}
		}
		check("NN", func() { kernel.GemmBatch(c, 2, a, b, 0.5) }, func(i int, w kernel.Matrix[T]) { kernel.Gemm(w, 2, a.At(i), b.At(i), 0.5) })
		check("NT", func() { kernel.GemmBatchNT(c, 2, a, bt, 0) }, func(i int, w kernel.Matrix[T]) { kernel.GemmNT(w, 2, a.At(i), bt.At(i), 0) })
		check("TN", func() { kernel.GemmBatchTN(c, 2, at, b, 1) }, func(i int, w kernel.Matrix[T]) { kernel.GemmTN(w, 2, at.At(i), b.At(i), 1) })
		if n > 0 { // one factor for all
			shared := b
			shared.Step = 0
			check("shared B", func() { kernel.GemmBatch(c, 1, a, shared, 0) }, func(i int, w kernel.Matrix[T]) { kernel.Gemm(w, 1, a.At(i), b.At(0), 0) })
		}
		x, y := randVec[T](r, n*k, 0).s, randVec[T](r, n*m, 0).s
		y0 := clone(y)
		kernel.GemvBatch(y, 2, a, x, 1)
		for i := range n {
			kernel.Gemv(y0[i*m:(i+1)*m], 2, a.At(i), x[i*k:(i+1)*k], 1)
		}
		for i := range y {
			if y[i] != y0[i] {
				t.Fatalf("GemvBatch %v: got %v, want %v", s, y[i], y0[i])
			}
		}
	}
}
