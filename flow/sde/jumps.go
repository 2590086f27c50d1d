package sde

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// Jumps is a [flow.Jump]: units that fire at random between the steps of a run,
// as birth and death of particles or the reactions of a network. The rates
// r_i(t, x) are held over a step of size h from (t, x), and unit i fires at its
// end with probability 1 - exp(-r_i h): if U_i is below it, U_i uniform number i
// of the draw of the step at level 253. Units fire in their order. Against the
// exact process this is an error of order h; steps are limited to 0.1/max r_i.
//
// It works with any integrator, with and without noise. A Jumps keeps scratch
// memory and is for one run at a time.
type Jumps[T flow.Float] struct {
	rates  func(r []float64, x []T, t float64)
	fire   func(x []T, unit int, t float64) error
	stream philox.Stream
	r, u   []float64
}

// NewJumps returns the Jumps of a number of units. rates stores their rates, all
// >= 0, in r; fire changes the state x, in place, when a unit has fired at time
// t. The noise is that of the given seed and stream. It is an error if units is
// negative or one of the functions nil.
func NewJumps[T flow.Float](units int, rates func(r []float64, x []T, t float64), fire func(x []T, unit int, t float64) error, noise Increments) (*Jumps[T], error) {
	if units < 0 || rates == nil || fire == nil {
		return nil, fmt.Errorf("sde: jumps of %d units (nil rates: %t, nil fire: %t), want a number >= 0 and two functions: %w", units, rates == nil, fire == nil, flow.ErrArgument)
	}
	return &Jumps[T]{rates: rates, fire: fire, stream: noise.stream(), r: make([]float64, units), u: make([]float64, units)}, nil
}

// maxExpected is the largest r h of a unit in a step.
const maxExpected = 0.1

// Limit implements flow.Jump: h or 0.1/max r_i. It notes the rates of the step.
func (j *Jumps[T]) Limit(x []T, t, h float64) float64 {
	j.rates(j.r, x, t)
	top := 0.0
	for _, r := range j.r {
		top = max(top, r)
	}
	if top*h <= maxExpected || math.IsNaN(top) || math.IsInf(top, 1) {
		return h // Apply says what is wrong with the rates
	}
	return maxExpected / top
}

// Apply implements flow.Jump. It is an error if a rate was negative or not
// finite.
func (j *Jumps[T]) Apply(x []T, t, h float64, step uint64) (changed bool, err error) {
	for i, r := range j.r {
		if !(r >= 0) || math.IsInf(r, 1) {
			return false, fmt.Errorf("sde: rate of unit %d is %v, want a finite number >= 0: %w", i, r, flow.ErrArgument)
		}
	}
	philox.FillUniforms(j.u, j.stream, philox.Jumps, step-1)
	for i, r := range j.r {
		if j.u[i] < -math.Expm1(-r*h) {
			if err := j.fire(x, i, t); err != nil {
				return changed, fmt.Errorf("sde: unit %d: %w", i, err)
			}
			changed = true
		}
	}
	return changed, nil
}
