package infogeo

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// readJSON reads a file of reference numbers.
func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// near reports an error unless got is within the relative tolerance of want.
func near(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Abs(want)) {
		t.Errorf("%s = %v, want %v within %v", what, got, want, tol)
	}
}

// randomSimplex draws a distribution on k states, some of them with small
// probabilities.
func randomSimplex(rng *rand.Rand, k int) []float64 {
	p := make([]float64, k)
	c := 0.2 + 3*rng.Float64()
	for i := range p {
		p[i] = math.Pow(rng.ExpFloat64(), c) + 1e-12
	}
	if err := Smooth(p, p, 0); err != nil {
		panic(err)
	}
	return p
}

// zipf is p_i ~ 1/(i+1).
func zipf(k int) []float64 {
	p := make([]float64, k)
	for i := range p {
		p[i] = 1 / float64(i+1)
	}
	if err := Smooth(p, p, 0); err != nil {
		panic(err)
	}
	return p
}

func TestSpectrumReference(t *testing.T) {
	var ref struct {
		Cases []struct {
			P, Eigs                       []float64
			Lambda_min, Lambda_max, Kappa float64
			Rate_theta, Rate_eta          float64
			Alpha_theta, Alpha_eta, Rho   float64
			Bounds                        map[string]float64
			Logits                        []float64 `json:"logits_eigs_nonzero"`
		}
		Zipf struct {
			K                             int
			Lambda_min, Lambda_max, Kappa float64
		} `json:"zipf1000"`
	}
	readJSON(t, "spectrum.json", &ref)
	const tol = 1e-12
	for _, c := range ref.Cases {
		k := len(c.P)
		s, err := SimplexSpectrum(c.P, k-1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "λ_1", s.Min, c.Lambda_min, tol)
		near(t, "λ_n", s.Max, c.Lambda_max, tol)
		near(t, "κ", s.Kappa, c.Kappa, tol)
		near(t, "rate θ", s.RateTheta, c.Rate_theta, tol)
		near(t, "rate η", s.RateEta, c.Rate_eta, tol)
		near(t, "α θ", s.AlphaTheta, c.Alpha_theta, tol)
		near(t, "α η", s.AlphaEta, c.Alpha_eta, tol)
		near(t, "ρ", s.Rho, c.Rho, 1e-11)
		eig := make([]float64, k-1)
		if err := SimplexEigenvalues(eig, c.P, k-1); err != nil {
			t.Fatal(err)
		}
		sort.Float64s(c.Eigs)
		for i, e := range eig {
			near(t, "eigenvalue", e, c.Eigs[i], tol)
		}
		if err := LogitEigenvalues(eig, c.P); err != nil {
			t.Fatal(err)
		}
		sort.Float64s(c.Logits)
		for i, e := range eig {
			near(t, "logit eigenvalue", e, c.Logits[i], tol)
		}
		b, err := SimplexBounds(c.P, k-1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "lower bound of λ_1", b.MinLower, c.Bounds["lmin_lower"], tol)
		near(t, "upper bound of λ_1", b.MinUpper, min(c.Bounds["lmin_upper_a"], c.Bounds["lmin_upper_b"]), tol)
		near(t, "lower bound of λ_n", b.MaxLower, c.Bounds["lmax_lower"], tol)
		if b.MaxUpper > c.Bounds["lmax_upper"]*(1+tol) {
			t.Errorf("upper bound of λ_n %v above the reference %v", b.MaxUpper, c.Bounds["lmax_upper"])
		}
	}
	s, err := SimplexSpectrum(zipf(ref.Zipf.K), ref.Zipf.K-1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Zipf λ_1", s.Min, ref.Zipf.Lambda_min, tol)
	near(t, "Zipf λ_n", s.Max, ref.Zipf.Lambda_max, tol)
	near(t, "Zipf κ", s.Kappa, ref.Zipf.Kappa, tol)
}

// TestSpectrumBounds checks interlacing, trace, determinant, the bounds and the
// two extremes against the full spectrum at random points.
func TestSpectrumBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	worst := 0
	for range 4000 {
		k := 2 + rng.IntN(9)
		p := randomSimplex(rng, k)
		if rng.IntN(4) == 0 { // equal values
			p[rng.IntN(k)] = p[0]
			_ = Smooth(p, p, 0)
		}
		ref := rng.IntN(k)
		s, err := SimplexSpectrum(p, ref)
		if err != nil {
			t.Fatal(err)
		}
		worst = max(worst, s.Passes)
		eig := make([]float64, k-1)
		if err := SimplexEigenvalues(eig, p, ref); err != nil {
			t.Fatal(err)
		}
		b, _ := SimplexBounds(p, ref)
		const (
			eps  = 1 + 1e-12
			tiny = 1e-15 // rounding of 1-p_i in the bounds
		)
		if s.Min*eps < b.MinLower || s.Min > b.MinUpper*eps+tiny || s.Max*eps+tiny < b.MaxLower || s.Max > b.MaxUpper*eps && k > 2 ||
			s.Kappa*(eps+tiny/s.Max) < b.KappaLower || s.Kappa > b.KappaUpper*eps || (k > 2 && s.Max >= .5) || s.Min > 1/(4*float64(k-1))*eps {
			t.Fatalf("p = %v, ref %d: %+v outside %+v", p, ref, s, b)
		}
		near(t, "λ_1", s.Min, eig[0], 1e-12)
		near(t, "λ_n", s.Max, eig[k-2], 1e-12)
		rest := make([]float64, k-1)
		skip(rest, p, ref)
		sort.Float64s(rest)
		var trace, logdet float64
		for i, e := range eig {
			if e > rest[i]*eps || (i > 0 && e*eps < rest[i-1]) {
				t.Fatalf("p = %v, ref %d: no interlacing in %v", p, ref, eig)
			}
			trace += e
			logdet += math.Log(e)
		}
		if math.Abs(trace-FisherTrace(rest)) > 1e-12*trace+tiny {
			t.Fatalf("p = %v, ref %d: trace %v, want %v", p, ref, trace, FisherTrace(rest))
		}
		near(t, "log det", logdet, FisherLogDet(p), 1e-11)
		mu := make([]float64, k-1)
		if err := LogitEigenvalues(mu, p); err != nil {
			t.Fatal(err)
		}
		if mu[0]*float64(k) > eps || mu[k-2] > .5*eps {
			t.Fatalf("p = %v: logit eigenvalues %v", p, mu)
		}
		// Roots need no difference from a dense solver but rounding.
		g := mat.NewSymDense(k, nil)
		for i := range p {
			for j := range p {
				v := -p[i] * p[j]
				if i == j {
					v += p[i]
				}
				g.SetSym(i, j, v)
			}
		}
		var es mat.EigenSym
		es.Factorize(g, false)
		for i, v := range es.Values(nil)[1:] {
			if math.Abs(v-mu[i]) > 1e-14 {
				t.Fatalf("logit eigenvalue %d = %v, dense %v", i, mu[i], v)
			}
		}
	}
	if worst > 24 {
		t.Errorf("up to %d passes for two eigenvalues", worst)
	}
}

