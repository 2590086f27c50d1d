package game

import (
	"fmt"
	"iter"
	"math"
	"slices"
)

// Poly is a polynomial in n variables with float64 coefficients, a sum of monomials
// with exponents up to 255. See ParsePoly for one from text and RatPoly for exact
// coefficients.
type Poly struct {
	n     int
	terms sparse[double]
}

// NewPoly returns the polynomial 0 in n variables. It panics if n is negative.
func NewPoly(n int) *Poly {
	if n < 0 {
		panic(fmt.Sprintf("game: NewPoly with n = %d variables, want n >= 0", n))
	}
	return &Poly{n: n}
}

// Vars returns the number of variables.
func (p *Poly) Vars() int { return p.n }

// Len returns the number of monomials.
func (p *Poly) Len() int { return len(p.terms) }

// Degree returns the highest total degree, 0 for the polynomial 0.
func (p *Poly) Degree() int { return p.terms.degree() }

// exponents checks and packs the exponents of a monomial.
func exponents(exps []int, n int) powers {
	if len(exps) != n {
		panic(fmt.Sprintf("game: %d exponents for a polynomial in %d variables", len(exps), n))
	}
	b := make([]byte, n)
	for k, e := range exps {
		if e < 0 || e > maxPower {
			panic(fmt.Sprintf("game: exponent %d of variable %d, want 0 to %d", e, k, maxPower))
		}
		b[k] = byte(e)
	}
	return powers(b)
}

// Add adds coef x_1^exps[0] ... x_n^exps[n-1] to p and returns p. It panics if the
// number of exponents is not the number of variables or one is not in [0, 255].
func (p *Poly) Add(coef float64, exps ...int) *Poly {
	p.terms = p.terms.insert(exponents(exps, p.n), exactly(coef))
	return p
}

// Coef returns the coefficient of a monomial. It panics as Add does.
func (p *Poly) Coef(exps ...int) float64 { return p.terms.at(exponents(exps, p.n)).v }

// Terms runs over the monomials by falling degree. The slice of exponents is the
// caller's.
func (p *Poly) Terms() iter.Seq2[[]int, float64] {
	return func(yield func([]int, float64) bool) {
		for _, t := range p.terms {
			if !yield(t.p.ints(), t.c.v) {
				return
			}
		}
	}
}

func (p powers) ints() []int {
	e := make([]int, len(p))
	for k := range e {
		e[k] = int(p[k])
	}
	return e
}

// Eval returns p(x). It panics if the length of x is not the number of variables.
func (p *Poly) Eval(x []float64) float64 {
	p.check(x)
	v := 0.0
	for _, t := range p.terms {
		v += t.c.v * monomial(t.p, x)
	}
	return v
}

// Grad stores the gradient of p in dst and returns p(x). It panics if a length is not
// the number of variables.
func (p *Poly) Grad(dst, x []float64) float64 {
	p.check(x)
	p.check(dst)
	clear(dst)
	v := 0.0
	for _, t := range p.terms {
		v += t.c.v * monomial(t.p, x)
		for k := range dst {
			if e := t.p[k]; e > 0 {
				dst[k] += t.c.v * float64(e) * monomial(t.p.with(k, -1), x)
			}
		}
	}
	return v
}

func (p *Poly) check(x []float64) {
	if len(x) != p.n {
		panic(fmt.Sprintf("game: vector of length %d for a polynomial in %d variables", len(x), p.n))
	}
}

// monomial returns the product of the powers of x.
func monomial(p powers, x []float64) float64 {
	v := 1.0
	for k, b := range x {
		for e := p[k]; e > 0; e >>= 1 {
			if e&1 == 1 {
				v *= b
			}
			b *= b
		}
	}
	return v
}

// Plus returns p + q. It panics if the numbers of variables differ.
func (p *Poly) Plus(q *Poly) *Poly {
	p.same(q)
	return newPoly(p.n, p.terms.combine(1, q.terms))
}

// Minus returns p - q. It panics if the numbers of variables differ.
func (p *Poly) Minus(q *Poly) *Poly {
	p.same(q)
	return newPoly(p.n, p.terms.combine(-1, q.terms))
}

// Times returns p q. It panics if the numbers of variables differ or an exponent
// exceeds 255.
func (p *Poly) Times(q *Poly) *Poly {
	p.same(q)
	return newPoly(p.n, p.terms.times(q.terms))
}

// Scale returns f p.
func (p *Poly) Scale(f float64) *Poly {
	return newPoly(p.n, p.terms.scaled(func(powers) double { return exactly(f) }))
}

// Diff returns the derivative of p in variable k, counted from 0.
func (p *Poly) Diff(k int) *Poly { return newPoly(p.n, p.terms.diff(k)) }

func (p *Poly) same(q *Poly) {
	if p.n != q.n {
		panic(fmt.Sprintf("game: polynomials in %d and %d variables", p.n, q.n))
	}
}

// newPoly makes a Poly of computed coefficients, whose rounding errors it forgets.
func newPoly(n int, s sparse[double]) *Poly {
	s = slices.Clone(s)
	for i, t := range s {
		s[i].c = exactly(t.c.v)
	}
	return &Poly{n, s}
}

// finite says whether all coefficients are.
func (p *Poly) finite() bool {
	for _, t := range p.terms {
		if math.IsNaN(t.c.v) || math.IsInf(t.c.v, 0) {
			return false
		}
	}
	return true
}

// Rat returns the polynomial with the exact values of the coefficients. It panics if
// one is not finite.
func (p *Poly) Rat() *RatPoly {
	q := NewRatPoly(p.n)
	for _, t := range p.terms {
		q.terms = append(q.terms, term[ratio]{t.p, ratioOf(t.c.v)})
	}
	return q
}
