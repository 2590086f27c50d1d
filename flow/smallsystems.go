package flow

import "math"

// smallDim is the largest dimension in which the calls of kernels would cost more
// than the sums. Small systems have loops of their own.
const smallDim = 8

// combineSmall stores x + h Σ c_l k_l in dst: a loop for each number of vectors up
// to six, in which every vector is a variable.
func combineSmall[T Float](dst, x []T, h T, c []T, k [][]T) {
	n := len(x)
	dst = dst[:n]
	if n == 2 {
		combine2((*[2]T)(dst), (*[2]T)(x), h, c, k)
		return
	}
	switch len(k) {
	case 1:
		c0, k0 := c[0], k[0][:n]
		for j, v := range x {
			dst[j] = v + h*(c0*k0[j])
		}
	case 2:
		c0, c1 := c[0], c[1]
		k0, k1 := k[0][:n], k[1][:n]
		for j, v := range x {
			dst[j] = v + h*(c0*k0[j]+c1*k1[j])
		}
	case 3:
		c0, c1, c2 := c[0], c[1], c[2]
		k0, k1, k2 := k[0][:n], k[1][:n], k[2][:n]
		for j, v := range x {
			dst[j] = v + h*(c0*k0[j]+c1*k1[j]+c2*k2[j])
		}
	case 4:
		c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
		k0, k1, k2, k3 := k[0][:n], k[1][:n], k[2][:n], k[3][:n]
		for j, v := range x {
			dst[j] = v + h*(c0*k0[j]+c1*k1[j]+c2*k2[j]+c3*k3[j])
		}
	case 5:
		c0, c1, c2, c3, c4 := c[0], c[1], c[2], c[3], c[4]
		k0, k1, k2, k3, k4 := k[0][:n], k[1][:n], k[2][:n], k[3][:n], k[4][:n]
		for j, v := range x {
			dst[j] = v + h*(c0*k0[j]+c1*k1[j]+c2*k2[j]+c3*k3[j]+c4*k4[j])
		}
	case 6:
		c0, c1, c2, c3, c4, c5 := c[0], c[1], c[2], c[3], c[4], c[5]
		k0, k1, k2, k3, k4, k5 := k[0][:n], k[1][:n], k[2][:n], k[3][:n], k[4][:n], k[5][:n]
		for j, v := range x {
			dst[j] = v + h*(c0*k0[j]+c1*k1[j]+c2*k2[j]+c3*k3[j]+c4*k4[j]+c5*k5[j])
		}
	default:
		for j, v := range x {
			var s T
			for l, kl := range k {
				s += c[l] * kl[j]
			}
			dst[j] = v + h*s
		}
	}
}

// combine2 is combineSmall in the plane.
func combine2[T Float](dst, x *[2]T, h T, c []T, k [][]T) {
	var s0, s1 T
	for l, v := range k {
		v := (*[2]T)(v)
		s0 += c[l] * v[0]
		s1 += c[l] * v[1]
	}
	dst[0], dst[1] = x[0]+h*s0, x[1]+h*s1
}

// smallErrorNorm is errorNorm in a few dimensions.
func smallErrorNorm[T Float](tol *Tol, h float64, e []T, k [][]T, x, y []T) float64 {
	n := len(x)
	if n == 0 {
		return 0
	}
	k, y = k[:len(e)], y[:n]
	var sum float64
	if len(k) == 7 {
		e0, e1, e2, e3, e4, e5, e6 := float64(e[0]), float64(e[1]), float64(e[2]), float64(e[3]), float64(e[4]), float64(e[5]), float64(e[6])
		k0, k1, k2, k3, k4, k5, k6 := k[0][:n], k[1][:n], k[2][:n], k[3][:n], k[4][:n], k[5][:n], k[6][:n]
		for j, xj := range x {
			v := e0*float64(k0[j]) + e1*float64(k1[j]) + e2*float64(k2[j]) + e3*float64(k3[j]) + (e4*float64(k4[j]) + e5*float64(k5[j]) + e6*float64(k6[j]))
			v /= tol.Abs + tol.Rel*max(math.Abs(float64(xj)), math.Abs(float64(y[j])))
			sum += v * v
		}
		return math.Abs(h) * math.Sqrt(sum/float64(n))
	}
	for j, xj := range x {
		var v float64
		for l, kl := range k {
			v += float64(e[l]) * float64(kl[j])
		}
		v /= tol.Abs + tol.Rel*max(math.Abs(float64(xj)), math.Abs(float64(y[j])))
		sum += v * v
	}
	return math.Abs(h) * math.Sqrt(sum/float64(n))
}
