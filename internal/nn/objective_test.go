package nn_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
)

func newObjective(tb testing.TB, c nn.Config, loss nn.Loss, m int) (*nn.Objective[float64], *problem[float64]) {
	p := newProblem[float64](tb, c, loss, m)
	o := nn.NewObjective[float64](p.net, loss, m)
	o.SetBatch(p.x, p.y)
	return o, p
}

// The objective may be asked in any order at any point; what it remembers must
// not show.
func TestObjectiveRemembersTheRightPoint(t *testing.T) {
	c := nn.Config{Sizes: []int{3, 6, 5, 4}, Act: nn.Tanh, Bias: true}
	o, p := newObjective(t, c, nn.CrossEntropy, 7)
	n := p.net.Dim()
	v := random[float64](n, 5)
	other := shifted(p.theta, 0.1, v)
	g, hv, got := make([]float64, n), make([]float64, n), make([]float64, n)
	l := p.grad(g, p.theta)
	p.hessVec(hv, v)

	o.HessVec(got, p.theta, v)
	if e := relErr(got, hv); e > 1e-15 {
		t.Errorf("Hessian product before a gradient differs by %.1e", e)
	}
	o.Grad(got, other)
	o.HessVec(got, p.theta, v)
	if e := relErr(got, hv); e > 1e-15 {
		t.Errorf("Hessian product after a gradient elsewhere differs by %.1e", e)
	}
	u := random[float64](7*4, 9)
	o.VJP(got, p.theta, u)
	o.GaussNewtonVec(got, p.theta, v)
	o.HessVec(got, p.theta, v)
	if e := relErr(got, hv); e > 1e-15 {
		t.Errorf("Hessian product after other products differs by %.1e", e)
	}
	if got := o.Loss(p.theta); got != l {
		t.Errorf("loss %v, want %v", got, l)
	}
	// A caller that changes θ in place must not meet old activations.
	theta := slices.Clone(p.theta)
	o.Loss(theta)
	theta[3] += 1
	if got, want := o.Loss(theta), p.loss(theta); got != want {
		t.Errorf("loss after a change in place %v, want %v", got, want)
	}
}

// With zero residuals the Hessian is its Gauss-Newton part.
func TestGaussNewtonAtAMinimum(t *testing.T) {
	c := nn.Config{Sizes: []int{3, 6, 2}, Act: nn.Softplus, Bias: true}
	o, p := newObjective(t, c, nn.MSE, 5)
	p.y.Y = kernel.MatrixOf(5, 2, p.outputs(p.theta))
	o.SetBatch(p.x, p.y)
	n := p.net.Dim()
	v, h, g := random[float64](n, 5), make([]float64, n), make([]float64, n)
	o.HessVec(h, p.theta, v)
	o.GaussNewtonVec(g, p.theta, v)
	if e := relErr(h, g); e > 1e-14 {
		t.Errorf("Hessian and Gauss-Newton products differ by %.1e at zero residuals", e)
	}
	// vᵀJᵀSJv = |Jv|²/m for MSE.
	jv := o.JVP(p.theta, v)
	if a, b := kernel.Dot(v, g), kernel.SumSq(jv.Data)/5; math.Abs(a-b) > 1e-13*b {
		t.Errorf("v·Gv = %v, want |Jv|²/m = %v", a, b)
	}
}

func TestBatches(t *testing.T) {
	b := nn.Batches{M: 10, Size: 4, Seed: 3}
	var first [][]int
	for epoch := range 3 {
		var all []int
		for k, want := range []int{4, 4, 2} {
			idx := slices.Clone(b.At(uint64(3*epoch + k)))
			if len(idx) != want {
				t.Errorf("batch %d of an epoch has %d samples, want %d", k, len(idx), want)
			}
			all = append(all, idx...)
			first = append(first, idx)
		}
		slices.Sort(all)
		if !slices.Equal(all, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("epoch %d holds %v", epoch, all)
		}
	}
	if slices.Equal(first[0], first[3]) && slices.Equal(first[1], first[4]) {
		t.Error("two epochs have one permutation")
	}
	step := uint64(0)
	if n := testing.AllocsPerRun(10, func() { b.At(step); step += 2 }); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
	// Out of order, by another value: a function of seed and step alone.
	c := nn.Batches{M: 10, Size: 4, Seed: 3}
	for _, k := range []int{8, 0, 5} {
		if got := c.At(uint64(k)); !slices.Equal(got, first[k]) {
			t.Errorf("batch of step %d is %v, want %v", k, got, first[k])
		}
	}
}

func TestObjectiveChecksTheLength(t *testing.T) {
	o, p := newObjective(t, nn.Config{Sizes: []int{3, 4, 1}}, nn.MSE, 2)
	defer func() {
		if recover() == nil {
			t.Error("a short θ did not panic")
		}
	}()
	o.Loss(p.theta[1:])
}
