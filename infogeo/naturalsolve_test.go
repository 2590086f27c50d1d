package infogeo

import (
	"encoding/csv"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// irisData returns the 150 rows of the iris data (Fisher 1936; as distributed with R) with
// an intercept, and their classes.
func irisData(t testing.TB) (kernel.Matrix[float64], []int) {
	t.Helper()
	f, err := os.Open("testdata/iris.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 151 {
		t.Fatal(len(rows), err)
	}
	x, y := kernel.NewMatrix[float64](150, 5), make([]int, 150)
	for i, r := range rows[1:] {
		x.Set(i, 0, 1)
		for j := range 4 {
			v, err := strconv.ParseFloat(r[j], 64)
			if err != nil {
				t.Fatal(err)
			}
			x.Set(i, j+1, v)
		}
		y[i], _ = strconv.Atoi(r[4])
	}
	return x, y
}

func softmaxModel(t testing.TB, x kernel.Matrix[float64], y []int, classes int) *SoftmaxRegression {
	t.Helper()
	s, err := NewSoftmaxRegression(x, y, classes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func flatten(rows [][]float64) []float64 {
	var v []float64
	for _, r := range rows {
		v = append(v, r...)
	}
	return v
}

type kfacReference struct {
	KFAC struct {
		Theta, Gradient [][]float64
		NLL             float64
		Damping         float64
		GBar            [][]float64 `json:"G_bar"`
		ABar            [][]float64 `json:"A_bar"`
		Exact           [][]float64 `json:"exact_direction"`
		Approximate     [][]float64 `json:"kfac_direction"`
		Diag            []float64   `json:"fisher_diag"`
	} `json:"kfac_iris"`
}

// TestKFACIris: the directions of the reference, for the exact damped Fisher matrix by four
// ways of solving and for its Kronecker approximation.
func TestKFACIris(t *testing.T) {
	var file kfacReference
	readReference(t, "misc.json", &file)
	ref := file.KFAC
	x, y := irisData(t)
	s := softmaxModel(t, x, y, 3)
	g, dir := make([]float64, 10), make([]float64, 10)
	if e := s.EnergyGrad(g, flatten(ref.Theta)); !(math.Abs(e/ref.NLL-1) <= 1e-14) || !(relVec(g, flatten(ref.Gradient)) <= 1e-13) {
		t.Errorf("loss %v, gradient %v, want %v, %v", e, g, ref.NLL, ref.Gradient)
	}
	check := func(name string, tol float64, want [][]float64) {
		t.Helper()
		if e := relVec(dir, flatten(want)); !(e <= tol) {
			t.Errorf("%s: %v, off by %.2g", name, dir, e)
		}
	}
	var fisher mat.SymDense
	s.Fisher(&fisher)
	damp := Damping{Lambda: ref.Damping}
	if err := SolveDense(dir, &fisher, g, damp); err != nil {
		t.Fatal(err)
	}
	check("Cholesky", 1e-10, ref.Exact)
	var cg CG
	for _, jacobi := range []bool{false, true} {
		r, err := cg.Solve(dir, s, g, damp, CGOptions{Tol: 1e-14, Jacobi: jacobi, MaxIter: 200})
		if err != nil || !r.Converged {
			t.Fatal(r, err)
		}
		check("conjugate gradients", 1e-8, ref.Exact)
	}
	gn, err := NewGaussNewton(jacobians(x, 2), outputHessians(s))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cg.Solve(dir, gn, g, damp, CGOptions{Tol: 1e-14, MaxIter: 200}); err != nil {
		t.Fatal(err)
	}
	check("Gauss-Newton", 1e-8, ref.Exact)
	diag := make([]float64, 10)
	s.Diagonal(diag)
	if !(relVec(diag, ref.Diag) <= 1e-13) {
		t.Errorf("diagonal %v, want %v", diag, ref.Diag)
	}
	k, err := s.KFAC()
	if err != nil {
		t.Fatal(err)
	}
	if !(relVec(k.a.Data, flatten(ref.GBar)) <= 1e-13) || !(relVec(k.b.Data, flatten(ref.ABar)) <= 1e-13) {
		t.Errorf("factors %v and %v", k.a, k.b)
	}
	if err := k.Solve(dir, g, ref.Damping); err != nil {
		t.Fatal(err)
	}
	check("KFAC", 1e-9, ref.Approximate)
	var dense mat.Dense
	dense.Kronecker(mat.NewSymDense(2, k.a.Data), mat.NewSymDense(5, k.b.Data))
	sym := mat.NewSymDense(10, dense.RawMatrix().Data)
	if err := SolveDense(dir, sym, g, damp); err != nil {
		t.Fatal(err)
	}
	check("KFAC by Cholesky", 1e-9, ref.Approximate)
	// At θ = 0 the approximation is exact.
	s.At(make([]float64, 10))
	s.Fisher(&fisher)
	if k, err = s.KFAC(); err != nil {
		t.Fatal(err)
	}
	e := make([]float64, 10)
	for i := range e {
		e[i] = 1
		k.MulVec(dir, e)
		e[i] = 0
		for j, v := range dir {
			if !(math.Abs(v-fisher.At(i, j)) <= 1e-14*fisher.At(i, i)+1e-14) {
				t.Errorf("at 0: KFAC[%d,%d] = %v, Fisher %v", i, j, v, fisher.At(i, j))
			}
		}
	}
}

// jacobians are those of the logits: I ⊗ x.
func jacobians(x kernel.Matrix[float64], c int) kernel.Matrix[float64] {
	j := kernel.NewMatrix[float64](x.Rows*c, c*x.Cols)
	for i := range x.Rows {
		for k := range c {
			copy(j.Row(i*c + k)[k*x.Cols:], x.Row(i))
		}
	}
	return j
}

// outputHessians are those of -log p in the logits: diag p - p pᵀ.
func outputHessians(s *SoftmaxRegression) kernel.Matrix[float64] {
	h := kernel.NewMatrix[float64](s.p.Rows*s.c, s.c)
	for i := range s.p.Rows {
		p := s.p.Row(i)
		for a := range p {
			for b := range p {
				h.Set(i*s.c+a, b, -p[a]*p[b])
			}
			h.Set(i*s.c+a, a, p[a]*(1-p[a]))
		}
	}
	return h
}

// TestThreeMatrices: at a random θ the Fisher matrix is the Hessian and the Gauss-Newton
// matrix, while the empirical Fisher matrix is another one; averaged over labels of the
// model it is the Fisher matrix.
func TestThreeMatrices(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	x, y := irisData(t)
	s := softmaxModel(t, x, y, 3)
	theta, v := make([]float64, 10), make([]float64, 10)
	for i := range theta {
		theta[i], v[i] = 0.3*r.NormFloat64(), r.NormFloat64()
	}
	up, down, moved := make([]float64, 10), make([]float64, 10), make([]float64, 10)
	const h = 1e-5
	kernel.AxpyTo(moved, h, v, theta)
	s.EnergyGrad(up, moved)
	kernel.AxpyTo(moved, -h, v, theta)
	s.EnergyGrad(down, moved)
	kernel.Axpby(-1/(2*h), down, 1/(2*h), up)
	s.At(theta)
	fv, ev, gv := make([]float64, 10), make([]float64, 10), make([]float64, 10)
	s.MulVec(fv, v)
	if e := relVec(fv, up); !(e <= 1e-8) {
		t.Errorf("Fisher %v, Hessian by differences %v", fv, up)
	}
	gn, err := NewGaussNewton(jacobians(x, 2), outputHessians(s))
	if err != nil {
		t.Fatal(err)
	}
	gn.MulVec(gv, v)
	if e := relVec(gv, fv); !(e <= 1e-12) {
		t.Errorf("Gauss-Newton %v, Fisher %v", gv, fv)
	}
	s.EmpiricalFisher().MulVec(ev, v)
	if e := relVec(ev, fv); !(e > 0.1) {
		t.Errorf("the empirical Fisher matrix is within %.2g of the Fisher matrix", e)
	}
	// Σ_y p(y) ∇log p ∇log pᵀ over all labels is the Fisher matrix.
	sum := make([]float64, 10)
	for class := range 3 {
		all := make([]int, 150)
		for i := range all {
			all[i] = class
		}
		m := softmaxModel(t, x, all, 3)
		m.At(theta)
		e := m.EmpiricalFisher()
		for i := range 150 {
			p := 1.0
			if class < 2 {
				p = s.p.At(i, class)
			} else {
				p -= s.p.At(i, 0) + s.p.At(i, 1)
			}
			kernel.Axpy(p/150*kernel.Dot(e.g.Row(i), v), e.g.Row(i), sum)
		}
	}
	if e := relVec(sum, fv); !(e <= 1e-12) {
		t.Errorf("mean over the labels of the model %v, Fisher %v", sum, fv)
	}
}

// TestSoftmaxRegressionEstimate: the loss, its gradient and the Fisher matrix at the
// maximum-likelihood estimate.
func TestSoftmaxRegressionEstimate(t *testing.T) {
	var ref struct {
		Theta    []float64
		Deviance float64
		Fisher   [][]float64 `json:"fisher_at_mle"`
	}
	readReference(t, "iris_fisher_scoring.json", &ref)
	x, y := irisData(t)
	labels := make([]int, 100)
	for i := range labels {
		labels[i] = 2 - y[50+i] // virginica first, versicolor the reference
	}
	s := softmaxModel(t, kernel.MatrixOf(100, 5, x.Data[250:]), labels, 2)
	grad := make([]float64, 5)
	if e := s.EnergyGrad(grad, ref.Theta); !(math.Abs(200*e/ref.Deviance-1) <= 1e-11) || !(kernel.MaxAbs(grad) <= 1e-10) {
		t.Errorf("deviance %v, want %v; gradient %v", 200*e, ref.Deviance, grad)
	}
	var f mat.SymDense
	s.Fisher(&f)
	f.ScaleSym(100, &f)
	if e := relMat(&f, ref.Fisher); !(e <= 1e-10) {
		t.Errorf("Fisher matrix at the estimate off by %.2g", e)
	}
}

func TestSoftmaxRegressionArguments(t *testing.T) {
	x, y := irisData(t)
	for _, c := range []struct {
		labels  []int
		classes int
		want    error
	}{{y[:10], 3, ErrShape}, {y, 1, ErrShape}, {y, 2, ErrInvalid}} {
		if _, err := NewSoftmaxRegression(x, c.labels, c.classes); !errors.Is(err, c.want) {
			t.Errorf("%d labels, %d classes: %v", len(c.labels), c.classes, err)
		}
	}
	x.Set(3, 2, math.NaN())
	if _, err := NewSoftmaxRegression(x, y, 3); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "features[3][2]") {
		t.Errorf("NaN: %v", err)
	}
}

// randomSPD returns a matrix of rank r.
func randomSPD(rng *rand.Rand, n, rank int) *mat.SymDense {
	b := mat.NewDense(n, rank, nil)
	for i := range n {
		for j := range rank {
			b.Set(i, j, rng.NormFloat64())
		}
	}
	s := mat.NewSymDense(n, nil)
	s.SymOuterK(1, b)
	return s
}

// dense makes a Curvature of a matrix.
type denseCurvature struct{ *mat.SymDense }

func (d denseCurvature) Dim() int { return d.SymmetricDim() }
func (d denseCurvature) MulVec(dst, v []float64) {
	mat.NewVecDense(len(dst), dst).MulVec(d.SymDense, mat.NewVecDense(len(v), v))
}

// TestSolversAgree: random matrices with both dampings; the solution is checked by the
// product.
func TestSolversAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 2))
	for n := 1; n < 30; n += 3 {
		v, x, y := make([]float64, n), make([]float64, n), make([]float64, n)
		scale := make([]float64, n)
		for i := range v {
			v[i], scale[i] = r.NormFloat64(), math.Exp(r.NormFloat64())
		}
		for _, d := range []Damping{{}, {Lambda: 0.3}, {Lambda: 0.3, Scale: scale}} {
			g := randomSPD(r, n, 2*n)
			if err := SolveDense(x, g, v, d); err != nil {
				t.Fatal(err)
			}
			denseCurvature{g}.MulVec(y, x)
			for i := range y {
				y[i] += d.at(i) * x[i]
			}
			if e := relVec(y, v); !(e <= 1e-9) {
				t.Errorf("n = %d: residual %.2g", n, e)
			}
			var cg CG
			if res, err := cg.Solve(y, denseCurvature{g}, v, d, CGOptions{Tol: 1e-13, MaxIter: 20*n + 20}); err != nil || !res.Converged {
				t.Errorf("n = %d: %v %v", n, res, err)
			}
			if e := relVec(y, x); !(e <= 1e-7) {
				t.Errorf("n = %d: conjugate gradients off by %.2g", n, e)
			}
			// Fewer gradients than parameters, and more.
			for _, samples := range []int{max(1, n/2), n + 5} {
				grads := kernel.NewMatrix[float64](samples, n)
				for i := range grads.Data {
					grads.Data[i] = r.NormFloat64()
				}
				e, err := NewEmpiricalFisher(grads)
				if err != nil {
					t.Fatal(err)
				}
				err = e.Solve(x, v, d)
				if d.Lambda == 0 && samples < n {
					if !errors.Is(err, ErrSingularFisher) || !strings.Contains(err.Error(), "rank "+strconv.Itoa(samples)) {
						t.Errorf("n = %d, %d samples: %v", n, samples, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				e.MulVec(y, x)
				for i := range y {
					y[i] += d.at(i) * x[i]
				}
				if off := relVec(y, v); !(off <= 1e-10) {
					t.Errorf("n = %d, %d samples, %v: residual %.2g", n, samples, d, off)
				}
				diag, unit := make([]float64, n), make([]float64, n)
				e.Diagonal(diag)
				unit[n/2] = 1
				e.MulVec(y, unit)
				if !(math.Abs(y[n/2]-diag[n/2]) <= 1e-13*diag[n/2]) {
					t.Errorf("diagonal %v, product %v", diag[n/2], y[n/2])
				}
			}
		}
		a, b := randomSPD(r, 2, 4), randomSPD(r, n, 2*n)
		blocks, err := NewBlockDiagonal(a, b)
		if err != nil {
			t.Fatal(err)
		}
		v2, x2, y2 := make([]float64, n+2), make([]float64, n+2), make([]float64, n+2)
		for i := range v2 {
			v2[i] = r.NormFloat64()
		}
		if err := blocks.Solve(x2, v2, 0.1); err != nil {
			t.Fatal(err)
		}
		blocks.MulVec(y2, x2)
		kernel.Axpy(0.1, x2, y2)
		if e := relVec(y2, v2); !(e <= 1e-10) {
			t.Errorf("n = %d: block-diagonal residual %.2g", n, e)
		}
		k, err := NewKronecker(a, b)
		if err != nil {
			t.Fatal(err)
		}
		v3, x3, y3 := make([]float64, 2*n), make([]float64, 2*n), make([]float64, 2*n)
		for i := range v3 {
			v3[i] = r.NormFloat64()
		}
		if err := k.Solve(x3, v3, 0.1); err != nil {
			t.Fatal(err)
		}
		k.MulVec(y3, x3)
		kernel.Axpy(0.1, x3, y3)
		if e := relVec(y3, v3); !(e <= 1e-9) {
			t.Errorf("n = %d: Kronecker residual %.2g", n, e)
		}
	}
}

func TestSolverFailures(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 3))
	g := randomSPD(r, 6, 4)
	v, x := make([]float64, 6), make([]float64, 6)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	if err := SolveDense(x, g, v, Damping{}); !errors.Is(err, ErrSingularFisher) || !strings.Contains(err.Error(), "rank 4") {
		t.Errorf("rank 4 of 6: %v", err)
	}
	if err := SolveDense(x, g, v, Damping{Lambda: 1e-3}); err != nil {
		t.Errorf("damped: %v", err)
	}
	for _, d := range []Damping{{Lambda: -1}, {Lambda: math.NaN()}, {Lambda: 1, Scale: []float64{1, 1, 0, 1, 1, 1}}} {
		if err := SolveDense(x, g, v, d); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", d, err)
		}
	}
	if err := SolveDense(x, g, v, Damping{Lambda: 1, Scale: v[:2]}); !errors.Is(err, ErrShape) {
		t.Errorf("scale of length 2: %v", err)
	}
	var cg CG
	indefinite := mat.NewSymDense(2, []float64{1, 0, 0, -1})
	var down *BreakdownError
	if _, err := cg.Solve(x[:2], denseCurvature{indefinite}, []float64{0.1, 1}, Damping{}, CGOptions{}); !errors.As(err, &down) || !(down.Curvature < 0) || !errors.Is(err, ErrBreakdown) {
		t.Errorf("indefinite: %v", err)
	} else {
		t.Log(err)
	}
	if _, err := cg.Solve(x[:2], denseCurvature{mat.NewSymDense(2, []float64{1, 0, 0, 0})}, []float64{1, 1}, Damping{}, CGOptions{}); !errors.Is(err, ErrBreakdown) {
		t.Errorf("singular: %v", err)
	}
	if _, err := cg.Solve(x[:1], denseCurvature{mat.NewSymDense(1, []float64{math.NaN()})}, []float64{1}, Damping{}, CGOptions{}); !errors.Is(err, ErrBreakdown) {
		t.Errorf("NaN: %v", err)
	}
	spd := denseCurvature{randomSPD(r, 6, 30)}
	if res, err := cg.Solve(x, spd, v, Damping{}, CGOptions{MaxIter: 2}); err != nil || res.Converged || res.Iterations != 2 || !(res.Residual > 1e-10) {
		t.Errorf("two iterations: %v %v", res, err)
	}
	if _, err := cg.Solve(x, spd, v, Damping{}, CGOptions{Jacobi: true}); !errors.Is(err, ErrInvalid) {
		t.Errorf("Jacobi without a diagonal: %v", err)
	}
	if _, err := cg.Solve(x, spd, v, Damping{}, CGOptions{Tol: -1}); !errors.Is(err, ErrInvalid) {
		t.Errorf("Tol -1: %v", err)
	}
	if res, err := cg.Solve(x, spd, make([]float64, 6), Damping{}, CGOptions{}); err != nil || !res.Converged || kernel.Nrm2(x) != 0 {
		t.Errorf("v = 0: %v %v %v", x, res, err)
	}
	v[2] = math.Inf(1)
	if _, err := cg.Solve(x, spd, v, Damping{}, CGOptions{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("infinite right-hand side: %v", err)
	}
	v[2] = 0
	blocks, err := NewBlockDiagonal(mat.NewSymDense(1, []float64{1}), g)
	if err != nil {
		t.Fatal(err)
	}
	w := make([]float64, 7)
	if err := blocks.Solve(w, w, 0); !errors.Is(err, ErrSingularFisher) || !strings.Contains(err.Error(), "block 1") || !strings.Contains(err.Error(), "rank 4") {
		t.Errorf("singular block: %v", err)
	}
	if _, err := NewBlockDiagonal(); !errors.Is(err, ErrShape) {
		t.Errorf("no blocks: %v", err)
	}
	k, err := NewKronecker(mat.NewSymDense(2, []float64{1, 1, 1, 1}), mat.NewSymDense(1, []float64{2}))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Solve(w[:2], w[:2], 0); !errors.Is(err, ErrSingularFisher) || !strings.Contains(err.Error(), "rank 1") {
		t.Errorf("singular factor: %v", err)
	}
	if _, err := NewKronecker(indefinite, g); !errors.Is(err, ErrNotPositiveDefinite) {
		t.Errorf("indefinite factor: %v", err)
	}
	if _, err := NewKronecker(mat.NewSymDense(1, []float64{math.NaN()}), g); !errors.Is(err, ErrInvalid) {
		t.Errorf("NaN factor: %v", err)
	}
	if _, err := NewEmpiricalFisher(kernel.Matrix[float64]{}); !errors.Is(err, ErrShape) {
		t.Errorf("no gradients: %v", err)
	}
	if _, err := NewGaussNewton(kernel.NewMatrix[float64](3, 2), kernel.NewMatrix[float64](3, 2)); !errors.Is(err, ErrShape) {
		t.Errorf("3 rows of 2 outputs: %v", err)
	}
}

