package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// Ger adds α x yᵀ to A, for A with Rows = len(x) and Cols = len(y). It panics
// if the shapes do not fit.
func Ger[T Float](a Matrix[T], alpha T, x, y []T) {
	a.check("a")
	if len(x) != a.Rows {
		badLen("x", len(x), "a.Rows", a.Rows)
	}
	if len(y) != a.Cols {
		badLen("y", len(y), "a.Cols", a.Cols)
	}
	if alpha == 0 || a.Rows == 0 || a.Cols == 0 {
		return
	}
	if !assembly {
		gerTwin(a, alpha, x, y)
		return
	}
	if is64[T]() {
		f64.Ger(a.Rows, a.Cols, float64(alpha), first[float64](x), first[float64](y), first[float64](a.Data), a.Stride)
		return
	}
	f32.Ger(a.Rows, a.Cols, float32(alpha), first[float32](x), first[float32](y), first[float32](a.Data), a.Stride)
}

func gerTwin[T Float](a Matrix[T], alpha T, x, y []T) {
	for i, v := range x {
		axpyTwin(alpha*v, y, a.Row(i))
	}
}
