package deq

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// FitOptions are the options of SingleIndex.Fit. The zero value is right.
type FitOptions struct {
	// MaxSteps limits the steps, accepted or not. If it is zero, it is 200.
	MaxSteps int
	// RelTol ends the fit when the gradient has fallen to RelTol |J||e|, J and e being
	// the Jacobian and the errors, or a step to RelTol |θ|. If it is zero, it is 1e-12
	// (float64) or 1e-5 (float32).
	RelTol float64
	// Damping is the first λ, as a multiple of the largest diagonal element of JᵀJ. If
	// it is zero, it is 1e-3.
	Damping float64
}

// FitResult is how a fit ended.
type FitResult struct {
	// Status is Converged, StepLimit, Stationary (no step decreases the risk any more,
	// which is what rounding leaves of convergence) or Cancelled.
	Status flow.Status
	// Steps counts solved systems, Accepted those that decreased the risk.
	Steps, Accepted int
	// Risk is R(θ), GradNorm |∇R(θ)| at the end.
	Risk, GradNorm float64
}

// Fit minimises R from theta, in place, by the method of Levenberg and Marquardt (J.J.
// Moré, "The Levenberg-Marquardt algorithm", LNM 630, 1978) with the damping of H.B.
// Nielsen (1999), for those who want the parameters and not the dynamics: with the rows
// J_i = s/(1-vs) (x_i, y_i) of the Jacobian of the equilibria and their errors e it
// solves
//
//	(JᵀJ + λ diag JᵀJ) δ = -Jᵀe.
//
// A step that does not decrease the risk, or leaves the region of unique equilibria,
// is shortened by a larger λ. It looks at all samples. Errors wrap ErrArgument,
// ErrNotFinite, ErrIllPosed for the start, or are that of ctx, with the best
// parameters so far.
func (m *SingleIndex[T]) Fit(ctx context.Context, theta []T, o FitOptions) (FitResult, error) {
	if err := o.fill(unit[T]() > 0x1p-50); err != nil {
		return FitResult{}, err
	}
	m.check(theta)
	if err := finite("theta", theta); err != nil {
		return FitResult{}, err
	}
	on, batch := m.on, m.batch
	m.on, m.batch = indexSamples[T]{m.x, m.target, m.y}, nil
	defer func() { m.on, m.batch = on, batch }()
	f := newIndexFit(m, theta)
	if !f.linearize() {
		return f.FitResult, m.err
	}
	return f.run(ctx, o)
}

// fill checks the options and fills in defaults.
func (o *FitOptions) fill(single bool) error {
	switch {
	case o.MaxSteps < 0:
		return fmt.Errorf("deq: MaxSteps = %d, want a number > 0, or 0 for the default: %w", o.MaxSteps, ErrArgument)
	case !(o.RelTol >= 0) || math.IsInf(o.RelTol, 1):
		return fmt.Errorf("deq: RelTol = %v, want a finite number > 0, or 0 for the default: %w", o.RelTol, ErrArgument)
	case !(o.Damping >= 0) || math.IsInf(o.Damping, 1):
		return fmt.Errorf("deq: Damping = %v, want a finite number > 0, or 0 for the default: %w", o.Damping, ErrArgument)
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = 200
	}
	if o.RelTol == 0 {
		o.RelTol = 1e-12
		if single {
			o.RelTol = 1e-5
		}
	}
	o.Damping = orDefault(o.Damping, 1e-3)
	return nil
}

// indexFit is a fit in progress.
type indexFit[T flow.Float] struct {
	FitResult
	m       *SingleIndex[T]
	theta   []T // the best point
	try     []T
	k       int                    // free parameters
	gram    *mat.SymDense          // JᵀJ/N
	slope   []float64              // Jᵀe/N
	rows    kernel.Matrix[float64] // of J in a block
	errs    []float64
	product kernel.Matrix[float64]
}

func newIndexFit[T flow.Float](m *SingleIndex[T], theta []T) *indexFit[T] {
	k := m.d + 1
	if m.opt.Frozen {
		k = m.d
	}
	return &indexFit[T]{
		m: m, theta: theta, try: make([]T, m.d+1), k: k, gram: mat.NewSymDense(k, nil), slope: make([]float64, k),
		rows: kernel.NewMatrix[float64](m.step, m.d+1), errs: make([]float64, m.step), product: kernel.NewMatrix[float64](m.d+1, m.d+1),
	}
}

