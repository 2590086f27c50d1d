package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

// deqRules are the six backward rules that train a layer.
var deqRules = []deq.Backward{
	{}, deq.JFB(), {Rule: deq.Neumann, Terms: 2}, {Rule: deq.Neumann, Terms: 3}, {Rule: deq.Damped, Terms: 2}, {Rule: deq.Damped, Terms: 5},
}

// deqClassifier is what became of a classifier of the digits.
type deqClassifier struct {
	rule           deq.Backward
	accuracy, loss float64
	cosine         float64 // least cosine to the exact gradient along the run
}

// everyFifth returns the digits as training data and, every fifth, test data, with
// pixels from 0 to 1.
func everyFifth() (train deq.TrainData[float32], test kernel.Matrix[float32], labels []int) {
	var x, y []float32
	for i := range digits.Count {
		to, label := &x, &train.Labels
		if i%5 == 4 {
			to, label = &y, &labels
		}
		for _, p := range digits.Raw(i) {
			*to = append(*to, float32(p)/16)
		}
		*label = append(*label, digits.Label(i))
	}
	train.X = kernel.MatrixOf(len(x)/digits.Pixels, digits.Pixels, x)
	return train, kernel.MatrixOf(len(y)/digits.Pixels, digits.Pixels, y), labels
}

// trainDigits trains a layer of 32 units with a linear readout by 300 full-batch
// steps of the heavy ball.
func trainDigits(ctx context.Context, rule deq.Backward, seed uint64) (deqClassifier, error) {
	c := deqClassifier{rule: rule, cosine: math.Inf(1)}
	data, test, labels := everyFifth()
	net, err := deq.NewNetwork(deq.NetworkConfig[float32]{Units: 32, Loss: deq.CrossEntropy, Kappa: 0.95, Backward: rule}, data)
	if err != nil {
		return c, err
	}
	run, err := deq.Train(ctx, net, net.Start(seed), deq.TrainOptions[float32]{
		Eta: 0.1, Momentum: 0.9, Steps: 300, TrackCosine: 10,
		Observe: func(p *deq.TrainPoint, _, _ []float32) error {
			if !math.IsNaN(p.Cosine) {
				c.cosine = min(c.cosine, p.Cosine)
			}
			return nil
		},
	})
	if err != nil {
		return c, err
	}
	c.loss = net.EnergyGrad(nil, run.Theta)
	c.accuracy, err = net.Accuracy(ctx, run.Theta, test, labels)
	return c, err
}

func (s *deqStudy) digitsLayer(ctx context.Context, told progress) (outcome, error) {
	seeds := pick(s.job, 1, 3, 10)
	all := make([]deqClassifier, len(deqRules)*seeds)
	err := members(ctx, len(all), told, func(ctx context.Context, i int) (err error) {
		all[i], err = trainDigits(ctx, deqRules[i/seeds], s.seed+uint64(i%seeds)+1)
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	least, cosine := 1.0, 1.0
	var note []string
	for i, rule := range deqRules {
		var mean deqClassifier
		mean.cosine = 1
		for _, c := range all[i*seeds : (i+1)*seeds] {
			least, cosine = min(least, c.accuracy), min(cosine, c.cosine)
			mean.accuracy += c.accuracy / float64(seeds)
			mean.loss += c.loss / float64(seeds)
			mean.cosine = min(mean.cosine, c.cosine)
		}
		note = append(note, fmt.Sprintf("%v: accuracy %.3f, loss %.4f, least cosine %.3f", rule, mean.accuracy, mean.loss, mean.cosine))
	}
	return outcome{
		want: "test accuracy ≥ 0.95 with each of six rules, all of them descent directions",
		got:  fmt.Sprintf("least accuracy %.3f, least cosine to the exact gradient %.3f", least, cosine),
		pass: least >= 0.95 && cosine > 0,
		note: fmt.Sprintf("A tanh layer of 32 units with linear readout and |W|₂ ≤ 0.95, 1438 training and 359 test digits, 300 full-batch steps of the heavy ball, %d seeds. %s.", seeds, strings.Join(note, "; ")),
	}, nil
}
