package kernel

import (
	"fmt"
	"unsafe"

	"github.com/gradflow/gradflow/internal/asm/f32"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// LincombTo stores x + h Σ_i c_i k_i in dst: a stage argument or the result of
// a Runge-Kutta step in one pass over memory. Vectors with c_i = 0 are not
// read. dst may be x, or one of the k_i. It panics if len(c) differs from
// len(k), or the length of x or of a k_i from that of dst.
func LincombTo[T Float](dst, x []T, h T, c []T, k [][]T) {
	n := len(dst)
	if len(x) != n {
		badLen("x", len(x), "len(dst)", n)
	}
	if len(k) != len(c) {
		badLen("k", len(k), "len(c)", len(c))
	}
	for i := range k {
		if len(k[i]) != n {
			badLenAt("k", i, len(k[i]), n)
		}
	}
	if !assembly || len(dst) < short || len(c) > maxVectors {
		lincombToTwin(dst, x, h, c, k)
		return
	}
	var coef [maxVectors]T
	var ptr [maxVectors]unsafe.Pointer
	s := 0
	for i, ci := range c {
		if ci != 0 {
			coef[s], ptr[s] = h*ci, unsafe.Pointer(unsafe.SliceData(k[i]))
			s++
		}
	}
	if is64[T]() {
		f64.LincombTo(len(dst), first[float64](dst), first[float64](x), s, first[float64](coef[:]), first[*float64](ptr[:]))
		return
	}
	f32.LincombTo(len(dst), first[float32](dst), first[float32](x), s, first[float32](coef[:]), first[*float32](ptr[:]))
}

// maxVectors is how many vectors the combining kernels take: more than any
// Runge-Kutta method has stages.
const maxVectors = 16

func badLenAt(name string, i, got, want int) {
	panic(fmt.Sprintf("kernel: len(%s[%d]) = %d, want %d = len(dst)", name, i, got, want))
}

// fusedTerms is the largest number of vectors that one loop of its own combines.
const fusedTerms = 6

// lincombToTwin is the portable LincombTo: a loop for each number of vectors that
// contribute, up to six, in which the element of every vector is an own
// variable. All ways add in the order of the c_i.
func lincombToTwin[T Float](dst, x []T, h T, c []T, k [][]T) {
	n := len(dst)
	if n < 8 {
		lincombAny(dst, x, h, c, k)
		return
	}
	var (
		a [fusedTerms]T
		v [fusedTerms][]T
		m int
	)
	for i, ci := range c {
		if ci == 0 {
			continue
		}
		if m == fusedTerms {
			lincombAny(dst, x, h, c, k)
			return
		}
		a[m], v[m] = h*ci, k[i]
		m++
	}
	dst, x = dst[:n], x[:n]
	switch m {
	case 0:
		copy(dst, x)
	case 1:
		a0 := a[0]
		v0 := v[0][:n]
		for j := range dst {
			dst[j] = x[j] + a0*v0[j]
		}
	case 2:
		a0, a1 := a[0], a[1]
		v0, v1 := v[0][:n], v[1][:n]
		for j := range dst {
			dst[j] = x[j] + a0*v0[j] + a1*v1[j]
		}
	case 3:
		a0, a1, a2 := a[0], a[1], a[2]
		v0, v1, v2 := v[0][:n], v[1][:n], v[2][:n]
		for j := range dst {
			dst[j] = x[j] + a0*v0[j] + a1*v1[j] + a2*v2[j]
		}
	case 4:
		a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
		v0, v1, v2, v3 := v[0][:n], v[1][:n], v[2][:n], v[3][:n]
		for j := range dst {
			dst[j] = x[j] + a0*v0[j] + a1*v1[j] + a2*v2[j] + a3*v3[j]
		}
	case 5:
		a0, a1, a2, a3, a4 := a[0], a[1], a[2], a[3], a[4]
		v0, v1, v2, v3, v4 := v[0][:n], v[1][:n], v[2][:n], v[3][:n], v[4][:n]
		for j := range dst {
			dst[j] = x[j] + a0*v0[j] + a1*v1[j] + a2*v2[j] + a3*v3[j] + a4*v4[j]
		}
	case 6:
		a0, a1, a2, a3, a4, a5 := a[0], a[1], a[2], a[3], a[4], a[5]
		v0, v1, v2, v3, v4, v5 := v[0][:n], v[1][:n], v[2][:n], v[3][:n], v[4][:n], v[5][:n]
		for j := range dst {
			dst[j] = x[j] + a0*v0[j] + a1*v1[j] + a2*v2[j] + a3*v3[j] + a4*v4[j] + a5*v5[j]
		}
	}
}

// lincombAny is lincombToTwin for any number of vectors: four elements of dst at a
// time in locals, each an own chain of additions over the k_i.
func lincombAny[T Float](dst, x []T, h T, c []T, k [][]T) {
	k = k[:len(c)]
	n := len(dst)
	x = x[:n]
	j := 0
	for ; j+4 <= n; j += 4 {
		d := (*[4]T)(x[j:])
		d0, d1, d2, d3 := d[0], d[1], d[2], d[3]
		for i, ci := range c {
			if ci == 0 {
				continue
			}
			a, v := h*ci, (*[4]T)(k[i][j:])
			d0 += a * v[0]
			d1 += a * v[1]
			d2 += a * v[2]
			d3 += a * v[3]
		}
		*(*[4]T)(dst[j:]) = [4]T{d0, d1, d2, d3}
	}
	if j+2 <= n {
		d0, d1 := x[j], x[j+1]
		for i, ci := range c {
			if ci == 0 {
				continue
			}
			a, v := h*ci, (*[2]T)(k[i][j:])
			d0 += a * v[0]
			d1 += a * v[1]
		}
		dst[j], dst[j+1] = d0, d1
		j += 2
	}
	if j < n {
		d0 := x[j]
		for i, ci := range c {
			if ci != 0 {
				d0 += h * ci * k[i][j]
			}
		}
		dst[j] = d0
	}
}
