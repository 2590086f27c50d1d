package philox

import (
	"fmt"
	"math/rand/v2"
)

// Source hands out the words of a stream one after another: it is a
// [rand.Source], so that rand.New(&philox.Source{...}) has every distribution of
// math/rand/v2. The zero value is the stream with seed 0 and ID 0. It is not
// safe for concurrent use: give each goroutine a stream of its own.
type Source struct {
	// Stream is the stream to read, at level [Sequence].
	Stream Stream
	// Pos is the number of words handed out so far. Setting it moves the
	// source; it is all the state there is.
	Pos uint64

	next  uint64 // second word of the last block
	ahead uint64 // Pos for which next is right, 0 if none
	of    Stream // stream that next belongs to
}

var _ rand.Source = (*Source)(nil)

// NewSource returns the source of the stream derived from a seed and a member.
// It panics if stream is negative or does not fit 32 bits.
func NewSource(seed uint64, stream int) *Source {
	if int64(stream) < 0 || int64(stream) > 1<<32-1 {
		panic(fmt.Sprintf("philox: stream %d, want 0 to 2^32-1", stream))
	}
	return &Source{Stream: Stream{Seed: seed, ID: uint32(stream)}}
}

// Uint64 implements rand.Source.
func (s *Source) Uint64() uint64 {
	pos := s.Pos
	s.Pos++
	if pos%2 == 1 {
		if s.ahead == pos && s.of == s.Stream {
			return s.next
		}
		_, w1 := s.Stream.Words(Sequence, pos/2, 0)
		return w1
	}
	w0, w1 := s.Stream.Words(Sequence, pos/2, 0)
	s.next, s.ahead, s.of = w1, pos+1, s.Stream
	return w0
}
