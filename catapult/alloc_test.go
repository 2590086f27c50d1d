//go:build !race

// The race detector makes sync.Pool, from which the kernels take their scratch
// memory, drop things at random.

package catapult_test

import (
	"testing"

	"github.com/gradflow/gradflow/catapult"
)

// Tracking allocates nothing once its memory is there.
func TestSharpnessAllocations(t *testing.T) {
	net := parityNet[float64](t, 32, catapult.ReLU, 48)
	theta := net.Init(1, 0)
	for _, kind := range []catapult.CurvatureKind{catapult.KernelCurvature, catapult.HessianCurvature} {
		s := newSharpness(t, net, kind, catapult.SharpnessOptions{})
		for range 20 {
			s.Top(theta)
		}
		if a := testing.AllocsPerRun(20, func() { s.Top(theta) }); a != 0 {
			t.Errorf("%v allocations a value of the %v", a, kind)
		}
	}
}

// A step of training allocates nothing.
func TestTrainAllocations(t *testing.T) {
	for _, cfg := range []catapult.NetConfig{
		{Sizes: []int{3, 40, 1}, Act: catapult.ReLU},
		{Sizes: []int{3, 40, 1}, Act: catapult.ReLU, BatchSize: 4},
	} {
		net := randomNet(t, cfg, 12)
		theta := net.Init(0, 0)
		allocs := func(steps int) float64 {
			return testing.AllocsPerRun(3, func() {
				train(t, net, theta, catapult.TrainOptions[float64]{C: 1, Steps: steps, TrackNTK: 1, TrackHessian: 1})
			})
		}
		// The trace of both is one slice.
		if short, long := allocs(60), allocs(160); long > short {
			t.Errorf("batch size %d: 100 more steps make %v more allocations", cfg.BatchSize, long-short)
		}
	}
}
