package flow

import (
	"errors"
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/lanczos"
	"github.com/gradflow/gradflow/internal/philox"
)

// ErrSpectralRadius says that a stabilised explicit method (RKC2, RKL2, ROCK4)
// cannot go on: ten proposals in a row were rejected with errors above ten times
// the tolerance, although the spectral radius of the Jacobian was estimated again.
var ErrSpectralRadius = errors.New("spectral radius unsuitable")

// RadiusReport says what spectral radius ρ of the Jacobian a stabilised explicit
// method works with and how it came by it.
type RadiusReport struct {
	Rho       float64 // ρ in force
	Estimates int     // estimates made, the model's own bounds not counted
	Evals     int     // evaluations of f, or products with the Jacobian, that they took
	Raised    int     // rejections with a scaled error above 10: each made ρ half as large again for the next try
	// Refuted says that the model's own bound (Caps.Radius) was found too small:
	// it was below a Ritz value of the Jacobian. Since then ρ is estimated.
	Refuted bool
}

// RadiusReporter is an Integrator that needs the spectral radius of the Jacobian.
type RadiusReporter interface {
	RadiusReport() RadiusReport
}

const (
	refreshEvery = 25  // accepted steps after which ρ is estimated again
	badError     = 10  // a scaled error that accuracy alone does not explain
	raise        = 1.5 // factor of ρ after such an error
	lanczosSpace = 12  // dimension of the Krylov space for gradient flows
	powerFirst   = 10  // least number of power iterations at the first estimate
	powerLater   = 2   // and from the vector of an earlier one
	powerMost    = 50
	powerTol     = 0.01
	powerSafety  = 1.2
	refutes      = 1.01 // a Ritz value above the bound by this refutes it
)

// The numbers of a radius that a checkpoint saves.
const (
	radiusBase     = iota // bound or estimate
	radiusFactor          // factor of it while steps are rejected
	radiusAge             // accepted steps since the last estimate
	radiusVerified        // accepted steps since the model's bound was verified
	radiusStale           // ρ is to be estimated before the next step
	radiusMoved           // the current point is not that of the last estimate
	radiusSuspect         // the last proposal was rejected
	radiusHaveV           // v is the vector of an earlier power iteration
	radiusDraws           // estimates made: the index of the next random vector
	radiusEvals           // RadiusReport.Evals
	radiusRaised          // RadiusReport.Raised
	radiusRefuted         // RadiusReport.Refuted
	radiusNumbers
)

// radius knows the spectral radius of the Jacobian of f along a run: the bound of
// the model (Caps.Radius) at every point, otherwise an estimate from time to
// time. A gradient flow, whose Jacobian is symmetric, is estimated by Lanczos; what
// matters is then the largest eigenvalue of the Hessian, since directions of
// negative curvature need no stability.
type radius[T Float] struct {
	f       Field[T]
	caps    Caps[T]
	num     []float64
	v       []T // vector of the power iteration; none for gradient flows
	point   []T // scratch
	scratch []T // scratch
	ws      lanczos.Workspace[T]
	mul     func(dst, q []T)
	x       []T // where mul takes the Hessian
	t       float64
	evals   int
	norm    float64 // ‖x‖
}

func newRadius[T Float](f Field[T], caps Caps[T], v, point, scratch []T) radius[T] {
	return radius[T]{f: f, caps: caps, v: v, point: point, scratch: scratch}
}

// reset begins a run, or with keep goes on after an event.
func (r *radius[T]) reset(num []float64, keep bool) {
	r.num = num
	if !keep {
		num[radiusHaveV] = 0
		num[radiusVerified] = refreshEvery
	}
	num[radiusFactor], num[radiusStale], num[radiusMoved], num[radiusSuspect] = 1, 0, 1, 0
	if r.mul == nil {
		r.mul = r.hessVec // made here, once: a method value allocates
	}
}

// accepted notes an accepted step: whatever raised ρ is over.
func (r *radius[T]) accepted() {
	r.num[radiusAge]++
	r.num[radiusVerified]++
	r.num[radiusMoved], r.num[radiusFactor] = 1, 1
}

// rejected notes that a proposal with that error was not accepted.
func (r *radius[T]) rejected(err float64) {
	r.num[radiusStale], r.num[radiusSuspect] = 1, 1
	if !(err <= badError) && !r.trusted() {
		r.num[radiusFactor] *= raise
		r.num[radiusRaised]++
	}
}

// trusted says whether the model's own bound is in use.
func (r *radius[T]) trusted() bool { return r.caps.Radius != nil && r.num[radiusRefuted] == 0 }

// due says whether ρ is to be found anew at the current point.
func (r *radius[T]) due() bool {
	return r.num[radiusStale] == 1 || r.num[radiusAge] >= refreshEvery || r.num[radiusMoved] == 1 && r.trusted()
}

// estimate finds ρ at (x, t), where f is f0, and returns the evaluations of f that
// it took; a product with the Jacobian or Hessian of the model counts as one. A
// value that is not finite leaves ρ as it was, unless there was none.
func (r *radius[T]) estimate(x, f0 []T, t float64) int {
	n := r.num
	r.evals = 0
	base := n[radiusBase]
	switch {
	case len(x) == 0:
		base = 0
	case r.trusted():
		base = r.bound(x, f0, t)
	case n[radiusMoved] == 1 || !r.caps.Descends:
		base, _ = r.measure(x, f0, t)
	}
	n[radiusAge], n[radiusStale], n[radiusMoved], n[radiusSuspect] = 0, 0, 0, 0
	if finite(base) || n[radiusBase] == 0 {
		n[radiusBase] = max(base, 0)
	}
	n[radiusEvals] += float64(r.evals)
	return r.evals
}

