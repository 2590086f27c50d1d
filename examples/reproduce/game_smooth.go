package main

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/game"
	"github.com/gradflow/gradflow/internal/philox"
)

// smoothGames is the part of the paper on polynomial games and their parts.
type smoothGames struct{ job }

// newSmoothGames returns its claims and figures.
func newSmoothGames(j job) ([]claim, []figure) {
	s := &smoothGames{j}
	return []claim{
			{"potential-iff-symmetric", "A game is a potential game in the sense of Monderer and Shapley if and only if the Jacobian of its field is symmetric everywhere.", s.symmetric},
			{"gd-finds-nash", "Gradient descent finds the Nash point of a potential game with convex potential at learning rates below 2/L, and need not without convexity: the potential game xy diverges.", s.findsNash},
			{"vector-divergence-free", "Vector potential games have fields without divergence, the divergence of an antisymmetric matrix field; their flow preserves volume.", s.divergenceFree},
			{"decomposition-scalar-first", "Every game is the sum of an exact scalar, a near vector and a non-strategic game.", s.scalarFirst},
			{"decomposition-vector-first", "Every game is the sum of a near scalar, an exact vector and a non-strategic game.", s.vectorFirst},
		}, []figure{
			{"game-anatomy", "Anatomy of the game l₁ = x⁴/4 + x²y - xy, l₂ = y⁴/4 - xy² + 2xy under the standard normal weight: gradient play of the game, of its exact scalar part, of its near vector part, whose orbits are closed curves, and of its exact vector part, which blows up (at t = .795 from the marked start).", s.pictureAnatomy},
		}
}

// blockShapes are the numbers of coordinates of the players of random games.
var blockShapes = [][]int{{1, 1}, {2, 1}, {1, 1, 1}, {2, 2}, {1, 3}, {1, 2, 1}}

func coordinates(blocks []int) (n int, owner []int) {
	for i, d := range blocks {
		n += d
		for range d {
			owner = append(owner, i)
		}
	}
	return n, owner
}

// randomRatPoly returns a random polynomial with small rational coefficients. keep says
// which exponents it may have.
func randomRatPoly(r *rand.Rand, n, degree, terms int, keep func(e []int) bool) *game.RatPoly {
	p := game.NewRatPoly(n)
	for range terms {
		e := make([]int, n)
		for range 1 + r.IntN(degree) {
			e[r.IntN(n)]++
		}
		if keep == nil || keep(e) {
			p.Add(big.NewRat(r.Int64N(19)-9, 1+r.Int64N(5)), e...)
		}
	}
	return p
}

// potentialGame returns a random potential game: every loss is the same polynomial plus
// one that the player has no influence on.
func (s *smoothGames) potentialGame(r *rand.Rand, blocks []int) (*game.RatPolynomial, error) {
	n, owner := coordinates(blocks)
	phi := randomRatPoly(r, n, 4, 8, nil)
	losses := make([]*game.RatPoly, len(blocks))
	for i := range losses {
		losses[i] = phi.Plus(randomRatPoly(r, n, 4, 8, func(e []int) bool {
			for k, o := range owner {
				if o == i && e[k] > 0 {
					return false
				}
			}
			return true
		}))
	}
	return game.NewRatPolynomial(blocks, losses)
}

func (s *smoothGames) symmetric(ctx context.Context, told progress) (outcome, error) {
	games := pick(s.job, 60, 600, 6000)
	asym, defect := make([]float64, games), make([]float64, games)
	const rotation = 1e-3
	err := members(ctx, games, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed, 1<<24+i))
		blocks := blockShapes[i/2%len(blockShapes)]
		n, _ := coordinates(blocks)
		exact, err := s.potentialGame(r, blocks)
		if err != nil {
			return err
		}
		g, err := exact.Float()
		if err != nil {
			return err
		}
		if i%2 == 1 { // not a potential game: the first player also plays a bilinear one
			e := make([]int, n)
			e[0], e[n-1] = 1, 1
			g.Loss(0).Add(rotation, e...)
			losses := make([]*game.Poly, len(blocks))
			for k := range losses {
				losses[k] = g.Loss(k)
			}
			if g, err = game.NewPolynomial(blocks, losses); err != nil {
				return err
			}
		}
		asym[i], defect[i] = unilateral(g, r)
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	var symmetric, potential float64
	least, leastDefect := math.Inf(1), math.Inf(1)
	for i := range games {
		if i%2 == 0 {
			symmetric, potential = max(symmetric, asym[i]), max(potential, defect[i])
		} else {
			least, leastDefect = min(least, asym[i]), min(leastDefect, defect[i])
		}
	}
	return outcome{
		want: "defects 0 and not 0", tol: "1e-10",
		got:  fmt.Sprintf("%s and %s", number(potential), number(leastDefect)),
		pass: symmetric <= 1e-12 && potential <= 1e-10 && least >= rotation/100 && leastDefect >= 1e-7,
		note: fmt.Sprintf("%d random games with 2 to 4 coordinates. The defect is the largest relative difference, over unilateral changes, between a player's loss and the line integral of ξ. Potential games: asymmetry of J at most %s. The others have a bilinear term of size %g more: asymmetry at least %s.", games, number(symmetric), rotation, number(least)),
	}, nil
}

