package lanczos

import (
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// The moments vᵀ H^p v / vᵀv of a diagonal matrix, exact up to p = 2k-1 and not
// beyond.
func TestQuadrature(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testQuadrature[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testQuadrature[float32](t, 2e-5) })
}

func testQuadrature[T kernel.Float](t *testing.T, tol float64) {
	const n, k = 30, 4
	d, v := make([]T, n), make([]T, n)
	for i := range d {
		d[i] = T(math.Cos(float64(i) * 0.7))
	}
	philox.FillNormals(v, philox.Stream{Seed: 3}, philox.Starts, 0)
	kernel.Scal(5, v) // the length does not matter
	var ws Workspace[T]
	nodes, weights, err := ws.Quadrature(k, func(dst, x []T) { kernel.MulTo(dst, d, x) }, v)
	if err != nil || len(nodes) != k {
		t.Fatalf("%d nodes, error %v, want %d", len(nodes), err, k)
	}
	for p := range 2*k + 1 {
		var want, norm, got float64
		for i, x := range v {
			want += math.Pow(float64(d[i]), float64(p)) * float64(x) * float64(x)
			norm += float64(x) * float64(x)
		}
		for i, w := range weights {
			if w < 0 || i > 0 && nodes[i] >= nodes[i-1] {
				t.Fatalf("nodes %v, weights %v", nodes, weights)
			}
			got += w * math.Pow(nodes[i], float64(p))
		}
		if miss := math.Abs(got - want/norm); (miss <= tol) != (p < 2*k) {
			t.Errorf("moment %d: %v, want %v", p, got, want/norm)
		}
	}
}

func TestQuadratureInvariant(t *testing.T) {
	d := []float64{1, 1, 1, 3, 3}
	op := func(dst, x []float64) { kernel.MulTo(dst, d, x) }
	var ws Workspace[float64]
	nodes, weights, err := ws.Quadrature(5, op, []float64{1, 1, 1, 1, 2})
	if err != nil || len(nodes) != 2 || math.Abs(nodes[0]-3) > 1e-14 || math.Abs(weights[0]-5./8) > 1e-14 {
		t.Errorf("nodes %v, weights %v, error %v, want 3 with 5/8 and 1", nodes, weights, err)
	}
	if _, _, err := ws.Quadrature(0, op, d); !errors.Is(err, ErrArgument) {
		t.Errorf("k = 0: error %v", err)
	}
	if _, _, err := ws.Quadrature(3, func(dst, x []float64) { dst[0] = math.NaN() }, d); !errors.Is(err, ErrNonFinite) {
		t.Errorf("NaN: error %v", err)
	}
}
