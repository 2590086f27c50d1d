package deq

import (
	"context"
	"math"
	"sync"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// In R^1 a second difference depends on the first: Anderson drops it, counts it,
// and converges.
func TestAndersonDependent(t *testing.T) {
	for _, global := range []bool{false, true} {
		st, err := FixedPoint(context.Background(), kernel.NewMatrix[float64](2, 1), Map[float64](small[float64]("cos")), &SolveOptions[float64]{Solver: Anderson{M: 4, NoRidge: true, Global: global}, RelTol: 1e-14})
		if err != nil || st.Status != flow.Converged || st.Drops == 0 {
			t.Errorf("global %v: %v with %d drops, %v", global, st.Status, st.Drops, err)
		}
	}
}

// A residual that grows more than tenfold throws the history away.
func TestAndersonRestarts(t *testing.T) {
	jump := &rowMap[float64]{n: 1, f: func(dst, z []float64) {
		dst[0] = 0.5*z[0] + 1
		if z[0] > 1.6 && z[0] < 1.9 {
			dst[0] = z[0] - 40 // a wall
		}
	}}
	st, err := FixedPoint(context.Background(), kernel.NewMatrix[float64](1, 1), Map[float64](jump), &SolveOptions[float64]{Solver: Anderson{M: 2, Beta: 0.8}})
	if err != nil || st.Status != flow.Converged {
		t.Fatalf("%v, %v", st.Status, err)
	}
	st, err = FixedPoint(context.Background(), kernel.NewMatrix[float64](1, 1), Map[float64](jump), &SolveOptions[float64]{Solver: Relaxed{Beta: 0.2}, MaxEval: 60})
	if err != nil || st.Residual > 1 {
		t.Errorf("best point has residual %v at least as good as the start's 1: %v", st.Residual, err)
	}
}

// With a constant residual Broyden's denominator is zero: the update is skipped.
func TestBroydenSkips(t *testing.T) {
	shift := &rowMap[float64]{n: 2, f: func(dst, z []float64) { dst[0], dst[1] = z[0]+1, z[1] }}
	st, err := FixedPoint(context.Background(), kernel.NewMatrix[float64](1, 2), Map[float64](shift), &SolveOptions[float64]{Solver: Broyden{}})
	if err != nil || st.Status != flow.Stationary || st.Skips == 0 {
		t.Errorf("%v with %d skips, %v", st.Status, st.Skips, err)
	}
	st, err = FixedPoint(context.Background(), kernel.NewMatrix[float64](1, 3), Map[float64](small[float64]("tanh3")), &SolveOptions[float64]{Solver: Broyden{Memory: 1}})
	if err != nil || st.Status != flow.Converged || st.Restarts == 0 {
		t.Errorf("memory of one: %v with %d restarts, %v", st.Status, st.Restarts, err)
	}
}

// A singular Jacobian of g does not end Newton.
func TestNewtonSingular(t *testing.T) {
	for _, s := range []Solver{Newton{}, NewtonKrylov{}} {
		m := &smoothMap[float64]{rowMap[float64]{n: 1, f: func(dst, z []float64) { dst[0] = z[0] + z[0]*z[0] - 1 }}}
		m.jac = func(dst, z, v []float64) { dst[0] = (1 + 2*z[0]) * v[0] } // I - J = 0 at the start
		z := kernel.NewMatrix[float64](1, 1)
		st, err := FixedPoint(context.Background(), z, Map[float64](m), &SolveOptions[float64]{Solver: s})
		if err != nil || st.Status != flow.Converged || math.Abs(math.Abs(z.Data[0])-1) > 1e-10 {
			t.Errorf("%s: %v at %v, %v", s.Name(), st.Status, z.Data[0], err)
		}
	}
}

// spread is an affine map with eigenvalues over (-0.9995, 0.9995), on which a short
// memory does not get far.
type spread struct{ n int }

func (m *spread) Dim() int { return m.n }

func (m *spread) Eval(dst, z []float64, rows []int) {
	m.JacVec(dst, z, rows)
	for i := range dst {
		dst[i]++
	}
}

func (m *spread) Linearize([]float64, []int) {}

func (m *spread) JacVec(dst, v []float64, rows []int) {
	for i := range rows {
		for j := range m.n {
			dst[i*m.n+j] = 0.9995 * math.Cos(math.Pi*(float64(j)+0.5)/float64(m.n)) * v[i*m.n+j]
		}
	}
}

// Auto goes over to Newton-Krylov where Anderson stalls, and ends.
func TestAutoStall(t *testing.T) {
	m := &spread{n: 120}
	z := kernel.NewMatrix[float64](2, m.n)
	st, err := FixedPoint(context.Background(), z, Map[float64](m), nil)
	if err != nil || st.Status != flow.Converged || st.Solver != "newton-krylov" {
		t.Fatalf("%v by %s after %d evaluations, %v", st.Status, st.Solver, st.Evals, err)
	}
	for j := range m.n {
		want := 1 / (1 - 0.9995*math.Cos(math.Pi*(float64(j)+0.5)/float64(m.n)))
		if math.Abs(z.At(1, j)-want) > 1e-5*want {
			t.Errorf("z[%d] = %v, want %v", j, z.At(1, j), want)
		}
	}
}

// Goroutines share a dense layer and agree with one that has it alone.
func TestDenseShared(t *testing.T) {
	l, x, g := peerLayer[float64](12, 6, "hard")
	var wg sync.WaitGroup
	grads := make([]DenseGrad[float64], 5)
	for k := range grads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			eq := &Equilibrium[float64]{}
			if _, err := l.Solve(context.Background(), eq, x, nil); err != nil {
				t.Error(err)
			}
			if _, err := l.Backward(context.Background(), &grads[k], eq, g, Backward{}, nil); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	for k := range grads {
		for i, v := range grads[k].W.Data {
			if v != grads[0].W.Data[i] {
				t.Fatalf("solve %d differs", k)
			}
		}
	}
}

// A warm start at the solution takes one evaluation; after bad options or another
// batch size it is not used.
func TestWarmStart(t *testing.T) {
	ctx := context.Background()
	l, x, _ := peerLayer[float64](16, 5, "hard")
	eq := &Equilibrium[float64]{}
	cold, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{RelTol: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	evals := cold.Evals
	if st, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{Warm: true}); err != nil || st.Evals != 1 {
		t.Errorf("warm start: %d evaluations, %v, want 1", st.Evals, err)
	}
	if st, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{RelTol: 1e-12}); err != nil || st.Evals != evals {
		t.Errorf("cold start: %d evaluations, %v, want %d", st.Evals, err, evals)
	}
	if _, err := l.Solve(ctx, eq, x, &SolveOptions[float64]{RelTol: -1}); err == nil {
		t.Error("RelTol = -1 was taken")
	}
	if _, err := l.Backward(ctx, &DenseGrad[float64]{}, eq, kernel.NewMatrix[float64](5, 16), Backward{}, nil); err == nil {
		t.Error("backward after a solve that was refused")
	}
}
