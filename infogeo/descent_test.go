package infogeo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	methods "github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

var allMethods = []Method{NGDEta, NGDTheta, NGDGeodesic, GDTheta, GDEta, GDLogits}

func newDescent[T flow.Float](t testing.TB, q []T, ref int, o DescentOptions) *Descent[T] {
	t.Helper()
	d, err := NewDescent(q, ref, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func uniform(k int) []float64 {
	p := make([]float64, k)
	for i := range p {
		p[i] = 1 / float64(k)
	}
	return p
}

type discreteCases struct {
	Q, P0 []float64
	Runs  []struct {
		Loss, Method string
		Alpha        float64
		Iterates     []flowPoint
	}
	Newton struct {
		Q, P0  []float64
		Thetas []float64 `json:"theta_iterates"`
	} `json:"newton_divergence"`
}

func TestDescentReference(t *testing.T) {
	var ref discreteCases
	readJSON(t, "discrete.json", &ref)
	byName := map[string]Method{}
	for _, m := range allMethods {
		byName[m.String()] = m
	}
	for _, r := range ref.Runs {
		m, ok := byName[r.Method]
		if !ok {
			t.Fatalf("method %s", r.Method)
		}
		o := DescentOptions{Method: m, Alpha: r.Alpha, Loss: Forward}
		if r.Loss == "rev" {
			o.Loss = Reverse
		}
		d := newDescent(t, ref.Q, 3, o)
		x, next, p := make([]float64, d.Dim()), make([]float64, d.Dim()), make([]float64, 4)
		if err := d.FromP(x, ref.P0); err != nil {
			t.Fatal(err)
		}
		for k, want := range r.Iterates {
			if _, err := d.Step(next, x, k); err != nil {
				t.Fatal(err)
			}
			copy(x, next)
			d.P(p, x)
			for i := range p {
				if math.Abs(p[i]-want.P[i]) > 1e-12 {
					t.Errorf("%s %s α = %v, step %d: p[%d] = %v, want %v", r.Loss, r.Method, r.Alpha, k+1, i, p[i], want.P[i])
				}
			}
			if l := d.Loss(x); math.Abs(l-want.Loss) > 1e-12 {
				t.Errorf("%s %s α = %v, step %d: loss %v, want %v", r.Loss, r.Method, r.Alpha, k+1, l, want.Loss)
			}
		}
	}
	// Newton's iterates of the reference, and the report of the divergence.
	d := newDescent(t, ref.Newton.Q, 1, DescentOptions{Method: NGDTheta, Alpha: 1})
	x, next := []float64{math.Log(19)}, []float64{0}
	for k, want := range ref.Newton.Thetas {
		if _, err := d.Step(next, x, k); err != nil {
			t.Fatal(err)
		}
		// Errors grow by the size of the next iterate.
		near(t, "θ", next[0], want, 1e-11)
		copy(x, next)
	}
	r, err := d.Run(context.Background(), ref.Newton.P0, RunOptions{})
	var div *DivergedError
	if !errors.As(err, &div) || !errors.Is(err, ErrDiverged) || r.Status != flow.Diverged || !kernel.AllFinite(div.LastState) {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := CheckDistribution(r.P); got != nil {
		t.Error(got)
	}
	run, err := flow.New(d.Map(), []float64{math.Log(19)}, flow.Options[float64]{T1: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Solve(context.Background()); !errors.As(err, &div) {
		t.Errorf("run of flow: %v", err)
	}
}

// TestDescentNewton: undamped, quadratic from near.
func TestDescentNewton(t *testing.T) {
	d := newDescent(t, []float64{.45, .3, .15, .1}, 3, DescentOptions{Method: NGDTheta, Alpha: 1})
	var got []float64
	_, err := d.Run(context.Background(), []float64{.1, .2, .3, .4}, RunOptions{Tol: 1e-15, Observe: func(_ int, _ []float64, l float64) { got = append(got, l) }})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{.5558729, .3702114, .1489592, 4.983e-3, 5.09e-6, 3.61e-11} {
		if math.Abs(got[i]-want) > 1e-3*want {
			t.Errorf("loss %d = %v, want %v", i, got[i], want)
		}
	}
}

// TestDescentContraction: D1 and D2.
func TestDescentContraction(t *testing.T) {
	q, p0 := []float64{.45, .3, .15, .1}, []float64{.1, .2, .3, .4}
	s, _ := SimplexSpectrum(q, 3)
	near(t, "ρ", s.Rho, .852454101250341, 1e-13)
	for m, a := range map[Method]float64{GDTheta: s.AlphaTheta, GDEta: s.AlphaEta} {
		start := p0
		if m == GDEta {
			start = []float64{.4, .32, .16, .12} // further away it leaves the simplex
		}
		d := newDescent(t, q, 3, DescentOptions{Method: m, Alpha: a})
		var l []float64
		if _, err := d.Run(context.Background(), start, RunOptions{Tol: 1e-18, Observe: func(_ int, _ []float64, e float64) { l = append(l, e) }}); err != nil {
			t.Fatal(err)
		}
		n := len(l) - 1
		near(t, m.String()+": contraction of the loss", math.Sqrt(l[n]/l[n-2]), s.Rho*s.Rho, 1e-4)
	}
	for _, a := range []float64{.1, .5, 1, 1.5} {
		for m, loss := range map[Method]Loss{NGDEta: Forward, NGDTheta: Reverse} {
			d := newDescent(t, q, 1, DescentOptions{Method: m, Alpha: a, Loss: loss})
			x, y := make([]float64, 3), make([]float64, 3)
			if err := d.FromP(x, []float64{.4, .32, .16, .12}); err != nil {
				t.Fatal(err)
			}
			target := d.f.pt.q[:3]
			if loss == Reverse {
				target = d.f.pt.thetaQ
			}
			dist := func(x []float64) float64 { kernel.SubTo(y, x, target); return kernel.Nrm2(y) }
			d0, next := dist(x), make([]float64, 3)
			for k := range 10 {
				if _, err := d.Step(next, x, k); err != nil {
					t.Fatal(err)
				}
				copy(x, next)
				if want := math.Pow(math.Abs(1-a), float64(k+1)) * d0; math.Abs(dist(x)-want) > 2e-16 {
					t.Errorf("%v, α = %v, step %d: distance %v, want %v", m, a, k+1, dist(x), want)
				}
			}
		}
	}
}

// TestDescentMonotone is D4, with its limits.
func TestDescentMonotone(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for range 1500 {
		k := 2 + rng.IntN(8)
		q, p := randomSimplex(rng, k), randomSimplex(rng, k)
		a := 4 * rng.Float64()
		if rng.IntN(5) == 0 {
			a = 4
		}
		for _, m := range []Method{GDTheta, GDLogits} {
			d := newDescent(t, q, rng.IntN(k), DescentOptions{Method: m, Alpha: a})
			x, next := make([]float64, d.Dim()), make([]float64, d.Dim())
			if err := d.FromP(x, p); err != nil {
				t.Fatal(err)
			}
			before := d.Loss(x)
			for k := range 20 {
				if _, err := d.Step(next, x, k); err != nil {
					t.Fatal(err)
				}
				copy(x, next)
				after := d.Loss(x)
				if after > before*(1+1e-12)+1e-28 {
					t.Fatalf("%v, α = %v: loss rises from %v to %v; q = %v, p0 = %v", m, a, before, after, q, p)
				}
				before = after
			}
		}
	}
}

// TestDescentMirror: natural gradient descent in θ is mirror descent in η.
func TestDescentMirror(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for range 200 {
		k := 2 + rng.IntN(8)
		q, p := randomSimplex(rng, k), randomSimplex(rng, k)
		_ = Smooth(q, q, .05)
		_ = Smooth(p, p, .05)
		ref, a := rng.IntN(k), rng.Float64()
		worst := mirrorDefect(t, q, p, ref, a)
		if worst > 1e-14 {
			t.Errorf("q = %v, p = %v: defect %v", q, p, worst)
		}
	}
}

// mirrorDefect compares a step of both natural methods with mirror descent, whose
// gradients are taken in the other coordinates.
func mirrorDefect(t testing.TB, q, p []float64, ref int, a float64) (worst float64) {
	n := len(q) - 1
	for _, loss := range []Loss{Forward, Reverse} {
		inEta := newFlow(t, q, ref, KLFlowOptions{Loss: loss, Geometry: EuclideanEta})
		inTheta := newFlow(t, q, ref, KLFlowOptions{Loss: loss, Geometry: EuclideanTheta})
		g, x, got := make([]float64, n), make([]float64, n), make([]float64, n)
		dt := newDescent(t, q, ref, DescentOptions{Method: NGDTheta, Loss: loss, Alpha: a})
		de := newDescent(t, q, ref, DescentOptions{Method: NGDEta, Loss: loss, Alpha: a})
		eta, theta := startAt(t, inEta, p), startAt(t, inTheta, p)
		inEta.EnergyGrad(g, eta)
		kernel.AxpyTo(x, -a, g, theta)
		_, _ = dt.Step(got, theta, 0)
		worst = max(worst, relDistance(got, x))
		inTheta.EnergyGrad(g, theta)
		kernel.AxpyTo(x, -a, g, eta)
		_, _ = de.Step(got, eta, 0)
		worst = max(worst, relDistance(got, x))
	}
	return worst
}

// relDistance is |x-y|∞ relative to 1 + |y|∞.
func relDistance(x, y []float64) float64 {
	d := make([]float64, len(x))
	kernel.SubTo(d, x, y)
	return kernel.MaxAbs(d) / (1 + kernel.MaxAbs(y))
}

// TestDescentTable is experiment E4.
func TestDescentTable(t *testing.T) {
	run := func(q []float64, m Method, a float64) int {
		d := newDescent(t, q, len(q)-1, DescentOptions{Method: m, Alpha: a})
		r, err := d.Run(context.Background(), uniform(len(q)), RunOptions{})
		if errors.Is(err, ErrDiverged) {
			return -1
		}
		if err != nil {
			t.Fatalf("K = %d, %v: %v", len(q), m, err)
		}
		return r.Steps
	}
	for _, c := range []struct {
		k                          int
		kappa                      float64
		gdTheta, gdEta, half, newt int
	}{
		{3, 5.17, 25, 26, 16, 3}, {5, 16.6, 80, 83, 16, 4}, {10, 73.5, 335, 360, 16, 4}, {20, 312.6, 1338, 1509, 17, 8}, {50, 2053.7, 8231, 9766, 17, -1}, {100, 8424.1, 31961, 39696, 17, -1},
	} {
		q := zipf(c.k)
		s, _ := SimplexSpectrum(q, c.k-1)
		near(t, "κ", s.Kappa, c.kappa, 3e-3) // printed with three digits
		for _, g := range []struct {
			m    Method
			a    float64
			want int
		}{{GDTheta, s.AlphaTheta, c.gdTheta}, {GDEta, s.AlphaEta, c.gdEta}, {NGDEta, .5, c.half}, {NGDEta, 1, 1}, {NGDTheta, 1, c.newt}} {
			if got := run(q, g.m, g.a); got < g.want-1 || got > g.want+1 || (got < 0) != (g.want < 0) {
				t.Errorf("K = %d, %v, α = %v: %d steps, want %d", c.k, g.m, g.a, got, g.want)
			}
		}
	}
	// Globalised natural gradient, in the family.
	f, err := NewCategorical(100, 99)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Fit(context.Background(), f, zipf(100)[:99], FitOptions{})
	if err != nil || r.K < 5 || r.K > 8 {
		t.Errorf("globalised: %+v, %v, want 6 steps", r, err)
	}
}

// TestDescentDigits is experiment E7.
func TestDescentDigits(t *testing.T) {
	var ref struct {
		Counts []float64 `json:"grey_level_counts"`
	}
	readJSON(t, "digits_counts.json", &ref)
	q := make([]float64, 17)
	if err := Smooth(q, ref.Counts, 0); err != nil {
		t.Fatal(err)
	}
	s, _ := SimplexSpectrum(q, 16)
	for _, c := range []struct {
		m    Method
		a    float64
		want int
	}{{GDTheta, s.AlphaTheta, 293}, {GDEta, s.AlphaEta, 292}, {NGDEta, .5, 17}} {
		d := newDescent(t, q, 16, DescentOptions{Method: c.m, Alpha: c.a})
		r, err := d.Run(context.Background(), uniform(17), RunOptions{})
		if err != nil || r.Steps < c.want-1 || r.Steps > c.want+1 {
			t.Errorf("%v: %+v, %v, want %d steps", c.m, r, err, c.want)
		}
	}
}

// TestDescentEuler is D6: the error against the flow at t = 1 halves with the step.
func TestDescentEuler(t *testing.T) {
	q, p0 := []float64{.45, .3, .15, .1}, []float64{.1, .2, .3, .4}
	for _, m := range allMethods {
		for _, loss := range []Loss{Forward, Reverse} {
			f := newFlow(t, q, 3, func() KLFlowOptions { o := m.flowOf(); o.Loss = loss; return o }())
			s, err := flow.Solve(context.Background(), flow.Field[float64](f), startAt(t, f, p0), flow.Options[float64]{Method: flow.DOP853, T1: 1, RelTol: 1e-12, AbsTol: 1e-13})
			if err != nil {
				t.Fatal(err)
			}
			want, p := make([]float64, 4), make([]float64, 4)
			f.P(want, s.X)
			end := func(k int) float64 {
				d := newDescent(t, q, 3, DescentOptions{Method: m, Loss: loss, Alpha: 1 / float64(k)})
				r, err := d.Run(context.Background(), p0, RunOptions{MaxSteps: k, Tol: 1e-300})
				if err != nil {
					t.Fatal(err)
				}
				kernel.SubTo(p, r.P, want)
				return kernel.Nrm2(p)
			}
			if ratio := end(256) / end(512); math.Abs(ratio-2) > .04 {
				t.Errorf("%v, %v: halving α divides the error by %v", m, loss, ratio)
			}
		}
	}
}

// TestDescentDomain: D5.
func TestDescentDomain(t *testing.T) {
	q, p0 := []float64{.45, .3, .15, .1}, []float64{.9, .09, .009, .001}
	d := newDescent(t, q, 3, DescentOptions{Method: GDEta, Alpha: .05})
	r, err := d.Run(context.Background(), p0, RunOptions{})
	var left *LeftDomainError
	if !errors.As(err, &left) || !errors.Is(err, ErrLeftDomain) {
		t.Fatalf("%+v, %v", r, err)
	}
	if left.Step != 0 || left.Index != 0 || !(left.Value < 0) || math.Abs(r.P[3]-p0[3]) > 1e-15 || r.Status != flow.Diverged {
		t.Errorf("%+v, result %+v", left, r)
	}
	run, err := flow.New(d.Map(), p0[:3], flow.Options[float64]{T1: 10})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := run.Solve(context.Background()); !errors.As(err, &left) || s.X[0] != p0[0] {
		t.Errorf("run of flow: %+v, %v", s, err)
	}
	b := newDescent(t, q, 3, DescentOptions{Method: GDEta, Alpha: .05, Backtrack: true})
	if r, err := b.Run(context.Background(), p0, RunOptions{MaxSteps: 2000}); err != nil || !(r.Loss < 1e-3) {
		t.Errorf("with backtracking: %+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := newDescent(t, q, 3, DescentOptions{Alpha: .01})
	r, err = n.Run(ctx, p0, RunOptions{Observe: func(k int, _ []float64, _ float64) {
		if k == 5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || r.Steps != 5 || r.Status != flow.Cancelled {
		t.Errorf("cancelled: %+v, %v", r, err)
	}
}

func TestDescentOptions(t *testing.T) {
	q := []float64{.45, .3, .15, .1}
	nan := math.NaN()
	for _, c := range []struct {
		q   []float64
		o   DescentOptions
		err error
	}{
		{q, DescentOptions{}, ErrInvalid}, {q, DescentOptions{Alpha: -1}, ErrInvalid}, {q, DescentOptions{Alpha: nan}, ErrInvalid},
		{q, DescentOptions{Alpha: math.Inf(1)}, ErrInvalid}, {q, DescentOptions{Alpha: 1, Decay: nan}, ErrInvalid}, {q, DescentOptions{Alpha: 1, Method: 6}, ErrInvalid},
		{q, DescentOptions{Alpha: 1, Loss: 2}, ErrInvalid}, {[]float64{0, 1}, DescentOptions{Alpha: 1}, ErrBoundary}, {[]float64{1, 1}, DescentOptions{Alpha: 1}, ErrInvalid},
	} {
		if _, err := NewDescent(c.q, 0, c.o); !errors.Is(err, c.err) {
			t.Errorf("%+v: %v, want %v", c.o, err, c.err)
		}
	}
	s, _ := SimplexSpectrum(q, 3)
	mu := make([]float64, 3)
	_ = LogitEigenvalues(mu, q)
	for m, limit := range map[Method]float64{GDTheta: 2 / s.Max, GDEta: 2 * s.Min, GDLogits: 2 / mu[2], NGDEta: 2, NGDTheta: 2, NGDGeodesic: 2} {
		d := newDescent(t, q, 3, DescentOptions{Method: m, Alpha: limit * 1.01})
		near(t, m.String()+": limit", d.Limit(), limit, 1e-13)
		if !d.Unstable() || newDescent(t, q, 3, DescentOptions{Method: m, Alpha: limit * .99}).Unstable() {
			t.Errorf("%v: Unstable is wrong at its limit", m)
		}
	}
	d := newDescent(t, q, 3, DescentOptions{Alpha: 1})
	if _, err := d.Run(context.Background(), q[:3], RunOptions{}); !errors.Is(err, ErrShape) {
		t.Errorf("p0 too short: %v", err)
	}
	if _, err := d.Run(context.Background(), []float64{1, 0, 0, 0}, RunOptions{}); !errors.Is(err, ErrBoundary) {
		t.Errorf("p0 on the boundary: %v", err)
	}
	if err := d.SetTarget([]float64{1, 0, 0, 0}); err != nil {
		t.Errorf("target of a mini-batch: %v", err)
	}
	if err := d.SetTarget([]float64{1, 0, 0, 1}); !errors.Is(err, ErrInvalid) {
		t.Errorf("target that is no distribution: %v", err)
	}
}

// TestDescentOnField: descent.GD on the flow is the same iteration.
func TestDescentOnField(t *testing.T) {
	q, p0 := []float64{.45, .3, .15, .1}, []float64{.3, .25, .25, .2}
	for _, m := range []Method{GDTheta, GDEta, GDLogits, NGDTheta, NGDEta} {
		d := newDescent(t, q, 2, DescentOptions{Method: m, Alpha: .01})
		f := newFlow(t, q, 2, m.flowOf())
		x0 := startAt(t, f, p0)
		a, err := flow.New(d.Map(), x0, flow.Options[float64]{T1: 50})
		if err != nil {
			t.Fatal(err)
		}
		b, err := flow.New(methods.GD[float64](f), x0, flow.Options[float64]{Controller: flow.Fixed{H: .01}, MaxSteps: 50})
		if err != nil {
			t.Fatal(err)
		}
		sa, err := a.Solve(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		sb, err := b.Solve(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if d := relDistance(sa.X, sb.X); d > 1e-14 {
			t.Errorf("%v: differs by %v", m, d)
		}
		near(t, m.String()+": energy", sb.Energy, d.Loss(sa.X), 1e-10)
	}
}

func testDescentBatch[T flow.Float](t *testing.T, tol float64) {
	rng := rand.New(rand.NewPCG(41, 42))
	const rows, k = 33, 17
	z, q, p := kernel.NewMatrix[T](rows, k), kernel.NewMatrix[T](rows, k), kernel.NewMatrix[T](rows, k)
	want := kernel.NewMatrix[T](rows, k)
	loss := make([]float64, rows)
	for i := range rows {
		r, s := randomSimplex(rng, k), randomSimplex(rng, k)
		for j := range k {
			q.Set(i, j, T(r[j]))
			z.Set(i, j, T(math.Log(s[j]))+T(i))
		}
		copy(want.Row(i), z.Row(i))
	}
	LogitStepRows(loss, z, q, p, .7)
	lse := make([]float64, rows)
	kls := make([]float64, rows)
	soft := kernel.NewMatrix[T](rows, k)
	SoftmaxRows(lse, soft, want)
	KLRows(kls, q, soft)
	v, u := kernel.NewMatrix[T](rows, k-1), kernel.NewMatrix[T](rows, k-1)
	eta, pr := kernel.NewMatrix[T](rows, k-1), make([]T, rows)
	for i := range rows {
		var top, sum float64
		for _, x := range want.Row(i) {
			top = max(top, float64(x))
		}
		for _, x := range want.Row(i) {
			sum += math.Exp(float64(x) - top)
		}
		if d := math.Abs(lse[i] - top - math.Log(sum)); d > tol*(1+math.Abs(lse[i])) {
			t.Fatalf("row %d: log Z %v, want %v", i, lse[i], top+math.Log(sum))
		}
		for j, x := range want.Row(i) {
			pj := math.Exp(float64(x)-top) / sum
			if math.Abs(float64(p.At(i, j))-pj) > tol || math.Abs(float64(soft.At(i, j))-pj) > tol {
				t.Fatalf("row %d: p[%d] = %v, %v, want %v", i, j, p.At(i, j), soft.At(i, j), pj)
			}
			if w := float64(x) - .7*(pj-float64(q.At(i, j))); math.Abs(float64(z.At(i, j))-w) > tol*(1+math.Abs(w)) {
				t.Fatalf("row %d: z[%d] = %v, want %v", i, j, z.At(i, j), w)
			}
		}
		if math.Abs(loss[i]-kls[i]) > 10*tol*kls[i] || math.Abs(loss[i]-KL(q.Row(i), p.Row(i))) > 10*tol*loss[i] {
			t.Fatalf("row %d: loss %v and %v", i, loss[i], kls[i])
		}
		copy(eta.Row(i), p.Row(i))
		pr[i] = p.At(i, k-1)
		for j := range k - 1 {
			v.Set(i, j, T(rng.NormFloat64()))
		}
	}
	FisherMulRows(u, eta, v)
	FisherSolveRows(u, eta, pr, u, 0)
	for i := range rows {
		for j := range k - 1 {
			if d := math.Abs(float64(u.At(i, j) - v.At(i, j))); d > 1e3*tol/float64(min(pr[i], eta.At(i, j))) {
				t.Fatalf("row %d: G⁻¹ G v differs by %v", i, d)
			}
		}
	}
}

func TestDescentBatch(t *testing.T) {
	testDescentBatch[float64](t, 4e-15)
	testDescentBatch[float32](t, 2e-6)
}

func TestDescentFloat32(t *testing.T) {
	var ref discreteCases
	readJSON(t, "discrete.json", &ref)
	q, p0 := make([]float32, 4), make([]float32, 4)
	for i := range q {
		q[i], p0[i] = float32(ref.Q[i]), float32(ref.P0[i])
	}
	for _, r := range ref.Runs {
		for _, m := range allMethods {
			if m.String() != r.Method {
				continue
			}
			o := DescentOptions{Method: m, Alpha: r.Alpha}
			if r.Loss == "rev" {
				o.Loss = Reverse
			}
			d := newDescent(t, q, 3, o)
			got, err := d.Run(context.Background(), p0, RunOptions{MaxSteps: len(r.Iterates), Tol: 1e-30})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range r.Iterates[len(r.Iterates)-1].P {
				if math.Abs(got.P[i]-want) > 3e-6 {
					t.Errorf("%s %s: p[%d] = %v, want %v", r.Loss, r.Method, i, got.P[i], want)
				}
			}
		}
	}
}

// TestDescentLong: a step over many blocks is that of the formula, with the maximum
// anywhere.
func TestDescentLong(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	for _, k := range []int{2, 1024, 1025, 1026, 5000} {
		q := randomSimplex(rng, k)
		for _, scale := range []float64{1, 300} {
			z, dst, p := make([]float64, k), make([]float64, k), make([]float64, k)
			for i := range z {
				z[i] = scale * rng.NormFloat64()
			}
			z[k-1] = 0
			want := make([]float64, k)
			SoftmaxLogits(want, z)
			for name, step := range map[string]func() float64{
				"logits": func() float64 { return LogitStep(dst, z, q, p, .3) },
				"theta":  func() float64 { return ThetaStep(dst[:k-1], z[:k-1], q, p, .3) },
			} {
				loss := step()
				if kl := KL(q, want); loss != kl { // both +Inf where a p underflows
					near(t, name+": loss", loss, kl, 1e-12)
				}
				for i, w := range want {
					if name == "theta" && i == k-1 {
						break
					}
					if math.Abs(p[i]-w) > 1e-13*w || math.Abs(dst[i]-(z[i]-.3*(w-q[i]))) > 1e-15*(1+math.Abs(z[i])) {
						t.Fatalf("%s, K = %d: p[%d] = %v, want %v; step to %v", name, k, i, p[i], w, dst[i])
					}
				}
			}
		}
	}
}

func BenchmarkThetaStep(b *testing.B) {
	for _, k := range []int{1000, 1000000} {
		b.Run(fmt.Sprintf("float64/K=%d", k), func(b *testing.B) { benchThetaStep[float64](b, k) })
		b.Run(fmt.Sprintf("float32/K=%d", k), func(b *testing.B) { benchThetaStep[float32](b, k) })
	}
}

func benchThetaStep[T flow.Float](b *testing.B, k int) {
	q, theta := make([]T, k), make([]T, k-1)
	for i, v := range zipf(k) {
		q[i] = T(v)
	}
	b.ReportAllocs()
	for b.Loop() {
		ThetaStep(theta, theta, q, nil, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(k), "ns/state")
}

func BenchmarkLogitStepRows(b *testing.B) {
	const rows, k = 10000, 16
	z, q, p := kernel.NewMatrix[float64](rows, k), kernel.NewMatrix[float64](rows, k), kernel.NewMatrix[float64](rows, k)
	w := zipf(k)
	for i := range rows {
		copy(q.Row(i), w)
	}
	loss := make([]float64, rows)
	b.ReportAllocs()
	for b.Loop() {
		LogitStepRows(loss, z, q, p, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

func BenchmarkFisher(b *testing.B) {
	const k = 1000000
	p := zipf(k)
	v, dst := make([]float64, k-1), make([]float64, k-1)
	for i := range v {
		v[i] = float64(i%7) - 3
	}
	b.Run("mul", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			FisherMul(dst, p[:k-1], v)
		}
	})
	b.Run("solve", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			FisherSolve(dst, p[:k-1], p[k-1], v)
		}
	})
	b.Run("damped", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			FisherSolveDamped(dst, p[:k-1], p[k-1], v, 1e-3)
		}
	})
}
