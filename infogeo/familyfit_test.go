package infogeo

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// Fit finds the member with any given mean, from its own start, in every family.
func TestFitAllFamilies(t *testing.T) {
	for id, m := range members(t) {
		t.Run(m.name, func(t *testing.T) {
			f, d := m.f, m.f.Dim()
			r := rand.New(philox.NewSource(21, id))
			theta, eta := make([]float64, d), make([]float64, d)
			for range 20 {
				m.draw(theta, r)
				f.Mean(eta, theta)
				var top float64
				for _, e := range eta {
					top = math.Max(top, math.Abs(e))
				}
				last, steps := math.Inf(1), 0
				res, err := Fit(context.Background(), f, eta, FitOptions{Tol: 1e-11 * top, Observe: func(s FitStep) {
					if s.Loss > last+1e-12*(1+math.Abs(last)) && !(s.Decrement < 0.25) && !math.IsNaN(s.Decrement) {
						t.Errorf("loss rises from %v to %v in step %d", last, s.Loss, s.K)
					}
					last, steps = s.Loss, s.K
				}})
				if err != nil || res.Status != flow.Converged || res.K != steps {
					t.Fatalf("theta = %v: %v, %v", theta, res, err)
				}
				vecClose(t, "mean", res.Eta, eta, 1e-10)
			}
		})
	}
}

// Zipf's law from the uniform distribution: Newton's method diverges from K = 50 on, the
// globalised method takes six steps for K = 100.
func TestFitZipf(t *testing.T) {
	for _, c := range []struct{ k, plain int }{{3, 3}, {5, 3}, {10, 4}, {20, 8}, {50, -1}, {100, -1}} {
		f, err := NewCategorical(c.k, -1)
		if err != nil {
			t.Fatal(err)
		}
		q, sum := make([]float64, c.k), 0.0
		for i := range q {
			q[i] = 1 / float64(i+1)
			sum += q[i]
		}
		for i := range q {
			q[i] /= sum
		}
		steps := func(o FitOptions) (int, error) {
			p, k := make([]float64, c.k), -1
			o.Tol = 1e-13
			o.Observe = func(s FitStep) {
				f.Probabilities(p, s.Theta)
				if k < 0 && KL(q, p) < 1e-10 {
					k = s.K
				}
			}
			_, err := Fit(context.Background(), f, q[:c.k-1], o)
			return k, err
		}
		k, err := steps(FitOptions{})
		if err != nil || k < 3 || k > 7 {
			t.Errorf("K = %d: globalised natural gradient takes %d steps (%v), want 3 to 7", c.k, k, err)
		}
		if c.k == 100 && (k < 5 || k > 7) {
			t.Errorf("K = 100: globalised natural gradient takes %d steps, want 6 ± 1", k)
		}
		k, err = steps(FitOptions{Step: 1})
		if c.plain < 0 {
			var d *DivergedError
			if !errors.As(err, &d) || len(d.LastState) != c.k-1 {
				t.Errorf("K = %d: Newton's method: %v, want a *DivergedError", c.k, err)
			}
		} else if err != nil || math.Abs(float64(k-c.plain)) > 1 {
			t.Errorf("K = %d: Newton's method takes %d steps (%v), want %d ± 1", c.k, k, err, c.plain)
		}
		if _, err = steps(FitOptions{TrustRegion: 0.5}); err != nil {
			t.Errorf("K = %d: trust region: %v", c.k, err)
		}
	}
}

// The spec's example of divergence from far, and that the globalised method does not.
func TestFitDivergence(t *testing.T) {
	f := NewBernoulli()
	start, target := []float64{math.Log(19)}, []float64{0.5}
	var seen []float64
	_, err := Fit(context.Background(), f, target, FitOptions{Start: start, Step: 1, Observe: func(s FitStep) { seen = append(seen, s.Theta[0]) }})
	if !errors.Is(err, ErrDiverged) {
		t.Errorf("error %v, want ErrDiverged", err)
	}
	if len(seen) < 2 || math.Abs(seen[1]+6.5292) > 1e-4 {
		t.Errorf("iterates %v, want 2.944, -6.5292, ...", seen)
	}
	start[0] = math.Log(1e6 - 1) // where the damping 1/(1+decrement) fails
	res, err := Fit(context.Background(), f, target, FitOptions{Start: start})
	if err != nil || math.Abs(res.Theta[0]) > 1e-9 {
		t.Errorf("globalised from p = 1-1e-6: %+v, %v", res, err)
	}
	start[0] = 800 // G underflows
	res, err = Fit(context.Background(), f, target, FitOptions{Start: start})
	if err != nil || math.Abs(res.Theta[0]) > 1e-9 {
		t.Errorf("globalised from theta = 800: %+v, %v", res, err)
	}
}

