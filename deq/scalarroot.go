package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

const (
	rootBlock    = 256 // rows solved together: their buffers stay in the first cache
	rootMaxIter  = 200 // bisection alone would need fewer
	rootMaxTrace = 1 << 20
)

// unit is the rounding unit of T as the spacing of numbers at 1.
func unit[T flow.Float]() float64 {
	if T(1)+T(0x1p-40) != T(1) {
		return 0x1p-52
	}
	return 0x1p-23
}

// rootSolver finds the roots y of r(y) = y - σ(p+vy) for blocks of p. Where vσ' < 1
// everywhere, r' >= μ = 1 - sup vσ' > 0, so that the root is unique and lies between y
// and y - r(y)/μ for every y: Newton's method in this bracket, and bisection where it does
// not halve the residual.
//
// The stop rule is relative, |r| <= 4u(|y| + σ'(|p|+|vy|)) with the rounding unit u,
// which is what rounding leaves; an absolute one would let dead units wake up.
type rootSolver[T flow.Float] struct {
	act  *Activation
	eps  float64
	atol float64

	z, t, lo, hi, last []T

	// Of the fast step; see prepare.
	v              float64
	ready, hasFast bool
	coefs          kernel.RootCoefs[T]
}

func newRootSolver[T flow.Float](act *Activation, atol float64) *rootSolver[T] {
	q := &rootSolver[T]{act: act, eps: unit[T](), atol: atol}
	for _, b := range []*[]T{&q.z, &q.t, &q.lo, &q.hi, &q.last} {
		*b = make([]T, rootBlock)
	}
	return q
}

// closed solves the piecewise linear activations, whose branch is that of p. It
// reports whether it could.
func (q *rootSolver[T]) closed(y, s, p []T, v float64) bool {
	var slope float64
	switch q.act.form {
	case formIdentity:
		slope = 1
	case formReLU, formLeaky:
		slope = q.act.MinSlope
	default:
		return false
	}
	g := T(slope)
	above, below := T(1-v), T(1-v*slope)
	for i, h := range p {
		if h > 0 {
			y[i], s[i] = h/above, 1
		} else {
			y[i], s[i] = g*h/below, g
		}
	}
	return true
}

// solve replaces the starts y by the roots and stores σ' there in s, for at most
// rootBlock numbers p, if vσ' < 1. It returns the index of a row that did not
// converge, or -1.
func (q *rootSolver[T]) solve(y, s, p []T, v float64) int {
	if q.closed(y, s, p, v) {
		return -1
	}
	n := len(p)
	if _, _, ok := q.fast(v, y, s, q.z[:n], p, p); ok {
		return -1
	}
	z, t, lo, hi, last := q.z[:n], q.t[:n], q.lo[:n], q.hi[:n], q.last[:n]
	inf := T(math.Inf(1))
	for i := range lo {
		lo[i], hi[i], last[i] = -inf, inf, inf
	}
	y, s, p = y[:n], s[:n], p[:n]
	var (
		vT    = T(v)
		muInv = T(1 / (1 - q.act.gain(v)))
		tol   = T(4 * q.eps)
		atol  = T(q.atol)
		open  = 0
	)
	for range rootMaxIter {
		kernel.AxpyTo(z, vT, y, p)
		activate(q.act, t, s, z)
		open = -1
		for i, r := range t {
			r = y[i] - r
			size, a := magnitude(y[i]), magnitude(r)
			noise := tol * (size + magnitude(s[i])*(magnitude(p[i])+magnitude(vT)*size))
			if a <= noise+atol {
				continue
			}
			slack := noise * max(muInv, 1) // of y - r/μ, so that the root stays inside
			if r > 0 {
				hi[i] = y[i]
				lo[i] = max(lo[i], y[i]-r*muInv-slack)
			} else {
				lo[i] = y[i]
				hi[i] = min(hi[i], y[i]-r*muInv+slack)
			}
			next := y[i] - r/(1-vT*s[i])
			switch {
			case next > lo[i] && next < hi[i] && a <= last[i]/2:
				last[i] = a
			default:
				next, last[i] = lo[i]+(hi[i]-lo[i])/2, inf
			}
			if next == y[i] { // the bracket has no number inside
				continue
			}
			y[i], open = next, i
		}
		if open < 0 {
			return -1
		}
	}
	return open
}

// nearest replaces the start y by the root nearest to it, whatever v is, and returns
// σ' there. r changes by at most L = 1+|v|Lip for a unit of y, so that no root lies
// within |r|/L of a point: both directions are searched by steps of that length.
func (q *rootSolver[T]) nearest(y, p, v float64) (root, slope float64, err error) {
	lip := 1 + math.Abs(v)*q.act.Lip
	res := func(y float64) float64 { return math.Abs(y - q.act.F(p+v*y)) }
	done := func(y, r float64) bool {
		s := q.act.D(p + v*y)
		return r < math.MaxFloat64 && r <= 4*q.eps*(math.Abs(y)+math.Abs(s)*(math.Abs(p)+math.Abs(v*y)))+q.atol
	}
	up, down := y, y
	ru := res(y)
	rd := ru
	for range rootMaxTrace {
		if !(up-down < 1e150) {
			break
		}
		// The side that has come less far goes on.
		if up-y <= y-down {
			if done(up, ru) {
				return up, q.act.D(p + v*up), nil
			}
			up += ru / lip
			ru = res(up)
		} else {
			if done(down, rd) {
				return down, q.act.D(p + v*down), nil
			}
			down -= rd / lip
			rd = res(down)
		}
	}
	return math.NaN(), math.NaN(), fmt.Errorf("deq: no equilibrium found between %.4g and %.4g for p = %v, v = %v: %w", down, up, p, v, ErrIllPosed)
}

// magnitude is |x| without a branch.
func magnitude[T flow.Float](x T) T { return T(math.Abs(float64(x))) }
