package deq

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// randn returns n normal numbers.
func randn(r *rand.Rand, n int, scale float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = scale * r.NormFloat64()
	}
	return v
}

// frobenius is |a-b|_F.
func frobenius(a, b kernel.Matrix[float64]) float64 {
	d := make([]float64, len(a.Data))
	kernel.SubTo(d, a.Data, b.Data)
	return kernel.Nrm2(d)
}

// The bounds of the second derivatives are bounds, and sharp.
func TestActivationCurve(t *testing.T) {
	for _, a := range []Activation{Tanh(), Sigmoid(), Softplus(), Atan(), GELU(), GELUTanh(), WeakTanh(-0.7), WeakTanh(2), Identity()} {
		worst := 0.0
		for z := -9.0; z <= 9; z += 1e-3 {
			worst = max(worst, math.Abs(a.D2(z)))
		}
		if worst > a.Curve || worst < 0.99*a.Curve {
			t.Errorf("%s: |σ''| up to %v, Curve = %v", a.Name, worst, a.Curve)
		}
	}
	if r := ReLU(); !math.IsInf(r.Curve, 1) {
		t.Errorf("Curve of a rectifier is %v, want +Inf", r.Curve)
	}
}

// After a forward solve that was cut short the bound holds, falls with the budget and
// ends near rounding.
func TestGradientError(t *testing.T) {
	const n, d, batch = 12, 5, 7
	for trial, act := range []Activation{Tanh(), Sigmoid(), Atan(), GELU(), Identity(), Tanh()} {
		r := rand.New(rand.NewPCG(uint64(trial), 5))
		draw := func(rows, cols int, scale float64) kernel.Matrix[float64] {
			return kernel.MatrixOf(rows, cols, randn(r, rows*cols, scale))
		}
		m := &Monotone[float64]{Mu: 0.3, A: draw(n, n, 0.3), Skew: draw(n, n, 0.3), U: draw(n, d, 1), B: randn(r, n, 0.5), Act: act}
		l := &Dense[float64]{W: draw(n, n, 0.1), U: m.U, B: m.B, Act: act}
		monotone := trial == 5
		if monotone {
			if err := m.Update(); err != nil {
				t.Fatal(err)
			}
			l = m.Dense()
		}
		cert, err := l.Certify()
		if err != nil || !cert.WellPosed() {
			t.Fatal(act.Name, cert, err)
		}
		x, g := draw(batch, d, 1), draw(batch, n, 1)
		ctx := context.Background()
		run := func(fwd, bwd *SolveOptions[float64]) (*DenseGrad[float64], float64, error) {
			eq := Equilibrium[float64]{Certificate: cert}
			solve := l.Solve
			if monotone {
				solve = m.Solve
			}
			st, err := solve(ctx, &eq, x, fwd)
			if err != nil {
				return nil, 0, err
			}
			residual := st.Residual
			grad := new(DenseGrad[float64])
			o := &BackwardOptions[float64]{SolveOptions: *bwd, Unconverged: true}
			if monotone {
				var mg MonotoneGrad[float64]
				_, err = m.Backward(ctx, &mg, &eq, g, Backward{}, o)
				grad = &mg.Dense
			} else {
				_, err = l.Backward(ctx, grad, &eq, g, Backward{}, o)
			}
			return grad, residual, err
		}
		full := &SolveOptions[float64]{RelTol: 1e-14, MaxEval: 4000}
		exact, _, err := run(full, full)
		if err != nil {
			t.Fatal(act.Name, err)
		}
		last := math.Inf(1)
		for _, budget := range []int{2, 6, 18, 54, 162} {
			grad, residual, err := run(&SolveOptions[float64]{RelTol: 1e-14, MaxEval: budget}, full)
			if err != nil {
				t.Fatal(act.Name, err)
			}
			b := grad.Error
			for _, c := range []struct {
				name       string
				off, bound float64
			}{
				{"W", frobenius(grad.W, exact.W), b.W}, {"U", frobenius(grad.U, exact.U), b.U},
				{"B", frobenius(kernel.MatrixOf(1, n, grad.B), kernel.MatrixOf(1, n, exact.B)), b.B},
			} {
				if math.IsInf(c.bound, 1) || !(c.off <= c.bound+1e-12*(1+kernel.Nrm2(exact.W.Data))) {
					t.Errorf("%s, %d evaluations, residual %.2g: d%s is off by %.3g, bound %.3g", act.Name, budget, residual, c.name, c.off, c.bound)
				}
			}
			if !(b.W <= last) {
				t.Errorf("%s: bound %v after %d evaluations, %v with fewer", act.Name, b.W, budget, last)
			}
			last = b.W
		}
		if !(last < 1e-6) {
			t.Errorf("%s: bound %v in the end, want it near rounding", act.Name, last)
		}
	}
}

// Nothing is claimed where nothing is proved.
func TestGradientErrorUnproved(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	x, g := kernel.MatrixOf(2, 2, randn(r, 4, 1)), kernel.MatrixOf(2, 3, randn(r, 6, 1))
	own := Tanh()
	own.Curve = 0
	for name, c := range map[string]struct {
		act   Activation
		scale float64
		rule  Backward
	}{
		"no contraction": {Tanh(), 3, Backward{}},
		"kink":           {ReLU(), 0.1, Backward{}},
		"unknown σ''":    {own, 0.1, Backward{}},
		"other rule":     {Tanh(), 0.1, JFB()},
	} {
		l := &Dense[float64]{W: kernel.MatrixOf(3, 3, randn(r, 9, c.scale)), U: kernel.MatrixOf(3, 2, randn(r, 6, 1)), B: make([]float64, 3), Act: c.act}
		var eq Equilibrium[float64]
		if st, err := l.Solve(context.Background(), &eq, x, &SolveOptions[float64]{MaxEval: 2}); err != nil || st.Status == flow.Converged {
			t.Fatal(name, st, err)
		}
		var grad DenseGrad[float64]
		if _, err := l.Backward(context.Background(), &grad, &eq, g, c.rule, &BackwardOptions[float64]{Unconverged: true}); err != nil {
			t.Fatal(name, err)
		}
		if !math.IsInf(grad.Error.W, 1) || !math.IsInf(grad.Error.B, 1) {
			t.Errorf("%s: bound %v, want +Inf", name, grad.Error)
		}
	}
}
