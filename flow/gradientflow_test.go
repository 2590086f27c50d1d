package flow

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// TestLedger compares energies with the references and the dissipation integral
// with the energy lost.
func TestLedger(t *testing.T) {
	var misc struct {
		Dissipation map[string]struct{ E0, E1 float64 }
	}
	readJSON(t, "misc.json", &misc)
	energies := map[string]struct {
		n int
		e func(g, x []float64) float64
	}{"logreg_flow": {3, logreg}, "rosenbrock_flow": {2, rosenbrock[float64]}, "allen_cahn": {allenN, allenCahn}}
	for name, c := range energies {
		p, ref := problems()[name], misc.Dissipation[name]
		for _, rtol := range []float64{1e-4, 1e-6, 1e-8} {
			for _, m := range []Method{BogackiShampine, DormandPrince} {
				sol, err := Solve(context.Background(), GradientFlow(EnergyFunc(c.n, c.e)), p.y0, Options[float64]{Method: m, T1: p.T, RelTol: rtol, AbsTol: rtol / 1000, Ledger: true})
				if err != nil {
					t.Fatal(err)
				}
				l := sol.Ledger
				if !(math.Abs(l.E0-ref.E0) <= 1e-13*ref.E0) || !(math.Abs(l.E1-ref.E1) <= 100*rtol*ref.E0) || l.E1 != sol.Energy {
					t.Errorf("%s %v %g: E0 = %.15g, E1 = %.15g, want %.15g, %.15g", name, m, rtol, l.E0, l.E1, ref.E0, ref.E1)
				}
				if d := l.Defect(); !(d <= 1000*rtol) || d == 0 {
					t.Errorf("%s %v %g: defect %.3g, want at most 1000 rtol", name, m, rtol, d)
				}
				if l.Rises != 0 {
					t.Errorf("%s %v %g: %d steps raised the energy", name, m, rtol, l.Rises)
				}
			}
		}
	}
}

// square is E = λ|x|²/2 with its Hessian.
type square struct {
	n      int
	lambda float64
}

func (s square) Dim() int { return s.n }
func (s square) EnergyGrad(g, x []float64) float64 {
	e := 0.0
	for i, v := range x {
		e += s.lambda / 2 * v * v
		if g != nil {
			g[i] = s.lambda * v
		}
	}
	return e
}
func (s square) Caps() Caps[float64] {
	return Caps[float64]{
		HessVec: func(dst, _, v []float64) {
			for i := range v {
				dst[i] = s.lambda * v[i]
			}
		},
		Radius: func([]float64, float64) float64 { return s.lambda },
		Draw:   func(uint64) {},
		Err:    func() error { return errors.New("square") },
	}
}

// TestMomentumODEs compares the heavy ball and Nesterov's ODE on a quadratic with
// their closed forms.
func TestMomentumODEs(t *testing.T) {
	var misc struct {
		Nesterov  []struct{ Lambda, T, X, V float64 }        `json:"nesterov_ode"`
		HeavyBall []struct{ Lambda, Gamma, T, X, V float64 } `json:"heavy_ball_ode"`
	}
	readJSON(t, "misc.json", &misc)
	o := Options[float64]{RelTol: 1e-11, AbsTol: 1e-13}
	quad := func(lambda float64) Energy[float64] {
		return EnergyFunc(1, square{1, lambda}.EnergyGrad)
	}
	for _, c := range misc.HeavyBall {
		o.T0, o.T1 = 0, c.T
		sol, err := Solve(context.Background(), HeavyBall(quad(c.Lambda), c.Gamma), []float64{1, 0}, o)
		if err != nil || !(math.Abs(sol.X[0]-c.X) < 1e-9) || !(math.Abs(sol.X[1]-c.V) < 1e-9*c.Lambda) {
			t.Errorf("heavy ball %+v: %v, %v", c, sol.X, err)
		}
	}
	for _, c := range misc.Nesterov {
		o.T0, o.T1 = 1e-3/math.Sqrt(c.Lambda), c.T
		x0, err := NesterovStart(quad(c.Lambda), []float64{1}, o.T0)
		if err != nil {
			t.Fatal(err)
		}
		sol, err := Solve(context.Background(), NesterovODE(quad(c.Lambda)), x0, o)
		if err != nil || !(math.Abs(sol.X[0]-c.X) < 1e-9) || !(math.Abs(sol.X[1]-c.V) < 1e-9*c.Lambda) {
			t.Errorf("Nesterov %+v: %v, %v", c, sol.X, err)
		}
	}
	for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := NesterovStart(quad(1), []float64{1}, bad); !errors.Is(err, ErrArgument) {
			t.Errorf("NesterovStart at t = %v: %v, want ErrArgument", bad, err)
		}
	}
	if _, err := NesterovStart(quad(1), []float64{1, 2}, 1); !errors.Is(err, ErrArgument) {
		t.Error("NesterovStart takes a start point of another length")
	}
}

// diagonal is the metric G = diag(d).
type diagonal []float64