// TestFisherMetric: the natural flow of a forward loss moves the mean straight at rate 1.
func TestFisherMetric(t *testing.T) {
	f := Gamma{}
	target := []float64{-0.2, 1.5}
	loss := flow.EnergyFunc(2, func(grad, theta []float64) float64 {
		if grad != nil {
			f.Mean(grad, theta)
			kernel.Axpy(-1, target, grad)
		}
		return f.LogPartition(theta) - kernel.Dot(theta, target)
	})
	m, err := FisherMetric(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	field := flow.NaturalFlow(loss, m)
	theta := []float64{2, -1}
	v, deta, eta := make([]float64, 2), make([]float64, 2), make([]float64, 2)
	field.Eval(v, theta, 0)
	FamilyFisher{f, theta}.MulVec(deta, v)
	f.Mean(eta, theta)
	for i := range eta {
		if want := target[i] - eta[i]; !(math.Abs(deta[i]-want) <= 1e-13) {
			t.Errorf("η' = %v, want %v", deta[i], want)
		}
	}
	if flow.CapsOf[float64](field).Err() != nil {
		t.Error("an error where there is none")
	}
	if _, err := FisherMetric(f, -1); !errors.Is(err, ErrInvalid) {
		t.Errorf("damping -1: %v", err)
	}
}

func BenchmarkCG(b *testing.B) {
	x, y := irisData(b)
	s := softmaxModel(b, x, y, 3)
	g, dir := make([]float64, 10), make([]float64, 10)
	s.EnergyGrad(g, make([]float64, 10))
	var cg CG
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r, err := cg.Solve(dir, s, g, Damping{Lambda: 1e-3}, CGOptions{Jacobi: true})
		if err != nil {
			b.Fatal(err)
		}
		n += r.Iterations
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "products/s")
}
