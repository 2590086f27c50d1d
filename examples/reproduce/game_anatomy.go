package main

import (
	"context"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/game"
)

// pictureAnatomy shows the phase portraits of a game and of three of its parts.
func (s *smoothGames) pictureAnatomy(ctx context.Context) (picture, error) {
	g, err := game.ParseGame([]int{1, 1}, []string{"x^4/4 + x^2y - xy", "y^4/4 - xy^2 + 2xy"})
	if err != nil {
		return picture{}, err
	}
	first, err := g.Decompose(game.ScalarFirst, game.Gaussian(nil, 1))
	if err != nil {
		return picture{}, err
	}
	second, err := g.Decompose(game.VectorFirst, game.Gaussian(nil, 1))
	if err != nil {
		return picture{}, err
	}
	panels := []struct {
		title    string
		g        game.Game
		attracts bool // it has sinks to mark
	}{{"Game", g, true}, {"Exact scalar part", first.Scalar, true}, {"Near vector part", first.Vector, false}, {"Exact vector part", second.Vector, false}}
	var plots []*plot.Plot
	for _, p := range panels {
		pl, err := portrait(ctx, p.title, p.g, p.attracts)
		if err != nil {
			return picture{}, err
		}
		plots = append(plots, pl)
	}
	return sideBySide(1000, 285, []float64{1, 1, 1, 1}, plots...), nil
}

// portraitEdge is half the width of a portrait.
const portraitEdge = 2.2

// portrait draws the orbits from 25 starts on a grid on [-1.5, 1.5]², for a time of 20,
// and of one start more in red.
func portrait(ctx context.Context, title string, g game.Game, attracts bool) (*plot.Plot, error) {
	pl := newPlot(title, "x", "y")
	f, err := game.Flow(g)
	if err != nil {
		return nil, err
	}
	var starts, ends plotter.XYs
	for i := range 26 {
		x0, c := []float64{-1.5 + 0.75*float64(i%5), -1.5 + 0.75*float64(i/5)}, sky
		if i == 25 {
			x0, c = []float64{0.6, -0.4}, vermillion
		}
		pieces, end, err := orbitPieces(ctx, f, x0)
		if err != nil {
			return nil, err
		}
		for _, p := range pieces {
			if err := curve(pl, p, c, nil, ""); err != nil {
				return nil, err
			}
		}
		starts = append(starts, plotter.XY{X: x0[0], Y: x0[1]})
		if attracts && visible(end) {
			ends = append(ends, end)
		}
	}
	if err := dots(pl, starts[:25], gray, 1.3, ""); err != nil {
		return nil, err
	}
	if err := dots(pl, ends, ink, 1.8, ""); err != nil {
		return nil, err
	}
	if err := dots(pl, starts[25:], vermillion, 2.5, ""); err != nil {
		return nil, err
	}
	xRange(pl, -portraitEdge, portraitEdge, 1)
	yRange(pl, -portraitEdge, portraitEdge, 1)
	return pl, nil
}

func visible(p plotter.XY) bool { return math.Max(math.Abs(p.X), math.Abs(p.Y)) <= portraitEdge }

// orbitPieces follows an orbit, to |x| = 20 at most, and returns what of it is in the
// picture and where it ends.
func orbitPieces(ctx context.Context, f flow.Field[float64], x0 []float64) (pieces []plotter.XYs, end plotter.XY, err error) {
	outside := true
	for st, err := range flow.Steps(ctx, f, x0, flow.Options[float64]{Method: flow.DOP853, RelTol: 1e-9, T1: 20, MaxStep: 0.03, Bound: 20}) {
		if err != nil {
			return nil, end, err
		}
		end = plotter.XY{X: st.X[0], Y: st.X[1]}
		switch {
		case !visible(end):
			outside = true
			continue
		case outside:
			pieces = append(pieces, nil)
		}
		outside = false
		pieces[len(pieces)-1] = append(pieces[len(pieces)-1], end)
	}
	return pieces, end, nil
}
