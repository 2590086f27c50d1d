package game

import (
	"fmt"
	"math"
	"math/bits"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Equilibrium is a Nash equilibrium in mixed strategies.
type Equilibrium struct {
	X     [][]float64 // strategies of the players
	Value []float64   // payoffs
}

// maxSupport is the number of actions up to which supports are enumerated.
const maxSupport = 16

// Nash2 returns the Nash equilibria of a game of two players by enumeration of
// supports: for every pair of supports of equal size the strategies are computed that
// make the other player indifferent on his support, and kept if they are probabilities
// and no other action pays more (to 1e-10 of the largest payoff difference).
//
// That is all equilibria of a nondegenerate game, an odd number of them. In a
// degenerate game (more best replies than actions in use) there may be infinitely
// many, of which those with supports of equal size and unique strategies are found.
// Equilibria with small supports come first.
//
// Errors: ErrShape for another number of players, ErrTooLarge for more than 16
// actions.
func (f *Finite) Nash2() ([]Equilibrium, error) {
	if len(f.shape) != 2 {
		return nil, fmt.Errorf("game: %d players, want 2 for the enumeration of supports: %w", len(f.shape), ErrShape)
	}
	for m, h := range f.shape {
		if h > maxSupport {
			return nil, fmt.Errorf("game: player %d has %d actions, want at most %d for the enumeration of supports: %w", m, h, maxSupport, ErrTooLarge)
		}
	}
	s := newSupports(f)
	var found []Equilibrium
	for size := 1; size <= min(f.shape[0], f.shape[1]); size++ {
		for _, rows := range s.ofSize(0, size) {
			for _, cols := range s.ofSize(1, size) {
				if e, ok := s.equilibrium(rows, cols); ok {
					found = append(found, e)
				}
			}
		}
	}
	return found, nil
}

// supports enumerates the supports of two players.
type supports struct {
	f    *Finite
	e    *expected[float64]
	tol  float64
	x, v []float64 // profile and values
}

func newSupports(f *Finite) *supports {
	s := &supports{f: f, e: newExpected[float64](f), x: make([]float64, sum(f.shape)), v: make([]float64, sum(f.shape))}
	for _, u := range f.payoffs {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, v := range u {
			lo, hi = min(lo, v), max(hi, v)
		}
		s.tol = max(s.tol, 1e-10*(hi-lo))
	}
	return s
}

// ofSize lists the supports of a player with the given number of actions.
func (s *supports) ofSize(m, size int) [][]int {
	var all [][]int
	for set := uint(0); set < 1<<s.f.shape[m]; set++ {
		if bits.OnesCount(set) != size {
			continue
		}
		var list []int
		for rest := set; rest != 0; rest &= rest - 1 {
			list = append(list, bits.TrailingZeros(rest))
		}
		all = append(all, list)
	}
	return all
}

// equilibrium returns the equilibrium with the given supports, if there is one.
func (s *supports) equilibrium(rows, cols []int) (Equilibrium, bool) {
	clear(s.x)
	h := s.f.shape[0]
	x, y := s.x[:h], s.x[h:]
	// Player 1 is indifferent by y, player 2 by x.
	if !s.indifferent(y, cols, rows, func(i, j int) float64 { return s.f.Payoff(0, i, j) }) ||
		!s.indifferent(x, rows, cols, func(j, i int) float64 { return s.f.Payoff(1, i, j) }) {
		return Equilibrium{}, false
	}
	s.e.values(s.v, s.x)
	e := Equilibrium{X: [][]float64{append([]float64(nil), x...), append([]float64(nil), y...)}}
	for m, p := range e.X {
		v := s.e.part(s.v, m)
		value := kernel.Dot(p, v)
		for _, w := range v {
			if w > value+s.tol {
				return Equilibrium{}, false
			}
		}
		e.Value = append(e.Value, value)
	}
	return e, true
}

// indifferent stores in y the probabilities on the actions own that make the actions
// other of the opponent, whose payoff is u(other, own), pay the same. It says whether
// there is one such strategy.
func (s *supports) indifferent(y []float64, own, other []int, u func(i, j int) float64) bool {
	n := len(own)
	if n == 1 {
		y[own[0]] = 1
		return true
	}
	a, b := mat.NewDense(n, n, nil), mat.NewVecDense(n, nil)
	for j, action := range own {
		a.Set(0, j, 1)
		for i := 1; i < n; i++ {
			a.Set(i, j, u(other[i], action)-u(other[0], action))
		}
	}
	b.SetVec(0, 1)
	var lu mat.LU
	lu.Factorize(a)
	var p mat.VecDense
	if lu.SolveVecTo(&p, false, b) != nil { // singular, or nearly so
		return false
	}
	for j, action := range own {
		if p.AtVec(j) <= 1e-12 { // an action out of use is one of a smaller support
			return false
		}
		y[action] = p.AtVec(j)
	}
	return true
}
