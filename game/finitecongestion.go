package game

import (
	"fmt"
	"math"
	"slices"
)

// Congestion is a congestion game (Rosenthal, Int. J. Game Theory 2 (1973) 65): the
// actions of a player are sets of resources, and using resource r costs delay[r][k-1]
// when k players use it.
type Congestion struct {
	sets  [][][]int
	delay [][]float64
	shape []int
	n     int
}

// NewCongestion returns the congestion game in which sets[m] lists the resources of the
// actions of player m. delay[r] holds the costs of resource r for 1, 2, ... users, one
// number for each player at least.
//
// Errors: ErrShape for no player, a player without action or too few costs; ErrArgument
// for resources that do not exist or occur twice in a set; ErrNotFinite; ErrTooLarge.
func NewCongestion(sets [][][]int, delay [][]float64) (*Congestion, error) {
	g := &Congestion{}
	for m, actions := range sets {
		g.shape = append(g.shape, len(actions))
		var copied [][]int
		for a, set := range actions {
			for i, r := range set {
				if r < 0 || r >= len(delay) || slices.Contains(set[:i], r) {
					return nil, fmt.Errorf("game: action %d of player %d uses resources %v, want different ones from 0 to %d: %w", a, m, set, len(delay)-1, ErrArgument)
				}
			}
			copied = append(copied, slices.Clone(set))
		}
		g.sets = append(g.sets, copied)
	}
	var err error
	if g.n, err = profilesOf(g.shape); err != nil {
		return nil, err
	}
	for r, d := range delay {
		if len(d) < len(sets) {
			return nil, fmt.Errorf("game: delay[%d] has length %d, want a cost for up to %d users: %w", r, len(d), len(sets), ErrShape)
		}
		for k, v := range d {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("game: delay[%d][%d] = %v, want a finite number: %w", r, k, v, ErrNotFinite)
			}
		}
		g.delay = append(g.delay, slices.Clone(d))
	}
	return g, nil
}

// Finite returns the game in normal form: payoffs are minus the sums of the costs of the
// resources used. It is an exact potential game.
func (g *Congestion) Finite() *Finite {
	f := newFinite(g.shape, g.n)
	g.profiles(func(at int, actions, users []int) {
		for m, a := range actions {
			for _, r := range g.sets[m][a] {
				f.payoffs[m][at] -= g.delay[r][users[r]-1]
			}
		}
	})
	return f
}

// Potential returns Rosenthal's potential of all profiles, with the sign of payoffs:
// minus the sum over resources and k up to the number of users of delay[r][k-1]. It
// differs from FiniteParts.Phi by a constant.
func (g *Congestion) Potential() []float64 {
	phi := make([]float64, g.n)
	g.profiles(func(at int, actions, users []int) {
		for r, k := range users {
			for _, d := range g.delay[r][:k] {
				phi[at] -= d
			}
		}
	})
	return phi
}

// profiles calls f for every profile with the numbers of users of the resources.
func (g *Congestion) profiles(f func(at int, actions, users []int)) {
	index, actions, users := Finite{shape: g.shape}, make([]int, len(g.shape)), make([]int, len(g.delay))
	for at := range g.n {
		clear(users)
		for m, a := range index.Actions(actions, at) {
			for _, r := range g.sets[m][a] {
				users[r]++
			}
		}
		f(at, actions, users)
	}
}
