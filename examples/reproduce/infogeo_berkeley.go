package main

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/infogeo"
)

// berkeleyModels are log-linear models of department (D), gender (G) and admission (A),
// with the likelihood ratio statistics that statistical software reports for them (ours
// from Newton's method in 40 digits).
var berkeleyModels = []struct {
	name       string
	generators [][]int
	g2         float64
	df         int
	one        bool // decomposable: one sweep
}{
	{"[D][G][A]", [][]int{{0}, {1}, {2}}, 2097.67121241707, 16, true},
	{"[DG][DA]", [][]int{{0, 1}, {0, 2}}, 21.735506778132844, 6, true},
	{"[DG][DA][GA]", [][]int{{0, 1}, {0, 2}, {1, 2}}, 20.20427532724149, 5, false},
}

// berkeley fits the admissions to Berkeley by natural gradient, by gradient descent with
// its best step and by proportional fitting.
func berkeley(ctx context.Context, told progress) (outcome, error) {
	table, counts := infogeo.BerkeleyAdmissions()
	n := kernel.Sum(counts)
	q := append([]float64(nil), counts...)
	kernel.Scal(1/n, q)
	var off, cross float64
	var steps [3]int // natural gradient, gradient descent, sweeps; of the last model
	good := true
	for i, m := range berkeleyModels {
		f, err := table.Hierarchical(m.generators)
		if err != nil {
			return outcome{}, err
		}
		best, err := infogeo.MProject(ctx, f, q, infogeo.FitOptions{Tol: 1e-14})
		if err != nil {
			return outcome{}, err
		}
		off = math.Max(off, math.Abs(2*n*best.Divergence-m.g2)/m.g2)
		ipf, err := infogeo.IPF(ctx, table, counts, m.generators, infogeo.IPFOptions{Tol: 1e-14})
		if err != nil {
			return outcome{}, err
		}
		cross = math.Max(cross, math.Abs(2*n*infogeo.KL(q, ipf.P)-m.g2)/m.g2)
		good = good && table.Cells()-1-f.Dim() == m.df && (ipf.Sweeps == 1) == m.one
		if !m.one {
			if steps, err = berkeleySteps(ctx, table, f, q, m.generators, best); err != nil {
				return outcome{}, err
			}
		}
		told(float64(i+1) / float64(len(berkeleyModels)))
	}
	return outcome{
		want: "G² 2097.671, 21.7355, 20.2043; 6, 1012 and 10 steps", tol: "1e-10 relative; 1 step, 1 %",
		got:  fmt.Sprintf("G² off by %s, by proportional fitting %s; %d, %d and %d steps", number(off), number(cross), steps[0], steps[1], steps[2]),
		pass: good && off <= 1e-10 && cross <= 1e-10 && within(steps[0], 6, 1) && within(steps[1], 1012, 10) && within(steps[2], 10, 1),
		note: "Admissions to the University of California, Berkeley, 1973: 4526 applications by department, gender and outcome; the log-linear models " +
			"[D][G][A], [DG][DA] and [DG][DA][GA] with 16, 6 and 5 degrees of freedom. Steps for the last one: globalised natural gradient to an excess of 3e-11 over the least " +
			"divergence, gradient descent in θ with its best step 2/(λ_min+λ_max) to 1e-10, sweeps of iterative proportional fitting to 1e-11. The two other models are decomposable, and one sweep is enough.",
	}, nil
}

// within says whether got is want to a margin.
func within(got, want, margin int) bool { return got >= want-margin && got <= want+margin }

// berkeleySteps counts the steps of the three methods.
func berkeleySteps(ctx context.Context, table *infogeo.Table, f *infogeo.LogLinear, q []float64, generators [][]int, best *infogeo.Projection) ([3]int, error) {
	natural, euclid, sweeps := -1, -1, -1
	p := make([]float64, len(q))
	o := infogeo.FitOptions{Tol: 1e-14, Observe: func(s infogeo.FitStep) {
		if f.Probabilities(p, s.Theta); natural < 0 && infogeo.KL(q, p)-best.Divergence < 3e-11 {
			natural = s.K
		}
	}}
	if _, err := infogeo.MProject(ctx, f, q, o); err != nil {
		return [3]int{}, err
	}
	var g mat.SymDense
	var e mat.EigenSym
	f.FisherDense(&g, best.Fit.Theta)
	e.Factorize(&g, false)
	lambda := e.Values(nil)
	kl, err := infogeo.NewFamilyFlow(f, best.Fit.Eta, infogeo.FamilyFlowOptions{Geometry: infogeo.EuclideanTheta})
	if err != nil {
		return [3]int{}, err
	}
	run, err := flow.New(descent.GD[float64](kl), make([]float64, f.Dim()), flow.Options[float64]{
		Controller: flow.Fixed{H: 2 / (lambda[0] + lambda[len(lambda)-1])}, MaxSteps: 2000,
	})
	if err != nil {
		return [3]int{}, err
	}
	for s, err := range run.Steps(ctx) {
		if err != nil {
			return [3]int{}, err
		}
		if s.Energy < 1e-10 { // the excess
			euclid = s.K
			break
		}
	}
	_, err = infogeo.IPF(ctx, table, q, generators, infogeo.IPFOptions{Tol: 1e-14, Observe: func(k int, p []float64) {
		if sweeps < 0 && infogeo.KL(q, p)-best.Divergence < 1e-11 {
			sweeps = k
		}
	}})
	return [3]int{natural, euclid, sweeps}, err
}
