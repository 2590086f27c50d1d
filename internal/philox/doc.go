// Package philox is the counter-based random number generator Philox4x32-10 of
// Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
// (SC11), with the draw layout that the whole library shares.
//
// A counter-based generator is a function: the same (seed, stream, level, index,
// component) gives the same numbers on every platform, in any order, from any
// number of goroutines. Nothing has to be saved to resume a run but the step
// index, a rejected step sees its noise again, and paths do not depend on the
// number of workers.
//
// # Layout
//
// The key is the seed; the counter holds the rest:
//
//	key     = (seed mod 2^32, seed >> 32)
//	counter = (index mod 2^32, level | ((index >> 32) & 0xFFFFFF) << 8, q, stream)
//
// so an index has 56 bits, a level 8, a block q and a stream 32 each. A block of
// output (o0, o1, o2, o3) is read as
//
//	w0 = o0 | o1 << 32,  w1 = o2 | o3 << 32        words
//	u  = ((w >> 11) + 1/2) 2^-53                   uniforms, in (0, 1)
//	z  = sqrt(-2 ln u0) cos 2πu1                   normals (Box-Muller), the pair
//	z' = sqrt(-2 ln u0) sin 2πu1                   z_2q, z_2q+1 of block q
//
// A stream is a path, a chain or a member of an ensemble; the level says what the
// numbers are for (see [Level]); the index is the step.
package philox
