package infogeo

import (
	"context"
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// A stream ends at the maximum-likelihood estimate of all it saw.
func TestStreamIsMLE(t *testing.T) {
	src := philox.NewSource(95, 0)
	x := kernel.NewMatrix[float64](500, 1)
	for i := range x.Rows {
		(Gamma{}).Sample(x.Row(i), []float64{2.5, -1.5}, src)
	}
	s, err := NewStream(Gamma{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Rows {
		if err := s.Add(x.Row(i)); err != nil {
			t.Fatal(err)
		}
	}
	eta, theta, got := make([]float64, 2), make([]float64, 2), make([]float64, 2)
	if err := MeanStatistic(eta, Gamma{}, x); err != nil {
		t.Fatal(err)
	}
	var logs, sum float64
	for _, v := range x.Data {
		logs, sum = logs+math.Log(v)/500, sum+v/500
	}
	vecClose(t, "mean statistic", eta, []float64{logs, sum}, 1e-13)
	s.Mean(got)
	vecClose(t, "stream", got, eta, 1e-14)
	if err := s.Natural(theta); err != nil {
		t.Fatal(err)
	}
	res, err := Fit(context.Background(), Gamma{}, eta, FitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	vecClose(t, "estimate", theta, res.Theta, 1e-8)
	if math.Abs(theta[0]-2.5) > 0.5 || s.N() != 500 || s.Floor() != 2./1000 {
		t.Errorf("estimate %v of (2.5, -1.5) from %d observations, floor %v", theta, s.N(), s.Floor())
	}
}

// The predicted floor of constant steps, in a family whose divergence is quadratic.
func TestStreamFloor(t *testing.T) {
	f, err := NewNormalMean(mat.NewSymDense(2, []float64{2, .5, .5, 1}))
	if err != nil {
		t.Fatal(err)
	}
	const steps, alpha = 100000, 0.05
	s, err := NewStream(f, alpha)
	if err != nil {
		t.Fatal(err)
	}
	src := philox.NewSource(96, 0)
	theta, eta, x, b := []float64{1, -1}, make([]float64, 2), make([]float64, 2), NewBregman(f)
	var mean float64
	for k := range steps + 200 {
		f.Sample(x, theta, src)
		if err := s.Add(x); err != nil {
			t.Fatal(err)
		}
		if k >= 200 {
			if err := s.Natural(eta); err != nil {
				t.Fatal(err)
			}
			mean += b.KL(theta, eta) / steps
		}
	}
	// KL is half a sum of two squares: its variance is the square of its mean, and about
	// α steps of it are independent.
	want := 2 * alpha / (2 * (2 - alpha))
	relClose(t, "floor", s.Floor(), want, 1e-15)
	if se := want / math.Sqrt(alpha*steps); math.Abs(mean-want) > 4*se {
		t.Errorf("mean loss %v, want %v ± %v", mean, want, se)
	}
}

func TestStreamArguments(t *testing.T) {
	for _, alpha := range []float64{-0.1, 1, math.NaN()} {
		if _, err := NewStream(NewPoisson(), alpha); !errors.Is(err, ErrInvalid) {
			t.Errorf("alpha = %v: %v", alpha, err)
		}
	}
	s, err := NewStream(NewPoisson(), 0)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float64, 1)
	if err := s.Natural(theta); !errors.Is(err, ErrBoundary) || !math.IsInf(s.Floor(), 1) {
		t.Errorf("no observations: %v, floor %v", err, s.Floor())
	}
	if err := s.Add([]float64{1.5}); !errors.Is(err, ErrInvalid) || s.N() != 0 {
		t.Errorf("no count: %v", err)
	}
	eta := make([]float64, 1)
	if err := MeanStatistic(eta, NewPoisson(), kernel.NewMatrix[float64](3, 2)); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	if err := MeanStatistic(eta, NewPoisson(), kernel.Matrix[float64]{Cols: 1}); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	if err := MeanStatistic(eta, NewPoisson(), kernel.MatrixOf(2, 1, []float64{1, -1})); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}
