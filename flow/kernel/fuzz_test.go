package kernel_test

import (
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

func FuzzGemv(f *testing.F) {
	f.Add(uint64(1), uint8(5), uint8(9), uint8(1), uint8(2), int8(1), int8(0))
	f.Add(uint64(2), uint8(64), uint8(130), uint8(0), uint8(0), int8(-3), int8(2))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, gap, off uint8, alpha, beta int8) {
		r := rng(seed)
		checkGemv[float64](t, r, int(m), int(n), int(gap%8), int(off%8), float64(alpha), float64(beta)/16)
		checkGemv[float32](t, r, int(m), int(n), int(gap%8), int(off%8), float32(alpha), float32(beta)/16)
	})
}

func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint8(5), uint8(9), uint8(7), uint8(1), uint8(2), int8(1), int8(0))
	f.Add(uint64(2), uint8(97), uint8(33), uint8(255), uint8(0), uint8(0), int8(-3), int8(2))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k, gap, off uint8, alpha, beta int8) {
		r := rng(seed)
		checkGemm[float64](t, r, int(m), int(n), int(k), int(gap%8), int(off%8), float64(alpha), float64(beta)/16)
		checkGemm[float32](t, r, int(m), int(n), int(k), int(gap%8), int(off%8), float32(alpha), float32(beta)/16)
	})
}

func FuzzSoftmax(f *testing.F) {
	f.Add(uint64(1), uint8(9), 5.0, 100.0)
	f.Add(uint64(2), uint8(64), 1e4, -1e5)
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, spread, shift float64) {
		if !(spread > -1e6 && spread < 1e6 && shift > -1e6 && shift < 1e6) {
			t.Skip()
		}
		fuzzSoftmax[float64](t, seed, int(n), spread, shift)
		fuzzSoftmax[float32](t, seed, int(n), spread, shift)
	})
}

func fuzzSoftmax[T kernel.Float](t *testing.T, seed uint64, n int, spread, shift float64) {
	r := rng(seed)
	m := kernel.NewMatrix[T](2, n)
	for i := range m.Data {
		m.Data[i] = T(r.NormFloat64()*spread + shift)
	}
	checkSoftmax(t, m)
}
