package flow

import (
	"github.com/gradflow/gradflow/flow/kernel"
)

// rosenbrockTable is a linearly implicit Runge-Kutta method of Rosenbrock's type
// in the form of Hairer and Wanner, Solving ODEs II, IV.7, with J = ∂f/∂x(t, x):
//
//	(I/(hγ) - J) U_i = f(t + c_i h, x + Σ_{j<i} a_ij U_j) + h d_i ∂f/∂t(t, x) + (1/h) Σ_{j<i} C_ij U_j,
//	y = x + Σ b_i U_i,  err = Σ e_i U_i,
//	x(t+θh) = (1-θ) x + θ (y + (1-θ)(K_1 + θ(K_2 + θ K_3))),  K_j = Σ_i H_ji U_i.
type rosenbrockTable struct {
	name            string
	order, embedded int
	gamma           float64
	a, cc           [][]float64 // cc is C
	c, d, b, e      []float64
	h               [][]float64 // of dense output
}

func (m *rosenbrockTable) String() string { return m.name }
func (m *rosenbrockTable) Order() int     { return m.order }

func (m *rosenbrockTable) controller() Controller { return implicitControl }

func (m *rosenbrockTable) implicit() {}

// implicitControl is the controller of implicit methods: the elementary one, with
// smaller jumps.
var implicitControl = ErrorControl{Beta1: 1, MaxFac: 6}

// How exactly iterations solve the systems, in units of the tolerance: the
// coefficients of a Rosenbrock method amplify the rest.
const (
	rosenbrockAccuracy = 1e-3
	newtonAccuracy     = 1e-2
)

// pointwise is what methods share that take a new Jacobian at every point.
type pointwise[T Float] struct {
	ends[T]
	lin  shifted[T]
	dT   []T  // ∂f/∂t
	have bool // the Jacobian and dT are those of the current point
}

func newPointwise[T Float](f Field[T], name string, krylov bool) pointwise[T] {
	return pointwise[T]{ends: newEnds(f, name, 0), lin: newShifted(f, krylov)}
}

// begin is the start of Try.
func (r *pointwise[T]) begin(tr *Trial, x []T, t, h float64) {
	r.ends.begin(tr, x, t, h)
	if !r.have {
		r.lin.linearise(tr, x, r.f0, t)
		r.lin.timeDeriv(tr, r.dT, x, r.f0, t, h)
		r.have = true
	}
}

// Accept implements Integrator.
func (r *pointwise[T]) Accept() {
	r.ends.Accept()
	r.have = false
}

// Touch implements Integrator.
func (r *pointwise[T]) Touch() {
	r.ends.Touch()
	r.have = false
}

// rosenbrockODE advances a field by a rosenbrockTable.
type rosenbrockODE[T Float] struct {
	pointwise[T]
	tab   *rosenbrockTable
	a, cc [][]T
	b, e  []T
	dense [][]T // the table's h
	u     [][]T
	rhs   []T
}

func newRosenbrock[T Float](f Field[T], tab *rosenbrockTable, name string, krylov bool) *rosenbrockODE[T] {
	return &rosenbrockODE[T]{pointwise: newPointwise(f, name, krylov), tab: tab,
		a: convertRows[T](tab.a), cc: scaledRows[T](tab.gamma, tab.cc), b: convert[T](tab.b), e: convert[T](tab.e), dense: convertRows[T](tab.h)}
}

// scaledRows is c·a.
func scaledRows[T Float](c float64, a [][]float64) [][]T {
	r := make([][]T, len(a))
	for i, row := range a {
		for _, v := range row {
			r[i] = append(r[i], T(c*v))
		}
	}
	return r
}

// convertRows returns the rows of a as slices of T, a itself if that is its type:
// not to be written to.
func convertRows[T Float](a [][]float64) [][]T {
	if r, ok := any(a).([][]T); ok {
		return r
	}
	r := make([][]T, len(a))
	for i, row := range a {
		r[i] = convert[T](row)
	}
	return r
}

