package deq

import "github.com/gradflow/gradflow/flow/kernel"

// fastPasses is how often a block tries the step of fifth order before it turns to
// the safeguarded method.
const fastPasses = 3

// prepare looks up the constants of the fast step for v, of which a block needs one
// evaluation of σ when its starts are near the roots. It reports whether there are any.
func (q *rootSolver[T]) prepare(v float64) bool {
	if q.ready && v == q.v {
		return q.hasFast
	}
	q.v, q.ready = v, true
	switch {
	case q.atol != 0:
		q.hasFast = false
	case q.act.form == formTanh:
		q.coefs, q.hasFast = kernel.TanhRootCoefs[T](v)
	case q.act.form == formSigmoid:
		q.coefs, q.hasFast = kernel.SigmoidRootCoefs[T](v)
	}
	return q.hasFast
}

// fast tries to find the roots, and with them Σ (y-target)², the coefficients c =
// (y-target) s/(1-vs) of the gradient and Σ c y. It reports whether it did. If not,
// y holds other starts.
func (q *rootSolver[T]) fast(v float64, y, s, c, p, target []T) (sum, cy float64, ok bool) {
	if !q.prepare(v) {
		return 0, 0, false
	}
	for range fastPasses {
		if sum, cy, ok = kernel.RootStep(y, s, c, p, target, &q.coefs); ok {
			return sum, cy, true
		}
	}
	return 0, 0, false
}
