package probe

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// guards is the number of vectors in a block beyond the wanted ones: with them
// an eigenvalue converges like (λ_{b+1}/λ_i)^k, b the size of the block.
const guards = 2

// power is the memory of power iteration on a block of b orthonormal vectors.
type power[T flow.Float] struct {
	v, w, tmp kernel.Matrix[T] // the block, its products, scratch; one vector a row
	low       kernel.Matrix[T] // the vectors of Eigen.Bottom
	proj, rot []float64        // b x b: the projected operator, its eigenvectors
	resid     []float64
	scale     float64 // largest |Hv| so far
	draws     uint64
}

// byPower finds the wanted eigenvalues at the top by power iteration with
// Rayleigh-Ritz projection, and those at the bottom as the top of -H.
func (s *Spectrum[T]) byPower() error {
	p, n := &s.power, s.e.Dim()
	top, bottom := min(s.opt.Top, n), min(s.opt.Bottom, n)
	limit := s.opt.MaxProducts
	if limit == 0 {
		limit = 2000 * (top + bottom)
	}
	p.scale, p.draws = 0, 0
	s.out.Top, s.out.Bottom = s.out.Top[:0], s.out.Bottom[:0]
	s.out.Products, s.out.Converged = 0, true
	if bottom > 0 {
		if err := s.iterate(-1, bottom, limit*bottom/(top+bottom)); err != nil {
			return err
		}
		if p.low.Rows < bottom {
			p.low = kernel.NewMatrix[T](bottom, n)
		}
		for i := range bottom {
			copy(p.low.Row(i), p.v.Row(i))
			s.out.Bottom = append(s.out.Bottom, EigenPair[T]{-p.proj[i*p.v.Rows+i], p.resid[i], p.low.Row(i)})
		}
	}
	if top > 0 {
		if err := s.iterate(1, top, limit-s.out.Products); err != nil {
			return err
		}
		for i := range top {
			s.out.Top = append(s.out.Top, EigenPair[T]{p.proj[i*p.v.Rows+i], p.resid[i], p.v.Row(i)})
		}
	}
	return nil
}

// iterate runs the iteration V <- orth((sign·H + shift) V) until the k largest
// Ritz values of sign·H are converged or fewer products are left than a pass
// takes. The shift grows with the negative eigenvalues that the block finds,
// because without it those of largest modulus win.
func (s *Spectrum[T]) iterate(sign float64, k, limit int) error {
	p, n := &s.power, s.e.Dim()
	b := min(k+guards, n)
	p.reset(b, n)
	for i := range b {
		p.random(i, s.opt.Seed)
	}
	shift := 0.0
	for used := 0; ; {
		for i := range b {
			s.mul(p.w.Row(i), p.v.Row(i))
			if !kernel.AllFinite(p.w.Row(i)) {
				return fmt.Errorf("probe: Hessian-vector product %d holds a NaN or an infinity: %w", s.out.Products+1, flow.ErrNonFinite)
			}
			p.scale = max(p.scale, kernel.Nrm2(p.w.Row(i)))
			s.out.Products++
			used++
		}
		kernel.Scal(T(sign), p.w.Data)
		p.rayleighRitz()
		lowest := p.proj[b*b-1]
		done := true
		for i := range k {
			theta := p.proj[i*b+i]
			row := p.tmp.Row(i)
			kernel.AxpyTo(row, -T(theta), p.v.Row(i), p.w.Row(i))
			p.resid[i] = kernel.Nrm2(row)
			done = done && (p.resid[i] <= max(s.opt.Tol, 16*unit[T]())*math.Abs(theta) || p.resid[i] <= 16*unit[T]()*p.scale)
		}
		grows := -lowest > shift
		if grows {
			shift = -1.01 * lowest
		}
		switch {
		case done && (b == n || !grows):
			return nil
		case used+b > limit:
			s.out.Converged = false
			return nil
		}
		kernel.Axpby(T(shift), p.v.Data, 1, p.w.Data)
		copy(p.v.Data, p.w.Data)
		for i := range b {
			if !p.orthonormal(i, 64*unit[T]()*(p.scale+shift)) {
				p.random(i, s.opt.Seed)
			}
		}
	}
}

