package game

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
)

// PolyBatch is the field of a polynomial game for many states at once, in float32 or
// float64. The field of an affine game is one matrix product; otherwise the monomials
// of a block of states are computed once, one product each, and combined.
type PolyBatch[T flow.Float] struct {
	n     int
	field *polySet[T]
	jvp   *polySet[T] // of an affine game x -> Jx
}

// NewPolyBatch returns the batched field of a polynomial game.
func NewPolyBatch[T flow.Float](p *Polynomial) *PolyBatch[T] {
	b := &PolyBatch[T]{n: p.n}
	if same, ok := any(p.field).(*polySet[T]); ok {
		b.field = same.clone()
	} else {
		b.field = newPolySet[T](p.n, p.fieldTerms())
	}
	if len(b.field.chains) == 0 { // no monomial of degree 2
		b.jvp = b.field.clone()
		b.jvp.bias = make([]T, p.n)
	}
	return b
}

// Dim returns n.
func (b *PolyBatch[T]) Dim() int { return b.n }

// EvalBatch stores ξ of lanes states in dst; see BatchField. It panics if a length is
// not n lanes.
func (b *PolyBatch[T]) EvalBatch(dst, x []T, lanes int) {
	if len(x) != b.n*lanes || len(dst) != b.n*lanes {
		panic(fmt.Sprintf("game: batch of %d states of dimension %d with len(dst) = %d, len(x) = %d", lanes, b.n, len(dst), len(x)))
	}
	b.field.evalBatch(dst, x, lanes)
}

// Clone returns a batched field with scratch memory of its own.
func (b *PolyBatch[T]) Clone() *PolyBatch[T] {
	c := &PolyBatch[T]{n: b.n, field: b.field.clone()}
	if b.jvp != nil {
		c.jvp = b.jvp.clone()
	}
	return c
}
