package kernel_test

import (
	"math"
	"syscall"
	"testing"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
)

// guarded returns n elements that end at the end of a page (or, with front,
// start at the start of one) with unmapped memory on both sides: a kernel that
// reads or writes outside of them crashes.
func guarded[T kernel.Float](t *testing.T, n int, front bool) []T {
	t.Helper()
	page := syscall.Getpagesize()
	size := n * int(unsafe.Sizeof(T(0)))
	in := max(1, (size+page-1)/page) * page
	mem, err := syscall.Mmap(-1, 0, in+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, g := range [][]byte{mem[:page], mem[page+in:]} {
		if err := syscall.Mprotect(g, syscall.PROT_NONE); err != nil {
			t.Skip(err)
		}
	}
	lo := page
	if !front {
		lo = page + in - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&mem[lo])), n)
}

// guards hands out guarded slices of one kind; the pages are reused.
type guards[T kernel.Float] struct {
	all   [][]T
	front bool
	next  int
}

func newGuards[T kernel.Float](t *testing.T, count, n int, front bool) *guards[T] {
	g := &guards[T]{front: front}
	for range count {
		g.all = append(g.all, guarded[T](t, n, front))
	}
	return g
}

// take returns n elements with numbers in them.
func (g *guards[T]) take(n int) []T {
	s := g.all[g.next%len(g.all)]
	g.next++
	if g.front {
		s = s[:n:n]
	} else {
		s = s[len(s)-n:]
	}
	for i := range s {
		s[i] = T(math.Sin(float64(i + g.next)))
	}
	return s
}

func (g *guards[T]) matrix(r, c int) kernel.Matrix[T] { return kernel.MatrixOf(r, c, g.take(r*c)) }

func TestGuardPages(t *testing.T) { both(t, testGuards[float64], testGuards[float32]) }

func testGuards[T kernel.Float](t *testing.T) {
	for _, front := range []bool{false, true} {
		g := newGuards[T](t, 5, 131*131, front)
		for n := 0; n <= 130; n++ {
			guardVectors(g, n)
			for _, m := range []int{1, 2, 3, 4, 5, 7, 9, 33} {
				guardMatrices(g, m, n)
			}
		}
		for _, n := range []int{401, 801, 1603, 3001} { // rows that NormalGrad treats in other ways
			for m := 1; m <= 5; m++ {
				sink += kernel.NormalGrad(g.take(n), g.matrix(m, n), g.take(n), g.take(m), g.take(m))
			}
		}
		for _, s := range [][3]int{{1, 1, 1}, {6, 8, 4}, {7, 9, 5}, {13, 17, 33}, {4, 16, 100}, {100, 3, 7}, {5, 31, 2}, {31, 33, 65}, {97, 101, 103}, {8, 130, 130}, {130, 130, 8}, {130, 1, 130}, {2, 130, 130}} {
			m, n, k := s[0], s[1], s[2]
			kernel.Gemm(g.matrix(m, n), 1.5, g.matrix(m, k), g.matrix(k, n), 0.5)
			kernel.GemmNT(g.matrix(m, n), 1, g.matrix(m, k), g.matrix(n, k), 0)
			kernel.GemmTN(g.matrix(m, n), 1, g.matrix(k, m), g.matrix(k, n), 1)
			kernel.Syrk(g.matrix(m, m), 1, g.matrix(m, k), 0)
			kernel.SyrkT(g.matrix(m, m), 1, g.matrix(k, m), 0)
		}
	}
}

func guardVectors[T kernel.Float](g *guards[T], n int) {
	x, y, z, d := g.take(n), g.take(n), g.take(n), g.take(n)
	sink += float64(kernel.Dot(x, y))
	kernel.Axpy(2, x, y)
	kernel.AxpyTo(d, 2, x, y)
	kernel.Axpby(2, x, 0.5, y)
	kernel.Scal(0.5, x)
	kernel.AddTo(d, x, y)
	kernel.SubTo(d, x, y)
	kernel.MulTo(d, x, y)
	kernel.LincombTo(d, x, 0.5, []T{1, 0, 2}, [][]T{x, y, z})
	sink += kernel.WeightedErrorNorm(0.5, []T{1, 0, 2}, [][]T{x, y, z}, x, y, 1, 1)
	sink += kernel.WeightedNorm(x, y, z, 1, 1)
	sink += kernel.Sum(x) + kernel.SumSq(x) + kernel.MaxAbs(x)
	if !kernel.AllFinite(x) {
		panic("not finite")
	}
	for _, u := range unaries[T]() {
		u.f(d, x)
	}
	kernel.ReLUGrad(d, x, y)
	kernel.LeakyReLUGrad(d, x, y, 0.5)
	for _, c := range rootCases[T]() {
		k, _ := c.coefs(0.5)
		kernel.RootStep(y, z, d, x, x, &k)
	}
}

func guardMatrices[T kernel.Float](g *guards[T], m, n int) {
	a := g.matrix(m, n)
	x, y := g.take(n), g.take(m)
	kernel.Gemv(y, 1.5, a, x, 0.5)
	kernel.GemvT(x, 1.5, a, y, 0.5)
	kernel.Ger(a, 1.5, y, x)
	r := g.take(m)
	sink += kernel.NormalGrad(g.take(n), a, x, y, r)
	kernel.AddBias(a, x)
	kernel.BiasReLU(a, x)
	kernel.SoftmaxRows(a)
	kernel.LogSumExpRows(y, a)
	kernel.LogitDescentRows(make([]float64, m), a, g.matrix(m, n), g.matrix(m, n), 0.5)
	p, q := g.matrix(m, 7), g.matrix(n, 7)
	kernel.SquaredDistances(a, p, q)
	if n > 0 {
		kernel.GaussianKernel(g.matrix(7, m), g.matrix(7, n), g.matrix(m, n), 0.5)
	}
}
