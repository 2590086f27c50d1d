package catapult

import (
	"context"
	"errors"
	"math"
	"testing"
)

func TestPeakStep(t *testing.T) {
	worst, worstWeak := 0.0, 0.0
	for _, kappa0 := range []float64{2.5, 2.7, 2.9, 3, 3.2, 3.4, 3.6, 3.8} {
		for e := 3.0; e <= 14; e += 0.13 {
			s0 := math.Pow(10, -e)
			r, err := MapTrajectory(kappa0, s0, 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			worst = max(worst, math.Abs(PeakStep(kappa0, s0)-float64(r.TPeak)))
		}
	}
	for _, eps := range []float64{0.02, 0.05, 0.1, 0.2} {
		for e := 6.0; e <= 14; e += 0.5 {
			s0 := math.Pow(10, -e)
			r, err := MapTrajectory(2+eps, s0, 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			worstWeak = max(worstWeak, eps*math.Abs(PeakStep(2+eps, s0)-float64(r.TPeak)))
		}
	}
	t.Logf("within %.2f steps for κ0 >= 2.5, %.2f/ε below", worst, worstWeak)
	if worst > 2 || worstWeak > 1 {
		t.Errorf("prediction off by %v steps, %v/ε for small ε", worst, worstWeak)
	}
	for _, p := range []MapPoint{{2, 0.1}, {4, 0.1}, {1, 0.1}, {3, 0}, {math.NaN(), 1}} {
		if v := PeakStep(p.Kappa, p.S); !math.IsNaN(v) {
			t.Errorf("PeakStep(%v) = %v, want NaN", p, v)
		}
	}
	if v := PeakStep(3, 1); v != 0 {
		t.Errorf("a start at the peak: %v", v)
	}
}

// decades are the widths 10^lo ... 10^hi.
func decades(lo, hi, perDecade int) []float64 {
	var w []float64
	for i := lo * perDecade; i <= hi*perDecade; i++ {
		w = append(w, math.Pow(10, float64(i)/float64(perDecade)))
	}
	return w
}

// The peak times of map, reduced model and network grow as ln n.
func TestWidthLaw(t *testing.T) {
	for _, kappa0 := range []float64{2.3, 2.6, 3, 3.4} {
		l, err := MapWidthLaw(kappa0, 1, 2, decades(2, 12, 5))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("map, κ0 = %v: slope %.4f, theory %.4f", kappa0, l.Slope, l.Predicted)
		if math.Abs(l.Slope/l.Predicted-1) > 0.05 {
			t.Errorf("κ0 = %v: slope %v, theory %v", kappa0, l.Slope, l.Predicted)
		}
	}

	// The model of width_free.json.
	widths, peaks := decades(2, 12, 1), []int(nil)
	for _, n := range widths {
		r, start := widthFree[float64](t, n, 3)
		res, err := r.Run(context.Background(), start, ReducedOptions[float64]{Steps: 60})
		if err != nil {
			t.Fatal(err)
		}
		peaks = append(peaks, res.PeakStep)
	}
	l, err := FitWidthLaw(3, widths, peaks)
	if err != nil || math.Abs(l.Slope/l.Predicted-1) > 0.05 || math.Abs(l.Predicted-0.7213) > 1e-4 {
		t.Errorf("reduced model: %+v, %v", l, err)
	}
	if ends := float64(peaks[10]-peaks[0]) / math.Log(1e10); math.Abs(ends-0.695) > 1e-3 {
		t.Errorf("slope between the ends is %v, the reference has 0.695", ends)
	}
	t.Logf("reduced model: slope %.4f, theory %.4f, peaks %v", l.Slope, l.Predicted, peaks)
}

// Networks of fresh random weights: each start has its own f0, the median of a few
// follows the law.
func TestWidthLawOfNetworks(t *testing.T) {
	const kappa0, members = 3.0, 9
	widths, peaks := []float64{100, 1000, 10000, 30000}, []int(nil)
	var all []float64
	for _, n := range widths {
		net, err := NewWarmupNet[float64](WarmupConfig{N: n})
		if err != nil {
			t.Fatal(err)
		}
		for i := range members {
			theta := net.Init(11, i)
			f0, lambda := net.Reduced(theta)
			peak, tPeak := 0.0, 0
			descend(t, net, theta, kappa0/lambda, 25, func(k int, x []float64) {
				if f, _ := net.Reduced(x); math.Abs(f) > peak {
					peak, tPeak = math.Abs(f), k
				}
			})
			// Take out the dependence on f0² = 1 on average.
			all = append(all, n/(f0*f0))
			peaks = append(peaks, tPeak)
		}
	}
	l, err := FitWidthLaw(kappa0, all, peaks)
	if err != nil || math.Abs(l.Slope/l.Predicted-1) > 0.1 {
		t.Errorf("networks: slope %v, theory %v, %v", l.Slope, l.Predicted, err)
	}
	t.Logf("networks: slope %.4f, theory %.4f", l.Slope, l.Predicted)
}

func TestWidthLawBadInput(t *testing.T) {
	w := []float64{10, 100}
	for _, c := range []struct {
		kappa  float64
		widths []float64
		peaks  []int
		want   error
	}{
		{2, w, []int{1, 2}, ErrArgument}, {4, w, []int{1, 2}, ErrArgument}, {math.NaN(), w, []int{1, 2}, ErrArgument},
		{3, w, []int{1}, ErrShape}, {3, []float64{10, 0.5}, []int{1, 2}, ErrArgument},
		{3, w, []int{-1, 2}, ErrEmpty}, {3, []float64{10, 10}, []int{1, 2}, ErrEmpty}, {3, nil, nil, ErrEmpty},
	} {
		if _, err := FitWidthLaw(c.kappa, c.widths, c.peaks); !errors.Is(err, c.want) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	for _, c := range [][3]float64{{3, 0, 2}, {3, 1, 0}, {3, 1e9, 2}, {-1, 1, 2}} {
		if _, err := MapWidthLaw(c[0], c[1], c[2], w); !errors.Is(err, ErrArgument) {
			t.Errorf("MapWidthLaw(%v): error %v", c, err)
		}
	}
}