// bound is the model's bound. After a rejection, which may mean instability, it is
// compared with a measurement, unless that was done a few steps ago; it is then
// either refuted, and measurements take its place for good, or right.
func (r *radius[T]) bound(x, f0 []T, t float64) float64 {
	rho := r.caps.Radius(x, t)
	if r.num[radiusSuspect] == 0 || r.num[radiusVerified] < refreshEvery {
		return rho
	}
	r.num[radiusVerified] = 0
	if up, low := r.measure(x, f0, t); low > refutes*rho && finite(up) {
		r.num[radiusRefuted] = 1
		return up
	}
	return rho
}

// rho is the spectral radius in force.
func (r *radius[T]) rho() float64 { return r.num[radiusBase] * r.num[radiusFactor] }

// differences returns the relative steps of central and of forward differences,
// the third and the second root of the rounding unit.
func differences[T Float]() (central, forward float64) {
	if unsafe.Sizeof(T(0)) == 4 {
		return 4.9e-3, 3.5e-4
	}
	return 6e-6, 1.5e-8
}

// measure estimates ρ, with a safety margin and without.
func (r *radius[T]) measure(x, f0 []T, t float64) (rho, low float64) {
	r.x, r.t, r.norm = x, t, kernel.Nrm2(x)
	stream := philox.Stream{ID: uint32(r.num[radiusDraws])}
	r.num[radiusDraws]++
	if r.caps.Descends {
		return r.lanczos(stream)
	}
	return r.power(f0, stream)
}

// lanczos is the largest Ritz value of the Hessian in a Krylov space of dimension
// 12 from a random start, and with its residual added the ρ to use: by experience
// 1.000 to 1.013 times the true value.
func (r *radius[T]) lanczos(s philox.Stream) (rho, low float64) {
	theta, resid, err := r.ws.Bound(len(r.x), lanczosSpace, r.mul, s)
	if err != nil {
		return math.NaN(), math.NaN()
	}
	return theta + resid, theta
}

// hessVec stores the product of the Hessian with q, |q| = 1, in dst, by central
// differences of f = -∇E if the model has no product.
func (r *radius[T]) hessVec(dst, q []T) {
	if r.caps.HessVec != nil {
		r.evals++
		r.caps.HessVec(dst, r.x, q)
		return
	}
	r.evals += 2
	delta, _ := differences[T]()
	delta *= 1 + r.norm
	kernel.AxpyTo(r.point, T(delta), q, r.x)
	r.f.Eval(dst, r.point, r.t)
	kernel.AxpyTo(r.point, T(-delta), q, r.x)
	r.f.Eval(r.scratch, r.point, r.t)
	c := T(1 / (2 * delta))
	kernel.Axpby(c, r.scratch, -c, dst)
}

// power is the nonlinear power iteration
//
//	w = f(t, x + δ v/|v|) - f0,  ρ = |w|/δ,  v = w,
//
// with δ = |x| √unit, first from f0 and a random vector in equal parts: f0 alone is
// often too smooth to hold the highest modes. Later it goes on from the last v.
func (r *radius[T]) power(f0 []T, s philox.Stream) (rho, low float64) {
	least := powerLater
	if r.num[radiusHaveV] == 0 {
		least = powerFirst
		r.firstVector(f0, s)
	}
	_, delta := differences[T]()
	if r.norm > 0 {
		delta *= r.norm
	}
	for k, old := 1, 0.0; ; k++ {
		w, now := r.iterate(f0, delta)
		switch {
		case !finite(now):
			return now, now
		case now == 0:
			return 0, 0
		}
		copy(r.v, w)
		if k >= powerMost || k >= least && math.Abs(now-old) <= powerTol*now {
			r.num[radiusHaveV] = 1
			return powerSafety * now, now
		}
		old = now
	}
}

// iterate returns the product of the Jacobian with v/|v|, up to a factor, and its
// norm.
func (r *radius[T]) iterate(f0 []T, delta float64) (w []T, norm float64) {
	w = r.scratch
	length := kernel.Nrm2(r.v)
	r.evals++
	if r.caps.JacVec != nil {
		r.caps.JacVec(w, r.x, r.v, r.t)
		return w, kernel.Nrm2(w) / length
	}
	kernel.AxpyTo(r.point, T(delta/length), r.v, r.x)
	r.f.Eval(w, r.point, r.t)
	kernel.SubTo(w, w, f0)
	return w, kernel.Nrm2(w) / delta
}

// firstVector makes v = f0/|f0| ± g/|g|, g random, with the sign that does not
// cancel.
func (r *radius[T]) firstVector(f0 []T, s philox.Stream) {
	philox.FillNormals(r.v, s, philox.Starts, 0)
	kernel.Scal(T(1/kernel.Nrm2(r.v)), r.v)
	if norm := kernel.Nrm2(f0); norm > 0 {
		sign := math.Copysign(1, float64(kernel.Dot(f0, r.v)))
		kernel.Axpy(T(sign/norm), f0, r.v)
	}
}

func (r *radius[T]) report() RadiusReport {
	n := r.num
	return RadiusReport{Rho: r.rho(), Estimates: int(n[radiusDraws]), Evals: int(n[radiusEvals]), Raised: int(n[radiusRaised]), Refuted: n[radiusRefuted] == 1}
}
