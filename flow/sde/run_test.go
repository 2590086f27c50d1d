package sde

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// everyMethod makes each method with an equation of dimension 2 (state length 4
// for the kinetic ones) that suits it.
func everyMethod[T flow.Float](path func() Path) map[string]func() flow.Integrator[T] {
	noise := Increments{Seed: 4, Stream: 9}
	if path == nil {
		path = func() Path { return noise }
	}
	k, err := Underdamped(well[T](2), 1.5, 0.7)
	if err != nil {
		panic(err)
	}
	l, err := Langevin(well[T](2), 2)
	if err != nil {
		panic(err)
	}
	general := func(c Calculus) System[T] {
		drift := flow.FieldFunc(2, func(dst, x []T, t float64) { dst[0], dst[1] = -x[1], x[0]-T(t) })
		return Func(drift, Noise{Shape: General, Channels: 3, Calculus: c}, func(dst, x []T, _ float64) {
			copy(dst, []T{1, x[1] / 3, 0, x[0] / 2, 0.5, 0.1})
		})
	}
	m := map[string]func() flow.Integrator[T]{
		"EulerMaruyama general":  func() flow.Integrator[T] { return EulerMaruyama(general(Ito), path()) },
		"Heun general":           func() flow.Integrator[T] { return Heun(general(Stratonovich), path()) },
		"Heun converted":         func() flow.Integrator[T] { return Heun(Convert(general(Ito), Stratonovich), path()) },
		"EulerMaruyama Langevin": func() flow.Integrator[T] { return EulerMaruyama(l, path()) },
		"SRA1 Langevin":          func() flow.Integrator[T] { return SRA1(l, path()) },
		"SRA1 kinetic":           func() flow.Integrator[T] { return SRA1(k, path()) },
		"BAOAB":                  func() flow.Integrator[T] { return BAOAB(k, noise) },
		"UBU":                    func() flow.Integrator[T] { return UBU(k, noise) },
	}
	for _, shape := range []Shape{Diagonal, Scalar} {
		s, strat := sineSystem[T](2, shape, Ito), sineSystem[T](2, shape, Stratonovich)
		m["EulerMaruyama "+shape.String()] = func() flow.Integrator[T] { return EulerMaruyama(s, path()) }
		m["Milstein "+shape.String()] = func() flow.Integrator[T] { return Milstein(s, path()) }
		m["Heun "+shape.String()] = func() flow.Integrator[T] { return Heun(strat, path()) }
		m["SRI1W1 "+shape.String()] = func() flow.Integrator[T] { return SRI1W1(s, path()) }
		m["WeakPlaten "+shape.String()] = func() flow.Integrator[T] { return WeakPlaten(s, path()) }
	}
	return m
}

func startFor[T flow.Float](name string) []T {
	if strings.Contains(name, "kinetic") || name == "BAOAB" || name == "UBU" {
		return []T{0.5, -0.3, 0.1, 0.2}
	}
	return []T{0.5, -0.3}
}

func trace[T flow.Float](r *flow.Run[T]) (out []string) {
	for s, err := range r.Steps(context.Background()) {
		out = append(out, fmt.Sprintf("%d %x %x %x %x %v %v %v", s.K, s.T, s.X, s.Energy, s.Slope, s.Stats, s.Status, err))
	}
	return out
}

// sameResumed makes a run twice, in one go and saved as JSON after k steps and
// resumed with everything new, and compares every later step bit for bit.
func sameResumed[T flow.Float](t *testing.T, name string, k int, it func() flow.Integrator[T], x0 []T, o func() flow.Options[T]) {
	t.Helper()
	whole, err := flow.New(it(), x0, o())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want := trace(whole)
	part, err := flow.New(it(), x0, o())
	if err != nil {
		t.Fatal(err)
	}
	for range k {
		part.Next(context.Background())
	}
	c, err := part.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back flow.Checkpoint
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	rest, err := flow.Resume(it(), &back, o())
	if err != nil {
		t.Fatal(err)
	}
	got := trace(rest)
	if len(want) < k+3 || len(got) != len(want)-k {
		t.Fatalf("%s from step %d: %d steps, want %d", name, k, len(got), len(want)-k)
	}
	for i, g := range got {
		if w := want[k+i]; g != w {
			t.Fatalf("%s from step %d: step %d is\n%s, want\n%s", name, k, k+i, g, w)
		}
	}
}

