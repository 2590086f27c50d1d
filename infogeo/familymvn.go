package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// MultivariateNormal is the family of normal distributions on R^d: T = (x, xxᵀ),
// θ = (Λμ, -Λ/2) with Λ = Σ⁻¹, ψ = μᵀΛμ/2 - log det(Λ)/2 relative to dx/(2π)^(d/2),
// η = (μ, Σ+μμᵀ).
//
// A parameter vector is [h; svec(M)] of length d + d(d+1)/2: svec stacks the columns of
// the upper triangle with the off-diagonal elements times √2, so that the Euclidean
// inner product is that of the trace. The Euclidean gradients in θ and η depend on this
// choice, the natural gradient does not. Products and solves with the Fisher matrix take
// O(d³); a solve with damping factors the matrix of order d(d+3)/2.
type MultivariateNormal struct {
	d, n                 int
	prec, sigma, a, b, c kernel.Matrix[float64] // d x d
	h, mu, x, y          []float64
	dense                *cholesky // made at the first use
	unit                 []float64
}

var (
	_ Cubic       = (*MultivariateNormal)(nil)
	_ DenseFisher = (*MultivariateNormal)(nil)
	_ Conjugate   = (*MultivariateNormal)(nil)
	_ Sampler     = (*MultivariateNormal)(nil)
)

// NewMultivariateNormal returns the family on R^d. The error wraps ErrInvalid if d < 1.
func NewMultivariateNormal(d int) (*MultivariateNormal, error) {
	if d < 1 {
		return nil, fmt.Errorf("infogeo: MultivariateNormal on R^%d, want at least 1 dimension: %w", d, ErrInvalid)
	}
	m := &MultivariateNormal{d: d, n: d + d*(d+1)/2}
	for _, s := range []*kernel.Matrix[float64]{&m.prec, &m.sigma, &m.a, &m.b, &m.c} {
		*s = kernel.NewMatrix[float64](d, d)
	}
	v := make([]float64, 4*d)
	m.h, m.mu, m.x, m.y = v[:d], v[d:2*d], v[2*d:3*d], v[3*d:]
	return m, nil
}

// Dim implements Family: d(d+3)/2.
func (m *MultivariateNormal) Dim() int { return m.n }

// svec stores the coordinates of the symmetric matrix s times scale in dst.
func svec(dst []float64, scale float64, s kernel.Matrix[float64]) {
	k := 0
	for j := range s.Cols {
		for i := range j {
			dst[k] = scale * math.Sqrt2 * s.Data[i*s.Stride+j]
			k++
		}
		dst[k] = scale * s.Data[j*s.Stride+j]
		k++
	}
}

// smat stores scale times the symmetric matrix with the coordinates v in s.
func smat(s kernel.Matrix[float64], scale float64, v []float64) {
	k := 0
	for j := range s.Cols {
		for i := range j {
			x := scale * v[k] / math.Sqrt2
			s.Data[i*s.Stride+j], s.Data[j*s.Stride+i] = x, x
			k++
		}
		s.Data[j*s.Stride+j] = scale * v[k]
		k++
	}
}

// Pack stores the parameter vector [v; svec(s)] in dst. It panics on wrong sizes.
func (m *MultivariateNormal) Pack(dst, v []float64, s mat.Symmetric) {
	checkDims(m.n, dst)
	checkDims(m.d, v)
	if n := s.SymmetricDim(); n != m.d {
		panic(fmt.Sprintf("infogeo: matrix of order %d, want %d", n, m.d))
	}
	copy(dst, v)
	for i := range m.d {
		for j := range m.d {
			m.c.Data[i*m.d+j] = s.At(i, j)
		}
	}
	svec(dst[m.d:], 1, m.c)
}

// NaturalOf stores the natural parameter of N(μ, Σ) in dst. The error wraps
// ErrNotPositiveDefinite.
func (m *MultivariateNormal) NaturalOf(dst, mu []float64, sigma mat.Symmetric) error {
	m.Pack(dst, mu, sigma)
	smat(m.sigma, 1, dst[m.d:])
	return m.fromMoments(dst, mu)
}

// fromMoments stores θ in dst, from μ and m.sigma.
func (m *MultivariateNormal) fromMoments(dst, mu []float64) error {
	if i := firstNonFinite(m.sigma.Data); i >= 0 {
		return fmt.Errorf("infogeo: Sigma[%d][%d] = %v, want a finite number: %w", i/m.d, i%m.d, m.sigma.Data[i], ErrNotPositiveDefinite)
	}
	if _, ok := invertSPD(m.prec, m.sigma); !ok {
		return fmt.Errorf("infogeo: covariance matrix of order %d: %w", m.d, ErrNotPositiveDefinite)
	}
	kernel.Gemv(m.h, 1, m.prec, mu, 0)
	copy(dst, m.h)
	svec(dst[m.d:], -0.5, m.prec)
	return nil
}

