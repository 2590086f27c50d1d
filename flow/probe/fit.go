package probe

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"github.com/gradflow/gradflow/flow"
	"gonum.org/v1/gonum/stat/distuv"
)

// ErrNoWindow says that a series has no part over which its logarithm is
// straight enough to have a rate.
var ErrNoWindow = errors.New("no window with a rate")

// Window is the part of a series that a rate is fitted to: the samples with
// From <= t <= To. With the zero Window, From = To = 0, it is found: the part with
// the largest fall of log(E - E*) whose first and last half, quarter and eighth
// have the rate of the whole to 2 %, or to three times their standard error. So
// the transient at the start and the rounding floor at the end are left out.
type Window struct{ From, To float64 }

// Fit is a rate of convergence, fitted by least squares in the logarithm.
type Fit struct {
	// Rate is r in E - E* ~ A exp(-r t), per unit of time, or in E - E* ~ A t^(-r).
	Rate float64
	// StdErr is the standard error of Rate from the scatter of the logarithm
	// around the line, as if that were independent from sample to sample: for
	// the samples of one smooth trajectory it tells how straight the line is.
	StdErr float64
	// Amplitude is A.
	Amplitude float64
	// N is the number of samples used, those from t = Window.From to Window.To.
	N      int
	Window Window
	// RMS is the root mean square deviation of log(E - E*) from the line.
	RMS float64
}

// Interval returns the confidence interval of the rate at a level such as 0.95,
// from Student's t distribution with N - 2 degrees of freedom. It panics unless
// 0 < level < 1.
func (f Fit) Interval(level float64) (lo, hi float64) {
	if !(level > 0 && level < 1) {
		panic(fmt.Sprintf("probe: level = %v, want a number inside (0, 1)", level))
	}
	if f.N < 3 {
		return math.Inf(-1), math.Inf(1)
	}
	d := distuv.StudentsT{Sigma: 1, Nu: float64(f.N - 2)}.Quantile(0.5+level/2) * f.StdErr
	return f.Rate - d, f.Rate + d
}

// FitExponential fits E(t) - eStar ~ A exp(-r t) to the samples e[i] at the
// increasing times t[i]. For gradient flow on a function with the
// Polyak-Lojasiewicz constant μ the rate is at least 2μ; near a minimum it is
// 2 λ_min. Samples at or below eStar, or within rounding of it, end the part that
// is used. The error wraps flow.ErrArgument, flow.ErrNonFinite or ErrNoWindow.
func FitExponential(t, e []float64, eStar float64, w Window) (Fit, error) {
	return fit(t, e, eStar, w, func(t float64) float64 { return t })
}

// FitPower fits E(t) - eStar ~ A t^(-r), as FitExponential does with log t in the
// place of t. Samples with t <= 0 are left out.
func FitPower(t, e []float64, eStar float64, w Window) (Fit, error) {
	return fit(t, e, eStar, w, math.Log)
}

// minPoints is the smallest number of samples that a window is looked for in.
const minPoints = 8

func fit(t, e []float64, eStar float64, w Window, abscissa func(float64) float64) (Fit, error) {
	if err := checkSeries(t, e, eStar, w); err != nil {
		return Fit{}, err
	}
	given := w != Window{}
	var l line
	for i := range t {
		x := abscissa(t[i])
		if math.IsNaN(x) || math.IsInf(x, 0) || given && t[i] < w.From {
			continue
		}
		if given && t[i] > w.To || !aboveFloor(e[i], eStar) {
			break
		}
		l.add(x, math.Log(e[i]-eStar), t[i])
	}
	from, to := 0, len(l.x)
	if given {
		if to < 3 {
			return Fit{}, fmt.Errorf("probe: %d samples above eStar = %v in the window from %v to %v, want at least 3: %w", to, eStar, w.From, w.To, ErrNoWindow)
		}
	} else if from, to = l.straight(); to-from < minPoints {
		return Fit{}, fmt.Errorf("probe: no %d samples above eStar = %v, out of %d, over which the logarithm is straight: %w", minPoints, eStar, len(l.x), ErrNoWindow)
	}
	slope, icept, se, rms := l.fit(from, to)
	return Fit{
		Rate: -slope, StdErr: se, Amplitude: math.Exp(icept), RMS: rms,
		N: to - from, Window: Window{l.t[from], l.t[to-1]},
	}, nil
}

func checkSeries(t, e []float64, eStar float64, w Window) error {
	if len(t) != len(e) {
		return fmt.Errorf("probe: len(t) = %d and len(e) = %d, want the same: %w", len(t), len(e), flow.ErrArgument)
	}
	for i := range t {
		if bad(t[i]) || bad(e[i]) {
			return fmt.Errorf("probe: sample %d is t = %v, e = %v: %w", i, t[i], e[i], flow.ErrNonFinite)
		}
		if i > 0 && !(t[i] > t[i-1]) {
			return fmt.Errorf("probe: t[%d] = %v after %v, want increasing times: %w", i, t[i], t[i-1], flow.ErrArgument)
		}
	}
	if bad(eStar) {
		return fmt.Errorf("probe: eStar = %v, want a finite number: %w", eStar, flow.ErrNonFinite)
	}
	if bad(w.From) || math.IsNaN(w.To) || w != (Window{}) && !(w.From < w.To) {
		return fmt.Errorf("probe: window from %v to %v, want From < To: %w", w.From, w.To, flow.ErrArgument)
	}
	return nil
}

