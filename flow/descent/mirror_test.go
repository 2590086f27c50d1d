package descent

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// below is the mirror map of nothing.
type below struct{}

func (below) Check(x []float64) error  { return Orthant[float64]{}.Check([]float64{x[0] - 1}) }
func (below) Move(dst, x, u []float64) { copy(dst, x) }
func entropyPath[T flow.Float](n int) (x0 []T) {
	x0 = make([]T, n)
	sum := 0.0
	for i := range x0 {
		x0[i] = T(1 + 0.5*math.Sin(float64(i)))
		sum += float64(x0[i])
	}
	kernel.Scal(T(1/sum), x0)
	return x0
}

// TestPopovIsOptimistic: the extrapolated points y_k are the iterates of Optimistic
// from y_0 = x_0 + η f(x_0), with f(x_0) as its first past gradient.
func TestPopovIsOptimistic(t *testing.T) {
	f := flow.FieldFunc(2, func(d, x []float64, _ float64) { d[0], d[1] = -x[1]-0.1*x[0]*x[0]*x[0], x[0]-0.2*x[1] })
	const eta = 0.3
	g := make([]float64, 2)
	at := func(x []float64) []float64 { f.Eval(g, x, 0); return g }
	x := []float64{1, 0.5}
	past := append([]float64{}, at(x)...)
	y := []float64{x[0] + eta*past[0], x[1] + eta*past[1]}
	for k, got := range path(t, Popov(f), x, eta, 50) {
		// x_k = y_k - η f(y_{k-1}).
		for i := range y {
			if want := y[i] - eta*past[i]; !(math.Abs(got[i]-want) <= 1e-13) {
				t.Fatalf("x_%d = %v, want component %d = %v", k, got, i, want)
			}
		}
		now := append([]float64{}, at(y)...)
		for i := range y {
			y[i] += 2*eta*now[i] - eta*past[i]
		}
		past = now
	}
}

// TestPopovEvaluations: one a step, after one at the start.
func TestPopovEvaluations(t *testing.T) {
	n := 0
	f := flow.FieldFunc(1, func(d, x []float64, _ float64) { n++; d[0] = -x[0] })
	path(t, Popov(f), []float64{1}, 0.1, 20)
	if n != 21 {
		t.Errorf("%d evaluations in 20 steps, want 21", n)
	}
}

// TestMultiplicativeWeights: with a constant field the weights are x_0 exp(ηk f),
// normalised in each block; on faces they stay there, and large gradients do no harm.
func TestMultiplicativeWeights(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testMultiplicativeWeights[float64](t, 1e-13) })
	t.Run("float32", func(t *testing.T) { testMultiplicativeWeights[float32](t, 2e-5) })
}

func testMultiplicativeWeights[T flow.Float](t *testing.T, tol float64) {
	c := []T{0.3, -1, 2, 0.7, 0.1}
	f := flow.FieldFunc(5, func(d, _ []T, _ float64) { copy(d, c) })
	x0 := []T{0.25, 0.75, 0.5, 0.5, 0}
	const eta, steps = 0.05, 40
	for k, x := range path(t, MultiplicativeWeights(f, 2, 3), x0, eta, steps) {
		for _, b := range [][2]int{{0, 2}, {2, 5}} {
			sum := 0.0
			for i := b[0]; i < b[1]; i++ {
				sum += float64(x0[i]) * math.Exp(eta*float64(k)*float64(c[i]))
			}
			for i := b[0]; i < b[1]; i++ {
				want := float64(x0[i]) * math.Exp(eta*float64(k)*float64(c[i])) / sum
				if !(math.Abs(float64(x[i])-want) <= tol*want) {
					t.Fatalf("x_%d[%d] = %v, want %v", k, i, x[i], want)
				}
			}
		}
	}
	big := flow.FieldFunc(3, func(d, _ []T, _ float64) { d[0], d[1], d[2] = -1e4, 1e4, 3e4 })
	for _, x := range path(t, MultiplicativeWeights(big), []T{0.5, 0.5, 0}, 1, 3)[1:] {
		if x[0] != 0 || x[1] != 1 || x[2] != 0 {
			t.Errorf("with gradients of 1e4: %v, want [0 1 0]", x)
		}
	}
	for k, x := range path(t, MirrorDescent(f, MirrorMap[T](Orthant[T]{})), []T{1, 2, 0, 1, 1}, eta, steps) {
		for i, s := range []float64{1, 2, 0, 1, 1} {
			if want := s * math.Exp(eta*float64(k)*float64(c[i])); !(math.Abs(float64(x[i])-want) <= tol*want) {
				t.Fatalf("orthant: x_%d[%d] = %v, want %v", k, i, x[i], want)
			}
		}
	}
}

