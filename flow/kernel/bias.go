package kernel

// AddBias adds b to every row of m. It panics unless len(b) = m.Cols.
func AddBias[T Float](m Matrix[T], b []T) {
	checkBias(&m, b)
	for i := range m.Rows {
		row := m.Row(i)
		addTo(row, row, b)
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
