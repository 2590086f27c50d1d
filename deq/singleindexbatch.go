package deq

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
)

// indexSamples are samples of a single-index model with their targets and the
// equilibria of the last evaluation.
type indexSamples[T flow.Float] struct {
	x         kernel.Matrix[T]
	target, y []T
}

// indexBatch draws mini-batches.
type indexBatch[T flow.Float] struct {
	draw nn.Batches
	rows []int // the samples of the current batch
	x    kernel.Matrix[T]
	t, y []T
}

func newIndexBatch[T flow.Float](n int, o SingleIndexOptions) *indexBatch[T] {
	return &indexBatch[T]{
		draw: nn.Batches{M: n, Size: o.BatchSize, Seed: o.BatchSeed},
		t:    make([]T, o.BatchSize), y: make([]T, o.BatchSize),
	}
}

// Draw makes the mini-batch of a step current. Without mini-batches it does nothing.
func (m *SingleIndex[T]) Draw(step uint64) {
	b := m.batch
	if b == nil {
		return
	}
	b.rows = b.draw.At(step)
	nn.GatherRows(&b.x, m.x, b.rows)
	n := len(b.rows)
	for i, r := range b.rows {
		b.t[i], b.y[i] = m.target[r], m.y[r]
	}
	m.on = indexSamples[T]{b.x, b.t[:n], b.y[:n]}
}

// keep remembers the equilibria of the batch.
func (m *SingleIndex[T]) keep() {
	if m.batch == nil {
		return
	}
	for i, r := range m.batch.rows {
		m.y[r] = m.on.y[i]
	}
}

// Risk returns R(θ) on all samples.
func (m *SingleIndex[T]) Risk(theta []T) float64 {
	on, batch := m.on, m.batch
	m.on, m.batch = indexSamples[T]{m.x, m.target, m.y}, nil
	r := m.EnergyGrad(nil, theta)
	m.on, m.batch = on, batch
	return r
}
