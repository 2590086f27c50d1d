package game

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/internal/philox"
)

func TestParsePoly(t *testing.T) {
	for text, want := range map[string]string{
		"0":                       "0",
		"x^4/4+x^2y-xy":           "1/4*x^4 + x^2*y - x*y",
		"-x":                      "-x",
		"+ 2 x y":                 "2*x*y",
		"1/2x":                    "1/2*x",
		"(x+y)^2 - (x-y)^2":       "4*x*y",
		"0.1 x + .5y":             "1/10*x + 1/2*y",
		"1e-3x":                   "1/1000*x",
		"2(x+1)(y-1)":             "2*x*y - 2*x + 2*y - 2",
		"x*-y":                    "",
		"x^0":                     "1",
		"x/3/2":                   "1/6*x",
		"x - x":                   "0",
		"((x))":                   "x",
		"x/(1-1/3)":               "3/2*x",
		"x^3 y^2 z":               "",
		"x/y":                     "",
		"x/0":                     "",
		"x^":                      "",
		"x^-1":                    "",
		"x^256":                   "",
		"x^200 x^100":             "",
		"(x":                      "",
		"x)":                      "",
		"":                        "",
		"x $":                     "",
		"x2":                      "",
		"2 3":                     "",
		"1.2.3":                   "",
		strings.Repeat("(", 2000): "",
	} {
		p, err := ParseRatPoly(text, "x", "y")
		switch {
		case want == "" && !errors.Is(err, ErrSyntax):
			t.Errorf("%q: %v, error %v, want a syntax error", text, p, err)
		case want != "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && p.String() != want:
			t.Errorf("%q is %v, want %v", text, p, want)
		}
	}
	if p, err := ParsePoly("x1 x10 - x1^2", "x1", "x10"); err != nil || p.Format("x1", "x10") != "-x1^2 + x1*x10" {
		t.Errorf("names with a common start: %v, %v", p, err)
	}
	for _, name := range []string{"", "2x", "x y", "x+"} {
		if _, err := ParsePoly("1", name); !errors.Is(err, ErrSyntax) {
			t.Errorf("variable %q: error %v", name, err)
		}
	}
}

// TestPolyRoundTrip prints and reads random polynomials.
func TestPolyRoundTrip(t *testing.T) {
	r := rand.New(philox.NewSource(1, 0))
	for n := 1; n <= 5; n++ {
		for range 20 {
			p, q := NewPoly(n), NewRatPoly(n)
			for range r.IntN(8) {
				e := make([]int, n)
				for k := range e {
					e[k] = r.IntN(4)
				}
				p.Add(r.NormFloat64()*math.Pow(10, float64(r.IntN(40)-20)), e...)
				q.Add(big.NewRat(r.Int64N(1000)-500, 1+r.Int64N(1000)), e...)
			}
			vars := variableNames(n)
			back, err := ParsePoly(p.String(), vars...)
			if err != nil || back.String() != p.String() {
				t.Errorf("%v is read as %v, %v", p, back, err)
			}
			exact, err := ParseRatPoly(q.String(), vars...)
			if err != nil || !exact.Equal(q) {
				t.Errorf("%v is read as %v, %v", q, exact, err)
			}
		}
	}
}

