package game

import (
	"context"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// TestAnatomy is experiment E1: the energies of quartic2 under four weights.
func TestAnatomy(t *testing.T) {
	g := quartic2(t)
	for _, c := range []struct {
		w                            Weight
		total, scalar, vector        float64
		gap, nearScalar, exactVector float64 // 0: not stated
	}{
		{Gaussian(nil, 1), 43, 215. / 6, 43. / 6, 8. / 27, 89. / 3, 40. / 3},
		{Gaussian(nil, 0.25), 71. / 32, 89. / 96, 31. / 24, 0, 0, 0},
		{Gaussian(nil, 4), 2068, 6022. / 3, 182. / 3, 0, 0, 0},
		{Jet(nil), 25, 107. / 6, 43. / 6, 0, 0, 0},
	} {
		p, err := g.Decompose(ScalarFirst, c.w)
		if err != nil {
			t.Fatal(err)
		}
		v, err := g.Decompose(VectorFirst, c.w)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got-want) > 1e-12*want {
				t.Errorf("%v: %s = %v, want %v", c.w, what, got, want)
			}
		}
		check("total", p.Energy.Total, c.total)
		check("scalar", p.Energy.Scalar, c.scalar)
		check("near vector", p.Energy.Vector, c.vector)
		check("share", p.Energy.ScalarShare()+p.Energy.VectorShare(), 1)
		if c.gap > 0 {
			check("gap", p.Gap, c.gap)
			check("near scalar", v.Energy.Scalar, c.nearScalar)
			check("vector", v.Energy.Vector, c.exactVector)
		}
	}
}

