package infogeo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// withIntercept puts a column of ones before rows from to to of x.
func withIntercept(x kernel.Matrix[float64], from, to int) kernel.Matrix[float64] {
	m := kernel.NewMatrix[float64](to-from, x.Cols+1)
	for i := range m.Rows {
		m.Row(i)[0] = 1
		copy(m.Row(i)[1:], x.Row(from+i))
	}
	return m
}

// Versicolor against virginica: the deviances of Fisher scoring, step by step.
func TestIrisFisherScoring(t *testing.T) {
	var want struct {
		X        [][]float64
		Theta    []float64
		Deviance float64
		History  []float64   `json:"deviance_history"`
		Fisher   [][]float64 `json:"fisher_at_mle"`
	}
	readReference(t, "iris_fisher_scoring.json", &want)
	x, species := Iris()
	for i, row := range want.X {
		vecClose(t, fmt.Sprint("row ", i), x.Row(50+i), row, 1e-15)
	}
	r, err := NewRegression(withIntercept(x, 50, 150), 2)
	if err != nil {
		t.Fatal(err)
	}
	y := make([]int, 100)
	for i := range y {
		y[i] = 2 - species[50+i] // virginica is class 0, versicolor the reference
	}
	target := make([]float64, 5)
	if err := r.Target(target, y); err != nil {
		t.Fatal(err)
	}
	for _, o := range []FitOptions{{Step: 1}, {}} {
		var history []float64
		o.Tol = 1e-9
		o.Observe = func(s FitStep) { history = append(history, 2*s.Loss) }
		res, err := Fit(context.Background(), r, target, o)
		if err != nil {
			t.Fatal(err)
		}
		if o.Step == 1 {
			for i, d := range want.History[:11] {
				relClose(t, fmt.Sprint("deviance after step ", i), history[i], d, 1e-11)
			}
		}
		vecClose(t, "theta", res.Theta, want.Theta, 1e-8)
		relClose(t, "deviance", r.Deviance(res.Theta, target), want.Deviance, 1e-11)
		if res.K > 11 {
			t.Errorf("%d steps, want at most 11", res.K)
		}
		var g mat.SymDense
		r.FisherDense(&g, res.Theta)
		for i, row := range want.Fisher {
			vecClose(t, fmt.Sprint("Fisher row ", i), mat.Row(nil, i, &g), row, 1e-7)
		}
	}
}

// Setosa is separable from the rest: no finite estimate, and the direction separates.
func TestIrisSeparable(t *testing.T) {
	x, species := Iris()
	features := withIntercept(x, 0, 150)
	for _, classes := range []int{2, 3} {
		r, err := NewRegression(features, classes)
		if err != nil {
			t.Fatal(err)
		}
		y := make([]int, 150)
		for i, s := range species {
			y[i] = min(s, classes-1)
		}
		target := make([]float64, r.Dim())
		if err := r.Target(target, y); err != nil {
			t.Fatal(err)
		}
		_, err = Fit(context.Background(), r, target, FitOptions{})
		var none *NoFiniteMLEError
		if !errors.As(err, &none) {
			t.Fatalf("%d classes: %v, want a *NoFiniteMLEError", classes, err)
		}
		margin := 0.0
		for i := range 150 { // the label's logit is the greatest one in that direction
			best, own := 0.0, 0.0
			for c := range classes - 1 {
				v := kernel.Dot(features.Row(i), none.Direction[c*5:(c+1)*5])
				if best = math.Max(best, v); c == y[i] {
					own = v
				}
			}
			if own < best-1e-9 {
				t.Errorf("%d classes: row %d of class %d is on the wrong side by %v", classes, i, y[i], best-own)
			}
			margin = math.Max(margin, best)
		}
		if margin == 0 {
			t.Error("the direction does not tell anything")
		}
	}
}

