package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Project returns the Jump that brings the state back to the constraints of the
// model after every step: by the model's own Caps.Project, else by Newton's
// method onto the level set of its Caps.Invariants that contains x0,
//
//	x ← x + Gᵀλ,  (G Gᵀ) λ = c - g(x),  c = g(x0),
//
// at most five iterations to 10 rounding units of max(1, |c|), the gradients G by
// central differences. Projection keeps the order of the method (Hairer, Lubich,
// Wanner, Geometric Numerical Integration, IV.4). The derivative is evaluated
// again after a change.
//
// The run ends as Failed, with ErrSingular if the gradients depend on each other
// (too many invariants) and ErrNoConvergence if the iteration does not get there.
func Project[T Float](model any, x0 []T) (Jump[T], error) {
	c := CapsOf[T](model)
	if c.Project != nil {
		return projector[T]{c.Project}, nil
	}
	m, n := len(c.Invariants), len(x0)
	if m == 0 {
		return nil, fmt.Errorf("flow: model %T of Project has neither Project nor Invariants in its Caps: %w", model, ErrArgument)
	}
	if m > n {
		return nil, fmt.Errorf("flow: %d invariants in dimension %d, want no more than the dimension: %w", m, n, ErrArgument)
	}
	p := &levelSet[T]{inv: c.Invariants, c: make([]float64, m), rhs: make([]float64, m), gram: newDense(m, true), grad: kernel.NewMatrix[T](m, n), x: make([]T, n)}
	for i, v := range p.inv {
		if p.c[i] = v.Value(x0); !finite(p.c[i]) {
			return nil, fmt.Errorf("flow: invariant %q is %v at x0, want a finite number: %w", v.Name, p.c[i], ErrNonFinite)
		}
	}
	return p, nil
}

// projector is the model's own projection.
type projector[T Float] struct{ project func(x []T) error }

func (projector[T]) Limit(_ []T, _, h float64) float64 { return h }

func (p projector[T]) Apply(x []T, _, _ float64, _ uint64) (bool, error) {
	return true, p.project(x)
}

// levelSet projects onto g(x) = c.
type levelSet[T Float] struct {
	inv    []Invariant[T]
	c, rhs []float64
	gram   *dense
	grad   kernel.Matrix[T]
	x      []T
}

func (*levelSet[T]) Limit(_ []T, _, h float64) float64 { return h }

const (
	projections = 5  // Newton iterations
	onLevel     = 10 // rounding units of max(1, |c|) that count as there
)

// Apply implements Jump.
func (p *levelSet[T]) Apply(x []T, _, _ float64, _ uint64) (changed bool, err error) {
	for i := 0; ; i++ {
		name, off, ok := p.defect(x)
		if ok {
			return i > 0, nil
		}
		if i == projections {
			return true, fmt.Errorf("flow: projection: invariant %q is off by %.3g after %d iterations: %w", name, off, i, ErrNoConvergence)
		}
		p.gradients(x)
		if !p.gram.factor() {
			return i > 0, fmt.Errorf("flow: projection: gradients of the %d invariants depend on each other: %w", len(p.inv), ErrSingular)
		}
		p.gram.solve(p.rhs)
		for j, l := range p.rhs {
			kernel.Axpy(T(l), p.grad.Row(j), x)
		}
	}
}

// defect stores c - g(x) in rhs and names an invariant that is off.
func (p *levelSet[T]) defect(x []T) (name string, off float64, ok bool) {
	ok = true
	for i, v := range p.inv {
		p.rhs[i] = p.c[i] - v.Value(x)
		if !(math.Abs(p.rhs[i]) <= onLevel*epsOf[T]()*max(1, math.Abs(p.c[i]))) {
			name, off, ok = v.Name, p.rhs[i], false
		}
	}
	return name, off, ok
}

// gradients stores the gradients at x and their Gram matrix.
func (p *levelSet[T]) gradients(x []T) {
	step := math.Cbrt(epsOf[T]())
	copy(p.x, x)
	for j, v := range x {
		d := step * max(1, math.Abs(float64(v)))
		hi, lo := v+T(d), v-T(d)
		for i, inv := range p.inv {
			p.x[j] = hi
			up := inv.Value(p.x)
			p.x[j] = lo
			p.grad.Set(i, j, T((up-inv.Value(p.x))/float64(hi-lo)))
		}
		p.x[j] = v
	}
	for i := range p.inv {
		row := p.gram.row(i)
		for j := range row {
			row[j] = float64(kernel.Dot(p.grad.Row(i), p.grad.Row(j)))
		}
	}
}

// OntoSpheres returns the projection of a state of blocks of length n onto the
// product of spheres ‖x_B‖ = radius of its blocks B, each scaled, for Caps.Project:
// tokens on the sphere, say. A block that is zero has no direction: ErrSingular. It
// panics if n < 1 or radius is not a finite number > 0.
func OntoSpheres[T Float](n int, radius float64) func(x []T) error {
	if n < 1 || !(radius > 0) || math.IsInf(radius, 1) {
		panic(fmt.Sprintf("flow: OntoSpheres needs a block length >= 1 and a finite radius > 0, got %d and %v", n, radius))
	}
	return func(x []T) error {
		if len(x)%n != 0 {
			panic(fmt.Sprintf("flow: OntoSpheres: len(x) is %d, want a multiple of the block length %d", len(x), n))
		}
		for i := 0; i < len(x); i += n {
			b := x[i : i+n]
			norm := kernel.Nrm2(b)
			if norm == 0 {
				return fmt.Errorf("flow: OntoSpheres: block %d is zero: %w", i/n, ErrSingular)
			}
			kernel.Scal(T(radius/norm), b)
		}
		return nil
	}
}
