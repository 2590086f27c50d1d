package lanczos

import "math"

// largest returns the largest eigenvalue θ of the symmetric tridiagonal matrix T
// with diagonal d and off-diagonal e[0..m-2], no e_i being zero, and |s_m|, s_m the
// last component of its eigenvector of norm 1. All others, which tridiag finds as
// well, would take ten times as long. u and v are scratch of length m.
//
// With the pivots q_1 = θ - d_1, q_i = θ - d_i - e²_{i-1}/q_{i-1} of θI - T, the
// characteristic polynomial is p = Π q_i; to the right of θ, Laguerre's method
// decreases to θ with cubic convergence. Where rounding takes it across θ by more
// than rounding, nothing is found.
func largest(d, e, u, v []float64) (theta, last float64, ok bool) {
	const most = 100 // iterations; five are typical
	m := float64(len(d))
	x := gershgorin(d, e)
	for range most {
		q, s1, s2 := pivots(d, e, x)
		if math.IsNaN(s1) || math.IsInf(x, 0) {
			return 0, 0, false // x is an eigenvalue of a leading part too, or T is not finite
		}
		root := math.Sqrt(max(0, (m-1)*(m*s2-s1*s1)))
		step := m / (s1 + root)
		if !(q > 0) || !(step > 0x1p-52*math.Abs(x)) {
			return x, lastComponent(d, e, u, v, x), above(d, e, x+0x1p-49*norm(d, e))
		}
		x -= step
	}
	return 0, 0, false
}

// pivots returns the last pivot of xI - T, and with p = Π q_i the sums p'/p and
// (p'/p)² - p”/p over all eigenvalues λ, Σ 1/(x-λ) and Σ 1/(x-λ)².
func pivots(d, e []float64, x float64) (q, s1, s2 float64) {
	q, dq, ddq := x-d[0], 1.0, 0.0
	for i := 0; ; i++ {
		inv := 1 / q
		r := dq * inv
		s1 += r
		s2 += r*r - ddq*inv
		if i == len(d)-1 {
			return q, s1, s2
		}
		g := e[i] * e[i] * inv
		ddq = g * (ddq*inv - 2*r*r)
		dq = 1 + g*r
		q = x - d[i+1] - g
	}
}

// above says whether x is above all eigenvalues, since all pivots are positive.
func above(d, e []float64, x float64) bool {
	q := x - d[0]
	for i := 1; i < len(d) && q > 0; i++ {
		q = x - d[i] - e[i-1]*e[i-1]/q
	}
	return q > 0
}

// lastComponent is |s_m| of the eigenvector to x, by the factors of xI - T from
// above and from below that meet where the vector is largest (Parlett and Dhillon,
// Linear Algebra Appl. 267 (1997) 247).
func lastComponent(d, e, u, v []float64, x float64) float64 {
	m := len(d)
	u[0], v[m-1] = x-d[0], x-d[m-1]
	for i := 1; i < m; i++ {
		u[i] = x - d[i] - e[i-1]*e[i-1]/u[i-1]
	}
	for i := m - 2; i >= 0; i-- {
		v[i] = x - d[i] - e[i]*e[i]/v[i+1]
	}
	k, least := 0, math.Inf(1)
	for i := range m {
		if g := math.Abs(u[i] + v[i] - (x - d[i])); g < least {
			k, least = i, g
		}
	}
	norm, z := 1.0, 1.0
	for i := k - 1; i >= 0; i-- {
		z *= e[i] / u[i]
		norm += z * z
	}
	z = 1
	for i := k; i < m-1; i++ {
		z *= e[i] / v[i+1]
		norm += z * z
	}
	return math.Abs(z) / math.Sqrt(norm)
}

// norm is |T| up to a factor of 2.
func norm(d, e []float64) float64 {
	top := 0.0
	for i, v := range d {
		top = max(top, math.Abs(v))
		if i < len(d)-1 {
			top = max(top, 2*math.Abs(e[i]))
		}
	}
	return top
}

// gershgorin is an upper bound of the eigenvalues.
func gershgorin(d, e []float64) float64 {
	top := math.Inf(-1)
	for i, v := range d {
		if i > 0 {
			v += math.Abs(e[i-1])
		}
		if i < len(d)-1 {
			v += math.Abs(e[i])
		}
		top = max(top, v)
	}
	return top
}
