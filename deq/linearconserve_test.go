package deq_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/flow/probe"
)

// Another gauge predicts the same and has the K asked for.
func TestRegauge(t *testing.T) {
	m, theta := randomLinear(t, 3, 4, 2)
	risk := m.EnergyGrad(nil, theta)
	k := rowsOf[float64]([][]float64{{2, 0.3, 0}, {0.3, 1, -0.2}, {0, -0.2, 1.5}})
	if err := m.Regauge(theta, k); err != nil {
		t.Fatal(err)
	}
	agree(t, "risk", m.EnergyGrad(nil, theta), risk, 1e-13)
	agreeAll(t, "K", m.Conserved(kernel.NewMatrix[float64](3, 3), theta).Data, k.Data, 1e-13)
	for _, c := range []struct {
		k    kernel.Matrix[float64]
		want error
	}{{kernel.NewMatrix[float64](2, 2), deq.ErrShape}, {kernel.NewMatrix[float64](3, 3), deq.ErrArgument}} {
		if err := m.Regauge(theta, c.k); !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
	theta[0] = math.NaN()
	if err := m.Regauge(theta, k); !errors.Is(err, deq.ErrNotFinite) {
		t.Errorf("NaN: %v", err)
	}
}

// (cM, cB) has the same predictor, and gradient descent there the effective learning
// rate η/c².
func TestEffectiveRate(t *testing.T) {
	m := randomScalar(t, 3, 4)
	theta := []float64{0.4, -0.3, 0.2, 0.3}
	const c, eta = 3.0, 0.01
	scaled := make([]float64, 4)
	for i, w := range theta {
		scaled[i] = c * w
	}
	scaled[3] = 1 - c*(1-theta[3])
	var risks []float64
	gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), theta, eta, 50, func(s *flow.Step[float64]) { risks = append(risks, s.Energy) })
	gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), scaled, c*c*eta, 50, func(s *flow.Step[float64]) {
		agree(t, "risk", s.Energy, risks[s.K], 1e-12)
	})
}

// With Conserve a coarse integrator keeps K to rounding, and ends where it should.
func TestConserve(t *testing.T) {
	linear, start := randomLinear(t, 2, 3, 6)
	scalar := randomScalar(t, 3, 6)
	for _, c := range []struct {
		model interface {
			flow.Energy[float64]
			Conserve([]float64) (flow.Jump[float64], error)
		}
		theta []float64
	}{{linear, start}, {scalar, []float64{0.2, 0.1, -0.3, 0.1}}} {
		jump, err := c.model.Conserve(c.theta)
		if err != nil {
			t.Fatal(err)
		}
		drift, err := probe.DriftOf[float64](c.model)
		if err != nil {
			t.Fatal(err)
		}
		f := flow.Field[float64](flow.GradientFlow[float64](c.model))
		if _, err := flow.Solve(context.Background(), f, c.theta, flow.Options[float64]{T1: 2, RelTol: 1e-3, AbsTol: 1e-5, Jump: jump, Recorder: drift}); err != nil {
			t.Fatal(err)
		}
		for _, s := range drift.Stats() {
			if s.Max > 1e-13 {
				t.Errorf("%T: %s drifts by %v", c.model, s.Name, s.Max)
			}
		}
	}
	if _, err := scalar.Conserve([]float64{0, 0, 0, 1}); !errors.Is(err, deq.ErrSingular) {
		t.Errorf("conserve from the centre: %v", err)
	}
}

// The flow moves the predictor of a model with one output by -((1+|β|²)/r²)(I+ββᵀ)g.
func TestPredictorFlow(t *testing.T) {
	m := randomScalar(t, 3, 9)
	theta := []float64{0.3, -0.5, 0.4, -0.2}
	grad := make([]float64, 4)
	m.EnergyGrad(grad, theta)
	mm := 1 - theta[3]
	beta, g, got := make([]float64, 3), make([]float64, 3), make([]float64, 3)
	for i := range beta {
		beta[i], g[i] = theta[i]/mm, mm*grad[i]
		got[i] = (-grad[i] - beta[i]*grad[3]) / mm // β = w/(1-a)
	}
	r := m.Radius(theta)
	c := -(1 + kernel.SumSq(beta)) / (r * r)
	kernel.Axpy(kernel.Dot(beta, g), beta, g)
	kernel.Scal(c, g)
	agreeAll(t, "β'", got, g, 1e-13)
}

// Data are shared by models on several goroutines; each gives the numbers of the first.
func TestSharedData(t *testing.T) {
	r := randomSource(1)
	data, err := deq.NewLinearData(kernel.MatrixOf(20, 3, gauss[float64](r, 60, 1)), kernel.MatrixOf(20, 1, gauss[float64](r, 20, 1)))
	if err != nil {
		t.Fatal(err)
	}
	ends := make([][]float64, 8)
	err = flow.Ensemble(context.Background(), len(ends), 4, func(ctx context.Context, i int) error {
		m := deq.NewLinear[float64](data)
		sol, err := flow.Solve(ctx, flow.Field[float64](flow.GradientFlow[float64](m)), []float64{0.1, 0.5, 0.2, -0.3}, flow.Options[float64]{T1: 1})
		if err == nil {
			_, err = m.Certify(sol.X)
			ends[i] = sol.X
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range ends[1:] {
		for i := range x {
			if x[i] != ends[0][i] {
				t.Fatalf("%v and %v from the same start", x, ends[0])
			}
		}
	}
}

// A learning rate that is far too large ends as a status, with the last finite state.
func TestDivergence(t *testing.T) {
	x := rowsOf[float64]([][]float64{{1}, {-2}})
	m, err := deq.NewSingleIndex(deq.Softplus(), x, []float64{1, 0.5}, deq.SingleIndexOptions{Frozen: true})
	if err != nil {
		t.Fatal(err)
	}
	start := []float64{0.3, 0}
	limit := 1e6 * m.EnergyGrad(nil, start)
	sol, err := flow.Solve(context.Background(), flow.Field[float64](flow.GradientFlow[float64](m)), start, flow.Options[float64]{
		Method: flow.Euler, Controller: flow.Fixed{H: 1e5}, MaxSteps: 100,
		Stop: []flow.Stop[float64]{flow.StopRise[float64](limit)},
	})
	if err != nil || sol.Status != flow.Diverged || !kernel.AllFinite(sol.X) {
		t.Errorf("status %v at %v, error %v", sol.Status, sol.X, err)
	}
}
