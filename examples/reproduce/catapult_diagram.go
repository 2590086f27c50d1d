package main

import (
	"context"
	"image/color"
	"math"

	"github.com/gradflow/gradflow/catapult"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// heat is a grid of numbers for a heat map.
type heat struct {
	x, y []float64
	z    func(i, j int) float64
}

func (h heat) Dims() (c, r int)   { return len(h.x), len(h.y) }
func (h heat) X(i int) float64    { return h.x[i] }
func (h heat) Y(j int) float64    { return h.y[j] }
func (h heat) Z(i, j int) float64 { return h.z(i, j) }

// The range of κ₀ of the phase diagram.
const mapLeft, mapRight = 0.1, 5

// mapGrid is the phase diagram of the universal map.
func (s *catapultStudy) mapGrid(ctx context.Context) (*catapult.Diagram, error) {
	if s.diagram != nil {
		return s.diagram, nil
	}
	n := pick(s.job, 360, 720, 1440)
	x, y := make([]float64, n), make([]float64, n)
	for i := range n {
		t := (float64(i) + 0.5) / float64(n)
		x[i], y[i] = mapLeft+(mapRight-mapLeft)*t, -10+10*t
	}
	d, err := catapult.MapDiagram(ctx, catapult.DiagramSpec{X: x, Y: y}, 1<<14)
	if err == nil {
		s.diagram = d
	}
	return d, err
}

// kappaMap draws the final curvature of every start, with the phases' names.
func (s *catapultStudy) kappaMap(ctx context.Context, title string) (heatPlot, barPlot *plot.Plot, err error) {
	d, err := s.mapGrid(ctx)
	if err != nil {
		return nil, nil, err
	}
	p := newPlot(title, "c = η λ₀", "log10 s₀")
	addHeat(p, heat{d.X, d.Y, func(i, j int) float64 { return d.At(i, j, 0).Kappa }}, 0, 2)
	for _, x := range []float64{catapult.LazyThreshold, catapult.DivergenceThreshold} {
		if err := curve(p, plotter.XYs{{X: x, Y: -10}, {X: x, Y: 0}}, white, dashed, ""); err != nil {
			return nil, nil, err
		}
	}
	for _, l := range []struct {
		x    float64
		name string
		c    color.Color
	}{{1.05, "lazy", ink}, {3, "catapult", ink}, {4.5, "divergent", ink}} {
		if err := label(p, l.x, 0.1, l.name, draw.XCenter, draw.YBottom, l.c); err != nil {
			return nil, nil, err
		}
	}
	xRange(p, mapLeft, mapRight, 1)
	yRange(p, -10, 0, 2)
	p.Y.Max = 0.8
	return p, colourBar("final η λ", 0, 2, 0.5), nil
}

func (s *catapultStudy) pictureMap(ctx context.Context) (picture, error) {
	kappa, bar, err := s.kappaMap(ctx, "Final curvature  η λ")
	if err != nil {
		return picture{}, err
	}
	d, err := s.mapGrid(ctx)
	if err != nil {
		return picture{}, err
	}
	peak := newPlot("Step of the largest loss", "c = η λ₀", "log10 s₀")
	addHeat(peak, heat{d.X, d.Y, func(i, j int) float64 {
		c := d.At(i, j, 0)
		switch c.Phase {
		case catapult.Divergent:
			return math.Inf(1)
		case catapult.Lazy:
			return math.Inf(-1)
		}
		if math.IsNaN(c.Kappa) {
			return math.NaN()
		}
		return min(float64(c.PeakStep), 30)
	}}, 0, 30)
	xRange(peak, mapLeft, mapRight, 1)
	yRange(peak, -10, 0, 2)
	peak.Y.Max = 0.8
	for x, name := range map[float64]string{1.05: "falls from the start", 3: "peaks", 4.5: "diverges"} {
		if err := label(peak, x, 0.1, name, draw.XCenter, draw.YBottom, ink); err != nil {
			return picture{}, err
		}
	}
	return sideBySide(13.5*vg.Inch, 5*vg.Inch, []float64{5, 1.1, 5, 1.1}, kappa, bar, peak, colourBar("step (30: or later)", 0, 30, 10)), nil
}