func (d diagonal) SolveMetric(dst, g, _ []float64) {
	for i := range dst {
		dst[i] = g[i] / d[i]
	}
}

// TestSlopes compares dE/dt of every flow with a difference quotient along it.
func TestSlopes(t *testing.T) {
	e := EnergyFunc(2, rosenbrock[float64])
	for name, f := range map[string]EnergyField[float64]{
		"gradient":   GradientFlow(e),
		"natural":    NaturalFlow(e, Metric[float64](diagonal{2, 5})),
		"heavy ball": HeavyBall(e, 0.7),
		"Nesterov":   NesterovODE(e),
	} {
		x := []float64{-0.3, 0.8, 0.5, -1.1}[:f.Dim()]
		d, y := make([]float64, len(x)), make([]float64, len(x))
		const h, at = 1e-5, 1.3
		e0, slope := f.EvalEnergy(d, x, at)
		f.Eval(y, x, at)
		for i := range y {
			if y[i] != d[i] {
				t.Errorf("%s: Eval and EvalEnergy differ", name)
			}
		}
		side := func(s float64) float64 {
			for i := range x {
				y[i] = x[i] + s*h*d[i]
			}
			v, none := f.EvalEnergy(nil, y, at)
			if !math.IsNaN(none) {
				t.Errorf("%s: slope %v without f", name, none)
			}
			return v
		}
		if want := (side(1) - side(-1)) / (2 * h); !(math.Abs(slope-want) <= 1e-4*math.Abs(want)) {
			t.Errorf("%s: slope %v, difference quotient %v", name, slope, want)
		}
		if z := side(0); z != e0 {
			t.Errorf("%s: E = %v alone, %v with f", name, z, e0)
		}
	}
}

// TestCapsTranslated: nothing that the energy can do is hidden by the flow.
func TestCapsTranslated(t *testing.T) {
	s := square{3, 4}
	x := []float64{1, 2, 3, 0, 0, 0}
	v := []float64{1, 0, -1, 2, 3, 4}
	for name, f := range map[string]EnergyField[float64]{
		"gradient": GradientFlow[float64](s), "natural": NaturalFlow[float64](s, diagonal{1, 2, 3}),
		"heavy ball": HeavyBall[float64](s, 0.5), "Nesterov": NesterovODE[float64](s),
	} {
		c := CapsOf[float64](f)
		if c.Draw == nil || c.Err == nil || c.Err().Error() != "square" {
			t.Errorf("%s hides mini-batches or failures", name)
		}
		if c.Descends != (name == "gradient") || c.Autonomous == (name == "Nesterov") {
			t.Errorf("%s: Descends %t, Autonomous %t", name, c.Descends, c.Autonomous)
		}
		if c.JacVec == nil {
			if name != "natural" {
				t.Errorf("%s hides the Hessian", name)
			}
			continue
		}
		n := f.Dim()
		jv, p, m := make([]float64, n), make([]float64, n), make([]float64, n)
		c.JacVec(jv, x[:n], v[:n], 2)
		y := make([]float64, n)
		for i := range y {
			y[i] = x[i] + v[i]
		}
		f.Eval(p, y, 2)
		f.Eval(m, x[:n], 2)
		for i := range jv {
			if !(math.Abs(jv[i]-(p[i]-m[i])) < 1e-12) { // linear fields
				t.Errorf("%s: Jv[%d] = %v, want %v", name, i, jv[i], p[i]-m[i])
			}
		}
	}
	inv := CapsOf[float64](HeavyBall[float64](s, 0)).Invariants
	if len(inv) != 1 || inv[0].Value(x) != 28 {
		t.Errorf("the undamped heavy ball conserves %v, want its energy, 28", inv)
	}
}

// TestGradientFlowQuadratic follows random quadratics to their closed form in
// float64 and float32.
func TestGradientFlowQuadratic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		lambda, x0, t1 := 0.1+3*rng.Float64(), rng.NormFloat64(), 2*rng.Float64()
		want := x0 * math.Exp(-lambda*t1)
		sol, err := Solve(context.Background(), GradientFlow[float64](EnergyFunc(1, square{1, lambda}.EnergyGrad)), []float64{x0}, Options[float64]{T1: t1, RelTol: 1e-9, AbsTol: 1e-12})
		if err != nil || !(math.Abs(sol.X[0]-want) <= 1e-8*math.Abs(x0)) {
			t.Errorf("float64: %v, %v, want %v", sol.X, err, want)
		}
		e := EnergyFunc(1, func(g, x []float32) float64 {
			if g != nil {
				g[0] = float32(lambda) * x[0]
			}
			return lambda / 2 * float64(x[0]) * float64(x[0])
		})
		sol32, err := Solve(context.Background(), GradientFlow(e), []float32{float32(x0)}, Options[float32]{T1: t1})
		if err != nil || !(math.Abs(float64(sol32.X[0])-want) <= 1e-5*math.Abs(x0)) {
			t.Errorf("float32: %v, %v, want %v", sol32.X, err, want)
		}
	}
}
