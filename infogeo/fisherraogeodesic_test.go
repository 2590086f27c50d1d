package infogeo

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

func familyGeodesic(t testing.TB, f Cubic, a, b []float64) *FamilyGeodesic {
	t.Helper()
	g, err := NewFamilyGeodesic(f, a, b, FamilyGeodesicOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestFamilyGeodesicReference: the shooting distances of the reference, and the closed
// form where there is one, by the general method.
func TestFamilyGeodesicReference(t *testing.T) {
	three, err := NewDirichlet(3)
	if err != nil {
		t.Fatal(err)
	}
	simplex, err := NewCategorical(4, 3)
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]Cubic{
		"gamma(shape,rate), stats (log x, x), base dx/x":       Gamma{},
		"beta(a,b), stats (log x, log(1-x)), base dx/(x(1-x))": NewBeta(),
		"dirichlet(a), stats log x_i":                          three,
		"normal(mu,sigma), stats (x,x^2)":                      Normal{},
		"poisson(lambda)":                                      NewPoisson(),
		"exponential(rate)":                                    NewExponential(),
	}
	var ref struct {
		Cases []struct {
			Family         string
			Theta1, Theta2 []float64
			FisherRao      float64   `json:"fisher_rao"`
			Middle         []float64 `json:"fisher_rao_midpoint_theta"`
		}
	}
	readReference(t, "families.json", &ref)
	seen := 0
	for _, c := range ref.Cases {
		f, ok := families[c.Family]
		if !ok {
			continue
		}
		seen++
		g := familyGeodesic(t, f, c.Theta1, c.Theta2)
		if !(math.Abs(g.Distance()/c.FisherRao-1) <= 1e-10) || !g.Converged() || g.Distance() > g.UpperBound() {
			t.Errorf("%s: %v, want %v; residual %.2g, at most %v", c.Family, g.Distance(), c.FisherRao, g.Residual(), g.UpperBound())
		}
		if c.Middle != nil {
			middle := make([]float64, f.Dim())
			if err := g.At(middle, .5); err != nil {
				t.Fatal(err)
			}
			vecClose(t, c.Family+": middle", middle, c.Middle, 1e-9)
		}
		if d, err := FamilyFisherRao(f, c.Theta1, c.Theta2); err != nil || !(math.Abs(d/c.FisherRao-1) <= 1e-10) {
			t.Errorf("%s: %v %v", c.Family, d, err)
		}
	}
	if seen != len(families) {
		t.Errorf("%d of %d families in the reference", seen, len(families))
	}
	a, b := []float64{.2, -.5, 1}, []float64{-1, .3, .4}
	if d := familyGeodesic(t, simplex, a, b).Distance(); !(math.Abs(d/simplex.FisherRao(a, b)-1) <= 1e-10) {
		t.Errorf("categorical: %v, want %v", d, simplex.FisherRao(a, b))
	}
}

// TestFamilyGeodesicInvariants over random pairs: symmetry, triangle, bounds, constant
// speed, the parts of the way, Exp.
func TestFamilyGeodesicInvariants(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 2))
	random := func(f Cubic) []float64 {
		theta := make([]float64, f.Dim())
		for i := range theta {
			theta[i] = math.Exp(0.8 * r.NormFloat64())
		}
		if _, ok := f.(Gamma); ok {
			theta[1] *= -1
		}
		return theta
	}
	four, err := NewDirichlet(4)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 9 {
		f := []Cubic{Gamma{}, NewBeta(), four}[n%3]
		k := f.Dim()
		a, b, c := random(f), random(f), random(f)
		ab, ac, cb := familyGeodesic(t, f, a, b), familyGeodesic(t, f, a, c), familyGeodesic(t, f, c, b)
		if back := familyGeodesic(t, f, b, a).Distance(); !(math.Abs(back/ab.Distance()-1) <= 1e-10) {
			t.Errorf("%d: %v there, %v back", n, ab.Distance(), back)
		}
		if ab.Distance() > ac.Distance()+cb.Distance() || ab.Distance() > ab.UpperBound() || !ab.Converged() {
			t.Errorf("%d: %v, by way of another point %v + %v, bound %v, residual %v", n, ab.Distance(), ac.Distance(), cb.Distance(), ab.UpperBound(), ab.Residual())
		}
		v, mid, end := make([]float64, k), make([]float64, k), make([]float64, k)
		ab.Velocity(v)
		if err := ab.At(mid, 0.3); err != nil {
			t.Fatal(err)
		}
		if part := familyGeodesic(t, f, a, mid).Distance(); !(math.Abs(part/ab.Distance()-0.3) <= 1e-7) {
			t.Errorf("%d: distance to t = .3 is %v of the whole", n, part/ab.Distance())
		}
		if err := FamilyExp(end, f, a, v); err != nil {
			t.Fatal(err)
		}
		if e := relVec(end, b); !(e <= 1e-9) {
			t.Errorf("%d: Exp misses the end by %.2g", n, e)
		}
		field, err := NewGeodesicField(f, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range [][]float64{append(append([]float64(nil), a...), v...)} {
			s, err := flow.Solve(context.Background(), field, x, flow.Options[float64]{Method: flow.DOP853, T1: 1, RelTol: 1e-11, AbsTol: 1e-13})
			if err != nil {
				t.Fatal(err)
			}
			speed := field.Caps().Invariants[0].Value
			if !(math.Abs(speed(s.X)/speed(x)-1) <= 1e-9) {
				t.Errorf("%d: speed %v at the start, %v at the end", n, speed(x), speed(s.X))
			}
		}
	}
}

