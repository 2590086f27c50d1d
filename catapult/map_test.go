package catapult

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// readJSON decodes a file of testdata.
func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// relDiff is |a-b| in units of max(1, |b|).
func relDiff(a, b float64) float64 { return math.Abs(a-b) / max(1, math.Abs(b)) }

// admissibleStart returns a random start with κ0 in (lo, hi), s0 at times uniform in
// the admissible set and at times small on a logarithmic scale.
func admissibleStart(r *rand.Rand, lo, hi float64) MapPoint {
	k := lo + (hi-lo)*r.Float64()
	s := k * k / 4 * r.Float64()
	if r.IntN(2) == 0 {
		s *= math.Pow(10, -12*r.Float64())
	}
	return MapPoint{k, s}
}

func TestMapReference(t *testing.T) {
	var ref struct {
		Rows []struct {
			Kappa0   float64  `json:"kappa0"`
			S0       float64  `json:"s0"`
			Phase    string   `json:"phase"`
			KappaInf *float64 `json:"kappa_inf"`
			SMax     float64  `json:"s_max"`
			TPeak    int      `json:"t_peak"`
			SumS     float64  `json:"sum_s"`
		} `json:"rows"`
	}
	readJSON(t, "universal_map.json", &ref)
	if len(ref.Rows) != 64 {
		t.Fatalf("%d rows, want 64", len(ref.Rows))
	}
	phases := map[string]Phase{"lazy": Lazy, "catapult": Catapult, "divergent": Divergent}
	worst := 0.0
	for _, row := range ref.Rows {
		r, err := MapTrajectory(row.Kappa0, row.S0, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		if r.Phase != phases[row.Phase] {
			t.Errorf("(%v, %v): phase %v, want %v", row.Kappa0, row.S0, r.Phase, row.Phase)
		}
		if row.KappaInf == nil {
			if !math.IsInf(r.KappaInf, 1) || r.TPeak != -1 {
				t.Errorf("(%v, %v): κ_∞ %v, t_peak %v of a divergent start", row.Kappa0, row.S0, r.KappaInf, r.TPeak)
			}
			continue
		}
		for _, d := range []float64{relDiff(r.KappaInf, *row.KappaInf), relDiff(r.SMax, row.SMax), relDiff(r.SumS, row.SumS)} {
			worst = max(worst, d)
			if d > 1e-10 {
				t.Errorf("(%v, %v): %+v differs from %+v by %g", row.Kappa0, row.S0, r, row, d)
			}
		}
		if r.TPeak != row.TPeak {
			t.Errorf("(%v, %v): t_peak %d, want %d", row.Kappa0, row.S0, r.TPeak, row.TPeak)
		}
	}
	t.Logf("worst difference %.2g", worst)
}

// A run must give what iterating Next and looking at every state gives.
func TestMapTrajectoriesAgainstOrbit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	starts := make([]MapPoint, 501)
	for i := range starts {
		starts[i] = admissibleStart(r, 0.3, 3.9)
	}
	starts[7] = MapPoint{3, 9}
	starts[8] = MapPoint{3, 0}
	starts[9] = MapPoint{math.NaN(), 0.1}
	starts[10] = MapPoint{1, -1}
	got := make([]MapResult, len(starts))
	MapTrajectories(got, starts, 1<<20)
	orbit := make([]MapPoint, 20000)
	for i, p := range starts {
		one := make([]MapResult, 1)
		if MapTrajectories(one, starts[i:i+1], 1<<20); one[0] != got[i] && !math.IsNaN(got[i].KappaInf) {
			t.Fatalf("start %d depends on its neighbours: %+v and %+v", i, one[0], got[i])
		}
		switch i {
		case 7, 9, 10:
			if got[i].Phase != Undecided || !math.IsNaN(got[i].KappaInf) {
				t.Errorf("inadmissible start %v: %+v", p, got[i])
			}
			continue
		case 8:
			if got[i].Phase != Stationary || got[i].KappaInf != 3 || got[i].SumS != 0 {
				t.Errorf("stationary start: %+v", got[i])
			}
			continue
		}
		MapOrbit(orbit, p)
		sum, smax, peak := 0.0, -1.0, 0
		for k, q := range orbit {
			sum += q.S
			if q.S > smax {
				smax, peak = q.S, k
			}
		}
		last := orbit[len(orbit)-1]
		if last.S > 1e-20 {
			t.Fatalf("start %v needs a longer orbit", p)
		}
		if got[i].TPeak != peak || got[i].SMax != smax || relDiff(got[i].SumS, sum) > 1e-12 || math.Abs(got[i].KappaInf-last.Kappa) > 1e-12 {
			t.Errorf("start %v: %+v, orbit has κ %v, s_max %v at %d, sum %v", p, got[i], last.Kappa, smax, peak, sum)
		}
	}
}

func TestMapFormsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		p := admissibleStart(r, 0, 6)
		g := SignedPoint{p.Kappa, math.Copysign(math.Sqrt(p.S), r.Float64()-0.5)}
		a, b, c := p.Next(), g.Next(), g.Diagonal().Next().Signed()
		for _, d := range []float64{relDiff(b.Point().Kappa, a.Kappa), relDiff(b.Point().S, a.S), relDiff(c.Kappa, a.Kappa), relDiff(c.G, b.G)} {
			if d > 2e-15*(1+p.S+p.Kappa)*4 {
				t.Fatalf("from %v: %v, %v, %v differ by %g", p, a, b, c, d)
			}
		}
		if d := math.Abs(a.J() - (1-p.S)*(1-p.S)*p.J()); d > 1e-14*(1+a.Kappa*a.Kappa) {
			t.Fatalf("J' - (1-s)²J = %g from %v", d, p)
		}
	}
}