// controllerOrder is the exponent k with which the error estimate behaves as h^k.
func (r *rosenbrockODE[T]) controllerOrder() int { return min(r.tab.order, r.tab.embedded) + 1 }

// Init implements Integrator.
func (r *rosenbrockODE[T]) Init(s Start[T], tr *Trial) error {
	if err := r.ends.init(&s, tr, r.controllerOrder(), false, 0); err != nil {
		return err
	}
	return r.allocate(len(s.X))
}

// ready takes the memory for a run and forgets the last one, without an
// evaluation.
func (r *rosenbrockODE[T]) ready(s *Start[T]) error {
	if err := r.ends.ready(s, 0); err != nil {
		return err
	}
	return r.allocate(len(s.X))
}

// allocate takes the memory for dimension n, without a Jacobian yet.
func (r *rosenbrockODE[T]) allocate(n int) error {
	if r.dT == nil || len(r.dT) != n {
		m := len(r.b)
		v := arena[T](m+2, n)
		r.u, r.dT, r.rhs = v[:m], v[m], v[m+1]
	}
	r.have = false
	return r.lin.init(n, &r.tol)
}

// Try implements Integrator.
func (r *rosenbrockODE[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	s := h * r.tab.gamma
	if err := r.lin.factor(tr, s); err != nil {
		r.fail(tr, next, x, err)
		return
	}
	for i := range r.u {
		if err := r.stage(tr, i, s); err != nil {
			r.fail(tr, next, x, err)
			return
		}
	}
	combine(next, x, 1, r.b, r.u)
	tr.Err = errorNorm(&r.tol, 1, r.e, r.u, r.tmp, x, next)
	r.complete(tr, next)
	r.dissipate(tr, r)
}

// stage computes U_i, the system being multiplied by s = hγ. The coefficients cc
// are γ C_ij.
func (r *rosenbrockODE[T]) stage(tr *Trial, i int, s float64) error {
	f := r.f0
	if i > 0 {
		f = r.rhs
		combine(r.tmp, r.x0, 1, r.a[i], r.u[:i])
		r.f.Eval(f, r.tmp, r.t0+r.tab.c[i]*r.h)
		tr.Evals++
	}
	u, d := r.u[i], r.tab.d[i]
	if r.caps.Autonomous {
		d = 0
	}
	if len(u) <= smallDim {
		sT, dT, cc := T(s), T(s*r.h*d), r.cc[i]
		for j := range u {
			v := sT*f[j] + dT*r.dT[j]
			for l, ul := range r.u[:i] {
				v += cc[l] * ul[j]
			}
			u[j] = v
		}
		return r.lin.solve(tr, u, u, rosenbrockAccuracy)
	}
	copy(u, f)
	kernel.Scal(T(s), u)
	if d != 0 {
		kernel.Axpy(T(s*r.h*d), r.dT, u)
	}
	kernel.LincombTo(u, u, 1, r.cc[i], r.u[:i])
	return r.lin.solve(tr, u, u, rosenbrockAccuracy)
}

// combine stores x + h Σ c_l k_l in dst. In a few dimensions calls would cost
// more than the sums.
func combine[T Float](dst, x []T, h T, c []T, k [][]T) {
	if len(dst) > smallDim {
		kernel.LincombTo(dst, x, h, c, k)
		return
	}
	c = c[:len(k)]
	for j := range dst {
		var s T
		for l, v := range k {
			s += c[l] * v[j]
		}
		dst[j] = x[j] + h*s
	}
}

// DenseDegree implements Interpolator.
func (r *rosenbrockODE[T]) DenseDegree() int { return len(r.dense) + 1 }

// At implements Interpolator.
func (r *rosenbrockODE[T]) At(dst []T, theta float64) {
	w := theta * (1 - theta)
	kernel.AxpyTo(dst, T(-theta), r.x0, r.x0)
	kernel.Axpy(T(theta), r.y, dst)
	for _, row := range r.dense {
		kernel.LincombTo(dst, dst, T(w), row, r.u)
		w *= theta
	}
}
