package kernel

import "math"

// MomentumTo makes a step with momentum along f in one pass:
//
//	v1  = β v + h f
//	dst = x + v1
//
// v1 may be v and dst may be x. It panics if the lengths differ.
func MomentumTo[T Float](dst, v1, x, f, v []T, beta, h T) {
	checkTo(dst, x, f)
	checkTo(dst, v1, v)
	momentumTo(dst, v1, x, f, v, beta, h)
}

func momentumTo[T Float](dst, v1, x, f, v []T, beta, h T) {
	n := len(dst)
	v1, x, f, v = v1[:n], x[:n], f[:n], v[:n]
	for i := range dst {
		u := h*f[i] + beta*v[i]
		v1[i] = u
		dst[i] = x[i] + u
	}
}

// AdamCoefs are the numbers of a step of Adam.
type AdamCoefs[T Float] struct {
	Beta1, Beta2 T // decay rates β1 and β2 of the moments
	Bias1, Bias2 T // bias corrections 1-β1^t and 1-β2^t, or 1 for none
	Eps          T // ε, outside the root
	H            T // learning rate h
	Decay        T // decoupled weight decay λ
}

// AdamTo makes a step of Adam along f = -∇E in one pass:
//
//	m1  = β1 m + (1-β1) f
//	s1  = β2 s + (1-β2) f²
//	dst = x - h λ x + h (m1/(1-β1^t)) / (sqrt(s1/(1-β2^t)) + ε)
//
// m1 may be m, s1 may be s and dst may be x. It panics if the lengths differ.
func AdamTo[T Float](dst, m1, s1, x, f, m, s []T, c AdamCoefs[T]) {
	checkTo(dst, x, f)
	checkTo(dst, m1, m)
	checkTo(dst, s1, s)
	adamTo(dst, m1, s1, x, f, m, s, &c)
}

func adamTo[T Float](dst, m1, s1, x, f, m, s []T, c *AdamCoefs[T]) {
	n := len(dst)
	m1, s1, x, f, m, s = m1[:n], s1[:n], x[:n], f[:n], m[:n], s[:n]
	keep, rate, root := 1-c.H*c.Decay, c.H/c.Bias1, T(1/math.Sqrt(float64(c.Bias2)))
	b1, b2, eps := c.Beta1, c.Beta2, c.Eps
	for i := range dst {
		g := f[i]
		a := b1*m[i] + (1-b1)*g
		b := b2*s[i] + (1-b2)*g*g
		m1[i], s1[i] = a, b
		dst[i] = keep*x[i] + rate*a/(root*T(math.Sqrt(float64(b)))+eps)
	}
}

// ScaledStepTo makes a step along f = -∇E that is scaled by the root of
// accumulated squares, as in RMSProp and AdaGrad, in one pass:
//
//	s1  = keep s + add f²
//	dst = x + h f / (sqrt(s1) + eps)
//
// s1 may be s and dst may be x. It panics if the lengths differ.
func ScaledStepTo[T Float](dst, s1, x, f, s []T, keep, add, h, eps T) {
	checkTo(dst, x, f)
	checkTo(dst, s1, s)
	scaledStepTo(dst, s1, x, f, s, keep, add, h, eps)
}

func scaledStepTo[T Float](dst, s1, x, f, s []T, keep, add, h, eps T) {
	n := len(dst)
	s1, x, f, s = s1[:n], x[:n], f[:n], s[:n]
	for i := range dst {
		g := f[i]
		b := keep*s[i] + add*g*g
		s1[i] = b
		dst[i] = x[i] + h*g/(T(math.Sqrt(float64(b)))+eps)
	}
}

// InvSqrtScaleTo stores 1/sqrt(a sqrt(s_i) + b) in dst, which may be s: the root
// of the diagonal preconditioner of adaptive methods. It panics if the lengths
// differ.
func InvSqrtScaleTo[T Float](dst, s []T, a, b T) {
	if len(s) != len(dst) {
		badLen("s", len(s), "len(dst)", len(dst))
	}
	for i, v := range s {
		dst[i] = T(1 / math.Sqrt(float64(a*T(math.Sqrt(float64(v)))+b)))
	}
}

// SignAxpyTo stores y + a sign(x) in dst, which may be x or y; sign(0) = 0, and
// NaN stays NaN. It panics if the lengths differ.
func SignAxpyTo[T Float](dst []T, a T, x, y []T) {
	checkTo(dst, x, y)
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		switch v := x[i]; {
		case v > 0:
			dst[i] = y[i] + a
		case v < 0:
			dst[i] = y[i] - a
		default:
			dst[i] = y[i] + v // 0 or NaN
		}
	}
}

// Secant returns s·s, s·d and d·d of s = x1 - x0 and d = g1 - g0, the secant pair
// of quasi-Newton and Barzilai-Borwein steps, computed in float64. It panics if
// the lengths differ.
func Secant[T Float](x0, x1, g0, g1 []T) (ss, sd, dd float64) {
	checkTo(x0, x1, g0)
	checkTo(x0, x1, g1)
	x1, g0, g1 = x1[:len(x0)], g0[:len(x0)], g1[:len(x0)]
	for i, v := range x0 {
		s, d := float64(x1[i]-v), float64(g1[i]-g0[i])
		ss += s * s
		sd += s * d
		dd += d * d
	}
	return ss, sd, dd
}
