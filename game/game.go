package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
)

// Game is a differentiable game on R^n. Player i chooses the block x_i of x and
// minimises its loss l_i(x); the blocks follow one another in x.
//
// A game may keep scratch memory, so a value is for one goroutine at a time, unless
// its type says otherwise; see Cloner.
type Game interface {
	// Blocks returns the lengths d_1, ..., d_N of the blocks; n is their sum. The
	// slice belongs to the game.
	Blocks() []int
	// Losses stores l_1(x), ..., l_N(x) in dst, which has length N.
	Losses(dst, x []float64)
	// Field stores ξ(x) = (D_1 l_1, ..., D_N l_N) in dst, which has length n: the
	// individual gradient field. D_i is the gradient in x_i. dst and x do not overlap.
	Field(dst, x []float64)
}

// Gradienter is a game that knows the full gradients of its losses.
type Gradienter interface {
	// Gradient stores ∇l_player(x), in all n coordinates, in dst.
	Gradient(dst []float64, player int, x []float64)
}

// Jacobianer is a game that knows the Jacobian of its field.
type Jacobianer interface {
	// Jacobian stores J(x) = Dξ(x), J_kl = ∂ξ_k/∂x_l, in the n x n matrix dst.
	Jacobian(dst *mat.Dense, x []float64)
}

// JVPer is a game that knows products with the Jacobian of its field.
type JVPer interface {
	// JVP stores J(x)u in dst.
	JVP(dst, x, u []float64)
	// VJP stores J(x)ᵀu in dst.
	VJP(dst, x, u []float64)
}

// OwnHessianer is a game that knows every player's Hessian in its own block.
type OwnHessianer interface {
	// OwnHessian stores D_i D_i l_i(x) in the d_i x d_i matrix dst, i = player.
	OwnHessian(dst *mat.SymDense, player int, x []float64)
}

// Hessianer is a game that knows the Hessians of its losses.
type Hessianer interface {
	// Hessian stores the full Hessian of l_player in the n x n matrix dst.
	Hessian(dst *mat.SymDense, player int, x []float64)
}

// Potentialer is an exact (scalar) potential game, ξ = ∇φ.
type Potentialer interface {
	// Potential returns φ(x).
	Potential(x []float64) float64
}

// Invarianter is a game that knows what its gradient play x' = -ξ(x) conserves.
type Invarianter interface {
	Invariants() []flow.Invariant[float64]
}

// Cloner is a game with copies for other goroutines.
type Cloner interface {
	// Clone returns a game that computes the same and shares no scratch memory.
	Clone() Game
}

// FullGame is a game with all derivatives that the methods of this package use.
// Numeric completes any game to one.
type FullGame interface {
	Game
	Gradienter
	Jacobianer
	JVPer
	OwnHessianer
	Hessianer
}

// Dim returns n, the number of coordinates of the game.
func Dim(g Game) int { return sum(g.Blocks()) }

// Flow returns the gradient play x' = -Γξ(x) of the game. Γ is the diagonal matrix
// of the players' rates: none given means 1 for all, one is for all players,
// otherwise there is one for each player.
//
// Its capabilities are those of the game: Jacobian and Jacobian-vector product -ΓJ,
// and, if all rates are 1, the invariants; a Failing game ends the run where it fails. The play of a Potentialer is a
// flow.EnergyField with the energy φ, which falls by dφ/dt = -Σ γ_i ‖D_i φ‖².
//
// Errors: ErrArgument for a nil game or a rate that is not finite and positive,
// ErrShape for a wrong number of rates.
func Flow(g Game, rates ...float64) (flow.Field[float64], error) {
	if g == nil {
		return nil, fmt.Errorf("game: Flow: game = nil, want a game: %w", ErrArgument)
	}
	gamma, err := perCoordinate("rates", rates, g.Blocks())
	if err != nil {
		return nil, err
	}
	f := &play{g: g, gamma: gamma, n: Dim(g)}
	f.scratch = mat.NewDense(max(f.n, 1), max(f.n, 1), nil)
	if p, ok := g.(Potentialer); ok {
		return &energyPlay{f, p}, nil
	}
	return f, nil
}

