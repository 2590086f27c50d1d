package game

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/gradflow/gradflow/flow/kernel"
)

// GridParts is the decomposition l_i = P_i + V_i + N_i of the losses of a game that is
// sampled on a grid. All tensors are row-major, the last axis fastest.
type GridParts struct {
	// Phi is the scalar potential φ, with mean 0.
	Phi []float64
	// Scalar is P, φ without its mean over player i's own axes: D_i P_i = D_i φ.
	Scalar [][]float64
	// Vector is V, whose field (D_1 V_1, ...) has divergence 0 on the grid.
	Vector [][]float64
	// NonStrategic is N, the mean of l_i over player i's own axes.
	NonStrategic [][]float64
	// Energy holds the mean squares of the fields of l, P and V.
	Energy GridEnergies
	// Share is Energy.Scalar/Energy.Total; it is NaN, and Undefined is set, if the
	// total energy is 0.
	Share     float64
	Undefined bool
}

// GridEnergies are mean squares of the individual gradient fields of a game (Total)
// and of its parts. Total is the sum of the others, and of the energy of the mean of
// the field on a torus.
type GridEnergies struct{ Total, Scalar, Vector float64 }

// FieldParts is the decomposition ξ = ∇φ + Y + mean of a vector field that is sampled
// on a grid, one tensor for each of its components.
type FieldParts struct {
	// Phi is the scalar potential φ; on a torus its mean is 0.
	Phi []float64
	// Gradient is ∇φ and Rotation is Y, with divergence 0 and orthogonal to ∇φ.
	Gradient, Rotation [][]float64
	// Mean is the mean of ξ, the harmonic part on a torus; nil in free space, where
	// there is none.
	Mean []float64
	// Energy and Share are as in GridParts: mean squares on a torus, integrals over
	// R^n in free space.
	Energy    GridEnergies
	Share     float64
	Undefined bool
}

// share is scalar/total with its flag.
func (e GridEnergies) share() (share float64, undefined bool) {
	if e.Total == 0 {
		return math.NaN(), true
	}
	return e.Scalar / e.Total, false
}

// grid is what the grids of all domains have in common.
type grid struct {
	shape  []int
	n      int
	blocks []int     // axes of the players
	h      []float64 // spacing
}

// newGrid checks a grid of some extent in every axis, called what.
func newGrid(shape []int, what string, extent []float64, blocks []int) (*grid, error) {
	n, err := profilesOf(shape)
	if err != nil {
		return nil, err
	}
	if len(extent) != len(shape) {
		return nil, fmt.Errorf("game: grid: %d values of %s, want one for each of the %d axes: %w", len(extent), what, len(shape), ErrShape)
	}
	for k, v := range extent {
		if !(v > 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("game: grid: %s[%d] = %v, want a finite number > 0: %w", what, k, v, ErrArgument)
		}
	}
	axes, err := checkBlocks(blocks)
	if err != nil {
		return nil, err
	}
	if axes != len(shape) {
		return nil, fmt.Errorf("game: grid: blocks %v sum to %d, want the number of axes, %d: %w", blocks, axes, len(shape), ErrShape)
	}
	return &grid{shape: slices.Clone(shape), n: n, blocks: slices.Clone(blocks), h: slices.Clone(extent)}, nil
}

// inner is the number of elements of a step along an axis.
func (g *grid) inner(axis int) int {
	step := 1
	for _, n := range g.shape[axis+1:] {
		step *= n
	}
	return step
}

// each calls f for every point, or mode, with its indices along the axes.
func (g *grid) each(f func(at int, index []int)) {
	index := make([]int, len(g.shape))
	for at := range g.n {
		f(at, index)
		for k := len(index) - 1; k >= 0; k-- {
			if index[k]++; index[k] < g.shape[k] {
				break
			}
			index[k] = 0
		}
	}
}

