package catapult

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow"
)

// EdgeOptions says how StableEdge searches. The zero value is its documented
// default.
type EdgeOptions struct {
	// C is the grid of learning rates in units of 1/λ0, increasing. If it is nil,
	// it is that of SuggestRates.
	C []float64
	// Seeds are the seeds of the networks (Net.Init(seed, 0)). If it is nil, they
	// are 0, 1 and 2.
	Seeds []uint64
	// Steps is the number of steps of each run. If it is zero, it is 150.
	Steps int
	// Momentum and Nesterov are as in TrainOptions.
	Momentum float64
	Nesterov bool
	// Workers is the number of runs at a time. If it is zero, it is GOMAXPROCS.
	// The result does not depend on it.
	Workers int
}

// Edge is the end of the range of learning rates at which a network trains, the
// η_max of arXiv 2003.02218, in units of 1/λ0.
type Edge struct {
	C       []float64
	Seeds   []uint64
	Lambda0 []float64 // λ0 of each seed
	// Phases[i][j] is the phase of seed i at C[j]; see TrainResult.Phase. A dead
	// net is Dead, not stable.
	Phases [][]Phase
	// LastStable is the largest C of the grid at which each seed converged, 0 if
	// none, and FirstFailing the smallest at which it did not, +Inf if none. The
	// one can be above the other: a run may fail between two that converge.
	LastStable, FirstFailing []float64
}

// MedianStable and MedianFailing return the medians over the seeds.
func (e *Edge) MedianStable() float64 { return median(e.LastStable) }

// MedianFailing returns the median of FirstFailing.
func (e *Edge) MedianFailing() float64 { return median(e.FirstFailing) }

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	k := len(s) / 2
	if len(s)%2 == 1 {
		return s[k]
	}
	return (s[k-1] + s[k]) / 2
}

// StableEdge trains the network that c describes at every learning rate of a grid
// and from every seed, in parallel, and returns where training stops to work. For
// one hidden layer that is near C = 4, the theory's threshold; ReLU networks of
// more layers go on to 10 and more. Medians of the last stable C that we measured
// for the parity of 128 digits at width 256, 150 steps, seeds 0 to 2: one hidden
// layer of ReLUs 3.4, two 14, three 10; one of tanh or linear units 4.2. Section
// 3 of arXiv 2003.02218 has about 12 for ReLU and 4 for tanh networks.
//
// Errors are those of NewNet and Train; ErrArgument also for a grid that is not
// increasing and positive. If ctx is cancelled there is no result.
func StableEdge[T flow.Float](ctx context.Context, c NetConfig, data Data[T], o EdgeOptions) (*Edge, error) {
	first, err := NewNet(c, data)
	if err != nil {
		return nil, err
	}
	if err := o.fill(func() ([]Rate, error) { return SuggestRates[T](first, 1) }); err != nil {
		return nil, err
	}
	e := &Edge{C: o.C, Seeds: o.Seeds, Lambda0: make([]float64, len(o.Seeds)), Phases: make([][]Phase, len(o.Seeds))}
	err = flow.Ensemble(ctx, len(o.Seeds), o.Workers, func(_ context.Context, i int) error {
		e.Phases[i] = make([]Phase, len(o.C))
		net, err := NewNet(c, data)
		if err != nil {
			return err
		}
		l, err := Lambda0[T](net, net.Init(o.Seeds[i], 0))
		e.Lambda0[i] = l.Value
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("catapult: %w", err)
	}
	err = flow.Ensemble(ctx, len(o.Seeds)*len(o.C), o.Workers, func(ctx context.Context, member int) error {
		i, j := member/len(o.C), member%len(o.C)
		net, err := NewNet(c, data)
		if err != nil {
			return err
		}
		r, err := Train[T](ctx, net, net.Init(o.Seeds[i], 0), TrainOptions[T]{
			C: o.C[j], Lambda0: e.Lambda0[i], Steps: o.Steps, Momentum: o.Momentum, Nesterov: o.Nesterov, NoTrace: true,
		})
		if err != nil {
			return err
		}
		e.Phases[i][j] = r.Phase
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("catapult: %w", err)
	}
	for _, phases := range e.Phases {
		stable, failing := 0.0, math.Inf(1)
		for j, p := range phases {
			if p.Converges() {
				stable = o.C[j]
			} else {
				failing = min(failing, o.C[j])
			}
		}
		e.LastStable, e.FirstFailing = append(e.LastStable, stable), append(e.FirstFailing, failing)
	}
	return e, nil
}

// fill checks the options and sets defaults.
func (o *EdgeOptions) fill(suggest func() ([]Rate, error)) error {
	if o.C == nil {
		rates, err := suggest()
		if err != nil {
			return err
		}
		for _, r := range rates {
			o.C = append(o.C, r.C)
		}
	}
	last := 0.0
	for j, c := range o.C {
		if !(c > last) || math.IsInf(c, 0) {
			return fmt.Errorf("catapult: C[%d] = %v, want finite numbers > 0 in increasing order: %w", j, c, ErrArgument)
		}
		last = c
	}
	if o.Seeds == nil {
		o.Seeds = []uint64{0, 1, 2}
	}
	if len(o.C) == 0 || len(o.Seeds) == 0 {
		return fmt.Errorf("catapult: %d learning rates and %d seeds, want at least one: %w", len(o.C), len(o.Seeds), ErrEmpty)
	}
	if o.Steps == 0 {
		o.Steps = 150
	}
	if o.Steps < 0 || o.Workers < 0 {
		return fmt.Errorf("catapult: Steps = %d, Workers = %d, want numbers > 0, or 0 for the defaults: %w", o.Steps, o.Workers, ErrArgument)
	}
	return nil
}
