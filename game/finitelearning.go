package game

import (
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// MWU returns the multiplicative weights update (Hedge) of all players at once,
//
//	y ← y + η v(x),  x = Q(y),
//
// for the dynamics r in scores: its explicit Euler method, with the learning rate as
// the step (flow.Fixed{H: η}). With the Euclidean regulariser it is lazy projected
// gradient ascent. In zero-sum games with interior equilibrium it moves away from it.
func MWU[T flow.Float](r *FTRL[T]) flow.Integrator[T] { return descent.GD[T](r) }

// OptimisticMWU returns the optimistic multiplicative weights update (Daskalakis,
// Panageas, arXiv 1807.04252)
//
//	y ← y + η (2 v(x_t) - v(x_{t-1})),  v(x_{-1}) = v(x_0),
//
// which converges in zero-sum games for small η.
func OptimisticMWU[T flow.Float](r *FTRL[T]) flow.Integrator[T] { return descent.Optimistic[T](r) }

// AlternatingMWU returns the multiplicative weights update with players that move in
// turn, each with the newest strategies of the others (Bailey, Gidel, Piliouras, arXiv
// 1907.04392): in zero-sum games it stays near an orbit of the flow.
func AlternatingMWU[T flow.Float](r *FTRL[T]) flow.Integrator[T] { return descent.Alternating[T](r) }
