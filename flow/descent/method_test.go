package descent

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/cmplx"
	"os"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// quadratic is E = λx²/2.
func quadratic[T flow.Float](lambda float64) flow.Energy[T] {
	return flow.EnergyFunc(1, func(g, x []T) float64 {
		if g != nil {
			g[0] = T(lambda) * x[0]
		}
		return lambda / 2 * float64(x[0]) * float64(x[0])
	})
}

// rotated is E = xᵀAx/2 - bᵀx, A = Q diag(κ^(i/(n-1))) Q, Q = I - 2vvᵀ.
func rotated(n int, kappa float64) flow.Energy[float64] {
	householder := func(x []float64) {
		s := 0.0
		for _, v := range x {
			s += v
		}
		for i := range x {
			x[i] -= 2 * s / float64(n)
		}
	}
	return flow.EnergyFunc(n, func(g, x []float64) float64 {
		a := append([]float64(nil), x...)
		householder(a)
		for i := range a {
			a[i] *= math.Pow(kappa, float64(i)/float64(n-1))
		}
		householder(a)
		e := 0.0
		for i := range a {
			b := float64(1 - 2*(i%2))
			e += x[i] * (a[i]/2 - b)
			if g != nil {
				g[i] = a[i] - b
			}
		}
		return e
	})
}

// TestReferenceRules compares the first learning rates and energies of the
// constant and the Armijo rule with the references.
func TestReferenceRules(t *testing.T) {
	var misc struct {
		GD struct {
			N     int
			Kappa float64
			FStar float64 `json:"f_star"`
			Rules map[string]struct {
				First [][2]float64 `json:"first_steps"`
				Gap   float64      `json:"gap_after_50"`
			}
		}
	}
	data, err := os.ReadFile("../testdata/misc.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &misc); err != nil {
		t.Fatal(err)
	}
	ref := misc.GD
	for name, c := range map[string]flow.Controller{"const": flow.Fixed{H: 0.01}, "armijo": Armijo{Fresh: true}} {
		rule := ref.Rules[name]
		r, err := flow.New(GD(flow.GradientFlow(rotated(ref.N, ref.Kappa))), make([]float64, ref.N), flow.Options[float64]{Controller: c, MaxSteps: 50})
		if err != nil {
			t.Fatal(err)
		}
		for s := range r.Steps(context.Background()) {
			if s.K == 0 {
				continue
			}
			gap := s.Energy - ref.FStar
			if s.K <= len(rule.First) {
				if w := rule.First[s.K-1]; !(math.Abs(s.H-w[0]) <= 1e-9*w[0]) || !(math.Abs(gap-w[1]) <= 1e-9*w[1]) {
					t.Errorf("%s step %d: h = %v, gap %.12g, want %v", name, s.K, s.H, gap, w)
				}
			}
			if s.K == 50 && !(math.Abs(gap-rule.Gap) <= 1e-6*rule.Gap) {
				t.Errorf("%s: gap after 50 steps %.9g, want %.9g", name, gap, rule.Gap)
			}
		}
	}
}

// trace returns x_0, x_1, ... of a run on λx²/2 from x = 1.
func trace[T flow.Float](t *testing.T, it flow.Integrator[T], o flow.Options[T]) (x []float64, st flow.Status) {
	t.Helper()
	r, err := flow.New(it, []T{1}, o)
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range r.Steps(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, float64(s.X[0]))
		st = s.Status
	}
	return x, st
}

