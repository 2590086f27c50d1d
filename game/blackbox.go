package game

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// Quadrature says how the integrals over the Gaussian variable Z ~ N(0, I) and the angle
// θ of the black-box formulas are computed. The zero value is the product rule with
// default numbers of nodes.
type Quadrature struct {
	Nodes  int    // Gauss-Hermite nodes in every coordinate of Z; 0 is 24
	Angles int    // Gauss-Legendre nodes in θ in [0, π/2]; 0 is 32. Of the jet weight, in t
	Sample int    // > 0: so many random (Z, θ) instead, with error bars; for large n
	Seed   uint64 // of the random numbers
}

// maxNodes bounds the number of points of a product rule.
const maxNodes = 1 << 26

// check fills in the defaults.
func (q Quadrature) check(n int) (Quadrature, error) {
	if q.Nodes < 0 || q.Nodes > 200 || q.Angles < 0 || q.Sample < 0 || q.Sample == 1 {
		return q, fmt.Errorf("game: Quadrature = %+v, want 0 <= Nodes <= 200, Angles >= 0, Sample 0 or >= 2: %w", q, ErrArgument)
	}
	if q.Nodes == 0 {
		q.Nodes = 24
	}
	if q.Angles == 0 {
		q.Angles = 32
	}
	if points := math.Pow(float64(q.Nodes), float64(n)) * float64(q.Angles); q.Sample == 0 && points > maxNodes {
		return q, fmt.Errorf("game: Quadrature with %d nodes in %d coordinates, %.3g points, want at most 2^26; set Sample: %w", q.Nodes, n, points, ErrTooLarge)
	}
	return q, nil
}

// PointParts are the potentials of a game and the fields of its parts at a point.
type PointParts struct {
	Potential float64   // φ of the exact scalar part of ScalarFirst, of mean 0 under the weight
	Gradient  []float64 // ∇φ, its field; the near vector field is ξ - ∇φ
	Q         float64   // q of VectorFirst, div X = div ξ in the weak sense
	// NearScalar is X = (x-μ)/v q - ∇q; the exact vector field is ξ - X. The two parts are
	// those of games if every player has one coordinate, or none of X's blocks has a curl.
	NearScalar []float64
	// Standard errors of a random sample, 0 for product rules.
	PotentialErr, QErr float64
	GradientErr        []float64
}

// PotentialAt evaluates the Gaussian-weighted Hodge decomposition in the sense of Zhou
// et al. (2024) at x, for any game with a C¹ field of polynomial growth, without
// expanding it. With Z ~ N(0, I), y = μ + sin θ (x-μ) + cos θ √v Z and y' = dy/dθ,
//
//	φ(x)  = ∫ E[ξ(y)·y'] dθ,              ∇φ(x) = ∫ E[sin θ J(y)ᵀy' + cos θ ξ(y)] dθ,
//	q(x)  = √v ∫ sin^{n-1}θ E[Z·ξ(y)] dθ,  ∇q(x) = √v ∫ sin^n θ E[J(y)ᵀZ] dθ
//
// over 0 < θ < π/2: Mehler's formula and integration by parts; the formulas are ours. For
// the jet weight they are
//
//	φ(x) = ∫ (x-μ)·ξ(μ+t(x-μ)) dt,  X(x) = (x-μ) q(x),  q(x) = ∫ t^{n-1} div ξ(μ+t(x-μ)) dt
//
// over 0 < t < 1. Jacobians come from the game or by differences (Numeric). With the
// product rule the cost is Angles Nodes^n evaluations, with a sample Sample of them.
//
// Errors: ErrArgument, ErrShape, ErrNotFinite; ErrWeight for unequal variances;
// ErrTooLarge for more than 2^26 points.
func PotentialAt(g Game, w Weight, x []float64, o Quadrature) (*PointParts, error) {
	if g == nil {
		return nil, fmt.Errorf("game: PotentialAt: game = nil, want a game: %w", ErrArgument)
	}
	n := Dim(g)
	if err := checkPoint("x", x, n); err != nil {
		return nil, err
	}
	mean, v, err := w.isotropicOf(n)
	if err != nil {
		return nil, err
	}
	size := n
	if w.Jet {
		size = 0
	}
	if o, err = o.check(size); err != nil {
		return nil, err
	}
	b := &blackBox{g: Numeric(g), n: n, mean: mean, x: x, sd: math.Sqrt(v)}
	for _, s := range []*[]float64{&b.y, &b.slope, &b.xi, &b.jy, &b.jz, &b.gradQ} {
		*s = make([]float64, n)
	}
	b.out.Gradient = make([]float64, n)
	switch {
	case w.Jet:
		b.jet(o.Angles)
	case o.Sample > 0:
		b.sample(o)
	default:
		b.product(o)
	}
	if !w.Jet {
		b.out.NearScalar = make([]float64, n)
		for k := range n {
			b.out.NearScalar[k] = (x[k]-mean[k])/v*b.out.Q - b.gradQ[k]
		}
	}
	if bad := b.out.Potential + b.out.Q + kernel.Sum(b.out.Gradient); math.IsNaN(bad) || math.IsInf(bad, 0) {
		return nil, fmt.Errorf("game: PotentialAt(%v): the field is not finite somewhere near: %w", x, ErrNotFinite)
	}
	return &b.out, nil
}

