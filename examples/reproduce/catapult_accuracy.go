package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

// catapultAccuracy is the test accuracy over the learning rate of a kind of
// network.
type catapultAccuracy struct {
	name   string
	c      []float64
	acc    [][]float64 // [c][seed], 0 where training diverged
	phases [][]catapult.Phase
	margin float64
}

// median over the seeds at learning rate j.
func (a *catapultAccuracy) median(j int) float64 {
	v := slices.Sorted(slices.Values(a.acc[j]))
	return v[len(v)/2]
}

// accuracies trains the classifiers, or returns those trained before.
func (s *catapultStudy) accuracies(ctx context.Context, told progress) ([]catapultAccuracy, error) {
	if s.accuracy != nil {
		return s.accuracy, nil
	}
	const d, k = digits.Pixels, digits.Classes
	type kind struct {
		name   string
		sizes  []int
		c      []float64
		time   float64 // physical time in units of 1/λ0
		margin float64
	}
	kinds := pick(s.job,
		[]kind{{"one hidden layer", []int{d, 256, k}, []float64{1, 2.5, 3, 3.5}, 500, 0.04}},
		[]kind{
			{"one hidden layer", []int{d, 512, k}, []float64{1, 1.9, 2.5, 3, 3.5}, 1500, 0.04},
			{"two hidden layers", []int{d, 256, 256, k}, []float64{1, 1.9, 3, 5, 8, 12}, 1500, 0.10},
		},
		[]kind{
			{"one hidden layer", []int{d, 512, k}, []float64{0.5, 1, 1.5, 1.9, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75}, 1500, 0.04},
			{"two hidden layers", []int{d, 512, 512, k}, []float64{1, 1.9, 3, 4, 5, 6.5, 8, 10, 12}, 1500, 0.10},
		})
	seeds := s.seeds(3)
	var all []catapultAccuracy
	for i, kd := range kinds {
		a := catapultAccuracy{name: kd.name, c: kd.c, margin: kd.margin}
		for range kd.c {
			a.acc, a.phases = append(a.acc, make([]float64, len(seeds))), append(a.phases, make([]catapult.Phase, len(seeds)))
		}
		err := members(ctx, len(kd.c)*len(seeds), func(done float64) { told((float64(i) + done) / float64(len(kinds))) }, func(ctx context.Context, m int) (err error) {
			j, seed := m/len(seeds), m%len(seeds)
			a.acc[j][seed], a.phases[j][seed], err = classify(ctx, kd.sizes, seeds[seed], kd.c[j], kd.time)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	s.accuracy = all
	return all, nil
}

// classify trains a classifier of the digits by least squares for the physical
// time ηt = time/λ0 and returns its test accuracy, 0 if it diverged.
func classify(ctx context.Context, sizes []int, seed uint64, c, time float64) (float64, catapult.Phase, error) {
	set := digits.Train[float32](256)
	net, err := catapult.NewNet(catapult.NetConfig{Sizes: sizes, Act: catapult.ReLU}, catapult.Data[float32]{X: set.X, Y: set.OneHot()})
	if err != nil {
		return 0, 0, err
	}
	theta := net.Init(seed, 0)
	lambda0, err := catapult.Lambda0[float32](net, theta)
	if err != nil {
		return 0, 0, err
	}
	r, err := catapult.Train[float32](ctx, net, theta, catapult.TrainOptions[float32]{
		C: c, Lambda0: lambda0.Value, Time: time / lambda0.Value, NoTrace: true,
	})
	if err != nil || r.Phase == catapult.Divergent {
		return 0, catapult.Divergent, err
	}
	test := digits.Test[float32]()
	out := kernel.NewMatrix[float32](test.X.Rows, digits.Classes)
	net.PredictOn(out, r.Theta, test.X)
	return catapult.Accuracy(out, test.Labels), r.Phase, nil
}

func (s *catapultStudy) optimalRate(ctx context.Context, told progress) (outcome, error) {
	all, err := s.accuracies(ctx, told)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{pass: true}
	var want, got, note []string
	for i := range all {
		a := &all[i]
		best, at1 := 0, 0.0
		var row []string
		for j, c := range a.c {
			if a.median(j) > a.median(best) {
				best = j
			}
			if c == 1 {
				at1 = a.median(j)
			}
			row = append(row, fmt.Sprintf("c = %s: %.3f", number(c), a.median(j)))
		}
		gain := a.median(best) - at1
		o.pass = o.pass && a.c[best] > 2 && gain >= a.margin
		want = append(want, fmt.Sprintf("%s: best c > 2, ≥ %.2f above c = 1", a.name, a.margin))
		got = append(got, fmt.Sprintf("%s: best c = %s with %.3f, %+.3f above c = 1", a.name, number(a.c[best]), a.median(best), gain))
		note = append(note, a.name+": "+strings.Join(row, ", "))
	}
	o.want, o.got = strings.Join(want, "; "), strings.Join(got, "; ")
	o.note = "Ten classes by least squares on one-hot targets, 256 training digits, 1000 test digits, median of three seeds after the same ηt. " + strings.Join(note, "; ") + "."
	return o, nil
}
