package kernel_test

import (
	"math"
	"math/big"
	"testing"
	"unsafe"

	"github.com/gradflow/gradflow/flow/kernel"
)

// References in many digits, for finite arguments. They are slow and plain.

const bigPrec = 320

func bigF(x float64) *big.Float       { return new(big.Float).SetPrec(bigPrec).SetFloat64(x) }
func bigNew() *big.Float              { return new(big.Float).SetPrec(bigPrec) }
func mulB(a, b *big.Float) *big.Float { return bigNew().Mul(a, b) }
func addB(a, b *big.Float) *big.Float { return bigNew().Add(a, b) }
func subB(a, b *big.Float) *big.Float { return bigNew().Sub(a, b) }
func quoB(a, b *big.Float) *big.Float { return bigNew().Quo(a, b) }

// bigLn2 is Σ 1/(n 2^n).
var bigLn2 = func() *big.Float {
	s := bigNew()
	for n := 1; n < bigPrec; n++ {
		s.Add(s, bigNew().SetMantExp(quoB(bigF(1), bigF(float64(n))), -n))
	}
	return s
}()

// bigExp reduces x to k ln 2 + 2^8 r and sums the series of e^r.
func bigExp(x *big.Float) *big.Float {
	q, _ := quoB(x, bigLn2).Float64()
	k := int(math.Round(q))
	r := subB(x, mulB(bigF(float64(k)), bigLn2))
	r.SetMantExp(r, -8)
	s, t := bigF(1), bigF(1)
	for n := 1; n < 40; n++ {
		t = quoB(mulB(t, r), bigF(float64(n)))
		s = addB(s, t)
	}
	for range 8 {
		s = mulB(s, s)
	}
	return s.SetMantExp(s, k)
}

// bigLog solves e^y = x by Halley's iteration.
func bigLog(x *big.Float) *big.Float {
	m := bigNew()
	e := x.MantExp(m)
	f, _ := m.Float64()
	y := bigF(math.Log(f))
	for range 4 {
		v := bigExp(y)
		d := quoB(subB(m, v), addB(m, v))
		y = addB(y, addB(d, d))
	}
	y = addB(y, mulB(bigF(float64(e)), bigLn2))
	if y.MantExp(nil) < -bigPrec*7/8 { // log 1
		return bigNew()
	}
	return y
}

func bigTanh(x *big.Float) *big.Float {
	if f, _ := x.Float64(); math.Abs(f) < 0x1p-40 {
		return subB(x, quoB(mulB(x, mulB(x, x)), bigF(3))) // x - x³/3
	}
	e := bigExp(addB(x, x))
	return quoB(subB(e, bigF(1)), addB(e, bigF(1)))
}

func bigSigmoid(x *big.Float) *big.Float {
	return quoB(bigF(1), addB(bigF(1), bigExp(bigNew().Neg(x))))
}

func bigSoftplus(x *big.Float) *big.Float {
	e := bigExp(x)
	if f, _ := x.Float64(); f < -60 {
		return subB(e, bigNew().SetMantExp(mulB(e, e), -1))
	}
	return bigLog(addB(bigF(1), e))
}

// bigErf is 2/√π e^-x² Σ 2^n x^(2n+1)/(2n+1)!!; erfc is 1-erf as long as the
// digits last.
func bigErf(x *big.Float) *big.Float {
	x2 := mulB(x, x)
	t := bigNew().Set(x)
	s := bigNew().Set(x)
	for n := 1; n < 900; n++ {
		t = quoB(mulB(mulB(t, x2), bigF(2)), bigF(float64(2*n+1)))
		s = addB(s, t)
		if t.Sign() == 0 || t.MantExp(nil) < s.MantExp(nil)-bigPrec {
			break
		}
	}
	c := quoB(bigF(2), bigNew().Sqrt(bigPi))
	return mulB(mulB(c, s), bigExp(bigNew().Neg(x2)))
}

// bigPi is Machin's formula.
var bigPi = func() *big.Float {
	atanInv := func(q float64) *big.Float {
		s, p := bigNew(), quoB(bigF(1), bigF(q))
		for n := 0; n < 250; n++ {
			t := quoB(p, bigF(float64(2*n+1)))
			if n%2 == 1 {
				t.Neg(t)
			}
			s = addB(s, t)
			p = quoB(p, bigF(q*q))
		}
		return s
	}
	return mulB(bigF(4), subB(mulB(bigF(4), atanInv(5)), atanInv(239)))
}()

