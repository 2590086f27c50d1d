package infogeo

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

func graphFlow(t testing.TB, pi []float64, edges []Edge) *GraphFlow {
	t.Helper()
	g, err := NewGraphFlow(pi, edges)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func path(pi []float64) []Edge {
	var e []Edge
	for i := range len(pi) - 1 {
		e = append(e, Edge{i, i + 1, math.Min(pi[i], pi[i+1])})
	}
	return e
}

func TestGraphFlowReference(t *testing.T) {
	var ref struct {
		Pi          []float64
		P0          []float64
		Gap         float64   `json:"spectral_gap"`
		Dissipation float64   `json:"entropy_dissipation_at_p0"`
		Velocity    []float64 `json:"velocity_at_p0"`
		Points      []struct {
			T  float64
			P  []float64
			KL float64
		}
	}
	readReference(t, "graph_wasserstein.json", &ref)
	g := graphFlow(t, ref.Pi, path(ref.Pi))
	v, p := make([]float64, 4), make([]float64, 4)
	_, slope := g.EvalEnergy(v, ref.P0, 0)
	if !(relVec(v, ref.Velocity) <= 1e-15) || !(math.Abs(slope/ref.Dissipation-1) <= 1e-14) || !(math.Abs(g.Gap()/ref.Gap-1) <= 1e-13) {
		t.Errorf("velocity %v, slope %v, gap %v, want %v, %v, %v", v, slope, g.Gap(), ref.Velocity, ref.Dissipation, ref.Gap)
	}
	for _, c := range ref.Points {
		g.Exact(p, ref.P0, c.T)
		if e, _ := g.EvalEnergy(nil, p, 0); !(relVec(p, c.P) <= 1e-12) || !(math.Abs(e-c.KL) <= 1e-12) {
			t.Errorf("at %v: %v with KL %v, want %v with %v", c.T, p, e, c.P, c.KL)
		}
		s, err := flow.Solve(context.Background(), g, ref.P0, flow.Options[float64]{Method: flow.DOP853, T1: c.T, RelTol: 1e-12, AbsTol: 1e-13})
		if err != nil || !(relVec(s.X, c.P) <= 1e-11) {
			t.Errorf("integrated to %v: %v, want %v", c.T, err, c.P)
		}
	}
}

// TestGraphFlowGradient: the field is minus the Onsager operator of the gradient of KL.
func TestGraphFlowGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for n := range 40 {
		k := 2 + n%8
		pi, p := randomDistribution(r, k), randomDistribution(r, k)
		edges := path(pi)
		for range k {
			if i, j := r.IntN(k), r.IntN(k); i != j {
				edges = append(edges, Edge{i, j, r.ExpFloat64()})
			}
		}
		g := graphFlow(t, pi, edges)
		v, kv, phi := make([]float64, k), make([]float64, k), make([]float64, k)
		for i := range phi {
			phi[i] = math.Log(p[i]/pi[i]) + 1
		}
		g.Onsager(kv, p, phi)
		e, slope := g.EvalEnergy(v, p, 0)
		scale := kernel.MaxAbs(v)
		for i := range v {
			if !(math.Abs(v[i]+kv[i]) <= 1e-12*scale) {
				t.Fatalf("%d: field %v, want minus %v", n, v, kv)
			}
		}
		if want := kernel.Dot(phi, v); !(math.Abs(slope/want-1) <= 1e-10) || !(slope < 0) {
			t.Fatalf("%d: slope %v, gradient times velocity %v", n, slope, want)
		}
		if e != KL(p, pi) {
			t.Fatalf("%d: energy %v", n, e)
		}
		g.decompose()
		if c := g.Caps(); !(math.Abs(c.Invariants[0].Value(v)) <= 1e-13*scale) || c.Radius(p, 0) < g.values[k-1] {
			t.Fatalf("%d: sum of the velocity %v, radius %v < %v", n, kernel.Sum(v), c.Radius(p, 0), g.values[k-1])
		}
	}
	pi := []float64{.1, .2, .3, .4}
	g := graphFlow(t, pi, path(pi))
	a, b := make([]float64, 4), make([]float64, 4)
	g.Exact(a, []float64{.55, .25, .15, .05}, 15)
	g.Exact(b, []float64{.55, .25, .15, .05}, 16)
	if rate := math.Log(KL(a, pi) / KL(b, pi)); !(math.Abs(rate/(2*g.Gap())-1) <= 1e-3) {
		t.Errorf("rate %v, want twice the gap %v", rate, g.Gap())
	}
}

func TestGraphFlowInputs(t *testing.T) {
	half := []float64{.5, .5}
	for _, c := range []struct {
		pi    []float64
		edges []Edge
		want  error
	}{
		{[]float64{1}, nil, ErrShape},
		{[]float64{1, 0}, nil, ErrInvalid},
		{[]float64{.5, math.NaN()}, nil, ErrInvalid},
		{[]float64{.5, .6}, nil, ErrInvalid},
		{half, []Edge{{0, 2, 1}}, ErrInvalid},
		{half, []Edge{{1, 1, 1}}, ErrInvalid},
		{half, []Edge{{0, 1, 0}}, ErrInvalid},
		{half, []Edge{{0, 1, math.Inf(1)}}, ErrInvalid},
	} {
		if _, err := NewGraphFlow(c.pi, c.edges); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c, err)
		}
	}
	g := graphFlow(t, []float64{.25, .25, .25, .25}, []Edge{{0, 1, 1}, {2, 3, 1}})
	if g.Gap() > 1e-15 {
		t.Errorf("gap %v of two components", g.Gap())
	}
	if _, slope := g.EvalEnergy(make([]float64, 4), []float64{0, 1, 0, 0}, 0); !math.IsInf(slope, -1) {
		t.Errorf("slope %v at an empty state, want -Inf", slope)
	}
	for _, c := range [][3]float64{{1, 1, 1}, {2, 1, 1 / math.Ln2}, {0, 3, 0}, {1 + 1e-9, 1, 1 + 5e-10}} {
		if got := logMean(c[0], c[1]); !(math.Abs(got-c[2]) <= 1e-15) {
			t.Errorf("logarithmic mean of %v and %v = %v, want %v", c[0], c[1], got, c[2])
		}
	}
}

func BenchmarkGraphFlow(b *testing.B) {
	const k = 10000
	pi, p := make([]float64, k), make([]float64, k)
	for i := range pi {
		pi[i], p[i] = 1.0/k, 2*float64(i+1)/(k*(k+1))
	}
	g := graphFlow(b, pi, path(pi))
	dst := make([]float64, k)
	b.ReportAllocs()
	for b.Loop() {
		g.EvalEnergy(dst, p, 0)
	}
	b.ReportMetric(k*float64(b.N)/b.Elapsed().Seconds(), "states/s")
}
