package deq

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// LinearCertificate holds the numbers that the theorems on the linear model promise
// from one point θ on, for gradient flow and for gradient descent. n is the number
// of outputs, l and L are the smallest nonzero and the largest eigenvalue of S, and
// δ = R - R_LS.
type LinearCertificate struct {
	// Risk is R(θ), RiskLS the least risk, and Excess their difference δ to full
	// relative accuracy.
	Risk, RiskLS, Excess float64
	// LambdaMin and LambdaMax are l and L.
	LambdaMin, LambdaMax float64

	// KMin and KMax are the extreme eigenvalues of K = MMᵀ + BBᵀ, which the flow
	// conserves; Radius is sqrt(tr K), for n = 1 that of the paper's sphere.
	KMin, KMax, Radius float64

	// SigmaMin and SigmaMax are the extreme singular values of M now, RCond its
	// reciprocal condition number σ_min/σ_max.
	SigmaMin, SigmaMax, RCond float64
	// SigmaMinBound and SigmaMaxBound are bounds of them for all times:
	// sqrt(KMin/(1+NormBound²)) and sqrt(KMax).
	SigmaMinBound, SigmaMaxBound float64
	// Norm is |W|₂, NormBound = |W_LS|₂ + sqrt(δ/l) its bound for all times. If S is
	// singular and B does not lie in its range, there is none: it is +Inf, and the
	// bounds and steps that need it are 0.
	Norm, NormBound float64

	// PLRate is μ = 4l/KMax: along the flow R - R_LS <= δ exp(-μt).
	PLRate float64
	// AsymptoticRate is the rate to which that of the flow tends, for n = 1 and S of
	// full rank; NaN otherwise.
	AsymptoticRate float64

	// SafeStep is the largest learning rate for which the theorem promises a decrease
	// by SafeFactor in the next step: R' - R_LS <= SafeFactor (R - R_LS). For n > 1
	// it is GlobalStep.
	SafeStep, SafeFactor float64
	// GlobalStep is the learning rate with which the theorem promises the decrease by
	// GlobalFactor in every step, with det M keeping its sign and KMax(k) <= KBound.
	GlobalStep, GlobalFactor, KBound float64

	// SpectralRadius is ρ(A); the layer iteration z ← Az + Bx converges (Picard) if
	// it is below 1.
	SpectralRadius float64
	Picard         bool
	// PicardAlways says that it converges all along the flow as well (for n = 1, m >
	// 0 and r < 2); false says nothing.
	PicardAlways bool
	// Monotone is λ_min((M+Mᵀ)/2): if it is positive, Jacobian-free backpropagation
	// is a descent direction for all data.
	Monotone float64

	scalar bool // n = 1: the sharper constants
}

// Contraction returns the factor by which the theorem bounds the excess risk R -
// R_LS at every step of gradient descent at a learning rate 0 < eta <= GlobalStep.
// It is NaN for other ones, about which the theorem says nothing.
func (c *LinearCertificate) Contraction(eta float64) float64 {
	if !(eta > 0 && eta <= c.GlobalStep*(1+1e-12)) {
		return math.NaN()
	}
	return c.contraction(eta, c.KBound-c.KMax)
}

// contraction is 1 - c η l/KBound with c = 4/3 for n = 1 and 1 otherwise; growth is
// KBound - KMax at GlobalStep.
func (c *LinearCertificate) contraction(eta, growth float64) float64 {
	if c.GlobalStep > 0 {
		growth *= eta / c.GlobalStep
	}
	f := 1.0
	if c.scalar {
		f = 4.0 / 3
	}
	return 1 - f*eta*c.LambdaMin/(c.KMax+growth)
}

// Certify returns the certificate of θ. It allocates. Errors wrap ErrNotFinite or
// ErrSingular; a nearly singular M is no error but shows in RCond.
func (l *Linear[T]) Certify(theta []T) (LinearCertificate, error) {
	if err := l.at(theta); err != nil {
		return LinearCertificate{}, err
	}
	n := l.n
	m := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			m.Set(i, j, -l.a.At(i, j))
		}
		m.Set(i, i, 1-l.a.At(i, i))
	}
	c := LinearCertificate{AsymptoticRate: math.NaN(), scalar: n == 1}
	k := symEigenvalues(l.Conserved(kernel.NewMatrix[float64](n, n), theta))
	c.KMin, c.KMax, c.Radius = k[0], k[n-1], math.Sqrt(mat.Sum(mat.NewVecDense(n, k)))
	var err error
	if c.SigmaMin, c.SigmaMax, err = singular(m); err != nil {
		return LinearCertificate{}, err
	}
	if _, c.Norm, err = singular(mat.NewDense(n, l.d, l.w.Data)); err != nil {
		return LinearCertificate{}, err
	}
	var eig mat.Eigen
	if !eig.Factorize(mat.NewDense(n, n, l.a.Data), mat.EigenNone) {
		return LinearCertificate{}, fmt.Errorf("deq: eigenvalues of A not found: %w", ErrNotFinite)
	}
	for _, z := range eig.Values(nil) {
		c.SpectralRadius = max(c.SpectralRadius, math.Hypot(real(z), imag(z)))
	}
	sym := kernel.NewMatrix[float64](n, n)
	for i := range n {
		for j := range n {
			sym.Set(i, j, (m.At(i, j)+m.At(j, i))/2)
		}
	}
	c.Monotone = symEigenvalues(sym)[0]
	l.data.certify(&c, l.delta, l.b)
	c.GlobalStep, c.KBound = l.data.globalStep(&c, l.delta, n == 1)
	c.GlobalFactor = c.contraction(c.GlobalStep, c.KBound-c.KMax)
	c.SafeStep, c.SafeFactor = c.GlobalStep, c.GlobalFactor
	return c, nil
}

