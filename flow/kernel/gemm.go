package kernel

// Gemm stores α A B + β C in C. With β = 0 the old C is not read, with α = 0
// neither A nor B is. C must not overlap A or B. It panics if the shapes do not
// fit.
func Gemm[T Float](c Matrix[T], alpha T, a, b Matrix[T], beta T) {
	checkGemm(&c, &a, &b)
	if b.Rows != a.Cols {
		badShape("b", b.Rows, b.Cols, a.Cols, c.Cols)
	}
	if c.Rows != a.Rows || c.Cols != b.Cols {
		badShape("c", c.Rows, c.Cols, a.Rows, b.Cols)
	}
	gemm(c, alpha, operand[T]{a.Data, a.Stride, 1}, operand[T]{b.Data, b.Stride, 1}, a.Cols, beta)
}

// GemmNT stores α A Bᵀ + β C in C, under the conditions of [Gemm].
func GemmNT[T Float](c Matrix[T], alpha T, a, b Matrix[T], beta T) {
	checkGemm(&c, &a, &b)
	if b.Cols != a.Cols {
		badShape("b", b.Rows, b.Cols, c.Cols, a.Cols)
	}
	if c.Rows != a.Rows || c.Cols != b.Rows {
		badShape("c", c.Rows, c.Cols, a.Rows, b.Rows)
	}
	gemm(c, alpha, operand[T]{a.Data, a.Stride, 1}, operand[T]{b.Data, 1, b.Stride}, a.Cols, beta)
}

// GemmTN stores α Aᵀ B + β C in C, under the conditions of [Gemm].
func GemmTN[T Float](c Matrix[T], alpha T, a, b Matrix[T], beta T) {
	checkGemm(&c, &a, &b)
	if b.Rows != a.Rows {
		badShape("b", b.Rows, b.Cols, a.Rows, c.Cols)
	}
	if c.Rows != a.Cols || c.Cols != b.Cols {
		badShape("c", c.Rows, c.Cols, a.Cols, b.Cols)
	}
	gemm(c, alpha, operand[T]{a.Data, 1, a.Stride}, operand[T]{b.Data, b.Stride, 1}, a.Rows, beta)
}

func checkGemm[T Float](c, a, b *Matrix[T]) {
	a.check("a")
	b.check("b")
	c.check("c")
}

// operand is a factor of a matrix product: element (i, j) is data[i*rs+j*cs].
// One of the strides is 1; a transposed factor has them exchanged.
type operand[T Float] struct {
	data   []T
	rs, cs int
}

// gemm stores α A B + β C in C, k being the inner dimension.
func gemm[T Float](c Matrix[T], alpha T, a, b operand[T], k int, beta T) {
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	for i := range c.Rows {
		scale(beta, c.Row(i))
	}
	if alpha == 0 || k == 0 {
		return
	}
	gemmAcc(c, alpha, a, b, k)
}

// gemmAcc is the portable C += α A B, in blocks of B that stay in cache.
func gemmAcc[T Float](c Matrix[T], alpha T, a, b operand[T], k int) {
	if b.cs != 1 {
		gemmAccNT(c, alpha, a, b, k)
		return
	}
	const kc, nc = 64, 256
	for k0 := 0; k0 < k; k0 += kc {
		k1 := min(k0+kc, k)
		for j0 := 0; j0 < c.Cols; j0 += nc {
			j1 := min(j0+nc, c.Cols)
			for i := range c.Rows {
				ci := c.Row(i)[j0:j1]
				l := k0
				if len(ci) < 32 || !gonumSIMD {
					for ; l+4 <= k1; l += 4 {
						o := i*a.rs + l*a.cs
						axpy4(ci, b.data[l*b.rs+j0:], b.rs,
							alpha*a.data[o], alpha*a.data[o+a.cs], alpha*a.data[o+2*a.cs], alpha*a.data[o+3*a.cs])
					}
				}
				for ; l < k1; l++ {
					o := l*b.rs + j0
					axpy(alpha*a.data[i*a.rs+l*a.cs], b.data[o:o+len(ci)], ci)
				}
			}
		}
	}
}

// gemmAccNT is gemmAcc for a transposed B, whose columns are contiguous: dot
// products, blocked so that the columns stay in cache. The rows of A are
// contiguous too, since no caller transposes both.
func gemmAccNT[T Float](c Matrix[T], alpha T, a, b operand[T], k int) {
	const kc, nc = 256, 64
	for k0 := 0; k0 < k; k0 += kc {
		k1 := min(k0+kc, k)
		for j0 := 0; j0 < c.Cols; j0 += nc {
			j1 := min(j0+nc, c.Cols)
			for i := range c.Rows {
				ai := a.data[i*a.rs+k0 : i*a.rs+k1]
				ci := c.Row(i)
				j := j0
				if len(ai) < 32 || !gonumSIMD {
					for ; j+4 <= j1; j += 4 {
						s0, s1, s2, s3 := dot4(b.data[j*b.cs+k0:], b.cs, ai)
						ci[j] += alpha * s0
						ci[j+1] += alpha * s1
						ci[j+2] += alpha * s2
						ci[j+3] += alpha * s3
					}
				}
				for ; j < j1; j++ {
					ci[j] += alpha * dot(ai, b.data[j*b.cs+k0:j*b.cs+k1])
				}
			}
		}
	}
}