func TestSpectrumSpecialCases(t *testing.T) {
	for _, k := range []int{2, 3, 10, 100} {
		p := make([]float64, k)
		for i := range p {
			p[i] = 1 / float64(k)
		}
		s, err := SimplexSpectrum(p, k-1)
		if err != nil {
			t.Fatal(err)
		}
		want := float64(k)
		if k == 2 {
			want = 1
		}
		near(t, "κ of the uniform distribution", s.Kappa, want, 1e-12)
		// p_i = 1/(2n), p_r = 1/2 has the greatest λ_1 there is.
		n := float64(k - 1)
		for i := range p {
			p[i] = 1 / (2 * n)
		}
		p[0] = 0.5
		s, _ = SimplexSpectrum(p, 0)
		near(t, "greatest λ_1", s.Min, 1/(4*n), 1e-12)
	}
	// p_i = a besides the reference: κ = 1/p_r.
	s, _ := SimplexSpectrum([]float64{.05, .05, .05, .05, .8}, 4)
	near(t, "κ", s.Kappa, 1/.8, 1e-12)
	// Extremes of the double range.
	s, err := SimplexSpectrum([]float64{1e-300, .5, .5}, 2)
	if err != nil || !(s.Min > 0) {
		t.Errorf("%+v, %v", s, err)
	}
	near(t, "λ_1 at 1e-300", s.Min, 1e-300, 1e-12)
}

func TestBestReference(t *testing.T) {
	var ref struct {
		Counts []float64 `json:"grey_level_counts"`
	}
	readJSON(t, "digits_counts.json", &ref)
	p := make([]float64, len(ref.Counts))
	if err := Smooth(p, ref.Counts, 0); err != nil {
		t.Fatal(err)
	}
	last, _ := SimplexSpectrum(p, 16)
	near(t, "κ with the last grey level", last.Kappa, 55.233, 1e-4)
	r, s, err := BestReference(p)
	if err != nil {
		t.Fatal(err)
	}
	if r != 0 {
		t.Errorf("best reference %d, want 0", r)
	}
	near(t, "κ with grey level 0", s.Kappa, 5.848, 1e-4)

	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		k := 2 + rng.IntN(12)
		p := randomSimplex(rng, k)
		best, at := math.Inf(1), 0
		for i := range p {
			if s, _ := SimplexSpectrum(p, i); s.Kappa < best {
				best, at = s.Kappa, i
			}
		}
		if r, s, _ := BestReference(p); s.Kappa > best*(1+1e-13) {
			t.Fatalf("p = %v: reference %d with κ = %v, but %d has %v", p, r, s.Kappa, at, best)
		}
	}
}

func TestSpectrumErrors(t *testing.T) {
	for _, c := range []struct {
		p   []float64
		ref int
		err error
	}{
		{[]float64{1}, 0, ErrInvalid},
		{[]float64{.5, .6}, 0, ErrInvalid},
		{[]float64{.5, math.NaN()}, 0, ErrInvalid},
		{[]float64{.5, -.5, 1}, 0, ErrInvalid},
		{[]float64{.5, .5}, 2, ErrInvalid},
		{[]float64{.5, .5}, -1, ErrInvalid},
		{[]float64{.5, 0, .5}, 0, ErrBoundary},
	} {
		_, e1 := SimplexSpectrum(c.p, c.ref)
		e2 := SimplexEigenvalues(make([]float64, len(c.p)-1), c.p, c.ref)
		_, e3 := SimplexBounds(c.p, c.ref)
		for _, err := range []error{e1, e2, e3} {
			if !errors.Is(err, c.err) {
				t.Errorf("p = %v, ref %d: %v, want %v", c.p, c.ref, err, c.err)
			}
		}
	}
}

func BenchmarkSpectrum(b *testing.B) {
	p := zipf(1e6)
	rest := p[:len(p)-1]
	var s Spectrum
	b.ReportAllocs()
	for b.Loop() {
		s = extremes(rest, p[len(p)-1])
	}
	b.ReportMetric(float64(s.Passes), "passes")
}
