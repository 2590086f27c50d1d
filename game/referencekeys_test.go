package game

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// sameSpectrum says whether the eigenvalues of j are those listed as pairs of real and
// imaginary part, in any order.
func sameSpectrum(t *testing.T, name string, j mat.Matrix, want [][2]float64) {
	t.Helper()
	left := must(eigenvalues(j))
	if len(left) != len(want) {
		t.Errorf("%s: %d eigenvalues, want %d", name, len(left), len(want))
		return
	}
	for _, w := range want {
		z, at := complex(w[0], w[1]), 0
		for k, l := range left {
			if cmplx.Abs(l-z) < cmplx.Abs(left[at]-z) {
				at = k
			}
		}
		if d := cmplx.Abs(left[at] - z); !(d <= 1e-12*(1+cmplx.Abs(z))) {
			t.Errorf("%s: no eigenvalue %v, the nearest is %v", name, z, left[at])
		}
		left = append(left[:at], left[at+1:]...)
	}
}

// referenceNear compares to 1e-12 of the largest number.
func referenceNear(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(want) == 0 || len(got) != len(want) || !(farthest(got, want) <= 1e-12*(1+kernel.MaxAbs(want))) {
		t.Errorf("%s: %v, want %v", name, got, want)
	}
}

// TestPolyReferenceDivergence compares div ξ with poly.json.
func TestPolyReferenceDivergence(t *testing.T) {
	for _, c := range polyCases(t) {
		g, _ := c.game(t)
		f := must(g.Float())
		n := Dim(f)
		j := mat.NewDense(n, n, nil)
		f.Jacobian(j, polyFloats(polyRats(t, c.EvalAt)))
		referenceNear(t, c.Name+": div ξ", []float64{mat.Trace(j)}, []float64{c.Eval.Div})
	}
}

// TestCournotReference compares equilibrium, profits, J and its spectrum with
// canonical.json.
func TestCournotReference(t *testing.T) {
	var c struct {
		Nash, Profit, Eig []float64
		J                 [][]float64
	}
	inspectCase(t, "cournot3", &c)
	g := must(NewCournot(10, 1, []float64{1, 2, 3}))
	q, l, j := make([]float64, 3), make([]float64, 3), mat.NewDense(3, 3, nil)
	g.Nash(q)
	referenceNear(t, "Nash", q, c.Nash)
	g.Losses(l, q)
	kernel.Scal(-1, l)
	referenceNear(t, "profits", l, c.Profit)
	g.Jacobian(j, q)
	for k, row := range c.J {
		referenceNear(t, "J", j.RawRowView(k), row)
	}
	r := must(Inspect(g, q, 0))
	referenceNear(t, "spectrum", r.SymmetricEigs, c.Eig)
}

// TestLQReference compares equilibrium and spectra with canonical.json.
func TestLQReference(t *testing.T) {
	var s struct {
		Nash []float64
		Eig  [][2]float64
	}
	inspectCase(t, "lq_scalar", &s)
	g := lqScalar()
	k := must(FindCritical(g, []float64{0.6, 0.2}, CriticalOptions{}))
	referenceNear(t, "Nash", k, s.Nash)
	sameSpectrum(t, "lq_scalar", must(Linearise(g, k)).J, s.Eig)

	var m struct {
		A      [][]float64
		B, K   [][][]float64
		Radius float64 `json:"spectral_radius"`
	}
	inspectCase(t, "lq_matrix", &m)
	closed := mat.NewDense(2, 2, append(append([]float64(nil), m.A[0]...), m.A[1]...))
	for i, b := range m.B {
		var bk mat.Dense
		bk.Mul(mat.NewDense(2, 1, []float64{b[0][0], b[1][0]}), mat.NewDense(1, 2, m.K[i][0]))
		closed.Sub(closed, &bk)
	}
	referenceNear(t, "radius of the closed loop", []float64{must(SpectralRadius(closed))}, []float64{m.Radius})
	// The game is stable up to that radius: its losses blow up when all is scaled to 1.
	scaled := func(f float64) *LQ {
		var a mat.Dense
		a.Scale(f/m.Radius, closed)
		sys := LQSystem{A: &a}
		for range m.B {
			sys.B = append(sys.B, mat.NewDense(2, 1, nil))
			sys.Q = append(sys.Q, mat.NewDense(2, 2, []float64{1, 0, 0, 1}))
			sys.R = append(sys.R, mat.NewDense(1, 1, []float64{1}))
		}
		return must(NewLQ(sys))
	}
	l := make([]float64, 2)
	if scaled(0.999).Losses(l, make([]float64, 4)); math.IsInf(l[0], 0) {
		t.Error("a closed loop of radius .999 has infinite losses")
	}
	if scaled(1.001).Losses(l, make([]float64, 4)); !math.IsInf(l[0], 1) {
		t.Errorf("a closed loop of radius 1.001 has the losses %v", l)
	}
}

// TestQuarticDiagnosticsReference compares |ξ|²/2 and its gradient Jᵀξ with
// canonical.json.
func TestQuarticDiagnosticsReference(t *testing.T) {
	var c struct {
		X     []float64
		H     float64
		GradH []float64
	}
	inspectCase(t, "quartic3_diagnostics", &c)
	g := quartic3(t)
	xi, grad := make([]float64, 3), make([]float64, 3)
	g.Field(xi, c.X)
	referenceNear(t, "|ξ|²/2", []float64{kernel.SumSq(xi) / 2}, []float64{c.H})
	g.VJP(grad, c.X, xi)
	referenceNear(t, "Jᵀξ", grad, c.GradH)
}

