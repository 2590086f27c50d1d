package game

import (
	"fmt"
	"strings"
)

// tokenKind is a kind of token of a .nfg file.
type tokenKind int

const (
	end     tokenKind = iota
	word              // a number or key word
	text              // between quotes
	opening           // {
	closing           // }
)

type token struct {
	kind tokenKind
	text string
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "end of file"
	case text:
		return fmt.Sprintf("the text %.40q", t.text)
	}
	return fmt.Sprintf("%.40q", t.text)
}

// nfgScanner cuts a file into tokens. Commas are blanks.
type nfgScanner struct {
	rest string
	line int
	seen *token // by peek
}

const blanks = " \t\r\n,"

// peek returns the next token and leaves it.
func (s *nfgScanner) peek() (token, error) {
	if s.seen == nil {
		t, err := s.scan()
		if err != nil {
			return t, err
		}
		s.seen = &t
	}
	return *s.seen, nil
}

// take drops the token that peek returned.
func (s *nfgScanner) take() { s.seen = nil }

func (s *nfgScanner) next() (token, error) {
	t, err := s.peek()
	s.take()
	return t, err
}

func (s *nfgScanner) scan() (token, error) {
	blank := len(s.rest) - len(strings.TrimLeft(s.rest, blanks))
	s.advance(blank)
	if s.rest == "" {
		return token{}, nil
	}
	switch s.rest[0] {
	case '{', '}':
		t := token{opening, s.rest[:1]}
		if s.rest[0] == '}' {
			t.kind = closing
		}
		s.advance(1)
		return t, nil
	case '"':
		return s.scanText()
	}
	n := strings.IndexAny(s.rest, blanks+`{}"`)
	if n < 0 {
		n = len(s.rest)
	}
	t := token{word, s.rest[:n]}
	s.advance(n)
	return t, nil
}

// scanText reads a text in quotes, in which a backslash takes the next character as it
// is.
func (s *nfgScanner) scanText() (token, error) {
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '"' {
			s.advance(i + 1)
			return token{text, b.String()}, nil
		}
		if c == '\\' && i+1 < len(s.rest) {
			i++
			c = s.rest[i]
		}
		b.WriteByte(c)
	}
	return token{}, s.errorf("a text without closing quote")
}

// advance drops n bytes and counts their lines.
func (s *nfgScanner) advance(n int) {
	s.line += strings.Count(s.rest[:n], "\n")
	s.rest = s.rest[n:]
}

// open reads {.
func (s *nfgScanner) open(what string) error {
	t, err := s.next()
	if err == nil && t.kind != opening {
		err = s.errorf("%v before %s, want {", t, what)
	}
	return err
}

// quoted reads a text.
func (s *nfgScanner) quoted(what string) (string, error) {
	t, err := s.next()
	if err == nil && t.kind != text {
		err = s.errorf("%v for %s, want a text in quotes", t, what)
	}
	return t.text, err
}

// errorf is a syntax error at the current line.
func (s *nfgScanner) errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return fmt.Errorf("game: nfg: line %d: %w: %w", s.line, err, ErrSyntax)
}
