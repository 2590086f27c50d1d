package kernel

import "fmt"

// Batch is N row-major matrices of one shape in one slice: element (i, j) of
// matrix b is Data[b*Step+i*Stride+j]. A Step of 0 makes all of them the same
// matrix, which is allowed for factors and not for results.
type Batch[T Float] struct {
	N, Rows, Cols, Stride, Step int
	Data                        []T
}

// BatchOf returns the n matrices of shape r x c that lie one after another in
// data, a view. It panics unless len(data) = n r c.
func BatchOf[T Float](n, r, c int, data []T) Batch[T] {
	if n < 0 || r < 0 || c < 0 {
		panic(fmt.Sprintf("kernel: negative dimension in batch of %d matrices %d x %d", n, r, c))
	}
	if len(data) != n*r*c {
		badLen("data", len(data), "n*r*c", n*r*c)
	}
	return Batch[T]{N: n, Rows: r, Cols: c, Stride: c, Step: r * c, Data: data}
}

// At returns matrix i as a view. It panics if there is none.
func (b Batch[T]) At(i int) Matrix[T] {
	if uint(i) >= uint(b.N) {
		panic(fmt.Sprintf("kernel: matrix %d of a batch of %d", i, b.N))
	}
	return b.at(i)
}

func (b *Batch[T]) at(i int) Matrix[T] {
	m := Matrix[T]{Rows: b.Rows, Cols: b.Cols, Stride: b.Stride}
	if b.Rows > 0 && b.Cols > 0 {
		m.Data = b.Data[i*b.Step:]
	}
	return m
}

func (b *Batch[T]) check(name string, n int) {
	if b.N != n {
		panic(fmt.Sprintf("kernel: %s has %d matrices, want %d", name, b.N, n))
	}
	if b.Step < 0 {
		panic(fmt.Sprintf("kernel: step %d of %s is negative", b.Step, name))
	}
	if n > 0 {
		// The last matrix ends last.
		last := b.Data
		if o := (n - 1) * b.Step; o <= len(last) {
			last = last[o:]
		} else {
			last = nil
		}
		m := Matrix[T]{Rows: b.Rows, Cols: b.Cols, Stride: b.Stride, Data: last}
		m.check(name)
	}
}

// GemmBatch stores α A_i B_i + β C_i in C_i for each i, under the conditions of
// [Gemm]. It panics if the batches differ in length.
func GemmBatch[T Float](c Batch[T], alpha T, a, b Batch[T], beta T) {
	gemmBatch(c, alpha, a, b, formNN, beta)
}

// GemmBatchNT stores α A_i B_iᵀ + β C_i in C_i for each i, under the conditions
// of [Gemm]. It panics if the batches differ in length.
func GemmBatchNT[T Float](c Batch[T], alpha T, a, b Batch[T], beta T) {
	gemmBatch(c, alpha, a, b, formNT, beta)
}

// GemmBatchTN stores α A_iᵀ B_i + β C_i in C_i for each i, under the conditions
// of [Gemm]. It panics if the batches differ in length.
func GemmBatchTN[T Float](c Batch[T], alpha T, a, b Batch[T], beta T) {
	gemmBatch(c, alpha, a, b, formTN, beta)
}

func gemmBatch[T Float](c Batch[T], alpha T, a, b Batch[T], f form, beta T) {
	a.check("a", c.N)
	b.check("b", c.N)
	c.check("c", c.N)
	if c.N == 0 {
		return
	}
	c0, a0, b0 := c.at(0), a.at(0), b.at(0)
	checkForm(&c0, &a0, &b0, f)
	if batchParallel(c, alpha, a, b, f, beta) {
		return
	}
	for i := range c.N {
		ci, ai, bi := c.at(i), a.at(i), b.at(i)
		gemm(&ci, alpha, &ai, &bi, f, beta)
	}
}

// GemvBatch stores α A_i x_i + β y_i in y_i for each i, where the x_i and the
// y_i lie one after another in x and y. It panics unless len(x) = a.N a.Cols and
// len(y) = a.N a.Rows.
func GemvBatch[T Float](y []T, alpha T, a Batch[T], x []T, beta T) {
	a.check("a", a.N)
	if len(x) != a.N*a.Cols {
		badLen("x", len(x), "a.N*a.Cols", a.N*a.Cols)
	}
	if len(y) != a.N*a.Rows {
		badLen("y", len(y), "a.N*a.Rows", a.N*a.Rows)
	}
	if parts := partsOf(a.N*a.Rows*a.Cols, parallelReads/2); parts > 1 && a.N > 1 {
		p := getProduct[T]()
		p.kind, p.y, p.alpha, p.batch[1], p.x, p.beta = productGemvBatch, y, alpha, a, x, beta
		p.finish(parts)
		return
	}
	for i := range a.N {
		gemv(y[i*a.Rows:(i+1)*a.Rows], alpha, a.at(i), x[i*a.Cols:(i+1)*a.Cols], beta)
	}
}
