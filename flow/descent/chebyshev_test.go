package descent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestBandReference compares stages, step size and contraction with testdata, and
// the contraction a gradient with its limits: better than gradient descent with
// its best learning rate, not better than the heavy ball.
func TestBandReference(t *testing.T) {
	var misc struct {
		RKCD []struct {
			Kappa, Eta, HL, Contraction float64
			Stages                      int
			PerGradient                 float64 `json:"per_gradient"`
			GD                          float64 `json:"gd_optimal"`
			HeavyBall                   float64 `json:"heavy_ball_limit"`
		}
	}
	data, err := os.ReadFile("../testdata/misc.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &misc); err != nil {
		t.Fatal(err)
	}
	if len(misc.RKCD) != 6 {
		t.Fatalf("%d references", len(misc.RKCD))
	}
	for _, c := range misc.RKCD {
		b := Band{Lower: 3, Upper: 3 * c.Kappa, Damping: c.Eta}
		near := func(what string, got, want float64) {
			t.Helper()
			if !(math.Abs(got-want) <= 1e-12*want) {
				t.Errorf("κ = %v, η = %v: %s = %.16g, want %.16g", c.Kappa, c.Eta, what, got, want)
			}
		}
		if b.Stages() != c.Stages {
			t.Errorf("κ = %v, η = %v: %d stages, want %d", c.Kappa, c.Eta, b.Stages(), c.Stages)
		}
		near("hL", b.Step()*b.Upper, c.HL)
		near("contraction", b.Contraction(), c.Contraction)
		rate := math.Pow(b.Contraction(), 1/float64(b.Stages()))
		near("contraction a gradient", rate, c.PerGradient)
		if !(rate < c.GD && rate > c.HeavyBall) {
			t.Errorf("κ = %v, η = %v: %v a gradient is not between %v and %v", c.Kappa, c.Eta, rate, c.HeavyBall, c.GD)
		}
		if def := (Band{Lower: 3, Upper: 3 * c.Kappa}); c.Eta == 1.17 && def.Step() != b.Step() {
			t.Errorf("default damping is not 1.17")
		}
	}
}

// factor is T_s(w0 - w1 hλ)/T_s(w0) by the recursion of the Chebyshev polynomials.
func factor(b Band, h, lambda float64) float64 {
	w0, w1, _ := b.weights()
	cheb := func(w float64) float64 {
		t, last := w, 1.0
		for range b.Stages() - 1 {
			t, last = 2*w*t-last, t
		}
		return t
	}
	return cheb(w0-w1*h*lambda) / cheb(w0)
}

// TestRKCDQuadratic compares steps on single modes with the stability polynomial,
// which is at most the contraction for all curvatures in the band, equal to it at
// its upper end, and not for smaller ones.
func TestRKCDQuadratic(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testRKCDQuadratic[float64](t, 1e-12) })
	t.Run("float32", func(t *testing.T) { testRKCDQuadratic[float32](t, 2e-4) })
}

func testRKCDQuadratic[T flow.Float](t *testing.T, tol float64) {
	for _, b := range []Band{{1, 1, 0}, {2, 6, 0}, {1, 10, 0}, {1, 10, 5}, {0.5, 50, 1.17}, {1, 1000, 3}} {
		for i := range 41 {
			lambda := b.Lower * math.Pow(b.Upper/b.Lower, float64(i)/40)
			x := path(t, RKCD(flow.GradientFlow(quadratic[T](lambda)), b), []T{1}, b.Step(), 1)
			got, want := float64(x[1][0]), factor(b, b.Step(), lambda)
			if !(math.Abs(got-want) <= tol) {
				t.Errorf("%+v, λ = %v: factor %v, want %v", b, lambda, got, want)
			}
			if !(math.Abs(got) <= b.Contraction()*(1+tol)+tol) {
				t.Errorf("%+v, λ = %v: factor %v, beyond the contraction %v", b, lambda, got, b.Contraction())
			}
			if i == 40 && !(math.Abs(math.Abs(got)-b.Contraction()) <= tol) {
				t.Errorf("%+v: factor %v at L, want ± %v", b, got, b.Contraction())
			}
		}
		if f := factor(b, b.Step(), b.Lower/100); !(math.Abs(f) > b.Contraction()) {
			t.Errorf("%+v: factor %v below the band", b, f)
		}
		h := b.Step() / 3 // a line search may shorten the step
		x := path(t, RKCD(flow.GradientFlow(quadratic[T](b.Upper)), b), []T{1}, h, 1)
		if want := factor(b, h, b.Upper); !(math.Abs(float64(x[1][0])-want) <= tol) {
			t.Errorf("%+v, h = %v: factor %v, want %v", b, h, x[1][0], want)
		}
	}
}