// linearize computes the risk, JᵀJ and Jᵀe at the best point.
func (f *indexFit[T]) linearize() bool {
	m := f.m
	if !m.begin(f.theta) {
		return false
	}
	d, n, v := m.d, m.n, float64(f.theta[m.d])
	clear(f.product.Data)
	slope := make([]float64, d+1)
	sum := 0.0
	for from := 0; from < n; from += m.step {
		b := m.rows(f.theta, from, min(from+m.step, n))
		if !m.solve(&b, v) {
			return false
		}
		j := kernel.Matrix[float64]{Rows: len(b.y), Cols: d + 1, Stride: d + 1, Data: f.rows.Data[:len(b.y)*(d+1)]}
		for i := range b.y {
			row, s := j.Row(i), float64(b.s[i])
			widen(row, b.x.Row(i))
			row[d] = float64(b.y[i])
			kernel.Scal(s/(1-v*s), row)
			f.errs[i] = float64(b.y[i]) - float64(b.target[i])
		}
		e := f.errs[:len(b.y)]
		sum += kernel.SumSq(e)
		kernel.GemmTN(f.product, 1/float64(n), j, j, 1)
		kernel.GemvT(slope, 1/float64(n), j, e, 1)
	}
	for i := range f.k {
		for j := i; j < f.k; j++ {
			f.gram.SetSym(i, j, f.product.At(i, j))
		}
	}
	copy(f.slope, slope)
	f.Risk, f.GradNorm = sum/float64(n), 2*kernel.Nrm2(f.slope)
	return true
}

// run makes steps until one of the criteria holds.
func (f *indexFit[T]) run(ctx context.Context, o FitOptions) (FitResult, error) {
	largest := 0.0
	for i := range f.k {
		largest = max(largest, f.gram.At(i, i))
	}
	lambda, grow := o.Damping, 2.0
	floor := 1e-12 * largest // of the diagonal, for parameters without influence
	for {
		scale := math.Sqrt(mat.Trace(f.gram) * f.Risk)
		switch {
		case kernel.Nrm2(f.slope) <= o.RelTol*scale:
			f.Status = flow.Converged
			return f.FitResult, nil
		case f.Steps >= o.MaxSteps:
			f.Status = flow.StepLimit
			return f.FitResult, nil
		case ctx.Err() != nil:
			f.Status = flow.Cancelled
			return f.FitResult, ctx.Err()
		}
		f.Steps++
		step, predicted := f.step(lambda, floor)
		size := 0.0
		for i, t := range f.theta {
			f.try[i] = t
			if i < f.k {
				f.try[i] += T(step[i])
			}
			size += float64(t) * float64(t)
		}
		small := kernel.Nrm2(step) <= o.RelTol*math.Sqrt(size)
		if gain := f.gain(predicted); gain > 0 {
			copy(f.theta, f.try)
			f.Accepted++
			f.linearize()
			lambda, grow = lambda*max(1./3, 1-math.Pow(2*gain-1, 3)), 2
			if small {
				f.Status = flow.Converged
				return f.FitResult, nil
			}
			continue
		}
		lambda, grow = lambda*grow, grow*2
		if small || math.IsInf(lambda, 1) {
			f.Status = flow.Stationary
			return f.FitResult, nil
		}
	}
}

// step solves for δ and returns it with the decrease of the risk that the linearised
// model predicts.
func (f *indexFit[T]) step(lambda, floor float64) (delta []float64, predicted float64) {
	delta = make([]float64, f.k)
	a := mat.NewSymDense(f.k, nil)
	a.CopySym(f.gram)
	for i := range f.k {
		a.SetSym(i, i, a.At(i, i)+lambda*max(f.gram.At(i, i), floor))
	}
	var chol mat.Cholesky
	if !chol.Factorize(a) {
		return delta, 0
	}
	x := mat.NewVecDense(f.k, delta)
	if err := chol.SolveVecTo(x, mat.NewVecDense(f.k, f.slope)); err != nil {
		if ill := mat.Condition(0); !errors.As(err, &ill) { // an ill-conditioned solution still descends
			return delta, 0
		}
	}
	kernel.Scal(-1, delta)
	// R(θ) - R(θ+δ) = -2gᵀδ - δᵀJᵀJδ of the linear model.
	return delta, -2*kernel.Dot(f.slope, delta) - mat.Inner(x, f.gram, x)
}

// gain is the decrease of the risk at the trial point over the predicted one, negative
// where there is none.
func (f *indexFit[T]) gain(predicted float64) float64 {
	risk := f.m.EnergyGrad(nil, f.try)
	if !(risk < f.Risk) || !(predicted > 0) {
		return -1
	}
	return (f.Risk - risk) / predicted
}
