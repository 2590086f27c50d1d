package game

import (
	"cmp"
	"slices"
	"strings"
)

// powers are the exponents of a monomial, one byte for each variable.
type powers string

// maxPower is the largest exponent of one variable.
const maxPower = 255

func (p powers) degree() int {
	d := 0
	for k := range len(p) {
		d += int(p[k])
	}
	return d
}

// with returns the exponents with that of variable k changed by add.
func (p powers) with(k, add int) powers {
	b := []byte(p)
	e := int(b[k]) + add
	if e < 0 || e > maxPower {
		panic("game: exponent of a polynomial outside 0 to 255")
	}
	b[k] = byte(e)
	return powers(b)
}

// term is a coefficient with its monomial, or its Hermite polynomial.
type term[E any] struct {
	p powers
	c E
}

// sparse is a polynomial, without zero coefficients, in the order of byPowers: all
// sums run in this order, so that results do not depend on chance.
type sparse[E number[E]] []term[E]

// byPowers orders by falling degree, then by falling exponents of the first variables.
func byPowers(a, b powers) int {
	if c := cmp.Compare(b.degree(), a.degree()); c != 0 {
		return c
	}
	return strings.Compare(string(b), string(a))
}

// at returns the coefficient of a monomial.
func (s sparse[E]) at(p powers) (c E) {
	if i, ok := slices.BinarySearchFunc(s, p, func(t term[E], p powers) int { return byPowers(t.p, p) }); ok {
		return s[i].c
	}
	return c
}

func (s sparse[E]) degree() int {
	if len(s) == 0 {
		return 0
	}
	return s[0].p.degree()
}

// highest returns the highest exponent of variable k.
func highest[E number[E]](s sparse[E], k int) (e int) {
	for _, t := range s {
		e = max(e, int(t.p[k]))
	}
	return e
}

// keep returns the terms that f accepts.
func (s sparse[E]) keep(f func(powers) bool) sparse[E] {
	var out sparse[E]
	for _, t := range s {
		if f(t.p) {
			out = append(out, t)
		}
	}
	return out
}

// sums adds coefficients of monomials in any order.
type sums[E number[E]] map[powers]E

func (a sums[E]) add(p powers, c E) { a[p] = a[p].plus(c) }

func (a sums[E]) addAll(s sparse[E], factor int) {
	f := integer[E](factor)
	for _, t := range s {
		a.add(t.p, f.times(t.c))
	}
}

// sparse returns the sums that are not 0.
func (a sums[E]) sparse() sparse[E] {
	var s sparse[E]
	for p, c := range a {
		if !c.zero() {
			s = append(s, term[E]{p, c})
		}
	}
	slices.SortFunc(s, func(a, b term[E]) int { return byPowers(a.p, b.p) })
	return s
}

// scaled multiplies the coefficients by f of the exponents.
func (s sparse[E]) scaled(f func(powers) E) sparse[E] {
	out := make(sparse[E], 0, len(s))
	for _, t := range s {
		if c := t.c.times(f(t.p)); !c.zero() {
			out = append(out, term[E]{t.p, c})
		}
	}
	return out
}

func (s sparse[E]) times(o sparse[E]) sparse[E] {
	a := sums[E]{}
	for _, t := range s {
		for _, u := range o {
			b := []byte(t.p)
			for k := range b {
				if int(b[k])+int(u.p[k]) > maxPower {
					panic("game: exponent of a polynomial above 255")
				}
				b[k] += u.p[k]
			}
			a.add(powers(b), t.c.times(u.c))
		}
	}
	return a.sparse()
}

// combine returns s + factor o.
func (s sparse[E]) combine(factor int, o sparse[E]) sparse[E] {
	a := sums[E]{}
	a.addAll(s, 1)
	a.addAll(o, factor)
	return a.sparse()
}

// diff returns the derivative in variable k. The order of terms stays.
func (s sparse[E]) diff(k int) sparse[E] {
	var out sparse[E]
	for _, t := range s {
		if e := int(t.p[k]); e > 0 {
			out = append(out, term[E]{t.p.with(k, -1), t.c.times(integer[E](e))})
		}
	}
	slices.SortFunc(out, func(a, b term[E]) int { return byPowers(a.p, b.p) })
	return out
}

// insert adds c to the coefficient of a monomial, in place.
func (s sparse[E]) insert(p powers, c E) sparse[E] {
	i, ok := slices.BinarySearchFunc(s, p, func(t term[E], p powers) int { return byPowers(t.p, p) })
	switch {
	case !ok && c.zero():
	case !ok:
		s = slices.Insert(s, i, term[E]{p, c})
	default:
		if s[i].c = s[i].c.plus(c); s[i].c.zero() {
			s = slices.Delete(s, i, i+1)
		}
	}
	return s
}