// check says whether there are count finite tensors.
func (g *grid) check(name string, x [][]float64, count int) error {
	if len(x) != count {
		return fmt.Errorf("game: grid: %d tensors of %s, want %d: %w", len(x), name, count, ErrShape)
	}
	for i, v := range x {
		if len(v) != g.n {
			return fmt.Errorf("game: grid: %s[%d] has length %d, want %d, the points of shape %v: %w", name, i, len(v), g.n, g.shape, ErrShape)
		}
		if !kernel.AllFinite(v) {
			return fmt.Errorf("game: grid: %s[%d] holds a NaN or an infinity, want finite numbers: %w", name, i, ErrNotFinite)
		}
	}
	return nil
}

// parts forms the components of the losses from φ.
func (g *grid) parts(phi []float64, losses [][]float64) *GridParts {
	p := &GridParts{Phi: phi, Scalar: g.tensors(len(losses)), Vector: g.tensors(len(losses)), NonStrategic: g.tensors(len(losses))}
	// To a player, own axes are one axis.
	var shape []int
	axis := 0
	for _, d := range g.blocks {
		h := 1
		for _, n := range g.shape[axis : axis+d] {
			h *= n
		}
		shape, axis = append(shape, h), axis+d
	}
	a, err := newAnova(shape, 1, nil)
	if err != nil {
		panic(err) // the shape was checked
	}
	meanL, meanPhi := make([]float64, min(longRow, g.n)), make([]float64, min(longRow, g.n))
	for i, l := range losses {
		a.pieces(i, func(at, _, width int) {
			meanL, meanPhi := meanL[:width], meanPhi[:width]
			a.meanOf(meanL, l, i, at)
			a.meanOf(meanPhi, phi, i, at)
			for range shape[i] {
				to := at + width
				copy(p.NonStrategic[i][at:to], meanL)
				s, v := p.Scalar[i][at:to], p.Vector[i][at:to]
				kernel.SubTo(s, phi[at:to], meanPhi)
				kernel.SubTo(v, l[at:to], meanL)
				kernel.SubTo(v, v, s)
				at += a.inner[i]
			}
		})
	}
	return p
}

func (g *grid) tensors(count int) [][]float64 {
	all, x := make([]float64, count*g.n), make([][]float64, count)
	for i := range x {
		x[i] = all[i*g.n : (i+1)*g.n]
	}
	return x
}

// bunch is the number of lines along an axis that are fetched together, so that whole
// cache lines are read.
const bunch = 8

// transformLines replaces every line of length n along the axis with step inner by its
// transform. plan makes a transform in place, one for each goroutine.
func transformLines[E float64 | complex128](x []E, n, inner int, plan func() func(line []E)) {
	if n == 1 {
		return
	}
	groups := (inner + bunch - 1) / bunch // of a block of n*inner elements
	jobs := len(x) / (n * inner) * groups
	workers := min(runtime.GOMAXPROCS(0), jobs, 1+len(x)>>14)
	var wait sync.WaitGroup
	for w := range workers {
		run := func() {
			transform, buf := plan(), make([]E, bunch*n)
			for job := w; job < jobs; job += workers {
				block, j := x[job/groups*n*inner:(job/groups+1)*n*inner], job%groups*bunch
				transformBunch(block, buf, n, inner, j, min(bunch, inner-j), transform)
			}
		}
		if w == workers-1 {
			run()
			break
		}
		wait.Add(1)
		go func() {
			defer wait.Done()
			run()
		}()
	}
	wait.Wait()
}

// transformBunch transforms the lines j to j+width-1 of a block.
func transformBunch[E float64 | complex128](block, buf []E, n, inner, j, width int, transform func(line []E)) {
	if inner == 1 {
		transform(block)
		return
	}
	for k := range n {
		for l, v := range block[k*inner+j : k*inner+j+width] {
			buf[l*n+k] = v
		}
	}
	for l := range width {
		transform(buf[l*n : (l+1)*n])
	}
	for k := range n {
		row := block[k*inner+j : k*inner+j+width]
		for l := range row {
			row[l] = buf[l*n+k]
		}
	}
}
