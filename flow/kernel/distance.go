package kernel

// SquaredDistances stores |x_i - y_j|² in element (i, j) of D, x_i and y_j being
// the rows of X and Y. It sums squares of differences, so that near points keep
// their relative accuracy, which |x|² - 2xᵀy + |y|² would lose. It panics if the
// shapes do not fit.
func SquaredDistances[T Float](d, x, y Matrix[T]) {
	checkDistances(&d, &x, &y, "d")
	for i := range d.Rows {
		distances(d.Row(i), x.Row(i), y)
	}
}

func checkDistances[T Float](d, x, y *Matrix[T], name string) {
	x.check("x")
	y.check("y")
	d.check(name)
	if y.Cols != x.Cols {
		badShape("y", y.Rows, y.Cols, y.Rows, x.Cols)
	}
	if d.Rows != x.Rows || d.Cols != y.Rows {
		badShape(name, d.Rows, d.Cols, x.Rows, y.Rows)
	}
}

func distances[T Float](d, x []T, y Matrix[T]) {
	for j := range d {
		d[j] = squaredDistance(x, y.Row(j))
	}
}

func squaredDistance[T Float](x, y []T) T {
	var s0, s1, s2, s3 T
	for len(x) >= 4 && len(y) >= 4 {
		d0, d1, d2, d3 := x[0]-y[0], x[1]-y[1], x[2]-y[2], x[3]-y[3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		x, y = x[4:], y[4:]
	}
	y = y[:len(x)]
	for i, v := range x {
		e := v - y[i]
		s0 += e * e
	}
	return (s0 + s1) + (s2 + s3)
}

// GaussianKernel stores exp(-γ |x_i - y_j|²) in element (i, j) of K, x_i and y_j
// being the rows of X and Y. It panics if the shapes do not fit.
func GaussianKernel[T Float](k, x, y Matrix[T], gamma T) {
	checkDistances(&k, &x, &y, "k")
	for i := range k.Rows {
		row := k.Row(i)
		distances(row, x.Row(i), y)
		Scal(-gamma, row)
		Exp(row, row)
	}
}
