package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// expected computes payoffs expected under mixed strategies. A mixed profile
// x = (x_1, ..., x_M) is stored as one slice, the probabilities of the players' actions
// one player after another.
type expected[T flow.Float] struct {
	shape   []int
	at      []int // start of player m's part of a profile, at[M] its length
	payoffs [][]T
	scratch [2][]T // partly contracted tensors
}

func newExpected[T flow.Float](f *Finite) *expected[T] {
	e := &expected[T]{shape: f.shape, at: make([]int, len(f.shape)+1), payoffs: make([][]T, len(f.shape))}
	for m, h := range f.shape {
		e.at[m+1] = e.at[m] + h
		e.payoffs[m] = converted[T](f.payoffs[m])
	}
	if len(f.shape) > 2 {
		e.scratch[0], e.scratch[1] = make([]T, f.profiles), make([]T, f.profiles)
	}
	return e
}

// converted returns x as []T, itself if T is float64.
func converted[T flow.Float](x []float64) []T {
	if same, ok := any(x).([]T); ok {
		return same
	}
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = T(v)
	}
	return y
}

// part is player m's part of a profile.
func (e *expected[T]) part(x []T, m int) []T { return x[e.at[m]:e.at[m+1]] }

// dim is the length of a profile.
func (e *expected[T]) dim() int { return e.at[len(e.shape)] }

// values stores v_m(a) = E u_m(a, x_-m) of all players in dst, laid out as a profile.
func (e *expected[T]) values(dst, x []T) {
	for m := range e.shape {
		e.value(e.part(dst, m), x, m)
	}
}

// value is values for one player.
func (e *expected[T]) value(dst, x []T, m int) {
	if len(e.shape) == 2 {
		if m == 0 {
			times(dst, e.payoffs[0], e.part(x, 1))
		} else {
			timesT(dst, e.payoffs[1], e.part(x, 0))
		}
		return
	}
	e.contract(dst, x, m, e.payoffs[m])
}

// contract sums the tensor u over the axes of all players except keep,
// with their strategies as weights. From the last axis on the rows are fibres; then
// from the first axis on the columns are.
func (e *expected[T]) contract(dst, x []T, keep int, u []T) {
	next := 0
	for m := len(e.shape) - 1; m > keep; m-- {
		to := e.scratch[next][:len(u)/e.shape[m]]
		if m == keep+1 && keep == 0 {
			to = dst
		}
		times(to, u, e.part(x, m))
		u, next = to, 1-next
	}
	for m := range keep {
		to := e.scratch[next][:len(u)/e.shape[m]]
		if m == keep-1 {
			to = dst
		}
		timesT(to, u, e.part(x, m))
		u, next = to, 1-next
	}
	if len(e.shape) == 1 {
		copy(dst, u)
	}
}

// smallMatrix is the number of elements below which a loop is faster than a kernel.
const smallMatrix = 64

// times stores A x in dst, A row-major with rows as long as x.
func times[T flow.Float](dst, a, x []T) {
	if len(a) >= smallMatrix {
		kernel.Gemv(dst, 1, kernel.MatrixOf(len(dst), len(x), a), x, 0)
		return
	}
	for i := range dst {
		row, s := a[:len(x)], T(0)
		for j, v := range x {
			s += row[j] * v
		}
		dst[i], a = s, a[len(x):]
	}
}

// timesT stores Aᵀx in dst, A row-major with rows as long as dst.
func timesT[T flow.Float](dst, a, x []T) {
	if len(a) >= smallMatrix {
		kernel.GemvT(dst, 1, kernel.MatrixOf(len(x), len(dst), a), x, 0)
		return
	}
	clear(dst)
	for _, v := range x {
		row := a[:len(dst)]
		for j, w := range row {
			dst[j] += w * v
		}
		a = a[len(dst):]
	}
}

// derivative stores in dst the derivative of values at x in the direction dx, with
// work and row as long as a profile.
func (e *expected[T]) derivative(dst, x, dx, work, row []T) {
	clear(dst)
	copy(work, x)
	for j := range e.shape {
		own := e.part(work, j)
		copy(own, e.part(dx, j))
		for m := range e.shape {
			if m != j {
				e.value(e.part(row, m), work, m)
				kernel.AddTo(e.part(dst, m), e.part(dst, m), e.part(row, m))
			}
		}
		copy(own, e.part(x, j))
	}
}

// checkProfile says whether x is a mixed profile: non-negative parts that sum to 1,
// to 1e-12 in float64 and 1e-6 in float32.
func checkProfile[T flow.Float](x []T, shape []int) error {
	if n := sum(shape); len(x) != n {
		return fmt.Errorf("game: profile of length %d, want %d, the actions of all players of shape %v: %w", len(x), n, shape, ErrShape)
	}
	tol := 1e-12
	if T(1)+T(1e-10) == 1 {
		tol = 1e-6
	}
	for m, h := range shape {
		s := 0.0
		for a, p := range x[:h] {
			switch v := float64(p); {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return fmt.Errorf("game: player %d plays action %d with probability %v, want a finite number: %w", m, a, v, ErrNotFinite)
			case v < 0:
				return fmt.Errorf("game: player %d plays action %d with probability %v, want a number >= 0: %w", m, a, v, ErrArgument)
			}
			s += float64(p)
		}
		if math.Abs(s-1) > tol {
			return fmt.Errorf("game: the strategy of player %d sums to %v, want 1 (to %g): %w", m, s, tol, ErrArgument)
		}
		x = x[h:]
	}
	return nil
}
