package deq

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Map is a batch of fixed-point problems z_r = f_r(z_r) in R^n, one for each
// sample r. Eval stores f_r(z_i), r = rows[i], in row i of dst; dst and z hold
// len(rows) rows of Dim numbers one after another. Samples that have converged
// are left out of rows, and a sample may stand in rows more than once.
type Map[T flow.Float] interface {
	Dim() int
	Eval(dst, z []T, rows []int)
}

// Tangent is a Map that knows its derivative. Linearize fixes the point at which
// that of sample rows[i] is taken, row i of z; JacVec stores J_r v_i, r = rows[i],
// in row i of dst. Newton and NewtonKrylov use differences for other maps.
//
// A Tangent with a method Jacobian(dst kernel.Matrix[T], row int), which stores
// the n x n matrix J of a sample, spares Newton n products.
type Tangent[T flow.Float] interface {
	Map[T]
	Linearize(z []T, rows []int)
	JacVec(dst, v []T, rows []int)
}

// Solver is a fixed-point method: Picard, Relaxed, Anderson, Broyden, Newton,
// NewtonKrylov, ForwardBackward, PeacemanRachford or Auto. With g(z) = f(z) - z,
// all of them end at g(z) = 0; the values are plain data.
type Solver interface {
	Name() string
	check() error
}

// Relaxed is z ← z + β g(z).
type Relaxed struct {
	// Beta is β, 0 < β. If it is zero, it is 1/2.
	Beta float64
}

// Picard is z ← f(z). It converges where f contracts.
type Picard struct{}

// Name implements Solver.
func (Relaxed) Name() string { return "relaxed" }

// Name implements Solver.
func (Picard) Name() string { return "picard" }

func (Picard) check() error { return nil }

func (s Relaxed) check() error { return checkNonnegative("Relaxed.Beta", s.Beta) }

func (s Relaxed) beta() float64 { return orDefault(s.Beta, 0.5) }

// orDefault is v, or d for zero.
func orDefault(v, d float64) float64 {
	if v == 0 {
		return d
	}
	return v
}

func checkNonnegative(name string, v float64) error {
	if !(v >= 0) || math.IsInf(v, 0) {
		return fmt.Errorf("deq: %s = %v, want a finite number > 0, or 0 for the default: %w", name, v, ErrArgument)
	}
	return nil
}

// SolveOptions says how fixed points are to be found. The zero value is Auto to a
// relative residual of 1e-10 in float64, 1e-5 in float32.
type SolveOptions[T flow.Float] struct {
	// Solver is the method. If it is nil, it is Auto.
	Solver Solver
	// A sample r has converged when |f(z)-z| <= AbsTol + RelTol |f(z)|, Euclidean
	// norms. If both are zero, RelTol is 1e-10 (float64) or 1e-5 (float32). A
	// RelTol below 8 rounding units without AbsTol is an error.
	AbsTol, RelTol float64
	// MaxEval limits the evaluations of the map on the batch, the first at the
	// start included: with 1 the start is returned with its residual. If it is
	// zero, it is 1000.
	MaxEval int
	// Warm lets a layer start from the fixed points that the Equilibrium holds
	// instead of zero, if there are as many. FixedPoint always starts from z.
	Warm bool
	// ReturnImage returns f(z) instead of the z whose residual was measured.
	ReturnImage bool
	// Stop holds stop rules, asked after every evaluation with the number of
	// evaluations in Step.K, the batch of iterates in Step.X and the worst
	// residual, as a multiple of its tolerance, in Step.Err.
	Stop []flow.Stop[T]
}

// SampleStats is what became of a sample.
type SampleStats struct {
	// Status is Converged, StepLimit (budget), Stationary (stalled: no progress in
	// 100 evaluations), Diverged (residual above 1e8 of the first one, or not
	// finite) or Cancelled.
	Status flow.Status
	// Evals is the evaluation at which it was frozen.
	Evals int
	// Residual is |f(z)-z| and Image is |f(z)| at the point returned, the best seen.
	Residual, Image float64

	start    float64 // first residual
	last     float64 // residual at the last evaluation
	improved int     // evaluation of the best one
	mark     float64 // best residual when it was last halved
	since    int     // evaluation of that
}

// SolveStats is the outcome of a solve. It is a view of the solver's memory, valid
// until its next solve.
type SolveStats struct {
	// Status is Converged if every sample is, else the worst of the samples':
	// Cancelled, Diverged, Stationary, StepLimit.
	Status flow.Status
	// Solver names the method in charge at the end.
	Solver string
	// Evals counts evaluations of the map on the batch, SampleEvals on samples.
	Evals, SampleEvals int
	// JacVecs counts products with Jacobians on the batch, Jacobians factored
	// matrices.
	JacVecs, Jacobians int
	// Restarts counts histories thrown away, Drops columns that Anderson left out
	// as dependent, Skips updates without meaning of Broyden.
	Restarts, Drops, Skips int
	// Residual and Relative are the largest |f(z)-z| and |f(z)-z|/|f(z)|.
	Residual, Relative float64
	// CertifiedError bounds |z - z*| of the point returned over all samples, +Inf
	// where nothing is proved. Layers set it.
	CertifiedError float64
	// Samples is what became of each sample.
	Samples []SampleStats
}

// rounding is the rounding unit of T.
func rounding[T flow.Float]() float64 {
	if one := T(1); one+T(0x1p-40) == one {
		return 0x1p-23
	}
	return 0x1p-52
}

// defaults checks the options and returns them with defaults filled in.
func (o *SolveOptions[T]) defaults() (SolveOptions[T], error) {
	var d SolveOptions[T]
	if o != nil {
		d = *o
	}
	if err := checkNonnegative("AbsTol", d.AbsTol); err != nil {
		return d, err
	}
	if err := checkNonnegative("RelTol", d.RelTol); err != nil {
		return d, err
	}
	if d.MaxEval < 0 {
		return d, fmt.Errorf("deq: MaxEval = %d, want a number > 0, or 0 for the default: %w", d.MaxEval, ErrArgument)
	}
	if d.Solver == nil {
		d.Solver = Auto{}
	}
	if err := d.Solver.check(); err != nil {
		return d, err
	}
	for i, s := range d.Stop {
		if s == nil {
			return d, fmt.Errorf("deq: Stop[%d] is nil, want a stop rule: %w", i, ErrArgument)
		}
	}
	eps := rounding[T]()
	if d.RelTol == 0 && d.AbsTol == 0 {
		if d.RelTol = 1e-10; eps > 1e-10 {
			d.RelTol = 1e-5
		}
	}
	if d.AbsTol == 0 && d.RelTol < 8*eps {
		return d, fmt.Errorf("deq: RelTol = %g is below precision, want at least 8 rounding units = %.3g, or AbsTol > 0: %w", d.RelTol, 8*eps, ErrPrecision)
	}
	if d.MaxEval == 0 {
		d.MaxEval = 1000
	}
	return d, nil
}

// FixedPoint solves z_r = f_r(z_r) for the samples in the rows of z, which holds
// the starts and receives the best points found. Not to converge is no error but a
// Status. A z whose rows do not have Dim numbers panics; errors wrap ErrArgument,
// ErrNotFinite or ErrPrecision, or are that of ctx with the points found so far. Use a SolveSpace for many solves.
func FixedPoint[T flow.Float](ctx context.Context, z kernel.Matrix[T], f Map[T], o *SolveOptions[T]) (*SolveStats, error) {
	return new(SolveSpace[T]).FixedPoint(ctx, z, f, o)
}
