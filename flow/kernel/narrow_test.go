package kernel_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Matrices with rows of up to six vectors have kernels of their own.
func TestNarrowGemv(t *testing.T) { both(t, testNarrowGemv[float64], testNarrowGemv[float32]) }

func testNarrowGemv[T kernel.Float](t *testing.T) {
	r := rng(21)
	for _, m := range []int{1, 3, 4, 5, 8, 11, 14} {
		for n := 1; n <= 50; n++ {
			for _, c := range [][2]T{{1, 0}, {-1.5, 1}, {0.5, -2}} {
				a, av := randMat[T](r, m, n, n%3, m%5)
				x, y, z := randVec[T](r, n, 1), randVec[T](r, m, 2), randVec[T](r, n, n%4)
				y0, z0 := clone(y.s), clone(z.s)
				if c[1] == 0 { // is not read
					for i := range y.s {
						y.s[i], y0[i] = canary[T](), 0
					}
					for j := range z.s {
						z.s[j], z0[j] = canary[T](), 0
					}
				}
				kernel.Gemv(y.s, c[0], a, x.s, c[1])
				kernel.GemvT(z.s, c[0], a, y0, c[1])
				what := fmt.Sprintf("%d x %d, α = %v, β = %v", m, n, c[0], c[1])
				gapsIntact(t, what, a, av)
				for _, v := range []vec[T]{x, y, z} {
					v.intact(t, what)
				}
				term := func(sum, abs *float64, factors ...T) {
					p := 1.
					for _, f := range factors {
						p *= float64(f)
					}
					*sum, *abs = *sum+p, *abs+math.Abs(p)
				}
				for i := range y.s {
					var sum, abs float64
					term(&sum, &abs, c[1], y0[i])
					for j := range n {
						term(&sum, &abs, c[0], a.At(i, j), x.s[j])
					}
					within(t, what+", A x", float64(y.s[i]), sum, float64(n+4)*eps[T]()*abs)
				}
				for j := range z.s {
					var sum, abs float64
					term(&sum, &abs, c[1], z0[j])
					for i := range m {
						term(&sum, &abs, c[0], a.At(i, j), y0[i])
					}
					within(t, what+", Aᵀ x", float64(z.s[j]), sum, float64(m+4)*eps[T]()*abs)
				}
				// A NaN arrives where it belongs, and nowhere else.
				p, q := r.IntN(m), r.IntN(n)
				a.Set(p, q, T(math.NaN()))
				kernel.Gemv(y.s, c[0], a, x.s, 0)
				kernel.GemvT(z.s, c[0], a, y0, 0)
				for i, v := range y.s {
					if (v != v) != (i == p) {
						t.Fatalf("%s: NaN at (%d, %d), element %d of A x is %v", what, p, q, i, v)
					}
				}
				for j, v := range z.s {
					if (v != v) != (j == q) {
						t.Fatalf("%s: NaN at (%d, %d), element %d of Aᵀ x is %v", what, p, q, j, v)
					}
				}
			}
		}
	}
}
