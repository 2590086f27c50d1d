package game

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// allMethods are all methods with an iteration matrix.
func allMethods() []Method {
	return []Method{
		GD{}, AltGD{}, Extragradient{}, Optimistic{}, Popov{}, Proximal{}, HeavyBall{Beta: 0.3}, HeavyBall{Beta: -0.3},
		HeavyBall{Beta: -0.5, Alternating: true}, Consensus{Gamma: 0.3}, SGA{}, SGA{Align: true}, Newton{}, LookAhead{Alpha: 0.2},
		LOLA{Alpha: 0.2}, LOLA{Alpha: 0.2, Variant: Published}, LOLA{Alpha: 0.2, Variant: Exact}, SOS{Alpha: 0.2},
		CGD{}, CGD{Lambda: 1e-3}, LSS{Lambda: 1e-3},
	}
}

// randomQuadratic is a quadratic game of three players with five coordinates, with an
// equilibrium at 0.
func randomQuadratic(seed uint64) *Polynomial {
	r := rand.New(philox.NewSource(seed, 0))
	blocks := []int{2, 1, 2}
	var q []mat.Symmetric
	for range blocks {
		s := mat.NewSymDense(5, nil)
		for k := range 5 {
			for l := k; l < 5; l++ {
				s.SetSym(k, l, r.NormFloat64())
			}
			s.SetSym(k, k, 2+s.At(k, k))
		}
		q = append(q, s)
	}
	return must(Quadratic(blocks, q, make([][]float64, 3)))
}

// TestLinearMaps compares the iteration matrix of every method with the steps of its
// integrator on a quadratic game, with different rates of the players.
func TestLinearMaps(t *testing.T) {
	g := randomQuadratic(5)
	l := must(Linearise(g, make([]float64, 5)))
	if kernel.MaxAbs(l.Bend.RawMatrix().Data) != 0 {
		t.Error("Bend is not zero on a quadratic game")
	}
	rates, eta := []float64{1, 0.5, 2}, 0.03
	scaledRates := []float64{eta, 0.5 * eta, 2 * eta}
	x0 := []float64{0.3, -0.2, 0.5, 0.1, -0.4}
	for _, m := range allMethods() {
		if _, ok := m.(SOS); ok {
			continue // away from 0 the shaping counts; see TestLocalMatrices
		}
		if s, ok := m.(SGA); ok && s.Align {
			continue // its sign depends on x
		}
		a, err := m.LinearMap(l, scaledRates...)
		if err != nil {
			t.Fatalf("%s: %v", m.Name(), err)
		}
		x := iterate(t, m, g, x0, 3, eta, rates...)
		d, _ := a.Dims()
		state := append([]float64(nil), x0...)
		if d == 10 {
			state = append(state, x0...) // x_{-1} or y_{-1} = x_0
		}
		for k := 1; k <= 3; k++ {
			next := make([]float64, d)
			mulVec(next, a, state)
			state = next
			if e := farthest(state[:5], x[k]); e > 1e-13 {
				t.Errorf("%s %+v, step %d: %v by the matrix, %v by the method", m.Name(), m, k, state[:5], x[k])
				break
			}
		}
	}
}

// TestLocalMatrices: at an equilibrium of a game that is not quadratic the matrix is the
// derivative of the update, third derivatives included.
func TestLocalMatrices(t *testing.T) {
	g := must(ParseGame([]int{1, 1}, []string{"1/2 x^2 + x y + x^2 y + 3 y", "y^2 - 2 x y + x y^2 - 2 x + 1/2 x^2 + x^2 y"}))
	star := must(FindCritical(g, []float64{0.1, 0.1}, CriticalOptions{}))
	l := must(Linearise(g, star))
	if kernel.MaxAbs(l.Bend.RawMatrix().Data) < 0.1 {
		t.Fatal("third derivatives do not matter here")
	}
	const h, eta = 1e-4, 0.1
	for _, m := range allMethods() {
		a, err := m.LinearMap(l, eta)
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := a.Dims(); d != 2 {
			continue
		}
		for k := range 2 {
			at := func(d float64) []float64 {
				x := append([]float64(nil), star...)
				x[k] += d
				return iterate(t, m, g, x, 1, eta)[1]
			}
			up, down := at(h), at(-h)
			for i := range 2 {
				if d := (up[i] - down[i]) / (2 * h); math.Abs(d-a.At(i, k)) > 2e-6 {
					t.Errorf("%s: derivative (%d, %d) of the update is %v, the matrix has %v", m.Name(), i, k, d, a.At(i, k))
				}
			}
		}
	}
}

