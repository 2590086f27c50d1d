package probe

import (
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

func TestNormaliseFilters(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testFilters[float64](t, 1e-14) })
	t.Run("float32", func(t *testing.T) { testFilters[float32](t, 1e-6) })
}

func testFilters[T flow.Float](t *testing.T, tol float64) {
	x, d := []T{3, 4, 0, 0, 2, -1}, make([]T, 6)
	blocks := []int{2, 2, 0, 1, 1}
	if err := RandomDirection(d, x, blocks, 7, 1); err != nil {
		t.Fatal(err)
	}
	from := 0
	for _, n := range blocks {
		a, b := kernel.Nrm2(d[from:from+n]), kernel.Nrm2(x[from:from+n])
		if math.Abs(a-b) > tol*b {
			t.Errorf("block of %d at %d: norm %v, want %v", n, from, a, b)
		}
		from += n
	}
	if d[2] != 0 || d[3] != 0 {
		t.Errorf("direction in a block that is zero: %v", d[2:4])
	}
	// Rescaling a layer rescales its part of the direction, and nothing else.
	scaled := append([]T(nil), x...)
	kernel.Scal(8, scaled[:2])
	e := make([]T, 6)
	if err := RandomDirection(e, scaled, blocks, 7, 1); err != nil {
		t.Fatal(err)
	}
	for i := range d {
		want := d[i]
		if i < 2 {
			want *= 8
		}
		if math.Abs(float64(e[i]-want)) > 10*tol {
			t.Errorf("direction %v after rescaling of %v", e, d)
		}
	}
	if err := RandomDirection(e, x, nil, 7, 2); err != nil || math.Abs(kernel.Nrm2(e)-kernel.Nrm2(x)) > 10*tol || e[0] == d[0] {
		t.Errorf("one block: %v, error %v", e, err)
	}
}

// Slices of a quadratic form are quadratic: ½ Σ λ (x + a d1 + b d2)².
func TestSlices(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testSlices[float64](t, 1e-14) })
	t.Run("float32", func(t *testing.T) { testSlices[float32](t, 1e-6) })
}

func testSlices[T flow.Float](t *testing.T, tol float64) {
	q := quadratic[T]{eig: []float64{1, 4, -2}}
	x, d1, d2 := []T{1, 2, 3}, []T{1, 0, 1}, []T{0, 2, -1}
	a, b := []float64{-1, 0, 0.5}, []float64{-2, 0, 1, 3}
	want := func(a, b float64) (e float64) {
		for i, l := range q.eig {
			v := float64(x[i]) + a*float64(d1[i]) + b*float64(d2[i])
			e += l / 2 * v * v
		}
		return e
	}
	line, err := LineSlice[T](q, x, d1, a)
	if err != nil {
		t.Fatal(err)
	}
	plane, err := PlaneSlice[T](q, x, d1, d2, a, b)
	if err != nil || plane.Rows != 3 || plane.Cols != 4 {
		t.Fatalf("%+v, error %v", plane, err)
	}
	for i := range a {
		if math.Abs(line[i]-want(a[i], 0)) > 50*tol {
			t.Errorf("E(x + %v d) = %v, want %v", a[i], line[i], want(a[i], 0))
		}
		for j := range b {
			if got := plane.Row(i)[j]; math.Abs(got-want(a[i], b[j])) > 100*tol {
				t.Errorf("E(x + %v d1 + %v d2) = %v, want %v", a[i], b[j], got, want(a[i], b[j]))
			}
		}
	}
	if x[0] != 1 || x[1] != 2 || x[2] != 3 {
		t.Errorf("x became %v", x)
	}
}

func TestLandscapeErrors(t *testing.T) {
	q, x := quadratic[float64]{eig: []float64{1, 2}}, []float64{1, 2}
	for name, err := range map[string]error{
		"sum":       NormaliseFilters([]float64{1, 2}, x, []int{1}),
		"negative":  NormaliseFilters([]float64{1, 2}, x, []int{3, -1}),
		"too long":  NormaliseFilters([]float64{1, 2}, x, []int{math.MaxInt, 2}),
		"lengths":   NormaliseFilters([]float64{1}, x, nil),
		"dst":       RandomDirection([]float64{1}, x, nil, 0, 0),
		"direction": second(LineSlice[float64](q, x, x[:1], nil)),
		"nil":       second(LineSlice[float64](nil, x, x, nil)),
		"second":    second(PlaneSlice[float64](q, x, x, x[:1], nil, nil)),
	} {
		if !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: error %v, want ErrArgument", name, err)
		}
	}
	if _, err := LineSlice[float64](q, x, []float64{1, math.NaN()}, []float64{1}); !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("NaN: error %v", err)
	}
	if v, err := LineSlice[float64](q, x, []float64{1, 0}, []float64{1e200}); err != nil || !math.IsInf(v[0], 1) {
		t.Errorf("overflow: %v, error %v, want +Inf as a result", v, err)
	}
}
