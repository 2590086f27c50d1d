package kernel

import "fmt"

// Matrix is a row-major view of a slice: element (i, j) is Data[i*Stride+j].
// Stride is at least Cols, and Data may end with the last element of the last
// row. The zero Matrix is the empty one.
type Matrix[T Float] struct {
	Rows, Cols, Stride int
	Data               []T
}

// NewMatrix returns an r x c matrix of zeros. It panics if r or c is negative.
func NewMatrix[T Float](r, c int) Matrix[T] {
	if r < 0 || c < 0 {
		panic(fmt.Sprintf("kernel: negative dimension in %d x %d matrix", r, c))
	}
	return Matrix[T]{Rows: r, Cols: c, Stride: c, Data: make([]T, r*c)}
}

// MatrixOf returns the r x c matrix whose rows lie one after another in data.
// It is a view: the matrix and data share their elements. It panics unless
// len(data) = r c.
func MatrixOf[T Float](r, c int, data []T) Matrix[T] {
	if r < 0 || c < 0 {
		panic(fmt.Sprintf("kernel: negative dimension in %d x %d matrix", r, c))
	}
	if len(data) != r*c {
		badLen("data", len(data), "r*c", r*c)
	}
	return Matrix[T]{Rows: r, Cols: c, Stride: c, Data: data}
}

// Row returns row i as a slice that shares its elements with the matrix.
func (m Matrix[T]) Row(i int) []T {
	if uint(i) >= uint(m.Rows) {
		panic(fmt.Sprintf("kernel: row %d of a matrix of %d rows", i, m.Rows))
	}
	if m.Cols == 0 { // Data may end before the offset
		return m.Data[:0]
	}
	o := i * m.Stride
	return m.Data[o : o+m.Cols : o+m.Cols]
}

// rows is the matrix of n rows from row i.
func (m Matrix[T]) rows(i, n int) Matrix[T] {
	m.Rows = n
	if m.Cols > 0 {
		m.Data = m.Data[i*m.Stride:]
	}
	return m
}

// cols is the matrix of n columns from column j.
func (m Matrix[T]) cols(j, n int) Matrix[T] {
	m.Cols = n
	if m.Rows > 0 && n > 0 {
		m.Data = m.Data[j:]
	}
	return m
}

// At returns element (i, j).
func (m Matrix[T]) At(i, j int) T { return m.Row(i)[j] }

// Set stores v in element (i, j).
func (m Matrix[T]) Set(i, j int, v T) { m.Row(i)[j] = v }

// full reports whether m has elements and its fields fit one another.
func (m *Matrix[T]) full() bool {
	return m.Rows > 0 && m.Cols > 0 && m.Stride >= m.Cols && (m.Rows-1)*m.Stride+m.Cols <= len(m.Data)
}

// check panics unless the fields of m fit one another. It clears the stride of
// an empty matrix.
func (m *Matrix[T]) check(name string) {
	if !m.full() {
		m.checkSlowly(name)
	}
}

func (m *Matrix[T]) checkSlowly(name string) {
	if m.Rows <= 0 || m.Cols <= 0 {
		if m.Rows < 0 || m.Cols < 0 {
			panic(fmt.Sprintf("kernel: %s is %d x %d", name, m.Rows, m.Cols))
		}
		// No element is read, and no offset may leave Data, which may be nil.
		m.Stride = 0
		return
	}
	if m.Stride < m.Cols {
		panic(fmt.Sprintf("kernel: stride %d of %s is below its %d columns", m.Stride, name, m.Cols))
	}
	if need := (m.Rows-1)*m.Stride + m.Cols; len(m.Data) < need {
		panic(fmt.Sprintf("kernel: len(%s.Data) = %d, want at least %d", name, len(m.Data), need))
	}
}
