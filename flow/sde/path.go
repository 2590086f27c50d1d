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

// pathID names a path in the memory of a method, so that a run cannot be resumed
// on another: kind, seed (two halves), stream, interval. A path of another
// package has no name.
type pathID [6]float64

func idOf(p Path) pathID {
	switch p := p.(type) {
	case Increments:
		return newPathID(1, p.stream(), 0, 0)
	case *Tree:
		return newPathID(2, p.stream, p.t0, p.t1)
	}
	return pathID{}
}

func newPathID(kind float64, s philox.Stream, t0, t1 float64) pathID {
	return pathID{kind, float64(uint32(s.Seed)), float64(s.Seed >> 32), float64(s.ID), t0, t1}
}

// check says whether the memory, which a checkpoint may have written, names the
// path.
func (id pathID) check(num []float64) error {
	if id == pathID(num) {
		return nil
	}
	return fmt.Errorf("sde: checkpoint is of the path %v, the run has %v: %w", pathID(num), id, flow.ErrCheckpoint)
}

// String describes the path.
func (id pathID) String() string {
	if id[0] == 0 {
		return "without name"
	}
	seed := uint64(id[1]) | uint64(id[2])<<32
	if id[0] == 1 {
		return fmt.Sprintf("Increments{Seed: %d, Stream: %d}", seed, uint32(id[3]))
	}
	return fmt.Sprintf("Tree of seed %d, stream %d on [%v, %v]", seed, uint32(id[3]), id[4], id[5])
}
