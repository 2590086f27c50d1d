package game

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// lqMatrix is the game lq_matrix of canonical.json.
func lqMatrix() *LQ {
	return must(NewLQ(LQSystem{
		A: mat.NewDense(2, 2, []float64{0.588, 0.028, 0.57, 0.056}),
		B: []*mat.Dense{mat.NewDense(2, 1, []float64{1, 1}), mat.NewDense(2, 1, []float64{0, 1})},
		Q: []*mat.Dense{mat.NewDense(2, 2, []float64{0.01, 0, 0, 1}), mat.NewDense(2, 2, []float64{1, 0, 0, 0.147})},
		R: []*mat.Dense{mat.NewDense(1, 1, []float64{0.01}), mat.NewDense(1, 1, []float64{0.01})},
	}))
}

func lqScalar() *ScalarLQ {
	return must(NewScalarLQ(1.1, []float64{0.5, 0.8}, []float64{1, 0.5}, []float64{1, 2}))
}

// canonicalGames are all canonical games.
func canonicalGames() map[string]Game {
	r := rand.New(philox.NewSource(3, 0))
	k := make([][]float64, 4)
	for i := range k {
		k[i] = []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
	}
	wide := must(NewLQ(LQSystem{ // players with 2 and 1 inputs, another start
		A:     mat.NewDense(2, 2, []float64{0.7, 0.1, -0.2, 0.6}),
		B:     []*mat.Dense{mat.NewDense(2, 2, []float64{1, 0.5, 0, 0.3}), mat.NewDense(2, 1, []float64{0.2, 1})},
		Q:     []*mat.Dense{mat.NewDense(2, 2, []float64{1, 0.2, 0.2, 1}), mat.NewDense(2, 2, []float64{0.5, 0, 0, 2})},
		R:     []*mat.Dense{mat.NewDense(2, 2, []float64{1, 0.1, 0.1, 2}), mat.NewDense(1, 1, []float64{0.5})},
		Start: mat.NewDense(2, 2, []float64{2, 0.3, 0.3, 1}),
	}))
	return map[string]Game{
		"bilinear": must(NewBilinear(mat.NewDense(2, 3, []float64{1, -2, 0.5, 0.3, 1, -1}))),
		"tandem":   NewTandem(), "pennies": NewSoftmaxPennies(),
		"gan": NewDiracGAN(Logistic), "wgan": NewDiracGAN(Wasserstein),
		"cournot": must(NewCournot(10, 1, []float64{1, 2, 3})),
		"ipd":     must(NewIPD(IPDOptions{})),
		"ipd own": must(NewIPD(IPDOptions{Gamma: 0.8, Unscaled: true, OwnPerspective: true, Loss: [4]float64{1, 4, -0.5, 2}})),
		"lq":      lqScalar(), "lq matrix": lqMatrix(), "lq wide": wide, "abc": abcGame(),
		"phases": must(NewPhases(k, []float64{0.1, -0.2, 0.3, 0})),
	}
}

// bare hides all capabilities of a game, so that Numeric differentiates it.
type bare struct{ g Game }

func (b bare) Blocks() []int           { return b.g.Blocks() }
func (b bare) Losses(dst, x []float64) { b.g.Losses(dst, x) }
func (b bare) Field(dst, x []float64)  { b.g.Field(dst, x) }