// TestQuadraticClosedForms compares every method with the powers of the roots of
// its characteristic polynomial, in float64 and float32.
func TestQuadraticClosedForms(t *testing.T) {
	const steps = 40
	for _, c := range []struct{ eta, lambda, beta float64 }{{0.1, 1, 0.9}, {0.5, 3, 0.5}, {0.05, 0.3, 0}, {1.2, 1, 0.3}} {
		a := c.eta * c.lambda
		roots := map[string]func() (b, c complex128){
			"GD":        func() (complex128, complex128) { return complex(1-a, 0), 0 },
			"HeavyBall": func() (complex128, complex128) { return complex(1+c.beta-a, 0), complex(c.beta, 0) },
			"Nesterov": func() (complex128, complex128) {
				return complex((1+c.beta)*(1-a), 0), complex(c.beta*(1-a), 0)
			},
		}
		for name, p := range roots {
			sum, prod := p()
			// z² = sum z - prod, x_0 = 1, x_1 = 1 - a.
			d := cmplx.Sqrt(sum*sum - 4*prod)
			z1, z2 := (sum+d)/2, (sum-d)/2
			k1 := (complex(1-a, 0) - z2) / (z1 - z2)
			k2 := 1 - k1
			f := flow.GradientFlow(quadratic[float64](c.lambda))
			f32 := flow.GradientFlow(quadratic[float32](c.lambda))
			it := map[string]flow.Integrator[float64]{"GD": GD(f), "HeavyBall": HeavyBall(f, c.beta), "Nesterov": Nesterov(f, Constant(c.beta))}[name]
			it32 := map[string]flow.Integrator[float32]{"GD": GD(f32), "HeavyBall": HeavyBall(f32, c.beta), "Nesterov": Nesterov(f32, Constant(c.beta))}[name]
			x, _ := trace(t, it, flow.Options[float64]{Controller: flow.Fixed{H: c.eta}, MaxSteps: steps})
			x32, _ := trace(t, it32, flow.Options[float32]{Controller: flow.Fixed{H: c.eta}, MaxSteps: steps})
			for k := range x {
				want := real(k1*cmplx.Pow(z1, complex(float64(k), 0)) + k2*cmplx.Pow(z2, complex(float64(k), 0)))
				if !(math.Abs(x[k]-want) <= 1e-12) || !(math.Abs(x32[k]-want) <= 1e-5) {
					t.Fatalf("%s %+v: x_%d = %.15g (float32 %.8g), want %.15g", name, c, k, x[k], x32[k], want)
				}
			}
		}
	}
}

// TestStabilityEdges runs every method just below and above its largest stable
// learning rate.
func TestStabilityEdges(t *testing.T) {
	const lambda, beta = 3.0, 0.6
	f := func() flow.Field[float64] { return flow.GradientFlow(quadratic[float64](lambda)) }
	for _, c := range []struct {
		name string
		it   func() flow.Integrator[float64]
		edge float64
	}{
		{"GD", func() flow.Integrator[float64] { return GD(f()) }, 2 / lambda},
		{"HeavyBall", func() flow.Integrator[float64] { return HeavyBall(f(), beta) }, 2 * (1 + beta) / lambda},
		{"Nesterov", func() flow.Integrator[float64] { return Nesterov(f(), Constant(beta)) }, 2 * (1 + beta) / (1 + 2*beta) / lambda},
		{"LookAheadNesterov", func() flow.Integrator[float64] { return LookAheadNesterov(f(), Constant(beta)) }, 2 * (1 + beta) / (1 + 2*beta) / lambda},
		{"Extragradient", func() flow.Integrator[float64] { return Extragradient(f()) }, 1 / lambda},
		{"Optimistic", func() flow.Integrator[float64] { return Optimistic(f()) }, 2. / 3 / lambda},
		{"Popov", func() flow.Integrator[float64] { return Popov(f()) }, 2. / 3 / lambda},
	} {
		below, _ := trace(t, c.it(), flow.Options[float64]{Controller: flow.Fixed{H: 0.99 * c.edge}, MaxSteps: 20000})
		if end := below[len(below)-1]; !(math.Abs(end) < 1e-20) {
			t.Errorf("%s below the edge ends at %v, want 0", c.name, end)
		}
		above, st := trace(t, c.it(), flow.Options[float64]{Controller: flow.Fixed{H: 1.01 * c.edge}, MaxSteps: 1_000_000})
		if st != flow.Diverged || !(math.Abs(above[len(above)-1]) > 1e12) {
			t.Errorf("%s above the edge: %v at %v, want Diverged", c.name, st, above[len(above)-1])
		}
		// Without a bound the last finite state is kept.
		free, st := trace(t, c.it(), flow.Options[float64]{Controller: flow.Fixed{H: 1.01 * c.edge}, MaxSteps: 1_000_000, Bound: math.Inf(1)})
		if end := free[len(free)-1]; st != flow.Diverged || math.IsInf(end, 0) || math.IsNaN(end) || !(math.Abs(end) > 1e100) {
			t.Errorf("%s without a bound: %v at %v, want Diverged at the last finite state", c.name, st, end)
		}
	}
}

