package infogeo

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// gaussianHessian is the Hessian of D² in Ω at the point where a lift was evaluated. A
// variation δ of Ω multiplies K from the left by the exponential of δ in the lower left
// block; with A = Q diag(α) Qᵀ, Q1 and Q3 the first and the last d rows of Q,
//
//	ξ = Q3ᵀ δ Q1,   dA = φ(α_a - α_b) ξ_ab + φ(α_b - α_a) ξ_ba,   φ(y) = y/(e^y - 1),
//
// in the eigenvectors of A (Daleckiĭ and Kreĭn), and the Hessian takes δ to the
// antisymmetric part of Q3 dA Q1ᵀ. The eigenvectors are (u, ±w)/√2 for α = ±σ and the
// vector orthogonal to all u for 0.
type gaussianHessian struct {
	q1, q3 kernel.Matrix[float64] // d x n, n = 2d+1
	phi    kernel.Matrix[float64] // φ(α_a - α_b)
	xi     kernel.Matrix[float64] // n x n
	half   kernel.Matrix[float64] // n x d
	out    kernel.Matrix[float64] // d x d
	alpha  []float64
	u      kernel.Matrix[float64] // rows: the u_k, then the vector orthogonal to them
}

func newGaussianHessian(d int) *gaussianHessian {
	n := 2*d + 1
	return &gaussianHessian{
		q1: kernel.NewMatrix[float64](d, n), q3: kernel.NewMatrix[float64](d, n),
		phi: kernel.NewMatrix[float64](n, n), xi: kernel.NewMatrix[float64](n, n),
		half: kernel.NewMatrix[float64](n, d), out: kernel.NewMatrix[float64](d, d),
		alpha: make([]float64, n), u: kernel.NewMatrix[float64](d+1, d+1),
	}
}

// set prepares the Hessian at the last evaluation of the lift.
func (h *gaussianHessian) set(l *gaussianLift) {
	d := l.d
	h.vectors(l)
	for k := range d {
		u := h.u.Row(k)
		s := kernel.Nrm2(l.ay.Row(k)[:d+1])
		h.alpha[k], h.alpha[d+k] = 2*math.Asinh(s), -2*math.Asinh(s)
		// by holds 2f K22 y = 2f cosh(σ/2) w
		c := 1 / (4 * l.f[k] * math.Sqrt(1+s*s))
		for i, b := range l.by.Row(k) {
			h.q1.Set(i, k, u[i]/2+c*b)
			h.q3.Set(i, k, u[i]/2-c*b)
			h.q1.Set(i, d+k, u[i]/2-c*b)
			h.q3.Set(i, d+k, u[i]/2+c*b)
		}
	}
	for i := range d {
		v := h.u.At(d, i) * math.Sqrt2 / 2
		h.q1.Set(i, 2*d, v)
		h.q3.Set(i, 2*d, v)
	}
	for a, x := range h.alpha {
		for b, y := range h.alpha {
			v := 1.0
			if x != y {
				v = (x - y) / math.Expm1(x-y)
			}
			h.phi.Set(a, b, v)
		}
	}
}

// vectors computes the orthonormal u_k = K12 y_k/sinh(σ_k/2) and what completes them.
func (h *gaussianHessian) vectors(l *gaussianLift) {
	d := l.d
	missing := []int{d}
	for k := range d {
		a := l.ay.Row(k)[:d+1]
		s := kernel.Nrm2(a)
		if s < 1e-12 {
			missing = append(missing, k)
			clear(h.u.Row(k))
			continue
		}
		kernel.Axpby(1/s, a, 0, h.u.Row(k))
	}
	clear(h.u.Row(d))
	for _, k := range missing {
		complete(h.u, k)
	}
}

