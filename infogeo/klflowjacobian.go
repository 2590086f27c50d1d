package infogeo

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// lowRank is the Jacobian J = diag(d) + Σ_k u_k v_kᵀ of a KLFlow, with at most two
// terms, and the solver of (I - sJ) y = b by the formula of Woodbury.
type lowRank[T flow.Float] struct {
	rank  int // number of terms, -1 if the Jacobian has no such form
	m     int // dimension
	minus bool
	d     []T
	u, v  [2][]T
	// Factors for the shift s: 1/(1-s d), s u/(1-s d), and the inverse of
	// I - Vᵀ of these.
	s    float64
	inv  []T
	su   [2][]T
	core [2][2]float64
}

// init decides on the rank and gets the memory.
func (j *lowRank[T]) init(f *KLFlow[T]) {
	j.rank, j.m = jacobianRank(f.opt), f.Dim()
	if j.rank < 0 {
		return
	}
	j.d, j.inv = make([]T, j.m), make([]T, j.m)
	for k := range j.rank {
		j.u[k], j.v[k], j.su[k] = make([]T, j.m), make([]T, j.m), make([]T, j.m)
	}
	// J = -G, or minus that of the logits: the denominator has a form without
	// cancellation.
	j.minus = f.opt.Loss == Forward && (f.opt.Geometry == EuclideanTheta || f.opt.Geometry == EuclideanLogits)
}

// jacobianRank is the number of rank-one terms beside the diagonal, -1 where the
// Jacobian has no such form.
func jacobianRank(o KLFlowOptions) int {
	theta := o.Coords == ThetaCoords || o.Coords == DeviationCoords
	own := o.Coords == ownCoords(o.Loss, o.Geometry) || theta && o.Geometry == EuclideanTheta
	switch {
	case o.Affine != nil:
		return -1
	case o.Geometry == Natural && o.Loss == Forward && o.Coords == EtaCoords, o.Geometry == Natural && o.Loss == Reverse && theta:
		return 0
	case o.Geometry == Natural && o.Coords != LogitCoords:
		return 1
	case !own || o.Geometry == Natural:
		return -1
	case o.Loss == Reverse && o.Geometry != EuclideanEta:
		return 2
	}
	return 1
}

// fill computes J at x.
func (j *lowRank[T]) fill(f *KLFlow[T], x []T) error {
	pt := f.pt
	pt.set(f.opt.Coords, x, f.opt.Loss == Reverse)
	if !pt.ok {
		return fmt.Errorf("infogeo: no Jacobian outside the simplex: %w", ErrLeftDomain)
	}
	p := pt.p[:j.m]
	switch forward := f.opt.Loss == Forward; f.opt.Geometry {
	case Natural:
		j.fillNatural(f, p)
	case EuclideanEta:
		c := -1 / pt.pr()
		if forward {
			c = -pt.q[pt.n] / pt.pr() / pt.pr()
		}
		for i, v := range p {
			j.d[i] = -1 / v
			if forward {
				j.d[i] = -pt.q[i] / v / v
			}
			j.u[0][i], j.v[0][i] = c, 1
		}
	default:
		if forward { // -G
			for i, v := range p {
				j.d[i], j.u[0][i], j.v[0][i] = -v, v, v
			}
			return nil
		}
		// -(diag(a) - a pᵀ - p (p u)ᵀ), u = τ - p·τ, a = p (1+u)
		m := kernel.Dot(pt.eta(), pt.tau)
		for i, v := range p {
			u := -m
			if i < pt.n {
				u += pt.tau[i]
			}
			a := v * (1 + u)
			j.d[i] = -a
			j.u[0][i], j.v[0][i] = a, v
			j.u[1][i], j.v[1][i] = v, v*u
		}
	}
	return nil
}

// fillNatural is fill for the natural gradient.
func (j *lowRank[T]) fillNatural(f *KLFlow[T], p []T) {
	pt := f.pt
	if j.rank == 0 {
		for i := range j.d {
			j.d[i] = -1
		}
		return
	}
	if f.opt.Loss == Forward { // θ_i' = q_i/p_i - q_r/p_r
		c := pt.q[pt.n] / pt.pr()
		for i, v := range p {
			a := pt.q[i] / v
			j.d[i], j.u[0][i], j.v[0][i] = -a, a-c, v
		}
		return
	}
	// η_i' = -p_i (τ_i - p·τ)
	m := kernel.Dot(pt.eta(), pt.tau)
	for i, v := range p {
		j.d[i], j.u[0][i], j.v[0][i] = m-pt.tau[i]-1, v, pt.tau[i]
	}
}

// mul stores J v in dst.
func (j *lowRank[T]) mul(dst, v []T) {
	kernel.MulTo(dst, j.d, v)
	for k := range j.rank {
		kernel.Axpy(kernel.Dot(j.v[k], v), j.u[k], dst)
	}
}

