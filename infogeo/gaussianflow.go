package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// GaussianMetric is a Riemannian metric on the normal distributions.
type GaussianMetric int

const (
	// FisherRaoMetric is dmᵀ C⁻¹ dm + tr((C⁻¹ dC)²)/2.
	FisherRaoMetric GaussianMetric = iota
	// WassersteinMetric is the metric of the 2-Wasserstein distance (Otto 2001), on
	// the covariances that of Bures.
	WassersteinMetric
	// EuclideanMetric is |dm|² + |dC|² in the coordinates m and C.
	EuclideanMetric
)

// String returns the name of the metric.
func (m GaussianMetric) String() string {
	switch m {
	case FisherRaoMetric:
		return "Fisher-Rao"
	case WassersteinMetric:
		return "Wasserstein"
	case EuclideanMetric:
		return "Euclidean"
	}
	return fmt.Sprintf("GaussianMetric(%d)", int(m))
}

// GaussianFlow is the gradient flow of a Kullback-Leibler divergence F between a normal
// distribution p = N(m, C) and a fixed one q = N(m*, C*), P = C*⁻¹, in a metric on the
// normal distributions. With g = ∂F/∂m and the symmetric H = ∂F/∂C it is
//
//	Fisher-Rao   m' = -C g,  C' = -2 C H C
//	Wasserstein  m' = -g,    C' = -2(HC + CH)
//	Euclidean    m' = -g,    C' = -H
//
// where for the reverse loss KL(p‖q) g = P(m-m*), H = (P - C⁻¹)/2 and for the forward
// loss KL(q‖p) g = C⁻¹(m-m*), H = C⁻¹(C - C* - (m-m*)(m-m*)ᵀ)C⁻¹/2. The reverse
// Wasserstein flow is the Fokker-Planck equation of the Ornstein-Uhlenbeck process.
//
// The state is (m, C), C by rows, of length d + d²; C stays symmetric. Where it is not
// positive definite, the field is NaN and Caps.Err says so. A GaussianFlow keeps scratch
// memory: it is for one goroutine at a time.
type GaussianFlow struct {
	target    *Gaussian
	metric    GaussianMetric
	loss      Loss
	precision kernel.Matrix[float64] // P
	rates     []float64              // eigenvalues of P
	axes      kernel.Matrix[float64] // rows: its eigenvectors

	dm, g              []float64
	d, h, w, chol, inv kernel.Matrix[float64]
	eig, work          []float64
	err                error
}

var _ flow.EnergyField[float64] = (*GaussianFlow)(nil)

// NewGaussianFlow returns the flow towards the target. The error wraps ErrInvalid for a
// metric or loss that does not exist.
func NewGaussianFlow(target *Gaussian, metric GaussianMetric, loss Loss) (*GaussianFlow, error) {
	if metric < FisherRaoMetric || metric > EuclideanMetric {
		return nil, fmt.Errorf("infogeo: metric %v: %w", metric, ErrInvalid)
	}
	if loss != Forward && loss != Reverse {
		return nil, fmt.Errorf("infogeo: loss %v: %w", loss, ErrInvalid)
	}
	d := target.Dim()
	f := &GaussianFlow{target: target, metric: metric, loss: loss, dm: make([]float64, d), g: make([]float64, d), eig: make([]float64, d), rates: make([]float64, d)}
	for _, m := range []*kernel.Matrix[float64]{&f.precision, &f.axes, &f.d, &f.h, &f.w, &f.chol, &f.inv} {
		*m = kernel.NewMatrix[float64](d, d)
	}
	f.work = make([]float64, max(1, 3*d))
	invert(f.precision, target.chol, f.w)
	for i, c := range symmetricEigen(target.cov, f.axes) {
		f.rates[i] = 1 / c
	}
	return f, nil
}

// invert stores (L Lᵀ)⁻¹ in dst, with the scratch w.
func invert(dst, chol, w kernel.Matrix[float64]) {
	setIdentity(w)
	solveLower(chol, w)
	kernel.GemmTN(dst, 1, w, w, 0)
}

// Dim returns d + d².
func (f *GaussianFlow) Dim() int { return f.target.Dim() * (f.target.Dim() + 1) }

// State stores the state of g in dst, which is allocated if nil, and returns it. It
// panics if the dimensions differ.
func (f *GaussianFlow) State(dst []float64, g *Gaussian) []float64 {
	if dst == nil {
		dst = make([]float64, f.Dim())
	}
	checkLengths("GaussianFlow.State", len(dst), f.Dim(), g.Dim()*(g.Dim()+1))
	copy(dst[copy(dst, g.mean):], g.cov.Data)
	return dst
}

// Gaussian returns the normal distribution of a state. The error is that of
// NewGaussian. It panics if x has another length than Dim.
func (f *GaussianFlow) Gaussian(x []float64) (*Gaussian, error) {
	m, c := f.split(x)
	return NewGaussian(m, mat.NewDense(c.Rows, c.Cols, c.Data))
}

// split returns the views of a state.
func (f *GaussianFlow) split(x []float64) ([]float64, kernel.Matrix[float64]) {
	d := f.target.Dim()
	checkLengths("GaussianFlow state", len(x), f.Dim(), f.Dim())
	return x[:d], kernel.MatrixOf(d, d, x[d:])
}

