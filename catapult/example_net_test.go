package catapult_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
	"gonum.org/v1/gonum/mat"
)

// The three phases of arXiv 2003.02218 on handwritten digits (even or odd), one
// hidden layer of 256 ReLUs. Above 2/λ0 the loss first explodes, the curvature
// falls below 2/η, and training converges in a flatter place; above 4/λ0 it does
// not come back.
func ExampleTrain() {
	set := digits.Train[float64](128)
	net, err := catapult.NewNet(catapult.OneHidden(digits.Pixels, 256, catapult.ReLU), catapult.Data[float64]{X: set.X, Y: set.Parity()})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range []float64{1, 3, 6} {
		r, err := catapult.Train(context.Background(), net, net.Init(1, 0), catapult.TrainOptions[float64]{C: c, Steps: 60})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("η = %v/λ0: %v, loss %.2g, peak %.2g at step %d, λ = %.1f λ0 at the end\n",
			c, r.Phase, r.Loss, r.Mechanism.PeakLoss, r.Mechanism.PeakStep, r.Curvature.Value/r.Lambda0.Value)
	}
	// Output:
	// η = 1/λ0: Lazy, loss 0.046, peak 1.4 at step 0, λ = 1.0 λ0 at the end
	// η = 3/λ0: Catapult, loss 0.023, peak 87 at step 6, λ = 0.3 λ0 at the end
	// η = 6/λ0: Divergent, loss 6.5e+14, peak 6.5e+14 at step 5, λ = NaN λ0 at the end
}

// Every step as a row of a table; what was not asked for is empty.
func ExampleCSV() {
	// One sample x = 1 with target 0, one unit: f = uv.
	data := catapult.Data[float64]{X: kernel.MatrixOf(1, 1, []float64{1}), Y: kernel.NewMatrix[float64](1, 1)}
	net, err := catapult.NewNet(catapult.OneHidden(1, 1, catapult.Identity), data)
	if err != nil {
		log.Fatal(err)
	}
	_, err = catapult.Train(context.Background(), net, []float64{1, 0.5}, catapult.TrainOptions[float64]{
		Eta: 0.5, Steps: 2, Observe: catapult.CSV[float64](os.Stdout), // TrackNTK: 1 fills in the kernel
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// step,time,loss,ntk,ntk_residual,ntk_products,ntk_converged,hessian,hessian_residual,hessian_products,hessian_converged,kappa
	// 0,0,0.125,,,,,,,,,
	// 1,0.5,0.02392578125,,,,,,,,,
	// 2,1,0.00855310496990569,,,,,,,,,
}

// The neural tangent kernel of a one-hidden-layer network and its largest
// eigenvalue, which sets the scale of learning rates.
func ExampleNet_NTK() {
	data := catapult.Data[float64]{X: kernel.MatrixOf(2, 2, []float64{1, 0, 0, 1}), Y: kernel.MatrixOf(2, 1, []float64{1, -1})}
	net, err := catapult.NewNet(catapult.OneHidden(2, 2, catapult.ReLU), data)
	if err != nil {
		log.Fatal(err)
	}
	// f(x) = v·relu(U x): the scales σ_w²/√(dn) of this network are 1.
	theta := []float64{1, -1, 0, 2 /* U */, 1, 3 /* v */}
	var ntk mat.SymDense
	net.NTK(&ntk, theta)
	fmt.Println(mat.Formatted(&ntk))
	lambda0, err := catapult.Lambda0(net, theta)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("λ0 = %.4f, stable below η = %.4f\n", lambda0.Value, 2/lambda0.Value)
	// Output:
	// ⎡  1    0⎤
	// ⎣  0  6.5⎦
	// λ0 = 6.5000, stable below η = 0.3077
}

// The sharpness along a run, started from the last eigenvector: how many
// products with the Hessian each value costs.
func ExampleSharpness() {
	set := digits.Train[float64](64)
	net, err := catapult.NewNet(catapult.OneHidden(digits.Pixels, 64, catapult.Tanh), catapult.Data[float64]{X: set.X, Y: set.Parity()})
	if err != nil {
		log.Fatal(err)
	}
	tracker, err := catapult.NewSharpness(net, catapult.HessianCurvature, catapult.SharpnessOptions{Tol: 1e-2})
	if err != nil {
		log.Fatal(err)
	}
	theta, grad := net.Init(0, 0), make([]float64, net.Dim())
	for step := range 4 {
		s, err := tracker.Top(theta)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("step %d: sharpness %.3f, converged %t\n", step, s.Value, s.Converged)
		net.EnergyGrad(grad, theta)
		kernel.Axpy(-0.5/s.Value, grad, theta)
	}
	// Output:
	// step 0: sharpness 0.151, converged true
	// step 1: sharpness 0.146, converged true
	// step 2: sharpness 0.145, converged true
	// step 3: sharpness 0.146, converged true
}

// The largest stable learning rates of two networks in units of 1/λ0.
func ExampleStableEdge() {
	set := digits.Train[float64](32)
	data := catapult.Data[float64]{X: set.X, Y: set.Parity()}
	for _, sizes := range [][]int{{64, 48, 1}, {64, 48, 48, 1}} {
		e, err := catapult.StableEdge(context.Background(), catapult.NetConfig{Sizes: sizes, Act: catapult.ReLU}, data, catapult.EdgeOptions{
			C: []float64{1, 3, 6, 60}, Seeds: []uint64{0, 1}, Steps: 80,
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(sizes, "trains up to", e.LastStable, "and fails at", e.FirstFailing)
	}
	// Output:
	// [64 48 1] trains up to [3 3] and fails at [6 6]
	// [64 48 48 1] trains up to [6 6] and fails at [60 60]
}
