package deq_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// From near and far the fit finds the teacher, for all smooth activations, in a few
// steps.
func TestFit(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testFit[float64](t, 1e-9) })
	t.Run("float32", func(t *testing.T) { testFit[float32](t, 2e-3) })
}

func testFit[T flow.Float](t *testing.T, tol float64) {
	const d, samples = 4, 200
	for i, act := range []deq.Activation{deq.Tanh(), deq.Sigmoid(), deq.Softplus(), deq.Atan(), deq.WeakTanh(0.8)} {
		for _, xiv := range []float64{0, 0.3, -1} {
			r := randomSource(uint64(100 + i))
			xi, x := gauss[T](r, d, 0.7), kernel.MatrixOf(samples, d, gauss[T](r, samples*d, 1))
			teacher := &deq.Teacher[T]{W: xi, V: xiv, Act: act}
			target := make([]T, samples)
			if err := teacher.Targets(target, x); err != nil {
				t.Fatal(err)
			}
			m, err := deq.NewSingleIndex(act, x, target, deq.SingleIndexOptions{BatchSize: 16})
			if err != nil {
				t.Fatal(err)
			}
			theta := append(gauss[T](r, d, 0.5), 0.2)
			before := m.Risk(theta)
			got, err := m.Fit(context.Background(), theta, deq.FitOptions{})
			if err != nil || got.Status != flow.Converged && got.Status != flow.Stationary || got.Steps > 60 {
				t.Errorf("%s, ξ_v = %v: %+v, error %v", act.Name, xiv, got, err)
			}
			if !(got.Risk < tol*tol*before) {
				t.Errorf("%s, ξ_v = %v: risk %v of %v", act.Name, xiv, got.Risk, before)
			}
			if act.Name != "weak-tanh" { // nearly degenerate
				for k, w := range append(append([]T(nil), xi...), T(xiv)) {
					if math.Abs(float64(theta[k]-w)) > 1e3*tol {
						t.Errorf("%s, ξ_v = %v: θ[%d] = %v, teacher %v", act.Name, xiv, k, theta[k], w)
					}
				}
			}
			agree(t, "risk at the end", m.Risk(theta), got.Risk, 1e-6)
		}
	}
}

// With noise the fit ends where the gradient vanishes, and a frozen v stays.
func TestFitNoise(t *testing.T) {
	_, theta, _ := randomIndex(t, deq.Tanh(), 3, 0, 0.2, 4)
	r := randomSource(77)
	x := kernel.MatrixOf(80, 3, gauss[float64](r, 240, 1))
	target := gauss[float64](r, 80, 0.4)
	for _, frozen := range []bool{false, true} {
		model, err := deq.NewSingleIndex(deq.Tanh(), x, target, deq.SingleIndexOptions{Frozen: frozen})
		if err != nil {
			t.Fatal(err)
		}
		at := append([]float64(nil), theta...)
		got, err := model.Fit(context.Background(), at, deq.FitOptions{RelTol: 1e-9})
		if err != nil || got.Status != flow.Converged {
			t.Fatalf("frozen %v: %+v, error %v", frozen, got, err)
		}
		if frozen && at[3] != theta[3] {
			t.Errorf("frozen v moved from %v to %v", theta[3], at[3])
		}
		g := make([]float64, 4)
		risk := model.EnergyGrad(g, at)
		agree(t, "gradient norm", kernel.Nrm2(g), got.GradNorm, 1e-9)
		if kernel.Nrm2(g) > 1e-7 || risk > model.Risk(theta) {
			t.Errorf("frozen %v: gradient %v, risk %v after the fit, %v before", frozen, g, risk, model.Risk(theta))
		}
	}
}

func TestFitErrors(t *testing.T) {
	m, theta, _ := randomIndex(t, deq.Tanh(), 3, 0, 0.2, 4)
	ctx := context.Background()
	for _, o := range []deq.FitOptions{{MaxSteps: -1}, {RelTol: math.NaN()}, {Damping: -1}} {
		if _, err := m.Fit(ctx, theta, o); !errors.Is(err, deq.ErrArgument) {
			t.Errorf("%+v: error %v", o, err)
		}
	}
	if _, err := m.Fit(ctx, []float64{0, 0, 0, 1.5}, deq.FitOptions{}); !errors.Is(err, deq.ErrIllPosed) {
		t.Errorf("v = 1.5: error %v", err)
	}
	if _, err := m.Fit(ctx, []float64{0, 0, math.NaN(), 0}, deq.FitOptions{}); !errors.Is(err, deq.ErrNotFinite) {
		t.Errorf("NaN: error %v", err)
	}
	if r, err := m.Fit(ctx, append([]float64(nil), theta...), deq.FitOptions{MaxSteps: 1}); err != nil || r.Status != flow.StepLimit || r.Steps != 1 {
		t.Errorf("one step: %+v, error %v", r, err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if r, err := m.Fit(stopped, append([]float64(nil), theta...), deq.FitOptions{}); !errors.Is(err, context.Canceled) || r.Status != flow.Cancelled {
		t.Errorf("cancelled: %+v, error %v", r, err)
	}
}
