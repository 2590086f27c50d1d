package infogeo

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

type gaussianFlowReference struct {
	M0     []float64   `json:"mean0"`
	C0     [][]float64 `json:"cov0"`
	MS     []float64   `json:"mean_star"`
	CS     [][]float64 `json:"cov_star"`
	KLpq   float64     `json:"kl_p0_q"`
	KLqp   float64     `json:"kl_q_p0"`
	Points []struct {
		Flow string
		T    float64
		Mean []float64
		Cov  [][]float64
		KLpq float64 `json:"kl_p_q"`
		KLqp float64 `json:"kl_q_p"`
	}
	W2     float64   `json:"bures_wasserstein2_distance"`
	WKL    float64   `json:"wkl_p0_q"`
	WKLrev float64   `json:"wkl_q_p0"`
	Equal  float64   `json:"wkl_equal_cov"`
	Half   float64   `json:"half_sq_dist"`
	Eigs   []float64 `json:"precision_star_eigs"`
}

func gaussianFlow(t testing.TB, target *Gaussian, m GaussianMetric, l Loss) *GaussianFlow {
	t.Helper()
	f, err := NewGaussianFlow(target, m, l)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestGaussianFlowReference(t *testing.T) {
	var ref gaussianFlowReference
	readReference(t, "gaussian_flows.json", &ref)
	p0, q := gaussian(t, ref.M0, dense(ref.C0)), gaussian(t, ref.MS, dense(ref.CS))
	near := func(name string, got, want float64) {
		t.Helper()
		if !(math.Abs(got/want-1) <= 1e-11) {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	near("KL(p0|q)", GaussianKL(p0, q), ref.KLpq)
	near("KL(q|p0)", GaussianKL(q, p0), ref.KLqp)
	near("W2", BuresWasserstein(p0, q), ref.W2)
	near("WKL", WKL(p0, q), ref.WKL)
	near("WKL back", WKL(q, p0), ref.WKLrev)
	near("WKL of equal covariances", WKL(p0, gaussian(t, ref.MS, dense(ref.C0))), ref.Equal)
	w2 := BuresWasserstein(p0, gaussian(t, ref.MS, dense(ref.C0)))
	near("half the square of W2 of equal covariances", w2*w2/2, ref.Half)
	flows := map[string]struct {
		m GaussianMetric
		l Loss
	}{
		"fisher_rao_rev": {FisherRaoMetric, Reverse}, "fisher_rao_fwd": {FisherRaoMetric, Forward},
		"wasserstein_rev": {WassersteinMetric, Reverse}, "wasserstein": {WassersteinMetric, Reverse},
		"euclidean_rev": {EuclideanMetric, Reverse}, "euclidean": {EuclideanMetric, Reverse}, "euclidean_mean_cov_rev": {EuclideanMetric, Reverse},
	}
	for _, c := range ref.Points {
		kind, ok := flows[c.Flow]
		if !ok {
			t.Fatalf("unknown flow %q", c.Flow)
		}
		f := gaussianFlow(t, q, kind.m, kind.l)
		s, err := flow.Solve(context.Background(), f, f.State(nil, p0), flow.Options[float64]{Method: flow.DOP853, T1: c.T, RelTol: 1e-13, AbsTol: 1e-13})
		if err != nil {
			t.Fatal(err)
		}
		end, err := f.Gaussian(s.X)
		if err != nil {
			t.Fatal(err)
		}
		if e := math.Max(relVec(end.mean, c.Mean), relMat(end.Cov(nil), c.Cov)); !(e <= 2e-11) {
			t.Errorf("%s at %v: off by %.2g", c.Flow, c.T, e)
		}
		near(c.Flow+" KL(p|q)", GaussianKL(end, q), c.KLpq)
		near(c.Flow+" KL(q|p)", GaussianKL(q, end), c.KLqp)
		want := c.KLpq
		if kind.l == Forward {
			want = c.KLqp
		}
		near(c.Flow+" energy", s.Energy, want)
		if kind.m == EuclideanMetric {
			continue
		}
		x := f.State(nil, p0)
		if err := f.Exact(x, x, c.T); err != nil {
			t.Fatal(err)
		}
		if m, cov := f.split(x); !(relVec(m, c.Mean) <= 1e-13) || !(relMat(mat.NewDense(2, 2, cov.Data), c.Cov) <= 1e-13) {
			t.Errorf("%s at %v: closed form %v, want %v %v", c.Flow, c.T, x, c.Mean, c.Cov)
		}
	}
	if f := gaussianFlow(t, q, WassersteinMetric, Reverse); !(math.Abs(f.Rate()/(2*ref.Eigs[0])-1) <= 1e-14) {
		t.Errorf("Wasserstein rate %v, want 2·%v", f.Rate(), ref.Eigs[0])
	}
}

// TestGaussianFlowGradient holds the field against finite differences of the energy: in
// the metric, the inner product of the field and a tangent is minus the derivative.
func TestGaussianFlowGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	for n := range 30 {
		d := 1 + n%4
		p, q := randomGaussian(t, r, d, 0.3, 1), randomGaussian(t, r, d, 0.3, 1)
		for _, loss := range []Loss{Forward, Reverse} {
			for m := FisherRaoMetric; m <= EuclideanMetric; m++ {
				f := gaussianFlow(t, q, m, loss)
				x := f.State(nil, p)
				v := make([]float64, f.Dim())
				e, slope := f.EvalEnergy(v, x, 0)
				want := GaussianKL(p, q)
				if loss == Forward {
					want = GaussianKL(q, p)
				}
				if !(math.Abs(e/want-1) <= 1e-12) {
					t.Errorf("%d %v %v: energy %v, want %v", n, m, loss, e, want)
				}
				const h = 1e-5
				up, down := append([]float64(nil), x...), append([]float64(nil), x...)
				kernel.Axpy(h, v, up)
				kernel.Axpy(-h, v, down)
				eu, _ := f.EvalEnergy(nil, up, 0)
				ed, _ := f.EvalEnergy(nil, down, 0)
				if !(slope < 0) || !(math.Abs((eu-ed)/(2*h)/slope-1) <= 1e-5) {
					t.Errorf("%d %v %v: slope %v, by differences %v", n, m, loss, slope, (eu-ed)/(2*h))
				}
				dm, dc := f.split(v)
				l := 0.0
				switch m {
				case FisherRaoMetric:
					l = length(t, p, dm, mat.NewSymDense(d, dc.Data))
				case EuclideanMetric:
					l = kernel.Nrm2(v)
				default: // over a short time |v| is W₂ by the time
					next := gaussian(t, up[:d], mat.NewDense(d, d, up[d:]))
					last := gaussian(t, down[:d], mat.NewDense(d, d, down[d:]))
					l = BuresWasserstein(last, next) / (2 * h)
				}
				if !(math.Abs(l*l/-slope-1) <= 1e-5) {
					t.Errorf("%d %v %v: squared length of the velocity %v, slope %v", n, m, loss, l*l, slope)
				}
			}
		}
	}
}

// TestGaussianFlowRates fits nothing: late in the closed form the loss falls by the rate.
func TestGaussianFlowRates(t *testing.T) {
	q := gaussian(t, []float64{1, 2}, mat.NewDense(2, 2, []float64{2, 0.5, 0.5, 1}))
	p := gaussian(t, []float64{0, 1}, mat.NewDense(2, 2, []float64{1, -0.3, -0.3, 2}))
	for _, c := range []struct {
		m GaussianMetric
		l Loss
	}{{FisherRaoMetric, Forward}, {FisherRaoMetric, Reverse}, {WassersteinMetric, Reverse}} {
		f := gaussianFlow(t, q, c.m, c.l)
		x0 := f.State(nil, p)
		var e [2]float64
		for i, time := range []float64{12, 12.5} {
			x := make([]float64, len(x0))
			if err := f.Exact(x, x0, time); err != nil {
				t.Fatal(err)
			}
			e[i], _ = f.EvalEnergy(nil, x, 0)
		}
		if got := math.Log(e[0]/e[1]) / 0.5; !(math.Abs(got/f.Rate()-1) <= 2e-3) {
			t.Errorf("%v %v: rate %v, want %v", c.m, c.l, got, f.Rate())
		}
	}
}

// TestFisherRaoAgainstWasserstein: with the precision diag(1, .01), from N((1,1), I), the
// Fisher-Rao flow takes the loss below 1e-6 at t = 10.82, the Wasserstein flow at 426.3.
func TestFisherRaoAgainstWasserstein(t *testing.T) {
	q := gaussian(t, []float64{0, 0}, mat.NewDiagDense(2, []float64{1, 100}))
	p := gaussian(t, []float64{1, 1}, mat.NewDiagDense(2, []float64{1, 1}))
	for _, c := range []struct {
		m    GaussianMetric
		want float64
		half float64
	}{{FisherRaoMetric, 10.82, 0.005}, {WassersteinMetric, 426.3, 0.05}} {
		f := gaussianFlow(t, q, c.m, Reverse)
		x0, x := f.State(nil, p), make([]float64, f.Dim())
		loss := func(time float64) float64 {
			if err := f.Exact(x, x0, time); err != nil {
				t.Fatal(err)
			}
			e, _ := f.EvalEnergy(nil, x, 0)
			return e
		}
		lo, hi := 0.0, 1000.0
		for range 60 {
			if mid := (lo + hi) / 2; loss(mid) > 1e-6 {
				lo = mid
			} else {
				hi = mid
			}
		}
		if !(math.Abs(hi-c.want) <= c.half) {
			t.Errorf("%v flow: KL < 1e-6 at t = %.4f, want %v", c.m, hi, c.want)
		}
	}
}

func TestGaussianFlowInputs(t *testing.T) {
	q := gaussian(t, []float64{0, 0}, mat.NewDiagDense(2, []float64{1, 1}))
	if _, err := NewGaussianFlow(q, 7, Reverse); !errors.Is(err, ErrInvalid) {
		t.Errorf("metric 7: %v", err)
	}
	if _, err := NewGaussianFlow(q, WassersteinMetric, 9); !errors.Is(err, ErrInvalid) {
		t.Errorf("loss 9: %v", err)
	}
	f := gaussianFlow(t, q, EuclideanMetric, Reverse)
	x := f.State(nil, q)
	if err := f.Exact(x, x, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("closed form of the Euclidean flow: %v", err)
	}
	dst := make([]float64, f.Dim())
	bad := []float64{0, 0, 1, 2, 2, 1}
	f.Eval(dst, bad, 0)
	if !math.IsNaN(dst[0]) || !errors.Is(f.Caps().Err(), ErrNotPositiveDefinite) {
		t.Errorf("indefinite state: %v, %v", dst, f.Caps().Err())
	}
	if e, _ := f.EvalEnergy(dst, bad, 0); !math.IsNaN(e) {
		t.Errorf("energy %v of an indefinite state", e)
	}
	if err := f.Exact(dst, bad, 1); !errors.Is(err, ErrNotPositiveDefinite) {
		t.Errorf("closed form from an indefinite state: %v", err)
	}
	f.Eval(dst, x, 0)
	if f.Caps().Err() != nil {
		t.Errorf("the error stays: %v", f.Caps().Err())
	}
}

func BenchmarkGaussianFlow(b *testing.B) {
	r := rand.New(rand.NewPCG(4, 4))
	f := gaussianFlow(b, randomGaussian(b, r, 10, 0.3, 1), FisherRaoMetric, Reverse)
	x := f.State(nil, randomGaussian(b, r, 10, 0.3, 1))
	dst := make([]float64, f.Dim())
	b.ReportAllocs()
	for b.Loop() {
		f.EvalEnergy(dst, x, 0)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
}
