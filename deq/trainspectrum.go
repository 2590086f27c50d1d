package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/lanczos"
)

// spectrum computes |W|₂ again and again for a slowly changing W.
type spectrum[T flow.Float] struct {
	ws    lanczos.Workspace[T]
	w     kernel.Matrix[T]
	op    func(dst, v []T)
	tmp   []T
	start []T // near the right singular vector of the last W
	right []T // that vector
}

// norm returns |W|₂: the root of the largest eigenvalue of WᵀW, whose error is of
// the order of the square of the residual.
func (s *spectrum[T]) norm(w kernel.Matrix[T]) (float64, error) {
	if s.op == nil {
		s.op = func(dst, v []T) {
			kernel.Gemv(s.tmp, 1, s.w, v, 0)
			kernel.GemvT(dst, 1, s.w, s.tmp, 0)
		}
	}
	n := w.Rows
	s.w, s.tmp = w, room(s.tmp, n)
	o := lanczos.Options[T]{Tol: max(1e-9, 16*rounding[T]()), Distinct: true}
	if len(s.start) == n {
		o.Start = s.start
	}
	r, err := s.ws.Solve(n, s.op, o)
	if err != nil {
		return 0, fmt.Errorf("deq: |W|₂: %w: %w", err, ErrNotFinite)
	}
	top := r.Top[0]
	s.start = append(s.start[:0], top.Vector...)
	s.right = append(s.right[:0], top.Vector...)
	// A trace of all directions keeps the start from hiding a vector that has
	// overtaken it.
	for i := range s.start {
		s.start[i] += T(1e-3/math.Sqrt(float64(n))) * T(1-2*(i%2))
	}
	return math.Sqrt(max(0, top.Value)), nil
}

// project scales W to |W|₂ <= κ and says whether it had to.
func (w *Network[T]) project(theta []T) (bool, error) {
	l := kernel.MatrixOf(w.n, w.n, theta[:w.n*w.n])
	norm, err := w.spectrum.norm(l)
	if err != nil || norm <= w.cfg.Kappa {
		return false, err
	}
	kernel.Scal(T(w.cfg.Kappa/norm), l.Data)
	return true, nil
}

// radius estimates the largest spectral radius of the Jacobians D_i W at the fixed
// points by steps of the power method, from the growth over the second half.
func (w *Network[T]) radius(steps int) float64 {
	w.layer.Linearize(&w.eq)
	v, t := &w.eq.rhs, &w.eq.none
	matrix(v, w.eq.Z.Rows, w.n)
	matrix(t, w.eq.Z.Rows, w.n)
	for i := range v.Data {
		v.Data[i] = T(1 + 0.5*math.Sin(float64(i)))
	}
	worst := 0.0
	growth := room(w.growth, v.Rows)
	clear(growth)
	for k := range steps {
		w.eq.forward.w.mul(*t, *v, 0)
		kernel.MulTo(t.Data, t.Data, w.eq.D.Data)
		*v, *t = *t, *v
		for i := range v.Rows {
			norm := kernel.Nrm2(v.Row(i))
			if norm == 0 {
				continue
			}
			kernel.Scal(T(1/norm), v.Row(i))
			if 2*k >= steps {
				growth[i] += math.Log(norm)
			}
		}
	}
	w.growth = growth
	for _, g := range growth {
		worst = max(worst, math.Exp(g/float64(steps-steps/2)))
	}
	return worst
}
