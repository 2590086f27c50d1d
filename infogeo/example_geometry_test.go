package infogeo_test

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/infogeo"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The Fisher-Rao distance of two normal distributions with its certificates, and the
// distribution half way.
func ExampleNewGaussianGeodesic() {
	a := must(infogeo.NewGaussian([]float64{0, 1}, mat.NewSymDense(2, []float64{1, 0.5, 0.5, 2})))
	b := must(infogeo.NewGaussian([]float64{1, 2}, mat.NewSymDense(2, []float64{2, 1, 1, 1})))
	g := must(infogeo.NewGaussianGeodesic(a, b, infogeo.GaussianGeodesicOptions{}))
	lower, upper := g.Bounds()
	fmt.Printf("%.4f <= %.12f <= %.4f, converged %t\n", lower, g.Distance(), upper, g.Converged())
	mean, cov, err := g.At(nil, nil, 0.5)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.6f\n%.6f\n", mean, mat.Formatted(cov))
	// Output:
	// 1.3803 <= 1.391368895673 <= 1.4880, converged true
	// [0.416260 1.531264]
	// ⎡1.535403  0.820285⎤
	// ⎣0.820285  1.400223⎦
}

// Exp and Log of the Fisher-Rao sphere.
func ExampleFisherRaoExp() {
	p, q := []float64{0.7, 0.2, 0.1}, []float64{0.1, 0.3, 0.6}
	v, end := make([]float64, 3), make([]float64, 3)
	infogeo.FisherRaoLog(v, p, q)
	if err := infogeo.FisherRaoExp(end, p, v); err != nil {
		panic(err)
	}
	fmt.Printf("%.6f %.4f %.4f\n", infogeo.FisherRaoDistance(p, q), v, end)
	// Output: 1.431891 [-0.5750 0.2052 0.3698] [0.1000 0.3000 0.6000]
}

// The gradient flows of KL to a normal distribution with a flat direction: the time to
// come within 1e-6 is set by the target in the Wasserstein metric, not in that of Fisher
// and Rao.
func ExampleGaussianFlow() {
	target := must(infogeo.NewGaussian([]float64{0, 0}, mat.NewDiagDense(2, []float64{1, 100})))
	start := must(infogeo.NewGaussian([]float64{1, 1}, mat.NewDiagDense(2, []float64{1, 1})))
	for _, metric := range []infogeo.GaussianMetric{infogeo.FisherRaoMetric, infogeo.WassersteinMetric} {
		f := must(infogeo.NewGaussianFlow(target, metric, infogeo.Reverse))
		x0, x := f.State(nil, start), make([]float64, f.Dim())
		lo, hi := 0.0, 1000.0
		for range 50 {
			mid := (lo + hi) / 2
			if err := f.Exact(x, x0, mid); err != nil {
				panic(err)
			}
			if kl, _ := f.EvalEnergy(nil, x, 0); kl > 1e-6 {
				lo = mid
			} else {
				hi = mid
			}
		}
		fmt.Printf("%v: rate %.2f, KL < 1e-6 at t = %.4g\n", metric, f.Rate(), hi)
	}
	// Output:
	// Fisher-Rao: rate 2.00, KL < 1e-6 at t = 10.82
	// Wasserstein: rate 0.02, KL < 1e-6 at t = 426.3
}

// A natural gradient step of a softmax regression from products with the Fisher matrix
// alone, and by its Kronecker approximation, which is exact at θ = 0.
func ExampleCG() {
	x := kernel.MatrixOf(4, 2, []float64{1, -1, 1, 0, 1, 1, 1, 2})
	model := must(infogeo.NewSoftmaxRegression(x, []int{0, 1, 0, 2}, 3))
	theta, grad := make([]float64, model.Dim()), make([]float64, model.Dim())
	model.EnergyGrad(grad, theta)
	step, approx := make([]float64, model.Dim()), make([]float64, model.Dim())
	var cg infogeo.CG
	r := must(cg.Solve(step, model, grad, infogeo.Damping{Lambda: 1e-3}, infogeo.CGOptions{}))
	if err := must(model.KFAC()).Solve(approx, grad, 1e-3); err != nil {
		panic(err)
	}
	diff := 0.0
	for i := range step {
		diff = math.Max(diff, math.Abs(step[i]-approx[i]))
	}
	fmt.Printf("%d iterations, converged %t, the same as KFAC within 1e-9: %t\n", r.Iterations, r.Converged, diff < 1e-9)
	// Output: 4 iterations, converged true, the same as KFAC within 1e-9: true
}

// The Fisher-Rao distance of two gamma distributions (shape 2.5, rate 1.5 and shape 0.7,
// rate 4), for which there is no formula.
func ExampleFamilyFisherRao() {
	d, err := infogeo.FamilyFisherRao(infogeo.Gamma{}, []float64{2.5, -1.5}, []float64{0.7, -4})
	fmt.Printf("%.8f %v\n", d, err)
	// Output: 2.50698507 <nil>
}
