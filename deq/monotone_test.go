package deq

import (
	"context"
	"errors"
	"math"
	"math/cmplx"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

type monotoneCase struct {
	Activation string
	Z, DLdZ, S [][]float64
	DW, DA, DU [][]float64
	DB         [][]float64 `json:"dB"`
	Bias       []float64   `json:"db"`
	FBAlpha    float64     `json:"fb_alpha"`
	FBError    []float64   `json:"fb_error_first40"`
	PRAlpha    float64     `json:"pr_alpha"`
	PRError    []float64   `json:"pr_error_first20"`
}

type monotoneFile struct {
	M       float64
	A, U, X [][]float64
	B       [][]float64 `json:"B"`
	Bias    []float64   `json:"b"`
	W       [][]float64
	Rho     float64 `json:"rho_W"`
	MinSym  float64 `json:"lambda_min_sym_ImW"`
	NormImW float64 `json:"norm2_ImW"`
	FB      float64 `json:"fb_factor_bound"`
	PR      float64 `json:"pr_factor"`
	Cases   []monotoneCase
}

func monotoneOf[T flow.Float](t testing.TB, f *monotoneFile, act string) *Monotone[T] {
	m, err := NewMonotone(T(f.M), fromRows[T](f.A), fromRows[T](f.B), fromRows[T](f.U), fromVec[T](f.Bias), activationNamed(t, act))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMonotoneReferences(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testMonotoneReferences[float64](t, 1e-11) })
	t.Run("float32", func(t *testing.T) { testMonotoneReferences[float32](t, 1e-4) })
}

func testMonotoneReferences[T flow.Float](t *testing.T, tol float64) {
	ctx := context.Background()
	var f monotoneFile
	readReference(t, "mondeq.json", &f)
	for _, c := range f.Cases {
		m := monotoneOf[T](t, &f, c.Activation)
		if d := distance(m.Dense().W, f.W); d > tol/100 {
			t.Errorf("W differs by %g", d)
		}
		x, g := fromRows[T](f.X), fromRows[T](c.DLdZ)
		for _, s := range []Solver{nil, Auto{}, PeacemanRachford{}, PeacemanRachford{Alpha: 0.3}, ForwardBackward{}, Anderson{}, Newton{}, NewtonKrylov{}} {
			eq := &Equilibrium[T]{}
			o := tight[T](s)
			o.MaxEval = 20000
			if st, err := m.Solve(ctx, eq, x, o); err != nil || st.Status != flow.Converged {
				t.Fatalf("%s by %v: %v, %v", c.Activation, s, st.Status, err)
			}
			if d := distance(eq.Z, c.Z); d > tol {
				t.Errorf("%s by %v: Z differs by %g", c.Activation, s, d)
			}
			var mg MonotoneGrad[T]
			if _, err := m.Backward(ctx, &mg, eq, g, Backward{}, &BackwardOptions[T]{SolveOptions: *o}); err != nil {
				t.Fatalf("%s by %v: %v", c.Activation, s, err)
			}
			for name, d := range map[string]float64{
				"dW": distance(mg.Dense.W, c.DW), "dA": distance(mg.A, c.DA), "dB": distance(mg.Skew, c.DB),
				"dU": distance(mg.Dense.U, c.DU), "db": distance(kernel.MatrixOf(1, len(mg.Dense.B), mg.Dense.B), [][]float64{c.Bias}),
				"S": distance(eq.s, c.S),
			} {
				if d > 10*tol {
					t.Errorf("%s by %v: %s differs by %g", c.Activation, s, name, d)
				}
			}
		}
	}
}

