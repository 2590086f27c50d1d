package infogeo_test

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/infogeo"
)

// The admissions to Berkeley, 1973: does gender matter once the department is known? The
// model of all pair interactions, fitted by natural gradient, against the one in which
// gender and admission are independent given the department.
func ExampleFit() {
	table, counts := infogeo.BerkeleyAdmissions()
	n := kernel.Sum(counts)
	q := make([]float64, len(counts))
	kernel.Axpby(1/n, counts, 0, q)
	for _, m := range []struct {
		name       string
		generators [][]int // department 0, gender 1, admission 2
	}{
		{"[DG][DA][GA]", [][]int{{0, 1}, {0, 2}, {1, 2}}},
		{"[DG][DA]", [][]int{{0, 1}, {0, 2}}},
	} {
		f, err := table.Hierarchical(m.generators)
		if err != nil {
			fmt.Println(err)
			return
		}
		eta, p := make([]float64, f.Dim()), make([]float64, len(q))
		f.Moments(eta, q)
		res, err := infogeo.Fit(context.Background(), f, eta, infogeo.FitOptions{})
		if err != nil {
			fmt.Println(err)
			return
		}
		f.Probabilities(p, res.Theta)
		fmt.Printf("%-12s G² = %.4f, df = %d, %d steps\n", m.name, 2*n*infogeo.KL(q, p), len(q)-1-f.Dim(), res.K)
	}
	// Output:
	// [DG][DA][GA] G² = 20.2043, df = 5, 6 steps
	// [DG][DA]     G² = 21.7355, df = 6, 7 steps
}

// A fully visible Boltzmann machine of eight units, from cells of the handwritten digits:
// 36 parameters, and all 256 states by zeta transforms.
func ExampleBoltzmann() {
	q := infogeo.DigitsBits()
	kernel.Scal(1/kernel.Sum(q), q)
	b, err := infogeo.NewIsing(8)
	if err != nil {
		fmt.Println(err)
		return
	}
	p := make([]float64, len(q))
	m, err := infogeo.MProject(context.Background(), b, q, infogeo.FitOptions{Observe: func(s infogeo.FitStep) {
		b.Probabilities(p, s.Theta)
		fmt.Printf("%d  KL = %.6f\n", s.K, infogeo.KL(q, p))
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v, least KL %.10f\n", m.Fit.Status, m.Divergence)
	// Output:
	// 0  KL = 1.077481
	// 1  KL = 0.559126
	// 2  KL = 0.326164
	// 3  KL = 0.237131
	// 4  KL = 0.232768
	// 5  KL = 0.232733
	// 6  KL = 0.232733
	// 7  KL = 0.232733
	// Converged, least KL 0.2327331097
}

// Where the data are separable there is no maximum-likelihood estimate: setosa against the
// other irises.
func ExampleNoFiniteMLEError() {
	x, species := infogeo.Iris()
	y := make([]int, len(species))
	for i, s := range species {
		y[i] = min(s, 1)
	}
	f, err := infogeo.NewRegression(x, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	target := make([]float64, f.Dim())
	if err := f.Target(target, y); err != nil {
		fmt.Println(err)
		return
	}
	_, err = infogeo.Fit(context.Background(), f, target, infogeo.FitOptions{})
	var none *infogeo.NoFiniteMLEError
	if errors.As(err, &none) {
		wrong := 0
		for i := range x.Rows {
			if (kernel.Dot(x.Row(i), none.Direction) > 0) != (y[i] == 0) {
				wrong++
			}
		}
		fmt.Println("separated, on the wrong side:", wrong)
	}
	// Output:
	// separated, on the wrong side: 0
}

// The three gradient flows on the Poisson family at mean 4, by gradient descent with small
// steps: rates 8, 2 and 1/2, in the opposite order of those on the simplex.
func ExampleNewFamilyFlow() {
	for _, g := range []infogeo.Geometry{infogeo.EuclideanTheta, infogeo.Natural, infogeo.EuclideanEta} {
		f, err := infogeo.NewFamilyFlow(infogeo.NewPoisson(), []float64{4}, infogeo.FamilyFlowOptions{Geometry: g})
		if err != nil {
			fmt.Println(err)
			return
		}
		const h, steps = 1e-4, 1000
		r, err := flow.New(descent.GD[float64](f), f.Start([]float64{math.Log(4.001)}), flow.Options[float64]{Controller: flow.Fixed{H: h}, MaxSteps: steps})
		if err != nil {
			fmt.Println(err)
			return
		}
		before := f.Energy(r.Step().X)
		if _, err := r.Solve(context.Background()); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%-18v rate %.2f\n", g, math.Log(before/f.Energy(r.Step().X))/(h*steps))
	}
	// Output:
	// Euclidean in theta rate 8.00
	// natural            rate 2.00
	// Euclidean in eta   rate 0.50
}

// Iterative proportional fitting of a 2 x 2 table to new margins: the I-projection of the
// table.
func ExampleIPF() {
	table, err := infogeo.NewTable(2, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	seed := []float64{.4, .1, .2, .3}
	margins := []float64{.42, .18, .28, .12} // rows .6, .4; columns .7, .3
	r, err := infogeo.IPF(context.Background(), table, margins, [][]int{{0}, {1}}, infogeo.IPFOptions{Start: seed})
	if err != nil {
		fmt.Println(err)
		return
	}
	p := r.P
	fmt.Printf("%.4f\n", p)
	fmt.Printf("odds ratio %.4f, before %.4f\n", p[0]*p[3]/(p[1]*p[2]), seed[0]*seed[3]/(seed[1]*seed[2]))
	// Output:
	// [0.5081 0.0919 0.1919 0.2081]
	// odds ratio 6.0000, before 6.0000
}

// The midpoints of α-geodesics between two distributions: mixture, Fisher-Rao, exponential.
func ExampleAlphaGeodesic() {
	p, q := []float64{.7, .2, .1}, []float64{.1, .3, .6}
	mid := make([]float64, 3)
	for _, alpha := range []float64{-1, 0, 1} {
		g, err := infogeo.NewAlphaGeodesic(p, q, alpha)
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := g.At(mid, 0.5); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%2v  %.4f\n", alpha, mid)
	}
	// Output:
	// -1  [0.4000 0.2500 0.3500]
	//  0  [0.3788 0.2821 0.3391]
	//  1  [0.3507 0.3247 0.3247]
}
