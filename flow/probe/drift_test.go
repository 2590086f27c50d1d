package probe

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// oscillator is x” = -x with its invariant.
type oscillator struct{}

func (oscillator) Dim() int                         { return 2 }
func (oscillator) Eval(dst, x []float64, _ float64) { dst[0], dst[1] = x[1], -x[0] }
func (oscillator) Caps() flow.Caps[float64] {
	return flow.Caps[float64]{Invariants: []flow.Invariant[float64]{{
		Name: "energy", Value: func(x []float64) float64 { return (x[0]*x[0] + x[1]*x[1]) / 2 },
	}}}
}

// Explicit Euler multiplies the energy by 1 + h² each step.
func TestDriftEuler(t *testing.T) {
	d, err := DriftOf[float64](oscillator{})
	if err != nil {
		t.Fatal(err)
	}
	const h, n = 0.01, 500
	_, err = flow.Solve[float64](context.Background(), oscillator{}, []float64{1, 0}, flow.Options[float64]{
		Method: flow.Euler, Controller: flow.Fixed{H: h}, MaxSteps: n, Recorder: d,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := d.Stats()[0]
	want := (math.Pow(1+h*h, n) - 1) / 2
	if s.N != n+1 || s.Name != "energy" || s.Start != 0.5 || math.Abs(s.Max-want) > 1e-12 || math.Abs(s.Relative-2*want) > 1e-12 {
		t.Errorf("%+v, want a drift of %v over %d points", s, want, n+1)
	}
	if math.Abs(s.At-h*n) > 1e-9 || math.Abs(s.Last-0.5-want) > 1e-12 {
		t.Errorf("largest drift at t = %v with last value %v, want the end", s.At, s.Last)
	}
	d.Reset()
	if s := d.Stats()[0]; s != (DriftStat{Name: "energy"}) {
		t.Errorf("after Reset: %+v", s)
	}
}

func TestDriftOwn(t *testing.T) {
	d, err := NewDrift(flow.Invariant[float32]{Name: "x", Value: func(x []float32) float64 { return float64(x[0]) }})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []float32{0, 1, -3, 2} {
		d.Observe(float64(i), []float32{v})
	}
	if s := d.Stats()[0]; s.Max != 3 || s.At != 2 || s.Last != 2 || !math.IsInf(s.Relative, 1) {
		t.Errorf("%+v, want 3 at t = 2, relative to 0", s)
	}
	d.Observe(4, []float32{float32(math.NaN())})
	d.Observe(5, []float32{100})
	if s := d.Stats()[0]; !math.IsNaN(s.Max) || s.At != 4 {
		t.Errorf("%+v, want NaN since t = 4", s)
	}
}

func TestDriftErrors(t *testing.T) {
	if _, err := NewDrift[float64](); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("no invariants: error %v", err)
	}
	if _, err := NewDrift(flow.Invariant[float64]{Name: "a"}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("nil function: error %v", err)
	}
	if _, err := DriftOf[float64](quadratic[float64]{}); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("model without invariants: error %v", err)
	}
}
