package deq

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// cpuTime is the process's CPU time in milliseconds.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

// BenchmarkLayerCPU is the least process CPU time of a solve, in milliseconds, as
// the comparisons with other libraries measure it: run it with GOMAXPROCS=1.
func BenchmarkLayerCPU(b *testing.B) {
	b.Run("float64", func(b *testing.B) { benchLayersCPU[float64](b) })
	b.Run("float32", func(b *testing.B) { benchLayersCPU[float32](b) })
}

func benchLayersCPU[T flow.Float](b *testing.B) {
	ctx := context.Background()
	for _, kind := range []string{"easy", "hard"} {
		for _, n := range []int{16, 64, 256, 1024} {
			for _, back := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/n=%d/backward=%v", kind, n, back), func(b *testing.B) {
					l, x, g := peerLayer[T](n, 64, kind)
					eq, dg := &Equilibrium[T]{}, &DenseGrad[T]{}
					least := math.Inf(1)
					for b.Loop() {
						start := cpuTime()
						st, err := l.Solve(ctx, eq, x, nil)
						if err != nil || st.Status != flow.Converged {
							b.Fatal(st.Status, err)
						}
						if back {
							if _, err := l.Backward(ctx, dg, eq, g, Backward{}, nil); err != nil {
								b.Fatal(err)
							}
						}
						least = min(least, cpuTime()-start)
					}
					b.ReportMetric(least, "cpu-ms/op")
				})
			}
		}
	}
}
