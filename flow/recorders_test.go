package flow

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// halving is x' = -x under a Fixed step 1/2: x halves at every step.
func halving[T Float](t *testing.T, o Options[T]) *Run[T] {
	t.Helper()
	o.Controller = Fixed{H: 0.5}
	e := EnergyFunc(2, func(g, x []T) float64 {
		if g != nil {
			g[0], g[1] = x[0], x[1]
		}
		return float64(x[0]*x[0]+x[1]*x[1]) / 2
	})
	r, err := New(ODE(GradientFlow(e), Euler), []T{1, -1. / 3}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCSVReadsBack writes runs in float64 and float32 and reads every number back
// to the bit.
func TestCSVReadsBack(t *testing.T) {
	t.Run("float64", testCSVReadsBack[float64])
	t.Run("float32", testCSVReadsBack[float32])
}

func testCSVReadsBack[T Float](t *testing.T) {
	var buf bytes.Buffer
	table := &CSV[T]{W: &buf}
	keep := &Columns[T]{}
	r := halving(t, Options[T]{MaxSteps: 6, Recorder: Multi[T](table, keep)})
	if _, err := r.Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&buf).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "k,kind,t,h,energy,slope,x0,x1" {
		t.Errorf("header %q", got)
	}
	if len(rows) != 8 || rows[1][1] != "start" || rows[2][1] != "step" {
		t.Fatalf("%d lines, want a header, the start and six steps: %v", len(rows), rows)
	}
	for i, row := range rows[1:] {
		number := func(j int) float64 {
			v, err := strconv.ParseFloat(row[j], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if number(0) != float64(keep.K[i]) || number(2) != keep.T[i] || number(4) != keep.Energy[i] || T(number(6)) != keep.X[i][0] || T(number(7)) != keep.X[i][1] {
			t.Errorf("line %d: %v, want %d %v %v %v", i+1, row, keep.K[i], keep.T[i], keep.Energy[i], keep.X[i])
		}
	}
}

// TestJSONLinesReadBack does the same for lines of JSON, with what is unknown as
// null.
func TestJSONLinesReadBack(t *testing.T) {
	var buf bytes.Buffer
	lines, keep := &JSONLines[float64]{W: &buf}, &Columns[float64]{}
	f := FieldFunc(2, func(d, x []float64, _ float64) { d[0], d[1] = -x[0], -x[1] })
	r, err := New(ODE(f, DormandPrince), []float64{1, -1. / 3}, Options[float64]{T1: 1, SaveAt: []float64{0.01}, Recorder: Multi[float64](lines, keep)})
	if err != nil {
		t.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := lines.Flush(); err != nil {
		t.Fatal(err)
	}
	i, saved := 0, 0
	for line := range strings.Lines(buf.String()) {
		var row struct {
			K      int
			Kind   string
			T, H   float64
			Energy *float64
			X      []float64
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if row.Energy != nil || !strings.Contains(line, `"energy":null`) {
			t.Errorf("energy of a plain field in %q", line)
		}
		if row.Kind == "save" {
			saved++
			if row.T != 0.01 || row.X[0] != sol.States[0][0] {
				t.Errorf("save time: %q, want %v", line, sol.States[0])
			}
			continue
		}
		if row.K != keep.K[i] || row.T != keep.T[i] || row.X[0] != keep.X[i][0] || row.X[1] != keep.X[i][1] {
			t.Errorf("line %q, want %v %v", line, keep.T[i], keep.X[i])
		}
		i++
	}
	if i != len(keep.K) || saved != 1 {
		t.Errorf("%d lines and %d save times, want %d and 1", i, saved, len(keep.K))
	}
}

// full is a writer that fails once limit bytes are in it.
type full struct {
	bytes.Buffer
	limit  int
	closed bool
}

var errFull = errors.New("disk full")

func (f *full) Write(b []byte) (int, error) {
	if f.Len()+len(b) > f.limit {
		return 0, errFull
	}
	return f.Buffer.Write(b)
}

func (f *full) Close() error {
	f.closed = true
	return nil
}

// TestWriterErrors: a full disk ends the run, nothing that was flushed is lost,
// and Close reports what Flush could not write.
func TestWriterErrors(t *testing.T) {
	w := &full{limit: 1 << 17}
	r := halving(t, Options[float64]{MaxSteps: 100_000, Recorder: &CSV[float64]{W: w}})
	sol, err := r.Solve(context.Background())
	if sol.Status != RecorderError || !errors.Is(err, errFull) || w.Len() == 0 || !strings.HasPrefix(w.String(), "k,kind,") {
		t.Errorf("%v, %v with %d bytes written, want RecorderError", sol.Status, err, w.Len())
	}
	small := &full{limit: 10}
	table := &CSV[float64]{W: small}
	if _, err := halving(t, Options[float64]{MaxSteps: 3, Recorder: table}).Solve(context.Background()); err != nil {
		t.Errorf("the buffer reports %v before it is full", err)
	}
	if err := table.Close(); !errors.Is(err, errFull) || !small.closed {
		t.Errorf("Close: %v, closed %t, want the error and a closed file", err, small.closed)
	}
	_, err = halving(t, Options[float64]{MaxSteps: 3, Recorder: &JSONLines[float64]{}}).Solve(context.Background())
	if !errors.Is(err, ErrArgument) || !strings.Contains(err.Error(), "W of JSONLines is nil") {
		t.Errorf("no writer: %v", err)
	}
}

// TestAppend: a resumed run appends without a second header, by the same recorder
// or by another one that is told.
func TestAppend(t *testing.T) {
	run := func(r *Run[float64], table *CSV[float64]) *Run[float64] {
		if _, err := r.Solve(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
		return r
	}
	var whole bytes.Buffer
	one := &CSV[float64]{W: &whole}
	run(halving(t, Options[float64]{MaxSteps: 8, Recorder: one}), one)
	for _, same := range []bool{true, false} {
		var parts bytes.Buffer
		table := &CSV[float64]{W: &parts}
		first := run(halving(t, Options[float64]{MaxSteps: 5, Recorder: table}), table)
		c, err := first.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		if !same {
			table = &CSV[float64]{W: &parts, NoHeader: true}
		}
		rest, err := Resume(first.it, c, Options[float64]{Controller: Fixed{H: 0.5}, MaxSteps: 8, Recorder: table})
		if err != nil {
			t.Fatal(err)
		}
		run(rest, table)
		if whole.String() != parts.String() {
			t.Errorf("same recorder %t: two parts\n%s\nwant\n%s", same, parts.String(), whole.String())
		}
	}
}

// TestDecimateAndRing: which steps are kept.
func TestDecimateAndRing(t *testing.T) {
	var thin []int
	var ring Ring[float64]
	ring.N = 4
	rec := Multi[float64](
		Decimate[float64](3, RecorderFunc(func(s *Step[float64]) error { thin = append(thin, s.K); return nil })),
		&ring)
	if _, err := halving(t, Options[float64]{MaxSteps: 10, Recorder: rec}).Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(thin) != "[0 3 6 9]" {
		t.Errorf("every third step: %v", thin)
	}
	if ring.Len() != 4 {
		t.Fatalf("the ring keeps %d steps, want 4", ring.Len())
	}
	for i := range 4 {
		w := ring.At(i)
		if w.K != 7+i || w.T != 0.5*float64(w.K) || w.X[0] != math.Exp2(-float64(w.K)) || w.H != 0.5 || !(w.Energy > 0) {
			t.Errorf("row %d: %+v, want step %d", i, w, 7+i)
		}
	}
	short := &Ring[float64]{N: 100}
	if _, err := halving(t, Options[float64]{MaxSteps: 2, Recorder: short}).Solve(context.Background()); err != nil || short.Len() != 3 || short.At(0).K != 0 {
		t.Errorf("%v, a long ring keeps %d steps, want 3 from the start", err, short.Len())
	}
	_, err := halving(t, Options[float64]{MaxSteps: 2, Recorder: &Ring[float64]{}}).Solve(context.Background())
	if !errors.Is(err, ErrArgument) {
		t.Errorf("ring of length 0: %v", err)
	}
}

// TestMultiShowsAll: an error of one recorder is reported, and the others still
// see the step.
func TestMultiShowsAll(t *testing.T) {
	seen := 0
	bad := errors.New("bad")
	rec := Multi[float64](
		RecorderFunc(func(s *Step[float64]) error {
			if s.K == 2 {
				return bad
			}
			return nil
		}),
		RecorderFunc(func(*Step[float64]) error { seen++; return nil }))
	sol, err := halving(t, Options[float64]{MaxSteps: 9, Recorder: rec}).Solve(context.Background())
	if sol.Status != RecorderError || !errors.Is(err, bad) || seen != 3 {
		t.Errorf("%v, %v, the other saw %d steps, want 3", sol.Status, err, seen)
	}
	_, err = halving(t, Options[float64]{MaxSteps: 9, Recorder: Multi[float64](nil)}).Solve(context.Background())
	if !errors.Is(err, ErrArgument) {
		t.Errorf("nil recorder: %v", err)
	}
}

// TestStatistics compares the accumulated moments with two passes over the data,
// on values with a mean far larger than their deviation.
func TestStatistics(t *testing.T) {
	const steps, skip = 50, 10
	var x []float64
	m := MapFunc(1, func(d, x []float64, k int) error { d[0] = 1e8 + math.Sin(float64(k*k)); return nil })
	st := &Statistics[float64]{Skip: skip}
	r, err := New(m, []float64{1}, Options[float64]{MaxSteps: steps, Recorder: Multi[float64](st, RecorderFunc(func(s *Step[float64]) error {
		if s.K >= skip {
			x = append(x, s.X[0])
		}
		return nil
	}))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	mean, sum, lo, hi := 0.0, 0.0, math.Inf(1), math.Inf(-1)
	for _, v := range x {
		mean += (v - 1e8) / float64(len(x))
		lo, hi = min(lo, v), max(hi, v)
	}
	for _, v := range x {
		sum += (v - 1e8 - mean) * (v - 1e8 - mean)
	}
	got := make([]float64, 1)
	st.Variance(got)
	if want := sum / float64(len(x)-1); st.Count != steps-skip+1 || !(math.Abs(st.Mean[0]-1e8-mean) <= 1e-7) || !(math.Abs(got[0]-want) <= 1e-6*want) || st.Min[0] != lo || st.Max[0] != hi {
		t.Errorf("%+v variance %v, want mean %v, variance %v in [%v, %v]", st, got, 1e8+mean, want, lo, hi)
	}
	if st.Energy.Count != 0 {
		t.Errorf("a map without energy has %d energies", st.Energy.Count)
	}
	e := &Statistics[float64]{}
	if _, err := halving(t, Options[float64]{MaxSteps: 2, Recorder: e}).Solve(context.Background()); err != nil {
		t.Fatal(err)
	}
	e0 := 0.5 * (1 + 1./9)
	a, b, c := e0, e0/4, e0/16
	mu := (a + b + c) / 3
	want := ((a-mu)*(a-mu) + (b-mu)*(b-mu) + (c-mu)*(c-mu)) / 2
	if v := e.Energy.Variance(); !(math.Abs(v-want) <= 1e-14) || !(math.Abs(e.Energy.Mean-mu) <= 1e-15) || e.Energy.Max != a {
		t.Errorf("energy %+v variance %v, want mean %v, variance %v", e.Energy, v, mu, want)
	}
}

// TestRecordersAllocateNothing counts allocations of a recorded step.
func TestRecordersAllocateNothing(t *testing.T) {
	ctx := context.Background()
	var sink discard
	for name, rec := range map[string]Recorder[float64]{
		"CSV": &CSV[float64]{W: &sink}, "JSONLines": &JSONLines[float64]{W: &sink}, "Ring": &Ring[float64]{N: 5}, "Statistics": &Statistics[float64]{},
		"Multi": Multi[float64](&Ring[float64]{N: 5}, Decimate[float64](2, &Ring[float64]{N: 5})),
	} {
		r := halving(t, Options[float64]{MaxSteps: 1 << 30, Recorder: rec})
		for range 20 {
			r.Next(ctx)
		}
		if n := testing.AllocsPerRun(100, func() { r.Next(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations a step, want 0", name, n)
		}
	}
}

type discard struct{}

func (*discard) Write(b []byte) (int, error) { return len(b), nil }

// TestStopRulesOfProgress checks the rules on progress, rise and time.
func TestStopRulesOfProgress(t *testing.T) {
	ctx := context.Background()
	// E halves twice a step: over ten steps it falls to 2⁻²⁰ of itself, that is by
	// (2²⁰-1) E.
	run := func(tol float64, max int) *Run[float64] {
		r := halving(t, Options[float64]{MaxSteps: max, Stop: []Stop[float64]{StopProgress[float64](tol)}})
		if _, err := r.Solve(ctx); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := run(1<<20-2, 30); r.Status() != StepLimit {
		t.Errorf("%v after %d steps, want StepLimit", r.Status(), r.Step().K)
	}
	if r := run(1<<20, 30); r.Status() != Converged || r.Step().K != 10 {
		t.Errorf("%v after %d steps, want Converged after 10", r.Status(), r.Step().K)
	}
	// To a floor: E = 1 + x²/2 stops once x² is small; the same after a resumption.
	floor := func(max int, c *Checkpoint) *Run[float64] {
		e := EnergyFunc(1, func(g, x []float64) float64 {
			if g != nil {
				g[0] = x[0]
			}
			return 1 + x[0]*x[0]/2
		})
		o := Options[float64]{Controller: Fixed{H: 0.05}, MaxSteps: max, Stop: []Stop[float64]{StopProgress[float64](1e-3), StopProgress[float64](1e-3)}}
		it := ODE(GradientFlow(e), Euler)
		var r *Run[float64]
		var err error
		if c == nil {
			r, err = New(it, []float64{1}, o)
		} else {
			r, err = Resume(it, c, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Solve(ctx); err != nil {
			t.Fatal(err)
		}
		return r
	}
	whole := floor(1000, nil)
	k := whole.Step().K
	fall := func(k int) float64 { return (math.Pow(0.95, float64(2*k-20)) - math.Pow(0.95, float64(2*k))) / 2 }
	if whole.Status() != Converged || !(fall(k) < 1.001e-3) || !(fall(k-1) >= 1e-3) {
		t.Errorf("%v after %d steps with a fall of %g, the last before %g", whole.Status(), k, fall(k), fall(k-1))
	}
	c, err := floor(k-4, nil).Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Checkpoint
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if r := floor(1000, &again); r.Status() != Converged || r.Step().K != k {
		t.Errorf("resumed: %v after %d steps, want Converged after %d", r.Status(), r.Step().K, k)
	}

	hill := EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = x[0]
		}
		return 5 + x[0]*x[0]/2
	})
	r, err := New(ODE(GradientFlow(hill), Euler), []float64{1}, Options[float64]{Controller: Fixed{H: 2.1}, MaxSteps: 1000, Stop: []Stop[float64]{StopGain[float64](1)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Solve(ctx); err != nil || r.Status() != Diverged || !(r.Step().Energy > 6.5) || !(r.Step().Energy/1.21 < 6.5) {
		t.Errorf("%v at E = %v, want Diverged just above 6.5", r.Status(), r.Step().Energy)
	}

	start := time.Now()
	r = halving(t, Options[float64]{MaxSteps: 1 << 30, Stop: []Stop[float64]{StopAfter[float64](20 * time.Millisecond)}})
	if _, err := r.Solve(ctx); err != nil || r.Status() != StepLimit || time.Since(start) < 20*time.Millisecond {
		t.Errorf("%v, %v after %v, want StepLimit after 20 ms", r.Status(), err, time.Since(start))
	}
}
