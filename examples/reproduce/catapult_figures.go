package main

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"github.com/gradflow/gradflow/catapult"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func quiet(float64) {}

// phaseColor is the colour of a phase in all figures.
func phaseColor(p catapult.Phase) color.Color {
	switch p {
	case catapult.Lazy:
		return blue
	case catapult.Catapult:
		return orange
	case catapult.Divergent:
		return vermillion
	case catapult.Dead:
		return ink
	}
	return gray
}

var dashed = []vg.Length{4, 3}

func (s *catapultStudy) pictureOverview(ctx context.Context) (picture, error) {
	runs, err := s.digitRuns(ctx, quiet)
	if err != nil {
		return picture{}, err
	}
	loss := newPlot("Loss", "step", "")
	kappa := newPlot("Curvature  η λ", "step", "")
	gridlines(loss)
	gridlines(kappa)
	const shown = 60
	styles := []struct {
		c      float64
		color  color.Color
		dashes []vg.Length
	}{{1, sky, nil}, {1.9, blue, nil}, {2.5, orange, nil}, {3, vermillion, nil}, {3.5, purple, nil}, {5, ink, []vg.Length{2, 2}}}
	for _, st := range styles {
		r := s.drawnRun(runs, st.c)
		if r == nil {
			continue
		}
		var l, k plotter.XYs
		for _, p := range r.trace {
			if p.Step > shown {
				break
			}
			l = append(l, plotter.XY{X: float64(p.Step), Y: p.Loss})
			if !math.IsNaN(p.Kappa) {
				k = append(k, plotter.XY{X: float64(p.Step), Y: p.Kappa})
			}
		}
		name := fmt.Sprintf("c = %s  %s", number(st.c), strings.ToLower(r.phase.String()))
		if err := curve(loss, clipTop(l, 1e5), st.color, st.dashes, name); err != nil {
			return picture{}, err
		}
		if err := curve(kappa, clipTop(k, 20), st.color, st.dashes, ""); err != nil {
			return picture{}, err
		}
	}
	logY(loss, 1e-2, 1e4)
	xRange(loss, 0, shown, 20)
	xRange(kappa, 0, shown, 20)
	yRange(kappa, 0, 5.5, 1)
	if err := curve(kappa, plotter.XYs{{X: 0, Y: 2}, {X: shown, Y: 2}}, ink, dashed, ""); err != nil {
		return picture{}, err
	}
	if err := label(kappa, shown, 2.1, "stable below η λ = 2", draw.XRight, draw.YBottom, ink); err != nil {
		return picture{}, err
	}
	loss.Legend.Top, loss.Legend.YOffs = true, -4
	heat, bar, err := s.kappaMap(ctx, "Final curvature  η λ,  warm-up model")
	if err != nil {
		return picture{}, err
	}
	return sideBySide(12*vg.Inch, 3.9*vg.Inch, []float64{4.3, 4, 4.4, 1.3}, loss, kappa, heat, bar), nil
}

// drawnRun is the run of the first seed at c.
func (s *catapultStudy) drawnRun(runs []catapultRun, c float64) *catapultRun {
	for i := range runs {
		if runs[i].seed == s.seed && runs[i].c == c {
			return &runs[i]
		}
	}
	return nil
}

// clipTop ends a curve behind the first point above the top of its plot.
func clipTop(pts plotter.XYs, top float64) plotter.XYs {
	for i, p := range pts {
		if p.Y > top {
			return pts[:i+1]
		}
	}
	return pts
}

func (s *catapultStudy) pictureRuns(ctx context.Context) (picture, error) {
	runs, err := s.digitRuns(ctx, quiet)
	if err != nil {
		return picture{}, err
	}
	loss := newPlot("Loss relative to its start", "step", "")
	lambda := newPlot("Curvature relative to its start  λ/λ₀", "step", "")
	gridlines(loss)
	gridlines(lambda)
	for _, r := range runs {
		if r.seed != s.seed {
			continue
		}
		var l, k plotter.XYs
		for _, p := range r.trace {
			l = append(l, plotter.XY{X: float64(p.Step), Y: p.Loss / r.trace[0].Loss})
			if !math.IsNaN(p.NTK.Value) {
				k = append(k, plotter.XY{X: float64(p.Step), Y: p.NTK.Value / r.lambda0})
			}
		}
		var dashes []vg.Length
		if r.phase == catapult.Divergent {
			dashes = dashed
		}
		col := viridis.at(r.c / 4)
		if err := curve(loss, clipTop(l, 1e5), col, dashes, ""); err != nil {
			return picture{}, err
		}
		if err := curve(lambda, clipTop(k, 3), col, dashes, ""); err != nil {
			return picture{}, err
		}
	}
	logY(loss, 1e-3, 1e3)
	xRange(loss, 0, runSteps, 50)
	xRange(lambda, 0, runSteps, 50)
	yRange(lambda, 0, 1.4, 0.2)
	return sideBySide(12*vg.Inch, 4.4*vg.Inch, []float64{5, 5, 1.1}, loss, lambda, colourBar("c = η λ₀", 0, 4, 1)), nil
}

