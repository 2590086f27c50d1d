package infogeo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

type berkeleyModel struct {
	Dim             int
	Theta, Fitted   []float64
	Psi, KL, G2, X2 float64
	DF              int
	KLAtZero        float64   `json:"kl_at_theta0"`
	Min             float64   `json:"fisher_lambda_min"`
	Max             float64   `json:"fisher_lambda_max"`
	Kappa           float64   `json:"fisher_kappa"`
	Iterations      int       `json:"newton_damped_iterations"`
	History         []float64 `json:"damped_newton_kl_history"`
	generators      [][]int
}

type berkeley struct {
	Counts     []float64
	N          float64
	Models     map[string]*berkeleyModel
	IPF        []float64 `json:"ipf_kl_by_sweep_[DG][DA][GA]"`
	Pythagoras struct {
		QIndep    float64 `json:"kl_q_indep"`
		QStar     float64 `json:"kl_q_star"`
		StarIndep float64 `json:"kl_star_indep"`
	}
	table *Table
	q     []float64
}

// admissions is the reference for the Berkeley data; factors 0, 1, 2 are department,
// gender, outcome.
func admissions(t testing.TB) *berkeley {
	var b berkeley
	readReference(t, "ucb_admissions.json", &b)
	b.Models["[D][G][A]"].generators = [][]int{{0}, {1}, {2}}
	b.Models["[DG][DA]"].generators = [][]int{{0, 1}, {0, 2}}
	b.Models["[DG][DA][GA]"].generators = [][]int{{0, 1}, {0, 2}, {1, 2}}
	var err error
	if b.table, err = NewTable(6, 2, 2); err != nil {
		t.Fatal(err)
	}
	b.q = append([]float64(nil), b.Counts...)
	kernel.Scal(1/b.N, b.q)
	return &b
}

