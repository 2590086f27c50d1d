package game

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Torus decomposes games on a torus Π [0, T_k): losses or fields sampled at the points
// x_k = T_k j/N_k of a grid, taken as trigonometric polynomials. In Fourier modes m the
// player Laplacians are L_i = Σ over own axes of (2πm_k/T_k)², and
//
//	φ̂ = Σ_i L_i l̂_i / Σ_i L_i.
//
// Both parts are exact; the harmonic part is a constant field, the mean of ξ, which is 0
// for losses on the torus. In first derivatives the Nyquist mode of an even number of
// points is dropped.
//
// A Torus is safe for concurrent use.
type Torus struct {
	*grid
	waves [][]float64 // wave numbers 2πm/T by axis
}

// NewTorus returns a decomposer for grids of the given shape on the torus with the given
// periods. blocks are the numbers of axes of the players, who own consecutive ones.
// Errors as those of NewBox.
func NewTorus(shape []int, periods []float64, blocks []int) (*Torus, error) {
	g, err := newGrid(shape, "periods", periods, blocks)
	if err != nil {
		return nil, err
	}
	t := &Torus{grid: g}
	for k, n := range shape {
		t.waves = append(t.waves, waveNumbers(n, periods[k]))
	}
	return t, nil
}

// waveNumbers are 2πm/T of the Fourier modes, m from -n/2 to n/2, in their order.
func waveNumbers(n int, period float64) []float64 {
	w := make([]float64, n)
	for m := range w {
		k := m
		if 2*m > n {
			k -= n
		}
		w[m] = 2 * math.Pi * float64(k) / period
	}
	return w
}

// odd is the wave number in first derivatives: 0 for the Nyquist mode.
func odd(w []float64, m int) float64 {
	if 2*m == len(w) {
		return 0
	}
	return w[m]
}

// Decompose splits the losses, one tensor a player, into parts with an exact scalar and
// an exact vector potential and a non-strategic part. Errors: ErrShape, ErrNotFinite.
func (t *Torus) Decompose(losses [][]float64) (*GridParts, error) {
	if err := t.check("losses", losses, len(t.blocks)); err != nil {
		return nil, err
	}
	var hat [][]complex128
	for _, l := range losses {
		hat = append(hat, t.forward(l))
	}
	phi := make([]complex128, t.n)
	energy := GridEnergies{}
	lap := make([]float64, len(losses))
	t.each(func(mode int, index []int) {
		all, axis := 0.0, 0
		var sum complex128
		for i, d := range t.blocks {
			lap[i] = 0
			for k := axis; k < axis+d; k++ {
				w := t.waves[k][index[k]]
				lap[i] += w * w
			}
			axis, all = axis+d, all+lap[i]
			sum += complex(lap[i], 0) * hat[i][mode]
		}
		if all == 0 {
			return
		}
		sum /= complex(all, 0)
		phi[mode] = sum
		for i, l := range lap {
			energy.Total += l * abs2(hat[i][mode])
			energy.Scalar += l * abs2(sum)
			energy.Vector += l * abs2(hat[i][mode]-sum)
		}
	})
	p := t.parts(t.backward(phi), losses)
	p.Energy = energy.times(1 / float64(t.n) / float64(t.n))
	p.Share, p.Undefined = p.Energy.share()
	return p, nil
}

// DecomposeField splits the field ξ, one tensor for each of its components, into a
// gradient, a rotation with divergence 0, and its mean. Errors: ErrShape,
// ErrNotFinite.
func (t *Torus) DecomposeField(xi [][]float64) (*FieldParts, error) {
	if err := t.check("xi", xi, len(t.shape)); err != nil {
		return nil, err
	}
	f := &FieldParts{}
	var hat [][]complex128
	for _, c := range xi {
		hat = append(hat, t.forward(c))
		f.Mean = append(f.Mean, kernel.Sum(c)/float64(t.n))
	}
	phi := make([]complex128, t.n)
	t.each(func(mode int, index []int) {
		var div complex128 // -i times the divergence
		all := 0.0
		for k, m := range index {
			w := odd(t.waves[k], m)
			div += complex(w, 0) * hat[k][mode]
			all += w * w
		}
		if all > 0 {
			phi[mode] = -1i * div / complex(all, 0)
		}
	})
	for k := range t.shape {
		f.Gradient = append(f.Gradient, t.derivative(phi, k))
	}
	f.Phi = t.backward(phi)
	f.Rotation = t.tensors(len(xi))
	for k, y := range f.Rotation {
		kernel.SubTo(y, xi[k], f.Gradient[k])
		for j := range y {
			y[j] -= f.Mean[k]
		}
		f.Energy.Total += kernel.SumSq(xi[k])
		f.Energy.Scalar += kernel.SumSq(f.Gradient[k])
		f.Energy.Vector += kernel.SumSq(y)
	}
	f.Energy = f.Energy.times(1 / float64(t.n))
	f.Share, f.Undefined = f.Energy.share()
	return f, nil
}

// derivative is the derivative along an axis of the function with the modes hat.
func (t *Torus) derivative(hat []complex128, axis int) []float64 {
	d := slices.Clone(hat)
	t.each(func(mode int, index []int) { d[mode] *= complex(0, odd(t.waves[axis], index[axis])) })
	return t.backward(d)
}

func (t *Torus) forward(x []float64) []complex128 {
	z := make([]complex128, len(x))
	for j, v := range x {
		z[j] = complex(v, 0)
	}
	t.transform(z, (*fourier.CmplxFFT).Coefficients)
	return z
}

// backward destroys z.
func (t *Torus) backward(z []complex128) []float64 {
	t.transform(z, (*fourier.CmplxFFT).Sequence)
	x, scale := make([]float64, len(z)), 1/float64(len(z))
	for j, v := range z {
		x[j] = scale * real(v)
	}
	return x
}

// transform transforms z along all axes.
func (t *Torus) transform(z []complex128, transform func(f *fourier.CmplxFFT, dst, src []complex128) []complex128) {
	for k, n := range t.shape {
		transformLines(z, n, t.inner(k), func() func(line []complex128) {
			f := fourier.NewCmplxFFT(n)
			return func(line []complex128) { transform(f, line, line) }
		})
	}
}

func abs2(z complex128) float64 { return real(z)*real(z) + imag(z)*imag(z) }

func (e GridEnergies) times(c float64) GridEnergies {
	return GridEnergies{c * e.Total, c * e.Scalar, c * e.Vector}
}
