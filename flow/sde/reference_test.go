package sde

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

type reference struct {
	SDE struct {
		Seed   uint64
		Stream uint32
		Steps  int
		T, X0  float64
		FirstW []float64 `json:"first_W"`
		FirstH []float64 `json:"first_H"`
		Final  map[string]float64
	}
	Langevin struct {
		Seed            uint64
		Stream          uint32
		Steps           int
		H, Gamma, U     float64
		X0, V0          float64
		Final           map[string][]float64
		GradientFormula string `json:"gradient"`
	}
	Tree []struct {
		Seed   uint64
		Stream uint32
		T      float64 `json:"T"`
		K, L   int
		Time   float64 `json:"t"`
		W      float64 `json:"W"`
	} `json:"brownian_tree"`
	OU struct {
		Tau, Gamma, U float64
		VarV          float64 `json:"var_v"`
		VarX          float64 `json:"var_x"`
		Cov           float64
		Small         []struct {
			Tau  float64
			VarX float64 `json:"var_x"`
		}
	} `json:"ou_cov"`
}

func load(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("testdata/sde.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.SDE.Final) != 7 || len(r.Langevin.Final) != 2 || len(r.Tree) != 6 || len(r.OU.Small) != 3 {
		t.Fatalf("incomplete reference data: %+v", r)
	}
	return r
}

func near(t *testing.T, name string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v (off by %.2g, allowed %.2g)", name, got, want, got-want, tol)
	}
}

// sineSystem is dX = -sin X cos³X dt + cos²X dW in the sense of Itô, without
// drift in that of Stratonovich, of dimension n; X = arctan(W + tan X0).
func sineSystem[T flow.Float](n int, shape Shape, calculus Calculus) System[T] {
	drift := flow.FieldFunc(n, func(dst, x []T, _ float64) {
		clear(dst)
		if calculus == Ito {
			for i, v := range x {
				s, c := math.Sincos(float64(v))
				dst[i] = T(-s * c * c * c)
			}
		}
	})
	return Func(drift, Noise{Shape: shape, Calculus: calculus}, func(dst, x []T, _ float64) {
		for i, v := range x {
			c := math.Cos(float64(v))
			dst[i] = T(c * c)
		}
	})
}

// doubleWell is dX = (X-X³)dt + (1 + ½ sin t)dW.
func doubleWell[T flow.Float](n int, shape Shape) System[T] {
	drift := flow.FieldFunc(n, func(dst, x []T, _ float64) {
		for i, v := range x {
			dst[i] = v - v*v*v
		}
	})
	return Func(drift, Noise{Shape: shape, Channels: 1, Additive: true}, func(dst, _ []T, t float64) {
		for i := range dst {
			dst[i] = T(1 + math.Sin(t)/2)
		}
	})
}

