package flow

// Integrator advances a state. It proposes; the Controller judges; the loop
// (Run) owns the state, the clock and the Trial.
//
//   - Init prepares for a run (or, with Start.Keep, for going on after x was
//     replaced) and fills tr with what is known at the start: E0, Slope0, Order,
//     NoErr, and in H a suggested first step if Start.Want asks for one (0: no
//     suggestion). It returns an error if the start point is not usable.
//   - Try stores the proposal x(t+h) in next and describes it in tr. It may be
//     called again with the same x and another h; it commits nothing. x keeps its
//     contents until the next Try, so that dense output can look at it; next is
//     not to be kept. A proposal outside the domain is left non-finite.
//   - Accept makes the last proposal the current point: it commits momentum,
//     noise, memory and the remembered derivative.
//   - Touch says that x was edited from outside (projection, jump, event) since
//     the last Accept: derivatives remembered at x are void, inner memory such
//     as momentum stays.
//
// h is signed: negative when integrating backward. An Integrator keeps scratch
// memory and serves one run at a time. None of Try, Accept and Touch allocates.
//
// Optional sides, found by type assertion: Interpolator (dense output), Limiter
// (grids it must keep), Memory (checkpoint), Drawer (mini-batches), Deriver
// (the derivative at the current point), Restarter (momentum), Failer (it cannot
// go on), Namer.
type Integrator[T Float] interface {
	Init(s Start[T], tr *Trial) error
	Try(tr *Trial, next, x []T, t, h float64)
	Accept()
	Touch()
}

// Start is what an Integrator is told when a run begins.
type Start[T Float] struct {
	T       float64 // start time
	X       []T     // start point; owned by the loop, valid during Init
	Dir     float64 // direction of time, +1 or -1
	MaxStep float64 // largest step size that can occur, +Inf if unbounded
	Tol     Tol     // error tolerances
	Want    Want    // what the controller and the loop look at
	Keep    bool    // go on after an event: inner memory stays
}

// Tol holds the tolerances of the weighted error norm
//
//	‖v‖_sc = sqrt( (1/n) Σ (v_i/sc_i)² ),  sc_i = Abs_i + Rel·max(|x_i|, |y_i|),
//
// x before and y after the step.
type Tol struct {
	Rel, Abs float64
	AbsVec   []float64 // by component, instead of Abs, unless nil
}

// Want says which parts of a Trial somebody will look at. Nothing is computed
// that nobody asked for.
type Want struct {
	Error     bool // the scaled local error, and a suggested first step
	Energy    bool // E0, E1 and Slope1, even where they cost an evaluation
	Slope     bool // Slope0 along the step, where it is not dE/dt
	Secant    bool // SS, SY, YY
	Curvature bool // the Curvature function
	Dissipate bool // Dissipated
	Dense     bool // dense output at every step, even after x was edited
}

func (w Want) or(v Want) Want {
	return Want{
		Error:     w.Error || v.Error,
		Energy:    w.Energy || v.Energy,
		Slope:     w.Slope || v.Slope,
		Secant:    w.Secant || v.Secant,
		Curvature: w.Curvature || v.Curvature,
		Dissipate: w.Dissipate || v.Dissipate,
		Dense:     w.Dense || v.Dense,
	}
}

// Trial describes one attempt of a step. It is all that a Controller sees.
// Quantities that nobody wanted, or that the integrator cannot know, are NaN
// (zero for Dissipated).
type Trial struct {
	H     float64 // step size tried, > 0 whatever the direction of time
	Err   float64 // local error in units of the tolerance: at most 1 is good
	Order int     // controller order k: the error behaves as h^k
	Evals int     // evaluations of the field (or of energy with gradient) it took

	// Jacobian matrices evaluated, matrices factored and linear systems solved.
	Jacobians, Factorizations, Solves int
	// Retry, if not 0, says that the proposal could not be computed (a singular
	// linear system, a nonlinear one that did not converge): error controllers
	// try again with H·Retry.
	Retry float64

	sq float64 // Err² if it was known before Err, else 0

	Finite bool // proposal, error and energy are finite
	NoErr  bool // the integrator has no error estimate; Err means nothing

	E0, E1         float64 // energy before and after
	Slope0, Slope1 float64 // ∇E(x)·(next-x)/h before; dE/dt at the proposal
	SS, SY, YY     float64 // s·s, s·y, y·y with s = next-x, y = ∇E(next)-∇E(x)
	Dissipated     float64 // -∫ dE/dt over the step, by the method's own weights

	// Curvature returns the largest eigenvalue of the Hessian at the proposal, or
	// at the start point after Init: where the next step begins. It is nil unless
	// wanted and available; it is computed when called.
	Curvature func() float64
}

// Interpolator is the dense output of an Integrator. At stores in dst the
// solution at t + θh inside the last accepted step, θ in [0, 1]; it is valid
// from Accept to the next Try. DenseDegree is the degree in θ of the polynomial
// that At evaluates.
type Interpolator[T Float] interface {
	At(dst []T, theta float64)
	DenseDegree() int
}

// Limiter is an Integrator that must keep a grid: Limit returns the largest step
// size, at most h > 0, that it can take from t.
type Limiter interface {
	Limit(t, h float64) float64
}

// Memory is an Integrator with inner state. Memory returns views of its vectors
// and numbers (flags and counters are numbers too) which a checkpoint reads and
// a resumed run writes. It does not allocate, and the lengths never change after
// Init.
type Memory[T Float] interface {
	Memory() (vec [][]T, num []float64)
}

// Drawer is an Integrator whose system draws mini-batches, which it says in its
// Caps. The loop calls Draw with the index of the step before anything is
// evaluated in it.
type Drawer interface {
	Draw(step uint64)
}

// Deriver is an Integrator that may know f at the current point: Deriv returns
// a view of it, or nil.
type Deriver[T Float] interface {
	Deriv() []T
}

// Restarter is an Integrator with momentum that can begin anew from rest at the
// current point, when the controller has given up. Restart reports whether it
// changed anything; if so, the loop goes on.
type Restarter interface {
	Restart() bool
}

// Failer is an Integrator that may be unable to go on: Failure returns the reason
// after the Try that failed, nil as a rule. The run ends with the status Failed.
type Failer interface {
	Failure() error
}

// Namer gives the name under which a checkpoint remembers an Integrator.
type Namer interface {
	Name() string
}