func testResume[T flow.Float](t *testing.T) {
	tree := func() Path { return mustTree(t, 3, 1, 0, 2) }
	for _, k := range []int{0, 1, 7} {
		for pname, path := range map[string]func() Path{"increments": nil, "tree": tree} {
			for name, it := range everyMethod[T](path) {
				for _, energy := range []bool{false, true} {
					if energy && !strings.Contains(name, "Langevin") && len(startFor[T](name)) == 2 {
						continue
					}
					sameResumed(t, name+" "+pname, k, it, startFor[T](name), func() flow.Options[T] {
						return flow.Options[T]{Controller: flow.Fixed{H: 0.125}, T1: 2, TStops: []float64{0.3125}, Energy: energy}
					})
				}
			}
		}
	}
}

func TestResume(t *testing.T)   { testResume[float64](t) }
func TestResume32(t *testing.T) { testResume[float32](t) }

// TestResumeOtherPath: a run is not resumed on another path than its own.
func TestResumeOtherPath(t *testing.T) {
	k, err := Underdamped(well[float64](1), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	make := func(seed uint64, stream uint32, tree bool) []flow.Integrator[float64] {
		p := Increments{Seed: seed, Stream: stream}
		if tree {
			return []flow.Integrator[float64]{EulerMaruyama(k, mustTree(t, seed, stream, 0, 1))}
		}
		return []flow.Integrator[float64]{EulerMaruyama(k, p), BAOAB(k, p), UBU(k, p)}
	}
	o := flow.Options[float64]{Controller: flow.Fixed{H: 0.125}, T1: 1}
	for _, c := range []struct {
		seed   uint64
		stream uint32
		tree   bool
		want   string
	}{
		{1 << 40, 2, false, ""},
		{1, 2, false, "{Seed: 1099511627776, Stream: 2}, the run has Increments{Seed: 1, Stream: 2}"},
		{1 << 40, 3, false, "Stream: 3"},
		{1 << 40, 2, true, "Tree of seed 1099511627776, stream 2 on [0, 1]"},
	} {
		other := make(c.seed, c.stream, c.tree)
		for i, it := range make(1<<40, 2, false)[:len(other)] {
			r, err := flow.New(it, []float64{0, 0}, o)
			if err != nil {
				t.Fatal(err)
			}
			r.Next(t.Context())
			saved, err := r.Checkpoint()
			if err != nil {
				t.Fatal(err)
			}
			r, err = flow.Resume(other[i], saved, o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Solve(t.Context())
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, flow.ErrCheckpoint) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("resumed on another path: error %v, want ErrCheckpoint with %q", err, c.want)
			}
		}
	}
}

