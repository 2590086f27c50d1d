package catapult_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gradflow/gradflow/catapult"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/descent"
	"github.com/gradflow/gradflow/flow/kernel"
)

// A learning rate of 3/λ0 in the warm-up model: the theorems say that training
// converges, and how large the loss can become on the way, without a step made.
func ExampleClassify() {
	for _, kappa0 := range []float64{1.5, 3, 4.5} {
		c, err := catapult.Classify(kappa0, 1e-6)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("κ0 = %.1f: %v by theorem %s, Σs <= %.3g, κ_∞ <= %.3g\n", kappa0, c.Phase, c.Theorem, c.SumBound, c.KappaBound)
	}
	// Output:
	// κ0 = 1.5: Lazy by theorem A, Σs <= 0.6, κ_∞ <= 1.5
	// κ0 = 3.0: Catapult by theorem A, Σs <= 3, κ_∞ <= 2
	// κ0 = 4.5: Divergent by theorem B, Σs <= +Inf, κ_∞ <= +Inf
}

// The same by running the map: the peak, and the curvature that training ends with.
func ExampleMapTrajectory() {
	r, err := catapult.MapTrajectory(3, 1e-6, 10000)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v: s peaks at %.4f in step %d, predicted %.1f\n", r.Phase, r.SMax, r.TPeak, catapult.PeakStep(3, 1e-6))
	fmt.Printf("κ falls from 3 to %.6f, Σs = %.4f\n", r.KappaInf, r.SumS)
	// Output:
	// Catapult: s peaks at 0.6599 in step 11, predicted 10.0
	// κ falls from 3 to 0.240212, Σs = 1.6558
}

// A two-layer linear network of width 10¹², exactly: the loss grows by twelve
// orders of magnitude before the curvature falls and training converges.
func ExampleReducedLinear() {
	x := kernel.MatrixOf(3, 2, []float64{1, 0, 0.5, 0.8, -0.3, 0.9})
	y := []float64{0.5, -0.2, 0.1}
	model, err := catapult.NewReducedLinear(catapult.ReducedConfig{N: 1e12, Eta: 1}, x, y)
	if err != nil {
		log.Fatal(err)
	}
	start := model.Sample(1, 0)
	lambda0 := model.NTKTop(start).Value
	model, err = model.At(1e12, 3/lambda0)
	if err != nil {
		log.Fatal(err)
	}
	r, err := model.Run(context.Background(), start, catapult.ReducedOptions[float64]{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v: loss %.2g, then %.1g in step %d, then %.4f\n", r.Phase, r.Loss0, r.PeakLoss, r.PeakStep, r.Loss)
	fmt.Printf("ηλ falls from %.2f to %.2f\n", r.Kappa0, r.Kappa)
	// Output:
	// Catapult: loss 0.045, then 9e+10 in step 22, then 0.0317
	// ηλ falls from 3.00 to 1.30
}

// Gradient descent on the warm-up network itself.
func ExampleWarmupNet() {
	net, err := catapult.NewWarmupNet[float64](catapult.WarmupConfig{N: 1000})
	if err != nil {
		log.Fatal(err)
	}
	theta := net.Init(1, 0)
	_, lambda0 := net.Reduced(theta)
	run, err := flow.New(descent.GD(flow.GradientFlow(net)), theta, flow.Options[float64]{
		Controller: flow.Fixed{H: 2.5 / lambda0}, MaxSteps: 500, Stop: []flow.Stop[float64]{flow.StopEnergy[float64](1e-12)},
	})
	if err != nil {
		log.Fatal(err)
	}
	sol, err := run.Solve(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	_, lambda := net.Reduced(sol.X)
	fmt.Printf("%v, ηλ = %.1f, then %.2f\n", sol.Status, 2.5, 2.5*lambda/lambda0)
	// Output:
	// Converged, ηλ = 2.5, then 1.28
}

// A phase diagram of the warm-up model over learning rate and width: the thresholds
// are 2 and 4 at every width.
func ExampleReducedDiagram() {
	model, err := catapult.NewReducedLinear(catapult.ReducedConfig{N: 1, Eta: 1}, kernel.MatrixOf(1, 1, []float64{1}), []float64{0})
	if err != nil {
		log.Fatal(err)
	}
	spec := catapult.DiagramSpec{X: []float64{0.5, 1.9, 2.1, 3.9, 4.1}, Y: []float64{10, 1e6, 1e12}, Repeats: 5, Seed: 1}
	d, err := catapult.ReducedDiagram(context.Background(), spec, model, catapult.ReducedOptions[float64]{Steps: 20000})
	if err != nil {
		log.Fatal(err)
	}
	for j, n := range d.Y {
		fmt.Printf("n = %.0e: catapult from %v/λ0, divergent from %v/λ0\n", n, d.First(j, catapult.Catapult), d.First(j, catapult.Divergent))
	}
	// Output:
	// n = 1e+01: catapult from 2.1/λ0, divergent from 4.1/λ0
	// n = 1e+06: catapult from 2.1/λ0, divergent from 4.1/λ0
	// n = 1e+12: catapult from 2.1/λ0, divergent from 4.1/λ0
}

// Any model fits into a phase diagram, here small ReLU networks.
func ExamplePhaseDiagram() {
	data := catapult.Data[float64]{
		X: kernel.MatrixOf(4, 2, []float64{1, 0.3, -0.5, 1, 0.8, -1, -1, -0.6}),
		Y: kernel.MatrixOf(4, 1, []float64{1, -1, 1, -1}),
	}
	spec := catapult.DiagramSpec{X: []float64{1, 3, 20}, Y: []float64{64, 256}}
	d, err := catapult.PhaseDiagram(context.Background(), spec, func(ctx context.Context, p catapult.DiagramRun) (catapult.Cell, error) {
		net, err := catapult.NewNet(catapult.OneHidden(2, int(p.Y), catapult.ReLU), data)
		if err != nil {
			return catapult.Cell{}, err
		}
		r, err := catapult.Train(ctx, net, net.Init(p.Seed, uint64(p.Member)), catapult.TrainOptions[float64]{C: p.X, Steps: 300, NoTrace: true})
		if err != nil {
			return catapult.Cell{}, err
		}
		return catapult.Cell{Phase: r.Phase, Loss: r.Loss, Steps: r.Steps}, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	for j, n := range d.Y {
		for i, c := range d.X {
			fmt.Printf("n = %v, η = %v/λ0: %v\n", n, c, d.At(i, j, 0).Phase)
		}
	}
	// Output:
	// n = 64, η = 1/λ0: Lazy
	// n = 64, η = 3/λ0: Catapult
	// n = 64, η = 20/λ0: Divergent
	// n = 256, η = 1/λ0: Lazy
	// n = 256, η = 3/λ0: Catapult
	// n = 256, η = 20/λ0: Divergent
}
