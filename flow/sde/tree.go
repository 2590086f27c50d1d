package sde

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// TreeDepth is the depth of a Tree: its grid is the interval's 2^32 equal parts.
const TreeDepth = 32

const treeSize = uint64(1) << TreeDepth

// Tree is a virtual Brownian tree: one path of the Wiener process on [t0, t1]
// that can be asked for anywhere on a dyadic grid, in any order, and is the same
// to rounding however it is refined (Jelinčič, Foster and Kidger, arXiv
// 2405.06464). Nothing is stored but the last branch visited: a node is a
// function of seed, stream, channel and place.
//
// The root has W(t1) - W(t0) = √T z and H = √(T/12) z', T = t1 - t0. An interval
// of length h with increment W and area H splits in the middle into
//
//	W1 = W/2 + 3H/2 + Z   W2 = W - W1
//	H1 = H/4 - Z/2 + N/2  H2 = H/4 - Z/2 - N/2
//
// with independent Z ~ N(0, h/16), N ~ N(0, h/12): the law of the halves given
// the whole. Z and N of the node number i (from the left) whose halves have depth
// ℓ are draw i at level ℓ. Adjacent pieces join by Chen's relation
//
//	W = W1 + W2,  h H = h1 H1 + h2 H2 + ½ (h2 W1 - h1 W2).
//
// As the Path of a run, a Tree shortens steps to dyadic fractions of T aligned
// to the grid. A Tree keeps scratch memory, up to 4 numbers a channel for every
// halving, and is for one goroutine at a time.
type Tree struct {
	stream philox.Stream
	t0, t1 float64
	slack  float64 // allowed distance from the grid, in its units
	m      int     // channels that the remembered branch has
	depth  [TreeDepth + 1]siblings
}

// siblings are the two halves of a node, remembered.
type siblings struct {
	known  bool
	parent uint64
	w, h   [2][]float64 // increments and areas by channel
}

// NewTree returns the tree of a seed and a stream on [t0, t1]. The times must be
// finite, t0 < t1, and so far apart that the grid can be told from rounding:
// t1 - t0 at least 2^-16 of the larger of |t0| and |t1|.
func NewTree(seed uint64, stream uint32, t0, t1 float64) (*Tree, error) {
	span := t1 - t0
	top := math.Max(math.Abs(t0), math.Abs(t1))
	if !(span > 0) || math.IsInf(span, 1) || math.IsInf(top, 1) {
		return nil, fmt.Errorf("sde: a tree needs finite times t0 < t1, got t0 = %v, t1 = %v: %w", t0, t1, flow.ErrArgument)
	}
	if span < 0x1p-16*top {
		return nil, fmt.Errorf("sde: the tree from t0 = %v to t1 = %v is shorter than 2^-16 of its times, its grid would be lost in rounding: %w", t0, t1, flow.ErrArgument)
	}
	slack := 4 * 0x1p-52 * top / span * float64(treeSize)
	return &Tree{stream: philox.Stream{Seed: seed, ID: stream}, t0: t0, t1: t1, slack: max(slack, 0x1p-18)}, nil
}

// Span returns the interval of the tree.
func (b *Tree) Span() (t0, t1 float64) { return b.t0, b.t1 }

// At stores W(t) - W(t0) in w, for the channels 0, 1, ... It is an error if t is
// not on the grid or outside the interval.
func (b *Tree) At(w []float64, t float64) error {
	k, err := b.locate(t)
	if err != nil {
		return err
	}
	b.between(w, nil, 0, k)
	return nil
}

// Increment implements Path; step does not matter. It is an error, which wraps
// [flow.ErrArgument], if one of the times is not on the grid or outside the
// interval: nothing is ever interpolated.
func (b *Tree) Increment(w, area []float64, step uint64, t, h float64) error {
	from, err := b.locate(t)
	if err != nil {
		return err
	}
	to, err := b.locate(t + h)
	if err != nil {
		return err
	}
	if to <= from {
		return fmt.Errorf("sde: step size is %v at t = %v, want at least the grid's spacing, %v: %w", h, t, b.spacing(1), flow.ErrArgument)
	}
	if area != nil && len(area) != len(w) {
		panic(fmt.Sprintf("sde: len(area) = %d, want len(w) = %d", len(area), len(w)))
	}
	b.between(w, area, from, to)
	return nil
}

