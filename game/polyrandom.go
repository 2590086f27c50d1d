package game

import (
	"fmt"
	"math/rand/v2"
)

// maxTerms bounds the number of monomials of a random loss.
const maxTerms = 1 << 20

// RandomPolynomial returns the game whose losses have independent standard normal
// coefficients for all monomials of degree 1 to degree in all coordinates.
//
// Errors: ErrShape for blocks, ErrArgument for a nil source or a degree outside [1, 255],
// ErrTooLarge for more than 2^20 monomials.
func RandomPolynomial(blocks []int, degree int, src rand.Source) (*Polynomial, error) {
	n, err := checkBlocks(blocks)
	if err != nil {
		return nil, err
	}
	if src == nil || degree < 1 || degree > maxPower {
		return nil, fmt.Errorf("game: RandomPolynomial: nil source: %t, degree = %d, want a source and 1 <= degree <= %d: %w", src == nil, degree, maxPower, ErrArgument)
	}
	count := 1.0 // binomial(n+degree, n)
	for k := 1; k <= n; k++ {
		count *= float64(degree+k) / float64(k)
	}
	if count > maxTerms {
		return nil, fmt.Errorf("game: RandomPolynomial: %.3g monomials of degree <= %d in %d coordinates, want at most 2^20: %w", count, degree, n, ErrTooLarge)
	}
	r := rand.New(src)
	losses := make([]*Poly, len(blocks))
	for i := range losses {
		a := sums[double]{}
		monomials(make([]byte, n), 0, degree, func(p powers) { a.add(p, exactly(r.NormFloat64())) })
		delete(a, powers(make([]byte, n)))
		losses[i] = &Poly{n, a.sparse()}
	}
	return NewPolynomial(blocks, losses)
}

// monomials shows all exponents of total degree up to left in the variables from k on.
func monomials(p []byte, k, left int, see func(powers)) {
	if k == len(p) {
		see(powers(p))
		return
	}
	for e := 0; e <= left; e++ {
		p[k] = byte(e)
		monomials(p, k+1, left-e, see)
	}
	p[k] = 0
}
