//go:build !race

package deq

import (
	"context"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// A warm solve forward and backward does not allocate, whatever the solver.
func TestLayerAllocations(t *testing.T) {
	ctx := context.Background()
	for _, kind := range []string{"easy", "hard"} {
		l, x, g := peerLayer[float64](16, 8, kind)
		for _, s := range []Solver{nil, Picard{}, Relaxed{Beta: 0.9}, Anderson{M: 5}, Broyden{}, Newton{}, NewtonKrylov{}} {
			eq, dg := &Equilibrium[float64]{}, &DenseGrad[float64]{WantX: true}
			o := &BackwardOptions[float64]{SolveOptions: SolveOptions[float64]{Solver: s}, Penalty: 0.1}
			noAllocations(t, kind, s, func() {
				if st, err := l.Solve(ctx, eq, x, &o.SolveOptions); err != nil || st.Status != flow.Converged {
					t.Fatal(st.Status, err)
				}
				if _, err := l.Backward(ctx, dg, eq, g, Backward{}, o); err != nil {
					t.Fatal(err)
				}
				if _, err := l.Backward(ctx, dg, eq, g, Backward{Rule: Damped, Terms: 3}, o); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

func noAllocations(t *testing.T, name string, s Solver, f func()) {
	t.Helper()
	f()
	if n := testing.AllocsPerRun(10, f); n != 0 {
		t.Errorf("%s by %v: %v allocations", name, s, n)
	}
}

func TestMonotoneAllocations(t *testing.T) {
	const n = 12
	m, err := NewMonotone(0.5, e(1, n, n), e(2, n, n), e(3, n, 4), make([]float64, n), ReLU())
	if err != nil {
		t.Fatal(err)
	}
	x, g := e(4, 5, 4), e(5, 5, n)
	for _, s := range []Solver{nil, PeacemanRachford{}} {
		eq, mg := &Equilibrium[float64]{}, &MonotoneGrad[float64]{}
		o := &BackwardOptions[float64]{SolveOptions: SolveOptions[float64]{Solver: s}}
		noAllocations(t, "monotone", s, func() {
			if err := m.Update(); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Solve(context.Background(), eq, x, &o.SolveOptions); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Backward(context.Background(), mg, eq, g, Backward{}, o); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Training steps do not allocate: twice as many cost no more.
func TestTrainAllocations(t *testing.T) {
	w, theta := smallNetwork(t, NetworkConfig[float64]{Loss: CrossEntropy, Kappa: 0.3, BatchSize: 7, Penalty: 0.1, Correction: 2})
	run := func(steps int) float64 {
		return testing.AllocsPerRun(3, func() {
			if _, err := Train(context.Background(), w, theta, TrainOptions[float64]{Eta: 0.05, Momentum: 0.9, Steps: steps}); err != nil {
				t.Fatal(err)
			}
		})
	}
	run(60)
	if short, long := run(20), run(60); long > short {
		t.Errorf("%v allocations for 60 steps, %v for 20", long, short)
	}
	g := make([]float64, w.Dim())
	noAllocations(t, "gradient", nil, func() { w.EnergyGrad(g, theta) })
}