func TestBerkeleyReference(t *testing.T) {
	const tol = 1e-10
	b := admissions(t)
	for name, m := range b.Models {
		t.Run(name, func(t *testing.T) {
			f, err := b.table.Hierarchical(m.generators)
			if err != nil {
				t.Fatal(err)
			}
			if f.Dim() != m.Dim || b.table.Cells()-1-f.Dim() != m.DF {
				t.Fatalf("dimension %d, want %d", f.Dim(), m.Dim)
			}
			eta, p := make([]float64, m.Dim), make([]float64, 24)
			f.Moments(eta, b.q)
			f.Probabilities(p, make([]float64, m.Dim))
			relClose(t, "KL at 0", KL(b.q, p), m.KLAtZero, tol)
			below := -1
			res, err := Fit(context.Background(), f, eta, FitOptions{Tol: 1e-14, Observe: func(s FitStep) {
				f.Probabilities(p, s.Theta)
				if below < 0 && KL(b.q, p)-m.KL < 3e-11 {
					below = s.K
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if most := m.Iterations; below < 0 || below > most {
				t.Errorf("%d steps to an excess of 3e-11, want at most the %d of the reference", below, most)
			}
			t.Logf("%d steps to an excess of 3e-11, %d in all", below, res.K)
			vecClose(t, "theta", res.Theta, m.Theta, tol)
			relClose(t, "psi", f.LogPartition(res.Theta), m.Psi, tol)
			f.Probabilities(p, res.Theta)
			vecClose(t, "fitted", p, m.Fitted, tol)
			relClose(t, "KL", KL(b.q, p), m.KL, tol)
			relClose(t, "G2", 2*b.N*KL(b.q, p), m.G2, tol)
			var x2 float64
			for i, v := range p {
				x2 += b.N * (b.q[i] - v) * (b.q[i] - v) / v
			}
			relClose(t, "X2", x2, m.X2, tol)
			var g mat.SymDense
			var e mat.EigenSym
			f.FisherDense(&g, res.Theta)
			if !e.Factorize(&g, false) {
				t.Fatal("no eigenvalues")
			}
			v := e.Values(nil)
			relClose(t, "lambda_min", v[0], m.Min, tol)
			relClose(t, "lambda_max", v[len(v)-1], m.Max, tol)
			relClose(t, "kappa", v[len(v)-1]/v[0], m.Kappa, tol)
			// IPF is another way to the same point.
			ipf, err := IPF(context.Background(), b.table, b.Counts, m.generators, IPFOptions{Tol: 1e-14})
			if err != nil {
				t.Fatal(err)
			}
			vecClose(t, "IPF", ipf.P, m.Fitted, tol)
			if decomposable := name != "[DG][DA][GA]"; decomposable && ipf.Sweeps != 1 {
				t.Errorf("IPF takes %d sweeps for a decomposable model, want 1", ipf.Sweeps)
			}
		})
	}
}

func TestBerkeleyIPF(t *testing.T) {
	b := admissions(t)
	m := b.Models["[DG][DA][GA]"]
	var excess []float64
	_, err := IPF(context.Background(), b.table, b.Counts, m.generators, IPFOptions{MaxSweeps: len(b.IPF), Observe: func(sweep int, p []float64) {
		kl := KL(b.q, p)
		relClose(t, fmt.Sprint("KL after sweep ", sweep), kl, b.IPF[sweep-1], 1e-10)
		excess = append(excess, kl-m.KL)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(excess) != len(b.IPF) || excess[9] > 1e-11 {
		t.Errorf("excess %v, want it below 1e-11 after 10 sweeps", excess)
	}
	for i := 3; i < 8; i++ {
		if r := excess[i] / excess[i-1]; math.Abs(r-0.14) > 0.01 {
			t.Errorf("sweep %d contracts the excess by %v, want 0.14", i+1, r)
		}
	}
}

func TestBerkeleyPythagoras(t *testing.T) {
	b := admissions(t)
	res := map[string][]float64{}
	for name, m := range b.Models {
		r, err := IPF(context.Background(), b.table, b.Counts, m.generators, IPFOptions{Tol: 1e-15})
		if err != nil && !errors.Is(err, ErrNoConvergence) {
			t.Fatal(err)
		}
		res[name] = r.P
	}
	star, indep := res["[DG][DA][GA]"], res["[D][G][A]"]
	a, c, d := KL(b.q, indep), KL(b.q, star), KL(star, indep)
	relClose(t, "KL(q||indep)", a, b.Pythagoras.QIndep, 1e-10)
	relClose(t, "KL(q||star)", c, b.Pythagoras.QStar, 1e-10)
	relClose(t, "KL(star||indep)", d, b.Pythagoras.StarIndep, 1e-10)
	// The margins are right to rounding, u = 2^-53, and log(star/indep) is a combination
	// of 18 statistics with coefficients up to 3.
	if math.Abs(a-c-d) > 18*3*0x1p-53 {
		t.Errorf("Pythagoras fails by %g", a-c-d)
	}
}

// randomDesign is an m x d design and a base measure.
func randomDesign(t testing.TB, r *rand.Rand, m, d int) *LogLinear {
	t.Helper()
	a, h := kernel.NewMatrix[float64](m, d), make([]float64, m)
	for i := range a.Data {
		a.Data[i] = r.NormFloat64()
	}
	for i := range h {
		h[i] = r.NormFloat64()
	}
	l, err := NewLogLinear(a, h)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The pass over blocks of rows agrees with the definition, whatever the blocks.
func TestLogLinearMean(t *testing.T) {
	for id, shape := range [][2]int{{2, 1}, {5, 3}, {1000, 4}, {5000, 40}, {3000, 300}} {
		r := rand.New(philox.NewSource(31, id))
		l := randomDesign(t, r, shape[0], shape[1])
		theta := make([]float64, shape[1])
		for i := range theta {
			theta[i] = 30 * r.NormFloat64() / float64(shape[1])
		}
		z := make([]float64, shape[0])
		for i := range z {
			z[i] = l.logBase[i] + kernel.Dot(l.a.Row(i), theta)
		}
		psi := SoftmaxLogits(z, z)
		eta := make([]float64, shape[1])
		kernel.GemvT(eta, 1, l.a, z, 0)
		got := make([]float64, shape[1])
		l.Mean(got, theta)
		vecClose(t, "eta", got, eta, 1e-12)
		p := make([]float64, shape[0])
		l.Probabilities(p, theta)
		vecClose(t, "p", p, z, 1e-12)
		relClose(t, "psi", l.LogPartition(theta), psi, 1e-13)

		a32, theta32, h32 := kernel.NewMatrix[float32](shape[0], shape[1]), make([]float32, shape[1]), make([]float32, shape[0])
		for i, v := range l.a.Data {
			a32.Data[i] = float32(v)
		}
		for i, v := range theta {
			theta32[i] = float32(v)
		}
		for i, v := range l.logBase {
			h32[i] = float32(v)
		}
		eta32, p32 := make([]float32, shape[1]), make([]float32, shape[0])
		psi32 := LogLinearMean(eta32, p32, a32, h32, theta32)
		relClose(t, "psi in float32", psi32, psi, 1e-5)
		for i := range eta {
			if math.Abs(float64(eta32[i])-eta[i]) > 2e-4 {
				t.Errorf("%v: eta[%d] in float32 = %v, want %v", shape, i, eta32[i], eta[i])
			}
		}
	}
}

func TestLogLinearDegenerate(t *testing.T) {
	ctx := context.Background()
	rows := func(d int, v ...float64) *LogLinear {
		l, err := NewLogLinear(kernel.MatrixOf(len(v)/d, d, v), nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	// Redundant columns: singular without damping, and with it the fit is fine.
	redundant := rows(3, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 2)
	target := []float64{0.5, 0.3, 0.8}
	_, err := Fit(ctx, redundant, target, FitOptions{})
	if !errors.Is(err, ErrSingularFisher) || fmt.Sprint(err) != "infogeo: Fisher matrix of order 3 has rank 2, want full rank or damping > 0: "+ErrSingularFisher.Error() {
		t.Errorf("redundant columns: %v, want ErrSingularFisher with rank 2", err)
	}
	if res, err := Fit(ctx, redundant, target, FitOptions{Damping: 1e-6}); err != nil {
		t.Errorf("redundant columns with damping: %+v, %v", res, err)
	} else {
		vecClose(t, "mean", res.Eta, target, 1e-9)
	}
	constant := rows(2, 0, 1, 1, 1, 2, 1)
	if _, err := Fit(ctx, constant, []float64{0.7, 1}, FitOptions{}); !errors.Is(err, ErrSingularFisher) {
		t.Errorf("constant statistic: %v, want ErrSingularFisher", err)
	}
	if _, err := Fit(ctx, constant, []float64{0.7, 2}, FitOptions{}); !errors.Is(err, ErrOutsideMeanDomain) {
		t.Errorf("constant statistic of another mean: %v, want ErrOutsideMeanDomain", err)
	}
	// An empty margin shows in a coordinate; the corner cell of a 2x2 table with an
	// empty diagonal does not.
	table, err := NewTable(2, 2)
	if err != nil {
		t.Fatal(err)
	}
	f, err := table.Hierarchical([][]int{{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, counts := range [][]float64{{3, 0, 5, 0}, {0, 3, 5, 7}, {0, 3, 5, 0}, {4, 0, 1, 2}, {0, 0, 1, 1}} {
		q, eta := append([]float64(nil), counts...), make([]float64, 3)
		kernel.Scal(1/kernel.Sum(q), q)
		f.Moments(eta, q)
		_, err := Fit(ctx, f, eta, FitOptions{})
		var none *NoFiniteMLEError
		if !errors.As(err, &none) {
			t.Errorf("counts %v: %v, want a *NoFiniteMLEError", counts, err)
			continue
		}
		// The direction is right: the data are extreme in it, and not all states are.
		lo, hi := f.supportRange(none.Direction)
		for i := range counts {
			if v := kernel.Dot(f.a.Row(i), none.Direction); counts[i] > 0 && v < hi-1e-9*(hi-lo) || !(hi > lo) {
				t.Errorf("counts %v: direction %v is %v at state %d, want %v", counts, none.Direction, v, i, hi)
			}
		}
	}
	// Close to the boundary is not on it.
	eps := 1e-7
	q, eta := []float64{eps, 0.5 - eps, 0.5 - eps, eps}, make([]float64, 3)
	f.Moments(eta, q)
	res, err := Fit(ctx, f, eta, FitOptions{Tol: 1e-15})
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float64, 4)
	f.Probabilities(p, res.Theta)
	relClose(t, "a rare cell", p[0], eps, 1e-7)
}

func TestLogLinearArguments(t *testing.T) {
	a := kernel.MatrixOf(2, 1, []float64{0, math.NaN()})
	if _, err := NewLogLinear(a, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("NaN in the design: %v", err)
	}
	a.Data[1] = 1
	for _, h := range [][]float64{{1}, {1, math.Inf(-1)}} {
		if _, err := NewLogLinear(a, h); !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrShape) {
			t.Errorf("base %v: %v", h, err)
		}
	}
	if _, err := NewLogLinear(kernel.NewMatrix[float64](1, 1), nil); !errors.Is(err, ErrShape) {
		t.Errorf("one state: %v", err)
	}
	for _, levels := range [][]int{nil, {1}, {2, 0}, {1 << 14, 1 << 14}} {
		if _, err := NewTable(levels...); !errors.Is(err, ErrInvalid) {
			t.Errorf("levels %v: %v, want ErrInvalid", levels, err)
		}
	}
	table, _ := NewTable(2, 3)
	ctx := context.Background()
	for _, g := range [][][]int{nil, {{}}, {{2}}, {{-1}}, {{0, 0}}} {
		if _, err := table.Hierarchical(g); !errors.Is(err, ErrInvalid) {
			t.Errorf("generators %v: %v, want ErrInvalid", g, err)
		}
		if _, err := IPF(ctx, table, make([]float64, 6), g, IPFOptions{}); !errors.Is(err, ErrInvalid) {
			t.Errorf("IPF with generators %v: %v, want ErrInvalid", g, err)
		}
	}
	g := [][]int{{0}}
	for _, c := range []struct {
		q    []float64
		o    IPFOptions
		want error
	}{
		{make([]float64, 5), IPFOptions{}, ErrShape},
		{make([]float64, 6), IPFOptions{}, ErrInvalid},
		{[]float64{1, 1, 1, 1, 1, -1}, IPFOptions{}, ErrInvalid},
		{[]float64{1, 1, 1, 1, 1, math.NaN()}, IPFOptions{}, ErrInvalid},
		{[]float64{1, 1, 1, 1, 1, 1}, IPFOptions{Start: []float64{1}}, ErrShape},
		{[]float64{1, 1, 1, 1, 1, 1}, IPFOptions{Start: []float64{1, 1, 1, 1, 1, 1}}, ErrInvalid},
		{[]float64{1, 1, 1, 1, 1, 1}, IPFOptions{MaxSweeps: -1}, ErrInvalid},
	} {
		if _, err := IPF(ctx, table, c.q, g, c.o); !errors.Is(err, c.want) {
			t.Errorf("IPF of %v, %+v: %v, want %v", c.q, c.o, err, c.want)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if r, err := IPF(cancelled, table, []float64{1, 2, 3, 4, 5, 6}, [][]int{{0}, {1}}, IPFOptions{}); !errors.Is(err, context.Canceled) || r == nil || r.Status != flow.Cancelled {
		t.Errorf("cancelled: %+v, %v", r, err)
	}
}

// Whether a sparse table has an estimate: proportional fitting, which always converges,
// leaves cells at zero if it has none. From far starts the fit comes back.
func TestLogLinearExistence(t *testing.T) {
	ctx := context.Background()
	table, err := NewTable(3, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	generators := [][]int{{0, 1}, {0, 2}, {1, 2}}
	f, err := table.Hierarchical(generators)
	if err != nil {
		t.Fatal(err)
	}
	eta, found := make([]float64, f.Dim()), map[bool]int{}
	for id := range 300 {
		r := rand.New(philox.NewSource(32, id))
		q := make([]float64, 18)
		for i := range q {
			if r.Float64() < 0.75 {
				q[i] = float64(1 + r.IntN(9))
			}
		}
		kernel.Scal(1/kernel.Sum(q), q)
		f.Moments(eta, q)
		_, err := Fit(ctx, f, eta, FitOptions{})
		ipf, _ := IPF(ctx, table, q, generators, IPFOptions{Tol: 1e-13, MaxSweeps: 20000})
		low, _ := minMax(ipf.P)
		exists := low > 1e-6
		found[exists]++
		if exists && err != nil || !exists && !errors.Is(err, ErrNoFiniteMLE) {
			t.Errorf("table %d, least fitted cell %g: %v", id, low, err)
		}
	}
	if found[true] < 50 || found[false] < 50 {
		t.Errorf("tables with and without an estimate: %v, want many of both", found)
	}
	for id := range 50 {
		r := rand.New(philox.NewSource(33, id))
		l := randomDesign(t, r, 30, 5)
		theta, start, eta := make([]float64, 5), make([]float64, 5), make([]float64, 5)
		for i := range theta {
			theta[i], start[i] = r.NormFloat64(), math.Pow(10, 3*r.Float64())*r.NormFloat64()
		}
		l.Mean(eta, theta)
		res, err := Fit(ctx, l, eta, FitOptions{Start: start})
		if err != nil {
			t.Errorf("from %v: %v", start, err)
			continue
		}
		vecClose(t, "theta from far", res.Theta, theta, 1e-7)
	}
}

// Gradient descent with the safe step goes down from any start to any target; the bound for
// many states is no greater.
func TestLogLinearSafeStep(t *testing.T) {
	for id := range 100 {
		r := rand.New(philox.NewSource(34, id))
		l := randomDesign(t, r, 2+r.IntN(20), 1+r.IntN(4))
		d := l.Dim()
		alpha := l.SafeStep()
		theta, eta, q := make([]float64, d), make([]float64, d), randomPoint(r, l.States(), 2)
		for i := range theta {
			theta[i] = 10 * r.NormFloat64()
		}
		l.Moments(eta, q)
		last, p, g := math.Inf(1), make([]float64, l.States()), make([]float64, d)
		for k := range 100 {
			l.Probabilities(p, theta)
			if kl := KL(q, p); kl > last*(1+1e-12)+1e-28 { // below that it is rounding
				t.Fatalf("case %d: step %d raises the loss from %v to %v", id, k, last, kl)
			} else {
				last = kl
			}
			l.Mean(g, theta)
			kernel.SubTo(g, g, eta)
			kernel.Axpy(-alpha, g, theta)
		}
		// G is at most D²/4 = 2/α.
		var e mat.EigenSym
		var f mat.SymDense
		l.FisherDense(&f, theta)
		if !e.Factorize(&f, false) {
			t.Fatal("no eigenvalues")
		}
		if top := e.Values(nil)[d-1]; top > 2/alpha*(1+1e-12) {
			t.Errorf("case %d: eigenvalue %v, bound %v", id, top, 2/alpha)
		}
	}
	// Two states apart by D attain it: G = D²/4 at p = (1/2, 1/2).
	l, err := NewLogLinear(kernel.MatrixOf(2, 1, []float64{0, 3}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := l.SafeStep(); s != 8./9 {
		t.Errorf("safe step %v, want 8/9", s)
	}
	many := kernel.NewMatrix[float64](5000, 1)
	for i := range many.Data {
		many.Data[i] = float64(i % 2)
	}
	if l, err = NewLogLinear(many, nil); err != nil {
		t.Fatal(err)
	}
	if s := l.SafeStep(); math.Abs(s-8) > 1e-9 {
		t.Errorf("safe step %v, want 8", s)
	}
}
