package infogeo

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// iterative marks families whose Natural is itself Newton's method.
type iterative interface{ iterative() }

// supported is a family that knows the range of u·T(x) over its sample space, which
// decides whether a mean lies on the boundary of the mean domain, and shows the
// differences T(x) - T(y) of the points at which u·T is greatest to tol of its range; what
// it shows is valid during the call.
type supported interface {
	supportRange(u []float64) (lo, hi float64)
	ties(u []float64, tol float64, show func(diff []float64))
}

// starter is a family without the parameter zero that knows another one to start from.
type starter interface{ startAt(theta, target []float64) }

// newton is natural gradient descent in θ on the forward loss ψ(θ) - θ·target.
type newton struct {
	f                       Family
	target                  []float64
	at                      FitStep
	start, grad, dir, trial []float64
	damping, fixed, trust   float64
	loss0                   float64 // the loss of the start
	slow                    int     // full steps in a row that did not converge quadratically
	boost                   float64 // Levenberg damping in force where G is singular
}

func newNewton(f Family) *newton {
	d := f.Dim()
	v := make([]float64, 7*d)
	part := func(i int) []float64 { return v[i*d : (i+1)*d : (i+1)*d] }
	n := &newton{f: f, target: part(0), start: part(1), grad: part(2), dir: part(3), trial: part(4)}
	n.at.Theta, n.at.Eta = part(5), part(6)
	return n
}

// begin prepares for a target; start may be nil.
func (n *newton) begin(target, start []float64) error {
	if err := n.f.CheckMean(target); err != nil {
		var already *NoFiniteMLEError
		if errors.Is(err, ErrBoundary) && !errors.As(err, &already) {
			return n.boundary(target, err)
		}
		return err
	}
	copy(n.target, target)
	if start == nil {
		clear(n.at.Theta)
		if err := n.f.CheckNatural(n.at.Theta); err != nil {
			s, ok := n.f.(starter)
			if !ok {
				return fmt.Errorf("infogeo: zero is no parameter of the family and no start is given: %w", err)
			}
			s.startAt(n.at.Theta, target)
		}
	} else {
		copy(n.at.Theta, start)
	}
	n.at.K, n.at.Alpha, n.at.Decrement = 0, 0, math.NaN()
	n.damping, n.fixed, n.trust, n.slow, n.boost = 0, 0, 0, 0, 0
	n.look()
	n.loss0 = n.at.Loss
	if math.IsNaN(n.at.Loss) || math.IsInf(n.at.Loss, 0) || !kernel.AllFinite(n.at.Eta) {
		return fmt.Errorf("infogeo: loss %v at the start, want it and the mean finite: %w", n.at.Loss, ErrOutsideNaturalDomain)
	}
	return nil
}

// boundary makes the error of a target on the boundary from what CheckMean said.
func (n *newton) boundary(target []float64, cause error) error {
	e := &NoFiniteMLEError{Reason: cause.Error()}
	if s, ok := n.f.(supported); ok {
		u := make([]float64, len(target))
		for i := range u {
			for _, sign := range []float64{-1, 1} {
				u[i] = sign
				if lo, hi := s.supportRange(u); hi > lo && sign*target[i] >= hi {
					e.Direction = u
					return e
				}
			}
			u[i] = 0
		}
	}
	return e
}

// look evaluates loss and gradient at n.at.Theta.
func (n *newton) look() {
	n.at.Loss = n.f.LogPartition(n.at.Theta) - kernel.Dot(n.at.Theta, n.target)
	n.f.Mean(n.at.Eta, n.at.Theta)
	kernel.SubTo(n.grad, n.at.Eta, n.target)
	n.at.Gradient = kernel.MaxAbs(n.grad)
}

