//go:build !race

// The race detector makes sync.Pool, from which the kernels take their scratch
// memory, drop things at random.

package deq_test

import (
	"context"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
)

// No step allocates, whatever the model and the rule.
func TestStepAllocations(t *testing.T) {
	scalar := randomScalar(t, 5, 1)
	linear, start := randomLinear(t, 3, 4, 1)
	index, theta := func() (*deq.SingleIndex[float64], []float64) {
		m, theta, _ := randomIndex(t, deq.Tanh(), 3, 0, 0.2, 1)
		return m, theta
	}()
	for name, rule := range ruleNames {
		for _, c := range []struct {
			model interface {
				Field(deq.Backward) (flow.EnergyField[float64], error)
			}
			theta []float64
		}{{scalar, make([]float64, 6)}, {linear, start}, {index, theta}} {
			f, err := c.model.Field(rule)
			if err != nil {
				t.Fatal(err)
			}
			r, err := flow.New(descent.GD(flow.Field[float64](f)), c.theta, flow.Options[float64]{Controller: flow.Fixed{H: 1e-3}, MaxSteps: 1000})
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			for range 5 {
				r.Next(ctx)
			}
			if a := testing.AllocsPerRun(100, func() { r.Next(ctx) }); a != 0 {
				t.Errorf("%T, %s: %v allocations a step", c.model, name, a)
			}
		}
	}
}

// Nor does a product with the Hessian.
func TestHessVecAllocations(t *testing.T) {
	linear, start := randomLinear(t, 3, 4, 1)
	dst, p := make([]float64, len(start)), append([]float64(nil), start...)
	if a := testing.AllocsPerRun(100, func() { linear.HessVec(dst, start, p) }); a != 0 {
		t.Errorf("Linear: %v allocations a product", a)
	}
	index, theta, _ := randomIndex(t, deq.Sigmoid(), 3, 0, 0.2, 1)
	dst, p = make([]float64, 4), append([]float64(nil), theta...)
	if a := testing.AllocsPerRun(100, func() { index.HessVec(dst, theta, p) }); a != 0 {
		t.Errorf("SingleIndex: %v allocations a product", a)
	}
}

// Nor do steps with mini-batches, once an epoch has been drawn.
func TestBatchAllocations(t *testing.T) {
	for name, m := range sampledModels(t) {
		r, err := flow.New(descent.GD(flow.Field[float64](flow.GradientFlow[float64](m.part))), m.theta, flow.Options[float64]{Controller: flow.Fixed{H: 1e-3}, MaxSteps: 1000})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		for range 11 {
			r.Next(ctx)
		}
		// Three steps, which do not begin an epoch.
		if a := testing.AllocsPerRun(2, func() { r.Next(ctx) }); a != 0 {
			t.Errorf("%s: %v allocations a step", name, a)
		}
	}
}
