package infogeo

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// armijo is the fraction of the linear decrease of D² that a step has to bring, noise
// the relative decrease below which rounding hides it.
const (
	armijo = 1e-4
	noise  = 1e-12
)

// The minimiser begins with at most lbfgsSteps steps of L-BFGS with lbfgsPairs pairs.
const (
	lbfgsPairs = 12
	lbfgsSteps = 40
)

// descent is the state of the minimisation of D² over Ω.
type descent struct {
	*GaussianGeodesic
	x, grad     kernel.Matrix[float64]
	next, gnext kernel.Matrix[float64]
	dir         kernel.Matrix[float64]
	d2          float64
}

// minimise finds the Ω with the shortest lift from Ω = 0 and leaves the lift evaluated
// there: by L-BFGS, which mostly suffices, then by Newton's method, which does not mind
// an ill-conditioned Hessian and needs the gradient alone where rounding hides what D²
// gains.
func (g *GaussianGeodesic) minimise(maxIter int) {
	d := g.lift.d
	square := func() kernel.Matrix[float64] { return kernel.NewMatrix[float64](d, d) }
	m := &descent{GaussianGeodesic: g, x: square(), grad: square()}
	m.d2 = g.eval(m.grad, m.x)
	if g.residual <= g.target() {
		return
	}
	m.next, m.gnext, m.dir = square(), square(), square()
	if n := m.lbfgs(min(maxIter, lbfgsSteps)); g.residual > g.target() && n < maxIter {
		m.newton(maxIter - n)
	}
}

// lbfgs makes at most n steps and returns how many it made. It stops where the decrease
// of D² drowns.
func (m *descent) lbfgs(n int) int {
	mem := newLBFGS(lbfgsPairs, len(m.x.Data))
	for k := range n {
		slope := m.quasiNewton(mem)
		if !m.search(slope) {
			return k
		}
		mem.push(m.x.Data, m.next.Data, m.grad.Data, m.gnext.Data)
		m.accept()
		if m.residual <= m.target() {
			return k + 1
		}
	}
	return n
}

// accept makes the trial point the current one.
func (m *descent) accept() {
	m.x, m.next, m.grad, m.gnext = m.next, m.x, m.gnext, m.grad
	m.d2 = m.distance * m.distance
}

// eval evaluates the lift and keeps the distance and the residual.
func (g *GaussianGeodesic) eval(grad, x kernel.Matrix[float64]) float64 {
	d2 := g.lift.eval(grad, x)
	g.evals++
	g.distance, g.residual = math.Sqrt(d2), kernel.Nrm2(grad.Data)
	return d2
}

// target is the residual at which iterating stops: close to rounding.
func (g *GaussianGeodesic) target() float64 { return 1e-14 * g.distance }

// quasiNewton stores the search direction of L-BFGS and returns the slope of D² along it.
func (m *descent) quasiNewton(mem *lbfgs) float64 {
	for {
		kernel.Axpby(-1, m.grad.Data, 0, m.dir.Data)
		mem.first(m.dir.Data)
		m.lift.precondition(m.dir)
		mem.second(m.dir.Data)
		slope := kernel.Dot(m.grad.Data, m.dir.Data)
		if slope < 0 || mem.count == 0 {
			return slope
		}
		mem.reset()
	}
}

// search looks for a step along the direction by Armijo's rule with halving, down to
// the rounding of D², where a smaller residual is taken as well. If it finds none, the
// lift is evaluated at the current point again.
func (m *descent) search(slope float64) bool {
	before := m.residual
	for step := 1.0; step > 1e-9; step /= 2 {
		kernel.AxpyTo(m.next.Data, step, m.dir.Data, m.x.Data)
		e := m.eval(m.gnext, m.next)
		gain := m.d2 - e
		if gain >= -armijo*step*slope && gain > noise*m.d2 || math.Abs(gain) <= noise*m.d2 && m.residual < before/2 {
			return true
		}
		if -step*slope <= noise*m.d2 {
			break
		}
	}
	m.eval(m.grad, m.x)
	return false
}