// unilateral returns the largest relative asymmetry of J at random points and the
// largest relative difference between changes of losses and of the line integral of ξ
// when one player moves.
func unilateral(g *game.Polynomial, r *rand.Rand) (asym, defect float64) {
	n := game.Dim(g)
	j := mat.NewDense(n, n, nil)
	for range 10 {
		a, x := normals(r, n, 1), normals(r, n, 1)
		g.Jacobian(j, x)
		size := mat.Norm(j, 2)
		for k := range n {
			for l := range k {
				asym = max(asym, math.Abs(j.At(k, l)-j.At(l, k))/(1+size))
			}
		}
		from := 0
		for i, d := range g.Blocks() {
			y := append([]float64(nil), x...)
			copy(y[from:from+d], a[from:from+d])
			from += d
			l0, l1 := g.Loss(i).Eval(x), g.Loss(i).Eval(y)
			line := game.LinePotential(g, a, y, 8) - game.LinePotential(g, a, x, 8)
			defect = max(defect, math.Abs(l1-l0-line)/(1+math.Abs(l0)+math.Abs(l1)))
		}
	}
	return asym, defect
}

// quartic is c in convexPotential.
const quartic = 0.1

// convexPotential returns φ = ½ xᵀSx + b·x + Σ c (w·x)⁴/4 for scalar players, with the
// losses φ plus something not strategic, and the constants m and L of φ on its sublevel
// set through x0.
func convexPotential(r *rand.Rand, n int, x0 []float64) (g *game.Polynomial, phi *game.Poly, m, l float64, err error) {
	blocks := make([]int, n)
	phi = game.NewPoly(n)
	for k := range n {
		blocks[k] = 1
	}
	a := mat.NewDense(n, n, normals(r, n*n, 1/math.Sqrt(float64(n))))
	b := normals(r, n, 0.5)
	s := mat.NewSymDense(n, nil)
	s.SymOuterK(1, a)
	linear := func(c []float64) *game.Poly {
		p := game.NewPoly(n)
		for k, v := range c {
			e := make([]int, n)
			e[k] = 1
			p.Add(v, e...)
		}
		return p
	}
	for k := range n {
		s.SetSym(k, k, s.At(k, k)+1)
		row := make([]float64, n)
		for q := range n {
			row[q] = s.At(k, q) / 2
		}
		e := make([]int, n)
		e[k] = 1
		phi = phi.Plus(linear(row).Times(game.NewPoly(n).Add(1, e...))).Add(b[k], e...)
	}
	var eig mat.EigenSym
	if !eig.Factorize(s, false) {
		return nil, nil, 0, 0, game.ErrNotConverged
	}
	values := eig.Values(nil)
	m, l = values[0], values[n-1]
	var w [3][]float64
	for i := range w {
		w[i] = normals(r, n, 1/math.Sqrt(float64(n)))
		square := linear(w[i]).Times(linear(w[i]))
		phi = phi.Plus(square.Times(square).Scale(quartic / 4))
	}
	// On the sublevel set m/2 |x|² - |b||x| <= φ(x0), and the Hessian of the quartic terms
	// is at most Σ 3c |x|² |w|⁴.
	nb := math.Sqrt(dot(b, b))
	radius := (nb + math.Sqrt(nb*nb+2*m*math.Max(phi.Eval(x0), 0))) / m
	for _, v := range w {
		l += 3 * quartic * radius * radius * dot(v, v) * dot(v, v)
	}
	losses := make([]*game.Poly, n)
	for i := range losses {
		e := make([]int, n)
		e[(i+1)%n] = 3
		losses[i] = game.NewPoly(n).Plus(phi).Add(5, e...)
	}
	g, err = game.NewPolynomial(blocks, losses)
	return g, phi, m, l, err
}