// Eval stores the field in dst.
func (f *GaussianFlow) Eval(dst, x []float64, _ float64) {
	if f.prepare(x) {
		f.gradient()
		f.field(dst, x)
		return
	}
	fillNaN(dst)
}

// EvalEnergy stores the field in dst, unless that is nil, and returns the loss and its
// time derivative.
func (f *GaussianFlow) EvalEnergy(dst, x []float64, _ float64) (e, slope float64) {
	if !f.prepare(x) {
		if dst != nil {
			fillNaN(dst)
		}
		return math.NaN(), math.NaN()
	}
	e = f.energy()
	if dst == nil {
		return e, math.NaN()
	}
	f.gradient()
	f.field(dst, x)
	dm, dc := f.split(dst)
	return e, kernel.Dot(f.g, dm) + kernel.Dot(f.h.Data, dc.Data)
}

// fillNaN stores NaN in x.
func fillNaN(x []float64) {
	for i := range x {
		x[i] = math.NaN()
	}
}

// prepare computes m - m*, C - C* and C⁻¹ and reports whether C is positive definite.
func (f *GaussianFlow) prepare(x []float64) bool {
	m, c := f.split(x)
	f.err = nil
	kernel.SubTo(f.dm, m, f.target.mean)
	kernel.SubTo(f.d.Data, c.Data, f.target.cov.Data)
	copy(f.chol.Data, c.Data)
	n := f.target.Dim()
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: n, Stride: n, Data: f.chol.Data, Uplo: blas.Lower}); !ok || !kernel.AllFinite(x) {
		f.err = fmt.Errorf("infogeo: state of the %v flow: covariance: %w", f.metric, ErrNotPositiveDefinite)
		return false
	}
	return true
}

// energy returns the loss, from the eigenvalues δ of L*⁻¹(C - C*)L*⁻ᵀ: those of C*⁻¹C
// less 1, so that the loss keeps its relative accuracy near the target.
func (f *GaussianFlow) energy() float64 {
	n := f.target.Dim()
	copy(f.w.Data, f.d.Data)
	solveLower(f.target.chol, f.w)
	transpose(f.w)
	solveLower(f.target.chol, f.w)
	lapack64.Syev(lapack.EVNone, blas64.Symmetric{N: n, Stride: n, Data: f.w.Data, Uplo: blas.Lower}, f.eig, f.work, len(f.work))
	chol, sign := f.target.chol, 1.0
	if f.loss == Forward {
		chol, sign = f.chol, -1
	}
	copy(f.g, f.dm)
	solveLower(chol, kernel.MatrixOf(n, 1, f.g))
	e := kernel.SumSq(f.g)
	for _, delta := range f.eig {
		e += expExcess(sign * math.Log1p(delta))
	}
	return e / 2
}

// gradient computes g and H.
func (f *GaussianFlow) gradient() {
	invert(f.inv, f.chol, f.w)
	p := f.precision
	if f.loss == Forward {
		p = f.inv
		kernel.Ger(f.d, -1, f.dm, f.dm)
	}
	kernel.Gemv(f.g, 1, p, f.dm, 0)
	// P - C⁻¹ = P(C - C*)C⁻¹, which does not cancel
	kernel.Gemm(f.w, 0.5, p, f.d, 0)
	kernel.Gemm(f.h, 1, f.w, f.inv, 0)
	symmetrise(f.h)
}

// symmetrise replaces m by its symmetric part.
func symmetrise(m kernel.Matrix[float64]) {
	for i := range m.Rows {
		for j := range i {
			v := (m.At(i, j) + m.At(j, i)) / 2
			m.Set(i, j, v)
			m.Set(j, i, v)
		}
	}
}

// field stores the steepest descent of the metric in dst.
func (f *GaussianFlow) field(dst, x []float64) {
	_, c := f.split(x)
	dm, dc := f.split(dst)
	switch f.metric {
	case FisherRaoMetric:
		kernel.Gemv(dm, -1, c, f.g, 0)
		kernel.Gemm(f.w, 1, c, f.h, 0)
		kernel.Gemm(dc, -2, f.w, c, 0)
		symmetrise(dc)
	case WassersteinMetric:
		kernel.Axpby(-1, f.g, 0, dm)
		kernel.Gemm(dc, -4, f.h, c, 0)
		symmetrise(dc)
	case EuclideanMetric:
		kernel.Axpby(-1, f.g, 0, dm)
		kernel.Axpby(-1, f.h.Data, 0, dc.Data)
	}
}

// Caps says that the flow does not depend on time, and why an evaluation failed.
func (f *GaussianFlow) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Autonomous: true, Err: func() error { return f.err }}
}

// Rate returns the exponential rate at which the loss decays in the end, from a generic
// start: 2 in the Fisher-Rao metric whatever the target, 2 λmin(P) in the Wasserstein
// metric, 2 min(λmin, λmin²/2) in the Euclidean one. The losses have the same Hessian at
// the target.
func (f *GaussianFlow) Rate() float64 {
	least := math.Inf(1)
	for _, l := range f.rates {
		least = min(least, l)
	}
	switch f.metric {
	case FisherRaoMetric:
		return 2
	case WassersteinMetric:
		return 2 * least
	}
	return 2 * min(least, least*least/2)
}
