package game

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// variableNames returns x, y, z for up to three variables, x1, ..., xn for more.
func variableNames(n int) []string {
	if n <= 3 {
		return []string{"x", "y", "z"}[:n]
	}
	names := make([]string, n)
	for k := range names {
		names[k] = "x" + strconv.Itoa(k+1)
	}
	return names
}

// String prints the polynomial by falling degree, in the variables x, y, z or, if there
// are more than three, x1, ..., xn. ParsePoly reads it back.
func (p *Poly) String() string { return p.Format() }

// Format prints the polynomial in the named variables. No names are those of String.
// It panics if their number is not that of the variables.
func (p *Poly) Format(vars ...string) string {
	return format(p.n, p.terms, vars, func(c double) (bool, string) {
		if c.v < 0 {
			return true, strconv.FormatFloat(-c.v, 'g', -1, 64)
		}
		return false, strconv.FormatFloat(c.v, 'g', -1, 64)
	})
}

// String prints the polynomial as Poly.String does, with fractions.
func (p *RatPoly) String() string { return p.Format() }

// Format prints the polynomial as Poly.Format does, with fractions.
func (p *RatPoly) Format(vars ...string) string {
	return format(p.n, p.terms, vars, func(c ratio) (bool, string) {
		return c.rat().Sign() < 0, new(big.Rat).Abs(c.rat()).RatString()
	})
}

// format prints a sum; abs tells sign and absolute value of a coefficient.
func format[E number[E]](n int, s sparse[E], vars []string, abs func(E) (negative bool, text string)) string {
	if len(vars) == 0 {
		vars = variableNames(n)
	}
	if len(vars) != n {
		panic(fmt.Sprintf("game: %d names for a polynomial in %d variables", len(vars), n))
	}
	if len(s) == 0 {
		return "0"
	}
	var b strings.Builder
	for i, t := range s {
		negative, c := abs(t.c)
		switch {
		case negative && i == 0:
			b.WriteString("-")
		case negative:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		}
		m := t.p.format(vars)
		switch {
		case m == "":
			b.WriteString(c)
		case c == "1":
			b.WriteString(m)
		default:
			b.WriteString(c + "*" + m)
		}
	}
	return b.String()
}

// format prints a monomial, "" for 1.
func (p powers) format(vars []string) string {
	var f []string
	for k, v := range vars {
		switch e := p[k]; {
		case e == 1:
			f = append(f, v)
		case e > 1:
			f = append(f, v+"^"+strconv.Itoa(int(e)))
		}
	}
	return strings.Join(f, "*")
}
