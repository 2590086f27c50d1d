package game

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

// FiniteOptions are the inner products of the decomposition of finite games.
type FiniteOptions struct {
	// Weights are the weights c_m > 0 of the players. If it is nil, they are the
	// numbers of actions h_m, as in Candogan et al.
	Weights []float64
	// Measures are the reference measures μ_m of the players, positive and summing
	// to 1 (to 1e-12). If it is nil, they are uniform, as in Candogan et al.
	Measures [][]float64
}

// anova is the analysis of variance of tensors over the profiles of a game. A tensor
// may hold the values of several games beside one another, lanes for each profile.
//
// Along the axis of player m a fibre x_0, ..., x_{h-1} is replaced by its mean under
// μ_m and h-1 contrasts that are orthogonal under μ_m, each the difference of x_k
// from the mean of those before it:
//
//	y_k = x_k - x̄_k,  x̄_{k+1} = x̄_k + r_k y_k,  r_k = μ_k/(μ_0 + ... + μ_k).
//
// After all axes, element (a_1, ..., a_M) belongs to the component u^T of the subset
// T = {m : a_m > 0} of players, and E_m, I - E_m and all operators built from them
// act as numbers. That is the recursion into mean and centred part, in place: 2 n M
// operations for n profiles.
type anova struct {
	shape   []int
	lanes   int
	n       int         // elements of a tensor, lanes included
	inner   []int       // elements of one step along the axis of player m
	c       []float64   // weights
	r       [][]float64 // r_k of player m
	mu      [][]float64 // nil: all uniform
	uniform bool
}

func newAnova(shape []int, lanes int, o *FiniteOptions) (*anova, error) {
	n, err := profilesOf(shape)
	if err != nil {
		return nil, err
	}
	if o == nil {
		o = &FiniteOptions{}
	}
	if err := o.check(shape); err != nil {
		return nil, err
	}
	a := &anova{shape: slices.Clone(shape), lanes: lanes, n: n * lanes, inner: make([]int, len(shape)), r: make([][]float64, len(shape)), uniform: o.Measures == nil}
	step := lanes
	for m := len(shape) - 1; m >= 0; m-- {
		a.inner[m] = step
		step *= shape[m]
	}
	a.c = slices.Clone(o.Weights)
	if o.Weights == nil {
		for _, h := range shape {
			a.c = append(a.c, float64(h))
		}
	}
	for m, h := range shape {
		a.r[m] = make([]float64, h)
		if a.uniform {
			for k := range a.r[m] {
				a.r[m][k] = 1 / float64(k+1)
			}
			continue
		}
		a.mu = append(a.mu, slices.Clone(o.Measures[m]))
		w := 0.0
		for k, p := range o.Measures[m] {
			w += p
			a.r[m][k] = p / w
		}
	}
	return a, nil
}

func (o *FiniteOptions) check(shape []int) error {
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 1) }
	return checkFiniteOptions(shape, o.Weights, o.Measures, positive, func(mu []float64) (any, bool) {
		s := kernel.Sum(mu)
		return s, math.Abs(s-1) <= 1e-12
	})
}

// checkFiniteOptions checks weights and reference measures of numbers of any kind. total
// returns the sum of a measure and whether it is 1.
func checkFiniteOptions[T any](shape []int, weights []T, measures [][]T, positive func(v T) bool, total func(mu []T) (any, bool)) error {
	if weights != nil && len(weights) != len(shape) {
		return fmt.Errorf("game: %d weights, want one for each of the %d players: %w", len(weights), len(shape), ErrShape)
	}
	for m, c := range weights {
		if !positive(c) {
			return fmt.Errorf("game: weight %d is %v, want a finite number > 0: %w", m, c, ErrArgument)
		}
	}
	if measures != nil && len(measures) != len(shape) {
		return fmt.Errorf("game: %d reference measures, want one for each of the %d players: %w", len(measures), len(shape), ErrShape)
	}
	for m, mu := range measures {
		if len(mu) != shape[m] {
			return fmt.Errorf("game: reference measure %d has length %d, want the number of actions, %d: %w", m, len(mu), shape[m], ErrShape)
		}
		for a, p := range mu {
			if !positive(p) {
				return fmt.Errorf("game: reference measure %d gives action %d the probability %v, want a number > 0: %w", m, a, p, ErrArgument)
			}
		}
		if s, one := total(mu); !one {
			return fmt.Errorf("game: reference measure %d sums to %v, want 1 (floating-point numbers to 1e-12): %w", m, s, ErrArgument)
		}
	}
	return nil
}

// shortRow is the length of a row below which a call of a kernel costs more than a
// loop, longRow that above which rows are treated in pieces, which stay in the cache.
const (
	shortRow = 16
	longRow  = 1024
)

