package deq

import (
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// fastPasses is how often a block tries the method of third order before it turns to
// the safeguarded one.
const fastPasses = 3

// cubic is Chebyshev's method for tanh and the logistic function, whose derivatives
// are polynomials of their value: with N = r/r',
//
//	y ← y - N(1 + N r''/(2r')),
//
// an error of about (2a² + b)N³ with a = |r”/2r'|, b = |r”'/6r'|. As soon as twice
// that, with the largest a and b, is below rounding, there is no need to look at the
// residual: near convergence a warm start costs one evaluation of σ.
type cubic[T flow.Float] struct {
	v, v2 T // v, v²
	k     T // the error is below rounding where k|N|³ <= |y|
	ok    bool
}

// newCubic returns the method for v, unless aN could be large in spite of the bound for
// N³.
func newCubic[T flow.Float](a *Activation, v, eps float64) cubic[T] {
	var second, third float64 // bounds of |σ''| and |σ'''|
	switch a.form {
	case formTanh:
		second, third = 0.7699, 2
	case formSigmoid:
		second, third = 0.0963, 0.125
	default:
		return cubic[T]{}
	}
	mu := 1 - a.gain(v)
	c2, c3 := v*v*second/(2*mu), math.Abs(v*v*v)*third/(6*mu)
	if !(c2*eps < 1e-5) {
		return cubic[T]{}
	}
	return cubic[T]{v: T(v), v2: T(v * v), k: T(2 * (2*c2*c2 + c3) / (eps / 2)), ok: true}
}

// fast tries to find the roots; it reports whether it did. If not, y holds other
// starts.
func (q *rootSolver[T]) fast(y, s, p []T, v float64) bool {
	c := newCubic[T](q.act, v, q.eps)
	if !c.ok {
		return false
	}
	z, t := q.z[:len(p)], q.t[:len(p)]
	for range fastPasses {
		kernel.AxpyTo(z, c.v, y, p)
		var open bool
		if q.act.form == formTanh {
			kernel.Tanh(t, z)
			open = c.tanh(y, s, t)
		} else {
			kernel.Sigmoid(t, z)
			open = c.logistic(y, s, t)
		}
		if !open {
			return true
		}
	}
	return false
}

// tanh makes a step from y with t = tanh(p+vy), and stores σ' at its end in s.
func (c *cubic[T]) tanh(y, s, t []T) (open bool) {
	y, s = y[:len(t)], s[:len(t)]
	v, v2, k := c.v, c.v2, c.k
	for i, t := range t {
		d := (1 - t) * (1 + t)
		inv := 1 / (1 - v*d)
		n := (y[i] - t) * inv
		next := y[i] - n*(1+n*v2*t*d*inv)
		if k*n*n*magnitude(n) > magnitude(next) {
			open = true
		}
		y[i], s[i] = next, (1-next)*(1+next)
	}
	return open
}

// logistic is tanh for the logistic function.
func (c *cubic[T]) logistic(y, s, t []T) (open bool) {
	y, s = y[:len(t)], s[:len(t)]
	v, v2, k := c.v, -c.v2/2, c.k
	for i, t := range t {
		d := t * (1 - t)
		inv := 1 / (1 - v*d)
		n := (y[i] - t) * inv
		next := y[i] - n*(1+n*v2*(1-2*t)*d*inv)
		if k*n*n*magnitude(n) > magnitude(next) {
			open = true
		}
		y[i], s[i] = next, next*(1-next)
	}
	return open
}

// magnitude is |x| without a branch.
func magnitude[T flow.Float](x T) T { return T(math.Abs(float64(x))) }
