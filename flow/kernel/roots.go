package kernel

import (
	"math"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// RootCoefs are the constants of RootStep for one v.
//
// With t = σ(p+vy), d = σ' there, u = (t-y)/(1-vd) and the Taylor coefficients c_j
// of σ, the root y+x satisfies x = u + Σ_{j>=2} α_j x^j, α_j = c_j v^j/(1-vd). The
// step is the inverse series up to the fourth power,
//
//	x = u + α_2 u² + (2α_2²+α_3) u³ + (5α_2(α_2²+α_3)+α_4) u⁴.
//
// The poles of tanh are at the odd multiples of iπ/2, so that |c_j| <= C q^(j-2) with q
// = 2/π and C = 2 Σ_k (2/((2k-1)π))³ for all p; those of the logistic function are
// twice as far. With 1-vd >= μ the series is therefore bounded, term by term, by that
// of X = U + αX²/(1-qvX), α = Cv²/μ, whose coefficients e_j are those of Narayana
// polynomials: e_(j+1)/e_j grows towards 1/R. The error is below 2e_5|u|⁵ where |u| <=
// R/2.
type RootCoefs[T Float] struct {
	c       [7]T // see the generator of the assembly
	sigmoid bool
}

// TanhRootCoefs returns the constants for σ = tanh, if v < 1.
func TanhRootCoefs[T Float](v float64) (c RootCoefs[T], ok bool) {
	return rootCoefs[T](v, 1-max(v, 0), [6]float64{v, -v * v, 2. / 3, -1, -1. / 3, 1}, 0.5428, 2/math.Pi, false)
}

// SigmoidRootCoefs returns the constants for σ(z) = 1/(1+e^-z), if v < 4.
func SigmoidRootCoefs[T Float](v float64) (c RootCoefs[T], ok bool) {
	return rootCoefs[T](v, 1-max(v, 0)/4, [6]float64{v, v * v / 2, 1. / 6, -1, 1. / 24, -1. / 2}, 0.5428/8, 1/math.Pi, true)
}

func rootCoefs[T Float](v, mu float64, k [6]float64, first, ratio float64, sigmoid bool) (c RootCoefs[T], ok bool) {
	for i, p := range [6]float64{1, 1, v * v * v, v * v * v, v * v * v * v, v * v * v * v} {
		c.c[i] = T(k[i] * p)
	}
	c.sigmoid = sigmoid
	alpha, q := first*v*v/mu, ratio*math.Abs(v)
	e := [6]float64{1: 1}
	for n := 2; n < len(e); n++ {
		e[n] = -q * e[n-1]
		for i := 1; i < n; i++ {
			e[n] += (alpha + q) * e[i] * e[n-i]
		}
	}
	eps := 0x1p-52
	if !is64[T]() {
		eps = 0x1p-23
	}
	// The second is above the largest |y+x| if |u| > R/2 and |y| <= 1.
	r := q + 2*alpha + 2*math.Sqrt(alpha*(alpha+q))
	open := max(4*e[5]/eps, 32*r*r*r*r*(1+r))
	c.c[6] = T(open)
	return c, mu > 0 && open < math.MaxFloat32
}

// RootStep makes a step of fifth order from each y_i, between -1 and 1, towards the
// root of y = σ(p_i+vy), stores it in y, σ' there in s and, e being y - target, e
// s/(1-vs) in c. It returns Σ e² and Σ c y, summed in float64, and whether all steps
// met the roots to rounding, so that there is no need for another one. The slices
// must not overlap. It panics if the lengths differ.
func RootStep[T Float](y, s, c, p, target []T, k *RootCoefs[T]) (ee, cy float64, ok bool) {
	n := len(y)
	if len(s) != n {
		badLen("s", len(s), "y", n)
	}
	if len(c) != n {
		badLen("c", len(c), "y", n)
	}
	if len(p) != n {
		badLen("p", len(p), "y", n)
	}
	if len(target) != n {
		badLen("target", len(target), "y", n)
	}
	return rootStep(y, s, c, p, target, k, nil)
}

// rootStep is RootStep that fetches ahead, what will be read next, into cache.
func rootStep[T Float](y, s, c, p, target []T, k *RootCoefs[T], ahead []T) (ee, cy float64, ok bool) {
	if !assembly {
		return rootStepTwin(y, s, c, p, target, k)
	}
	var sums [2]float64
	var open int
	n := len(y)
	switch {
	case is64[T]() && k.sigmoid:
		open = f64.SigmoidRoots(n, first[float64](k.c[:]), first[float64](y), first[float64](s), first[float64](c), first[float64](p), first[float64](target), first[float64](ahead), 8*len(ahead), &sums[0])
	case is64[T]():
		open = f64.TanhRoots(n, first[float64](k.c[:]), first[float64](y), first[float64](s), first[float64](c), first[float64](p), first[float64](target), first[float64](ahead), 8*len(ahead), &sums[0])
	case k.sigmoid:
		open = f32.SigmoidRoots(n, first[float32](k.c[:]), first[float32](y), first[float32](s), first[float32](c), first[float32](p), first[float32](target), first[float32](ahead), 4*len(ahead), &sums[0])
	default:
		open = f32.TanhRoots(n, first[float32](k.c[:]), first[float32](y), first[float32](s), first[float32](c), first[float32](p), first[float32](target), first[float32](ahead), 4*len(ahead), &sums[0])
	}
	return sums[0], sums[1], open == 0
}

// RootRows is the number of rows of the blocks in which RootGrad reads a matrix with
// cols columns: two blocks fit into the first-level cache.
func RootRows[T Float](cols int) int {
	bytes := 4 * cols
	if is64[T]() {
		bytes *= 2
	}
	return min(max((16<<10)/max(bytes, 1)&^7, 32), 256)
}

// RootGrad computes the risk Σ e², e = y - target, of the fixed points y_i =
// σ(x_iᵀw+vy_i) of the rows of x, and its gradient by w, reading x from memory once: it
// makes a step as RootStep from each y_i and adds Σ c_i x_i to g. s, c and p are
// scratch memory for RootRows rows.
//
// It works block by block from row from, which must be the first of a block, repeats
// the step for a block whose steps have not met the roots twice, and ends before a
// block where that was not enough: it returns the row where it ended, a.Rows if at the
// end, and Σ e² and Σ c y of the rows before. It panics if lengths do not fit.
func RootGrad[T Float](g []T, x Matrix[T], w, y, target []T, k *RootCoefs[T], s, c, p []T, from int) (ee, cy float64, end int) {
	x.check("x")
	if len(g) != x.Cols {
		badLen("g", len(g), "x.Cols", x.Cols)
	}
	if len(w) != x.Cols {
		badLen("w", len(w), "x.Cols", x.Cols)
	}
	if len(y) != x.Rows {
		badLen("y", len(y), "x.Rows", x.Rows)
	}
	if len(target) != x.Rows {
		badLen("target", len(target), "x.Rows", x.Rows)
	}
	step := RootRows[T](x.Cols)
	for ; from < x.Rows; from += step {
		n := min(step, x.Rows-from)
		b := x.rows(from, n)
		after := x.Data[min((from+n)*x.Stride, len(x.Data)):]
		after = after[:min(n*x.Stride, len(after))]
		s, c, p, y, target := s[:n], c[:n], p[:n], y[from:from+n], target[from:from+n]
		gemv(p, 1, b, w, 0)
		const passes = 3
		var e, q float64
		met := false
		for pass := 0; pass < passes && !met; pass++ {
			e, q, met = rootStep(y, s, c, p, target, k, after)
			after = nil
		}
		if !met {
			return ee, cy, from
		}
		ee, cy = ee+e, cy+q
		if assembly && x.Cols > 0 && x.Cols <= narrow[T]() {
			gemvTNarrow(g, 1, b, c, 1)
		} else {
			gemvT(g, 1, b, c)
		}
	}
	return ee, cy, x.Rows
}

func rootStepTwin[T Float](y, s, c, p, target []T, k *RootCoefs[T]) (ee, cy float64, ok bool) {
	y, s, c, target = y[:len(p)], s[:len(p)], c[:len(p)], target[:len(p)]
	ok = true
	for i, p := range p {
		var t, d, tau T
		if k.sigmoid {
			t = T(sigmoid(float64(p + k.c[0]*y[i])))
			d, tau = t*(1-t), 1-2*t
		} else {
			t = T(math.Tanh(float64(p + k.c[0]*y[i])))
			d, tau = (1-t)*(1+t), t
		}
		inv := 1 / (1 - k.c[0]*d)
		u, w := (t-y[i])*inv, inv*d
		a2, a3, a4 := k.c[1]*tau*w, (k.c[2]+k.c[3]*d)*w, (k.c[4]+k.c[5]*d)*tau*w
		q := a2 * a2
		x := u * (1 + u*(a2+u*(2*q+a3+u*(5*a2*(q+a3)+a4))))
		root := y[i] + x
		if !(T(math.Abs(float64(u)))*k.c[6]*(u*u*u*u) <= T(math.Abs(float64(root)))) {
			ok = false
		}
		slope := (1 - root) * (1 + root)
		if k.sigmoid {
			slope = root * (1 - root)
		}
		e := root - target[i]
		coef := e * slope / (1 - k.c[0]*slope)
		y[i], s[i], c[i] = root, slope, coef
		ee += float64(e) * float64(e)
		cy += float64(coef * root)
	}
	return ee, cy, ok
}
