package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// EdgeOfStability is the learning rate
//
//	η = Theta · Edge/λmax,
//
// a fraction Theta of the largest stable one, where λmax is the largest eigenvalue
// of the Hessian at the current point (by warm-started Lanczos) and Edge is the
// ηλ at which the method loses stability on a quadratic:
//
//	gradient descent  2
//	heavy ball        2 (1+β)
//	Nesterov          2 (1+β)/(1+2β), both forms
//	Adam              2 (1+β1)/(1-β1), on the preconditioned Hessian: 38 at β1 = 0.9
//	RMSProp, AdaGrad  2, on the preconditioned Hessian
//
// (Cohen et al., arXiv 2103.00065 and 2207.14484). With Theta < 1 steps are as
// long as stability allows at every point; Theta = 1 sits at the edge. Where λmax
// is not positive or not known the last η stays. A proposal that is not finite
// ends the run as Diverged.
type EdgeOfStability struct {
	// Theta is the fraction θ > 0 of the edge. If it is zero, it is 0.9.
	Theta float64
	// Edge is the ηλ of the edge. If it is zero, it is 2.
	Edge float64
	// Refresh is the number of steps between two computations of λmax. If it is
	// zero, it is 1.
	Refresh int
	// Start is the learning rate as long as no λmax has been positive. If it is
	// zero, it is 1e-3.
	Start float64
	// Max is the largest learning rate. If it is zero, there is none.
	Max float64
}

// Want implements flow.Controller.
func (EdgeOfStability) Want() flow.Want { return flow.Want{Curvature: true} }

// First implements flow.Controller.
func (e EdgeOfStability) First(_ *flow.Control, tr *flow.Trial) float64 {
	return e.rate(tr, or(e.Start, 1e-3))
}

// Judge implements flow.Controller.
func (e EdgeOfStability) Judge(c *flow.Control, tr *flow.Trial) flow.Verdict {
	if !tr.Finite {
		return flow.Verdict{}
	}
	c.Hp, c.Rejected = tr.H, false
	if (c.N+1)%max(e.Refresh, 1) != 0 {
		return flow.Verdict{Accept: true, H: c.H}
	}
	return flow.Verdict{Accept: true, H: e.rate(tr, c.H)}
}

// rate is η at the point of the Trial, last where that has no edge.
func (e EdgeOfStability) rate(tr *flow.Trial, last float64) float64 {
	h := last
	if lambda := tr.Curvature(); lambda > 0 {
		h = or(e.Theta, 0.9) * or(e.Edge, 2) / lambda
	}
	return min(h, or(e.Max, math.Inf(1)), math.MaxFloat64)
}

// Check implements flow.Checker.
func (e EdgeOfStability) Check() error {
	for _, v := range []struct {
		name string
		v    float64
	}{{"Theta", e.Theta}, {"Edge", e.Edge}, {"Start", e.Start}, {"Max", e.Max}} {
		if !(v.v >= 0) || math.IsInf(v.v, 1) {
			return fmt.Errorf("descent: %s of EdgeOfStability is %v, want a finite number > 0, or 0 for the default: %w", v.name, v.v, flow.ErrArgument)
		}
	}
	if e.Refresh < 0 {
		return fmt.Errorf("descent: Refresh of EdgeOfStability is %d, want a number > 0, or 0 for the default: %w", e.Refresh, flow.ErrArgument)
	}
	return nil
}

var (
	_ flow.Controller = EdgeOfStability{}
	_ flow.Checker    = EdgeOfStability{}
)