// reset sizes the memory for blocks of b vectors of length n.
func (p *power[T]) reset(b, n int) {
	if p.v.Rows == b && p.v.Cols == n {
		return
	}
	p.v, p.w, p.tmp = kernel.NewMatrix[T](b, n), kernel.NewMatrix[T](b, n), kernel.NewMatrix[T](b, n)
	p.proj, p.rot, p.resid = make([]float64, b*b), make([]float64, b*b), make([]float64, b)
}

// random makes vector i of the block a random one.
func (p *power[T]) random(i int, seed uint64) {
	for range 4 {
		philox.FillNormals(p.v.Row(i), philox.Stream{Seed: seed}, philox.Starts, p.draws)
		p.draws++
		if p.orthonormal(i, 0) {
			return
		}
	}
}

// orthonormal makes vector i of the block orthogonal to those before it and its
// norm 1; it reports whether more than floor of it was left.
func (p *power[T]) orthonormal(i int, floor float64) bool {
	v := p.v.Row(i)
	for range 2 {
		for j := range i {
			kernel.Axpy(-kernel.Dot(p.v.Row(j), v), p.v.Row(j), v)
		}
		norm := kernel.Nrm2(v)
		if norm <= floor {
			return false
		}
		kernel.Scal(T(1/norm), v)
		floor = 0
	}
	return true
}

// rayleighRitz rotates the block and its products so that V H Vᵀ is diagonal, in
// descending order, in proj.
func (p *power[T]) rayleighRitz() {
	b := p.v.Rows
	for i := range b {
		for j := range i + 1 {
			h := (float64(kernel.Dot(p.v.Row(i), p.w.Row(j))) + float64(kernel.Dot(p.v.Row(j), p.w.Row(i)))) / 2
			p.proj[i*b+j], p.proj[j*b+i] = h, h
		}
	}
	jacobi(p.proj, p.rot, b)
	for _, m := range []kernel.Matrix[T]{p.v, p.w} {
		for i := range b {
			clear(p.tmp.Row(i))
			for j := range b {
				kernel.Axpy(T(p.rot[i*b+j]), m.Row(j), p.tmp.Row(i))
			}
		}
		copy(m.Data, p.tmp.Data)
	}
}

// jacobi diagonalises the symmetric n x n matrix a by cyclic Jacobi rotations and
// sorts its eigenvalues in descending order; the rows of v become the
// eigenvectors.
func jacobi(a, v []float64, n int) {
	clear(v)
	for i := range n {
		v[i*n+i] = 1
	}
	for range 30 {
		var off, all float64
		for i := range n {
			for j := range n {
				all += a[i*n+j] * a[i*n+j]
				if i != j {
					off += a[i*n+j] * a[i*n+j]
				}
			}
		}
		if off <= 1e-32*all {
			break
		}
		for i := range n {
			for j := i + 1; j < n; j++ {
				annihilate(a, v, n, i, j)
			}
		}
	}
	for i := range n {
		top := i
		for j := i + 1; j < n; j++ {
			if a[j*n+j] > a[top*n+top] {
				top = j
			}
		}
		a[i*n+i], a[top*n+top] = a[top*n+top], a[i*n+i]
		for k := range n {
			v[i*n+k], v[top*n+k] = v[top*n+k], v[i*n+k]
		}
	}
}

// annihilate makes element (i, j) of a zero by a rotation.
func annihilate(a, v []float64, n, i, j int) {
	h := a[i*n+j]
	if h == 0 {
		return
	}
	tau := (a[j*n+j] - a[i*n+i]) / (2 * h)
	t := math.Copysign(1, tau) / (math.Abs(tau) + math.Hypot(1, tau))
	c := 1 / math.Hypot(1, t)
	s := t * c
	for k := range n {
		x, y := a[k*n+i], a[k*n+j]
		a[k*n+i], a[k*n+j] = c*x-s*y, s*x+c*y
	}
	for k := range n {
		x, y := a[i*n+k], a[j*n+k]
		a[i*n+k], a[j*n+k] = c*x-s*y, s*x+c*y
		x, y = v[i*n+k], v[j*n+k]
		v[i*n+k], v[j*n+k] = c*x-s*y, s*x+c*y
	}
}

// unit is the rounding unit of T.
func unit[T flow.Float]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 0x1p-23
	}
	return 0x1p-52
}
