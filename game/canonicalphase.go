package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Phases is the game of N phases on a torus,
//
//	l_i = -ω_i x_i - Σ_j k_ij cos(x_i - x_j),
//
// whose gradient play x_i' = ω_i - Σ_j k_ij sin(x_i - x_j) is the model of Kuramoto
// (1975). With a symmetric k it is a potential game (Phi), with an antisymmetric k the
// divergence Σ_ij k_ij cos(x_i - x_j) is zero: a vector potential game, whose play keeps
// volumes. It keeps N matrices of N x N.
type Phases struct {
	*analytic
	omega     []float64
	k         kernel.Matrix[float64]
	symmetric bool
}

// NewPhases returns the game; k has N rows of length N, whose diagonal does not matter,
// and omega has length N or is nil for zero. Errors: ErrShape, ErrNotFinite.
func NewPhases(k [][]float64, omega []float64) (*Phases, error) {
	n := len(k)
	if n == 0 {
		return nil, fmt.Errorf("game: NewPhases: k is empty, want one row for each player: %w", ErrShape)
	}
	if omega == nil {
		omega = make([]float64, n)
	}
	if err := checkPoint("omega", omega, n); err != nil {
		return nil, err
	}
	g := &Phases{omega: append([]float64(nil), omega...), k: kernel.NewMatrix[float64](n, n), symmetric: true}
	blocks := make([]int, n)
	for i, row := range k {
		if err := checkPoint(fmt.Sprintf("k[%d]", i), row, n); err != nil {
			return nil, err
		}
		copy(g.k.Row(i), row)
		g.k.Set(i, i, 0)
		blocks[i] = 1
	}
	for i := range n {
		for j := range i {
			g.symmetric = g.symmetric && g.k.At(i, j) == g.k.At(j, i)
		}
	}
	g.analytic = newAnalytic(blocks, g.derive)
	return g, nil
}

func (g *Phases) derive(a *analytic, x []float64, order int) {
	for i := range x {
		a.loss[i] = -g.omega[i] * x[i]
		grad, h := a.grad.Row(i), a.hess[i]
		clear(grad)
		grad[i] = -g.omega[i]
		if order >= hessOrder {
			clear(h.Data)
		}
		for j, k := range g.k.Row(i) {
			if k == 0 {
				continue
			}
			s, c := math.Sincos(x[i] - x[j])
			a.loss[i] -= k * c
			grad[i] += k * s
			grad[j] -= k * s
			if order >= hessOrder {
				h.Set(i, i, h.At(i, i)+k*c)
				h.Set(i, j, -k*c)
				h.Set(j, i, -k*c)
				h.Set(j, j, k*c)
			}
		}
	}
}

// Phi returns the potential -ω·x - Σ_{i<j} k_ij cos(x_i - x_j), NaN unless k is
// symmetric.
func (g *Phases) Phi(x []float64) float64 {
	if !g.symmetric {
		return math.NaN()
	}
	phi := -kernel.Dot(g.omega, x)
	for i := range x {
		for j, k := range g.k.Row(i)[:i] {
			phi -= k * math.Cos(x[i]-x[j])
		}
	}
	return phi
}

// Clone implements Cloner.
func (g *Phases) Clone() Game {
	k := make([][]float64, g.k.Rows)
	for i := range k {
		k[i] = g.k.Row(i)
	}
	c, _ := NewPhases(k, g.omega)
	return c
}
