package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// LQSystem describes a linear-quadratic feedback game on a state z of dimension s,
//
//	z⁺ = A z + Σ_i B_i u_i,  u_i = -K_i z,  l_i = E Σ_t zᵀQ_i z + u_iᵀR_i u_i.
type LQSystem struct {
	A *mat.Dense   // s x s
	B []*mat.Dense // s x m_i, one for each player
	Q []*mat.Dense // s x s, symmetric
	R []*mat.Dense // m_i x m_i, symmetric
	// Start is the covariance of the start state. If it is nil, it is I.
	Start *mat.Dense
}

// LQ is the game of the feedback matrices of an LQSystem; player i's block is K_i, row
// by row. With the closed loop F = A - Σ B_j K_j, P_i = FᵀP_i F + Q_i + K_iᵀR_i K_i and
// the sum of covariances Σ = FΣFᵀ + Σ_0,
//
//	l_i = tr(P_i Σ_0),  ∂l_i/∂K_j = 2([i=j] R_i K_i - B_jᵀ P_i F) Σ
//
// (Fazel et al., ICML 2018, lemma 1; Mazumdar, Ratliff, Jordan, Sastry, arXiv
// 1907.03712). Second derivatives differentiate these once more, with one further
// Lyapunov equation for each direction and player (derived for this package). Where the
// spectral radius of F is not below 1 the losses are +Inf, the derivatives NaN and Err
// is not nil.
type LQ struct {
	sys           LQSystem
	s             int
	blocks, start []int
	inputs        []int
	a             kernel.Matrix[float64]
	b, q, r       []kernel.Matrix[float64]
	sigma0        kernel.Matrix[float64]

	x     []float64 // last point
	known bool
	err   error
	k     []kernel.Matrix[float64] // views of x
	f     kernel.Matrix[float64]
	p     []kernel.Matrix[float64]
	sigma kernel.Matrix[float64]
	pf    []kernel.Matrix[float64] // P_i F
	df    kernel.Matrix[float64]   // derivative of F along a direction
	ds    kernel.Matrix[float64]   // of Σ
	dp    kernel.Matrix[float64]   // of P_i
	w, ft kernel.Matrix[float64]
	lyap  lyapunov
	u, g  []float64
	mk    []kernel.Matrix[float64] // scratch m_i x s
	jac   *mat.Dense
}

// NewLQ returns the game. Errors: ErrShape, ErrNotFinite.
func NewLQ(sys LQSystem) (*LQ, error) {
	if sys.A == nil || len(sys.B) == 0 || len(sys.Q) != len(sys.B) || len(sys.R) != len(sys.B) {
		return nil, fmt.Errorf("game: NewLQ: A given: %t, %d matrices B, %d Q, %d R, want A and one of each for every player: %w", sys.A != nil, len(sys.B), len(sys.Q), len(sys.R), ErrShape)
	}
	s, _ := sys.A.Dims()
	g := &LQ{sys: sys, s: s}
	var err error
	take := func(name string, player int, m *mat.Dense, rows, cols int) kernel.Matrix[float64] {
		k, e := kernelMatrix(name, player, m, rows, cols)
		if err == nil {
			err = e
		}
		return k
	}
	g.a = take("A", -1, sys.A, s, s)
	for i, b := range sys.B {
		m := 0
		if b != nil {
			_, m = b.Dims()
		}
		g.inputs = append(g.inputs, m)
		g.blocks = append(g.blocks, m*s)
		g.b = append(g.b, take("B", i, b, s, m))
		g.q = append(g.q, take("Q", i, sys.Q[i], s, s))
		g.r = append(g.r, take("R", i, sys.R[i], m, m))
	}
	if sys.Start != nil {
		g.sigma0 = take("Start", -1, sys.Start, s, s)
	} else {
		g.sigma0 = kernel.NewMatrix[float64](s, s)
		for i := range s {
			g.sigma0.Set(i, i, 1)
		}
	}
	if err != nil {
		return nil, err
	}
	n, err := checkBlocks(g.blocks)
	if err != nil {
		return nil, err
	}
	g.start = starts(g.blocks)
	g.allocate(n)
	return g, nil
}

func kernelMatrix(name string, player int, m *mat.Dense, rows, cols int) (kernel.Matrix[float64], error) {
	if player >= 0 {
		name = fmt.Sprintf("%s[%d]", name, player)
	}
	if m == nil {
		return kernel.Matrix[float64]{}, fmt.Errorf("game: NewLQ: %s is nil, want a matrix: %w", name, ErrArgument)
	}
	if r, c := m.Dims(); r != rows || c != cols {
		return kernel.Matrix[float64]{}, fmt.Errorf("game: NewLQ: %s is %d x %d, want %d x %d: %w", name, r, c, rows, cols, ErrShape)
	}
	k := kernel.NewMatrix[float64](rows, cols)
	for i := range rows {
		copy(k.Row(i), m.RawRowView(i))
	}
	return k, checkPoint(name, k.Data, len(k.Data))
}

