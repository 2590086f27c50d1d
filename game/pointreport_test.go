package game

import (
	"encoding/json"
	"errors"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/internal/philox"
)

// inspectCase returns a case of canonical.json.
func inspectCase(t *testing.T, name string, into any) {
	t.Helper()
	var file struct{ Cases []json.RawMessage }
	readFiniteJSON(t, "canonical.json", &file)
	for _, c := range file.Cases {
		var head struct{ Name string }
		if err := json.Unmarshal(c, &head); err != nil {
			t.Fatal(err)
		}
		if head.Name == name {
			if err := json.Unmarshal(c, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no case %s", name)
}

func TestInspectClassification(t *testing.T) {
	var c struct {
		Cases []struct {
			J              [][]float64
			Eig            [][2]float64
			EigS           []float64 `json:"eig_S"`
			Div            float64
			Nash           bool    `json:"strict_differential_nash"`
			Stable         bool    `json:"stable_flow"`
			Unstable       bool    `json:"unstable_flow"`
			StableLetcher  bool    `json:"stable_fixed_point_letcher"`
			GDCriticalStep float64 `json:"gd_critical_step"`
		}
	}
	inspectCase(t, "classification2x2", &c)
	seen := map[[2]bool]bool{}
	for _, c := range c.Cases {
		g, err := Affine([]int{1, 1}, mat.NewDense(2, 2, append(slices.Clone(c.J[0]), c.J[1]...)), nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Inspect(g, []float64{0, 0}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Critical || r.DifferentialNash != c.Nash || r.StableFlow != c.Stable || r.UnstableFlow != c.Unstable || r.StableFixedPoint != c.StableLetcher {
			t.Errorf("J = %v: %+v, want %+v", c.J, r, c)
		}
		for k, e := range c.Eig {
			if cmplx.Abs(r.Eigenvalues[k]-complex(e[0], e[1])) > 1e-12 {
				t.Errorf("J = %v: eigenvalues %v, want %v", c.J, r.Eigenvalues, c.Eig)
			}
			if math.Abs(r.SymmetricEigs[k]-c.EigS[k]) > 1e-12 {
				t.Errorf("J = %v: eigenvalues of S %v, want %v", c.J, r.SymmetricEigs, c.EigS)
			}
		}
		if math.Abs(r.Divergence-c.Div) > 1e-12 || math.Abs(r.CriticalGD-c.GDCriticalStep) > 1e-12 {
			t.Errorf("J = %v: divergence %v, critical step %v, want %v, %v", c.J, r.Divergence, r.CriticalGD, c.Div, c.GDCriticalStep)
		}
		seen[[2]bool{r.DifferentialNash, r.StableFlow}] = true
	}
	if len(seen) != 4 {
		t.Errorf("of Nash or not, stable or not, only %v occur", seen)
	}
}

func TestInspectDiagnostics(t *testing.T) {
	var c struct {
		X, Losses, Xi []float64
		J             [][]float64
		Div           float64
		S             float64 `json:"S_norm"`
		A             float64 `json:"A_norm"`
		Eig           [][2]float64
	}
	inspectCase(t, "quartic3_diagnostics", &c)
	poly := quartic3(t)
	plain := closedGame{poly.Blocks(), poly.Losses, poly.Field}
	for _, k := range []struct {
		name string
		g    Game
		tol  float64
	}{{"polynomial", poly, 1e-12}, {"differences", plain, 1e-8}} {
		r, err := Inspect(k.g, c.X, 0)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got-want) > k.tol {
				t.Errorf("%s: %s = %v, want %v", k.name, what, got, want)
			}
		}
		for i := range c.X {
			check("loss", r.Losses[i], c.Losses[i])
			check("xi", r.Field[i], c.Xi[i])
			check("eigenvalue", cmplx.Abs(r.Eigenvalues[i]-complex(c.Eig[i][0], c.Eig[i][1])), 0)
			for l, v := range c.J[i] {
				check("J", r.Jacobian.At(i, l), v)
			}
			check("own Hessian", r.OwnEigs[i][0], c.J[i][i])
		}
		check("div", r.Divergence, c.Div)
		check("|S|", r.SNorm, c.S)
		check("|A|", r.ANorm, c.A)
		if r.Critical || r.DifferentialNash || r.NecessaryNash || r.StableFlow || r.UnstableFlow || r.StableFixedPoint {
			t.Errorf("%s: flags at a point that is not critical: %+v", k.name, r)
		}
	}
}

// TestCriticalSteps wants every method stable just below its critical step and unstable
// just above, by the spectral radius of its iteration matrix.
func TestCriticalSteps(t *testing.T) {
	r := rand.New(philox.NewSource(4, 0))
	tested := 0
	for range 200 {
		n := 2 + r.IntN(3)
		j := mat.NewDense(n, n, nil)
		blocks := make([]int, n)
		for k := range n {
			blocks[k] = 1
			for l := range n {
				j.Set(k, l, r.NormFloat64())
			}
			j.Set(k, k, j.At(k, k)+1)
		}
		g, err := Affine(blocks, j, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Inspect(g, make([]float64, n), 0)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Linearise(g, make([]float64, n))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			m    Method
			step float64
		}{{GD{}, p.CriticalGD}, {Extragradient{}, p.CriticalEG}, {Optimistic{}, p.CriticalOGDA}} {
			if (c.step > 0) != p.StableFlow {
				t.Errorf("%s: critical step %v where stable is %t", c.m.Name(), c.step, p.StableFlow)
			}
			if c.step == 0 {
				continue
			}
			tested++
			for _, f := range []float64{0.5, 0.999, 1.001} {
				rho, err := LocalRate(c.m, l, f*c.step)
				if err != nil {
					t.Fatal(err)
				}
				if (rho < 1) != (f < 1) {
					t.Errorf("%s: spectral radius %v at %v of the critical step %v", c.m.Name(), rho, f, c.step)
				}
			}
		}
	}
	if tested < 90 {
		t.Errorf("only %d stable points", tested)
	}
	// The bilinear game: 0, 1 and 1/sqrt(3).
	g, err := ParseGame([]int{1, 1}, []string{"x*y", "-x*y"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Inspect(g, []float64{0, 0}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.CriticalGD != 0 || math.Abs(p.CriticalEG-1) > 1e-12 || math.Abs(p.CriticalOGDA-1/math.Sqrt(3)) > 1e-12 {
		t.Errorf("bilinear game: critical steps %v, %v, %v", p.CriticalGD, p.CriticalEG, p.CriticalOGDA)
	}
}

func TestInspectBadInput(t *testing.T) {
	g := quartic3(t)
	bad := closedGame{[]int{1}, func(dst, x []float64) { dst[0] = 0 }, func(dst, x []float64) { dst[0] = math.Inf(1) }}
	for _, c := range []struct {
		g    Game
		x    []float64
		tol  float64
		want error
	}{
		{nil, nil, 0, ErrArgument},
		{g, []float64{1, 2}, 0, ErrShape},
		{g, []float64{1, 2, math.NaN()}, 0, ErrNotFinite},
		{g, []float64{1, 2, 3}, -1, ErrArgument},
		{bad, []float64{1}, 0, ErrNotFinite},
	} {
		if _, err := Inspect(c.g, c.x, c.tol); !errors.Is(err, c.want) {
			t.Errorf("Inspect(%v, %v): error %v, want %v", c.x, c.tol, err, c.want)
		}
	}
}

func TestBestResponse(t *testing.T) {
	// Player 1 has two wells of different depth, player 2 two coordinates and a convex
	// quadratic own problem, player 3 a loss without lower bound where x > 0.
	g, err := ParseGame([]int{1, 2, 1}, []string{"x^4/4 - x^2/2 + u*x/10", "u^2 + v^2 + u*v - 3u + x*v", "-x*w^2"}, "x", "u", "v", "w")
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{0.9, 1, -1, 2}
	r, err := g.BestResponse(0, x)
	if err != nil {
		t.Fatal(err)
	}
	// x^3 - x + 1/10 = 0, its least root, by bisection.
	lo, hi := -2.0, -1.0
	for range 200 {
		if m := (lo + hi) / 2; m*m*m-m+0.1 < 0 {
			lo = m
		} else {
			hi = m
		}
	}
	if math.Abs(r.X[0]-lo) > 1e-14 || math.Abs(r.Regret-(g.Loss(0).Eval(x)-g.Loss(0).Eval([]float64{lo, 1, -1, 2}))) > 1e-15 {
		t.Errorf("best response of player 0: %+v, want %v", r, lo)
	}
	r, err = g.BestResponse(1, x)
	if err != nil {
		t.Fatal(err)
	}
	// 2u + v = 3, u + 2v = -x
	if u, v := (6+0.9)/3, (-1.8-3)/3; math.Abs(r.X[0]-u) > 1e-14 || math.Abs(r.X[1]-v) > 1e-14 {
		t.Errorf("best response of player 1: %+v, want %v, %v", r, u, v)
	}
	r, err = g.BestResponse(2, x)
	if err != nil || !r.Unbounded || !math.IsInf(r.Loss, -1) || r.X != nil {
		t.Errorf("best response of player 2: %+v, %v, want unbounded", r, err)
	}
	regrets, err := g.Regrets([]float64{-1, 5. / 3, -1. / 3, 0})
	if err != nil {
		t.Fatal(err)
	}
	// Players 1 and 2 play best responses there, player 0 does not.
	if regrets[0] < 1e-3 || regrets[1] > 1e-15 || regrets[2] != 0 {
		t.Errorf("regrets %v", regrets)
	}

	// At random points no grid point is better than the response.
	for seed := range 50 {
		rnd := rand.New(philox.NewSource(11, seed))
		p := NewPoly(2).Add(0.1+rnd.Float64(), 4, 0)
		for e := range 4 {
			p.Add(rnd.NormFloat64(), e, 0)
			p.Add(rnd.NormFloat64(), e, 1)
		}
		g, err := NewPolynomial([]int{1, 1}, []*Poly{p, NewPoly(2)})
		if err != nil {
			t.Fatal(err)
		}
		y := rnd.NormFloat64()
		r, err := g.BestResponse(0, []float64{0, y})
		if err != nil {
			t.Fatal(err)
		}
		for s := -20.0; s < 20; s += 0.01 {
			if v := p.Eval([]float64{s, y}); v < r.Loss-1e-9 {
				t.Fatalf("%v: loss %v at %v, best response %+v", p, v, s, r)
			}
		}
		if math.Abs(p.Diff(0).Eval([]float64{r.X[0], y})) > 1e-10*math.Max(1, math.Abs(r.X[0]*r.X[0]*r.X[0])) {
			t.Errorf("%v: slope at the best response %v", p, p.Diff(0).Eval([]float64{r.X[0], y}))
		}
	}

	cubic, err := ParseGame([]int{2}, []string{"x^4 + y^4 + x*y"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cubic.BestResponse(0, []float64{0, 0}); !errors.Is(err, ErrMissing) {
		t.Errorf("two coordinates and degree 4: error %v", err)
	}
	if _, err := cubic.BestResponse(1, []float64{0, 0}); !errors.Is(err, ErrArgument) {
		t.Errorf("no such player: error %v", err)
	}
}
