package game

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Orders of derivatives that analytic computes.
const (
	lossOrder = iota
	gradOrder
	hessOrder
)

// analytic is a game from one function that computes losses, full gradients and
// Hessians together: what the canonical games share. Derivatives at the last point
// are remembered, since methods ask for several of them there.
type analytic struct {
	blocks, start []int
	n             int
	loss          []float64
	grad          kernel.Matrix[float64]   // row i is ∇l_i
	hess          []kernel.Matrix[float64] // Hessians of the losses, both triangles
	// derive fills loss, then grad, then hess, up to the given order.
	derive func(a *analytic, x []float64, order int)

	x    []float64 // last point
	have int       // order known there
}

func newAnalytic(blocks []int, derive func(a *analytic, x []float64, order int)) *analytic {
	n, players := sum(blocks), len(blocks)
	a := &analytic{
		blocks: blocks, start: starts(blocks), n: n,
		loss: make([]float64, players), grad: kernel.NewMatrix[float64](players, n),
		hess: make([]kernel.Matrix[float64], players), x: make([]float64, n), have: -1, derive: derive,
	}
	for i := range a.hess {
		a.hess[i] = kernel.NewMatrix[float64](n, n)
	}
	return a
}

// at makes the derivatives up to the given order known at x.
func (a *analytic) at(x []float64, order int) {
	if len(x) != a.n {
		panic(fmt.Sprintf("game: len(x) = %d, want %d", len(x), a.n))
	}
	same := a.have >= order
	for k := 0; same && k < len(x); k++ {
		same = a.x[k] == x[k]
	}
	if same {
		return
	}
	copy(a.x, x)
	a.derive(a, a.x, order)
	a.have = order
}

// own returns the range of coordinates of a player.
func (a *analytic) own(player int) (from, to int) { return a.start[player], a.start[player+1] }

// Blocks implements Game.
func (a *analytic) Blocks() []int { return a.blocks }

// Losses implements Game.
func (a *analytic) Losses(dst, x []float64) {
	a.at(x, lossOrder)
	copy(dst, a.loss)
}

// Field implements Game.
func (a *analytic) Field(dst, x []float64) {
	a.at(x, gradOrder)
	for i := range a.blocks {
		from, to := a.own(i)
		copy(dst[from:to], a.grad.Row(i)[from:to])
	}
}

// Gradient implements Gradienter.
func (a *analytic) Gradient(dst []float64, player int, x []float64) {
	a.at(x, gradOrder)
	copy(dst, a.grad.Row(player))
}

// row returns row k of J at the point of at.
func (a *analytic) row(player, k int) []float64 { return a.hess[player].Row(k) }

// Jacobian implements Jacobianer.
func (a *analytic) Jacobian(dst *mat.Dense, x []float64) {
	a.at(x, hessOrder)
	for i := range a.blocks {
		from, to := a.own(i)
		for k := from; k < to; k++ {
			copy(dst.RawRowView(k), a.row(i, k))
		}
	}
}

// JVP implements JVPer.
func (a *analytic) JVP(dst, x, u []float64) {
	a.at(x, hessOrder)
	for i := range a.blocks {
		from, to := a.own(i)
		for k := from; k < to; k++ {
			dst[k] = kernel.Dot(a.row(i, k), u)
		}
	}
}

// VJP implements JVPer.
func (a *analytic) VJP(dst, x, u []float64) {
	a.at(x, hessOrder)
	clear(dst)
	for i := range a.blocks {
		from, to := a.own(i)
		for k := from; k < to; k++ {
			kernel.Axpy(u[k], a.row(i, k), dst)
		}
	}
}

// OwnHessian implements OwnHessianer.
func (a *analytic) OwnHessian(dst *mat.SymDense, player int, x []float64) {
	a.at(x, hessOrder)
	from, to := a.own(player)
	for k := from; k < to; k++ {
		for l := k; l < to; l++ {
			dst.SetSym(k-from, l-from, a.hess[player].At(k, l))
		}
	}
}

// Hessian implements Hessianer.
func (a *analytic) Hessian(dst *mat.SymDense, player int, x []float64) {
	a.at(x, hessOrder)
	for k := range a.n {
		for l := k; l < a.n; l++ {
			dst.SetSym(k, l, a.hess[player].At(k, l))
		}
	}
}
