package catapult

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"gonum.org/v1/gonum/mat"
)

// widthFree returns the model of width_free.json and its start, at width n.
func widthFree[T flow.Float](t testing.TB, n float64, c float64) (*ReducedLinear[T], []T) {
	t.Helper()
	var ref linearRef
	readJSON(t, "linear_net.json", &ref)
	x, y := matrixOfRows[T](ref.X), convert[T](ref.Y)
	cfg := ReducedConfig{N: n, Eta: 1}
	r, err := NewReducedLinear(cfg, x, y)
	if err != nil {
		t.Fatal(err)
	}
	start, err := r.State(1, []T{0.3, -0.2}, kernel.MatrixOf(2, 2, []T{1, 0, 0, 1}))
	if err != nil {
		t.Fatal(err)
	}
	lambda := r.NTKTop(start).Value
	cfg.Eta = c / lambda
	if r, err = NewReducedLinear(cfg, x, y); err != nil {
		t.Fatal(err)
	}
	return r, start
}

func TestWidthFreeReference(t *testing.T) {
	var ref struct {
		Lam0 float64 `json:"lam0"`
		Eta  float64 `json:"eta"`
		Rows []struct {
			N           float64 `json:"n"`
			TPeak       int     `json:"t_peak"`
			LossPeak    float64 `json:"loss_peak"`
			LossT5      float64 `json:"loss_t5"`
			LamFinal    float64 `json:"lam_final"`
			EtaLamFinal float64 `json:"eta_lam_final"`
			Loss120     float64 `json:"loss_120"`
		} `json:"rows"`
	}
	readJSON(t, "width_free.json", &ref)
	if len(ref.Rows) != 6 {
		t.Fatalf("%d rows, want 6", len(ref.Rows))
	}
	for _, row := range ref.Rows {
		r, x := widthFree[float64](t, row.N, 3)
		if lambda := r.NTKTop(x).Value; relDiff(lambda, ref.Lam0) > 1e-12 || relDiff(r.Config().Eta, ref.Eta) > 1e-12 {
			t.Fatalf("λ0 = %v, η = %v, want %v, %v", lambda, r.Config().Eta, ref.Lam0, ref.Eta)
		}
		next := make([]float64, r.Dim())
		peak, tPeak := 0.0, 0
		for k := 0; ; k++ {
			loss := r.Loss(x)
			if loss > peak {
				peak, tPeak = loss, k
			}
			if k == 5 && math.Abs(loss/row.LossT5-1) > 1e-9 {
				t.Errorf("n = %g: loss %v at step 5, want %v", row.N, loss, row.LossT5)
			}
			if k == 120 {
				lambda := r.NTKTop(x).Value
				if math.Abs(loss/row.Loss120-1) > 1e-9 || math.Abs(lambda/row.LamFinal-1) > 1e-6 || math.Abs(r.Config().Eta*lambda/row.EtaLamFinal-1) > 1e-6 {
					t.Errorf("n = %g: loss %v, λ %v at step 120, want %v, %v", row.N, loss, lambda, row.Loss120, row.LamFinal)
				}
				break
			}
			r.Next(next, x, k)
			x, next = next, x
		}
		if tPeak != row.TPeak || math.Abs(peak/row.LossPeak-1) > 1e-8 {
			t.Errorf("n = %g: peak %v at %d, want %v at %d", row.N, peak, tPeak, row.LossPeak, row.TPeak)
		}
	}
}