// isotropicOf returns mean and variance of a weight with equal variances.
func (w Weight) isotropicOf(n int) (mean []float64, v float64, err error) {
	mean, all, err := w.check(n)
	if err != nil {
		return nil, 0, err
	}
	for k, s := range all {
		if s != all[0] {
			return nil, 0, fmt.Errorf("game: Weight.Var[%d] = %v, want the variance %v of all coordinates: %w", k, s, all[0], ErrWeight)
		}
	}
	return mean, all[0], nil
}

// blackBox adds up the integrands at one point x.
type blackBox struct {
	g                           FullGame
	n                           int
	mean, x                     []float64
	sd                          float64
	y, slope, xi, jy, jz, gradQ []float64
	out                         PointParts
	nowPhi, nowQ                float64
}

// add adds weight times the integrands at (z, θ).
func (b *blackBox) add(weight float64, z []float64, sin, cos float64) {
	for k := range b.n {
		b.y[k] = b.mean[k] + sin*(b.x[k]-b.mean[k]) + cos*b.sd*z[k]
		b.slope[k] = cos*(b.x[k]-b.mean[k]) - sin*b.sd*z[k]
	}
	b.g.Field(b.xi, b.y)
	b.g.VJP(b.jy, b.y, b.slope)
	b.g.VJP(b.jz, b.y, z)
	power := math.Pow(sin, float64(b.n-1))
	b.nowPhi = kernel.Dot(b.xi, b.slope)
	b.nowQ = b.sd * power * kernel.Dot(z, b.xi)
	b.out.Potential += weight * b.nowPhi
	b.out.Q += weight * b.nowQ
	kernel.Axpy(weight*sin, b.jy, b.out.Gradient)
	kernel.Axpy(weight*cos, b.xi, b.out.Gradient)
	kernel.Axpy(weight*b.sd*power*sin, b.jz, b.gradQ)
}

// product is the product of Gauss-Hermite rules in Z and Gauss' rule in θ.
func (b *blackBox) product(o Quadrature) {
	node, weight := hermiteRule(o.Nodes)
	angle, width := make([]float64, o.Angles), make([]float64, o.Angles)
	quad.Legendre{}.FixedLocations(angle, width, 0, math.Pi/2)
	z, index := make([]float64, b.n), make([]int, b.n)
	for {
		p := 1.0
		for k, i := range index {
			z[k] = node[i]
			p *= weight[i]
		}
		for i, th := range angle {
			sin, cos := math.Sincos(th)
			b.add(p*width[i], z, sin, cos)
		}
		if !advance(index, o.Nodes) {
			return
		}
	}
}

// advance counts in base top and says whether there is a next number.
func advance(index []int, top int) bool {
	for k := range index {
		if index[k]++; index[k] < top {
			return true
		}
		index[k] = 0
	}
	return false
}

// hermiteRule returns nodes and weights of the standard normal distribution.
func hermiteRule(n int) (node, weight []float64) {
	node, weight = make([]float64, n), make([]float64, n)
	quad.Hermite{}.FixedLocations(node, weight, math.Inf(-1), math.Inf(1))
	kernel.Scal(math.Sqrt2, node)
	kernel.Scal(1/math.Sqrt(math.Pi), weight)
	return node, weight
}

