package infogeo

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Method is a way of descending a Kullback-Leibler divergence in steps of size α.
type Method int

const (
	// NGDEta is natural gradient descent in η: η ← η - α G ∇_η L, mirror descent on θ
	// with the potential ψ. For Forward it is p ← (1-α)p + αq, exactly.
	NGDEta Method = iota
	// NGDTheta is natural gradient descent in θ: θ ← θ - α G⁻¹ ∇_θ L, mirror descent on
	// η with the potential φ (exponentiated gradients), and Newton's method on
	// ψ(θ) - θ·η_q for Forward and α = 1. For Reverse it is
	// θ ← θ_q + (1-α)(θ-θ_q), exactly.
	NGDTheta
	// NGDGeodesic follows the Fisher-Rao geodesic along the natural gradient.
	NGDGeodesic
	// GDTheta is gradient descent in θ.
	GDTheta
	// GDEta is gradient descent in η. It leaves the simplex if α is too large relative
	// to min p_i²/q_i.
	GDEta
	// GDLogits is gradient descent in the logits.
	GDLogits
)

var methodNames = [...]string{"ngd_eta", "ngd_theta", "ngd_geodesic", "gd_theta", "gd_eta", "gd_logits"}

// String returns ngd_eta, ngd_theta, ngd_geodesic, gd_theta, gd_eta or gd_logits.
func (m Method) String() string {
	if m < 0 || int(m) >= len(methodNames) {
		return fmt.Sprintf("Method(%d)", int(m))
	}
	return methodNames[m]
}

// flowOf is the flow that the method discretises.
func (m Method) flowOf() KLFlowOptions {
	switch m {
	case NGDTheta:
		return KLFlowOptions{Geometry: Natural, Coords: ThetaCoords}
	case GDTheta:
		return KLFlowOptions{Geometry: EuclideanTheta, Coords: ThetaCoords}
	case GDEta:
		return KLFlowOptions{Geometry: EuclideanEta, Coords: EtaCoords}
	case GDLogits:
		return KLFlowOptions{Geometry: EuclideanLogits, Coords: LogitCoords}
	}
	return KLFlowOptions{Geometry: Natural, Coords: EtaCoords}
}

// DescentOptions says what NewDescent makes.
type DescentOptions struct {
	Method Method
	Loss   Loss
	// Alpha is the step size α, > 0.
	Alpha float64
	// Decay makes it α_k = α/(1 + Decay k), the rule of Robbins and Monro; with
	// α = Decay = 1 natural gradient descent in η averages the targets it is shown.
	Decay float64
	// Backtrack halves a step that would leave the simplex until it does not, instead
	// of reporting a *LeftDomainError.
	Backtrack bool
}

// Descent is a discrete-time method on the simplex. Its state are θ (n numbers), η (n)
// or the logits (K), as the method says. It holds scratch memory: one value per
// goroutine.
type Descent[T flow.Float] struct {
	f     *KLFlow[T]
	opt   DescentOptions
	limit float64
	v, u  []T
}

// NewDescent makes a method with the target q and the reference state ref. The error
// wraps ErrInvalid, or ErrBoundary if a probability is zero.
func NewDescent[T flow.Float](q []T, ref int, o DescentOptions) (*Descent[T], error) {
	if o.Method < 0 || int(o.Method) >= len(methodNames) {
		return nil, fmt.Errorf("infogeo: Method = %v, want one of the six: %w", o.Method, ErrInvalid)
	}
	if !(o.Alpha > 0) || math.IsInf(o.Alpha, 1) {
		return nil, fmt.Errorf("infogeo: Alpha = %v, want a finite number > 0: %w", o.Alpha, ErrInvalid)
	}
	if !(o.Decay >= 0) || math.IsInf(o.Decay, 1) {
		return nil, fmt.Errorf("infogeo: Decay = %v, want a finite number >= 0: %w", o.Decay, ErrInvalid)
	}
	fo := o.Method.flowOf()
	fo.Loss = o.Loss
	f, err := NewKLFlow(q, ref, fo)
	if err != nil {
		return nil, err
	}
	d := &Descent[T]{f: f, opt: o, v: make([]T, len(q)), u: make([]T, len(q))}
	d.limit = d.stabilityLimit()
	return d, nil
}

