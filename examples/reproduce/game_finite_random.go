package main

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"

	"gonum.org/v1/plot/plotter"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// randomShapes are the shapes of the study with the mean energy share of the potential
// component for normal payoffs, (h^M-1)/(M h^(M-1)(h-1)), and the mean potentialness for
// uniform payoffs.
var randomShapes = []struct {
	shape         []int
	share         float64
	potentialness float64
}{
	{[]int{2, 2}, .75, .687}, {[]int{3, 3}, 2. / 3, .598}, {[]int{5, 5}, .6, .553}, {[]int{3, 3, 3}, 13. / 27, .492}, {[]int{2, 2, 2, 2}, .46875, .484},
}

const (
	potentialBins = 50  // of the histograms
	playBins      = 10  // of the frequencies of convergence
	batchLanes    = 128 // games that are decomposed together
)

// potentialnessStudy is what is known of the random games of all shapes. For 10⁶ games of
// each of the five shapes it took 14 s of processor time with 10⁴ games of each shape
// played (the default), 2 min 20 s with 2·10⁵ played (-full); the work is shared by all
// cores.
type potentialnessStudy struct {
	games, played int
	shapes        []shapeStudy
}

// shapeStudy is what is known of the games of a shape.
type shapeStudy struct {
	games         int
	share         float64 // sums over the games
	potentialness float64
	bins          [potentialBins]int // by potentialness
	played        [playBins]int      // games that were played, by potentialness
	pure          [playBins]int      // of them those with a pure equilibrium
	converged     [playBins]int      // of them those where multiplicative weights converge
}

func (a *shapeStudy) add(b *shapeStudy) {
	a.games += b.games
	a.share += b.share
	a.potentialness += b.potentialness
	for i := range a.bins {
		a.bins[i] += b.bins[i]
	}
	for i := range a.played {
		a.played[i] += b.played[i]
		a.pure[i] += b.pure[i]
		a.converged[i] += b.converged[i]
	}
}

// results makes the study, once. Results do not depend on the number of cores: a batch
// of games has a random stream of its own.
func (s *finiteStudy) results(ctx context.Context, told progress) (*potentialnessStudy, error) {
	if s.study != nil {
		return s.study, nil
	}
	st := &potentialnessStudy{games: pick(s.job, 20_000, 1_000_000, 1_000_000), played: pick(s.job, 500, 10_000, 200_000), shapes: make([]shapeStudy, len(randomShapes))}
	const perMember = 16 // batches
	batches := (st.games + batchLanes - 1) / batchLanes
	jobs := (batches + perMember - 1) / perMember
	found := make([]shapeStudy, jobs*len(randomShapes))
	err := members(ctx, len(found), told, func(ctx context.Context, i int) error {
		k, first := i%len(randomShapes), i/len(randomShapes)*perMember
		return s.batches(ctx, &found[i], k, first, min(first+perMember, batches), st.played)
	})
	if err != nil {
		return nil, err
	}
	for i := range found {
		st.shapes[i%len(randomShapes)].add(&found[i])
	}
	s.study = st
	return st, nil
}

// batches adds the games of some batches of shape k to the study; the first played ones
// are played as well.
func (s *finiteStudy) batches(ctx context.Context, to *shapeStudy, k, from, end, played int) error {
	b, err := game.NewFiniteBatch(randomShapes[k].shape, batchLanes, nil)
	if err != nil {
		return err
	}
	metrics := make([]game.FiniteMetrics, batchLanes)
	for batch := from; batch < end; batch++ {
		b.Random(s.seed+uint64(k)<<32, batch)
		b.Measure(metrics)
		for lane, m := range metrics {
			to.games++
			to.share += m.Share
			to.potentialness += m.Potentialness
			to.bins[binOf(m.Potentialness, potentialBins)]++
			if number := batch*batchLanes + lane; number < played {
				if err := s.play(ctx, to, b, lane, number, binOf(m.Potentialness, playBins)); err != nil {
					return err
				}
			}
		}
	}
	return ctx.Err()
}

func binOf(v float64, bins int) int { return min(int(v*float64(bins)), bins-1) }

// play looks for pure equilibria of a game and runs multiplicative weights.
func (s *finiteStudy) play(ctx context.Context, to *shapeStudy, b *game.FiniteBatch, lane, number, bin int) error {
	f, err := b.Game(lane)
	if err != nil {
		return err
	}
	to.played[bin]++
	if len(f.PureEquilibria()) > 0 {
		to.pure[bin]++
	}
	r := rand.New(philox.NewSource(s.seed+1, number))
	ok, err := weightsConverge(ctx, f, mixedProfile(r, f.Shape()))
	if ok {
		to.converged[bin]++
	}
	return err
}

