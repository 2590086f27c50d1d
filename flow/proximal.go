package flow

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Proximal is the implicit Euler method on a gradient flow as the proximal point
// step (Martinet 1970; Rockafellar, SIAM J. Control Optim. 14 (1976) 877)
//
//	y = argmin φ,  φ(y) = E(y) + ‖y-x‖²/(2h),
//
// by Newton's method with Cholesky factors and a line search on φ that starts at
// x. Since φ only falls and φ(x) = E(x), every step h > 0, convex E or not, has
//
//	E(y) + ‖y-x‖²/(2h) <= E(x).
//
// For E that is not convex and large h the point found need not be the global
// minimum of φ. Dense output is linear. The field must be a GradientFlow. The order is 1, the error
// estimate that of ImplicitEuler. Runs backward in time are refused.
var Proximal Method = proximalMethod{}

type proximalMethod struct{}

func (proximalMethod) String() string         { return "Proximal" }
func (proximalMethod) Order() int             { return 1 }
func (proximalMethod) controller() Controller { return implicitControl }
func (proximalMethod) implicit()              {}

const (
	proximalMax = 100  // Newton iterations of a step
	armijo      = 1e-4 // part of the predicted decrease that the line search wants
	shortest    = 1e-9 // part of the Newton step at which it gives up
	maxShift    = 40   // halvings of the shift until the matrix is definite
)

// proximal advances a gradient flow by Proximal.
type proximal[T Float] struct {
	ends[T]
	lin     shifted[T]
	g, p, z []T // -h∇φ, the Newton step, trial point
	fz      []T
}

// newProximal returns the integrator, or one that says what is wrong.
func newProximal[T Float](f Field[T], name string, krylov bool) Integrator[T] {
	r := &proximal[T]{ends: newEnds(f, name, 0), lin: newShifted(f, krylov)}
	if err := needsGradientFlow(name, &r.ends); err != nil {
		return unusable[T]{err}
	}
	return r
}

// needsGradientFlow says what a field lacks for a method of gradient flows.
func needsGradientFlow[T Float](name string, e *ends[T]) error {
	if e.ef == nil || !e.caps.Descends {
		return fmt.Errorf("flow: %s needs a field that is a GradientFlow (an EnergyField whose Caps say Descends), got %T: %w", name, e.f, ErrArgument)
	}
	return nil
}

// Init implements Integrator.
func (r *proximal[T]) Init(s Start[T], tr *Trial) error {
	if s.Dir < 0 {
		return fmt.Errorf("flow: %s backward in time: its step is a minimum forward only, use ImplicitEuler: %w", r.name, ErrArgument)
	}
	if err := r.ends.init(&s, tr, 2, false, 0); err != nil {
		return err
	}
	if n := len(s.X); r.g == nil || len(r.g) != n {
		v := arena[T](4, n)
		r.g, r.p, r.z, r.fz = v[0], v[1], v[2], v[3]
	}
	return r.lin.init(len(s.X), &r.tol)
}

// Try implements Integrator.
func (r *proximal[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	if err := r.minimise(tr, x, t, h); err != nil {
		r.fail(tr, next, x, err)
		return
	}
	copy(next, r.y)
	r.num[endHave1] = 1
	kernel.SubTo(r.p, r.f1, r.f0)
	kernel.Scal(T(h/2), r.p)
	if err := r.lin.solve(tr, r.p, r.p, newtonAccuracy); err != nil {
		r.fail(tr, next, x, err)
		return
	}
	tr.Err = weightedNorm(&r.tol, r.p, x, next)
	r.complete(tr, next)
	if r.want.Dissipate {
		tr.Dissipated = -h * tr.Slope1
	}
}

// minimise leaves the minimum of φ in y, with f and the energy there in f1 and
// num.
func (r *proximal[T]) minimise(tr *Trial, x []T, t, h float64) error {
	copy(r.y, x)
	copy(r.f1, r.f0)
	energy, slope := r.num[endE0], r.num[endSlope0]
	phi, norm, full := energy, math.Inf(1), true
	for i := range proximalMax {
		r.residual(r.g, r.y, r.f1, x, h)
		last := norm
		norm = kernel.Nrm2(r.g)
		// The matrix stays as long as the iteration converges fast with it.
		if i == 0 || !full || norm > slowNewton*last {
			r.lin.linearise(tr, r.y, r.f1, t+h)
			if err := r.shift(tr, h); err != nil {
				return err
			}
		}
		if err := r.lin.solve(tr, r.p, r.g, newtonAccuracy); err != nil {
			return err
		}
		r.num[endE1], r.num[endSlope1] = energy, slope
		size := float64(kernel.MaxAbs(r.p))
		if weightedNorm(&r.tol, r.p, x, r.y) <= newtonAccuracy || size <= epsOf[T]()*float64(kernel.MaxAbs(r.y)) {
			return nil
		}
		drop := float64(kernel.Dot(r.g, r.p)) / h // -∇φ·p
		// Where φ cannot tell the points apart any more its gradient still can.
		fuzz := 8 * epsOf[T]() * (math.Abs(phi) + math.Abs(energy))
		flat := drop <= 20*fuzz
		full = true
		for a := 1.0; ; a, full = a/2, false {
			if a < shortest {
				return ErrNoConvergence
			}
			kernel.AxpyTo(r.z, T(a), r.p, r.y)
			e, s := r.eval(tr, r.fz, r.z, t+h)
			kernel.SubTo(r.tmp, r.z, x)
			v := e + kernel.SumSq(r.tmp)/(2*h)
			if flat {
				r.residual(r.tmp, r.z, r.fz, x, h)
				if !(v <= phi+fuzz && kernel.Nrm2(r.tmp) < 0.5*norm) {
					return nil
				}
			}
			if flat || v <= phi-armijo*a*drop {
				phi, energy, slope = v, e, s
				break
			}
		}
		r.y, r.z = r.z, r.y
		r.f1, r.fz = r.fz, r.f1
	}
	return ErrNoConvergence
}

// residual stores -h∇φ(y) = h f - (y - x) in dst, f = f(y).
func (r *proximal[T]) residual(dst, y, f, x []T, h float64) {
	kernel.SubTo(dst, x, y)
	kernel.Axpy(T(h), f, dst)
}

// DenseDegree implements Interpolator.
func (r *proximal[T]) DenseDegree() int { return 1 }

// At implements Interpolator by the line between the ends of the step, which is of
// the order of the method. Slopes there would be the gradient times h, which in stiff
// directions is no part of the motion.
func (r *proximal[T]) At(dst []T, theta float64) {
	kernel.SubTo(dst, r.y, r.x0)
	kernel.Axpby(1, r.x0, T(theta), dst)
}

// shift prepares I - sJ with s = h, or so much less that the matrix is positive
// definite and (I - sJ)⁻¹ g a direction of descent.
func (r *proximal[T]) shift(tr *Trial, h float64) error {
	err := ErrSingular
	for s, i := h, 0; i < maxShift; s, i = s/2, i+1 {
		if err = r.lin.factor(tr, s); err != nil {
			continue
		}
		if r.lin.by != byCG {
			return nil
		}
		// Conjugate gradients find out by solving.
		if err = r.lin.solve(tr, r.p, r.g, newtonAccuracy); err == nil {
			return nil
		}
	}
	return err
}