// Moments stores mean and covariance matrix of θ in mu and sigma, which is empty or of
// order d. The error wraps ErrOutsideNaturalDomain.
func (m *MultivariateNormal) Moments(mu []float64, sigma *mat.SymDense, theta []float64) error {
	checkDims(m.d, mu)
	sized(sigma, m.d)
	if _, ok := m.at(theta); !ok {
		return m.CheckNatural(theta)
	}
	copy(mu, m.mu)
	for i := range m.d {
		for j := i; j < m.d; j++ {
			sigma.SetSym(i, j, m.sigma.Data[i*m.d+j])
		}
	}
	return nil
}

// invertSPD stores the inverse of s in dst and returns log det s. It reports false if s
// is not positive definite.
func invertSPD(dst, s kernel.Matrix[float64]) (logdet float64, ok bool) {
	copy(dst.Data, s.Data)
	n := s.Rows
	t, ok := lapack64.Potrf(blas64.Symmetric{Uplo: blas.Upper, N: n, Data: dst.Data, Stride: dst.Stride})
	if !ok {
		return 0, false
	}
	for i := range n {
		logdet += 2 * math.Log(dst.Data[i*dst.Stride+i])
	}
	if math.IsNaN(logdet) {
		return 0, false
	}
	lapack64.Potri(t)
	for i := range n {
		for j := range i {
			dst.Data[i*dst.Stride+j] = dst.Data[j*dst.Stride+i]
		}
	}
	return logdet, true
}

// at makes Λ, Σ and μ those of theta and returns log det Λ. Outside of the domain it
// makes them NaN and reports false.
func (m *MultivariateNormal) at(theta []float64) (logdet float64, ok bool) {
	checkDims(m.n, theta)
	smat(m.prec, -2, theta[m.d:])
	logdet, ok = invertSPD(m.sigma, m.prec)
	if !ok {
		for i := range m.sigma.Data {
			m.sigma.Data[i] = math.NaN()
		}
		logdet = math.NaN()
	}
	kernel.Gemv(m.mu, 1, m.sigma, theta[:m.d], 0)
	return logdet, ok
}

// LogPartition implements Family.
func (m *MultivariateNormal) LogPartition(theta []float64) float64 {
	logdet, _ := m.at(theta)
	return kernel.Dot(m.mu, theta[:m.d])/2 - logdet/2
}

// Mean implements Family.
func (m *MultivariateNormal) Mean(dst, theta []float64) {
	checkDims(m.n, dst)
	m.at(theta)
	kernel.Ger(m.sigma, 1, m.mu, m.mu)
	copy(dst, m.mu)
	svec(dst[m.d:], 1, m.sigma)
}

// covariance makes m.sigma = E xxᵀ - μμᵀ of eta.
func (m *MultivariateNormal) covariance(eta []float64) {
	smat(m.sigma, 1, eta[m.d:])
	kernel.Ger(m.sigma, -1, eta[:m.d], eta[:m.d])
}

// Natural implements Family.
func (m *MultivariateNormal) Natural(dst, eta []float64) error {
	checkDims(m.n, dst)
	if err := m.CheckMean(eta); err != nil {
		return err
	}
	m.covariance(eta)
	copy(m.mu, eta)
	return m.fromMoments(dst, m.mu)
}

// NegEntropy implements Conjugate: -log det(Σ)/2 - d/2. It is NaN outside of the mean
// domain.
func (m *MultivariateNormal) NegEntropy(eta []float64) float64 {
	checkDims(m.n, eta)
	m.covariance(eta)
	logdet, ok := invertSPD(m.prec, m.sigma)
	if !ok {
		return math.NaN()
	}
	return -logdet/2 - float64(m.d)/2
}

// FisherMulVec implements Family: for v = (u, U) with the symmetric matrix U,
// dμ = Σ(u + 2Uμ), dΣ = 2ΣUΣ, the product is (dμ, dΣ + dμ μᵀ + μ dμᵀ).
func (m *MultivariateNormal) FisherMulVec(dst, theta, v []float64) {
	checkDims(m.n, dst, v)
	m.at(theta)
	m.push(v)
	m.toMean(dst)
}

// push makes m.b = dΣ and m.y = dμ for the change v of θ at m.sigma, m.mu. It leaves
// ΣU in m.c.
func (m *MultivariateNormal) push(v []float64) {
	smat(m.a, 1, v[m.d:])
	copy(m.x, v[:m.d])
	kernel.Gemv(m.x, 2, m.a, m.mu, 1)
	kernel.Gemv(m.y, 1, m.sigma, m.x, 0)
	kernel.Gemm(m.c, 1, m.sigma, m.a, 0)
	kernel.Gemm(m.b, 2, m.c, m.sigma, 0)
}

// toMean stores (dμ, dΣ + dμ μᵀ + μ dμᵀ) in dst, of dμ = m.y and dΣ = m.b.
func (m *MultivariateNormal) toMean(dst []float64) {
	kernel.Ger(m.b, 1, m.y, m.mu)
	kernel.Ger(m.b, 1, m.mu, m.y)
	copy(dst, m.y)
	svec(dst[m.d:], 1, m.b)
}

