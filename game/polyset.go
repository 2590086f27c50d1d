package game

import (
	"slices"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// polySet is a list of polynomials made for fast evaluation. They share a table of
// monomials, each the product of an earlier one and a variable; a polynomial is a
// combination of rows of the table. It holds scratch memory.
type polySet[T flow.Float] struct {
	n      int
	chains []chain // row n+m of the table
	// The combinations, row after row: output o has the entries from start[o] on.
	start []int
	row   []int
	coef  []T
	bias  []T
	dense kernel.Matrix[T] // the combinations as a matrix, if that is faster
	table []T
}

// chain is a product of two rows of the table.
type chain struct{ a, b int }

// denseFill is the share of non-zero coefficients from which on a matrix product beats
// the sum over entries.
const denseFill = 0.25

func newPolySet[T flow.Float](n int, list []sparse[double]) *polySet[T] {
	s := &polySet[T]{n: n}
	rows := monomialRows(n, list, &s.chains)
	for _, p := range list {
		s.start = append(s.start, len(s.row))
		var bias T
		for _, t := range p {
			if t.p.degree() == 0 {
				bias = T(t.c.v)
				continue
			}
			s.row = append(s.row, rows[t.p])
			s.coef = append(s.coef, T(t.c.v))
		}
		s.bias = append(s.bias, bias)
	}
	s.start = append(s.start, len(s.row))
	if width := n + len(s.chains); len(list) > 1 && float64(len(s.row)) > denseFill*float64(width*len(list)) {
		s.dense = kernel.NewMatrix[T](len(list), width)
		for o := range list {
			for e := s.start[o]; e < s.start[o+1]; e++ {
				s.dense.Data[o*width+s.row[e]] = s.coef[e]
			}
		}
	}
	return s
}

// monomialRows gives every monomial of degree > 0 a row of the table, that of a product
// after those of its factors.
func monomialRows(n int, list []sparse[double], chains *[]chain) map[powers]int {
	rows := map[powers]int{}
	zero := powers(make([]byte, n))
	for k := range n {
		rows[zero.with(k, 1)] = k
	}
	var row func(p powers) int
	row = func(p powers) int {
		if r, ok := rows[p]; ok {
			return r
		}
		last := len(p) - 1
		for p[last] == 0 {
			last--
		}
		*chains = append(*chains, chain{row(p.with(last, -1)), last})
		rows[p] = n + len(*chains) - 1
		return rows[p]
	}
	for _, p := range list {
		for _, t := range slices.Backward(p) { // low degrees first
			if t.p.degree() > 0 {
				row(t.p)
			}
		}
	}
	return rows
}

// clone returns a set with scratch memory of its own.
func (s *polySet[T]) clone() *polySet[T] {
	c := *s
	c.table = nil
	return &c
}

// eval stores the values of the polynomials at x in dst.
func (s *polySet[T]) eval(dst, x []T) {
	s.table = grow(s.table, s.n+len(s.chains))
	t := s.table
	copy(t, x[:s.n])
	for m, c := range s.chains {
		t[s.n+m] = t[c.a] * t[c.b]
	}
	if s.dense.Rows > 0 {
		copy(dst, s.bias)
		kernel.Gemv(dst, 1, s.dense, t, 1)
		return
	}
	for o, v := range s.bias {
		for e := s.start[o]; e < s.start[o+1]; e++ {
			v += s.coef[e] * t[s.row[e]]
		}
		dst[o] = v
	}
}

// grow returns a slice of length n, s if it is long enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// tableBytes is the size of the table of monomials that stays in the cache nearest to
// the processor.
const tableBytes = 24 << 10

// evalBatch is eval for states in the layout of BatchField; dst has as many rows as
// there are polynomials. It works on blocks of lanes, so that the table stays in cache.
func (s *polySet[T]) evalBatch(dst, x []T, lanes int) {
	width := s.n + len(s.chains)
	if s.dense.Rows > 0 && len(s.chains) == 0 { // affine: the states are the table
		var beta T
		if kernel.MaxAbs(s.bias) != 0 {
			beta = 1
			for o, b := range s.bias {
				setAll(dst[o*lanes:(o+1)*lanes], b)
			}
		}
		kernel.Gemm(kernel.MatrixOf(len(s.bias), lanes, dst), 1, s.dense, kernel.MatrixOf(s.n, lanes, x), beta)
		return
	}
	size := 4
	if _, ok := any(s.bias).([]float64); ok {
		size = 8
	}
	block := min(max(tableBytes/(size*width)/16*16, 32), 256, max(lanes, 1))
	s.table = grow(s.table, width*block)
	for from := 0; from < lanes; from += block {
		s.lanes(dst, x, lanes, from, min(block, lanes-from))
	}
}

// lanes evaluates the states from, ..., from+l-1.
func (s *polySet[T]) lanes(dst, x []T, lanes, from, l int) {
	line := func(r int) []T { return s.table[r*l : (r+1)*l] }
	for k := range s.n {
		copy(line(k), x[k*lanes+from:][:l])
	}
	for m, c := range s.chains {
		kernel.MulTo(line(s.n+m), line(c.a), line(c.b))
	}
	if s.dense.Rows > 0 {
		for o, b := range s.bias {
			setAll(dst[o*lanes+from:][:l], b)
		}
		out := kernel.Matrix[T]{Rows: len(s.bias), Cols: l, Stride: lanes, Data: dst[from:]}
		kernel.Gemm(out, 1, s.dense, kernel.MatrixOf(s.dense.Cols, l, s.table[:s.dense.Cols*l]), 1)
		return
	}
	for o, b := range s.bias {
		row := dst[o*lanes+from:][:l]
		setAll(row, b)
		for e := s.start[o]; e < s.start[o+1]; e++ {
			kernel.Axpy(s.coef[e], line(s.row[e]), row)
		}
	}
}

func setAll[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}
