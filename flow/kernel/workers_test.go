package kernel_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// withWorkers runs f with GOMAXPROCS = n.
func withWorkers(n int, f func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	f()
}

func TestWorkers(t *testing.T) { both(t, testWorkers[float64], testWorkers[float32]) }

// testWorkers compares bit for bit what different numbers of workers compute.
func testWorkers[T kernel.Float](t *testing.T) {
	r := rng(70)
	check := func(what string, out []T, f func()) {
		t.Helper()
		before := clone(out)
		var want []T
		for _, n := range []int{1, 2, 3, 4, 7} {
			copy(out, before)
			withWorkers(n, f)
			if n == 1 {
				want = clone(out)
				continue
			}
			for i := range out {
				if out[i] != want[i] {
					t.Fatalf("%s: element %d is %v with %d workers and %v with one", what, i, out[i], n, want[i])
				}
			}
		}
	}
	for _, s := range [][3]int{{300, 301, 302}, {1000, 64, 64}, {997, 70, 61}, {20, 2000, 130}, {130, 1030, 520}, {2000, 40, 300}, {1500, 9, 270}} {
		m, n, k := s[0], s[1], s[2]
		a, _ := randMat[T](r, m, k, 1, 0)
		at, _ := randMat[T](r, k, m, 0, 1)
		b, _ := randMat[T](r, k, n, 2, 0)
		bt, _ := randMat[T](r, n, k, 0, 2)
		c, v := randMat[T](r, m, n, 0, 3)
		check(fmt.Sprint("NN ", s), v.s, func() { kernel.Gemm(c, 1.5, a, b, 0.5) })
		check(fmt.Sprint("NT ", s), v.s, func() { kernel.GemmNT(c, 1, a, bt, 0) })
		check(fmt.Sprint("TN ", s), v.s, func() { kernel.GemmTN(c, 1, at, b, 1) })
	}
	for _, s := range [][2]int{{800, 801}, {3000, 203}, {67, 9001}, {200003, 3}} {
		a, _ := randMat[T](r, s[0], s[1], 1, 0)
		x, y := randVec[T](r, s[1], 0).s, randVec[T](r, s[0], 0).s
		check(fmt.Sprint("gemv ", s), y, func() { kernel.Gemv(y, 1.5, a, x, 0.5) })
		check(fmt.Sprint("gemvT ", s), x, func() { kernel.GemvT(x, 1.5, a, y, 0.5) })
	}
	n := 200
	a := kernel.BatchOf(n, 17, 40, randVec[T](r, n*17*40, 0).s)
	b := kernel.BatchOf(n, 40, 33, randVec[T](r, n*40*33, 0).s)
	c := kernel.BatchOf(n, 17, 33, randVec[T](r, n*17*33, 0).s)
	check("batch", c.Data, func() { kernel.GemmBatch(c, 1, a, b, 0) })
	big := kernel.BatchOf(n, 70, 71, randVec[T](r, n*70*71, 0).s)
	x, y := randVec[T](r, n*71, 0).s, randVec[T](r, n*70, 0).s
	check("gemv batch", y, func() { kernel.GemvBatch(y, 1, big, x, 0.5) })
	z := randVec[T](r, 300001, 1).s
	for _, u := range unaries[T]() {
		check(u.name, z, func() { u.f(z, z) })
	}
	m := kernel.MatrixOf(500, 600, z[:300000])
	check("softmax", m.Data, func() { kernel.SoftmaxRows(m) })
	q, p, loss := kernel.MatrixOf(500, 600, randVec[T](r, 300000, 0).s), kernel.NewMatrix[T](500, 600), make([]float64, 500)
	check("logit descent", m.Data, func() { kernel.LogitDescentRows(loss, m, q, p, 0.5) })
}

// TestWorkersConcurrently calls from many goroutines at once, more than there
// are workers.
func TestWorkersConcurrently(t *testing.T) {
	r := rng(71)
	a, _ := randMat[float64](r, 200, 200, 0, 0)
	b, _ := randMat[float64](r, 200, 200, 0, 0)
	want := kernel.NewMatrix[float64](200, 200)
	withWorkers(1, func() { kernel.Gemm(want, 1, a, b, 0) })
	withWorkers(4, func() {
		var wg sync.WaitGroup
		for range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				c := kernel.NewMatrix[float64](200, 200)
				for range 5 {
					kernel.Gemm(c, 1, a, b, 0)
					for i, v := range c.Data {
						if v != want.Data[i] {
							t.Errorf("element %d: got %v, want %v", i, v, want.Data[i])
							return
						}
					}
				}
			}()
		}
		wg.Wait()
	})
}

func TestWorkersDoNotAllocate(t *testing.T) {
	withWorkers(2, func() {
		a, b, c := kernel.NewMatrix[float32](300, 300), kernel.NewMatrix[float32](300, 300), kernel.NewMatrix[float32](300, 300)
		x, y := make([]float64, 1<<17), make([]float64, 1<<17)
		v := kernel.MatrixOf(1024, 1024, make([]float64, 1<<20))
		w, loss := kernel.NewMatrix[float64](1<<13, 16), make([]float64, 1<<13)
		for name, f := range map[string]func(){
			"Gemm":  func() { kernel.Gemm(c, 1, a, b, 0) },
			"Gemv":  func() { kernel.Gemv(x[:1024], 1, v, y[:1024], 0) },
			"GemvT": func() { kernel.GemvT(x[:1024], 1, v, y[:1024], 0) },
			"Exp":   func() { kernel.Exp(x, y) },
			"LogitDescentRows": func() {
				kernel.LogitDescentRows(loss, kernel.MatrixOf(1<<13, 16, x), kernel.MatrixOf(1<<13, 16, y), w, 1e-3)
			},
		} {
			// A garbage collection in between may empty the pools.
			if got := testing.AllocsPerRun(10, f); got >= 1 {
				t.Errorf("%s: %v allocations a call", name, got)
			}
		}
	})
}
