package game

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gradflow/gradflow/flow/kernel"
)

// bimatrix is the game of two players with payoffs given row by row.
func bimatrix(rows int, a, b []float64) *Finite {
	f := newFinite([]int{rows, len(a) / rows}, len(a))
	copy(f.payoffs[0], a)
	copy(f.payoffs[1], b)
	return f
}

// NewBimatrix returns the game of two players with payoffs a and b, one row for each
// action of the first player and one column for each of the second. Errors as those
// of NewFinite.
func NewBimatrix(a, b kernel.Matrix[float64]) (*Finite, error) {
	u := make([][]float64, 2)
	for m, p := range []kernel.Matrix[float64]{a, b} {
		if p.Rows != a.Rows || p.Cols != a.Cols {
			return nil, fmt.Errorf("game: payoffs of %d x %d and %d x %d, want equal sizes: %w", a.Rows, a.Cols, p.Rows, p.Cols, ErrShape)
		}
		for i := range p.Rows {
			u[m] = append(u[m], p.Row(i)...)
		}
	}
	return NewFinite([]int{a.Rows, a.Cols}, u)
}

// MatchingPennies returns the zero-sum game in which the first player wants equal
// sides and the second different ones: harmonic, with uniform play its equilibrium.
func MatchingPennies() *Finite {
	return bimatrix(2, []float64{1, -1, -1, 1}, []float64{-1, 1, 1, -1})
}

// PrisonersDilemma returns the game of years in prison: 0 is silence, 1 betrayal,
// which dominates, though silence of both is better for both. A potential game.
func PrisonersDilemma() *Finite {
	return bimatrix(2, []float64{-1, -3, 0, -2}, []float64{-1, 0, -3, -2})
}

// BattleOfSexes returns the coordination game with payoffs (3, 2), (2, 3) for meeting
// at one place or the other and 0 for not meeting. A potential game.
func BattleOfSexes() *Finite {
	return bimatrix(2, []float64{3, 0, 0, 2}, []float64{2, 0, 0, 3})
}

// Chicken returns the game of two drivers on a collision course: 0 is swerving, 1
// driving on; the crash costs both 100. A potential game.
func Chicken() *Finite {
	return bimatrix(2, []float64{0, -1, 1, -100}, []float64{0, 1, -1, -100})
}

// StagHunt returns the coordination game with a stag (4 for both, if both hunt it) and
// hares (3 for who hunts them): the better equilibrium is the riskier one.
func StagHunt() *Finite {
	return bimatrix(2, []float64{4, 0, 3, 3}, []float64{4, 3, 0, 3})
}

// RockPaperScissors returns the zero-sum game with payoff 1 for winning, -1 for
// losing and 0 for a tie.
func RockPaperScissors() *Finite { return GeneralisedRPS(0, 0) }

// GeneralisedRPS returns rock-paper-scissors with payoffs epsX and epsY of the two
// players for a tie. It is zero-sum for epsX = -epsY, where the replicator dynamics
// is chaotic (Sato, Akiyama, Farmer, PNAS 99 (2002) 4748). It panics if a payoff is not
// finite.
func GeneralisedRPS(epsX, epsY float64) *Finite {
	for _, e := range []float64{epsX, epsY} {
		if math.IsNaN(e) || math.IsInf(e, 0) {
			panic(fmt.Sprintf("game: GeneralisedRPS: payoffs %v and %v of a tie, want finite numbers", epsX, epsY))
		}
	}
	return bimatrix(3,
		[]float64{epsX, -1, 1, 1, epsX, -1, -1, 1, epsX},
		[]float64{epsY, 1, -1, -1, epsY, 1, 1, -1, epsY})
}

// RandomFinite returns the game with independent payoffs, uniform on [0, 1), drawn
// from src. Errors as those of NewFinite.
//
// For such games the mean energy share of the potential component is the ratio of the
// dimensions of the spaces, (h^M-1)/(M h^(M-1)(h-1)) for M players with h actions
// (our derivation).
func RandomFinite(shape []int, src rand.Source) (*Finite, error) {
	n, err := profilesOf(shape)
	if err != nil {
		return nil, err
	}
	if src == nil {
		return nil, fmt.Errorf("game: RandomFinite: src = nil, want a source of random numbers: %w", ErrArgument)
	}
	f, r := newFinite(shape, n), rand.New(src)
	for _, u := range f.payoffs {
		for a := range u {
			u[a] = r.Float64()
		}
	}
	return f, nil
}

// RandomWithPotentialness returns a random game with the given potentialness, from 0
// (harmonic) to 1 (potential game): t P + (1-t) H, the components P and H of a game of
// RandomFinite made equally long. Errors: as those of RandomFinite; ErrArgument if t is
// outside [0, 1], or if there is no harmonic game of that shape (fewer than two
// players with a choice).
func RandomWithPotentialness(shape []int, t float64, src rand.Source) (*Finite, error) {
	if !(t >= 0 && t <= 1) {
		return nil, fmt.Errorf("game: potentialness %v, want a number from 0 to 1: %w", t, ErrArgument)
	}
	f, err := RandomFinite(shape, src)
	if err != nil {
		return nil, err
	}
	choices := 0
	for _, h := range shape {
		if h > 1 {
			choices++
		}
	}
	if choices < 2 {
		return nil, fmt.Errorf("game: shape %v has no harmonic games, want two players with at least two actions: %w", shape, ErrArgument)
	}
	p, err := f.Decompose(nil)
	if err != nil {
		return nil, err
	}
	var pp, hh float64
	for m := range shape {
		pp += kernel.SumSq(p.Potential.payoffs[m])
		hh += kernel.SumSq(p.Harmonic.payoffs[m])
	}
	return p.Potential.Combine(t/math.Sqrt(pp), p.Harmonic, (1-t)/math.Sqrt(hh))
}
