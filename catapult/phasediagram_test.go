package catapult

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"gonum.org/v1/gonum/floats"
)

// The map's diagram has the straight lines 2 and 4 at every s0, and between them
// κ_∞ repeats when s0 falls by (κ0-1)².
func TestMapDiagram(t *testing.T) {
	spec := DiagramSpec{X: floats.Span(make([]float64, 89), 0.1, 4.5), Y: floats.Span(make([]float64, 41), -10, 0)}
	d, err := MapDiagram(context.Background(), spec, 5000)
	if err != nil {
		t.Fatal(err)
	}
	for j, y := range spec.Y {
		s0 := math.Pow(10, y)
		for i, kappa0 := range spec.X {
			c := d.At(i, j, 0)
			kappa0 = math.Round(kappa0*1e9) / 1e9
			var want Phase
			switch {
			case kappa0*kappa0 < 4*s0:
				if c.Phase != Undecided || !math.IsNaN(c.Kappa) {
					t.Errorf("inadmissible (%v, %v): %+v", kappa0, s0, c)
				}
				continue
			case kappa0 == 2 || kappa0 == 4:
				continue // the lines themselves
			case kappa0 < 2:
				want = Lazy
			case kappa0 < 4:
				want = Catapult
			default:
				want = Divergent
			}
			if c.Phase != want || !c.Done {
				t.Errorf("(%v, 10^%v): %+v, want %v", kappa0, y, c, want)
			}
			// The loss rises at once if and only if κ0-s0 > 2.
			if want != Divergent && math.Abs(kappa0-s0-2) > 1e-9 && (c.PeakStep > 0) != (kappa0-s0 > 2) && kappa0 < 3 {
				t.Errorf("(%v, 10^%v): peak at %d", kappa0, y, c.PeakStep)
			}
		}
		if first := d.First(j, Divergent); s0 <= 0.1 && (first <= 4 || first > 4.06) {
			t.Errorf("row %v diverges from %v on", y, first)
		}
	}
}

func TestMapStripes(t *testing.T) {
	for kappa0, want := range map[float64][2]float64{3: {0.185, 0.247}, 3.5: {1e-4, 1.27}, 3.9: {4e-4, 1.54}} {
		period := 2 * math.Log10(kappa0-1)
		y := floats.Span(make([]float64, 2000), -10, -10+period)
		for _, v := range y[:len(y):len(y)] {
			y = append(y, v-period)
		}
		d, err := MapDiagram(context.Background(), DiagramSpec{X: []float64{kappa0}, Y: y}, 1<<22)
		if err != nil {
			t.Fatal(err)
		}
		lo, hi, shift := math.Inf(1), 0.0, []float64(nil)
		for j := range 2000 {
			a, b := d.At(0, j, 0).Kappa, d.At(0, 2000+j, 0).Kappa
			lo, hi = min(lo, a), max(hi, a)
			shift = append(shift, math.Abs(a-b))
		}
		slices.Sort(shift)
		t.Logf("κ0 = %v: κ_∞ from %.3g to %.4g, median change over a period %.2g", kappa0, lo, hi, shift[1000])
		// From κ0 ≈ 3.2 on some phases reach s_t = 1, where κ_∞ = 0; the smallest
		// value is then a matter of the grid.
		near := math.Abs(lo-want[0]) < 1e-3 || kappa0 > 3 && lo < 1e-3
		if !near || math.Abs(hi-want[1]) > 0.01*want[1] || shift[1000] > 1e-8 {
			t.Errorf("κ0 = %v: κ_∞ from %v to %v, want %v; median change over a period %v", kappa0, lo, hi, want, shift[1000])
		}
	}
}

func warmupDiagram(t *testing.T, ctx context.Context, s DiagramSpec) (*Diagram, error) {
	return ReducedDiagram(ctx, s, oneSample[float64](t, 1, 1), ReducedOptions[float64]{Steps: 50000})
}

var smallSpec = DiagramSpec{X: []float64{0.5, 1.5, 2.5, 3.5, 3.95, 4.05, 4.5}, Y: []float64{10, 1e3, 1e6, 1e12}, Repeats: 3, Seed: 4}

// The warm-up model has its thresholds at exactly 2 and 4 at every width.
func TestReducedDiagram(t *testing.T) {
	d, err := warmupDiagram(t, context.Background(), smallSpec)
	if err != nil {
		t.Fatal(err)
	}
	for j := range d.Y {
		for i, kappa0 := range d.X {
			want := []Phase{Lazy, Catapult, Divergent}[int(kappa0/2)]
			if f := d.Fraction(i, j, want); f != 1 {
				for k := range d.Repeats {
					t.Errorf("κ0 = %v, n = %v: %+v, want %v", kappa0, d.Y[j], *d.At(i, j, k), want)
				}
			}
		}
		// Repetitions have starts of their own, learning rates share them.
		if a, b := d.At(0, j, 0), d.At(0, j, 1); a.Kappa == b.Kappa || a.Peak == b.Peak {
			t.Errorf("n = %v: two repetitions are the same: %+v", d.Y[j], *a)
		}
		if a, b := d.At(0, j, 2), d.At(1, j, 2); a.Peak != b.Peak || a.Kappa == b.Kappa {
			t.Errorf("n = %v: lazy runs at two learning rates start at the losses %v and %v", d.Y[j], a.Peak, b.Peak)
		}
		if d.First(j, Catapult) != 2.5 || d.First(j, Divergent) != 4.05 || !math.IsNaN(d.First(j, Dead)) {
			t.Errorf("n = %v: catapult from %v, divergent from %v", d.Y[j], d.First(j, Catapult), d.First(j, Divergent))
		}
	}
}

