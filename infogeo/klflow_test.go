package infogeo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

var allGeometries = []Geometry{Natural, EuclideanTheta, EuclideanEta, EuclideanLogits}
var allCoords = []Coords{ThetaCoords, EtaCoords, LogitCoords, DeviationCoords}

// newFlow is NewKLFlow for arguments known to be good.
func newFlow[T flow.Float](t testing.TB, q []T, ref int, o KLFlowOptions) *KLFlow[T] {
	t.Helper()
	f, err := NewKLFlow(q, ref, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// startAt is FromP for points known to be good.
func startAt[T flow.Float](t testing.TB, f *KLFlow[T], p []T) []T {
	t.Helper()
	x := make([]T, f.Dim())
	if err := f.FromP(x, p); err != nil {
		t.Fatal(err)
	}
	return x
}

type flowPoint struct {
	T    float64
	P    []float64
	Loss float64
}

type flowCases struct {
	Cases []struct {
		Q, P0     []float64
		Loss0_fwd float64
		Loss0_rev float64
		Flows     map[string]map[string][]flowPoint
	}
}

func TestFlowReference(t *testing.T) {
	var ref flowCases
	readJSON(t, "flows.json", &ref)
	geometries := map[string]Geometry{"theta": EuclideanTheta, "eta": EuclideanEta, "natural": Natural}
	for i, c := range ref.Cases {
		near(t, "L(0)", KL(c.Q, c.P0), c.Loss0_fwd, 1e-14)
		near(t, "L(0)", KL(c.P0, c.Q), c.Loss0_rev, 1e-14)
		for _, loss := range []Loss{Forward, Reverse} {
			for name, pts := range c.Flows[[]string{"fwd", "rev"}[loss]] {
				for _, coords := range allCoords {
					f := newFlow(t, c.Q, len(c.Q)-1, KLFlowOptions{Loss: loss, Geometry: geometries[name], Coords: coords})
					var at []float64
					for _, p := range pts {
						at = append(at, p.T)
					}
					s, err := flow.Solve(context.Background(), flow.Field[float64](f), startAt(t, f, c.P0), flow.Options[float64]{
						Method: flow.DOP853, T1: at[len(at)-1], RelTol: 1e-13, AbsTol: 1e-14, TStops: at, SaveAt: at})
					if err != nil {
						t.Fatal(err)
					}
					p := make([]float64, len(c.Q))
					for l, want := range pts {
						f.P(p, s.States[l])
						for j := range p {
							if !(math.Abs(p[j]-want.P[j]) <= 1e-12) {
								t.Errorf("case %d, %v, %s in %v, t = %v: p[%d] = %v, want %v", i, loss, name, coords, want.T, j, p[j], want.P[j])
							}
						}
						e, _ := f.EvalEnergy(nil, s.States[l], 0)
						if !(math.Abs(e-want.Loss) <= 1e-12) {
							t.Errorf("case %d, %v, %s in %v, t = %v: loss %v, want %v", i, loss, name, coords, want.T, e, want.Loss)
						}
						if f.HasExact() {
							if err := f.Exact(s.States[l], startAt(t, f, c.P0), want.T); err != nil {
								t.Fatal(err)
							}
							f.P(p, s.States[l])
							for j := range p {
								if !(math.Abs(p[j]-want.P[j]) <= 4e-16) {
									t.Errorf("case %d, %v, exact in %v, t = %v: p[%d] = %v, want %v", i, loss, coords, want.T, j, p[j], want.P[j])
								}
							}
						}
					}
				}
			}
		}
	}
}

// TestFlowCoordinates: the velocity of p does not depend on the coordinates nor on
// the reference state, where the geometry does not; the slope is dE/dt; the field
// is minus the gradient in own coordinates.
func TestFlowCoordinates(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 40 {
		k := 2 + rng.IntN(6)
		q, p := randomSimplex(rng, k), randomSimplex(rng, k)
		_ = Smooth(p, p, 0.02)
		_ = Smooth(q, q, 0.02)
		ref := rng.IntN(k)
		for _, loss := range []Loss{Forward, Reverse} {
			for _, geo := range allGeometries {
				var first []float64
				for _, coords := range allCoords {
					name := fmt.Sprintf("K = %d, %v, %v in %v", k, loss, geo, coords)
					f := newFlow(t, q, ref, KLFlowOptions{Loss: loss, Geometry: geo, Coords: coords})
					x := startAt(t, f, p)
					v := make([]float64, f.Dim())
					e, slope := f.EvalEnergy(v, x, 0)
					dp := pushed(f, x, v)
					if first == nil {
						first = dp
					}
					for i := range dp {
						if math.Abs(dp[i]-first[i]) > 1e-11*kernel.MaxAbs(first) {
							t.Fatalf("%s: p' = %v, in %v it is %v", name, dp, allCoords[0], first)
						}
					}
					want := KL(q, p)
					if loss == Reverse {
						want = KL(p, q)
					}
					near(t, name+": energy", e, want, 1e-12)
					// slope = ∇L·p', with ∇_p L = -q/p or log(p/q)
					var s float64
					g := make([]float64, f.Dim())
					f.EnergyGrad(g, x)
					s = kernel.Dot(g, v)
					if math.Abs(s-slope) > 1e-10*math.Abs(slope) {
						t.Fatalf("%s: slope %v, ∇L·x' = %v", name, slope, s)
					}
					if f.Caps().Descends {
						for i := range g {
							if math.Abs(g[i]+v[i]) > 1e-12*(math.Abs(g[i])+1) {
								t.Fatalf("%s: field %v, gradient %v", name, v, g)
							}
						}
					}
					checkJacobian(t, name, f, x)
				}
			}
		}
	}
}

// pushed is the velocity of p that the velocity v of the coordinates x means.
func pushed(f *KLFlow[float64], x, v []float64) []float64 {
	k := f.pt.n + 1
	p, dp := make([]float64, k), make([]float64, k)
	f.P(p, x)
	toLast(dp, p, f.ref)
	copy(p, dp)
	if f.opt.Coords == EtaCoords {
		copy(dp, v)
		dp[k-1] = -kernel.Sum(v)
		return dp
	}
	u := make([]float64, k)
	copy(u, v)
	m := kernel.Dot(p, u)
	for i := range dp {
		dp[i] = p[i] * (u[i] - m)
	}
	return dp
}

// checkJacobian compares the products with differences, and the solutions with a
// dense factorization.
func checkJacobian(t *testing.T, name string, f *KLFlow[float64], x []float64) {
	t.Helper()
	c, n := f.Caps(), f.Dim()
	if c.JacVec == nil {
		return
	}
	a, b, y := make([]float64, n), make([]float64, n), make([]float64, n)
	jac := make([]float64, n*n)
	c.Jacobian(jac, x, 0)
	scale := kernel.MaxAbs(jac) + 1
	for j := range n {
		h := 1e-5 * min(1, math.Abs(x[j]))
		if f.opt.Coords == EtaCoords {
			h = 1e-5 * min(x[j], f.pt.pr())
		}
		copy(y, x)
		y[j] += h
		f.Eval(a, y, 0)
		y[j] = x[j] - h
		f.Eval(b, y, 0)
		for i := range n {
			if d := (a[i] - b[i]) / (2 * h); math.Abs(d-jac[i*n+j]) > 2e-5*scale {
				t.Fatalf("%s: J[%d,%d] = %v, difference %v", name, i, j, jac[i*n+j], d)
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	rhs := make([]float64, n)
	for i := range rhs {
		rhs[i] = rng.NormFloat64()
	}
	c.JacVec(a, x, rhs, 0)
	kernel.Gemv(b, 1, kernel.MatrixOf(n, n, jac), rhs, 0)
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-12*scale {
			t.Fatalf("%s: J v = %v, dense %v", name, a, b)
		}
	}
	radius := c.Radius(x, 0)
	if nv := kernel.Nrm2(a) / kernel.Nrm2(rhs); f.opt.Geometry != Natural && nv > radius*(1+1e-12) {
		t.Fatalf("%s: |J v|/|v| = %v above the radius %v", name, nv, radius)
	}
	for _, s := range []float64{0.01, 1, 1e4} {
		if err := c.Shift(x, 0, s); err != nil {
			t.Fatal(err)
		}
		if err := c.SolveShift(a, rhs); err != nil {
			t.Fatal(err)
		}
		m := mat.NewDense(n, n, nil)
		for i := range n {
			for j := range n {
				m.Set(i, j, -s*jac[i*n+j])
			}
			m.Set(i, i, 1+m.At(i, i))
		}
		var lu mat.LU
		lu.Factorize(m)
		var sol mat.VecDense
		if err := lu.SolveVecTo(&sol, false, mat.NewVecDense(n, rhs)); err != nil {
			continue // the dense solution knows no digit
		}
		// The formula subtracts a multiple of one vector from D⁻¹ b.
		kernel.MulTo(b, f.jac.inv, rhs)
		tol := 1e-14 * (lu.Cond()*mat.Norm(&sol, math.Inf(1)) + kernel.MaxAbs(b))
		for i := range a {
			if math.Abs(a[i]-sol.AtVec(i)) > tol {
				t.Fatalf("%s, s = %v: %v, dense %v (condition %v)", name, s, a, sol.RawVector().Data, lu.Cond())
			}
		}
	}
}

// TestFlowRates follows the deviation with a purely relative tolerance until the
// nonlinear terms are gone.
func TestFlowRates(t *testing.T) {
	q, p0 := []float64{.45, .3, .15, .1}, []float64{.1, .2, .3, .4}
	s, _ := SimplexSpectrum(q, 3)
	mu := make([]float64, 3)
	if err := LogitEigenvalues(mu, q); err != nil {
		t.Fatal(err)
	}
	near(t, "logit rate", 2*mu[0], .228075315828, 1e-11)
	for _, loss := range []Loss{Forward, Reverse} {
		for geo, rate := range map[Geometry]float64{EuclideanTheta: s.RateTheta, EuclideanEta: s.RateEta, Natural: 2, EuclideanLogits: 2 * mu[0]} {
			got, err := measureRate(q, p0, 3, KLFlowOptions{Loss: loss, Geometry: geo})
			if err != nil {
				t.Fatal(err)
			}
			near(t, fmt.Sprintf("rate of %v, %v", loss, geo), got, rate, 1e-6)
		}
	}
}

// TestFlowStiff approaches the boundary, where the flow in η is stiff, with the
// solver of rank one.
func TestFlowStiff(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const k = 500
	q, p := randomSimplex(rng, k), zipf(k)
	_ = Smooth(q, q, 1e-9)
	f := newFlow(t, q, 0, KLFlowOptions{Geometry: EuclideanEta})
	x0 := startAt(t, f, p)
	e0, _ := f.EvalEnergy(nil, x0, 0)
	s, err := flow.Solve(context.Background(), flow.Field[float64](f), x0, flow.Options[float64]{Method: flow.Rodas5P, T1: 1, RelTol: 1e-5, AbsTol: 1e-10})
	if err != nil {
		t.Fatal(err)
	}
	if s.Status != flow.Done || s.Stats.Accepted > 1000 {
		t.Errorf("status %v after %d steps", s.Status, s.Stats.Accepted)
	}
	x, err := flow.Solve(context.Background(), flow.Field[float64](f), x0, flow.Options[float64]{Method: flow.Tsit5, T1: 1, RelTol: 1e-5, AbsTol: 1e-10, MaxSteps: 10 * s.Stats.Accepted})
	if err != nil || x.T > 0.1 {
		t.Errorf("an explicit method gets to t = %v in ten times the steps (%v): not stiff", x.T, err)
	}
	e1, _ := f.EvalEnergy(nil, s.X, 0)
	if !(e1 <= math.Exp(-2)*e0) {
		t.Errorf("loss %v, want at most e^-2 of %v", e1, e0)
	}
}

// TestFlowDirection: the natural flow is straight.
func TestFlowDirection(t *testing.T) {
	q, p0 := []float64{.45, .3, .15, .1}, []float64{.1, .2, .3, .4}
	for _, loss := range []Loss{Forward, Reverse} {
		for _, c := range allCoords {
			f := newFlow(t, q, 1, KLFlowOptions{Loss: loss, Coords: c})
			x0 := startAt(t, f, p0)
			d0, d := make([]float64, 3), make([]float64, 3)
			f.Direction(d0, x0)
			for st, err := range flow.Steps(context.Background(), flow.Field[float64](f), x0, flow.Options[float64]{Method: flow.DOP853, T1: 8, RelTol: 1e-12, AbsTol: 1e-14}) {
				if err != nil {
					t.Fatal(err)
				}
				f.Direction(d, st.X)
				kernel.SubTo(d, d, d0)
				// Rounding of p - q grows by e^t relative to the difference.
				if kernel.MaxAbs(d) > 1e-11+1e-15*math.Exp(st.T) {
					t.Fatalf("%v in %v: direction moved by %v at t = %v", loss, c, kernel.MaxAbs(d), st.T)
				}
			}
		}
	}
}

// TestFlowAffine reproduces the reference points and the rates 2c and 2/c.
func TestFlowAffine(t *testing.T) {
	var ref struct {
		Affine struct {
			Q, P0 []float64
			Cases []struct {
				C                  float64
				A                  [][]float64
				Rate_eta           float64
				Rate_theta         float64
				Eta_flow_p_t1      []float64
				Theta_flow_p_t1    []float64
				Eta_flow_loss_t1   float64
				Theta_flow_loss_t1 float64
			}
		}
	}
	readJSON(t, "misc.json", &ref)
	for _, c := range ref.Affine.Cases {
		a, err := Whitening(ref.Affine.Q, 3, c.C)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			for j := range 3 {
				near(t, "A", a[3*i+j], c.A[i][j], 1e-11)
			}
		}
		for _, g := range []Geometry{EuclideanEta, EuclideanTheta} {
			want, loss, rate := c.Eta_flow_p_t1, c.Eta_flow_loss_t1, c.Rate_eta
			if g == EuclideanTheta {
				want, loss, rate = c.Theta_flow_p_t1, c.Theta_flow_loss_t1, c.Rate_theta
			}
			f := newFlow(t, ref.Affine.Q, 3, KLFlowOptions{Geometry: g, Affine: a})
			s, err := flow.Solve(context.Background(), flow.Field[float64](f), startAt(t, f, ref.Affine.P0), flow.Options[float64]{Method: flow.DOP853, T1: 1, RelTol: 1e-13, AbsTol: 1e-14})
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float64, 4)
			f.P(p, s.X)
			for i := range p {
				near(t, "p(1)", p[i], want[i], 1e-11)
			}
			e, _ := f.EvalEnergy(nil, s.X, 0)
			near(t, "L(1)", e, loss, 1e-11)
			got, err := measureRate(ref.Affine.Q, ref.Affine.P0, 3, KLFlowOptions{Geometry: g, Affine: a})
			if err != nil {
				t.Fatal(err)
			}
			near(t, "rate", got, rate, 1e-6)
		}
	}
}

// TestFlowFloat32 runs the flows in single precision.
func TestFlowFloat32(t *testing.T) {
	var ref flowCases
	readJSON(t, "flows.json", &ref)
	c := ref.Cases[1]
	q, p0 := make([]float32, 4), make([]float32, 4)
	for i := range q {
		q[i], p0[i] = float32(c.Q[i]), float32(c.P0[i])
	}
	for name, g := range map[string]Geometry{"theta": EuclideanTheta, "eta": EuclideanEta, "natural": Natural} {
		for _, coords := range allCoords {
			want := c.Flows["fwd"][name][2]
			f := newFlow(t, q, 3, KLFlowOptions{Geometry: g, Coords: coords})
			s, err := flow.Solve(context.Background(), flow.Field[float32](f), startAt(t, f, p0), flow.Options[float32]{T1: want.T, RelTol: 1e-5, AbsTol: 1e-7})
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float32, 4)
			f.P(p, s.X)
			for i := range p {
				if math.Abs(float64(p[i])-want.P[i]) > 2e-5 {
					t.Errorf("%s in %v: p[%d] = %v, want %v", name, coords, i, p[i], want.P[i])
				}
			}
		}
	}
}

func TestFlowErrors(t *testing.T) {
	good := []float64{.2, .3, .5}
	for _, c := range []struct {
		q   []float64
		ref int
		o   KLFlowOptions
		err error
	}{
		{[]float64{1}, 0, KLFlowOptions{}, ErrInvalid},
		{[]float64{.5, .4}, 0, KLFlowOptions{}, ErrInvalid},
		{[]float64{0, 1}, 0, KLFlowOptions{}, ErrBoundary},
		{good, 3, KLFlowOptions{}, ErrInvalid},
		{good, 0, KLFlowOptions{Loss: 7}, ErrInvalid},
		{good, 0, KLFlowOptions{Geometry: -1}, ErrInvalid},
		{good, 0, KLFlowOptions{Coords: 9}, ErrInvalid},
		{good, 0, KLFlowOptions{Affine: []float64{1, 0, 0, 1}}, ErrInvalid},
		{good, 0, KLFlowOptions{Geometry: EuclideanEta, Affine: []float64{1, 0, 0}}, ErrShape},
		{good, 0, KLFlowOptions{Geometry: EuclideanEta, Affine: []float64{1, 1, 1, 1}}, ErrInvalid},
		{good, 0, KLFlowOptions{Geometry: EuclideanEta, Affine: []float64{1, math.NaN(), 1, 1}}, ErrInvalid},
	} {
		if _, err := NewKLFlow(c.q, c.ref, c.o); !errors.Is(err, c.err) {
			t.Errorf("%v, %d, %+v: %v, want %v", c.q, c.ref, c.o, err, c.err)
		}
	}
	f := newFlow(t, good, 2, KLFlowOptions{Geometry: EuclideanEta})
	if err := f.Exact(make([]float64, 2), []float64{.1, .1}, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("closed form of a Euclidean flow: %v", err)
	}
	v := make([]float64, 2)
	if e, _ := f.EvalEnergy(v, []float64{.7, .4}, 0); !math.IsInf(e, 1) || v[0] == v[0] {
		t.Errorf("outside the simplex: energy %v, field %v", e, v)
	}
	if err := f.Caps().Shift([]float64{.7, .4}, 0, 1); !errors.Is(err, ErrLeftDomain) {
		t.Errorf("Jacobian outside the simplex: %v", err)
	}
	n := newFlow(t, good, 2, KLFlowOptions{})
	if err := n.Exact(v, []float64{.01, .01}, -10); !errors.Is(err, ErrLeftDomain) {
		t.Errorf("backward through the boundary: %v", err)
	}
}

// Coordinates at the ends of the range: the reverse flow in θ has no overflow.
func TestFlowOverflow(t *testing.T) {
	q := []float64{.4, .3, .2, .1}
	for _, g := range []Geometry{EuclideanTheta, Natural} {
		f := newFlow(t, q, 3, KLFlowOptions{Loss: Reverse, Geometry: g, Coords: ThetaCoords})
		for _, x := range [][]float64{{800, -800, 0}, {800, 810, 0}, {1e308, -1e308, 0}, {-1e308, -1e308, 1}, {1e308, 1e308, 1e308}} {
			dst := make([]float64, 3)
			e, slope := f.EvalEnergy(dst, x, 0)
			if !kernel.AllFinite(dst) || !(e >= 0) || math.IsInf(e, 1) || math.IsNaN(slope) {
				t.Errorf("%v at %v: field %v, energy %v, slope %v", g, x, dst, e, slope)
			}
		}
	}
}

// TestFlowUnderflow: the reverse flow in η runs into the boundary backward in time;
// the run ends with the time reached and its trajectory intact.
func TestFlowUnderflow(t *testing.T) {
	f := newFlow(t, []float64{.6, .3, .1}, 2, KLFlowOptions{Loss: Forward})
	x0 := startAt(t, f, []float64{.2, .3, .5})
	s, err := flow.Solve(context.Background(), flow.Field[float64](f), x0, flow.Options[float64]{T1: -5, SaveAt: []float64{-.1, -.2, -5}})
	if err == nil || s == nil {
		t.Fatalf("solution %v, error %v", s, err)
	}
	// p_1(t) = .6 - .4 e^-t reaches 0 at t = -log 1.5.
	near(t, "time reached", s.T, -math.Log(1.5), 1e-3)
	if len(s.States) != 2 || !kernel.AllFinite(s.X) {
		t.Errorf("%d states kept, last %v", len(s.States), s.X)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s, err = flow.Solve(ctx, flow.Field[float64](f), x0, flow.Options[float64]{T1: 5})
	if !errors.Is(err, context.Canceled) || s == nil || s.Status != flow.Cancelled {
		t.Errorf("cancelled: %+v, %v", s, err)
	}
}
