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
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/internal/philox"
)

// rateOf integrates a flow from theta0 and fits the rate of the energy where it lies in
// [1e-16, 1e-12].
func rateOf(t testing.TB, m *FamilyFlow, theta0 []float64, t1 float64) float64 {
	t.Helper()
	var ts, es []float64
	o := flow.Options[float64]{Method: flow.DOP853, T1: t1, RelTol: 1e-12, AbsTol: 1e-15, MaxSteps: 200000}
	for s, err := range flow.Steps(context.Background(), flow.Field[float64](m), m.Start(theta0), o) {
		if err != nil {
			t.Fatal(err)
		}
		if e := m.Energy(s.X); e < 1e-12 && e > 1e-16 {
			ts, es = append(ts, s.T), append(es, e)
		}
	}
	fit, err := probe.FitExponential(ts, es, 0, probe.Window{From: ts[0], To: ts[len(ts)-1]})
	if err != nil {
		t.Fatal(err)
	}
	return fit.Rate
}

// The rates of Poisson's family at mean 4 are 8, 2 and 1/2 for θ, natural and η: the
// opposite of the order on the simplex.
func TestPoissonRates(t *testing.T) {
	for _, c := range []struct {
		g    Geometry
		want float64
	}{{EuclideanTheta, 8}, {Natural, 2}, {EuclideanEta, 0.5}} {
		for _, loss := range []Loss{Forward, Reverse} {
			for _, coords := range []Coords{ThetaCoords, EtaCoords} {
				m, err := NewFamilyFlow(NewPoisson(), []float64{4}, FamilyFlowOptions{Loss: loss, Geometry: c.g, Coords: coords})
				if err != nil {
					t.Fatal(err)
				}
				got := rateOf(t, m, []float64{math.Log(3)}, 40/c.want)
				relClose(t, fmt.Sprint(loss, c.g, coords), got, c.want, 1e-4)
			}
		}
	}
}

// Theorem T9: on any family the natural flow is straight in η (forward), in θ (reverse),
// with rate 2; the integrated flow follows the closed form in either coordinates, and
// lowers the energy at the speed that it says.
func TestNaturalFlowExact(t *testing.T) {
	for id, mem := range members(t) {
		r := rand.New(philox.NewSource(61, id))
		d := mem.f.Dim()
		theta0, thetaQ, etaQ := make([]float64, d), make([]float64, d), make([]float64, d)
		mem.draw(thetaQ, r)
		mem.f.Mean(etaQ, thetaQ)
		for i, x := range thetaQ { // near enough for both flows to stay in the domain
			theta0[i] = x * (1 + 0.2*r.NormFloat64())
		}
		if mem.f.CheckNatural(theta0) != nil {
			copy(theta0, thetaQ)
			kernel.Scal(1.1, theta0)
		}
		for _, loss := range []Loss{Forward, Reverse} {
			for _, coords := range []Coords{ThetaCoords, EtaCoords} {
				name := fmt.Sprint(mem.name, " ", loss, " ", coords)
				m, err := NewFamilyFlow(mem.f, etaQ, FamilyFlowOptions{Loss: loss, Coords: coords})
				if err != nil {
					t.Fatal(err)
				}
				x0 := m.Start(theta0)
				sol, err := flow.Solve(context.Background(), flow.Field[float64](m), x0, flow.Options[float64]{Method: flow.DOP853, T1: 1, RelTol: 1e-11, AbsTol: 1e-12})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				want := make([]float64, d)
				if err := m.Exact(want, x0, 1); err != nil {
					t.Fatal(err)
				}
				vecClose(t, name, sol.X, want, 1e-8)
				if err := m.Exact(want, x0, 30); err != nil {
					t.Fatal(err)
				}
				vecClose(t, name+" in the end", want, m.Start(thetaQ), 1e-9)
				f := make([]float64, d)
				e, slope := m.EvalEnergy(f, x0, 0)
				if e0 := m.Energy(x0); e != e0 {
					t.Errorf("%s: energies %v and %v", name, e, e0)
				}
				checkSlope(t, name, m, x0, f, slope)
			}
		}
	}
}

