package deq_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// sampled is a model that draws mini-batches.
type sampled interface {
	flow.Energy[float64]
	Draw(step uint64)
	HessVec(dst, x, p []float64)
	Caps() flow.Caps[float64]
	Risk(theta []float64) float64
}

const batchSamples, batchSize = 60, 12

// sampledModels returns models with and without mini-batches of the same samples, and
// parameters.
func sampledModels(t *testing.T) map[string]struct {
	part, full sampled
	theta      []float64
} {
	t.Helper()
	const d, n = 4, 3
	r := randomSource(31)
	x := kernel.MatrixOf(batchSamples, d, gauss[float64](r, batchSamples*d, 1))
	y := kernel.MatrixOf(batchSamples, n, gauss[float64](r, batchSamples*n, 1))
	target := gauss[float64](r, batchSamples, 0.3)
	index := func(size int) sampled {
		m, err := deq.NewSingleIndex(deq.Tanh(), x, target, deq.SingleIndexOptions{BatchSize: size, BatchSeed: 9})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	linear := func(size int) sampled {
		m, err := deq.NewLinearSamples(x, y, size, 9)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	type pair = struct {
		part, full sampled
		theta      []float64
	}
	return map[string]pair{
		"single index": {index(batchSize), index(0), append(gauss[float64](r, d, 0.5), 0.3)},
		"linear":       {linear(batchSize), linear(batchSamples), gauss[float64](r, n*(n+d), 0.3)},
	}
}

// The batches of an epoch are a partition: their gradients have the mean of the full
// one, and each is the gradient of its risk.
func TestBatchGradients(t *testing.T) {
	for name, m := range sampledModels(t) {
		dim := m.full.Dim()
		want, got, sum := make([]float64, dim), make([]float64, dim), make([]float64, dim)
		risk, mean := m.full.EnergyGrad(want, m.theta), 0.0
		if m.full.Caps().Draw != nil || m.part.Caps().Draw == nil {
			t.Fatalf("%s: Draw is stated by the wrong model", name)
		}
		const batches = batchSamples / batchSize
		for epoch := range uint64(3) {
			clear(sum)
			mean = 0
			for k := range uint64(batches) {
				m.part.Draw(epoch*batches + k)
				mean += m.part.EnergyGrad(got, m.theta) / batches
				kernel.Axpy(1./batches, got, sum)
				if k == 1 && math.Abs(got[0]-want[0]) < 1e-6 {
					t.Errorf("%s: a batch has the gradient of all samples", name)
				}
				hessianCheck(t, m.part, m.theta, gauss[float64](randomSource(7), dim, 1), 1e-6)
			}
			agree(t, name+": mean risk", mean, risk, 1e-12)
			agreeAll(t, name+": mean gradient", sum, want, 1e-11)
		}
		agree(t, name+": Risk", m.part.Risk(m.theta), risk, 1e-13)
		// A batch depends on its step alone.
		first := make([]float64, dim)
		m.part.Draw(17)
		m.part.EnergyGrad(first, m.theta)
		m.part.Draw(3)
		m.part.EnergyGrad(got, m.theta)
		m.part.Draw(17)
		m.part.EnergyGrad(got, m.theta)
		agreeAll(t, name+": a batch again", got, first, 1e-13)
	}
}

// Stochastic descent decreases the risk, K of the linear model grows by what the step
// adds, whatever the batch.
func TestStochasticDescent(t *testing.T) {
	for name, m := range sampledModels(t) {
		const eta = 0.02
		before := m.full.Risk(m.theta)
		model, linear := m.part.(*deq.Linear[float64])
		var got, want kernel.Matrix[float64]
		r, err := flow.New(descent.GD(flow.Field[float64](flow.GradientFlow[float64](m.part))), m.theta, flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: 1000})
		if err != nil {
			t.Fatal(err)
		}
		n := 3
		last := make([]float64, len(m.theta))
		for st, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if linear {
				got = model.Conserved(kernel.NewMatrix[float64](n, n), st.X)
				if st.K > 0 {
					// The direction of the step is what it moved by.
					kernel.SubTo(last, st.X, last)
					da, db := model.Weights(last)
					kernel.Syrk(want, 1, da, 1)
					kernel.Syrk(want, 1, db, 1)
					agreeAll(t, name+": K after a step", got.Data, want.Data, 1e-12)
				}
				want = got
				copy(last, st.X)
			}
		}
		end := r.Step().X
		if after := m.full.Risk(end); !(after < 0.9*before) {
			t.Errorf("%s: risk %v before, %v after stochastic descent", name, before, after)
		}
	}
}

func TestBatchErrors(t *testing.T) {
	x, y := kernel.MatrixOf(2, 1, []float64{1, 2}), kernel.MatrixOf(2, 1, []float64{1, 2})
	if _, err := deq.NewLinearSamples(x, y, -1, 0); !errors.Is(err, deq.ErrArgument) {
		t.Errorf("batches of -1 samples: error %v", err)
	}
	if _, err := deq.NewLinearSamples(x, kernel.MatrixOf(1, 1, []float64{1}), 1, 0); !errors.Is(err, deq.ErrShape) {
		t.Errorf("2 samples with 1 target: error %v", err)
	}
	if _, err := deq.NewSingleIndex(deq.Tanh(), x, []float64{0, 0}, deq.SingleIndexOptions{BatchSize: -1}); !errors.Is(err, deq.ErrArgument) {
		t.Errorf("BatchSize -1: error %v", err)
	}
}
