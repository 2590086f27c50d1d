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

// stages computes the stages 1 to end-1 and the result, which it stores in next.
func (s *smallSystem[T]) stages(next, x []T, t, h float64) {
	if len(x) == 2 {
		s.planarStages((*[2]T)(next), (*[2]T)(x), t, h)
		return
	}
	s.loopStages(next, x, t, h)
}

// loopStages is stages in up to smallDim dimensions. Every sum is written out,
// since a loop over its terms would cost more than the terms. The newest stage is
// added last: the processor has the rest by the time f is known.
func (s *smallSystem[T]) loopStages(next, x []T, t, h float64) {
	n := len(x)
	if n > smallDim {
		panic("flow: system is not small")
	}
	k, a, c, u, hT := &s.k, &s.a, &s.c, s.u[:n], T(h)
	if s.end == 1 {
		u = next[:n]
	}
	for j, v := range x {
		u[j] = v + hT*T(a[1][0])*k[0][j]
	}
	if s.end == 1 {
		return
	}
	s.eval(k[1][:n:n], u, t+c[1]*h)
	if s.end == 2 {
		u = next[:n]
	}
	z := hT * T(a[2][1])
	for j, v := range x {
		u[j] = v + hT*T(a[2][0])*k[0][j] + z*k[1][j]
	}
	if s.end == 2 {
		return
	}
	s.eval(k[2][:n:n], u, t+c[2]*h)
	if s.end == 3 {
		u = next[:n]
	}
	z = hT * T(a[3][2])
	for j, v := range x {
		u[j] = v + hT*(T(a[3][0])*k[0][j]+T(a[3][1])*k[1][j]) + z*k[2][j]
	}
	if s.end == 3 {
		return
	}
	s.eval(k[3][:n:n], u, t+c[3]*h)
	if s.end == 4 {
		u = next[:n]
	}
	z = hT * T(a[4][3])
	for j, v := range x {
		u[j] = v + hT*(T(a[4][0])*k[0][j]+T(a[4][1])*k[1][j]+T(a[4][2])*k[2][j]) + z*k[3][j]
	}
	if s.end == 4 {
		return
	}
	s.eval(k[4][:n:n], u, t+c[4]*h)
	if s.end == 5 {
		u = next[:n]
	}
	z = hT * T(a[5][4])
	for j, v := range x {
		u[j] = v + hT*(T(a[5][0])*k[0][j]+T(a[5][1])*k[1][j]+T(a[5][2])*k[2][j]+T(a[5][3])*k[3][j]) + z*k[4][j]
	}
	if s.end == 5 {
		return
	}
	s.eval(k[5][:n:n], u, t+c[5]*h)
	if s.end == 6 {
		u = next[:n]
	}
	z = hT * T(a[6][5])
	for j, v := range x {
		u[j] = v + hT*(T(a[6][0])*k[0][j]+T(a[6][1])*k[1][j]+T(a[6][2])*k[2][j]+T(a[6][3])*k[3][j]+T(a[6][4])*k[4][j]) + z*k[5][j]
	}
	if s.end == 6 {
		return
	}
	s.eval(k[6][:n:n], u, t+c[6]*h)
	if s.end == 7 {
		u = next[:n]
	}
	z = hT * T(a[7][6])
	for j, v := range x {
		u[j] = v + hT*(T(a[7][0])*k[0][j]+T(a[7][1])*k[1][j]+T(a[7][2])*k[2][j]+T(a[7][3])*k[3][j]+T(a[7][4])*k[4][j]+T(a[7][5])*k[5][j]) + z*k[6][j]
	}
	if s.end == 7 {
		return
	}
	s.eval(k[7][:n:n], u, t+c[7]*h)
	if s.end == 8 {
		u = next[:n]
	}
	z = hT * T(a[8][7])
	for j, v := range x {
		u[j] = v + hT*(T(a[8][0])*k[0][j]+T(a[8][1])*k[1][j]+T(a[8][2])*k[2][j]+T(a[8][3])*k[3][j]+T(a[8][4])*k[4][j]+T(a[8][5])*k[5][j]+T(a[8][6])*k[6][j]) + z*k[7][j]
	}
	if s.end == 8 {
		return
	}
	s.eval(k[8][:n:n], u, t+c[8]*h)
	if s.end == 9 {
		u = next[:n]
	}
	z = hT * T(a[9][8])
	for j, v := range x {
		u[j] = v + hT*(T(a[9][0])*k[0][j]+T(a[9][1])*k[1][j]+T(a[9][2])*k[2][j]+T(a[9][3])*k[3][j]+T(a[9][4])*k[4][j]+T(a[9][5])*k[5][j]+T(a[9][6])*k[6][j]+T(a[9][7])*k[7][j]) + z*k[8][j]
	}
	if s.end == 9 {
		return
	}
	s.eval(k[9][:n:n], u, t+c[9]*h)
	if s.end == 10 {
		u = next[:n]
	}
	z = hT * T(a[10][9])
	for j, v := range x {
		u[j] = v + hT*(T(a[10][0])*k[0][j]+T(a[10][1])*k[1][j]+T(a[10][2])*k[2][j]+T(a[10][3])*k[3][j]+T(a[10][4])*k[4][j]+T(a[10][5])*k[5][j]+T(a[10][6])*k[6][j]+T(a[10][7])*k[7][j]+T(a[10][8])*k[8][j]) + z*k[9][j]
	}
	if s.end == 10 {
		return
	}
	s.eval(k[10][:n:n], u, t+c[10]*h)
	if s.end == 11 {
		u = next[:n]
	}
	z = hT * T(a[11][10])
	for j, v := range x {
		u[j] = v + hT*(T(a[11][0])*k[0][j]+T(a[11][1])*k[1][j]+T(a[11][2])*k[2][j]+T(a[11][3])*k[3][j]+T(a[11][4])*k[4][j]+T(a[11][5])*k[5][j]+T(a[11][6])*k[6][j]+T(a[11][7])*k[7][j]+T(a[11][8])*k[8][j]+T(a[11][9])*k[9][j]) + z*k[10][j]
	}
	if s.end == 11 {
		return
	}
	s.eval(k[11][:n:n], u, t+c[11]*h)
	if s.end == 12 {
		u = next[:n]
	}
	z = hT * T(a[12][11])
	for j, v := range x {
		u[j] = v + hT*(T(a[12][0])*k[0][j]+T(a[12][1])*k[1][j]+T(a[12][2])*k[2][j]+T(a[12][3])*k[3][j]+T(a[12][4])*k[4][j]+T(a[12][5])*k[5][j]+T(a[12][6])*k[6][j]+T(a[12][7])*k[7][j]+T(a[12][8])*k[8][j]+T(a[12][9])*k[9][j]+T(a[12][10])*k[10][j]) + z*k[11][j]
	}
}

