package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// finiteStudy is the part of the paper on games with finitely many actions.
type finiteStudy struct {
	job
	study *potentialnessStudy // once made
}

// newFinite returns the claims and figures on finite games.
func newFinite(j job) ([]claim, []figure) {
	s := &finiteStudy{job: j}
	return []claim{
			{"finite-matches-candogan", "The decomposition of finite games without matrices is the least squares solution of Candogan et al. on the dense graph of deviations, and exact in rational arithmetic.", s.candogan},
			{"potentialness", "Random games: the mean energy share of the potential component is a ratio of dimensions, potentialness has the tabled means, and with it grows how often multiplicative weights converge.", s.potentialness},
			{"learning-in-zero-sum-games", "Rock-paper-scissors: multiplicative weights move away from the equilibrium, optimistic ones converge to it, alternating ones stay near an orbit of the flow.", s.learning},
			{"chaos-in-zero-sum-games", "Rock-paper-scissors with ties in favour of one player: the replicator dynamics is chaotic from one start, hardly from another, and quasi-periodic from a third and without ties.", s.chaos},
		}, []figure{
			{"game-potentialness", "Potentialness of random games with uniform payoffs; how often games of a potentialness have a pure equilibrium (solid) and multiplicative weights converge from a random start (dashed).", s.picturePotentialness},
			{"game-learning", "Rock-paper-scissors from one start: strategies of the first player, and the distance of both from the equilibrium.", s.pictureLearning},
		}
}

// candogan compares with dense least squares.
func (s *finiteStudy) candogan(ctx context.Context, told progress) (outcome, error) {
	shapes := [][]int{{2, 2}, {3, 3}, {2, 5}, {5, 5}, {2, 3, 2}, {3, 3, 3}, {2, 2, 2, 2}}
	count := pick(s.job, 3, 20, 100)
	off, inexact := make([]float64, count*len(shapes)), make([]float64, count*len(shapes))
	err := members(ctx, len(off), told, func(ctx context.Context, i int) error {
		f, err := game.RandomFinite(shapes[i%len(shapes)], philox.NewSource(s.seed, i))
		if err != nil {
			return err
		}
		parts, err := f.Decompose(nil)
		if err != nil {
			return err
		}
		if off[i], err = denseDifference(f, parts); err != nil {
			return err
		}
		inexact[i], err = exactDifference(f, parts)
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	worst, rounding := 0.0, 0.0
	for i, v := range off {
		worst, rounding = max(worst, v), max(rounding, inexact[i])
	}
	shares, known := "", true
	for _, c := range []struct {
		name string
		f    *game.Finite
		want float64
	}{
		{"prisoner's dilemma", game.PrisonersDilemma(), 1}, {"battle of the sexes", game.BattleOfSexes(), 1}, {"chicken", game.Chicken(), 1},
		{"matching pennies", game.MatchingPennies(), 0}, {"rock-paper-scissors", game.RockPaperScissors(), 0},
	} {
		parts, err := c.f.Exact().Decompose(nil)
		if err != nil {
			return outcome{}, err
		}
		known = known && parts.Potentialness == c.want
		shares += fmt.Sprintf(" %s %g,", c.name, parts.Potentialness)
	}
	return outcome{
		want: "difference 0", got: fmt.Sprintf("%s from dense least squares, %s from rational arithmetic", number(worst), number(rounding)), tol: "1e-12",
		pass: worst <= 1e-12 && rounding <= 1e-12 && known,
		note: fmt.Sprintf("Potential and all components of %d random games of %d shapes. Potentialness of known games:%s as it should be.", len(off), len(shapes), shares),
	}, nil
}

// denseDifference is the largest difference of the components from those of the dense
// construction: φ is the least squares solution of D φ = X, X the gains of all
// unilateral deviations, P_m = D_m⁺Dφ.
func denseDifference(f *game.Finite, parts *game.FiniteParts) (float64, error) {
	n, shape := f.Profiles(), f.Shape()
	laplacian, b := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	// The mean of φ is 0.
	for i := range n {
		for j := i; j < n; j++ {
			laplacian.SetSym(i, j, 1)
		}
	}
	deviations(f, func(m, from, to int) {
		laplacian.SetSym(from, from, laplacian.At(from, from)+1)
		laplacian.SetSym(to, to, laplacian.At(to, to)+1)
		laplacian.SetSym(from, to, laplacian.At(from, to)-1)
		gain := f.Payoffs(m)[to] - f.Payoffs(m)[from]
		b.SetVec(to, b.AtVec(to)+gain)
		b.SetVec(from, b.AtVec(from)-gain)
	})
	var chol mat.Cholesky
	if !chol.Factorize(laplacian) {
		return math.NaN(), fmt.Errorf("the Laplacian of shape %v is not positive definite", shape)
	}
	var phi mat.VecDense
	if err := chol.SolveVecTo(&phi, b); err != nil {
		return math.NaN(), err
	}
	worst := 0.0
	see := func(got, want float64) { worst = max(worst, math.Abs(got-want)) }
	p, u := make([][]float64, len(shape)), make([][]float64, len(shape)) // D_m⁺Dφ, D_m⁺Du
	for m := range shape {
		p[m], u[m] = make([]float64, n), make([]float64, n)
	}
	deviations(f, func(m, from, to int) {
		h := float64(shape[m])
		d, e := (phi.AtVec(to)-phi.AtVec(from))/h, (f.Payoffs(m)[to]-f.Payoffs(m)[from])/h
		p[m][to], p[m][from] = p[m][to]+d, p[m][from]-d
		u[m][to], u[m][from] = u[m][to]+e, u[m][from]-e
	})
	for i := range n {
		see(parts.Phi[i], phi.AtVec(i))
		for m := range shape {
			see(parts.Potential.Payoffs(m)[i], p[m][i])
			see(parts.Harmonic.Payoffs(m)[i], u[m][i]-p[m][i])
			see(parts.NonStrategic.Payoffs(m)[i], f.Payoffs(m)[i]-u[m][i])
		}
	}
	return worst, nil
}

// deviations calls f for every pair of profiles that differ in the action of one player
// m.
func deviations(f *game.Finite, see func(m, from, to int)) {
	a := make([]int, f.Players())
	for from := range f.Profiles() {
		f.Actions(a, from)
		for m, own := range a {
			for a[m] = own + 1; a[m] < f.Shape()[m]; a[m]++ {
				see(m, from, f.Index(a...))
			}
			a[m] = own
		}
	}
}

// exactDifference is the largest difference of the components from those in rational
// arithmetic.
func exactDifference(f *game.Finite, parts *game.FiniteParts) (float64, error) {
	exact, err := f.Exact().Decompose(nil)
	if err != nil {
		return math.NaN(), err
	}
	worst := 0.0
	for i, v := range exact.Phi {
		want, _ := v.Float64()
		worst = max(worst, math.Abs(parts.Phi[i]-want))
	}
	for m := range f.Shape() {
		for i, v := range exact.Harmonic.Payoffs(m) {
			want, _ := v.Float64()
			worst = max(worst, math.Abs(parts.Harmonic.Payoffs(m)[i]-want))
		}
	}
	return worst, nil
}

// mixedProfile draws strategies of all players, uniform on the simplices.
func mixedProfile(r *rand.Rand, shape []int) []float64 {
	var x []float64
	for _, h := range shape {
		s, from := 0.0, len(x)
		for range h {
			x = append(x, r.ExpFloat64())
			s += x[len(x)-1]
		}
		for a := range x[from:] {
			x[from+a] /= s
		}
	}
	return x
}
