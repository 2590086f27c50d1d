package infogeo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

type pairReference struct {
	P, Q          []float64
	JS            float64            `json:"js"`
	Chi2PQ        float64            `json:"chi2_pq"`
	Chi2QP        float64            `json:"chi2_qp"`
	KLPQ          float64            `json:"kl_pq"`
	KLQP          float64            `json:"kl_qp"`
	Hellinger     float64            `json:"hellinger"`
	Bhattacharyya *float64           `json:"bhattacharyya"`
	Jeffreys      float64            `json:"jeffreys"`
	Alpha         map[string]float64 `json:"alpha_div"`
	Renyi         map[string]float64 `json:"renyi_pq"`
	Chernoff      *float64           `json:"chernoff_information"`
	ChernoffAt    float64            `json:"chernoff_alpha"`
}

func TestDivergencesReference(t *testing.T) {
	var file struct{ Cases, Hard []pairReference }
	readReference(t, "simplex.json", &file)
	if len(file.Cases) < 4 || len(file.Hard) < 2 {
		t.Fatal("cases are missing")
	}
	for i, c := range append(file.Cases, file.Hard...) {
		tol := 1e-13
		if i >= len(file.Cases) {
			tol = 1e-8
		}
		if i == len(file.Cases) {
			tol = 1e-6
		}
		name := fmt.Sprint("case ", i, ": ")
		relClose(t, name+"JS", JensenShannon(c.P, c.Q), c.JS, tol)
		relClose(t, name+"chi2(p,q)", ChiSquared(c.P, c.Q), c.Chi2PQ, tol)
		relClose(t, name+"chi2(q,p)", ChiSquared(c.Q, c.P), c.Chi2QP, tol)
		relClose(t, name+"Hellinger", Hellinger(c.P, c.Q), c.Hellinger, tol)
		relClose(t, name+"Jeffreys", Jeffreys(c.P, c.Q), c.Jeffreys, tol)
		relClose(t, name+"alpha = -1", AlphaDivergence(c.P, c.Q, -1), c.KLPQ, tol)
		relClose(t, name+"alpha = 1", AlphaDivergence(c.P, c.Q, 1), c.KLQP, tol)
		relClose(t, name+"Renyi 1", Renyi(c.P, c.Q, 1), c.KLPQ, tol)
		relClose(t, name+"alpha = 3", AlphaDivergence(c.P, c.Q, 3), c.Chi2QP/2, tol)
		relClose(t, name+"alpha = 0", AlphaDivergence(c.P, c.Q, 0), 4*c.Hellinger*c.Hellinger, tol)
		if c.Bhattacharyya != nil {
			relClose(t, name+"Bhattacharyya", Bhattacharyya(c.P, c.Q), *c.Bhattacharyya, tol)
		}
		for a, want := range c.Alpha {
			alpha, err := strconv.ParseFloat(a, 64)
			if err != nil {
				t.Fatal(err)
			}
			relClose(t, name+"alpha = "+a, AlphaDivergence(c.P, c.Q, alpha), want, tol)
			relClose(t, name+"duality of alpha = "+a, AlphaDivergence(c.Q, c.P, -alpha), want, 10*tol)
		}
		for o, want := range c.Renyi {
			order, err := strconv.ParseFloat(o, 64)
			if err != nil {
				t.Fatal(err)
			}
			relClose(t, name+"Renyi "+o, Renyi(c.P, c.Q, order), want, tol)
		}
		if c.Chernoff != nil {
			info, s, err := Chernoff(c.P, c.Q)
			if err != nil {
				t.Fatal(err)
			}
			relClose(t, name+"Chernoff", info, *c.Chernoff, tol)
			if math.Abs(s-c.ChernoffAt) > 1e-12 && math.Abs(1-s-c.ChernoffAt) > 1e-12 {
				t.Errorf("%sChernoff at s = %v, want %v", name, s, c.ChernoffAt)
			}
			// Both KL divergences from the point where it is attained are equal.
			mid, z := make([]float64, len(c.P)), 0.0
			for j := range mid {
				mid[j] = math.Pow(c.P[j], s) * math.Pow(c.Q[j], 1-s)
				z += mid[j]
			}
			kernel.Scal(1/z, mid)
			relClose(t, name+"Chernoff by KL(m,p)", KL(mid, c.P), info, 1e-11)
			relClose(t, name+"Chernoff by KL(m,q)", KL(mid, c.Q), info, 1e-11)
		}
	}
}

