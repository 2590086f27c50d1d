package flow

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

// randomDense is a random matrix, symmetric positive definite if asked for, as a
// plain copy and as a dense.
func randomDense(n int, symmetric bool, rng *rand.Rand) (plain []float64, d *dense) {
	plain = make([]float64, n*n)
	for i := range n {
		for j := range n {
			plain[i*n+j] = rng.NormFloat64()
		}
	}
	if symmetric {
		g := append([]float64{}, plain...)
		for i := range n {
			for j := range n {
				s := 0.0
				for k := range n {
					s += g[i*n+k] * g[j*n+k]
				}
				plain[i*n+j] = s
			}
			plain[i*n+i]++
		}
	}
	d = newDense(n, symmetric)
	copy(d.a, plain)
	return plain, d
}

// TestDense looks at residuals around the dimension where LAPACK takes over, and
// at matrices that have no factors.
func TestDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 3, 7, smallMatrix, smallMatrix + 1, 40, 130} {
		for _, symmetric := range []bool{false, true} {
			a, d := randomDense(n, symmetric, rng)
			if !d.factor() {
				t.Fatalf("n = %d, symmetric %t: not factored", n, symmetric)
			}
			b, x := make([]float64, n), make([]float64, n)
			for i := range b {
				b[i] = rng.NormFloat64()
				x[i] = b[i]
			}
			d.solve(x)
			for i := range b {
				s, size := 0.0, math.Abs(b[i])
				for j, v := range x {
					s += a[i*n+j] * v
					size += math.Abs(a[i*n+j] * v)
				}
				if !(math.Abs(s-b[i]) <= 1e-12*size) {
					t.Errorf("n = %d, symmetric %t: row %d of A x is %v, want %v", n, symmetric, i, s, b[i])
				}
			}
			if n == 0 {
				continue
			}
			// A zero column; an indefinite matrix; NaN.
			copy(d.a, a)
			for i := range n {
				d.a[i*n+n/2] = 0
				d.a[n/2*n+i] = 0
			}
			if d.factor() {
				t.Errorf("n = %d, symmetric %t: singular matrix factored", n, symmetric)
			}
			if symmetric {
				copy(d.a, a)
				d.a[(n-1)*n+n-1] = -1
				if d.factor() {
					t.Errorf("n = %d: indefinite matrix has Cholesky factors", n)
				}
			}
			copy(d.a, a)
			d.a[n*n-1] = math.NaN()
			if d.factor() {
				t.Errorf("n = %d, symmetric %t: NaN factored", n, symmetric)
			}
		}
	}
}

// TestFactorsByProcessors: the factors do not depend on the number of cores.
func TestFactorsByProcessors(t *testing.T) {
	for _, symmetric := range []bool{false, true} {
		a, d := randomDense(320, symmetric, rand.New(rand.NewPCG(2, 2)))
		var first []float64
		for _, p := range []int{1, 2, 5} {
			old := runtime.GOMAXPROCS(p)
			copy(d.a, a)
			ok := d.factor()
			runtime.GOMAXPROCS(old)
			if !ok {
				t.Fatal("not factored")
			}
			if first == nil {
				first = append(first, d.a...)
			}
			for i, v := range d.a {
				if v != first[i] {
					t.Fatalf("symmetric %t: factors with %d processors differ at %d: %x, %x", symmetric, p, i, v, first[i])
				}
			}
		}
	}
}
