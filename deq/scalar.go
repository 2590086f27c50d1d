package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Scalar is the risk of the linear deep equilibrium model with scalar output, y =
// w·x + ay, the model of the paper, as an energy over θ = (w, a), of length d+1:
// with m = 1-a and the predictor β = w/m,
//
//	R = R_LS + (β-β_LS)ᵀS(β-β_LS),   g = 2S(β-β_LS),   ∇R = (g, g·β)/m.
//
// Its gradient flow stays on the sphere |w|² + m² = r². A step costs O(d²); the
// arithmetic inside is float64 whatever T is. At the singular centre m = 0 the
// energy is NaN and Caps.Err says so. Scalar keeps scratch memory: it is for one
// goroutine at a time.
type Scalar[T flow.Float] struct {
	data *LinearData
	d    int

	s, star            []float64 // S and β_LS
	beta, e, g, db, dg []float64
	m, delta           float64 // 1-a, R-R_LS
	gb, bb             float64 // β·g, |β|²
	err                error
}

var _ flow.Energy[float64] = (*Scalar[float64])(nil)

// NewScalar returns the model for data with one output. The error wraps ErrShape.
func NewScalar[T flow.Float](data *LinearData) (*Scalar[T], error) {
	n, d := data.Dims()
	if n != 1 {
		return nil, fmt.Errorf("deq: data with %d outputs, want 1 (see Linear): %w", n, ErrShape)
	}
	s := &Scalar[T]{data: data, d: d, s: data.s.Data, star: data.wls.Data}
	for _, v := range []*[]float64{&s.beta, &s.e, &s.g, &s.db, &s.dg} {
		*v = make([]float64, d)
	}
	return s, nil
}

// Dim returns d+1.
func (s *Scalar[T]) Dim() int { return s.d + 1 }

// check panics unless theta has length d+1.
func (s *Scalar[T]) check(theta []T) {
	if len(theta) != s.d+1 {
		panic(fmt.Sprintf("deq: parameters of length %d, want d+1 = %d", len(theta), s.d+1))
	}
}

// errCentre is shared, so that an evaluation does not allocate.
var errCentre = fmt.Errorf("deq: 1 - a = 0, the singular centre: %w", ErrSingular)

// solve computes β, g and the risk.
func (s *Scalar[T]) solve(theta []T) bool {
	s.check(theta)
	s.err, s.delta = nil, math.NaN()
	s.m = 1 - float64(theta[s.d])
	if s.m == 0 {
		s.err = errCentre
		return false
	}
	inv := 1 / s.m
	beta, e := s.beta, s.e
	for i, w := range theta[:s.d] {
		b := float64(w) * inv
		beta[i], e[i] = b, b-s.star[i]
	}
	s.delta = s.moments(s.g, e) / 2
	gb, bb := 0.0, 0.0
	for i, b := range beta {
		gb += b * s.g[i]
		bb += b * b
	}
	s.gb, s.bb = gb, bb
	return true
}

// moments stores 2Sx in dst and returns its product with x.
func (s *Scalar[T]) moments(dst, x []float64) float64 {
	if s.d >= 16 { // below, a loop is faster than two calls
		kernel.Gemv(dst, 2, kernel.MatrixOf(s.d, s.d, s.s), x, 0)
		return kernel.Dot(dst, x)
	}
	dst = dst[:len(x)]
	quad := 0.0
	for i := range dst {
		row, sum := s.s[i*s.d:][:len(x)], 0.0
		for j, v := range x {
			sum += row[j] * v
		}
		dst[i] = 2 * sum
		quad += 2 * sum * x[i]
	}
	return quad
}

// EnergyGrad returns R(θ) and stores its gradient in grad unless that is nil.
func (s *Scalar[T]) EnergyGrad(grad, theta []T) float64 {
	if !s.solve(theta) {
		fill(grad)
		return math.NaN()
	}
	if grad != nil {
		s.put(grad, 1/s.m)
	}
	return s.data.RiskLS + s.delta
}

// put stores c (g, g·β) in dst.
func (s *Scalar[T]) put(dst []T, c float64) {
	s.check(dst)
	for i, g := range s.g {
		dst[i] = T(c * g)
	}
	dst[s.d] = T(c * s.gb)
}

