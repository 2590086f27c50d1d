package sde_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/sde"
)

// The Ornstein-Uhlenbeck process dx = -x dt + ½ dW, twice on the same path: with
// steps of 1/4 and of 1/1024.
func Example() {
	drift := flow.FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = -x[0] })
	ou := sde.Func(drift, sde.Noise{Additive: true}, func(dst, _ []float64, _ float64) { dst[0] = 0.5 })
	path, err := sde.NewTree(1, 0, 0, 1)
	if err != nil {
		log.Fatal(err)
	}
	for _, h := range []float64{1. / 4, 1. / 1024} {
		r, err := flow.New(sde.SRA1(ou, path), []float64{1}, flow.Options[float64]{
			Controller: flow.Fixed{H: h}, T1: 1, TStops: []float64{0.5},
		})
		if err != nil {
			log.Fatal(err)
		}
		for s, err := range r.Steps(context.Background()) {
			if err != nil {
				log.Fatal(err)
			}
			if s.T == 0.5 || s.T == 1 {
				fmt.Printf("h = 1/%-4.0f x(%.1f) = %.3f\n", 1/h, s.T, s.X[0])
			}
		}
	}
	// Output:
	// h = 1/4    x(0.5) = 0.739
	// h = 1/4    x(1.0) = 0.384
	// h = 1/1024 x(0.5) = 0.739
	// h = 1/1024 x(1.0) = 0.382
}

// An ensemble: a path for each member, the same for any number of workers.
func Example_ensemble() {
	const members = 2000
	x := make([]float64, members)
	err := flow.Ensemble(context.Background(), members, 0, func(ctx context.Context, member int) error {
		// Geometric Brownian motion dx = x/10 dt + x/5 dW.
		drift := flow.FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = x[0] / 10 })
		gbm := sde.Func(drift, sde.Noise{}, func(dst, x []float64, _ float64) { dst[0] = x[0] / 5 })
		r, err := flow.New(sde.Milstein(gbm, sde.Increments{Seed: 7, Stream: uint32(member)}), []float64{1},
			flow.Options[float64]{Controller: flow.Fixed{H: 1. / 32}, T1: 1})
		if err != nil {
			return err
		}
		sol, err := r.Solve(ctx)
		x[member] = sol.X[0]
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v / members
		square += v * v / members
	}
	fmt.Printf("mean %.3f (exact %.3f), deviation %.3f (exact %.3f)\n",
		mean, math.Exp(0.1), math.Sqrt(square-mean*mean), math.Exp(0.1)*math.Sqrt(math.Exp(0.04)-1))
	// Output:
	// mean 1.109 (exact 1.105), deviation 0.226 (exact 0.223)
}

// Sampling from exp(-E), E = x⁴/4 - x²/2, by underdamped Langevin dynamics: the
// mean of x² along a run.
func ExampleUnderdamped() {
	well := flow.EnergyFunc(1, func(g, x []float64) float64 {
		v := x[0]
		if g != nil {
			g[0] = v*v*v - v
		}
		return v*v*v*v/4 - v*v/2
	})
	k, err := sde.Underdamped(well, 1, 1)
	if err != nil {
		log.Fatal(err)
	}
	r, err := flow.New(sde.BAOAB(k, sde.Increments{Seed: 1}), []float64{0, 0}, // x, v
		flow.Options[float64]{Controller: flow.Fixed{H: 0.25}, MaxSteps: 200_000})
	if err != nil {
		log.Fatal(err)
	}
	sum := 0.0
	for s, err := range r.Steps(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		sum += s.X[0] * s.X[0]
	}
	fmt.Printf("mean of x²: %.2f (exact 1.04)\n", sum/float64(r.Step().K+1))
	// Output:
	// mean of x²: 1.05 (exact 1.04)
}

// Overdamped Langevin dynamics knows its energy. At inverse temperature β its
// mean on a quadratic energy in n dimensions is n/(2β), here 125, with a
// deviation of √(n/2)/β = 5.6.
func ExampleLangevin() {
	const n, beta = 1000, 4.0
	bowl := flow.EnergyFunc(n, func(g, x []float64) float64 {
		e := 0.0
		for i, v := range x {
			if g != nil {
				g[i] = v
			}
			e += v * v / 2
		}
		return e
	})
	s, err := sde.Langevin(bowl, beta)
	if err != nil {
		log.Fatal(err)
	}
	r, err := flow.New(sde.SRA1(s, sde.Increments{Seed: 3}), make([]float64, n),
		flow.Options[float64]{Controller: flow.Fixed{H: 0.05}, T1: 4})
	if err != nil {
		log.Fatal(err)
	}
	for s, err := range r.Steps(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if s.K%20 == 0 {
			fmt.Printf("t = %.0f: E = %.0f\n", s.T, s.Energy)
		}
	}
	// Output:
	// t = 0: E = 0
	// t = 1: E = 105
	// t = 2: E = 120
	// t = 3: E = 118
	// t = 4: E = 119
}

// An equation in the sense of Itô, solved by a method for Stratonovich ones.
func ExampleConvert() {
	drift := flow.FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = 0 })
	ito := sde.Func(drift, sde.Noise{Calculus: sde.Ito}, func(dst, x []float64, _ float64) { dst[0] = x[0] })
	path, err := sde.NewTree(2, 0, 0, 1)
	if err != nil {
		log.Fatal(err)
	}
	r, err := flow.New(sde.Heun(sde.Convert(ito, sde.Stratonovich), path), []float64{1},
		flow.Options[float64]{Controller: flow.Fixed{H: 1. / 4096}, T1: 1})
	if err != nil {
		log.Fatal(err)
	}
	sol, err := r.Solve(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	w := make([]float64, 1)
	if err := path.At(w, 1); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("x(1) = %.3f, exact exp(W - 1/2) = %.3f\n", sol.X[0], math.Exp(w[0]-0.5))
	// Output:
	// x(1) = 0.234, exact exp(W - 1/2) = 0.234
}

// Particles that decay at rate 1 between the steps of a flow.
func ExampleJumps() {
	const n = 1000
	alive := make([]float64, n)
	for i := range alive {
		alive[i] = 1
	}
	jumps, err := sde.NewJumps(n,
		func(r, x []float64, _ float64) { copy(r, x) },
		func(x []float64, unit int, _ float64) error { x[unit] = 0; return nil },
		sde.Increments{Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	still := flow.FieldFunc(n, func(dst, _ []float64, _ float64) { clear(dst) })
	sol, err := flow.Solve(context.Background(), still, alive, flow.Options[float64]{T1: 1, Jump: jumps})
	if err != nil {
		log.Fatal(err)
	}
	left := 0.0
	for _, v := range sol.X {
		left += v
	}
	fmt.Printf("%.0f of %d left, expected %.0f ± 15\n", left, n, n/math.E)
	// Output:
	// 352 of 1000 left, expected 368 ± 15
}
