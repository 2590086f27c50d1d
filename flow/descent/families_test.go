package descent

import (
	"context"
	"errors"
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// game is min over x, max over y of s x y: its field turns the plane.
type game[T flow.Float] struct{ s float64 }

func (game[T]) Dim() int { return 2 }
func (g game[T]) Eval(d, x []T, _ float64) {
	d[0], d[1] = T(-g.s)*x[1], T(g.s)*x[0]
}
func (g game[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{
		Blocks: []int{1, 1},
		EvalBlock: func(d, x []T, _ float64, b int) {
			d[0] = []T{T(-g.s) * x[1], T(g.s) * x[0]}[b]
		},
		Jacobian: func(j, _ []T, _ float64) { j[0], j[1], j[2], j[3] = 0, T(-g.s), T(g.s), 0 },
	}
}

// path returns the states of a run with a constant learning rate.
func path[T flow.Float](t *testing.T, it flow.Integrator[T], x0 []T, h float64, steps int) (x [][]T) {
	t.Helper()
	r, err := flow.New(it, x0, flow.Options[T]{Controller: flow.Fixed{H: h}, MaxSteps: steps, Bound: math.Inf(1)})
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range r.Steps(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, append([]T(nil), s.X...))
	}
	return x
}

// TestBilinearGame compares every method with its iteration on a rotation, where
// f(z) = i s z in the complex plane.
func TestBilinearGame(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testBilinearGame[float64](t, 1e-13) })
	t.Run("float32", func(t *testing.T) { testBilinearGame[float32](t, 3e-5) })
}

func testBilinearGame[T flow.Float](t *testing.T, tol float64) {
	const s, steps = 2.0, 60
	for _, u := range []float64{0.1, 0.3, 0.45, 0.7} {
		iu := complex(0, u)
		g := game[T]{s}
		for _, c := range []struct {
			name string
			it   flow.Integrator[T]
			z    func(z, last complex128) complex128
			rho  float64 // factor of the radius in the long run
		}{
			{"GD", GD[T](g), func(z, _ complex128) complex128 { return (1 + iu) * z }, math.Sqrt(1 + u*u)},
			{"Extragradient", Extragradient[T](g), func(z, _ complex128) complex128 { return (1 + iu + iu*iu) * z }, math.Sqrt(1 - u*u + u*u*u*u)},
			{"Optimistic", Optimistic[T](g), func(z, last complex128) complex128 { return z + 2*iu*z - iu*last }, cmplx.Abs((1 + 2*iu + cmplx.Sqrt((1+2*iu)*(1+2*iu)-4*iu)) / 2)},
			{"ProximalPoint", ProximalPoint[T](g), func(z, _ complex128) complex128 { return z / (1 - iu) }, 1 / math.Sqrt(1+u*u)},
			{"Alternating", Alternating[T](g), func(z, _ complex128) complex128 {
				x := real(z) - u*imag(z)
				return complex(x, imag(z)+u*x)
			}, 1},
		} {
			z, last := complex(1, 0.5), complex(1, 0.5)
			x := path(t, c.it, []T{1, 0.5}, u/s, steps)
			for k := range x {
				if d := cmplx.Abs(complex(float64(x[k][0]), float64(x[k][1])) - z); !(d <= tol*max(1, cmplx.Abs(z))) {
					t.Fatalf("%s u = %g: x_%d = %v, want %v", c.name, u, k, x[k], z)
				}
				z, last = c.z(z, last), z
			}
			// The factors of the theory, of the step by step map above.
			if c.name == "Alternating" {
				q := func(x []T) float64 {
					a, b := float64(x[0]), float64(x[1])
					return a*a + b*b - u*a*b
				}
				if d := math.Abs(q(x[steps]) - q(x[0])); !(d <= 10*tol) {
					t.Errorf("Alternating u = %g: invariant moves by %g", u, d)
				}
				continue
			}
			if c.name == "Optimistic" && u < 0.5 {
				if want := math.Sqrt((1 + math.Sqrt(1-4*u*u)) / 2); !(math.Abs(c.rho-want) <= 1e-14) {
					t.Errorf("Optimistic u = %g: root %v, want %v", u, c.rho, want)
				}
			}
			if c.name != "Optimistic" {
				r0, r1 := math.Hypot(float64(x[0][0]), float64(x[0][1])), math.Hypot(float64(x[steps][0]), float64(x[steps][1]))
				if want := r0 * math.Pow(c.rho, steps); !(math.Abs(r1-want) <= 10*tol*want) {
					t.Errorf("%s u = %g: radius %v after %d steps, want %v", c.name, u, r1, steps, want)
				}
			}
		}
	}
}

