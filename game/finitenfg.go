package game

import (
	"bufio"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
)

// NormalForm is a finite game with names, as Gambit's normal-form (.nfg) files hold it
// (Savani, Turocy, Gambit 16, section "The strategic game (.nfg) file format").
type NormalForm struct {
	Title, Comment string
	Players        []string
	// Strategies are the names of the players' actions, nil if the file gives only
	// their numbers.
	Strategies [][]string
	// Game holds the payoffs, exactly: decimals in a file are rational numbers.
	Game *RatFinite
}

// ReadNFG reads a game from a file in Gambit's .nfg format, version 1, with payoffs or
// with outcomes. Errors that are not those of r wrap ErrSyntax or ErrTooLarge and name
// the line.
func ReadNFG(r io.Reader) (*NormalForm, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("game: nfg: %w", err)
	}
	p := &nfgParser{nfgScanner: nfgScanner{rest: string(text), line: 1}}
	g := &NormalForm{}
	if err := p.game(g); err != nil {
		return nil, err
	}
	return g, nil
}

// nfgParser reads a game token by token.
type nfgParser struct{ nfgScanner }

func (p *nfgParser) game(g *NormalForm) error {
	for _, want := range []string{"NFG", "1"} {
		if t, err := p.next(); err != nil {
			return err
		} else if t.kind != word || t.text != want {
			return p.errorf("%v at the start, want NFG 1 R or NFG 1 D", t)
		}
	}
	t, err := p.next()
	if err != nil {
		return err
	}
	if t.kind != word || t.text != "R" && t.text != "D" {
		return p.errorf("%v for the kind of numbers, want R or D", t)
	}
	if g.Title, err = p.quoted("the title"); err != nil {
		return err
	}
	if g.Players, err = p.names("the players"); err != nil {
		return err
	}
	shape, err := p.strategies(g)
	if err != nil {
		return err
	}
	if len(shape) != len(g.Players) {
		return p.errorf("strategies of %d players, want %d", len(shape), len(g.Players))
	}
	n, err := profilesOf(shape)
	if err != nil {
		return fmt.Errorf("game: nfg: line %d: %w", p.line, err)
	}
	if t, err := p.peek(); err != nil {
		return err
	} else if t.kind == text {
		g.Comment = t.text
		p.take()
	}
	payoffs, err := p.payoffs(len(shape), n)
	if err != nil {
		return err
	}
	g.Game = fromColumns(shape, n, payoffs)
	return nil
}

// names reads { "a" "b" ... }.
func (p *nfgParser) names(what string) ([]string, error) {
	if err := p.open(what); err != nil {
		return nil, err
	}
	list := []string{}
	for {
		t, err := p.next()
		switch {
		case err != nil:
			return nil, err
		case t.kind == closing:
			return list, nil
		case t.kind != text:
			return nil, p.errorf("%v among the names of %s, want a name in quotes", t, what)
		}
		list = append(list, t.text)
	}
}

// strategies reads { 2 3 } or { { "a" "b" } { "c" "d" "e" } }.
func (p *nfgParser) strategies(g *NormalForm) (shape []int, err error) {
	if err := p.open("the strategies"); err != nil {
		return nil, err
	}
	for {
		t, err := p.peek()
		if err != nil {
			return nil, err
		}
		if t.kind == opening && len(shape) == len(g.Strategies) {
			list, err := p.names("strategies")
			if err != nil {
				return nil, err
			}
			g.Strategies, shape = append(g.Strategies, list), append(shape, len(list))
			continue
		}
		p.take()
		if t.kind == closing {
			return shape, nil
		}
		h, err := strconv.Atoi(t.text)
		if t.kind != word || err != nil || h < 1 || g.Strategies != nil {
			return nil, p.errorf("%v among the strategies, want lists of names for all players or numbers of strategies for all", t)
		}
		shape = append(shape, h)
	}
}

// payoffs reads the payoffs of n profiles, all players' for one profile after the other,
// by themselves or by outcomes.
func (p *nfgParser) payoffs(players, n int) ([]*big.Rat, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	var outcomes [][]*big.Rat
	if t.kind == opening {
		if outcomes, err = p.outcomes(players); err != nil {
			return nil, err
		}
	}
	var u []*big.Rat
	for profile := 0; ; profile++ {
		t, err := p.next()
		if err == nil && t.kind == end && outcomes != nil && profile != n {
			return nil, p.errorf("outcomes of %d profiles, want %d", profile, n)
		}
		switch {
		case err != nil:
			return nil, err
		case t.kind == end && len(u) != n*players:
			return nil, p.errorf("%d payoffs, want %d, for %d profiles", len(u), n*players, n)
		case t.kind == end:
			return u, nil
		case t.kind != word || len(u) == n*players:
			return nil, p.errorf("%v among the payoffs, want %d numbers", t, n*players)
		case outcomes == nil:
			v, err := parseRat(t.text)
			if err != nil {
				return nil, p.errorf("payoff: %w", err)
			}
			u = append(u, v)
			continue
		}
		i, err := strconv.Atoi(t.text)
		if err != nil || i < 0 || i > len(outcomes) {
			return nil, p.errorf("outcome %v, want a number from 0 to %d", t, len(outcomes))
		}
		if i == 0 { // the null outcome
			u = append(u, newRats(players)...)
		} else {
			u = append(u, outcomes[i-1]...)
		}
	}
}