// The largest eigenvalue by either solver is that of the kernel itself.
func TestReducedNTK(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for _, s := range [][2]int{{1, 1}, {5, 3}, {3, 5}, {90, 80}, {70, 100}} {
		x, y := randomData[float64](r, s[0], s[1])
		red, err := NewReducedLinear(ReducedConfig{N: 300, Eta: 1}, x, y)
		if err != nil {
			t.Fatal(err)
		}
		state := red.Sample(1, 2)
		var ntk mat.SymDense
		red.NTK(&ntk, state)
		var eig mat.EigenSym
		if !eig.Factorize(&ntk, false) {
			t.Fatal("no eigenvalues")
		}
		want := eig.Values(nil)[s[0]-1]
		a, _, m := red.Parts(state)
		dense, iter := red.data.ntkDense(a, m), red.data.ntkLanczos(a, m)
		if relDiff(dense.Value, want) > 1e-12 || relDiff(iter.Value, want) > 1e-9 || dense.Residual > 1e-12*want || iter.Residual > 1e-9*want || !dense.Converged || !iter.Converged {
			t.Errorf("%v: λ = %+v, %+v, want %v", s, dense, iter, want)
		}
		if top := red.NTKTop(state); top != dense && top != iter {
			t.Errorf("%v: NTKTop = %+v", s, top)
		}
		state[0] = math.NaN()
		if c := red.NTKTop(state); !math.IsNaN(c.Value) || c.Converged {
			t.Errorf("%v: λ = %+v of a state that is not finite", s, c)
		}
	}
}

func TestGradNorm2(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	x, y := randomData[float64](r, 7, 4)
	for _, decay := range []float64{0, 0.3} {
		net, err := NewLinearNet[float64](9, decay, x, y)
		if err != nil {
			t.Fatal(err)
		}
		red, err := NewReducedLinear(ReducedConfig{N: 9, Eta: 1, Decay: decay}, x, y)
		if err != nil {
			t.Fatal(err)
		}
		theta := net.Init(7, 7)
		g := make([]float64, net.Dim())
		net.EnergyGrad(g, theta)
		if got := red.GradNorm2(net.Reduce(make([]float64, red.Dim()), theta)); relDiff(got, kernel.SumSq(g)) > 1e-13 {
			t.Errorf("γ = %v: |∇E|² = %v, want %v", decay, got, kernel.SumSq(g))
		}
	}
}

// The sampler has the law of the network's own random start: means and variances
// of a, q, diagonal and off-diagonal of M agree within five standard errors, at
// widths below, at and above d.
func TestReducedSample(t *testing.T) {
	const members, d = 3000, 3
	x, y := randomData[float64](rand.New(rand.NewPCG(27, 28)), 2, d)
	for _, n := range []int{1, 2, 3, 20} {
		net, err := NewLinearNet[float64](n, 0, x, y)
		if err != nil {
			t.Fatal(err)
		}
		red, err := NewReducedLinear(ReducedConfig{N: float64(n), Eta: 1}, x, y)
		if err != nil {
			t.Fatal(err)
		}
		mean := func(draw func(i int) []float64, f func(s []float64) float64) (mu, err float64) {
			var s1, s2 float64
			for i := range members {
				v := f(draw(i))
				s1, s2 = s1+v, s2+v*v
			}
			mu = s1 / members
			return mu, math.Sqrt((s2/members - mu*mu) / members)
		}
		for name, f := range map[string]func(s []float64) float64{
			"a": func(s []float64) float64 { return s[0] }, "a²": func(s []float64) float64 { return s[0] * s[0] },
			"q1²": func(s []float64) float64 { return s[1] * s[1] }, "a M11": func(s []float64) float64 { return s[0] * s[4] },
			"M22²": func(s []float64) float64 { return s[8] * s[8] }, "M12²": func(s []float64) float64 { return s[5] * s[7] },
			"qMq":   func(s []float64) float64 { return s[1]*s[1]*s[4] + 2*s[1]*s[2]*s[5] + s[2]*s[2]*s[8] },
			"det M": func(s []float64) float64 { return mat.Det(mat.NewDense(d, d, s[4:])) },
		} {
			a, ea := mean(func(i int) []float64 { return red.Sample(9, i) }, f)
			b, eb := mean(func(i int) []float64 { return net.Reduce(make([]float64, red.Dim()), net.Init(10, i)) }, f)
			if math.Abs(a-b) > 5*math.Hypot(ea, eb)+1e-14 {
				t.Errorf("n = %d: E %s = %v ± %v, the network has %v ± %v", n, name, a, ea, b, eb)
			}
		}
	}
}