// TestMomentumLimits compares the maps with step √s with the differential
// equations that they tend to: the errors are those of the references.
func TestMomentumLimits(t *testing.T) {
	e := quadratic[float64](1)
	end := func(f flow.Field[float64], x0 []float64, t0, t1 float64) float64 {
		sol, err := flow.Solve(context.Background(), f, x0, flow.Options[float64]{T0: t0, T1: t1, RelTol: 1e-11, AbsTol: 1e-13})
		if err != nil {
			t.Fatal(err)
		}
		return sol.X[0]
	}
	x0, err := flow.NesterovStart(e, []float64{1}, 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ s, nesterov, ball float64 }{{1e-2, 0.103, 0.0408}, {1e-3, 0.0342, 0.0129}, {1e-4, 0.0110, 0.00405}} {
		steps := int(math.Round(2 / math.Sqrt(c.s)))
		T := float64(steps) * math.Sqrt(c.s)
		nesterov, ball := end(flow.NesterovODE(e), x0, 1e-3, T), end(flow.HeavyBall(e, 0.5), []float64{1, 0}, 0, T)
		o := flow.Options[float64]{Controller: flow.Fixed{H: c.s}, MaxSteps: steps}
		x, _ := trace(t, Nesterov(flow.GradientFlow(e), Convex{}), o)
		if err := math.Abs(x[steps] - nesterov); !(math.Abs(err-c.nesterov) <= 0.01*c.nesterov) {
			t.Errorf("Nesterov, s = %g: distance %.4g, want %.4g", c.s, err, c.nesterov)
		}
		x, _ = trace(t, HeavyBall(flow.GradientFlow(e), 1-0.5*math.Sqrt(c.s)), o)
		if err := math.Abs(x[steps] - ball); !(math.Abs(err-c.ball) <= 0.01*c.ball) {
			t.Errorf("heavy ball, s = %g: distance %.4g, want %.4g", c.s, err, c.ball)
		}
	}
}

// TestStronglyConvex counts gradients on a quadratic of condition 1e4: Nesterov's
// method needs about √κ where gradient descent needs κ.
func TestStronglyConvex(t *testing.T) {
	e := rotated(50, 1e4)
	star := math.Inf(1)
	count := func(it flow.Integrator[float64], target float64) int {
		r, err := flow.New(it, make([]float64, 50), flow.Options[float64]{Controller: flow.Fixed{H: 1e-4}, MaxSteps: 200_000, Energy: true,
			Stop: []flow.Stop[float64]{flow.StopEnergy[float64](target)}})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		star = min(star, sol.Energy)
		return sol.Stats.Accepted
	}
	count(Nesterov(flow.GradientFlow(e), StronglyConvex{Mu: 1}), math.Inf(-1)) // to the minimum
	target := star + 1e-6
	fast, slow := count(Nesterov(flow.GradientFlow(e), StronglyConvex{Mu: 1}), target), count(GD(flow.GradientFlow(e)), target)
	if !(fast < 2000 && slow > 20*fast) {
		t.Errorf("%d steps of Nesterov, %d of gradient descent, want about 1e3 and 5e4", fast, slow)
	}
}

