package infogeo

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

type simplexCase struct {
	P, Q, Theta_p, Theta_q     []float64
	Psi_p, Phi_p, Kl_pq, Kl_qp float64
	Chi2_pq, Chi2_qp           float64
	Fisher_theta, Fisher_eta   square
	Fisher_logdet              float64
	Fisher_eigs                []float64
}

// square is a square matrix, which the file writes as a list if it has one element.
type square [][]float64

func (s *square) UnmarshalJSON(b []byte) error {
	var one []float64
	if json.Unmarshal(b, &one) == nil {
		*s = square{one}
		return nil
	}
	return json.Unmarshal(b, (*[][]float64)(s))
}

type simplexCases struct{ Cases, Hard []simplexCase }

func TestSimplexReference(t *testing.T) {
	var ref simplexCases
	readJSON(t, "simplex.json", &ref)
	const tol = 1e-13
	for _, c := range ref.Cases {
		n := len(c.P) - 1
		theta, p := make([]float64, n), make([]float64, n+1)
		for _, x := range []struct{ p, theta []float64 }{{c.P, c.Theta_p}, {c.Q, c.Theta_q}} {
			if err := Theta(theta, x.p, n); err != nil {
				t.Fatal(err)
			}
			for i := range theta {
				near(t, "θ", theta[i], x.theta[i], tol)
			}
		}
		near(t, "ψ", LogPartition(c.Theta_p), c.Psi_p, tol)
		near(t, "ψ", Softmax(p, c.Theta_p, n), c.Psi_p, tol)
		for i := range p {
			near(t, "p", p[i], c.P[i], tol)
		}
		near(t, "φ", SimplexNegEntropy(c.P), c.Phi_p, tol)
		near(t, "Legendre", LogPartition(c.Theta_p)+SimplexNegEntropy(c.P), kernel.Dot(c.Theta_p, c.P[:n]), 1e-12)
		near(t, "KL(p‖q)", KL(c.P, c.Q), c.Kl_pq, tol)
		near(t, "KL(q‖p)", KL(c.Q, c.P), c.Kl_qp, tol)
		near(t, "χ²", chiSquared(c.P, c.Q), c.Chi2_pq, tol)
		near(t, "χ²", chiSquared(c.Q, c.P), c.Chi2_qp, tol)
		near(t, "log det G", FisherLogDet(c.P), c.Fisher_logdet, tol)
		eigs := make([]float64, n)
		if err := SimplexEigenvalues(eigs, c.P, n); err != nil {
			t.Fatal(err)
		}
		for i, v := range eigs {
			near(t, "eigenvalue", v, c.Fisher_eigs[i], tol)
		}
		e, g, gi := make([]float64, n), make([]float64, n), make([]float64, n)
		for j := range n {
			for i := range e {
				e[i] = 0
			}
			e[j] = 1
			FisherMul(g, c.P[:n], e)
			FisherSolve(gi, c.P[:n], c.P[n], e)
			for i := range n {
				near(t, "G", g[i], c.Fisher_theta[i][j], 1e-12)
				near(t, "G⁻¹", gi[i], c.Fisher_eta[i][j], 1e-12)
			}
		}
	}
	for i, c := range ref.Hard {
		tol := []float64{1e-6, 1e-8}[min(i, 1)]
		near(t, "hard KL(p‖q)", KL(c.P, c.Q), c.Kl_pq, tol)
		near(t, "hard KL(q‖p)", KL(c.Q, c.P), c.Kl_qp, tol)
		near(t, "hard χ²", chiSquared(c.P, c.Q), c.Chi2_pq, tol)
		theta := make([]float64, 3)
		_ = Theta(theta, c.P, 3)
		for i := range theta {
			near(t, "hard θ", theta[i], c.Theta_p[i], tol)
		}
	}
}

func TestSimplexSolves(t *testing.T) {
	var ref struct {
		Solves []struct {
			P, V    []float64
			Gv      []float64
			Ginv    []float64 `json:"Ginv_v"`
			Damping float64
			Damped  []float64
		}
	}
	readJSON(t, "misc.json", &ref)
	for _, c := range ref.Solves {
		n := len(c.V)
		dst := make([]float64, n)
		check := func(what string, want []float64) {
			t.Helper()
			for i := range dst {
				near(t, what, dst[i], want[i], 1e-13)
			}
		}
		FisherMul(dst, c.P[:n], c.V)
		check("G v", c.Gv)
		FisherSolve(dst, c.P[:n], c.P[n], c.V)
		check("G⁻¹ v", c.Ginv)
		FisherSolveDamped(dst, c.P[:n], c.P[n], c.V, c.Damping)
		check("damped", c.Damped)
		FisherSolveDamped(dst, c.P[:n], c.P[n], c.V, 0)
		check("damped by 0", c.Ginv)
	}
}

