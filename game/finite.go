package game

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

// maxProfiles is the number of profiles that an index of a payoff tensor may reach;
// an int of 32 bits ends one before.
const maxProfiles int64 = min(1<<31, math.MaxInt)

// Finite is a finite game in normal form: player m has shape[m] actions and the
// payoff u_m(a) at the profile a = (a_1, ..., a_M). Payoffs are utilities, which the
// players maximise; Multilinear and Softmax are the games of losses -u_m that belong
// to it. A payoff tensor is stored row-major, the action of the last player fastest.
//
// A Finite is not changed by its methods and is safe for concurrent use.
type Finite struct {
	shape    []int
	profiles int
	payoffs  [][]float64
}

// NewFinite returns the game with the given numbers of actions and payoff tensors,
// one for each player, which it copies.
//
// Errors: ErrShape for no player, a player without action, a tensor of the wrong
// length; ErrTooLarge for more than 2^31 profiles (nothing is allocated then);
// ErrNotFinite for a payoff that is NaN or infinite.
func NewFinite(shape []int, payoffs [][]float64) (*Finite, error) {
	n, err := checkPayoffs(shape, payoffs)
	if err != nil {
		return nil, err
	}
	for m, u := range payoffs {
		if kernel.AllFinite(u) {
			continue
		}
		for a, v := range u {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("game: payoffs[%d][%d] = %v, want a finite number: %w", m, a, v, ErrNotFinite)
			}
		}
	}
	f := newFinite(shape, n)
	for m, u := range payoffs {
		copy(f.payoffs[m], u)
	}
	return f, nil
}

// checkPayoffs returns the number of profiles of a shape that payoff tensors fit.
func checkPayoffs[T any](shape []int, payoffs [][]T) (int, error) {
	n, err := profilesOf(shape)
	if err != nil {
		return 0, err
	}
	if len(payoffs) != len(shape) {
		return 0, fmt.Errorf("game: %d payoff tensors, want one for each of the %d players of shape %v: %w", len(payoffs), len(shape), shape, ErrShape)
	}
	for m, u := range payoffs {
		if len(u) != n {
			return 0, fmt.Errorf("game: payoffs[%d] has length %d, want %d, the number of profiles of shape %v: %w", m, len(u), n, shape, ErrShape)
		}
	}
	return n, nil
}

// newFinite returns a game of n profiles with payoffs 0, its tensors in one piece.
func newFinite(shape []int, n int) *Finite {
	all := make([]float64, n*len(shape))
	f := &Finite{shape: slices.Clone(shape), profiles: n, payoffs: make([][]float64, len(shape))}
	for m := range shape {
		f.payoffs[m] = all[m*n : (m+1)*n : (m+1)*n]
	}
	return f
}

// profilesOf is the number of profiles of a shape.
func profilesOf(shape []int) (int, error) {
	if len(shape) == 0 {
		return 0, fmt.Errorf("game: shape is empty, want a number of actions for each player: %w", ErrShape)
	}
	n := 1
	for m, h := range shape {
		if h < 1 {
			return 0, fmt.Errorf("game: shape[%d] = %d, want at least one action: %w", m, h, ErrShape)
		}
		if int64(h) > maxProfiles/int64(n) {
			return 0, fmt.Errorf("game: shape %v has more than 2^31 profiles: %w", shape, ErrTooLarge)
		}
		n *= h
	}
	return n, nil
}

// Shape returns the numbers of actions of the players. The slice belongs to the game.
func (f *Finite) Shape() []int { return f.shape }

// Players returns M, the number of players.
func (f *Finite) Players() int { return len(f.shape) }

// Profiles returns the number of (pure) profiles, the length of a payoff tensor.
func (f *Finite) Profiles() int { return f.profiles }

// Payoffs returns the payoff tensor of a player. The slice belongs to the game and
// is not to be changed.
func (f *Finite) Payoffs(player int) []float64 { return f.payoffs[player] }

