package deq

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
)

// normalizedNetworks returns small networks with every normalization.
func normalizedNetworks(t *testing.T, c NetworkConfig[float64]) map[Normalization]*Network[float64] {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 4))
	data := TrainData[float64]{X: kernel.MatrixOf(9, 3, randn(r, 27, 1)), Y: kernel.MatrixOf(9, 2, randn(r, 18, 1))}
	c.Units = 5
	c.Forward, c.Adjoint = SolveOptions[float64]{RelTol: 1e-14}, SolveOptions[float64]{RelTol: 1e-14}
	all := map[Normalization]*Network[float64]{}
	for _, n := range []Normalization{WeightNorm, SpectralNorm} {
		c.Normalize, c.Kappa = n, 0
		if n == SpectralNorm {
			c.Kappa = 0.8
		}
		w, err := NewNetwork(c, data)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = w
	}
	return all
}

// The gradients of normalized layers are those of their losses, with penalty and
// correction too, and the norms of W are what they should be.
func TestNormalizedGradients(t *testing.T) {
	for _, c := range []NetworkConfig[float64]{{}, {Penalty: 0.7, PenaltyEvery: 1}, {Correction: 2}} {
		for n, w := range normalizedNetworks(t, c) {
			theta := w.Start(3)
			if c.Correction == 0 { // whose gradient is that of single steps
				check, err := probe.CheckGradient[float64](w, theta, probe.CheckOptions{})
				if err != nil || !check.OK {
					t.Errorf("%v, %+v: %v, error %v", n, c, check, err)
				}
			}
			l, _, _ := w.Parameters(theta)
			cert, err := l.Certify()
			if err != nil {
				t.Fatal(err)
			}
			p := w.split(theta)
			if n == SpectralNorm && math.Abs(cert.Norm2-0.8) > 1e-9 {
				t.Errorf("|W|₂ = %v, want 0.8", cert.Norm2)
			}
			for k, g := range p.scale {
				if norm := kernel.Nrm2(l.W.Row(k)); math.Abs(norm-g) > 1e-14 {
					t.Errorf("row %d of W has norm %v, want g = %v", k, norm, g)
				}
			}
			// The scale of V does nothing, so that its gradient is orthogonal to it.
			grad := make([]float64, w.Dim())
			before := w.EnergyGrad(grad, theta)
			if along := kernel.Dot(w.split(grad).w.Data, p.w.Data); math.Abs(along) > 1e-12 {
				t.Errorf("%v: the gradient has the component %v along V", n, along)
			}
			kernel.Scal(3, p.w.Data)
			if after := w.EnergyGrad(nil, theta); math.Abs(after-before) > 1e-11*before {
				t.Errorf("%v: loss %v, with 3V %v", n, before, after)
			}
		}
	}
}

func TestNormalizedTraining(t *testing.T) {
	for n, w := range normalizedNetworks(t, NetworkConfig[float64]{}) {
		start := w.Start(1)
		run, err := Train(context.Background(), w, start, TrainOptions[float64]{Eta: 0.05, Momentum: 0.8, Steps: 200})
		if err != nil {
			t.Fatal(n, err)
		}
		if before, after := w.EnergyGrad(nil, start), w.EnergyGrad(nil, run.Theta); !(after < 0.8*before) {
			t.Errorf("%v: loss %v before, %v after 200 steps", n, before, after)
		}
		l, _, _ := w.Parameters(run.Theta)
		if c, err := l.Certify(); err != nil || n == SpectralNorm && math.Abs(c.Norm2-0.8) > 1e-9 {
			t.Errorf("%v: |W|₂ = %v after training, error %v", n, c.Norm2, err)
		}
	}
}

func TestNormalizationErrors(t *testing.T) {
	data := TrainData[float64]{X: kernel.NewMatrix[float64](2, 1), Y: kernel.NewMatrix[float64](2, 1)}
	for _, c := range []NetworkConfig[float64]{
		{Normalize: -1}, {Normalize: 3}, {Normalize: SpectralNorm}, {Normalize: WeightNorm, Kappa: 1}, {Normalize: WeightNorm, Mu: 1},
	} {
		c.Units = 2
		if _, err := NewNetwork(c, data); !errors.Is(err, ErrArgument) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	for n, w := range normalizedNetworks(t, NetworkConfig[float64]{}) {
		if v := w.EnergyGrad(nil, make([]float64, w.Dim())); !math.IsNaN(v) || !errors.Is(w.Err(), ErrSingular) {
			t.Errorf("%v of V = 0: loss %v, error %v", n, v, w.Err())
		}
	}
}
