package catapult

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow"
)

// NetDiagram is the phase diagram of the network that c describes, over C = ηλ0 in
// X and the width of its hidden layers in Y (whole numbers; the widths of c are
// not used), each run trained from Net.Init(Seed, Member) with the options o, of
// which learning rate and callbacks are not used. A start of no curvature is Dead.
// value, unless it is nil, computes Cell.Value, a test accuracy for instance.
// Errors are those of PhaseDiagram, NewNet and Train.
func NetDiagram[T flow.Float](ctx context.Context, s DiagramSpec, c NetConfig, data Data[T], o TrainOptions[T], value func(n *Net[T], r *TrainResult[T]) float64) (*Diagram, error) {
	o.Eta, o.Lambda0, o.Observe, o.Save, o.Resume, o.NoTrace = 0, 0, nil, nil, nil, true
	return PhaseDiagram(ctx, s, func(ctx context.Context, p DiagramRun) (Cell, error) {
		if p.Y != math.Trunc(p.Y) || p.Y < 1 || p.Y > math.MaxInt32 {
			return Cell{}, fmt.Errorf("catapult: width = %v, want a whole number >= 1: %w", p.Y, ErrArgument)
		}
		c := c
		c.Sizes = slices.Clone(c.Sizes)
		for l := 1; l < len(c.Sizes)-1; l++ {
			c.Sizes[l] = int(p.Y)
		}
		n, err := NewNet(c, data)
		if err != nil {
			return Cell{}, err
		}
		o := o
		o.C = p.X
		r, err := Train[T](ctx, n, n.Init(p.Seed, uint64(p.Member)), o)
		if errors.Is(err, ErrZeroCurvature) {
			return Cell{Phase: Dead, Kappa: math.NaN()}, nil
		}
		if err != nil {
			return Cell{}, err
		}
		cell := Cell{Phase: r.Phase, Kappa: r.Mechanism.Kappa, Peak: r.Mechanism.PeakLoss, PeakStep: r.Mechanism.PeakStep, Loss: r.Loss, Steps: r.Steps}
		if value != nil {
			cell.Value = value(n, r)
		}
		return cell, nil
	})
}
