package flow

import "math"

// RKL2 is the Runge-Kutta-Legendre method of order 2 by Meyer, Balsara and Aslam,
// J. Comput. Phys. 257 (2014) 594: as RKC2, with stability for hρ up to
// (s²+s-2)/2, s odd, less than RKC2, but without a damping parameter and, for
// diffusion, with monotone stages: the choice when the energy must not wiggle. The
// error is estimated as for RKC2, slightly too large (the constant is 1/15
// instead of 1/18 for many stages).
var RKL2 Method = &stableMethod{
	name: "RKL2", order: 2, errk: 3, safety: 0.8,
	most: maxStages - 1, reach: rkl2Interval(maxStages - 1),
	stages: rkl2Stages,
	terms:  rkl2Terms,
}

func rkl2Interval(s float64) float64 { return (s*s + s - 2) / 2 }

// rkl2Stages is the smallest odd number of stages whose interval holds z.
func rkl2Stages(z float64) int {
	s := max(3, int(math.Ceil((math.Sqrt(9+8*z)-1)/2)))
	return s + 1 - s%2
}

func rkl2Terms(dst []term, s int) {
	b := func(j int) float64 {
		if j < 2 {
			j = 2
		}
		k := float64(j)
		return (k*k + k - 2) / (2 * k * (k + 1))
	}
	w1 := 2 / rkl2Interval(float64(s))
	dst[0] = term{a: 1, w: b(1) * w1}
	for j := 2; j <= s; j++ {
		k := float64(j)
		q := term{mu: (2*k - 1) / k * b(j) / b(j-1), nu: -(k - 1) / k * b(j) / b(j-2)}
		q.w = q.mu * w1
		q.g = -(1 - b(j-1)) * q.w
		q.a = 1 - q.mu - q.nu
		dst[j-1] = q
	}
}