// complete makes row k, so far 0, a unit vector orthogonal to the other rows, which are
// orthonormal or 0.
func complete(u kernel.Matrix[float64], k int) {
	least, at := math.Inf(1), 0
	for j := range u.Cols {
		s := 0.0
		for i := range u.Rows {
			s += u.At(i, j) * u.At(i, j)
		}
		if s < least {
			least, at = s, j
		}
	}
	v := make([]float64, u.Cols)
	v[at] = 1
	for range 2 {
		for i := range u.Rows {
			kernel.Axpy(-kernel.Dot(u.Row(i), v), u.Row(i), v)
		}
	}
	kernel.Axpby(1/kernel.Nrm2(v), v, 0, u.Row(k))
}

// mul stores the product of the Hessian with the antisymmetric delta in dst.
func (h *gaussianHessian) mul(dst, delta kernel.Matrix[float64]) {
	kernel.GemmTN(h.half, 1, h.q3, delta, 0)
	kernel.Gemm(h.xi, 1, h.half, h.q1, 0)
	for a := range h.alpha {
		for b := range a + 1 {
			v := h.phi.At(a, b)*h.xi.At(a, b) + h.phi.At(b, a)*h.xi.At(b, a)
			h.xi.Set(a, b, v)
			h.xi.Set(b, a, v)
		}
	}
	kernel.GemmNT(h.half, 1, h.xi, h.q1, 0) // dA Q1ᵀ
	kernel.Gemm(h.out, 1, h.q3, h.half, 0)
	antisymmetric(dst, h.out)
}

// antisymmetric stores (m - mᵀ)/2, of the first d rows of m, in the d x d dst.
func antisymmetric(dst, m kernel.Matrix[float64]) {
	for i := range dst.Rows {
		for j := range i {
			v := (m.At(i, j) - m.At(j, i)) / 2
			dst.Set(i, j, v)
			dst.Set(j, i, -v)
		}
		dst.Set(i, i, 0)
	}
}

// newton makes at most n Newton steps, solved by preconditioned conjugate gradients.
func (m *descent) newton(n int) {
	h := newGaussianHessian(m.lift.d)
	cg := newNewtonCG(m.lift.d)
	for range n {
		h.set(m.lift)
		slope := cg.solve(m.dir, m.grad, h, m.lift)
		if !m.search(slope) {
			return
		}
		m.accept()
		if m.residual <= m.target() {
			return
		}
	}
}

// newtonCG is the scratch memory of a Newton step.
type newtonCG struct {
	r, z, p, hp kernel.Matrix[float64]
}

func newNewtonCG(d int) *newtonCG {
	square := func() kernel.Matrix[float64] { return kernel.NewMatrix[float64](d, d) }
	return &newtonCG{square(), square(), square(), square()}
}

// solve stores an approximate solution of H dir = -grad in dir and returns the slope
// grad·dir. It stops at a relative residual of 1e-3, at the limit of iterations and, to
// be a direction of descent, before a direction of negative curvature.
func (c *newtonCG) solve(dir, grad kernel.Matrix[float64], h *gaussianHessian, l *gaussianLift) float64 {
	clear(dir.Data)
	kernel.Axpby(-1, grad.Data, 0, c.r.Data)
	stop := 1e-3 * kernel.Nrm2(c.r.Data)
	copy(c.z.Data, c.r.Data)
	l.precondition(c.z)
	copy(c.p.Data, c.z.Data)
	rz := kernel.Dot(c.r.Data, c.z.Data)
	for k := range 200 {
		h.mul(c.hp, c.p)
		php := kernel.Dot(c.p.Data, c.hp.Data)
		if !(php > 0) {
			if k == 0 {
				copy(dir.Data, c.z.Data)
			}
			break
		}
		a := rz / php
		kernel.Axpy(a, c.p.Data, dir.Data)
		kernel.Axpy(-a, c.hp.Data, c.r.Data)
		if kernel.Nrm2(c.r.Data) <= stop {
			break
		}
		copy(c.z.Data, c.r.Data)
		l.precondition(c.z)
		next := kernel.Dot(c.r.Data, c.z.Data)
		kernel.Axpby(1, c.z.Data, next/rz, c.p.Data)
		rz = next
	}
	return kernel.Dot(grad.Data, dir.Data)
}
