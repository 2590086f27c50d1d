package infogeo

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// TestPairSums compares the sums over pairs with the transforms of all subsets.
func TestPairSums(t *testing.T) {
	testPairSums[float64](t, 1e-14)
	testPairSums[float32](t, 1e-5)
}

func testPairSums[T flow.Float](t *testing.T, tol float64) {
	r := rand.New(philox.NewSource(5, 0))
	for n := range 12 {
		m := 1 << n
		x, y := make([]T, m), make([]T, m)
		for s := range x {
			x[s] = T(math.NaN()) // not read
			if bits.OnesCount(uint(s)) <= 2 {
				x[s] = T(r.NormFloat64())
				y[s] = x[s]
			}
		}
		PairSubsetSums(x)
		SubsetSums(y)
		for s := range x {
			if d := math.Abs(float64(x[s] - y[s])); !(d <= tol*float64(1+n*n)) {
				t.Fatalf("n = %d: subset sum %b is %v, want %v", n, s, x[s], y[s])
			}
		}
		for s := range x {
			x[s] = T(r.Float64())
			y[s] = x[s]
		}
		PairSupersetSums(x)
		SupersetSums(y)
		for s := range x {
			if d := math.Abs(float64(x[s] - y[s])); bits.OnesCount(uint(s)) <= 2 && !(d <= tol*float64(m)) {
				t.Fatalf("n = %d: superset sum %b is %v, want %v", n, s, x[s], y[s])
			}
		}
	}
}