// TestCanonicalDerivatives compares every derivative of every canonical game with
// differences: the field with those of losses, J with those of the field, Hessians with
// those of gradients, and the products with J.
func TestCanonicalDerivatives(t *testing.T) {
	for name, g := range canonicalGames() {
		r := rand.New(philox.NewSource(7, 0))
		full, ok := g.(FullGame)
		if !ok {
			t.Errorf("%s has not all derivatives", name)
			continue
		}
		n, players := Dim(g), len(g.Blocks())
		x, u := make([]float64, n), make([]float64, n)
		for k := range x {
			x[k], u[k] = 0.2*r.NormFloat64()+0.05, r.NormFloat64()
		}
		switch name { // away from the edge of stability
		case "lq":
			x = []float64{0.6, 0.3}
		case "lq matrix":
			x = []float64{0.3, 0.05, 0.2, -0.1}
		}
		at := starts(g.Blocks())
		grad, num, xi := make([]float64, n), make([]float64, n), make([]float64, n)
		full.Field(xi, x)
		for i := range players {
			full.Gradient(grad, i, x)
			if d := farthest(grad[at[i]:at[i+1]], xi[at[i]:at[i+1]]); d > 1e-15 {
				t.Errorf("%s: own part of gradient %d and field differ by %.2g", name, i, d)
			}
			differentiate(num, g, i, x)
			if d := farthest(grad, num); d > 2e-8*(1+kernel.MaxAbs(grad)) {
				t.Errorf("%s: gradient %d %v, differences %v", name, i, grad, num)
			}
		}
		j, jn := mat.NewDense(n, n, nil), mat.NewDense(n, n, nil)
		full.Jacobian(j, x)
		Numeric(bare{g}).Jacobian(jn, x)
		if d := farthest(j.RawMatrix().Data, jn.RawMatrix().Data); d > 1e-8*(1+mat.Norm(j, 2)) {
			t.Errorf("%s: Jacobian off by %.2g", name, d)
		}
		want := make([]float64, n)
		full.JVP(num, x, u)
		mulVec(want, j, u)
		if d := farthest(num, want); d > 1e-12*(1+mat.Norm(j, 2)) {
			t.Errorf("%s: JVP off by %.2g", name, d)
		}
		full.VJP(num, x, u)
		mulVec(want, j.T(), u)
		if d := farthest(num, want); d > 1e-12*(1+mat.Norm(j, 2)) {
			t.Errorf("%s: VJP off by %.2g", name, d)
		}
		for i := range players {
			h, hn := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
			full.Hessian(h, i, x)
			Numeric(struct {
				bare
				Gradienter
			}{bare{g}, full}).Hessian(hn, i, x)
			for k := range n {
				for l := range n {
					if math.Abs(h.At(k, l)-hn.At(k, l)) > 1e-8*(1+mat.Norm(h, 2)) {
						t.Errorf("%s: Hessian %d at (%d, %d) is %v, differences %v", name, i, k, l, h.At(k, l), hn.At(k, l))
					}
				}
			}
			d := g.Blocks()[i]
			own := mat.NewSymDense(d, nil)
			full.OwnHessian(own, i, x)
			for k := range d {
				for l := range d {
					if math.Abs(own.At(k, l)-h.At(at[i]+k, at[i]+l)) > 1e-12*(1+mat.Norm(h, 2)) {
						t.Errorf("%s: own Hessian %d differs from the Hessian", name, i)
					}
				}
			}
		}
		// The copy computes the same, and memory of derivatives does not go stale.
		c := g.(Cloner).Clone()
		y := append([]float64(nil), x...)
		y[0] += 0.01
		c.Field(num, y)
		g.Field(grad, y)
		g.Field(want, x)
		if farthest(num, grad) != 0 || farthest(want, xi) != 0 {
			t.Errorf("%s: the copy differs, or the field depends on the past", name)
		}
	}
}

// differentiate stores the gradient of a loss by differences of fourth order in dst.
func differentiate(dst []float64, g Game, player int, x []float64) {
	l := make([]float64, len(g.Blocks()))
	y := append([]float64(nil), x...)
	const h = 1e-3
	for k := range x {
		at := func(d float64) float64 {
			y[k] = x[k] + d
			g.Losses(l, y)
			return l[player]
		}
		dst[k] = (-at(2*h) + 8*at(h) - 8*at(-h) + at(-2*h)) / (12 * h)
		y[k] = x[k]
	}
}