// The α-divergence is continuous at ±1, and for neighbours it is χ²/2 whatever α is.
func TestAlphaDivergenceLimits(t *testing.T) {
	p, q := []float64{0.7, 0.2, 0.1}, []float64{0.1, 0.3, 0.6}
	for _, sign := range []float64{-1, 1} {
		at := AlphaDivergence(p, q, sign)
		for _, h := range []float64{1e-3, 1e-6, 1e-9, 1e-12, 1e-15} {
			below, above := AlphaDivergence(p, q, sign-h), AlphaDivergence(p, q, sign+h)
			if math.Abs(below-at) > h+1e-14 || math.Abs(above-at) > h+1e-14 {
				t.Errorf("alpha = %v ± %v: %v and %v, want %v", sign, h, below, above, at)
			}
			if m := (below + above) / 2; math.Abs(m-at) > h*h+1e-14 {
				t.Errorf("alpha = %v ± %v: mean %.17g, want %.17g", sign, h, m, at)
			}
		}
	}
	near := []float64{0.7 * (1 + 2e-9), 0.2 * (1 - 3e-9), 0}
	near[2] = 1 - near[0] - near[1]
	for _, alpha := range []float64{-5, -1, -0.3, 0, 0.7, 1, 2, 8} {
		relClose(t, fmt.Sprint("alpha = ", alpha), AlphaDivergence(near, p, alpha), ChiSquared(near, p)/2, 1e-7)
	}
	// Two formulas meet.
	for _, a := range []float64{-1.5, 0, 0.2, 0.5, 0.50001, 0.8, 1, 2.5} {
		for _, r := range []float64{0.05, -0.05} {
			in, out := alphaTerm(r*(1-1e-12), 1+r*(1-1e-12), a), alphaTerm(r*(1+1e-12), 1+r*(1+1e-12), a)
			relClose(t, fmt.Sprint("f at a = ", a, ", r = ", r), out, in, 2e-11)
		}
	}
	inf := math.Inf(1)
	zero := []float64{0, 0.5, 0.5}
	for _, c := range []struct{ got, want float64 }{
		{AlphaDivergence(p, zero, -1), inf}, {AlphaDivergence(zero, p, 1), inf}, {AlphaDivergence(p, zero, -3), inf},
		{AlphaDivergence(zero, p, -1), KL(zero, p)}, {AlphaDivergence(p, zero, 1), KL(zero, p)},
		{AlphaDivergence(p, zero, 0), 4 * Hellinger(p, zero) * Hellinger(p, zero)},
		{AlphaDivergence(p, p, 0.3), 0}, {Renyi(p, zero, 2), inf}, {Renyi(p, p, 3), 0}, {JensenShannon([]float64{1, 0}, []float64{0, 1}), math.Ln2},
		{Hellinger([]float64{1, 0}, []float64{0, 1}), 1}, {Bhattacharyya([]float64{1, 0}, []float64{0, 1}), inf}, {ChiSquared(p, zero), inf},
	} {
		if c.got != c.want && !(math.Abs(c.got-c.want) < 1e-14) {
			t.Errorf("divergence %v, want %v", c.got, c.want)
		}
	}
	if !math.IsNaN(Renyi(p, q, 0)) {
		t.Error("Renyi of order 0")
	}
}

func TestChernoffEnds(t *testing.T) {
	p, q := []float64{0.5, 0.5, 0}, []float64{0.25, 0.25, 0.5}
	info, s, err := Chernoff(p, q)
	if err != nil || s != 0 || math.Abs(info-math.Ln2) > 1e-15 {
		t.Errorf("p = q given a set: information %v at %v (%v), want log 2 at 0", info, s, err)
	}
	if info, s, err = Chernoff(p, p); info != 0 || s != 0.5 || err != nil {
		t.Errorf("p = q: %v at %v, %v", info, s, err)
	}
	if info, _, err = Chernoff([]float64{1, 0}, []float64{0, 1}); !math.IsInf(info, 1) || !errors.Is(err, ErrBoundary) {
		t.Errorf("disjoint: %v, %v", info, err)
	}
	if _, _, err = Chernoff(p, []float64{0.5, 0.6, 0}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no distribution: %v", err)
	}
	if _, _, err = Chernoff(p, []float64{0.5, 0.5}); !errors.Is(err, ErrShape) {
		t.Errorf("lengths: %v", err)
	}
}