// TestEnergyShown: where f is evaluated at x, every step shows E(x) for nothing;
// Nesterov shows it when asked.
func TestEnergyShown(t *testing.T) {
	e := quadratic[float64](2)
	f := flow.GradientFlow(e)
	for _, c := range []struct {
		name          string
		it            flow.Integrator[float64]
		energy, known bool
		evals         int
	}{
		{"GD", GD(f), false, true, 11},
		{"HeavyBall", HeavyBall(f, 0.5), false, true, 11},
		{"Nesterov", Nesterov(f, Constant(0.5)), false, false, 11},
		{"Nesterov with energy", Nesterov(f, Constant(0.5)), true, true, 21},
	} {
		r, err := flow.New(c.it, []float64{1}, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, MaxSteps: 10, Energy: c.energy})
		if err != nil {
			t.Fatal(err)
		}
		for s := range r.Steps(context.Background()) {
			want := e.EnergyGrad(nil, s.X)
			if (c.known || s.K == 0) && s.Energy != want || !c.known && s.K > 0 && !math.IsNaN(s.Energy) {
				t.Errorf("%s step %d: energy %v, E(x) = %v, known: %t", c.name, s.K, s.Energy, want, c.known)
			}
			if c.known && (s.F == nil || s.F[0] != -2*s.X[0]) {
				t.Errorf("%s step %d: F = %v, want -∇E", c.name, s.K, s.F)
			}
		}
		if n := r.Step().Stats.Evals; n != c.evals {
			t.Errorf("%s: %d evaluations, want %d", c.name, n, c.evals)
		}
	}
}

// TestPlainField runs the simultaneous gradient of a bilinear game min max xy, on
// which gradient descent spirals out by sqrt(1+η²) a step.
func TestPlainField(t *testing.T) {
	f := flow.FieldFunc(2, func(d, x []float64, _ float64) { d[0], d[1] = -x[1], x[0] })
	r, err := flow.New(GD(f), []float64{1, 0}, flow.Options[float64]{Controller: flow.Fixed{H: 0.1}, MaxSteps: 100})
	if err != nil {
		t.Fatal(err)
	}
	for s := range r.Steps(context.Background()) {
		want := math.Pow(1.01, float64(s.K)/2)
		if got := math.Hypot(s.X[0], s.X[1]); !(math.Abs(got-want) <= 1e-13*want) {
			t.Fatalf("step %d: radius %v, want %v", s.K, got, want)
		}
	}
	if _, err := flow.New(GD(f), []float64{1, 0}, flow.Options[float64]{Controller: Armijo{}}); !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), "energy") {
		t.Errorf("Armijo without an energy: %v, want ErrArgument", err)
	}
}

// batches is E_k = (x - c_k)²/2 with c_k a function of the step.
type batches struct {
	c     float64
	steps []uint64
}

func (*batches) Dim() int { return 1 }
func (b *batches) EnergyGrad(g, x []float64) float64 {
	if g != nil {
		g[0] = x[0] - b.c
	}
	return (x[0] - b.c) * (x[0] - b.c) / 2
}
func center(step uint64) float64 { return math.Cos(3 * float64(step)) }
func (b *batches) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Draw: func(step uint64) {
		b.c = center(step)
		b.steps = append(b.steps, step)
	}}
}

// TestMiniBatches: every step uses the batch of its number, drawn once, and a
// line search judges on that batch.
func TestMiniBatches(t *testing.T) {
	for name, ctl := range map[string]flow.Controller{"fixed": flow.Fixed{H: 0.25}, "armijo": Armijo{Start: 0.25, Max: 0.25}} {
		b := &batches{}
		r, err := flow.New(GD(flow.GradientFlow[float64](b)), []float64{1}, flow.Options[float64]{Controller: ctl, MaxSteps: 9})
		if err != nil {
			t.Fatal(err)
		}
		x := 1.0
		for s := range r.Steps(context.Background()) {
			if !(math.Abs(s.X[0]-x) <= 1e-15) {
				t.Errorf("%s step %d: x = %v, want %v", name, s.K, s.X[0], x)
			}
			x -= 0.25 * (x - center(uint64(s.K)))
		}
		for i, s := range b.steps {
			if s != uint64(i) || len(b.steps) != 9 {
				t.Fatalf("%s: batches drawn for steps %v, want 0 to 8 once each", name, b.steps)
			}
		}
	}
}

