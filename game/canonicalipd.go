package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// IPDOptions says which iterated prisoner's dilemma is meant. The zero value is that
// of the literature on opponent shaping.
type IPDOptions struct {
	// Gamma is the discount γ, 0 < γ < 1. If it is zero, it is 0.96.
	Gamma float64
	// Unscaled leaves out the factor 1-γ, so that losses are discounted sums and not
	// discounted means.
	Unscaled bool
	// OwnPerspective names the states from the point of view of each player, (own move,
	// other's move). By default they are named (player 1's move, player 2's move) in the
	// policies of both.
	OwnPerspective bool
	// Loss is the loss of player 1 in the states CC, CD, DC and DD (the own move first);
	// player 2 has the same from its own point of view. If all are zero, it is
	// (1, 3, 0, 2).
	Loss [4]float64
}

// IPD is the iterated prisoner's dilemma of two players with memory-1 policies
// (Foerster et al., arXiv 1709.04326). The 5 coordinates of a player are the logits of
// cooperating at the start and after the states CC, CD, DC and DD. With the
// distribution p of the first state and the transition matrix P,
//
//	l_i = (1-γ) p·(I - γP)⁻¹ R_i.
//
// With the values v_i = (I-γP)⁻¹ R_i and the discounted visits d = (I-γP)⁻ᵀ p, row 0
// of the policy weighing w_0 = 1 and row s w_s = γ d_s,
//
//	∂l_i/∂θ_s = w_s ∂π_s·v_i,
//	∂²l_i/∂θ_s∂θ'_t = (∂'w_s) ∂π_s·v_i + w_s ∂π_s·(∂'v_i) + [s=t] w_s ∂∂'π_s·v_i,
//	∂'v_i = γ (I-γP)⁻¹ e_t (∂'π_t·v_i),  ∂'w_s = γ w_t ∂'π_t·(I-γP)⁻¹ e_s,
//
// where π_s is row s of P (π_0 = p): one inverse of a 4 x 4 matrix gives everything
// (derived for this package).
type IPD struct {
	*analytic
	opt IPDOptions
	row [2][5]int // row of the policy that logit k of each player belongs to
	r   [2][4]float64
	mul float64

	pi  [5][4]float64    // the rows
	d1  [2][5][4]float64 // their derivatives in the logit of each player
	d2  [5][3][4]float64 // second derivatives: 11, 12, 22
	m   [4][4]float64    // (I - γP)⁻¹
	aug [4][8]float64    // elimination
	v   [2][4]float64    // values
	w   [5]float64       // weights of the rows
	gv  [2][2][5]float64 // [loss][player]: ∂π_s·v_i
	k   [2][5][5]float64 // ∂π_s·(I-γP)⁻¹e_t, zero for t = 0
}

// ipdLosses are those of player 1 in CC, CD, DC, DD.
var ipdLosses = [4]float64{1, 3, 0, 2}

// NewIPD returns the game. Errors: ErrArgument for a discount that is not in (0, 1) —
// the sums do not converge — and ErrNotFinite for losses.
func NewIPD(o IPDOptions) (*IPD, error) {
	if o.Gamma == 0 {
		o.Gamma = 0.96
	}
	if !(o.Gamma > 0 && o.Gamma < 1) {
		return nil, fmt.Errorf("game: NewIPD: Gamma = %v, want 0 < Gamma < 1: %w", o.Gamma, ErrArgument)
	}
	if o.Loss == ([4]float64{}) {
		o.Loss = ipdLosses
	}
	if err := checkPoint("Loss", o.Loss[:], 4); err != nil {
		return nil, err
	}
	g := &IPD{opt: o, mul: 1 - o.Gamma}
	if o.Unscaled {
		g.mul = 1
	}
	l := o.Loss
	g.r = [2][4]float64{l, {l[0], l[2], l[1], l[3]}}
	g.row = [2][5]int{{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}}
	if o.OwnPerspective {
		g.row[1] = [5]int{0, 1, 3, 2, 4}
	}
	g.analytic = newAnalytic([]int{5, 5}, func(_ *analytic, x []float64, order int) { g.derive(x, order) })
	return g, nil
}

// Clone implements Cloner.
func (g *IPD) Clone() Game {
	c, _ := NewIPD(g.opt)
	return c
}

// Normalised returns the factor that turns losses into discounted means: 1-γ if they
// are unscaled, else 1.
func (g *IPD) Normalised() float64 { return (1 - g.opt.Gamma) / g.mul }

func dot4(a, b *[4]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] + a[3]*b[3] }

