package sde

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// exactSine is sineSystem with its correction in closed form.
type exactSine struct{ System[float64] }

func (exactSine) Correction(dst, x []float64, _ float64) {
	for i, v := range x {
		s, c := math.Sincos(v)
		dst[i] = -s * c * c * c
	}
}

// TestConvert compares the converted drift with closed forms, for noise of every
// shape, by differences and by a Corrector.
func TestConvert(t *testing.T) {
	x := []float64{0.7, -0.4}
	dst := make([]float64, 2)
	for _, shape := range []Shape{Diagonal, Scalar} {
		c := Convert(sineSystem[float64](2, shape, Ito), Stratonovich)
		if c.Noise().Calculus != Stratonovich {
			t.Errorf("calculus of the converted system is %v", c.Noise().Calculus)
		}
		c.Eval(dst, x, 0)
		for i := range dst {
			near(t, shape.String()+" to Stratonovich", dst[i], 0, 1e-9)
		}
		back := Convert(c, Ito)
		back.Eval(dst, x, 0)
		for i, v := range x {
			near(t, shape.String()+" and back", dst[i], -math.Sin(v)*math.Pow(math.Cos(v), 3), 1e-9)
		}
	}
	e := Convert[float64](exactSine{sineSystem[float64](2, Diagonal, Ito)}, Stratonovich)
	e.Eval(dst, x, 0)
	for i := range dst {
		near(t, "Corrector", dst[i], 0, 1e-15)
	}

	// b = (y, 2; x y, x): ½ Σ_j (b_j·∇)b_j for the columns (y, xy) and (2, x):
	// (y ∂x + xy ∂y)(y, xy) = (xy, y² + x²y), (2 ∂x + x ∂y)(2, x) = (0, 2).
	none := flow.FieldFunc(2, func(dst, _ []float64, _ float64) { clear(dst) })
	g := Convert(Func(none, Noise{Shape: General, Channels: 2, Calculus: Stratonovich}, func(dst, x []float64, _ float64) {
		copy(dst, []float64{x[1], 2, x[0] * x[1], x[0]})
	}), Ito)
	g.Eval(dst, x, 0)
	near(t, "General, x", dst[0], x[0]*x[1]/2, 1e-9)
	near(t, "General, y", dst[1], (x[1]*x[1]+x[0]*x[0]*x[1]+2)/2, 1e-9)

	// Scalar noise whose components depend on each other: b = (y, x).
	s := Convert(Func(none, Noise{Shape: Scalar, Calculus: Stratonovich}, func(dst, x []float64, _ float64) { dst[0], dst[1] = x[1], x[0] }), Ito)
	s.Eval(dst, x, 0)
	near(t, "Scalar, x", dst[0], x[0]/2, 1e-9)
	near(t, "Scalar, y", dst[1], x[1]/2, 1e-9)

	// Nothing to do: the same calculus, additive noise, no noise.
	same := sineSystem[float64](2, Diagonal, Ito)
	if c := Convert(same, Ito); c.Noise() != same.Noise() {
		t.Error("conversion to the same calculus changed the system")
	}
	for _, b := range []float64{0, 3} {
		k := Convert(Func(flow.FieldFunc(2, func(dst, _ []float64, _ float64) { dst[0], dst[1] = 1, 2 }), Noise{Additive: b != 0},
			func(dst, _ []float64, _ float64) { dst[0], dst[1] = b, b }), Stratonovich)
		k.Eval(dst, x, 0)
		if dst[0] != 1 || dst[1] != 2 {
			t.Errorf("drift with constant noise became %v, want 1, 2", dst)
		}
	}
	if got := Stratonovich.String() + Diagonal.String(); got != "StratonovichDiagonal" {
		t.Error(got)
	}
}