// TestArmijoDescends: the line search never raises the energy, from any start.
func TestArmijoDescends(t *testing.T) {
	rosenbrock := flow.EnergyFunc(2, func(g, x []float64) float64 {
		a, b := 1-x[0], x[1]-x[0]*x[0]
		if g != nil {
			g[0], g[1] = -2*a-400*x[0]*b, 200*b
		}
		return a*a + 100*b*b
	})
	for name, it := range map[string]flow.Integrator[float64]{
		"GD": GD(flow.GradientFlow(rosenbrock)), "HeavyBall": HeavyBall(flow.GradientFlow(rosenbrock), 0.9), "Nesterov": Nesterov(flow.GradientFlow(rosenbrock), Constant(0.5)),
	} {
		r, err := flow.New(it, []float64{-1.2, 1}, flow.Options[float64]{Controller: Armijo{}, MaxSteps: 20000, Stop: []flow.Stop[float64]{flow.StopEnergy[float64](1e-8)}})
		if err != nil {
			t.Fatal(err)
		}
		last := math.Inf(1)
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !(s.Energy <= last) {
				t.Fatalf("%s step %d: energy rises from %v to %v", name, s.K, last, s.Energy)
			}
			last = s.Energy
		}
		t.Logf("%s: %v, %v", name, r.Status(), r.Step().Stats)
		if r.Status() != flow.Converged {
			t.Errorf("%s: %v at E = %v, want Converged", name, r.Status(), last)
		}
	}
}

// TestArmijoFails: an energy that does not belong to its gradient ends the run
// with an error, and the point it reached.
func TestArmijoFails(t *testing.T) {
	wrong := flow.EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = -1 // the sign is wrong
		}
		return x[0]
	})
	for name, it := range map[string]flow.Integrator[float64]{"GD": GD(flow.GradientFlow(wrong)), "HeavyBall": HeavyBall(flow.GradientFlow(wrong), 0.5)} {
		r, err := flow.New(it, []float64{1}, flow.Options[float64]{Controller: Armijo{}, MaxSteps: 5})
		if err != nil {
			t.Fatal(err)
		}
		sol, err := r.Solve(context.Background())
		if !errors.Is(err, ErrLineSearch) || sol.Status != flow.Failed || sol.X[0] != 1 {
			t.Errorf("%s: %v, %v at %v, want ErrLineSearch at 1", name, sol.Status, err, sol.X)
		}
	}
}

// TestArmijoAtMinimum: where E cannot fall any more in its precision, the run is
// stationary and not failed.
func TestArmijoAtMinimum(t *testing.T) {
	e := rotated(10, 100)
	r, err := flow.New(GD(flow.GradientFlow(e)), make([]float64, 10), flow.Options[float64]{Controller: Armijo{}, MaxSteps: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	g := make([]float64, 10)
	e.EnergyGrad(g, sol.X)
	norm := 0.0
	for _, v := range g {
		norm = math.Hypot(norm, v)
	}
	if err != nil || sol.Status != flow.Stationary || !(norm < 1e-6) {
		t.Errorf("%v, %v with a gradient of %.3g after %+v, want Stationary", sol.Status, err, norm, sol.Stats)
	}
}

func TestBadInput(t *testing.T) {
	f := flow.GradientFlow(quadratic[float64](1))
	nan := math.NaN()
	fixed := flow.Options[float64]{Controller: flow.Fixed{H: 1}}
	armijo := func(a Armijo) flow.Options[float64] { return flow.Options[float64]{Controller: a} }
	for _, c := range []struct {
		name string
		it   flow.Integrator[float64]
		x    []float64
		o    flow.Options[float64]
	}{
		{"field of GD is nil", GD[float64](nil), []float64{1}, fixed},
		{"momentum is 1", HeavyBall(f, 1), []float64{1}, fixed},
		{"momentum is -0.1", HeavyBall(f, -0.1), []float64{1}, fixed},
		{"momentum is NaN", Nesterov(f, Constant(nan)), []float64{1}, fixed},
		{"momentum of Nesterov is nil", Nesterov(f, nil), []float64{1}, fixed},
		{"Mu of StronglyConvex is 0", Nesterov(f, StronglyConvex{}), []float64{1}, fixed},
		{"length 2", GD(f), []float64{1, 2}, fixed},
		{"backward", GD(f), []float64{1}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, T1: -1}},
		{"C and Shrink of Armijo are 1", GD(f), []float64{1}, armijo(Armijo{C: 1})},
		{"Shrink of Armijo are 0.0001 and NaN", GD(f), []float64{1}, armijo(Armijo{Shrink: nan})},
		{"Start and Max of Armijo are -1", GD(f), []float64{1}, armijo(Armijo{Start: -1})},
		{"Controller is nil", GD(f), []float64{1}, flow.Options[float64]{}},
		{"error estimate", HeavyBall(f, 0.5), []float64{1}, flow.Options[float64]{Controller: flow.PI}},
		{"slope of E", HeavyBall(flow.NaturalFlow(quadratic[float64](1), flow.Metric[float64](unitMetric{})), 0.5), []float64{1}, armijo(Armijo{})},
	} {
		_, err := flow.New(c.it, c.x, c.o)
		if !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("want an error that names %q, got %v", c.name, err)
		}
	}
	_, err := flow.New(GD(flow.GradientFlow(flow.EnergyFunc(1, func(g, _ []float64) float64 { g[0] = nan; return 1 }))), []float64{1}, fixed)
	if !errors.Is(err, flow.ErrNonFinite) {
		t.Errorf("NaN gradient at the start: %v, want ErrNonFinite", err)
	}
}

