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
		want := math.Log(x)
		worstLog = max(worstLog, math.Abs(quickLog(x)-want)/max(1, math.Abs(want)))
		y := (rng.Float64() - 0.5) * 1390
		if rng.IntN(2) == 0 {
			y /= 1000
		}
		worstExp = max(worstExp, math.Abs(quickExp(y)/math.Exp(y)-1))
	}
	t.Logf("log to %.2g, exp to %.2g", worstLog, worstExp)
	if !(worstLog <= 4e-16) || !(worstExp <= 1e-15) {
		t.Errorf("log is off by %.2g, exp by %.2g, want 4e-16 and 1e-15", worstLog, worstExp)
	}
	for _, x := range []float64{1, 2, 0.5, 1e-10, 1e-4, 0x1p-1022, math.MaxFloat64} {
		if got, want := quickLog(x), math.Log(x); !(math.Abs(got-want) <= 4e-16*max(1, math.Abs(want))) {
			t.Errorf("log %v = %v, want %v", x, got, want)
		}
	}
	if quickLog(1) != 0 && math.Abs(quickLog(1)) > 1e-16 {
		t.Errorf("log 1 = %v", quickLog(1))
	}
	if quickExp(0) != 1 {
		t.Errorf("exp 0 = %v", quickExp(0))
	}
}

func BenchmarkQuickLogExp(b *testing.B) {
	x := 0.5
	for b.Loop() {
		x = quickExp(-0.17 * quickLog(x+0.3))
	}
	if math.IsNaN(x) {
		b.Error(x)
	}
}