// TestPolyRing checks arithmetic against values at a point, exactly.
func TestPolyRing(t *testing.T) {
	r := rand.New(philox.NewSource(2, 0))
	random := func() *RatPoly {
		p := NewRatPoly(3)
		for range 6 {
			p.Add(big.NewRat(r.Int64N(21)-10, 1+r.Int64N(9)), r.IntN(4), r.IntN(3), r.IntN(3))
		}
		return p
	}
	for range 30 {
		p, q := random(), random()
		x := []*big.Rat{big.NewRat(r.Int64N(9)-4, 3), big.NewRat(r.Int64N(9)-4, 2), big.NewRat(r.Int64N(9)-4, 5)}
		a, b := p.Eval(x), q.Eval(x)
		for what, c := range map[string][2]*big.Rat{
			"sum":        {p.Plus(q).Eval(x), new(big.Rat).Add(a, b)},
			"difference": {p.Minus(q).Eval(x), new(big.Rat).Sub(a, b)},
			"product":    {p.Times(q).Eval(x), new(big.Rat).Mul(a, b)},
		} {
			if c[0].Cmp(c[1]) != 0 {
				t.Errorf("%s of %v and %v is %v at %v, want %v", what, p, q, c[0], x, c[1])
			}
		}
		// Leibniz' rule.
		left := p.Times(q).Diff(1)
		if right := p.Diff(1).Times(q).Plus(p.Times(q.Diff(1))); !left.Equal(right) {
			t.Errorf("(pq)' = %v, p'q + pq' = %v", left, right)
		}
		f, g := p.Float(), q.Float()
		v, w := polyFloats(x), f.Times(g).Plus(f).Minus(g.Scale(2))
		want, _ := new(big.Rat).Sub(new(big.Rat).Add(new(big.Rat).Mul(a, b), a), new(big.Rat).Add(b, b)).Float64()
		if got := w.Eval(v); math.Abs(got-want) > 1e-11*math.Max(1, math.Abs(want)) {
			t.Errorf("pq + p - 2q = %v, want %v", got, want)
		}
		if !f.Rat().Float().Rat().Equal(f.Rat()) {
			t.Errorf("%v changes by way of Rat", f)
		}
	}
}

func TestPolyAccess(t *testing.T) {
	p := NewPoly(2).Add(2, 1, 1).Add(3, 0, 0).Add(-2, 1, 1).Add(5, 2, 0)
	if p.Vars() != 2 || p.Len() != 2 || p.Degree() != 2 || p.Coef(1, 1) != 0 || p.Coef(0, 0) != 3 {
		t.Errorf("%v has %d variables, %d terms, degree %d", p, p.Vars(), p.Len(), p.Degree())
	}
	sum := 0.0
	for e, c := range p.Terms() {
		sum += c * float64(1+e[0])
	}
	if sum != 5*3+3 {
		t.Errorf("sum over terms %v", sum)
	}
	if q := p.Rat(); q.Vars() != 2 || q.Len() != 2 || q.Degree() != 2 || q.Coef(2, 0).Cmp(big.NewRat(5, 1)) != 0 {
		t.Errorf("%v", q)
	}
	wantPanics(t, map[string]func(){
		"exponents":    func() { p.Add(1, 1) },
		"negative":     func() { p.Coef(-1, 0) },
		"eval":         func() { p.Eval([]float64{1}) },
		"grad":         func() { p.Grad(make([]float64, 1), []float64{1, 2}) },
		"plus":         func() { p.Plus(NewPoly(3)) },
		"names":        func() { p.Format("x") },
		"variables":    func() { NewPoly(-1) },
		"power":        func() { NewPoly(1).Add(1, 200).Times(NewPoly(1).Add(1, 100)) },
		"NaN has none": func() { NewPoly(0).Add(math.NaN()).Rat() },
	})
}

// TestParsePolyWork: a text whose powers would take minutes is an error, at once.
func TestParsePolyWork(t *testing.T) {
	for text, fits := range map[string]bool{"(x+y+1)^60": true, "(x+y)^255": true, "(x+y+1)^255": false, "((x+y+1)^40)^6": false} {
		_, err := ParseRatPoly(text, "x", "y")
		if (err == nil) != fits {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParsePoly(f *testing.F) {
	for _, s := range []string{"x^4/4+x^2y-xy", "2(x+1)(y-1)", "1e-3x", "((x", "x^^2", "1/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 30 {
			return
		}
		p, err := ParseRatPoly(s, "x", "y")
		if err != nil {
			return
		}
		if q, err := ParseRatPoly(p.String(), "x", "y"); err != nil || !q.Equal(p) {
			t.Errorf("%q is %v, which is read as %v, %v", s, p, q, err)
		}
	})
}

// wantPanics calls functions that have to panic.
func wantPanics(t *testing.T, cases map[string]func()) {
	t.Helper()
	for name, f := range cases {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
