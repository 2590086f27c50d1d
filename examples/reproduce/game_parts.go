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

// randomWeight returns the jet weight or a Gaussian, isotropic or not.
func randomWeight(r *rand.Rand, n, kind int) game.RatWeight {
	var w game.RatWeight
	for range n {
		w.Mean = append(w.Mean, big.NewRat(r.Int64N(5)-2, 2))
	}
	switch kind % 3 {
	case 0:
		w.Jet = true
	case 1:
		w.Var = []*big.Rat{big.NewRat(1+r.Int64N(4), 2)}
	case 2:
		for range n {
			w.Var = append(w.Var, big.NewRat(1+r.Int64N(4), 2))
		}
	}
	return w
}

// floatWeight rounds a weight.
func floatWeight(w game.RatWeight) game.Weight {
	round := func(list []*big.Rat) (out []float64) {
		for _, r := range list {
			v, _ := r.Float64()
			out = append(out, v)
		}
		return out
	}
	return game.Weight{Mean: round(w.Mean), Var: round(w.Var), Jet: w.Jet}
}

// randomGame is a random game with exact coefficients.
func (s *smoothGames) randomGame(r *rand.Rand, blocks []int) (*game.RatPolynomial, error) {
	n, _ := coordinates(blocks)
	losses := make([]*game.RatPoly, len(blocks))
	for i := range losses {
		losses[i] = randomRatPoly(r, n, 3+r.IntN(2), 10, nil)
	}
	return game.NewRatPolynomial(blocks, losses)
}

// ratField returns ξ.
func ratField(g *game.RatPolynomial) (xi []*game.RatPoly) {
	_, owner := coordinates(g.Blocks())
	for k, i := range owner {
		xi = append(xi, g.Loss(i).Diff(k))
	}
	return xi
}

// shifted returns (x_k - μ_k)/v_k; v is 1 for the jet.
func shifted(n, k int, w game.RatWeight) *game.RatPoly {
	v := big.NewRat(1, 1)
	switch {
	case len(w.Var) == 1:
		v = w.Var[0]
	case len(w.Var) > 1:
		v = w.Var[k]
	}
	e := make([]int, n)
	e[k] = 1
	c := new(big.Rat).Inv(v)
	return game.NewRatPoly(n).Add(c, e...).Add(new(big.Rat).Neg(new(big.Rat).Mul(c, w.Mean[k])), make([]int, n)...)
}

// broken counts the laws of the two decompositions that the exact parts of a game break:
// the losses add up, the exact part is exact, the near one has no weighted divergence or
// none at all, energies add up (the parts are orthogonal), the vector potential gives the
// field back.
func broken(g *game.RatPolynomial, p *game.RatParts) (count int) {
	n, _ := coordinates(g.Blocks())
	law := func(holds bool) {
		if !holds {
			count++
		}
	}
	for i := range g.Blocks() {
		law(p.Scalar.Loss(i).Plus(p.Vector.Loss(i)).Plus(p.NonStrategic.Loss(i)).Equal(g.Loss(i)))
	}
	for _, f := range ratField(p.NonStrategic) {
		law(f.Len() == 0)
	}
	scalarFirst := p.Decomposition == game.ScalarFirst
	scalar, vector := ratField(p.Scalar), ratField(p.Vector)
	div, weighted := game.NewRatPoly(n), game.NewRatPoly(n)
	for k, y := range vector {
		div, weighted = div.Plus(y.Diff(k)), weighted.Plus(shifted(n, k, p.Weight).Times(y))
		if scalarFirst {
			law(p.Potential.Diff(k).Equal(scalar[k]))
		}
	}
	switch {
	case !scalarFirst:
		law(div.Len() == 0)
	case p.Weight.Jet:
		law(weighted.Len() == 0)
	default:
		law(weighted.Equal(div))
	}
	law(new(big.Rat).Add(p.Energy.Scalar, p.Energy.Vector).Cmp(p.Energy.Total) == 0)
	for k, f := range curlOf(n, p) {
		law(f.Equal(vector[k]))
	}
	return count
}

// curlOf returns the field of the vector potential: Σ_l ∂_l B_kl, for near vector parts
// Σ_l (∂_l - (x_l-μ_l)/v_l) B_kl, of the jet without ∂_l.
func curlOf(n int, p *game.RatParts) []*game.RatPoly {
	out := make([]*game.RatPoly, n)
	for k := range out {
		out[k] = game.NewRatPoly(n)
	}
	near := p.Decomposition == game.ScalarFirst
	entry := func(l int, b *game.RatPoly) *game.RatPoly {
		f := game.NewRatPoly(n)
		if !near || !p.Weight.Jet {
			f = b.Diff(l)
		}
		if near {
			f = f.Minus(shifted(n, l, p.Weight).Times(b))
		}
		return f
	}
	for _, e := range p.VectorPotential() {
		out[e.I] = out[e.I].Plus(entry(e.J, e.B))
		out[e.J] = out[e.J].Minus(entry(e.I, e.B))
	}
	return out
}

