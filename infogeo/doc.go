// Package infogeo is the information geometry of exponential families and the
// dynamics of natural gradients on them.
//
// # The simplex
//
// K states, n = K-1 coordinates, one of the states the reference r (the last one
// unless said otherwise). In the open simplex a distribution p has
//
//	expectation coordinates  η_i = p_i                (mixture coordinates)
//	natural coordinates      θ_i = log(p_i/p_r)       (exponential coordinates)
//
// for the n states i ≠ r, in their order.
package infogeo