// derive fills what analytic keeps.
func (g *IPD) derive(x []float64, order int) {
	g.policies(x, order)
	g.invert()
	for i := range g.r {
		for s := range g.v[i] {
			g.v[i][s] = g.mul * dot4(&g.m[s], &g.r[i])
		}
		g.loss[i] = dot4(&g.pi[0], &g.v[i])
	}
	if order >= gradOrder {
		g.gradients()
	}
	if order >= hessOrder {
		g.hessians()
	}
}

// policies makes the rows π_s = (ab, a(1-b), (1-a)b, (1-a)(1-b)) and their derivatives
// in the logits of a and b.
func (g *IPD) policies(x []float64, order int) {
	var p [2][5]float64
	for i := range p {
		for k, s := range g.row[i] {
			p[i][s] = sigmoid(x[5*i+k])
		}
	}
	for s := range g.pi {
		a, b := p[0][s], p[1][s]
		g.pi[s] = [4]float64{a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b)}
		if order < gradOrder {
			continue
		}
		da, db := a*(1-a), b*(1-b)
		g.d1[0][s] = [4]float64{da * b, da * (1 - b), -da * b, -da * (1 - b)}
		g.d1[1][s] = [4]float64{a * db, -a * db, (1 - a) * db, -(1 - a) * db}
		if order < hessOrder {
			continue
		}
		for j := range 4 {
			g.d2[s][0][j] = (1 - 2*a) * g.d1[0][s][j]
			g.d2[s][2][j] = (1 - 2*b) * g.d1[1][s][j]
		}
		g.d2[s][1] = [4]float64{da * db, -da * db, -da * db, da * db}
	}
}

// invert stores (I - γP)⁻¹ in m by Gauss-Jordan elimination. The matrix is diagonally
// dominant by rows, with margin 1-γ: no pivoting is needed.
func (g *IPD) invert() {
	a := &g.aug
	for s := range 4 {
		for j := range 4 {
			a[s][j] = -g.opt.Gamma * g.pi[s+1][j]
			a[s][4+j] = 0
		}
		a[s][s]++
		a[s][4+s] = 1
	}
	for c := range 4 {
		inv := 1 / a[c][c]
		for j := c; j < 8; j++ {
			a[c][j] *= inv
		}
		for s := range 4 {
			if f := a[s][c]; s != c {
				for j := c; j < 8; j++ {
					a[s][j] -= f * a[c][j]
				}
			}
		}
	}
	for s := range 4 {
		copy(g.m[s][:], a[s][4:])
	}
}

// gradients fills grad, and weights and products that hessians uses too.
func (g *IPD) gradients() {
	g.w[0] = 1
	for t := range 4 {
		d := 0.0
		for s := range 4 {
			d += g.pi[0][s] * g.m[s][t]
		}
		g.w[t+1] = g.opt.Gamma * d
	}
	for i := range g.v {
		grad := g.grad.Row(i)
		for p := range g.d1 {
			for s := range g.d1[p] {
				g.gv[i][p][s] = dot4(&g.d1[p][s], &g.v[i])
			}
			for k, s := range g.row[p] {
				grad[5*p+k] = g.w[s] * g.gv[i][p][s]
			}
		}
	}
}

// hessians fills hess.
func (g *IPD) hessians() {
	for p := range g.d1 {
		for s := range g.d1[p] {
			for t := range 4 {
				k := 0.0
				for j := range 4 {
					k += g.d1[p][s][j] * g.m[j][t]
				}
				g.k[p][s][t+1] = g.opt.Gamma * k
			}
		}
	}
	for i := range g.v {
		for p := range 2 {
			for q := p; q < 2; q++ {
				g.block(g.hess[i], i, p, q)
			}
		}
	}
}

// block fills the second derivatives of loss i in the logits of the players p and q.
func (g *IPD) block(h kernel.Matrix[float64], i, p, q int) {
	for k, s := range g.row[p] {
		for l, t := range g.row[q] {
			v := g.w[t]*g.k[q][t][s]*g.gv[i][p][s] + g.w[s]*g.k[p][s][t]*g.gv[i][q][t]
			if s == t {
				v += g.w[s] * dot4(&g.d2[s][p+q], &g.v[i])
			}
			h.Set(5*p+k, 5*q+l, v)
			h.Set(5*q+l, 5*p+k, v)
		}
	}
}

// LogitOf returns log(p/(1-p)), the coordinate of an IPD policy that cooperates with
// probability p.
func LogitOf(p float64) float64 { return math.Log(p) - math.Log1p(-p) }
