package game

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// canonicalCase is what the finite cases of testdata/canonical.json hold.
type canonicalCase struct {
	Name  string
	Cases []struct {
		Game       string
		Profile    [][]float64
		Values     [][]float64
		Payoff     []float64
		Regret     []float64
		NashConv   float64 `json:"nash_conv"`
		Equilibria []struct{ X, Y, Value []float64 }
	}
}

func canonical(t *testing.T, name string) canonicalCase {
	var file struct{ Cases []canonicalCase }
	readFiniteJSON(t, "canonical.json", &file)
	for _, c := range file.Cases {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no case %q", name)
	return canonicalCase{}
}

func within(got, want []float64, tol float64) bool {
	if len(got) != len(want) {
		return false
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tol*max(1, math.Abs(w))) {
			return false
		}
	}
	return true
}

func TestFiniteExploitability(t *testing.T) {
	for _, c := range canonical(t, "exploitability").Cases {
		f, x := referenceGame(t, c.Game), slices.Concat(c.Profile...)
		v, err := f.Values(x)
		if err != nil {
			t.Fatal(err)
		}
		if !within(v, slices.Concat(c.Values...), 1e-13) {
			t.Errorf("%s: values %v, want %v", c.Game, v, c.Values)
		}
		r, err := f.Regrets(x)
		if err != nil || !within(r, c.Regret, 1e-13) {
			t.Errorf("%s: regrets %v, %v, want %v", c.Game, r, err, c.Regret)
		}
		if n, err := f.NashConv(x); err != nil || math.Abs(n-c.NashConv) > 1e-12 {
			t.Errorf("%s: NashConv %v, %v, want %v", c.Game, n, err, c.NashConv)
		}
		x32, v32 := converted[float32](x), make([]float32, len(x))
		newExpected[float32](f).values(v32, x32)
		for i, w := range v {
			if math.Abs(float64(v32[i])-w) > 1e-6*max(1, kernel.MaxAbs(v)) {
				t.Errorf("%s: float32 value %v, want %v", c.Game, v32[i], w)
			}
		}
	}
}

func TestNash2Reference(t *testing.T) {
	for _, c := range canonical(t, "nash_support_enumeration").Cases {
		got, err := referenceGame(t, c.Game).Nash2()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(c.Equilibria) {
			t.Errorf("%s: %d equilibria %v, want %d", c.Game, len(got), got, len(c.Equilibria))
		}
		for _, w := range c.Equilibria {
			if !slices.ContainsFunc(got, func(e Equilibrium) bool {
				return within(e.X[0], w.X, 1e-12) && within(e.X[1], w.Y, 1e-12) && within(e.Value, w.Value, 1e-12)
			}) {
				t.Errorf("%s: equilibrium %v missing in %v", c.Game, w, got)
			}
		}
	}
}

// Random games are nondegenerate: an odd number of equilibria, none of which anybody
// wants to leave, the pure ones among them.
func TestNash2Random(t *testing.T) {
	r := rand.New(philox.NewSource(6, 0))
	for range 100 {
		f := randomFinite(t, r, 1+r.IntN(4), 1+r.IntN(5))
		found, err := f.Nash2()
		if err != nil {
			t.Fatal(err)
		}
		if len(found)%2 == 0 {
			t.Errorf("shape %v: %d equilibria, want an odd number", f.shape, len(found))
		}
		var pure []int
		for _, e := range found {
			x := slices.Concat(e.X...)
			if n, err := f.NashConv(x); err != nil || n > 1e-9 {
				t.Errorf("NashConv %v at %v: %v", n, e, err)
			}
			if i, j := slices.Index(e.X[0], 1), slices.Index(e.X[1], 1); i >= 0 && j >= 0 {
				pure = append(pure, f.Index(i, j))
			}
		}
		slices.Sort(pure)
		if want := f.PureEquilibria(); !slices.Equal(pure, want) {
			t.Errorf("pure equilibria %v by supports, %v by the scan", pure, want)
		}
	}
}

// A degenerate game: against the first column both rows are best replies. Only the
// equilibrium with supports of equal size is found, and none twice.
func TestNash2Degenerate(t *testing.T) {
	found, err := bimatrix(2, []float64{1, 0, 1, -1}, []float64{1, 0, 0, 1}).Nash2()
	if err != nil || len(found) != 1 || !slices.Equal(found[0].X[0], []float64{1, 0}) || !slices.Equal(found[0].X[1], []float64{1, 0}) {
		t.Errorf("%v, %v, want ((1, 0), (1, 0)) alone", found, err)
	}
	// Equal payoffs: all profiles are equilibria, the pure ones are found.
	found, err = bimatrix(2, []float64{3, 3, 3, 3}, []float64{3, 3, 3, 3}).Nash2()
	if err != nil || len(found) != 4 {
		t.Errorf("%v, %v, want the 4 pure profiles", found, err)
	}
}

// The definition, for games of several players with ties.
func TestPureEquilibria(t *testing.T) {
	r := rand.New(philox.NewSource(7, 0))
	for _, shape := range finiteShapes {
		f := randomFinite(t, r, shape...)
		for _, u := range f.payoffs {
			for i := range u {
				u[i] = math.Round(u[i])
			}
		}
		var want []int
		a := make([]int, len(shape))
		for i := range f.Profiles() {
			f.Actions(a, i)
			stays := true
			for m, own := range slices.Clone(a) {
				for k := range shape[m] {
					a[m] = k
					stays = stays && f.Payoff(m, a...) <= f.payoffs[m][i]
				}
				a[m] = own
			}
			if stays {
				want = append(want, i)
			}
		}
		if got := f.PureEquilibria(); !slices.Equal(got, want) {
			t.Errorf("shape %v: %v, want %v", shape, got, want)
		}
	}
}