func bigGELU(x *big.Float) *big.Float {
	u := quoB(bigNew().Neg(x), bigNew().Sqrt(bigF(2)))
	return mulB(quoB(x, bigF(2)), subB(bigF(1), bigErf(u)))
}

// bigUlps returns |got - want| in units of the last place of want as a T.
func bigUlps[T kernel.Float](got T, want *big.Float) float64 {
	digits, least := 53, -1074
	if unsafe.Sizeof(got) == 4 {
		digits, least = 24, -149
	}
	if want.Sign() == 0 {
		return math.Abs(float64(got)) / math.Ldexp(1, least)
	}
	if math.IsInf(float64(got), 0) {
		w, _ := want.Float64()
		if float64(T(w)) == float64(got) {
			return 0
		}
		return math.Inf(1)
	}
	ulp := bigNew().SetMantExp(bigF(1), max(want.MantExp(nil)-digits, least))
	e, _ := quoB(subB(bigF(float64(got)), want), ulp).Float64()
	return math.Abs(e)
}

func TestMapAccuracy(t *testing.T) {
	for _, c := range []struct {
		name     string
		f64      func(dst, x []float64)
		f32      func(dst, x []float32)
		ref      func(*big.Float) *big.Float
		min, max float64 // the range of random arguments, beside those around 0
		points   int
		u64, u32 float64 // the documented bounds in ulp
	}{
		{"Exp", kernel.Exp[float64], kernel.Exp[float32], bigExp, -746, 709.78, 1000, 2, 1},
		{"Log", kernel.Log[float64], kernel.Log[float32], bigLog, 0, 10, 400, 2, 1},
		{"Tanh", kernel.Tanh[float64], kernel.Tanh[float32], bigTanh, -20, 20, 1000, 2, 2},
		{"Sigmoid", kernel.Sigmoid[float64], kernel.Sigmoid[float32], bigSigmoid, -746, 40, 1000, 2, 2},
		{"Softplus", kernel.Softplus[float64], kernel.Softplus[float32], bigSoftplus, -746, 40, 400, 2, 1},
		{"Erf", kernel.Erf[float64], kernel.Erf[float32], bigErf, -6, 6, 250, 2, 1},
		{"GELU", kernel.GELU[float64], kernel.GELU[float32], bigGELU, -12, 9, 250, 8, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rng(60)
			x := make([]float64, 0, 3*c.points)
			for range c.points {
				x = append(x, c.min+(c.max-c.min)*r.Float64(), r.NormFloat64())
				tiny := math.Exp(r.Float64()*60 - 60)
				if c.min < 0 && r.IntN(2) == 0 {
					tiny = -tiny
				}
				x = append(x, tiny)
				if c.name == "Log" {
					x[len(x)-2] = math.Abs(x[len(x)-2])
					x = append(x, math.Float64frombits(r.Uint64N(0x7ff0000000000000)), float64(math.Float32frombits(r.Uint32N(0x7f800000))))
				}
			}
			d := make([]float64, len(x))
			c.f64(d, x)
			var worst float64
			for i, v := range x {
				if e := bigUlps(d[i], c.ref(bigF(v))); e > worst {
					worst = e
					if e > c.u64 {
						t.Errorf("float64: %s(%v) = %v, %.2f ulp off", c.name, v, d[i], e)
					}
				}
			}
			t.Logf("float64: at most %.2f ulp", worst)
			x32 := make([]float32, len(x))
			for i, v := range x {
				x32[i] = float32(v)
			}
			d32 := make([]float32, len(x))
			c.f32(d32, x32)
			worst = 0
			for i, v := range x32 {
				if math.IsInf(float64(v), 0) || v == 0 && c.name == "Log" { // rounded out of range
					continue
				}
				if e := bigUlps(d32[i], c.ref(bigF(float64(v)))); e > worst {
					worst = e
					if e > c.u32 {
						t.Errorf("float32: %s(%v) = %v, %.2f ulp off", c.name, v, d32[i], e)
					}
				}
			}
			t.Logf("float32: at most %.2f ulp", worst)
		})
	}
}
