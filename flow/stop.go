package flow

import (
	"math"
	"time"
)

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

// StopGain ends a run as Diverged when E(x) exceeds its value at the start of the
// run by more than delta.
func StopGain[T Float](delta float64) Stop[T] {
	return func(s *Step[T]) Status {
		if s.Energy-s.run.out.ledger.E0 > delta {
			return Diverged
		}
		return Running
	}
}

// StopProgress ends a run as Converged when E(x) has fallen by less than tol |E(x)|
// over the last ten accepted steps (or has risen).
func StopProgress[T Float](tol float64) Stop[T] {
	return func(s *Step[T]) Status {
		p := &s.run.recent
		p.note(s.K, s.Energy, s.run.out.ledger.E0)
		if p.n < len(p.e) {
			return Running
		}
		if p.oldest()-s.Energy < tol*math.Abs(s.Energy) {
			return Converged
		}
		return Running
	}
}

// recentEnergies are the energies of the last steps without a gap.
type recentEnergies struct {
	k, n int // last step, number of steps
	e    [11]float64
}

// note takes in the energy of step k, once; start is that of step 0.
func (p *recentEnergies) note(k int, energy, start float64) {
	if p.n > 0 && k == p.k {
		return
	}
	if k == 1 {
		p.e[0], p.n = start, 1
	}
	p.e[k%len(p.e)] = energy
	p.k, p.n = k, min(p.n+1, len(p.e))
}

// oldest is the energy of the first of the steps, when there are len(p.e).
func (p *recentEnergies) oldest() float64 { return p.e[(p.k+1)%len(p.e)] }

// list returns the energies, oldest first.
func (p *recentEnergies) list() []float64 {
	var v []float64
	for i := p.k - p.n + 1; i <= p.k; i++ {
		v = append(v, p.e[i%len(p.e)])
	}
	return v
}

// restore puts back the energies of the steps up to k.
func (p *recentEnergies) restore(k int, v []float64) {
	*p = recentEnergies{k: k, n: min(len(v), len(p.e))}
	for i, e := range v {
		p.e[(k-len(v)+1+i)%len(p.e)] = e
	}
}

// StopAfter ends a run with StepLimit once that much time has passed on the wall
// clock since its first step, or since the first after it was resumed.
func StopAfter[T Float](d time.Duration) Stop[T] {
	return func(s *Step[T]) Status {
		if s.run.clock.IsZero() {
			s.run.clock = time.Now()
		}
		if time.Since(s.run.clock) >= d {
			return StepLimit
		}
		return Running
	}
}
