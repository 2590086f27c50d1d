package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// sizes are row numbers around the blocks of the kernels.
var sizes = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 31, 33, 64, 67}

func TestGemv(t *testing.T) { both(t, testGemv[float64], testGemv[float32]) }

func testGemv[T kernel.Float](t *testing.T) {
	r := rng(10)
	for _, m := range sizes {
		for n := 0; n <= 130; n++ {
			checkGemv[T](t, r, m, n, (m+n)%5, (m*7+n)%4, 1.5, T([]float64{0, 1, -0.5}[(m+n)%3]))
		}
	}
}

// checkGemv compares Gemv and GemvT of a random m x n matrix with plain loops.
func checkGemv[T kernel.Float](t *testing.T, r *rand.Rand, m, n, gap, off int, alpha, beta T) {
	t.Helper()
	a, av := randMat[T](r, m, n, gap, off)
	for _, trans := range []bool{false, true} {
		in, out := n, m
		if trans {
			in, out = m, n
		}
		x, y := randVec[T](r, in, (off+1)%4), randVec[T](r, out, (off+2)%4)
		if beta == 0 {
			for i := range y.s {
				y.s[i] = canary[T]()
			}
		}
		y0 := clone(y.s)
		what := fmt.Sprintf("%dx%d gap=%d off=%d beta=%v trans=%v", m, n, gap, off, beta, trans)
		if trans {
			kernel.GemvT(y.s, alpha, a, x.s, beta)
		} else {
			kernel.Gemv(y.s, alpha, a, x.s, beta)
		}
		for i := range y.s {
			var s, abs float64
			for j := range x.s {
				v := 0.0
				if trans {
					v = float64(a.At(j, i))
				} else {
					v = float64(a.At(i, j))
				}
				p := float64(alpha) * v * float64(x.s[j])
				s += p
				abs += math.Abs(p)
			}
			if beta != 0 {
				s += float64(beta) * float64(y0[i])
				abs += math.Abs(float64(beta) * float64(y0[i]))
			}
			within(t, fmt.Sprintf("%s i=%d", what, i), float64(y.s[i]), s, float64(in+4)*eps[T]()*abs)
		}
		y.intact(t, what)
		x.intact(t, what)
		gapsIntact(t, what, a, av)
	}
}

func TestGer(t *testing.T) { both(t, testGer[float64], testGer[float32]) }

func testGer[T kernel.Float](t *testing.T) {
	r := rng(11)
	for _, m := range sizes {
		for _, n := range sizes {
			a, av := randMat[T](r, m, n, m%3, n%4)
			a0 := cloneMat(a)
			x, y := randVec[T](r, m, 1).s, randVec[T](r, n, 2).s
			kernel.Ger(a, -0.5, x, y)
			for i := range m {
				for j := range n {
					p := -0.5 * float64(x[i]) * float64(y[j])
					v := float64(a0.At(i, j))
					within(t, fmt.Sprintf("%dx%d (%d,%d)", m, n, i, j), float64(a.At(i, j)), v+p, 3*eps[T]()*(math.Abs(v)+math.Abs(p)))
				}
			}
			gapsIntact(t, "Ger", a, av)
		}
	}
}

func TestNormalGrad(t *testing.T) { both(t, testNormalGrad[float64], testNormalGrad[float32]) }

func testNormalGrad[T kernel.Float](t *testing.T) {
	rn := rng(12)
	for _, m := range sizes {
		for _, n := range append(sizes, 100, 128, 130, 513, 801, 1603) {
			a, av := randMat[T](rn, m, n, n%3, m%4)
			x, b := randVec[T](rn, n, 1).s, randVec[T](rn, m, 2).s
			g, r := newVec[T](n, 3), newVec[T](m, 1)
			got := kernel.NormalGrad(g.s, a, x, b, r.s)
			what := fmt.Sprintf("%dx%d", m, n)
			var e float64
			for i := range m {
				s, abs := -float64(b[i]), math.Abs(float64(b[i]))
				for j := range n {
					p := float64(a.At(i, j)) * float64(x[j])
					s += p
					abs += math.Abs(p)
				}
				within(t, what+" r", float64(r.s[i]), s, float64(n+3)*eps[T]()*abs)
				e += float64(r.s[i]) * float64(r.s[i]) / 2
			}
			within(t, what+" E", got, e, float64(m+3)*0x1p-52*e)
			for j := range n {
				var s, abs float64
				for i := range m {
					p := float64(a.At(i, j)) * float64(r.s[i])
					s += p
					abs += math.Abs(p)
				}
				within(t, what+" g", float64(g.s[j]), s, float64(m+3)*eps[T]()*abs)
			}
			g.intact(t, what)
			r.intact(t, what)
			gapsIntact(t, what, a, av)

			// Half the squared residual as a row-wise loss is the same thing.
			h := newVec[T](n, 2)
			e2 := kernel.RowwiseGrad(h.s, a, x, func(i int, m T) (float64, T) {
				d := m - b[i]
				return float64(d) * float64(d) / 2, d
			})
			h.intact(t, "RowwiseGrad")
			scale := 0.0
			for i := range m {
				scale += float64(b[i])*float64(b[i]) + float64(n)*10
			}
			within(t, what+" rowwise E", e2, e, float64(n+3)*eps[T]()*scale)
			for j := range n {
				within(t, what+" rowwise g", float64(h.s[j]), float64(g.s[j]), float64(n+m+6)*eps[T]()*scale)
			}
		}
	}
}

func TestGemvPropagatesNaN(t *testing.T) {
	both(t, testGemvNaN[float64], testGemvNaN[float32])
}

// testGemvNaN puts one NaN or Inf into A or x and zeros against it: 0·Inf and
// 0·NaN must arrive in the right places and nowhere else.
func testGemvNaN[T kernel.Float](t *testing.T) {
	r := rng(13)
	for _, bad := range []T{T(math.NaN()), T(math.Inf(1))} {
		for _, m := range []int{1, 3, 4, 5, 9, 17, 40} {
			for _, n := range []int{1, 3, 4, 8, 11, 16, 33, 64, 70} {
				p, q := r.IntN(m), r.IntN(n)
				a, _ := randMat[T](r, m, n, 1, 0)
				a.Set(p, q, bad)
				x, z, y, w := make([]T, n), make([]T, m), make([]T, m), make([]T, n)
				kernel.Gemv(y, 1, a, x, 0)
				kernel.GemvT(w, 1, a, z, 0)
				for i, v := range y {
					if (v != v) != (i == p) {
						t.Fatalf("Gemv %dx%d, %v at (%d,%d): y[%d] = %v", m, n, bad, p, q, i, v)
					}
				}
				for j, v := range w {
					if (v != v) != (j == q) {
						t.Fatalf("GemvT %dx%d, %v at (%d,%d): y[%d] = %v", m, n, bad, p, q, j, v)
					}
				}
				// α = 0 reads nothing.
				kernel.Gemv(y, 0, a, x, 0)
				kernel.GemvT(w, 0, a, z, 0)
				if !kernel.AllFinite(y) || !kernel.AllFinite(w) {
					t.Fatalf("alpha = 0 read the matrix")
				}
			}
		}
	}
}
