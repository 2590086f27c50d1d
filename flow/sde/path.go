package sde

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// Path is a path of the Wiener process: where a method takes its noise from.
//
// Increment stores, for the channels 0, 1, ... , the increments W(t+h) - W(t) in
// w and, unless it is nil, the space-time areas
//
//	H = (1/h) ∫_t^{t+h} (W(s) - W(t)) ds - ΔW/2
//
// in area, which has the length of w. step counts the accepted steps from 0.
// The same arguments give the same numbers. Limit returns the largest step size,
// at most h > 0, that the path allows from t.
//
// ΔW and H of an interval are independent normal numbers of variance h and h/12
// (Foster, Lyons and Oberhauser, arXiv 2101.03446).
type Path interface {
	Increment(w, area []float64, step uint64, t, h float64) error
	Limit(t, h float64) float64
}

// Increments is the Path of independent draws for every step, for runs with a
// constant step. Its numbers depend on (Seed, Stream, step, channel) only: they
// are the same whatever the number of workers, and a resumed run repeats them.
// The path changes with the step size; [Tree] is a path that does not.
//
// With (z, z') block q = j of step i at level 255 of the library's generator
// (Philox4x32-10), channel j has ΔW = √h z and H = √(h/12) z'.
type Increments struct {
	// Seed is the seed of the whole computation.
	Seed uint64
	// Stream is the path, chain or member of an ensemble.
	Stream uint32
}

// Increment implements Path.
func (p Increments) Increment(w, area []float64, step uint64, t, h float64) error {
	if !(h > 0) {
		return fmt.Errorf("sde: step size is %v, want > 0: %w", h, flow.ErrArgument)
	}
	s := p.stream()
	sw, sa := math.Sqrt(h), math.Sqrt(h/12)
	for j := range w {
		z, za := s.Normals(philox.Steps, step, uint32(j))
		w[j] = sw * z
		if area != nil {
			area[j] = sa * za
		}
	}
	return nil
}

// Limit implements Path: every step size is allowed.
func (p Increments) Limit(t, h float64) float64 { return h }

func (p Increments) stream() philox.Stream { return philox.Stream{Seed: p.Seed, ID: p.Stream} }
