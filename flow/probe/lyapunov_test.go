package probe

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// linear is x' = A x with its Jacobian by product, by matrix or not at all.
type linear[T flow.Float] struct {
	a   [][]float64
	how string
}

func (l linear[T]) Dim() int { return len(l.a) }
func (l linear[T]) Eval(dst, x []T, _ float64) {
	for i, row := range l.a {
		var s T
		for j, v := range row {
			s += T(v) * x[j]
		}
		dst[i] = s
	}
}
func (l linear[T]) Caps() flow.Caps[T] {
	switch l.how {
	case "product":
		return flow.Caps[T]{JacVec: func(dst, _, v []T, t float64) { l.Eval(dst, v, t) }}
	case "matrix":
		return flow.Caps[T]{Jacobian: func(dst, _ []T, _ float64) {
			for i, row := range l.a {
				for j, v := range row {
					dst[i*len(row)+j] = T(v)
				}
			}
		}}
	}
	return flow.Caps[T]{}
}

// The exponents of a linear system are the real parts of its eigenvalues: here
// 0.3, -0.1 twice (a rotation, -0.1 ± 2i) and -200 of a stiff, sheared component.
func TestLyapunovLinear(t *testing.T) {
	a := [][]float64{{0.3, 1, 0, 0}, {0, -0.1, 2, 1}, {0, -2, -0.1, 0}, {0, 0, 0, -200}}
	for _, how := range []string{"product", "matrix", "differences"} {
		t.Run(how, func(t *testing.T) {
			l, err := LyapunovExponents[float64](context.Background(), linear[float64]{a, how}, []float64{1, 1, 1, 1}, LyapunovOptions{Time: 40, Transient: 40, RelTol: 1e-7})
			if err != nil {
				t.Fatal(err)
			}
			near(t, "float64", l.Values, []float64{0.3, -0.1, -0.1, -200}, 1e-4)
			f, err := LyapunovExponents[float32](context.Background(), linear[float32]{a[:3], how}.cut(3), []float32{1, 1, 1}, LyapunovOptions{Time: 40, Transient: 40})
			if err != nil {
				t.Fatal(err)
			}
			near(t, "float32", f.Values, []float64{0.3, -0.1, -0.1}, 5e-3)
		})
	}
}

// cut is the leading block of order n.
func (l linear[T]) cut(n int) linear[T] {
	out := linear[T]{how: l.how}
	for _, row := range l.a[:n] {
		out.a = append(out.a, row[:n])
	}
	return out
}

func lorenz() flow.Field[float64] {
	return flow.FieldFunc(3, func(dst, x []float64, _ float64) {
		dst[0] = 10 * (x[1] - x[0])
		dst[1] = x[0]*(28-x[2]) - x[1]
		dst[2] = x[0]*x[1] - 8./3*x[2]
	})
}

// The known exponents of the Lorenz system, 0.9056, 0, -14.5723 (Sprott, Chaos and
// Time-Series Analysis, 2003), whose sum is the divergence -(10 + 1 + 8/3).
func TestLyapunovLorenz(t *testing.T) {
	l, err := LyapunovExponents(context.Background(), lorenz(), []float64{1, 1, 20}, LyapunovOptions{Time: 5000, Transient: 20, RelTol: 1e-6, AbsTol: 1e-8})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.4f ± %.4f in %d steps", l.Values, l.StdErr, l.Steps)
	for i, want := range []float64{0.9056, 0, -14.5723} {
		if se := l.StdErr[i]; !(math.Abs(l.Values[i]-want) <= 3.5*se) || se > 0.005 {
			t.Errorf("exponent %d: %v ± %v, want %v", i, l.Values[i], se, want)
		}
	}
	if sum := l.Values[0] + l.Values[1] + l.Values[2]; math.Abs(sum+41./3) > 1e-4 {
		t.Errorf("sum of the exponents %v, want %v", sum, -41./3)
	}
}

func TestLyapunovSome(t *testing.T) {
	run := func(procs, every int) *Lyapunov {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		l, err := LyapunovExponents(context.Background(), lorenz(), []float64{1, 1, 20}, LyapunovOptions{Exponents: 1, Time: 100, Transient: -1, Every: every, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	a, b := run(1, 1), run(4, 1)
	if len(a.Values) != 1 || a.Values[0] != b.Values[0] || a.StdErr[0] != b.StdErr[0] {
		t.Errorf("%v and %v, want one exponent, the same for any GOMAXPROCS", a, b)
	}
	if c := run(1, 5); math.Abs(c.Values[0]-0.9) > 0.2 {
		t.Errorf("orthonormal every 5 steps: %v", c.Values)
	}
}

func TestLyapunovErrors(t *testing.T) {
	ctx, f, x := context.Background(), lorenz(), []float64{1, 1, 20}
	for name, o := range map[string]LyapunovOptions{
		"Time": {}, "Time NaN": {Time: math.NaN()}, "Exponents": {Time: 1, Exponents: 4}, "Transient": {Time: 1, Transient: math.Inf(1)},
		"MaxSteps": {Time: 1, MaxSteps: -1}, "Every": {Time: 1, Every: -1}, "RelTol": {Time: 1, RelTol: -1}, "Method": {Time: 1, Method: flow.RK4},
	} {
		if _, err := LyapunovExponents(ctx, f, x, o); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s: error %v, want ErrArgument", name, err)
		}
	}
	if _, err := LyapunovExponents[float64](ctx, nil, x, LyapunovOptions{Time: 1}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("nil: error %v", err)
	}
	if _, err := LyapunovExponents(ctx, f, x[:2], LyapunovOptions{Time: 1}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("length: error %v", err)
	}
	if _, err := LyapunovExponents(ctx, flow.FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = x[0] * x[0] }), []float64{1}, LyapunovOptions{Time: 2}); err == nil {
		t.Error("a run that blows up gives no error")
	}
	if _, err := LyapunovExponents(ctx, f, x, LyapunovOptions{Time: 100, MaxSteps: 10}); err == nil {
		t.Error("a run cut by MaxSteps gives no error")
	}
}
