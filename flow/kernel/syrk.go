package kernel

// Syrk stores α A Aᵀ + β C in C, both triangles. The result is exactly
// symmetric if the old C is, or if β = 0. The conditions are those of [Gemm].
func Syrk[T Float](c Matrix[T], alpha T, a Matrix[T], beta T) {
	a.check("a")
	c.check("c")
	if c.Rows != a.Rows || c.Cols != a.Rows {
		badShape("c", c.Rows, c.Cols, a.Rows, a.Rows)
	}
	syrk(c, alpha, operand[T]{a.Data, a.Stride, 1}, operand[T]{a.Data, 1, a.Stride}, a.Cols, beta)
}

// SyrkT stores α Aᵀ A + β C in C, both triangles. The result is exactly
// symmetric if the old C is, or if β = 0. The conditions are those of [Gemm].
func SyrkT[T Float](c Matrix[T], alpha T, a Matrix[T], beta T) {
	a.check("a")
	c.check("c")
	if c.Rows != a.Cols || c.Cols != a.Cols {
		badShape("c", c.Rows, c.Cols, a.Cols, a.Cols)
	}
	syrk(c, alpha, operand[T]{a.Data, 1, a.Stride}, operand[T]{a.Data, a.Stride, 1}, a.Rows, beta)
}

// syrk computes the lower triangle in strips of rows and, if it may, mirrors it.
// With β != 0 the triangles of the old C may differ, so all of it is computed.
func syrk[T Float](c Matrix[T], alpha T, a, at operand[T], k int, beta T) {
	if beta != 0 {
		gemm(c, alpha, a, at, k, beta)
		return
	}
	const strip = 96
	for i := 0; i < c.Rows; i += strip {
		j := min(i+strip, c.Rows)
		sub := Matrix[T]{Rows: j - i, Cols: j, Stride: c.Stride, Data: c.Data[i*c.Stride:]}
		ai := operand[T]{nil, a.rs, a.cs}
		if k > 0 {
			ai.data = a.data[i*a.rs:]
		}
		gemm(sub, alpha, ai, at, k, 0)
	}
	for i := range c.Rows {
		for j, v := range c.Row(i)[:i] {
			c.Data[j*c.Stride+i] = v
		}
	}
}
