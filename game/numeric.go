package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Numeric returns the game with all derivatives. What the game offers itself is
// passed on; what is missing is computed by central differences of the next better
// thing: the Jacobian and its products from ξ, the Hessians from the gradients, the
// gradients from the losses. First differences have an error of about 1e-10 relative
// to the size of the third derivatives, second differences of losses one of 1e-7.
//
// The potential, the invariants and the copies (Potentialer, Invarianter, Cloner) of
// the game stay with the game. Numeric panics if g is nil.
func Numeric(g Game) FullGame {
	if g == nil {
		panic("game: Numeric of a nil game")
	}
	if f, ok := g.(FullGame); ok {
		return f
	}
	n, players := Dim(g), len(g.Blocks())
	return &numeric{
		Game: g, n: n, start: starts(g.Blocks()),
		x: make([]float64, n), a: make([]float64, n), b: make([]float64, n), e: make([]float64, n),
		la: make([]float64, players), lb: make([]float64, players),
		jac: mat.NewDense(n, n, nil),
	}
}

type numeric struct {
	Game
	n          int
	start      []int
	x, a, b, e []float64
	la, lb     []float64
	jac        *mat.Dense
}

// Steps of central differences, relative to the size of x: where the truncation error
// h² meets the rounding error eps/h of a first and eps/h² of a second difference.
var (
	firstStep  = math.Cbrt(0x1p-52)
	secondStep = math.Sqrt(math.Sqrt(0x1p-52))
)

// step returns a step near h max(1, |x|) for which x + step is exact.
func step(h, x float64) float64 {
	s := h * math.Max(1, math.Abs(x))
	return (x + s) - x
}

func (g *numeric) Gradient(dst []float64, player int, x []float64) {
	if c, ok := g.Game.(Gradienter); ok {
		c.Gradient(dst, player, x)
		return
	}
	g.Field(g.a, x)
	own := g.start[player : player+2]
	copy(g.x, x)
	for k := range dst {
		if k >= own[0] && k < own[1] {
			dst[k] = g.a[k]
			continue
		}
		h := step(firstStep, x[k])
		g.x[k] = x[k] + h
		g.Losses(g.la, g.x)
		g.x[k] = x[k] - h
		g.Losses(g.lb, g.x)
		g.x[k] = x[k]
		dst[k] = (g.la[player] - g.lb[player]) / (2 * h)
	}
}

func (g *numeric) Jacobian(dst *mat.Dense, x []float64) {
	g.check(dst)
	if c, ok := g.Game.(Jacobianer); ok {
		c.Jacobian(dst, x)
		return
	}
	if c, ok := g.Game.(JVPer); ok {
		for l := range x {
			g.e[l] = 1
			c.JVP(g.a, x, g.e)
			g.e[l] = 0
			dst.SetCol(l, g.a)
		}
		return
	}
	copy(g.x, x)
	for l := range x {
		h := step(firstStep, x[l])
		g.x[l] = x[l] + h
		g.Field(g.a, g.x)
		g.x[l] = x[l] - h
		g.Field(g.b, g.x)
		g.x[l] = x[l]
		for k, a := range g.a {
			dst.Set(k, l, (a-g.b[k])/(2*h))
		}
	}
}

func (g *numeric) check(dst mat.Matrix) {
	if r, c := dst.Dims(); r != g.n || c != g.n {
		panic(fmt.Sprintf("game: matrix is %d x %d, want %d x %d", r, c, g.n, g.n))
	}
}

func (g *numeric) JVP(dst, x, u []float64) {
	if c, ok := g.Game.(JVPer); ok {
		c.JVP(dst, x, u)
		return
	}
	if c, ok := g.Game.(Jacobianer); ok {
		c.Jacobian(g.jac, x)
		mulVec(dst, g.jac, u)
		return
	}
	directional(dst, g.Game, x, u, g.x, g.a)
}

// directional stores the central difference of ξ at x along u in dst; y and b are
// scratch memory.
func directional(dst []float64, g Game, x, u, y, b []float64) {
	size, norm := 1.0, 0.0
	for k, v := range u {
		norm = math.Max(norm, math.Abs(v))
		size = math.Max(size, math.Abs(x[k]))
	}
	if norm == 0 {
		clear(dst)
		return
	}
	h := firstStep * size / norm
	for k, v := range u {
		y[k] = x[k] + h*v
	}
	g.Field(dst, y)
	for k, v := range u {
		y[k] = x[k] - h*v
	}
	g.Field(b, y)
	for k := range dst {
		dst[k] = (dst[k] - b[k]) / (2 * h)
	}
}