// TestBilinearRates are the closed forms of the table of methods, u = ηs.
func TestBilinearRates(t *testing.T) {
	const s = 1.7
	l := must(Linearise(bilinear2(s), []float64{0, 0}))
	for _, u := range []float64{0.05, 0.2, 0.4, 0.55, 0.8, 1.1} {
		eta := u / s
		gam, alpha := 0.3, 0.2
		eg2 := 1 - u*u + u*u*u*u
		ogda := math.Sqrt((1 + math.Sqrt(max(0, 1-4*u*u))) / 2)
		if u > 0.5 { // complex roots of λ² - (1-2iu)λ - iu
			ogda = math.NaN()
		}
		co := math.Hypot(1-eta*gam*s*s, u)
		for _, c := range []struct {
			m    Method
			want float64
		}{
			{GD{}, math.Hypot(1, u)}, {AltGD{}, 1}, {Extragradient{}, math.Sqrt(eg2)},
			{Optimistic{}, ogda}, {Popov{}, ogda}, {Proximal{}, 1 / math.Hypot(1, u)}, {CGD{}, 1 / math.Hypot(1, u)},
			{Consensus{Gamma: gam}, co}, {SGA{Lambda: gam}, co}, {LookAhead{Alpha: alpha}, math.Hypot(1-eta*alpha*s*s, u)},
			{LOLA{Alpha: alpha}, math.Hypot(1-2*eta*alpha*s*s, u)}, {LOLA{Alpha: alpha, Variant: Published}, math.Hypot(1-eta*alpha*s*s, u)},
			{SOS{Alpha: alpha}, math.Hypot(1-eta*alpha*s*s, u)},
		} {
			if v := must(LocalRate(c.m, l, eta)); math.Abs(v-c.want) > 1e-12 {
				t.Errorf("%s at u = %v: ρ = %.15f, want %.15f", c.m.Name(), u, v, c.want)
			}
		}
	}
	// Simultaneous momentum never helps, alternating with β = -1/2 does for u < 1.
	for _, u := range []float64{0.1, 0.5, 0.9} {
		for beta := -0.95; beta < 1; beta += 0.05 {
			if v := must(LocalRate(HeavyBall{Beta: beta}, l, u/s)); v <= 1 {
				t.Errorf("heavy ball with β = %v at u = %v converges, ρ = %v", beta, u, v)
			}
		}
	}
	for u, want := range map[float64]float64{0.1: 0.99852, 0.5: 0.96254, 1: 1} {
		if v := must(LocalRate(HeavyBall{Beta: -0.5, Alternating: true}, l, u/s)); math.Abs(v-want) > 6e-6 {
			t.Errorf("alternating heavy ball at u = %v: ρ = %v, want %v", u, v, want)
		}
	}
}

// TestAdvise: on the rotation extragradient is best at u = 1/√2 with ρ² = 3/4, stable for
// u < 1, and optimistic descent stable for u < 1/√3.
func TestAdvise(t *testing.T) {
	const s = 0.8
	l := must(Linearise(bilinear2(s), []float64{0, 0}))
	a := must(Advise(l, GD{}, Extragradient{}, Optimistic{}, AltGD{}, Proximal{}))
	by := map[string]Advice{}
	for i, v := range a {
		by[v.Method.Name()] = v
		if i > 0 && v.Rate < a[i-1].Rate {
			t.Error("advice is not in order")
		}
	}
	if v := by["eg"]; math.Abs(v.Eta*s-math.Sqrt2/2) > 1e-6 || math.Abs(v.Rate-math.Sqrt(0.75)) > 1e-12 || math.Abs(v.Critical*s-1) > 1e-6 {
		t.Errorf("extragradient: %+v", v)
	}
	if v := by["ogda"]; math.Abs(v.Critical*s-1/math.Sqrt(3)) > 1e-6 || math.Abs(v.Eta*s-0.5) > 1e-3 || v.Rate > 0.7072 {
		t.Errorf("optimistic: %+v, at u = %v", v, v.Eta*s)
	}
	if v := by["gd"]; v.Critical != 0 || v.Rate < 1 {
		t.Errorf("gradient descent: %+v", v)
	}
	if v := by["altgd"]; v.Critical != 0 {
		t.Errorf("alternating: %+v", v)
	}
	if v := by["pp"]; !math.IsInf(v.Critical, 1) || v.Rate > 1e-2 {
		t.Errorf("proximal point: %+v", v)
	}
	// Gradient descent on a definite game: the critical step of the eigenvalues.
	g := must(NewCournot(10, 1, []float64{1, 2, 3}))
	v := must(Advise(must(Linearise(g, []float64{3, 2, 1})), GD{}))[0]
	if math.Abs(v.Critical-0.5) > 1e-9 || math.Abs(v.Eta-0.4) > 1e-6 || math.Abs(v.Rate-0.6) > 1e-6 {
		t.Errorf("Cournot: %+v, want η = .4, ρ = .6, critical .5", v)
	}
	if _, err := Advise(&Linear{Blocks: []int{1}, J: mat.NewDense(1, 1, nil)}, GD{}); !errors.Is(err, ErrArgument) {
		t.Errorf("zero Jacobian: %v", err)
	}
}

