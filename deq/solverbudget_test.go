package deq

import (
	"context"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// With a budget of one evaluation every solver returns the start with its residual.
func TestBudgetOfOne(t *testing.T) {
	l, x, _ := peerLayer[float64](8, 3, "easy")
	for _, s := range layerSolvers {
		var eq Equilibrium[float64]
		st, err := l.Solve(context.Background(), &eq, x, &SolveOptions[float64]{Solver: s, MaxEval: 1})
		if err != nil || st.Status != flow.StepLimit || st.Evals != 1 {
			t.Errorf("%s: %+v, error %v", s.Name(), st, err)
			continue
		}
		if kernel.MaxAbs(eq.Z.Data) != 0 {
			t.Errorf("%s moved from its start", s.Name())
		}
		// The residual at zero is |σ(Ux+b)|.
		worst := 0.0
		for i := range x.Rows {
			sum := 0.0
			for k := range l.B {
				v := math.Tanh(float64(kernel.Dot(l.U.Row(k), x.Row(i)) + l.B[k]))
				sum += v * v
			}
			worst = max(worst, math.Sqrt(sum))
		}
		if math.Abs(st.Residual-worst) > 1e-13*worst {
			t.Errorf("%s: residual %v, want %v", s.Name(), st.Residual, worst)
		}
	}
}