func (g *LQ) allocate(n int) {
	square := func() kernel.Matrix[float64] { return kernel.NewMatrix[float64](g.s, g.s) }
	g.x, g.u, g.g = make([]float64, n), make([]float64, n), make([]float64, n)
	for _, m := range []*kernel.Matrix[float64]{&g.f, &g.sigma, &g.df, &g.ds, &g.dp, &g.w, &g.ft} {
		*m = square()
	}
	for i, m := range g.inputs {
		g.k = append(g.k, g.block(g.x, i))
		g.p, g.pf = append(g.p, square()), append(g.pf, square())
		g.mk = append(g.mk, kernel.NewMatrix[float64](m, g.s))
	}
	g.lyap = lyapunov{square(), square(), square()}
	g.jac = mat.NewDense(n, n, nil)
}

// block is player i's part of x as a matrix.
func (g *LQ) block(x []float64, i int) kernel.Matrix[float64] {
	return kernel.MatrixOf(g.inputs[i], g.s, x[g.start[i]:g.start[i+1]])
}

// Blocks implements Game.
func (g *LQ) Blocks() []int { return g.blocks }

// Err returns why the last evaluation failed, nil if it did not.
func (g *LQ) Err() error { return g.err }

// Clone implements Cloner.
func (g *LQ) Clone() Game {
	c, _ := NewLQ(g.sys)
	return c
}

// at solves the Lyapunov equations at x.
func (g *LQ) at(x []float64) {
	if len(x) != len(g.x) {
		panic(fmt.Sprintf("game: len(x) = %d, want %d", len(x), len(g.x)))
	}
	same := g.known
	for k := 0; same && k < len(x); k++ {
		same = x[k] == g.x[k]
	}
	if same {
		return
	}
	copy(g.x, x)
	g.known, g.err = true, nil
	copy(g.f.Data, g.a.Data)
	for i := range g.b {
		kernel.Gemm(g.f, -1, g.b[i], g.k[i], 1)
	}
	transpose(g.ft, g.f)
	ok := g.lyap.solve(g.sigma, g.ft, g.sigma0)
	for i := range g.p {
		copy(g.w.Data, g.q[i].Data)
		kernel.Gemm(g.mk[i], 1, g.r[i], g.k[i], 0)
		kernel.GemmTN(g.w, 1, g.k[i], g.mk[i], 1)
		ok = ok && g.lyap.solve(g.p[i], g.f, g.w)
		kernel.Gemm(g.pf[i], 1, g.p[i], g.f, 0)
	}
	if !ok {
		g.err = fmt.Errorf("game: LQ: the closed loop A - ΣBK does not decay at K = %v, want a spectral radius < 1: %w", x, ErrUnstable)
	}
}

// Losses implements Game.
func (g *LQ) Losses(dst, x []float64) {
	g.at(x)
	if g.err != nil {
		fill(dst, math.Inf(1))
		return
	}
	for i, p := range g.p {
		dst[i] = kernel.Dot(p.Data, g.sigma0.Data)
	}
}

// Field implements Game.
func (g *LQ) Field(dst, x []float64) {
	g.at(x)
	if g.err != nil {
		fill(dst, math.NaN())
		return
	}
	for i := range g.blocks {
		g.gradient(g.block(dst, i), i, i)
	}
}

// gradient stores ∂l_i/∂K_j in dst.
func (g *LQ) gradient(dst kernel.Matrix[float64], i, j int) {
	t := g.mk[j]
	kernel.GemmTN(t, -1, g.b[j], g.pf[i], 0)
	if i == j {
		kernel.Gemm(t, 1, g.r[i], g.k[i], 1)
	}
	kernel.Gemm(dst, 2, t, g.sigma, 0)
}

// Gradient implements Gradienter.
func (g *LQ) Gradient(dst []float64, player int, x []float64) {
	g.at(x)
	if g.err != nil {
		fill(dst, math.NaN())
		return
	}
	for j := range g.blocks {
		g.gradient(g.block(dst, j), player, j)
	}
}

// along prepares the derivatives of F and Σ in the direction u.
func (g *LQ) along(u []float64) {
	clear(g.df.Data)
	for j := range g.b {
		kernel.Gemm(g.df, -1, g.b[j], g.block(u, j), 1)
	}
	// dΣ = F dΣ Fᵀ + T + Tᵀ, T = dF Σ Fᵀ
	kernel.Gemm(g.dp, 1, g.df, g.sigma, 0)
	kernel.GemmNT(g.w, 1, g.dp, g.f, 0)
	symmetrise(g.w)
	g.lyap.solve(g.ds, g.ft, g.w)
}

