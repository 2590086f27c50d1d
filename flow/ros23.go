package flow

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

const (
	ros23D = 1 / (2 + math.Sqrt2)
	ros23E = 6 + math.Sqrt2
)

// ROS23 is the linearly implicit method of orders 2(3) of Shampine and Reichelt,
// SIAM J. Sci. Comput. 18 (1997) 1 (ode23s of MATLAB), three systems a step with
// one matrix, L-stable, for crude tolerances. It keeps its order with a Jacobian
// that is only approximately right. Dense output of order 2.
var ROS23 Method = ros23Method{}

type ros23Method struct{}

func (ros23Method) String() string         { return "ROS23" }
func (ros23Method) Order() int             { return 2 }
func (ros23Method) controller() Controller { return implicitControl }
func (ros23Method) implicit()              {}

// ros23 advances a field by, with W = I - h d J and T = ∂f/∂t(t, x),
//
//	W k1 = f0 + h d T,  W (k2 - k1) = f(t+h/2, x+h k1/2) - k1,  y = x + h k2,
//	W k3 = f2 - e (k2 - f1) - 2 (k1 - f0) + h d T,  f2 = f(t+h, y),
//	err = h/6 (k1 - 2 k2 + k3).
type ros23[T Float] struct {
	pointwise[T]
	k  [][]T // k1, k2, k3
	fm []T   // f at the middle
}

func newROS23[T Float](f Field[T], name string, krylov bool) *ros23[T] {
	return &ros23[T]{pointwise: newPointwise(f, name, krylov)}
}

// Init implements Integrator.
func (r *ros23[T]) Init(s Start[T], tr *Trial) error {
	if err := r.ends.init(&s, tr, 3, false, 0); err != nil {
		return err
	}
	n := len(s.X)
	if r.dT == nil || len(r.dT) != n {
		v := arena[T](5, n)
		r.k, r.fm, r.dT = v[:3], v[3], v[4]
	}
	r.have = false
	return r.lin.init(n, &r.tol)
}

// Try implements Integrator.
func (r *ros23[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	if err := r.stages(tr, next, x, t, h); err != nil {
		r.fail(tr, next, x, err)
		return
	}
	tr.Err = errorNorm(&r.tol, h/6, ros23Error[T](), r.k, r.tmp, x, next)
	r.complete(tr, next)
	r.dissipate(tr, r)
}

func ros23Error[T Float]() []T { return (&[3]T{1, -2, 1})[:] }

// stages computes k1, k2, the proposal and k3. The unknowns of the systems are
// hk, so that they have the units of the state.
func (r *ros23[T]) stages(tr *Trial, next, x []T, t, h float64) error {
	if err := r.lin.factor(tr, h*ros23D); err != nil {
		return err
	}
	k1, k2, k3 := r.k[0], r.k[1], r.k[2]
	kernel.AxpyTo(k1, T(h*ros23D), r.dT, r.f0)
	if err := r.solve(tr, k1); err != nil {
		return err
	}
	kernel.AxpyTo(r.tmp, T(h/2), k1, x)
	r.f.Eval(r.fm, r.tmp, t+h/2)
	tr.Evals++
	kernel.SubTo(k2, r.fm, k1)
	if err := r.solve(tr, k2); err != nil {
		return err
	}
	kernel.AddTo(k2, k2, k1)
	kernel.AxpyTo(next, T(h), k2, x)
	copy(r.y, next)
	r.finish(tr)
	kernel.AxpyTo(k3, T(h*ros23D), r.dT, r.f1)
	kernel.Axpy(-ros23E, k2, k3)
	kernel.Axpy(ros23E, r.fm, k3)
	kernel.Axpy(-2, k1, k3)
	kernel.Axpy(2, r.f0, k3)
	return r.solve(tr, k3)
}

// solve replaces k by W⁻¹ k.
func (r *ros23[T]) solve(tr *Trial, k []T) error {
	if r.lin.by != byCG && r.lin.by != byGMRES {
		return r.lin.solve(tr, k, k, 0)
	}
	kernel.Scal(T(r.h), k)
	err := r.lin.solve(tr, k, k, newtonAccuracy)
	kernel.Scal(T(1/r.h), k)
	return err
}

// DenseDegree implements Interpolator.
func (r *ros23[T]) DenseDegree() int { return 2 }

// At implements Interpolator: x + h[θ(1-θ)/(1-2d) k1 + θ(θ-2d)/(1-2d) k2].
func (r *ros23[T]) At(dst []T, theta float64) {
	w := r.h * theta / (1 - 2*ros23D)
	kernel.AxpyTo(dst, T(w*(1-theta)), r.k[0], r.x0)
	kernel.Axpy(T(w*(theta-2*ros23D)), r.k[1], dst)
}
