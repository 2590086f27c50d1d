package deq

import (
	"context"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// GradientComparison sets the gradient of a backward rule in (W, U, b) against the
// exact one.
type GradientComparison struct {
	Rule Backward
	// NormRatio is |g|/|exact|, RelativeError |g - exact|/|exact|.
	NormRatio, RelativeError float64
	// Inner is <g, exact> and Cosine that over |g||exact|: a positive one makes -g
	// a direction of descent.
	Inner, Cosine float64
}

// CompareBackward computes the gradients of several backward rules at the fixed
// points of the last Solve and compares them with the exact one, for which the
// adjoint equation is solved by GMRES to a relative residual of 1e-10 (float32
// 1e-5) unless the options say otherwise. Errors are those of Dense.Backward.
func CompareBackward[T flow.Float](ctx context.Context, l *Dense[T], eq *Equilibrium[T], dLdZ kernel.Matrix[T], o *BackwardOptions[T], rules ...Backward) ([]GradientComparison, error) {
	var q BackwardOptions[T]
	if o != nil {
		q = *o
	}
	if q.Solver == nil {
		q.Solver = NewtonKrylov{}
	}
	var exact, g DenseGrad[T]
	if _, err := l.Backward(ctx, &exact, eq, dLdZ, Backward{}, &q); err != nil {
		return nil, err
	}
	norm := math.Sqrt(inner(&exact, &exact))
	out := make([]GradientComparison, 0, len(rules))
	for _, rule := range rules {
		if _, err := l.Backward(ctx, &g, eq, dLdZ, rule, &q); err != nil {
			return nil, err
		}
		own, dot := math.Sqrt(inner(&g, &g)), inner(&g, &exact)
		kernel.SubTo(g.W.Data, g.W.Data, exact.W.Data)
		kernel.SubTo(g.U.Data, g.U.Data, exact.U.Data)
		kernel.SubTo(g.B, g.B, exact.B)
		out = append(out, GradientComparison{
			Rule: rule, NormRatio: own / norm, RelativeError: math.Sqrt(inner(&g, &g)) / norm,
			Inner: dot, Cosine: dot / (own * norm),
		})
	}
	return out, nil
}

// inner is the inner product of two gradients in (W, U, b).
func inner[T flow.Float](a, b *DenseGrad[T]) float64 {
	return float64(kernel.Dot(a.W.Data, b.W.Data)) + float64(kernel.Dot(a.U.Data, b.U.Data)) + float64(kernel.Dot(a.B, b.B))
}