func TestReducedBadInput(t *testing.T) {
	x, y := kernel.MatrixOf(2, 2, []float64{1, 0, 0, 1}), []float64{1, 2}
	nan := math.NaN()
	for i, c := range []struct {
		cfg  ReducedConfig
		x    kernel.Matrix[float64]
		y    []float64
		want error
	}{
		{ReducedConfig{N: 0.9, Eta: 1}, x, y, ErrArgument},
		{ReducedConfig{N: math.Inf(1), Eta: 1}, x, y, ErrArgument},
		{ReducedConfig{N: 4}, x, y, ErrArgument},
		{ReducedConfig{N: 4, Eta: nan}, x, y, ErrArgument},
		{ReducedConfig{N: 4, Eta: 1, Decay: -1}, x, y, ErrArgument},
		{ReducedConfig{N: 4, Eta: 1, BatchSize: -1}, x, y, ErrArgument},
		{ReducedConfig{N: 4, Eta: 1, BatchSize: 3}, x, y, ErrArgument},
		{ReducedConfig{N: 4, Eta: 1, BatchSize: 1, Batches: [][]int{{0}}}, x, y, ErrArgument},
		{ReducedConfig{N: 4, Eta: 1, Batches: [][]int{{0}, {}}}, x, y, ErrEmpty},
		{ReducedConfig{N: 4, Eta: 1, Batches: [][]int{{2}}}, x, y, ErrArgument},
		{ReducedConfig{N: 4, Eta: 1}, kernel.Matrix[float64]{}, nil, ErrEmpty},
		{ReducedConfig{N: 4, Eta: 1}, x, y[:1], ErrShape},
		{ReducedConfig{N: 4, Eta: 1}, x, []float64{1, nan}, ErrNonFinite},
	} {
		if _, err := NewReducedLinear(c.cfg, c.x, c.y); !errors.Is(err, c.want) {
			t.Errorf("case %d: error %v, want %v", i, err, c.want)
		}
	}
	r, err := NewReducedLinear(ReducedConfig{N: 4, Eta: 1}, x, y)
	if err != nil {
		t.Fatal(err)
	}
	id := kernel.MatrixOf(2, 2, []float64{1, 0, 0, 1})
	for i, c := range []struct {
		a    float64
		q    []float64
		m    kernel.Matrix[float64]
		want error
	}{
		{1, []float64{1}, id, ErrShape},
		{1, []float64{1, 0}, kernel.MatrixOf(1, 1, []float64{1}), ErrShape},
		{1, []float64{1, 0}, kernel.MatrixOf(2, 2, []float64{1, 0.1, 0, 1}), ErrArgument},
		{-1, []float64{1, 0}, id, ErrArgument},
		{1, []float64{2, 0}, id, ErrArgument},
		{nan, []float64{1, 0}, id, ErrNonFinite},
		{1, []float64{1, nan}, id, ErrNonFinite},
	} {
		if _, err := r.State(c.a, c.q, c.m); !errors.Is(err, c.want) {
			t.Errorf("state %d: error %v, want %v", i, err, c.want)
		}
	}
}