// Limit implements Path: the largest aligned dyadic step up to h. From a time
// off the grid it returns h, for which Increment is an error.
func (b *Tree) Limit(t, h float64) float64 {
	k, err := b.locate(t)
	if err != nil || k >= treeSize {
		return h
	}
	size := alignment(k)
	for size > 1 && b.spacing(size) > h*(1+0x1p-50) {
		size /= 2
	}
	return min(h, b.spacing(size))
}

// spacing is the length of a number of grid intervals.
func (b *Tree) spacing(k uint64) float64 {
	return (b.t1 - b.t0) * (float64(k) / float64(treeSize))
}

// locate returns the number of a grid point.
func (b *Tree) locate(t float64) (uint64, error) {
	u := (t - b.t0) / (b.t1 - b.t0) * float64(treeSize)
	k := math.Round(u)
	if !(math.Abs(u-k) <= b.slack) {
		return 0, fmt.Errorf("sde: t = %v is not on the tree's grid, %v + k·%v: %w", t, b.t0, b.spacing(1), flow.ErrArgument)
	}
	if k < 0 || k > float64(treeSize) {
		return 0, fmt.Errorf("sde: t = %v is outside the tree's interval, [%v, %v]: %w", t, b.t0, b.t1, flow.ErrArgument)
	}
	return uint64(k), nil
}

// alignment is the size of the largest node that begins at grid point k.
func alignment(k uint64) uint64 {
	if k == 0 {
		return treeSize
	}
	return k & -k
}

// between joins the largest nodes that fill [from, to].
func (b *Tree) between(w, area []float64, from, to uint64) {
	if len(w) != b.m {
		b.m = len(w)
		for i := range b.depth {
			b.depth[i] = siblings{}
		}
	}
	clear(w)
	clear(area)
	for k := from; k < to; {
		size := min(alignment(k), uint64(1)<<(bits.Len64(to-k)-1))
		nw, nh := b.node(TreeDepth-bits.TrailingZeros64(size), k/size)
		if area != nil {
			h1, h2 := float64(k-from), float64(size)
			for j, v := range nw {
				area[j] = (h1*area[j] + h2*nh[j] + (h2*w[j]-h1*v)/2) / (h1 + h2)
			}
		}
		for j, v := range nw {
			w[j] += v
		}
		k += size
	}
}

// node returns increments and areas of node number i of a depth.
func (b *Tree) node(depth int, i uint64) (w, h []float64) {
	// Go up to the deepest ancestor that is remembered, then down.
	d := depth
	for d > 0 && !(b.depth[d].known && b.depth[d].parent == i>>(depth-d)>>1) {
		d--
	}
	if d == 0 && !b.depth[0].known {
		b.root()
	}
	for d++; d <= depth; d++ {
		b.split(d, i>>(depth-d)>>1)
	}
	side := i & 1
	return b.depth[depth].w[side], b.depth[depth].h[side]
}

// root draws the whole interval.
func (b *Tree) root() {
	s := &b.depth[0]
	s.take(b.m)
	span := b.t1 - b.t0
	sw, sh := math.Sqrt(span), math.Sqrt(span/12)
	for j := range b.m {
		z, zh := b.stream.Normals(0, 0, uint32(j))
		s.w[0][j], s.h[0][j] = sw*z, sh*zh
	}
	s.known, s.parent = true, 0
}

// split draws the two halves, which have the given depth, of a node of the depth
// above, which is remembered there.
func (b *Tree) split(depth int, parent uint64) {
	up := &b.depth[depth-1]
	w, h := up.w[parent&1], up.h[parent&1]
	s := &b.depth[depth]
	s.take(b.m)
	length := b.spacing(treeSize >> (depth - 1))
	sz, sn := math.Sqrt(length/16), math.Sqrt(length/12)
	for j := range b.m {
		z, n := b.stream.Normals(philox.Level(depth), parent, uint32(j))
		z *= sz
		n *= sn
		s.w[0][j] = w[j]/2 + 3*h[j]/2 + z
		s.w[1][j] = w[j] - s.w[0][j]
		s.h[0][j] = h[j]/4 - z/2 + n/2
		s.h[1][j] = h[j]/4 - z/2 - n/2
	}
	s.known, s.parent = true, parent
}

// take makes room for m channels, once.
func (s *siblings) take(m int) {
	if s.w[0] != nil {
		return
	}
	data := make([]float64, 4*m)
	s.w[0], s.w[1] = data[:m:m], data[m:2*m:2*m]
	s.h[0], s.h[1] = data[2*m:3*m:3*m], data[3*m:]
}
