package probe

import (
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// ranked is E = ½ Σ_r c_r (u_r·x)² with u_r = cos(rπ(i+½)/n) normalised (the
// discrete cosine basis): eigenvalues c_r in a rotated basis.
func ranked[T flow.Float](n int, c []float64) flow.Energy[T] {
	u := make([][]float64, len(c))
	for r := range u {
		u[r] = make([]float64, n)
		for i := range n {
			u[r][i] = math.Sqrt(2/float64(n)) * math.Cos(float64(r+1)*math.Pi*(float64(i)+0.5)/float64(n))
		}
	}
	return flow.EnergyFunc(n, func(grad, x []T) float64 {
		var e float64
		clear(grad)
		for r, v := range u {
			var s float64
			for i := range v {
				s += v[i] * float64(x[i])
			}
			e += c[r] / 2 * s * s
			for i := range grad {
				grad[i] += T(c[r] * s * v[i])
			}
		}
		return e
	})
}

func TestTraceDiagonal(t *testing.T) {
	q := quadratic[float64]{eig: []float64{1, -3, 5, 0.5}, exact: true}
	tr, err := HessianTrace[float64](q, origin[float64](4), TraceOptions{Probes: 3})
	if err != nil || tr.Value != 3.5 || tr.StdErr != 0 || tr.Products != 3 || !tr.Exact {
		t.Errorf("%+v, error %v, want 3.5 from every probe", tr, err)
	}
}

// The variance of zᵀHz is 2 Σ_{i≠j} H_ij²: for H = diag(3c²) + 1 1ᵀ it is 2n(n-1).
func TestTraceVariance(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testTraceVariance[float64](t) })
	t.Run("float32", func(t *testing.T) { testTraceVariance[float32](t) })
}

func testTraceVariance[T flow.Float](t *testing.T) {
	const n = 50
	x := make([]T, n)
	for i := range x {
		x[i] = 0.5
	}
	tr, err := HessianTrace(quartic[T](n), x, TraceOptions{Probes: 400, Seed: 1})
	if err != nil || tr.Exact || tr.Probes != 400 || tr.Products != 400 {
		t.Fatalf("%+v, error %v", tr, err)
	}
	if want := n * 1.75; math.Abs(tr.Value-want) > 3.5*tr.StdErr {
		t.Errorf("trace %v ± %v, want %v", tr.Value, tr.StdErr, want)
	}
	if want := math.Sqrt(2 * n * (n - 1) / 400.); tr.StdErr < want/1.3 || tr.StdErr > 1.3*want {
		t.Errorf("standard error %v, want about %v", tr.StdErr, want)
	}
	early, err := HessianTrace(quartic[T](n), x, TraceOptions{Probes: 400, Seed: 1, Tol: 0.2})
	if err != nil || early.Probes >= 400 || early.Probes < 8 || early.StdErr > 0.2*math.Abs(early.Value) {
		t.Errorf("Tol 0.2: %+v, error %v", early, err)
	}
}

func TestTraceSketch(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testTraceSketch[float64](t, 1e-6) })
	t.Run("float32", func(t *testing.T) { testTraceSketch[float32](t, 3e-2) })
}

func testTraceSketch[T flow.Float](t *testing.T, tol float64) {
	const n = 60
	c := make([]float64, 20)
	var want float64
	for r := range c {
		c[r] = 100 * math.Pow(0.5, float64(r))
		want += c[r]
	}
	e := ranked[T](n, c)
	plain, err := HessianTrace(e, origin[T](n), TraceOptions{Probes: 30, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	// 10 sketch vectors, 10 for the exact part, 10 probes: the same products.
	sketched, err := HessianTrace(e, origin[T](n), TraceOptions{Probes: 10, Sketch: 10, Seed: 2})
	if err != nil || sketched.Products != 30 {
		t.Fatalf("%+v, error %v", sketched, err)
	}
	if math.Abs(plain.Value-want) > 3.5*plain.StdErr || math.Abs(sketched.Value-want) > 4*sketched.StdErr+tol*want {
		t.Errorf("trace %v ± %v, with a sketch %v ± %v, want %v", plain.Value, plain.StdErr, sketched.Value, sketched.StdErr, want)
	}
	if sketched.StdErr > plain.StdErr/20 {
		t.Errorf("standard error %v with a sketch, %v without", sketched.StdErr, plain.StdErr)
	}
	// A sketch of the whole range leaves nothing to the probes.
	all, err := HessianTrace(ranked[T](n, c[:5]), origin[T](n), TraceOptions{Probes: 4, Sketch: 20, Seed: 2})
	var five float64
	for _, v := range c[:5] {
		five += v
	}
	if err != nil || math.Abs(all.Value-five) > tol*five {
		t.Errorf("rank 5: %+v, error %v, want %v", all, err, five)
	}
	whole, err := HessianTrace[T](quadratic[T]{eig: []float64{1, 2, 4}, exact: true}, origin[T](3), TraceOptions{Sketch: 9})
	if err != nil || whole.Probes != 0 || whole.StdErr != 0 || math.Abs(whole.Value-7) > 1e-5 {
		t.Errorf("sketch of the whole space: %+v, error %v, want 7", whole, err)
	}
}

func TestTraceErrors(t *testing.T) {
	q, x := quadratic[float64]{eig: []float64{1, 2}, exact: true}, origin[float64](2)
	for name, o := range map[string]TraceOptions{"Probes": {Probes: -1}, "Tol": {Tol: -1}, "Sketch": {Sketch: -2}, "Delta": {Delta: math.Inf(1)}} {
		if _, err := HessianTrace[float64](q, x, o); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := HessianTrace[float64](nil, x, TraceOptions{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("nil: error %v", err)
	}
	nan := quadratic[float64]{eig: []float64{1, math.NaN()}, exact: true}
	for _, sketch := range []int{0, 1} {
		if _, err := HessianTrace[float64](nan, x, TraceOptions{Sketch: sketch}); !errors.Is(err, flow.ErrNonFinite) {
			t.Errorf("NaN in a product, sketch %d: error %v", sketch, err)
		}
	}
}
