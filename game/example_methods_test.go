package game_test

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/game"
)

// Five methods on the bilinear game xy: gradient descent leaves the equilibrium, the
// others come in, all at the rate of their iteration matrix.
func ExampleMethod() {
	g, err := game.NewBilinear(mat.NewDense(1, 1, []float64{1}))
	if err != nil {
		panic(err)
	}
	l, err := game.Linearise(g, []float64{0, 0})
	if err != nil {
		panic(err)
	}
	const eta, steps = 0.3, 200
	start := []float64{1, 0.5}
	for _, m := range []game.Method{game.GD{}, game.Extragradient{}, game.Optimistic{}, game.SGA{}, game.CGD{}} {
		it, err := m.Integrator(g)
		if err != nil {
			panic(err)
		}
		r, err := flow.New(it, start, flow.Options[float64]{Controller: flow.Fixed{H: eta}, MaxSteps: steps})
		if err != nil {
			panic(err)
		}
		s, err := r.Solve(context.Background())
		if err != nil {
			panic(err)
		}
		rho, err := game.LocalRate(m, l, eta)
		if err != nil {
			panic(err)
		}
		rate := math.Pow(math.Hypot(s.X[0], s.X[1])/math.Hypot(start[0], start[1]), 1./steps)
		fmt.Printf("%-5s rate %.3f, spectral radius %.3f\n", m.Name(), rate, rho)
	}
	// Output:
	// gd    rate 1.044, spectral radius 1.044
	// eg    rate 0.958, spectral radius 0.958
	// ogda  rate 0.949, spectral radius 0.949
	// sga   rate 0.762, spectral radius 0.762
	// cgd   rate 0.958, spectral radius 0.958
}

// The best learning rate of each method at an equilibrium, and the range in which it
// converges.
func ExampleAdvise() {
	g, err := game.NewCournot(10, 1, []float64{1, 2, 3})
	if err != nil {
		panic(err)
	}
	nash := make([]float64, 3)
	g.Nash(nash)
	l, err := game.Linearise(g, nash)
	if err != nil {
		panic(err)
	}
	advice, err := game.Advise(l, game.GD{}, game.Extragradient{}, game.BestReply{})
	if err != nil {
		panic(err)
	}
	for _, a := range advice {
		fmt.Printf("%-12s η = %.3f: ρ = %.3f, stable below %.3f\n", a.Method.Name(), a.Eta, a.Rate, a.Critical)
	}
	// Output:
	// bestresponse η = 0.800: ρ = 0.600, stable below 1.000
	// gd           η = 0.400: ρ = 0.600, stable below 0.500
	// eg           η = 0.200: ρ = 0.840, stable below 0.250
}

// What a trajectory does: the near vector part of a polynomial game recurs, its exact
// vector part explodes.
func ExampleClassifyRun() {
	g, err := game.ParseGame([]int{1, 1}, []string{"1/4 x^4 + x^2 y - x y", "1/4 y^4 - x y^2 + 2 x y"})
	if err != nil {
		panic(err)
	}
	for _, d := range []game.Decomposition{game.ScalarFirst, game.VectorFirst} {
		parts, err := g.Decompose(d, game.Gaussian(nil, 1))
		if err != nil {
			panic(err)
		}
		f, err := game.Flow(parts.Vector)
		if err != nil {
			panic(err)
		}
		r, err := game.ClassifyRun(context.Background(), flow.ODE(f, flow.DOP853), []float64{0.6, -0.4},
			flow.Options[float64]{T1: 40, RelTol: 1e-10}, game.RunOptions{})
		if err != nil {
			panic(err)
		}
		fmt.Printf("%v: %v after t = %.4f, %d returns\n", d, r.Outcome, r.Time, len(r.Returns))
	}
	// Output:
	// ScalarFirst: Recurrent after t = 40.0000, 12 returns
	// VectorFirst: BlowUp after t = 0.7948, 0 returns
}

// Tit for tat against always defecting: one bad round, then mutual defection.
func ExampleIPD() {
	g, err := game.NewIPD(game.IPDOptions{OwnPerspective: true})
	if err != nil {
		panic(err)
	}
	yes, no := game.LogitOf(1-1e-9), game.LogitOf(1e-9)
	titForTat := []float64{yes, yes, no, yes, no} // start, CC, CD, DC, DD
	defect := []float64{no, no, no, no, no}
	loss := make([]float64, 2)
	g.Losses(loss, append(titForTat, defect...))
	fmt.Printf("%.2f\n", loss)
	g.Losses(loss, append(append([]float64(nil), titForTat...), titForTat...))
	fmt.Printf("%.2f\n", loss)
	// Output:
	// [2.04 1.92]
	// [1.00 1.00]
}