// gradients returns the evaluations that a method takes from 0 to E - E* <= tol.
func gradients(t *testing.T, it flow.Integrator[float64], n int, c flow.Controller, target float64) int {
	t.Helper()
	r, err := flow.New(it, make([]float64, n), flow.Options[float64]{Controller: c, Energy: true,
		Stop: []flow.Stop[float64]{func(s *flow.Step[float64]) flow.Status {
			if s.Energy <= target {
				return flow.Converged
			}
			return flow.Running
		}}})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil || sol.Status != flow.Converged {
		t.Fatalf("%v, %v", sol.Status, err)
	}
	return sol.Stats.Evals
}

// TestRKCDCounts compares the gradients that methods need on a quadratic of
// condition number 1e4: RKCD no more than its contraction says, 2.2 times what the
// rate of the heavy ball promises at most; gradient descent, at its best learning
// rate, more than twenty times as many.
func TestRKCDCounts(t *testing.T) {
	const n, kappa = 60, 1e4
	e := rotated(n, kappa)
	best := e.EnergyGrad(nil, minimiser(n, kappa))
	target := best + 1e-8
	gap := -best / 1e-8
	count := map[string]int{
		"RKCD 1.17": gradients(t, RKCD(flow.GradientFlow(e), Band{Lower: 1, Upper: kappa}), n, nil, target),
		"RKCD 5":    gradients(t, RKCD(flow.GradientFlow(e), Band{Lower: 1, Upper: kappa, Damping: 5}), n, nil, target),
		"GD":        gradients(t, GD(flow.GradientFlow(e)), n, flow.Fixed{H: 2 / (1 + kappa)}, target),
	}
	// Energies fall with the square of the rate.
	ideal := math.Log(gap) / (2 * math.Log((math.Sqrt(kappa)+1)/(math.Sqrt(kappa)-1)))
	for _, eta := range []string{"RKCD 1.17", "RKCD 5"} {
		b := Band{Lower: 1, Upper: kappa}
		if eta == "RKCD 5" {
			b.Damping = 5
		}
		bound := math.Log(gap)/(-2*math.Log(b.Contraction()))*float64(b.Stages()) + float64(b.Stages()) + 1
		if got := float64(count[eta]); !(got <= bound) || !(got <= 2.2*ideal) {
			t.Errorf("%s: %v gradients, want <= %v by its contraction, ideal %v", eta, got, bound, ideal)
		}
	}
	if !(count["GD"] > 20*count["RKCD 5"]) {
		t.Errorf("gradient descent needs %d gradients, RKCD %d", count["GD"], count["RKCD 5"])
	}
}

// minimiser is Q Λ⁻¹ Q b, where the energy of rotated(n, kappa) is least.
func minimiser(n int, kappa float64) []float64 {
	x := make([]float64, n)
	turn := func() {
		s := 0.0
		for _, v := range x {
			s += v
		}
		for i := range x {
			x[i] -= 2 * s / float64(n)
		}
	}
	for i := range x {
		x[i] = float64(1 - 2*(i%2))
	}
	turn()
	for i := range x {
		x[i] /= math.Pow(kappa, float64(i)/float64(n-1))
	}
	turn()
	return x
}

