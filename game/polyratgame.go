package game

import (
	"fmt"
	"strings"
)

// RatPolynomial is a game with polynomial losses whose coefficients are exact rational
// numbers. It can be decomposed; Float gives the game to run.
type RatPolynomial struct {
	blocks []int
	losses []*RatPoly
}

// NewRatPolynomial returns the game in which player i has blocks[i] coordinates and the
// loss losses[i]. Errors are those of NewPolynomial.
func NewRatPolynomial(blocks []int, losses []*RatPoly) (*RatPolynomial, error) {
	if err := checkLosses(blocks, losses, (*RatPoly).Vars); err != nil {
		return nil, err
	}
	return &RatPolynomial{append([]int(nil), blocks...), losses}, nil
}

// ParseRatGame is ParseGame with exact coefficients.
func ParseRatGame(blocks []int, losses []string, vars ...string) (*RatPolynomial, error) {
	n, err := checkBlocks(blocks)
	if err != nil {
		return nil, err
	}
	if len(vars) == 0 {
		vars = variableNames(n)
	}
	if len(vars) != n {
		return nil, fmt.Errorf("game: %d names of variables, want %d for blocks %v: %w", len(vars), n, blocks, ErrShape)
	}
	list := make([]*RatPoly, len(losses))
	for i, text := range losses {
		if list[i], err = ParseRatPoly(text, vars...); err != nil {
			return nil, fmt.Errorf("game: loss of player %d: %w", i, err)
		}
	}
	return NewRatPolynomial(blocks, list)
}

// Blocks returns the numbers of coordinates of the players. The slice belongs to the
// game.
func (g *RatPolynomial) Blocks() []int { return g.blocks }

// Loss returns the loss of a player. It belongs to the game: do not change it.
func (g *RatPolynomial) Loss(player int) *RatPoly { return g.losses[player] }

// Float returns the game with coefficients rounded to float64. Its error is
// ErrNotFinite, for a coefficient too large.
func (g *RatPolynomial) Float() (*Polynomial, error) {
	list := make([]*Poly, len(g.losses))
	for i, l := range g.losses {
		list[i] = l.Float()
	}
	return NewPolynomial(g.blocks, list)
}

// String prints the losses, one line each.
func (g *RatPolynomial) String() string {
	var b strings.Builder
	for i, l := range g.losses {
		fmt.Fprintf(&b, "l%d = %v\n", i+1, l)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