// TestOptimisticEdge runs the optimistic method on both sides of u = 1/√3.
func TestOptimisticEdge(t *testing.T) {
	const steps = 4000
	for _, c := range []struct{ u, less float64 }{{0.99 / math.Sqrt(3), 1}, {1.01 / math.Sqrt(3), math.Inf(1)}} {
		x := path(t, Optimistic[float64](game[float64]{1}), []float64{1, 0}, c.u, steps)
		if r := math.Hypot(x[steps][0], x[steps][1]); (r < 1e-10) != (c.less == 1) || (r > 1e10) != (c.less != 1) {
			t.Errorf("u√3 = %.2f: radius %g after %d steps", c.u*math.Sqrt(3), r, steps)
		}
	}
}

// curved is λx²/2 with its second derivative.
type curved[T flow.Float] struct{ lambda float64 }

func (curved[T]) Dim() int { return 1 }
func (c curved[T]) EnergyGrad(g, x []T) float64 {
	if g != nil {
		g[0] = T(c.lambda) * x[0]
	}
	return c.lambda / 2 * float64(x[0]) * float64(x[0])
}
func (c curved[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{HessVec: func(d, _, v []T) { d[0] = T(c.lambda) * v[0] }}
}

// TestQuadraticFactors: x_{k+1} = p(ηλ) x_k for the methods without memory.
func TestQuadraticFactors(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testQuadraticFactors[float64](t, 1e-13) })
	t.Run("float32", func(t *testing.T) { testQuadraticFactors[float32](t, 2e-5) })
}

func testQuadraticFactors[T flow.Float](t *testing.T, tol float64) {
	const lambda, steps = 3.0, 20
	for _, eta := range []float64{0.05, 0.3, 0.6} {
		a := eta * lambda
		f := flow.GradientFlow[T](curved[T]{lambda})
		for name, c := range map[string]struct {
			it     flow.Integrator[T]
			factor float64
		}{
			"GD":            {GD(f), 1 - a},
			"Extragradient": {Extragradient(f), 1 - a + a*a},
			"ProximalPoint": {ProximalPoint(f), 1 / (1 + a)},
		} {
			for k, x := range path(t, c.it, []T{1}, eta, steps) {
				if want := math.Pow(c.factor, float64(k)); !(math.Abs(float64(x[0])-want) <= tol*max(1, math.Abs(want))) {
					t.Fatalf("%s η = %g: x_%d = %v, want %v", name, eta, k, x[0], want)
				}
			}
		}
		// The optimistic method: z² - (1-2a)z - a.
		d := math.Sqrt((1-2*a)*(1-2*a) + 4*a)
		z1, z2 := (1-2*a+d)/2, (1-2*a-d)/2
		c1 := (1 - a - z2) / (z1 - z2)
		for k, x := range path(t, Optimistic(f), []T{1}, eta, steps) {
			if want := c1*math.Pow(z1, float64(k)) + (1-c1)*math.Pow(z2, float64(k)); !(math.Abs(float64(x[0])-want) <= tol*max(1, math.Abs(want))) {
				t.Fatalf("Optimistic η = %g: x_%d = %v, want %v", eta, k, x[0], want)
			}
		}
	}
}

