package game

import "math"

// FiniteMetrics says how much of a finite game is which component.
type FiniteMetrics struct {
	// Energy holds the flow energies of the game and of its components.
	Energy FiniteEnergies
	// Share is Energy.Potential/Energy.Total, the energy share of the potential component.
	Share float64
	// Potentialness is |P|/(|P|+|H|) with Euclidean norms of the payoffs (Bichler et
	// al., arXiv 2503.16285).
	Potentialness float64
	// FlowPotentialness is the same with norms of the flows of Candogan et al., the
	// sum over m of squared differences of player m's payoff over all pairs of own
	// actions; with uniform measures that is sqrt(Σ_m h_m |.|²). Then the two agree if
	// all players have as many actions.
	FlowPotentialness float64
	// MPD is the maximum pairwise difference between the game and P + N: every
	// equilibrium of P is an ε-equilibrium of the game with ε <= MPD, in particular
	// a profile that maximises φ.
	MPD float64
	// Undefined says that the total energy is 0, as for a non-strategic game: then
	// Share and both potentialness numbers are NaN.
	Undefined bool
}

// FiniteEnergies are the flow energies Σ_m c_m E_μ[((I - E_m)u_m)²] of a game (Total)
// and of its components P and H. Total is the sum of the others.
type FiniteEnergies struct{ Total, Potential, Harmonic float64 }

// flowSums collects the sums that the metrics are made of.
type flowSums struct {
	energy       FiniteEnergies
	p, h         float64 // squared norms of payoffs
	flowP, flowH float64 // squared norms of flows
	mpd          float64
}

func (e *flowSums) metrics() FiniteMetrics {
	m := FiniteMetrics{Energy: e.energy, MPD: e.mpd}
	if e.energy.Total == 0 {
		nan := math.NaN()
		m.Share, m.Potentialness, m.FlowPotentialness, m.Undefined = nan, nan, nan, true
		return m
	}
	m.Share = e.energy.Potential / e.energy.Total
	m.Potentialness = ratioOfNorms(e.p, e.h)
	m.FlowPotentialness = ratioOfNorms(e.flowP, e.flowH)
	return m
}

// ratioOfNorms is |P|/(|P|+|H|) from squares.
func ratioOfNorms(p, h float64) float64 {
	p, h = math.Sqrt(p), math.Sqrt(h)
	return p / (p + h)
}