// stabilityLimit is 2 over the greatest eigenvalue of the linearisation at q.
func (d *Descent[T]) stabilityLimit() float64 {
	q := d.f.pt.q
	p := make([]float64, len(q))
	for i, v := range q {
		p[i] = float64(v)
	}
	n := len(p) - 1
	switch d.opt.Method {
	case GDTheta:
		return extremes(p[:n], p[n]).LimitTheta
	case GDEta:
		return extremes(p[:n], p[n]).LimitEta
	case GDLogits:
		return 2 / logitMax(p)
	}
	return 2
}

// logitMax is the greatest eigenvalue of diag(p) - p pᵀ.
func logitMax(p []float64) float64 {
	o := orderOf(p)
	if o.equalTop {
		return o.max
	}
	s := secular{p, 0}
	mu, _ := s.solve(o.second, o.max, o.second+(o.max-o.second)/2)
	return mu
}

// Limit returns the step size above which the method does not converge to the target
// from nearby: 2/λ_n for GDTheta, 2 λ_1 for GDEta, 2 for natural gradients.
func (d *Descent[T]) Limit() float64 { return d.limit }

// Unstable says whether the step size is above Limit.
func (d *Descent[T]) Unstable() bool { return d.opt.Alpha > d.limit }

// Flow returns the gradient flow that the method discretises. It shares scratch memory
// with the method.
func (d *Descent[T]) Flow() *KLFlow[T] { return d.f }

// Dim returns the length of the state.
func (d *Descent[T]) Dim() int { return d.f.Dim() }

// FromP stores the state of the distribution p in x; see KLFlow.FromP.
func (d *Descent[T]) FromP(x, p []T) error { return d.f.FromP(x, p) }

// P stores the distribution of the state x in p; see KLFlow.P.
func (d *Descent[T]) P(p, x []T) { d.f.P(p, x) }

// Loss returns the divergence at the state x.
func (d *Descent[T]) Loss(x []T) float64 {
	e, _ := d.f.EvalEnergy(nil, x, 0)
	return e
}

// alpha is the step size of step k.
func (d *Descent[T]) alpha(k int) float64 { return d.opt.Alpha / (1 + d.opt.Decay*float64(k)) }

// Step stores the state after step k (from 0) from x in dst and returns the loss at x.
// The error is a *LeftDomainError if the step leaves the simplex (dst then holds where
// it leads), or a *DivergedError if it is not finite. dst and x do not overlap. Step
// does not allocate unless it fails.
func (d *Descent[T]) Step(dst, x []T, k int) (loss float64, err error) {
	checkLens(d.Dim(), len(dst), len(x))
	a := d.alpha(k)
	if d.opt.Method == GDTheta && d.opt.Loss == Forward {
		pt := d.f.pt
		loss = ThetaStep(dst, x, pt.q, nil, a)
		return loss, d.finite(dst, x, k, loss)
	}
	loss, _ = d.f.EvalEnergy(d.v[:d.Dim()], x, 0)
	if !d.f.pt.ok {
		return loss, d.outside(x, k)
	}
	const halvings = 60
	for i := 0; ; i++ {
		d.move(dst, x, a)
		if d.f.opt.Coords != EtaCoords {
			return loss, d.finite(dst, x, k, loss)
		}
		if err = d.inside(dst, k); err == nil || !d.opt.Backtrack || i == halvings {
			return loss, err
		}
		a /= 2
	}
}

// move makes the step of size a along the field in v.
func (d *Descent[T]) move(dst, x []T, a float64) {
	pt, n := d.f.pt, d.f.pt.n
	switch {
	case d.opt.Method == NGDEta && d.opt.Loss == Forward:
		MixStep(dst, x, pt.q[:n], a)
	case d.opt.Method == NGDTheta && d.opt.Loss == Reverse:
		kernel.AxpyTo(dst, T(1-a), pt.tau, pt.thetaQ)
	case d.opt.Method == NGDGeodesic:
		d.geodesic(dst, a)
	default:
		kernel.AxpyTo(dst, T(a), d.v[:len(dst)], x)
	}
}

// geodesic follows the great circle of √p: with w = a p'/(2√p) it ends at
// (cos|w| √p + sin|w|/|w| w)², if no component has changed its sign; such a component is
// stored with a minus.
func (d *Descent[T]) geodesic(dst []T, a float64) {
	pt, n := d.f.pt, d.f.pt.n
	v, w := d.v, d.u
	v[n] = T(-kernel.Sum(v[:n]))
	for i, p := range pt.p {
		w[i] = T(a / 2 * float64(v[i]) / math.Sqrt(float64(p)))
	}
	r := kernel.Nrm2(w)
	c, s := math.Cos(r), 1.0
	if r > 0 {
		s = math.Sin(r) / r
	}
	for i, p := range pt.p {
		u := c*math.Sqrt(float64(p)) + s*float64(w[i])
		w[i] = T(u * math.Abs(u))
	}
	copy(dst, w[:n])
}