func (s *catapultStudy) pictureFinal(ctx context.Context) (picture, error) {
	runs, err := s.digitRuns(ctx, quiet)
	if err != nil {
		return picture{}, err
	}
	p := newPlot("Curvature at the end", "learning rate  c = η λ₀", "final curvature  η λ")
	gridlines(p)
	var theory plotter.XYs
	for _, kappa0 := range grid(0.1, 3.98, 0.02) {
		for _, y := range grid(-9, -2, 0.5) {
			if 4*math.Pow(10, y) > kappa0*kappa0 {
				continue // no parameters have that
			}
			r, err := catapult.MapTrajectory(kappa0, math.Pow(10, y), 1<<20)
			if err != nil {
				return picture{}, err
			}
			theory = append(theory, plotter.XY{X: kappa0, Y: r.KappaInf})
		}
	}
	if err := dots(p, theory, sky, 1.1, "warm-up model, s₀ from 1e-9 to 0.01"); err != nil {
		return picture{}, err
	}
	var net plotter.XYs
	for _, r := range runs {
		if r.phase.Converges() {
			net = append(net, plotter.XY{X: r.c, Y: r.eta * r.lambda})
		}
	}
	if err := dots(p, net, vermillion, 3.2, "ReLU network on digits, each seed"); err != nil {
		return picture{}, err
	}
	if err := curve(p, plotter.XYs{{X: 0, Y: 2}, {X: 4, Y: 2}}, ink, dashed, "border of stability, η λ = 2"); err != nil {
		return picture{}, err
	}
	if err := curve(p, plotter.XYs{{X: 0, Y: 0}, {X: 2.4, Y: 2.4}}, gray, []vg.Length{1.5, 2.5}, "curvature of the start"); err != nil {
		return picture{}, err
	}
	xRange(p, 0, 4.05, 0.5)
	yRange(p, 0, 2.9, 0.5)
	p.Legend.Top, p.Legend.Left = true, true
	return single(p, 7.5*vg.Inch, 4.6*vg.Inch), nil
}

