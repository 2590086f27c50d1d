package catapult

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// oneSample is the warm-up model as a ReducedLinear: x = 1, y = 0.
func oneSample[T flow.Float](t testing.TB, n, eta float64) *ReducedLinear[T] {
	t.Helper()
	r, err := NewReducedLinear(ReducedConfig{N: n, Eta: eta}, kernel.MatrixOf(1, 1, []T{1}), []T{0})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Runs of the reduced model must land where the universal map says.
func testReducedRun[T flow.Float](t *testing.T, tol float64) {
	ctx := context.Background()
	const n = 1e8
	for _, c := range []struct {
		kappa float64
		phase Phase
	}{{0.5, Lazy}, {1.5, Lazy}, {2, Critical}, {2.5, Catapult}, {3, Catapult}, {4.25, Divergent}} {
		r := oneSample[T](t, n, c.kappa/2)
		start, err := r.State(1, []T{1}, kernel.MatrixOf(1, 1, []T{1}))
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		got, err := r.Run(ctx, start, ReducedOptions[T]{Steps: 3000, GradTol: 1e-5, Observe: func(k int, loss float64, state []T) {
			if k != seen || loss != r.Loss(state) {
				t.Errorf("observed step %d, want %d, with loss %v of the state", k, seen, loss)
			}
			seen++
		}})
		if err != nil {
			t.Fatal(err)
		}
		phase := c.phase
		if c.kappa == 2 {
			phase = Undecided // converges too slowly
		}
		if got.Phase != phase || seen != got.Steps+1 {
			t.Errorf("κ0 = %v: %v after %d steps (%d seen), want %v", c.kappa, got.Phase, got.Steps, seen, phase)
		}
		if phase == Divergent {
			if !kernel.AllFinite(got.State) || math.IsNaN(got.Lambda) {
				t.Errorf("κ0 = %v: last state %v, λ %v, want finite ones", c.kappa, got.State, got.Lambda)
			}
			continue
		}
		want, err := MapTrajectory(got.Kappa0, r.Config().Eta*r.Config().Eta/n, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		if phase == Undecided {
			continue
		}
		peak := want.SMax * n / (2 * r.Config().Eta * r.Config().Eta)
		if math.Abs(got.Kappa-want.KappaInf) > tol || got.PeakStep != want.TPeak || math.Abs(got.PeakLoss/peak-1) > tol {
			t.Errorf("κ0 = %v: κ %v, peak %v at %d, the map has %v, %v at %d", c.kappa, got.Kappa, got.PeakLoss, got.PeakStep, want.KappaInf, peak, want.TPeak)
		}
	}
}

func TestReducedRun64(t *testing.T) { testReducedRun[float64](t, 1e-7) }
func TestReducedRun32(t *testing.T) { testReducedRun[float32](t, 1e-3) }

// A float32 run that overflows is divergent, with a finite last state.
func TestReducedRunOverflow(t *testing.T) {
	r := oneSample[float32](t, 1e30, 2.5)
	got, err := r.Run(context.Background(), []float32{1, 1, 1}, ReducedOptions[float32]{LossCap: 1e300})
	if err != nil || got.Phase != Divergent || !got.Overflow || !kernel.AllFinite(got.State) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = oneSample[float32](t, 1e4, 2.5).Run(context.Background(), []float32{1, 1, 1}, ReducedOptions[float32]{LossCap: 1e5})
	if err != nil || got.Phase != Divergent || got.Overflow || !(got.Loss <= 1e5) {
		t.Errorf("beyond LossCap: %+v, %v", got, err)
	}
}

func TestReducedRunEnds(t *testing.T) {
	r := oneSample[float64](t, 100, 1.4)
	start := []float64{1, 0.5, 1}
	cancelled, cancel := context.WithCancel(context.Background())
	got, err := r.Run(cancelled, start, ReducedOptions[float64]{Observe: func(k int, _ float64, _ []float64) {
		if k == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || got == nil || got.Steps != 3 || got.Phase != Undecided || got.Kappa0 != 2.8 || got.Kappa == 0 {
		t.Errorf("cancelled run: %+v, %v", got, err)
	}
	ctx := context.Background()
	if got, err := r.Run(ctx, start, ReducedOptions[float64]{Steps: 5}); err != nil || got.Phase != Undecided || got.Steps != 5 {
		t.Errorf("short run: %+v, %v", got, err)
	}
	if got, err := r.Run(ctx, []float64{1, 0, 1}, ReducedOptions[float64]{}); err != nil || got.Phase != Stationary || got.Steps != 0 {
		t.Errorf("f = 0: %+v, %v", got, err)
	}
	if _, err := r.Run(ctx, []float64{0, 0, 0}, ReducedOptions[float64]{}); !errors.Is(err, ErrZeroCurvature) {
		t.Errorf("no weights: %v", err)
	}
	if _, err := r.Run(ctx, start[1:], ReducedOptions[float64]{}); !errors.Is(err, ErrShape) {
		t.Errorf("short state: %v", err)
	}
	if _, err := r.Run(ctx, []float64{1, math.NaN(), 1}, ReducedOptions[float64]{}); !errors.Is(err, ErrNonFinite) {
		t.Errorf("NaN: %v", err)
	}
	for _, o := range []ReducedOptions[float64]{{Steps: -1}, {GradTol: -1}, {LossCap: math.NaN()}} {
		if _, err := r.Run(ctx, start, o); !errors.Is(err, ErrArgument) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// With weight decay the run ends at the minimum of loss and penalty.
func TestReducedRunWithDecay(t *testing.T) {
	r, err := NewReducedLinear(ReducedConfig{N: 50, Eta: 1.2, Decay: 1e-2}, kernel.MatrixOf(1, 1, []float64{1}), []float64{2})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Run(context.Background(), []float64{1, 0.3, 1}, ReducedOptions[float64]{Steps: 100000})
	if err != nil || !got.Phase.Converges() {
		t.Fatalf("%+v, %v", got, err)
	}
	// At the minimum u and v are parallel and equal, λ = 2|f|/√n, and (f-y)/√n = -γ.
	if f := got.State[1]; math.Abs(f-(2-1e-2*math.Sqrt(50))) > 1e-5 || math.Abs(got.Lambda-2*f/math.Sqrt(50)) > 1e-4 {
		t.Errorf("f = %v, λ = %v", f, got.Lambda)
	}
}