// TestAlphaGeodesics: α = 1 is straight in θ, α = -1 in η.
func TestAlphaGeodesics(t *testing.T) {
	f := NewBeta()
	theta, v := []float64{2, 0.7}, []float64{-0.5, 0.8}
	for _, alpha := range []float64{1, -1} {
		field, err := NewGeodesicField(f, alpha)
		if err != nil {
			t.Fatal(err)
		}
		s, err := flow.Solve(context.Background(), field, append(append([]float64(nil), theta...), v...), flow.Options[float64]{Method: flow.DOP853, T1: 0.5, RelTol: 1e-12, AbsTol: 1e-12})
		if err != nil {
			t.Fatal(err)
		}
		got, want, w := append([]float64(nil), s.X[:2]...), make([]float64, 2), append([]float64(nil), v...)
		copy(want, theta)
		if alpha == -1 {
			f.Mean(got, got)
			f.Mean(want, theta)
			f.FisherMulVec(w, theta, v)
		}
		kernel.Axpy(0.5, w, want)
		if e := relVec(got, want); !(e <= 1e-10) {
			t.Errorf("alpha = %v: %v, want %v", alpha, got, want)
		}
	}
}

func TestFamilyGeodesicFailures(t *testing.T) {
	f := Gamma{}
	a, b := []float64{2, -1}, []float64{3, -4}
	if g := familyGeodesic(t, f, a, a); g.Distance() != 0 || !g.Converged() {
		t.Errorf("distance to itself %v", g.Distance())
	} else if x := make([]float64, 2); g.At(x, 0.5) != nil || x[0] != 2 {
		t.Errorf("point on the way to itself %v", x)
	}
	if _, err := NewFamilyGeodesic(f, a, []float64{1, 1}, FamilyGeodesicOptions{}); !errors.Is(err, ErrOutsideNaturalDomain) {
		t.Errorf("end outside of the domain: %v", err)
	}
	if _, err := NewFamilyGeodesic(f, a[:1], b, FamilyGeodesicOptions{}); !errors.Is(err, ErrShape) {
		t.Errorf("lengths: %v", err)
	}
	for _, o := range []FamilyGeodesicOptions{{Segments: 1}, {Tol: -1}, {MaxIter: -1}} {
		if _, err := NewFamilyGeodesic(f, a, b, o); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", o, err)
		}
	}
	if g, err := NewFamilyGeodesic(f, a, []float64{40, -0.01}, FamilyGeodesicOptions{Segments: 2, MaxIter: 1}); err == nil && g.Converged() {
		t.Errorf("two segments, one step: residual %v", g.Residual())
	}
	if _, err := NewGeodesicField(f, math.NaN()); !errors.Is(err, ErrInvalid) {
		t.Errorf("alpha NaN: %v", err)
	}
	x := make([]float64, 2)
	if err := FamilyExp(x, f, []float64{-1, -1}, a); !errors.Is(err, ErrOutsideNaturalDomain) {
		t.Errorf("start outside of the domain: %v", err)
	}
	field, err := NewGeodesicField(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 4)
	field.Eval(dst, []float64{-1, -1, 1, 1}, 0)
	if !math.IsNaN(dst[0]) {
		t.Errorf("outside of the domain: %v", dst)
	}
	if g := familyGeodesic(t, f, a, b); !errors.Is(g.At(x, 1.5), ErrInvalid) {
		t.Error("no error for t = 1.5")
	}
}

func BenchmarkFamilyGeodesic(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		familyGeodesic(b, Gamma{}, []float64{2.5, -1.5}, []float64{.7, -4})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "geodesics/s")
}

// TestMultivariateNormalFisherRao compares the lift with shooting, two methods that share
// nothing.
func TestMultivariateNormalFisherRao(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 2))
	for d := 1; d <= 3; d++ {
		f, err := NewMultivariateNormal(d)
		if err != nil {
			t.Fatal(err)
		}
		a, b := randomGaussian(t, r, d, 0.2, 0.5), randomGaussian(t, r, d, 0.2, 0.5)
		x, y := make([]float64, f.Dim()), make([]float64, f.Dim())
		if err := f.NaturalOf(x, a.mean, a.Cov(nil)); err != nil {
			t.Fatal(err)
		}
		if err := f.NaturalOf(y, b.mean, b.Cov(nil)); err != nil {
			t.Fatal(err)
		}
		want := geodesic(t, a, b).Distance()
		if got := f.FisherRao(x, y); !(math.Abs(got/want-1) <= 1e-12) {
			t.Errorf("d = %d: the family's %v, want %v", d, got, want)
		}
		if got := familyGeodesic(t, f, x, y).Distance(); !(math.Abs(got/want-1) <= 1e-9) {
			t.Errorf("d = %d: by shooting %v, by the lift %v", d, got, want)
		}
	}
}
