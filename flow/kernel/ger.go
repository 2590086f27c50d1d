package kernel

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
	if alpha == 0 {
		return
	}
	for i, v := range x {
		Axpy(alpha*v, y, a.Row(i))
	}
}
