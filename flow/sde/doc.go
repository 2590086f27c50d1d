// Package sde advances stochastic differential equations
//
//	dx = a(t, x) dt + b(t, x) dW
//
// on R^n, W a Wiener process of m channels, by the loop of package flow, with
// noise that is the same whenever and wherever it is asked for.
//
// # Equations
//
// A [System] is a drift, a diffusion and a [Noise] that describes it: Diagonal
// (a channel for each component, b_i of t and x_i only), Scalar (one channel),
// General (a matrix), each additive, b = b(t), or not, in the sense of Itô or of
// Stratonovich. [Func] makes one of plain functions. [Convert] changes the sense,
//
//	a_Stratonovich = a_Itô - ½ Σ_j (b_j·∇) b_j.
//
// Two are there from the start, made from an energy:
//
//	Langevin(e, β)        dx = -∇E dt + √(2/β) dW                density ∝ exp(-βE)
//	Underdamped(e, γ, u)  dx = v dt, dv = -(γv + u∇E) dt + √(2γu) dW
//	                                                             density ∝ exp(-E - ‖v‖²/(2u))
//
// # Methods
//
// All are integrators for flow.New, take a constant step (flow.Fixed) and have
// no error estimate and no dense output: Brownian paths have no polynomial
// between the steps. To stop at given times use TStops; events are found at the
// ends of steps. The orders are those of the error at a fixed time, on the path
// (strong) and in expectations (weak).
//
//	method         sense         noise              strong         weak  per step
//	EulerMaruyama  Itô           any                1/2, 1 (*)     1     1 a, 1 b
//	Milstein       Itô           Diagonal, Scalar   1              1     1 a, 2 b
//	Heun           Stratonovich  any                1 (**)         1     2 a, 2 b
//	SRA1           (additive)    additive           3/2            3/2   2 a, 2 b
//	SRI1W1         Itô           Diagonal, Scalar   3/2            3/2   2 a, 4 b
//	WeakPlaten     Itô           Diagonal, Scalar   1              2     2 a, 3 b
//	BAOAB          -             Underdamped        1              2     1 gradient
//	UBU            -             Underdamped        2              2     1 gradient
//
// (*) 1 for additive noise. (**) 1/2 for noise that does not commute. A strong
// order is a weak order, at least; WeakPlaten is for expectations. With an
// energy the drift is evaluated once more at the end of the last step, since each
// step shows the energy where it ends.
//
// # Noise
//
// A method takes from its [Path], for each step and channel,
//
//	ΔW = W(t+h) - W(t) ~ N(0, h)
//	H  = (1/h) ∫ (W(s) - W(t)) ds - ΔW/2 ~ N(0, h/12), independent of ΔW
//
// which is ∫∫ dW ds = h (ΔW/2 + H). [Increments] draws them anew for every step
// (level 255 of the counter-based generator, index = step). [Tree] is a path on
// [t0, t1] that stays the same however the steps are chosen: an interval of
// length h splits in the middle into
//
//	W1 = W/2 + 3H/2 + Z,   H1 = H/4 - Z/2 + N/2,   Z ~ N(0, h/16)
//	W2 = W - W1,           H2 = H/4 - Z/2 - N/2,   N ~ N(0, h/12)
//
// and adjacent pieces join by h H = h1 H1 + h2 H2 + ½ (h2 W1 - h1 W2). Errors of
// different step sizes, and of different methods, are compared on one path.
//
// Seed and stream name a path: the members of an ensemble take one stream each.
// Since every draw is a function of (seed, stream, step or place, channel),
// results depend neither on the number of workers nor on interruptions, and
// float32 and float64 runs see the same noise up to rounding.
//
// # Jumps
//
// [Jumps] are units that fire between the steps at random, with rates that
// depend on the state: births, deaths, reactions.
//
// # How to start
//
//	s, err := sde.Langevin(e, beta)
//	r, err := flow.New(sde.EulerMaruyama(s, sde.Increments{Seed: 1}), x0,
//		flow.Options[float64]{Controller: flow.Fixed{H: 0.01}, T1: 10})
//	for step, err := range r.Steps(ctx) { ... }
//
// For sampling from exp(-E), Underdamped with BAOAB is the first choice; for
// paths with additive noise SRA1, with diagonal or scalar noise SRI1W1; for
// everything else EulerMaruyama or Heun. Strong order 1 for noise that does not
// commute needs Lévy areas, which no Path here has.
package sde