// TestAlternatingInvariant: x² + y² - u x y is conserved by alternating descent (x first).
func TestAlternatingInvariant(t *testing.T) {
	const u = 0.7
	inv := func(x []float64) float64 { return x[0]*x[0] + x[1]*x[1] - u*x[0]*x[1] }
	x := iterate(t, AltGD{}, bilinear2(1), []float64{1, 0.5}, 1000, u)
	for k, v := range x {
		if math.Abs(inv(v)/inv(x[0])-1) > 1e-12 {
			t.Fatalf("step %d: invariant %v, was %v", k, inv(v), inv(x[0]))
		}
	}
}

// TestSOSZeroProduct: where the shaping is orthogonal to ξ_0, p_1 is 1 and nothing is
// divided by zero.
func TestSOSZeroProduct(t *testing.T) {
	// l_1 and l_2 do not depend on the other player: χ = 0, the product is 0.
	g := must(ParseGame([]int{1, 1}, []string{"1/2 x^2", "y^2"}))
	x := iterate(t, SOS{}, g, []float64{1, 2}, 1, 0.1)
	if d := farthest(x[1], []float64{0.9, 1.6}); d > 1e-15 {
		t.Errorf("%v, want (.9, 1.6)", x[1])
	}
	// l_1 = xy, l_2 = 3x: ξ = ξ_0 = (y, 0), χ_1 = (D_1D_2 l_2)(D_2 l_1) = 0 and
	// χ_2 = (D_2D_1 l_1)(D_1 l_2) = 3 are orthogonal.
	h := must(ParseGame([]int{1, 1}, []string{"x y", "3 x"}))
	y := iterate(t, SOS{}, h, []float64{0.5, 2}, 1, 0.1)
	if d := farthest(y[1], []float64{0.3, 2 + 0.1*3}); d > 1e-15 {
		t.Errorf("%v, want the full shaping, (.3, 2.3)", y[1])
	}
}

// TestMethodBadInput: steps that are zero, negative or too many, and derivatives that do
// not exist.
func TestMethodBadInput(t *testing.T) {
	g := bilinear2(1)
	for _, m := range allMethods() {
		for _, rates := range [][]float64{{0}, {-1}, {math.NaN()}, {math.Inf(1)}} {
			if _, err := m.Integrator(g, rates...); !errors.Is(err, ErrArgument) {
				t.Errorf("%s with rates %v: %v", m.Name(), rates, err)
			}
		}
		if _, err := m.Integrator(g, 1, 2, 3); !errors.Is(err, ErrShape) {
			t.Errorf("%s with three rates of two players: %v", m.Name(), err)
		}
		if _, err := m.Integrator(nil); !errors.Is(err, ErrArgument) {
			t.Errorf("%s on a nil game: %v", m.Name(), err)
		}
		l := must(Linearise(g, []float64{0, 0}))
		if _, err := m.LinearMap(l, -1); !errors.Is(err, ErrArgument) {
			t.Errorf("%s: matrix for η = -1: %v", m.Name(), err)
		}
		if _, err := m.LinearMap(l, 1, 2, 3); !errors.Is(err, ErrShape) {
			t.Errorf("%s: matrix for three rates: %v", m.Name(), err)
		}
		it := must(m.Integrator(g))
		for _, h := range []float64{0, -0.1, math.NaN()} {
			if _, err := flow.New(it, []float64{1, 1}, flow.Options[float64]{Controller: flow.Fixed{H: h}}); !errors.Is(err, flow.ErrArgument) {
				t.Errorf("%s with η = %v: %v", m.Name(), h, err)
			}
		}
		if _, err := flow.New(it, []float64{1, 1, 1}, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}}); err == nil {
			t.Errorf("%s accepts a start of the wrong length", m.Name())
		}
	}
	for name, m := range map[string]Method{
		"β = 1": HeavyBall{Beta: 1}, "β = NaN": HeavyBall{Beta: math.NaN()}, "γ": Consensus{Gamma: math.NaN()}, "λ": SGA{Lambda: math.Inf(1)},
		"α": LookAhead{Alpha: math.NaN()}, "variant": LOLA{Variant: 7}, "SOS": SOS{A: math.NaN()}, "LSS": LSS{Lambda: -1}, "CGD": CGD{Lambda: -1},
	} {
		if _, err := m.Integrator(g); !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// η = 1 makes I + ηH_o singular on l_1 = l_2 = xy, and J of tandem is.
	common := must(ParseGame([]int{1, 1}, []string{"x y", "x y"}))
	for _, c := range []struct {
		m Method
		g Game
	}{{CGD{}, common}, {Newton{}, NewTandem()}, {LSS{}, NewTandem()}} {
		r, err := flow.New(must(c.m.Integrator(c.g)), []float64{1, 0.5}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, MaxSteps: 5})
		if err == nil {
			_, err = r.Solve(bg)
		}
		if !errors.Is(err, ErrSingular) {
			t.Errorf("%s with a singular matrix: %v", c.m.Name(), err)
		}
	}
	iterate(t, CGD{Lambda: 1e-3}, common, []float64{1, 0.5}, 5, 1)
	iterate(t, LSS{Lambda: 1e-3}, NewTandem(), []float64{1, 0.5}, 5, 0.1)
}