// TestSimplexCoordinates goes around through every reference state.
func testSimplexCoordinates[T flow.Float](t *testing.T, tol float64) {
	rng := rand.New(rand.NewPCG(61, 62))
	for range 300 {
		k := 2 + rng.IntN(20)
		ref := rng.IntN(k)
		p, back := make([]T, k), make([]T, k)
		for i, v := range randomSimplex(rng, k) {
			p[i] = T(v)
		}
		theta, eta := make([]T, k-1), make([]T, k-1)
		if err := Theta(theta, p, ref); err != nil {
			t.Fatal(err)
		}
		psi := Softmax(back, theta, ref)
		if want := -math.Log(float64(p[ref])); math.Abs(psi-want) > tol*(1+want) || math.Abs(LogPartition(theta)-want) > tol*(1+want) {
			t.Fatalf("ψ = %v and %v, want -log p_ref = %v", psi, LogPartition(theta), want)
		}
		for i := range p {
			if math.Abs(float64(back[i]-p[i])) > 30*tol*float64(p[i]) {
				t.Fatalf("softmax: state %d is %v, want %v", i, back[i], p[i])
			}
		}
		if err := Eta(eta, p, ref); err != nil {
			t.Fatal(err)
		}
		if err := FromEta(back, eta, ref); err != nil {
			t.Fatal(err)
		}
		for i := range p {
			if math.Abs(float64(back[i]-p[i])) > tol*float64(k) {
				t.Fatalf("η: state %d is %v, want %v", i, back[i], p[i])
			}
		}
		// G⁻¹ G v = v, damped solution by its residual
		v, u := make([]T, k-1), make([]T, k-1)
		for i := range v {
			v[i] = T(rng.NormFloat64())
		}
		lam := math.Exp(-10 * rng.Float64())
		FisherSolveDamped(u, eta, p[ref], v, lam)
		w := make([]T, k-1)
		FisherMul(w, eta, u)
		kernel.Axpy(T(lam), u, w)
		for i := range v {
			if d := math.Abs(float64(w[i] - v[i])); d > 20*tol*(1+kernel.MaxAbs(u)) {
				t.Fatalf("(G+%vI) u = %v, want %v", lam, w, v)
			}
		}
	}
}

func TestSimplexCoordinates(t *testing.T) {
	testSimplexCoordinates[float64](t, 2e-15)
	testSimplexCoordinates[float32](t, 5e-7)
}

// TestSimplexOverflow: extreme logits never give NaN.
func testSimplexOverflow[T flow.Float](t *testing.T, values []T) {
	for _, a := range values {
		for _, b := range values {
			for _, ref := range []int{0, 1, 2} {
				theta, p := []T{a, b}, make([]T, 3)
				psi := Softmax(p, theta, ref)
				if s := kernel.Sum(p); !kernel.AllFinite(p) || math.Abs(s-1) > 1e-6 {
					t.Fatalf("θ = %v: p = %v", theta, p)
				}
				if math.IsNaN(psi) || math.IsInf(psi, 0) || psi != LogPartition(theta) && math.Abs(psi-LogPartition(theta)) > 1e-6*math.Abs(psi) {
					t.Fatalf("θ = %v: ψ = %v, %v", theta, psi, LogPartition(theta))
				}
				g := make([]T, 2)
				FisherMul(g, p[:2], []T{1, -1})
				if !kernel.AllFinite(g) {
					t.Fatalf("θ = %v: G v = %v", theta, g)
				}
				FisherSolveDamped(g, p[:2], p[2], []T{1, -1}, 1e-3)
				if !kernel.AllFinite(g) {
					t.Fatalf("θ = %v: damped solution %v", theta, g)
				}
				z := []T{a, b, 0}
				q := []T{.2, .3, .5}
				if l := SoftmaxLogits(p, z); math.IsNaN(l) || !kernel.AllFinite(p) {
					t.Fatalf("z = %v: %v, %v", z, p, l)
				}
				if l := LogitStep(z, z, q, p, 1); math.IsNaN(l) || !kernel.AllFinite(z) {
					t.Fatalf("step to z = %v, loss %v", z, l)
				}
				if l := ThetaStep(theta, theta, q, p, 1); math.IsNaN(l) || !kernel.AllFinite(theta) {
					t.Fatalf("step to θ = %v, loss %v", theta, l)
				}
				if kl := KL(p, q); math.IsNaN(kl) || KL(q, p) < 0 {
					t.Fatalf("KL = %v, %v", kl, KL(q, p))
				}
			}
		}
	}
}