func (g *numeric) VJP(dst, x, u []float64) {
	if c, ok := g.Game.(JVPer); ok {
		c.VJP(dst, x, u)
		return
	}
	g.Jacobian(g.jac, x)
	mulVec(dst, g.jac.T(), u)
}

func (g *numeric) OwnHessian(dst *mat.SymDense, player int, x []float64) {
	if c, ok := g.Game.(OwnHessianer); ok {
		c.OwnHessian(dst, player, x)
		return
	}
	g.Jacobian(g.jac, x)
	OwnBlock(dst, g.jac, g.Blocks(), player)
}

// OwnBlock stores player's diagonal block of the Jacobian j of a field, its own
// Hessian, in the d_i x d_i matrix dst. It averages the two halves, which differ only
// by rounding.
func OwnBlock(dst *mat.SymDense, j mat.Matrix, blocks []int, player int) {
	o := sum(blocks[:player])
	if d := blocks[player]; dst.SymmetricDim() != d {
		panic(fmt.Sprintf("game: matrix of the own Hessian is %d x %[1]d, want %d x %[2]d", dst.SymmetricDim(), d))
	}
	for k := 0; k < blocks[player]; k++ {
		for l := k; l < blocks[player]; l++ {
			dst.SetSym(k, l, (j.At(o+k, o+l)+j.At(o+l, o+k))/2)
		}
	}
}

func (g *numeric) Hessian(dst *mat.SymDense, player int, x []float64) {
	g.check(dst)
	switch c := g.Game.(type) {
	case Hessianer:
		c.Hessian(dst, player, x)
	case Gradienter:
		g.hessianOfGradients(dst, c, player, x)
	default:
		g.hessianOfLosses(dst, player, x)
	}
}

func (g *numeric) hessianOfGradients(dst *mat.SymDense, c Gradienter, player int, x []float64) {
	copy(g.x, x)
	for l := range x {
		h := step(firstStep, x[l])
		g.x[l] = x[l] + h
		c.Gradient(g.a, player, g.x)
		g.x[l] = x[l] - h
		c.Gradient(g.b, player, g.x)
		g.x[l] = x[l]
		for k, a := range g.a {
			v := (a - g.b[k]) / (2 * h)
			if k < l {
				v = (v + dst.At(k, l)) / 2
			}
			dst.SetSym(k, l, v)
		}
	}
}

// hessianOfLosses has the rows of the player's own coordinates from the Jacobian, the
// others from second differences of the loss.
func (g *numeric) hessianOfLosses(dst *mat.SymDense, player int, x []float64) {
	own := g.start[player : player+2]
	g.Jacobian(g.jac, x)
	loss := func(k, l int, hk, hl float64) float64 {
		copy(g.x, x)
		g.x[k] += hk
		g.x[l] += hl
		g.Losses(g.la, g.x)
		return g.la[player]
	}
	for k := range x {
		for l := k; l < g.n; l++ {
			switch mine, yours := k >= own[0] && k < own[1], l >= own[0] && l < own[1]; {
			case mine && yours:
				dst.SetSym(k, l, (g.jac.At(k, l)+g.jac.At(l, k))/2)
			case mine:
				dst.SetSym(k, l, g.jac.At(k, l))
			case yours:
				dst.SetSym(k, l, g.jac.At(l, k))
			case k == l:
				h := step(secondStep, x[k])
				dst.SetSym(k, k, (loss(k, k, h, 0)-2*loss(k, k, 0, 0)+loss(k, k, -h, 0))/(h*h))
			default:
				p, q := step(secondStep, x[k]), step(secondStep, x[l])
				dst.SetSym(k, l, (loss(k, l, p, q)-loss(k, l, p, -q)-loss(k, l, -p, q)+loss(k, l, -p, -q))/(4*p*q))
			}
		}
	}
}

// mulVec stores m u in dst.
func mulVec(dst []float64, m mat.Matrix, u []float64) {
	v := mat.NewVecDense(len(dst), dst)
	v.MulVec(m, mat.NewVecDense(len(u), u))
}

// starts returns where every block starts, and n at the end.
func starts(blocks []int) []int {
	s := make([]int, len(blocks)+1)
	for i, d := range blocks {
		s[i+1] = s[i] + d
	}
	return s
}