// TestEventEdit: a handler that moves the state does not make the run see its
// first noise again, and a resumed run goes the same way.
func TestEventEdit(t *testing.T) {
	s, err := Langevin(well[float64](1), 1)
	if err != nil {
		t.Fatal(err)
	}
	back := 0
	options := func() flow.Options[float64] {
		return flow.Options[float64]{Controller: flow.Fixed{H: 0.125}, T1: 8, Events: []flow.Event[float64]{{
			G:       func(x []float64, _ float64) float64 { return x[0] - 1 },
			Handler: func(x []float64, _ float64) (bool, error) { x[0] -= 1.5; back++; return true, nil },
		}}}
	}
	for _, k := range []int{0, 7, 20} {
		sameResumed(t, "event", k, func() flow.Integrator[float64] { return EulerMaruyama(s, Increments{Seed: 5}) }, []float64{0.5}, options)
	}
	if back == 0 {
		t.Error("no event happened")
	}
	// The last step by hand: the noise is that of its index.
	r, err := flow.New(EulerMaruyama(s, Increments{Seed: 5}), []float64{0.5}, options())
	if err != nil {
		t.Fatal(err)
	}
	x, edited := 0.5, false
	w := []float64{0}
	for st, err := range r.Steps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if st.K == 0 {
			continue
		}
		if st.Kind != flow.AtStep {
			continue
		}
		if err := (Increments{Seed: 5}).Increment(w, nil, uint64(st.K-1), 0, 0.125); err != nil {
			t.Fatal(err)
		}
		next := x + 0.125*(x-x*x*x) + math.Sqrt2*w[0]
		if math.Abs(st.X[0]-next) > 1e-12 {
			if math.Abs(st.X[0]-(next-1.5)) > 1e-12 {
				t.Fatalf("step %d went to %v, want %v", st.K, st.X[0], next)
			}
			edited = true
		}
		x = st.X[0]
	}
	if !edited {
		t.Error("no state was edited")
	}
}

