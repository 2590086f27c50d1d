package game

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// FTRL is the dynamics of a finite game in which every player follows the regularised
// leader, in score coordinates:
//
//	y_m' = v_m(x) - mean of v_m(x),  x_m = Q(y_m),
//
// v_m(a) = E u_m(a, x_-m) being the payoffs of the actions. With the entropy as
// regulariser Q is softmax and x follows the replicator dynamics (NewReplicator); with
// the Euclidean one Q is the projection onto the simplex (NewEuclideanFTRL). Constants
// in y_m do not change x, so that the mean is taken off.
//
// The scores are the coordinates to integrate in: in those of the simplex the
// constraint Σ_a x_m(a) = 1 is unstable, and long runs leave the simplex. Discrete
// learning is the integrators of flow/descent on this field: see MWU.
//
// An FTRL is a flow.Field in float32 or float64, whose capabilities are the directional
// derivative (of the replicator), the players' blocks, Project, which takes the means
// off, and the invariants given to Watch. It holds scratch memory: one for each
// goroutine.
type FTRL[T flow.Float] struct {
	f         *Finite // the whole game
	e         *expected[T]
	support   [][]int // actions in use, nil: all
	start     []T     // scores of x0
	euclidean bool
	rows      int // number of players if they have as many actions, else 0

	x, work, row, other []T
	inv                 []flow.Invariant[T]
}

var (
	_ flow.Field[float64] = (*FTRL[float64])(nil)
	_ flow.Field[float32] = (*FTRL[float32])(nil)
)

// NewReplicator returns the replicator dynamics of the game, from the mixed profile x0
// (the probabilities of the players' actions one player after another),
//
//	x_m(a)' = x_m(a) (v_m(a) - x_m·v_m),
//
// in score coordinates y, x_m = softmax(y_m). Start returns the scores of x0.
//
// Actions that x0 gives probability 0 are never played: then the dynamics is that of
// the face of the game, with scores for the other actions alone, and Boundary reports
// it.
//
// Errors: ErrShape for an x0 of wrong length; ErrArgument if a strategy has a negative
// probability or does not sum to 1 (to 1e-12, in float32 1e-6; nothing is
// renormalised); ErrNotFinite.
func NewReplicator[T flow.Float](f *Finite, x0 []T) (*FTRL[T], error) {
	if err := checkProfile(x0, f.shape); err != nil {
		return nil, err
	}
	support, all := supportOf(x0, f.shape)
	face := f
	if !all {
		var err error
		if face, err = f.Restrict(support); err != nil {
			return nil, err
		}
	}
	r := newFTRL[T](f, face)
	if !all {
		r.support = support
	}
	for _, p := range x0 {
		if p > 0 {
			r.start = append(r.start, T(math.Log(float64(p))))
		}
	}
	return r, r.centre(r.start)
}

// NewEuclideanFTRL returns the dynamics with the Euclidean regulariser |x|²/2, in score
// coordinates y, x_m being the point of the simplex nearest to y_m (projection
// dynamics). Start returns scores of x0. Strategies may come to the boundary and leave
// it again. Errors as those of NewReplicator.
func NewEuclideanFTRL[T flow.Float](f *Finite, x0 []T) (*FTRL[T], error) {
	if err := checkProfile(x0, f.shape); err != nil {
		return nil, err
	}
	r := newFTRL[T](f, f)
	r.euclidean, r.start = true, slices.Clone(x0)
	return r, r.centre(r.start)
}

func newFTRL[T flow.Float](f, face *Finite) *FTRL[T] {
	e := newExpected[T](face)
	n, rows := e.dim(), len(face.shape)
	if slices.Min(face.shape) != slices.Max(face.shape) {
		rows = 0
	}
	return &FTRL[T]{f: f, e: e, rows: rows, x: make([]T, n), work: make([]T, n), row: make([]T, n), other: make([]T, n)}
}

// supportOf lists the actions of positive probability; all says that it is every one.
func supportOf[T flow.Float](x []T, shape []int) (support [][]int, all bool) {
	all = true
	for _, h := range shape {
		var list []int
		for a, p := range x[:h] {
			if p > 0 {
				list = append(list, a)
			}
		}
		support, all, x = append(support, list), all && len(list) == h, x[h:]
	}
	return support, all
}

// Start returns the scores of the profile given to the constructor.
func (r *FTRL[T]) Start() []T { return slices.Clone(r.start) }

