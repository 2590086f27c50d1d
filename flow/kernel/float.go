package kernel

import "golang.org/x/exp/constraints"

// Float is the element type of every kernel and, through flow.Float, of every
// state in the library: float32, float64 and types derived from them.
type Float interface {
	constraints.Float
}