// At shares the data and nothing that a step writes to.
func TestReducedAt(t *testing.T) {
	x, y := randomData[float64](rand.New(rand.NewPCG(33, 34)), 9, 4)
	r, err := NewReducedLinear(ReducedConfig{N: 10, Eta: 1, Decay: 0.1, BatchSize: 2, BatchSeed: 5}, x, y)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.At(1e7, 0.3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewReducedLinear(ReducedConfig{N: 1e7, Eta: 0.3, Decay: 0.1, BatchSize: 2, BatchSeed: 5}, x, y)
	if err != nil {
		t.Fatal(err)
	}
	if &a.data.gram.r.Data[0] != &r.data.gram.r.Data[0] {
		t.Error("the data are copied")
	}
	if &a.data.gram.res[0] == &r.data.gram.res[0] || &a.data.vec[0][0] == &r.data.vec[0][0] || &a.data.vec[1][0] == &r.data.vec[1][0] || &a.zeta[0] == &r.zeta[0] || a.draw == r.draw {
		t.Error("scratch memory is shared")
	}
	s := a.Sample(1, 1)
	ga, gb := make([]float64, a.Dim()), make([]float64, a.Dim())
	for k := range 5 {
		a.Next(ga, s, k)
		b.Next(gb, s, k)
		if !slices.Equal(ga, gb) {
			t.Fatalf("step %d of the model from At differs from a new one", k)
		}
		copy(s, ga)
	}
	if _, err := r.At(0, 1); !errors.Is(err, ErrArgument) {
		t.Errorf("width 0: %v", err)
	}
	if _, err := r.At(1, -1); !errors.Is(err, ErrArgument) {
		t.Errorf("rate -1: %v", err)
	}
}

// A run with mini-batches that is saved and resumed gives the same bits.
func TestReducedResumes(t *testing.T) {
	ctx := context.Background()
	x, y := randomData[float32](rand.New(rand.NewPCG(35, 36)), 9, 3)
	r, err := NewReducedLinear(ReducedConfig{N: 1e5, Eta: 0.4, BatchSize: 2, BatchSeed: 1}, x, y)
	if err != nil {
		t.Fatal(err)
	}
	run := func(steps int) *flow.Run[float32] {
		run, err := flow.New(r.Integrator(), r.Sample(2, 2), flow.Options[float32]{MaxSteps: steps})
		if err != nil {
			t.Fatal(err)
		}
		for run.Next(ctx) {
		}
		return run
	}
	want := slices.Clone(run(40).Step().X)
	saved, err := run(17).Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	rest, err := flow.Resume(r.Integrator(), saved, flow.Options[float32]{MaxSteps: 40})
	if err != nil {
		t.Fatal(err)
	}
	for rest.Next(ctx) {
	}
	if s := rest.Step(); s.K != 40 || !slices.Equal(s.X, want) {
		t.Errorf("resumed run ends at step %d with %v, want %v", s.K, s.X, want)
	}
}

func TestReducedDoesNotAllocate(t *testing.T) {
	x, y := randomData[float64](rand.New(rand.NewPCG(29, 30)), 32, 8)
	for _, cfg := range []ReducedConfig{{N: 1e6, Eta: 1}, {N: 1e6, Eta: 1, Decay: 0.1, BatchSize: 8}} {
		r, err := NewReducedLinear(cfg, x, y)
		if err != nil {
			t.Fatal(err)
		}
		a := r.Sample(1, 1)
		b := make([]float64, r.Dim())
		r.Next(b, a, 0)
		if n := testing.AllocsPerRun(20, func() { r.Next(b, a, 1); r.Loss(b); r.GradNorm2(b) }); n != 0 {
			t.Errorf("%+v: %v allocations a step", cfg, n)
		}
	}
}

func benchReduced[T flow.Float](b *testing.B) {
	x, y := randomData[T](rand.New(rand.NewPCG(31, 32)), 32, 8)
	cfg := ReducedConfig{N: 1e6, Eta: 0.1}
	r, err := NewReducedLinear(cfg, x, y)
	if err != nil {
		b.Fatal(err)
	}
	s := r.Sample(1, 1)
	next := make([]T, r.Dim())
	b.ReportAllocs()
	k := 0
	for b.Loop() {
		r.Next(next, s, k)
		s, next = next, s
		k++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

func BenchmarkReducedLinear64(b *testing.B) { benchReduced[float64](b) }
func BenchmarkReducedLinear32(b *testing.B) { benchReduced[float32](b) }
