package lanczos

import (
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// TestBound compares with Solve, which makes the same Krylov space, and with the
// eigenvalues of diagonal matrices.
func TestBound(t *testing.T) {
	var ws Workspace[float64]
	for _, n := range []int{1, 2, 5, 12, 40, 200} {
		d := make([]float64, n)
		for i := range d {
			d[i] = math.Pow(10, 3*float64(i+1)/float64(n)) - 2
		}
		products := 0
		op := func(dst, v []float64) { products++; kernel.MulTo(dst, d, v) }
		s := philox.Stream{Seed: uint64(n)}
		theta, resid, err := ws.Bound(n, 12, op, s)
		if err != nil || products != min(n, 12) {
			t.Fatalf("n = %d: %d products, %v", n, products, err)
		}
		top := d[n-1]
		if !(theta <= top*(1+1e-14)) || !(theta+resid >= top*(1-1e-14)) || !(theta+resid <= 1.05*top) {
			t.Errorf("n = %d: θ = %v, residual %v, want %v between θ and the sum", n, theta, resid, top)
		}
		var other Workspace[float64]
		r, err := other.Solve(n, op, Options[float64]{MaxProducts: 12, Stream: s, Tol: 1e-14})
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(r.Top[0].Value-theta) <= 1e-12*top) {
			t.Errorf("n = %d: θ = %v, by Solve %v", n, theta, r.Top[0].Value)
		}
		if a := testing.AllocsPerRun(5, func() { ws.Bound(n, 12, op, s) }); a != 0 {
			t.Errorf("n = %d: %v allocations, want 0", n, a)
		}
	}
	if theta, resid, err := ws.Bound(0, 12, func(dst, v []float64) {}, philox.Stream{}); theta != 0 || resid != 0 || err != nil {
		t.Errorf("n = 0: %v, %v, %v", theta, resid, err)
	}
	if _, _, err := ws.Bound(2, 12, func(dst, v []float64) { dst[0] = math.NaN() }, philox.Stream{}); !errors.Is(err, ErrNonFinite) {
		t.Errorf("NaN: %v", err)
	}
	if _, _, err := ws.Bound(2, 0, func(dst, v []float64) {}, philox.Stream{}); !errors.Is(err, ErrArgument) {
		t.Errorf("k = 0: %v", err)
	}
	if _, _, err := ws.Bound(2, 3, nil, philox.Stream{}); !errors.Is(err, ErrArgument) {
		t.Errorf("nil op: %v", err)
	}
	var w32 Workspace[float32]
	d32 := []float32{1, 2, 3, 40}
	theta, resid, err := w32.Bound(4, 12, func(dst, v []float32) { kernel.MulTo(dst, d32, v) }, philox.Stream{})
	if err != nil || !(math.Abs(theta-40) <= 1e-4) || resid > 1e-4 {
		t.Errorf("float32: %v, %v, %v, want 40", theta, resid, err)
	}
}
