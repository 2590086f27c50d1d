package game

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

func TestCanonicalFiniteGames(t *testing.T) {
	for name, f := range map[string]*Finite{
		"matching_pennies": MatchingPennies(), "prisoners_dilemma": PrisonersDilemma(), "battle_of_sexes": BattleOfSexes(),
		"chicken": Chicken(), "rock_paper_scissors": RockPaperScissors(),
	} {
		if want := referenceGame(t, name); !reflect.DeepEqual(f, want) {
			t.Errorf("%s: %+v, want %+v", name, f, want)
		}
	}
	p, err := StagHunt().Decompose(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Share != 1 || !slices.Equal(StagHunt().PureEquilibria(), []int{0, 3}) {
		t.Errorf("stag hunt: share %v, equilibria %v", p.Share, StagHunt().PureEquilibria())
	}
	// RPS with ties is zero-sum for epsX = -epsY, and then all harmonic but for what does
	// not matter: the ties are not doubly centred away.
	g := GeneralisedRPS(.5, -.5)
	zero, common, err := g.ZeroSum()
	if err != nil {
		t.Fatal(err)
	}
	if kernel.MaxAbs(common.Payoffs(0)) != 0 || !reflect.DeepEqual(zero, g) {
		t.Errorf("generalised RPS: zero-sum part %+v of %+v", zero, g)
	}
}

func TestZeroSumSplit(t *testing.T) {
	f := randomFinite(t, rand.New(philox.NewSource(40, 0)), 3, 4)
	zero, common, err := f.ZeroSum()
	if err != nil {
		t.Fatal(err)
	}
	both, err := zero.Combine(1, common, 1)
	if err != nil {
		t.Fatal(err)
	}
	for m := range 2 {
		if !within(both.payoffs[m], f.payoffs[m], 1e-15) || common.payoffs[m][5] != common.payoffs[1-m][5] || zero.payoffs[m][5] != -zero.payoffs[1-m][5] {
			t.Errorf("player %d: %v and %v", m, zero.payoffs[m], common.payoffs[m])
		}
	}
	if _, _, err := referenceGame(t, "int_2x3x2").ZeroSum(); !errors.Is(err, ErrShape) {
		t.Errorf("three players: %v", err)
	}
}

func TestRandomWithPotentialness(t *testing.T) {
	for i, want := range []float64{0, .25, .6, 1} {
		for _, shape := range [][]int{{3, 3}, {2, 3, 2}} {
			f, err := RandomWithPotentialness(shape, want, philox.NewSource(41, i))
			if err != nil {
				t.Fatal(err)
			}
			p, err := f.Decompose(nil)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(p.Potentialness-want) > 1e-14 {
				t.Errorf("%v: potentialness %v, want %v", shape, p.Potentialness, want)
			}
		}
	}
	for _, c := range []struct {
		shape []int
		t     float64
		want  error
	}{{[]int{2, 2}, 1.5, ErrArgument}, {[]int{2, 2}, math.NaN(), ErrArgument}, {[]int{5, 1}, .5, ErrArgument}, {[]int{0}, .5, ErrShape}} {
		if _, err := RandomWithPotentialness(c.shape, c.t, philox.NewSource(1, 0)); !errors.Is(err, c.want) {
			t.Errorf("%v, %v: error %v, want %v", c.shape, c.t, err, c.want)
		}
	}
	if _, err := RandomFinite([]int{2, 2}, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("no source: %v", err)
	}
	a, _ := RandomFinite([]int{3, 3}, philox.NewSource(7, 1))
	b, _ := RandomFinite([]int{3, 3}, philox.NewSource(7, 1))
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed gives different games")
	}
}

// A congestion game is a potential game, with Rosenthal's potential.
func TestCongestion(t *testing.T) {
	r := rand.New(philox.NewSource(42, 0))
	var delay [][]float64
	for range 4 {
		var d []float64
		for range 3 {
			d = append(d, r.Float64())
		}
		delay = append(delay, d)
	}
	g, err := NewCongestion([][][]int{{{0}, {1, 2}}, {{0, 1}, {2, 3}, {}}, {{0}, {3}}}, delay)
	if err != nil {
		t.Fatal(err)
	}
	f := g.Finite()
	p, err := f.Decompose(nil)
	if err != nil {
		t.Fatal(err)
	}
	phi := g.Potential()
	mean := kernel.Sum(phi) / float64(len(phi))
	for i := range phi {
		phi[i] -= mean
	}
	if !within(p.Phi, phi, 1e-14) || math.Abs(p.Share-1) > 1e-14 {
		t.Errorf("φ = %v, Rosenthal's %v; share %v", p.Phi, phi, p.Share)
	}
	// Player 0 with resources 1 and 2, player 1 with 0 and 1, player 2 with 0.
	if got, want := f.Payoff(0, 1, 0, 0), -delay[1][1]-delay[2][0]; math.Abs(got-want) > 1e-15 {
		t.Errorf("payoff %v, want %v", got, want)
	}
	for _, c := range []struct {
		sets  [][][]int
		delay [][]float64
		want  error
	}{
		{nil, delay, ErrShape},
		{[][][]int{{{0}}, {}}, delay, ErrShape},
		{[][][]int{{{4}}}, delay, ErrArgument},
		{[][][]int{{{1, 1}}}, delay, ErrArgument},
		{[][][]int{{{0}}, {{0}}}, [][]float64{{1}}, ErrShape},
		{[][][]int{{{0}}}, [][]float64{{math.NaN()}}, ErrNotFinite},
	} {
		if _, err := NewCongestion(c.sets, c.delay); !errors.Is(err, c.want) {
			t.Errorf("%v: error %v, want %v", c.sets, err, c.want)
		}
	}
}

func TestRestrict(t *testing.T) {
	f := randomFinite(t, rand.New(philox.NewSource(43, 0)), 3, 4)
	g, err := f.Restrict([][]int{{2, 0}, {1, 3}})
	if err != nil {
		t.Fatal(err)
	}
	if g.Payoff(1, 0, 1) != f.Payoff(1, 2, 3) || g.Payoff(0, 1, 0) != f.Payoff(0, 0, 1) {
		t.Errorf("%+v of %+v", g, f)
	}
	for _, keep := range [][][]int{{{0}}, {{0}, {}}, {{0}, {4}}} {
		if _, err := f.Restrict(keep); err == nil {
			t.Errorf("%v: no error", keep)
		}
	}
}
