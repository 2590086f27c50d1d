package probe

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// power is the memory of power iteration: the vectors found, which the iteration
// stays orthogonal to.
type power[T flow.Float] struct {
	found [][]T
	v, w  []T
	scale float64 // largest |Hv| so far
	draws uint64
}

// byPower finds the wanted eigenvalues one after another, those at the bottom as
// the top of -H.
func (s *Spectrum[T]) byPower() error {
	p, n := &s.power, s.e.Dim()
	top, bottom := min(s.opt.Top, n), min(s.opt.Bottom, n)
	limit := s.opt.MaxProducts
	if limit == 0 {
		limit = 1000 * max(1, top+bottom)
	}
	if p.v == nil {
		p.v, p.w = make([]T, n), make([]T, n)
	}
	for len(p.found) < top+bottom {
		p.found = append(p.found, make([]T, n))
	}
	p.scale, p.draws = 0, 0
	s.out.Top, s.out.Bottom = s.out.Top[:0], s.out.Bottom[:0]
	s.out.Products, s.out.Converged = 0, true
	for i := range top + bottom {
		sign, basis := 1.0, p.found[:i]
		if i >= top {
			sign, basis = -1, p.found[top:i]
		}
		// Each eigenvalue may use its share of what is left.
		share := (limit - s.out.Products) / (top + bottom - i)
		pair, ok, err := s.iterate(sign, basis, share)
		if err != nil {
			return err
		}
		s.out.Converged = s.out.Converged && ok
		if pair.Vector == nil {
			continue
		}
		copy(p.found[i], pair.Vector)
		pair.Vector = p.found[i]
		if i < top {
			s.out.Top = append(s.out.Top, pair)
		} else {
			s.out.Bottom = append(s.out.Bottom, pair)
		}
	}
	descending := func(a, b EigenPair[T]) int { return int(math.Copysign(1, b.Value-a.Value)) }
	slices.SortStableFunc(s.out.Top, descending)
	slices.SortStableFunc(s.out.Bottom, func(a, b EigenPair[T]) int { return descending(b, a) })
	return nil
}

// iterate finds the largest eigenvalue of sign·H orthogonal to basis by power
// iteration on sign·H + shift, where the shift is raised as soon as a negative
// eigenvalue turns out to be the dominant one.
func (s *Spectrum[T]) iterate(sign float64, basis [][]T, limit int) (pair EigenPair[T], ok bool, err error) {
	p := &s.power
	p.start(s.opt.Seed, basis)
	shift := 0.0
	tol := max(s.opt.Tol, 16*unit[T]())
	for k := range limit {
		s.mul(p.w, p.v)
		s.out.Products++
		if !kernel.AllFinite(p.w) {
			return pair, false, fmt.Errorf("probe: Hessian-vector product %d holds a NaN or an infinity: %w", s.out.Products, flow.ErrNonFinite)
		}
		norm := kernel.Nrm2(p.w)
		p.scale = max(p.scale, norm)
		theta := float64(kernel.Dot(p.v, p.w))
		kernel.Axpy(-T(theta), p.v, p.w) // the residual
		resid := kernel.Nrm2(p.w)
		pair = EigenPair[T]{Value: theta, Residual: resid, Vector: p.v}
		// A dominant eigenvalue of the wrong sign, or two of opposite signs.
		wrong := sign*theta < 0 || k >= 10 && sign*theta < 0.5*norm
		switch {
		case wrong && shift < norm:
			shift = 1.01 * p.scale
		case resid <= tol*math.Abs(theta) || resid <= 16*unit[T]()*p.scale:
			return pair, true, nil
		}
		if k == limit-1 {
			break // v is what theta and resid belong to
		}
		// w = (sign·H + shift) v = (sign·θ + shift) v + sign·residual
		kernel.Axpby(T(sign*theta+shift), p.v, T(sign), p.w)
		deflate(p.w, basis)
		next := kernel.Nrm2(p.w)
		if next <= 16*unit[T]()*(p.scale+shift) {
			// v is in the kernel of the shifted operator.
			p.start(s.opt.Seed, basis)
			continue
		}
		kernel.Axpby(T(1/next), p.w, 0, p.v)
	}
	return pair, false, nil
}

// start makes v a random unit vector orthogonal to basis.
func (p *power[T]) start(seed uint64, basis [][]T) {
	philox.FillNormals(p.v, philox.Stream{Seed: seed}, philox.Starts, p.draws)
	p.draws++
	for range 2 {
		deflate(p.v, basis)
		if norm := kernel.Nrm2(p.v); norm > 0 {
			kernel.Scal(T(1/norm), p.v)
		}
	}
}

// deflate subtracts from w its projections on the vectors of basis, twice
// against rounding.
func deflate[T flow.Float](w []T, basis [][]T) {
	for range 2 {
		for _, q := range basis {
			kernel.Axpy(-kernel.Dot(q, w), q, w)
		}
	}
}

// unit is the rounding unit of T.
func unit[T flow.Float]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 0x1p-23
	}
	return 0x1p-52
}