// Field returns the flow of a backward rule with the risk as its energy: that of the
// exact gradient times Rule.Share(a) (paper: on the same circle, at another
// speed). It shares the scratch memory of s. The error wraps ErrArgument.
func (s *Scalar[T]) Field(rule Backward) (flow.EnergyField[T], error) {
	if err := rule.check(); err != nil {
		return nil, err
	}
	if rule.Rule == Exact {
		return flow.GradientFlow[T](s), nil
	}
	caps := s.Caps()
	caps.HessVec = nil
	return &ruleField[T]{s.Dim(), func(dst, theta []T) (risk, slope float64) {
		if !s.solve(theta) {
			fill(dst)
			return math.NaN(), math.NaN()
		}
		risk = s.data.RiskLS + s.delta
		if dst == nil {
			return risk, math.NaN()
		}
		f := rule.Factor(float64(theta[s.d]))
		s.put(dst, -f)
		return risk, -f / s.m * (kernel.SumSq(s.g) + s.gb*s.gb)
	}, caps}, nil
}

// HessVec stores ∇²R(θ) p in dst, with p = (δw, δa) and V = g/m:
//
//	δβ = (δw + δa β)/m,  δV = (2S δβ + δa V)/m,  ∇²R p = (δV, δV·β + V·δβ).
func (s *Scalar[T]) HessVec(dst, theta, p []T) {
	s.check(p)
	s.check(dst)
	if !s.solve(theta) {
		fill(dst)
		return
	}
	inv, da := 1/s.m, float64(p[s.d])
	for i, b := range s.beta {
		s.db[i] = (float64(p[i]) + da*b) * inv
	}
	s.moments(s.dg, s.db)
	last := 0.0
	for i, b := range s.beta {
		v := s.g[i] * inv
		dv := (s.dg[i] + da*v) * inv
		last += dv*b + v*s.db[i]
		dst[i] = T(dv)
	}
	dst[s.d] = T(last)
}

// Radius returns r, the distance of θ from the singular centre (0, 1), which the flow
// of every backward rule conserves.
func (s *Scalar[T]) Radius(theta []T) float64 { return math.Sqrt(s.radius2(theta)) }

func (s *Scalar[T]) radius2(theta []T) float64 {
	s.check(theta)
	m := 1 - float64(theta[s.d])
	sum := m * m
	for _, w := range theta[:s.d] {
		sum += float64(w) * float64(w)
	}
	return sum
}

// Caps are the Hessian-vector product, the failure of the last evaluation and the
// invariant |w|²+(1-a)².
func (s *Scalar[T]) Caps() flow.Caps[T] {
	return flow.Caps[T]{
		Autonomous: true,
		HessVec:    s.HessVec,
		Err:        func() error { return s.err },
		Invariants: []flow.Invariant[T]{{Name: "|w|²+(1-a)²", Value: s.radius2}},
	}
}

// SafeStep returns the learning rate of the theorem for the present point,
//
//	η = m² min{1/(2|β·g|), 1/(4 λ_max(S)(1+|β|²))},   m² = r²/(1+|β|²),
//
// and h = η/m²: the step with it leaves the sign of m and gives R' - R_LS <= (1 -
// (4/3) λ_min(S) h)(R - R_LS). Both are NaN at the centre.
func (s *Scalar[T]) SafeStep(theta []T) (eta, h float64) {
	if !s.solve(theta) {
		return math.NaN(), math.NaN()
	}
	h = s.safe()
	return s.m * s.m * h, h
}

// safe is h of SafeStep at the point last evaluated.
func (s *Scalar[T]) safe() float64 {
	return min(1/(2*math.Abs(s.gb)), 1/(4*s.data.LambdaMax*(1+s.bb)))
}

// Limit returns the point to which the gradient flow from θ converges: the
// intersection of its sphere with the line of least risk,
//
//	w_∞ = m_∞ β_LS,  m_∞ = sign(m) r/sqrt(1+|β_LS|²),
//
// stored as (w, 1-m) in dst. If S is singular, it is where the flow from a w in the
// range of S ends. The error wraps ErrSingular or ErrNotFinite.
func (s *Scalar[T]) Limit(dst, theta []T) error {
	if err := s.at(theta); err != nil {
		return err
	}
	s.check(dst)
	m := math.Copysign(math.Sqrt(s.radius2(theta)/(1+kernel.SumSq(s.star))), s.m)
	for i, b := range s.star {
		dst[i] = T(m * b)
	}
	dst[s.d] = T(1 - m)
	return nil
}

// at is solve with an error.
func (s *Scalar[T]) at(theta []T) error {
	s.check(theta)
	if err := finite("theta", theta); err != nil {
		return err
	}
	s.solve(theta)
	return s.err
}
