package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// AddBias adds b to every row of m. It panics unless len(b) = m.Cols.
func AddBias[T Float](m Matrix[T], b []T) {
	checkBias(&m, b)
	for i := range m.Rows {
		row := m.Row(i)
		AddTo(row, row, b)
	}
}

// BiasReLU adds b to every row of m and applies the ReLU, in one pass. It
// panics unless len(b) = m.Cols.
func BiasReLU[T Float](m Matrix[T], b []T) {
	checkBias(&m, b)
	for i := range m.Rows {
		biasReLU(m.Row(i), b)
	}
}

func biasReLU[T Float](row, b []T) {
	if !assembly {
		biasReLUTwin(row, b)
		return
	}
	if is64[T]() {
		f64.BiasReLU(len(row), first[float64](row), first[float64](b))
		return
	}
	f32.BiasReLU(len(row), first[float32](row), first[float32](b))
}

func biasReLUTwin[T Float](row, b []T) {
	b = b[:len(row)]
	for j, v := range row {
		row[j] = max(v+b[j], 0)
	}
}

func checkBias[T Float](m *Matrix[T], b []T) {
	m.check("m")
	if len(b) != m.Cols {
		badLen("b", len(b), "m.Cols", m.Cols)
	}
}
