package flow

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// TestBandMatrix compares the factors of random band matrices, which need row
// exchanges, with dense ones.
func TestBandMatrix(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		n    int
		b    Band
		symm bool
	}{{1, Band{}, false}, {7, Band{1, 1}, false}, {40, Band{3, 1}, false}, {40, Band{1, 4}, false}, {5, Band{9, 9}, false}, {30, Band{0, 2}, false},
		{1, Band{}, true}, {9, Band{1, 1}, true}, {40, Band{4, 4}, true}} {
		m, d := newBandMatrix(c.n, c.b, c.symm), newDense(c.n, c.symm)
		for i := range c.n {
			for j := range c.n {
				if j-i > c.b.Upper || i-j > c.b.Lower || c.symm && j < i {
					continue
				}
				v := rng.NormFloat64()
				if c.symm {
					if i == j {
						v += 10
					}
					m.a[i*m.width+j-i] = v
				} else {
					m.a[i*m.width+j-i+c.b.Lower] = v
				}
				d.a[i*c.n+j] = v
			}
		}
		if !m.factor() || !d.factor() {
			t.Fatalf("%+v: not factored", c)
		}
		x, y := make([]float64, c.n), make([]float64, c.n)
		for i := range x {
			x[i] = rng.NormFloat64()
			y[i] = x[i]
		}
		m.solve(x)
		d.solve(y)
		for i := range x {
			if !(math.Abs(x[i]-y[i]) <= 1e-9*(1+math.Abs(y[i]))) {
				t.Errorf("%+v: x[%d] = %v, dense %v", c, i, x[i], y[i])
			}
		}
	}
	if newBandMatrix(3, Band{1, 1}, false).factor() || newBandMatrix(3, Band{1, 1}, true).factor() {
		t.Error("the zero matrix was factored")
	}
	nan := newBandMatrix(2, Band{1, 1}, false)
	nan.a[1] = math.NaN()
	if nan.factor() {
		t.Error("NaN was factored")
	}
}

// advection is a stiff system with two diagonals below and one above.
func advection(n int, caps Caps[float64]) Field[float64] {
	caps.Band, caps.Autonomous = &Band{Lower: 2, Upper: 1}, true
	at := func(x []float64, i int) float64 {
		if i < 0 || i >= len(x) {
			return 0
		}
		return x[i]
	}
	return capable[float64]{FieldFunc(n, func(d, x []float64, _ float64) {
		for i, v := range x {
			d[i] = 1e3*(at(x, i-1)-2*v+at(x, i+1)) + float64(50+10*i)*at(x, i-2) - v*v*v + 1
		}
	}), caps}
}

// TestBandJacobian compares the diagonals with the columns of the whole matrix, with
// more diagonals on either side.
func TestBandJacobian(t *testing.T) {
	const n = 9
	x, fx := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = math.Sin(float64(i + 1))
	}
	lower := advection(n, Caps[float64]{})
	upper := capable[float64]{FieldFunc(n, func(d, x []float64, _ float64) { // the same, mirrored
		y, e := make([]float64, n), make([]float64, n)
		for i, v := range x {
			y[n-1-i] = v
		}
		lower.Eval(e, y, 0)
		for i, v := range e {
			d[n-1-i] = v
		}
	}), Caps[float64]{Band: &Band{Lower: 1, Upper: 2}}}
	for _, f := range []Field[float64]{lower, upper} {
		tol := Tol{Rel: 1e-6, Abs: 1e-9}
		l := newShifted(f, false)
		if err := l.init(n, &tol); err != nil {
			t.Fatal(err)
		}
		var tr Trial
		f.Eval(fx, x, 0)
		l.linearise(&tr, x, fx, 0)
		if b := l.shape; tr.Evals != b.width() {
			t.Errorf("%+v: %d evaluations", b, tr.Evals)
		}
		full := make([]float64, n*n)
		l.jacobian(&tr, full, x, fx, make([]float64, n), 0)
		for i := range n {
			for j := range n {
				got := 0.0
				if d := j - i + l.shape.Lower; d >= 0 && d < l.shape.width() {
					got = l.jac[i*l.shape.width()+d]
				}
				if !(math.Abs(got-full[i*n+j]) <= 1e-3) {
					t.Errorf("%+v: J[%d][%d] = %v, by columns %v", l.shape, i, j, got, full[i*n+j])
				}
			}
		}
	}
}