// TestExploitabilityReferencePayoffs compares expected payoffs x_m·v_m with
// canonical.json.
func TestExploitabilityReferencePayoffs(t *testing.T) {
	for _, c := range canonical(t, "exploitability").Cases {
		f := referenceGame(t, c.Game)
		var x []float64
		for _, p := range c.Profile {
			x = append(x, p...)
		}
		v := must(f.Values(x))
		var got []float64
		for _, h := range f.Shape() {
			got = append(got, kernel.Dot(x[:h], v[:h]))
			x, v = x[h:], v[h:]
		}
		referenceNear(t, c.Game, got, c.Payoff)
	}
}

// TestRatesReferenceSpectra compares the spectra of J with rates.json.
func TestRatesReferenceSpectra(t *testing.T) {
	var ref struct {
		Cases []struct {
			Name string
			J    [][]float64
			Eig  [][2]float64 `json:"eig_J"`
		}
	}
	readFiniteJSON(t, "rates.json", &ref)
	for _, c := range ref.Cases {
		j := mat.NewDense(len(c.J), len(c.J), nil)
		for k, row := range c.J {
			j.SetRow(k, row)
		}
		sameSpectrum(t, c.Name, j, c.Eig)
	}
}

// TestIPDReferenceSpectrum compares the spectrum of J, and losses after 20 steps, with
// discrete.json.
func TestIPDReferenceSpectrum(t *testing.T) {
	var ref struct {
		Cases []struct {
			Game, Method string
			X, X0        []float64
			Eta          any
			Params       map[string]any
			Eig          [][2]float64 `json:"eig_J"`
			Losses       []float64    `json:"losses_at_20"`
		}
	}
	readFiniteJSON(t, "discrete.json", &ref)
	spectra, runs := 0, 0
	for _, c := range ref.Cases {
		g := must(NewIPD(IPDOptions{}))
		if c.Eig != nil {
			j := mat.NewDense(10, 10, nil)
			g.Jacobian(j, c.X)
			sameSpectrum(t, "ipd", j, c.Eig)
			spectra++
		}
		if c.Losses != nil {
			l, m := make([]float64, 2), must(methodOf(c.Method, c.Params))
			g.Losses(l, iterate(t, m, g, c.X0, 20, c.Eta.(float64))[20])
			referenceNear(t, fmt.Sprintf("ipd, %s: losses after 20 steps", c.Method), l, c.Losses)
			runs++
		}
	}
	if spectra != 1 || runs < 4 {
		t.Errorf("%d spectra and %d runs in discrete.json, want 1 and 4 at least", spectra, runs)
	}
}

// TestIPDExperimentRuns compares every single run of ipd_experiment.json, given with 8
// decimals, and the spread of the runs. Runs of opponent shaping pass unstable regions on
// their way: the tolerance of each is what starts shifted by a few roundings make of it.
func TestIPDExperimentRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds under the race detector")
	}
	var ref struct {
		X0      [][]float64
		Results map[string]struct {
			Std  []float64
			Runs []float64 `json:"per_run_player1"`
		}
	}
	readFiniteJSON(t, "ipd_experiment.json", &ref)
	params := map[string]any{"alpha": 1.0, "align": true, "lam": 1.0, "eps": 0.1, "gamma": 1.0, "a": 0.5, "b": 0.1}
	g := must(NewIPD(IPDOptions{Unscaled: true}))
	for name, r := range ref.Results {
		m := must(methodOf(name, params))
		if len(r.Runs) != len(ref.X0) {
			t.Fatalf("%s: %d runs from %d starts", name, len(r.Runs), len(ref.X0))
		}
		l, all := make([]float64, 2), [2][]float64{}
		spread := 0.0
		end := func(x0, shift []float64) [2]float64 {
			y := append([]float64(nil), x0...)
			kernel.Axpy(1e-14, shift, y)
			g.Losses(l, iterate(t, m, g, y, 100, 1)[100])
			return [2]float64{g.Normalised() * l[0], g.Normalised() * l[1]}
		}
		for i, x0 := range ref.X0 {
			shift, near := make([]float64, len(x0)), 0.0
			at := end(x0, shift)
			for k := range x0 {
				shift[k] = 1
				other := end(x0, shift)
				near = math.Max(near, farthest(other[:], at[:]))
				shift[k] = 0
			}
			for k := range all {
				all[k] = append(all[k], at[k])
			}
			spread = math.Max(spread, near)
			if d := math.Abs(at[0] - r.Runs[i]); !(d <= 6e-9+near) {
				t.Errorf("%s, run %d: loss %v, want %v within %.2g", name, i, at[0], r.Runs[i], 6e-9+near)
			}
		}
		if spread > 1e-3 {
			t.Errorf("%s: roundings change a run by %.2g, nothing is compared", name, spread)
		}
		t.Logf("%s: roundings change runs by up to %.2g", name, spread)
		for k, want := range r.Std {
			n := float64(len(all[k]))
			if got := stat.StdDev(all[k], nil) * math.Sqrt((n-1)/n); !(math.Abs(got-want) <= 1e-10+spread) {
				t.Errorf("%s: standard deviation of player %d is %v, want %v", name, k, got, want)
			}
		}
	}
}
