package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/gradflow/gradflow/flow/kernel"
)

// workerTable prints how much faster n workers are than one, by the clock on the
// wall: with other programs on the machine it says little.
func workerTable(n, rounds int, quantile float64) {
	fmt.Printf("%-8s %3s %8s %12s %12s %8s\n", "kernel", "", "n", "ns, one", fmt.Sprint("ns, ", n), "ratio")
	for _, size := range []int{256, 512, 1024, 2048} {
		workerRow("gemmNN", "f64", size, n, rounds, quantile, product[float64](size))
		workerRow("gemmNN", "f32", size, n, rounds, quantile, product[float32](size))
	}
	for _, size := range []int{2048, 4096} {
		a, x, y := matrix[float64](size, 97), values[float64](size, 13), values[float64](size, 17)
		workerRow("gemvN", "f64", size, n, rounds, quantile, func() { kernel.Gemv(y, 1, a, x, 0) })
		workerRow("gemvT", "f64", size, n, rounds, quantile, func() { kernel.GemvT(y, 1, a, x, 0) })
	}
	for _, size := range []int{1 << 18, 1 << 22} {
		x, y := values[float64](size, 13), values[float64](size, 17)
		workerRow("exp", "f64", size, n, rounds, quantile, func() { kernel.Exp(y, x) })
	}
}

func product[T kernel.Float](n int) func() {
	a, b, c := matrix[T](n, 97), matrix[T](n, 31), matrix[T](n, 7)
	return func() { kernel.Gemm(c, 1, a, b, 0) }
}

func workerRow(name, prec string, size, n, rounds int, quantile float64, f func()) {
	var t [2][]float64
	for range rounds {
		for i, w := range []int{1, n} {
			runtime.GOMAXPROCS(w)
			f()
			calls := 0
			begin := time.Now()
			for calls == 0 || time.Since(begin) < 4*time.Millisecond {
				f()
				calls++
			}
			t[i] = append(t[i], float64(time.Since(begin).Nanoseconds())/float64(calls))
		}
	}
	var m [2]float64
	for i := range t {
		slices.Sort(t[i])
		m[i] = t[i][int(quantile*float64(rounds-1)+0.5)]
	}
	fmt.Printf("%-8s %s %8d %12.4g %12.4g %8.2f\n", name, prec, size, m[0], m[1], m[0]/m[1])
}
