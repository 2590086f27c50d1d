package flow

import "math"

// The controllers need one logarithm and one exponential a step. Those of package
// math take as long as the rest of a step in two dimensions, since they guard
// against everything; the arguments here are scaled errors, moderate and positive.

const (
	logBits = 7
	logSize = 1 << logBits
)

// logTable holds for each of the intervals into which [0.6875, 1.375) is cut (by
// bits of the argument) its centre, the inverse and the logarithm of the centre.
var logTable = func() (t [logSize]struct{ c, inv, log float64 }) {
	for i := range t {
		from := logStart + uint64(i)<<(52-logBits)
		c := math.Float64frombits(from + 1<<(51-logBits))
		t[i].c, t[i].inv, t[i].log = c, 1/c, math.Log(c)
	}
	return t
}()

const logStart = 0x3fe6000000000000

// quickLog is ln x for a normal x > 0, to 4e-16 max(1, |ln x|).
func quickLog(x float64) float64 {
	bits := math.Float64bits(x)
	off := bits - logStart
	k := int64(off) >> 52
	t := &logTable[off>>(52-logBits)%logSize]
	z := math.Float64frombits(bits - uint64(k)<<52)
	r := (z - t.c) * t.inv // |r| < 2^-7
	r2 := r * r
	tail := r2 * (-1./2 + r*(1./3) + r2*(-1./4+r*(1./5)+r2*(-1./6+r*(1./7))))
	return float64(k)*math.Ln2 + t.log + (r + tail)
}

const expSize = 128

// expTable holds 2^(i/expSize).
var expTable = func() (t [expSize]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / expSize)
	}
	return t
}()

// quickExp is e^x for |x| < 700, to 1e-15 relatively.
func quickExp(x float64) float64 {
	const (
		shift = 0x1.8p52 // rounds to an integer and leaves it in the low bits
		hi    = 0x1.62e42fefap-8
		lo    = 0x1.cf79abc9e3b3ap-47
	)
	kd := x*(expSize/math.Ln2) + shift
	k := int64(math.Float64bits(kd)<<12) >> 12
	kd -= shift
	r := (x - kd*hi) - kd*lo // |r| < 2^-8.5
	r2 := r * r
	p := r + r2*(1./2+r*(1./6)+r2*(1./24+r*(1./120)))
	s := expTable[uint64(k)%expSize]
	return math.Float64frombits(math.Float64bits(s+s*p) + uint64(k>>7)<<52)
}
