package deq

import "github.com/gradflow/gradflow/flow"

// SafeRate is the learning rate of SafeStep, of every point anew, as a controller
// for descent.GD on the gradient flow of a model: the steps for which the theorem
// promises the decrease of the risk. Each step reads the point that the model has
// evaluated last, as gradient descent does at its proposal; the model must not be
// evaluated elsewhere between the steps.
//
// The run ends as Converged where no gradient is left, and as Diverged when a
// proposal is not finite.
type SafeRate[T flow.Float] struct {
	model interface{ safeEta() float64 }
}

// NewSafeRate returns the controller for a model. It panics if s is nil.
func NewSafeRate[T flow.Float](s *Scalar[T]) SafeRate[T] {
	if s == nil {
		panic("deq: NewSafeRate of a nil Scalar")
	}
	return SafeRate[T]{s}
}

// safeEta is the learning rate at the point last evaluated.
func (s *Scalar[T]) safeEta() float64 { return s.m * s.m * s.safe() }

// Want implements flow.Controller.
func (SafeRate[T]) Want() flow.Want { return flow.Want{} }

// First implements flow.Controller.
func (c SafeRate[T]) First(*flow.Control, *flow.Trial) float64 { return c.model.safeEta() }

// Judge implements flow.Controller.
func (c SafeRate[T]) Judge(k *flow.Control, tr *flow.Trial) flow.Verdict {
	if !tr.Finite {
		return flow.Verdict{}
	}
	k.Hp, k.Rejected = tr.H, false
	return flow.Verdict{Accept: true, H: c.model.safeEta()}
}
