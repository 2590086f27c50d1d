package sde

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Corrector is a System that knows the difference of its Itô and Stratonovich
// drifts exactly: Correction stores
//
//	c(t, x) = ½ Σ_j (b_j·∇) b_j,   b_j column j of b,
//
// in dst, for diagonal noise c_i = ½ b_i ∂b_i/∂x_i.
type Corrector[T flow.Float] interface {
	Correction(dst, x []T, t float64)
}

// Convert returns the equation of s in the sense of the other calculus, with
// the same solutions (Kloeden and Platen, Numerical Solution of Stochastic
// Differential Equations, 1992, section 4.9):
//
//	a_Stratonovich = a_Itô - c,   c = ½ Σ_j (b_j·∇) b_j.
//
// If s has that calculus already, or its noise is additive, the drift stays as
// it is. The correction is that of s if it is a [Corrector], else the central
// difference of b along each of its columns, whose error is of the order of
// eps^(2/3) (4e-11 in float64); it costs two diffusions a channel, two in all
// for diagonal noise. Convert panics if s is nil or the calculus unknown.
func Convert[T flow.Float](s System[T], to Calculus) System[T] {
	if s == nil || to < Ito || to > Stratonovich {
		panic(fmt.Sprintf("sde: Convert needs a System and a Calculus, got nil System: %t, %v", s == nil, to))
	}
	noise := s.Noise()
	if noise.Calculus == to {
		return s
	}
	c := &converted[T]{System: s, noise: noise, sign: -1}
	c.noise.Calculus = to
	if to == Ito {
		c.sign = 1
	}
	if noise.check() != nil {
		return c // a run will say what is wrong
	}
	n, size := s.Dim(), noise.size(s.Dim())
	c.corr, c.y, c.dir = make([]T, n), make([]T, n), make([]T, n)
	c.b, c.plus, c.minus = make([]T, size), make([]T, size), make([]T, size)
	c.exact, _ = s.(Corrector[T])
	return c
}

type converted[T flow.Float] struct {
	System[T]
	noise Noise
	sign  T // of the correction in the drift
	exact Corrector[T]

	corr, y, dir   []T
	b, plus, minus []T
}

func (c *converted[T]) Noise() Noise       { return c.noise }
func (c *converted[T]) Caps() flow.Caps[T] { return driftCaps[T](c.System) }

// Eval adds the correction to the drift.
func (c *converted[T]) Eval(dst, x []T, t float64) {
	c.System.Eval(dst, x, t)
	if c.noise.Additive {
		return
	}
	if c.exact != nil {
		c.exact.Correction(c.corr, x, t)
		kernel.Axpy(c.sign, c.corr, dst)
		return
	}
	c.Diffusion(c.b, x, t)
	if c.noise.Shape != General {
		c.along(dst, c.b, x, t, 0, 1)
		return
	}
	m := c.noise.Channels
	for j := range m {
		for i := range c.dir {
			c.dir[i] = c.b[i*m+j]
		}
		c.along(dst, c.dir, x, t, j, m)
	}
}

// along adds ± ½ (dir·∇) b_j to dst, b_j the entries first, first + stride, ...
// of a diffusion. Diagonal noise may be differentiated in all components at
// once, since b_i depends on no other component than x_i.
func (c *converted[T]) along(dst, dir, x []T, t float64, first, stride int) {
	size := float64(kernel.MaxAbs(dir))
	if size == 0 {
		return
	}
	eps := 0x1p-52
	if unsafe.Sizeof(T(0)) == 4 {
		eps = 0x1p-23
	}
	delta := T(math.Cbrt(eps) * (1 + float64(kernel.MaxAbs(x))) / size)
	kernel.AxpyTo(c.y, delta, dir, x)
	c.Diffusion(c.plus, c.y, t)
	kernel.AxpyTo(c.y, -delta, dir, x)
	c.Diffusion(c.minus, c.y, t)
	for i := range dst {
		k := first + i*stride
		dst[i] += c.sign * (c.plus[k] - c.minus[k]) / (4 * delta)
	}
}
