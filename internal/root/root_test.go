package root

import (
	"math"
	"testing"
)

func TestITP(t *testing.T) {
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		a, b, x float64
	}{
		{"linear", func(x float64) float64 { return x - 0.3 }, 0, 1, 0.3},
		{"cubic", func(x float64) float64 { return x*x*x - x - 2 }, 1, 2, 1.5213797068045676},
		{"flat", func(x float64) float64 { return math.Pow(x-0.7, 9) }, 0, 1, 0.7},
		{"step", func(x float64) float64 { return math.Copysign(1, x-0.123) }, 0, 1, 0.123},
		{"falling", func(x float64) float64 { return math.Exp(-x) - 0.5 }, 0, 5, math.Ln2},
		{"end", func(x float64) float64 { return x - 1 }, 0, 1, 1},
	} {
		n := 0
		f := func(x float64) float64 { n++; return c.f(x) }
		x, _ := ITP(f, c.a, c.b, c.f(c.a), c.f(c.b), 1e-12)
		if math.Abs(x-c.x) > 1e-12 && math.Abs(c.f(x)) != 0 {
			t.Errorf("%s: root %v, want %v", c.name, x, c.x)
		}
		if most := int(math.Ceil(math.Log2((c.b-c.a)/1e-12))) + 2; n > most {
			t.Errorf("%s: %d evaluations, want at most %d", c.name, n, most)
		}
	}
	if x, fx := ITP(func(float64) float64 { return math.NaN() }, 0, 1, -1, 1, 1e-9); !math.IsNaN(fx) || !(x > 0 && x < 1) {
		t.Errorf("NaN gives %v at %v, want NaN inside the bracket", fx, x)
	}
	smooth := 0
	ITP(func(x float64) float64 { smooth++; return math.Cos(x) - x }, 0, 1, 1, math.Cos(1)-1, 1e-14)
	if smooth > 15 {
		t.Errorf("smooth function took %d evaluations, want at most 15", smooth)
	}
}