// rounding returns the largest difference of float64 and exact parts' losses, relative to
// the largest coefficient of the game's.
func rounding(g *game.RatPolynomial, exact *game.RatParts) (float64, error) {
	f, err := g.Float()
	if err != nil {
		return 0, err
	}
	p, err := f.Decompose(exact.Decomposition, floatWeight(exact.Weight))
	if err != nil {
		return 0, err
	}
	size, off := 0.0, 0.0
	for i := range g.Blocks() {
		for _, l := range []*game.RatPoly{exact.Scalar.Loss(i), exact.Vector.Loss(i), exact.NonStrategic.Loss(i)} {
			for _, c := range l.Float().Terms() {
				size = max(size, math.Abs(c))
			}
		}
		for _, d := range []*game.Poly{
			p.Scalar.Loss(i).Minus(exact.Scalar.Loss(i).Float()), p.Vector.Loss(i).Minus(exact.Vector.Loss(i).Float()),
			p.NonStrategic.Loss(i).Minus(exact.NonStrategic.Loss(i).Float()),
		} {
			for _, c := range d.Terms() {
				off = max(off, math.Abs(c))
			}
		}
	}
	return off / size, nil
}

func (s *smoothGames) scalarFirst(ctx context.Context, told progress) (outcome, error) {
	return s.decomposition(ctx, told, game.ScalarFirst, "the exact part is the gradient of φ, the near one has div(wY) = 0 and its antisymmetric potential")
}

func (s *smoothGames) vectorFirst(ctx context.Context, told progress) (outcome, error) {
	return s.decomposition(ctx, told, game.VectorFirst, "the exact part has no divergence and an antisymmetric potential")
}

func (s *smoothGames) decomposition(ctx context.Context, told progress, d game.Decomposition, laws string) (outcome, error) {
	games := pick(s.job, 36, 360, 3600)
	count, off := make([]int, games), make([]float64, games)
	err := members(ctx, games, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed, int(d)<<26+i))
		blocks := blockShapes[i%len(blockShapes)]
		g, err := s.randomGame(r, blocks)
		if err != nil {
			return err
		}
		n, _ := coordinates(blocks)
		p, err := g.Decompose(d, randomWeight(r, n, i/len(blockShapes)))
		if err != nil {
			return err
		}
		count[i] = broken(g, p)
		off[i], err = rounding(g, p)
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	total, worst := 0, 0.0
	for i, c := range count {
		total, worst = total+c, max(worst, off[i])
	}
	return outcome{
		want: "0 laws broken; float64 off by 0", tol: "exact; 1e-12",
		got:  fmt.Sprintf("%d; %s", total, number(worst)),
		pass: total == 0 && worst <= 1e-12,
		note: fmt.Sprintf("%d random games of degree up to 4 with one and several coordinates per player, jet, isotropic and anisotropic weights, in rational arithmetic: the losses of the parts add up, %s, the parts are orthogonal. The same in float64 differs by the number given, relative to the largest coefficient.", games, laws),
	}, nil
}

func (s *smoothGames) divergenceFree(ctx context.Context, told progress) (outcome, error) {
	games := pick(s.job, 18, 90, 900)
	det, div := make([]float64, games), make([]int, games)
	err := members(ctx, games, told, func(ctx context.Context, i int) error {
		r := rand.New(philox.NewSource(s.seed, 1<<27+i))
		blocks := blockShapes[i%len(blockShapes)]
		n, _ := coordinates(blocks)
		g, err := s.randomGame(r, blocks)
		if err != nil {
			return err
		}
		w := randomWeight(r, n, 1)
		p, err := g.Decompose(game.VectorFirst, w)
		if err != nil {
			return err
		}
		div[i] = broken(g, p)
		f, err := p.Vector.Float()
		if err != nil {
			return err
		}
		det[i], err = volume(ctx, f, normals(r, n, 0.3))
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	worst, total := 0.0, 0
	for i, v := range det {
		worst, total = max(worst, math.Abs(v-1)), total+div[i]
	}
	return outcome{
		want: "divergence 0; determinant of the flow map 1", tol: "exact; 1e-9",
		got:  fmt.Sprintf("%d laws broken; 1 within %s", total, number(worst)),
		pass: total == 0 && worst <= 1e-9,
		note: fmt.Sprintf("Exact vector parts of %d random games, in rational arithmetic: div Z = 0 and Z_k = Σ ∂_l B_kl. The determinant is that of the derivative of the flow map after the time in which the state moves by about its own size, at relative tolerance 1e-13.", games),
	}, nil
}

// volume returns the determinant of the derivative of the flow map of x' = -ξ(x), by its
// variational equation.
func volume(ctx context.Context, g *game.Polynomial, x0 []float64) (float64, error) {
	n := len(x0)
	j, xi := mat.NewDense(n, n, nil), make([]float64, n)
	f := flow.FieldFunc(n+n*n, func(dst, x []float64, _ float64) {
		g.Field(dst[:n], x[:n])
		g.Jacobian(j, x[:n])
		mat.NewDense(n, n, dst[n:]).Mul(j, mat.NewDense(n, n, x[n:]))
		for k := range dst {
			dst[k] = -dst[k]
		}
	})
	x := append(append([]float64(nil), x0...), make([]float64, n*n)...)
	for k := range n {
		x[n+k*n+k] = 1
	}
	g.Field(xi, x0)
	g.Jacobian(j, x0)
	t1 := math.Min(math.Sqrt(dot(x0, x0)/dot(xi, xi)), 1/mat.Norm(j, 2))
	s, err := flow.Solve(ctx, f, x, flow.Options[float64]{Method: flow.DOP853, RelTol: 1e-13, AbsTol: 1e-15, T1: t1})
	if err != nil {
		return 0, err
	}
	return mat.Det(mat.NewDense(n, n, s.X[n:])), nil
}
