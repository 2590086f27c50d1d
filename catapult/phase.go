package catapult

import "fmt"

// Phase is the regime of training that a learning rate η leads to, in the sense
// of section 2 of arXiv 2003.02218. It is a result of a run or of a classifier,
// never an error: a divergent run is Divergent, not failed.
type Phase int

const (
	// Undecided says that the step budget ended before the loss fell below its
	// tolerance or left every bound.
	Undecided Phase = iota
	// Lazy is the phase η < 2/λ0: the curvature stays near its initial value λ0
	// and the network follows its linearisation.
	Lazy
	// Catapult is the phase 2/λ0 < η < η_max: the loss first grows, the curvature
	// falls below 2/η, and training then converges in a flatter region.
	Catapult
	// Divergent is the phase η > η_max: loss and curvature grow without bound.
	Divergent
	// Critical is a run that starts exactly on a threshold (ηλ0 = 2 or ηλ0 = 4 in
	// the warm-up model), where no phase is stable against a small change.
	Critical
	// Stationary is a run that starts where the gradient is zero (f = 0 in the
	// warm-up model with label 0): nothing moves at any learning rate.
	Stationary
	// Dead is a network whose output died: every unit is inactive on every
	// sample, so that gradient and curvature are zero without a minimum reached.
	Dead
)

var phaseNames = [...]string{"Undecided", "Lazy", "Catapult", "Divergent", "Critical", "Stationary", "Dead"}

// String returns the name of the phase.
func (p Phase) String() string {
	if p < 0 || int(p) >= len(phaseNames) {
		return fmt.Sprintf("Phase(%d)", int(p))
	}
	return phaseNames[p]
}

// Converges says whether a run in this phase ends at zero loss gradient by
// training: Lazy and Catapult do.
func (p Phase) Converges() bool { return p == Lazy || p == Catapult }
