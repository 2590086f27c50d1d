package infogeo_test

import (
	"context"
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/infogeo"
)

// The three gradient flows of KL(q‖p) side by side.
func ExampleKLFlow() {
	q, p0 := []float64{.6, .3, .1}, []float64{.2, .3, .5}
	for _, g := range []infogeo.Geometry{infogeo.EuclideanTheta, infogeo.Natural, infogeo.EuclideanEta} {
		f, err := infogeo.NewKLFlow(q, 2, infogeo.KLFlowOptions{Geometry: g})
		if err != nil {
			fmt.Println(err)
			return
		}
		x := make([]float64, f.Dim())
		if err := f.FromP(x, p0); err != nil {
			fmt.Println(err)
			return
		}
		s, err := flow.Solve(context.Background(), flow.Field[float64](f), x, flow.Options[float64]{T1: 1, RelTol: 1e-9, AbsTol: 1e-12})
		if err != nil {
			fmt.Println(err)
			return
		}
		p := make([]float64, 3)
		f.P(p, s.X)
		fmt.Printf("%-18v L(1) = %.6f  p(1) = %.4f\n", g, s.Energy, p)
	}
	spectrum, err := infogeo.SimplexSpectrum(q, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("rates %.4f, 2, %.4f\n", spectrum.RateTheta, spectrum.RateEta)
	// Output:
	// Euclidean in theta L(1) = 0.362478  p(1) = [0.2645 0.2778 0.4577]
	// natural            L(1) = 0.078340  p(1) = [0.4528 0.3000 0.2472]
	// Euclidean in eta   L(1) = 0.000711  p(1) = [0.5823 0.3165 0.1012]
	// rates 0.0888, 2, 4.9307
}

// Gradient descent with its best step contracts by (κ-1)/(κ+1), in either coordinates;
// the natural gradient needs one step.
func ExampleDescent() {
	q := []float64{.45, .3, .15, .1}
	uniform := []float64{.25, .25, .25, .25}
	s, err := infogeo.SimplexSpectrum(q, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("κ = %.3f, contraction %.3f\n", s.Kappa, s.Rho)
	for _, o := range []infogeo.DescentOptions{
		{Method: infogeo.GDTheta, Alpha: s.AlphaTheta},
		{Method: infogeo.GDEta, Alpha: s.AlphaEta},
		{Method: infogeo.NGDEta, Alpha: 1},
	} {
		d, err := infogeo.NewDescent(q, 3, o)
		if err != nil {
			fmt.Println(err)
			return
		}
		r, err := d.Run(context.Background(), uniform, infogeo.RunOptions{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(o.Method, r.Steps)
	}
	// Output:
	// κ = 12.555, contraction 0.852
	// gd_theta 61
	// gd_eta 60
	// ngd_eta 1
}

// Everything that is claimed about the flows, checked for a target and a start.
func ExampleVerifyTheorems() {
	r, err := infogeo.VerifyTheorems(context.Background(), []float64{.45, .3, .15, .1}, []float64{.1, .2, .3, .4}, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Claims {
		if c.Theorem == "T7" {
			fmt.Printf("%s: %.6f, stated %.6g\n", c.Statement, c.Measured, c.Stated)
		}
	}
	fmt.Println("all claims hold:", r.Pass())
	// Output:
	// rate in whitened coordinates, c = 0.25, Euclidean in eta: 0.500000, stated 0.5
	// rate in whitened coordinates, c = 0.25, Euclidean in theta: 8.000000, stated 8
	// rate in whitened coordinates, c = 0.5, Euclidean in eta: 1.000000, stated 1
	// rate in whitened coordinates, c = 0.5, Euclidean in theta: 4.000000, stated 4
	// rate in whitened coordinates, c = 1, Euclidean in eta: 2.000000, stated 2
	// rate in whitened coordinates, c = 1, Euclidean in theta: 2.000000, stated 2
	// rate in whitened coordinates, c = 3, Euclidean in eta: 6.000000, stated 6
	// rate in whitened coordinates, c = 3, Euclidean in theta: 0.666667, stated 0.666667
	// all claims hold: true
}