// TestPartsKnowTheirLaws wants the parts of quartic2 to bring what the core needs: the
// potential part its energy, the vector parts what they conserve (T6).
func TestPartsKnowTheirLaws(t *testing.T) {
	g := quartic2(t)
	start := []float64{0.6, -0.4}
	run := func(part Game, t1 float64) (flow.Field[float64], *flow.Solution[float64]) {
		t.Helper()
		f, err := Flow(part)
		if err != nil {
			t.Fatal(err)
		}
		s, err := flow.Solve(context.Background(), f, start, flow.Options[float64]{Method: flow.DOP853, RelTol: 1e-12, AbsTol: 1e-14, T1: t1, Ledger: flow.CapsOf[float64](f).Descends})
		if err != nil {
			t.Fatal(err)
		}
		return f, s
	}
	conserved := func(d Decomposition, w Weight, t1 float64) {
		t.Helper()
		p, err := g.Decompose(d, w)
		if err != nil {
			t.Fatal(err)
		}
		f, s := run(p.VectorGame(), t1)
		list := flow.CapsOf[float64](f).Invariants
		if len(list) != 1 {
			t.Fatalf("%v, %v: %d invariants", d, w, len(list))
		}
		a, b := list[0].Value(start), list[0].Value(s.X)
		if moved := math.Hypot(s.X[0]-start[0], s.X[1]-start[1]); moved < 0.1 || a == 0 || math.Abs(b-a) > 1e-9*math.Abs(a) {
			t.Errorf("%v, %v: %s = %v after moving by %v, %v at the start", d, w, list[0].Name, b, moved, a)
		}
	}
	conserved(ScalarFirst, Gaussian(nil, 1), 20)
	conserved(ScalarFirst, Weight{Mean: []float64{0.1, 0.2}, Var: []float64{1, 2}}, 20)
	conserved(ScalarFirst, Jet(nil), 20)
	conserved(VectorFirst, Gaussian(nil, 1), 0.7) // before the blow-up at .7948
	conserved(ThreeWay, Gaussian(nil, 1), 0.7)

	p, err := g.Decompose(ScalarFirst, Gaussian(nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	f, s := run(p.PotentialGame(), 20)
	e, ok := f.(flow.EnergyField[float64])
	if !ok {
		t.Fatal("the potential part has no energy")
	}
	if phi, _ := e.EvalEnergy(nil, s.X, 0); math.Abs(phi+2.1275128721654633) > 1e-10 || s.Energy != phi {
		t.Errorf("energy %v, phi = %v, want the reference's -2.1275128721654633", s.Energy, phi)
	}
	if s.Ledger.Rises > 0 || s.Ledger.Defect() > 1e-9 {
		t.Errorf("ledger %+v", s.Ledger)
	}
	// The same as the gradient flow of the energy, with its Hessian.
	pot := p.PotentialGame()
	grad := flow.GradientFlow[float64](pot.Clone().(*PotentialGame))
	u, v, w := make([]float64, 2), make([]float64, 2), make([]float64, 2)
	grad.Eval(u, start, 0)
	f.Eval(v, start, 0)
	if farthest(u, v) > 1e-15 {
		t.Errorf("gradient flow %v, gradient play %v", u, v)
	}
	flow.CapsOf[float64](grad).JacVec(u, start, []float64{1, -2}, 0)
	pot.JVP(w, start, []float64{1, -2})
	for k := range u {
		if u[k] != -w[k] {
			t.Errorf("Hessian times vector %v, want %v", u, w)
		}
	}
	if _, slope := e.EvalEnergy(v, start, 0); math.Abs(slope+sumSquares(v)) > 1e-15 {
		t.Errorf("slope %v, |xi|² = %v", slope, sumSquares(v))
	}
	two, err := Flow(pot, 2, 3) // γ_1 = 2, γ_2 = 3
	if err != nil {
		t.Fatal(err)
	}
	if _, slope := two.(flow.EnergyField[float64]).EvalEnergy(w, start, 0); math.Abs(slope+2*v[0]*v[0]+3*v[1]*v[1]) > 1e-14 {
		t.Errorf("slope %v with rates 2, 3", slope)
	}
	if second, err := g.Decompose(VectorFirst, Weight{}); err != nil || second.PotentialGame() != nil {
		t.Errorf("a near scalar part has a potential, %v", err)
	}
}

// TestJetInvariant wants |x-mu|² conserved by the near vector part of the jet, with
// Pythagoras' law of gradient descent (T6).
func TestJetInvariant(t *testing.T) {
	g := randomGame(t, []int{1, 2, 1}, 4, 10, 5)
	mu := []float64{0.3, -0.2, 0.1, 0.4}
	p, err := g.Decompose(ScalarFirst, Jet(mu))
	if err != nil {
		t.Fatal(err)
	}
	v := p.VectorGame()
	if len(v.Invariants()) != 1 {
		t.Fatalf("%d invariants", len(v.Invariants()))
	}
	square := v.Invariants()[0].Value
	x, y := randomPoint(4, 3), make([]float64, 4)
	for k := range x {
		x[k] = mu[k] + x[k]/2
	}
	v.Field(y, x)
	before, moved := square(x), sumSquares(y)
	for k := range x {
		x[k] -= 0.1 * y[k]
	}
	if want := before + 0.01*moved; moved < 1e-3 || math.Abs(square(x)-want) > 1e-13*want {
		t.Errorf("|x-mu|² = %v after a step, want %v", square(x), want)
	}
	f, err := Flow(v.Clone())
	if err != nil {
		t.Fatal(err)
	}
	before = square(x)
	s, err := flow.Solve(context.Background(), f, x, flow.Options[float64]{Method: flow.DOP853, RelTol: 1e-12, AbsTol: 1e-14, T1: 20})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(square(s.X)-before) > 1e-9*before {
		t.Errorf("|x-mu|² = %v after 20, %v before", square(s.X), before)
	}
}

// TestDigitsLost compares the estimate with the errors against exact arithmetic, for
// growing degrees and weights far from the origin.
func TestDigitsLost(t *testing.T) {
	step := 4
	if testing.Short() {
		step = 14
	}
	for degree := 2; degree <= 30; degree += step {
		for _, w := range []RatWeight{{}, {Mean: []*big.Rat{big.NewRat(5, 1), big.NewRat(-3, 1)}, Var: []*big.Rat{big.NewRat(1, 4)}}} {
			r := rand.New(philox.NewSource(12, degree))
			p := NewPoly(2)
			for range 8 {
				e := r.IntN(degree + 1)
				p.Add(r.NormFloat64(), e, degree-e)
			}
			g, err := NewPolynomial([]int{1, 1}, []*Poly{p, p.Scale(-0.3)})
			if err != nil {
				t.Fatal(err)
			}
			exact, err := g.DecomposeExact(ScalarFirst, w)
			if err != nil {
				t.Fatal(err)
			}
			fw := w
			if fw.Mean == nil {
				fw.Mean = []*big.Rat{new(big.Rat), new(big.Rat)}
			}
			if fw.Var == nil {
				fw.Var = []*big.Rat{big.NewRat(1, 1)}
			}
			fast, err := g.Decompose(ScalarFirst, fw.float())
			if err != nil {
				t.Fatal(err)
			}
			// The error of the coefficients, at the typical size of monomials.
			m, err := fw.float().measure(g.blocks)
			if err != nil {
				t.Fatal(err)
			}
			c := &converter{m: m}
			bad, size := 0.0, 0.0
			for i := range 2 {
				for _, s := range fast.Scalar.Loss(i).Minus(exact.Scalar.Loss(i).Float()).terms {
					bad += math.Abs(s.c.v) * c.size(s.p)
				}
				for _, s := range g.Loss(i).terms {
					size += math.Abs(s.c.v) * c.size(s.p)
				}
			}
			lost := math.Log10(bad / size / 0x1p-53)
			if lost > fast.DigitsLost+1 {
				t.Errorf("degree %d, mean %v: %.1f digits lost, estimate %.1f", degree, fw.Mean, lost, fast.DigitsLost)
			}
			if fast.DigitsLost > lost+5 && fast.DigitsLost > 4 {
				t.Errorf("degree %d, mean %v: estimate %.1f of lost digits, measured %.1f", degree, fw.Mean, fast.DigitsLost, lost)
			}
		}
	}
}

// fourierGame is a game with random smooth losses: l_i = Σ_m a_im cos(w_im·x + b_im).
type fourierGame struct {
	blocks []int
	terms  int
	w      [][]float64 // of player i, term m at m n
	a, b   [][]float64
}

func newFourierGame(n, terms int, seed int) *fourierGame {
	r := rand.New(philox.NewSource(21, seed))
	g := &fourierGame{terms: terms}
	for range n {
		g.blocks = append(g.blocks, 1)
		w, a, b := make([]float64, n*terms), make([]float64, terms), make([]float64, terms)
		for k := range w {
			w[k] = r.NormFloat64() / math.Sqrt(float64(n))
		}
		for m := range terms {
			a[m], b[m] = r.NormFloat64(), 2*math.Pi*r.Float64()
		}
		g.w, g.a, g.b = append(g.w, w), append(g.a, a), append(g.b, b)
	}
	return g
}

func (g *fourierGame) Blocks() []int { return g.blocks }
func (g *fourierGame) Clone() Game   { return g }

func (g *fourierGame) phase(i, m int, x []float64) float64 {
	s := g.b[i][m]
	for k, v := range x {
		s += g.w[i][m*len(x)+k] * v
	}
	return s
}

func (g *fourierGame) Losses(dst, x []float64) {
	for i := range dst {
		dst[i] = 0
		for m := range g.terms {
			dst[i] += g.a[i][m] * math.Cos(g.phase(i, m, x))
		}
	}
}

func (g *fourierGame) Field(dst, x []float64) {
	for i := range dst {
		dst[i] = 0
		for m := range g.terms {
			dst[i] -= g.a[i][m] * g.w[i][m*len(x)+i] * math.Sin(g.phase(i, m, x))
		}
	}
}

// TestHighDimension is experiment E9 in short: scalar shares of random smooth games in 2
// to 24 dimensions, with errors that fall as 1/√Samples and do not grow with n.
func TestHighDimension(t *testing.T) {
	ctx := context.Background()
	dims := []int{2, 8, 24}
	if testing.Short() {
		dims = dims[:2]
	}
	for i, n := range dims {
		g := newFourierGame(n, 4, i)
		few, err := PotentialEnergy(ctx, g, Weight{}, EnergySample{Samples: 1000, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		many, err := PotentialEnergy(ctx, g, Weight{}, EnergySample{Samples: 16000, Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		if many.Share < 0.3 || many.Share > 0.9 || many.ShareErr > 0.02 {
			t.Errorf("n = %d: share %v ± %v", n, many.Share, many.ShareErr)
		}
		if r := few.ShareErr / many.ShareErr; r < 3.2 || r > 4.8 {
			t.Errorf("n = %d: error %v with 1000 samples, %v with 16000", n, few.ShareErr, many.ShareErr)
		}
		if d := math.Abs(few.Share - many.Share); d > 4*math.Hypot(few.ShareErr, many.ShareErr) {
			t.Errorf("n = %d: shares %v ± %v and %v ± %v", n, few.Share, few.ShareErr, many.Share, many.ShareErr)
		}
		if n == 2 { // the projection knows it
			p, err := Project(g, Weight{}, 30, 40)
			if err != nil {
				t.Fatal(err)
			}
			parts, err := p.Decompose(ScalarFirst)
			if err != nil {
				t.Fatal(err)
			}
			if d := math.Abs(many.Share - parts.Energy.ScalarShare()); d > 4*many.ShareErr || p.Tail > 1e-9 {
				t.Errorf("share %v ± %v, projected %v with tail %g", many.Share, many.ShareErr, parts.Energy.ScalarShare(), p.Tail)
			}
		}
	}
}

// TestDecomposeBadInput checks the table of failures.
func TestDecomposeBadInput(t *testing.T) {
	g := quartic2(t)
	for name, c := range map[string]struct {
		d    Decomposition
		w    Weight
		want error
	}{
		"variance 0":        {ScalarFirst, Gaussian(nil, 0), ErrArgument},
		"variance -1":       {VectorFirst, Weight{Var: []float64{1, -1}}, ErrArgument},
		"variance NaN":      {ScalarFirst, Gaussian(nil, math.NaN()), ErrArgument},
		"variances":         {ScalarFirst, Weight{Var: []float64{1, 1, 1}}, ErrShape},
		"mean":              {ScalarFirst, Weight{Mean: []float64{1}}, ErrShape},
		"mean NaN":          {ScalarFirst, Weight{Mean: []float64{1, math.NaN()}}, ErrNotFinite},
		"jet with variance": {ScalarFirst, Weight{Var: []float64{1, 2}, Jet: true}, ErrWeight},
		"three ways":        {ThreeWay, Weight{Var: []float64{1, 2}}, ErrWeight},
		"fourth way":        {3, Weight{}, ErrArgument},
	} {
		if _, err := g.Decompose(c.d, c.w); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		w    RatWeight
		want error
	}{
		"mean":       {RatWeight{Mean: []*big.Rat{big.NewRat(1, 1)}}, ErrShape},
		"nil mean":   {RatWeight{Mean: []*big.Rat{big.NewRat(1, 1), nil}}, ErrArgument},
		"variance 0": {RatWeight{Var: []*big.Rat{new(big.Rat)}}, ErrArgument},
		"jet":        {RatWeight{Var: []*big.Rat{big.NewRat(1, 1)}, Jet: true}, ErrWeight},
	} {
		if _, err := g.DecomposeExact(ScalarFirst, c.w); !errors.Is(err, c.want) {
			t.Errorf("exact, %s: error %v, want %v", name, err, c.want)
		}
	}
	high, err := ParseGame([]int{1}, []string{"x^250"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := high.Decompose(ScalarFirst, Weight{}); !errors.Is(err, ErrNotFinite) {
		t.Errorf("degree 250: error %v", err)
	}
	if p, err := high.DecomposeExact(ScalarFirst, RatWeight{}); err != nil || p.Energy.Scalar.Cmp(p.Energy.Total) != 0 {
		t.Errorf("degree 250, exactly: %v", err)
	}
	// A game without strategic part has no shares.
	flat, err := ParseGame([]int{1, 1}, []string{"y^3 + 1", "x^2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Decomposition{ScalarFirst, VectorFirst, ThreeWay} {
		p, err := flat.Decompose(d, Weight{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Energy.Total != 0 || !math.IsNaN(p.Energy.ScalarShare()) || !math.IsNaN(p.Energy.VectorShare()) {
			t.Errorf("%v: energies %+v of a game without strategic part", d, p.Energy)
		}
		if p.NonStrategic.String() != flat.String() || p.Scalar.Loss(0).Len() > 0 {
			t.Errorf("%v: parts %v, %v", d, p.NonStrategic, p.Scalar)
		}
	}
	e, err := PotentialEnergy(context.Background(), flat, Weight{}, EnergySample{Samples: 10})
	if err != nil || e.Total != 0 || !math.IsNaN(e.Share) {
		t.Errorf("estimate %+v, %v of a game without strategic part", e, err)
	}
	for name, c := range map[string]struct {
		g    Game
		w    Weight
		o    EnergySample
		want error
	}{
		"nil":     {nil, Weight{}, EnergySample{}, ErrArgument},
		"samples": {g, Weight{}, EnergySample{Samples: 1}, ErrArgument},
		"workers": {g, Weight{}, EnergySample{Workers: -1}, ErrArgument},
		"jet":     {g, Jet(nil), EnergySample{}, ErrWeight},
		"unequal": {g, Weight{Var: []float64{1, 2}}, EnergySample{}, ErrWeight},
		"NaN":     {closedGame{[]int{1}, nil, func(dst, x []float64) { dst[0] = math.Sqrt(x[0]) }}, Weight{}, EnergySample{}, ErrNotFinite},
	} {
		if _, err := PotentialEnergy(context.Background(), c.g, c.w, c.o); !errors.Is(err, c.want) {
			t.Errorf("PotentialEnergy, %s: error %v, want %v", name, err, c.want)
		}
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := PotentialEnergy(stopped, g, Weight{}, EnergySample{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
	for name, c := range map[string]struct {
		x    []float64
		o    Quadrature
		want error
	}{
		"length": {[]float64{1}, Quadrature{}, ErrShape},
		"NaN":    {[]float64{1, math.NaN()}, Quadrature{}, ErrNotFinite},
		"nodes":  {[]float64{1, 2}, Quadrature{Nodes: 201}, ErrArgument},
		"sample": {[]float64{1, 2}, Quadrature{Sample: 1}, ErrArgument},
	} {
		if _, err := PotentialAt(g, Weight{}, c.x, c.o); !errors.Is(err, c.want) {
			t.Errorf("PotentialAt, %s: error %v, want %v", name, err, c.want)
		}
	}
	if _, err := PotentialAt(newFourierGame(9, 1, 0), Weight{}, make([]float64, 9), Quadrature{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("PotentialAt in nine dimensions: error %v", err)
	}
}