// The three species: the gradient and Fisher matrix of the reference, and its derivatives.
func TestRegressionReference(t *testing.T) {
	var file struct {
		K struct {
			Theta, Gradient [][]float64
			NLL             float64     `json:"nll"`
			Damping         float64     `json:"damping"`
			Exact           [][]float64 `json:"exact_direction"`
			Diag            []float64   `json:"fisher_diag"`
		} `json:"kfac_iris"`
	}
	readReference(t, "misc.json", &file)
	flat := func(rows [][]float64) (v []float64) {
		for _, r := range rows {
			v = append(v, r...)
		}
		return v
	}
	x, species := Iris()
	r, err := NewRegression(withIntercept(x, 0, 150), 3)
	if err != nil {
		t.Fatal(err)
	}
	theta, target, grad := flat(file.K.Theta), make([]float64, 10), make([]float64, 10)
	if err := r.Target(target, species); err != nil {
		t.Fatal(err)
	}
	relClose(t, "nll", r.Deviance(theta, target)/300, file.K.NLL, 1e-12)
	r.Mean(grad, theta)
	kernel.SubTo(grad, grad, target)
	kernel.Scal(1./150, grad)
	vecClose(t, "gradient", grad, flat(file.K.Gradient), 1e-11)
	var g mat.SymDense
	r.FisherDense(&g, theta)
	for i, v := range file.K.Diag {
		relClose(t, "diagonal of Fisher", g.At(i, i)/150, v, 1e-11)
	}
	dir := make([]float64, 10)
	kernel.Scal(150, grad) // (150 G + 150 λ)⁻¹ 150 g
	if err := r.FisherSolveVec(dir, theta, grad, 150*file.K.Damping); err != nil {
		t.Fatal(err)
	}
	vecClose(t, "direction", dir, flat(file.K.Exact), 1e-9)
	rng := rand.New(philox.NewSource(51, 0))
	v, gv := make([]float64, 10), make([]float64, 10)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	r.FisherMulVec(gv, theta, v)
	var want mat.VecDense
	want.MulVec(&g, mat.NewVecDense(10, v))
	vecClose(t, "G v", gv, want.RawVector().Data, 1e-12)
}

// A feature that is there twice: no estimate without damping, with it the loss of the
// model without the feature.
func TestRegressionRedundantFeature(t *testing.T) {
	x, species := irisData(t)
	twice := kernel.NewMatrix[float64](100, 6)
	y := make([]int, 100)
	for i := range y {
		copy(twice.Row(i), x.Row(50+i))
		twice.Set(i, 5, x.At(50+i, 2))
		y[i] = species[50+i] - 1
	}
	fit := func(m kernel.Matrix[float64], damping float64) (*FitResult, error) {
		r, err := NewRegression(m, 2)
		if err != nil {
			t.Fatal(err)
		}
		target := make([]float64, r.Dim())
		if err := r.Target(target, y); err != nil {
			t.Fatal(err)
		}
		return Fit(context.Background(), r, target, FitOptions{Damping: damping})
	}
	if _, err := fit(twice, 0); !errors.Is(err, ErrSingularFisher) || !strings.Contains(err.Error(), "rank 5") {
		t.Errorf("no damping: %v, want rank 5 of 6", err)
	}
	plain, err := fit(kernel.MatrixOf(100, 5, x.Data[250:]), 0)
	if err != nil {
		t.Fatal(err)
	}
	damped, err := fit(twice, 1e-6)
	if err != nil {
		t.Fatal(err)
	}
	relClose(t, "loss", damped.Loss, plain.Loss, 1e-9)
}

func TestRegressionArguments(t *testing.T) {
	x := kernel.MatrixOf(2, 2, []float64{1, 0, 1, math.Inf(1)})
	if _, err := NewRegression(x, 2); !errors.Is(err, ErrInvalid) {
		t.Errorf("infinite feature: %v", err)
	}
	x.Data[3] = 1
	if _, err := NewRegression(x, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("one class: %v", err)
	}
	if _, err := NewRegression(kernel.NewMatrix[float64](0, 2), 2); !errors.Is(err, ErrShape) {
		t.Errorf("no rows: %v", err)
	}
	r, err := NewRegression(x, 2)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 2)
	for _, y := range [][]int{{0}, {0, 2}, {-1, 0}} {
		if err := r.Target(dst, y); !errors.Is(err, ErrShape) && !errors.Is(err, ErrInvalid) {
			t.Errorf("labels %v: %v", y, err)
		}
	}
	// Collinear features are redundant columns.
	c, err := NewRegression(kernel.MatrixOf(4, 2, []float64{1, 2, 1, 2, 1, 2, 1, 2}), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Target(dst, []int{0, 1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := Fit(context.Background(), c, dst, FitOptions{}); !errors.Is(err, ErrSingularFisher) {
		t.Errorf("collinear features: %v, want ErrSingularFisher", err)
	}
}
