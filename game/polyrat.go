package game

import (
	"fmt"
	"iter"
	"math/big"
	"slices"
)

// RatPoly is a polynomial in n variables with exact rational coefficients.
type RatPoly struct {
	n     int
	terms sparse[ratio]
}

// NewRatPoly returns the polynomial 0 in n variables. It panics if n is negative.
func NewRatPoly(n int) *RatPoly {
	if n < 0 {
		panic(fmt.Sprintf("game: NewRatPoly with n = %d variables, want n >= 0", n))
	}
	return &RatPoly{n: n}
}

// Vars returns the number of variables.
func (p *RatPoly) Vars() int { return p.n }

// Len returns the number of monomials.
func (p *RatPoly) Len() int { return len(p.terms) }

// Degree returns the highest total degree, 0 for the polynomial 0.
func (p *RatPoly) Degree() int { return p.terms.degree() }

// Add adds coef x_1^exps[0] ... x_n^exps[n-1] to p and returns p. It copies coef. It
// panics if the number of exponents is not the number of variables or one is not in
// [0, 255].
func (p *RatPoly) Add(coef *big.Rat, exps ...int) *RatPoly {
	p.terms = p.terms.insert(exponents(exps, p.n), ratio{new(big.Rat).Set(coef)})
	return p
}

// Coef returns a copy of the coefficient of a monomial. It panics as Add does.
func (p *RatPoly) Coef(exps ...int) *big.Rat {
	return new(big.Rat).Set(p.terms.at(exponents(exps, p.n)).rat())
}

// Terms runs over the monomials by falling degree. Exponents and coefficients are the
// caller's.
func (p *RatPoly) Terms() iter.Seq2[[]int, *big.Rat] {
	return func(yield func([]int, *big.Rat) bool) {
		for _, t := range p.terms {
			if !yield(t.p.ints(), new(big.Rat).Set(t.c.rat())) {
				return
			}
		}
	}
}

// Eval returns p(x). It panics if the length of x is not the number of variables.
func (p *RatPoly) Eval(x []*big.Rat) *big.Rat {
	if len(x) != p.n {
		panic(fmt.Sprintf("game: vector of length %d for a polynomial in %d variables", len(x), p.n))
	}
	sum := new(big.Rat)
	for _, t := range p.terms {
		v := new(big.Rat).Set(t.c.rat())
		for k := range x {
			for range int(t.p[k]) {
				v.Mul(v, x[k])
			}
		}
		sum.Add(sum, v)
	}
	return sum
}

// Diff returns the derivative of p in variable k, counted from 0.
func (p *RatPoly) Diff(k int) *RatPoly { return &RatPoly{p.n, p.terms.diff(k)} }

// Plus returns p + q. It panics if the numbers of variables differ.
func (p *RatPoly) Plus(q *RatPoly) *RatPoly {
	p.same(q)
	return &RatPoly{p.n, p.terms.combine(1, q.terms)}
}

// Minus returns p - q. It panics if the numbers of variables differ.
func (p *RatPoly) Minus(q *RatPoly) *RatPoly {
	p.same(q)
	return &RatPoly{p.n, p.terms.combine(-1, q.terms)}
}

// Times returns p q. It panics if the numbers of variables differ or an exponent
// exceeds 255.
func (p *RatPoly) Times(q *RatPoly) *RatPoly {
	p.same(q)
	return &RatPoly{p.n, p.terms.times(q.terms)}
}

func (p *RatPoly) same(q *RatPoly) {
	if p.n != q.n {
		panic(fmt.Sprintf("game: polynomials in %d and %d variables", p.n, q.n))
	}
}

// Equal says whether p and q are the same polynomial.
func (p *RatPoly) Equal(q *RatPoly) bool {
	return p.n == q.n && slices.EqualFunc(p.terms, q.terms, func(a, b term[ratio]) bool {
		return a.p == b.p && a.c.rat().Cmp(b.c.rat()) == 0
	})
}

// Float returns the polynomial with coefficients rounded to float64. Those too large
// become infinite.
func (p *RatPoly) Float() *Poly {
	q := NewPoly(p.n)
	for _, t := range p.terms {
		if v, _ := t.c.rat().Float64(); v != 0 {
			q.terms = append(q.terms, term[double]{t.p, exactly(v)})
		}
	}
	return q
}

// ratioOf returns the exact value of v. It panics if v is not finite.
func ratioOf(v float64) ratio {
	r := new(big.Rat).SetFloat64(v)
	if r == nil {
		panic(fmt.Sprintf("game: %v has no rational value", v))
	}
	return ratio{r}
}
