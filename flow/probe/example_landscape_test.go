package probe_test

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/probe"
)

// chain is a chain of n springs, ½ Σ (x_{i+1} - x_i)², with fixed ends: its
// eigenvalues are 2 - 2 cos(πk/(n+1)).
func chain(n int) flow.Energy[float64] {
	return flow.EnergyFunc(n, func(grad, x []float64) float64 {
		clear(grad)
		var e, left float64
		for i := 0; i <= n; i++ {
			right := 0.0
			if i < n {
				right = x[i]
			}
			d := right - left
			e += d * d / 2
			if grad != nil {
				if i < n {
					grad[i] += d
				}
				if i > 0 {
					grad[i-1] -= d
				}
			}
			left = right
		}
		return e
	})
}

// The spectral density of a chain of springs, whose limit is
// 1/(π sqrt(λ(4-λ))), with error bars.
func ExampleHessianDensity() {
	const n = 1000
	d, err := probe.HessianDensity(chain(n), make([]float64, n), probe.DensityOptions{Probes: 20, Steps: 50, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, lambda := range []float64{1, 2, 3} {
		phi, se := d.At(lambda, 0.2)
		fmt.Printf("φ(%v) = %.3f ± %.3f, limit %.3f\n", lambda, phi, se, 1/(math.Pi*math.Sqrt(lambda*(4-lambda))))
	}
	part, se := d.Below(1)
	fmt.Printf("below 1: %.3f ± %.3f, limit %.3f\n", part, se, 1./3)
	// Output:
	// φ(1) = 0.196 ± 0.005, limit 0.184
	// φ(2) = 0.162 ± 0.003, limit 0.159
	// φ(3) = 0.188 ± 0.005, limit 0.184
	// below 1: 0.344 ± 0.005, limit 0.333
}

// The trace of the same Hessian, 2n = 2000, by 50 products instead of 1000.
func ExampleHessianTrace() {
	const n = 1000
	tr, err := probe.HessianTrace(chain(n), make([]float64, n), probe.TraceOptions{Probes: 50})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("tr H = %.0f ± %.0f by %d products\n", tr.Value, tr.StdErr, tr.Products)
	// Output:
	// tr H = 1987 ± 9 by 50 products
}

// Gradient descent on ½(xy - 1)² with a large learning rate: the sharpness of the
// valley where it starts, x² + y² = 9, is above 2/h, so it is thrown over to where
// it is below.
func ExampleSharpness() {
	e := flow.EnergyFunc(2, func(grad, x []float64) float64 {
		r := x[0]*x[1] - 1
		if grad != nil {
			grad[0], grad[1] = r*x[1], r*x[0]
		}
		return r * r / 2
	})
	s, err := probe.NewSharpness(e, probe.SpectrumOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	const h = 0.25
	r, err := flow.New(descent.GD(flow.GradientFlow(e)), []float64{3, 0.34}, flow.Options[float64]{
		Controller: flow.Fixed{H: h}, MaxSteps: 200, Recorder: s,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := r.Solve(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	for _, k := range []int{0, 50, 200} {
		fmt.Printf("step %d: λ_max = %.2f, 2/h = %.0f\n", s.K[k], s.Top[k], 2/h)
	}
	// Output:
	// step 0: λ_max = 9.12, 2/h = 8
	// step 50: λ_max = 6.70, 2/h = 8
	// step 200: λ_max = 6.70, 2/h = 8
}

// A slice through Rosenbrock's valley along two random directions, of the
// length of x.
func ExamplePlaneSlice() {
	x := []float64{1, 1}
	d1, d2 := make([]float64, 2), make([]float64, 2)
	for i, d := range [][]float64{d1, d2} {
		if err := probe.RandomDirection(d, x, nil, 3, uint32(i)); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Printf("%.3f %.3f\n", d1, d2)
	a := []float64{-0.5, 0, 0.5}
	m, err := probe.PlaneSlice(rosenbrock, x, d1, d2, a, a)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range a {
		fmt.Printf("%8.3f\n", m.Row(i))
	}
	// Output:
	// [-1.327 -0.489] [-1.165 -0.802]
	// [1157.476  232.459   10.584]
	// [ 122.125    0.000   18.393]
	// [   9.746   41.728   10.216]
}

// The smallest PL ratio on the path bounds the rate of the energy from below.
func ExamplePL() {
	e := flow.EnergyFunc(1, func(grad, x []float64) float64 { // PL, but not convex
		if grad != nil {
			grad[0] = 2*x[0] + 3*math.Sin(2*x[0])
		}
		return x[0]*x[0] + 3*math.Sin(x[0])*math.Sin(x[0])
	})
	p, err := probe.NewPL(e, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	sol, err := flow.Solve(context.Background(), flow.GradientFlow(e), []float64{4}, flow.Options[float64]{T1: 3, Recorder: p})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("smallest ratio %.3f at t = %.2f, last %.3f\n", p.Min, p.MinAt, p.Ratio[len(p.Ratio)-1])
	fmt.Println("faster than its rate:", sol.Energy < e.EnergyGrad(nil, []float64{4})*math.Exp(-2*p.Min*3))
	// Output:
	// smallest ratio 0.177 at t = 0.47, last 8.000
	// faster than its rate: true
}

// The energy that gradient flow loses is the integral of ‖∇E‖².
func ExampleDissipation() {
	d, err := probe.NewDissipation(rosenbrock)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = flow.Solve(context.Background(), flow.GradientFlow(rosenbrock), []float64{-1, 1.5}, flow.Options[float64]{T1: 1, RelTol: 1e-8, Recorder: d})
	if err != nil {
		fmt.Println(err)
		return
	}
	n := len(d.T) - 1
	fmt.Printf("lost %.5f, dissipated %.5f, identity to 1e-6: %t\n", d.Energy[0]-d.Energy[n], d.Dissipated[n], d.Defect() < 1e-6)
	// Output:
	// lost 28.03509, dissipated 28.03509, identity to 1e-6: true
}

// The Lyapunov exponents of the Lorenz system, known as 0.906, 0 and -14.57.
func ExampleLyapunovExponents() {
	lorenz := flow.FieldFunc(3, func(dst, x []float64, _ float64) {
		dst[0] = 10 * (x[1] - x[0])
		dst[1] = x[0]*(28-x[2]) - x[1]
		dst[2] = x[0]*x[1] - 8./3*x[2]
	})
	l, err := probe.LyapunovExponents(context.Background(), lorenz, []float64{1, 1, 20}, probe.LyapunovOptions{Time: 2000, RelTol: 1e-6})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("moduli of the exponents:")
	for i, v := range l.Values {
		known := []float64{0.9056, 0, -14.5723}[i]
		fmt.Printf("%.1f, right to four standard errors: %t\n", math.Abs(v), math.Abs(v-known) < 4*l.StdErr[i])
	}
	// Output:
	// moduli of the exponents:
	// 0.9, right to four standard errors: true
	// 0.0, right to four standard errors: true
	// 14.6, right to four standard errors: true
}