// sample is the mean over random Z and θ.
func (b *blackBox) sample(o Quadrature) {
	z, u, old := make([]float64, b.n), make([]float64, 1), make([]float64, b.n)
	var phi, q moments
	grad := make([]moments, b.n)
	stream := philox.Stream{Seed: o.Seed}
	w := math.Pi / 2 / float64(o.Sample)
	for s := range o.Sample {
		philox.FillNormals(z, stream, philox.Steps, uint64(s))
		philox.FillUniforms(u, stream, philox.Jumps, uint64(s))
		sin, cos := math.Sincos(math.Pi / 2 * u[0])
		copy(old, b.out.Gradient)
		b.add(w, z, sin, cos)
		phi.add(math.Pi / 2 * b.nowPhi)
		q.add(math.Pi / 2 * b.nowQ)
		for k := range grad {
			grad[k].add((sin*b.jy[k] + cos*b.xi[k]) * math.Pi / 2)
		}
	}
	b.out.PotentialErr, b.out.QErr = phi.err(), q.err()
	b.out.GradientErr = make([]float64, b.n)
	for k, m := range grad {
		b.out.GradientErr[k] = m.err()
	}
}

// moments are mean and variance of a stream of numbers (Welford).
type moments struct{ n, mean, m2 float64 }

func (m *moments) add(v float64) {
	m.n++
	d := v - m.mean
	m.mean += d / m.n
	m.m2 += d * (v - m.mean)
}

// err is the standard error of the mean.
func (m *moments) err() float64 { return math.Sqrt(m.m2 / (m.n - 1) / m.n) }

// jet is Gauss' rule on the ray from μ to x.
func (b *blackBox) jet(nodes int) {
	t, weight := make([]float64, nodes), make([]float64, nodes)
	quad.Legendre{}.FixedLocations(t, weight, 0, 1)
	kernel.SubTo(b.slope, b.x, b.mean)
	for i, s := range t {
		kernel.AxpyTo(b.y, s, b.slope, b.mean)
		b.g.Field(b.xi, b.y)
		b.g.VJP(b.jy, b.y, b.slope)
		b.out.Potential += weight[i] * kernel.Dot(b.slope, b.xi)
		kernel.Axpy(weight[i], b.xi, b.out.Gradient)
		kernel.Axpy(weight[i]*s, b.jy, b.out.Gradient)
		b.out.Q += weight[i] * math.Pow(s, float64(b.n-1)) * b.divergence()
	}
	b.out.NearScalar = make([]float64, b.n)
	kernel.Axpy(b.out.Q, b.slope, b.out.NearScalar)
}

// divergence returns the trace of J(y).
func (b *blackBox) divergence() float64 {
	div := 0.0
	clear(b.jz)
	for k := range b.n {
		b.jz[k] = 1
		b.g.JVP(b.xi, b.y, b.jz)
		b.jz[k] = 0
		div += b.xi[k]
	}
	return div
}

// LinePotential returns φ(x) - φ(a) = ∫ ξ(a+t(x-a))·(x-a) dt over 0 < t < 1 of a potential
// game by Gauss' rule with the given number of nodes (0 is 32), exact for polynomial
// losses of degree 2 nodes. Of other games it is the potential of the
// Gaussian-weighted Hodge decomposition in the sense of Zhou et al. (2024), the
// construction ours, in the limit of the jet at a. It panics if a length does not fit or
// nodes is negative.
func LinePotential(g Game, a, x []float64, nodes int) float64 {
	n := Dim(g)
	if len(a) != n || len(x) != n || nodes < 0 {
		panic(fmt.Sprintf("game: LinePotential with len(a) = %d, len(x) = %d, nodes = %d, want lengths %d and nodes >= 0", len(a), len(x), nodes, n))
	}
	if nodes == 0 {
		nodes = 32
	}
	t, weight := make([]float64, nodes), make([]float64, nodes)
	quad.Legendre{}.FixedLocations(t, weight, 0, 1)
	d, y, xi := make([]float64, n), make([]float64, n), make([]float64, n)
	kernel.SubTo(d, x, a)
	phi := 0.0
	for i, s := range t {
		kernel.AxpyTo(y, s, d, a)
		g.Field(xi, y)
		phi += weight[i] * kernel.Dot(d, xi)
	}
	return phi
}