// TestFindCriticalFailure: the last iterate and its residual come back.
func TestFindCriticalFailure(t *testing.T) {
	g := must(ParseGame([]int{1}, []string{"1/3 x^3 + x"})) // ξ = x² + 1
	x, err := FindCritical(g, []float64{0.7}, CriticalOptions{})
	var nc *NotConverged
	if !errors.As(err, &nc) || !errors.Is(err, ErrNotConverged) || !reflect.DeepEqual(x, nc.X) {
		t.Fatalf("x = %v, error %v", x, err)
	}
	if want := x[0]*x[0] + 1; math.Abs(nc.Residual-want) > 1e-12 || nc.Residual > 1.49 {
		t.Errorf("residual %v at %v", nc.Residual, x)
	}
	if _, err := FindCritical(NewTandem(), []float64{1, 2}, CriticalOptions{}); !errors.Is(err, ErrSingular) || !errors.Is(err, ErrNotConverged) {
		t.Errorf("singular J: %v", err)
	}
	if _, err := FindCritical(lqScalar(), []float64{0, 0}, CriticalOptions{}); !errors.Is(err, ErrUnstable) {
		t.Errorf("unstable start: %v", err)
	}
	if _, err := FindCritical(g, []float64{1, 2}, CriticalOptions{}); !errors.Is(err, ErrShape) {
		t.Errorf("wrong length: %v", err)
	}
	// The proximal point method says the same of its own equation.
	r := must(flow.New(must(Proximal{}.Integrator(must(ParseGame([]int{1}, []string{"-1/3 x^3 - x"})))), []float64{5}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, MaxSteps: 3}))
	if _, err := r.Solve(bg); err == nil || r.Status() != flow.Failed || r.Step().X[0] != 5 {
		t.Errorf("proximal point without solution: %v, %v, x = %v", err, r.Status(), r.Step().X)
	}
}

// TestMethodCheckpoint: a resumed run repeats the long one, bit for bit.
func TestMethodCheckpoint(t *testing.T) {
	g := quartic3(t)
	x0 := []float64{0.3, -0.7, 0.5}
	opt := flow.Options[float64]{Controller: flow.Fixed{H: 0.05}, MaxSteps: 30}
	for _, m := range allMethods() {
		long := iterate(t, m, g, x0, 30, 0.05)
		r := must(flow.New(must(m.Integrator(g)), x0, opt))
		for range 12 {
			r.Next(bg)
		}
		c, err := r.Checkpoint()
		if err != nil {
			t.Fatalf("%s: %v", m.Name(), err)
		}
		again, err := flow.Resume(must(m.Integrator(g)), c, opt)
		if err != nil {
			t.Fatalf("%s: %v", m.Name(), err)
		}
		s, err := again.Solve(bg)
		if err != nil || !reflect.DeepEqual(s.X, long[30]) {
			t.Errorf("%s: resumed run ends in %v (%v), the long one in %v", m.Name(), s.X, err, long[30])
		}
	}
}
