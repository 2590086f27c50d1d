package game

import (
	"math"
	"math/big"
)

// number is the arithmetic of coefficients: double for float64, ratio for exact
// rationals. The zero value is 0.
type number[E any] interface {
	plus(E) E
	minus(E) E
	times(E) E
	over(E) E
	// integer returns k, whatever the receiver.
	integer(k int) E
	// zero says that the number is 0 or cannot be told from it.
	zero() bool
}

// double is a float64 that remembers the sum of the absolute values of the terms it
// was computed from: about 2^-53 terms is its rounding error.
type double struct{ v, terms float64 }

// exactly returns v without a rounding error of its own.
func exactly(v float64) double { return double{v, math.Abs(v)} }

func (a double) plus(b double) double  { return double{a.v + b.v, a.terms + b.terms} }
func (a double) minus(b double) double { return double{a.v - b.v, a.terms + b.terms} }
func (a double) times(b double) double { return double{a.v * b.v, a.terms * b.terms} }

// over is for exact divisors: lam, norms and the like are sums of positive terms.
func (a double) over(b double) double { return double{a.v / b.v, a.terms / math.Abs(b.v)} }
func (double) integer(k int) double   { return exactly(float64(k)) }

// zero takes what is below its rounding error for 0, so that terms that cancel
// disappear as they do in exact arithmetic.
func (a double) zero() bool {
	return a.v == 0 || math.Abs(a.v) <= 0x1p-50*a.terms && !math.IsInf(a.terms, 1)
}

// ratio is a rational number; the zero value is 0. Its big.Rat is never changed.
type ratio struct{ r *big.Rat }

func (a ratio) rat() *big.Rat {
	if a.r == nil {
		return new(big.Rat)
	}
	return a.r
}

func (a ratio) plus(b ratio) ratio  { return ratio{new(big.Rat).Add(a.rat(), b.rat())} }
func (a ratio) minus(b ratio) ratio { return ratio{new(big.Rat).Sub(a.rat(), b.rat())} }
func (a ratio) times(b ratio) ratio { return ratio{new(big.Rat).Mul(a.rat(), b.rat())} }
func (a ratio) over(b ratio) ratio  { return ratio{new(big.Rat).Quo(a.rat(), b.rat())} }
func (ratio) integer(k int) ratio   { return ratio{big.NewRat(int64(k), 1)} }
func (a ratio) zero() bool          { return a.r == nil || a.r.Sign() == 0 }

// integer returns k as a number of type E.
func integer[E number[E]](k int) E {
	var z E
	return z.integer(k)
}
