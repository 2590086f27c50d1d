package philox

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Level says what a draw is for, so that two uses of one stream at one step
// never see the same numbers. Levels 0 to 63 are the depths of a Brownian tree.
type Level uint8

// The levels in use.
const (
	// Steps are the noise increments of the steps; the index is the step.
	Steps Level = 255
	// HalfSteps are the half steps of Langevin integrators; the index is
	// 2·step + half.
	HalfSteps Level = 254
	// Jumps are the uniforms that decide on jumps; the index is the step and the
	// component the unit.
	Jumps Level = 253
	// Starts are start vectors of numerical methods (Lanczos, power iteration).
	Starts Level = 252
	// Sequence is the level of [Source], the generator without random access.
	Sequence Level = 251
)

// IndexBits is the width of an index: higher bits are ignored.
const IndexBits = 56

// Stream is a family of independent draws: those of one path, chain or member
// of an ensemble. It is a plain value; its methods are functions of their
// arguments and safe for concurrent use.
type Stream struct {
	Seed uint64 // seed of the whole computation
	ID   uint32 // path, chain or member
}

// Words returns the 128 random bits of block q.
func (s Stream) Words(level Level, index uint64, q uint32) (w0, w1 uint64) {
	o := Block(s.counter(level, index, q))
	return uint64(o[0]) | uint64(o[1])<<32, uint64(o[2]) | uint64(o[3])<<32
}

// counter returns the counter and the key of block q.
func (s Stream) counter(level Level, index uint64, q uint32) (ctr [4]uint32, key [2]uint32) {
	return [4]uint32{uint32(index), uint32(level) | uint32(index>>32&0xFFFFFF)<<8, q, s.ID}, [2]uint32{uint32(s.Seed), uint32(s.Seed >> 32)}
}

// Uniforms returns the two uniform numbers of block q, in the open interval
// (0, 1).
func (s Stream) Uniforms(level Level, index uint64, q uint32) (u0, u1 float64) {
	w0, w1 := s.Words(level, index, q)
	return uniform(w0), uniform(w1)
}

// Normals returns the two standard normal numbers of block q, components 2q and
// 2q+1 of the draw.
func (s Stream) Normals(level Level, index uint64, q uint32) (z0, z1 float64) {
	u0, u1 := s.Uniforms(level, index, q)
	r := math.Sqrt(-2 * math.Log(u0))
	sin, cos := math.Sincos(2 * math.Pi * u1)
	return r * cos, r * sin
}

// uniform is ((w >> 11) + 1/2) 2^-53. The half is added to an integer below
// 2^53, whose sum rounds to even: u = 1 would need w>>11 = 2^53 - 1 and then
// rounds to 2^53, so that one value is moved below 1.
func uniform(w uint64) float64 {
	u := (float64(w>>11) + 0.5) * 0x1p-53
	if u == 1 {
		return 1 - 0x1p-53
	}
	return u
}

// FillUniforms stores components 0, 1, ... of a draw of uniform numbers in dst.
func FillUniforms[T kernel.Float](dst []T, s Stream, level Level, index uint64) {
	fill(dst, s.Uniforms, level, index)
}

// FillNormals stores components 0, 1, ... of a draw of standard normal numbers
// in dst.
func FillNormals[T kernel.Float](dst []T, s Stream, level Level, index uint64) {
	fill(dst, s.Normals, level, index)
}

func fill[T kernel.Float](dst []T, pair func(Level, uint64, uint32) (float64, float64), level Level, index uint64) {
	n := len(dst)
	for i := 0; i+1 < n; i += 2 {
		a, b := pair(level, index, uint32(i/2))
		dst[i], dst[i+1] = T(a), T(b)
	}
	if n%2 == 1 {
		a, _ := pair(level, index, uint32(n/2))
		dst[n-1] = T(a)
	}
}
