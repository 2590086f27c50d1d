package flow

import (
	"math"
	"sync"
)

// smallDim is the largest dimension in which the calls of kernels would cost more
// than the sums. Small systems have loops of their own.
const smallDim = 8

// smallStages is the largest number of stages before the last of an explicit
// method that the loops for small systems know.
const smallStages = 12

// smallSystem is what rungeKutta keeps of a small system: the stages in an array,
// whose addresses are known when the code is compiled.
type smallSystem[T Float] struct {
	*smallTable
	k    [smallStages + 1][smallDim]T
	u    [smallDim]T // argument of a stage
	eval func(dst, x []T, t float64)
}

// smallTable is a tableau in arrays.
type smallTable struct {
	end      int                                   // f(t+h, y) is stage end
	a        [smallStages + 1][smallStages]float64 // row end holds b
	c, e, e3 [smallStages + 1]float64
}

// smallTables holds the smallTable of every *tableau that was used.
var smallTables sync.Map

// smallTableOf returns the arrays of a tableau, nil if it does not fit.
func smallTableOf(tab *tableau) *smallTable {
	if tab.end() > smallStages {
		return nil
	}
	if s, ok := smallTables.Load(tab); ok {
		return s.(*smallTable)
	}
	s := &smallTable{end: tab.end()}
	for i := 1; i < s.end; i++ {
		copy(s.a[i][:], tab.a[i])
	}
	copy(s.a[s.end][:], tab.b[:s.end])
	copy(s.c[:s.end], tab.c)
	s.c[s.end] = 1
	copy(s.e[:], tab.e)
	copy(s.e3[:], tab.e3)
	smallTables.Store(tab, s)
	return s
}

// newSmallSystem returns the arrays for dimension n, nil if it or the method is not
// small.
func newSmallSystem[T Float](n int, tab *tableau) *smallSystem[T] {
	table := smallTableOf(tab)
	if n > smallDim || table == nil {
		return nil
	}
	return &smallSystem[T]{smallTable: table}
}

// evalOf returns f.Eval, of a FieldFunc the function itself.
func evalOf[T Float](f Field[T]) func(dst, x []T, t float64) {
	if g, ok := f.(fieldFunc[T]); ok {
		return g.f
	}
	return f.Eval
}

//go:generate go run gen_smallstages.go

// stages computes the stages 1 to end-1 and the result, which it stores in next. A
// loop over the terms of a sum would cost more than the terms.
func (s *smallSystem[T]) stages(next, x []T, t, h float64) {
	switch len(x) {
	case 2:
		s.stages2((*[2]T)(next), (*[2]T)(x), t, h)
	case 3:
		s.stages3((*[3]T)(next), (*[3]T)(x), t, h)
	case 4:
		s.stages4((*[4]T)(next), (*[4]T)(x), t, h)
	default:
		s.stagesAny(next, x, t, h)
	}
}

// errorSumSq is ‖h Σ e_i k_i‖²_sc with the given number of terms. The scales are
// known before the last f: nobody waits for the divisions.
func (s *smallSystem[T]) errorSumSq(tol *Tol, h float64, e *[smallStages + 1]float64, terms int, x, y []T) float64 {
	switch len(x) {
	case 2:
		return s.errorSumSq2(tol, h, e, terms, (*[2]T)(x), (*[2]T)(y))
	case 3:
		return s.errorSumSq3(tol, h, e, terms, (*[3]T)(x), (*[3]T)(y))
	case 4:
		return s.errorSumSq4(tol, h, e, terms, (*[4]T)(x), (*[4]T)(y))
	}
	n := len(x)
	if n == 0 || n > smallDim {
		return 0
	}
	y = y[:n]
	k := &s.k
	var sum float64
	for j, xj := range x {
		w := h / tol.scale(float64(xj), float64(y[j]))
		var v float64
		if terms == 7 {
			v = e[0]*float64(k[0][j]) + e[1]*float64(k[1][j]) + e[2]*float64(k[2][j]) +
				e[3]*float64(k[3][j]) + e[4]*float64(k[4][j]) + e[5]*float64(k[5][j]) + e[6]*float64(k[6][j])
		} else {
			for l, el := range e[:terms] {
				v += el * float64(k[l][j])
			}
		}
		v *= w
		sum += v * v
	}
	return sum * (1 / float64(n))
}

// scale is sc of a component that goes from x to y, without AbsVec.
func (tol *Tol) scale(x, y float64) float64 {
	return tol.Abs + tol.Rel*larger(math.Abs(x), math.Abs(y))
}

// larger is the maximum of two numbers >= 0, NaN if one of them is: the order of
// such floats is that of their bits, whose maximum is one instruction.
func larger(a, b float64) float64 {
	return math.Float64frombits(max(math.Float64bits(a), math.Float64bits(b)))
}

// smallErrorNorm is errorNorm in a few dimensions.
func smallErrorNorm[T Float](tol *Tol, h float64, e []T, k [][]T, x, y []T) float64 {
	n := len(x)
	if n == 0 {
		return 0
	}
	k, y = k[:len(e)], y[:n]
	var sum float64
	for j, xj := range x {
		var v float64
		for l, kl := range k {
			v += float64(e[l]) * float64(kl[j])
		}
		v /= tol.scale(float64(xj), float64(y[j]))
		sum += v * v
	}
	return math.Abs(h) * math.Sqrt(sum*(1/float64(n)))
}