func bad(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// aboveFloor says whether e - eStar is more than the rounding of its terms.
func aboveFloor(e, eStar float64) bool { return e-eStar > 64*0x1p-52*math.Abs(eStar) }

// line is a series with running sums, so that the fit to any part of it takes
// the time of a few additions.
type line struct {
	x, y, t []float64
	// Sums of x, y, x², xy, y² of the first i samples, about the first sample,
	// which keeps cancellation small.
	sx, sy, sxx, sxy, syy []float64
}

func (l *line) add(x, y, t float64) {
	if len(l.x) == 0 {
		for _, s := range []*[]float64{&l.sx, &l.sy, &l.sxx, &l.sxy, &l.syy} {
			*s = append(*s, 0)
		}
	}
	l.x, l.y, l.t = append(l.x, x), append(l.y, y), append(l.t, t)
	dx, dy := x-l.x[0], y-l.y[0]
	k := len(l.sx) - 1
	l.sx, l.sy = append(l.sx, l.sx[k]+dx), append(l.sy, l.sy[k]+dy)
	l.sxx, l.sxy, l.syy = append(l.sxx, l.sxx[k]+dx*dx), append(l.sxy, l.sxy[k]+dx*dy), append(l.syy, l.syy[k]+dy*dy)
}

// quick is the fit of samples a to b-1 from the running sums.
func (l *line) quick(a, b int) (slope, se float64) {
	n := float64(b - a)
	mx, my := (l.sx[b]-l.sx[a])/n, (l.sy[b]-l.sy[a])/n
	vx := (l.sxx[b] - l.sxx[a]) - n*mx*mx
	vxy := (l.sxy[b] - l.sxy[a]) - n*mx*my
	vy := (l.syy[b] - l.syy[a]) - n*my*my
	slope = vxy / vx
	return slope, math.Sqrt(max(0, vy-slope*vxy) / (max(n-2, 1) * vx))
}

// fit is the fit of samples a to b-1 about their means.
func (l *line) fit(a, b int) (slope, icept, se, rms float64) {
	n := float64(b - a)
	var mx, my, vx, vxy, ss float64
	for i := a; i < b; i++ {
		mx += l.x[i] / n
		my += l.y[i] / n
	}
	for i := a; i < b; i++ {
		dx := l.x[i] - mx
		vx += dx * dx
		vxy += dx * (l.y[i] - my)
	}
	slope = vxy / vx
	icept = my - slope*mx
	for i := a; i < b; i++ {
		r := l.y[i] - icept - slope*l.x[i]
		ss += r * r
	}
	return slope, icept, math.Sqrt(ss / ((n - 2) * vx)), math.Sqrt(ss / n)
}

// cells is the number of parts whose borders are tried as ends of a window.
const cells = 64

// straight returns the part a to b-1 with the largest fall of y among those whose
// slope is steady; b <= a if there is none.
func (l *line) straight() (a, b int) {
	if len(l.x) < minPoints {
		return 0, 0
	}
	ends := l.borders()
	best := 0.0
	for i, from := range ends {
		for j := len(ends) - 1; j > i; j-- {
			to := ends[j]
			if to-from < minPoints {
				break
			}
			slope, se := l.quick(from, to)
			fall := -slope * (l.x[to-1] - l.x[from])
			if fall > best && -slope > 3*se && l.steady(from, to, slope) {
				a, b, best = from, to, fall
			}
		}
	}
	return a, b
}

// borders are sample indices that cut the series into parts of equal length in
// x.
func (l *line) borders() []int {
	n := len(l.x)
	ends := []int{0}
	for c, i := 1, 0; c < cells; c++ {
		x := l.x[0] + (l.x[n-1]-l.x[0])*float64(c)/cells
		for i < n && l.x[i] < x {
			i++
		}
		if i > ends[len(ends)-1] {
			ends = append(ends, i)
		}
	}
	return append(ends, n)
}

// steady says whether the first and the last half, quarter and eighth (in x) of
// samples a to b-1 have the slope of the whole. Parts of fewer than three samples
// are not looked at, the halves excepted.
func (l *line) steady(a, b int, slope float64) bool {
	first, last := l.x[a], l.x[b-1]
	for part := 2.0; part <= 8; part *= 2 {
		length := (last - first) / part
		i := a + sort.SearchFloat64s(l.x[a:b], first+length)
		j := a + sort.SearchFloat64s(l.x[a:b], last-length)
		if i-a < 3 || b-j < 3 {
			return part > 2
		}
		s1, e1 := l.quick(a, i)
		s2, e2 := l.quick(j, b)
		tol := 0.02 * math.Abs(slope)
		if math.Abs(s1-slope) > tol+3*e1 || math.Abs(s2-slope) > tol+3*e2 {
			return false
		}
	}
	return true
}
