package infogeo

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// NegEntropy returns φ(η) = sup_θ θ·η - ψ(θ), the Legendre conjugate of the log-partition
// function: the negative entropy of the member with mean η relative to the base measure.
// With θ = θ(η) it is θ·η - ψ(θ). It is NaN where no member has that mean, and +Inf or a
// limit on the boundary only for families that are Conjugate.
func NegEntropy(f Family, eta []float64) float64 {
	if c, ok := f.(Conjugate); ok {
		return c.NegEntropy(eta)
	}
	theta := make([]float64, f.Dim())
	if err := f.Natural(theta, eta); err != nil {
		return math.NaN()
	}
	return kernel.Dot(theta, eta) - f.LogPartition(theta)
}

// Bregman is the canonical divergence of the dually flat structure of a family (Amari and
// Nagaoka, Methods of Information Geometry, 2000, section 3.4),
//
//	KL(p1‖p2) = ψ(θ2) - ψ(θ1) - (θ2-θ1)·η1 = B_ψ(θ2 : θ1) = B_φ(η1 : η2)
//
// with B_F(x : y) = F(x) - F(y) - ∇F(y)·(x-y): the order of the arguments is that of KL in
// η and the opposite one in θ. It holds scratch memory: one value per goroutine.
type Bregman struct {
	f                   Family
	mid, diff, prod, e1 []float64
}

// NewBregman returns the divergence of f. It panics if f is nil.
func NewBregman(f Family) *Bregman {
	d := f.Dim()
	v := make([]float64, 4*d)
	return &Bregman{f: f, mid: v[:d], diff: v[d : 2*d], prod: v[2*d : 3*d], e1: v[3*d:]}
}

// Gauss-Jacobi nodes and weights for ∫_0^1 (1-t) f(t) dt with eight points.
var (
	jacobiNodes = [...]float64{
		0.017779915147363451813, 0.091323607899793956004, 0.21430847939563075836, 0.37193216458327230243,
		0.54518668480342664903, 0.71317524285556948105, 0.85563374295785442851, 0.95536604471003014927,
	}
	jacobiWeights = [...]float64{
		0.044550804361555931326, 0.091119023636373626346, 0.11250579947088736617, 0.1060473594359300107,
		0.07919959949231916012, 0.045439319504698898083, 0.017842902655986208394, 0.0032951914422487988547,
	}
)

// KL returns KL(p1‖p2) of the members with the natural parameters θ1 and θ2. Where the
// three terms of the definition cancel it is evaluated as
//
//	KL = ∫_0^1 (1-t) Δᵀ G(θ1+tΔ) Δ dt,  Δ = θ2-θ1
//
// (Taylor's formula with remainder), whose integrand is positive: then all digits of Δ
// count, and the divergence of neighbours is right down to 1e-300.
func (b *Bregman) KL(theta1, theta2 []float64) float64 {
	kernel.SubTo(b.diff, theta2, theta1)
	b.f.Mean(b.e1, theta1)
	psi1, psi2, lin := b.f.LogPartition(theta1), b.f.LogPartition(theta2), kernel.Dot(b.diff, b.e1)
	if math.IsNaN(lin) || math.IsInf(lin, 0) {
		return b.halves(theta1, theta2, psi1, psi2)
	}
	kl := psi2 - psi1 - lin
	if !(kl <= 1e-2*(math.Abs(psi1)+math.Abs(psi2)+math.Abs(lin))) {
		return kl // NaN too
	}
	s := b.integral(theta1)
	if s > 1e-2 { // far enough apart for G to change
		s = b.halve(theta1, 0, 1, s, 5)
	}
	if math.IsNaN(s) {
		return kl
	}
	return s
}

// halves is the definition at half the size, for parameters whose difference overflows.
func (b *Bregman) halves(theta1, theta2 []float64, psi1, psi2 float64) float64 {
	for i, v := range theta2 {
		b.diff[i] = v/2 - theta1[i]/2
	}
	return max(0, 2*(psi2/2-psi1/2-kernel.Dot(b.diff, b.e1))) // rounding of ψ may outweigh the rest
}

