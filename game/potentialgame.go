package game

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
)

// PotentialGame is an exact potential game with a polynomial potential, ξ = ∇φ
// (Monderer, Shapley 1996). It is also the flow.Energy φ: its gradient play is the
// gradient flow of φ.
type PotentialGame struct {
	*Polynomial
	phi *Poly
	set *polySet[float64]
	out []float64
}

// NewPotentialGame returns the game in which all players have the loss φ: a game of
// common interest, to which every potential game is strategically equivalent. The errors
// are those of NewPolynomial.
func NewPotentialGame(blocks []int, phi *Poly) (*PotentialGame, error) {
	losses := make([]*Poly, len(blocks))
	setAll(losses, phi)
	g, err := NewPolynomial(blocks, losses)
	if err != nil {
		return nil, err
	}
	return newPotentialGame(g, phi), nil
}

func newPotentialGame(g *Polynomial, phi *Poly) *PotentialGame {
	list := []sparse[double]{phi.terms}
	for k := range g.n {
		list = append(list, phi.terms.diff(k))
	}
	return &PotentialGame{g, phi, newPolySet[float64](g.n, list), make([]float64, g.n+1)}
}

// Phi returns φ. It belongs to the game: do not change it.
func (g *PotentialGame) Phi() *Poly { return g.phi }

// Potential implements Potentialer.
func (g *PotentialGame) Potential(x []float64) float64 { return g.phi.Eval(x) }

// Dim implements flow.Energy.
func (g *PotentialGame) Dim() int { return g.n }

// EnergyGrad implements flow.Energy: it returns φ(x) and stores ∇φ(x) in grad unless
// that is nil.
func (g *PotentialGame) EnergyGrad(grad, x []float64) float64 {
	if grad == nil {
		return g.phi.Eval(x)
	}
	if len(grad) != g.n || len(x) != g.n {
		panic(fmt.Sprintf("game: len(grad) = %d, len(x) = %d, want %d", len(grad), len(x), g.n))
	}
	g.set.eval(g.out, x)
	copy(grad, g.out[1:])
	return g.out[0]
}

// Caps has the Hessian of φ times a vector.
func (g *PotentialGame) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{
		Autonomous: true,
		HessVec:    func(dst, x, v []float64) { g.JVP(dst, x, v) },
	}
}

// Clone implements Cloner.
func (g *PotentialGame) Clone() Game {
	return &PotentialGame{g.clone(), g.phi, g.set.clone(), make([]float64, len(g.out))}
}