// outcomes reads { { "name" 1, 2 } { "" 1/2 3 } ... }.
func (p *nfgParser) outcomes(players int) ([][]*big.Rat, error) {
	p.take()
	list := [][]*big.Rat{}
	for {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		if t.kind == closing {
			return list, nil
		}
		if t.kind != opening {
			return nil, p.errorf("%v among the outcomes, want {", t)
		}
		if _, err := p.quoted("the name of an outcome"); err != nil {
			return nil, err
		}
		var u []*big.Rat
		for t, err = p.next(); err == nil && t.kind == word; t, err = p.next() {
			v, err := parseRat(t.text)
			if err != nil {
				return nil, p.errorf("payoff: %w", err)
			}
			u = append(u, v)
		}
		switch {
		case err != nil:
			return nil, err
		case t.kind != closing:
			return nil, p.errorf("%v in an outcome, want a payoff or }", t)
		case len(u) != players:
			return nil, p.errorf("%d payoffs in an outcome, want %d", len(u), players)
		}
		list = append(list, u)
	}
}

// fromColumns makes a game of payoffs in Gambit's order: the action of the first player
// fastest, the payoffs of all players together.
func fromColumns(shape []int, n int, payoffs []*big.Rat) *RatFinite {
	g := newRatFinite(shape, n)
	gambitOrder(shape, n, func(at, theirs int) {
		for m := range shape {
			g.payoffs[m][at].Set(payoffs[theirs*len(shape)+m])
		}
	})
	return g
}

// gambitOrder calls f for all profiles, in the order of Gambit, with their places in
// our tensors.
func gambitOrder(shape []int, n int, f func(at, theirs int)) {
	a := make([]int, len(shape))
	for theirs := range n {
		at := 0
		for m, h := range shape {
			at = at*h + a[m]
		}
		f(at, theirs)
		for m := range a {
			if a[m]++; a[m] < shape[m] {
				break
			}
			a[m] = 0
		}
	}
}

// WriteNFG writes the game in Gambit's .nfg format, with rational payoffs. Players
// without names get numbers. The error wraps ErrShape if names do not fit the game.
func (g *NormalForm) WriteNFG(w io.Writer) error {
	shape := g.Game.shape
	if g.Players != nil && len(g.Players) != len(shape) || g.Strategies != nil && len(g.Strategies) != len(shape) {
		return fmt.Errorf("game: nfg: names of %d players and strategies of %d, want %d: %w", len(g.Players), len(g.Strategies), len(shape), ErrShape)
	}
	for m, list := range g.Strategies {
		if len(list) != shape[m] {
			return fmt.Errorf("game: nfg: %d names for the %d strategies of player %d: %w", len(list), shape[m], m, ErrShape)
		}
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "NFG 1 R %s\n{", quote(g.Title))
	for m := range shape {
		name := strconv.Itoa(m + 1)
		if g.Players != nil {
			name = g.Players[m]
		}
		fmt.Fprintf(b, " %s", quote(name))
	}
	fmt.Fprint(b, " }\n{")
	for m, h := range shape {
		if g.Strategies == nil {
			fmt.Fprintf(b, " %d", h)
			continue
		}
		fmt.Fprint(b, " {")
		for _, name := range g.Strategies[m] {
			fmt.Fprintf(b, " %s", quote(name))
		}
		fmt.Fprint(b, " }")
	}
	fmt.Fprintf(b, " }\n%s\n\n", quote(g.Comment))
	gambitOrder(shape, len(g.Game.payoffs[0]), func(at, _ int) {
		for m := range shape {
			if m > 0 {
				fmt.Fprint(b, " ")
			}
			fmt.Fprint(b, g.Game.payoffs[m][at].RatString())
		}
		fmt.Fprintln(b)
	})
	if err := b.Flush(); err != nil {
		return fmt.Errorf("game: nfg: %w", err)
	}
	return nil
}

// quote puts a name in quotes, as the format has them: quotes and backslashes inside
// are escaped, nothing else.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Limits of numbers that are read: those of games anybody writes by hand, and none that
// take gigabytes to expand.
const (
	maxNumber   = 2000 // characters
	maxExponent = 400  // of 10
)

// parseRat reads an integer, a decimal with or without an exponent, or a fraction p/q.
func parseRat(s string) (*big.Rat, error) {
	bad := fmt.Errorf("%.40q is not an integer, decimal or fraction: %w", s, ErrSyntax)
	if len(s) > maxNumber || strings.Trim(s, "0123456789+-./eE") != "" {
		return nil, bad
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > maxExponent || e < -maxExponent || strings.Contains(s, "/") {
			return nil, bad
		}
	}
	v, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, bad
	}
	return v, nil
}
