package flow

import (
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
)

// epsOf is the distance from 1 to the next number of type T.
func epsOf[T Float]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 0x1p-23
	}
	return 0x1p-52
}

// differ holds what differencing a field at a point needs.
type differ[T Float] struct {
	f      Field[T]
	caps   Caps[T]
	tol    *Tol
	xd, fd []T // a displaced point and f there
}

// jacobian stores ∂f/∂x(t, x) in jac, row-major: the model's own, else columns of
// its Jacobian-vector product, else forward differences from fx = f(t, x) with
// the displacements √eps·max(|x_j|, AbsTol/RelTol, 1e-5). e is scratch.
func (d *differ[T]) jacobian(tr *Trial, jac, x, fx, e []T, t float64) {
	tr.Jacobians++
	switch {
	case d.caps.Jacobian != nil:
		d.caps.Jacobian(jac, x, t)
	case d.caps.JacVec != nil:
		clear(e)
		for j := range x {
			e[j] = 1
			d.caps.JacVec(d.fd, x, e, t)
			e[j] = 0
			setColumn(jac, j, d.fd)
		}
	default:
		copy(d.xd, x)
		for j := range x {
			d.xd[j] = x[j] + T(d.displacement(j, float64(x[j])))
			delta := d.xd[j] - x[j] // what was really added
			d.f.Eval(d.fd, d.xd, t)
			d.xd[j] = x[j]
			kernel.SubTo(d.fd, d.fd, fx)
			kernel.Scal(1/delta, d.fd)
			setColumn(jac, j, d.fd)
		}
		tr.Evals += len(x)
	}
}

// bandJacobian stores the diagonals of ∂f/∂x(t, x) in jac, J_ij at
// i·width + j-i+Lower, by as many products or differences as there are diagonals:
// columns that far apart share no row (Curtis, Powell and Reid, J. Inst. Math. Appl.
// 13 (1974) 117).
func (d *differ[T]) bandJacobian(tr *Trial, jac, x, fx, e []T, t float64, b Band) {
	tr.Jacobians++
	n, w := len(x), b.width()
	for c := range min(w, n) {
		if d.caps.JacVec != nil {
			clear(e)
			for j := c; j < n; j += w {
				e[j] = 1
			}
			d.caps.JacVec(d.fd, x, e, t)
		} else {
			copy(d.xd, x)
			for j := c; j < n; j += w {
				d.xd[j] = x[j] + T(d.displacement(j, float64(x[j])))
				e[j] = d.xd[j] - x[j]
			}
			d.f.Eval(d.fd, d.xd, t)
			tr.Evals++
			kernel.SubTo(d.fd, d.fd, fx)
		}
		for j := c; j < n; j += w {
			lo, hi := b.rows(j, n)
			for i := lo; i < hi; i++ {
				jac[i*w+j-i+b.Lower] = d.fd[i] / e[j]
			}
		}
	}
}

func (d *differ[T]) displacement(j int, x float64) float64 {
	floor := 1e-5
	if d.tol.Rel > 0 {
		abs := d.tol.Abs
		if d.tol.AbsVec != nil {
			abs = d.tol.AbsVec[j]
		}
		floor = max(floor, abs/d.tol.Rel)
	}
	return math.Sqrt(epsOf[T]()) * max(math.Abs(x), floor)
}

func setColumn[T Float](a []T, j int, col []T) {
	n := len(col)
	for i, v := range col {
		a[i*n+j] = v
	}
}

// product stores J(t, x)·v in dst: the model's own, else a difference of f, for
// gradient flows a central one since it keeps the symmetry better.
func (d *differ[T]) product(tr *Trial, dst, x, fx, v []T, t float64) {
	if d.caps.JacVec != nil {
		d.caps.JacVec(dst, x, v, t)
		return
	}
	norm := kernel.Nrm2(v)
	if norm == 0 {
		clear(dst)
		return
	}
	size := 1 + kernel.Nrm2(x)
	if d.caps.Descends {
		delta := T(math.Cbrt(epsOf[T]()) * size / norm)
		kernel.AxpyTo(d.xd, delta, v, x)
		d.f.Eval(dst, d.xd, t)
		kernel.AxpyTo(d.xd, -delta, v, x)
		d.f.Eval(d.fd, d.xd, t)
		tr.Evals += 2
		kernel.SubTo(dst, dst, d.fd)
		kernel.Scal(1/(2*delta), dst)
		return
	}
	delta := T(math.Sqrt(epsOf[T]()) * size / norm)
	kernel.AxpyTo(d.xd, delta, v, x)
	d.f.Eval(dst, d.xd, t)
	tr.Evals++
	kernel.SubTo(dst, dst, fx)
	kernel.Scal(1/delta, dst)
}

// timeDeriv stores ∂f/∂t(t, x) in dst: zero for autonomous fields, the model's
// own, else a forward difference from fx = f(t, x) in the direction of time.
func (d *differ[T]) timeDeriv(tr *Trial, dst, x, fx []T, t, dir float64) {
	switch {
	case d.caps.Autonomous:
		clear(dst)
	case d.caps.TimeDeriv != nil:
		d.caps.TimeDeriv(dst, x, t)
	default:
		dt := math.Copysign(math.Sqrt(epsOf[T]()*max(1e-5, math.Abs(t))), dir)
		t1 := t + dt
		d.f.Eval(dst, x, t1)
		tr.Evals++
		kernel.SubTo(dst, dst, fx)
		kernel.Scal(T(1/(t1-t)), dst)
	}
}
