package infogeo

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// KL returns the Kullback-Leibler divergence KL(p‖q) = Σ p_i log(p_i/q_i) in nats
// of two distributions on the same states, summed in float64.
//
// It is evaluated as the generalised divergence Σ p_i log(p_i/q_i) - p_i + q_i,
// every term of which is >= 0 and computed without cancellation: the relative
// accuracy does not suffer when p is close to q, where the sum of p_i log(p_i/q_i)
// has no correct digit below 1e-16. It is +Inf if p has a state that q excludes;
// states with p_i = 0 contribute q_i. NaN and negative numbers give NaN. KL panics
// if the lengths differ.
func KL[T flow.Float](p, q []T) float64 { return kernel.RelativeEntropy(p, q) }
