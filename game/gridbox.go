package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Box decomposes games on a box with walls: losses sampled at the centres of the cells
// of a grid. Differences live on the faces between cells, and nothing flows through the
// walls.
//
// The player Laplacians, Σ over own axes of the path-graph Laplacian, are diagonal in
// the discrete cosine transform (DCT-II) with L_i = Σ_k (2 - 2cos(πm_k/N_k))/h_k², so
// that
//
//	φ̂ = Σ_i L_i l̂_i / Σ_i L_i
//
// is the least squares solution, and both parts are exact: the vector part has discrete
// divergence 0, with no flux through the walls.
//
// A Box is safe for concurrent use.
type Box struct {
	*grid
	lambda [][]float64 // by axis and mode
}

// NewBox returns a decomposer for grids of the given shape and cell sizes h. blocks are
// the numbers of axes of the players, who own consecutive ones.
//
// Errors: ErrShape for blocks that do not sum to the number of axes and for wrong
// numbers of h, ErrArgument for an h that is not finite and positive, ErrTooLarge for
// more than 2^31 points.
func NewBox(shape []int, h []float64, blocks []int) (*Box, error) {
	g, err := newGrid(shape, "h", h, blocks)
	if err != nil {
		return nil, err
	}
	b := &Box{grid: g, lambda: make([][]float64, len(shape))}
	for k, n := range shape {
		for m := range n {
			s := 2 * math.Sin(math.Pi*float64(m)/float64(2*n)) / h[k]
			b.lambda[k] = append(b.lambda[k], s*s)
		}
	}
	return b, nil
}

// Decompose splits the losses, one tensor a player, into parts with an exact scalar and
// an exact vector potential and a non-strategic part. Errors: ErrShape, ErrNotFinite.
func (b *Box) Decompose(losses [][]float64) (*GridParts, error) {
	if err := b.check("losses", losses, len(b.blocks)); err != nil {
		return nil, err
	}
	phi, work := make([]float64, b.n), make([]float64, b.n)
	axis := 0
	for i, l := range losses {
		copy(work, l)
		b.cosines(work, (*fourier.QuarterWaveFFT).CosSequence)
		b.addScaled(phi, work, axis, axis+b.blocks[i])
		axis += b.blocks[i]
	}
	b.divide(phi)
	b.cosines(phi, (*fourier.QuarterWaveFFT).CosCoefficients)
	scale := 1.0
	for _, n := range b.shape {
		if n > 1 { // transformLines leaves other axes alone
			scale /= float64(4 * n)
		}
	}
	kernel.Scal(scale, phi)
	p := b.parts(phi, losses)
	axis = 0
	for i, l := range losses {
		to := axis + b.blocks[i]
		p.Energy.Total += b.energy(l, axis, to)
		p.Energy.Scalar += b.energy(p.Scalar[i], axis, to)
		p.Energy.Vector += b.energy(p.Vector[i], axis, to)
		axis = to
	}
	p.Share, p.Undefined = p.Energy.share()
	return p, nil
}

// cosines transforms x along all axes.
func (b *Box) cosines(x []float64, transform func(t *fourier.QuarterWaveFFT, dst, src []float64) []float64) {
	for k, n := range b.shape {
		transformLines(x, n, b.inner(k), func() func(line []float64) {
			t := fourier.NewQuarterWaveFFT(n)
			return func(line []float64) { transform(t, line, line) }
		})
	}
}

// eachRow calls f for every row along the last axis, with the sum over the other axes
// of a player's eigenvalues there; own says whether the last axis is the player's.
func (b *Box) eachRow(from, to int, f func(row int, sum float64, own bool)) {
	last := len(b.shape) - 1
	index := make([]int, last)
	for row := range b.n / b.shape[last] {
		s := 0.0
		for k := from; k < min(to, last); k++ {
			s += b.lambda[k][index[k]]
		}
		f(row, s, to > last)
		for k := last - 1; k >= 0; k-- {
			if index[k]++; index[k] < b.shape[k] {
				break
			}
			index[k] = 0
		}
	}
}

// addScaled adds L_i x, for the player with the axes from to to, to phi, in modes.
func (b *Box) addScaled(phi, x []float64, from, to int) {
	last := b.lambda[len(b.lambda)-1]
	b.eachRow(from, to, func(row int, s float64, own bool) {
		dst, src := phi[row*len(last):(row+1)*len(last)], x[row*len(last):]
		if !own {
			kernel.Axpy(s, src[:len(dst)], dst)
			return
		}
		for m, l := range last {
			dst[m] += (s + l) * src[m]
		}
	})
}

// divide divides by Σ_i L_i, in modes; the constant one becomes 0.
func (b *Box) divide(phi []float64) {
	last := b.lambda[len(b.lambda)-1]
	b.eachRow(0, len(b.shape), func(row int, s float64, _ bool) {
		dst := phi[row*len(last) : (row+1)*len(last)]
		for m, l := range last {
			dst[m] /= s + l
		}
	})
	phi[0] = 0
}

// energy is the mean over all cells of the squared differences of x over the faces
// between cells along some axes, divided by h².
func (b *Box) energy(x []float64, from, to int) float64 {
	total := 0.0
	for k := from; k < to; k++ {
		n, inner, s := b.shape[k], b.inner(k), 0.0
		for at := 0; at < b.n; at += n * inner {
			block, part := x[at:at+n*inner], 0.0
			for j, v := range block[inner:] {
				d := v - block[j]
				part += d * d
			}
			s += part
		}
		total += s / (b.h[k] * b.h[k])
	}
	return total / float64(b.n)
}

// Divergence stores in dst the discrete divergence Σ_i L_i x_i of the field of the
// losses x, up to its sign: the net flux into each cell. It panics if the sizes do not
// fit.
func (b *Box) Divergence(dst []float64, x [][]float64) {
	if len(dst) != b.n || len(x) != len(b.blocks) {
		panic(fmt.Sprintf("game: len(dst) is %d with %d tensors, want %d and %d", len(dst), len(x), b.n, len(b.blocks)))
	}
	clear(dst)
	axis := 0
	for i, l := range x {
		for k := axis; k < axis+b.blocks[i]; k++ {
			inner, scale := b.inner(k), 1/(b.h[k]*b.h[k])
			for at := 0; at < b.n; at += b.shape[k] * inner {
				block, to := l[at:at+b.shape[k]*inner], dst[at:]
				for j, v := range block[inner:] {
					d := scale * (v - block[j])
					to[j] -= d
					to[j+inner] += d
				}
			}
		}
		axis += b.blocks[i]
	}
}
