package game

import (
	"fmt"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Cournot is the oligopoly of Cournot (1838) with linear demand: firm i chooses the
// quantity q_i, the price is a - b Σq, and its loss is
//
//	l_i = -(a - b Σ_j q_j) q_i + c_i q_i.
//
// It is a potential game (Slade, 1994) with φ = -aΣq + bΣq² + bΣ_{i<j} q_i q_j + c·q and
// J = b(I + 11ᵀ): gradient descent, the adjustment process of the firms, is unstable for
// steps above 2/(b(N+1)). Quantities are not kept positive. It may be used by several
// goroutines.
type Cournot struct {
	affine
	a, b float64
	cost []float64
}

// NewCournot returns the game with prohibitive price a, slope b > 0 and the marginal
// costs of the firms. Errors: ErrShape without firms, ErrArgument for b, ErrNotFinite.
func NewCournot(a, b float64, cost []float64) (*Cournot, error) {
	n := len(cost)
	if n == 0 {
		return nil, fmt.Errorf("game: NewCournot: cost is empty, want one for each firm: %w", ErrShape)
	}
	if err := checkPoint("cost", cost, n); err != nil {
		return nil, err
	}
	if err := checkPoint("(a, b)", []float64{a, b}, 2); err != nil {
		return nil, err
	}
	if !(b > 0) {
		return nil, fmt.Errorf("game: NewCournot: b = %v, want a number > 0: %w", b, ErrArgument)
	}
	g := &Cournot{a: a, b: b, cost: append([]float64(nil), cost...)}
	q, lin := make([]kernel.Matrix[float64], n), make([][]float64, n)
	blocks := make([]int, n)
	for i := range n {
		blocks[i] = 1
		q[i], lin[i] = kernel.NewMatrix[float64](n, n), make([]float64, n)
		for j := range n {
			q[i].Set(i, j, b)
			q[i].Set(j, i, b)
		}
		q[i].Set(i, i, 2*b)
		lin[i][i] = cost[i] - a
	}
	g.affine = newAffine(blocks, q, lin, nil)
	return g, nil
}

// Nash stores the Nash equilibrium q_i = (a + Σc - (N+1)c_i)/(b(N+1)) in dst.
func (g *Cournot) Nash(dst []float64) {
	s, m := g.a+kernel.Sum(g.cost), float64(g.n+1)
	for i, c := range g.cost {
		dst[i] = (s - m*c) / (g.b * m)
	}
}

// CriticalStep returns 2/(b(N+1)), from which on gradient descent is unstable.
func (g *Cournot) CriticalStep() float64 { return 2 / (g.b * float64(g.n+1)) }

// Potential implements Potentialer.
func (g *Cournot) Potential(q []float64) float64 {
	s := kernel.Sum(q)
	return -g.a*s + g.b*(kernel.SumSq(q)+s*s)/2 + kernel.Dot(g.cost, q)
}

// Clone implements Cloner.
func (g *Cournot) Clone() Game { return g }