// dense stores J, row-major.
func (j *lowRank[T]) dense(dst []T) {
	m := kernel.MatrixOf(j.m, j.m, dst)
	for i := range dst {
		dst[i] = 0
	}
	for k := range j.rank {
		kernel.Ger(m, 1, j.u[k], j.v[k])
	}
	for i, d := range j.d {
		dst[i*j.m+i] += d
	}
}

// radius bounds the spectral radius by the norms of the terms.
func (j *lowRank[T]) radius() float64 {
	r := kernel.MaxAbs(j.d)
	if j.minus { // -G is between 0 and the diagonal
		return r
	}
	for k := range j.rank {
		r += kernel.Nrm2(j.u[k]) * kernel.Nrm2(j.v[k])
	}
	return r
}

// factor prepares the solution with I - sJ. pr is the probability that the
// dimension leaves out.
func (j *lowRank[T]) factor(s, pr float64) error {
	j.s = s
	for i, d := range j.d {
		j.inv[i] = T(1 / (1 - s*float64(d)))
	}
	for k := range j.rank {
		kernel.MulTo(j.su[k], j.inv, j.u[k])
		kernel.Scal(T(s), j.su[k])
	}
	ok := kernel.AllFinite(j.inv)
	switch j.rank {
	case 1:
		c := 1 - float64(kernel.Dot(j.v[0], j.su[0]))
		if j.minus { // 1 - Σ s p²/(1+s p) = p_r + Σ p/(1+s p)
			c = pr + float64(kernel.Dot(j.v[0], j.inv))
		}
		j.core[0][0] = 1 / c
		ok = ok && c != 0 && !math.IsNaN(c)
	case 2:
		var c [2][2]float64
		for k := range c {
			for l := range c {
				c[k][l] = -float64(kernel.Dot(j.v[k], j.su[l]))
			}
			c[k][k]++
		}
		det := c[0][0]*c[1][1] - c[0][1]*c[1][0]
		ok = ok && det != 0 && !math.IsNaN(det)
		j.core = [2][2]float64{{c[1][1] / det, -c[0][1] / det}, {-c[1][0] / det, c[0][0] / det}}
	}
	if !ok {
		return fmt.Errorf("infogeo: I - sJ is singular for s = %v: %w", s, flow.ErrSingular)
	}
	return nil
}

// solve stores the solution of (I - sJ) y = b in dst, which may be b.
func (j *lowRank[T]) solve(dst, b []T) {
	kernel.MulTo(dst, j.inv, b)
	var c [2]float64
	for k := range j.rank {
		c[k] = float64(kernel.Dot(j.v[k], dst))
	}
	for k := range j.rank {
		a := j.core[k][0] * c[0]
		if j.rank == 2 {
			a += j.core[k][1] * c[1]
		}
		kernel.Axpy(T(a), j.su[k], dst)
	}
}

// Caps implements the capabilities of a flow: with a Jacobian that is diagonal plus
// a few rank-one terms, everything there is to know of it, in O(n).
func (f *KLFlow[T]) Caps() flow.Caps[T] {
	c := flow.Caps[T]{
		Autonomous: true,
		// The plain gradient flow of the energy in the coordinates of the state.
		Descends: f.opt.Geometry != Natural && f.opt.Affine == nil && f.opt.Coords == ownCoords(f.opt.Loss, f.opt.Geometry) ||
			f.opt.Geometry == EuclideanTheta && f.opt.Affine == nil && f.opt.Coords == DeviationCoords,
	}
	j := &f.jac
	if j.rank < 0 {
		return c
	}
	nan := func(dst []T) {
		for i := range dst {
			dst[i] = T(math.NaN())
		}
	}
	c.Jacobian = func(dst, x []T, t float64) {
		if j.fill(f, x) != nil {
			nan(dst)
			return
		}
		j.dense(dst)
	}
	c.JacVec = func(dst, x, v []T, t float64) {
		if j.fill(f, x) != nil {
			nan(dst)
			return
		}
		j.mul(dst, v)
	}
	c.Radius = func(x []T, t float64) float64 {
		if j.fill(f, x) != nil {
			return math.NaN()
		}
		return j.radius()
	}
	c.Shift = func(x []T, t, s float64) error {
		if err := j.fill(f, x); err != nil {
			return err
		}
		pr := 0.0
		if j.m == f.pt.n {
			pr = float64(f.pt.pr())
		}
		return j.factor(s, pr)
	}
	c.SolveShift = func(dst, b []T) error {
		j.solve(dst, b)
		return nil
	}
	if c.Descends {
		c.HessVec = func(dst, x, v []T) {
			c.JacVec(dst, x, v, 0)
			kernel.Scal(-1, dst)
		}
	}
	return c
}

var _ flow.EnergyField[float64] = (*KLFlow[float64])(nil)
