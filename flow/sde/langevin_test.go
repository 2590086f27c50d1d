package sde

import (
	"math"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

const samples = 100_000

// quadratic is E = λ|x|²/2.
func quadratic[T flow.Float](n int, lambda float64) flow.Energy[T] {
	return flow.EnergyFunc(n, func(g, x []T) float64 {
		e := 0.0
		for i, v := range x {
			if g != nil {
				g[i] = T(lambda) * v
			}
			e += lambda / 2 * float64(v) * float64(v)
		}
		return e
	})
}

// TestLangevinLaw: on a quadratic energy every step of EulerMaruyama is linear,
// with mean a^k x0 and variance 2h/β (1-a^2k)/(1-a²), a = 1-hλ.
func TestLangevinLaw(t *testing.T) { langevinLaw[float64](t) }

func TestLangevinLaw32(t *testing.T) { langevinLaw[float32](t) }

func langevinLaw[T flow.Float](t *testing.T) {
	const lambda, beta, h, steps = 1.5, 2.0, 0.1, 30
	s, err := Langevin(quadratic[T](samples, lambda), beta)
	if err != nil {
		t.Fatal(err)
	}
	x0 := make([]T, samples)
	for i := range x0 {
		x0[i] = 1
	}
	x := last(t, EulerMaruyama(s, Increments{Seed: 20}), x0, h, h*steps)
	a := 1 - h*lambda
	variance := 2 * h / beta * (1 - math.Pow(a, 2*steps)) / (1 - a*a)
	mean := 0.0
	for _, v := range x {
		mean += float64(v) / samples
	}
	within(t, "mean", mean, math.Pow(a, steps), math.Sqrt(variance), samples)
	within(t, "variance", covariance(x, x), variance, variance*math.Sqrt2, samples)
}

// TestOrnsteinUhlenbeckLaw: with drift -θx and additive noise SRA1 has the mean
// factor 1 - θh + (θh)²/2 a step; its law at T is that of the exact process to
// O(h²), far below the sampling error here.
func TestOrnsteinUhlenbeckLaw(t *testing.T) {
	const theta, sigma, end = 1.0, 0.8, 1.0
	drift := flow.FieldFunc(samples, func(dst, x []float64, _ float64) {
		for i, v := range x {
			dst[i] = -theta * v
		}
	})
	s := Func(drift, Noise{Additive: true}, func(dst, _ []float64, _ float64) {
		for i := range dst {
			dst[i] = sigma
		}
	})
	variance := sigma * sigma / (2 * theta) * (1 - math.Exp(-2*theta*end))
	for name, it := range map[string]flow.Integrator[float64]{
		"SRA1": SRA1(s, Increments{Seed: 21}), "SRI1W1": SRI1W1(s, Increments{Seed: 22}), "WeakPlaten": WeakPlaten(s, mustTree(t, 23, 0, 0, 1)),
	} {
		x := last(t, it, constant(samples, 2), 1./32, end)
		mean := 0.0
		for _, v := range x {
			mean += v / samples
		}
		within(t, name+" mean", mean, 2*math.Exp(-theta*end), math.Sqrt(variance), samples)
		within(t, name+" variance", covariance(x, x), variance, variance*math.Sqrt2, samples)
	}
}

// ubuStationary is the stationary covariance of UBU on E = λx²/2, by iterating
// its exact recursion z ← U K U z + noise on the 2x2 covariance.
func ubuStationary(lambda, gamma, u, h float64) (xx, xv, vv float64) {
	tau := h / 2
	e, f := math.Exp(-gamma*tau), (1-math.Exp(-gamma*tau))/gamma
	nx, nc, nv := OUCovariance(tau, gamma, u)
	free := func() {
		xx, xv, vv = xx+2*f*xv+f*f*vv+nx, e*xv+e*f*vv+nc, e*e*vv+nv
	}
	for range 2000 {
		free()
		k := -h * u * lambda
		xv, vv = xv+k*xx, vv+2*k*xv+k*k*xx
		free()
	}
	return xx, xv, vv
}

// TestKineticStationary: stationary covariances on a quadratic energy, in closed
// form: BAOAB's x is exact, its v has 1 - h²λu/4; UBU has 1 - h²λu/6 and
// 1 + h²λu/12, up to O(h⁴).
func TestKineticStationary(t *testing.T) {
	const lambda, gamma, u, h, steps = 2.0, 2.0, 0.5, 0.6, 20
	k, err := Underdamped(quadratic[float64](samples, lambda), gamma, u)
	if err != nil {
		t.Fatal(err)
	}
	xx, xv, vv := ubuStationary(lambda, gamma, u, h)
	near(t, "UBU var x by its expansion", xx*lambda, 1-h*h*lambda*u/6, 0.1*math.Pow(h, 4))
	near(t, "UBU var v by its expansion", vv/u, 1+h*h*lambda*u/12, 0.1*math.Pow(h, 4))
	for _, c := range []struct {
		name       string
		it         flow.Integrator[float64]
		xx, xv, vv float64
	}{
		{"BAOAB", BAOAB(k, Increments{Seed: 30}), 1 / lambda, 0, u * (1 - h*h*lambda*u/4)},
		{"UBU", UBU(k, Increments{Seed: 31}), xx, xv, vv},
	} {
		z := last(t, c.it, make([]float64, 2*samples), h, h*steps)
		x, v := z[:samples], z[samples:]
		within(t, c.name+" Var x", covariance(x, x), c.xx, c.xx*math.Sqrt2, samples)
		within(t, c.name+" Var v", covariance(v, v), c.vv, c.vv*math.Sqrt2, samples)
		within(t, c.name+" Cov(x, v)", covariance(x, v), c.xv, math.Sqrt(c.xx*c.vv), samples)
	}
}

// TestFreeKinetic: without force one step of BAOAB and of UBU is exact in law,
// however long.
func TestFreeKinetic(t *testing.T) {
	const gamma, u, h = 1.3, 0.7, 2.5
	k, err := Underdamped(quadratic[float64](samples, 0), gamma, u)
	if err != nil {
		t.Fatal(err)
	}
	vx, cov, vv := OUCovariance(h, gamma, u)
	z := last(t, UBU(k, Increments{Seed: 32}), make([]float64, 2*samples), h, h)
	x, v := z[:samples], z[samples:]
	within(t, "UBU Var x", covariance(x, x), vx, vx*math.Sqrt2, samples)
	within(t, "UBU Var v", covariance(v, v), vv, vv*math.Sqrt2, samples)
	within(t, "UBU Cov", covariance(x, v), cov, math.Sqrt(vx*vv+cov*cov), samples)
	z = last(t, BAOAB(k, Increments{Seed: 33}), make([]float64, 2*samples), h, h)
	v = z[samples:]
	within(t, "BAOAB Var v", covariance(v, v), vv, vv*math.Sqrt2, samples)
}

// TestDoubleWellStationary: E[x²] and E[x⁴] under exp(-E) by quadrature.
func TestDoubleWellStationary(t *testing.T) {
	var m [9]float64
	for x := -8.0; x <= 8; x += 1e-3 {
		p := math.Exp(-(x*x*x*x/4 - x*x/2))
		for i := range m {
			m[i] += p
			p *= x
		}
	}
	k, err := Underdamped(well[float64](samples), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Over 12 seeds at h = 0.2 the bias was 0.9 ± 0.3 of these standard errors;
	// it is of order h².
	z := last(t, BAOAB(k, Increments{Seed: 34}), make([]float64, 2*samples), 0.125, 10)
	var s2, s4 float64
	for _, v := range z[:samples] {
		s2 += v * v / samples
		s4 += v * v * v * v / samples
	}
	q2, q4 := m[2]/m[0], m[4]/m[0]
	within(t, "E[x²]", s2, q2, math.Sqrt(q4-q2*q2), samples)
	within(t, "E[x⁴]", s4, q4, math.Sqrt(m[8]/m[0]-q4*q4), samples)
}

// TestWithoutNoise: at γ = 0 both methods are symplectic, keep H and go forth and
// back; at β = +Inf the overdamped equation is the gradient flow.
func TestWithoutNoise(t *testing.T) {
	k, err := Underdamped(well[float64](1), 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	x0 := []float64{0.3, 0.4}
	h0, _ := k.EvalEnergy(nil, x0, 0)
	for name, it := range map[string]flow.Integrator[float64]{"BAOAB": BAOAB(k, Increments{}), "UBU": UBU(k, Increments{})} {
		z := last(t, it, x0, 0.01, 5)
		h1, _ := k.EvalEnergy(nil, z, 0)
		near(t, name+" H", h1, h0, 1e-4)
		z[1] = -z[1]
		z = last(t, it, z, 0.01, 5)
		near(t, name+" x back", z[0], x0[0], 1e-12)
		near(t, name+" v back", -z[1], x0[1], 1e-12)
	}
	s, err := Langevin(quadratic[float64](1, 3), math.Inf(1))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "gradient flow", last(t, Heun(s, nil), []float64{1}, 1./512, 1)[0], math.Exp(-3), 1e-5)
}

// TestEnergyOfSteps: the energy shown with a step is that of its state; UBU has
// it on request.
func TestEnergyOfSteps(t *testing.T) {
	k, err := Underdamped(well[float64](2), 1.5, 0.7)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Langevin(well[float64](2), 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, it := range everyMethod[float64](nil) {
		var ef flow.EnergyField[float64] = k
		switch {
		case strings.Contains(name, "Langevin"):
			ef = l.(flow.EnergyField[float64])
		case len(startFor[float64](name)) == 2:
			continue
		}
		for _, want := range []bool{false, true} {
			r, err := flow.New(it(), startFor[float64](name), flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, T1: 1, Energy: want})
			if err != nil {
				t.Fatal(err)
			}
			for s, err := range r.Steps(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				e, _ := ef.EvalEnergy(nil, s.X, s.T)
				if name == "UBU" && !want && s.K > 0 {
					if !math.IsNaN(s.Energy) {
						t.Errorf("UBU: energy %v, want NaN since nobody asked", s.Energy)
					}
					continue
				}
				near(t, name+" energy", s.Energy, e, 1e-13)
			}
		}
	}
}

// batch is a quadratic around a centre that is drawn for every step.
type batch struct{ c float64 }

func (*batch) Dim() int { return 1 }
func (b *batch) EnergyGrad(g, x []float64) float64 {
	if g != nil {
		g[0] = x[0] - b.c
	}
	return (x[0] - b.c) * (x[0] - b.c) / 2
}
func (b *batch) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Draw: func(step uint64) { b.c = math.Sin(float64(step * step)) }}
}

