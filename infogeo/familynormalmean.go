package infogeo

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// NormalMean is the family of normal distributions on R^d with a known covariance
// matrix Σ: T = x, θ = Σ⁻¹μ, ψ = θᵀΣθ/2 relative to N(0, Σ), η = μ, Fisher matrix Σ.
type NormalMean struct {
	d      int
	sigma  kernel.Matrix[float64]
	chol   mat.Cholesky
	vec    kernel.Matrix[float64] // eigenvectors of Σ in columns
	val    []float64
	s0, s1 []float64
}

var (
	_ Cubic       = (*NormalMean)(nil)
	_ DenseFisher = (*NormalMean)(nil)
	_ Conjugate   = (*NormalMean)(nil)
	_ FisherRaoer = (*NormalMean)(nil)
	_ Sampler     = (*NormalMean)(nil)
)

// NewNormalMean returns the family of the covariance matrix Σ, which it copies. The
// error wraps ErrNotPositiveDefinite.
func NewNormalMean(sigma mat.Symmetric) (*NormalMean, error) {
	d := sigma.SymmetricDim()
	n := &NormalMean{d: d, sigma: kernel.NewMatrix[float64](d, d), s0: make([]float64, d), s1: make([]float64, d)}
	for i := range d {
		for j := range d {
			n.sigma.Data[i*d+j] = sigma.At(i, j)
		}
	}
	if i := firstNonFinite(n.sigma.Data); i >= 0 {
		return nil, fmt.Errorf("infogeo: Sigma[%d][%d] = %v, want a finite number: %w", i/d, i%d, n.sigma.Data[i], ErrNotPositiveDefinite)
	}
	var e mat.EigenSym
	if !n.chol.Factorize(sigma) || !e.Factorize(sigma, true) {
		return nil, fmt.Errorf("infogeo: covariance matrix of order %d: %w", d, ErrNotPositiveDefinite)
	}
	n.val = e.Values(nil)
	var q mat.Dense
	e.VectorsTo(&q)
	n.vec = matrixOf(q.RawMatrix())
	return n, nil
}

// firstNonFinite is the index of the first NaN or infinity, -1 if there is none.
func firstNonFinite(v []float64) int {
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return i
		}
	}
	return -1
}

// matrixOf is a view of a matrix of gonum.
func matrixOf(m blas64.General) kernel.Matrix[float64] {
	return kernel.Matrix[float64]{Rows: m.Rows, Cols: m.Cols, Stride: m.Stride, Data: m.Data}
}

// Dim implements Family.
func (n *NormalMean) Dim() int { return n.d }

// LogPartition implements Family.
func (n *NormalMean) LogPartition(theta []float64) float64 {
	checkDims(n.d, theta)
	kernel.Gemv(n.s0, 1, n.sigma, theta, 0)
	return kernel.Dot(n.s0, theta) / 2
}

// NegEntropy implements Conjugate.
func (n *NormalMean) NegEntropy(eta []float64) float64 {
	checkDims(n.d, eta)
	n.solve(n.s1, eta, 0)
	return kernel.Dot(n.s1, eta) / 2
}

// Mean implements Family.
func (n *NormalMean) Mean(dst, theta []float64) {
	checkDims(n.d, dst, theta)
	n.FisherMulVec(dst, nil, theta)
}

// Natural implements Family.
func (n *NormalMean) Natural(dst, eta []float64) error {
	checkDims(n.d, dst)
	if err := n.CheckMean(eta); err != nil {
		return err
	}
	n.solve(dst, eta, 0)
	return nil
}

// FisherMulVec implements Family; theta is not looked at.
func (n *NormalMean) FisherMulVec(dst, theta, v []float64) {
	checkDims(n.d, dst, v)
	copy(n.s0, v)
	kernel.Gemv(dst, 1, n.sigma, n.s0, 0)
}

// solve stores (Σ + damping I)⁻¹ v in dst.
func (n *NormalMean) solve(dst, v []float64, damping float64) {
	kernel.GemvT(n.s0, 1, n.vec, v, 0)
	for i, l := range n.val {
		n.s0[i] /= l + damping
	}
	kernel.Gemv(dst, 1, n.vec, n.s0, 0)
}

// FisherSolveVec implements Family; theta is not looked at.
func (n *NormalMean) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(n.d, dst, v)
	if err := checkDamping(damping); err != nil {
		return err
	}
	n.solve(dst, v, damping)
	return nil
}

// FisherDense implements DenseFisher.
func (n *NormalMean) FisherDense(dst *mat.SymDense, theta []float64) {
	sized(dst, n.d)
	for i := range n.d {
		for j := i; j < n.d; j++ {
			dst.SetSym(i, j, n.sigma.Data[i*n.d+j])
		}
	}
}

// Cubic implements the capability of that name: zero.
func (n *NormalMean) Cubic(dst, theta, v []float64) {
	checkDims(n.d, dst, theta, v)
	clear(dst)
}

// FisherRao implements FisherRaoer: the distance of Mahalanobis.
func (n *NormalMean) FisherRao(theta0, theta1 []float64) float64 {
	checkDims(n.d, theta0, theta1)
	kernel.SubTo(n.s1, theta0, theta1)
	kernel.Gemv(n.s0, 1, n.sigma, n.s1, 0)
	return math.Sqrt(kernel.Dot(n.s0, n.s1))
}

// SampleDim implements Statistic.
func (n *NormalMean) SampleDim() int { return n.d }

// Statistic implements the capability of that name.
func (n *NormalMean) Statistic(dst, x []float64) {
	checkDims(n.d, dst, x)
	copy(dst, x)
}

// Sample implements Sampler.
func (n *NormalMean) Sample(x, theta []float64, src rand.Source) {
	checkDims(n.d, x, theta)
	drawNormal(x, &n.chol, src)
	kernel.Gemv(x, 1, n.sigma, theta, 1)
}

// drawNormal stores a number of N(0, Σ) in x.
func drawNormal(x []float64, chol *mat.Cholesky, src rand.Source) {
	r := rand.New(src)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	u := chol.RawU()
	var z mat.VecDense
	z.MulVec(u.T(), mat.NewVecDense(len(x), x))
	copy(x, z.RawVector().Data)
}

// CheckNatural implements Family.
func (n *NormalMean) CheckNatural(theta []float64) error {
	checkDims(n.d, theta)
	return checkFinite("theta", theta, ErrOutsideNaturalDomain)
}

// CheckMean implements Family.
func (n *NormalMean) CheckMean(eta []float64) error {
	checkDims(n.d, eta)
	return checkFinite("eta", eta, ErrOutsideMeanDomain)
}