// alongPlayer prepares the derivative of P_i in the direction u of along.
func (g *LQ) alongPlayer(u []float64, i int) {
	// dP = Fᵀ dP F + T + Tᵀ, T = dK_iᵀ R_i K_i + dFᵀ P_i F
	kernel.Gemm(g.mk[i], 1, g.r[i], g.k[i], 0)
	kernel.GemmTN(g.w, 1, g.block(u, i), g.mk[i], 0)
	kernel.GemmTN(g.w, 1, g.df, g.pf[i], 1)
	symmetrise(g.w)
	g.lyap.solve(g.dp, g.f, g.w)
}

// second stores the derivative of ∂l_i/∂K_j along u in dst.
func (g *LQ) second(dst kernel.Matrix[float64], u []float64, i, j int) {
	// d(P F) = dP F + P dF
	kernel.Gemm(g.w, 1, g.dp, g.f, 0)
	kernel.Gemm(g.w, 1, g.p[i], g.df, 1)
	t := g.mk[j]
	kernel.GemmTN(t, -1, g.b[j], g.w, 0)
	if i == j {
		kernel.Gemm(t, 1, g.r[i], g.block(u, i), 1)
	}
	kernel.Gemm(dst, 2, t, g.sigma, 0)
	kernel.GemmTN(t, -1, g.b[j], g.pf[i], 0)
	if i == j {
		kernel.Gemm(t, 1, g.r[i], g.k[i], 1)
	}
	kernel.Gemm(dst, 2, t, g.ds, 1)
}

// JVP implements JVPer.
func (g *LQ) JVP(dst, x, u []float64) {
	g.at(x)
	if g.err != nil {
		fill(dst, math.NaN())
		return
	}
	g.along(u)
	for i := range g.blocks {
		g.alongPlayer(u, i)
		g.second(g.block(dst, i), u, i, i)
	}
}

// VJP implements JVPer.
func (g *LQ) VJP(dst, x, u []float64) {
	g.Jacobian(g.jac, x)
	clear(dst)
	for k, v := range u {
		kernel.Axpy(v, g.jac.RawRowView(k), dst)
	}
}

// Jacobian implements Jacobianer.
func (g *LQ) Jacobian(dst *mat.Dense, x []float64) {
	clear(g.u)
	for l := range g.u {
		g.u[l] = 1
		g.JVP(g.g, x, g.u)
		g.u[l] = 0
		for k, v := range g.g {
			dst.Set(k, l, v)
		}
	}
}

// OwnHessian implements OwnHessianer.
func (g *LQ) OwnHessian(dst *mat.SymDense, player int, x []float64) {
	g.Jacobian(g.jac, x)
	OwnBlock(dst, g.jac, g.blocks, player)
}

// Hessian implements Hessianer.
func (g *LQ) Hessian(dst *mat.SymDense, player int, x []float64) {
	g.at(x)
	clear(g.u)
	for l := range g.u {
		g.u[l] = 1
		if g.err == nil {
			g.along(g.u)
			g.alongPlayer(g.u, player)
			for j := range g.blocks {
				g.second(g.block(g.g, j), g.u, player, j)
			}
		} else {
			fill(g.g, math.NaN())
		}
		g.u[l] = 0
		for k := 0; k <= l; k++ {
			dst.SetSym(k, l, g.g[k])
		}
	}
}

// lyapunov is scratch memory to solve discrete Lyapunov equations.
type lyapunov struct{ s, t, x kernel.Matrix[float64] }

// maxDoublings is enough for spectral radii up to 1 - 2⁻⁵⁰.
const maxDoublings = 60

// solve stores the solution of X = FᵀXF + W in dst by doubling, X ← X + SᵀXS, S ← S²
// (Smith, SIAM J. Appl. Math. 16 (1968) 198). It reports whether F decays.
func (l *lyapunov) solve(dst, f, w kernel.Matrix[float64]) bool {
	copy(dst.Data, w.Data)
	copy(l.s.Data, f.Data)
	for range maxDoublings {
		size := kernel.MaxAbs(l.s.Data)
		if size < 0x1p-40 { // the terms left are below its square
			return true
		}
		if !(size < 1e150) {
			return false
		}
		kernel.Gemm(l.t, 1, dst, l.s, 0)
		kernel.GemmTN(l.x, 1, l.s, l.t, 0)
		kernel.Axpy(1, l.x.Data, dst.Data)
		kernel.Gemm(l.t, 1, l.s, l.s, 0)
		l.s, l.t = l.t, l.s
	}
	return false
}

func transpose(dst, m kernel.Matrix[float64]) {
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			dst.Set(j, i, v)
		}
	}
}

// symmetrise replaces a square matrix by m + mᵀ.
func symmetrise(m kernel.Matrix[float64]) {
	for i := range m.Rows {
		for j := range i + 1 {
			v := m.At(i, j) + m.At(j, i)
			m.Set(i, j, v)
			m.Set(j, i, v)
		}
	}
}