// TestRKCDRun checks default step, counts, energies, a line search, mini-batches,
// resuming and allocation.
func TestRKCDRun(t *testing.T) {
	ctx := context.Background()
	b := Band{Lower: 1, Upper: 100}
	e := rotated(20, 100)
	r, err := flow.New(RKCD(flow.GradientFlow(e), b), make([]float64, 20), flow.Options[float64]{MaxSteps: 5})
	if err != nil {
		t.Fatal(err)
	}
	for s := range r.Steps(ctx) {
		if s.K > 0 && !(math.Abs(s.H-b.Step()) <= 1e-14) || s.Stats.Evals != 1+s.K*b.Stages() || s.Energy != e.EnergyGrad(nil, s.X) {
			t.Errorf("step %d: h = %v, %d gradients, E = %v, want %v, %d, %v", s.K, s.H, s.Stats.Evals, s.Energy, b.Step(), 1+s.K*b.Stages(), e.EnergyGrad(nil, s.X))
		}
	}
	last := math.Inf(1)
	r, err = flow.New(RKCD(flow.GradientFlow(flow.EnergyFunc(2, banana)), Band{Lower: 1, Upper: 50}), []float64{-1, 1}, flow.Options[float64]{Controller: Armijo{}, MaxSteps: 200})
	if err != nil {
		t.Fatal(err)
	}
	for s := range r.Steps(ctx) {
		if !(s.Energy <= last) {
			t.Errorf("Armijo: energy %v after %v in step %d", s.Energy, last, s.K)
		}
		last = s.Energy
	}
	if !(last < 0.1) {
		t.Errorf("Armijo: energy %v after 200 steps", last)
	}
	r, err = flow.New(RKCD(flow.GradientFlow(quadratic[float64](2)), b), []float64{1}, flow.Options[float64]{})
	if err != nil {
		t.Fatal(err)
	}
	if a := testing.AllocsPerRun(100, func() { r.Next(ctx) }); a != 0 {
		t.Errorf("%v allocations a step, want 0", a)
	}
	trace := func(r *flow.Run[float64]) (out []string) {
		for s := range r.Steps(ctx) {
			out = append(out, fmt.Sprintf("%d %x %x %v", s.K, s.T, s.X, s.Stats))
		}
		return out
	}
	for name, f := range map[string]func() flow.Field[float64]{
		"plain": func() flow.Field[float64] { return flow.GradientFlow(e) }, "mini-batches": func() flow.Field[float64] { return fields()["batches"]() }} {
		n := f().Dim()
		o := flow.Options[float64]{MaxSteps: 12}
		whole, err := flow.New(RKCD(f(), b), make([]float64, n), o)
		if err != nil {
			t.Fatal(err)
		}
		want := trace(whole)
		part, err := flow.New(RKCD(f(), b), make([]float64, n), o)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			part.Next(ctx)
		}
		c, err := part.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		rest, err := flow.Resume(RKCD(f(), b), c, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range trace(rest) {
			if g != want[5+i] {
				t.Errorf("%s resumed: %s, want %s", name, g, want[5+i])
				break
			}
		}
	}
}

func TestRKCDBadInput(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, b := range []Band{{}, {0, 1, 0}, {-1, 1, 0}, {nan, 1, 0}, {2, 1, 0}, {1, inf, 0}, {1, nan, 0}, {1, 2, -1}, {1, 2, nan}, {1, 2, inf}, {1e-9, 1e9, 0}} {
		_, err := flow.New(RKCD(flow.GradientFlow(quadratic[float64](1)), b), []float64{1}, flow.Options[float64]{MaxSteps: 1})
		if !errors.Is(err, flow.ErrArgument) {
			t.Errorf("%+v: %v, want ErrArgument", b, err)
		}
	}
	if _, err := flow.New(RKCD[float64](nil, Band{Lower: 1, Upper: 2}), []float64{1}, flow.Options[float64]{MaxSteps: 1}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("nil field: %v, want ErrArgument", err)
	}
}