// direction stores (G + damping I)⁻¹ g in n.dir and returns gᵀ of it. It reports false
// where that is not to be trusted.
func (n *newton) direction(damping float64) (decrement2 float64, err error) {
	if err := n.f.FisherSolveVec(n.dir, n.at.Theta, n.grad, damping); err != nil {
		return 0, err
	}
	d2 := kernel.Dot(n.grad, n.dir)
	if !kernel.AllFinite(n.dir) || !(d2 >= 0) || kernel.MaxAbs(n.dir) > 1e6*(1+kernel.MaxAbs(n.at.Theta)) {
		return 0, fmt.Errorf("infogeo: natural gradient is longer than 1e6(1+|theta|): %w", ErrSingularFisher)
	}
	return d2, nil
}

// step makes one step.
func (n *newton) step() error {
	if n.fixed > 0 {
		return n.fixedStep()
	}
	d2, err := n.direction(n.damping)
	if err != nil {
		if n.damping > 0 || !errors.Is(err, ErrSingularFisher) {
			return err
		}
		return n.rescue(err)
	}
	n.boost = 0
	alpha := 1.0
	if n.trust > 0 {
		alpha = math.Min(1, math.Sqrt(2*n.trust/d2))
	}
	return n.search(alpha, d2)
}

// search moves along -dir, from the step size alpha down to where the loss falls.
func (n *newton) search(alpha, d2 float64) error {
	before := n.at.Decrement
	for halved := 0; ; halved++ {
		kernel.AxpyTo(n.trial, -alpha, n.dir, n.at.Theta)
		if n.f.CheckNatural(n.trial) == nil {
			loss := n.f.LogPartition(n.trial) - kernel.Dot(n.trial, n.target)
			if !math.IsNaN(loss) && (n.trust > 0 || d2 <= 1./16 && !math.IsInf(loss, 0) || loss <= n.at.Loss-1e-4*alpha*d2) {
				break
			}
		}
		if halved == 60 {
			return fmt.Errorf("infogeo: no step along the natural gradient lowers the loss %v: %w", n.at.Loss, ErrNoConvergence)
		}
		alpha /= 2
	}
	n.move(alpha, d2)
	// Newton's method converges quadratically to a finite minimiser; towards one at
	// infinity the squared decrement falls by a constant factor.
	if alpha == 1 && d2 <= 1./16 && d2 > 0.05*before*before {
		n.slow++
	} else {
		n.slow = 0
	}
	if n.slow >= 3 {
		return n.atInfinity()
	}
	return nil
}

// move accepts the trial point.
func (n *newton) move(alpha, d2 float64) {
	copy(n.at.Theta, n.trial)
	n.at.K++
	n.at.Alpha, n.at.Decrement = alpha, math.Sqrt(d2)
	n.look()
}

// fixedStep makes a step of constant size, whatever comes of it.
func (n *newton) fixedStep() error {
	d2, err := n.direction(n.damping)
	if err != nil && n.damping == 0 && !errors.Is(err, ErrSingularFisher) {
		return err
	}
	if err != nil && !kernel.AllFinite(n.dir) {
		return err
	}
	if err != nil {
		d2 = kernel.Dot(n.grad, n.dir)
	}
	kernel.AxpyTo(n.trial, -n.fixed, n.dir, n.at.Theta)
	if err := n.f.CheckNatural(n.trial); err != nil {
		return err
	}
	loss := n.f.LogPartition(n.trial) - kernel.Dot(n.trial, n.target)
	// A loss has no absolute zero here: its excess over the minimum before the step
	// is about d2/2.
	if rise := loss - n.at.Loss; math.IsNaN(loss) || math.IsInf(loss, 0) || rise > 10*math.Max(1, n.loss0-n.at.Loss+d2) {
		return &DivergedError{Step: n.at.K, Loss: n.at.Loss, Next: loss, LastState: append([]float64(nil), n.at.Theta...)}
	}
	n.move(n.fixed, d2)
	return nil
}