// Payoff returns u_player at the profile of the given actions. It panics if their
// number is not that of the players or an action does not exist.
func (f *Finite) Payoff(player int, actions ...int) float64 {
	return f.payoffs[player][f.Index(actions...)]
}

// Index returns the place of a profile in the payoff tensors. It panics as Payoff.
func (f *Finite) Index(actions ...int) int {
	if len(actions) != len(f.shape) {
		panic(fmt.Sprintf("game: %d actions for %d players", len(actions), len(f.shape)))
	}
	at := 0
	for m, a := range actions {
		if a < 0 || a >= f.shape[m] {
			panic(fmt.Sprintf("game: action %d of player %d, want 0 to %d", a, m, f.shape[m]-1))
		}
		at = at*f.shape[m] + a
	}
	return at
}

// Actions stores in dst, which has one element a player, the actions of the profile
// at a place of the payoff tensors, and returns it.
func (f *Finite) Actions(dst []int, index int) []int {
	if len(dst) != len(f.shape) {
		panic(fmt.Sprintf("game: len(dst) is %d for %d players", len(dst), len(f.shape)))
	}
	for m := len(f.shape) - 1; m >= 0; m-- {
		dst[m], index = index%f.shape[m], index/f.shape[m]
	}
	return dst
}

// Restrict returns the game in which player m has only the actions keep[m], in that
// order: a face of the game.
func (f *Finite) Restrict(keep [][]int) (*Finite, error) {
	if len(keep) != len(f.shape) {
		return nil, fmt.Errorf("game: keep has %d lists, want one for each of the %d players: %w", len(keep), len(f.shape), ErrShape)
	}
	shape := make([]int, len(keep))
	for m, list := range keep {
		for _, a := range list {
			if a < 0 || a >= f.shape[m] {
				return nil, fmt.Errorf("game: keep[%d] holds %d, want actions from 0 to %d: %w", m, a, f.shape[m]-1, ErrArgument)
			}
		}
		shape[m] = len(list)
	}
	n, err := profilesOf(shape)
	if err != nil {
		return nil, err
	}
	g, a := newFinite(shape, n), make([]int, len(shape))
	for p := range n {
		g.Actions(a, p)
		for m := range a {
			a[m] = keep[m][a[m]]
		}
		at := f.Index(a...)
		for m := range g.payoffs {
			g.payoffs[m][p] = f.payoffs[m][at]
		}
	}
	return g, nil
}

// Combine returns the game with payoffs a u_m + b w_m, u of f and w of g.
func (f *Finite) Combine(a float64, g *Finite, b float64) (*Finite, error) {
	if !slices.Equal(f.shape, g.shape) {
		return nil, fmt.Errorf("game: games of shapes %v and %v, want equal ones: %w", f.shape, g.shape, ErrShape)
	}
	out := newFinite(f.shape, f.profiles)
	for m, u := range out.payoffs {
		copy(u, g.payoffs[m])
		kernel.Axpby(a, f.payoffs[m], b, u)
		if !kernel.AllFinite(u) {
			return nil, fmt.Errorf("game: payoffs of player %d overflow with a = %v, b = %v: %w", m, a, b, ErrNotFinite)
		}
	}
	return out, nil
}

// ZeroSum splits a game of two players with payoffs A and B into the zero-sum game
// ((A-B)/2, (B-A)/2) and the common-interest game ((A+B)/2, (A+B)/2), whose sum it is.
func (f *Finite) ZeroSum() (zero, common *Finite, err error) {
	if len(f.shape) != 2 {
		return nil, nil, fmt.Errorf("game: %d players, want 2 for the zero-sum split: %w", len(f.shape), ErrShape)
	}
	zero, common = newFinite(f.shape, f.profiles), newFinite(f.shape, f.profiles)
	for p, a := range f.payoffs[0] {
		b := f.payoffs[1][p]
		d, s := a/2-b/2, a/2+b/2
		zero.payoffs[0][p], zero.payoffs[1][p] = d, -d
		common.payoffs[0][p], common.payoffs[1][p] = s, s
	}
	return zero, common, nil
}
