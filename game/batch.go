package game

import "github.com/gradflow/gradflow/flow"

// BatchField is the field ξ of a game for many states at once.
//
// The states are stored coordinate by coordinate: coordinate k of state b is
// x[k*lanes+b].
type BatchField[T flow.Float] interface {
	Dim() int
	// EvalBatch stores ξ of lanes states in dst. dst and x have length n*lanes and do
	// not overlap. It does not allocate once it has seen a number of lanes as large.
	EvalBatch(dst, x []T, lanes int)
}

// Batcher is a game with fast fields for many states.
type Batcher interface {
	Batch32() BatchField[float32]
	Batch64() BatchField[float64]
}

// Batched returns the field of the game for many states in T: the game's own if it is
// a Batcher and T is float32 or float64, otherwise one that evaluates state after
// state in float64. Every result is a value of its own for one goroutine, except that
// the latter shares g.
func Batched[T flow.Float](g Game) BatchField[T] {
	if b, ok := g.(Batcher); ok {
		switch any(*new(T)).(type) {
		case float32:
			return any(b.Batch32()).(BatchField[T])
		case float64:
			return any(b.Batch64()).(BatchField[T])
		}
	}
	n := Dim(g)
	return &laneByLane[T]{g, make([]float64, n), make([]float64, n)}
}

type laneByLane[T flow.Float] struct {
	g    Game
	x, f []float64
}

func (b *laneByLane[T]) Dim() int { return len(b.x) }

func (b *laneByLane[T]) EvalBatch(dst, x []T, lanes int) {
	for s := range lanes {
		for k := range b.x {
			b.x[k] = float64(x[k*lanes+s])
		}
		b.g.Field(b.f, b.x)
		for k, v := range b.f {
			dst[k*lanes+s] = T(v)
		}
	}
}