// TestLookAhead: the look-ahead points of Nesterov's method are the states of the
// other form, for every momentum.
func TestLookAhead(t *testing.T) {
	f := flow.GradientFlow(rotated(10, 100))
	const eta, steps = 0.009, 50
	for _, mom := range []Momentum{Constant(0.9), Convex{}, StronglyConvex{Mu: 1}} {
		x := path(t, Nesterov(f, mom), make([]float64, 10), eta, steps)
		y := path(t, LookAheadNesterov(f, mom), make([]float64, 10), eta, steps)
		for k := 1; k <= steps; k++ {
			beta := mom.beta(float64(k+1), eta)
			for i := range y[k] {
				if want := x[k][i] + beta*(x[k][i]-x[k-1][i]); !(math.Abs(y[k][i]-want) <= 1e-13) {
					t.Fatalf("%v step %d: y = %v, want %v", mom, k, y[k][i], want)
				}
			}
		}
	}
}

// TestAdaptiveFormulas compares the adaptive methods with their algorithms as the
// papers write them.
func TestAdaptiveFormulas(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testAdaptiveFormulas[float64](t, 1e-13) })
	t.Run("float32", func(t *testing.T) { testAdaptiveFormulas[float32](t, 2e-4) })
}

func testAdaptiveFormulas[T flow.Float](t *testing.T, tol float64) {
	const eta, steps = 0.05, 50
	grad := func(x, y float64) (float64, float64) { return -2*(1-x) - 40*x*(y-x*x), 20 * (y - x*x) }
	f := flow.GradientFlow(flow.EnergyFunc(2, func(g, x []T) float64 {
		a, b := grad(float64(x[0]), float64(x[1]))
		if g != nil {
			g[0], g[1] = T(a), T(b)
		}
		return 0
	}))
	o := AdamOptions{Beta1: 0.8, Beta2: 0.95, Eps: 1e-6}
	w := o
	w.Decay = 0.1
	type state struct{ m, s [2]float64 }
	adam := func(decay float64) func(q *state, i int, g, x, k float64) float64 {
		return func(q *state, i int, g, x, k float64) float64 {
			q.m[i] = 0.8*q.m[i] + 0.2*g
			q.s[i] = 0.95*q.s[i] + 0.05*g*g
			mh, sh := q.m[i]/(1-math.Pow(0.8, k)), q.s[i]/(1-math.Pow(0.95, k))
			return x - eta*mh/(math.Sqrt(sh)+1e-6) - eta*decay*x
		}
	}
	for name, c := range map[string]struct {
		it   flow.Integrator[T]
		step func(q *state, i int, g, x, k float64) float64
	}{
		"Adam":  {Adam(f, o), adam(0)},
		"AdamW": {AdamW(f, w), adam(0.1)},
		"RMSProp": {RMSProp(f, RMSPropOptions{Rho: 0.7, Eps: 1e-4}), func(q *state, i int, g, x, _ float64) float64 {
			q.s[i] = 0.7*q.s[i] + 0.3*g*g
			return x - eta*g/(math.Sqrt(q.s[i])+1e-4)
		}},
		"AdaGrad": {AdaGrad(f, AdaGradOptions{}), func(q *state, i int, g, x, _ float64) float64 {
			q.s[i] += g * g
			return x - eta*g/(math.Sqrt(q.s[i])+1e-8)
		}},
		"SignGD": {SignGD(f), func(_ *state, _ int, g, x, _ float64) float64 { return x - math.Copysign(eta, g) }},
	} {
		n := steps
		if name == "SignGD" {
			n = 10 // later the sign of a small gradient is a matter of rounding
		}
		x, y, q := -0.5, 1.0, &state{}
		for k, s := range path(t, c.it, []T{-0.5, 1}, eta, n) {
			if !(math.Abs(float64(s[0])-x) <= tol) || !(math.Abs(float64(s[1])-y) <= tol) {
				t.Fatalf("%s step %d: %v, want (%v, %v)", name, k, s, x, y)
			}
			a, b := grad(x, y)
			x, y = c.step(q, 0, a, x, float64(k+1)), c.step(q, 1, b, y, float64(k+1))
		}
	}
}

