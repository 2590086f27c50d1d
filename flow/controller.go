package flow

import (
	"fmt"
	"math"
)

// Controller decides the step size: it judges every attempt and proposes the
// next step. It is knobs only. What it remembers of a run is the plain Control,
// saved with the run.
//
//   - Want says which parts of a Trial it looks at.
//   - First returns the first step size, given the Trial that Init filled. It may
//     set up c.Mem.
//   - Judge accepts or rejects the attempt and returns the next step size.
//
// Optional sides: Checker (are the knobs usable?) and Quitter (why it gave up).
type Controller interface {
	Want() Want
	First(c *Control, start *Trial) float64
	Judge(c *Control, tr *Trial) Verdict
}

// Control is a controller's state of a run.
type Control struct {
	H        float64     // step size proposed for the next attempt
	Hp       float64     // last accepted step size
	E1, E2   float64     // last two scaled errors
	Rejected bool        // the last attempt was rejected
	N        int         // accepted steps since the start or the last restart
	Mem      [12]float64 // whatever else a controller remembers
}

// Verdict is a controller's answer to an attempt: accepted or not, and the next
// step size. Not accepted with H = 0 gives up: the run ends as Diverged.
type Verdict struct {
	Accept bool
	H      float64
}

// Checker is a Controller that says, when a run begins, what is wrong with its
// knobs.
type Checker interface {
	Check() error
}

// Quitter is a Controller whose giving up is no divergence: GaveUp says how the
// run ends.
type Quitter interface {
	GaveUp(c *Control, tr *Trial) (Status, error)
}

// Fixed is the constant step size H (a learning rate, for descent methods). It
// accepts every finite proposal and gives up at the first that is not.
type Fixed struct {
	// H is the step size, > 0.
	H float64
}

// Want implements Controller: Fixed looks at nothing.
func (Fixed) Want() Want { return Want{} }

// First implements Controller.
func (f Fixed) First(*Control, *Trial) float64 { return f.H }

// Judge implements Controller.
func (f Fixed) Judge(_ *Control, tr *Trial) Verdict {
	if !tr.Finite {
		return Verdict{}
	}
	return Verdict{Accept: true, H: f.H}
}

// Check implements Checker.
func (f Fixed) Check() error {
	if !(f.H > 0) || math.IsInf(f.H, 1) {
		return fmt.Errorf("flow: step size H of Fixed is %v, want a finite number > 0: %w", f.H, ErrArgument)
	}
	return nil
}

// ErrorControl is the error-per-step controller
//
//	h ← h · Safety · ε_n^(-β1/k) ε_{n-1}^(-β2/k) ε_{n-2}^(-β3/k) (h_n/h_{n-1})^(-α2)
//
// on the scaled error ε of the last steps, k the controller order of the method
// (Söderlind, ACM TOMS 29 (2003) 1). The factor is limited to [MinFac, MaxFac],
// and to 1 right after a rejection. A rejected step, ε > 1, is retried with
// h · max(MinFac, Safety ε^(-1/k)); a proposal that is not finite with h/10.
type ErrorControl struct {
	// Beta1, Beta2, Beta3 and Alpha2 are the exponents β1, β2, β3 and α2.
	Beta1, Beta2, Beta3, Alpha2 float64
	// Safety is the safety factor. If it is zero, it is 0.9.
	Safety float64
	// MinFac is the smallest factor of one step. If it is zero, it is 0.2.
	MinFac float64
	// MaxFac is the largest factor of one step. If it is zero, it is 10.
	MaxFac float64
}