func (s *catapultStudy) pictureWidth(ctx context.Context) (picture, error) {
	peaks, err := s.peakTimes(ctx, quiet)
	if err != nil {
		return picture{}, err
	}
	p := newPlot("Time to the peak of the loss at η λ₀ = 3", "width n", "step of the largest loss")
	gridlines(p)
	for i, m := range peaks {
		byWidth := map[float64][]float64{}
		for k, n := range m.law.Widths {
			byWidth[n] = append(byWidth[n], float64(m.law.Peaks[k]))
		}
		var mean plotter.XYs
		for n, t := range byWidth {
			sum := 0.0
			for _, v := range t {
				sum += v
			}
			mean = append(mean, plotter.XY{X: n, Y: sum / float64(len(t))})
		}
		slices.SortFunc(mean, func(a, b plotter.XY) int { return int(math.Copysign(1, a.X-b.X)) })
		col := []color.Color{blue, orange}[i]
		lo, hi := mean[0].X, mean[len(mean)-1].X
		at := func(n float64) float64 { return m.law.Intercept + m.law.Slope*math.Log(n) }
		if err := curve(p, plotter.XYs{{X: lo, Y: at(lo)}, {X: hi, Y: at(hi)}}, col, nil, ""); err != nil {
			return picture{}, err
		}
		if err := dots(p, mean, col, []float64{4.5, 2.8}[i], fmt.Sprintf("%s: slope %.3f", m.name, m.law.Slope)); err != nil {
			return picture{}, err
		}
	}
	theory := func(n float64) float64 { return 0.5 * math.Log(n) / math.Log(peakKappa-1) }
	if err := curve(p, plotter.XYs{{X: 1e2, Y: theory(1e2)}, {X: 1e12, Y: theory(1e12)}}, ink, dashed, fmt.Sprintf("½ ln n / ln 2: slope %.3f", peaks[0].law.Predicted)); err != nil {
		return picture{}, err
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powers{4}
	p.X.Min, p.X.Max = 50, 2e12
	yRange(p, 0, 24, 4)
	p.Legend.Top, p.Legend.Left = true, true
	return single(p, 7.5*vg.Inch, 4.6*vg.Inch), nil
}

func (s *catapultStudy) pictureEdge(ctx context.Context) (picture, error) {
	edges, err := s.edgesOf(ctx, quiet)
	if err != nil {
		return picture{}, err
	}
	p := newPlot("Phases of networks over the learning rate", "learning rate  c = η λ₀", "")
	points := map[catapult.Phase]plotter.XYs{}
	var ticks plot.ConstantTicks
	row := 0.0
	for _, e := range slices.Backward(edges) {
		first := row
		for _, phases := range slices.Backward(e.edge.Phases) {
			for j, ph := range phases {
				points[ph] = append(points[ph], plotter.XY{X: e.edge.C[j], Y: row})
			}
			row++
		}
		ticks = append(ticks, plot.Tick{Value: (first + row - 1) / 2, Label: e.name})
		row += 0.8
	}
	for _, x := range []float64{2, 4} {
		if err := curve(p, plotter.XYs{{X: x, Y: -0.7}, {X: x, Y: row}}, gray, dashed, ""); err != nil {
			return picture{}, err
		}
	}
	for _, ph := range []catapult.Phase{catapult.Lazy, catapult.Catapult, catapult.Undecided, catapult.Dead, catapult.Divergent} {
		if err := dots(p, points[ph], phaseColor(ph), 3.6, strings.ToLower(ph.String())); err != nil {
			return picture{}, err
		}
	}
	p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.Min, p.Y.Max = ticks, 0, -0.7, row
	p.X.Scale, p.X.Min, p.X.Max = plot.LogScale{}, 1.9, 32
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 2, Label: "2"}, {Value: 3, Label: "3"}, {Value: 4, Label: "4"}, {Value: 6, Label: "6"}, {Value: 8, Label: "8"}, {Value: 12, Label: "12"}, {Value: 16, Label: "16"}, {Value: 24, Label: "24"}}
	p.Legend.Top = true
	return single(p, 9*vg.Inch, 1.6*vg.Inch+vg.Length(row)*0.17*vg.Inch), nil
}

func (s *catapultStudy) pictureAccuracy(ctx context.Context) (picture, error) {
	all, err := s.accuracies(ctx, quiet)
	if err != nil {
		return picture{}, err
	}
	p := newPlot("Test accuracy after equal physical time", "learning rate  c = η λ₀", "accuracy")
	gridlines(p)
	lo, hi, right := 1.0, 0.0, 4.0
	for i := range all {
		a := &all[i]
		right = max(right, slices.Max(a.c))
		var each, median plotter.XYs
		for j, c := range a.c {
			if m := a.median(j); m > 0 {
				median = append(median, plotter.XY{X: c, Y: m})
			}
			for _, v := range a.acc[j] {
				if v > 0 {
					each = append(each, plotter.XY{X: c, Y: v})
					lo, hi = min(lo, v), max(hi, v)
				}
			}
		}
		col := []color.Color{vermillion, blue}[i]
		if err := curve(p, median, col, nil, a.name+", median"); err != nil {
			return picture{}, err
		}
		if err := dots(p, each, col, 2.6, ""); err != nil {
			return picture{}, err
		}
	}
	yRange(p, math.Floor(20*lo-0.2)/20, math.Ceil(20*hi+1.2)/20, 0.05)
	if err := curve(p, plotter.XYs{{X: 2, Y: p.Y.Min}, {X: 2, Y: p.Y.Max}}, ink, dashed, "end of the lazy phase, c = 2"); err != nil {
		return picture{}, err
	}
	xRange(p, 0, right+0.3, 1)
	p.Legend.Top = true
	return single(p, 7.5*vg.Inch, 4.6*vg.Inch), nil
}