// pieces calls f for the pieces of all bundles of fibres along the axis of player m:
// the fibres from place at, width of them beside one another, whose means are at place
// mean of a tensor without that axis.
func (a *anova) pieces(m int, f func(at, mean, width int)) {
	h, inner := a.shape[m], a.inner[m]
	for at, mean := 0, 0; at < a.n; at += h * inner {
		for j := 0; j < inner; j += longRow {
			f(at+j, mean+j, min(longRow, inner-j))
		}
		mean += inner
	}
}

// forward replaces fibres by means and contrasts, along all axes.
func (a *anova) forward(x []float64) {
	for m := range a.shape {
		a.pieces(m, func(at, _, width int) { a.split(x, m, at, width) })
	}
}

// split is forward for fibres along the axis of player m.
func (a *anova) split(x []float64, m, at, width int) {
	mean := x[at : at+width]
	for k := 1; k < a.shape[m]; k++ {
		at += a.inner[m]
		row, rk := x[at:at+width], a.r[m][k]
		if width >= shortRow {
			kernel.SubTo(row, row, mean)
			kernel.Axpy(rk, row, mean)
			continue
		}
		for j, v := range mean {
			y := row[j] - v
			row[j], mean[j] = y, v+rk*y
		}
	}
}

// backward undoes forward.
func (a *anova) backward(x []float64) {
	for m := range a.shape {
		a.pieces(m, func(at, _, width int) { a.join(x, m, at, width) })
	}
}

// join undoes split.
func (a *anova) join(x []float64, m, at, width int) {
	mean, inner := x[at:at+width], a.inner[m]
	for k := a.shape[m] - 1; k > 0; k-- {
		row, rk := x[at+k*inner:at+k*inner+width], a.r[m][k]
		if width >= shortRow {
			kernel.Axpy(-rk, row, mean)
			kernel.AddTo(row, row, mean)
			continue
		}
		for j, y := range row {
			v := mean[j] - rk*y
			row[j], mean[j] = y+v, v
		}
	}
}

// divide divides the component of every subset T by Σ_{m in T} c_m and sets that of
// the empty set to 0: the pseudo-inverse of Δ = Σ_m c_m (I - E_m).
func (a *anova) divide(x []float64) {
	clear(x[:a.lanes])
	a.divideFrom(x, 0, 0)
}

// divideFrom divides the block of the actions of the players before m, which make
// their part of the sum equal to c.
func (a *anova) divideFrom(x []float64, m int, c float64) {
	if m == len(a.shape) {
		if c > 0 {
			for j := range x {
				x[j] /= c
			}
		}
		return
	}
	inner := a.inner[m]
	if m == len(a.shape)-1 && a.lanes == 1 {
		if c > 0 {
			x[0] /= c
		}
		for j := range x[1:] {
			x[1+j] /= c + a.c[m]
		}
		return
	}
	a.divideFrom(x[:inner], m+1, c)
	for k := 1; k < a.shape[m]; k++ {
		a.divideFrom(x[k*inner:(k+1)*inner], m+1, c+a.c[m])
	}
}

// meanOf stores in dst the means of the fibres from place at, len(dst) beside one
// another. The mean of equal values is that value, without rounding.
func (a *anova) meanOf(dst, x []float64, m, at int) {
	copy(dst, x[at:])
	for k := 1; k < a.shape[m]; k++ {
		at += a.inner[m]
		row, rk := x[at:at+len(dst)], a.r[m][k]
		for j, v := range dst {
			dst[j] = v + rk*(row[j]-v)
		}
	}
}

// addCentred adds c_m (I - E_m)x to dst. mean is scratch of length longRow.
func (a *anova) addCentred(dst, x, mean []float64, m int) {
	c := a.c[m]
	a.pieces(m, func(at, _, width int) {
		mean := mean[:width]
		a.meanOf(mean, x, m, at)
		if a.inner[m] == 1 {
			v, to := mean[0], dst[at:at+a.shape[m]]
			for k, u := range x[at : at+len(to)] {
				to[k] += c * (u - v)
			}
			return
		}
		for range a.shape[m] {
			row, to := x[at:at+width], dst[at:at+width]
			for j, v := range mean {
				to[j] += c * (row[j] - v)
			}
			at += a.inner[m]
		}
	})
}

// potential stores φ = Δ⁺ Σ_m c_m (I - E_m)u_m in phi. mean is scratch of length
// longRow.
func (a *anova) potential(phi, mean []float64, u [][]float64) {
	clear(phi)
	for m := range u {
		a.addCentred(phi, u[m], mean, m)
	}
	a.forward(phi)
	a.divide(phi)
	a.backward(phi)
}
