package deq

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// LimitSensitivity stores the derivative ∂θ_∞/∂θ_0 of the limit of the gradient flow
// (see Limit) in dst, (d+1) x (d+1), at its start θ_0 = theta = (w_0, a_0): the limit
// depends on the start through r and the sign of m alone,
//
//	∂r/∂w_0 = w_0/r,  ∂r/∂a_0 = -m_0/r,
//	∂(w_∞, a_∞)/∂r = sign(m_0) (β_LS, -1)/sqrt(1+|β_LS|²),
//
// so that it has rank 1 (ours): flows that start on one half-sphere end in one point. It
// is that of starts in the range of S if S is singular. Errors are those of Limit, or
// wrap ErrShape.
func (s *Scalar[T]) LimitSensitivity(dst kernel.Matrix[float64], theta []T) error {
	if dst.Rows != s.d+1 || dst.Cols != s.d+1 {
		return fmt.Errorf("deq: dst is %d x %d, want %d x %d: %w", dst.Rows, dst.Cols, s.d+1, s.d+1, ErrShape)
	}
	if err := s.at(theta); err != nil {
		return err
	}
	c := math.Copysign(1/math.Sqrt((1+kernel.SumSq(s.star))*s.radius2(theta)), s.m)
	end, start := make([]float64, s.d+1), make([]float64, s.d+1)
	copy(end, s.star)
	widen(start, theta[:s.d])
	end[s.d], start[s.d] = -1, -s.m
	clear(dst.Data)
	kernel.Ger(dst, c, end, start)
	return nil
}

// RiskCurves integrates the gradient flow from each of the starts, rows of theta, with
// up to workers goroutines (0: as many as GOMAXPROCS) and stores the risks at the
// given ascending times in the rows of dst, and where each flow is at the last of them
// in its row of end (len(starts) x (d+1), or the zero Matrix): the lines of a phase
// portrait. The results do not depend on the number of workers. A start at the singular
// centre is an error that wraps ErrSingular; others wrap ErrShape or ErrNotFinite, or
// are those of the run or of ctx.
func (s *Scalar[T]) RiskCurves(ctx context.Context, dst, end kernel.Matrix[float64], starts kernel.Matrix[T], times []float64, workers int) error {
	if starts.Cols != s.d+1 || dst.Rows != starts.Rows || dst.Cols != len(times) || len(times) == 0 {
		return fmt.Errorf("deq: dst is %d x %d for starts %d x %d and %d times, want K x times and K x %d: %w", dst.Rows, dst.Cols, starts.Rows, starts.Cols, len(times), s.d+1, ErrShape)
	}
	if end.Data != nil && (end.Rows != starts.Rows || end.Cols != s.d+1) {
		return fmt.Errorf("deq: end is %d x %d, want %d x %d: %w", end.Rows, end.Cols, starts.Rows, s.d+1, ErrShape)
	}
	return flow.Ensemble(ctx, starts.Rows, workers, func(ctx context.Context, k int) error {
		m, err := NewScalar[T](s.data)
		if err != nil {
			return err
		}
		if err := m.at(starts.Row(k)); err != nil {
			return err
		}
		f := flow.Field[T](flow.GradientFlow[T](m))
		sol, err := flow.Solve(ctx, f, starts.Row(k), flow.Options[T]{T1: times[len(times)-1], RelTol: curveTol[T](), AbsTol: curveTol[T]() / 100, SaveAt: times})
		if err != nil {
			return err
		}
		if sol.Status != flow.Done {
			return fmt.Errorf("deq: flow ended as %v at t = %v, want t = %v: %w", sol.Status, sol.T, times[len(times)-1], ErrDiverged)
		}
		for i, x := range sol.States {
			dst.Set(k, i, m.EnergyGrad(nil, x))
		}
		if end.Data != nil {
			widen(end.Row(k), sol.X)
		}
		return nil
	})
}

// curveTol is the relative tolerance of RiskCurves.
func curveTol[T flow.Float]() float64 { return math.Sqrt(unit[T]()) / 10 }
