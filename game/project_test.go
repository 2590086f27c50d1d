package game

import (
	"errors"
	"math"
	"testing"
)

// TestProjectReference wants the energies of the smooth reference games from their
// projections, and a tail that vanishes.
func TestProjectReference(t *testing.T) {
	degrees := []struct{ degree, nodes int }{{56, 96}, {34, 44}, {20, 26}}
	for i, c := range blackBoxCases(t) {
		p, err := Project(blackBoxGames[i], Gaussian(c.Mean, c.Var), degrees[i].degree, degrees[i].nodes)
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Decompose(ScalarFirst)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Decompose(VectorFirst)
		if err != nil {
			t.Fatal(err)
		}
		// What is missed is the tail; the reference has an accuracy of its own.
		tol := math.Max(1e-12, 2*c.Agreement)
		if math.Abs(p.Total-c.Total) > tol {
			t.Errorf("%s: total energy %v, want %v", c.Field, p.Total, c.Total)
		}
		if p.Tail > 1e-4 || p.Tail < -1e-12 {
			t.Errorf("%s: tail %v", c.Field, p.Tail)
		}
		tol += math.Abs(p.Tail)
		if d := math.Abs(a.Energy.Scalar - c.Scalar); d > tol {
			t.Errorf("%s: scalar energy %v, want %v within %g", c.Field, a.Energy.Scalar, c.Scalar, tol)
		}
		if d := math.Abs(b.Energy.Scalar - c.NearScalar); d > tol {
			t.Errorf("%s: near scalar energy %v, want %v within %g", c.Field, b.Energy.Scalar, c.NearScalar, tol)
		}
	}
}

// TestProjectPolynomial wants polynomial games back, and only their tails lost.
func TestProjectPolynomial(t *testing.T) {
	for _, c := range polyCases(t) {
		r, rw := c.game(t)
		if rw.Jet {
			continue
		}
		g, err := r.Float()
		if err != nil {
			t.Fatal(err)
		}
		p, err := Project(g, rw.float(), 4, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range g.blocks {
			if err := polyNear(p.Game.Loss(i), r.Loss(i)); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if math.Abs(p.Tail) > 1e-12*p.Total {
			t.Errorf("%s: tail %v of %v", c.Name, p.Tail, p.Total)
		}
	}
	// The tail of quartic2 beyond degree 3 is the energy of x^4/4 in He_4: 4/16 4! each.
	g, err := ParseGame([]int{1, 1}, []string{"x^4/4 + x^2y - xy", "y^4/4 - xy^2 + 2xy"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Project(g, Gaussian(nil, 1), 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(p.Tail-12) > 1e-12 {
		t.Errorf("tail %v, want 12", p.Tail)
	}
}

func TestProjectBadInput(t *testing.T) {
	g := blackBoxGames[1]
	for _, c := range []struct {
		game          Game
		w             Weight
		degree, nodes int
		want          error
	}{
		{nil, Weight{}, 2, 0, ErrArgument},
		{g, Weight{}, 0, 0, ErrArgument},
		{g, Weight{}, 61, 0, ErrArgument},
		{g, Weight{}, 4, 4, ErrArgument},
		{g, Jet(nil), 4, 0, ErrWeight},
		{g, Gaussian([]float64{0}, 1), 4, 0, ErrShape},
		{g, Gaussian(nil, -1), 4, 0, ErrArgument},
		{closedGame{[]int{9}, nil, nil}, Weight{}, 4, 0, ErrTooLarge},
		{closedGame{[]int{1}, func(dst, x []float64) { dst[0] = math.Log(x[0]) }, func(dst, x []float64) { dst[0] = 1 / x[0] }}, Weight{}, 4, 0, ErrNotFinite},
	} {
		if _, err := Project(c.game, c.w, c.degree, c.nodes); !errors.Is(err, c.want) {
			t.Errorf("Project(%v, %v, %d, %d): error %v, want %v", c.game != nil, c.w, c.degree, c.nodes, err, c.want)
		}
	}
}

// TestWideWeights projects the decaying field (y exp(-r²/2), 0): as the weight widens, the
// near vector part approaches the exact one of the Helmholtz decomposition of R².
func TestWideWeights(t *testing.T) {
	g := closedGame{[]int{1, 1}, func(dst, x []float64) {
		dst[0] = x[1] * math.Exp(-x[1]*x[1]/2) * math.Sqrt(math.Pi/2) * math.Erf(x[0]/math.Sqrt2)
		dst[1] = 0
	}, func(dst, x []float64) {
		dst[0] = x[1] * math.Exp(-(x[0]*x[0]+x[1]*x[1])/2)
		dst[1] = 0
	}}
	for _, c := range []struct{ v, want, tail float64 }{{1, 0.2266, 1e-12}, {4, 0.1383, 1e-4}} {
		p, err := Project(g, Gaussian(nil, c.v), 60, 150)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := p.Decompose(ScalarFirst)
		if err != nil {
			t.Fatal(err)
		}
		div := 0.0
		for _, s := range parts.m.divergence(parts.vector) {
			div += s.c.v * s.c.v * parts.m.norm(s.p).v
		}
		if got := math.Sqrt(div / p.Total); math.Abs(got-c.want) > 1e-4 || p.Tail > c.tail*p.Total {
			t.Errorf("v = %v: |div Y|/|ξ| = %v, want %v; tail %g of %g", c.v, got, c.want, p.Tail, p.Total)
		}
	}
}