// TestStepLengths: Adam's first step is η by coordinate, that of normalised
// descent always in the Euclidean norm, and sign descent ends in a cycle.
func TestStepLengths(t *testing.T) {
	e := flow.EnergyFunc(2, func(g, x []float64) float64 {
		if g != nil {
			g[0], g[1] = 1e-3*x[0], 1e3*x[1]
		}
		return 0.5e-3*x[0]*x[0] + 500*x[1]*x[1]
	})
	f := flow.GradientFlow(e)
	x := path(t, Adam(f, AdamOptions{}), []float64{1, -1}, 0.1, 1)
	if !(math.Abs(x[1][0]-0.9) <= 1e-5) || !(math.Abs(x[1][1]+0.9) <= 1e-5) {
		t.Errorf("Adam's first step ends at %v, want (0.9, -0.9)", x[1])
	}
	x = path(t, NormalizedGD(f), []float64{1, -1}, 0.1, 30)
	for k := 1; k < len(x); k++ {
		if d := math.Hypot(x[k][0]-x[k-1][0], x[k][1]-x[k-1][1]); !(math.Abs(d-0.1) <= 1e-15) {
			t.Errorf("step %d of normalised descent has length %v, want 0.1", k, d)
		}
	}
	x = path(t, SignGD(f), []float64{0.55, -0.55}, 0.1, 40)
	if last := x[40]; !(math.Abs(last[0]) <= 0.1) || !(math.Abs(math.Abs(last[1])-0.05) <= 1e-12) {
		t.Errorf("sign descent ends at %v, want the cycle ±0.05", last)
	}
	for name, it := range map[string]flow.Integrator[float64]{"SignGD": SignGD(f), "NormalizedGD": NormalizedGD(f), "Adam": Adam(f, AdamOptions{})} {
		if x := path(t, it, []float64{0, 0}, 0.1, 3); x[3][0] != 0 || x[3][1] != 0 {
			t.Errorf("%s leaves the minimum for %v", name, x[3])
		}
	}
}

// TestProximalDescends: on a convex energy the proximal point lowers E at learning
// rates from 1e-3 to 1e3.
func TestProximalDescends(t *testing.T) {
	valley := flow.EnergyFunc(2, func(g, x []float64) float64 {
		a, b := x[0]*x[0], x[1]-x[0]
		if g != nil {
			g[0], g[1] = 4*x[0]*a-2*b, 2*b
		}
		return a*a + b*b
	})
	e := withHessian{valley, func(d, x, v []float64) {
		d[0] = (12*x[0]*x[0]+2)*v[0] - 2*v[1]
		d[1] = -2*v[0] + 2*v[1]
	}}
	for h := 1e-3; h < 2e3; h *= 10 {
		x := path(t, ProximalPoint(flow.GradientFlow[float64](e)), []float64{2, -1}, h, 20)
		for k := 1; k < len(x); k++ {
			if a, b := valley.EnergyGrad(nil, x[k-1]), valley.EnergyGrad(nil, x[k]); !(b < a) {
				t.Errorf("h = %g step %d: E goes from %v to %v, want less", h, k, a, b)
			}
		}
	}
}

type withHessian struct {
	flow.Energy[float64]
	hv func(d, x, v []float64)
}

func (w withHessian) Caps() flow.Caps[float64] { return flow.Caps[float64]{HessVec: w.hv} }

// shifted is a diagonal linear field with a solver of its own.
type shifted struct {
	d, inv []float64
	fail   error
}

func (s *shifted) Dim() int { return len(s.d) }
func (s *shifted) Eval(dst, x []float64, _ float64) {
	for i, d := range s.d {
		dst[i] = -d * x[i]
	}
}
func (s *shifted) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{
		Shift: func(_ []float64, _, h float64) error {
			for i, d := range s.d {
				s.inv[i] = 1 / (1 + h*d)
			}
			return s.fail
		},
		SolveShift: func(dst, b []float64) error {
			for i, v := range s.inv {
				dst[i] = v * b[i]
			}
			return nil
		},
	}
}

