package deq_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow/kernel"
)

// The sensitivity of the limit is its derivative, by central differences.
func TestLimitSensitivity(t *testing.T) {
	for seed := range uint64(6) {
		const d = 3
		m := randomScalar(t, d, seed)
		theta := gauss[float64](randomSource(seed+50), d+1, 0.7)
		got := kernel.NewMatrix[float64](d+1, d+1)
		if err := m.LimitSensitivity(got, theta); err != nil {
			t.Fatal(err)
		}
		up, down, at := make([]float64, d+1), make([]float64, d+1), make([]float64, d+1)
		for j := range theta {
			const h = 1e-5
			copy(at, theta)
			at[j] += h
			if err := m.Limit(up, at); err != nil {
				t.Fatal(err)
			}
			at[j] -= 2 * h
			if err := m.Limit(down, at); err != nil {
				t.Fatal(err)
			}
			for i := range up {
				agree(t, "derivative of the limit", got.At(i, j), (up[i]-down[i])/(2*h), 1e-8)
			}
		}
	}
	m := randomScalar(t, 2, 1)
	if err := m.LimitSensitivity(kernel.NewMatrix[float64](2, 3), make([]float64, 3)); !errors.Is(err, deq.ErrShape) {
		t.Errorf("2 x 3 sensitivities: error %v", err)
	}
	if err := m.LimitSensitivity(kernel.NewMatrix[float64](3, 3), []float64{1, 1, 1}); !errors.Is(err, deq.ErrSingular) {
		t.Errorf("sensitivity at the centre: error %v", err)
	}
}

// Risk curves of d = 1 follow the closed form of the flow, and do not depend on the
// number of workers.
func TestRiskCurves(t *testing.T) {
	const s, slope = 0.7, 1.5
	data, err := deq.Population(kernel.MatrixOf(1, 1, []float64{s}), kernel.MatrixOf(1, 1, []float64{slope}), 0.25)
	if err != nil {
		t.Fatal(err)
	}
	m, err := deq.NewScalar[float64](data)
	if err != nil {
		t.Fatal(err)
	}
	starts := kernel.MatrixOf(5, 2, []float64{0, 0, 1, -1, -0.5, 0.3, 0.2, 1.8, 2, 0.5})
	times := []float64{0, 0.05, 0.3, 1, 2.5}
	var first kernel.Matrix[float64]
	for _, workers := range []int{1, 2, 0} {
		risks, end := kernel.NewMatrix[float64](5, len(times)), kernel.NewMatrix[float64](5, 2)
		if err := m.RiskCurves(context.Background(), risks, end, starts, times, workers); err != nil {
			t.Fatal(err)
		}
		for k := range starts.Rows {
			w0, m0 := starts.At(k, 0), 1-starts.At(k, 1)
			for i, at := range times {
				p, err := deq.ScalarFlow(s, slope, w0, m0, at)
				if err != nil {
					t.Fatal(err)
				}
				want := 0.25 + p.Excess
				if got := risks.At(k, i); math.Abs(got-want) > 1e-6*want {
					t.Errorf("start %d, t = %v: risk %v, closed form %v", k, at, got, want)
				}
				if i == len(times)-1 {
					agreeAll(t, "end", end.Row(k), []float64{p.W, 1 - p.M}, 1e-6)
				}
			}
		}
		if workers == 1 {
			first = risks
		}
		agreeAll(t, "risks by any number of workers", risks.Data, first.Data, 0)
	}
	none := kernel.Matrix[float64]{}
	if err := m.RiskCurves(context.Background(), kernel.NewMatrix[float64](1, 1), none, kernel.MatrixOf(1, 2, []float64{0, 1}), []float64{1}, 0); !errors.Is(err, deq.ErrSingular) {
		t.Errorf("flow from the centre: error %v", err)
	}
	if err := m.RiskCurves(context.Background(), kernel.NewMatrix[float64](1, 2), none, starts, []float64{1, 2}, 0); !errors.Is(err, deq.ErrShape) {
		t.Errorf("risks of one of five starts: error %v", err)
	}
}
