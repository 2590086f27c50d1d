package flow

import "math"

// StopEnergy ends a run as Converged when E(x) <= target.
func StopEnergy[T Float](target float64) Stop[T] {
	return func(s *Step[T]) Status {
		if s.Energy <= target {
			return Converged
		}
		return Running
	}
}

// StopSlope ends a run as Converged when sqrt(|dE/dt|) <= tol; for a gradient
// flow that is the norm of the gradient.
func StopSlope[T Float](tol float64) Stop[T] {
	return func(s *Step[T]) Status {
		if math.Sqrt(math.Abs(s.Slope)) <= tol {
			return Converged
		}
		return Running
	}
}

// StopStationary ends a run as Stationary when ‖τ f‖_sc <= 1 after three steps in
// a row: in a time τ nothing would change by more than the tolerance. It needs an
// integrator that knows f at the end of a step.
func StopStationary[T Float](tau float64) Stop[T] {
	const steps = 3
	return func(s *Step[T]) Status {
		r := s.run
		if s.F == nil || !(tau*weightedNorm(&r.tol, s.F, s.X, s.X) <= 1) {
			r.quiet = 0
			return Running
		}
		if r.quiet++; r.quiet < steps {
			return Running
		}
		return Stationary
	}
}

// StopRise ends a run as Diverged when E(x) exceeds its limit.
func StopRise[T Float](limit float64) Stop[T] {
	return func(s *Step[T]) Status {
		if s.Energy > limit {
			return Diverged
		}
		return Running
	}
}

// StopEvals ends a run with StepLimit after that many evaluations.
func StopEvals[T Float](evals int) Stop[T] {
	return func(s *Step[T]) Status {
		if s.Stats.Evals >= evals {
			return StepLimit
		}
		return Running
	}
}