func TestProximalShift(t *testing.T) {
	s := &shifted{d: []float64{1, 10, 1e6}, inv: make([]float64, 3)}
	for k, x := range path(t, ProximalPoint[float64](s), []float64{1, 1, 1}, 0.5, 10) {
		for i, d := range s.d {
			if want := math.Pow(1+0.5*d, -float64(k)); !(math.Abs(x[i]-want) <= 1e-12*want+1e-15) {
				t.Errorf("step %d: x[%d] = %v, want %v", k, i, x[i], want)
			}
		}
	}
	s.fail = errors.New("singular")
	r, err := flow.New(ProximalPoint[float64](s), []float64{1, 1, 1}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, MaxSteps: 3})
	if err != nil {
		t.Fatal(err)
	}
	if sol, err := r.Solve(context.Background()); !errors.Is(err, ErrNewton) || !errors.Is(err, s.fail) || sol.Status != flow.Failed || sol.X[0] != 1 {
		t.Errorf("%v, %v at %v, want Failed with ErrNewton", sol.Status, err, sol.X)
	}
}

// batchesH is batches with the second derivative, which the proximal point needs.
type batchesH struct{ wide }

func (b *batchesH) Caps() flow.Caps[float64] {
	c := b.wide.Caps()
	c.HessVec = func(d, _, v []float64) { copy(d, v) }
	return c
}

// blocks is a gradient flow in two blocks.
type blocks struct{ flow.EnergyField[float64] }

func (b blocks) Caps() flow.Caps[float64] {
	c := flow.CapsOf[float64](b.EnergyField)
	c.Blocks = []int{3, 7}
	all := make([]float64, 10)
	c.EvalBlock = func(d, x []float64, t float64, k int) {
		b.Eval(all, x, t)
		copy(d, [][]float64{all[:3], all[3:]}[k])
	}
	return c
}

// methods are all of them, on a field of dimension 10.
func methods(f flow.Field[float64]) map[string]flow.Integrator[float64] {
	return map[string]flow.Integrator[float64]{
		"GD": GD(f), "HeavyBall": HeavyBall(f, 0.5), "Nesterov": Nesterov(f, Convex{}), "LookAheadNesterov": LookAheadNesterov(f, Convex{}),
		"Adam": Adam(f, AdamOptions{}), "AdamW": AdamW(f, AdamOptions{}), "RMSProp": RMSProp(f, RMSPropOptions{}), "AdaGrad": AdaGrad(f, AdaGradOptions{}),
		"SignGD": SignGD(f), "NormalizedGD": NormalizedGD(f), "Extragradient": Extragradient(f), "Optimistic": Optimistic(f), "Popov": Popov(f),
		"Alternating": Alternating(f), "ProximalPoint": ProximalPoint(f),
	}
}

func fields() map[string]func() flow.Field[float64] {
	return map[string]func() flow.Field[float64]{
		"quadratic": func() flow.Field[float64] {
			e := rotated(10, 100)
			zero := make([]float64, 10)
			g0 := make([]float64, 10)
			e.EnergyGrad(g0, zero)
			return blocks{flow.GradientFlow[float64](withHessian{e, func(d, _, v []float64) {
				e.EnergyGrad(d, v)
				for i := range d {
					d[i] -= g0[i]
				}
			}})}
		},
		"batches": func() flow.Field[float64] { return blocks{flow.GradientFlow[float64](&batchesH{})} },
	}
}

