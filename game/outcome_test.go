package game

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// TestExplosionsAndFastGrowth tells growth that ends in finite time from growth that is
// faster than exponential but does not: x' = x log x has log log x = t + const.
func TestExplosionsAndFastGrowth(t *testing.T) {
	for _, c := range []struct {
		name  string
		rate  func(x float64) float64
		want  Outcome
		tStar float64 // from x = 2
	}{
		{"x", func(x float64) float64 { return x }, Divergent, 0},
		{"x log x", func(x float64) float64 { return x * math.Log(x) }, Divergent, 0},
		{"x^1.5", func(x float64) float64 { return math.Pow(x, 1.5) }, BlowUp, math.Sqrt2},
		{"x^2", func(x float64) float64 { return x * x }, BlowUp, 0.5},
		{"x^4", func(x float64) float64 { return math.Pow(x, 4) }, BlowUp, 1. / 24},
	} {
		f := flow.FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = c.rate(x[0]) })
		r, err := ClassifyRun(bg, flow.ODE(f, flow.DOP853), []float64{2}, flow.Options[float64]{T1: 100, RelTol: 1e-11, AbsTol: 1e-11}, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Outcome != c.want {
			t.Errorf("x' = %s: %v, want %v", c.name, r.Outcome, c.want)
		}
		if c.want == BlowUp && !(math.Abs(r.Time/c.tStar-1) <= 1e-5) {
			t.Errorf("x' = %s: t* = %v, want %v", c.name, r.Time, c.tStar)
		}
	}
}

// TestReturnsOnTorus: uniform motion on a circle enters the ball around its start from
// either side, Eps before every full turn.
func TestReturnsOnTorus(t *testing.T) {
	for _, v := range []float64{1, -1} {
		ret := &Returns{Eps: 0.05, Period: []float64{1}, Samples: 9}
		f := flow.FieldFunc(1, func(dst, _ []float64, _ float64) { dst[0] = v })
		if _, err := flow.Solve(bg, f, []float64{0.3}, flow.Options[float64]{Method: flow.RK4, Controller: flow.Fixed{H: 0.1}, T1: 10.5, Recorder: ret}); err != nil {
			t.Fatal(err)
		}
		if len(ret.Times) != 10 {
			t.Fatalf("v = %v: returns %v, want 10", v, ret.Times)
		}
		for i, at := range ret.Times {
			if want := float64(i+1) - 0.05; math.Abs(at-want) > 1e-12 {
				t.Errorf("v = %v: return %d at %v, want %v", v, i, at, want)
			}
		}
		// A tenth of every turn is spent in the ball; Since starts at .1.
		if want := 10 * 0.1 / 10.4; math.Abs(ret.Rate()-want) > 1e-12 || math.Abs(ret.Left-0.1) > 1e-12 {
			t.Errorf("v = %v: rate %v, want %v; left at %v, want 0.1", v, ret.Rate(), want, ret.Left)
		}
	}
}

// failingField has the field (1, 1) for a number of calls, then NaN.
type failingField struct{ calls *int }

func (failingField) Blocks() []int           { return []int{1, 1} }
func (failingField) Losses(dst, _ []float64) { clear(dst) }
func (f failingField) Field(dst, _ []float64) {
	dst[0], dst[1] = 1, 1
	if *f.calls--; *f.calls < 0 {
		dst[1] = math.NaN()
	}
}

// TestFieldTurnsNaN: a run whose field stops being finite ends as Diverged at the last
// finite state, and what was recorded stays.
func TestFieldTurnsNaN(t *testing.T) {
	for _, m := range []Method{GD{}, AltGD{}, Extragradient{}, Optimistic{}, Popov{}, HeavyBall{Beta: 0.3}} {
		calls := 12
		saved := 0
		r := must(flow.New(must(m.Integrator(failingField{&calls})), []float64{0, 0}, flow.Options[float64]{
			Controller: flow.Fixed{H: 0.1}, MaxSteps: 100,
			Recorder: flow.RecorderFunc(func(*flow.Step[float64]) error { saved++; return nil }),
		}))
		s, err := r.Solve(bg)
		if err != nil || s == nil || s.Status != flow.Diverged {
			t.Errorf("%s: %v, %v, want Diverged", m.Name(), s, err)
			continue
		}
		if k := r.Step().K; k < 2 || k > 12 || saved < k || !(s.X[0] < 0 && s.X[1] < 0) {
			t.Errorf("%s: ended at step %d in %v with %d records", m.Name(), k, s.X, saved)
		}
	}
}
