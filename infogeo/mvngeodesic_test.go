package infogeo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
)

// readReference decodes a file of testdata.
func readReference(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// dense returns the matrix of some rows.
func dense(rows [][]float64) *mat.Dense {
	m := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, r := range rows {
		m.SetRow(i, r)
	}
	return m
}

func gaussian(t testing.TB, mean []float64, cov mat.Matrix) *Gaussian {
	t.Helper()
	g, err := NewGaussian(mean, cov)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func geodesic(t testing.TB, a, b *Gaussian) *GaussianGeodesic {
	t.Helper()
	g, err := NewGaussianGeodesic(a, b, GaussianGeodesicOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// relVec and relMat are the largest differences relative to the largest element.
func relVec(got, want []float64) float64 {
	diff, most := 0.0, 0.0
	for i, w := range want {
		diff = math.Max(diff, math.Abs(got[i]-w))
		most = math.Max(most, math.Abs(w))
		if math.IsNaN(got[i]) {
			return math.Inf(1)
		}
	}
	return diff / math.Max(most, math.SmallestNonzeroFloat64)
}

func relMat(got mat.Matrix, want [][]float64) float64 {
	var g, w []float64
	for i, r := range want {
		for j, v := range r {
			g, w = append(g, got.At(i, j)), append(w, v)
		}
	}
	return relVec(g, w)
}

func TestGaussianGeodesicReference(t *testing.T) {
	var ref struct {
		Cases []struct {
			Name           string
			Mu0, Mu1       []float64
			Sigma0, Sigma1 [][]float64
			Distance       float64
			DMu            []float64   `json:"initial_dmu"`
			DSigma         [][]float64 `json:"initial_dSigma"`
			Mid            []float64   `json:"mid_mu"`
			MidCov         [][]float64 `json:"mid_Sigma"`
			Quarter        []float64   `json:"quarter_mu"`
			QuarterCov     [][]float64 `json:"quarter_Sigma"`
			KL01, KL10     float64
		}
	}
	readReference(t, "mvn_fisher_rao.json", &ref)
	for _, c := range ref.Cases {
		g := geodesic(t, gaussian(t, c.Mu0, dense(c.Sigma0)), gaussian(t, c.Mu1, dense(c.Sigma1)))
		if e := math.Abs(g.Distance()/c.Distance - 1); !(e <= 1e-12) {
			t.Errorf("%s: distance %v, want %v: relative error %.2g", c.Name, g.Distance(), c.Distance, e)
		}
		dmu, dcov := g.Velocity(nil, nil)
		if e := math.Max(relVec(dmu, c.DMu), relMat(dcov, c.DSigma)); !(e <= 1e-11) {
			t.Errorf("%s: velocity %v %v, relative error %.2g", c.Name, dmu, mat.Formatted(dcov), e)
		}
		for _, p := range []struct {
			t   float64
			mu  []float64
			cov [][]float64
		}{{0.25, c.Quarter, c.QuarterCov}, {0.5, c.Mid, c.MidCov}, {0, c.Mu0, c.Sigma0}, {1, c.Mu1, c.Sigma1}} {
			mu, cov, err := g.At(nil, nil, p.t)
			if e := math.Max(relVec(mu, p.mu), relMat(cov, p.cov)); err != nil || !(e <= 1e-11) {
				t.Errorf("%s: at %v: %v %v %v, relative error %.2g", c.Name, p.t, mu, mat.Formatted(cov), err, e)
			}
		}
		lower, upper := g.Bounds()
		if want := math.Sqrt(c.KL01 + c.KL10); !(math.Abs(upper/want-1) <= 1e-13) {
			t.Errorf("%s: upper bound %v, want %v", c.Name, upper, want)
		}
		if !g.Converged() || !(g.Residual() <= 1e-12) || !(lower <= g.Distance() && g.Distance() <= upper) {
			t.Errorf("%s: distance %v in [%v, %v], residual %v, converged %t", c.Name, g.Distance(), lower, upper, g.Residual(), g.Converged())
		}
		t.Logf("%s: %d evaluations, residual %.1e", c.Name, g.Evaluations(), g.Residual())
	}
}

// randomGaussian has a random frame, standard deviations 10^±spread and a mean of
// normal numbers times shift.
func randomGaussian(t testing.TB, r *rand.Rand, d int, spread, shift float64) *Gaussian {
	t.Helper()
	a := mat.NewDense(d, d, nil)
	for i := range d {
		for j := range d {
			a.Set(i, j, r.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(a)
	var q mat.Dense
	qr.QTo(&q)
	mean := make([]float64, d)
	for j := range d {
		mean[j] = shift * r.NormFloat64()
		s := math.Pow(10, spread*(2*r.Float64()-1))
		for i := range d {
			q.Set(i, j, s*q.At(i, j))
		}
	}
	var c mat.Dense
	c.Mul(&q, q.T())
	return gaussian(t, mean, &c)
}

// length returns the Fisher metric's length of the tangent (v, V) at a.
func length(t testing.TB, a *Gaussian, v []float64, dcov mat.Symmetric) float64 {
	t.Helper()
	var c mat.Cholesky
	c.Factorize(a.Cov(nil))
	var x mat.VecDense
	var b mat.Dense
	if err := c.SolveVecTo(&x, mat.NewVecDense(len(v), v)); err != nil {
		t.Fatal(err)
	}
	if err := c.SolveTo(&b, dcov); err != nil {
		t.Fatal(err)
	}
	var bb mat.Dense
	bb.Mul(&b, &b)
	return math.Sqrt(mat.Dot(&x, mat.NewVecDense(len(v), v)) + mat.Trace(&bb)/2)
}

// affine returns the image of a under x -> M x + c.
func affine(t testing.TB, a *Gaussian, m *mat.Dense, c []float64) *Gaussian {
	t.Helper()
	var cov mat.Dense
	cov.Product(m, a.Cov(nil), m.T())
	mean := mat.NewVecDense(a.Dim(), nil)
	mean.MulVec(m, mat.NewVecDense(a.Dim(), a.Mean(nil)))
	mean.AddVec(mean, mat.NewVecDense(len(c), c))
	return gaussian(t, mean.RawVector().Data, &cov)
}

// TestGaussianDistanceInvariants holds what a distance that affine maps leave alone has
// to satisfy, over random pairs.
func TestGaussianDistanceInvariants(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for n := range 48 {
		d := 1 + n%7
		shift := []float64{0.1, 1, 8}[n%3]
		a, b, c := randomGaussian(t, r, d, 0.5, shift), randomGaussian(t, r, d, 0.5, shift), randomGaussian(t, r, d, 0.5, shift)
		ab, bc, ac := geodesic(t, a, b), geodesic(t, b, c), geodesic(t, a, c)
		if back := geodesic(t, b, a).Distance(); !(math.Abs(back/ab.Distance()-1) <= 1e-13) {
			t.Errorf("%d: d = %d: %v there, %v back", n, d, ab.Distance(), back)
		}
		m := mat.NewDense(d, d, nil)
		for i := range d {
			for j := range d {
				m.Set(i, j, 0.3*r.NormFloat64())
			}
			m.Set(i, i, m.At(i, i)+2)
		}
		moved := geodesic(t, affine(t, a, m, a.mean), affine(t, b, m, a.mean)).Distance()
		if !(math.Abs(moved/ab.Distance()-1) <= 1e-12) {
			t.Errorf("%d: d = %d: %v, %v after an affine map", n, d, ab.Distance(), moved)
		}
		if ac.Distance() > (ab.Distance()+bc.Distance())*(1+1e-13) {
			t.Errorf("%d: triangle %v > %v + %v", n, ac.Distance(), ab.Distance(), bc.Distance())
		}
		lower, upper := ab.Bounds()
		if !ab.Converged() || !(lower <= ab.Distance()*(1+1e-13) && ab.Distance() <= upper) {
			t.Errorf("%d: d = %d: %v not in [%v, %v] or residual %v", n, d, ab.Distance(), lower, upper, ab.Residual())
		}
		dmu, dcov := ab.Velocity(nil, nil)
		if v := length(t, a, dmu, dcov); !(math.Abs(v/ab.Distance()-1) <= 1e-11) {
			t.Errorf("%d: d = %d: length of the velocity %v, distance %v", n, d, v, ab.Distance())
		}
		mean, cov, err := ab.At(nil, nil, 0.3)
		if err != nil {
			t.Fatal(err)
		}
		part := geodesic(t, a, gaussian(t, mean, cov)).Distance()
		if !(math.Abs(part/ab.Distance()-0.3) <= 1e-11) {
			t.Errorf("%d: d = %d: distance to t = .3 is %v of the whole", n, d, part/ab.Distance())
		}
	}
}

// geodesicODE is the geodesic equation of the package comment in the state (μ, Σ, μ', Σ').
func geodesicODE(d int) flow.Field[float64] {
	k := d + d*d
	return flow.FieldFunc(2*k, func(dst, x []float64, _ float64) {
		sigma, dmu, ds := mat.NewDense(d, d, x[d:k]), mat.NewVecDense(d, x[k:k+d]), mat.NewDense(d, d, x[k+d:])
		var inv, s mat.Dense
		if err := inv.Inverse(sigma); err != nil {
			dst[0] = math.NaN()
			return
		}
		s.Mul(ds, &inv)
		copy(dst[:k], x[k:])
		mat.NewVecDense(d, dst[k:k+d]).MulVec(&s, dmu)
		acc := mat.NewDense(d, d, dst[k+d:])
		acc.Mul(&s, ds)
		var outer mat.Dense
		outer.Outer(1, dmu, dmu)
		acc.Sub(acc, &outer)
	})
}

// TestGaussianGeodesicEquation integrates the geodesic equation from the velocity found.
func TestGaussianGeodesicEquation(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for n := range 12 {
		d := 1 + n%4
		a, b := randomGaussian(t, r, d, 0.2, 0.7), randomGaussian(t, r, d, 0.2, 0.7)
		g := geodesic(t, a, b)
		dmu, dcov := g.Velocity(nil, nil)
		x := append(append([]float64(nil), a.mean...), a.cov.Data...)
		x = append(x, dmu...)
		for i := range d {
			x = append(x, mat.Row(nil, i, dcov)...)
		}
		for _, time := range []float64{0.25, 0.6, 1, 1.2} {
			s, err := flow.Solve(context.Background(), geodesicODE(d), x, flow.Options[float64]{Method: flow.DOP853, T1: time, RelTol: 1e-13, AbsTol: 1e-13})
			if err != nil {
				t.Fatal(err)
			}
			end := s.X
			mean, cov, err := g.At(nil, nil, time)
			if err != nil {
				t.Fatal(err)
			}
			m2, c2, err := GaussianExp(nil, nil, a, dmu, dcov, time)
			if err != nil {
				t.Fatal(err)
			}
			want := make([][]float64, d)
			for i := range d {
				want[i] = end[d+i*d : d+i*d+d]
			}
			if e := math.Max(relVec(mean, end[:d]), relMat(cov, want)); !(e <= 1e-10) {
				t.Errorf("%d: d = %d: geodesic at %v off by %.2g", n, d, time, e)
			}
			if e := math.Max(relVec(m2, end[:d]), relMat(c2, want)); !(e <= 1e-10) {
				t.Errorf("%d: d = %d: exponential map at %v off by %.2g", n, d, time, e)
			}
		}
		back, cback, err := GaussianExp(nil, nil, a, dmu, dcov, -0.5)
		if err != nil {
			t.Fatal(err)
		}
		mean, cov, err := g.At(nil, nil, -0.5)
		want := make([][]float64, d)
		for i := range d {
			want[i] = mat.Row(nil, i, cov)
		}
		if e := math.Max(relVec(back, mean), relMat(cback, want)); err != nil || !(e <= 1e-12) {
			t.Errorf("%d: exponential map at -.5 off by %.2g, %v", n, e, err)
		}
	}
}

// TestGaussianDistanceClosedForms compares with the pairs that have a formula; none of
// them needs an iteration.
func TestGaussianDistanceClosedForms(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	line := func(m0, s0, m1, s1 float64) float64 {
		x := ((m0-m1)*(m0-m1)/2 + (s0-s1)*(s0-s1)) / (2 * s0 * s1)
		return math.Sqrt2 * math.Log1p(x+math.Sqrt(x*(2+x)))
	}
	check := func(name string, a, b *Gaussian, want float64) {
		t.Helper()
		g := geodesic(t, a, b)
		if !(math.Abs(g.Distance()/want-1) <= 1e-12) || g.Evaluations() > 3 || !g.Converged() {
			t.Errorf("%s: distance %v after %d evaluations, want %v", name, g.Distance(), g.Evaluations(), want)
		}
	}
	for _, c := range [][4]float64{{0, 1, 1, 2}, {0, 1, 100, 1}, {3, 1e-3, 3, 1e3}, {0, 1, 1e-7, 1}, {1, 2, 1 + 1e-9, 2 + 1e-9}, {0, 1e-3, 100, 1e3}} {
		a, b := gaussian(t, c[:1], mat.NewDense(1, 1, []float64{c[1] * c[1]})), gaussian(t, c[2:3], mat.NewDense(1, 1, []float64{c[3] * c[3]}))
		want := line(c[0], math.Sqrt(c[1]*c[1]), c[2], math.Sqrt(c[3]*c[3]))
		if math.Abs(c[1]-c[3]) < 1e-6 && c[1] != c[3] {
			// s² is rounded: the difference of the standard deviations that it has
			s0, s1 := c[1]*c[1], c[3]*c[3]
			ds, dm := (s1-s0)/(math.Sqrt(s0)+math.Sqrt(s1)), c[2]-c[0]
			x := (dm*dm/2 + ds*ds) / (2 * c[1] * c[3])
			want = math.Sqrt2 * math.Log1p(x+math.Sqrt(x*(2+x)))
		}
		check("d = 1", a, b, want)
	}
	for _, d := range []int{2, 4, 9} {
		a, b := randomGaussian(t, r, d, 1, 1), randomGaussian(t, r, d, 1, 1)
		same := gaussian(t, a.mean, b.Cov(nil))
		var ch mat.Cholesky
		ch.Factorize(a.Cov(nil))
		var s mat.Dense
		if err := ch.SolveTo(&s, b.Cov(nil)); err != nil {
			t.Fatal(err)
		}
		var eig mat.Eigen
		eig.Factorize(&s, mat.EigenNone)
		sum := 0.0
		for _, v := range eig.Values(nil) {
			sum += math.Log(real(v)) * math.Log(real(v))
		}
		check("equal means", a, same, math.Sqrt(sum/2))
		shifted := gaussian(t, b.mean, a.Cov(nil))
		dm := mat.NewVecDense(d, nil)
		dm.SubVec(mat.NewVecDense(d, b.mean), mat.NewVecDense(d, a.mean))
		var x mat.VecDense
		if err := ch.SolveVecTo(&x, dm); err != nil {
			t.Fatal(err)
		}
		q := mat.Dot(&x, dm) / 4
		check("equal covariances", a, shifted, math.Sqrt2*math.Log1p(q+math.Sqrt(q*(2+q))))
	}
	// Independent coordinates of which one moves its mean.
	a := gaussian(t, []float64{0, 1, 2}, mat.NewDiagDense(3, []float64{1, 4, 9}))
	b := gaussian(t, []float64{0, 6, 2}, mat.NewDiagDense(3, []float64{2, 1, 0.25}))
	check("one mean", a, b, math.Hypot(math.Hypot(math.Log(2)/math.Sqrt2, line(1, 2, 6, 1)), math.Log(1./36)/math.Sqrt2))
	if g := geodesic(t, a, a); g.Distance() != 0 || !g.Converged() {
		t.Errorf("distance to itself %v, residual %v", g.Distance(), g.Residual())
	}
}

// TestGaussianDiagonalNotGeodesic shows that the diagonal covariances are no totally
// geodesic submanifold once two means differ: going through correlated distributions is
// shorter than the root of the sum of squares of the distances on the axes, 2 log 2.
func TestGaussianDiagonalNotGeodesic(t *testing.T) {
	id := mat.NewDiagDense(2, []float64{1, 1})
	got := geodesic(t, gaussian(t, []float64{0, 0}, id), gaussian(t, []float64{1, 1}, id)).Distance()
	want := math.Sqrt2 * math.Acosh(1.5)
	if axes := 2 * math.Acosh(1.25); !(math.Abs(got-want) <= 1e-14) || !(got < axes-0.02) {
		t.Errorf("distance %v, want %v < %v", got, want, axes)
	}
}

// TestGaussianDistanceNearby compares with the length of the difference in the metric,
// of which the distance has to keep relative accuracy: the next term is of relative
// order 1e-9 here.
func TestGaussianDistanceNearby(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	for _, d := range []int{1, 2, 5, 12} {
		a := randomGaussian(t, r, d, 0.5, 1)
		dmu, dcov := make([]float64, d), mat.NewSymDense(d, nil)
		mean, cov := a.Mean(nil), a.Cov(nil)
		for i := range d {
			mean[i] += 1e-9 * r.NormFloat64()
			dmu[i] = mean[i] - a.mean[i]
			for j := range i + 1 {
				cov.SetSym(i, j, cov.At(i, j)+1e-9*r.NormFloat64())
				dcov.SetSym(i, j, cov.At(i, j)-a.cov.At(i, j))
			}
		}
		g := geodesic(t, a, gaussian(t, mean, cov))
		lower, upper := g.Bounds()
		if want := length(t, a, dmu, dcov); !(math.Abs(g.Distance()/want-1) <= 1e-7) || !g.Converged() || !(lower <= g.Distance()*(1+1e-12)) || !(g.Distance() <= upper*(1+1e-12)) {
			t.Errorf("d = %d: distance %v in [%v, %v], want %v", d, g.Distance(), lower, upper, want)
		}
	}
}

// TestGaussianDistanceHard: separations of 100 standard deviations and more, variances
// over six decades.
func TestGaussianDistanceHard(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 1))
	for _, d := range []int{2, 3, 5, 10} {
		for _, c := range [][2]float64{{1e-6, 100}, {1.5, 1}, {0.5, 30}, {1.5, 3}} {
			a, b := randomGaussian(t, r, d, c[0], c[1]), randomGaussian(t, r, d, c[0], c[1])
			g, back := geodesic(t, a, b), geodesic(t, b, a)
			lower, upper := g.Bounds()
			if !g.Converged() || !(g.Residual() <= 1e-10) || !(lower <= g.Distance() && g.Distance() <= upper) || !(math.Abs(back.Distance()/g.Distance()-1) <= 1e-12) {
				t.Errorf("d = %d, %v: distance %v, backwards %v, in [%v, %v], residual %v after %d evaluations", d, c, g.Distance(), back.Distance(), lower, upper, g.Residual(), g.Evaluations())
			}
		}
	}
}

// TestTwoGaussianGeodesics: a pair with two geodesics, of which the minimisation finds one
// from this end and the other from that end, even though neither is difficult.
func TestTwoGaussianGeodesics(t *testing.T) {
	r := rand.New(rand.NewPCG(29, 7))
	var a, b *Gaussian
	for n := range 57 {
		a, b = randomGaussian(t, r, 3+n%4, 2, 2), randomGaussian(t, r, 3+n%4, 2, 2)
	}
	o := GaussianGeodesicOptions{Tol: 1e-11, MaxIter: 200}
	there, back := newGaussianGeodesic(a, b, o), newGaussianGeodesic(b, a, o)
	if !there.Converged() || !back.Converged() || !(there.Distance() > 1.001*back.Distance()) {
		t.Fatalf("one geodesic: %v there, %v back", there.Distance(), back.Distance())
	}
	short, rev := geodesic(t, a, b), geodesic(t, b, a)
	if !(math.Abs(short.Distance()/back.Distance()-1) <= 1e-12) || !(math.Abs(rev.Distance()/back.Distance()-1) <= 1e-12) {
		t.Errorf("distance %v and %v, want %v", short.Distance(), rev.Distance(), back.Distance())
	}
	mean, cov, err := short.At(nil, nil, 0)
	if e := relVec(mean, a.mean); err != nil || !(e <= 1e-9) {
		t.Errorf("the shorter geodesic starts at %v %v, want %v, %v", mean, mat.Formatted(cov), a.mean, err)
	}
}

// TestGaussianDistanceFar: distances computed with 60 digits from the logarithm of the whole
// matrix K Kᵀ at the root of R, found by bracketing, for pairs that are far apart,
// ill-conditioned or both.
func TestGaussianDistanceFar(t *testing.T) {
	zero := []float64{0, 0}
	for _, c := range []struct {
		cov0 [][]float64
		mean []float64
		cov1 [][]float64
		want float64
	}{
		{[][]float64{{1, 0.5}, {0.5, 1}}, []float64{70, 70}, [][]float64{{2, -0.3}, {-0.3, 0.5}}, 12.13323984963066124741841},
		{[][]float64{{1e-3, 0}, {0, 1e3}}, []float64{1, 2}, [][]float64{{500, 499.4}, {499.4, 500}}, 10.42837374259788974089515},
		{[][]float64{{1, 0}, {0, 1e-6}}, []float64{0.1, 0.02}, [][]float64{{1e-6, 0}, {0, 1}}, 13.82069891382444905927535},
		{[][]float64{{1, 0.9}, {0.9, 1}}, []float64{-3, 5}, [][]float64{{2, 1}, {1, 4}}, 5.271870058760031269350796},
	} {
		g := geodesic(t, gaussian(t, zero, dense(c.cov0)), gaussian(t, c.mean, dense(c.cov1)))
		if !(math.Abs(g.Distance()/c.want-1) <= 1e-14) || !g.Converged() {
			t.Errorf("%v, %v, %v: %v, want %v; residual %.2g", c.cov0, c.mean, c.cov1, g.Distance(), c.want, g.Residual())
		}
	}
}

// TestCalvoOllerBound compares with the eigenvalues of C0⁻¹C1.
func TestCalvoOllerBound(t *testing.T) {
	r := rand.New(rand.NewPCG(37, 1))
	for n := range 20 {
		d := 1 + n%5
		a, b := randomGaussian(t, r, d, 0.4, 1), randomGaussian(t, r, d, 0.4, 1)
		var c [2]*mat.Dense
		for i, g := range []*Gaussian{a, b} {
			c[i] = mat.NewDense(d+1, d+1, nil)
			m := append(append([]float64(nil), g.mean...), 1)
			c[i].Outer(1, mat.NewVecDense(d+1, m), mat.NewVecDense(d+1, m))
			top := c[i].Slice(0, d, 0, d).(*mat.Dense)
			top.Add(top, g.Cov(nil))
		}
		var s mat.Dense
		if err := s.Solve(c[0], c[1]); err != nil {
			t.Fatal(err)
		}
		var eig mat.Eigen
		eig.Factorize(&s, mat.EigenNone)
		sum := 0.0
		for _, v := range eig.Values(nil) {
			sum += math.Log(real(v)) * math.Log(real(v)) / 2
		}
		if lower, _ := geodesic(t, a, b).Bounds(); !(math.Abs(lower/math.Sqrt(sum)-1) <= 1e-11) {
			t.Errorf("%d: lower bound %v, want %v", n, lower, math.Sqrt(sum))
		}
	}
}

func TestGaussianGeodesicStopped(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 1))
	a, b := randomGaussian(t, r, 6, 0.7, 2), randomGaussian(t, r, 6, 0.7, 2)
	full := geodesic(t, a, b)
	short, err := NewGaussianGeodesic(a, b, GaussianGeodesicOptions{MaxIter: 1})
	if err != nil {
		t.Fatal(err)
	}
	lower, upper := short.Bounds()
	if short.Converged() || !(short.Residual() > 1e-4) {
		t.Errorf("after one iteration: residual %v, converged %t", short.Residual(), short.Converged())
	}
	if !(lower <= full.Distance() && full.Distance() <= short.Distance() && full.Distance() <= upper) {
		t.Errorf("distance %v, after one iteration %v, bounds [%v, %v]", full.Distance(), short.Distance(), lower, upper)
	}
}

func TestGaussianInputs(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name string
		mean []float64
		cov  mat.Matrix
		want error
	}{
		{"empty", nil, mat.NewDense(1, 1, nil), ErrShape},
		{"shape", []float64{1, 2}, mat.NewDense(2, 3, nil), ErrShape},
		{"NaN mean", []float64{nan}, mat.NewDense(1, 1, []float64{1}), ErrInvalid},
		{"Inf covariance", []float64{0, 0}, mat.NewDense(2, 2, []float64{1, 0, 0, math.Inf(1)}), ErrInvalid},
		{"asymmetric", []float64{0, 0}, mat.NewDense(2, 2, []float64{1, 0.5, 0.5 + 1e-9, 1}), ErrNotPositiveDefinite},
		{"indefinite", []float64{0, 0}, mat.NewDense(2, 2, []float64{1, 2, 2, 1}), ErrNotPositiveDefinite},
		{"singular", []float64{0, 0}, mat.NewDense(2, 2, []float64{1, 1, 1, 1}), ErrNotPositiveDefinite},
	} {
		if g, err := NewGaussian(c.mean, c.cov); !errors.Is(err, c.want) || g != nil {
			t.Errorf("%s: %v, %v, want %v", c.name, g, err, c.want)
		} else {
			t.Log(err)
		}
	}
	g, err := NewGaussian([]float64{0, 0}, mat.NewDense(2, 2, []float64{1, 0.5, 0.5 + 1e-11, 1}))
	if err != nil || g.cov.At(0, 1) != g.cov.At(1, 0) {
		t.Errorf("nearly symmetric: %v", err)
	}
	one := gaussian(t, []float64{0}, mat.NewDense(1, 1, []float64{1}))
	if _, err := NewGaussianGeodesic(g, one, GaussianGeodesicOptions{}); !errors.Is(err, ErrShape) {
		t.Errorf("dimensions: %v", err)
	}
	for _, o := range []GaussianGeodesicOptions{{Tol: -1}, {Tol: nan}, {MaxIter: -1}} {
		if _, err := NewGaussianGeodesic(one, one, o); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", o, err)
		}
	}
	if d, err := GaussianFisherRao(one, gaussian(t, []float64{1}, mat.NewDense(1, 1, []float64{4}))); err != nil || math.Abs(d-1.1893809314064119) > 1e-15 {
		t.Errorf("GaussianFisherRao: %v, %v", d, err)
	}
	// Beyond the range of the squares: said, not returned as a number.
	for _, m := range []float64{1e160, -1e300} {
		two := gaussian(t, []float64{m, 1}, mat.NewDense(2, 2, []float64{1, 0.5, 0.5, 2}))
		if d, err := GaussianFisherRao(g, two); !errors.Is(err, ErrNoConvergence) {
			t.Errorf("mean %v: distance %v, %v", m, d, err)
		}
	}
	// Still within it.
	two := gaussian(t, []float64{1e6, 1}, mat.NewDense(2, 2, []float64{1, 0.5, 0.5, 2}))
	if x := geodesic(t, g, two); !x.Converged() {
		t.Errorf("mean 1e6: distance %v, residual %v", x.Distance(), x.Residual())
	}
	far := geodesic(t, one, gaussian(t, []float64{3}, mat.NewDense(1, 1, []float64{4})))
	if _, _, err := far.At(nil, nil, 1e6); !errors.Is(err, ErrNotPositiveDefinite) {
		t.Errorf("t = 1e6: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for a mean of another dimension")
		}
	}()
	far.At(make([]float64, 2), nil, 0)
}

func BenchmarkGaussianGeodesic(b *testing.B) {
	for _, d := range []int{3, 10, 50} {
		b.Run(fmt.Sprintf("d=%d", d), func(b *testing.B) {
			r := rand.New(rand.NewPCG(29, 1))
			p, q := randomGaussian(b, r, d, 0.3, 1), randomGaussian(b, r, d, 0.3, 1)
			b.ReportAllocs()
			evals := 0
			for b.Loop() {
				evals = geodesic(b, p, q).Evaluations()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "distances/s")
			b.ReportMetric(float64(evals), "evaluations")
		})
	}
}