// The controllers of the literature, as values of ErrorControl.
var (
	// PI is the default: the least work over the nonstiff test problems. For
	// k = 5 it is the controller of DOPRI5 (Hairer, Nørsett, Wanner) with β = 0.04.
	PI = ErrorControl{Beta1: 0.85, Beta2: -0.20}
	// I is the elementary controller, for very smooth problems.
	I = ErrorControl{Beta1: 1}
	// PI42 has fewer rejections.
	PI42 = ErrorControl{Beta1: 0.6, Beta2: -0.2}
	// PI34 has the fewest rejections at a stability limit.
	PI34 = ErrorControl{Beta1: 0.7, Beta2: -0.4}
	// H211PI gives smooth step sequences.
	H211PI = ErrorControl{Beta1: 1. / 6, Beta2: 1. / 6}
	// H211b is the digital filter with b = 4.
	H211b = ErrorControl{Beta1: 1. / 4, Beta2: 1. / 4, Alpha2: 1. / 4}
	// H312PID is for noisy error estimates.
	H312PID = ErrorControl{Beta1: 1. / 18, Beta2: 1. / 9, Beta3: 1. / 18}
)

// Want implements Controller.
func (ErrorControl) Want() Want { return Want{Error: true} }

// First implements Controller: the step that the integrator suggests.
func (ErrorControl) First(c *Control, start *Trial) float64 {
	c.E1, c.E2 = 1, 1
	return start.H
}

// Judge implements Controller.
func (e ErrorControl) Judge(c *Control, tr *Trial) Verdict {
	const tiny = 1e-10 // an error of zero must not give an infinite factor
	if !tr.Finite || math.IsNaN(tr.Err) || math.IsInf(tr.Err, 0) {
		c.Rejected = true
		return Verdict{H: 0.1 * tr.H}
	}
	e = e.defaults()
	k := float64(tr.Order)
	if tr.Err > 1 {
		c.Rejected = true
		return Verdict{H: tr.H * math.Max(e.MinFac, e.Safety*math.Pow(tr.Err, -1/k))}
	}
	eps := math.Max(tr.Err, tiny)
	fac := e.Safety * math.Pow(eps, -e.Beta1/k)
	if e.Beta2 != 0 {
		fac *= math.Pow(c.E1, -e.Beta2/k)
	}
	if e.Beta3 != 0 {
		fac *= math.Pow(c.E2, -e.Beta3/k)
	}
	if e.Alpha2 != 0 && c.Hp > 0 {
		fac *= math.Pow(tr.H/c.Hp, -e.Alpha2)
	}
	fac = math.Min(e.MaxFac, math.Max(e.MinFac, fac))
	if c.Rejected {
		fac = math.Min(fac, 1)
	}
	c.E2, c.E1 = c.E1, math.Max(eps, 1e-4)
	c.Hp = tr.H
	c.Rejected = false
	return Verdict{Accept: true, H: tr.H * fac}
}

func (e ErrorControl) defaults() ErrorControl {
	if e.Safety == 0 {
		e.Safety = 0.9
	}
	if e.MinFac == 0 {
		e.MinFac = 0.2
	}
	if e.MaxFac == 0 {
		e.MaxFac = 10
	}
	return e
}

// Check implements Checker.
func (e ErrorControl) Check() error {
	d := e.defaults()
	for _, v := range []struct {
		name string
		val  float64
	}{{"Beta1", d.Beta1}, {"Beta2", d.Beta2}, {"Beta3", d.Beta3}, {"Alpha2", d.Alpha2}} {
		if math.IsNaN(v.val) || math.IsInf(v.val, 0) {
			return fmt.Errorf("flow: exponent %s of ErrorControl is %v, want a finite number: %w", v.name, v.val, ErrArgument)
		}
	}
	if !(d.Beta1 > 0) {
		return fmt.Errorf("flow: exponent Beta1 of ErrorControl is %v, want > 0: %w", d.Beta1, ErrArgument)
	}
	if !(d.Safety > 0 && d.Safety <= 1) || !(d.MinFac > 0 && d.MinFac < 1) || !(d.MaxFac > 1) {
		return fmt.Errorf("flow: limits of ErrorControl are Safety %v, MinFac %v, MaxFac %v, want Safety in (0, 1], MinFac in (0, 1), MaxFac > 1: %w",
			d.Safety, d.MinFac, d.MaxFac, ErrArgument)
	}
	return nil
}

var (
	_ Controller = Fixed{}
	_ Controller = ErrorControl{}
	_ Checker    = Fixed{}
	_ Checker    = ErrorControl{}
)
