package deq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// readReference decodes a reference file.
func readReference(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// rowMap is a batch of one small map.
type rowMap[T flow.Float] struct {
	n    int
	f    func(dst, z []T)
	jac  func(dst, z, v []T) // nil: none
	at   []T
	seen int
}

func (m *rowMap[T]) Dim() int { return m.n }

func (m *rowMap[T]) Eval(dst, z []T, rows []int) {
	m.seen++
	for i := range rows {
		m.f(dst[i*m.n:(i+1)*m.n], z[i*m.n:(i+1)*m.n])
	}
}

// smoothMap is a rowMap with its derivative.
type smoothMap[T flow.Float] struct{ rowMap[T] }

func (m *smoothMap[T]) Linearize(z []T, rows []int) {
	for i, r := range rows {
		for len(m.at) < (r+1)*m.n {
			m.at = append(m.at, 0)
		}
		copy(m.at[r*m.n:(r+1)*m.n], z[i*m.n:(i+1)*m.n])
	}
}

func (m *smoothMap[T]) JacVec(dst, v []T, rows []int) {
	for i, r := range rows {
		m.jac(dst[i*m.n:(i+1)*m.n], m.at[r*m.n:(r+1)*m.n], v[i*m.n:(i+1)*m.n])
	}
}

// small returns the maps of solvers.json.
func small[T flow.Float](name string) *smoothMap[T] {
	w := [3][3]float64{{.5, -.3, .2}, {.4, .6, -.1}, {-.2, .3, .7}}
	c := [3]float64{.3, -.2, .5}
	pre := func(z []T, i int) float64 {
		return w[i][0]*float64(z[0]) + w[i][1]*float64(z[1]) + w[i][2]*float64(z[2])
	}
	m := &smoothMap[T]{rowMap[T]{n: 3}}
	switch name {
	case "cos":
		m.n = 1
		m.f = func(dst, z []T) { dst[0] = T(math.Cos(float64(z[0]))) }
		m.jac = func(dst, z, v []T) { dst[0] = -T(math.Sin(float64(z[0]))) * v[0] }
	case "affine3":
		m.f = func(dst, z []T) {
			for i := range dst {
				dst[i] = T(pre(z, i) + c[i])
			}
		}
		m.jac = func(dst, z, v []T) {
			for i := range dst {
				dst[i] = T(pre(v, i))
			}
		}
	case "tanh3":
		m.f = func(dst, z []T) {
			for i := range dst {
				dst[i] = T(math.Tanh(pre(z, i) + c[i]))
			}
		}
		m.jac = func(dst, z, v []T) {
			for i := range dst {
				y := math.Tanh(pre(z, i) + c[i])
				dst[i] = T((1 - y*y) * pre(v, i))
			}
		}
	}
	return m
}

type solverCase struct {
	ZStar   []float64   `json:"z_star"`
	Picard  [][]float64 `json:"picard_first5"`
	Steps   int         `json:"picard_steps_to_residual_1e10"`
	M1      [][]float64 `json:"anderson_m1"`
	M2      [][]float64 `json:"anderson_m2"`
	M3      [][]float64 `json:"anderson_m3"`
	Broyden [][]float64 `json:"broyden_good"`
	Newton  [][]float64 `json:"newton"`
}

func solverCases(t testing.TB) map[string]solverCase {
	var all map[string]json.RawMessage
	readReference(t, "solvers.json", &all)
	out := map[string]solverCase{}
	for _, name := range []string{"cos", "affine3", "tanh3"} {
		var c solverCase
		if err := json.Unmarshal(all[name], &c); err != nil {
			t.Fatal(err)
		}
		out[name] = c
	}
	return out
}

// iterates runs a solver from zero and returns what it evaluated f at.
func iterates(t *testing.T, m Map[float64], s Solver) ([][]float64, *SolveStats) {
	var seen [][]float64
	o := &SolveOptions[float64]{Solver: s, RelTol: 4e-15, AbsTol: 1e-300, MaxEval: 200, Stop: []flow.Stop[float64]{
		func(st *flow.Step[float64]) flow.Status {
			seen = append(seen, append([]float64(nil), st.X...))
			return flow.Running
		},
	}}
	st, err := FixedPoint(context.Background(), kernel.NewMatrix[float64](1, m.Dim()), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return seen, st
}

func near(a, b []float64, tol float64) bool {
	for i := range a {
		if !(math.Abs(a[i]-b[i]) <= tol) {
			return false
		}
	}
	return true
}

func TestSolverReferences(t *testing.T) {
	for name, c := range solverCases(t) {
		for _, q := range []struct {
			s    Solver
			want [][]float64
		}{
			{Picard{}, append([][]float64{make([]float64, len(c.ZStar))}, c.Picard...)},
			{Anderson{M: 1, NoRidge: true}, c.M1}, {Anderson{M: 2, NoRidge: true}, c.M2}, {Anderson{M: 3, NoRidge: true}, c.M3},
			{Anderson{M: 2, NoRidge: true, Global: true}, c.M2},
			{Anderson{M: 1}, c.M1}, {Anderson{M: 3}, c.M3},
			{Broyden{}, c.Broyden}, {Newton{}, c.Newton},
		} {
			t.Run(fmt.Sprintf("%s/%v", name, q.s), func(t *testing.T) {
				got, _ := iterates(t, small[float64](name), q.s)
				for k := 0; k < min(6, len(q.want)); k++ {
					if !near(got[k], q.want[k], 1e-9) {
						t.Errorf("iterate %d = %v, want %v", k, got[k], q.want[k])
					}
				}
			})
		}
	}
}

func TestSolversReachFixedPoint(t *testing.T) {
	solvers := []Solver{Picard{}, Relaxed{Beta: 0.7}, Anderson{}, Anderson{M: 2, Beta: 0.8}, Anderson{Global: true}, Broyden{}, Broyden{Memory: 2}, Newton{}, NewtonKrylov{}, Auto{}, nil}
	for name, c := range solverCases(t) {
		for _, s := range solvers {
			z := kernel.NewMatrix[float64](3, len(c.ZStar))
			for i := range z.Data {
				z.Data[i] = 0.1 * float64(i)
			}
			for _, m := range []Map[float64]{small[float64](name), &small[float64](name).rowMap} { // with and without derivative
				st, err := FixedPoint(context.Background(), z, m, &SolveOptions[float64]{Solver: s, RelTol: 2e-14})
				if err != nil || st.Status != flow.Converged {
					t.Fatalf("%s by %v: %v, %v", name, s, st.Status, err)
				}
				for r := range 3 {
					if !near(z.Row(r), c.ZStar, 1e-12) {
						t.Errorf("%s by %v: z* = %v, want %v", name, s, z.Row(r), c.ZStar)
					}
				}
			}
			z32 := kernel.NewMatrix[float32](2, len(c.ZStar))
			st, err := FixedPoint(context.Background(), z32, Map[float32](small[float32](name)), &SolveOptions[float32]{Solver: s})
			if err != nil || st.Status != flow.Converged {
				t.Fatalf("%s by %v in float32: %v, %v", name, s, st.Status, err)
			}
			for i, v := range z32.Row(1) {
				if math.Abs(float64(v)-c.ZStar[i]) > 1e-4 {
					t.Errorf("%s by %v in float32: z* = %v, want %v", name, s, z32.Row(1), c.ZStar)
				}
			}
		}
	}
}

// The 58th iterate of Picard's iteration for cos has a residual of at most 1e-10:
// evaluation 59, since the start is the first.
func TestPicardCounts(t *testing.T) {
	for name, c := range solverCases(t) {
		m := small[float64](name)
		st, err := FixedPoint(context.Background(), kernel.NewMatrix[float64](1, m.n), Map[float64](m), &SolveOptions[float64]{Solver: Picard{}, AbsTol: 1e-10})
		if err != nil || st.Evals != c.Steps+1 || m.seen != st.Evals {
			t.Errorf("%s: %d evaluations (%d seen), %v, want %d", name, st.Evals, m.seen, err, c.Steps+1)
		}
	}
}

// On an affine map in R^3, Anderson with M >= 3 ends after 4 updates, Broyden
// after at most 6, Newton after one.
func TestAffineTermination(t *testing.T) {
	for s, most := range map[Solver]int{Anderson{M: 3, NoRidge: true}: 5, Broyden{}: 7, Newton{}: 2, NewtonKrylov{}: 3} {
		st, err := FixedPoint(context.Background(), kernel.NewMatrix[float64](1, 3), Map[float64](small[float64]("affine3")), &SolveOptions[float64]{Solver: s, RelTol: 1e-12})
		if err != nil || st.Status != flow.Converged || st.Evals > most {
			t.Errorf("%s: %v after %d evaluations, %v, want at most %d", s.Name(), st.Status, st.Evals, err, most)
		}
	}
}

func TestSolverFailures(t *testing.T) {
	expand := &rowMap[float64]{n: 1, f: func(dst, z []float64) { dst[0] = 3*z[0] + 1 }}
	shift := &rowMap[float64]{n: 1, f: func(dst, z []float64) { dst[0] = -z[0] + 1 }} // Picard oscillates for ever
	blind := &rowMap[float64]{n: 1, f: func(dst, z []float64) { dst[0] = math.NaN() }}
	none := &rowMap[float64]{n: 1, f: func(dst, z []float64) { dst[0] = z[0] + 1 + z[0]*z[0] }} // z² = -1
	for _, c := range []struct {
		name string
		m    Map[float64]
		s    Solver
		max  int
		want flow.Status
	}{
		{"expanding", expand, Picard{}, 0, flow.Diverged},
		{"oscillating", shift, Picard{}, 0, flow.Stationary},
		{"budget", small[float64]("cos"), Picard{}, 5, flow.StepLimit},
		{"start only", small[float64]("cos"), Picard{}, 1, flow.StepLimit},
		{"NaN", blind, Anderson{}, 0, flow.Diverged},
		{"NaN, Newton", blind, Newton{}, 0, flow.Diverged},
		{"no fixed point, Newton", none, Newton{}, 0, flow.Stationary},
		{"no fixed point, Krylov", none, NewtonKrylov{}, 0, flow.Stationary},
	} {
		z := kernel.NewMatrix[float64](1, 1)
		z.Data[0] = 0.2
		f0 := make([]float64, 1)
		c.m.Eval(f0, z.Data, []int{0})
		start := math.Abs(f0[0] - 0.2)
		st, err := FixedPoint(context.Background(), z, c.m, &SolveOptions[float64]{Solver: c.s, MaxEval: c.max})
		if err != nil || st.Status != c.want {
			t.Errorf("%s: %v, %v, want %v", c.name, st.Status, err, c.want)
			continue
		}
		if c.max > 0 && st.Evals != c.max || c.max == 1 && z.Data[0] != 0.2 {
			t.Errorf("%s: %d evaluations, want %d; z = %v", c.name, st.Evals, c.max, z.Data)
		}
		c.m.Eval(f0, z.Data, []int{0})
		if res := math.Abs(f0[0] - z.Data[0]); res > start || res-st.Samples[0].Residual > 1e-15 {
			t.Errorf("%s: residual %g of the point returned, reported %g, %g at the start", c.name, res, st.Samples[0].Residual, start)
		}
	}
}

func TestSolverBadArguments(t *testing.T) {
	ctx := context.Background()
	m := Map[float64](small[float64]("tanh3"))
	z := kernel.NewMatrix[float64](2, 3)
	bad := kernel.NewMatrix[float64](2, 3)
	bad.Data[4] = math.NaN()
	for _, c := range []struct {
		name string
		z    kernel.Matrix[float64]
		m    Map[float64]
		o    *SolveOptions[float64]
		want error
	}{
		{"nil map", z, nil, nil, ErrArgument},
		{"NaN start", bad, m, nil, ErrNotFinite},
		{"precision", z, m, &SolveOptions[float64]{RelTol: 1e-16}, ErrPrecision},
		{"RelTol", z, m, &SolveOptions[float64]{RelTol: -1}, ErrArgument},
		{"AbsTol", z, m, &SolveOptions[float64]{AbsTol: math.Inf(1)}, ErrArgument},
		{"MaxEval", z, m, &SolveOptions[float64]{MaxEval: -1}, ErrArgument},
		{"M", z, m, &SolveOptions[float64]{Solver: Anderson{M: -1}}, ErrArgument},
		{"Memory", z, m, &SolveOptions[float64]{Solver: Broyden{Memory: -1}}, ErrArgument},
		{"Restart", z, m, &SolveOptions[float64]{Solver: NewtonKrylov{Restart: -1}}, ErrArgument},
		{"Beta", z, m, &SolveOptions[float64]{Solver: Relaxed{Beta: math.NaN()}}, ErrArgument},
		{"splitting", z, m, &SolveOptions[float64]{Solver: PeacemanRachford{}}, ErrArgument},
		{"nil stop", z, m, &SolveOptions[float64]{Stop: []flow.Stop[float64]{nil}}, ErrArgument},
	} {
		if _, err := FixedPoint(ctx, c.z, c.m, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := FixedPoint(ctx, kernel.NewMatrix[float32](1, 3), Map[float32](small[float32]("tanh3")), &SolveOptions[float32]{RelTol: 1e-7}); !errors.Is(err, ErrPrecision) {
		t.Errorf("float32 at 1e-7: %v, want ErrPrecision", err)
	}
	if st, err := FixedPoint(ctx, kernel.NewMatrix[float64](0, 3), m, nil); err != nil || st.Status != flow.Converged || st.Evals != 0 {
		t.Errorf("empty batch: %v, %v", st, err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if st, err := FixedPoint(done, z, m, nil); !errors.Is(err, context.Canceled) || st.Status != flow.Cancelled {
		t.Errorf("cancelled: %v, %v", st, err)
	}
	stop := &SolveOptions[float64]{Stop: []flow.Stop[float64]{func(s *flow.Step[float64]) flow.Status {
		if s.K == 3 {
			return flow.StepLimit
		}
		return flow.Running
	}}}
	if st, err := FixedPoint(ctx, z, m, stop); err != nil || st.Evals != 3 || st.Status != flow.StepLimit {
		t.Errorf("stop rule: %v after %d, %v", st.Status, st.Evals, err)
	}
}

// Samples that converge early are frozen, and the others do not notice.
func TestFreezing(t *testing.T) {
	// Sample r contracts by 0.1 r.
	m := &scaled{q: []float64{0.1, 0.5, 0.9, 0}}
	for _, s := range []Solver{Picard{}, Relaxed{}, Anderson{M: 1}, Broyden{}, Newton{}, NewtonKrylov{}} {
		all := kernel.NewMatrix[float64](4, 2)
		st, err := FixedPoint(context.Background(), all, Map[float64](m), &SolveOptions[float64]{Solver: s})
		if err != nil || st.Status != flow.Converged {
			t.Fatalf("%s: %v, %v", s.Name(), st.Status, err)
		}
		total := 0
		for r, q := range m.q {
			total += st.Samples[r].Evals
			one := &scaled{q: []float64{q}}
			z := kernel.NewMatrix[float64](1, 2)
			st1, _ := FixedPoint(context.Background(), z, Map[float64](one), &SolveOptions[float64]{Solver: s})
			if z.Data[0] != all.At(r, 0) || z.Data[1] != all.At(r, 1) {
				t.Errorf("%s: sample %d is %v in the batch and %v alone", s.Name(), r, all.Row(r), z.Data)
			}
			if st1.Evals != st.Samples[r].Evals {
				t.Errorf("%s: sample %d took %d evaluations in the batch, %d alone", s.Name(), r, st.Samples[r].Evals, st1.Evals)
			}
		}
		if st.SampleEvals != total {
			t.Errorf("%s: %d evaluations of samples, want %d", s.Name(), st.SampleEvals, total)
		}
	}
}

// scaled is z ← q_r tanh(z) + 1.
type scaled struct{ q []float64 }

func (m *scaled) Dim() int { return 2 }

func (m *scaled) Eval(dst, z []float64, rows []int) {
	for i, r := range rows {
		for j := range 2 {
			dst[2*i+j] = m.q[r]*math.Tanh(z[2*i+j]) + float64(1+j)
		}
	}
}