func TestAlphaGeodesicReference(t *testing.T) {
	var file struct {
		Cases []struct {
			P, Q   []float64
			Points []struct {
				Alpha, T, S float64
				Point       []float64
			}
			Vector []float64 `json:"transport_vector"`
			E      []float64 `json:"transported_e"`
			M      []float64 `json:"transported_m"`
		}
	}
	readReference(t, "geodesics.json", &file)
	for _, c := range file.Cases {
		got := make([]float64, len(c.P))
		for _, pt := range c.Points {
			g, err := NewAlphaGeodesic(c.P, c.Q, pt.Alpha)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.At(got, pt.T); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprint("alpha = ", pt.Alpha, ", t = ", pt.T)
			for i, v := range pt.Point {
				if math.Abs(got[i]-v) > 1e-12 {
					t.Errorf("%s: p[%d] = %.16g, want %.16g", name, i, got[i], v)
				}
			}
			if pt.Alpha != 1 && math.Abs(g.Position(pt.T)-pt.S) > 1e-11 { // the reference has no s for α = 1
				t.Errorf("%s: s = %v, want %v", name, g.Position(pt.T), pt.S)
			}
		}
		if err := ExponentialTransport(got, c.P, c.Q, c.Vector); err != nil {
			t.Fatal(err)
		}
		vecClose(t, "e-transport", got, c.E, 1e-13)
		MixtureTransport(got, c.Vector)
		vecClose(t, "m-transport", got, c.M, 0)
	}
}

// randomPoint is an interior point of the simplex on k states.
func randomPoint(r *rand.Rand, k int, spread float64) []float64 {
	p := make([]float64, k)
	for i := range p {
		p[i] = spread * r.NormFloat64()
	}
	SoftmaxLogits(p, p)
	return p
}

// The curve solves the geodesic equation of its connection in its affine parameter; for
// α = 0 it is the Fisher-Rao geodesic.
func TestAlphaGeodesicEquation(t *testing.T) {
	for id := range 30 {
		r := rand.New(philox.NewSource(71, id))
		k := 2 + id%5
		p, q := randomPoint(r, k, 1), randomPoint(r, k, 1)
		for _, alpha := range []float64{-3, -1, -0.4, 0, 0.5, 1 - 1e-9, 1, 1.2, 3} {
			g, err := NewAlphaGeodesic(p, q, alpha)
			if err != nil {
				t.Fatal(err)
			}
			const at, h = 0.37, 2e-3
			var l [5][]float64
			x := make([]float64, k)
			for i := range l {
				if err := g.At(x, at+float64(i-2)*h); err != nil {
					t.Fatal(err)
				}
				l[i] = make([]float64, k)
				kernel.Log(l[i], x)
			}
			var mean, scale float64
			d1, d2 := make([]float64, k), make([]float64, k)
			for i := range k {
				d1[i] = (l[0][i] - 8*l[1][i] + 8*l[3][i] - l[4][i]) / (12 * h)
				d2[i] = (-l[0][i] + 16*l[1][i] - 30*l[2][i] + 16*l[3][i] - l[4][i]) / (12 * h * h)
				mean += math.Exp(l[2][i]) * d1[i] * d1[i]
				scale = math.Max(scale, d1[i]*d1[i])
			}
			for i := range k {
				want := -(1-alpha)/2*d1[i]*d1[i] - (1+alpha)/2*mean
				if math.Abs(d2[i]-want) > 1e-6*(1+scale*scale)*(1+alpha*alpha) {
					t.Errorf("case %d, alpha = %v: l''[%d] = %v, want %v", id, alpha, i, d2[i], want)
				}
			}
			if alpha == 0 {
				fr := make([]float64, k)
				if err := FisherRaoGeodesic(fr, p, q, at); err != nil {
					t.Fatal(err)
				}
				if err := g.At(x, at); err != nil {
					t.Fatal(err)
				}
				vecClose(t, "Fisher-Rao geodesic", x, fr, 1e-13)
			}
			for i, want := range [][]float64{p, q} {
				if err := g.At(x, float64(i)); err != nil {
					t.Fatal(err)
				}
				vecClose(t, "end", x, want, 1e-13)
			}
		}
		// The transports are dual to each other.
		x, y, e := make([]float64, k), make([]float64, k), make([]float64, k)
		for i := range x {
			x[i], y[i] = r.NormFloat64(), r.NormFloat64()
		}
		sx, sy := kernel.Sum(x), kernel.Sum(y)
		for i := range x {
			x[i] -= sx / float64(k)
			y[i] -= sy / float64(k)
		}
		if err := ExponentialTransport(e, p, q, x); err != nil {
			t.Fatal(err)
		}
		var atP, atQ, sum, scale float64
		for i := range x {
			atP += x[i] * y[i] / p[i]
			atQ += e[i] * y[i] / q[i]
			sum += e[i]
			scale += math.Abs(x[i]*y[i]/p[i]) + math.Abs(e[i]*y[i]/q[i])
		}
		if math.Abs(atP-atQ) > 1e-13*scale || math.Abs(sum) > 1e-13*scale {
			t.Errorf("duality: %v and %v, sum %v", atP, atQ, sum)
		}
	}
}

