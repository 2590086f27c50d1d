package flow

import "math"

// The controllers need one logarithm and one power a step, and the next step waits
// for them. Those of package math take as long as the rest of a step in two
// dimensions, since they guard against everything and are right to the last digit;
// a step size needs less.

const (
	logBits = 7
	logSize = 1 << logBits
)

// logTable holds for each of the intervals into which [0.6875, 1.375) is cut (by
// bits of the argument) its centre, the inverse and the binary logarithm of the
// centre.
var logTable = func() (t [logSize]struct{ c, inv, log float64 }) {
	for i := range t {
		from := logStart + uint64(i)<<(52-logBits)
		c := math.Float64frombits(from + 1<<(51-logBits))
		t[i].c, t[i].inv, t[i].log = c, 1/c, math.Log2(c)
	}
	return t
}()

const logStart = 0x3fe6000000000000

// quickLog2 is the binary logarithm of a normal x > 0, to 1e-15 + 3e-16 |log2 x|.
func quickLog2(x float64) float64 {
	const c1, c2, c3, c4, c5, c6 = math.Log2E, -math.Log2E / 2, math.Log2E / 3, -math.Log2E / 4, math.Log2E / 5, -math.Log2E / 6
	bits := math.Float64bits(x)
	off := bits - logStart
	k := int64(off) >> 52
	t := &logTable[off>>(52-logBits)%logSize]
	z := math.Float64frombits(bits - uint64(k)<<52)
	r := (z - t.c) * t.inv // |r| < 2^-7
	r2 := r * r
	return float64(k) + t.log + r*((c1+r*c2)+r2*((c3+r*c4)+r2*(c5+r*c6)))
}

const expSize = 128

// expTable holds 2^(i/expSize).
var expTable = func() (t [expSize]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(i) / expSize)
	}
	return t
}()

// quickExp2 is factor · 2^x for |x| < 1000, to 2e-15 + 1e-16 |x| relatively, if
// neither 2^x nor the product over- or underflows.
func quickExp2(factor, x float64) float64 {
	const (
		shift = 0x1.8p52 // rounds to an integer and leaves it in the low bits
		ln    = math.Ln2 / expSize
	)
	y := x * expSize
	kd := y + shift
	k := int64(math.Float64bits(kd)<<12) >> 12
	r := y - (kd - shift) // |r| <= 1/2
	s := factor * math.Float64frombits(math.Float64bits(expTable[uint64(k)%expSize])+uint64(k>>7)<<52)
	return s + s*(r*((ln+r*(ln*ln/2))+r*r*(ln*ln*ln/6+r*(ln*ln*ln*ln/24))))
}
