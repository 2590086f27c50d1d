package probe

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// CheckOptions says how a gradient is checked.
type CheckOptions struct {
	// Tol is the relative difference between a component of the gradient and
	// the central difference, beyond the latter's own error, that is accepted.
	// If it is zero, it is 1e-5 in float64 and 1e-2 in float32.
	Tol float64
	// Components is the number of components compared one by one. If it is
	// zero, it is 200. With more parameters than that, as many are chosen at
	// random.
	Components int
	// Seed chooses the components and the directions of the order estimate.
	Seed uint64
}

// GradientCheck is the result of CheckGradient.
type GradientCheck struct {
	// OK says that every component agrees within the tolerance, and that the
	// energy is the same with and without a gradient asked for.
	OK bool
	// Err is the largest relative difference beyond the error of the central
	// difference itself, found at component Index, where the gradient is Got and
	// the difference Want ± Uncertainty.
	Err                    float64
	Index                  int
	Got, Want, Uncertainty float64
	// Order is the order p in |D_δ - ∇E·d| ~ δ^p of central differences D_δ along
	// random directions d: 2 for the gradient of a smooth energy, 0 for a wrong
	// one, near 1 where x lies within δ of a kink. It is NaN if no difference is
	// to be seen above rounding, as for a quadratic energy.
	Order float64
	// EnergyMismatch is the difference between E(x) as returned with and without
	// a gradient. Beyond rounding it says that the two are not the same function.
	EnergyMismatch float64
	// Components is the number of components compared.
	Components int
}

// String says in a line what was found.
func (c GradientCheck) String() string {
	verdict := "gradient agrees"
	if !c.OK {
		verdict = "gradient is wrong"
	}
	return fmt.Sprintf("%s: relative difference at most %.2g (component %d: %.6g, central difference %.6g ± %.1g), order %.2f, %d components",
		verdict, c.Err, c.Index, c.Got, c.Want, c.Uncertainty, c.Order, c.Components)
}

// CheckGradient compares the gradient of e at x with central differences of its
// energy, component by component. Each difference is extrapolated from two steps,
// which also tells its own error; what goes beyond that error, relative to the
// larger of the two values, must be at most the tolerance. So small components
// are checked as sharply as rounding allows. It takes four energies a component.
//
// The error wraps flow.ErrArgument or flow.ErrNonFinite, also if e changes x. A
// wrong gradient is a result.
func CheckGradient[T flow.Float](e flow.Energy[T], x []T, o CheckOptions) (GradientCheck, error) {
	c, err := newChecker(e, x, &o)
	if err != nil {
		return GradientCheck{}, err
	}
	r := GradientCheck{Components: len(c.components), EnergyMismatch: math.Abs(c.e0 - c.e1), Order: math.NaN(), Index: -1}
	for _, i := range c.components {
		clear(c.dir)
		c.dir[i] = 1
		want, unc := c.extrapolated(c.step)
		got := float64(c.grad[i])
		diff := max(0, math.Abs(got-want)-unc) / max(math.Abs(got), math.Abs(want), math.SmallestNonzeroFloat64)
		if bad(want) {
			return r, fmt.Errorf("probe: energy near x, in direction of component %d, is not finite: %w", i, flow.ErrNonFinite)
		}
		if r.Index < 0 || diff > r.Err {
			r.Err, r.Index, r.Got, r.Want, r.Uncertainty = diff, i, got, want, unc
		}
	}
	if len(x) > 0 {
		r.Order = c.order()
	}
	if !slices.Equal(x, c.kept) {
		return r, fmt.Errorf("probe: the energy changed x: %w", flow.ErrArgument)
	}
	r.OK = r.Err <= o.Tol && r.EnergyMismatch <= 100*unit[T]()*max(math.Abs(c.e0), math.Abs(c.e1))
	return r, nil
}

// checker is the state of a gradient check.
type checker[T flow.Float] struct {
	e            flow.Energy[T]
	x, kept      []T
	grad, dir, y []T
	e0, e1       float64 // E(x) without and with gradient
	step         float64
	components   []int
	seed         uint64
}

