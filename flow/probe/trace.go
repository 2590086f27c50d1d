package probe

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// TraceOptions says how the trace of a Hessian is estimated.
type TraceOptions struct {
	// Probes is the number of random vectors, at most. If it is zero, it is 100.
	Probes int
	// Tol ends the estimation when the standard error is at most Tol times the
	// modulus of the estimate, after eight probes at the earliest. If it is zero,
	// all probes are made.
	Tol float64
	// Sketch is the number of vectors of the subspace whose trace is computed
	// exactly, at two products a vector; numbers above the dimension mean the
	// dimension. If it is zero, this is Hutchinson's estimator.
	Sketch int
	// Seed chooses the random vectors: probe i is the stream i of the seed.
	Seed uint64
	// Delta is the relative step of differenced products, as in SpectrumOptions.
	Delta float64
}

// Trace is an estimate of the trace of a Hessian.
type Trace struct {
	Value float64
	// StdErr is the standard error of Value, from the scatter of the probes: NaN
	// for a single one, 0 if the sketch spans the whole space.
	StdErr   float64
	Probes   int  // random vectors made
	Products int  // products H v
	Exact    bool // they are exact, not differences of gradients
}

// HessianTrace estimates tr ∇²E(x) as the mean of zᵀ H z over random vectors z
// with components ±1 (Hutchinson, Comm. Statist. Simulation Comput. 18 (1989)
// 1059), each of variance 2 Σ_{i≠j} H_ij²: diagonal Hessians take one. With
// Sketch = k it is Hutch++ (Meyer, Musco, Musco and Woodruff, SOSA 2021, arXiv
// 2010.09649): with Q an orthonormal basis of the range of H S, S of k random
// vectors,
//
//	tr H = tr QᵀHQ + tr (I - QQᵀ) H (I - QQᵀ),
//
// the first term exactly and the second, from which the large eigenvalues are
// gone, by probes. Errors wrap flow.ErrArgument or flow.ErrNonFinite.
func HessianTrace[T flow.Float](e flow.Energy[T], x []T, o TraceOptions) (Trace, error) {
	if err := o.check(); err != nil {
		return Trace{}, err
	}
	if err := checkPoint(e, x); err != nil {
		return Trace{}, err
	}
	n := len(x)
	t := tracer[T]{x: x, z: make([]T, n), hz: make([]T, n), coef: make([]T, min(o.Sketch, n))}
	t.hess, t.out.Exact = HessVec(e, o.Delta)
	known, err := t.sketch(min(o.Sketch, n), o.Seed)
	if err != nil {
		return t.out, err
	}
	t.out.Value = known
	if t.basis.Rows == n {
		return t.out, nil
	}
	var v []float64
	for i := range o.Probes {
		signs(t.z, o.Seed, uint32(i))
		t.deflate(t.z)
		q, err := t.quadratic()
		if err != nil {
			return t.out, err
		}
		v = append(v, q)
		mean, se := meanStdErr(v)
		t.out.Value, t.out.StdErr, t.out.Probes = known+mean, se, i+1
		if i+1 >= 8 && o.Tol > 0 && se <= o.Tol*math.Abs(t.out.Value) {
			break
		}
	}
	return t.out, nil
}

func (o *TraceOptions) check() error {
	switch {
	case o.Probes < 0:
		return badOption("Probes", o.Probes, "a number > 0, or 0 for the default")
	case !(o.Tol >= 0) || math.IsInf(o.Tol, 1):
		return badOption("Tol", o.Tol, "a finite number >= 0")
	case o.Sketch < 0:
		return badOption("Sketch", o.Sketch, "a number >= 0")
	case !(o.Delta >= 0) || math.IsInf(o.Delta, 1):
		return badOption("Delta", o.Delta, "a finite number > 0, or 0 for the default")
	}
	if o.Probes == 0 {
		o.Probes = 100
	}
	return nil
}

// signs fills z with random signs.
func signs[T flow.Float](z []T, seed uint64, id uint32) {
	philox.FillUniforms(z, philox.Stream{Seed: seed, ID: id}, philox.Starts, 0)
	for i, u := range z {
		z[i] = 1
		if u < 0.5 {
			z[i] = -1
		}
	}
}

// tracer is the state of a trace estimation.
type tracer[T flow.Float] struct {
	hess     func(dst, x, v []T)
	x, z, hz []T
	basis    kernel.Matrix[T] // Q, one vector a row
	coef     []T
	out      Trace
}

// quadratic returns zᵀ H z and leaves H z in hz.
func (t *tracer[T]) quadratic() (float64, error) {
	t.hess(t.hz, t.x, t.z)
	t.out.Products++
	if !kernel.AllFinite(t.hz) {
		return 0, fmt.Errorf("probe: Hessian-vector product %d holds a NaN or an infinity: %w", t.out.Products, flow.ErrNonFinite)
	}
	return float64(kernel.Dot(t.z, t.hz)), nil
}

// sketch makes the basis of k vectors, fewer if the Hessian has a lower rank, and
// returns tr QᵀHQ. Its random vectors are draw 1 of the streams, probes draw 0.
func (t *tracer[T]) sketch(k int, seed uint64) (trace float64, err error) {
	if k == 0 {
		return 0, nil
	}
	q := kernel.NewMatrix[T](k, len(t.x))
	t.basis = q
	t.basis.Rows = 0
	var scale float64
	for i := range k {
		philox.FillNormals(t.z, philox.Stream{Seed: seed, ID: uint32(i)}, philox.Starts, 1)
		if _, err := t.quadratic(); err != nil {
			return 0, err
		}
		norm := kernel.Nrm2(t.hz)
		scale = max(scale, norm)
		t.deflate(t.hz)
		rest := kernel.Nrm2(t.hz)
		if rest <= 64*unit[T]()*scale {
			continue // H S has no more directions
		}
		kernel.Scal(T(1/rest), t.hz)
		t.deflate(t.hz)
		kernel.Scal(T(1/kernel.Nrm2(t.hz)), t.hz)
		copy(q.Row(t.basis.Rows), t.hz)
		t.basis.Rows++
	}
	for i := range t.basis.Rows {
		copy(t.z, t.basis.Row(i))
		v, err := t.quadratic()
		if err != nil {
			return 0, err
		}
		trace += v
	}
	return trace, nil
}

// deflate subtracts from v its projection on the basis.
func (t *tracer[T]) deflate(v []T) {
	if t.basis.Rows == 0 {
		return
	}
	c := t.coef[:t.basis.Rows]
	kernel.Gemv(c, 1, t.basis, v, 0)
	kernel.GemvT(v, -1, t.basis, c, 1)
}