func TestFitErrors(t *testing.T) {
	ctx := context.Background()
	f := NewPoisson()
	for _, c := range []struct {
		target []float64
		o      FitOptions
		want   error
	}{
		{[]float64{1, 2}, FitOptions{}, ErrShape},
		{[]float64{1}, FitOptions{Start: []float64{1, 2}}, ErrShape},
		{[]float64{1}, FitOptions{Start: []float64{math.NaN()}}, ErrOutsideNaturalDomain},
		{[]float64{-1}, FitOptions{}, ErrOutsideMeanDomain},
		{[]float64{0}, FitOptions{}, ErrNoFiniteMLE},
		{[]float64{1}, FitOptions{Step: -1}, ErrInvalid},
		{[]float64{1}, FitOptions{Tol: math.NaN()}, ErrInvalid},
		{[]float64{1}, FitOptions{Damping: math.Inf(1)}, ErrInvalid},
		{[]float64{1}, FitOptions{Step: 1, TrustRegion: 1}, ErrInvalid},
		{[]float64{1}, FitOptions{MaxSteps: -1}, ErrInvalid},
		{[]float64{1}, FitOptions{Start: []float64{710}}, ErrOutsideNaturalDomain},
	} {
		if _, err := Fit(ctx, f, c.target, c.o); !errors.Is(err, c.want) {
			t.Errorf("target %v, options %+v: error %v, want %v", c.target, c.o, err, c.want)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	res, err := Fit(cancelled, f, []float64{5}, FitOptions{})
	if res == nil || res.Status != flow.Cancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %+v, %v", res, err)
	}
	res, err = Fit(ctx, f, []float64{5}, FitOptions{MaxSteps: 1})
	if err != nil || res.Status != flow.StepLimit || res.K != 1 {
		t.Errorf("one step: %+v, %v", res, err)
	}
	coin := NewBernoulli()
	for _, eta := range []float64{0, 1} {
		_, err := Fit(ctx, coin, []float64{eta}, FitOptions{})
		var none *NoFiniteMLEError
		if !errors.As(err, &none) || none.Direction[0] != 2*eta-1 || !errors.Is(err, ErrBoundary) {
			t.Errorf("Bernoulli with mean %v: %v, want a *NoFiniteMLEError with a direction", eta, err)
		}
	}
}

func BenchmarkFitBerkeley(b *testing.B) {
	table, counts := BerkeleyAdmissions()
	f, err := table.Hierarchical([][]int{{0, 1}, {0, 2}, {1, 2}})
	if err != nil {
		b.Fatal(err)
	}
	eta := make([]float64, f.Dim())
	f.Moments(eta, counts)
	kernel.Scal(1./4526, eta)
	n := newNewton(f)
	b.ReportAllocs()
	steps := 0
	for b.Loop() {
		if err := n.begin(eta, nil); err != nil {
			b.Fatal(err)
		}
		for n.at.Gradient > 1e-10 {
			if err := n.step(); err != nil {
				b.Fatal(err)
			}
		}
		steps += n.at.K
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}

func BenchmarkMultivariateNormal(b *testing.B) {
	const d = 20
	f, err := NewMultivariateNormal(d)
	if err != nil {
		b.Fatal(err)
	}
	theta, v := make([]float64, f.Dim()), make([]float64, f.Dim())
	f.startAt(theta, nil)
	v[0] = 1
	for name, g := range map[string]func(){
		"Mean":           func() { f.Mean(v, theta) },
		"FisherMulVec":   func() { f.FisherMulVec(v, theta, v) },
		"FisherSolveVec": func() { _ = f.FisherSolveVec(v, theta, v, 0) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g()
			}
		})
	}
}
