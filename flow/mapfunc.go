package flow

import (
	"fmt"
	"math"
)

// MapFunc makes an Integrator of a discrete map x_{k+1} = M(x_k, k) on R^n: f
// stores M(x, k) in dst; the slices have length n and do not overlap, and x must
// not be changed. k counts from 0. Every step advances time by one, so that
// T1 - T0 and the SaveAt of other integrators are numbers of iterations; the
// default controller takes such steps. An error of f ends the run with the
// status FieldError. MapFunc panics if n is negative or f is nil.
func MapFunc[T Float](n int, f func(dst, x []T, k int) error) Integrator[T] {
	if n < 0 || f == nil {
		panic(fmt.Sprintf("flow: MapFunc needs a dimension >= 0 and a function, got n = %d, nil function: %t", n, f == nil))
	}
	return &mapIntegrator[T]{n: n, f: f}
}

type mapIntegrator[T Float] struct {
	n   int
	f   func(dst, x []T, k int) error
	num [1]float64 // k
	err error
}

// Name implements Namer.
func (m *mapIntegrator[T]) Name() string { return "Map" }

// Caps says how the map can fail.
func (m *mapIntegrator[T]) Caps() Caps[T] {
	return Caps[T]{Err: func() error { return m.err }}
}

// Init implements Integrator.
func (m *mapIntegrator[T]) Init(s Start[T], tr *Trial) error {
	if len(s.X) != m.n {
		return fmt.Errorf("flow: start point has length %d, want the dimension of the map, %d: %w", len(s.X), m.n, ErrArgument)
	}
	if !s.Keep {
		m.num[0] = 0
	}
	m.err = nil
	*tr = noTrial()
	tr.H = 1
	return nil
}

// noTrial is a Trial of which nothing is known.
func noTrial() Trial {
	nan := math.NaN()
	return Trial{Err: nan, NoErr: true, Finite: true, Order: 1, E0: nan, E1: nan, Slope0: nan, Slope1: nan, SS: nan, SY: nan, YY: nan}
}

// Try implements Integrator.
func (m *mapIntegrator[T]) Try(tr *Trial, next, x []T, t, h float64) {
	tr.Evals, tr.Finite = 1, true
	m.err = m.f(next, x, int(m.num[0]))
}

// Accept implements Integrator.
func (m *mapIntegrator[T]) Accept() { m.num[0]++ }

// Touch implements Integrator.
func (m *mapIntegrator[T]) Touch() {}

// Memory implements Memory.
func (m *mapIntegrator[T]) Memory() (vec [][]T, num []float64) { return nil, m.num[:] }
