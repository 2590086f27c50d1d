package catapult_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// gaussianNet is the one-hidden-layer ReLU network of width n on m random
// samples of dimension d.
func gaussianNet[T flow.Float](b *testing.B, m, d, n int) *catapult.Net[T] {
	r := rand.New(rand.NewPCG(1, 2))
	x, y := kernel.NewMatrix[T](m, d), kernel.NewMatrix[T](m, 1)
	for i := range x.Data {
		x.Data[i] = T(r.NormFloat64())
	}
	for i := range y.Data {
		y.Data[i] = T(r.NormFloat64())
	}
	return newNet(b, catapult.OneHidden(d, n, catapult.ReLU), catapult.Data[T]{X: x, Y: y})
}

// One step of gradient descent, 4mnd floating-point operations.
func BenchmarkGDStep(b *testing.B) {
	for _, s := range []struct{ m, d, n int }{{256, 64, 512}, {256, 64, 1024}, {512, 64, 2048}} {
		name := fmt.Sprintf("m=%d,d=%d,n=%d/", s.m, s.d, s.n)
		b.Run(name+"float32", func(b *testing.B) { benchGDStep[float32](b, s.m, s.d, s.n) })
		b.Run(name+"float64", func(b *testing.B) { benchGDStep[float64](b, s.m, s.d, s.n) })
	}
}

func benchGDStep[T flow.Float](b *testing.B, m, d, n int) {
	net := gaussianNet[T](b, m, d, n)
	run, err := flow.New(descent.GD(flow.GradientFlow[T](net)), net.Init(0, 0), flow.Options[T]{Controller: flow.Fixed{H: 1e-3}, MaxSteps: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if !run.Next(ctx) {
			b.Fatal(run.Err())
		}
	}
	perStep := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(1/perStep, "steps/s")
	b.ReportMetric(4*float64(m*n*d)/perStep/1e9, "GFLOP/s")
}

// A GD step of c.2 with its curvature at every step, in units of the step's own
// time: what it costs to track.
func BenchmarkTracking(b *testing.B) {
	for _, c := range []struct {
		name string
		opt  catapult.TrainOptions[float32]
		c    float64
	}{
		{"kernel,lazy", catapult.TrainOptions[float32]{TrackNTK: 1}, 1},
		{"kernel,catapult", catapult.TrainOptions[float32]{TrackNTK: 1}, 3},
		{"Hessian,lazy", catapult.TrainOptions[float32]{TrackHessian: 1}, 1},
		{"Hessian,catapult", catapult.TrainOptions[float32]{TrackHessian: 1}, 3},
	} {
		b.Run(c.name, func(b *testing.B) {
			net := parityNet[float32](b, 256, catapult.ReLU, 512)
			theta := net.Init(0, 0)
			lambda0, err := catapult.Lambda0(net, theta)
			if err != nil {
				b.Fatal(err)
			}
			const steps = 60
			o := c.opt
			o.C, o.Lambda0, o.Steps = c.c, lambda0.Value, steps
			plain := catapult.TrainOptions[float32]{C: o.C, Lambda0: o.Lambda0, Steps: steps}
			var bare, tracked time.Duration
			var products, values int
			b.ReportAllocs()
			for b.Loop() {
				t0 := time.Now()
				train(b, net, theta, plain)
				t1 := time.Now()
				r := train(b, net, theta, o)
				bare, tracked = bare+t1.Sub(t0), tracked+time.Since(t1)
				for _, p := range r.Trace {
					products += p.NTK.Products + p.Hessian.Products
					values++
				}
			}
			b.ReportMetric((tracked-bare).Seconds()/bare.Seconds(), "gradients/value")
			b.ReportMetric(float64(products)/float64(values), "products/value")
			b.ReportMetric(bare.Seconds()/float64(values)*1e3, "ms/step")
		})
	}
}
