package sde

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestHeunStep is a step by hand, with coefficients that depend on the time.
func TestHeunStep(t *testing.T) {
	a := func(x, t float64) float64 { return math.Cos(t) - x }
	b := func(x, t float64) float64 { return 1 + t*x }
	s := Func(flow.FieldFunc(1, func(dst, x []float64, t float64) { dst[0] = a(x[0], t) }), Noise{Calculus: Stratonovich},
		func(dst, x []float64, t float64) { dst[0] = b(x[0], t) })
	const x0, t0, h, w = 0.4, 0.7, 0.3, -0.9
	r, err := flow.New(Heun(s, nodes(w/math.Sqrt(h))), []float64{x0}, flow.Options[float64]{Controller: flow.Fixed{H: h}, T0: t0, T1: t0 + h})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	y := x0 + h*a(x0, t0) + b(x0, t0)*w
	near(t, "Heun", sol.X[0], x0+h/2*(a(x0, t0)+a(y, t0+h))+w/2*(b(x0, t0)+b(y, t0+h)), 1e-15)
}

// TestCounts: drifts (gradients) a step, as documented; the start costs one more.
func TestCounts(t *testing.T) {
	const steps = 10
	for name, it := range everyMethod[float64](nil) {
		want := map[string]int{"Euler": 1, "Milst": 1, "Heun ": 2, "SRA1 ": 2, "SRI1W": 2, "WeakP": 2, "BAOAB": 1, "UBU": 1}[name[:min(5, len(name))]]
		if want == 0 {
			t.Fatalf("no count for %s", name)
		}
		x0 := startFor[float64](name)
		r, err := flow.New(it(), x0, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, MaxSteps: steps})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		extra := sol.Stats.Evals - want*steps
		// Without an energy the drift at the end of the last step is not needed.
		if extra < 0 || extra > 1 {
			t.Errorf("%s: %d evaluations in %d steps, want %d a step", name, sol.Stats.Evals, steps, want)
		}
	}
}

// flip is a jump that turns x around after every step.
type flip struct{}

func (flip) Limit(_ []float64, _, h float64) float64 { return h }
func (flip) Apply(x []float64, _, _ float64, _ uint64) (bool, error) {
	x[0] = -1.5 * x[0]
	return true, nil
}

// TestJumpVoidsDrift: after a jump the drift is that of the new state.
func TestJumpVoidsDrift(t *testing.T) {
	e := quadratic[float64](1, 1)
	l, err := Langevin(e, math.Inf(1))
	if err != nil {
		t.Fatal(err)
	}
	k, err := Underdamped(e, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	const h, steps = 0.1, 5
	o := flow.Options[float64]{Controller: flow.Fixed{H: h}, MaxSteps: steps, Jump: flip{}}
	euler, leapfrog := 1.0, []float64{1, 0}
	for range steps {
		euler = -1.5 * (euler - h*euler)
		v := leapfrog[1] - h/2*leapfrog[0]
		x := leapfrog[0] + h*v
		leapfrog[0], leapfrog[1] = -1.5*x, v-h/2*x
	}
	for _, c := range []struct {
		it   flow.Integrator[float64]
		x0   []float64
		want []float64
	}{
		{EulerMaruyama(l, nil), []float64{1}, []float64{euler}},
		{BAOAB(k, Increments{}), []float64{1, 0}, leapfrog},
	} {
		r, err := flow.New(c.it, c.x0, o)
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			near(t, "state after jumps", sol.X[i], want, 1e-14)
		}
	}
}

// TestStepSizeChange: a step is a function of its own size, whatever was tried
// before.
func TestStepSizeChange(t *testing.T) {
	for name, it := range everyMethod[float64](nil) {
		x := startFor[float64](name)
		try := func(sizes ...float64) []float64 {
			m, next := it(), make([]float64, len(x))
			var tr flow.Trial
			if err := m.Init(flow.Start[float64]{X: x, Dir: 1}, &tr); err != nil {
				t.Fatal(err)
			}
			for _, h := range sizes {
				m.Try(&tr, next, x, 0, h)
			}
			return next
		}
		want := try(0.2)
		for i, got := range try(0.1, 0.3, 0.2) {
			if got != want[i] {
				t.Errorf("%s: after other sizes the step goes to %v, want %v", name, got, want[i])
			}
		}
	}
}

// TestKineticSlope: the slope of H along the drift, by a central difference.
func TestKineticSlope(t *testing.T) {
	k, err := Underdamped(well[float64](1), 1.3, 0.6)
	if err != nil {
		t.Fatal(err)
	}
	const eps = 1e-5
	x, d := []float64{0.7, -0.4}, make([]float64, 2)
	h0, slope := k.EvalEnergy(d, x, 0)
	up, _ := k.EvalEnergy(nil, []float64{x[0] + eps*d[0], x[1] + eps*d[1]}, 0)
	down, _ := k.EvalEnergy(nil, []float64{x[0] - eps*d[0], x[1] - eps*d[1]}, 0)
	near(t, "slope", slope, (up-down)/(2*eps), 1e-8)
	near(t, "H", h0, 0.7*0.7*0.7*0.7/4-0.7*0.7/2+0.4*0.4/1.2, 1e-15)
	for name, it := range map[string]flow.Integrator[float64]{"BAOAB": BAOAB(k, Increments{}), "UBU": UBU(k, Increments{})} {
		r, err := flow.New(it, x, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, MaxSteps: 3, Energy: true})
		if err != nil {
			t.Fatal(err)
		}
		for s, err := range r.Steps(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			e, slope := k.EvalEnergy(d, s.X, 0)
			near(t, name+" energy", s.Energy, e, 1e-14)
			near(t, name+" slope", s.Slope, slope, 1e-14)
		}
	}
}