func last[T flow.Float](t *testing.T, it flow.Integrator[T], x0 []T, h, t1 float64) []T {
	t.Helper()
	s, err := solve(it, x0, h, t1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func solve[T flow.Float](it flow.Integrator[T], x0 []T, h, t1 float64) ([]T, error) {
	r, err := flow.New(it, x0, flow.Options[T]{Controller: flow.Fixed{H: h}, T1: t1})
	if err != nil {
		return nil, err
	}
	s, err := r.Solve(context.Background())
	if err != nil {
		return nil, err
	}
	return s.X, nil
}

func TestReferenceIncrements(t *testing.T) {
	r := load(t).SDE
	p := Increments{Seed: r.Seed, Stream: r.Stream}
	h := r.T / float64(r.Steps)
	w, a := make([]float64, 1), make([]float64, 1)
	for i := range r.FirstW {
		if err := p.Increment(w, a, uint64(i), 0, h); err != nil {
			t.Fatal(err)
		}
		near(t, "ΔW", w[0], r.FirstW[i], 1e-16)
		near(t, "H", a[0], r.FirstH[i], 1e-16)
	}
}

func TestReferenceSDE(t *testing.T) { referenceSDE[float64](t, 1e-12) }

// TestReferenceSDE32 reaches the same end with the same noise up to rounding.
func TestReferenceSDE32(t *testing.T) { referenceSDE[float32](t, 3e-6) }

func referenceSDE[T flow.Float](t *testing.T, tol float64) {
	r := load(t).SDE
	p := Increments{Seed: r.Seed, Stream: r.Stream}
	for _, shape := range []Shape{Diagonal, Scalar} {
		ito, strat := sineSystem[T](1, shape, Ito), sineSystem[T](1, shape, Stratonovich)
		for name, it := range map[string]flow.Integrator[T]{
			"euler_maruyama":    EulerMaruyama(ito, p),
			"heun_stratonovich": Heun(strat, p),
			"milstein_platen":   Milstein(ito, p),
			"sriw1":             SRI1W1(ito, p),
		} {
			got := last(t, it, []T{T(r.X0)}, r.T/float64(r.Steps), r.T)
			near(t, name+" "+shape.String(), float64(got[0]), r.Final[name], tol)
		}
	}
	for _, shape := range []Shape{Diagonal, Scalar, General} {
		s := doubleWell[T](1, shape)
		for name, it := range map[string]flow.Integrator[T]{"sra1_additive": SRA1(s, p), "em_additive": EulerMaruyama(s, p)} {
			got := last(t, it, []T{T(r.X0)}, r.T/float64(r.Steps), r.T)
			near(t, name+" "+shape.String(), float64(got[0]), r.Final[name], tol)
		}
	}
}

// well is the double well E = x⁴/4 - x²/2 of the references, in n dimensions.
func well[T flow.Float](n int) flow.Energy[T] {
	return flow.EnergyFunc(n, func(g, x []T) float64 {
		e := 0.0
		for i, v := range x {
			if g != nil {
				g[i] = v*v*v - v
			}
			e += float64(v*v*v*v/4 - v*v/2)
		}
		return e
	})
}

func TestReferenceLangevin(t *testing.T) { referenceLangevin[float64](t, 1e-12) }

func TestReferenceLangevin32(t *testing.T) { referenceLangevin[float32](t, 2e-5) }

func referenceLangevin[T flow.Float](t *testing.T, tol float64) {
	r := load(t).Langevin
	k, err := Underdamped(well[T](1), r.Gamma, r.U)
	if err != nil {
		t.Fatal(err)
	}
	p := Increments{Seed: r.Seed, Stream: r.Stream}
	for name, it := range map[string]flow.Integrator[T]{"baoab": BAOAB(k, p), "ubu": UBU(k, p)} {
		got := last(t, it, []T{T(r.X0), T(r.V0)}, r.H, r.H*float64(r.Steps))
		for i, want := range r.Final[name] {
			near(t, name, float64(got[i]), want, tol)
		}
	}
}

func TestReferenceTree(t *testing.T) {
	for _, r := range load(t).Tree {
		b, err := NewTree(r.Seed, r.Stream, 0, r.T)
		if err != nil {
			t.Fatal(err)
		}
		w := make([]float64, 1)
		if err := b.At(w, r.Time); err != nil {
			t.Fatal(err)
		}
		near(t, "W", w[0], r.W, 1e-15)
	}
}

func TestReferenceOU(t *testing.T) {
	r := load(t).OU
	rel := func(name string, got, want, tol float64) {
		t.Helper()
		if !(math.Abs(got/want-1) <= tol) {
			t.Errorf("%s: got %v, want %v (relative error %.2g, allowed %.2g)", name, got, want, got/want-1, tol)
		}
	}
	vx, cov, vv := OUCovariance(r.Tau, r.Gamma, r.U)
	rel("Var x", vx, r.VarX, 1e-14)
	rel("Cov", cov, r.Cov, 1e-14)
	rel("Var v", vv, r.VarV, 1e-14)
	for _, s := range r.Small {
		// The reference keeps 13 digits at τ = 1e-6 (cancellation in 30 digits);
		// the series of Var x in s = γτ has all of them.
		vx, _, _ := OUCovariance(s.Tau, r.Gamma, r.U)
		rel("Var x at small τ", vx, s.VarX, 1e-13)
		x := r.Gamma * s.Tau
		series := r.U * r.Gamma * s.Tau * s.Tau * s.Tau * (2./3 - x/2 + 7*x*x/30 - x*x*x/12 + 31*x*x*x*x/1260 - x*x*x*x*x/160 + 127*x*x*x*x*x*x/90720)
		rel("Var x at small τ, series", vx, series, 1e-14)
	}
	// Γ = 2, h = 0.1, 20 digits.
	vx, cov, vv = OUCovariance(0.1, 2, 1)
	rel("Var x", vx, 0.0011507415690720334838, 1e-14)
	rel("Cov", cov, 0.016429269939837791702, 1e-14)
	rel("Var v", vv, 0.32967995396436069926, 1e-14)
	l := ouFactor(0.1, 2, 1)
	rel("Var(x|v)", l.xx*l.xx, 0.00033200537504418288169, 1e-14)
}
