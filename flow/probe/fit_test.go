package probe

import (
	"errors"
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

func series(n int, h float64, f func(t float64) float64) (t, e []float64) {
	for i := range n {
		t = append(t, float64(i)*h)
		e = append(e, f(float64(i)*h))
	}
	return t, e
}

func TestFitExponentialExact(t *testing.T) {
	x, e := series(200, 0.1, func(t float64) float64 { return 7 + 3*math.Exp(-0.8*t) })
	for _, w := range []Window{{}, {From: 2, To: 10}} {
		f, err := FitExponential(x, e, 7, w)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(f.Rate-0.8) > 1e-6 || math.Abs(f.Amplitude-3) > 1e-5 || f.StdErr > 1e-6 {
			t.Errorf("window %v: %+v, want rate 0.8 and amplitude 3", w, f)
		}
		if w != (Window{}) && (f.N != 81 || f.Window.From != 2 || math.Abs(f.Window.To-10) > 1e-9) {
			t.Errorf("window %v: used %d samples of %v", w, f.N, f.Window)
		}
	}
}

// A fast transient, the rate, and a floor of rounding: only the middle counts.
func TestFitExponentialWindow(t *testing.T) {
	noise := random[float64](600, 5)
	x, e := series(600, 0.1, func(t float64) float64 {
		return 5*math.Exp(-6*t) + math.Exp(-0.7*t) + 1e-10*(1+0.3*noise[int(t*10+0.5)])
	})
	f, err := FitExponential(x, e, 0, Window{})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(f.Rate-0.7) > 0.007 {
		t.Errorf("rate %v ± %v over %v, want 0.7 to 1 %%", f.Rate, f.StdErr, f.Window)
	}
	if f.Window.From < 0.1 || f.Window.To > 35 || f.Window.To < 20 {
		t.Errorf("window %v, want it between the transient (t = 0.3) and the floor (t = 33)", f.Window)
	}
	whole, err := FitExponential(x, e, 0, Window{0, 60})
	if err != nil || math.Abs(whole.Rate-0.7) < 0.1 {
		t.Errorf("rate over everything is %v, error %v: the test needs it to be wrong", whole.Rate, err)
	}
}

// The interval must cover the true rate as often as it says.
func TestIntervalCoverage(t *testing.T) {
	const runs, n = 400, 40
	hits := 0
	for r := range runs {
		noise := random[float64](n, uint64(r))
		x, e := series(n, 0.1, func(t float64) float64 {
			return math.Exp(-2*t + 0.2*noise[int(t*10+0.5)])
		})
		f, err := FitExponential(x, e, 0, Window{From: -1, To: 10})
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := f.Interval(0.9)
		if lo <= 2 && 2 <= hi {
			hits++
		}
	}
	// Standard error of the coverage is 1.5 %.
	if c := float64(hits) / runs; math.Abs(c-0.9) > 0.05 {
		t.Errorf("90 %% intervals cover the rate in %.1f %% of %d runs", 100*c, runs)
	}
}

func TestIntervalKnown(t *testing.T) {
	// Quantile of Student's t with 8 degrees of freedom at 97.5 %: 2.30600.
	lo, hi := Fit{Rate: 1, StdErr: 0.1, N: 10}.Interval(0.95)
	if math.Abs(lo-0.769400) > 1e-5 || math.Abs(hi-1.230600) > 1e-5 {
		t.Errorf("interval %v to %v, want 0.7694 to 1.2306", lo, hi)
	}
}

// Regression with a scatter that is known: y = -x ± d alternating.
func TestStdErr(t *testing.T) {
	const n, d = 20, 0.01
	x, e := series(n, 1, func(t float64) float64 { return math.Exp(-t + d*(1-2*math.Mod(t, 2))) })
	f, err := FitExponential(x, e, 0, Window{-1, 100})
	if err != nil {
		t.Fatal(err)
	}
	// Sum of squares of the alternating part after regression, over n-2, over
	// Σ(x-mean)² = n(n²-1)/12; the slope takes 3d/(...) of it.
	sxx := n * (n*n - 1.0) / 12
	sxy := -d * n / 2.0 // Σ x (-1)^x d
	ss := n*d*d - sxy*sxy/sxx
	want := math.Sqrt(ss / (n - 2) / sxx)
	if math.Abs(f.StdErr-want) > 1e-12 || math.Abs(f.Rate-(1-sxy/sxx)) > 1e-12 {
		t.Errorf("rate %v ± %v, want %v ± %v", f.Rate, f.StdErr, 1-sxy/sxx, want)
	}
	if math.Abs(f.RMS-math.Sqrt(ss/n)) > 1e-12 {
		t.Errorf("RMS %v, want %v", f.RMS, math.Sqrt(ss/n))
	}
}

func TestFitPower(t *testing.T) {
	x, e := series(2000, 1, func(t float64) float64 { return 2 + 5*math.Pow(t+1, -1.5) })
	for i := range x {
		x[i]++
	}
	f, err := FitPower(x, e, 2, Window{})
	if err != nil || math.Abs(f.Rate-1.5) > 1e-6 || math.Abs(f.Amplitude-5) > 1e-4 {
		t.Errorf("%+v, error %v, want rate 1.5 and amplitude 5", f, err)
	}
	// 1/(1+t) has the rate 1 in the end; t = 0 has no logarithm.
	x, e = series(100000, 0.1, func(t float64) float64 { return 1 / (1 + t) })
	f, err = FitPower(x, e, 0, Window{})
	if err != nil || math.Abs(f.Rate-1) > 0.02 || f.Window.From < 5 {
		t.Errorf("%+v, error %v, want rate 1 from late samples", f, err)
	}
}

func TestFitErrors(t *testing.T) {
	x, e := series(50, 0.1, func(t float64) float64 { return math.Exp(-t) })
	cases := []struct {
		name string
		t, e []float64
		star float64
		w    Window
		want error
	}{
		{"lengths", x[1:], e, 0, Window{}, flow.ErrArgument},
		{"not increasing", []float64{0, 1, 1}, []float64{3, 2, 1}, 0, Window{}, flow.ErrArgument},
		{"NaN", []float64{0, 1, 2}, []float64{3, math.NaN(), 1}, 0, Window{}, flow.ErrNonFinite},
		{"infinite time", []float64{0, 1, math.Inf(1)}, []float64{3, 2, 1}, 0, Window{}, flow.ErrNonFinite},
		{"eStar", x, e, math.Inf(-1), Window{}, flow.ErrNonFinite},
		{"empty window", x, e, 0, Window{2, 2}, flow.ErrArgument},
		{"NaN window", x, e, 0, Window{math.NaN(), 2}, flow.ErrArgument},
		{"nothing in the window", x, e, 0, Window{100, 200}, ErrNoWindow},
		{"two samples", x, e, 0, Window{0.05, 0.25}, ErrNoWindow},
		{"below eStar", x, e, 2, Window{}, ErrNoWindow},
		{"no samples", nil, nil, 0, Window{}, ErrNoWindow},
	}
	for _, c := range cases {
		if _, err := FitExponential(c.t, c.e, c.star, c.w); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	// A constant and a growing series have no rate.
	for _, rate := range []float64{0, 1} {
		x, e := series(100, 0.1, func(t float64) float64 { return math.Exp(rate * t) })
		if f, err := FitExponential(x, e, 0, Window{}); !errors.Is(err, ErrNoWindow) {
			t.Errorf("growth rate %v: %+v, error %v, want ErrNoWindow", rate, f, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Interval(1) did not panic")
		}
	}()
	Fit{N: 9}.Interval(1)
}
