package descent

import (
	"math"
	"unsafe"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// difference makes products sign·f'(x) v by central differences of f.
type difference[T flow.Float] struct {
	f     func(dst, x []T)
	sign  float64
	x, f1 []T // scratch
	evals int // evaluations so far
}

// product stores sign·f'(x) v in dst. The step has the length at which the errors
// of truncation and of rounding balance, the cube root of the rounding unit for x
// of size one.
func (d *difference[T]) product(dst, x, v []T) {
	norm := kernel.Nrm2(v)
	if norm == 0 {
		clear(dst)
		return
	}
	h := math.Cbrt(unit[T]()) * max(1, kernel.MaxAbs(x)) / norm
	kernel.AxpyTo(d.x, T(h), v, x)
	d.f(dst, d.x)
	kernel.AxpyTo(d.x, T(-h), v, x)
	d.f(d.f1, d.x)
	kernel.SubTo(dst, dst, d.f1)
	kernel.Scal(T(d.sign/(2*h)), dst)
	d.evals += 2
}

// accuracy is about the relative error of a product.
func (d *difference[T]) accuracy() float64 {
	h := math.Cbrt(unit[T]())
	return 100 * h * h
}

// unit is the rounding unit of T.
func unit[T flow.Float]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 0x1p-23
	}
	return 0x1p-52
}
