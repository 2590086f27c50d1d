package deq_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// loadReference reads a file of testdata into v.
func loadReference(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// agree checks |got - want| <= tol (1 + |want|).
func agree[T flow.Float](t testing.TB, what string, got, want T, tol float64) {
	t.Helper()
	g, w := float64(got), float64(want)
	if !(math.Abs(g-w) <= tol*(1+math.Abs(w))) {
		t.Errorf("%s: got %v, want %v, difference %.3g above %.3g", what, g, w, math.Abs(g-w), tol*(1+math.Abs(w)))
	}
}

// agreeAll is agree for vectors of any types.
func agreeAll[T, U flow.Float](t testing.TB, what string, got []T, want []U, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		agree(t, what, float64(got[i]), float64(want[i]), tol)
	}
}

// rowsOf makes a matrix of its rows.
func rowsOf[T flow.Float](rows [][]float64) kernel.Matrix[T] {
	m := kernel.NewMatrix[T](len(rows), len(rows[0]))
	for i, r := range rows {
		for j, v := range r {
			m.Set(i, j, T(v))
		}
	}
	return m
}

// flat lists matrices by rows, one after another.
func flat[T flow.Float](ms ...[][]float64) []T {
	var v []T
	for _, m := range ms {
		for _, r := range m {
			for _, x := range r {
				v = append(v, T(x))
			}
		}
	}
	return v
}

// toT converts a vector.
func toT[T flow.Float](x []float64) []T {
	v := make([]T, len(x))
	for i := range x {
		v[i] = T(x[i])
	}
	return v
}

// randomSource is a generator of its own for every test and seed.
func randomSource(seed uint64) *rand.Rand { return rand.New(philox.NewSource(seed, 0)) }

// gauss returns n normal numbers times scale.
func gauss[T flow.Float](r *rand.Rand, n int, scale float64) []T {
	v := make([]T, n)
	for i := range v {
		v[i] = T(scale * r.NormFloat64())
	}
	return v
}

// splitmix returns the reproducible pseudo-data e(seed, n) of the reference files.
func splitmix(seed uint64, n int) []float64 {
	v, s := make([]float64, n), seed
	for i := range v {
		s += 0x9E3779B97F4A7C15
		z := s
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		v[i] = math.Sqrt(3) * (2*float64(z>>11)*0x1p-53 - 1)
	}
	return v
}

// gdPath runs gradient descent for the largest of the steps asked for and shows
// those to see. The field must not fail.
func gdPath[T flow.Float](t testing.TB, f flow.Field[T], theta []T, eta float64, steps int, see func(s *flow.Step[T])) {
	t.Helper()
	r, err := flow.New(descent.GD(f), theta, flow.Options[T]{Controller: flow.Fixed{H: eta}, MaxSteps: steps, Bound: math.Inf(1)})
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range r.Steps(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		see(s)
	}
	if r.Step().K != steps {
		t.Fatalf("gradient descent made %d steps (%v), want %d", r.Step().K, r.Status(), steps)
	}
}

// hessianCheck compares Hessian products with central differences of gradients.
func hessianCheck(t testing.TB, e flow.Energy[float64], x, p []float64, tol float64) {
	t.Helper()
	n, h := e.Dim(), 1e-5
	up, down, y, got := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	kernel.AxpyTo(y, h, p, x)
	e.EnergyGrad(up, y)
	kernel.AxpyTo(y, -h, p, x)
	e.EnergyGrad(down, y)
	flow.CapsOf[float64](e).HessVec(got, x, p)
	scale := kernel.Nrm2(got)
	for i := range n {
		want := (up[i] - down[i]) / (2 * h)
		if math.Abs(got[i]-want) > tol*(1+scale) {
			t.Errorf("Hessian product [%d] = %v, difference of gradients %v", i, got[i], want)
		}
	}
}