// The errors of forward-backward and Peaceman-Rachford splitting, iterate by
// iterate, and the factors by which theory bounds their decay.
func TestSplittingErrors(t *testing.T) {
	var f monotoneFile
	readReference(t, "mondeq.json", &f)
	for _, c := range f.Cases {
		m := monotoneOf[float64](t, &f, c.Activation)
		want := fromRows[float64](c.Z)
		if a := m.forwardStep(); math.Abs(a-c.FBAlpha) > 1e-12 {
			t.Errorf("best α of forward-backward splitting is %v, want %v", a, c.FBAlpha)
		}
		cert, err := m.Dense().Certify()
		if err != nil || math.Abs(cert.Monotone-f.MinSym) > 1e-12 {
			t.Errorf("μ = %v, %v, want %v", cert.Monotone, err, f.MinSym)
		}
		mu, l, a := f.M, f.NormImW, c.FBAlpha
		if q := math.Sqrt(1 - 2*a*mu + a*a*l*l); math.Abs(q-f.FB) > 1e-9 {
			t.Errorf("bound of the forward-backward factor is %v, want %v", q, f.FB)
		}
		for _, run := range []struct {
			s      Solver
			want   []float64
			factor float64
			peace  bool
		}{{ForwardBackward{}, c.FBError, f.FB, false}, {PeacemanRachford{Alpha: c.PRAlpha}, c.PRError, 1, true}} {
			eq := &Equilibrium[float64]{}
			if err := m.dense.prepare(eq, fromRows[float64](f.X)); err != nil {
				t.Fatal(err)
			}
			eq.forward.set(&m.dense, eq.X)
			eq.split = monotoneMap[float64]{layerMap: &eq.forward, parent: m}
			ws := &SolveSpace[float64]{}
			z := kernel.NewMatrix[float64](want.Rows, want.Cols)
			if err := ws.begin(z, &eq.split, &SolveOptions[float64]{Solver: run.s}); err != nil {
				t.Fatal(err)
			}
			ws.eval()
			ws.advance()
			last := kernel.Nrm2(want.Data)
			for k, e := range run.want {
				it := append([]float64(nil), ws.z.Data...)
				if run.peace {
					ws.eval()
					for i, v := range ws.z.Data {
						it[i] = 2*v - ws.split.u[i] // u
					}
					eq.split.prox(it, it, c.PRAlpha, nil)
					ws.advance()
				} else {
					ws.eval()
					ws.advance()
				}
				kernel.SubTo(it, it, want.Data)
				got := kernel.Nrm2(it)
				if e > 1e-9 && math.Abs(got-e) > 1e-8*e {
					t.Errorf("%s by %s: error %d is %v, want %v", c.Activation, run.s.Name(), k, got, e)
				}
				if !run.peace && got > run.factor*last*(1+1e-9) {
					t.Errorf("%s by %s: error falls by %v only, want %v", c.Activation, run.s.Name(), got/last, run.factor)
				}
				last = got
			}
		}
	}
}

// ρ(W) > 1, and the factor |(I - α(I-W))(I + α(I-W))⁻¹|₂ = |2V - I|₂ by which
// Peaceman-Rachford splitting contracts, below its bound √(1 - 4αμ/(1+αL)²).
func TestSplittingFactors(t *testing.T) {
	var f monotoneFile
	readReference(t, "mondeq.json", &f)
	m := monotoneOf[float64](t, &f, "relu")
	n := len(m.B)
	var eig mat.Eigen
	if !eig.Factorize(mat.NewDense(n, n, append([]float64(nil), m.Dense().W.Data...)), mat.EigenNone) {
		t.Fatal("no eigenvalues")
	}
	rho := 0.0
	for _, v := range eig.Values(nil) {
		rho = math.Max(rho, cmplx.Abs(v))
	}
	if math.Abs(rho-f.Rho) > 1e-12 {
		t.Errorf("ρ(W) = %v, want %v", rho, f.Rho)
	}
	v, vt, err := m.inverse(1)
	if err != nil {
		t.Fatal(err)
	}
	c := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			c.Set(i, j, 2*v.At(i, j))
			if v.At(i, j) != vt.At(j, i) {
				t.Errorf("Vᵀ[%d, %d] = %v, want %v", j, i, vt.At(j, i), v.At(i, j))
			}
		}
		c.Set(i, i, c.At(i, i)-1)
	}
	var svd mat.SVD
	if !svd.Factorize(c, mat.SVDNone) {
		t.Fatal("no singular values")
	}
	q := svd.Values(nil)[0]
	if math.Abs(q-f.PR) > 1e-12 || q > math.Sqrt(1-4*f.M/math.Pow(1+f.NormImW, 2)) {
		t.Errorf("factor %v, want %v", q, f.PR)
	}
}