// weightsConverge says whether multiplicative weights with η = 1/2 come to a NashConv
// of 1e-4 within 1000 steps.
func weightsConverge(ctx context.Context, f *game.Finite, x0 []float64) (bool, error) {
	rep, err := game.NewReplicator(f, x0)
	if err != nil {
		return false, err
	}
	x, v := x0, make([]float64, len(x0))
	run, err := flow.New(game.MWU(rep), rep.Start(), flow.Options[float64]{
		Controller: flow.Fixed{H: .5}, MaxSteps: 1000,
		Stop: []flow.Stop[float64]{func(st *flow.Step[float64]) flow.Status {
			if st.K%20 != 0 {
				return flow.Running
			}
			rep.Strategies(x, st.X)
			rep.Eval(v, st.X, 0) // payoffs up to a number for each player
			if nashConv(x, v, f.Shape()) < 1e-4 {
				return flow.Converged
			}
			return flow.Running
		}},
	})
	if err != nil {
		return false, err
	}
	sol, err := run.Solve(ctx)
	if err != nil {
		return false, err
	}
	return sol.Status == flow.Converged, nil
}

// nashConv is the sum of the regrets at strategies x with payoffs v.
func nashConv(x, v []float64, shape []int) float64 {
	s := 0.0
	for _, h := range shape {
		best := math.Inf(-1)
		for _, w := range v[:h] {
			best = max(best, w)
		}
		s += best - kernel.Dot(x[:h], v[:h])
		x, v = x[h:], v[h:]
	}
	return s
}

// frequencies of a count among the played games of a bin, where there are enough.
func frequencies(count, played [playBins]int) plotter.XYs {
	var pts plotter.XYs
	for i, n := range played {
		if n >= 20 {
			pts = append(pts, plotter.XY{X: (float64(i) + .5) / playBins, Y: float64(count[i]) / float64(n)})
		}
	}
	return pts
}

func (s *finiteStudy) potentialness(ctx context.Context, told progress) (outcome, error) {
	st, err := s.results(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	var want, got, share []float64
	pass := true
	var trend []string
	for k, c := range randomShapes {
		sh := &st.shapes[k]
		mean := sh.potentialness / float64(sh.games)
		want, got, share = append(want, c.potentialness), append(got, mean), append(share, sh.share/float64(sh.games))
		pass = pass && math.Abs(mean-c.potentialness) <= .005
		low, high := below(sh.converged, sh.played)
		pass = pass && high > low
		trend = append(trend, fmt.Sprintf("%v %.2f to %.2f", c.shape, low, high))
	}
	return outcome{
		want: numbers(want), got: numbers(got), tol: ".005; convergence grows",
		pass: pass,
		note: fmt.Sprintf("%d games of each of the shapes 2x2, 3x3, 5x5, 3x3x3, 2x2x2x2 with uniform payoffs. Mean energy shares %s (for normal payoffs .75, .667, .6, .481, .469 exactly). Frequency of convergence of multiplicative weights in the less and in the more potential half of %d games: %s.",
			st.games, numbers(share), st.played, strings.Join(trend, ", ")),
	}, nil
}

// below is the frequency of a count in the games below and above the median of
// potentialness, to a bin.
func below(count, played [playBins]int) (low, high float64) {
	total, seen := 0, 0
	for _, n := range played {
		total += n
	}
	var c, n [2]int
	for i, p := range played {
		half := 0
		if 2*seen+p > total {
			half = 1
		}
		seen += p
		c[half] += count[i]
		n[half] += p
	}
	return float64(c[0]) / float64(n[0]), float64(c[1]) / float64(n[1])
}

func (s *finiteStudy) picturePotentialness(ctx context.Context) (picture, error) {
	st, err := s.results(ctx, func(float64) {})
	if err != nil {
		return picture{}, err
	}
	density, play := newPlot("Density", "potentialness", ""), newPlot("Frequency", "potentialness", "")
	gridlines(density)
	gridlines(play)
	colors, top := []color.Color{blue, vermillion, orange, purple, sky}, 0.0
	for k, c := range randomShapes {
		sh := &st.shapes[k]
		var pts plotter.XYs
		for i, n := range sh.bins {
			v := float64(n) * potentialBins / float64(sh.games)
			pts = append(pts, plotter.XY{X: (float64(i) + .5) / potentialBins, Y: v})
			top = max(top, v)
		}
		name := strings.Trim(strings.ReplaceAll(fmt.Sprint(c.shape), " ", "x"), "[]")
		if err := curve(density, pts, colors[k], nil, name); err != nil {
			return picture{}, err
		}
		if err := curve(play, frequencies(sh.pure, sh.played), colors[k], nil, ""); err != nil {
			return picture{}, err
		}
		if err := curve(play, frequencies(sh.converged, sh.played), colors[k], dashed, ""); err != nil {
			return picture{}, err
		}
	}
	xRange(density, 0, 1, .2)
	yRange(density, 0, math.Ceil(top), 1)
	density.Legend.Top, density.Legend.Left = true, true
	xRange(play, 0, 1, .2)
	yRange(play, 0, 1, .2)
	return sideBySide(640, 270, []float64{1, 1}, density, play), nil
}
