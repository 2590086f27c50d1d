package deq

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// e is the reproducible pseudo-data e(seed, rows x cols) of the reference files: a
// splitmix64 stream, one uniform number of zero mean and unit variance an entry.
func e(seed uint64, rows, cols int) kernel.Matrix[float64] {
	m := kernel.NewMatrix[float64](rows, cols)
	for k := range m.Data {
		z := seed + uint64(k+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		m.Data[k] = math.Sqrt(3) * (2*(float64(z>>11)*0x1p-53) - 1)
	}
	return m
}
