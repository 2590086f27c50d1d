package infogeo

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/internal/philox"
)

func TestRBMReference(t *testing.T) {
	const tol = 1e-10
	var file struct {
		RBM struct {
			A, C     []float64
			W        [][]float64
			LogZ     float64   `json:"logZ"`
			P        []float64 `json:"p_visible"`
			Q        []float64
			KL       float64
			Gradient []float64
			Eigs     []float64 `json:"fisher_eigs"`
			Damping  float64
			Damped   []float64 `json:"damped_natural_gradient"`
			Complete []float64 `json:"complete_fisher_eigs"`
		} `json:"rbm32"`
	}
	readReference(t, "boltzmann.json", &file)
	want := file.RBM
	r, err := NewRBM(3, 2, want.Q)
	if err != nil {
		t.Fatal(err)
	}
	theta := append(append([]float64(nil), want.A...), want.C...)
	for _, row := range want.W {
		theta = append(theta, row...)
	}
	relClose(t, "logZ", r.LogPartition(theta), want.LogZ, tol)
	p := make([]float64, 8)
	r.Probabilities(p, theta)
	vecClose(t, "p", p, want.P, tol)
	g := make([]float64, 11)
	relClose(t, "KL", r.EnergyGrad(g, theta), want.KL, tol)
	vecClose(t, "gradient", g, want.Gradient, tol)
	var f, c mat.SymDense
	r.FisherDense(&f, theta)
	r.CompleteFisher(&c, theta)
	eigen := func(m *mat.SymDense) []float64 {
		var e mat.EigenSym
		if !e.Factorize(m, false) {
			t.Fatal("no eigenvalues")
		}
		return e.Values(nil)
	}
	vecClose(t, "eigenvalues", eigen(&f), want.Eigs, tol)
	vecClose(t, "eigenvalues of the complete Fisher matrix", eigen(&c), want.Complete, tol)
	f.ScaleSym(-1, &f)
	c.AddSym(&c, &f)
	f.ScaleSym(-1, &f)
	if low := eigen(&c)[0]; low < -1e-14 {
		t.Errorf("complete - marginal Fisher matrix has the eigenvalue %v", low)
	}
	x := make([]float64, 11)
	r.Damping = want.Damping
	r.SolveMetric(x, g, theta)
	vecClose(t, "damped natural gradient", x, want.Damped, tol)
	// Undamped it is singular, with rank 7.
	chol := newCholesky(11)
	chol.g.CopySym(&f)
	if err := chol.solve(x, g, 0); !errors.Is(err, ErrSingularFisher) || err.Error() != singular(7, 11).Error() {
		t.Errorf("undamped: %v, want rank 7", err)
	}
}

func TestRBMGradient(t *testing.T) {
	rng := rand.New(philox.NewSource(81, 0))
	q := randomPoint(rng, 16, 1)
	r, err := NewRBM(4, 3, q)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float64, r.Dim())
	for i := range theta {
		theta[i] = rng.NormFloat64()
	}
	c, err := probe.CheckGradient[float64](r, theta, probe.CheckOptions{})
	if err != nil || !c.OK {
		t.Fatalf("%v, %v", c, err)
	}
}

// The em algorithm never raises the loss; the natural flow lowers it all the time.
func TestRBMDescends(t *testing.T) {
	rng := rand.New(philox.NewSource(82, 0))
	q := randomPoint(rng, 16, 1)
	r, err := NewRBM(4, 2, q)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float64, r.Dim())
	for i := range theta {
		theta[i] = 0.3 * rng.NormFloat64()
	}
	start := append([]float64(nil), theta...)
	first := r.EnergyGrad(nil, theta)
	last := first
	for k := range 40 {
		if err := r.EMStep(theta, theta); err != nil {
			t.Fatal(err)
		}
		now := r.EnergyGrad(nil, theta)
		if now > last+1e-14 {
			t.Errorf("em step %d raises the loss from %v to %v", k, last, now)
		}
		last = now
	}
	if !(last < 0.7*first) {
		t.Errorf("em leads from %v to %v", first, last)
	}
	last = math.Inf(1)
	nf := flow.NaturalFlow[float64](r, r)
	for s, err := range flow.Steps(context.Background(), flow.Field[float64](nf), start, flow.Options[float64]{T1: 5, RelTol: 1e-6}) {
		if err != nil {
			t.Fatal(err)
		}
		e := r.EnergyGrad(nil, s.X)
		if e > last+1e-9 {
			t.Errorf("the natural flow raises the loss from %v to %v", last, e)
		}
		last = e
	}
	if !(last < 0.7*first) {
		t.Errorf("the natural flow leads from %v to %v", first, last)
	}
}

func TestRBMArguments(t *testing.T) {
	for _, c := range []struct {
		v, h int
		q    []float64
		want error
	}{{0, 1, []float64{1}, ErrInvalid}, {27, 1, nil, ErrInvalid}, {1, 0, []float64{.5, .5}, ErrInvalid}, {1, 1, []float64{1}, ErrShape}, {1, 1, []float64{.5, .6}, ErrInvalid}} {
		if _, err := NewRBM(c.v, c.h, c.q); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	r, err := NewRBM(1, 30, []float64{.5, .5})
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float64, r.Dim())
	if err := r.EMStep(theta, theta); !errors.Is(err, ErrInvalid) {
		t.Errorf("em with 31 units: %v", err)
	}
	if e := r.EnergyGrad(nil, theta); math.Abs(e) > 1e-15 {
		t.Errorf("loss %v", e)
	}
	g := make([]float64, len(theta))
	r.EnergyGrad(g, theta)
	if kernel.MaxAbs(g) > 1e-15 {
		t.Errorf("gradient %v", g)
	}
}