// planarStages is loopStages in two dimensions.
func (s *smallSystem[T]) planarStages(next, x *[2]T, t, h float64) {
	k, a, c, u, hT := &s.k, &s.a, &s.c, s.u[:2:2], T(h)
	if s.end == 1 {
		u = next[:]
	}
	u[0] = x[0] + hT*T(a[1][0])*k[0][0]
	u[1] = x[1] + hT*T(a[1][0])*k[0][1]
	if s.end == 1 {
		return
	}
	s.eval(k[1][:2:2], u, t+c[1]*h)
	if s.end == 2 {
		u = next[:]
	}
	z := hT * T(a[2][1])
	u[0] = x[0] + hT*T(a[2][0])*k[0][0] + z*k[1][0]
	u[1] = x[1] + hT*T(a[2][0])*k[0][1] + z*k[1][1]
	if s.end == 2 {
		return
	}
	s.eval(k[2][:2:2], u, t+c[2]*h)
	if s.end == 3 {
		u = next[:]
	}
	z = hT * T(a[3][2])
	u[0] = x[0] + hT*(T(a[3][0])*k[0][0]+T(a[3][1])*k[1][0]) + z*k[2][0]
	u[1] = x[1] + hT*(T(a[3][0])*k[0][1]+T(a[3][1])*k[1][1]) + z*k[2][1]
	if s.end == 3 {
		return
	}
	s.eval(k[3][:2:2], u, t+c[3]*h)
	if s.end == 4 {
		u = next[:]
	}
	z = hT * T(a[4][3])
	u[0] = x[0] + hT*(T(a[4][0])*k[0][0]+T(a[4][1])*k[1][0]+T(a[4][2])*k[2][0]) + z*k[3][0]
	u[1] = x[1] + hT*(T(a[4][0])*k[0][1]+T(a[4][1])*k[1][1]+T(a[4][2])*k[2][1]) + z*k[3][1]
	if s.end == 4 {
		return
	}
	s.eval(k[4][:2:2], u, t+c[4]*h)
	if s.end == 5 {
		u = next[:]
	}
	z = hT * T(a[5][4])
	u[0] = x[0] + hT*(T(a[5][0])*k[0][0]+T(a[5][1])*k[1][0]+T(a[5][2])*k[2][0]+T(a[5][3])*k[3][0]) + z*k[4][0]
	u[1] = x[1] + hT*(T(a[5][0])*k[0][1]+T(a[5][1])*k[1][1]+T(a[5][2])*k[2][1]+T(a[5][3])*k[3][1]) + z*k[4][1]
	if s.end == 5 {
		return
	}
	s.eval(k[5][:2:2], u, t+c[5]*h)
	if s.end == 6 {
		u = next[:]
	}
	z = hT * T(a[6][5])
	u[0] = x[0] + hT*(T(a[6][0])*k[0][0]+T(a[6][1])*k[1][0]+T(a[6][2])*k[2][0]+T(a[6][3])*k[3][0]+T(a[6][4])*k[4][0]) + z*k[5][0]
	u[1] = x[1] + hT*(T(a[6][0])*k[0][1]+T(a[6][1])*k[1][1]+T(a[6][2])*k[2][1]+T(a[6][3])*k[3][1]+T(a[6][4])*k[4][1]) + z*k[5][1]
	if s.end == 6 {
		return
	}
	s.eval(k[6][:2:2], u, t+c[6]*h)
	if s.end == 7 {
		u = next[:]
	}
	z = hT * T(a[7][6])
	u[0] = x[0] + hT*(T(a[7][0])*k[0][0]+T(a[7][1])*k[1][0]+T(a[7][2])*k[2][0]+T(a[7][3])*k[3][0]+T(a[7][4])*k[4][0]+T(a[7][5])*k[5][0]) + z*k[6][0]
	u[1] = x[1] + hT*(T(a[7][0])*k[0][1]+T(a[7][1])*k[1][1]+T(a[7][2])*k[2][1]+T(a[7][3])*k[3][1]+T(a[7][4])*k[4][1]+T(a[7][5])*k[5][1]) + z*k[6][1]
	if s.end == 7 {
		return
	}
	s.eval(k[7][:2:2], u, t+c[7]*h)
	if s.end == 8 {
		u = next[:]
	}
	z = hT * T(a[8][7])
	u[0] = x[0] + hT*(T(a[8][0])*k[0][0]+T(a[8][1])*k[1][0]+T(a[8][2])*k[2][0]+T(a[8][3])*k[3][0]+T(a[8][4])*k[4][0]+T(a[8][5])*k[5][0]+T(a[8][6])*k[6][0]) + z*k[7][0]
	u[1] = x[1] + hT*(T(a[8][0])*k[0][1]+T(a[8][1])*k[1][1]+T(a[8][2])*k[2][1]+T(a[8][3])*k[3][1]+T(a[8][4])*k[4][1]+T(a[8][5])*k[5][1]+T(a[8][6])*k[6][1]) + z*k[7][1]
	if s.end == 8 {
		return
	}
	s.eval(k[8][:2:2], u, t+c[8]*h)
	if s.end == 9 {
		u = next[:]
	}
	z = hT * T(a[9][8])
	u[0] = x[0] + hT*(T(a[9][0])*k[0][0]+T(a[9][1])*k[1][0]+T(a[9][2])*k[2][0]+T(a[9][3])*k[3][0]+T(a[9][4])*k[4][0]+T(a[9][5])*k[5][0]+T(a[9][6])*k[6][0]+T(a[9][7])*k[7][0]) + z*k[8][0]
	u[1] = x[1] + hT*(T(a[9][0])*k[0][1]+T(a[9][1])*k[1][1]+T(a[9][2])*k[2][1]+T(a[9][3])*k[3][1]+T(a[9][4])*k[4][1]+T(a[9][5])*k[5][1]+T(a[9][6])*k[6][1]+T(a[9][7])*k[7][1]) + z*k[8][1]
	if s.end == 9 {
		return
	}
	s.eval(k[9][:2:2], u, t+c[9]*h)
	if s.end == 10 {
		u = next[:]
	}
	z = hT * T(a[10][9])
	u[0] = x[0] + hT*(T(a[10][0])*k[0][0]+T(a[10][1])*k[1][0]+T(a[10][2])*k[2][0]+T(a[10][3])*k[3][0]+T(a[10][4])*k[4][0]+T(a[10][5])*k[5][0]+T(a[10][6])*k[6][0]+T(a[10][7])*k[7][0]+T(a[10][8])*k[8][0]) + z*k[9][0]
	u[1] = x[1] + hT*(T(a[10][0])*k[0][1]+T(a[10][1])*k[1][1]+T(a[10][2])*k[2][1]+T(a[10][3])*k[3][1]+T(a[10][4])*k[4][1]+T(a[10][5])*k[5][1]+T(a[10][6])*k[6][1]+T(a[10][7])*k[7][1]+T(a[10][8])*k[8][1]) + z*k[9][1]
	if s.end == 10 {
		return
	}
	s.eval(k[10][:2:2], u, t+c[10]*h)
	if s.end == 11 {
		u = next[:]
	}
	z = hT * T(a[11][10])
	u[0] = x[0] + hT*(T(a[11][0])*k[0][0]+T(a[11][1])*k[1][0]+T(a[11][2])*k[2][0]+T(a[11][3])*k[3][0]+T(a[11][4])*k[4][0]+T(a[11][5])*k[5][0]+T(a[11][6])*k[6][0]+T(a[11][7])*k[7][0]+T(a[11][8])*k[8][0]+T(a[11][9])*k[9][0]) + z*k[10][0]
	u[1] = x[1] + hT*(T(a[11][0])*k[0][1]+T(a[11][1])*k[1][1]+T(a[11][2])*k[2][1]+T(a[11][3])*k[3][1]+T(a[11][4])*k[4][1]+T(a[11][5])*k[5][1]+T(a[11][6])*k[6][1]+T(a[11][7])*k[7][1]+T(a[11][8])*k[8][1]+T(a[11][9])*k[9][1]) + z*k[10][1]
	if s.end == 11 {
		return
	}
	s.eval(k[11][:2:2], u, t+c[11]*h)
	if s.end == 12 {
		u = next[:]
	}
	z = hT * T(a[12][11])
	u[0] = x[0] + hT*(T(a[12][0])*k[0][0]+T(a[12][1])*k[1][0]+T(a[12][2])*k[2][0]+T(a[12][3])*k[3][0]+T(a[12][4])*k[4][0]+T(a[12][5])*k[5][0]+T(a[12][6])*k[6][0]+T(a[12][7])*k[7][0]+T(a[12][8])*k[8][0]+T(a[12][9])*k[9][0]+T(a[12][10])*k[10][0]) + z*k[11][0]
	u[1] = x[1] + hT*(T(a[12][0])*k[0][1]+T(a[12][1])*k[1][1]+T(a[12][2])*k[2][1]+T(a[12][3])*k[3][1]+T(a[12][4])*k[4][1]+T(a[12][5])*k[5][1]+T(a[12][6])*k[6][1]+T(a[12][7])*k[7][1]+T(a[12][8])*k[8][1]+T(a[12][9])*k[9][1]+T(a[12][10])*k[10][1]) + z*k[11][1]
}

// errorSumSq is ‖h Σ e_i k_i‖²_sc with the given number of terms.
func (s *smallSystem[T]) errorSumSq(tol *Tol, h float64, e *[smallStages + 1]float64, terms int, x, y []T) float64 {
	n := len(x)
	if n == 0 || n > smallDim {
		return 0
	}
	if n == 2 {
		return s.planarErrorSumSq(tol, h, e, terms, (*[2]T)(x), (*[2]T)(y))
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

// planarErrorSumSq is errorSumSq in two dimensions. The scales are known before the
// last f: it does not wait for the divisions.
func (s *smallSystem[T]) planarErrorSumSq(tol *Tol, h float64, e *[smallStages + 1]float64, terms int, x, y *[2]T) float64 {
	k := &s.k
	w0 := h / tol.scale(float64(x[0]), float64(y[0]))
	w1 := h / tol.scale(float64(x[1]), float64(y[1]))
	var v0, v1 float64
	for l, el := range e[:terms] {
		v0 += el * float64(k[l][0])
		v1 += el * float64(k[l][1])
	}
	v0 *= w0
	v1 *= w1
	return (v0*v0 + v1*v1) * 0.5
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
