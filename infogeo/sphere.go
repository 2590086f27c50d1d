package infogeo

import (
	"fmt"
	"math"
)

// The map u = √p takes the simplex with its Fisher metric Σ dp²/p to the positive
// orthant of the unit sphere with four times its metric: Fisher-Rao geometry is
// that of a sphere of radius 2 (Rao 1945; Čencov 1982).

// FisherRaoDistance returns the Riemannian distance of the Fisher metric between
// two distributions on a finite set,
//
//	d(p, q) = 2 arccos Σ √(p_i q_i) = 4 atan2(|√p - √q|, |√p + √q|),
//
// at most π. The second form, in which the differences √p - √q are
// (p - q)/(√p + √q), keeps its relative accuracy for p near q and for disjoint p
// and q. Zero probabilities are allowed. It panics if the lengths differ.
func FisherRaoDistance(p, q []float64) float64 {
	checkLengths("FisherRaoDistance", len(p), len(q), len(q))
	chord, sum := chords(p, q)
	return 4 * math.Atan2(chord, sum)
}

// chords returns |√p - √q| and |√p + √q|.
func chords(p, q []float64) (chord, sum float64) {
	for i, pi := range p {
		s := math.Sqrt(pi) + math.Sqrt(q[i])
		sum += s * s
		d := rootDiff(pi, q[i])
		chord += d * d
	}
	return math.Sqrt(chord), math.Sqrt(sum)
}

// rootDiff returns √a - √b without cancellation.
func rootDiff(a, b float64) float64 {
	if a == b {
		return 0
	}
	return (a - b) / (math.Sqrt(a) + math.Sqrt(b))
}

// FisherRaoExp stores Exp_p(v) in dst, the end of the Fisher-Rao geodesic that
// starts at p with the velocity v, a tangent vector (Σ v_i = 0): with u = √p,
// w = v/(2u) and r = |w|,
//
//	Exp_p(v) = (cos r u + sin r w/r)².
//
// A long v leaves the simplex: the error is then a *LeftDomainError with the first
// state whose √p became negative, and dst holds the squares, the geodesic reflected
// at the boundary. The error wraps ErrBoundary if p_i = 0 and v_i ≠ 0. dst may be p
// or v. It panics if the lengths differ.
func FisherRaoExp(dst, p, v []float64) error {
	checkLengths("FisherRaoExp", len(dst), len(p), len(v))
	r := 0.0
	for i, vi := range v {
		if vi == 0 {
			continue
		}
		if !(p[i] > 0) {
			return fmt.Errorf("infogeo: velocity %v at p[%d] = %v, want p > 0 there: %w", vi, i, p[i], ErrBoundary)
		}
		r += vi * vi / (4 * p[i])
	}
	r = math.Sqrt(r)
	cos, sinc := math.Cos(r), sinc(r)
	var left error
	for i, vi := range v {
		u := math.Sqrt(p[i])
		next := cos * u
		if vi != 0 {
			next += sinc * vi / (2 * u)
		}
		if next < 0 && left == nil {
			left = &LeftDomainError{Index: i, Value: next}
		}
		dst[i] = next * next
	}
	return left
}

// sinc returns sin(x)/x.
func sinc(x float64) float64 {
	if math.Abs(x) < 1e-4 {
		return 1 - x*x/6
	}
	return math.Sin(x) / x
}

// FisherRaoLog stores Log_p(q) in dst, the initial velocity of the Fisher-Rao
// geodesic that is at p at time 0 and at q at time 1: a tangent vector of length
// d(p, q) in the Fisher metric, Σ v²/p = d². Where p_i = 0 it is 0. dst may be p or
// q. It panics if the lengths differ.
func FisherRaoLog(dst, p, q []float64) {
	checkLengths("FisherRaoLog", len(dst), len(p), len(q))
	chord, sum := chords(p, q)
	half := math.Atan2(chord, sum) // half of the angle r between √p and √q
	scale := 2 / sinc(2*half)
	turn := chord * chord / 2 // 1 - cos r
	for i, pi := range p {
		u := math.Sqrt(pi)
		dst[i] = scale * u * (turn*u - rootDiff(pi, q[i]))
	}
}

// FisherRaoGeodesic stores the point at time t of the Fisher-Rao geodesic from p
// (t = 0) to q (t = 1) in dst: spherical linear interpolation of √p and √q. Outside
// of [0, 1] the geodesic may leave the simplex: the error is then as for
// FisherRaoExp. dst may be p or q. It panics if the lengths differ.
func FisherRaoGeodesic(dst, p, q []float64, t float64) error {
	checkLengths("FisherRaoGeodesic", len(dst), len(p), len(q))
	chord, sum := chords(p, q)
	r := 2 * math.Atan2(chord, sum)
	a := (1 - t) * sinc((1-t)*r) / sinc(r)
	b := t * sinc(t*r) / sinc(r)
	var left error
	for i, pi := range p {
		next := a*math.Sqrt(pi) + b*math.Sqrt(q[i])
		if next < 0 && left == nil {
			left = &LeftDomainError{Index: i, Value: next}
		}
		dst[i] = next * next
	}
	return left
}

// FisherRaoTransport stores in dst the tangent vector x at p (Σ x_i = 0) carried to
// q by the parallel transport of the Levi-Civita connection along the geodesic: on
// the sphere, with u = √p, v = √q and ξ = x/(2u), the vector ξ - (v·ξ)(u+v)/(1+u·v),
// and back times 2v. It keeps inner products of the Fisher metric. The error wraps
// ErrBoundary if p_i = 0 and x_i ≠ 0. dst may be any of the others. It panics if the
// lengths differ.
func FisherRaoTransport(dst, p, q, x []float64) error {
	checkLengths("FisherRaoTransport", len(dst), len(p), len(q))
	checkLengths("FisherRaoTransport", len(dst), len(x), len(q))
	uv, vxi := 0.0, 0.0
	for i, xi := range x {
		u, v := math.Sqrt(p[i]), math.Sqrt(q[i])
		uv += u * v
		if xi == 0 {
			continue
		}
		if !(p[i] > 0) {
			return fmt.Errorf("infogeo: tangent %v at p[%d] = %v, want p > 0 there: %w", xi, i, p[i], ErrBoundary)
		}
		vxi += v * xi / (2 * u)
	}
	c := vxi / (1 + uv)
	for i, xi := range x {
		u, v := math.Sqrt(p[i]), math.Sqrt(q[i])
		if xi != 0 {
			xi /= 2 * u
		}
		dst[i] = 2 * v * (xi - c*(u+v))
	}
	return nil
}

// checkLengths panics unless the three lengths are equal.
func checkLengths(name string, a, b, c int) {
	if a != b || b != c {
		panic(fmt.Sprintf("infogeo: %s of slices of lengths %d, %d and %d, want equal lengths", name, a, b, c))
	}
}