type unitMetric struct{}

func (unitMetric) SolveMetric(dst, g, _ []float64) { copy(dst, g) }

// TestResume goes on from a checkpoint bit for bit, momentum and schedule
// included.
func TestResume(t *testing.T) {
	ctx := context.Background()
	f := func() flow.Field[float64] { return flow.GradientFlow(rotated(10, 100)) }
	for name, it := range map[string]func() flow.Integrator[float64]{
		"GD":        func() flow.Integrator[float64] { return GD(f()) },
		"HeavyBall": func() flow.Integrator[float64] { return HeavyBall(f(), 0.9) },
		"Nesterov":  func() flow.Integrator[float64] { return Nesterov(f(), Convex{}) },
		"SGD":       func() flow.Integrator[float64] { return HeavyBall(flow.GradientFlow[float64](&wide{}), 0.9) },
	} {
		for _, ctl := range []flow.Controller{flow.Fixed{H: 0.009}, Armijo{}} {
			o := flow.Options[float64]{Controller: ctl, MaxSteps: 30}
			run := func(r *flow.Run[float64], err error) *flow.Solution[float64] {
				if err != nil {
					t.Fatal(err)
				}
				sol, err := r.Solve(ctx)
				if err != nil {
					t.Fatal(err)
				}
				return sol
			}
			want := run(flow.New(it(), make([]float64, 10), o))
			half := o
			half.MaxSteps = 11
			r, err := flow.New(it(), make([]float64, 10), half)
			run(r, err)
			c, err := r.Checkpoint()
			if err != nil {
				t.Fatal(err)
			}
			got := run(flow.Resume(it(), c, o))
			for i := range want.X {
				if got.X[i] != want.X[i] || got.Stats != want.Stats {
					t.Fatalf("%s %T: resumed %v %+v, want %v %+v", name, ctl, got.X, got.Stats, want.X, want.Stats)
				}
			}
		}
	}
}

// wide is batches in ten dimensions.
type wide struct{ c float64 }

func (*wide) Dim() int { return 10 }
func (w *wide) EnergyGrad(g, x []float64) float64 {
	e := 0.0
	for i, v := range x {
		e += (v - w.c) * (v - w.c) / 2
		if g != nil {
			g[i] = v - w.c
		}
	}
	return e
}
func (w *wide) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Draw: func(s uint64) { w.c = center(s) }}
}

func TestStepAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	f := flow.GradientFlow(quadratic[float64](1))
	for name, it := range map[string]flow.Integrator[float64]{"GD": GD(f), "HeavyBall": HeavyBall(f, 0.5), "Nesterov": Nesterov(f, StronglyConvex{Mu: 1})} {
		for _, ctl := range []flow.Controller{flow.Fixed{H: 0.1}, Armijo{Start: 64, Fresh: true}} {
			r, err := flow.New(it, []float64{1}, flow.Options[float64]{Controller: ctl, MaxSteps: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(200, func() { r.Next(ctx) }); n != 0 {
				t.Errorf("%s %T: %v allocations a step, want 0", name, ctl, n)
			}
			if _, search := ctl.(Armijo); search && r.Step().Stats.Rejected == 0 {
				t.Errorf("%s: no step was rejected", name)
			}
		}
	}
}
