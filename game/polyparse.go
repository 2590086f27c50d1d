package game

import (
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParsePoly reads a polynomial in the named variables, as in
//
//	ParsePoly("x^4/4 + x^2 y - x*y", "x", "y")
//
// with + - * / ^ and parentheses. Numbers are integers or decimals (1, 0.25, 1e-3).
// Variables and parentheses may follow a factor without *: "2x y" and, of one-letter
// variables, "2xy"; where names overlap, the longest one that fits is read. * and / bind equally,
// from left to right, so that 1/2x is x/2. Only constants divide; exponents are
// integers from 0 to 255. Coefficients are computed exactly and rounded once.
//
// Errors: ErrSyntax, with the place.
func ParsePoly(text string, vars ...string) (*Poly, error) {
	p, err := ParseRatPoly(text, vars...)
	if err != nil {
		return nil, err
	}
	return p.Float(), nil
}

// ParseRatPoly reads a polynomial as ParsePoly does and keeps its exact coefficients.
func ParseRatPoly(text string, vars ...string) (p *RatPoly, err error) {
	for i, v := range vars {
		r, _ := utf8.DecodeRuneInString(v)
		if !unicode.IsLetter(r) && r != '_' || strings.ContainsAny(v, "+-*/^() ") {
			return nil, fmt.Errorf("game: vars[%d] = %q, want a name that starts with a letter: %w", i, v, ErrSyntax)
		}
	}
	s := &parser{text: text, vars: vars}
	defer func() { // the recursive descent leaves by panic at an error
		switch e := recover().(type) {
		case nil:
		case parseError:
			p, err = nil, fmt.Errorf("game: polynomial %q: %s at byte %d: %w", text, e.what, e.at, ErrSyntax)
		default:
			panic(e)
		}
	}()
	terms := s.sum()
	if s.skip(); s.pos < len(text) {
		s.fail("unexpected " + s.rest())
	}
	return &RatPoly{len(vars), terms}, nil
}

type parseError struct {
	what string
	at   int
}

// parser is a recursive descent over text[pos:].
type parser struct {
	text string
	vars []string
	pos  int
	deep int

	products int // of terms, so far
}

func (s *parser) fail(what string) { panic(parseError{what, s.pos}) }

func (s *parser) rest() string {
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return fmt.Sprintf("%q", r)
}

func (s *parser) skip() {
	for s.pos < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0 {
		s.pos++
	}
}

// next skips space and returns the next byte, 0 at the end.
func (s *parser) next() byte {
	if s.skip(); s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *parser) sum() sparse[ratio] {
	if s.deep++; s.deep > 1000 {
		s.fail("too many parentheses")
	}
	defer func() { s.deep-- }()
	sign := 1
	switch s.next() {
	case '-':
		sign = -1
		fallthrough
	case '+':
		s.pos++
	}
	total := sparse[ratio](nil).combine(sign, s.product())
	for {
		switch s.next() {
		case '+':
			sign = 1
		case '-':
			sign = -1
		default:
			return total
		}
		s.pos++
		total = total.combine(sign, s.product())
	}
}

func (s *parser) product() sparse[ratio] {
	p := s.power()
	for {
		switch c := s.next(); {
		case c == '*':
			s.pos++
			p = s.times(p, s.power())
		case c == '/':
			s.pos++
			at := s.pos
			d := s.power()
			if len(d) != 1 || d.degree() != 0 {
				s.pos = at
				s.fail("division by something other than a constant that is not 0")
			}
			p = p.scaled(func(powers) ratio { return integer[ratio](1).over(d[0].c) })
		case c == '(' || s.name() != "":
			p = s.times(p, s.power())
		default:
			return p
		}
	}
}

// maxProducts is how many terms a text may multiply: the powers of a sum take seconds
// and more where it would have tens of thousands of terms.
const maxProducts = 1 << 20

// times multiplies unless an exponent becomes too large, or the work.
func (s *parser) times(p, q sparse[ratio]) sparse[ratio] {
	if s.products += len(p) * len(q); s.products > maxProducts {
		s.fail("more than 2^20 products of terms")
	}
	for k := range s.vars {
		if highest(p, k)+highest(q, k) > maxPower {
			s.fail("exponent above 255")
		}
	}
	return p.times(q)
}

func (s *parser) power() sparse[ratio] {
	base := s.factor()
	if s.next() != '^' {
		return base
	}
	s.pos++
	s.skip()
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos] >= '0' && s.text[s.pos] <= '9' {
		s.pos++
	}
	e := 0
	if _, err := fmt.Sscan(s.text[start:s.pos], &e); err != nil || e > maxPower {
		s.pos = start
		s.fail("exponent is not an integer from 0 to 255")
	}
	p := s.constant(big.NewRat(1, 1))
	for range e {
		p = s.times(p, base)
	}
	return p
}

func (s *parser) constant(r *big.Rat) sparse[ratio] {
	return sparse[ratio]{}.insert(powers(make([]byte, len(s.vars))), ratio{r})
}

func (s *parser) factor() sparse[ratio] {
	switch c := s.next(); {
	case c == '(':
		s.pos++
		p := s.sum()
		if s.next() != ')' {
			s.fail("missing )")
		}
		s.pos++
		return p
	case c == '.' || c >= '0' && c <= '9':
		return s.constant(s.number())
	case c == 0:
		s.fail("unexpected end")
	}
	name := s.name()
	if name == "" {
		s.fail("unexpected " + s.rest())
	}
	s.pos += len(name)
	for k, v := range s.vars {
		if v == name {
			zero := powers(make([]byte, len(s.vars)))
			return sparse[ratio]{{zero.with(k, 1), integer[ratio](1)}}
		}
	}
	panic("game: unreachable: name returns only variables")
}

// name returns the longest variable that starts here.
func (s *parser) name() (name string) {
	for _, v := range s.vars {
		if len(v) > len(name) && strings.HasPrefix(s.text[s.pos:], v) {
			name = v
		}
	}
	return name
}

// number reads digits with an optional point and exponent.
func (s *parser) number() *big.Rat {
	start := s.pos
	digits := func() {
		for s.pos < len(s.text) && s.text[s.pos] >= '0' && s.text[s.pos] <= '9' {
			s.pos++
		}
	}
	digits()
	if s.pos < len(s.text) && s.text[s.pos] == '.' {
		s.pos++
		digits()
	}
	// An e belongs to the number if a whole exponent follows and no variable starts there.
	if mark := s.pos; mark < len(s.text) && (s.text[mark] == 'e' || s.text[mark] == 'E') {
		s.pos++
		if s.pos < len(s.text) && (s.text[s.pos] == '+' || s.text[s.pos] == '-') {
			s.pos++
		}
		from := s.pos
		if digits(); s.pos == from || s.pos-from > 3 {
			s.pos = mark
		}
	}
	r, ok := new(big.Rat).SetString(s.text[start:s.pos])
	if !ok {
		s.pos = start
		s.fail("not a number")
	}
	return r
}
