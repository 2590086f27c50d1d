//go:build !race

package infogeo

import (
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

func TestGaussianLiftAllocs(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 1))
	g := geodesic(t, randomGaussian(t, r, 4, 0.5, 1), randomGaussian(t, r, 4, 0.5, 1))
	x, grad := kernel.NewMatrix[float64](4, 4), kernel.NewMatrix[float64](4, 4)
	if n := testing.AllocsPerRun(20, func() { g.lift.eval(grad, x) }); n != 0 {
		t.Errorf("%v allocations an evaluation, want 0", n)
	}
}

func TestProductAllocs(t *testing.T) {
	x, y := irisData(t)
	s := softmaxModel(t, x, y, 3)
	theta, g, dir := make([]float64, 10), make([]float64, 10), make([]float64, 10)
	var cg CG
	k, err := s.KFAC()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"gradient": func() { s.EnergyGrad(g, theta) },
		"product":  func() { s.MulVec(dir, g) },
		"conjugate gradients": func() {
			if _, err := cg.Solve(dir, s, g, Damping{Lambda: 1e-3}, CGOptions{Jacobi: true}); err != nil {
				t.Fatal(err)
			}
		},
		"Kronecker": func() {
			if err := k.Solve(dir, g, 1e-3); err != nil {
				t.Fatal(err)
			}
		},
	} {
		f()
		if n := testing.AllocsPerRun(10, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

func TestGaussianFlowAllocs(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, loss := range []Loss{Forward, Reverse} {
		f := gaussianFlow(t, randomGaussian(t, r, 5, 0.3, 1), FisherRaoMetric, loss)
		x, dst := f.State(nil, randomGaussian(t, r, 5, 0.3, 1)), make([]float64, f.Dim())
		if n := testing.AllocsPerRun(20, func() { f.EvalEnergy(dst, x, 0) }); n != 0 {
			t.Errorf("%v: %v allocations an evaluation, want 0", loss, n)
		}
	}
}