// integral is the formula by one Gauss-Jacobi rule.
func (b *Bregman) integral(theta1 []float64) float64 {
	var s float64
	for i, t := range jacobiNodes {
		s += jacobiWeights[i] * b.curvature(theta1, t)
	}
	return s
}

// curvature is Δᵀ G(θ1+tΔ) Δ.
func (b *Bregman) curvature(theta1 []float64, t float64) float64 {
	kernel.AxpyTo(b.mid, t, b.diff, theta1)
	b.f.FisherMulVec(b.prod, b.mid, b.diff)
	return kernel.Dot(b.prod, b.diff)
}

// panel is the part of the integral over [from, to], by ten Gauss-Legendre points.
func (b *Bregman) panel(theta1 []float64, from, to float64) float64 {
	m, h, s := (from+to)/2, (to-from)/2, 0.0
	for i, x := range legendreNodes {
		for _, t := range [2]float64{m - h*x, m + h*x} {
			s += legendreWeights[i] * (1 - t) * b.curvature(theta1, t)
		}
	}
	return s * h
}

// halve divides the interval until the rule agrees with its halves, which rounding in G Δ
// may prevent.
func (b *Bregman) halve(theta1 []float64, from, to, whole float64, depth int) float64 {
	m := (from + to) / 2
	left, right := b.panel(theta1, from, m), b.panel(theta1, m, to)
	if depth == 0 || !(math.Abs(left+right-whole) > 1e-14*(left+right)) {
		return left + right
	}
	return b.halve(theta1, from, m, left, depth-1) + b.halve(theta1, m, to, right, depth-1)
}

// KLMean returns KL(p1‖p2) of the members with the expectation parameters η1 and η2. The
// error is that of Family.Natural.
func (b *Bregman) KLMean(eta1, eta2 []float64) (float64, error) {
	theta := make([]float64, 2*b.f.Dim())
	theta1, theta2 := theta[:b.f.Dim()], theta[b.f.Dim():]
	if err := b.f.Natural(theta1, eta1); err != nil {
		return math.NaN(), err
	}
	if err := b.f.Natural(theta2, eta2); err != nil {
		return math.NaN(), err
	}
	return b.KL(theta1, theta2), nil
}

// Jeffreys returns KL(p1‖p2) + KL(p2‖p1) = (θ1-θ2)·(η1-η2).
func (b *Bregman) Jeffreys(theta1, theta2 []float64) float64 {
	kernel.SubTo(b.diff, theta1, theta2)
	b.f.Mean(b.e1, theta1)
	b.f.Mean(b.prod, theta2)
	kernel.SubTo(b.prod, b.e1, b.prod)
	return kernel.Dot(b.diff, b.prod)
}

// ThreePoint returns (η_P-η_Q)·(θ_Q-θ_R), the excess of KL(P‖R) over KL(P‖Q) + KL(Q‖R). It
// is zero, and Pythagoras' theorem holds, where the m-geodesic from P to Q is orthogonal
// to the e-geodesic from Q to R.
func (b *Bregman) ThreePoint(thetaP, thetaQ, thetaR []float64) float64 {
	kernel.SubTo(b.diff, thetaQ, thetaR)
	b.f.Mean(b.e1, thetaP)
	b.f.Mean(b.prod, thetaQ)
	kernel.SubTo(b.prod, b.e1, b.prod)
	return kernel.Dot(b.diff, b.prod)
}

// EGeodesic stores in dst the natural parameter (1-t)θ0 + tθ1 of the e-geodesic.
func EGeodesic(dst, theta0, theta1 []float64, t float64) {
	checkDims(len(dst), theta0, theta1)
	copy(dst, theta0)
	kernel.Axpby(t, theta1, 1-t, dst)
}

// MGeodesic stores in dst the natural parameter of the member with the mean
// (1-t)η(θ0) + tη(θ1), the m-geodesic of the family. The error is that of Family.Natural
// and possible only for t outside [0, 1].
func MGeodesic(f Family, dst, theta0, theta1 []float64, t float64) error {
	eta := make([]float64, 2*f.Dim())
	eta0, eta1 := eta[:f.Dim()], eta[f.Dim():]
	f.Mean(eta0, theta0)
	f.Mean(eta1, theta1)
	kernel.Axpby(t, eta1, 1-t, eta0)
	return f.Natural(dst, eta0)
}