// A maximiser of φ is an equilibrium of P, and an ε-equilibrium of the game, ε <= MPD.
func TestNearPotentialBound(t *testing.T) {
	r := rand.New(philox.NewSource(8, 0))
	for _, shape := range [][]int{{3, 3}, {2, 3, 2}, {4, 5}} {
		f := randomFinite(t, r, shape...)
		p, err := f.Decompose(nil)
		if err != nil {
			t.Fatal(err)
		}
		best := 0
		for i, v := range p.Phi {
			if v > p.Phi[best] {
				best = i
			}
		}
		if !slices.Contains(p.Potential.PureEquilibria(), best) {
			// The potential is a maximum only up to rounding of P.
			t.Errorf("shape %v: maximiser of the potential is no equilibrium of P", shape)
		}
		var x []float64
		for m, a := range f.Actions(make([]int, len(shape)), best) {
			part := make([]float64, shape[m])
			part[a] = 1
			x = append(x, part...)
		}
		regrets, err := f.Regrets(x)
		if err != nil {
			t.Fatal(err)
		}
		if e := kernel.MaxAbs(regrets); e > p.MPD {
			t.Errorf("shape %v: ε = %v at the maximiser of the potential, above the bound %v", shape, e, p.MPD)
		}
	}
}

// Expected payoffs of several players against the sum over all profiles.
func TestExpectedPayoffs(t *testing.T) {
	r := rand.New(philox.NewSource(9, 0))
	for _, shape := range append([][]int{{12, 11}, {5, 6, 7}, {3, 4, 2, 5}}, finiteShapes...) {
		f := randomFinite(t, r, shape...)
		e := newExpected[float64](f)
		x, dx, got := randomProfile(r, shape), make([]float64, e.dim()), make([]float64, e.dim())
		e.values(got, x)
		want, slope, a := make([]float64, e.dim()), make([]float64, e.dim()), make([]int, len(shape))
		for i := range dx {
			dx[i] = r.NormFloat64()
		}
		for i := range f.Profiles() {
			f.Actions(a, i)
			for m := range shape {
				p, dp := 1.0, 0.0
				for j, k := range a {
					if j != m {
						p, dp = p*e.part(x, j)[k], dp*e.part(x, j)[k]+p*e.part(dx, j)[k]
					}
				}
				want[e.at[m]+a[m]] += p * f.payoffs[m][i]
				slope[e.at[m]+a[m]] += dp * f.payoffs[m][i]
			}
		}
		if !within(got, want, 1e-13) {
			t.Errorf("shape %v: values %v, want %v", shape, got, want)
		}
		e.derivative(got, x, dx, make([]float64, e.dim()), make([]float64, e.dim()))
		if !within(got, slope, 1e-12) {
			t.Errorf("shape %v: derivative %v, want %v", shape, got, slope)
		}
	}
}

// randomProfile is a mixed profile in the interior.
func randomProfile(r *rand.Rand, shape []int) []float64 {
	return slices.Concat(randomFiniteOptions(r, shape).Measures...)
}

func TestFiniteProfileErrors(t *testing.T) {
	f := RockPaperScissors()
	for _, c := range []struct {
		x    []float64
		want error
	}{
		{[]float64{1, 0, 0}, ErrShape},
		{[]float64{1, 0, 0, .5, .6, 0}, ErrArgument},
		{[]float64{1, 0, 0, 1.5, -.5, 0}, ErrArgument},
		{[]float64{1, 0, 0, math.NaN(), 1, 0}, ErrNotFinite},
	} {
		if _, err := f.NashConv(c.x); !errors.Is(err, c.want) {
			t.Errorf("%v: error %v, want %v", c.x, err, c.want)
		}
	}
	if _, err := referenceGame(t, "int_2x3x2").Nash2(); !errors.Is(err, ErrShape) {
		t.Errorf("three players: %v", err)
	}
	big, err := RandomFinite([]int{2, 17}, philox.NewSource(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := big.Nash2(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("17 actions: %v", err)
	}
}

// TestPureEquilibriaNearTies: an action that pays less by the last digit is no best reply,
// one that pays the same is.
func TestPureEquilibriaNearTies(t *testing.T) {
	less := math.Nextafter(1, 0)
	f := must(NewFinite([]int{2, 2}, [][]float64{{1, 1, less, 1}, {2, 2, 2, 2}}))
	if got := f.PureEquilibria(); !slices.Equal(got, []int{0, 1, 3}) {
		t.Errorf("equilibria %v, want [0 1 3]", got)
	}
}

// TestNash2BetterOutside: an action out of the support that pays a millionth more leaves
// no equilibrium of the support.
func TestNash2BetterOutside(t *testing.T) {
	for _, c := range []struct {
		gain  float64
		stays bool // matching pennies stays an equilibrium
	}{{-1e-6, true}, {1e-6, false}} {
		f := must(NewFinite([]int{3, 2}, [][]float64{{1, -1, -1, 1, c.gain, c.gain}, {-1, 1, 1, -1, 0, 0}}))
		found := false
		for _, e := range must(f.Nash2()) {
			found = found || e.X[0][2] == 0 && math.Abs(e.X[0][0]-0.5) < 1e-9
		}
		if found != c.stays {
			t.Errorf("third action pays %v more: matching pennies is an equilibrium: %v, want %v", c.gain, found, c.stays)
		}
	}
}
