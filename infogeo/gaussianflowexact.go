package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Exact stores the state at time t of the flow that starts at x0 in dst, by its closed
// form. In the Fisher-Rao metric, with Λ = C⁻¹,
//
//	reverse  Λ = P + e^-t(Λ0 - P),  Λm = P m* + e^-t(Λ0 m0 - P m*)   (an e-geodesic)
//	forward  m and C + mmᵀ go straight to m* and C* + m*m*ᵀ at rate 1 (an m-geodesic)
//
// and in the Wasserstein metric, reverse loss, m = m* + e^-tP (m0 - m*), C = C* + e^-tP
// (C0 - C*) e^-tP. The error wraps ErrInvalid for the other flows, which have none, and
// ErrNotPositiveDefinite if a covariance is not. It panics on wrong lengths.
func (f *GaussianFlow) Exact(dst, x0 []float64, t float64) error {
	m, c := f.split(dst)
	if !f.prepare(x0) {
		return f.err
	}
	switch {
	case f.metric == FisherRaoMetric && f.loss == Reverse:
		return f.exactNatural(m, c, t)
	case f.metric == FisherRaoMetric:
		s := math.Exp(-t)
		kernel.Axpby(s, f.d.Data, 0, c.Data)
		kernel.Axpy(1, f.target.cov.Data, c.Data)
		kernel.Ger(c, -s*math.Expm1(-t), f.dm, f.dm)
		kernel.AxpyTo(m, s, f.dm, f.target.mean)
	case f.metric == WassersteinMetric && f.loss == Reverse:
		f.exactWasserstein(m, c, t)
	default:
		return fmt.Errorf("infogeo: the %v flow of %v has no closed form: %w", f.metric, f.loss, ErrInvalid)
	}
	return nil
}

// exactNatural is the reverse Fisher-Rao flow, straight in (Λm, Λ). With s = e^-t,
// m - m* = s Λ⁻¹Λ0(m0 - m*).
func (f *GaussianFlow) exactNatural(m []float64, c kernel.Matrix[float64], t float64) error {
	n := f.target.Dim()
	s := math.Exp(-t)
	invert(f.inv, f.chol, f.w) // Λ0
	kernel.Gemv(f.g, s, f.inv, f.dm, 0)
	copy(f.w.Data, f.precision.Data)
	kernel.Axpby(s, f.inv.Data, -math.Expm1(-t), f.w.Data) // Λ
	copy(f.chol.Data, f.w.Data)
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: n, Stride: n, Data: f.chol.Data, Uplo: blas.Lower}); !ok {
		return fmt.Errorf("infogeo: precision at t = %v: %w", t, ErrNotPositiveDefinite)
	}
	invert(c, f.chol, f.w)
	copy(m, f.target.mean)
	kernel.Gemv(m, 1, c, f.g, 1)
	return nil
}

// exactWasserstein is the Ornstein-Uhlenbeck process.
func (f *GaussianFlow) exactWasserstein(m []float64, c kernel.Matrix[float64], t float64) {
	copy(f.h.Data, f.axes.Data)
	for i, l := range f.rates {
		kernel.Scal(math.Exp(-t*l), f.h.Row(i))
	}
	kernel.GemmTN(f.inv, 1, f.axes, f.h, 0) // e^-tP
	copy(m, f.target.mean)
	kernel.Gemv(m, 1, f.inv, f.dm, 1)
	kernel.Gemm(f.w, 1, f.inv, f.d, 0)
	copy(c.Data, f.target.cov.Data)
	kernel.Gemm(c, 1, f.w, f.inv, 1)
	symmetrise(c)
}