func dot(a, b []float64) (s float64) {
	for k, v := range a {
		s += v * b[k]
	}
	return s
}

func (s *smoothGames) findsNash(ctx context.Context, told progress) (outcome, error) {
	games := pick(s.job, 12, 60, 300)
	regret, violation := make([]float64, games), make([]float64, games)
	err := members(ctx, games, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed, 1<<25+i))
		n := 2 + i%4
		x0 := normals(r, n, 1)
		g, phi, m, l, err := convexPotential(r, n, x0)
		if err != nil {
			return err
		}
		f, err := game.Flow(g)
		if err != nil {
			return err
		}
		eta := []float64{0.5, 1, 1.9}[i%3] / l
		// |ξ|² <= 2L(φ-φ*) falls at least by 1-ηm(2-Lη) a step.
		steps := int(80/(eta*m*(2-l*eta))) + 1
		last, xi := math.Inf(1), make([]float64, n)
		x := x0
		err = gradientSteps(ctx, f, x0, flow.Fixed{H: eta}, min(steps, 2_000_000), func(st *flow.Step[float64]) error {
			now := phi.Eval(st.X)
			// The descent inequality, up to rounding.
			violation[i] = max(violation[i], (now-last)/(1+math.Abs(now)))
			g.Field(xi, st.X)
			last = now - eta*(1-l*eta/2)*dot(xi, xi)
			x = append(x[:0:0], st.X...)
			return nil
		})
		if err != nil {
			return err
		}
		regrets, err := g.Regrets(x)
		for _, v := range regrets {
			regret[i] = max(regret[i], v)
		}
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	worst, rise := 0.0, 0.0
	for i, v := range regret {
		worst, rise = max(worst, v), max(rise, violation[i])
	}
	x, stuck, err := outsideHypotheses(ctx)
	if err != nil {
		return outcome{}, err
	}
	return outcome{
		want: "largest regret 0; xy ends at (3445.153, -3445.153)", tol: "1e-12; 5e-4",
		got:  fmt.Sprintf("%s; (%.3f, %.3f)", number(worst), x[0], x[1]),
		pass: worst <= 1e-12 && rise <= 1e-13 && math.Abs(x[0]-3445.153) <= 5e-4 && math.Abs(x[1]+3445.153) <= 5e-4 && stuck > 0.1,
		note: fmt.Sprintf("Hypotheses: φ is m-strongly convex with an L-Lipschitz gradient on the sublevel set of the start. %d random quartic potentials of 2 to 5 players, η = .5, 1, 1.9 times 1/L; the regret is against global best responses (roots of the own problems), the inequality φ(x_{t+1}) <= φ(x_t) - η(1-Lη/2)|ξ|² is exceeded by at most %s. Outside of them: l₁ = l₂ = xy after 100 steps of η = .1 from (1, .5); and where the own problem is not convex gradient descent stops at a local Nash point with regret %s.", games, number(rise), number(stuck)),
	}, nil
}

// outsideHypotheses runs gradient descent on the potential game xy, and on a double well
// that it enters on the wrong side, whose regret it returns.
func outsideHypotheses(ctx context.Context) (x []float64, regret float64, err error) {
	end := func(losses []string, x0 []float64, eta float64, steps int) (*game.Polynomial, []float64, error) {
		g, err := game.ParseGame([]int{1, 1}, losses)
		if err != nil {
			return nil, nil, err
		}
		f, err := game.Flow(g)
		if err != nil {
			return nil, nil, err
		}
		var x []float64
		err = gradientSteps(ctx, f, x0, flow.Fixed{H: eta}, steps, func(st *flow.Step[float64]) error {
			x = append(x[:0], st.X...)
			return nil
		})
		return g, x, err
	}
	if _, x, err = end([]string{"x*y", "x*y"}, []float64{1, 0.5}, 0.1, 100); err != nil {
		return nil, 0, err
	}
	well := "x^4/4 - x^2/2 + x/10 + y^2/2"
	g, stuck, err := end([]string{well, well}, []float64{0.5, 1}, 0.1, 2000)
	if err != nil {
		return nil, 0, err
	}
	regrets, err := g.Regrets(stuck)
	if err != nil {
		return nil, 0, err
	}
	return x, regrets[0], nil
}
