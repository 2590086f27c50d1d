package infogeo

import "github.com/gradflow/gradflow/flow/kernel"

// lbfgs is the inverse Hessian of the limited-memory BFGS method (Nocedal 1980) from
// the last pairs s = x' - x, y = g' - g of a descent. The product with a vector comes
// in two loops, between which the caller applies the initial inverse Hessian.
type lbfgs struct {
	s, y       kernel.Matrix[float64] // a pair a row, a ring
	rho, alpha []float64
	count      int // pairs pushed since reset
}

func newLBFGS(pairs, n int) *lbfgs {
	return &lbfgs{s: kernel.NewMatrix[float64](pairs, n), y: kernel.NewMatrix[float64](pairs, n),
		rho: make([]float64, pairs), alpha: make([]float64, pairs)}
}

func (l *lbfgs) reset() { l.count = 0 }

// push adds the pair (x1-x0, g1-g0) unless its curvature is not positive.
func (l *lbfgs) push(x0, x1, g0, g1 []float64) {
	k := l.count % l.s.Rows
	kernel.SubTo(l.s.Row(k), x1, x0)
	kernel.SubTo(l.y.Row(k), g1, g0)
	sy := kernel.Dot(l.s.Row(k), l.y.Row(k))
	if !(sy > 0) {
		return
	}
	l.rho[k] = 1 / sy
	l.count++
}

// oldest returns the number of the oldest pair kept.
func (l *lbfgs) oldest() int { return max(0, l.count-l.s.Rows) }

// first is the loop before the initial inverse Hessian.
func (l *lbfgs) first(q []float64) {
	for n := l.count - 1; n >= l.oldest(); n-- {
		k := n % l.s.Rows
		l.alpha[k] = l.rho[k] * kernel.Dot(l.s.Row(k), q)
		kernel.Axpy(-l.alpha[k], l.y.Row(k), q)
	}
}

// second is the loop after it.
func (l *lbfgs) second(q []float64) {
	for n := l.oldest(); n < l.count; n++ {
		k := n % l.s.Rows
		beta := l.rho[k] * kernel.Dot(l.y.Row(k), q)
		kernel.Axpy(l.alpha[k]-beta, l.s.Row(k), q)
	}
}
