package flow

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// gradientProblem is a stiff gradient flow of testdata with its exact spectral
// radius.
type gradientProblem struct {
	e      func(g, x []float64) float64
	x0     []float64
	T      float64
	radius func(x []float64, t float64) float64
}

// bounded is an energy that knows the spectral radius of its Hessian.
type bounded struct {
	n      int
	e      func(g, x []float64) float64
	radius func(x []float64, t float64) float64
}

func (b *bounded) Dim() int                           { return b.n }
func (b *bounded) EnergyGrad(g, x []float64) float64  { return b.e(g, x) }
func (b *bounded) Caps() Caps[float64]                { return Caps[float64]{Radius: b.radius} }
func (p *gradientProblem) energy() Energy[float64]    { return EnergyFunc(len(p.x0), p.e) }
func (p *gradientProblem) flow() EnergyField[float64] { return GradientFlow(p.energy()) }
func (p *gradientProblem) known() EnergyField[float64] {
	return GradientFlow[float64](&bounded{len(p.x0), p.e, p.radius})
}
func (p *gradientProblem) field() Field[float64] { return FieldFunc(len(p.x0), p.flow().Eval) }
func constantRadius(rho float64) func([]float64, float64) float64 {
	return func([]float64, float64) float64 { return rho }
}

const linearN = 50

// linearFlow is E = ½ (Qx)·Λ(Qx) with Λ = diag(10^(6i/49)) and the Householder
// reflection Q = I - 2vvᵀ, v = 1/√n. The rounding errors of the sums, which Λ
// amplifies, decide on the rejections of ROCK4; those of a plain loop make 15 %
// more of them than pairwise sums.
func linearFlow() func(g, x []float64) float64 {
	lambda, y := make([]float64, linearN), make([]float64, linearN)
	for i := range lambda {
		lambda[i] = math.Pow(10, 6*float64(i)/(linearN-1))
	}
	return func(g, x []float64) float64 {
		s, e := kernel.Sum(x)*2/linearN, 0.0
		for i, v := range x {
			y[i] = lambda[i] * (v - s)
			e += y[i] * (v - s) / 2
		}
		if g != nil {
			u := kernel.Sum(y) * 2 / linearN
			for i := range g {
				g[i] = y[i] - u
			}
		}
		return e
	}
}

const heatN = 63

// heat is E = ½ · 64² Σ (u_{i+1}-u_i)², u = 0 at both ends: the heat equation by
// the method of lines.
func heat(g, u []float64) float64 {
	const c = (heatN + 1) * (heatN + 1)
	left, e := 0.0, 0.0
	for i, v := range u {
		right := 0.0
		if i+1 < len(u) {
			right = u[i+1]
		}
		e += c / 2 * (v - left) * (v - left)
		if g != nil {
			g[i] = -c * (left - 2*v + right)
		}
		left = v
	}
	return e + c/2*left*left
}

// rosenbrockRadius is the largest modulus of an eigenvalue of the Hessian, with
// 5 % added as in testdata.
func rosenbrockRadius(x []float64, _ float64) float64 {
	a, b := x[0], x[1]
	h11, h12, h22 := 2+1200*a*a-400*b, -400*a, 200.0
	mean, r := (h11+h22)/2, math.Hypot((h11-h22)/2, h12)
	return 1.05 * max(math.Abs(mean+r), math.Abs(mean-r))
}

func gradientProblems() map[string]*gradientProblem {
	u, l := make([]float64, heatN), make([]float64, linearN)
	for i := range u {
		x := float64(i+1) / (heatN + 1)
		u[i] = math.Sin(math.Pi*x) + 0.5*math.Sin(3*math.Pi*x) + 0.1*math.Sin(20*math.Pi*x)
	}
	for i := range l {
		l[i] = float64(i+1) / linearN
	}
	const h = heatN + 1
	return map[string]*gradientProblem{
		"linear_flow":     {linearFlow(), l, 1, constantRadius(1e6)},
		"heat_mol":        {heat, u, 0.05, constantRadius(4 * h * h)},
		"allen_cahn":      {allenCahn, allenStart(), 2, constantRadius(4*0.0025*allenN*allenN + 2)},
		"rosenbrock_flow": {rosenbrock[float64], []float64{-1.2, 1}, 5, rosenbrockRadius},
	}
}

// TestGradientProblems checks the problems themselves: the energies of testdata, and
// gradients against differences.
func TestGradientProblems(t *testing.T) {
	want := map[string]float64{"linear_flow": 23656.578584911926, "allen_cahn": 26.390191495991427, "rosenbrock_flow": 24.2}
	for name, p := range gradientProblems() {
		g := make([]float64, len(p.x0))
		e := p.e(g, p.x0)
		if w, ok := want[name]; ok && !(math.Abs(e-w) <= 1e-13*w) {
			t.Errorf("%s: E(0) = %.17g, want %.17g", name, e, w)
		}
		for _, i := range []int{0, len(g) / 2, len(g) - 1} {
			const d = 1e-4
			x := append([]float64(nil), p.x0...)
			x[i] += d
			up := p.e(nil, x)
			x[i] -= 2 * d
			if q := (up - p.e(nil, x)) / (2 * d); !(math.Abs(q-g[i]) <= 1e-6*(1+math.Abs(q))+1e-8*e/d) {
				t.Errorf("%s: gradient[%d] = %v, by differences %v", name, i, g[i], q)
			}
		}
	}
}
