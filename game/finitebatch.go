package game

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/internal/philox"
)

// FiniteBatch decomposes many games of one shape at a time, for statistics of random
// games. The payoffs of the games lie beside one another (lanes), so that vector
// instructions work on several games at once. It is for one goroutine at a time.
type FiniteBatch struct {
	a       *anova
	payoffs [][]float64
	phi     []float64
	mean    []float64 // of φ in a fibre, and scratch
	meanU   []float64
	total   []flowSums // of a lane
	span    []spread   // of a fibre, of a lane
	w       []float64  // probabilities of the profiles, nil if they are equal
}

// NewFiniteBatch returns memory for lanes games of the given shape with payoffs 0;
// o may be nil. Some 64 to 256 lanes of small games fit the caches. Errors as those of
// Finite.Decompose, ErrArgument for lanes < 1, ErrTooLarge for more than 2^31 payoffs.
func NewFiniteBatch(shape []int, lanes int, o *FiniteOptions) (*FiniteBatch, error) {
	n, err := profilesOf(shape)
	if err != nil {
		return nil, err
	}
	if lanes < 1 {
		return nil, fmt.Errorf("game: %d lanes, want at least one: %w", lanes, ErrArgument)
	}
	if int64(lanes) > maxProfiles/int64(n) {
		return nil, fmt.Errorf("game: %d lanes of shape %v have more than 2^31 payoffs: %w", lanes, shape, ErrTooLarge)
	}
	a, err := newAnova(shape, lanes, o)
	if err != nil {
		return nil, err
	}
	b := &FiniteBatch{a: a, payoffs: make([][]float64, len(shape)), phi: make([]float64, a.n), mean: make([]float64, max(lanes, longRow)), meanU: make([]float64, lanes), total: make([]flowSums, lanes), span: make([]spread, lanes)}
	for m := range b.payoffs {
		b.payoffs[m] = make([]float64, a.n)
	}
	if !a.uniform {
		b.w = a.profileWeights()
	}
	return b, nil
}

// Lanes returns the number of games.
func (b *FiniteBatch) Lanes() int { return b.a.lanes }

// Payoffs returns the payoffs of a player, to be filled in: that of game l at profile
// p is element p*Lanes() + l.
func (b *FiniteBatch) Payoffs(player int) []float64 { return b.payoffs[player] }

// Random makes all payoffs independent and uniform on (0, 1), those of batch number
// member of the seed, whatever was drawn before. It panics if member is negative or
// above 2^32-1.
func (b *FiniteBatch) Random(seed uint64, member int) {
	if int64(member) < 0 || int64(member) > math.MaxUint32 {
		panic(fmt.Sprintf("game: member %d, want 0 to 2^32-1", member))
	}
	for m, u := range b.payoffs {
		philox.FillUniforms(u, philox.Stream{Seed: seed, ID: uint32(member)}, philox.Starts, uint64(m))
	}
}

// Game returns a copy of the game in a lane. The error wraps ErrNotFinite if a payoff
// is not finite.
func (b *FiniteBatch) Game(lane int) (*Finite, error) {
	u := make([][]float64, len(b.payoffs))
	for m, p := range b.payoffs {
		for at := lane; at < len(p); at += b.a.lanes {
			u[m] = append(u[m], p[at])
		}
	}
	return NewFinite(b.a.shape, u)
}

// Measure stores in dst, which has one element a lane, the metrics of the games as
// Finite.Decompose computes them. Nothing is allocated. It panics if dst has another
// length.
func (b *FiniteBatch) Measure(dst []FiniteMetrics) {
	if len(dst) != b.a.lanes {
		panic(fmt.Sprintf("game: len(dst) is %d, want the number of lanes, %d", len(dst), b.a.lanes))
	}
	b.a.potential(b.phi, b.mean, b.payoffs)
	clear(b.total)
	for m := range b.payoffs {
		b.components(m)
	}
	for l := range dst {
		dst[l] = b.total[l].metrics()
	}
}

// components adds the components of player m, fibre by fibre, to the sums.
func (b *FiniteBatch) components(m int) {
	a, lanes := b.a, b.a.lanes
	meanU, meanPhi := b.meanU[:lanes], b.mean[:lanes]
	for start := 0; start < a.n; start += a.shape[m] * a.inner[m] {
		for at := start; at < start+a.inner[m]; at += lanes {
			a.meanOf(meanU, b.payoffs[m], m, at)
			a.meanOf(meanPhi, b.phi, m, at)
			b.fibre(m, at, meanU, meanPhi, a.c[m]/float64(a.n/lanes))
		}
	}
}

// fibre adds the fibre of player m from place at, in all lanes.
func (b *FiniteBatch) fibre(m, at int, meanU, meanPhi []float64, c float64) {
	lanes, h, inner := b.a.lanes, b.a.shape[m], b.a.inner[m]
	for l := range b.span {
		b.span[l] = spread{lo: math.Inf(1), hi: math.Inf(-1)}
	}
	for k := range h {
		row := at + k*inner
		if b.w != nil {
			c = b.a.c[m] * b.w[row/lanes]
		}
		u, phi := b.payoffs[m][row:row+lanes], b.phi[row:row+lanes]
		meanPhi, meanU, span, total := meanPhi[:len(u)], meanU[:len(u)], b.span[:len(u)], b.total[:len(u)]
		phi = phi[:len(u)]
		for l, v := range u {
			x := v - meanU[l]
			p := phi[l] - meanPhi[l]
			t, s := &total[l], &span[l]
			q := x - p
			pp, qq := p*p, q*q
			t.energy.Total += c * x * x
			t.energy.Potential += c * pp
			t.energy.Harmonic += c * qq
			t.p += pp
			t.h += qq
			s.p += p
			s.pp += pp
			s.q += q
			s.qq += qq
			if q < s.lo {
				s.lo = q
			}
			if q > s.hi {
				s.hi = q
			}
		}
	}
	n := float64(h)
	for l := range b.span {
		s, t := &b.span[l], &b.total[l]
		t.flowP += n*s.pp - s.p*s.p
		t.flowH += n*s.qq - s.q*s.q
		if d := s.hi - s.lo; d > t.mpd {
			t.mpd = d
		}
	}
}

// spread is what is known of a fibre of P and H in a lane: sums, sums of squares, and
// the range of H.
type spread struct{ p, pp, q, qq, lo, hi float64 }
