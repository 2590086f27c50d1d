package flow

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow/kernel"
)

// ExponentialEuler returns the exponential Euler method for the semilinear system
//
//	x' = -A x + g(t, x),  A symmetric,
//	y = x + h φ1(-hA) (-A x + g(t, x)),  φ1(z) = (e^z - 1)/z,
//
// of order 1, exact for constant g whatever h is; stiffness of A costs nothing. The
// error estimate is the correction of ETD2RK (Cox and Matthews, J. Comput. Phys.
// 176 (2002) 430), h φ2(-hA) (g(t+h, y) - g(t, x)) with φ2(z) = (φ1(z) - 1)/z, which
// needs no further evaluation. The functions of A come from its eigenvectors,
// computed here, so that a step costs four products of n x n matrices and vectors
// and one evaluation of g. Dense output is the cubic Hermite polynomial.
//
// a is copied. The error wraps ErrArgument if a is not square, not symmetric, not
// finite, or does not have the dimension of g.
func ExponentialEuler[T Float](a kernel.Matrix[T], g Field[T]) (Integrator[T], error) {
	if g == nil {
		return nil, fmt.Errorf("flow: g of ExponentialEuler is nil: %w", ErrArgument)
	}
	n := g.Dim()
	if a.Rows != n || a.Cols != n {
		return nil, fmt.Errorf("flow: A of ExponentialEuler is %d x %d, want the dimension of g, %d: %w", a.Rows, a.Cols, n, ErrArgument)
	}
	r := &exponential[T]{q: kernel.NewMatrix[T](n, n), lambda: make([]float64, n)}
	own := kernel.NewMatrix[T](n, n)
	v := make([]float64, n*n)
	var size, skew float64
	for i := range n {
		copy(own.Row(i), a.Row(i))
		for j := range n {
			aij := float64(a.At(i, j))
			v[i*n+j] = aij
			size, skew = max(size, math.Abs(aij)), max(skew, math.Abs(aij-float64(a.At(j, i))))
			if !finite(aij) {
				return nil, fmt.Errorf("flow: A[%d][%d] of ExponentialEuler is %v, want a finite number: %w", i, j, aij, ErrArgument)
			}
		}
	}
	if skew > 100*epsOf[T]()*size {
		return nil, fmt.Errorf("flow: A of ExponentialEuler differs from its transpose by %.3g, want a symmetric matrix: %w", skew, ErrArgument)
	}
	if n > 0 && !eigen(n, v, r.lambda) {
		return nil, fmt.Errorf("flow: eigenvalues of A of ExponentialEuler: %w", ErrNoConvergence)
	}
	for i := range n {
		for j := range n {
			r.q.Set(i, j, T(v[i*n+j]))
		}
	}
	r.ends = newEnds[T](&semilinear[T]{a: own, g: g}, "ExponentialEuler", 0)
	return r, nil
}

// eigen replaces the symmetric matrix a by its eigenvectors, in columns.
func eigen(n int, a, lambda []float64) bool {
	m := blas64.Symmetric{N: n, Stride: n, Data: a, Uplo: blas.Upper}
	work := []float64{0}
	lapack64.Syev(lapack.EVCompute, m, lambda, work, -1)
	work = make([]float64, int(work[0]))
	return lapack64.Syev(lapack.EVCompute, m, lambda, work, len(work))
}

// semilinear is the field -A x + g(t, x).
type semilinear[T Float] struct {
	a kernel.Matrix[T]
	g Field[T]
}

func (f *semilinear[T]) Dim() int { return f.g.Dim() }

func (f *semilinear[T]) Eval(dst, x []T, t float64) {
	f.g.Eval(dst, x, t)
	kernel.Gemv(dst, -1, f.a, x, 1)
}

// Caps passes on the mini-batches and failures of g.
func (f *semilinear[T]) Caps() Caps[T] {
	c := CapsOf[T](f.g)
	return Caps[T]{Autonomous: c.Autonomous, Draw: c.Draw, Err: c.Err}
}

// exponential advances a semilinear field; A = Q diag(λ) Qᵀ.
type exponential[T Float] struct {
	ends[T]
	q      kernel.Matrix[T]
	lambda []float64
	w0, w1 []T // Qᵀf at both ends
}

// Init implements Integrator.
func (r *exponential[T]) Init(s Start[T], tr *Trial) error {
	if err := r.ends.init(&s, tr, 2, false, 0); err != nil {
		return err
	}
	if n := len(s.X); r.w0 == nil || len(r.w0) != n {
		v := arena[T](2, n)
		r.w0, r.w1 = v[0], v[1]
	}
	return nil
}

// Try implements Integrator.
func (r *exponential[T]) Try(tr *Trial, next, x []T, t, h float64) {
	r.begin(tr, x, t, h)
	kernel.GemvT(r.w0, 1, r.q, r.f0, 0)
	for k, l := range r.lambda {
		r.tmp[k] = T(h * phi1(-h*l) * float64(r.w0[k]))
	}
	copy(next, x)
	kernel.Gemv(next, 1, r.q, r.tmp, 1)
	copy(r.y, next)
	r.finish(tr)
	// In the basis of Q, g(y) - g(x) is w1 - e^(-hλ) w0.
	kernel.GemvT(r.w1, 1, r.q, r.f1, 0)
	for k, l := range r.lambda {
		r.w1[k] = T(h * phi2(-h*l) * (float64(r.w1[k]) - math.Exp(-h*l)*float64(r.w0[k])))
	}
	kernel.Gemv(r.tmp, 1, r.q, r.w1, 0)
	tr.Err = weightedNorm(&r.tol, r.tmp, x, next)
	r.complete(tr, next)
}

// phi1 is (e^z - 1)/z.
func phi1(z float64) float64 {
	if z == 0 {
		return 1
	}
	return math.Expm1(z) / z
}

// phi2 is (e^z - 1 - z)/z².
func phi2(z float64) float64 {
	if math.Abs(z) < 0.1 { // Taylor's series, where the difference would cancel
		s := 1.0
		for k := 12; k > 2; k-- {
			s = 1 + s*z/float64(k)
		}
		return s / 2
	}
	return (phi1(z) - 1) / z
}
