package game

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Games that offer one thing beside the field, and count how often it is asked for.
type (
	jacobianGame struct {
		closedGame
		g     *Polynomial
		asked *int
	}
	jvpGame struct {
		closedGame
		g     *Polynomial
		asked *int
	}
	hessianGame struct {
		closedGame
		g     *Polynomial
		asked *int
	}
)

func (g jacobianGame) Jacobian(dst *mat.Dense, x []float64) { *g.asked++; g.g.Jacobian(dst, x) }
func (g jvpGame) JVP(dst, x, u []float64)                   { *g.asked++; g.g.JVP(dst, x, u) }
func (g jvpGame) VJP(dst, x, u []float64)                   { *g.asked++; g.g.VJP(dst, x, u) }
func (g hessianGame) Hessian(dst *mat.SymDense, player int, x []float64) {
	*g.asked++
	g.g.Hessian(dst, player, x)
}
func (g hessianGame) OwnHessian(dst *mat.SymDense, player int, x []float64) {
	*g.asked++
	g.g.OwnHessian(dst, player, x)
}

// TestNumericPassesOn wants Numeric to use what a game offers, exactly, and to derive from
// it what can be.
func TestNumericPassesOn(t *testing.T) {
	g := randomGame(t, []int{2, 1}, 4, 10, 9)
	plain := closedGame{g.Blocks(), g.Losses, g.Field}
	x, u := randomPoint(3, 1), randomPoint(3, 2)
	j, jv, vj, h, own := mat.NewDense(3, 3, nil), make([]float64, 3), make([]float64, 3), mat.NewSymDense(3, nil), mat.NewSymDense(2, nil)
	g.Jacobian(j, x)
	g.JVP(jv, x, u)
	g.VJP(vj, x, u)
	g.Hessian(h, 0, x)
	g.OwnHessian(own, 0, x)
	asked := 0
	for name, c := range map[string]struct {
		g                            Game
		jacobian, products, hessians bool // exact
		own                          bool
	}{
		"Jacobianer": {jacobianGame{plain, g, &asked}, true, true, false, true},
		"JVPer":      {jvpGame{plain, g, &asked}, true, true, false, true},
		"Hessianer":  {hessianGame{plain, g, &asked}, false, false, true, true},
	} {
		asked = 0
		full := Numeric(c.g)
		check := func(what string, exact bool, got, want []float64) {
			t.Helper()
			tol := 1e-4
			if exact {
				tol = 1e-14
			}
			for k, v := range want {
				if math.Abs(got[k]-v) > tol*(1+math.Abs(v)) {
					t.Errorf("%s: %s[%d] = %v, want %v", name, what, k, got[k], v)
				}
			}
		}
		a, b, c2, m := mat.NewDense(3, 3, nil), make([]float64, 3), mat.NewSymDense(2, nil), mat.NewSymDense(3, nil)
		full.Jacobian(a, x)
		check("J", c.jacobian, a.RawMatrix().Data, j.RawMatrix().Data)
		full.JVP(b, x, u)
		check("Ju", c.products, b, jv)
		full.VJP(b, x, u)
		check("J'u", c.products, b, vj)
		full.Hessian(m, 0, x)
		check("Hessian", c.hessians, m.RawSymmetric().Data, h.RawSymmetric().Data)
		full.OwnHessian(c2, 0, x)
		check("own Hessian", c.own, c2.RawSymmetric().Data, own.RawSymmetric().Data)
		if asked == 0 {
			t.Errorf("%s: what the game offers is not used", name)
		}
	}
	full := Numeric(plain)
	full.JVP(jv, x, make([]float64, 3))
	if sumSquares(jv) != 0 {
		t.Errorf("J times 0 is %v", jv)
	}
	if Numeric(g) != FullGame(g) || Numeric(full) != full {
		t.Error("a full game is wrapped")
	}
	wantPanics(t, map[string]func(){
		"Jacobian":    func() { full.Jacobian(mat.NewDense(2, 3, nil), x) },
		"own Hessian": func() { full.OwnHessian(mat.NewSymDense(3, nil), 0, x) },
		"polynomial":  func() { g.Jacobian(mat.NewDense(2, 3, nil), x) },
		"Hessian":     func() { g.Hessian(mat.NewSymDense(2, nil), 0, x) },
	})
}

func TestPotentialGame(t *testing.T) {
	phi, err := ParsePoly("x^4 + y^4 + x*y", "x", "y")
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewPotentialGame([]int{1, 1}, phi)
	if err != nil {
		t.Fatal(err)
	}
	if g.Phi() != phi || g.Dim() != 2 || g.Degree() != 4 {
		t.Errorf("potential %v, dimension %d, degree %d", g.Phi(), g.Dim(), g.Degree())
	}
	x := []float64{0.5, -2}
	grad, xi := make([]float64, 2), make([]float64, 2)
	e := g.EnergyGrad(grad, x)
	g.Field(xi, x)
	if want := 0.0625 + 16 - 1; e != want || g.EnergyGrad(nil, x) != want || g.Potential(x) != want {
		t.Errorf("potential %v, want %v", e, want)
	}
	if grad[0] != 4*0.125-2 || grad[1] != -32+0.5 || grad[0] != xi[0] || grad[1] != xi[1] {
		t.Errorf("gradient %v, field %v", grad, xi)
	}
	if _, err := NewPotentialGame([]int{1, 0}, phi); !errors.Is(err, ErrShape) {
		t.Errorf("empty player: error %v", err)
	}
	if _, err := NewPotentialGame([]int{1, 1}, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("nil potential: error %v", err)
	}
	exact := g.Rat()
	if len(exact.Blocks()) != 2 || exact.String() != "l1 = x^4 + y^4 + x*y\nl2 = x^4 + y^4 + x*y" {
		t.Errorf("exact game %v", exact)
	}
}

// TestDecompositionNames keeps the names that appear in messages.
func TestDecompositionNames(t *testing.T) {
	for d, want := range map[Decomposition]string{ScalarFirst: "ScalarFirst", VectorFirst: "VectorFirst", ThreeWay: "ThreeWay", 7: "Decomposition(7)"} {
		if d.String() != want {
			t.Errorf("%d is called %v, want %s", int(d), d, want)
		}
	}
}

func TestRatGameBadInput(t *testing.T) {
	p := NewRatPoly(2)
	for name, c := range map[string]struct {
		blocks []int
		losses []*RatPoly
		want   error
	}{
		"no players": {nil, nil, ErrShape},
		"few losses": {[]int{1, 1}, []*RatPoly{p}, ErrShape},
		"nil loss":   {[]int{2}, []*RatPoly{nil}, ErrArgument},
		"variables":  {[]int{3}, []*RatPoly{p}, ErrShape},
	} {
		if _, err := NewRatPolynomial(c.blocks, c.losses); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	if _, err := ParseRatGame([]int{1, 1}, []string{"x", "y"}, "x"); !errors.Is(err, ErrShape) {
		t.Errorf("few names: error %v", err)
	}
	if _, err := ParseGame([]int{1, 1}, []string{"x", "w"}); !errors.Is(err, ErrSyntax) {
		t.Errorf("unknown name: error %v", err)
	}
	if _, err := ParseGame([]int{0}, []string{"x"}); !errors.Is(err, ErrShape) {
		t.Errorf("empty player: error %v", err)
	}
	huge, err := ParseRatGame([]int{1}, []string{"10^200 * 10^200 x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := huge.Float(); !errors.Is(err, ErrNotFinite) {
		t.Errorf("coefficient too large: error %v", err)
	}
}
