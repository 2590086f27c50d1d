package main

import (
	"context"
	"image/color"
	"math"

	"github.com/gradflow/gradflow/flow"
	"gonum.org/v1/plot/plotter"
)

// ruleColors are the colours of backwardRules.
var ruleColors = []color.Color{blue, sky, vermillion, orange, purple}

// pictureSphere shows the circles of the counterexample, their radius and the risk.
func (s *deqStudy) pictureSphere(ctx context.Context) (picture, error) {
	const steps, eta = 400, 0.02
	plane, radius, risk := newPlot("Parameters", "w", "a"), newPlot("Distance from (0, 1)", "step", ""), newPlot("Risk", "step", "")
	gridlines(radius)
	gridlines(risk)
	var circle plotter.XYs
	for i := range 181 {
		phi := math.Pi * (float64(i)/180 - 0.5)
		circle = append(circle, plotter.XY{X: 3 * math.Cos(phi), Y: 1 + 3*math.Sin(phi)})
	}
	if err := curve(plane, circle, gray, dashed, ""); err != nil {
		return picture{}, err
	}
	// Zero risk: w = 1-a.
	if err := curve(plane, plotter.XYs{{X: 0, Y: 1}, {X: 3, Y: -2}}, ink, dashed, ""); err != nil {
		return picture{}, err
	}
	for i, rule := range backwardRules {
		model, err := slopeModel(1, 1)
		if err != nil {
			return picture{}, err
		}
		f, err := model.Field(rule)
		if err != nil {
			return picture{}, err
		}
		var path, dist, loss plotter.XYs
		err = gradientSteps(ctx, flow.Field[float64](f), []float64{math.Sqrt(8), 0}, flow.Fixed{H: eta}, steps, func(st *flow.Step[float64]) error {
			path = append(path, plotter.XY{X: st.X[0], Y: st.X[1]})
			dist = append(dist, plotter.XY{X: float64(st.K), Y: model.Radius(st.X)})
			if st.Energy > 1e-12 {
				loss = append(loss, plotter.XY{X: float64(st.K), Y: st.Energy})
			}
			return nil
		})
		if err != nil {
			return picture{}, err
		}
		if err := dots(plane, path[len(path)-1:], ruleColors[i], 3, ""); err != nil {
			return picture{}, err
		}
		if err := curve(plane, path, ruleColors[i], nil, rule.String()); err != nil {
			return picture{}, err
		}
		if err := curve(radius, dist, ruleColors[i], nil, ""); err != nil {
			return picture{}, err
		}
		if err := curve(risk, loss, ruleColors[i], nil, ""); err != nil {
			return picture{}, err
		}
	}
	xRange(plane, 1.8, 3.1, 0.4)
	yRange(plane, -1.4, 0.4, 0.4)
	plane.Legend.Top, plane.Legend.Left = true, true
	xRange(radius, 0, steps, 100)
	yRange(radius, 2.9, 3.1, 0.05)
	xRange(risk, 0, steps, 100)
	logY(risk, 1e-12, 10)
	return sideBySide(780, 270, []float64{1, 1, 1}, plane, radius, risk), nil
}

// pictureIndex shows risk and distance to the teacher of the paper's sigmoid runs.
func (s *deqStudy) pictureIndex(ctx context.Context) (picture, error) {
	file, err := readSigmoid()
	if err != nil {
		return picture{}, err
	}
	const steps, every = 40000, 200
	path, risk, dist := newPlot("Parameters", "w", "v"), newPlot("Risk", "step / 1000", ""), newPlot("Distance to the teacher", "step / 1000", "")
	gridlines(risk)
	gridlines(dist)
	for i, name := range []string{"near", "far"} {
		var p, l, d plotter.XYs
		err := sigmoidRun(ctx, file, name, steps, func(st *flow.Step[float64]) {
			if st.K%every != 0 {
				return
			}
			t := float64(st.K) / 1000
			p = append(p, plotter.XY{X: st.X[0], Y: st.X[1]})
			if st.Energy > 1e-12 {
				l = append(l, plotter.XY{X: t, Y: st.Energy})
			}
			if r := math.Hypot(st.X[0]-2, st.X[1]); r > 1e-8 {
				d = append(d, plotter.XY{X: t, Y: r})
			}
		})
		if err != nil {
			return picture{}, err
		}
		c := []color.Color{blue, vermillion}[i]
		if err := curve(path, p, c, nil, name+" start"); err != nil {
			return picture{}, err
		}
		if err := curve(risk, l, c, nil, ""); err != nil {
			return picture{}, err
		}
		if err := curve(dist, d, c, nil, ""); err != nil {
			return picture{}, err
		}
	}
	if err := dots(path, plotter.XYs{{X: 2, Y: 0}}, ink, 3, "teacher"); err != nil {
		return picture{}, err
	}
	path.Legend.Top = true
	xRange(path, 0, 21, 5)
	yRange(path, -8, 4, 2)
	xRange(risk, 0, 40, 10)
	logY(risk, 1e-12, 1)
	xRange(dist, 0, 40, 10)
	logY(dist, 1e-8, 100)
	return sideBySide(780, 270, []float64{1, 1, 1}, path, risk, dist), nil
}
