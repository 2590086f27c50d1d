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
	// Deadband keeps the step if the factor is between 1 and Deadband, for methods
	// whose factorization belongs to the step. If it is zero, there is none.
	Deadband float64
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

// Places in Control.Mem of an ErrorControl, and a constant.
const (
	logE1    = 0 // logarithm of Control.E1
	logE2    = 1 // logarithm of Control.E2
	logFloor = -4 * math.Ln10
)

// Want implements Controller.
func (ErrorControl) Want() Want { return Want{Error: true} }

// First implements Controller: the step that the integrator suggests.
func (ErrorControl) First(c *Control, start *Trial) float64 {
	c.E1, c.E2, c.Mem[logE1], c.Mem[logE2] = 1, 1, 0, 0
	return start.H
}

// Judge implements Controller.
func (e ErrorControl) Judge(c *Control, tr *Trial) Verdict {
	e.Safety, e.MinFac, e.MaxFac = e.limits()
	return e.judge(c, tr)
}

// judge is Judge when zero fields have been replaced by their defaults. The next step waits for it: hence branches, which the processor
// foresees, instead of minima, and divisions by what is known before the error.
func (e *ErrorControl) judge(c *Control, tr *Trial) Verdict {
	const (
		tiny  = 1e-10 // an error of zero must not give an infinite factor
		floor = 1e-4  // nor a tiny one a lasting effect
		limit = 990   // of the power
	)
	if tr.Retry > 0 {
		c.Rejected = true
		return Verdict{H: tr.Retry * tr.H}
	}
	if !tr.Finite || !finite(tr.Err) {
		c.Rejected = true
		return Verdict{H: 0.1 * tr.H}
	}
	perOrder := -1 / float64(tr.Order)
	eps := tr.Err
	if eps < tiny {
		eps = tiny
	}
	// One logarithm a step: those of the earlier errors are remembered.
	var log float64
	if tr.sq > tiny*tiny {
		log = 0.5 * quickLog2(tr.sq) // does not wait for the root
	} else {
		log = quickLog2(eps)
	}
	if eps > 1 {
		c.Rejected = true
		return Verdict{H: tr.H * max(e.MinFac, quickExp2(e.Safety, perOrder*log))}
	}
	past := perOrder * math.Log2E * (e.Beta2*c.Mem[logE1] + e.Beta3*c.Mem[logE2])
	sum := (perOrder*e.Beta1)*log + past
	if e.Alpha2 != 0 && c.Hp > 0 {
		sum -= e.Alpha2 * quickLog2(tr.H/c.Hp)
	}
	if !(math.Abs(sum) < limit) {
		sum = max(-limit, min(limit, sum))
	}
	fac := quickExp2(e.Safety, sum)
	switch {
	case fac > 1 && (c.Rejected || fac <= e.Deadband):
		fac = 1
	case fac > e.MaxFac:
		fac = e.MaxFac
	case fac < e.MinFac:
		fac = e.MinFac
	}
	c.E2, c.Mem[logE2] = c.E1, c.Mem[logE1]
	c.E1, c.Mem[logE1] = eps, log*math.Ln2
	if eps < floor {
		c.E1, c.Mem[logE1] = floor, logFloor
	}
	c.Hp = tr.H
	c.Rejected = false
	return Verdict{Accept: true, H: tr.H * fac}
}

// limits returns the factors with zeros replaced by their defaults.
func (e *ErrorControl) limits() (safety, minFac, maxFac float64) {
	safety, minFac, maxFac = e.Safety, e.MinFac, e.MaxFac
	if safety == 0 {
		safety = 0.9
	}
	if minFac == 0 {
		minFac = 0.2
	}
	if maxFac == 0 {
		maxFac = 10
	}
	return safety, minFac, maxFac
}

// Check implements Checker.
func (e ErrorControl) Check() error {
	for _, v := range []struct {
		name string
		val  float64
	}{{"Beta1", e.Beta1}, {"Beta2", e.Beta2}, {"Beta3", e.Beta3}, {"Alpha2", e.Alpha2}} {
		if math.IsNaN(v.val) || math.IsInf(v.val, 0) {
			return fmt.Errorf("flow: exponent %s of ErrorControl is %v, want a finite number: %w", v.name, v.val, ErrArgument)
		}
	}
	if !(e.Beta1 > 0) {
		return fmt.Errorf("flow: exponent Beta1 of ErrorControl is %v, want > 0: %w", e.Beta1, ErrArgument)
	}
	safety, minFac, maxFac := e.limits()
	if !(e.Deadband >= 0) {
		return fmt.Errorf("flow: Deadband of ErrorControl is %v, want a number >= 0: %w", e.Deadband, ErrArgument)
	}
	if !(safety > 0 && safety <= 1) || !(minFac > 0 && minFac < 1) || !(maxFac > 1) {
		return fmt.Errorf("flow: limits of ErrorControl are Safety %v, MinFac %v, MaxFac %v, want Safety in (0, 1], MinFac in (0, 1), MaxFac > 1: %w",
			safety, minFac, maxFac, ErrArgument)
	}
	return nil
}

var (
	_ Controller = Fixed{}
	_ Controller = ErrorControl{}
	_ Checker    = Fixed{}
	_ Checker    = ErrorControl{}
)
