package game

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/internal/philox"
)

// finiteCase is a case of testdata/finite.json, all numbers as texts of rationals.
type finiteCase struct {
	Name              string
	Shape             []int
	Payoffs, P, H, N  [][]string
	Weights           []string
	Measures          [][]string
	Potential         []string
	Total             string  `json:"energy_total"`
	Scalar            string  `json:"energy_potential"`
	Harmonic          string  `json:"energy_harmonic"`
	Potentialness     float64 `json:"potentialness"`
	FlowPotentialness float64 `json:"flow_potentialness"`
	MPD               string  `json:"mpd_to_potential"`
}

// readJSON reads a file of testdata.
func readFiniteJSON(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func finiteCases(t testing.TB) []finiteCase {
	var file struct{ Cases []finiteCase }
	readFiniteJSON(t, "finite.json", &file)
	if len(file.Cases) != 10 {
		t.Fatalf("%d cases, want 10", len(file.Cases))
	}
	return file.Cases
}

func rats(t testing.TB, text []string) []*big.Rat {
	t.Helper()
	x := make([]*big.Rat, len(text))
	for i, s := range text {
		var ok bool
		if x[i], ok = new(big.Rat).SetString(s); !ok {
			t.Fatalf("%q is no rational", s)
		}
	}
	return x
}

func ratsOf(t testing.TB, text [][]string) [][]*big.Rat {
	x := make([][]*big.Rat, len(text))
	for i, s := range text {
		x[i] = rats(t, s)
	}
	return x
}

func float(r *big.Rat) float64 { v, _ := r.Float64(); return v }

func floats(x []*big.Rat) []float64 {
	v := make([]float64, len(x))
	for i, r := range x {
		v[i] = float(r)
	}
	return v
}

// exactGame is the game of a case.
func (c *finiteCase) exactGame(t testing.TB) *RatFinite {
	f, err := NewRatFinite(c.Shape, ratsOf(t, c.Payoffs))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// referenceGame is the game of testdata/finite.json with that name.
func referenceGame(t testing.TB, name string) *Finite {
	for _, c := range finiteCases(t) {
		if c.Name == name {
			f, err := c.exactGame(t).Float()
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("no game %q", name)
	return nil
}

func TestFiniteDecomposeReferenceExact(t *testing.T) {
	for _, c := range finiteCases(t) {
		p, err := c.exactGame(t).Decompose(&RatFiniteOptions{Weights: rats(t, c.Weights), Measures: ratsOf(t, c.Measures)})
		if err != nil {
			t.Fatal(err)
		}
		same := func(what string, got []*big.Rat, want ...string) {
			t.Helper()
			for i, w := range rats(t, want) {
				if got[i].Cmp(w) != 0 {
					t.Errorf("%s: %s[%d] = %v, want %v", c.Name, what, i, got[i], w)
				}
			}
		}
		same("phi", p.Phi, c.Potential...)
		for m := range c.Shape {
			same("P", p.Potential.Payoffs(m), c.P[m]...)
			same("H", p.Harmonic.Payoffs(m), c.H[m]...)
			same("N", p.NonStrategic.Payoffs(m), c.N[m]...)
		}
		same("energies and MPD", []*big.Rat{p.Energy.Total, p.Energy.Potential, p.Energy.Harmonic, p.MPD}, c.Total, c.Scalar, c.Harmonic, c.MPD)
		if math.Abs(p.Potentialness-c.Potentialness) > 1e-15 || math.Abs(p.FlowPotentialness-c.FlowPotentialness) > 1e-15 {
			t.Errorf("%s: potentialness %v, %v, want %v, %v", c.Name, p.Potentialness, p.FlowPotentialness, c.Potentialness, c.FlowPotentialness)
		}
	}
}

func TestFiniteDecomposeReferenceFloat(t *testing.T) {
	for _, c := range finiteCases(t) {
		f, err := c.exactGame(t).Float()
		if err != nil {
			t.Fatal(err)
		}
		o := &FiniteOptions{Weights: floats(rats(t, c.Weights))}
		for _, mu := range c.Measures {
			o.Measures = append(o.Measures, floats(rats(t, mu)))
		}
		all := []*FiniteOptions{o}
		if c.Name != "int_2x2x2_weighted" && c.Name != "generalised_rps_zero_sum_NE_measure" {
			all = append(all, nil) // these are the defaults
		}
		for _, o := range all {
			p, err := f.Decompose(o)
			if err != nil {
				t.Fatal(err)
			}
			near := func(what string, got []float64, want ...string) {
				t.Helper()
				for i, w := range floats(rats(t, want)) {
					if !(math.Abs(got[i]-w) <= 1e-12*max(1, math.Abs(w))) {
						t.Errorf("%s: %s[%d] = %v, want %v", c.Name, what, i, got[i], w)
					}
				}
			}
			near("phi", p.Phi, c.Potential...)
			for m := range c.Shape {
				near("P", p.Potential.Payoffs(m), c.P[m]...)
				near("H", p.Harmonic.Payoffs(m), c.H[m]...)
				near("N", p.NonStrategic.Payoffs(m), c.N[m]...)
			}
			near("energies and MPD", []float64{p.Energy.Total, p.Energy.Potential, p.Energy.Harmonic, p.MPD}, c.Total, c.Scalar, c.Harmonic, c.MPD)
			near("shares", []float64{p.Potentialness, p.FlowPotentialness}, fmt.Sprint(c.Potentialness), fmt.Sprint(c.FlowPotentialness))
			if want := p.Energy.Potential / p.Energy.Total; p.Share != want || p.Undefined {
				t.Errorf("%s: share %v, undefined %v, want %v", c.Name, p.Share, p.Undefined, want)
			}
		}
	}
}

// randomFinite is a game with normal payoffs.
func randomFinite(t testing.TB, r *rand.Rand, shape ...int) *Finite {
	t.Helper()
	n, err := profilesOf(shape)
	if err != nil {
		t.Fatal(err)
	}
	u := make([][]float64, len(shape))
	for m := range u {
		for range n {
			u[m] = append(u[m], r.NormFloat64())
		}
	}
	f, err := NewFinite(shape, u)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var finiteShapes = [][]int{{2, 2}, {3, 3}, {2, 5}, {7, 1}, {1}, {4}, {2, 3, 2}, {3, 1, 4}, {2, 2, 2, 2}, {2, 17}, {17, 2}, {2, 3, 2, 2, 3}, {2, 1100}}

// randomFiniteOptions are random weights and measures.
func randomFiniteOptions(r *rand.Rand, shape []int) *FiniteOptions {
	o := &FiniteOptions{}
	for _, h := range shape {
		o.Weights = append(o.Weights, 0.2+r.Float64())
		mu, s := make([]float64, h), 0.0
		for a := range mu {
			mu[a] = 0.1 + r.Float64()
			s += mu[a]
		}
		for a := range mu {
			mu[a] /= s
		}
		o.Measures = append(o.Measures, mu)
	}
	return o
}

// The components have the properties that define them, for random games, weights and
// measures; the means are taken by their definition here.
func TestFiniteDecomposeProperties(t *testing.T) {
	r := rand.New(philox.NewSource(1, 0))
	for _, shape := range finiteShapes {
		for _, o := range []*FiniteOptions{nil, randomFiniteOptions(r, shape)} {
			f := randomFinite(t, r, shape...)
			p, err := f.Decompose(o)
			if err != nil {
				t.Fatal(err)
			}
			c, mu := make([]float64, len(shape)), make([][]float64, len(shape))
			for m, h := range shape {
				c[m], mu[m] = float64(h), make([]float64, h)
				for a := range mu[m] {
					mu[m][a] = 1 / float64(h)
				}
				if o != nil {
					c[m], mu[m] = o.Weights[m], o.Measures[m]
				}
			}
			a, condition := make([]int, len(shape)), make([]float64, f.Profiles())
			inner := 0.0
			for i := range f.Profiles() {
				w := 1.0
				for m, k := range f.Actions(a, i) {
					w *= mu[m][k]
				}
				for m := range shape {
					var meanU, meanH, meanN float64
					own := a[m]
					for k, q := range mu[m] {
						a[m] = k
						meanU += q * f.Payoff(m, a...)
						meanH += q * p.Harmonic.Payoff(m, a...)
						meanN += q * p.NonStrategic.Payoff(m, a...)
						at := f.Index(a...)
						if d := p.Potential.payoffs[m][at] - p.Potential.payoffs[m][i] - (p.Phi[at] - p.Phi[i]); math.Abs(d) > 1e-13 {
							t.Fatalf("shape %v: P of player %d is off its potential by %g", shape, m, d)
						}
					}
					a[m] = own
					pm, hm, nm := p.Potential.payoffs[m][i], p.Harmonic.payoffs[m][i], p.NonStrategic.payoffs[m][i]
					if d := pm + hm + nm - f.payoffs[m][i]; math.Abs(d) > 1e-13 {
						t.Fatalf("shape %v: components miss the game by %g", shape, d)
					}
					if math.Abs(nm-meanU) > 1e-13 || math.Abs(meanN-meanU) > 1e-13 || math.Abs(meanH) > 1e-13 {
						t.Fatalf("shape %v: means of u %v, N %v, H %v at N = %v", shape, meanU, meanN, meanH, nm)
					}
					condition[i] += c[m] * (hm - meanH)
					inner += w * c[m] * pm * hm
				}
			}
			for i, v := range condition {
				if math.Abs(v) > 1e-13*max(1, slices.Max(c)) {
					t.Fatalf("shape %v: harmonic condition off by %g at profile %d", shape, v, i)
				}
			}
			if math.Abs(inner) > 1e-13 {
				t.Errorf("shape %v: <P, H> = %g, want 0", shape, inner)
			}
			if e := p.Energy; math.Abs(e.Total-e.Potential-e.Harmonic) > 1e-12*e.Total {
				t.Errorf("shape %v: energies %+v do not add up", shape, e)
			}
			again, err := p.Potential.Decompose(o)
			if err != nil {
				t.Fatal(err)
			}
			if again.Energy.Harmonic > 1e-26 || !again.Undefined && math.Abs(again.Share-1) > 1e-13 {
				t.Errorf("shape %v: the potential component has share %v, harmonic energy %g", shape, again.Share, again.Energy.Harmonic)
			}
		}
	}
}

// Two players: the closed form by doubly centred payoffs.
func TestFiniteHarmonicTwoPlayers(t *testing.T) {
	r := rand.New(philox.NewSource(2, 0))
	for _, shape := range [][]int{{3, 3}, {2, 5}, {6, 4}} {
		f := randomFinite(t, r, shape...)
		p, err := f.Decompose(nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := newAnova(shape, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, mean := slices.Clone(f.payoffs[0]), make([]float64, longRow)
		for i, v := range f.payoffs[1] {
			d[i] -= v
		}
		for m, h := range shape {
			centred := make([]float64, f.profiles)
			a.addCentred(centred, d, mean, m) // h(I - E_m)d
			for i, v := range centred {
				d[i] = v / float64(h)
			}
		}
		h1, h2 := float64(shape[0]), float64(shape[1])
		for i, v := range d {
			if w := h2 * v / (h1 + h2); math.Abs(p.Harmonic.payoffs[0][i]-w) > 1e-14 {
				t.Fatalf("%v: H_1[%d] = %v, want %v", shape, i, p.Harmonic.payoffs[0][i], w)
			}
			if w := -h1 * v / (h1 + h2); math.Abs(p.Harmonic.payoffs[1][i]-w) > 1e-14 {
				t.Fatalf("%v: H_2[%d] = %v, want %v", shape, i, p.Harmonic.payoffs[1][i], w)
			}
		}
	}
}

func TestFiniteDecomposeUndefined(t *testing.T) {
	// A constant, and a game in which player 0's payoff depends on player 1 alone.
	constant := []float64{.1, .1, .1, .1, .1, .1}
	for _, u := range [][][]float64{{constant, constant}, {{.1, .7, 1.3, .1, .7, 1.3}, {.3, .3, .3, .9, .9, .9}}} {
		f, err := NewFinite([]int{2, 3}, u)
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.Decompose(nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.Energy.Total != 0 || !p.Undefined || !math.IsNaN(p.Share) || !math.IsNaN(p.Potentialness) || !math.IsNaN(p.FlowPotentialness) || p.MPD != 0 {
			t.Errorf("metrics %+v, want energy 0, NaN shares, Undefined", p.FiniteMetrics)
		}
		e, err := f.Exact().Decompose(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !e.Undefined || !math.IsNaN(e.Potentialness) {
			t.Errorf("exact: undefined %v, potentialness %v", e.Undefined, e.Potentialness)
		}
	}
}

func TestFiniteErrors(t *testing.T) {
	one := []float64{1, 2, 3, 4}
	nan := []float64{1, math.NaN(), 3, 4}
	huge := make([]int, 32)
	for i := range huge {
		huge[i] = 2
	}
	for _, c := range []struct {
		name  string
		shape []int
		u     [][]float64
		want  error
	}{
		{"no player", nil, nil, ErrShape},
		{"player without action", []int{2, 0}, [][]float64{nil, nil}, ErrShape},
		{"payoffs of one player missing", []int{2, 2}, [][]float64{one}, ErrShape},
		{"short tensor", []int{2, 2}, [][]float64{one, one[:3]}, ErrShape},
		{"NaN", []int{2, 2}, [][]float64{one, nan}, ErrNotFinite},
		{"Inf", []int{4}, [][]float64{{1, 2, math.Inf(1), 4}}, ErrNotFinite},
		{"2^32 profiles", huge, make([][]float64, 32), ErrTooLarge},
		{"product overflows int64", []int{math.MaxInt, math.MaxInt, 4}, make([][]float64, 3), ErrTooLarge},
	} {
		if _, err := NewFinite(c.shape, c.u); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := profilesOf(huge[:31]); err != nil {
		t.Errorf("2^31 profiles: %v", err)
	}
	large, err := MatchingPennies().Combine(1e200, MatchingPennies(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := large.Decompose(nil); !errors.Is(err, ErrNotFinite) || p != nil {
		t.Errorf("payoffs 1e200: %v, %v", p, err)
	}
	if _, err := large.Combine(1e200, large, 1); !errors.Is(err, ErrNotFinite) {
		t.Errorf("payoffs 1e400: %v", err)
	}
	f := MatchingPennies()
	third := []float64{1. / 3, 2. / 3}
	for _, c := range []struct {
		name string
		o    FiniteOptions
		want error
	}{
		{"weights of wrong length", FiniteOptions{Weights: []float64{1}}, ErrShape},
		{"weight 0", FiniteOptions{Weights: []float64{1, 0}}, ErrArgument},
		{"weight NaN", FiniteOptions{Weights: []float64{math.NaN(), 1}}, ErrArgument},
		{"one measure", FiniteOptions{Measures: [][]float64{third}}, ErrShape},
		{"long measure", FiniteOptions{Measures: [][]float64{third, {.5, .25, .25}}}, ErrShape},
		{"measure with 0", FiniteOptions{Measures: [][]float64{third, {1, 0}}}, ErrArgument},
		{"measure not summing to 1", FiniteOptions{Measures: [][]float64{third, {.5, .5 + 1e-11}}}, ErrArgument},
	} {
		if _, err := f.Decompose(&c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
		if c.o.Measures == nil {
			continue
		}
		var mu [][]*big.Rat
		for _, p := range c.o.Measures {
			var q []*big.Rat
			for _, v := range p {
				q = append(q, new(big.Rat).SetFloat64(v))
			}
			mu = append(mu, q)
		}
		if _, err := f.Exact().Decompose(&RatFiniteOptions{Measures: mu}); err == nil {
			t.Errorf("%s: no error in exact arithmetic", c.name)
		}
	}
}
