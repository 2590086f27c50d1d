package game

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/internal/philox"
)

// closedGame is a game of plain functions.
type closedGame struct {
	blocks []int
	losses func(dst, x []float64)
	field  func(dst, x []float64)
}

func (g closedGame) Blocks() []int           { return g.blocks }
func (g closedGame) Losses(dst, x []float64) { g.losses(dst, x) }
func (g closedGame) Field(dst, x []float64)  { g.field(dst, x) }
func (g closedGame) Clone() Game             { return g }

// blackBoxGames are the fields of blackbox.json, in its order.
var blackBoxGames = []closedGame{
	{[]int{1, 1}, func(dst, x []float64) {
		f := -math.Log1p(math.Exp(-x[0] * x[1])) // f' = 1/(1+exp(t))
		dst[0], dst[1] = f, -f
	}, func(dst, x []float64) {
		s := 1 / (1 + math.Exp(x[0]*x[1]))
		dst[0], dst[1] = x[1]*s, -x[0]*s
	}},
	{[]int{1, 1}, func(dst, x []float64) {
		dst[0] = math.Sin(x[0])*math.Cos(x[1]) + x[0]*x[0]/2
		dst[1] = -math.Cos(x[0]+2*x[1])/2 - x[0]*x[1]/2
	}, func(dst, x []float64) {
		dst[0] = math.Cos(x[0])*math.Cos(x[1]) + x[0]
		dst[1] = math.Sin(x[0]+2*x[1]) - x[0]/2
	}},
	{[]int{1, 1, 1}, func(dst, x []float64) {
		dst[0] = x[0] * (math.Sin(x[2]) + math.Cos(x[1]))
		dst[1] = x[1] * (math.Sin(x[0]) + math.Cos(x[2]))
		dst[2] = x[2] * (math.Sin(x[1]) + math.Cos(x[0]))
	}, func(dst, x []float64) {
		dst[0] = math.Sin(x[2]) + math.Cos(x[1])
		dst[1] = math.Sin(x[0]) + math.Cos(x[2])
		dst[2] = math.Sin(x[1]) + math.Cos(x[0])
	}},
}

type blackBoxCase struct {
	Field  string
	Var    float64
	Mean   []float64
	Points []struct {
		X         []float64
		Phi, Q    float64
		GradPhi   []float64 `json:"grad_phi"`
		Agreement float64
	}
	Total      float64 `json:"energy_total"`
	Scalar     float64 `json:"energy_scalar"`
	NearScalar float64 `json:"energy_near_scalar"`
	Agreement  float64 `json:"energy_agreement"`
}

func blackBoxCases(t *testing.T) []blackBoxCase {
	t.Helper()
	var file struct{ Cases []blackBoxCase }
	readFiniteJSON(t, "blackbox.json", &file)
	if len(file.Cases) != len(blackBoxGames) {
		t.Fatalf("%d cases in blackbox.json, want %d", len(file.Cases), len(blackBoxGames))
	}
	return file.Cases
}

func TestPotentialAtReference(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds under the race detector")
	}
	// The product rule converges with the nodes; the Dirac-GAN has poles near the real
	// axis and wants the most.
	rules := []Quadrature{{Nodes: 96, Angles: 32}, {Nodes: 24, Angles: 24}, {Nodes: 16, Angles: 20}}
	for i, c := range blackBoxCases(t) {
		for _, p := range c.Points {
			got, err := PotentialAt(blackBoxGames[i], Gaussian(c.Mean, c.Var), p.X, rules[i])
			if err != nil {
				t.Fatal(err)
			}
			tol := math.Max(1e-12, 2*p.Agreement)
			if math.Abs(got.Potential-p.Phi) > tol || math.Abs(got.Q-p.Q) > tol {
				t.Errorf("%s at %v: phi = %v, q = %v, want %v, %v within %g", c.Field, p.X, got.Potential, got.Q, p.Phi, p.Q, tol)
			}
			for k, v := range p.GradPhi { // with Jacobians by differences
				if math.Abs(got.Gradient[k]-v) > 2e-9 {
					t.Errorf("%s at %v: gradient[%d] = %v, want %v", c.Field, p.X, k, got.Gradient[k], v)
				}
			}
		}
	}
}

// TestPotentialAtPolynomials compares the black-box formulas with the exact polynomial
// decomposition, for Gaussian and jet weights.
func TestPotentialAtPolynomials(t *testing.T) {
	for _, c := range polyCases(t) {
		r, rw := c.game(t)
		g, err := r.Float()
		if err != nil {
			t.Fatal(err)
		}
		w := rw.float()
		if v := w.Var; len(v) > 0 && (v[0] != v[1] || v[0] != v[len(v)-1]) {
			if _, err := PotentialAt(g, w, make([]float64, g.n), Quadrature{}); !errors.Is(err, ErrWeight) {
				t.Errorf("%s: error %v for unequal variances", c.Name, err)
			}
			continue
		}
		x := polyFloats(polyRats(t, c.EvalAt))
		got, err := PotentialAt(g, w, x, Quadrature{Nodes: 8, Angles: 16})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Potential-c.Eval.Phi) > 1e-13*math.Max(1, math.Abs(c.Eval.Phi))*10 {
			t.Errorf("%s: phi = %v, want %v", c.Name, got.Potential, c.Eval.Phi)
		}
		for k, v := range c.Eval.GradPhi {
			if math.Abs(got.Gradient[k]-v) > 1e-12*math.Max(1, math.Abs(v)) {
				t.Errorf("%s: gradient[%d] = %v, want %v", c.Name, k, got.Gradient[k], v)
			}
		}
		if len(g.Blocks()) < g.n {
			continue // then the field-level projection is not onto games
		}
		for k, v := range c.Eval.NearScalar {
			if math.Abs(got.NearScalar[k]-v) > 1e-12*math.Max(1, math.Abs(v)) {
				t.Errorf("%s: near scalar[%d] = %v, want %v", c.Name, k, got.NearScalar[k], v)
			}
		}
	}
}

