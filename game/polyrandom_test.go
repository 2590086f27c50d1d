package game

import (
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/internal/philox"
)

func TestRandomPolynomial(t *testing.T) {
	g, err := RandomPolynomial([]int{2, 1, 2}, 6, philox.NewSource(3, 0))
	if err != nil {
		t.Fatal(err)
	}
	var m moments
	for i := range 3 {
		if l := g.Loss(i); l.Len() != 461 || l.Degree() != 6 || l.Coef(0, 0, 0, 0, 0) != 0 { // binomial(11, 5) - 1
			t.Errorf("loss %d has %d terms of degree up to %d", i, l.Len(), l.Degree())
		}
		for _, c := range g.Loss(i).Terms() {
			m.add(c)
		}
	}
	if v := m.m2 / m.n; math.Abs(m.mean) > 4*m.err() || math.Abs(v-1) > 4*math.Sqrt(2/m.n) {
		t.Errorf("coefficients with mean %v, variance %v", m.mean, v)
	}
	again, err := RandomPolynomial([]int{2, 1, 2}, 6, philox.NewSource(3, 0))
	if err != nil || again.String() != g.String() {
		t.Errorf("another game from the same seed, %v", err)
	}
	if _, err := RandomPolynomial([]int{1, 0}, 2, philox.NewSource(3, 0)); !errors.Is(err, ErrShape) {
		t.Errorf("error %v", err)
	}
	if _, err := RandomPolynomial([]int{1}, 0, philox.NewSource(3, 0)); !errors.Is(err, ErrArgument) {
		t.Errorf("error %v", err)
	}
	if _, err := RandomPolynomial([]int{1}, 2, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("error %v", err)
	}
	if _, err := RandomPolynomial([]int{60}, 12, philox.NewSource(3, 0)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}
