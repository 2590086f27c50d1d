package main

import (
	"context"
	"image/color"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/infogeo"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// geometries are the flows of the figures, with names and colours.
var geometries = []struct {
	g     infogeo.Geometry
	name  string
	color color.Color
}{
	{infogeo.EuclideanTheta, "Euclidean in θ", blue},
	{infogeo.Natural, "natural gradient", ink},
	{infogeo.EuclideanEta, "Euclidean in η", vermillion},
}

// flowPath follows a flow to time end and shows every step.
func flowPath(ctx context.Context, q, p0 []float64, o infogeo.KLFlowOptions, end, longest float64, see func(t float64, p []float64, loss float64)) error {
	o.Coords = infogeo.DeviationCoords
	f, err := infogeo.NewKLFlow(q, len(q)-1, o)
	if err != nil {
		return err
	}
	x, p := make([]float64, f.Dim()), make([]float64, len(q))
	if err := f.FromP(x, p0); err != nil {
		return err
	}
	for s, err := range flow.Steps(ctx, flow.Field[float64](f), x, flow.Options[float64]{Method: flow.DOP853, T1: end, RelTol: 1e-9, AbsTol: 1e-30, MaxStep: longest}) {
		if err != nil {
			return err
		}
		f.P(p, s.X)
		e, _ := f.EvalEnergy(nil, s.X, 0)
		see(s.T, p, e)
	}
	return nil
}

// onTriangle places a distribution on three states in an equilateral triangle.
func onTriangle(p []float64) plotter.XY {
	return plotter.XY{X: p[1] + p[2]/2, Y: p[2] * math.Sqrt(3) / 2}
}

// pictureTriangle is experiment E1.
func (s *infogeoStudy) pictureTriangle(ctx context.Context) (picture, error) {
	q := []float64{.6, .3, .1}
	starts := [][]float64{{.2, .3, .5}, {.05, .05, .9}, {.1, .8, .1}, {.9, .05, .05}}
	var plots []*plot.Plot
	for _, loss := range []infogeo.Loss{infogeo.Forward, infogeo.Reverse} {
		p := newPlot(map[infogeo.Loss]string{infogeo.Forward: "KL(q‖p)", infogeo.Reverse: "KL(p‖q)"}[loss], " ", " ")
		p.HideAxes()
		frame := plotter.XYs{onTriangle([]float64{1, 0, 0}), onTriangle([]float64{0, 1, 0}), onTriangle([]float64{0, 0, 1}), onTriangle([]float64{1, 0, 0})}
		if err := curve(p, frame, gray, nil, ""); err != nil {
			return picture{}, err
		}
		for _, g := range geometries {
			for i, p0 := range starts {
				path := plotter.XYs{}
				// The flow in θ takes long to arrive.
				err := flowPath(ctx, q, p0, infogeo.KLFlowOptions{Loss: loss, Geometry: g.g}, map[infogeo.Geometry]float64{infogeo.EuclideanTheta: 120}[g.g]+8, 0.1, func(_ float64, p []float64, _ float64) { path = append(path, onTriangle(p)) })
				if err != nil {
					return picture{}, err
				}
				name := ""
				if i == 0 {
					name = g.name
				}
				if err := curve(p, path, g.color, nil, name); err != nil {
					return picture{}, err
				}
			}
		}
		for _, p0 := range starts {
			if err := dots(p, plotter.XYs{onTriangle(p0)}, gray, 2.5, ""); err != nil {
				return picture{}, err
			}
		}
		if err := dots(p, plotter.XYs{onTriangle(q)}, ink, 4, ""); err != nil {
			return picture{}, err
		}
		for i, c := range []struct {
			dx, dy float64
			ax     draw.XAlignment
		}{{-0.02, 0, draw.XRight}, {0.02, 0, draw.XLeft}, {0, 0.05, draw.XCenter}} {
			e := make([]float64, 3)
			e[i] = 1
			at := onTriangle(e)
			if err := label(p, at.X+c.dx, at.Y+c.dy, string(rune('1'+i)), c.ax, draw.YCenter, ink); err != nil {
				return picture{}, err
			}
		}
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.1, 1.1, -0.05, 0.97
		p.Legend.Top, p.Legend.Left = true, true
		plots = append(plots, p)
	}
	plots[1].Legend = plot.NewLegend()
	return sideBySide(700, 330, []float64{1, 1}, plots...), nil
}

// pictureRates is experiment E2.
func (s *infogeoStudy) pictureRates(ctx context.Context) (picture, error) {
	q, p0 := []float64{.6, .3, .1}, []float64{.2, .3, .5}
	const end, low = 40, 1e-16
	sp, err := infogeo.SimplexSpectrum(q, 2)
	if err != nil {
		return picture{}, err
	}
	rates := map[infogeo.Geometry]float64{infogeo.EuclideanTheta: sp.RateTheta, infogeo.Natural: 2, infogeo.EuclideanEta: sp.RateEta}
	var plots []*plot.Plot
	for _, view := range []struct {
		title          string
		end, low, tick float64
	}{{"Loss KL(q‖p)", end, low, 10}, {"Beginning", 3, 1e-4, 1}} {
		p := newPlot(view.title, "time", "")
		gridlines(p)
		for _, g := range geometries {
			var pts plotter.XYs
			err := flowPath(ctx, q, p0, infogeo.KLFlowOptions{Geometry: g.g}, end, 0.2, func(t float64, _ []float64, l float64) {
				if l >= view.low && t <= view.end+0.2 {
					pts = append(pts, plotter.XY{X: t, Y: l})
				}
			})
			if err != nil {
				return picture{}, err
			}
			if err := curve(p, pts, g.color, nil, g.name); err != nil {
				return picture{}, err
			}
			// The asymptote through the last point.
			last := pts[len(pts)-1]
			var line plotter.XYs
			for _, t := range []float64{0, last.X} {
				line = append(line, plotter.XY{X: t, Y: last.Y * math.Exp(rates[g.g]*(last.X-t))})
			}
			if view.low == low {
				if err := curve(p, line, g.color, dashed, ""); err != nil {
					return picture{}, err
				}
			}
		}
		xRange(p, 0, view.end, view.tick)
		logY(p, view.low, 10)
		if view.low == low {
			p.Y.Tick.Marker = powers{4}
		}
		p.Legend.Top = true
		plots = append(plots, p)
	}
	plots[1].Legend = plot.NewLegend()
	return sideBySide(700, 300, []float64{1, 1}, plots...), nil
}

// pictureNoise is experiment E5.
func (s *infogeoStudy) pictureNoise(ctx context.Context) (picture, error) {
	q := zipf(noiseStates)
	pts, err := s.simulateNoise(ctx, func(float64) {})
	if err != nil {
		return picture{}, err
	}
	p := newPlot("", "contraction of the error in a step, 1 - ρ", "loss KL(q‖p)")
	gridlines(p)
	for _, m := range []struct {
		method infogeo.Method
		name   string
		color  color.Color
	}{{infogeo.GDTheta, "descent in θ", blue}, {infogeo.NGDEta, "natural gradient", ink}, {infogeo.GDEta, "descent in η", vermillion}} {
		d, err := infogeo.NewDescent(q, noiseStates-1, infogeo.DescentOptions{Method: m.method, Alpha: 1})
		if err != nil {
			return picture{}, err
		}
		eig := d.Eigenvalues()
		// Beyond the best step larger ones contract less, and the curve turns back.
		var line plotter.XYs
		for a := 1e-5 * d.Limit(); a < 0.999*d.Limit(); a += min(0.03*a, 0.1*(d.Limit()-a)) {
			rho := 0.0
			for _, mu := range eig {
				rho = max(rho, math.Abs(1-a*mu))
			}
			if f := infogeo.NoiseFloor(eig, a, noiseBatch); f < 1e-2 && f > 1e-8 && 1-rho > 1e-5 {
				line = append(line, plotter.XY{X: 1 - rho, Y: f})
			}
		}
		if err := curve(p, line, m.color, nil, m.name); err != nil {
			return picture{}, err
		}
		var sim plotter.XYs
		for _, x := range pts {
			if x.method == m.method {
				sim = append(sim, plotter.XY{X: 1 - x.rho, Y: x.Floor})
			}
		}
		if err := dots(p, sim, m.color, 3, ""); err != nil {
			return picture{}, err
		}
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powers{1}
	p.X.Min, p.X.Max = 1e-5, 1
	logY(p, 1e-8, 1e-2)
	p.Legend.Top, p.Legend.Left = true, true
	return single(p, 460, 330), nil
}
