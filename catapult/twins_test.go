package catapult_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/catapult"
)

func twins(t *testing.T, net *catapult.Net[float64], theta []float64, o catapult.TrainOptions[float64]) []catapult.TwinPoint {
	t.Helper()
	p, err := catapult.TrainTwins(context.Background(), net, theta, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p) != o.Steps+1 {
		t.Fatalf("%d points, want %d", len(p), o.Steps+1)
	}
	return p
}

func TestTwins(t *testing.T) {
	net := parityNet[float64](t, 48, catapult.ReLU, 256)
	theta := net.Init(0, 0)
	const steps = 60

	lazy := twins(t, net, theta, catapult.TrainOptions[float64]{C: 1, Steps: steps})
	if first := lazy[0]; first.LinearDeviation != 0 || first.QuadraticDeviation != 0 || first.Linear != first.Loss {
		t.Errorf("the twins start elsewhere: %+v", first)
	}
	for _, p := range lazy {
		if !(p.LinearDeviation < 0.1) || !(p.QuadraticDeviation <= 0.05) {
			t.Errorf("C = 1: %+v", p)
		}
	}

	cat := twins(t, net, theta, catapult.TrainOptions[float64]{C: 3, Steps: steps})
	last := cat[steps]
	if !(last.Loss < 0.2*cat[0].Loss) || !(last.Quadratic < 0.2*cat[0].Loss) {
		t.Errorf("C = 3: the network and its quadratic twin end at %v and %v, from %v", last.Loss, last.Quadratic, cat[0].Loss)
	}
	peak, linear := 0.0, 0.0
	for _, p := range cat {
		peak = max(peak, p.Quadratic)
		if !math.IsNaN(p.Linear) {
			linear = p.Linear
		}
	}
	if peak < 5*cat[0].Loss || !math.IsNaN(last.Linear) || linear < 1e11 {
		t.Errorf("C = 3: peak of the quadratic twin %v, last loss of the linear one %v", peak, linear)
	}

	// After the catapult, linear dynamics are restored: the same learning rate,
	// the expansion around the parameters reached.
	r := train(t, net, theta, catapult.TrainOptions[float64]{C: 3, Steps: steps})
	after := twins(t, net, r.Theta, catapult.TrainOptions[float64]{Eta: r.Eta, Steps: steps})
	for _, p := range after {
		if !(p.LinearDeviation < 0.1) {
			t.Errorf("after the catapult: %+v", p)
		}
	}
}

func TestTwinsBadInputs(t *testing.T) {
	decays := randomNet(t, catapult.NetConfig{Sizes: []int{2, 3, 1}, Decay: 0.1}, 4)
	net := randomNet(t, catapult.NetConfig{Sizes: []int{2, 3, 1}}, 4)
	ctx := context.Background()
	for _, c := range []struct {
		net   *catapult.Net[float64]
		theta []float64
		o     catapult.TrainOptions[float64]
		want  error
	}{
		{decays, decays.Init(0, 0), catapult.TrainOptions[float64]{C: 1, Steps: 1}, catapult.ErrArgument},
		{net, []float64{1}, catapult.TrainOptions[float64]{C: 1, Steps: 1}, catapult.ErrShape},
		{net, net.Init(0, 0), catapult.TrainOptions[float64]{C: 1}, catapult.ErrArgument},
	} {
		if p, err := catapult.TrainTwins(ctx, c.net, c.theta, c.o); p != nil || !errors.Is(err, c.want) {
			t.Errorf("points %v, error %v, want one that wraps %v", p, err, c.want)
		}
	}
}
