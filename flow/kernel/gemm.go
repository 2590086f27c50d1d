package kernel

// Gemm stores α A B + β C in C. With β = 0 the old C is not read, with α = 0
// neither A nor B is. C must not overlap A or B. It panics if the shapes do not
// fit.
func Gemm[T Float](c Matrix[T], alpha T, a, b Matrix[T], beta T) {
	checkGemm(&c, &a, &b)
	if b.Rows != a.Cols || c.Rows != a.Rows || c.Cols != b.Cols {
		checkForm(&c, &a, &b, formNN)
	}
	gemm(&c, alpha, &a, &b, formNN, beta)
}

// GemmNT stores α A Bᵀ + β C in C, under the conditions of [Gemm].
func GemmNT[T Float](c Matrix[T], alpha T, a, b Matrix[T], beta T) {
	checkGemm(&c, &a, &b)
	if b.Cols != a.Cols || c.Rows != a.Rows || c.Cols != b.Rows {
		checkForm(&c, &a, &b, formNT)
	}
	gemm(&c, alpha, &a, &b, formNT, beta)
}

// GemmTN stores α Aᵀ B + β C in C, under the conditions of [Gemm].
func GemmTN[T Float](c Matrix[T], alpha T, a, b Matrix[T], beta T) {
	checkGemm(&c, &a, &b)
	if b.Rows != a.Rows || c.Rows != a.Cols || c.Cols != b.Cols {
		checkForm(&c, &a, &b, formTN)
	}
	gemm(&c, alpha, &a, &b, formTN, beta)
}

func checkGemm[T Float](c, a, b *Matrix[T]) {
	a.check("a")
	b.check("b")
	c.check("c")
}

// checkForm panics unless the shapes fit.
func checkForm[T Float](c, a, b *Matrix[T], f form) {
	m, k, n := a.Rows, a.Cols, b.Cols
	if f == formTN {
		m, k = k, m
	}
	wr, wc := k, n // of b
	if f == formNT {
		n = b.Rows
		wr, wc = n, k
	}
	if b.Rows != wr || b.Cols != wc {
		badShape("b", b.Rows, b.Cols, wr, wc)
	}
	if c.Rows != m || c.Cols != n {
		badShape("c", c.Rows, c.Cols, m, n)
	}
}

// form says which factor of a product is transposed.
type form int

const (
	formNN form = iota
	formNT
	formTN
)

// operand is a factor of a matrix product: element (i, j) is data[i*rs+j*cs].
// One of the strides is 1; a transposed factor has them exchanged.
type operand[T Float] struct {
	data   []T
	rs, cs int
}

// at is the factor without its first i rows and j columns.
func (o *operand[T]) at(i, j int) operand[T] {
	return operand[T]{o.data[i*o.rs+j*o.cs:], o.rs, o.cs}
}

// operands returns the factors of a product and its inner dimension.
func operands[T Float](a, b *Matrix[T], f form) (oa, ob operand[T], k int) {
	oa, ob, k = operand[T]{a.Data, a.Stride, 1}, operand[T]{b.Data, b.Stride, 1}, a.Cols
	switch f {
	case formNT:
		ob.rs, ob.cs = 1, b.Stride
	case formTN:
		oa.rs, oa.cs, k = 1, a.Stride, a.Rows
	}
	return oa, ob, k
}

// scaleRows multiplies C by β, and clears it if β = 0 whatever it holds.
func scaleRows[T Float](beta T, c Matrix[T]) {
	for i := range c.Rows {
		scale(beta, c.Row(i))
	}
}

func gemmTwin[T Float](c *Matrix[T], alpha T, a, b *Matrix[T], f form, beta T) {
	scaleRows(beta, *c)
	if noProduct(alpha, a, b) {
		return
	}
	oa, ob, k := operands(a, b, f)
	gemmAcc(*c, alpha, oa, ob, k)
}

// noProduct reports whether α A B is 0 without being computed, or empty.
func noProduct[T Float](alpha T, a, b *Matrix[T]) bool {
	return alpha == 0 || a.Rows == 0 || a.Cols == 0 || b.Rows == 0 || b.Cols == 0
}

// gemmAcc adds α A B to C, in blocks of B that stay in cache.
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
				for ; l+4 <= k1; l += 4 {
					o := i*a.rs + l*a.cs
					axpy4(ci, b.data[l*b.rs+j0:], b.rs,
						alpha*a.data[o], alpha*a.data[o+a.cs], alpha*a.data[o+2*a.cs], alpha*a.data[o+3*a.cs])
				}
				for ; l < k1; l++ {
					o := l*b.rs + j0
					axpyTwin(alpha*a.data[i*a.rs+l*a.cs], b.data[o:o+len(ci)], ci)
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
				for ; j+4 <= j1; j += 4 {
					s0, s1, s2, s3 := dot4(b.data[j*b.cs+k0:], b.cs, ai)
					ci[j] += alpha * s0
					ci[j+1] += alpha * s1
					ci[j+2] += alpha * s2
					ci[j+3] += alpha * s3
				}
				for ; j < j1; j++ {
					ci[j] += alpha * dotTwin(ai, b.data[j*b.cs+k0:j*b.cs+k1])
				}
			}
		}
	}
}