// checkSlope compares dL/dt with differences.
func checkSlope(t *testing.T, name string, m *FamilyFlow, x, f []float64, slope float64) {
	t.Helper()
	h := 1e-5
	up, down := make([]float64, len(x)), make([]float64, len(x))
	kernel.AxpyTo(up, h, f, x)
	kernel.AxpyTo(down, -h, f, x)
	num := (m.Energy(up) - m.Energy(down)) / (2 * h)
	if !(slope <= 0) || math.Abs(num-slope) > 1e-5*math.Abs(slope)+1e-12 {
		t.Errorf("%s: dL/dt = %v, differences say %v", name, slope, num)
	}
}

// All geometries, losses and coordinates descend with the slope that they say, and agree
// on the path whatever the coordinates are.
func TestFamilyFlowCoordinates(t *testing.T) {
	for id, mem := range members(t) {
		r := rand.New(philox.NewSource(62, id))
		d := mem.f.Dim()
		theta0, thetaQ, etaQ := make([]float64, d), make([]float64, d), make([]float64, d)
		mem.draw(thetaQ, r)
		mem.f.Mean(etaQ, thetaQ)
		for i, x := range thetaQ {
			theta0[i] = x * 1.05
		}
		for _, loss := range []Loss{Forward, Reverse} {
			for _, g := range []Geometry{EuclideanTheta, EuclideanEta} {
				var ends [2][]float64
				for i, coords := range []Coords{ThetaCoords, EtaCoords} {
					name := fmt.Sprint(mem.name, " ", loss, " ", g, " ", coords)
					m, err := NewFamilyFlow(mem.f, etaQ, FamilyFlowOptions{Loss: loss, Geometry: g, Coords: coords})
					if err != nil {
						t.Fatal(err)
					}
					x0, f := m.Start(theta0), make([]float64, d)
					_, slope := m.EvalEnergy(f, x0, 0)
					// A time in which the fastest component moves a little.
					span := 0.02 * m.Energy(x0) / -slope
					var o flow.Options[float64]
					o.Method, o.T1, o.RelTol, o.AbsTol = flow.DOP853, span, 1e-11, 1e-13
					sol, err := flow.Solve(context.Background(), flow.Field[float64](m), x0, o)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					ends[i] = make([]float64, d)
					if err := m.Theta(ends[i], sol.X); err != nil {
						t.Fatal(err)
					}
				}
				vecClose(t, fmt.Sprint(mem.name, " ", loss, " ", g), ends[0], ends[1], 1e-7)
			}
		}
	}
}

// The reference point of the Boltzmann machine's natural flow, integrated, with a target
// that is no machine, and rates by the spectrum of the Fisher matrix at the projection.
func TestBoltzmannFlow(t *testing.T) {
	b, want, q := loadIsing(t)
	target := make([]float64, 10)
	b.Moments(target, q)
	m, err := NewFamilyFlow(b, target, FamilyFlowOptions{Coords: ThetaCoords})
	if err != nil {
		t.Fatal(err)
	}
	vecClose(t, "projection", m.Target(), want.Minimiser, 1e-10)
	sol, err := flow.Solve(context.Background(), flow.Field[float64](m), want.Theta, flow.Options[float64]{Method: flow.DOP853, T1: 1, RelTol: 1e-12, AbsTol: 1e-13})
	if err != nil {
		t.Fatal(err)
	}
	vecClose(t, "natural flow at t = 1", sol.X, want.FlowAt1, 1e-10)
	// The excess is KL(q‖p) - KL(q‖p*).
	p := make([]float64, 16)
	b.Probabilities(p, sol.X)
	relClose(t, "excess", m.Energy(sol.X), KL(q, p)-want.MinKL, 1e-10)
	relClose(t, "natural rate", rateOf(t, m, want.Theta, 20), 2, 1e-4)
	var g mat.SymDense
	var e mat.EigenSym
	b.FisherDense(&g, m.Target())
	if !e.Factorize(&g, false) {
		t.Fatal("no eigenvalues")
	}
	low := e.Values(nil)[0]
	euclid, err := NewFamilyFlow(b, target, FamilyFlowOptions{Geometry: EuclideanTheta})
	if err != nil {
		t.Fatal(err)
	}
	near := append([]float64(nil), m.Target()...)
	near[0] += 1e-3
	near[7] -= 1e-3
	relClose(t, "rate in theta", rateOf(t, euclid, near, 20/low), 2*low, 1e-3)
}