func TestPotentialAtSampled(t *testing.T) {
	for i, c := range blackBoxCases(t) {
		p := c.Points[0]
		got, err := PotentialAt(blackBoxGames[i], Gaussian(c.Mean, c.Var), p.X, Quadrature{Sample: 20000, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		if d := math.Abs(got.Potential - p.Phi); d > 4*got.PotentialErr || got.PotentialErr > 0.03 {
			t.Errorf("%s: phi = %v ± %v, want %v", c.Field, got.Potential, got.PotentialErr, p.Phi)
		}
		if d := math.Abs(got.Q - p.Q); d > 4*got.QErr || got.QErr > 0.03 {
			t.Errorf("%s: q = %v ± %v, want %v", c.Field, got.Q, got.QErr, p.Q)
		}
		for k, v := range p.GradPhi {
			if d := math.Abs(got.Gradient[k] - v); d > 4*got.GradientErr[k] {
				t.Errorf("%s: gradient[%d] = %v ± %v, want %v", c.Field, k, got.Gradient[k], got.GradientErr[k], v)
			}
		}
	}
}

// randomLinear returns xi = Jx with independent N(0, 1/n) entries, and |S|², its scalar
// energy under the standard weight.
func randomLinear(t testing.TB, n int, seed uint64) (*Polynomial, float64) {
	t.Helper()
	r := rand.New(philox.NewSource(seed, 0))
	j := mat.NewDense(n, n, nil)
	blocks := make([]int, n)
	for k := range n {
		blocks[k] = 1
		for l := range n {
			j.Set(k, l, r.NormFloat64()/math.Sqrt(float64(n)))
		}
	}
	g, err := Affine(blocks, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := 0.0
	for k := range n {
		for l := range n {
			v := (j.At(k, l) + j.At(l, k)) / 2
			s += v * v
		}
	}
	return g, s
}

func TestPotentialEnergy(t *testing.T) {
	ctx := context.Background()
	check := func(name string, e EnergyEstimate, scalar, total, err float64) {
		t.Helper()
		if math.Abs(e.Scalar-scalar) > 4*e.ScalarErr || math.Abs(e.Total-total) > 4*e.TotalErr || math.Abs(e.Share-scalar/total) > 4*e.ShareErr {
			t.Errorf("%s: %+v, want scalar energy %v of %v", name, e, scalar, total)
		}
		if e.ScalarErr > err || e.ShareErr*e.Total > 1.5*e.ScalarErr {
			t.Errorf("%s: errors of %+v, want at most %v", name, e, err)
		}
	}
	quartic, err := ParseGame([]int{1, 1}, []string{"x^4/4 + x^2y - xy", "y^4/4 - xy^2 + 2xy"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := PotentialEnergy(ctx, quartic, Gaussian(nil, 1), EnergySample{Samples: 400000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	check("quartic2", e, 215./6, 43, 0.5)
	linear, s := randomLinear(t, 100, 3)
	total := 0.0
	for k := range 100 {
		for l := range 100 {
			v := linear.Loss(k).Diff(k).Diff(l).Eval(make([]float64, 100))
			total += v * v
		}
	}
	e, err = PotentialEnergy(ctx, linear, Gaussian(nil, 1), EnergySample{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	check("linear", e, s, total, 0.2)
	for i, c := range blackBoxCases(t) { // lane by lane, Jacobians by differences
		e, err := PotentialEnergy(ctx, blackBoxGames[i], Gaussian(c.Mean, c.Var), EnergySample{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		check(c.Field, e, c.Scalar, c.Total, 0.04)
	}
}

// TestPotentialEnergyReproducible wants the same bits from any number of processors.
func TestPotentialEnergyReproducible(t *testing.T) {
	linear, _ := randomLinear(t, 30, 3)
	var first EnergyEstimate
	for i, procs := range []int{1, 2, 5} {
		old := runtime.GOMAXPROCS(procs)
		e, err := PotentialEnergy(context.Background(), linear, Gaussian(nil, 2), EnergySample{Samples: 3000, Seed: 9})
		runtime.GOMAXPROCS(old)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = e
		} else if e != first {
			t.Errorf("%d processors: %+v, one: %+v", procs, e, first)
		}
	}
}

func BenchmarkPotentialEnergy(b *testing.B) {
	linear, _ := randomLinear(b, 100, 3)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := PotentialEnergy(context.Background(), linear, Gaussian(nil, 1), EnergySample{Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(40000*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}
