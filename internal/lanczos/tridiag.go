package lanczos

import "math"

// maxSweeps bounds the QL sweeps for one eigenvalue; two are typical.
const maxSweeps = 60

// tridiag overwrites d (length m) with the eigenvalues, unsorted, of the
// symmetric tridiagonal matrix with diagonal d and off-diagonal e[0..m-2], by the
// implicit QL method (tql2 of EISPACK). e has length m and is destroyed. z holds
// m rows of c columns, row i being replaced by Σ_j s_ji z_j with s_i the i-th
// eigenvector: the rows of the identity become the eigenvectors, the column e_m
// (c = 1) their last components. It reports whether all eigenvalues were found.
func tridiag(d, e, z []float64, c int) bool {
	m := len(d)
	if m == 0 {
		return true
	}
	e[m-1] = 0
	for l := range m {
		for sweep := 0; ; sweep++ {
			k := l
			for k < m-1 {
				dd := math.Abs(d[k]) + math.Abs(d[k+1])
				if math.Abs(e[k]) <= 0x1p-53*dd {
					break
				}
				k++
			}
			if k == l {
				break
			}
			if sweep == maxSweeps {
				return false
			}
			sweepQL(d, e, z, c, l, k)
		}
	}
	return true
}

// sweepQL makes one implicit QL sweep on rows l to k of an unreduced block.
func sweepQL(d, e, z []float64, c, l, k int) {
	g := (d[l+1] - d[l]) / (2 * e[l])
	r := math.Hypot(g, 1)
	g = d[k] - d[l] + e[l]/(g+math.Copysign(r, g))
	sin, cos, p := 1.0, 1.0, 0.0
	for i := k - 1; i >= l; i-- {
		f, b := sin*e[i], cos*e[i]
		r = math.Hypot(f, g)
		e[i+1] = r
		if r == 0 { // the block splits here
			d[i+1] -= p
			e[k] = 0
			return
		}
		sin, cos = f/r, g/r
		g = d[i+1] - p
		r = (d[i]-g)*sin + 2*cos*b
		p = sin * r
		d[i+1] = g + p
		g = cos*r - b
		rotate(z[i*c:(i+1)*c], z[(i+1)*c:(i+2)*c], cos, sin)
	}
	d[l] -= p
	e[l] = g
	e[k] = 0
}

// rotate replaces the rows a and b by cos a - sin b and sin a + cos b.
func rotate(a, b []float64, cos, sin float64) {
	for j, x := range a {
		y := b[j]
		a[j], b[j] = cos*x-sin*y, sin*x+cos*y
	}
}
