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
	if o.Weights != nil && len(o.Weights) != len(shape) {
		return fmt.Errorf("game: %d weights, want one for each of the %d players: %w", len(o.Weights), len(shape), ErrShape)
	}
	for m, c := range o.Weights {
		if !(c > 0) || math.IsInf(c, 1) {
			return fmt.Errorf("game: weight %d is %v, want a finite number > 0: %w", m, c, ErrArgument)
		}
	}
	if o.Measures == nil {
		return nil
	}
	if len(o.Measures) != len(shape) {
		return fmt.Errorf("game: %d reference measures, want one for each of the %d players: %w", len(o.Measures), len(shape), ErrShape)
	}
	for m, mu := range o.Measures {
		if len(mu) != shape[m] {
			return fmt.Errorf("game: reference measure %d has length %d, want the number of actions, %d: %w", m, len(mu), shape[m], ErrShape)
		}
		for a, p := range mu {
			if !(p > 0) || math.IsInf(p, 1) {
				return fmt.Errorf("game: reference measure %d gives action %d the probability %v, want a number > 0: %w", m, a, p, ErrArgument)
			}
		}
		if s := kernel.Sum(mu); math.Abs(s-1) > 1e-12 {
			return fmt.Errorf("game: reference measure %d sums to %v, want 1 (to 1e-12): %w", m, s, ErrArgument)
		}
	}
	return nil
}

// shortRow is the length of a row below which a call of a kernel costs more than a
// loop.
const shortRow = 16

// forward replaces fibres by means and contrasts, along all axes.
func (a *anova) forward(x []float64) {
	for m := range a.shape {
		a.split(x, m)
	}
}

// split is forward along the axis of player m.
func (a *anova) split(x []float64, m int) {
	h, inner, r := a.shape[m], a.inner[m], a.r[m]
	for ; len(x) > 0; x = x[h*inner:] {
		mean := x[:inner]
		for k := 1; k < h; k++ {
			row, rk := x[k*inner:(k+1)*inner], r[k]
			if inner >= shortRow {
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
}

// backward undoes forward.
func (a *anova) backward(x []float64) {
	for m := range a.shape {
		a.join(x, m)
	}
}

// join undoes split.
func (a *anova) join(x []float64, m int) {
	h, inner, r := a.shape[m], a.inner[m], a.r[m]
	for ; len(x) > 0; x = x[h*inner:] {
		mean := x[:inner]
		for k := h - 1; k > 0; k-- {
			row, rk := x[k*inner:(k+1)*inner], r[k]
			if inner >= shortRow {
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

// mean stores E_m x, without the axis of m, in dst. The mean of equal values is that
// value, without rounding.
func (a *anova) mean(dst, x []float64, m int) {
	h, inner, r := a.shape[m], a.inner[m], a.r[m]
	for ; len(x) > 0; x, dst = x[h*inner:], dst[inner:] {
		mean := dst[:inner]
		if inner == 1 {
			v := x[0]
			for k := 1; k < h; k++ {
				v += r[k] * (x[k] - v)
			}
			mean[0] = v
			continue
		}
		copy(mean, x)
		for k := 1; k < h; k++ {
			rk, row := r[k], x[k*inner:(k+1)*inner]
			for j, v := range mean {
				mean[j] = v + rk*(row[j]-v)
			}
		}
	}
}

// centreTo stores (I - E_m)x = x - mean in dst, which may be x.
func (a *anova) centreTo(dst, x, mean []float64, m int) {
	h, inner := a.shape[m], a.inner[m]
	for ; len(x) > 0; mean = mean[inner:] {
		for range h {
			row, to := x[:inner], dst[:inner]
			for j, v := range mean[:inner] {
				to[j] = row[j] - v
			}
			x, dst = x[inner:], dst[inner:]
		}
	}
}

// addCentred adds c (I - E_m)x = c (x - mean) to dst.
func (a *anova) addCentred(dst []float64, c float64, x, mean []float64, m int) {
	h, inner := a.shape[m], a.inner[m]
	for ; len(x) > 0; mean = mean[inner:] {
		for range h {
			row, to := x[:inner], dst[:inner]
			for j, v := range mean[:inner] {
				to[j] += c * (row[j] - v)
			}
			x, dst = x[inner:], dst[inner:]
		}
	}
}

// spread stores in dst the tensor that has the given means and does not depend on
// the action of m.
func (a *anova) spread(dst, mean []float64, m int) {
	h, inner := a.shape[m], a.inner[m]
	for ; len(dst) > 0; mean = mean[inner:] {
		for range h {
			copy(dst, mean[:inner])
			dst = dst[inner:]
		}
	}
}

// means is the length of a tensor without the axis of m.
func (a *anova) means(m int) int { return a.n / a.shape[m] }
