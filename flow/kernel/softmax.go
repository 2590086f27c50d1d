package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// SoftmaxRows replaces every row z of m by e^z_j / Σ_l e^z_l, without overflow.
// A row that holds NaN or +Inf, or nothing but -Inf, becomes NaN.
func SoftmaxRows[T Float](m Matrix[T]) {
	m.check("m")
	if m.Rows == 0 || m.Cols == 0 {
		return
	}
	if m.Rows > 1 && m.Rows*m.Cols >= parallelMap && mapParallel(mapSoftmax, nil, nil, m) {
		return
	}
	softmaxRows(m)
}

func softmaxRows[T Float](m Matrix[T]) {
	if !assembly {
		for i := range m.Rows {
			softmaxTwin(m.Row(i))
		}
		return
	}
	if is64[T]() {
		f64.SoftmaxRows(m.Rows, m.Cols, first[float64](m.Data), m.Stride, first[float64](m.Data), m.Stride)
		return
	}
	f32.SoftmaxRows(m.Rows, m.Cols, first[float32](m.Data), m.Stride, first[float32](m.Data), m.Stride)
}

func softmaxTwin[T Float](row []T) {
	var s float64
	z := maxOf(row)
	for j, v := range row {
		e := math.Exp(float64(v - z))
		row[j] = T(e)
		s += e
	}
	scalToTwin(row, T(1/s), row)
}

// maxOf returns the greatest element, -Inf if there is none and NaN if there is
// a NaN.
func maxOf[T Float](x []T) T {
	z := T(math.Inf(-1))
	for _, v := range x {
		if v > z || v != v {
			z = v
		}
		if z != z {
			return z
		}
	}
	return z
}

// LogSumExpRows stores log Σ_j e^m_ij, without overflow, in dst_i. An empty row
// gives -Inf, a row with +Inf gives +Inf, NaN gives NaN. It panics unless
// len(dst) = m.Rows.
func LogSumExpRows[T Float](dst []T, m Matrix[T]) {
	m.check("m")
	if len(dst) != m.Rows {
		badLen("dst", len(dst), "m.Rows", m.Rows)
	}
	for i := range dst {
		dst[i] = logSumExp(m.Row(i))
	}
}

func logSumExp[T Float](row []T) T {
	if !assembly || len(row) == 0 {
		return logSumExpTwin(row)
	}
	var z T
	var s float64
	if is64[T]() {
		a, b := f64.MaxSumExp(len(row), first[float64](row))
		z, s = T(a), b
	} else {
		a, b := f32.MaxSumExp(len(row), first[float32](row))
		z, s = T(a), float64(b)
	}
	if s != s { // NaN or Inf in the row
		return logSumExpTwin(row)
	}
	return z + T(math.Log(s))
}

func logSumExpTwin[T Float](row []T) T {
	z := maxOf(row)
	if math.IsInf(float64(z), 0) {
		return z
	}
	var s float64
	for _, v := range row {
		s += math.Exp(float64(v - z))
	}
	return z + T(math.Log(s))
}