// TestMirrorDescentConverges on KL(q‖x) + a quadratic over the simplex, whose
// minimiser the fixed point of the map tells: the gradient is constant where x > 0.
func TestMirrorDescentConverges(t *testing.T) {
	q := entropyPath[float64](6)
	e := flow.EnergyFunc(6, func(g, x []float64) float64 {
		s := 0.0
		for i, v := range x {
			s += q[i]*math.Log(q[i]/v) + 0.5*float64(i)*v*v
			if g != nil {
				g[i] = -q[i]/v + float64(i)*v
			}
		}
		return s
	})
	for name, c := range map[string]struct {
		flow.Controller
		steps int
	}{"fixed": {flow.Fixed{H: 0.05}, 4000}, "Armijo": {Armijo{}, 30}} {
		x0 := []float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.5}
		r, err := flow.New(MultiplicativeWeights[float64](flow.GradientFlow(e)), x0, flow.Options[float64]{Controller: c.Controller, MaxSteps: c.steps})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		g := make([]float64, 6)
		e.EnergyGrad(g, sol.X)
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range g {
			low, high = min(low, v), max(high, v)
		}
		if !(high-low <= 1e-6) {
			t.Errorf("%s: gradient %v at %v after %d steps, want it constant", name, g, sol.X, sol.Stats.Accepted)
		}
	}
}

// TestMirrorFollowsNaturalFlow: halving η halves the distance to the replicator flow
// x' = diag(x) f - x (x·f).
func TestMirrorFollowsNaturalFlow(t *testing.T) {
	f := flow.FieldFunc(3, func(d, x []float64, _ float64) { d[0], d[1], d[2] = x[1]-x[2], x[2]-x[0], x[0]-x[1]+0.3 })
	replicator := flow.FieldFunc(3, func(d, x []float64, t float64) {
		f.Eval(d, x, t)
		mean := kernel.Dot(d, x)
		for i := range d {
			d[i] = x[i] * (d[i] - mean)
		}
	})
	x0 := []float64{0.5, 0.2, 0.3}
	exact, err := flow.Solve(context.Background(), replicator, x0, flow.Options[float64]{T1: 1, RelTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	off := func(steps int) float64 {
		x := path(t, MultiplicativeWeights(f), x0, 1/float64(steps), steps)[steps]
		return math.Hypot(x[0]-exact.X[0], x[1]-exact.X[1])
	}
	if r := off(200) / off(400); !(math.Abs(r-2) <= 0.05) {
		t.Errorf("the error falls by %v, want 2", r)
	}
}

// TestMirrorRuns: no allocation a step, the same after a checkpoint, and start points
// outside the domain are errors.
func TestMirrorRuns(t *testing.T) {
	ctx := context.Background()
	f := flow.FieldFunc(4, func(d, x []float64, _ float64) { d[0], d[1], d[2], d[3] = x[1], -x[0], x[3], 1-x[2] })
	for name, it := range map[string]func() flow.Integrator[float64]{
		"simplices": func() flow.Integrator[float64] { return MultiplicativeWeights(f, 2, 2) },
		"orthant":   func() flow.Integrator[float64] { return MirrorDescent(f, MirrorMap[float64](Orthant[float64]{})) },
	} {
		x0 := []float64{0.5, 0.5, 0.25, 0.75}
		o := flow.Options[float64]{Controller: flow.Fixed{H: 0.01}, MaxSteps: 1 << 30}
		r, err := flow.New(it(), x0, o)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { r.Next(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations a step", name, n)
		}
		data, err := r.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		again, err := flow.Resume(it(), data, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			r.Next(ctx)
			again.Next(ctx)
		}
		for i, v := range r.Step().X {
			if again.Step().X[i] != v {
				t.Errorf("%s: resumed x[%d] = %v, want %v", name, i, again.Step().X[i], v)
			}
		}
		if _, err := flow.New(it(), []float64{0.5, 0.5, -0.25, 1.25}, o); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%s from a negative weight: %v", name, err)
		}
	}
}
