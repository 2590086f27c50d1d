package lanczos

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestLargest compares with the QL method, on random matrices, graded ones, ones
// with close eigenvalues and such whose eigenvector has all but decayed.
func TestLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	missed := 0
	for trial := range 2000 {
		m := 1 + rng.IntN(14)
		d, e := make([]float64, m), make([]float64, m)
		for i := range m {
			d[i], e[i] = rng.NormFloat64(), math.Exp(rng.NormFloat64())
			switch trial % 4 {
			case 1:
				d[i] *= math.Pow(10, float64(i))
			case 2:
				d[i], e[i] = 1, 1e-9*e[i]
			case 3:
				d[i], e[i] = 100/float64(1+i*i), e[i]/10
			}
		}
		theta, last, ok := largest(d, e, make([]float64, m), make([]float64, m))
		if !ok {
			missed++
			continue
		}
		v, off, z := append([]float64{}, d...), append([]float64{}, e...), make([]float64, m)
		z[m-1] = 1
		if !tridiag(v, off, z, 1) {
			t.Fatalf("trial %d: no convergence", trial)
		}
		top, norm := 0, 0.0
		for i, x := range v {
			norm = max(norm, math.Abs(x))
			if x > v[top] {
				top = i
			}
		}
		if !(math.Abs(theta-v[top]) <= 2e-15*float64(m)*norm) {
			t.Errorf("trial %d: θ = %v, want %v", trial, theta, v[top])
		}
		// Eigenvectors are as exact as their eigenvalue is isolated.
		gap := math.Inf(1)
		for i, x := range v {
			if i != top {
				gap = min(gap, v[top]-x)
			}
		}
		if tol := 1e-14 * float64(m) * (1 + norm/gap); !(math.Abs(last-math.Abs(z[top])) <= tol) {
			t.Errorf("trial %d: last component %v, want %v within %v", trial, last, math.Abs(z[top]), tol)
		}
	}
	if missed > 10 { // graded matrices: then Bound takes the QL method
		t.Errorf("%d of 2000 were not found", missed)
	}
	if _, _, ok := largest([]float64{1, math.NaN()}, []float64{1}, make([]float64, 2), make([]float64, 2)); ok {
		t.Error("NaN was taken for a number")
	}
}

func BenchmarkLargest(b *testing.B) {
	d, e, u, v := make([]float64, 12), make([]float64, 12), make([]float64, 12), make([]float64, 12)
	for i := range d {
		d[i], e[i] = 2, 1
	}
	for b.Loop() {
		largest(d, e, u, v)
	}
}