// TestMiniBatches: every step sees its own batch, in one gradient (two for
// BAOAB), and a resumed run draws the same ones.
func TestMiniBatches(t *testing.T) {
	const h, steps = 0.1, 20
	s, err := Langevin[float64](&batch{}, math.Inf(1))
	if err != nil {
		t.Fatal(err)
	}
	want := 2.0
	for k := range steps {
		want -= h * (want - math.Sin(float64(k*k)))
	}
	near(t, "SGLD without noise", last(t, EulerMaruyama(s, nil), []float64{2}, h, h*steps)[0], want, 1e-14)
	for _, m := range []struct {
		it    func() flow.Integrator[float64]
		x0    []float64
		evals int
	}{
		{func() flow.Integrator[float64] { s, _ := Langevin[float64](&batch{}, 1); return EulerMaruyama(s, nil) }, []float64{2}, 1},
		{func() flow.Integrator[float64] {
			k, _ := Underdamped[float64](&batch{}, 1, 1)
			return BAOAB(k, Increments{})
		}, []float64{2, 0}, 2},
		{func() flow.Integrator[float64] {
			k, _ := Underdamped[float64](&batch{}, 1, 1)
			return UBU(k, Increments{})
		}, []float64{2, 0}, 1},
	} {
		o := flow.Options[float64]{Controller: flow.Fixed{H: h}, T1: h * steps}
		r, err := flow.New(m.it(), m.x0, o)
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := sol.Stats.Evals - m.evals*steps; got < 0 || got > 1 {
			t.Errorf("%d gradients in %d steps, want %d each", sol.Stats.Evals, steps, m.evals)
		}
		sameResumed(t, "mini-batches", 7, m.it, m.x0, func() flow.Options[float64] { return o })
	}
}
