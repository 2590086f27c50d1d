package flow

import (
	"context"
	"math"
	"testing"
)

// TestStiffDenseOutput follows x = cos t, to which x' = -λ(u + u³) - sin t, u = x - cos t,
// is attracted at a rate λ so large that the error of the methods themselves is about
// 1/λ, and times λ no larger than the slope. What Newton's iteration leaves, 0.01 of the
// tolerance, would be 10 to 1e5 times the slope in f(t, x): dense output must not see it. Its error is that of the Hermite polynomial through
// exact values and slopes, the error at the ends, and for methods whose stages are
// of order 1 an error of the slope of h|x”|/2 or so, which the polynomial takes
// times θ(1-θ)²h <= 4h/27.
func TestStiffDenseOutput(t *testing.T) {
	for m, stageOrder := range map[Method]int{TRBDF2: 2, KenCarp4: 2, RadauIIA5: 3, SDIRK4: 1, ImplicitEuler: 1} {
		for _, lambda := range []float64{1e6, 1e8} {
			for _, cubic := range []float64{0, 1} {
				for _, tol := range []float64{1e-4, 1e-7} {
					f := FieldFunc(1, func(d, x []float64, t float64) {
						u := x[0] - math.Cos(t)
						d[0] = -lambda*(u+cubic*u*u*u) - math.Sin(t)
					})
					ends, inside, bound := 0.0, 0.0, 0.0
					for s, err := range Steps(context.Background(), f, []float64{1}, Options[float64]{Method: m, T1: 10, RelTol: tol, AbsTol: tol, Dense: true}) {
						if err != nil {
							t.Fatal(err)
						}
						ends = max(ends, math.Abs(s.X[0]-math.Cos(s.T)))
						if s.K == 0 {
							continue
						}
						t0 := s.T - s.H
						for _, theta := range []float64{0.2, 0.5, 0.8} {
							x, at := []float64{0}, t0+theta*s.H
							if err := s.At(x, at); err != nil {
								t.Fatal(err)
							}
							c, d := theta*theta*(3-2*theta), theta*(1-theta)*s.H
							hermite := (1-c)*math.Cos(t0) + c*math.Cos(s.T) - d*(1-theta)*math.Sin(t0) + d*theta*math.Sin(s.T)
							e := math.Abs(hermite - math.Cos(at))
							if stageOrder == 1 {
								e += 4. / 27 * s.H * s.H
							}
							inside, bound = max(inside, math.Abs(x[0]-math.Cos(at))), max(bound, e)
						}
					}
					if !(ends <= 30*tol) { // a Newton iteration that stops too early leaves thousands
						t.Errorf("%v, lambda = %g, cubic = %v, tol = %g: error %.2g at the steps", m, lambda, cubic, tol, ends)
					}
					if !(inside <= 3*bound+20*tol) {
						t.Errorf("%v, lambda = %g, cubic = %v, tol = %g: error %.2g inside the steps, want about %.2g", m, lambda, cubic, tol, inside, bound)
					}
				}
			}
		}
	}
}

// TestStiffDenseKrylov is the same for a system whose Jacobian changes, so that
// iterations leave a residual: f at the steps is wrong by hundreds.
func TestStiffDenseKrylov(t *testing.T) {
	curve := func(t float64) float64 { return math.Cos(t) * (1 + 0.1*math.Exp(-2*t)) }
	for _, m := range []Method{TRBDF2, KenCarp4, SDIRK4, ImplicitEuler, RadauIIA5, Krylov{TRBDF2}, Krylov{KenCarp4}} {
		f := FieldFunc(2, func(d, x []float64, t float64) {
			u := x[0] - math.Cos(t)*(1+0.1*x[1]*x[1])
			d[0], d[1] = -1e8*(u+10*u*u*u), -x[1]
		})
		worst := 0.0
		for s, err := range Steps(context.Background(), f, []float64{1.1, 1}, Options[float64]{Method: m, T1: 10, RelTol: 1e-4, AbsTol: 1e-4, Dense: true}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, theta := range []float64{0.2, 0.5, 0.8} {
				x, at := make([]float64, 2), s.T-(1-theta)*s.H
				if s.K == 0 {
					break
				}
				if err := s.At(x, at); err != nil {
					t.Fatal(err)
				}
				worst = max(worst, math.Abs(x[0]-curve(at)))
			}
		}
		if !(worst <= 0.2) { // steps near 1 on a curve of amplitude 1.1
			t.Errorf("%v: error %.2g inside the steps", m, worst)
		}
	}
}

// TestProximalDenseOutput: on a convex energy the line between the ends of a step
// stays below its start, however stiff the energy.
func TestProximalDenseOutput(t *testing.T) {
	e := EnergyFunc(2, func(g, x []float64) float64 {
		if g != nil {
			g[0], g[1] = 1e8*x[0], x[1]
		}
		return 0.5 * (1e8*x[0]*x[0] + x[1]*x[1])
	})
	for s, err := range Steps(context.Background(), GradientFlow(e), []float64{1e-3, 1}, Options[float64]{Method: Proximal, Controller: Fixed{1}, T1: 5, Dense: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.K == 0 {
			continue
		}
		last, x := math.Inf(1), make([]float64, 2)
		for theta := 0.0; theta <= 1; theta += 0.125 {
			if err := s.At(x, s.T-(1-theta)*s.H); err != nil {
				t.Fatal(err)
			}
			v := e.EnergyGrad(nil, x)
			if !(v <= last) {
				t.Errorf("t = %v, theta = %v: energy %v after %v", s.T, theta, v, last)
			}
			last = v
		}
	}
}