func newChecker[T flow.Float](e flow.Energy[T], x []T, o *CheckOptions) (*checker[T], error) {
	if e == nil {
		return nil, fmt.Errorf("probe: e is nil, want an energy: %w", flow.ErrArgument)
	}
	n := e.Dim()
	if len(x) != n {
		return nil, fmt.Errorf("probe: len(x) is %d, want the dimension of the energy, %d: %w", len(x), n, flow.ErrArgument)
	}
	if !(o.Tol >= 0) || math.IsInf(o.Tol, 1) {
		return nil, fmt.Errorf("probe: Tol is %v, want a finite number > 0, or 0 for the default: %w", o.Tol, flow.ErrArgument)
	}
	if o.Components < 0 {
		return nil, fmt.Errorf("probe: Components is %d, want a number > 0, or 0 for the default: %w", o.Components, flow.ErrArgument)
	}
	if o.Tol == 0 {
		o.Tol = 1e-5
		if unit[T]() > 1e-10 {
			o.Tol = 1e-2
		}
	}
	if !kernel.AllFinite(x) {
		return nil, fmt.Errorf("probe: x holds a NaN or an infinity: %w", flow.ErrNonFinite)
	}
	c := &checker[T]{e: e, x: x, kept: slices.Clone(x), grad: make([]T, n), dir: make([]T, n), y: make([]T, n), seed: o.Seed}
	c.e0 = e.EnergyGrad(nil, x)
	c.e1 = e.EnergyGrad(c.grad, x)
	if bad(c.e0) || bad(c.e1) || !kernel.AllFinite(c.grad) {
		return nil, fmt.Errorf("probe: energy %v or its gradient at x: %w", c.e1, flow.ErrNonFinite)
	}
	// The error of the extrapolated difference is O(δ⁴) + O(unit/δ).
	c.step = math.Pow(unit[T](), 0.2) * (1 + kernel.MaxAbs(x)) / 4
	c.components = choose(n, o.Components, o.Seed)
	return c, nil
}

// choose returns k different indices below n in increasing order, all if k >= n.
func choose(n, k int, seed uint64) []int {
	if k == 0 {
		k = 200
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	if k >= n {
		return all
	}
	s := philox.Stream{Seed: seed}
	for i := range k {
		u, _ := s.Uniforms(philox.Starts, 0, uint32(i))
		j := i + int(u*float64(n-i))
		all[i], all[j] = all[j], all[i]
	}
	slices.Sort(all[:k])
	return all[:k]
}

// central returns (E(x+δd) - E(x-δd))/2δ along dir, and a bound on its rounding
// error. The steps actually made count, not those that were meant.
func (c *checker[T]) central(delta float64) (d, rounding float64) {
	kernel.AxpyTo(c.y, T(delta), c.dir, c.x)
	up := c.e.EnergyGrad(nil, c.y)
	h := c.along()
	kernel.AxpyTo(c.y, -T(delta), c.dir, c.x)
	down := c.e.EnergyGrad(nil, c.y)
	h -= c.along()
	return (up - down) / h, 8 * unit[T]() * (math.Abs(up) + math.Abs(down)) / h
}

// along is the step from x to y in units of dir.
func (c *checker[T]) along() float64 {
	var s, d float64
	for i, v := range c.dir {
		s += (float64(c.y[i]) - float64(c.x[i])) * float64(v)
		d += float64(v) * float64(v)
	}
	return s / d
}

// extrapolated returns the derivative along dir from differences with steps
// delta and delta/2 (Richardson), and the size of its error: the part removed by
// extrapolation, which is far larger than what remains of it, and rounding.
func (c *checker[T]) extrapolated(delta float64) (d, uncertainty float64) {
	d1, _ := c.central(delta)
	d2, r := c.central(delta / 2)
	return d2 + (d2-d1)/3, math.Abs(d2-d1)/3 + 3*r
}

// order is the slope of log |D_δ - ∇E·d| in log δ between the steps at which it
// is above rounding, with D and d root mean squares over random directions.
func (c *checker[T]) order() float64 {
	const directions, halvings = 6, 14
	var sq, noise [halvings]float64
	for k := range directions {
		philox.FillNormals(c.dir, philox.Stream{Seed: c.seed}, philox.Starts, uint64(1+k))
		norm := kernel.Nrm2(c.dir)
		kernel.Scal(T(1/norm), c.dir)
		var want float64
		for i, v := range c.dir {
			want += float64(v) * float64(c.grad[i])
		}
		for j := range halvings {
			delta := 0.1 * math.Ldexp(1+kernel.Nrm2(c.x), -j)
			d, r := c.central(delta)
			sq[j] += (d - want) * (d - want) / directions
			noise[j] = max(noise[j], r)
		}
	}
	// From the small end: the first halving with the error above rounding on both
	// sides of two halvings.
	for j := halvings - 1; j >= 2; j-- {
		fine, coarse := math.Sqrt(sq[j]), math.Sqrt(sq[j-2])
		if fine > 4*noise[j] && !bad(coarse) && coarse > 0 {
			return math.Log2(coarse/fine) / 2
		}
	}
	return math.NaN()
}