// TestEveryMethodResumes: from a checkpoint every method goes on bit for bit,
// with and without mini-batches, and under every controller that it takes.
func TestEveryMethodResumes(t *testing.T) {
	ctx := context.Background()
	for kind, field := range fields() {
		for name := range methods(field()) {
			for cname, ctl := range controllers() {
				o := flow.Options[float64]{Controller: ctl, MaxSteps: 24, RelTol: 1e-3, AbsTol: 1e-3}
				start := func(max int) *flow.Run[float64] {
					o := o
					o.MaxSteps = max
					r, err := flow.New(methods(field())[name], make([]float64, 10), o)
					if errors.Is(err, flow.ErrArgument) && (strings.Contains(err.Error(), "slope") || strings.Contains(err.Error(), "error estimate")) {
						return nil
					}
					if err != nil {
						t.Fatalf("%s %s %s: %v", kind, name, cname, err)
					}
					return r
				}
				r := start(24)
				if r == nil {
					continue
				}
				want, _ := r.Solve(ctx)
				half := start(11)
				half.Solve(ctx)
				c, err := half.Checkpoint()
				if err != nil {
					t.Fatal(err)
				}
				if half.Status() != flow.StepLimit {
					continue // the end came earlier
				}
				again, err := flow.Resume(methods(field())[name], c, o)
				if err != nil {
					t.Fatal(err)
				}
				got, _ := again.Solve(ctx)
				if got.Status != want.Status || got.Stats != want.Stats || math.Float64bits(got.Energy) != math.Float64bits(want.Energy) {
					t.Errorf("%s %s %s: resumed %v %+v E = %v, want %v %+v E = %v", kind, name, cname, got.Status, got.Stats, got.Energy, want.Status, want.Stats, want.Energy)
				}
				for i := range want.X {
					if got.X[i] != want.X[i] {
						t.Fatalf("%s %s %s: resumed %v, want %v", kind, name, cname, got.X, want.X)
					}
				}
			}
		}
	}
}

// TestEveryMethodAllocatesNothing counts allocations of a step.
func TestEveryMethodAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	for kind, field := range fields() {
		for name, it := range methods(field()) {
			r, err := flow.New(it, make([]float64, 10), flow.Options[float64]{Controller: flow.Fixed{H: 1e-3}, MaxSteps: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			if kind == "quadratic" {
				continue // the test energy itself allocates
			}
			if n := testing.AllocsPerRun(100, func() { r.Next(ctx) }); n != 0 {
				t.Errorf("%s %s: %v allocations a step, want 0", kind, name, n)
			}
		}
	}
}

// TestNoCoordinates: every method accepts a state without coordinates.
func TestNoCoordinates(t *testing.T) {
	f := blocks{flow.GradientFlow(flow.EnergyFunc(0, func(_, _ []float64) float64 { return 0 }))}
	for name, it := range methods(f) {
		if name == "Alternating" || name == "ProximalPoint" {
			continue // they want blocks and a derivative
		}
		r, err := flow.New(it, nil, flow.Options[float64]{Controller: flow.Fixed{H: 1}, MaxSteps: 3})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if sol, err := r.Solve(context.Background()); err != nil || sol.T != 3 {
			t.Errorf("%s: %v at t = %v", name, err, sol.T)
		}
	}
}

func TestFamiliesBadInput(t *testing.T) {
	f := flow.GradientFlow(quadratic[float64](1))
	fixed := flow.Options[float64]{Controller: flow.Fixed{H: 1}}
	short := blocks{flow.GradientFlow(rotated(11, 2))}
	for _, c := range []struct {
		name string
		it   flow.Integrator[float64]
		n    int
		o    flow.Options[float64]
	}{
		{"Beta1 of Adam is 1", Adam(f, AdamOptions{Beta1: 1}), 1, fixed},
		{"Beta2 of Adam is NaN", Adam(f, AdamOptions{Beta2: math.NaN()}), 1, fixed},
		{"Eps of Adam is -1", Adam(f, AdamOptions{Eps: -1}), 1, fixed},
		{"Decay of Adam is 0.1", Adam(f, AdamOptions{Decay: 0.1}), 1, fixed},
		{"Decay of AdamW is -1", AdamW(f, AdamOptions{Decay: -1}), 1, fixed},
		{"Rho of RMSProp is 2", RMSProp(f, RMSPropOptions{Rho: 2}), 1, fixed},
		{"Eps of AdaGrad is +Inf", AdaGrad(f, AdaGradOptions{Eps: math.Inf(1)}), 1, fixed},
		{"field of SignGD is nil", SignGD[float64](nil), 1, fixed},
		{"field of Extragradient is nil", Extragradient[float64](nil), 1, fixed},
		{"field of Alternating is nil", Alternating[float64](nil), 1, fixed},
		{"field of ProximalPoint is nil", ProximalPoint[float64](nil), 1, fixed},
		{"no blocks", Alternating(f), 1, fixed},
		{"total length 10", Alternating[float64](short), 11, fixed},
		{"no derivative", ProximalPoint(f), 1, fixed},
		{"momentum of LookAheadNesterov is nil", LookAheadNesterov(f, nil), 1, fixed},
		{"length 2", Optimistic(f), 2, fixed},
		{"field of Popov is nil", Popov[float64](nil), 1, fixed},
		{"mirror map of MirrorDescent is nil", MirrorDescent(f, nil), 1, fixed},
		{"x[0] = -1", MirrorDescent(f, MirrorMap[float64](below{})), 1, fixed},
		{"sum to 0", MultiplicativeWeights(f), 1, fixed},
		{"total dimension 3", MultiplicativeWeights(f, 1, 2), 1, fixed},
		{"block 1 of Simplex has dimension 0", MultiplicativeWeights(f, 1, 0), 1, fixed},
		{"slope of E", Extragradient[float64](game[float64]{1}), 2, flow.Options[float64]{Controller: Armijo{}}},
		{"slope of E", Alternating[float64](game[float64]{1}), 2, flow.Options[float64]{Controller: Armijo{}}},
		{"curvature of E", GD[float64](game[float64]{1}), 2, flow.Options[float64]{Controller: EdgeOfStability{}}},
		{"error estimate", Adam(f, AdamOptions{}), 1, flow.Options[float64]{Controller: flow.PI}},
	} {
		_, err := flow.New(c.it, make([]float64, c.n), c.o)
		if !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("want an error that names %q, got %v", c.name, err)
		}
	}
}