// certify fills in what the data say of a model at excess risk delta with input
// matrix b, once K, M, W and A have been looked at.
func (l *LinearData) certify(c *LinearCertificate, delta float64, b kernel.Matrix[float64]) {
	c.Risk, c.RiskLS, c.Excess = l.RiskLS+delta, l.RiskLS, delta
	c.LambdaMin, c.LambdaMax = l.LambdaMin, l.LambdaMax
	c.RCond = c.SigmaMin / c.SigmaMax
	c.Picard = c.SpectralRadius < 1
	c.PLRate = 4 * c.LambdaMin / c.KMax
	c.NormBound = l.normLS() + math.Sqrt(delta/c.LambdaMin)
	if l.outside(b) {
		c.NormBound = math.Inf(1)
	}
	c.SigmaMinBound = math.Sqrt(c.KMin / (1 + c.NormBound*c.NormBound))
	c.SigmaMaxBound = math.Sqrt(c.KMax)
}

// globalStep is the a-priori step of the theorem and the bound of λ_max(K) with it.
func (l *LinearData) globalStep(c *LinearCertificate, delta float64, scalar bool) (eta, kBound float64) {
	first, second, growth := 3.0, 9.0, 4.0
	if scalar {
		first, second, growth = 2, 4, 3
	}
	q := 1 + c.NormBound*c.NormBound
	gbar := 2 * math.Sqrt(c.LambdaMax*delta)
	eta = c.KMin / q * min(1/(first*c.NormBound*gbar), 1/(second*c.LambdaMax*q))
	if math.IsInf(q, 1) {
		eta = 0
	}
	return eta, c.KMax + growth*eta*delta
}

// outside says whether rows of b have a part in the null space of S that is more
// than rounding.
func (l *LinearData) outside(b kernel.Matrix[float64]) bool {
	for i := range b.Rows {
		for k := range l.null.Rows {
			if math.Abs(kernel.Dot(b.Row(i), l.null.Row(k))) > 1e-12*kernel.Nrm2(b.Row(i)) {
				return true
			}
		}
	}
	return false
}

// normLS is |W_LS|₂.
func (l *LinearData) normLS() float64 {
	n, d := l.Dims()
	if n == 1 {
		return kernel.Nrm2(l.wls.Data)
	}
	_, norm, err := singular(mat.NewDense(n, d, l.wls.Data))
	if err != nil { // cannot be: W_LS is finite
		return math.NaN()
	}
	return norm
}

// symEigenvalues returns the eigenvalues of a symmetric matrix in ascending order.
func symEigenvalues(m kernel.Matrix[float64]) []float64 {
	var eig mat.EigenSym
	if !eig.Factorize(mat.NewSymDense(m.Rows, m.Data), false) {
		v := make([]float64, m.Rows)
		fill(v)
		return v
	}
	return eig.Values(nil)
}

// singular returns the extreme singular values of a matrix.
func singular(m *mat.Dense) (least, largest float64, err error) {
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDNone) {
		return 0, 0, fmt.Errorf("deq: singular values not found: %w", ErrNotFinite)
	}
	v := svd.Values(nil)
	return v[len(v)-1], v[0], nil
}

// Certify returns the certificate of θ. It allocates. Errors wrap ErrNotFinite or
// ErrSingular.
func (s *Scalar[T]) Certify(theta []T) (LinearCertificate, error) {
	if err := s.at(theta); err != nil {
		return LinearCertificate{}, err
	}
	r2, m := s.radius2(theta), math.Abs(s.m)
	a := 1 - s.m
	c := LinearCertificate{
		KMin: r2, KMax: r2, Radius: math.Sqrt(r2),
		SigmaMin: m, SigmaMax: m,
		Norm:           math.Sqrt(s.bb),
		SpectralRadius: math.Abs(a),
		Monotone:       s.m,
		PicardAlways:   s.m > 0 && r2 < 4,
		scalar:         true,
	}
	b := kernel.NewMatrix[float64](1, s.d)
	widen(b.Data, theta[:s.d])
	s.data.certify(&c, s.delta, b)
	c.GlobalStep, c.KBound = s.data.globalStep(&c, s.delta, true)
	c.GlobalFactor = c.contraction(c.GlobalStep, c.KBound-c.KMax)
	h := s.safe()
	c.SafeStep, c.SafeFactor = s.m*s.m*h, 1-4.0/3*c.LambdaMin*h
	c.AsymptoticRate = s.asymptoticRate(r2)
	return c, nil
}

// asymptoticRate is 2λ_min of (2q/r²) P^½ S P^½ with P = I + bbᵀ, q = 1+|b|², b =
// β_LS; P^½ = I + c bbᵀ with c = 1/(1+√q).
func (s *Scalar[T]) asymptoticRate(r2 float64) float64 {
	if s.data.Rank < s.d {
		return math.NaN()
	}
	q := 1 + kernel.SumSq(s.star)
	c := 1 / (1 + math.Sqrt(q))
	root := kernel.NewMatrix[float64](s.d, s.d)
	for i := range s.d {
		root.Set(i, i, 1)
	}
	kernel.Ger(root, c, s.star, s.star)
	half, full := kernel.NewMatrix[float64](s.d, s.d), kernel.NewMatrix[float64](s.d, s.d)
	kernel.Gemm(half, 1, root, s.data.s, 0)
	kernel.Gemm(full, 4*q/r2, half, root, 0)
	return symEigenvalues(full)[0]
}
