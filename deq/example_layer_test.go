package deq_test

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/digits"
)

// A layer of three units, solved for one input, with a proof that its fixed point
// exists and a bound of its error, and the gradient of the sum of its outputs.
func ExampleDense() {
	layer := &deq.Dense[float64]{
		W:   kernel.MatrixOf(3, 3, []float64{.5, -.3, .2, .4, .6, -.1, -.2, .3, .7}),
		U:   kernel.MatrixOf(3, 1, []float64{.3, -.2, .5}),
		B:   make([]float64, 3),
		Act: deq.Tanh(),
	}
	cert, err := layer.Certify()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("|W|₂ = %.4f, μ = %.4f, well posed: %v\n", cert.Norm2, cert.Monotone, cert.WellPosed())

	ctx := context.Background()
	eq := &deq.Equilibrium[float64]{Certificate: cert}
	x := kernel.MatrixOf(1, 1, []float64{1})
	stats, err := layer.Solve(ctx, eq, x, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("z = %.6f, %v, error below 1e-9: %v\n", eq.Z.Row(0), stats.Status, stats.CertifiedError < 1e-9)

	var grad deq.DenseGrad[float64]
	dLdZ := kernel.MatrixOf(1, 3, []float64{1, 1, 1})
	if _, err := layer.Backward(ctx, &grad, eq, dLdZ, deq.Backward{}, nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("db = %.6f\n", grad.B)
	// Output:
	// |W|₂ = 0.7988, μ = 0.2355, well posed: true
	// z = [0.646061 -0.026015 0.688363], Converged, error below 1e-9: true
	// db = [1.376298 2.127900 0.884968]
}

// Newton's method with GMRES for a map of one's own, on a batch of two samples.
func ExampleFixedPoint() {
	z := kernel.NewMatrix[float64](2, 1)
	stats, err := deq.FixedPoint(context.Background(), z, deq.Map[float64](cosine{}), &deq.SolveOptions[float64]{Solver: deq.NewtonKrylov{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.10f %.10f %v\n", z.At(0, 0), z.At(1, 0), stats.Status)
	// Output:
	// 0.7390851332 0.5149332647 Converged
}

// cosine is z = cos(z) and z = cos(2z).
type cosine struct{}

func (cosine) Dim() int { return 1 }

func (cosine) Eval(dst, z []float64, rows []int) {
	for i, r := range rows {
		dst[i] = math.Cos(float64(r+1) * z[i])
	}
}

// A classifier of handwritten digits with 32 units, trained for 40 steps of the
// heavy ball by Jacobian-free backpropagation, with |W|₂ kept below 0.95.
func ExampleTrain() {
	train, test := digits.Train[float32](797), digits.Test[float32]()
	net, err := deq.NewNetwork(deq.NetworkConfig[float32]{
		Units: 32, Loss: deq.CrossEntropy, Backward: deq.JFB(), Kappa: 0.95,
	}, deq.TrainData[float32]{X: train.X, Labels: train.Labels})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	run, err := deq.Train(ctx, net, net.Start(1), deq.TrainOptions[float32]{Eta: 0.2, Momentum: 0.9, Steps: 40})
	if err != nil {
		fmt.Println(err)
		return
	}
	accuracy, err := net.Accuracy(ctx, run.Theta, test.X, test.Labels)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d steps, more than 90 of 100 test images right: %v\n", run.Steps, accuracy > 0.9)
	// Output:
	// 40 steps, more than 90 of 100 test images right: true
}