// TestBandSolvers: a band is solved as the dense matrix is, with as many
// evaluations for a Jacobian as it has diagonals, and also in large dimensions.
func TestBandSolvers(t *testing.T) {
	const n = 60
	x0 := make([]float64, n)
	for i := range x0 {
		x0[i] = math.Sin(float64(i))
	}
	plain := FieldFunc(n, advection(n, Caps[float64]{}).Eval)
	ref, err := Solve(context.Background(), plain, x0, Options[float64]{Method: Rodas5P, T1: 0.5, RelTol: 1e-9, AbsTol: 1e-10})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Field[float64]{
		"differences": advection(n, Caps[float64]{}),
		"products": advection(n, Caps[float64]{JacVec: func(dst, x, v []float64, _ float64) {
			for i := range v {
				dst[i] = (-2e3 - 3*x[i]*x[i]) * v[i]
				if i > 0 {
					dst[i] += 1e3 * v[i-1]
				}
				if i > 1 {
					dst[i] += float64(50+10*i) * v[i-2]
				}
				if i < len(v)-1 {
					dst[i] += 1e3 * v[i+1]
				}
			}
		}}),
	} {
		for _, m := range []Method{Rodas5P, TRBDF2} {
			sol, err := Solve(context.Background(), f, x0, Options[float64]{Method: m, T1: 0.5, RelTol: 1e-6, AbsTol: 1e-8})
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range sol.X {
				if !(math.Abs(v-ref.X[i]) <= 1e-4) {
					t.Fatalf("%s %v: x[%d] = %v, want %v", name, m, i, v, ref.X[i])
				}
			}
			if s := sol.Stats; m == Rodas5P && name == "differences" && s.Evals != 1+s.Accepted+7*(s.Accepted+s.Rejected)+4*s.Jacobians {
				t.Errorf("%+v, want four evaluations a Jacobian", s)
			}
		}
	}
	heat := func(n int) Field[float64] { return GradientFlow[float64](heatEnergy{n}) }
	for _, n := range []int{63, 5000} {
		x := make([]float64, n)
		for i := range x {
			x[i] = math.Sin(math.Pi * float64(i+1) / float64(n+1))
		}
		s := math.Sin(math.Pi / float64(2*n+2))
		want := math.Exp(-0.05 * 4 * float64(n+1) * float64(n+1) * s * s)
		for _, m := range []Method{Rodas4, TRBDF2, Proximal} {
			it := ODE(heat(n), m)
			r, err := New(it, append([]float64{}, x...), Options[float64]{Controller: m.controller(), T1: 0.05, RelTol: 1e-3, AbsTol: 1e-6})
			if err != nil {
				t.Fatal(err)
			}
			if got := solverOf(it); got != byBandCholesky {
				t.Fatalf("solver %v, want the Cholesky factors of a band", got)
			}
			sol, err := r.Solve(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i, v := range sol.X {
				worst = max(worst, math.Abs(v-want*x[i]))
			}
			t.Logf("n = %d %v: error %.2g, %+v", n, m, worst, sol.Stats)
			// No local error is above 1e-3, and none grows.
			if !(worst <= 1e-3*float64(sol.Stats.Accepted)) {
				t.Errorf("n = %d %v: error %.3g", n, m, worst)
			}
		}
	}
	if _, err := New(ODE(capable[float64]{plain, Caps[float64]{Band: &Band{Lower: -1}}}, Rodas4), x0, Options[float64]{T1: 1}); err == nil {
		t.Error("a negative bandwidth was accepted")
	}
}

// heatEnergy is Σ (n+1)²/2 (x_{i+1} - x_i)², zero beyond the ends: a tridiagonal
// Hessian.
type heatEnergy struct{ n int }

func (h heatEnergy) Dim() int { return h.n }

func (h heatEnergy) EnergyGrad(g, x []float64) float64 {
	e, c, last := 0.0, float64(h.n+1)*float64(h.n+1), 0.0
	for i, v := range x {
		next := 0.0
		if i+1 < h.n {
			next = x[i+1]
		}
		e += c / 2 * (v - last) * (v - last)
		if g != nil {
			g[i] = c * (2*v - last - next)
		}
		last = v
	}
	return e + c/2*last*last
}

func (heatEnergy) Caps() Caps[float64] { return Caps[float64]{Band: &Band{Lower: 1, Upper: 1}} }