// play is the field -Γξ; gamma is nil for Γ = I.
type play struct {
	g       Game
	gamma   []float64
	n       int
	scratch *mat.Dense
}

func (f *play) Dim() int { return f.n }

func (f *play) Eval(dst, x []float64, t float64) {
	f.g.Field(dst, x)
	f.negate(dst)
}

// negate multiplies dst by -Γ.
func (f *play) negate(dst []float64) {
	if f.gamma == nil {
		for k := range dst {
			dst[k] = -dst[k]
		}
		return
	}
	for k, r := range f.gamma {
		dst[k] *= -r
	}
}

func (f *play) Caps() flow.Caps[float64] {
	c := flow.Caps[float64]{Autonomous: true}
	if j, ok := f.g.(Jacobianer); ok {
		c.Jacobian = func(dst, x []float64, t float64) {
			j.Jacobian(f.scratch, x)
			for k := 0; k < f.n; k++ {
				row := dst[k*f.n : (k+1)*f.n]
				r := -1.0
				if f.gamma != nil {
					r = -f.gamma[k]
				}
				for l, v := range f.scratch.RawRowView(k) {
					row[l] = r * v
				}
			}
		}
	}
	if j, ok := f.g.(JVPer); ok {
		c.JacVec = func(dst, x, v []float64, t float64) {
			j.JVP(dst, x, v)
			f.negate(dst)
		}
	}
	if e, ok := f.g.(Failing); ok {
		c.Err = e.Err
	}
	if inv, ok := f.g.(Invarianter); ok && f.gamma == nil {
		c.Invariants = inv.Invariants()
	}
	return c
}

// energyPlay is the play of a potential game, which descends φ.
type energyPlay struct {
	*play
	p Potentialer
}

func (f *energyPlay) EvalEnergy(dst, x []float64, t float64) (e, slope float64) {
	if dst == nil {
		return f.p.Potential(x), math.NaN()
	}
	f.Eval(dst, x, t)
	for k, v := range dst {
		if f.gamma != nil {
			slope -= v * v / f.gamma[k]
		} else {
			slope -= v * v
		}
	}
	return f.p.Potential(x), slope
}

func (f *energyPlay) Caps() flow.Caps[float64] {
	c := f.play.Caps()
	c.Descends = f.gamma == nil
	return c
}

// perCoordinate spreads numbers per player over the coordinates: nil for none given
// or all equal to 1, otherwise one positive number for each coordinate.
func perCoordinate(name string, v []float64, blocks []int) ([]float64, error) {
	if len(v) > 1 && len(v) != len(blocks) {
		return nil, fmt.Errorf("game: %s: %d values, want none, one, or one for each of the %d players: %w", name, len(v), len(blocks), ErrShape)
	}
	ones := true
	for i, r := range v {
		if !(r > 0) || math.IsInf(r, 1) {
			return nil, fmt.Errorf("game: %s[%d] = %v, want a finite number > 0: %w", name, i, r, ErrArgument)
		}
		ones = ones && r == 1
	}
	if ones {
		return nil, nil
	}
	out := make([]float64, 0, sum(blocks))
	for i, d := range blocks {
		r := v[min(i, len(v)-1)]
		for range d {
			out = append(out, r)
		}
	}
	return out, nil
}

// checkBlocks returns the sum of the block lengths.
func checkBlocks(blocks []int) (int, error) {
	n := 0
	if len(blocks) == 0 {
		return 0, fmt.Errorf("game: blocks is empty, want one length for each player: %w", ErrShape)
	}
	for i, d := range blocks {
		if d < 1 {
			return 0, fmt.Errorf("game: blocks[%d] = %d in %v, want every player to have at least one coordinate: %w", i, d, blocks, ErrShape)
		}
		n += d
	}
	return n, nil
}

// checkPoint says whether x is a finite point of R^n.
func checkPoint(name string, x []float64, n int) error {
	if len(x) != n {
		return fmt.Errorf("game: len(%s) = %d, want %d: %w", name, len(x), n, ErrShape)
	}
	for k, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("game: %s[%d] = %v, want a finite number: %w", name, k, v, ErrNotFinite)
		}
	}
	return nil
}

func sum(blocks []int) int {
	n := 0
	for _, d := range blocks {
		n += d
	}
	return n
}
