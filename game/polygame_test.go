package game

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/internal/philox"
)

// randomGame returns a polynomial game with random losses of the given degree.
func randomGame(t testing.TB, blocks []int, degree, terms int, seed int) *Polynomial {
	t.Helper()
	r := rand.New(philox.NewSource(uint64(degree), seed))
	n := sum(blocks)
	losses := make([]*Poly, len(blocks))
	for i := range losses {
		losses[i] = NewPoly(n)
		for range terms {
			e := make([]int, n)
			for range 1 + r.IntN(degree) {
				e[r.IntN(n)]++
			}
			losses[i].Add(r.NormFloat64(), e...)
		}
	}
	g, err := NewPolynomial(blocks, losses)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func randomPoint(n, seed int) []float64 {
	r := rand.New(philox.NewSource(77, seed))
	x := make([]float64, n)
	for k := range x {
		x[k] = r.NormFloat64()
	}
	return x
}

// TestPolynomialDerivatives compares every derivative of random games with differences.
func TestPolynomialDerivatives(t *testing.T) {
	for seed, blocks := range [][]int{{1, 1}, {2, 1}, {1, 3, 2}, {4}} {
		g := randomGame(t, blocks, 5, 12, seed)
		n := sum(blocks)
		x, u := randomPoint(n, seed), randomPoint(n, seed+100)
		plain := Numeric(closedGame{blocks, g.Losses, g.Field})
		near := func(what string, got, want []float64, tol float64) {
			t.Helper()
			for k, v := range want {
				if math.Abs(got[k]-v) > tol*math.Max(1, math.Abs(v)) {
					t.Errorf("blocks %v: %s[%d] = %v, differences give %v", blocks, what, k, got[k], v)
				}
			}
		}
		a, b := make([]float64, n), make([]float64, n)
		losses := make([]float64, len(blocks))
		g.Losses(losses, x)
		g.Field(a, x)
		for i := range blocks {
			if want := g.Loss(i).Eval(x); math.Abs(losses[i]-want) > 1e-13*math.Max(1, math.Abs(want)) {
				t.Errorf("blocks %v: loss %v, want %v", blocks, losses[i], want)
			}
			g.Loss(i).Grad(b, x)
			near("xi", a[g.start[i]:g.start[i+1]], b[g.start[i]:g.start[i+1]], 1e-13)
			g.Gradient(a, i, x)
			near("gradient", a, b, 1e-13)
			g.Field(a, x)
			plain.Gradient(b, i, x)
			grad := make([]float64, n)
			g.Gradient(grad, i, x)
			near("gradient by differences", grad, b, 1e-7)
		}
		p, q := mat.NewDense(n, n, nil), mat.NewDense(n, n, nil)
		g.Jacobian(p, x)
		plain.Jacobian(q, x)
		near("J", p.RawMatrix().Data, q.RawMatrix().Data, 1e-7)
		g.JVP(a, x, u)
		plain.JVP(b, x, u)
		near("Ju", a, b, 1e-7)
		mulVec(b, p, u)
		near("Ju from J", a, b, 1e-13)
		g.VJP(a, x, u)
		plain.VJP(b, x, u)
		near("J'u", a, b, 1e-7)
		for i, d := range blocks {
			h, k := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
			g.Hessian(h, i, x)
			plain.Hessian(k, i, x)
			near("Hessian", h.RawSymmetric().Data, k.RawSymmetric().Data, 2e-5)
			own, mine := mat.NewSymDense(d, nil), mat.NewSymDense(d, nil)
			g.OwnHessian(own, i, x)
			plain.OwnHessian(mine, i, x)
			near("own Hessian", own.RawSymmetric().Data, mine.RawSymmetric().Data, 1e-7)
			for r := range d {
				for c := range d {
					if own.At(r, c) != h.At(g.start[i]+r, g.start[i]+c) {
						t.Errorf("own Hessian is not the block of the Hessian")
					}
				}
			}
			// Differences of the exact gradients.
			half := Numeric(gradientGame{closedGame{blocks, g.Losses, g.Field}, g})
			half.Hessian(k, i, x)
			near("Hessian from gradients", h.RawSymmetric().Data, k.RawSymmetric().Data, 1e-6)
		}
	}
}

// gradientGame offers gradients and nothing else.
type gradientGame struct {
	closedGame
	g *Polynomial
}

func (g gradientGame) Gradient(dst []float64, player int, x []float64) { g.g.Gradient(dst, player, x) }

// TestBatch compares batched fields with one state at a time, in both types, for sparse,
// dense and affine games and numbers of lanes around the block sizes.
func TestPolyBatch(t *testing.T) {
	linear, _ := randomLinear(t, 7, 1)
	games := map[string]*Polynomial{
		"sparse": randomGame(t, []int{1, 2, 1, 3}, 4, 6, 1),
		"dense":  randomGame(t, []int{1, 1}, 3, 60, 2),
		"affine": linear,
	}
	if len(NewPolyBatch[float64](games["dense"]).field.dense.Data) == 0 || len(NewPolyBatch[float64](games["sparse"]).field.dense.Data) > 0 {
		t.Error("the games do not test both kinds of combinations")
	}
	for name, g := range games {
		for _, lanes := range []int{1, 3, 64, 255, 300} {
			testBatchOf[float64](t, name, g, lanes, 1e-13)
			testBatchOf[float32](t, name, g, lanes, 2e-5)
			testBatchOf[float64](t, name+" lane by lane", closedGame{g.Blocks(), g.Losses, g.Field}, lanes, 1e-13)
		}
	}
}

func testBatchOf[T flow.Float](t *testing.T, name string, g Game, lanes int, tol float64) {
	t.Helper()
	n := Dim(g)
	b := Batched[T](g)
	if b.Dim() != n {
		t.Fatalf("%s: dimension %d, want %d", name, b.Dim(), n)
	}
	x, f := make([]T, n*lanes), make([]T, n*lanes)
	for i, v := range randomPoint(n*lanes, lanes) {
		x[i] = T(v)
	}
	b.EvalBatch(f, x, lanes)
	y, want := make([]float64, n), make([]float64, n)
	for s := range lanes {
		size := 1.0
		for k := range y {
			y[k] = float64(x[k*lanes+s])
			size = math.Max(size, math.Abs(y[k]))
		}
		g.Field(want, y)
		size = 30 * size * size * size // the sum of absolute terms is about that
		for k, v := range want {
			if math.Abs(float64(f[k*lanes+s])-v) > tol*size {
				t.Fatalf("%s: state %d of %d: xi[%d] = %v, want %v", name, s, lanes, k, f[k*lanes+s], v)
			}
		}
	}
}

func TestPolynomialClone(t *testing.T) {
	g := randomGame(t, []int{1, 2}, 4, 8, 3)
	x := randomPoint(3, 1)
	want := make([]float64, 3)
	g.Field(want, x)
	j := mat.NewDense(3, 3, nil)
	g.Jacobian(j, x)
	done := make(chan bool)
	for range 2 { // the race detector watches
		c := g.Clone().(*Polynomial)
		go func() {
			f, k, ok := make([]float64, 3), mat.NewDense(3, 3, nil), true
			for range 100 {
				c.Field(f, x)
				c.Jacobian(k, x)
				ok = ok && f[0] == want[0] && f[2] == want[2] && mat.Equal(j, k)
			}
			done <- ok
		}()
	}
	for range 2 {
		if !<-done {
			t.Error("a clone computes something else")
		}
	}
}

func TestPolynomialBadInput(t *testing.T) {
	p := NewPoly(2).Add(1, 1, 1)
	nan := NewPoly(2).Add(math.NaN(), 1, 1)
	for name, c := range map[string]struct {
		blocks []int
		losses []*Poly
		want   error
	}{
		"no players":   {nil, nil, ErrShape},
		"empty player": {[]int{2, 0}, []*Poly{p, p}, ErrShape},
		"sum":          {[]int{1, 2}, []*Poly{p, p}, ErrShape},
		"few losses":   {[]int{1, 1}, []*Poly{p}, ErrShape},
		"nil loss":     {[]int{1, 1}, []*Poly{p, nil}, ErrArgument},
		"NaN":          {[]int{1, 1}, []*Poly{p, nan}, ErrNotFinite},
		"infinite sum": {[]int{1, 1}, []*Poly{p, NewPoly(2).Add(math.Inf(-1), 0, 0)}, ErrNotFinite},
	} {
		if _, err := NewPolynomial(c.blocks, c.losses); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	if _, err := Affine([]int{2}, mat.NewDense(2, 2, []float64{1, 2, 3, 4}), nil); !errors.Is(err, ErrArgument) {
		t.Errorf("curl within a player: error %v", err)
	}
	if _, err := Affine([]int{1, 1}, mat.NewDense(2, 3, nil), nil); !errors.Is(err, ErrShape) {
		t.Errorf("J of wrong shape: error %v", err)
	}
	if _, err := Quadratic([]int{1, 1}, []mat.Symmetric{mat.NewSymDense(3, nil), nil}, [][]float64{nil, nil}); !errors.Is(err, ErrShape) {
		t.Errorf("Q of wrong shape: error %v", err)
	}
	g, err := NewPolynomial([]int{1, 1}, []*Poly{p, p})
	if err != nil {
		t.Fatal(err)
	}
	wantPanics(t, map[string]func(){
		"field":   func() { g.Field(make([]float64, 2), make([]float64, 3)) },
		"losses":  func() { g.Losses(make([]float64, 3), make([]float64, 2)) },
		"batch":   func() { Batched[float64](g).EvalBatch(make([]float64, 4), make([]float64, 4), 3) },
		"numeric": func() { Numeric(nil) },
	})
}

func TestQuadratic(t *testing.T) {
	q := []mat.Symmetric{mat.NewSymDense(3, []float64{2, 1, 0, 1, 3, -1, 0, -1, 5}), nil}
	g, err := Quadratic([]int{2, 1}, q, [][]float64{{1, -2, 3}, {0, 0, 4}})
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{0.5, -1, 2}
	f := make([]float64, 3)
	g.Field(f, x)
	for k, want := range []float64{2*0.5 - 1 + 1, 0.5 - 3 - 2 - 2, 4} {
		if math.Abs(f[k]-want) > 1e-15 {
			t.Errorf("xi[%d] = %v, want %v", k, f[k], want)
		}
	}
	if want := "x^2 + x*y + 1.5*y^2 - y*z + 2.5*z^2 + x - 2*y + 3*z"; g.Loss(0).String() != want {
		t.Errorf("loss %v, want %v", g.Loss(0), want)
	}
}

func TestFlow(t *testing.T) {
	g := quartic3(t)
	x := []float64{0.3, -0.7, 0.5}
	xi := make([]float64, 3)
	g.Field(xi, x)
	f, err := Flow(g, 1, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float64, 3)
	f.Eval(got, x, 0)
	j := mat.NewDense(3, 3, nil)
	g.Jacobian(j, x)
	c := flow.CapsOf[float64](f)
	jac, jv := make([]float64, 9), make([]float64, 3)
	c.Jacobian(jac, x, 0)
	u := []float64{1, -2, 0.5}
	c.JacVec(jv, x, u, 0)
	for k := range 3 {
		rate := float64(k + 1)
		if got[k] != -rate*xi[k] {
			t.Errorf("flow[%d] = %v, want %v", k, got[k], -rate*xi[k])
		}
		want := 0.0
		for l := range 3 {
			if jac[3*k+l] != -rate*j.At(k, l) {
				t.Errorf("Jacobian of the flow [%d, %d] = %v, want %v", k, l, jac[3*k+l], -rate*j.At(k, l))
			}
			want -= rate * j.At(k, l) * u[l]
		}
		if math.Abs(jv[k]-want) > 1e-14 {
			t.Errorf("J'v[%d] = %v, want %v", k, jv[k], want)
		}
	}
	for name, c := range map[string]struct {
		g     Game
		rates []float64
		want  error
	}{
		"nil":      {nil, nil, ErrArgument},
		"length":   {g, []float64{1, 2}, ErrShape},
		"zero":     {g, []float64{0}, ErrArgument},
		"negative": {g, []float64{1, 1, -1}, ErrArgument},
		"NaN":      {g, []float64{math.NaN()}, ErrArgument},
	} {
		if _, err := Flow(c.g, c.rates...); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

// BenchmarkPolyBatch has about 60 monomials in four coordinates.
func BenchmarkPolyBatch(b *testing.B) {
	g := randomGame(b, []int{1, 1, 1, 1}, 4, 20, 1)
	linear, _ := randomLinear(b, 100, 1)
	b.Run("quartic/float64", func(b *testing.B) { benchBatch[float64](b, g) })
	b.Run("quartic/float32", func(b *testing.B) { benchBatch[float32](b, g) })
	b.Run("linear100/float64", func(b *testing.B) { benchBatch[float64](b, linear) })
	b.Run("linear100/float32", func(b *testing.B) { benchBatch[float32](b, linear) })
}

func benchBatch[T flow.Float](b *testing.B, g *Polynomial) {
	const lanes = 1024
	f := Batched[T](g)
	x, dst := make([]T, g.n*lanes), make([]T, g.n*lanes)
	for i, v := range randomPoint(g.n*lanes, 1) {
		x[i] = T(v)
	}
	f.EvalBatch(dst, x, lanes)
	b.ReportAllocs()
	for b.Loop() {
		f.EvalBatch(dst, x, lanes)
	}
	b.ReportMetric(lanes*float64(b.N)/b.Elapsed().Seconds(), "states/s")
}
