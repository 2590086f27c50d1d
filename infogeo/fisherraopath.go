package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow/kernel"
)

// fisherRaoPath is a path θ_0, ..., θ_N in a family with the discrete energy
//
//	N Σ (θ_{i+1} - θ_i)·(η_{i+1} - η_i),
//
// the sum of the Jeffreys divergences of neighbours, of second order in 1/N. It needs no
// derivative of the metric, and its gradient in θ_i is
//
//	N (2η_i - η_{i-1} - η_{i+1} + G_i(2θ_i - θ_{i-1} - θ_{i+1})).
type fisherRaoPath struct {
	f          Family
	n, segs    int
	theta, eta kernel.Matrix[float64] // N+1 rows
	trial      kernel.Matrix[float64]
	g          []kernel.Matrix[float64] // G_i
	grad, dir  []float64                // inner points
	band       []float64
	w, d       []float64
}

func newFisherRaoPath(f Family, theta0, theta1 []float64, segs int) *fisherRaoPath {
	n := f.Dim()
	p := &fisherRaoPath{f: f, n: n, segs: segs,
		theta: kernel.NewMatrix[float64](segs+1, n), eta: kernel.NewMatrix[float64](segs+1, n), trial: kernel.NewMatrix[float64](segs+1, n),
		grad: make([]float64, (segs-1)*n), dir: make([]float64, (segs-1)*n),
		band: make([]float64, (segs-1)*n*2*n), w: make([]float64, n), d: make([]float64, n)}
	for i := range segs + 1 {
		t := float64(i) / float64(segs)
		kernel.Axpby(1-t, theta0, 0, p.theta.Row(i))
		kernel.Axpy(t, theta1, p.theta.Row(i))
		p.g = append(p.g, kernel.NewMatrix[float64](n, n))
	}
	copy(p.theta.Row(segs), theta1)
	copy(p.trial.Data, p.theta.Data)
	return p
}

// energy returns the discrete energy of a path and stores the means in eta; +Inf outside
// of the domain.
func (p *fisherRaoPath) energy(theta kernel.Matrix[float64]) float64 {
	for i := range p.segs + 1 {
		if p.f.CheckNatural(theta.Row(i)) != nil {
			return math.Inf(1)
		}
		p.f.Mean(p.eta.Row(i), theta.Row(i))
	}
	sum := 0.0
	for i := range p.segs {
		kernel.SubTo(p.d, theta.Row(i+1), theta.Row(i))
		kernel.SubTo(p.w, p.eta.Row(i+1), p.eta.Row(i))
		sum += kernel.Dot(p.d, p.w)
	}
	return float64(p.segs) * sum
}

// relax minimises the energy by Newton's method without the third cumulants, with the
// Hessian of N Σ (δ_{i+1} - δ_i)ᵀ(G_i + G_{i+1})(δ_{i+1} - δ_i)/2, a positive definite band
// matrix, in the variation δ of the path.
func (p *fisherRaoPath) relax(steps int) error {
	e := p.energy(p.theta)
	for range steps {
		p.gradient()
		if !p.solve() {
			return fmt.Errorf("infogeo: path of %d segments: %w", p.segs, ErrSingularFisher)
		}
		slope := kernel.Dot(p.grad, p.dir) // of the energy over N, >= 0
		if slope*float64(p.segs) <= 1e-13*e {
			return nil
		}
		alpha := 1.0
		for ; alpha > 1e-6; alpha /= 2 {
			inner := p.trial.Data[p.n : p.n*p.segs]
			kernel.AxpyTo(inner, -alpha, p.dir, p.theta.Data[p.n:p.n*p.segs])
			if next := p.energy(p.trial); next <= e-armijo*alpha*slope*float64(p.segs) {
				e = next
				break
			}
		}
		if alpha <= 1e-6 {
			return nil // as low as rounding lets it be
		}
		copy(p.theta.Data, p.trial.Data)
	}
	return nil
}

// gradient computes the Fisher matrices and the gradient over N. It needs the means.
func (p *fisherRaoPath) gradient() {
	p.energy(p.theta)
	for i := range p.segs + 1 {
		for j := range p.n {
			clear(p.d)
			p.d[j] = 1
			p.f.FisherMulVec(p.g[i].Row(j), p.theta.Row(i), p.d)
		}
	}
	for i := 1; i < p.segs; i++ {
		for j := range p.n {
			second := func(m kernel.Matrix[float64]) float64 {
				return (m.At(i, j) - m.At(i-1, j)) - (m.At(i+1, j) - m.At(i, j))
			}
			p.d[j], p.w[j] = second(p.theta), second(p.eta)
		}
		out := p.grad[(i-1)*p.n : i*p.n]
		copy(out, p.w)
		kernel.Gemv(out, 1, p.g[i], p.d, 1)
	}
}

// solve stores the Newton direction and reports whether the matrix is positive definite.
func (p *fisherRaoPath) solve() bool {
	n, m := p.n, (p.segs-1)*p.n
	width := 2*n - 1 // superdiagonals
	clear(p.band)
	for i := 1; i < p.segs; i++ {
		for a := range n {
			row := p.band[((i-1)*n+a)*(width+1):]
			for b := a; b < n; b++ {
				row[b-a] = p.g[i-1].At(a, b) + 2*p.g[i].At(a, b) + p.g[i+1].At(a, b)
			}
			if i == p.segs-1 {
				continue
			}
			for b := range n {
				row[n+b-a] = -(p.g[i].At(a, b) + p.g[i+1].At(a, b))
			}
		}
	}
	t, ok := lapack64.Pbtrf(blas64.SymmetricBand{Uplo: blas.Upper, N: m, K: width, Stride: width + 1, Data: p.band})
	if !ok {
		return false
	}
	copy(p.dir, p.grad)
	lapack64.Pbtrs(t, blas64.General{Rows: m, Cols: 1, Stride: 1, Data: p.dir})
	return true
}

// velocity stores dθ/dt at the start in dst, by a one-sided difference of fourth order, or
// of first order for short paths.
func (p *fisherRaoPath) velocity(dst []float64) {
	c := []float64{-25. / 12, 4, -3, 4. / 3, -1. / 4}
	if p.segs < 4 {
		c = []float64{-1, 1}
	}
	clear(dst)
	for i, a := range c {
		kernel.Axpy(a*float64(p.segs), p.theta.Row(i), dst)
	}
}