func TestFamilyFlowArguments(t *testing.T) {
	f := NewPoisson()
	for _, c := range []struct {
		f    Family
		eta  []float64
		o    FamilyFlowOptions
		want error
	}{
		{nil, []float64{1}, FamilyFlowOptions{}, ErrInvalid},
		{f, []float64{1, 2}, FamilyFlowOptions{}, ErrShape},
		{f, []float64{-1}, FamilyFlowOptions{}, ErrOutsideMeanDomain},
		{f, []float64{0}, FamilyFlowOptions{}, ErrBoundary},
		{f, []float64{1}, FamilyFlowOptions{Loss: 2}, ErrInvalid},
		{f, []float64{1}, FamilyFlowOptions{Geometry: EuclideanLogits}, ErrInvalid},
		{f, []float64{1}, FamilyFlowOptions{Coords: LogitCoords}, ErrInvalid},
	} {
		if _, err := NewFamilyFlow(c.f, c.eta, c.o); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c, err, c.want)
		}
	}
	m, err := NewFamilyFlow(f, []float64{1}, FamilyFlowOptions{Geometry: EuclideanEta})
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{0}
	if err := m.Exact(x, []float64{1}, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("exact solution of a Euclidean flow: %v", err)
	}
	for _, bad := range []float64{-1, 0, math.NaN(), math.Inf(1)} {
		m.Eval(x, []float64{bad}, 0)
		if !math.IsNaN(x[0]) || m.Caps().Err() != nil {
			t.Errorf("field at eta = %v is %v, want NaN", bad, x)
		}
	}
}

// Theorem T10: N(μ, μ²) with E x = 1, E x² = 3 outside of the family, and in it.
func TestCurvedRates(t *testing.T) {
	var file struct {
		Curved struct {
			M1, M2, Hessian float64
			Mu              float64 `json:"mu_star"`
			Rate            float64 `json:"ngd_rate"`
			Well            struct {
				M1, M2 float64
				Mu     float64 `json:"mu_star"`
				Rate   float64 `json:"ngd_rate"`
			} `json:"wellspecified"`
		}
	}
	readReference(t, "misc.json", &file)
	want := file.Curved
	theta := func(theta, u []float64) { theta[0], theta[1] = 1/u[0], -0.5/(u[0]*u[0]) }
	jacobian := func(j kernel.Matrix[float64], u []float64) {
		j.Data[0], j.Data[1] = -1/(u[0]*u[0]), 1/(u[0]*u[0]*u[0])
	}
	for _, c := range []struct{ m1, m2, mu, rate float64 }{{want.M1, want.M2, want.Mu, want.Rate}, {want.Well.M1, want.Well.M2, want.Well.Mu, want.Well.Rate}} {
		m, err := NewCurved(Normal{}, 1, theta, jacobian, []float64{c.m1, c.m2})
		if err != nil {
			t.Fatal(err)
		}
		rate, err := m.NaturalRate([]float64{c.mu})
		if err != nil {
			t.Fatal(err)
		}
		relClose(t, "rate by the Hessian", rate, c.rate, 1e-9)
		var g mat.SymDense
		m.FisherDense(&g, []float64{c.mu})
		relClose(t, "Fisher", g.At(0, 0), 3/(c.mu*c.mu), 1e-13)
		// The flow itself.
		var ts, es []float64
		least := m.EnergyGrad(nil, []float64{c.mu})
		nf := flow.NaturalFlow[float64](m, m)
		for s, err := range flow.Steps(context.Background(), flow.Field[float64](nf), []float64{2}, flow.Options[float64]{Method: flow.DOP853, T1: 12, RelTol: 1e-12, AbsTol: 1e-14}) {
			if err != nil {
				t.Fatal(err)
			}
			// The excess is quadratic in u - u*.
			ts, es = append(ts, s.T), append(es, (s.X[0]-c.mu)*(s.X[0]-c.mu))
		}
		if end := es[len(es)-1]; end > 1e-8 || !(least < m.EnergyGrad(nil, []float64{2})) {
			t.Fatalf("ends %v from the minimum", end)
		}
		fit, err := probe.FitExponential(ts, es, 0, probe.Window{From: 5, To: 12})
		if err != nil {
			t.Fatal(err)
		}
		relClose(t, "fitted rate", fit.Rate, c.rate, 2e-3)
	}
	if _, err := NewCurved(Normal{}, 0, theta, jacobian, []float64{1, 2}); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	if _, err := NewCurved(Normal{}, 1, theta, jacobian, []float64{1}); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
}
