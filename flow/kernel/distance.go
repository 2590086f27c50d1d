package kernel

import (
	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// SquaredDistances stores |x_i - y_j|² in element (i, j) of D, x_i and y_j being
// the rows of X and Y. It sums squares of differences, so that near points keep
// their relative accuracy, which |x|² - 2xᵀy + |y|² would lose. It panics if the
// shapes do not fit.
func SquaredDistances[T Float](d, x, y Matrix[T]) {
	checkDistances(&d, &x, &y, "d")
	squaredDistances(d, x, y)
}

func squaredDistances[T Float](d, x, y Matrix[T]) {
	if !assembly || d.Rows == 0 || d.Cols == 0 || x.Cols == 0 {
		for i := range d.Rows {
			distancesTwin(d.Row(i), x.Row(i), y)
		}
		return
	}
	if is64[T]() {
		f64.SquaredDistances(d.Rows, d.Cols, x.Cols, first[float64](x.Data), x.Stride, first[float64](y.Data), y.Stride, first[float64](d.Data), d.Stride)
		return
	}
	f32.SquaredDistances(d.Rows, d.Cols, x.Cols, first[float32](x.Data), x.Stride, first[float32](y.Data), y.Stride, first[float32](d.Data), d.Stride)
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

func distancesTwin[T Float](d, x []T, y Matrix[T]) {
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
	const rows = 16 // stay in cache between the passes
	for i := 0; i < k.Rows; i += rows {
		m := min(rows, k.Rows-i)
		squaredDistances(k.rows(i, m), x.rows(i, m), y)
		for j := range m {
			row := k.Row(i + j)
			Scal(-gamma, row)
			Exp(row, row)
		}
	}
}
