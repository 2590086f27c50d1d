package philox

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/asm/f64"
)

// QuickNormals makes standard normal numbers for samples of millions: by Box and
// Muller's method too, but from uniforms of 32 bits, so that a block of output has four,
//
//	u_i = (o_i + 1/2) 2^-32
//	z_4q   = sqrt(-2 ln u0) cos 2πu1,  z_4q+1 = sqrt(-2 ln u0) sin 2πu1
//	z_4q+2 = sqrt(-2 ln u2) cos 2πu3,  z_4q+3 = sqrt(-2 ln u2) sin 2πu3
//
// and many blocks together. The price are tails that end at 6.8 standard deviations; a
// number of a sample is that large with probability 1e-11. They are not the numbers of
// FillNormals.
//
// The same call gives the same bits, wherever it runs from; different builds may differ
// by rounding, as package kernel says. A QuickNormals is scratch memory for one
// goroutine; its zero value is ready.
type QuickNormals struct {
	u, v [quickPairs]float64
	z    [2 * quickPairs]float64 // the last ones
}

// quickPairs is the number of pairs made together: they and their uniforms stay in the
// first-level cache.
const quickPairs = 512

// Fill stores components 0, 1, ... of a draw in dst.
func (n *QuickNormals) Fill(dst []float64, s Stream, level Level, index uint64) {
	for q := uint32(0); len(dst) > 0; q += quickPairs / 2 {
		pairs, z := quickPairs, dst
		if len(dst) < len(n.z) {
			const whole = 16 // pairs of what the assembly does at once
			pairs, z = (len(dst)+2*whole-1)/(2*whole)*whole, n.z[:]
		}
		u, v := n.u[:pairs], n.v[:pairs]
		s.uniforms32(u, v, level, index, q)
		kernel.Log(u, u)
		boxMuller(z[:2*pairs], u, v)
		if len(dst) < len(n.z) {
			copy(dst, z)
			return
		}
		dst = dst[2*pairs:]
	}
}

// uniforms32 stores the uniforms of 32 bits of the blocks from q on: u0, u2 in u and u1,
// u3 in v.
func (s Stream) uniforms32(u, v []float64, level Level, index uint64, q uint32) {
	if assembly {
		ctr, key := s.counter(level, index, q)
		c := [6]uint64{uint64(ctr[0]), uint64(ctr[1]), uint64(ctr[2]), uint64(ctr[3]), uint64(key[0]), uint64(key[1])}
		f64.PhiloxUniforms(len(u)/2, &c[0], &u[0], &v[0])
		return
	}
	for i := 0; i < len(u); i += 2 {
		w0, w1 := s.Words(level, index, q)
		u[i], v[i] = uniform32(uint32(w0)), uniform32(uint32(w0>>32))
		u[i+1], v[i+1] = uniform32(uint32(w1)), uniform32(uint32(w1>>32))
		q++
	}
}

// uniform32 is in the open interval (0, 1), and exact.
func uniform32(w uint32) float64 { return (float64(w) + 0.5) * 0x1p-32 }

// boxMuller stores sqrt(-2l) cos 2πv and sqrt(-2l) sin 2πv for each l and v in dst.
func boxMuller(dst, l, v []float64) {
	if assembly {
		f64.BoxMuller(len(l), &dst[0], &l[0], &v[0])
		return
	}
	for i, l := range l {
		r := math.Sqrt(-l)
		sin, cos := circle(v[i])
		dst[2*i], dst[2*i+1] = r*cos, r*sin
	}
}

// quadrants are the signs of cosine and sine in the quadrants.
var quadrants = [4][2]float64{{1, 1}, {-1, 1}, {-1, -1}, {1, -1}}

// circle returns √2 sin 2πv and √2 cos 2πv, 0 <= v < 1, to 1e-14: Taylor series around
// the middle of the quadrant, without branches, since those on random numbers are slow.
func circle(v float64) (sin, cos float64) {
	k := int(4 * v)
	x := (4*v - float64(k) - 0.5) * (math.Pi / 2)
	y := x * x
	s := x * (1 - y*(1./6-y*(1./120-y*(1./5040-y*(1./362880-y*(1./39916800-y*(1./6227020800-y*(1./1307674368000))))))))
	c := 1 - y*(1./2-y*(1./24-y*(1./720-y*(1./40320-y*(1./3628800-y*(1./479001600-y*(1./87178291200)))))))
	o := &quadrants[k&3]
	return s*o[0] + c*o[1], c*o[0] - s*o[1]
}
