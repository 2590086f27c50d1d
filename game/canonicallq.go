package game

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// ErrUnstable is a closed loop of a linear-quadratic game that does not decay.
var ErrUnstable = errors.New("closed loop is not stable")

// ScalarLQ is the linear-quadratic feedback game on a scalar state,
//
//	x⁺ = a x + Σ_i b_i u_i,  u_i = -k_i x,  x_0 = 1,  l_i = Σ_t q_i x² + r_i u_i²,
//
// so that l_i = (q_i + r_i k_i²)/(1 - c²) with the closed loop c = a - Σ b_j k_j. Where
// |c| >= 1 the losses are +Inf, the derivatives NaN and Err is not nil.
type ScalarLQ struct {
	*analytic
	a       float64
	b, q, r []float64
	err     error
}

// NewScalarLQ returns the game; b, q and r have one number for each player. Errors:
// ErrShape, ErrNotFinite.
func NewScalarLQ(a float64, b, q, r []float64) (*ScalarLQ, error) {
	n := len(b)
	if n == 0 {
		return nil, fmt.Errorf("game: NewScalarLQ: b is empty, want one number for each player: %w", ErrShape)
	}
	if err := checkPoint("a", []float64{a}, 1); err != nil {
		return nil, err
	}
	for _, v := range []struct {
		name string
		v    []float64
	}{{"b", b}, {"q", q}, {"r", r}} {
		if err := checkPoint(v.name, v.v, n); err != nil {
			return nil, err
		}
	}
	blocks := make([]int, n)
	for i := range blocks {
		blocks[i] = 1
	}
	g := &ScalarLQ{a: a, b: append([]float64(nil), b...), q: append([]float64(nil), q...), r: append([]float64(nil), r...)}
	g.analytic = newAnalytic(blocks, func(_ *analytic, k []float64, order int) { g.derive(k, order) })
	return g, nil
}

// ClosedLoop returns c = a - Σ b_j k_j.
func (g *ScalarLQ) ClosedLoop(k []float64) float64 { return g.a - kernel.Dot(g.b, k) }

// Err returns why the last evaluation failed, nil if it did not: the closed loop was
// not stable.
func (g *ScalarLQ) Err() error { return g.err }

// Clone implements Cloner.
func (g *ScalarLQ) Clone() Game {
	c, _ := NewScalarLQ(g.a, g.b, g.q, g.r)
	return c
}

// derive differentiates N/D with N = q_i + r_i k_i² and D = 1 - c².
func (g *ScalarLQ) derive(k []float64, order int) {
	c := g.ClosedLoop(k)
	d := 1 - c*c
	g.err = nil
	if !(d > 0) {
		g.err = fmt.Errorf("game: ScalarLQ: closed loop is %v at k = %v, want an absolute value < 1: %w", c, k, ErrUnstable)
		fill(g.loss, math.Inf(1))
		fill(g.grad.Data, math.NaN())
		for _, h := range g.hess {
			fill(h.Data, math.NaN())
		}
		return
	}
	for i := range g.loss {
		v := (g.q[i] + g.r[i]*k[i]*k[i]) / d
		g.loss[i] = v
		if order < gradOrder {
			continue
		}
		// (N/D)' = (N' - vD')/D and again.
		grad := g.grad.Row(i)
		for l, b := range g.b {
			grad[l] = -v * 2 * c * b / d
		}
		grad[i] += 2 * g.r[i] * k[i] / d
		if order < hessOrder {
			continue
		}
		h := g.hess[i]
		for l, bl := range g.b {
			for m, bm := range g.b {
				h.Set(l, m, (2*v*bl*bm-2*c*(grad[l]*bm+grad[m]*bl))/d)
			}
		}
		h.Set(i, i, h.At(i, i)+2*g.r[i]/d)
	}
}

func fill(dst []float64, v float64) {
	for i := range dst {
		dst[i] = v
	}
}
