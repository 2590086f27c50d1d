package game

import (
	"fmt"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Polynomial is a game with polynomial losses. It has all derivatives (FullGame),
// batched fields (Batcher) and copies for other goroutines (Cloner).
//
// It keeps scratch memory: a value is for one goroutine at a time. Except where
// documented otherwise its methods panic if a length does not fit.
type Polynomial struct {
	n      int
	blocks []int
	start  []int
	owner  []int // player of every coordinate
	losses []*Poly

	loss, field *polySet[float64]
	jac         *polySet[float64]   // made when first needed, as those below
	grad, hess  []*polySet[float64] // of every player
	buf         []float64
}

// NewPolynomial returns the game in which player i has blocks[i] coordinates and the
// loss losses[i], a polynomial in all coordinates. The losses belong to the game.
//
// Errors: ErrShape for a player without coordinates, a number of losses that is not
// that of the players, or a loss in the wrong number of variables; ErrArgument for a
// nil loss; ErrNotFinite for a coefficient that is not finite.
func NewPolynomial(blocks []int, losses []*Poly) (*Polynomial, error) {
	if err := checkLosses(blocks, losses, (*Poly).Vars); err != nil {
		return nil, err
	}
	for i, l := range losses {
		if !l.finite() {
			return nil, fmt.Errorf("game: losses[%d] = %v has a coefficient that is not finite: %w", i, l, ErrNotFinite)
		}
	}
	return newPolynomial(blocks, losses), nil
}

// checkLosses checks numbers of coordinates, losses and variables.
func checkLosses[P any](blocks []int, losses []*P, vars func(*P) int) error {
	n, err := checkBlocks(blocks)
	if err != nil {
		return err
	}
	if len(losses) != len(blocks) {
		return fmt.Errorf("game: %d losses, want %d, one for each player: %w", len(losses), len(blocks), ErrShape)
	}
	for i, l := range losses {
		if l == nil {
			return fmt.Errorf("game: losses[%d] = nil, want a polynomial: %w", i, ErrArgument)
		}
		if v := vars(l); v != n {
			return fmt.Errorf("game: losses[%d] has %d variables, want the %d of blocks %v: %w", i, v, n, blocks, ErrShape)
		}
	}
	return nil
}

func newPolynomial(blocks []int, losses []*Poly) *Polynomial {
	g := &Polynomial{n: sum(blocks), blocks: append([]int(nil), blocks...), start: starts(blocks), owner: owners(blocks), losses: losses}
	list := make([]sparse[double], len(losses))
	for i, l := range losses {
		list[i] = l.terms
	}
	g.loss = newPolySet[float64](g.n, list)
	g.field = newPolySet[float64](g.n, g.fieldTerms())
	g.buf = make([]float64, g.n*g.n)
	return g
}

// owners returns the player of every coordinate.
func owners(blocks []int) []int {
	var o []int
	for i, d := range blocks {
		for range d {
			o = append(o, i)
		}
	}
	return o
}

// ParseGame returns the polynomial game with losses written as for ParsePoly. vars are
// the names of all coordinates in the order of the blocks; no names are x, y, z, or
// x1, ..., xn if there are more than three.
//
// Errors: ErrSyntax, and those of NewPolynomial.
func ParseGame(blocks []int, losses []string, vars ...string) (*Polynomial, error) {
	exact, err := ParseRatGame(blocks, losses, vars...)
	if err != nil {
		return nil, err
	}
	list := make([]*Poly, len(losses))
	for i, l := range exact.losses {
		list[i] = l.Float()
	}
	return NewPolynomial(blocks, list)
}

// Quadratic returns the game with the losses l_i = ½ xᵀQ_i x + b_i·x; a nil Q_i or b_i
// is 0. Its field is affine.
//
// Errors: ErrShape, ErrNotFinite.
func Quadratic(blocks []int, q []mat.Symmetric, b [][]float64) (*Polynomial, error) {
	n, err := checkBlocks(blocks)
	if err != nil {
		return nil, err
	}
	if len(q) != len(blocks) || len(b) != len(blocks) {
		return nil, fmt.Errorf("game: Quadratic: len(Q) = %d, len(b) = %d, want %d, the number of players: %w", len(q), len(b), len(blocks), ErrShape)
	}
	losses := make([]*Poly, len(blocks))
	for i := range losses {
		a := sums[double]{}
		zero := powers(make([]byte, n))
		if q[i] != nil {
			if r := q[i].SymmetricDim(); r != n {
				return nil, fmt.Errorf("game: Quadratic: Q[%d] is %d x %[2]d, want %d x %[3]d: %w", i, r, n, ErrShape)
			}
			for k := range n {
				a.add(zero.with(k, 2), exactly(q[i].At(k, k)/2))
				for l := k + 1; l < n; l++ {
					a.add(zero.with(k, 1).with(l, 1), exactly(q[i].At(k, l)))
				}
			}
		}
		if b[i] != nil && len(b[i]) != n {
			return nil, fmt.Errorf("game: Quadratic: len(b[%d]) = %d, want %d: %w", i, len(b[i]), n, ErrShape)
		}
		for k, v := range b[i] {
			a.add(zero.with(k, 1), exactly(v))
		}
		losses[i] = &Poly{n, a.sparse()}
	}
	return NewPolynomial(blocks, losses)
}

// Affine returns the quadratic game with the field ξ = Jx + b. The diagonal blocks of J
// are the Hessians of the players in their own coordinates and have to be symmetric.
// A nil b is 0. Of the losses, what is not strategic is 0.
//
// Errors: ErrShape, ErrNotFinite, and ErrArgument if a diagonal block is not symmetric.
func Affine(blocks []int, j mat.Matrix, b []float64) (*Polynomial, error) {
	n, err := checkBlocks(blocks)
	if err != nil {
		return nil, err
	}
	if r, c := j.Dims(); r != n || c != n || b != nil && len(b) != n {
		return nil, fmt.Errorf("game: Affine: J is %d x %d, len(b) = %d, want n = %d: %w", r, c, len(b), n, ErrShape)
	}
	owner := owners(blocks)
	loss := make([]sums[double], len(blocks))
	for i := range loss {
		loss[i] = sums[double]{}
	}
	zero := powers(make([]byte, n))
	for k, i := range owner {
		if b != nil {
			loss[i].add(zero.with(k, 1), exactly(b[k]))
		}
		for l := range n {
			v := j.At(k, l)
			if owner[l] == i { // the loss has ½ J_kl x_k x_l, both ways
				if v != j.At(l, k) {
					return nil, fmt.Errorf("game: Affine: J[%d, %d] = %v but J[%[2]d, %[1]d] = %[4]v within player %d, want a symmetric block: %w", k, l, v, j.At(l, k), i, ErrArgument)
				}
				v /= 2
			}
			loss[i].add(zero.with(k, 1).with(l, 1), exactly(v))
		}
	}
	losses := make([]*Poly, len(blocks))
	for i, a := range loss {
		losses[i] = &Poly{n, a.sparse()}
	}
	return NewPolynomial(blocks, losses)
}

// fieldTerms are the components of ξ.
func (g *Polynomial) fieldTerms() []sparse[double] {
	list := make([]sparse[double], g.n)
	for k, i := range g.owner {
		list[k] = g.losses[i].terms.diff(k)
	}
	return list
}

// Blocks implements Game.
func (g *Polynomial) Blocks() []int { return g.blocks }

// Loss returns the loss of a player. It belongs to the game: do not change it.
func (g *Polynomial) Loss(player int) *Poly { return g.losses[player] }

// Degree returns the highest degree of a loss.
func (g *Polynomial) Degree() int {
	d := 0
	for _, l := range g.losses {
		d = max(d, l.Degree())
	}
	return d
}

// String prints the losses, one line each.
func (g *Polynomial) String() string {
	var b strings.Builder
	for i, l := range g.losses {
		fmt.Fprintf(&b, "l%d = %v\n", i+1, l)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// checkLen panics unless a vector has n elements.
func (g *Polynomial) checkLen(name string, v []float64) {
	if len(v) != g.n {
		panic(fmt.Sprintf("game: len(%s) = %d, want %d", name, len(v), g.n))
	}
}

// Losses implements Game.
func (g *Polynomial) Losses(dst, x []float64) {
	g.checkLen("x", x)
	if len(dst) != len(g.blocks) {
		panic(fmt.Sprintf("game: len(dst) = %d, want %d", len(dst), len(g.blocks)))
	}
	g.loss.eval(dst, x)
}

// Field implements Game.
func (g *Polynomial) Field(dst, x []float64) {
	g.checkLen("x", x)
	g.checkLen("dst", dst)
	g.field.eval(dst, x)
}

// Gradient implements Gradienter.
func (g *Polynomial) Gradient(dst []float64, player int, x []float64) {
	g.checkLen("x", x)
	g.checkLen("dst", dst)
	if g.grad == nil {
		g.grad = make([]*polySet[float64], len(g.blocks))
	}
	if g.grad[player] == nil {
		list := make([]sparse[double], g.n)
		for k := range list {
			list[k] = g.losses[player].terms.diff(k)
		}
		g.grad[player] = newPolySet[float64](g.n, list)
	}
	g.grad[player].eval(dst, x)
}

// jacobian stores J(x), row-major, in dst.
func (g *Polynomial) jacobian(dst, x []float64) {
	g.checkLen("x", x)
	if g.jac == nil {
		list := make([]sparse[double], 0, g.n*g.n)
		for _, row := range g.fieldTerms() {
			for l := range g.n {
				list = append(list, row.diff(l))
			}
		}
		g.jac = newPolySet[float64](g.n, list)
	}
	g.jac.eval(dst, x)
}

// Jacobian implements Jacobianer.
func (g *Polynomial) Jacobian(dst *mat.Dense, x []float64) {
	if r, c := dst.Dims(); r != g.n || c != g.n {
		panic(fmt.Sprintf("game: matrix is %d x %d, want %d x %d", r, c, g.n, g.n))
	}
	g.jacobian(g.buf, x)
	for k := range g.n {
		dst.SetRow(k, g.buf[k*g.n:(k+1)*g.n])
	}
}

// JVP implements JVPer.
func (g *Polynomial) JVP(dst, x, u []float64) {
	g.checkLen("u", u)
	g.jacobian(g.buf, x)
	kernel.Gemv(dst, 1, kernel.MatrixOf(g.n, g.n, g.buf), u, 0)
}

// VJP implements JVPer.
func (g *Polynomial) VJP(dst, x, u []float64) {
	g.checkLen("u", u)
	g.jacobian(g.buf, x)
	kernel.GemvT(dst, 1, kernel.MatrixOf(g.n, g.n, g.buf), u, 0)
}

// OwnHessian implements OwnHessianer.
func (g *Polynomial) OwnHessian(dst *mat.SymDense, player int, x []float64) {
	g.jacobian(g.buf, x)
	OwnBlock(dst, mat.NewDense(g.n, g.n, g.buf), g.blocks, player)
}

// Hessian implements Hessianer.
func (g *Polynomial) Hessian(dst *mat.SymDense, player int, x []float64) {
	g.checkLen("x", x)
	if r := dst.SymmetricDim(); r != g.n {
		panic(fmt.Sprintf("game: matrix is %d x %[1]d, want %d x %[2]d", r, g.n))
	}
	if g.hess == nil {
		g.hess = make([]*polySet[float64], len(g.blocks))
	}
	if g.hess[player] == nil {
		var list []sparse[double]
		for k := range g.n {
			row := g.losses[player].terms.diff(k)
			for l := k; l < g.n; l++ {
				list = append(list, row.diff(l))
			}
		}
		g.hess[player] = newPolySet[float64](g.n, list)
	}
	g.hess[player].eval(g.buf[:g.n*(g.n+1)/2], x)
	at := 0
	for k := range g.n {
		for l := k; l < g.n; l++ {
			dst.SetSym(k, l, g.buf[at])
			at++
		}
	}
}

// Clone implements Cloner.
func (g *Polynomial) Clone() Game { return g.clone() }

func (g *Polynomial) clone() *Polynomial {
	c := *g
	c.loss, c.field = g.loss.clone(), g.field.clone()
	c.jac, c.grad, c.hess = nil, nil, nil
	if g.jac != nil {
		c.jac = g.jac.clone()
	}
	c.buf = make([]float64, len(g.buf))
	return &c
}

// Batch32 implements Batcher.
func (g *Polynomial) Batch32() BatchField[float32] { return NewPolyBatch[float32](g) }

// Batch64 implements Batcher.
func (g *Polynomial) Batch64() BatchField[float64] { return NewPolyBatch[float64](g) }

// Rat returns the game with the exact values of its coefficients.
func (g *Polynomial) Rat() *RatPolynomial {
	r := &RatPolynomial{blocks: g.blocks}
	for _, l := range g.losses {
		r.losses = append(r.losses, l.Rat())
	}
	return r
}
