package main

import (
	"context"
	"image/color"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/game"
)

// drawnMethods are the methods of the figure of runs.
var drawnMethods = []struct {
	name  string
	m     game.Method
	color color.Color
}{
	{"gradient descent", game.GD{}, vermillion}, {"alternating", game.AltGD{}, gray}, {"extragradient", game.Extragradient{}, blue},
	{"optimistic", game.Optimistic{}, orange}, {"symplectic adjustment", game.SGA{}, purple}, {"consensus", game.Consensus{Gamma: 0.3}, ink},
}

// points runs a method and returns its states.
func points(ctx context.Context, m game.Method, g game.Game, x0 []float64, eta float64, steps int) (plotter.XYs, error) {
	it, err := m.Integrator(g)
	if err != nil {
		return nil, err
	}
	r, err := flow.New(it, x0, flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: steps})
	if err != nil {
		return nil, err
	}
	var out plotter.XYs
	for st, err := range r.Steps(ctx) {
		if err != nil {
			return nil, err
		}
		out = append(out, plotter.XY{X: st.X[0], Y: st.X[1]})
	}
	return out, nil
}

// pictureMethods shows runs on the Dirac-GAN and on a bilinear game.
func (s *gameDynamics) pictureMethods(ctx context.Context) (picture, error) {
	x0 := []float64{1, 0.5}
	bilinear, err := bilinearGame(1)
	if err != nil {
		return picture{}, err
	}
	plane, size := newPlot("Dirac-GAN", "θ", "ψ"), newPlot("Bilinear game: distance to the equilibrium", "step", "")
	gridlines(plane)
	gridlines(size)
	for _, d := range drawnMethods {
		p, err := points(ctx, d.m, game.NewDiracGAN(game.Logistic), x0, 0.2, 100)
		if err != nil {
			return picture{}, err
		}
		if err := curve(plane, p, d.color, nil, ""); err != nil {
			return picture{}, err
		}
		q, err := points(ctx, d.m, bilinear, x0, 0.2, 200)
		if err != nil {
			return picture{}, err
		}
		for k := range q {
			q[k] = plotter.XY{X: float64(k), Y: math.Hypot(q[k].X, q[k].Y)}
		}
		if err := curve(size, q, d.color, nil, d.name); err != nil {
			return picture{}, err
		}
	}
	xRange(plane, -2, 2, 1)
	yRange(plane, -2, 2, 1)
	xRange(size, 0, 200, 50)
	logY(size, 1e-4, 1e5)
	size.Legend.Left, size.Legend.Top = true, true
	return sideBySide(9.6*vg.Inch, 4.4*vg.Inch, []float64{1, 1.15}, plane, size), nil
}

// pictureRates shows spectral radii of methods between potential games and rotations.
func (s *gameDynamics) pictureRates(ctx context.Context) (picture, error) {
	n := pick(s.job, 60, 120, 240)
	angle, eta := make([]float64, n), make([]float64, n)
	for i := range n {
		angle[i] = 90 * (float64(i) + 0.5) / float64(n)
		eta[i] = 2 * (float64(i) + 0.5) / float64(n)
	}
	shown := []struct {
		name string
		m    game.Method
	}{{"gradient descent", game.GD{}}, {"extragradient", game.Extragradient{}}, {"optimistic", game.Optimistic{}}, {"symplectic adj.", game.SGA{}}}
	plots, weights := make([]*plot.Plot, 0, len(shown)+1), make([]float64, 0, len(shown)+1)
	for _, c := range shown {
		rho := kernel.NewMatrix[float64](n, n)
		err := members(ctx, n, quiet, func(ctx context.Context, i int) error {
			sin, cos := math.Sincos(angle[i] * math.Pi / 180)
			g, err := game.Affine([]int{1, 1}, mat.NewDense(2, 2, []float64{cos, -sin, sin, cos}), make([]float64, 2))
			if err != nil {
				return err
			}
			l, err := game.Linearise(g, []float64{0, 0})
			for k := 0; k < n && err == nil; k++ {
				var v float64
				v, err = game.LocalRate(c.m, l, eta[k])
				rho.Set(i, k, v)
			}
			return err
		})
		if err != nil {
			return picture{}, err
		}
		label := ""
		if len(plots) == 0 {
			label = "η"
		}
		p := newPlot(c.name, "angle (°)", label)
		addHeat(p, heat{angle, eta, func(i, k int) float64 {
			if v := rho.At(i, k); v < 1 {
				return v
			}
			return 2 // over the scale
		}}, 0, 1)
		xRange(p, 0, 90, 45)
		yRange(p, 0, 2, 0.5)
		plots, weights = append(plots, p), append(weights, 1)
	}
	plots, weights = append(plots, colourBar("spectral radius", 0, 1, 0.25)), append(weights, 0.45)
	return sideBySide(11*vg.Inch, 3.4*vg.Inch, weights, plots...), nil
}