// Random monotone layers: certified errors hold, gradients pass a check by
// differences, for activations with no proximal map but prox_1.
func TestMonotoneGradients(t *testing.T) {
	ctx := context.Background()
	for q, act := range []Activation{Tanh(), ReLU(), LeakyReLU(0.2), Softplus(), Identity(), Atan(), Sigmoid()} {
		s := uint64(100 * (q + 1))
		const n, d, batch = 6, 3, 4
		a, skew, u, b, x, g := e(s, 3, n), e(s+1, n, n), e(s+2, n, d), e(s+3, 1, n).Data, e(s+4, batch, d), e(s+5, batch, n)
		m, err := NewMonotone(0.4, a, skew, u, b, act)
		if err != nil {
			t.Fatal(err)
		}
		loss := func() float64 {
			if err := m.Update(); err != nil {
				t.Fatal(err)
			}
			eq := &Equilibrium[float64]{}
			st, err := m.Solve(ctx, eq, x, tight[float64](nil))
			if err != nil || st.Status != flow.Converged {
				t.Fatal(act.Name, st.Status, err)
			}
			return kernel.Dot(eq.Z.Data, g.Data)
		}
		eq := &Equilibrium[float64]{}
		if _, err := m.Solve(ctx, eq, x, tight[float64](nil)); err != nil {
			t.Fatal(err)
		}
		exact := append([]float64(nil), eq.Z.Data...)
		var mg MonotoneGrad[float64]
		if _, err := m.Backward(ctx, &mg, eq, g, Backward{}, &BackwardOptions[float64]{SolveOptions: *tight[float64](nil)}); err != nil {
			t.Fatal(err)
		}
		if act.Name != "relu" || q == 1 {
			for name, p := range map[string]struct{ x, g []float64 }{"A": {a.Data, mg.A.Data}, "Skew": {skew.Data, mg.Skew.Data}, "U": {u.Data, mg.Dense.U.Data}, "b": {b, mg.Dense.B}} {
				for i := 0; i < len(p.x); i += 5 {
					const h = 1e-6
					old := p.x[i]
					p.x[i] = old + h
					up := loss()
					p.x[i] = old - h
					down := loss()
					p.x[i] = old
					if fd := (up - down) / (2 * h); math.Abs(fd-p.g[i]) > 1e-6*(1+math.Abs(fd)) {
						t.Errorf("%s: d%s[%d] = %v, difference quotient %v", act.Name, name, i, p.g[i], fd)
					}
				}
			}
		}
		m.Mu += 1e-6
		up := loss()
		m.Mu -= 2e-6
		down := loss()
		m.Mu = 0.4
		if fd := (up - down) / 2e-6; math.Abs(fd-mg.Mu) > 1e-6*(1+math.Abs(fd)) {
			t.Errorf("%s: dμ = %v, difference quotient %v", act.Name, mg.Mu, fd)
		}
		loss()
		for _, image := range []bool{false, true} {
			for k := 2; k < 40; k += 5 {
				eq := &Equilibrium[float64]{}
				st, err := m.Solve(ctx, eq, x, &SolveOptions[float64]{MaxEval: k, ReturnImage: image})
				if err != nil {
					t.Fatal(err)
				}
				for i := range batch {
					diff := make([]float64, n)
					kernel.SubTo(diff, eq.Z.Row(i), exact[i*n:(i+1)*n])
					if got := kernel.Nrm2(diff); got > st.CertifiedError+1e-12 {
						t.Errorf("%s: error %g after %d evaluations, certified %g", act.Name, got, k, st.CertifiedError)
					}
				}
				if math.IsInf(st.CertifiedError, 1) {
					t.Errorf("%s: no certified error", act.Name)
				}
			}
		}
	}
}

func TestMonotoneBadInput(t *testing.T) {
	const n = 3
	a, s, u, b := e(1, n, n), e(2, n, n), e(3, n, 2), make([]float64, n)
	nan := kernel.NewMatrix[float64](n, n)
	nan.Set(1, 1, math.NaN())
	for name, c := range map[string]struct {
		mu      float64
		a, s, u kernel.Matrix[float64]
		act     Activation
		want    error
	}{
		"mu":   {0, a, s, u, ReLU(), ErrArgument},
		"muN":  {math.NaN(), a, s, u, ReLU(), ErrArgument},
		"A":    {1, e(1, n, n+1), s, u, ReLU(), ErrShape},
		"Skew": {1, a, e(1, n+1, n), u, ReLU(), ErrShape},
		"U":    {1, a, s, e(1, n+1, 2), ReLU(), ErrShape},
		"act":  {1, a, s, u, GELU(), ErrArgument},
		"lip":  {1, a, s, u, WeakTanh(0.5), ErrArgument},
		"NaNA": {1, nan, s, u, ReLU(), ErrNotFinite},
		"NaNB": {1, a, nan, u, ReLU(), ErrNotFinite},
	} {
		if _, err := NewMonotone(c.mu, c.a, c.s, c.u, b, c.act); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	m, err := NewMonotone(1, a, s, u, b, Tanh())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Solver{PeacemanRachford{Alpha: 0.5}, ForwardBackward{}} {
		if _, err := m.Solve(context.Background(), &Equilibrium[float64]{}, e(4, 2, 2), &SolveOptions[float64]{Solver: s}); !errors.Is(err, ErrArgument) {
			t.Errorf("%s for tanh: %v, want ErrArgument", s.Name(), err)
		}
	}
}

// Goroutines share a layer, each with an Equilibrium of its own.
func TestMonotoneShared(t *testing.T) {
	const n = 8
	m, err := NewMonotone(0.5, e(1, n, n), e(2, n, n), e(3, n, 2), make([]float64, n), ReLU())
	if err != nil {
		t.Fatal(err)
	}
	x := e(4, 5, 2)
	var wg sync.WaitGroup
	z := make([]kernel.Matrix[float64], 6)
	for k := range z {
		wg.Add(1)
		go func() {
			defer wg.Done()
			eq := &Equilibrium[float64]{}
			if st, err := m.Solve(context.Background(), eq, x, &SolveOptions[float64]{Solver: PeacemanRachford{Alpha: 0.5 + float64(k%3)}, RelTol: 1e-13}); err != nil || st.Status != flow.Converged {
				t.Error(st, err)
			}
			z[k] = eq.Z
		}()
	}
	wg.Wait()
	for k := range z {
		if !near(z[k].Data, z[0].Data, 1e-11) {
			t.Errorf("solve %d differs", k)
		}
	}
}