// rescue makes a step where the Fisher matrix cannot be inverted.
func (n *newton) rescue(cause error) error {
	if err := n.atInfinity(); err != nil {
		return err
	}
	if _, ok := n.f.(iterative); !ok {
		kernel.AxpyTo(n.trial, -0.5, n.grad, n.at.Eta)
		if err := n.f.Natural(n.trial, n.trial); err != nil {
			return err
		}
		n.move(0.5, math.NaN())
		return nil
	}
	if r, ok := n.f.(interface{ rank() int }); ok && r.rank() < len(n.dir) {
		return singular(r.rank(), len(n.dir))
	}
	if n.boost == 0 {
		n.boost = 1e-10
	}
	for ; n.boost < 1e10; n.boost *= 100 {
		d2, err := n.direction(n.boost)
		if err == nil {
			return n.search(1, d2)
		}
		if !errors.Is(err, ErrSingularFisher) {
			return err
		}
	}
	return cause
}

// atInfinity returns an error if the last step, or the way from zero, leads along a face
// of the polytope of means on which the target lies: then u·T <= u·target everywhere, and
// the likelihood does not decrease in the direction u.
func (n *newton) atInfinity() error {
	s, ok := n.f.(supported)
	if !ok {
		return nil
	}
	u := make([]float64, len(n.dir))
	for i, v := range [][]float64{n.dir, n.at.Theta} {
		for _, tol := range []float64{1e-2, 1e-4, 1e-6} {
			kernel.Axpby(float64(2*i-1)/kernel.MaxAbs(v), v, 0, u)
			if kernel.AllFinite(u) && onFace(s, u, n.target, tol) {
				return &NoFiniteMLEError{
					Direction: u,
					Reason:    fmt.Sprintf("the gradient falls to %v while the parameters grow to %v, along a direction in which the data are extreme", n.at.Gradient, kernel.MaxAbs(n.at.Theta)),
				}
			}
		}
	}
	return nil
}

// onFace reports whether the target lies on the face of the polytope of means on which u
// is greatest, to rounding. Before, u is made orthogonal to the differences of the extreme
// points where it is greatest to the tolerance tol, of which it is an approximate normal.
func onFace(s supported, u, target []float64, tol float64) bool {
	var basis [][]float64
	s.ties(u, tol, func(diff []float64) {
		if len(basis) == len(u) {
			return
		}
		v := append([]float64(nil), diff...)
		norm := kernel.Nrm2(v)
		for range 2 { // twice is enough (Kahan)
			for _, b := range basis {
				kernel.Axpy(-kernel.Dot(b, v), b, v)
			}
		}
		if rest := kernel.Nrm2(v); rest > 1e-9*norm {
			kernel.Scal(1/rest, v)
			basis = append(basis, v)
		}
	})
	for range 2 {
		for _, b := range basis {
			kernel.Axpy(-kernel.Dot(b, u), b, u)
		}
	}
	top := kernel.MaxAbs(u)
	if !(top > 1e-3) {
		return false
	}
	kernel.Scal(1/top, u)
	lo, hi := s.supportRange(u)
	return hi > lo && !math.IsInf(hi-lo, 1) && kernel.Dot(u, target) >= hi-1e-12*(hi-lo)
}

// invert stores in dst the parameter with the mean eta, to rounding.
func (n *newton) invert(dst, start, eta []float64) error {
	if err := n.begin(eta, start); err != nil {
		return err
	}
	best, stuck := math.Inf(1), 0
	for n.at.Gradient > 0 && n.at.K < 200 {
		if g := n.at.Gradient; g < best/2 {
			best, stuck = g, 0
		} else if stuck++; stuck > 1 && n.at.Decrement < 1e-5 {
			break
		}
		if err := n.step(); err != nil {
			if n.at.Decrement < 1e-7 {
				break
			}
			return err
		}
	}
	copy(dst, n.at.Theta)
	if !(n.at.Decrement < 1e-5) && n.at.Gradient > 0 {
		return fmt.Errorf("infogeo: gradient %v after %d steps of Newton's method: %w", n.at.Gradient, n.at.K, ErrNoConvergence)
	}
	return nil
}
