package game_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/probe"
	"github.com/gradflow/gradflow/game"
)

// How much of a finite game is a potential game, and what is that part?
func ExampleFinite_Decompose() {
	f, err := game.NewFinite([]int{2, 3}, [][]float64{
		{-4, -4, 3, 0, 1, 1},
		{2, -5, 0, -4, -1, 5},
	})
	if err != nil {
		log.Fatal(err)
	}
	parts, err := f.Decompose(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("potentialness %.4f, of the flow %.4f, energy share %.4f\n", parts.Potentialness, parts.FlowPotentialness, parts.Share)
	fmt.Printf("potential %.1f\n", parts.Phi)
	for _, i := range parts.Potential.PureEquilibria() {
		fmt.Printf("equilibrium of the potential part %v, an ε-equilibrium of the game with ε <= %.1f\n", f.Actions(make([]int, 2), i), parts.MPD)
	}
	// Output:
	// potentialness 0.5588, of the flow 0.5775, energy share 0.6514
	// potential [0.1 -5.1 1.5 -1.1 0.1 4.5]
	// equilibrium of the potential part [1 2], an ε-equilibrium of the game with ε <= 5.2
}

// Games of small integers decompose exactly.
func ExampleRatFinite_Decompose() {
	parts, err := game.BattleOfSexes().Exact().Decompose(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("φ =", parts.Phi, "energy", parts.Energy.Potential, "of", parts.Energy.Total)
	// Output:
	// φ = [5/4 -3/4 -7/4 5/4] energy 13/2 of 13/2
}

// The replicator dynamics circles around the equilibrium of a zero-sum game.
func ExampleNewReplicator() {
	r, err := game.NewReplicator(game.RockPaperScissors(), []float64{.5, .3, .2, .2, .5, .3})
	if err != nil {
		log.Fatal(err)
	}
	third := 1. / 3
	kl, err := r.DivergenceFrom([]float64{third, third, third, third, third, third})
	if err != nil {
		log.Fatal(err)
	}
	r.Watch(kl)
	drift, err := probe.DriftOf[float64](r)
	if err != nil {
		log.Fatal(err)
	}
	sol, err := flow.Solve(context.Background(), flow.Field[float64](r), r.Start(), flow.Options[float64]{
		Method: flow.DOP853, T1: 200, RelTol: 1e-11, AbsTol: 1e-11, Recorder: drift,
	})
	if err != nil {
		log.Fatal(err)
	}
	x := make([]float64, 6)
	r.Strategies(x, sol.X)
	s := drift.Stats()[0]
	fmt.Printf("x(200) = %.4f\n%s: %.6f at the start, drift below 1e-9: %t\n", x, s.Name, s.Start, s.Max < 1e-9)
	// Output:
	// x(200) = [0.3745 0.3319 0.2936 0.2078 0.2007 0.5916]
	// KL divergence from equilibrium: 0.140481 at the start, drift below 1e-9: true
}

// Discrete learning is an integrator of the same dynamics, the learning rate its step.
func ExampleOptimisticMWU() {
	r, err := game.NewReplicator(game.MatchingPennies(), []float64{.9, .1, .6, .4})
	if err != nil {
		log.Fatal(err)
	}
	run, err := flow.New(game.OptimisticMWU(r), r.Start(), flow.Options[float64]{Controller: flow.Fixed{H: .1}, MaxSteps: 2000})
	if err != nil {
		log.Fatal(err)
	}
	sol, err := run.Solve(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	x := make([]float64, 4)
	r.Strategies(x, sol.X)
	fmt.Printf("%.4f\n", x)
	// Output:
	// [0.5000 0.5000 0.5000 0.5000]
}

// All equilibria of a game of two players.
func ExampleFinite_Nash2() {
	found, err := game.Chicken().Nash2()
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range found {
		fmt.Printf("%.2f payoffs %.2f\n", e.X, e.Value)
	}
	// Output:
	// [[1.00 0.00] [0.00 1.00]] payoffs [-1.00 1.00]
	// [[0.00 1.00] [1.00 0.00]] payoffs [1.00 -1.00]
	// [[0.99 0.01] [0.99 0.01]] payoffs [-0.01 -0.01]
}

// Games go to Gambit and back.
func ExampleReadNFG() {
	g, err := game.ReadNFG(strings.NewReader(`NFG 1 R "Stag hunt" { "Ann" "Bob" } { 2 2 }
4 4  3 0  0 3  3 3`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(g.Title, g.Players, g.Game.Shape())
	if err := g.WriteNFG(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Stag hunt [Ann Bob] [2 2]
	// NFG 1 R "Stag hunt"
	// { "Ann" "Bob" }
	// { 2 2 }
	// ""
	//
	// 4 4
	// 3 0
	// 0 3
	// 3 3
}

// Losses sampled on a grid: the potential of the part that is a potential game.
func ExampleBox_Decompose() {
	box, err := game.NewBox([]int{2, 3}, []float64{1, 1}, []int{1, 1})
	if err != nil {
		log.Fatal(err)
	}
	parts, err := box.Decompose([][]float64{
		{0, 1, 2, 3, 1, 0},
		{1, 0, 2, 0, 0, 3},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("energies %.3f\nφ = %.3f\n", parts.Energy, parts.Phi)
	// Output:
	// energies {4.500 3.122 1.378}
	// φ = [-1.367 -1.100 1.967 0.367 -0.900 1.033]
}