// finite returns a *DivergedError if dst is not finite.
func (d *Descent[T]) finite(dst, x []T, k int, loss float64) error {
	if kernel.AllFinite(dst) && !math.IsNaN(loss) {
		return nil
	}
	return &DivergedError{Step: k, Loss: loss, Next: math.NaN(), LastState: float64s(x)}
}

// inside returns a *LeftDomainError if η is outside the simplex.
func (d *Descent[T]) inside(eta []T, k int) error {
	low := d.f.pt.q[d.f.pt.n] // p_r as the point computes it, from the deviations
	for i, v := range eta {
		if !(v > 0) {
			return d.outside(eta, k)
		}
		low -= v - d.f.pt.q[i]
	}
	if d.opt.Method == NGDGeodesic && !(d.u[len(eta)] > 0) || !(low > 0) {
		return d.outside(eta, k)
	}
	return nil
}

// outside makes the *LeftDomainError of a point, with the state in the order of the
// target.
func (d *Descent[T]) outside(eta []T, k int) error {
	n, ref := d.f.pt.n, d.f.ref
	for i, v := range eta {
		if !(v > 0) {
			if i >= ref {
				i++
			}
			return &LeftDomainError{Step: k, Index: i, Value: float64(v)}
		}
	}
	pr := 1 - kernel.Sum(eta)
	if d.opt.Method == NGDGeodesic {
		pr = float64(d.u[n])
	}
	return &LeftDomainError{Step: k, Index: ref, Value: pr}
}

func float64s[T flow.Float](x []T) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// rises says whether the loss rose tenfold, beyond what rounding does at the target.
func (d *Descent[T]) rises(before, after float64) bool {
	eps := 0x1p-52
	if unsafe.Sizeof(T(0)) == 4 {
		eps = 0x1p-23
	}
	floor := 1e4 * float64(d.f.pt.n+1) * eps * eps
	return !(after <= 10*before || after <= floor)
}

// Map returns the method as an Integrator of flow, with unit steps: a run has
// checkpoints, recorders and stop rules. A step that leaves the simplex, or a loss that
// rose tenfold since the step before or is not finite, ends it with an error that
// errors.As finds; the run keeps the last valid state.
func (d *Descent[T]) Map() flow.Integrator[T] {
	last := math.Inf(1)
	return flow.MapFunc(d.Dim(), func(dst, x []T, k int) error {
		loss, err := d.Step(dst, x, k)
		if k > 0 && d.rises(last, loss) {
			return &DivergedError{Step: k - 1, Loss: last, Next: loss, LastState: float64s(x)}
		}
		last = loss
		return err
	})
}

// SetTarget replaces the target by q, in the order of the first one; the spectrum that
// Limit is about stays that of the first. Zeros are allowed, as a mini-batch has them,
// for methods whose step needs no log q: all with the loss Forward. The error wraps
// ErrInvalid or ErrBoundary. It does not allocate unless it fails.
func (d *Descent[T]) SetTarget(q []T) error {
	checkLens(d.f.pt.n+1, len(q))
	if d.opt.Loss == Reverse {
		if err := checkInterior("q", q); err != nil {
			return err
		}
	} else if err := checkDistribution("q", q); err != nil {
		return err
	}
	d.setTarget(q)
	return nil
}

func (d *Descent[T]) setTarget(q []T) {
	pt := d.f.pt
	toLast(pt.q, q, d.f.ref)
	if d.opt.Loss == Reverse {
		thetaOf(pt.thetaQ, pt.q, pt.n)
	}
}

// LossTo returns the divergence of the state x to another target than that of the
// steps, KL(q‖p) or KL(p‖q), with q in the order of the target.
func (d *Descent[T]) LossTo(q, x []T) float64 {
	checkLens(d.f.pt.n+1, len(q))
	d.f.P(d.u, x)
	if d.opt.Loss == Reverse {
		return KL(d.u, q)
	}
	return KL(q, d.u)
}

// Target stores the target in q.
func (d *Descent[T]) Target(q []T) { fromLast(q, slices.Clone(d.f.pt.q), d.f.ref) }