func TestSimplexOverflow(t *testing.T) {
	testSimplexOverflow(t, []float64{0, 800, 810, -800, 1e308, -1e308, 1e-308, 5})
	testSimplexOverflow(t, []float32{0, 80, 800, -800, 1e38, -1e38, 1e-38, 5})
	p := make([]float64, 3)
	SoftmaxLogits(p, []float64{800, 810, 0})
	near(t, "softmax(800, 810, 0)", p[0], 1/(1+math.Exp(10)), 1e-15)
	d := make([]float64, 2)
	FisherMul(d, []float64{.25, .5}, []float64{1e308, -1e308})
	near(t, "G (1e308, -1e308)", d[0]/1e308, .25*1.25, 1e-15)
	near(t, "G (1e308, -1e308)", d[1]/1e308, -.5*.75, 1e-15)
	// Infinite logits have no distribution.
	SoftmaxLogits(p, []float64{math.Inf(1), 0, 0})
	if p[0] == p[0] {
		t.Errorf("softmax of +Inf: %v", p)
	}
	if l := LogPartition([]float64{math.Inf(1)}); !math.IsInf(l, 1) {
		t.Errorf("ψ(Inf) = %v", l)
	}
}

func TestSimplexErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		p    []float64
		err  error
		says string
	}{
		{nil, ErrInvalid, "0 states"},
		{[]float64{1}, ErrInvalid, "1 states"},
		{[]float64{.5, nan}, ErrInvalid, "p[1] = NaN"},
		{[]float64{inf, .5}, ErrInvalid, "p[0] = +Inf"},
		{[]float64{.5, .6, -.1}, ErrInvalid, "p[2] = -0.1"},
		{[]float64{.5, .5 + 2e-9}, ErrInvalid, "sums to"},
		{[]float64{.5, 0, .5}, ErrBoundary, "p[1] = 0"},
	} {
		theta := make([]float64, max(0, len(c.p)-1))
		if len(c.p) > 0 {
			if err := Theta(theta, c.p, 0); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("p = %v: %v, want %v with %q", c.p, err, c.err, c.says)
			}
		}
		if err := CheckDistribution(c.p); (err == nil) != (c.err == ErrBoundary) {
			t.Errorf("p = %v: %v", c.p, err)
		}
	}
	p := make([]float64, 3)
	if err := FromEta(p, []float64{.6, .5}, 2); !errors.Is(err, ErrOutsideMeanDomain) || !strings.Contains(err.Error(), "state 2") {
		t.Errorf("η outside: %v", err)
	}
	if err := FromEta(p, []float64{-.1, .5}, 1); !errors.Is(err, ErrOutsideMeanDomain) || !strings.Contains(err.Error(), "state 0") {
		t.Errorf("η outside: %v", err)
	}
	if err := Eta(make([]float64, 1), []float64{2, 3}, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("η of no distribution: %v", err)
	}
	for _, c := range []struct {
		w   []float64
		eps float64
	}{{[]float64{0, 0, 0}, 0}, {[]float64{1, -1, 3}, 0}, {[]float64{1, nan, 3}, 0}, {[]float64{1, 1, 1}, nan}, {[]float64{1, 1, 1}, -1}} {
		if err := Smooth(p, c.w, c.eps); !errors.Is(err, ErrInvalid) {
			t.Errorf("weights %v, ε = %v: %v", c.w, c.eps, err)
		}
	}
	if err := Smooth(p, []float64{0, 3, 0}, 0.5); err != nil || p[0] != .5/4.5 || p[1] != 3.5/4.5 {
		t.Errorf("Krichevsky-Trofimov: %v, %v", p, err)
	}
	for name, f := range map[string]func(){
		"length": func() { FisherMul(make([]float64, 2), make([]float64, 3), make([]float64, 2)) },
		"theta":  func() { Softmax(make([]float64, 3), make([]float64, 3), 0) },
		"ref":    func() { Softmax(make([]float64, 4), make([]float64, 3), 4) },
		"KL":     func() { KL(make([]float64, 4), make([]float64, 3)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestSimplexKL: zeros, identity, and relative accuracy against the series for
// near-equal distributions.
func TestSimplexKL(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		p, q []float64
		want float64
	}{
		{[]float64{.5, .5}, []float64{1, 0}, inf},
		{[]float64{1, 0}, []float64{.5, .5}, math.Ln2},
		{[]float64{1, 0}, []float64{1, 0}, 0},
		{[]float64{.25, .75}, []float64{.25, .75}, 0},
	} {
		if got := KL(c.p, c.q); math.Abs(got-c.want) > 1e-15 && got != c.want {
			t.Errorf("KL(%v‖%v) = %v, want %v", c.p, c.q, got, c.want)
		}
	}
	near(t, "near-equal", KL([]float64{.2, .3, .1, .4}, []float64{.2 + 1e-9, .3 - 1e-9, .1 + 2e-9, .4 - 2e-9}), 2.9166666e-17, 1e-6)
	// ½ χ² down to where p - q is one rounding unit.
	for d := 1e-3; d > 1e-15; d /= 7 {
		p, q := []float64{.25, .75}, []float64{.25 + d, .75 - d}
		want := chiSquared(p, q) / 2
		near(t, "small KL", KL(p, q), want, 6*d+1e-14)
	}
}
