package game

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// realRoots returns the real roots of Σ c_k x^k, growing, from the eigenvalues of the
// companion matrix, polished by Newton's method. Double roots, whose eigenvalues leave the
// real axis by rounding, are found to half the digits.
func realRoots(c []float64) ([]float64, error) {
	for len(c) > 0 && c[len(c)-1] == 0 {
		c = c[:len(c)-1]
	}
	n := len(c) - 1
	if n < 1 {
		return nil, nil
	}
	// With x = s y the leading and the last coefficient get the same size.
	s := 1.0
	if c[0] != 0 {
		s = math.Pow(math.Abs(c[0]/c[n]), 1/float64(n))
	}
	if !(s > 1e-100 && s < 1e100) {
		s = 1
	}
	m := mat.NewDense(n, n, nil)
	for k := range n {
		m.Set(k, n-1, -c[k]/c[n]*math.Pow(s, float64(k-n)))
		if k > 0 {
			m.Set(k, k-1, 1)
		}
	}
	var e mat.Eigen
	if !e.Factorize(m, mat.EigenNone) {
		return nil, fmt.Errorf("game: roots of the polynomial with coefficients %v: %w", c, ErrNotConverged)
	}
	var roots []float64
	for _, v := range e.Values(nil) {
		if math.Abs(imag(v)) <= 1e-7*math.Max(1, math.Abs(real(v))) {
			roots = append(roots, polish(c, s*real(v)))
		}
	}
	slices.Sort(roots)
	return roots, nil
}

// polish improves a root while Newton's steps shrink the residual.
func polish(c []float64, x float64) float64 {
	p, d := horner(c, x)
	for range 5 {
		y := x - p/d
		q, e := horner(c, y)
		if !(math.Abs(q) < math.Abs(p)) {
			break
		}
		x, p, d = y, q, e
	}
	return x
}

// horner returns Σ c_k x^k and its derivative.
func horner(c []float64, x float64) (p, d float64) {
	for k := len(c) - 1; k >= 0; k-- {
		d = d*x + p
		p = p*x + c[k]
	}
	return p, d
}