// TestSameNoise32: float32 runs follow the float64 ones to rounding.
func TestSameNoise32(t *testing.T) {
	single := everyMethod[float32](nil)
	for name, it := range everyMethod[float64](nil) {
		x := last(t, it(), startFor[float64](name), 0.1, 2)
		y := last(t, single[name](), startFor[float32](name), 0.1, 2)
		tol := 2e-5
		if strings.Contains(name, "converted") {
			tol = 2e-3 // differences of b along itself have an error of eps^(2/3)
		}
		for i := range x {
			near(t, name, float64(y[i]), x[i], tol)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	for pname, path := range map[string]func() Path{"increments": nil, "tree": func() Path { return mustTree(t, 3, 1, 0, 4) }} {
		for name, it := range everyMethod[float64](path) {
			r, err := flow.New(it(), startFor[float64](name), flow.Options[float64]{Controller: flow.Fixed{H: 4. / 1024}})
			if err != nil {
				t.Fatal(err)
			}
			for range 8 {
				r.Next(context.Background()) // the tree takes memory on its way down
			}
			if n := testing.AllocsPerRun(300, func() {
				if !r.Next(context.Background()) {
					t.Fatalf("%s: ended with %v, %v", name, r.Status(), r.Err())
				}
			}); n != 0 {
				t.Errorf("%s %s: %v allocations a step, want 0", name, pname, n)
			}
		}
	}
}

// TestEnsembleWorkers: members have streams of their own, and results that do
// not depend on the number of workers, bit for bit.
func TestEnsembleWorkers(t *testing.T) {
	const members, trees = 10_000, 64
	run := func(workers int) [][]float64 {
		out := make([][]float64, members)
		err := flow.Ensemble(context.Background(), members, workers, func(ctx context.Context, member int) error {
			k, err := Underdamped(well[float64](1), 1, 1)
			if err != nil {
				return err
			}
			x, err := solve(BAOAB(k, Increments{Seed: 6, Stream: uint32(member)}), []float64{0.5, -1}, 1./16, 1)
			if out[member] = x; err != nil || member >= trees {
				return err
			}
			b, err := NewTree(6, uint32(member), 0, 1)
			if err != nil {
				return err
			}
			y, err := solve(SRI1W1(sineSystem[float64](2, Diagonal, Ito), b), []float64{0.5, -1}, 1./64, 1)
			out[member] = append(x, y...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := run(1)
	for _, w := range []int{2, 5} {
		for i, x := range run(w) {
			for j := range x {
				if x[j] != want[i][j] {
					t.Fatalf("%d workers: member %d is %v, want %v", w, i, x, want[i])
				}
			}
		}
	}
	seen := map[float64]int{}
	for i, x := range want {
		if j, ok := seen[x[0]]; ok {
			t.Fatalf("members %d and %d have the same path", j, i)
		}
		seen[x[0]] = i
	}
}

// TestBadInput: every error wraps its sentinel and names what is wrong.
func TestBadInput(t *testing.T) {
	nan := math.NaN()
	drift := func(v float64) flow.Field[float64] {
		return flow.FieldFunc(2, func(dst, _ []float64, _ float64) { dst[0], dst[1] = 0, v })
	}
	with := func(n Noise, b float64) System[float64] {
		return Func(drift(0), n, func(dst, _ []float64, _ float64) {
			for i := range dst {
				dst[i] = b
			}
		})
	}
	k, err := Underdamped(well[float64](1), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	kn, err := Underdamped(flow.EnergyFunc(1, func(g, _ []float64) float64 {
		if g != nil {
			g[0] = nan
		}
		return 0
	}), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := Increments{}
	two := []float64{0, 0}
	for _, c := range []struct {
		it   flow.Integrator[float64]
		x0   []float64
		o    flow.Options[float64]
		want string
		is   error
	}{
		{EulerMaruyama[float64](nil, p), two, flow.Options[float64]{}, "system of EulerMaruyama is nil", flow.ErrArgument},
		{BAOAB[float64](nil, p), two, flow.Options[float64]{}, "system of BAOAB is nil", flow.ErrArgument},
		{EulerMaruyama(with(Noise{}, 1), p), []float64{0}, flow.Options[float64]{}, "length 1, want the dimension of the system, 2", flow.ErrArgument},
		{UBU(k, p), []float64{0}, flow.Options[float64]{}, "length 1, want the dimension of the system, 2", flow.ErrArgument},
		{EulerMaruyama(Func(drift(nan), Noise{}, func(dst, _ []float64, _ float64) { clear(dst) }), p), two, flow.Options[float64]{}, "a(t0, x0)[1] is NaN", flow.ErrNonFinite},
		{EulerMaruyama(with(Noise{}, math.Inf(1)), p), two, flow.Options[float64]{}, "b(t0, x0)[0] is +Inf", flow.ErrNonFinite},
		{BAOAB(kn, p), two, flow.Options[float64]{}, "gradient[0] is NaN", flow.ErrNonFinite},
		{EulerMaruyama(with(Noise{}, 1), p), two, flow.Options[float64]{T1: -1}, "backward", flow.ErrArgument},
		{UBU(k, p), two, flow.Options[float64]{T1: -1}, "backward", flow.ErrArgument},
		{EulerMaruyama(k, p), two, flow.Options[float64]{Ledger: true}, "Ledger", flow.ErrArgument},
		{EulerMaruyama(with(Noise{}, 1), p), two, flow.Options[float64]{Controller: flow.PI}, "EulerMaruyama does not have", flow.ErrArgument},
		{EulerMaruyama(with(Noise{}, 1), p), two, flow.Options[float64]{T1: 1, SaveAt: []float64{0.5}}, "dense output", flow.ErrArgument},
		{EulerMaruyama(with(Noise{Shape: 7}, 1), p), two, flow.Options[float64]{}, "Shape(7)", flow.ErrArgument},
		{EulerMaruyama(with(Noise{Calculus: 7}, 1), p), two, flow.Options[float64]{}, "Calculus(7)", flow.ErrArgument},
		{EulerMaruyama(with(Noise{Shape: General}, 1), p), two, flow.Options[float64]{}, "0 channels", flow.ErrArgument},
		{Heun(Convert(with(Noise{Shape: General}, 1), Stratonovich), p), two, flow.Options[float64]{}, "0 channels", flow.ErrArgument},
		{Milstein(with(Noise{Shape: General, Channels: 2}, 1), p), two, flow.Options[float64]{}, "Milstein needs Diagonal or Scalar noise, got General", flow.ErrArgument},
		{SRI1W1(with(Noise{Shape: General, Channels: 2}, 1), p), two, flow.Options[float64]{}, "SRI1W1 needs", flow.ErrArgument},
		{SRA1(with(Noise{}, 1), p), two, flow.Options[float64]{}, "SRA1 needs additive noise", flow.ErrArgument},
		{EulerMaruyama(with(Noise{Calculus: Stratonovich}, 1), p), two, flow.Options[float64]{}, "Convert", flow.ErrArgument},
		{Heun(with(Noise{}, 1), p), two, flow.Options[float64]{}, "Convert", flow.ErrArgument},
	} {
		if c.o.Controller == nil {
			c.o.Controller = flow.Fixed{H: 0.1}
		}
		_, err := flow.New(c.it, c.x0, c.o)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one of %q with %q", err, c.is, c.want)
		}
	}
	e := well[float64](1)
	for _, beta := range []float64{0, -1, nan} {
		if _, err := Langevin(e, beta); !errors.Is(err, flow.ErrArgument) || !strings.Contains(err.Error(), fmt.Sprint("beta = ", beta)) {
			t.Errorf("Langevin(%v): error %v", beta, err)
		}
	}
	for _, c := range [][2]float64{{-1, 1}, {nan, 1}, {math.Inf(1), 1}, {1, 0}, {1, -1}, {1, nan}, {1, math.Inf(1)}} {
		if _, err := Underdamped(e, c[0], c[1]); !errors.Is(err, flow.ErrArgument) {
			t.Errorf("Underdamped(%v): error %v", c, err)
		}
	}
	if _, err := Langevin[float64](nil, 1); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("Langevin(nil): error %v", err)
	}
	if _, err := Underdamped[float64](nil, 1, 1); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("Underdamped(nil): error %v", err)
	}
	if err := p.Increment([]float64{0}, nil, 0, 0, -1); !errors.Is(err, flow.ErrArgument) {
		t.Errorf("Increment(h = -1): error %v", err)
	}
	for name, f := range map[string]func(){
		"Func":           func() { Func[float64](nil, Noise{}, nil) },
		"Convert":        func() { Convert[float64](nil, Ito) },
		"Tree.Increment": func() { mustTree(t, 1, 0, 0, 1).Increment(two, two[:1], 0, 0, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			f()
		}()
	}
}

// TestEmptyState: with n = 0 only time advances.
func TestEmptyState(t *testing.T) {
	zero := Func(flow.FieldFunc(0, func(_, _ []float64, _ float64) {}), Noise{}, func(_, _ []float64, _ float64) {})
	general := Func(flow.FieldFunc(0, func(_, _ []float64, _ float64) {}), Noise{Shape: General, Channels: 2}, func(_, _ []float64, _ float64) {})
	k, err := Underdamped(well[float64](0), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range []flow.Integrator[float64]{EulerMaruyama(zero, nil), EulerMaruyama(general, nil), SRI1W1(zero, mustTree(t, 1, 0, 0, 1)), BAOAB(k, Increments{}), UBU(k, Increments{})} {
		if x := last(t, it, nil, 0.25, 1); len(x) != 0 {
			t.Errorf("state %v, want none", x)
		}
	}
}

// TestDivergence: a drift that explodes ends the run as Diverged, no error.
func TestDivergence(t *testing.T) {
	s := Func(flow.FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = x[0] * x[0] * x[0] }), Noise{},
		func(dst, x []float64, _ float64) { dst[0] = x[0] })
	r, err := flow.New(EulerMaruyama(s, nil), []float64{10}, flow.Options[float64]{Controller: flow.Fixed{H: 1}, T1: 100})
	if err != nil {
		t.Fatal(err)
	}
	if sol, err := r.Solve(t.Context()); err != nil || sol.Status != flow.Diverged {
		t.Errorf("ended with %v, %v, want Diverged", sol.Status, err)
	}
}
