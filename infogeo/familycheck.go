package infogeo

import (
	"fmt"
	"math"
)

// checkLen panics unless the vector called name has length n.
func checkLen(name string, v []float64, n int) {
	if len(v) != n {
		panic(fmt.Sprintf("infogeo: %s has length %d, want %d", name, len(v), n))
	}
}

// checkDims panics unless all the vectors have length n.
func checkDims(n int, vs ...[]float64) {
	for _, v := range vs {
		checkLen("a vector of parameters", v, n)
	}
}

// checkFinite returns an error that names the first element of v that is NaN or
// infinite.
func checkFinite(name string, v []float64, domain error) error {
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("infogeo: %s[%d] = %v, want a finite number: %w", name, i, x, domain)
		}
	}
	return nil
}

// checkDamping returns an error unless damping is a finite number >= 0.
func checkDamping(damping float64) error {
	if !(damping >= 0) || math.IsInf(damping, 1) {
		return fmt.Errorf("infogeo: damping = %v, want a finite number >= 0: %w", damping, ErrInvalid)
	}
	return nil
}

// singular returns the error of a Fisher matrix of order n and of an estimated rank.
func singular(rank, n int) error {
	return fmt.Errorf("infogeo: Fisher matrix of order %d has rank %d, want full rank or damping > 0: %w", n, rank, ErrSingularFisher)
}

// solve2 stores the solution of (G + damping I) x = v in dst, for the symmetric
// 2 x 2 matrix G = [a b; b c] whose determinant det is given apart, since families
// know it without cancellation.
func solve2(dst []float64, a, b, c, det float64, v []float64, damping float64) error {
	if err := checkDamping(damping); err != nil {
		return err
	}
	det += damping * (a + c + damping)
	if !(det > 0) || math.IsInf(det, 1) {
		return singular(1, 2)
	}
	a, c = a+damping, c+damping
	v0, v1 := v[0], v[1]
	dst[0], dst[1] = (c*v0-b*v1)/det, (a*v1-b*v0)/det
	return nil
}

// arccosh1p returns arccosh(1+x) without cancellation for small x >= 0.
func arccosh1p(x float64) float64 { return math.Log1p(x + math.Sqrt(x*(2+x))) }