// kick adds by to every coordinate after one step.
type kick struct {
	step uint64
	by   float64
}

func (kick) Limit(_ []float64, _, h float64) float64 { return h }
func (k kick) Apply(x []float64, _, _ float64, step uint64) (bool, error) {
	if step != k.step {
		return false, nil
	}
	for i := range x {
		x[i] += k.by
	}
	return true, nil
}

// TestJump: after the state was changed from outside, every method goes on with f
// at the new point and with its memory; energies belong to the point shown.
func TestJump(t *testing.T) {
	const eta = 0.004
	e := rotated(10, 100)
	for name, it := range methods(fields()["quadratic"]()) {
		r, err := flow.New(it, make([]float64, 10), flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: 12, Jump: kick{5, 0.5}, Energy: true})
		if err != nil {
			t.Fatal(err)
		}
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if want := e.EnergyGrad(nil, s.X); s.K != 5 && !(math.Abs(s.Energy-want) <= 1e-13) || s.K == 5 && !math.IsNaN(s.Energy) {
				t.Errorf("%s step %d: energy %v, E(x) = %v", name, s.K, s.Energy, want)
			}
		}
	}
	// Two methods step by step.
	g, x, y, v := make([]float64, 10), make([]float64, 10), make([]float64, 10), make([]float64, 10)
	f := flow.GradientFlow(e)
	run := func(it flow.Integrator[float64]) []float64 {
		r, err := flow.New(it, make([]float64, 10), flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: 12, Jump: kick{5, 0.5}})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return sol.X
	}
	a, b := run(GD(f)), run(HeavyBall(f, 0.5))
	for k := 1; k <= 12; k++ {
		e.EnergyGrad(g, x)
		for i := range x {
			x[i] -= eta * g[i]
		}
		e.EnergyGrad(g, y)
		for i := range y {
			v[i] = 0.5*v[i] - eta*g[i]
			y[i] += v[i]
		}
		if k == 5 {
			for i := range x {
				x[i] += 0.5
				y[i] += 0.5
			}
		}
	}
	for i := range x {
		if !(math.Abs(a[i]-x[i]) <= 1e-14) || !(math.Abs(b[i]-y[i]) <= 1e-14) {
			t.Fatalf("GD %v, heavy ball %v, want %v and %v", a[i], b[i], x[i], y[i])
		}
	}
}
