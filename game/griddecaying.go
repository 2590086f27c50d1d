package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// FreeSpace decomposes fields on R² and R³ that decay, ξ in L²: ξ = ∇φ + Y with Δφ =
// div ξ and div Y = 0, orthogonal to each other and without a harmonic part. It is the
// limit v → ∞ of the Gaussian-weighted Hodge decomposition in the sense of Zhou et al.
// (2024); the construction is ours.
//
// The field is sampled on a grid outside of which it is negligible. φ = -G * div ξ is a
// convolution with the Green's function of the Laplacian, truncated at the diameter R of
// the grid, whose Fourier transform is smooth (Vico, Greengard, Ferrando, J. Comput.
// Phys. 323 (2016) 191):
//
//	n = 2: (1 - J0(Rs))/s² - R ln(R) J1(Rs)/s,   n = 3: (1 - cos(Rs))/s².
//
// The kernel is made once, on a grid padded to at least 4 times the size, and used on
// one of twice the size. The error falls faster than any power of the spacing.
//
// A FreeSpace is safe for concurrent use.
type FreeSpace struct {
	*grid
	pad    *Torus       // twice the size
	kernel []complex128 // transform of G there
}

// NewFreeSpace returns a decomposer for grids of the given shape, in two or three
// dimensions, with spacings h.
//
// Errors: ErrShape for other dimensions and wrong numbers of h, ErrArgument for an h that
// is not finite and positive, ErrTooLarge for more than 2^31 points with padding.
func NewFreeSpace(shape []int, h []float64) (*FreeSpace, error) {
	if len(shape) != 2 && len(shape) != 3 {
		return nil, fmt.Errorf("game: grid: shape %v has %d axes, want 2 or 3: %w", shape, len(shape), ErrShape)
	}
	g, err := newGrid(shape, "h", h, []int{len(shape)})
	if err != nil {
		return nil, err
	}
	radius := 0.0
	for k, n := range shape {
		radius = math.Hypot(radius, float64(n)*h[k])
	}
	wide := make([]int, len(shape))
	for k, n := range shape {
		wide[k] = max(4*n, 2*int(math.Ceil((float64(n)+radius/h[k])/2)))
	}
	big, err := padded(g, wide)
	if err != nil {
		return nil, err
	}
	f := &FreeSpace{grid: g}
	double := make([]int, len(shape))
	for k, n := range shape {
		double[k] = 2 * n
	}
	if f.pad, err = padded(g, double); err != nil {
		return nil, err
	}
	f.kernel = f.restricted(big, radius)
	return f, nil
}

// padded is the torus of a larger grid with the same spacing.
func padded(g *grid, shape []int) (*Torus, error) {
	periods := make([]float64, len(shape))
	for k, n := range shape {
		periods[k] = float64(n) * g.h[k]
	}
	return NewTorus(shape, periods, []int{len(shape)})
}

// restricted is the transform on the grid of twice the size of the kernel for distances
// of less than the size.
func (f *FreeSpace) restricted(big *Torus, radius float64) []complex128 {
	z := make([]complex128, big.n)
	big.each(func(mode int, index []int) {
		s := 0.0
		for k, m := range index {
			s = math.Hypot(s, big.waves[k][m])
		}
		z[mode] = complex(truncatedKernel(len(index), s, radius), 0)
	})
	g, small := big.backward(z), make([]float64, f.pad.n)
	f.pad.each(func(at int, index []int) {
		from := 0
		for k, j := range index {
			if j == f.shape[k] {
				return // a distance that never occurs
			}
			if j > f.shape[k] {
				j += big.shape[k] - f.pad.shape[k] // negative distances are at the end
			}
			from = from*big.shape[k] + j
		}
		small[at] = g[from]
	})
	return f.pad.forward(small)
}

// truncatedKernel is the Fourier transform at |s| of minus the Green's function of the
// Laplacian in two or three dimensions, cut off at the radius R.
func truncatedKernel(dim int, s, radius float64) float64 {
	x := radius * s
	if dim == 3 {
		if s == 0 {
			return radius * radius / 2
		}
		y := math.Sin(x/2) / s // (1 - cos x)/s² without cancellation
		return 2 * y * y
	}
	if s == 0 {
		return radius * radius * (0.25 - math.Log(radius)/2)
	}
	return (1-math.J0(x))/(s*s) - radius*math.Log(radius)*math.J1(x)/s
}

// Decompose splits the field ξ, one tensor for each of its components, into the gradient
// of φ and a rotation. Energies are integrals over all of R^n. Errors: ErrShape,
// ErrNotFinite.
func (f *FreeSpace) Decompose(xi [][]float64) (*FieldParts, error) {
	if err := f.check("xi", xi, len(f.shape)); err != nil {
		return nil, err
	}
	phi := make([]complex128, f.pad.n)
	for k, c := range xi {
		hat := f.pad.forward(f.embed(c))
		f.pad.each(func(mode int, index []int) {
			phi[mode] -= complex(0, odd(f.pad.waves[k], index[k])) * f.kernel[mode] * hat[mode]
		})
	}
	p := &FieldParts{Rotation: f.tensors(len(xi))}
	volume := 1.0
	for k, h := range f.h {
		p.Gradient = append(p.Gradient, f.crop(f.pad.derivative(phi, k)))
		kernel.SubTo(p.Rotation[k], xi[k], p.Gradient[k])
		p.Energy.Total += kernel.SumSq(xi[k])
		// ∫|∇φ|² over R^n is ∫ξ·∇φ, whose integrand lives on the grid.
		p.Energy.Scalar += kernel.Dot(xi[k], p.Gradient[k])
		volume *= h
	}
	p.Phi = f.crop(f.pad.backward(phi))
	p.Energy.Vector = p.Energy.Total - p.Energy.Scalar
	p.Energy = p.Energy.times(volume)
	p.Share, p.Undefined = p.Energy.share()
	return p, nil
}

// embed pads x with zeros.
func (f *FreeSpace) embed(x []float64) []float64 {
	big := make([]float64, f.pad.n)
	f.rows(func(small, at, n int) { copy(big[at:at+n], x[small:]) })
	return big
}

// crop undoes embed.
func (f *FreeSpace) crop(big []float64) []float64 {
	x := make([]float64, f.n)
	f.rows(func(small, at, n int) { copy(x[small:small+n], big[at:]) })
	return x
}

// rows calls f for every row of the grid, with its place in the padded one.
func (f *FreeSpace) rows(each func(small, big, n int)) {
	n := f.shape[len(f.shape)-1]
	for small := 0; small < f.n; small += n {
		rest, at, step := small/n, 0, 2*n
		for k := len(f.shape) - 2; k >= 0; k-- {
			at += rest % f.shape[k] * step
			rest /= f.shape[k]
			step *= 2 * f.shape[k]
		}
		each(small, at, n)
	}
}