func TestAlphaGeodesicArguments(t *testing.T) {
	p, q := []float64{0.5, 0.5}, []float64{0.2, 0.8}
	for _, c := range []struct {
		p, q  []float64
		alpha float64
		want  error
	}{
		{p, q, math.NaN(), ErrInvalid}, {p, q, math.Inf(1), ErrInvalid}, {p, q[:1], 0, ErrShape},
		{[]float64{1, 0}, q, 0, ErrBoundary}, {p, []float64{0, 1}, 0, ErrBoundary}, {p, []float64{0.5, 0.6}, 0, ErrInvalid},
	} {
		if _, err := NewAlphaGeodesic(c.p, c.q, c.alpha); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c, err, c.want)
		}
	}
	g, err := NewAlphaGeodesic(p, q, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []float64{-0.1, 1.1, math.NaN()} {
		if err := g.At(make([]float64, 2), at); !errors.Is(err, ErrInvalid) {
			t.Errorf("t = %v: %v", at, err)
		}
	}
	// Most of the affine parameter is spent near the ends, where s is 1e-4 or less.
	if g, err = NewAlphaGeodesic([]float64{1e-4, 1 - 1e-4}, []float64{1 - 1e-4, 1e-4}, 3); err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 2)
	if err := g.At(x, 0.5); err != nil || math.Abs(x[0]-0.5) > 1e-9 {
		t.Errorf("midpoint between corners: %v, %v", x, err)
	}
	if err := ExponentialTransport(x, []float64{0, 1}, p, []float64{1, -1}); !errors.Is(err, ErrBoundary) {
		t.Errorf("transport from the boundary: %v", err)
	}
}

// In any family: the geodesic equation goes straight in θ for α = 1, in η for α = -1, at constant
// Fisher-Rao speed for α = 0, and on the categorical family it is the α-geodesic.
func TestAlphaGeodesicsOfFamilies(t *testing.T) {
	ctx := context.Background()
	o := flow.Options[float64]{Method: flow.DOP853, T1: 1, RelTol: 1e-11, AbsTol: 1e-13}
	for id, m := range members(t) {
		r := rand.New(philox.NewSource(72, id))
		f, d := m.f.(Cubic), m.f.Dim()
		x := make([]float64, 2*d)
		m.draw(x[:d], r)
		for i := range d {
			x[d+i] = 0.1 * x[i] * r.NormFloat64()
		}
		speed2 := func(x []float64) float64 {
			g := make([]float64, d)
			f.FisherMulVec(g, x[:d], x[d:])
			return kernel.Dot(g, x[d:])
		}
		for _, alpha := range []float64{-1, 0, 1} {
			spray, err := NewGeodesicField(f, alpha)
			if err != nil {
				t.Fatal(err)
			}
			sol, err := flow.Solve(ctx, flow.Field[float64](spray), x, o)
			if err != nil {
				t.Fatalf("%s, alpha = %v: %v", m.name, alpha, err)
			}
			got, want := make([]float64, d), make([]float64, d)
			switch alpha {
			case 0:
				relClose(t, m.name+": speed", speed2(sol.X), speed2(x), 1e-8)
				if s, ok := f.(FisherRaoer); ok && !math.IsNaN(s.FisherRao(x[:d], sol.X[:d])) {
					relClose(t, m.name+": distance", s.FisherRao(x[:d], sol.X[:d]), math.Sqrt(speed2(x)), 1e-7)
				}
				continue
			case 1:
				copy(got, sol.X[:d])
				kernel.AddTo(want, x[:d], x[d:])
			case -1:
				f.Mean(got, sol.X[:d])
				f.Mean(want, x[:d])
				g := make([]float64, d)
				f.FisherMulVec(g, x[:d], x[d:])
				kernel.AddTo(want, want, g)
			}
			vecClose(t, fmt.Sprint(m.name, ", alpha = ", alpha), got, want, 1e-8)
		}
	}
}

