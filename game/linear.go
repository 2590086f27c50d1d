package game

import (
	"fmt"
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Linear is the linearisation of a game at a critical point x*: what the iteration
// matrices of methods are made of. At a point that is not critical the matrices are
// those of the affine game with the same derivatives.
type Linear struct {
	Blocks []int
	J      *mat.Dense   // Jacobian of ξ
	Hess   []*mat.Dense // Hessians of the losses
	// Bend holds Σ_l (∂J_lk/∂x_m)(∂l_i/∂x_l) over the coordinates l of others than the
	// player i of row k: what third derivatives add to Dχ. It is zero for quadratic games.
	Bend     *mat.Dense
	Residual float64 // |ξ| at the point
}

// Linearise returns the linearisation of the game at x. Derivatives that the game does
// not have come from Numeric; Bend comes from central differences of J, which are exact
// zeros where J is constant. Errors: ErrArgument, ErrShape, ErrNotFinite, and what the
// game itself reports.
func Linearise(g Game, x []float64) (*Linear, error) {
	if g == nil {
		return nil, fmt.Errorf("game: Linearise: game = nil, want a game: %w", ErrArgument)
	}
	n := Dim(g)
	if err := checkPoint("x", x, n); err != nil {
		return nil, err
	}
	p := newJet(g, needs{jacobian: true, gradients: true})
	p.x = x
	p.field()
	if err := p.failure(); err != nil {
		return nil, err
	}
	p.jacobian()
	p.gradients()
	l := &Linear{Blocks: p.blocks, J: mat.DenseCopyOf(p.dense), Residual: kernel.Nrm2(p.xi)}
	h := mat.NewSymDense(n, nil)
	for i := range p.blocks {
		p.full.Hessian(h, i, x)
		l.Hess = append(l.Hess, mat.DenseCopyOf(h))
	}
	if !kernel.AllFinite(l.J.RawMatrix().Data) {
		return nil, fmt.Errorf("game: Linearise: J is not finite at x = %v: %w", x, ErrNotFinite)
	}
	l.bend(p, x)
	return l, nil
}

// bend fills Bend by central differences of J.
func (l *Linear) bend(p *jet, x []float64) {
	n := p.n
	l.Bend = mat.NewDense(n, n, nil)
	y := append([]float64(nil), x...)
	up := mat.NewDense(n, n, nil)
	for m := range n {
		h := step(firstStep, x[m])
		y[m] = x[m] + h
		p.full.Jacobian(up, y)
		y[m] = x[m] - h
		p.full.Jacobian(p.dense, y)
		y[m] = x[m]
		kernel.Axpby(1/(2*h), up.RawMatrix().Data, -1/(2*h), p.j.Data)
		p.shaping(p.a)
		l.Bend.SetCol(m, p.a)
	}
	p.jacobian()
}

// N returns the dimension.
func (l *Linear) N() int { n, _ := l.J.Dims(); return n }

// Other returns H_o, J without its diagonal blocks.
func (l *Linear) Other() *mat.Dense {
	o := mat.DenseCopyOf(l.J)
	at := 0
	for _, d := range l.Blocks {
		o.Slice(at, at+d, at, at+d).(*mat.Dense).Zero()
		at += d
	}
	return o
}

// Shaping returns C = Dχ, C_km = Σ_l J_lk (Hess l_i)_lm + Bend_km over the coordinates l
// of others than the player i of row k.
func (l *Linear) Shaping() *mat.Dense {
	c := mat.DenseCopyOf(l.Bend)
	n, o := l.N(), l.Other()
	at := 0
	for i, d := range l.Blocks {
		// Rows of player i: H_o restricted to columns of i, transposed, times Hess l_i.
		rows := mat.NewDense(d, n, nil)
		rows.Mul(o.Slice(0, n, at, at+d).T(), l.Hess[i])
		part := c.Slice(at, at+d, 0, n).(*mat.Dense)
		part.Add(part, rows)
		at += d
	}
	return c
}

// rates spreads learning rates over the coordinates.
func (l *Linear) rates(eta []float64) ([]float64, error) {
	r, err := perCoordinate("eta", eta, l.Blocks)
	if err != nil || r != nil {
		return r, err
	}
	r = make([]float64, l.N())
	fill(r, 1)
	return r, nil
}

// scaled multiplies the rows of m by the rates, in place.
func scaled(rates []float64, m *mat.Dense) *mat.Dense {
	for k, r := range rates {
		kernel.Scal(r, m.RawRowView(k))
	}
	return m
}

// eye returns the identity.
func eye(n int) *mat.Dense {
	m := mat.NewDense(n, n, nil)
	for i := range n {
		m.Set(i, i, 1)
	}
	return m
}

// product returns a·b.
func product(a, b mat.Matrix) *mat.Dense {
	var m mat.Dense
	m.Mul(a, b)
	return &m
}

// combine returns a·x + b·y.
func combine(a float64, x *mat.Dense, b float64, y mat.Matrix) *mat.Dense {
	var m, t mat.Dense
	m.Scale(a, x)
	t.Scale(b, y)
	m.Add(&m, &t)
	return &m
}

// stacked returns [[a, b], [c, d]]; nil is zero.
func stacked(n int, a, b, c, d *mat.Dense) *mat.Dense {
	m := mat.NewDense(2*n, 2*n, nil)
	for k, part := range []*mat.Dense{a, b, c, d} {
		if part != nil {
			m.Slice(k/2*n, k/2*n+n, k%2*n, k%2*n+n).(*mat.Dense).Copy(part)
		}
	}
	return m
}

// columns returns the matrix of a linear map of dimension n.
func columns(n int, apply func(dst, x []float64)) *mat.Dense {
	m := mat.NewDense(n, n, nil)
	x, y := make([]float64, n), make([]float64, n)
	for k := range n {
		x[k] = 1
		apply(y, x)
		m.SetCol(k, y)
		x[k] = 0
	}
	return m
}

// solved returns a⁻¹b.
func solved(of, name string, a, b *mat.Dense) (*mat.Dense, error) {
	var m mat.Dense
	if err := m.Solve(a, b); err != nil {
		return nil, fmt.Errorf("game: %s: the matrix %s has condition number %.3g, want one below %g: %w", of, name, mat.Cond(a, 1), float64(maxCondition), ErrSingular)
	}
	return &m, nil
}

// eigenvalues returns the eigenvalues of a square matrix. The error wraps
// ErrNotConverged.
func eigenvalues(m mat.Matrix) ([]complex128, error) {
	var e mat.Eigen
	if !e.Factorize(m, mat.EigenNone) {
		return nil, fmt.Errorf("game: eigenvalues of a %s matrix: %w", dims(m), ErrNotConverged)
	}
	return e.Values(nil), nil
}

func dims(m mat.Matrix) string {
	r, c := m.Dims()
	return fmt.Sprintf("%d x %d", r, c)
}

// SpectralRadius returns the largest absolute value of the eigenvalues of a square
// matrix. The error wraps ErrNotConverged.
func SpectralRadius(m mat.Matrix) (float64, error) {
	v, err := eigenvalues(m)
	rho := 0.0
	for _, z := range v {
		rho = max(rho, cmplx.Abs(z))
	}
	return rho, err
}

// LocalRate returns the spectral radius of the method's iteration matrix: the factor by
// which the distance to the point shrinks with every step in the end.
func LocalRate(m Method, l *Linear, eta ...float64) (float64, error) {
	a, err := m.LinearMap(l, eta...)
	if err != nil {
		return math.NaN(), err
	}
	return SpectralRadius(a)
}
