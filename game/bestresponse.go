package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Response is a global best response of a player to the others' choices.
type Response struct {
	X      []float64 // the player's block; nil if Unbounded
	Loss   float64   // the least loss; -Inf if Unbounded
	Regret float64   // what the player would gain, l_i(x) - Loss >= 0
	// Unbounded says that the loss has no lower bound in the player's block.
	Unbounded bool
}

// BestResponse returns a global minimiser of l_i(·, x_-i), i = player, in two cases: the
// player has one coordinate, so that the minimum is at a root of a polynomial in one
// variable (eigenvalues of the companion matrix); or the loss is of degree at most 2 in
// the player's block. Of several minimisers it is the one nearest to x_i.
//
// Errors: ErrShape and ErrNotFinite for x, ErrArgument for a player that does not exist,
// ErrMissing in other cases, ErrNotConverged for roots.
func (g *Polynomial) BestResponse(player int, x []float64) (Response, error) {
	if player < 0 || player >= len(g.blocks) {
		return Response{}, fmt.Errorf("game: BestResponse: player = %d, want 0 to %d: %w", player, len(g.blocks)-1, ErrArgument)
	}
	if err := checkPoint("x", x, g.n); err != nil {
		return Response{}, err
	}
	var r Response
	var err error
	switch own := g.ownDegree(player); {
	case g.blocks[player] == 1:
		r, err = g.scalarResponse(player, x)
	case own <= 2:
		r, err = g.quadraticResponse(player, x)
	default:
		err = fmt.Errorf("game: BestResponse: player %d has %d coordinates and a loss of degree %d in them, want one coordinate or degree <= 2: %w", player, g.blocks[player], own, ErrMissing)
	}
	if err != nil {
		return Response{}, err
	}
	if r.Unbounded {
		return Response{Loss: math.Inf(-1), Regret: math.Inf(1), Unbounded: true}, nil
	}
	now := g.losses[player].Eval(x)
	r.Loss = math.Min(r.Loss, now) // a rounding error is no regret
	r.Regret = now - r.Loss
	return r, nil
}

// Regrets returns the regret of every player at x, l_i(x) - min l_i(·, x_-i), +Inf where the
// minimum is not bounded: x is a Nash point if and only if all are 0. Their sum is
// NashConv. Errors are those of BestResponse.
func (g *Polynomial) Regrets(x []float64) ([]float64, error) {
	out := make([]float64, len(g.blocks))
	for i := range out {
		r, err := g.BestResponse(i, x)
		if err != nil {
			return nil, err
		}
		out[i] = r.Regret
	}
	return out, nil
}

// ownDegree is the degree of a player's loss in its own block.
func (g *Polynomial) ownDegree(player int) (degree int) {
	for _, t := range g.losses[player].terms {
		d := 0
		for k := g.start[player]; k < g.start[player+1]; k++ {
			d += int(t.p[k])
		}
		degree = max(degree, d)
	}
	return degree
}

// scalarResponse minimises the polynomial in the player's one coordinate.
func (g *Polynomial) scalarResponse(player int, x []float64) (Response, error) {
	k := g.start[player]
	one := make([]float64, g.n)
	copy(one, x)
	one[k] = 1
	sums := make([]double, g.ownDegree(player)+1)
	for _, t := range g.losses[player].terms {
		e := t.p[k]
		sums[e] = sums[e].plus(exactly(t.c.v * monomial(t.p, one)))
	}
	for len(sums) > 1 && sums[len(sums)-1].zero() {
		sums = sums[:len(sums)-1]
	}
	c := make([]float64, len(sums))
	slope := make([]float64, len(sums)-1)
	for e, s := range sums {
		if c[e] = s.v; e > 0 {
			slope[e-1] = float64(e) * s.v
		}
	}
	degree := len(c) - 1
	if degree == 0 {
		return Response{X: []float64{x[k]}, Loss: c[0]}, nil
	}
	if degree%2 == 1 || c[degree] < 0 {
		return Response{Unbounded: true}, nil
	}
	roots, err := realRoots(slope)
	if err != nil {
		return Response{}, err
	}
	best := Response{Loss: math.Inf(1)}
	at := math.Inf(1)
	for _, r := range roots {
		v, _ := horner(c, r)
		tie := math.Abs(v-best.Loss) <= 1e-14*math.Max(math.Abs(v), math.Abs(best.Loss))
		if math.IsInf(at, 1) || v < best.Loss && !tie || tie && math.Abs(r-x[k]) < math.Abs(at-x[k]) {
			best.Loss, at = v, r
		}
	}
	best.X = []float64{at}
	return best, nil
}

// quadraticResponse minimises ½ sᵀHs + b·s over the step s of the player's block, by the
// eigenvectors of H. Of a singular H it takes the shortest step.
func (g *Polynomial) quadraticResponse(player int, x []float64) (Response, error) {
	d, o := g.blocks[player], g.start[player]
	h := mat.NewSymDense(d, nil)
	g.OwnHessian(h, player, x)
	xi := make([]float64, g.n)
	g.Field(xi, x)
	var e mat.EigenSym
	if !e.Factorize(h, true) {
		return Response{}, fmt.Errorf("game: eigenvalues of the own Hessian of player %d: %w", player, ErrNotConverged)
	}
	var v mat.Dense
	e.VectorsTo(&v)
	values := e.Values(nil)
	size := math.Max(math.Abs(values[0]), math.Abs(values[d-1]))
	y := append([]float64(nil), x...)
	for c, l := range values {
		b, norm := 0.0, 0.0
		for r := range d {
			b += v.At(r, c) * xi[o+r]
			norm = math.Max(norm, math.Abs(xi[o+r]))
		}
		switch flat := math.Abs(l) <= 1e-13*size; {
		case !flat && l < 0, flat && math.Abs(b) > 1e-12*norm:
			return Response{Unbounded: true}, nil
		case flat:
			continue
		}
		for r := range d {
			y[o+r] -= b / l * v.At(r, c)
		}
	}
	return Response{X: y[o : o+d], Loss: g.losses[player].Eval(y)}, nil
}