// Boundary says that the replicator started on the boundary: some actions have
// probability 0 for ever.
func (r *FTRL[T]) Boundary() bool { return r.support != nil }

// Blocks returns the numbers of scores of the players: of their actions in use.
func (r *FTRL[T]) Blocks() []int { return r.e.shape }

// Dim implements flow.Field.
func (r *FTRL[T]) Dim() int { return r.e.dim() }

// Strategies stores in dst the mixed profile at the scores y, with zeros for actions
// that are out of use. It panics if a length does not fit.
func (r *FTRL[T]) Strategies(dst, y []T) {
	if len(dst) != sum(r.f.shape) || len(y) != r.Dim() {
		panic(fmt.Sprintf("game: len(dst) is %d and len(y) %d, want %d actions and %d scores", len(dst), len(y), sum(r.f.shape), r.Dim()))
	}
	if r.support == nil {
		r.play(dst, y)
		return
	}
	r.play(r.x, y)
	clear(dst)
	x := r.x
	for m, list := range r.support {
		for k, a := range list {
			dst[a] = x[k]
		}
		x, dst = x[len(list):], dst[r.f.shape[m]:]
	}
}

// play stores Q(y) in x.
func (r *FTRL[T]) play(x, y []T) {
	copy(x, y)
	if !r.euclidean {
		if r.rows > 0 { // in one call, the commonest case
			kernel.SoftmaxRows(kernel.Matrix[T]{Rows: r.rows, Cols: r.e.shape[0], Stride: r.e.shape[0], Data: x})
			return
		}
		softmaxBlocks(x, r.e.shape)
		return
	}
	for m := range r.e.shape {
		projectSimplex(r.e.part(x, m), r.e.part(r.other, m))
	}
}

// Eval implements flow.Field.
func (r *FTRL[T]) Eval(dst, y []T, t float64) {
	r.play(r.x, y)
	r.e.values(dst, r.x)
	centreBlocks(dst, r.e.shape)
}

// Caps returns what the dynamics can do beyond its field.
func (r *FTRL[T]) Caps() flow.Caps[T] {
	c := flow.Caps[T]{
		Autonomous: true, Blocks: r.e.shape, Project: r.centre, Invariants: r.inv,
		EvalBlock: func(dst, y []T, t float64, m int) {
			r.play(r.x, y)
			r.e.value(dst, r.x, m)
			centreBlocks(dst, r.e.shape[m:m+1])
		},
	}
	if !r.euclidean {
		c.JacVec = r.derivative
	}
	return c
}

// derivative stores the derivative of the field in the direction dy: strategies change
// by dx = x∘(dy - x·dy).
func (r *FTRL[T]) derivative(dst, y, dy []T, t float64) {
	r.play(r.x, y)
	for m := range r.e.shape {
		x, d, to := r.e.part(r.x, m), r.e.part(dy, m), r.e.part(r.other, m)
		mean := kernel.Dot(x, d)
		for a, v := range x {
			to[a] = v * (d[a] - mean)
		}
	}
	r.e.derivative(dst, r.x, r.other, r.work, r.row)
	centreBlocks(dst, r.e.shape)
}

// centre takes the means off the scores.
func (r *FTRL[T]) centre(y []T) error {
	centreBlocks(y, r.e.shape)
	return nil
}

// centreBlocks takes the means off the blocks of x.
func centreBlocks[T flow.Float](x []T, shape []int) {
	for _, h := range shape {
		s := T(0)
		for _, v := range x[:h] {
			s += v
		}
		s /= T(h)
		for a := range x[:h] {
			x[a] -= s
		}
		x = x[h:]
	}
}

// softmaxBlocks replaces the blocks of x by their softmax.
func softmaxBlocks[T flow.Float](x []T, shape []int) {
	for _, h := range shape {
		kernel.SoftmaxRows(kernel.MatrixOf(1, h, x[:h]))
		x = x[h:]
	}
}

// projectSimplex replaces x by the nearest point of the simplex {x >= 0, Σ x = 1}:
// max(x - τ, 0), τ by a descending sort (Held, Wolfe, Crowder 1974). work is as long as
// x.
func projectSimplex[T flow.Float](x, work []T) {
	copy(work, x)
	slices.Sort(work)
	s, tau := 0.0, 0.0
	for k := len(work) - 1; k >= 0; k-- {
		s += float64(work[k])
		if t := (s - 1) / float64(len(work)-k); float64(work[k]) > t {
			tau = t
		}
	}
	for a, v := range x {
		x[a] = max(0, v-T(tau))
	}
}
