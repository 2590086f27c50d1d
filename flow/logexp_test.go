package flow

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuickLogExp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	worstLog, worstExp := 0.0, 0.0
	for range 200_000 {
		x := math.Exp((rng.Float64() - 0.5) * 1200)
		if rng.IntN(2) == 0 {
			x = 1 + (rng.Float64()-0.5)/8
		}
		want := math.Log2(x)
		worstLog = max(worstLog, math.Abs(quickLog2(x)-want)/(1e-15+3e-16*math.Abs(want)))
		y := (rng.Float64() - 0.5) * 1390
		if rng.IntN(2) == 0 {
			y /= 1000
		}
		worstExp = max(worstExp, math.Abs(quickExp2(0.9, y)/(0.9*math.Exp2(y))-1)/(2e-15+1e-16*math.Abs(y)))
	}
	t.Logf("log to %.2g of its bound, exp to %.2g", worstLog, worstExp)
	if !(worstLog <= 1) || !(worstExp <= 1) {
		t.Errorf("log is off by %.2g of its bound, exp by %.2g, want at most 1", worstLog, worstExp)
	}
	for _, x := range []float64{1, 2, 0.5, 1e-10, 1e-4, 0x1p-1022, math.MaxFloat64} {
		if got, want := quickLog2(x), math.Log2(x); !(math.Abs(got-want) <= 1e-15+3e-16*math.Abs(want)) {
			t.Errorf("log %v = %v, want %v", x, got, want)
		}
	}
	if quickExp2(1, 0) != 1 {
		t.Errorf("exp 0 = %v", quickExp2(1, 0))
	}
}

func BenchmarkQuickLogExp(b *testing.B) {
	x := 0.5
	for b.Loop() {
		x = quickExp2(1, -0.17*quickLog2(x+0.3))
	}
	if math.IsNaN(x) {
		b.Error(x)
	}
}