func TestCentroidsReference(t *testing.T) {
	var file struct {
		Centroids struct {
			Points  [][]float64
			Karcher []float64 `json:"fisher_rao_mean"`
			Theta   []float64 `json:"theta_centroid"`
			Eta     []float64 `json:"eta_centroid"`
		}
		MVN struct {
			ThetaMu    []float64   `json:"theta_mu"`
			ThetaSigma [][]float64 `json:"theta_Sigma"`
			EtaMu      []float64   `json:"eta_mu"`
			EtaSigma   [][]float64 `json:"eta_Sigma"`
		} `json:"mvn_centroids"`
	}
	readReference(t, "misc.json", &file)
	c := file.Centroids
	got := make([]float64, 3)
	if err := KarcherMean(got, c.Points, nil); err != nil {
		t.Fatal(err)
	}
	vecClose(t, "Karcher mean", got, c.Karcher, 1e-12)
	f, err := NewCategorical(3, -1)
	if err != nil {
		t.Fatal(err)
	}
	thetas := make([][]float64, 3)
	for i, p := range c.Points {
		thetas[i] = make([]float64, 2)
		if err := f.Natural(thetas[i], p[:2]); err != nil {
			t.Fatal(err)
		}
	}
	theta := make([]float64, 2)
	if err := ThetaCentroid(theta, thetas, nil); err != nil {
		t.Fatal(err)
	}
	f.Probabilities(got, theta)
	vecClose(t, "theta centroid", got, c.Theta, 1e-12)
	if err := EtaCentroid(f, theta, thetas, nil); err != nil {
		t.Fatal(err)
	}
	f.Probabilities(got, theta)
	vecClose(t, "eta centroid", got, c.Eta, 1e-12)

	m, err := NewMultivariateNormal(2)
	if err != nil {
		t.Fatal(err)
	}
	pair := [][]float64{make([]float64, 5), make([]float64, 5)}
	if err := m.NaturalOf(pair[0], []float64{0, 1}, mat.NewSymDense(2, []float64{1, .5, .5, 2})); err != nil {
		t.Fatal(err)
	}
	if err := m.NaturalOf(pair[1], []float64{1, 2}, mat.NewSymDense(2, []float64{2, 1, 1, 1})); err == nil {
		// The pair whose divergences a peer prints in the opposite order.
		relClose(t, "KL", NewBregman(m).KL(pair[0], pair[1]), 1.2201921060322892, 1e-13)
		relClose(t, "KL back", NewBregman(m).KL(pair[1], pair[0]), 0.9940936082534256, 1e-13)
	} else {
		t.Fatal(err)
	}
	theta, mu := make([]float64, 5), make([]float64, 2)
	var sigma mat.SymDense
	check := func(name string, wantMu []float64, wantSigma [][]float64) {
		t.Helper()
		if err := m.Moments(mu, &sigma, theta); err != nil {
			t.Fatal(err)
		}
		vecClose(t, name+" mean", mu, wantMu, 1e-12)
		for i, row := range wantSigma {
			vecClose(t, name+" covariance", mat.Row(nil, i, &sigma), row, 1e-12)
		}
	}
	if err := ThetaCentroid(theta, pair, nil); err != nil {
		t.Fatal(err)
	}
	check("theta", file.MVN.ThetaMu, file.MVN.ThetaSigma)
	if err := EtaCentroid(m, theta, pair, nil); err != nil {
		t.Fatal(err)
	}
	check("eta", file.MVN.EtaMu, file.MVN.EtaSigma)
}

