package catapult

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// TwinPoint compares a network with its Taylor twins after a step.
type TwinPoint struct {
	Step int
	// Loss, Linear and Quadratic are the losses of the network and of its twins,
	// NaN for one that has diverged by then.
	Loss, Linear, Quadratic float64
	// LinearDeviation and QuadraticDeviation are |f - f_twin|/√m, NaN where the
	// twin has diverged.
	LinearDeviation, QuadraticDeviation float64
}

// TrainTwins trains the network, its linearisation and its quadratic model around
// theta0 side by side, with one learning rate, method and number of steps (the C,
// Lambda0, Eta, Momentum, Nesterov, Steps, Time and LossCap of o; the rest of it
// is ignored). The points end where the network diverges.
//
// In the lazy phase the three agree for wide networks. In the catapult phase the
// linearisation diverges and the quadratic model has a catapult of its own (arXiv
// 2205.11787). From a theta0 after the catapult the linearisation agrees again:
// the linear dynamics are restored (arXiv 2003.02218).
//
// The twins use the full batch and no weight decay, and so must the network: the
// error wraps ErrArgument if it does not, and else is that of Train. If ctx is
// cancelled the points hold what there is.
func TrainTwins[T flow.Float](ctx context.Context, n *Net[T], theta0 []T, o TrainOptions[T]) ([]TwinPoint, error) {
	if is := n.traits(); is.stochastic || is.decay {
		return nil, fmt.Errorf("catapult: twins of a net with mini-batches or weight decay, want neither: %w", ErrArgument)
	}
	lin, err := NewLinearised(n, theta0)
	if err != nil {
		return nil, err
	}
	quad, err := NewQuadratic(n, theta0)
	if err != nil {
		return nil, err
	}
	o = TrainOptions[T]{C: o.C, Lambda0: o.Lambda0, Eta: o.Eta, Momentum: o.Momentum, Nesterov: o.Nesterov, Steps: o.Steps, Time: o.Time, LossCap: o.LossCap, NoTrace: true}
	var points []TwinPoint
	var outputs [][]T
	nan := math.NaN()
	o.Observe = func(p *Point, theta []T) error {
		points = append(points, TwinPoint{Step: p.Step, Loss: p.Loss, Linear: nan, Quadratic: nan, LinearDeviation: nan, QuadraticDeviation: nan})
		outputs = append(outputs, append([]T(nil), n.Predict(theta).Data...))
		return nil
	}
	r, err := Train[T](ctx, n, theta0, o)
	if err != nil {
		return points, err
	}
	// One λ0 for all: that of the network, which is also that of its twins.
	o.C, o.Eta, o.Lambda0 = 0, r.Eta, r.Lambda0.Value
	o.Steps = max(1, r.Steps)
	d := make([]T, n.Samples()*n.Outputs())
	follow := func(twin Model[T], put func(p *TwinPoint, loss, dev float64)) error {
		o.Observe = func(p *Point, theta []T) error {
			if p.Step >= len(points) {
				return ErrStop
			}
			kernel.SubTo(d, outputs[p.Step], twin.Predict(theta).Data)
			put(&points[p.Step], p.Loss, kernel.Nrm2(d)/math.Sqrt(float64(n.Samples())))
			return nil
		}
		_, err := Train(ctx, twin, theta0, o)
		return err
	}
	if err := follow(lin, func(p *TwinPoint, loss, dev float64) { p.Linear, p.LinearDeviation = loss, dev }); err != nil {
		return points, err
	}
	return points, follow(quad, func(p *TwinPoint, loss, dev float64) { p.Quadratic, p.QuadraticDeviation = loss, dev })
}
