package flow

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

//go:generate go run gen_rock4.go

// ROCK4 is the orthogonal-Runge-Kutta-Chebyshev method of order 4(3) by Abdulle,
// SIAM J. Sci. Comput. 23 (2002) 2041, for the same problems as RKC2: a recursion
// of the degree that the step needs, followed by four stages that make the order.
// Stability for hρ up to 0.35 s² with s = 5 to 90 stages; longer steps, hρ > 2848,
// are not taken. It keeps eight vectors. Dense output and spectral radius are as
// for RKC2, which takes fewer steps where a stiff component is driven by a function
// of time (there methods of high order lose it).
var ROCK4 Method = &stableMethod{
	name: "ROCK4", order: 4, errk: 4, safety: 0.9,
	most: rock4Stages, reach: rock4Interval*rock4Stages*rock4Stages - 3,
	stages: func(z float64) int { return max(5, 1+int(math.Sqrt((3+z)/rock4Interval))) },
	terms:  rock4Terms,
	rock:   true,
}

const (
	rock4Stages   = 90
	rock4Interval = 0.352
)

// rock4Degree holds the coefficients of a degree: μ_1, then μ_i, κ_i for i = 2 to
// degree, of the recursion
//
//	u_i = h μ_i f(u_{i-1}) + (1+κ_i) u_{i-1} - κ_i u_{i-2},
//
// and of the last stages k_1 = f(u), ..., k_4 the coefficients a_21, a_31, a_32,
// a_41, a_42, a_43, the weights b of the method and those of the embedded method,
// which has f(t+h, y) as a fifth stage.
type rock4Degree struct {
	degree   int
	rec      []float64
	a        [6]float64
	b        [4]float64
	embedded [5]float64
}

// rock4For returns the smallest degree with at least s stages, the largest if
// there is none.
func rock4For(s int) *rock4Degree {
	for i := range rock4Table {
		if d := &rock4Table[i]; d.degree+4 >= s {
			return d
		}
	}
	return &rock4Table[len(rock4Table)-1]
}

func rock4Terms(dst []term, s int) {
	rec := rock4For(s).rec
	dst[0] = term{a: 1, w: rec[0]}
	for i := 1; i < len(dst); i++ {
		mu, kappa := rec[2*i-1], rec[2*i]
		dst[i] = term{mu: 1 + kappa, nu: -kappa, w: mu}
	}
}

// rock4Finish holds the coefficients of the last stages in T: the stages row by row,
// their times, the weights, and those of the error estimate b̂ - b.
type rock4Finish[T Float] struct {
	a [6]T
	c [4]float64
	b [4]T
	e [5]T
	w [4]float64 // b in float64
}

func finishOf[T Float](d *rock4Degree) (f rock4Finish[T]) {
	for i, v := range d.a {
		f.a[i] = T(v)
	}
	f.c = [4]float64{0, d.a[0], d.a[1] + d.a[2], d.a[3] + d.a[4] + d.a[5]}
	f.w = d.b
	for i, v := range d.b {
		f.b[i] = T(v)
		f.e[i] = T(d.embedded[i] - v)
	}
	f.e[4] = T(d.embedded[4])
	return f
}

// lastStages makes the four stages that follow the recursion, from its result u in
// next, and stores the proposal there; z is the change of energy up to u. f1 is
// the argument of the stages.
func (r *stabilised[T]) lastStages(z float64) float64 {
	d, u, h, k := &r.finish, r.next, r.h, r.k
	dissipate := r.want.Dissipate && r.ef != nil
	t := r.t0 + h*r.terms[len(r.terms)-1].c
	for i, arg := 0, u; i < 4; i++ {
		if i > 0 {
			arg = r.f1
			lincomb(arg, u, T(h), d.a[i*(i-1)/2:i*(i+1)/2], k)
		}
		if dissipate {
			_, slope := r.eval(k[i], arg, t+h*d.c[i])
			z += h * d.w[i] * slope
			continue
		}
		r.num[sbOwed]++
		r.f.Eval(k[i], arg, t+h*d.c[i])
	}
	lincomb(u, u, T(h), d.b[:], k)
	return z
}

// lincomb stores x + h Σ c_i k_i in dst, which may be x.
func lincomb[T Float](dst, x []T, h T, c []T, k [][]T) {
	if len(dst) > smallDim {
		kernel.LincombTo(dst, x, h, c, k[:len(c)])
		return
	}
	for j := range dst {
		var s T
		for l, v := range c {
			s += v * k[l][j]
		}
		dst[j] = x[j] + h*s
	}
}

// rock4Error is the weighted norm of h Σ (b̂_i - b_i) k_i with k_5 = f(t+h, y).
func (r *stabilised[T]) rock4Error() float64 {
	copy(r.vec[:4], r.k)
	r.vec[4] = r.f1
	return errorNorm(&r.tol, r.h, r.finish.e[:], r.vec[:], r.tmp, r.x, r.next)
}