// Centroids minimise what they say they minimise.
func TestCentroidsMinimise(t *testing.T) {
	ctx := context.Background()
	for id, mem := range members(t) {
		r := rand.New(philox.NewSource(73, id))
		f, d := mem.f, mem.f.Dim()
		thetas := make([][]float64, 4)
		for i := range thetas {
			thetas[i] = make([]float64, d)
			mem.draw(thetas[i], r)
		}
		w := []float64{1, 2, 0.5, 3}
		b := NewBregman(f)
		c, x := make([]float64, d), make([]float64, d)
		for name, k := range map[string]struct {
			find func() error
			loss func(x, p []float64) float64
		}{
			"theta":    {func() error { return ThetaCentroid(c, thetas, w) }, func(x, p []float64) float64 { return b.KL(x, p) }},
			"eta":      {func() error { return EtaCentroid(f, c, thetas, w) }, func(x, p []float64) float64 { return b.KL(p, x) }},
			"Jeffreys": {func() error { return JeffreysCentroid(ctx, f, c, thetas, w) }, func(x, p []float64) float64 { return b.KL(p, x) + b.KL(x, p) }},
		} {
			if err := k.find(); err != nil {
				t.Errorf("%s, %s: %v", mem.name, name, err)
				continue
			}
			total := func(x []float64) (s float64) {
				for i, p := range thetas {
					s += w[i] * k.loss(x, p)
				}
				return s
			}
			at := total(c)
			for range 20 {
				for i, v := range c {
					x[i] = v + 1e-3*r.NormFloat64()*math.Max(math.Abs(v), 1e-2)
				}
				if f.CheckNatural(x) == nil && total(x) < at-1e-12*math.Abs(at) {
					t.Errorf("%s, %s: %v near the centroid, %v at it", mem.name, name, total(x), at)
				}
			}
		}
	}
	for _, err := range []error{
		ThetaCentroid(make([]float64, 1), nil, nil),
		ThetaCentroid(make([]float64, 1), [][]float64{{1}}, []float64{-1}),
		ThetaCentroid(make([]float64, 1), [][]float64{{1}}, []float64{0}),
		KarcherMean(make([]float64, 2), [][]float64{{0.5, 0.6}}, nil),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("error %v, want ErrInvalid", err)
		}
	}
	if err := KarcherMean(make([]float64, 2), [][]float64{{1, 0}}, nil); !errors.Is(err, ErrBoundary) {
		t.Errorf("error %v, want ErrBoundary", err)
	}
	if err := ThetaCentroid(make([]float64, 1), [][]float64{{1}}, []float64{1, 2}); !errors.Is(err, ErrShape) {
		t.Errorf("error %v, want ErrShape", err)
	}
}

// Pythagoras for both projections, on random families and linear sets.
func TestProjections(t *testing.T) {
	ctx := context.Background()
	o := FitOptions{Tol: 1e-14}
	for id := range 20 {
		r := rand.New(philox.NewSource(74, id))
		f := randomDesign(t, r, 12, 3)
		q := randomPoint(r, 12, 1)
		m, err := MProject(ctx, f, q, o)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]float64, 12)
		f.Probabilities(p, []float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()})
		if a, b := KL(q, p), m.Divergence+KL(m.P, p); math.Abs(a-b) > 1e-13*a {
			t.Errorf("m-projection: KL(q||p) = %v, sum %v", a, b)
		}
		// The e-projection of p on the distributions with the moments of q, which hold q.
		e, err := EProject(ctx, p, f.a, m.Fit.Eta, o)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := KL(q, p), KL(q, e.P)+e.Divergence; math.Abs(a-b) > 1e-12*a {
			t.Errorf("e-projection: KL(q||p) = %v, sum %v", a, b)
		}
		vecClose(t, "both projections", e.P, m.P, 1e-11)
	}
	// States without probability stay so; contradictions are found.
	q := []float64{0.5, 0, 0.25, 0.25}
	stats := kernel.MatrixOf(4, 1, []float64{0, 1, 2, 3})
	e, err := EProject(ctx, q, stats, []float64{2}, FitOptions{})
	if err != nil || e.P[1] != 0 || math.Abs(2*e.P[2]+3*e.P[3]-2) > 1e-9 {
		t.Errorf("e-projection %+v, %v", e, err)
	}
	for c, want := range map[float64]error{3: ErrNoFiniteMLE, 4: ErrOutsideMeanDomain} {
		if _, err := EProject(ctx, q, stats, []float64{c}, FitOptions{}); !errors.Is(err, want) {
			t.Errorf("expectation %v: %v, want %v", c, err, want)
		}
	}
	if _, err := EProject(ctx, q, stats, []float64{1, 2}, FitOptions{}); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	if _, err := MProject(ctx, randomDesign(t, rand.New(philox.NewSource(75, 0)), 3, 1), q, FitOptions{}); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	// MProject of a categorical distribution is the distribution.
	cat, err := NewCategorical(4, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := []float64{0.1, 0.2, 0.3, 0.4}
	m, err := MProject(ctx, cat, p, o)
	if err != nil {
		t.Fatal(err)
	}
	vecClose(t, "projection on all distributions", m.P, p, 1e-13)
}
