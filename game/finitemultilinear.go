package game

import (
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Multilinear returns the multilinear extension of the game: the coordinates are the
// probabilities of all actions, one player after another, and the losses are the
// negative expected payoffs
//
//	l_i(x) = -Σ_a u_i(a) x_1(a_1) ... x_M(a_M),
//
// on all of R^n: gradient play does not stay in the simplices (see NewReplicator and
// NewEuclideanFTRL for dynamics that do). Every such game has div ξ = 0, so it is an
// exact vector potential game whatever else it is. All derivatives are exact.
func (f *Finite) Multilinear() FullGame { return newMultilinear(f) }

// Softmax returns the game in logits: the coordinates are x_i(a), all of R^n, player i
// plays softmax(x_i), and the losses are the negative expected payoffs. Adding a number
// to all logits of a player changes nothing. All derivatives are exact.
func (f *Finite) Softmax() FullGame {
	return &softmaxGame{of: newMultilinear(f), p: make([]float64, sum(f.shape)), g: make([]float64, sum(f.shape))}
}

// multilinear is the game of expected payoffs.
type multilinear struct {
	f         *Finite
	e         *expected[float64]
	x, dx, dy []float64
}

func newMultilinear(f *Finite) *multilinear {
	e := newExpected[float64](f)
	if e.scratch[0] == nil { // gradients in the others' strategies contract all tensors
		e.scratch[0], e.scratch[1] = make([]float64, f.profiles), make([]float64, f.profiles)
	}
	n := e.dim()
	return &multilinear{f: f, e: e, x: make([]float64, n), dx: make([]float64, n), dy: make([]float64, n)}
}

func (g *multilinear) Blocks() []int { return g.e.shape }

func (g *multilinear) Losses(dst, x []float64) {
	for m := range g.e.shape {
		v := g.e.part(g.dx, m)
		g.e.value(v, x, m)
		dst[m] = -kernel.Dot(v, g.e.part(x, m))
	}
}

func (g *multilinear) Field(dst, x []float64) {
	g.e.values(dst, x)
	kernel.Scal(-1, dst)
}

func (g *multilinear) Gradient(dst []float64, player int, x []float64) {
	for j := range g.e.shape {
		g.e.contract(g.e.part(dst, j), x, j, g.e.payoffs[player])
	}
	kernel.Scal(-1, dst)
}

// mixed stores the block D_j D_k l_player, j != k, in dst.
func (g *multilinear) mixed(dst *mat.Dense, player, j, k int, x []float64) {
	copy(g.x, x)
	own, column := g.e.part(g.x, k), g.e.part(g.dx, j)
	for b := range own {
		clear(own)
		own[b] = 1
		g.e.contract(column, g.x, j, g.e.payoffs[player])
		for a, v := range column {
			dst.Set(a, b, -v)
		}
	}
}

func (g *multilinear) Jacobian(dst *mat.Dense, x []float64) {
	dst.Zero()
	for i := range g.e.shape {
		for j := range g.e.shape {
			if i != j {
				g.mixed(block(dst, g.e, i, j), i, i, j, x)
			}
		}
	}
}

// block is the part of a matrix at players i and j.
func block(m *mat.Dense, e *expected[float64], i, j int) *mat.Dense {
	return m.Slice(e.at[i], e.at[i+1], e.at[j], e.at[j+1]).(*mat.Dense)
}

func (g *multilinear) JVP(dst, x, u []float64) {
	g.e.derivative(dst, x, u, g.dx, g.dy)
	kernel.Scal(-1, dst)
}

func (g *multilinear) VJP(dst, x, u []float64) { transposed(dst, g, x, u) }

// transposed stores Jᵀu in dst.
func transposed(dst []float64, g Jacobianer, x, u []float64) {
	j := mat.NewDense(len(x), len(x), nil)
	g.Jacobian(j, x)
	mat.NewVecDense(len(dst), dst).MulVec(j.T(), mat.NewVecDense(len(u), u))
}

func (g *multilinear) OwnHessian(dst *mat.SymDense, player int, x []float64) { dst.Zero() }

func (g *multilinear) Hessian(dst *mat.SymDense, player int, x []float64) {
	h := mat.NewDense(len(x), len(x), nil)
	for j := range g.e.shape {
		for k := range j {
			g.mixed(block(h, g.e, k, j), player, k, j, x)
		}
	}
	symmetric(dst, h)
}

// symmetric stores the symmetric matrix with the upper triangle of h in dst.
func symmetric(dst *mat.SymDense, h *mat.Dense) {
	n, _ := h.Dims()
	for i := range n {
		for j := i; j < n; j++ {
			dst.SetSym(i, j, h.At(i, j))
		}
	}
}

func (g *multilinear) Clone() Game { return newMultilinear(g.f) }

// softmaxGame is the game in logits.
type softmaxGame struct {
	of   *multilinear
	p, g []float64 // strategies, a gradient in them
}

func (s *softmaxGame) Blocks() []int { return s.of.Blocks() }

// play stores the strategies at the logits x in p.
func (s *softmaxGame) play(x []float64) {
	copy(s.p, x)
	softmaxBlocks(s.p, s.of.e.shape)
}

func (s *softmaxGame) Losses(dst, x []float64) {
	s.play(x)
	s.of.Losses(dst, s.p)
}

func (s *softmaxGame) Field(dst, x []float64) {
	s.play(x)
	s.of.Field(dst, s.p)
	for i := range s.of.e.shape {
		s.pull(s.of.e.part(dst, i), i)
	}
}

// pull replaces a gradient in player i's strategy by that in the logits,
// p∘(g - p·g).
func (s *softmaxGame) pull(g []float64, i int) {
	p := s.of.e.part(s.p, i)
	mean := kernel.Dot(p, g)
	for a, v := range g {
		g[a] = p[a] * (v - mean)
	}
}

func (s *softmaxGame) Gradient(dst []float64, player int, x []float64) {
	s.play(x)
	s.of.Gradient(dst, player, s.p)
	for j := range s.of.e.shape {
		s.pull(s.of.e.part(dst, j), j)
	}
}

// second stores D_j D_k l_player in dst; p is up to date.
func (s *softmaxGame) second(dst *mat.Dense, player, j, k int) {
	e := s.of.e
	if j == k {
		g := e.part(s.g, j)
		e.contract(g, s.p, j, e.payoffs[player])
		p := e.part(s.p, j)
		mean := kernel.Dot(p, g)
		for a, v := range p {
			for b, w := range p {
				h := v * w * (g[a] - mean + g[b] - mean)
				if a == b {
					h -= v * (g[a] - mean)
				}
				dst.Set(a, b, h) // the loss is minus the payoff
			}
		}
		return
	}
	s.of.mixed(dst, player, j, k, s.p)
	row := e.part(s.g, k)
	for a := range e.part(s.p, j) {
		copy(row, dst.RawRowView(a))
		s.pull(row, k)
		dst.SetRow(a, row)
	}
	column := e.part(s.g, j)
	for b := range e.part(s.p, k) {
		s.pull(mat.Col(column, b, dst), j)
		dst.SetCol(b, column)
	}
}

func (s *softmaxGame) Jacobian(dst *mat.Dense, x []float64) {
	s.play(x)
	for i := range s.of.e.shape {
		for j := range s.of.e.shape {
			s.second(block(dst, s.of.e, i, j), i, i, j)
		}
	}
}

func (s *softmaxGame) JVP(dst, x, u []float64) {
	j := mat.NewDense(len(x), len(x), nil)
	s.Jacobian(j, x)
	mat.NewVecDense(len(dst), dst).MulVec(j, mat.NewVecDense(len(u), u))
}

func (s *softmaxGame) VJP(dst, x, u []float64) { transposed(dst, s, x, u) }

func (s *softmaxGame) OwnHessian(dst *mat.SymDense, player int, x []float64) {
	s.play(x)
	h := mat.NewDense(s.of.e.shape[player], s.of.e.shape[player], nil)
	s.second(h, player, player, player)
	symmetric(dst, h)
}

func (s *softmaxGame) Hessian(dst *mat.SymDense, player int, x []float64) {
	s.play(x)
	h := mat.NewDense(len(x), len(x), nil)
	for j := range s.of.e.shape {
		for k := range j + 1 {
			s.second(block(h, s.of.e, k, j), player, k, j)
		}
	}
	symmetric(dst, h)
}

func (s *softmaxGame) Clone() Game {
	return &softmaxGame{of: newMultilinear(s.of.f), p: slices.Clone(s.p), g: slices.Clone(s.g)}
}
