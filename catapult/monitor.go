package catapult

import "math"

// Mechanism is what losses and curvatures of a run show of the mechanism of arXiv
// 2003.02218: the curvature is too large for the learning rate, the loss grows,
// the curvature falls until the learning rate is stable again, and training goes
// on from there. κ = ηλ, λ being the largest eigenvalue of the tangent kernel
// (MSE) or of the Hessian (other losses) at the steps at which it was computed;
// at least the first and the last.
type Mechanism struct {
	// Threshold is the κ above which linear dynamics are unstable: 2, with
	// momentum 2(1+β) (heavy ball) or 2(1+β)/(1+2β) (Nesterov).
	Threshold float64
	// Kappa0 is κ at the start.
	Kappa0 float64
	// Unstable is the first step with κ > Threshold, -1 if there was none.
	Unstable int
	// Episodes is the number of times that κ rose above Threshold.
	Episodes int
	// Stable is the step at which κ last came back below Threshold, -1 if it
	// never was above or has not come back.
	Stable int
	// PeakStep is the step of the largest loss, PeakLoss.
	PeakStep int
	PeakLoss float64
	// Kappa is the last κ: below Threshold where training converged.
	Kappa float64
}

// convergenceWindow is the number of last losses that decide on convergence.
const convergenceWindow = 20

// watch follows a run. It is plain data, saved with the run.
type watch struct {
	Seen   Mechanism
	Loss0  float64
	Recent []float64 // the last convergenceWindow losses, oldest first
}

func newWatch(threshold float64) watch {
	return watch{Seen: Mechanism{Threshold: threshold, Unstable: -1, Stable: -1}, Recent: make([]float64, 0, convergenceWindow)}
}

// see takes note of a step.
func (w *watch) see(p *Point) {
	if !math.IsNaN(p.Loss) {
		w.seeLoss(p.Step, p.Loss)
	}
	if !math.IsNaN(p.Kappa) {
		w.seeKappa(p.Step, p.Kappa)
	}
}

func (w *watch) seeLoss(step int, loss float64) {
	if step == 0 {
		w.Loss0 = loss
	}
	if c := &w.Seen; step == 0 || loss > c.PeakLoss {
		c.PeakStep, c.PeakLoss = step, loss
	}
	if len(w.Recent) == convergenceWindow {
		copy(w.Recent, w.Recent[1:])
		w.Recent = w.Recent[:convergenceWindow-1]
	}
	w.Recent = append(w.Recent, loss)
}

func (w *watch) seeKappa(step int, kappa float64) {
	c := &w.Seen
	if step == 0 {
		if c.Kappa0 != 0 {
			return // known from λ0, which is more exact
		}
		c.Kappa0 = kappa
	}
	above, was := kappa > c.Threshold, step > 0 && c.Kappa > c.Threshold
	switch {
	case above && !was:
		c.Episodes++
		c.Stable = -1
		if c.Unstable < 0 {
			c.Unstable = step
		}
	case !above && was:
		c.Stable = step
	}
	c.Kappa = kappa
}

// maxRise is the rise of the loss, as a part of that of the outputs f = 0, that
// counts as none: at the edge of stability (κ near 2) losses go up and down on
// their floor for ever.
const maxRise = 0.01

// converged says whether training has worked: the loss is at most 0.9 of that of
// the outputs f = 0 (or of the start, where that is zero), and does not rise over
// the last 20 losses, the mean of the later half being at most that of the
// earlier one plus maxRise. noise is a relative slack beyond that.
func (w *watch) converged(zeroLoss, noise float64) bool {
	if len(w.Recent) < convergenceWindow {
		return false
	}
	if zeroLoss == 0 {
		zeroLoss = w.Loss0
	}
	if !(w.Recent[convergenceWindow-1] <= 0.9*zeroLoss) {
		return false
	}
	const half = convergenceWindow / 2
	early, late := 0.0, 0.0
	for i, l := range w.Recent {
		if i < half {
			early += l / half
		} else {
			late += l / half
		}
	}
	return late <= (1+noise)*early+maxRise*zeroLoss
}
