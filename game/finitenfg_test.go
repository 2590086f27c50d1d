package game

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/internal/philox"
)

const (
	nfgPayoffs = `NFG 1 R "A game with \"quotes\""
{ "Player 1" "Player 2" } { 3 2 }

1 1 0 2 0 2
1 1 0 3 2 0`
	nfgOutcomes = `NFG 1 D "Outcomes" { "1" "2" }
{ { "U" "D" } { "L" "R" } }
"a comment"

{
{ "win" 1.5, -1/2 }
{ "" 2e1 0 }
}
1 2 0 1
`
)

func TestReadNFG(t *testing.T) {
	g, err := ReadNFG(strings.NewReader(nfgPayoffs))
	if err != nil {
		t.Fatal(err)
	}
	if g.Title != `A game with "quotes"` || !slices.Equal(g.Players, []string{"Player 1", "Player 2"}) || g.Strategies != nil || g.Comment != "" {
		t.Errorf("%+v", g)
	}
	f, err := g.Game.Float()
	if err != nil {
		t.Fatal(err)
	}
	// The action of the first player is the fastest in the file, the last in our tensors.
	if want := bimatrix(3, []float64{1, 1, 0, 0, 0, 2}, []float64{1, 1, 2, 3, 2, 0}); !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, want %+v", f, want)
	}
	g, err = ReadNFG(strings.NewReader(nfgOutcomes))
	if err != nil {
		t.Fatal(err)
	}
	if f, err = g.Game.Float(); err != nil {
		t.Fatal(err)
	}
	if want := bimatrix(2, []float64{1.5, 0, 20, 1.5}, []float64{-.5, 0, 0, -.5}); !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, want %+v", f, want)
	}
	if g.Comment != "a comment" || !reflect.DeepEqual(g.Strategies, [][]string{{"U", "D"}, {"L", "R"}}) {
		t.Errorf("%+v", g)
	}
}

func TestReadNFGErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"empty", "", ErrSyntax},
		{"extensive form", `EFG 2 R "x"`, ErrSyntax},
		{"no title", `NFG 1 R { "1" }`, ErrSyntax},
		{"open quote", `NFG 1 R "x`, ErrSyntax},
		{"players without quotes", `NFG 1 R "x" { 1 2 }`, ErrSyntax},
		{"no strategy", `NFG 1 R "x" { "1" } { 0 }`, ErrSyntax},
		{"strategies of one player", `NFG 1 R "x" { "1" "2" } { 2 } 1 2 3 4`, ErrSyntax},
		{"empty list", `NFG 1 R "x" { "1" } { { } }`, ErrShape},
		{"names and numbers", `NFG 1 R "x" { "1" "2" } { { "a" } 2 } 1 2 3 4`, ErrSyntax},
		{"payoff missing", `NFG 1 R "x" { "1" } { 2 } 1`, ErrSyntax},
		{"payoff too many", `NFG 1 R "x" { "1" } { 2 } 1 2 3`, ErrSyntax},
		{"payoff no number", `NFG 1 R "x" { "1" } { 2 } 1 NaN`, ErrSyntax},
		{"division by zero", `NFG 1 R "x" { "1" } { 2 } 1 1/0`, ErrSyntax},
		{"number that fills the memory", `NFG 1 R "x" { "1" } { 2 } 1 1e999999999`, ErrSyntax},
		{"number beyond any payoff", `NFG 1 R "x" { "1" } { 2 } 1 1e-401`, ErrSyntax},
		{"too many profiles", `NFG 1 R "x" { "1" "2" } { 1000000 1000000 } 1`, ErrTooLarge},
		{"many profiles, no payoffs", `NFG 1 R "x" { "1" "2" } { 40000 40000 } 1`, ErrSyntax},
		{"unknown outcome", `NFG 1 R "x" { "1" } { 2 } { { "" 1 } } 1 2`, ErrSyntax},
		{"outcome missing", `NFG 1 R "x" { "1" } { 2 } { { "" 1 } } 1`, ErrSyntax},
		{"outcome of two players", `NFG 1 R "x" { "1" } { 2 } { { "" 1 2 } } 1 1`, ErrSyntax},
	} {
		if g, err := ReadNFG(strings.NewReader(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, error %v, want %v", c.name, g, err, c.want)
		}
	}
	broken := errors.New("broken")
	if _, err := ReadNFG(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("broken reader: %v", err)
	}
	g := &NormalForm{Players: []string{"one"}, Game: MatchingPennies().Exact()}
	if err := g.WriteNFG(new(strings.Builder)); !errors.Is(err, ErrShape) {
		t.Errorf("one name: %v", err)
	}
	g = &NormalForm{Strategies: [][]string{{"a"}, {"b", "c"}}, Game: MatchingPennies().Exact()}
	if err := g.WriteNFG(new(strings.Builder)); !errors.Is(err, ErrShape) {
		t.Errorf("names of strategies: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// again writes a game and reads it.
func again(t *testing.T, g *NormalForm) *NormalForm {
	t.Helper()
	var b strings.Builder
	if err := g.WriteNFG(&b); err != nil {
		t.Fatal(err)
	}
	h, err := ReadNFG(strings.NewReader(b.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	return h
}

func sameGame(a, b *RatFinite) bool {
	return slices.Equal(a.shape, b.shape) && slices.EqualFunc(a.payoffs, b.payoffs, func(u, v []*big.Rat) bool {
		return slices.EqualFunc(u, v, func(x, y *big.Rat) bool { return x.Cmp(y) == 0 })
	})
}

func TestNFGRoundTrip(t *testing.T) {
	r := rand.New(philox.NewSource(30, 0))
	for _, shape := range finiteShapes {
		g := &NormalForm{Title: `back\slash "quote"` + "\nline", Comment: "é", Players: make([]string, len(shape)), Game: randomFinite(t, r, shape...).Exact()}
		if h := again(t, g); !sameGame(g.Game, h.Game) || g.Title != h.Title || g.Comment != h.Comment {
			t.Errorf("shape %v: %+v, want %+v", shape, h, g)
		}
	}
	h := again(t, &NormalForm{Game: MatchingPennies().Exact()})
	if !slices.Equal(h.Players, []string{"1", "2"}) {
		t.Errorf("players %q", h.Players)
	}
}

func FuzzReadNFG(f *testing.F) {
	f.Add(nfgPayoffs)
	f.Add(nfgOutcomes)
	f.Add(`NFG 1 R "" { "" } { 1 } "c" 1e-3`)
	f.Fuzz(func(t *testing.T, s string) {
		g, err := ReadNFG(strings.NewReader(s))
		if err != nil {
			return
		}
		if h := again(t, g); !sameGame(g.Game, h.Game) || g.Title != h.Title || g.Comment != h.Comment || !slices.Equal(g.Players, h.Players) || !reflect.DeepEqual(g.Strategies, h.Strategies) {
			t.Errorf("%+v becomes %+v", g, h)
		}
	})
}

func TestFiniteJSON(t *testing.T) {
	r := rand.New(philox.NewSource(31, 0))
	f := randomFinite(t, r, 2, 3, 2)
	f.payoffs[0][0] = math.Nextafter(.1, 1)
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var g Finite
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*f, g) {
		t.Errorf("%+v, want %+v", g, *f)
	}
	e := f.Exact()
	if data, err = json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	var x RatFinite
	if err := json.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	if !sameGame(e, &x) {
		t.Errorf("%+v, want %+v", x, e)
	}
	for text, want := range map[string]error{
		`{"shape":[2],"payoffs":[[1,2,3]]}`:     ErrShape,
		`{"shape":[2],"payoffs":[]}`:            ErrShape,
		`{"shape":[99999,99999],"payoffs":[]}`:  ErrTooLarge,
		`{"shape":[2],"payoffs":[["1","2/0"]]}`: ErrSyntax,
	} {
		var into json.Unmarshaler = new(Finite)
		if want == ErrSyntax {
			into = new(RatFinite)
		}
		if err := into.UnmarshalJSON([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", text, err, want)
		}
	}
	if err := new(Finite).UnmarshalJSON([]byte(`{"shape":"x"}`)); err == nil {
		t.Error("no error for a text as shape")
	}
}