// FisherSolveVec implements Family. Without damping, dμ = v, dΣ = V - vμᵀ - μvᵀ,
// dΛ = -Λ dΣ Λ, and the solution is (dΛ μ + Λ v, -dΛ/2).
func (m *MultivariateNormal) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(m.n, dst, v)
	if damping != 0 {
		return m.solveDense(dst, theta, v, damping)
	}
	if _, ok := m.at(theta); !ok {
		return singular(0, m.n)
	}
	copy(m.x, v[:m.d])
	smat(m.a, 1, v[m.d:])
	kernel.Ger(m.a, -1, m.x, m.mu)
	kernel.Ger(m.a, -1, m.mu, m.x)
	kernel.Gemm(m.b, 1, m.prec, m.a, 0)
	kernel.Gemm(m.c, -1, m.b, m.prec, 0) // dΛ
	kernel.Gemv(m.y, 1, m.prec, m.x, 0)
	kernel.Gemv(m.y, 1, m.c, m.mu, 1)
	copy(dst, m.y)
	svec(dst[m.d:], -0.5, m.c)
	return nil
}

// solveDense solves by the matrix.
func (m *MultivariateNormal) solveDense(dst, theta, v []float64, damping float64) error {
	if m.dense == nil {
		m.dense = newCholesky(m.n)
	}
	m.FisherDense(m.dense.g, theta)
	return m.dense.solve(dst, v, damping)
}

// FisherDense implements DenseFisher, column by column.
func (m *MultivariateNormal) FisherDense(dst *mat.SymDense, theta []float64) {
	sized(dst, m.n)
	if m.unit == nil {
		m.unit = make([]float64, 2*m.n)
	}
	e, col := m.unit[:m.n], m.unit[m.n:]
	m.at(theta)
	for j := range m.n {
		clear(e)
		e[j] = 1
		m.push(e)
		m.toMean(col)
		for i := range j + 1 {
			dst.SetSym(i, j, col[i])
		}
	}
}

// Cubic implements the capability of that name, the second derivative of η along v:
// d²μ = 4ΣU dμ, d²Σ = 8ΣUΣUΣ, and d²η = (d²μ, d²Σ + d²μ μᵀ + μ d²μᵀ + 2 dμ dμᵀ).
func (m *MultivariateNormal) Cubic(dst, theta, v []float64) {
	checkDims(m.n, dst, v)
	m.at(theta)
	m.push(v)
	copy(m.a.Data, m.b.Data)         // dΣ = 2ΣUΣ
	kernel.Gemm(m.b, 4, m.c, m.a, 0) // 4ΣU·2ΣUΣ
	kernel.Ger(m.b, 2, m.y, m.y)     // before dμ is overwritten
	kernel.Gemv(m.x, 4, m.c, m.y, 0) // d²μ
	copy(m.y, m.x)
	m.toMean(dst)
}

// SampleDim implements Statistic.
func (m *MultivariateNormal) SampleDim() int { return m.d }

// Statistic implements the capability of that name.
func (m *MultivariateNormal) Statistic(dst, x []float64) {
	checkDims(m.n, dst)
	checkDims(m.d, x)
	clear(m.c.Data)
	kernel.Ger(m.c, 1, x, x)
	copy(dst, x)
	svec(dst[m.d:], 1, m.c)
}

// Sample implements Sampler. It factors Σ; many draws of one member are cheaper from
// gonum's distmv.
func (m *MultivariateNormal) Sample(x, theta []float64, src rand.Source) {
	checkDims(m.d, x)
	if _, ok := m.at(theta); !ok {
		for i := range x {
			x[i] = math.NaN()
		}
		return
	}
	var chol mat.Cholesky
	chol.Factorize(mat.NewSymDense(m.d, m.sigma.Data))
	drawNormal(x, &chol, src)
	kernel.AddTo(x, x, m.mu)
}

// startAt is the standard normal distribution.
func (m *MultivariateNormal) startAt(theta, _ []float64) {
	clear(theta)
	clear(m.c.Data)
	for i := range m.d {
		m.c.Data[i*(m.d+1)] = 1
	}
	svec(theta[m.d:], -0.5, m.c)
}

// CheckNatural implements Family.
func (m *MultivariateNormal) CheckNatural(theta []float64) error {
	checkDims(m.n, theta)
	if err := checkFinite("theta", theta, ErrOutsideNaturalDomain); err != nil {
		return err
	}
	smat(m.prec, -2, theta[m.d:])
	if _, ok := invertSPD(m.sigma, m.prec); !ok {
		return fmt.Errorf("infogeo: MultivariateNormal: the precision matrix -2 theta[%d:] is not positive definite: %w", m.d, ErrOutsideNaturalDomain)
	}
	return nil
}

// CheckMean implements Family.
func (m *MultivariateNormal) CheckMean(eta []float64) error {
	checkDims(m.n, eta)
	if err := checkFinite("eta", eta, ErrOutsideMeanDomain); err != nil {
		return err
	}
	m.covariance(eta)
	if _, ok := invertSPD(m.prec, m.sigma); !ok {
		return fmt.Errorf("infogeo: MultivariateNormal: the covariance matrix of eta, of order %d, is not positive definite: %w", m.d, ErrOutsideMeanDomain)
	}
	return nil
}
