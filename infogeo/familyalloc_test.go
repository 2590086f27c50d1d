//go:build !race

package infogeo

import (
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/internal/philox"
)

// Evaluations, solves and steps of a fit allocate nothing.
func TestFamilyAllocations(t *testing.T) {
	all := members(t)
	ising, err := NewIsing(6)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := Iris()
	regression, err := NewRegression(withIntercept(x, 50, 150), 2)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(philox.NewSource(91, 0))
	all = append(all,
		member{"Boltzmann", ising, spread(1, -1, -1)},
		member{"LogLinear", randomDesign(t, r, 50, 4), spread(1, -1, -1)},
		member{"Regression", regression, spread(0.1, -1, -1)})
	for _, m := range all {
		f, d := m.f, m.f.Dim()
		theta, eta, v := make([]float64, d), make([]float64, d), make([]float64, d)
		m.draw(theta, r)
		f.Mean(eta, theta)
		copy(v, eta)
		flip := func() { theta[0] *= 1 + 1e-12 } // nothing is remembered
		for name, g := range map[string]func(){
			"LogPartition":          func() { flip(); f.LogPartition(theta) },
			"Mean":                  func() { flip(); f.Mean(v, theta) },
			"FisherMulVec":          func() { flip(); f.FisherMulVec(v, theta, v) },
			"FisherSolveVec":        func() { flip(); _ = f.FisherSolveVec(v, theta, eta, 0) },
			"FisherSolveVec damped": func() { flip(); _ = f.FisherSolveVec(v, theta, eta, 0.1) },
			"CheckNatural":          func() { _ = f.CheckNatural(theta) },
			"CheckMean":             func() { _ = f.CheckMean(eta) },
		} {
			g()
			if n := testing.AllocsPerRun(20, g); n != 0 {
				t.Errorf("%s: %s allocates %v times", m.name, name, n)
			}
		}
		n := newNewton(f)
		start := make([]float64, d)
		for i, x := range theta {
			start[i] = x * 1.1
		}
		step := func() {
			if err := n.begin(eta, start); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				if err := n.step(); err != nil {
					t.Fatal(err)
				}
			}
		}
		step()
		if a := testing.AllocsPerRun(10, step); a != 0 {
			t.Errorf("%s: four steps of a fit allocate %v times", m.name, a)
		}
		for _, g := range []Geometry{EuclideanTheta, Natural, EuclideanEta} {
			fl, err := NewFamilyFlow(f, eta, FamilyFlowOptions{Geometry: g, Coords: ThetaCoords})
			if err != nil {
				t.Fatal(err)
			}
			x, dst := fl.Start(theta), make([]float64, d)
			if a := testing.AllocsPerRun(20, func() { fl.EvalEnergy(dst, x, 0) }); a != 0 {
				t.Errorf("%s: an evaluation of the %v flow allocates %v times", m.name, g, a)
			}
		}
	}
}

// The loss and the gradient of a restricted Boltzmann machine, and its damped metric.
func TestRBMAllocations(t *testing.T) {
	r, err := NewRBM(4, 3, randomPoint(rand.New(philox.NewSource(92, 0)), 16, 1))
	if err != nil {
		t.Fatal(err)
	}
	theta, g := make([]float64, r.Dim()), make([]float64, r.Dim())
	theta[0] = 1
	step := func() {
		theta[0] *= 1 + 1e-12
		r.EnergyGrad(g, theta)
		r.SolveMetric(g, g, theta)
	}
	step()
	if n := testing.AllocsPerRun(20, step); n != 0 {
		t.Errorf("a step allocates %v times", n)
	}
}
