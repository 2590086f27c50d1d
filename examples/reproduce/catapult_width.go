package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gradflow/gradflow/catapult"
)

// catapultPeaks are the peak times of a model over the width.
type catapultPeaks struct {
	name string
	law  catapult.WidthLaw
}

const peakKappa = 3

// peakTimes measures the peaks, or returns those measured before.
func (s *catapultStudy) peakTimes(ctx context.Context, told progress) ([]catapultPeaks, error) {
	if s.peaks != nil {
		return s.peaks, nil
	}
	decades := func(from, to int) (w []float64) {
		for e := from; e <= to; e++ {
			w = append(w, math.Pow(10, float64(e)))
		}
		return w
	}
	models := []struct {
		name   string
		widths []float64
		seeds  int
		peak   func(ctx context.Context, n float64, member int) (int, error)
	}{
		{"warm-up map", decades(2, 12), pick(s.job, 200, 1000, 10000), s.mapPeak},
		{"linear network on digits, width-free", decades(2, 12), pick(s.job, 64, 100, 400), s.linearPeak},
	}
	var all []catapultPeaks
	for i, m := range models {
		widths, peaks := make([]float64, len(m.widths)*m.seeds), make([]int, len(m.widths)*m.seeds)
		err := members(ctx, len(peaks), func(done float64) { told((float64(i) + done) / float64(len(models))) }, func(ctx context.Context, k int) (err error) {
			widths[k] = m.widths[k%len(m.widths)]
			peaks[k], err = m.peak(ctx, widths[k], k)
			return err
		})
		if err != nil {
			return nil, err
		}
		law, err := catapult.FitWidthLaw(peakKappa, widths, peaks)
		if err != nil {
			return nil, err
		}
		all = append(all, catapultPeaks{name: m.name, law: law})
	}
	s.peaks = all
	return all, nil
}

// networkPeaks trains warm-up networks themselves and counts those whose loss
// peaks at the step at which the map does from the same start.
func (s *catapultStudy) networkPeaks(ctx context.Context) (same, all int, err error) {
	widths := pick(s.job, []int{1e2, 1e3, 1e4, 1e5}, []int{1e2, 1e3, 1e4, 1e5, 1e6}, []int{1e2, 1e3, 1e4, 1e5, 1e6, 1e7})
	const seeds = 5
	equal := make([]bool, len(widths)*seeds)
	err = members(ctx, len(equal), func(float64) {}, func(ctx context.Context, i int) error {
		n := float64(widths[i%len(widths)])
		net, err := catapult.NewWarmupNet[float64](catapult.WarmupConfig{N: n})
		if err != nil {
			return err
		}
		theta := net.Init(s.seed, i)
		f, lambda := net.Reduced(theta)
		want, err := catapult.MapTrajectory(peakKappa, peakKappa*peakKappa*f*f/(lambda*lambda*n), 1<<20)
		if err != nil {
			return err
		}
		peak, top := 0, 0.0
		err = descend[float64](ctx, net, theta, peakKappa/lambda, 40, func(k int, theta []float64) {
			if f, _ := net.Reduced(theta); math.Abs(f) > top {
				peak, top = k, math.Abs(f)
			}
		})
		equal[i] = peak == want.TPeak
		return err
	})
	for _, e := range equal {
		if e {
			same++
		}
	}
	return same, len(equal), err
}

// mapPeak draws the start of a network of any width and runs the map.
func (s *catapultStudy) mapPeak(_ context.Context, n float64, member int) (int, error) {
	model, err := catapult.NewWarmup(catapult.WarmupConfig{N: n}, 1)
	if err != nil {
		return 0, err
	}
	x := model.Sample(s.seed, member)
	if model, err = catapult.NewWarmup(model.Config(), peakKappa/x[1]); err != nil {
		return 0, err
	}
	p := model.Point(x[0], x[1])
	r, err := catapult.MapTrajectory(p.Kappa, p.S, 1<<20)
	return r.TPeak, err
}

// linearPeak runs the linear network on digits at any width.
func (s *catapultStudy) linearPeak(ctx context.Context, n float64, member int) (int, error) {
	data := parity[float64](128)
	model, err := catapult.NewReducedLinear(catapult.ReducedConfig{N: n, Eta: 1}, data.X, data.Y.Data)
	if err != nil {
		return 0, err
	}
	start := model.Sample(s.seed, member)
	if model, err = model.At(n, peakKappa/model.NTKTop(start).Value); err != nil {
		return 0, err
	}
	r, err := model.Run(ctx, start, catapult.ReducedOptions[float64]{Steps: 60})
	if err != nil {
		return 0, err
	}
	return r.PeakStep, nil
}

func (s *catapultStudy) logWidthTime(ctx context.Context, told progress) (outcome, error) {
	peaks, err := s.peakTimes(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	const tol = 0.05
	same, all, err := s.networkPeaks(ctx)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{want: fmt.Sprintf("%.4f", peaks[0].law.Predicted), tol: "5 %", pass: same == all}
	var got, note []string
	for _, p := range peaks {
		o.pass = o.pass && math.Abs(p.law.Slope/p.law.Predicted-1) <= tol
		got = append(got, fmt.Sprintf("%.4f (%s)", p.law.Slope, p.name))
		note = append(note, fmt.Sprintf("%s: %d runs, widths %s to %s", p.name, len(p.law.Peaks), number(slices.Min(p.law.Widths)), number(slices.Max(p.law.Widths))))
	}
	got = append(got, fmt.Sprintf("%d of %d networks peak with their map", same, all))
	o.got = strings.Join(got, ", ")
	o.note = "Slope of the peak's step in ln n by least squares over random starts. The warm-up networks themselves were trained at widths up to 10⁵ and more. " + strings.Join(note, "; ") + "."
	return o, nil
}