// From a tiny start the series is summed, not run.
func TestMapTinyStart(t *testing.T) {
	for _, s0 := range []float64{1e-25, 1e-200} {
		r, err := MapTrajectory(0.5, s0, 1000)
		if err != nil || math.Abs(r.SumS/(s0/0.75)-1) > 1e-14 || r.KappaInf != 0.5 {
			t.Errorf("s0 = %v: %+v, want Σs = %v, %v", s0, r, s0/0.75, err)
		}
	}
}

// A run that is cut short bounds the error of its limit.
func TestMapCutShort(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	cut := 0
	for range 3000 {
		p := admissibleStart(r, 0, 3.9)
		long, err := MapTrajectory(p.Kappa, p.S, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		short, err := MapTrajectory(p.Kappa, p.S, 32)
		if err != nil {
			t.Fatal(err)
		}
		if short.Phase == Undecided {
			continue
		}
		if short.KappaErr > 0 {
			cut++
		}
		if d := short.KappaInf - long.KappaInf; d < -1e-14 || d > short.KappaErr+long.KappaErr+1e-14 {
			t.Errorf("%v: κ_∞ = %v ± %v after %d steps, limit %v", p, short.KappaInf, short.KappaErr, short.Steps, long.KappaInf)
		}
	}
	if cut < 100 {
		t.Errorf("only %d runs were cut", cut)
	}
}

// At κ0 = 4 the orbit is known in closed form; errors triple at each step.
func TestCriticalOrbit(t *testing.T) {
	for _, theta := range []float64{0.3, 1, 2.2} {
		p := SignedPoint{4, 2 * math.Cos(theta)}
		err := 0x1p-52
		for k := range 26 {
			if want := CriticalOrbit(theta, k); p.Kappa != 4 || math.Abs(p.G-want) > 10*err {
				t.Fatalf("ϑ = %v, step %d: (κ, g) = %v, want (4, %v) within %g", theta, k, p, want, 10*err)
			}
			p = p.Next()
			err *= 3
		}
	}
	if g := CriticalOrbit(math.Pi/2, 5); math.Abs(g) > 1e-12 {
		t.Errorf("g_5 from ϑ = π/2 is %v, want 0", g)
	}
}

// κ0 = 2 + ε: s_max ≈ ε²/2, κ_∞ ≈ 2 - ε.
func TestWeakCatapult(t *testing.T) {
	for kappa0, want := range map[float64]float64{2.05: 1.948, 2.1: 1.893, 2.2: 1.770, 2.5: 1.282} {
		r, err := MapTrajectory(kappa0, 1e-8, 1_000_000)
		if err != nil || math.Abs(r.KappaInf-want) > 6e-4 {
			t.Errorf("κ0 = %v: κ_∞ = %v, want %v (%v)", kappa0, r.KappaInf, want, err)
		}
		if eps := kappa0 - 2; eps <= 0.1 && math.Abs(r.SMax/(eps*eps/2)-1) > eps+0.05 {
			t.Errorf("κ0 = %v: s_max = %v, want about %v", kappa0, r.SMax, eps*eps/2)
		}
	}
}

func TestMapBadInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		kappa, s float64
		steps    int
	}{{nan, 1, 1}, {inf, 1, 1}, {-1, 0, 1}, {1, nan, 1}, {1, -1, 1}, {1, inf, 1}, {1, 0.26, 1}, {1, 0.1, 0}} {
		if _, err := MapTrajectory(c.kappa, c.s, c.steps); !errors.Is(err, ErrArgument) {
			t.Errorf("%+v: error %v, want ErrArgument", c, err)
		}
	}
	if _, err := MapTrajectory(3, 9.0/4, 1000); err != nil {
		t.Errorf("the border κ² = 4s is admissible: %v", err)
	}
	if r, err := MapTrajectory(4, 0.1, 1000); err != nil || r.Phase != Undecided {
		t.Errorf("κ0 = 4: %+v, %v", r, err)
	}
	if r, err := MapTrajectory(3, 1, 1000); err != nil || r.Phase != Catapult || r.KappaInf != 0 || r.SumS != 2 {
		t.Errorf("a start that reaches κ = s = 0: %+v, %v", r, err)
	}
	if r, err := MapTrajectory(5, 4, 1000); err != nil || r.Phase != Stationary || r.KappaInf != 9 {
		t.Errorf("a start that hits f = 0 exactly: %+v, %v", r, err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("lengths that differ must panic")
			}
		}()
		MapTrajectories(make([]MapResult, 1), nil, 1)
	}()
}

func BenchmarkMapTrajectories(b *testing.B) {
	const n = 400
	starts := make([]MapPoint, 0, n*n)
	for i := range n {
		for j := range n {
			k := 0.1 + 4.4*float64(j)/(n-1)
			starts = append(starts, MapPoint{k, min(math.Pow(10, -10+10*float64(i)/(n-1)), k*k/4)})
		}
	}
	dst := make([]MapResult, len(starts))
	b.ReportAllocs()
	for b.Loop() {
		MapTrajectories(dst, starts, 300)
	}
	updates := 0
	for _, r := range dst {
		updates += r.Steps
	}
	b.ReportMetric(float64(updates)*float64(b.N)/b.Elapsed().Seconds(), "updates/s")
	b.ReportMetric(float64(300*len(starts))*float64(b.N)/b.Elapsed().Seconds(), "grid-updates/s")
	if !slices.ContainsFunc(dst, func(r MapResult) bool { return r.Phase == Catapult }) {
		b.Fatal("no catapult in the grid")
	}
}
