package kernel

// Syrk stores α A Aᵀ + β C in C, both triangles. The result is exactly
// symmetric if the old C is, or if β = 0. The conditions are those of [Gemm].
func Syrk[T Float](c Matrix[T], alpha T, a Matrix[T], beta T) {
	a.check("a")
	c.check("c")
	if c.Rows != a.Rows || c.Cols != a.Rows {
		badShape("c", c.Rows, c.Cols, a.Rows, a.Rows)
	}
	syrk(&c, alpha, &a, formNT, beta)
}

// SyrkT stores α Aᵀ A + β C in C, both triangles. The result is exactly
// symmetric if the old C is, or if β = 0. The conditions are those of [Gemm].
func SyrkT[T Float](c Matrix[T], alpha T, a Matrix[T], beta T) {
	a.check("a")
	c.check("c")
	if c.Rows != a.Cols || c.Cols != a.Cols {
		badShape("c", c.Rows, c.Cols, a.Cols, a.Cols)
	}
	syrk(&c, alpha, &a, formTN, beta)
}

// syrk computes the lower triangle in strips of rows and, if it may, mirrors it.
// A single strip is all of C, and in assembly symmetric as every element is one
// sum in order and products commute.
// With β != 0 the triangles of the old C may differ, so all of it is computed.
func syrk[T Float](c *Matrix[T], alpha T, a *Matrix[T], f form, beta T) {
	if beta != 0 || a.Rows == 0 || a.Cols == 0 {
		gemm(c, alpha, a, a, f, beta)
		return
	}
	const strip = 96
	for i := 0; i < c.Rows; i += strip {
		j := min(i+strip, c.Rows)
		sub := Matrix[T]{Rows: j - i, Cols: j, Stride: c.Stride, Data: c.Data[i*c.Stride:]}
		left, right := *a, *a
		if f == formNT { // rows i to j-1 and 0 to j-1 of A
			left.Rows, left.Data, right.Rows = j-i, a.Data[i*a.Stride:], j
		} else { // columns
			left.Cols, left.Data, right.Cols = j-i, a.Data[i:], j
		}
		gemm(&sub, alpha, &left, &right, f, 0)
	}
	if c.Rows > strip || !assembly {
		mirror(c)
	}
}

// mirror copies the lower triangle to the upper one, in squares that stay in
// cache.
func mirror[T Float](c *Matrix[T]) {
	const side = 32
	for i0 := 0; i0 < c.Rows; i0 += side {
		for j0 := 0; j0 <= i0; j0 += side {
			for i := i0; i < min(i0+side, c.Rows); i++ {
				row := c.Data[i*c.Stride:]
				for j := j0; j < min(j0+side, i); j++ {
					c.Data[j*c.Stride+i] = row[j]
				}
			}
		}
	}
}