// bits prints cells with all digits, so that equal strings mean equal bits.
func bits(d *Diagram) string { return fmt.Sprintf("%v", d.Cells) }

func TestDiagramDoesNotDependOnGOMAXPROCS(t *testing.T) {
	x, y := kernel.MatrixOf(3, 2, []float64{1, 0.2, -0.4, 1, 0.3, 0.8}), []float64{1, -1, 0.5}
	model, err := NewReducedLinear(ReducedConfig{N: 1, Eta: 1, BatchSize: 2, BatchSeed: 3}, x, y)
	if err != nil {
		t.Fatal(err)
	}
	var want [3]string
	for _, procs := range []int{1, 2} {
		old := runtime.GOMAXPROCS(procs)
		a, err1 := warmupDiagram(t, context.Background(), smallSpec)
		b, err2 := MapDiagram(context.Background(), DiagramSpec{X: smallSpec.X, Y: floats.Span(make([]float64, 50), -9, -1)}, 500)
		c, err3 := ReducedDiagram(context.Background(), smallSpec, model, ReducedOptions[float64]{Steps: 50})
		runtime.GOMAXPROCS(old)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		got := [3]string{bits(a), bits(b), bits(c)}
		if procs > 1 && got != want {
			t.Error("the diagram depends on GOMAXPROCS")
		}
		want = got
	}
}

func TestDiagramCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := smallSpec
	s.Workers = 1
	s.Progress = func(done, total int) {
		if total != len(s.X)*len(s.Y)*s.Repeats {
			t.Errorf("total %d", total)
		}
		if done == 10 {
			cancel()
		}
	}
	d, err := warmupDiagram(t, ctx, s)
	if !errors.Is(err, context.Canceled) || d == nil {
		t.Fatalf("diagram %v, error %v", d, err)
	}
	done := 0
	for _, c := range d.Cells {
		if c.Done {
			done++
		}
	}
	if done != 10 {
		t.Errorf("%d cells are done, want the 10 before the cancellation", done)
	}
	var b bytes.Buffer
	if err := d.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 11 || len(rows[0]) != 10 || rows[1][3] != "Lazy" {
		t.Errorf("CSV: %v, %v", rows, err)
	}
	if !math.IsNaN(d.Fraction(len(s.X)-1, len(s.Y)-1, Lazy)) {
		t.Error("a fraction of no runs is not NaN")
	}
	if d.Fraction(3, 0, Undecided) != 0 || d.Fraction(3, 0, Catapult) != 1 {
		t.Error("runs that were not made count in a fraction")
	}
	d, err = MapDiagram(ctx, DiagramSpec{X: []float64{3}, Y: []float64{-3}}, 100)
	if !errors.Is(err, context.Canceled) || d == nil || d.Cells[0].Done {
		t.Errorf("cancelled map diagram: %+v, %v", d, err)
	}
}

func TestDiagramBadInput(t *testing.T) {
	ctx, boom := context.Background(), errors.New("boom")
	ok := func(context.Context, DiagramRun) (Cell, error) { return Cell{}, nil }
	for _, c := range []struct {
		s    DiagramSpec
		want error
	}{
		{DiagramSpec{Y: []float64{1}}, ErrEmpty},
		{DiagramSpec{X: []float64{1}}, ErrEmpty},
		{DiagramSpec{X: []float64{math.NaN()}, Y: []float64{1}}, ErrNonFinite},
		{DiagramSpec{X: []float64{1}, Y: []float64{1}, Repeats: -1}, ErrArgument},
		{DiagramSpec{X: []float64{1}, Y: []float64{1}, Workers: -1}, ErrArgument},
	} {
		if _, err := PhaseDiagram(ctx, c.s, ok); !errors.Is(err, c.want) {
			t.Errorf("%+v: error %v, want %v", c.s, err, c.want)
		}
	}
	one := DiagramSpec{X: []float64{1, 2}, Y: []float64{0.5}}
	if _, err := MapDiagram(ctx, one, 0); !errors.Is(err, ErrArgument) {
		t.Errorf("no steps: %v", err)
	}
	if _, err := warmupDiagram(t, ctx, one); !errors.Is(err, ErrArgument) {
		t.Errorf("width 0.5: %v", err)
	}
	d, err := PhaseDiagram(ctx, one, func(_ context.Context, p DiagramRun) (Cell, error) {
		if p.X == 2 {
			return Cell{}, boom
		}
		return Cell{Phase: Lazy}, nil
	})
	if !errors.Is(err, boom) || d == nil || d.At(1, 0, 0).Done {
		t.Errorf("failing run: %+v, %v", d, err)
	}
}

func BenchmarkMapDiagram(b *testing.B) {
	s := DiagramSpec{X: floats.Span(make([]float64, 400), 0.1, 4.5), Y: floats.Span(make([]float64, 400), -10, 0)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MapDiagram(context.Background(), s, 300); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(300*400*400)*float64(b.N)/b.Elapsed().Seconds(), "grid-updates/s")
}
