package game_test

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/game"
)

// A polynomial game and its exact scalar, near vector and non-strategic parts under the
// standard normal weight, in rational arithmetic.
func ExampleRatPolynomial_Decompose() {
	g, err := game.ParseRatGame([]int{1, 1}, []string{"x^4/4 + x^2y - xy", "y^4/4 - xy^2 + 2xy"})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := g.Decompose(game.ScalarFirst, game.RatWeight{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("potential  ", p.Potential)
	fmt.Println("near vector")
	fmt.Println(p.Vector)
	fmt.Println("not strategic")
	fmt.Println(p.NonStrategic)
	fmt.Println("energies   ", p.Energy.Total.RatString(), "=", p.Energy.Scalar, "+", p.Energy.Vector)
	fmt.Println("gap        ", p.Gap)
	// Output:
	// potential   1/4*x^4 + 1/4*y^4 + 2/3*x^2*y - 2/3*x*y^2 + 1/2*x*y + 2/3*x - 2/3*y - 3/2
	// near vector
	// l1 = 1/3*x^2*y + 2/3*x*y^2 - 3/2*x*y - 2/3*x - 1/3*y
	// l2 = -2/3*x^2*y - 1/3*x*y^2 + 3/2*x*y + 1/3*x + 2/3*y
	// not strategic
	// l1 = y + 3/4
	// l2 = -x + 3/4
	// energies    43 = 215/6 + 43/6
	// gap         8/27
}

// The parts of a game are games: the scalar part converges along its potential, the near
// vector part goes round on a closed curve and conserves what it knows about itself.
func ExampleParts() {
	g, err := game.ParseGame([]int{1, 1}, []string{"x^4/4 + x^2y - xy", "y^4/4 - xy^2 + 2xy"})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := g.Decompose(game.ScalarFirst, game.Gaussian(nil, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("share of the potential part %.3f\n", p.Energy.ScalarShare())
	start := []float64{0.6, -0.4}
	options := flow.Options[float64]{T1: 20, RelTol: 1e-10, AbsTol: 1e-12}

	pot := p.PotentialGame()
	s, err := flow.Solve(context.Background(), flow.GradientFlow[float64](pot), start, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("scalar part: from φ = %.4f to %.4f at (%.4f, %.4f)\n", pot.Potential(start), s.Energy, s.X[0], s.X[1])

	vector := p.VectorGame()
	f, err := game.Flow(vector)
	if err != nil {
		fmt.Println(err)
		return
	}
	if s, err = flow.Solve(context.Background(), f, start, options); err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range vector.Invariants() {
		fmt.Printf("near vector part: at (%.3f, %.3f), %s %.4f, drift below 1e-7: %t\n", s.X[0], s.X[1], c.Name, c.Value(s.X), math.Abs(c.Value(s.X)-c.Value(start)) < 1e-7)
	}
	// Output:
	// share of the potential part 0.833
	// scalar part: from φ = -1.0745 to -2.1275 at (-0.6102, 0.6102)
	// near vector part: at (-1.269, -0.019), weighted B_12 1.0538, drift below 1e-7: true
}

// At the origin of the game l1 = x²/2 + 2xy, l2 = y²/2 + 2xy no player can gain alone, and
// gradient play leaves it all the same.
func ExampleInspect() {
	g, err := game.ParseGame([]int{1, 1}, []string{"x^2/2 + 2xy", "y^2/2 + 2xy"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := game.Inspect(g, []float64{0, 0}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	regrets, err := g.Regrets([]float64{0, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("strict local Nash %t, regrets %v\n", r.DifferentialNash, regrets)
	fmt.Printf("eigenvalues of J %.0f, saddle %t\n", r.Eigenvalues, r.Saddle)
	// Output:
	// strict local Nash true, regrets [0 0]
	// eigenvalues of J [(-1+0i) (3+0i)], saddle true
}

// How much of a black box in 50 dimensions is a potential game: a chain in which every
// player wants to be where the next one is, half as much as to be at 0.
func ExamplePotentialEnergy() {
	const n = 50
	var losses []*game.Poly
	var blocks []int
	for i := range n {
		l, own, cross := game.NewPoly(n), make([]int, n), make([]int, n)
		own[i] = 2
		cross[i], cross[(i+1)%n] = 1, 1
		losses, blocks = append(losses, l.Add(0.75, own...).Add(-0.5, cross...)), append(blocks, 1)
	}
	g, err := game.NewPolynomial(blocks, losses)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := game.PotentialEnergy(context.Background(), g, game.Gaussian(nil, 1), game.EnergySample{Samples: 10000, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	exact, err := g.Decompose(game.ScalarFirst, game.Gaussian(nil, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("share %.3f ± %.3f, exact %.3f\n", e.Share, e.ShareErr, exact.Energy.ScalarShare())
	// Output:
	// share 0.955 ± 0.005, exact 0.950
}
