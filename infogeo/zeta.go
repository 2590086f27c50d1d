package infogeo

import (
	"fmt"
	"math/bits"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// A subset S of {0, ..., N-1} is the number with the bits of its elements, a function of
// subsets a vector of length 2^N.

// SubsetSums replaces x_S by Σ_{R ⊆ S} x_R, the zeta transform of the lattice of subsets,
// with N 2^(N-1) additions in an order that stays in the caches (Björklund, Husfeldt,
// Kaski, Koivisto, "Fourier meets Möbius: fast subset convolution", STOC 2007). It panics
// unless len(x) is a power of two.
func SubsetSums[T flow.Float](x []T) { zeta(x, false) }

// SupersetSums replaces x_S by Σ_{R ⊇ S} x_R, the transpose of SubsetSums. It panics
// unless len(x) is a power of two.
func SupersetSums[T flow.Float](x []T) { zeta(x, true) }

const (
	zetaBase  = 16   // unrolled
	zetaBlock = 2048 // fits the first cache
	zetaChunk = 512
)

// zeta makes one of the transforms: blocks of the first cache one after another, then
// three levels in each pass over x.
func zeta[T flow.Float](x []T, up bool) {
	checkSubsets(len(x))
	for o := 0; o < len(x); o += zetaBlock {
		zetaSmall(x[o:min(o+zetaBlock, len(x))], up)
	}
	for b := zetaBlock; b < len(x); {
		ways := min(8, len(x)/b)
		for o := 0; o < len(x); o += ways * b {
			for c := 0; c < b; c += zetaChunk {
				zetaWays(x[o:o+ways*b], c, b, ways, up)
			}
		}
		b *= ways
	}
}

func checkSubsets(n int) {
	if bits.OnesCount(uint(n)) != 1 {
		panic(fmt.Sprintf("infogeo: a function of subsets has length %d, want a power of two", n))
	}
}

// zetaWays makes the levels that join ways parts of length b, on a chunk of each.
func zetaWays[T flow.Float](x []T, c, b, ways int, up bool) {
	for half := 1; half < ways; half *= 2 {
		for i := range ways {
			if i&half != 0 {
				continue
			}
			lo, hi := x[i*b+c:][:zetaChunk], x[(i+half)*b+c:][:zetaChunk]
			if up {
				kernel.AddTo(lo, lo, hi)
			} else {
				kernel.AddTo(hi, hi, lo)
			}
		}
	}
}

// zetaSmall transforms a vector in the first cache.
func zetaSmall[T flow.Float](x []T, up bool) {
	half := 1
	if len(x) >= zetaBase {
		for o := 0; o < len(x); o += zetaBase {
			if up {
				superset16((*[zetaBase]T)(x[o:]))
			} else {
				subset16((*[zetaBase]T)(x[o:]))
			}
		}
		half = zetaBase
	}
	for ; half < len(x); half *= 2 {
		for o := 0; o < len(x); o += 2 * half {
			lo, hi := x[o:o+half], x[o+half:o+2*half]
			if up {
				kernel.AddTo(lo, lo, hi)
			} else {
				kernel.AddTo(hi, hi, lo)
			}
		}
	}
}

// subset16 is SubsetSums for N = 4.
func subset16[T flow.Float](x *[zetaBase]T) {
	for i := 0; i < zetaBase; i += 4 { // elements 0 and 1
		b, c := x[i+1]+x[i], x[i+2]+x[i]
		x[i+3] += x[i+1] + c
		x[i+1], x[i+2] = b, c
	}
	for i := range 4 { // elements 2 and 3
		b, c := x[i+4]+x[i], x[i+8]+x[i]
		x[i+12] += x[i+4] + c
		x[i+4], x[i+8] = b, c
	}
}

// superset16 is SupersetSums for N = 4.
func superset16[T flow.Float](x *[zetaBase]T) {
	for i := 0; i < zetaBase; i += 4 {
		b, c := x[i+1]+x[i+3], x[i+2]+x[i+3]
		x[i] += x[i+1] + c
		x[i+1], x[i+2] = b, c
	}
	for i := range 4 {
		b, c := x[i+4]+x[i+12], x[i+8]+x[i+12]
		x[i] += x[i+4] + c
		x[i+4], x[i+8] = b, c
	}
}
