// Package deq holds deep equilibrium models, whose output is the fixed point of a
// layer.
package deq