// TestCanonicalReference compares with the smooth cases of canonical.json.
func TestCanonicalReference(t *testing.T) {
	var ref struct {
		Cases []struct {
			Name              string
			Nash, Profit, Eig any
			J                 any
			Critical          float64     `json:"gd_critical_step"`
			Phi               float64     `json:"phi_at_nash"`
			ClosedLoop        float64     `json:"closed_loop"`
			AtNash            []float64   `json:"loss_at_nash"`
			JNash             [][]float64 `json:"J_at_nash"`
			At                []float64
			Loss              []float64
			Xi                []float64
			Grad              [][][]float64
			K                 [][][]float64
			Cases             []struct {
				J        [][]float64
				Critical float64 `json:"gd_critical_step"`
			}
			X, AT, Chi, Ho []float64
			Radius         float64   `json:"spectral_radius"`
			ATXi           []float64 `json:"AT_xi"`
			HoXi           []float64 `json:"Ho_xi"`
		}
	}
	readFiniteJSON(t, "canonical.json", &ref)
	near := func(name string, got, want []float64) {
		t.Helper()
		if len(got) != len(want) || farthest(got, want) > 1e-12*(1+kernel.MaxAbs(want)) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	seen := 0
	for _, c := range ref.Cases {
		switch c.Name {
		case "cournot3":
			g := must(NewCournot(10, 1, []float64{1, 2, 3}))
			q, l := make([]float64, 3), make([]float64, 3)
			g.Nash(q)
			near("Nash", q, []float64{3, 2, 1})
			g.Losses(l, q)
			near("losses", l, []float64{-9, -4, -1})
			near("φ", []float64{g.Potential(q)}, []float64{c.Phi})
			near("critical step", []float64{g.CriticalStep(), must(GDCriticalStep(must(Linearise(g, q)).J))}, []float64{c.Critical, c.Critical})
			near("Newton", must(FindCritical(g, []float64{0, 0, 0}, CriticalOptions{})), q)
			seen++
		case "lq_scalar":
			g := lqScalar()
			l, xi := make([]float64, 2), make([]float64, 2)
			g.Losses(l, c.At)
			g.Field(xi, c.At)
			near("loss", l, c.Loss)
			near("ξ", xi, c.Xi)
			k := must(FindCritical(g, c.At, CriticalOptions{}))
			near("Nash", k, []float64{0.6601110684681872, 0.21927882733585002})
			near("closed loop", []float64{g.ClosedLoop(k)}, []float64{c.ClosedLoop})
			g.Losses(l, k)
			near("loss at Nash", l, c.AtNash)
			j := must(Linearise(g, k)).J
			for i, row := range c.JNash {
				near("J at Nash", j.RawRowView(i), row)
			}
			seen++
		case "lq_matrix":
			g := lqMatrix()
			x := append(append([]float64(nil), c.K[0][0]...), c.K[1][0]...)
			l, xi := make([]float64, 2), make([]float64, 4)
			g.Losses(l, x)
			g.Field(xi, x)
			near("loss", l, c.Loss)
			near("gradient", xi, append(append([]float64(nil), c.Grad[0][0]...), c.Grad[1][0]...))
			seen++
		case "classification2x2":
			for _, v := range c.Cases {
				j := mat.NewDense(2, 2, append(append([]float64(nil), v.J[0]...), v.J[1]...))
				near(fmt.Sprint(v.J), []float64{must(GDCriticalStep(j))}, []float64{v.Critical})
			}
			seen++
		case "quartic3_diagnostics":
			g := quartic3(t)
			p := newJet(g, needs{jacobian: true, products: true, gradients: true})
			p.x = c.X
			p.field()
			p.jacobian()
			p.gradients()
			near("ξ", p.xi, c.Xi)
			p.shaping(p.a)
			near("χ", p.a, c.Chi)
			p.other(p.a, p.xi)
			near("H_oξ", p.a, c.HoXi)
			d := make([]float64, 3)
			if err := (SGA{}).direction(d, p); err != nil {
				t.Error(err)
			}
			kernel.SubTo(d, d, p.xi)
			near("Aᵀξ", d, c.ATXi)
			seen++
		}
	}
	if seen != 5 {
		t.Errorf("%d smooth cases, want 5", seen)
	}
}

// TestInvariantsOfCanonicalGames integrates at tight tolerance.
func TestInvariantsOfCanonicalGames(t *testing.T) {
	for name, g := range canonicalGames() {
		inv, ok := g.(Invarianter)
		if !ok {
			continue
		}
		x0 := make([]float64, Dim(g))
		for k := range x0 {
			x0[k] = 0.5 + 0.1*float64(k)
		}
		s, err := flow.Solve(bg, must(Flow(g)), x0, flow.Options[float64]{Method: flow.DOP853, T1: 20, RelTol: 1e-12, AbsTol: 1e-13})
		if err != nil {
			t.Fatal(name, err)
		}
		for _, v := range inv.Invariants() {
			if d := math.Abs(v.Value(s.X)/v.Value(x0) - 1); d > 1e-9 {
				t.Errorf("%s: %s drifted by %.2g", name, v.Name, d)
			}
		}
	}
}

// TestPhases: symmetric couplings have the potential Phi, antisymmetric ones no
// divergence.
func TestPhases(t *testing.T) {
	x := []float64{0.3, -1, 2}
	sym := must(NewPhases([][]float64{{9, 1, -2}, {1, 9, 0.5}, {-2, 0.5, 9}}, []float64{0.1, 0.2, -0.3}))
	xi := make([]float64, 3)
	sym.Field(xi, x)
	const h = 1e-5
	for k := range x {
		y := append([]float64(nil), x...)
		y[k] += h
		up := sym.Phi(y)
		y[k] -= 2 * h
		if d := (up - sym.Phi(y)) / (2 * h); math.Abs(d-xi[k]) > 1e-9 {
			t.Errorf("∂φ/∂x_%d = %v, ξ = %v", k, d, xi[k])
		}
	}
	anti := must(NewPhases([][]float64{{0, 1, -2}, {-1, 0, 0.5}, {2, -0.5, 0}}, nil))
	j := mat.NewDense(3, 3, nil)
	anti.Jacobian(j, x)
	if d := mat.Trace(j); math.Abs(d) > 1e-15 || !math.IsNaN(anti.Phi(x)) {
		t.Errorf("divergence %v, φ = %v", d, anti.Phi(x))
	}
}

// TestCournotAdjustment: the critical step separates convergence from divergence (E8).
func TestCournotAdjustment(t *testing.T) {
	for n := 1; n <= 6; n++ {
		cost := make([]float64, n)
		g := must(NewCournot(10, 0.7, cost))
		nash := make([]float64, n)
		g.Nash(nash)
		x0 := make([]float64, n)
		for k := range x0 {
			x0[k] = nash[k] + 0.1
		}
		for _, c := range []struct {
			factor float64
			stable bool
		}{{0.98, true}, {1.02, false}} {
			x := iterate(t, GD{}, g, x0, 400, c.factor*g.CriticalStep())
			if got := farthest(x[400], nash) < farthest(x[0], nash); got != c.stable {
				t.Errorf("%d firms, %v of the critical step: approaches the equilibrium: %v, want %v", n, c.factor, got, c.stable)
			}
		}
	}
}

// TestLQBadPoints: an unstable closed loop has the loss +Inf and an error, that runs see.
func TestLQBadPoints(t *testing.T) {
	for name, c := range map[string]struct {
		g interface {
			FullGame
			Failing
		}
		bad, good []float64
	}{
		"scalar": {lqScalar(), []float64{0, 0}, []float64{0.6, 0.2}},
		"edge":   {must(NewScalarLQ(1, []float64{1}, []float64{1}, []float64{1})), []float64{0}, []float64{0.5}},
		"matrix": {lqMatrix(), []float64{-3, 0, 0, 0}, []float64{0.3, 0.05, 0.2, -0.1}},
	} {
		l, xi := make([]float64, len(c.g.Blocks())), make([]float64, Dim(c.g))
		c.g.Losses(l, c.bad)
		c.g.Field(xi, c.bad)
		if !math.IsInf(l[0], 1) || !math.IsNaN(xi[0]) || !errors.Is(c.g.Err(), ErrUnstable) {
			t.Errorf("%s: losses %v, field %v, error %v at an unstable point", name, l, xi, c.g.Err())
		}
		it := must(GD{}.Integrator(c.g))
		r, err := flow.New(it, c.bad, flow.Options[float64]{Controller: flow.Fixed{H: 0.01}, MaxSteps: 3})
		if err == nil {
			_, err = r.Solve(bg)
		}
		if err == nil {
			t.Errorf("%s: a run from an unstable point has no error", name)
		}
		c.g.Losses(l, c.good)
		if c.g.Err() != nil || math.IsInf(l[0], 0) {
			t.Errorf("%s: losses %v, error %v at a stable point", name, l, c.g.Err())
		}
		// Policy gradient from a good point never crosses the edge unnoticed.
		r = must(flow.New(must(GD{}.Integrator(c.g)), c.good, flow.Options[float64]{Controller: flow.Fixed{H: 1e3}, MaxSteps: 5}))
		if _, err := r.Solve(bg); !errors.Is(err, ErrUnstable) {
			t.Errorf("%s: huge steps end with %v, want ErrUnstable", name, err)
		}
	}
}

// TestLyapunovEquation checks the doubling near the edge of stability.
func TestLyapunovEquation(t *testing.T) {
	s := lyapunov{kernel.NewMatrix[float64](1, 1), kernel.NewMatrix[float64](1, 1), kernel.NewMatrix[float64](1, 1)}
	x, w := kernel.NewMatrix[float64](1, 1), kernel.MatrixOf(1, 1, []float64{2})
	for _, f := range []float64{0, 0.5, -0.99, 1 - 1e-9} {
		if ok := s.solve(x, kernel.MatrixOf(1, 1, []float64{f}), w); !ok || math.Abs(x.At(0, 0)*(1-f)*(1+f)/2-1) > 1e-13/(1-math.Abs(f)) {
			t.Errorf("F = %v: X = %v (%v)", f, x.At(0, 0), ok)
		}
	}
	for _, f := range []float64{1, -1, 1.0001, 1e10} {
		if s.solve(x, kernel.MatrixOf(1, 1, []float64{f}), w) {
			t.Errorf("F = %v has a solution", f)
		}
	}
}

// TestCanonicalBadInput goes through the constructors.
func TestCanonicalBadInput(t *testing.T) {
	nan := math.NaN()
	one := mat.NewDense(1, 1, []float64{1})
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"bilinear nil":   {errOf(NewBilinear(nil)), ErrArgument},
		"bilinear NaN":   {errOf(NewBilinear(mat.NewDense(1, 1, []float64{nan}))), ErrNotFinite},
		"cournot empty":  {errOf(NewCournot(1, 1, nil)), ErrShape},
		"cournot slope":  {errOf(NewCournot(1, 0, []float64{1})), ErrArgument},
		"cournot NaN":    {errOf(NewCournot(1, 1, []float64{nan})), ErrNotFinite},
		"ipd gamma 1":    {errOf(NewIPD(IPDOptions{Gamma: 1})), ErrArgument},
		"ipd gamma 2":    {errOf(NewIPD(IPDOptions{Gamma: 2})), ErrArgument},
		"ipd gamma -1":   {errOf(NewIPD(IPDOptions{Gamma: -1})), ErrArgument},
		"ipd gamma NaN":  {errOf(NewIPD(IPDOptions{Gamma: nan})), ErrArgument},
		"ipd loss":       {errOf(NewIPD(IPDOptions{Loss: [4]float64{1, nan}})), ErrNotFinite},
		"lq lengths":     {errOf(NewScalarLQ(1, []float64{1}, []float64{1, 2}, []float64{1})), ErrShape},
		"lq no players":  {errOf(NewScalarLQ(1, nil, nil, nil)), ErrShape},
		"lq NaN":         {errOf(NewScalarLQ(nan, []float64{1}, []float64{1}, []float64{1})), ErrNotFinite},
		"LQ no players":  {errOf(NewLQ(LQSystem{A: one})), ErrShape},
		"LQ nil B":       {errOf(NewLQ(LQSystem{A: one, B: []*mat.Dense{nil}, Q: []*mat.Dense{one}, R: []*mat.Dense{one}})), ErrArgument},
		"LQ shape":       {errOf(NewLQ(LQSystem{A: one, B: []*mat.Dense{one}, Q: []*mat.Dense{mat.NewDense(1, 2, nil)}, R: []*mat.Dense{one}})), ErrShape},
		"abc NaN":        {errOf(NewABC(nan, 1, 1)), ErrNotFinite},
		"phases empty":   {errOf(NewPhases(nil, nil)), ErrShape},
		"phases row":     {errOf(NewPhases([][]float64{{1}, {2}}, nil)), ErrShape},
		"phases omega":   {errOf(NewPhases([][]float64{{1}}, []float64{1, 2})), ErrShape},
		"splitting n":    {errOf(VolumePreserving(1, []Pair{{}})), ErrArgument},
		"splitting pair": {errOf(VolumePreserving(3, []Pair{{I: 1, J: 1, Derivs: func([]float64) PairDerivs { return PairDerivs{} }}})), ErrArgument},
		"splitting nil":  {errOf(VolumePreserving(3, []Pair{{I: 0, J: 1}})), ErrArgument},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func errOf[V any](_ V, err error) error { return err }
