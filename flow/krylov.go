package flow

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

const (
	gmresSpace  = 30 // dimension of the Krylov space of GMRES before a restart
	gmresCycles = 20
	cgPerDim    = 10 // at most so many iterations by dimension, and cgMore
	cgMore      = 50
)

// krylovSpace is the memory of the iterations.
type krylovSpace[T Float] struct {
	v  [][]T // CG: residual, direction, product; GMRES: basis, then the scales and scratch
	h  [gmresSpace][gmresSpace + 1]float64
	cs [gmresSpace]float64
	sn [gmresSpace]float64
	g  [gmresSpace + 1]float64
}

func newKrylovSpace[T Float](n int, by solver) *krylovSpace[T] {
	k := &krylovSpace[T]{}
	if by == byCG {
		k.v = arena[T](3, n)
	} else {
		k.v = arena[T](gmresSpace+3, n)
	}
	return k
}

// cg solves (I - s J) y = b by conjugate gradients, J symmetric. A direction of
// negative curvature, vᵀ(I - sJ)v <= 0, means that s is too long: ErrSingular.
func (l *shifted[T]) cg(tr *Trial, y, b []T, accuracy float64) error {
	r, p, q := l.space.v[0], l.space.v[1], l.space.v[2]
	floor := l.precise() * kernel.Nrm2(b)
	copy(r, b)
	copy(p, b)
	clear(y)
	rr := kernel.SumSq(r)
	for range cgPerDim*len(b) + cgMore {
		if weightedNorm(l.tol, r, l.x, l.x) <= accuracy || math.Sqrt(rr) <= floor {
			return nil
		}
		l.apply(tr, q, p)
		curvature := float64(kernel.Dot(p, q))
		if !(curvature > 0) {
			return ErrSingular
		}
		a := rr / curvature
		kernel.Axpy(T(a), p, y)
		kernel.Axpy(T(-a), q, r)
		next := kernel.SumSq(r)
		kernel.Axpby(1, r, T(next/rr), p)
		rr = next
	}
	return ErrNoConvergence
}

// gmres solves (I - s J) y = b by GMRES with restarts (Saad and Schultz, SIAM J.
// Sci. Stat. Comput. 7 (1986) 856) on the system scaled by the weights of the
// error norm, whose residual is what the tolerance is about.
func (l *shifted[T]) gmres(tr *Trial, y, b []T, accuracy float64) error {
	k := l.space
	basis, sc, tmp := k.v[:gmresSpace+1], k.v[gmresSpace+1], k.v[gmresSpace+2]
	l.scale(sc)
	target := accuracy * math.Sqrt(float64(len(b)))
	rhs := l.scr
	copy(rhs, b) // y may be b
	clear(y)
	for cycle := range gmresCycles {
		r := basis[0]
		if cycle == 0 {
			copy(r, rhs)
		} else {
			l.apply(tr, r, y)
			kernel.SubTo(r, rhs, r)
		}
		divide(r, sc)
		beta := kernel.Nrm2(r)
		if cycle == 0 {
			target = max(target, l.precise()*beta)
		}
		if beta <= target {
			return nil
		}
		if !finite(beta) {
			return ErrSingular
		}
		kernel.Scal(T(1/beta), r)
		k.g = [gmresSpace + 1]float64{beta}
		m := 0
		for m < gmresSpace {
			w := basis[m+1]
			kernel.MulTo(tmp, basis[m], sc)
			l.apply(tr, w, tmp)
			divide(w, sc)
			m++
			if k.column(basis, m) <= target {
				break
			}
		}
		if !k.update(tmp, basis, m) {
			return ErrSingular
		}
		kernel.MulTo(tmp, tmp, sc)
		kernel.AddTo(y, y, tmp)
	}
	return ErrNoConvergence
}

// column orthogonalises basis[m] against those before it, applies the rotations
// and returns the norm of the residual in a space of dimension m.
func (k *krylovSpace[T]) column(basis [][]T, m int) float64 {
	w, h, j := basis[m], &k.h[m-1], m-1
	for i := range m {
		h[i] = float64(kernel.Dot(basis[i], w))
		kernel.Axpy(T(-h[i]), basis[i], w)
	}
	norm := kernel.Nrm2(w)
	if norm > 0 {
		kernel.Scal(T(1/norm), w)
	}
	for i := range j {
		h[i], h[i+1] = k.cs[i]*h[i]+k.sn[i]*h[i+1], -k.sn[i]*h[i]+k.cs[i]*h[i+1]
	}
	r := math.Hypot(h[j], norm)
	k.cs[j], k.sn[j] = 1, 0
	if r > 0 {
		k.cs[j], k.sn[j] = h[j]/r, norm/r
	}
	h[j] = r
	k.g[j+1] = -k.sn[j] * k.g[j]
	k.g[j] *= k.cs[j]
	return math.Abs(k.g[j+1])
}

// update stores the correction of the scaled solution in dst. It fails if the
// operator is singular on the space.
func (k *krylovSpace[T]) update(dst []T, basis [][]T, m int) bool {
	clear(dst)
	for i := m - 1; i >= 0; i-- {
		s := k.g[i]
		for j := i + 1; j < m; j++ {
			s -= k.h[j][i] * k.g[j]
		}
		if k.h[i][i] == 0 || !finite(s) {
			return false
		}
		k.g[i] = s / k.h[i][i]
		kernel.Axpy(T(k.g[i]), basis[i], dst)
	}
	return true
}

// divide divides v by w, entry by entry.
func divide[T Float](v, w []T) {
	for i := range v {
		v[i] /= w[i]
	}
}
