package flow

import (
	"context"
	"errors"
	"math"
	"strconv"
	"testing"
)

// TestCollocationTable compares the table of Radau nodes with the reference, and its
// error estimate with Hairer and Wanner's.
func TestCollocationTable(t *testing.T) {
	var ref struct {
		Radau struct {
			A    [][]string
			B, C []string
		} `json:"radau_iia5"`
	}
	readJSON(t, "tableaux_other.json", &ref)
	m := RadauIIA5.(*collocation)
	near := func(what string, got []float64, want []string) {
		t.Helper()
		for i, s := range want {
			if v, err := strconv.ParseFloat(s, 64); err != nil || !(math.Abs(got[i]-v) <= 1e-15) {
				t.Errorf("%s[%d] = %.17g, want %s", what, i, got[i], s)
			}
		}
	}
	for i, row := range ref.Radau.A {
		near("a["+strconv.Itoa(i)+"]", m.a[i], row)
	}
	near("b", m.b, ref.Radau.B)
	near("c", m.c, ref.Radau.C)
	r6 := math.Sqrt(6)
	for i, want := range []float64{(-13 - 7*r6) / 3, (-13 + 7*r6) / 3, -1. / 3} {
		if !(math.Abs(m.e[i]-want) <= 1e-13) {
			t.Errorf("e[%d] = %v, want %v", i, m.e[i], want)
		}
	}
	// The real eigenvalue of A⁻¹ is 3 + 3^(2/3) - 3^(1/3).
	if want := 3 + math.Cbrt(9) - math.Cbrt(3); !(math.Abs(m.spec.gamma-want) <= 1e-14) {
		t.Errorf("gamma = %v, want %v", m.spec.gamma, want)
	}
}

// TestCollocationOrderConditions checks Σ b_i Φ_i(t) = 1/γ(t) for every rooted tree, and
// the block diagonal form of A⁻¹.
func TestCollocationOrderConditions(t *testing.T) {
	for _, method := range []Method{RadauIIA5, Gauss4, Gauss6} {
		m := method.(*collocation)
		failed := false
		for _, tr := range trees(m.order + 1) {
			sum := 0.0
			for i, v := range elementary(m.a, tr) {
				sum += m.b[i] * v
			}
			good := math.Abs(sum-1/tr.gamma()) <= 1e-15
			if tr.order() <= m.order && !good {
				t.Errorf("%v: tree %v: %v, want %v", m, tr, sum, 1/tr.gamma())
			}
			failed = failed || !good
		}
		if !failed {
			t.Errorf("%v: has order %d, says %d", m, m.order+1, m.order)
		}
		one := multiply(m.a, m.inv)
		block := multiply(m.spec.inv, multiply(m.inv, m.spec.t))
		for i := range one {
			for j := range one {
				if want := map[bool]float64{true: 1}[i == j]; !(math.Abs(one[i][j]-want) <= 1e-14) {
					t.Errorf("%v: (A A^-1)[%d][%d] = %v", m, i, j, one[i][j])
				}
				want, k := 0.0, len(m.c)%2
				switch {
				case i < k && j < k:
					want = m.spec.gamma
				case i < k || j < k || (i-k)/2 != (j-k)/2:
				case i == j:
					want = real(m.spec.pairs[(i-k)/2])
				case i < j:
					want = imag(m.spec.pairs[(i-k)/2])
				default:
					want = -imag(m.spec.pairs[(i-k)/2])
				}
				if !(math.Abs(block[i][j]-want) <= 1e-13) {
					t.Errorf("%v: block form [%d][%d] = %v, want %v", m, i, j, block[i][j], want)
				}
			}
		}
	}
}

// TestRadauTight: what RadauIIA5 reaches at a tolerance of 1e-7 KenCarp4 needs 1e-9
// and more steps for.
func TestRadauTight(t *testing.T) {
	for name, p := range stiffProblems() {
		run := func(m Method, rtol float64) (steps int, e float64) {
			sol, err := Solve(context.Background(), p.exact(), p.y0, Options[float64]{Method: m, T1: p.T, RelTol: rtol, AbsTol: rtol / 1000})
			if err != nil {
				t.Fatalf("%s %v: %v", name, m, err)
			}
			return sol.Stats.Accepted, solutions(t)[name].relErr(sol.X)
		}
		steps, e := run(RadauIIA5, 1e-7)
		more, e2 := run(KenCarp4, 1e-9)
		t.Logf("%s: error %.2g in %d steps, KenCarp4 %.2g in %d", name, e, steps, e2, more)
		if !(e <= 2*e2 && steps < more) {
			t.Errorf("%s: error %.2g in %d steps, KenCarp4 %.2g in %d", name, e, steps, e2, more)
		}
	}
}

// TestGaussInvariants: quadratic invariants are kept to rounding, the energy of a
// pendulum up to its bounded modification of order h⁴ or h⁶.
func TestGaussInvariants(t *testing.T) {
	// The rigid body x' = (a y z, b z x, c x y), a+b+c = 0, keeps |x|².
	body := FieldFunc(3, func(d, x []float64, _ float64) {
		d[0], d[1], d[2] = 1.2*x[1]*x[2], -0.9*x[2]*x[0], -0.3*x[0]*x[1]
	})
	pendulum := HeavyBall(EnergyFunc(1, func(g, x []float64) float64 {
		if g != nil {
			g[0] = math.Sin(x[0])
		}
		return -math.Cos(x[0])
	}), 0)
	for m, drift := range map[Method]float64{Gauss4: 2e-4, Gauss6: 2e-6} {
		sol, err := Solve(context.Background(), body, []float64{1, 2, -0.5}, Options[float64]{Method: m, Controller: Fixed{0.2}, T1: 200})
		if err != nil {
			t.Fatal(err)
		}
		n := sol.X[0]*sol.X[0] + sol.X[1]*sol.X[1] + sol.X[2]*sol.X[2]
		if !(math.Abs(n-5.25) <= 1e-12) {
			t.Errorf("%v: |x|^2 = %v after 1000 steps, want 5.25", m, n)
		}
		worst := map[bool]float64{}
		for s, err := range Steps(context.Background(), pendulum, []float64{1, 0}, Options[float64]{Method: m, Controller: Fixed{0.4}, T1: 800}) {
			if err != nil {
				t.Fatal(err)
			}
			worst[s.T > 400] = max(worst[s.T > 400], math.Abs(s.X[1]*s.X[1]/2-math.Cos(s.X[0])+math.Cos(1)))
		}
		t.Logf("%v: energy error %.2g, %.2g", m, worst[false], worst[true])
		if !(worst[true] <= drift && worst[true] <= 1.1*worst[false]) {
			t.Errorf("%v: energy error %.3g in the first half, %.3g in the second", m, worst[false], worst[true])
		}
	}
}

func TestCollocationTooLarge(t *testing.T) {
	f := FieldFunc(501, func(d, x []float64, _ float64) { copy(d, x) })
	if _, err := Solve(context.Background(), f, make([]float64, 501), Options[float64]{Method: RadauIIA5, T1: 1}); !errors.Is(err, ErrArgument) {
		t.Errorf("dimension 501: %v", err)
	}
	if _, err := Solve(context.Background(), FieldFunc(1, func(d, x []float64, _ float64) { copy(d, x) }), []float64{1}, Options[float64]{Method: Krylov{RadauIIA5}, T1: 1}); !errors.Is(err, ErrArgument) {
		t.Errorf("Krylov{RadauIIA5}: %v", err)
	}
}
