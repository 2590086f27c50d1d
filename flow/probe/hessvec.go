package probe

import (
	"unsafe"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Delta returns the default relative step of central differences of gradients,
// the cube root of the rounding unit, which balances their truncation error
// O(δ²) with the rounding error O(unit/δ): 6e-6 in float64, 4.9e-3 in float32.
func Delta[T flow.Float]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 4.9e-3
	}
	return 6e-6
}

// HessVec returns a function that stores the product ∇²E(x) v in dst, which must
// not overlap with x or v. It is the model's own product, exact, if
// flow.CapsOf(e) has one and delta is zero; otherwise the central difference
//
//	(∇E(x + δv/|v|) - ∇E(x - δv/|v|)) |v|/2δ,   δ = delta (1 + |x|),
//
// two gradients a product, with an error of O(δ²) from the third derivative of E
// and of O(unit |∇E|/δ) from rounding. A delta of zero means Delta[T](). The
// function has memory of its own and is for one goroutine at a time.
func HessVec[T flow.Float](e flow.Energy[T], delta float64) (product func(dst, x, v []T), exact bool) {
	if c := flow.CapsOf[T](e); c.HessVec != nil && delta == 0 {
		return c.HessVec, true
	}
	if delta == 0 {
		delta = Delta[T]()
	}
	n := e.Dim()
	y, g := make([]T, n), make([]T, n)
	return func(dst, x, v []T) {
		norm := kernel.Nrm2(v)
		if norm == 0 {
			clear(dst)
			return
		}
		step := delta * (1 + kernel.Nrm2(x))
		kernel.AxpyTo(y, T(step/norm), v, x)
		e.EnergyGrad(dst, y)
		kernel.AxpyTo(y, -T(step/norm), v, x)
		e.EnergyGrad(g, y)
		c := T(norm / (2 * step))
		kernel.Axpby(-c, g, c, dst)
	}, false
}
